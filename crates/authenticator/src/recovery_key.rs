//! The recovery key: draws one, makes it count, prints its sheet, and recovers the vault with it.

use std::sync::Arc;

use couchkey_qr as qr;
use couchkey_vault::{Found, NewSlot, RecoveryKey, Unlock, VaultId, format};
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode,
    locate::{Place, forget},
    passphrase::slot::guards,
    random::os_random,
    view::{KeyringKind, RecoveryKeyView, Status},
};

/// A recovery key that somebody saw, to be the one that counts.
pub(crate) struct DrawnKey<'a> {
    pub(crate) key: &'a RecoveryKey,
    /// It is written down already.
    pub(crate) saved: bool,
}

impl Authenticator {
    /// Draws a recovery key and shows it. It opens nothing, and an older one stays good, until
    /// [`keep_recovery_key`](Self::keep_recovery_key): a key that nobody saw must never be the one that counts.
    ///
    /// # Errors
    /// None but our own mistakes.
    pub fn draw_recovery_key(&self) -> Result<RecoveryKeyView, Error> {
        let key = RecoveryKey::generate(&mut os_random());
        let text = key.to_text();
        let view = RecoveryKeyView {
            groups: text.split('-').map(str::to_owned).collect(),
            qr: modules(&text)?,
        };
        *self.recovery_key() = Some(key);
        Ok(view)
    }

    /// Whether a new recovery key may be made, for whoever shows it before it counts: it opens the vault without the
    /// passphrase, so it is made by whoever knows today's, where there is one.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`], [`ErrorCode::WrongPassphrase`].
    pub fn may_make_recovery_key(&self, today: Option<&str>) -> Result<(), Error> {
        if !self.asks_passphrase()? {
            return Ok(());
        }
        self.check_passphrase(today.ok_or(ErrorCode::PassphraseNeeded)?)
    }

    /// Makes the key that was drawn the one that counts, in place of an older one. `today` is the passphrase that opens
    /// the vault today, where there is one, because a recovery key opens it without. `saved`: it is written down already.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`], [`ErrorCode::WrongPassphrase`]; [`ErrorCode::PreviewGone`] when none was drawn;
    /// whatever kept the vault from being saved. The drawn key opens nothing then, and the older one still works; it can
    /// be tried again.
    pub fn keep_recovery_key(&self, today: Option<&str>, saved: bool) -> Result<(), Error> {
        self.with_drawn_key(|key| {
            let kept = self.change(|vault, now, rng| {
                self.prove(vault, today)?;
                vault.put_slot(NewSlot::Recovery { key }, now, rng)?;
                let mut settings = vault.settings().clone();
                settings.recovery_made = Some(now.as_secs());
                settings.recovery_saved = saved;
                settings.recovery_proven = None;
                vault.set_settings(settings);
                Ok(())
            });
            kept.or_else(|error| self.counts_after_all(key, error))
        })
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
        self.forget_recovery_key();
        Ok(())
    }

    /// Forgets the key that was drawn. Where it does not count yet, it never will.
    pub fn forget_recovery_key(&self) {
        *self.recovery_key() = None;
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

    /// Opens with the recovery key, and gives this device a key of its own again.
    ///
    /// `passphrase` becomes what opens the vault from now on: where there is no keyring it is needed, and where there is
    /// one it is the app lock. Without it an app lock is gone afterwards, and so is a passphrase from a time without a
    /// keyring: whoever has the recovery key may have come because it is forgotten.
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
        let lock = passphrase
            .map(|text| self.chosen_passphrase(text, guards(kind)))
            .transpose()?;
        self.unlock_by(id, Arc::clone(&keyring), kind, unlock)?;
        let renewed = self.renew_lock(kind, lock.as_ref(), |_| Ok(()));
        if renewed.is_err() {
            self.lock();
        }
        renewed?;
        if kind == KeyringKind::System {
            // It moved: what the folder's own keyring has of it would still open with the passphrase of then.
            let _ = forget(self.parts.file_keyring.as_ref(), id);
        }
        Ok(self.status())
    }

    /// Does something with the key that was drawn. It stays, for its sheet or for another try, unless another one was
    /// drawn or the vault was locked meanwhile.
    pub(crate) fn with_drawn_key<T>(
        &self,
        make: impl FnOnce(&RecoveryKey) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let key = self.recovery_key().take().ok_or(ErrorCode::PreviewGone)?;
        let made = make(&key);
        if self.open_now().is_some() {
            self.recovery_key().get_or_insert(key);
        }
        made
    }

    /// A save may fail after the new key was the one that counts, with what was to come behind it. Then the key is good.
    ///
    /// # Errors
    /// `error`, where the key does not count.
    pub(crate) fn counts_after_all(&self, key: &RecoveryKey, error: Error) -> Result<(), Error> {
        let Ok((id, keyring, _)) = self.opened_from() else {
            return Err(error);
        };
        let found = self.found(|| keyring.get(&format::head_entry(id)).or(Ok(None)))?;
        let counts = [found.file_a, found.file_b].into_iter().any(|file| {
            let one = Found {
                file_a: file,
                ..Default::default()
            };
            couchkey_vault::open(&one, &Unlock::Recovery(key), |_, _| Ok(None)).is_ok()
        });
        if !counts {
            return Err(error);
        }
        // What is left of the older key goes with the next change; try once at once.
        let _ = self.change(|_, _, _| Ok(()));
        self.note_change();
        Ok(())
    }
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
