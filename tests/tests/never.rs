//! What may never happen, one test a sentence; and every crash point of every change.

use std::sync::{Arc, Mutex};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, Parts, Source,
    ports::{FileError, Keyring, KeyringError},
    view::{EditForm, KeyringKind, LockKind, Notice, Selection, VaultState, Way},
};
use couchkey_tests::machine::{AtOnce, Machine, NOW, SECRET, add, all, export_of, names, uri};
use couchkey_vault::Half;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A machine with a vault of three accounts and a recovery key, and that key.
fn household() -> (Machine, String) {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None)
        .expect("a fresh machine takes a vault");
    for n in 0..3 {
        add(&app, &uri(n)).expect("it can be written");
    }
    let key = app.make_recovery_key(None).expect("it can be written");
    (machine, key.groups.join("-"))
}

fn code_of(result: Result<impl Sized, Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

const ALL_THREE: [&str; 3] = ["person0", "person1", "person2"];

#[test]
fn a_missing_device_key_beside_a_vault_never_makes_a_new_one() {
    let (machine, key) = household();
    let id_and_more = machine.keyring.names();
    let device_key = id_and_more
        .iter()
        .find(|name| name.ends_with("/device-key"))
        .expect("a vault has a device key");
    machine.keyring.lose(device_key);

    let app = machine.start();
    let status = app.open().expect("trouble is an answer");
    assert_eq!(status.state, VaultState::Trouble, "nothing opens it");
    assert_eq!(
        status.trouble.map(|report| report.code),
        Some(ErrorCode::NeedsRecovery),
        "the right word for it"
    );
    assert!(
        !machine
            .keyring
            .names()
            .iter()
            .any(|name| name.ends_with("/device-key")),
        "no key was made without being asked"
    );
    assert_eq!(
        code_of(app.create_vault(None)),
        Some(ErrorCode::VaultExists),
        "nor is a new vault made on top"
    );
    app.recover(&key, None)
        .expect("the recovery key is the cure");
    assert_eq!(names(&app), ALL_THREE, "everything is back");
    assert_eq!(
        names(&machine.start_open()),
        ALL_THREE,
        "and the new device key works"
    );
}

#[test]
fn a_wiped_keyring_needs_the_recovery_key_and_loses_nothing() {
    let (machine, key) = household();
    machine.keyring.wipe();
    let app = machine.start();
    let status = app.open().expect("trouble is an answer");
    assert_eq!(
        status.trouble.map(|r| r.code),
        Some(ErrorCode::NeedsRecovery),
        "the file is there"
    );
    assert!(status.has_recovery_key, "so that the screen can offer it");
    assert!(machine.keyring.names().is_empty(), "nothing was written");
    app.recover(&key, None).expect("the mirror alone is enough");
    assert_eq!(names(&app), ALL_THREE, "from the mirror alone");
    machine.file.wipe();
    assert_eq!(
        names(&machine.start_open()),
        ALL_THREE,
        "and the keyring was filled again: now it alone is enough"
    );
}

#[test]
fn a_lost_data_directory_is_rebuilt_from_the_keyring() {
    let (machine, _) = household();
    machine.file.wipe();
    let app = machine.start();
    assert_eq!(
        app.status().state,
        VaultState::Locked,
        "it is not taken for a first run"
    );
    assert_eq!(
        code_of(app.create_vault(None)),
        Some(ErrorCode::VaultExists),
        "a keyring header forbids a new vault"
    );
    let status = app.open().expect("it opens");
    assert_eq!(status.state, VaultState::Open, "by the keyring alone");
    assert!(status.notices.contains(&Notice::FileRebuilt), "and says so");
    let mut found = names(&app);
    found.sort();
    assert_eq!(found, ALL_THREE, "everybody is there");
    assert!(machine.file.contents(Half::A).is_some() || machine.file.contents(Half::B).is_some());
}

#[test]
fn a_trouble_stands_until_something_opens_the_vault() {
    let (machine, _) = household();
    machine.keyring.fail_always(KeyringError::Locked);
    let app = machine.start();
    assert_eq!(
        app.status().state,
        VaultState::Locked,
        "nobody was asked yet"
    );
    let met = app.open().expect("trouble is an answer");
    assert_eq!(met.state, VaultState::Trouble, "the keyring is locked");
    assert_eq!(app.status(), met, "and it is said to whoever asks later");
    machine.keyring.heal();
    assert_eq!(
        app.open().expect("it opens").state,
        VaultState::Open,
        "a trouble that is over keeps nobody out"
    );
    assert_eq!(app.status().trouble, None, "and is forgotten");
    assert_eq!(
        app.lock().trouble,
        None,
        "also when the vault is shut again"
    );
}

#[test]
fn the_check_finds_nothing_wrong_with_a_passphrase_where_there_is_no_keyring() {
    let machine = Machine::without_keyring();
    let app = machine.start();
    let keyring = |app: &Authenticator| {
        let mut checks = app.check().into_iter();
        checks
            .find(|check| check.name == "keyring")
            .expect("it looks there")
    };
    assert!(keyring(&app).good, "a vault here will need a passphrase");
    app.create_vault(Some("correct horse battery"))
        .expect("a passphrase is enough");
    assert!(keyring(&app).good, "open");
    app.lock();
    assert!(keyring(&app).good, "and locked");

    let (machine, _) = household();
    machine.take_keyring_away();
    let check = keyring(&machine.start());
    assert!(!check.good, "a vault that needs a keyring misses it");
    assert!(!check.hint.is_empty(), "and there is a cure");
}

#[test]
fn the_status_says_since_when_there_is_a_recovery_key() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    assert_eq!(app.status().recovery_made, None, "there is none yet");
    app.make_recovery_key(None).expect("it can be written");
    assert_eq!(
        app.status().recovery_made.map(u64::from),
        Some(NOW),
        "just now"
    );
    assert_eq!(
        machine.start().status().recovery_made,
        None,
        "sealed while it is locked"
    );
}

#[test]
fn a_locked_keyring_is_never_no_entry() {
    for (error, code) in [
        (KeyringError::Locked, ErrorCode::KeyringLocked),
        (KeyringError::TimedOut, ErrorCode::KeyringSilent),
    ] {
        let (machine, _) = household();
        machine.keyring.fail_always(error);
        let app = machine.start();
        let status = app.open().expect("trouble is an answer");
        assert_eq!(status.trouble.map(|r| r.code), Some(code), "{error}");
        machine.keyring.heal();
        assert_eq!(
            app.open().expect("again").state,
            VaultState::Open,
            "a retry is the cure"
        );
        assert_eq!(names(&app), ALL_THREE, "nothing was lost");
    }
}

#[test]
fn a_keyring_that_does_not_answer_can_be_gone_on_without_and_keeps_what_it_has() {
    let machine = Machine::new();
    machine.keyring.fail_always(KeyringError::TimedOut);
    let app = machine.start();
    let status = app.open().expect("trouble is an answer");
    assert_eq!(status.ways, [Way::Retry, Way::WithoutKeyring]);
    let status = app.open_without_keyring().expect("answers");
    assert_eq!(
        (status.state, status.keyring),
        (VaultState::None, KeyringKind::Missing),
        "as on a computer without a keyring"
    );
    app.create_vault(Some("correct horse battery"))
        .expect("no keyring is asked");
    add(&app, &uri(1)).expect("it can be written");
    let again = machine.start();
    again
        .unlock("correct horse battery")
        .expect("the passphrase opens it, at every start");
    assert_eq!(names(&again).len(), 1, "it is there");
    assert!(machine.keyring.snapshot().is_empty(), "nothing went there");

    // A vault whose key that keyring has: nothing is made beside it, and the recovery key needs a passphrase.
    let (machine, key) = household();
    let entries = machine.keyring.snapshot();
    machine.keyring.fail_always(KeyringError::TimedOut);
    let app = machine.start();
    app.open().expect("trouble is an answer");
    let status = app.open_without_keyring().expect("trouble is an answer");
    assert_eq!(
        status.trouble.map(|report| report.code),
        Some(ErrorCode::KeyringUnavailable)
    );
    assert_eq!(status.ways, [Way::Retry, Way::RecoveryKey, Way::Backup]);
    assert_eq!(
        code_of(app.create_vault(Some("correct horse battery"))),
        Some(ErrorCode::VaultExists)
    );
    machine.keyring.heal();
    assert_eq!(
        app.open().expect("answers").state,
        VaultState::Open,
        "whoever tries again asks the keyring again"
    );
    app.lock();
    app.open_without_keyring().expect("trouble is an answer");
    app.recover(&key, Some("correct horse battery"))
        .expect("the recovery key and a passphrase do without it");
    assert_eq!(names(&app), ALL_THREE, "from the files");
    assert_eq!(machine.keyring.snapshot(), entries, "what it has stays");
}

#[test]
fn a_locked_keyring_with_no_file_is_never_a_first_run() {
    let (machine, _) = household();
    machine.file.wipe();
    machine.keyring.fail_always(KeyringError::Locked);
    let app = machine.start();
    assert_eq!(
        app.status().state,
        VaultState::Trouble,
        "nobody can know what is in there"
    );
    assert_eq!(
        code_of(app.create_vault(Some("correct horse battery"))),
        Some(ErrorCode::KeyringLocked),
        "and no vault is made on a guess"
    );
}

#[test]
fn a_keyring_that_is_denied_or_away_has_its_own_words() {
    let (machine, key) = household();
    machine.keyring.fail_always(KeyringError::Denied);
    let status = machine.start().open().expect("trouble is an answer");
    assert_eq!(
        status.trouble.map(|r| r.code),
        Some(ErrorCode::KeyringDenied),
        "denied"
    );
    machine.keyring.heal();
    machine.take_keyring_away();
    let app = machine.start();
    let status = app.open().expect("trouble is an answer");
    assert_eq!(
        status.trouble.map(|r| r.code),
        Some(ErrorCode::KeyringUnavailable),
        "away"
    );
    app.recover(&key, Some("correct horse battery"))
        .expect("the recovery key and a passphrase do without a keyring");
    assert_eq!(names(&app), ALL_THREE, "from the mirror");
    let again = machine.start();
    again
        .unlock("correct horse battery")
        .expect("the passphrase opens it from now on");
    assert_eq!(names(&again), ALL_THREE, "still there");
}

#[test]
fn one_unreadable_item_never_blocks_the_others() {
    let (machine, _) = household();
    // Both generations of the file and every bundle: flip one bit in the second account's sealed item wherever it is.
    let app = machine.start_open();
    let good = app.codes().expect("open").accounts.len();
    drop(app);
    for half in [Half::A, Half::B] {
        if let Some(mut bytes) = machine.file.contents(half) {
            // The mirror is the last part before the checksum.
            let at = bytes.len() - 80;
            bytes[at] ^= 1;
            machine.file.put(half, Some(bytes));
        }
    }
    for name in machine.keyring.names() {
        if name.contains("/bundle-") {
            machine.keyring.lose(&name);
        }
    }
    let app = machine.start();
    let status = app.open().expect("answers");
    assert_eq!(
        status.state,
        VaultState::Open,
        "the vault opens all the same: {:?}",
        status.trouble
    );
    let codes = app.codes().expect("open");
    assert_eq!(
        codes.accounts.len() + codes.damaged.len(),
        good,
        "each account is there or named as damaged"
    );
    assert_eq!(codes.damaged.len(), 1, "one item was touched");
    assert!(
        status.notices.contains(&Notice::ItemsDamaged),
        "and it is said"
    );
    // A change keeps what is damaged.
    add(&app, &uri(9)).expect("the others can be changed");
    assert_eq!(
        machine.start_open().codes().expect("open").damaged.len(),
        1,
        "kept, not dropped"
    );
}

#[test]
fn a_damaged_item_is_mended_from_the_keyring() {
    let (machine, _) = household();
    for half in [Half::A, Half::B] {
        if let Some(mut bytes) = machine.file.contents(half) {
            let at = bytes.len() - 80;
            bytes[at] ^= 1;
            machine.file.put(half, Some(bytes));
        }
    }
    let app = machine.start_open();
    assert_eq!(names(&app), ALL_THREE, "the bundle has it");
    assert!(
        app.status().notices.contains(&Notice::Repaired),
        "and it is said"
    );
}

#[test]
fn nothing_is_deleted_at_once() {
    let (machine, _) = household();
    let app = machine.start_open();
    let id = app.codes().expect("open").accounts[1].id.clone();
    app.remove(&id).expect("it can be written");
    assert_eq!(names(&app), ["person0", "person2"], "off the list");
    let day = 24 * 60 * 60;
    machine.clock.set(NOW + 30 * day - 1);
    let later = machine.start_open();
    assert_eq!(
        later.trash().expect("open")[0].days_left,
        1,
        "to the last second"
    );
    later.restore(&id).expect("it can be written");
    assert_eq!(names(&later), ALL_THREE, "back in its place");
    later.remove(&id).expect("it can be written");
    machine.clock.set(NOW + 60 * day + day);
    assert_eq!(
        machine.start_open().trash().expect("open")[0].days_left,
        30,
        "once more it is looked at"
    );
    machine.clock.set(NOW + 92 * day);
    assert!(
        machine.start_open().trash().expect("open").is_empty(),
        "after thirty days more it is gone"
    );
}

/// The clock is in 2020 when the account is removed; and later, for a while, again.
#[test]
fn an_account_removed_by_a_clock_in_2020_is_there_for_thirty_days() {
    let (machine, _) = household();
    let app = machine.start_open();
    let id = app.codes().expect("open").accounts[1].id.clone();
    let (in_2020, day) = (1_600_000_000, 24 * 60 * 60);
    machine.clock.set(in_2020);
    app.remove(&id).expect("it can be written");
    for days in [0, 1, 8, 15, 29] {
        machine.clock.set(NOW + days * day);
        let rows = machine.start_open().trash().expect("open");
        assert_eq!(rows[0].days_left, 30 - days as u32, "day {days}");
    }
    machine.clock.set(in_2020);
    let rows = machine.start_open().trash().expect("open");
    assert_eq!(rows.len(), 1, "such a clock empties nothing");
    machine.clock.set(NOW + 31 * day);
    assert!(
        machine.start_open().trash().expect("open").is_empty(),
        "thirty days after it was first seen there"
    );
}

/// A clock that is decades ahead while the app is opened, more than once, and right again afterwards.
#[test]
fn a_clock_decades_ahead_does_not_empty_the_trash() {
    let (machine, _) = household();
    let app = machine.start_open();
    let id = app.codes().expect("open").accounts[1].id.clone();
    app.remove(&id).expect("it can be written");
    for ahead in [20, 20, 40, 60] {
        machine.clock.set(NOW + ahead * 366 * 24 * 60 * 60);
        assert_eq!(
            machine.start_open().trash().expect("open").len(),
            1,
            "ahead"
        );
    }
    machine.clock.set(NOW + 1);
    let later = machine.start_open();
    later.restore(&id).expect("it can be written");
    assert_eq!(names(&later), ALL_THREE, "back in its place");
}

#[test]
fn a_newer_major_version_is_refused_and_never_written_over() {
    let (machine, _) = household();
    for half in [Half::A, Half::B] {
        if let Some(mut bytes) = machine.file.contents(half) {
            // The major version stands behind the magic: docs/vault-format.md.
            let at = 8;
            bytes[at..at + 2].copy_from_slice(&2u16.to_be_bytes());
            let sum = bytes.len() - 32;
            let checksum = Sha256::digest(&bytes[..sum]);
            bytes[sum..].copy_from_slice(&checksum);
            machine.file.put(half, Some(bytes));
        }
    }
    let before = machine.file.snapshot();
    let app = machine.start();
    let status = app.open().expect("trouble is an answer");
    assert_eq!(
        status.trouble.map(|r| r.code),
        Some(ErrorCode::VaultNewerVersion),
        "says so"
    );
    assert_eq!(
        code_of(app.create_vault(None)),
        Some(ErrorCode::VaultNewerVersion),
        "no new vault"
    );
    assert_eq!(
        machine.file.snapshot(),
        before,
        "and not one byte was written"
    );
}

#[test]
fn an_older_copy_of_the_file_is_noticed_and_the_newer_accounts_come_from_the_keyring() {
    let (machine, _) = household();
    let old = machine.file.snapshot();
    let app = machine.start_open();
    for n in 3..6 {
        add(&app, &uri(n)).expect("it can be written");
    }
    drop(app);
    machine.file.restore(old);
    let app = machine.start_open();
    assert!(
        app.status().notices.contains(&Notice::OlderCopy),
        "it is said"
    );
    let mut found = names(&app);
    found.sort();
    assert_eq!(
        found,
        [
            "person0", "person1", "person2", "person3", "person4", "person5"
        ],
        "all of them"
    );
}

#[test]
fn where_there_is_no_keyring_a_passphrase_is_required() {
    let machine = Machine::without_keyring();
    let app = machine.start();
    let status = app.status();
    assert_eq!(
        (status.state, status.keyring),
        (VaultState::None, KeyringKind::Missing),
        "told up front"
    );
    assert_eq!(
        code_of(app.create_vault(None)),
        Some(ErrorCode::PassphraseNeeded),
        "no key lies beside its vault"
    );
    assert_eq!(
        code_of(app.create_vault(Some("short"))),
        Some(ErrorCode::PassphraseTooShort),
        "too easy to guess"
    );
    app.create_vault(Some("correct horse battery"))
        .expect("this one will do");
    add(&app, &uri(0)).expect("it can be written");
    assert!(
        machine.keyring.names().is_empty(),
        "the system's keyring was not asked"
    );
    assert!(
        !machine
            .file_keyring
            .names()
            .iter()
            .any(|name| name.ends_with("/device-key")),
        "and no device key lies in files"
    );
    let app = machine.start();
    assert_eq!(
        app.open().expect("answers").state,
        VaultState::Locked,
        "it asks"
    );
    assert_eq!(
        code_of(app.unlock("correct horse batterz")),
        Some(ErrorCode::WrongPassphrase),
        "wrong"
    );
    app.unlock("correct horse battery").expect("right");
    assert_eq!(names(&app), ["person0"], "there it is");
    assert_eq!(
        code_of(app.set_passphrase(Some("correct horse battery"), None)),
        Some(ErrorCode::PassphraseNeeded),
        "it cannot be taken off"
    );
}

#[test]
fn the_app_lock_needs_both_and_can_be_taken_off() {
    let (machine, _) = household();
    let app = machine.start_open();
    app.change_lock(None, Some("correct horse battery"))
        .expect("it can be written");
    assert_eq!(
        app.status().lock,
        Some(LockKind::Strong),
        "passphrase and device key"
    );
    let app = machine.start();
    assert_eq!(
        app.open().expect("answers").state,
        VaultState::Locked,
        "the device key alone is not enough"
    );
    assert_eq!(
        code_of(app.codes()),
        Some(ErrorCode::VaultLocked),
        "nothing is shown"
    );
    assert_eq!(
        code_of(app.unlock("wrong but long enough")),
        Some(ErrorCode::WrongPassphrase),
        "wrong"
    );
    app.unlock("correct horse battery").expect("right");
    assert_eq!(names(&app), ALL_THREE, "there they are");
    assert_eq!(
        app.set_passphrase(Some("correct horse battery"), None)
            .expect("it can be written")
            .lock,
        Some(LockKind::Device),
        "off again"
    );
    assert_eq!(names(&machine.start_open()), ALL_THREE, "opens by itself");
}

#[test]
fn a_start_reads_each_half_of_the_file_once() {
    let (machine, _) = household();
    let app = machine.start();
    let before = machine.file.read_calls();
    assert_eq!(app.open().expect("answers").state, VaultState::Open);
    assert_eq!(names(&app), ALL_THREE, "and shows what is in it");
    assert_eq!(machine.file.read_calls() - before, 2, "two halves");
}

#[test]
fn what_another_process_saves_while_the_keyring_asks_is_opened() {
    let (machine, _) = household();
    let other = Mutex::new(Some(machine.start_open()));
    let keyring = machine.keyring.clone();
    let app = Authenticator::new(Parts {
        system_keyring: Box::new(move || {
            if let Some(other) = other.lock().expect("no test fails in there").take() {
                add(&other, &uri(7)).expect("it can be written");
            }
            Ok(Arc::new(keyring.clone()) as Arc<dyn Keyring>)
        }),
        ..machine.parts()
    });
    let status = app.open().expect("answers");
    assert_eq!(
        (status.state, status.notices.contains(&Notice::CameBack)),
        (VaultState::Open, false)
    );
    assert_eq!(names(&app).len(), 4, "the newest of all");
}

#[test]
fn locking_drops_codes_and_previews() {
    let (machine, _) = household();
    let app = machine.start_open();
    let preview = app
        .preview(Source::Text(&uri(7)), &mut |_| ())
        .expect("a good URI");
    let status = app.lock();
    assert_eq!(status.state, VaultState::Locked, "locked");
    assert_eq!(
        code_of(app.codes()),
        Some(ErrorCode::VaultLocked),
        "no codes"
    );
    assert!(app.pending_preview().is_none(), "no preview");
    app.open().expect("opens");
    assert_eq!(
        code_of(app.add(&all(&preview), &mut |_| ())),
        Some(ErrorCode::PreviewGone),
        "its tokens are dead"
    );
    assert_eq!(names(&app), ALL_THREE, "and nothing was added");
}

#[test]
fn a_recovery_key_of_another_vault_and_a_mistyped_one_have_different_words() {
    let (machine, key) = household();
    let (_, other) = household();
    machine.keyring.wipe();
    let app = machine.start();
    assert_eq!(
        code_of(app.recover(&other, None)),
        Some(ErrorCode::WrongRecoveryKey),
        "another vault's"
    );
    let typo = key.replacen(key.chars().next().expect("not empty"), "!", 1);
    assert_eq!(
        code_of(app.recover(&typo, None)),
        Some(ErrorCode::RecoveryKeyTypo),
        "mistyped"
    );
    let sloppy = key.to_lowercase().replace('-', " ");
    app.recover(&sloppy, None)
        .expect("case and grouping do not matter");
}

#[test]
fn making_a_new_recovery_key_ends_the_older_one() {
    let (machine, old) = household();
    let app = machine.start_open();
    let new = app
        .make_recovery_key(None)
        .expect("it can be written")
        .groups
        .join("-");
    machine.keyring.wipe();
    let app = machine.start();
    assert_eq!(
        code_of(app.recover(&old, None)),
        Some(ErrorCode::WrongRecoveryKey),
        "the older one"
    );
    app.recover(&new, None).expect("the new one");
}

/// Every change, as a function of the app, with the names that the list has before and after it.
type Change = (&'static str, fn(&Authenticator) -> Result<(), Error>);

fn first_id(app: &Authenticator) -> String {
    app.codes().expect("open").accounts[0].id.clone()
}

const CHANGES: [Change; 9] = [
    ("add", |app| add(app, &uri(5)).map(drop)),
    ("edit", |app| {
        let form = EditForm {
            account: Some("renamed".to_owned()),
            ..EditForm::default()
        };
        app.edit(&first_id(app), form)
    }),
    ("remove", |app| app.remove(&first_id(app))),
    ("move", |app| app.move_account(&first_id(app), 2)),
    ("set a passphrase", |app| {
        let today =
            (app.status().lock != Some(LockKind::Device)).then_some("correct horse battery");
        app.change_lock(today, Some("correct horse battery"))
            .map(drop)
    }),
    ("make a recovery key", |app| {
        app.make_recovery_key(None).map(drop)
    }),
    ("new keys", |app| app.rotate_keys(None).map(drop)),
    ("settings", |app| {
        let mut settings = app.settings()?;
        settings.grouping = 2;
        app.set_settings(&settings)
    }),
    ("import thirty", |app| {
        let export = Zeroizing::new(export_of(30).into_bytes());
        let preview = app.preview(Source::File(export), &mut |_| ())?;
        app.add(&Selection::of(&preview), &mut |_| ()).map(drop)
    }),
];

/// What a person sees of the vault: names in order, grouping, what unlocks it.
fn picture(machine: &Machine) -> String {
    let app = machine.start();
    let status = app.open().expect("answers");
    assert!(
        status.trouble.is_none(),
        "never in trouble: {:?}",
        status.trouble
    );
    if status.state == VaultState::Locked {
        app.unlock("correct horse battery")
            .expect("the passphrase of the change under test");
    }
    let lock = app.status().lock;
    let grouping = app.settings().expect("open").grouping;
    let codes = app.codes().expect("open");
    assert!(codes.damaged.is_empty(), "nothing is damaged");
    format!("{:?} {lock:?} {grouping}", names(&app))
}

#[test]
fn every_crash_point_of_every_change_leaves_the_old_state_or_the_new_one() {
    for (name, change) in CHANGES {
        let (machine, _) = household();
        let app = machine.start_open();
        let (entries, halves) = (machine.keyring.snapshot(), machine.file.snapshot());
        let old = picture(&machine);
        let before = machine.fuse.writes();
        change(&app).unwrap_or_else(|error| panic!("{name}: {error}"));
        let writes = machine.fuse.writes() - before;
        let new = picture(&machine);
        assert!(writes >= 2, "{name} writes file and head at the least");
        drop(app);
        for at in 1..=writes {
            machine.keyring.restore(entries.clone());
            machine.file.restore(halves.clone());
            let app = machine.start_open();
            machine.fuse.blow_at_write(at);
            assert!(
                change(&app).is_err(),
                "{name}: a power cut at write {at} is not acknowledged"
            );
            drop(app);
            machine.fuse.mend();
            let seen = picture(&machine);
            assert!(
                seen == old || seen == new,
                "{name}, power cut at write {at} of {writes}: {seen}"
            );
            // And the vault is as good as new: it takes a change.
            let app = machine.start();
            if app.open().expect("answers").state == VaultState::Locked {
                app.unlock("correct horse battery")
                    .expect("the passphrase under test");
            }
            add(&app, &uri(8)).unwrap_or_else(|error| panic!("{name} at {at}: {error}"));
        }
    }
}

#[test]
fn every_failing_call_of_every_change_leaves_the_old_state_or_the_new_one_and_has_a_cure() {
    for (name, change) in CHANGES {
        for error in [
            KeyringError::Locked,
            KeyringError::Denied,
            KeyringError::TooLong,
            KeyringError::Ambiguous,
            KeyringError::Storage,
        ] {
            for at in 1.. {
                let (machine, _) = household();
                let app = machine.start_open();
                let old = picture(&machine);
                machine.keyring.fail_nth(at, error);
                let answer = change(&app);
                machine.keyring.heal();
                if answer.is_ok() {
                    // Either it made fewer calls than that, or it did without the one that failed.
                    break;
                }
                let report = answer.expect_err("just looked").report();
                assert!(!report.hint.is_empty(), "{name}: {error} has a cure");
                let shown = names(&app);
                let seen = picture(&machine);
                assert!(
                    seen.starts_with(&format!("{shown:?}")),
                    "{name}: the window shows what is kept, {shown:?} against {seen}"
                );
                change(&app).unwrap_or_else(|again| {
                    panic!("{name}, after {error} at {at} ({old}): {again}")
                });
            }
        }
        for error in [
            FileError::Full,
            FileError::Denied,
            FileError::Failed(std::io::ErrorKind::Other),
        ] {
            let (machine, _) = household();
            let app = machine.start_open();
            let old = picture(&machine);
            machine.file.fail_writes(error);
            let report = change(&app)
                .expect_err("the file is written in every change")
                .report();
            assert!(!report.hint.is_empty(), "{name}: {error} has a cure");
            machine.file.heal();
            assert_eq!(picture(&machine), old, "{name}: {error} changes nothing");
        }
    }
}

#[test]
fn every_crash_point_of_the_first_run_leaves_nothing_or_a_vault() {
    let machine = Machine::new();
    machine.start().create_vault(None).expect("a fresh machine");
    let writes = machine.fuse.writes();
    for at in 1..=writes {
        let machine = Machine::new();
        machine.fuse.blow_at_write(at);
        assert!(
            machine.start().create_vault(None).is_err(),
            "cut at write {at}"
        );
        machine.fuse.mend();
        let app = machine.start();
        let status = app.open().expect("answers");
        match status.state {
            VaultState::None => {
                app.create_vault(None).expect("the second try");
            }
            VaultState::Open => {}
            other => panic!(
                "cut at write {at} of {writes}: {other:?} {:?}",
                status.trouble
            ),
        }
        add(&app, &uri(0)).expect("it works");
        assert_eq!(
            names(&machine.start_open()),
            ["person0"],
            "cut at write {at}"
        );
    }
}

#[test]
fn two_processes_see_each_others_changes() {
    let (machine, _) = household();
    let (one, two) = (machine.start_open(), machine.start_open());
    add(&one, &uri(3)).expect("it can be written");
    assert_eq!(names(&two).len(), 4, "the other one shows it");
    add(&two, &uri(4)).expect("it can be written");
    add(&one, &uri(5)).expect("it can be written");
    assert_eq!(names(&one), names(&two), "and both agree");
    assert_eq!(names(&one).len(), 6, "nothing was lost");
}

#[test]
fn a_vault_that_locked_itself_in_the_middle_stays_locked() {
    let (machine, _) = household();
    let app = machine.start_open();
    app.lock();
    assert_eq!(
        code_of(add(&app, &uri(3))),
        Some(ErrorCode::VaultLocked),
        "locked is locked"
    );
}

#[test]
fn codes_follow_rfc_6238_and_change_when_they_say() {
    let machine = Machine::new();
    machine.clock.set(1_111_111_109);
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    add(
        &app,
        &format!("otpauth://totp/RFC:six?secret={SECRET}&digits=8"),
    )
    .expect("it can be written");
    let codes = app.codes().expect("open");
    let row = &codes.accounts[0];
    assert_eq!(row.code, "07081804", "RFC 6238, appendix B, 1111111109");
    assert_eq!(
        (row.valid_from, row.valid_until),
        (Some(1_111_111_080), Some(1_111_111_110)),
        "the step"
    );
    assert_eq!(codes.changes_at, Some(1_111_111_110), "when to ask again");
    machine.clock.set(1_111_111_111);
    let after = app.codes().expect("open").accounts[0].code.clone();
    assert_eq!(
        row.next_code.as_deref(),
        Some(after.as_str()),
        "the next code was the next code"
    );
    assert_eq!(after, "14050471", "RFC 6238, appendix B, 1111111111");
}

#[test]
fn a_copied_code_stays_ten_seconds_past_its_step_and_thirty_at_most() {
    let (machine, _) = household();
    machine.clock.set(NOW); // NOW is the first second of a step
    let app = machine.start_open();
    let id = first_id(&app);
    assert_eq!(
        app.code_to_copy(&id, false)
            .expect("open")
            .clear_after_seconds,
        Some(30),
        "min(30 + 10, 30)"
    );
    machine.clock.set(NOW + 25);
    assert_eq!(
        app.code_to_copy(&id, false)
            .expect("open")
            .clear_after_seconds,
        Some(15),
        "5 + 10"
    );
    let mut settings = app.settings().expect("open");
    settings.clear_clipboard = false;
    app.set_settings(&settings).expect("it can be written");
    assert_eq!(
        app.code_to_copy(&id, false)
            .expect("open")
            .clear_after_seconds,
        None,
        "as the person wants"
    );
}

#[test]
fn a_setting_that_makes_no_sense_comes_within_its_bounds() {
    let (machine, _) = household();
    let app = machine.start_open();
    let mut settings = app.settings().expect("open");
    assert_eq!(settings.hide_again_seconds, 0, "as it was before");
    settings.grouping = 7;
    settings.hide_again_seconds = u32::MAX;
    settings.auto_lock_minutes = u32::MAX;
    settings.language = Some("no language".into());
    app.set_settings(&settings).expect("it can be written");
    let kept = app.settings().expect("open");
    assert_eq!(
        (
            kept.grouping,
            kept.hide_again_seconds,
            kept.auto_lock_minutes,
            kept.language
        ),
        (3, 60 * 60, 24 * 60, None)
    );
}

#[test]
fn a_counter_moves_on_only_when_asked_and_only_where_there_is_one() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    add(
        &app,
        &format!("otpauth://hotp/RFC:h?secret={SECRET}&counter=0"),
    )
    .expect("it can be written");
    add(&app, &uri(1)).expect("it can be written");
    let codes = app.codes().expect("open");
    assert_eq!(
        codes.accounts[0].code, "755224",
        "RFC 4226, appendix D, count 0"
    );
    let moved = app
        .hotp_next(&codes.accounts[0].id)
        .expect("it can be written");
    assert_eq!(moved.accounts[0].code, "287082", "count 1");
    assert_eq!(
        machine.start_open().codes().expect("open").accounts[0].code,
        "287082",
        "kept"
    );
    assert_eq!(
        code_of(app.hotp_next(&codes.accounts[1].id)),
        Some(ErrorCode::NotHotp),
        "the clock's codes"
    );
}
