//! Signing a television in from a phone: what a television asks for, and what a phone is shown and decides (RFC 8628).
use std::net::IpAddr;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use couchkey_platform::{DeviceError, DeviceRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    oauth::{self, OauthError, SCOPES, UNKNOWN_CLIENT, refused, unstored},
    person_id,
};
use crate::{
    app::{
        App,
        extract::{Address, Body, FormBody, Place},
        problem::{Code, Problem},
        records::{Act, Who},
    },
    http::idempotency::IdempotencyKey,
};

/// A television asks to be signed in (RFC 8628, section 3.1).
#[derive(Deserialize, ToSchema)]
pub struct DeviceForm {
    /// The app on it: one that the configuration names.
    #[schema(min_length = 1, max_length = 128, example = "example-tv-app")]
    client_id: String,
    /// What the person knows the device by; an addition of ours.
    #[schema(max_length = 128, example = "Living room, LG webOS")]
    device_name: Option<String>,
    /// What it asks for: `openid` for an id_token. Every app gets a refresh token, with `offline_access` or without.
    #[schema(max_length = 128, example = "openid offline_access")]
    scope: Option<String>,
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
    /// What people know that app by.
    client_name: Option<String>,
    /// What the television calls itself: it chose that, so show it as its own words.
    device: String,
    /// Where it is, if that is known.
    place: Option<String>,
    /// Whether it asked from the same address as your customer does now: the line of one household.
    same_line: bool,
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
    Place(place): Place,
    FormBody(form): FormBody<DeviceForm>,
) -> Result<Response, Problem> {
    let Some(name) = app.client(&form.client_id) else {
        return Ok(refused("invalid_client", UNKNOWN_CLIENT));
    };
    let scope = form.scope.unwrap_or_default();
    let scope: Vec<&str> = scope.split(' ').filter(|one| !one.is_empty()).collect();
    if scope.iter().any(|one| !SCOPES.contains(one)) {
        return Ok(refused("invalid_scope", oauth::UNKNOWN_SCOPE));
    }
    // Each once, however often it was said: this is kept, and stands in every token.
    let scope: Vec<&str> = SCOPES
        .into_iter()
        .filter(|one| scope.contains(one))
        .collect();
    let device = form
        .device_name
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| name.to_owned());
    let request = DeviceRequest {
        client: form.client_id,
        device,
        place,
        from,
    };
    match app.platform.authorize_device(&request).await {
        Ok(answer) => {
            if !scope.is_empty() {
                let records = &app.records;
                let scope = scope.join(" ");
                records.keep_scope(&answer.device_code, &scope).await?;
            }
            Ok(unstored(
                StatusCode::OK,
                DeviceCodes {
                    device_code: answer.device_code.to_string(),
                    user_code: answer.user_code,
                    verification_uri: answer.verification_uri,
                    verification_uri_complete: answer.verification_uri_complete,
                    expires_in: answer.expires_in,
                    interval: answer.interval,
                },
            ))
        }
        Err(DeviceError::BadName) => Ok(refused(
            "invalid_request",
            "device_name has 1 to 128 characters that can be shown",
        )),
        Err(DeviceError::Throttled { retry_after, .. }) => {
            Err(Problem::new(Code::RateLimited).retry_after(retry_after))
        }
        Err(DeviceError::Store(error)) => Err(error.into()),
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
        client_name: app.client(&device.client).map(str::to_owned),
        client_id: device.client,
        same_line: device.same_line,
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
    Extension(who): Extension<Who>,
    Body(body): Body<Decision>,
) -> Result<StatusCode, Problem> {
    let person = person_id(body.person)?;
    if body.approve {
        if !app.has_room(&person).await? {
            return Err(Code::TooManyDevices.into());
        }
        app.platform
            .approve_device(&body.user_code, &person, body.from)
            .await?;
    } else {
        app.platform.deny_device(&body.user_code, body.from).await?;
    }
    let act = match body.approve {
        true => Act::DeviceApproved,
        false => Act::DeviceDenied,
    };
    app.records.note(&who, act, Some(&person)).await;
    Ok(StatusCode::NO_CONTENT)
}
