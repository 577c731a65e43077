//! Where the platform keeps its rows. Each method is one transaction, durable when it returns.
use async_trait::async_trait;
use couchkey_otp::UnixTime;

/// A database. Several instances of a server may share one.
#[async_trait]
pub trait Store: Send + Sync {
    /// Keeps a record unless its key is taken; then returns what is there. For idempotency keys.
    ///
    /// # Errors
    /// [`StoreError`], as everywhere below: nothing was done, or nobody can know.
    async fn put_new(&self, record: &Record, now: UnixTime) -> Result<Option<Record>, StoreError>;

    /// Keeps a record, replacing what was there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put(&self, record: &Record) -> Result<(), StoreError>;

    /// The record with this key, if it has not expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(
        &self,
        space: &str,
        key: &[u8],
        now: UnixTime,
    ) -> Result<Option<Record>, StoreError>;

    /// The records of a space whose keys start with `prefix`, in the order of their keys, without those that have
    /// expired. For what belongs together: a person's sessions, the figures of a day.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        space: &str,
        prefix: &[u8],
        now: UnixTime,
    ) -> Result<Vec<Record>, StoreError>;

    /// Removes a record; true if this call did it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn delete(&self, space: &str, key: &[u8]) -> Result<bool, StoreError>;
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

/// The store failed. Facts only; no row's content.
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
