//! Where a person is signed in: the list, a name for each, and its end.
use axum::{Extension, Json, extract::State, http::StatusCode};
use couchkey_platform::PersonId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::person_id;
use crate::app::{
    App,
    extract::{Body, InPath},
    problem::{Code, Problem},
    records::{Act, SessionKind, Who},
};

/// Everything that a person is signed in on, the latest first.
#[derive(Serialize, ToSchema)]
pub struct Devices {
    devices: Vec<Device>,
    /// How many televisions and other devices a person may be signed in on.
    most: usize,
}

/// One of them.
#[derive(Serialize, ToSchema)]
pub struct Device {
    /// What it is called here. It opens nothing.
    #[schema(example = "5f1c0d6e5f1c0d6e5f1c0d6e5f1c0d6e")]
    device: String,
    kind: DeviceKind,
    /// The name that it was given, or what it calls itself.
    #[schema(example = "Television, Example TV for webOS")]
    name: String,
    /// When it was signed in, in seconds since 1970.
    created_at: u64,
    /// When it was used last, to the hour, in seconds since 1970.
    last_used_at: u64,
    /// When it has to sign in again, in seconds since 1970.
    expires_at: u64,
}

/// What sort of device it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DeviceKind {
    /// A browser on our pages.
    Browser,
    /// A television on our page.
    Television,
    /// An app that has a token (RFC 8628).
    App,
}

impl From<SessionKind> for DeviceKind {
    fn from(kind: SessionKind) -> Self {
        match kind {
            SessionKind::Web => DeviceKind::Browser,
            SessionKind::Television => DeviceKind::Television,
            SessionKind::Token => DeviceKind::App,
        }
    }
}

/// A name for a device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceName {
    #[schema(min_length = 1, max_length = 64, example = "Kitchen")]
    name: String,
}

/// Where a person is signed in.
#[utoipa::path(
    get, path = "/v1/people/{person}/devices", tag = "device", security(("api_key" = [])),
    params(("person" = String, Path, description = "Your own id of the person", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    responses(
        (status = 200, description = "The devices", body = Devices),
        Problem,
    )
)]
pub async fn list(
    State(app): State<App>,
    InPath(person): InPath<String>,
) -> Result<Json<Devices>, Problem> {
    let sessions = app.records.sessions(&person_id(person)?).await?;
    let devices = sessions.into_iter().map(|(device, session)| Device {
        device,
        kind: session.kind.into(),
        created_at: session.created,
        last_used_at: session.last_used(),
        expires_at: session.ends(),
        name: session.device,
    });
    Ok(Json(Devices {
        devices: devices.collect(),
        most: app.config.service.devices_per_person,
    }))
}

/// Signs a person out everywhere.
#[utoipa::path(
    delete, path = "/v1/people/{person}/devices", tag = "device", security(("api_key" = [])),
    params(("person" = String, Path, description = "Your own id of the person", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    responses(
        (status = 204, description = "Signed out"),
        Problem,
    )
)]
pub async fn close_all(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    InPath(person): InPath<String>,
) -> Result<StatusCode, Problem> {
    let person = person_id(person)?;
    app.records.close_all(&person, None).await?;
    let everywhere = Act::SignedOutEverywhere;
    app.records.note(&who, everywhere, Some(&person)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a device another name.
#[utoipa::path(
    put, path = "/v1/people/{person}/devices/{device}", tag = "device", security(("api_key" = [])),
    params(
        ("person" = String, Path, description = "Your own id of the person", min_length = 1, max_length = 128, pattern = "^[!-~]+$"),
        ("device" = String, Path, description = "From the list"),
    ),
    request_body = DeviceName,
    responses(
        (status = 204, description = "That is its name"),
        Problem,
    )
)]
pub async fn rename(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    InPath((person, device)): InPath<(String, String)>,
    Body(body): Body<DeviceName>,
) -> Result<StatusCode, Problem> {
    let name = body.name.trim();
    if !(1..=64).contains(&name.chars().count()) || !couchkey_platform::is_plain(name) {
        return Err(
            Problem::new(Code::InvalidField).detail("name: 1 to 64 characters that can be shown.")
        );
    }
    let person = person_id(person)?;
    let there = app.records.rename(&person, &device, name).await?;
    found(&app, &who, there, Act::DeviceNamed, &person).await
}

/// Signs a device out.
#[utoipa::path(
    delete, path = "/v1/people/{person}/devices/{device}", tag = "device", security(("api_key" = [])),
    params(
        ("person" = String, Path, description = "Your own id of the person", min_length = 1, max_length = 128, pattern = "^[!-~]+$"),
        ("device" = String, Path, description = "From the list"),
    ),
    responses(
        (status = 204, description = "Signed out"),
        Problem,
    )
)]
pub async fn close(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    InPath((person, device)): InPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let person = person_id(person)?;
    let there = app.records.close(&person, &device).await?;
    found(&app, &who, there, Act::DeviceSignedOut, &person).await
}

/// Writes it down where the device was there.
async fn found(
    app: &App,
    who: &Who,
    there: bool,
    act: Act,
    person: &PersonId,
) -> Result<StatusCode, Problem> {
    if !there {
        return Err(Problem::new(Code::NotFound).detail(
            "This person is not signed in on such a device. See GET /v1/people/{person}/devices.",
        ));
    }
    app.records.note(who, act, Some(person)).await;
    Ok(StatusCode::NO_CONTENT)
}
