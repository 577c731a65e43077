//! FreeOTP+ and the first FreeOTP: tokens in JSON, in one list or one by one in Android's preferences.

use std::collections::HashMap;

use couchkey_otp::OtpauthError;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::{Number, signed_bytes};
use super::prefs::{self, Prefs};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

/// FreeOTP+'s export.
pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    const FORMAT: Format = Format::FreeOtpPlus;
    let ours = file.json.has(&["tokens", "tokenOrder"])
        // Broken off after the first list, it has one of the names, and the tokens' own.
        || !file.json.is_whole && file.json.has(&["tokenOrder"]);
    ours.then(|| {
        let export: Export<'_> = serde_json::from_str(file.text.unwrap_or_default())
            .map_err(|_| ImportError::Damaged { format: FORMAT })?;
        Gather::all(FORMAT, &export.tokens, watch, Token::read, Token::label)
    })
}

/// The preferences of FreeOTP and FreeOTP+, which look the same.
pub(super) fn read_prefs(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    const FORMAT: Format = Format::FreeOtp;
    if !prefs::mentions(file, "issuerExt") {
        return None;
    }
    let Some(prefs) = Prefs::read(file) else {
        return Some(Err(ImportError::Damaged { format: FORMAT }));
    };
    let order: Vec<String> = prefs
        .get("tokenOrder")
        .and_then(|order| serde_json::from_str(order).ok())
        .unwrap_or_default();
    let places: HashMap<&str, usize> = order.iter().map(String::as_str).zip(0..).collect();
    let mut tokens: Vec<(&str, &str)> = prefs
        .iter()
        .filter(|(name, value)| *name != "tokenOrder" && value.trim_start().starts_with('{'))
        .collect();
    tokens.sort_by_key(|(name, _)| places.get(name).copied().unwrap_or(usize::MAX));
    Some(gather(FORMAT, &tokens, watch))
}

fn gather(
    format: Format,
    tokens: &[(&str, &str)],
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    let mut gather = Gather::new(format, tokens.len(), watch)?;
    for (name, json) in tokens {
        match serde_json::from_str::<Token>(json) {
            Ok(token) => gather.take(token.read(), || token.label())?,
            Err(_) => gather.take(Err(SkipReason::Damaged), || (*name).to_owned())?,
        }
    }
    Ok(gather.done())
}

#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow)]
    tokens: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    #[serde(rename = "type")]
    kind: Option<String>,
    algo: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
    secret: Option<Zeroizing<Vec<i64>>>,
    label: Option<String>,
    label_alt: Option<String>,
    issuer_ext: Option<String>,
    issuer_int: Option<String>,
    issuer_alt: Option<String>,
}

impl Token {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let secret = self.secret.as_ref().ok_or(OtpauthError::MissingSecret)?;
        let secret = signed_bytes(secret).ok_or(OtpauthError::BadSecret)?;
        let (issuer, account) = self.names();
        // The app counts up before it makes a code, so what it keeps is one behind.
        let counter = self.counter;
        let counter = match counter {
            Number::Whole(counter @ -1..) => match counter.checked_add(1) {
                Some(counter) => Number::Whole(counter),
                None => Number::Unreadable,
            },
            counter => counter,
        };
        let loose = Loose {
            kind: self.kind.as_deref(),
            bytes: Some(&secret),
            issuer,
            account,
            algorithm: self.algo.as_deref(),
            digits: self.digits,
            period: self.period,
            counter,
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }

    /// What a person has changed wins over what the QR code said.
    fn names(&self) -> (Option<&str>, Option<&str>) {
        let issuers = [&self.issuer_alt, &self.issuer_ext, &self.issuer_int];
        let accounts = [&self.label_alt, &self.label];
        (first(&issuers), first(&accounts))
    }

    fn label(&self) -> String {
        let (issuer, account) = self.names();
        label(issuer, account)
    }
}

/// The first that says something.
fn first<'a>(names: &[&'a Option<String>]) -> Option<&'a str> {
    let mut said = names.iter().filter_map(|name| name.as_deref());
    said.find(|name| !name.trim().is_empty())
}
