//! The app lock: sets, changes or ends the passphrase that opens the vault, and asks for it again.

use couchkey_vault::{DeviceKey, OpenError, SlotKind, Unlock, Vault};

use crate::{
    Authenticator, Error, ErrorCode, device_key,
    passphrase::{
        self,
        slot::{Passphrase, daily_slot, guards},
    },
    random::os_random,
    recovery_key::DrawnKey,
    slots::{has, lock_kind},
    view::{KeyringKind, LockChanged, LockKind, Status},
};

impl Authenticator {
    /// Sets, changes or (with `None`) ends the app lock. `today` is the passphrase that opens the vault today, where there
    /// is one.
    ///
    /// Every one of these gives this device a new key, so that no older copy of the vault's files opens with what opened
    /// it then. Turning the lock on also gives the vault new keys, as
    /// [`rotate_to_drawn_key`](Self::rotate_to_drawn_key) does: whoever copied files and keyring before has nothing of
    /// what comes after. Where a recovery key ends with that, its successor is drawn and shown first, and
    /// [`turn_lock_on_with_drawn_key`](Self::turn_lock_on_with_drawn_key) turns the lock on.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`] without today's, and for no new one where there is no keyring;
    /// [`ErrorCode::WrongPassphrase`]; [`ErrorCode::PassphraseTooShort`], [`ErrorCode::PassphraseTooWeak`];
    /// [`ErrorCode::PreviewGone`] where a recovery key or a passphrase for backups would end with it. Nothing was changed
    /// then.
    pub fn set_passphrase(&self, today: Option<&str>, new: Option<&str>) -> Result<Status, Error> {
        let kind = self.opened_from()?.2;
        let lock = new
            .map(|text| self.chosen_passphrase(text, guards(kind)))
            .transpose()?;
        let turned_on = !self.asks_passphrase()?;
        match &lock {
            Some(lock) if kind == KeyringKind::System && turned_on => {
                self.new_keys(today, Some(lock), None)?;
            }
            lock => self.renew_lock(kind, lock.as_ref(), |vault| self.prove(vault, today))?,
        }
        Ok(self.status())
    }

    /// Whether the lock may be turned on with this passphrase, for whoever has a recovery key to show before it is.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`] where it is on; [`ErrorCode::PassphraseTooShort`],
    /// [`ErrorCode::PassphraseTooWeak`].
    pub fn may_turn_lock_on(&self, passphrase: &str) -> Result<(), Error> {
        if self.asks_passphrase()? {
            return Err(ErrorCode::PassphraseNeeded.into());
        }
        let kind = self.opened_from()?.2;
        Ok(passphrase::check(passphrase, guards(kind))?)
    }

    /// Turns the lock on with a recovery key that was drawn and shown before: see
    /// [`draw_recovery_key`](Self::draw_recovery_key). `saved`: it is written down already.
    ///
    /// # Errors
    /// As [`may_turn_lock_on`](Self::may_turn_lock_on) and [`rotate_to_drawn_key`](Self::rotate_to_drawn_key).
    pub fn turn_lock_on_with_drawn_key(
        &self,
        passphrase: &str,
        saved: bool,
    ) -> Result<LockChanged, Error> {
        self.may_turn_lock_on(passphrase)?;
        let lock = self.todays_passphrase(passphrase);
        let new_keys = self.with_drawn_key(|key| {
            self.new_keys(None, Some(&lock), Some(DrawnKey { key, saved }))
        })?;
        Ok(LockChanged {
            status: self.status(),
            new_keys,
        })
    }

    /// What opens the vault that is open now.
    pub(crate) fn lock_now(&self) -> Result<LockKind, Error> {
        let guard = self.open_now();
        let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
        let slots = open.vault.slots();
        lock_kind(slots.iter().map(|slot| slot.kind)).ok_or_else(|| ErrorCode::NeedsRecovery.into())
    }

    /// Whether this device asks for a passphrase to open the vault that is open now.
    pub(crate) fn asks_passphrase(&self) -> Result<bool, Error> {
        let keys = self.device_keys()?;
        self.read(|vault| asks(vault, &keys))
    }

    /// Whether the passphrase opens the vault that is open now. Costs what unlocking does, so guessing is as slow.
    pub(crate) fn check_passphrase(&self, passphrase: &str) -> Result<(), Error> {
        let (id, keyring, _) = self.opened_from()?;
        let found = self.found_in(keyring.as_ref(), id)?;
        let vault = self.reopen(&found, id, &keyring)?.vault;
        self.prove(&vault, Some(passphrase))
    }

    /// Whether whoever asks may change what opens the vault: they have today's passphrase, where this device asks for one.
    pub(crate) fn prove(&self, vault: &Vault, today: Option<&str>) -> Result<(), Error> {
        let keys = self.device_keys()?;
        if !asks(vault, &keys) {
            return Ok(());
        }
        let passphrase = today.ok_or(ErrorCode::PassphraseNeeded)?;
        let strong = keys.iter().map(|key| Unlock::Strong { passphrase, key });
        for unlock in [Unlock::Passphrase(passphrase)].into_iter().chain(strong) {
            match vault.opens_with(&unlock) {
                Ok(()) => return Ok(()),
                Err(OpenError::Wrong | OpenError::NoSlot) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ErrorCode::WrongPassphrase.into())
    }

    /// Puts in the slot that opens the vault day to day from now on, with a new key of this device where it has a keyring.
    pub(crate) fn renew_lock(
        &self,
        kind: KeyringKind,
        lock: Option<&Passphrase<'_>>,
        may: impl FnOnce(&Vault) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if kind != KeyringKind::System {
            return self.change(|vault, now, rng| {
                may(vault)?;
                vault.put_slot(daily_slot(None, lock)?, now, rng)?;
                // Its key is in a keyring that is not there any more.
                if has(vault, SlotKind::Device) {
                    vault.drop_slot(SlotKind::Device)?;
                }
                Ok(())
            });
        }
        let key = DeviceKey::generate(&mut os_random());
        let before = self.device_keys()?;
        self.change_device_key(&key, |vault, now, rng| {
            may(vault)?;
            vault.put_slot(daily_slot(Some(&key), lock)?, now, rng)?;
            // Other devices keep their slots; this one has no other than the new one.
            for old in &before {
                vault.drop_device(old)?;
            }
            // From a time without a keyring; nobody would think of it any more, and it would still open the vault.
            if has(vault, SlotKind::Passphrase) {
                vault.drop_slot(SlotKind::Passphrase)?;
            }
            Ok(())
        })
    }

    /// The keys that this device has for the vault that is open now.
    fn device_keys(&self) -> Result<Vec<DeviceKey>, Error> {
        let (id, keyring, kind) = self.opened_from()?;
        match kind {
            KeyringKind::System => device_key::read(keyring.as_ref(), id),
            KeyringKind::File | KeyringKind::Missing => Ok(Vec::new()),
        }
    }
}

/// Whether a device with these keys asks for a passphrase.
fn asks(vault: &Vault, keys: &[DeviceKey]) -> bool {
    let by_itself = |key| vault.opens_with(&Unlock::Device(key)).is_ok();
    (has(vault, SlotKind::Strong) || has(vault, SlotKind::Passphrase))
        && !keys.iter().any(by_itself)
}
