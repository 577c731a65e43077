//! Why a store failed.

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
    /// The file is damaged, or is no database.
    #[error("the database is damaged")]
    Damaged,
    /// The database answers before what it was told is on the disk (`synchronous_commit`): a code could be accepted twice after
    /// a crash.
    #[error("the database answers before it has written (synchronous_commit)")]
    NotDurable,
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
            // PostgreSQL, 53100 and 25006 (no space, read-only), class 08 (connection), 53 (resources), 55P (locks), 57 (time,
            // shutting down), XX001 and XX002 (damaged).
            Error::Database(inner) => match inner.code().as_deref() {
                Some("53100" | "25006") => StoreError::Full,
                Some("XX001" | "XX002") => StoreError::Damaged,
                Some(code) if code.len() == 5 && ["08", "53", "55", "57"].contains(&&code[..2]) => {
                    StoreError::Unavailable
                }
                // SQLite's SQLITE_FULL and SQLITE_READONLY, SQLITE_BUSY and SQLITE_LOCKED, SQLITE_CORRUPT and SQLITE_NOTADB; the
                // lowest byte, for the others say more.
                // And what stood in the way of a write, from SQLITE_IOERR_WRITE to _TRUNCATE, and of its shared index: a quota, a
                // file that may not grow.
                Some("778" | "1034" | "1290" | "1546" | "4618" | "4874" | "5386") => {
                    StoreError::Full
                }
                Some(code) => match code.parse::<u32>().map_or(0, |code| code & 0xFF) {
                    8 | 13 => StoreError::Full,
                    5 | 6 => StoreError::Unavailable,
                    11 | 26 => StoreError::Damaged,
                    _ => StoreError::Failed,
                },
                None => StoreError::Failed,
            },
            Error::Migrate(_) => StoreError::Schema,
            Error::Decode(_) | Error::ColumnDecode { .. } => StoreError::Unreadable,
            _ => StoreError::Failed,
        }
    }
}
