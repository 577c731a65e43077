//! Secrets at rest: XChaCha20-Poly1305 under a key-encryption key, and HMAC-SHA256 under a pepper.
use zeroize::Zeroizing;

/// The keys that are not in the database: the pepper, the key-encryption key, and older ones that still open.
///
/// It is a text of a few lines, for a file with mode 600 or an environment variable:
///
/// ```text
/// pepper 8f4c… (64 hexadecimal figures; never changes)
/// key 2 51aa… (the number of the key, then 64 hexadecimal figures; the first key line seals)
/// key 1 0c9e… (older keys only open)
/// ```
pub struct KeyRing {
    pub(crate) pepper: Zeroizing<[u8; 32]>,
    pub(crate) keys: Vec<(u32, Zeroizing<[u8; 32]>)>,
}

/// The text is not a key ring. Says where, never what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of the key ring is not `pepper HEX` or `key NUMBER HEX` (64 hexadecimal figures)"
)]
pub struct KeyRingError {
    /// The line, from 1; after the last one when something is missing.
    pub line: usize,
}

impl KeyRing {
    /// A new one, from the operating system's generator.
    pub fn generate() -> KeyRing {
        todo!()
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`KeyRingError`].
    pub fn from_text(text: &str) -> Result<KeyRing, KeyRingError> {
        let _ = text;
        todo!()
    }

    /// Writes the text form.
    ///
    /// # Security
    /// Whoever has this and the database has every secret.
    pub fn to_text(&self) -> Zeroizing<String> {
        todo!()
    }

    /// The same ring with one more key, which seals from now on.
    pub fn rotated(self) -> KeyRing {
        todo!()
    }
}
