//! From nothing, or from locked, to an open vault; and every way that this can be in trouble.

use std::sync::Arc;

use couchkey_otp::UnixTime;
use couchkey_vault::{
    Argon2Cost, DeviceKey, Found, NewSlot, OpenError, Problem, RecoveryKey, SlotKind, Survey,
    Unlock, Vault, VaultId, format, survey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    change::{OsRandom, os_random},
    os::keyring::LONGEST_EVERYWHERE,
    ports::{Keyring, KeyringError},
    qr,
    view::{
        BackupChoice, BackupsView, KeyringKind, LockKind, Notice, RecoveryKeyView, Status,
        VaultState, Way,
    },
};

/// A passphrase has at least this many characters (NIST SP 800-63B-4, section 3.1.1.2, for one that is a second thing).
pub(crate) const PASSPHRASE_CHARACTERS: usize = 8;

/// The entry of the keyring that lists vaults, so that a lost data directory is found again.
const VAULTS: &str = "vaults";

/// One thing that `couchkey doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// `data`, `keyring`, `vault`, `recovery`, `backup` or `clock`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was seen.
    pub message: String,
    /// What to do; empty where all is good.
    pub hint: String,
}

impl Authenticator {
    /// The state of things. Where there is a file, no keyring is asked, so this never waits for anybody; a trouble that
    /// [`open`](Self::open) met stands until something opens the vault.
    #[must_use]
    pub fn status(&self) -> Status {
        let status = self.look_afresh();
        match self.trouble().clone() {
            Some(report) if opens_by_itself(&status) => troubled(report, &status),
            _ => status,
        }
    }

    /// The state of things, whatever happened before.
    fn look_afresh(&self) -> Status {
        if let Some(open) = self.open_now().as_ref() {
            let mut notices = open.notices.clone();
            let settings = open.vault.settings();
            let recovery_saved = settings.recovery_saved;
            let has_recovery_key = has(&open.vault, SlotKind::Recovery);
            if self.clock_wrong() {
                notices.push(Notice::ClockWrong);
            }
            if !(has_recovery_key && recovery_saved) {
                notices.push(Notice::RecoveryKeyNotSaved);
            }
            if self.backup_problem().is_some() {
                notices.push(Notice::BackupFailed);
            }
            return Status {
                state: VaultState::Open,
                lock: lock_kind(open.vault.slots().iter().map(|slot| slot.kind)),
                keyring: open.kind,
                trouble: None,
                ways: Vec::new(),
                notices,
                accounts: u32::try_from(open.vault.accounts().count()).unwrap_or(u32::MAX),
                has_recovery_key,
                recovery_made: settings
                    .recovery_made
                    .filter(|_| has_recovery_key)
                    .and_then(|at| u32::try_from(at).ok()),
                recovery_saved,
            };
        }
        match self.look() {
            Ok(Place::Nothing { keyring }) => closed(VaultState::None, None, keyring),
            Ok(Place::Vault {
                survey, keyring, ..
            }) => {
                let mut status = closed(VaultState::Locked, lock_of(&survey), keyring);
                status.has_recovery_key = survey.slot(SlotKind::Recovery).is_some();
                let day_to_day = match status.lock {
                    Some(LockKind::Passphrase | LockKind::Strong) => Way::Passphrase,
                    Some(LockKind::Device) | None => Way::Retry,
                };
                status.ways = [day_to_day].into();
                status
                    .ways
                    .extend(status.has_recovery_key.then_some(Way::RecoveryKey));
                status.ways.push(Way::Backup);
                status
            }
            Err(error) => trouble(&error),
        }
    }

    /// Opens with the device key where that is enough. Trouble is part of the answer, not an error.
    ///
    /// # Errors
    /// None but our own mistakes; a vault that needs a passphrase is answered as locked.
    pub fn open(&self) -> Result<Status, Error> {
        let status = self.look_afresh();
        if !opens_by_itself(&status) {
            return Ok(status);
        }
        Ok(match self.open_by_device() {
            Ok(()) => self.look_afresh(),
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
        let Place::Vault { id, survey, .. } = self.look()? else {
            return Err(ErrorCode::NoVault.into());
        };
        match lock_of(&survey) {
            Some(LockKind::Passphrase) => {
                let keyring = Arc::clone(&self.parts.file_keyring);
                self.unlock_by(
                    id,
                    keyring,
                    KeyringKind::File,
                    &Unlock::Passphrase(passphrase),
                )?;
            }
            Some(LockKind::Strong) => {
                let keyring = (self.parts.system_keyring)()?;
                let key = device_key(keyring.as_ref(), id)?.ok_or(ErrorCode::NeedsRecovery)?;
                let unlock = Unlock::Strong {
                    passphrase,
                    key: &key,
                };
                self.unlock_by(id, keyring, KeyringKind::System, &unlock)?;
            }
            Some(LockKind::Device) => self.open_by_device()?,
            None => return Err(ErrorCode::NeedsRecovery.into()),
        }
        Ok(self.status())
    }

    /// Opens with the recovery key, and gives this device a key of its own again.
    ///
    /// Where there is no keyring, `passphrase` becomes what opens the vault from now on. An app lock is gone
    /// afterwards: whoever has the recovery key may have come because the passphrase is forgotten.
    ///
    /// # Errors
    /// [`ErrorCode::RecoveryKeyTypo`], [`ErrorCode::WrongRecoveryKey`]; the keyring's, when it is there and refuses.
    pub fn recover(&self, recovery_key: &str, passphrase: Option<&str>) -> Result<Status, Error> {
        let key = RecoveryKey::parse(recovery_key).map_err(|_| ErrorCode::RecoveryKeyTypo)?;
        let Place::Vault { id, .. } = self.look()? else {
            return Err(ErrorCode::NoVault.into());
        };
        self.recover_by(id, &Unlock::Recovery(&key), passphrase)
    }

    /// Opens with what is not there day to day, and gives this device a key of its own again.
    pub(crate) fn recover_by(
        &self,
        id: VaultId,
        unlock: &Unlock<'_>,
        passphrase: Option<&str>,
    ) -> Result<Status, Error> {
        let (keyring, kind) = self.keyring_for_new(passphrase)?;
        let cost = passphrase
            .map(|text| self.passphrase_cost(text))
            .transpose()?;
        self.unlock_by(id, Arc::clone(&keyring), kind, unlock)?;
        let renewed = (|| {
            self.remember(keyring.as_ref(), id)?;
            self.renew_lock(id, keyring.as_ref(), kind, passphrase.zip(cost))
        })();
        if renewed.is_err() {
            self.lock();
        }
        renewed.map(|()| self.status())
    }

    /// Makes a vault where there is none, because a person asks for one.
    ///
    /// # Errors
    /// [`ErrorCode::VaultExists`]; [`ErrorCode::PassphraseNeeded`] where there is no keyring.
    pub fn create_vault(&self, passphrase: Option<&str>) -> Result<Status, Error> {
        if self.open_now().is_some() {
            return Err(ErrorCode::VaultExists.into());
        }
        self.make_vault(passphrase, false, |id, slot, now, rng| {
            Ok(Vault::create(id, slot, now, rng)?)
        })
    }

    /// Makes a vault of what `make` gives. With `set_aside`, what is here is put out of the way, whole.
    pub(crate) fn make_vault(
        &self,
        passphrase: Option<&str>,
        set_aside: bool,
        make: impl FnOnce(VaultId, NewSlot<'_>, UnixTime, &mut OsRandom) -> Result<Vault, Error>,
    ) -> Result<Status, Error> {
        let cost = passphrase
            .map(|text| self.passphrase_cost(text))
            .transpose()?;
        {
            let _one_process = self.parts.file.lock()?;
            match self.look() {
                Ok(Place::Nothing { .. }) => {}
                Ok(Place::Vault { .. }) if set_aside => {}
                Err(error) if set_aside && error.code() == ErrorCode::VaultDamaged => {}
                Ok(Place::Vault { .. }) => return Err(ErrorCode::VaultExists.into()),
                Err(error) => return Err(error),
            }
            let (keyring, kind) = self.keyring_for_new(passphrase)?;
            let mut rng = os_random();
            let id = VaultId::generate(&mut rng);
            let now = self.now();
            if kind != KeyringKind::System && passphrase.is_none() {
                return Err(ErrorCode::PassphraseNeeded.into());
            }
            self.remember(keyring.as_ref(), id)?;
            let mut vault = match (kind, passphrase.zip(cost)) {
                (KeyringKind::System, lock) => {
                    let key = DeviceKey::generate(&mut rng);
                    keyring.set(
                        &format::device_key_entry(id),
                        base64(key.expose()).as_bytes(),
                    )?;
                    make(id, daily_slot(&key, lock), now, &mut rng)?
                }
                (_, Some((passphrase, cost))) => {
                    let slot = NewSlot::Passphrase { passphrase, cost };
                    make(id, slot, now, &mut rng)?
                }
                (_, None) => return Err(ErrorCode::PassphraseNeeded.into()),
            };
            if set_aside {
                self.parts.file.set_aside()?;
            }
            self.write(&mut vault, keyring.as_ref())?;
            self.keep_new(vault, keyring, kind);
        }
        Ok(self.status())
    }

    /// Drops the vault key, every secret and every code from memory.
    pub fn lock(&self) -> Status {
        // Sealed while there is a key, written when there is none any more: a slow disk never delays locking.
        let backup = self.sealed_if_due();
        *self.open_now() = None;
        *self.recovery_key() = None;
        self.cancel_transfer();
        self.discard_preview();
        self.write_due(backup);
        self.status()
    }

    /// Sets, changes or (with `None`) ends the app lock.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseTooShort`]; [`ErrorCode::PassphraseNeeded`] for `None` where there is no keyring.
    pub fn set_passphrase(&self, passphrase: Option<&str>) -> Result<Status, Error> {
        let cost = passphrase
            .map(|text| self.passphrase_cost(text))
            .transpose()?;
        let (id, keyring, kind) = {
            let guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            (open.vault.id(), Arc::clone(&open.keyring), open.kind)
        };
        self.renew_lock(id, keyring.as_ref(), kind, passphrase.zip(cost))?;
        Ok(self.status())
    }

    /// Makes a new recovery key, in place of an older one, and shows it this once.
    ///
    /// # Errors
    /// Whatever kept the vault from being saved; the older key still works then.
    pub fn make_recovery_key(&self) -> Result<RecoveryKeyView, Error> {
        let key = RecoveryKey::generate(&mut os_random());
        self.change(|vault, now, rng| {
            vault.put_slot(NewSlot::Recovery { key: &key }, now, rng)?;
            let mut settings = vault.settings().clone();
            settings.recovery_made = Some(now.as_secs());
            settings.recovery_saved = false;
            settings.recovery_proven = None;
            vault.set_settings(settings);
            Ok(())
        })?;
        self.show_recovery_key(key)
    }

    /// Shows a key that was just made, and remembers it for the sheet until it is written down.
    pub(crate) fn show_recovery_key(&self, key: RecoveryKey) -> Result<RecoveryKeyView, Error> {
        let text = key.to_text();
        let view = RecoveryKeyView {
            groups: text.split('-').map(str::to_owned).collect(),
            qr: modules(&text)?,
        };
        *self.recovery_key() = Some(key);
        Ok(view)
    }

    /// The sheet to print or to keep: one page of HTML with the key as text and as a QR code.
    ///
    /// # Errors
    /// [`ErrorCode::PreviewGone`] when no key was just made.
    pub fn recovery_sheet(&self) -> Result<Zeroizing<String>, Error> {
        let text = self
            .recovery_key()
            .as_ref()
            .map(RecoveryKey::to_text)
            .ok_or(ErrorCode::PreviewGone)?;
        Ok(sheet(&text, &modules(&text)?))
    }

    /// The person says that the key is written down. It is forgotten here.
    ///
    /// # Errors
    /// Whatever kept the vault from being saved.
    pub fn recovery_key_saved(&self) -> Result<(), Error> {
        self.change(|vault, _, _| {
            let mut settings = vault.settings().clone();
            settings.recovery_saved = true;
            vault.set_settings(settings);
            Ok(())
        })?;
        *self.recovery_key() = None;
        Ok(())
    }

    /// Looks at every part, and says what is wrong and what helps.
    #[must_use]
    pub fn check(&self) -> Vec<Check> {
        let good = |name, message: &str| Check {
            name,
            good: true,
            message: message.to_owned(),
            hint: String::new(),
        };
        let bad = |name, error: &Error| {
            let report = error.report();
            Check {
                name,
                good: false,
                message: report.message,
                hint: report.hint,
            }
        };
        let mut checks = Vec::new();
        checks.push(match self.parts.file.lock() {
            Ok(_) => good("data", "The vault's folder can be written."),
            Err(error) => bad("data", &error.into()),
        });
        let status = match self.open() {
            Ok(status) => status,
            Err(error) => trouble(&error),
        };
        checks.push(match status.keyring {
            // Such a vault lacks nothing where there is no keyring, so none is asked.
            KeyringKind::File => good(
                "keyring",
                "No keyring of the system is used; the vault opens with its passphrase.",
            ),
            KeyringKind::Missing => good(
                "keyring",
                "No keyring of the system is used; a vault here opens with a passphrase.",
            ),
            KeyringKind::System => {
                match (self.parts.system_keyring)().and_then(|keyring| keyring.get(VAULTS)) {
                    Ok(_) => good("keyring", "The keyring answers."),
                    Err(error) => bad("keyring", &error.into()),
                }
            }
        });
        checks.push(match (&status.trouble, status.state) {
            (Some(report), _) => Check {
                name: "vault",
                good: false,
                message: report.message.clone(),
                hint: report.hint.clone(),
            },
            (None, VaultState::None) => good("vault", "There is no vault here yet."),
            (None, VaultState::Locked) => good("vault", "The vault is here, and locked."),
            (None, _) => {
                let damaged = self.read(|vault| vault.damaged().len()).unwrap_or(0);
                if damaged == 0 {
                    good(
                        "vault",
                        &format!("The vault opens; accounts: {}.", status.accounts),
                    )
                } else {
                    Check {
                        name: "vault",
                        good: false,
                        message: format!("Accounts that cannot be read: {damaged}. The others work."),
                        hint: "Their sealed data is kept. Enrol them again, or open a backup of the vault's folder."
                            .to_owned(),
                    }
                }
            }
        });
        if status.state == VaultState::Open {
            checks.push(if status.has_recovery_key {
                good("recovery", "There is a recovery key.")
            } else {
                Check {
                    name: "recovery",
                    good: false,
                    message:
                        "There is no recovery key: if the keyring is lost, so are the accounts."
                            .to_owned(),
                    hint: "Make one with `couchkey recovery-key`, and write it down.".to_owned(),
                }
            });
        }
        if status.state == VaultState::Open
            && let Ok(backups) = self.backups()
        {
            checks.push(backup_check(&backups, self.now()));
        }
        checks.push(if self.clock_wrong() {
            Check {
                name: "clock",
                good: false,
                message: "The clock of this computer is far behind, so codes are wrong.".to_owned(),
                hint: "Set date and time to automatic in the system's settings.".to_owned(),
            }
        } else {
            good("clock", "The clock is plausible.")
        });
        checks
    }

    /// What is here, without opening it.
    pub(crate) fn look(&self) -> Result<Place, Error> {
        let found = self.found(|| Ok(None))?;
        if found.file_a.is_some() || found.file_b.is_some() {
            let survey = survey(&found);
            if let Some(error) = refusal(&survey) {
                return Err(error.into());
            }
            let Some(id) = survey.vault.filter(|_| survey.file.is_some()) else {
                // Neither copy can be read: the keyring may have everything.
                return self
                    .look_in_keyrings()?
                    .ok_or_else(|| ErrorCode::VaultDamaged.into());
            };
            let keyring = if uses_system(&survey) {
                KeyringKind::System
            } else {
                KeyringKind::File
            };
            return Ok(Place::Vault {
                id,
                survey,
                keyring,
            });
        }
        if let Some(place) = self.look_in_keyrings()? {
            return Ok(place);
        }
        let keyring = match (self.parts.system_keyring)() {
            Ok(_) => KeyringKind::System,
            Err(KeyringError::Unavailable) => KeyringKind::Missing,
            Err(error) => return Err(error.into()),
        };
        Ok(Place::Nothing { keyring })
    }

    /// A vault that was kept in this place, as the keyrings remember it.
    ///
    /// A keyring that is locked is an error: "I cannot see" must never become "there is nothing".
    fn look_in_keyrings(&self) -> Result<Option<Place>, Error> {
        let system = match (self.parts.system_keyring)() {
            Ok(keyring) => Some((keyring, KeyringKind::System)),
            Err(KeyringError::Unavailable) => None,
            Err(error) => return Err(error.into()),
        };
        let file = (Arc::clone(&self.parts.file_keyring), KeyringKind::File);
        for (keyring, kind) in system.into_iter().chain([file]) {
            // The newest first: an older one in this place was put aside.
            for known in known_vaults(keyring.as_ref())?.into_iter().rev() {
                if known.place != self.parts.place {
                    continue;
                }
                let head = keyring.get(&format::head_entry(known.id()?))?;
                let Some(head) = head else { continue };
                let found = Found {
                    file_a: None,
                    file_b: None,
                    head: Some(head.to_vec()),
                };
                let survey = survey(&found);
                if let Some(error) = refusal(&survey) {
                    return Err(error.into());
                }
                if let Some(id) = survey.vault {
                    return Ok(Some(Place::Vault {
                        id,
                        survey,
                        keyring: kind,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// What opens the vault that is open now.
    pub(crate) fn lock_now(&self) -> Result<LockKind, Error> {
        let guard = self.open_now();
        let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
        let slots = open.vault.slots();
        lock_kind(slots.iter().map(|slot| slot.kind)).ok_or_else(|| ErrorCode::NeedsRecovery.into())
    }

    /// Whether the passphrase opens the vault that is open now. Costs what unlocking does, so guessing is as slow.
    pub(crate) fn check_passphrase(&self, passphrase: &str) -> Result<(), Error> {
        let lock = self.lock_now()?;
        let (id, keyring) = {
            let guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            (open.vault.id(), Arc::clone(&open.keyring))
        };
        let found = self.found(|| keyring.get(&format::head_entry(id)))?;
        let key;
        let unlock = match lock {
            LockKind::Device => return Ok(()),
            LockKind::Passphrase => Unlock::Passphrase(passphrase),
            LockKind::Strong => {
                key = device_key(keyring.as_ref(), id)?.ok_or(ErrorCode::NeedsRecovery)?;
                Unlock::Strong {
                    passphrase,
                    key: &key,
                }
            }
        };
        match self.open_with(&found, &unlock, id, &keyring) {
            Ok(_) => Ok(()),
            Err(Error::Open(OpenError::Wrong | OpenError::NoSlot)) => {
                Err(ErrorCode::WrongPassphrase.into())
            }
            Err(error) => Err(error),
        }
    }

    fn open_by_device(&self) -> Result<(), Error> {
        let Place::Vault { id, .. } = self.look()? else {
            return Err(ErrorCode::NoVault.into());
        };
        let keyring = (self.parts.system_keyring)()?;
        let key = device_key(keyring.as_ref(), id)?.ok_or(ErrorCode::NeedsRecovery)?;
        self.unlock_by(id, keyring, KeyringKind::System, &Unlock::Device(&key))
    }

    pub(crate) fn unlock_by(
        &self,
        id: VaultId,
        keyring: Arc<dyn Keyring>,
        kind: KeyringKind,
        unlock: &Unlock<'_>,
    ) -> Result<(), Error> {
        let found = self.found(|| keyring.get(&format::head_entry(id)))?;
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
        let file_missing = found.file_a.is_none() && found.file_b.is_none();
        self.keep(opened, keyring, kind, file_missing);
        Ok(())
    }

    /// The keyring for a vault that gets a new key here: the system's, or, where there is none, the file.
    pub(crate) fn keyring_for_new(
        &self,
        passphrase: Option<&str>,
    ) -> Result<(Arc<dyn Keyring>, KeyringKind), Error> {
        match (self.parts.system_keyring)() {
            Ok(keyring) => Ok((keyring, KeyringKind::System)),
            Err(KeyringError::Unavailable) if passphrase.is_some() => {
                Ok((Arc::clone(&self.parts.file_keyring), KeyringKind::File))
            }
            Err(KeyringError::Unavailable) => Err(ErrorCode::PassphraseNeeded.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The cost of guessing this device's passphrase, once it is long enough to be worth one.
    fn passphrase_cost(&self, passphrase: &str) -> Result<Argon2Cost, Error> {
        long_enough(passphrase)?;
        Ok((self.parts.passphrase_cost)())
    }

    /// Puts in the slot that opens the vault day to day from now on.
    fn renew_lock(
        &self,
        id: VaultId,
        keyring: &dyn Keyring,
        kind: KeyringKind,
        lock: Option<(&str, Argon2Cost)>,
    ) -> Result<(), Error> {
        if kind != KeyringKind::System {
            let (passphrase, cost) = lock.ok_or(ErrorCode::PassphraseNeeded)?;
            return self.change(|vault, now, rng| {
                vault.put_slot(NewSlot::Passphrase { passphrase, cost }, now, rng)?;
                // Its key is in a keyring that is not there any more.
                if has(vault, SlotKind::Device) {
                    vault.drop_slot(SlotKind::Device)?;
                }
                Ok(())
            });
        }
        // A key that is in the keyring already stays: other slots may need it.
        let key = match device_key(keyring, id)? {
            Some(key) => key,
            None => {
                let key = DeviceKey::generate(&mut os_random());
                keyring.set(
                    &format::device_key_entry(id),
                    base64(key.expose()).as_bytes(),
                )?;
                key
            }
        };
        let slot = daily_slot(&key, lock);
        self.change(|vault, now, rng| Ok(vault.put_slot(slot, now, rng)?))
    }

    /// Writes down in the keyring that this vault is kept in this place.
    fn remember(&self, keyring: &dyn Keyring, id: VaultId) -> Result<(), Error> {
        let mut known = known_vaults(keyring)?;
        let id = id.to_string();
        known.retain(|vault| vault.id != id);
        known.push(KnownVault {
            id,
            place: self.parts.place.clone(),
        });
        // The oldest go first: a keyring entry holds 2,500 bytes.
        let entry = loop {
            let entry = serde_json::to_vec(&known).map_err(|_| ErrorCode::Internal)?;
            if base64(&entry).len() <= LONGEST_EVERYWHERE || known.len() == 1 {
                break base64(&entry);
            }
            known.remove(0);
        };
        Ok(keyring.set(VAULTS, entry.as_bytes())?)
    }

    fn keep_new(&self, vault: Vault, keyring: Arc<dyn Keyring>, kind: KeyringKind) {
        self.keep(
            couchkey_vault::Opened {
                vault,
                notes: Vec::new(),
                needs_save: false,
            },
            keyring,
            kind,
            false,
        );
    }
}

pub(crate) enum Place {
    Nothing {
        keyring: KeyringKind,
    },
    Vault {
        id: VaultId,
        survey: Survey,
        keyring: KeyringKind,
    },
}

/// A line of the keyring's list of vaults.
#[derive(Serialize, Deserialize)]
struct KnownVault {
    id: String,
    place: String,
}

impl KnownVault {
    fn id(&self) -> Result<VaultId, Error> {
        self.id.parse().map_err(|_| ErrorCode::StorageFailed.into())
    }
}

/// The vaults that this keyring lists. A list that cannot be read is treated as an empty one only for reading: the
/// vaults themselves are found by their files too.
fn known_vaults(keyring: &dyn Keyring) -> Result<Vec<KnownVault>, Error> {
    let Some(entry) = keyring.get(VAULTS)? else {
        return Ok(Vec::new());
    };
    Ok(unbase64(&entry)
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default())
}

pub(crate) fn device_key(keyring: &dyn Keyring, id: VaultId) -> Result<Option<DeviceKey>, Error> {
    let entry = keyring.get(&format::device_key_entry(id))?;
    Ok(entry
        .and_then(|text| unbase64(&text))
        .and_then(|bytes| DeviceKey::from_bytes(&bytes)))
}

fn base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(data_encoding::BASE64.encode(bytes))
}

fn unbase64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    data_encoding::BASE64.decode(text).ok().map(Zeroizing::new)
}

fn has(vault: &Vault, kind: SlotKind) -> bool {
    vault.slots().iter().any(|slot| slot.kind == kind)
}

/// What must not be touched, whatever opens it.
fn refusal(survey: &Survey) -> Option<ErrorCode> {
    survey.problems.iter().find_map(|problem| match problem {
        Problem::NewerVersion { .. } => Some(ErrorCode::VaultNewerVersion),
        Problem::TwoVaults => Some(ErrorCode::VaultDamaged),
        _ => None,
    })
}

fn uses_system(survey: &Survey) -> bool {
    survey
        .slots
        .iter()
        .any(|slot| matches!(slot.kind, SlotKind::Device | SlotKind::Strong))
}

fn lock_of(survey: &Survey) -> Option<LockKind> {
    lock_kind(survey.slots.iter().map(|slot| slot.kind))
}

/// What opens it with the least effort.
fn lock_kind(kinds: impl Iterator<Item = SlotKind> + Clone) -> Option<LockKind> {
    [
        (SlotKind::Device, LockKind::Device),
        (SlotKind::Strong, LockKind::Strong),
        (SlotKind::Passphrase, LockKind::Passphrase),
    ]
    .into_iter()
    .find(|(slot, _)| kinds.clone().any(|kind| kind == *slot))
    .map(|(_, lock)| lock)
}

fn closed(state: VaultState, lock: Option<LockKind>, keyring: KeyringKind) -> Status {
    Status {
        state,
        lock,
        keyring,
        trouble: None,
        ways: Vec::new(),
        notices: Vec::new(),
        accounts: 0,
        has_recovery_key: false,
        recovery_made: None,
        recovery_saved: false,
    }
}

/// Whether it is shut and needs nobody's help to open.
fn opens_by_itself(status: &Status) -> bool {
    status.state == VaultState::Locked && status.lock == Some(LockKind::Device)
}

/// The same vault, with what keeps it shut.
fn troubled(report: ErrorReport, status: &Status) -> Status {
    Status {
        ways: ways(report.code, status.has_recovery_key),
        trouble: Some(report),
        has_recovery_key: status.has_recovery_key,
        ..closed(VaultState::Trouble, None, KeyringKind::System)
    }
}

fn trouble(error: &Error) -> Status {
    Status {
        trouble: Some(error.report()),
        ways: ways(error.code(), false),
        ..closed(VaultState::Trouble, None, KeyringKind::System)
    }
}

/// How backups stand, for `doctor`.
fn backup_check(backups: &BackupsView, now: UnixTime) -> Check {
    let check = |good, message: String, hint: &str| Check {
        name: "backup",
        good,
        message,
        hint: hint.to_owned(),
    };
    let proven = match backups.proven_at {
        None => " That they bring everything back is not proven yet: couchkey drill.".to_owned(),
        Some(at) => {
            let days = now.as_secs().saturating_sub(at.into()) / (24 * 60 * 60);
            format!(" Proven by a drill, days ago: {days}.")
        }
    };
    match (&backups.problem, backups.backups.first()) {
        (Some(problem), _) => check(false, problem.message.clone(), &problem.hint),
        (None, _) if backups.choice == BackupChoice::Off => check(
            false,
            "No backup is made by itself.".to_owned(),
            "Turn it on: couchkey backup --auto usual",
        ),
        (None, None) => check(
            false,
            "There is no backup yet.".to_owned(),
            "Make one: couchkey backup",
        ),
        (None, Some(newest)) => check(
            true,
            format!("The newest backup is {} days old.{proven}", newest.days_old),
            "",
        ),
    }
}

/// What may get a person out of this, what helps most first.
fn ways(trouble: ErrorCode, has_recovery_key: bool) -> Vec<Way> {
    let recovery_key = has_recovery_key.then_some(Way::RecoveryKey);
    match trouble {
        ErrorCode::NeedsRecovery => {
            let mut ways = Vec::from_iter(recovery_key);
            ways.extend([Way::Backup, Way::Retry]);
            ways
        }
        ErrorCode::KeyringUnavailable => {
            let mut ways = vec![Way::Retry];
            ways.extend(recovery_key);
            ways.push(Way::Backup);
            ways
        }
        ErrorCode::VaultDamaged => vec![Way::Backup, Way::Retry],
        _ => vec![Way::Retry],
    }
}

/// What opens a vault day to day on a device with a keyring.
pub(crate) fn daily_slot<'a>(
    key: &'a DeviceKey,
    lock: Option<(&'a str, Argon2Cost)>,
) -> NewSlot<'a> {
    match lock {
        None => NewSlot::Device { key },
        Some((passphrase, cost)) => NewSlot::Strong {
            passphrase,
            key,
            cost,
        },
    }
}

/// # Errors
/// [`ErrorCode::PassphraseTooShort`].
pub(crate) fn long_enough(passphrase: &str) -> Result<(), Error> {
    if passphrase.chars().count() < PASSPHRASE_CHARACTERS {
        return Err(ErrorCode::PassphraseTooShort.into());
    }
    Ok(())
}

fn modules(text: &str) -> Result<Vec<String>, Error> {
    let code = qr::encode(text).map_err(|_| ErrorCode::Internal)?;
    Ok((0..code.side())
        .map(|y| {
            (0..code.side())
                .map(|x| if code.dark(x, y) { '1' } else { '0' })
                .collect()
        })
        .collect())
}

/// A page that needs nothing but a browser and a printer.
fn sheet(key: &str, modules: &[String]) -> Zeroizing<String> {
    let side = modules.len() + 8;
    let mut squares = Zeroizing::new(String::new());
    for (y, row) in modules.iter().enumerate() {
        for (x, _) in row.chars().enumerate().filter(|(_, dark)| *dark == '1') {
            squares.push_str(&format!("M{},{}h1v1h-1z", x + 4, y + 4));
        }
    }
    Zeroizing::new(
        include_str!("recovery_sheet.html")
            .replace("{key}", key)
            .replace("{side}", &side.to_string())
            .replace("{squares}", &squares),
    )
}
