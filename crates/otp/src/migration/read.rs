//! Parses an `otpauth-migration://` URI: text to accounts.
use data_encoding::BASE64_NOPAD;
use prost::Message;
use zeroize::Zeroizing;

use super::{
    Batch, Entry, MAX_BYTES, MAX_ENTRIES, MigrationError, Payload, Skipped, SkippedReason, VERSION,
};
use crate::{
    Algorithm, Counter, Digits, Kind, Parsed, Period, Secret, SecretError, label, otpauth,
};

/// Reads one batch, `otpauth-migration://offline?data=…`.
///
/// # Errors
///
/// [`MigrationError`], where the batch as a whole cannot be read; it never quotes the text, which holds secrets. An
/// entry that cannot be used does not stop the others: see [`Batch::entries`].
pub fn read(uri: &str) -> Result<Batch, MigrationError> {
    let uri = uri.trim_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    if uri.len() > MAX_BYTES {
        return Err(MigrationError::TooLong { bytes: uri.len() });
    }
    let payload = Payload::decode(data(uri)?.as_slice()).map_err(|_| MigrationError::BadData)?;
    if !(0..=VERSION).contains(&payload.version) {
        return Err(MigrationError::NewerVersion {
            version: payload.version,
        });
    }
    if payload.entries.len() > MAX_ENTRIES {
        return Err(MigrationError::TooManyEntries {
            entries: payload.entries.len(),
        });
    }
    let (part, of) =
        part(payload.batch_index, payload.batch_size).ok_or(MigrationError::BadPart)?;
    Ok(Batch {
        part,
        of,
        batch_id: payload.batch_id,
        entries: payload.entries.iter().map(entry).collect(),
    })
}

/// The bytes of the message.
fn data(uri: &str) -> Result<Zeroizing<Vec<u8>>, MigrationError> {
    const SCHEME: &str = "otpauth-migration://";
    let head = uri
        .get(..SCHEME.len())
        .ok_or(MigrationError::NotMigration)?;
    if !head.eq_ignore_ascii_case(SCHEME) {
        return Err(MigrationError::NotMigration);
    }
    let (host, query) = uri[SCHEME.len()..]
        .split_once('?')
        .unwrap_or((&uri[SCHEME.len()..], ""));
    if !host.trim_end_matches('/').eq_ignore_ascii_case("offline") {
        return Err(MigrationError::NotMigration);
    }
    let value = query
        .split('&')
        .find_map(|part| {
            part.split_once('=')
                .filter(|(name, _)| name.eq_ignore_ascii_case("data"))
        })
        .map_or("", |(_, value)| value);

    // A `+` of base64 arrives as it is, escaped, or as a blank when somebody on the way took the query for a form.
    // Padding, line ends and the URL-safe alphabet change no bit either.
    let (text, _) = label::percent_decode(value);
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    base64.extend(
        text.trim_end_matches('=')
            .chars()
            .filter(|c| !matches!(c, '\r' | '\n'))
            .map(|c| match c {
                ' ' | '-' => '+',
                '_' => '/',
                c => c,
            }),
    );
    if base64.is_empty() {
        return Err(MigrationError::MissingData);
    }
    let length = BASE64_NOPAD
        .decode_len(base64.len())
        .map_err(|_| MigrationError::BadData)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    BASE64_NOPAD
        .decode_mut(base64.as_bytes(), &mut bytes)
        .map_err(|_| MigrationError::BadData)?;
    Ok(bytes)
}

/// From an index that starts at 0 to a part that starts at 1. A batch that counts nothing is the only one.
fn part(index: i32, size: i32) -> Option<(u32, u32)> {
    let index = u32::try_from(index).ok()?;
    let of = u32::try_from(size).ok()?.max(1);
    (index < of && of as usize <= MAX_ENTRIES).then_some((index + 1, of))
}

fn entry(entry: &Entry) -> Result<Parsed, Skipped> {
    account(entry).map_err(|reason| Skipped {
        label: label_of(entry),
        reason,
    })
}

fn account(entry: &Entry) -> Result<Parsed, SkippedReason> {
    let secret = Secret::from_bytes(&entry.secret).map_err(|error| match error {
        SecretError::TooLong { bytes } => SkippedReason::TooLongSecret { bytes },
        _ => SkippedReason::EmptySecret,
    })?;
    let algorithm = match entry.algorithm {
        0 | 1 => Algorithm::Sha1,
        2 => Algorithm::Sha256,
        3 => Algorithm::Sha512,
        4 => return Err(SkippedReason::Md5),
        _ => return Err(SkippedReason::UnsupportedAlgorithm),
    };
    let digits = match entry.digits {
        0 | 1 => Digits::SIX,
        2 => Digits::EIGHT,
        _ => return Err(SkippedReason::UnsupportedDigits),
    };
    let kind = match entry.kind {
        1 => {
            let counter = u64::try_from(entry.counter).map_err(|_| SkippedReason::BadCounter)?;
            Kind::Hotp {
                counter: Counter::new(counter).map_err(|_| SkippedReason::BadCounter)?,
            }
        }
        0 | 2 => Kind::Totp {
            period: Period::THIRTY,
        },
        _ => return Err(SkippedReason::UnsupportedType),
    };
    let mut warnings = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let names = label::read_plain(text(&entry.name), Some(text(&entry.issuer)), &mut warnings)
        .map_err(|_| SkippedReason::BadLabel)?;
    Ok(otpauth::parsed(
        kind, secret, algorithm, digits, names, warnings, None,
    ))
}

/// What to call an entry that is no account: its names, as far as they can be shown.
fn label_of(entry: &Entry) -> String {
    let issuer = label::for_display(&String::from_utf8_lossy(&entry.issuer));
    let name = label::for_display(&String::from_utf8_lossy(&entry.name));
    if issuer.is_empty()
        || name
            .strip_prefix(&issuer)
            .is_some_and(|rest| rest.starts_with(':'))
    {
        name
    } else {
        format!("{issuer}:{name}")
    }
}
