//! Bitwarden and its Authenticator: JSON, and JSON protected by a password. Its CSV is in table.rs.

use std::collections::HashMap;

use data_encoding::BASE64;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::field;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::Bitwarden;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    let signs = ["items", "passwordProtected", "encKeyValidation_DO_NOT_EDIT"];
    let ours = signs.iter().any(|sign| file.json.has(&["encrypted", sign]));
    ours.then(|| open(text, password, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let export: Export<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if !export.encrypted {
        return items(&export, watch);
    }
    if !export.password_protected {
        return Err(ImportError::AccountRestricted { format: FORMAT });
    }
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let plain = unseal(&export, password, watch)?;
    let plain = std::str::from_utf8(&plain).map_err(|_| DAMAGED)?;
    items(&serde_json::from_str(plain).map_err(|_| DAMAGED)?, watch)
}

fn unseal(
    export: &Export<'_>,
    password: &str,
    watch: Watch<'_>,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let (Some(salt), Some(kdf), Some(rounds), Some(check), Some(data)) = (
        &export.salt,
        export.kdf_type,
        export.kdf_iterations,
        &export.validation,
        &export.data,
    ) else {
        return Err(DAMAGED);
    };
    let (check, data) = (
        CipherString::read(check).ok_or(DAMAGED)?,
        CipherString::read(data).ok_or(DAMAGED)?,
    );
    // The salt is used as the text that it is, although it looks like base64.
    let (password, salt) = (password.as_bytes(), salt.as_bytes());
    let mut key = keys::Key::default();
    match kdf {
        0 => {
            let cost = (Hash::Sha256, rounds);
            keys::pbkdf2(FORMAT, cost, password, salt, key.as_mut_slice(), watch)?;
        }
        1 => {
            let memory = export.kdf_memory.ok_or(DAMAGED)?.saturating_mul(1024);
            let lanes = export.kdf_parallelism.ok_or(DAMAGED)?;
            let salt = Sha256::digest(salt);
            key = keys::argon2id(FORMAT, (memory, rounds, lanes), password, &salt, watch)?;
        }
        _ => return Err(ImportError::NewerVersion { format: FORMAT }),
    }
    let expand = |info: &[u8]| {
        let mut part = keys::Key::default();
        Hkdf::<Sha256>::from_prk(key.as_slice())
            .map(|key| key.expand(info, part.as_mut_slice()))
            .expect("a key of the hash's length")
            .expect("one block of it");
        part
    };
    let (seal, mac) = (expand(b"enc"), expand(b"mac"));
    if check.open(&seal, &mac).is_none() {
        return Err(ImportError::WrongPassword { format: FORMAT });
    }
    data.open(&seal, &mac).ok_or(DAMAGED)
}

/// `2.iv|ciphertext|mac`: AES-256-CBC, then HMAC-SHA-256 over both.
struct CipherString {
    iv: [u8; 16],
    sealed: Vec<u8>,
    mac: Vec<u8>,
}

impl CipherString {
    fn read(text: &str) -> Option<CipherString> {
        let parts = text.strip_prefix("2.")?.split('|');
        let parts = parts.map(|part| BASE64.decode(part.as_bytes()).ok());
        let parts: Vec<Vec<u8>> = parts.collect::<Option<_>>()?;
        let [iv, sealed, mac] = <[Vec<u8>; 3]>::try_from(parts).ok()?;
        let iv = iv.try_into().ok()?;
        Some(CipherString { iv, sealed, mac })
    }

    fn open(&self, key: &keys::Key, mac_key: &keys::Key) -> Option<Zeroizing<Vec<u8>>> {
        let mac = Hmac::<Sha256>::new_from_slice(mac_key.as_slice());
        let mut mac = mac.expect("HMAC accepts keys of any length");
        mac.update(&self.iv);
        mac.update(&self.sealed);
        mac.verify_slice(&self.mac).ok()?;
        keys::open_cbc(key, &self.iv, &self.sealed)
    }
}

fn items(export: &Export<'_>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let items = export.items.as_deref().ok_or(DAMAGED)?;
    let folders = export.folders.iter().flatten();
    let folders = folders.map(|folder| (folder.id.as_str(), folder.name.as_str()));
    let folders: HashMap<&str, &str> = folders.collect();
    Gather::all(
        FORMAT,
        items,
        watch,
        |item: &Item| {
            let folder = item.folder_id.as_deref().and_then(|id| folders.get(id));
            item.read(folder.copied())
        },
        Item::label,
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export<'a> {
    encrypted: bool,
    #[serde(default)]
    password_protected: bool,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    folders: Option<Vec<Folder>>,
    salt: Option<String>,
    kdf_type: Option<u64>,
    kdf_iterations: Option<u64>,
    /// In MiB.
    kdf_memory: Option<u64>,
    kdf_parallelism: Option<u64>,
    #[serde(rename = "encKeyValidation_DO_NOT_EDIT")]
    validation: Option<String>,
    data: Option<String>,
}

#[derive(Deserialize)]
struct Folder {
    id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: Option<String>,
    notes: Option<String>,
    folder_id: Option<String>,
    favorite: Option<bool>,
    deleted_date: Option<String>,
    login: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    username: Option<String>,
    totp: Option<Zeroizing<String>>,
}

impl Item {
    fn read(&self, folder: Option<&str>) -> Result<NewAccount, SkipReason> {
        let login = self.login.as_ref().ok_or(SkipReason::NoOneTimePassword)?;
        let totp = login.totp.as_ref().filter(|totp| !totp.trim().is_empty());
        let totp = totp.ok_or(SkipReason::NoOneTimePassword)?;
        Ok(NewAccount {
            note: self.notes.clone().unwrap_or_default(),
            groups: folder.iter().map(|&folder| folder.to_owned()).collect(),
            pinned: self.favorite.unwrap_or(false),
            trashed: self.deleted_date.is_some(),
            ..NewAccount::plain(field(
                totp,
                self.name.as_deref(),
                login.username.as_deref(),
            )?)
        })
    }

    fn label(&self) -> String {
        let username = self
            .login
            .as_ref()
            .and_then(|login| login.username.as_deref());
        label(self.name.as_deref(), username)
    }
}
