//! Backups: what is in one, what opens it, what is noticed about a spoilt one, and what comes out of it.

use couchkey_otp::UnixTime;
use couchkey_vault::{
    Argon2Cost, ChangeError, Edit, NewSlot, RecoveryKey, SlotKind, Unlock, Vault, VaultId,
    backup::{self, Backup, BackupError, Merge},
};

use crate::store::*;

const PASSPHRASE: &str = "a passphrase for backups";

/// A vault of four accounts with a recovery key and a passphrase for backups; one account in the trash, one edited.
fn with_keys() -> (Vault, RecoveryKey, chacha20::ChaCha20Rng) {
    let (mut store, mut vault, mut rng) = saved_vault(4);
    let key = RecoveryKey::generate(&mut rng);
    let slot = NewSlot::Recovery { key: &key };
    vault.put_slot(slot, NOW, &mut rng).expect("a slot");
    vault
        .set_backup_passphrase(PASSPHRASE, Argon2Cost::FLOOR, NOW, &mut rng)
        .expect("a slot");
    let ids: Vec<_> = vault.accounts().map(|(place, _)| place.id).collect();
    let edit = Edit {
        note: Some("living room".into()),
        groups: Some(vec!["Family".into()]),
        pinned: Some(true),
        ..Edit::default()
    };
    vault.edit(ids[1], edit).expect("a good note");
    vault.remove(ids[2], NOW).expect("it is listed");
    vault.move_to(ids[3], 0).expect("it is listed");
    let mut settings = vault.settings().clone();
    settings.grouping = 2;
    vault.set_settings(settings);
    while vault.needs_save() {
        store.save(&mut vault, &mut rng);
    }
    (vault, key, rng)
}

fn made(vault: &Vault, rng: &mut chacha20::ChaCha20Rng) -> Vec<u8> {
    vault.backup(NOW, rng).expect("a recovery key is there")
}

fn open(bytes: &[u8], unlock: &Unlock<'_>) -> Backup {
    Backup::open(bytes, unlock).unwrap_or_else(|error| panic!("it opens: {error}"))
}

/// As a vault, so that it can be compared as one.
fn restored(backup: Backup) -> Vault {
    let key = device();
    let slot = NewSlot::Device { key: &key };
    let vault = backup.into_vault(VaultId([9; 16]), slot, NOW, &mut rng(9));
    vault.unwrap_or_else(|error| panic!("a device slot: {error}"))
}

#[test]
fn everything_is_in_it_and_either_key_opens_it() {
    let (vault, key, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    let all = picture(&vault);
    for unlock in [Unlock::Recovery(&key), Unlock::Passphrase(PASSPHRASE)] {
        let backup = open(&bytes, &unlock);
        let info = backup.info();
        assert_eq!((info.vault, info.made, info.intact), (ID, NOW, true), "its");
        assert_eq!(info.generation, vault.generation(), "which it was made of");
        let seen = picture(&restored(backup));
        assert_eq!(seen.list, all.list, "accounts, order, groups, notes, pins");
        assert_eq!(seen.trash, all.trash, "the trash");
        assert_eq!(seen.settings, all.settings, "the settings");
    }
    let kinds = |info: &backup::BackupInfo| -> Vec<SlotKind> {
        info.slots.iter().map(|slot| slot.kind).collect()
    };
    let info = backup::inspect(&bytes).expect("anybody may look");
    assert_eq!(
        kinds(&info),
        [SlotKind::Recovery, SlotKind::Passphrase],
        "no device key"
    );
}

#[test]
fn a_change_that_was_not_saved_yet_is_in_it_too() {
    let (mut vault, key, mut rng) = with_keys();
    vault.add(enrolment(77), NOW, &mut rng).expect("room");
    let backup = open(&made(&vault, &mut rng), &Unlock::Recovery(&key));
    assert_eq!(backup.accounts().count(), vault.accounts().count(), "all");
    assert!(backup.damaged().is_empty(), "and each opens");
}

#[test]
fn without_anything_to_open_it_with_there_is_no_backup() {
    let (_, vault, mut rng) = saved_vault(1);
    let refused = vault.backup(NOW, &mut rng).err();
    assert_eq!(
        refused,
        Some(BackupError::NothingOpensIt),
        "a device key stays at home"
    );
}

#[test]
fn wrong_keys_and_other_files_have_different_words() {
    let (vault, _, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    let other = RecoveryKey::generate(&mut rng);
    let refused = |unlock: &Unlock<'_>| Backup::open(&bytes, unlock).err();
    assert_eq!(
        refused(&Unlock::Recovery(&other)),
        Some(BackupError::Wrong),
        "another key"
    );
    assert_eq!(
        refused(&Unlock::Passphrase("wrong")),
        Some(BackupError::Wrong),
        "wrong"
    );
    assert_eq!(
        refused(&Unlock::Device(&device())),
        Some(BackupError::NoSlot),
        "no such slot"
    );

    let save = {
        let mut vault = vault;
        vault.add(enrolment(5), NOW, &mut rng).expect("room");
        vault.save(&mut rng).expect("of this version")
    };
    let vault_file = backup::inspect(&save.file).err();
    assert_eq!(vault_file, Some(BackupError::NotABackup), "vault.a is none");
    let found = couchkey_vault::Found {
        file_a: Some(bytes.clone()),
        ..Default::default()
    };
    let as_vault = couchkey_vault::open(&found, &Unlock::Device(&device()), |_, _| Ok(None));
    assert_eq!(
        as_vault.err(),
        Some(couchkey_vault::OpenError::Damaged),
        "and it is no vault.a"
    );

    let mut newer = bytes;
    newer[9] = 2;
    let end = newer.len() - 32;
    use sha2::Digest;
    let sum = sha2::Sha256::digest(&newer[..end]);
    newer[end..].copy_from_slice(&sum);
    let refused = backup::inspect(&newer).err();
    assert_eq!(
        refused,
        Some(BackupError::NewerVersion { major: 2 }),
        "a newer one"
    );
}

#[test]
fn each_flipped_bit_and_each_truncation_is_noticed() {
    let (vault, key, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    let unlock = Unlock::Recovery(&key);
    let all = vault.accounts().count() + vault.trash().count();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut spoilt = bytes.clone();
            spoilt[at] ^= 1 << bit;
            if let Ok(backup) = Backup::open(&spoilt, &unlock) {
                assert!(!backup.info().intact, "byte {at}, bit {bit} is noticed");
                let left = backup.accounts().count() + backup.trash().count();
                assert!(left + 1 >= all, "byte {at}: one account at most is lost");
            }
        }
    }
    for length in 0..bytes.len() {
        assert!(
            Backup::open(&bytes[..length], &unlock).is_err(),
            "cut at {length}"
        );
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(
        Backup::open(&longer, &unlock).is_err(),
        "something after its end"
    );
}

#[test]
fn a_backup_that_asks_for_too_much_is_refused_before_anything_is_paid() {
    let (vault, _, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    // "memory" and a CBOR number of four bytes: 19 MiB, in KiB.
    let at = bytes
        .windows(7)
        .position(|w| w == b"fmemory")
        .expect("a kdf");
    let mut greedy = bytes;
    assert_eq!(greedy[at + 7], 0x19, "two bytes of number");
    // Two bytes hold no GiB; twenty-one passes are too many, too.
    let at = greedy
        .windows(7)
        .position(|w| w == b"fpasses")
        .expect("a kdf");
    greedy[at + 7] = 0x15;
    let refused = Backup::open(&greedy, &Unlock::Passphrase(PASSPHRASE)).err();
    assert!(
        matches!(refused, Some(BackupError::CostTooHigh { passes: 21, .. })),
        "{refused:?}"
    );
}

#[test]
fn a_merge_adds_what_is_missing_mends_what_is_damaged_and_writes_nothing_over() {
    let (vault, key, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    let backup = || open(&bytes, &Unlock::Recovery(&key));

    // Into itself: nothing.
    let plan: Vec<Merge> = vault
        .merge_plan(&backup())
        .iter()
        .map(|(_, _, m)| *m)
        .collect();
    assert_eq!(plan, [Merge::Has; 4], "all is there");

    // Into another one that has one of the accounts under another id, changed names included.
    let (_, mut other, _) = saved_vault(0);
    other.add(enrolment(0), NOW, &mut rng).expect("room");
    let before = picture(&other).list;
    other.merge(backup()).expect("room");
    assert_eq!(
        picture(&other).list[..1],
        before,
        "what was there is as it was"
    );
    assert_eq!(other.accounts().count(), 3, "two of three were missing");
    assert_eq!(
        other.trash().count(),
        1,
        "and the one in the trash, to the trash"
    );

    // Where one is damaged.
    let (mut store, mut damaged, mut rng) = saved_vault(2);
    let recovery = NewSlot::Recovery { key: &key };
    damaged.put_slot(recovery, NOW, &mut rng).expect("a slot");
    while damaged.needs_save() {
        store.save(&mut damaged, &mut rng);
    }
    let bytes = made(&damaged, &mut rng);
    let lost = store.without_keyring();
    let mut lost = lost;
    for file in [&mut lost.a, &mut lost.b].into_iter().flatten() {
        let at = file.len() - 40;
        file[at] ^= 1;
    }
    let mut opened = lost.opened().vault;
    assert_eq!(opened.damaged().len(), 1, "one cannot be read");
    opened
        .merge(open(&bytes, &Unlock::Recovery(&key)))
        .expect("room");
    assert!(opened.damaged().is_empty(), "it is whole again");
    assert_eq!(accounts(&opened).len(), 2, "and nobody is there twice");
}

#[test]
fn a_merge_that_does_not_fit_changes_nothing() {
    let (vault, key, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    let (_, mut full, _) = saved_vault(0);
    let max = couchkey_vault::limits::ACCOUNTS;
    for n in 0..max as u32 - 2 {
        full.add(enrolment(10 + n), NOW, &mut rng).expect("room");
    }
    let refused = full.merge(open(&bytes, &Unlock::Recovery(&key)));
    assert_eq!(
        refused,
        Err(ChangeError::TooManyAccounts { max }),
        "four do not fit"
    );
    assert_eq!(full.accounts().count(), max - 2, "as it was");
}

#[test]
fn a_new_vault_from_a_backup_shares_no_key_with_it() {
    let (vault, key, mut rng) = with_keys();
    let bytes = made(&vault, &mut rng);
    let new = restored(open(&bytes, &Unlock::Recovery(&key)));
    assert_ne!(
        new.vault_key().expose(),
        vault.vault_key().expose(),
        "its own key"
    );
    assert_ne!(new.id(), vault.id(), "its own id");
    let refused = Backup::open(&bytes, &Unlock::VaultKey(new.vault_key())).err();
    assert_eq!(
        refused,
        Some(BackupError::Wrong),
        "the new key opens no old backup"
    );
}

#[test]
fn a_passphrase_for_backups_opens_nothing_else() {
    let (mut store, mut vault, mut rng) = saved_vault(1);
    vault
        .set_backup_passphrase(PASSPHRASE, Argon2Cost::FLOOR, NOW, &mut rng)
        .expect("a slot");
    store.save(&mut vault, &mut rng);
    let refused = store.open_with(&Unlock::Passphrase(PASSPHRASE)).err();
    assert_eq!(
        refused,
        Some(couchkey_vault::OpenError::NoSlot),
        "not the vault"
    );
    let reopened = store.opened().vault;
    assert!(
        reopened.has_backup_passphrase(),
        "it is kept under the list's seal"
    );
    let bytes = reopened
        .backup(UnixTime::from_secs(5), &mut rng)
        .expect("a passphrase");
    assert_eq!(
        open(&bytes, &Unlock::Passphrase(PASSPHRASE))
            .accounts()
            .count(),
        1,
        "but this"
    );
    let mut vault = reopened;
    vault.drop_backup_passphrase();
    let refused = vault.backup(NOW, &mut rng).err();
    assert_eq!(refused, Some(BackupError::NothingOpensIt), "ended");
}

#[test]
fn what_comes_from_a_backup_into_the_trash_rests_there_thirty_days() {
    let day = |days: u64| UnixTime::from_secs(NOW.as_secs() + days * 86_400);
    let (mut vault, key, mut rng) = with_keys();
    assert_eq!(vault.purge(day(31)), 0, "seen to be over, on this device");
    let bytes = made(&vault, &mut rng);
    let mut new = restored(open(&bytes, &Unlock::Recovery(&key)));
    assert_eq!(new.purge(day(62)), 0, "a new vault saw nothing yet");
    assert_eq!(new.purge(day(93)), 1, "thirty days after it did");

    let (_, mut other, mut rng) = saved_vault(2);
    let gone: Vec<_> = other.accounts().map(|(place, _)| place.id).collect();
    other.add(enrolment(55), NOW, &mut rng).expect("room");
    other.remove(gone[0], NOW).expect("it is listed");
    assert_eq!(other.purge(day(31)), 0, "its own is seen to be over");
    let backup = open(&bytes, &Unlock::Recovery(&key));
    other.merge(backup).expect("room");
    assert_eq!(other.trash().count(), 2, "its own, and the backup's");
    assert_eq!(other.purge(day(62)), 0, "both are seen");
    assert_eq!(other.purge(day(93)), 2, "thirty days after that");
}
