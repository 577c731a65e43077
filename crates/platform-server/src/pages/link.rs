//! Confirming a television on a phone: the other half of RFC 8628. The screen names the device, and says when it asked.
use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use couchkey_platform::{DecideError, DeviceShown};
use maud::html;
use serde::Deserialize;

use super::{
    NEXT, NEXT_SECONDS, Refused, Visitor,
    layout::{Look, note, token},
    wait,
};
use crate::app::{extract::FormBody, problem::Code, records::Act};

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
    let here = format!("/link?user_code={plain}");
    if visitor.person().is_none() {
        visitor.set(NEXT, &here, Some(NEXT_SECONDS));
        return Ok(visitor.go("/signin"));
    }
    if !visitor.is_fresh() {
        return Ok(visitor.again(&here));
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
            @let app = visitor.app.client(&device.client).unwrap_or("Television page");
            div class="row" { dt class="quiet" { "App" } dd { strong { (app) } } }
            div class="row" { dt class="quiet" { "It calls itself" } dd { "“" bdi { (device.device) } "”" } }
            @if let Some(place) = &device.place { div class="row" { dt class="quiet" { "Place" } dd { strong { (place) } } } }
            div class="row" { dt class="quiet" { "Connection" } dd { @if device.same_line { "the same as yours" } @else { strong { "another than yours" } ": it may be in another house" } } }
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
    if yes && !visitor.is_fresh() {
        let letters: String = form
            .user_code
            .chars()
            .filter(char::is_ascii_alphabetic)
            .take(8)
            .collect();
        return Ok(visitor.again(&format!("/link?user_code={letters}")));
    }
    if yes && !visitor.app.has_room(&person).await? {
        return Ok(too_many(visitor));
    }
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
            let act = match yes {
                true => Act::DeviceApproved,
                false => Act::DeviceDenied,
            };
            visitor.note(act, &person).await;
            let enrolled = visitor.app.platform.is_enrolled(&person).await?;
            let body = html! {
                h1 { @if yes { "Done" } @else { "Refused" } }
                p { @if yes { "The television signs itself in within a few seconds." } @else { "The television was not signed in." } }
                @if yes && !enrolled {
                    p { "Next time it is quicker with an app: six digits that are always at hand, also without a network." }
                    p class="row" { a class="button primary" href="/enrol" { "Set up the app" } a class="button" href="/account" { "Not now" } }
                } @else {
                    p { a class="button" href="/account" { "Your account" } }
                }
            };
            Ok(visitor.page("Television", Look::Plain, body))
        }
        Err(error) => trouble(visitor, error),
    }
}

fn too_many(visitor: Visitor) -> Response {
    let most = visitor.app.config.service.devices_per_person;
    let body = html! {
        h1 { "Too many televisions" }
        p { "You are signed in on " (most) " devices, and more are not possible. Sign out one that you do not use any more, then scan the code on the television again." }
        p class="row" { a class="button primary" href="/account" { "Your devices" } }
    };
    visitor.page("Too many televisions", Look::Plain, body)
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
