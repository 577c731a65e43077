//! XChaCha20-Poly1305 with associated data for every use, and the keys it is used with.
//!
//! Nonces are 24 random bytes: with 192 bits no counter has to survive a crash, a restored backup or two processes at
//! once. Each key seals one kind of thing, and the associated data says which thing it is, so that nothing sealed can
//! be moved to another place.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::id::VaultId;

/// The key of a vault: 32 random bytes that exist only in memory and, wrapped, in the slots.
pub struct VaultKey(Box<[u8; 32]>);

impl VaultKey {
    /// A new random key.
    pub fn generate(rng: &mut impl CryptoRng) -> VaultKey {
        let mut key = VaultKey(Box::new([0; 32]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<VaultKey> {
        if bytes.len() != 32 {
            return None;
        }
        let mut key = VaultKey(Box::new([0; 32]));
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The bytes, on the heap and never moved while the key lives, so that their page can be locked.
    ///
    /// # Security
    ///
    /// Whoever has these bytes has every account. Never copy them out of the process.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for VaultKey {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// One key for one use.
pub(crate) struct SubKey(Zeroizing<[u8; 32]>);

impl SubKey {
    /// HKDF-SHA256 (RFC 5869): the vault's id is the salt, the use is the info.
    pub(crate) fn derive(key: &[u8], vault: VaultId, info: &str) -> SubKey {
        let mut out = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(vault.as_bytes()), key)
            .expand(info.as_bytes(), out.as_mut_slice())
            .expect("HKDF-SHA256 gives up to 8,160 bytes, and this asks for 32");
        SubKey(out)
    }

    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> SubKey {
        SubKey(Zeroizing::new(*bytes))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The three subkeys of a vault key.
pub(crate) struct Keys {
    pub(crate) vault: VaultId,
    pub(crate) item: SubKey,
    pub(crate) index: SubKey,
    pub(crate) head: SubKey,
}

impl Keys {
    pub(crate) fn derive(key: &VaultKey, vault: VaultId) -> Keys {
        Keys {
            vault,
            item: SubKey::derive(key.expose(), vault, "couchkey/v1/item"),
            index: SubKey::derive(key.expose(), vault, "couchkey/v1/index"),
            head: SubKey::derive(key.expose(), vault, "couchkey/v1/head"),
        }
    }
}

/// Bytes of the nonce that comes first in everything sealed.
pub(crate) const NONCE: usize = 24;
/// Bytes of the tag that comes last.
pub(crate) const TAG: usize = 16;
/// By how much sealed bytes are longer than plain ones.
pub(crate) const OVERHEAD: usize = NONCE + TAG;

/// Seals `plain`: nonce ‖ ciphertext ‖ tag. `place` says what this is and where it belongs.
pub(crate) fn seal(key: &SubKey, place: &[u8], plain: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    let payload = Payload {
        msg: plain,
        aad: place,
    };
    let sealed = XChaCha20Poly1305::new(&(*key.0).into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("ChaCha20-Poly1305 refuses only messages of 256 GiB and more");
    let mut out = Vec::with_capacity(NONCE + sealed.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    out
}

/// Opens what [`seal`] made with the same key and the same `place`. `None` when anything at all differs.
pub(crate) fn open(key: &SubKey, place: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload {
        msg: rest,
        aad: place,
    };
    XChaCha20Poly1305::new(&(*key.0).into())
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
        .map(Zeroizing::new)
}

/// HMAC-SHA256 (RFC 2104) over the parts in order. Every caller starts with a label that ends the guessing of where
/// one part stops: labels differ, and what follows them has its lengths inside.
pub(crate) fn mac(key: &SubKey, parts: &[&[u8]]) -> [u8; 32] {
    started(key, parts).finalize().into_bytes().into()
}

/// Whether `tag` is the [`mac`] of the parts, compared in constant time.
pub(crate) fn mac_holds(key: &SubKey, parts: &[&[u8]], tag: &[u8]) -> bool {
    started(key, parts).verify_slice(tag).is_ok()
}

fn started(key: &SubKey, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.0.as_slice())
        .expect("HMAC accepts keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// SHA-256 over the parts in order.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    const VAULT: VaultId = VaultId([1; 16]);

    fn key() -> SubKey {
        SubKey::from_bytes(&[7; 32])
    }

    #[test]
    fn sealed_bytes_open_in_their_place() {
        let sealed = seal(&key(), b"here", b"plain", &mut rng(1));
        assert_eq!(sealed.len(), 5 + OVERHEAD, "a nonce before, a tag after");
        let opened = open(&key(), b"here", &sealed).expect("same key, same place");
        assert_eq!(opened.as_slice(), b"plain", "what went in comes out");
    }

    #[test]
    fn sealed_bytes_open_nowhere_else() {
        let sealed = seal(&key(), b"here", b"plain", &mut rng(1));
        assert!(open(&key(), b"there", &sealed).is_none(), "another place");
        let other = SubKey::from_bytes(&[8; 32]);
        assert!(open(&other, b"here", &sealed).is_none(), "another key");
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let sealed = seal(&key(), b"here", b"plain", &mut rng(1));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut bad = sealed.clone();
                bad[at] ^= 1 << bit;
                assert!(open(&key(), b"here", &bad).is_none(), "byte {at} bit {bit}");
            }
            assert!(
                open(&key(), b"here", &sealed[..at]).is_none(),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn the_same_bytes_are_never_sealed_alike_twice() {
        let mut rng = rng(1);
        let first = seal(&key(), b"", b"plain", &mut rng);
        let second = seal(&key(), b"", b"plain", &mut rng);
        assert_ne!(first, second, "each has its own nonce");
    }

    #[test]
    fn subkeys_differ_by_use_and_by_vault() {
        let all = [
            SubKey::derive(&[9; 32], VAULT, "couchkey/v1/item"),
            SubKey::derive(&[9; 32], VAULT, "couchkey/v1/index"),
            SubKey::derive(&[9; 32], VAULT, "couchkey/v1/head"),
            SubKey::derive(&[9; 32], VaultId([2; 16]), "couchkey/v1/item"),
        ];
        for (n, one) in all.iter().enumerate() {
            for other in &all[n + 1..] {
                assert_ne!(*one.0, *other.0, "one key for one use");
            }
        }
    }

    #[test]
    fn a_mac_notices_another_message_and_another_key() {
        let tag = mac(&key(), &[b"label", b"message"]);
        assert!(mac_holds(&key(), &[b"label", b"message"], &tag), "its own");
        assert!(!mac_holds(&key(), &[b"label", b"massage"], &tag), "message");
        let other = SubKey::from_bytes(&[8; 32]);
        assert!(!mac_holds(&other, &[b"label", b"message"], &tag), "key");
        assert!(
            !mac_holds(&key(), &[b"label", b"message"], &tag[..31]),
            "cut"
        );
    }

    /// RFC 5869, appendix A.1, by way of the same calls, so that the wiring of salt and info is proven.
    #[test]
    fn hkdf_gives_the_rfc_5869_value() {
        let mut out = [0; 42];
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        Hkdf::<Sha256>::new(Some(&salt), &[0x0b; 22])
            .expand(&info, &mut out)
            .expect("42 bytes");
        assert_eq!(
            out[..8],
            [0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a],
            "A.1"
        );
    }
}
