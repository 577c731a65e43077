//! When the trash is emptied. A clock alone never decides that: see docs/decisions/0200 and 0222.

use couchkey_otp::UnixTime;

use crate::account::{Place, limits};
use crate::vault::Vault;

const DAY: u64 = 24 * 60 * 60;
const YEAR: u64 = 366 * DAY;

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
    /// when that is first seen, only at a look that is thirty days to a year later, and then only what was over already
    /// at the first one. So a clock that jumped once, forwards or backwards, before or after the removal, takes nothing
    /// of the thirty days. `now` is of a clock that may be right: a caller that knows better does not ask.
    pub fn purge(&mut self, now: UnixTime) -> usize {
        self.date_the_trash(now);
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
            let rests = !entry.place.trashed.is_some_and(|since| is_over(since, at));
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
        let mut trashed = self.entries.iter().filter_map(|entry| entry.place.trashed);
        trashed.any(|since| is_of_the_future(since, now)) || self.plan(now.as_secs()) != nothing
    }

    /// Until when what stands there rests at least, as far as can be said now; `None` for what is not in the trash.
    pub fn rests_until(&self, place: &Place, now: UnixTime) -> Option<UnixTime> {
        let since = place.trashed?;
        let since = if is_of_the_future(since, now) {
            now
        } else {
            since
        };
        let until = since.as_secs().saturating_add(limits::TRASH_SECONDS);
        if until > now.as_secs() {
            return Some(UnixTime::from_secs(until));
        }
        let seen = self.plan(now.as_secs()).seen.unwrap_or(now.as_secs());
        let until = seen.saturating_add(limits::TRASH_SECONDS);
        Some(UnixTime::from_secs(until))
    }

    /// To be told of what comes into the trash with this date. It was not seen there: if by its date it was over at the look
    /// that was noted, that look does not count any more.
    pub(crate) fn comes_into_the_trash(&mut self, dated: UnixTime) {
        let seen = self.settings.trash_seen_over;
        if seen.is_some_and(|at| is_over(dated, at)) {
            self.settings.trash_seen_over = None;
        }
    }

    /// What a clock of the future put into the trash is there since it is first seen there.
    fn date_the_trash(&mut self, now: UnixTime) {
        let mut dated = false;
        for entry in &mut self.entries {
            let since = &mut entry.place.trashed;
            if since.is_some_and(|since| is_of_the_future(since, now)) {
                *since = Some(now);
                dated = true;
            }
        }
        if dated {
            self.list_damaged();
            self.changed();
        }
    }

    fn plan(&self, now: u64) -> Plan {
        let any_over = |at: u64| {
            let mut trashed = self.entries.iter().filter_map(|entry| entry.place.trashed);
            trashed.any(|since| is_over(since, at))
        };
        let start_over = Plan {
            delete: None,
            seen: any_over(now).then_some(now),
        };
        let Some(seen) = self.settings.trash_seen_over else {
            return start_over;
        };
        match now.checked_sub(seen) {
            Some(since) if any_over(now) && since < limits::TRASH_SECONDS => Plan {
                delete: None,
                seen: Some(seen),
            },
            Some(limits::TRASH_SECONDS..=YEAR) => Plan {
                delete: any_over(seen).then_some(seen),
                ..start_over
            },
            _ => start_over,
        }
    }
}

/// Whether what is in the trash since then has rested for more than thirty days at that time.
fn is_over(since: UnixTime, at: u64) -> bool {
    at.saturating_sub(since.as_secs()) > limits::TRASH_SECONDS
}

/// Whether it was put into the trash by a clock that was ahead of the one that says `now`, by more than two clocks of one
/// household differ.
fn is_of_the_future(since: UnixTime, now: UnixTime) -> bool {
    since.as_secs() > now.as_secs().saturating_add(DAY)
}
