//! Text messages to an SMSC over SMPP 3.4.
mod session;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusmpp::CommandStatus;
use rusmpp::pdus::{BindTransceiver, SubmitSm};
use rusmpp::types::{COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, InterfaceVersion, Npi, Ton};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use self::session::{Failure, Session, Times};
use crate::mail::is_this_machine;
use crate::wording::{SmsWording, WordingError, septets};
use crate::{Clock, DeliveryError, Message, Recipient, SmsGateway, SystemClock};

/// After "too fast" nothing is sent for a second, then two, four … up to this many.
const PAUSE_AT_MOST: u64 = 32;

/// An account at an SMSC. No `Debug`: it holds a password.
pub struct SmppGatewaySettings {
    /// The server.
    pub host: String,
    /// Its port; else 2775, or 3550 with TLS.
    pub port: Option<u16>,
    /// TLS from the first byte. Without it, codes cross the network in the clear, as most SMSCs have it inside a VPN.
    pub tls: bool,
    /// The account.
    pub system_id: String,
    /// Its password: at most eight characters (SMPP 3.4, section 4.1.5).
    pub password: Zeroizing<String>,
    /// The kind of account, if the SMSC asks for one.
    pub system_type: String,
    /// Who the messages are from: a name of up to eleven letters, a short number, or `+` and a long one.
    pub source: String,
    /// The brand in the messages' words.
    pub brand: String,
    /// The web site on which browsers may fill in the code by themselves.
    pub web_otp_domain: Option<String>,
    /// One more certificate authority (PEM) beside the system's.
    pub authority: Option<Vec<u8>>,
    /// Seconds of silence after which the SMSC is asked whether it is still there.
    pub enquire_link: Duration,
    /// How long one message may take.
    pub timeout: Duration,
}

impl SmppGatewaySettings {
    /// An account without TLS; ten seconds for each message, thirty between two `enquire_link`.
    pub fn new(
        host: impl Into<String>,
        system_id: impl Into<String>,
        password: impl Into<String>,
        source: impl Into<String>,
        brand: impl Into<String>,
    ) -> SmppGatewaySettings {
        SmppGatewaySettings {
            host: host.into(),
            port: None,
            tls: false,
            system_id: system_id.into(),
            password: Zeroizing::new(password.into()),
            system_type: String::new(),
            source: source.into(),
            brand: brand.into(),
            web_otp_domain: None,
            authority: None,
            enquire_link: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
        }
    }
}

/// These settings cannot send text messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmppGatewayError {
    /// The account's name, password or kind does not fit into a bind.
    #[error("the account at the SMSC is longer than SMPP allows, or not ASCII")]
    Account,
    /// No phone shows such a sender.
    #[error("the sender of text messages is neither a name of 1 to 11 letters nor a number")]
    Source,
    /// The server's name is not one.
    #[error("the name of the SMSC is not a host name")]
    Host,
    /// The brand or the web site cannot stand in a text message.
    #[error(transparent)]
    Wording(#[from] WordingError),
    /// The additional certificate authority is not one.
    #[error("the certificate authority for the SMSC cannot be read")]
    Authority,
}

impl SmppGatewayError {
    /// What to do about it.
    pub const fn hint(self) -> &'static str {
        match self {
            SmppGatewayError::Account => {
                "The name has at most 15 characters, the password 8, the kind 12 (SMPP 3.4, 4.1.5)."
            }
            SmppGatewayError::Source => {
                "Give the sender that the SMSC's operator has registered for you."
            }
            SmppGatewayError::Host => "Give it as the certificate says it.",
            SmppGatewayError::Wording(error) => error.hint(),
            SmppGatewayError::Authority => "Give a file in PEM form.",
        }
    }
}

/// Sends codes by text message to an SMSC.
///
/// One session serves all messages; it is bound with the first one, and again after it was lost. A message is GSM 7-bit
/// in the SMSC's default alphabet, ends (`validity_period`) with its code, and carries a `user_message_reference` made of
/// its [`MessageId`](crate::MessageId).
///
/// ```
/// use couchkey_platform::{SmppGateway, SmppGatewayError, SmppGatewaySettings};
///
/// let settings = SmppGatewaySettings::new("smsc.example.com", "exampletv", "secret", "ExampleTV", "Example TV");
/// let gateway = SmppGateway::new(settings)?;
///
/// let long = SmppGatewaySettings::new("smsc.example.com", "exampletv", "too long a secret", "ExampleTV", "Example TV");
/// assert_eq!(SmppGateway::new(long).err(), Some(SmppGatewayError::Account));
/// # Ok::<(), SmppGatewayError>(())
/// ```
pub struct SmppGateway {
    settings: SmppGatewaySettings,
    wording: SmsWording,
    bind: BindTransceiver,
    source: (Ton, Npi, COctetString<1, 21>),
    tls: Option<(TlsConnector, ServerName<'static>)>,
    clock: Arc<dyn Clock>,
    session: Mutex<Option<Session>>,
    pause: std::sync::Mutex<Pause>,
}

impl SmppGateway {
    /// Checks the settings; binds with the first message.
    ///
    /// # Errors
    /// [`SmppGatewayError`].
    pub fn new(settings: SmppGatewaySettings) -> Result<SmppGateway, SmppGatewayError> {
        Self::with_clock(settings, Arc::new(SystemClock))
    }

    /// As [`new`](Self::new), with the clock by which messages end.
    ///
    /// # Errors
    /// [`SmppGatewayError`].
    pub fn with_clock(
        settings: SmppGatewaySettings,
        clock: Arc<dyn Clock>,
    ) -> Result<SmppGateway, SmppGatewayError> {
        let account = |_| SmppGatewayError::Account;
        let bind = BindTransceiver::builder()
            .system_id(COctetString::from_str(&settings.system_id).map_err(account)?)
            .password(COctetString::from_str(&settings.password).map_err(account)?)
            .system_type(COctetString::from_str(&settings.system_type).map_err(account)?)
            .interface_version(InterfaceVersion::Smpp3_4)
            .build();
        let tls = if settings.tls {
            let config = super::tls(settings.authority.as_deref());
            let config = Arc::new(config.ok_or(SmppGatewayError::Authority)?);
            let name = ServerName::try_from(settings.host.clone());
            Some((
                TlsConnector::from(config),
                name.map_err(|_| SmppGatewayError::Host)?,
            ))
        } else {
            None
        };
        Ok(SmppGateway {
            wording: SmsWording::new(&settings.brand, settings.web_otp_domain.as_deref())?,
            source: source(&settings.source).ok_or(SmppGatewayError::Source)?,
            bind,
            tls,
            clock,
            session: Mutex::default(),
            pause: std::sync::Mutex::default(),
            settings,
        })
    }

    /// True when codes cross a network in the clear: worth a warning at the start.
    pub fn is_unprotected(&self) -> bool {
        self.tls.is_none() && !is_this_machine(&self.settings.host)
    }

    fn submit_sm(&self, message: &Message) -> Option<SubmitSm> {
        let Recipient::Phone(to) = &message.recipient else {
            return None;
        };
        let text = septets(&self.wording.sms(message))?;
        let (ton, npi, source) = self.source.clone();
        let left = message
            .expires_at
            .as_secs()
            .saturating_sub(self.clock.now().as_secs());
        // Section 7.1.1: relative, years to hours all zero but minutes and seconds.
        let left = left.min(59 * 60);
        let validity = format!("00000000{:02}{:02}000R", left / 60, left % 60);
        let mut submit = SubmitSm::builder()
            .source_addr_ton(ton)
            .source_addr_npi(npi)
            .source_addr(source)
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(COctetString::from_str(to.as_e164().trim_start_matches('+')).ok()?)
            .validity_period(EmptyOrFullCOctetString::from_str(&validity).ok()?)
            .esm_class(EsmClass::from(0)) // section 5.2.12: nothing special; the library's default says otherwise
            .data_coding(DataCoding::McSpecific) // 0: the SMSC's default, GSM 7-bit, a septet in each byte
            .short_message(OctetString::from_slice(&text).ok()?)
            .build();
        if let Ok(reference) = u16::from_str_radix(message.id.as_str().get(..4)?, 16) {
            submit.push_tlv(user_message_reference(reference));
        }
        Some(submit)
    }

    /// The session that all messages share, bound anew if need be. Who waits for another's bind waits with it.
    async fn session(&self) -> Result<Session, DeliveryError> {
        let mut session = self.session.lock().await;
        if let Some(session) = session.as_ref().filter(|session| session.is_open()) {
            return Ok(session.clone());
        }
        let bound = self.connect().await?;
        Ok(session.insert(bound).clone())
    }

    async fn connect(&self) -> Result<Session, DeliveryError> {
        let unreachable = DeliveryError::Temporary {
            reason: "unreachable",
        };
        let usual = if self.tls.is_some() { 3550 } else { 2775 };
        let server = (
            self.settings.host.as_str(),
            self.settings.port.unwrap_or(usual),
        );
        let stream = TcpStream::connect(server).await.map_err(|_| unreachable)?;
        let times = Times {
            answer: self.settings.timeout,
            enquire_link: self.settings.enquire_link,
        };
        let session = match &self.tls {
            None => Session::start(stream, times),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                let stream = stream.map_err(|_| DeliveryError::Temporary {
                    reason: "tls_failed",
                })?;
                Session::start(stream, times)
            }
        };
        match session.ask(self.bind.clone()).await {
            Ok(()) => Ok(session),
            Err(Failure::Status(CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful)) => {
                Err(self.too_fast())
            }
            Err(Failure::Status(_)) => Err(DeliveryError::Temporary {
                reason: "login_refused",
            }),
            Err(failure) => Err(because(failure, "connection_lost")),
        }
    }

    async fn hand_over(&self, submit: SubmitSm) -> Result<(), DeliveryError> {
        let session = self.session().await?;
        let failure = match session.ask(submit).await {
            Ok(()) => {
                self.pause().seconds = 0;
                return Ok(());
            }
            Err(failure) => failure,
        };
        use CommandStatus::{
            EsmeRinvdstadr, EsmeRinvdstnpi, EsmeRinvdstton, EsmeRmsgqful, EsmeRthrottled,
        };
        match failure {
            Failure::Status(EsmeRthrottled | EsmeRmsgqful) => Err(self.too_fast()),
            Failure::Status(EsmeRinvdstadr | EsmeRinvdstton | EsmeRinvdstnpi) => {
                Err(DeliveryError::Permanent {
                    reason: "recipient_refused",
                })
            }
            Failure::Status(_) => Err(DeliveryError::Temporary {
                reason: "not_accepted",
            }),
            _ => {
                // It did not answer: the next message binds a new one.
                self.session.lock().await.take();
                Err(because(failure, "unconfirmed"))
            }
        }
    }

    fn too_fast(&self) -> DeliveryError {
        let mut pause = self.pause();
        pause.seconds = (pause.seconds * 2).clamp(1, PAUSE_AT_MOST);
        pause.until = self.clock.now().as_secs() + pause.seconds;
        DeliveryError::Temporary {
            reason: "throttled",
        }
    }

    fn pause(&self) -> std::sync::MutexGuard<'_, Pause> {
        self.pause
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl SmsGateway for SmppGateway {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        use DeliveryError::{Permanent, Temporary};
        let submit = self.submit_sm(message);
        let submit = submit.ok_or(Permanent {
            reason: "address_not_supported",
        })?;
        if self.clock.now().as_secs() < self.pause().until {
            return Err(Temporary {
                reason: "throttled",
            });
        }
        let sent = self.hand_over(submit);
        match tokio::time::timeout(self.settings.timeout, sent).await {
            Ok(result) => result,
            Err(_) => {
                // A session that is slow now may be dead; binding again is cheap.
                if let Ok(mut session) = self.session.try_lock() {
                    session.take();
                }
                Err(Temporary { reason: "timeout" })
            }
        }
    }
}

/// Until when the SMSC wants to be left alone.
#[derive(Default)]
struct Pause {
    until: u64,
    seconds: u64,
}

/// A failure that is not a status. `lost`: what it means when the connection ended.
fn because(failure: Failure, lost: &'static str) -> DeliveryError {
    let reason = match failure {
        Failure::Timeout => "timeout",
        Failure::Protocol => "protocol_error",
        Failure::Status(_) | Failure::Closed => lost,
    };
    DeliveryError::Temporary { reason }
}

/// The sender as SMPP has it: type of number, numbering plan, address.
fn source(text: &str) -> Option<(Ton, Npi, COctetString<1, 21>)> {
    let (ton, npi, address) = match text.strip_prefix('+') {
        Some(number) if is_number(number, 15) => (Ton::International, Npi::Isdn, number),
        None if is_number(text, 15) => (Ton::NetworkSpecific, Npi::Unknown, text),
        None if is_name(text) => (Ton::Alphanumeric, Npi::Unknown, text),
        _ => return None,
    };
    Some((ton, npi, COctetString::from_str(address).ok()?))
}

fn is_number(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// 3GPP TS 23.040, section 9.1.2.5: eleven characters.
fn is_name(text: &str) -> bool {
    let fits = (1..=11).contains(&text.len());
    fits && text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn user_message_reference(number: u16) -> rusmpp::tlvs::MessageSubmissionRequestTlvValue {
    rusmpp::tlvs::MessageSubmissionRequestTlvValue::UserMessageReference(
        rusmpp::values::UserMessageReference::new(number),
    )
}
