//! What the apps on televisions were granted, and the refresh tokens by which they renew it: each is good once, and one that comes
//! again ends all that came of it (RFC 9700, section 4.14.2).
use couchkey_platform::{PersonId, StoreError, UnixTime, store::Record};
use serde::{Deserialize, Serialize};

use super::{
    Records, hashed, random_text, read, record,
    session::{NewSession, SESSION_SECONDS, Session, id, session_key},
};

const SCOPE: &str = "device_scope";

/// How long a refresh token may come again, in seconds, because its answer was lost on the way, and the app has nothing newer. Whoever
/// comes with the one before that is somebody else.
const LOST_SECONDS: u64 = 60;

/// What an app was granted.
#[derive(Clone, Serialize, Deserialize)]
pub struct Grant {
    /// The app: its `client_id`.
    pub client: String,
    /// With blanks between them, as in the requests.
    pub scope: String,
    /// The hash of the part of its refresh token that changes.
    current: String,
    /// That of the one before, and when it was used.
    before: Option<(String, u64)>,
    /// When it was renewed last.
    pub renewed: u64,
}

impl Grant {
    /// Whether this is in the scope.
    pub fn has(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|one| one == scope)
    }

    /// Whether a refresh token with this turn, hashed, is taken at `now`, in Unix seconds: the one that is good, or for
    /// [`LOST_SECONDS`] the one before, whose answer may have been lost.
    fn takes(&self, turn: &str, now: u64) -> bool {
        let lost = |(before, used): &(String, u64)| before == turn && now <= used + LOST_SECONDS;
        self.current == turn || self.before.as_ref().is_some_and(lost)
    }
}

/// A grant that waits for its person.
#[derive(Clone)]
pub struct NewGrant {
    session: NewSession,
    grant: Grant,
    turn: String,
}

impl NewGrant {
    /// What there is once it is kept: the session's id, the session, and the refresh token.
    pub fn opened(&self, person: &PersonId) -> (String, Session, Grant, String) {
        let record = self.record(person);
        let refresh = format!("{}.{}", self.session.secret(person), self.turn);
        let session = self.session.session(person, Some(self.grant.clone()));
        (id(&record), session, self.grant.clone(), refresh)
    }

    /// What is to be kept for this person.
    pub fn record(&self, person: &PersonId) -> Record {
        self.session.record_with(person, Some(self.grant.clone()))
    }
}

/// What became of a refresh token.
pub enum Refreshed {
    /// It is used up, and this is what there is in its place.
    Renewed {
        sid: String,
        session: Box<Session>,
        grant: Box<Grant>,
        refresh: String,
    },
    /// It had been used before: whoever has the next one and whoever came with this are not the same, and both are signed out.
    Reused,
    /// It was given to another app.
    OtherClient,
    /// There is nothing that it belongs to.
    Ended,
}

impl Records {
    /// A grant for who is not known yet.
    pub fn new_grant(&self, client: &str, scope: &str, session: NewSession) -> NewGrant {
        let turn = random_text();
        NewGrant {
            grant: Grant {
                client: client.to_owned(),
                scope: scope.to_owned(),
                current: hashed(&turn),
                before: None,
                renewed: self.now().as_secs(),
            },
            session,
            turn,
        }
    }

    /// Uses a refresh token up and makes the next one.
    pub async fn refresh(&self, token: &str, client: &str) -> Result<Refreshed, StoreError> {
        let Some((key, turn)) = parts(token) else {
            return Ok(Refreshed::Ended);
        };
        let (store, now) = (self.platform.store(), self.now());
        // Of two at the same moment one is first, and the other one looks again.
        loop {
            let Some(there) = store.get(super::session::SESSION, &key, now).await? else {
                return Ok(Refreshed::Ended);
            };
            let mut session: Session = read(&there.value).ok_or(StoreError::Unreadable)?;
            let Some(mut grant) = session.grant.clone() else {
                return Ok(Refreshed::Ended);
            };
            if grant.client != client {
                return Ok(Refreshed::OtherClient);
            }
            let presented = hashed(turn);
            if !grant.takes(&presented, now.as_secs()) {
                store.delete(&there.space, &there.key).await?;
                return Ok(Refreshed::Reused);
            }
            if presented == grant.current {
                grant.before = Some((presented, now.as_secs()));
            }
            let next = random_text();
            grant.current = hashed(&next);
            grant.renewed = now.as_secs();
            session.grant = Some(grant.clone());
            session.is_used(now.as_secs());
            let new = Record {
                value: serde_json::to_vec(&session).expect("our records are plain JSON"),
                expires_at: Some(UnixTime::from_secs(now.as_secs() + SESSION_SECONDS)),
                ..there.clone()
            };
            if store.replace(&there, &new).await? {
                let (secret, _) = token.split_once('.').unwrap_or_default();
                return Ok(Refreshed::Renewed {
                    sid: id(&new),
                    session: Box::new(session),
                    grant: Box::new(grant),
                    refresh: format!("{secret}.{next}"),
                });
            }
        }
    }

    /// The session that a refresh token renews, and its id, if [`Records::refresh`] would take the token now.
    pub async fn granted(&self, token: &str) -> Result<Option<(String, Session)>, StoreError> {
        let Some((key, turn)) = parts(token) else {
            return Ok(None);
        };
        let store = self.platform.store();
        let Some(there) = store.get(super::session::SESSION, &key, self.now()).await? else {
            return Ok(None);
        };
        let session: Session = read(&there.value).ok_or(StoreError::Unreadable)?;
        let (presented, now) = (hashed(turn), self.now().as_secs());
        let grant = session.grant.as_ref();
        let good = grant.is_some_and(|grant| grant.takes(&presented, now));
        Ok(good.then(|| (id(&there), session)))
    }

    /// Keeps what an app asked for with its codes, until it gets them.
    pub async fn keep_scope(&self, device_code: &str, scope: &str) -> Result<(), StoreError> {
        let key = hashed(device_code);
        let seconds = couchkey_platform::Platform::DEVICE_SECS;
        let kept = record(SCOPE, key.as_bytes(), &scope, self.now(), Some(seconds));
        self.platform.store().put(&kept).await
    }

    /// What it asked for.
    pub async fn scope_of(&self, device_code: &str) -> Result<String, StoreError> {
        let key = hashed(device_code);
        let kept = self.get::<String>(SCOPE, key.as_bytes()).await?;
        Ok(kept.unwrap_or_default())
    }
}

/// Where a refresh token's session is kept, and the part of it that changes.
fn parts(token: &str) -> Option<(Vec<u8>, &str)> {
    let (secret, turn) = token.split_once('.')?;
    Some((session_key(secret)?, turn))
}
