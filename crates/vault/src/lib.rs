//! The sealed vault: accounts, the ways to unlock them, and the bytes they are kept as.
//!
//! Every account is sealed on its own. The sealed accounts are in the keyring of the operating system, in bundles, and
//! once more in a file, which also has the list and the slots. Either place alone is enough to get everything back.
//!
//! The crate is pure: no files, no network, no clock, no keyring, no logging, no globals. It takes bytes, keys, a time
//! *value* and a random generator, and gives values back. Whoever keeps the bytes hands over what was [`Found`], and
//! writes what a [`Save`] says, in the order that [`Vault`] gives.
//!
//! ```
//! use couchkey_otp::{UnixTime, otpauth};
//! use couchkey_vault::{DeviceKey, Found, Half, NewSlot, Unlock, Vault, VaultId, open};
//! # use chacha20::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::seed_from_u64(1); // yours is the generator of the operating system
//!
//! // A new vault, opened by a key that the keyring of this device keeps.
//! let now = UnixTime::from_secs(1_700_000_000);
//! let device = DeviceKey::generate(&mut rng);
//! let id = VaultId::generate(&mut rng);
//! let mut vault = Vault::create(id, NewSlot::Device { key: &device }, now, &mut rng)?;
//!
//! let uri = "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV";
//! vault.add(otpauth::read(uri)?.enrolment, now, &mut rng)?;
//!
//! // What has to be written, and where.
//! let save = vault.save(&mut rng)?;
//! assert_eq!(save.bundles[0].entry_name(id), format!("{id}/bundle-0.a"));
//! assert_eq!(save.file_half, Half::A, "vault.a");
//! let found = Found {
//!     file_a: Some(save.file.clone()),
//!     file_b: None,
//!     head: Some(save.head.clone().into_bytes()),
//! };
//! vault.saved(save);
//!
//! // Later: from what is there to an open vault. With the file whole, no bundle has to be read.
//! let opened = open(&found, &Unlock::Device(&device), |_, _| Ok(None))?;
//! let (_, account) = opened.vault.accounts().next().expect("it was saved");
//! assert_eq!(account.issuer.as_deref(), Some("StreamTV"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading the crate
//!
//! `seal.rs`, `slot.rs` and `format.rs` are for whoever knows about cryptography; `open.rs` is what happens after a
//! crash, `save.rs` what is written before one, and `docs/vault-format.md` describes every byte.
#![forbid(unsafe_code)]

mod account;
pub mod backup;
mod bundle;
mod device_key;
pub mod format;
mod gather;
mod id;
mod item;
mod new_account;
mod open;
mod passphrase;
mod recovery_key;
mod same;
mod save;
mod seal;
mod settings;
mod slot;
mod survey;
mod trash;
mod vault;

#[cfg(test)]
mod testing;

pub use account::{Account, ChangeError, Damaged, Edit, Place, limits};
pub use device_key::DeviceKey;
pub use id::{AccountId, Half, NotAnId, VaultId};
pub use new_account::{Cut, Kept, NewAccount};
pub use open::{FetchFailed, Note, OpenError, Opened, open};
pub use passphrase::{Argon2Cost, SlotError};
pub use recovery_key::{RecoveryKey, RecoveryKeyError};
pub use same::{Makes, SameCodes};
pub use save::{BundleWrite, Save, SaveError};
pub use seal::VaultKey;
pub use settings::{Appearance, Settings, Television};
pub use slot::{NewSlot, SlotInfo, SlotKind, Unlock};
pub use survey::{Found, Problem, Survey, survey};
pub use vault::Vault;
