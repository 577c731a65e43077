//! The operator's page: how many people come how far, by day and by channel. Never who.
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use maud::{Markup, html};

use super::{
    Refused, Visitor,
    layout::Look,
    plot::{days, funnel, thousands},
};
use crate::app::{App, figures::Days, records::Right};

/// How many days the page looks back.
const WINDOW: u64 = 30;

/// GET /operator. Outside the demo it asks for an API key with the right to read figures, as the password (RFC 7617).
pub async fn show(visitor: Visitor, headers: HeaderMap) -> Result<Response, Refused> {
    if !visitor.app.demo && !knows_a_key(&visitor.app, &headers).await? {
        let mut response = (
            StatusCode::UNAUTHORIZED,
            "The operator's page asks for an API key as the password.\n",
        )
            .into_response();
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"operator\", charset=\"UTF-8\""),
        );
        return Ok(response);
    }
    let figures = visitor.app.figures_by_day().await?;
    let today = visitor.app.platform.now().as_secs() / 86_400;
    let body = page(&figures, today);
    Ok(visitor.page("Operator", Look::Wide, body))
}

async fn knows_a_key(app: &App, headers: &HeaderMap) -> Result<bool, Refused> {
    let password = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| BASE64.decode(value.trim().as_bytes()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|pair| {
            pair.split_once(':')
                .map(|(_, password)| password.to_owned())
        });
    match password {
        Some(password) => {
            let found = app.records.api_key(&password).await?;
            Ok(found.is_some_and(|found| found.rights.have(Right::Figures)))
        }
        None => Ok(false),
    }
}

fn page(figures: &Days, today: u64) -> Markup {
    let first = today.saturating_sub(WINDOW - 1);
    let sum = |name: &str| -> u64 {
        figures
            .range(first..)
            .flat_map(|(_, names)| names.iter())
            .filter(|(one, _)| is_of(one, name))
            .map(|(_, count)| count)
            .sum()
    };
    let daily = |name: &str| -> Vec<u64> {
        (first..=today)
            .map(|day| {
                figures.get(&day).map_or(0, |names| {
                    names
                        .iter()
                        .filter(|(one, _)| is_of(one, name))
                        .map(|(_, count)| count)
                        .sum()
                })
            })
            .collect()
    };
    let steps = [
        ("Opened a page", sum("first_page")),
        ("Asked for a sign-up code", sum("signup_started")),
        ("Typed it: signed up", sum("signup_confirmed")),
        ("Saw the app's QR code", sum("app_offered")),
        ("Set up the app", sum("app_confirmed")),
        ("Signed in on a television", sum("tv_signed_in")),
    ];
    let ways = [
        ("App", "signed_in.app"),
        ("Phone confirms the television", "signed_in.phone"),
        ("E-mail", "signed_in.email"),
        ("SMS", "signed_in.sms"),
    ];
    let channels = [("E-mail", "email"), ("SMS", "sms")];
    let refusals = [
        (
            "SMS to numbers whose codes hardly anybody redeems: paused for the day",
            "refused.sms_paused",
        ),
        ("SMS beyond a budget", "refused.sms_budget"),
        ("Mail beyond a budget", "refused.mail_budget"),
    ];
    html! {
        h1 { "The last " (WINDOW) " days" }
        p class="quiet" { "Counts of steps, of all servers together; a step that somebody takes twice counts twice. Nobody is named anywhere in these figures." }
        div class="plots" {
            section {
                h2 { "From the first page to the television" }
                (funnel(&steps, &described(&steps)))
            }
            section {
                h2 { "Sign-ins a day" }
                (days(&daily("signed_in"), "30 days ago", "today", &format!("Sign-ins a day: {} in {WINDOW} days", sum("signed_in"))))
                h2 { "Sign-ups a day" }
                (days(&daily("signup_confirmed"), "30 days ago", "today", &format!("Sign-ups a day: {} in {WINDOW} days", sum("signup_confirmed"))))
            }
            section {
                h2 { "Ways in" }
                table {
                    thead { tr { th scope="col" { "Way" } th scope="col" { "Sign-ins" } } }
                    tbody { @for (name, key) in ways { tr { th scope="row" { (name) } td { (thousands(sum(key))) } } } }
                }
            }
            section {
                h2 { "Sign-up by channel" }
                div class="scroll" {
                    table {
                        thead { tr { th scope="col" { "Channel" } th scope="col" { "Started" } th scope="col" { "Done" } th scope="col" { "Share" } } }
                        tbody {
                            @for (name, key) in channels {
                                @let started = sum(&format!("signup_started.{key}"));
                                @let done = sum(&format!("signup_confirmed.{key}"));
                                tr {
                                    th scope="row" { (name) }
                                    td { (thousands(started)) }
                                    td { (thousands(done)) }
                                    td { @if started == 0 { "–" } @else { (done * 100 / started) " %" } }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if sum("refused") > 0 {
            section {
                h2 { "Messages that were not sent" }
                table {
                    thead { tr { th scope="col" { "Why" } th scope="col" { "In " (WINDOW) " days" } th scope="col" { "Today" } } }
                    tbody { @for (name, key) in refusals {
                        tr { th scope="row" { (name) } td { (thousands(sum(key))) } td { (thousands(daily(key).last().copied().unwrap_or(0))) } }
                    } }
                }
            }
        }
        p class="quiet small" { "Everything else (codes refused, messages, times) is at /metrics, for Prometheus." }
    }
}

/// `signed_in.app` is of `signed_in`, and of itself.
fn is_of(name: &str, kind: &str) -> bool {
    name == kind
        || name
            .strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with('.'))
}

fn described(steps: &[(&str, u64)]) -> String {
    steps
        .iter()
        .map(|(name, count)| format!("{name}: {}", thousands(*count)))
        .collect::<Vec<_>>()
        .join("; ")
}
