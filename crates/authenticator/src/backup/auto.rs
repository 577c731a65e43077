//! Automatic backups: made after a change has come to rest, at an opening where none has it, and at locking.

use std::sync::PoisonError;

use couchkey_otp::UnixTime;
use couchkey_vault::VaultId;

use super::folder::choice_of;
use crate::{Authenticator, Error, ErrorCode, ErrorReport, view::BackupChoice};

impl Authenticator {
    /// Makes a backup if this program changed something since the last one. The shell calls it when changes have come to
    /// rest, so that an import of thousands makes one backup.
    ///
    /// A backup that cannot be written is told here and as a notice, and never keeps the change from being made.
    pub fn back_up_if_changed(&self) -> Option<ErrorReport> {
        let due = self.sealed_if_due();
        self.write_due(due)
    }

    /// The same, and also if another program changed something, or this one ended too early. After an opening both
    /// copies of the vault are looked at first.
    pub fn back_up_if_behind(&self) -> Option<ErrorReport> {
        let unchecked = std::mem::take(&mut self.auto_backup().unchecked);
        if unchecked {
            // An opening reads the file alone. A keyring that does not answer now is looked at the next time.
            let _ = self.check_copies();
        }
        if unchecked && self.is_behind().unwrap_or(false) {
            self.auto_backup().changed = true;
        }
        self.back_up_if_changed()
    }

    /// Waits until there may be something for [`Authenticator::back_up_if_behind`] to do.
    pub fn wait_for_change(&self) {
        let guard = self.auto_backup();
        let waited = self
            .auto_backup_due()
            .wait_while(guard, |auto| !(auto.changed || auto.unchecked));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn note_change(&self) {
        self.auto_backup().changed = true;
        self.auto_backup_due().notify_all();
    }

    pub(crate) fn note_opening(&self) {
        self.auto_backup().unchecked = true;
        self.auto_backup_due().notify_all();
    }

    /// What kept the last backup from being written.
    pub(crate) fn backup_problem(&self) -> Option<ErrorCode> {
        self.auto_backup().problem
    }

    /// A backup, if one is due and the vault is open; from now on none is.
    pub(crate) fn sealed_if_due(&self) -> Option<Due> {
        if !std::mem::take(&mut self.auto_backup().changed) {
            return None;
        }
        let choice = self.read(|vault| choice_of(vault.settings())).ok()?;
        if choice == BackupChoice::Off {
            self.auto_backup().problem = None;
            return None;
        }
        let folder = self.folder_of(&choice);
        if folder.is_none() && self.parts.backups.only_where_told() {
            return None; // `backups` says so, and nobody is told again after each change
        }
        // Without anything to open it with there is no backup; `backups` says so.
        let (vault, made, bytes) = self.seal().ok()?;
        Some(Due {
            folder: folder.ok_or_else(|| self.no_folder().into()),
            vault,
            made,
            bytes,
        })
    }

    /// Writes it, and takes note of how that went.
    pub(crate) fn write_due(&self, due: Option<Due>) -> Option<ErrorReport> {
        let due = due?;
        let written = due
            .folder
            .and_then(|folder| self.write_backup(&folder, due.vault, due.made, &due.bytes));
        let problem = written.err().map(|error| error.code());
        self.auto_backup().problem = problem;
        problem.map(ErrorReport::from)
    }

    /// Whether no backup that opens has the vault as it is.
    fn is_behind(&self) -> Result<bool, Error> {
        let (id, generation) = self.read(|vault| (vault.id(), vault.generation()))?;
        let kept = self.kept_of(id)?;
        let newest = kept.iter().find(|kept| kept.opens());
        Ok(newest.is_none_or(|newest| newest.generation() < generation))
    }
}

/// A backup that has to be written yet.
pub(crate) struct Due {
    folder: Result<String, Error>,
    vault: VaultId,
    made: UnixTime,
    bytes: Vec<u8>,
}
