//! The browser extension "Authenticator": entries by their hashes, plain, or sealed in one of its three ways.
//!
//! All three seal with CryptoJS under a passphrase. First it was the person's own, and only the secrets were sealed; then
//! a random one, sealed under theirs and kept in `key`; today it is the hash of theirs, and whole entries are sealed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use couchkey_otp::OtpauthError;
use data_encoding::{BASE64_NOPAD, HEXLOWER};
use md5::{Digest, Md5};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys;
use super::loose::Loose;
use super::number::{Number, base64, hex};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch, caps};

const FORMAT: Format = Format::AuthenticatorExtension;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const WRONG: ImportError = ImportError::WrongPassword { format: FORMAT };

/// Argon2id of a key that is known by its id: memory in KiB, passes, lanes.
const COST: (u64, u64, u64) = (19 * 1024, 2, 1);

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    // The outermost names are hashes, so the signs are those of an entry.
    let signs = ["\"hash\"", "\"index\"", "\"encrypted\""];
    let plain = signs.iter().all(|sign| text.contains(sign));
    let sealed = text.contains("\"EncOTPStorage\"");
    let is_object = !file.json.is_array && !file.json.names.is_empty();
    (is_object && (plain || sealed)).then(|| entries(text, password, watch))
}

fn entries(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let values: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    let mut entries: Vec<Option<Entry>> = Vec::new();
    let mut keys = Keys::default();
    for (name, raw) in &values {
        if name == "UserSettings" || name == "LocalStorage" {
            continue;
        }
        if name == "key" {
            keys.wrapped = Some(serde_json::from_str(raw.get()).map_err(|_| DAMAGED)?);
            continue;
        }
        let entry = serde_json::from_str::<Entry>(raw.get()).ok();
        match entry {
            Some(entry) if entry.data_type.as_deref() == Some("Key") => {
                let id = entry.id.unwrap_or_else(|| name.clone());
                keys.salts.insert(id, entry.salt.unwrap_or_default());
            }
            entry => entries.push(entry),
        }
    }
    let place = |entry: &Option<Entry>| entry.as_ref().and_then(|entry| entry.index);
    entries.sort_by_key(|entry| place(entry).unwrap_or(i64::MAX));
    let entries = unsealed(entries, &keys, password, watch)?;
    let mut gather = Gather::new(FORMAT, entries.len(), watch)?;
    for entry in entries {
        match entry {
            Ok(entry) => gather.take(entry.read(), || entry.label())?,
            Err(closed) => gather.take(Err(closed.reason), || closed.label)?,
        }
    }
    Ok(gather.done())
}

/// An entry that stays shut.
struct Closed {
    reason: SkipReason,
    label: String,
}

/// Opens what is sealed. The seal says nothing about a key that is wrong, so the password is wrong where nothing opens.
fn unsealed(
    entries: Vec<Option<Entry>>,
    keys: &Keys,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Result<Vec<Result<Entry, Closed>>, ImportError> {
    let sealed = || entries.iter().flatten().filter(|entry| entry.is_sealed());
    let opener = match sealed().next() {
        None => None,
        Some(_) => {
            let newer = |text: &str| text.starts_with('v') && text.contains(':');
            if sealed().filter_map(Entry::sealed_text).any(newer) {
                return Err(ImportError::NewerVersion { format: FORMAT });
            }
            let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
            let ids = sealed().filter_map(|entry| entry.key_id.as_deref());
            let opener = keys.open(ids.collect(), password, watch)?;
            Some(opener.ok_or(WRONG)?)
        }
    };
    let (mut opened, mut shut) = (0, 0);
    let mut unseal = |entry: Entry| {
        let Some(opener) = opener.as_ref().filter(|_| entry.is_sealed()) else {
            return Ok(entry);
        };
        let label = entry.label();
        let Some(text) = entry.sealed_text().and_then(Salted::of) else {
            let reason = SkipReason::Damaged;
            return Err(Closed { reason, label });
        };
        match opener.open(entry, &text) {
            Some(entry) => {
                opened += 1;
                Ok(entry)
            }
            None => {
                shut += 1;
                let reason = SkipReason::Sealed;
                Err(Closed { reason, label })
            }
        }
    };
    let damaged = || Closed {
        reason: SkipReason::Damaged,
        label: String::new(),
    };
    let entries = entries.into_iter();
    let entries = entries.map(|entry| entry.ok_or_else(damaged).and_then(&mut unseal));
    let entries = entries.collect();
    match (opened, shut) {
        (0, 1..) => Err(WRONG),
        _ => Ok(entries),
    }
}

/// What the file says about its passphrases.
#[derive(Default)]
struct Keys {
    /// A passphrase that is sealed under the password.
    wrapped: Option<Wrapped>,
    /// By its id, the salt with which the password becomes one. It is used as the text that it is.
    salts: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Wrapped {
    enc: String,
}

/// The passphrases themselves.
struct Opener {
    of_secrets: Zeroizing<String>,
    of_entries: HashMap<String, Zeroizing<String>>,
}

impl Keys {
    /// `None` where the password is wrong; elsewhere that is not known yet.
    fn open(
        &self,
        ids: BTreeSet<&str>,
        password: &str,
        watch: Watch<'_>,
    ) -> Result<Option<Opener>, ImportError> {
        let of_secrets = match &self.wrapped {
            None => Zeroizing::new(password.to_owned()),
            Some(wrapped) => {
                let sealed = Salted::of(&wrapped.enc).ok_or(DAMAGED)?;
                match sealed.open(password) {
                    Some(key) => Zeroizing::new(HEXLOWER.encode(&key)),
                    None => return Ok(None),
                }
            }
        };
        let known = ids
            .into_iter()
            .filter_map(|id| self.salts.get_key_value(id));
        let known: Vec<_> = known.collect();
        let passes = COST.1 * known.len() as u64;
        keys::within(FORMAT, passes, caps::ARGON2_PASSES, "passes")?;
        let mut of_entries = HashMap::new();
        for (id, salt) in known {
            let key = keys::argon2id(FORMAT, COST, password.as_bytes(), salt.as_bytes(), watch)?;
            let passphrase = Zeroizing::new(BASE64_NOPAD.encode(key.as_slice()));
            of_entries.insert(id.clone(), passphrase);
        }
        Ok(Some(Opener {
            of_secrets,
            of_entries,
        }))
    }
}

impl Opener {
    fn open(&self, entry: Entry, text: &Salted) -> Option<Entry> {
        if entry.is_whole() {
            let passphrase = self.of_entries.get(entry.key_id.as_deref()?)?;
            let plain = text.open(passphrase)?;
            let inner: Entry = serde_json::from_slice(&plain).ok()?;
            return inner.secret.is_some().then_some(inner);
        }
        let plain = text.open(&self.of_secrets)?;
        let secret = std::str::from_utf8(&plain).ok()?;
        // One wrong key in 256 gives a padding that looks right, and nonsense before it.
        let looks_right = |c: char| c.is_ascii_alphanumeric() || "=- ".contains(c);
        let is_secret = !secret.is_empty() && secret.chars().all(looks_right);
        let secret = Zeroizing::new(secret.to_owned());
        is_secret.then(|| Entry {
            secret: Some(secret),
            ..entry
        })
    }
}

/// What CryptoJS makes with a passphrase, after OpenSSL: eight letters, a salt, and AES-256-CBC, in base64.
struct Salted {
    salt: [u8; 8],
    sealed: Vec<u8>,
}

impl Salted {
    /// `None` for what is cut or something else.
    fn of(text: &str) -> Option<Salted> {
        let bytes = base64(text)?;
        let (salt, sealed) = bytes.strip_prefix(b"Salted__")?.split_first_chunk()?;
        let is_whole = !sealed.is_empty() && sealed.len() % 16 == 0;
        is_whole.then(|| Salted {
            salt: *salt,
            sealed: sealed.to_vec(),
        })
    }

    /// Key and IV come from OpenSSL's `EVP_BytesToKey` with MD5 and one round.
    fn open(&self, passphrase: &str) -> Option<Zeroizing<Vec<u8>>> {
        let mut made = Zeroizing::new([0; 48]);
        for at in [0, 16, 32] {
            let mut hash = Md5::new();
            hash.update(&made[at.max(16) - 16..at]);
            hash.update(passphrase);
            hash.update(self.salt);
            made[at..at + 16].copy_from_slice(&hash.finalize());
        }
        let (key, iv) = made.split_first_chunk::<32>()?;
        keys::open_cbc(key, iv.first_chunk()?, &self.sealed)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    data_type: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    encrypted: bool,
    secret: Option<Zeroizing<String>>,
    issuer: Option<String>,
    account: Option<String>,
    algorithm: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
    index: Option<i64>,
    #[serde(default)]
    pinned: bool,
    // Of an entry that is sealed as a whole.
    data: Option<String>,
    key_id: Option<String>,
    // Of a key.
    id: Option<String>,
    salt: Option<String>,
}

impl Entry {
    /// Sealed as a whole, not the secret alone.
    fn is_whole(&self) -> bool {
        self.data_type.as_deref() == Some("EncOTPStorage")
    }

    fn is_sealed(&self) -> bool {
        self.encrypted || self.is_whole()
    }

    fn sealed_text(&self) -> Option<&str> {
        match self.is_whole() {
            true => self.data.as_deref(),
            false => self
                .secret
                .as_ref()
                .filter(|_| self.encrypted)
                .map(|text| text.as_str()),
        }
    }

    fn label(&self) -> String {
        label(self.issuer.as_deref(), self.account.as_deref())
    }

    fn read(&self) -> Result<NewAccount, SkipReason> {
        let text = self.secret.as_ref().map(|secret| secret.as_str());
        // Long ago a secret began with its kind.
        let prefixes = [("blz-", "battle"), ("bliz-", "battle"), ("stm-", "steam")];
        let old = prefixes.iter().find_map(|&(prefix, kind)| {
            let rest = text?.strip_prefix(prefix)?;
            Some((Some(kind), Some(rest)))
        });
        let (said, text) = old.unwrap_or((self.kind.as_deref(), text));
        // Two kinds have their secret in hexadecimal.
        let (kind, is_hex) = match said {
            Some("hex") => (Some("totp"), true),
            Some("hhex") => (Some("hotp"), true),
            Some("battle") => (Some("totp"), false),
            kind => (kind, false),
        };
        let bytes = match text.filter(|_| is_hex) {
            Some(text) => Some(hex(text).ok_or(OtpauthError::BadSecret)?),
            None => None,
        };
        let digits = self.digits;
        // The issuer may carry the web address it is for behind two colons.
        let issuer = self
            .issuer
            .as_deref()
            .map(|issuer| match issuer.split_once("::") {
                Some((name, _)) => name,
                None => issuer,
            });
        let loose = Loose {
            kind,
            base32: text,
            bytes: bytes.as_ref().map(|bytes| bytes.as_slice()),
            issuer,
            account: self.account.as_deref(),
            algorithm: self.algorithm.as_deref(),
            digits: match said {
                Some("battle") => Number::Whole(8),
                _ => digits,
            },
            period: self.period,
            counter: self.counter,
        };
        Ok(NewAccount {
            pinned: self.pinned,
            ..NewAccount::plain(loose.read()?)
        })
    }
}
