//! Steam Guard: TOTP with five characters of Steam's own alphabet.
use totp_rs::Builder;

use crate::{Code, Period, Secret, UnixTime};

/// How many characters a Steam code has.
pub const CHARACTERS: u8 = 5;

/// The code at `at`: SHA-1, 30 seconds, five characters of `23456789BCDFGHJKMNPQRTVWXY`, always.
pub fn code(secret: &Secret, at: UnixTime) -> Code {
    let totp = Builder::new()
        .with_secret(secret.expose())
        .with_algorithm(totp_rs::Algorithm::Steam)
        .with_digits(CHARACTERS)
        .with_step_duration(Period::THIRTY.get().into())
        .build_noncompliant();
    Code::of(&totp, at.as_secs())
}
