//! API keys: who may call, and what they may do.
use couchkey_platform::StoreError;
use serde::{Deserialize, Serialize};

use super::{Records, USED_EVERY, hashed, random_text, read};

const API_KEY: &str = "api_key";

/// How every API key starts, so that one that leaked is found by those who look for such things.
pub const API_KEY_PREFIX: &str = "ckp_";

#[derive(Serialize, Deserialize)]
struct ApiKey {
    name: String,
    created: u64,
    /// Keys of before there were rights may do everything.
    #[serde(default)]
    may: Option<Vec<Right>>,
    /// When it was used last, as far as it was written down.
    #[serde(default)]
    used: Option<u64>,
}

/// A key that was found.
#[derive(Clone, Debug)]
pub struct FoundKey {
    pub name: String,
    pub rights: Rights,
}

/// What is known of a key; all times in seconds since 1970.
pub struct ListedKey {
    pub name: String,
    pub created: u64,
    /// To the hour.
    pub used: Option<u64>,
    /// When it ends by itself.
    pub ends: Option<u64>,
    pub rights: Rights,
}

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Sign people in: enrol, verify, send codes, confirm televisions
    Signin,
    /// Change whose account it is: rotate, add addresses, delete people
    Manage,
    /// Read the figures: /metrics and /operator
    Figures,
}

impl Right {
    /// The word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Right::Signin => "signin",
            Right::Manage => "manage",
            Right::Figures => "figures",
        }
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a key may do.
#[derive(Clone, Debug)]
pub struct Rights(Option<Vec<Right>>);

impl Rights {
    /// Whether this is one of them.
    pub fn have(&self, right: Right) -> bool {
        self.0.as_ref().is_none_or(|all| all.contains(&right))
    }
}

impl std::fmt::Display for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            None => f.write_str("everything"),
            Some(all) => {
                let words: Vec<&str> = all.iter().map(|right| right.word()).collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}

impl Records {
    /// Makes a key with these rights for a service and says it, once. It ends after so many days, or never.
    pub async fn new_api_key(
        &self,
        name: &str,
        may: &[Right],
        days: Option<u32>,
    ) -> Result<String, StoreError> {
        let key = format!("{API_KEY_PREFIX}{}", random_text());
        let kept = ApiKey {
            name: name.to_owned(),
            created: self.now().as_secs(),
            may: Some(may.to_vec()),
            used: None,
        };
        let seconds = days.map(|days| u64::from(days) * 86_400);
        self.put(API_KEY, hashed(&key).as_bytes(), &kept, seconds)
            .await?;
        Ok(key)
    }

    /// All keys, the oldest first.
    pub async fn api_keys(&self) -> Result<Vec<ListedKey>, StoreError> {
        let records = self.list(API_KEY, b"").await?;
        let mut all: Vec<_> = records
            .iter()
            .filter_map(|record| {
                let key = read::<ApiKey>(&record.value)?;
                Some(ListedKey {
                    name: key.name,
                    created: key.created,
                    used: key.used,
                    ends: record.expires_at.map(couchkey_platform::UnixTime::as_secs),
                    rights: Rights(key.may),
                })
            })
            .collect();
        all.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        Ok(all)
    }

    /// Ends every key of that name; says how many there were.
    pub async fn revoke_api_keys(&self, name: &str) -> Result<usize, StoreError> {
        let mut ended = 0;
        for record in self.list(API_KEY, b"").await? {
            if read::<ApiKey>(&record.value).is_some_and(|key| key.name == name)
                && self.platform.store().delete(API_KEY, &record.key).await?
            {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// What a key may do, if it is one. Looked up by its hash, so the time it takes says nothing about any key.
    pub async fn api_key(&self, key: &str) -> Result<Option<FoundKey>, StoreError> {
        let key = hashed(key);
        let store = self.platform.store();
        let Some(there) = store.get(API_KEY, key.as_bytes(), self.now()).await? else {
            return Ok(None);
        };
        let mut kept: ApiKey = read(&there.value).ok_or(StoreError::Unreadable)?;
        let now = self.now().as_secs();
        if kept.used.is_none_or(|used| now >= used + USED_EVERY) {
            kept.used = Some(now);
            // One that was revoked in between stays so; and nobody is kept out because this was not written.
            if let Err(error) = self.change(&there, &kept).await {
                tracing::warn!(%error, "when an API key was used was not written down");
            }
        }
        Ok(Some(FoundKey {
            name: kept.name,
            rights: Rights(kept.may),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use couchkey_platform::{KeyRing, Platform, Settings, store::MemoryStore, testing::TestClock};

    use super::*;

    #[tokio::test]
    async fn a_key_ends_by_itself_and_says_when_it_was_used() {
        let clock = Arc::new(TestClock::at(1_800_000_000));
        let (store, ring) = (Arc::new(MemoryStore::new()), KeyRing::generate());
        let settings = Settings::new("TV", "https://tv.example/link");
        let platform = Platform::start(store, clock.clone(), ring, settings);
        let records = Records::new(platform.await.expect("memory does not fail"));
        let made = records
            .new_api_key("billing", &[Right::Signin], Some(30))
            .await;
        let key = made.expect("memory does not fail");
        let forever = records.new_api_key("old", &[Right::Manage], None).await;
        let forever = forever.expect("memory does not fail");
        let listed = async || {
            let mut all = records.api_keys().await.expect("memory does not fail");
            all.remove(0)
        };
        let found = async |key: &str| {
            let found = records.api_key(key).await.expect("memory does not fail");
            found.is_some_and(|found| !found.rights.have(Right::Figures))
        };
        let first = listed().await;
        assert_eq!((first.name.as_str(), first.used), ("billing", None));
        assert_eq!(first.ends, Some(1_800_000_000 + 30 * 86_400));

        assert!(found(&key).await);
        clock.advance(3_599);
        assert!(found(&key).await);
        assert_eq!(listed().await.used, Some(1_800_000_000), "once an hour");
        clock.advance(1);
        assert!(found(&key).await);
        assert_eq!(listed().await.used, Some(1_800_003_600));
        assert_eq!(
            listed().await.ends,
            first.ends,
            "using it makes it no longer"
        );

        clock.advance(30 * 86_400 - 3_600);
        assert!(!found(&key).await, "its days are over");
        assert!(found(&forever).await);
        assert_eq!(
            records
                .revoke_api_keys("old")
                .await
                .expect("memory does not fail"),
            1
        );
        assert!(!found(&forever).await);
    }
}
