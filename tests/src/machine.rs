//! A machine in memory: one clock, one keyring, one disk, and as many Couchkeys on it as a test starts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use couchkey_authenticator::{
    Authenticator, Error, Parts,
    fake::{FakeBackups, FakeClock, FakeFile, FakeKeyring, Fuse},
    ports::{Keyring, KeyringError},
    view::{AddRow, Preview},
};
use couchkey_otp::{Enrolment, migration, otpauth};
use couchkey_vault::Argon2Cost;

/// RFC 6238's own test secret, and a second one.
pub const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// The time of most tests: 2027-01-15 08:00:00 UTC.
pub const NOW: u64 = 1_800_000_000;

/// Everything outside of an authenticator. Clones share it.
#[derive(Clone)]
pub struct Machine {
    /// The time.
    pub clock: FakeClock,
    /// The operating system's keyring.
    pub keyring: FakeKeyring,
    /// What stands in where there is none.
    pub file_keyring: FakeKeyring,
    /// The disk.
    pub file: FakeFile,
    /// The folders for backups.
    pub backups: FakeBackups,
    /// The power of keyring and disks together.
    pub fuse: Fuse,
    /// Whether the operating system has a keyring at all.
    has_keyring: Arc<AtomicBool>,
}

impl Default for Machine {
    fn default() -> Self {
        let fuse = Fuse::new();
        Self {
            clock: FakeClock::at(NOW),
            keyring: FakeKeyring::with_fuse(&fuse),
            file_keyring: FakeKeyring::with_fuse(&fuse),
            file: FakeFile::with_fuse(&fuse),
            backups: FakeBackups::with_fuse(&fuse),
            fuse,
            has_keyring: Arc::new(AtomicBool::new(true)),
        }
    }
}

impl Machine {
    /// A fresh one with a keyring and nothing on it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose operating system has no keyring.
    #[must_use]
    pub fn without_keyring() -> Self {
        let machine = Self::default();
        machine.take_keyring_away();
        machine
    }

    /// From now on no keyring answers.
    pub fn take_keyring_away(&self) {
        self.has_keyring.store(false, Ordering::SeqCst);
    }

    /// Another process on this machine.
    #[must_use]
    pub fn start(&self) -> Authenticator {
        let machine = self.clone();
        Authenticator::new(Parts {
            clock: Box::new(self.clock.clone()),
            system_keyring: Box::new(move || {
                if machine.has_keyring.load(Ordering::SeqCst) {
                    Ok(Arc::new(machine.keyring.clone()) as Arc<dyn Keyring>)
                } else {
                    Err(KeyringError::Unavailable)
                }
            }),
            file_keyring: Arc::new(self.file_keyring.clone()),
            passphrase_cost: Box::new(Argon2Cost::default),
            file: Box::new(self.file.clone()),
            backups: Box::new(self.backups.clone()),
            place: "/home/somebody/.local/share/couchkey".to_owned(),
        })
    }

    /// A process that has the vault open.
    ///
    /// # Panics
    /// When it does not open by itself.
    #[must_use]
    pub fn start_open(&self) -> Authenticator {
        let app = self.start();
        let status = app.open().expect("opening answers with a status");
        assert!(status.trouble.is_none(), "{:?}", status.trouble);
        app
    }
}

/// A URI whose secret differs with `n`.
#[must_use]
pub fn uri(n: usize) -> String {
    let secret = data_encoding::BASE32_NOPAD.encode(format!("secret of account {n:04}").as_bytes());
    format!("otpauth://totp/StreamTV:person{n}?secret={secret}&issuer=StreamTV")
}

/// An export of Google Authenticator with `n` accounts that are not those of [`uri`], as links, one a line.
///
/// # Panics
/// Never: the accounts are ones that the format has room for.
#[must_use]
pub fn export_of(n: usize) -> String {
    let accounts: Vec<Enrolment> = (0..n)
        .map(|n| {
            let uri = uri(1000 + n);
            otpauth::read(&uri).expect("it enrols").enrolment
        })
        .collect();
    let written = migration::write(&accounts.iter().collect::<Vec<_>>(), 7);
    let links: Vec<&str> = written.uris.iter().map(|uri| uri.as_str()).collect();
    links.join("\n")
}

/// Every row of a preview as it stands.
#[must_use]
pub fn all(preview: &Preview) -> Vec<AddRow> {
    preview
        .rows
        .iter()
        .map(|row| AddRow {
            token: row.token,
            issuer: row.issuer.clone(),
            account: row.account.clone(),
        })
        .collect()
}

/// Adds what a URI says.
///
/// # Errors
/// What kept it from being added.
pub fn add(app: &Authenticator, uri: &str) -> Result<Vec<String>, Error> {
    let preview = app.preview_text(uri)?;
    app.add(&all(&preview))
}

/// The account names on the list, in order.
///
/// # Panics
/// While locked.
#[must_use]
pub fn names(app: &Authenticator) -> Vec<String> {
    app.accounts(None)
        .expect("the vault is open")
        .into_iter()
        .map(|account| account.account)
        .collect()
}
