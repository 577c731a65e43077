//! The set-up links of a text, wherever they stand: in lists, in prose, in the values of a JSON that no reader knows.

use std::fmt;

use couchkey_otp::{OtpauthError, otpauth};
use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::{NewAccount, ente};

/// A link, or a line without one. No `Debug`: it may hold a secret.
pub struct Found {
    /// Its line, from 1; in JSON, which value it is.
    pub line: usize,
    /// The text itself.
    pub text: Zeroizing<String>,
    /// It begins as a set-up link; otherwise it is what nobody can use.
    pub is_link: bool,
}

/// Reads one set-up link, with the note, the tags and the pin that Ente carries in its own.
///
/// # Errors
///
/// [`OtpauthError`]; it never quotes the text, which holds a secret.
pub fn read_link(text: &str) -> Result<NewAccount, OtpauthError> {
    ente::entry(text, otpauth::read)
}

/// Every set-up link of a text, and every line without one, in order: see [`otpauth::find`]. Of JSON, the values that
/// hold links; the other values are no entries, and nobody is told about them.
pub fn links(text: &str) -> Vec<Found> {
    if let Some(values) = json(text) {
        return values;
    }
    let pieces = otpauth::find(text);
    let found = pieces.into_iter().map(|piece| Found {
        line: piece.line,
        text: Zeroizing::new(piece.text.to_owned()),
        is_link: piece.is_link,
    });
    found.collect()
}

/// `None` for what is not JSON from beginning to end, or has no link in it.
fn json(text: &str) -> Option<Vec<Found>> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Strings(&mut found).deserialize(&mut reader);
    let is_whole = read.and_then(|()| reader.end()).is_ok();
    (is_whole && !found.is_empty()).then_some(found)
}

/// Takes the links out of every text of a JSON, whatever its shape.
struct Strings<'f>(&'f mut Vec<Found>);

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        for piece in otpauth::find(text)
            .into_iter()
            .filter(|piece| piece.is_link)
        {
            let line = self.0.len() + 1;
            self.0.push(Found {
                line,
                text: Zeroizing::new(piece.text.to_owned()),
                is_link: true,
            });
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Strings(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Strings(&mut *self.0))?;
        }
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}
