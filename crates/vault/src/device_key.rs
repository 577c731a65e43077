//! The key of one device, and its name.

use rand_core::CryptoRng;
use zeroize::Zeroize;

use crate::id::VaultId;
use crate::seal::SubKey;

/// 32 random bytes that live in the keyring of one device.
pub struct DeviceKey(Box<[u8; 32]>);

impl DeviceKey {
    /// A new random key.
    pub fn generate(rng: &mut impl CryptoRng) -> DeviceKey {
        let mut key = DeviceKey(Box::new([0; 32]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    /// The key that is in the keyring; `None` unless it is 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<DeviceKey> {
        if bytes.len() != 32 {
            return None;
        }
        let mut key = DeviceKey(Box::new([0; 32]));
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The bytes, for the keyring.
    ///
    /// # Security
    ///
    /// The keyring is the one place for them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// By what a slot of this key is known among those of other devices. It says nothing about the key.
    pub fn mark(&self, vault: VaultId) -> DeviceMark {
        let mut mark = [0; 8];
        let derived = SubKey::derive(self.expose(), vault, "couchkey/v1/device");
        mark.copy_from_slice(&derived.expose()[..8]);
        mark
    }
}

/// Names the device that a slot is for: the first bytes of HKDF-SHA256(device key, "couchkey/v1/device").
pub type DeviceMark = [u8; 8];

impl Drop for DeviceKey {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_key_is_32_bytes() {
        for length in [0, 31, 33] {
            assert!(
                DeviceKey::from_bytes(&vec![1; length]).is_none(),
                "{length}"
            );
        }
    }
}
