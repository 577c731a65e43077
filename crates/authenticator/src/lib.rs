//! What an authenticator does: the use cases that every shell calls, and the ports to the outside that they need.
//!
//! [`Authenticator`] is the door. Its methods block and may be called from any thread; time is read from the clock
//! once per call, and a change is written by one process at a time.

#![deny(missing_docs)]

mod backup;
mod change;
mod codes;
mod enrol;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
pub mod os;
pub mod ports;
pub mod qr;
mod transfer;
mod unlock;
pub mod view;

pub use self::{
    change::{Authenticator, Parts},
    codes::{Appearance, CodeToCopy, SettingsView},
    enrol::{ManualForm, Scanned, inspect, scan},
    error::{Error, ErrorCode, ErrorReport},
    transfer::{MAX_IMPORT, Permission, SecretQr, Watch},
    unlock::Check,
};
pub use os::KeyringChoice;
