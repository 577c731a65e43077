//! A code from the app, accepted exactly once.
use std::net::IpAddr;

use crate::{PersonId, Platform, StoreError};

/// A code that somebody typed.
pub struct VerifyRequest<'a> {
    /// Who they say they are.
    pub person: PersonId,
    /// The code as it was typed; blanks and dashes do not count.
    pub code: &'a str,
    /// Where the request came from.
    pub from: IpAddr,
}

/// The code was right, and is now used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The time step (or HOTP counter) that was used up.
    pub step: u64,
    /// By how many steps the app's clock is ahead of ours.
    pub drift: i32,
}

/// Whose tries were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This account's.
    Account,
    /// This IP address's, over all accounts.
    Address,
    /// This network's, over all accounts.
    Network,
}

impl Scope {
    /// The word in figures: `account`, `address`, `network`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Account => "account",
            Scope::Address => "address",
            Scope::Network => "network",
        }
    }
}

/// Why a code was not accepted. Known and unknown people get the same of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Not a code of this person at this time; or nobody has this id; or they have no app.
    #[error("this is not the code")]
    Wrong,
    /// It was right, and somebody has used it.
    #[error("this code has been used")]
    Used,
    /// Too many tries; this one was not looked at.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// A hundred failures in a row (NIST SP 800-63B): only a rotation helps.
    #[error("too many tries; this app has to be set up again")]
    Stopped,
    /// The store failed; nothing was accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Platform {
    /// Accepts a code of a person's app exactly once (RFC 6238, section 5.2).
    ///
    /// # Errors
    /// [`VerifyError`]. Whatever it is, the code was not accepted.
    pub async fn verify(&self, request: &VerifyRequest<'_>) -> Result<Verified, VerifyError> {
        let _ = request;
        todo!()
    }
}
