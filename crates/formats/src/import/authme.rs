//! Authme: its export, in which the accounts are a text of four lines each.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::loose::Loose;
use super::number::{Number, base64};
use super::{Format, Import, ImportError, NewAccount, OtpauthError, SkipReason, Watch};

const FORMAT: Format = Format::Authme;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let ours = file.json.has(&["role", "encrypted", "codes"]);
    ours.then(|| {
        let export: Export =
            serde_json::from_str(file.text.unwrap_or_default()).map_err(|_| DAMAGED)?;
        if export.version > 3 {
            return Err(ImportError::NewerVersion { format: FORMAT });
        }
        // What the app itself keeps, with a key of this one installation.
        if export.encrypted {
            return Err(ImportError::AccountRestricted { format: FORMAT });
        }
        let text = base64(&export.codes).ok_or(DAMAGED)?;
        entries(std::str::from_utf8(&text).map_err(|_| DAMAGED)?, watch)
    })
}

#[derive(Deserialize)]
struct Export {
    encrypted: bool,
    codes: Zeroizing<String>,
    version: u64,
}

/// `Name: …`, `Secret: …`, `Issuer: …`, `Type: …`, each on its line. Several imports may stand in quotes with a comma
/// between them.
fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let mut found: Vec<Entry<'_>> = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_matches(|c| c == '"' || c == ',').trim();
        if line.is_empty() {
            continue;
        }
        let (word, value) = line.split_once(':').unwrap_or((line, ""));
        if word == "Name" || found.is_empty() {
            found.push(Entry::default());
        }
        let entry = found.last_mut().expect("there is one by now");
        let field = match word {
            "Name" => &mut entry.name,
            "Secret" => &mut entry.secret,
            "Issuer" => &mut entry.issuer,
            "Type" => &mut entry.kind,
            _ => {
                entry.is_damaged = true;
                continue;
            }
        };
        // What is said twice has lost a line in between.
        entry.is_damaged |= field.replace(value.trim()).is_some();
    }
    if !found.is_empty() && found.iter().all(|entry| entry.secret.is_none()) {
        return Err(DAMAGED);
    }
    let mut gather = Gather::new(FORMAT, found.len(), watch)?;
    for entry in &found {
        gather.take(entry.read(), || {
            label(entry.issuer().map(|(name, _)| name), entry.name)
        })?;
    }
    Ok(gather.done())
}

#[derive(Default)]
struct Entry<'a> {
    name: Option<&'a str>,
    secret: Option<&'a str>,
    issuer: Option<&'a str>,
    kind: Option<&'a str>,
    is_damaged: bool,
}

impl<'a> Entry<'a> {
    /// The issuer, and what came behind it in the QR code: the app cuts a link at its secret and takes all that follows
    /// for the issuer.
    fn issuer(&self) -> Option<(&'a str, &'a str)> {
        let issuer = self.issuer?;
        Some(
            issuer
                .split_once('&')
                .filter(|(_, rest)| rest.contains('='))
                .unwrap_or((issuer, "")),
        )
    }

    fn read(&self) -> Result<NewAccount, SkipReason> {
        if self.is_damaged {
            return Err(SkipReason::Damaged);
        }
        let kind = match self.kind {
            None | Some("OTP_TOTP") => "totp",
            Some(_) => return Err(OtpauthError::BadType.into()),
        };
        let (issuer, rest) = self.issuer().unzip();
        let rest = rest.unwrap_or_default();
        let get = |wanted: &str| {
            let mut pairs = rest.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let whole = |name: &str| Number::of(get(name));
        let name = |name: Option<&str>| name.map(unescaped);
        let (issuer, account) = (name(issuer), name(self.name));
        let loose = Loose {
            kind: Some(kind),
            base32: self.secret,
            // A missing issuer was filled in with the name.
            issuer: issuer.as_deref().filter(|_| issuer != account),
            account: account.as_deref(),
            algorithm: get("algorithm"),
            digits: whole("digits"),
            period: whole("period"),
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }
}

/// Names come as they stood in a link, or plain from elsewhere.
fn unescaped(name: &str) -> String {
    let decoded = percent_decode_str(name).decode_utf8();
    decoded.map_or_else(|_| name.to_owned(), |name| name.into_owned())
}
