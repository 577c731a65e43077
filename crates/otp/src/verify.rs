//! The verifier's side: whether a code is right, whether it has been used, and whether it may be tried at all.
//!
//! Values in, a value out. What must be remembered between two calls is a [`Memory`] and a [`Throttle`]; a verifier
//! keeps both, and accepts only if the remembered step is still the one it read (compare and set), or two requests
//! with the same code both win.
//!
//! ```
//! use couchkey_otp::verify::{self, Memory, Verdict};
//! use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime};
//!
//! let secret = Secret::from_bytes(b"12345678901234567890")?;
//! let check = |memory, code, now| {
//!     let now = UnixTime::from_secs(now);
//!     verify::totp(&secret, Period::THIRTY, Algorithm::Sha1, Digits::SIX, memory, code, now)
//! };
//!
//! let fresh = Memory::default();
//! let Verdict::Accepted(memory) = check(fresh, "081 804", 1_111_111_109) else { panic!() };
//! assert_eq!(memory.last_step, Some(37_037_036));
//! assert_eq!(check(memory, "081804", 1_111_111_109), Verdict::Used, "RFC 6238, section 5.2");
//! assert_eq!(check(memory, "081805", 1_111_111_109), Verdict::Wrong);
//! # Ok::<(), couchkey_otp::SecretError>(())
//! ```
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    Algorithm, Code, Counter, Digits, Period, Secret, UnixTime, ascii_digits, digit, hotp,
};

/// What a verifier remembers about a secret. Kept for as long as the secret is, never for a time: an entry that is
/// dropped after one period lets a code in twice, for the window is three periods wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The last step (TOTP) or counter (HOTP) that was accepted; it and all before it are used up.
    pub last_step: Option<u64>,
    /// How many sign-ins in a row, up to [`EVIDENCE`], say that the prover's clock is ahead of ours (or behind, when negative):
    /// see [`Memory::lean`]. 0 for HOTP.
    pub drift: i32,
}

impl Memory {
    /// In which direction the prover's clock has drifted (RFC 6238, section 6): 1 ahead, -1 behind, 0 where there is too
    /// little evidence.
    pub const fn lean(self) -> i32 {
        match self.drift {
            EVIDENCE.. => 1,
            ..=BEHIND => -1,
            _ => 0,
        }
    }

    /// What is remembered after a code of this step, which was `offset` steps ahead of ours.
    ///
    /// Each sign-in off to one side is evidence for it; one that is on time, or off to the other side, takes some back; and
    /// what is older than [`FADES_AFTER`] steps counts no more.
    fn after(self, step: u64, offset: i64) -> Memory {
        let faded = self
            .last_step
            .is_none_or(|last| step.saturating_sub(last) > FADES_AFTER);
        let before = if faded {
            0
        } else {
            self.drift.clamp(-EVIDENCE, EVIDENCE)
        };
        let drift = match offset.signum() as i32 {
            0 => before - before.signum(),
            side if before * side < 0 => 0,
            side => before + side,
        };
        Memory {
            last_step: Some(step),
            drift: drift.clamp(-EVIDENCE, EVIDENCE),
        }
    }
}

/// What is to be said about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right and new. This is what to remember from now on; only who writes it over the old one may let in.
    Accepted(Memory),
    /// It was right, but its step or a later one has been accepted before (RFC 6238, section 5.2).
    Used,
    /// It is no code of this secret at this time.
    Wrong,
}

/// How many steps before and after ours are looked at: one, the most that RFC 6238, section 5.2 recommends.
pub const WINDOW: u8 = 1;

/// How far a clock may be known to have drifted, in steps either way: one more than the window. A window that followed a clock
/// for ever would accept codes of any age.
pub const MAX_DRIFT: i32 = 2;

/// So many sign-ins in a row off to one side are a clock that has drifted. Fewer are people who type slowly: their codes are a
/// step old now and then, and never a step ahead.
pub const EVIDENCE: i32 = 4;
const BEHIND: i32 = -EVIDENCE;

/// After so many steps (30 days of the usual period) nobody knows what became of a clock.
const FADES_AFTER: u64 = 86_400;

/// For how many periods one code may be accepted, at most.
pub const LIFE: u32 = 2 * MAX_DRIFT as u32 + 1;

/// Checks a TOTP code (RFC 6238) against the step of `now`, one before and one after it; and against a second one on the side
/// to which the prover's clock is known to have drifted. All codes are made and compared, in constant time each, whichever
/// matches.
///
/// What is used are the digits: where a later step happens to have the code of one that is used up, it is
/// [`Verdict::Used`], for whoever saw it typed has it too.
///
/// White space and dashes in `code` do not count, for people type groups; digits may be of any script.
///
/// # Security
///
/// Count the attempt *before* this call, in a write of its own ([`Throttle::attempt`]): whoever counts afterwards is
/// tried a thousand times in parallel.
///
/// ```
/// use couchkey_otp::verify::{self, Memory, Verdict};
/// use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime, totp};
///
/// let secret = Secret::from_bytes(b"12345678901234567890")?;
/// let now = UnixTime::from_secs(90);
/// // This phone is 30 seconds ahead of us.
/// let theirs = totp::code(&secret, UnixTime::from_secs(120), Period::THIRTY, Algorithm::Sha1, Digits::SIX);
/// let verdict = verify::totp(
///     &secret, Period::THIRTY, Algorithm::Sha1, Digits::SIX, Memory::default(), theirs.as_str(), now,
/// );
/// assert_eq!(verdict, Verdict::Accepted(Memory { last_step: Some(4), drift: 1 }));
/// # Ok::<(), couchkey_otp::SecretError>(())
/// ```
pub fn totp(
    secret: &Secret,
    period: Period,
    algorithm: Algorithm,
    digits: Digits,
    memory: Memory,
    code: &str,
    now: UnixTime,
) -> Verdict {
    let typed = Typed::read(code);
    let ours = now.step(period);
    let is = |step: u64| {
        let counter = Counter::new(step).ok()?;
        Some(typed.is(&hotp::code(secret, counter, algorithm, digits)))
    };
    // The last one that was accepted; where there is none, any other takes as long.
    let last_again = is(memory.last_step.unwrap_or(ours)) == Some(true);
    let mut used = last_again && memory.last_step.is_some();
    let mut found = None;
    let second = i64::from(MAX_DRIFT);
    // Ours first: where two steps share a code, the likelier one is used up.
    for offset in [0, -1, 1, -second, second] {
        let Some(step) = ours.checked_add_signed(offset) else {
            continue;
        };
        let right = is(step) == Some(true);
        let near = offset.abs() <= i64::from(WINDOW);
        let drifted = offset.signum() == i64::from(memory.lean());
        if !right || !(near || drifted) {
            continue;
        }
        if memory.last_step.is_some_and(|last| step <= last) {
            used = true;
        } else if found.is_none() {
            found = Some(memory.after(step, offset));
        }
    }
    match found {
        _ if used => Verdict::Used,
        Some(memory) => Verdict::Accepted(memory),
        None => Verdict::Wrong,
    }
}

/// How many HOTP codes past the next one are looked at by default: people press the button without typing the code
/// (RFC 4226, section 7.4). Each more is one more guess for an attacker.
pub const LOOK_AHEAD: u8 = 5;

/// Checks an HOTP code (RFC 4226) against the next counter and `look_ahead` more. `memory.last_step` is the last
/// counter that was accepted; `start` is the enrolment's counter, which counts until there is one.
///
/// All codes are made and compared, in constant time each, whichever matches.
///
/// ```
/// use couchkey_otp::verify::{self, Memory, Verdict};
/// use couchkey_otp::{Algorithm, Counter, Digits, Secret};
///
/// let secret = Secret::from_bytes(b"12345678901234567890")?;
/// let start = Counter::default();
/// let check = |memory, code| {
///     verify::hotp(&secret, start, Algorithm::Sha1, Digits::SIX, memory, verify::LOOK_AHEAD, code)
/// };
/// // Counter 2 of RFC 4226, appendix D: the person skipped two.
/// let Verdict::Accepted(memory) = check(Memory::default(), "359152") else { panic!() };
/// assert_eq!(memory.last_step, Some(2));
/// assert_eq!(check(memory, "359152"), Verdict::Used);
/// assert_eq!(check(memory, "287082"), Verdict::Wrong, "counter 1 was skipped and is gone");
/// # Ok::<(), couchkey_otp::SecretError>(())
/// ```
pub fn hotp(
    secret: &Secret,
    start: Counter,
    algorithm: Algorithm,
    digits: Digits,
    memory: Memory,
    look_ahead: u8,
    code: &str,
) -> Verdict {
    let typed = Typed::read(code);
    let used = memory.last_step;
    let next = used.map_or(start.get(), |last| last.saturating_add(1));
    let is = |counter: u64| {
        let counter = Counter::new(counter).ok()?;
        typed
            .is(&hotp::code(secret, counter, algorithm, digits))
            .then_some(counter.get())
    };
    let again = used.and_then(is).is_some();
    let found: Vec<u64> = (0..=u64::from(look_ahead))
        .filter_map(|ahead| is(next.checked_add(ahead)?))
        .collect();
    match found.first() {
        Some(&counter) => Verdict::Accepted(Memory {
            last_step: Some(counter),
            drift: 0,
        }),
        None if again => Verdict::Used,
        None => Verdict::Wrong,
    }
}

/// A code as it was typed, of a fixed size so that comparing takes the same time whatever it is.
struct Typed([u8; Typed::SIZE]);

impl Typed {
    /// One more than the longest code, so that a longer one is never taken for it.
    const SIZE: usize = 9;

    fn read(code: &str) -> Typed {
        let mut typed = [0; Typed::SIZE];
        let mut digits = code.chars().filter(|c| !is_grouping(*c));
        for place in &mut typed {
            // 0 is the end; 0xFF is a character that no code has.
            *place = digits
                .next()
                .map_or(0, |c| digit(c).map_or(0xFF, |digit| b'0' + digit));
        }
        Typed(typed)
    }

    fn is(&self, code: &Code) -> bool {
        let mut expected = [0; Typed::SIZE];
        let code = code.as_str().as_bytes();
        expected[..code.len()].copy_from_slice(code);
        self.0.ct_eq(&expected).into()
    }
}

/// What people put between the groups of a code: white space, dashes and minus signs, full-width ones too.
fn is_grouping(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FF0D}')
}

/// A code as it was typed, for whoever compares it with one of their own: without blanks and dashes, and with the
/// digits of every script as 0 to 9. Anything else stays, and makes it wrong.
///
/// ```
/// use couchkey_otp::verify;
///
/// assert_eq!(*verify::typed("６８２－１２３"), *"682123");
/// ```
pub fn typed(code: &str) -> Zeroizing<String> {
    let mut plain = ascii_digits(code);
    plain.retain(|c| !is_grouping(c));
    plain
}

/// How often an account may be tried: five failures at once, then one after 30 seconds, 1, 2, 4 … 60 minutes, and
/// none after 100 in a row until the secret is rotated (NIST SP 800-63B, section 5.2.2: no more than 100).
///
/// Every attempt counts as a failure before it is looked at; a success clears them all.
///
/// ```
/// use couchkey_otp::UnixTime;
/// use couchkey_otp::verify::{Refused, Throttle};
///
/// let now = UnixTime::from_secs(1_000);
/// let mut throttle = Throttle::default();
/// for _ in 0..5 {
///     throttle = throttle.attempt(now).expect("five are free");
/// }
/// assert_eq!(throttle.attempt(now), Err(Refused::Wait { until: UnixTime::from_secs(1_030) }));
/// assert!(throttle.attempt(UnixTime::from_secs(1_030)).is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Attempts since the last success, each counted as failed.
    pub failures: u32,
    /// The next attempt is looked at from this moment on.
    pub locked_until: UnixTime,
}

impl Default for Throttle {
    /// No failures.
    fn default() -> Self {
        Throttle {
            failures: 0,
            locked_until: UnixTime::from_secs(0),
        }
    }
}

/// An attempt that is not looked at, and not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Too soon.
    Wait {
        /// When the next one is looked at.
        until: UnixTime,
    },
    /// [`Throttle::MOST`] in a row: only a new secret helps.
    Stopped,
}

impl Throttle {
    /// Failures after which there is a delay.
    pub const FREE: u32 = 5;
    /// Failures in a row after which there is no other attempt.
    pub const MOST: u32 = 100;
    /// The first delay, in seconds; each later one is twice as long.
    pub const FIRST_DELAY: u64 = 30;
    /// The longest delay, in seconds.
    pub const LONGEST_DELAY: u64 = 3_600;

    /// The delay after this many failures in a row, in seconds.
    ///
    /// ```
    /// use couchkey_otp::verify::Throttle;
    ///
    /// let delays: Vec<u64> = (4..=13).map(Throttle::delay).collect();
    /// assert_eq!(delays, [0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    /// ```
    pub const fn delay(failures: u32) -> u64 {
        match failures.checked_sub(Self::FREE) {
            None => 0,
            Some(doublings @ 0..=6) => Self::FIRST_DELAY << doublings,
            Some(_) => Self::LONGEST_DELAY,
        }
    }

    /// Counts one attempt, if it may be made at all.
    ///
    /// # Errors
    ///
    /// [`Refused`]; then nothing is counted.
    pub const fn attempt(self, now: UnixTime) -> Result<Throttle, Refused> {
        if self.failures >= Self::MOST {
            return Err(Refused::Stopped);
        }
        let wait = self.locked_until.as_secs().saturating_sub(now.as_secs());
        // No delay is longer than the longest: that one is from a clock which was wrong, and is over.
        if wait > 0 && wait <= Self::LONGEST_DELAY {
            return Err(Refused::Wait {
                until: self.locked_until,
            });
        }
        let failures = self.failures + 1;
        let until = now.as_secs().saturating_add(Self::delay(failures));
        Ok(Throttle {
            failures,
            locked_until: UnixTime::from_secs(until),
        })
    }
}
