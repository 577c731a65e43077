//! Tokens that a service's other systems understand without asking us: access tokens (RFC 9068) and id_tokens (OpenID Connect), signed
//! with ES256 by keys that change every month.
mod keys;
mod signing;

use std::sync::Arc;

use couchkey_platform::{Platform, StoreError};
use jsonwebtoken::{Algorithm, Header, Validation, jwk::JwkSet};
use serde::{Deserialize, Serialize};

use super::records::{Grant, Session, random_text};
use keys::{Key, Keys};

/// How long an access token is good, in seconds: for so long one that was revoked is believed by whoever does not ask.
pub const ACCESS_SECONDS: u64 = 3_600;

/// `typ` of an access token (RFC 9068, section 2.1).
const ACCESS: &str = "at+jwt";

/// What signs, and what others check with.
pub struct Tokens {
    issuer: String,
    audience: String,
    keys: Keys,
}

/// What an access token says (RFC 9068, section 2.2).
#[derive(Serialize, Deserialize)]
pub struct Access {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub exp: u64,
    pub iat: u64,
    pub jti: String,
    pub client_id: String,
    /// When a code was given for it.
    pub auth_time: u64,
    /// The session that it belongs to, as devices are listed.
    pub sid: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
}

/// What an id_token says (OpenID Connect Core, section 2).
#[derive(Serialize)]
struct Identity<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    auth_time: u64,
    sid: &'a str,
}

impl Tokens {
    /// Tokens of this issuer, for whom the audience says.
    pub fn new(platform: Platform, issuer: &str, audience: &str) -> Tokens {
        signing::install();
        Tokens {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            keys: Keys::new(platform),
        }
    }

    /// The public keys, that of the next month included (RFC 7517).
    pub async fn published(&self, now: u64) -> Result<JwkSet, StoreError> {
        let keys = self.keys.at(now).await?;
        Ok(JwkSet {
            keys: keys.iter().map(|key| key.public.clone()).collect(),
        })
    }

    /// What signs at this time. It is there before anything is used up that cannot be given out twice, and does not fail after that.
    pub async fn signer(&self, now: u64) -> Result<Signer<'_>, StoreError> {
        let keys = self.keys.at(now).await?;
        let place = keys.iter().position(|key| key.signs(now));
        Ok(Signer {
            tokens: self,
            place: place.ok_or(StoreError::Unreadable)?,
            keys,
            now,
        })
    }

    /// What one of our access tokens says, if it is one and still good. Whether its session is there is another question.
    pub async fn read(&self, token: &str, now: u64) -> Result<Option<Access>, StoreError> {
        let Ok(header) = jsonwebtoken::decode_header(token) else {
            return Ok(None);
        };
        if header.typ.as_deref() != Some(ACCESS) {
            return Ok(None);
        }
        let keys = self.keys.at(now).await?;
        let key = keys
            .iter()
            .find(|key| header.kid == key.public.common.key_id);
        let mut rules = Validation::new(Algorithm::ES256);
        rules.leeway = 0;
        rules.set_audience(&[&self.audience]);
        rules.set_issuer(&[&self.issuer]);
        let read = key.and_then(|key| {
            let read = jsonwebtoken::decode::<Access>(token, &key.verifying, &rules);
            read.ok()
        });
        Ok(read.map(|read| read.claims))
    }
}

/// Signs tokens.
pub struct Signer<'t> {
    tokens: &'t Tokens,
    keys: Arc<Vec<Key>>,
    place: usize,
    now: u64,
}

impl Signer<'_> {
    /// An access token of this session.
    pub fn access(&self, sid: &str, session: &Session, grant: &Grant) -> String {
        let Tokens {
            issuer, audience, ..
        } = self.tokens;
        let claims = Access {
            iss: issuer.clone(),
            sub: session.person.clone(),
            aud: audience.clone(),
            exp: self.now + ACCESS_SECONDS,
            iat: self.now,
            jti: random_text(),
            client_id: grant.client.clone(),
            auth_time: session.created,
            sid: sid.to_owned(),
            scope: (!grant.scope.is_empty()).then(|| grant.scope.clone()),
        };
        self.sign(ACCESS, &claims)
    }

    /// An id_token of this session, for its app.
    pub fn identity(&self, sid: &str, session: &Session, grant: &Grant) -> String {
        let claims = Identity {
            iss: &self.tokens.issuer,
            sub: &session.person,
            aud: &grant.client,
            exp: self.now + ACCESS_SECONDS,
            iat: self.now,
            auth_time: session.created,
            sid,
        };
        self.sign("JWT", &claims)
    }

    fn sign(&self, kind: &str, claims: &impl Serialize) -> String {
        let key = &self.keys[self.place];
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(kind.to_owned());
        header.kid = key.public.common.key_id.clone();
        jsonwebtoken::encode(&header, claims, &key.signing).expect("the key is one of ours")
    }
}
