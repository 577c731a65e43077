//! The pages: the demo, and the start of a service's own. Plain HTML from the server; nothing on them needs a script, and
//! the only script there is makes the television's keypad quicker.
mod account;
mod assets;
mod enrol;
pub mod layout;
mod link;
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

use crate::http::{
    App,
    extract::{address, device_name},
    problem::{Code, Problem},
    records::{SESSION_SECONDS, Session, SessionKind, random_text},
};
use layout::{Look, document, note};

/// Every page and what its forms do.
pub fn router(app: App) -> Router<App> {
    let _ = &app;
    Router::new()
        .route("/", get(signing::home))
        .route(
            "/signup",
            get(signing::sign_up).post(signing::start_sign_up),
        )
        .route(
            "/signin",
            get(signing::sign_in).post(signing::sign_in_with_app),
        )
        .route("/forgot", get(signing::forgot).post(signing::start_forgot))
        .route("/code", get(signing::code).post(signing::redeem))
        .route("/code/again", post(signing::resend))
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
    language: Option<String>,
}

const VISIT: &str = "visit";
const SESSION: &str = "session";

impl FromRequestParts<App> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let jar = CookieJar::from_headers(&parts.headers);
        let mut visitor = Visitor {
            from: address(parts, app),
            device: device_name(&parts.headers),
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

    /// Who they are, if they are signed in.
    fn person(&self) -> Option<PersonId> {
        self.session
            .as_ref()
            .and_then(|(_, session)| PersonId::new(session.person.clone()).ok())
    }

    /// A whole page for them.
    fn page(self, title: &str, look: Look, body: Markup) -> Response {
        let service = &self.app.config.service.name;
        let page = document(service, title, look, self.session.is_some(), body).into_string();
        (self.jar, Html(page)).into_response()
    }

    /// Sends them on, so that reloading a page repeats nothing.
    fn go(self, to: &str) -> Response {
        (self.jar, Redirect::to(to)).into_response()
    }

    /// Signs them in on this browser. `way` is for the figures: `app`, `email`, `sms`, `phone`.
    async fn open(
        &mut self,
        person: &PersonId,
        kind: SessionKind,
        way: &str,
    ) -> Result<(), Refused> {
        let device = match kind {
            SessionKind::Television => "Television".to_owned(),
            _ => self.device.clone(),
        };
        if let Some((old, _)) = self.session.take() {
            self.app.records.end(&old).await?;
        }
        let secret = self.app.records.open_session(person, kind, &device).await?;
        self.set(SESSION, &secret, Some(SESSION_SECONDS));
        self.session = self
            .app
            .records
            .session(&secret)
            .await?
            .map(|session| (secret, session));
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
        VerifyError::Store(error) => return Err(error),
        _ => "That is not the code. Look at your app again: there may be a new one.".to_owned(),
    })
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
