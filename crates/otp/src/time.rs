//! What a code moves with: the time and its period, or a counter.

/// Seconds since 1970-01-01T00:00:00 UTC, without leap seconds. A value; this crate has no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// From whole seconds.
    pub const fn from_secs(secs: u64) -> UnixTime {
        UnixTime(secs)
    }

    /// In whole seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The time step T of RFC 6238, section 4.2, with T0 = 0: how many whole periods have passed.
    pub const fn step(self, period: Period) -> u64 {
        self.0 / period.0 as u64
    }
}

/// How long a TOTP code is valid, in seconds: 1 to 86,400 (a day). The X of RFC 6238, section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u32);

impl Period {
    /// The default of RFC 6238, section 4.1.
    pub const THIRTY: Period = Period(30);

    /// From seconds.
    ///
    /// # Errors
    ///
    /// [`PeriodOutOfRange`] unless `secs` is 1 to 86,400.
    pub const fn new(secs: u32) -> Result<Period, PeriodOutOfRange> {
        match secs {
            1..=86_400 => Ok(Period(secs)),
            _ => Err(PeriodOutOfRange { period: secs }),
        }
    }

    /// In seconds.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Period {
    fn default() -> Self {
        Period::THIRTY
    }
}

/// A period that no code has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code changes every 1 to 86,400 seconds, not every {period}")]
pub struct PeriodOutOfRange {
    /// The seconds that were asked for.
    pub period: u32,
}

impl PeriodOutOfRange {
    /// The stable name of this error.
    pub const fn code(self) -> &'static str {
        "unsupported_period"
    }

    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        "Enter the seconds between two codes. If the service does not say how many, it is 30."
    }
}

/// How many HOTP codes were used so far (the C of RFC 4226, section 5.1): 0 to 2⁶³ − 1, what every other app can
/// hold too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter(u64);

impl Counter {
    /// The largest counter.
    pub const MAX: Counter = Counter(i64::MAX as u64);

    /// # Errors
    ///
    /// [`CounterOutOfRange`] above 2⁶³ − 1.
    pub const fn new(counter: u64) -> Result<Counter, CounterOutOfRange> {
        if counter <= Counter::MAX.0 {
            Ok(Counter(counter))
        } else {
            Err(CounterOutOfRange)
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The counter after this one; `None` after the last.
    pub fn next(self) -> Option<Counter> {
        Counter::new(self.0 + 1).ok()
    }
}

/// A counter that is too large to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a counter goes up to 9223372036854775807")]
pub struct CounterOutOfRange;

impl CounterOutOfRange {
    /// The stable name of this error.
    pub const fn code(self) -> &'static str {
        "bad_counter"
    }

    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        "Enter the counter that the service shows. If it shows none, it is 0."
    }
}
