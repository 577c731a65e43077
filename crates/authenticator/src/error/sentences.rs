//! The error messages and their hints, in one table: what happened, and what to do about it.
//!
//! Every message has a cure and is true: "nothing was changed" stands only where that is so. The window has words of its own
//! for each code; these are for the command line, `--json` and logs.

use super::code::ErrorCode;
use crate::ports::FileError;

/// What happened, and the cure, for every code that does not bring its own sentences.
pub(super) fn sentences(code: ErrorCode) -> (&'static str, &'static str) {
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
        C::VaultsElsewhere => (
            "This computer's keyring has a vault whose folder is gone.",
            "Name that folder, and its files are made again from the keyring: couchkey --data-dir FOLDER list. Only couchkey init --another makes another vault beside it.",
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
            "The passphrase is too short.",
            "Take a longer one; four or five unrelated words are easy to remember and hard to guess.",
        ),
        C::PassphraseTooWeak => (
            "That passphrase is too easy to guess.",
            "Take four or five words that have nothing to do with each other or with you; symbols and digits are not needed.",
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
        C::KeyringSilent => (
            "The keyring program did not answer: look for its window.",
            "Answer what it asks, then try again. In KeePassXC, turn on Secret Service Integration in the settings, and in the settings of the database choose a group that other programs may use.",
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
            "The vault that is here is not the one of the backup, or it has been given new keys since.",
            "Open the vault first, and then restore into it. Or put it aside, whole, and begin with the backup.",
        ),
        C::BackupFolderUnavailable => (
            "The folder for backups is not there, or may not be written.",
            "Plug the disk in or choose another folder. Your accounts themselves are saved.",
        ),
        C::BackupFolderNotChosen => (
            "This vault lies in a folder of its own, so Couchkey makes no backup of it until you say where backups go.",
            "Choose one: `couchkey backup --auto FOLDER`. For a single backup: `couchkey backup --to FOLDER`.",
        ),
        C::BackupUnproven => (
            "The backup that was just written does not open when it is read again, so it does not count. The older ones were kept.",
            "The disk may be failing: choose another folder for backups. Your accounts themselves are saved.",
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
        C::PartsDiffer => (
            "These QR codes are not parts of the same link.",
            "Show all the QR codes of one account together. Nothing was saved.",
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
            "Scan the code or open the file once more.",
        ),
        C::ImportNeedsPassword => (
            "This export is encrypted.",
            "Type the password that was chosen when it was made, in the other app.",
        ),
        C::ImportWrongPassword => (
            "That password does not open this export.",
            "Check capital letters and the keyboard's language. It is the password that was chosen for the export, which may not be the other app's own.",
        ),
        C::ImportNeedsKey => (
            "This database is locked with a password, a key file, or both.",
            "Type its password, and choose its key file if it has one.",
        ),
        C::ImportWrongKey => (
            "That does not open the database.",
            "Check capital letters and the keyboard's language. If the database has a key file, choose that too. A database that also wants a hardware key opens here only after you have removed that in KeePassXC.",
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
            "That is neither a picture nor an export of an app that Couchkey knows.",
            "Choose a picture of a QR code, or the file that the other app wrote as its export or backup.",
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
        C::InRecycleBin => (
            "Entries in the recycle bin were left out.",
            "If you want them, take them out of the bin in the other app and import once more.",
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
        C::PictureTooLarge
        | C::NotAPicture
        | C::PictureDamaged
        | C::PictureEmpty
        | C::PictureHeic
        | C::PicturePdf
        | C::PictureUnread => (
            "The picture could not be read.",
            "Use a PNG, JPEG, WebP, GIF, BMP, TIFF or SVG picture of the QR code.",
        ),
        C::TooLong
        | C::NotOtpauth
        | C::MigrationUri
        | C::OtherApp
        | C::OddParameter
        | C::LinkInName
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

/// What is wrong with the place where the vault lies, where that is what is wrong.
pub(super) fn place(error: &FileError) -> Option<(&'static str, &'static str)> {
    Some(match error {
        FileError::Unreadable => (
            "The vault's folder may not be read.",
            "Check that the folder and its files belong to you and may be read. Nothing was changed.",
        ),
        FileError::NotAFolder => (
            "There is a file where the vault's folder should be.",
            "Name a folder for the vault, or move that file out of the way. Nothing was changed.",
        ),
        FileError::ForeignLink => (
            "The vault's file is a link that somebody else made, so it is not followed.",
            "If it is right, make the link yourself; if you do not know it, delete the link. What it leads to was not touched.",
        ),
        FileError::BadLock => (
            "In the vault's folder, something else is in the place of couchkey.lock, so nothing can be saved.",
            "Move it out of the way; Couchkey makes that file again by itself. Nothing was changed.",
        ),
        FileError::LostFolder => (
            "The vault's folder is a link, or lies behind one, and there is nothing where that leads.",
            "Plug in the disk that it leads to, or mend the link, then try again. Nothing was changed.",
        ),
        FileError::LinkToOther => (
            "The vault's file is a link to a file that holds no vault.",
            "Mend the link, or delete it. What it leads to was not touched.",
        ),
        FileError::LostLink => (
            "The vault's file is a link, and there is nothing where it leads.",
            "Plug in the disk that it leads to, or mend the link. Nothing was changed.",
        ),
        _ => return None,
    })
}

/// Why a file cannot be read.
pub(crate) fn unread(error: &FileError) -> String {
    use std::io::ErrorKind as K;
    match error {
        FileError::TooLarge => "it is larger than any vault".to_owned(),
        FileError::Denied | FileError::Unreadable => "it may not be read by you".to_owned(),
        FileError::NotAFolder => "there is a file where its folder should be".to_owned(),
        FileError::ForeignLink => "it is a link that somebody else made".to_owned(),
        FileError::LostLink => "it is a link, and there is nothing where it leads".to_owned(),
        FileError::LostFolder => {
            "its folder is a link, and there is nothing where it leads".to_owned()
        }
        FileError::LinkToOther => "it is a link to a file that holds no vault".to_owned(),
        FileError::Failed(K::IsADirectory) => "there is a folder in its place".to_owned(),
        FileError::Failed(K::InvalidInput) => {
            "something that is no file is in its place".to_owned()
        }
        FileError::Failed(_) => "the disk does not give it back".to_owned(),
        FileError::Busy | FileError::Full | FileError::BadLock => error.to_string(),
    }
}

/// Why a file could not be written, and what to do.
pub(super) fn unwritten(kind: std::io::ErrorKind) -> (&'static str, &'static str) {
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

/// The crates below write errors as Rust does, in lower case and without a full stop; people get a sentence.
pub(super) fn sentence(text: impl ToString) -> String {
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
