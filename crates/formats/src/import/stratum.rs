//! Stratum, once called Authenticator Pro: backups, plain or sealed in today's way and in the old one.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, OtpauthError, SkipReason, Watch};

const FORMAT: Format = Format::Stratum;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const WRONG: ImportError = ImportError::WrongPassword { format: FORMAT };

const STRONG: &[u8] = b"AUTHENTICATORPRO";
const LEGACY: &[u8] = b"AuthenticatorPro";
/// Argon2id: memory in KiB, passes, lanes.
const STRONG_COST: (u64, u64, u64) = (64 * 1024, 3, 4);
/// Of PBKDF2-HMAC-SHA-1.
const LEGACY_ROUNDS: u64 = 64_000;

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    if file.json.has(&["Authenticators"]) {
        return Some(entries(file.text.unwrap_or_default(), watch));
    }
    if let Some(sealed) = file.bytes.strip_prefix(STRONG) {
        return Some(open(sealed, unseal, password, watch));
    }
    let sealed = file.bytes.strip_prefix(LEGACY)?;
    Some(open(sealed, unseal_legacy, password, watch))
}

type Unseal = fn(&[u8], &[u8], Watch<'_>) -> Result<Zeroizing<Vec<u8>>, ImportError>;

fn open(
    sealed: &[u8],
    unseal: Unseal,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let plain = unseal(sealed, password.as_bytes(), watch)?;
    // One wrong password in 256 gives a padding of the old way that looks right, and nonsense before it.
    entries(std::str::from_utf8(&plain).map_err(|_| WRONG)?, watch)
}

/// Salt, nonce, ciphertext and tag. The seal is over everything: damage and a wrong password look the same.
fn unseal(
    sealed: &[u8],
    password: &[u8],
    watch: Watch<'_>,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let (salt, rest) = sealed.split_first_chunk::<16>().ok_or(DAMAGED)?;
    let (nonce, sealed) = rest.split_first_chunk::<12>().ok_or(DAMAGED)?;
    if sealed.len() < 16 {
        return Err(DAMAGED);
    }
    let key = keys::argon2id(FORMAT, STRONG_COST, password, salt, watch)?;
    keys::open_gcm(&key, nonce, sealed, &[]).ok_or(WRONG)
}

/// Salt, IV and ciphertext in whole blocks.
fn unseal_legacy(
    sealed: &[u8],
    password: &[u8],
    watch: Watch<'_>,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let (salt, rest) = sealed.split_first_chunk::<20>().ok_or(DAMAGED)?;
    let (iv, sealed) = rest.split_first_chunk::<16>().ok_or(DAMAGED)?;
    if sealed.is_empty() || sealed.len() % 16 != 0 {
        return Err(DAMAGED);
    }
    let mut key = keys::Key::default();
    let cost = (Hash::Sha1, LEGACY_ROUNDS);
    keys::pbkdf2(FORMAT, cost, password, salt, key.as_mut_slice(), watch)?;
    keys::open_cbc(&key, iv, sealed).ok_or(WRONG)
}

fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let backup: Backup<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    let categories = backup.categories.iter().flatten();
    let names = categories.map(|category| (category.id.as_str(), category.name.as_str()));
    let names: HashMap<&str, &str> = names.collect();
    // An entry is known by its secret there.
    let mut groups: HashMap<&str, Vec<&str>> = HashMap::new();
    for binding in backup.bindings.iter().flatten() {
        if let Some(name) = names.get(binding.category.as_str()) {
            groups.entry(&binding.secret).or_default().push(name);
        }
    }
    Gather::all(
        FORMAT,
        &backup.authenticators,
        watch,
        |entry: &Entry| entry.read(&groups),
        |entry| label(entry.issuer.as_deref(), entry.username.as_deref()),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Backup<'a> {
    #[serde(borrow)]
    authenticators: Vec<&'a RawValue>,
    categories: Option<Vec<Category>>,
    #[serde(rename = "AuthenticatorCategories")]
    bindings: Option<Vec<Binding>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Category {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Binding {
    #[serde(rename = "CategoryId")]
    category: String,
    #[serde(rename = "AuthenticatorSecret")]
    secret: Zeroizing<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    #[serde(rename = "Type")]
    pub kind: Number,
    pub issuer: Option<String>,
    pub username: Option<String>,
    pub secret: Option<Zeroizing<String>>,
    #[serde(default)]
    pub algorithm: Number,
    #[serde(default)]
    pub digits: Number,
    #[serde(default)]
    pub period: Number,
    #[serde(default)]
    pub counter: Number,
}

impl Entry {
    pub(super) fn read(&self, groups: &HashMap<&str, Vec<&str>>) -> Result<NewAccount, SkipReason> {
        let kind = match self.kind {
            Number::Whole(1) => "hotp",
            Number::Whole(2) => "totp",
            Number::Whole(3) => "motp",
            Number::Whole(4) => "steam",
            Number::Whole(5) => "yandex",
            _ => return Err(OtpauthError::BadType.into()),
        };
        let algorithm = match self.algorithm {
            Number::Unsaid | Number::Whole(0) => "SHA1",
            Number::Whole(1) => "SHA256",
            Number::Whole(2) => "SHA512",
            _ => return Err(OtpauthError::UnsupportedAlgorithm.into()),
        };
        let secret = self.secret.as_ref().map(|secret| secret.as_str());
        let loose = Loose {
            kind: Some(kind),
            base32: secret,
            issuer: self.issuer.as_deref(),
            account: self.username.as_deref(),
            algorithm: Some(algorithm),
            digits: self.digits,
            period: self.period,
            counter: self.counter,
            ..Loose::default()
        };
        let groups = secret.and_then(|secret| groups.get(secret));
        Ok(NewAccount {
            groups: groups
                .into_iter()
                .flatten()
                .map(|&g| g.to_owned())
                .collect(),
            ..NewAccount::plain(loose.read()?)
        })
    }
}
