//! The `otpauth://` URI: what an enrolment QR code says.
//!
//! Reading is strict where a wrong guess would change the codes and lenient where it only changes the looks. Writing
//! spells out every default and avoids whatever a widely used app reads wrongly.

pub use self::read::read;
pub use self::write::write;

/// The longest URI that is read, in bytes. A QR code holds at most 2,953.
pub const MAX_BYTES: usize = 4096;

/// Why a text is not an enrolment that codes can be made from. Where a text has several defects, it is the one whose
/// variant comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtpauthError {
    /// More than [`MAX_BYTES`].
    #[error("this text is {bytes} bytes long, more than any set-up link has")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not start with `otpauth://`.
    #[error("this is not a set-up code for one-time passwords")]
    NotOtpauth,
    /// It is an `otpauth-migration:` URI: see [`migration::read`](crate::migration::read).
    #[error("this is an export of Google Authenticator, not a single account")]
    MigrationUri,
    /// What stands where `totp` or `hotp` should be is nothing that is in use.
    #[error("this set-up code does not say what kind of codes it is for")]
    BadType,
    /// A kind of code that we do not make.
    #[error(
        "this set-up code is for {name} codes, which Couchkey does not make from a link like this"
    )]
    UnsupportedType {
        /// Whose codes they are.
        name: &'static str,
    },
    /// A parameter is there twice, with different values.
    #[error("this set-up code contradicts itself: it gives two values for one thing")]
    DuplicateParameter,
    /// There is no `secret` parameter.
    #[error("this set-up code has no secret key in it")]
    MissingSecret,
    /// The secret is empty.
    #[error("the secret key in this set-up code is empty")]
    EmptySecret,
    /// The secret is not base32, or too short for a byte.
    #[error("the secret key in this set-up code is damaged")]
    BadSecret,
    /// The secret is longer than [`Secret::MAX_BYTES`](crate::Secret::MAX_BYTES).
    #[error("the secret key in this set-up code is {bytes} bytes long; 512 is the most")]
    TooLongSecret {
        /// Its length.
        bytes: usize,
    },
    /// Not SHA1, SHA256 or SHA512.
    #[error("this set-up code asks for an algorithm that Couchkey does not know")]
    UnsupportedAlgorithm,
    /// The number of digits is not a number.
    #[error("this set-up code does not say clearly how many digits its codes have")]
    BadDigits,
    /// Not 6 to 8 digits (5 for Steam).
    #[error("this set-up code asks for codes of {digits} digits, which is not possible")]
    UnsupportedDigits {
        /// The number; `u64::MAX` stands for anything larger too.
        digits: u64,
    },
    /// The period is not a number.
    #[error("this set-up code does not say clearly how often its codes change")]
    BadPeriod,
    /// Not 1 to 86,400 seconds (30 for Steam).
    #[error("this set-up code asks for a new code every {period} seconds, which is not possible")]
    UnsupportedPeriod {
        /// The number; `u64::MAX` stands for anything larger too.
        period: u64,
    },
    /// An HOTP enrolment without its counter.
    #[error("this set-up code does not say at which counter its codes begin")]
    MissingCounter,
    /// The counter is not a number, or more than 2⁶³ − 1.
    #[error("the counter in this set-up code cannot be read")]
    BadCounter,
    /// Control characters in a name.
    #[error("the name in this set-up code has characters in it that no name has")]
    BadLabel,
}

impl OtpauthError {
    /// The name of the variant, as in the table of test vectors.
    pub const fn class(&self) -> &'static str {
        self.names().0
    }

    /// The stable name of this error, in snake_case.
    pub const fn code(&self) -> &'static str {
        self.names().1
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        self.names().2
    }

    const fn names(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::TooLong { .. } => (
                "TooLong",
                "too_long",
                "Check that only the set-up link was copied, and no other text with it.",
            ),
            Self::NotOtpauth => (
                "NotOtpauth",
                "not_otpauth",
                "Look for the QR code or link on the service's page for two-step sign-in; it starts with otpauth://.",
            ),
            Self::MigrationUri => (
                "MigrationUri",
                "migration_uri",
                "Add it as an export of Google Authenticator: it can hold several accounts.",
            ),
            Self::BadType => (
                "BadType",
                "bad_type",
                "Show the QR code once more at the service, or enter the secret key by hand.",
            ),
            Self::UnsupportedType { .. } => (
                "UnsupportedType",
                "unsupported_type",
                "Ask the service for a code for standard authenticator apps. A Steam key can be entered by hand, as \
                 kind Steam.",
            ),
            Self::DuplicateParameter => (
                "DuplicateParameter",
                "duplicate_parameter",
                "Show the QR code once more at the service; if it comes out the same, enter the secret key by hand.",
            ),
            Self::MissingSecret => (
                "MissingSecret",
                "missing_secret",
                "Show the QR code once more at the service, or enter the secret key by hand.",
            ),
            Self::EmptySecret => (
                "EmptySecret",
                "empty_secret",
                "Show the QR code once more at the service, or enter the secret key by hand.",
            ),
            Self::BadSecret => (
                "BadSecret",
                "bad_secret",
                "Copy it once more. A key is made of the letters A to Z and the figures 2 to 7: look for 0 in place of \
                 O, 1 in place of I or L, 8 in place of B.",
            ),
            Self::TooLongSecret { .. } => (
                "TooLongSecret",
                "too_long_secret",
                "Check that only the set-up link was copied, and no other text with it.",
            ),
            Self::UnsupportedAlgorithm => (
                "UnsupportedAlgorithm",
                "unsupported_algorithm",
                "Ask the service for SHA1, SHA256 or SHA512. With any other the codes would be wrong.",
            ),
            Self::BadDigits | Self::UnsupportedDigits { .. } => (
                if matches!(self, Self::BadDigits) {
                    "BadDigits"
                } else {
                    "UnsupportedDigits"
                },
                if matches!(self, Self::BadDigits) {
                    "bad_digits"
                } else {
                    "unsupported_digits"
                },
                "Codes have 6 to 8 digits, Steam's have 5 characters. Show the QR code once more at the service, or \
                 enter the secret key by hand.",
            ),
            Self::BadPeriod | Self::UnsupportedPeriod { .. } => (
                if matches!(self, Self::BadPeriod) {
                    "BadPeriod"
                } else {
                    "UnsupportedPeriod"
                },
                if matches!(self, Self::BadPeriod) {
                    "bad_period"
                } else {
                    "unsupported_period"
                },
                "Codes change every 1 to 86,400 seconds, nearly always every 30. Show the QR code once more at the \
                 service, or enter the secret key by hand.",
            ),
            Self::MissingCounter => (
                "MissingCounter",
                "missing_counter",
                "Ask the service for the counter and enter the secret key by hand; for a new account it is 0.",
            ),
            Self::BadCounter => (
                "BadCounter",
                "bad_counter",
                "Ask the service for the counter and enter the secret key by hand; for a new account it is 0.",
            ),
            Self::BadLabel => (
                "BadLabel",
                "bad_label",
                "Enter the secret key by hand and give the account a name of your own.",
            ),
        }
    }
}

mod read {
    //! Text to enrolment.
    use zeroize::Zeroizing;

    use super::{MAX_BYTES, OtpauthError};
    use crate::{
        Algorithm, Counter, Digits, Enrolment, Kind, Parsed, Period, Secret, SecretError, Warning,
        label, steam,
    };

    /// Reads an `otpauth://totp/…`, `otpauth://hotp/…` or `otpauth://steam/…` URI, or a bare `steam://SECRET`.
    ///
    /// # Errors
    ///
    /// [`OtpauthError`]; it never quotes the text, which holds a secret.
    pub fn read(uri: &str) -> Result<Parsed, OtpauthError> {
        // Clipboards, text files and QR generators leave blanks, line ends and byte order marks around a URI.
        let uri = uri.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
        if uri.len() > MAX_BYTES {
            return Err(OtpauthError::TooLong { bytes: uri.len() });
        }
        if let Some(secret) = strip_prefix(uri, "steam://") {
            return steam_uri(secret);
        }
        if strip_prefix(uri, "motp://").is_some() {
            return Err(OtpauthError::UnsupportedType { name: "mOTP" });
        }
        if strip_prefix(uri, "otpauth-migration:").is_some() {
            return Err(OtpauthError::MigrationUri);
        }
        let rest = strip_prefix(uri, "otpauth://").ok_or(OtpauthError::NotOtpauth)?;

        // Not a generic URL parser: it would cut a label at `#` and refuse a bare `%`, and both are in use.
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (word, label) = path.split_once('/').unwrap_or((path, ""));
        let word = Word::read(word)?;
        let mut warnings = Vec::new();
        let query = Query::read(query, &mut warnings)?;
        let word = query.refine(word)?;

        let secret = secret(
            query.get("secret").ok_or(OtpauthError::MissingSecret)?,
            &mut warnings,
        )?;
        let algorithm = algorithm(&query, &mut warnings)?;
        let (kind, algorithm, digits) = match word {
            Word::Totp => {
                let digits = digits(&query)?;
                (
                    Kind::Totp {
                        period: period(&query)?,
                    },
                    algorithm,
                    digits,
                )
            }
            Word::Hotp => {
                let digits = digits(&query)?;
                (
                    Kind::Hotp {
                        counter: counter(&query)?,
                    },
                    algorithm,
                    digits,
                )
            }
            Word::Steam => {
                fixed_by_steam(&query, algorithm)?;
                (Kind::Steam, Algorithm::Sha1, Digits::SIX)
            }
        };

        let issuer = query.value("issuer");
        if issuer.is_some_and(|issuer| issuer.bad_percent) {
            warnings.push(Warning::BadPercent);
        }
        let issuer = issuer.map(|issuer| issuer.text.to_string());
        let names = label::read_encoded(label, issuer, &mut warnings)
            .map_err(|_| OtpauthError::BadLabel)?;
        let image = query
            .get("image")
            .filter(|image| !image.is_empty())
            .map(str::to_owned);
        Ok(parsed(
            kind, secret, algorithm, digits, names, warnings, image,
        ))
    }

    /// `steam://SECRET`, as password managers keep it. The scheme says who issued it.
    fn steam_uri(text: &str) -> Result<Parsed, OtpauthError> {
        let mut warnings = vec![Warning::NoAccount];
        let secret = secret(text, &mut warnings)?;
        let names = label::Names {
            issuer: Some("Steam".to_owned()),
            account: String::new(),
            label_issuer: None,
        };
        Ok(parsed(
            Kind::Steam,
            secret,
            Algorithm::Sha1,
            Digits::SIX,
            names,
            warnings,
            None,
        ))
    }

    pub(crate) fn parsed(
        kind: Kind,
        secret: Secret,
        algorithm: Algorithm,
        digits: Digits,
        names: label::Names,
        mut warnings: Vec<Warning>,
        image: Option<String>,
    ) -> Parsed {
        // RFC 4226, section 4, R6: "The length of the shared secret MUST be at least 128 bits." Many services issue 80.
        if secret.bits() < 128 {
            warnings.push(Warning::ShortSecret);
        }
        warnings.sort_unstable();
        warnings.dedup();
        let label::Names {
            issuer,
            account,
            label_issuer,
        } = names;
        Parsed {
            enrolment: Enrolment {
                kind,
                secret,
                algorithm,
                digits,
                issuer,
                account,
                label_issuer,
            },
            warnings,
            image,
        }
    }

    /// What stands where other URIs have a host.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Word {
        Totp,
        Hotp,
        Steam,
    }

    impl Word {
        fn read(word: &str) -> Result<Word, OtpauthError> {
            match word.to_ascii_lowercase().as_str() {
                "totp" => Ok(Word::Totp),
                "hotp" => Ok(Word::Hotp),
                "steam" => Ok(Word::Steam),
                "yaotp" => Err(OtpauthError::UnsupportedType { name: "Yandex" }),
                "motp" => Err(OtpauthError::UnsupportedType { name: "mOTP" }),
                _ => Err(OtpauthError::BadType),
            }
        }
    }

    /// The parameters that mean something, decoded, each once.
    struct Query(Vec<(&'static str, Value)>);

    struct Value {
        text: Zeroizing<String>,
        bad_percent: bool,
    }

    const KNOWN: [&str; 9] = [
        "secret",
        "issuer",
        "algorithm",
        "digits",
        "period",
        "counter",
        "encoder",
        "steam",
        "image",
    ];

    impl Query {
        fn read(query: &str, warnings: &mut Vec<Warning>) -> Result<Query, OtpauthError> {
            let mut values: Vec<(&'static str, Value)> = Vec::with_capacity(KNOWN.len());
            for part in query.split('&') {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                let (name, _) = label::percent_decode(name);
                let Some(name) = KNOWN
                    .into_iter()
                    .find(|known| known.eq_ignore_ascii_case(&name))
                else {
                    continue;
                };
                // A query is form-encoded, where `+` is a blank; in the path it is a plus.
                let spaced = Zeroizing::new(value.replace('+', " "));
                let (text, bad_percent) = label::percent_decode(&spaced);
                match values.iter().find(|(known, _)| *known == name) {
                    None => values.push((name, Value { text, bad_percent })),
                    Some((_, first)) if *first.text == *text => {
                        warnings.push(Warning::DuplicateParameter)
                    }
                    Some(_) => return Err(OtpauthError::DuplicateParameter),
                }
            }
            Ok(Query(values))
        }

        fn value(&self, name: &str) -> Option<&Value> {
            self.0
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value)
        }

        fn get(&self, name: &str) -> Option<&str> {
            self.value(name).map(|value| value.text.as_str())
        }

        /// Two apps mark a Steam account as `totp` with a parameter; read as TOTP its codes would be wrong. See
        /// docs/decisions/0010-steam-enrolments.md.
        fn refine(&self, word: Word) -> Result<Word, OtpauthError> {
            let encoder = self.get("encoder").unwrap_or("").trim();
            if !encoder.is_empty()
                && !(word == Word::Steam && encoder.eq_ignore_ascii_case("steam"))
            {
                let steam = encoder.eq_ignore_ascii_case("steam");
                return Err(OtpauthError::UnsupportedType {
                    name: if steam { "Steam" } else { "unusual" },
                });
            }
            match self.get("steam") {
                Some("" | "1" | "true") if word == Word::Totp => Ok(Word::Steam),
                _ => Ok(word),
            }
        }
    }

    fn secret(text: &str, warnings: &mut Vec<Warning>) -> Result<Secret, OtpauthError> {
        let (secret, noncanonical) = Secret::from_base32(text).map_err(|error| match error {
            SecretError::Empty => OtpauthError::EmptySecret,
            SecretError::BadCharacter | SecretError::CutShort => OtpauthError::BadSecret,
            SecretError::TooLong { bytes } => OtpauthError::TooLongSecret { bytes },
        })?;
        if noncanonical {
            warnings.push(Warning::Base32Noncanonical);
        }
        Ok(secret)
    }

    fn algorithm(query: &Query, warnings: &mut Vec<Warning>) -> Result<Algorithm, OtpauthError> {
        let Some(text) = query.get("algorithm") else {
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

    fn digits(query: &Query) -> Result<Digits, OtpauthError> {
        let Some(text) = query.get("digits") else {
            return Ok(Digits::SIX);
        };
        let digits = number(text).ok_or(OtpauthError::BadDigits)?;
        u8::try_from(digits)
            .ok()
            .and_then(|digits| Digits::new(digits).ok())
            .ok_or(OtpauthError::UnsupportedDigits { digits })
    }

    fn period(query: &Query) -> Result<Period, OtpauthError> {
        let Some(text) = query.get("period") else {
            return Ok(Period::THIRTY);
        };
        let period = number(text).ok_or(OtpauthError::BadPeriod)?;
        u32::try_from(period)
            .ok()
            .and_then(|period| Period::new(period).ok())
            .ok_or(OtpauthError::UnsupportedPeriod { period })
    }

    fn counter(query: &Query) -> Result<Counter, OtpauthError> {
        let text = query.get("counter").ok_or(OtpauthError::MissingCounter)?;
        let counter = number(text).ok_or(OtpauthError::BadCounter)?;
        Counter::new(counter).map_err(|_| OtpauthError::BadCounter)
    }

    /// Steam has one algorithm, number of characters and period. Another is either a mistake or not Steam.
    fn fixed_by_steam(query: &Query, algorithm: Algorithm) -> Result<(), OtpauthError> {
        if algorithm != Algorithm::Sha1 {
            return Err(OtpauthError::UnsupportedAlgorithm);
        }
        if let Some(text) = query.get("digits") {
            let digits = number(text).ok_or(OtpauthError::BadDigits)?;
            if digits != u64::from(steam::CHARACTERS) {
                return Err(OtpauthError::UnsupportedDigits { digits });
            }
        }
        if let Some(text) = query.get("period") {
            let period = number(text).ok_or(OtpauthError::BadPeriod)?;
            if period != u64::from(Period::THIRTY.get()) {
                return Err(OtpauthError::UnsupportedPeriod { period });
            }
        }
        Ok(())
    }

    /// ASCII digits and nothing else; what does not fit is as large as can be, and so out of every range.
    fn number(text: &str) -> Option<u64> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(text.parse().unwrap_or(u64::MAX))
    }

    /// ASCII case does not matter in a scheme (RFC 3986, section 3.1).
    fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
        let head = text.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix)
            .then(|| &text[prefix.len()..])
    }
}

mod write {
    //! Enrolment to text.
    use std::fmt::Write;

    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    use zeroize::Zeroizing;

    use super::MAX_BYTES;
    use crate::{Enrolment, Kind, label, steam};

    /// Everything but the unreserved characters of RFC 3986, section 2.3; so a blank is `%20`, never `+`.
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');

    /// How long a name may be when encoded: two issuers, an account name, the longest secret and the rest fit
    /// [`MAX_BYTES`], so that what we write can always be read.
    const MAX_NAME: usize = 1000;

    /// Writes what the most readers understand: every default spelled out, the issuer the same in both places, no
    /// colon inside a name (colons are taken out), names in NFC, `%20` for a blank, no padding, no image.
    ///
    /// # Security
    ///
    /// The text holds the secret: for a QR code or an export that the person has asked for.
    pub fn write(enrolment: &Enrolment) -> Zeroizing<String> {
        let issuer = enrolment
            .issuer
            .as_deref()
            .map(|issuer| label::for_writing(issuer, MAX_NAME));
        let issuer = issuer.filter(|issuer| !issuer.is_empty());
        let account = label::for_writing(&enrolment.account, MAX_NAME);

        // One capacity for all: growing would leave unwiped copies of the secret behind.
        let mut uri = Zeroizing::new(String::with_capacity(MAX_BYTES));
        uri.push_str("otpauth://");
        uri.push_str(enrolment.kind.word());
        uri.push('/');
        if let Some(issuer) = &issuer {
            uri.extend(utf8_percent_encode(issuer, RESERVED));
            uri.push(':');
        }
        uri.extend(utf8_percent_encode(&account, RESERVED));
        uri.push_str("?secret=");
        uri.push_str(&enrolment.secret.to_base32());
        if let Some(issuer) = &issuer {
            uri.push_str("&issuer=");
            uri.extend(utf8_percent_encode(issuer, RESERVED));
        }
        let digits = enrolment.digits.get();
        let algorithm = enrolment.algorithm;
        match enrolment.kind {
            Kind::Totp { period } => {
                write!(
                    uri,
                    "&algorithm={algorithm}&digits={digits}&period={}",
                    period.get()
                )
            }
            Kind::Hotp { counter } => {
                write!(
                    uri,
                    "&algorithm={algorithm}&digits={digits}&counter={}",
                    counter.get()
                )
            }
            // As Ente and Aegis write it.
            Kind::Steam => write!(
                uri,
                "&algorithm=SHA1&digits={}&period=30",
                steam::CHARACTERS
            ),
        }
        .expect("a String takes all that is written to it");
        uri
    }
}

pub(crate) use self::read::parsed;
