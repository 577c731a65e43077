//! New keys for what is sealed, another history of the database, and the end of what has expired.
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use super::columns::{channel, hash, odd, purpose};
use super::records::replace;
use super::{Connection, Db};
use crate::store::{Change, Record, Sealed, SealedKind, Swept, day_of, secs};

pub(super) async fn sealed_elsewhere(
    c: &mut Connection,
    key: u32,
    most: u32,
) -> sqlx::Result<Vec<Sealed>> {
    let mut found = Vec::new();
    let rows = sqlx::query::<Db>(
        "SELECT id, sealed, person FROM credential WHERE sealing_key <> $1 LIMIT $2",
    )
    .bind(i64::from(key))
    .bind(i64::from(most))
    .fetch_all(&mut *c)
    .await?;
    for row in rows {
        found.push(Sealed {
            kind: SealedKind::Credential,
            id: row.try_get(0)?,
            bytes: row.try_get(1)?,
            person: row.try_get(2)?,
        });
    }
    let rows = sqlx::query::<Db>(
        "SELECT hash, sealed, person FROM contact WHERE sealing_key <> $1 LIMIT $2",
    )
    .bind(i64::from(key))
    .bind(i64::from(most) - found.len() as i64)
    .fetch_all(&mut *c)
    .await?;
    for row in rows {
        found.push(Sealed {
            kind: SealedKind::Contact,
            id: data_encoding::HEXLOWER.encode(&hash(&row, 0)?),
            bytes: row.try_get(1)?,
            person: row.try_get(2)?,
        });
    }
    Ok(found)
}

pub(super) async fn reseal(
    c: &mut Connection,
    old: Sealed,
    new: Vec<u8>,
    key: u32,
) -> sqlx::Result<Change<bool>> {
    let done =
        match old.kind {
            SealedKind::Credential => sqlx::query::<Db>(
                "UPDATE credential SET sealed = $3, sealing_key = $4 WHERE id = $1 AND sealed = $2",
            )
            .bind(&old.id)
            .bind(&old.bytes)
            .bind(new)
            .bind(i64::from(key))
            .execute(&mut *c)
            .await?,
            SealedKind::Contact => {
                let hash = data_encoding::HEXLOWER
                    .decode(old.id.as_bytes())
                    .map_err(odd)?;
                sqlx::query::<Db>(
                "UPDATE contact SET sealed = $3, sealing_key = $4 WHERE hash = $1 AND sealed = $2",
            )
            .bind(hash)
            .bind(&old.bytes)
            .bind(new)
            .bind(i64::from(key))
            .execute(&mut *c)
            .await?
            }
        };
    Ok(Change::Commit(done.rows_affected() == 1))
}

pub(super) async fn begin_timeline(
    c: &mut Connection,
    new: Record,
    old: Record,
) -> sqlx::Result<Change<bool>> {
    if !replace(c, old, new).await? {
        return Ok(Change::Rollback(false));
    }
    for under_way in [
        "DELETE FROM message",
        "DELETE FROM challenge",
        "DELETE FROM device",
    ] {
        sqlx::query::<Db>(under_way).execute(&mut *c).await?;
    }
    Ok(Change::Commit(true))
}

pub(super) async fn sweep(c: &mut Connection, now: UnixTime) -> sqlx::Result<Change<Swept>> {
    let mut swept = Swept::default();
    let challenges = sqlx::query::<Db>(
        "DELETE FROM challenge WHERE expires_at <= $1 RETURNING channel, purpose, id, origin",
    )
    .bind(secs(now))
    .fetch_all(&mut *c)
    .await?;
    swept.rows += challenges.len() as u64;
    for row in &challenges {
        let (id, origin): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
        if id == origin {
            swept.expired.push((channel(row, 0)?, purpose(row, 1)?));
        }
    }
    let messages =
        sqlx::query::<Db>("DELETE FROM message WHERE expires_at <= $1 RETURNING channel, void")
            .bind(secs(now))
            .fetch_all(&mut *c)
            .await?;
    swept.rows += messages.len() as u64;
    for row in &messages {
        if row.try_get::<i64, _>(1)? == 0 {
            swept.unsent.push(channel(row, 0)?);
        }
    }
    for (statement, limit) in [
        (
            "DELETE FROM credential WHERE active = 0 AND expires_at <= $1",
            secs(now),
        ),
        ("DELETE FROM device WHERE expires_at <= $1", secs(now)),
        ("DELETE FROM record WHERE expires_at <= $1", secs(now)),
        ("DELETE FROM bucket WHERE empty_at <= $1", secs(now) * 1_000),
        ("DELETE FROM spend WHERE day < $1", day_of(now)),
        (
            "DELETE FROM recipient WHERE next_at <= $1",
            secs(now) - 2 * 86_400,
        ),
    ] {
        let gone = sqlx::query::<Db>(statement)
            .bind(limit)
            .execute(&mut *c)
            .await?;
        swept.rows += gone.rows_affected();
    }
    Ok(Change::Commit(swept))
}
