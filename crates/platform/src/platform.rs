//! What the use cases share: the platform, and how often somebody may try.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use std::net::IpAddr;

use couchkey_otp::verify::Memory;
use couchkey_otp::{Secret, UnixTime};
use metrics::counter;

use crate::store::{
    Bucket, Credential, Full, Hash, Outcome, Record, Sealed, SealedKind, Store, Which,
};
use crate::{Clock, KeyRing, Message, PersonId, Purpose, Scope, Settings, StoreError};

/// The platform's side. Cheap to clone; every instance on one store agrees, for the rules are in the rows.
#[derive(Clone)]
pub struct Platform {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) settings: Arc<Settings>,
    /// Wakes the [`Outbox`](crate::Outbox) of this process; whoever puts a message into the store calls it after that.
    pub(crate) wake: Arc<tokio::sync::Notify>,
    /// Which history of the database we know.
    pub(crate) known: Arc<crate::timeline::Known>,
    last: Arc<Mutex<LastSweep>>,
}

/// What the clock was like at the last sweep.
#[derive(Default)]
struct LastSweep {
    ahead: Option<u64>,
    /// When it was set forward.
    jumped: Option<Duration>,
}

/// Seconds by which two clocks may differ.
const JUMP: u64 = 60;
/// How long a clock that was set forward has to stand before it is believed.
const JUMP_HOLDS: Duration = Duration::from_secs(3_600);

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
            known: Arc::default(),
            last: Arc::default(),
        };
        if let Some(steady) = platform.clock.steady() {
            platform.has_been_steady(platform.clock.now(), steady);
        }
        platform.know_nobody().await?;
        platform.here(platform.clock.now()).await?;
        Ok(platform)
    }

    /// The credential that codes of unknown people are checked against, so that they take as long as anybody's. It is
    /// also the first thing sealed: a wrong key ring is noticed here, before anybody is locked out, and a wrong pepper with it.
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
        self.secret_of(&found)?;
        // The pepper opens nothing; with another one nobody's address would be found, and nothing would say so.
        let check = Record {
            space: "check".to_owned(),
            key: b"pepper".to_vec(),
            value: self.keys.hash("check", &[]).to_vec(),
            expires_at: None,
        };
        let now = self.clock.now();
        let there = self.store.get(&check.space, &check.key, now).await?;
        if there.is_none() {
            // A database of before there was a check: the addresses in it say which pepper they are looked up with.
            let some = self.store.some_contacts(20).await?;
            if !some.is_empty() && !some.iter().any(|contact| self.is_looked_up_here(contact)) {
                return Err(StoreError::Unreadable);
            }
        }
        match self.store.put_new(&check, now).await? {
            Some(there) if there.value != check.value => Err(StoreError::Unreadable),
            _ => Ok(()),
        }
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
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{ChallengeRequest, Outcome, Purpose, Recipient};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let request = ChallengeRequest {
    ///     recipient: Recipient::email("ana@example.tv")?,
    ///     purpose: Purpose::SignUp,
    ///     from,
    ///     language: Some("pt".into()),
    ///     known: None,
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
    /// While the clock cannot be trusted nothing is removed: when it was set forward less than an hour ago, or when the
    /// database's is another one and disagrees. A session that has ended by mistake is there again then; one that is gone is not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        if let Some(steady) = self.clock.steady() {
            let theirs = self.store.clock().await?;
            let agreed =
                theirs.is_none_or(|theirs| now.as_secs().abs_diff(theirs.as_secs()) <= JUMP);
            if !self.has_been_steady(now, steady) || !agreed {
                tracing::warn!(
                    "the clock was set forward, or the database's is another: nothing is removed for now"
                );
                return Ok(0);
            }
        }
        let swept = self.store.sweep(now).await?;
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

    /// Whether the clock has not jumped forward within the last hour.
    fn has_been_steady(&self, now: UnixTime, steady: Duration) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // How far the clock is ahead of one that began when ours did.
        let ahead = now.as_secs().saturating_sub(steady.as_secs());
        let jumped = last.ahead.is_some_and(|before| ahead > before + JUMP);
        if jumped {
            last.jumped = Some(steady);
        }
        if last.ahead.is_some_and(|before| ahead + JUMP < before) {
            last.jumped = None; // and back again
        }
        last.ahead = Some(ahead);
        last.jumped
            .is_none_or(|at| steady.saturating_sub(at) >= JUMP_HOLDS)
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

    /// Seals what a server keeps in a record and nobody may read. It opens for this `purpose` alone. A key-encryption key that is taken
    /// out of the ring takes it along: keep there what can be made again.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        self.keys.seal(&["server", purpose], plain)
    }

    /// Opens what [`seal`](Platform::seal) made for the same purpose.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when it opens under no key of the ring.
    pub fn open(
        &self,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, StoreError> {
        self.keys.open(&["server", purpose], sealed)
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

    /// What this account's failures from there are counted in besides, so that a success can forgive them and no others.
    pub(crate) fn theirs(&self, account: &Hash, from: IpAddr) -> Bucket {
        let (address, _) = places(from);
        Bucket {
            key: self.keys.hash("bucket", &[b"theirs", account, &address]),
            size: self.settings.limits.failures_per_address,
        }
    }

    /// The same for requests.
    pub(crate) fn requests(&self, from: IpAddr) -> [Bucket; 2] {
        let limits = &self.settings.limits;
        let sizes = [limits.requests_per_address, limits.requests_per_network];
        self.buckets("requests", from, sizes)
    }

    fn buckets(&self, what: &str, from: IpAddr, sizes: [u32; 2]) -> [Bucket; 2] {
        let (address, network) = places(from);
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

/// One subscriber's line has an IPv4 address or an IPv6 /64; a network here is what one party is usually given.
pub(crate) fn places(from: IpAddr) -> (Vec<u8>, Vec<u8>) {
    match from.to_canonical() {
        IpAddr::V4(ip) => (ip.octets().to_vec(), ip.octets()[..3].to_vec()),
        IpAddr::V6(ip) => (ip.octets()[..8].to_vec(), ip.octets()[..6].to_vec()),
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
