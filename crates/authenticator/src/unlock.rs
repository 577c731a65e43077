//! Unlocks the vault, with the device key alone or with a passphrase, and locks it.

use std::sync::Arc;

use couchkey_vault::{DeviceKey, Note, OpenError, Opened, SlotKind, Unlock, VaultId, survey};

use crate::{
    Authenticator, Error, ErrorCode,
    authenticator::Open,
    copies::Files,
    device_key,
    locate::Place,
    ports::Keyring,
    status::{opens_by_itself, troubled},
    view::{KeyringKind, LockKind, Notice, Status},
};

impl Authenticator {
    /// Opens with the device key where that is enough. Trouble is part of the answer, not an error.
    ///
    /// # Errors
    /// None but our own mistakes; a vault that needs a passphrase is answered as locked.
    pub fn open(&self) -> Result<Status, Error> {
        self.set_without_keyring(false);
        self.open_or_tell()
    }

    /// The same as if this computer had no keyring, because the one that it has does not answer: for
    /// [`Way::WithoutKeyring`], until the next [`open`](Self::open). Nothing in the keyring is changed by it; a vault that
    /// is made or recovered now keeps its keys in its folder and opens with a passphrase.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_without_keyring(&self) -> Result<Status, Error> {
        self.set_without_keyring(true);
        *self.trouble() = None;
        self.open_or_tell()
    }

    fn open_or_tell(&self) -> Result<Status, Error> {
        if let Some(status) = self.status_while_open() {
            return Ok(status);
        }
        let files = self.files();
        let place = self.look_at(&files.found);
        let status = self.status_while_closed(&place);
        if !opens_by_itself(&status) {
            return Ok(status);
        }
        let opened = match place {
            Ok(Place::Vault { id, .. }) => self.unlock_by_device(id, None, Some(files)),
            Ok(Place::Nothing { .. }) => Err(ErrorCode::NoVault.into()),
            Err(error) => Err(error),
        };
        Ok(match opened {
            Ok(()) => self.look_afresh(),
            // The file is from before an app lock, and the keyring knows better.
            Err(error) if error.code() == ErrorCode::NeedsRecovery && self.is_locked_since() => {
                self.look_afresh()
            }
            Err(error) => {
                let report = error.report();
                *self.trouble() = Some(report.clone());
                troubled(report, &status)
            }
        })
    }

    /// Opens with the passphrase.
    ///
    /// # Errors
    /// [`ErrorCode::WrongPassphrase`], [`ErrorCode::NoVault`]; the keyring's, where the app lock needs it too.
    pub fn unlock(&self, passphrase: &str) -> Result<Status, Error> {
        if self.open_now().is_some() {
            return Ok(self.status());
        }
        let Place::Vault {
            id,
            survey,
            keyring,
            ..
        } = self.look()?
        else {
            return Err(ErrorCode::NoVault.into());
        };
        match keyring {
            KeyringKind::System => {
                // The file may be an older copy; the head in the keyring says what opens the vault today. Where another
                // device has a slot too, it is not said whose a slot is: what this device has is tried.
                let today = self.survey_of_today(id)?;
                let mut opened: Result<(), Error> = Err(ErrorCode::NeedsRecovery.into());
                if today.slot(SlotKind::Device).is_some() {
                    opened = self.unlock_by_device(id, None, None);
                }
                if needs_recovery(&opened) && today.slot(SlotKind::Strong).is_some() {
                    opened = self.unlock_by_device(id, Some(passphrase), None);
                }
                opened?;
            }
            KeyringKind::File | KeyringKind::Missing => {
                survey
                    .slot(SlotKind::Passphrase)
                    .ok_or(ErrorCode::NeedsRecovery)?;
                let keyring = Arc::clone(&self.parts.file_keyring);
                let unlock = Unlock::Passphrase(passphrase);
                self.unlock_by(id, keyring, KeyringKind::File, &unlock)?;
            }
        }
        Ok(self.status())
    }

    /// Whether the vault opens with a passphrase, although a file that is here asks for nothing: it is an older copy, or
    /// what opens by itself is another device.
    fn is_locked_since(&self) -> bool {
        let Ok(Place::Vault { id, .. }) = self.look() else {
            return false;
        };
        let today = self.survey_of_today(id);
        let locked = today.is_ok_and(|today| today.slot(SlotKind::Strong).is_some());
        if locked {
            *self.asks() = Some(LockKind::Strong);
        }
        locked
    }

    /// Drops the vault key, every secret and every code from memory.
    pub fn lock(&self) -> Status {
        // Sealed while there is a key, written when there is none any more: a slow disk never delays locking.
        let backup = self.sealed_if_due();
        *self.open_now() = None;
        self.forget_recovery_key();
        self.cancel_transfer();
        self.discard_preview();
        self.write_due(backup);
        self.status()
    }

    /// Opens with the key in the system's keyring, and with the passphrase where there is an app lock. `files`, where they
    /// were read already.
    fn unlock_by_device(
        &self,
        id: VaultId,
        passphrase: Option<&str>,
        files: Option<Files>,
    ) -> Result<(), Error> {
        let keyring = self.system_keyring()?;
        keyring.try_again();
        let mut keys = device_key::read(keyring.as_ref(), id)?;
        loop {
            for key in &keys {
                let unlock = match passphrase {
                    None => Unlock::Device(key),
                    Some(passphrase) => Unlock::Strong { passphrase, key },
                };
                let opened = self.unlock_by_files(
                    id,
                    Arc::clone(&keyring),
                    KeyringKind::System,
                    &unlock,
                    files.clone(),
                );
                match opened {
                    Err(Error::Refused(ErrorCode::NeedsRecovery | ErrorCode::WrongPassphrase)) => {}
                    Ok(()) if keys.len() > 1 => {
                        // Its replacement was broken off. That it opens is enough for now.
                        let _ = self.settle_device_key(&unlock, key);
                        return Ok(());
                    }
                    outcome => return outcome,
                }
            }
            // Another process may have replaced it between the two looks.
            let now = device_key::read(keyring.as_ref(), id)?;
            let same = |(a, b): (&DeviceKey, &DeviceKey)| a.expose() == b.expose();
            if now.len() == keys.len() && now.iter().zip(&keys).all(same) {
                break;
            }
            keys = now;
        }
        Err(match passphrase {
            Some(_) if !keys.is_empty() => ErrorCode::WrongPassphrase.into(),
            // A key that is there and does not fit is as good as lost.
            _ => ErrorCode::NeedsRecovery.into(),
        })
    }

    /// Ends a replacement of the device key that was broken off, where `key` is the one that opens today's slots.
    fn settle_device_key(&self, unlock: &Unlock<'_>, key: &DeviceKey) -> Result<(), Error> {
        let (id, keyring, _) = self.opened_from()?;
        let _one_process = self.parts.file.lock()?;
        let found = self.found_in(keyring.as_ref(), id)?;
        let today = survey(&found).slots;
        let counts = self.read(|vault| vault.slots() == today && vault.opens_with(unlock).is_ok());
        if counts? {
            device_key::write(keyring.as_ref(), id, [key])?;
        }
        Ok(())
    }

    pub(crate) fn unlock_by(
        &self,
        id: VaultId,
        keyring: Arc<dyn Keyring>,
        kind: KeyringKind,
        unlock: &Unlock<'_>,
    ) -> Result<(), Error> {
        self.unlock_by_files(id, keyring, kind, unlock, None)
    }

    fn unlock_by_files(
        &self,
        id: VaultId,
        keyring: Arc<dyn Keyring>,
        kind: KeyringKind,
        unlock: &Unlock<'_>,
        files: Option<Files>,
    ) -> Result<(), Error> {
        let found = match files {
            Some(files) => self.found_since(files, keyring.as_ref(), id)?,
            None => self.found_in(keyring.as_ref(), id)?,
        };
        let opened = self
            .open_with(&found, unlock, id, &keyring)
            .map_err(|error| match (&error, unlock) {
                (Error::Open(OpenError::Wrong | OpenError::NoSlot), Unlock::Recovery(_)) => {
                    ErrorCode::WrongRecoveryKey.into()
                }
                (
                    Error::Open(OpenError::Wrong | OpenError::NoSlot),
                    Unlock::Passphrase(_) | Unlock::Strong { .. },
                ) => ErrorCode::WrongPassphrase.into(),
                // A key that is there and does not fit is as good as lost.
                (Error::Open(OpenError::Wrong | OpenError::NoSlot), Unlock::Device(_)) => {
                    ErrorCode::NeedsRecovery.into()
                }
                _ => error,
            })?;
        self.keep(opened, keyring, kind);
        Ok(())
    }

    /// Shows a vault that was just opened, and mends on the disk what opening it found.
    pub(crate) fn keep(&self, opened: Opened, keyring: Arc<dyn Keyring>, kind: KeyringKind) {
        let notices = Notice::of_opening(&opened);
        let now = self.now();
        // A clock that is wrong for certain says nothing about the trash.
        let plausible = !self.clock_wrong();
        let spoilt = plausible && opened.vault.wants_purge(now);
        // What cannot be read just now may have what the other copies lack: it is not written over unasked.
        let damaged = |note: &Note| matches!(note, Note::FileDamaged(_));
        let unread = match opened.notes.iter().any(damaged) {
            true => self.unreadable(),
            false => Vec::new(),
        };
        let unreadable = !unread.is_empty();
        let wait = unreadable && !opened.complete;
        *self.trouble() = None;
        *self.asks() = None;
        // A folder that was moved, and a keyring that was emptied: found again when the files are lost later. What cannot
        // be written now is written next time.
        let _ = self.remember(keyring.as_ref(), opened.vault.id());
        *self.open_now() = Some(Open {
            stamp: self.parts.file.stamp(),
            vault: opened.vault,
            keyring,
            kind,
            notices,
            unread,
        });
        self.note_opening();
        if (opened.needs_save || spoilt) && !wait {
            // A full disk is no reason to keep people from their codes: what cannot be mended now is mended next time.
            let mended = self.change(|vault, now, _| {
                if plausible {
                    vault.purge(now);
                }
                Ok(())
            });
            if mended.is_err() && opened.needs_save {
                self.say(Notice::NotMended);
            }
        }
        if unreadable && !self.unreadable().is_empty() {
            self.say(Notice::NotMended);
        }
    }
}

fn needs_recovery(opened: &Result<(), Error>) -> bool {
    let code = opened.as_ref().err().map(Error::code);
    code == Some(ErrorCode::NeedsRecovery)
}
