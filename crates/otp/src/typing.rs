//! Typing a code on a television: keypads, the presses between digits, a person's pace, and the appointment code, which
//! is the code of the step in which this person will be done.
//!
//! Pure: the time, the codes and the pace are arguments. Figures and what they were tuned by are in
//! `docs/benchmarks.md`, "Typing on a television", and decision 0300.
//!
//! ```
//! use couchkey_otp::{Period, typing::{Keypad, Speed, appointment}};
//!
//! // 20 seconds into its step, nobody can type 287082 with four arrows in time: this is about the next code.
//! let codes = ["287082", "359152", "969429", "338314", "254676"];
//! let next = appointment(20_000, Period::THIRTY, &codes, Keypad::ThreeByFour, Speed::UNKNOWN, 1_500.0)?;
//! assert_eq!((next.step_ahead, codes[next.step_ahead]), (1, "359152"));
//! assert_eq!((next.valid_from_ms, next.valid_until_ms), (30_000, 60_000));
//! # Ok::<(), couchkey_otp::typing::CannotType>(())
//! ```
use std::time::Duration;

use crate::Period;

/// The way in which a television takes a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keypad {
    /// `123/456/789/0`, as on a telephone. The television takes the code at its last digit.
    ThreeByFour,
    /// `1234567890` in one row, with OK at its right end.
    Row,
    /// `12345` above `67890`, with OK at the right end of the lower row.
    TwoRows,
    /// Letters as on a keyboard, the digits in a row above them, with OK in the lower right corner.
    Qwerty,
    /// Number buttons on the remote, then OK.
    Numbers,
    /// A keyboard on a telephone that types for the television, then its return key.
    Phone,
}

impl Keypad {
    /// All of them, in the order in which a person is asked.
    pub const ALL: [Keypad; 6] = [
        Keypad::ThreeByFour,
        Keypad::Row,
        Keypad::TwoRows,
        Keypad::Qwerty,
        Keypad::Numbers,
        Keypad::Phone,
    ];

    /// The stable name: what is kept, and what programs say.
    pub const fn as_str(self) -> &'static str {
        match self {
            Keypad::ThreeByFour => "3x4",
            Keypad::Row => "row",
            Keypad::TwoRows => "two-rows",
            Keypad::Qwerty => "qwerty",
            Keypad::Numbers => "numbers",
            Keypad::Phone => "phone",
        }
    }

    /// The keypad of that stable name.
    pub fn from_word(word: &str) -> Option<Keypad> {
        Keypad::ALL
            .into_iter()
            .find(|keypad| keypad.as_str() == word)
    }

    /// Whether the focus is moved with arrows; else every character has a key of its own.
    pub const fn has_arrows(self) -> bool {
        !matches!(self, Keypad::Numbers | Keypad::Phone)
    }

    /// The way of the focus through a code, one leg a character and one more where the keypad has an OK to end with.
    /// The focus begins on 1.
    ///
    /// # Errors
    ///
    /// [`CannotType::Nothing`] and [`CannotType::TooLong`] for a code without characters or with more than
    /// [`MAX_CHARACTERS`]; [`CannotType::NoKey`] for a character that this keypad does not have.
    pub fn path(self, code: &str) -> Result<Vec<Leg>, CannotType> {
        match code.chars().count() {
            0 => return Err(CannotType::Nothing),
            1..=MAX_CHARACTERS => {}
            _ => return Err(CannotType::TooLong),
        }
        let mut focus = self.place('1').unwrap_or_default();
        let mut leg = |key| {
            let place = match key {
                Some(c) => self.place(c)?,
                None => self.ok()?,
            };
            let leg = Leg {
                key,
                right: place.0 - focus.0,
                down: place.1 - focus.1,
            };
            focus = place;
            Some(leg)
        };
        let mut path = Vec::with_capacity(code.len() + 1);
        for c in code.chars() {
            path.push(leg(Some(c)).ok_or(CannotType::NoKey)?);
        }
        path.extend(leg(None));
        Ok(path)
    }

    /// How often a key of the remote is pressed for this code: arrows, and OK on every digit.
    ///
    /// # Errors
    ///
    /// As [`path`](Self::path).
    pub fn presses(self, code: &str) -> Result<u32, CannotType> {
        Ok(self.path(code)?.iter().map(Leg::presses).sum())
    }

    /// Where the key of this character is, as column and row. Where every character has a key, they are all at one place.
    fn place(self, c: char) -> Option<(i32, i32)> {
        let rows: &[&str] = match self {
            Keypad::ThreeByFour => &["123", "456", "789", " 0 "],
            Keypad::Row => &["1234567890"],
            Keypad::TwoRows => &["12345", "67890"],
            Keypad::Qwerty => &["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"],
            Keypad::Numbers => return c.is_ascii_digit().then_some((0, 0)),
            Keypad::Phone => return c.is_ascii_alphanumeric().then_some((0, 0)),
        };
        let c = c.to_ascii_lowercase();
        (0..).zip(rows).find_map(|(row, keys)| {
            let column = (0..)
                .zip(keys.chars())
                .find(|(_, key)| *key == c && c != ' ');
            column.map(|(column, _)| (column, row))
        })
    }

    /// Where the OK is that ends a code; `None` where the last digit does.
    const fn ok(self) -> Option<(i32, i32)> {
        match self {
            Keypad::ThreeByFour => None,
            Keypad::Row => Some((10, 0)),
            Keypad::TwoRows => Some((5, 1)),
            Keypad::Qwerty => Some((9, 3)),
            Keypad::Numbers | Keypad::Phone => Some((0, 0)),
        }
    }
}

/// The longest code that a path is made for: eight digits, an emailed code of ten, and room.
pub const MAX_CHARACTERS: usize = 64;

/// From one key of a keypad to the next one, which is then pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The character to press; `None` is the OK that ends the code.
    pub key: Option<char>,
    /// Columns to the right; to the left where it is negative.
    pub right: i32,
    /// Rows down; up where it is negative.
    pub down: i32,
}

impl Leg {
    /// Arrows, and one press on the key.
    pub const fn presses(&self) -> u32 {
        self.right.unsigned_abs() + self.down.unsigned_abs() + 1
    }

    /// The arrows to press, for example `→→↓`. Down comes last and up comes first, because beside the 0 of a 3×4 keypad
    /// there may be nothing to go over.
    pub fn arrows(&self) -> String {
        let side =
            if self.right < 0 { "←" } else { "→" }.repeat(self.right.unsigned_abs() as usize);
        let along = if self.down < 0 { "↑" } else { "↓" }.repeat(self.down.unsigned_abs() as usize);
        if self.down < 0 {
            along + &side
        } else {
            side + &along
        }
    }
}

/// How fast a person presses keys on one television, and how much that varies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    secs: f64,
    spread: f64,
}

impl Speed {
    /// Somebody of whom nothing is known: 0.65 s a press, the slower end of practised people (0.34 to 0.65 s, derived
    /// from the text-entry rates of TNT, CHI 2004, and EuroITV 2012), and so wide a spread that most people of twice
    /// that are in time, too.
    pub const UNKNOWN: Speed = Speed {
        secs: 0.65,
        spread: 0.65,
    };

    /// `secs` is the seconds a press, `spread` its standard deviation as a share of it.
    ///
    /// # Errors
    ///
    /// [`CannotType::Pace`] unless `secs` is 0.02 to 20, [`CannotType::Spread`] unless `spread` is 0 to 3.
    pub fn new(secs: f64, spread: f64) -> Result<Speed, CannotType> {
        if !(FASTEST..=SLOWEST).contains(&secs) {
            return Err(CannotType::Pace);
        }
        if !(0.0..=3.0).contains(&spread) {
            return Err(CannotType::Spread);
        }
        Ok(Speed { secs, spread })
    }

    /// Seconds a press.
    pub const fn secs(self) -> f64 {
        self.secs
    }

    /// The standard deviation as a share of [`secs`](Self::secs).
    pub const fn spread(self) -> f64 {
        self.spread
    }
}

const FASTEST: f64 = 0.02;
const SLOWEST: f64 = 20.0;

/// The pace of one person on one television, learnt from keep-your-place marks. What is kept of it are its
/// [`marks`](Self::marks).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Seconds a press, the newest last.
    marks: Vec<f64>,
}

impl Pace {
    /// How many marks count: those of the last four sign-ins with six digits.
    pub const MARKS: usize = 20;

    /// From what was kept. What cannot be a pace is left out, and of too many the last count.
    pub fn from_marks(kept: impl IntoIterator<Item = f64>) -> Pace {
        let mut pace = Pace::default();
        kept.into_iter().for_each(|secs| pace.learn(secs));
        pace
    }

    /// Seconds a press, the oldest first, at most [`Pace::MARKS`].
    pub fn marks(&self) -> &[f64] {
        &self.marks
    }

    /// Learns from the time between two marks and the presses from the one digit to the other. A clock that jumped, a
    /// telephone that rang and two marks at once teach nothing.
    pub fn mark(&mut self, presses: u32, took: Duration) {
        self.learn(took.as_secs_f64() / f64::from(presses));
    }

    /// "It was too late": only this last sign-in counts any more, and the pace is half as slow again at least.
    pub fn too_late(&mut self) {
        let slower = (self.speed().secs * 1.5).min(SLOWEST / 2.0);
        let last = self.marks.len().saturating_sub(A_SIGN_IN);
        self.marks.drain(..last);
        self.marks.resize(A_SIGN_IN, slower);
        for mark in &mut self.marks {
            *mark = mark.max(slower);
        }
    }

    /// The mean of the marks, none of them further from their median than two and a half times it or part of it, and
    /// their spread; of somebody without marks [`Speed::UNKNOWN`].
    pub fn speed(&self) -> Speed {
        if self.marks.is_empty() {
            return Speed::UNKNOWN;
        }
        let mut sorted = self.marks.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted[sorted.len() / 2];
        let count = sorted.len() as f64;
        let held = || {
            sorted
                .iter()
                .map(|secs| secs.clamp(middle / OUTLIER, middle * OUTLIER))
        };
        let mean = held().sum::<f64>() / count;
        let squares: f64 = held().map(|secs| (secs / mean - 1.0).powi(2)).sum();
        // Few marks say little of the spread: the wide one counts as one more of them.
        let spread = ((squares + Speed::UNKNOWN.spread.powi(2)) / (count + 1.0)).sqrt();
        Speed { secs: mean, spread }
    }

    fn learn(&mut self, secs: f64) {
        if (FASTEST..=SLOWEST / 2.0).contains(&secs) {
            self.marks.push(secs);
            let extra = self.marks.len().saturating_sub(Pace::MARKS);
            self.marks.drain(..extra);
        }
    }
}

/// The marks of a sign-in with six digits: between the first and the last.
const A_SIGN_IN: usize = 5;
const OUTLIER: f64 = 2.5;

/// Which code to type now, and when it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// How many steps after the current one; the index of its code.
    pub step_ahead: usize,
    /// Presses of the remote for this code.
    pub presses: u32,
    /// When this person is expected to be done, in milliseconds since 1970.
    pub expected_done_ms: u64,
    /// When the code begins to be good, in milliseconds since 1970.
    pub valid_from_ms: u64,
    /// When it ends to be, in milliseconds since 1970.
    pub valid_until_ms: u64,
    /// Somebody quick may be done before the code is good: the last press is kept until then.
    pub hold_last_press: bool,
}

/// How many steps after the current one are looked at.
pub const MOST_AHEAD: usize = 4;

/// The code of the step in which this person will be done.
///
/// `codes` are those of the current step and of the following ones; at most [`MOST_AHEAD`] + 1 are looked at. The first
/// is taken that leaves as much time as `speed` may be wrong by; where none does, the last. `glance_ms` is what looking
/// from the code to the television takes, or back: it counts twice.
///
/// # Errors
///
/// Each of [`CannotType`]: an input that is no pace, no time, no code, or a code that this keypad has no keys for.
pub fn appointment(
    now_ms: u64,
    period: Period,
    codes: &[impl AsRef<str>],
    keypad: Keypad,
    speed: Speed,
    glance_ms: f64,
) -> Result<Appointment, CannotType> {
    if !(0.0..=60_000.0).contains(&glance_ms) {
        return Err(CannotType::Glance);
    }
    if now_ms > LAST_MS {
        return Err(CannotType::Time);
    }
    let length = u64::from(period.get()) * 1000;
    let current = now_ms / length * length;
    let mut taken = Err(CannotType::Nothing);
    for (step_ahead, code) in codes.iter().take(MOST_AHEAD + 1).enumerate() {
        let presses = keypad.presses(code.as_ref())?;
        let typing = f64::from(presses) * speed.secs * 1000.0;
        let done = now_ms + (2.0 * glance_ms + typing).round() as u64;
        let slip = SLIP * speed.secs * 1000.0;
        let slower = typing * (CAUTION * speed.spread).exp_m1();
        let safety = (UNSEEN_MS + slip + slower).min(MOST_KEPT * length as f64) as u64;
        // Too early is refused as too late is, and to wait where there is nothing to wait for costs nothing.
        let quicker = glance_ms + typing * (1.0 - (-2.0 * CAUTION * speed.spread).exp());
        let from = current + length * step_ahead as u64;
        let until = from + length;
        taken = Ok(Appointment {
            step_ahead,
            presses,
            expected_done_ms: done,
            valid_from_ms: from,
            valid_until_ms: until,
            hold_last_press: from > now_ms && done.saturating_sub(quicker as u64) < from,
        });
        if until.saturating_sub(done.max(from)) >= safety {
            break;
        }
    }
    taken
}

/// What no spread knows of: a slow television, somebody who speaks.
const UNSEEN_MS: f64 = 2000.0;

/// A wrong key costs as many presses: one to take it away, one to come back.
const SLIP: f64 = 2.0;

/// How many standard deviations of a whole sign-in are kept free, of the logarithm: people are slower by a factor.
const CAUTION: f64 = 1.0;

/// No more than this share of a step is kept free: where it would be more, waiting costs more than it saves.
const MOST_KEPT: f64 = 0.78;

/// The last moment that is reckoned with: the end of the year 9999.
const LAST_MS: u64 = 253_402_300_799_999;

/// Why there is no appointment. Facts, and nothing of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotType {
    /// There is no code, or it has no characters.
    #[error("there is no code to type")]
    Nothing,
    /// More than [`MAX_CHARACTERS`].
    #[error("a code has at most {MAX_CHARACTERS} characters")]
    TooLong,
    /// The keypad has no key for one of the characters.
    #[error("this keypad has no key for a character of the code")]
    NoKey,
    /// No pace that a person has.
    #[error("a press takes 0.02 to 20 seconds")]
    Pace,
    /// No spread.
    #[error("a spread is 0 to 3, as a share of the pace")]
    Spread,
    /// No glance.
    #[error("a glance takes 0 to 60 seconds")]
    Glance,
    /// No time of day.
    #[error("the time is in milliseconds since 1970, up to the year 9999")]
    Time,
}
