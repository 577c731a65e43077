//! The use cases' common ground: what they share, and the figures that a service may choose.
use std::sync::Arc;

use couchkey_otp::{Algorithm, Digits, Period};

use crate::store::{Outcome, Store};
use crate::{Clock, KeyRing, Message, StoreError};

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
        Ok(Platform {
            store,
            clock,
            keys: Arc::new(keys),
            settings: Arc::new(settings),
            wake: Arc::default(),
        })
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
    pub fn now(&self) -> couchkey_otp::UnixTime {
        self.clock.now()
    }

    /// Takes up to `most` messages that are due. Nobody else gets them for `lease` seconds; whoever took one and died
    /// is followed by the next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(&self, lease: u64, most: u32) -> Result<Vec<Message>, StoreError> {
        let _ = (lease, most);
        todo!()
    }

    /// Says what became of a claimed message. Sent and refused ones are wiped.
    ///
    /// # Errors
    /// [`StoreError`]; the message stays claimed until its lease ends.
    pub async fn settle(&self, message: &Message, outcome: Outcome) -> Result<(), StoreError> {
        let _ = (message, outcome);
        todo!()
    }

    /// Removes what has expired; returns how many rows went. Call it every minute or so, on any one instance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        todo!()
    }
}
