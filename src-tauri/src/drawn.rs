//! The recovery key that is on the screen: drawn, shown, and the one that counts only when somebody has it.
//!
//! What it is for and the passphrase that goes with it wait here meanwhile, so that the page keeps no passphrase.

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode,
    view::{RecoveryKeyView, Rotated},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::shell::{Reply, Shell, held};

/// What a recovery key is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum KeyFor {
    /// A new sheet.
    Sheet,
    /// New keys for everything, because somebody saw the old sheet.
    NewKeys,
    /// The app lock, which gives the vault new keys, too.
    Lock,
}

/// A key that waits until somebody has it.
pub struct Drawn {
    what: KeyFor,
    passphrase: Option<Zeroizing<String>>,
}

impl Drawn {
    fn passphrase(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|text| text.as_str())
    }

    fn keep(&self, a: &Authenticator, saved: bool) -> Result<Option<Rotated>, Error> {
        match (self.what, self.passphrase()) {
            (KeyFor::Sheet, today) => a.keep_recovery_key(today, saved).map(|()| None),
            (KeyFor::NewKeys, today) => a.rotate_to_drawn_key(today, saved).map(Some),
            (KeyFor::Lock, Some(new)) => a
                .turn_lock_on_with_drawn_key(new, saved)
                .map(|changed| Some(changed.new_keys)),
            (KeyFor::Lock, None) => Err(ErrorCode::PassphraseNeeded.into()),
        }
    }
}

impl Shell {
    /// Draws a recovery key to be shown. Nothing is changed by it. `passphrase` is today's, where there is one; for the
    /// lock, the one that it gets.
    ///
    /// # Errors
    /// What would keep it from counting later, as far as the passphrase goes: nobody is to write down a key in vain.
    pub fn draw_recovery_key(
        &self,
        what: KeyFor,
        passphrase: Option<Zeroizing<String>>,
    ) -> Reply<RecoveryKeyView> {
        let drawn = Drawn { what, passphrase };
        let view = self.ask(|a| {
            match what {
                KeyFor::Sheet | KeyFor::NewKeys => a.may_make_recovery_key(drawn.passphrase())?,
                KeyFor::Lock => {
                    a.may_turn_lock_on(drawn.passphrase().ok_or(ErrorCode::PassphraseNeeded)?)?;
                }
            }
            a.draw_recovery_key()
        })?;
        *held(&self.drawn) = Some(drawn);
        Ok(view)
    }

    /// Makes the key that is shown the one that counts, and answers what new keys left behind, where it came with some.
    /// `saved`: somebody has it, on paper or as a sheet.
    ///
    /// # Errors
    /// The authenticator's; the key of before stays good then, and the shown one can be kept at another try.
    pub fn keep_recovery_key(&self, saved: bool) -> Reply<Option<Rotated>> {
        let drawn = held(&self.drawn).take().ok_or(ErrorCode::PreviewGone)?;
        let kept = self.ask(|a| drawn.keep(a, saved));
        if kept.is_err() && self.is_open() {
            held(&self.drawn).get_or_insert(drawn);
        }
        kept
    }

    /// The screen that shows it is left: a key that nobody said they have never counts.
    pub fn forget_recovery_key(&self) {
        *held(&self.drawn) = None;
        self.authenticator().forget_recovery_key();
    }
}
