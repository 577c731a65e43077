//! Scans a text or a picture without a vault, for `couchkey inspect` and `couchkey scan`.

use couchkey_otp::{UnixTime, otpauth};
use couchkey_qr::{self as qr, Effort, Said};
use couchkey_vault::NewAccount;
use zeroize::Zeroizing;

use super::text::{Read, one_by_one, read_one};
use crate::{Error, ErrorReport, view::EnrolmentView, web_address::WebAddress};

/// One QR code of a picture, read without a vault.
pub enum Scanned {
    /// It enrols an account.
    Enrolment(EnrolmentView),
    /// It is meant to, and is not accepted.
    Refused(ErrorReport),
    /// It holds a part of a text, and not all of the others were seen yet.
    Part {
        /// Which one it is, counted from 1.
        part: u8,
        /// How many there are.
        of: u8,
    },
    /// A web page, most often the one at which a television is signed in.
    WebPage {
        /// Whose it is.
        address: Box<WebAddress>,
        /// The text of the code.
        text: Zeroizing<String>,
    },
    /// Something else, in its own words.
    Other {
        /// The text of the code.
        text: Zeroizing<String>,
    },
}

/// What an otpauth URI says, with its code at `at`.
///
/// # Errors
/// The class of defect, as otpauth.rs of couchkey-otp orders them.
pub fn inspect(text: &str, at: UnixTime) -> Result<EnrolmentView, Error> {
    let parsed = otpauth::read(text)?;
    Ok(EnrolmentView::of_enrolment(
        &parsed.enrolment,
        &parsed.warnings,
        at,
    ))
}

/// Every QR code of a picture, with what it says. A migration batch gives one entry an account. Parts of a text are kept
/// in `parts`, so that it is read as soon as the last of them comes, in this picture or in a later one.
///
/// # Errors
/// Only for a picture that cannot be read; a picture without a QR code gives nothing.
pub fn scan(bytes: &[u8], parts: &mut qr::Parts, at: UnixTime) -> Result<Vec<Scanned>, Error> {
    let picture = qr::read_picture(bytes)?;
    let mut scanned = Vec::new();
    let mut of_parts = Vec::new();
    for found in qr::decode(&picture, Effort::Still) {
        if let Said::Part(part) = &found.said {
            let (part, of) = (part.number(), part.of());
            of_parts.push((scanned.len(), found.whole()));
            scanned.push(Scanned::Part { part, of });
        }
        for text in parts.take_in([found]) {
            match text {
                Ok(text) => one_by_one(&text)
                    .into_iter()
                    .for_each(|text| scan_text(text, at, &mut scanned)),
                Err(error) => scanned.push(Scanned::Refused(Error::from(error).report())),
            }
        }
    }
    // Of what is whole by the end of this picture, no part is listed.
    for (place, whole) in of_parts.into_iter().rev() {
        if whole.is_none_or(|whole| parts.text(whole).is_some()) {
            scanned.remove(place);
        }
    }
    Ok(scanned)
}

fn scan_text(text: Zeroizing<String>, at: UnixTime, scanned: &mut Vec<Scanned>) {
    match read_one(&text) {
        Read::Enrolments { rows, skipped, .. } => {
            for NewAccount { parsed, .. } in rows {
                scanned.push(Scanned::Enrolment(EnrolmentView::of_enrolment(
                    &parsed.enrolment,
                    &parsed.warnings,
                    at,
                )));
            }
            scanned.extend(skipped.into_iter().map(|row| Scanned::Refused(row.report)));
        }
        Read::Refused(Error::WebPage(address)) => scanned.push(Scanned::WebPage { address, text }),
        Read::Refused(error) => scanned.push(Scanned::Refused(error.report())),
        Read::Other(_) => scanned.push(Scanned::Other { text }),
    }
}
