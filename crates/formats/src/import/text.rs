//! Bytes to text: the one place where a stranger's bytes become characters.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use zeroize::Zeroizing;

/// A text that came as bytes. No `Debug` and no `Clone`: it may hold secrets.
pub enum Text<'a> {
    /// It is UTF-8, as nearly every app writes it.
    Utf8(&'a str),
    /// It was something else.
    Decoded {
        /// What it says.
        text: Zeroizing<String>,
        /// Nothing in it says which encoding it is: letters other than those of ASCII are a guess.
        is_guess: bool,
    },
}

impl Text<'_> {
    /// What it says.
    pub fn as_str(&self) -> &str {
        match self {
            Text::Utf8(text) => text,
            Text::Decoded { text, .. } => text,
        }
    }

    /// Whether its encoding was a guess.
    pub fn is_guess(&self) -> bool {
        matches!(self, Text::Decoded { is_guess: true, .. })
    }
}

/// The text that bytes are: by their byte-order mark, as UTF-8, or by the old encoding that they look most like,
/// Windows-1252 where nothing tells. `None` for what is no text.
pub fn decode(bytes: &[u8]) -> Option<Text<'_>> {
    match Encoding::for_bom(bytes) {
        Some((encoding, mark)) if encoding == UTF_8 => {
            if let Ok(text) = std::str::from_utf8(&bytes[mark..]) {
                return Some(Text::Utf8(text));
            }
        }
        Some((encoding, mark)) => return decoded(encoding, &bytes[mark..], false),
        None => {}
    }
    if let Some(encoding) = unmarked_utf_16(bytes)
        && let Some(text) = decoded(encoding, bytes, false)
    {
        return Some(text);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Text::Utf8(text));
    }
    // Programs, archives and what is sealed have these; no text in an old encoding does.
    let is_binary = |byte: &u8| *byte < b' ' && !b"\t\n\r\x0c".contains(byte);
    if bytes.iter().any(is_binary) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let likeliest = detector.guess(None, Utf8Detection::Deny);
    decoded(likeliest, bytes, true).or_else(|| decoded(WINDOWS_1252, bytes, true))
}

/// UTF-16 without its mark: every other byte of the first characters is zero, for those of exports are in ASCII.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..8)?;
    let is_zero = |places: [usize; 4]| places.iter().all(|&at| start[at] == 0);
    let is_ascii = |places: [usize; 4]| places.iter().all(|&at| matches!(start[at], 9..=126));
    let (even, odd) = ([0, 2, 4, 6], [1, 3, 5, 7]);
    match bytes.len() % 2 {
        0 if is_ascii(even) && is_zero(odd) => Some(UTF_16LE),
        0 if is_zero(even) && is_ascii(odd) => Some(UTF_16BE),
        _ => None,
    }
}

/// `None` where the bytes are not in that encoding.
fn decoded(encoding: &'static Encoding, bytes: &[u8], is_guess: bool) -> Option<Text<'static>> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    // All of it at once: growing would leave copies of secrets behind.
    let most = decoder.max_utf8_buffer_length_without_replacement(bytes.len())?;
    let mut text = Zeroizing::new(String::with_capacity(most));
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    (result == DecoderResult::InputEmpty).then_some(Text::Decoded { text, is_guess })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(String, bool)> {
        decode(bytes).map(|text| (text.as_str().to_owned(), text.is_guess()))
    }

    #[test]
    fn a_byte_order_mark_says_it_and_without_one_ascii_in_utf_16_does() {
        let sure = Some(("otp: Bücherei".to_owned(), false));
        let units: Vec<u16> = "otp: Bücherei".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(
            read(&[b"\xff\xfe", little.as_slice()].concat()),
            sure,
            "UTF-16, little end first"
        );
        assert_eq!(
            read(&[b"\xfe\xff", big.as_slice()].concat()),
            sure,
            "and big end first"
        );
        assert_eq!(read(&little), sure, "without its mark");
        assert_eq!(read(&big), sure, "either way");
        assert_eq!(
            read("\u{feff}otp: Bücherei".as_bytes()),
            sure,
            "UTF-8 with a mark"
        );
        assert_eq!(read("otp: Bücherei".as_bytes()), sure, "and without");
    }

    #[test]
    fn what_is_not_utf_8_is_read_as_windows_1252_and_said_to_be_a_guess() {
        let guess = |text: &str| Some((text.to_owned(), true));
        assert_eq!(
            read(b"otp: B\xfccherei"),
            guess("otp: Bücherei"),
            "one umlaut in a list"
        );
        assert_eq!(
            read(b"Caf\xe9 \x80"),
            guess("Café €"),
            "Windows' own place for the euro"
        );
        assert_eq!(
            read(b"\x00\xff\x01"),
            None,
            "what has control characters is no text"
        );
    }
}
