//! A machine in memory: one clock, one keyring, one disk, and as many Couchkeys on it as a test starts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, Parts, Source,
    fake::{FakeBackups, FakeClock, FakeFile, FakeKeyring, FakeScreen, Fuse},
    ports::{Keyring, KeyringError},
    view::{Preview, RecoveryKeyView, Rotated, Selection},
};
use couchkey_otp::{Enrolment, migration, otpauth};
use couchkey_vault::Argon2Cost;
use zeroize::Zeroizing;

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
    /// What the monitors show.
    pub screen: FakeScreen,
    /// The power of keyring and disks together.
    pub fuse: Fuse,
    /// Where the vault's folder is.
    pub place: String,
    /// What a guess at a new passphrase costs here; little, so that tests are quick.
    pub cost: Argon2Cost,
    /// Whether the operating system has a keyring at all.
    has_keyring: Arc<AtomicBool>,
}

impl Default for Machine {
    fn default() -> Self {
        let fuse = Fuse::new();
        let file_keyring = FakeKeyring::with_fuse(&fuse);
        file_keyring.list_entries();
        Self {
            clock: FakeClock::at(NOW),
            keyring: FakeKeyring::with_fuse(&fuse),
            file_keyring,
            place: "/home/somebody/.local/share/couchkey".to_owned(),
            cost: Argon2Cost::FLOOR,
            file: FakeFile::with_fuse(&fuse),
            backups: FakeBackups::with_fuse(&fuse),
            screen: FakeScreen::default(),
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

    /// From now on one does.
    pub fn give_keyring(&self) {
        self.has_keyring.store(true, Ordering::SeqCst);
    }

    /// The same machine and keyring, with another and empty folder for a vault.
    #[must_use]
    pub fn with_folder(&self, place: &str) -> Self {
        let file_keyring = FakeKeyring::with_fuse(&self.fuse);
        file_keyring.list_entries();
        Self {
            file: FakeFile::with_fuse(&self.fuse),
            file_keyring,
            place: place.to_owned(),
            ..self.clone()
        }
    }

    /// The same machine after the vault's folder was renamed, with all that is in it.
    #[must_use]
    pub fn with_folder_renamed(&self, place: &str) -> Self {
        Self {
            place: place.to_owned(),
            ..self.clone()
        }
    }

    /// Another computer that works in the same folder: it has a keyring of its own, which is empty.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            keyring: FakeKeyring::with_fuse(&self.fuse),
            file_keyring: FakeKeyring::with_fuse(&self.fuse),
            backups: FakeBackups::with_fuse(&self.fuse),
            ..self.clone()
        }
    }

    /// Another process on this machine.
    #[must_use]
    pub fn start(&self) -> Authenticator {
        Authenticator::new(self.parts())
    }

    /// What such a process is made of, for a test that changes something about it.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let machine = self.clone();
        Parts {
            clock: Box::new(self.clock.clone()),
            system_keyring: Box::new(move || {
                if machine.has_keyring.load(Ordering::SeqCst) {
                    Ok(Arc::new(machine.keyring.clone()) as Arc<dyn Keyring>)
                } else {
                    Err(KeyringError::Unavailable)
                }
            }),
            file_keyring: Arc::new(self.file_keyring.clone()),
            passphrase_cost: {
                let cost = self.cost;
                Box::new(move || cost)
            },
            file: Box::new(self.file.clone()),
            backups: Box::new(self.backups.clone()),
            screen: Box::new(self.screen.clone()),
            place: self.place.clone(),
        }
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

/// Every row of a preview as it stands, also what is there already.
#[must_use]
pub fn all(preview: &Preview) -> Selection {
    Selection {
        duplicates: true,
        ..Selection::of(preview)
    }
}

/// A file to be looked at.
#[must_use]
pub fn file(bytes: &[u8]) -> Source<'static> {
    Source::File(Zeroizing::new(bytes.to_vec()))
}

/// Adds what a URI says.
///
/// # Errors
/// What kept it from being added.
pub fn add(app: &Authenticator, uri: &str) -> Result<Vec<String>, Error> {
    let preview = app.preview(Source::Text(uri), &mut |_| ())?;
    Ok(app.add(&all(&preview), &mut |_| ())?.ids)
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

/// What a person does in two steps, in one: for tests that are about something else. The recovery key is drawn, and
/// counts at once.
pub trait AtOnce {
    /// A new recovery key in place of an older one.
    ///
    /// # Errors
    /// What kept it from counting.
    fn make_recovery_key(&self, today: Option<&str>) -> Result<RecoveryKeyView, Error>;

    /// New keys for everything.
    ///
    /// # Errors
    /// What kept the vault from getting them.
    fn rotate_keys(&self, today: Option<&str>) -> Result<NewKeys, Error>;

    /// Sets, changes or ends the app lock; with the keys that it gave the vault, where a recovery key ended with it.
    ///
    /// # Errors
    /// What kept it from being changed.
    fn change_lock(&self, today: Option<&str>, new: Option<&str>)
    -> Result<Option<NewKeys>, Error>;
}

/// New keys, and the recovery key that came with them.
pub struct NewKeys {
    /// As it was shown.
    pub recovery_key: RecoveryKeyView,
    /// What they left behind.
    pub rotated: Rotated,
}

impl AtOnce for Authenticator {
    fn make_recovery_key(&self, today: Option<&str>) -> Result<RecoveryKeyView, Error> {
        let recovery_key = self.draw_recovery_key()?;
        self.keep_recovery_key(today, false)?;
        Ok(recovery_key)
    }

    fn rotate_keys(&self, today: Option<&str>) -> Result<NewKeys, Error> {
        let recovery_key = self.draw_recovery_key()?;
        let rotated = self.rotate_to_drawn_key(today, false)?;
        Ok(NewKeys {
            recovery_key,
            rotated,
        })
    }

    fn change_lock(
        &self,
        today: Option<&str>,
        new: Option<&str>,
    ) -> Result<Option<NewKeys>, Error> {
        match (self.set_passphrase(today, new), new) {
            (Err(error), Some(new)) if error.code() == ErrorCode::PreviewGone => {
                let recovery_key = self.draw_recovery_key()?;
                let rotated = self.turn_lock_on_with_drawn_key(new, false)?.new_keys;
                Ok(Some(NewKeys {
                    recovery_key,
                    rotated,
                }))
            }
            (answer, _) => answer.map(|_| None),
        }
    }
}
