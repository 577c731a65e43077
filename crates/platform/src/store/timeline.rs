//! What a database says of its own history, in a record of its own.
use serde::{Deserialize, Serialize};

use super::{Record, StoreError};

/// Which history of the rows is the one that the servers know.
#[derive(Serialize, Deserialize)]
pub(crate) struct Mark {
    /// As [`Store::timeline`](super::Store::timeline) says it.
    pub(crate) timeline: String,
    /// When it began, in seconds since 1970, if there was another one before it.
    pub(crate) began: Option<u64>,
}

impl Mark {
    /// What a backup says of itself, so that it is known wherever it is brought back.
    pub(super) fn of_a_backup() -> Mark {
        Mark {
            timeline: "backup".to_owned(),
            began: None,
        }
    }

    /// As it is kept.
    pub(crate) fn record(&self) -> Record {
        Record {
            space: "timeline".to_owned(),
            key: b"mark".to_vec(),
            value: serde_json::to_vec(self).expect("it is plain JSON"),
            expires_at: None,
        }
    }

    /// What is kept.
    pub(crate) fn read(record: &Record) -> Result<Mark, StoreError> {
        serde_json::from_slice(&record.value).map_err(|_| StoreError::Unreadable)
    }
}
