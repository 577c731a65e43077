//! Who may call the API: services, each with a key of its own.
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    App,
    extract::address,
    problem::{Code, Problem},
    records::hashed,
};

/// Lets requests with a valid key through.
pub async fn require(State(app): State<App>, request: Request, next: Next) -> Response {
    match check(&app, request.headers()).await {
        Ok(()) => next.run(request).await,
        // Guesses are counted like requests without a key.
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

/// Whether a valid key is in these headers.
pub async fn check(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
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
    let key_hash = hashed(key);
    if !app.keys.knows(&key_hash) {
        if app.records.api_key(key).await?.is_none() {
            return Err(Code::ApiKeyRefused.into());
        }
        app.keys.learn(key_hash.clone());
    }
    Ok(())
}

/// The keys that were valid a moment ago, so that not every request asks the database. A revoked key ends within
/// [`MEMORY`].
#[derive(Default)]
pub struct Keys(Mutex<HashMap<String, Instant>>);

/// How long a valid key is believed without asking.
const MEMORY: Duration = Duration::from_secs(5);

impl Keys {
    fn knows(&self, hash: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(hash)
            .is_some_and(|since| since.elapsed() < MEMORY)
    }

    fn learn(&self, hash: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, since| since.elapsed() < MEMORY);
        known.insert(hash, Instant::now());
    }
}
