//! 2FAuth: its JSON export, never encrypted.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::TwoFAuth;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const NEWEST: i64 = 1;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    let ours = file.json.has(&["app"]) && text.contains("\"2fauth_");
    ours.then(|| {
        let export: Export<'_> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
        if export.schema.is_some_and(|schema| schema > NEWEST) {
            return Err(ImportError::NewerVersion { format: FORMAT });
        }
        Gather::all(FORMAT, &export.data, watch, Entry::read, |entry: &Entry| {
            label(entry.service.as_deref(), entry.account.as_deref())
        })
    })
}

#[derive(Deserialize)]
struct Export<'a> {
    schema: Option<i64>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    otp_type: Option<String>,
    service: Option<String>,
    account: Option<String>,
    secret: Option<Zeroizing<String>>,
    algorithm: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
}

impl Entry {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let kind = match self.otp_type.as_deref() {
            Some("steamtotp") => Some("steam"),
            kind => kind,
        };
        let loose = Loose {
            kind,
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer: self.service.as_deref(),
            account: self.account.as_deref(),
            algorithm: self.algorithm.as_deref(),
            digits: self.digits,
            period: self.period,
            counter: self.counter,
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }
}
