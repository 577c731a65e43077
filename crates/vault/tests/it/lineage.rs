//! File and keyring that are not of one save: what is older, what went its own way, and what each brings back.

use chacha20::ChaCha20Rng;
use couchkey_vault::{
    Argon2Cost, DeviceKey, Edit, Found, Half, NewSlot, Note, OpenError, RecoveryKey, SaveError,
    SlotKind, Unlock, Vault, format, open,
};
use sha2::{Digest, Sha256};

use crate::store::*;

/// Everything that a save would write is written, as an opening is followed by.
fn mended(store: &mut Store, rng: &mut ChaCha20Rng) -> Vec<Note> {
    let opened = store.opened();
    let mut vault = opened.vault;
    while vault.needs_save() {
        store.save(&mut vault, rng);
    }
    opened.notes
}

fn add(store: &mut Store, number: u32, rng: &mut ChaCha20Rng) {
    let mut vault = store.opened().vault;
    vault.add(enrolment(number), NOW, rng).expect("room");
    while vault.needs_save() {
        store.save(&mut vault, rng);
    }
}

fn count(store: &Store) -> usize {
    store.opened().vault.accounts().count()
}

/// The same folder with another keyring, or the other way round.
fn with_keyring_of(files: &Store, keyring: &Store) -> Store {
    Store {
        keyring: keyring.keyring.clone(),
        ..files.clone()
    }
}

fn names(vault: &Vault) -> Vec<String> {
    let mut names: Vec<_> = vault
        .accounts()
        .map(|(_, account)| account.account.clone())
        .collect();
    names.sort();
    names
}

#[test]
fn row_1_an_old_keyring_that_was_put_back_is_written_again_before_the_opening_ends() {
    let (mut store, _, mut rng) = saved_vault(3);
    // From one save later to more than a head remembers.
    let mut older = vec![store.clone()];
    for n in 0..70 {
        add(&mut store, 100 + n, &mut rng);
        older.push(store.clone());
    }
    let all = accounts(&store.opened().vault);
    for old in older.iter().rev().skip(1) {
        let mut put_back = with_keyring_of(&store, old);
        let notes = mended(&mut put_back, &mut rng);
        assert!(
            notes
                .iter()
                .any(|note| matches!(note, Note::OlderKeyring { file: 71, .. })),
            "it is said: {notes:?}"
        );
        for left in [put_back.without_files(), put_back.without_keyring()] {
            let opened = left.opened();
            assert_eq!(accounts(&opened.vault), all, "either place alone is whole");
        }
        assert_eq!(put_back.opened().notes, [], "and all is well again");
    }
}

#[test]
fn row_1_an_old_keyring_stays_whole_until_the_new_head_is_written() {
    let (mut store, _, mut rng) = saved_vault(30);
    let old = store.clone();
    for n in 0..3 {
        add(&mut store, 100 + n, &mut rng);
    }
    let put_back = with_keyring_of(&store, &old);
    let all = accounts(&store.opened().vault);
    let save = put_back
        .opened()
        .vault
        .save(&mut rng)
        .expect("of this version");
    let writes = writes(&save);
    for done in 0..=writes.len() {
        let mut crashed = put_back.clone();
        writes[..done].iter().for_each(|write| crashed.write(write));
        assert_eq!(accounts(&crashed.opened().vault), all, "{done} writes");
        let alone = crashed.without_files().opened();
        assert!(
            alone.notes.contains(&Note::Complete),
            "{done} writes: the keyring has one whole generation: {:?}",
            alone.notes
        );
        mended(&mut crashed, &mut rng);
        assert_eq!(
            accounts(&crashed.without_files().opened().vault),
            all,
            "{done}"
        );
    }
}

#[test]
fn row_1_a_golden_file_without_lineage_is_put_together_with_a_newer_head() {
    // Written before files knew the saves before them.
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/vault-v1/three-ways"
    );
    let read = |name: &str| std::fs::read(format!("{folder}/{name}")).expect("a golden file");
    let id = couchkey_vault::VaultId(*b"couchkey golden1");
    let (a, head) = (read("vault.a"), read("head"));
    let found = Found {
        file_a: Some(a),
        file_b: None,
        head: Some(head),
    };
    let bundle = |_, half: Half| Ok(Some(read(&format!("bundle-0.{}", half.letter()))));
    let opened = open(&found, &Unlock::Device(&device()), bundle);
    let opened = opened.unwrap_or_else(|error| panic!("it opens: {error}"));
    assert!(
        opened.notes.contains(&Note::Diverged { generation: 2 }),
        "nothing shows that one comes from the other: {:?}",
        opened.notes
    );
    assert!(
        opened.needs_save && opened.vault.id() == id,
        "so all is written again"
    );
    let all = opened.vault.accounts().chain(opened.vault.trash()).count();
    assert_eq!(all, 6, "and nothing is missing");
}

#[test]
fn row_1_the_file_is_older_and_deletions_hold() {
    let (mut store, mut vault, mut rng) = saved_vault(5);
    let old = store.clone();
    let first = vault.accounts().next().expect("five").0.id;
    vault.remove(first, NOW).expect("it is listed");
    let days = |days: u64| couchkey_otp::UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    vault.purge(days(31));
    assert_eq!(vault.purge(days(62)), 1, "for good");
    store.save(&mut vault, &mut rng);
    let mut put_back = with_keyring_of(&old, &store);
    put_back.b = None;
    let notes = mended(&mut put_back, &mut rng);
    assert!(notes.contains(&Note::Complete), "{notes:?}");
    assert_eq!(count(&put_back), 4, "what was deleted does not come back");
    assert_eq!(count(&put_back.without_keyring()), 4, "the file is whole");
}

#[test]
fn row_2_what_two_computers_added_while_apart_is_all_there_and_marked() {
    let (store, _, mut rng) = saved_vault(3);
    let (mut one, mut two) = (store.clone(), store.clone());
    for n in 0..2 {
        add(&mut one, 50 + n, &mut rng);
        add(&mut two, 60 + n, &mut rng);
    }
    add(&mut two, 62, &mut rng);
    for (files, keyring) in [(&one, &two), (&two, &one)] {
        let mut synced = with_keyring_of(files, keyring);
        let opened = synced.opened();
        assert!(
            opened
                .notes
                .iter()
                .any(|note| matches!(note, Note::Diverged { .. })),
            "it is seen: {:?}",
            opened.notes
        );
        assert_eq!(opened.vault.accounts().count(), 8, "nothing is dropped");
        let back = |vault: &Vault| {
            let mut names: Vec<_> = vault
                .accounts()
                .filter(|(place, _)| place.came_back)
                .map(|(_, account)| account.account.clone())
                .collect();
            names.sort();
            names
        };
        let marked =
            ["0050", "0051", "0060", "0061", "0062"].map(|n| format!("fam-{n}@example.tv"));
        assert_eq!(back(&opened.vault), marked, "what one of them had alone");
        assert!(opened.complete, "and it was established");
        mended(&mut synced, &mut rng);
        for left in [
            synced.clone(),
            synced.without_keyring(),
            synced.without_files(),
        ] {
            assert_eq!(left.opened().vault.accounts().count(), 8, "in either place");
        }
        assert_eq!(synced.opened().notes, [], "and all is well");
        assert_eq!(back(&synced.opened().vault), marked, "the mark is kept");

        let mut vault = synced.opened().vault;
        vault.seen();
        synced.save(&mut vault, &mut rng);
        assert_eq!(
            back(&synced.opened().vault),
            [""; 0],
            "until somebody looked"
        );

        // The keyrings of both computers are of its past now, and so is the one from before they parted.
        for past in [&one, &two, &store] {
            let opened = with_keyring_of(&synced, past).opened();
            let older = |note: &Note| matches!(note, Note::OlderKeyring { .. });
            assert!(
                opened.notes.iter().any(older),
                "no fork any more: {:?}",
                opened.notes
            );
            assert_eq!(opened.vault.accounts().count(), 8, "nothing more");
        }
    }
}

#[test]
fn row_2_of_an_account_that_both_changed_the_newer_wins_and_ties_are_both_kept() {
    let (store, vault, mut rng) = saved_vault(3);
    let ids: Vec<_> = vault.accounts().map(|(place, _)| place.id).collect();
    let mut edit = |store: &mut Store, id, note: &str| {
        let mut vault = store.opened().vault;
        let edit = Edit {
            note: Some(note.into()),
            ..Edit::default()
        };
        vault.edit(id, edit).expect("a good note");
        store.save(&mut vault, &mut rng);
    };
    let (mut one, mut two) = (store.clone(), store.clone());
    edit(&mut one, ids[0], "one");
    edit(&mut two, ids[0], "two");
    edit(&mut one, ids[2], "once");
    edit(&mut two, ids[2], "once more");
    edit(&mut two, ids[2], "and again");
    let mut synced = with_keyring_of(&one, &two);
    let mut other = rng;
    mended(&mut synced, &mut other);
    for left in [
        synced.clone(),
        synced.without_keyring(),
        synced.without_files(),
    ] {
        let vault = left.opened().vault;
        let mut notes: Vec<_> = vault.accounts().map(|(_, a)| a.note.clone()).collect();
        notes.sort();
        assert_eq!(notes, ["", "and again", "one", "two"], "both of the tie");
    }
    // The other computer does the same the other way round, and both meet again.
    let mut mirrored = with_keyring_of(&two, &one);
    mended(&mut mirrored, &mut other);
    let met = with_keyring_of(&synced, &mirrored).opened().vault;
    assert!(
        met.accounts().count() <= 5,
        "they do not multiply: {}",
        met.accounts().count()
    );
    assert!(names(&met).len() >= 4, "and none is missing");
}

#[test]
fn row_2_a_counter_never_falls_back() {
    let (store, vault, mut rng) = saved_vault(3);
    let id = vault.accounts().nth(1).expect("a HOTP account").0.id;
    let (mut one, mut two) = (store.clone(), store.clone());
    let mut vault = one.opened().vault;
    for note in ["a", "b", "c"] {
        let edit = Edit {
            note: Some(note.into()),
            ..Edit::default()
        };
        vault.edit(id, edit).expect("a good note");
        one.save(&mut vault, &mut rng);
    }
    let mut vault = two.opened().vault;
    vault.advance_counter(id).expect("a HOTP account");
    two.save(&mut vault, &mut rng);
    for synced in [with_keyring_of(&one, &two), with_keyring_of(&two, &one)] {
        let vault = synced.opened().vault;
        let account = vault.account(id).expect("it is there");
        assert_eq!(
            seen(account).kind,
            "hotp 8",
            "its codes up to there were used"
        );
        assert_eq!(account.note, "c", "of the newer one");
    }
}

#[test]
fn row_2_two_halves_of_two_computers_are_put_together() {
    let (store, _, mut rng) = saved_vault(3);
    let (mut one, mut two) = (store.clone(), store.clone());
    for n in 0..2 {
        add(&mut one, 50 + n, &mut rng);
    }
    for n in 0..3 {
        add(&mut two, 60 + n, &mut rng);
    }
    // A synced folder takes each file by itself; this computer's keyring is as new as the newer half.
    let mut synced = two.clone();
    let newest = |half: &Option<Vec<u8>>| {
        let found = Found {
            file_a: half.clone(),
            ..Found::default()
        };
        couchkey_vault::survey(&found).file
    };
    let (of_one, of_two) = (
        if newest(&one.a) > newest(&one.b) {
            one.a.clone()
        } else {
            one.b.clone()
        },
        newest(&two.a) > newest(&two.b),
    );
    match of_two {
        true => synced.b = of_one,
        false => synced.a = of_one,
    }
    let notes = mended(&mut synced, &mut rng);
    assert!(
        notes
            .iter()
            .any(|note| matches!(note, Note::Diverged { .. })),
        "{notes:?}"
    );
    for left in [
        synced.clone(),
        synced.without_keyring(),
        synced.without_files(),
    ] {
        assert_eq!(count(&left), 8, "all of both");
    }
}

#[test]
fn the_same_save_in_both_halves_is_one() {
    let (mut store, _, mut rng) = saved_vault(3);
    add(&mut store, 50, &mut rng);
    let newest = store.b.clone();
    store.a = newest;
    assert_eq!(store.opened().notes, [], "nothing is odd");
}

#[test]
fn row_3_bundles_that_are_gone_are_found_and_written_again() {
    let (mut store, _, mut rng) = saved_vault(30);
    let all = accounts(&store.opened().vault);
    store.keyring.retain(|name, _| !name.contains("/bundle-"));
    let mut vault = store.opened().vault;
    let left = store.clone();
    let notes = vault.check_bundles(|number, half| left.fetch(number, half));
    let notes = notes.expect("the keyring answers");
    assert!(notes.contains(&Note::BundleDamaged(0)), "{notes:?}");
    store.save(&mut vault, &mut rng);
    assert_eq!(
        accounts(&store.without_files().opened().vault),
        all,
        "whole again"
    );
}

fn lock(vault: &mut Vault, passphrase: &str, key: &DeviceKey, rng: &mut ChaCha20Rng) {
    let cost = Argon2Cost::FLOOR;
    let slot = NewSlot::Strong {
        passphrase,
        key,
        cost,
    };
    vault.put_slot(slot, NOW, rng).expect("a slot");
}

#[test]
fn row_9_old_files_bring_no_older_way_in() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let before = store.clone();
    lock(&mut vault, "sofa and lamp", &device(), &mut rng);
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    let former = store.clone();
    lock(&mut vault, "another sofa", &device(), &mut rng);
    vault.add(enrolment(9), NOW, &mut rng).expect("room");
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    let old_files = with_keyring_of(&before, &store);
    let refused = old_files.open_with(&Unlock::Device(&device())).err();
    assert_eq!(refused, Some(OpenError::NoSlot), "the lock holds");
    let strong = |passphrase| Unlock::Strong {
        passphrase,
        key: &KEY,
    };
    static KEY: std::sync::LazyLock<DeviceKey> = std::sync::LazyLock::new(device);
    let seen = couchkey_vault::survey(&old_files.found());
    assert!(
        seen.slot(SlotKind::Strong).is_some(),
        "and it asks for the passphrase"
    );
    let formerly = with_keyring_of(&former, &store);
    let refused = formerly.open_with(&strong("sofa and lamp")).err();
    assert_eq!(
        refused,
        Some(OpenError::Wrong),
        "nor does the former passphrase open it"
    );
    let today = formerly.open_with(&strong("another sofa"));
    let today = today.unwrap_or_else(|error| panic!("today's opens it: {error}"));
    assert_eq!(today.vault.accounts().count(), 4, "with everything");
    // The reverse: an old keyring beside the newer file.
    for old in [&before, &former] {
        let old_keyring = with_keyring_of(&store, old);
        assert!(
            old_keyring.open_with(&Unlock::Device(&device())).is_err(),
            "no way in"
        );
        let refused = old_keyring.open_with(&strong("sofa and lamp")).err();
        assert_eq!(refused, Some(OpenError::Wrong), "nor the former passphrase");
        assert!(
            old_keyring.open_with(&strong("another sofa")).is_ok(),
            "today's"
        );
    }
    // Where nothing newer is whole, an older way in is better than none.
    let mut spoilt = before.without_keyring();
    spoilt.b = store.a.clone().map(|file| file[..file.len() / 2].to_vec());
    assert!(
        spoilt.open_with(&Unlock::Device(&device())).is_ok(),
        "it opens"
    );
}

#[test]
fn row_9_after_new_keys_an_old_copy_of_either_place_opens_nothing() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let before = store.clone();
    let key = RecoveryKey::generate(&mut rng);
    let (device, new) = (device(), DeviceKey::generate(&mut rng));
    let slots = [
        NewSlot::Device { key: &new },
        NewSlot::Recovery { key: &key },
    ];
    vault.rotate(&slots, NOW, &mut rng).expect("two slots");
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    for mixed in [
        with_keyring_of(&before, &store),
        with_keyring_of(&store, &before),
    ] {
        let refused = mixed.open_with(&Unlock::Device(&device)).err();
        assert_eq!(refused, Some(OpenError::Wrong), "the older key");
        let opened = mixed.open_with(&Unlock::Device(&new));
        let opened = opened.unwrap_or_else(|error| panic!("today's: {error}"));
        assert_eq!(opened.vault.accounts().count(), 3, "all");
    }
}

#[test]
fn row_7_each_device_keeps_its_own_slot() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let recovery = RecoveryKey::generate(&mut rng);
    vault
        .put_slot(NewSlot::Recovery { key: &recovery }, NOW, &mut rng)
        .expect("a slot");
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    // Another machine, which has its own keyring, recovers in the same folder.
    let keys: Vec<DeviceKey> = (0..3).map(|_| DeviceKey::generate(&mut rng)).collect();
    let mut there = store.without_keyring();
    for key in &keys {
        let opened = there.open_with(&Unlock::Recovery(&recovery));
        let mut vault = opened
            .unwrap_or_else(|error| panic!("it opens: {error}"))
            .vault;
        vault
            .put_slot(NewSlot::Device { key }, NOW, &mut rng)
            .expect("a slot");
        while vault.needs_save() {
            there.save(&mut vault, &mut rng);
        }
    }
    // The first one opens the folder, mends its keyring, and everybody still opens.
    let mut here = with_keyring_of(&there, &store);
    mended(&mut here, &mut rng);
    let first = device();
    for left in [here.clone(), here.without_files(), here.without_keyring()] {
        for key in keys.iter().chain([&first]) {
            let opened = left.open_with(&Unlock::Device(key));
            assert!(opened.is_ok(), "{:?}", opened.err());
        }
    }
    // A fifth one takes the place of the one made longest ago; a device's own new slot takes that of its old one.
    let mut vault = here.opened().vault;
    let later = couchkey_otp::UnixTime::from_secs(NOW.as_secs() + 5);
    vault
        .put_slot(NewSlot::Device { key: &keys[1] }, later, &mut rng)
        .expect("a slot");
    assert_eq!(vault.slots().len(), 5, "four devices and the recovery key");
    let fifth = DeviceKey::generate(&mut rng);
    vault
        .put_slot(NewSlot::Device { key: &fifth }, later, &mut rng)
        .expect("a slot");
    assert_eq!(vault.slots().len(), 5, "no more than that");
    vault.drop_device(&fifth).expect("it is not the last");
    assert_eq!(
        vault.slots().len(),
        4,
        "a device that gets another key takes the old one away"
    );
    // An app lock closes them all but its own.
    lock(&mut vault, "sofa and lamp", &keys[1], &mut rng);
    let kinds: Vec<_> = vault.slots().iter().map(|slot| slot.kind).collect();
    assert_eq!(
        kinds,
        [SlotKind::Recovery, SlotKind::Strong],
        "none of them alone opens it"
    );
}

#[test]
fn row_7_devices_that_were_added_to_two_copies_while_apart_all_open_what_is_put_together() {
    let (store, _, mut rng) = saved_vault(3);
    let keys: Vec<DeviceKey> = (0..2).map(|_| DeviceKey::generate(&mut rng)).collect();
    let (mut one, mut two) = (store.clone(), store);
    for (copy, key) in [(&mut one, &keys[0]), (&mut two, &keys[1])] {
        let mut vault = copy.opened().vault;
        vault
            .put_slot(NewSlot::Device { key }, NOW, &mut rng)
            .expect("a slot");
        while vault.needs_save() {
            copy.save(&mut vault, &mut rng);
        }
    }
    add(&mut two, 60, &mut rng);
    // File and keyring of two copies, either way round; and two halves of the file.
    let halves = Store {
        a: one.a.clone(),
        ..two.clone()
    };
    for mut met in [
        with_keyring_of(&one, &two),
        with_keyring_of(&two, &one),
        halves,
    ] {
        let notes = mended(&mut met, &mut rng);
        let apart = |note: &Note| matches!(note, Note::Diverged { .. });
        assert!(notes.iter().any(apart), "they are apart: {notes:?}");
        let first = device();
        for left in [met.clone(), met.without_files(), met.without_keyring()] {
            for key in keys.iter().chain([&first]) {
                let opened = left.open_with(&Unlock::Device(key));
                assert!(opened.is_ok(), "{:?}", opened.err());
            }
        }
    }
}

/// The minor version of a file, changed by somebody who makes the checksum right.
fn forged(mut file: Vec<u8>, minor: u16) -> Vec<u8> {
    file[10..12].copy_from_slice(&minor.to_be_bytes());
    let end = file.len() - 32;
    let sum = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&sum);
    file
}

#[test]
fn row_44_a_forged_minor_version_in_one_half_does_not_make_the_vault_read_only() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    store.save(&mut vault, &mut rng);
    for half in Half::BOTH {
        for keyring in [true, false] {
            let mut left = match keyring {
                true => store.clone(),
                false => store.without_keyring(),
            };
            let file = left.file(half).take().expect("both are there");
            *left.file(half) = Some(forged(file, 7));
            let opened = left.opened();
            assert_eq!(
                opened.vault.accounts().count(),
                3,
                "{half:?}: all are there"
            );
            let saved = opened.vault.save(&mut rng);
            assert!(saved.is_ok(), "{half:?}, {keyring}: {:?}", saved.err());
        }
    }
    let mut left = store.without_keyring();
    left.b = None;
    left.a = left.a.map(|file| forged(file, 7));
    let saved = left.opened().vault.save(&mut rng).err();
    let newer = SaveError::NewerVersion { minor: 7 };
    assert_eq!(
        saved,
        Some(newer),
        "with nothing else left it is taken at its word"
    );
}

#[test]
fn files_made_again_from_one_keyring_are_said_by_every_keyring_until_somebody_looked() {
    let (mut store, _, mut rng) = saved_vault(3);
    let other = store.clone();
    add(&mut store, 9, &mut rng);
    // Both keyrings are from before that account, and the folder is lost.
    let mut left = other.without_files();
    let notes = mended(&mut left, &mut rng);
    assert!(
        notes.contains(&Note::Complete),
        "of that keyring: {notes:?}"
    );
    for keyring in [&left, &other, &other.without_keyring()] {
        let mut there = with_keyring_of(&left, keyring);
        mended(&mut there, &mut rng);
        let mut vault = there.opened().vault;
        assert_eq!(vault.accounts().count(), 3, "what one keyring had");
        assert!(vault.is_rebuilt(), "and that is said");
        vault.seen();
        there.save(&mut vault, &mut rng);
        assert!(!there.opened().vault.is_rebuilt(), "somebody has looked");
    }
}

#[test]
fn a_lost_half_of_a_later_save_is_said() {
    let (mut store, _, mut rng) = saved_vault(3);
    let old = store.clone();
    add(&mut store, 8, &mut rng);
    let before = store.clone();
    add(&mut store, 9, &mut rng);
    // Its list is damaged and its header is not.
    let newest = if before.a == store.a {
        Half::B
    } else {
        Half::A
    };
    let list = couchkey_vault::survey(&store.found());
    assert_eq!(list.problems, [], "all is well so far");
    for header_is_left in [true, false] {
        for (keyring, said) in [(&store, false), (&before, header_is_left), (&old, true)] {
            let mut left = with_keyring_of(&store, keyring);
            let file = left.file(newest).take().expect("it is there");
            let bad = match header_is_left {
                true => list_damaged(file),
                false => file[..20].to_vec(),
            };
            *left.file(newest) = Some(bad);
            let opened = left.opened();
            let count = opened.vault.accounts().count();
            assert_eq!(
                count < 5,
                keyring.keyring != store.keyring,
                "{:?}",
                opened.notes
            );
            assert_eq!(
                opened.vault.is_incomplete(),
                said,
                "header: {header_is_left}, {count} accounts: {:?}",
                opened.notes
            );
        }
    }
    // With both lists damaged, what the later one's mirror has is not left for an older keyring.
    let mut left = with_keyring_of(&store, &old);
    for half in Half::BOTH {
        let file = left.file(half).take().expect("it is there");
        *left.file(half) = Some(list_damaged(file));
    }
    let opened = left.opened();
    assert_eq!(opened.vault.accounts().count(), 5, "{:?}", opened.notes);
    assert!(
        opened.vault.is_incomplete(),
        "nothing proves that it is all"
    );
}

/// The file with one bit of its sealed list flipped.
fn list_damaged(mut file: Vec<u8>) -> Vec<u8> {
    let header = u32::from_be_bytes(file[12..16].try_into().expect("4 bytes"));
    file[24 + header as usize] ^= 1;
    file
}

#[test]
fn row_4_what_may_be_missing_is_said_until_somebody_looked() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    vault.add(enrolment(9), NOW, &mut rng).expect("room");
    store.save(&mut vault, &mut rng);
    // The newest half is damaged and the keyring is gone.
    let mut left = store.without_keyring();
    left.b = left.b.map(|file| file[..100].to_vec());
    let opened = left.opened();
    assert!(
        !opened.complete && opened.vault.is_incomplete(),
        "{:?}",
        opened.notes
    );
    mended(&mut left, &mut rng);
    let mut vault = left.opened().vault;
    assert!(vault.is_incomplete(), "a restart does not make it whole");
    assert_eq!(left.opened().notes, [], "although nothing is odd any more");
    vault.seen();
    left.save(&mut vault, &mut rng);
    assert!(!left.opened().vault.is_incomplete(), "somebody has looked");
    let key = format::head_entry(ID);
    assert!(
        left.keyring.contains_key(&key),
        "the keyring is whole again"
    );
}

#[test]
fn row_2_two_computers_that_take_turns_each_have_everything_in_their_keyrings() {
    let (store, _, mut rng) = saved_vault(2);
    let (mut files, mut keyrings) = (store.clone(), [store.clone(), store]);
    for turn in 0..8 {
        let at = usize::from(turn % 2 == 0);
        let mut both = with_keyring_of(&files, &keyrings[at]);
        mended(&mut both, &mut rng);
        let opened = both.without_files().opened().vault;
        assert_eq!(
            accounts(&opened),
            accounts(&both.opened().vault),
            "turn {turn}: opened"
        );
        add(&mut both, 10 + turn, &mut rng);
        let alone = both.without_files().opened().vault;
        assert_eq!(
            accounts(&alone),
            accounts(&both.opened().vault),
            "turn {turn}: changed"
        );
        files = both.clone();
        keyrings[at] = both;
    }
}
