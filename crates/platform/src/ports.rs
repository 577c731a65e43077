//! What the platform needs from outside, apart from its [`Store`](crate::Store): a clock, and two ways to send a code.
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use zeroize::Zeroizing;

use crate::{Purpose, Recipient};

/// Tells the time. Read once per use case; everything below takes the time as a value.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01 00:00 UTC.
    fn now(&self) -> UnixTime;

    /// Time that only goes forward, from any beginning, if there is such a clock: [`now`](Clock::now) is held against it, and what
    /// has expired by a clock that was set forward just now is not removed yet.
    fn steady(&self) -> Option<Duration> {
        None
    }
}

/// The clock of this machine. Keep it right (NTP): every code depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        UnixTime::from_secs(since.map_or(0, |since| since.as_secs()))
    }

    fn steady(&self) -> Option<Duration> {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        Some(BEGINNING.elapsed())
    }
}

/// Hands an e-mail over to whoever delivers it.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Returns once the next server has taken responsibility for `message`. Called again with the same
    /// [`MessageId`] after a failure, so a server that counts ids delivers it once.
    ///
    /// # Errors
    /// [`DeliveryError`]: whether to try again.
    async fn send(&self, message: &Message) -> Result<(), DeliveryError>;
}

/// Hands a text message over to whoever delivers it.
#[async_trait]
pub trait SmsGateway: Send + Sync {
    /// As [`Mailer::send`].
    ///
    /// # Errors
    /// [`DeliveryError`]: whether to try again.
    async fn send(&self, message: &Message) -> Result<(), DeliveryError>;
}

/// Why a message was not handed over. `reason` is a fixed, stable word for figures and logs, never what a server said:
/// servers quote addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// It may work later, or it may even have worked: try again with the same id.
    #[error("the message could not be handed over now ({reason})")]
    Temporary {
        /// A stable word: `timeout`, `connection_lost`, `greylisted`.
        reason: &'static str,
    },
    /// It will never work: there is no such mailbox or number.
    #[error("the message was refused for good ({reason})")]
    Permanent {
        /// A stable word: `no_such_recipient`.
        reason: &'static str,
    },
}

/// A code on its way, opened for the one who delivers it. No `Debug`.
pub struct Message {
    /// The idempotency key: the same for every attempt at this message.
    pub id: MessageId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What the code is for.
    pub purpose: Purpose,
    /// To whom.
    pub recipient: Recipient,
    /// The code.
    pub code: DeliveryCode,
    /// When the code ends; a message is not worth sending after that.
    pub expires_at: UnixTime,
    /// The language asked for (BCP 47), as the request said it; unchecked.
    pub language: Option<String>,
}

/// The id of a message: 32 hexadecimal figures. It tells nothing about what it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub(crate) String);

impl MessageId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digits of a mail or SMS code. No `Debug`, no `Clone`; wiped when dropped.
pub struct DeliveryCode(pub(crate) Zeroizing<String>);

impl DeliveryCode {
    /// The digits.
    ///
    /// # Security
    ///
    /// Whoever sees them signs in. They go into the message and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
