//! What a service hands over when a person sets up codes: the enrolment.
use crate::{Algorithm, Counter, Digits, Period, Secret};

/// What the codes of an account move with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With the time (RFC 6238).
    Totp {
        /// How long each code is valid.
        period: Period,
    },
    /// With each use (RFC 4226).
    Hotp {
        /// The counter of the next code.
        counter: Counter,
    },
    /// Steam Guard: five characters, 30 seconds, SHA-1.
    Steam,
}

impl Kind {
    /// The word of the otpauth format: `totp`, `hotp` or `steam`.
    pub const fn word(&self) -> &'static str {
        match self {
            Kind::Totp { .. } => "totp",
            Kind::Hotp { .. } => "hotp",
            Kind::Steam => "steam",
        }
    }
}

/// Everything that is needed to make the codes of one account, and its names. No `Debug` and no `Clone`: it holds
/// the secret.
pub struct Enrolment {
    /// What the codes move with.
    pub kind: Kind,
    /// The shared secret.
    pub secret: Secret,
    /// The HMAC; SHA-1 for Steam.
    pub algorithm: Algorithm,
    /// How many digits; without meaning for Steam, where it is [`Digits::SIX`].
    pub digits: Digits,
    /// Who issued it: the service or brand.
    pub issuer: Option<String>,
    /// Whose account it is: an e-mail address, a customer number, perhaps nothing.
    pub account: String,
    /// The issuer in front of the account name, where it differs from `issuer`. For display only.
    pub label_issuer: Option<String>,
}

/// An enrolment as it was read, with what was odd about it.
pub struct Parsed {
    /// The enrolment.
    pub enrolment: Enrolment,
    /// Sorted, each at most once.
    pub warnings: Vec<Warning>,
    /// The address of a picture that came with it, as text. It comes from whoever made the QR code: never fetch it.
    pub image: Option<String>,
}

/// Something odd that does not change the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Warning {
    // In the order of `as_str`, so that sorted means the same for both.
    /// The algorithm is spelled in a way of its own (`SHA-1`, `HmacSHA256`).
    AlgorithmAlias,
    /// A `%` that is not followed by two hexadecimal figures, or does not spell UTF-8.
    BadPercent,
    /// Bits were left over at the end of the secret and dropped.
    Base32Noncanonical,
    /// Marks that reverse the direction of text were taken out of a name.
    BidiStripped,
    /// A parameter was there twice with the same value.
    DuplicateParameter,
    /// There is a colon in the account name; other apps may split the names elsewhere.
    ExtraColon,
    /// The text that it came in did not say how it was written, so that letters of its names are a guess.
    GuessedEncoding,
    /// The label names another issuer than the issuer parameter.
    IssuerMismatch,
    /// A name was longer than 256 characters and has been cut.
    LabelTruncated,
    /// The link was put together in an unusual way (`&amp;` or a second `?` between two parameters, `apple-otpauth://`)
    /// and was read as it was meant.
    LinkMended,
    /// There is no account name.
    NoAccount,
    /// There is no issuer.
    NoIssuer,
    /// The secret has fewer than the 128 bits of RFC 4226, section 4.
    ShortSecret,
}

impl Warning {
    /// The stable name, in kebab-case: `short-secret`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Warning::AlgorithmAlias => "algorithm-alias",
            Warning::BadPercent => "bad-percent",
            Warning::Base32Noncanonical => "base32-noncanonical",
            Warning::BidiStripped => "bidi-stripped",
            Warning::DuplicateParameter => "duplicate-parameter",
            Warning::ExtraColon => "extra-colon",
            Warning::GuessedEncoding => "guessed-encoding",
            Warning::IssuerMismatch => "issuer-mismatch",
            Warning::LabelTruncated => "label-truncated",
            Warning::LinkMended => "link-mended",
            Warning::NoAccount => "no-account",
            Warning::NoIssuer => "no-issuer",
            Warning::ShortSecret => "short-secret",
        }
    }
}
