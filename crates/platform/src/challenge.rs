//! Codes by e-mail and SMS: for people without the app, for sign-up, and for people who forgot their password.
use std::net::IpAddr;

use couchkey_otp::UnixTime;

use crate::{Channel, PersonId, Platform, Recipient, Scope, StoreError};

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

impl Platform {
    /// Sends a code to an address, if anybody has it (for [`Purpose::SignUp`]: to anybody). Ends an earlier challenge
    /// for the same address and purpose.
    ///
    /// # Errors
    /// [`ChallengeError`].
    pub async fn challenge(
        &self,
        request: &ChallengeRequest,
    ) -> Result<ChallengeAnswer, ChallengeError> {
        let _ = request;
        todo!()
    }

    /// Sends the same code once more; its tries keep counting and its end stays.
    ///
    /// # Errors
    /// [`ChallengeError::Cooldown`] when it is too early, [`ChallengeError::Ended`] when it is too late.
    pub async fn resend(
        &self,
        id: &ChallengeId,
        from: IpAddr,
    ) -> Result<ChallengeAnswer, ChallengeError> {
        let _ = (id, from);
        todo!()
    }

    /// Accepts the code of a challenge exactly once.
    ///
    /// # Errors
    /// [`RedeemError`]. Whatever it is, the code was not accepted.
    pub async fn redeem(&self, request: &RedeemRequest<'_>) -> Result<Redeemed, RedeemError> {
        let _ = request;
        todo!()
    }

    /// Says that a person has an address, which the caller has verified by other means.
    ///
    /// Returns whose it is: another person's if they had it before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_contact(
        &self,
        person: &PersonId,
        recipient: &Recipient,
    ) -> Result<PersonId, StoreError> {
        let _ = (person, recipient);
        todo!()
    }
}
