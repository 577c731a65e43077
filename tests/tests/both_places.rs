//! File and keyring that do not fit together, as a person meets them: what opens, what is said, and what either place
//! has when the opening is over.

use couchkey_authenticator::{
    Authenticator, ErrorCode,
    ports::FileError,
    view::{LockKind, Notice, VaultState},
};
use couchkey_tests::machine::{AtOnce, Machine, add, names, uri};
use couchkey_vault::Half;

const PASSPHRASE: &str = "correct horse battery";

/// A vault with so many accounts and a recovery key.
fn with_accounts(machine: &Machine, count: usize) -> (Authenticator, String) {
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    for n in 0..count {
        add(&app, &uri(n)).expect("it can be written");
    }
    let key = app.make_recovery_key(None).expect("it can be written");
    (app, key.groups.join("-"))
}

fn count(app: &Authenticator) -> usize {
    names(app).len()
}

fn lose_bundles(machine: &Machine) {
    for name in machine.keyring.names() {
        if name.contains("/bundle-") {
            machine.keyring.lose(&name);
        }
    }
}

fn copies(app: &Authenticator) -> (bool, String) {
    let checks = app.check();
    let check = checks.iter().find(|check| check.name == "copies");
    let check = check.expect("both copies are looked at");
    (check.good, check.message.clone())
}

#[test]
fn row_1_an_old_keyring_is_mended_by_an_opening_that_only_reads() {
    let machine = Machine::new();
    let (app, key) = with_accounts(&machine, 3);
    let old = machine.keyring.snapshot();
    for n in 3..6 {
        add(&app, &uri(n)).expect("it can be written");
    }
    drop(app);
    machine.keyring.restore(old);

    // Only a list of codes.
    let app = machine.start_open();
    assert_eq!(count(&app), 6, "all");
    let notices = app.status().notices;
    assert!(
        notices.contains(&Notice::KeyringOlder),
        "it is said: {notices:?}"
    );
    assert!(
        notices.contains(&Notice::NothingMissing),
        "and that was established: {notices:?}"
    );
    drop(app);
    machine.file.wipe();
    let app = machine.start_open();
    assert_eq!(count(&app), 6, "the keyring alone is whole");
    let notices = app.status().notices;
    assert!(notices.contains(&Notice::FileRebuilt), "{notices:?}");
    assert!(
        !notices.contains(&Notice::NothingMissing),
        "one place alone cannot know"
    );
    assert!(
        app.drill(&key).expect("it opens").proven_at.is_some(),
        "proven"
    );
}

#[test]
fn row_1_what_cannot_be_mended_is_said() {
    let machine = Machine::new();
    let (app, _) = with_accounts(&machine, 3);
    let old = machine.keyring.snapshot();
    add(&app, &uri(3)).expect("it can be written");
    add(&app, &uri(4)).expect("it can be written");
    drop(app);
    machine.keyring.restore(old);
    machine
        .keyring
        .fail_writes(couchkey_authenticator::ports::KeyringError::Storage);
    let app = machine.start_open();
    assert_eq!(count(&app), 5, "codes are there all the same");
    assert!(
        app.status().notices.contains(&Notice::NotMended),
        "{:?}",
        app.status().notices
    );
    let (good, message) = copies(&app);
    assert!(!good, "{message}");
    machine.keyring.heal();
    drop(app);
    drop(machine.start_open());
    machine.file.wipe();
    assert_eq!(count(&machine.start_open()), 5, "the next start mends it");
}

#[test]
fn row_2_two_computers_keep_what_either_added_while_apart() {
    let one = Machine::new();
    let (app, _) = with_accounts(&one, 2);
    let two = one.beside();
    two.keyring.restore(one.keyring.snapshot());
    let synced = one.file.snapshot();
    add(&app, &uri(10)).expect("it can be written");
    let of_one = one.file.snapshot();
    drop(app);
    one.file.restore(synced);
    let app = two.start_open();
    add(&app, &uri(20)).expect("it can be written");
    add(&app, &uri(21)).expect("it can be written");
    drop(app);
    drop(of_one);
    // The folder has what the second one wrote, the first one's keyring what it acknowledged.
    let app = one.start_open();
    let codes = app.codes().expect("open");
    let back: Vec<_> = codes
        .accounts
        .iter()
        .filter(|a| a.came_back)
        .map(|a| a.account.clone())
        .collect();
    assert_eq!(codes.accounts.len(), 5, "nothing is dropped");
    assert_eq!(
        back.len(),
        3,
        "what one of them had alone is marked: {back:?}"
    );
    let notices = app.status().notices;
    assert!(
        notices.contains(&Notice::PutTogether) && notices.contains(&Notice::CameBack),
        "{notices:?}"
    );
    let listed = app.accounts(None).expect("open");
    assert_eq!(
        listed.iter().filter(|row| row.came_back).count(),
        3,
        "on the command line, too"
    );
    drop(app);
    let app = one.start_open();
    assert!(
        app.status().notices.contains(&Notice::CameBack),
        "until somebody has looked"
    );
    app.seen().expect("it can be written");
    assert!(
        !app.status().notices.contains(&Notice::CameBack),
        "{:?}",
        app.status().notices
    );
    assert_eq!(
        names(&two.start_open()).len(),
        5,
        "the second one has all of them"
    );
}

#[test]
fn row_2_a_window_that_stays_open_notices_that_the_folder_is_another_one() {
    let machine = Machine::new();
    let (app, _) = with_accounts(&machine, 2);
    let old = machine.file.snapshot();
    for n in 2..6 {
        add(&app, &uri(n)).expect("it can be written");
    }
    machine.file.restore(old);
    assert_eq!(
        app.codes().expect("open").accounts.len(),
        6,
        "nothing is missing"
    );
    assert!(
        app.status().notices.contains(&Notice::OlderCopy),
        "{:?}",
        app.status().notices
    );
    machine.keyring.wipe();
    let found = couchkey_vault::Found {
        file_a: machine.file.contents(Half::A),
        file_b: machine.file.contents(Half::B),
        head: None,
    };
    assert!(
        couchkey_vault::survey(&found).file > Some(6),
        "and the file is mended"
    );
}

#[test]
fn row_3_bundles_are_looked_at_by_doctor_by_the_drill_and_after_an_opening() {
    type Look = fn(&Authenticator, &str);
    let looks: [(&str, Look); 3] = [
        ("doctor", |app, _| {
            let (good, message) = copies(app);
            assert!(!good && message.contains("missing or damaged"), "{message}");
            assert_eq!(
                copies(app).0,
                app.status().notices.is_empty(),
                "said as long as it is news"
            );
        }),
        ("drill", |app, key| {
            let drill = app.drill(key).expect("it opens");
            assert!(
                drill.mended > 0 && drill.both_whole,
                "mended first, then proven"
            );
        }),
        ("in the background", |app, _| {
            app.back_up_if_behind();
            assert!(
                app.status().notices.contains(&Notice::Repaired),
                "it is said"
            );
        }),
    ];
    for (what, look) in looks {
        let machine = Machine::new();
        let (app, key) = with_accounts(&machine, 5);
        drop(app);
        lose_bundles(&machine);
        let app = machine.start_open();
        look(&app, &key);
        drop(app);
        machine.file.wipe();
        assert_eq!(
            count(&machine.start_open()),
            5,
            "{what}: the keyring alone is whole"
        );
    }
}

#[test]
fn row_3_neither_doctor_nor_drill_is_content_with_a_keyring_that_cannot_be_read_or_written() {
    let machine = Machine::new();
    let (app, key) = with_accounts(&machine, 3);
    lose_bundles(&machine);
    machine
        .keyring
        .fail_writes(couchkey_authenticator::ports::KeyringError::Storage);
    let (good, message) = copies(&app);
    assert!(!good, "{message}");
    assert!(app.drill(&key).is_err(), "not proven");
    machine.keyring.heal();
    assert!(
        copies(&app).1.contains("missing or damaged"),
        "then it is mended"
    );
}

#[test]
fn row_4_nothing_is_claimed_where_accounts_are_missing() {
    let machine = Machine::new();
    let (app, key) = with_accounts(&machine, 2);
    add(&app, &uri(7)).expect("it can be written");
    drop(app);
    // The newest half is spoilt and the keyring is gone.
    machine.keyring.wipe();
    let a = machine.file.contents(Half::A).expect("both were written");
    let b = machine.file.contents(Half::B).expect("both were written");
    let generation = |bytes: &[u8]| {
        let found = couchkey_vault::Found {
            file_a: Some(bytes.to_vec()),
            ..Default::default()
        };
        couchkey_vault::survey(&found).file
    };
    let newest = if generation(&a) > generation(&b) {
        Half::A
    } else {
        Half::B
    };
    machine
        .file
        .put(newest, Some(b"\x89CKV\r\n\x1A\n spoilt".to_vec()));
    let app = machine.start();
    let status = app.recover(&key, None).expect("it opens");
    assert!(
        status.notices.contains(&Notice::Incomplete),
        "{:?}",
        status.notices
    );
    assert!(
        !status.notices.contains(&Notice::NothingMissing),
        "{:?}",
        status.notices
    );
    drop(app);
    let notices = machine.start_open().status().notices;
    assert!(
        notices.contains(&Notice::Incomplete),
        "and at the next start: {notices:?}"
    );
    let app = machine.start_open();
    app.seen().expect("it can be written");
    assert!(
        !app.status().notices.contains(&Notice::Incomplete),
        "until somebody has looked"
    );
}

#[test]
fn row_6_one_half_that_cannot_be_read_stops_nobody() {
    let failed = FileError::Failed(std::io::ErrorKind::Other);
    for half in Half::BOTH {
        for error in [failed, FileError::TooLarge, FileError::Denied] {
            let machine = Machine::new();
            let (app, key) = with_accounts(&machine, 3);
            drop(app);
            machine.file.spoil(half, error);
            let app = machine.start_open();
            assert_eq!(count(&app), 3, "{half:?} {error:?}");
            let (good, message) = copies(&app);
            assert!(!good, "doctor says trouble");
            let name = format!("vault.{} cannot be read", half.letter());
            assert!(message.contains(&name), "which, and why: {message}");
            // Changes are kept, whichever half would have been next, and survive the keyring.
            for n in 3..6 {
                add(&app, &uri(n)).expect("it can be written");
            }
            drop(app);
            assert_eq!(count(&machine.start_open()), 6, "{half:?} {error:?}");
            machine.keyring.wipe();
            let app = machine.start();
            app.recover(&key, None).expect("recovery, too");
            assert_eq!(count(&app), 6, "{half:?} {error:?}: by the file alone");
        }
    }
    let machine = Machine::new();
    let (app, _) = with_accounts(&machine, 3);
    drop(app);
    machine.keyring.wipe();
    for half in Half::BOTH {
        machine.file.spoil(half, failed);
    }
    let trouble = machine
        .start()
        .open()
        .expect("answers")
        .trouble
        .expect("in trouble");
    assert_eq!(
        trouble.code,
        ErrorCode::VaultDamaged,
        "and not an empty place"
    );
    assert!(trouble.message.contains("read"), "{}", trouble.message);
}

#[test]
fn row_7_one_computer_recovers_another_mends_and_both_open_by_themselves() {
    let one = Machine::new();
    let (app, key) = with_accounts(&one, 2);
    drop(app);
    let two = one.beside();
    let app = two.start();
    app.recover(&key, None)
        .expect("with the key from the sheet");
    add(&app, &uri(5)).expect("it can be written");
    drop(app);
    assert_eq!(
        count(&one.start_open()),
        3,
        "the first opens by itself and mends its keyring"
    );
    assert_eq!(count(&two.start_open()), 3, "so does the second");
    // The first loses its keyring and recovers; the second mends; the first still opens.
    one.keyring.wipe();
    let app = one.start();
    app.recover(&key, None)
        .expect("with the key from the sheet");
    drop(app);
    drop(two.start_open());
    for machine in [&one, &two] {
        assert_eq!(
            count(&machine.start_open()),
            3,
            "each by its own device key"
        );
    }
    two.file.wipe();
    assert_eq!(count(&one.start_open()), 3, "from its keyring alone, too");
}

#[test]
fn row_9_old_files_that_are_put_back_ask_for_the_passphrase() {
    let machine = Machine::new();
    let (app, _) = with_accounts(&machine, 2);
    let old = machine.file.snapshot();
    app.change_lock(None, Some(PASSPHRASE))
        .expect("it can be written");
    add(&app, &uri(5)).expect("it can be written");
    drop(app);
    machine.file.restore(old);
    let app = machine.start();
    let status = app.open().expect("answers");
    assert_eq!(
        status.state,
        VaultState::Locked,
        "no code without the passphrase"
    );
    assert_eq!(
        status.lock,
        Some(LockKind::Strong),
        "and it says what it asks for"
    );
    assert!(app.codes().is_err(), "nothing is shown");
    let wrong = app
        .unlock("not that one at all")
        .map_err(|error| error.code());
    assert_eq!(
        wrong.err(),
        Some(ErrorCode::WrongPassphrase),
        "another passphrase"
    );
    app.unlock(PASSPHRASE).expect("today's");
    assert_eq!(count(&app), 3, "with everything");
    drop(app);
    let status = machine.start().open().expect("answers");
    assert_eq!(status.lock, Some(LockKind::Strong), "the files are mended");
    // A fresh process that is asked to unlock at once.
    machine.file.restore(machine.file.snapshot());
    machine.start().unlock(PASSPHRASE).expect("as ever");
}
