//! After a fail-over that lost commits, or on a backup that was brought back: what had been accepted is not accepted again.
//!
//! The database remembers which history of it is the one that we know: see [`Store::timeline`](crate::Store::timeline). Where it is another one,
//! rows may say less than was answered: a used step may be missing, and a redeemed code may be back. So the codes from messages and the
//! televisions under way end, and everybody's used step is raised past all codes that could have been accepted before.
use std::sync::{Mutex, PoisonError};

use couchkey_otp::verify::{MAX_DRIFT, Memory};
use couchkey_otp::{Period, UnixTime};
use metrics::counter;

use crate::store::Mark;
use crate::{Platform, StoreError};

/// What is known of the database's history.
#[derive(Default)]
pub(crate) struct Known(Mutex<Option<Here>>);

/// Which history a use case runs in.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) timeline: Option<String>,
    /// When it began, if it is not the first one: what was accepted before that may have been forgotten.
    began: Option<UnixTime>,
}

impl Here {
    /// The steps up to this one may have been used, and nobody remembers.
    fn floor(&self, period: Period) -> Option<u64> {
        Some(self.began?.step(period) + u64::from(MAX_DRIFT.unsigned_abs()))
    }

    /// Seconds until codes are looked at again, if an app that is on time can have none that is good.
    pub(crate) fn holds(&self, period: Period, now: UnixTime) -> Option<u64> {
        let until = (self.floor(period)? + 1) * u64::from(period.get());
        let left = until.saturating_sub(now.as_secs());
        (left > 0).then_some(left)
    }

    /// What is remembered of a secret, with the step that is used at the least.
    pub(crate) fn raised(&self, memory: Memory, period: Period) -> Memory {
        Memory {
            last_step: memory.last_step.max(self.floor(period)),
            ..memory
        }
    }
}

impl Platform {
    /// Which history of the database this is. Where it is another one than before, what may be forgotten is made harmless first.
    pub(crate) async fn here(&self, now: UnixTime) -> Result<Here, StoreError> {
        loop {
            let timeline = self.store.timeline();
            if let Some(known) = self.known_timeline()
                && known.timeline == timeline
            {
                return Ok(known);
            }
            let began = match &timeline {
                Some(timeline) => self.begun(timeline, now).await?,
                None => Some(None),
            };
            if let Some(began) = began {
                let here = Here { timeline, began };
                *self.known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(here);
            }
        }
    }

    fn known_timeline(&self) -> Option<Here> {
        let known = self.known.0.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When this history began, as the database says after this; `None` when somebody else is saying it.
    async fn begun(
        &self,
        timeline: &str,
        now: UnixTime,
    ) -> Result<Option<Option<UnixTime>>, StoreError> {
        let first = Mark {
            timeline: timeline.to_owned(),
            began: None,
        };
        let Some(there) = self.store.put_new(&first.record(), now).await? else {
            return Ok(Some(None));
        };
        let mark: Mark = Mark::read(&there)?;
        if mark.timeline == timeline {
            // One that is still to come was written by a clock that was wrong.
            let began = mark.began.map(UnixTime::from_secs);
            return Ok(Some(began.map(|began| began.min(now))));
        }
        let next = Mark {
            began: Some(now.as_secs()),
            ..first
        };
        if !self.store.begin_timeline(&next.record(), &there).await? {
            return Ok(None);
        }
        tracing::warn!(
            "the database has another history than before: a replica took over, or a backup was brought back. Codes and \
             televisions that were under way have ended, and codes from apps are refused until those are over that may \
             have been accepted"
        );
        counter!("database_timelines_total").increment(1);
        Ok(Some(Some(now)))
    }
}
