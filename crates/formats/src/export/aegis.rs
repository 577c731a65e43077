//! Aegis' own export, version 1 with a database of version 3: plain, or sealed under a password.
//!
//! The format is Aegis' `docs/vault.md`; `tests/open_aegis.py` reads what is written here without us.

use std::collections::HashMap;

use aes_gcm::{Aes256Gcm, KeyInit, Nonce, aead::AeadInOut};
use couchkey_otp::{Enrolment, Kind, Period, steam};
use couchkey_vault::NewAccount;
use data_encoding::{BASE64, HEXLOWER};
use rand_core::CryptoRng;
use serde::Serialize;
use thiserror::Error;
use zeroize::Zeroizing;

/// The cost of a password as Aegis chooses it: N, r, p of scrypt (RFC 7914); 32 MiB.
const SCRYPT: (u8, u32, u32) = (15, 8, 1);

/// Why an export was not sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// An empty password protects nothing.
    #[error("the password is empty")]
    EmptyPassword,
}

/// The file as anybody can read it.
///
/// # Security
///
/// It holds the secrets in the open.
pub fn aegis(accounts: &[NewAccount], rng: &mut impl CryptoRng) -> Zeroizing<Vec<u8>> {
    json(&File {
        version: 1,
        header: Header {
            slots: None,
            params: None,
        },
        db: &database(accounts, rng),
    })
}

/// The file under a password: AES-256-GCM with a random key, which scrypt and the password open.
///
/// # Errors
///
/// [`SealError`].
pub fn aegis_encrypted(
    accounts: &[NewAccount],
    password: &str,
    rng: &mut impl CryptoRng,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if password.is_empty() {
        return Err(SealError::EmptyPassword);
    }
    let (n, r, p) = SCRYPT;
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    let mut wrapping = Zeroizing::new([0; 32]);
    let params = scrypt::Params::new(n, r, p).expect("Aegis' own cost is a valid one");
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut *wrapping)
        .expect("32 bytes are a valid length");

    let mut key = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *key);
    let mut wrapped = Zeroizing::new(key.to_vec());
    let key_params = seal(&wrapping, &mut wrapped, rng);
    let mut content = json(&database(accounts, rng));
    let params = seal(&key, &mut content, rng);
    Ok(json(&File {
        version: 1,
        header: Header {
            slots: Some([Slot {
                kind: 1,
                uuid: uuid(rng),
                key: HEXLOWER.encode(&wrapped),
                key_params,
                n: 1 << n,
                r,
                p,
                salt: HEXLOWER.encode(&salt),
                repaired: true,
                is_backup: false,
            }]),
            params: Some(params),
        },
        db: BASE64.encode(&content),
    }))
}

/// Encrypts in place, and gives nonce and tag.
fn seal(key: &[u8; 32], text: &mut [u8], rng: &mut impl CryptoRng) -> Params {
    let mut nonce = [0; 12];
    rng.fill_bytes(&mut nonce);
    let tag = Aes256Gcm::new(key.into())
        .encrypt_inout_detached(&Nonce::from(nonce), b"", text.into())
        .expect("no file of ours is 64 GiB long");
    Params {
        nonce: HEXLOWER.encode(&nonce),
        tag: HEXLOWER.encode(&tag),
    }
}

fn database(accounts: &[NewAccount], rng: &mut impl CryptoRng) -> Database {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<&str, String> = HashMap::new();
    let mut entries = Vec::with_capacity(accounts.len());
    for account in accounts {
        let enrolment = &account.parsed.enrolment;
        let mut ids = Vec::with_capacity(account.groups.len());
        for name in &account.groups {
            let uuid = known.entry(name).or_insert_with(|| {
                let uuid = uuid(rng);
                groups.push(Group {
                    uuid: uuid.clone(),
                    name: name.clone(),
                });
                uuid
            });
            ids.push(uuid.clone());
        }
        entries.push(Entry {
            kind: enrolment.kind.word(),
            uuid: uuid(rng),
            name: enrolment.account.clone(),
            issuer: enrolment.issuer.clone().unwrap_or_default(),
            note: account.note.clone(),
            favorite: account.pinned,
            icon: None,
            info: Info::of(enrolment),
            groups: ids,
        });
    }
    Database {
        version: 3,
        entries,
        groups,
        icons_optimized: true,
    }
}

impl Info {
    fn of(enrolment: &Enrolment) -> Info {
        let (digits, period, counter) = match enrolment.kind {
            Kind::Totp { period } => (enrolment.digits.get(), Some(period.get()), None),
            Kind::Hotp { counter } => (enrolment.digits.get(), None, Some(counter.get())),
            Kind::Steam => (steam::CHARACTERS, Some(Period::THIRTY.get()), None),
        };
        let algorithm = match enrolment.kind {
            Kind::Steam => couchkey_otp::Algorithm::Sha1,
            _ => enrolment.algorithm,
        };
        Info {
            secret: enrolment.secret.to_base32(),
            algo: algorithm.to_string(),
            digits,
            period,
            counter,
        }
    }
}

/// A random UUID of version 4 (RFC 9562, section 5.4).
fn uuid(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// Into its final capacity, counted first: growing would leave unwiped copies of the secrets behind.
fn json(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer_pretty(&mut count, value).expect("text and numbers are JSON");
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
    serde_json::to_writer_pretty(&mut *bytes, value).expect("text and numbers are JSON");
    bytes
}

#[derive(Serialize)]
struct File<D> {
    version: u8,
    header: Header,
    db: D,
}

#[derive(Serialize)]
struct Header {
    slots: Option<[Slot; 1]>,
    params: Option<Params>,
}

#[derive(Serialize)]
struct Slot {
    #[serde(rename = "type")]
    kind: u8,
    uuid: String,
    key: String,
    key_params: Params,
    n: u32,
    r: u32,
    p: u32,
    salt: String,
    repaired: bool,
    is_backup: bool,
}

#[derive(Serialize)]
struct Params {
    nonce: String,
    tag: String,
}

#[derive(Serialize)]
struct Database {
    version: u8,
    entries: Vec<Entry>,
    groups: Vec<Group>,
    icons_optimized: bool,
}

#[derive(Serialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: &'static str,
    uuid: String,
    name: String,
    issuer: String,
    note: String,
    favorite: bool,
    icon: Option<String>,
    info: Info,
    groups: Vec<String>,
}

#[derive(Serialize)]
struct Info {
    #[serde(serialize_with = "as_text")]
    secret: Zeroizing<String>,
    algo: String,
    digits: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
}

#[derive(Serialize)]
struct Group {
    uuid: String,
    name: String,
}

fn as_text<S: serde::Serializer>(text: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}
