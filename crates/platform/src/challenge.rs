//! Codes by e-mail and SMS: for people without the app, for sign-up, and for people who forgot their password.
mod quota;
mod redeem;

use std::net::IpAddr;

use couchkey_otp::UnixTime;
use data_encoding::HEXLOWER;
use metrics::counter;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::contact::read_recipient;
use crate::platform::{Throttled, later, secs_until};
use crate::seal::{new_digits, new_id};
use crate::store::{Challenge, Hash, NewChallenge, Queued, Resend, Sending};
use crate::{
    Channel, DeliveryCode, Message, MessageId, PersonId, Platform, Purpose, Recipient, Scope,
    StoreError,
};

pub use redeem::{KeepRedeemed, RedeemError, RedeemRequest, Redeemed};

/// Somebody asks for a code.
pub struct ChallengeRequest {
    /// Where to.
    pub recipient: Recipient,
    /// What for.
    pub purpose: Purpose,
    /// Where the request came from.
    pub from: IpAddr,
    /// The language to write in (BCP 47), if the request said one.
    pub language: Option<String>,
    /// What this browser or app has kept since it signed somebody in ([`Redeemed::known`], [`Platform::known`]): for that person
    /// it has an allowance of its own, which no stranger uses up.
    pub known: Option<String>,
}

/// The id of a challenge: 32 hexadecimal figures. It belongs to whoever asked, and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChallengeId(pub(crate) String);

impl ChallengeId {
    /// Takes the text of an id that [`Platform::challenge`] gave.
    pub fn new(id: impl Into<String>) -> ChallengeId {
        ChallengeId(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What everybody who asks is told, whether or not anybody has the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeAnswer {
    /// What [`Platform::redeem`] and [`Platform::resend`] ask for.
    pub id: ChallengeId,
    /// How it was sent.
    pub channel: Channel,
    /// How many digits the code has.
    pub digits: u8,
    /// Until when it can be redeemed.
    pub expires_at: UnixTime,
    /// From when it can be sent once more.
    pub resend_at: UnixTime,
}

/// Why no code is sent. None of these depends on whether anybody has the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// One was sent a moment ago.
    #[error("a code was sent a moment ago")]
    Cooldown {
        /// Seconds until one more is sent.
        retry_after: u64,
    },
    /// This address has got as many as it gets a day.
    #[error("this address has got all the codes of today")]
    DailyCap {
        /// Seconds until the next day (UTC).
        retry_after: u64,
    },
    /// Too many requests from there.
    #[error("too many requests")]
    Throttled {
        /// Whose requests.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// Text messages are not sent to this country.
    #[error("no text messages are sent to this country")]
    CountryNotServed,
    /// Today's budget for text messages (to this country, or in all) is spent.
    #[error("no more text messages are sent there today")]
    SmsBudgetSpent,
    /// Today many codes were asked for to numbers like this one, and hardly any was redeemed: somebody earns by that.
    #[error("no more text messages are sent to such numbers today")]
    SmsPaused,
    /// Today's budget for mails (to this domain, or in all) is spent.
    #[error("no more mails are sent there today")]
    MailBudgetSpent,
    /// There is no such challenge (any more): ask for a new one.
    #[error("this request for a code has ended")]
    Ended,
    /// The store failed; nothing is sent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who asks for a code: from where, and with what id if they are known to have signed this person in.
struct Asker {
    from: IpAddr,
    known: Option<String>,
}

/// What is sealed in a challenge and in its messages.
#[derive(Serialize, Deserialize)]
struct Letter<'a> {
    channel: &'a str,
    address: std::borrow::Cow<'a, str>,
    code: &'a str,
    language: Option<std::borrow::Cow<'a, str>>,
}

impl Platform {
    /// How long a mail or SMS code lasts, in seconds.
    pub const CHALLENGE_SECS: u64 = 600;
    /// For so many seconds an open code has to last, to be given to somebody else who asks.
    const JOIN_SECS: u64 = 120;

    /// Sends a code to an address, if anybody has it (for [`Purpose::SignUp`]: to anybody).
    ///
    /// It ends no other challenge. While a code for the same address and purpose is open, whoever asks gets a challenge of their
    /// own with the same code, and the message that was sent serves them all: a stranger who asks keeps nobody out.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{ChallengeError, ChallengeRequest, Purpose, Recipient};
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
    /// assert_eq!(answer.digits, 6);
    /// let again = platform.challenge(&request).await;
    /// assert_eq!(again, Err(ChallengeError::Cooldown { retry_after: 30 }));
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`ChallengeError`].
    pub async fn challenge(
        &self,
        request: &ChallengeRequest,
    ) -> Result<ChallengeAnswer, ChallengeError> {
        let now = self.clock.now();
        self.check_country(&request.recipient)?;
        self.take(&self.requests(request.from), now).await??;
        let recipient = self.contact_hash(&request.recipient);
        let person = self.store.person_of(&recipient).await?;
        let void = person.is_none() && request.purpose != Purpose::SignUp;
        let known = self.known_id(request.known.as_deref(), person.as_ref());
        // One that ends in a moment is no help to somebody who has to find it first.
        let until = later(now, Self::JOIN_SECS);
        let open = self
            .store
            .open_challenge(&recipient, request.purpose, until)
            .await?;
        // One that lasts longer than any is from a clock which was wrong.
        let longest = later(now, Self::CHALLENGE_SECS);
        let open = open.filter(|open| open.person == person && open.expires_at <= longest);

        let id = new_id();
        let (code, origin, expires_at) = match &open {
            Some(open) => {
                let (_, code, _) = self.open_letter(&open.id, &open.sealed)?;
                (code.0, open.origin.clone(), open.expires_at)
            }
            None => {
                let code = new_digits(self.settings.challenge_digits.get());
                (code, id.clone(), later(now, Self::CHALLENGE_SECS))
            }
        };
        let letter = Letter {
            channel: request.recipient.channel().as_str(),
            address: request.recipient.address().into(),
            code: &code,
            language: request.language.as_deref().map(Into::into),
        };
        let letter = Zeroizing::new(serde_json::to_vec(&letter).expect("texts are JSON"));
        let challenge = Challenge {
            recipient,
            purpose: request.purpose,
            channel: request.recipient.channel(),
            person,
            mac: self.code_mac(&id, request.purpose, &code),
            sealed: self.keys.seal(&["challenge", &id], &letter),
            tries: 0,
            expires_at,
            origin,
            id,
        };
        let asker = Asker {
            from: request.from,
            known,
        };
        let new = NewChallenge {
            message: self.message_of(&challenge),
            joins: open.is_some(),
            void,
            quota: self.quota(&request.recipient, request.purpose, &asker, !void),
            now,
            challenge,
        };
        let sending = self.store.start_challenge(&new).await?;
        let answer = self.answer(&new.challenge, sending, now)?;
        let channel = new.challenge.channel.as_str();
        if request.purpose == Purpose::SignUp {
            counter!("signup_started_total", "channel" => channel).increment(1);
        }
        if let Sending::Queued { .. } = sending {
            self.wake.notify_one();
            self.count_cost(&request.recipient, !void);
        }
        Ok(answer)
    }

    /// Sends the same code once more; its tries keep counting and its end stays.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{ChallengeRequest, Purpose, Recipient};
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
    /// clock.advance(30);
    /// let again = platform.resend(&answer.id, from).await?;
    /// assert_eq!(again.expires_at, answer.expires_at);
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`ChallengeError::Cooldown`] when it is too early, [`ChallengeError::Ended`] when it is too late.
    pub async fn resend(
        &self,
        id: &ChallengeId,
        from: IpAddr,
    ) -> Result<ChallengeAnswer, ChallengeError> {
        let now = self.clock.now();
        self.take(&self.requests(from), now).await??;
        let challenge = self.store.challenge(&id.0, now).await?;
        let challenge = challenge.filter(|c| c.tries < Challenge::TRIES);
        let challenge = challenge.ok_or(ChallengeError::Ended)?;
        let (recipient, ..) = self.open_letter(&challenge.id, &challenge.sealed)?;
        let void = challenge.person.is_none() && challenge.purpose != Purpose::SignUp;
        let asker = Asker { from, known: None };
        let again = Resend {
            challenge: challenge.id.clone(),
            message: self.message_of(&challenge),
            void,
            quota: self.quota(&recipient, challenge.purpose, &asker, !void),
            now,
        };
        let sending = self.store.resend(&again).await?;
        let answer = self.answer(&challenge, sending, now)?;
        self.wake.notify_one();
        self.count_cost(&recipient, !void);
        Ok(answer)
    }

    fn code_mac(&self, challenge: &str, purpose: Purpose, code: &str) -> Hash {
        let parts = [challenge, purpose.as_str(), code].map(str::as_bytes);
        self.keys.hash("challenge", &parts)
    }

    fn message_of(&self, challenge: &Challenge) -> Queued {
        Queued {
            id: new_id(),
            challenge: challenge.id.clone(),
            channel: challenge.channel,
            purpose: challenge.purpose,
            sealed: challenge.sealed.clone(),
            attempt: 0,
            expires_at: challenge.expires_at,
        }
    }

    pub(crate) fn open_message(&self, queued: &Queued) -> Result<Message, StoreError> {
        let (recipient, code, language) = self.open_letter(&queued.challenge, &queued.sealed)?;
        Ok(Message {
            id: MessageId(queued.id.clone()),
            attempt: queued.attempt,
            purpose: queued.purpose,
            recipient,
            code,
            expires_at: queued.expires_at,
            language,
        })
    }

    fn open_letter(
        &self,
        challenge: &str,
        sealed: &[u8],
    ) -> Result<(Recipient, DeliveryCode, Option<String>), StoreError> {
        let letter = self.keys.open(&["challenge", challenge], sealed)?;
        let letter: Letter<'_> =
            serde_json::from_slice(&letter).map_err(|_| StoreError::Unreadable)?;
        let channel = Channel::from_word(letter.channel).ok_or(StoreError::Unreadable)?;
        Ok((
            read_recipient(channel, &letter.address)?,
            DeliveryCode(Zeroizing::new(letter.code.to_owned())),
            letter.language.map(Into::into),
        ))
    }

    /// What a browser or app may keep that has signed this person in: it opens nothing, and earns an allowance of its own when it
    /// asks for a code ([`ChallengeRequest::known`]).
    pub fn known(&self, person: &PersonId) -> String {
        self.known_as(&new_id(), person)
    }

    fn known_as(&self, id: &str, person: &PersonId) -> String {
        format!("{id}{}", HEXLOWER.encode(&self.known_mac(id, person)))
    }

    /// The id in what was kept, if it is this person's.
    fn known_id(&self, kept: Option<&str>, person: Option<&PersonId>) -> Option<String> {
        let (id, mac) = kept?.split_at_checked(32)?;
        let right = HEXLOWER.encode(&self.known_mac(id, person?));
        bool::from(right.as_bytes().ct_eq(mac.as_bytes())).then(|| id.to_owned())
    }

    fn known_mac(&self, id: &str, person: &PersonId) -> Hash {
        let parts = [id, person.as_str()].map(str::as_bytes);
        self.keys.hash("known", &parts)
    }

    fn answer(
        &self,
        challenge: &Challenge,
        sending: Sending,
        now: UnixTime,
    ) -> Result<ChallengeAnswer, ChallengeError> {
        let next_at = match sending {
            Sending::Queued { next_at } | Sending::Joined { next_at } => next_at,
            Sending::Cooldown { until } => {
                return Err(ChallengeError::Cooldown {
                    retry_after: secs_until(until, now),
                });
            }
            Sending::DailyCap => {
                return Err(ChallengeError::DailyCap {
                    retry_after: 86_400 - now.as_secs() % 86_400,
                });
            }
            Sending::BudgetSpent => {
                return Err(match challenge.channel {
                    Channel::Sms => ChallengeError::SmsBudgetSpent,
                    Channel::Email => ChallengeError::MailBudgetSpent,
                });
            }
            Sending::Paused => {
                counter!("sms_paused_total").increment(1);
                return Err(ChallengeError::SmsPaused);
            }
            Sending::Ended => return Err(ChallengeError::Ended),
        };
        Ok(ChallengeAnswer {
            id: ChallengeId(challenge.id.clone()),
            channel: challenge.channel,
            digits: self.settings.challenge_digits.get(),
            expires_at: challenge.expires_at,
            resend_at: next_at,
        })
    }
}

impl From<Throttled> for ChallengeError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        ChallengeError::Throttled { scope, retry_after }
    }
}
