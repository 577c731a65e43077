//! Aegis: vaults and exports of version 1, plain or encrypted, with databases of version 1 to 3.

use std::collections::HashMap;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys;
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::Aegis;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const NEWER: ImportError = ImportError::NewerVersion { format: FORMAT };

/// HMAC fills a shorter key up with zeros itself, so that zeros behind it change nothing (RFC 2104, section 2).
const HMAC_BLOCK: usize = 64;

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let ours = file.json.has(&["version", "header"]);
    ours.then(|| open(file.text.unwrap_or_default(), password, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let vault: VaultFile<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if vault.version != 1 {
        return Err(NEWER);
    }
    let Some(slots) = vault.header.slots else {
        return entries(vault.db.get(), watch);
    };
    let sealed: String = serde_json::from_str(vault.db.get()).map_err(|_| DAMAGED)?;
    let sealed: Vec<u8> = sealed
        .bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let sealed = BASE64.decode(&sealed).map_err(|_| DAMAGED)?;
    let params = vault.header.params.ok_or(DAMAGED)?;
    let slots: Vec<Slot> = slots.into_iter().filter(|slot| slot.kind == 1).collect();
    if slots.is_empty() {
        // Only a fingerprint on that phone opens it.
        return Err(ImportError::UnsupportedVariant { format: FORMAT });
    }
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let key = master_key(&slots, password, watch)?;
    let db = params.open(&key, &sealed).ok_or(DAMAGED)?;
    entries(std::str::from_utf8(&db).map_err(|_| DAMAGED)?, watch)
}

/// Tries every slot, and for a long password the way in which old versions read it too.
fn master_key(slots: &[Slot], password: &str, watch: Watch<'_>) -> Result<keys::Key, ImportError> {
    for slot in slots {
        let wrapped = unhex(&slot.key).ok_or(DAMAGED)?;
        let salt = slot.salt.as_deref().and_then(unhex).ok_or(DAMAGED)?;
        let (Some(n), Some(r), Some(p)) = (slot.n, slot.r, slot.p) else {
            return Err(DAMAGED);
        };
        let mut spellings = vec![Zeroizing::new(password.as_bytes().to_vec())];
        let old = old_bytes(password);
        if !slot.repaired && old.len() > HMAC_BLOCK {
            spellings.push(old);
        }
        for spelling in spellings {
            let key = keys::scrypt(FORMAT, (n, r, p), &spelling, &salt, watch)?;
            if let Some(master) = slot.key_params.open(&key, &wrapped) {
                return Ok(Zeroizing::new(
                    master.as_slice().try_into().map_err(|_| DAMAGED)?,
                ));
            }
        }
    }
    Err(ImportError::WrongPassword { format: FORMAT })
}

/// Old versions handed over the whole buffer of Java's encoder, zeros behind the text included. It begins with room for
/// one and a tenth bytes a character, and is doubled while that is too little.
fn old_bytes(password: &str) -> Zeroizing<Vec<u8>> {
    let characters = password.encode_utf16().count();
    let mut buffer = characters + characters / 10;
    while buffer < password.len() {
        buffer = 2 * buffer + 1;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(buffer));
    bytes.extend_from_slice(password.as_bytes());
    bytes.resize(buffer, 0);
    bytes
}

fn entries(db: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let db: Database<'_> = serde_json::from_str(db).map_err(|_| DAMAGED)?;
    if !(1..=3).contains(&db.version) {
        return Err(NEWER);
    }
    let names = db.groups.iter();
    let names: HashMap<&str, &str> = names.map(|g| (g.uuid.as_str(), g.name.as_str())).collect();
    Gather::all(
        FORMAT,
        &db.entries,
        watch,
        |entry: &Entry| entry.read(&names),
        |entry| label(entry.issuer.as_deref(), entry.name.as_deref()),
    )
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[derive(Deserialize)]
struct VaultFile<'a> {
    version: u64,
    header: Header,
    #[serde(borrow)]
    db: &'a RawValue,
}

#[derive(Deserialize)]
struct Header {
    slots: Option<Vec<Slot>>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Slot {
    #[serde(rename = "type")]
    kind: u64,
    key: String,
    key_params: Params,
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
    salt: Option<String>,
    #[serde(default)]
    repaired: bool,
}

#[derive(Deserialize)]
struct Params {
    nonce: String,
    tag: String,
}

impl Params {
    fn open(&self, key: &keys::Key, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let sealed = [sealed, &unhex(&self.tag)?].concat();
        keys::open_gcm(key, &unhex(&self.nonce)?, &sealed, &[])
    }
}

#[derive(Deserialize)]
struct Database<'a> {
    version: u64,
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    uuid: String,
    name: String,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    issuer: Option<String>,
    note: Option<String>,
    favorite: Option<bool>,
    /// Of databases of version 2 and older, by its name.
    group: Option<String>,
    /// Of databases of version 3, by their ids.
    #[serde(default)]
    groups: Vec<String>,
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    secret: Option<Zeroizing<String>>,
    algo: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
}

impl Entry {
    fn read(&self, names: &HashMap<&str, &str>) -> Result<NewAccount, SkipReason> {
        let loose = Loose {
            kind: Some(&self.kind),
            base32: self.info.secret.as_ref().map(|secret| secret.as_str()),
            issuer: self.issuer.as_deref(),
            account: self.name.as_deref(),
            algorithm: self.info.algo.as_deref(),
            digits: self.info.digits,
            period: self.info.period,
            counter: self.info.counter,
            ..Loose::default()
        };
        let named = self.groups.iter();
        let named = named.filter_map(|id| Some((*names.get(id.as_str())?).to_owned()));
        Ok(NewAccount {
            note: self.note.clone().unwrap_or_default(),
            groups: self.group.iter().cloned().chain(named).collect(),
            pinned: self.favorite.unwrap_or(false),
            ..NewAccount::plain(loose.read()?)
        })
    }
}
