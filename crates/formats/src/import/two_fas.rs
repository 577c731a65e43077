//! 2FAS: backups of schema 1 to 4, plain or encrypted.

use std::collections::HashMap;

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::TwoFas;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

/// Of PBKDF2-HMAC-SHA-256, in every version so far.
const ROUNDS: u64 = 10_000;

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let json = &file.json;
    let ours = json.has(&["schemaVersion"])
        || json.has(&["services", "appOrigin"])
        || json.has(&["servicesEncrypted"])
        // The list comes first: a file that is cut short has nothing else.
        || (json.has(&["services"]) && !json.is_whole);
    ours.then(|| open(file.text.unwrap_or_default(), password, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let backup: Backup<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    match backup.schema_version {
        1..=4 => {}
        0 => return Err(DAMAGED),
        _ => return Err(ImportError::NewerVersion { format: FORMAT }),
    }
    let Some(sealed) = backup
        .services_encrypted
        .filter(|sealed| !sealed.is_empty())
    else {
        return services(backup.services, &backup.groups, watch);
    };
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let plain = unseal(&sealed, password, watch)?;
    let plain = std::str::from_utf8(&plain).map_err(|_| DAMAGED)?;
    let list = serde_json::from_str(plain).map_err(|_| DAMAGED)?;
    services(list, &backup.groups, watch)
}

/// `ciphertext and tag : salt : nonce`, each in base64.
fn unseal(
    sealed: &str,
    password: &str,
    watch: Watch<'_>,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let parts = sealed.split(':').map(|part| BASE64.decode(part.as_bytes()));
    let parts = parts.collect::<Result<Vec<_>, _>>().map_err(|_| DAMAGED)?;
    let [sealed, salt, nonce] = parts.as_slice() else {
        return Err(DAMAGED);
    };
    if nonce.len() != 12 || sealed.len() < 16 {
        return Err(DAMAGED);
    }
    let mut key = keys::Key::default();
    let cost = (Hash::Sha256, ROUNDS);
    keys::pbkdf2(
        FORMAT,
        cost,
        password.as_bytes(),
        salt,
        key.as_mut_slice(),
        watch,
    )?;
    // Damage looks the same: the seal is over everything. The `reference` beside it tells no more.
    keys::open_gcm(&key, nonce, sealed, &[]).ok_or(ImportError::WrongPassword { format: FORMAT })
}

fn services(
    list: Vec<&RawValue>,
    groups: &[Group],
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    let names = groups.iter();
    let names: HashMap<&str, &str> = names.map(|g| (g.id.as_str(), g.name.as_str())).collect();
    let mut gather = Gather::new(FORMAT, list.len(), watch)?;
    let mut read: Vec<Result<Service, _>> = list
        .iter()
        .map(|raw| serde_json::from_str::<Service>(raw.get()))
        .collect();
    // The person's order; what has none keeps its place at the end.
    read.sort_by_key(|service| match service {
        Ok(Service {
            order: Some(order), ..
        }) => order.position,
        _ => i64::MAX,
    });
    for service in read {
        match service {
            Ok(service) => gather.take(service.read(&names), || {
                label(service.issuer(), service.otp.account.as_deref())
            })?,
            Err(_) => gather.take(Err(SkipReason::Damaged), String::new)?,
        }
    }
    Ok(gather.done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Backup<'a> {
    schema_version: u64,
    #[serde(borrow, default)]
    services: Vec<&'a RawValue>,
    services_encrypted: Option<String>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    name: Option<String>,
    secret: Option<Zeroizing<String>>,
    otp: Otp,
    order: Option<Order>,
    group_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Otp {
    account: Option<String>,
    issuer: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    algorithm: Option<String>,
    #[serde(default)]
    counter: Number,
    token_type: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    position: i64,
}

impl Service {
    /// The name is what the person sees there; the issuer stays what the QR code once said.
    fn issuer(&self) -> Option<&str> {
        let name = self.name.as_deref().filter(|name| !name.trim().is_empty());
        name.or(self.otp.issuer.as_deref())
    }

    fn read(&self, names: &HashMap<&str, &str>) -> Result<NewAccount, SkipReason> {
        // Before schema 3 there is no word for the kind: a counter says it.
        let counting = self.otp.token_type.is_none() && self.otp.counter != Number::Unsaid;
        let loose = Loose {
            kind: self
                .otp
                .token_type
                .as_deref()
                .or(counting.then_some("hotp")),
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer: self.issuer(),
            account: self.otp.account.as_deref(),
            algorithm: self.otp.algorithm.as_deref(),
            digits: self.otp.digits,
            period: self.otp.period,
            counter: self.otp.counter,
            ..Loose::default()
        };
        let group = self.group_id.as_deref().and_then(|id| names.get(id));
        Ok(NewAccount {
            groups: group.iter().map(|&&group| group.to_owned()).collect(),
            ..NewAccount::plain(loose.read()?)
        })
    }
}
