//! The label: issuer and account name, taken apart when read and put together when written.
use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::Warning;

/// The names of an enrolment.
pub(crate) struct Names {
    pub issuer: Option<String>,
    pub account: String,
    pub label_issuer: Option<String>,
}

/// Why a name is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BadName {
    /// There is a control character in it: a line end, a tab, an escape.
    ControlCharacter,
    /// There is a set-up link in it, and so a secret.
    Link,
}

/// The longest name that is kept, in characters.
const MAX_CHARS: usize = 256;

/// The names in a percent-encoded label, as it stands in a URI.
pub(crate) fn read_encoded(
    label: &str,
    issuer: Option<String>,
    warnings: &mut Vec<Warning>,
) -> Result<Names, BadName> {
    let mut decode = |part: &str| {
        let (text, bad_percent) = percent_decode(part);
        if bad_percent {
            warnings.push(Warning::BadPercent);
        }
        text.to_string()
    };
    let whole = decode(label);
    let raw_parts = label
        .split_once(':')
        .map(|(prefix, rest)| (decode(prefix), decode(rest)));
    read(whole, raw_parts, issuer, warnings)
}

/// The names in a label that is plain text.
pub(crate) fn read_plain(
    label: String,
    issuer: Option<String>,
    warnings: &mut Vec<Warning>,
) -> Result<Names, BadName> {
    read(label, None, issuer, warnings)
}

/// Where the issuer ends is a guess that apps make differently. In order: the issuer parameter itself, if the label
/// starts with it; the first colon that was written as one; the first colon that was written as `%3A`.
fn read(
    whole: String,
    raw_parts: Option<(String, String)>,
    issuer: Option<String>,
    warnings: &mut Vec<Warning>,
) -> Result<Names, BadName> {
    let mut clean = |name: String| clean(name, warnings);
    let issuer = issuer
        .map(&mut clean)
        .transpose()?
        .filter(|issuer| !issuer.is_empty());
    let whole = clean(whole)?;
    let raw_parts = match raw_parts {
        Some((prefix, rest)) => Some((clean(prefix)?, clean(rest)?)),
        None => None,
    };

    let after_issuer = issuer
        .as_ref()
        .and_then(|issuer| whole.strip_prefix(issuer.as_str())?.strip_prefix(':'));
    let (prefix, account) = match (after_issuer, raw_parts) {
        (Some(rest), _) => (String::new(), rest.trim().to_owned()),
        (None, Some(parts)) => parts,
        (None, None) => match whole.split_once(':') {
            Some((prefix, rest)) => (prefix.trim().to_owned(), rest.trim().to_owned()),
            None => (String::new(), whole),
        },
    };
    let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
    let (issuer, label_issuer) = match (issuer, prefix) {
        // Ente writes `+` for a blank in the path too.
        (Some(issuer), Some(prefix)) if prefix != issuer && prefix.replace('+', " ") != issuer => {
            (Some(issuer), Some(prefix))
        }
        (Some(issuer), _) => (Some(issuer), None),
        (None, prefix) => (prefix, None),
    };

    let names = Names {
        issuer: issuer.map(|issuer| cut(issuer, warnings)),
        label_issuer: label_issuer.map(|issuer| cut(issuer, warnings)),
        account: cut(account, warnings),
    };
    let odd = [
        (names.issuer.is_none(), Warning::NoIssuer),
        (names.account.is_empty(), Warning::NoAccount),
        (names.account.contains(':'), Warning::ExtraColon),
        (names.label_issuer.is_some(), Warning::IssuerMismatch),
    ];
    warnings.extend(
        odd.into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, warning)| warning),
    );
    Ok(names)
}

/// A name as every name is kept, wherever it comes from: in NFC, so that it has one spelling in the app; without blanks
/// around it and without the marks with which one name can pose as another. Also says whether there were such marks.
///
/// ```
/// use couchkey_otp::clean_name;
///
/// let (name, marked) = clean_name(" TV\u{202e}knaB ").expect("no control characters");
/// assert_eq!((name.as_str(), marked), ("TVknaB", true));
/// assert!(clean_name("TV\tBank").is_err());
/// ```
///
/// # Errors
///
/// [`BadName`]: no name has that in it, so something else was meant.
pub fn clean_name(name: &str) -> Result<(String, bool), BadName> {
    if name.chars().any(char::is_control) {
        return Err(BadName::ControlCharacter);
    }
    let kept = name.chars().filter(|c| !is_bidi_mark(*c));
    let clean = kept.nfc().collect::<String>().trim().to_owned();
    if holds_link(&clean) {
        return Err(BadName::Link);
    }
    Ok((clean, name.chars().any(is_bidi_mark)))
}

fn clean(name: String, warnings: &mut Vec<Warning>) -> Result<String, BadName> {
    let (clean, marked) = clean_name(&name)?;
    if marked {
        warnings.push(Warning::BidiStripped);
    }
    Ok(clean)
}

/// Whether a text has a set-up link in it. Such a text is no name: shown as one, it would show a secret.
pub fn holds_link(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["otpauth://", "otpauth-migration:", "otpauth%3a"]
        .iter()
        .any(|scheme| text.contains(scheme))
}

fn cut(name: String, warnings: &mut Vec<Warning>) -> String {
    match name.char_indices().nth(MAX_CHARS) {
        None => name,
        Some((end, _)) => {
            warnings.push(Warning::LabelTruncated);
            name[..end].trim_end().to_owned()
        }
    }
}

/// A name as we write it into a label, whatever the app holds: in NFC and without colons (a reader that splits at
/// the first or the last of them would cut the name), control characters and bidi marks.
///
/// Cut where its percent-encoding passes `max_encoded` bytes.
pub(crate) fn for_writing(name: &str, max_encoded: usize) -> String {
    let mut room = max_encoded;
    let plain: String = name
        .chars()
        .filter(|c| *c != ':' && !c.is_control() && !is_bidi_mark(*c))
        .nfc()
        .collect();
    let kept: String = plain
        .trim()
        .chars()
        .take(MAX_CHARS)
        .take_while(|c| {
            let encoded = if c.is_ascii_alphanumeric() {
                1
            } else {
                3 * c.len_utf8()
            };
            let fits = encoded <= room;
            room = room.saturating_sub(encoded);
            fits
        })
        .collect();
    let kept = kept.trim_end();
    // "otp:auth%3a" without its colon would be refused as a link.
    match holds_link(kept) {
        true => kept.replace('%', ""),
        false => kept.to_owned(),
    }
}

/// A name that could not be accepted, as it can be shown all the same.
pub(crate) fn for_display(name: &str) -> String {
    if holds_link(name) {
        return String::new();
    }
    name.chars()
        .filter(|c| !c.is_control() && !is_bidi_mark(*c))
        .take(MAX_CHARS)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The marks of the Unicode bidirectional algorithm (UAX #9, section 2): embeddings, overrides, isolates and the
/// three directional marks.
pub fn is_bidi_mark(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Decodes `%XX`. A `%` that introduces nothing stays as it is, bytes that are not UTF-8 become U+FFFD; the flag
/// tells of either.
pub(crate) fn percent_decode(text: &str) -> (Zeroizing<String>, bool) {
    // Collected into its final capacity: a secret passes through here, and growing would leave copies of it.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend(percent_decode_str(text));
    let bare = text.bytes().enumerate().any(|(at, byte)| {
        let hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
        byte == b'%' && !(hex(at + 1) && hex(at + 2))
    });
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let mut copy = Zeroizing::new(String::with_capacity(text.len()));
            copy.push_str(text);
            (copy, bare)
        }
        Err(_) => (
            Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()),
            true,
        ),
    }
}
