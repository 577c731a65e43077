//! A crash after every single write of every kind of change, then every loss: the old state or the new one, never
//! anything else, and never anything worse afterwards.

use couchkey_otp::UnixTime;
use couchkey_vault::{Edit, Half, NewSlot, Note, RecoveryKey, SlotKind, Vault};
use proptest::prelude::*;

use crate::store::*;

type Change = fn(&mut Vault, &mut chacha20::ChaCha20Rng);

/// Every kind of change that is saved.
const CHANGES: &[(&str, Change)] = &[
    ("add", |vault, rng| {
        vault.add(enrolment(900), NOW, rng).expect("room");
    }),
    ("import many", |vault, rng| {
        for n in 0..40 {
            vault.add(enrolment(1_000 + n), NOW, rng).expect("room");
        }
    }),
    ("rename", |vault, _| {
        let id = nth(vault, 3);
        let edit = Edit {
            account: Some("a new name".into()),
            ..Edit::default()
        };
        vault.edit(id, edit).expect("a good name");
    }),
    ("notes that no longer fit together", |vault, _| {
        for n in 0..12 {
            let id = nth(vault, n);
            let edit = Edit {
                note: Some("n".repeat(500 + n)),
                ..Edit::default()
            };
            vault.edit(id, edit).expect("a good note");
        }
    }),
    ("advance a counter", |vault, _| {
        vault.advance_counter(hotp(vault)).expect("a HOTP account");
    }),
    ("to the trash", |vault, _| {
        vault.remove(nth(vault, 2), NOW).expect("it is listed");
    }),
    ("out of the trash", |vault, _| {
        let (place, _) = vault.trash().next().expect("one is there");
        let id = place.id;
        vault.restore(id).expect("it is in the trash");
    }),
    ("purge", |vault, _| {
        let days = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
        assert_eq!(vault.purge(days(31)), 0, "seen to be over");
        assert_eq!(vault.purge(days(62)), 1, "the one in the trash");
    }),
    ("move", |vault, _| {
        vault.move_to(nth(vault, 5), 0).expect("it is listed");
    }),
    ("pin and group", |vault, _| {
        let edit = Edit {
            pinned: Some(true),
            groups: Some(vec!["Family".into()]),
            ..Edit::default()
        };
        vault.edit(nth(vault, 4), edit).expect("a good group");
    }),
    ("settings", |vault, _| {
        let mut settings = vault.settings().clone();
        settings.auto_lock_minutes = 1;
        vault.set_settings(settings);
    }),
    ("a recovery key", |vault, rng| {
        let key = RecoveryKey::generate(rng);
        let slot = NewSlot::Recovery { key: &key };
        vault.put_slot(slot, NOW, rng).expect("a recovery slot");
    }),
];

fn nth(vault: &Vault, n: usize) -> couchkey_vault::AccountId {
    let (place, _) = vault.accounts().nth(n).expect("there are thirty accounts");
    place.id
}

fn hotp(vault: &Vault) -> couchkey_vault::AccountId {
    let mut all = vault.accounts();
    let hotp = all.find(|(_, account)| account.kind.word() == "hotp");
    hotp.expect("every third is one").0.id
}

/// Which accounts there are, wherever they stand.
fn ids(picture: &Picture) -> Vec<String> {
    let list = picture.list.iter().map(|(seen, ..)| seen.id.clone());
    let trash = picture.trash.iter().map(|(seen, _)| seen.id.clone());
    let mut ids: Vec<_> = list.chain(trash).collect();
    ids.sort();
    ids
}

/// Thirty accounts in three bundles, one of them in the trash, both halves of the file written.
fn before() -> (Store, Vault, chacha20::ChaCha20Rng) {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    vault.remove(nth(&vault, 7), NOW).expect("it is listed");
    store.save(&mut vault, &mut rng);
    (store, vault, rng)
}

/// Everything that can be lost at once without losing an account.
fn losses(store: &Store) -> Vec<(&'static str, Store)> {
    vec![
        ("nothing", store.clone()),
        ("both files", store.without_files()),
        ("the keyring", store.without_keyring()),
    ]
}

#[test]
fn a_crash_after_any_write_leaves_the_old_state_or_the_new_one() {
    for (name, change) in CHANGES {
        let (store, mut vault, mut rng) = before();
        let old = (picture(&vault), accounts(&vault));
        change(&mut vault, &mut rng);
        let save = vault.save(&mut rng).expect("a vault of this version");
        let new = (picture(&vault), accounts(&vault).clone());
        let writes = writes(&save);
        for done in 0..=writes.len() {
            let mut crashed = store.clone();
            writes[..done].iter().for_each(|write| crashed.write(write));
            for (lost, left) in losses(&crashed) {
                let opened = left.opened();
                let what = format!(
                    "{name}: {done} of {} writes, then {lost} lost",
                    writes.len()
                );
                assert!(opened.vault.damaged().is_empty(), "{what}: all are whole");
                if lost == "both files" {
                    let found = accounts(&opened.vault);
                    assert!(found == old.1 || found == new.1, "{what}");
                    assert!(
                        opened.notes.contains(&Note::Complete),
                        "{what}: {:?}",
                        opened.notes
                    );
                } else {
                    let found = picture(&opened.vault);
                    assert!(found == old.0 || found == new.0, "{what}");
                    if done == writes.len() {
                        assert!(found == new.0, "{what}: it was acknowledged");
                    }
                    if done + 2 <= writes.len() {
                        assert!(found == old.0, "{what}: the file was not written");
                    }
                }
            }
        }
    }
}

/// What a crash leaves behind must not come up again after the next change that does succeed.
#[test]
fn after_a_crash_the_next_save_is_whole_in_both_places() {
    for (name, change) in CHANGES {
        let (store, mut vault, mut rng) = before();
        change(&mut vault, &mut rng);
        let writes = writes(&vault.save(&mut rng).expect("a vault of this version"));
        for done in 0..=writes.len() {
            let mut crashed = store.clone();
            writes[..done].iter().for_each(|write| crashed.write(write));
            let mut vault = crashed.opened().vault;
            // Another change, to another bundle as likely as not.
            let edit = Edit {
                note: Some("after the crash".into()),
                ..Edit::default()
            };
            vault.edit(nth(&vault, 20), edit).expect("a good note");
            crashed.save(&mut vault, &mut rng);
            let (list, all) = (picture(&vault), accounts(&vault));
            for (lost, left) in losses(&crashed) {
                let opened = left.opened();
                let what = format!("{name}: {done} writes, reopened, saved, {lost} lost");
                if lost == "both files" {
                    assert_eq!(accounts(&opened.vault), all, "{what}");
                    assert!(opened.notes.contains(&Note::Complete), "{what}");
                } else {
                    assert_eq!(picture(&opened.vault), list, "{what}");
                }
            }
            let opened = crashed.opened();
            assert_eq!(opened.notes, [], "{name}: {done} writes: all is well again");
        }
    }
}

#[test]
fn a_single_write_that_never_reached_the_disk_loses_no_account() {
    for (name, change) in CHANGES {
        let (store, mut vault, mut rng) = before();
        change(&mut vault, &mut rng);
        let writes = writes(&vault.save(&mut rng).expect("a vault of this version"));
        let new = accounts(&vault);
        for missing in 0..writes.len() {
            let mut left = store.clone();
            for (n, write) in writes.iter().enumerate() {
                if n != missing {
                    left.write(write);
                }
            }
            let opened = left.opened();
            let what = format!("{name}: write {missing} of {} missing", writes.len());
            assert_eq!(accounts(&opened.vault), new, "{what}: {:?}", opened.notes);
        }
    }
}

#[test]
fn a_file_that_a_crash_left_ahead_of_its_head_rolls_the_head_forward_first() {
    let (store, mut vault, mut rng) = before();
    vault.add(enrolment(900), NOW, &mut rng).expect("room");
    let save = vault.save(&mut rng).expect("a vault of this version");
    let writes = writes(&save);
    let mut crashed = store.clone();
    let all_but_head = &writes[..writes.len() - 1];
    all_but_head.iter().for_each(|write| crashed.write(write));

    let opened = crashed.opened();
    let rolled = Note::RolledForward { file: 3, head: 2 };
    assert_eq!(opened.notes, [rolled], "and nothing else is wrong");
    assert!(opened.needs_save, "so that it is mended soon");
    let next = opened
        .vault
        .save(&mut rng)
        .expect("a vault of this version");
    assert_eq!(
        next.roll_head.as_deref(),
        Some(save.head.as_str()),
        "byte for byte the head that the crash kept from being written"
    );

    // Without it, the next save would overwrite bundles that the head on the disk still means.
    let mut vault = opened.vault;
    for round in 0..3 {
        vault.remove(nth(&vault, 0), NOW).expect("it is listed");
        vault
            .add(enrolment(2_000 + round), NOW, &mut rng)
            .expect("room");
        let writes = self::writes(&vault.save(&mut rng).expect("a vault of this version"));
        for done in 0..=writes.len() {
            let mut left = crashed.clone();
            writes[..done].iter().for_each(|write| left.write(write));
            let opened = left.without_files().opened();
            assert!(
                opened.notes.contains(&Note::Complete),
                "round {round}, {done} writes: the keyring alone has one whole generation"
            );
        }
        crashed.save(&mut vault, &mut rng);
    }
}

#[test]
fn the_same_save_may_be_written_again_from_its_first_step() {
    let (mut store, mut vault, mut rng) = before();
    vault.add(enrolment(900), NOW, &mut rng).expect("room");
    let save = vault.save(&mut rng).expect("a vault of this version");
    let writes = writes(&save);
    for stopped in 0..writes.len() {
        writes[..stopped]
            .iter()
            .for_each(|write| store.write(write));
    }
    writes.iter().for_each(|write| store.write(write));
    vault.saved(save);
    let opened = store.opened();
    assert_eq!(opened.notes, [], "nothing is odd");
    assert_eq!(picture(&opened.vault), picture(&vault), "and all is there");
}

#[test]
fn a_save_that_failed_may_be_abandoned() {
    let (store, mut vault, mut rng) = before();
    let old = picture(&vault);
    vault.add(enrolment(900), NOW, &mut rng).expect("room");
    let save = vault.save(&mut rng).expect("a vault of this version");
    drop(save);
    let unlock = couchkey_vault::Unlock::VaultKey(vault.vault_key());
    let reopened = store.open_with(&unlock);
    let reopened = reopened.unwrap_or_else(|error| panic!("it is open already: {error}"));
    assert_eq!(
        picture(&reopened.vault),
        old,
        "as if nothing had been tried"
    );
}

#[test]
fn a_change_between_save_and_saved_is_not_taken_for_saved() {
    let (mut store, mut vault, mut rng) = before();
    let id = hotp(&vault);
    vault.advance_counter(id).expect("a HOTP account");
    let save = vault.save(&mut rng).expect("a vault of this version");
    vault.advance_counter(id).expect("a HOTP account");
    writes(&save).iter().for_each(|write| store.write(write));
    vault.saved(save);
    assert!(vault.needs_save(), "the second step of the counter");
    store.save(&mut vault, &mut rng);
    assert!(!vault.needs_save(), "now it is there");
    for left in [store.clone(), store.without_files()] {
        let opened = left.opened();
        let found = opened.vault.account(id).map(seen);
        assert_eq!(found, vault.account(id).map(seen), "counter and rev");
    }
}

#[test]
fn after_a_change_of_slots_the_older_file_is_written_as_well() {
    let (mut store, mut vault, mut rng) = before();
    let key = RecoveryKey::generate(&mut rng);
    let recovery = || NewSlot::Recovery { key: &key };
    vault.put_slot(recovery(), NOW, &mut rng).expect("a slot");
    store.save(&mut vault, &mut rng);
    assert!(vault.needs_save(), "one half of the file has the old slots");
    store.save(&mut vault, &mut rng);
    assert!(!vault.needs_save(), "both halves have the new ones");
    vault.drop_slot(SlotKind::Recovery).expect("it is there");
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    for half in Half::BOTH {
        let mut left = store.without_keyring();
        *left.file(half) = None;
        let opened = left.open_with(&couchkey_vault::Unlock::Recovery(&key));
        assert_eq!(
            opened.err(),
            Some(couchkey_vault::OpenError::NoSlot),
            "what was taken away opens no half"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any changes, crashing anywhere, again and again; what opens is what was before or after the crashed change,
    /// and the keyring alone always has one whole generation.
    #[test]
    fn any_series_of_crashes_loses_nothing(
        steps in prop::collection::vec((0..CHANGES.len(), any::<prop::sample::Index>()), 1..12),
    ) {
        let (mut store, mut vault, mut rng) = before();
        let mut in_keyring = ids(&picture(&vault));
        for (which, crash) in steps {
            let (name, change) = CHANGES[which];
            // These need something in the trash.
            if matches!(name, "purge" | "out of the trash") && vault.trash().count() != 1 {
                continue;
            }
            let old = picture(&vault);
            change(&mut vault, &mut rng);
            let new = picture(&vault);
            let writes = writes(&vault.save(&mut rng).expect("a vault of this version"));
            let done = crash.index(writes.len() + 1);
            writes[..done].iter().for_each(|write| store.write(write));

            vault = store.opened().vault;
            let found = picture(&vault);
            prop_assert!(found == old || found == new, "{name}, {done} of {} writes", writes.len());
            let alone = store.without_files().opened();
            prop_assert!(alone.notes.contains(&Note::Complete), "{name}: {:?}", alone.notes);
            // A crash between file and head leaves the keyring one generation behind until the next save.
            let ids = ids(&picture(&alone.vault));
            let known = [&in_keyring, &self::ids(&old), &self::ids(&new)].contains(&&ids);
            prop_assert!(known, "{name}: from the keyring alone");
            if done == writes.len() {
                prop_assert_eq!(&ids, &self::ids(&new), "it was acknowledged");
            }
            in_keyring = ids;
        }
    }
}
