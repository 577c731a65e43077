//! What an authenticator does: the use cases that every shell calls, and the ports to the outside that they need.
//!
//! [`Authenticator`] is the door. Its methods block and may be called from any thread; time is read from the clock
//! once per call, and a change is written by one process at a time.

mod add;
mod app_lock;
mod authenticator;
mod backup;
mod change;
mod codes;
mod copies;
mod create;
mod device_key;
mod doctor;
mod error;
mod export;
#[cfg(feature = "fake")]
pub mod fake;
mod locate;
pub mod os;
mod passphrase;
pub mod ports;
mod progress;
mod random;
mod recovery_key;
mod rotate;
pub mod services;
mod slots;
mod status;
mod television;
mod unlock;
pub mod view;
mod web_address;

pub use self::{
    add::{MAX_FILE, ManualForm, Scanned, Source, inspect, scan},
    authenticator::{Authenticator, Parts},
    codes::{Appearance, CodeToCopy, SettingsView},
    doctor::Check,
    error::{Error, ErrorCode, ErrorReport},
    export::{Permission, SecretQr},
    passphrase::{Guards, PassphraseRating, WhyGuessable, rate_passphrase, slot::weakness},
    progress::Watch,
    television::Television,
    web_address::{AddressWarning, WebAddress},
};
pub use couchkey_formats::import::{Text, decode, links};
pub use couchkey_qr as qr;
pub use os::KeyringChoice;
