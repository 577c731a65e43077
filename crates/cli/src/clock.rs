//! The time, for what this shell itself says about it: how long a code still holds, when to draw again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use couchkey_otp::UnixTime;

/// The time of day, in whole seconds.
pub fn now() -> UnixTime {
    UnixTime::from_secs(since_1970().as_secs())
}

/// How long until that second begins; nothing if it has begun.
pub fn until(second: u64) -> Duration {
    Duration::from_secs(second).saturating_sub(since_1970())
}

fn since_1970() -> Duration {
    // A clock before 1970 is far off in any case; the vault's own check says so.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
