//! Backups as people meet them: made after a change, the last ten kept, never in the way, opened and proven; and new keys.

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode,
    fake::FakeBackups,
    ports::{FileError, KeyringError},
    view::{
        BackupChoice, BackupDate, BackupState, Notice, RestoreInto, RestoreOutcome, VaultState,
    },
};
use couchkey_tests::machine::{AtOnce, Machine, NOW, add, names, uri};
use couchkey_vault::Half;

const USUAL: &str = FakeBackups::USUAL;

/// A machine with a vault of three accounts and a recovery key, and that key; no backup yet.
fn household() -> (Machine, String) {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    for n in 0..3 {
        add(&app, &uri(n)).expect("it can be written");
    }
    let key = app.make_recovery_key(None).expect("it can be written");
    (machine, key.groups.join("-"))
}

fn code_of(result: Result<impl Sized, Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

fn newest(machine: &Machine) -> Vec<u8> {
    let files = machine.backups.files(USUAL);
    files.last().expect("there is one").1.clone()
}

#[test]
fn a_backup_is_made_after_a_change_and_only_then() {
    let (machine, key) = household();
    let app = machine.start_open();
    assert_eq!(app.back_up_if_changed(), None, "nothing was changed here");
    assert!(machine.backups.files(USUAL).is_empty(), "so there is none");
    add(&app, &uri(3)).expect("it can be written");
    assert_eq!(app.back_up_if_changed(), None, "no trouble");
    assert_eq!(machine.backups.writes(), 1, "one");
    assert_eq!(app.back_up_if_changed(), None, "nothing more to do");
    assert_eq!(machine.backups.writes(), 1, "still one");
    let report = app
        .verify_backup(&newest(&machine), &key)
        .expect("it opens");
    assert_eq!(
        (report.accounts, report.compared, report.matching),
        (4, 4, 4),
        "all"
    );
    assert!(
        report.intact && report.of_this_vault && report.damaged == 0,
        "whole"
    );
    // Another process sees that there is one, and one that was cut off makes up for it.
    let other = machine.start_open();
    assert_eq!(other.back_up_if_behind(), None, "it is up to date");
    assert_eq!(machine.backups.writes(), 1, "so none is written");
    add(&app, &uri(4)).expect("it can be written");
    drop(app);
    assert_eq!(machine.start_open().back_up_if_behind(), None, "no trouble");
    assert_eq!(
        machine.backups.writes(),
        2,
        "what the killed one did not get to"
    );
}

#[test]
fn a_change_of_thousands_makes_one_backup_and_locking_makes_the_one_that_is_due() {
    let (machine, _) = household();
    let app = machine.start_open();
    let lines: Vec<String> = (10..300).map(uri).collect();
    add(&app, &lines.join("\n")).expect("it can be written");
    app.lock();
    assert_eq!(machine.backups.writes(), 1, "one for all of them");
    app.lock();
    assert_eq!(machine.backups.writes(), 1, "nothing is due any more");
}

#[test]
fn the_last_ten_are_kept_and_a_busy_evening_counts_once() {
    let (machine, _) = household();
    let app = machine.start_open();
    machine.backups.plant(USUAL, "photo.png", b"not ours");
    let foreign = "couchkey-00000000-20200101T000000Z.couchkey";
    machine.backups.plant(USUAL, foreign, b"another vault's");
    for day in 0..15 {
        for minute in 0..4 {
            machine.clock.set(NOW + day * 86_400 + minute * 60);
            app.back_up().expect("it can be written");
        }
    }
    let files = machine.backups.files(USUAL);
    let ours = files.iter().map(|(name, _)| name.as_str());
    let ours: Vec<&str> = ours
        .filter(|name| name.ends_with("080300Z.couchkey"))
        .collect();
    assert_eq!(ours.len(), 10, "the last of each evening, ten of them");
    assert!(
        ours.last().is_some_and(|name| name.contains("20270129T")),
        "the newest"
    );
    assert_eq!(files.len(), 12, "and what is not ours is as it was");
    // A clock that went back: what was just written is never what is deleted.
    machine.clock.set(NOW - 86_400 * 400);
    let row = app.back_up().expect("it can be written");
    let there = machine.backups.files(USUAL);
    assert!(
        there.iter().any(|(name, _)| *name == row.name),
        "it is there"
    );
}

#[test]
fn a_backup_that_cannot_be_written_never_keeps_a_change_from_being_made() {
    for error in [
        FileError::Full,
        FileError::Denied,
        FileError::Failed(std::io::ErrorKind::NotFound),
    ] {
        let (machine, _) = household();
        let app = machine.start_open();
        machine.backups.fail_always(error);
        add(&app, &uri(3)).expect("the change is made all the same");
        let report = app.back_up_if_changed().expect("it is told");
        assert!(!report.hint.is_empty(), "{error}: with a cure");
        assert!(
            app.status().notices.contains(&Notice::BackupFailed),
            "{error}"
        );
        let problem = app.backups().expect("answers").problem;
        assert_eq!(
            problem.map(|p| p.code),
            Some(report.code),
            "{error}: the same"
        );
        machine.backups.heal();
        add(&app, &uri(4)).expect("it can be written");
        assert_eq!(app.back_up_if_changed(), None, "the next one works");
        assert!(
            !app.status().notices.contains(&Notice::BackupFailed),
            "and it is over"
        );
    }
}

#[test]
fn without_a_recovery_key_or_a_passphrase_no_useless_file_is_written() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    add(&app, &uri(0)).expect("it can be written");
    assert_eq!(app.back_up_if_changed(), None, "no trouble");
    assert!(
        machine.backups.files(USUAL).is_empty(),
        "nobody could open it"
    );
    assert_eq!(
        code_of(app.back_up()),
        Some(ErrorCode::BackupNeedsKey),
        "and it says so"
    );
    let view = app.backups().expect("answers");
    assert_eq!(
        view.problem.map(|p| p.code),
        Some(ErrorCode::BackupNeedsKey),
        "here too"
    );
    let view = app
        .set_backup_passphrase(None, Some("a passphrase for backups"))
        .expect("it can be written");
    assert!(
        view.opens_with_passphrase && view.problem.is_none(),
        "now it could"
    );
    app.back_up().expect("it can be written");
    let report = app.verify_backup(&newest(&machine), "a passphrase for backups");
    assert_eq!(report.expect("it opens").accounts, 1, "everything");
    let short = app.set_backup_passphrase(None, Some("short"));
    assert_eq!(
        code_of(short),
        Some(ErrorCode::PassphraseTooShort),
        "as elsewhere"
    );
}

#[test]
fn the_person_chooses_the_folder_and_a_folder_that_cannot_be_written_is_not_chosen() {
    let (machine, _) = household();
    let app = machine.start_open();
    let stick = BackupChoice::Folder("/media/somebody/stick".to_owned());
    machine.backups.fail_always(FileError::Denied);
    assert_eq!(
        code_of(app.set_backups(&stick)),
        Some(ErrorCode::BackupFolderUnavailable),
        "told at once"
    );
    machine.backups.heal();
    assert_eq!(
        app.backups().expect("answers").choice,
        BackupChoice::Usual,
        "as before"
    );
    let view = app.set_backups(&stick).expect("it can be written");
    assert_eq!(view.choice, stick, "chosen");
    assert_eq!(view.backups.len(), 1, "and the first one is there");
    app.set_backups(&BackupChoice::Off)
        .expect("it can be written");
    let before = machine.backups.writes();
    add(&app, &uri(5)).expect("it can be written");
    assert_eq!(app.back_up_if_changed(), None, "off");
    assert_eq!(machine.backups.writes(), before, "is off");
}

#[test]
fn keys_and_files_that_do_not_fit_have_words_of_their_own() {
    let (machine, key) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    let bytes = newest(&machine);
    let (_, other) = household();
    let verify = |bytes: &[u8], key: &str| code_of(app.verify_backup(bytes, key));
    assert_eq!(
        verify(&bytes, &other),
        Some(ErrorCode::WrongBackupKey),
        "another's"
    );
    assert_eq!(
        verify(&bytes, "hello"),
        Some(ErrorCode::RecoveryKeyTypo),
        "no key"
    );
    assert_eq!(
        verify(b"hello", &key),
        Some(ErrorCode::NotABackup),
        "no backup"
    );
    assert_eq!(
        verify(&bytes[..99], &key),
        Some(ErrorCode::BackupDamaged),
        "cut off"
    );
    assert_eq!(
        code_of(app.read_backup("../etc/passwd")),
        Some(ErrorCode::NoBackup),
        "ours only"
    );
}

#[test]
fn a_drill_proves_vault_and_backup_and_writes_the_date_down() {
    let (machine, key) = household();
    let app = machine.start_open();
    let alone = app.drill(&key).expect("the vault is open");
    assert_eq!(
        (alone.vault.matching, alone.vault.of),
        (3, 3),
        "3 of 3 codes match"
    );
    assert!(alone.backup.is_none(), "there is none yet");
    app.back_up().expect("it can be written");
    add(&app, &uri(3)).expect("it can be written");
    let drill = app.drill(&key).expect("the vault is open");
    assert_eq!((drill.vault.matching, drill.vault.of), (4, 4), "the vault");
    let backup = drill.backup.expect("there is one");
    assert_eq!(
        (backup.matching, backup.of, backup.missing),
        (3, 3, 1),
        "the backup"
    );
    assert!(drill.proven_at.is_some(), "proven");
    let view = machine.start_open().backups().expect("answers");
    assert_eq!(view.proven_at, drill.proven_at, "and written down");
    assert_eq!(
        code_of(app.drill("hello")),
        Some(ErrorCode::RecoveryKeyTypo),
        "no key"
    );
    let (_, other) = household();
    assert_eq!(
        code_of(app.drill(&other)),
        Some(ErrorCode::WrongRecoveryKey),
        "another's"
    );

    // A spoilt backup proves nothing.
    let (name, mut bytes) = machine.backups.files(USUAL)[0].clone();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    machine.backups.plant(USUAL, &name, &bytes);
    let spoilt = app.drill(&key).expect("the vault is open");
    assert!(spoilt.proven_at.is_none(), "not proven");
    app.make_recovery_key(None).expect("it can be written");
    let view = app.backups().expect("answers");
    assert_eq!(view.proven_at, None, "nothing is proven of a new key");
    assert!(
        !view.backups[0].current_key,
        "and the backup opens with the older one"
    );
}

#[test]
fn a_new_device_gets_everything_from_a_backup_in_order_and_keeps_the_recovery_key() {
    let (machine, key) = household();
    let app = machine.start_open();
    app.move_account(&app.codes().expect("open").accounts[2].id, 0)
        .expect("it can be written");
    app.back_up().expect("it can be written");
    let order = names(&app);
    let new = Machine::new();
    let phone = new.start();
    let preview = phone
        .preview_restore(&newest(&machine), &key)
        .expect("it opens");
    assert_eq!(preview.into, RestoreInto::NewVault, "there is none");
    assert_eq!(preview.rows.len(), 3, "all of them");
    assert_eq!(
        phone.status().state,
        VaultState::None,
        "a preview writes nothing"
    );
    let done = phone
        .restore_backup(&newest(&machine), &key, None, false)
        .expect("a fresh machine");
    assert_eq!((done.added, done.damaged), (3, 0), "all of them");
    assert_eq!(names(&new.start_open()), order, "in order");
    new.keyring.wipe();
    let again = new.start();
    again.recover(&key, None).expect("the sheet stays good");
    assert_eq!(names(&again), order, "everything");
}

#[test]
fn into_an_open_vault_comes_what_it_lacks_and_nothing_is_written_over() {
    let (machine, key) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    let bytes = newest(&machine);
    let first = app.codes().expect("open").accounts[0].id.clone();
    let form = couchkey_authenticator::view::EditForm {
        account: Some("renamed since".to_owned()),
        ..Default::default()
    };
    app.edit(&first, form).expect("it can be written");
    let preview = app.preview_restore(&bytes, &key).expect("it opens");
    assert_eq!(preview.into, RestoreInto::OpenVault, "it is open");
    assert!(
        preview
            .rows
            .iter()
            .all(|row| row.outcome == RestoreOutcome::Has),
        "all is here"
    );
    let done = app
        .restore_backup(&bytes, &key, None, false)
        .expect("nothing to do");
    assert_eq!((done.added, done.kept), (0, 3), "and nothing was done");
    assert_eq!(names(&app)[0], "renamed since", "least of all written over");

    let (other, _) = household();
    let theirs = other.start_open();
    add(&theirs, &uri(70)).expect("it can be written");
    theirs.back_up().expect("it can be written");
}

#[test]
fn a_backup_of_another_vault_needs_leave_to_put_aside_what_is_here() {
    let (machine, key) = household();
    machine.start_open().back_up().expect("it can be written");
    let bytes = newest(&machine);
    let (other, _) = household();
    other.keyring.wipe();
    let app = other.start();
    assert_eq!(
        code_of(app.restore_backup(&bytes, &key, None, false)),
        Some(ErrorCode::BackupOfAnotherVault),
        "what is here could still be opened"
    );
    let before = other.file.snapshot();
    let done = app
        .restore_backup(&bytes, &key, None, true)
        .expect("with leave");
    assert_eq!(done.into, RestoreInto::SetAside, "aside, not away");
    let aside = other.file.aside();
    assert!(
        before.iter().flatten().all(|file| aside.contains(file)),
        "byte for byte"
    );
}

#[test]
fn new_keys_end_the_old_recovery_key_and_say_which_backups_it_still_opens() {
    let (machine, old) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    machine.clock.advance(3_600);
    let rotated = app.rotate_keys(None).expect("it can be written");
    let new = rotated.recovery_key.groups.join("-");
    assert_eq!(
        rotated.rotated.old_backups.len(),
        1,
        "it is still openable with the old key"
    );
    assert_eq!(
        code_of(app.remove_old_backups()),
        Some(ErrorCode::NoBackup),
        "not the only one"
    );
    app.back_up().expect("it can be written");
    assert_eq!(app.remove_old_backups().expect("now"), 1, "the old one");
    assert_eq!(
        app.backups().expect("answers").backups.len(),
        1,
        "the new one stays"
    );
    assert_eq!(
        names(&machine.start_open()).len(),
        3,
        "opens by itself as before"
    );
    machine.keyring.wipe();
    let app = machine.start();
    assert_eq!(
        code_of(app.recover(&old, None)),
        Some(ErrorCode::WrongRecoveryKey),
        "ended"
    );
    app.recover(&new, None).expect("the new one");
    assert_eq!(names(&app).len(), 3, "everything");
}

#[test]
fn new_keys_with_an_app_lock_ask_for_the_passphrase() {
    let (machine, _) = household();
    let app = machine.start_open();
    let passphrase = "correct horse battery";
    app.change_lock(None, Some(passphrase))
        .expect("it can be written");
    assert_eq!(
        code_of(app.rotate_keys(None)),
        Some(ErrorCode::PassphraseNeeded),
        "asked"
    );
    let wrong = app.rotate_keys(Some("wrong but long enough"));
    assert_eq!(
        code_of(wrong),
        Some(ErrorCode::WrongPassphrase),
        "and checked"
    );
    app.rotate_keys(Some(passphrase)).expect("right");
    let again = machine.start();
    assert_eq!(
        again.open().expect("answers").state,
        VaultState::Locked,
        "the lock stays"
    );
    again.unlock(passphrase).expect("with the same passphrase");
    assert_eq!(names(&again).len(), 3, "everything");
}

#[test]
fn another_process_that_has_the_vault_open_is_locked_by_new_keys_and_opens_again() {
    let (machine, _) = household();
    let (one, two) = (machine.start_open(), machine.start_open());
    one.rotate_keys(None).expect("it can be written");
    assert_eq!(
        code_of(two.codes()),
        Some(ErrorCode::VaultLocked),
        "its key is an old one"
    );
    two.open().expect("answers");
    assert_eq!(names(&two).len(), 3, "the device key opens it anew");
    let (one, two) = (machine.start_open(), machine.start_open());
    one.rotate_keys(None).expect("it can be written");
    assert_eq!(
        code_of(add(&two, &uri(9))),
        Some(ErrorCode::VaultLocked),
        "nor does it write"
    );
    assert_eq!(names(&one).len(), 3, "nothing was spoilt");
}

/// Flips one bit of a file in the usual folder.
fn spoil(machine: &Machine, name: &str, at: usize) {
    let files = machine.backups.files(USUAL);
    let (_, bytes) = files.iter().find(|(file, _)| file == name).expect(name);
    let mut bytes = bytes.clone();
    bytes[at] ^= 1;
    machine.backups.plant(USUAL, name, &bytes);
}

fn file_names(machine: &Machine) -> Vec<String> {
    let files = machine.backups.files(USUAL).into_iter();
    files.map(|(name, _)| name).collect()
}

/// What `doctor` says of backups.
fn doctor(app: &Authenticator) -> couchkey_authenticator::Check {
    let checks = app.check().into_iter();
    let mut backups = checks.filter(|check| check.name == "backup");
    backups.next().expect("the vault is open")
}

const DAY: u64 = 24 * 60 * 60;

#[test]
fn one_bit_flipped_in_the_newest_backup_and_the_good_ones_of_an_older_key_stay() {
    let (machine, _) = household();
    let app = machine.start_open();
    let good = app.back_up().expect("it can be written").name;
    app.make_recovery_key(None).expect("it can be written");
    machine.clock.advance(3_600);
    let newest = app.back_up().expect("it can be written").name;
    let whole = machine.backups.files(USUAL)[1].1.clone();
    for at in (0..whole.len()).step_by(41).chain([whole.len() - 1]) {
        machine.backups.plant(USUAL, &newest, &whole);
        spoil(&machine, &newest, at);
        assert_eq!(
            code_of(app.remove_old_backups()),
            Some(ErrorCode::NoBackup),
            "bit {at}: nothing that opens takes their place"
        );
        assert!(file_names(&machine).contains(&good), "bit {at}: it stays");
    }
    machine.clock.advance(3_600);
    app.back_up().expect("it can be written");
    assert_eq!(app.remove_old_backups().expect("now"), 1, "one opens now");
    let rows = app.backups().expect("answers").backups;
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.state, row.current_key))
        .collect();
    assert_eq!(seen[0], (BackupState::Good, true), "the new one");
    assert_eq!(seen[1].0, BackupState::Damaged, "the spoilt one is named");
    assert_eq!(seen.len(), 2, "and the old one is gone");
}

#[test]
fn nothing_good_goes_while_no_newer_one_opens() {
    let (machine, _) = household();
    let app = machine.start_open();
    for day in 0..10 {
        machine.clock.set(NOW + day * DAY);
        app.back_up().expect("it can be written");
    }
    let all = file_names(&machine);
    assert_eq!(all.len(), 10, "ten");
    for name in &all[1..] {
        spoil(&machine, name, 500);
    }
    for day in 10..19 {
        machine.clock.set(NOW + day * DAY);
        app.back_up().expect("it can be written");
        assert!(
            file_names(&machine).contains(&all[0]),
            "day {day}: fewer than ten newer ones open"
        );
    }
    machine.clock.set(NOW + 19 * DAY);
    app.back_up().expect("it can be written");
    let left = file_names(&machine);
    assert!(!left.contains(&all[0]), "ten newer ones do");
    assert!(
        all[1..].iter().all(|name| left.contains(name)),
        "what is damaged is for a person to look at"
    );
}

#[test]
fn a_disk_that_does_not_give_back_what_is_written_keeps_the_older_ones() {
    let (machine, key) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    let before = machine.backups.files(USUAL);
    // In the same second, in the same ten minutes, and a day later.
    for seconds in [0, 60, DAY] {
        machine.clock.advance(seconds);
        machine.backups.spoil_writes(true);
        assert_eq!(
            code_of(app.back_up()),
            Some(ErrorCode::BackupUnproven),
            "{seconds}: said"
        );
        assert_eq!(machine.backups.files(USUAL), before, "{seconds}: as before");
    }
    add(&app, &uri(3)).expect("it can be written");
    let report = app.back_up_if_changed().expect("it is told");
    assert_eq!(report.code, ErrorCode::BackupUnproven, "by itself too");
    add(&app, &uri(4)).expect("it can be written");
    app.lock();
    assert_eq!(machine.backups.files(USUAL), before, "nor when it locks");
    machine.backups.spoil_writes(false);
    app.open().expect("answers");
    app.back_up().expect("it can be written");
    let report = app.verify_backup(&newest(&machine), &key);
    assert_eq!(report.expect("it opens").accounts, 5, "and then it is good");
}

#[test]
fn backups_of_the_older_recovery_key_stay_until_the_new_one_is_written_down() {
    let (machine, old) = household();
    let app = machine.start_open();
    app.recovery_key_saved().expect("it can be written");
    app.back_up().expect("it can be written");
    app.make_recovery_key(None).expect("it can be written");
    for n in 0..12 {
        machine.clock.advance(60 + n % 2 * DAY);
        app.back_up().expect("it can be written");
    }
    let opens = |(_, bytes): &(String, Vec<u8>)| app.verify_backup(bytes, &old).is_ok();
    let by_old = |machine: &Machine| machine.backups.files(USUAL).iter().any(opens);
    assert!(by_old(&machine), "perhaps nobody has seen the new one");
    app.recovery_key_saved().expect("it can be written");
    for _ in 0..10 {
        machine.clock.advance(DAY);
        app.back_up().expect("it can be written");
    }
    assert!(!by_old(&machine), "somebody has, and ten open with it");
}

#[test]
fn backups_from_before_new_keys_stay_until_ten_newer_ones_open() {
    let (machine, old) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    let name = file_names(&machine)[0].clone();
    app.rotate_keys(None).expect("it can be written");
    app.recovery_key_saved().expect("it can be written");
    for day in 0..9 {
        machine.clock.set(NOW + 60 + day * DAY);
        app.back_up().expect("it can be written");
        assert!(file_names(&machine).contains(&name), "day {day}: it stays");
    }
    let rows = app.backups().expect("answers").backups;
    assert_eq!(rows[9].state, BackupState::OtherKey, "and is not damaged");
    let bytes = machine.backups.files(USUAL)[0].1.clone();
    assert!(
        app.verify_backup(&bytes, &old).is_ok(),
        "for whom has its key"
    );
    machine.clock.set(NOW + 20 * DAY);
    app.back_up().expect("it can be written");
    assert!(!file_names(&machine).contains(&name), "ten newer ones open");
}

#[test]
fn a_backup_with_a_damaged_account_takes_the_place_of_no_whole_one() {
    let (machine, key) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    let whole = file_names(&machine)[0].clone();
    drop(app);
    // The account's bytes are spoilt in both files, and in the keyring.
    for half in [Half::A, Half::B] {
        if let Some(mut bytes) = machine.file.contents(half) {
            let at = bytes.len() - 80;
            bytes[at] ^= 1;
            machine.file.put(half, Some(bytes));
        }
    }
    for entry in machine.keyring.names() {
        if entry.contains("/bundle-") {
            machine.keyring.lose(&entry);
        }
    }
    let app = machine.start_open();
    assert_eq!(app.codes().expect("open").damaged.len(), 1, "it is damaged");
    for day in 0..15 {
        machine.clock.set(NOW + day * DAY);
        for _ in 0..2 {
            machine.clock.advance(60);
            app.back_up().expect("it can be written");
        }
    }
    let left = file_names(&machine);
    assert!(left.contains(&whole), "the last one that has it");
    assert_eq!(left.len(), 11, "the others go among themselves");
    let rows = app.backups().expect("answers").backups;
    assert_eq!(rows[0].state, BackupState::InPart, "said");
    let bytes = app.read_backup(&whole).expect("it is there");
    let done = app.restore_backup(&bytes, &key, None, false);
    assert_eq!(done.expect("it opens").mended, 1, "and it brings it back");
}

#[test]
fn a_drill_opens_the_newest_backup_that_opens_and_names_the_damaged_one() {
    let (machine, key) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    add(&app, &uri(3)).expect("it can be written");
    machine.clock.advance(DAY);
    let damaged = app.back_up().expect("it can be written").name;
    spoil(&machine, &damaged, 700);
    let drill = app.drill(&key).expect("the vault is open");
    let backup = drill.backup.expect("an older one opens");
    assert_eq!((backup.matching, backup.missing), (3, 1), "that one");
    assert_eq!(
        drill.damaged_backups,
        std::slice::from_ref(&damaged),
        "by name"
    );
    assert_eq!(drill.backup_made_at, Some(NOW as u32), "with its own date");

    let check = doctor(&app);
    assert!(!check.good, "{check:?}");
    assert!(check.message.contains(&damaged), "{check:?}");
    assert!(
        check.message.contains("1 day old"),
        "the good one: {check:?}"
    );
    assert!(check.hint.contains("couchkey backup"), "{check:?}");

    // The next opening sees that what it has is in no backup that opens.
    let again = machine.start_open();
    machine.clock.advance(60);
    assert_eq!(again.back_up_if_behind(), None, "no trouble");
    let rows = again.backups().expect("answers").backups;
    assert_eq!(rows[0].state, BackupState::Good, "so it made one");
    assert_eq!(rows.len(), 3, "beside the others");
}

#[test]
fn backups_dated_in_the_future_push_out_no_real_one_and_hide_none() {
    let (machine, key) = household();
    let app = machine.start_open();
    for day in 0..10 {
        machine.clock.set(NOW + day * DAY);
        app.back_up().expect("it can be written");
    }
    let real = file_names(&machine);
    for day in 0..12 {
        machine.clock.set(2_100_000_000 + day * DAY);
        add(&app, &uri(10 + day as usize)).expect("it can be written");
        app.back_up().expect("it can be written");
    }
    // The clock is right again, sixty days later.
    for day in 70..73 {
        machine.clock.set(NOW + day * DAY);
        add(&app, &uri(30 + day as usize)).expect("it can be written");
        app.back_up().expect("it can be written");
    }
    let left = file_names(&machine);
    let right: Vec<_> = left.iter().filter(|name| !name.contains("-2036")).collect();
    assert_eq!(right.len(), 10, "ten with right dates: {left:?}");
    assert!(right.contains(&&real[9]), "those of before among them");
    assert!(left.len() <= 20, "and at most ten others: {left:?}");

    let rows = app.backups().expect("answers").backups;
    assert_eq!(rows[0].days_old, Some(0), "the newest is of today");
    assert_eq!(rows[0].dated, BackupDate::Plausible, "{:?}", rows[0]);
    let future = rows.iter().filter(|row| row.name.contains("-2036"));
    for row in future {
        let seen = (row.dated, row.days_old);
        assert_eq!(seen, (BackupDate::Future, None), "never 0 days old");
    }
    let drill = app.drill(&key).expect("the vault is open");
    let backup = drill.backup.expect("there is one");
    assert_eq!(backup.missing, 0, "the drill proves the right file");
    assert_eq!(backup.of, 18, "with everything in it");
}

#[test]
fn a_backup_of_sixty_days_ago_is_not_zero_days_old_because_a_clock_was_ahead() {
    let (machine, _) = household();
    let app = machine.start_open();
    machine.clock.set(2_100_000_000);
    app.back_up().expect("it can be written");
    machine.clock.set(NOW + 60 * DAY);
    let check = doctor(&app);
    assert!(
        !check.message.contains("days old") && !check.message.contains("today"),
        "{check:?}"
    );
    assert!(
        check.message.contains("dated in the future")
            && check.message.contains("this computer's clock"),
        "{check:?}"
    );
    // A drill of that day is no proof "0 days ago" either.
    machine.clock.set(2_100_000_000);
    let key = app
        .make_recovery_key(None)
        .expect("it can be written")
        .groups;
    app.back_up().expect("it can be written");
    let drill = app.drill(&key.join("-")).expect("the vault is open");
    assert!(drill.proven_at.is_some(), "proven, then");
    machine.clock.set(NOW + 60 * DAY);
    app.back_up().expect("it can be written");
    let check = doctor(&app);
    assert!(check.message.contains("from today"), "made now: {check:?}");
    assert!(!check.message.contains("days ago: 0"), "{check:?}");
}

#[test]
fn generations_order_backups_whatever_the_clock_says() {
    let (machine, key) = household();
    let app = machine.start_open();
    machine.clock.set(NOW + 10 * DAY);
    app.back_up().expect("it can be written");
    machine.clock.set(NOW + 5 * DAY);
    add(&app, &uri(3)).expect("it can be written");
    let later = app.back_up().expect("it can be written");
    machine.clock.set(NOW + 11 * DAY);
    let rows = app.backups().expect("answers").backups;
    assert_eq!(rows[0].name, later.name, "the one with more in it");
    assert_eq!(rows[0].days_old, Some(6), "with its own age");
    let drill = app.drill(&key).expect("the vault is open");
    assert_eq!(drill.backup.expect("there is one").missing, 0, "that one");
    assert_eq!(machine.start_open().back_up_if_behind(), None, "no trouble");
}

/// Whoever opens a backup has the key of the vault, whichever recovery key that took. So a new recovery key does not end
/// the old one together with such a backup: only new keys do. It is said where a recovery key is made.
#[test]
fn an_old_recovery_key_and_a_backup_from_before_open_the_vault_until_it_gets_new_keys() {
    let (machine, old) = household();
    let app = machine.start_open();
    app.back_up().expect("it can be written");
    let before = newest(&machine);
    app.make_recovery_key(None).expect("it can be written");
    add(&app, &uri(3)).expect("it can be written");
    let by_old_backup = || {
        let device = machine.keyring.names().into_iter();
        let device = device.filter(|name| name.ends_with("/device-key"));
        device.for_each(|name| assert!(machine.keyring.lose(&name), "it is there"));
        let thief = machine.start();
        let done = thief.restore_backup(&before, &old, None, false);
        done.map(|done| (done.into, names(&thief).len()))
    };
    let opened = by_old_backup().expect("as the words say");
    assert_eq!(
        opened,
        (RestoreInto::ClosedVault, 4),
        "and what came since, too"
    );
    let app = machine.start_open();
    app.rotate_keys(None).expect("it can be written");
    assert_eq!(
        code_of(by_old_backup()),
        Some(ErrorCode::BackupOfAnotherVault),
        "new keys end that"
    );
}

#[test]
fn a_vault_in_a_folder_of_its_own_makes_no_backup_by_itself_before_it_is_told_where() {
    let (machine, _) = household();
    machine.backups.only_where_told();
    let app = machine.start_open();
    assert_eq!(app.back_up_if_behind(), None, "no word after an opening");
    add(&app, &uri(3)).expect("it can be written");
    assert_eq!(app.back_up_if_changed(), None, "nor after each change");
    add(&app, &uri(4)).expect("it can be written");
    app.lock();
    assert_eq!(machine.backups.writes(), 0, "none is made");
    app.open().expect("answers");
    assert!(
        !app.status().notices.contains(&Notice::BackupFailed),
        "nothing failed"
    );
    let not_chosen = Some(ErrorCode::BackupFolderNotChosen);
    let view = app.backups().expect("answers");
    assert_eq!(view.problem.map(|p| p.code), not_chosen, "it is said here");
    let check = doctor(&app);
    assert!(
        check.message.contains("--auto"),
        "said, with a cure: {check:?}"
    );
    assert_eq!(code_of(app.back_up()), not_chosen, "where to?");
    assert_eq!(
        code_of(app.set_backups(&BackupChoice::Usual)),
        not_chosen,
        "nothing is usual"
    );
    app.back_up_to("/srv/once").expect("this once");
    assert_eq!(machine.backups.files("/srv/once").len(), 1, "there");
    let chosen = BackupChoice::Folder("/srv/backups".to_owned());
    app.set_backups(&chosen).expect("it can be written");
    machine.clock.advance(3_600);
    add(&app, &uri(5)).expect("it can be written");
    assert_eq!(app.back_up_if_changed(), None, "no trouble");
    assert_eq!(machine.backups.files("/srv/backups").len(), 2, "by itself");
}

/// What is done with backups and keys, as functions of the app, the recovery key and a backup.
type Operation = (
    &'static str,
    fn(&Authenticator, &str, &[u8]) -> Result<(), Error>,
);

const OPERATIONS: [Operation; 8] = [
    ("back up", |app, _, _| app.back_up().map(drop)),
    ("choose a folder", |app, _, _| {
        let folder = BackupChoice::Folder("/media/somebody/stick".to_owned());
        app.set_backups(&folder).map(drop)
    }),
    ("a passphrase for backups", |app, _, _| {
        app.set_backup_passphrase(None, Some("a passphrase for backups"))
            .map(drop)
    }),
    ("verify", |app, key, backup| {
        app.verify_backup(backup, key).map(drop)
    }),
    ("restore", |app, key, backup| {
        app.restore_backup(backup, key, None, false).map(drop)
    }),
    ("drill", |app, key, _| app.drill(key).map(drop)),
    ("new keys", |app, _, _| app.rotate_keys(None).map(drop)),
    ("delete old backups", |app, _, _| {
        app.remove_old_backups().map(drop)
    }),
];

/// A vault of three, and a backup that has a fourth.
fn with_a_backup() -> (Machine, String, Vec<u8>) {
    let (machine, key) = household();
    let app = machine.start_open();
    let ids = add(&app, &uri(7)).expect("it can be written");
    app.back_up().expect("it can be written");
    let backup = newest(&machine);
    app.remove(&ids[0]).expect("it can be written");
    (machine, key, backup)
}

#[test]
fn every_failing_call_of_every_operation_leaves_the_vault_whole_and_has_a_cure() {
    /// How often each port is called so far: keyring, writes and reads of the file, backups.
    fn calls(machine: &Machine) -> [u64; 4] {
        [
            machine.keyring.calls(),
            machine.file.write_calls(),
            machine.file.read_calls(),
            machine.backups.calls(),
        ]
    }
    /// Has the `at`th call of a port fail, in the `n`th of three ways.
    fn plan(machine: &Machine, port: usize, at: u64, n: usize) {
        let keyring = [
            KeyringError::Locked,
            KeyringError::TooLong,
            KeyringError::Storage,
        ];
        let failed = FileError::Failed(std::io::ErrorKind::Other);
        let file = [FileError::Full, FileError::Denied, failed];
        match port {
            0 => machine.keyring.fail_nth(at, keyring[n]),
            1 => machine.file.fail_write(at, file[n]),
            2 => machine.file.fail_read(at, file[n]),
            _ => machine.backups.fail_nth(at, file[n]),
        }
    }
    for (name, operation) in OPERATIONS {
        let (machine, key, backup) = with_a_backup();
        let app = machine.start_open();
        let before = calls(&machine);
        operation(&app, &key, &backup).unwrap_or_else(|error| panic!("{name}: {error}"));
        let after = calls(&machine);
        drop(app);
        for port in 0..before.len() {
            for at in 1..=after[port] - before[port] {
                for n in 0..3 {
                    let what = format!("{name}, port {port}, call {at}, fault {n}");
                    let (machine, key, backup) = with_a_backup();
                    let app = machine.start_open();
                    plan(&machine, port, at, n);
                    let answer = operation(&app, &key, &backup);
                    machine.keyring.heal();
                    machine.file.heal();
                    machine.backups.heal();
                    if let Err(error) = answer {
                        let report = error.report();
                        assert_ne!(report.code, ErrorCode::Internal, "{what}");
                        assert!(!report.hint.is_empty(), "{what}: it has a cure");
                    }
                    drop(app);
                    let again = machine.start_open();
                    assert_eq!(names(&again).len(), 3, "{what}: nothing is lost");
                    add(&again, &uri(8)).unwrap_or_else(|error| panic!("{what}: {error}"));
                }
            }
        }
    }
}

#[test]
fn every_crash_point_of_every_operation_leaves_the_old_state_or_the_new_one() {
    for (name, operation) in OPERATIONS {
        let (machine, key, backup) = with_a_backup();
        let app = machine.start_open();
        let before = machine.fuse.writes();
        operation(&app, &key, &backup).unwrap_or_else(|error| panic!("{name}: {error}"));
        let writes = machine.fuse.writes() - before;
        for at in 1..=writes {
            let (machine, key, backup) = with_a_backup();
            let app = machine.start_open();
            let there = machine.backups.files(USUAL);
            machine.fuse.blow_at_write(at);
            let _ = operation(&app, &key, &backup);
            drop(app);
            machine.fuse.mend();
            let app = machine.start_open();
            assert_eq!(
                names(&app).len(),
                3,
                "{name}, cut at write {at} of {writes}"
            );
            for (file, bytes) in machine.backups.files(USUAL) {
                let old = there.iter().any(|(name, _)| *name == file);
                let opens = app.verify_backup(&bytes, &key).is_ok();
                assert!(
                    old || opens || name == "new keys",
                    "{name}: no half-written backup"
                );
            }
            let by_old = {
                machine.keyring.wipe();
                let app = machine.start();
                app.recover(&key, None).map(|_| names(&app).len())
            };
            assert!(
                matches!(by_old, Ok(3))
                    || name == "new keys" && code_of(by_old) == Some(ErrorCode::WrongRecoveryKey),
                "{name}, cut at write {at} of {writes}: the old key still opens everything, or the new one counts"
            );
        }
    }
}
