//! Errors: what can go wrong, as a stable code, a sentence that says what happened, and a cure.
//!
//! [`Error`] wraps the errors of the crates below and of the ports; [`ErrorReport`] is what leaves Rust. The codes are listed in
//! error/code.rs, their sentences in error/sentences.rs.

mod code;
mod sentences;

use couchkey_formats::import::{ImportError, SkipReason};
use couchkey_vault::{ChangeError, OpenError, SaveError, SlotError, backup::BackupError};
use serde::Serialize;

pub use self::code::ErrorCode;
pub(crate) use self::sentences::unread;
use self::sentences::{place, sentence, sentences, unwritten};
use crate::{
    passphrase::WeakPassphrase,
    ports::{FileError, KeyringError, ScreenError},
};

/// Leaves Rust for the window, for `--json` and for logs. Holds facts, never input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ErrorReport {
    /// Stable: never renamed, never used again for something else.
    pub code: ErrorCode,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// What a use case answers when it does not do what was asked. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.report().message)]
pub enum Error {
    /// A condition that has a code and no further facts.
    Refused(ErrorCode),
    /// An otpauth URI that is not accepted.
    Otpauth(#[from] couchkey_otp::OtpauthError),
    /// A migration batch that is not accepted.
    Migration(#[from] couchkey_otp::MigrationError),
    /// An entry of a migration batch that no codes can be made from.
    Skipped(#[from] couchkey_otp::migration::SkippedReason),
    /// Another app's export that is not read.
    Import(#[from] couchkey_formats::import::ImportError),
    /// An entry of another app's export that is not added.
    NotImported(#[from] couchkey_formats::import::SkipReason),
    /// An account that Google's format cannot carry.
    NotCarried(#[from] couchkey_otp::migration::RefusedReason),
    /// A QR code cannot hold it.
    Draw(#[from] couchkey_qr::EncodeError),
    /// A file could not be written.
    Write(std::io::ErrorKind),
    /// The screen cannot be looked at.
    Screen(#[from] ScreenError),
    /// A picture that cannot be read.
    Picture(#[from] couchkey_qr::PictureError),
    /// A web page, most often a television's, and no set-up code.
    WebPage(Box<crate::web_address::WebAddress>),
    /// QR codes that do not belong together.
    PartsDiffer(#[from] couchkey_qr::PartsDiffer),
    /// The keyring did not do its part.
    Keyring(#[from] KeyringError),
    /// The disk did not do its part.
    File(#[from] FileError),
    /// The vault's files are there, and neither they nor the keyring's copy can be read.
    Unread(FileError),
    /// A backup could not be made or opened.
    Backup(#[from] couchkey_vault::backup::BackupError),
    /// The vault could not be opened.
    Open(#[from] couchkey_vault::OpenError),
    /// The vault refused a change.
    Change(#[from] couchkey_vault::ChangeError),
    /// A way to unlock could not be made.
    Slot(#[from] couchkey_vault::SlotError),
    /// The vault cannot be written by this version.
    Save(#[from] couchkey_vault::SaveError),
    /// A new passphrase that is not taken.
    Weak(#[from] WeakPassphrase),
    /// There is no vault here, and the keyring has these, whose folders are gone.
    Elsewhere {
        /// The folders.
        places: Vec<String>,
    },
    /// Several accounts fit; these are their names.
    Ambiguous {
        /// Issuer and account name of each.
        names: Vec<String>,
    },
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

impl From<std::io::Error> for Error {
    /// Only an export writes files of its own; the vault's go through [`FileError`].
    fn from(error: std::io::Error) -> Self {
        Self::Write(error.kind())
    }
}

impl Error {
    /// The stable word.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(code) => *code,
            Self::Otpauth(e) => word(e.code()),
            Self::Migration(_) => ErrorCode::BadMigration,
            Self::WebPage(_) => ErrorCode::QrIsWebLink,
            Self::Skipped(e) => word(e.code()),
            Self::Import(e) => import_code(e),
            Self::NotImported(e) => skip_code(e),
            Self::NotCarried(e) => word(e.code()),
            Self::Draw(e) => word(e.code()),
            Self::Write(std::io::ErrorKind::AlreadyExists) => ErrorCode::ExportExists,
            Self::Write(_) => ErrorCode::ExportUnwritten,
            Self::Screen(e) => e.into(),
            Self::Picture(e) => word(e.code()),
            Self::PartsDiffer(_) => ErrorCode::PartsDiffer,
            Self::Keyring(e) => e.into(),
            Self::File(e) => e.into(),
            Self::Unread(_) => ErrorCode::VaultDamaged,
            Self::Backup(e) => backup_code(e),
            Self::Open(e) => open_code(e),
            Self::Change(e) => change_code(e),
            Self::Slot(e) => slot_code(e),
            Self::Save(SaveError::NewerVersion { .. }) => ErrorCode::VaultNewerVersion,
            Self::Save(_) => ErrorCode::TooManyAccounts,
            Self::Weak(WeakPassphrase::TooShort { .. }) => ErrorCode::PassphraseTooShort,
            Self::Weak(WeakPassphrase::Guessable(_)) => ErrorCode::PassphraseTooWeak,
            Self::Elsewhere { .. } => ErrorCode::VaultsElsewhere,
            Self::Ambiguous { .. } => ErrorCode::AmbiguousQuery,
        }
    }

    /// What leaves Rust.
    #[must_use]
    pub fn report(&self) -> ErrorReport {
        let code = self.code();
        let (message, hint) = match self {
            Self::Otpauth(e) => (sentence(e), sentence(e.hint())),
            Self::Migration(e) => (sentence(e), sentence(e.hint())),
            Self::Skipped(e) => (sentence(e), sentence(e.hint())),
            Self::Picture(e) => (sentence(e), sentence(e.hint())),
            Self::WebPage(address) => (address.message(), address.hint().to_owned()),
            Self::NotImported(SkipReason::Refused(e)) => (sentence(e), sentence(e.hint())),
            Self::NotCarried(e) => (sentence(e), sentence(e.hint())),
            Self::Draw(e) => (sentence(e), sentence(e.hint())),
            // The facts are in the error, the cure is the code's.
            Self::Import(e) => (sentence(e), sentences(code).1.to_owned()),
            Self::NotImported(e) => (sentence(e), sentences(code).1.to_owned()),
            Self::Weak(e) => (sentence(e), sentences(code).1.to_owned()),
            Self::Write(kind) if code == ErrorCode::ExportUnwritten => {
                let (message, hint) = unwritten(*kind);
                (message.to_owned(), hint.to_owned())
            }
            Self::File(e) | Self::Unread(e) if place(e).is_some() => {
                let (message, hint) = place(e).unwrap_or_default();
                (message.to_owned(), hint.to_owned())
            }
            Self::Keyring(KeyringError::NotAFile) => (
                "In the vault's folder, something else is in the place of the folder keyring, or of a file in it.".to_owned(),
                "Move it out of the way; Couchkey makes those files again from the vault's own. Nothing was changed.".to_owned(),
            ),
            Self::Change(
                e @ (ChangeError::ControlCharacter { .. } | ChangeError::LinkInName { .. }),
            ) => (
                sentence(e),
                "Type it by hand instead of pasting it.".to_owned(),
            ),
            Self::Change(e) if !matches!(e, ChangeError::Slot(_)) => {
                (sentence(e), sentences(code).1.to_owned())
            }
            Self::Elsewhere { places } => (
                format!(
                    "This computer's keyring has a vault whose folder is gone: {}.",
                    places.join("; ")
                ),
                sentences(code).1.to_owned(),
            ),
            Self::Unread(why) => (
                format!(
                    "The vault's files are here and cannot be read: {}.",
                    unread(why)
                ),
                "Check the disk and whose the folder is, then try again. If they stay as they are, restore your newest backup: what is here is put aside, not deleted."
                    .to_owned(),
            ),
            Self::Ambiguous { names } => {
                let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
                let more = if names.len() > 5 { "; …" } else { "" };
                (
                    format!("{} accounts fit: {shown}{more}.", names.len()),
                    "Type more of the name, or use the account's id from the list.".to_owned(),
                )
            }
            _ => {
                let (message, hint) = sentences(code);
                (message.to_owned(), hint.to_owned())
            }
        };
        ErrorReport {
            code,
            message,
            hint,
        }
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        error.report()
    }
}

impl From<ErrorCode> for ErrorReport {
    fn from(code: ErrorCode) -> Self {
        Error::Refused(code).report()
    }
}

impl From<&KeyringError> for ErrorCode {
    fn from(error: &KeyringError) -> Self {
        match error {
            KeyringError::Locked => Self::KeyringLocked,
            KeyringError::TimedOut => Self::KeyringSilent,
            KeyringError::Denied => Self::KeyringDenied,
            KeyringError::Unavailable => Self::KeyringUnavailable,
            KeyringError::Full => Self::StorageFull,
            KeyringError::FolderDenied => Self::StorageDenied,
            KeyringError::Ambiguous
            | KeyringError::TooLong
            | KeyringError::NotAFile
            | KeyringError::Storage
            | KeyringError::Failed => Self::StorageFailed,
        }
    }
}

impl From<&FileError> for ErrorCode {
    fn from(error: &FileError) -> Self {
        match error {
            FileError::Busy => Self::VaultBusy,
            FileError::Full => Self::StorageFull,
            FileError::Denied | FileError::Unreadable => Self::StorageDenied,
            FileError::TooLarge => Self::VaultDamaged,
            FileError::NotAFolder
            | FileError::ForeignLink
            | FileError::LostLink
            | FileError::LostFolder
            | FileError::LinkToOther
            | FileError::BadLock
            | FileError::Failed(_) => Self::StorageFailed,
        }
    }
}

impl From<&ScreenError> for ErrorCode {
    fn from(error: &ScreenError) -> Self {
        match error {
            ScreenError::Denied => Self::ScreenDenied,
            _ => Self::ScreenUnavailable,
        }
    }
}

fn open_code(error: &OpenError) -> ErrorCode {
    match error {
        OpenError::NothingFound => ErrorCode::NoVault,
        OpenError::NewerVersion { .. } => ErrorCode::VaultNewerVersion,
        OpenError::NoSlot | OpenError::Wrong => ErrorCode::NeedsRecovery,
        OpenError::OutOfMemory { .. } => ErrorCode::NotEnoughMemory,
        OpenError::Fetch(_) => ErrorCode::KeyringLocked,
        // Two vaults in one folder, a cost that nobody asks for: what is there was spoilt or put there by somebody.
        _ => ErrorCode::VaultDamaged,
    }
}

fn import_code(error: &ImportError) -> ErrorCode {
    match error {
        ImportError::UnknownFormat => ErrorCode::ImportUnknown,
        ImportError::NeedsPassword { .. } => ErrorCode::ImportNeedsPassword,
        ImportError::WrongPassword { .. } => ErrorCode::ImportWrongPassword,
        ImportError::NeedsKey { .. } => ErrorCode::ImportNeedsKey,
        ImportError::WrongKey { .. } => ErrorCode::ImportWrongKey,
        ImportError::NewerVersion { .. } => ErrorCode::ImportNewerVersion,
        ImportError::AccountRestricted { .. } => ErrorCode::ImportRestricted,
        ImportError::Incomplete { .. } => ErrorCode::ImportIncomplete,
        ImportError::UnsupportedVariant { .. } => ErrorCode::ImportUnsupported,
        ImportError::TooLarge { .. } | ImportError::TooManyEntries { .. } => {
            ErrorCode::ImportTooLarge
        }
        ImportError::TooCostly { .. } => ErrorCode::ImportTooCostly,
        ImportError::Cancelled => ErrorCode::Cancelled,
        _ => ErrorCode::ImportDamaged,
    }
}

fn skip_code(reason: &SkipReason) -> ErrorCode {
    match reason {
        SkipReason::UnsupportedKind { .. } => ErrorCode::UnsupportedType,
        SkipReason::Refused(error) => word(error.code()),
        SkipReason::NoOneTimePassword => ErrorCode::NoOneTimePassword,
        SkipReason::InRecycleBin { .. } => ErrorCode::InRecycleBin,
        SkipReason::Sealed => ErrorCode::EntrySealed,
        SkipReason::MissingPart => ErrorCode::MissingPart,
        _ => ErrorCode::EntryDamaged,
    }
}

fn backup_code(error: &BackupError) -> ErrorCode {
    match error {
        BackupError::NothingOpensIt => ErrorCode::BackupNeedsKey,
        BackupError::NotABackup => ErrorCode::NotABackup,
        BackupError::NewerVersion { .. } => ErrorCode::BackupNewerVersion,
        BackupError::NoSlot | BackupError::Wrong => ErrorCode::WrongBackupKey,
        BackupError::OutOfMemory { .. } => ErrorCode::NotEnoughMemory,
        // A cost that nobody asks for: what is there was spoilt or put there by somebody.
        _ => ErrorCode::BackupDamaged,
    }
}

fn change_code(error: &ChangeError) -> ErrorCode {
    match error {
        ChangeError::NoSuchAccount => ErrorCode::AccountNotFound,
        ChangeError::TooManyAccounts { .. } => ErrorCode::TooManyAccounts,
        ChangeError::NoName => ErrorCode::NameMissing,
        ChangeError::TooLong { what: "note", .. } => ErrorCode::NoteTooLong,
        ChangeError::TooLong { .. } | ChangeError::TooManyGroups { .. } => ErrorCode::NameTooLong,
        ChangeError::ControlCharacter { .. } => ErrorCode::BadLabel,
        ChangeError::LinkInName { .. } => ErrorCode::LinkInName,
        ChangeError::NoCounter => ErrorCode::NotHotp,
        ChangeError::CounterUsedUp => ErrorCode::CounterExhausted,
        ChangeError::Slot(error) => slot_code(error),
        _ => ErrorCode::Internal,
    }
}

fn slot_code(error: &SlotError) -> ErrorCode {
    match error {
        SlotError::EmptyPassphrase => ErrorCode::PassphraseTooShort,
        SlotError::ControlCharacter => ErrorCode::PassphraseUnusable,
        SlotError::OutOfMemory { .. } => ErrorCode::NotEnoughMemory,
        _ => ErrorCode::Internal,
    }
}

/// The words of the crates below are ours too; a test walks through all of them.
fn word(word: &str) -> ErrorCode {
    ErrorCode::from_word(word).unwrap_or(ErrorCode::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_with_the_vaults_place_has_words_of_its_own() {
        let said: Vec<ErrorReport> = [
            FileError::Denied,
            FileError::Unreadable,
            FileError::NotAFolder,
            FileError::ForeignLink,
            FileError::LostLink,
            FileError::LostFolder,
            FileError::LinkToOther,
            FileError::BadLock,
            FileError::Failed(std::io::ErrorKind::Other),
        ]
        .map(|error| Error::from(error).report())
        .into();
        for (at, report) in said.iter().enumerate() {
            assert!(
                said[at + 1..]
                    .iter()
                    .all(|other| other.message != report.message && other.hint != report.hint),
                "{report:?} is told from the others"
            );
        }
        let unread = &said[1];
        assert!(
            unread.message.contains("may not be read") && unread.code == ErrorCode::StorageDenied,
            "nothing was to be written: {unread:?}"
        );
        let full = Error::from(KeyringError::Full).report();
        assert_eq!(
            full.code,
            ErrorCode::StorageFull,
            "a full disk is called so, whatever it is under: {full:?}"
        );
    }
}
