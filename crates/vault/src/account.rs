//! Accounts, where they stand in the list, and the limits that let every account fit into one keyring entry.

use couchkey_otp::{Algorithm, BadName, Digits, Enrolment, Kind, Secret, UnixTime, is_bidi_mark};
use thiserror::Error;

use crate::id::AccountId;
use crate::passphrase::SlotError;
use crate::same::Makes;

/// One account: everything about it but its place in the list. No `Debug` and no `Clone`: it holds the secret.
pub struct Account {
    /// Which account this is.
    pub id: AccountId,
    /// How often it was changed and saved: 1 when new, one more with each change.
    pub rev: u64,
    /// What the codes move with.
    pub kind: Kind,
    /// The shared secret.
    pub secret: Secret,
    /// The HMAC.
    pub algorithm: Algorithm,
    /// How many digits.
    pub digits: Digits,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Whose account it is.
    pub account: String,
    /// What the person wrote about it.
    pub note: String,
    /// When it was added to this vault.
    pub added: UnixTime,
}

impl Account {
    /// Whether it makes the same codes under the same names with the same note, whatever its id, its rev and its
    /// counter are. Secrets are compared in constant time.
    pub(crate) fn says_the_same_as(&self, other: &Account) -> bool {
        Makes::from(self).same(other.into())
            && self.issuer == other.issuer
            && self.account == other.account
            && self.note == other.note
    }
}

/// Where an account stands in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Place {
    /// Whose place this is.
    pub id: AccountId,
    /// The account's `rev`; known even when the account itself is damaged.
    pub rev: u64,
    /// Whether it is shown before the others.
    pub pinned: bool,
    /// The groups it is in, in the person's order.
    pub groups: Vec<String>,
    /// When it was removed, if it rests in the trash.
    pub trashed: Option<UnixTime>,
    /// It was in one of two copies of the vault only when they were put together: perhaps it was removed in the other
    /// one, perhaps it was added here. It stays so until somebody has [looked](crate::Vault::seen).
    pub came_back: bool,
}

/// An account whose sealed bytes cannot be opened. They are kept, and written back at every save.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Damaged {
    /// Which account.
    pub id: AccountId,
    /// When it was removed, if it rests in the trash.
    pub trashed: Option<UnixTime>,
}

/// What to change about an account; `None` leaves a thing as it is.
#[derive(Default)]
pub struct Edit {
    /// A new issuer; `Some(None)` takes it away.
    pub issuer: Option<Option<String>>,
    /// A new account name.
    pub account: Option<String>,
    /// A new note.
    pub note: Option<String>,
    /// Whether it is shown before the others.
    pub pinned: Option<bool>,
    /// The groups it is in from now on.
    pub groups: Option<Vec<String>>,
}

/// The limits of a vault. Together they make sure that every account fits into one entry of every keyring; Windows
/// caps them at 2,560 bytes.
pub mod limits {
    /// Accounts in a vault, those in the trash included.
    pub const ACCOUNTS: usize = 10_000;
    /// Bytes of UTF-8 in an issuer.
    pub const ISSUER_BYTES: usize = 256;
    /// Bytes of UTF-8 in an account name.
    pub const ACCOUNT_BYTES: usize = 256;
    /// Bytes of UTF-8 in a note.
    pub const NOTE_BYTES: usize = 600;
    /// Groups that one account is in.
    pub const GROUPS: usize = 8;
    /// Bytes of UTF-8 in a group's name.
    pub const GROUP_BYTES: usize = 64;
    /// How long removed accounts rest in the trash, in seconds: thirty days.
    pub const TRASH_SECONDS: u64 = 30 * 24 * 60 * 60;
}

/// Why a change was not made. The vault is as it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// No account has this id, or it is damaged and has nothing to change.
    #[error("there is no such account")]
    NoSuchAccount,
    /// The vault is full.
    #[error("a vault holds at most {max} accounts")]
    TooManyAccounts {
        /// [`limits::ACCOUNTS`].
        max: usize,
    },
    /// Neither issuer nor account name would be left, and nobody would find the account again.
    #[error("an account needs an issuer or an account name")]
    NoName,
    /// A text is longer than its limit.
    #[error("the {what} has {bytes} bytes, at most {max} are kept")]
    TooLong {
        /// `"issuer"`, `"account name"`, `"note"` or `"group"`.
        what: &'static str,
        /// How long it is, in bytes of UTF-8.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// The account would be in more groups than [`limits::GROUPS`].
    #[error("an account is in at most {max} groups")]
    TooManyGroups {
        /// [`limits::GROUPS`].
        max: usize,
    },
    /// A name has a control character in it.
    #[error("the {what} has a control character in it")]
    ControlCharacter {
        /// `"issuer"`, `"account name"`, `"note"` or `"group"`.
        what: &'static str,
    },
    /// A name has a set-up link in it, and so a secret, which would be shown.
    #[error("the {what} has a set-up link in it")]
    LinkInName {
        /// `"issuer"`, `"account name"` or `"group"`.
        what: &'static str,
    },
    /// The account's codes move with the time: there is no counter.
    #[error("this account has no counter")]
    NoCounter,
    /// The counter has reached its end; the service has to issue a new secret.
    #[error("the counter of this account is used up")]
    CounterUsedUp,
    /// The last slot cannot go: nobody could open the vault again.
    #[error("this is the only way to open the vault")]
    LastSlot,
    /// No slot of this kind is there.
    #[error("the vault has no such slot")]
    NoSuchSlot,
    /// The slot cannot be made.
    #[error(transparent)]
    Slot(#[from] SlotError),
}

/// A name that a person typed, as it is kept: [`couchkey_otp::clean_name`], and not longer than `max` bytes.
pub(crate) fn clean_name(
    what: &'static str,
    name: &str,
    max: usize,
) -> Result<String, ChangeError> {
    within(what, cleaned(what, name)?, max)
}

/// Issuer and account name of an account that is added, as they are kept: cleaned like every name, and cut at a
/// character to what fits. There, a wrong guess only changes the looks, and an account must not be lost over the length
/// of its name.
pub(crate) fn kept_names(enrolment: &Enrolment) -> Result<(Option<String>, String), ChangeError> {
    let issuer = enrolment.issuer.as_deref().unwrap_or_default();
    let issuer = cut(cleaned("issuer", issuer)?, limits::ISSUER_BYTES);
    let account = cleaned("account name", &enrolment.account)?;
    Ok((
        Some(issuer).filter(|issuer| !issuer.is_empty()),
        cut(account, limits::ACCOUNT_BYTES),
    ))
}

fn cleaned(what: &'static str, name: &str) -> Result<String, ChangeError> {
    match couchkey_otp::clean_name(name) {
        Ok((name, _)) => Ok(name),
        Err(BadName::Link) => Err(ChangeError::LinkInName { what }),
        Err(_) => Err(ChangeError::ControlCharacter { what }),
    }
}

/// A note as it is kept: lines and tabs are welcome, other control characters are not, and what turns writing around is
/// taken out as it is from names.
pub(crate) fn clean_note(note: String) -> Result<String, ChangeError> {
    let what = "note";
    if note
        .chars()
        .any(|character| character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
    {
        return Err(ChangeError::ControlCharacter { what });
    }
    let note = note.chars().filter(|c| !is_bidi_mark(*c)).collect();
    within(what, note, limits::NOTE_BYTES)
}

/// The groups as they are kept: cleaned like names, none empty, none twice.
pub(crate) fn clean_groups(groups: Vec<String>) -> Result<Vec<String>, ChangeError> {
    let mut kept: Vec<String> = Vec::new();
    for group in groups {
        let group = clean_name("group", &group, limits::GROUP_BYTES)?;
        if !group.is_empty() && !kept.contains(&group) {
            kept.push(group);
        }
    }
    if kept.len() > limits::GROUPS {
        let max = limits::GROUPS;
        return Err(ChangeError::TooManyGroups { max });
    }
    Ok(kept)
}

/// Cut at a character to what fits.
pub(crate) fn cut(mut name: String, max: usize) -> String {
    while name.len() > max {
        name.pop();
    }
    name
}

fn within(what: &'static str, text: String, max: usize) -> Result<String, ChangeError> {
    let bytes = text.len();
    if bytes > max {
        return Err(ChangeError::TooLong { what, bytes, max });
    }
    Ok(text)
}
