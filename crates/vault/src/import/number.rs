//! Numbers and bytes as other apps spell them in JSON.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A number, or a text that is one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Whole(i64),
    Real(f64),
    Text(String),
}

impl Number {
    /// The number; what is none becomes −1, which every rule refuses with its own name.
    pub(super) fn value(&self) -> i64 {
        match self {
            Number::Whole(number) => *number,
            Number::Real(number) if number.fract() == 0.0 && number.abs() < 1e15 => *number as i64,
            Number::Real(_) => -1,
            Number::Text(text) => text.trim().parse().unwrap_or(-1),
        }
    }
}

/// Bytes as Java's signed numbers; `None` where one of them is no byte.
pub(super) fn signed_bytes(numbers: &[i64]) -> Option<Zeroizing<Vec<u8>>> {
    let byte = |&number: &i64| match number {
        -128..=255 => Some((number & 0xff) as u8),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = numbers.iter().map(byte).collect();
    bytes.map(Zeroizing::new)
}

pub(super) fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes());
    bytes.ok().map(Zeroizing::new)
}

/// Base64, with or without the line ends that Android's encoder puts in.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    BASE64.decode(text.as_bytes()).ok().map(Zeroizing::new)
}
