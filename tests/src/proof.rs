//! A vault on a real disk, a plan of changes that two processes can follow independently, and what must be there after.
//!
//! One process makes the changes and is killed; the other knows from the same seed what the killed one was told to do,
//! and compares. The operating system's keyring is files here too, written like the vault's own, so that a whole
//! machine is one folder: it can be copied, cut short, and opened again.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use couchkey_authenticator::{
    Authenticator, Parts,
    fake::{FakeClock, FakeScreen},
    os::{DiskBackups, DiskFile, FileKeyring},
    ports::{BackupFolder, FileError, Keyring, KeyringError, LONGEST_EVERYWHERE},
    view::EditForm,
};
use couchkey_otp::{Algorithm, Counter, Digits, Kind, Period, Secret, UnixTime, code_of};
use couchkey_vault::Argon2Cost;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::machine::{AtOnce, NOW, add, uri};

/// An authenticator whose whole machine is this folder. Its clock stands still at [`NOW`].
#[must_use]
pub fn on_disk(dir: &Path) -> Authenticator {
    on_disk_telling(dir, |_| ())
}

/// The same; `tell` is called with the name of each keyring entry before it is written.
#[must_use]
pub fn on_disk_telling(dir: &Path, tell: fn(&str)) -> Authenticator {
    // As a person's documents are: there before the first backup, so that no record has to know about new folders.
    std::fs::create_dir_all(dir.join("backups")).expect("the machine's folder can be written");
    let keyring: Arc<dyn Keyring> = Arc::new(Wallet {
        files: FileKeyring::new(dir.join("system")),
        tell,
    });
    Authenticator::new(Parts {
        clock: Box::new(FakeClock::at(NOW)),
        system_keyring: Box::new(move || Ok(Arc::clone(&keyring))),
        file_keyring: Arc::new(FileKeyring::new(dir.join("vault"))),
        passphrase_cost: Box::new(|| Argon2Cost::FLOOR),
        file: Box::new(DiskFile::new(dir.join("vault"))),
        backups: Box::new(Folder(dir.join("backups"))),
        screen: Box::new(FakeScreen::default()),
        place: "/home/somebody/.local/share/couchkey".to_owned(),
    })
}

/// The real folders for backups, with a usual one that is part of this machine.
struct Folder(PathBuf);

impl BackupFolder for Folder {
    fn usual(&self) -> Option<String> {
        self.0.to_str().map(str::to_owned)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        DiskBackups::new(&self.0).names(folder)
    }

    fn read(&self, folder: &str, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        DiskBackups::new(&self.0).read(folder, name)
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        DiskBackups::new(&self.0).write(folder, name, bytes)
    }

    fn remove(&self, folder: &str, name: &str) -> Result<(), FileError> {
        DiskBackups::new(&self.0).remove(folder, name)
    }
}

/// Stands in for the operating system's keyring, which may hold a device key although our file keyring may not.
struct Wallet {
    files: FileKeyring,
    tell: fn(&str),
}

impl Wallet {
    fn name(entry: &str) -> String {
        entry.replace("/device-key", "/device")
    }
}

impl Keyring for Wallet {
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        self.files.get(&Self::name(entry))
    }

    /// As little as every keyring takes, so that a vault is in several entries.
    fn longest_entry(&self) -> usize {
        LONGEST_EVERYWHERE
    }

    fn set(&self, entry: &str, text: &[u8]) -> Result<(), KeyringError> {
        (self.tell)(entry);
        self.files.set(&Self::name(entry), text)
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        self.files.delete(&Self::name(entry))
    }
}

/// What a person sees of one account. The code stands for the secret, which is made from the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The account name; no two are alike, so it stands for the id too.
    pub name: String,
    /// The note.
    pub note: String,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Its groups.
    pub groups: Vec<String>,
    /// The code at [`NOW`]; of a counter-based account the one at its counter.
    pub code: String,
}

/// Everything that a person sees: the list in its order, and the trash by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// The list.
    pub list: Vec<Seen>,
    /// The names in the trash, sorted.
    pub trash: Vec<String>,
}

impl Picture {
    /// Of an open authenticator.
    ///
    /// # Panics
    /// While locked, or with an account that cannot be read.
    #[must_use]
    pub fn of(app: &Authenticator) -> Self {
        let codes = app.codes().expect("the vault is open");
        assert!(codes.damaged.is_empty(), "every account can be read");
        let order = app.accounts(None).expect("the vault is open");
        let list = order.iter().map(|row| {
            let id = row.id.as_deref().expect("a saved account has an id");
            let shown = codes.accounts.iter().find(|account| account.id == id);
            let shown = shown.expect("both views show the same accounts");
            Seen {
                name: row.account.clone(),
                note: shown.note.clone(),
                pinned: shown.pinned,
                groups: shown.groups.clone(),
                code: row.code.clone(),
            }
        });
        let list = list.collect();
        let trash = app.trash().expect("the vault is open");
        let mut trash: Vec<String> = trash.into_iter().map(|row| row.account).collect();
        trash.sort();
        Self { list, trash }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Accounts at the end of the list, in one change.
    Add(Vec<String>),
    /// Another note, pin and group for the account of this name.
    Edit(String, EditTo),
    /// To the trash.
    Remove(String),
    /// Out of the trash.
    Restore(String),
    /// To another place in the list.
    Move(String, u32),
    /// The next code of a counter-based account.
    Counter(String),
    /// A new recovery key in place of the old one.
    RecoveryKey,
    /// New keys for everything, and everything sealed anew.
    Rotate,
    /// A backup in the folder.
    BackUp,
}

/// What an edit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditTo {
    note: String,
    pinned: bool,
    group: Option<String>,
}

/// What the vault must look like, and what is done to it next. The same seed gives the same plan.
pub struct Plan {
    rng: StdRng,
    born: u64,
    seed: u64,
    rows: Vec<Row>,
    has_recovery_key: bool,
}

struct Row {
    seen: Seen,
    counter: u64,
    trashed: bool,
}

impl Plan {
    /// Of an empty vault.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            born: 0,
            seed,
            rows: Vec::new(),
            has_recovery_key: false,
        }
    }

    /// Of a vault that has seen so many changes.
    #[must_use]
    pub fn after(seed: u64, changes: u64) -> Self {
        let mut plan = Self::new(seed);
        for _ in 0..changes {
            plan.next_change();
        }
        plan
    }

    /// Decides what comes next and takes it for done.
    pub fn next_change(&mut self) -> Change {
        let listed = self.names(|row| !row.trashed);
        let trashed = self.names(|row| row.trashed);
        let counting = self.names(|row| !row.trashed && counts(&row.seen.name));
        let change = loop {
            let roll = self.rng.random_range(0..100_u32);
            let many = listed.len() + trashed.len() > 60;
            match roll {
                0..20 if !many => break Change::Add(self.new_names(1)),
                20..26 if !many => {
                    let n = self.rng.random_range(2..16);
                    break Change::Add(self.new_names(n));
                }
                26..50 if !listed.is_empty() => break self.edit(&listed),
                50..62 if !listed.is_empty() => break Change::Remove(self.one_of(&listed)),
                62..72 if !trashed.is_empty() => break Change::Restore(self.one_of(&trashed)),
                72..86 if !listed.is_empty() => {
                    let to = self.rng.random_range(0..listed.len());
                    let to = u32::try_from(to).expect("a short list");
                    break Change::Move(self.one_of(&listed), to);
                }
                86..96 if !counting.is_empty() => break Change::Counter(self.one_of(&counting)),
                96 | 97 => break Change::RecoveryKey,
                98 => break Change::Rotate,
                99 if self.has_recovery_key => break Change::BackUp,
                _ => {}
            }
        };
        self.apply(&change);
        change
    }

    /// What a person must see now.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let list = self.rows.iter().filter(|row| !row.trashed);
        Picture {
            list: list.map(|row| row.seen.clone()).collect(),
            trash: {
                let mut trash = self.names(|row| row.trashed);
                trash.sort();
                trash
            },
        }
    }

    fn names(&self, wanted: impl Fn(&Row) -> bool) -> Vec<String> {
        let rows = self.rows.iter().filter(|row| wanted(row));
        rows.map(|row| row.seen.name.clone()).collect()
    }

    fn one_of(&mut self, names: &[String]) -> String {
        names[self.rng.random_range(0..names.len())].clone()
    }

    /// Every fourth one counts.
    fn new_names(&mut self, n: u64) -> Vec<String> {
        let names = (self.born..self.born + n).map(|born| {
            let kind = if born % 4 == 3 { "counts" } else { "ticks" };
            format!("{kind}-{born}-{:x}", self.seed)
        });
        let names = names.collect();
        self.born += n;
        names
    }

    fn edit(&mut self, listed: &[String]) -> Change {
        let name = self.one_of(listed);
        let note = match self.rng.random_range(0..4_u32) {
            0 => String::new(),
            1 => "n".repeat(self.rng.random_range(400..600)), // bundles overflow and are packed anew
            _ => format!("note {}", self.rng.random_range(0..1_000_000_u32)),
        };
        let pinned = self.rng.random_range(0..4_u32) == 0;
        let group = ["Family", "Summer house"].get(self.rng.random_range(0..3_usize));
        let group = group.map(|&group| group.to_owned());
        Change::Edit(
            name,
            EditTo {
                note,
                pinned,
                group,
            },
        )
    }

    fn row(&mut self, name: &str) -> &mut Row {
        let mut rows = self.rows.iter_mut();
        rows.find(|row| row.seen.name == name)
            .expect("the plan names only what it made")
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Add(names) => self.rows.extend(names.iter().map(|name| Row {
                seen: Seen {
                    name: name.clone(),
                    note: String::new(),
                    pinned: false,
                    groups: Vec::new(),
                    code: code(name, 0),
                },
                counter: 0,
                trashed: false,
            })),
            Change::Edit(name, to) => {
                let seen = &mut self.row(name).seen;
                seen.note.clone_from(&to.note);
                seen.pinned = to.pinned;
                seen.groups = to.group.iter().cloned().collect();
            }
            Change::Remove(name) => self.row(name).trashed = true,
            Change::Restore(name) => self.row(name).trashed = false,
            Change::Move(name, to) => {
                let from = self.rows.iter().position(|row| row.seen.name == *name);
                let row = self.rows.remove(from.expect("it is listed"));
                // Counted among those on the list; what is in the trash keeps its place.
                let mut listed = self.rows.iter().enumerate().filter(|(_, row)| !row.trashed);
                let at = listed.nth(*to as usize);
                let at = at.map_or(self.rows.len(), |(at, _)| at);
                self.rows.insert(at, row);
            }
            Change::Counter(name) => {
                let row = self.row(name);
                row.counter += 1;
                row.seen.code = code(name, row.counter);
            }
            Change::RecoveryKey | Change::Rotate => self.has_recovery_key = true,
            Change::BackUp => {}
        }
    }
}

impl Change {
    /// Makes it.
    ///
    /// # Errors
    /// What kept it from being made.
    ///
    /// # Panics
    /// Where it does not fit what is there.
    pub fn make(&self, app: &Authenticator) -> Result<(), couchkey_authenticator::Error> {
        let id = |name: &str| {
            let accounts = app.accounts(None).expect("the vault is open");
            let mut accounts = accounts.into_iter();
            accounts
                .find(|account| account.account == name)
                .and_then(|account| account.id)
                .expect("it is on the list")
        };
        match self {
            Self::Add(names) => {
                let links: Vec<String> = names.iter().map(|name| link(name)).collect();
                add(app, &links.join("\n")).map(drop)
            }
            Self::Edit(name, to) => app.edit(
                &id(name),
                EditForm {
                    note: Some(to.note.clone()),
                    pinned: Some(to.pinned),
                    groups: Some(to.group.iter().cloned().collect()),
                    ..EditForm::default()
                },
            ),
            Self::Remove(name) => app.remove(&id(name)),
            Self::Restore(name) => {
                let trash = app.trash().expect("the vault is open");
                let row = trash.iter().find(|row| row.account == *name);
                app.restore(&row.expect("it is in the trash").id)
            }
            Self::Move(name, to) => app.move_account(&id(name), *to),
            Self::Counter(name) => app.hotp_next(&id(name)).map(drop),
            Self::RecoveryKey => app.make_recovery_key(None).map(drop),
            Self::Rotate => app.rotate_keys(None).map(drop),
            Self::BackUp => app.back_up().map(drop),
        }
    }
}

/// Passphrases of [`LockPlan`].
const PASSPHRASES: [&str; 4] = [
    "correct horse battery",
    "mustard cello glacier",
    "trains leave at nine",
    "purple anchor lemonade",
];

/// What opens the vault and which accounts it has, and what is done to that next. The same seed gives the same plan.
pub struct LockPlan {
    rng: StdRng,
    /// The passphrase of the app lock, while there is one.
    pub passphrase: Option<&'static str>,
    /// The accounts, in order.
    pub names: Vec<String>,
}

/// A change of what opens the vault, with the passphrase before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockChange {
    /// The app lock is turned on, gets another passphrase, or is taken off.
    Lock(Option<&'static str>, Option<&'static str>),
    /// New keys for everything.
    NewKeys(Option<&'static str>),
    /// An account, so that there is something to lose: its number.
    Add(usize),
}

impl LockPlan {
    /// Of a vault without a lock that has seen so many changes.
    #[must_use]
    pub fn after(seed: u64, changes: u64) -> Self {
        let mut plan = Self {
            rng: StdRng::seed_from_u64(seed),
            passphrase: None,
            names: Vec::new(),
        };
        for _ in 0..changes {
            plan.next_change();
        }
        plan
    }

    /// Decides what comes next and takes it for done.
    pub fn next_change(&mut self) -> LockChange {
        let today = self.passphrase;
        match self.rng.random_range(0..10_u32) {
            0 | 1 => {
                let n = self.names.len();
                self.names.push(format!("person{n}"));
                LockChange::Add(n)
            }
            2 | 3 => LockChange::NewKeys(today),
            4 | 5 if today.is_some() => {
                self.passphrase = None;
                LockChange::Lock(today, None)
            }
            _ => {
                let at = self.rng.random_range(0..PASSPHRASES.len() - 1);
                let mut others = PASSPHRASES.into_iter().filter(|new| today != Some(new));
                self.passphrase = others.nth(at);
                LockChange::Lock(today, self.passphrase)
            }
        }
    }
}

impl LockChange {
    /// Makes it.
    ///
    /// # Errors
    /// What kept it from being made.
    pub fn make(self, app: &Authenticator) -> Result<(), couchkey_authenticator::Error> {
        match self {
            Self::Lock(today, new) => app.change_lock(today, new).map(drop),
            Self::NewKeys(today) => app.rotate_keys(today).map(drop),
            Self::Add(n) => add(app, &uri(n)).map(drop),
        }
    }
}

fn counts(name: &str) -> bool {
    name.starts_with("counts")
}

/// Twenty bytes that belong to the name.
fn secret(name: &str) -> Secret {
    Secret::from_bytes(&Sha256::digest(name)[..20]).expect("twenty bytes")
}

fn link(name: &str) -> String {
    let secret = secret(name).to_base32();
    let kind = if counts(name) { "hotp" } else { "totp" };
    format!("otpauth://{kind}/{name}?secret={}&counter=0", *secret)
}

/// Made without the vault, by the crate that the RFC's tables prove.
fn code(name: &str, counter: u64) -> String {
    let kind = if counts(name) {
        Kind::Hotp {
            counter: Counter::new(counter).expect("a small counter"),
        }
    } else {
        Kind::Totp {
            period: Period::THIRTY,
        }
    };
    let at = UnixTime::from_secs(NOW);
    code_of(&kind, &secret(name), Algorithm::Sha1, Digits::SIX, at)
        .as_str()
        .to_owned()
}
