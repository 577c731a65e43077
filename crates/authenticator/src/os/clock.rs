//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use couchkey_otp::UnixTime;

use crate::ports::Clock;

/// The time that the operating system believes in.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> UnixTime {
        // A clock before 1970 is a flat battery. RFC 6238 has no negative steps, so it reads as the first second.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixTime::from_secs(since.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_past_the_day_this_was_written() {
        let written = UnixTime::from_secs(1_700_000_000);
        assert!(
            SystemClock.now() > written,
            "seconds, and counted from 1970"
        );
    }
}
