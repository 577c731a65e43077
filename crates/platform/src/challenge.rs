//! Codes by e-mail and SMS: for people without the app, for sign-up, and for people who forgot their password.
use std::net::IpAddr;

use couchkey_otp::UnixTime;
use data_encoding::HEXLOWER;
use metrics::counter;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::platform::{Throttled, contact_place, later, secs_until};
use crate::seal::{new_digits, new_id};
use crate::store::{
    AttemptKeys, Challenge, Contact, Hash, NewChallenge, Queued, Quota, Resend, Sending, Spend,
};
use crate::{
    Channel, DeliveryCode, Message, MessageId, PersonId, Platform, Recipient, Scope, StoreError,
};

/// What a code is for. A code for one purpose is worth nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Proving that a new person has this address.
    SignUp,
    /// Signing in without the app.
    SignIn,
    /// A way in for somebody who forgot their password or lost their phone.
    Recovery,
}

impl Purpose {
    /// The word in the store and in figures: `sign_up`, `sign_in`, `recovery`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::SignUp => "sign_up",
            Purpose::SignIn => "sign_in",
            Purpose::Recovery => "recovery",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Purpose> {
        [Purpose::SignUp, Purpose::SignIn, Purpose::Recovery]
            .into_iter()
            .find(|purpose| purpose.as_str() == word)
    }
}

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
    /// There is no such challenge (any more): ask for a new one.
    #[error("this request for a code has ended")]
    Ended,
    /// The store failed; nothing is sent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A code from a message.
pub struct RedeemRequest<'a> {
    /// Which challenge.
    pub id: ChallengeId,
    /// What it is for; it has to be what the challenge was made for.
    pub purpose: Purpose,
    /// The code as it was typed; blanks and dashes do not count.
    pub code: &'a str,
    /// Where the request came from.
    pub from: IpAddr,
}

/// The code was right, and is now used up.
pub struct Redeemed {
    /// Who it was. For [`Purpose::SignUp`] a new person, unless somebody had this address before.
    pub person: PersonId,
    /// True when this sign-up made the person.
    pub created: bool,
    /// How the code came.
    pub channel: Channel,
    /// True when they have no app yet: offer it. A code by mail or SMS is never a second factor (NIST SP 800-63B-4).
    pub offer_app: bool,
}

/// Why a code was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedeemError {
    /// Not the code.
    #[error("this is not the code")]
    Wrong {
        /// How many tries are left.
        tries_left: u32,
    },
    /// Redeemed, expired, ended by a newer one, out of tries, or never there: ask for a new one.
    #[error("this code has ended")]
    Ended,
    /// Too many tries from there; this one was not looked at.
    #[error("too many tries")]
    Throttled {
        /// Whose tries.
        scope: Scope,
        /// Seconds until the next one is looked at.
        retry_after: u64,
    },
    /// The store failed; nothing was accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
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

    /// Sends a code to an address, if anybody has it (for [`Purpose::SignUp`]: to anybody). Ends an earlier challenge
    /// for the same address and purpose.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (platform, clock) = couchkey_platform::testing::platform().await;
    /// use couchkey_platform::{ChallengeError, ChallengeRequest, Purpose, Recipient};
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

        let id = new_id();
        let code = new_digits(self.settings.challenge_digits.get());
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
            expires_at: later(now, Self::CHALLENGE_SECS),
            id,
        };
        let new = NewChallenge {
            message: self.message_of(&challenge),
            void,
            quota: self.quota(&request.recipient, !void),
            now,
            challenge,
        };
        let sending = self.store.start_challenge(&new).await?;
        let answer = self.answer(&new.challenge, sending, now)?;
        let channel = new.challenge.channel.as_str();
        if request.purpose == Purpose::SignUp {
            counter!("signup_started_total", "channel" => channel).increment(1);
        }
        self.wake.notify_one();
        self.count_cost(&request.recipient, !void);
        Ok(answer)
    }

    /// Sends the same code once more; its tries keep counting and its end stays.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (platform, clock) = couchkey_platform::testing::platform().await;
    /// use couchkey_platform::{ChallengeRequest, Purpose, Recipient};
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
        let again = Resend {
            challenge: challenge.id.clone(),
            message: self.message_of(&challenge),
            void,
            quota: self.quota(&recipient, !void),
            now,
        };
        let sending = self.store.resend(&again).await?;
        let answer = self.answer(&challenge, sending, now)?;
        self.wake.notify_one();
        self.count_cost(&recipient, !void);
        Ok(answer)
    }

    /// Accepts the code of a challenge exactly once.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (platform, clock) = couchkey_platform::testing::platform().await;
    /// use couchkey_platform::{ChallengeRequest, Purpose, Recipient, RedeemRequest};
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
    /// let request = RedeemRequest { id: answer.id, purpose: Purpose::SignUp, code: message.code.expose(), from };
    /// let redeemed = platform.redeem(&request).await?;
    /// assert!(redeemed.created && redeemed.offer_app);
    /// let contacts = platform.contacts(&redeemed.person).await?;
    /// assert_eq!(contacts[0].address(), "ana@example.tv");
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`RedeemError`]. Whatever it is, the code was not accepted.
    pub async fn redeem(&self, request: &RedeemRequest<'_>) -> Result<Redeemed, RedeemError> {
        let now = self.clock.now();
        let [address, network] = self.failures(request.from);
        self.take(&[address, network], now).await??;
        let challenge = self.store.count_try(&request.id.0, now).await?;
        let challenge = challenge.ok_or(RedeemError::Ended)?;
        let channel = challenge.channel.as_str();

        let typed: Zeroizing<String> = Zeroizing::new(typed_digits(request.code));
        let mac = self.code_mac(&challenge.id, request.purpose, &typed);
        let right: bool = mac.ct_eq(&challenge.mac).into();
        let sign_up = challenge.purpose == Purpose::SignUp;
        if !right || (challenge.person.is_none() && !sign_up) {
            counter!("login_total", "channel" => channel, "result" => "wrong").increment(1);
            return Err(RedeemError::Wrong {
                tries_left: Challenge::TRIES - challenge.tries,
            });
        }
        let contact = if sign_up {
            let (recipient, ..) = self.open_letter(&challenge.id, &challenge.sealed)?;
            let person = PersonId::new(new_id()).expect("32 hexadecimal figures");
            Some(self.contact(&person, &recipient))
        } else {
            None
        };
        let attempt = AttemptKeys {
            accounts: [None, None],
            address,
            network,
        };
        let person = self
            .store
            .redeem(&challenge.id, contact.as_ref(), &attempt, now)
            .await?
            .ok_or(RedeemError::Ended)?;
        let created = contact.is_some_and(|contact| contact.person == person);
        counter!("challenge_redeemed_total", "channel" => channel).increment(1);
        if sign_up {
            counter!("signup_confirmed_total", "channel" => channel).increment(1);
        } else {
            counter!("login_total", "channel" => channel, "result" => "accepted").increment(1);
        }
        Ok(Redeemed {
            offer_app: !self.is_enrolled(&person).await?,
            person,
            created,
            channel: challenge.channel,
        })
    }

    /// Says that a person has an address, which the caller has verified by other means.
    ///
    /// Returns whose it is: another person's if they had it before.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (platform, clock) = couchkey_platform::testing::platform().await;
    /// use couchkey_platform::{PersonId, Recipient};
    ///
    /// let ana = PersonId::new("fam-0042")?;
    /// let address = Recipient::email("ana@example.tv")?;
    /// assert!(platform.add_contact(&ana, &address).await? == ana);
    /// # drop(clock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_contact(
        &self,
        person: &PersonId,
        recipient: &Recipient,
    ) -> Result<PersonId, StoreError> {
        self.store
            .add_contact(&self.contact(person, recipient))
            .await
    }

    /// A person's verified addresses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn contacts(&self, person: &PersonId) -> Result<Vec<Recipient>, StoreError> {
        let contacts = self.store.contacts(person).await?;
        let opened = contacts.iter().map(|contact| {
            let hash = HEXLOWER.encode(&contact.hash);
            let place = contact_place(&hash, contact.person.as_str());
            let address = self.keys.open(&place, &contact.sealed)?;
            let address = std::str::from_utf8(&address).map_err(|_| StoreError::Unreadable)?;
            read_recipient(contact.channel, address)
        });
        opened.collect()
    }

    fn contact(&self, person: &PersonId, recipient: &Recipient) -> Contact {
        let hash = self.contact_hash(recipient);
        let hex = HEXLOWER.encode(&hash);
        let place = contact_place(&hex, person.as_str());
        Contact {
            hash,
            person: person.clone(),
            channel: recipient.channel(),
            sealed: self.keys.seal(&place, recipient.address().as_bytes()),
            key: self.keys.sealing(),
        }
    }

    /// Addresses that differ in case only are one: no provider of any size gives them to two people.
    fn contact_hash(&self, recipient: &Recipient) -> Hash {
        let address = recipient.address().to_lowercase();
        let channel = recipient.channel().as_str();
        self.keys
            .hash("contact", &[channel.as_bytes(), address.as_bytes()])
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

    fn check_country(&self, recipient: &Recipient) -> Result<(), ChallengeError> {
        match recipient {
            Recipient::Phone(phone) if self.settings.sms.country(phone.country()).is_none() => {
                Err(ChallengeError::CountryNotServed)
            }
            _ => Ok(()),
        }
    }

    fn quota(&self, recipient: &Recipient, real: bool) -> Quota {
        let sms = &self.settings.sms;
        let country = match recipient {
            Recipient::Phone(phone) => sms.country(phone.country()),
            Recipient::Email(_) => None,
        };
        let spend = country.map_or_else(Vec::new, |country| {
            let of = |budget: &str, per_day| Spend {
                budget: budget.to_owned(),
                units: country.units,
                per_day,
                real,
            };
            vec![
                of(&country.country, country.units_per_day),
                of("total", sms.units_per_day),
            ]
        });
        Quota {
            recipient: self.contact_hash(recipient),
            per_day: self.settings.limits.messages_per_recipient,
            spend,
        }
    }

    fn count_cost(&self, recipient: &Recipient, real: bool) {
        if let Recipient::Phone(phone) = recipient
            && let Some(country) = self.settings.sms.country(phone.country())
        {
            let units = if real { country.units } else { 0 };
            counter!("sms_cost_units_total", "country" => country.country.clone()).increment(units);
        }
    }

    fn answer(
        &self,
        challenge: &Challenge,
        sending: Sending,
        now: UnixTime,
    ) -> Result<ChallengeAnswer, ChallengeError> {
        let next_at = match sending {
            Sending::Queued { next_at } => next_at,
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
            Sending::BudgetSpent => return Err(ChallengeError::SmsBudgetSpent),
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

/// The digits of a code as somebody typed it; anything else makes it wrong.
fn typed_digits(code: &str) -> String {
    code.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(9)
        .collect()
}

fn read_recipient(channel: Channel, address: &str) -> Result<Recipient, StoreError> {
    let read = match channel {
        Channel::Email => Recipient::email(address),
        Channel::Sms => Recipient::phone(address),
    };
    read.map_err(|_| StoreError::Unreadable)
}

impl From<Throttled> for ChallengeError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        ChallengeError::Throttled { scope, retry_after }
    }
}

impl From<Throttled> for RedeemError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        RedeemError::Throttled { scope, retry_after }
    }
}
