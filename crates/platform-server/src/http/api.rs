//! The JSON API under `/v1`, for services: the use cases of the library, one path each. OpenAPI is made from this code.
//!
//! A verdict about a code is an answer (`200` with a `result`), not an error. Errors are problem details.
pub mod app;
pub mod device;
pub mod devices;
pub mod message;
pub mod oauth;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        schema::{AnyOfBuilder, ObjectBuilder, Schema, SchemaFormat, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::idempotency::Kept;
use crate::app::{
    App,
    problem::{Code, Problem},
};
use couchkey_platform::PersonId;

/// What is true of the whole document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Couchkey platform",
        description = "One-time passwords that are accepted exactly once, codes by e-mail and SMS, and sign-in on a television (RFC 8628).\n\n\
            Every request of a service carries an API key. Where a request changes something it may carry an Idempotency-Key: \
            repeated with the same key and body it gets the first answer again.",
    ),
    tags(
        (name = "app", description = "Codes from the app: enrolment, rotation, verification"),
        (name = "message", description = "Codes by e-mail and SMS: sign-up, sign-in without the app, recovery"),
        (name = "device", description = "Signing a television in from a phone (RFC 8628)"),
    ),
    components(schemas(Problem, Code)),
    modifiers(&ApiKey)
)]
struct Document;

struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key of `couchkey-platform api-key new NAME`."))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// The paths that need an API key, and those that a television calls itself.
pub fn routers() -> (OpenApiRouter<App>, OpenApiRouter<App>) {
    let services = OpenApiRouter::new()
        .routes(routes!(app::enrol))
        .routes(routes!(app::confirm))
        .routes(routes!(app::begin_rotation))
        .routes(routes!(app::confirm_rotation))
        .routes(routes!(app::verify))
        .routes(routes!(app::person, app::forget))
        .routes(routes!(devices::list, devices::close_all))
        .routes(routes!(devices::rename, devices::close))
        .routes(routes!(message::challenge))
        .routes(routes!(message::resend))
        .routes(routes!(message::redeem))
        .routes(routes!(message::contact))
        .routes(routes!(device::shown))
        .routes(routes!(device::decide))
        .routes(routes!(oauth::introspect));
    let televisions = OpenApiRouter::new()
        .routes(routes!(device::authorize))
        .routes(routes!(oauth::token))
        .routes(routes!(oauth::revoke))
        .routes(routes!(oauth::metadata))
        .routes(routes!(oauth::openid_metadata))
        .routes(routes!(oauth::jwks));
    (services, televisions)
}

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    let (services, televisions) = routers();
    let mut document = Document::openapi();
    document.merge(services.into_openapi());
    document.merge(televisions.into_openapi());
    document
}

/// The document as it is served and committed.
pub fn document_text() -> String {
    let mut text = document()
        .to_pretty_json()
        .expect("the document is plain JSON");
    text.push('\n');
    text
}

/// A network address of either kind.
pub fn ip() -> Schema {
    let of = |format: &str| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom(format.to_owned())))
    };
    let either = AnyOfBuilder::new()
        .item(of("ipv4"))
        .item(of("ipv6"))
        .description(Some("The network address of the person, for the limits."))
        .examples([serde_json::json!("203.0.113.7")]);
    Schema::AnyOf(either.build())
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Right, and used up by this request.
    Accepted,
    /// Not a code of this person at this time; or nobody has this id; or there is no such enrolment.
    Wrong,
    /// It was right, and was used before.
    Used,
    /// Too many tries: this one was not looked at. See `retry_after`.
    Throttled,
    /// A hundred failures in a row. Of the app: it has to be set up again, by a rotation. Of codes from messages: a code from the
    /// app, or one where the person has signed in before (`known`), puts an end to it.
    Stopped,
    /// Expired, redeemed, or out of tries: begin again.
    Ended,
}

/// What became of a code, with what follows from it.
#[derive(Serialize, ToSchema)]
pub struct VerdictAnswer {
    /// The verdict.
    pub result: Verdict,
    /// Seconds until the next try is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl From<Verdict> for VerdictAnswer {
    fn from(result: Verdict) -> Self {
        VerdictAnswer {
            result,
            retry_after: None,
        }
    }
}

impl VerdictAnswer {
    /// Too many tries.
    pub fn throttled(retry_after: u64) -> Self {
        VerdictAnswer {
            result: Verdict::Throttled,
            retry_after: Some(retry_after),
        }
    }
}

/// For how long an `accepted` of the app is repeated, in seconds: as long as its code may be accepted.
pub const CODE_SECONDS: u64 = 30 * couchkey_otp::verify::LIFE as u64;

/// A verdict, and whether it was kept with what it is about.
pub fn verdict(answer: impl Serialize, kept: bool) -> Response {
    let mut response = Json(answer).into_response();
    if kept {
        response.extensions_mut().insert(Kept);
    }
    response
}

/// A person's id, checked.
pub fn person_id(text: String) -> Result<PersonId, Problem> {
    PersonId::new(text).map_err(|_| {
        Problem::new(Code::InvalidField)
            .detail("person: 1 to 128 printable ASCII characters without blanks.")
    })
}
