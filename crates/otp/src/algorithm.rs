//! Which HMAC a code is made with, and how many digits of it are shown.
use std::fmt;
use std::str::FromStr;

/// The hash under the HMAC (RFC 6238, section 1.2). SHA-1 is the default everywhere; its known collisions do not
/// weaken an HMAC (RFC 4226, appendix B.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// HMAC-SHA-1, what nearly every service uses.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The spelling of the otpauth format: `SHA1`, `SHA256`, `SHA512`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the otpauth spelling in any case, and the spelled variants that are in use: `SHA-1`, `HMAC-SHA-512`,
/// `HmacSHA256`, `sha_256`, and Dart's `Algorithm.sha256`.
///
/// # Errors
///
/// [`AlgorithmUnknown`] for everything else, the empty text included: the wrong hash gives wrong codes for ever, so
/// it is never guessed.
impl FromStr for Algorithm {
    type Err = AlgorithmUnknown;

    fn from_str(text: &str) -> Result<Self, AlgorithmUnknown> {
        let plain: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | ' '))
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let plain = plain.strip_prefix("ALGORITHM.").unwrap_or(&plain);
        match plain.strip_prefix("HMAC").unwrap_or(plain) {
            "SHA1" => Ok(Algorithm::Sha1),
            "SHA256" => Ok(Algorithm::Sha256),
            "SHA512" => Ok(Algorithm::Sha512),
            _ => Err(AlgorithmUnknown),
        }
    }
}

/// The text names no algorithm that we make codes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an algorithm that codes are made with")]
pub struct AlgorithmUnknown;

impl AlgorithmUnknown {
    /// The stable name of this error.
    pub const fn code(self) -> &'static str {
        "unsupported_algorithm"
    }

    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        "Choose SHA1, SHA256 or SHA512. If the service does not say which, it is SHA1."
    }
}

/// How many digits a code has: 6, 7 or 8 (RFC 4226, section 5.3). Steam codes have five characters and do not use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(u8);

impl Digits {
    /// What nearly every service uses.
    pub const SIX: Digits = Digits(6);
    /// The other number that is in wide use.
    pub const EIGHT: Digits = Digits(8);

    /// # Errors
    ///
    /// [`DigitsOutOfRange`] unless `digits` is 6, 7 or 8.
    pub const fn new(digits: u8) -> Result<Digits, DigitsOutOfRange> {
        match digits {
            6..=8 => Ok(Digits(digits)),
            _ => Err(DigitsOutOfRange { digits }),
        }
    }

    /// The number of digits.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Digits::SIX
    }
}

/// A number of digits that no code has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("codes have 6 to 8 digits, not {digits}")]
pub struct DigitsOutOfRange {
    /// The number that was asked for.
    pub digits: u8,
}

impl DigitsOutOfRange {
    /// The stable name of this error.
    pub const fn code(self) -> &'static str {
        "unsupported_digits"
    }

    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        "Choose 6, 7 or 8. If the service does not say how many, it is 6."
    }
}
