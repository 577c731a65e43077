//! The browser extension "Authenticator": entries by their hashes, plain.

use std::collections::BTreeMap;

use couchkey_otp::OtpauthError;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::{Number, hex};
use super::{Format, Import, ImportError, Imported, SkipReason, Watch};

const FORMAT: Format = Format::AuthenticatorExtension;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    // The outermost names are hashes, so the signs are those of an entry.
    let signs = ["\"hash\"", "\"index\"", "\"encrypted\""];
    let plain = signs.iter().all(|sign| text.contains(sign));
    let sealed = text.contains("\"EncOTPStorage\"");
    let is_object = !file.json.is_array && !file.json.names.is_empty();
    (is_object && (plain || sealed)).then(|| entries(text, watch))
}

fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let values: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|_| ImportError::Damaged { format: FORMAT })?;
    let mut entries: Vec<Option<Entry>> = Vec::new();
    for (name, raw) in &values {
        if name == "key" || name == "UserSettings" || name == "LocalStorage" {
            continue;
        }
        let entry = serde_json::from_str::<Entry>(raw.get()).ok();
        match &entry {
            Some(entry) if entry.data_type.as_deref() == Some("Key") => continue,
            // Its keys are derived in ways that changed from version to version; the extension exports plainly too.
            Some(entry) if entry.is_sealed() => {
                return Err(ImportError::UnsupportedVariant { format: FORMAT });
            }
            _ => entries.push(entry),
        }
    }
    let place = |entry: &Option<Entry>| entry.as_ref().and_then(|entry| entry.index);
    entries.sort_by_key(|entry| place(entry).unwrap_or(i64::MAX));
    let mut gather = Gather::new(FORMAT, entries.len(), watch)?;
    for entry in &entries {
        match entry {
            Some(entry) => gather.take(entry.read(), || {
                label(entry.issuer.as_deref(), entry.account.as_deref())
            })?,
            None => gather.take(Err(SkipReason::Damaged), String::new)?,
        }
    }
    Ok(gather.done())
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
    digits: Option<Number>,
    period: Option<Number>,
    counter: Option<Number>,
    index: Option<i64>,
    #[serde(default)]
    pinned: bool,
}

impl Entry {
    fn is_sealed(&self) -> bool {
        self.encrypted || self.data_type.as_deref() == Some("EncOTPStorage")
    }

    fn read(&self) -> Result<Imported, SkipReason> {
        // Two kinds have their secret in hexadecimal.
        let (kind, is_hex) = match self.kind.as_deref() {
            Some("hex") => (Some("totp"), true),
            Some("hhex") => (Some("hotp"), true),
            Some("battle") => (Some("totp"), false),
            kind => (kind, false),
        };
        let text = self.secret.as_ref().map(|secret| secret.as_str());
        let bytes = match text.filter(|_| is_hex) {
            Some(text) => Some(hex(text).ok_or(OtpauthError::BadSecret)?),
            None => None,
        };
        let digits = self.digits.as_ref().map(Number::value);
        let eight = (self.kind.as_deref() == Some("battle")).then_some(8);
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
            digits: eight.or(digits),
            period: self.period.as_ref().map(Number::value),
            counter: self.counter.as_ref().map(Number::value),
        };
        Ok(Imported {
            pinned: self.pinned,
            ..Imported::plain(loose.read()?)
        })
    }
}
