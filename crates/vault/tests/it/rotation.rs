//! A new vault key: what it ends, and every crash on the way to it.

use couchkey_vault::{
    Argon2Cost, DeviceKey, Half, NewSlot, OpenError, RecoveryKey, SlotKind, Unlock, Vault,
    VaultKey, backup::Backup,
};

use crate::store::*;

/// Thirty accounts in some bundles, both halves of file and bundles written, with a recovery key.
fn before() -> (Store, Vault, RecoveryKey, chacha20::ChaCha20Rng) {
    let (mut store, mut vault, mut rng) = saved_vault(30);
    let key = RecoveryKey::generate(&mut rng);
    let slot = NewSlot::Recovery { key: &key };
    vault.put_slot(slot, NOW, &mut rng).expect("a slot");
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    // Every account once more, so that every bundle has two halves.
    let ids: Vec<_> = vault.accounts().map(|(place, _)| place.id).collect();
    for id in ids {
        let edit = couchkey_vault::Edit {
            note: Some("edited".into()),
            ..Default::default()
        };
        vault.edit(id, edit).expect("a good note");
    }
    store.save(&mut vault, &mut rng);
    (store, vault, key, rng)
}

fn rotate(vault: &mut Vault, new: &RecoveryKey, rng: &mut chacha20::ChaCha20Rng) {
    let device = device();
    let slots = [
        NewSlot::Device { key: &device },
        NewSlot::Recovery { key: new },
    ];
    vault.rotate(&slots, NOW, rng).expect("two slots");
}

/// That nothing in the vault's places is what was there under the older key, and that none of its keys opens it.
fn is_rid_of(store: &Store, old: &Store, old_key: &RecoveryKey, old_vault_key: &VaultKey) {
    for (name, entry) in &store.keyring {
        assert_ne!(
            Some(entry),
            old.keyring.get(name),
            "{name} was written over"
        );
    }
    assert_ne!(store.a, old.a, "vault.a was written over");
    assert_ne!(store.b, old.b, "vault.b was written over");
    for half in Half::BOTH {
        let mut one = store.clone();
        *one.file(half) = None;
        for left in [one.clone(), one.without_keyring(), one.without_files()] {
            for unlock in [Unlock::Recovery(old_key), Unlock::VaultKey(old_vault_key)] {
                let refused = left.open_with(&unlock).err();
                assert_eq!(refused, Some(OpenError::Wrong), "the older keys are dead");
            }
        }
    }
}

/// The key that a vault has now. Keys cannot be copied, but a backup brings its own.
fn key_of(vault: &Vault) -> Backup {
    let bytes = vault.backup(NOW, &mut rng(77)).expect("a recovery key");
    let backup = Backup::open(&bytes, &Unlock::VaultKey(vault.vault_key()));
    backup.unwrap_or_else(|error| panic!("its own key: {error}"))
}

#[test]
fn a_new_key_ends_everything_that_opened_the_vault_before() {
    let (mut store, mut vault, old_key, mut rng) = before();
    let old = store.clone();
    let all = picture(&vault);
    let old_vault_key = key_of(&vault);
    let old_vault_key = old_vault_key.vault_key();
    let new_key = RecoveryKey::generate(&mut rng);
    rotate(&mut vault, &new_key, &mut rng);
    let mut saves = 0;
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
        saves += 1;
    }
    assert_eq!(saves, 2, "both generations");
    is_rid_of(&store, &old, &old_key, old_vault_key);
    for left in [
        store.clone(),
        store.without_keyring(),
        store.without_files(),
    ] {
        let by_device = left.opened();
        assert_eq!(accounts(&by_device.vault), accounts(&vault), "all of them");
        let by_key = left.open_with(&Unlock::Recovery(&new_key));
        let by_key = by_key.unwrap_or_else(|error| panic!("the new key: {error}"));
        assert_eq!(accounts(&by_key.vault), accounts(&vault), "all of them");
    }
    let opened = store.opened();
    assert_eq!(opened.notes, [], "nothing is odd");
    assert_eq!(
        picture(&opened.vault).list,
        all.list,
        "and nothing else changed"
    );
}

#[test]
fn older_backups_open_with_the_older_key_and_newer_ones_with_the_new() {
    let (_, mut vault, old_key, mut rng) = before();
    vault
        .set_backup_passphrase("for backups", Argon2Cost::FLOOR, NOW, &mut rng)
        .expect("a slot");
    let old = vault.backup(NOW, &mut rng).expect("a key");
    let new_key = RecoveryKey::generate(&mut rng);
    rotate(&mut vault, &new_key, &mut rng);
    assert!(!vault.has_backup_passphrase(), "nobody typed it");
    let new = vault.backup(NOW, &mut rng).expect("a key");
    assert!(
        Backup::open(&old, &Unlock::Recovery(&old_key)).is_ok(),
        "as ever"
    );
    assert!(
        Backup::open(&old, &Unlock::Recovery(&new_key)).is_err(),
        "not yet made then"
    );
    assert!(
        Backup::open(&new, &Unlock::Recovery(&new_key)).is_ok(),
        "the new one"
    );
    assert!(
        Backup::open(&new, &Unlock::Recovery(&old_key)).is_err(),
        "ended"
    );
}

#[test]
fn a_crash_after_any_write_leaves_the_older_key_or_the_new_one_and_the_next_save_ends_the_older() {
    let (store, vault, old_key, _) = before();
    let all = accounts(&vault);
    let old_vault_key = key_of(&vault);
    let old_vault_key = old_vault_key.vault_key();
    // The writes of both saves, one after the other.
    let mut rng = rng(7);
    let new_key = RecoveryKey::generate(&mut rng);
    let mut rotating = store.opened().vault;
    rotate(&mut rotating, &new_key, &mut rng);
    let mut all_writes = Vec::new();
    let mut commit = 0;
    while rotating.needs_save() {
        let save = rotating.save(&mut rng).expect("of this version");
        let writes = writes(&save);
        if all_writes.is_empty() {
            commit = writes.len() - 1;
        }
        all_writes.extend(writes);
        rotating.saved(save);
    }
    for done in 0..=all_writes.len() {
        let mut crashed = store.clone();
        all_writes[..done].iter().for_each(|w| crashed.write(w));
        let what = format!("{done} of {} writes", all_writes.len());
        for (lost, left) in [
            ("nothing", crashed.clone()),
            ("the keyring", crashed.without_keyring()),
            ("both files", crashed.without_files()),
        ] {
            let opened = left.opened();
            assert_eq!(accounts(&opened.vault), all, "{what}, {lost} lost");
            assert!(
                opened.vault.damaged().is_empty(),
                "{what}, {lost} lost: whole"
            );
        }
        let new_counts = crashed.open_with(&Unlock::Recovery(&new_key)).is_ok();
        assert_eq!(
            new_counts,
            done >= commit,
            "{what}: the file is what counts"
        );
        if done < commit {
            assert!(
                crashed.open_with(&Unlock::Recovery(&old_key)).is_ok(),
                "{what}: as before"
            );
            continue;
        }
        // The next start mends it, and then nothing of the older key is left.
        let opened = crashed.opened();
        let mut vault = opened.vault;
        assert_eq!(
            opened.needs_save,
            done < all_writes.len(),
            "{what}: {:?}",
            opened.notes
        );
        while vault.needs_save() {
            crashed.save(&mut vault, &mut rng);
        }
        is_rid_of(&crashed, &store, &old_key, old_vault_key);
        let mended = crashed.opened();
        assert_eq!(mended.notes, [], "{what}: all is well again");
        assert_eq!(accounts(&mended.vault), all, "{what}: with everything");
    }
}

#[test]
fn a_new_passphrase_changes_one_slot_and_seals_nothing_anew() {
    let (mut store, mut vault, old_key, mut rng) = before();
    let old = picture(&vault);
    let bundles = |store: &Store| {
        let mut bundles = store.keyring.clone();
        bundles.retain(|name, _| name.contains("bundle"));
        bundles
    };
    let before = bundles(&store);
    let device: DeviceKey = device();
    let strong = NewSlot::Strong {
        passphrase: "correct horse",
        key: &device,
        cost: Argon2Cost::FLOOR,
    };
    vault.put_slot(strong, NOW, &mut rng).expect("a slot");
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    assert_eq!(bundles(&store), before, "no account was sealed anew");
    let recovery = |slots: &[couchkey_vault::SlotInfo]| {
        let slot = slots.iter().find(|slot| slot.kind == SlotKind::Recovery);
        slot.map(|slot| slot.id)
    };
    assert_eq!(
        recovery(&vault.slots()),
        recovery(&old.slots),
        "the other slot is as it was"
    );
    assert!(
        store.open_with(&Unlock::Recovery(&old_key)).is_ok(),
        "and still opens"
    );
    assert_eq!(picture(&vault).list, old.list, "nothing else changed");
}

#[test]
fn without_a_slot_there_is_no_new_key() {
    let (_, mut vault, _, mut rng) = before();
    let backup = key_of(&vault);
    let refused = vault.rotate(&[], NOW, &mut rng);
    assert_eq!(
        refused,
        Err(couchkey_vault::ChangeError::LastSlot),
        "nobody could open it"
    );
    assert_eq!(
        vault.vault_key().expose(),
        backup.vault_key().expose(),
        "as it was"
    );
}
