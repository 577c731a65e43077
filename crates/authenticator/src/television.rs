//! Televisions: how each takes a code, how fast this person is on it, and which account is typed on which.
//!
//! Which code to show for them is [`couchkey_otp::typing`]'s rule; here is what is kept for it.

use couchkey_otp::{
    is_bidi_mark,
    typing::{Keypad, Pace},
};
use couchkey_vault::{Settings, Television as Kept, Vault};

use crate::{Authenticator, Error, codes::parse};

/// The longest name, in characters. A longer one is cut.
const LONGEST_NAME: usize = 40;

/// Of more than these, the one that was not chosen for longest goes.
const MOST: usize = 20;

/// A television, and this person on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Television {
    /// As the person calls it; empty for the one that nobody named.
    pub name: String,
    /// How it takes a code.
    pub keypad: Keypad,
    /// How fast this person is on it.
    pub pace: Pace,
}

impl Authenticator {
    /// Every television, the one that was chosen last first.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`](crate::ErrorCode::VaultLocked).
    pub fn televisions(&self) -> Result<Vec<Television>, Error> {
        self.read(|vault| all(vault.settings()))
    }

    /// The television that this account was last typed on, else the one that was chosen last, else one that nobody knows
    /// anything of.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`](crate::ErrorCode::VaultLocked).
    pub fn television_of(&self, account: &str) -> Result<Television, Error> {
        self.read(|vault| {
            let kept = &vault.settings().televisions;
            let its = kept
                .iter()
                .find(|tv| tv.accounts.iter().any(|id| id == account));
            its.or(kept.first())
                .map_or_else(|| Television::of(&Kept::default()), Television::of)
        })
    }

    /// Keeps a television by its name, and that this account is typed on it.
    ///
    /// # Errors
    /// [`ErrorCode::AccountNotFound`](crate::ErrorCode::AccountNotFound); whatever kept the vault from being saved.
    pub fn keep_television(&self, account: &str, television: &Television) -> Result<(), Error> {
        let id = parse(account)?.to_string();
        self.change(|vault, _, _| {
            let mut settings = vault.settings().clone();
            let kept = &mut settings.televisions;
            let name = clean(&television.name);
            let place = kept.iter().position(|tv| is_called(&tv.name, &name));
            let mut tv = place.map_or_else(Kept::default, |place| kept.remove(place));
            tv.name = name;
            tv.keypad = television.keypad.as_str().to_owned();
            tv.marks = milliseconds(&television.pace);
            for other in kept.iter_mut() {
                other.accounts.retain(|account| *account != id);
            }
            if !tv.accounts.contains(&id) {
                tv.accounts.push(id);
            }
            kept.insert(0, tv);
            kept.truncate(MOST);
            forget_accounts_that_are_gone(vault, &mut settings);
            vault.set_settings(settings);
            Ok(())
        })
    }

    /// Forgets a television and the pace on it; whether there was one of that name.
    ///
    /// # Errors
    /// Whatever kept the vault from being saved.
    pub fn forget_television(&self, name: &str) -> Result<bool, Error> {
        let name = clean(name);
        self.change(|vault, _, _| {
            let mut settings = vault.settings().clone();
            let before = settings.televisions.len();
            settings
                .televisions
                .retain(|tv| !is_called(&tv.name, &name));
            let found = settings.televisions.len() < before;
            vault.set_settings(settings);
            Ok(found)
        })
    }
}

impl Television {
    /// A new one, with the usual keypad; `None` where nothing of the name can be seen.
    pub fn called(name: &str) -> Option<Self> {
        let name = clean(name);
        let kept = Kept {
            name,
            ..Kept::default()
        };
        (!kept.name.is_empty()).then(|| Self::of(&kept))
    }

    /// Whether this is its name, in whatever case.
    pub fn is_called(&self, name: &str) -> bool {
        is_called(&self.name, &clean(name))
    }

    /// A keypad that this version does not know is taken for the usual one.
    fn of(kept: &Kept) -> Self {
        Self {
            name: kept.name.clone(),
            keypad: Keypad::from_word(&kept.keypad).unwrap_or(Keypad::ThreeByFour),
            pace: Pace::from_marks(kept.marks.iter().map(|ms| f64::from(*ms) / 1000.0)),
        }
    }
}

fn all(settings: &Settings) -> Vec<Television> {
    settings.televisions.iter().map(Television::of).collect()
}

fn milliseconds(pace: &Pace) -> Vec<u32> {
    let marks = pace.marks().iter();
    // A mark is between a tenth of a second and ten.
    marks.map(|secs| (secs * 1000.0).round() as u32).collect()
}

fn is_called(name: &str, other: &str) -> bool {
    name.to_lowercase() == other.to_lowercase()
}

fn clean(name: &str) -> String {
    let shown = name
        .chars()
        .filter(|c| !c.is_control() && !is_bidi_mark(*c));
    let shown: String = shown.collect();
    let cut: String = shown.trim().chars().take(LONGEST_NAME).collect();
    cut.trim_end().to_owned()
}

/// Accounts that are in neither the list nor the trash are typed on no television.
fn forget_accounts_that_are_gone(vault: &Vault, settings: &mut Settings) {
    let here: Vec<String> = vault
        .accounts()
        .chain(vault.trash())
        .map(|(place, _)| place.id.to_string())
        .collect();
    for tv in &mut settings.televisions {
        tv.accounts.retain(|account| here.contains(account));
    }
}
