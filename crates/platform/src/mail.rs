//! Codes by e-mail, over SMTP (RFC 5321) with STARTTLS (RFC 3207) or TLS from the first byte (RFC 8314).
//!
//! lettre writes the mail and speaks the protocol; which answer means what, and how long anybody waits, is decided here.
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use lettre::{Address, transport::smtp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::wording::{self, Brand, WordingError};
use crate::{Clock, DeliveryError, Mailer, Message, Recipient, SystemClock};

/// Connections that wait for the next mail.
const IDLE: usize = 4;

/// How long one waits. Servers close after five minutes (RFC 5321, section 4.5.3.2.7), many sooner.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// How long a server has to answer QUIT. Nothing depends on it.
const GOODBYE: Duration = Duration::from_secs(1);

/// How much a server may say on one connection. A whole transaction is a few kilobytes.
const SAID_AT_MOST: u64 = 1024 * 1024;

/// How the way to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// In the clear first, then TLS; never a mail or a password without it. Port 587.
    StartTls,
    /// TLS from the first byte. Port 465.
    Tls,
    /// None; only to a server on this machine (`localhost` or a loopback address). Port 25.
    None,
}

impl SmtpSecurity {
    const fn port(self) -> u16 {
        match self {
            SmtpSecurity::StartTls => 587,
            SmtpSecurity::Tls => 465,
            SmtpSecurity::None => 25,
        }
    }
}

/// Which server takes the mails, and who they are from. No `Debug`: it may hold a password.
pub struct SmtpSettings {
    /// The server's name, as its certificate says it.
    pub host: String,
    /// Its port; else the usual one of `security`.
    pub port: Option<u16>,
    /// How the way there is protected.
    pub security: SmtpSecurity,
    /// Name and password, if it wants them.
    pub login: Option<(String, Zeroizing<String>)>,
    /// Who the mails are from: `Example TV <codes@example.tv>`.
    pub from: String,
    /// The brand in the mails' words.
    pub brand: String,
    /// One more certificate authority (PEM) beside the system's.
    pub authority: Option<Vec<u8>>,
    /// How long one mail may take, from the connection to the server's last word.
    pub timeout: Duration,
}

impl SmtpSettings {
    /// STARTTLS on the usual port, no login, thirty seconds for each mail.
    pub fn new(
        host: impl Into<String>,
        from: impl Into<String>,
        brand: impl Into<String>,
    ) -> SmtpSettings {
        SmtpSettings {
            host: host.into(),
            port: None,
            security: SmtpSecurity::StartTls,
            login: None,
            from: from.into(),
            brand: brand.into(),
            authority: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// These settings cannot send mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpSettingsError {
    /// The sender is not an address.
    #[error("the sender of mails is not an address like Example TV <codes@example.tv>")]
    From,
    /// The sender's local part is not ASCII, so that many servers would refuse every mail.
    #[error(
        "the part of the sender's address before the @ has letters that not every mail server takes"
    )]
    FromAlphabet,
    /// The brand cannot stand in a mail.
    #[error(transparent)]
    Wording(#[from] WordingError),
    /// Codes and passwords would cross a network in the clear.
    #[error("mail without TLS is only for a server on this machine")]
    Unprotected,
    /// The additional certificate authority is not one, or the system's cannot be read.
    #[error("the certificate authorities for mail cannot be read")]
    Authority,
}

impl SmtpSettingsError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            SmtpSettingsError::From => "Give one address, with or without a name before it.",
            SmtpSettingsError::FromAlphabet => "Give a sender with Latin letters before the @.",
            SmtpSettingsError::Wording(error) => error.hint(),
            SmtpSettingsError::Unprotected => {
                "Choose STARTTLS or TLS, or run a mail server on this machine that passes mails on."
            }
            SmtpSettingsError::Authority => {
                "Give a file in PEM form, or install the system's ca-certificates."
            }
        }
    }
}

/// Sends codes by e-mail.
///
/// A mail has a plain and an HTML part, no picture, no link and nothing that tells when it is read. Its subject has no
/// code. Its `Message-ID` is made of the [`MessageId`](crate::MessageId), so two copies of one mail can be told from two
/// mails.
///
/// ```
/// use couchkey_platform::{SmtpMailer, SmtpSettings, SmtpSettingsError};
///
/// let settings = SmtpSettings::new("mail.example.tv", "Example TV <codes@example.tv>", "Example TV");
/// let mailer = SmtpMailer::new(settings)?;
///
/// let nobody = SmtpSettings::new("mail.example.tv", "nobody", "Example TV");
/// assert_eq!(SmtpMailer::new(nobody).err(), Some(SmtpSettingsError::From));
/// # Ok::<(), SmtpSettingsError>(())
/// ```
pub struct SmtpMailer {
    settings: SmtpSettings,
    from: Mailbox,
    brand: Brand,
    tls: Option<TlsParameters>,
    hello: ClientId,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl SmtpMailer {
    /// Checks the settings; connects with the first mail.
    ///
    /// # Errors
    /// [`SmtpSettingsError`].
    pub fn new(settings: SmtpSettings) -> Result<SmtpMailer, SmtpSettingsError> {
        Self::with_clock(settings, Arc::new(SystemClock))
    }

    /// As [`new`](Self::new), with the clock that dates the mails.
    ///
    /// # Errors
    /// [`SmtpSettingsError`].
    pub fn with_clock(
        settings: SmtpSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<SmtpMailer, SmtpSettingsError> {
        let from: Mailbox = settings.from.parse().map_err(|_| SmtpSettingsError::From)?;
        let from = Mailbox::new(
            from.name,
            known_everywhere(&from.email).ok_or(SmtpSettingsError::From)?,
        );
        if !from.email.user().is_ascii() {
            return Err(SmtpSettingsError::FromAlphabet);
        }
        let tls = match settings.security {
            SmtpSecurity::None if !is_this_machine(&settings.host) => {
                return Err(SmtpSettingsError::Unprotected);
            }
            SmtpSecurity::None => None,
            SmtpSecurity::StartTls | SmtpSecurity::Tls => Some(tls(&settings)?),
        };
        Ok(SmtpMailer {
            brand: Brand::new(&settings.brand)?,
            from,
            tls,
            hello: ClientId::default(),
            clock,
            idle: Mutex::default(),
            settings,
        })
    }

    /// The mail as it goes over the wire.
    fn write(&self, message: &Message) -> Result<(Envelope, Zeroizing<Vec<u8>>), DeliveryError> {
        const ADDRESS: DeliveryError = DeliveryError::Permanent {
            reason: "address_not_supported",
        };
        let Recipient::Email(to) = &message.recipient else {
            return Err(ADDRESS);
        };
        let to: Address = to.as_str().parse().map_err(|_| ADDRESS)?;
        let to = known_everywhere(&to).ok_or(ADDRESS)?;
        let words = wording::mail(&self.brand, message);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.clock.now().as_secs());
        let id = format!("<{}@{}>", message.id.as_str(), self.from.email.domain());
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(words.subject)
            .date(now)
            .message_id(Some(id))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(
                words.text.to_string(),
                words.html.to_string(),
            ))
            .map_err(|_| ADDRESS)?;
        Ok((mail.envelope().clone(), Zeroizing::new(mail.formatted())))
    }

    /// A connection that is known to work, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        while let Some((mut connection, since)) = self.take_idle() {
            if since.elapsed() < IDLE_FOR && connection.test_connected().await {
                return Ok(connection);
            }
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let SmtpSettings {
            host,
            port,
            security,
            ..
        } = &self.settings;
        let server = (host.as_str(), port.unwrap_or(security.port()));
        let mut connection = match (security, &self.tls) {
            (SmtpSecurity::Tls, tls) => {
                AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, tls.clone(), None)
                    .await
            }
            _ => {
                let stream =
                    TcpStream::connect(server)
                        .await
                        .map_err(|_| DeliveryError::Temporary {
                            reason: "unreachable",
                        })?;
                let stream = Box::new(LineByLine::new(stream));
                AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await
            }
        }
        .map_err(|error| because(Stage::Connection, &error))?;
        if *security == SmtpSecurity::StartTls {
            let tls = self.tls.clone().expect("made in new() for STARTTLS");
            if !connection.can_starttls() {
                return Err(DeliveryError::Temporary {
                    reason: "no_starttls",
                });
            }
            connection
                .starttls(tls, &self.hello)
                .await
                .map_err(|error| because(Stage::Tls, &error))?;
        }
        if let Some((user, password)) = &self.settings.login {
            let login = Credentials::new(user.clone(), password.to_string());
            connection
                .auth(DEFAULT_MECHANISMS, &login)
                .await
                .map_err(|error| because(Stage::Login, &error))?;
        }
        Ok(connection)
    }

    /// One transaction. Every reply's code is held against the one that belongs there: a reply too many, injected before
    /// TLS or left over, must not be taken for the receipt of a mail.
    async fn hand_over(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), DeliveryError> {
        let mut connection = self.connection().await?;
        let result = transaction(&mut connection, envelope, mail).await;
        match result {
            Ok(()) => self.keep(connection),
            Err(_) if connection.has_broken() => {}
            Err(_) => {
                let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
            }
        }
        result
    }

    fn take_idle(&self) -> Option<(AsyncSmtpConnection, Instant)> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    /// Only after a whole transaction: a connection that was given up in the middle would hand its late replies to the
    /// next mail. (lettre's own pool keeps those too; docs/decisions/0161.)
    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push((connection, Instant::now()));
        }
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let (envelope, mail) = self.write(message)?;
        let sent = self.hand_over(&envelope, &mail);
        match tokio::time::timeout(self.settings.timeout, sent).await {
            Ok(result) => result,
            Err(_) => Err(DeliveryError::Temporary { reason: "timeout" }),
        }
    }
}

async fn transaction(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    mail: &[u8],
) -> Result<(), DeliveryError> {
    let mut parameters = Vec::new();
    if envelope.to().iter().any(|to| !to.to_string().is_ascii()) {
        // RFC 6531: an address with other letters before the @ goes only through servers that say SMTPUTF8.
        if !connection
            .server_info()
            .supports_feature(Extension::SmtpUtfEight)
        {
            return Err(DeliveryError::Permanent {
                reason: "address_not_supported",
            });
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let reply = connection
        .command(Mail::new(envelope.from().cloned(), parameters))
        .await;
    expect(Stage::Sender, reply, 250..=250)?;
    for to in envelope.to() {
        let reply = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
        expect(Stage::Recipient, reply, 250..=252)?;
    }
    let reply = connection.command(Data).await;
    expect(Stage::Data, reply, 354..=354)?;
    let reply = connection.message(mail).await;
    expect(Stage::Receipt, reply, 250..=250)
}

/// How far a mail came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connection,
    Tls,
    Login,
    Sender,
    Recipient,
    Data,
    /// The mail is out; what is missing is the receipt.
    Receipt,
}

fn expect(
    stage: Stage,
    reply: Result<Response, smtp::Error>,
    codes: std::ops::RangeInclusive<u16>,
) -> Result<(), DeliveryError> {
    let reply = reply.map_err(|error| because(stage, &error))?;
    if codes.contains(&u16::from(reply.code())) {
        return Ok(());
    }
    let reason = if stage == Stage::Receipt {
        "unconfirmed"
    } else {
        "protocol_error"
    };
    Err(DeliveryError::Temporary { reason })
}

/// What a failure means for the message. For good are only a server's words on this recipient or this mail (RFC 5321,
/// section 4.2.1: 55x). Everything else is the connection's, the configuration's or the hour's fault, and somebody may
/// put it right while the code lives.
fn because(stage: Stage, error: &smtp::Error) -> DeliveryError {
    use DeliveryError::{Permanent, Temporary};
    let status = error.status().map(u16::from);
    match (stage, status) {
        (Stage::Recipient, Some(550..=559)) => Permanent {
            reason: "recipient_refused",
        },
        (Stage::Data | Stage::Receipt, Some(550..=559)) => Permanent {
            reason: "content_refused",
        },
        (_, Some(421)) => Temporary {
            reason: "not_ready",
        },
        (Stage::Connection, Some(_)) => Temporary {
            reason: "not_ready",
        },
        (Stage::Tls, Some(_)) => Temporary {
            reason: "no_starttls",
        },
        (Stage::Login, _) => Temporary {
            reason: "login_refused",
        },
        (Stage::Sender, Some(_)) => Temporary {
            reason: "sender_refused",
        },
        (Stage::Recipient, Some(_)) => Temporary {
            reason: "recipient_deferred",
        },
        (Stage::Data | Stage::Receipt, Some(_)) => Temporary {
            reason: "content_deferred",
        },
        (Stage::Receipt, None) => Temporary {
            reason: "unconfirmed",
        },
        (Stage::Tls, None) => Temporary {
            reason: "tls_failed",
        },
        (_, None) if error.is_response() => Temporary {
            reason: "protocol_error",
        },
        (_, None) => Temporary {
            reason: "connection_lost",
        },
    }
}

fn tls(settings: &SmtpSettings) -> Result<TlsParameters, SmtpSettingsError> {
    let mut tls = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        let authority = Certificate::from_pem(pem).map_err(|_| SmtpSettingsError::Authority)?;
        tls = tls.add_root_certificate(authority);
    }
    tls.build().map_err(|_| SmtpSettingsError::Authority)
}

/// The address with its domain in the DNS's own spelling (RFC 5891), which every server understands.
fn known_everywhere(address: &Address) -> Option<Address> {
    let domain = idna::domain_to_ascii(address.domain()).ok()?;
    Address::new(address.user(), domain).ok()
}

pub(crate) fn is_this_machine(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// RFC 3834, section 5: no holiday notice and no other robot answers this.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A connection that hands over one line at a time, and of all lines together so much and no more.
///
/// Without the first, lettre takes what somebody on the way has put behind the clear reply to STARTTLS for the server's
/// own words after it, down to the receipt of a mail that nobody took; here such bytes go to TLS, which refuses them.
/// Without the second, a line without an end fills the memory: lettre refuses long lines after it has read them.
struct LineByLine {
    stream: TcpStream,
    held: VecDeque<u8>,
    left: u64,
}

impl LineByLine {
    fn new(stream: TcpStream) -> LineByLine {
        LineByLine {
            stream,
            held: VecDeque::new(),
            left: SAID_AT_MOST,
        }
    }
}

impl fmt::Debug for LineByLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineByLine").finish_non_exhaustive()
    }
}

impl AsyncTokioStream for LineByLine {
    fn peer_addr(&self) -> std::io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for LineByLine {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.held.is_empty() {
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            let said = read.filled().len() as u64;
            let Some(left) = self.left.checked_sub(said) else {
                return Poll::Ready(Err(std::io::ErrorKind::InvalidData.into()));
            };
            self.left = left;
            self.held.extend(read.filled());
        }
        while buffer.remaining() > 0
            && let Some(byte) = self.held.pop_front()
        {
            buffer.put_slice(&[byte]);
            if byte == b'\n' {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineByLine {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
