//! The lock: what opens the vault, who may change that, and what an older copy of either place gives whoever has one.

use std::collections::BTreeMap;

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, Permission,
    fake::FakeBackups,
    ports::FileError,
    view::{ExportForm, ExportFormat, LockKind, VaultState},
};
use couchkey_tests::machine::{AtOnce, Machine, add, names, uri};
use couchkey_vault::{Argon2Cost, Found, Half, OpenError, SlotKind, Unlock, backup, open, survey};

const FIRST: &str = "correct horse battery";
const SECOND: &str = "mustard cello glacier";
const WRONG: &str = "wrong but long enough";

/// A machine with a vault of three accounts and a recovery key, that key, and the app.
fn household() -> (Machine, String, Authenticator) {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    for n in 0..3 {
        add(&app, &uri(n)).expect("it can be written");
    }
    let key = app.make_recovery_key(None).expect("it can be written");
    (machine, key.groups.join("-"), app)
}

/// The same without a keyring, under [`FIRST`].
fn household_without_keyring() -> (Machine, String, Authenticator) {
    let machine = Machine::without_keyring();
    let app = machine.start();
    app.create_vault(Some(FIRST)).expect("a fresh machine");
    for n in 0..3 {
        add(&app, &uri(n)).expect("it can be written");
    }
    let key = app.make_recovery_key(Some(FIRST));
    let key = key.expect("it can be written").groups.join("-");
    (machine, key, app)
}

fn code_of(result: Result<impl Sized, Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

fn sorted(app: &Authenticator) -> Vec<String> {
    let mut names = names(app);
    names.sort();
    names
}

const THREE: [&str; 3] = ["person0", "person1", "person2"];
const FOUR: [&str; 4] = ["person0", "person1", "person2", "person3"];

/// The one entry of the keyring whose name ends like this.
fn entry(entries: &BTreeMap<String, Vec<u8>>, end: &str) -> Vec<u8> {
    let mut found = entries.iter().filter(|(name, _)| name.ends_with(end));
    let (_, bytes) = found.next().expect("it is there");
    assert!(found.next().is_none(), "one vault, one {end}");
    bytes.clone()
}

fn export(app: &Authenticator, permission: &Permission<'_>) -> Result<(), Error> {
    let form = ExportForm {
        format: ExportFormat::Uris,
        ids: Vec::new(),
    };
    app.export_bytes(&form, permission, None, &mut |_| ())
        .map(drop)
}

/// Nothing that the lock guards is given without today's passphrase, whatever else is typed.
fn gives_nothing(app: &Authenticator, former: &[&str], what: &str) {
    let status = app.open().expect("answers");
    assert_eq!(
        (status.state, status.lock),
        (VaultState::Locked, Some(LockKind::Strong)),
        "{what}: it is locked, and says by what: {:?}",
        status.trouble
    );
    for passphrase in former {
        assert_eq!(
            code_of(app.unlock(passphrase)),
            Some(ErrorCode::WrongPassphrase),
            "{what}: {passphrase}"
        );
    }
    let locked = Some(ErrorCode::VaultLocked);
    assert_eq!(code_of(app.codes()), locked, "{what}: no codes");
    assert_eq!(
        code_of(app.make_recovery_key(None)),
        locked,
        "{what}: no new recovery key"
    );
    assert_eq!(
        code_of(app.set_passphrase(None, None)),
        locked,
        "{what}: no lock off"
    );
    assert_eq!(
        code_of(export(app, &Permission::Confirmed)),
        locked,
        "{what}: no export"
    );
}

#[test]
fn old_files_put_back_after_the_lock_was_turned_on_give_nothing_without_the_passphrase() {
    let (machine, _, app) = household();
    let before = machine.file.snapshot();
    app.change_lock(None, Some(FIRST))
        .expect("it can be written");
    add(&app, &uri(3)).expect("it can be written");
    drop(app);
    machine.file.restore(before);
    let thief = machine.start();
    gives_nothing(&thief, &[WRONG], "the lock turned on");
    thief.unlock(FIRST).expect("today's passphrase");
    assert_eq!(sorted(&thief), FOUR, "and nothing was lost by it");
    drop(thief);
    gives_nothing(&machine.start(), &[WRONG], "and it is still locked");
}

#[test]
fn old_files_put_back_after_a_change_of_passphrase_do_not_open_with_the_former_one() {
    let (machine, _, app) = household();
    app.change_lock(None, Some(FIRST))
        .expect("it can be written");
    let before = machine.file.snapshot();
    app.set_passphrase(Some(FIRST), Some(SECOND))
        .expect("it can be written");
    add(&app, &uri(3)).expect("it can be written");
    drop(app);
    machine.file.restore(before);
    let thief = machine.start();
    gives_nothing(&thief, &[WRONG, FIRST], "the passphrase changed");
    thief.unlock(SECOND).expect("today's passphrase");
    assert_eq!(sorted(&thief), FOUR, "and nothing was lost by it");
}

#[test]
fn old_files_put_back_after_the_lock_was_taken_off_lock_nobody_out() {
    let (machine, _, app) = household();
    app.change_lock(None, Some(FIRST))
        .expect("it can be written");
    let before = machine.file.snapshot();
    app.set_passphrase(Some(FIRST), None)
        .expect("it can be written");
    add(&app, &uri(3)).expect("it can be written");
    drop(app);
    machine.file.restore(before);
    let app = machine.start();
    if app.open().expect("answers").state != VaultState::Open {
        app.unlock(FIRST)
            .expect("the keyring knows that nothing is asked any more");
    }
    assert_eq!(sorted(&app), FOUR, "nothing was lost");
}

/// Lock on, a change of passphrase, lock off, new keys and recovery, each with the passphrase before and after it.
type LockChange = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    fn(&Authenticator, &str) -> Result<(), Error>,
);

const LOCK_CHANGES: [LockChange; 7] = [
    ("lock on", None, Some(FIRST), |app, _| {
        app.change_lock(None, Some(FIRST)).map(drop)
    }),
    ("passphrase changed", Some(FIRST), Some(SECOND), |app, _| {
        app.set_passphrase(Some(FIRST), Some(SECOND)).map(drop)
    }),
    ("lock off", Some(FIRST), None, |app, _| {
        app.set_passphrase(Some(FIRST), None).map(drop)
    }),
    ("new keys", None, None, |app, _| {
        app.rotate_keys(None).map(drop)
    }),
    ("new keys, locked", Some(FIRST), Some(FIRST), |app, _| {
        app.rotate_keys(Some(FIRST)).map(drop)
    }),
    ("recovery", None, None, |app, key| {
        app.lock();
        app.recover(key, None).map(drop)
    }),
    ("recovery, locked", Some(FIRST), Some(SECOND), |app, key| {
        app.lock();
        app.recover(key, Some(SECOND)).map(drop)
    }),
];

/// A household as it is before such a change.
fn before(lock: Option<&str>) -> (Machine, String, Authenticator) {
    let (machine, key, app) = household();
    let Some(passphrase) = lock else {
        return (machine, key, app);
    };
    let made = app.change_lock(None, Some(passphrase));
    let made = made.expect("it can be written");
    let made = made.expect("there was a recovery key").recovery_key;
    (machine, made.groups.join("-"), app)
}

fn open_by(app: &Authenticator, passphrases: &[Option<&str>]) -> bool {
    let status = app.open().expect("answers");
    status.state == VaultState::Open
        || passphrases
            .iter()
            .flatten()
            .any(|passphrase| app.unlock(passphrase).is_ok())
}

#[test]
fn the_device_key_is_replaced_by_every_change_of_the_lock_and_the_old_one_is_gone() {
    for (name, old, new, change) in LOCK_CHANGES {
        let (machine, key, app) = before(old);
        let former = machine.keyring.snapshot();
        change(&app, &key).unwrap_or_else(|error| panic!("{name}: {error}"));
        let now = entry(&machine.keyring.snapshot(), "/device-key");
        assert_eq!(now.len(), 44, "{name}: one key, in base64");
        assert_ne!(now, entry(&former, "/device-key"), "{name}: another one");
        let again = machine.start();
        assert!(open_by(&again, &[new]), "{name}: it opens");
        assert_eq!(sorted(&again), THREE, "{name}: everybody is there");
        // The old key in its place: nothing that is there now has a slot for it.
        let mut back = machine.keyring.snapshot();
        for (name, bytes) in &mut back {
            if name.ends_with("/device-key") {
                bytes.clone_from(&entry(&former, "/device-key"));
            }
        }
        machine.keyring.restore(back);
        assert!(
            !open_by(&machine.start(), &[old, new]),
            "{name}: not with the old key"
        );
    }
}

#[test]
fn turning_the_lock_on_makes_a_new_vault_key_and_a_new_recovery_key_as_new_keys_do() {
    let (machine, old_key, app) = household();
    let entries = machine.keyring.snapshot();
    let device = data_encoding::BASE64
        .decode(&entry(&entries, "/device-key"))
        .expect("base64");
    let device = couchkey_vault::DeviceKey::from_bytes(&device).expect("one key");
    let found = |machine: &Machine| Found {
        file_a: machine.file.contents(Half::A),
        file_b: machine.file.contents(Half::B),
        head: Some(entry(&machine.keyring.snapshot(), "/head")),
    };
    let stolen = open(&found(&machine), &Unlock::Device(&device), |_, _| Ok(None));
    let stolen = stolen.expect("it opens today").vault;
    app.set_backup_passphrase(None, Some("a passphrase for backups"))
        .expect("it can be written");
    let made = app
        .change_lock(None, Some(FIRST))
        .expect("it can be written")
        .expect("the old recovery key ended");
    assert!(
        made.rotated.backup_passphrase_ended,
        "and it is said what else did"
    );
    let opened = open(
        &found(&machine),
        &Unlock::VaultKey(stolen.vault_key()),
        |_, _| Ok(None),
    );
    assert_eq!(
        opened.err(),
        Some(OpenError::Wrong),
        "whoever had the vault key has nothing of what comes after"
    );
    machine.keyring.wipe();
    let app = machine.start();
    assert_eq!(
        code_of(app.recover(&old_key, None)),
        Some(ErrorCode::WrongRecoveryKey),
        "the old recovery key"
    );
    app.recover(&made.recovery_key.groups.join("-"), None)
        .expect("the new one");
    assert_eq!(sorted(&app), THREE, "everybody is there");
}

#[test]
fn turning_the_lock_on_without_a_recovery_key_makes_none() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    let status = app
        .set_passphrase(None, Some(FIRST))
        .expect("no recovery key ends with it");
    assert!(!status.has_recovery_key, "there is none, as before");
}

/// Old or new, never neither, and the next change goes on from there: docs/decisions/0216.
#[test]
fn every_crash_point_of_every_change_of_the_lock_opens_the_old_way_or_the_new_one() {
    for (name, old, new, change) in LOCK_CHANGES {
        let (machine, key, app) = before(old);
        let (entries, halves) = (machine.keyring.snapshot(), machine.file.snapshot());
        let already = machine.fuse.writes();
        change(&app, &key).unwrap_or_else(|error| panic!("{name}: {error}"));
        let writes = machine.fuse.writes() - already;
        drop(app);
        for at in 1..=writes {
            let what = format!("{name}, power cut at write {at} of {writes}");
            machine.keyring.restore(entries.clone());
            machine.file.restore(halves.clone());
            let app = machine.start();
            assert!(open_by(&app, &[old]), "{what}: as before");
            machine.fuse.blow_at_write(at);
            let acknowledged = change(&app, &key).is_ok();
            // What is behind the change itself (a backup) is written the first time alone.
            assert!(
                !(acknowledged && machine.fuse.is_blown()),
                "{what}: it is not acknowledged"
            );
            drop(app);
            machine.fuse.mend();
            let app = machine.start();
            assert!(open_by(&app, &[old, new]), "{what}: one way opens it");
            assert_eq!(sorted(&app), THREE, "{what}: everybody is there");
            let lock = app.status().lock;
            // The next change of the lock is made from there, and nothing is left of the one that was broken off.
            let today = [old, new].into_iter().flatten().find(|passphrase| {
                lock == Some(LockKind::Strong)
                    && app.set_passphrase(Some(passphrase), Some(SECOND)).is_ok()
            });
            if lock == Some(LockKind::Device) {
                app.change_lock(None, Some(SECOND))
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
            } else {
                assert!(today.is_some(), "{what}: one of them is today's");
            }
            drop(app);
            let app = machine.start();
            app.unlock(SECOND)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(sorted(&app), THREE, "{what}: everybody is there still");
            let keys = entry(&machine.keyring.snapshot(), "/device-key");
            assert_eq!(keys.len(), 44, "{what}: one key is left");
        }
    }
}

#[test]
fn a_recovery_that_never_gets_the_files_lock_writes_no_device_key() {
    let (machine, key, app) = household();
    drop(app);
    machine.keyring.wipe();
    let app = machine.start();
    // The first is for mending what opening found; the second is the renewal's.
    machine.file.fail_lock(2, FileError::Busy);
    assert_eq!(
        code_of(app.recover(&key, None)),
        Some(ErrorCode::VaultBusy),
        "another process is at it"
    );
    let names = machine.keyring.names();
    assert!(
        !names.iter().any(|name| name.ends_with("/device-key")),
        "its key is not overwritten by one that no slot has: {names:?}"
    );
    machine.file.heal();
    app.recover(&key, None).expect("the next try");
    assert_eq!(sorted(&machine.start_open()), THREE, "opens by itself");
}

#[test]
fn two_processes_that_recover_at_once_leave_a_device_key_that_opens() {
    let (machine, key, app) = household();
    drop(app);
    machine.keyring.wipe();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| machine.start().recover(&key, None).map(drop));
        }
    });
    assert_eq!(sorted(&machine.start_open()), THREE, "opens by itself");
    let keys = entry(&machine.keyring.snapshot(), "/device-key");
    assert_eq!(keys.len(), 44, "with one key");
}

#[test]
fn what_opens_the_vault_is_changed_only_by_whoever_knows_todays_passphrase() {
    let locked = |(machine, key, app): (Machine, String, Authenticator)| {
        app.change_lock(None, Some(FIRST))
            .expect("it can be written");
        (machine, key, app)
    };
    for (machine, _, app) in [locked(household()), household_without_keyring()] {
        let everything = || {
            (
                machine.keyring.snapshot(),
                machine.file_keyring.snapshot(),
                machine.file.snapshot(),
            )
        };
        let whole = everything();
        for (today, code) in [
            (None, ErrorCode::PassphraseNeeded),
            (Some(WRONG), ErrorCode::WrongPassphrase),
        ] {
            assert_eq!(
                code_of(app.set_passphrase(today, Some(SECOND))),
                Some(code),
                "another passphrase"
            );
            assert_eq!(
                code_of(app.make_recovery_key(today)),
                Some(code),
                "a recovery key"
            );
            assert_eq!(code_of(app.rotate_keys(today)), Some(code), "new keys");
            let off = code_of(app.set_passphrase(today, None));
            assert_eq!(off, Some(code), "lock off");
            // Or whoever sits at the open window chooses what opens the next backup, and every secret in it.
            let for_backups = app.set_backup_passphrase(today, Some("a passphrase for backups"));
            assert_eq!(code_of(for_backups), Some(code), "one for backups");
            assert!(everything() == whole, "and nothing was changed");
        }
        assert!(
            export(&app, &Permission::Confirmed).is_err(),
            "a yes alone exports nothing"
        );
        app.make_recovery_key(Some(FIRST)).expect("known");
        app.set_backup_passphrase(Some(FIRST), Some("a passphrase for backups"))
            .expect("known");
        app.set_backup_passphrase(None, None)
            .expect("ending one gives nobody anything");
        app.set_passphrase(Some(FIRST), Some(SECOND))
            .expect("known");
        assert_eq!(
            code_of(app.set_passphrase(Some(FIRST), Some(WRONG))),
            Some(ErrorCode::WrongPassphrase),
            "the former one is not today's"
        );
        app.rotate_keys(Some(SECOND)).expect("known");
    }
}

#[test]
fn every_passphrase_slot_of_this_device_costs_what_it_can_pay_and_a_backups_what_a_phone_can() {
    let mut machine = Machine::new();
    machine.cost = Argon2Cost::new(21 * 1024, 2, 1).expect("above the floor");
    let daily = || {
        let found = Found {
            file_a: machine.file.contents(Half::A),
            file_b: machine.file.contents(Half::B),
            head: None,
        };
        let slots = survey(&found).slots;
        let slot = slots
            .into_iter()
            .find(|slot| slot.cost.is_some())
            .expect("one has a passphrase");
        slot.cost.expect("just seen")
    };
    let app = machine.start();
    app.create_vault(Some(FIRST)).expect("a fresh machine");
    assert_eq!(daily(), machine.cost, "made");
    app.rotate_keys(Some(FIRST)).expect("it can be written");
    assert_eq!(daily(), machine.cost, "row 12: by new keys");
    app.set_passphrase(Some(FIRST), Some(SECOND))
        .expect("it can be written");
    assert_eq!(daily(), machine.cost, "changed");
    let key = app.make_recovery_key(Some(SECOND));
    let key = key.expect("it can be written").groups.join("-");
    app.set_backup_passphrase(Some(SECOND), Some("a passphrase for backups"))
        .expect("it can be written");
    app.back_up().expect("it can be written");
    let backups = machine.backups.files(FakeBackups::USUAL);
    let (_, newest) = backups.last().expect("just written");
    let info = backup::inspect(newest).expect("ours");
    let slot = info.slot(SlotKind::Passphrase).expect("it has one");
    assert_eq!(
        slot.cost,
        Some(Argon2Cost::default()),
        "it may have to open on a phone"
    );
    machine.keyring.wipe();
    let app = machine.start();
    app.recover(&key, Some(FIRST)).expect("it can be written");
    assert_eq!(daily(), machine.cost, "by recovery");
    machine.file.wipe();
    machine.keyring.wipe();
    let app = machine.start();
    app.restore_backup(newest, &key, Some(FIRST), false)
        .expect("it can be written");
    assert_eq!(daily(), machine.cost, "by a restored backup");
}

#[test]
fn moving_from_the_files_keyring_to_the_systems_ends_the_passphrase_of_then() {
    for new in [None, Some(SECOND)] {
        let (machine, key, app) = household_without_keyring();
        drop(app);
        machine.give_keyring();
        let app = machine.start();
        let status = app.recover(&key, new).expect("the recovery key moves it");
        let wanted = match new {
            None => LockKind::Device,
            Some(_) => LockKind::Strong,
        };
        assert_eq!(status.lock, Some(wanted), "{new:?}: as it was asked for");
        drop(app);
        let heads = [&machine.keyring, &machine.file_keyring].map(|keyring| {
            let entries = keyring.snapshot();
            let mut heads = entries
                .into_iter()
                .filter(|(name, _)| name.ends_with("/head"));
            heads.next().map(|(_, head)| head)
        });
        for head in heads {
            let found = Found {
                file_a: machine.file.contents(Half::A),
                file_b: machine.file.contents(Half::B),
                head,
            };
            let opened = open(&found, &Unlock::Passphrase(FIRST), |_, _| Ok(None));
            assert!(opened.is_err(), "{new:?}: the former passphrase is gone");
        }
        let left = machine.file_keyring.names();
        assert!(
            !left.iter().any(|name| name.contains('/')),
            "{new:?}: and so is what it opened: {left:?}"
        );
        let again = machine.start();
        assert!(open_by(&again, &[new]), "{new:?}: the new way opens it");
        assert_eq!(sorted(&again), THREE, "{new:?}: everybody is there");
        machine.file.wipe();
        let again = machine.start();
        assert!(
            open_by(&again, &[new]),
            "{new:?}: by the keyring alone, too"
        );
        assert_eq!(sorted(&again), THREE, "{new:?}: everybody is there");
    }
}

#[test]
fn a_weak_passphrase_is_refused_wherever_one_is_chosen_and_says_why() {
    const BLANKS: &str = "        ";
    const COMMON: &str = "password1234";
    const LONG_AND_COMMON: &str = "passwordpassword";
    let (machine, key, app) = household();
    let refused = |answer: Result<(), Error>, code, what: &str| {
        let report = answer.expect_err(what).report();
        assert_eq!(report.code, code, "{what}");
        assert!(
            !report.message.is_empty() && !report.hint.is_empty(),
            "{what}"
        );
    };
    let too_short = ErrorCode::PassphraseTooShort;
    let too_weak = ErrorCode::PassphraseTooWeak;
    for (text, code) in [(BLANKS, too_short), (COMMON, too_weak)] {
        refused(
            app.change_lock(None, Some(text)).map(drop),
            code,
            "the app lock",
        );
        refused(
            Machine::new().start().create_vault(Some(text)).map(drop),
            code,
            "a new vault",
        );
        let recovers = machine.start();
        refused(
            recovers.recover(&key, Some(text)).map(drop),
            code,
            "recovery",
        );
        assert_eq!(
            recovers.open().expect("answers").state,
            VaultState::Open,
            "and nothing was changed"
        );
    }
    for (text, code) in [
        (BLANKS, too_short),
        (COMMON, too_short),
        (LONG_AND_COMMON, too_weak),
    ] {
        let without = Machine::without_keyring().start();
        refused(
            without.create_vault(Some(text)).map(drop),
            code,
            "without a keyring",
        );
        refused(
            app.set_backup_passphrase(None, Some(text)).map(drop),
            code,
            "backups",
        );
        let form = ExportForm {
            format: ExportFormat::AegisEncrypted,
            ids: Vec::new(),
        };
        let exported = app.export_bytes(&form, &Permission::Confirmed, Some(text), &mut |_| ());
        refused(exported.map(drop), code, "an export");
    }
}

#[test]
fn a_folder_that_was_renamed_and_later_lost_is_found_by_the_keyring() {
    let (machine, _, app) = household();
    drop(app);
    let renamed = machine.with_folder_renamed("/home/somebody/moved");
    assert_eq!(
        sorted(&renamed.start_open()),
        THREE,
        "opened once where it is now"
    );
    renamed.file.wipe();
    let app = renamed.start();
    assert_eq!(app.status().state, VaultState::Locked, "no first run");
    assert_eq!(
        code_of(app.create_vault(None)),
        Some(ErrorCode::VaultExists),
        "and no empty vault beside a whole one"
    );
    app.open().expect("answers");
    assert_eq!(sorted(&app), THREE, "everybody is there");
}

#[test]
fn a_folder_that_was_renamed_and_lost_before_it_was_opened_is_found_by_its_head() {
    let (machine, _, app) = household();
    drop(app);
    machine.file.wipe();
    let renamed = machine.with_folder_renamed("/home/somebody/moved");
    let app = renamed.start();
    let refused = app
        .create_vault(None)
        .expect_err("there is a whole one")
        .report();
    assert_eq!(
        refused.code,
        ErrorCode::VaultsElsewhere,
        "not without a word"
    );
    assert!(
        refused.message.contains(&machine.place),
        "{}",
        refused.message
    );
    assert_eq!(
        app.open().expect("answers").state,
        VaultState::Open,
        "it opens here"
    );
    assert_eq!(sorted(&app), THREE, "everybody is there");
}

#[test]
fn an_emptied_file_keyring_is_filled_by_one_opening_and_then_is_enough_alone() {
    let (machine, _, app) = household_without_keyring();
    drop(app);
    machine.file_keyring.wipe();
    let app = machine.start();
    app.unlock(FIRST).expect("the files are whole");
    assert_eq!(sorted(&app), THREE, "one list");
    drop(app);
    machine.file.wipe();
    let app = machine.start();
    assert_eq!(
        code_of(app.create_vault(Some(SECOND))),
        Some(ErrorCode::VaultExists),
        "no empty vault beside a whole one"
    );
    app.unlock(FIRST).expect("the keyring is whole");
    assert_eq!(sorted(&app), THREE, "everybody is there");
}

#[test]
fn the_folders_own_keyring_is_looked_through_for_heads_whatever_the_folder_is_called() {
    let (machine, _, app) = household_without_keyring();
    drop(app);
    machine.file.wipe();
    for list_lost in [false, true] {
        if list_lost {
            machine.file_keyring.lose("vaults");
        }
        let app = machine.with_folder_renamed("/home/somebody/moved").start();
        assert_eq!(
            code_of(app.create_vault(Some(SECOND))),
            Some(ErrorCode::VaultExists),
            "it lies here, list or no list"
        );
    }
    let app = machine.with_folder_renamed("/home/somebody/moved").start();
    app.unlock(FIRST).expect("by its head");
    assert_eq!(sorted(&app), THREE, "everybody is there");
}

#[test]
fn a_second_vault_in_another_folder_is_made_and_lost_folders_are_named() {
    let (machine, _, app) = household();
    drop(app);
    // Two folders with one keyring, both where they were: nobody is asked anything.
    let second = machine.with_folder("/home/somebody/second");
    second.file.put_elsewhere(&machine.place);
    assert_eq!(
        second.start().status().state,
        VaultState::None,
        "another place"
    );
    let app = second.start();
    app.create_vault(None).expect("a second vault");
    add(&app, &uri(7)).expect("it can be written");
    drop(app);

    // Both folders gone: a third place names them, opens neither by guessing, and makes nothing without being told.
    let third = machine.with_folder("/home/somebody/third");
    let app = third.start();
    let trouble = app
        .status()
        .trouble
        .expect("it cannot know which one is meant");
    assert_eq!(trouble.code, ErrorCode::VaultsElsewhere);
    for place in [&machine.place, &second.place] {
        assert!(
            trouble.message.contains(place.as_str()),
            "{}",
            trouble.message
        );
    }
    assert_eq!(
        code_of(app.create_vault(None)),
        Some(ErrorCode::VaultsElsewhere)
    );
    let lost = machine.with_folder("/home/somebody/second");
    assert_eq!(
        names(&lost.start_open()),
        ["person7"],
        "by naming its folder"
    );
    app.create_another_vault(None).expect("the person knows");
    assert!(names(&app).is_empty(), "a new one");
    assert_eq!(
        code_of(third.start().create_another_vault(None)),
        Some(ErrorCode::VaultExists),
        "and never on top of one that is here"
    );
}

/// The ways on which a recovery key that is drawn and shown takes the place of an older one.
type KeepDrawn = fn(&Authenticator) -> Result<(), couchkey_authenticator::Error>;
const DRAWN: [(&str, KeepDrawn); 3] = [
    ("a new sheet", |app| app.keep_recovery_key(None, true)),
    ("new keys", |app| {
        app.rotate_to_drawn_key(None, true).map(drop)
    }),
    ("the lock", |app| {
        app.turn_lock_on_with_drawn_key(FIRST, true).map(drop)
    }),
];

/// What opens the vault on a machine that has lost its keyring.
fn opens_with(machine: &Machine, key: &str) -> bool {
    let lost = Machine::new();
    lost.file.restore(machine.file.snapshot());
    lost.start().recover(key, None).is_ok()
}

#[test]
fn a_recovery_key_that_is_shown_ends_no_older_one_before_somebody_has_it() {
    for (name, keep) in DRAWN {
        let (machine, old, app) = household();
        let before = machine.file.snapshot();
        let shown = app.draw_recovery_key().expect("nothing is written");
        let shown = shown.groups.join("-");
        assert_eq!(
            machine.file.snapshot(),
            before,
            "{name}: nothing is written"
        );
        // The program dies, or the screen is left.
        assert!(opens_with(&machine, &old), "{name}: the old one is good");
        assert!(!opens_with(&machine, &shown), "{name}: the new one is not");
        app.forget_recovery_key();
        assert_eq!(
            code_of(keep(&app)),
            Some(ErrorCode::PreviewGone),
            "{name}: what is forgotten never counts"
        );
        assert!(opens_with(&machine, &old), "{name}: still");

        let shown = app.draw_recovery_key().expect("nothing is written");
        let shown = shown.groups.join("-");
        keep(&app).expect("it can be written");
        assert!(opens_with(&machine, &shown), "{name}: now it is");
        assert!(
            !opens_with(&machine, &old),
            "{name}: and the old one is not"
        );
        assert!(app.status().recovery_saved, "{name}: somebody has it");
    }
}

#[test]
fn a_recovery_key_that_could_not_be_stored_can_be_tried_again_and_ends_nothing_meanwhile() {
    for (name, keep) in DRAWN {
        let (machine, old, app) = household();
        let shown = app.draw_recovery_key().expect("nothing is written");
        let shown = shown.groups.join("-");
        machine
            .file
            .fail_writes(couchkey_authenticator::ports::FileError::Full);
        assert_eq!(
            code_of(keep(&app)),
            Some(ErrorCode::StorageFull),
            "{name}: the disk is full"
        );
        machine.file.heal();
        assert!(opens_with(&machine, &old), "{name}: the old one is good");
        keep(&app).expect("there is room again");
        assert!(
            opens_with(&machine, &shown),
            "{name}: the one that somebody wrote down"
        );
    }
}

#[test]
fn a_lock_under_a_shown_recovery_key_leaves_the_old_one_good() {
    for (name, keep) in DRAWN {
        let (machine, old, app) = household();
        app.draw_recovery_key().expect("nothing is written");
        app.lock();
        app.open().expect("answers");
        assert_eq!(code_of(keep(&app)), Some(ErrorCode::PreviewGone), "{name}");
        assert!(opens_with(&machine, &old), "{name}");
    }
}

#[test]
fn no_lock_is_turned_on_that_would_end_a_recovery_key_for_one_that_nobody_saw() {
    let (machine, old, app) = household();
    assert_eq!(
        code_of(app.set_passphrase(None, Some(FIRST))),
        Some(ErrorCode::PreviewGone),
        "it has to be drawn and shown first"
    );
    assert!(opens_with(&machine, &old), "the old one is good");
    assert_eq!(app.status().lock, Some(LockKind::Device), "no lock is on");
    // A passphrase for backups would end, too, and something has to open backups.
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    app.set_backup_passphrase(None, Some("a passphrase for backups"))
        .expect("it can be written");
    assert_eq!(
        code_of(app.set_passphrase(None, Some(FIRST))),
        Some(ErrorCode::PreviewGone)
    );
}

#[test]
fn what_would_keep_a_shown_key_from_counting_is_said_before_it_is_shown() {
    let (_, _, app) = household();
    assert_eq!(
        code_of(app.may_turn_lock_on("password1234")),
        Some(ErrorCode::PassphraseTooWeak)
    );
    app.may_turn_lock_on(FIRST).expect("a good one");
    app.may_make_recovery_key(None).expect("no lock is on");
    app.change_lock(None, Some(FIRST))
        .expect("it can be written");
    assert_eq!(
        code_of(app.may_turn_lock_on(SECOND)),
        Some(ErrorCode::PassphraseNeeded),
        "it is on"
    );
    for (today, code) in [
        (None, Some(ErrorCode::PassphraseNeeded)),
        (Some(WRONG), Some(ErrorCode::WrongPassphrase)),
        (Some(FIRST), None),
    ] {
        assert_eq!(code_of(app.may_make_recovery_key(today)), code, "{today:?}");
    }
}
