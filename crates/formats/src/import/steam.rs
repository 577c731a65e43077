//! Steam's own files: one account or several in JSON, those that Steam Desktop Authenticator calls `maFile`, and a zip
//! file of the folder in which it keeps them, sealed or not.

use std::collections::{BTreeMap, BTreeSet};

use couchkey_otp::OtpauthError;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::archive::{Archive, Entry as Packed};
use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::Loose;
use super::number::base64;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch, caps};

const FORMAT: Format = Format::Steam;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

/// Of PBKDF2-HMAC-SHA-1, for each account anew.
const ROUNDS: u64 = 50_000;
/// Steam Desktop Authenticator's list of its files.
const MANIFEST: &str = "manifest.json";

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    if let Some(archive) = Archive::open(file) {
        return folder(&archive, password, watch);
    }
    let text = file.text?;
    if file.json.has(&["shared_secret"]) || file.json.has(&["steamid", "serial_number"]) {
        return Some(one(text, watch));
    }
    // The list beside the files: without those there is nothing in it, and where they are sealed, the rest of the key is
    // in here.
    if file.json.has(&["entries", "first_run"]) {
        return Some(Err(ImportError::Incomplete { format: FORMAT }));
    }
    let several = file.json.has(&["accounts"]) && text.contains("\"shared_secret\"");
    several.then(|| {
        let list: Several<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
        let entries: Vec<&RawValue> = list.accounts.into_values().collect();
        entries_of(&entries, watch)
    })
}

/// The folder `maFiles`: a list, and beside it a file for each account.
fn folder(
    archive: &Archive<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let at = archive
        .names()
        .find_map(|name| name.strip_suffix(MANIFEST))?;
    let Packed::Read(list) = archive.read(&format!("{at}{MANIFEST}"), None) else {
        return None;
    };
    let manifest: Manifest = serde_json::from_slice(&list).ok()?;
    Some(files(archive, at, &manifest, password, watch))
}

fn files(
    archive: &Archive<'_>,
    at: &str,
    manifest: &Manifest,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    let password = match (manifest.encrypted, password) {
        (false, _) => None,
        (true, Some(password)) => Some(password),
        (true, None) => return Err(ImportError::NeedsPassword { format: FORMAT }),
    };
    let listed: BTreeMap<String, &Listed> = manifest
        .entries
        .iter()
        .map(|entry| (format!("{at}{}", entry.filename), entry))
        .collect();
    if password.is_some() {
        let rounds = ROUNDS.saturating_mul(listed.len() as u64);
        keys::within(FORMAT, rounds, caps::PBKDF2_ROUNDS, "rounds")?;
    }
    // What lies there and is not in the list may be an account all the same.
    let others = archive.names().filter(|name| name.ends_with(".maFile"));
    let names: BTreeSet<&str> = listed.keys().map(String::as_str).chain(others).collect();
    let (mut opened, mut shut, mut bytes) = (0, 0, 0);
    let mut entries = Vec::new();
    for name in names {
        let entry = match archive.has(name).then(|| archive.read(name, None)) {
            None => Err(SkipReason::MissingPart),
            Some(Packed::Read(text)) => {
                bytes += text.len();
                if bytes > caps::FILE_BYTES {
                    return Err(ImportError::TooLarge { bytes });
                }
                match (password, listed.get(name)) {
                    (Some(password), Some(entry)) => {
                        let text = unseal(entry, &text, password, watch)?;
                        opened += usize::from(text.is_ok());
                        shut += usize::from(matches!(text, Err(SkipReason::Sealed)));
                        text
                    }
                    _ => Ok(text),
                }
            }
            Some(_) => Err(SkipReason::Damaged),
        };
        let name = name.strip_prefix(at).unwrap_or(name);
        entries.push((name, entry));
    }
    if opened == 0 && shut > 0 {
        return Err(ImportError::WrongPassword { format: FORMAT });
    }
    let mut gather = Gather::new(FORMAT, entries.len(), watch)?;
    for (name, text) in entries {
        let entry = text.and_then(|text| {
            let entry = serde_json::from_slice::<Entry>(&text);
            entry.map_err(|_| SkipReason::Damaged)?.read()
        });
        gather.take(entry, || label(Some("Steam"), Some(name)))?;
    }
    Ok(gather.done())
}

/// A file's text. The seal says nothing about a key that is wrong; what comes out of it does.
fn unseal(
    entry: &Listed,
    text: &[u8],
    password: &str,
    watch: Watch<'_>,
) -> Result<Result<Zeroizing<Vec<u8>>, SkipReason>, ImportError> {
    let decode = |text: &Option<String>| base64(text.as_deref()?);
    let parts = || {
        let salt = decode(&entry.encryption_salt)?;
        let iv: [u8; 16] = decode(&entry.encryption_iv)?.as_slice().try_into().ok()?;
        let sealed = base64(std::str::from_utf8(text).ok()?)?;
        let is_whole = !sealed.is_empty() && sealed.len() % 16 == 0;
        is_whole.then_some((salt, iv, sealed))
    };
    let Some((salt, iv, sealed)) = parts() else {
        return Ok(Err(SkipReason::Damaged));
    };
    let mut key = keys::Key::default();
    let cost = (Hash::Sha1, ROUNDS);
    let password = password.as_bytes();
    keys::pbkdf2(FORMAT, cost, password, &salt, key.as_mut_slice(), watch)?;
    let plain = keys::open_cbc(&key, &iv, &sealed);
    let plain = plain.filter(|plain| serde_json::from_slice::<Entry>(plain).is_ok());
    Ok(plain.ok_or(SkipReason::Sealed))
}

#[derive(Deserialize)]
struct Manifest {
    encrypted: bool,
    #[serde(rename = "first_run")]
    _first_run: bool,
    entries: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    encryption_iv: Option<String>,
    encryption_salt: Option<String>,
    filename: String,
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
    fn read(&self) -> Result<NewAccount, SkipReason> {
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
        Ok(NewAccount::plain(loose.read()?))
    }
}
