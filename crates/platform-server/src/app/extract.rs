//! What a request says, read into types or refused with a problem: bodies, addresses, paths.
use std::net::{IpAddr, SocketAddr};

use axum::{
    Form, Json,
    extract::{
        ConnectInfo, FromRequest, FromRequestParts, Path, Request,
        rejection::{FormRejection, JsonRejection},
    },
    http::{HeaderValue, StatusCode, header, request::Parts},
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
            Err(JsonRejection::JsonDataError(error)) => Err(field(&error.body_text())),
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
            Err(FormRejection::FailedToDeserializeFormBody(error)) => {
                Err(field(&error.body_text()))
            }
            Err(other) => Err(unread(other.status())),
        }
    }
}

/// Which field it is, in what axum says: the names are those of our own types. What was sent stands behind them and is left out.
fn field(said: &str) -> Problem {
    let named = |text: &str| {
        let name: String = text
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect();
        (!name.is_empty()).then_some(name)
    };
    let missing = said
        .split_once("missing field `")
        .and_then(|(_, rest)| named(rest));
    if let Some(name) = missing {
        return Problem::new(Code::InvalidField).detail(format!("{name}: this field is missing."));
    }
    if said.contains("unknown field `") {
        return Problem::new(Code::InvalidField)
            .detail("There is a field that this path does not know. Compare the request with /openapi.json.");
    }
    // "Failed to deserialize …: from: invalid IP address syntax …"
    let name = said.split(": ").nth(1).and_then(named);
    match name {
        Some(name) if said.matches(": ").count() > 1 => Problem::new(Code::InvalidField)
            .detail(format!("{name}: this value is not possible, or of another type. Compare it with /openapi.json.")),
        _ => Code::InvalidField.into(),
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

/// Where a request came from: the peer, or what the trusted proxies in front of us say.
pub fn address(parts: &Parts, app: &App) -> IpAddr {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::from([127, 0, 0, 1]), |peer| peer.0.ip())
        .to_canonical();
    let proxies = &app.config.server.trusted_proxies;
    if proxies.is_empty() && parts.headers.contains_key(FORWARDED_FOR) {
        app.warn_of_a_proxy();
    }
    let said = parts.headers.get_all(FORWARDED_FOR).iter();
    let trusted = |ip: &IpAddr| proxies.iter().any(|one| one.contain(ip));
    behind(peer, said.map(HeaderValue::as_bytes), trusted)
}

/// What proxies write down (RFC 7239 has its history).
const FORWARDED_FOR: &str = "x-forwarded-for";

/// From the right, the header was written by those who are nearer to us: the first that we do not trust is the one that
/// matters, and what stands further left may be invented. Where one of ours wrote something that is no address, nobody
/// knows who was there, and the peer answers for it.
fn behind<'h>(
    peer: IpAddr,
    headers: impl DoubleEndedIterator<Item = &'h [u8]>,
    trusted: impl Fn(&IpAddr) -> bool,
) -> IpAddr {
    if !trusted(&peer) {
        return peer;
    }
    for one in headers
        .rev()
        .flat_map(|header| header.rsplit(|byte| *byte == b','))
    {
        match read_address(one) {
            Some(address) if trusted(&address) => {}
            Some(address) => return address,
            None => return peer,
        }
    }
    peer
}

/// An address as proxies write it: with a port or without, IPv6 in brackets or not.
fn read_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// Where a request comes from, in words, as a trusted proxy says.
pub fn place(parts: &Parts, app: &App) -> Option<String> {
    let server = &app.config.server;
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()?
        .0
        .ip()
        .to_canonical();
    if !server.trusted_proxies.iter().any(|one| one.contain(&peer)) {
        return None;
    }
    let said = parts.headers.get(server.place_header.as_deref()?)?;
    let place = std::str::from_utf8(said.as_bytes()).ok()?.trim();
    let fine = (1..=64).contains(&place.chars().count()) && couchkey_platform::is_plain(place);
    fine.then(|| place.to_owned())
}

/// [`place`], for who takes it from a request.
pub struct Place(pub Option<String>);

impl FromRequestParts<App> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Place(place(parts, app)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[&str]) -> String {
        let trusted = |ip: &IpAddr| {
            let nets = ["10.0.0.0/8", "2001:db8:1::/48"];
            nets.iter().any(|net| {
                net.parse::<ipnet::IpNet>()
                    .is_ok_and(|net| net.contains(ip))
            })
        };
        let headers = headers.iter().map(|text| text.as_bytes());
        behind(peer.parse().expect("an address"), headers, trusted).to_string()
    }

    /// Row 1 of issue 17: what stood at the left chose the address, and one bad item made the rest disappear.
    #[test]
    fn row_1_the_first_from_the_right_that_we_do_not_trust_is_the_client() {
        for (peer, headers, expected) in [
            ("10.0.0.1", &["9.8.7.1, x, 203.0.113.9"][..], "203.0.113.9"),
            (
                "10.0.0.1",
                &["9.8.7.1, 203.0.113.9, 10.0.0.2"],
                "203.0.113.9",
            ),
            (
                "10.0.0.1",
                &["9.8.7.1", "203.0.113.9,10.3.4.5"],
                "203.0.113.9",
            ),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", &["2001:db8::7, 2001:db8:1::9"], "2001:db8::7"),
            ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            // Not to be read: the proxy itself answers for it.
            ("10.0.0.1", &["203.0.113.9, x"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, x, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9,"], "10.0.0.1"),
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.7, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            // Nobody whom we trust.
            ("198.51.100.1", &["203.0.113.9"], "198.51.100.1"),
        ] {
            assert_eq!(client(peer, headers), expected, "{peer} {headers:?}");
        }
        let odd: [&[u8]; 1] = [b"203.0.113.9, \xff"];
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(behind(peer, odd.into_iter(), |ip| *ip == peer), peer);
    }
}
