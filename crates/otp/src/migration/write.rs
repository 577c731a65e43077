//! Writes `otpauth-migration://` URIs: accounts to text.
use data_encoding::BASE64;
use prost::Message;
use zeroize::Zeroizing;

use super::{Entry, Payload, VERSION};
use crate::{Algorithm, Enrolment, Kind, Period, label};

/// What came of an export.
pub struct Written {
    /// The URIs in order, one for each QR code.
    pub uris: Vec<Zeroizing<String>>,
    /// The accounts that the format has no room for, in order.
    pub refused: Vec<Refused>,
}

/// An account that cannot be written into a batch: the app that reads it would make wrong codes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// Its position in what was to be written, from 0.
    pub position: usize,
    /// Its issuer and account name, as far as it has them.
    pub label: String,
    /// Why it was refused.
    pub reason: RefusedReason,
}

/// Why an account cannot be written into a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedReason {
    /// The format has no Steam codes.
    #[error("Google Authenticator cannot make Steam codes")]
    Steam,
    /// The format has no room for a period: it is always 30 seconds.
    #[error(
        "Google Authenticator changes codes every 30 seconds, and this account's change every {period}"
    )]
    Period {
        /// The account's, in seconds.
        period: u32,
    },
    /// The format has six and eight digits only.
    #[error("Google Authenticator makes codes of 6 or 8 digits, and this account's have {digits}")]
    Digits {
        /// The account's.
        digits: u8,
    },
}

impl RefusedReason {
    /// The stable name of this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Steam => "unsupported_type",
            Self::Period { .. } => "unsupported_period",
            Self::Digits { .. } => "unsupported_digits",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        "Export this account alone, as its own QR code, to an app that can make its codes."
    }
}

/// What the app itself puts into one QR code.
const MAX_ACCOUNTS: usize = 10;

/// How long a message may become with more than one account in it, in bytes: a QR code that a phone still reads from
/// a screen.
const MAX_MESSAGE: usize = 1000;

/// How long a name may be when percent-encoded, in bytes; as in an otpauth URI.
const MAX_NAME: usize = 1000;

/// Writes the accounts in batches of up to ten. `batch_id` is a number of the caller's choice that all of them carry.
///
/// # Security
///
/// The texts hold the secrets: for QR codes that the person has asked for.
pub fn write(accounts: &[&Enrolment], batch_id: i32) -> Written {
    let mut refused = Vec::new();
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut room = 0;
    for (position, account) in accounts.iter().enumerate() {
        match entry(account) {
            Err(reason) => refused.push(Refused {
                position,
                label: label_of(account),
                reason,
            }),
            Ok(entry) => {
                let length = entry.encoded_len() + 3; // and its tag and length in the message
                match batches.last_mut() {
                    Some(batch) if batch.len() < MAX_ACCOUNTS && length <= room => {
                        batch.push(entry)
                    }
                    _ => {
                        room = MAX_MESSAGE;
                        batches.push(vec![entry]);
                    }
                }
                room = room.saturating_sub(length);
            }
        }
    }

    let batch_size = batches.len() as i32;
    let payload = |(entries, batch_index)| Payload {
        entries,
        version: VERSION,
        batch_size,
        batch_index,
        batch_id,
    };
    let uris = batches.into_iter().zip(0..).map(payload).map(uri).collect();
    Written { uris, refused }
}

fn entry(account: &Enrolment) -> Result<Entry, RefusedReason> {
    let (kind, counter) = match account.kind {
        Kind::Totp {
            period: Period::THIRTY,
        } => (2, 0),
        Kind::Totp { period } => {
            return Err(RefusedReason::Period {
                period: period.get(),
            });
        }
        // A Counter is at most 2⁶³ − 1.
        Kind::Hotp { counter } => (1, counter.get() as i64),
        Kind::Steam => return Err(RefusedReason::Steam),
    };
    let algorithm = match account.algorithm {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
    };
    let digits = match account.digits.get() {
        6 => 1,
        8 => 2,
        digits => return Err(RefusedReason::Digits { digits }),
    };
    let issuer = label::for_writing(account.issuer.as_deref().unwrap_or(""), MAX_NAME).into_bytes();
    let name = label::for_writing(&account.account, MAX_NAME).into_bytes();
    Ok(Entry {
        secret: account.secret.expose().to_vec(),
        name,
        issuer,
        algorithm,
        digits,
        kind,
        counter,
    })
}

fn uri(payload: Payload) -> Zeroizing<String> {
    // Exact capacities throughout: growing would leave unwiped copies of the secrets behind.
    let mut message = Zeroizing::new(Vec::with_capacity(payload.encoded_len()));
    payload
        .encode(&mut *message)
        .expect("a Vec takes all that is written to it");
    let mut base64 = Zeroizing::new(String::with_capacity(BASE64.encode_len(message.len())));
    BASE64.encode_append(&message, &mut base64);

    let head = "otpauth-migration://offline?data=";
    let mut uri = Zeroizing::new(String::with_capacity(head.len() + 3 * base64.len()));
    uri.push_str(head);
    for c in base64.chars() {
        match c {
            '+' => uri.push_str("%2B"),
            '/' => uri.push_str("%2F"),
            '=' => uri.push_str("%3D"),
            c => uri.push(c),
        }
    }
    uri
}

fn label_of(account: &Enrolment) -> String {
    match account.issuer.as_deref() {
        None | Some("") => account.account.clone(),
        Some(issuer) => format!("{issuer}:{}", account.account),
    }
}
