//! Proton: the Authenticator's exports, plain or encrypted, and those of Proton Pass.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::archive::{Archive, Entry as Packed};
use super::file::File;
use super::gather::{Gather, label};
use super::keys;
use super::loose::field;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::ProtonAuthenticator;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const NEWER: ImportError = ImportError::NewerVersion { format: FORMAT };

/// Argon2id: memory in KiB, passes, lanes.
const COST: (u64, u64, u64) = (19_456, 2, 1);
const AAD: &[u8] = b"proton.authenticator.export.v1";

/// An export of Proton Authenticator.
pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    if file.json.has(&["version", "salt", "content"]) {
        return Some(open(text, password, watch));
    }
    let ours = file.json.has(&["version", "entries"]);
    ours.then(|| entries(text, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let export: Sealed = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if export.version != 1 {
        return Err(NEWER);
    }
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| DAMAGED);
    let (salt, content) = (decode(&export.salt)?, decode(&export.content)?);
    let (nonce, sealed) = content.split_first_chunk::<12>().ok_or(DAMAGED)?;
    if sealed.len() < 16 {
        return Err(DAMAGED);
    }
    let key = keys::argon2id(FORMAT, COST, password.as_bytes(), &salt, watch)?;
    // The seal is over everything: damage and a wrong password look the same.
    let plain = keys::open_gcm(&key, nonce, sealed, AAD);
    let plain = plain.ok_or(ImportError::WrongPassword { format: FORMAT })?;
    entries(std::str::from_utf8(&plain).map_err(|_| DAMAGED)?, watch)
}

fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let export: Export<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if export.version != 1 {
        return Err(NEWER);
    }
    let read = |entry: &Entry| {
        let content = &entry.content;
        let steam = content.uri.starts_with("steam://").then_some("Steam");
        Ok(NewAccount {
            note: entry.note.clone().unwrap_or_default(),
            ..NewAccount::plain(field(&content.uri, steam, content.name.as_deref())?)
        })
    };
    Gather::all(FORMAT, &export.entries, watch, read, |entry| {
        label(entry.content.name.as_deref(), None)
    })
}

#[derive(Deserialize)]
struct Sealed {
    version: u64,
    salt: String,
    content: String,
}

#[derive(Deserialize)]
struct Export<'a> {
    version: u64,
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    content: Content,
    note: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    uri: Zeroizing<String>,
    name: Option<String>,
}

const PASS: Format = Format::ProtonPass;
const PASS_DAMAGED: ImportError = ImportError::Damaged { format: PASS };

/// An export of Proton Pass: an archive, or the JSON that was in it.
pub(super) fn read_pass(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    if file.json.has(&["vaults"]) {
        return Some(vaults(file.text.unwrap_or_default(), watch));
    }
    let archive = Archive::open(file)?;
    if archive.has("Proton Pass/data.pgp") {
        return Some(Err(ImportError::UnsupportedVariant { format: PASS }));
    }
    let data = archive.has("Proton Pass/data.json");
    data.then(|| match archive.read("Proton Pass/data.json", None) {
        Packed::Read(bytes) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| PASS_DAMAGED)?;
            vaults(text, watch)
        }
        Packed::TooLarge { bytes } => Err(ImportError::TooLarge { bytes }),
        _ => Err(PASS_DAMAGED),
    })
}

fn vaults(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let export: PassExport<'_> = serde_json::from_str(text).map_err(|_| PASS_DAMAGED)?;
    let several = export.vaults.len() > 1;
    let count = export.vaults.values().map(|vault| vault.items.len()).sum();
    let mut gather = Gather::new(PASS, count, watch)?;
    for vault in export.vaults.values() {
        // A single vault is no group: everything would be in it.
        let groups: Vec<String> = vault.name.iter().filter(|_| several).cloned().collect();
        for raw in &vault.items {
            let Ok(item) = serde_json::from_str::<Item>(raw.get()) else {
                gather.take(Err(SkipReason::Damaged), String::new)?;
                continue;
            };
            let mut found = item.one_time_passwords().peekable();
            if found.peek().is_none() {
                gather.take(Err(SkipReason::NoOneTimePassword), || item.label())?;
            }
            for totp in found {
                gather.take(item.read(totp, &groups), || item.label())?;
            }
        }
    }
    Ok(gather.done())
}

#[derive(Deserialize)]
struct PassExport<'a> {
    #[serde(borrow)]
    vaults: BTreeMap<String, PassVault<'a>>,
}

#[derive(Deserialize)]
struct PassVault<'a> {
    name: Option<String>,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    data: ItemData,
    /// 2 is in the trash.
    state: Option<u64>,
    pinned: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemData {
    metadata: Metadata,
    #[serde(default)]
    extra_fields: Vec<ExtraField>,
    #[serde(default)]
    content: PassContent,
}

#[derive(Deserialize)]
struct Metadata {
    name: Option<String>,
    note: Option<String>,
}

#[derive(Deserialize)]
struct ExtraField {
    #[serde(default)]
    data: PassContent,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct PassContent {
    item_email: Option<String>,
    item_username: Option<String>,
    totp_uri: Option<Zeroizing<String>>,
}

impl Item {
    fn one_time_passwords(&self) -> impl Iterator<Item = &Zeroizing<String>> {
        let extra = self.data.extra_fields.iter().map(|field| &field.data);
        let all = std::iter::once(&self.data.content).chain(extra);
        all.filter_map(|content| content.totp_uri.as_ref())
            .filter(|totp| !totp.trim().is_empty())
    }

    fn names(&self) -> (Option<&str>, Option<&str>) {
        let content = &self.data.content;
        let username = content
            .item_username
            .as_deref()
            .filter(|name| !name.is_empty());
        let account = username.or(content.item_email.as_deref());
        (self.data.metadata.name.as_deref(), account)
    }

    fn read(&self, totp: &str, groups: &[String]) -> Result<NewAccount, SkipReason> {
        let (name, account) = self.names();
        Ok(NewAccount {
            note: self.data.metadata.note.clone().unwrap_or_default(),
            groups: groups.to_vec(),
            pinned: self.pinned.unwrap_or(false),
            trashed: self.state == Some(2),
            ..NewAccount::plain(field(totp, name, account)?)
        })
    }

    fn label(&self) -> String {
        let (name, account) = self.names();
        label(name, account)
    }
}
