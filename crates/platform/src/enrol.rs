//! Enrolment and rotation: how a person and the platform come to share a secret.
use std::net::IpAddr;

use couchkey_otp::{Algorithm, Digits, Period, UnixTime};
use zeroize::Zeroizing;

use crate::verify::Scope;
use crate::{PersonId, Platform, StoreError};

/// Who wants codes from an app.
pub struct EnrolRequest {
    /// The person, whom the caller has authenticated.
    pub person: PersonId,
    /// What the app shows under the issuer: an e-mail address, a customer number.
    pub account: String,
}

/// The id of an enrolment: 32 hexadecimal figures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnrolmentId(pub(crate) String);

impl EnrolmentId {
    /// Takes the text of an id that [`Platform::enrol`] gave.
    pub fn new(id: impl Into<String>) -> EnrolmentId {
        EnrolmentId(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret that waits for its first code. No `Debug`: it holds the secret.
pub struct Enrolled {
    /// What [`Platform::confirm`] asks for.
    pub id: EnrolmentId,
    /// The `otpauth://` URI: the content of the QR code.
    ///
    /// # Security
    /// Whoever sees it makes every code of this person. Show it to them once, over TLS, and keep it nowhere.
    pub uri: Zeroizing<String>,
    /// The secret in base32, for people who type it.
    pub secret: Zeroizing<String>,
    /// The HMAC.
    pub algorithm: Algorithm,
    /// How many digits.
    pub digits: Digits,
    /// How long each code is valid.
    pub period: Period,
    /// Until when the first code has to come.
    pub expires_at: UnixTime,
}

/// The first code of an enrolment.
pub struct ConfirmRequest<'a> {
    /// Whose enrolment it is.
    pub person: PersonId,
    /// Which one.
    pub id: EnrolmentId,
    /// The code as it was typed.
    pub code: &'a str,
    /// Where the request came from.
    pub from: IpAddr,
}

/// Why there is no new secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// The person has an active one: rotate it.
    #[error("this person has an app already")]
    AlreadyEnrolled,
    /// There is nothing to rotate: enrol.
    #[error("this person has no app yet")]
    NotEnrolled,
    /// The account name does not fit into an otpauth URI.
    #[error("the account name is empty or longer than 256 characters")]
    BadAccountName,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an enrolment is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// Not a code of this secret at this time, or no such enrolment.
    #[error("this is not the code")]
    Wrong,
    /// Too many tries.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// It waited too long for its first code; start again.
    #[error("this enrolment has ended")]
    Expired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Platform {
    /// Makes a secret for a person who has none. It counts once [`confirm`](Platform::confirm) has seen one code.
    ///
    /// # Errors
    /// [`EnrolError::AlreadyEnrolled`] when there is an active one.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<Enrolled, EnrolError> {
        let _ = request;
        todo!()
    }

    /// Takes the first code of an enrolment and uses it up.
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn confirm(&self, request: &ConfirmRequest<'_>) -> Result<(), ConfirmError> {
        let _ = request;
        todo!()
    }

    /// Makes a new secret for a person who has one, for a lost phone or a family member who left. The old one works
    /// until the new one is confirmed.
    ///
    /// # Errors
    /// [`EnrolError::NotEnrolled`] when there is nothing to rotate.
    pub async fn begin_rotation(&self, request: &EnrolRequest) -> Result<Enrolled, EnrolError> {
        let _ = request;
        todo!()
    }

    /// Takes the first code of the new secret; the old one stops at once.
    ///
    /// # Errors
    /// [`ConfirmError`].
    pub async fn confirm_rotation(&self, request: &ConfirmRequest<'_>) -> Result<(), ConfirmError> {
        self.confirm(request).await
    }

    /// Whether the person has an active secret.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_enrolled(&self, person: &PersonId) -> Result<bool, StoreError> {
        let _ = person;
        todo!()
    }

    /// Ends every secret of a person, pending ones too. True if there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError> {
        let _ = person;
        todo!()
    }
}
