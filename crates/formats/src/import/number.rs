//! Numbers and bytes as other apps spell them in JSON.

use std::fmt;

use couchkey_otp::ascii_digits;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// A number as an entry says it: as a number, or as a text that is one. Never wrapped, never cut: what is none, and what
/// no number here can be, is [`Unreadable`](Number::Unreadable), which every rule refuses by its own name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) enum Number {
    /// Not there, `null`, or an empty text: whatever is the default.
    #[default]
    Unsaid,
    Whole(i64),
    Unreadable,
}

impl Number {
    /// A text that is a number; with digits of any script, for somebody may have typed it.
    pub(super) fn read(text: &str) -> Number {
        match ascii_digits(text.trim()).as_str() {
            "" => Number::Unsaid,
            text => text.parse().map_or(Number::Unreadable, Number::Whole),
        }
    }

    /// As [`read`](Self::read), of a field that may not be there.
    pub(super) fn of(text: Option<&str>) -> Number {
        text.map_or(Number::Unsaid, Number::read)
    }

    /// This one, or where it says nothing, the other.
    pub(super) fn or(self, other: Number) -> Number {
        match self {
            Number::Unsaid => other,
            said => said,
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(Spelled)
    }
}

/// Whatever JSON puts where a number should be, so that an odd one is refused by its name and not as a broken entry.
struct Spelled;

impl<'de> Visitor<'de> for Spelled {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number::Whole(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
        Ok(i64::try_from(number).map_or(Number::Unreadable, Number::Whole))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
        // Up to 2⁵³ every whole number is exact in an f64.
        let whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        Ok(match whole {
            true => Number::Whole(number as i64),
            false => Number::Unreadable,
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        Ok(Number::read(text))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
        Ok(Number::Unsaid)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Number, E> {
        Ok(Number::Unreadable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Number, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number::Unreadable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number::Unreadable)
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
