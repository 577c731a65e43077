//! Secrets at rest: XChaCha20-Poly1305 under a key-encryption key, and HMAC-SHA256 under a pepper.
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, Mac};
use rand::{Rng, RngExt};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::store::Hash;

/// The keys that are not in the database: the pepper, the key-encryption key, and older ones that still open.
///
/// It is a text of a few lines, for a file with mode 600 or an environment variable:
///
/// ```text
/// pepper 8f4c… (64 hexadecimal figures; never changes, or nobody's address is found again)
/// key 2 51aa… (the number of the key, then 64 hexadecimal figures; the first key line seals)
/// key 1 0c9e… (older keys only open)
/// ```
///
/// Empty lines and lines that start with `#` do not count.
///
/// To rotate the key-encryption key: [`rotated`](KeyRing::rotated), start every instance with the new ring,
/// [`Platform::reseal`](crate::Platform::reseal) until it returns 0, wait ten minutes (for codes under way), and
/// take the old line out.
///
/// ```
/// use couchkey_platform::KeyRing;
///
/// let ring = KeyRing::generate().rotated();
/// let text = ring.to_text();
/// assert_eq!(KeyRing::from_text(&text)?.to_text(), text);
/// # Ok::<(), couchkey_platform::KeyRingError>(())
/// ```
pub struct KeyRing {
    pepper: Zeroizing<[u8; 32]>,
    /// The first one seals.
    keys: Vec<(u32, Zeroizing<[u8; 32]>)>,
}

/// The text is not a key ring. Says where, never what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of the key ring is not `pepper HEX` or `key NUMBER HEX` (64 hexadecimal figures), or it is missing"
)]
pub struct KeyRingError {
    /// The line, from 1; after the last one when the pepper or a key is missing.
    pub line: usize,
}

const NONCE: usize = 24;

impl KeyRing {
    /// A new one, from the operating system's generator.
    pub fn generate() -> KeyRing {
        KeyRing {
            pepper: random(),
            keys: vec![(1, random())],
        }
    }

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// [`KeyRingError`].
    pub fn from_text(text: &str) -> Result<KeyRing, KeyRingError> {
        let mut pepper = None;
        let mut keys: Vec<(u32, Zeroizing<[u8; 32]>)> = Vec::new();
        let mut line = 0;
        for content in text.lines() {
            line += 1;
            let words: Vec<&str> = content.split_whitespace().collect();
            match *words.as_slice() {
                [] => {}
                [word, ..] if word.starts_with('#') => {}
                ["pepper", hex] if pepper.is_none() => {
                    pepper = Some(key(hex).ok_or(KeyRingError { line })?);
                }
                ["key", number, hex] => {
                    let number = number.parse().map_err(|_| KeyRingError { line })?;
                    if keys.iter().any(|(other, _)| *other == number) {
                        return Err(KeyRingError { line });
                    }
                    keys.push((number, key(hex).ok_or(KeyRingError { line })?));
                }
                _ => return Err(KeyRingError { line }),
            }
        }
        match pepper {
            Some(pepper) if !keys.is_empty() => Ok(KeyRing { pepper, keys }),
            _ => Err(KeyRingError { line: line + 1 }),
        }
    }

    /// Writes the text form.
    ///
    /// # Security
    ///
    /// Whoever has this and the database has every secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        // One capacity for all: growing would leave unwiped copies behind.
        let mut text = Zeroizing::new(String::with_capacity(80 + 84 * self.keys.len()));
        text.push_str("pepper ");
        HEXLOWER.encode_append(&*self.pepper, &mut text);
        for (number, key) in &self.keys {
            text.push_str("\nkey ");
            text.push_str(&number.to_string());
            text.push(' ');
            HEXLOWER.encode_append(&**key, &mut text);
        }
        text.push('\n');
        text
    }

    /// The same ring with one more key, which seals from now on.
    #[must_use]
    pub fn rotated(mut self) -> KeyRing {
        let highest = self.keys.iter().map(|(number, _)| *number).max();
        let number = highest.unwrap_or(0).wrapping_add(1);
        self.keys.insert(0, (number, random()));
        self
    }

    /// The number of the key that seals.
    pub(crate) fn sealing(&self) -> u32 {
        self.keys[0].0
    }

    /// Seals `plain`: the key's number ‖ nonce ‖ ciphertext ‖ tag. `place` says what it is and whose, so that nobody
    /// who writes into the database can move it to another row.
    pub(crate) fn seal(&self, place: &[&str], plain: &[u8]) -> Vec<u8> {
        let (number, key) = &self.keys[0];
        let mut nonce = [0; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: &associated(*number, place),
        };
        let sealed = XChaCha20Poly1305::new(&(**key).into())
            .encrypt(&XNonce::from(nonce), payload)
            .expect("ChaCha20-Poly1305 refuses only messages of 256 GiB and more");
        [number.to_be_bytes().as_slice(), &nonce, &sealed].concat()
    }

    /// Opens what [`KeyRing::seal`] made in the same place.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when anything at all differs.
    pub(crate) fn open(
        &self,
        place: &[&str],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let opened = || {
            let (number, rest) = sealed.split_first_chunk::<4>()?;
            let number = u32::from_be_bytes(*number);
            let (_, key) = self.keys.iter().find(|(other, _)| *other == number)?;
            let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
            let payload = Payload {
                msg: rest,
                aad: &associated(number, place),
            };
            XChaCha20Poly1305::new(&(**key).into())
                .decrypt(&XNonce::from(*nonce), payload)
                .ok()
        };
        opened().map(Zeroizing::new).ok_or(StoreError::Unreadable)
    }

    /// HMAC-SHA256 (RFC 2104) under the pepper; `label` says for what, and every part has its length in front.
    pub(crate) fn hash(&self, label: &str, parts: &[&[u8]]) -> Hash {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.pepper.as_slice())
            .expect("HMAC accepts keys of any length");
        for part in [label.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn associated(number: u32, place: &[&str]) -> Vec<u8> {
    let mut data = b"couchkey/platform/v1".to_vec();
    data.extend(number.to_be_bytes());
    for part in place {
        data.extend((part.len() as u64).to_be_bytes());
        data.extend(part.as_bytes());
    }
    data
}

fn random() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(key.as_mut_slice());
    key
}

fn key(hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// A new id: 128 random bits in hexadecimal.
pub(crate) fn new_id() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    HEXLOWER.encode(&bytes)
}

/// Digits, each as likely as the other: drawn again where the range does not divide (no modulo bias).
pub(crate) fn new_digits(count: u8) -> Zeroizing<String> {
    let below = 10_u32.pow(u32::from(count));
    let number = rand::rng().random_range(0..below);
    Zeroizing::new(format!("{number:0width$}", width = usize::from(count)))
}

/// The letters of a user code (RFC 8628, section 6.1): no vowels, so no words; nothing that looks like a figure.
pub(crate) const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Eight letters of [`LETTERS`], 34 bits.
pub(crate) fn new_letters() -> String {
    let mut rng = rand::rng();
    (0..8)
        .map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &[&str] = &["credential", "1", "ana"];

    #[test]
    fn sealed_bytes_open_in_their_place_and_nowhere_else() {
        let ring = KeyRing::generate();
        let sealed = ring.seal(PLACE, b"plain");
        assert_eq!(ring.open(PLACE, &sealed).unwrap().as_slice(), b"plain");
        for place in [
            &["credential", "1", "bob"][..],
            &["credential", "1a", "na"],
            &["contact", "1", "ana"],
            &["credential", "1"],
        ] {
            assert!(ring.open(place, &sealed).is_err(), "{place:?}");
        }
        assert!(KeyRing::generate().open(PLACE, &sealed).is_err(), "key");
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let ring = KeyRing::generate().rotated();
        let sealed = ring.seal(PLACE, b"plain");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut bad = sealed.clone();
                bad[at] ^= 1 << bit;
                assert!(ring.open(PLACE, &bad).is_err(), "byte {at} bit {bit}");
            }
            assert!(ring.open(PLACE, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_rotated_ring_opens_what_the_old_one_sealed() {
        let old = KeyRing::generate();
        let sealed = old.seal(PLACE, b"plain");
        let new = old.rotated();
        assert_eq!(new.sealing(), 2);
        assert!(new.open(PLACE, &sealed).is_ok());
        assert_eq!(new.seal(PLACE, b"plain")[..4], [0, 0, 0, 2]);
    }

    #[test]
    fn a_broken_text_is_refused_with_its_line() {
        let hex = "0".repeat(64);
        let bad = [
            (String::new(), 1),
            (format!("pepper {hex}\n"), 2),
            (format!("key 1 {hex}\n"), 2),
            (format!("pepper {hex}\npepper {hex}\nkey 1 {hex}"), 2),
            (format!("pepper {hex}\nkey 1 {hex}\n\nkey 1 {hex}"), 4),
            (format!("pepper {hex}\nkey one {hex}"), 2),
            (format!("pepper {}\nkey 1 {hex}", &hex[1..]), 1),
            (format!("# ours\npepper {hex}\nkey 1 {hex} 2"), 3),
        ];
        for (text, line) in bad {
            assert_eq!(
                KeyRing::from_text(&text).err(),
                Some(KeyRingError { line }),
                "{text}"
            );
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let ring = KeyRing::generate();
        assert_ne!(
            ring.hash("a", &[b"bc", b"d"]),
            ring.hash("a", &[b"b", b"cd"])
        );
        assert_ne!(ring.hash("ab", &[b"c"]), ring.hash("a", &[b"bc"]));
    }

    /// Chi-squared over the first digit: below 27.9 (nine degrees of freedom) in all but one of a thousand runs; a
    /// generator with modulo bias of a byte would be far above.
    #[test]
    fn digits_are_as_likely_as_each_other() {
        const DRAWS: u32 = 20_000;
        let mut seen = [0_u32; 10];
        for _ in 0..DRAWS {
            let code = new_digits(6);
            assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
            seen[usize::from(code.as_bytes()[0] - b'0')] += 1;
        }
        let expected = f64::from(DRAWS) / 10.0;
        let chi: f64 = seen
            .iter()
            .map(|n| (f64::from(*n) - expected).powi(2) / expected)
            .sum();
        assert!(chi < 50.0, "chi-squared {chi} (one run in ten million)");
    }
}
