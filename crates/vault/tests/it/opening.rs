//! Opening whatever is there: what is told without a key, what is refused, and what is mended.

use couchkey_vault::{
    Argon2Cost, DeviceKey, FetchFailed, Found, Half, NewSlot, Note, OpenError, Problem,
    RecoveryKey, SaveError, SlotKind, Unlock, Vault, format, open, survey,
};
use sha2::{Digest, Sha256};

use crate::store::*;

fn never(number: u32, half: Half) -> Result<Option<Vec<u8>>, FetchFailed> {
    panic!("bundle {number} {half:?} is not needed")
}

#[test]
fn with_the_file_whole_no_bundle_is_read() {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    for _ in 0..3 {
        vault.add(enrolment(99), NOW, &mut rng).expect("room");
        store.save(&mut vault, &mut rng);
        let opened = open(&store.found(), &Unlock::Device(&device()), never);
        let opened = opened.unwrap_or_else(|error| panic!("all is well: {error}"));
        assert_eq!(opened.notes, [], "nothing is odd");
        assert!(!opened.needs_save, "nothing has to be mended");
        assert_eq!(picture(&opened.vault), picture(&vault), "the same vault");
        assert_eq!(
            opened.vault.generation(),
            vault.generation(),
            "the same generation"
        );
    }
}

#[test]
fn nothing_found_is_not_an_empty_vault() {
    let nothing = Found::default();
    assert!(nothing.is_empty(), "nothing");
    let opened = open(&nothing, &Unlock::Device(&device()), never);
    assert_eq!(
        opened.err(),
        Some(OpenError::NothingFound),
        "and none is made"
    );
    assert_eq!(
        survey(&nothing),
        couchkey_vault::Survey::default(),
        "no problem either"
    );
}

#[test]
fn a_survey_needs_no_key() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let passphrase = NewSlot::Passphrase {
        passphrase: "sofa",
        cost: Argon2Cost::FLOOR,
    };
    vault.put_slot(passphrase, NOW, &mut rng).expect("a slot");
    store.save(&mut vault, &mut rng);
    let seen = survey(&store.found());
    assert_eq!(seen.vault, Some(ID), "which vault");
    assert_eq!(
        (seen.file, seen.head),
        (Some(2), Some(2)),
        "both are of today"
    );
    assert_eq!(seen.generation(), Some(vault.generation()), "as in memory");
    assert_eq!(seen.slots, vault.slots(), "which keys to ask for");
    let cost = seen.slot(SlotKind::Passphrase).and_then(|slot| slot.cost);
    assert_eq!(cost, Some(Argon2Cost::FLOOR), "and what trying costs");
    assert!(seen.slot(SlotKind::Recovery).is_none(), "none was made");
    assert_eq!(seen.problems, [], "all is well");
}

#[test]
fn a_survey_says_what_is_missing() {
    let (store, _, _) = saved_vault(3);
    let problems = |store: &Store| survey(&store.found()).problems;
    assert_eq!(
        problems(&store.without_files()),
        [Problem::FileMissing],
        "file"
    );
    assert_eq!(
        problems(&store.without_keyring()),
        [Problem::HeadMissing],
        "keyring"
    );
    let seen = survey(&store.without_files().found());
    assert_eq!(seen.slots.len(), 1, "the head has the slots as well");
    assert_eq!(seen.vault, Some(ID), "and the id");
}

#[test]
fn a_wiped_keyring_is_filled_again_by_the_next_save() {
    let (store, mut vault, mut rng) = saved_vault(30);
    let mut store = store;
    let recovery = RecoveryKey::generate(&mut rng);
    let slot = NewSlot::Recovery { key: &recovery };
    vault.put_slot(slot, NOW, &mut rng).expect("a slot");
    store.save(&mut vault, &mut rng);
    let before = accounts(&vault);

    let mut wiped = store.without_keyring();
    let opened = open(&wiped.found(), &Unlock::Recovery(&recovery), never);
    let opened = opened.unwrap_or_else(|error| panic!("the recovery key opens it: {error}"));
    assert_eq!(opened.notes, [Note::HeadMissing], "that is all that is odd");
    assert!(opened.needs_save, "the keyring is empty");
    let mut vault = opened.vault;
    let new = DeviceKey::generate(&mut rng);
    let slot = NewSlot::Device { key: &new };
    vault.put_slot(slot, NOW, &mut rng).expect("a slot");
    // It may be another computer's, which keeps its own; whoever knows better says so.
    vault.drop_device(&device()).expect("not the last");
    while vault.needs_save() {
        wiped.save(&mut vault, &mut rng);
    }
    for left in [
        wiped.clone(),
        wiped.without_files(),
        wiped.without_keyring(),
    ] {
        let opened = left.open_with(&Unlock::Device(&new));
        let opened = opened.unwrap_or_else(|error| panic!("the new key opens it: {error}"));
        assert_eq!(
            accounts(&opened.vault),
            before,
            "all thirty, from either place"
        );
        let old = left.open_with(&Unlock::Device(&device()));
        assert_eq!(
            old.err(),
            Some(OpenError::Wrong),
            "the lost key opens nothing"
        );
    }
}

#[test]
fn lost_files_are_made_again_from_the_keyring() {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    let tenth = vault.accounts().nth(9).expect("thirty").0.id;
    vault.move_to(tenth, 0).expect("it is listed");
    store.save(&mut vault, &mut rng);
    let mut left = store.without_files();
    let opened = left.opened();
    assert_eq!(
        opened.notes,
        [Note::ListLost, Note::Complete],
        "all, but in another order"
    );
    assert_eq!(accounts(&opened.vault), accounts(&vault), "every account");
    assert_eq!(opened.vault.slots(), vault.slots(), "every slot");
    let mut vault = opened.vault;
    assert!(vault.needs_save(), "there is no file");
    left.save(&mut vault, &mut rng);
    let opened = left.opened();
    assert_eq!(opened.notes, [], "and all is well again");
    assert_eq!(
        picture(&opened.vault),
        picture(&vault),
        "in the order of now"
    );
}

#[test]
fn an_older_file_takes_what_is_newer_from_the_keyring() {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    let old_file = store.a.clone();
    let id = vault.accounts().nth(1).expect("thirty").0.id;
    for n in 0..4 {
        vault.advance_counter(id).expect("a HOTP account");
        vault.add(enrolment(100 + n), NOW, &mut rng).expect("room");
        store.save(&mut vault, &mut rng);
    }
    let mut left = store.clone();
    (left.a, left.b) = (old_file, None);
    let seen = survey(&left.found());
    assert_eq!(
        seen.problems,
        [Problem::FileOlder { file: 1, head: 5 }],
        "it is seen"
    );
    let opened = left.opened();
    let older = Note::OlderCopy { file: 1, head: 5 };
    assert_eq!(opened.notes, [older, Note::Complete], "it is said");
    assert_eq!(
        picture(&opened.vault),
        picture(&vault),
        "and nothing is missing"
    );
    assert_eq!(
        opened.vault.generation(),
        5,
        "so that the next save is the newest"
    );
}

#[test]
fn an_older_file_keeps_what_an_incomplete_keyring_does_not_have() {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    let old_file = store.a.clone();
    let in_old_file = accounts(&vault);
    vault.add(enrolment(99), NOW, &mut rng).expect("room");
    store.save(&mut vault, &mut rng);
    let mut left = store.clone();
    (left.a, left.b) = (old_file, None);
    for half in Half::BOTH {
        left.keyring.remove(&format::bundle_entry(ID, 1, half));
    }
    let opened = left.opened();
    let found = accounts(&opened.vault);
    assert!(
        in_old_file.iter().all(|account| found.contains(account)),
        "missing is not deleted"
    );
    assert!(
        opened.notes.contains(&Note::BundleDamaged(1)),
        "{:?}",
        opened.notes
    );
    let mut vault = opened.vault;
    left.save(&mut vault, &mut rng);
    assert_eq!(
        accounts(&left.without_files().opened().vault),
        found,
        "and back in the keyring"
    );
}

#[test]
fn an_older_file_with_a_keyring_that_cannot_be_read_is_not_shown_as_if_it_were_new() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let old_file = store.a.clone();
    vault.add(enrolment(9), NOW, &mut rng).expect("room");
    store.save(&mut vault, &mut rng);
    let mut left = store.clone();
    (left.a, left.b) = (old_file, None);
    let locked = |_, _| Err(FetchFailed);
    let opened = open(&left.found(), &Unlock::Device(&device()), locked);
    assert_eq!(
        opened.err(),
        Some(OpenError::Fetch(FetchFailed)),
        "try again later"
    );
}

#[test]
fn a_passphrase_changed_just_before_the_newest_file_was_lost_still_opens() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let cost = Argon2Cost::FLOOR;
    let mut lock = |store: &mut Store, vault: &mut Vault, passphrase: &str| {
        let slot = NewSlot::Passphrase { passphrase, cost };
        vault.put_slot(slot, NOW, &mut rng).expect("a slot");
        store.save(vault, &mut rng);
    };
    lock(&mut store, &mut vault, "old sofa");
    lock(&mut store, &mut vault, "new sofa");
    let mut left = store.clone();
    *left.file(Half::A) = None; // the third generation
    let opened = left.open_with(&Unlock::Passphrase("new sofa"));
    let opened = opened.unwrap_or_else(|error| panic!("the head has its slot: {error}"));
    assert_eq!(opened.vault.slots(), vault.slots(), "the slots of today");
    let wrong = store.open_with(&Unlock::Passphrase("no sofa"));
    assert_eq!(wrong.err(), Some(OpenError::Wrong), "no half opens with it");
}

#[test]
fn a_way_in_that_the_vault_does_not_have_is_named() {
    let (store, _, _) = saved_vault(3);
    let opened = store.open_with(&Unlock::Passphrase("sofa"));
    assert_eq!(
        opened.err(),
        Some(OpenError::NoSlot),
        "it has no passphrase"
    );
}

/// The version numbers of a file, changed by somebody who makes the checksum right.
fn with_version(mut file: Vec<u8>, major: u16, minor: u16) -> Vec<u8> {
    file[8..10].copy_from_slice(&major.to_be_bytes());
    file[10..12].copy_from_slice(&minor.to_be_bytes());
    let end = file.len() - 32;
    let sum = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&sum);
    file
}

#[test]
fn a_newer_major_version_is_refused_wherever_it_is() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    store.save(&mut vault, &mut rng);
    let newer = OpenError::NewerVersion { major: 2 };
    for half in Half::BOTH {
        let mut left = store.clone();
        let file = left.file(half).take().expect("both are there");
        *left.file(half) = Some(with_version(file, 2, 0));
        assert_eq!(
            left.open().err(),
            Some(newer),
            "{half:?}: the other half is no way in"
        );
        let problems = survey(&left.found()).problems;
        assert!(
            problems.contains(&Problem::NewerVersion { major: 2 }),
            "{half:?}"
        );
    }
    let mut left = store.clone();
    let head = data_encoding::BASE64.decode(left.head()).expect("ours");
    *left.head() = data_encoding::BASE64
        .encode(&with_version(head, 2, 0))
        .into_bytes();
    assert_eq!(left.open().err(), Some(newer), "the head");
    assert_eq!(
        left.without_files().open().err(),
        Some(newer),
        "the head alone"
    );
}

/// A file that a newer minor version wrote is sealed for its own version number, so this one makes such a file the way
/// that version would: it can, because the seal's associated data begins with the version.
#[test]
fn a_version_number_that_was_changed_does_not_open() {
    let (store, _, _) = saved_vault(3);
    let mut left = store.without_keyring();
    left.a = left.a.map(|file| with_version(file, 1, 7));
    let opened = left.opened();
    assert!(
        opened.notes.contains(&Note::ListLost),
        "the list is sealed for version 1.0"
    );
    assert!(
        opened.notes.contains(&Note::NewerMinor { minor: 7 }),
        "it says 1.7"
    );
    let saved = opened.vault.save(&mut rng(1)).err();
    assert_eq!(
        saved,
        Some(SaveError::NewerVersion { minor: 7 }),
        "so it is not written over"
    );
    assert!(!opened.needs_save, "and nobody is asked to");
}

#[test]
fn a_doctor_finds_a_bundle_that_is_missing_and_the_next_save_writes_it() {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    let fetch = |store: &Store, vault: &mut Vault| {
        let store = store.clone();
        vault.check_bundles(move |number, half| store.fetch(number, half))
    };
    assert_eq!(fetch(&store, &mut vault), Ok(vec![]), "all is well");
    store.keyring.remove(&format::bundle_entry(ID, 1, Half::A));
    let mut vault = store.opened().vault;
    assert_eq!(
        fetch(&store, &mut vault),
        Ok(vec![Note::BundleDamaged(1)]),
        "found"
    );
    store.save(&mut vault, &mut rng);
    assert_eq!(fetch(&store, &mut vault), Ok(vec![]), "mended");
    assert_eq!(
        accounts(&store.without_files().opened().vault),
        accounts(&vault),
        "the keyring alone is enough again"
    );
    let refused = vault.check_bundles(|_, _| Err(FetchFailed));
    assert_eq!(refused, Err(FetchFailed), "a locked keyring is no damage");
    assert!(!vault.needs_save(), "and changes nothing");
}

#[test]
fn two_saves_of_one_generation_are_put_together() {
    let (store, vault, mut rng) = saved_vault(3);
    let mut one = store.opened().vault;
    let mut two = store.opened().vault;
    drop(vault);
    one.add(enrolment(50), NOW, &mut rng).expect("room");
    two.add(enrolment(60), NOW, &mut rng).expect("room");
    let (one, two) = (
        writes(&one.save(&mut rng).expect("a vault of this version")),
        writes(&two.save(&mut rng).expect("a vault of this version")),
    );
    // Without a lock: the bundles and the head of one, the file of the other.
    let mut left = store.clone();
    two.iter().for_each(|write| left.write(write));
    for write in &one {
        if !matches!(write, Write::File(..)) {
            left.write(write);
        }
    }
    let opened = left.opened();
    assert!(
        opened.notes.contains(&Note::Diverged { generation: 2 }),
        "it is seen"
    );
    assert_eq!(
        opened.vault.accounts().count(),
        5,
        "both new accounts are there"
    );
    let mut vault = opened.vault;
    left.save(&mut vault, &mut rng);
    assert_eq!(left.opened().notes, [], "and then all is well");
    assert_eq!(
        accounts(&left.without_files().opened().vault),
        accounts(&vault),
        "both"
    );
}

#[test]
fn a_bundle_that_is_later_than_the_head_does_not_hide_what_the_other_half_has() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let first_head = store.head().clone();
    let days = |days: u64| couchkey_otp::UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let (later, later_still) = (days(31), days(62));
    for _ in 0..2 {
        let first = vault.accounts().next().expect("three accounts").0.id;
        vault.remove(first, NOW).expect("it is listed");
        assert_eq!(vault.purge(later), 0, "at the second look");
        assert_eq!(
            vault.purge(later_still),
            1,
            "its bundle is written without it"
        );
        store.save(&mut vault, &mut rng);
    }
    // The first head means half a, which by now holds one account of three; half b still holds two.
    let mut left = store.without_files();
    *left.head() = first_head;
    let opened = left.opened();
    assert_eq!(
        opened.vault.accounts().count(),
        2,
        "whatever is left in both halves"
    );
    assert!(
        opened.notes.contains(&Note::Incomplete),
        "and it is said that one is missing"
    );
}

#[test]
fn entries_that_a_keyring_gives_back_with_a_line_end_are_read() {
    let (mut store, vault, _) = saved_vault(3);
    for value in store.keyring.values_mut() {
        value.push(b'\n');
    }
    assert_eq!(store.opened().notes, [], "head");
    let opened = store.without_files().opened();
    assert_eq!(accounts(&opened.vault), accounts(&vault), "bundles");
}
