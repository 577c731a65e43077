//! "Is it you?": a code once more, before somebody changes whose account it is or lets a television in.
use axum::response::Response;
use couchkey_platform::{Channel, PersonId, Purpose, Recipient, VerifyRequest};
use maud::html;
use serde::Deserialize;

use super::{
    Refused, Visitor, code_words,
    layout::{Look, code_field, note, token},
    message::start_with,
    signing::Bare,
};
use crate::app::{extract::FormBody, problem::Problem, records::SessionKind};

type Page = Result<Response, Refused>;

/// GET /again.
pub async fn ask(visitor: Visitor) -> Page {
    page(visitor, None).await
}

async fn page(visitor: Visitor, trouble: Option<&str>) -> Page {
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let enrolled = visitor.app.platform.is_enrolled(&person).await?;
    let reachable = address(&visitor, &person).await?;
    let body = html! {
        h1 { "Is it you?" }
        p { "For this we ask for a code once more, so that nobody does it who finds your device." }
        @if let Some(words) = trouble { (note(words, true)) }
        @if enrolled {
            form class="stack" method="post" action="/again" {
                (token(&visitor.token()))
                (code_field("Code from the app", trouble.is_some()))
                button class="button primary" { "Go on" }
            }
        }
        @if let Some(recipient) = &reachable {
            form class="stack" method="post" action="/again/message" {
                (token(&visitor.token()))
                button class=(if enrolled { "button" } else { "button primary" }) {
                    @match recipient.channel() { Channel::Email => "Send me a code by mail", Channel::Sms => "Send me a code by SMS" }
                }
            }
        }
        p { a href="/account" { "Leave it" } }
    };
    Ok(visitor.page("Is it you?", Look::Plain, body))
}

/// Where a code can be sent to this person.
async fn address(visitor: &Visitor, person: &PersonId) -> Result<Option<Recipient>, Refused> {
    let all = visitor.app.platform.contacts(person).await?;
    let reachable = |one: &Recipient| visitor.app.sends(one.channel().into());
    Ok(all.into_iter().find(reachable))
}

/// A code from the app.
#[derive(Deserialize)]
pub struct Code {
    token: String,
    code: String,
}

/// POST /again.
pub async fn with_app(mut visitor: Visitor, FormBody(form): FormBody<Code>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let request = VerifyRequest {
        person: person.clone(),
        code: &form.code,
        from: visitor.from,
    };
    match visitor.app.platform.verify(&request).await {
        Ok(_) => {
            visitor.open(&person, SessionKind::Web, "app").await?;
            Ok(visitor.go_on("/account"))
        }
        Err(error) => {
            let words = code_words(error)?;
            page(visitor, Some(&words)).await
        }
    }
}

/// POST /again/message: a code to the address that the person has.
pub async fn send(visitor: Visitor, FormBody(form): FormBody<Bare>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let Some(recipient) = address(&visitor, &person).await? else {
        return Ok(visitor.go("/again"));
    };
    match start_with(visitor, Purpose::Recovery, recipient).await? {
        Ok(page) => Ok(page),
        Err(refused) => {
            let (visitor, error) = *refused;
            let problem = Problem::from(error);
            let words = problem.words().1.to_owned();
            page(visitor, Some(&words)).await
        }
    }
}
