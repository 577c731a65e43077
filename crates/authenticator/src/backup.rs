//! Backups: made after a change, read again, restored; the drill that proves them; and new keys for the vault.

use std::sync::{Arc, PoisonError};

use couchkey_otp::{Kind, UnixTime};
use couchkey_vault::{
    Account, Argon2Cost, Half, NewSlot, OpenError, RecoveryKey, SlotKind, Unlock, Vault, VaultId,
    backup::{self, Backup, BackupError, BackupInfo, Merge},
    format,
};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    change::os_random,
    ports::FileError,
    unlock::{Place, daily_slot, device_key, long_enough},
    view::{
        BackupChoice, BackupReport, BackupRow, BackupsView, DrillPart, DrillView, KeyringKind,
        LockKind, RestoreInto, RestoreOutcome, RestorePreview, RestoreRow, Restored, Rotated,
        code_text, seconds,
    },
};

/// So many backups of a vault are kept in a folder.
const KEPT: usize = 10;

/// Of the backups that were made within one such span of time only the last is kept, so that a busy evening does not
/// push last week's out.
const SPAN_SECONDS: i64 = 10 * 60;

const DAY: u64 = 24 * 60 * 60;

/// `.couchkey`, what a backup's name ends in.
const EXTENSION: &str = ".couchkey";

/// What is known about backups that make themselves.
#[derive(Default)]
pub(crate) struct AutoBackup {
    /// Something was changed since the last one.
    changed: bool,
    /// The vault was opened, and nobody looked yet whether the newest backup has it as it is.
    unchecked: bool,
    /// Why the last one could not be written.
    problem: Option<ErrorCode>,
}

/// A backup that has to be written yet.
pub(crate) struct Due {
    folder: Result<String, Error>,
    vault: VaultId,
    made: UnixTime,
    bytes: Vec<u8>,
}

/// What a person opens a backup with.
enum Key<'a> {
    Recovery(RecoveryKey),
    Passphrase(&'a str),
}

impl<'a> Key<'a> {
    /// A text is a recovery key if it is one and the backup opens with one; else it is a passphrase, if the backup opens
    /// with one of those.
    fn of(text: &'a str, info: &BackupInfo) -> Result<Self, Error> {
        let recovery = info.slot(SlotKind::Recovery).is_some();
        match RecoveryKey::parse(text) {
            Ok(key) if recovery => Ok(Self::Recovery(key)),
            _ if info.slot(SlotKind::Passphrase).is_some() => Ok(Self::Passphrase(text)),
            Ok(_) => Err(ErrorCode::WrongBackupKey.into()),
            Err(_) if info.intact => Err(ErrorCode::RecoveryKeyTypo.into()),
            Err(_) => Err(ErrorCode::BackupDamaged.into()),
        }
    }

    fn unlock(&self) -> Unlock<'_> {
        match self {
            Self::Recovery(key) => Unlock::Recovery(key),
            Self::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
        }
    }
}

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
            Some(ErrorCode::BackupFolderUnavailable)
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
    /// [`ErrorCode::BackupFolderUnavailable`]; whatever kept the vault from being saved.
    pub fn set_backups(&self, choice: &BackupChoice) -> Result<BackupsView, Error> {
        if *choice != BackupChoice::Off {
            match self.seal() {
                Ok((vault, made, bytes)) => {
                    let folder = self
                        .folder_of(choice)
                        .ok_or(ErrorCode::BackupFolderUnavailable)?;
                    self.write_backup(&folder, vault, made, &bytes)?;
                }
                // Chosen before there is a recovery key: the folder is only looked at.
                Err(error) if error.code() == ErrorCode::BackupNeedsKey => {
                    let folder = self
                        .folder_of(choice)
                        .ok_or(ErrorCode::BackupFolderUnavailable)?;
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
    /// are made from now on.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseTooShort`]; whatever kept the vault from being saved.
    pub fn set_backup_passphrase(&self, passphrase: Option<&str>) -> Result<BackupsView, Error> {
        passphrase.map(long_enough).transpose()?;
        // Not what this computer can pay: a backup may have to open on a phone.
        let lock = passphrase.map(|passphrase| (passphrase, Argon2Cost::default()));
        self.change(|vault, now, rng| {
            match lock {
                Some((passphrase, cost)) => {
                    vault.set_backup_passphrase(passphrase, cost, now, rng)?;
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
    /// [`ErrorCode::BackupNeedsKey`], [`ErrorCode::BackupFolderUnavailable`], [`ErrorCode::StorageFull`].
    pub fn back_up(&self) -> Result<BackupRow, Error> {
        let choice = self.read(|vault| choice_of(vault.settings()))?;
        let folder = match choice {
            BackupChoice::Off => self.parts.backups.usual(),
            ref choice => self.folder_of(choice),
        };
        self.back_up_to(&folder.ok_or(ErrorCode::BackupFolderUnavailable)?)
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
        Ok(BackupRow {
            name,
            made_at: seconds(made),
            days_old: 0,
            current_key: true,
        })
    }

    /// Makes a backup if this program changed something since the last one. The shell calls it when changes have come to
    /// rest, so that an import of thousands makes one backup.
    ///
    /// A backup that cannot be written is told here and as a notice, and never keeps the change from being made.
    pub fn back_up_if_changed(&self) -> Option<ErrorReport> {
        let due = self.sealed_if_due();
        self.write_due(due)
    }

    /// The same, and also if another program changed something, or this one ended too early.
    pub fn back_up_if_behind(&self) -> Option<ErrorReport> {
        let unchecked = std::mem::take(&mut self.auto_backup().unchecked);
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

    /// Opens a backup and says what is in it, whether every account opens, and how many codes are those of the vault.
    ///
    /// `key` is the recovery key, or the passphrase of backups.
    ///
    /// # Errors
    /// [`ErrorCode::NotABackup`], [`ErrorCode::BackupDamaged`], [`ErrorCode::WrongBackupKey`], and their like.
    pub fn verify_backup(&self, bytes: &[u8], key: &str) -> Result<BackupReport, Error> {
        let backup = open(bytes, key)?.0;
        let now = self.now();
        let (compared, matching, of_this_vault) = self
            .read(|vault| {
                let (compared, matching) = compare(vault, &backup, now);
                (compared, matching, vault.id() == backup.info().vault)
            })
            .unwrap_or_default();
        Ok(BackupReport {
            made_at: seconds(backup.info().made),
            of_this_vault,
            intact: backup.info().intact,
            accounts: count(backup.accounts().count()),
            in_trash: count(backup.trash().count()),
            damaged: count(backup.damaged().len()),
            compared,
            matching,
        })
    }

    /// What restoring a backup would do. Nothing is written.
    ///
    /// # Errors
    /// As for [`Authenticator::verify_backup`].
    pub fn preview_restore(&self, bytes: &[u8], key: &str) -> Result<RestorePreview, Error> {
        let backup = open(bytes, key)?.0;
        let into = self.restore_into(&backup)?;
        let row = |place: &couchkey_vault::Place, account: &Account, merge| RestoreRow {
            issuer: account.issuer.clone(),
            account: account.account.clone(),
            trashed: place.trashed.is_some(),
            outcome: match merge {
                Merge::Adds => RestoreOutcome::Adds,
                Merge::Has => RestoreOutcome::Has,
                Merge::Mends => RestoreOutcome::Mends,
            },
        };
        let rows = match into {
            RestoreInto::OpenVault => self.read(|vault| {
                let plan = vault.merge_plan(&backup).into_iter();
                plan.map(|(place, account, merge)| row(place, account, merge))
                    .collect()
            })?,
            _ => backup
                .accounts()
                .chain(backup.trash())
                .map(|(place, account)| row(place, account, Merge::Adds))
                .collect(),
        };
        Ok(RestorePreview {
            into,
            made_at: seconds(backup.info().made),
            rows,
            damaged: count(backup.damaged().len()),
        })
    }

    /// Restores a backup: into the open vault what it lacks, or the whole of it where nothing else is or opens.
    ///
    /// A vault that is here and closed is opened by the backup's key where that fits, as by the recovery key. Where it
    /// does not fit, `set_aside` allows that what is here is put out of the way. `passphrase` becomes what opens the
    /// vault from now on, where there is no keyring or an app lock is wanted.
    ///
    /// # Errors
    /// As for [`Authenticator::verify_backup`]; [`ErrorCode::BackupOfAnotherVault`] without `set_aside`;
    /// [`ErrorCode::PassphraseNeeded`]; whatever kept the vault from being saved.
    pub fn restore_backup(
        &self,
        bytes: &[u8],
        key: &str,
        passphrase: Option<&str>,
        set_aside: bool,
    ) -> Result<Restored, Error> {
        let (backup, key) = open(bytes, key)?;
        let into = self.restore_into(&backup)?;
        let damaged = count(backup.damaged().len());
        let in_backup = count(backup.accounts().count() + backup.trash().count());
        let (added, kept, mended) = match into {
            RestoreInto::OpenVault => self.merge(backup)?,
            RestoreInto::ClosedVault => {
                let id = backup.info().vault;
                self.recover_by(id, &Unlock::VaultKey(backup.vault_key()), passphrase)?;
                self.merge(backup)?
            }
            RestoreInto::SetAside if !set_aside && self.look().is_ok() => {
                return Err(ErrorCode::BackupOfAnotherVault.into());
            }
            RestoreInto::SetAside | RestoreInto::NewVault => {
                let aside = into == RestoreInto::SetAside;
                self.make_vault(passphrase, aside, |id, slot, now, rng| {
                    let mut vault = backup.into_vault(id, slot, now, rng)?;
                    let mut settings = vault.settings().clone();
                    // A path of the other device.
                    settings.backup_folder = None;
                    settings.recovery_proven = None;
                    match &key {
                        Key::Recovery(key) => {
                            vault.put_slot(NewSlot::Recovery { key }, now, rng)?;
                            settings.recovery_saved = true;
                        }
                        Key::Passphrase(passphrase) => {
                            let cost = Argon2Cost::default();
                            vault.set_backup_passphrase(passphrase, cost, now, rng)?;
                            settings.recovery_saved = false;
                        }
                    }
                    vault.set_settings(settings);
                    Ok(vault)
                })?;
                self.note_change();
                (in_backup, 0, 0)
            }
        };
        Ok(Restored {
            into,
            added,
            kept,
            mended,
            damaged,
            status: self.status(),
        })
    }

    /// The restore drill: opens the vault and the newest backup with the recovery key, as if everything else were lost,
    /// and compares every code. If all is well, that is written down with the date.
    ///
    /// # Errors
    /// [`ErrorCode::RecoveryKeyTypo`], [`ErrorCode::WrongRecoveryKey`], [`ErrorCode::VaultLocked`].
    pub fn drill(&self, recovery_key: &str) -> Result<DrillView, Error> {
        let key = RecoveryKey::parse(recovery_key).map_err(|_| ErrorCode::RecoveryKeyTypo)?;
        let (id, keyring) = {
            let guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            (open.vault.id(), Arc::clone(&open.keyring))
        };
        let found = self.found(|| keyring.get(&format::head_entry(id)))?;
        let unlock = Unlock::Recovery(&key);
        let reopened = match self.open_with(&found, &unlock, id, &keyring) {
            Ok(opened) => opened.vault,
            Err(Error::Open(OpenError::Wrong | OpenError::NoSlot)) => {
                return Err(ErrorCode::WrongRecoveryKey.into());
            }
            Err(error) => return Err(error),
        };
        let now = self.now();
        let vault = self.read(|vault| part(vault, |id| reopened.account(id), now))?;

        let newest = self.newest_of(id)?;
        let (backup, backup_made_at, backup_problem) = match newest {
            None => (None, None, None),
            Some((made, bytes)) => {
                let opened = bytes.and_then(|bytes| Ok(Backup::open(&bytes, &unlock)?));
                match opened {
                    Ok(backup) => {
                        let of = self.read(|vault| backup_part(vault, &backup, now))?;
                        (Some(of), Some(seconds(made)), None)
                    }
                    Err(error) => (None, Some(seconds(made)), Some(error.report())),
                }
            }
        };
        let good = |part: &DrillPart| part.matching == part.of;
        let proven = good(&vault)
            && vault.missing == 0
            && backup.as_ref().is_none_or(good)
            && backup_problem.is_none();
        if proven {
            self.change(|vault, now, _| {
                let mut settings = vault.settings().clone();
                settings.recovery_proven = Some(now.as_secs());
                settings.recovery_saved = true;
                vault.set_settings(settings);
                Ok(())
            })?;
        }
        Ok(DrillView {
            vault,
            backup,
            backup_made_at,
            backup_problem,
            proven_at: proven.then(|| seconds(now)),
        })
    }

    /// For when somebody saw the recovery key: gives the vault a new key and seals everything anew, ends what opened it
    /// before, and shows the new recovery key this once. `passphrase` is today's, where there is one.
    ///
    /// Backups that were made before still open with the old recovery key: make a new one, then
    /// [`Authenticator::remove_old_backups`].
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`], [`ErrorCode::WrongPassphrase`]; whatever kept the vault from being saved, and
    /// then the old key is still good.
    pub fn rotate_keys(&self, passphrase: Option<&str>) -> Result<Rotated, Error> {
        let lock = match (self.lock_now()?, passphrase) {
            (LockKind::Device, _) => None,
            (_, None) => return Err(ErrorCode::PassphraseNeeded.into()),
            (_, Some(passphrase)) => {
                self.check_passphrase(passphrase)?;
                Some((passphrase, Argon2Cost::default()))
            }
        };
        let (id, keyring, kind) = {
            let guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            (open.vault.id(), Arc::clone(&open.keyring), open.kind)
        };
        let device = match kind {
            KeyringKind::System => {
                Some(device_key(keyring.as_ref(), id)?.ok_or(ErrorCode::NeedsRecovery)?)
            }
            KeyringKind::File | KeyringKind::Missing => None,
        };
        let had_backup_passphrase = self.read(Vault::has_backup_passphrase)?;
        let key = RecoveryKey::generate(&mut os_random());
        let rotated = self.change(|vault, now, rng| {
            let daily = match (&device, lock) {
                (Some(device), lock) => daily_slot(device, lock),
                (None, Some((passphrase, cost))) => NewSlot::Passphrase { passphrase, cost },
                (None, None) => return Err(ErrorCode::PassphraseNeeded.into()),
            };
            vault.rotate(&[daily, NewSlot::Recovery { key: &key }], now, rng)?;
            let mut settings = vault.settings().clone();
            settings.recovery_made = Some(now.as_secs());
            settings.recovery_saved = false;
            settings.recovery_proven = None;
            vault.set_settings(settings);
            Ok(())
        });
        if let Err(error) = rotated {
            // It may have failed after the new key was the one that counts: then the new recovery key must be shown.
            let found = self.found(|| keyring.get(&format::head_entry(id)).or(Ok(None)))?;
            let newest = Half::BOTH.map(|half| match half {
                Half::A => found.file_a.clone(),
                Half::B => found.file_b.clone(),
            });
            let counts = newest.into_iter().any(|file| {
                let one = couchkey_vault::Found {
                    file_a: file,
                    ..Default::default()
                };
                couchkey_vault::open(&one, &Unlock::Recovery(&key), |_, _| Ok(None)).is_ok()
            });
            if !counts {
                return Err(error);
            }
            // What is left of the old key goes with the next change; try once at once.
            let _ = self.change(|_, _, _| Ok(()));
            self.note_change();
        }
        let choice = self.read(|vault| choice_of(vault.settings()))?;
        let of = self.read(|vault| (vault.id(), recovery_slot(vault)))?;
        let rows = self.folder_of(&choice).map(|at| self.rows(&at, Some(of)));
        let mut old_backups = rows.and_then(Result::ok).unwrap_or_default();
        old_backups.retain(|row| !row.current_key);
        Ok(Rotated {
            recovery_key: self.show_recovery_key(key)?,
            old_backups,
            backup_passphrase_ended: had_backup_passphrase,
        })
    }

    /// Deletes the backups of this vault in the folder that do not open with today's recovery key, once there is one that
    /// does. Answers how many those were.
    ///
    /// # Errors
    /// [`ErrorCode::NoBackup`] where none opens with today's key; what kept one from being deleted.
    pub fn remove_old_backups(&self) -> Result<u32, Error> {
        let (choice, of) = self.read(|vault| {
            (
                choice_of(vault.settings()),
                (vault.id(), recovery_slot(vault)),
            )
        })?;
        let folder = self.folder_of(&choice).ok_or(ErrorCode::NoBackup)?;
        let rows = self.rows(&folder, Some(of))?;
        if !rows.iter().any(|row| row.current_key) {
            return Err(ErrorCode::NoBackup.into());
        }
        let mut removed = 0;
        for row in rows.iter().filter(|row| !row.current_key) {
            let gone = self.parts.backups.remove(&folder, &row.name);
            gone.map_err(in_folder)?;
            removed += 1;
        }
        Ok(removed)
    }

    /// What kept the last backup from being written.
    pub(crate) fn backup_problem(&self) -> Option<ErrorCode> {
        self.auto_backup().problem
    }

    pub(crate) fn note_change(&self) {
        self.auto_backup().changed = true;
        self.auto_backup_due().notify_all();
    }

    pub(crate) fn note_opening(&self) {
        self.auto_backup().unchecked = true;
        self.auto_backup_due().notify_all();
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
        // Without anything to open it with there is no backup; `backups` says so.
        let (vault, made, bytes) = self.seal().ok()?;
        Some(Due {
            folder: self
                .folder_of(&choice)
                .ok_or_else(|| ErrorCode::BackupFolderUnavailable.into()),
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

    fn seal(&self) -> Result<(VaultId, UnixTime, Vec<u8>), Error> {
        let now = self.now();
        let bytes = self.read(|vault| Ok((vault.id(), vault.backup(now, &mut os_random())?)));
        let (vault, bytes) = bytes?.map_err(|error: BackupError| Error::from(error))?;
        Ok((vault, now, bytes))
    }

    fn folder_of(&self, choice: &BackupChoice) -> Option<String> {
        match choice {
            BackupChoice::Folder(folder) => Some(folder.clone()),
            BackupChoice::Usual | BackupChoice::Off => self.parts.backups.usual(),
        }
    }

    /// Writes a backup, and lets go of those that are too many.
    fn write_backup(
        &self,
        folder: &str,
        vault: VaultId,
        made: UnixTime,
        bytes: &[u8],
    ) -> Result<String, Error> {
        let backups = &self.parts.backups;
        let name = Name::new(vault, made)
            .ok_or(ErrorCode::Internal)?
            .to_string();
        backups.write(folder, &name, bytes).map_err(in_folder)?;
        // The new one is there. That an old one could not be deleted is no failure, and tried again next time.
        let _ = self.prune(folder, vault, &name);
        Ok(name)
    }

    /// Keeps the last ten, of each ten minutes the last, and always the one that was just written.
    fn prune(&self, folder: &str, vault: VaultId, written: &str) -> Result<(), Error> {
        let mut spans = Vec::new();
        for name in self.names_of(folder, Some(vault))? {
            let span = name.made.as_second().div_euclid(SPAN_SECONDS);
            let first_of_its_span = !spans.contains(&span);
            if first_of_its_span {
                spans.push(span);
            }
            let text = name.to_string();
            if text != written && !(first_of_its_span && spans.len() <= KEPT) {
                let gone = self.parts.backups.remove(folder, &text);
                gone.map_err(in_folder)?;
            }
        }
        Ok(())
    }

    /// The backups in a folder by their names, the newest first; of one vault, or of all.
    fn names_of(&self, folder: &str, vault: Option<VaultId>) -> Result<Vec<Name>, Error> {
        let names = self.parts.backups.names(folder).map_err(in_folder)?;
        let of = vault.map(short);
        let mut names: Vec<Name> = names
            .iter()
            .filter_map(|name| Name::parse(name))
            .filter(|name| of.as_ref().is_none_or(|of| *of == name.vault))
            .collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.made));
        Ok(names)
    }

    fn rows(&self, folder: &str, of: Option<Opens>) -> Result<Vec<BackupRow>, Error> {
        let now = self.now();
        let names = self.names_of(folder, of.map(|(vault, _)| vault))?;
        let rows = names.into_iter().map(|name| {
            let made = UnixTime::from_secs(u64::try_from(name.made.as_second()).unwrap_or(0));
            let text = name.to_string();
            let current_key = of.is_some_and(|(vault, slot)| {
                let bytes = self.parts.backups.read(folder, &text).ok().flatten();
                let info = bytes.and_then(|bytes| backup::inspect(&bytes).ok());
                info.is_some_and(|info| {
                    let recovery = info.slot(SlotKind::Recovery).map(|slot| slot.id);
                    info.vault == vault && recovery.is_some() && recovery == slot
                })
            });
            BackupRow {
                name: text,
                made_at: seconds(made),
                days_old: u32::try_from(now.as_secs().saturating_sub(made.as_secs()) / DAY)
                    .unwrap_or(u32::MAX),
                current_key,
            }
        });
        Ok(rows.collect())
    }

    /// The newest backup of a vault in the chosen folder, as far as it can be read.
    #[expect(clippy::type_complexity, reason = "read once, two lines below")]
    fn newest_of(&self, id: VaultId) -> Result<Option<(UnixTime, Result<Vec<u8>, Error>)>, Error> {
        let choice = self.read(|vault| choice_of(vault.settings()))?;
        let Some(folder) = self.folder_of(&choice) else {
            return Ok(None);
        };
        let names = match self.names_of(&folder, Some(id)) {
            Ok(names) => names,
            Err(error) => return Ok(Some((UnixTime::from_secs(0), Err(error)))),
        };
        Ok(names.first().map(|name| {
            let made = UnixTime::from_secs(u64::try_from(name.made.as_second()).unwrap_or(0));
            let bytes = self.parts.backups.read(&folder, &name.to_string());
            let bytes = bytes
                .map_err(in_folder)
                .and_then(|bytes| bytes.ok_or_else(|| Error::from(ErrorCode::NoBackup)));
            (made, bytes)
        }))
    }

    /// Whether the newest backup does not have the vault as it is.
    fn is_behind(&self) -> Result<bool, Error> {
        let (id, generation) = self.read(|vault| (vault.id(), vault.generation()))?;
        let newest = self.newest_of(id)?.map(|(_, bytes)| bytes).transpose()?;
        let info = newest.and_then(|bytes| backup::inspect(&bytes).ok());
        Ok(info.is_none_or(|info| info.vault != id || info.generation < generation))
    }

    fn restore_into(&self, backup: &Backup) -> Result<RestoreInto, Error> {
        if self.open_now().is_some() {
            return Ok(RestoreInto::OpenVault);
        }
        match self.look() {
            Ok(Place::Nothing { .. }) => Ok(RestoreInto::NewVault),
            Ok(Place::Vault { id, .. }) if id == backup.info().vault && self.opens(id, backup) => {
                Ok(RestoreInto::ClosedVault)
            }
            Ok(Place::Vault { .. }) => Ok(RestoreInto::SetAside),
            Err(error) if error.code() == ErrorCode::VaultDamaged => Ok(RestoreInto::SetAside),
            Err(error) => Err(error),
        }
    }

    /// Whether the backup's key opens the vault that is here.
    fn opens(&self, id: VaultId, backup: &Backup) -> bool {
        let keyring = (self.parts.system_keyring)();
        let keyring = keyring.unwrap_or_else(|_| Arc::clone(&self.parts.file_keyring));
        let unlock = Unlock::VaultKey(backup.vault_key());
        self.found(|| keyring.get(&format::head_entry(id)).or(Ok(None)))
            .and_then(|found| self.open_with(&found, &unlock, id, &keyring))
            .is_ok()
    }

    fn merge(&self, backup: Backup) -> Result<(u32, u32, u32), Error> {
        self.change(|vault, _, _| {
            let plan = vault.merge_plan(&backup);
            let of = |wanted| count(plan.iter().filter(|(_, _, merge)| *merge == wanted).count());
            let counts = (of(Merge::Adds), of(Merge::Has), of(Merge::Mends));
            drop(plan);
            if counts.0 + counts.2 > 0 {
                vault.merge(backup)?;
            }
            Ok(counts)
        })
    }
}

/// A vault, and the slot of its recovery key.
type Opens = (VaultId, Option<[u8; 16]>);

fn recovery_slot(vault: &Vault) -> Option<[u8; 16]> {
    let slots = vault.slots();
    let recovery = slots.iter().find(|slot| slot.kind == SlotKind::Recovery);
    recovery.map(|slot| slot.id)
}

fn choice_of(settings: &couchkey_vault::Settings) -> BackupChoice {
    match &settings.backup_folder {
        _ if settings.backups_off => BackupChoice::Off,
        Some(folder) => BackupChoice::Folder(folder.clone()),
        None => BackupChoice::Usual,
    }
}

fn open<'a>(bytes: &[u8], key: &'a str) -> Result<(Backup, Key<'a>), Error> {
    let key = Key::of(key, &backup::inspect(bytes)?)?;
    let backup = Backup::open(bytes, &key.unlock())?;
    Ok((backup, key))
}

/// How many accounts both have, and how many of those make the same code now.
fn compare(vault: &Vault, backup: &Backup, now: UnixTime) -> (u32, u32) {
    let both = backup.accounts().chain(backup.trash());
    let both = both.filter_map(|(place, account)| Some((vault.account(place.id)?, account)));
    let (mut compared, mut matching) = (0, 0);
    for (ours, theirs) in both {
        compared += 1;
        matching += u32::from(same_code(ours, theirs, now));
    }
    (compared, matching)
}

/// The list against accounts by their ids.
fn part<'a>(
    vault: &Vault,
    theirs: impl Fn(couchkey_vault::AccountId) -> Option<&'a Account>,
    now: UnixTime,
) -> DrillPart {
    let mut part = DrillPart {
        matching: 0,
        of: 0,
        missing: 0,
    };
    for (place, ours) in vault.accounts() {
        match theirs(place.id) {
            None => part.missing += 1,
            Some(theirs) => {
                part.of += 1;
                part.matching += u32::from(same_code(ours, theirs, now));
            }
        }
    }
    part
}

fn backup_part(vault: &Vault, backup: &Backup, now: UnixTime) -> DrillPart {
    let all = backup.accounts().chain(backup.trash());
    let by_id: std::collections::HashMap<_, _> =
        all.map(|(place, account)| (place.id, account)).collect();
    let mut part = part(vault, |id| by_id.get(&id).copied(), now);
    // What does not open in the backup does not match.
    let listed = |id| vault.account(id).is_some();
    let damaged = backup.damaged().iter().filter(|damaged| listed(damaged.id));
    let damaged = count(damaged.count());
    part.of += damaged;
    part.missing = part.missing.saturating_sub(damaged);
    part
}

/// Whether two accounts make the same code; counters at the same count, because one moves on and a copy does not.
fn same_code(ours: &Account, theirs: &Account, now: UnixTime) -> bool {
    let kind = match (&ours.kind, &theirs.kind) {
        (Kind::Hotp { .. }, Kind::Hotp { .. }) => ours.kind,
        (one, other) if one == other => theirs.kind,
        _ => return false,
    };
    let code = |account: &Account| {
        let Account {
            secret,
            algorithm,
            digits,
            ..
        } = account;
        code_text(&kind, secret, *algorithm, *digits, now)
    };
    code(ours) == code(theirs)
}

fn in_folder(error: FileError) -> Error {
    match error {
        FileError::Full => ErrorCode::StorageFull.into(),
        FileError::TooLarge => ErrorCode::BackupDamaged.into(),
        _ => ErrorCode::BackupFolderUnavailable.into(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn short(vault: VaultId) -> String {
    vault.to_string().chars().take(8).collect()
}

/// A backup's name: `couchkey-9f3a12bc-20261124T153005Z.couchkey`. Sorted by name, they are sorted by time.
struct Name {
    vault: String,
    made: Timestamp,
}

impl Name {
    const TIME: &'static str = "%Y%m%dT%H%M%SZ";

    fn new(vault: VaultId, made: UnixTime) -> Option<Self> {
        let made = i64::try_from(made.as_secs()).ok()?;
        Some(Self {
            vault: short(vault),
            made: Timestamp::from_second(made).ok()?,
        })
    }

    fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("couchkey-")?.strip_suffix(EXTENSION)?;
        let (vault, time) = rest.split_once('-')?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if vault.len() != 8 || !vault.chars().all(hex) {
            return None;
        }
        let made = DateTime::strptime(Self::TIME, time).ok()?;
        let made = made.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let name = Self {
            vault: vault.to_owned(),
            made,
        };
        // Only names as we write them: whatever else is in the folder is not ours to delete.
        (name.to_string() == format!("couchkey-{rest}{EXTENSION}")).then_some(name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = self.made.to_zoned(TimeZone::UTC);
        let time = time.strftime(Self::TIME);
        write!(f, "couchkey-{}-{time}{EXTENSION}", self.vault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_no_other_name_is_ours() {
        let vault = VaultId([0x9F; 16]);
        let name = Name::new(vault, UnixTime::from_secs(1_800_000_005)).expect("a time");
        let text = name.to_string();
        assert_eq!(text, "couchkey-9f9f9f9f-20270115T080005Z.couchkey", "UTC");
        let read = Name::parse(&text).expect("our own");
        assert_eq!(read.made, name.made, "to the second");
        for other in [
            "couchkey-9f9f9f9f-20270115T080005Z.couchkey.bak",
            "couchkey-9f9f9f9f-20270115T0800Z.couchkey",
            "couchkey-9F9F9F9F-20270115T080005Z.couchkey",
            "couchkey-9f9f9f9f-20271315T080005Z.couchkey",
            "../couchkey-9f9f9f9f-20270115T080005Z.couchkey",
            "photo.png",
            "",
        ] {
            assert!(Name::parse(other).is_none(), "{other}");
        }
    }
}
