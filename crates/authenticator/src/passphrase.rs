//! Whether a new passphrase is hard enough to guess: the password strength rule and its rating.
//!
//! The rule is NIST SP 800-63B-4, section 3.1.1.2: a least length that depends on what else is needed, no rule about
//! kinds of characters, and nothing that is known to be guessed first. How many guesses one takes is estimated by
//! `zxcvbn`, whose lists are of passwords that people really had: docs/decisions/0215.

pub(crate) mod slot;

use serde::Serialize;
use zeroize::Zeroizing;
use zxcvbn::feedback::Warning;

/// The least length beside a second factor, in characters.
const LEAST_WITH_KEYRING: usize = 8;

/// The least length where nothing else is needed, in characters.
const LEAST_ALONE: usize = 15;

/// The least number of guesses: with what one costs here (Argon2id, 64 MiB and more), years for somebody with many
/// machines. `zxcvbn` calls it "very unguessable".
const LEAST_GUESSES: u64 = 10_000_000_000;

/// So many characters are looked at; the rest can only make it better. The estimate takes more than twice as long for
/// twice as many.
const LOOKED_AT: usize = 64;

/// What is guessed first by whoever knows what this is about.
const OURS: [&str; 4] = ["couchkey", "authenticator", "passphrase", "otpauth"];

/// What a passphrase guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guards {
    /// The vault together with the key in this computer's keyring: whoever copied the files cannot even begin to guess.
    WithKeyring,
    /// A vault without a keyring, a backup, an export: whoever has the file can guess as long as they like.
    Alone,
}

/// Why a passphrase is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassphrase {
    /// Too few characters; blanks in a row count as one.
    #[error(
        "the passphrase is too short: it has to have {least} characters (blanks in a row count as one)"
    )]
    TooShort {
        /// So many it has to have.
        least: usize,
    },
    /// Too few guesses.
    #[error("{0}")]
    Guessable(WhyGuessable),
}

/// What a guesser tries first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum WhyGuessable {
    /// It, or nearly it, is on the lists of passwords that many people have.
    #[error(
        "that passphrase, or one like it, is on the lists of common passwords, which are tried first"
    )]
    Common,
    /// A word by itself.
    #[error("that passphrase is a single word, and whole dictionaries are tried first")]
    Word,
    /// Names.
    #[error("that passphrase is a name, and names are tried first")]
    Name,
    /// The same again and again.
    #[error("that passphrase repeats itself, which is guessed as fast as its first part")]
    Repeat,
    /// abc, 6543, qwerty.
    #[error("that passphrase is a row of keys or letters, and those are tried first")]
    Row,
    /// A day or a year.
    #[error("that passphrase is a date, and dates are tried first")]
    Date,
    /// No one reason.
    #[error("that passphrase is too easy to guess")]
    Short,
}

/// How good a new passphrase is, for the hint under its field. Nothing of the passphrase itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct PassphraseRating {
    /// It is taken.
    pub good: bool,
    /// One to four, for a row of bars.
    pub bars: u8,
    /// So many characters are missing.
    pub missing: u32,
    /// What a guesser would try, where it is long enough and not good.
    pub why: Option<WhyGuessable>,
}

/// Rates a passphrase while it is chosen.
#[must_use]
pub fn rate_passphrase(text: &str, guards: Guards) -> PassphraseRating {
    let guesses = guesses(text).0;
    let trouble = check(text, guards).err();
    let strong = match guesses {
        0..1_000_000 => 1,
        1_000_000..LEAST_GUESSES => 2,
        LEAST_GUESSES..100_000_000_000_000 => 3,
        _ => 4,
    };
    PassphraseRating {
        good: trouble.is_none(),
        bars: match trouble {
            None => strong,
            Some(WeakPassphrase::TooShort { .. }) => 1,
            Some(WeakPassphrase::Guessable(_)) => strong.min(2),
        },
        missing: match trouble {
            Some(WeakPassphrase::TooShort { least }) => {
                u32::try_from(least - length(text)).unwrap_or(u32::MAX)
            }
            _ => 0,
        },
        why: match trouble {
            Some(WeakPassphrase::Guessable(why)) => Some(why),
            _ => None,
        },
    }
}

/// Whether a new passphrase is taken.
///
/// # Errors
/// Why not.
pub(crate) fn check(text: &str, guards: Guards) -> Result<(), WeakPassphrase> {
    let least = match guards {
        Guards::WithKeyring => LEAST_WITH_KEYRING,
        Guards::Alone => LEAST_ALONE,
    };
    if length(text) < least {
        return Err(WeakPassphrase::TooShort { least });
    }
    match guesses(text) {
        (LEAST_GUESSES.., _) => Ok(()),
        (_, why) => Err(WeakPassphrase::Guessable(why)),
    }
}

/// In characters as Unicode counts them, blanks in a row as one and none at the ends: a row of blanks is no passphrase.
fn length(text: &str) -> usize {
    let words = text.split_whitespace();
    let (words, letters) = words.fold((0, 0), |(words, letters), word| {
        (words + 1, letters + word.chars().count())
    });
    letters + usize::saturating_sub(words, 1)
}

/// How many guesses it takes, and what makes it so few.
fn guesses(text: &str) -> (u64, WhyGuessable) {
    let looked_at: Zeroizing<String> = Zeroizing::new(text.chars().take(LOOKED_AT).collect());
    let estimate = zxcvbn::zxcvbn(&looked_at, &OURS);
    let warning = estimate.feedback().and_then(|feedback| feedback.warning());
    let why = match warning {
        Some(
            Warning::ThisIsATop10Password
            | Warning::ThisIsATop100Password
            | Warning::ThisIsACommonPassword
            | Warning::ThisIsSimilarToACommonlyUsedPassword,
        ) => WhyGuessable::Common,
        Some(Warning::AWordByItselfIsEasyToGuess) => WhyGuessable::Word,
        Some(
            Warning::NamesAndSurnamesByThemselvesAreEasyToGuess
            | Warning::CommonNamesAndSurnamesAreEasyToGuess,
        ) => WhyGuessable::Name,
        Some(
            Warning::RepeatsLikeAaaAreEasyToGuess
            | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess,
        ) => WhyGuessable::Repeat,
        Some(
            Warning::StraightRowsOfKeysAreEasyToGuess
            | Warning::ShortKeyboardPatternsAreEasyToGuess
            | Warning::SequencesLikeAbcAreEasyToGuess,
        ) => WhyGuessable::Row,
        Some(Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess) => {
            WhyGuessable::Date
        }
        None => WhyGuessable::Short,
    };
    (estimate.guesses(), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_a_common_password_with_digits_are_refused_and_told_why() {
        let why = |text| check(text, Guards::WithKeyring).unwrap_err().to_string();
        assert!(why("        ").contains("blanks"), "row 16: eight blanks");
        assert!(
            why("\u{3000}\u{A0}      \u{2003}").contains("blanks"),
            "odd ones"
        );
        assert!(why("password1234").contains("common"), "row 16");
        for (text, wanted) in [
            ("P@ssw0rd1234", WhyGuessable::Common),
            ("aaaaaaaaaaaaaaaaaaaa", WhyGuessable::Repeat),
            ("qwertyuiopasdf", WhyGuessable::Common),
            ("12/05/1987", WhyGuessable::Date),
            ("couchkey", WhyGuessable::Short),
            ("authentication", WhyGuessable::Word),
        ] {
            let found = check(text, Guards::WithKeyring);
            let Err(WeakPassphrase::Guessable(found)) = found else {
                panic!("{text}: {found:?}");
            };
            assert_eq!(found, wanted, "{text}");
        }
    }

    /// NIST SP 800-63B-4, section 3.1.1.2: no rule about kinds of characters; each code point counts as one.
    #[test]
    fn four_words_are_taken_in_any_script_and_no_kind_of_character_is_asked_for() {
        for text in [
            "correct horse battery",
            "trains leave at nine",
            "ein Sofa am Fluss",
            "Пароль для дома",
            "我家的沙发很舒服也很大又软又暖和",
            "🔑🛋🎬🍿🔑📺🎬🍿🔑🛋📼🍿🎞🛋🎬🍿",
        ] {
            assert_eq!(check(text, Guards::Alone), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_stands_alone_has_fifteen_characters_and_what_needs_the_keyring_too_has_eight() {
        let short = |least| Err(WeakPassphrase::TooShort { least });
        assert_eq!(check("vq7#Lm2", Guards::WithKeyring), short(8), "seven");
        assert_eq!(check("vq7#Lm2!xR4", Guards::WithKeyring), Ok(()), "eleven");
        assert_eq!(check("vq7#Lm2!xR4", Guards::Alone), short(15), "alone");
        assert_eq!(check("vq7#Lm2!xR4-9bT", Guards::Alone), Ok(()), "fifteen");
        assert_eq!(length("  so   fa  "), 5, "blanks in a row are one");
    }

    #[test]
    fn a_rating_says_how_far_it_is() {
        let rate = |text| rate_passphrase(text, Guards::WithKeyring);
        let short = rate("sofa");
        assert_eq!(
            (short.good, short.bars, short.missing),
            (false, 1, 4),
            "short"
        );
        let common = rate("password1234");
        assert_eq!(common.why, Some(WhyGuessable::Common), "says why");
        assert!(!common.good && common.bars <= 2, "and is not good");
        let good = rate("trains leave at nine");
        assert_eq!((good.good, good.bars, good.why), (true, 4, None), "good");
    }

    /// NIST asks for 64 characters at the least; what is longer is taken, and no text takes the estimate long.
    #[test]
    fn a_long_passphrase_is_taken_and_the_longest_is_estimated_soon() {
        let sentence = "the sofa by the window is where we watch the news at seven every evening ";
        assert_eq!(
            check(&sentence.repeat(100), Guards::Alone),
            Ok(()),
            "7,300 characters"
        );
        let nasty = "4@8({[<369!1|i0$5+7%2";
        let first: String = nasty.repeat(4).chars().take(LOOKED_AT).collect();
        assert_eq!(
            guesses(&nasty.repeat(10_000)),
            guesses(&first),
            "its first characters alone: all of it would take hours"
        );
    }
}
