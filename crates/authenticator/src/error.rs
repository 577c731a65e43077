//! What can go wrong, as a stable code, a sentence that says what happened, and a cure.

use couchkey_vault::{
    ChangeError, OpenError, SaveError, SlotError,
    backup::BackupError,
    import::{ImportError, SkipReason},
};
use serde::Serialize;

use crate::ports::{FileError, KeyringError};

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

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $word:literal)*) => {
        /// A stable word for an error. A code exists only if somebody acts on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word, as `--json` prints it.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $word,)* } }

            /// The code with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> { match word { $($word => Some(Self::$name),)* _ => None } }
        }
    };
}

codes! {
    /// Nothing was set up here yet.
    NoVault "no_vault"
    /// There is a vault already.
    VaultExists "vault_exists"
    /// It must be unlocked first.
    VaultLocked "vault_locked"
    /// The passphrase does not open it.
    WrongPassphrase "wrong_passphrase"
    /// It opens with a passphrase and none was given.
    PassphraseNeeded "passphrase_needed"
    /// Fewer than eight characters.
    PassphraseTooShort "passphrase_too_short"
    /// A line end, a tab or the like in it.
    PassphraseUnusable "passphrase_unusable"
    /// Trying a passphrase takes more memory than there is.
    NotEnoughMemory "not_enough_memory"
    /// Well-formed, and of another vault or an older one.
    WrongRecoveryKey "wrong_recovery_key"
    /// Not a recovery key as typed.
    RecoveryKeyTypo "recovery_key_typo"
    /// The vault is here and the device key is not.
    NeedsRecovery "needs_recovery"
    /// The keyring waits for its own password.
    KeyringLocked "keyring_locked"
    /// Somebody said no.
    KeyringDenied "keyring_denied"
    /// There is none, or it does not run.
    KeyringUnavailable "keyring_unavailable"
    /// No copy of the vault can be read.
    VaultDamaged "vault_damaged"
    /// The file is no backup of ours.
    NotABackup "not_a_backup"
    /// A backup that is cut off or spoilt.
    BackupDamaged "backup_damaged"
    /// A backup made by a newer Couchkey.
    BackupNewerVersion "backup_newer_version"
    /// Neither today's recovery key nor the passphrase of this backup.
    WrongBackupKey "wrong_backup_key"
    /// Nothing that a backup could be opened with.
    BackupNeedsKey "backup_needs_key"
    /// None in the folder.
    NoBackup "no_backup"
    /// The vault that is here is another one, or has other keys since.
    BackupOfAnotherVault "backup_of_another_vault"
    /// The folder for backups is not there or may not be written.
    BackupFolderUnavailable "backup_folder_unavailable"
    /// Made by a newer Couchkey.
    VaultNewerVersion "vault_newer_version"
    /// Another Couchkey is writing.
    VaultBusy "vault_busy"
    /// No space left.
    StorageFull "storage_full"
    /// Not allowed to write.
    StorageDenied "storage_denied"
    /// The disk or the keyring failed.
    StorageFailed "storage_failed"
    /// No account of that name or id.
    AccountNotFound "account_not_found"
    /// Several accounts fit.
    AmbiguousQuery "ambiguous_query"
    /// Neither issuer nor account name.
    NameMissing "name_missing"
    /// A name longer than we keep.
    NameTooLong "name_too_long"
    /// A note longer than we keep.
    NoteTooLong "note_too_long"
    /// More than 10,000.
    TooManyAccounts "too_many_accounts"
    /// Only counter-based codes can be moved on.
    NotHotp "not_hotp"
    /// The counter is at its end.
    CounterExhausted "counter_exhausted"
    /// No QR code was found in the picture.
    NoQrCode "no_qr_code"
    /// The QR code is a web address.
    QrIsWebLink "qr_is_web_link"
    /// The QR code is something else.
    QrIsOther "qr_is_other"
    /// More bytes or pixels than we decode.
    PictureTooLarge "picture_too_large"
    /// Not in a format that we read.
    NotAPicture "not_a_picture"
    /// Broken off or spoilt.
    PictureDamaged "picture_damaged"
    /// No bytes or no pixels.
    PictureEmpty "picture_empty"
    /// This system gives no picture of the screen.
    ScreenUnavailable "screen_unavailable"
    /// The person or the system said no.
    ScreenDenied "screen_denied"
    /// Nothing there to read.
    ClipboardEmpty "clipboard_empty"
    /// There is none to talk to.
    ClipboardUnavailable "clipboard_unavailable"
    /// The preview is no longer there.
    PreviewGone "preview_gone"
    /// otpauth: longer than 4,096 bytes.
    TooLong "too_long"
    /// otpauth: not such a URI.
    NotOtpauth "not_otpauth"
    /// otpauth: a migration batch where one account was expected.
    MigrationUri "migration_uri"
    /// otpauth: a type that does not exist.
    BadType "bad_type"
    /// otpauth: a type that we make no codes for.
    UnsupportedType "unsupported_type"
    /// otpauth: one parameter, two values.
    DuplicateParameter "duplicate_parameter"
    /// otpauth: no secret.
    MissingSecret "missing_secret"
    /// otpauth: an empty secret.
    EmptySecret "empty_secret"
    /// otpauth: not base32.
    BadSecret "bad_secret"
    /// otpauth: more than 512 bytes.
    TooLongSecret "too_long_secret"
    /// otpauth: not SHA1, SHA256 or SHA512.
    UnsupportedAlgorithm "unsupported_algorithm"
    /// otpauth: not a number.
    BadDigits "bad_digits"
    /// otpauth: not 6 to 8.
    UnsupportedDigits "unsupported_digits"
    /// otpauth: not a number.
    BadPeriod "bad_period"
    /// otpauth: not 1 to 86,400 seconds.
    UnsupportedPeriod "unsupported_period"
    /// otpauth: HOTP without its counter.
    MissingCounter "missing_counter"
    /// otpauth: not a number, or past the end.
    BadCounter "bad_counter"
    /// otpauth: control characters in a name.
    BadLabel "bad_label"
    /// A migration batch that cannot be read.
    BadMigration "bad_migration"
    /// Import: encrypted, and its password is asked for.
    ImportNeedsPassword "import_needs_password"
    /// Import: the password does not open it.
    ImportWrongPassword "import_wrong_password"
    /// Import: broken off or spoilt.
    ImportDamaged "import_damaged"
    /// Import: written by a newer version of the other app.
    ImportNewerVersion "import_newer_version"
    /// Import: no format that we know.
    ImportUnknown "import_unknown"
    /// Import: opens only in the account that made it.
    ImportRestricted "import_restricted"
    /// Import: one of several files that belong together.
    ImportIncomplete "import_incomplete"
    /// Import: known, and not read.
    ImportUnsupported "import_unsupported"
    /// Import: more bytes or entries than we read.
    ImportTooLarge "import_too_large"
    /// Import: trying a password costs more than we pay.
    ImportTooCostly "import_too_costly"
    /// An entry of an export without a one-time password.
    NoOneTimePassword "no_one_time_password"
    /// An entry of an export that cannot be read.
    EntryDamaged "entry_damaged"
    /// An entry of an export with an encryption of its own that does not open.
    EntrySealed "entry_sealed"
    /// One of the QR codes of an export is not among those that were given.
    MissingPart "missing_part"
    /// The person changed their mind.
    Cancelled "cancelled"
    /// Export: there is no account to take along.
    NothingToExport "nothing_to_export"
    /// Export: nothing else is asked, so a plain yes is.
    ConfirmationNeeded "confirmation_needed"
    /// Export: there is a file of that name.
    ExportExists "export_exists"
    /// Export: the file could not be written.
    ExportUnwritten "export_unwritten"
    /// Export: what was written reads back otherwise.
    ExportDiffers "export_differs"
    /// An account whose sealed item cannot be read now.
    AccountDamaged "account_damaged"
    /// More than one QR code holds.
    TooLongForACode "too_long_for_a_code"
    /// Our own mistake.
    Internal "internal"
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
    Import(#[from] couchkey_vault::import::ImportError),
    /// An entry of another app's export that is not added.
    NotImported(#[from] couchkey_vault::import::SkipReason),
    /// An account that Google's format cannot carry.
    NotCarried(#[from] couchkey_otp::migration::RefusedReason),
    /// A QR code cannot hold it.
    Draw(#[from] crate::qr::EncodeError),
    /// A file could not be written.
    Write(std::io::ErrorKind),
    /// The screen cannot be looked at.
    Screen(#[from] crate::os::screen::ScreenError),
    /// A picture that cannot be read.
    Picture(#[from] crate::qr::PictureError),
    /// The keyring did not do its part.
    Keyring(#[from] KeyringError),
    /// The disk did not do its part.
    File(#[from] FileError),
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
            Self::Skipped(e) => word(e.code()),
            Self::Import(e) => import_code(e),
            Self::NotImported(e) => skip_code(e),
            Self::NotCarried(e) => word(e.code()),
            Self::Draw(e) => word(e.code()),
            Self::Write(std::io::ErrorKind::AlreadyExists) => ErrorCode::ExportExists,
            Self::Write(_) => ErrorCode::ExportUnwritten,
            Self::Screen(e) => e.into(),
            Self::Picture(e) => word(e.code()),
            Self::Keyring(e) => e.into(),
            Self::File(e) => e.into(),
            Self::Backup(e) => backup_code(e),
            Self::Open(e) => open_code(e),
            Self::Change(e) => change_code(e),
            Self::Slot(e) => slot_code(e),
            Self::Save(SaveError::NewerVersion { .. }) => ErrorCode::VaultNewerVersion,
            Self::Save(_) => ErrorCode::TooManyAccounts,
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
            Self::NotImported(SkipReason::Refused(e)) => (sentence(e), sentence(e.hint())),
            Self::NotCarried(e) => (sentence(e), sentence(e.hint())),
            Self::Draw(e) => (sentence(e), sentence(e.hint())),
            // The facts are in the error, the cure is the code's.
            Self::Import(e) => (sentence(e), sentences(code).1.to_owned()),
            Self::NotImported(e) => (sentence(e), sentences(code).1.to_owned()),
            Self::Write(kind) if code == ErrorCode::ExportUnwritten => {
                let (message, hint) = unwritten(*kind);
                (message.to_owned(), hint.to_owned())
            }
            Self::Change(e) if !matches!(e, ChangeError::Slot(_)) => {
                (sentence(e), sentences(code).1.to_owned())
            }
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
            KeyringError::Locked | KeyringError::TimedOut => Self::KeyringLocked,
            KeyringError::Denied => Self::KeyringDenied,
            KeyringError::Unavailable => Self::KeyringUnavailable,
            KeyringError::Ambiguous
            | KeyringError::TooLong
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
            FileError::Denied => Self::StorageDenied,
            FileError::TooLarge => Self::VaultDamaged,
            FileError::Failed(_) => Self::StorageFailed,
        }
    }
}

impl From<&crate::os::screen::ScreenError> for ErrorCode {
    fn from(error: &crate::os::screen::ScreenError) -> Self {
        match error {
            crate::os::screen::ScreenError::Denied => Self::ScreenDenied,
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
        SkipReason::Sealed => ErrorCode::EntrySealed,
        SkipReason::MissingPart => ErrorCode::MissingPart,
        _ => ErrorCode::EntryDamaged,
    }
}

/// Why a file could not be written, and what to do.
fn unwritten(kind: std::io::ErrorKind) -> (&'static str, &'static str) {
    use std::io::ErrorKind as K;
    match kind {
        K::StorageFull | K::QuotaExceeded => (
            "The disk is full, so the export was not written.",
            "Free some space or choose another folder. Nothing was left behind.",
        ),
        K::PermissionDenied | K::ReadOnlyFilesystem => (
            "That folder may not be written, so the export was not written.",
            "Choose a folder of your own. Nothing was left behind.",
        ),
        K::NotFound | K::NotADirectory => (
            "There is no such folder, so the export was not written.",
            "Check the name, or choose another folder.",
        ),
        _ => sentences(ErrorCode::ExportUnwritten),
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

/// The crates below write errors as Rust does, in lower case and without a full stop; people get a sentence.
fn sentence(text: impl ToString) -> String {
    let text = text.to_string();
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.unwrap_or_default(), rest.as_str())
}

/// The words of the crates below are ours too; a test walks through all of them.
fn word(word: &str) -> ErrorCode {
    ErrorCode::from_word(word).unwrap_or(ErrorCode::Internal)
}

/// What happened, and the cure, for every code that does not bring its own sentences.
fn sentences(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as C;
    match code {
        C::NoVault => (
            "There is no vault here yet.",
            "Set one up: on the command line with `couchkey init`, in the app by adding the first account.",
        ),
        C::VaultExists => (
            "There is a vault here already, and it is not replaced.",
            "Open it. If you want a second one, use another data directory.",
        ),
        C::VaultLocked => (
            "Couchkey is locked.",
            "Unlock it, then do the same again. Your accounts are safe.",
        ),
        C::WrongPassphrase => (
            "That passphrase does not open the vault.",
            "Check capital letters and the keyboard's language, and try again. If it is forgotten, the recovery key opens the vault too.",
        ),
        C::PassphraseNeeded => (
            "The vault opens with a passphrase.",
            "Type it when asked; in a script, hand it over with --passphrase-fd.",
        ),
        C::PassphraseTooShort => (
            "The passphrase is shorter than eight characters.",
            "Take a longer one; three or four unrelated words are easy to remember and hard to guess.",
        ),
        C::PassphraseUnusable => (
            "The passphrase has a character in it that no keyboard types, such as a line end.",
            "Type it by hand instead of pasting it.",
        ),
        C::NotEnoughMemory => (
            "There is not enough free memory to try a passphrase.",
            "Close other programs, then try again.",
        ),
        C::WrongRecoveryKey => (
            "That recovery key is well-formed, but it does not open this vault.",
            "Look for a newer sheet: making a new recovery key ends the older one.",
        ),
        C::RecoveryKeyTypo => (
            "That is not quite a recovery key.",
            "Compare it with the sheet group by group; one character is mistyped or missing.",
        ),
        C::NeedsRecovery => (
            "Your accounts are here, but this computer's keyring has lost the key that opens them.",
            "Type the recovery key from your sheet. Nothing is deleted, and no new key is made without you.",
        ),
        C::KeyringLocked => (
            "The keyring of this computer is locked.",
            "Unlock it (it opens with your login password), then try again. Your accounts are safe.",
        ),
        C::KeyringDenied => (
            "Access to the keyring was refused.",
            "Allow Couchkey to use the keyring when the system asks, then try again.",
        ),
        C::KeyringUnavailable => (
            "No keyring answers on this computer.",
            "Start its service (on Linux: GNOME Keyring, KWallet or KeePassXC), or use the recovery key.",
        ),
        C::VaultDamaged => (
            "No copy of the vault can be read.",
            "Restore your newest backup; what is here is put aside, not deleted. Without one, leave the files as they are: the keyring may still hold every account.",
        ),
        C::NotABackup => (
            "That file is not a Couchkey backup.",
            "Choose a file whose name ends in .couchkey. Exports of other apps are imported instead.",
        ),
        C::BackupDamaged => (
            "That backup is damaged and does not open.",
            "Take an older one from the same folder, or another copy of this one.",
        ),
        C::BackupNewerVersion => (
            "That backup was made by a newer Couchkey.",
            "Update Couchkey on this computer, then open it again.",
        ),
        C::WrongBackupKey => (
            "That does not open the backup.",
            "A backup opens with the recovery key or the passphrase that you had when it was made; look for an older sheet.",
        ),
        C::BackupNeedsKey => (
            "There is nothing yet that a backup could be opened with.",
            "Make a recovery key, or set a passphrase for backups. Then they are made by themselves.",
        ),
        C::NoBackup => (
            "There is no backup in that folder.",
            "Choose another folder, or make a backup first.",
        ),
        C::BackupOfAnotherVault => (
            "The vault that is here is another one than that of the backup, or has got new keys since.",
            "Open it first, and then restore into it. Or have it put aside, whole, and begin with the backup.",
        ),
        C::BackupFolderUnavailable => (
            "The folder for backups is not there, or may not be written.",
            "Plug the disk in or choose another folder. Your accounts themselves are saved.",
        ),
        C::VaultNewerVersion => (
            "This vault was made by a newer Couchkey.",
            "Update Couchkey on this computer. The vault was not touched.",
        ),
        C::VaultBusy => (
            "Another Couchkey is writing to the vault and does not finish.",
            "Wait a moment and try again; close the other one if it hangs.",
        ),
        C::StorageFull => (
            "There is no space left to save the change.",
            "Free some space, then do the same again. What you had is unchanged.",
        ),
        C::StorageDenied => (
            "The vault's folder may not be written.",
            "Check that the folder belongs to you and is not read-only. What you had is unchanged.",
        ),
        C::StorageFailed => (
            "The change could not be saved: the disk or the keyring failed.",
            "Try again; if it fails again, run `couchkey doctor`. What you had is unchanged.",
        ),
        C::AccountNotFound => (
            "There is no such account.",
            "Look at the list; it may be in the trash.",
        ),
        C::AmbiguousQuery => (
            "Several accounts fit.",
            "Type more of the name, or use the account's id from the list.",
        ),
        C::NameMissing => (
            "An account needs a name.",
            "Type the service, or the account name, or both.",
        ),
        C::NameTooLong => (
            "That name is too long.",
            "Use a shorter one; longer text belongs in the note.",
        ),
        C::NoteTooLong => ("That note is too long.", "Shorten it."),
        C::TooManyAccounts => (
            "A vault holds at most 10,000 accounts.",
            "Remove some, or use a second vault in another data directory.",
        ),
        C::NotHotp => (
            "That account's codes follow the clock; there is no counter to move on.",
            "Wait for the next code.",
        ),
        C::CounterExhausted => (
            "The counter of this account is at its end.",
            "Enrol the account again at the service.",
        ),
        C::NoQrCode => (
            "No QR code was found in the picture.",
            "Take the picture closer and straight on, with the whole code in it and no reflection; or take a screenshot of it.",
        ),
        C::QrIsWebLink => (
            "That QR code is a web link, not a code for an authenticator.",
            "Look for the page called two-factor or authenticator app in the service's settings, and scan the code there.",
        ),
        C::QrIsOther => (
            "That QR code is not meant for an authenticator.",
            "Scan the one that the service shows when you set up an authenticator app.",
        ),
        C::ScreenUnavailable => (
            "This system does not let Couchkey look at the screen.",
            "Take a screenshot yourself, and drop the picture onto the window.",
        ),
        C::ScreenDenied => (
            "Looking at the screen was not allowed.",
            "Allow it when the system asks, or take a screenshot yourself and drop it onto the window.",
        ),
        C::ClipboardEmpty => (
            "There is no picture or text on the clipboard.",
            "Copy the QR code's picture or the setup link first, then paste.",
        ),
        C::ClipboardUnavailable => (
            "The clipboard could not be used.",
            "Try again, or use a file instead.",
        ),
        C::PreviewGone => (
            "That preview is no longer open, and nothing was saved.",
            "Scan the code again.",
        ),
        C::ImportNeedsPassword => (
            "This export is encrypted.",
            "Type the password that was chosen when it was made, in the other app.",
        ),
        C::ImportWrongPassword => (
            "That password does not open this export.",
            "Check capital letters and the keyboard's language. It is the password that was chosen for the export, which may not be the other app's own.",
        ),
        C::ImportDamaged => (
            "This export is damaged or cut short.",
            "Export once more in the other app, and copy the file whole. Nothing was added.",
        ),
        C::ImportNewerVersion => (
            "This export is of a newer version than Couchkey knows.",
            "Update Couchkey, or export in an older format if the other app offers one. Nothing was added.",
        ),
        C::ImportUnknown => (
            "That is not an export of an app that Couchkey knows.",
            "Choose the file that the other app wrote as its export or backup, or a picture of its QR codes.",
        ),
        C::ImportRestricted => (
            "This export opens only in the account that made it.",
            "Export again, and choose the kind that is protected by a password, or the one without encryption.",
        ),
        C::ImportIncomplete => (
            "This file is only a part of what that app keeps.",
            "Put the whole folder that it lies in (maFiles, for Steam Desktop Authenticator) into a zip file, and choose that.",
        ),
        C::ImportUnsupported => (
            "This kind of export is not read here.",
            "Look for another way to export in that app: as JSON, as a list of links, or as QR codes.",
        ),
        C::ImportTooLarge => (
            "This export is larger than any vault.",
            "Check that it is the right file; if it is, export fewer accounts at once.",
        ),
        C::ImportTooCostly => (
            "Trying a password on this export costs more than Couchkey pays.",
            "Export again in the other app with its usual settings, or without a password.",
        ),
        C::NoOneTimePassword => (
            "It has no one-time password.",
            "Nothing is missing; there are no codes to make from it.",
        ),
        C::EntryDamaged => (
            "This entry of the export is damaged.",
            "Look it up in the other app, and set it up once more at the service. The others are not affected.",
        ),
        C::EntrySealed => (
            "This entry has an encryption of its own that does not open.",
            "Look it up in the other app, and set it up once more at the service. The others are not affected.",
        ),
        C::MissingPart => (
            "A part of this export is missing.",
            "Show that QR code in the other app once more, and import it too.",
        ),
        C::Cancelled => (
            "Cancelled. Nothing was changed.",
            "Start again whenever you like.",
        ),
        C::NothingToExport => (
            "There is no account to export.",
            "Add one first, or look into the trash.",
        ),
        C::ConfirmationNeeded => (
            "Nothing leaves the vault without a clear yes.",
            "Say yes when asked; in a script, use --yes.",
        ),
        C::ExportExists => (
            "There is a file of that name already, and it is not replaced.",
            "Choose another name, or delete that file first.",
        ),
        C::ExportUnwritten => (
            "The export could not be written: the disk failed.",
            "Try again, or choose another folder. Nothing was left behind.",
        ),
        C::ExportDiffers => (
            "What was written does not read back with the same codes, so it was removed.",
            "Try again, or use another format; if it happens again, please report it. Your accounts are unchanged.",
        ),
        C::AccountDamaged => (
            "This account cannot be read at the moment.",
            "Its sealed data is kept as it is; look at what Settings or `couchkey doctor` says.",
        ),
        C::TooLongForACode => (
            "That is more than one QR code holds.",
            "Export to a file instead.",
        ),
        C::Internal => (
            "Couchkey made a mistake, and changed nothing.",
            "Try again; if it happens again, please report what you did.",
        ),
        // These bring their own sentences; the words here serve a report that has nothing but the code.
        C::PictureTooLarge | C::NotAPicture | C::PictureDamaged | C::PictureEmpty => (
            "The picture could not be read.",
            "Use a PNG, JPEG, WebP, GIF or BMP picture of the QR code.",
        ),
        C::TooLong
        | C::NotOtpauth
        | C::MigrationUri
        | C::BadType
        | C::UnsupportedType
        | C::DuplicateParameter
        | C::MissingSecret
        | C::EmptySecret
        | C::BadSecret
        | C::TooLongSecret
        | C::UnsupportedAlgorithm
        | C::BadDigits
        | C::UnsupportedDigits
        | C::BadPeriod
        | C::UnsupportedPeriod
        | C::MissingCounter
        | C::BadCounter
        | C::BadLabel
        | C::BadMigration => (
            "That setup code could not be read.",
            "Show the QR code again at the service, and scan it afresh.",
        ),
    }
}
