//! The secrets that people and the platform share.
use couchkey_otp::verify::Memory;
use couchkey_otp::{Algorithm, Digits, Period, UnixTime};
use sqlx::Row as _;

use super::attempts::forgive;
use super::columns::{last_step, number, odd};
use super::records::put;
use super::{Connection, Db, FOR_UPDATE, REMEMBER, Row};
use crate::PersonId;
use crate::store::{Accept, Change, Credential, Which, forgotten, secs, unix};

/// What is read of a credential, in this order everywhere; and of which one, as the argument with this number says.
macro_rules! read {
    ($which:expr) => {
        concat!(
            "SELECT id, person, active, algorithm, digits, period, sealed, sealing_key, last_step, drift, expires_at FROM ",
            credentials!(),
            " WHERE ",
            $which
        )
    };
    (id, $number:literal) => {
        read!(concat!("id = ", $number))
    };
    // One row comes out whoever it is, so that a person who is not here takes no other way.
    (active, $number:literal) => {
        read!(concat!(
            "active = 1 AND person = COALESCE((SELECT person FROM credential WHERE person = ",
            $number,
            " AND active = 1), '')"
        ))
    };
}

/// The statement that reads one, as its only argument says.
const fn first(which: &Which) -> &'static str {
    match which {
        Which::Id(_) => read!(id, "$1"),
        Which::ActiveOrNobodys(_) => read!(active, "$1"),
    }
}

/// The same behind the twelve arguments of what counts an attempt.
#[allow(dead_code, reason = "PostgreSQL reads in a statement of its own")]
pub(in super::super) const fn after_counting(which: &Which) -> &'static str {
    match which {
        Which::Id(_) => read!(id, "$13"),
        Which::ActiveOrNobodys(_) => read!(active, "$13"),
    }
}

pub(super) fn argument(which: &Which) -> &str {
    match which {
        Which::Id(id) => id,
        Which::ActiveOrNobodys(person) => person.as_str(),
    }
}

pub(super) async fn add_credential(
    c: &mut Connection,
    new: Credential,
    rotates: bool,
) -> sqlx::Result<Change<bool>> {
    let active = sqlx::query::<Db>("SELECT id FROM credential WHERE person = $1 AND active = 1")
        .bind(&new.person)
        .fetch_optional(&mut *c)
        .await?;
    if active.is_some() != rotates {
        return Ok(Change::Rollback(false));
    }
    sqlx::query::<Db>(
        "INSERT INTO credential (id, person, active, algorithm, digits, period, sealed, sealing_key, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (person, active) DO UPDATE SET id = excluded.id, algorithm = excluded.algorithm, \
         digits = excluded.digits, period = excluded.period, sealed = excluded.sealed, \
         sealing_key = excluded.sealing_key, expires_at = excluded.expires_at",
    )
    .bind(&new.id)
    .bind(&new.person)
    .bind(i64::from(new.active))
    .bind(new.algorithm.as_str())
    .bind(i64::from(new.digits.get()))
    .bind(i64::from(new.period.get()))
    .bind(&new.sealed)
    .bind(i64::from(new.key))
    .bind(secs(new.expires_at))
    .execute(&mut *c)
    .await?;
    remember(c, &new.id, new.memory).await?;
    Ok(Change::Commit(true))
}

async fn remember(c: &mut Connection, id: &str, memory: Memory) -> sqlx::Result<()> {
    sqlx::query::<Db>(REMEMBER)
        .bind(id)
        .bind(last_step(memory))
        .bind(i64::from(memory.drift))
        .execute(&mut *c)
        .await?;
    Ok(())
}

pub(in super::super) async fn credential(
    c: &mut Connection,
    which: &Which,
) -> sqlx::Result<Option<Credential>> {
    let row = sqlx::query::<Db>(first(which))
        .bind(argument(which))
        .fetch_optional(&mut *c)
        .await?;
    row.as_ref().map(read_credential).transpose()
}

pub(in super::super) fn read_credential(row: &Row) -> sqlx::Result<Credential> {
    let memory = Memory {
        last_step: u64::try_from(row.try_get::<i64, _>(8)?).ok(),
        drift: number(row, 9)?,
    };
    Ok(Credential {
        id: row.try_get(0)?,
        person: row.try_get(1)?,
        active: row.try_get::<i64, _>(2)? == 1,
        algorithm: row
            .try_get::<String, _>(3)?
            .parse::<Algorithm>()
            .map_err(odd)?,
        digits: Digits::new(number(row, 4)?).map_err(odd)?,
        period: Period::new(number(row, 5)?).map_err(odd)?,
        sealed: row.try_get(6)?,
        key: number(row, 7)?,
        memory,
        expires_at: unix(row.try_get(10)?),
    })
}

pub(super) async fn activate(c: &mut Connection, accept: Accept) -> sqlx::Result<Change<bool>> {
    // The row itself decides which of two confirmations wins; the person's other credential goes first, for there is
    // one active credential a person.
    let pending = sqlx::query::<Db>(sqlx::AssertSqlSafe(format!(
        "SELECT person FROM credential WHERE id = $1 AND active = 0 AND expires_at > $2{FOR_UPDATE}"
    )))
    .bind(&accept.id)
    .bind(secs(accept.now))
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = pending else {
        return Ok(Change::Rollback(false));
    };
    sqlx::query::<Db>("DELETE FROM credential WHERE person = $1 AND active = 1")
        .bind(row.try_get::<String, _>(0)?)
        .execute(&mut *c)
        .await?;
    sqlx::query::<Db>("UPDATE credential SET active = 1 WHERE id = $1")
        .bind(&accept.id)
        .execute(&mut *c)
        .await?;
    remember(c, &accept.id, accept.memory).await?;
    forgive(c, &accept.attempt, accept.now).await?;
    if let Some(record) = accept.keep {
        put(c, record).await?;
    }
    Ok(Change::Commit(true))
}

pub(super) async fn revoke(c: &mut Connection, person: PersonId) -> sqlx::Result<Change<bool>> {
    let gone = sqlx::query::<Db>("DELETE FROM credential WHERE person = $1")
        .bind(person.as_str())
        .execute(&mut *c)
        .await?;
    Ok(Change::Commit(gone.rows_affected() > 0))
}

pub(super) async fn forget(
    c: &mut Connection,
    person: PersonId,
    now: UnixTime,
) -> sqlx::Result<Change<()>> {
    put(c, forgotten(&person, now)).await?;
    sqlx::query::<Db>("DELETE FROM device WHERE person = $1")
        .bind(person.as_str())
        .execute(&mut *c)
        .await?;
    revoke(c, person.clone()).await?;
    let ended = sqlx::query::<Db>(
        "DELETE FROM challenge WHERE recipient IN (SELECT hash FROM contact WHERE person = $1) RETURNING id",
    )
    .bind(person.as_str())
    .fetch_all(&mut *c)
    .await?;
    for row in &ended {
        sqlx::query::<Db>("DELETE FROM message WHERE challenge = $1")
            .bind(row.try_get::<String, _>(0)?)
            .execute(&mut *c)
            .await?;
    }
    sqlx::query::<Db>("DELETE FROM contact WHERE person = $1")
        .bind(person.as_str())
        .execute(&mut *c)
        .await?;
    Ok(Change::Commit(()))
}
