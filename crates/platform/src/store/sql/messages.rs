//! Messages that wait to be sent.
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use super::columns::{channel, number, purpose, units};
use super::{CLAIM, Connection, Db};
use crate::store::{Change, Outcome, Queued, secs, unix};

pub(super) async fn claim(
    c: &mut Connection,
    now: UnixTime,
    lease: u64,
    most: u32,
) -> sqlx::Result<Change<Vec<Queued>>> {
    let rows = sqlx::query::<Db>(CLAIM)
        .bind(secs(now))
        .bind(units(lease))
        .bind(i64::from(most))
        .fetch_all(&mut *c)
        .await?;
    let queued = rows.iter().map(|row| {
        Ok(Queued {
            id: row.try_get(0)?,
            challenge: row.try_get(1)?,
            channel: channel(row, 2)?,
            purpose: purpose(row, 3)?,
            sealed: row.try_get(4)?,
            attempt: number(row, 5)?,
            expires_at: unix(row.try_get(6)?),
        })
    });
    Ok(Change::Commit(queued.collect::<sqlx::Result<_>>()?))
}

pub(super) async fn settle(
    c: &mut Connection,
    id: String,
    attempt: u32,
    outcome: Outcome,
) -> sqlx::Result<Change<()>> {
    match outcome {
        Outcome::Sent | Outcome::Refused => {
            sqlx::query::<Db>("DELETE FROM message WHERE id = $1")
                .bind(id)
                .execute(&mut *c)
                .await?
        }
        Outcome::Retry(at) => {
            sqlx::query::<Db>("UPDATE message SET due_at = $3 WHERE id = $1 AND attempt = $2")
                .bind(id)
                .bind(i64::from(attempt))
                .bind(secs(at))
                .execute(&mut *c)
                .await?
        }
    };
    Ok(Change::Commit(()))
}
