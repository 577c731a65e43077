//! An SMSC that somebody else wrote, and one that fails in every way we know.
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use couchkey_platform::{Recipient, SmppGateway, SmppGatewayError, SmppGatewaySettings};
use smpp34::{
    SmppConnectionInformation, SmppError, SmppServer, SmppServerListener, bind_transceiver,
    bind_transceiver_resp, submit_sm, submit_sm_resp,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::harness::End::{Expired, Refused, Sent};
use super::harness::{End, NoMail, Seen, World, code_in, patience};

const BIND_TRANSCEIVER: u32 = 0x09;
const SUBMIT_SM: u32 = 0x04;
const ENQUIRE_LINK: u32 = 0x15;
const RESPONSE: u32 = 0x8000_0000;
const GENERIC_NACK: u32 = 0x8000_0000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Connection,
    Bind,
    Submit,
}

#[derive(Clone, Copy)]
enum Do {
    /// Answers with this status.
    Status(u32),
    /// Says nothing.
    Hang,
    Close,
    /// Takes the message, and closes.
    TakeAndClose,
    /// Takes the message, and answers to another sequence number.
    WrongNumber,
    /// Answers with another PDU.
    Answer(u32),
    /// Bytes that are no PDU.
    Bytes(&'static [u8]),
    /// Takes the message, and answers twice.
    Twice,
    /// Sends an unbind of its own instead of an answer.
    Unbind,
}

use At::{Bind, Connection, Submit};
use Do::{Answer, Bytes, Close, Hang, Status, TakeAndClose, Twice, Unbind, WrongNumber};

#[rustfmt::skip]
const FAULTS: &[(&str, At, Do, End, End)] = &[
    ("closed at once",                   Connection, Close,                    Sent,    Expired),
    ("bind: wrong password",             Bind,   Status(0x0E),                 Sent,    Expired),
    ("bind: refused",                    Bind,   Status(0x0D),                 Sent,    Expired),
    ("bind: throttled",                  Bind,   Status(0x58),                 Sent,    Expired),
    ("bind: no answer",                  Bind,   Hang,                         Sent,    Expired),
    ("bind: closed",                     Bind,   Close,                        Sent,    Expired),
    ("bind: garbage",                    Bind,   Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Sent, Expired),
    ("submit: throttled",                Submit, Status(0x58),                 Sent,    Expired),
    ("submit: queue full",               Submit, Status(0x14),                 Sent,    Expired),
    ("submit: system error",             Submit, Status(0x08),                 Sent,    Expired),
    ("submit: an operator's own error",  Submit, Status(0x0444),               Sent,    Expired),
    ("submit: no such number",           Submit, Status(0x0B),                 Refused, Refused),
    ("submit: no answer",                Submit, Hang,                         Sent,    Expired),
    ("submit: closed",                   Submit, Close,                        Sent,    Expired),
    ("submit: closed after it was taken", Submit, TakeAndClose,                Sent,    Expired),
    ("submit: another sequence number",  Submit, WrongNumber,                  Sent,    Expired),
    ("submit: generic_nack",             Submit, Answer(GENERIC_NACK),         Sent,    Expired),
    ("submit: answered as enquire_link", Submit, Answer(ENQUIRE_LINK | RESPONSE), Sent, Expired),
    ("submit: a PDU of four gigabytes",  Submit, Bytes(&[0xFF; 16]),           Sent,    Expired),
    ("submit: a PDU of no length",       Submit, Bytes(&[0; 16]),              Sent,    Expired),
    ("submit: half a PDU",               Submit, Bytes(&[0, 0, 0, 40, 0x80, 0, 0, 4]), Sent, Expired),
    ("submit: unbind instead",           Submit, Unbind,                       Sent,    Expired),
    ("submit: answered twice",           Submit, Twice,                        Sent,    Sent),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_fails_for_a_while_loses_no_code() {
    all(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_fails_for_ever_ends_in_a_reason_or_at_the_codes_end() {
    all(None).await;
}

async fn all(times: Option<u32>) {
    let mut running = tokio::task::JoinSet::new();
    for &(name, at, what, healed, stays) in FAULTS {
        running.spawn(async move {
            let seen = Arc::new(Seen::default());
            let times = Arc::new(AtomicU32::new(times.unwrap_or(u32::MAX)));
            let heals = times.load(Ordering::SeqCst) < 1_000;
            let port = smsc(at, what, times, Arc::clone(&seen)).await;
            let world = World::new().await;
            let outbox = world.outbox(
                Arc::new(NoMail),
                Arc::new(gateway(
                    port,
                    &world,
                    matches!(what, Hang | WrongNumber | Bytes(_)),
                    heals,
                )),
            );
            let answer = world.ask(Recipient::phone("+4917012345678").unwrap()).await;
            let (end, _) = world.until_the_end(&outbox, &answer).await;
            let (taken, code) = seen.told();
            assert_eq!(end, if heals { healed } else { stays }, "{name}");
            if end == Sent {
                assert!(taken >= 1, "{name}");
                let code = code.expect("who took the message saw the code");
                assert!(world.redeems(&answer, &code).await, "{name}");
            }
            assert!(world.nothing_waits(&outbox, &answer).await, "{name}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("a fault's own assertions");
    }
}

fn gateway(port: u16, world: &World, says_nothing: bool, heals: bool) -> SmppGateway {
    let mut settings = SmppGatewaySettings::new(
        "127.0.0.1",
        "exampletv",
        "secret",
        "ExampleTV",
        "Example TV",
    );
    settings.port = Some(port);
    settings.timeout = patience(says_nothing, heals);
    SmppGateway::with_clock(settings, world.clock.clone()).unwrap()
}

async fn smsc(at: At, what: Do, times: Arc<AtomicU32>, seen: Arc<Seen>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (seen, times) = (Arc::clone(&seen), Arc::clone(&times));
            tokio::spawn(async move {
                let script = Script {
                    at,
                    what,
                    times,
                    seen,
                };
                let _ = script.serve(stream).await;
            });
        }
    });
    port
}

struct Script {
    at: At,
    what: Do,
    times: Arc<AtomicU32>,
    seen: Arc<Seen>,
}

impl Script {
    /// True while the fault lasts; counts.
    fn fails(&self, at: At) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        at == self.at
            && self
                .times
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok()
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        if self.fails(Connection) {
            return Ok(());
        }
        loop {
            let mut head = [0; 16];
            stream.read_exact(&mut head).await?;
            let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
            let (length, id, number) = (word(0), word(4), word(12));
            let mut body = vec![0; length as usize - 16];
            stream.read_exact(&mut body).await?;
            if id == SUBMIT_SM {
                let text = String::from_utf8_lossy(&body);
                self.seen
                    .code(&code_in(&text[text.find("secs").unwrap_or(40)..]).expect("a code"));
            }
            let fails = match id {
                BIND_TRANSCEIVER => self.fails(Bind),
                SUBMIT_SM => self.fails(Submit),
                _ => false,
            };
            let rest: &[u8] = match id {
                BIND_TRANSCEIVER => b"SMSC\0",
                SUBMIT_SM => b"1\0",
                _ => b"",
            };
            let usual = pdu(id | RESPONSE, 0, number, rest);
            if !fails {
                if id == SUBMIT_SM {
                    self.seen.taken();
                }
                stream.write_all(&usual).await?;
                continue;
            }
            match self.what {
                Status(status) => {
                    stream
                        .write_all(&pdu(id | RESPONSE, status, number, b""))
                        .await?
                }
                Hang => {}
                Close => return Ok(()),
                TakeAndClose => {
                    self.seen.taken();
                    return Ok(());
                }
                WrongNumber => {
                    self.seen.taken();
                    stream
                        .write_all(&pdu(id | RESPONSE, 0, number + 1_000, rest))
                        .await?;
                }
                Answer(other) => {
                    let status = if other == GENERIC_NACK { 0x03 } else { 0 };
                    stream.write_all(&pdu(other, status, number, b"")).await?;
                }
                Bytes(bytes) => stream.write_all(bytes).await?,
                Unbind => stream.write_all(&pdu(0x06, 0, 1, b"")).await?,
                Twice => {
                    self.seen.taken();
                    stream.write_all(&usual).await?;
                    stream.write_all(&usual).await?;
                }
            }
        }
    }
}

fn pdu(id: u32, status: u32, number: u32, rest: &[u8]) -> Vec<u8> {
    let words = [16 + rest.len() as u32, id, status, number];
    words
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .chain(rest.iter().copied())
        .collect()
}

/// The `smpp34` crate's server: another author's reading of the same standard.
struct OtherSmsc {
    got: tokio::sync::mpsc::UnboundedSender<submit_sm>,
}

#[async_trait]
impl SmppServerListener for OtherSmsc {
    async fn on_bind_transceiver(
        &self,
        bind: bind_transceiver,
        _: &SmppConnectionInformation,
        _: &String,
    ) -> bind_transceiver_resp {
        if bind.system_id == "exampletv" && bind.password == "secret" {
            bind.accept("SMSC".to_owned(), Some(0x34))
        } else {
            bind.reject(SmppError::ESME_RINVPASWD)
        }
    }

    async fn on_submit_sm(
        &self,
        submit: submit_sm,
        _: &SmppConnectionInformation,
        _: &String,
    ) -> submit_sm_resp {
        let _ = self.got.send(submit.clone());
        submit.accept("1".to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_somebody_else_wrote_takes_the_code() {
    let address = own_address();
    let (got, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let mut server = SmppServer::new(IpAddr::V4(address), 2775, Arc::new(OtherSmsc { got }));
    server.start().await;
    let world = World::new().await;
    let mut settings = SmppGatewaySettings::new(
        address.to_string(),
        "exampletv",
        "secret",
        "ExampleTV",
        "Télé [1]",
    );
    settings.web_otp_domain = Some("tv.example.test".into());
    let gateway = SmppGateway::with_clock(settings, world.clock.clone()).unwrap();
    let outbox = world.outbox(Arc::new(NoMail), Arc::new(gateway));
    let answer = world.ask(Recipient::phone("+4917012345678").unwrap()).await;

    assert_eq!(world.until_the_end(&outbox, &answer).await.0, Sent);
    let submit = taken.recv().await.expect("the SMSC has it");
    assert_eq!(submit.destination_addr, "4917012345678");
    assert_eq!(
        (submit.dest_addr_ton, submit.dest_addr_npi),
        (1, 1),
        "international, E.164"
    );
    assert_eq!(
        (submit.source_addr.as_str(), submit.source_addr_ton),
        ("ExampleTV", 5),
        "a name"
    );
    assert_eq!((submit.data_coding, submit.esm_class), (0, 0));
    assert_eq!(
        submit.validity_period, "000000001000000R",
        "ten minutes, as the code"
    );
    assert_eq!(submit.tlvs.len(), 1, "user_message_reference");
    let text = submit.short_message;
    let code = String::from_utf8(text[..6].to_vec()).unwrap();
    // GSM 7-bit, unpacked: é is 0x05, the brackets are escape and 3C or 3E, @ is 0.
    let words = [code.as_bytes(), b" is your T\x05l\x05 \x1b\x3c1\x1b\x3e code. Do not give it to anybody.\n\n\x00tv.example.test #", code.as_bytes()];
    assert_eq!(text, words.concat());
    assert!(world.redeems(&answer, &code).await);
    server.stop().await;
}

/// An address of this machine that no other process uses (RFC 1122, 3.2.1.3: all of 127/8 is this machine), for a server
/// that wants to be told its port and cannot say which one was free.
fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | high, middle, low.clamp(1, 254))
}

#[test]
fn an_account_that_cannot_be_bound_is_refused_with_a_reason() {
    let with = |change: fn(&mut SmppGatewaySettings)| {
        let mut settings = SmppGatewaySettings::new("smsc.example.com", "tv", "secret", "TV", "TV");
        change(&mut settings);
        SmppGateway::new(settings).err()
    };
    assert_eq!(with(|_| ()), None);
    assert_eq!(
        with(|s| s.system_id = "x".repeat(16)),
        Some(SmppGatewayError::Account)
    );
    assert_eq!(
        with(|s| s.password = "x".repeat(9).into()),
        Some(SmppGatewayError::Account)
    );
    assert_eq!(
        with(|s| s.source = String::new()),
        Some(SmppGatewayError::Source)
    );
    assert_eq!(
        with(|s| s.source = "twelve chars".into()),
        Some(SmppGatewayError::Source)
    );
    assert_eq!(
        with(|s| s.source = "+49x".into()),
        Some(SmppGatewayError::Source)
    );
    assert_eq!(with(|s| s.source = "+491701234567".into()), None);
    assert_eq!(with(|s| s.source = "72444".into()), None);
}

/// A text message through an SMSC without a fault; returns the code.
pub async fn one_text(to: &str) -> Option<String> {
    let seen = Arc::new(Seen::default());
    let port = smsc(Connection, Close, Arc::default(), Arc::clone(&seen)).await;
    let world = World::new().await;
    let outbox = world.outbox(
        Arc::new(NoMail),
        Arc::new(gateway(port, &world, false, true)),
    );
    let answer = world.ask(Recipient::phone(to).unwrap()).await;
    assert_eq!(world.until_the_end(&outbox, &answer).await, (Sent, 1));
    seen.told().1
}
