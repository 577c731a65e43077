//! The server's own records, beside the library's rows: sessions, viewer numbers, API keys, answers to repeat, figures by day.
//! They live in the same store, so every instance sees them. Whatever opens something is kept as its SHA-256 only.
use couchkey_otp::UnixTime;
use couchkey_platform::{PersonId, Platform, StoreError, store::Record};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// The records of a platform's store.
#[derive(Clone)]
pub struct Records {
    platform: Platform,
}

/// Somebody who is signed in, on one device.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    pub person: String,
    pub kind: SessionKind,
    /// "Chromium on Linux", "Television".
    pub device: String,
    /// When it was opened, in seconds since 1970.
    pub created: u64,
}

/// What a session was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// A browser, by its cookie.
    Web,
    /// A television, by its cookie.
    Television,
    /// A device, by an access token (RFC 8628).
    Token,
}

/// How long a session lasts, in seconds: 90 days.
pub const SESSION_SECONDS: u64 = 90 * 86_400;

/// How long an answer can be repeated, in seconds: a day.
const IDEMPOTENCY_SECONDS: u64 = 86_400;

/// How long a request may hold its `Idempotency-Key`, in seconds, should its server die over it.
const IDEMPOTENCY_LEASE: u64 = 60;

/// For how many days figures are kept.
const FIGURES_DAYS: u64 = 400;

const SESSION: &str = "session";
const VIEWER: &str = "viewer";
const NUMBER: &str = "viewer_number";
const API_KEY: &str = "api_key";
const IDEMPOTENCY: &str = "idempotency";
const FIGURES: &str = "figures";

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

#[derive(Serialize, Deserialize)]
struct ApiKey {
    name: String,
    created: u64,
}

impl Records {
    /// The records in this platform's store.
    pub fn new(platform: Platform) -> Records {
        Records { platform }
    }

    /// Whether the store answers.
    pub async fn ready(&self) -> bool {
        self.platform
            .store()
            .get(SESSION, b"", self.now())
            .await
            .is_ok()
    }

    // Sessions. The key is the hash of the person and then that of the secret, so that a person's can be listed.

    /// Opens a session and says what its cookie or token is, which is not kept here.
    pub async fn open_session(
        &self,
        person: &PersonId,
        kind: SessionKind,
        device: &str,
    ) -> Result<String, StoreError> {
        let now = self.now();
        let secret = format!(
            "{}{}",
            hashed(person.as_str())[..32].to_owned(),
            random_text()
        );
        let session = Session {
            person: person.as_str().to_owned(),
            kind,
            device: device.to_owned(),
            created: now.as_secs(),
        };
        let key = session_key(&secret).expect("we made it just now");
        self.put(SESSION, &key, &session, Some(SESSION_SECONDS))
            .await?;
        Ok(secret)
    }

    /// The session that this cookie or token opens, if it still does.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, StoreError> {
        match session_key(secret) {
            Some(key) => self.get(SESSION, &key).await,
            None => Ok(None),
        }
    }

    /// Everything that a person is signed in on, the latest first, each with the id that [`close`](Records::close) takes.
    pub async fn sessions(&self, person: &PersonId) -> Result<Vec<(String, Session)>, StoreError> {
        let mut all = Vec::new();
        for record in self
            .list(SESSION, &hashed(person.as_str()).as_bytes()[..32])
            .await?
        {
            if let Some(session) = read::<Session>(&record.value) {
                all.push((HEXLOWER.encode(&record.key), session));
            }
        }
        all.sort_by_key(|(_, session)| std::cmp::Reverse(session.created));
        Ok(all)
    }

    /// Ends the session that this cookie or token opens.
    pub async fn end(&self, secret: &str) -> Result<(), StoreError> {
        if let Some(key) = session_key(secret) {
            self.platform.store().delete(SESSION, &key).await?;
        }
        Ok(())
    }

    /// Signs one device of a person out.
    pub async fn close(&self, person: &PersonId, id: &str) -> Result<(), StoreError> {
        for (theirs, _) in self.sessions(person).await? {
            if theirs == id {
                let key = HEXLOWER
                    .decode(id.as_bytes())
                    .expect("we wrote it just now");
                self.platform.store().delete(SESSION, &key).await?;
            }
        }
        Ok(())
    }

    /// Signs a person out everywhere, except where `keep` says.
    pub async fn close_all(&self, person: &PersonId, keep: Option<&str>) -> Result<(), StoreError> {
        let keep = keep.and_then(session_key);
        for record in self
            .list(SESSION, &hashed(person.as_str()).as_bytes()[..32])
            .await?
        {
            if Some(&record.key) != keep.as_ref() {
                self.platform.store().delete(SESSION, &record.key).await?;
            }
        }
        Ok(())
    }

    // Viewer numbers: eight digits to type on a television, where nobody wants to type an address.

    /// The person's number, made when there is none.
    pub async fn number_of(&self, person: &PersonId) -> Result<String, StoreError> {
        let key = hashed(person.as_str());
        loop {
            if let Some(number) = self.get::<String>(NUMBER, key.as_bytes()).await? {
                return Ok(number);
            }
            let number = format!("{:08}", rand::random_range(10_000_000..100_000_000));
            // A number that is somebody's already is not given again; and two requests at once make one number.
            if self
                .put_new(VIEWER, number.as_bytes(), &person.as_str())
                .await?
                && !self.put_new(NUMBER, key.as_bytes(), &number).await?
            {
                self.platform
                    .store()
                    .delete(VIEWER, number.as_bytes())
                    .await?;
            }
        }
    }

    /// Whose number it is.
    pub async fn person_of(&self, number: &str) -> Result<Option<PersonId>, StoreError> {
        let person = self.get::<String>(VIEWER, number.as_bytes()).await?;
        Ok(person.and_then(|person| PersonId::new(person).ok()))
    }

    /// Forgets everything that is kept here about a person.
    pub async fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        self.close_all(person, None).await?;
        let key = hashed(person.as_str());
        if let Some(number) = self.get::<String>(NUMBER, key.as_bytes()).await? {
            self.platform
                .store()
                .delete(VIEWER, number.as_bytes())
                .await?;
        }
        self.platform.store().delete(NUMBER, key.as_bytes()).await?;
        Ok(())
    }

    // API keys.

    /// Makes a key for a service and says it, once.
    pub async fn new_api_key(&self, name: &str) -> Result<String, StoreError> {
        let key = format!("{API_KEY_PREFIX}{}", random_text());
        let kept = ApiKey {
            name: name.to_owned(),
            created: self.now().as_secs(),
        };
        self.put(API_KEY, hashed(&key).as_bytes(), &kept, None)
            .await?;
        Ok(key)
    }

    /// The names of all keys, each with the time when it was made, the oldest first.
    pub async fn api_keys(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let records = self.list(API_KEY, b"").await?;
        let mut all: Vec<_> = records
            .iter()
            .filter_map(|record| read::<ApiKey>(&record.value))
            .map(|key| (key.name, key.created))
            .collect();
        all.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
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

    /// Whose key it is. Looked up by its hash, so the time it takes says nothing about any key.
    pub async fn api_key(&self, key: &str) -> Result<Option<String>, StoreError> {
        let kept = self.get::<ApiKey>(API_KEY, hashed(key).as_bytes()).await?;
        Ok(kept.map(|key| key.name))
    }

    // Answers to repeat.

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
        let done = Idempotent {
            request: request.to_owned(),
            answer: Some((status, sealed)),
        };
        self.put(
            IDEMPOTENCY,
            key.as_bytes(),
            &done,
            Some(IDEMPOTENCY_SECONDS),
        )
        .await
    }

    /// Gives the key back: the request was not done, and may be tried again.
    pub async fn give_back(&self, key: &str) -> Result<(), StoreError> {
        self.platform
            .store()
            .delete(IDEMPOTENCY, key.as_bytes())
            .await?;
        Ok(())
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
        Record {
            space: space.to_owned(),
            key: key.to_vec(),
            value: serde_json::to_vec(value).expect("our records are plain JSON"),
            expires_at: seconds.map(|seconds| UnixTime::from_secs(self.now().as_secs() + seconds)),
        }
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

/// How every API key starts, so that one that leaked is found by those who look for such things.
pub const API_KEY_PREFIX: &str = "ckp_";

fn read<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

/// Where a session is kept: 32 characters that stand for the person, then the hash of the whole secret.
fn session_key(secret: &str) -> Option<Vec<u8>> {
    if secret.len() != 32 + 43 || !secret.is_ascii() {
        return None;
    }
    Some([&secret.as_bytes()[..32], hashed(secret).as_bytes()].concat())
}

/// 256 random bits as 43 characters that fit into a cookie, a header and a URL.
pub fn random_text() -> String {
    BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>())
}

/// SHA-256 in hexadecimal. Enough for what is 256 random bits itself; never for a code or an address.
pub fn hashed(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
