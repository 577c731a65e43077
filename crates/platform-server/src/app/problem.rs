//! What is answered when something cannot be done: problem details (RFC 9457) with codes that never change.
use std::collections::BTreeMap;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use couchkey_platform::{ChallengeError, DecideError, EnrolError, StoreError};
use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response},
};

/// An error as the API answers it. It states what happened and what to do, and never repeats what was sent.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Where this kind of problem is described: a path on this server.
    #[serde(rename = "type")]
    #[schema(example = "/problems#invalid_field")]
    kind: String,
    /// The kind of problem in words; the same for every problem of the kind.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// The stable code: programs decide on this.
    code: Code,
    /// What to do about it.
    detail: String,
    /// When to try again, in seconds; also in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $word:literal $status:literal $title:literal $cure:literal,)*) => {
        /// The kinds of problem. A code is never renamed and never used for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the page that describes them.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The stable word.
            pub const fn word(self) -> &'static str {
                match self { $(Code::$variant => $word,)* }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)* }
            }

            /// What happened.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// What to do, where nothing more exact is known.
            pub const fn cure(self) -> &'static str {
                match self { $(Code::$variant => $cure,)* }
            }
        }
    };
}

codes! {
    /// Not JSON, not the form that was asked for, or a path that cannot be read.
    BadRequest "bad_request" 400 "The request cannot be read." "Send JSON as /openapi.json describes it.",
    /// It can be read, but a field is missing or has a value that is not possible.
    InvalidField "invalid_field" 422 "A field is missing or has a value that is not possible." "Compare the request with /openapi.json.",
    /// The body is longer than `server.body_limit`.
    BodyTooLarge "body_too_large" 413 "The body is too long." "No request of this API needs that much; send only the fields that are described.",
    /// The request did not come to its end within `server.request_seconds`.
    TooSlow "too_slow" 408 "The request took too long." "Send it again, whole. Nothing is known to have been done.",
    /// The body's type is not the one that is read here.
    UnsupportedMediaType "unsupported_media_type" 415 "The body is of another type than this path reads." "Send the header Content-Type that /openapi.json names.",
    /// No API key came with the request.
    ApiKeyMissing "api_key_missing" 401 "This path needs an API key." "Send it as Authorization: Bearer KEY. A key is made with: couchkey-platform api-key new NAME",
    /// The API key is not one of ours, or was revoked.
    ApiKeyRefused "api_key_refused" 401 "The API key is not valid." "Check that the whole key was copied, or make another with: couchkey-platform api-key new NAME",
    /// The API key is valid and has not the right to do this.
    InsufficientRight "insufficient_right" 403 "This API key may not do that." "Make a key that may: couchkey-platform api-key new NAME --may RIGHT",
    /// There is nothing at this path.
    NotFound "not_found" 404 "There is nothing here." "See /openapi.json for the paths that there are.",
    /// The path exists and does not know this method.
    MethodNotAllowed "method_not_allowed" 405 "This path does not know this method." "See /openapi.json for the methods of each path.",
    /// The demo was reached by a name that is not its own.
    WrongHost "wrong_host" 421 "This server has another name." "Open the demo at the address that it printed when it started.",
    /// A form came from another site.
    CrossSite "cross_site" 403 "The form came from another site, or its page was too old." "Open the page again and repeat what you did there.",
    /// This `Idempotency-Key` was used with another request.
    IdempotencyMismatch "idempotency_mismatch" 422 "This Idempotency-Key belongs to another request." "Use a new key for a new request, and the same body when you repeat one.",
    /// The first request with this `Idempotency-Key` is not done yet.
    IdempotencyBusy "idempotency_busy" 409 "The first request with this Idempotency-Key is still under way." "Repeat the same request in a moment.",
    /// Too many requests from this address, or too many messages to this recipient.
    RateLimited "rate_limited" 429 "Too many requests." "Wait as long as Retry-After says, then try again.",
    /// The person has a confirmed enrolment already.
    AlreadyEnrolled "already_enrolled" 409 "This person has an authenticator already." "Use a rotation to replace it: POST /v1/rotations",
    /// There is no enrolment or rotation to confirm.
    NothingToConfirm "nothing_to_confirm" 409 "There is no enrolment or rotation to confirm." "Begin one; its QR code then waits for one code.",
    /// The person has no confirmed enrolment.
    NotEnrolled "not_enrolled" 409 "This person has no authenticator." "Enrol the person first: POST /v1/enrolments",
    /// The person is signed in on as many devices as `service.devices_per_person` says.
    TooManyDevices "too_many_devices" 409 "This person is signed in on as many devices as they may be." "Sign one of them out first: GET and DELETE /v1/people/{person}/devices",
    /// An address or number that no message can be sent to.
    UndeliverableAddress "undeliverable_address" 422 "No message can be sent to this address." "Check the address; a telephone number starts with + and a country whose numbers are allowed.",
    /// This way of sending is not set up.
    ChannelUnavailable "channel_unavailable" 409 "This way of sending is not set up on this server." "Choose another channel, or set it up in the configuration ([mail.smtp], [sms.http], [sms.smpp]).",
    /// The database does not answer.
    Unavailable "unavailable" 503 "The server cannot do this just now." "Nothing was lost. Try again in a few seconds.",
    /// A defect of ours.
    Internal "internal" 500 "Something went wrong in the server." "It was written to the log under the number in the header X-Request-Id.",
}

impl Problem {
    /// The problem with its usual cure.
    pub fn new(code: Code) -> Problem {
        Problem {
            kind: format!("/problems#{}", code.word()),
            title: code.title(),
            status: code.status(),
            code,
            detail: code.cure().to_owned(),
            retry_after: None,
        }
    }

    /// The same with a more exact cure. It may name fields and figures, never what was sent.
    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = detail.into();
        self
    }

    /// The same with the seconds after which it may work.
    pub fn retry_after(mut self, seconds: u64) -> Problem {
        self.retry_after = Some(seconds);
        self
    }

    /// The database has another history than a moment ago, and no code is looked at for these seconds.
    pub fn changed_over(seconds: u64) -> Problem {
        Problem::new(Code::Unavailable)
            .detail("The database was changed over or brought back a moment ago. Codes from apps are looked at again after Retry-After, so that none is accepted twice.")
            .retry_after(seconds)
    }

    /// Its stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What happened and what to do, for a page.
    pub fn words(&self) -> (&str, &str) {
        (self.title, &self.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).expect("the table has HTTP statuses");
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"couchkey-platform\""),
            );
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// In the OpenAPI document: what every path may answer besides.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        [("4XX", "Refused"), ("5XX", "Failed")]
            .map(|(status, description)| {
                let schema = Ref::from_schema_name(Problem::name());
                let content = ContentBuilder::new().schema(Some(schema)).build();
                let response = ResponseBuilder::new()
                    .description(description)
                    .content("application/problem+json", content)
                    .build();
                (status.to_owned(), response.into())
            })
            .into()
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Problem {
        Problem::new(code)
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

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Problem {
        match error {
            EnrolError::AlreadyEnrolled => Code::AlreadyEnrolled.into(),
            EnrolError::NotEnrolled => Code::NotEnrolled.into(),
            EnrolError::BadAccountName => {
                Problem::new(Code::InvalidField).detail("account: 1 to 256 characters.")
            }
            EnrolError::Store(error) => error.into(),
            _ => Code::Internal.into(),
        }
    }
}

impl From<ChallengeError> for Problem {
    fn from(error: ChallengeError) -> Problem {
        match error {
            ChallengeError::Cooldown { retry_after } => Problem::new(Code::RateLimited)
                .detail("A code was sent a moment ago. Look for it, or wait before asking for one more.")
                .retry_after(retry_after),
            ChallengeError::DailyCap { retry_after } => Problem::new(Code::RateLimited)
                .detail("This address has got all the codes of today. Use the one that came last, or wait until tomorrow.")
                .retry_after(retry_after),
            ChallengeError::Throttled { retry_after, .. } => Problem::new(Code::RateLimited).retry_after(retry_after),
            ChallengeError::CountryNotServed => Problem::new(Code::UndeliverableAddress)
                .detail("No text messages are sent to this country. Choose e-mail."),
            ChallengeError::SmsBudgetSpent => Problem::new(Code::ChannelUnavailable)
                .detail("No more text messages are sent there today. Choose e-mail, or wait until tomorrow."),
            ChallengeError::SmsPaused => Problem::new(Code::ChannelUnavailable)
                .detail("No text messages are sent to such numbers just now. Choose e-mail, or wait until tomorrow."),
            ChallengeError::MailBudgetSpent => Problem::new(Code::ChannelUnavailable)
                .detail("No more mails are sent there today. Use your app, or wait until tomorrow."),
            ChallengeError::Ended => Problem::new(Code::NothingToConfirm).detail("This request for a code has ended. Ask for a new code."),
            ChallengeError::Store(error) => error.into(),
            _ => Code::Internal.into(),
        }
    }
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
