//! Answers that are given again to the same `Idempotency-Key`.
use couchkey_platform::{StoreError, UnixTime, store::Record};
use serde::{Deserialize, Serialize};

use super::{Records, read, record};

const IDEMPOTENCY: &str = "idempotency";

/// How long an answer can be repeated, in seconds: a day. One that lets somebody in is repeated for as long as its code lives.
const IDEMPOTENCY_SECONDS: u64 = 86_400;

/// How long a request may hold its `Idempotency-Key`, in seconds, should its server die over it: longer than the database may
/// take for its statements, and short enough for a code to be still good when its request comes again.
const IDEMPOTENCY_LEASE: u64 = 15;

/// What is known of an `Idempotency-Key`.
pub enum Repeat {
    /// It is new, and this request now holds it.
    New,
    /// The first request with it is not done.
    Busy,
    /// It was used with another request.
    Other,
    /// The answer of the first request: its status, and its sealed body.
    Answer { status: u16, sealed: String },
}

#[derive(Serialize, Deserialize)]
struct Idempotent {
    request: String,
    answer: Option<(u16, String)>,
}

impl Records {
    /// Takes an `Idempotency-Key` for this request, or says what became of the first one. Both are hashes.
    pub async fn take_key(&self, key: &str, request: &str) -> Result<Repeat, StoreError> {
        let fresh = Idempotent {
            request: request.to_owned(),
            answer: None,
        };
        let record = self.record(IDEMPOTENCY, key.as_bytes(), &fresh, Some(IDEMPOTENCY_LEASE));
        let Some(there) = self.platform.store().put_new(&record, self.now()).await? else {
            return Ok(Repeat::New);
        };
        let there: Idempotent = read(&there.value).ok_or(StoreError::Unreadable)?;
        Ok(match there.answer {
            _ if there.request != request => Repeat::Other,
            Some((status, sealed)) => Repeat::Answer { status, sealed },
            None => Repeat::Busy,
        })
    }

    /// Keeps the answer that goes with the key.
    pub async fn keep_answer(
        &self,
        key: &str,
        request: &str,
        status: u16,
        sealed: String,
    ) -> Result<(), StoreError> {
        let answer = answer(
            key,
            request,
            status,
            sealed,
            self.now(),
            IDEMPOTENCY_SECONDS,
        );
        self.platform.store().put(&answer).await
    }

    /// Gives the key back: the request was not done, and may be tried again. An answer that was kept all the same, by a
    /// transaction whose end was not heard of, stays.
    pub async fn give_back(&self, key: &str) -> Result<(), StoreError> {
        let store = self.platform.store();
        let there = store.get(IDEMPOTENCY, key.as_bytes(), self.now()).await?;
        let held = there.filter(|there| {
            read::<Idempotent>(&there.value).is_some_and(|held| held.answer.is_none())
        });
        if let Some(held) = held {
            let ended = Record {
                expires_at: Some(UnixTime::from_secs(0)),
                ..held.clone()
            };
            // If it is another one by now, that is the answer.
            store.replace(&held, &ended).await?;
        }
        Ok(())
    }
}

/// The record of an answer, for these seconds.
pub fn answer(
    key: &str,
    request: &str,
    status: u16,
    sealed: String,
    now: UnixTime,
    seconds: u64,
) -> Record {
    let done = Idempotent {
        request: request.to_owned(),
        answer: Some((status, sealed)),
    };
    record(IDEMPOTENCY, key.as_bytes(), &done, now, Some(seconds))
}
