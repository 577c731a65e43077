//! Where everybody begins; signing in with the app, and out.
use axum::response::Response;
use couchkey_platform::{PersonId, VerifyRequest};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Refused, Visitor, code_words,
    layout::{Look, note, token},
};
use crate::app::{Channel, extract::FormBody, problem::Code, records::SessionKind};

/// Where everybody begins.
pub async fn home(visitor: Visitor) -> Page {
    let service = visitor.app.config.service.name.clone();
    let body = html! {
        h1 { (service) }
        p { "Sign in on your television with six digits from an app, or by scanning a QR code with your phone." }
        @if visitor.person().is_some() {
            p class="row" {
                a class="button primary" href="/account" { "Your account" }
                a class="button" href="/tv" { "Open the television page" }
            }
        } @else {
            p class="row" {
                a class="button primary" href="/signup" { "Sign up" }
                a class="button" href="/signin" { "Sign in" }
                a class="button" href="/tv" { "Open the television page" }
            }
        }
        @if visitor.app.demo { (note("This is a demo: codes by mail and SMS are written to the terminal in which the server runs.", false)) }
    };
    Ok(visitor.page("Welcome", Look::Plain, body))
}

/// A form that says nothing but whose it is.
#[derive(Deserialize)]
pub struct Bare {
    pub token: String,
}

/// GET /signin.
pub async fn sign_in(visitor: Visitor) -> Page {
    if visitor.person().is_some() {
        return Ok(visitor.go("/account"));
    }
    Ok(ask_app(visitor, None, ""))
}

fn ask_app(visitor: Visitor, trouble: Option<&str>, number: &str) -> Response {
    let (mail, sms) = (
        visitor.app.sends(Channel::Email),
        visitor.app.sends(Channel::Sms),
    );
    // Whoever has no app begins at the top; a number that was typed already says that this one has.
    let by_message = (mail || sms) && number.is_empty();
    let body: Markup = html! {
        h1 { "Sign in" }
        @if let Some(words) = trouble { (note(words, true)) }
        @if mail || sms {
            form class="stack" method="post" action="/forgot" {
                (token(&visitor.token()))
                // What is typed decides: an address or a number.
                input type="hidden" name="channel" value=(if mail { "email" } else { "sms" });
                label class="field" {
                    span { @match (mail, sms) { (true, true) => "E-mail address or telephone number", (false, _) => "Telephone number", (true, false) => "E-mail address" } }
                    input class="input" name="to" autocomplete=(if mail { "email" } else { "tel" }) maxlength="320" required autofocus[by_message];
                }
                button class="button primary" { "Send me a code" }
            }
            h2 { "Or with your app" }
        }
        form class="stack" method="post" action="/signin" {
            (token(&visitor.token()))
            label class="field" {
                span { "Viewer number" }
                input class="input digits" name="number" value=(number) inputmode="numeric" autocomplete="username" maxlength="12" required autofocus[!by_message && number.is_empty()];
                span class="small quiet" { "Eight digits. Your app shows them as the name of the account." }
            }
            label class="field" {
                span { "Code from the app" }
                input class="input code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" required
                    autofocus[!number.is_empty()] aria-invalid=[trouble.map(|_| "true")];
            }
            button class=(if mail || sms { "button" } else { "button primary" }) { "Sign in" }
        }
        p class="quiet" { "No account yet? " a href="/signup" { "Sign up" } }
    };
    visitor.page("Sign in", Look::Plain, body)
}

/// A viewer number and a code from the app.
#[derive(Deserialize)]
pub struct Number {
    token: String,
    number: String,
    code: String,
}

/// The digits of a viewer number as somebody typed it, in groups and in whatever script.
fn typed_number(text: &str) -> String {
    let digits = text.chars().filter_map(couchkey_otp::digit);
    digits.map(|digit| char::from(b'0' + digit)).collect()
}

/// POST /signin.
pub async fn sign_in_with_app(mut visitor: Visitor, FormBody(form): FormBody<Number>) -> Page {
    visitor.check(&form.token)?;
    let number = typed_number(&form.number);
    match verify(&visitor, &number, &form.code).await? {
        Ok(person) => {
            visitor.open(&person, SessionKind::Web, "app").await?;
            Ok(visitor.go_on("/account"))
        }
        Err(words) => Ok(ask_app(visitor, Some(&words), &number)),
    }
}

/// Whose code it is, or what they are told. A number that nobody has takes the same way through the library.
pub async fn verify(
    visitor: &Visitor,
    number: &str,
    code: &str,
) -> Result<Result<PersonId, String>, Refused> {
    let known = visitor.app.records.person_of(number).await?;
    let person = match known {
        Some(person) => person,
        None => PersonId::new(format!("nobody-{number:.20}")).map_err(|_| Code::InvalidField)?,
    };
    let request = VerifyRequest {
        person: person.clone(),
        code,
        from: visitor.from,
    };
    match visitor.app.platform.verify(&request).await {
        Ok(_) => Ok(Ok(person)),
        Err(error) => Ok(Err(code_words(error)?)),
    }
}

/// Where to go after signing out.
#[derive(Deserialize)]
pub struct Out {
    token: String,
    to: Option<String>,
}

/// POST /signout.
pub async fn sign_out(mut visitor: Visitor, FormBody(form): FormBody<Out>) -> Page {
    visitor.check(&form.token)?;
    if let Some((secret, _)) = visitor.session.take() {
        visitor.app.records.end(&secret).await?;
    }
    visitor.unset(super::SESSION);
    let to = if form.to.as_deref() == Some("/tv") {
        "/tv"
    } else {
        "/"
    };
    Ok(visitor.go(to))
}
