//! The `otpauth://` URI: what an enrolment QR code says.
//!
//! Reading is strict where a wrong guess would change the codes and lenient where it only changes the looks. Writing
//! spells out every default and avoids whatever a widely used app reads wrongly.

mod find;
mod other_app;
mod read;
mod write;

pub use self::find::{Piece, find};
pub(crate) use self::read::parsed;
pub use self::read::read;
pub use self::write::write;

/// The longest URI that is read, in bytes. A QR code holds at most 2,953.
pub const MAX_BYTES: usize = 4096;

/// Why a text is not an enrolment that codes can be made from. Where a text has several defects, it is the one whose
/// variant comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtpauthError {
    /// More than [`MAX_BYTES`].
    #[error("this text is {bytes} bytes long, more than any set-up link has")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not start with `otpauth://`.
    #[error("this is not a set-up code for one-time passwords")]
    NotOtpauth,
    /// It is an `otpauth-migration:` URI: see [`migration::read`](crate::migration::read).
    #[error("this is an export of Google Authenticator, not a single account")]
    MigrationUri,
    /// It is the QR code of an app that has a way of its own to sign in, and that no other app can use.
    #[error("this code is for {app} alone, so no other app can make codes from it")]
    OtherApp {
        /// Whose it is.
        app: &'static str,
    },
    /// What stands where `totp` or `hotp` should be is nothing that is in use.
    #[error("this set-up code does not say what kind of codes it is for")]
    BadType,
    /// A kind of code that we do not make.
    #[error(
        "this set-up code is for {name} codes, which Couchkey does not make from a link like this"
    )]
    UnsupportedType {
        /// Whose codes they are.
        name: &'static str,
    },
    /// A parameter is there twice, with different values.
    #[error("this set-up code contradicts itself: it gives two values for one thing")]
    DuplicateParameter,
    /// A parameter has nearly the name of one that changes the codes, and nothing says that it is that one.
    #[error("this set-up code has a setting whose name is not spelled as it should be")]
    OddParameter,
    /// There is no `secret` parameter.
    #[error("this set-up code has no secret key in it")]
    MissingSecret,
    /// The secret is empty.
    #[error("the secret key in this set-up code is empty")]
    EmptySecret,
    /// The secret is not base32, or too short for a byte.
    #[error("the secret key in this set-up code is damaged")]
    BadSecret,
    /// The secret is longer than [`Secret::MAX_BYTES`](crate::Secret::MAX_BYTES).
    #[error("the secret key in this set-up code is {bytes} bytes long; 512 is the most")]
    TooLongSecret {
        /// Its length.
        bytes: usize,
    },
    /// Not SHA1, SHA256 or SHA512.
    #[error("this set-up code asks for an algorithm that Couchkey does not know")]
    UnsupportedAlgorithm,
    /// The number of digits is not a number.
    #[error("this set-up code does not say clearly how many digits its codes have")]
    BadDigits,
    /// Not 6 to 8 digits (5 for Steam).
    #[error("this set-up code asks for codes of {}, which is not possible", counted(*.digits, "digits"))]
    UnsupportedDigits {
        /// The number; `u64::MAX` stands for anything larger too.
        digits: u64,
    },
    /// The period is not a number.
    #[error("this set-up code does not say clearly how often its codes change")]
    BadPeriod,
    /// Not 1 to 86,400 seconds (30 for Steam).
    #[error("this set-up code asks for codes that last {}, which is not possible", counted(*.period, "seconds"))]
    UnsupportedPeriod {
        /// The number; `u64::MAX` stands for anything larger too.
        period: u64,
    },
    /// An HOTP enrolment without its counter.
    #[error("this set-up code does not say at which counter its codes begin")]
    MissingCounter,
    /// The counter is not a number, or more than 2⁶³ − 1.
    #[error("the counter in this set-up code cannot be read")]
    BadCounter,
    /// Control characters in a name.
    #[error("the name in this set-up code has characters in it that no name has")]
    BadLabel,
    /// A name holds a set-up link: several links that were not told apart, of which only the first would be kept.
    #[error("the name in this set-up code holds another set-up code")]
    LinkInName,
}

/// A number with its unit; `u64::MAX` stands for whatever is larger, and is no number to show.
fn counted(number: u64, unit: &str) -> String {
    match number {
        u64::MAX => format!("more {unit} than can be counted"),
        number => format!("{number} {unit}"),
    }
}

impl OtpauthError {
    /// The name of the variant, as the table of test vectors has it.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "TooLong",
            Self::NotOtpauth => "NotOtpauth",
            Self::MigrationUri => "MigrationUri",
            Self::OtherApp { .. } => "OtherApp",
            Self::BadType => "BadType",
            Self::UnsupportedType { .. } => "UnsupportedType",
            Self::DuplicateParameter => "DuplicateParameter",
            Self::OddParameter => "OddParameter",
            Self::MissingSecret => "MissingSecret",
            Self::EmptySecret => "EmptySecret",
            Self::BadSecret => "BadSecret",
            Self::TooLongSecret { .. } => "TooLongSecret",
            Self::UnsupportedAlgorithm => "UnsupportedAlgorithm",
            Self::BadDigits => "BadDigits",
            Self::UnsupportedDigits { .. } => "UnsupportedDigits",
            Self::BadPeriod => "BadPeriod",
            Self::UnsupportedPeriod { .. } => "UnsupportedPeriod",
            Self::MissingCounter => "MissingCounter",
            Self::BadCounter => "BadCounter",
            Self::BadLabel => "BadLabel",
            Self::LinkInName => "LinkInName",
        }
    }

    /// The stable name of this error: [`class`](OtpauthError::class) in snake_case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::NotOtpauth => "not_otpauth",
            Self::MigrationUri => "migration_uri",
            Self::OtherApp { .. } => "other_app",
            Self::BadType => "bad_type",
            Self::UnsupportedType { .. } => "unsupported_type",
            Self::DuplicateParameter => "duplicate_parameter",
            Self::OddParameter => "odd_parameter",
            Self::MissingSecret => "missing_secret",
            Self::EmptySecret => "empty_secret",
            Self::BadSecret => "bad_secret",
            Self::TooLongSecret { .. } => "too_long_secret",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::BadDigits => "bad_digits",
            Self::UnsupportedDigits { .. } => "unsupported_digits",
            Self::BadPeriod => "bad_period",
            Self::UnsupportedPeriod { .. } => "unsupported_period",
            Self::MissingCounter => "missing_counter",
            Self::BadCounter => "bad_counter",
            Self::BadLabel => "bad_label",
            Self::LinkInName => "link_in_name",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooLong { .. } | Self::TooLongSecret { .. } => {
                "Check that only the set-up link was copied, and no other text with it."
            }
            Self::NotOtpauth => {
                "Look for the QR code or link on the service's page for two-step sign-in; the link starts with \
                 otpauth://."
            }
            Self::MigrationUri => {
                "Add it as an export of Google Authenticator: it can hold several accounts."
            }
            Self::UnsupportedType { .. } => {
                "Ask the service for a code for ordinary authenticator apps. If it is a Steam key, enter it by hand \
                 and choose Steam."
            }
            Self::OtherApp { app } => other_app::hint(app),
            Self::BadType
            | Self::DuplicateParameter
            | Self::OddParameter
            | Self::MissingSecret
            | Self::EmptySecret => {
                "Show the QR code once more at the service; if it comes out the same, enter the secret key by hand."
            }
            Self::BadSecret => {
                "Copy it once more. A key is made of the letters A to Z and the figures 2 to 7: look for 0 in place \
                 of O, 1 in place of I or L, 8 in place of B."
            }
            Self::UnsupportedAlgorithm => {
                "Ask the service for SHA1, SHA256 or SHA512; Steam has SHA1 only. With any other the codes would be \
                 wrong."
            }
            Self::BadDigits | Self::UnsupportedDigits { .. } => {
                "Codes have 6 to 8 digits, Steam's have 5 characters. Show the QR code once more at the service, or \
                 enter the secret key by hand."
            }
            Self::BadPeriod | Self::UnsupportedPeriod { .. } => {
                "Codes change every 1 to 86,400 seconds, nearly always every 30. Show the QR code once more at the \
                 service, or enter the secret key by hand."
            }
            Self::MissingCounter | Self::BadCounter => {
                "Ask the service for the counter and enter the secret key by hand; for a new account it is 0."
            }
            Self::LinkInName => "Give the links one by one, each on a line of its own.",
            Self::BadLabel => {
                "Enter the secret key by hand and give the account a name of your own."
            }
        }
    }
}
