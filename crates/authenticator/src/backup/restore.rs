//! Restores a backup: previews what would come, merges it into the open vault, or makes a vault of it.

use std::sync::Arc;

use couchkey_vault::{
    Account, NewSlot, Unlock, VaultId,
    backup::{Backup, Merge},
    format,
};

use super::key::{Key, open};
use crate::{
    Authenticator, Error, ErrorCode,
    create::Beside,
    locate::Place,
    passphrase::slot::Passphrase,
    view::{RestoreInto, RestoreOutcome, RestorePreview, RestoreRow, Restored, count, seconds},
};

impl Authenticator {
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
                let beside = match into {
                    RestoreInto::SetAside => Beside::WhatIsHere,
                    _ => Beside::Nothing,
                };
                self.make_vault(passphrase, beside, |id, slot, now, rng| {
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
                            let opened = Passphrase::of_a_backup(passphrase);
                            vault.set_backup_passphrase(opened.text(), opened.cost(), now, rng)?;
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
        let keyring = self.system_keyring();
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
