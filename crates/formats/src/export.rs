//! What is written for other apps: accounts in, a file's bytes or the texts of QR codes out; and the check that what was
//! written makes the same codes.

mod aegis;

use couchkey_otp::{Enrolment, MigrationError, Parsed, UnixTime, code_of, migration, otpauth};
use couchkey_vault::{Account, NewAccount, Place};
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::aegis::{SealError, aegis, aegis_encrypted};

/// A copy of an account and of where it stands, on its way out: in the shape in which it would come in again.
pub fn leaving(place: &Place, account: &Account) -> NewAccount {
    NewAccount {
        note: account.note.clone(),
        groups: place.groups.clone(),
        pinned: place.pinned,
        trashed: place.trashed.is_some(),
        ..NewAccount::plain(Parsed {
            enrolment: Enrolment {
                kind: account.kind,
                secret: account.secret.duplicate(),
                algorithm: account.algorithm,
                digits: account.digits,
                issuer: account.issuer.clone(),
                account: account.account.clone(),
                label_issuer: None,
            },
            warnings: Vec::new(),
            image: None,
        })
    }
}

/// What does not read back as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Difference {
    /// Not every account is there, or there are more.
    #[error("{found} of {written} accounts were read back")]
    Count {
        /// How many were written.
        written: usize,
        /// How many were read.
        found: usize,
    },
    /// An account makes other codes.
    #[error("account {position} makes other codes")]
    Codes {
        /// Its position in what was written, from 0.
        position: usize,
    },
}

/// Setup links, one a line, as nearly every app reads them.
///
/// # Security
///
/// The text holds the secrets.
pub fn uri_list(accounts: &[NewAccount]) -> Zeroizing<String> {
    let uris: Vec<Zeroizing<String>> = accounts.iter().map(uri).collect();
    // One capacity for all: growing would leave unwiped copies of the secrets behind.
    let length = uris.iter().map(|uri| uri.len() + 1).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for uri in &uris {
        text.push_str(uri);
        text.push('\n');
    }
    text
}

/// The setup link of one account, for a QR code.
///
/// # Security
///
/// The text holds the secret.
pub fn uri(account: &NewAccount) -> Zeroizing<String> {
    otpauth::write(&account.parsed.enrolment)
}

/// The texts of the QR codes that Google Authenticator reads, and the accounts that it cannot have.
///
/// # Security
///
/// The texts hold the secrets.
pub fn migration_batches(accounts: &[NewAccount], batch_id: i32) -> migration::Written {
    let enrolments: Vec<&Enrolment> = accounts.iter().map(|a| &a.parsed.enrolment).collect();
    migration::write(&enrolments, batch_id)
}

/// Reads the batches again, in order.
///
/// # Errors
///
/// One of them does not read.
pub fn read_migration<'a>(
    texts: impl Iterator<Item = &'a str>,
) -> Result<Vec<NewAccount>, MigrationError> {
    let mut found = Vec::new();
    for text in texts {
        let batch = migration::read(text)?;
        found.extend(batch.entries.into_iter().flatten().map(NewAccount::plain));
    }
    Ok(found)
}

/// Whether what was read again has every account that was written, in the same order, with the same codes at every one
/// of the times.
///
/// # Errors
///
/// The first [`Difference`].
pub fn compare(
    written: &[NewAccount],
    found: &[NewAccount],
    at: &[UnixTime],
) -> Result<(), Difference> {
    if written.len() != found.len() {
        return Err(Difference::Count {
            written: written.len(),
            found: found.len(),
        });
    }
    for (position, (written, found)) in written.iter().zip(found).enumerate() {
        let (one, other) = (&written.parsed.enrolment, &found.parsed.enrolment);
        let same_code = |&at: &UnixTime| {
            let code = |e: &Enrolment| code_of(&e.kind, &e.secret, e.algorithm, e.digits, at);
            code(one).as_str() == code(other).as_str()
        };
        if one.kind != other.kind || !at.iter().all(same_code) {
            return Err(Difference::Codes { position });
        }
    }
    Ok(())
}
