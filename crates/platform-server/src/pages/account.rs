//! The account: its number, its app, where it is signed in.
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::{
    Refused, Visitor,
    layout::{Look, grouped, token},
    signing::Bare,
};
use crate::app::{
    extract::FormBody,
    records::{Act, SessionKind},
};

type Page = Result<Response, Refused>;

/// GET /account.
pub async fn show(visitor: Visitor) -> Page {
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let number = visitor.app.records.number_of(&person).await?;
    let enrolled = visitor.app.platform.is_enrolled(&person).await?;
    let sessions = visitor.app.records.sessions(&person).await?;
    let now = visitor.app.platform.now().as_secs();
    let form = visitor.token();
    let here = visitor.session.as_ref().map(|(_, session)| session.created);
    let body = html! {
        h1 { "Your account" }
        section {
            p class="quiet" { "Your viewer number" }
            p class="number" { (grouped(&number, 4)) }
        }
        section class="stack" {
            h2 { "App" }
            @if enrolled {
                p { "Set up. Its codes sign you in on any television." }
                p class="row" { a class="button" href="/enrol" { "New phone, or somebody left: set up a new one" } }
            } @else {
                p { "Not set up yet: you sign in with codes by mail or SMS." }
                p class="row" { a class="button primary" href="/enrol" { "Set up the app" } }
            }
        }
        section class="stack" {
            h2 { "Signed in on" }
            ul class="list" {
                @for (id, session) in &sessions {
                    li {
                        span {
                            (session.device)
                            @if Some(session.created) == here && session.kind == SessionKind::Web { span class="quiet" { " · this one" } }
                            br;
                            span class="quiet small" { "since " (ago(now.saturating_sub(session.created))) ", used " (ago(now.saturating_sub(session.last_used()))) }
                        }
                        form method="post" action="/account/devices" {
                            (token(&form))
                            input type="hidden" name="id" value=(id);
                            button class="button" aria-label=(format!("Sign out {}", session.device)) { "Sign out" }
                        }
                    }
                }
            }
            form method="post" action="/account/everywhere" {
                (token(&form))
                button class="button" { "Sign out everywhere else" }
            }
        }
        section class="row" {
            form method="post" action="/signout" { (token(&form)) button class="button" { "Sign out here" } }
            a class="button danger" href="/account/delete" { "Delete the account" }
        }
    };
    Ok(visitor.page("Your account", Look::Plain, body))
}

/// One of the devices.
#[derive(Deserialize)]
pub struct One {
    token: String,
    id: String,
}

/// POST /account/devices: signs one out.
pub async fn close_one(visitor: Visitor, FormBody(form): FormBody<One>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    if visitor.app.records.close(&person, &form.id).await? {
        visitor.note(Act::DeviceSignedOut, &person).await;
    }
    Ok(visitor.go("/account"))
}

/// POST /account/everywhere: signs out wherever else.
pub async fn close_all(visitor: Visitor, FormBody(form): FormBody<Bare>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let here = visitor.session.as_ref().map(|(secret, _)| secret.clone());
    visitor
        .app
        .records
        .close_all(&person, here.as_deref())
        .await?;
    visitor.note(Act::SignedOutEverywhere, &person).await;
    Ok(visitor.go("/account"))
}

/// GET /account/delete.
pub async fn ask_delete(visitor: Visitor) -> Page {
    if visitor.person().is_none() {
        return Ok(visitor.go("/signin"));
    }
    if !visitor.is_fresh() {
        return Ok(visitor.again("/account/delete"));
    }
    let body = html! {
        h1 { "Delete the account?" }
        p { "Your addresses, your viewer number, your app's codes and every sign-in go at once, and cannot be brought back." }
        form class="row" method="post" action="/account/delete" {
            (token(&visitor.token()))
            button class="button danger" { "Delete it for good" }
            a class="button" href="/account" { "Keep it" }
        }
    };
    Ok(visitor.page("Delete the account?", Look::Plain, body))
}

/// POST /account/delete.
pub async fn delete(mut visitor: Visitor, FormBody(form): FormBody<Bare>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    if !visitor.is_fresh() {
        return Ok(visitor.again("/account/delete"));
    }
    visitor.app.forget(&person).await?;
    visitor.note(Act::PersonForgotten, &person).await;
    visitor.session = None;
    visitor.unset(super::SESSION);
    Ok(visitor.go("/"))
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..=119 => "just now".to_owned(),
        120..=7_199 => format!("{} minutes ago", seconds / 60),
        7_200..=172_799 => format!("{} hours ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
