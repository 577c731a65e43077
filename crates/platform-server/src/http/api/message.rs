//! Codes by e-mail and SMS: sign-up, sign-in without the app, recovery.
use std::net::IpAddr;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use couchkey_platform::{
    ChallengeAnswer, ChallengeId, ChallengeRequest, KeepRedeemed, Platform, Purpose, RedeemError,
    RedeemRequest, Redeemed,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Verdict, person_id, verdict};
use crate::{
    app::{
        App, Channel,
        extract::{Body, InPath},
        problem::{Code, Problem},
        records::{Act, Who},
    },
    http::idempotency::{Answering, IdempotencyKey},
};

/// What a code is for. A code for one purpose is worth nothing for another.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum For {
    /// Proving that a new person has this address.
    SignUp,
    /// Signing in without the app.
    SignIn,
    /// A way in for somebody who forgot their password or lost their phone.
    Recovery,
}

/// Somebody asks for a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChallenge {
    channel: Channel,
    /// The e-mail address, or the telephone number with `+` and the country first.
    #[schema(max_length = 320, example = "ana@example.tv")]
    to: String,
    purpose: For,
    #[schema(schema_with = super::ip)]
    from: IpAddr,
    /// The language to write in (BCP 47).
    #[schema(max_length = 35, example = "en")]
    language: Option<String>,
    /// What this browser or app has kept since it signed the person in: the `known` of that answer. No stranger uses up what it
    /// may ask for.
    #[schema(max_length = 128)]
    known: Option<String>,
}

/// What everybody who asks is told, whether or not anybody has the address.
#[derive(Serialize, ToSchema)]
pub struct NewChallengeAnswer {
    /// For `redeem` and `resend`.
    challenge: String,
    channel: Channel,
    /// How many digits the code has.
    digits: u8,
    /// Until when it can be redeemed, in seconds since 1970.
    expires_at: u64,
    /// From when it can be sent once more, in seconds since 1970.
    resend_at: u64,
}

/// Somebody asks for the same code once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resend {
    #[schema(schema_with = super::ip)]
    from: IpAddr,
}

/// A code from a message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redemption {
    /// What the challenge was made for.
    purpose: For,
    /// As it was typed; blanks and dashes do not count.
    #[schema(max_length = 64, example = "48 29 13")]
    code: String,
    #[schema(schema_with = super::ip)]
    from: IpAddr,
    /// As for the challenge: what the browser or app has kept.
    #[schema(max_length = 128)]
    known: Option<String>,
}

/// What became of a code from a message.
#[derive(Serialize, ToSchema)]
pub struct RedemptionAnswer {
    /// The verdict.
    result: Verdict,
    /// Who it was: when accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    /// Whether this sign-up made the person: when accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
    /// Whether to offer the app now, for they have none: when accepted. A code by mail or SMS is never a second factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    offer_app: Option<bool>,
    /// For the browser or app to keep, and to show when it asks for a code again; it opens nothing: when accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<String>,
    /// How many tries are left: when wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    tries_left: Option<u32>,
    /// Seconds until the next try is looked at: when throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// An address that you have verified by other means.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        example = "fam-0042"
    )]
    person: String,
    channel: Channel,
    /// The e-mail address, or the telephone number with `+` and the country first.
    #[schema(max_length = 320, example = "ana@example.tv")]
    to: String,
}

/// Whose an address is.
#[derive(Serialize, ToSchema)]
pub struct ContactAnswer {
    /// Another person's id, where they had the address before.
    person: String,
}

/// Sends a code to an address, if anybody has it (for `sign_up`: to anybody).
#[utoipa::path(
    post, path = "/v1/challenges", tag = "message", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = NewChallenge,
    responses(
        (status = 201, description = "On its way, if anybody has the address", body = NewChallengeAnswer),
        Problem,
    )
)]
pub async fn challenge(
    State(app): State<App>,
    Body(body): Body<NewChallenge>,
) -> Result<(StatusCode, Json<NewChallengeAnswer>), Problem> {
    let recipient = app.recipient(body.channel, &body.to)?;
    let language = body.language.filter(|language| is_language(language));
    let request = ChallengeRequest {
        recipient,
        purpose: body.purpose.into(),
        from: body.from,
        language,
        known: body.known,
    };
    let answer = app.platform.challenge(&request).await;
    let answer = answer.inspect_err(|error| app.count_refusal(*error))?;
    Ok((StatusCode::CREATED, Json(answer.into())))
}

/// Sends the same code once more; its tries keep counting and its end stays.
#[utoipa::path(
    post, path = "/v1/challenges/{challenge}/resend", tag = "message", security(("api_key" = [])),
    params(
        ("challenge" = String, Path, description = "The `challenge` of the first answer", min_length = 1, max_length = 64),
        IdempotencyKey,
    ),
    request_body = Resend,
    responses(
        (status = 200, description = "On its way, if anybody has the address", body = NewChallengeAnswer),
        Problem,
    )
)]
pub async fn resend(
    State(app): State<App>,
    InPath(challenge): InPath<String>,
    Body(body): Body<Resend>,
) -> Result<Json<NewChallengeAnswer>, Problem> {
    let answer = app
        .platform
        .resend(&ChallengeId::new(challenge), body.from)
        .await?;
    Ok(Json(answer.into()))
}

/// Accepts the code of a challenge exactly once.
#[utoipa::path(
    post, path = "/v1/challenges/{challenge}/redeem", tag = "message", security(("api_key" = [])),
    params(
        ("challenge" = String, Path, description = "The `challenge` of the first answer", min_length = 1, max_length = 64),
        IdempotencyKey,
    ),
    request_body = Redemption,
    responses(
        (status = 200, description = "What became of the code", body = RedemptionAnswer),
        Problem,
    )
)]
pub async fn redeem(
    State(app): State<App>,
    InPath(challenge): InPath<String>,
    answering: Option<Extension<Answering>>,
    Body(body): Body<Redemption>,
) -> Result<Response, Problem> {
    let request = RedeemRequest {
        id: ChallengeId::new(challenge),
        purpose: body.purpose.into(),
        code: &body.code,
        from: body.from,
        known: body.known.as_deref(),
    };
    let keep = answering.map(|Extension(answering)| -> KeepRedeemed {
        Box::new(move |redeemed| answering.record(&accepted(redeemed), Platform::CHALLENGE_SECS))
    });
    let kept = keep.is_some();
    let mut answer = RedemptionAnswer {
        result: Verdict::Wrong,
        person: None,
        created: None,
        offer_app: None,
        known: None,
        tries_left: None,
        retry_after: None,
    };
    match app.platform.redeem_and_keep(&request, keep).await {
        Ok(redeemed) => return Ok(verdict(accepted(&redeemed), kept)),
        Err(RedeemError::Wrong { tries_left }) => answer.tries_left = Some(tries_left),
        Err(RedeemError::Ended) => answer.result = Verdict::Ended,
        Err(RedeemError::Stopped) => answer.result = Verdict::Stopped,
        Err(RedeemError::Throttled { retry_after, .. }) => {
            answer.result = Verdict::Throttled;
            answer.retry_after = Some(retry_after);
        }
        Err(RedeemError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Code::Internal.into()),
    }
    Ok(verdict(answer, false))
}

fn accepted(redeemed: &Redeemed) -> RedemptionAnswer {
    RedemptionAnswer {
        result: Verdict::Accepted,
        person: Some(redeemed.person.as_str().to_owned()),
        created: Some(redeemed.created),
        offer_app: Some(redeemed.offer_app),
        known: Some(redeemed.known.clone()),
        tries_left: None,
        retry_after: None,
    }
}

/// Says that a person has an address, which you have verified by other means.
#[utoipa::path(
    post, path = "/v1/contacts", tag = "message", security(("api_key" = [])),
    params(IdempotencyKey),
    request_body = NewContact,
    responses(
        (status = 200, description = "Whose the address is", body = ContactAnswer),
        Problem,
    )
)]
pub async fn contact(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Body(body): Body<NewContact>,
) -> Result<Json<ContactAnswer>, Problem> {
    let recipient = app.recipient(body.channel, &body.to)?;
    let asked = person_id(body.person)?;
    let person = app.platform.add_contact(&asked, &recipient).await?;
    // One that somebody else has stays theirs.
    if person == asked {
        let added = Act::AddressAdded;
        app.records.note(&who, added, Some(&person)).await;
    }
    Ok(Json(ContactAnswer {
        person: person.as_str().to_owned(),
    }))
}

/// Letters, figures and dashes: nothing that a message would have to fear.
fn is_language(text: &str) -> bool {
    (2..=35).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl From<For> for Purpose {
    fn from(purpose: For) -> Purpose {
        match purpose {
            For::SignUp => Purpose::SignUp,
            For::SignIn => Purpose::SignIn,
            For::Recovery => Purpose::Recovery,
        }
    }
}

impl From<ChallengeAnswer> for NewChallengeAnswer {
    fn from(answer: ChallengeAnswer) -> Self {
        NewChallengeAnswer {
            challenge: answer.id.as_str().to_owned(),
            channel: answer.channel.into(),
            digits: answer.digits,
            expires_at: answer.expires_at.as_secs(),
            resend_at: answer.resend_at.as_secs(),
        }
    }
}
