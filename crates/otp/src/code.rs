//! A code, and the one function that makes it for any kind of account.
use std::fmt::Write;

use zeroize::Zeroizing;

use crate::{Algorithm, Digits, Kind, Secret, UnixTime, hotp, steam, totp};

/// A one-time password, ready to be shown. It has no `Debug` or `Display`: a code in a log is a code given away.
pub struct Code(Zeroizing<String>);

impl Code {
    /// The characters, without grouping.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn of(totp: &totp_rs::Totp, moving: u64) -> Code {
        let mut text = Zeroizing::new(String::with_capacity(8));
        write!(text, "{}", totp.generate(moving))
            .expect("a String takes all that is written to it");
        Code(text)
    }
}

/// The code of an account at the time `at`. An HOTP account's code depends on its counter instead of `at`; a Steam
/// account's neither on `algorithm` nor on `digits`.
pub fn code_of(
    kind: &Kind,
    secret: &Secret,
    algorithm: Algorithm,
    digits: Digits,
    at: UnixTime,
) -> Code {
    match *kind {
        Kind::Totp { period } => totp::code(secret, at, period, algorithm, digits),
        Kind::Hotp { counter } => hotp::code(secret, counter, algorithm, digits),
        Kind::Steam => steam::code(secret, at),
    }
}

impl From<Algorithm> for totp_rs::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        }
    }
}
