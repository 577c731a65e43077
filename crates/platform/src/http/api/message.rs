//! Codes by e-mail and SMS: sign-up, sign-in without the app, recovery.
use std::net::IpAddr;

use axum::{Json, extract::State, http::StatusCode};
use couchkey_platform::{
    ChallengeAnswer, ChallengeError, ChallengeId, ChallengeRequest, Purpose, Recipient,
    RedeemError, RedeemRequest,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Verdict, person_id};
use crate::http::{
    App,
    extract::{Body, InPath},
    idempotency::IdempotencyKey,
    problem::{Code, Problem},
};

/// How a code travels.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
}

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
    let recipient = recipient(&app, body.channel, &body.to)?;
    let language = body.language.filter(|language| is_language(language));
    let request = ChallengeRequest {
        recipient,
        purpose: body.purpose.into(),
        from: body.from,
        language,
    };
    let answer = app.platform.challenge(&request).await?;
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
    Body(body): Body<Redemption>,
) -> Result<Json<RedemptionAnswer>, Problem> {
    let request = RedeemRequest {
        id: ChallengeId::new(challenge),
        purpose: body.purpose.into(),
        code: &body.code,
        from: body.from,
    };
    let mut answer = RedemptionAnswer {
        result: Verdict::Accepted,
        person: None,
        created: None,
        offer_app: None,
        tries_left: None,
        retry_after: None,
    };
    match app.platform.redeem(&request).await {
        Ok(redeemed) => {
            answer.person = Some(redeemed.person.as_str().to_owned());
            answer.created = Some(redeemed.created);
            answer.offer_app = Some(redeemed.offer_app);
        }
        Err(RedeemError::Wrong { tries_left }) => {
            answer.result = Verdict::Wrong;
            answer.tries_left = Some(tries_left);
        }
        Err(RedeemError::Ended) => answer.result = Verdict::Ended,
        Err(RedeemError::Throttled { retry_after, .. }) => {
            answer.result = Verdict::Throttled;
            answer.retry_after = Some(retry_after);
        }
        Err(RedeemError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Code::Internal.into()),
    }
    Ok(Json(answer))
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
    Body(body): Body<NewContact>,
) -> Result<Json<ContactAnswer>, Problem> {
    let recipient = recipient(&app, body.channel, &body.to)?;
    let person = app
        .platform
        .add_contact(&person_id(body.person)?, &recipient)
        .await?;
    Ok(Json(ContactAnswer {
        person: person.as_str().to_owned(),
    }))
}

/// An address that this server can write to.
pub fn recipient(app: &App, channel: Channel, to: &str) -> Result<Recipient, Problem> {
    if !app.sends(channel) {
        return Err(Code::ChannelUnavailable.into());
    }
    let parsed = match channel {
        Channel::Email => Recipient::email(to),
        Channel::Sms => Recipient::phone(to),
    };
    parsed.map_err(|error| Problem::new(Code::UndeliverableAddress).detail(error.hint()))
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
            channel: match answer.channel {
                couchkey_platform::Channel::Email => Channel::Email,
                couchkey_platform::Channel::Sms => Channel::Sms,
            },
            digits: answer.digits,
            expires_at: answer.expires_at.as_secs(),
            resend_at: answer.resend_at.as_secs(),
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
            ChallengeError::Ended => Problem::new(Code::NothingToConfirm).detail("This request for a code has ended. Ask for a new code."),
            ChallengeError::Store(error) => error.into(),
            _ => Code::Internal.into(),
        }
    }
}
