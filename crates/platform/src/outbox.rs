//! The way out: takes messages from the store, sends them, and writes down what became of each.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use couchkey_otp::UnixTime;
use metrics::counter;
use rand::{Rng, RngExt, rand_core::UnwrapErr, rngs::SysRng};
use tokio::task::JoinSet;

use crate::{Channel, DeliveryError, Mailer, Message, Outcome, Platform, SmsGateway, StoreError};

/// How the outbox works. [`OutboxSettings::default`] is right for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxSettings {
    /// Seconds for which a server has a message to itself. One that died is followed by another after that.
    pub lease: u64,
    /// Messages on their way at once.
    pub at_once: u32,
    /// How often it looks for messages that a dead server left, when nothing wakes it before.
    pub look_again: Duration,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        OutboxSettings {
            lease: 60,
            at_once: 64,
            look_again: Duration::from_secs(15),
        }
    }
}

impl OutboxSettings {
    /// How long one attempt may take: well inside the lease, for clocks of two servers differ, and the result has to be
    /// written down before somebody else sends.
    fn patience(self) -> Duration {
        Duration::from_secs((self.lease * 3 / 4).max(1))
    }
}

/// How long until the next attempt: about 1, 2, 4 … 60 seconds, each between half and all of it by chance, so that
/// messages that failed together do not come back together.
fn back_off(attempt: u32, random: &mut impl Rng) -> u64 {
    let whole = 1_u64
        .checked_shl(attempt.saturating_sub(1))
        .unwrap_or(60)
        .clamp(1, 60);
    random.random_range(whole.div_ceil(2)..=whole)
}

/// Delivers what waits in the store's outbox. Run one in each server; they share the work.
///
/// # What holds
///
/// - No two servers send one message at the same time: a message is claimed with a lease, by a compare-and-set in the
///   store.
/// - What a server had claimed when it was killed goes out after its lease, from any other or from itself.
/// - Every attempt at a message has the same id and the same code. When nobody knows whether it arrived, it is sent once
///   more: a code twice is a nuisance, a code never is a person locked out.
/// - Every message ends: sent, refused with a reason, or expired. `message_attempts_total{channel,result}` and
///   `message_ended_total{channel,end,reason}` count them; no label carries a person.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use couchkey_platform::{Outbox, OutboxSettings, Platform, Terminal};
/// # async fn serve(platform: Platform) {
/// let terminal = Arc::new(Terminal::stderr());
/// let outbox = Outbox::new(platform, terminal.clone(), terminal, OutboxSettings::default());
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let running = tokio::spawn(async move {
///     outbox.run(async { stopped.await.unwrap_or_default() }).await;
/// });
/// // … serve …
/// let _ = stop.send(());
/// let _ = running.await; // what is on its way is finished first
/// # }
/// ```
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    platform: Platform,
    mailer: Arc<dyn Mailer>,
    sms: Arc<dyn SmsGateway>,
    settings: OutboxSettings,
    random: Mutex<Box<dyn Rng + Send>>,
}

/// What one [`Outbox::turn`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Messages that somebody else took responsibility for.
    pub sent: u32,
    /// Messages that will be tried again.
    pub retried: u32,
    /// Messages refused for good.
    pub refused: u32,
    /// Messages whose code ended before anybody took them.
    pub expired: u32,
    /// When the first of the retried ones is due.
    pub next: Option<UnixTime>,
}

impl Turn {
    fn add(&mut self, end: End) {
        match end {
            End::Sent => self.sent += 1,
            End::Refused(_) => self.refused += 1,
            End::Expired => self.expired += 1,
            End::Retry(at) => {
                self.retried += 1;
                self.next = Some(self.next.map_or(at, |next| next.min(at)));
            }
        }
    }
}

#[derive(Clone, Copy)]
enum End {
    Sent,
    Refused(&'static str),
    Expired,
    Retry(UnixTime),
}

impl Outbox {
    /// Delivers by `mailer` and `sms`.
    pub fn new(
        platform: Platform,
        mailer: Arc<dyn Mailer>,
        sms: Arc<dyn SmsGateway>,
        settings: OutboxSettings,
    ) -> Outbox {
        Self::with_random(platform, mailer, sms, settings, UnwrapErr(SysRng))
    }

    /// As [`new`](Self::new), with the source of chance in the waits.
    pub fn with_random(
        platform: Platform,
        mailer: Arc<dyn Mailer>,
        sms: Arc<dyn SmsGateway>,
        settings: OutboxSettings,
        random: impl Rng + Send + 'static,
    ) -> Outbox {
        let random = Mutex::new(Box::new(random) as Box<dyn Rng + Send>);
        Outbox {
            shared: Arc::new(Shared {
                platform,
                mailer,
                sms,
                settings,
                random,
            }),
        }
    }

    /// Delivers until `stop` ends, then finishes what is on its way. Sleeps until a message is new, one is due again, or
    /// it is time to look for what others left.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let Shared {
            platform, settings, ..
        } = &*self.shared;
        let mut stop = std::pin::pin!(stop);
        let mut on_their_way = JoinSet::new();
        let mut due: Vec<UnixTime> = Vec::new();
        let mut failures = 0_u32;
        loop {
            let room = settings.at_once.saturating_sub(on_their_way.len() as u32);
            let mut wait = settings.look_again;
            if room > 0 {
                match platform.claim(settings.lease, room).await {
                    Ok(messages) => {
                        failures = 0;
                        for message in messages {
                            let shared = Arc::clone(&self.shared);
                            on_their_way.spawn(async move { shared.deliver(message).await });
                        }
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "the outbox cannot be read");
                        wait = Duration::from_secs(self.shared.back_off(failures));
                    }
                }
            }
            let now = platform.now();
            due.retain(|at| *at > now);
            if let Some(next) = due.iter().min() {
                wait = wait.min(Duration::from_secs(next.as_secs() - now.as_secs()));
            }
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(done) = on_their_way.join_next(), if !on_their_way.is_empty() => {
                    if let Ok(End::Retry(at)) = done {
                        due.push(at);
                    }
                }
                () = platform.new_message() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        while on_their_way.join_next().await.is_some() {}
    }

    /// Delivers what is due now, once, and says what became of it: for tests, and for a service with a scheduler of its
    /// own.
    ///
    /// # Errors
    /// [`StoreError`] when nothing could be claimed.
    pub async fn turn(&self) -> Result<Turn, StoreError> {
        let Shared {
            platform, settings, ..
        } = &*self.shared;
        let mut on_their_way = JoinSet::new();
        for message in platform.claim(settings.lease, settings.at_once).await? {
            let shared = Arc::clone(&self.shared);
            on_their_way.spawn(async move { shared.deliver(message).await });
        }
        let mut turn = Turn::default();
        while let Some(done) = on_their_way.join_next().await {
            if let Ok(end) = done {
                turn.add(end);
            }
        }
        Ok(turn)
    }
}

impl Shared {
    /// One attempt at one message, written down.
    async fn deliver(&self, message: Message) -> End {
        let channel = message.recipient.channel();
        let end = self.attempt(&message, channel).await;
        let outcome = match end {
            End::Sent => Outcome::Sent,
            End::Refused(_) | End::Expired => Outcome::Refused,
            End::Retry(at) => Outcome::Retry(at),
        };
        self.settle(&message, outcome).await;
        count_end(channel, end);
        end
    }

    async fn attempt(&self, message: &Message, channel: Channel) -> End {
        if self.platform.now() >= message.expires_at {
            return End::Expired;
        }
        let sending = match channel {
            Channel::Email => self.mailer.send(message),
            Channel::Sms => self.sms.send(message),
        };
        let result = tokio::time::timeout(self.settings.patience(), sending).await;
        let result = result.unwrap_or(Err(DeliveryError::Temporary { reason: "timeout" }));
        count_attempt(message, channel, result);
        match result {
            Ok(()) => End::Sent,
            Err(DeliveryError::Permanent { reason }) => End::Refused(reason),
            Err(DeliveryError::Temporary { .. }) => {
                let wait = self.back_off(message.attempt);
                let at = UnixTime::from_secs(self.platform.now().as_secs() + wait);
                if at < message.expires_at {
                    End::Retry(at)
                } else {
                    End::Expired
                }
            }
        }
    }

    /// Writes the outcome down, and tries again while the lease lasts. If the store stays away, the message goes out once
    /// more, with the same code: that is the safe side.
    async fn settle(&self, message: &Message, outcome: Outcome) {
        for attempt in 1..=3 {
            match self.platform.settle(message, outcome).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(message = message.id.as_str(), %error, "an outcome is not written down");
                    if attempt < 3 {
                        tokio::time::sleep(Duration::from_secs(self.back_off(attempt))).await;
                    }
                }
            }
        }
    }

    fn back_off(&self, attempt: u32) -> u64 {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        back_off(attempt, &mut *random)
    }
}

/// The log names the message by its id, which tells nothing of what it holds or whom it is for.
fn count_attempt(message: &Message, channel: Channel, result: Result<(), DeliveryError>) {
    let (word, reason) = match result {
        Ok(()) => ("sent", None),
        Err(DeliveryError::Temporary { reason }) => ("temporary", Some(reason)),
        Err(DeliveryError::Permanent { reason }) => ("permanent", Some(reason)),
    };
    let reason = reason.unwrap_or("none");
    counter!("message_attempts_total", "channel" => channel.as_str(), "result" => word, "reason" => reason)
        .increment(1);
    let (id, attempt) = (message.id.as_str(), message.attempt);
    match result {
        Ok(()) => tracing::info!(message = id, %channel, attempt, "a code is handed over"),
        Err(_) => {
            tracing::warn!(message = id, %channel, attempt, result = word, reason, "a code is not handed over")
        }
    }
}

fn count_end(channel: Channel, end: End) {
    let (word, reason) = match end {
        End::Sent => ("sent", "none"),
        End::Refused(reason) => ("refused", reason),
        End::Expired => ("expired", "none"),
        End::Retry(_) => return,
    };
    counter!("message_ended_total", "channel" => channel.as_str(), "end" => word, "reason" => reason)
        .increment(1);
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_is_never_less_than_half_of_it() {
        let mut random = SmallRng::seed_from_u64(1);
        for (attempt, whole) in [
            (1, 1),
            (2, 2),
            (3, 4),
            (4, 8),
            (5, 16),
            (6, 32),
            (7, 60),
            (8, 60),
            (99, 60),
        ] {
            for _ in 0..1_000 {
                let wait = back_off(attempt, &mut random);
                assert!(
                    (whole / 2..=whole).contains(&wait) && wait >= 1,
                    "{attempt}: {wait}"
                );
            }
        }
    }

    #[test]
    fn an_attempt_ends_well_inside_its_lease() {
        let settings = OutboxSettings::default();
        assert!(settings.patience() <= Duration::from_secs(settings.lease * 3 / 4));
    }
}
