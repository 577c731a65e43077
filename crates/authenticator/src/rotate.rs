//! Rotates the keys: gives the vault a new vault key, this device a new device key, and every way to open it a new slot.

use couchkey_otp::UnixTime;
use couchkey_vault::{DeviceKey, NewSlot, Vault};

use crate::{
    Authenticator, Error, ErrorCode,
    backup::choice_of,
    passphrase::slot::{Passphrase, daily_slot},
    random::{OsRandom, os_random},
    recovery_key::DrawnKey,
    slots::recovery_slot,
    view::{BackupState, KeyringKind, Rotated},
};

impl Authenticator {
    /// For when somebody saw the recovery key: gives the vault a new key and seals everything anew, ends what opened it
    /// before, and makes the recovery key count that was drawn and shown: see
    /// [`draw_recovery_key`](Self::draw_recovery_key). `passphrase` is today's, where there is one; `saved`: the key is
    /// written down already.
    ///
    /// Backups that were made before still open with the old recovery key: make a new one, then
    /// [`Authenticator::remove_old_backups`].
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`], [`ErrorCode::WrongPassphrase`]; [`ErrorCode::PreviewGone`] when no key was drawn;
    /// whatever kept the vault from being saved. The drawn key opens nothing then, and the old one is still good; it can
    /// be tried again.
    pub fn rotate_to_drawn_key(
        &self,
        passphrase: Option<&str>,
        saved: bool,
    ) -> Result<Rotated, Error> {
        let lock = match (self.asks_passphrase()?, passphrase) {
            (false, _) => None,
            (true, None) => return Err(ErrorCode::PassphraseNeeded.into()),
            (true, Some(passphrase)) => Some(self.todays_passphrase(passphrase)),
        };
        self.with_drawn_key(|key| {
            self.new_keys(passphrase, lock.as_ref(), Some(DrawnKey { key, saved }))
        })
    }

    /// Gives the vault a new key, this device too, and whatever may open it a new slot: `lock` day to day, and `recovery`.
    ///
    /// # Errors
    /// [`ErrorCode::PreviewGone`] without a recovery key, where one would end, or a passphrase for backups: something has
    /// to open those.
    pub(crate) fn new_keys(
        &self,
        today: Option<&str>,
        lock: Option<&Passphrase<'_>>,
        recovery: Option<DrawnKey<'_>>,
    ) -> Result<Rotated, Error> {
        let kind = self.opened_from()?.2;
        let device = (kind == KeyringKind::System).then(|| DeviceKey::generate(&mut os_random()));
        let had_backup_passphrase = self.read(Vault::has_backup_passphrase)?;
        let make = |vault: &mut Vault, now: UnixTime, rng: &mut OsRandom| {
            self.prove(vault, today)?;
            if recovery.is_none()
                && (recovery_slot(vault).is_some() || vault.has_backup_passphrase())
            {
                return Err(ErrorCode::PreviewGone.into());
            }
            let mut slots = vec![daily_slot(device.as_ref(), lock)?];
            slots.extend(recovery.iter().map(|of| NewSlot::Recovery { key: of.key }));
            vault.rotate(&slots, now, rng)?;
            let mut settings = vault.settings().clone();
            settings.recovery_made = recovery.as_ref().map(|_| now.as_secs());
            settings.recovery_saved = recovery.as_ref().is_some_and(|of| of.saved);
            settings.recovery_proven = None;
            vault.set_settings(settings);
            Ok(())
        };
        let rotated = match &device {
            Some(device) => self.change_device_key(device, make),
            None => self.change(make),
        };
        match (rotated, &recovery) {
            (Err(error), Some(of)) => self.counts_after_all(of.key, error)?,
            (rotated, _) => rotated?,
        }
        let choice = self.read(|vault| choice_of(vault.settings()))?;
        let of = self.read(|vault| (vault.id(), recovery_slot(vault)))?;
        let rows = self.folder_of(&choice).map(|at| self.rows(&at, Some(of)));
        let mut old_backups = rows.and_then(Result::ok).unwrap_or_default();
        old_backups.retain(|row| !row.current_key && row.state != BackupState::Damaged);
        Ok(Rotated {
            old_backups,
            backup_passphrase_ended: had_backup_passphrase,
        })
    }
}
