//! cotp: its export, plain, and the database that it keeps, sealed.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys;
use super::loose::Loose;
use super::number::{Number, base64};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::Cotp;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const NEWER: ImportError = ImportError::NewerVersion { format: FORMAT };

/// Argon2id: memory in KiB, passes, lanes.
const COST: (u64, u64, u64) = (32 * 1024, 4, 4);
/// The newest list that is known. The first one had no version; what seals it counts on its own and is at 1.
const VERSION: u64 = 2;

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    if file.json.has(&["version", "nonce", "salt", "cipher"]) {
        return Some(open(text, password, watch));
    }
    let ours = file.json.has(&["version", "elements"]);
    ours.then(|| entries(text, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let database: Sealed = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if database.version > 1 {
        return Err(NEWER);
    }
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let decode = |text: &str| base64(text).ok_or(DAMAGED);
    let (salt, sealed) = (decode(&database.salt)?, decode(&database.cipher)?);
    let nonce = decode(&database.nonce)?;
    let nonce: &[u8; 24] = nonce.as_slice().try_into().map_err(|_| DAMAGED)?;
    if sealed.len() < 16 {
        return Err(DAMAGED);
    }
    let key = keys::argon2id(FORMAT, COST, password.as_bytes(), &salt, watch)?;
    // The seal is over everything: damage and a wrong password look the same.
    let plain = keys::open_xchacha(&key, nonce, &sealed);
    let plain = plain.ok_or(ImportError::WrongPassword { format: FORMAT })?;
    entries(std::str::from_utf8(&plain).map_err(|_| DAMAGED)?, watch)
}

fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let elements = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|_| DAMAGED)?,
        false => {
            let list: List<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
            if list.version > VERSION {
                return Err(NEWER);
            }
            list.elements
        }
    };
    Gather::all(FORMAT, &elements, watch, Element::read, |element| {
        label(element.issuer.as_deref(), element.label.as_deref())
    })
}

#[derive(Deserialize)]
struct Sealed {
    version: u64,
    nonce: String,
    salt: String,
    cipher: String,
}

#[derive(Deserialize)]
struct List<'a> {
    version: u64,
    #[serde(borrow)]
    elements: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Element {
    secret: Option<Zeroizing<String>>,
    issuer: Option<String>,
    label: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(rename = "type")]
    kind: Option<String>,
    algorithm: Option<String>,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
}

impl Element {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let loose = Loose {
            kind: self.kind.as_deref(),
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer: self.issuer.as_deref(),
            account: self.label.as_deref(),
            algorithm: self.algorithm.as_deref(),
            digits: self.digits,
            period: self.period,
            counter: self.counter,
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }
}
