//! The backups that are kept in a folder: which of them open, which is the newest, and which may go (retention).
//!
//! The generation in a backup's header orders them, never a clock; and only one that opened, from the disk and just now,
//! takes the place of another: docs/decisions/0220 and 0221.

use std::collections::HashSet;

use couchkey_otp::UnixTime;
use couchkey_vault::{AccountId, SlotKind, backup::BackupInfo};

use crate::{
    authenticator::MADE_AFTER,
    view::{BackupDate, BackupRow, BackupState, seconds},
};

/// A file of the folder whose name says that it is a backup of the vault.
pub(super) struct Kept {
    pub name: String,
    /// What its header says; `None` where not even that can be read.
    pub info: Option<BackupInfo>,
    pub worth: Worth,
    /// When it was made: as the header says, and else as the name does.
    pub made: UnixTime,
}

/// What a file turned out to be.
#[derive(PartialEq, Eq)]
pub(super) enum Worth {
    /// It is as it was written, and its list opened under the vault's key; the accounts that did not open are those that
    /// were damaged in the vault already.
    Opens { damaged: Vec<AccountId> },
    /// It is as it was written, and sealed under a key that the vault had before, or under another computer's.
    OtherKey,
    /// It is as it was written; the vault is locked, and nobody can try.
    Untried,
    /// A newer Couchkey made it.
    Newer,
    /// It is cut off or spoilt, or the disk does not give it back.
    Damaged,
}

impl Kept {
    /// The slot of the recovery key that it opens with.
    fn recovery(&self) -> Option<[u8; 16]> {
        let info = self.info.as_ref()?;
        info.slot(SlotKind::Recovery).map(|slot| slot.id)
    }

    pub fn generation(&self) -> u64 {
        self.info.as_ref().map_or(0, |info| info.generation)
    }

    /// Whether its header can be believed: then its generation says how new it is.
    pub(super) fn is_ordered(&self) -> bool {
        !matches!(self.worth, Worth::Damaged | Worth::Newer)
    }

    /// Whether it opened, with every account in it.
    pub fn is_good(&self) -> bool {
        matches!(&self.worth, Worth::Opens { damaged } if damaged.is_empty())
    }

    /// Whether it opened, even if some accounts in it were damaged in the vault already.
    pub fn opens(&self) -> bool {
        matches!(self.worth, Worth::Opens { .. })
    }

    /// Whether it opens with this recovery key, or with none where there is none; not known of what cannot be read.
    pub fn opens_with(&self, recovery: Option<[u8; 16]>) -> Option<bool> {
        self.info.as_ref()?;
        Some(self.recovery() == recovery)
    }

    /// Whether everything that can be got out of `older` can be got out of this one.
    fn has_all_of(&self, older: &Kept) -> bool {
        match (&self.worth, &older.worth) {
            (Worth::Opens { damaged }, Worth::Opens { damaged: theirs }) => {
                damaged.iter().all(|id| theirs.contains(id))
            }
            (Worth::Opens { damaged }, Worth::OtherKey) => damaged.is_empty(),
            _ => false,
        }
    }

    fn dated(&self, now: UnixTime) -> BackupDate {
        if self.made.as_secs() > now.as_secs().saturating_add(DAY) {
            BackupDate::Future
        } else if self.made.as_secs() < MADE_AFTER {
            BackupDate::Past
        } else {
            BackupDate::Plausible
        }
    }

    pub fn row(&self, recovery: Option<[u8; 16]>, now: UnixTime) -> BackupRow {
        let dated = self.dated(now);
        let days = now.as_secs().saturating_sub(self.made.as_secs()) / DAY;
        BackupRow {
            name: self.name.clone(),
            made_at: seconds(self.made),
            days_old: (dated == BackupDate::Plausible)
                .then(|| u32::try_from(days).unwrap_or(u32::MAX)),
            dated,
            state: match &self.worth {
                Worth::Opens { damaged } if damaged.is_empty() => BackupState::Good,
                Worth::Opens { .. } => BackupState::InPart,
                Worth::OtherKey => BackupState::OtherKey,
                Worth::Untried => BackupState::Untried,
                Worth::Newer => BackupState::Newer,
                Worth::Damaged => BackupState::Damaged,
            },
            current_key: self.opens_with(recovery).unwrap_or(false),
        }
    }
}

/// Those that may go now that `written` is there: of ten minutes all but the last, and what is older than ten of those that
/// were made within a year after it. Never `written`, and never what has something that those which take its place have not.
///
/// `kept` is in its order. Unless the person has said that today's recovery key is written down (`key_is_saved`), only
/// what opens with the same key takes another one's place: the older sheet may be the only one that there is.
pub(super) fn superseded<'a>(
    kept: &'a [Kept],
    written: &str,
    key_is_saved: bool,
    now: UnixTime,
) -> Vec<&'a str> {
    let span = |one: &Kept| one.made.as_secs() / SPAN_SECONDS;
    let may_go = |(at, old): &(usize, &Kept)| {
        let dated = old.dated(now);
        // What a wrong clock dated pushes out only what was dated like it. A clock that is ahead just now shows by the years
        // that seem to have passed since what is older.
        let counts = |new: &&Kept| {
            new.has_all_of(old)
                && (key_is_saved || new.recovery() == old.recovery())
                && [BackupDate::Plausible, dated].contains(&new.dated(now))
                && new.made.as_secs() <= old.made.as_secs().saturating_add(YEAR)
        };
        let newer: Vec<&Kept> = kept[..*at].iter().filter(counts).collect();
        let same = |new: &&Kept| old.opens() && new.dated(now) == dated && span(new) == span(old);
        let spans: HashSet<u64> = newer.iter().map(|new| span(new)).collect();
        old.name != written && (newer.iter().any(same) || spans.len() >= KEPT)
    };
    let going = kept.iter().enumerate().filter(may_go);
    going.map(|(_, old)| old.name.as_str()).collect()
}

/// Those that open with an older recovery key and are not needed: something newer opened that opens with today's and has
/// everything that they have. `None` where nothing does.
pub(super) fn opened_by_older_keys(kept: &[Kept], recovery: Option<[u8; 16]>) -> Option<Vec<&str>> {
    let today = |kept: &&Kept| kept.opens() && kept.opens_with(recovery) == Some(true);
    kept.iter().find(today)?;
    let old = kept.iter().enumerate();
    let old = old.filter(|(_, old)| old.opens_with(recovery) == Some(false));
    let old = old.filter(|(at, old)| match old.worth {
        // Nobody can tell how new it was; what is left of it is what the older key opens.
        Worth::Damaged => kept.iter().filter(today).any(Kept::is_good),
        _ => kept[..*at]
            .iter()
            .filter(today)
            .any(|new| new.has_all_of(old)),
    });
    Some(old.map(|(_, old)| old.name.as_str()).collect())
}

/// So many backups of a vault are kept in a folder.
const KEPT: usize = 10;

/// Of the backups that were made within one such span of time only the last is kept, so that a busy evening does not
/// push last week's out.
const SPAN_SECONDS: u64 = 10 * 60;

const YEAR: u64 = 366 * DAY;

const DAY: u64 = 24 * 60 * 60;
