//! Base32 (RFC 4648, section 6), read leniently where the bytes cannot change and strictly where they would.
use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::secret::{Secret, SecretError};

/// The bytes, and whether bits were left over that no encoder leaves.
pub(crate) fn decode(text: &str) -> Result<(Zeroizing<Vec<u8>>, bool), SecretError> {
    let spelled = strip(text);
    if spelled.is_empty() {
        return Err(SecretError::Empty);
    }
    // ASCII only: full-width letters and other look-alikes are a mistake somewhere, and folding them would hide it.
    if !spelled
        .bytes()
        .all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
    {
        return Err(SecretError::BadCharacter);
    }
    let bytes = spelled.len() * 5 / 8;
    match bytes {
        0 => return Err(SecretError::CutShort),
        1..=Secret::MAX_BYTES => {}
        _ => return Err(SecretError::TooLong { bytes }),
    }

    // A last character that completes no byte is dropped whole; of one that does, the bits behind the byte are.
    let needed = (bytes * 8).div_ceil(5);
    let mut specification = BASE32_NOPAD.specification();
    specification.check_trailing_bits = false;
    let lenient = specification
        .encoding()
        .expect("RFC 4648's own alphabet, only less strict");
    let mut decoded = Zeroizing::new(vec![0; bytes]);
    lenient
        .decode_mut(&spelled.as_bytes()[..needed], &mut decoded)
        .expect("only characters of the alphabet, in a length that an encoder produces");

    let noncanonical = *encode(&decoded) != *spelled;
    Ok((decoded, noncanonical))
}

/// Upper case, without padding.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    // The capacity is exact: growing would leave an unwiped copy behind.
    let mut text = Zeroizing::new(String::with_capacity(BASE32_NOPAD.encode_len(bytes.len())));
    BASE32_NOPAD.encode_append(bytes, &mut text);
    text
}

/// Without what people and services put between and behind the characters, in upper case.
fn strip(text: &str) -> Zeroizing<String> {
    let mut spelled = Zeroizing::new(String::with_capacity(text.len()));
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        spelled.push(c.to_ascii_uppercase());
    }
    let end = spelled.trim_end_matches('=').len();
    spelled.truncate(end);
    spelled
}
