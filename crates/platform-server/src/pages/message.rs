//! A code by mail or SMS: asked for to sign up or to get in without the app, typed, and sent again.
use axum::response::Response;
use couchkey_platform::{
    ChallengeError, ChallengeId, ChallengeRequest, Purpose, Recipient, RedeemError, RedeemRequest,
};
use maud::html;
use serde::Deserialize;

use super::{
    KNOWN, Page, Refused, Visitor,
    layout::{Look, code_field, note, token},
    signing::Bare,
    wait,
};
use crate::app::{
    Channel,
    extract::FormBody,
    problem::{Code, Problem},
    records::SessionKind,
};

/// Where a code is to go.
#[derive(Deserialize)]
pub struct Where {
    token: String,
    channel: Channel,
    to: String,
}

/// GET /signup.
pub async fn sign_up(visitor: Visitor) -> Page {
    Ok(ask_where(visitor, Purpose::SignUp, None, ""))
}

/// POST /signup.
pub async fn start_sign_up(visitor: Visitor, FormBody(form): FormBody<Where>) -> Page {
    start(visitor, Purpose::SignUp, form).await
}

/// GET /forgot.
pub async fn forgot(visitor: Visitor) -> Page {
    Ok(ask_where(visitor, Purpose::Recovery, None, ""))
}

/// POST /forgot.
pub async fn start_forgot(visitor: Visitor, FormBody(form): FormBody<Where>) -> Page {
    start(visitor, Purpose::Recovery, form).await
}

fn ask_where(visitor: Visitor, purpose: Purpose, trouble: Option<&str>, to: &str) -> Response {
    let (title, action, lead) = match purpose {
        Purpose::SignUp => (
            "Sign up",
            "/signup",
            "We send you a code to see that the address is yours. There is no password to think of.",
        ),
        _ => (
            "A code by mail or SMS",
            "/forgot",
            "No app at hand, a new phone, or the password forgotten: we send a code to the address that you signed up with.",
        ),
    };
    let (mail, sms) = (
        visitor.app.sends(Channel::Email),
        visitor.app.sends(Channel::Sms),
    );
    let body = html! {
        h1 { (title) }
        p { (lead) }
        @if let Some(words) = trouble { (note(words, true)) }
        form class="stack" method="post" action=(action) {
            (token(&visitor.token()))
            @match (mail, sms) {
                (true, true) => fieldset {
                    legend { "Send it by" }
                    label class="choice" { input type="radio" name="channel" value="email" checked; "E-mail" }
                    label class="choice" { input type="radio" name="channel" value="sms"; "SMS" }
                },
                (false, _) => input type="hidden" name="channel" value="sms";,
                (true, false) => input type="hidden" name="channel" value="email";,
            }
            label class="field" {
                span { @match (mail, sms) { (true, true) => "E-mail address or telephone number", (false, _) => "Telephone number", (true, false) => "E-mail address" } }
                input class="input" name="to" value=(to) autocomplete=(if mail { "email" } else { "tel" }) maxlength="320" required
                    autofocus aria-invalid=[trouble.map(|_| "true")];
            }
            button class="button primary" { "Send me a code" }
        }
        @if purpose == Purpose::SignUp {
            p class="quiet" { "Signed up before? " a href="/signin" { "Sign in" } }
        } @else {
            p class="quiet small" { "Such a code signs you in. It is not a second factor: an app is safer, and we offer it afterwards." }
        }
    };
    visitor.page(title, Look::Plain, body)
}

/// Which challenge this browser is answering. It is kept in a cookie for as long as the code lives.
struct Flow {
    purpose: Purpose,
    challenge: String,
    channel: String,
    digits: u8,
}

const FLOW: &str = "flow";

impl Flow {
    fn of(visitor: &Visitor) -> Option<Flow> {
        let cookie = visitor.cookie(FLOW)?;
        let mut parts = cookie.split('.');
        let purpose = match parts.next()? {
            "up" => Purpose::SignUp,
            "re" => Purpose::Recovery,
            _ => return None,
        };
        let channel = parts
            .next()
            .filter(|channel| matches!(*channel, "email" | "sms"))?
            .to_owned();
        let digits = parts.next()?.parse().ok()?;
        let challenge = parts.next()?.to_owned();
        Some(Flow {
            purpose,
            challenge,
            channel,
            digits,
        })
    }

    fn text(&self) -> String {
        let purpose = if self.purpose == Purpose::SignUp {
            "up"
        } else {
            "re"
        };
        format!(
            "{purpose}.{}.{}.{}",
            self.channel, self.digits, self.challenge
        )
    }
}

async fn start(visitor: Visitor, purpose: Purpose, form: Where) -> Page {
    visitor.check(&form.token)?;
    let to = form.to;
    // Whoever types a number into the field for mail means SMS, and the other way round.
    let channel = match form.channel {
        Channel::Email if to.trim_start().starts_with('+') && visitor.app.sends(Channel::Sms) => {
            Channel::Sms
        }
        Channel::Sms if to.contains('@') && visitor.app.sends(Channel::Email) => Channel::Email,
        chosen => chosen,
    };
    let recipient = match visitor.app.recipient(channel, &to) {
        Ok(recipient) => recipient,
        Err(problem) => return Ok(ask_where(visitor, purpose, Some(problem.words().1), &to)),
    };
    match start_with(visitor, purpose, recipient).await? {
        Ok(page) => Ok(page),
        Err(refused) => {
            let (visitor, error) = *refused;
            let words = Problem::from(error);
            Ok(ask_where(visitor, purpose, Some(words.words().1), &to))
        }
    }
}

/// Sends a code there, and the visitor to the page that asks for it; or gives them back with what is in the way.
pub async fn start_with(
    mut visitor: Visitor,
    purpose: Purpose,
    recipient: Recipient,
) -> Result<Result<Response, Box<(Visitor, ChallengeError)>>, Refused> {
    let channel = recipient.channel().as_str();
    let request = ChallengeRequest {
        recipient,
        purpose,
        from: visitor.from,
        language: visitor.language.clone(),
        known: visitor.cookie(KNOWN),
    };
    match visitor.app.platform.challenge(&request).await {
        Ok(answer) => {
            if purpose == Purpose::SignUp {
                visitor.app.count(&format!("signup_started.{channel}"));
            }
            let flow = Flow {
                purpose,
                challenge: answer.id.as_str().to_owned(),
                channel: channel.to_owned(),
                digits: answer.digits,
            };
            let seconds = answer
                .expires_at
                .as_secs()
                .saturating_sub(visitor.app.platform.now().as_secs());
            visitor.set(FLOW, &flow.text(), Some(seconds));
            Ok(Ok(visitor.go("/code")))
        }
        // A code is on its way already, to this browser: it may be typed.
        Err(ChallengeError::Cooldown { .. })
            if Flow::of(&visitor).is_some_and(|flow| flow.purpose == purpose) =>
        {
            Ok(Ok(visitor.go("/code")))
        }
        Err(ChallengeError::Store(error)) => Err(error.into()),
        Err(error) => {
            visitor.app.count_refusal(error);
            Ok(Err(Box::new((visitor, error))))
        }
    }
}

/// GET /code.
pub async fn code(visitor: Visitor) -> Page {
    match Flow::of(&visitor) {
        Some(flow) => Ok(ask_code(visitor, &flow, None, false)),
        None => Ok(visitor.go("/forgot")),
    }
}

fn ask_code(visitor: Visitor, flow: &Flow, said: Option<&str>, bad: bool) -> Response {
    let way = if flow.channel == "sms" {
        "text message"
    } else {
        "mail"
    };
    let body = html! {
        h1 { "Type the code" }
        p { "If the address can be reached, a " (way) " with " (flow.digits) " digits is on its way, or was sent within the last ten minutes. It works for ten minutes from then." }
        @if visitor.app.demo { (note("Demo: look at the terminal in which the server runs.", false)) }
        @if let Some(words) = said { (note(words, bad)) }
        form class="stack" method="post" action="/code" {
            (token(&visitor.token()))
            (code_field("Code", bad))
            button class="button primary" { "Go on" }
        }
        form method="post" action="/code/again" {
            (token(&visitor.token()))
            button class="button" { "Send the same code again" }
        }
        p class="quiet" { "Nothing there? Look among unwanted mail, or " a href=(if flow.purpose == Purpose::SignUp { "/signup" } else { "/forgot" }) { "try another address" } "." }
    };
    visitor.page("Type the code", Look::Plain, body)
}

/// What was typed into the page of a code.
#[derive(Deserialize)]
pub struct Typed {
    token: String,
    code: String,
}

/// POST /code.
pub async fn redeem(mut visitor: Visitor, FormBody(form): FormBody<Typed>) -> Page {
    visitor.check(&form.token)?;
    let Some(flow) = Flow::of(&visitor) else {
        return Ok(visitor.go("/forgot"));
    };
    let kept = visitor.cookie(KNOWN);
    let request = RedeemRequest {
        id: ChallengeId::new(flow.challenge.clone()),
        purpose: flow.purpose,
        code: &form.code,
        from: visitor.from,
        known: kept.as_deref(),
    };
    let words = match visitor.app.platform.redeem(&request).await {
        Ok(redeemed) => {
            if flow.purpose == Purpose::SignUp {
                visitor.app.count(&format!("signup_confirmed.{}", flow.channel));
            }
            visitor.unset(FLOW);
            visitor.open(&redeemed.person, SessionKind::Web, &flow.channel).await?;
            // Whoever came from a television is let in there first; the app is offered after that.
            return Ok(visitor.go_on(if redeemed.offer_app { "/enrol" } else { "/account" }));
        }
        Err(RedeemError::Wrong { tries_left: 1 }) => "That is not the code. One try is left.".to_owned(),
        Err(RedeemError::Wrong { tries_left }) => format!("That is not the code. {tries_left} tries are left."),
        Err(RedeemError::Ended) => "This code has ended: it was used, is older than ten minutes, or was tried too often. Ask for a new one.".to_owned(),
        Err(RedeemError::Stopped) => "Too many wrong codes for this account. Sign in with your app, or on a device where you have signed in before.".to_owned(),
        Err(RedeemError::Throttled { retry_after, .. }) => format!("Too many tries. The next one is looked at in {}.", wait(retry_after)),
        Err(RedeemError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(Code::Internal.into()),
    };
    Ok(ask_code(visitor, &flow, Some(&words), true))
}

/// POST /code/again.
pub async fn resend(visitor: Visitor, FormBody(form): FormBody<Bare>) -> Page {
    visitor.check(&form.token)?;
    let Some(flow) = Flow::of(&visitor) else {
        return Ok(visitor.go("/forgot"));
    };
    let (words, bad) = match visitor
        .app
        .platform
        .resend(&ChallengeId::new(flow.challenge.clone()), visitor.from)
        .await
    {
        Ok(_) => ("The same code is on its way once more.".to_owned(), false),
        Err(ChallengeError::Cooldown { retry_after }) => (
            format!(
                "It was sent a moment ago. It can be sent again in {}.",
                wait(retry_after)
            ),
            false,
        ),
        Err(ChallengeError::Store(error)) => return Err(error.into()),
        Err(error) => (Problem::from(error).words().1.to_owned(), true),
    };
    Ok(ask_code(visitor, &flow, Some(&words), bad))
}
