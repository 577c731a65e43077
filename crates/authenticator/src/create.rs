//! Creates a vault where there is none, beside one that is elsewhere, or in the place of one that is put aside.

use std::sync::Arc;

use couchkey_otp::UnixTime;
use couchkey_vault::{DeviceKey, NewSlot, Opened, Vault, VaultId};

use crate::{
    Authenticator, Error, ErrorCode, device_key,
    locate::Place,
    passphrase::{Guards, slot::daily_slot},
    ports::{Keyring, KeyringError},
    random::{OsRandom, os_random},
    view::{KeyringKind, Status},
};

/// Beside what a new vault may be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    /// Vaults of the keyring whose folders are gone.
    Elsewhere,
    /// What is here, which is put out of the way, whole.
    WhatIsHere,
}

impl Authenticator {
    /// Makes a vault where there is none, because a person asks for one.
    ///
    /// # Errors
    /// [`ErrorCode::VaultExists`], [`ErrorCode::VaultsElsewhere`]; [`ErrorCode::PassphraseNeeded`] where there is no
    /// keyring.
    pub fn create_vault(&self, passphrase: Option<&str>) -> Result<Status, Error> {
        self.make_vault(passphrase, Beside::Nothing, |id, slot, now, rng| {
            Ok(Vault::create(id, slot, now, rng)?)
        })
    }

    /// The same beside vaults of the keyring whose folders are gone, because the person knows of them.
    ///
    /// # Errors
    /// [`ErrorCode::VaultExists`] where there is one in this place; as [`create_vault`](Self::create_vault).
    pub fn create_another_vault(&self, passphrase: Option<&str>) -> Result<Status, Error> {
        self.make_vault(passphrase, Beside::Elsewhere, |id, slot, now, rng| {
            Ok(Vault::create(id, slot, now, rng)?)
        })
    }

    /// Whether a vault may be made here, for whoever has something to ask before it is.
    ///
    /// # Errors
    /// As [`create_vault`](Self::create_vault), or with `another` as
    /// [`create_another_vault`](Self::create_another_vault).
    pub fn may_create(&self, another: bool) -> Result<(), Error> {
        self.may_make(match another {
            true => Beside::Elsewhere,
            false => Beside::Nothing,
        })
    }

    fn may_make(&self, beside: Beside) -> Result<(), Error> {
        if self.open_now().is_some() && beside != Beside::WhatIsHere {
            return Err(ErrorCode::VaultExists.into());
        }
        match self.look() {
            Ok(Place::Nothing { .. }) => Ok(()),
            Ok(Place::Vault { .. }) if beside == Beside::WhatIsHere => Ok(()),
            Err(error)
                if beside == Beside::WhatIsHere && error.code() == ErrorCode::VaultDamaged =>
            {
                Ok(())
            }
            Ok(Place::Vault { from: Some(_), .. }) | Err(Error::Elsewhere { .. })
                if beside == Beside::Elsewhere =>
            {
                Ok(())
            }
            Ok(Place::Vault {
                from: Some(place), ..
            }) => Err(Error::Elsewhere {
                places: vec![place],
            }),
            Ok(Place::Vault { .. }) => Err(ErrorCode::VaultExists.into()),
            Err(error) => Err(error),
        }
    }

    /// Makes a vault of what `make` gives.
    pub(crate) fn make_vault(
        &self,
        passphrase: Option<&str>,
        beside: Beside,
        make: impl FnOnce(VaultId, NewSlot<'_>, UnixTime, &mut OsRandom) -> Result<Vault, Error>,
    ) -> Result<Status, Error> {
        let guards = match self.system_keyring() {
            Err(KeyringError::Unavailable) => Guards::Alone,
            _ => Guards::WithKeyring,
        };
        let lock = passphrase
            .map(|text| self.chosen_passphrase(text, guards))
            .transpose()?;
        {
            let _one_process = self.parts.file.lock()?;
            self.may_make(beside)?;
            let (keyring, kind) = self.keyring_for_new(passphrase)?;
            let mut rng = os_random();
            let id = VaultId::generate(&mut rng);
            let now = self.now();
            let key = (kind == KeyringKind::System).then(|| DeviceKey::generate(&mut rng));
            let slot = daily_slot(key.as_ref(), lock.as_ref())?;
            self.remember(keyring.as_ref(), id)?;
            if let Some(key) = &key {
                device_key::write(keyring.as_ref(), id, [key])?;
            }
            let mut vault = make(id, slot, now, &mut rng)?;
            if beside == Beside::WhatIsHere {
                self.parts.file.set_aside()?;
            }
            self.write(&mut vault, keyring.as_ref())?;
            self.keep_new(vault, keyring, kind);
        }
        Ok(self.status())
    }

    /// The keyring for a vault that gets a new key here: the system's, or, where there is none, the file.
    pub(crate) fn keyring_for_new(
        &self,
        passphrase: Option<&str>,
    ) -> Result<(Arc<dyn Keyring>, KeyringKind), Error> {
        match self.system_keyring() {
            Ok(keyring) => Ok((keyring, KeyringKind::System)),
            Err(KeyringError::Unavailable) if passphrase.is_some() => {
                Ok((Arc::clone(&self.parts.file_keyring), KeyringKind::File))
            }
            Err(KeyringError::Unavailable) => Err(ErrorCode::PassphraseNeeded.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn keep_new(&self, vault: Vault, keyring: Arc<dyn Keyring>, kind: KeyringKind) {
        self.keep(
            Opened {
                vault,
                notes: Vec::new(),
                needs_save: false,
                complete: true,
            },
            keyring,
            kind,
        );
    }
}
