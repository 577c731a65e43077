//! Text messages through a provider's HTTP interface, described by a template: every provider's is a little different.
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::mail::is_this_machine;
use crate::wording::{SmsWording, WordingError};
use crate::{DeliveryError, Message, Recipient, SmsGateway};

/// How much of an answer is read.
const ANSWER_AT_MOST: usize = 64 * 1024;

/// What is sent. In every text, `{to}` stands for the number in E.164 (`+491701234567`), `{to_digits}` for the same
/// without the plus, `{text}` for the message, and `{id}` for the [`MessageId`](crate::MessageId). Each is escaped for
/// the place where it stands.
#[derive(Clone)]
pub enum HttpBody {
    /// JSON: the placeholders stand inside strings of this document.
    Json(Value),
    /// A form: fields and their values.
    Form(Vec<(String, String)>),
    /// Nothing: everything is in the address.
    Empty,
}

/// When the provider has taken the message. Its status is a 2xx in any case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpSuccess {
    /// Besides, the answer is JSON, and has this value in this place (a JSON pointer, RFC 6901): `/status`, `"queued"`.
    pub value: Option<(String, Value)>,
}

/// A provider's interface. No `Debug`: it may hold a key.
pub struct HttpGatewaySettings {
    /// Its address. Placeholders may stand in the path and the query.
    pub url: String,
    /// `POST`, `PUT` or `GET`.
    pub method: String,
    /// Headers, such as the provider's key. Placeholders may stand in the values.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// What is sent.
    pub body: HttpBody,
    /// The header for the message's id, by which the provider knows a repetition.
    pub idempotency_header: Option<String>,
    /// When the provider has taken the message.
    pub success: HttpSuccess,
    /// The brand in the messages' words.
    pub brand: String,
    /// The web site on which browsers may fill in the code by themselves.
    pub web_otp_domain: Option<String>,
    /// One more certificate authority (PEM) beside the system's.
    pub authority: Option<Vec<u8>>,
    /// How long one message may take.
    pub timeout: Duration,
}

impl HttpGatewaySettings {
    /// `POST` of `body`, with the message's id in `Idempotency-Key`; ten seconds for each message.
    pub fn new(url: impl Into<String>, body: HttpBody, brand: impl Into<String>) -> Self {
        HttpGatewaySettings {
            url: url.into(),
            method: "POST".into(),
            headers: Vec::new(),
            body,
            idempotency_header: Some("Idempotency-Key".into()),
            success: HttpSuccess::default(),
            brand: brand.into(),
            web_otp_domain: None,
            authority: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// These settings cannot send text messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpGatewayError {
    /// The address is none, or a placeholder decides which server is asked.
    #[error("the address of the SMS provider is not a URL whose server is fixed")]
    Url,
    /// Codes and keys would cross a network in the clear.
    #[error("an SMS provider without TLS is only for this machine")]
    Unprotected,
    /// Not a method that sends something.
    #[error("the method for the SMS provider is POST, PUT or GET")]
    Method,
    /// A header's name or value is not one.
    #[error("header {index} for the SMS provider is not a header")]
    Header {
        /// Which one, from 1.
        index: usize,
    },
    /// Without the number and the text, no message arrives.
    #[error("the template for the SMS provider lacks {missing}")]
    Placeholder {
        /// `{to}` or `{text}`.
        missing: &'static str,
    },
    /// The pointer is not one.
    #[error("the place of the provider's answer is not a JSON pointer like /messages/0/status")]
    Pointer,
    /// The brand or the web site cannot stand in a text message.
    #[error(transparent)]
    Wording(#[from] WordingError),
    /// The additional certificate authority is not one.
    #[error("the certificate authority for the SMS provider cannot be read")]
    Authority,
}

impl HttpGatewayError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            HttpGatewayError::Url => {
                "Give https:// and the server; placeholders may stand behind it only."
            }
            HttpGatewayError::Unprotected => "Use the provider's https:// address.",
            HttpGatewayError::Method => "See the provider's documentation; most take POST.",
            HttpGatewayError::Header { .. } => {
                "A name has letters, digits and dashes; a value has no line break."
            }
            HttpGatewayError::Placeholder { .. } => {
                "Put {to} (or {to_digits}) and {text} where the provider expects them."
            }
            HttpGatewayError::Pointer => "Start each part of it with a slash.",
            HttpGatewayError::Wording(error) => error.hint(),
            HttpGatewayError::Authority => "Give a file in PEM form.",
        }
    }
}

/// Sends codes by text message through a provider's HTTP interface.
///
/// ```
/// use couchkey_platform::{HttpBody, HttpGateway, HttpGatewayError, HttpGatewaySettings};
/// use serde_json::json;
///
/// let body = HttpBody::Json(json!({ "to": "{to}", "text": "{text}", "from": "ExampleTV" }));
/// let mut settings = HttpGatewaySettings::new("https://sms.example.com/v1/messages", body, "Example TV");
/// settings.headers.push(("Authorization".into(), "Bearer key".to_owned().into()));
/// settings.success.value = Some(("/status".into(), json!("queued")));
/// let gateway = HttpGateway::new(settings)?;
///
/// let form = HttpBody::Form(vec![("to".into(), "{to}".into())]);
/// let silent = HttpGatewaySettings::new("https://sms.example.com", form, "Example TV");
/// assert_eq!(HttpGateway::new(silent).err(), Some(HttpGatewayError::Placeholder { missing: "{text}" }));
/// # Ok::<(), HttpGatewayError>(())
/// ```
pub struct HttpGateway {
    settings: HttpGatewaySettings,
    method: Method,
    wording: SmsWording,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpGateway {
    /// Checks the settings; connects with the first message.
    ///
    /// # Errors
    /// [`HttpGatewayError`].
    pub fn new(settings: HttpGatewaySettings) -> Result<HttpGateway, HttpGatewayError> {
        let method = match settings.method.as_str() {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "GET" => Method::GET,
            _ => return Err(HttpGatewayError::Method),
        };
        check_url(&settings.url)?;
        if settings
            .success
            .value
            .as_ref()
            .is_some_and(|(pointer, _)| !is_pointer(pointer))
        {
            return Err(HttpGatewayError::Pointer);
        }
        let wording = SmsWording::new(&settings.brand, settings.web_otp_domain.as_deref())?;
        let tls = super::tls(settings.authority.as_deref()).ok_or(HttpGatewayError::Authority)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http() // check_url: plain HTTP only to this machine
            .enable_http1()
            .build();
        let gateway = HttpGateway {
            method,
            wording,
            client: Client::builder(TokioExecutor::new()).build(connector),
            settings,
        };
        gateway.check_template()?;
        Ok(gateway)
    }

    /// Writes a message that nobody gets, and looks whether everything is in it.
    fn check_template(&self) -> Result<(), HttpGatewayError> {
        let text = "couchkeycheckstext";
        let with = |to, to_digits| Values {
            to,
            to_digits,
            text,
            id: "0",
        };
        let request = self.request(&with("couchkeycheckstophone", "couchkeycheckstophone"))?;
        let mut whole = format!("{}{}", request.uri(), request.body());
        for value in request.headers().values() {
            whole.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        for (needle, missing) in [("couchkeycheckstophone", "{to}"), (text, "{text}")] {
            if !whole.contains(needle) {
                return Err(HttpGatewayError::Placeholder { missing });
            }
        }
        Ok(())
    }

    fn request(&self, values: &Values<'_>) -> Result<Request<String>, HttpGatewayError> {
        let settings = &self.settings;
        let url = values.fill(&settings.url, |value| {
            utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
        });
        let uri: Uri = url.parse().map_err(|_| HttpGatewayError::Url)?;
        let mut headers = HeaderMap::new();
        let (body, content_type) = match &settings.body {
            HttpBody::Json(template) => {
                let mut document = template.clone();
                fill_strings(&mut document, values);
                (document.to_string(), Some("application/json"))
            }
            HttpBody::Form(fields) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    form.append_pair(name, &values.fill(value, str::to_owned));
                }
                (form.finish(), Some("application/x-www-form-urlencoded"))
            }
            HttpBody::Empty => (String::new(), None),
        };
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        let idempotency = settings.idempotency_header.iter();
        let idempotency = idempotency.map(|name| (name.as_str(), "{id}"));
        let given = settings
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in given.chain(idempotency).enumerate() {
            let wrong = HttpGatewayError::Header { index: index + 1 };
            let name: HeaderName = name.parse().map_err(|_| wrong)?;
            let value = values.fill(value, str::to_owned);
            let mut value = HeaderValue::from_str(&value).map_err(|_| wrong)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn hand_over(&self, request: Request<String>) -> Result<(), DeliveryError> {
        use DeliveryError::Temporary;
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = self.client.request(request).await.map_err(|error| {
            let reason = if error.is_connect() {
                "unreachable"
            } else {
                "unconfirmed"
            };
            Temporary { reason }
        })?;
        because(answer.status())?;
        let Some((pointer, wanted)) = &self.settings.success.value else {
            return Ok(());
        };
        let answer = Limited::new(answer.into_body(), ANSWER_AT_MOST)
            .collect()
            .await;
        let answer = answer
            .map_err(|_| Temporary {
                reason: "unconfirmed",
            })?
            .to_bytes();
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Temporary {
            reason: "unconfirmed",
        })?;
        if answer.pointer(pointer) == Some(wanted) {
            Ok(())
        } else {
            Err(Temporary {
                reason: "not_accepted",
            })
        }
    }
}

#[async_trait]
impl SmsGateway for HttpGateway {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        const WRONG: DeliveryError = DeliveryError::Permanent {
            reason: "address_not_supported",
        };
        let Recipient::Phone(to) = &message.recipient else {
            return Err(WRONG);
        };
        let text = self.wording.sms(message);
        let values = Values {
            to: to.as_e164(),
            to_digits: to.as_e164().trim_start_matches('+'),
            text: &text,
            id: message.id.as_str(),
        };
        let request = self.request(&values).map_err(|_| WRONG)?;
        match tokio::time::timeout(self.settings.timeout, self.hand_over(request)).await {
            Ok(result) => result,
            Err(_) => Err(DeliveryError::Temporary { reason: "timeout" }),
        }
    }
}

/// What a status means for the message (RFC 9110, section 15). For good are only words on this request's content.
fn because(status: StatusCode) -> Result<(), DeliveryError> {
    use DeliveryError::{Permanent, Temporary};
    match status.as_u16() {
        200..=299 => Ok(()),
        400 | 410 | 413 | 422 => Err(Permanent { reason: "rejected" }),
        401 | 403 | 407 => Err(Temporary {
            reason: "login_refused",
        }),
        409 => Err(Temporary {
            reason: "unconfirmed",
        }), // the first request with this id is still at work
        429 => Err(Temporary {
            reason: "throttled",
        }),
        500..=599 => Err(Temporary {
            reason: "not_ready",
        }),
        _ => Err(Temporary {
            reason: "protocol_error",
        }),
    }
}

/// What stands in the placeholders' places.
struct Values<'a> {
    to: &'a str,
    to_digits: &'a str,
    text: &'a str,
    id: &'a str,
}

impl Values<'_> {
    /// In one pass, so that a text that looks like a placeholder stays a text.
    fn fill(&self, template: &str, escape: impl Fn(&str) -> String) -> String {
        let names = [
            ("{to}", self.to),
            ("{to_digits}", self.to_digits),
            ("{text}", self.text),
            ("{id}", self.id),
        ];
        let mut filled = String::with_capacity(template.len() + self.text.len());
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some((name, value)) = names.iter().find(|(name, _)| rest.starts_with(name)) {
                filled.push_str(&escape(value));
                rest = &rest[name.len()..];
            } else {
                filled.push('{');
                rest = &rest[1..];
            }
        }
        filled.push_str(rest);
        filled
    }
}

fn fill_strings(document: &mut Value, values: &Values<'_>) {
    match document {
        Value::String(text) => *text = values.fill(text, str::to_owned),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_strings(item, values)),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|value| fill_strings(value, values));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A URL whose server no placeholder can change, and that is protected unless it stays on this machine.
fn check_url(template: &str) -> Result<(), HttpGatewayError> {
    let with = |value: &str| {
        let values = Values {
            to: value,
            to_digits: value,
            text: value,
            id: value,
        };
        let uri: Uri = values.fill(template, str::to_owned).parse().ok()?;
        Some((
            uri.scheme_str()?.to_owned(),
            uri.authority()?.to_string(),
            uri.host()?.to_owned(),
        ))
    };
    let (one, other) = (with("a"), with("b"));
    let (Some((scheme, _, host)), true) = (&one, one == other) else {
        return Err(HttpGatewayError::Url);
    };
    match scheme.as_str() {
        "https" => Ok(()),
        "http" if is_this_machine(host) => Ok(()),
        "http" => Err(HttpGatewayError::Unprotected),
        _ => Err(HttpGatewayError::Url),
    }
}

fn is_pointer(text: &str) -> bool {
    text.is_empty() || text.starts_with('/')
}
