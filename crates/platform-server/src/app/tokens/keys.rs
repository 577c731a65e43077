//! The keys that sign: one a month, made when it is needed first, sealed in the database, and the same for every server.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use couchkey_platform::{Platform, StoreError, UnixTime, store::Record};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};

use super::{ACCESS_SECONDS, signing};

/// How long a key signs, in seconds. It is published for as long before that, so that nobody meets one that they do not know.
const MONTH: u64 = 30 * 86_400;

/// How long a server goes by what it has read.
const MEMORY: Duration = Duration::from_secs(60);

const SPACE: &str = "signing_key";

/// The keys of a platform's store.
pub struct Keys {
    platform: Platform,
    known: Mutex<Option<(Instant, Arc<Vec<Key>>)>>,
}

/// One of them.
pub struct Key {
    /// Which month (of thirty days, from 1970) it signs in.
    month: u64,
    pub signing: EncodingKey,
    pub verifying: DecodingKey,
    pub public: Jwk,
}

impl Key {
    /// Whether it is the one that signs now.
    pub fn signs(&self, now: u64) -> bool {
        self.month == now / MONTH
    }

    fn of(month: u64, pkcs8: &[u8]) -> Option<Key> {
        let signing = EncodingKey::from_ec_der(pkcs8);
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::ES256).ok()?;
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).ok()?);
        Some(Key {
            month,
            verifying: DecodingKey::from_jwk(&public).ok()?,
            signing,
            public,
        })
    }
}

impl Keys {
    /// The keys in this platform's store.
    pub fn new(platform: Platform) -> Keys {
        Keys {
            platform,
            known: Mutex::default(),
        }
    }

    /// All that are published at this time; one of them signs.
    pub async fn at(&self, now: u64) -> Result<Arc<Vec<Key>>, StoreError> {
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, keys)) = &*known
                && since.elapsed() < MEMORY
                && keys.iter().any(|key| key.signs(now))
            {
                return Ok(keys.clone());
            }
        }
        for month in [now / MONTH, now / MONTH + 1] {
            self.make(month, now).await?;
        }
        let store = self.platform.store();
        let there = store.list(SPACE, b"", UnixTime::from_secs(now)).await?;
        let keys: Arc<Vec<Key>> = Arc::new(there.iter().filter_map(|one| self.open(one)).collect());
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    /// Makes the key of a month, unless a server was quicker. One that does not open is from before a key-encryption key went, and
    /// another takes its place.
    async fn make(&self, month: u64, now: u64) -> Result<(), StoreError> {
        let (store, time) = (self.platform.store(), UnixTime::from_secs(now));
        let there = store.get(SPACE, &month.to_be_bytes(), time).await?;
        if there.as_ref().is_some_and(|one| self.open(one).is_some()) {
            return Ok(());
        }
        let new = Record {
            space: SPACE.to_owned(),
            key: month.to_be_bytes().to_vec(),
            value: self.platform.seal(SPACE, &signing::new_key()),
            // What it has signed is checked for a while after that.
            expires_at: Some(UnixTime::from_secs(
                (month + 1) * MONTH + 2 * ACCESS_SECONDS,
            )),
        };
        // Whoever was first, the key is there.
        if let Some(there) = there {
            store.replace(&there, &new).await?;
        } else {
            store.put_new(&new, time).await?;
        }
        Ok(())
    }

    fn open(&self, record: &Record) -> Option<Key> {
        let month = u64::from_be_bytes(record.key.as_slice().try_into().ok()?);
        let pkcs8 = self.platform.open(SPACE, &record.value).ok()?;
        Key::of(month, &pkcs8)
    }
}
