//! The use cases' common ground: what they share, and the figures that a service may choose.
use std::sync::Arc;

use std::net::IpAddr;

use couchkey_otp::verify::Memory;
use couchkey_otp::{Algorithm, Digits, Period, Secret, UnixTime};
use metrics::counter;

use crate::store::{Bucket, Credential, Full, Outcome, Sealed, SealedKind, Store, Which};
use crate::{Clock, KeyRing, Message, PersonId, Purpose, Scope, StoreError};

/// What a service chooses. [`Settings::new`] has the figures of the standards.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who issues the codes: the brand, as the app shows it.
    pub issuer: String,
    /// The HMAC of new enrolments. SHA-1, because some apps know no other.
    pub algorithm: Algorithm,
    /// The digits of new enrolments.
    pub digits: Digits,
    /// The period of new enrolments.
    pub period: Period,
    /// The digits of mail and SMS codes: 6 to 8.
    pub challenge_digits: Digits,
    /// Where people type a television's user code, without a query: `https://example.tv/link`.
    pub verification_uri: String,
    /// Where text messages go, and what they may cost.
    pub sms: SmsPolicy,
    /// How much is too much.
    pub limits: Limits,
}

impl Settings {
    /// The settings of a service with this brand, whose televisions are signed in at `verification_uri`.
    pub fn new(issuer: impl Into<String>, verification_uri: impl Into<String>) -> Settings {
        Settings {
            issuer: issuer.into(),
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            period: Period::THIRTY,
            challenge_digits: Digits::SIX,
            verification_uri: verification_uri.into(),
            sms: SmsPolicy::default(),
            limits: Limits::default(),
        }
    }
}

/// Where text messages go, and what they may cost. Without countries, none is sent: premium numbers abroad are what
/// SMS fraud lives from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmsPolicy {
    /// The countries that are served.
    pub countries: Vec<SmsCountry>,
    /// The most units a day (UTC) in all; nothing is sent after that.
    pub units_per_day: u64,
}

impl SmsPolicy {
    pub(crate) fn country(&self, letters: &str) -> Option<&SmsCountry> {
        self.countries.iter().find(|c| c.country == letters)
    }
}

/// One country that text messages go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsCountry {
    /// Its two letters (ISO 3166-1): `DE`.
    pub country: String,
    /// What one message costs, in units of the service's choice.
    pub units: u64,
    /// The most units a day (UTC) to this country.
    pub units_per_day: u64,
}

/// How often somebody may ask or try from one place. The figures for one account and one challenge are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Failures of one IP address (IPv6: its /64) at once; they drain at this many an hour.
    pub failures_per_address: u32,
    /// Failures of one network (IPv4 /24, IPv6 /48) at once; they drain at this many an hour.
    pub failures_per_network: u32,
    /// Requests for a code or a television's sign-in from one address at once; they drain at this many an hour.
    pub requests_per_address: u32,
    /// The same from one network.
    pub requests_per_network: u32,
    /// Messages to one recipient a day (UTC).
    pub messages_per_recipient: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            failures_per_address: 50,
            failures_per_network: 500,
            requests_per_address: 60,
            requests_per_network: 600,
            messages_per_recipient: 10,
        }
    }
}

/// The platform's side. Cheap to clone; every instance on one store agrees, for the rules are in the rows.
#[derive(Clone)]
pub struct Platform {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) settings: Arc<Settings>,
    /// Wakes the [`Outbox`](crate::Outbox) of this process; whoever puts a message into the store calls it after that.
    pub(crate) wake: Arc<tokio::sync::Notify>,
}

impl Platform {
    /// Opens the platform on a store.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written.
    pub async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        keys: KeyRing,
        settings: Settings,
    ) -> Result<Platform, StoreError> {
        let platform = Platform {
            store,
            clock,
            keys: Arc::new(keys),
            settings: Arc::new(settings),
            wake: Arc::default(),
        };
        platform.know_nobody().await?;
        Ok(platform)
    }

    /// The credential that codes of unknown people are checked against, so that they take as long as anybody's. It is
    /// also the first thing sealed: a wrong key ring is noticed here, before anybody is locked out.
    async fn know_nobody(&self) -> Result<(), StoreError> {
        let mut secret = zeroize::Zeroizing::new([0; 20]);
        rand::Rng::fill_bytes(&mut rand::rng(), secret.as_mut_slice());
        let secret = Secret::from_bytes(secret.as_slice()).expect("20 bytes");
        let nobody = self.new_credential("", true, &secret, UnixTime::from_secs(0));
        self.store.add_credential(&nobody, false).await?;
        // Any person without an app will do; this is nobody's name, for it has a blank.
        let which = Which::ActiveOrNobodys(PersonId::nobody());
        let found = self.store.credential(&which).await?;
        let found = found.ok_or(StoreError::Unreadable)?;
        self.secret_of(&found).map(drop)
    }

    /// Ends when this process has put a message into the store since the last time.
    pub(crate) async fn new_message(&self) {
        self.wake.notified().await;
    }

    /// The store, for what a server keeps in it beside the use cases: see [`Store::put_new`].
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The time, by the clock that every use case reads.
    pub fn now(&self) -> UnixTime {
        self.clock.now()
    }

    /// Takes up to `most` messages that are due. Nobody else gets them for `lease` seconds; whoever took one and died
    /// is followed by the next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(&self, lease: u64, most: u32) -> Result<Vec<Message>, StoreError> {
        let now = self.clock.now();
        let queued = self.store.claim(now, lease, most).await?;
        let mut messages = Vec::with_capacity(queued.len());
        for queued in &queued {
            match self.open_message(queued) {
                Ok(message) => messages.push(message),
                // One message that cannot be read must not hold up the others. It stays claimed, so that a server with
                // the right keys may have it next; if none has, `sweep` counts it.
                Err(error) => {
                    tracing::error!(message = queued.id, %error, "a message cannot be opened");
                }
            }
        }
        Ok(messages)
    }

    /// Says what became of a claimed message. Sent and refused ones are wiped.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (platform, clock) = couchkey_platform::testing::platform().await;
    /// use couchkey_platform::{ChallengeRequest, Outcome, Purpose, Recipient};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let request = ChallengeRequest {
    ///     recipient: Recipient::email("ana@example.tv")?,
    ///     purpose: Purpose::SignUp,
    ///     from,
    ///     language: Some("pt".into()),
    /// };
    /// let answer = platform.challenge(&request).await?;
    ///
    /// let message = platform.claim(60, 1).await?.pop().expect("one waits");
    /// assert_eq!(message.recipient.address(), "ana@example.tv");
    /// assert!(platform.claim(60, 1).await?.is_empty(), "it is ours for a minute");
    /// platform.settle(&message, Outcome::Sent).await?;
    /// # let _ = answer;
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError`]; the message stays claimed until its lease ends.
    pub async fn settle(&self, message: &Message, outcome: Outcome) -> Result<(), StoreError> {
        self.store
            .settle(message.id.as_str(), message.attempt, outcome)
            .await?;
        let channel = message.recipient.channel().as_str();
        match outcome {
            Outcome::Sent => counter!("challenge_sent_total", "channel" => channel).increment(1),
            Outcome::Refused => {
                counter!("challenge_refused_total", "channel" => channel).increment(1);
            }
            Outcome::Retry(_) => {}
        }
        Ok(())
    }

    /// Removes what has expired; returns how many rows went. Call it every minute or so, on any one instance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let swept = self.store.sweep(self.clock.now()).await?;
        for (channel, purpose) in swept.expired {
            let channel = channel.as_str();
            counter!("challenge_expired_total", "channel" => channel).increment(1);
            if purpose == Purpose::SignUp {
                counter!("signup_abandoned_total", "channel" => channel).increment(1);
            }
        }
        for channel in swept.unsent {
            counter!("challenge_unsent_total", "channel" => channel.as_str()).increment(1);
        }
        Ok(swept.rows)
    }

    /// Seals up to `most` values under the ring's newest key that are under an older one; returns how many. Call it
    /// until it returns 0, then the older key may go.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when a value opens under no key of the ring.
    pub async fn reseal(&self, most: u32) -> Result<u64, StoreError> {
        let key = self.keys.sealing();
        let mut done = 0;
        for old in self.store.sealed_elsewhere(key, most).await? {
            let Sealed {
                kind,
                id,
                person,
                bytes,
            } = &old;
            let place = match kind {
                SealedKind::Credential => credential_place(id, person),
                SealedKind::Contact => contact_place(id, person),
            };
            let plain = self.keys.open(&place, bytes)?;
            let new = self.keys.seal(&place, &plain);
            done += u64::from(self.store.reseal(&old, &new, key).await?);
        }
        Ok(done)
    }

    pub(crate) fn new_credential(
        &self,
        person: &str,
        active: bool,
        secret: &Secret,
        expires_at: UnixTime,
    ) -> Credential {
        let id = crate::seal::new_id();
        Credential {
            sealed: self
                .keys
                .seal(&credential_place(&id, person), secret.expose()),
            id,
            person: person.to_owned(),
            active,
            algorithm: self.settings.algorithm,
            digits: self.settings.digits,
            period: self.settings.period,
            key: self.keys.sealing(),
            memory: Memory::default(),
            expires_at,
        }
    }

    pub(crate) fn secret_of(&self, credential: &Credential) -> Result<Secret, StoreError> {
        let place = credential_place(&credential.id, &credential.person);
        let secret = self.keys.open(&place, &credential.sealed)?;
        Secret::from_bytes(&secret).map_err(|_| StoreError::Unreadable)
    }

    /// The buckets of failures that a request from there is counted in: its address, its network.
    pub(crate) fn failures(&self, from: IpAddr) -> [Bucket; 2] {
        let limits = &self.settings.limits;
        let sizes = [limits.failures_per_address, limits.failures_per_network];
        self.buckets("failures", from, sizes)
    }

    /// The same for requests.
    pub(crate) fn requests(&self, from: IpAddr) -> [Bucket; 2] {
        let limits = &self.settings.limits;
        let sizes = [limits.requests_per_address, limits.requests_per_network];
        self.buckets("requests", from, sizes)
    }

    fn buckets(&self, what: &str, from: IpAddr, sizes: [u32; 2]) -> [Bucket; 2] {
        // One subscriber's line has an IPv4 address or an IPv6 /64; a network here is what one party is usually given.
        let (address, network) = match from.to_canonical() {
            IpAddr::V4(ip) => (ip.octets().to_vec(), ip.octets()[..3].to_vec()),
            IpAddr::V6(ip) => (ip.octets()[..8].to_vec(), ip.octets()[..6].to_vec()),
        };
        let key = |scope: Scope, prefix: &[u8]| {
            self.keys.hash(
                "bucket",
                &[what.as_bytes(), scope.as_str().as_bytes(), prefix],
            )
        };
        [
            Bucket {
                key: key(Scope::Address, &address),
                size: sizes[0],
            },
            Bucket {
                key: key(Scope::Network, &network),
                size: sizes[1],
            },
        ]
    }

    /// Takes one unit from the address and the network.
    pub(crate) async fn take(
        &self,
        buckets: &[Bucket; 2],
        now: UnixTime,
    ) -> Result<Result<(), Throttled>, StoreError> {
        Ok(match self.store.spend(buckets, now).await? {
            None => Ok(()),
            Some(full) => Err(Throttled::by(full, now)),
        })
    }
}

/// Too much, from somewhere.
pub(crate) struct Throttled {
    pub(crate) scope: Scope,
    /// In seconds, at least one.
    pub(crate) retry_after: u64,
}

impl Throttled {
    /// By a bucket of [`Platform::failures`] or [`Platform::requests`].
    pub(crate) fn by(full: Full, now: UnixTime) -> Throttled {
        let scope = [Scope::Address, Scope::Network][full.bucket];
        Throttled::new(scope, full.until, now)
    }

    pub(crate) fn new(scope: Scope, until: UnixTime, now: UnixTime) -> Throttled {
        counter!("otp_throttled_total", "scope" => scope.as_str()).increment(1);
        Throttled {
            scope,
            retry_after: secs_until(until, now),
        }
    }
}

/// Whole seconds from `now` to `until`, at least one: what a `Retry-After` says.
pub(crate) fn secs_until(until: UnixTime, now: UnixTime) -> u64 {
    until.as_secs().saturating_sub(now.as_secs()).max(1)
}

pub(crate) fn credential_place<'a>(id: &'a str, person: &'a str) -> [&'a str; 3] {
    ["credential", id, person]
}

pub(crate) fn contact_place<'a>(hash: &'a str, person: &'a str) -> [&'a str; 3] {
    ["contact", hash, person]
}

pub(crate) fn later(time: UnixTime, secs: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_add(secs))
}
