//! TOTP (RFC 6238): a code for each period of time.
use totp_rs::Builder;

use crate::{Algorithm, Code, Digits, Period, Secret, UnixTime};

/// The code at `at` (RFC 6238, section 4.2), with T0 = 0.
pub fn code(
    secret: &Secret,
    at: UnixTime,
    period: Period,
    algorithm: Algorithm,
    digits: Digits,
) -> Code {
    let totp = Builder::new()
        .with_secret(secret.expose())
        .with_algorithm(algorithm.into())
        .with_digits(digits.get())
        .with_step_duration(period.get().into())
        .build_noncompliant(); // services issue secrets under RFC 4226's 128 bits
    Code::of(&totp, at.as_secs())
}
