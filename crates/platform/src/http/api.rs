//! The JSON API under `/v1`, for services: the use cases of the library, one path each. OpenAPI is made from this code.
//!
//! A verdict about a code is an answer (`200` with a `result`), not an error. Errors are problem details.
pub mod app;
pub mod device;
pub mod message;

use serde::{Deserialize, Serialize};
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        schema::{AnyOfBuilder, ObjectBuilder, Schema, SchemaFormat, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    problem::{Code, Problem},
};
use couchkey_platform::{PersonId, StoreError};

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
        .routes(routes!(message::challenge))
        .routes(routes!(message::resend))
        .routes(routes!(message::redeem))
        .routes(routes!(message::contact))
        .routes(routes!(device::shown))
        .routes(routes!(device::decide))
        .routes(routes!(device::introspect));
    let televisions = OpenApiRouter::new()
        .routes(routes!(device::authorize))
        .routes(routes!(device::token));
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
    /// A hundred failures in a row: the app has to be set up again, by a rotation.
    Stopped,
    /// Expired, redeemed, or replaced by a newer one: begin again.
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

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Unavailable | StoreError::Full => {
                tracing::warn!(%error, "the store did not do it");
                Problem::new(Code::Unavailable).retry_after(2)
            }
            _ => {
                tracing::error!(%error, "the store failed");
                Code::Internal.into()
            }
        }
    }
}

/// A person's id, checked.
pub fn person_id(text: String) -> Result<PersonId, Problem> {
    PersonId::new(text).map_err(|_| {
        Problem::new(Code::InvalidField)
            .detail("person: 1 to 128 printable ASCII characters without blanks.")
    })
}
