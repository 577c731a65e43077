//! The television's pages: a keypad for four arrows, and the QR code that a signed-in phone confirms (RFC 8628).
use axum::{
    Json,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use couchkey_platform::{DeviceError, DeviceRequest, PollError, store::Keep};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::{
    Refused, Visitor,
    layout::{Look, grouped, note, qr, token},
    signing::{Bare, verify},
};
use crate::app::{extract::FormBody, records::SessionKind};

/// What the keypad is for just now.
pub enum Ask<'a> {
    /// Whose television it is.
    Number,
    /// The code from the app, for this viewer number.
    Code { number: &'a str },
}

/// How long the number of a viewer is.
pub const NUMBER_DIGITS: usize = 8;

impl Ask<'_> {
    /// How many digits are typed.
    pub fn places(&self) -> usize {
        match self {
            Ask::Number => NUMBER_DIGITS,
            Ask::Code { .. } => 6,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Ask::Number => "/tv/number",
            Ask::Code { .. } => "/tv/code",
        }
    }
}

/// The QR code for a phone: where it leads, and the letters to type there instead.
pub struct Device {
    pub address: String,
    pub complete: String,
    pub user_code: String,
    pub interval: u64,
}

/// The keypad at the left, the QR code at the right. `typed` is what came so far without script; `pressed` is the key
/// that then has the focus again.
pub fn keypad(
    ask: &Ask<'_>,
    typed: &str,
    pressed: Option<&str>,
    trouble: Option<&str>,
    form: &str,
    device: Option<&Device>,
) -> Markup {
    let places = ask.places();
    let group = if places == 8 { 4 } else { 3 };
    let focus = pressed.unwrap_or("1");
    html! {
        div class="left" {
            h1 {
                @match ask {
                    Ask::Number => "Your viewer number",
                    Ask::Code { .. } => "The code from your app",
                }
            }
            @match ask {
                Ask::Number => p class="quiet" { "Eight digits. Your app shows it as the name of the account." },
                Ask::Code { number } => div class="row" {
                    p class="quiet" { "For viewer " span class="digits" { (grouped(number, 4)) } }
                    form method="post" action="/tv/other" {
                        (token(form))
                        button class="button" { "Another viewer" }
                    }
                },
            }
            @if let Some(words) = trouble { (note(words, true)) }
            p class="typed" data-typed="" role="status" aria-label=(spoken(typed)) data-empty="nothing typed yet" {
                @for at in 0..places {
                    @let digit = typed.get(at..=at);
                    i class=(format!("{}{}", if digit.is_some() { "full" } else { "" }, if at > 0 && at % group == 0 { " gap" } else { "" })) {
                        (digit.unwrap_or("\u{a0}"))
                    }
                }
            }
            form method="post" action=(ask.action()) data-keypad="" data-places=(places) autocomplete="off" {
                (token(form))
                input type="hidden" name="typed" value=(typed);
                div class="keypad" role="group" aria-label="Keypad" {
                    @for digit in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
                        button name="press" value=(digit) autofocus[focus == digit] { (digit) }
                    }
                    button class="word" name="press" value="back" aria-label="Delete the last digit" autofocus[focus == "back"] { "Delete" }
                    button name="press" value="0" autofocus[focus == "0"] { "0" }
                    button class="word go" name="press" value="go" data-go="" autofocus[focus == "go"] { "OK" }
                }
            }
        }
        @if let Some(device) = device { (phone(device, form)) }
    }
}

/// "4 8 2", so that it is read digit by digit.
fn spoken(typed: &str) -> String {
    if typed.is_empty() {
        return "nothing typed yet".to_owned();
    }
    typed
        .chars()
        .map(String::from)
        .collect::<Vec<_>>()
        .join(" ")
}

fn phone(device: &Device, form: &str) -> Markup {
    html! {
        section class="right" aria-labelledby="phone" {
            h2 id="phone" { "Or with your phone" }
            @if let Some(picture) = qr(&device.complete, "QR code: confirm this television on your phone") { (picture) }
            p { "Scan this, or open " strong { (device.address) } " and type" }
            p class="user-code" { (grouped(&device.user_code, 4).replace(' ', "-")) }
            form method="post" action="/tv/poll" data-device="" data-interval=(device.interval) {
                (token(form))
                noscript { button class="button" { "I have confirmed on my phone" } }
            }
        }
    }
}

/// "Signed in", in the middle of the screen.
pub fn signed_in(service: &str, form: &str) -> Markup {
    html! {
        div class="left" {
            h1 { "Signed in" }
            p { "This television is signed in to " (service) ". Enjoy the film." }
            p class="quiet" { "It is in the list of devices on your account page, where you can sign it out again." }
            // One press of OK too many must not undo it.
            p { a class="button primary" href="/tv" autofocus { "Stay signed in" } }
            form method="post" action="/signout" {
                (token(form))
                input type="hidden" name="to" value="/tv";
                button class="button" { "Sign out" }
            }
        }
    }
}

type Page = Result<Response, Refused>;

/// Our own page, as a client; no app of the configuration is called so, for a blank is in it.
const PAGE: &str = "television page";
const VIEWER: &str = "viewer";
const DEVICE: &str = "device";

/// How long a television remembers whose it is, in seconds: 400 days, as long as browsers allow.
const VIEWER_SECONDS: u64 = 400 * 86_400;

/// GET /tv.
pub async fn show(visitor: Visitor) -> Page {
    if visitor.session.is_some() {
        let body = signed_in(&visitor.app.config.service.name, &visitor.token());
        return Ok(visitor.page("Signed in", Look::Television, body));
    }
    screen(visitor, "", None, None).await
}

/// The keypad for what is asked next, and the QR code.
async fn screen(
    mut visitor: Visitor,
    typed: &str,
    pressed: Option<&str>,
    trouble: Option<&str>,
) -> Page {
    let number = visitor
        .cookie(VIEWER)
        .filter(|number| is_number(number, NUMBER_DIGITS));
    let device = device(&mut visitor).await?;
    let ask = match &number {
        Some(number) => Ask::Code { number },
        None => Ask::Number,
    };
    let body = keypad(
        &ask,
        typed,
        pressed,
        trouble,
        &visitor.token(),
        device.as_ref(),
    );
    Ok(visitor.page("Sign in", Look::Television, body))
}

/// The codes of RFC 8628 that this television shows: those in its cookie while they live, else new ones.
async fn device(visitor: &mut Visitor) -> Result<Option<Device>, Refused> {
    let verification = format!("{}/link", visitor.app.public_url);
    let shown = |user_code: &str, interval: u64| Device {
        address: verification
            .split_once("://")
            .map_or("", |(_, address)| address)
            .to_owned(),
        complete: format!("{verification}?user_code={user_code}"),
        user_code: user_code.replace('-', ""),
        interval,
    };
    let now = visitor.app.platform.now().as_secs();
    if let Some(cookie) = visitor.cookie(DEVICE) {
        let parts: Vec<&str> = cookie.split('.').collect();
        if let [_, user_code, interval, ends] = parts[..]
            && let (Ok(interval), Ok(ends)) = (interval.parse(), ends.parse::<u64>())
            && ends > now + 60
        {
            return Ok(Some(shown(user_code, interval)));
        }
    }
    let request = DeviceRequest {
        client: PAGE.to_owned(),
        device: visitor.device.clone(),
        place: visitor.place.clone(),
        from: visitor.from,
    };
    match visitor.app.platform.authorize_device(&request).await {
        Ok(answer) => {
            let ends = now + answer.expires_in;
            let cookie = format!(
                "{}.{}.{}.{ends}",
                *answer.device_code, answer.user_code, answer.interval
            );
            visitor.set(DEVICE, &cookie, Some(answer.expires_in));
            Ok(Some(shown(&answer.user_code, answer.interval)))
        }
        Err(DeviceError::Store(error)) => Err(error.into()),
        Err(_) => Ok(None), // too many from here: the keypad still works
    }
}

/// A key of the keypad, and what was typed before it.
#[derive(Deserialize)]
pub struct Pressed {
    token: String,
    #[serde(default)]
    typed: String,
    press: String,
}

/// What is typed after a key, where the key is not the last one.
fn after(form: &Pressed, places: usize) -> Option<String> {
    let mut typed: String = form
        .typed
        .chars()
        .filter(char::is_ascii_digit)
        .take(places)
        .collect();
    match form.press.as_str() {
        "go" => return None,
        "back" => {
            typed.pop();
        }
        digit
            if digit.len() == 1
                && digit.bytes().all(|byte| byte.is_ascii_digit())
                && typed.len() < places =>
        {
            typed.push_str(digit)
        }
        _ => {}
    }
    Some(typed)
}

/// The key that has the focus after one was pressed: OK when everything is typed.
fn focus(form: &Pressed, typed: &str, places: usize) -> String {
    let all = typed.len() == places && form.press != "back";
    if all {
        "go".to_owned()
    } else {
        form.press.clone()
    }
}

/// POST /tv/number.
pub async fn number(mut visitor: Visitor, FormBody(form): FormBody<Pressed>) -> Page {
    visitor.check(&form.token)?;
    if let Some(typed) = after(&form, NUMBER_DIGITS) {
        return screen(
            visitor,
            &typed,
            Some(&focus(&form, &typed, NUMBER_DIGITS)),
            None,
        )
        .await;
    }
    if !is_number(&form.typed, NUMBER_DIGITS) {
        return screen(visitor, "", None, Some("A viewer number has eight digits.")).await;
    }
    // Whether anybody has this number is not said here: the code decides.
    visitor.set(VIEWER, &form.typed, Some(VIEWER_SECONDS));
    Ok(visitor.go("/tv"))
}

/// POST /tv/code.
pub async fn code(mut visitor: Visitor, FormBody(form): FormBody<Pressed>) -> Page {
    visitor.check(&form.token)?;
    let Some(number) = visitor
        .cookie(VIEWER)
        .filter(|number| is_number(number, NUMBER_DIGITS))
    else {
        return Ok(visitor.go("/tv"));
    };
    let places = Ask::Code { number: &number }.places();
    if let Some(typed) = after(&form, places) {
        return screen(visitor, &typed, Some(&focus(&form, &typed, places)), None).await;
    }
    if !is_number(&form.typed, places) {
        return screen(visitor, "", None, Some("A code has six digits.")).await;
    }
    match verify(&visitor, &number, &form.typed).await? {
        Ok(person) => {
            if !visitor.app.has_room(&person).await? {
                let words = "You are signed in on as many devices as you may be. Sign one out on your account's page, on your phone.";
                return screen(visitor, "", None, Some(words)).await;
            }
            visitor
                .open(&person, SessionKind::Television, "app")
                .await?;
            visitor.app.count("tv_signed_in.app");
            visitor.unset(DEVICE);
            Ok(visitor.go("/tv"))
        }
        Err(words) => screen(visitor, "", None, Some(&words)).await,
    }
}

/// POST /tv/other: somebody else wants to sign in.
pub async fn other(mut visitor: Visitor, FormBody(form): FormBody<Bare>) -> Page {
    visitor.check(&form.token)?;
    visitor.unset(VIEWER);
    Ok(visitor.go("/tv"))
}

/// What the script is told.
#[derive(Serialize, Default)]
struct Polled {
    #[serde(skip_serializing_if = "Option::is_none")]
    go: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
}

/// POST /tv/poll: has somebody confirmed on a phone? JSON for the script; without it a page.
pub async fn poll(
    mut visitor: Visitor,
    headers: HeaderMap,
    FormBody(form): FormBody<Bare>,
) -> Page {
    visitor.check(&form.token)?;
    let script = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/json");
    let device_code = visitor
        .cookie(DEVICE)
        .and_then(|cookie| cookie.split('.').next().map(str::to_owned));
    let mut answer = Polled::default();
    let new = visitor.new_session(SessionKind::Television);
    let session = new.clone();
    let keep: Keep = Box::new(move |person| session.record(person));
    match visitor
        .app
        .platform
        .poll_device_and_keep(PAGE, device_code.as_deref().unwrap_or(""), Some(keep))
        .await
    {
        Ok(person) => {
            visitor
                .opened(&person, new.secret(&person), "phone")
                .await?;
            visitor.app.count("tv_signed_in.phone");
            visitor.unset(DEVICE);
            answer.go = Some("/tv");
        }
        Err(PollError::AuthorizationPending) => {}
        Err(PollError::SlowDown { interval }) => answer.interval = Some(interval),
        Err(PollError::Store(error)) => return Err(error.into()),
        Err(_) => {
            visitor.unset(DEVICE); // new letters
            answer.go = Some("/tv");
        }
    }
    if script {
        return Ok((visitor.jar, Json(answer)).into_response());
    }
    Ok(visitor.go("/tv"))
}

fn is_number(text: &str, places: usize) -> bool {
    text.len() == places && text.bytes().all(|byte| byte.is_ascii_digit())
}
