//! Backups: how they stand, where they go, and making one now. Restoring, drills and automatic ones are in backup/.

mod auto;
mod drill;
mod folder;
mod kept;
mod key;
mod name;
mod restore;

use couchkey_otp::UnixTime;
use couchkey_vault::{SlotKind, Unlock, VaultId, backup::Backup};

pub(crate) use self::folder::choice_of;
use self::{folder::in_folder, kept::opened_by_older_keys, name::Name};
use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    authenticator::AutoBackup,
    passphrase::slot::Passphrase,
    random::os_random,
    slots::recovery_slot,
    view::{BackupChoice, BackupDate, BackupRow, BackupState, BackupsView, count, seconds},
};

impl Authenticator {
    /// How backups stand: where they go, what is there, what opens them, and what is in the way.
    ///
    /// # Errors
    /// None but our own mistakes; a folder that cannot be read is [`BackupsView::problem`].
    pub fn backups(&self) -> Result<BackupsView, Error> {
        let open = self.read(|vault| {
            let settings = vault.settings();
            let opens_with = vault.backup_opens_with();
            (
                choice_of(settings),
                opens_with,
                vault.has_backup_passphrase(),
                settings.recovery_proven,
                (vault.id(), recovery_slot(vault)),
            )
        });
        let (choice, opens_with, has_backup_passphrase, proven, of) = match open {
            Ok((choice, opens_with, own, proven, of)) => {
                (choice, opens_with, own, proven, Some(of))
            }
            Err(error) if error.code() == ErrorCode::VaultLocked => {
                (BackupChoice::Usual, Vec::new(), false, None, None)
            }
            Err(error) => return Err(error),
        };
        let folder = self.folder_of(&choice);
        let (backups, unread) = match &folder {
            None => (Vec::new(), None),
            Some(folder) => match self.rows(folder, of) {
                Ok(rows) => (rows, None),
                Err(error) => (Vec::new(), Some(error.code())),
            },
        };
        let problem = if of.is_some() && opens_with.is_empty() {
            Some(ErrorCode::BackupNeedsKey)
        } else if folder.is_none() && choice != BackupChoice::Off {
            Some(self.no_folder())
        } else {
            self.backup_problem().or(unread)
        };
        Ok(BackupsView {
            choice,
            folder,
            opens_with_recovery_key: opens_with.contains(&SlotKind::Recovery),
            opens_with_passphrase: opens_with.contains(&SlotKind::Passphrase),
            has_backup_passphrase,
            backups,
            problem: problem.map(ErrorReport::from),
            proven_at: proven.map(|at| seconds(UnixTime::from_secs(at))),
        })
    }

    /// Chooses where backups go from now on. Unless they are turned off, one is made there at once; if that fails, the
    /// choice stays what it was.
    ///
    /// # Errors
    /// [`ErrorCode::BackupFolderUnavailable`], [`ErrorCode::BackupFolderNotChosen`], [`ErrorCode::BackupUnproven`]; whatever
    /// kept the vault from being saved.
    pub fn set_backups(&self, choice: &BackupChoice) -> Result<BackupsView, Error> {
        if *choice != BackupChoice::Off {
            match self.seal() {
                Ok((vault, made, bytes)) => {
                    let folder = self.folder_of(choice).ok_or_else(|| self.no_folder())?;
                    self.write_backup(&folder, vault, made, &bytes)?;
                }
                // Chosen before there is a recovery key: the folder is only looked at.
                Err(error) if error.code() == ErrorCode::BackupNeedsKey => {
                    let folder = self.folder_of(choice).ok_or_else(|| self.no_folder())?;
                    self.parts.backups.names(&folder).map_err(in_folder)?;
                }
                Err(error) => return Err(error),
            }
        }
        self.change(|vault, _, _| {
            let mut settings = vault.settings().clone();
            settings.backups_off = *choice == BackupChoice::Off;
            settings.backup_folder = match choice {
                BackupChoice::Folder(folder) => Some(folder.clone()),
                BackupChoice::Usual | BackupChoice::Off => None,
            };
            vault.set_settings(settings);
            Ok(())
        })?;
        self.backups()
    }

    /// Lets backups be opened with a passphrase of their own, beside the recovery key; `None` ends it for those that
    /// are made from now on. Whoever sets one can read every secret in the next backup, so that asks for today's
    /// passphrase where there is one; ending one gives nobody anything, and asks for none.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseTooShort`], [`ErrorCode::PassphraseTooWeak`]; [`ErrorCode::PassphraseNeeded`],
    /// [`ErrorCode::WrongPassphrase`] of today's; whatever kept the vault from being saved.
    pub fn set_backup_passphrase(
        &self,
        today: Option<&str>,
        passphrase: Option<&str>,
    ) -> Result<BackupsView, Error> {
        let lock = passphrase.map(Passphrase::for_backups).transpose()?;
        self.change(|vault, now, rng| {
            match &lock {
                Some(lock) => {
                    self.prove(vault, today)?;
                    vault.set_backup_passphrase(lock.text(), lock.cost(), now, rng)?;
                }
                None => vault.drop_backup_passphrase(),
            }
            Ok(())
        })?;
        self.backups()
    }

    /// Makes a backup now, in the folder that was chosen.
    ///
    /// # Errors
    /// [`ErrorCode::BackupNeedsKey`], [`ErrorCode::BackupFolderUnavailable`], [`ErrorCode::BackupFolderNotChosen`],
    /// [`ErrorCode::StorageFull`]; [`ErrorCode::BackupUnproven`] where the disk does not give back what was written.
    pub fn back_up(&self) -> Result<BackupRow, Error> {
        let choice = self.read(|vault| choice_of(vault.settings()))?;
        let folder = match choice {
            BackupChoice::Off => self.parts.backups.usual(),
            ref choice => self.folder_of(choice),
        };
        self.back_up_to(&folder.ok_or_else(|| self.no_folder())?)
    }

    /// Makes a backup now, in this folder, this once.
    ///
    /// # Errors
    /// As for [`Authenticator::back_up`].
    pub fn back_up_to(&self, folder: &str) -> Result<BackupRow, Error> {
        let (vault, made, bytes) = self.seal()?;
        let name = self.write_backup(folder, vault, made, &bytes)?;
        let chosen = self.read(|vault| choice_of(vault.settings()))?;
        if self.folder_of(&chosen).as_deref() == Some(folder) {
            *self.auto_backup() = AutoBackup::default();
        }
        let dated = if self.clock_wrong() {
            BackupDate::Past
        } else {
            BackupDate::Plausible
        };
        Ok(BackupRow {
            name,
            made_at: seconds(made),
            days_old: (dated == BackupDate::Plausible).then_some(0),
            dated,
            state: BackupState::Good,
            current_key: true,
        })
    }

    /// The bytes of a backup in the folder, by its name in [`BackupsView::backups`].
    ///
    /// # Errors
    /// [`ErrorCode::NoBackup`]; what kept it from being read.
    pub fn read_backup(&self, name: &str) -> Result<Vec<u8>, Error> {
        let choice = self
            .read(|vault| choice_of(vault.settings()))
            .unwrap_or(BackupChoice::Usual);
        let folder = self.folder_of(&choice).ok_or(ErrorCode::NoBackup)?;
        Name::parse(name).ok_or(ErrorCode::NoBackup)?;
        let bytes = self.parts.backups.read(&folder, name).map_err(in_folder)?;
        bytes.ok_or_else(|| ErrorCode::NoBackup.into())
    }

    /// Deletes the backups of this vault in the folder that open with an older recovery key, where a newer one opened, just
    /// now, that opens with today's and has all that they have. Answers how many those were.
    ///
    /// # Errors
    /// [`ErrorCode::NoBackup`] where none that opens does so with today's key; what kept one from being deleted.
    pub fn remove_old_backups(&self) -> Result<u32, Error> {
        let (choice, id, recovery) = self.read(|vault| {
            let choice = choice_of(vault.settings());
            (choice, vault.id(), recovery_slot(vault))
        })?;
        let folder = self.folder_of(&choice).ok_or_else(|| self.no_folder())?;
        let kept = self.kept(&folder, Some(id))?;
        let old = opened_by_older_keys(&kept, recovery).ok_or(ErrorCode::NoBackup)?;
        for name in &old {
            let gone = self.parts.backups.remove(&folder, name);
            gone.map_err(in_folder)?;
        }
        Ok(count(old.len()))
    }

    /// Everything as a backup, which was opened again before it is given out.
    fn seal(&self) -> Result<(VaultId, UnixTime, Vec<u8>), Error> {
        let now = self.now();
        let sealed = self.read(|vault| -> Result<_, Error> {
            let bytes = vault.backup(now, &mut os_random())?;
            let opened = Backup::open(&bytes, &Unlock::VaultKey(vault.vault_key()))?;
            let known = |id| vault.damaged().iter().any(|damaged| damaged.id == id);
            let whole = opened.damaged().iter().all(|damaged| known(damaged.id));
            if !(whole && opened.info().intact) {
                return Err(ErrorCode::BackupUnproven.into());
            }
            Ok((vault.id(), now, bytes))
        });
        sealed?
    }
}
