//! Signing a television in from a phone that is signed in: the OAuth 2.0 device authorization grant (RFC 8628).
use std::net::IpAddr;

use couchkey_otp::UnixTime;
use zeroize::Zeroizing;

use crate::{PersonId, Platform, Scope, StoreError};

/// A television asks to be signed in.
pub struct DeviceRequest {
    /// The app on it (`client_id`).
    pub client: String,
    /// What the person knows it by: "Living room, LG webOS".
    pub device: String,
    /// Where the request comes from, in words, if the service knows: "Lisbon, Portugal".
    pub place: Option<String>,
    /// Where the request came from.
    pub from: IpAddr,
}

/// What the television shows and keeps (RFC 8628, section 3.2). No `Debug`: it holds the device code.
pub struct DeviceAnswer {
    /// What the television polls with. It never shows it.
    pub device_code: Zeroizing<String>,
    /// What the person types: eight letters, `WDJB-MJHT`.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// The same with the code in it: the content of the QR code.
    pub verification_uri_complete: String,
    /// Seconds until both codes end.
    pub expires_in: u64,
    /// Seconds between two polls, at least.
    pub interval: u64,
}

/// What the confirm screen has to name (RFC 8628, section 5.4: remote phishing).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceShown {
    /// The app on the television.
    pub client: String,
    /// What the person knows it by.
    pub device: String,
    /// Where it is, if known.
    pub place: Option<String>,
    /// Seconds since the television asked.
    pub age: u64,
    /// When its codes end.
    pub expires_at: UnixTime,
}

/// Why a television gets no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A name is empty or longer than 128 characters.
    #[error("a device's name has 1 to 128 characters")]
    BadName,
    /// Too many requests from there.
    #[error("too many requests")]
    Throttled {
        /// Whose requests.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nothing was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// No television shows this code (any more), or it has been decided.
    #[error("no television shows this code")]
    Unknown,
    /// Too many wrong codes from there.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a poll says until somebody has approved (RFC 8628, section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// Nobody has decided yet.
    #[error("nobody has decided yet")]
    AuthorizationPending,
    /// As before, and it polls too fast.
    #[error("the television asks too often")]
    SlowDown {
        /// Seconds between two polls, from now on.
        interval: u64,
    },
    /// The person said no.
    #[error("the person said no")]
    AccessDenied,
    /// Its 15 minutes are over, it was given out, or there is no such code.
    #[error("this code has ended")]
    ExpiredToken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PollError {
    /// The `error` of RFC 8628, section 3.5; `None` when the store failed.
    pub const fn code(self) -> Option<&'static str> {
        match self {
            PollError::AuthorizationPending => Some("authorization_pending"),
            PollError::SlowDown { .. } => Some("slow_down"),
            PollError::AccessDenied => Some("access_denied"),
            PollError::ExpiredToken => Some("expired_token"),
            PollError::Store(_) => None,
        }
    }
}

impl Platform {
    /// Gives a television its codes.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub async fn authorize_device(
        &self,
        request: &DeviceRequest,
    ) -> Result<DeviceAnswer, DeviceError> {
        let _ = request;
        todo!()
    }

    /// What the confirm screen shows for a user code; case and dashes do not count.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn device(&self, user_code: &str, from: IpAddr) -> Result<DeviceShown, DecideError> {
        let _ = (user_code, from);
        todo!()
    }

    /// Signs the television in as `person`, whom the caller has authenticated and who has seen [`DeviceShown`].
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn approve_device(
        &self,
        user_code: &str,
        person: &PersonId,
        from: IpAddr,
    ) -> Result<(), DecideError> {
        let _ = (user_code, person, from);
        todo!()
    }

    /// Refuses the television.
    ///
    /// # Errors
    /// [`DecideError`].
    pub async fn deny_device(&self, user_code: &str, from: IpAddr) -> Result<(), DecideError> {
        let _ = (user_code, from);
        todo!()
    }

    /// What the television asks every `interval` seconds. The person comes out exactly once.
    ///
    /// # Errors
    /// [`PollError`].
    pub async fn poll_device(&self, device_code: &str) -> Result<PersonId, PollError> {
        let _ = device_code;
        todo!()
    }
}
