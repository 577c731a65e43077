//! TOTP Authenticator: backups in base64, sealed with a password that the app has ready for who sets none; and its own
//! preferences.

use std::collections::BTreeMap;

use couchkey_otp::OtpauthError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys;
use super::loose::Loose;
use super::number::{Number, base64, hex};
use super::prefs::{self, Prefs};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::TotpAuthenticator;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const LIST: &str = "STATIC_TOTP_CODES_LIST";
const DEFAULT_PASSWORD: &str = "TotpAuthenticator";
/// One entry takes more than this, in signs of base64.
const SHORTEST: usize = 128;

/// The preferences.
pub(super) fn read_prefs(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    if !prefs::mentions(file, LIST) {
        return None;
    }
    let prefs = Prefs::read(file);
    let list = prefs.as_ref().and_then(|prefs| prefs.get(LIST));
    Some(list.map_or(Err(DAMAGED), |list| entries(list, watch)))
}

/// A backup. Nothing but base64 tells what it is, so it is asked late.
pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?.trim();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte);
    // A number or a list of words is in the alphabet too, but has no letters of both kinds and digits.
    let is_mixed = text.bytes().any(|b| b.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_digit());
    let ours = text.len() >= SHORTEST && is_mixed && text.bytes().all(is_base64);
    ours.then(|| open(text, password, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let sealed = base64(text).ok_or(DAMAGED)?;
    if sealed.len() % 16 != 0 {
        return Err(DAMAGED);
    }
    let unseal = |password: &str| {
        let key = Zeroizing::new(Sha256::digest(password.as_bytes()).into());
        let plain = keys::open_cbc(&key, &[0; 16], &sealed)?;
        let plain = String::from_utf8(plain.to_vec()).ok().map(Zeroizing::new)?;
        plain.trim_start().starts_with('{').then_some(plain)
    };
    let plain = match (password.and_then(unseal), password) {
        (Some(plain), _) => plain,
        (None, typed) => unseal(DEFAULT_PASSWORD).ok_or(match typed {
            Some(_) => ImportError::WrongPassword { format: FORMAT },
            None => ImportError::NeedsPassword { format: FORMAT },
        })?,
    };
    // The list is the name of the only value.
    let map: BTreeMap<String, IgnoredAny> = serde_json::from_str(&plain).map_err(|_| DAMAGED)?;
    let list = map.into_keys().next().map(Zeroizing::new);
    entries(&list.ok_or(DAMAGED)?, watch)
}

fn entries(list: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let list: Vec<&RawValue> = serde_json::from_str(list).map_err(|_| DAMAGED)?;
    Gather::all(FORMAT, &list, watch, Entry::read, |entry: &Entry| {
        label(entry.issuer.as_deref(), entry.name.as_deref())
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    issuer: Option<String>,
    name: Option<String>,
    key: Option<Zeroizing<String>>,
    #[serde(default)]
    base: Number,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    is_favorite: bool,
}

impl Entry {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let key = self.key.as_ref().ok_or(OtpauthError::MissingSecret)?;
        let bytes = match self.base {
            Number::Whole(16) => Some(hex(key).ok_or(OtpauthError::BadSecret)?),
            Number::Unsaid | Number::Whole(32) => None,
            Number::Whole(64) => Some(base64(key).ok_or(OtpauthError::BadSecret)?),
            _ => return Err(OtpauthError::BadSecret.into()),
        };
        let loose = Loose {
            base32: Some(key),
            bytes: bytes.as_ref().map(|bytes| bytes.as_slice()),
            issuer: self.issuer.as_deref(),
            account: self.name.as_deref(),
            digits: self.digits,
            period: self.period,
            ..Loose::default()
        };
        Ok(NewAccount {
            pinned: self.is_favorite,
            ..NewAccount::plain(loose.read()?)
        })
    }
}
