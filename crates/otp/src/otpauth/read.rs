//! Parses an `otpauth://` URI: text to enrolment.
use zeroize::Zeroizing;

use super::{MAX_BYTES, OtpauthError, other_app};
use crate::{
    Algorithm, Counter, Digits, Enrolment, Kind, Parsed, Period, Secret, SecretError, Warning,
    label::{self, BadName},
    steam,
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
    let mut warnings = Vec::new();
    let rest = match strip_prefix(uri, "apple-otpauth://") {
        Some(rest) => {
            warnings.push(Warning::LinkMended);
            rest
        }
        None => strip_prefix(uri, "otpauth://").ok_or_else(|| {
            let app = other_app::of(uri);
            app.map_or(OtpauthError::NotOtpauth, |app| OtpauthError::OtherApp {
                app,
            })
        })?,
    };

    // Not a generic URL parser: it would cut a label at `#` and refuse a bare `%`, and both are in use.
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (word, label) = path.split_once('/').unwrap_or((path, ""));
    let word = Word::read(word)?;
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
    let names = label::read_encoded(label, issuer, &mut warnings).map_err(|error| match error {
        BadName::ControlCharacter => OtpauthError::BadLabel,
        BadName::Link => OtpauthError::LinkInName,
    })?;
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
struct Query {
    values: Vec<(&'static str, Value)>,
    /// Ente wrote it: no other app has the parameter `codeDisplay`.
    is_of_ente: bool,
}

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

/// Those without which the codes would be others.
const DECIDING: [&str; 6] = [
    "secret",
    "algorithm",
    "digits",
    "period",
    "counter",
    "encoder",
];

/// The name of a parameter, as somebody wrote it.
enum Name {
    /// As it should be.
    Exact(&'static str),
    /// A known one with something stuck to it that no name has: `amp;digits` after `&` became `&amp;`.
    Stuck(&'static str),
    /// One that decides the codes with more letters around it: it may be that one, or something else.
    Like(&'static str),
    /// Anything else; it changes nothing.
    Unknown,
}

impl Name {
    fn of(name: &str) -> Name {
        let is = |text: &str| {
            KNOWN
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(text))
        };
        if let Some(known) = is(name) {
            return Name::Exact(known);
        }
        let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let mut words = name
            .split(|c: char| !is_letter(c))
            .filter(|word| !word.is_empty());
        if let Some(known) = words.clone().find_map(is)
            && words.all(|word| is(word).is_some() || is_entity(word))
        {
            return Name::Stuck(known);
        }
        let lower = name.to_ascii_lowercase();
        let like = DECIDING
            .into_iter()
            .find(|known| lower.ends_with(known) || lower.starts_with(known));
        like.map_or(Name::Unknown, Name::Like)
    }
}

/// What stands between `&` and `;` in HTML's spellings of `&` itself.
fn is_entity(word: &str) -> bool {
    ["amp", "38", "x26"]
        .iter()
        .any(|entity| entity.eq_ignore_ascii_case(word))
}

/// The parts of a query with what stands before each. `?` and `;` separate too where the name of a known parameter and
/// its `=` come behind them: some writers take them for `&`.
fn parts(query: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let mut rest = Some((query, None));
    std::iter::from_fn(move || {
        let (text, before) = rest?;
        let next = text.char_indices().find(|&(at, c)| match c {
            '&' => true,
            '?' | ';' => {
                let behind = text[at + 1..].split_once('=').map(|(name, _)| name.trim());
                behind
                    .is_some_and(|name| KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)))
            }
            _ => false,
        });
        Some(match next {
            Some((at, c)) => {
                rest = Some((&text[at + 1..], Some(c)));
                (&text[..at], before)
            }
            None => {
                rest = None;
                (text, before)
            }
        })
    })
}

impl Query {
    fn read(query: &str, warnings: &mut Vec<Warning>) -> Result<Query, OtpauthError> {
        let mut values: Vec<(&'static str, Value)> = Vec::with_capacity(KNOWN.len());
        let mut is_of_ente = false;
        let mut odd = Vec::new();
        for (part, separator) in parts(query) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, _) = label::percent_decode(name);
            let name = match Name::of(&name) {
                Name::Exact(name) => {
                    if separator != Some('&') && separator.is_some() {
                        warnings.push(Warning::LinkMended);
                    }
                    name
                }
                Name::Stuck(name) => {
                    warnings.push(Warning::LinkMended);
                    name
                }
                Name::Like(name) => {
                    odd.push(name);
                    continue;
                }
                Name::Unknown => {
                    is_of_ente |= name.eq_ignore_ascii_case("codeDisplay");
                    continue;
                }
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
        // Dropping it could change the codes; where the right one is there too, it is something else.
        let is_there = |odd: &&str| values.iter().any(|(name, _)| name == odd);
        if !odd.iter().all(is_there) {
            return Err(OtpauthError::OddParameter);
        }
        Ok(Query { values, is_of_ente })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values
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
        match self.get("encoder").map(str::trim).unwrap_or("") {
            "" => {}
            encoder if encoder.eq_ignore_ascii_case("steam") => {
                if word != Word::Steam {
                    return Err(OtpauthError::UnsupportedType { name: "Steam" });
                }
            }
            _ => return Err(OtpauthError::UnsupportedType { name: "unusual" }),
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
    let text = match query.get("counter") {
        Some(text) => text,
        // Ente counts from 0, and leaves it out until a code was used.
        None if query.is_of_ente => "0",
        None => return Err(OtpauthError::MissingCounter),
    };
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
