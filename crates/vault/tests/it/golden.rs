//! The vaults of version 1 that every later version has to open: `tests/vectors/vault-v1`.

use std::path::PathBuf;

use couchkey_otp::{Enrolment, UnixTime, otpauth};
use couchkey_vault::{
    Account, Argon2Cost, DeviceKey, Edit, Half, NewSlot, Note, RecoveryKey, SlotKind, Unlock,
    Vault, VaultId, backup::Backup, format,
};

use crate::store::{NOW, Store, device, picture, rng};

/// As it was typed when the slot was made; see `ANOTHER_KEYBOARD`.
const PASSPHRASE: &str = "café au canapé";
/// The same to a person, other bytes to a computer.
const ANOTHER_KEYBOARD: &str = "cafe\u{301}\u{A0}au canape\u{301}";

/// What opens the golden backup, beside its recovery key.
const FOR_BACKUPS: &str = "für alle Fälle";

const URIS: [&str; 6] = [
    "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV",
    "otpauth://hotp/Kabel%20%26%20Sohn:K-77?secret=JBSWY3DPEHPK3PXP&issuer=Kabel%20%26%20Sohn&counter=7&digits=7",
    "otpauth://steam/Steam:sofa_player?secret=JRZCL47CMXVOQMNPZR2F7J4RGI&issuer=Steam",
    "otpauth://totp/T%C3%A9l%C3%A9vision%20%F0%9F%93%BA:zo%C3%AB?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIYTEMZUGU3DOOBZGAYTEMZUGU3DOOBZGAYTEMZUGU3DOOBZGAYTE&issuer=T%C3%A9l%C3%A9vision%20%F0%9F%93%BA&algorithm=SHA512&digits=8&period=60",
    "otpauth://totp/removed?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=SHA256",
    "otpauth://totp/Films:last%40example.tv?secret=KRUGS4ZANFZSA3TPOQQGCIDTMVRXEZLU&issuer=Films",
];

fn enrolment(uri: &str) -> Enrolment {
    let Ok(parsed) = otpauth::read(uri) else {
        panic!("a good URI")
    };
    parsed.enrolment
}

struct Golden {
    name: &'static str,
    id: VaultId,
    store: Store,
    /// One otpauth URI a line: the list, then the trash.
    accounts: String,
    recovery: RecoveryKey,
    /// Made after everything else, with a passphrase of its own.
    backup: Option<Vec<u8>>,
}

/// A vault that opens in three ways, with every kind of account, one of them in the trash; saved twice.
fn three_ways() -> Golden {
    let mut rng = rng(1);
    let id = VaultId(*b"couchkey golden1");
    let recovery = RecoveryKey::generate(&mut rng);
    let key = device();
    let slot = NewSlot::Device { key: &key };
    let mut vault = Vault::create(id, slot, NOW, &mut rng).expect("a device slot");
    let passphrase = NewSlot::Passphrase {
        passphrase: PASSPHRASE,
        cost: Argon2Cost::FLOOR,
    };
    vault.put_slot(passphrase, NOW, &mut rng).expect("a slot");
    let slot = NewSlot::Recovery { key: &recovery };
    vault.put_slot(slot, NOW, &mut rng).expect("a slot");
    let mut ids = Vec::new();
    for (uri, later) in URIS.iter().zip(0..) {
        let now = UnixTime::from_secs(NOW.as_secs() + later);
        ids.push(vault.add(enrolment(uri), now, &mut rng).expect("room"));
    }
    let mut store = Store::default();
    save(&mut store, &mut vault, &mut rng);

    let edit = Edit {
        note: Some("Living room\nand kitchen".into()),
        groups: Some(vec!["Family".into(), "Télé".into()]),
        pinned: Some(true),
        ..Edit::default()
    };
    vault.edit(ids[3], edit).expect("a good note");
    vault.remove(ids[4], NOW).expect("it is listed");
    vault.move_to(ids[5], 0).expect("it is listed");
    let mut settings = vault.settings().clone();
    settings.recovery_made = Some(NOW.as_secs());
    vault.set_settings(settings);
    save(&mut store, &mut vault, &mut rng);
    let accounts = uris(&vault);
    vault
        .set_backup_passphrase(FOR_BACKUPS, Argon2Cost::FLOOR, NOW, &mut rng)
        .expect("a slot");
    let backup = vault.backup(NOW, &mut rng).expect("a recovery key");
    Golden {
        name: "three-ways-2",
        id,
        store,
        accounts,
        recovery,
        backup: Some(backup),
    }
}

/// A vault with an app lock: passphrase and device key together.
fn strong() -> Golden {
    let mut rng = rng(2);
    let id = VaultId(*b"couchkey golden2");
    let recovery = RecoveryKey::generate(&mut rng);
    let key = device();
    let slot = NewSlot::Strong {
        passphrase: PASSPHRASE,
        key: &key,
        cost: Argon2Cost::FLOOR,
    };
    let mut vault = Vault::create(id, slot, NOW, &mut rng).expect("a strong slot");
    let slot = NewSlot::Recovery { key: &recovery };
    vault.put_slot(slot, NOW, &mut rng).expect("a slot");
    vault.add(enrolment(URIS[0]), NOW, &mut rng).expect("room");
    let mut store = Store::default();
    save(&mut store, &mut vault, &mut rng);
    Golden {
        name: "strong-2",
        id,
        store,
        accounts: uris(&vault),
        recovery,
        backup: None,
    }
}

/// What is written today, and what was written before files knew the saves before them and slots their device.
fn both(today: Golden, before: Golden, name: &'static str) -> [Golden; 2] {
    [today, Golden { name, ..before }]
}

fn save(store: &mut Store, vault: &mut Vault, rng: &mut chacha20::ChaCha20Rng) {
    let save = vault.save(rng).expect("a vault of this version");
    for bundle in &save.bundles {
        let entry = bundle.entry.clone().into_bytes();
        store.keyring.insert(bundle.entry_name(vault.id()), entry);
    }
    *store.file(save.file_half) = Some(save.file.clone());
    let head = format::head_entry(vault.id());
    store.keyring.insert(head, save.head.clone().into_bytes());
    vault.saved(save);
}

fn uris(vault: &Vault) -> String {
    let uri = |account: &Account| {
        let enrolment = Enrolment {
            kind: account.kind,
            secret: account.secret.duplicate(),
            algorithm: account.algorithm,
            digits: account.digits,
            issuer: account.issuer.clone(),
            account: account.account.clone(),
            label_issuer: None,
        };
        format!("{}\n", *otpauth::write(&enrolment))
    };
    let all = vault.accounts().chain(vault.trash());
    all.map(|(_, account)| uri(account)).collect()
}

impl Golden {
    /// Every file of the vector, by its name.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for (half, bytes) in [(Half::A, &self.store.a), (Half::B, &self.store.b)] {
            let name = format!("vault.{}", half.letter());
            files.extend(bytes.clone().map(|bytes| (name, bytes)));
        }
        for (entry, value) in &self.store.keyring {
            let (_, name) = entry.split_once('/').expect("<id>/<name>");
            files.push((name.to_owned(), value.clone()));
        }
        if let Some(backup) = &self.backup {
            files.push(("backup.couchkey".into(), backup.clone()));
        }
        files.push(("accounts.txt".into(), self.accounts.clone().into_bytes()));
        files.push((
            "recovery-key.txt".into(),
            self.recovery.to_text().as_bytes().to_vec(),
        ));
        files
    }

    fn folder(&self) -> PathBuf {
        let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/vault-v1");
        PathBuf::from(vectors).join(self.name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = self.folder().join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The vault as it is in the folder, not as it is made here.
    fn as_in_the_folder(&self) -> Store {
        let keyring = self.store.keyring.keys().map(|entry| {
            let (_, name) = entry.split_once('/').expect("<id>/<name>");
            (entry.clone(), self.read(name))
        });
        Store {
            a: Some(self.read("vault.a")),
            b: self.store.b.as_ref().map(|_| self.read("vault.b")),
            keyring: keyring.collect(),
            longest: 0,
        }
    }

    fn open(&self, unlock: &Unlock<'_>) -> couchkey_vault::Opened {
        let store = self.as_in_the_folder();
        let found = couchkey_vault::Found {
            file_a: store.a,
            file_b: store.b,
            head: store.keyring.get(&format::head_entry(self.id)).cloned(),
        };
        let opened = couchkey_vault::open(&found, unlock, |number, half| {
            let name = format::bundle_entry(self.id, number, half);
            Ok(store.keyring.get(&name).cloned())
        });
        opened.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

#[test]
fn version_1_is_written_bit_for_bit_as_it_is_there() {
    for golden in [three_ways(), strong()] {
        for (name, bytes) in golden.files() {
            // How the vectors were made; with this set the test fails, so that nobody leaves it on.
            if std::env::var_os("COUCHKEY_WRITE_VECTORS").is_some() {
                std::fs::create_dir_all(golden.folder()).expect("a folder of the source tree");
                std::fs::write(golden.folder().join(&name), &bytes).expect("the same");
            }
            assert_eq!(golden.read(&name), bytes, "{}/{name}", golden.name);
        }
    }
    let writing = std::env::var_os("COUCHKEY_WRITE_VECTORS").is_some();
    assert!(
        !writing,
        "the vectors are written; now run without COUCHKEY_WRITE_VECTORS"
    );
}

#[test]
fn version_1_opens_in_each_way() {
    for golden in both(three_ways(), three_ways(), "three-ways") {
        let key = device();
        let text = String::from_utf8(golden.read("recovery-key.txt")).expect("ASCII");
        let recovery = RecoveryKey::parse(&text).expect("as it is on paper");
        let device = golden.open(&Unlock::Device(&key));
        let expected = String::from_utf8(golden.read("accounts.txt")).expect("ASCII");
        assert_eq!(uris(&device.vault), expected, "every account, in order");
        assert_eq!(device.notes, [], "it is whole");
        let all = picture(&device.vault);
        assert_eq!(all.trash.len(), 1, "one is in the trash");
        assert_eq!(all.settings.recovery_made, Some(NOW.as_secs()), "settings");
        let (tv, pinned, groups) = all
            .list
            .iter()
            .find(|(seen, ..)| seen.digits == 8)
            .expect("8");
        assert_eq!(tv.note, "Living room\nand kitchen", "note");
        assert!(*pinned, "pin");
        assert_eq!(*groups, ["Family", "Télé"], "groups");

        for unlock in [
            Unlock::Passphrase(PASSPHRASE),
            Unlock::Passphrase(ANOTHER_KEYBOARD),
            Unlock::Recovery(&recovery),
            Unlock::VaultKey(device.vault.vault_key()),
        ] {
            assert_eq!(picture(&golden.open(&unlock).vault), all, "the same vault");
        }
    }
}

#[test]
fn a_backup_of_version_1_opens_in_each_way() {
    for golden in both(three_ways(), three_ways(), "three-ways") {
        let bytes = golden.read("backup.couchkey");
        let text = String::from_utf8(golden.read("recovery-key.txt")).expect("ASCII");
        let recovery = RecoveryKey::parse(&text).expect("as it is on paper");
        let expected = String::from_utf8(golden.read("accounts.txt")).expect("ASCII");
        for unlock in [Unlock::Recovery(&recovery), Unlock::Passphrase(FOR_BACKUPS)] {
            let backup = Backup::open(&bytes, &unlock);
            let backup = backup.unwrap_or_else(|error| panic!("it opens: {error}"));
            let info = backup.info();
            assert_eq!(
                (info.vault, info.made, info.intact),
                (golden.id, NOW, true),
                "its"
            );
            let key = device();
            let slot = NewSlot::Device { key: &key };
            let vault = backup.into_vault(VaultId([7; 16]), slot, NOW, &mut rng(3));
            let vault = vault.unwrap_or_else(|error| panic!("a device slot: {error}"));
            assert_eq!(uris(&vault), expected, "every account, in order");
        }
    }
}

#[test]
fn version_1_with_an_app_lock_opens_with_both_halves_of_it() {
    for golden in both(strong(), strong(), "strong") {
        let key = device();
        let opened = golden.open(&Unlock::Strong {
            passphrase: PASSPHRASE,
            key: &key,
        });
        assert_eq!(opened.vault.accounts().count(), 1, "one account");
        let kinds: Vec<_> = opened.vault.slots().iter().map(|slot| slot.kind).collect();
        assert_eq!(kinds, [SlotKind::Strong, SlotKind::Recovery], "two ways in");
        let other = DeviceKey::from_bytes(&[0; 32]).expect("32 bytes");
        let store = golden.as_in_the_folder();
        let found = couchkey_vault::Found {
            file_a: store.a,
            ..couchkey_vault::Found::default()
        };
        let unlock = Unlock::Strong {
            passphrase: PASSPHRASE,
            key: &other,
        };
        let refused = couchkey_vault::open(&found, &unlock, |_, _| Ok(None));
        assert_eq!(
            refused.err(),
            Some(couchkey_vault::OpenError::Wrong),
            "the other half"
        );
    }
}

#[test]
fn version_1_is_rebuilt_from_its_keyring_entries_alone() {
    for golden in both(three_ways(), three_ways(), "three-ways") {
        let store = golden.as_in_the_folder();
        let found = couchkey_vault::Found {
            head: store.keyring.get(&format::head_entry(golden.id)).cloned(),
            ..couchkey_vault::Found::default()
        };
        let key = device();
        let opened = couchkey_vault::open(&found, &Unlock::Device(&key), |number, half| {
            let name = format::bundle_entry(golden.id, number, half);
            Ok(store.keyring.get(&name).cloned())
        });
        let opened = opened.unwrap_or_else(|error| panic!("the keyring is enough: {error}"));
        assert_eq!(opened.notes, [Note::ListLost, Note::Complete], "all of it");
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let expected = String::from_utf8(golden.read("accounts.txt")).expect("ASCII");
        assert_eq!(
            sorted(&uris(&opened.vault)),
            sorted(&expected),
            "every account"
        );
    }
}
