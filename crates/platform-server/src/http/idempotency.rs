//! `Idempotency-Key`: a request that is repeated with the same key gets the first answer again, and nothing happens twice.
//!
//! An answer that lets somebody in is written in the transaction that uses their code up, so that a server which dies between the
//! two is no difference to who asks again.
//!
//! Answers may hold a secret (an enrolment's), so they are kept sealed under a key that is made of the caller's API key
//! and the `Idempotency-Key`: who has the database alone cannot open them.
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use couchkey_platform::{UnixTime, store::Record};
use data_encoding::BASE64;
use hkdf::Hkdf;
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::app::{
    App,
    problem::{Code, Problem},
    records::{Repeat, answer},
};

/// The header, lower case as HTTP/2 writes it.
pub const HEADER: &str = "idempotency-key";

/// The longest key that is taken, in bytes.
const MAX_BYTES: usize = 255;

/// The header in the OpenAPI document, for the paths that honour it.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub struct IdempotencyKey {
    /// Repeats the first answer
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    _key: Option<String>,
}

/// Around every request that changes something.
pub async fn honour(State(app): State<App>, request: Request, next: Next) -> Response {
    let value = match request.headers().get(HEADER) {
        // What only looks is looked at each time: "active" is not repeated after a revocation.
        Some(value) if request.method() == Method::POST && !only_looks(&request) => value,
        _ => return next.run(request).await,
    };
    let Some(key) = value
        .to_str()
        .ok()
        .filter(|key| (1..=MAX_BYTES).contains(&key.len()))
    else {
        return Problem::new(Code::BadRequest)
            .detail("An Idempotency-Key is 1 to 255 printable ASCII characters.")
            .into_response();
    };
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else {
        return Problem::new(Code::ApiKeyMissing).into_response();
    };
    let key = Key::new(authorization.as_bytes(), key);
    match once(&app, &key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

fn only_looks(request: &Request) -> bool {
    request.uri().path() == "/v1/introspect"
}

async fn once(app: &App, key: &Key, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, app.config.server.body_limit)
        .await
        .map_err(|_| Code::BodyTooLarge)?;
    let fingerprint = fingerprint(parts.uri.path(), &body);
    match app.records.take_key(&key.name, &fingerprint).await? {
        Repeat::New => {}
        Repeat::Busy => return Err(Problem::new(Code::IdempotencyBusy).retry_after(1)),
        Repeat::Other => return Err(Code::IdempotencyMismatch.into()),
        Repeat::Answer { status, sealed } => {
            return key.open(status, &sealed).ok_or(Code::Internal.into());
        }
    }
    let mut parts = parts;
    let answering = Answering {
        key: key.clone(),
        fingerprint: fingerprint.clone(),
        now: app.platform.now(),
    };
    parts.extensions.insert(answering);
    // From here on the request is carried through even when its caller hangs up, so that the answer is kept.
    let app = app.clone();
    let key = key.clone();
    let work = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let done = !head.status.is_server_error() && head.status != StatusCode::TOO_MANY_REQUESTS;
        if head.extensions.get::<Kept>().is_some() {
            // With the verdict, in its transaction.
        } else if done {
            let kind = head.headers.get(header::CONTENT_TYPE);
            let kind = kind.map_or(&b""[..], HeaderValue::as_bytes);
            let sealed = key.seal(head.status.as_u16(), kind, &body);
            app.records
                .keep_answer(&key.name, &fingerprint, head.status.as_u16(), sealed)
                .await?;
        } else {
            app.records.give_back(&key.name).await?;
        }
        Ok::<Response, Problem>(Response::from_parts(head, Body::from(body)))
    });
    work.await.map_err(|_| Problem::new(Code::Internal))?
}

/// The key that a request came with: how its handler keeps an answer together with what it is about.
#[derive(Clone)]
pub struct Answering {
    key: Key,
    fingerprint: String,
    now: UnixTime,
}

impl Answering {
    /// The record of a `200` with this body, for as long as the code of the request may live.
    pub fn record(&self, body: &impl Serialize, seconds: u64) -> Record {
        let body = Zeroizing::new(serde_json::to_vec(body).expect("answers are plain JSON"));
        let sealed = self.key.seal(200, b"application/json", &body);
        let Answering {
            key,
            fingerprint,
            now,
            ..
        } = self;
        answer(&key.name, fingerprint, 200, sealed, *now, seconds)
    }
}

/// In a response: its answer has been kept.
#[derive(Clone, Copy)]
pub struct Kept;

fn fingerprint(path: &str, body: &Bytes) -> String {
    let mut hash = Sha256::new();
    hash.update((path.len() as u64).to_be_bytes());
    hash.update(path.as_bytes());
    hash.update(body);
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// A caller's `Idempotency-Key`: under which name its answer is kept, and what seals it.
#[derive(Clone)]
struct Key {
    name: String,
    sealing: Zeroizing<[u8; 32]>,
}

impl Key {
    fn new(authorization: &[u8], key: &str) -> Key {
        let hkdf = Hkdf::<Sha256>::new(Some(key.as_bytes()), authorization);
        let mut name = [0; 32];
        let mut sealing = Zeroizing::new([0; 32]);
        hkdf.expand(b"couchkey-platform/idempotency/name/v1", &mut name)
            .expect("32 bytes are fewer than HKDF's limit");
        hkdf.expand(b"couchkey-platform/idempotency/seal/v1", sealing.as_mut())
            .expect("32 bytes are fewer than HKDF's limit");
        Key {
            name: data_encoding::HEXLOWER.encode(&name),
            sealing,
        }
    }

    /// Content type, a line feed, and the body; the status is bound to it.
    fn seal(&self, status: u16, kind: &[u8], body: &[u8]) -> String {
        let plain = Zeroizing::new([kind, b"\n", body].concat());
        let nonce: [u8; 24] = rand::random();
        let sealed = XChaCha20Poly1305::new((&*self.sealing).into())
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: &plain,
                    aad: &status.to_be_bytes(),
                },
            )
            .expect("an answer is shorter than 256 GiB");
        BASE64.encode(&[&nonce[..], &sealed].concat())
    }

    fn open(&self, status: u16, sealed: &str) -> Option<Response> {
        let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(24)?;
        let nonce: [u8; 24] = nonce.try_into().ok()?;
        let plain = XChaCha20Poly1305::new((&*self.sealing).into())
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: sealed,
                    aad: &status.to_be_bytes(),
                },
            )
            .ok()?;
        let at = plain.iter().position(|byte| *byte == b'\n')?;
        let mut response = Response::new(Body::from(plain[at + 1..].to_vec()));
        *response.status_mut() = StatusCode::from_u16(status).ok()?;
        if at > 0 {
            let kind = HeaderValue::from_bytes(&plain[..at]).ok()?;
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
            .headers_mut()
            .insert("idempotency-replayed", HeaderValue::from_static("true"));
        Some(response)
    }
}
