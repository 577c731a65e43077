//! Signing a television in from a phone: the device authorization grant (RFC 8628), with tokens that can be asked about (RFC 7662).
use std::net::IpAddr;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use couchkey_platform::{DecideError, DeviceError, DeviceRequest, PollError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::person_id;
use crate::http::{
    App,
    extract::{Address, Body, FormBody},
    idempotency::IdempotencyKey,
    problem::{Code, Problem},
    records::{SESSION_SECONDS, SessionKind},
};

/// The grant type of RFC 8628, section 3.4.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A television asks to be signed in (RFC 8628, section 3.1).
#[derive(Deserialize, ToSchema)]
pub struct DeviceForm {
    /// The app on it.
    #[schema(min_length = 1, max_length = 128, example = "example-tv-app")]
    client_id: String,
    /// What the person knows the device by; an addition of ours.
    #[schema(max_length = 128, example = "Living room, LG webOS")]
    device_name: Option<String>,
}

/// What the television shows and keeps (RFC 8628, section 3.2).
#[derive(Serialize, ToSchema)]
pub struct DeviceCodes {
    /// What it polls with. It never shows it.
    device_code: String,
    /// What the person types.
    user_code: String,
    verification_uri: String,
    /// The content of the QR code.
    verification_uri_complete: String,
    /// Seconds until both codes end.
    expires_in: u64,
    /// Seconds between two polls, at least.
    interval: u64,
}

/// A television polls (RFC 8628, section 3.4).
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    #[schema(example = "urn:ietf:params:oauth:grant-type:device_code")]
    grant_type: Option<String>,
    #[schema(max_length = 128)]
    device_code: Option<String>,
    #[schema(max_length = 128)]
    client_id: Option<String>,
}

/// The television is signed in (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
pub struct Token {
    access_token: String,
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// Seconds for which it lasts.
    expires_in: u64,
}

/// An error in the form that OAuth clients read (RFC 6749, section 5.2; RFC 8628, section 3.5).
#[derive(Serialize, ToSchema)]
pub struct OauthError {
    /// `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, `invalid_request`, `unsupported_grant_type`.
    #[schema(value_type = String, example = "authorization_pending")]
    error: &'static str,
    #[schema(value_type = String)]
    error_description: &'static str,
    /// Seconds between two polls from now on: with `slow_down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// A user code that somebody typed or scanned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserCode {
    /// Case and dashes do not count.
    #[schema(max_length = 64, example = "WDJB-MJHT")]
    user_code: String,
    #[schema(schema_with = super::ip)]
    from: IpAddr,
}

/// What the confirm screen has to name, so that nobody signs a stranger's television in.
#[derive(Serialize, ToSchema)]
pub struct DeviceAnswer {
    client_id: String,
    device: String,
    /// Where it is, if that is known.
    place: Option<String>,
    /// Seconds since the television asked.
    age: u64,
    /// When its codes end, in seconds since 1970.
    expires_at: u64,
}

/// What the person decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    #[schema(max_length = 64, example = "WDJB-MJHT")]
    user_code: String,
    approve: bool,
    /// Who decided, signed in with you.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        example = "fam-0042"
    )]
    person: String,
    #[schema(schema_with = super::ip)]
    from: IpAddr,
}

/// A token that somebody showed you.
#[derive(Deserialize, ToSchema)]
pub struct IntrospectForm {
    token: String,
}

/// Whether a token is good (RFC 7662, section 2.2).
#[derive(Serialize, ToSchema)]
pub struct Introspection {
    active: bool,
    /// The person: when active.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// When it ends, in seconds since 1970: when active.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
}

/// Gives a television its codes. No API key: a television cannot keep one.
#[utoipa::path(
    post, path = "/v1/device_authorization", tag = "device",
    request_body(content = DeviceForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The codes", body = DeviceCodes),
        (status = 400, description = "Not a request of RFC 8628", body = OauthError),
        Problem,
    )
)]
pub async fn authorize(
    State(app): State<App>,
    Address(from): Address,
    FormBody(form): FormBody<DeviceForm>,
) -> Result<Response, Problem> {
    let device = form
        .device_name
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| form.client_id.clone());
    let request = DeviceRequest {
        client: form.client_id,
        device,
        place: None,
        from,
    };
    match app.platform.authorize_device(&request).await {
        Ok(answer) => Ok(unstored(
            StatusCode::OK,
            DeviceCodes {
                device_code: answer.device_code.to_string(),
                user_code: answer.user_code,
                verification_uri: answer.verification_uri,
                verification_uri_complete: answer.verification_uri_complete,
                expires_in: answer.expires_in,
                interval: answer.interval,
            },
        )),
        Err(DeviceError::BadName) => Ok(oauth(
            "invalid_request",
            "client_id and device_name have 1 to 128 characters",
            None,
        )),
        Err(DeviceError::Throttled { retry_after, .. }) => {
            Err(Problem::new(Code::RateLimited).retry_after(retry_after))
        }
        Err(DeviceError::Store(error)) => Err(error.into()),
        Err(_) => Err(Code::Internal.into()),
    }
}

/// What a television asks until somebody has decided. The token comes out once.
#[utoipa::path(
    post, path = "/v1/token", tag = "device",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Signed in", body = Token),
        (status = 400, description = "Not yet, or no more", body = OauthError),
        Problem,
    )
)]
pub async fn token(
    State(app): State<App>,
    FormBody(form): FormBody<TokenForm>,
) -> Result<Response, Problem> {
    match form.grant_type.as_deref() {
        Some(DEVICE_CODE) => {}
        Some(_) => {
            return Ok(oauth(
                "unsupported_grant_type",
                "this server knows the device code grant of RFC 8628",
                None,
            ));
        }
        None => return Ok(oauth("invalid_request", "grant_type is missing", None)),
    }
    let (Some(device_code), Some(_)) = (form.device_code, form.client_id) else {
        return Ok(oauth(
            "invalid_request",
            "device_code or client_id is missing",
            None,
        ));
    };
    match app.platform.poll_device(&device_code).await {
        Ok(person) => {
            let access_token = app
                .records
                .open_session(&person, SessionKind::Token, "Television")
                .await?;
            Ok(unstored(
                StatusCode::OK,
                Token {
                    access_token,
                    token_type: "Bearer",
                    expires_in: SESSION_SECONDS,
                },
            ))
        }
        Err(PollError::AuthorizationPending) => Ok(oauth(
            "authorization_pending",
            "nobody has decided yet",
            None,
        )),
        Err(PollError::SlowDown { interval }) => Ok(oauth(
            "slow_down",
            "the television asks too often",
            Some(interval),
        )),
        Err(PollError::AccessDenied) => Ok(oauth("access_denied", "the person said no", None)),
        Err(PollError::ExpiredToken) => Ok(oauth(
            "expired_token",
            "this code has ended; ask for new ones",
            None,
        )),
        Err(PollError::Store(error)) => Err(error.into()),
        Err(_) => Err(Code::Internal.into()),
    }
}

/// What to show a person before they confirm a television.
#[utoipa::path(
    post, path = "/v1/devices/lookup", tag = "device", security(("api_key" = [])),
    request_body = UserCode,
    responses(
        (status = 200, description = "The television", body = DeviceAnswer),
        Problem,
    )
)]
pub async fn shown(
    State(app): State<App>,
    Body(body): Body<UserCode>,
) -> Result<Json<DeviceAnswer>, Problem> {
    let device = app.platform.device(&body.user_code, body.from).await?;
    Ok(Json(DeviceAnswer {
        client_id: device.client,
        device: device.device,
        place: device.place,
        age: device.age,
        expires_at: device.expires_at.as_secs(),
    }))
}

/// Signs the television in, or refuses it.
#[utoipa::path(
    post, path = "/v1/devices/decide", tag = "device", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = Decision,
    responses(
        (status = 204, description = "Decided"),
        Problem,
    )
)]
pub async fn decide(
    State(app): State<App>,
    Body(body): Body<Decision>,
) -> Result<StatusCode, Problem> {
    let person = person_id(body.person)?;
    if body.approve {
        app.platform
            .approve_device(&body.user_code, &person, body.from)
            .await?;
    } else {
        app.platform.deny_device(&body.user_code, body.from).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whether an access token is good, and whose it is (RFC 7662).
#[utoipa::path(
    post, path = "/v1/introspect", tag = "device", security(("api_key" = [])),
    request_body(content = IntrospectForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What the token is worth", body = Introspection),
        Problem,
    )
)]
pub async fn introspect(
    State(app): State<App>,
    FormBody(form): FormBody<IntrospectForm>,
) -> Result<Response, Problem> {
    let session = app.records.session(&form.token).await?;
    let session = session.filter(|session| session.kind == SessionKind::Token);
    Ok(unstored(
        StatusCode::OK,
        Introspection {
            active: session.is_some(),
            exp: session
                .as_ref()
                .map(|session| session.created + SESSION_SECONDS),
            sub: session.map(|session| session.person),
        },
    ))
}

fn oauth(error: &'static str, error_description: &'static str, interval: Option<u64>) -> Response {
    unstored(
        StatusCode::BAD_REQUEST,
        OauthError {
            error,
            error_description,
            interval,
        },
    )
}

/// Answers with tokens in them are kept nowhere on their way (RFC 6749, section 5.1).
fn unstored(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Problem {
        match error {
            DecideError::Unknown => Problem::new(Code::NothingToConfirm)
                .detail("No television shows this code any more. Compare it with the screen, or start again on the television."),
            DecideError::Throttled { retry_after, .. } => Problem::new(Code::RateLimited).retry_after(retry_after),
            DecideError::Store(error) => error.into(),
            _ => Code::Internal.into(),
        }
    }
}
