//! The time, for what this shell itself says about it: how long a code still holds, when to draw again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use couchkey_otp::UnixTime;

/// The time of day, in whole seconds.
pub fn now() -> UnixTime {
    UnixTime::from_secs(since_1970().as_secs())
}

/// The time of day, in milliseconds since 1970.
pub fn now_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// Hours, minutes and seconds where this computer is; UTC where nobody knows where that is.
pub fn time_of_day(ms: u64) -> String {
    let ms = i64::try_from(ms).ok();
    ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|at| {
            at.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%H:%M:%S")
                .to_string()
        })
        .unwrap_or_default()
}

/// How long until that second begins; nothing if it has begun.
pub fn until(second: u64) -> Duration {
    Duration::from_secs(second).saturating_sub(since_1970())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this shell reads the clock"
)]
fn since_1970() -> Duration {
    // A clock before 1970 is far off in any case; the vault's own check says so.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
