//! Writes an `otpauth://` URI: enrolment to text.
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
    // "otpauth" beside "//…" would be refused as a link in the name; the issuer stands in its parameter, too.
    let prefix = issuer.as_deref().filter(|issuer| {
        let label = format!("{issuer}:{account}");
        !label::holds_link(&label)
    });
    if let Some(issuer) = prefix {
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
