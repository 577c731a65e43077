//! The server's own records, beside the library's rows: sessions, viewer numbers, API keys, answers to repeat, figures by day.
//! They live in the same store, so every instance sees them. Whatever opens something is kept as its SHA-256 only.
mod api_key;
mod audit;
mod grant;
mod repeat;
mod session;

use couchkey_platform::{Platform, StoreError, UnixTime, store::Record};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

pub use api_key::{FoundKey, Right};
pub use audit::{AUDIT_DAYS, Act, Who};
pub use grant::{Grant, Refreshed};
pub use repeat::{Repeat, answer};
pub use session::{NewSession, SESSION_SECONDS, Session, SessionKind};

/// The records of a platform's store.
#[derive(Clone)]
pub struct Records {
    platform: Platform,
    readiness: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// So seldom it is written down that a session or a key is used, in seconds: a television asks all evening.
const USED_EVERY: u64 = 3_600;

/// For how many days figures are kept.
const FIGURES_DAYS: u64 = 400;

/// How long an answer about readiness is good for, and how long the store may take for it.
const READY_FOR: Duration = Duration::from_secs(1);
const READY_WITHIN: Duration = Duration::from_secs(2);

const READY: &str = "ready";
const FIGURES: &str = "figures";

impl Records {
    /// The records in this platform's store.
    pub fn new(platform: Platform) -> Records {
        Records {
            platform,
            readiness: Arc::default(),
        }
    }

    /// Whether the store can be written and says so within two seconds. Asked as often as anybody likes, it is written once a
    /// second.
    pub async fn ready(&self) -> bool {
        let mut last = self.readiness.lock().await;
        if let Some((since, ready)) = *last
            && since.elapsed() < READY_FOR
        {
            return ready;
        }
        let probe = self.record(READY, b"", &self.now().as_secs(), Some(60));
        let written = tokio::time::timeout(READY_WITHIN, self.platform.store().put(&probe)).await;
        let ready = matches!(written, Ok(Ok(())));
        *last = Some((Instant::now(), ready));
        ready
    }

    // Figures by day, for the operator's page: how many, never who. Every instance writes its own record of a day.

    /// Keeps this instance's figures of a day (days since 1970).
    pub async fn put_figures(
        &self,
        day: u64,
        instance: &str,
        figures: &[(String, u64)],
    ) -> Result<(), StoreError> {
        let key = format!("{day:08}/{instance}");
        self.put(
            FIGURES,
            key.as_bytes(),
            &figures,
            Some(FIGURES_DAYS * 86_400),
        )
        .await
    }

    /// The figures of all instances: (day, name, count), a name once for each instance.
    pub async fn figures(&self) -> Result<Vec<(u64, String, u64)>, StoreError> {
        let mut all = Vec::new();
        for record in self.list(FIGURES, b"").await? {
            let day = std::str::from_utf8(&record.key)
                .ok()
                .and_then(|key| key.split_once('/')?.0.parse().ok());
            if let (Some(day), Some(figures)) = (day, read::<Vec<(String, u64)>>(&record.value)) {
                all.extend(figures.into_iter().map(|(name, count)| (day, name, count)));
            }
        }
        Ok(all)
    }

    // What all of the above is made of.

    fn now(&self) -> UnixTime {
        self.platform.now()
    }

    fn record(
        &self,
        space: &str,
        key: &[u8],
        value: &impl Serialize,
        seconds: Option<u64>,
    ) -> Record {
        record(space, key, value, self.now(), seconds)
    }

    async fn put(
        &self,
        space: &str,
        key: &[u8],
        value: &impl Serialize,
        seconds: Option<u64>,
    ) -> Result<(), StoreError> {
        self.platform
            .store()
            .put(&self.record(space, key, value, seconds))
            .await
    }

    /// Puts another value in place of what was read. False if it was removed or changed in between, and stays so.
    async fn change(&self, there: &Record, value: &impl Serialize) -> Result<bool, StoreError> {
        let new = Record {
            value: serde_json::to_vec(value).expect("our records are plain JSON"),
            ..there.clone()
        };
        self.platform.store().replace(there, &new).await
    }

    /// True if it was not there before.
    async fn put_new(
        &self,
        space: &str,
        key: &[u8],
        value: &impl Serialize,
    ) -> Result<bool, StoreError> {
        let record = self.record(space, key, value, None);
        Ok(self
            .platform
            .store()
            .put_new(&record, self.now())
            .await?
            .is_none())
    }

    async fn get<T: DeserializeOwned>(
        &self,
        space: &str,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        match self.platform.store().get(space, key, self.now()).await? {
            Some(record) => Ok(Some(read(&record.value).ok_or(StoreError::Unreadable)?)),
            None => Ok(None),
        }
    }

    async fn list(&self, space: &str, prefix: &[u8]) -> Result<Vec<Record>, StoreError> {
        self.platform.store().list(space, prefix, self.now()).await
    }
}

fn record(
    space: &str,
    key: &[u8],
    value: &impl Serialize,
    now: UnixTime,
    seconds: Option<u64>,
) -> Record {
    Record {
        space: space.to_owned(),
        key: key.to_vec(),
        value: serde_json::to_vec(value).expect("our records are plain JSON"),
        expires_at: seconds.map(|seconds| UnixTime::from_secs(now.as_secs() + seconds)),
    }
}

fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

/// 256 random bits as 43 characters that fit into a cookie, a header and a URL.
pub fn random_text() -> String {
    BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>())
}

/// SHA-256 in hexadecimal. Enough for what is 256 random bits itself; never for a code or an address.
pub fn hashed(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
