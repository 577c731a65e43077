//! Exports that are an archive with a list in it: Raivo, Authenticator Plus, WinAuth.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::archive::{Archive, Entry as Packed};
use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch, decode, uri_list};

const RAIVO: &str = "raivo-otp-export.json";
const PLUS: &str = "Accounts.txt";

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let raivo = file.json.is_array && file.json.has(&["kind", "timer", "secret", "account"]);
    if raivo {
        return Some(raivo_list(file.text.unwrap_or_default(), watch));
    }
    if file.text.is_some_and(is_native_winauth) {
        // Its own file is sealed in ways of its own; the app writes links too.
        let format = Format::WinAuth;
        return Some(Err(ImportError::UnsupportedVariant { format }));
    }
    let Some(archive) = Archive::open(file) else {
        // Broken off, it has no list at the end; what comes first still has its name.
        let rest = file.bytes.strip_prefix(b"PK\x03\x04")?;
        let begins = |name: &str| {
            rest.get(26..)
                .is_some_and(|rest| rest.starts_with(name.as_bytes()))
        };
        let format = match (begins(RAIVO), begins(PLUS)) {
            (true, _) => Format::Raivo,
            (_, true) => Format::AuthenticatorPlus,
            _ => return None,
        };
        return Some(Err(ImportError::Damaged { format }));
    };
    if archive.has(RAIVO) {
        let unpacked = unpack(Format::Raivo, &archive, RAIVO, password);
        return Some(unpacked.and_then(|text| raivo_list(&text, watch)));
    }
    if archive.has("authplus.db") {
        let format = Format::AuthenticatorPlus;
        return Some(Err(ImportError::UnsupportedVariant { format }));
    }
    let (format, name) = match archive.has(PLUS) {
        true => (Format::AuthenticatorPlus, PLUS.to_owned()),
        // WinAuth names its list as the person likes, and puts nothing else in.
        false => {
            let mut names = archive.names();
            match (names.next(), names.next()) {
                (Some(name), None) if name.ends_with(".txt") => (Format::WinAuth, name.to_owned()),
                _ => return None,
            }
        }
    };
    let unpacked = unpack(format, &archive, &name, password);
    Some(
        unpacked.and_then(|text| match uri_list::of(format, &text, watch) {
            Some(import) => import,
            None => Err(ImportError::Damaged { format }),
        }),
    )
}

fn is_native_winauth(text: &str) -> bool {
    let begins = text.trim_start();
    begins.starts_with('<') && text.contains("<WinAuth ")
}

fn unpack(
    format: Format,
    archive: &Archive<'_>,
    name: &str,
    password: Option<&str>,
) -> Result<Zeroizing<String>, ImportError> {
    match archive.read(name, password) {
        Packed::Read(bytes) => {
            let text = decode(&bytes).ok_or(ImportError::Damaged { format })?;
            Ok(Zeroizing::new(text.as_str().to_owned()))
        }
        Packed::NeedsPassword => Err(ImportError::NeedsPassword { format }),
        Packed::WrongPassword => Err(ImportError::WrongPassword { format }),
        Packed::TooLarge { bytes } => Err(ImportError::TooLarge { bytes }),
        Packed::Damaged => Err(ImportError::Damaged { format }),
    }
}

fn raivo_list(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    const FORMAT: Format = Format::Raivo;
    let list: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|_| ImportError::Damaged { format: FORMAT })?;
    Gather::all(FORMAT, &list, watch, Entry::read, |entry: &Entry| {
        label(entry.issuer.as_deref(), entry.account.as_deref())
    })
}

/// An account of Raivo; every value is a text.
#[derive(Deserialize)]
struct Entry {
    issuer: Option<String>,
    account: Option<String>,
    secret: Option<Zeroizing<String>>,
    algorithm: Option<String>,
    #[serde(default)]
    digits: Number,
    kind: Option<String>,
    #[serde(default)]
    timer: Number,
    #[serde(default)]
    counter: Number,
    pinned: Option<Flag>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Said(bool),
    Text(String),
}

impl Entry {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let loose = Loose {
            kind: self.kind.as_deref(),
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer: self.issuer.as_deref(),
            account: self.account.as_deref(),
            algorithm: self.algorithm.as_deref(),
            digits: self.digits,
            period: self.timer,
            counter: self.counter,
            ..Loose::default()
        };
        let pinned = match &self.pinned {
            Some(Flag::Said(pinned)) => *pinned,
            Some(Flag::Text(text)) => text == "true",
            None => false,
        };
        Ok(NewAccount {
            pinned,
            ..NewAccount::plain(loose.read()?)
        })
    }
}
