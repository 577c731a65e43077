//! Codes from the app: enrolment, rotation, verification, deletion.
use std::net::IpAddr;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use couchkey_platform::{
    ConfirmError, ConfirmRequest, EnrolRequest, Enrolled, EnrolmentId, VerifyError, VerifyRequest,
    store::Record,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CODE_SECONDS, Verdict, VerdictAnswer, person_id, verdict};
use crate::{
    app::{
        App,
        extract::{Body, InPath},
        problem::{Code, Problem},
        records::{Act, Who},
    },
    http::idempotency::{Answering, IdempotencyKey},
};

/// Who wants codes from an app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEnrolment {
    /// Your own id of the person: 1 to 128 printable ASCII characters without blanks.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        example = "fam-0042"
    )]
    person: String,
    /// What the app shows under your name: an e-mail address, a customer number.
    #[schema(min_length = 1, max_length = 256, example = "ana@example.tv")]
    account: String,
}

/// A secret that waits for its first code. Show the QR code once and keep nothing of it.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentAnswer {
    /// What `confirm` asks for.
    enrolment: String,
    /// The content of the QR code. It is the secret.
    otpauth_uri: String,
    /// The secret in base32, for people who type it.
    secret: String,
    /// SHA1, SHA256 or SHA512.
    #[schema(value_type = String)]
    algorithm: &'static str,
    digits: u8,
    /// Seconds for which a code lives.
    period: u32,
    /// When it ends if no code has come, in seconds since 1970.
    expires_at: u64,
}

/// The first code of an enrolment or a rotation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        example = "fam-0042"
    )]
    person: String,
    /// The `enrolment` of the first answer.
    #[schema(max_length = 64)]
    enrolment: String,
    /// As it was typed; blanks and dashes do not count.
    #[schema(max_length = 64, example = "482 913")]
    code: String,
    #[schema(schema_with = super::ip)]
    from: IpAddr,
}

/// A code that somebody typed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        example = "fam-0042"
    )]
    person: String,
    /// As it was typed; blanks and dashes do not count.
    #[schema(max_length = 64, example = "482 913")]
    code: String,
    #[schema(schema_with = super::ip)]
    from: IpAddr,
}

/// What is known of a person.
#[derive(Serialize, ToSchema)]
pub struct PersonAnswer {
    /// Whether they have an app whose codes are accepted.
    enrolled: bool,
}

/// Makes a secret for a person who has none.
#[utoipa::path(
    post, path = "/v1/enrolments", tag = "app", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = NewEnrolment,
    responses(
        (status = 201, description = "A secret that waits for its first code", body = EnrolmentAnswer),
        Problem,
    )
)]
pub async fn enrol(
    State(app): State<App>,
    Body(body): Body<NewEnrolment>,
) -> Result<(StatusCode, Json<EnrolmentAnswer>), Problem> {
    let request = EnrolRequest {
        person: person_id(body.person)?,
        account: body.account,
    };
    let enrolled = app.platform.enrol(&request).await?;
    Ok((StatusCode::CREATED, Json(enrolled.into())))
}

/// Takes the first code of an enrolment: from now on its codes are accepted.
#[utoipa::path(
    post, path = "/v1/enrolments/confirm", tag = "app", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = Confirmation,
    responses(
        (status = 200, description = "What became of the code", body = VerdictAnswer),
        Problem,
    )
)]
pub async fn confirm(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    answering: Option<Extension<Answering>>,
    Body(body): Body<Confirmation>,
) -> Result<Response, Problem> {
    confirmed(&app, &who, answering, body, Act::AppSetUp).await
}

/// Makes a new secret for a person who has one. The old one works until the new one is confirmed.
#[utoipa::path(
    post, path = "/v1/rotations", tag = "app", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = NewEnrolment,
    responses(
        (status = 201, description = "A secret that waits for its first code", body = EnrolmentAnswer),
        Problem,
    )
)]
pub async fn begin_rotation(
    State(app): State<App>,
    Body(body): Body<NewEnrolment>,
) -> Result<(StatusCode, Json<EnrolmentAnswer>), Problem> {
    let request = EnrolRequest {
        person: person_id(body.person)?,
        account: body.account,
    };
    let enrolled = app.platform.begin_rotation(&request).await?;
    Ok((StatusCode::CREATED, Json(enrolled.into())))
}

/// Takes the first code of the new secret: the old one stops at once.
#[utoipa::path(
    post, path = "/v1/rotations/confirm", tag = "app", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = Confirmation,
    responses(
        (status = 200, description = "What became of the code", body = VerdictAnswer),
        Problem,
    )
)]
pub async fn confirm_rotation(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    answering: Option<Extension<Answering>>,
    Body(body): Body<Confirmation>,
) -> Result<Response, Problem> {
    confirmed(&app, &who, answering, body, Act::AppReplaced).await
}

/// Accepts a code exactly once. Known and unknown people get the same answers.
///
/// With an Idempotency-Key, a request whose answer was lost on the way can be sent again, also when the server died over it: it is
/// `accepted` once more for as long as the code lives, while the same code in another request is `used`.
#[utoipa::path(
    post, path = "/v1/verify", tag = "app", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = Verification,
    responses(
        (status = 200, description = "What became of the code", body = VerdictAnswer),
        Problem,
    )
)]
pub async fn verify(
    State(app): State<App>,
    answering: Option<Extension<Answering>>,
    Body(body): Body<Verification>,
) -> Result<Response, Problem> {
    let request = VerifyRequest {
        person: person_id(body.person)?,
        code: &body.code,
        from: body.from,
    };
    let keep = accepted(&answering);
    let kept = keep.is_some();
    let answer: VerdictAnswer = match app.platform.verify_and_keep(&request, keep).await {
        Ok(_) => return Ok(verdict(VerdictAnswer::from(Verdict::Accepted), kept)),
        Err(VerifyError::Wrong) => Verdict::Wrong.into(),
        Err(VerifyError::Used) => Verdict::Used.into(),
        Err(VerifyError::Throttled { retry_after, .. }) => VerdictAnswer::throttled(retry_after),
        Err(VerifyError::Stopped) => Verdict::Stopped.into(),
        Err(VerifyError::ChangedOver { retry_after }) => {
            return Err(Problem::changed_over(retry_after));
        }
        Err(VerifyError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Code::Internal.into()),
    };
    Ok(verdict(answer, false))
}

/// Says whether a person has an app.
#[utoipa::path(
    get, path = "/v1/people/{person}", tag = "app", security(("api_key" = [])),
    params(("person" = String, Path, description = "Your own id of the person", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    responses(
        (status = 200, description = "What is known", body = PersonAnswer),
        Problem,
    )
)]
pub async fn person(
    State(app): State<App>,
    InPath(person): InPath<String>,
) -> Result<Json<PersonAnswer>, Problem> {
    let person = person_id(person)?;
    Ok(Json(PersonAnswer {
        enrolled: app.platform.is_enrolled(&person).await?,
    }))
}

/// Forgets a person: their app, their sessions and tokens. Done is done, also the second time.
#[utoipa::path(
    delete, path = "/v1/people/{person}", tag = "app", security(("api_key" = [])),
    params(("person" = String, Path, description = "Your own id of the person", min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    responses(
        (status = 204, description = "Forgotten"),
        Problem,
    )
)]
pub async fn forget(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    InPath(person): InPath<String>,
) -> Result<StatusCode, Problem> {
    let person = person_id(person)?;
    app.forget(&person).await?;
    let forgotten = Act::PersonForgotten;
    app.records.note(&who, forgotten, Some(&person)).await;
    Ok(StatusCode::NO_CONTENT)
}

struct Confirm {
    person: couchkey_platform::PersonId,
    id: EnrolmentId,
    code: String,
    from: IpAddr,
}

impl Confirmation {
    fn read(self) -> Result<Confirm, Problem> {
        Ok(Confirm {
            person: person_id(self.person)?,
            id: EnrolmentId::new(self.enrolment),
            code: self.code,
            from: self.from,
        })
    }
}

impl Confirm {
    fn borrowed(&self) -> ConfirmRequest<'_> {
        ConfirmRequest {
            person: self.person.clone(),
            id: self.id.clone(),
            code: &self.code,
            from: self.from,
        }
    }
}

/// What is kept with a code that is accepted, where its request may be repeated.
fn accepted(answering: &Option<Extension<Answering>>) -> Option<Record> {
    let Extension(answering) = answering.as_ref()?;
    Some(answering.record(&VerdictAnswer::from(Verdict::Accepted), CODE_SECONDS))
}

async fn confirmed(
    app: &App,
    who: &Who,
    answering: Option<Extension<Answering>>,
    body: Confirmation,
    act: Act,
) -> Result<Response, Problem> {
    let request = body.read()?;
    let keep = accepted(&answering);
    let kept = keep.is_some();
    let confirm = request.borrowed();
    let answer: VerdictAnswer = match app.platform.confirm_and_keep(&confirm, keep).await {
        Ok(()) => {
            app.records.note(who, act, Some(&request.person)).await;
            return Ok(verdict(VerdictAnswer::from(Verdict::Accepted), kept));
        }
        Err(ConfirmError::Wrong) => Verdict::Wrong.into(),
        Err(ConfirmError::Throttled { retry_after, .. }) => VerdictAnswer::throttled(retry_after),
        Err(ConfirmError::Expired) => Verdict::Ended.into(),
        Err(ConfirmError::ChangedOver { retry_after }) => {
            return Err(Problem::changed_over(retry_after));
        }
        Err(ConfirmError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Code::Internal.into()),
    };
    Ok(verdict(answer, false))
}

impl From<Enrolled> for EnrolmentAnswer {
    fn from(enrolled: Enrolled) -> Self {
        EnrolmentAnswer {
            enrolment: enrolled.id.as_str().to_owned(),
            otpauth_uri: enrolled.uri.to_string(),
            secret: enrolled.secret.to_string(),
            algorithm: enrolled.algorithm.as_str(),
            digits: enrolled.digits.get(),
            period: enrolled.period.get(),
            expires_at: enrolled.expires_at.as_secs(),
        }
    }
}
