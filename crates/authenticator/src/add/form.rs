//! Manual entry: what a person types in where there is no QR code.

use couchkey_otp::{
    Algorithm, BadName, Counter, Digits, Enrolment, Kind, OtpauthError, Parsed, Period, Secret,
    SecretError, Warning, ascii_digits, clean_name,
};
use couchkey_vault::ChangeError;
use serde::Deserialize;

use crate::{Error, ErrorCode, view::KindWord};

/// What a person types in where there is no QR code.
#[derive(Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ManualForm {
    /// The kind of code.
    pub kind: KindWord,
    /// Who issued it; may be empty.
    pub issuer: String,
    /// The account name; may be empty if there is an issuer.
    pub account: String,
    /// Base32 in any grouping, or a whole otpauth URI.
    pub secret: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// 6 to 8, as it was typed; empty for 6.
    pub digits: String,
    /// 1 to 86,400 seconds, as it was typed; empty for 30.
    pub period: String,
    /// For HOTP, as it was typed; empty for 0.
    pub counter: String,
}

impl Drop for ManualForm {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// A form is an otpauth URI in pieces: the same types check it, in the same order.
pub(super) fn read_form(form: &ManualForm) -> Result<Parsed, Error> {
    let text = form.secret.trim();
    if text.is_empty() {
        return Err(OtpauthError::EmptySecret.into());
    }
    let (secret, noncanonical) = Secret::from_base32(text).map_err(|error| match error {
        SecretError::Empty => OtpauthError::EmptySecret,
        SecretError::TooLong { bytes } => OtpauthError::TooLongSecret { bytes },
        _ => OtpauthError::BadSecret,
    })?;
    let algorithm: Algorithm = form
        .algorithm
        .parse()
        .map_err(|_| OtpauthError::UnsupportedAlgorithm)?;
    let digits =
        typed_number(&form.digits, Digits::SIX.get().into()).ok_or(OtpauthError::BadDigits)?;
    let digits = u8::try_from(digits)
        .ok()
        .and_then(|digits| Digits::new(digits).ok())
        .ok_or(OtpauthError::UnsupportedDigits { digits })?;
    let kind = match form.kind {
        KindWord::Totp => {
            let period = typed_number(&form.period, Period::THIRTY.get().into());
            let period = period.ok_or(OtpauthError::BadPeriod)?;
            let known = u32::try_from(period).ok();
            Kind::Totp {
                period: known
                    .and_then(|period| Period::new(period).ok())
                    .ok_or(OtpauthError::UnsupportedPeriod { period })?,
            }
        }
        KindWord::Steam => Kind::Steam,
        KindWord::Hotp => {
            let counter = typed_number(&form.counter, 0).ok_or(OtpauthError::BadCounter)?;
            Kind::Hotp {
                counter: Counter::new(counter).map_err(|_| OtpauthError::BadCounter)?,
            }
        }
    };
    let mut warnings = Vec::new();
    // The preview shows what will be kept; the vault cleans names again, whoever adds them.
    let mut name = |what, name: &str| {
        let (name, marked) = clean_name(name).map_err(|bad| match bad {
            BadName::Link => ChangeError::LinkInName { what },
            _ => ChangeError::ControlCharacter { what },
        })?;
        if marked && !warnings.contains(&Warning::BidiStripped) {
            warnings.push(Warning::BidiStripped);
        }
        Ok::<_, Error>(name)
    };
    let issuer = Some(name("issuer", &form.issuer)?).filter(|issuer| !issuer.is_empty());
    let account = name("account name", &form.account)?;
    if issuer.is_none() && account.is_empty() {
        return Err(ErrorCode::NameMissing.into());
    }
    if noncanonical {
        warnings.push(Warning::Base32Noncanonical);
    }
    if secret.bits() < 128 {
        warnings.push(Warning::ShortSecret);
    }
    Ok(Parsed {
        enrolment: Enrolment {
            kind,
            secret,
            algorithm,
            digits,
            issuer,
            account,
            label_issuer: None,
        },
        warnings,
        image: None,
    })
}

/// A number as somebody typed it, with digits of any script; where nothing was typed, the usual one. What does not fit is
/// as large as can be, and so out of every range.
fn typed_number(text: &str, usual: u64) -> Option<u64> {
    let text = ascii_digits(text.trim());
    if text.is_empty() {
        return Some(usual);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}
