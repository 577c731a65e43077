//! Damage, by accident and on purpose: noticed, repaired where anything is left to repair from, and never a panic.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use couchkey_vault::{
    DeviceKey, Edit, Found, Half, NewSlot, Note, OpenError, Problem, Unlock, Vault, VaultId, open,
    survey,
};
use sha2::{Digest, Sha256};

use crate::store::*;

/// Three accounts, both halves of the file written; the newest is `vault.b`.
fn three() -> (Store, Vault) {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    vault
        .edit(
            nth(&vault, 1),
            Edit {
                note: Some("the second".into()),
                ..Edit::default()
            },
        )
        .expect("a good note");
    store.save(&mut vault, &mut rng);
    (store, vault)
}

fn nth(vault: &Vault, n: usize) -> couchkey_vault::AccountId {
    vault.accounts().nth(n).expect("three accounts").0.id
}

/// Every way to flip one bit, and every way to cut the end off.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
    let flips = (0..bytes.len() * 8).map(|bit| {
        let mut bad = bytes.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        (format!("byte {} bit {}", bit / 8, bit % 8), bad)
    });
    let cuts = (0..bytes.len()).map(|at| (format!("cut at {at}"), bytes[..at].to_vec()));
    flips.chain(cuts)
}

#[test]
fn every_bit_and_every_cut_of_the_newest_file_is_repaired_from_what_else_there_is() {
    let (store, vault) = three();
    let new = picture(&vault);
    let newest = store.b.clone().expect("the second save");
    for (what, bad) in damaged(&newest) {
        let mut left = store.clone();
        left.b = Some(bad);
        let problems = survey(&left.found()).problems;
        assert!(problems.contains(&Problem::FileDamaged(Half::B)), "{what}");
        let opened = left.opened();
        assert_eq!(picture(&opened.vault), new, "{what}: {:?}", opened.notes);
        assert!(opened.notes.contains(&Note::FileDamaged(Half::B)), "{what}");
        assert!(opened.vault.damaged().is_empty(), "{what}");
    }
}

#[test]
fn every_bit_and_every_cut_of_the_only_file_is_noticed_and_harms_no_other_account() {
    let (store, vault) = three();
    let good = accounts(&vault);
    let newest = store.b.clone().expect("the second save");
    let mut opened_anyway = 0;
    for (what, bad) in damaged(&newest) {
        let found = Found {
            file_b: Some(bad),
            ..Found::default()
        };
        let seen = survey(&found);
        assert!(
            seen.problems.contains(&Problem::FileDamaged(Half::B)),
            "{what}"
        );
        let Ok(opened) = open(&found, &Unlock::Device(&device()), |_, _| Ok(None)) else {
            continue;
        };
        opened_anyway += 1;
        assert!(opened.notes.contains(&Note::FileDamaged(Half::B)), "{what}");
        let found = accounts(&opened.vault);
        assert!(
            found.iter().all(|account| good.contains(account)),
            "{what}: what opens is what was saved"
        );
        // A list that cannot be read any more takes no account with it; a damaged account no other.
        assert!(
            found.len() >= good.len() - 1 || what.starts_with("cut"),
            "{what}"
        );
        let listed = !opened.notes.contains(&Note::ListLost);
        if listed {
            let damaged = opened.vault.damaged().len();
            assert_eq!(
                found.len() + damaged,
                good.len(),
                "{what}: damaged ones are listed"
            );
        }
    }
    assert!(
        opened_anyway > 1_000,
        "most damage spares something: {opened_anyway}"
    );
}

#[test]
fn the_older_file_alone_stands_in_for_a_damaged_one() {
    let (store, vault) = three();
    let mut left = store.without_keyring();
    left.b = left.b.map(|bytes| bytes[..100].to_vec());
    let opened = left.opened();
    let older = accounts(&opened.vault);
    assert_eq!(older.len(), 3, "all three");
    assert_ne!(
        older,
        accounts(&vault),
        "as they were before the last change"
    );
    assert!(
        opened.notes.contains(&Note::FileDamaged(Half::B)),
        "and it is said"
    );
    assert!(opened.notes.contains(&Note::HeadMissing), "this too");
}

#[test]
fn with_the_head_lost_as_well_the_bundles_still_have_what_is_newer() {
    let (store, vault) = three();
    let mut left = store.clone();
    left.b = left.b.map(|bytes| bytes[..100].to_vec());
    left.keyring.retain(|name, _| !name.ends_with("/head"));
    let opened = left.opened();
    assert_eq!(
        accounts(&opened.vault),
        accounts(&vault),
        "the last change too"
    );
    assert!(
        opened.notes.contains(&Note::HeadMissing),
        "{:?}",
        opened.notes
    );
    assert!(
        opened.notes.contains(&Note::Incomplete),
        "nothing proves that it is all"
    );
}

#[test]
fn every_bit_and_every_cut_of_the_head_is_noticed_and_harms_nothing() {
    let (store, vault) = three();
    let (new, all) = (picture(&vault), accounts(&vault));
    let entry = store.clone().head().clone();
    let mut noticed = 0;
    for (what, bad) in damaged(&entry) {
        // Some keyrings end a text with a line, so white space at its ends is no damage.
        let harmless = bad.trim_ascii() == entry;
        let mut left = store.clone();
        *left.head() = bad;
        let opened = left.opened();
        assert_eq!(picture(&opened.vault), new, "{what}: the file is whole");
        assert_eq!(
            opened.notes.contains(&Note::HeadDamaged),
            !harmless,
            "{what}"
        );
        noticed += usize::from(!harmless);
        // And with the files gone on top of it, where the header can still be read.
        if let Ok(opened) = left.without_files().open() {
            assert_eq!(accounts(&opened.vault), all, "{what}: from the bundles");
        }
    }
    assert!(
        noticed > 1_000,
        "the head has hundreds of characters: {noticed}"
    );
}

#[test]
fn every_bit_and_every_cut_of_a_bundle_is_noticed_where_bundles_are_needed() {
    let (store, vault) = three();
    let all = accounts(&vault);
    let name = couchkey_vault::format::bundle_entry(ID, 0, Half::B);
    let entry = store.keyring[&name].clone();
    for (what, bad) in damaged(&entry) {
        let mut left = store.without_files();
        left.keyring.insert(name.clone(), bad);
        let opened = left.opened();
        let found = accounts(&opened.vault);
        assert_eq!(found.len(), 3, "{what}: the other half has older ones");
        let intact = opened.notes.contains(&Note::Complete);
        assert_eq!(intact, found == all, "{what}: complete is what was saved");
        if !intact {
            assert!(
                opened.notes.contains(&Note::Incomplete),
                "{what}: and it is said"
            );
            assert!(opened.notes.contains(&Note::BundleDamaged(0)), "{what}");
        }
    }
}

/// Where the accounts of the mirror are in a file, by its own lengths.
fn mirror_items(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("4")) as usize;
    let mut at = 24 + number(12) + number(16);
    let end = at + number(20);
    let mut items = Vec::new();
    while at < end {
        let length = usize::from(u16::from_be_bytes([file[at], file[at + 1]]));
        items.push(at..at + 2 + length);
        at += 2 + length;
    }
    items
}

/// Somebody who changes a file also makes its checksum right.
fn with_checksum(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 32;
    let sum = Sha256::digest(&file[..end]);
    file[end..].copy_from_slice(&sum);
    file
}

#[test]
fn two_accounts_that_changed_places_in_the_file_are_noticed() {
    let (store, vault) = three();
    let file = store.b.clone().expect("the second save");
    let items = mirror_items(&file);
    assert_eq!(items.len(), 3, "three accounts");
    let mut swapped = file[..items[0].start].to_vec();
    for n in [2, 1, 0] {
        swapped.extend_from_slice(&file[items[n].clone()]);
    }
    swapped.extend_from_slice(&file[items[2].end..]);

    let mut left = store.clone();
    left.b = Some(with_checksum(swapped.clone()));
    assert_eq!(survey(&left.found()).problems, [], "it looks whole");
    let opened = left.opened();
    assert_eq!(picture(&opened.vault), picture(&vault), "repaired");
    let repaired = |n| Note::ItemRepaired(nth(&vault, n));
    assert!(opened.notes.contains(&repaired(0)), "{:?}", opened.notes);
    assert!(opened.notes.contains(&repaired(2)), "{:?}", opened.notes);

    let alone = Found {
        file_b: Some(with_checksum(swapped)),
        ..Found::default()
    };
    let opened = open(&alone, &Unlock::Device(&device()), |_, _| Ok(None));
    let opened = opened.unwrap_or_else(|error| panic!("one is in its place: {error}"));
    assert_eq!(accounts(&opened.vault).len(), 1, "the middle one");
    assert_eq!(
        opened.vault.damaged().len(),
        2,
        "the others are not taken for each other"
    );
}

/// The seal alone would let it pass: it was made with the right key, for this account. The hash in the list does not.
#[test]
fn one_account_rolled_back_in_the_file_is_noticed() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let id = nth(&vault, 1);
    vault.advance_counter(id).expect("a HOTP account");
    store.save(&mut vault, &mut rng);
    let (old, new) = (
        store.a.clone().expect("the first save"),
        store.b.clone().expect("the second save"),
    );
    let (before, after) = (mirror_items(&old)[1].clone(), mirror_items(&new)[1].clone());
    assert_eq!(
        before.len(),
        after.len(),
        "a counter of 8 is as long as one of 7"
    );
    let mut rolled = new.clone();
    rolled[after].copy_from_slice(&old[before]);
    let rolled = with_checksum(rolled);

    let mut left = store.clone();
    left.b = Some(rolled.clone());
    assert_eq!(survey(&left.found()).problems, [], "it looks whole");
    let opened = left.opened();
    assert_eq!(opened.notes, [Note::ItemRepaired(id)], "it is said");
    assert_eq!(picture(&opened.vault), picture(&vault), "and repaired");

    let alone = Found {
        file_b: Some(rolled),
        ..Found::default()
    };
    let opened = open(&alone, &Unlock::Device(&device()), |_, _| Ok(None));
    let opened = opened.unwrap_or_else(|error| panic!("two are whole: {error}"));
    assert!(
        opened.vault.account(id).is_none(),
        "no code of the old counter is made"
    );
    assert_eq!(
        opened.vault.damaged()[0].id,
        id,
        "it is damaged until a copy turns up"
    );

    // No save makes a saved version of it: neither the half beside it nor the bundles vouch for what was put there.
    let mut left = left.without_keyring();
    left.a = None;
    for n in 0..3 {
        let mut vault = left.opened().vault;
        assert!(vault.account(id).is_none(), "after {n} saves");
        vault.move_to(nth(&vault, 0), 1).expect("it is listed");
        left.save(&mut vault, &mut rng);
    }
    let file = left.file(Half::B).take().expect("three saves");
    let mut spoilt = file.clone();
    let last = mirror_items(&file).pop().expect("three accounts");
    for range in mirror_items(&file) {
        spoilt[range.end - 1] ^= 1;
    }
    spoilt[last.end - 1] ^= 1;
    left.b = Some(with_checksum(spoilt));
    let opened = left.opened();
    assert!(
        opened.vault.account(id).is_none(),
        "nor where its bytes in the mirror are others: {:?}",
        opened.notes
    );
}

#[test]
fn an_older_version_that_stands_in_for_a_damaged_account_is_said_to_be_one() {
    let (mut store, mut vault, mut rng) = saved_vault(3);
    let id = nth(&vault, 1);
    vault.advance_counter(id).expect("a HOTP account");
    store.save(&mut vault, &mut rng);
    let mut left = store.clone();
    left.keyring.retain(|name, _| !name.ends_with(".b"));
    let mut file = left.b.take().expect("the second save");
    let item = mirror_items(&file)[1].clone();
    file[item.end - 1] ^= 1;
    left.b = Some(with_checksum(file));
    let opened = left.opened();
    assert_eq!(
        opened.notes,
        [Note::ItemFromOtherVersion(id), Note::Incomplete],
        "the half beside it has the one before"
    );
    assert!(opened.vault.account(id).is_some(), "that one is kept");
    assert!(
        opened.vault.is_incomplete() && !opened.complete,
        "and nobody is told that all is as it was"
    );
}

#[test]
fn a_whole_bundle_rolled_back_is_told_from_a_complete_one() {
    let (mut store, vault) = three();
    let name = |half| couchkey_vault::format::bundle_entry(ID, 0, half);
    let old = store.keyring[&name(Half::A)].clone();
    store.keyring.insert(name(Half::B), old);
    let opened = store.without_files().opened();
    assert_ne!(accounts(&opened.vault), accounts(&vault), "the older note");
    assert!(
        opened.notes.contains(&Note::Incomplete),
        "the head knows what there was"
    );
}

#[test]
fn nothing_of_one_vault_opens_in_another_even_with_the_same_device_key() {
    let (store, _) = three();
    let mut rng = rng(7);
    let key = device();
    let slot = NewSlot::Device { key: &key };
    let other_id = VaultId([0xD1; 16]);
    let mut other = Vault::create(other_id, slot, NOW, &mut rng).expect("a device slot");
    other.add(enrolment(77), NOW, &mut rng).expect("room");
    let save = other.save(&mut rng).expect("a vault of this version");

    let two = Found {
        file_a: store.a.clone(),
        file_b: Some(save.file.clone()),
        head: None,
    };
    assert_eq!(
        open(&two, &Unlock::Device(&key), |_, _| Ok(None)).err(),
        Some(OpenError::TwoVaults),
        "saving would destroy one of them"
    );
    assert!(
        survey(&two).problems.contains(&Problem::TwoVaults),
        "without a key"
    );

    // A head of the other vault beside our files, and bundles of the other vault beside our head.
    let mut left = store.clone();
    *left.head() = save.head.clone().into_bytes();
    let opened = left.opened();
    assert!(
        opened.notes.contains(&Note::HeadOfAnotherVault),
        "and is not believed"
    );
    assert_eq!(accounts(&opened.vault).len(), 3, "ours");
    assert!(
        survey(&left.found())
            .problems
            .contains(&Problem::HeadOfAnotherVault),
        "without a key"
    );
    let mut left = store.without_files();
    for half in Half::BOTH {
        let name = couchkey_vault::format::bundle_entry(ID, 0, half);
        left.keyring
            .insert(name, save.bundles[0].entry.clone().into_bytes());
    }
    assert_eq!(
        left.open().err(),
        Some(OpenError::Damaged),
        "nothing of ours is left"
    );
}

#[test]
fn a_header_of_another_vault_does_not_fit_this_body() {
    let (store, _) = three();
    let (old, new) = (
        store.a.clone().expect("the first save"),
        store.b.clone().expect("the second save"),
    );
    // The header of generation 1 with the list of generation 2: as long as each other, whole by checksum.
    let header = u32::from_be_bytes(new[12..16].try_into().expect("4")) as usize;
    let mut mixed = new.clone();
    mixed[24..24 + header].copy_from_slice(&old[24..24 + header]);
    let found = Found {
        file_b: Some(with_checksum(mixed)),
        ..Found::default()
    };
    let opened = open(&found, &Unlock::Device(&device()), |_, _| Ok(None));
    let opened = opened.unwrap_or_else(|error| panic!("the accounts open: {error}"));
    assert!(
        opened.notes.contains(&Note::FileDamaged(Half::B)),
        "the list does not"
    );
    assert!(
        opened.notes.contains(&Note::ListLost),
        "so it is made again"
    );
}

#[test]
fn a_damaged_account_is_kept_through_saves_and_repaired_when_a_copy_turns_up() {
    let (store, vault) = three();
    let all = accounts(&vault);
    let id = nth(&vault, 1);
    let mut left = store.without_keyring();
    left.a = None;
    let file = left.b.clone().expect("the second save");
    let item = mirror_items(&file)[1].clone();
    let mut bad = file.clone();
    bad[item.end - 1] ^= 1;
    left.b = Some(bad);

    let opened = left.opened();
    assert!(
        opened.notes.contains(&Note::ItemDamaged(id)),
        "{:?}",
        opened.notes
    );
    assert_eq!(accounts(&opened.vault).len(), 2, "the others are there");
    assert_eq!(opened.vault.damaged()[0].id, id, "and this one is listed");
    let mut vault = opened.vault;
    let mut rng = rng(8);
    for n in 0..4 {
        vault.add(enrolment(50 + n), NOW, &mut rng).expect("room");
        left.save(&mut vault, &mut rng);
        vault = left.opened().vault;
        assert_eq!(vault.damaged().len(), 1, "save {n}: still listed");
    }
    let file = left.b.clone().expect("a later save");
    let kept = mirror_items(&file)[1].clone();
    let (_, body) = file[kept].split_at(2);
    let mut whole = body.to_vec();
    *whole.last_mut().expect("not empty") ^= 1;
    let good = store.b.clone().expect("the second save");
    assert_eq!(
        whole,
        good[item.start + 2..item.end],
        "byte for byte what was left of it"
    );

    // The old keyring comes back: its bundle has the account.
    let old = store.keyring.clone();
    let unlock = Unlock::VaultKey(vault.vault_key());
    let fetch = |n, half| {
        Ok(old
            .get(&couchkey_vault::format::bundle_entry(ID, n, half))
            .cloned())
    };
    let opened = open(&left.found(), &unlock, fetch);
    let opened = opened.unwrap_or_else(|error| panic!("it is open already: {error}"));
    assert!(
        opened.notes.contains(&Note::ItemRepaired(id)),
        "{:?}",
        opened.notes
    );
    let found = accounts(&opened.vault);
    assert!(
        all.iter().all(|account| found.contains(account)),
        "all three are whole"
    );
}

#[test]
fn a_keyring_that_cannot_be_read_keeps_no_whole_account_from_opening() {
    let (store, whole) = three();
    let mut left = store.clone();
    left.a = None;
    let file = left.b.as_mut().expect("the second save");
    let item = mirror_items(file)[1].clone();
    file[item.end - 1] ^= 1;
    let locked = |_, _| Err(couchkey_vault::FetchFailed);
    let opened = open(&left.found(), &Unlock::Device(&device()), locked);
    let opened = opened.unwrap_or_else(|error| panic!("two are whole: {error}"));
    assert!(
        opened.notes.contains(&Note::KeyringUnread),
        "{:?}",
        opened.notes
    );
    assert_eq!(opened.vault.accounts().count(), 2, "the whole ones");

    let mut vault = opened.vault;
    let notes = vault.check_bundles(|number, half| left.fetch(number, half));
    let id = nth(&whole, 1);
    assert_eq!(
        notes,
        Ok(vec![Note::ItemRepaired(id)]),
        "later the keyring answers"
    );
    assert_eq!(accounts(&vault), accounts(&whole), "and all are whole");
    assert!(vault.needs_save(), "so that the file is whole again, too");
}

#[test]
fn a_head_with_the_files_and_every_bundle_gone_is_not_an_empty_vault() {
    let (store, _) = three();
    let mut left = store.without_files();
    left.keyring.retain(|name, _| name.ends_with("/head"));
    assert_eq!(
        left.open().err(),
        Some(OpenError::Damaged),
        "three accounts are missing"
    );

    let (store, _, _) = saved_vault(0);
    let opened = store.without_files().opened();
    assert!(
        opened.notes.contains(&Note::Complete),
        "an empty vault is empty"
    );
}

#[test]
fn bytes_of_no_vault_at_all_are_refused() {
    let (store, _) = three();
    for bytes in [
        vec![],
        vec![0; 5],
        vec![0xFF; 10_000],
        b"{\"json\": true}".to_vec(),
    ] {
        for half in Half::BOTH {
            let mut left = store.without_keyring();
            (left.a, left.b) = (None, None);
            *left.file(half) = Some(bytes.clone());
            assert_eq!(left.open().err(), Some(OpenError::Damaged), "alone");
            let mut left = store.clone();
            *left.file(half) = Some(bytes.clone());
            let opened = left.opened();
            assert!(
                opened.notes.contains(&Note::FileDamaged(half)),
                "beside a good one"
            );
        }
        let mut left = store.clone();
        *left.head() = bytes;
        assert!(
            left.opened().notes.contains(&Note::HeadDamaged),
            "as a head"
        );
    }
}

#[test]
fn another_device_key_opens_nothing() {
    let (store, _) = three();
    let other = DeviceKey::from_bytes(&[9; 32]).expect("32 bytes");
    for left in [
        store.clone(),
        store.without_files(),
        store.without_keyring(),
    ] {
        let opened = left.open_with(&Unlock::Device(&other));
        assert_eq!(opened.err(), Some(OpenError::Wrong), "and says so");
    }
}

/// An item as an attacker with the file, but without any key, would have to make it.
#[test]
fn an_account_made_without_the_key_is_not_taken() {
    let (store, vault) = three();
    let mut left = store.clone();
    let file = left.b.as_mut().expect("the second save");
    let item = mirror_items(file)[0].clone();
    let fixed = file[item.start + 2..item.start + 27].to_vec();
    let plain = vec![0xA0; item.len() - 2 - 25 - 40];
    let payload = Payload {
        msg: &plain,
        aad: &fixed,
    };
    let sealed = chacha20poly1305::XChaCha20Poly1305::new(&[0; 32].into())
        .encrypt(&[0; 24].into(), payload)
        .expect("short");
    file[item.start + 27..item.start + 51].fill(0);
    file[item.start + 51..item.end].copy_from_slice(&sealed);
    left.b = left.b.map(with_checksum);
    let opened = left.opened();
    assert_eq!(picture(&opened.vault), picture(&vault), "repaired");
    assert!(
        opened.notes.contains(&Note::ItemRepaired(nth(&vault, 0))),
        "and noticed: {:?}",
        opened.notes
    );
}
