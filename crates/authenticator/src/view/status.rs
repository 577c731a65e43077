//! The state of things as a shell sees it: whether there is a vault, what opens it, what is in the way, what helps, and notices.

use serde::Serialize;

use crate::error::ErrorReport;

/// Whether there is a vault, and whether it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// Neither files nor a keyring header: the first run.
    None,
    /// There is one, and it waits for the device key or for a passphrase.
    Locked,
    /// Codes can be made.
    Open,
    /// Something is in the way; [`Status::trouble`] says what, and what helps.
    Trouble,
}

/// What opens the vault day to day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// The device key in the keyring: nothing is asked.
    Device,
    /// A passphrase alone, where there is no operating system's keyring.
    Passphrase,
    /// A passphrase and the device key together: the app lock.
    Strong,
}

/// Where small secrets are kept on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum KeyringKind {
    /// The operating system's own.
    System,
    /// Files of ours beside the vault, which hold nothing that is not sealed.
    File,
    /// The operating system has none here; a new vault needs a passphrase.
    Missing,
}

/// Something to tell once, in quiet words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Some accounts may be missing or older than they were: neither copy of the vault is whole. It is said until the
    /// person has [looked](crate::Authenticator::seen), and the commands that show a list end with 1.
    Incomplete,
    /// Two copies of the vault had gone apart, from two computers for example, and were put together.
    PutTogether,
    /// Accounts that were in one of two copies only are kept and marked; said until the person has looked.
    CameBack,
    /// The file was an older copy; what is newer was taken from the keyring.
    OlderCopy,
    /// Both files were lost and made again from one computer's keyring: all that it had is here, and what another computer
    /// saved after it is not. It is said on every computer until the person has [looked](crate::Authenticator::seen).
    FileRebuilt,
    /// The keyring had no copy and got one from the file: an older file would not be noticed.
    KeyringRebuilt,
    /// The keyring's copy was of a save before the file's, and was written again from the file.
    KeyringOlder,
    /// The order of the list could not be kept.
    OrderLost,
    /// Some accounts cannot be read at the moment; they are kept as they are.
    ItemsDamaged,
    /// Damage was found and mended from the other copy.
    Repaired,
    /// What was found could not be mended now; the next change or the next start tries again.
    NotMended,
    /// After one of the above: every account that either copy knows of was opened.
    NothingMissing,
    /// The clock of this machine is before the day on which this program was made.
    ClockWrong,
    /// The recovery key was not written down yet.
    RecoveryKeyNotSaved,
    /// The last change was kept, but no backup of it could be written; [`BackupsView::problem`](super::BackupsView::problem) says why.
    BackupFailed,
}

/// Something that may get a person out of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The same again, after what the hint says.
    Retry,
    /// The recovery key from the sheet.
    RecoveryKey,
    /// The passphrase.
    Passphrase,
    /// A backup file, with the recovery key or its passphrase.
    Backup,
    /// As if this computer had no keyring: what is in it stays there, and a passphrase is needed.
    WithoutKeyring,
}

/// The state of things, for the first question that a shell asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether there is a vault, and whether it is open.
    pub state: VaultState,
    /// What opens it; `None` where there is no vault or its file cannot be read.
    pub lock: Option<LockKind>,
    /// Where small secrets are kept here.
    pub keyring: KeyringKind,
    /// With [`VaultState::Trouble`]: what is in the way.
    pub trouble: Option<ErrorReport>,
    /// While it is not open: what may open it, what helps most first. The first is the one button of a screen.
    pub ways: Vec<Way>,
    /// What to tell, in the order of the enum.
    pub notices: Vec<Notice>,
    /// Accounts on the list; 0 while locked.
    pub accounts: u32,
    /// Whether any recovery key opens this vault.
    pub has_recovery_key: bool,
    /// Unix time at which it was made; `None` while locked, and where nobody noted it.
    pub recovery_made: Option<u32>,
    /// Whether the person said that the recovery key is written down.
    pub recovery_saved: bool,
}
