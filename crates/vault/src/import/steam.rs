//! Steam's own files: one account or several in JSON, and those that Steam Desktop Authenticator calls `maFile`.

use couchkey_otp::OtpauthError;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::base64;
use super::{Format, Import, ImportError, Imported, SkipReason, Watch};

const FORMAT: Format = Format::Steam;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    if file.json.has(&["shared_secret"]) || file.json.has(&["steamid", "serial_number"]) {
        return Some(one(text, watch));
    }
    // The list of Steam Desktop Authenticator, beside its files: without those there is nothing in it, and where they are
    // encrypted, the rest of the key is in here.
    if file.json.has(&["entries", "first_run"]) {
        return Some(Err(ImportError::UnsupportedVariant { format: FORMAT }));
    }
    let several = file.json.has(&["accounts"]) && text.contains("\"shared_secret\"");
    several.then(|| {
        let list: Several<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
        let entries: Vec<&RawValue> = list.accounts.into_values().collect();
        entries_of(&entries, watch)
    })
}

fn one(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let entry: &RawValue = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    entries_of(&[entry], watch)
}

fn entries_of(entries: &[&RawValue], watch: Watch<'_>) -> Result<Import, ImportError> {
    Gather::all(FORMAT, entries, watch, Entry::read, |entry: &Entry| {
        label(Some("Steam"), entry.account_name.as_deref())
    })
}

#[derive(Deserialize)]
struct Several<'a> {
    #[serde(borrow)]
    accounts: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    shared_secret: Option<Zeroizing<String>>,
    account_name: Option<String>,
}

impl Entry {
    fn read(&self) -> Result<Imported, SkipReason> {
        let secret = self.shared_secret.as_ref();
        let secret = secret.ok_or(OtpauthError::MissingSecret)?;
        let secret = base64(secret).ok_or(OtpauthError::BadSecret)?;
        let loose = Loose {
            kind: Some("steam"),
            bytes: Some(&secret),
            issuer: Some("Steam"),
            account: self.account_name.as_deref(),
            ..Loose::default()
        };
        Ok(Imported::plain(loose.read()?))
    }
}
