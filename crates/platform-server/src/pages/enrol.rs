//! Setting up the app: the QR code, the key for people who cannot scan, and one code that shows it took. Also the rotation
//! for a new phone or a family member who left.
use axum::response::Response;
use couchkey_platform::{
    ConfirmError, ConfirmRequest, EnrolError, EnrolRequest, Enrolled, EnrolmentId, PersonId,
};
use maud::html;
use serde::Deserialize;

use super::{
    Refused, Visitor, changed_over,
    layout::{Look, code_field, grouped, note, qr, token},
    signing::Bare,
    wait,
};
use crate::app::{extract::FormBody, problem::Code, records::Act};

type Page = Result<Response, Refused>;

/// GET /enrol: what it is for. The QR code comes with the button, for each one is a new secret.
pub async fn offer(visitor: Visitor) -> Page {
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let rotation = visitor.app.platform.is_enrolled(&person).await?;
    if rotation && !visitor.is_fresh() {
        return Ok(visitor.again("/enrol"));
    }
    let body = html! {
        @if rotation {
            h1 { "Set up a new app" }
            p { "For a new phone, or when somebody who had the code has left. The old app keeps working until the new one has shown its first code; then it stops at once." }
        } @else {
            h1 { "Get your codes from an app" }
            p { "Six digits that are always at hand, also without a network, and safer than codes by mail. Any authenticator does; Couchkey is made for typing codes on a television." }
        }
        form class="row" method="post" action="/enrol" {
            (token(&visitor.token()))
            button class="button primary" { "Show the QR code" }
            a class="button" href="/account" { @if rotation { "Leave it" } @else { "Not now" } }
        }
        p class="quiet small" { "The QR code is the key to your account. Open it where nobody films the screen." }
    };
    Ok(visitor.page("Set up the app", Look::Plain, body))
}

/// POST /enrol: a new secret, shown once.
pub async fn begin(visitor: Visitor, FormBody(form): FormBody<Bare>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    // Whoever puts a new app in place of the old one has the account.
    if !visitor.is_fresh() && visitor.app.platform.is_enrolled(&person).await? {
        return Ok(visitor.again("/enrol"));
    }
    let enrolled = match make(&visitor, &person).await {
        Ok(enrolled) => enrolled,
        Err(error) => return Err(error.into()),
    };
    visitor.app.count("app_offered");
    if visitor.is_on_a_phone() {
        return Ok(here(visitor, &enrolled));
    }
    let body = html! {
        h1 { "Scan this with your app" }
        div class="enrol" {
            div {
                @match qr(&enrolled.uri, "QR code for your authenticator app") {
                    Some(picture) => (picture),
                    None => p { "The name is too long for a QR code. Type the key instead." },
                }
            }
            ol class="steps" {
                li {
                    p { "Open Couchkey or another authenticator on your phone and scan the code." }
                    details {
                        summary { "I cannot scan it" }
                        p { "Choose " strong { "type it in" } " in the app and copy this key. Small letters and blanks do not matter." }
                        p class="key" { (grouped(&enrolled.secret, 4)) }
                        p class="quiet small" {
                            "Codes from the time, " (enrolled.digits.get()) " digits, every " (enrolled.period.get()) " seconds, " (enrolled.algorithm.as_str()) "."
                        }
                    }
                }
                li {
                    p { "Type the code that the app shows." }
                    (confirm_form(&visitor.token(), enrolled.id.as_str(), false))
                }
            }
        }
    };
    Ok(visitor.page("Scan the QR code", Look::Plain, body))
}

/// On the phone that the app is on: a link that opens it, and the key to copy. It cannot scan its own screen.
fn here(visitor: Visitor, enrolled: &Enrolled) -> Response {
    let key = grouped(&enrolled.secret, 4);
    let body = html! {
        h1 { "Open this in your app" }
        ol class="steps" {
            li {
                p { a class="button primary" href=(*enrolled.uri) { "Open it in the app on this phone" } }
                p { "Or copy this key and choose " strong { "type it in" } " in the app. Small letters and blanks do not matter." }
                p class="key" data-key="" { (key) }
                p { button class="button" type="button" data-copy="" hidden { "Copy the key" } }
            }
            li {
                p { "Type the code that the app shows." }
                (confirm_form(&visitor.token(), enrolled.id.as_str(), false))
            }
        }
        details {
            summary { "The app is on another device" }
            @match qr(&enrolled.uri, "QR code for your authenticator app") {
                Some(picture) => (picture),
                None => p { "The name is too long for a QR code. Type the key instead." },
            }
        }
        script src="/assets/copy.js" defer {}
    };
    visitor.page("Open it in your app", Look::Plain, body)
}

/// An enrolment for those who have none and a rotation for those who have one, even when another tab just changed that.
async fn make(visitor: &Visitor, person: &PersonId) -> Result<Enrolled, EnrolError> {
    let number = visitor.app.records.number_of(person).await?;
    // The number is what a television asks for, so the app shows it.
    let request = EnrolRequest {
        person: person.clone(),
        account: grouped(&number, 4),
    };
    match visitor.app.platform.enrol(&request).await {
        Err(EnrolError::AlreadyEnrolled) => visitor.app.platform.begin_rotation(&request).await,
        other => other,
    }
}

fn confirm_form(form: &str, id: &str, wrong: bool) -> maud::Markup {
    html! {
        form class="stack" method="post" action="/enrol/confirm" {
            (token(form))
            input type="hidden" name="enrolment" value=(id);
            (code_field("Code from the app", wrong))
            button class="button primary" { "That is my code" }
        }
    }
}

/// The first code.
#[derive(Deserialize)]
pub struct First {
    token: String,
    enrolment: String,
    code: String,
}

/// POST /enrol/confirm.
pub async fn confirm(visitor: Visitor, FormBody(form): FormBody<First>) -> Page {
    visitor.check(&form.token)?;
    let Some(person) = visitor.person() else {
        return Ok(visitor.go("/signin"));
    };
    let request = ConfirmRequest {
        person: person.clone(),
        id: EnrolmentId::new(form.enrolment.clone()),
        code: &form.code,
        from: visitor.from,
    };
    let replaces = visitor.app.platform.is_enrolled(&person).await?;
    let words = match visitor.app.platform.confirm(&request).await {
        Ok(()) => {
            let act = match replaces {
                true => Act::AppReplaced,
                false => Act::AppSetUp,
            };
            visitor.note(act, &person).await;
            visitor.app.count("app_confirmed");
            return done(visitor, &person).await;
        }
        Err(ConfirmError::Throttled { retry_after, .. }) => format!("Too many tries. The next one is looked at in {}.", wait(retry_after)),
        Err(ConfirmError::Expired) => "This took too long, and the QR code has ended. Show a new one; remove the entry that you just scanned from your app.".to_owned(),
        Err(ConfirmError::ChangedOver { retry_after }) => changed_over(retry_after),
        Err(ConfirmError::Store(error)) => return Err(error.into()),
        Err(ConfirmError::Wrong) => "That is not the code. Look at the app again: there may be a new one. The clock of the phone must be right.".to_owned(),
        Err(_) => return Err(Code::Internal.into()),
    };
    let body = html! {
        h1 { "Not yet" }
        (note(&words, true))
        (confirm_form(&visitor.token(), &form.enrolment, true))
        p { a href="/enrol" { "Start again with a new QR code" } }
    };
    Ok(visitor.page("Not yet", Look::Plain, body))
}

async fn done(visitor: Visitor, person: &PersonId) -> Page {
    let number = visitor.app.records.number_of(person).await?;
    let body = html! {
        h1 { "Your app is set up" }
        p { "On a television, type your viewer number and then the code that the app shows." }
        div {
            p class="quiet" { "Your viewer number" }
            p class="number" { (grouped(&number, 4)) }
        }
        p { "The code that you just typed is used up: every code works once. The next one is on its way." }
        p class="row" {
            a class="button primary" href="/tv" { "Try it on the television page" }
            a class="button" href="/account" { "Your account" }
        }
    };
    Ok(visitor.page("Your app is set up", Look::Plain, body))
}
