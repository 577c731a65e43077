//! The real adapters: the clock, the keyring, the disk and the screen of the system that Couchkey runs on.

pub mod clock;
pub mod file;
pub mod keyring;
pub mod screen;

pub use clock::SystemClock;
pub use file::{DiskFile, default_data_dir};
pub use keyring::{FileKeyring, KeyringState, SystemKeyring};
pub use screen::{ScreenError, capture};

/// Which keyring to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyringChoice {
    /// The operating system's; files in the data directory where there is none, and then a passphrase is required.
    #[default]
    Auto,
    /// Files in the data directory; the operating system's keyring is never asked.
    File,
}
