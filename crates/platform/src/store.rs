//! Where the platform keeps its rows. Each method is one transaction, durable when it returns.
mod memory;
mod postgres;
mod sqlite;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use couchkey_otp::verify::Memory;
use couchkey_otp::{Algorithm, Digits, Period};

use crate::{Channel, PersonId, Purpose};

pub use memory::MemoryStore;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

/// A database. Several instances of a server may share one: every rule is in the rows, none in the process.
///
/// Nothing in it is readable without the [`KeyRing`](crate::KeyRing): secrets, codes and addresses come sealed, what
/// is looked up by a secret comes as a keyed hash.
#[async_trait]
pub trait Store: Send + Sync {
    // Enrolment.

    /// Adds a pending credential in place of the person's earlier pending one, if they have an active one exactly
    /// when `rotates`. False if not.
    async fn add_credential(&self, new: &Credential, rotates: bool) -> Result<bool, StoreError>;
    /// A credential by its id, or a person's active one.
    async fn credential(&self, which: &Which) -> Result<Option<Credential>, StoreError>;
    /// Makes a pending credential active, removes the person's other one, and clears `attempt`. False if it was not
    /// pending any more.
    async fn activate(&self, accept: &Accept) -> Result<bool, StoreError>;
    /// Removes a person's credentials. True if there was one.
    async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError>;
    /// Removes a person's credentials and addresses, and the codes that are under way to those. What only counts stays
    /// until it has run out: failures, messages of today.
    async fn forget(&self, person: &PersonId) -> Result<(), StoreError>;

    // Verification.

    /// Takes one unit out of each bucket, or out of none: then says which is full and until when.
    async fn spend(&self, buckets: &[Bucket; 2], now: UnixTime)
    -> Result<Option<Full>, StoreError>;
    /// Gives one unit back to each bucket: what was taken was no failure.
    async fn refund(&self, buckets: &[Bucket; 2], now: UnixTime) -> Result<(), StoreError>;
    /// Counts one attempt at an account, as a failure, before it is looked at; and in the buckets before that. Then reads
    /// the credential that it is looked at with: it must not come out before the count is durable.
    async fn count_attempt(
        &self,
        account: &Hash,
        buckets: &[Bucket; 2],
        of: &Which,
        now: UnixTime,
    ) -> Result<Counted, StoreError>;
    /// Remembers a step if it is later than the one in the row (compare and set), and clears `attempt`. False if not.
    async fn accept(&self, accept: &Accept) -> Result<bool, StoreError>;

    // Codes by e-mail and SMS.

    /// Who has an address.
    async fn person_of(&self, contact: &Hash) -> Result<Option<PersonId>, StoreError>;
    /// Says that a person has an address; returns who has it.
    async fn add_contact(&self, contact: &Contact) -> Result<PersonId, StoreError>;
    /// A person's addresses, sealed.
    async fn contacts(&self, person: &PersonId) -> Result<Vec<Contact>, StoreError>;
    /// Starts a challenge and queues its message; ends an earlier one for the same address and purpose.
    async fn start_challenge(&self, new: &NewChallenge) -> Result<Sending, StoreError>;
    /// A challenge that can still be redeemed.
    async fn challenge(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError>;
    /// Queues one more message for an open challenge.
    async fn resend(&self, again: &Resend) -> Result<Sending, StoreError>;
    /// Counts one try, before it is looked at. `None` if the challenge is not open or has no tries left.
    async fn count_try(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError>;
    /// Closes an open challenge; with a contact, adds that first if nobody has it. `None` if somebody else closed it.
    async fn redeem(
        &self,
        id: &str,
        contact: Option<&Contact>,
        attempt: &AttemptKeys,
        now: UnixTime,
    ) -> Result<Option<PersonId>, StoreError>;

    // The outbox.

    /// Takes messages that are due, and holds the others off for `lease` seconds.
    async fn claim(&self, now: UnixTime, lease: u64, most: u32) -> Result<Vec<Queued>, StoreError>;
    /// Says what became of a message. A retry counts only if this was the last attempt at it.
    async fn settle(&self, id: &str, attempt: u32, outcome: Outcome) -> Result<(), StoreError>;

    // Televisions.

    /// Adds one. False if its user code is taken.
    async fn add_device(&self, device: &Device) -> Result<bool, StoreError>;
    /// The undecided one with this user code.
    async fn device(&self, user_code: &Hash, now: UnixTime) -> Result<Option<Device>, StoreError>;
    /// Approves it for a person, or denies it. False if it is not there or was decided.
    async fn decide_device(
        &self,
        user_code: &Hash,
        person: Option<&PersonId>,
        now: UnixTime,
    ) -> Result<bool, StoreError>;
    /// What has been decided; an approval comes out once.
    async fn poll_device(&self, device_code: &Hash, now: UnixTime) -> Result<Polled, StoreError>;

    // What a server keeps beside the use cases.

    /// Keeps a record unless its key is taken; then returns what is there. For idempotency keys.
    async fn put_new(&self, record: &Record, now: UnixTime) -> Result<Option<Record>, StoreError>;
    /// Keeps a record, replacing what was there.
    async fn put(&self, record: &Record) -> Result<(), StoreError>;
    /// The record with this key, if it has not expired.
    async fn get(
        &self,
        space: &str,
        key: &[u8],
        now: UnixTime,
    ) -> Result<Option<Record>, StoreError>;
    /// The records of a space whose keys start with `prefix`, in the order of their keys, without those that have
    /// expired. For what belongs together: a person's sessions, the figures of a day.
    async fn list(
        &self,
        space: &str,
        prefix: &[u8],
        now: UnixTime,
    ) -> Result<Vec<Record>, StoreError>;
    /// Removes a record; true if this call did it.
    async fn delete(&self, space: &str, key: &[u8]) -> Result<bool, StoreError>;

    // Keeping house.

    /// Up to `most` sealed values that are under another key than this.
    async fn sealed_elsewhere(&self, key: u32, most: u32) -> Result<Vec<Sealed>, StoreError>;
    /// Replaces a sealed value, if it is still `old`.
    async fn reseal(&self, old: &Sealed, new: &[u8], key: u32) -> Result<bool, StoreError>;
    /// Removes what has expired.
    async fn sweep(&self, now: UnixTime) -> Result<Swept, StoreError>;
}

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
    /// The time.
    pub now: UnixTime,
}

/// Where an attempt was counted.
#[derive(Clone)]
pub struct AttemptKeys {
    /// The accounts whose failures it clears.
    pub accounts: [Option<Hash>; 2],
    /// The address: a success empties its bucket.
    pub address: Bucket,
    /// The network: a success gives back what this attempt took.
    pub network: Bucket,
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
    /// Too soon; it has not been counted.
    Wait {
        /// When the next one is looked at.
        until: UnixTime,
    },
    /// [`Throttle::MOST`](couchkey_otp::verify::Throttle::MOST) in a row.
    Stopped,
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
    /// Its first message. Void if nobody has the address: written all the same, and never claimed.
    pub message: Queued,
    /// Whether the message is void.
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
    /// Whose quota: [`Challenge::recipient`].
    pub recipient: Hash,
    /// Messages a day (UTC).
    pub per_day: u32,
    /// For text messages: a name, the units, and the most of them a day, for the country and in all.
    pub spend: Vec<Spend>,
}

/// What a text message costs one budget.
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
    /// One was sent a moment ago.
    Cooldown {
        /// When the next one goes.
        until: UnixTime,
    },
    /// The recipient got all of today's.
    DailyCap,
    /// A budget is spent.
    BudgetSpent,
    /// There is no such challenge any more.
    Ended,
}

/// A code that waits to be typed.
#[derive(Clone)]
pub struct Challenge {
    /// 32 hexadecimal figures.
    pub id: String,
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

/// The store failed. Facts only; no row's content. Nothing was done, or nobody can know: look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or does not answer in time.
    #[error("the database cannot be reached")]
    Unavailable,
    /// No space, or it cannot be written.
    #[error("the database cannot be written")]
    Full,
    /// It is not one of ours, or newer than this program.
    #[error("the database was made by another version of Couchkey")]
    Schema,
    /// A row does not open under any key of the ring, or makes no sense.
    #[error("the database holds something that cannot be read with these keys")]
    Unreadable,
    /// Anything else that the database said.
    #[error("the database failed")]
    Failed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::Error;
        match &error {
            Error::Io(_)
            | Error::Tls(_)
            | Error::PoolTimedOut
            | Error::PoolClosed
            | Error::WorkerCrashed => StoreError::Unavailable,
            // PostgreSQL, class 08 (connection), 53 (resources), 57P (shutting down); SQLite's SQLITE_FULL,
            // SQLITE_READONLY and SQLITE_BUSY.
            Error::Database(inner) => match inner.code().as_deref() {
                Some("53100" | "13" | "8") => StoreError::Full,
                Some("5") => StoreError::Unavailable,
                Some(code) if code.len() == 5 && ["08", "53", "57"].contains(&&code[..2]) => {
                    StoreError::Unavailable
                }
                _ => StoreError::Failed,
            },
            Error::Migrate(_) => StoreError::Schema,
            Error::Decode(_) | Error::ColumnDecode { .. } => StoreError::Unreadable,
            _ => StoreError::Failed,
        }
    }
}

/// What a transaction ends with: its changes kept, or none of them.
enum Change<T> {
    Commit(T),
    Rollback(T),
}

impl Challenge {
    /// How many tries a challenge has.
    pub const TRIES: u32 = 5;
}

/// For a column of a database: seconds that fit.
fn secs(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4_000)
}

fn unix(secs: i64) -> UnixTime {
    UnixTime::from_secs(u64::try_from(secs).unwrap_or(0))
}

/// The first key after all that start with `prefix`; `None` if every later one does.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

/// Which day (UTC) it is, from 1970-01-01.
fn day_of(time: UnixTime) -> i64 {
    secs(time) / 86_400
}
