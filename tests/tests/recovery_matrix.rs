//! The recovery matrix: what was lost, against what a person still has. Every cell that can be recovered returns all
//! accounts; every other one says its exact word, and loses nothing more.

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode,
    fake::FakeBackups,
    ports::FileError,
    view::{RestoreInto, VaultState, Way},
};
use couchkey_tests::machine::{AtOnce, Machine, NOW, add, names, uri};
use couchkey_vault::Half;

const PASSPHRASE: &str = "correct horse battery";
const FOR_BACKUPS: &str = "a passphrase for backups";

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    KeyringWiped,
    FileLost,
    OneGenerationTorn,
    OneItemDamaged,
    EverythingLost,
    DirectoryOfAnotherMachine,
    ClockWrong,
    /// An older copy of the keyring was put back.
    KeyringOlder,
    /// The same, and the files were lost after the next start.
    KeyringOlderThenFiles,
    /// The keyring was wiped, and the files were lost after the next start.
    KeyringWipedThenFiles,
    /// One of the two files cannot be read any more, whatever is written there.
    HalfUnreadable,
    /// Every account was gone from the keyring, and the files were lost after the next start.
    BundlesMissing,
    /// The folder was renamed, and the files were lost after the next start.
    FolderMoved,
}

/// What the person still has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Have {
    RecoveryKey,
    Passphrase,
    Backup,
    BackupWithItsPassphrase,
}

/// How the vault is locked day to day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    /// By the device key alone.
    Device,
    /// By passphrase and device key together.
    Strong,
    /// By the passphrase alone, where there is no keyring.
    Passphrase,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// All accounts come back.
    AllBack,
    /// All but the damaged one; it is kept, and the backup would bring it back.
    AllButOne,
    /// Not in this way, and this is the word for it.
    Not(ErrorCode),
}

use Cell::{AllBack, AllButOne, Not};
use Have::{Backup, BackupWithItsPassphrase, RecoveryKey};
use Loss::{
    BundlesMissing, ClockWrong, DirectoryOfAnotherMachine, EverythingLost, FileLost, FolderMoved,
    HalfUnreadable, KeyringOlder, KeyringOlderThenFiles, KeyringWiped, KeyringWipedThenFiles,
    OneGenerationTorn, OneItemDamaged,
};

const LOSSES: [Loss; 13] = [
    FolderMoved,
    KeyringOlder,
    KeyringOlderThenFiles,
    KeyringWipedThenFiles,
    HalfUnreadable,
    BundlesMissing,
    KeyringWiped,
    FileLost,
    OneGenerationTorn,
    OneItemDamaged,
    EverythingLost,
    DirectoryOfAnotherMachine,
    ClockWrong,
];
const LOCKS: [Lock; 3] = [Lock::Device, Lock::Strong, Lock::Passphrase];
const HAVES: [Have; 4] = [
    RecoveryKey,
    Have::Passphrase,
    Backup,
    BackupWithItsPassphrase,
];

/// The table.
fn expected(loss: Loss, lock: Lock, have: Have) -> Cell {
    match (loss, have) {
        // Nothing but a backup has anything left.
        (EverythingLost, RecoveryKey | Have::Passphrase) => Not(ErrorCode::NoVault),
        // Damaged in every copy that there is: only a backup has it whole.
        (OneItemDamaged, RecoveryKey | Have::Passphrase) => AllButOne,
        // A passphrase alone is half of what opens an app lock, and none of what the device key opens.
        (KeyringWiped | DirectoryOfAnotherMachine, Have::Passphrase) => match lock {
            Lock::Device | Lock::Strong => Not(ErrorCode::NeedsRecovery),
            Lock::Passphrase => AllBack,
        },
        _ => AllBack,
    }
}

/// Five accounts, a recovery key, a backup, and a passphrase for backups.
struct Household {
    machine: Machine,
    lock: Lock,
    key: String,
    backup: Vec<u8>,
    whole: Snapshot,
    /// Both keyrings when there were two accounts.
    older: [Entries; 2],
    /// The folder has another name than at first.
    moved: std::cell::Cell<bool>,
}

/// Both keyrings and the disk, before anything was lost.
struct Snapshot {
    keyring: Entries,
    file_keyring: Entries,
    files: [Option<Vec<u8>>; 2],
}

type Entries = std::collections::BTreeMap<String, Vec<u8>>;

impl Household {
    fn new(lock: Lock) -> Self {
        let machine = match lock {
            Lock::Passphrase => Machine::without_keyring(),
            Lock::Device | Lock::Strong => Machine::new(),
        };
        let app = machine.start();
        let passphrase = (lock != Lock::Device).then_some(PASSPHRASE);
        app.create_vault(passphrase).expect("a fresh machine");
        let mut older = [Entries::new(), Entries::new()];
        for n in 0..5 {
            if n == 2 {
                older = [machine.keyring.snapshot(), machine.file_keyring.snapshot()];
            }
            add(&app, &uri(n)).expect("it can be written");
        }
        let key = app
            .make_recovery_key(passphrase)
            .expect("it can be written");
        app.set_backup_passphrase(passphrase, Some(FOR_BACKUPS))
            .expect("it can be written");
        app.back_up().expect("it can be written");
        let files = machine.backups.files(FakeBackups::USUAL);
        let (_, backup) = files.last().expect("just written").clone();
        drop(app);
        let whole = Snapshot {
            keyring: machine.keyring.snapshot(),
            file_keyring: machine.file_keyring.snapshot(),
            files: machine.file.snapshot(),
        };
        Self {
            whole,
            older,
            moved: std::cell::Cell::new(false),
            machine,
            lock,
            key: key.groups.join("-"),
            backup,
        }
    }

    fn make_whole(&self) {
        let machine = &self.machine;
        machine.clock.set(NOW);
        machine.keyring.restore(self.whole.keyring.clone());
        machine
            .file_keyring
            .restore(self.whole.file_keyring.clone());
        self.moved.set(false);
        machine.file.heal();
        machine.file.restore(self.whole.files.clone());
    }

    /// Another start.
    fn start(&self) -> Authenticator {
        match self.moved.get() {
            true => self
                .machine
                .with_folder_renamed("/home/somebody/kept")
                .start(),
            false => self.machine.start(),
        }
    }

    /// A start after which either place alone has to be whole again.
    fn start_once(&self) {
        let app = self.start();
        let status = app.open().expect("answers");
        let opened = match status.state {
            VaultState::Open => true,
            VaultState::Locked => app.unlock(PASSPHRASE).is_ok(),
            VaultState::None | VaultState::Trouble => false,
        };
        if !opened {
            let passphrase = (self.lock != Lock::Device).then_some(PASSPHRASE);
            app.recover(&self.key, passphrase).expect("with the key");
        }
        // What the window does on a thread of its own, and the command line after its answer.
        app.check_copies().expect("the keyring answers");
    }

    fn lose(&self, loss: Loss) {
        let machine = &self.machine;
        match loss {
            KeyringWiped => machine.keyring.wipe(),
            FileLost => machine.file.wipe(),
            OneGenerationTorn => {
                let newest = machine.file.contents(Half::A).expect("both were written");
                let torn = newest[..newest.len() / 2].to_vec();
                machine.file.put(Half::A, Some(torn));
            }
            OneItemDamaged => {
                for half in Half::BOTH {
                    if let Some(mut bytes) = machine.file.contents(half) {
                        let at = bytes.len() - 40;
                        bytes[at] ^= 1;
                        machine.file.put(half, Some(bytes));
                    }
                }
                for keyring in [&machine.keyring, &machine.file_keyring] {
                    for name in keyring.names() {
                        if name.contains("/bundle-") {
                            keyring.lose(&name);
                        }
                    }
                }
            }
            EverythingLost => {
                machine.keyring.wipe();
                machine.file_keyring.wipe();
                machine.file.wipe();
            }
            DirectoryOfAnotherMachine => {
                // The folder came along, with what stands in it for a keyring; the system's keyring is another.
                machine.keyring.wipe();
                machine.keyring.plant("vaults", b"W10=");
            }
            ClockWrong => machine.clock.set(0),
            KeyringOlder | KeyringOlderThenFiles => {
                let [system, file] = self.older.clone();
                machine.keyring.restore(system);
                machine.file_keyring.restore(file);
            }
            KeyringWipedThenFiles => {
                machine.keyring.wipe();
                machine.file_keyring.wipe();
            }
            FolderMoved => self.moved.set(true),
            HalfUnreadable => {
                let error = FileError::Failed(std::io::ErrorKind::Other);
                machine.file.spoil(Half::A, error);
            }
            BundlesMissing => {
                for keyring in [&machine.keyring, &machine.file_keyring] {
                    for name in keyring.names() {
                        if name.contains("/bundle-") {
                            keyring.lose(&name);
                        }
                    }
                }
            }
        }
        if matches!(
            loss,
            KeyringOlderThenFiles | KeyringWipedThenFiles | BundlesMissing | FolderMoved
        ) {
            self.start_once();
            machine.file.wipe();
        }
    }

    /// What a person does who has this, at a freshly started app.
    fn recover(&self, have: Have) -> Result<Authenticator, Error> {
        let app = self.start();
        let new = (self.lock == Lock::Passphrase).then_some(PASSPHRASE);
        match have {
            RecoveryKey => {
                app.recover(&self.key, new)?;
            }
            Have::Passphrase => {
                if app.open()?.state != VaultState::Open {
                    if let Some(trouble) = app.status().trouble {
                        return Err(trouble.code.into());
                    }
                    app.unlock(PASSPHRASE)?;
                }
            }
            Backup => {
                app.restore_backup(&self.backup, &self.key, new, false)?;
            }
            BackupWithItsPassphrase => {
                app.restore_backup(&self.backup, FOR_BACKUPS, new, false)?;
            }
        }
        Ok(app)
    }
}

const ALL: [&str; 5] = ["person0", "person1", "person2", "person3", "person4"];

fn sorted(app: &Authenticator) -> Vec<String> {
    let mut names = names(app);
    names.sort();
    names
}

#[test]
fn every_cell_of_the_recovery_matrix_is_as_the_table_says() {
    for lock in LOCKS {
        let household = Household::new(lock);
        for loss in LOSSES {
            for have in HAVES {
                let what = format!("{loss:?}, locked by {lock:?}, with {have:?}");
                household.make_whole();
                household.lose(loss);
                match (household.recover(have), expected(loss, lock, have)) {
                    (Ok(app), AllBack) => {
                        assert_eq!(sorted(&app), ALL, "{what}");
                        let codes = app.codes().expect("open");
                        assert!(codes.damaged.is_empty(), "{what}: none is damaged");
                        drop(app);
                        household.machine.clock.set(NOW);
                        let again = household.start();
                        if again.open().expect("answers").state == VaultState::Locked {
                            again.unlock(PASSPHRASE).expect("as before");
                        }
                        assert_eq!(sorted(&again), ALL, "{what}: and still after a restart");
                    }
                    (Ok(app), AllButOne) => {
                        let codes = app.codes().expect("open");
                        assert_eq!(codes.accounts.len(), 4, "{what}");
                        assert_eq!(codes.damaged.len(), 1, "{what}: kept, and said");
                        let done = app
                            .restore_backup(&household.backup, &household.key, None, false)
                            .expect("the backup is the cure");
                        assert_eq!((done.added, done.kept, done.mended), (0, 4, 1), "{what}");
                        assert_eq!(sorted(&app), ALL, "{what}: with the backup");
                    }
                    (Err(error), Not(code)) => {
                        let report = error.report();
                        assert_eq!(report.code, code, "{what}");
                        assert!(!report.hint.is_empty(), "{what}: it has a cure");
                        let app = household
                            .recover(Backup)
                            .unwrap_or_else(|error| panic!("{what}, then by the backup: {error}"));
                        assert_eq!(sorted(&app), ALL, "{what}: nothing more was lost");
                    }
                    (Ok(_), Not(code)) => panic!("{what}: {code:?} was expected"),
                    (Err(error), cell) => panic!("{what}: {cell:?} was expected, not {error}"),
                }
            }
        }
    }
}

#[test]
fn trouble_offers_the_ways_that_are_open() {
    let household = Household::new(Lock::Device);
    household.machine.keyring.wipe();
    let status = household.machine.start().open().expect("answers");
    assert_eq!(
        status.ways,
        [Way::RecoveryKey, Way::Backup, Way::Retry],
        "the key on the sheet first"
    );

    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    drop(app);
    machine.keyring.wipe();
    let status = machine.start().open().expect("answers");
    assert_eq!(
        status.ways,
        [Way::Backup, Way::Retry],
        "no recovery key is offered where there is none"
    );

    let household = Household::new(Lock::Strong);
    let status = household.machine.start().open().expect("answers");
    assert_eq!(
        status.ways,
        [Way::Passphrase, Way::RecoveryKey, Way::Backup],
        "locked: the passphrase first"
    );

    let household = Household::new(Lock::Device);
    let torn = Some(b"\x89CKV\r\n\x1A\n torn".to_vec());
    household.machine.file.put(Half::A, torn.clone());
    household.machine.file.put(Half::B, torn);
    household.machine.keyring.wipe();
    let app = household.machine.start();
    let status = app.open().expect("answers");
    assert_eq!(
        status.trouble.map(|report| report.code),
        Some(ErrorCode::VaultDamaged),
        "nothing can be read"
    );
    assert_eq!(
        status.ways,
        [Way::Backup, Way::Retry],
        "a backup is what helps"
    );
    let done = app
        .restore_backup(&household.backup, &household.key, None, false)
        .expect("it helps");
    assert_eq!(done.into, RestoreInto::SetAside, "beside what was there");
    assert_eq!(names(&app), ALL, "everything is back, in order");
    assert_eq!(
        household.machine.file.aside().len(),
        2,
        "what was there is kept"
    );
}
