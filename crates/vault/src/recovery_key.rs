//! The recovery key: 160 random bits, written as eight groups of base32 with a check character each.
//!
//! Crockford's alphabet, because people copy it by hand: no I, L, O or U; either case; I and L are read as 1, O as 0.
//! The fifth character of each group checks the four before it *and* the group's number, so a mistake is found before
//! any key is tried and can be pointed at: "look at the third group". See `docs/decisions/0021`.

use rand_core::CryptoRng;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

/// What opens a vault when everything else is gone. It is shown once and kept on paper.
pub struct RecoveryKey(Box<[u8; 20]>);

impl RecoveryKey {
    /// A new random key.
    pub fn generate(rng: &mut impl CryptoRng) -> RecoveryKey {
        let mut key = RecoveryKey(Box::new([0; 20]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    /// Reads what somebody typed or scanned: either case, with or without blanks and dashes of any kind.
    ///
    /// # Errors
    ///
    /// A mistake is named by its place, never by what was typed.
    pub fn parse(text: &str) -> Result<RecoveryKey, RecoveryKeyError> {
        let mut values = Zeroizing::new([0u8; CHARACTERS]);
        let mut count = 0;
        for character in text.chars() {
            if is_separator(character) {
                continue;
            }
            if let Some(place) = values.get_mut(count) {
                *place = value(character).ok_or(RecoveryKeyError::BadCharacter {
                    position: count + 1,
                })?;
            }
            count += 1;
        }
        if count < CHARACTERS {
            return Err(RecoveryKeyError::TooShort { characters: count });
        }
        if count > CHARACTERS {
            return Err(RecoveryKeyError::TooLong { characters: count });
        }
        let mut key = RecoveryKey(Box::new([0; 20]));
        for (number, group) in values.chunks_exact(GROUP).enumerate() {
            if check(number, &group[..GROUP - 1]) != group[GROUP - 1] {
                return Err(RecoveryKeyError::BadCheck { group: number + 1 });
            }
            // Four characters are 20 bits: two groups fill five bytes.
            for (place, five_bits) in group[..GROUP - 1].iter().enumerate() {
                let first = (number * (GROUP - 1) + place) * 5;
                for bit in 0..5 {
                    let at = first + bit;
                    key.0[at / 8] |= ((five_bits >> (4 - bit)) & 1) << (7 - at % 8);
                }
            }
        }
        Ok(key)
    }

    /// The key as it is shown: `XXXXX-XXXXX-…`, eight groups of five.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + GROUPS));
        for number in 0..GROUPS {
            if number > 0 {
                text.push('-');
            }
            let mut group = Zeroizing::new([0u8; GROUP - 1]);
            for (place, five_bits) in group.iter_mut().enumerate() {
                let first = (number * (GROUP - 1) + place) * 5;
                for at in first..first + 5 {
                    *five_bits = *five_bits << 1 | (self.0[at / 8] >> (7 - at % 8)) & 1;
                }
                text.push(char::from(ALPHABET[usize::from(*five_bits)]));
            }
            text.push(char::from(
                ALPHABET[usize::from(check(number, group.as_slice()))],
            ));
        }
        text
    }

    pub(crate) fn expose(&self) -> &[u8; 20] {
        &self.0
    }
}

impl Drop for RecoveryKey {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// Why a text is not a recovery key. None of these says anything about the vault: no key was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RecoveryKeyError {
    /// Characters are missing.
    #[error("a recovery key has 40 characters, this has {characters}")]
    TooShort {
        /// How many there are, blanks and dashes not counted.
        characters: usize,
    },
    /// There is more than a recovery key here.
    #[error("a recovery key has 40 characters, this has {characters}")]
    TooLong {
        /// How many there are, blanks and dashes not counted.
        characters: usize,
    },
    /// A character that no recovery key has.
    #[error("character {position} is not one that a recovery key has")]
    BadCharacter {
        /// Which, from 1, blanks and dashes not counted.
        position: usize,
    },
    /// A group does not fit its check character: there is a typing mistake in it, or groups changed places.
    #[error("group {group} has a typing mistake")]
    BadCheck {
        /// Which, from 1 to 8.
        group: usize,
    },
}

const GROUPS: usize = 8;
const GROUP: usize = 5;
const CHARACTERS: usize = GROUPS * GROUP;

/// Crockford's base32: digits first, then letters without I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn value(character: char) -> Option<u8> {
    // Keyboards of other scripts write digits of their own, and wide letters.
    let plain = match couchkey_otp::digit(character) {
        Some(digit) => char::from(b'0' + digit),
        None if ('\u{FF21}'..='\u{FF5A}').contains(&character) => {
            std::iter::once(character).nfkc().next()?
        }
        None => character,
    };
    let character = match plain.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    let byte = u8::try_from(character).ok()?;
    let place = ALPHABET.iter().position(|&known| known == byte)?;
    u8::try_from(place).ok()
}

fn is_separator(character: char) -> bool {
    // Blanks, and every hyphen, dash and minus that a word processor makes out of `-`; the last two are invisible.
    character.is_whitespace()
        || matches!(
            character,
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}' | '\u{FEFF}' | '\u{200B}'
        )
}

/// The check of group n (from 0) with the characters w, x, y, z: n·a⁵ + w·a⁴ + x·a³ + y·a² + z·a over GF(32). The
/// weights differ and none is zero or one, so every single wrong character and every two that changed places, the
/// check character included, are noticed.
fn check(number: usize, characters: &[u8]) -> u8 {
    let start = u8::try_from(number).expect("there are eight groups");
    let sum = characters
        .iter()
        .fold(start, |sum, &character| times_a(sum) ^ character);
    times_a(sum)
}

/// Multiplication by a in GF(2⁵) with the polynomial x⁵ + x² + 1.
fn times_a(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 0x20 == 0 {
        shifted
    } else {
        (shifted ^ 0x05) & 0x1F
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    fn example() -> RecoveryKey {
        RecoveryKey::generate(&mut rng(5))
    }

    #[test]
    fn a_key_is_read_back_from_its_own_text() {
        for seed in 0..64 {
            let key = RecoveryKey::generate(&mut rng(seed));
            let text = key.to_text();
            assert_eq!(text.len(), 47, "eight groups of five and seven dashes");
            let read = RecoveryKey::parse(&text).expect("our own text");
            assert_eq!(read.expose(), key.expose(), "the same 160 bits");
        }
    }

    #[test]
    fn it_is_read_as_people_type_it() {
        let key = example();
        let text = key.to_text();
        let lower = text.to_lowercase();
        let blanks = text.replace('-', "  ");
        let dashes = text.replace('-', " \u{2013}\n");
        let letters = text.replace('1', "l").replace('0', "o");
        let capitals = text.replace('1', "I").replace('0', "O");
        let bare = text.replace('-', "");
        // As a Japanese keyboard writes it.
        let wide: String = text
            .chars()
            .map(|c| char::from_u32(u32::from(c) + 0xFEE0).expect("a wide character"))
            .collect();
        for typed in [lower, blanks, dashes, letters, capitals, bare, wide] {
            let read = RecoveryKey::parse(&typed).expect("only the looks differ");
            assert_eq!(read.expose(), key.expose(), "the same 160 bits");
        }
    }

    #[test]
    fn every_single_wrong_character_is_found_in_its_group() {
        let text = example().to_text().replace('-', "");
        for at in 0..text.len() {
            for &wrong in ALPHABET {
                if text.as_bytes()[at] == wrong {
                    continue;
                }
                let mut typed = text.clone().into_bytes();
                typed[at] = wrong;
                let typed = String::from_utf8(typed).expect("ASCII");
                assert_eq!(
                    RecoveryKey::parse(&typed).err(),
                    Some(RecoveryKeyError::BadCheck { group: at / 5 + 1 }),
                    "the check has a weight for every place"
                );
            }
        }
    }

    #[test]
    fn two_characters_that_changed_places_are_found() {
        let text = example().to_text().replace('-', "");
        for first in 0..text.len() {
            for second in first + 1..text.len().min(first + 5) {
                let mut typed = text.clone().into_bytes();
                typed.swap(first, second);
                if typed == text.as_bytes() {
                    continue;
                }
                let typed = String::from_utf8(typed).expect("ASCII");
                assert!(
                    matches!(
                        RecoveryKey::parse(&typed).err(),
                        Some(RecoveryKeyError::BadCheck { .. })
                    ),
                    "places {first} and {second} have different weights"
                );
            }
        }
    }

    #[test]
    fn two_groups_that_changed_places_are_found() {
        let text = example().to_text();
        let mut groups: Vec<&str> = text.split('-').collect();
        groups.swap(2, 5);
        assert_eq!(
            RecoveryKey::parse(&groups.join("-")).err(),
            Some(RecoveryKeyError::BadCheck { group: 3 }),
            "the group's number is part of its check"
        );
    }

    #[test]
    fn what_is_missing_or_too_much_is_counted() {
        let text = example().to_text();
        assert_eq!(
            RecoveryKey::parse(&text[..46]).err(),
            Some(RecoveryKeyError::TooShort { characters: 39 }),
            "one short"
        );
        assert_eq!(
            RecoveryKey::parse(&format!("{}0", *text)).err(),
            Some(RecoveryKeyError::TooLong { characters: 41 }),
            "one too many"
        );
        assert_eq!(
            RecoveryKey::parse("").err(),
            Some(RecoveryKeyError::TooShort { characters: 0 }),
            "nothing typed"
        );
    }

    #[test]
    fn a_character_that_no_key_has_is_named_by_its_place() {
        let text = example().to_text();
        for strange in ["U", "é", "!", "\u{1F511}"] {
            let typed = format!("{}{strange}{}", &text[..7], &text[8..]);
            assert_eq!(
                RecoveryKey::parse(&typed).err(),
                Some(RecoveryKeyError::BadCharacter { position: 7 }),
                "the seventh character, dashes not counted"
            );
        }
    }
}
