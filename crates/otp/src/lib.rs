//! One-time passwords, and the ways in which they are handed over: what an authenticator and a server both need.
//!
//! - [`otpauth`] reads and writes `otpauth://` URIs, the content of nearly every enrolment QR code.
//! - [`migration`] reads and writes the batches in which Google Authenticator exports its accounts.
//! - [`verify`] is the other side: whether a code is right, and whether it has been used.
//! - [`typing`] is about a code and a remote: how long it takes, and which code will be good then.
//! - [`totp`], [`hotp`] and [`steam`] make the codes (RFC 6238, RFC 4226, Steam's own alphabet).
//!
//! The crate is pure: no files, no network, no clock, no logging, no globals. Time is an argument.
//!
//! ```
//! use couchkey_otp::{UnixTime, code_of, otpauth};
//!
//! let parsed = otpauth::read(
//!     "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV",
//! )?;
//! let enrolment = parsed.enrolment;
//! assert_eq!(enrolment.issuer.as_deref(), Some("StreamTV"));
//! assert_eq!(enrolment.account, "fam-0042@example.tv");
//! assert!(parsed.warnings.is_empty());
//!
//! let now = UnixTime::from_secs(1_111_111_109);
//! let code = code_of(&enrolment.kind, &enrolment.secret, enrolment.algorithm, enrolment.digits, now);
//! assert_eq!(code.as_str(), "081804");
//! # Ok::<(), couchkey_otp::OtpauthError>(())
//! ```
//!
//! # Secrets
//!
//! [`Secret`] and everything that holds one have no `Debug`, no `Clone` and no serialisation, and wipe themselves when
//! dropped. Errors carry facts (which number was out of range), never input: an enrolment URI is itself a secret.
#![forbid(unsafe_code)]

mod algorithm;
mod base32;
mod code;
mod digits;
mod enrolment;
pub mod hotp;
mod label;
pub mod migration;
pub mod otpauth;
mod secret;
pub mod steam;
mod time;
pub mod totp;
pub mod typing;
pub mod verify;

pub use algorithm::{Algorithm, AlgorithmUnknown, Digits, DigitsOutOfRange};
pub use code::{Code, code_of};
pub use digits::{ascii_digits, digit};
pub use enrolment::{Enrolment, Kind, Parsed, Warning};
pub use label::{BadName, clean_name, holds_link, is_bidi_mark};
pub use migration::MigrationError;
pub use otpauth::OtpauthError;
pub use secret::{Secret, SecretError};
pub use time::{Counter, CounterOutOfRange, Period, PeriodOutOfRange, UnixTime};
