//! When the trash is emptied. A clock alone never decides that: see docs/decisions/0200.

use couchkey_otp::UnixTime;

use crate::account::{Place, limits};
use crate::vault::Vault;

const WEEK: u64 = 7 * 24 * 60 * 60;
const YEAR: u64 = 366 * 24 * 60 * 60;

/// What becomes of the trash at some time.
#[derive(PartialEq, Eq)]
struct Plan {
    /// Delete what was over at this time, in seconds since 1970.
    delete: Option<u64>,
    /// What [`Settings::trash_seen_over`](crate::Settings::trash_seen_over) becomes.
    seen: Option<u64>,
}

impl Vault {
    /// Deletes what has been in the trash for more than thirty days, and says how many that were. Nothing is deleted
    /// when that is first seen, only at a look that is a week to a year later, and then only what was over already at
    /// the first one. A clock that is wrong once, forwards or backwards, deletes nothing.
    pub fn purge(&mut self, now: UnixTime) -> usize {
        let plan = self.plan(now.as_secs());
        if plan.seen != self.settings.trash_seen_over {
            self.settings.trash_seen_over = plan.seen;
            self.changed();
        }
        let Some(at) = plan.delete else {
            return 0;
        };
        let before = self.entries.len();
        let mut left = Vec::new();
        self.entries.retain(|entry| {
            let rests = !is_over(&entry.place, at);
            left.extend(entry.bundle.filter(|_| !rests));
            rests
        });
        for bundle in left {
            self.touch(bundle);
        }
        self.list_damaged();
        self.changed();
        before - self.entries.len()
    }

    /// Whether [`purge`](Self::purge) would change anything.
    pub fn wants_purge(&self, now: UnixTime) -> bool {
        let nothing = Plan {
            delete: None,
            seen: self.settings.trash_seen_over,
        };
        self.plan(now.as_secs()) != nothing
    }

    /// Until when what stands there rests at least, as far as can be said now; `None` for what is not in the trash.
    pub fn rests_until(&self, place: &Place, now: UnixTime) -> Option<UnixTime> {
        let until = place
            .trashed?
            .as_secs()
            .saturating_add(limits::TRASH_SECONDS);
        if until > now.as_secs() {
            return Some(UnixTime::from_secs(until));
        }
        let seen = self.plan(now.as_secs()).seen.unwrap_or(now.as_secs());
        Some(UnixTime::from_secs(seen.saturating_add(WEEK)))
    }

    fn plan(&self, now: u64) -> Plan {
        let any_over = |at: u64| self.entries.iter().any(|entry| is_over(&entry.place, at));
        let start_over = Plan {
            delete: None,
            seen: any_over(now).then_some(now),
        };
        let Some(seen) = self.settings.trash_seen_over else {
            return start_over;
        };
        match now.checked_sub(seen) {
            Some(since) if any_over(now) && since < WEEK => Plan {
                delete: None,
                seen: Some(seen),
            },
            Some(WEEK..=YEAR) => Plan {
                delete: any_over(seen).then_some(seen),
                ..start_over
            },
            _ => start_over,
        }
    }
}

/// Whether it has rested for more than thirty days at that time.
fn is_over(place: &Place, at: u64) -> bool {
    let rested = |since: UnixTime| at.saturating_sub(since.as_secs());
    place
        .trashed
        .is_some_and(|since| rested(since) > limits::TRASH_SECONDS)
}
