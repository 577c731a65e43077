//! Confirming a television on a phone: the other half of RFC 8628. The screen names the device, and says when it asked.
use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use couchkey_platform::{DecideError, DeviceShown};
use maud::html;
use serde::Deserialize;

use super::{
    Refused, Visitor,
    layout::{Look, note, token},
    wait,
};
use crate::http::{extract::FormBody, problem::Code};

type Page = Result<Response, Refused>;

/// What the QR code says.
#[derive(Deserialize, Default)]
pub struct Link {
    user_code: Option<String>,
}

/// GET /link.
pub async fn show(mut visitor: Visitor, query: Result<Query<Link>, QueryRejection>) -> Page {
    let user_code = query
        .map(|Query(link)| link)
        .unwrap_or_default()
        .user_code
        .unwrap_or_default();
    let plain: String = user_code
        .chars()
        .filter(|letter| letter.is_ascii_alphabetic() || *letter == '-')
        .take(16)
        .collect();
    if visitor.session.is_none() {
        visitor.set("next", &format!("/link?user_code={plain}"), Some(900));
        return Ok(visitor.go("/signin"));
    }
    if plain.is_empty() {
        return Ok(ask(visitor, None));
    }
    match visitor.app.platform.device(&plain, visitor.from).await {
        Ok(device) => Ok(confirm(visitor, &plain, &device)),
        Err(error) => trouble(visitor, error),
    }
}

fn ask(visitor: Visitor, words: Option<&str>) -> Response {
    let body = html! {
        h1 { "Sign in a television" }
        @if let Some(words) = words { (note(words, true)) }
        form class="stack" method="get" action="/link" {
            label class="field" {
                span { "The eight letters on the television" }
                input class="input code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="12" required autofocus;
            }
            button class="button primary" { "Go on" }
        }
    };
    visitor.page("Sign in a television", Look::Plain, body)
}

fn confirm(visitor: Visitor, user_code: &str, device: &DeviceShown) -> Response {
    let body = html! {
        h1 { "Sign in this television?" }
        dl class="list" {
            div class="row" { dt class="quiet" { "Device" } dd { strong { (device.device) } } }
            @if let Some(place) = &device.place { div class="row" { dt class="quiet" { "Place" } dd { strong { (place) } } } }
            div class="row" { dt class="quiet" { "It asked" } dd { (wait(device.age)) " ago" } }
            div class="row" { dt class="quiet" { "Letters" } dd class="digits" { (user_code.to_ascii_uppercase()) } }
        }
        p { strong { "Only say yes when you stand in front of it" } " and it shows the same letters. Whoever sends you such a link wants to watch on your account." }
        form class="row" method="post" action="/link" {
            (token(&visitor.token()))
            input type="hidden" name="user_code" value=(user_code);
            button class="button primary" name="decision" value="yes" { "Yes, sign it in" }
            button class="button" name="decision" value="no" { "No" }
        }
    };
    visitor.page("Sign in this television?", Look::Plain, body)
}

/// What was decided.
#[derive(Deserialize)]
pub struct Decision {
    token: String,
    user_code: String,
    decision: String,
}

/// POST /link.
pub async fn decide(visitor: Visitor, FormBody(form): FormBody<Decision>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let yes = form.decision == "yes";
    let outcome = if yes {
        visitor
            .app
            .platform
            .approve_device(&form.user_code, &person, visitor.from)
            .await
    } else {
        visitor
            .app
            .platform
            .deny_device(&form.user_code, visitor.from)
            .await
    };
    match outcome {
        Ok(()) => {
            let body = html! {
                h1 { @if yes { "Done" } @else { "Refused" } }
                p { @if yes { "The television signs itself in within a few seconds." } @else { "The television was not signed in." } }
                p { a class="button" href="/account" { "Your account" } }
            };
            Ok(visitor.page("Television", Look::Plain, body))
        }
        Err(error) => trouble(visitor, error),
    }
}

fn trouble(visitor: Visitor, error: DecideError) -> Page {
    let words = match error {
        DecideError::Unknown => "No television shows these letters any more. Compare them with the screen, or start again on the television.".to_owned(),
        DecideError::Throttled { retry_after, .. } => format!("Too many tries. The next one is looked at in {}.", wait(retry_after)),
        DecideError::Store(error) => return Err(error.into()),
        _ => return Err(Code::Internal.into()),
    };
    Ok(ask(visitor, Some(&words)))
}
