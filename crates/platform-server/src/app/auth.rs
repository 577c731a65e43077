//! Who may call the API: services, each with a key of its own.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    App,
    extract::address,
    problem::{Code, Problem},
    records::{FoundKey, Right, Who, hashed},
};

/// Lets requests through whose key may do what they ask.
pub async fn require(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let right = needed(&request);
    match check(&app, request.headers(), right).await {
        Ok(name) => {
            request.extensions_mut().insert(Who::Key(name));
            next.run(request).await
        }
        // Guesses are counted like requests without a key.
        Err(problem) if problem.code() == Code::InsufficientRight => problem.into_response(),
        Err(problem) => {
            let (parts, _) = request.into_parts();
            app.limits
                .count(address(&parts, &app))
                .err()
                .unwrap_or(problem)
                .into_response()
        }
    }
}

/// What a request of a service needs. Whoever rotates or adds an address has the account.
fn needed(request: &Request) -> Right {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", |path| path.as_str());
    let changes = route.starts_with("/v1/rotations") || route == "/v1/contacts";
    let ends = [Method::DELETE, Method::PUT].contains(request.method());
    if changes || ends {
        Right::Manage
    } else {
        Right::Signin
    }
}

/// The name of the valid key with this right that is in these headers.
pub async fn check(app: &App, headers: &HeaderMap, right: Right) -> Result<String, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err(Code::ApiKeyMissing.into());
    };
    let key = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim())
        .ok_or(Code::ApiKeyRefused)?;
    let hash = hashed(key);
    let found = match app.keys.known(&hash) {
        Some(found) => found,
        None => {
            let found = app.records.api_key(key).await?;
            let found = found.ok_or(Code::ApiKeyRefused)?;
            app.keys.learn(hash, found.clone());
            found
        }
    };
    if !found.rights.have(right) {
        let word = right.word();
        return Err(Problem::new(Code::InsufficientRight).detail(format!(
            "It would need the right {word}. Make a key that has it: couchkey-platform api-key new NAME --may {word}"
        )));
    }
    Ok(found.name)
}

/// The keys that were valid a moment ago, so that not every request asks the database. A revoked key ends within
/// [`MEMORY`].
#[derive(Default)]
pub struct Keys(Mutex<HashMap<String, (Instant, FoundKey)>>);

/// How long a valid key is believed without asking.
const MEMORY: Duration = Duration::from_secs(5);

impl Keys {
    fn known(&self, hash: &str) -> Option<FoundKey> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, found) = known.get(hash)?;
        (since.elapsed() < MEMORY).then(|| found.clone())
    }

    fn learn(&self, hash: String, found: FoundKey) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (since, _)| since.elapsed() < MEMORY);
        known.insert(hash, (Instant::now(), found));
    }
}
