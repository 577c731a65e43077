//! What an attempt costs, and what a right code gives back.
use couchkey_otp::UnixTime;
use couchkey_otp::verify::Throttle;
use sqlx::Row as _;

use super::columns::last_step;
use super::credentials::{after_counting, argument, credential, read_credential};
use super::{ACCEPT, Connection, Db, ONE_WRITER, Query, Row, together};
use crate::store::{Accept, AttemptKeys, Bucket, Change, Counted, Full, Hash, Which, secs, unix};

/// A bucket is one number: when it will be empty. Full means that this is more than an hour away, for it drains in one.
/// One statement takes from both, in the order in which they are given, and returns those that had room.
pub(super) const SPEND: &str = "INSERT INTO bucket (bucket, empty_at) VALUES ($1, $5 + $2), ($3, $5 + $4) \
    ON CONFLICT (bucket) DO UPDATE SET empty_at = excluded.empty_at - $5 + \
    CASE WHEN bucket.empty_at > $5 THEN bucket.empty_at ELSE $5 END \
    WHERE bucket.empty_at + excluded.empty_at - $5 <= $5 + $6 RETURNING bucket";
const HOUR_MS: i64 = 3_600_000;

/// One statement decides and counts, so that a thousand attempts at once are not a thousand guesses. It returns the
/// account if the attempt may be looked at.
pub(super) const COUNT: &str = "INSERT INTO attempts (account, failures, locked_until) VALUES ($7, 1, 0) \
    ON CONFLICT (account) DO UPDATE SET failures = attempts.failures + 1, locked_until = $8 + CASE \
    WHEN attempts.failures + 1 < $9 THEN 0 \
    WHEN attempts.failures + 1 - $9 > 6 THEN $11 \
    ELSE $10 << CAST(attempts.failures + 1 - $9 AS INTEGER) END \
    WHERE attempts.locked_until <= $8 AND attempts.failures < $12 RETURNING account";

/// The arguments of [`SPEND`], 1 to 6.
fn bind_spend<'q>(query: Query<'q>, [address, network]: [Bucket; 2], now: UnixTime) -> Query<'q> {
    query
        .bind(address.key.as_slice())
        .bind(address.drain_ms())
        .bind(network.key.as_slice())
        .bind(network.drain_ms())
        .bind(secs(now) * 1_000)
        .bind(HOUR_MS)
}

/// What counts one attempt, and whose code it is.
#[derive(Clone)]
pub(super) struct Counting {
    pub(super) account: Hash,
    pub(super) buckets: [Bucket; 2],
    pub(super) of: Which,
    pub(super) now: UnixTime,
}

pub(super) async fn spend(
    c: &mut Connection,
    buckets: [Bucket; 2],
    now: UnixTime,
) -> sqlx::Result<Change<Option<Full>>> {
    let room = together(c, &[SPEND], |query| bind_spend(query, buckets, now)).await?;
    Ok(match full(c, &buckets, &room).await? {
        None => Change::Commit(None),
        full => Change::Rollback(full),
    })
}

/// The first bucket that is not among those which had room.
async fn full(
    c: &mut Connection,
    buckets: &[Bucket; 2],
    room: &[Row],
) -> sqlx::Result<Option<Full>> {
    let Some(place) = buckets.iter().position(|bucket| !has(room, &bucket.key)) else {
        return Ok(None);
    };
    let bucket = buckets[place];
    let row = sqlx::query::<Db>("SELECT empty_at FROM bucket WHERE bucket = $1")
        .bind(bucket.key.as_slice())
        .fetch_one(&mut *c)
        .await?;
    let until = row.try_get::<i64, _>(0)? + bucket.drain_ms() - HOUR_MS;
    Ok(Some(Full {
        bucket: place,
        until: unix((until + 999) / 1_000),
    }))
}

/// Whether one of the rows is this key.
fn has(rows: &[Row], key: &Hash) -> bool {
    rows.iter()
        .any(|row| row.try_get::<&[u8], _>(0).is_ok_and(|other| other == key))
}

/// Runs [`COUNT`], where there is one writer after `begin` and [`SPEND`], and reads what the code will be held against: nobody gets
/// it before the count is on the disk.
pub(super) async fn count_attempt(
    c: &mut Connection,
    begin: &'static str,
    attempt: Counting,
) -> sqlx::Result<Change<Counted>> {
    let Counting {
        account,
        buckets,
        of,
        now,
    } = attempt;
    let all = [begin, SPEND, COUNT, after_counting(&of)];
    // Elsewhere the buckets have been asked, and who is refused is not read for.
    let statements = if ONE_WRITER { &all[..] } else { &[COUNT] };
    let rows = together(c, statements, |query| {
        bind_spend(query, buckets, now)
            .bind(account.as_slice())
            .bind(secs(now))
            .bind(i64::from(Throttle::FREE))
            .bind(Throttle::FIRST_DELAY as i64)
            .bind(Throttle::LONGEST_DELAY as i64)
            .bind(i64::from(Throttle::MOST))
            .bind(argument(&of).to_owned())
    })
    .await?;
    // What was counted comes as keys alone, the credential as all its columns.
    let (counted, found): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.len() == 1);
    // What the buckets took stays, whatever the account says; what the account took does not, if a bucket is full.
    if ONE_WRITER && let Some(full) = full(c, &buckets, &counted).await? {
        return Ok(Change::Rollback(Counted::Full(full)));
    }
    if has(&counted, &account) {
        let found = if ONE_WRITER {
            found.first().map(read_credential).transpose()?
        } else {
            credential(c, &of).await?
        };
        return Ok(Change::Commit(Counted::Yes(found.map(Box::new))));
    }
    let row = sqlx::query::<Db>("SELECT failures, locked_until FROM attempts WHERE account = $1")
        .bind(account.as_slice())
        .fetch_optional(&mut *c)
        .await?;
    let refused = match row {
        Some(row) if row.try_get::<i64, _>(0)? >= i64::from(Throttle::MOST) => Counted::Stopped,
        Some(row) => Counted::Wait {
            until: unix(row.try_get(1)?),
        },
        // A success of somebody else cleared it in between.
        None => Counted::Wait { until: now },
    };
    // The account's row is as it was, but PostgreSQL has locked it, and a commit would keep the next one waiting for the
    // disk.
    Ok(if ONE_WRITER {
        Change::Commit(refused)
    } else {
        Change::Rollback(refused)
    })
}

/// A success clears the account's and the address's failures, and gives the network back what it took: if that was all,
/// the row goes, so that the table holds failures alone. Always in the order in which attempts are counted (address,
/// network, account), so that two transactions never wait for each other.
const FORGIVE: [&str; 4] = [
    "DELETE FROM bucket WHERE bucket = $1",
    "DELETE FROM bucket WHERE bucket = $2 AND empty_at <= $4 + $3",
    "UPDATE bucket SET empty_at = empty_at - $3 WHERE bucket = $2",
    "DELETE FROM attempts WHERE account IN ($5, $6)",
];

/// The arguments of [`FORGIVE`], 1 to 6.
fn bind_forgive<'q>(query: Query<'q>, attempt: &AttemptKeys, now: UnixTime) -> Query<'q> {
    let [first, second] = &attempt.accounts;
    query
        .bind(attempt.address.key.as_slice())
        .bind(attempt.network.key.as_slice())
        .bind(attempt.network.drain_ms())
        .bind(secs(now) * 1_000)
        .bind(first.as_ref().map(Hash::as_slice))
        .bind(second.as_ref().map(Hash::as_slice))
}

pub(super) async fn accept_step(
    c: &mut Connection,
    begin: &'static str,
    accept: Accept,
) -> sqlx::Result<Change<bool>> {
    let [a, b, d, e] = FORGIVE;
    // Where each statement goes over by itself, the first one is waited for; else all are rolled back.
    let statements: &[&str] = if ONE_WRITER {
        &[begin, ACCEPT, a, b, d, e]
    } else {
        &[ACCEPT]
    };
    let changed = together(c, statements, |query| {
        bind_forgive(query, &accept.attempt, accept.now)
            .bind(&accept.id)
            .bind(last_step(accept.memory))
            .bind(i64::from(accept.memory.drift))
            .bind(accept.person.as_str())
    })
    .await?;
    if changed.len() != 1 {
        return Ok(Change::Rollback(false));
    }
    if !ONE_WRITER {
        forgive(c, &accept.attempt, accept.now).await?;
    }
    Ok(Change::Commit(true))
}

pub(super) async fn forgive(
    c: &mut Connection,
    attempt: &AttemptKeys,
    now: UnixTime,
) -> sqlx::Result<()> {
    together(c, &FORGIVE, |query| bind_forgive(query, attempt, now)).await?;
    Ok(())
}

pub(super) async fn refund(c: &mut Connection, bucket: &Bucket, now: UnixTime) -> sqlx::Result<()> {
    sqlx::query::<Db>(
        "UPDATE bucket SET empty_at = empty_at - $2 WHERE bucket = $1 AND empty_at > $3",
    )
    .bind(bucket.key.as_slice())
    .bind(bucket.drain_ms())
    .bind(secs(now) * 1_000)
    .execute(&mut *c)
    .await?;
    Ok(())
}
