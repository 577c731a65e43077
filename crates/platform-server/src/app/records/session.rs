//! Who is signed in where, and the viewer numbers by which people are known on a television.
use couchkey_platform::{PersonId, StoreError, UnixTime, store::Record};
use serde::{Deserialize, Serialize};

use super::{Grant, Records, USED_EVERY, hashed, random_text, read, record};

pub(super) const SESSION: &str = "session";
const VIEWER: &str = "viewer";
const NUMBER: &str = "viewer_number";

/// Somebody who is signed in, on one device.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    pub person: String,
    pub kind: SessionKind,
    /// "Chromium on Linux", "Television".
    pub device: String,
    /// When it was opened, with a code, in seconds since 1970.
    pub created: u64,
    /// When it was used last, as far as it was written down: once an hour.
    #[serde(default)]
    used: Option<u64>,
    /// What its app was granted, where it is a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
}

impl Session {
    /// When it was used last, to the hour, in seconds since 1970.
    pub fn last_used(&self) -> u64 {
        self.used.unwrap_or(self.created)
    }

    /// It was used now.
    pub(super) fn is_used(&mut self, now: u64) {
        self.used = Some(now);
    }

    /// When its device has to sign in again, in seconds since 1970: what is renewed lasts on.
    pub fn ends(&self) -> u64 {
        let renewed = self.grant.as_ref().map(|grant| grant.renewed);
        renewed.unwrap_or(self.created) + SESSION_SECONDS
    }

    /// Whether it belongs to a device that stays, as a television does.
    pub fn is_device(&self) -> bool {
        matches!(self.kind, SessionKind::Television | SessionKind::Token)
    }

    /// Whether the code that opened it is of the last five minutes: what changes whose account it is asks for that.
    pub fn is_fresh(&self, now: u64) -> bool {
        (self.created..=self.created + FRESH_SECONDS).contains(&now)
    }
}

/// For how long a session counts as fresh, in seconds.
pub const FRESH_SECONDS: u64 = 300;

/// What a session was opened for. A television's may watch and sign itself out: who sits in front of it has given no code.
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

/// A session that waits for its person.
#[derive(Clone)]
pub struct NewSession {
    random: String,
    kind: SessionKind,
    device: String,
    now: UnixTime,
}

impl NewSession {
    /// Its cookie or token, for this person.
    pub fn secret(&self, person: &PersonId) -> String {
        format!("{}{}", &hashed(person.as_str())[..32], self.random)
    }

    /// What opens it for this person, once it is kept.
    pub fn record(&self, person: &PersonId) -> Record {
        self.record_with(person, None)
    }

    pub(super) fn record_with(&self, person: &PersonId, grant: Option<Grant>) -> Record {
        let key = session_key(&self.secret(person)).expect("we made it just now");
        let session = self.session(person, grant);
        record(SESSION, &key, &session, self.now, Some(SESSION_SECONDS))
    }

    /// What it is for this person.
    pub(super) fn session(&self, person: &PersonId, grant: Option<Grant>) -> Session {
        Session {
            person: person.as_str().to_owned(),
            kind: self.kind,
            device: self.device.clone(),
            created: self.now.as_secs(),
            used: None,
            grant,
        }
    }
}

/// How long a session lasts, in seconds: 90 days.
pub const SESSION_SECONDS: u64 = 90 * 86_400;

/// The key is the hash of the person and then that of the secret, so that a person's can be listed.
impl Records {
    /// A session that is not open yet: for who is not known yet.
    pub fn new_session(&self, kind: SessionKind, device: &str) -> NewSession {
        NewSession {
            random: random_text(),
            kind,
            device: device.to_owned(),
            now: self.now(),
        }
    }

    /// The session that this cookie or token opens, if it still does.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, StoreError> {
        let Some(key) = session_key(secret) else {
            return Ok(None);
        };
        let store = self.platform.store();
        let Some(there) = store.get(SESSION, &key, self.now()).await? else {
            return Ok(None);
        };
        let session: Session = read(&there.value).ok_or(StoreError::Unreadable)?;
        let now = self.now().as_secs();
        if now >= session.last_used() + USED_EVERY {
            let mut used = session.clone();
            used.is_used(now);
            // One that was ended in between stays ended; and nobody is kept out because this was not written.
            if let Err(error) = self.change(&there, &used).await {
                tracing::warn!(%error, "when a session was used was not written down");
            }
        }
        Ok(Some(session))
    }

    /// Everything that a person is signed in on, the latest first, each with the id that [`close`](Records::close) takes.
    pub async fn sessions(&self, person: &PersonId) -> Result<Vec<(String, Session)>, StoreError> {
        let mut all: Vec<(String, Session)> = self
            .of(person)
            .await?
            .iter()
            .filter_map(|record| Some((id(record), read::<Session>(&record.value)?)))
            .collect();
        all.sort_by_key(|(_, session)| std::cmp::Reverse(session.created));
        Ok(all)
    }

    /// The records of a person's sessions.
    async fn of(&self, person: &PersonId) -> Result<Vec<Record>, StoreError> {
        let prefix = hashed(person.as_str());
        self.list(SESSION, &prefix.as_bytes()[..32]).await
    }

    /// One of a person's sessions, by its id.
    pub async fn session_of(
        &self,
        person: &PersonId,
        device: &str,
    ) -> Result<Option<Session>, StoreError> {
        let all = self.of(person).await?;
        let there = all.iter().find(|record| id(record) == device);
        Ok(there.and_then(|record| read(&record.value)))
    }

    /// How many televisions and other devices a person is signed in on.
    pub async fn devices(&self, person: &PersonId) -> Result<usize, StoreError> {
        let sessions = self.sessions(person).await?;
        let devices = sessions.iter().filter(|(_, session)| session.is_device());
        Ok(devices.count())
    }

    /// Calls a device otherwise; false if the person has none with this id.
    pub async fn rename(
        &self,
        person: &PersonId,
        device: &str,
        name: &str,
    ) -> Result<bool, StoreError> {
        // Changed by somebody else in between, it is read again.
        loop {
            let all = self.of(person).await?;
            let Some(there) = all.iter().find(|record| id(record) == device) else {
                return Ok(false);
            };
            let mut session: Session = read(&there.value).ok_or(StoreError::Unreadable)?;
            session.device = name.to_owned();
            if self.change(there, &session).await? {
                return Ok(true);
            }
        }
    }

    /// Ends the session that this cookie or token opens.
    pub async fn end(&self, secret: &str) -> Result<(), StoreError> {
        if let Some(key) = session_key(secret) {
            self.platform.store().delete(SESSION, &key).await?;
        }
        Ok(())
    }

    /// Signs one device of a person out; false if they have none with this id.
    pub async fn close(&self, person: &PersonId, device: &str) -> Result<bool, StoreError> {
        for record in self.of(person).await? {
            if id(&record) == device {
                return self.platform.store().delete(SESSION, &record.key).await;
            }
        }
        Ok(false)
    }

    /// Signs a person out everywhere, except where `keep` says; and where somebody has approved what did not come in yet.
    pub async fn close_all(&self, person: &PersonId, keep: Option<&str>) -> Result<(), StoreError> {
        self.platform.end_approvals(person).await?;
        let keep = keep.and_then(session_key);
        for record in self.of(person).await? {
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
}

/// What a session is called where its person or a service lists it: it opens nothing.
pub(super) fn id(record: &Record) -> String {
    let hash = record.key.get(32..64).unwrap_or_default();
    String::from_utf8_lossy(hash).into_owned()
}

/// Where a session is kept: 32 characters that stand for the person, then the hash of the whole secret.
pub(super) fn session_key(secret: &str) -> Option<Vec<u8>> {
    if secret.len() != 32 + 43 || !secret.is_ascii() {
        return None;
    }
    Some([&secret.as_bytes()[..32], hashed(secret).as_bytes()].concat())
}
