//! The device key in the keyring, and how it is replaced: at every moment the entry has the key that opens the vault.
//!
//! The entry holds one key, and two while one takes the other's place: the new one is put before the old one, the vault
//! is written with slots of the new one, and then the old one goes. Each step is one write of one entry, and whoever
//! opens the vault tries every key that is there. docs/decisions/0216.

use couchkey_vault::{DeviceKey, VaultId, format};
use zeroize::Zeroizing;

use crate::{
    Error,
    ports::{Keyring, KeyringError},
};

/// Bytes of a key.
const LENGTH: usize = 32;

/// The keys of this device for a vault, the newest first; none where there is no entry, or what is in it is no key.
///
/// # Errors
/// The keyring's; a keyring that cannot be read is never one without a key.
pub(crate) fn read(keyring: &dyn Keyring, id: VaultId) -> Result<Vec<DeviceKey>, Error> {
    let entry = keyring.get(&format::device_key_entry(id))?;
    let bytes = entry.and_then(|text| data_encoding::BASE64.decode(&text).ok());
    let bytes = Zeroizing::new(bytes.unwrap_or_default());
    if bytes.len() % LENGTH != 0 {
        return Ok(Vec::new());
    }
    let keys = bytes.chunks_exact(LENGTH).map(DeviceKey::from_bytes);
    Ok(keys.flatten().collect())
}

/// Keeps these keys and no others.
///
/// # Errors
/// The keyring's, and what was there is there still. More keys than an entry holds are an error too: that takes dozens
/// of changes that all failed half-way, and any of the keys may be the one that counts.
pub(crate) fn write<'k>(
    keyring: &dyn Keyring,
    id: VaultId,
    keys: impl IntoIterator<Item = &'k DeviceKey>,
) -> Result<(), KeyringError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(32 * LENGTH)); // so that it does not move about and leave copies
    for key in keys {
        bytes.extend_from_slice(key.expose());
    }
    let text = Zeroizing::new(data_encoding::BASE64.encode(&bytes));
    keyring.set(&format::device_key_entry(id), text.as_bytes())
}
