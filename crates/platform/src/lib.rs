//! The platform's side of a one-time password: it issues the QR code, accepts a code exactly once, sends codes by
//! e-mail and SMS, and signs a television in (RFC 8628).
//!
//! - [`Platform`] has the use cases: [`enrol`](Platform::enrol), [`confirm`](Platform::confirm),
//!   [`verify`](Platform::verify), rotation, [`challenge`](Platform::challenge), [`redeem`](Platform::redeem) and the
//!   device authorization.
//! - [`Store`], [`Mailer`], [`SmsGateway`] and [`Clock`] are what it needs from outside.
//! - [`Message`]s wait in the store's outbox until a [`Mailer`] or an [`SmsGateway`] has taken them.
//!
//! # Secrets
//!
//! Secrets and codes have no `Debug`, no `Clone` and no serialisation. At rest they are sealed under a [`KeyRing`]
//! that is not in the database. No error, figure or log line holds a code, a secret or a person.
#![forbid(unsafe_code)]
#![allow(
    clippy::duplicate_mod,
    reason = "store/sql/ is compiled once for each database, so that both run the same statements"
)]

mod challenge;
mod contact;
mod device;
mod enrol;
mod mail;
mod outbox;
mod person;
mod platform;
mod ports;
mod purpose;
mod recipient;
mod seal;
mod settings;
mod sms;
pub mod store;
mod terminal;
#[cfg(feature = "testing")]
pub mod testing;
mod timeline;
mod verify;
mod wording;

pub use couchkey_otp::verify::Memory;
pub use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime};

pub use challenge::{
    ChallengeAnswer, ChallengeError, ChallengeId, ChallengeRequest, KeepRedeemed, RedeemError,
    RedeemRequest, Redeemed,
};
pub use device::{
    DecideError, DeviceAnswer, DeviceError, DeviceRequest, DeviceShown, PollError, is_plain,
};
pub use enrol::{ConfirmError, ConfirmRequest, EnrolError, EnrolRequest, Enrolled, EnrolmentId};
pub use mail::{SmtpMailer, SmtpSecurity, SmtpSettings, SmtpSettingsError};
pub use outbox::{Outbox, OutboxSettings, Turn};
pub use person::{PersonId, PersonIdError};
pub use platform::Platform;
pub use ports::{
    Clock, DeliveryCode, DeliveryError, Mailer, Message, MessageId, SmsGateway, SystemClock,
};
pub use purpose::Purpose;
pub use recipient::{Channel, EmailAddress, PhoneNumber, Recipient, RecipientError};
pub use seal::{KeyRing, KeyRingError};
pub use settings::{Limits, MailPolicy, Settings, SmsCountry, SmsPolicy};
pub use sms::{
    HttpBody, HttpGateway, HttpGatewayError, HttpGatewaySettings, HttpSuccess, SmppGateway,
    SmppGatewayError, SmppGatewaySettings,
};
pub use store::{Outcome, Store, StoreError};
pub use terminal::Terminal;
pub use verify::{Scope, Verified, VerifyError, VerifyRequest};
pub use wording::{SMS_SEGMENT, WordingError};
