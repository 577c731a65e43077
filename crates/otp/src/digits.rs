//! Digits of every script: what a person's keyboard writes for 0 to 9.
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use zeroize::Zeroizing;

/// The value of a decimal digit of any script (Unicode's category Nd): `6`, full-width `６`, Arabic-Indic `٦`,
/// Devanagari `६`. `None` for everything else, which includes `½`, `²` and `Ⅵ`.
///
/// ```
/// use couchkey_otp::digit;
///
/// assert_eq!(['6', '６', '٦', '۶', '६'].map(digit), [Some(6); 5]);
/// assert_eq!(['x', '²', 'Ⅵ', '六'].map(digit), [None; 4]);
/// ```
pub fn digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let is_digit = |c: char| c.general_category() == GeneralCategory::DecimalNumber;
    if !is_digit(c) {
        return None;
    }
    // Unicode promises (Stability Policies, "Numeric Type") that each script's ten stand together, from 0 to 9; a few
    // scripts stand side by side, so a row is as long as so many tens.
    let before = (0..u32::from(c)).rev().filter_map(char::from_u32);
    let place = before.take_while(|&c| is_digit(c)).count();
    u8::try_from(place % 10).ok()
}

/// A text with its digits of every script as 0 to 9, and everything else as it stands. For whatever reads a number or a
/// code that a person typed: keyboards for Japanese, Arabic, Persian or Hindi write digits of their own.
///
/// ```
/// use couchkey_otp::ascii_digits;
///
/// assert_eq!(*ascii_digits("６８２ ١٢٣"), *"682 123");
/// ```
pub fn ascii_digits(text: &str) -> Zeroizing<String> {
    // No digit is longer than what it came from, so the text never grows and leaves no copy behind.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(text.chars().map(|c| match digit(c) {
        Some(digit) => char::from(b'0' + digit),
        None => c,
    }));
    plain
}
