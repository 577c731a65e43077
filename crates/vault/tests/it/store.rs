//! A pretended data directory and keyring, and what the tests compare vaults by.

use std::collections::BTreeMap;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use couchkey_otp::{Enrolment, Kind, UnixTime, otpauth};
use couchkey_vault::{
    DeviceKey, FetchFailed, Found, Half, NewSlot, OpenError, Opened, Save, Unlock, Vault, VaultId,
    format, open,
};

pub const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
pub const ID: VaultId = VaultId([0xC0; 16]);

/// A generator that gives the same stream for the same seed, for ever.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn device() -> DeviceKey {
    DeviceKey::from_bytes(&std::array::from_fn::<u8, 32, _>(|n| n as u8)).expect("32 bytes")
}

/// What is read when an account is added.
pub fn enrolment(n: u32) -> Enrolment {
    let (kind, rest) = match n % 3 {
        0 => ("totp", ""),
        1 => ("hotp", "&counter=7"),
        _ => ("totp", "&algorithm=SHA512&digits=8&period=60"),
    };
    let secret = couchkey_otp::Secret::from_bytes(format!("{n:020}").as_bytes()).expect("20 bytes");
    let uri = format!(
        "otpauth://{kind}/StreamTV:fam-{n:04}%40example.tv?secret={}&issuer=StreamTV{rest}",
        *secret.to_base32()
    );
    let Ok(parsed) = otpauth::read(&uri) else {
        panic!("our own URI number {n}")
    };
    parsed.enrolment
}

/// Where a vault is kept. Every write is whole or not there at all, as the adapters see to.
#[derive(Clone, Default)]
pub struct Store {
    pub a: Option<Vec<u8>>,
    pub b: Option<Vec<u8>>,
    pub keyring: BTreeMap<String, Vec<u8>>,
    /// The longest entry that the keyring takes; 0 for what every keyring takes.
    pub longest: usize,
}

/// One write, to be made or not.
pub enum Write {
    Entry(String, Vec<u8>),
    File(Half, Vec<u8>),
}

/// The writes of a save, in the order that `Vault` gives.
pub fn writes(save: &Save) -> Vec<Write> {
    let head = format::head_entry(ID);
    let mut writes = Vec::new();
    let roll = save.roll_head.iter();
    writes.extend(roll.map(|roll| Write::Entry(head.clone(), roll.clone().into_bytes())));
    for bundle in &save.bundles {
        let entry = bundle.entry.clone().into_bytes();
        writes.push(Write::Entry(bundle.entry_name(ID), entry));
    }
    writes.push(Write::File(save.file_half, save.file.clone()));
    writes.push(Write::Entry(head, save.head.clone().into_bytes()));
    writes
}

impl Store {
    pub fn write(&mut self, write: &Write) {
        match write {
            Write::Entry(name, value) => {
                let most = self.longest.max(2_560);
                assert!(value.len() <= most, "Windows keeps no more in {name}");
                self.keyring.insert(name.clone(), value.clone());
            }
            Write::File(half, bytes) => *self.file(*half) = Some(bytes.clone()),
        }
    }

    pub fn file(&mut self, half: Half) -> &mut Option<Vec<u8>> {
        match half {
            Half::A => &mut self.a,
            Half::B => &mut self.b,
        }
    }

    pub fn head(&mut self) -> &mut Vec<u8> {
        let head = self.keyring.get_mut(&format::head_entry(ID));
        head.expect("there is a head")
    }

    /// Everything that there is to write, without a crash.
    pub fn save(&mut self, vault: &mut Vault, rng: &mut ChaCha20Rng) {
        let save = vault.save_in_entries(self.longest, rng);
        let save = save.expect("a vault of this version");
        for write in writes(&save) {
            self.write(&write);
        }
        vault.saved(save);
    }

    pub fn found(&self) -> Found {
        Found {
            file_a: self.a.clone(),
            file_b: self.b.clone(),
            head: self.keyring.get(&format::head_entry(ID)).cloned(),
        }
    }

    pub fn fetch(&self, number: u32, half: Half) -> Result<Option<Vec<u8>>, FetchFailed> {
        let name = format::bundle_entry(ID, number, half);
        Ok(self.keyring.get(&name).cloned())
    }

    pub fn open(&self) -> Result<Opened, OpenError> {
        self.open_with(&Unlock::Device(&device()))
    }

    pub fn open_with(&self, unlock: &Unlock<'_>) -> Result<Opened, OpenError> {
        open(&self.found(), unlock, |number, half| {
            self.fetch(number, half)
        })
    }

    pub fn opened(&self) -> Opened {
        match self.open() {
            Ok(opened) => opened,
            Err(error) => panic!("it has to open: {error}"),
        }
    }

    pub fn without_files(&self) -> Store {
        Store {
            a: None,
            b: None,
            ..self.clone()
        }
    }

    pub fn without_keyring(&self) -> Store {
        Store {
            keyring: BTreeMap::new(),
            ..self.clone()
        }
    }
}

/// A vault with `count` accounts, saved.
pub fn saved_vault(count: u32) -> (Store, Vault, ChaCha20Rng) {
    let mut rng = rng(42);
    let key = device();
    let slot = NewSlot::Device { key: &key };
    let mut vault = Vault::create(ID, slot, NOW, &mut rng).expect("a device slot");
    for n in 0..count {
        vault.add(enrolment(n), NOW, &mut rng).expect("room");
    }
    let mut store = Store::default();
    store.save(&mut vault, &mut rng);
    (store, vault, rng)
}

/// One account as a person knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    pub id: String,
    pub rev: u64,
    pub kind: String,
    pub secret: Vec<u8>,
    pub algorithm: String,
    pub digits: u8,
    pub issuer: Option<String>,
    pub account: String,
    pub note: String,
    pub added: u64,
}

/// The whole vault as a person knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    pub list: Vec<(Seen, bool, Vec<String>)>,
    pub trash: Vec<(Seen, u64)>,
    pub settings: couchkey_vault::Settings,
    pub slots: Vec<couchkey_vault::SlotInfo>,
}

pub fn picture(vault: &Vault) -> Picture {
    Picture {
        list: vault
            .accounts()
            .map(|(place, account)| (seen(account), place.pinned, place.groups.clone()))
            .collect(),
        trash: vault
            .trash()
            .map(|(place, account)| {
                let since = place.trashed.expect("it is in the trash");
                (seen(account), since.as_secs())
            })
            .collect(),
        settings: vault.settings().clone(),
        slots: vault.slots(),
    }
}

/// Every account there is, wherever it stands.
pub fn accounts(vault: &Vault) -> Vec<Seen> {
    let all = vault.accounts().chain(vault.trash());
    let mut all: Vec<_> = all.map(|(_, account)| seen(account)).collect();
    all.sort();
    all
}

pub fn seen(account: &couchkey_vault::Account) -> Seen {
    Seen {
        id: account.id.to_string(),
        rev: account.rev,
        kind: match account.kind {
            Kind::Totp { period } => format!("totp {}", period.get()),
            Kind::Hotp { counter } => format!("hotp {}", counter.get()),
            Kind::Steam => "steam".into(),
        },
        secret: account.secret.expose().to_vec(),
        algorithm: account.algorithm.to_string(),
        digits: account.digits.get(),
        issuer: account.issuer.clone(),
        account: account.account.clone(),
        note: account.note.clone(),
        added: account.added.as_secs(),
    }
}
