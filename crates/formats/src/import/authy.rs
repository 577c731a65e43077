//! Authy: what it keeps on a rooted phone, and what its desktop app shows to a debugger. Each secret is sealed by itself.

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::Loose;
use super::number::{Number, hex};
use super::prefs::{self, Prefs};
use super::{Format, Import, ImportError, NewAccount, OtpauthError, SkipReason, Watch};

const FORMAT: Format = Format::Authy;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

/// Of PBKDF2-HMAC-SHA-1, for every entry again: 10,000 entries cost as much as the dearest file.
const ROUNDS: u64 = 1000;
/// Where the preferences keep other services' tokens, and Authy's own.
const LISTS: [&str; 2] = [
    "com.authy.storage.tokens.authenticator.key",
    "com.authy.storage.tokens.authy.key",
];

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    if prefs::mentions(file, "com.authy.storage") {
        let Some(prefs) = Prefs::read(file) else {
            return Some(Err(DAMAGED));
        };
        let lists = LISTS.iter().filter_map(|name| prefs.get(name));
        let lists: Vec<&str> = lists.filter(|list| !list.trim().is_empty()).collect();
        return Some(entries(&lists, password, watch));
    }
    let signs = [
        ["decryptedSecret", "name"],
        ["encryptedSecret", "salt"],
        ["secretSeed", "name"],
    ];
    let ours = file.json.is_array && signs.iter().any(|names| file.json.has(names));
    ours.then(|| entries(&[file.text.unwrap_or_default()], password, watch))
}

fn entries(
    lists: &[&str],
    password: Option<&str>,
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    let mut raw: Vec<&RawValue> = Vec::new();
    for list in lists {
        raw.extend(serde_json::from_str::<Vec<&RawValue>>(list).map_err(|_| DAMAGED)?);
    }
    if raw.len() > super::caps::ENTRIES {
        return Err(ImportError::TooManyEntries { format: FORMAT });
    }
    let entries = raw
        .iter()
        .map(|raw| serde_json::from_str::<Entry>(raw.get()).ok());
    let entries: Vec<Option<Entry>> = entries.collect();
    let sealed = entries.iter().flatten().filter(|entry| entry.is_sealed());
    let sealed = sealed.count();
    if sealed > 0 && password.is_none() {
        return Err(ImportError::NeedsPassword { format: FORMAT });
    }
    let mut shut = 0;
    let mut opened = Vec::with_capacity(entries.len());
    for entry in entries.iter() {
        let secret = match entry {
            Some(entry) if entry.is_sealed() => {
                let secret = entry.open(password.unwrap_or_default(), &mut *watch)?;
                shut += usize::from(secret.is_none());
                secret
            }
            _ => None,
        };
        opened.push(secret);
    }
    // One password seals them all: where it opens none, it is not theirs.
    if sealed > 0 && shut == sealed {
        return Err(ImportError::WrongPassword { format: FORMAT });
    }
    let mut gather = Gather::new(FORMAT, entries.len(), watch)?;
    for (entry, opened) in entries.iter().zip(&opened) {
        match entry {
            Some(entry) => {
                let opened = opened.as_ref().map(|secret| secret.as_str());
                gather.take(entry.read(opened), || entry.label())?;
            }
            None => gather.take(Err(SkipReason::Damaged), String::new)?,
        }
    }
    Ok(gather.done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Option<String>,
    original_name: Option<String>,
    original_issuer: Option<String>,
    #[serde(default)]
    digits: Number,
    decrypted_secret: Option<Zeroizing<String>>,
    encrypted_secret: Option<String>,
    salt: Option<String>,
    secret_seed: Option<Zeroizing<String>>,
}

impl Entry {
    fn is_sealed(&self) -> bool {
        self.encrypted_secret.is_some()
            && self.decrypted_secret.is_none()
            && self.secret_seed.is_none()
    }

    /// The secret in base32; `None` where the password does not open it.
    fn open(
        &self,
        password: &str,
        watch: Watch<'_>,
    ) -> Result<Option<Zeroizing<String>>, ImportError> {
        let sealed = self.encrypted_secret.as_deref().unwrap_or_default();
        let Ok(sealed) = BASE64.decode(sealed.as_bytes()) else {
            return Ok(None);
        };
        let salt = self.salt.as_deref().unwrap_or_default();
        let mut key = keys::Key::default();
        let (cost, password) = ((Hash::Sha1, ROUNDS), password.as_bytes());
        keys::pbkdf2(
            FORMAT,
            cost,
            password,
            salt.as_bytes(),
            key.as_mut_slice(),
            watch,
        )?;
        let plain = keys::open_cbc(&key, &[0; 16], &sealed);
        // One wrong password in 256 gives a padding that looks right; hardly any gives base32 before it.
        let text = plain.and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        let is_base32 = |text: &String| {
            let mut signs = text.chars();
            !text.is_empty() && signs.all(|c| c.is_ascii_alphanumeric() || " -=".contains(c))
        };
        Ok(text.filter(is_base32).map(Zeroizing::new))
    }

    fn read(&self, opened: Option<&str>) -> Result<NewAccount, SkipReason> {
        if self.is_sealed() && opened.is_none() {
            return Err(SkipReason::Sealed);
        }
        let digits = self.digits;
        let (issuer, account) = self.names();
        // Authy's own tokens: the seed is hexadecimal, seven digits, ten seconds.
        let seed = match &self.secret_seed {
            Some(seed) => Some(hex(seed).ok_or(OtpauthError::BadSecret)?),
            None => None,
        };
        let plain = self.decrypted_secret.as_ref();
        let loose = Loose {
            base32: plain.map(|secret| secret.as_str()).or(opened),
            bytes: seed.as_ref().map(|seed| seed.as_slice()),
            issuer,
            account,
            digits: match seed {
                Some(_) => digits.or(Number::Whole(7)),
                None => digits,
            },
            period: match seed {
                Some(_) => Number::Whole(10),
                None => Number::Unsaid,
            },
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }

    fn names(&self) -> (Option<&str>, Option<&str>) {
        let said = |name: &&str| !name.trim().is_empty();
        let original = self.original_name.as_deref().filter(said);
        (
            self.original_issuer.as_deref().filter(said),
            original.or(self.name.as_deref()),
        )
    }

    fn label(&self) -> String {
        let (issuer, account) = self.names();
        label(issuer, account)
    }
}
