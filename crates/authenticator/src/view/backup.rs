//! Backups as a shell sees them: where they go, which there are, what restoring would do, and the drill that proves them.

use serde::{Deserialize, Serialize};

use super::status::Status;
use crate::error::ErrorReport;

/// Where backups go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case", tag = "kind", content = "folder")]
pub enum BackupChoice {
    /// Into the usual folder of this system.
    Usual,
    /// Into this folder, which exists.
    Folder(String),
    /// None is made by itself.
    Off,
}

/// How backups stand. While the vault is locked: of the usual folder, for nobody knows yet which one was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct BackupsView {
    /// Where they go.
    pub choice: BackupChoice,
    /// The folder that this means; `None` where the system names none.
    pub folder: Option<String>,
    /// The recovery key opens a backup that is made now.
    pub opens_with_recovery_key: bool,
    /// A passphrase opens a backup that is made now.
    pub opens_with_passphrase: bool,
    /// That passphrase is one for backups alone.
    pub has_backup_passphrase: bool,
    /// What is in the folder, the newest first by what is in it, whatever its date; what is damaged comes last.
    pub backups: Vec<BackupRow>,
    /// What keeps backups from being made, and what helps.
    pub problem: Option<ErrorReport>,
    /// Unix time of the last restore drill in which everything matched.
    pub proven_at: Option<u32>,
}

/// One backup in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct BackupRow {
    /// The file's name.
    pub name: String,
    /// Unix time at which it was made.
    pub made_at: u32,
    /// Whole days since then; `None` where the date is wrong for certain.
    pub days_old: Option<u32>,
    /// Whether that date can be right.
    pub dated: BackupDate,
    /// Whether it opens, tried just now.
    pub state: BackupState,
    /// It opens with today's recovery key. `false`: with the one that the person had then, or it cannot be read.
    pub current_key: bool,
}

/// Whether the date of a backup can be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum BackupDate {
    /// It can.
    Plausible,
    /// Of the future: this computer's clock, or the one that made it, was wrong.
    Future,
    /// From before Couchkey was made: the clock was wrong.
    Past,
}

/// What came of opening a backup with the key of the vault that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// It is whole: its list opened, and every account in it.
    Good,
    /// It opened; accounts in it are damaged as they were in the vault.
    InPart,
    /// The file is as it was written, and was sealed before the vault got new keys: the vault's key does not open it.
    OtherKey,
    /// It does not open: it is cut off or spoilt, or the disk does not give it back.
    Damaged,
    /// A newer Couchkey made it.
    Newer,
    /// Nobody could try: the vault is locked.
    Untried,
}

/// What is in a backup, and what of it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct BackupReport {
    /// Unix time at which it was made.
    pub made_at: u32,
    /// It is of the vault that is open now.
    pub of_this_vault: bool,
    /// The file is bit for bit as it was written.
    pub intact: bool,
    /// Accounts in it that open, those in the trash not counted.
    pub accounts: u32,
    /// Accounts in its trash that open.
    pub in_trash: u32,
    /// Accounts that do not open.
    pub damaged: u32,
    /// Accounts that the open vault has, too: their codes were compared. 0 while locked.
    pub compared: u32,
    /// Of these, how many gave the same code.
    pub matching: u32,
}

/// What restoring would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum RestoreInto {
    /// There is no vault here: a new one is made.
    NewVault,
    /// The vault that is open gets what it lacks.
    OpenVault,
    /// The vault that is here and does not open is opened by the backup's key, and gets what it lacks.
    ClosedVault,
    /// What is here is put aside, whole, and a new vault is made.
    SetAside,
}

/// What restoring would do, before anything is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RestorePreview {
    /// Where to.
    pub into: RestoreInto,
    /// Unix time at which the backup was made.
    pub made_at: u32,
    /// Every account of the backup that opens, in its order.
    pub rows: Vec<RestoreRow>,
    /// Accounts of the backup that do not open.
    pub damaged: u32,
}

/// One account of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RestoreRow {
    /// Who issued it.
    pub issuer: Option<String>,
    /// The account name.
    pub account: String,
    /// It is in the backup's trash, and goes to the trash.
    pub trashed: bool,
    /// What is done with it. Of a vault that is still closed nobody can tell: then it says `adds`.
    pub outcome: RestoreOutcome,
}

/// What restoring does with one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum RestoreOutcome {
    /// It is added.
    Adds,
    /// It is here already, and stays as it is.
    Has,
    /// It is here and damaged, and is mended.
    Mends,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Where to.
    pub into: RestoreInto,
    /// Accounts that were added, those in the trash counted.
    pub added: u32,
    /// Accounts that were here already, and were left as they are.
    pub kept: u32,
    /// Accounts that were damaged here, and are whole again.
    pub mended: u32,
    /// Accounts that are damaged in the backup; they could not be restored.
    pub damaged: u32,
    /// The state of things now.
    pub status: Status,
}

/// What the restore drill showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct DrillView {
    /// The vault, opened with the recovery key as if everything else were lost.
    pub vault: DrillPart,
    /// The newest backup that opens, opened with the recovery key; `None` where there is none.
    pub backup: Option<DrillPart>,
    /// Unix time at which the backup was made.
    pub backup_made_at: Option<u32>,
    /// Why the backup could not be tried.
    pub backup_problem: Option<ErrorReport>,
    /// Backups in the folder that are damaged: the names of their files.
    pub damaged_backups: Vec<String>,
    /// Entries of the keyring that were missing or damaged, and were written again from the file.
    pub mended: u32,
    /// Both copies of the vault, the files and the keyring, were looked at and are whole now.
    pub both_whole: bool,
    /// Everything matched, and "proven" is written down with this Unix time.
    pub proven_at: Option<u32>,
}

/// "3 of 3 codes match."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct DrillPart {
    /// So many codes are the same as on the list.
    pub matching: u32,
    /// So many there are. A backup is counted against its own accounts that are still on the list.
    pub of: u32,
    /// Accounts on the list that it does not have: added since it was made.
    pub missing: u32,
}
