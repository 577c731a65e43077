//! Numbers on their way to JavaScript, which has 53 bits exactly: times and counts cross as 32.

use couchkey_otp::UnixTime;

/// Unix seconds as 32 bits cross to JavaScript exactly; they last until 2106.
pub(crate) fn seconds(at: UnixTime) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}

/// A count; nothing here is ever counted past 32 bits.
pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
