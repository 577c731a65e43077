//! The loose fields of another app's entry, checked by the rules of an otpauth URI and put together.

use couchkey_otp::{
    Algorithm, Counter, Digits, Enrolment, Kind, OtpauthError, Parsed, Period, Secret, SecretError,
    Warning, holds_link, is_bidi_mark, otpauth,
};
use unicode_normalization::UnicodeNormalization;

use super::SkipReason;
use super::number::Number;

/// One entry as another app keeps it. What is `None` is not said there and takes the default of the otpauth format;
/// what is said and cannot be is an error, because a wrong guess gives wrong codes for ever.
#[derive(Default)]
pub(super) struct Loose<'a> {
    /// The kind of code; `None` stands for TOTP.
    pub kind: Option<&'a str>,
    /// The secret in base32.
    pub base32: Option<&'a str>,
    /// The secret itself, in place of `base32`.
    pub bytes: Option<&'a [u8]>,
    /// Who issued it.
    pub issuer: Option<&'a str>,
    /// The account name; where there is no other issuer and this is `Issuer:name`, it is taken apart.
    pub account: Option<&'a str>,
    /// `SHA1` and its spelled variants.
    pub algorithm: Option<&'a str>,
    /// 6 to 8; for Steam they say nothing.
    pub digits: Number,
    /// In seconds.
    pub period: Number,
    /// Of counter-based codes.
    pub counter: Number,
}

impl Loose<'_> {
    /// The enrolment with its warnings, or why it is none.
    pub(super) fn read(&self) -> Result<Parsed, SkipReason> {
        let mut warnings = Vec::new();
        let kind = self.kind.unwrap_or("totp").trim().to_ascii_lowercase();
        match kind.as_str() {
            "totp" | "hotp" | "steam" => {}
            "motp" | "mobileotp" => return Err(SkipReason::UnsupportedKind { kind: "mOTP" }),
            "yandex" | "yaotp" => return Err(SkipReason::UnsupportedKind { kind: "Yandex" }),
            _ => return Err(OtpauthError::BadType.into()),
        }
        let secret = self.secret(&mut warnings)?;
        let algorithm = self.algorithm(&mut warnings)?;
        let (kind, algorithm, digits) = match kind.as_str() {
            "steam" => (Kind::Steam, Algorithm::Sha1, Digits::SIX),
            "hotp" => {
                let digits = self.digits()?;
                let counter = self.counter()?;
                (Kind::Hotp { counter }, algorithm, digits)
            }
            _ => {
                let digits = self.digits()?;
                let period = self.period()?;
                (Kind::Totp { period }, algorithm, digits)
            }
        };
        let (issuer, account) = self.names(&mut warnings);
        if issuer.as_deref().is_some_and(holds_link) || holds_link(&account) {
            return Err(OtpauthError::LinkInName.into());
        }
        if secret.bits() < 128 {
            warnings.push(Warning::ShortSecret);
        }
        warnings.sort_unstable();
        warnings.dedup();
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

    fn secret(&self, warnings: &mut Vec<Warning>) -> Result<Secret, SkipReason> {
        let refused = |error| {
            SkipReason::Refused(match error {
                SecretError::Empty => OtpauthError::EmptySecret,
                SecretError::TooLong { bytes } => OtpauthError::TooLongSecret { bytes },
                _ => OtpauthError::BadSecret,
            })
        };
        if let Some(bytes) = self.bytes {
            return Secret::from_bytes(bytes).map_err(refused);
        }
        let text = self.base32.ok_or(OtpauthError::MissingSecret)?;
        let (secret, noncanonical) = Secret::from_base32(text).map_err(refused)?;
        if noncanonical {
            warnings.push(Warning::Base32Noncanonical);
        }
        Ok(secret)
    }

    fn algorithm(&self, warnings: &mut Vec<Warning>) -> Result<Algorithm, SkipReason> {
        let Some(text) = self
            .algorithm
            .map(str::trim)
            .filter(|text| !text.is_empty())
        else {
            return Ok(Algorithm::Sha1);
        };
        let algorithm: Algorithm = text
            .parse()
            .map_err(|_| OtpauthError::UnsupportedAlgorithm)?;
        if !text.eq_ignore_ascii_case(algorithm.as_str()) {
            warnings.push(Warning::AlgorithmAlias);
        }
        Ok(algorithm)
    }

    fn digits(&self) -> Result<Digits, SkipReason> {
        let Some(digits) = said(self.digits, OtpauthError::BadDigits)? else {
            return Ok(Digits::SIX);
        };
        let known = u8::try_from(digits).ok();
        let known = known.and_then(|digits| Digits::new(digits).ok());
        Ok(known.ok_or(OtpauthError::UnsupportedDigits { digits })?)
    }

    fn period(&self) -> Result<Period, SkipReason> {
        let Some(period) = said(self.period, OtpauthError::BadPeriod)? else {
            return Ok(Period::THIRTY);
        };
        let known = u32::try_from(period).ok();
        let known = known.and_then(|period| Period::new(period).ok());
        Ok(known.ok_or(OtpauthError::UnsupportedPeriod { period })?)
    }

    fn counter(&self) -> Result<Counter, SkipReason> {
        let counter = said(self.counter, OtpauthError::BadCounter)?;
        let counter = counter.ok_or(OtpauthError::MissingCounter)?;
        Ok(Counter::new(counter).map_err(|_| OtpauthError::BadCounter)?)
    }

    /// Both names as they are kept. An account is not lost over a name: what no name has is left out.
    fn names(&self, warnings: &mut Vec<Warning>) -> (Option<String>, String) {
        let mut clean = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            if name.chars().any(is_bidi_mark) {
                warnings.push(Warning::BidiStripped);
            }
            let kept = name
                .chars()
                .filter(|&c| !c.is_control() && !is_bidi_mark(c));
            kept.nfc().collect::<String>().trim().to_owned()
        };
        let mut issuer = clean(self.issuer);
        let mut account = clean(self.account);
        // "Issuer:name" in one field, as labels and old exports have it.
        if let Some((prefix, rest)) = account.split_once(':') {
            let (prefix, rest) = (prefix.trim(), rest.trim());
            let same = issuer.is_empty() || issuer == prefix;
            if same && !prefix.is_empty() && !rest.is_empty() {
                (issuer, account) = (prefix.to_owned(), rest.to_owned());
            }
        }
        if issuer.is_empty() {
            warnings.push(Warning::NoIssuer);
        }
        if account.is_empty() {
            warnings.push(Warning::NoAccount);
        }
        (Some(issuer).filter(|issuer| !issuer.is_empty()), account)
    }
}

/// The number that is said, if one is; none is negative.
fn said(number: Number, unreadable: OtpauthError) -> Result<Option<u64>, OtpauthError> {
    match number {
        Number::Unsaid => Ok(None),
        Number::Whole(number) => u64::try_from(number).map(Some).map_err(|_| unreadable),
        Number::Unreadable => Err(unreadable),
    }
}

/// A set-up link in an export: an otpauth URI, `steam://SECRET`, or a kind that is known and not made.
pub(super) fn link(uri: &str) -> Result<Parsed, SkipReason> {
    otpauth::read(uri).map_err(|error| match error {
        OtpauthError::UnsupportedType { name } => SkipReason::UnsupportedKind { kind: name },
        error => SkipReason::Refused(error),
    })
}

/// A one-time password as password managers keep it: a link, or the secret alone. The names of the entry around it are
/// taken where the link has none.
pub(super) fn field(
    text: &str,
    issuer: Option<&str>,
    account: Option<&str>,
) -> Result<Parsed, SkipReason> {
    if !text.contains("://") {
        let loose = Loose {
            base32: Some(text),
            issuer,
            account,
            ..Loose::default()
        };
        return loose.read();
    }
    let mut parsed = link(text)?;
    let nameless = parsed.enrolment.account.is_empty();
    if nameless {
        let mut warnings = Vec::new();
        let around = Loose {
            issuer,
            account,
            ..Loose::default()
        };
        let (issuer, account) = around.names(&mut warnings);
        if issuer.as_deref().is_some_and(holds_link) || holds_link(&account) {
            return Err(OtpauthError::LinkInName.into());
        }
        let enrolment = &mut parsed.enrolment;
        // `steam://` names its issuer; the entry's name then tells two of them apart.
        let account = match (&enrolment.issuer, &issuer) {
            (Some(known), Some(name)) if account.is_empty() && known != name => name.clone(),
            _ => account,
        };
        enrolment.issuer = enrolment.issuer.take().or(issuer);
        enrolment.account = account;
        let named = [
            (Warning::NoIssuer, enrolment.issuer.is_some()),
            (Warning::NoAccount, !enrolment.account.is_empty()),
        ];
        parsed
            .warnings
            .retain(|warning| !named.contains(&(*warning, true)));
    }
    Ok(parsed)
}

/// Whether a text begins as one of the links that [`link`] reads.
pub(super) fn is_link(text: &str) -> bool {
    let schemes = ["otpauth://", "apple-otpauth://", "steam://", "motp://"];
    schemes.iter().any(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}
