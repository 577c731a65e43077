//! HOTP (RFC 4226): a code for each number of a counter.
use totp_rs::Builder;

use crate::{Algorithm, Code, Counter, Digits, Secret};

/// The code at `counter` (RFC 4226, section 5.3).
pub fn code(secret: &Secret, counter: Counter, algorithm: Algorithm, digits: Digits) -> Code {
    // The same truncation as TOTP with the counter as the time step (RFC 6238, section 4.2), so: steps of one.
    let totp = Builder::new()
        .with_secret(secret.expose())
        .with_algorithm(algorithm.into())
        .with_digits(digits.get())
        .with_step_duration(1)
        .build_noncompliant(); // services issue secrets under RFC 4226's 128 bits
    Code::of(&totp, counter.get())
}
