//! Accepting a code from a message, exactly once.
use std::net::IpAddr;

use couchkey_otp::verify::Refused;
use metrics::counter;
use subtle::ConstantTimeEq as _;

use super::ChallengeId;
use crate::platform::Throttled;
use crate::seal::new_id;
use crate::store::{AttemptKeys, Challenge, Hash, Keep, Record, Tried};
use crate::{Channel, PersonId, Platform, Purpose, Recipient, Scope, StoreError};

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
    /// As in [`ChallengeRequest::known`]: its failures are counted apart from everybody else's.
    pub known: Option<&'a str>,
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
    /// For the browser or app that was signed in to keep; it opens nothing. See [`ChallengeRequest::known`].
    pub known: String,
}

/// Makes a record of a code that was accepted.
pub type KeepRedeemed = Box<dyn FnOnce(&Redeemed) -> Record + Send>;

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
    /// Redeemed, expired, out of tries, or never there: ask for a new one.
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
    /// A hundred wrong codes for this person in a row (NIST SP 800-63B): none from a message is looked at any more, until one
    /// from the app was right, or one in a browser that knows them.
    #[error("too many tries; sign in with the app, or where this person has signed in before")]
    Stopped,
    /// The store failed; nothing was accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Platform {
    /// Accepts the code of a challenge exactly once.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/example.rs")); }
    /// # let (platform, clock) = example::platform().await;
    /// use couchkey_platform::{ChallengeRequest, Purpose, Recipient, RedeemRequest};
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
    /// let request = RedeemRequest { id: answer.id, purpose: Purpose::SignUp, code: message.code.expose(), from, known: None };
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
        self.redeem_and_keep(request, None).await
    }

    /// As [`redeem`](Platform::redeem), and keeps a record of what this returns in the transaction in which the code is accepted:
    /// see [`verify_and_keep`](Platform::verify_and_keep).
    ///
    /// # Errors
    /// [`RedeemError`]. Nothing was kept.
    pub async fn redeem_and_keep(
        &self,
        request: &RedeemRequest<'_>,
        keep: Option<KeepRedeemed>,
    ) -> Result<Redeemed, RedeemError> {
        let now = self.clock.now();
        let here = self.here(now).await?;
        let [address, network] = self.failures(request.from);
        self.take(&[address, network], now).await??;
        let open = self.store.challenge(&request.id.0, now).await?;
        let open = open.filter(|c| c.tries < Challenge::TRIES);
        let open = open.ok_or(RedeemError::Ended)?;
        let [account, everybodys] = self.messages_for(&open, request.known);
        let theirs = self.theirs(&account, request.from);
        let tried = self
            .store
            .count_try(&open.id, &account, &theirs, now)
            .await?;
        let challenge = match tried {
            Tried::Yes(challenge) => *challenge,
            Tried::Ended => return Err(RedeemError::Ended),
            Tried::Refused(Refused::Wait { until }) => {
                return Err(Throttled::new(Scope::Account, until, now).into());
            }
            Tried::Refused(Refused::Stopped) => return Err(RedeemError::Stopped),
        };
        let channel = challenge.channel.as_str();

        let typed = couchkey_otp::verify::typed(request.code);
        let mac = self.code_mac(&challenge.id, request.purpose, &typed);
        let right: bool = mac.ct_eq(&challenge.mac).into();
        let sign_up = challenge.purpose == Purpose::SignUp;
        if !right || (challenge.person.is_none() && !sign_up) {
            counter!("login_total", "channel" => channel, "result" => "wrong").increment(1);
            return Err(RedeemError::Wrong {
                tries_left: Challenge::TRIES - challenge.tries,
            });
        }
        let by_phone = challenge.channel == Channel::Sms;
        let written_to = match sign_up || by_phone {
            true => Some(self.open_letter(&challenge.id, &challenge.sealed)?.0),
            false => None,
        };
        let contact = written_to.as_ref().filter(|_| sign_up).map(|recipient| {
            let person = PersonId::new(new_id()).expect("32 hexadecimal figures");
            self.contact(&person, recipient)
        });
        let attempt = AttemptKeys {
            accounts: [Some(account), Some(everybodys)],
            theirs,
            address,
            network,
            timeline: here.timeline,
        };
        let enrolled = match &challenge.person {
            Some(person) => self.is_enrolled(person).await?,
            None => false,
        };
        let new = contact.as_ref().map(|contact| contact.person.clone());
        let (kept, platform) = (new_id(), self.clone());
        let redeemed = move |person: &PersonId| Redeemed {
            created: new.as_ref() == Some(person),
            offer_app: !enrolled,
            known: platform.known_as(&kept, person),
            person: person.clone(),
            channel: challenge.channel,
        };
        let also = redeemed.clone();
        let keep = keep.map(|keep| Box::new(move |person: &PersonId| keep(&also(person))) as Keep);
        let person = self
            .store
            .redeem(&challenge.id, contact.as_ref(), &attempt, keep, now)
            .await?
            .ok_or(RedeemError::Ended)?;
        if let Some(Recipient::Phone(phone)) = &written_to {
            let redeemed = self.conversion(phone).redeemed;
            self.store.count(&redeemed, 1, now).await?;
        }
        counter!("challenge_redeemed_total", "channel" => channel).increment(1);
        if sign_up {
            counter!("signup_confirmed_total", "channel" => channel).increment(1);
        } else {
            counter!("login_total", "channel" => channel, "result" => "accepted").increment(1);
        }
        Ok(redeemed(&person))
    }

    /// Where wrong codes from messages are counted: for who asks, and for this person in all.
    fn messages_for(&self, challenge: &Challenge, known: Option<&str>) -> [Hash; 2] {
        let everybodys = match &challenge.person {
            Some(person) => self.messages_of(person),
            None => self.keys.hash("messages", &[b"to", &challenge.recipient]),
        };
        let known = self.known_id(known, challenge.person.as_ref());
        let apart = known.map(|id| self.keys.hash("messages", &[&everybodys, id.as_bytes()]));
        [apart.unwrap_or(everybodys), everybodys]
    }

    pub(crate) fn messages_of(&self, person: &PersonId) -> Hash {
        self.keys
            .hash("messages", &[b"of", person.as_str().as_bytes()])
    }
}

impl From<Throttled> for RedeemError {
    fn from(Throttled { scope, retry_after }: Throttled) -> Self {
        RedeemError::Throttled { scope, retry_after }
    }
}
