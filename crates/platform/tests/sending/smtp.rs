//! A mail server that fails in one way, a few times or for ever.
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use couchkey_platform::{Recipient, SmtpMailer, SmtpSecurity, SmtpSettings, Terminal};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto};

use super::harness::{BRAND, End, NoSms, Seen, World, patience};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Banner,
    Hello,
    StartTls,
    /// In place of the TLS handshake.
    Handshake,
    SecureHello,
    Login,
    Sender,
    Recipient,
    Data,
    /// In the middle of the mail's text.
    Text,
    /// After the mail's last line.
    Receipt,
}

#[derive(Clone, Copy, Debug)]
enum Do {
    /// Says something else, and goes on.
    Say(&'static str),
    /// Says something, and closes the connection.
    SayAndClose(&'static str),
    /// Closes the connection.
    Close,
    /// Takes the mail, and closes the connection without a word.
    TakeAndClose,
    /// Says nothing more.
    Hang,
    /// Says it, a byte at a time, too slowly.
    Trickle(&'static str),
    /// Says a line of 2,000 bytes (RFC 5321, section 4.5.3.1.5: 512), and goes on.
    LongLine,
    /// Says a line without an end.
    Flood,
    /// Shows a certificate for somebody else.
    WrongName,
}

use At::{Banner, Data, Handshake, Hello, Login, Receipt, SecureHello, Sender, StartTls, Text};
use Do::{Close, Flood, Hang, LongLine, Say, SayAndClose, TakeAndClose, Trickle, WrongName};
use End::{Expired, Refused, Sent};

/// Each way to fail; how a message ends when the fault goes away after two connections, and when it stays.
#[rustfmt::skip]
const FAULTS: &[(&str, At, Do, End, End)] = &[
    ("the banner never comes",              Banner,        Hang,                               Sent,    Expired),
    ("busy at the banner",                  Banner,        SayAndClose("421 too busy\r\n"),    Sent,    Expired),
    ("turned away at the banner",           Banner,        SayAndClose("554 go away\r\n"),     Sent,    Expired),
    ("slow bytes in the banner",            Banner,        Trickle("220 slowly slowly slowly\r\n"), Sent, Expired),
    ("a line without an end",               Banner,        Flood,                              Sent,    Expired),
    ("over-long lines",                     Hello,         LongLine,                           Sent,    Expired),
    ("another protocol",                    Banner,        SayAndClose("HTTP/1.1 400 Bad Request\r\n\r\n"), Sent, Expired),
    ("EHLO refused for now",                Hello,         SayAndClose("451 later\r\n"),       Sent,    Expired),
    ("no STARTTLS on offer",                Hello,         Say("250 mail.test\r\n"),           Sent,    Expired),
    ("STARTTLS refused",                    StartTls,      SayAndClose("454 no TLS now\r\n"),          Sent,    Expired),
    ("STARTTLS, then garbage",              Handshake,     SayAndClose("what is TLS?\r\n"),    Sent,    Expired),
    ("STARTTLS, then silence",              Handshake,     Hang,                               Sent,    Expired),
    ("a certificate for somebody else",     Handshake,     WrongName,                          Sent,    Expired),
    ("replies injected before TLS",         StartTls,      Say("220 go\r\n250-mail.test\r\n250 AUTH PLAIN\r\n235 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 thanks\r\n"), Sent, Expired),
    ("login refused",                       Login,         Say("535 5.7.8 wrong\r\n"),         Sent,    Expired),
    ("login not possible now",              Login,         Say("454 4.7.0 later\r\n"),         Sent,    Expired),
    ("sender deferred",                     Sender,        Say("451 4.3.0 later\r\n"),         Sent,    Expired),
    ("sender refused",                      Sender,        Say("550 5.7.1 not you\r\n"),       Sent,    Expired),
    ("recipient greylisted",                At::Recipient, Say("450 4.2.0 greylisted\r\n"),    Sent,    Expired),
    ("no such recipient",                   At::Recipient, Say("550 5.1.1 nobody\r\n"),        Refused, Refused),
    ("no such recipient, in many lines",    At::Recipient, Say("550-5.1.1 nobody\r\n550-of that\r\n550 name\r\n"), Refused, Refused),
    ("a wrong sequence of commands",        At::Recipient, Say("503 5.5.1 what?\r\n"),         Sent,    Expired),
    ("421 in the middle",                   At::Recipient, SayAndClose("421 closing\r\n"),     Sent,    Expired),
    ("dropped before DATA",                 Data,          Close,                              Sent,    Expired),
    ("DATA deferred",                       Data,          Say("451 later\r\n"),               Sent,    Expired),
    ("DATA refused",                        Data,          Say("554 no\r\n"),                  Refused, Refused),
    ("DATA answered with the wrong code",   Data,          Say("250 ok\r\n"),                  Sent,    Expired),
    ("dropped in the mail's text",          Text,          Close,                              Sent,    Expired),
    ("dropped after the mail's text",       Receipt,       TakeAndClose,                       Sent,    Expired),
    ("no receipt",                          Receipt,       Hang,                               Sent,    Expired),
    ("the mail deferred",                   Receipt,       Say("452 4.2.2 full\r\n"),          Sent,    Expired),
    ("the mail refused",                    Receipt,       Say("554 5.6.0 spam\r\n"),          Refused, Refused),
    ("half a receipt",                      Receipt,       SayAndClose("250-tha"),             Sent,    Expired),
    ("a receipt that is none",              Receipt,       Say("354 more?\r\n"),               Sent,    Expired),
    ("the receipt twice",                   Receipt,       Say("250 taken\r\n250 taken\r\n"),  Sent,    Sent),
    ("the receipt in many lines",           Receipt,       Say("250-taken\r\n250-with\r\n250 thanks\r\n"), Sent, Sent),
    ("closed right after the receipt",      Receipt,       SayAndClose("250 taken\r\n"),       Sent,    Sent),
    ("EHLO refused after TLS",              SecureHello,   SayAndClose("502 what?\r\n"),       Sent,    Expired),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_goes_away_costs_no_code_and_makes_no_second_one() {
    all(Some(2), |fault| fault.3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_stays_ends_in_a_reason_or_at_the_codes_end_and_never_in_silence() {
    all(None, |fault| fault.4).await;
}

type Fault = (&'static str, At, Do, End, End);

/// All faults at once: each has its own platform, mailer and server.
async fn all(times: Option<u32>, expected: fn(&Fault) -> End) {
    let mut running = tokio::task::JoinSet::new();
    for fault in FAULTS {
        running.spawn(one(fault, times, expected(fault)));
    }
    while let Some(done) = running.join_next().await {
        done.expect("a fault's own assertions");
    }
}

async fn one(fault: &Fault, times: Option<u32>, expected: End) {
    let &(name, at, what, ..) = fault;
    let server = Server::start(at, what, times.unwrap_or(u32::MAX)).await;
    let world = World::new().await;
    let outbox = world.outbox(
        Arc::new(server.mailer(matches!(what, Hang | Trickle(_)), times.is_some())),
        Arc::new(NoSms),
    );
    let answer = world
        .ask(Recipient::email("ana@example.test").unwrap())
        .await;

    let (end, attempts) = world.until_the_end(&outbox, &answer).await;
    let (taken, code) = server.seen.told();
    assert_eq!(end, expected, "{name}");
    match end {
        Sent => {
            assert!(taken >= 1, "{name}: sent means that somebody has it");
            if let Some(times) = times
                && expected != fault.4
            {
                assert!(attempts > times, "{name}: the fault came first");
            }
            let code = code.expect("who took the mail saw the code");
            assert!(
                world.redeems(&answer, &code).await,
                "{name}: the code that went out is the code"
            );
        }
        Refused => assert_eq!(attempts, 1, "{name}: for good is for good"),
        Expired => assert!(
            attempts >= 8,
            "{name}: tried until its end, {attempts} times"
        ),
    }
    assert!(world.nothing_waits(&outbox, &answer).await, "{name}");
}

struct Server {
    port: u16,
    certificate: String,
    seen: Arc<Seen>,
}

impl Server {
    async fn start(at: At, what: Do, times: u32) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (certificate, right) = acceptor("localhost");
        let (_, wrong) = acceptor("elsewhere.test");
        let seen = Arc::new(Seen::default());
        let faults = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (right, wrong, told, faults) = (
                    right.clone(),
                    wrong.clone(),
                    Arc::clone(&told),
                    Arc::clone(&faults),
                );
                tokio::spawn(async move {
                    let failing = faults.fetch_add(1, Ordering::SeqCst) < times;
                    let script = Script {
                        at,
                        what,
                        failing,
                        told,
                    };
                    let _ = script.serve(stream, right, wrong).await;
                });
            }
        });
        Server {
            port,
            certificate,
            seen,
        }
    }

    fn mailer(&self, says_nothing: bool, heals: bool) -> SmtpMailer {
        let mut settings = SmtpSettings::new("localhost", "TV <codes@example.test>", BRAND);
        settings.port = Some(self.port);
        settings.login = Some(("couchkey".into(), "secret".to_owned().into()));
        settings.authority = Some(self.certificate.clone().into_bytes());
        settings.timeout = patience(says_nothing, heals);
        SmtpMailer::new(settings).unwrap()
    }
}

fn acceptor(name: &str) -> (String, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), TlsAcceptor::from(Arc::new(config)))
}

/// One connection, and where it goes wrong.
struct Script {
    at: At,
    what: Do,
    failing: bool,
    told: Arc<Seen>,
}

impl Script {
    async fn serve(
        &self,
        stream: TcpStream,
        right: TlsAcceptor,
        wrong: TlsAcceptor,
    ) -> std::io::Result<()> {
        let mut plain = BufReader::new(stream);
        self.say(&mut plain, Banner, "220 mail.test ESMTP\r\n")
            .await?;
        line(&mut plain).await?;
        self.say(&mut plain, Hello, "250-mail.test\r\n250 STARTTLS\r\n")
            .await?;
        if line(&mut plain).await? != "STARTTLS" {
            return Ok(());
        }
        self.say(&mut plain, StartTls, "220 go\r\n").await?;
        let acceptor = match self.what {
            WrongName if self.failing => wrong,
            _ => {
                self.say(&mut plain, Handshake, "").await?;
                right
            }
        };
        let mut secure = BufReader::new(acceptor.accept(plain.into_inner()).await?);
        line(&mut secure).await?;
        self.say(
            &mut secure,
            SecureHello,
            "250-mail.test\r\n250 AUTH PLAIN\r\n",
        )
        .await?;
        loop {
            let command = line(&mut secure).await?;
            match command.split([' ', ':']).next().unwrap_or_default() {
                "AUTH" => self.say(&mut secure, Login, "235 in\r\n").await?,
                "MAIL" => self.say(&mut secure, Sender, "250 ok\r\n").await?,
                "RCPT" => self.say(&mut secure, At::Recipient, "250 ok\r\n").await?,
                "NOOP" => secure.write_all(b"250 ok\r\n").await?,
                "DATA" => {
                    self.say(&mut secure, Data, "354 go\r\n").await?;
                    if !self.failing || self.at != Data {
                        self.take(&mut secure).await?;
                    }
                }
                "QUIT" => return secure.write_all(b"221 bye\r\n").await,
                _ => secure.write_all(b"500 what?\r\n").await?,
            }
        }
    }

    async fn take(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        let mut text = String::new();
        let mut stream = BufReader::new(stream);
        loop {
            if self.failing && self.at == Text && text.len() > 700 {
                self.told.mail(&text);
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            let line = line(&mut stream).await?;
            if line == "." {
                break;
            }
            text.push_str(&line);
            text.push('\n');
        }
        self.told.mail(&text);
        let takes = match self.what {
            Say(reply) | SayAndClose(reply) => {
                reply.starts_with("250 ") || reply.starts_with("250-taken")
            }
            TakeAndClose => true,
            _ => false,
        };
        if !self.failing || self.at != Receipt || takes {
            self.told.taken();
        }
        self.say(&mut stream, Receipt, "250 taken\r\n").await
    }

    /// What belongs there, or the fault.
    async fn say(
        &self,
        stream: &mut (impl AsyncWrite + AsyncRead + Unpin),
        at: At,
        usual: &str,
    ) -> std::io::Result<()> {
        if !self.failing || at != self.at {
            return stream.write_all(usual.as_bytes()).await;
        }
        let gone = Err(std::io::ErrorKind::ConnectionReset.into());
        match self.what {
            Say(reply) => stream.write_all(reply.as_bytes()).await,
            SayAndClose(reply) => {
                stream.write_all(reply.as_bytes()).await?;
                stream.shutdown().await?;
                gone
            }
            Close | TakeAndClose | WrongName => gone,
            Hang => {
                while stream.read(&mut [0; 1024]).await? > 0 {}
                gone
            }
            Trickle(reply) => {
                for byte in reply.as_bytes() {
                    stream.write_all(&[*byte]).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            }
            LongLine => {
                let line = format!("250-{}\r\n250 STARTTLS\r\n", "x".repeat(2_000));
                stream.write_all(line.as_bytes()).await
            }
            Flood => loop {
                stream.write_all(&[b'x'; 65_536]).await?;
            },
        }
    }
}

/// A line without its end; an error at the end of everything.
async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

#[test]
fn without_tls_mail_stays_on_this_machine() {
    let with = |host: &str| {
        let mut settings = SmtpSettings::new(host, "codes@example.test", BRAND);
        settings.security = SmtpSecurity::None;
        SmtpMailer::new(settings).map(drop)
    };
    use couchkey_platform::SmtpSettingsError::Unprotected;
    assert_eq!(with("localhost"), Ok(()));
    assert_eq!(with("127.0.0.1"), Ok(()));
    assert_eq!(with("mail.example.test"), Err(Unprotected));
    assert_eq!(with("localhost.example.test"), Err(Unprotected));
}

#[test]
fn a_header_cannot_be_smuggled_in() {
    for from in [
        "TV\r\nBcc: all@example.test <codes@example.test>",
        "codes@example.test\r\nBcc: x@y.test",
    ] {
        let settings = SmtpSettings::new("localhost", from, BRAND);
        assert!(SmtpMailer::new(settings).is_err(), "{from:?}");
    }
    for to in [
        "a@example.test\r\nBcc: b@example.test",
        "a@example.test>\r\nDATA",
        "\"a\r\nb\"@example.test",
    ] {
        assert!(Recipient::email(to).is_err(), "{to:?}");
    }
}

#[tokio::test]
async fn the_terminal_shows_the_code() {
    let world = World::new().await;
    let shown = tempfile::NamedTempFile::new().unwrap();
    let terminal = Arc::new(Terminal::new(shown.reopen().unwrap()));
    let outbox = world.outbox(terminal.clone(), terminal);
    let answer = world
        .ask(Recipient::email("ana@example.test").unwrap())
        .await;
    assert_eq!(world.until_the_end(&outbox, &answer).await, (Sent, 1));
    let line = std::fs::read_to_string(shown.path()).unwrap();
    let code = line
        .strip_prefix("[email] to ana@example.test: ")
        .expect("where to, and the code");
    assert!(world.redeems(&answer, code.trim()).await);
}

/// A mail through a server without a fault; returns the code.
pub async fn one_mail(to: &str) -> Option<String> {
    let server = Server::start(Banner, Close, 0).await;
    let world = World::new().await;
    let outbox = world.outbox(Arc::new(server.mailer(false, true)), Arc::new(NoSms));
    let answer = world.ask(Recipient::email(to).unwrap()).await;
    assert_eq!(world.until_the_end(&outbox, &answer).await, (Sent, 1));
    server.seen.told().1
}
