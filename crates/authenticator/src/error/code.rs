//! The list of error codes: stable words for `--json`, the window and scripts.

use serde::Serialize;

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
    /// None here, and the keyring has some whose folders are gone.
    VaultsElsewhere "vaults_elsewhere"
    /// It must be unlocked first.
    VaultLocked "vault_locked"
    /// The passphrase does not open it.
    WrongPassphrase "wrong_passphrase"
    /// It opens with a passphrase and none was given.
    PassphraseNeeded "passphrase_needed"
    /// Fewer characters than it needs where it is used.
    PassphraseTooShort "passphrase_too_short"
    /// Guessed too soon.
    PassphraseTooWeak "passphrase_too_weak"
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
    /// The keyring's program did not answer; most often its own dialog waits for a person.
    KeyringSilent "keyring_silent"
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
    /// The vault lies in a folder of its own, and nobody said yet where its backups go.
    BackupFolderNotChosen "backup_folder_not_chosen"
    /// The disk does not give back the backup that was written; the older ones are all there.
    BackupUnproven "backup_unproven"
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
    /// An iPhone's photo, which we do not decode.
    PictureHeic "picture_heic"
    /// A PDF.
    PicturePdf "picture_pdf"
    /// A picture of another kind that we do not decode.
    PictureUnread "picture_unread"
    /// QR codes that look like parts of one text and are not.
    PartsDiffer "parts_differ"
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
    /// otpauth: the code of an app that signs in by a way of its own.
    OtherApp "other_app"
    /// otpauth: a type that does not exist.
    BadType "bad_type"
    /// otpauth: a type that we make no codes for.
    UnsupportedType "unsupported_type"
    /// otpauth: one parameter, two values.
    DuplicateParameter "duplicate_parameter"
    /// otpauth: a parameter that is nearly one that decides the codes.
    OddParameter "odd_parameter"
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
    /// otpauth: another link in a name.
    LinkInName "link_in_name"
    /// A migration batch that cannot be read.
    BadMigration "bad_migration"
    /// Import: encrypted, and its password is asked for.
    ImportNeedsPassword "import_needs_password"
    /// Import: sealed with a password, a key file, or both.
    ImportNeedsKey "import_needs_key"
    /// Import: the password does not open it, alone or with the key file that was given.
    ImportWrongKey "import_wrong_key"
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
    /// Entries of an export that rest in the other app's recycle bin.
    InRecycleBin "in_recycle_bin"
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
