//! What a server keeps beside the use cases.
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use super::{Connection, Db, Row};
use crate::store::{Change, Record, secs, unix};

pub(super) async fn put_new(
    c: &mut Connection,
    new: Record,
    now: UnixTime,
) -> sqlx::Result<Change<Option<Record>>> {
    let added = sqlx::query::<Db>(
        "INSERT INTO record (space, record, value, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (space, record) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at \
         WHERE record.expires_at <= $5",
    )
    .bind(&new.space)
    .bind(&new.key)
    .bind(&new.value)
    .bind(new.expires_at.map(secs))
    .bind(secs(now))
    .execute(&mut *c)
    .await?;
    if added.rows_affected() == 1 {
        return Ok(Change::Commit(None));
    }
    let there = get(c, &new.space, &new.key, now).await?;
    Ok(Change::Rollback(there))
}

pub(in super::super) async fn put(c: &mut Connection, new: Record) -> sqlx::Result<Change<()>> {
    sqlx::query::<Db>(
        "INSERT INTO record (space, record, value, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (space, record) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
    )
    .bind(&new.space)
    .bind(&new.key)
    .bind(&new.value)
    .bind(new.expires_at.map(secs))
    .execute(&mut *c)
    .await?;
    Ok(Change::Commit(()))
}

pub(super) async fn replace(c: &mut Connection, old: Record, new: Record) -> sqlx::Result<bool> {
    let replaced = sqlx::query::<Db>(
        "UPDATE record SET value = $4, expires_at = $5 WHERE space = $1 AND record = $2 AND value = $3",
    )
    .bind(&old.space)
    .bind(&old.key)
    .bind(&old.value)
    .bind(&new.value)
    .bind(new.expires_at.map(secs))
    .execute(&mut *c)
    .await?;
    Ok(replaced.rows_affected() == 1)
}

pub(super) async fn get(
    c: &mut Connection,
    space: &str,
    key: &[u8],
    now: UnixTime,
) -> sqlx::Result<Option<Record>> {
    let row = sqlx::query::<Db>(
        "SELECT value, expires_at FROM record WHERE space = $1 AND record = $2 \
         AND (expires_at IS NULL OR expires_at > $3)",
    )
    .bind(space)
    .bind(key)
    .bind(secs(now))
    .fetch_optional(&mut *c)
    .await?;
    row.map(|row| record(space, key.to_vec(), &row)).transpose()
}

/// A row of which the value and the end come first.
pub(super) fn record(space: &str, key: Vec<u8>, row: &Row) -> sqlx::Result<Record> {
    Ok(Record {
        space: space.to_owned(),
        key,
        value: row.try_get(0)?,
        expires_at: row.try_get::<Option<i64>, _>(1)?.map(unix),
    })
}

pub(super) async fn delete(
    c: &mut Connection,
    space: String,
    key: Vec<u8>,
) -> sqlx::Result<Change<bool>> {
    let gone = sqlx::query::<Db>("DELETE FROM record WHERE space = $1 AND record = $2")
        .bind(space)
        .bind(key)
        .execute(&mut *c)
        .await?;
    Ok(Change::Commit(gone.rows_affected() == 1))
}
