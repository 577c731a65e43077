//! The one place that makes slots of passphrases, so that every new one is hard to guess and costs what this machine can pay.

use couchkey_vault::{Argon2Cost, DeviceKey, NewSlot};

use super::{Guards, check};
use crate::{Authenticator, Error, ErrorCode, ErrorReport, view::KeyringKind};

/// Why a new passphrase is not taken, for whoever can ask for another at once.
#[must_use]
pub fn weakness(text: &str, guards: Guards) -> Option<ErrorReport> {
    check(text, guards)
        .err()
        .map(|weak| Error::from(weak).report())
}

/// A passphrase that may get a slot, and what a guess at it is to cost. No slot of a passphrase is made of anything else.
pub(crate) struct Passphrase<'a> {
    text: &'a str,
    cost: Argon2Cost,
}

impl<'a> Passphrase<'a> {
    /// One that a person chose for backups. Its cost is not what this computer can pay: a backup may have to open on a
    /// phone.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(crate) fn for_backups(text: &'a str) -> Result<Self, Error> {
        check(text, Guards::Alone)?;
        Ok(Self::of_a_backup(text))
    }

    /// One that has opened a backup, whatever it is like.
    pub(crate) fn of_a_backup(text: &'a str) -> Self {
        Self {
            text,
            cost: Argon2Cost::default(),
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn cost(&self) -> Argon2Cost {
        self.cost
    }
}

impl Authenticator {
    /// A passphrase that a person chose for this device.
    ///
    /// # Errors
    /// Why it is not taken.
    pub(crate) fn chosen_passphrase<'a>(
        &self,
        text: &'a str,
        guards: Guards,
    ) -> Result<Passphrase<'a>, Error> {
        check(text, guards)?;
        Ok(self.todays_passphrase(text))
    }

    /// The passphrase that opens the vault today, whatever it is like, for a slot of its own again.
    pub(crate) fn todays_passphrase<'a>(&self, text: &'a str) -> Passphrase<'a> {
        Passphrase {
            text,
            cost: (self.parts.passphrase_cost)(),
        }
    }
}

/// What opens a vault day to day: the key in the keyring, a passphrase, or both.
///
/// # Errors
/// [`ErrorCode::PassphraseNeeded`] for neither.
pub(crate) fn daily_slot<'a>(
    key: Option<&'a DeviceKey>,
    passphrase: Option<&Passphrase<'a>>,
) -> Result<NewSlot<'a>, Error> {
    match (key, passphrase) {
        (Some(key), None) => Ok(NewSlot::Device { key }),
        (Some(key), Some(&Passphrase { text, cost })) => Ok(NewSlot::Strong {
            passphrase: text,
            key,
            cost,
        }),
        (None, Some(&Passphrase { text, cost })) => Ok(NewSlot::Passphrase {
            passphrase: text,
            cost,
        }),
        (None, None) => Err(ErrorCode::PassphraseNeeded.into()),
    }
}

/// What a passphrase guards with such a keyring.
pub(crate) fn guards(kind: KeyringKind) -> Guards {
    match kind {
        KeyringKind::System => Guards::WithKeyring,
        KeyringKind::File | KeyringKind::Missing => Guards::Alone,
    }
}
