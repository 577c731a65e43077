//! Where the platform keeps its rows. Each method is one transaction, durable when it returns.
mod error;
mod memory;
mod postgres;
mod rows;
mod sqlite;
mod timeline;

use async_trait::async_trait;
use couchkey_otp::UnixTime;

use crate::{PersonId, Purpose};

pub use error::StoreError;
pub use memory::MemoryStore;
pub use postgres::PostgresStore;
pub use rows::*;
pub use sqlite::SqliteStore;
pub(crate) use timeline::Mark;

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
    /// Makes a pending credential active, removes the person's other one, clears `attempt` and keeps what is to be kept. False
    /// if it was not pending any more.
    async fn activate(&self, accept: &Accept) -> Result<bool, StoreError>;
    /// Removes a person's credentials. True if there was one.
    async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError>;
    /// Removes a person's credentials and addresses, the codes that are under way to those, and the televisions that wait for
    /// them: one that asked before now is not signed in for this person any more, whoever approves it. What only counts stays
    /// until it has run out: failures, messages of today.
    async fn forget(&self, person: &PersonId, now: UnixTime) -> Result<(), StoreError>;

    // Verification.

    /// Takes one unit out of each bucket, or out of none: then says which is full and until when.
    async fn spend(&self, buckets: &[Bucket; 2], now: UnixTime)
    -> Result<Option<Full>, StoreError>;
    /// Gives one unit back to each bucket: what was taken was no failure.
    async fn refund(&self, buckets: &[Bucket; 2], now: UnixTime) -> Result<(), StoreError>;
    /// Counts one attempt at an account, as a failure, before it is looked at; and before that in the buckets of where it came
    /// from, and in `theirs`, which never fills: what this account failed there. Then reads the credential that it is looked
    /// at with: it must not come out before the count is durable.
    async fn count_attempt(
        &self,
        account: &Hash,
        buckets: &[Bucket; 2],
        theirs: &Bucket,
        of: &Which,
        now: UnixTime,
    ) -> Result<Counted, StoreError>;
    /// Remembers a step if it is later than the one in the row (compare and set), clears `attempt` and keeps what is to be kept.
    /// False if not.
    async fn accept(&self, accept: &Accept) -> Result<bool, StoreError>;

    // Codes by e-mail and SMS.

    /// Who has an address.
    async fn person_of(&self, contact: &Hash) -> Result<Option<PersonId>, StoreError>;
    /// Says that a person has an address; returns who has it.
    async fn add_contact(&self, contact: &Contact) -> Result<PersonId, StoreError>;
    /// A person's addresses, sealed.
    async fn contacts(&self, person: &PersonId) -> Result<Vec<Contact>, StoreError>;
    /// The open challenge for an address and purpose that lasts longest, if it lasts until then.
    async fn open_challenge(
        &self,
        recipient: &Hash,
        purpose: Purpose,
        until: UnixTime,
    ) -> Result<Option<Challenge>, StoreError>;
    /// Starts a challenge and queues its message. It ends no other.
    async fn start_challenge(&self, new: &NewChallenge) -> Result<Sending, StoreError>;
    /// A challenge that can still be redeemed.
    async fn challenge(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError>;
    /// Queues one more message for an open challenge.
    async fn resend(&self, again: &Resend) -> Result<Sending, StoreError>;
    /// Counts one try at a challenge before it is looked at, and with it one attempt at the account, in `theirs` too; or none
    /// of them.
    async fn count_try(
        &self,
        id: &str,
        account: &Hash,
        theirs: &Bucket,
        now: UnixTime,
    ) -> Result<Tried, StoreError>;
    /// Closes an open challenge and all that have the same code; with a contact, adds that first if nobody has it. `None` if
    /// somebody else closed it.
    async fn redeem(
        &self,
        id: &str,
        contact: Option<&Contact>,
        attempt: &AttemptKeys,
        keep: Option<Keep>,
        now: UnixTime,
    ) -> Result<Option<PersonId>, StoreError>;

    /// Adds to what is counted of this day (UTC) under a name.
    async fn count(&self, name: &str, units: u64, now: UnixTime) -> Result<(), StoreError>;

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
    /// What has been decided; an approval comes out once, to the app that asked, and with it what is to be kept. Another app's
    /// question changes nothing.
    async fn poll_device(
        &self,
        device_code: &Hash,
        client: &str,
        keep: Option<Keep>,
        now: UnixTime,
    ) -> Result<Polled, StoreError>;

    // What a server keeps beside the use cases.

    /// Keeps a record unless its key is taken; then returns what is there. For idempotency keys.
    async fn put_new(&self, record: &Record, now: UnixTime) -> Result<Option<Record>, StoreError>;
    /// Keeps a record, replacing what was there.
    async fn put(&self, record: &Record) -> Result<(), StoreError>;
    /// Puts a record in place of another one, if that is still there as it was (compare and set). False if not: it was changed, or
    /// removed, and stays so.
    async fn replace(&self, old: &Record, new: &Record) -> Result<bool, StoreError>;
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

    /// What time it is where the rows are, if that is another clock than ours.
    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        Ok(None)
    }
    /// Which history of the rows this is, as far as it can be known: another text than before means that a replica took over, or
    /// that a backup was brought back, and that what was answered may be missing. Asked before each code, so it is at hand: it
    /// changes, at the latest, with the first connection to the other database.
    fn timeline(&self) -> Option<String> {
        None
    }
    /// Puts `new` in place of `old`, and in the same transaction ends the codes and the televisions that are under way. False if
    /// somebody else did.
    async fn begin_timeline(&self, new: &Record, old: &Record) -> Result<bool, StoreError>;

    /// Up to `most` addresses, whoever's.
    async fn some_contacts(&self, most: u32) -> Result<Vec<Contact>, StoreError>;
    /// Up to `most` sealed values that are under another key than this.
    async fn sealed_elsewhere(&self, key: u32, most: u32) -> Result<Vec<Sealed>, StoreError>;
    /// Replaces a sealed value, if it is still `old`.
    async fn reseal(&self, old: &Sealed, new: &[u8], key: u32) -> Result<bool, StoreError>;
    /// Removes what has expired.
    async fn sweep(&self, now: UnixTime) -> Result<Swept, StoreError>;
}

/// What a transaction ends with: its changes kept, or none of them.
enum Change<T> {
    Commit(T),
    Rollback(T),
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

/// How long a television's codes last, in seconds.
pub(crate) const DEVICE_SECS: u64 = 900;

/// Where it is kept when a person was forgotten or signed out everywhere, for as long as a television may wait that asked
/// before that.
const FORGOTTEN: &str = "forgotten";

/// The record that says so.
pub(crate) fn forgotten(person: &PersonId, now: UnixTime) -> Record {
    Record {
        space: FORGOTTEN.to_owned(),
        key: person.as_str().as_bytes().to_vec(),
        value: now.as_secs().to_be_bytes().to_vec(),
        expires_at: Some(UnixTime::from_secs(
            now.as_secs().saturating_add(2 * DEVICE_SECS),
        )),
    }
}

/// Whether such a record is about a television that asked at this time.
fn was_before(forgotten: &Record, asked: UnixTime) -> bool {
    let at = forgotten
        .value
        .as_slice()
        .try_into()
        .map(u64::from_be_bytes);
    at.is_ok_and(|at| asked.as_secs() <= at)
}

/// Which day (UTC) it is, from 1970-01-01.
fn day_of(time: UnixTime) -> i64 {
    secs(time) / 86_400
}
