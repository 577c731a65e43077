//! A code from the app, accepted exactly once.
use std::net::IpAddr;
use std::time::Instant;

use couchkey_otp::UnixTime;
use couchkey_otp::verify::{self, Refused, Verdict};
use metrics::{counter, histogram};

use crate::platform::Throttled;
use crate::store::{Accept, AttemptKeys, Counted, Record, Which};
use crate::{PersonId, Platform, StoreError};

/// A code that somebody typed.
pub struct VerifyRequest<'a> {
    /// Who they say they are.
    pub person: PersonId,
    /// The code as it was typed; blanks and dashes do not count.
    pub code: &'a str,
    /// Where the request came from.
    pub from: IpAddr,
}

/// The code was right, and is now used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The time step (or HOTP counter) that was used up.
    pub step: u64,
    /// By how many steps the app's clock is ahead of ours.
    pub drift: i32,
}

/// Whose tries were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This account's.
    Account,
    /// This IP address's, over all accounts.
    Address,
    /// This network's, over all accounts.
    Network,
}

impl Scope {
    /// The word in figures: `account`, `address`, `network`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Account => "account",
            Scope::Address => "address",
            Scope::Network => "network",
        }
    }
}

/// Why a code was not accepted. Known and unknown people get the same of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Not a code of this person at this time; or nobody has this id; or they have no app.
    #[error("this is not the code")]
    Wrong,
    /// It was right, and somebody has used it.
    #[error("this code has been used")]
    Used,
    /// Too many tries; this one was not looked at.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// A hundred failures in a row (NIST SP 800-63B): only a rotation helps.
    #[error("too many tries; this app has to be set up again")]
    Stopped,
    /// The database has another history than a moment ago: a replica took over, or a backup was brought back. This one was not
    /// looked at, for it may have been accepted before.
    #[error("the database was changed over a moment ago, and codes of before that are refused")]
    ChangedOver {
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed; nothing was accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Platform {
    /// Accepts a code of a person's app exactly once (RFC 6238, section 5.2).
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// # use example::app_code;
    /// use couchkey_platform::{ConfirmRequest, EnrolRequest, PersonId, VerifyError, VerifyRequest};
    ///
    /// # let from = "203.0.113.7".parse()?;
    /// let person = PersonId::new("fam-0042")?;
    /// let request = EnrolRequest { person: person.clone(), account: "ana@example.tv".into() };
    /// let enrolled = platform.enrol(&request).await?;
    /// assert!(enrolled.uri.starts_with("otpauth://totp/StreamTV:ana%40example.tv?secret="));
    ///
    /// // The person scans the QR code and types what their app shows.
    /// let code = app_code(&platform, &enrolled.uri);
    /// let request = ConfirmRequest { person: person.clone(), id: enrolled.id, code: &code, from };
    /// platform.confirm(&request).await?;
    /// assert!(platform.is_enrolled(&person).await?);
    ///
    /// clock.advance(60);
    /// let code = app_code(&platform, &enrolled.uri);
    /// let request = VerifyRequest { person, code: &code, from };
    /// assert!(platform.verify(&request).await.is_ok());
    /// assert_eq!(platform.verify(&request).await, Err(VerifyError::Used));
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`VerifyError`]. Whatever it is, the code was not accepted.
    pub async fn verify(&self, request: &VerifyRequest<'_>) -> Result<Verified, VerifyError> {
        self.verify_and_keep(request, None).await
    }

    /// As [`verify`](Platform::verify), and keeps a record in the transaction in which the code is accepted, if it is: a server's
    /// answer, so that whoever asks again after a crash gets it and not [`VerifyError::Used`].
    ///
    /// # Errors
    /// As [`verify`](Platform::verify). Nothing was kept.
    pub async fn verify_and_keep(
        &self,
        request: &VerifyRequest<'_>,
        keep: Option<Record>,
    ) -> Result<Verified, VerifyError> {
        let started = Instant::now();
        let verdict = self.verify_at(request, keep, self.clock.now()).await;
        let result = match &verdict {
            Ok(_) => "accepted",
            Err(VerifyError::Wrong) => "wrong",
            Err(VerifyError::Used) => "used",
            Err(VerifyError::Throttled { .. }) => "throttled",
            Err(VerifyError::Stopped) => "stopped",
            Err(VerifyError::ChangedOver { .. } | VerifyError::Store(_)) => "failed",
        };
        counter!("otp_verify_total", "result" => result).increment(1);
        counter!("login_total", "channel" => "app", "result" => result).increment(1);
        histogram!("otp_verify_seconds").record(started.elapsed());
        match &verdict {
            Ok(verified) => histogram!("otp_drift_steps").record(f64::from(verified.drift)),
            Err(VerifyError::Used) => counter!("otp_replay_total").increment(1),
            Err(_) => {}
        }
        verdict
    }

    /// Every person takes the same way through here, whether or not anybody has the id: the same rows are written,
    /// one credential is read and opened, six codes are made and compared. Only a right code goes further.
    async fn verify_at(
        &self,
        request: &VerifyRequest<'_>,
        keep: Option<Record>,
        now: UnixTime,
    ) -> Result<Verified, VerifyError> {
        let here = self.here(now).await?;
        if let Some(retry_after) = here.holds(self.settings.period, now) {
            return Err(VerifyError::ChangedOver { retry_after });
        }
        let [address, network] = self.failures(request.from);
        let account = self.account(&request.person);
        let buckets = [address, network];
        let theirs = self.theirs(&account, request.from);
        let which = Which::ActiveOrNobodys(request.person.clone());
        let counted = self
            .store
            .count_attempt(&account, &buckets, &theirs, &which, now);
        let credential = match counted.await? {
            Counted::Yes(credential) => credential,
            Counted::Full(full) => return Err(Throttled::by(full, now).into()),
            Counted::Refused(Refused::Wait { until }) => {
                return Err(Throttled::new(Scope::Account, until, now).into());
            }
            Counted::Refused(Refused::Stopped) => return Err(VerifyError::Stopped),
        };
        let credential = *credential.ok_or(StoreError::Unreadable)?;
        let secret = self.secret_of(&credential)?;
        let verdict = verify::totp(
            &secret,
            credential.period,
            credential.algorithm,
            credential.digits,
            here.raised(credential.memory, credential.period),
            request.code,
            now,
        );
        let is_theirs = credential.person == request.person.as_str();
        match verdict {
            Verdict::Accepted(memory) if is_theirs => {
                let accept = Accept {
                    id: credential.id,
                    person: request.person.clone(),
                    memory,
                    attempt: AttemptKeys {
                        // Who has the app is not kept out by wrong codes from messages either.
                        accounts: [Some(account), Some(self.messages_of(&request.person))],
                        address,
                        theirs,
                        network,
                        timeline: here.timeline,
                    },
                    keep,
                    now,
                };
                // Somebody else used the step between our reading and now; or the secret is not active any more.
                if !self.store.accept(&accept).await? {
                    return Err(VerifyError::Used);
                }
                let step = memory.last_step.unwrap_or_default();
                let ahead = step as i64 - now.step(credential.period) as i64;
                Ok(Verified {
                    step,
                    drift: ahead as i32,
                })
            }
            Verdict::Used if is_theirs => Err(VerifyError::Used),
            _ => Err(VerifyError::Wrong),
        }
    }

    /// Where an account's failures are counted, whether or not there is such an account.
    pub(crate) fn account(&self, person: &PersonId) -> crate::store::Hash {
        self.keys.hash("account", &[person.as_str().as_bytes()])
    }
}

impl From<Throttled> for VerifyError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        VerifyError::Throttled { scope, retry_after }
    }
}
