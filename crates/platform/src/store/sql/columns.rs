//! Writing and reading columns.
use couchkey_otp::verify::Memory;
use sqlx::Row as _;

use super::Row;
use crate::store::Hash;
use crate::{Channel, Purpose};

/// A quantity, or more than there can be of it.
pub(super) fn units(quantity: u64) -> i64 {
    i64::try_from(quantity).unwrap_or(i64::MAX).min(1 << 50)
}

pub(super) fn last_step(memory: Memory) -> i64 {
    memory
        .last_step
        .map_or(-1, |step| i64::try_from(step).unwrap_or(i64::MAX))
}

pub(super) fn number<N: TryFrom<i64>>(row: &Row, column: usize) -> sqlx::Result<N>
where
    N::Error: std::error::Error + Send + Sync + 'static,
{
    N::try_from(row.try_get(column)?).map_err(odd)
}

pub(super) fn hash(row: &Row, column: usize) -> sqlx::Result<Hash> {
    Hash::try_from(row.try_get::<Vec<u8>, _>(column)?.as_slice()).map_err(odd)
}

pub(super) fn channel(row: &Row, column: usize) -> sqlx::Result<Channel> {
    Channel::from_word(row.try_get::<&str, _>(column)?).ok_or(sqlx::Error::RowNotFound)
}

pub(super) fn purpose(row: &Row, column: usize) -> sqlx::Result<Purpose> {
    Purpose::from_word(row.try_get::<&str, _>(column)?).ok_or(sqlx::Error::RowNotFound)
}

/// A row that we never wrote.
pub(super) fn odd(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
