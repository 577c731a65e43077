//! The shared secret: the one value in this crate that must never be seen.
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::base32;

/// The key that the service and the authenticator share (the K of RFC 4226, section 5.1): 1 to 512 bytes.
///
/// It has no `Debug`, `Clone`, `PartialEq` or serialisation and is wiped when dropped; what must be done with it is
/// done by name.
///
/// ```compile_fail
/// println!("{:?}", couchkey_otp::Secret::from_bytes(b"12345678901234567890").ok());
/// ```
/// ```compile_fail
/// let secret = couchkey_otp::Secret::from_bytes(b"12345678901234567890").expect("20 bytes");
/// let _ = secret.clone();
/// ```
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The longest secret that is accepted, in bytes.
    pub const MAX_BYTES: usize = 512;

    /// Copies `bytes`; wiping the original is up to its owner.
    ///
    /// # Errors
    ///
    /// [`SecretError::Empty`] and [`SecretError::TooLong`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Secret, SecretError> {
        match bytes.len() {
            0 => Err(SecretError::Empty),
            1..=Self::MAX_BYTES => Ok(Secret(Zeroizing::new(bytes.to_vec()))),
            bytes => Err(SecretError::TooLong { bytes }),
        }
    }

    /// Reads base32 (RFC 4648, section 6) as people and services spell it: in any case, with or without padding,
    /// grouped by blanks or `-`. The flag is true where bits were left over at the end, as no encoder does; they are
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`SecretError`], which never quotes the text.
    pub fn from_base32(text: &str) -> Result<(Secret, bool), SecretError> {
        let (bytes, noncanonical) = base32::decode(text)?;
        Ok((Secret(bytes), noncanonical))
    }

    /// The bytes.
    ///
    /// # Security
    ///
    /// Whoever sees them makes every code of this account. They go into an HMAC or a sealed vault and nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How long it is, in bits. RFC 4226, section 4 (R6) asks for 128 and recommends 160; real services use 80.
    pub fn bits(&self) -> u32 {
        self.0.len() as u32 * 8
    }

    /// In base32, upper case, without padding: the spelling that other apps ask for.
    ///
    /// # Security
    ///
    /// As [`expose`](Secret::expose): for an export that the person has asked for.
    pub fn to_base32(&self) -> Zeroizing<String> {
        base32::encode(&self.0)
    }

    /// Whether both hold the same bytes, in a time that depends on their lengths only.
    pub fn same_as(&self, other: &Secret) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }

    /// A second copy in memory. Named, because each copy is one more to look after.
    pub fn duplicate(&self) -> Secret {
        Secret(self.0.clone())
    }
}

/// Why a secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing is left when blanks, dashes and padding are taken away.
    #[error("the secret key is empty")]
    Empty,
    /// Something other than the letters A to Z and the figures 2 to 7.
    #[error("the secret key has a character that no secret key has")]
    BadCharacter,
    /// A single character: not one whole byte.
    #[error("the secret key is cut short")]
    CutShort,
    /// More than [`Secret::MAX_BYTES`].
    #[error("the secret key is {bytes} bytes long; 512 is the most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl SecretError {
    /// The stable name of this error.
    pub const fn code(self) -> &'static str {
        match self {
            SecretError::Empty => "empty_secret",
            SecretError::BadCharacter | SecretError::CutShort => "bad_secret",
            SecretError::TooLong { .. } => "too_long_secret",
        }
    }

    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            SecretError::Empty => "Enter the key that the service shows beside its QR code.",
            SecretError::BadCharacter => {
                "A key is made of the letters A to Z and the figures 2 to 7. Look for 0 in place of O, 1 in place of I \
                 or L, 8 in place of B."
            }
            SecretError::CutShort => "Copy the whole key from the service once more.",
            SecretError::TooLong { .. } => {
                "Check that only the key was entered, and not other text with it."
            }
        }
    }
}
