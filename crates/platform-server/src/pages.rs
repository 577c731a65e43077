//! The pages: the demo, and the start of a service's own. Plain HTML from the server; nothing on them needs a script. One makes
//! the television's keypad quicker, another copies a key.
mod account;
mod again;
mod assets;
mod enrol;
pub mod layout;
mod link;
mod message;
mod operator;
mod plot;
mod signing;
mod television;

use std::net::IpAddr;

use axum::{
    Router,
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use couchkey_platform::{PersonId, StoreError, VerifyError};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use maud::{Markup, html};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use time::Duration;

use crate::app::{
    App,
    extract::{address, device_name, place},
    problem::{Code, Problem},
    records::{Act, NewSession, SESSION_SECONDS, Session, SessionKind, Who, random_text},
};
use layout::{Look, document, note};

/// Every page and what its forms do.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(signing::home))
        .route(
            "/signup",
            get(message::sign_up).post(message::start_sign_up),
        )
        .route(
            "/signin",
            get(signing::sign_in).post(signing::sign_in_with_app),
        )
        .route("/forgot", get(message::forgot).post(message::start_forgot))
        .route("/code", get(message::code).post(message::redeem))
        .route("/code/again", post(message::resend))
        .route("/again", get(again::ask).post(again::with_app))
        .route("/again/message", post(again::send))
        .route("/signout", post(signing::sign_out))
        .route("/enrol", get(enrol::offer).post(enrol::begin))
        .route("/enrol/confirm", post(enrol::confirm))
        .route("/account", get(account::show))
        .route("/account/devices", post(account::close_one))
        .route("/account/everywhere", post(account::close_all))
        .route(
            "/account/delete",
            get(account::ask_delete).post(account::delete),
        )
        .route("/tv", get(television::show))
        .route("/tv/number", post(television::number))
        .route("/tv/code", post(television::code))
        .route("/tv/other", post(television::other))
        .route("/tv/poll", post(television::poll))
        .route("/link", get(link::show).post(link::decide))
        .route("/operator", get(operator::show))
        .merge(assets::router())
}

type Page = Result<Response, Refused>;

/// Somebody with a browser: who they are, if they are signed in, and what their cookies say.
pub struct Visitor {
    app: App,
    jar: CookieJar,
    /// Ties forms to this browser: a random text, and since when it has been here.
    visit: String,
    /// The session's secret and what it opens.
    session: Option<(String, Session)>,
    /// Where they are.
    from: IpAddr,
    /// "Chrome on Linux".
    device: String,
    /// Where that is, in words, if a proxy of ours says so.
    place: Option<String>,
    language: Option<String>,
}

const VISIT: &str = "visit";
const SESSION: &str = "session";
/// Where somebody was going who was asked for a code first.
const NEXT: &str = "next";

/// For how long that is remembered, in seconds: as long as a television's letters live.
const NEXT_SECONDS: u64 = 900;
/// What the platform gives to a browser that has signed somebody in, so that strangers cannot use up what it may ask for.
const KNOWN: &str = "known";

/// How long a browser keeps that, in seconds: 400 days, as long as browsers allow.
const KNOWN_SECONDS: u64 = 400 * 86_400;

impl FromRequestParts<App> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let jar = CookieJar::from_headers(&parts.headers);
        let mut visitor = Visitor {
            from: address(parts, app),
            device: device_name(&parts.headers),
            place: place(parts, app),
            language: language(&parts.headers),
            visit: String::new(),
            session: None,
            app: app.clone(),
            jar,
        };
        match visitor.cookie(VISIT) {
            Some(visit) if (50..=70).contains(&visit.len()) => visitor.visit = visit,
            _ => {
                visitor.visit = format!("{}.{}", random_text(), app.platform.now().as_secs());
                let visit = visitor.visit.clone();
                visitor.set(VISIT, &visit, None);
                app.count("first_page");
            }
        }
        if let Some(secret) = visitor.cookie(SESSION) {
            let session = app.records.session(&secret).await?;
            visitor.session = session
                .filter(|session| session.kind != SessionKind::Token)
                .map(|session| (secret, session));
        }
        Ok(visitor)
    }
}

impl Visitor {
    /// The value of one of our cookies.
    fn cookie(&self, name: &str) -> Option<String> {
        self.jar
            .get(&self.named(name))
            .map(|cookie| cookie.value().to_owned())
    }

    /// Sets one; `seconds` until it goes, or with the browser.
    fn set(&mut self, name: &str, value: &str, seconds: Option<u64>) {
        let mut cookie = Cookie::build((self.named(name), value.to_owned()))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.app.is_secure())
            .build();
        if let Some(seconds) = seconds {
            cookie.set_max_age(Duration::seconds(seconds as i64));
        }
        self.jar = std::mem::take(&mut self.jar).add(cookie);
    }

    /// Takes one back.
    fn unset(&mut self, name: &str) {
        self.set(name, "", Some(0));
    }

    /// `__Host-` binds a cookie to this host and to TLS. A browser takes no such cookie by plain http, so the demo on the
    /// loopback has the bare name.
    fn named(&self, name: &str) -> String {
        let prefix = if self.app.is_secure() { "__Host-" } else { "" };
        format!("{prefix}couchkey-{name}")
    }

    /// What every form of theirs carries: made of the cookie that only this browser has, and of the session.
    fn token(&self) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.visit.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(b"form/v1");
        mac.update(
            self.session
                .as_ref()
                .map_or("", |(secret, _)| secret)
                .as_bytes(),
        );
        HEXLOWER.encode(&mac.finalize().into_bytes())
    }

    /// Whether a form is theirs.
    fn check(&self, token: &str) -> Result<(), Refused> {
        if bool::from(self.token().as_bytes().ct_eq(token.as_bytes())) {
            return Ok(());
        }
        Err(Refused(Code::CrossSite.into()))
    }

    /// Who they are, if they are signed in on a browser of their own. A television is nobody's: it may watch, and that is all.
    fn person(&self) -> Option<PersonId> {
        let (_, session) = self.session.as_ref()?;
        let theirs = session.kind == SessionKind::Web;
        theirs.then(|| PersonId::new(session.person.clone()).ok())?
    }

    /// Whether the browser says that it is on a phone or a tablet.
    fn is_on_a_phone(&self) -> bool {
        ["Android", "iPhone", "iPad"]
            .iter()
            .any(|one| self.device.contains(one))
    }

    /// Whether they have given a code in the last five minutes.
    fn is_fresh(&self) -> bool {
        let now = self.app.platform.now().as_secs();
        self.session
            .as_ref()
            .is_some_and(|(_, session)| session.is_fresh(now))
    }

    /// Sends them to a page that asks for a code, and from there to this one.
    fn again(mut self, next: &str) -> Response {
        self.set(NEXT, next, Some(NEXT_SECONDS));
        self.go("/again")
    }

    /// Sends them where they were going before they were asked for a code, or else there.
    fn go_on(mut self, otherwise: &str) -> Response {
        let next = self.cookie(NEXT).filter(|next| {
            let path = next.split('?').next().unwrap_or_default();
            ["/link", "/enrol", "/account/delete"].contains(&path)
        });
        self.unset(NEXT);
        self.go(next.as_deref().unwrap_or(otherwise))
    }

    /// A whole page for them.
    fn page(self, title: &str, look: Look, body: Markup) -> Response {
        let service = &self.app.config.service.name;
        let page = document(service, title, look, self.person().is_some(), body).into_string();
        (self.jar, Html(page)).into_response()
    }

    /// Sends them on, so that reloading a page repeats nothing.
    fn go(self, to: &str) -> Response {
        (self.jar, Redirect::to(to)).into_response()
    }

    /// Writes down what they did here to their own account.
    async fn note(&self, what: Act, person: &PersonId) {
        let records = &self.app.records;
        records.note(&Who::Person, what, Some(person)).await;
    }

    /// Signs them in on this browser. `way` is for the figures: `app`, `email`, `sms`, `phone`.
    async fn open(
        &mut self,
        person: &PersonId,
        kind: SessionKind,
        way: &str,
    ) -> Result<(), Refused> {
        let new = self.new_session(kind);
        let store = self.app.platform.store();
        store.put(&new.record(person)).await?;
        self.opened(person, new.secret(person), way).await
    }

    /// A session for whoever turns out to be here.
    fn new_session(&self, kind: SessionKind) -> NewSession {
        let device = match kind {
            SessionKind::Television => format!("Television, {}", self.device),
            _ => self.device.clone(),
        };
        self.app.records.new_session(kind, &device)
    }

    /// The session with this secret is open: it is theirs on this browser, in place of an earlier one.
    async fn opened(
        &mut self,
        person: &PersonId,
        secret: String,
        way: &str,
    ) -> Result<(), Refused> {
        if let Some((old, _)) = self.session.take() {
            self.app.records.end(&old).await?;
        }
        self.set(SESSION, &secret, Some(SESSION_SECONDS));
        self.session = self
            .app
            .records
            .session(&secret)
            .await?
            .map(|session| (secret, session));
        let known = self.app.platform.known(person);
        self.set(KNOWN, &known, Some(KNOWN_SECONDS));
        self.app.count(&format!("signed_in.{way}"));
        if let Some(since) = self
            .visit
            .split_once('.')
            .and_then(|(_, since)| since.parse::<u64>().ok())
        {
            let seconds = self.app.platform.now().as_secs().saturating_sub(since);
            metrics::histogram!("first_page_to_signed_in_seconds").record(seconds as f64);
        }
        Ok(())
    }
}

/// The first language that the browser asks for, if it looks like one.
fn language(headers: &HeaderMap) -> Option<String> {
    let first = headers
        .get("accept-language")?
        .to_str()
        .ok()?
        .split([',', ';'])
        .next()?
        .trim();
    let fine = (2..=35).contains(&first.len())
        && first
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fine.then(|| first.to_owned())
}

/// A problem as a page.
pub struct Refused(pub Problem);

impl<E: Into<Problem>> From<E> for Refused {
    fn from(problem: E) -> Refused {
        Refused(problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(self.0)
    }
}

/// The page of a problem, with the status that goes with it.
pub fn refused(problem: Problem) -> Response {
    let status =
        StatusCode::from_u16(problem.code().status()).expect("the table has HTTP statuses");
    let (title, cure) = problem.words();
    let body = html! {
        h1 { (title) }
        (note(cure, true))
        p { a href="/" { "Back to the beginning" } }
    };
    (
        status,
        Html(document("Couchkey", title, Look::Plain, false, body).into_string()),
    )
        .into_response()
}

/// What a person is told about a code from the app that was not accepted.
fn code_words(error: VerifyError) -> Result<String, StoreError> {
    Ok(match error {
        VerifyError::Used => {
            "This code has been used. Wait for the next one in your app.".to_owned()
        }
        VerifyError::Throttled { retry_after, .. } => format!(
            "Too many tries. The next one is looked at in {}.",
            wait(retry_after)
        ),
        VerifyError::Stopped => {
            "Too many wrong codes. Sign in with a code by mail and set up your app again."
                .to_owned()
        }
        VerifyError::ChangedOver { retry_after } => changed_over(retry_after),
        VerifyError::Store(error) => return Err(error),
        _ => "That is not the code. Look at your app again: there may be a new one.".to_owned(),
    })
}

/// Why no code from an app is looked at just now.
fn changed_over(retry_after: u64) -> String {
    let wait = wait(retry_after);
    format!(
        "Something was repaired here a moment ago, and codes are not looked at yet. Type the one that your app shows in {wait}."
    )
}

/// Seconds in words, never less than there are.
fn wait(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=119 => format!("{seconds} seconds"),
        120..=7_199 => format!("{} minutes", seconds.div_ceil(60)),
        _ => format!("{} hours", seconds.div_ceil(3_600)),
    }
}
