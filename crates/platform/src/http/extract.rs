//! What a request says, read into types or refused with a problem: bodies, addresses, paths.
use std::net::{IpAddr, SocketAddr};

use axum::{
    Form, Json,
    extract::{
        ConnectInfo, FromRequest, FromRequestParts, Path, Request,
        rejection::{FormRejection, JsonRejection},
    },
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{
    App,
    problem::{Code, Problem},
};

/// A JSON body. What is wrong with one is said by its field, never by its value.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, app).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Code::UnsupportedMediaType.into()),
            Err(JsonRejection::JsonDataError(_)) => Err(Code::InvalidField.into()),
            Err(JsonRejection::JsonSyntaxError(_)) => {
                Err(Problem::new(Code::BadRequest).detail("The body is not JSON."))
            }
            Err(other) => Err(unread(other.status())),
        }
    }
}

/// A form body, as RFC 8628 and the pages send it.
pub struct FormBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for FormBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        match Form::<T>::from_request(request, app).await {
            Ok(Form(body)) => Ok(FormBody(body)),
            Err(FormRejection::InvalidFormContentType(_)) => Err(Code::UnsupportedMediaType.into()),
            Err(FormRejection::FailedToDeserializeFormBody(_)) => Err(Code::InvalidField.into()),
            Err(other) => Err(unread(other.status())),
        }
    }
}

fn unread(status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Code::BodyTooLarge.into()
    } else {
        Code::BadRequest.into()
    }
}

/// The parameters of the path.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(value) = Path::<T>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::new(Code::NotFound))?;
        Ok(InPath(value))
    }
}

/// The network address that a request came from; that of the balancer's customer where the balancer is trusted.
#[derive(Clone, Copy)]
pub struct Address(pub IpAddr);

impl FromRequestParts<App> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Address(address(parts, app)))
    }
}

/// From the right, `X-Forwarded-For` was written by those who are nearer to us: the first that we do not trust is the
/// one that matters, and what stands further left may be invented.
pub fn address(parts: &Parts, app: &App) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.0.ip())
        .to_canonical();
    let trusted = &app.config.server.trusted_proxies;
    if !trusted.contains(&peer) {
        return peer;
    }
    let said: Vec<IpAddr> = parts
        .headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map_while(|one| one.trim().parse().ok())
        .collect();
    said.into_iter()
        .rev()
        .find(|one| !trusted.contains(one))
        .unwrap_or(peer)
}

/// What a browser says it is, in three words, for the list of devices: never the whole header.
pub fn device_name(parts: &axum::http::HeaderMap) -> String {
    let agent = parts
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or("");
    let browser = [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "a Mac"),
        ("Tizen", "a Samsung TV"),
        ("Web0S", "an LG TV"),
        ("Linux", "Linux"),
    ];
    let find = |table: &[(&str, &'static str)]| {
        table
            .iter()
            .find(|(sign, _)| agent.contains(sign))
            .map(|(_, name)| *name)
    };
    match (find(&browser), find(&system)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "A browser".to_owned(),
    }
}
