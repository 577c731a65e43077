//! The sealed vault: accounts, slots, file format; pure.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod account;
mod bundle;
pub mod format;
mod id;
mod item;
mod open;
mod recovery_key;
mod seal;
mod slot;
mod vault;

#[cfg(test)]
mod testing;

pub use account::{Account, ChangeError, Damaged, Edit, Place, limits};
pub use id::{AccountId, Half, NotAnId, VaultId};
pub use open::{FetchFailed, Found, Note, OpenError, Opened, Problem, Survey, open, survey};
pub use recovery_key::{RecoveryKey, RecoveryKeyError};
pub use seal::VaultKey;
pub use slot::{Argon2Cost, DeviceKey, NewSlot, SlotError, SlotInfo, SlotKind, Unlock};
pub use vault::{Appearance, BundleWrite, Save, SaveError, Settings, Vault};
