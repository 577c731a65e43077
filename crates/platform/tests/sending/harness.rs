//! What the tests of sending share: a platform in memory whose clock is moved by hand, and what a server saw.
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use couchkey_platform::store::MemoryStore;
use couchkey_platform::{
    ChallengeAnswer, ChallengeRequest, Clock, DeliveryError, KeyRing, Mailer, Message, Outbox,
    OutboxSettings, Platform, Purpose, Recipient, RedeemRequest, Settings, SmsCountry, SmsGateway,
    SmsPolicy, Store,
};

/// How long a sender waits for a server that says nothing, and for one that only has much to do: a busy machine is not a
/// fault, so the long one never ends by itself. A server that says nothing at first and heals has to be answered in time
/// afterwards, so it is waited for longer than one that never says anything.
pub fn patience(says_nothing: bool, heals: bool) -> Duration {
    Duration::from_secs(match (says_nothing, heals) {
        (false, _) => 20,
        (true, true) => 6,
        (true, false) => 1,
    })
}

pub const BRAND: &str = "Example TV";

/// A clock that stands still until somebody moves it.
pub struct FakeClock(AtomicU64);

impl FakeClock {
    pub fn set(&self, to: UnixTime) {
        self.0.store(to.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Sent,
    Refused,
    Expired,
}

pub struct World {
    pub clock: Arc<FakeClock>,
    pub platform: Platform,
}

impl World {
    pub async fn new() -> World {
        let clock = Arc::new(FakeClock(AtomicU64::new(1_800_000_000)));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut settings = Settings::new(BRAND, "https://example.tv/link");
        settings.sms = SmsPolicy {
            countries: vec![SmsCountry {
                country: "DE".into(),
                units: 1,
                units_per_day: 100,
            }],
            units_per_day: 100,
        };
        let keys = KeyRing::generate();
        let platform = Platform::start(store, clock.clone(), keys, settings);
        World {
            platform: platform.await.expect("a new store"),
            clock,
        }
    }

    pub async fn ask(&self, recipient: Recipient) -> ChallengeAnswer {
        let request = ChallengeRequest {
            recipient,
            purpose: Purpose::SignUp,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            language: None,
            known: None,
        };
        self.platform
            .challenge(&request)
            .await
            .expect("the first request of the day")
    }

    pub async fn redeems(&self, answer: &ChallengeAnswer, code: &str) -> bool {
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let request = RedeemRequest {
            id: answer.id.clone(),
            purpose: Purpose::SignUp,
            code,
            from,
            known: None,
        };
        self.platform.redeem(&request).await.is_ok()
    }

    pub fn outbox(&self, mailer: Arc<dyn Mailer>, sms: Arc<dyn SmsGateway>) -> Outbox {
        Outbox::new(
            self.platform.clone(),
            mailer,
            sms,
            OutboxSettings::default(),
        )
    }

    /// Turns the outbox, moving the clock to each next attempt, until the one message has ended. Returns how, and after
    /// how many attempts.
    pub async fn until_the_end(&self, outbox: &Outbox, answer: &ChallengeAnswer) -> (End, u32) {
        let mut attempts = 0;
        loop {
            let turn = outbox.turn().await.expect("a store in memory");
            attempts += turn.sent + turn.refused + turn.expired + turn.retried;
            match turn {
                turn if turn.sent == 1 => return (End::Sent, attempts),
                turn if turn.refused == 1 => return (End::Refused, attempts),
                turn if turn.expired == 1 => return (End::Expired, attempts),
                turn => {
                    let next = turn.next.expect("not ended, so it is due again");
                    assert!(next < answer.expires_at, "nothing is tried after its end");
                    self.clock.set(next);
                }
            }
        }
    }

    /// Nothing is left in the outbox, not even later.
    pub async fn nothing_waits(&self, outbox: &Outbox, answer: &ChallengeAnswer) -> bool {
        self.clock
            .set(UnixTime::from_secs(answer.expires_at.as_secs() - 1));
        let turn = outbox.turn().await.expect("a store in memory");
        turn == couchkey_platform::Turn::default()
    }
}

/// What a server that fails has seen all the same.
#[derive(Default)]
pub struct Seen(Mutex<Told>);

#[derive(Default)]
struct Told {
    codes: BTreeSet<String>,
    ids: BTreeSet<String>,
    taken: u32,
}

impl Seen {
    pub fn code(&self, code: &str) {
        self.0.lock().unwrap().codes.insert(code.to_owned());
    }

    pub fn id(&self, id: &str) {
        self.0.lock().unwrap().ids.insert(id.to_owned());
    }

    pub fn taken(&self) {
        self.0.lock().unwrap().taken += 1;
    }

    /// Takes note of the code, if the text is long enough to have one, and of the mail's id.
    pub fn mail(&self, text: &str) {
        if let Some(id) = text.lines().find(|line| line.starts_with("Message-ID:")) {
            self.id(id);
        }
        if let Some(code) = code_in(text) {
            self.code(&code);
        }
    }

    /// How many times a message was taken, and the one code that was in all of them.
    pub fn told(&self) -> (u32, Option<String>) {
        let told = self.0.lock().unwrap();
        assert!(told.codes.len() <= 1, "no two different codes are sent");
        assert!(told.ids.len() <= 1, "each attempt has the same id");
        (told.taken, told.codes.first().cloned())
    }
}

/// The code of a mail or a text message: six digits, or three and three.
pub fn code_in(text: &str) -> Option<String> {
    let digits = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    for line in text.lines().map(str::trim) {
        if let Some((head, tail)) = line.split_once(' ')
            && digits(head)
            && digits(tail)
        {
            return Some(format!("{head}{tail}"));
        }
    }
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    words.find(|word| word.len() == 6).map(str::to_owned)
}

/// The channel that a test does not use.
pub struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _: &Message) -> Result<(), DeliveryError> {
        panic!("no mail is sent here")
    }
}

/// The channel that a test does not use.
pub struct NoSms;

#[async_trait]
impl SmsGateway for NoSms {
    async fn send(&self, _: &Message) -> Result<(), DeliveryError> {
        panic!("no text message is sent here")
    }
}
