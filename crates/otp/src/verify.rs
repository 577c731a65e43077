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

use crate::{Algorithm, Code, Counter, Digits, Period, Secret, UnixTime, hotp};

/// What a verifier remembers about a secret. Kept for as long as the secret is, never for a time: an entry that is
/// dropped after one period lets a code in twice, for the window is three periods wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The last step (TOTP) or counter (HOTP) that was accepted; it and all before it are used up.
    pub last_step: Option<u64>,
    /// By how many steps the prover's clock was ahead of ours (RFC 6238, section 6); 0 for HOTP.
    pub drift: i32,
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

/// How far a clock may have drifted, in steps either way: five minutes with the usual period. A window that followed
/// a clock for ever would accept codes of any age (RFC 6238, section 6).
pub const MAX_DRIFT: i32 = 10;

/// Checks a TOTP code (RFC 6238) against the three steps around `now` shifted by the remembered drift. All three
/// codes are made and compared, in constant time each, whichever matches.
///
/// White space and dashes in `code` do not count, for people type groups.
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
    let drift = i64::from(memory.drift.clamp(-MAX_DRIFT, MAX_DRIFT));
    // Ours first: where two steps share a code, the likelier one is used up.
    let matches = [0, -1, 1].map(|offset| {
        let step = now.step(period).checked_add_signed(drift + offset)?;
        let code = hotp::code(secret, Counter::new(step).ok()?, algorithm, digits);
        Some((step, drift + offset, typed.is(&code)))
    });
    let mut verdict = Verdict::Wrong;
    for (step, drift, right) in matches.into_iter().flatten() {
        if right && memory.last_step.is_none_or(|last| step > last) {
            let drift = drift.clamp(-i64::from(MAX_DRIFT), i64::from(MAX_DRIFT)) as i32;
            return Verdict::Accepted(Memory {
                last_step: Some(step),
                drift,
            });
        }
        if right {
            verdict = Verdict::Used;
        }
    }
    verdict
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
        let mut digits = code
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'));
        for place in &mut typed {
            // 0 is the end; 0xFF is a character that no code has.
            *place = digits
                .next()
                .map_or(0, |c| if c.is_ascii_digit() { c as u8 } else { 0xFF });
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
        if now.as_secs() < self.locked_until.as_secs() {
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
