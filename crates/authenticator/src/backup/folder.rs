//! The folder of backups: where it is, what is in it, and how a backup is written, read back and proven.

use std::collections::HashSet;

use couchkey_otp::UnixTime;
use couchkey_vault::{
    Unlock, VaultId,
    backup::{self, Backup, BackupError, BackupInfo},
};

use super::{
    kept::{Kept, Worth, superseded},
    name::{Name, short},
};
use crate::{
    Authenticator, Error, ErrorCode,
    ports::FileError,
    view::{BackupChoice, BackupRow},
};

impl Authenticator {
    pub(crate) fn folder_of(&self, choice: &BackupChoice) -> Option<String> {
        match choice {
            BackupChoice::Folder(folder) => Some(folder.clone()),
            BackupChoice::Usual | BackupChoice::Off => self.parts.backups.usual(),
        }
    }

    /// Why there is no folder for backups.
    pub(super) fn no_folder(&self) -> ErrorCode {
        if self.parts.backups.only_where_told() {
            ErrorCode::BackupFolderNotChosen
        } else {
            ErrorCode::BackupFolderUnavailable
        }
    }

    pub(crate) fn rows(&self, folder: &str, of: Option<Opens>) -> Result<Vec<BackupRow>, Error> {
        let now = self.now();
        let recovery = of.and_then(|(_, recovery)| recovery);
        let kept = self.kept(folder, of.map(|(vault, _)| vault))?;
        Ok(kept.iter().map(|kept| kept.row(recovery, now)).collect())
    }

    /// The backups of a vault in the chosen folder, the newest first; none where there is no folder.
    pub(super) fn kept_of(&self, id: VaultId) -> Result<Vec<Kept>, Error> {
        let choice = self.read(|vault| choice_of(vault.settings()))?;
        let folder = self.folder_of(&choice);
        folder.map_or(Ok(Vec::new()), |folder| self.kept(&folder, Some(id)))
    }

    /// The backups in a folder, of one vault or of all: the newest by their generation first, and what cannot be ordered
    /// last. Each is read from the disk, and opened if the vault is open.
    pub(super) fn kept(&self, folder: &str, vault: Option<VaultId>) -> Result<Vec<Kept>, Error> {
        let names = self.parts.backups.names(folder).map_err(in_folder)?;
        let of = vault.map(short);
        let names = names.iter().filter_map(|name| Name::parse(name));
        let names = names.filter(|name| of.as_ref().is_none_or(|of| *of == name.vault));
        let kept = names.map(|name| self.tried(folder, &name));
        // Eight digits of an id may be another vault's too.
        let ours = |kept: &Kept| match (&kept.info, vault) {
            (Some(info), Some(vault)) if kept.is_ordered() => info.vault == vault,
            _ => true,
        };
        let mut kept: Vec<Kept> = kept.filter(ours).collect();
        kept.sort_by(|a, b| {
            let key = |kept: &Kept| {
                let generation = kept.is_ordered().then(|| kept.generation());
                (generation, kept.made.as_secs())
            };
            key(b).cmp(&key(a)).then_with(|| b.name.cmp(&a.name))
        });
        Ok(kept)
    }

    fn tried(&self, folder: &str, name: &Name) -> Kept {
        let text = name.to_string();
        let bytes = self.parts.backups.read(folder, &text).ok().flatten();
        let info = bytes
            .as_deref()
            .map_or(Err(BackupError::Damaged), backup::inspect);
        let worth = match (&bytes, &info) {
            (Some(bytes), Ok(info)) => self.worth_of(bytes, info),
            (_, Err(BackupError::NewerVersion { .. })) => Worth::Newer,
            _ => Worth::Damaged,
        };
        let info = info.ok();
        Kept {
            made: match &info {
                Some(info) if info.intact => info.made,
                _ => name.made(),
            },
            name: text,
            info,
            worth,
        }
    }

    fn worth_of(&self, bytes: &[u8], info: &BackupInfo) -> Worth {
        if !info.intact {
            return Worth::Damaged;
        }
        let opened = self.read(|vault| {
            let opened = Backup::open(bytes, &Unlock::VaultKey(vault.vault_key()))?;
            let damaged = opened.damaged().iter().map(|damaged| damaged.id);
            Ok::<_, BackupError>(damaged.collect())
        });
        match opened {
            Ok(Ok(damaged)) => Worth::Opens { damaged },
            // It is intact, so that it does not open is the key's doing.
            Ok(Err(BackupError::Wrong)) => Worth::OtherKey,
            Ok(Err(_)) => Worth::Damaged,
            Err(_) => Worth::Untried,
        }
    }

    /// Writes a backup, reads it from the disk again, and only then lets go of those that are too many.
    pub(super) fn write_backup(
        &self,
        folder: &str,
        vault: VaultId,
        made: UnixTime,
        bytes: &[u8],
    ) -> Result<String, Error> {
        let backups = &self.parts.backups;
        let name = self.free_name(folder, vault, made)?;
        let name = name.ok_or(ErrorCode::Internal)?;
        backups.write(folder, &name, bytes).map_err(in_folder)?;
        // What was written had been opened; what the disk gives back has to be that.
        let back = backups.read(folder, &name).map_err(in_folder)?;
        if back.as_deref() != Some(bytes) {
            let _ = backups.remove(folder, &name);
            return Err(ErrorCode::BackupUnproven.into());
        }
        // The new one is there. That an old one could not be deleted is no failure, and tried again next time.
        let _ = self.prune(folder, vault, &name);
        Ok(name)
    }

    /// Lets go of the backups that are too many, if the one that was just written opens from the disk; see
    /// [`superseded`]. While the vault is locked nothing can be opened, and nothing goes.
    fn prune(&self, folder: &str, vault: VaultId, written: &str) -> Result<(), Error> {
        let key_is_saved = self.read(|vault| vault.settings().recovery_saved)?;
        let kept = self.kept(folder, Some(vault))?;
        if !kept.iter().any(|kept| kept.name == written && kept.opens()) {
            return Ok(());
        }
        for name in superseded(&kept, written, key_is_saved, self.now()) {
            let gone = self.parts.backups.remove(folder, name);
            gone.map_err(in_folder)?;
        }
        Ok(())
    }

    /// A name for a new backup that no file in the folder has: the second at which it was made, or the first one after it
    /// that is free.
    pub(super) fn free_name(
        &self,
        folder: &str,
        vault: VaultId,
        made: UnixTime,
    ) -> Result<Option<String>, Error> {
        let names = self.parts.backups.names(folder).map_err(in_folder)?;
        let taken: HashSet<String> = names.into_iter().collect();
        let seconds = made.as_secs()..=made.as_secs().saturating_add(taken.len() as u64);
        let mut names = seconds
            .filter_map(|made| Some(Name::new(vault, UnixTime::from_secs(made))?.to_string()));
        Ok(names.find(|name| !taken.contains(name)))
    }
}

/// A vault, and the slot of its recovery key.
type Opens = (VaultId, Option<[u8; 16]>);

pub(crate) fn choice_of(settings: &couchkey_vault::Settings) -> BackupChoice {
    match &settings.backup_folder {
        _ if settings.backups_off => BackupChoice::Off,
        Some(folder) => BackupChoice::Folder(folder.clone()),
        None => BackupChoice::Usual,
    }
}

pub(super) fn in_folder(error: FileError) -> Error {
    match error {
        FileError::Full => ErrorCode::StorageFull.into(),
        FileError::TooLarge => ErrorCode::BackupDamaged.into(),
        _ => ErrorCode::BackupFolderUnavailable.into(),
    }
}
