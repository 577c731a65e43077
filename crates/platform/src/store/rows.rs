//! What a store keeps and says: the rows, and the answers of its methods.
use couchkey_otp::verify::{Memory, Refused};
use couchkey_otp::{Algorithm, Digits, Period, UnixTime};

use crate::{Channel, PersonId, Purpose};

/// An HMAC-SHA256 under the pepper: how something is looked up that must not be readable.
pub type Hash = [u8; 32];

/// A secret that a person and the platform share.
#[derive(Clone)]
pub struct Credential {
    /// 32 hexadecimal figures.
    pub id: String,
    /// Whose it is; empty for the one that unknown people are checked against.
    pub person: String,
    /// False until one code has confirmed it.
    pub active: bool,
    /// The HMAC.
    pub algorithm: Algorithm,
    /// How many digits.
    pub digits: Digits,
    /// How long each code is valid.
    pub period: Period,
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// The number of the key it is sealed under.
    pub key: u32,
    /// The last step, and the drift.
    pub memory: Memory,
    /// Until when a pending one waits.
    pub expires_at: UnixTime,
}

/// Which credential.
#[derive(Clone)]
pub enum Which {
    /// The one with this id.
    Id(String),
    /// The person's active one; if there is none, the one of nobody.
    ActiveOrNobodys(PersonId),
}

/// What an accepted code changes.
#[derive(Clone)]
pub struct Accept {
    /// Which credential.
    pub id: String,
    /// Whose it is: if it is not, nothing happens.
    pub person: PersonId,
    /// What to remember: its step is later than the row's, or nothing happens.
    pub memory: Memory,
    /// Whose failures it clears.
    pub attempt: AttemptKeys,
    /// What is kept in the same transaction.
    pub keep: Option<Record>,
    /// The time.
    pub now: UnixTime,
}

/// Makes what is kept in the same transaction with a person's sign-in: it is there exactly if they are signed in.
pub type Keep = Box<dyn FnOnce(&PersonId) -> Record + Send>;

/// Where an attempt was counted.
#[derive(Clone)]
pub struct AttemptKeys {
    /// The accounts whose failures it clears.
    pub accounts: [Option<Hash>; 2],
    /// The address: a success takes out of its bucket what is in `theirs`.
    pub address: Bucket,
    /// What this account failed at this address: a success empties it.
    pub theirs: Bucket,
    /// The network: a success gives back what this attempt took.
    pub network: Bucket,
    /// In which history of the database ([`Store::timeline`](super::Store::timeline)): in another one nothing is accepted.
    pub timeline: Option<String>,
}

/// A bucket that fills with each attempt and drains with time.
#[derive(Clone, Copy)]
pub struct Bucket {
    /// Its key.
    pub key: Hash,
    /// How many units it holds; it drains at as many an hour.
    pub size: u32,
}

impl Bucket {
    /// Milliseconds in which one unit drains.
    pub fn drain_ms(&self) -> i64 {
        3_600_000 / i64::from(self.size.max(1))
    }
}

/// A full bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// Its place in the list.
    pub bucket: usize,
    /// When it has room for one unit.
    pub until: UnixTime,
}

/// Whether an attempt may be looked at.
#[derive(Clone)]
pub enum Counted {
    /// It may, and it has been counted: with this credential, if there is one.
    Yes(Option<Box<Credential>>),
    /// Not from there; the account has not been counted.
    Full(Full),
    /// Not yet, or not at all any more, because of earlier failures; it has not been counted.
    Refused(Refused),
}

/// Whether a try at a challenge may be looked at.
#[derive(Clone)]
pub enum Tried {
    /// It may, and it has been counted.
    Yes(Box<Challenge>),
    /// The challenge is not open, or has no tries left.
    Ended,
    /// Not yet, or not at all any more, because of earlier failures.
    Refused(Refused),
}

/// A verified address of a person.
#[derive(Clone)]
pub struct Contact {
    /// How it is looked up.
    pub hash: Hash,
    /// Whose it is.
    pub person: PersonId,
    /// How a code gets there.
    pub channel: Channel,
    /// The address, sealed.
    pub sealed: Vec<u8>,
    /// The number of the key it is sealed under.
    pub key: u32,
}

/// A challenge to be.
#[derive(Clone)]
pub struct NewChallenge {
    /// The row.
    pub challenge: Challenge,
    /// Its first message.
    pub message: Queued,
    /// Whether the same code is on its way already: then it does without a message, where none may be sent.
    pub joins: bool,
    /// Whether the message is void, because nobody has the address: written all the same, and never claimed.
    pub void: bool,
    /// What may be sent.
    pub quota: Quota,
    /// The time.
    pub now: UnixTime,
}

/// One more message for a challenge.
#[derive(Clone)]
pub struct Resend {
    /// Which challenge.
    pub challenge: String,
    /// The message.
    pub message: Queued,
    /// Whether it is void.
    pub void: bool,
    /// What may be sent.
    pub quota: Quota,
    /// The time.
    pub now: UnixTime,
}

/// What one recipient may get, and what it may cost.
#[derive(Clone)]
pub struct Quota {
    /// Of who asks, for this recipient.
    pub asker: Turn,
    /// Of the recipient, for all who ask and are not known to them.
    pub all: Option<Turn>,
    /// What is counted of messages like this one, and whether enough of them are redeemed.
    pub conversion: Option<Conversion>,
    /// For text messages: a name, the units, and the most of them a day, for the country and in all.
    pub spend: Vec<Spend>,
}

/// How often something may be asked for or sent: with a cooldown, and so often a day.
#[derive(Clone, Copy)]
pub struct Turn {
    /// Whose.
    pub key: Hash,
    /// Messages a day (UTC).
    pub per_day: u32,
}

/// Under which names it is counted how many messages were sent today, and how many of their codes were redeemed.
#[derive(Clone)]
pub struct Conversion {
    /// Those that were sent.
    pub sent: String,
    /// Those that were redeemed.
    pub redeemed: String,
}

impl Conversion {
    /// So many messages before anything is concluded.
    pub const LEAST: i64 = 20;
    /// Of so many sent, one has to be redeemed.
    pub const ONE_OF: i64 = 10;

    /// Whether enough are redeemed.
    pub const fn is_fine(sent: i64, redeemed: i64) -> bool {
        sent < Self::LEAST || redeemed * Self::ONE_OF >= sent
    }
}

/// What a message costs one budget.
#[derive(Clone)]
pub struct Spend {
    /// The budget: a country's two letters, or `total`.
    pub budget: String,
    /// What this message costs.
    pub units: u64,
    /// The most a day (UTC).
    pub per_day: u64,
    /// Whether it is really sent. If not, the budget has to have room all the same, and nothing is taken.
    pub real: bool,
}

/// The first cooldown of a recipient, in seconds.
pub const FIRST_COOLDOWN: u64 = 30;
/// Each further one.
pub const COOLDOWN: u64 = 300;
/// After so many quiet seconds the first cooldown counts again.
pub const QUIET: u64 = 3_600;

/// Whether a message was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It was; the next one goes from this time on.
    Queued {
        /// When.
        next_at: UnixTime,
    },
    /// It was not, for one with the same code is on its way; the challenge is there.
    Joined {
        /// When the next message goes.
        next_at: UnixTime,
    },
    /// One was sent a moment ago.
    Cooldown {
        /// When the next one goes.
        until: UnixTime,
    },
    /// The recipient got all of today's.
    DailyCap,
    /// A budget is spent.
    BudgetSpent,
    /// Too few of the codes to such numbers are redeemed.
    Paused,
    /// There is no such challenge any more.
    Ended,
}

/// A code that waits to be typed.
#[derive(Clone)]
pub struct Challenge {
    /// 32 hexadecimal figures.
    pub id: String,
    /// The challenge that this code was made for: its own id, unless somebody had asked for the same address before.
    pub origin: String,
    /// To whom: the hash that contacts have too.
    pub recipient: Hash,
    /// What for.
    pub purpose: Purpose,
    /// How it travels.
    pub channel: Channel,
    /// Who has the address; nobody, then no code redeems it (except for a sign-up).
    pub person: Option<PersonId>,
    /// HMAC-SHA256(pepper, challenge ‖ purpose ‖ code).
    pub mac: Hash,
    /// The recipient, the code and the language, sealed, so that a resend repeats the same code.
    pub sealed: Vec<u8>,
    /// Tries so far.
    pub tries: u32,
    /// When it ends.
    pub expires_at: UnixTime,
}

/// A message in the outbox.
#[derive(Clone)]
pub struct Queued {
    /// The idempotency key: 32 hexadecimal figures.
    pub id: String,
    /// Which challenge it belongs to.
    pub challenge: String,
    /// How it travels.
    pub channel: Channel,
    /// What the code is for.
    pub purpose: Purpose,
    /// The recipient, the code and the language, sealed in the challenge's place.
    pub sealed: Vec<u8>,
    /// Attempts so far, this one included.
    pub attempt: u32,
    /// When it is not worth sending any more.
    pub expires_at: UnixTime,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody else has taken responsibility for it.
    Sent,
    /// Try again at this time.
    Retry(UnixTime),
    /// It will never go out.
    Refused,
}

/// A television that asks.
#[derive(Clone)]
pub struct Device {
    /// The hash of what the person types.
    pub user_code: Hash,
    /// The hash of what the television polls with.
    pub device_code: Hash,
    /// The app on it.
    pub client: String,
    /// What the person knows it by.
    pub device: String,
    /// Where it is, in words.
    pub place: Option<String>,
    /// The hash of the address that it asked from.
    pub asked_from: Hash,
    /// Seconds between two polls.
    pub interval: u64,
    /// When it asked.
    pub created_at: UnixTime,
    /// When its codes end.
    pub expires_at: UnixTime,
}

/// What a television learns.
#[derive(Clone, PartialEq, Eq)]
pub enum Polled {
    /// This person is signed in. Said once.
    Approved(PersonId),
    /// Nobody has decided.
    Pending,
    /// Nobody has decided, and it asks too often: from now on it waits for so many seconds.
    SlowDown(u64),
    /// The person said no.
    Denied,
    /// Another app asked for this code.
    OtherClient,
    /// It has ended, or never was.
    Ended,
}

/// Something small that a server keeps: a session, an API key's hash, the answer to an idempotent request.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What kind of thing: `session`, `api_key`, `idempotency`.
    pub space: String,
    /// Its key; a hash wherever the key itself is a secret.
    pub key: Vec<u8>,
    /// What is kept.
    pub value: Vec<u8>,
    /// When it goes by itself.
    pub expires_at: Option<UnixTime>,
}

/// A sealed value, wherever it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What it is.
    pub kind: SealedKind,
    /// The credential's id; the contact's hash in hexadecimal.
    pub id: String,
    /// Whose it is.
    pub person: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What is sealed for long. Challenges and messages live for ten minutes: the old key stays in the ring for as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedKind {
    /// A credential's secret.
    Credential,
    /// A contact's address.
    Contact,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows of all kinds.
    pub rows: u64,
    /// Challenges that nobody redeemed, by channel and purpose.
    pub expired: Vec<(Channel, Purpose)>,
    /// Messages that were never handed over.
    pub unsent: Vec<Channel>,
}

impl Challenge {
    /// How many tries a challenge has.
    pub const TRIES: u32 = 5;
}
