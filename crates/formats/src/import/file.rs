//! A file that is being looked at: its bytes, and the cheap signs by which formats are told apart, looked for once.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A file of some app.
pub(super) struct File<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// As text, without the mark that some apps put in front; `None` where it is none: see [`decode`](super::decode).
    pub text: Option<&'a str>,
    /// What its JSON looks like from outside.
    pub json: Json,
    /// The file that opens it together with a password, or alone.
    pub key_file: Option<&'a [u8]>,
}

/// JSON, judged by its outermost names. A file that is cut short still shows those that came before the cut.
#[derive(Default)]
pub(super) struct Json {
    /// The names of the outermost object, or of the first object in the outermost array.
    pub names: Vec<String>,
    /// The outermost value is an array.
    pub is_array: bool,
    /// It is JSON from beginning to end.
    pub is_whole: bool,
}

/// More names than this have no format: an object keyed by hashes has many.
const MOST_NAMES: usize = 64;

impl<'a> File<'a> {
    pub(super) fn new(
        bytes: &'a [u8],
        text: Option<&'a str>,
        key_file: Option<&'a [u8]>,
    ) -> File<'a> {
        let text = text.map(|text| text.strip_prefix('\u{feff}').unwrap_or(text));
        let begins = text.and_then(|text| text.trim_start().chars().next());
        let json = match (text, begins) {
            (Some(text), Some('{' | '[')) => Json::look(text),
            _ => Json::default(),
        };
        File {
            bytes,
            text,
            json,
            key_file,
        }
    }
}

impl Json {
    /// Whether all of these are among the outermost names.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        names
            .iter()
            .all(|name| self.names.iter().any(|known| known == name))
    }

    fn look(text: &str) -> Json {
        let seen = RefCell::new(Json::default());
        let mut reader = serde_json::Deserializer::from_str(text);
        let outcome = Outermost(&seen)
            .deserialize(&mut reader)
            .and_then(|()| reader.end());
        let mut json = seen.into_inner();
        json.is_whole = outcome.is_ok();
        json
    }
}

/// Writes down what it passes, so that an error on the way leaves what came before it.
struct Outermost<'s>(&'s RefCell<Json>);

impl<'de> DeserializeSeed<'de> for Outermost<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Outermost<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            {
                let names = &mut self.0.borrow_mut().names;
                if names.len() < MOST_NAMES {
                    names.push(name);
                }
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        self.0.borrow_mut().is_array = true;
        // The first element says what it is a list of.
        if list.next_element_seed(First(self.0))?.is_some() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
        }
        Ok(())
    }
}

/// The first element of an array: an object's names count, anything else says nothing.
struct First<'s>(&'s RefCell<Json>);

impl<'de> DeserializeSeed<'de> for First<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for First<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<(), M::Error> {
        Outermost(self.0).visit_map(map)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}
