//! The `otpauth-migration://` batch: how Google Authenticator exports accounts, in one QR code or several.
//!
//! The URI holds a base64 spelling of a protobuf message that Google has never documented; its fields are known from
//! the app's own exports. The period is always 30 seconds.

mod read;
mod write;

use zeroize::Zeroize;

pub use self::read::read;
pub use self::write::{Refused, RefusedReason, Written, write};
use crate::Parsed;

/// The longest URI that is read, in bytes. A QR code holds at most 2,953; this is for text files too.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most entries of one batch, and the most batches of one export. The app itself writes ten to a batch.
pub const MAX_ENTRIES: usize = 10_000;

/// One batch of an export. The export is whole when the parts 1 to `of` with the same `batch_id` are there.
pub struct Batch {
    /// Which part this is, from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
    /// A random number that all parts of an export have in common.
    pub batch_id: i32,
    /// Every entry, in order: as an account, or with the reason why it is none.
    pub entries: Vec<Result<Parsed, Skipped>>,
}

/// An entry that no codes can be made from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Skipped {
    /// Its issuer and account name, as far as it has them.
    pub label: String,
    /// Why it was skipped.
    pub reason: SkippedReason,
}

/// Why an entry was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkippedReason {
    /// There is no secret in it.
    #[error("this account has no secret key")]
    EmptySecret,
    /// The secret is longer than [`Secret::MAX_BYTES`](crate::Secret::MAX_BYTES).
    #[error("this account's secret key is {bytes} bytes long; 512 is the most")]
    TooLongSecret {
        /// Its length.
        bytes: usize,
    },
    /// The fourth algorithm of the format, which no standard has.
    #[error("this account's codes are made with MD5, which Couchkey does not do")]
    Md5,
    /// An algorithm that we have no name for.
    #[error("this account's codes are made with an algorithm that Couchkey does not know")]
    UnsupportedAlgorithm,
    /// A number of digits that we have no name for.
    #[error("this account's codes have a number of digits that Couchkey does not know")]
    UnsupportedDigits,
    /// Neither TOTP nor HOTP.
    #[error("this account has a kind of code that Couchkey does not know")]
    UnsupportedType,
    /// A negative counter.
    #[error("this account's counter cannot be read")]
    BadCounter,
    /// Control characters in a name.
    #[error("this account's name has characters in it that no name has")]
    BadLabel,
}

impl SkippedReason {
    /// The stable name of this reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptySecret => "empty_secret",
            Self::TooLongSecret { .. } => "too_long_secret",
            Self::Md5 | Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::UnsupportedDigits => "unsupported_digits",
            Self::UnsupportedType => "unsupported_type",
            Self::BadCounter => "bad_counter",
            Self::BadLabel => "bad_label",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        "Keep it in the other app, or set it up once more at the service."
    }
}

/// Why a text is not a migration batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// More than [`MAX_BYTES`].
    #[error("this export is {bytes} bytes long; 65536 is the most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not start with `otpauth-migration://offline`.
    #[error("this is not an export of Google Authenticator")]
    NotMigration,
    /// There is no `data` parameter, or nothing in it.
    #[error("there is nothing in this export")]
    MissingData,
    /// Neither base64, nor the message that should be in it.
    #[error("this export is damaged or cut short")]
    BadData,
    /// A version of the format that nobody has seen yet.
    #[error(
        "this export was made by a newer Google Authenticator, in version {version} of its format"
    )]
    NewerVersion {
        /// Its version; ours is 2.
        version: i32,
    },
    /// It says that it is the third of two parts, or the like.
    #[error("this export contradicts itself about its number of QR codes")]
    BadPart,
    /// More than [`MAX_ENTRIES`].
    #[error("this export has {entries} accounts; 10000 is the most")]
    TooManyEntries {
        /// Their number.
        entries: usize,
    },
}

impl MigrationError {
    /// The stable name of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::NotMigration => "not_migration",
            Self::MissingData => "missing_data",
            Self::BadData => "bad_migration",
            Self::NewerVersion { .. } => "newer_version",
            Self::BadPart => "bad_part",
            Self::TooManyEntries { .. } => "too_many_entries",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => {
                "Check that only the export's link was copied, and no other text with it."
            }
            Self::NotMigration => {
                "In Google Authenticator choose Transfer accounts, then Export accounts."
            }
            Self::MissingData | Self::BadData | Self::BadPart => {
                "Export once more in Google Authenticator, and scan every QR code that it shows."
            }
            Self::NewerVersion { .. } => {
                "Update Couchkey, or set the accounts up once more at their services."
            }
            Self::TooManyEntries { .. } => "Export fewer accounts at once.",
        }
    }
}

/// The message in a batch. No `Debug`: it holds secrets.
#[derive(prost::Message)]
#[prost(skip_debug)]
struct Payload {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
    /// 1 in older exports, 2 now; the difference is a field 8 in each entry, a unique id, which nobody needs.
    #[prost(int32, tag = "2")]
    version: i32,
    #[prost(int32, tag = "3")]
    batch_size: i32,
    /// From 0.
    #[prost(int32, tag = "4")]
    batch_index: i32,
    #[prost(int32, tag = "5")]
    batch_id: i32,
}

/// The version that we write, and the newest that we read.
const VERSION: i32 = 2;

/// One account. The enumerations are plain numbers and the names plain bytes here, so that one odd entry does not
/// stop the others.
#[derive(prost::Message)]
#[prost(skip_debug)]
struct Entry {
    #[prost(bytes = "vec", tag = "1")]
    secret: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    name: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    issuer: Vec<u8>,
    /// 1 SHA-1, 2 SHA-256, 3 SHA-512, 4 MD5; 0 for the default.
    #[prost(int32, tag = "4")]
    algorithm: i32,
    /// 1 for six, 2 for eight; 0 for the default.
    #[prost(int32, tag = "5")]
    digits: i32,
    /// 1 HOTP, 2 TOTP; 0 for the default.
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(int64, tag = "7")]
    counter: i64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}
