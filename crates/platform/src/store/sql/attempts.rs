//! What an attempt costs, and what a right code gives back.
use couchkey_otp::UnixTime;
use couchkey_otp::verify::{Refused, Throttle};
use sqlx::Row as _;

use super::columns::last_step;
use super::credentials::argument;
use super::{Connection, Db, Query, Row, together};
use crate::store::{Accept, AttemptKeys, Bucket, Change, Full, Hash, Which, secs, unix};

/// A bucket is one number: when it will be empty. Full means that this is more than an hour away, for it drains in one; more than
/// that is from a clock which was wrong, and has room for one.
/// One statement takes from both, in the order in which they are given, and returns those that had room.
pub(in super::super) const SPEND: &str = "INSERT INTO bucket (bucket, empty_at) VALUES ($1, $5 + $2), ($3, $5 + $4) \
    ON CONFLICT (bucket) DO UPDATE SET empty_at = CASE WHEN bucket.empty_at > $5 + $6 THEN $5 + $6 \
    WHEN bucket.empty_at > $5 THEN bucket.empty_at + excluded.empty_at - $5 ELSE excluded.empty_at END \
    WHERE bucket.empty_at > $5 + $6 OR bucket.empty_at + excluded.empty_at - $5 <= $5 + $6 RETURNING bucket";
const HOUR_MS: i64 = 3_600_000;

/// The same for what one account failed at one address: it is full when the address is.
pub(in super::super) const THEIRS: &str = "INSERT INTO bucket (bucket, empty_at) VALUES ($14, $5 + $2) \
    ON CONFLICT (bucket) DO UPDATE SET empty_at = CASE WHEN bucket.empty_at > $5 AND bucket.empty_at <= $5 + $6 \
    THEN bucket.empty_at + excluded.empty_at - $5 ELSE excluded.empty_at END";

/// One statement decides and counts, so that a thousand attempts at once are not a thousand guesses. It returns the
/// account if the attempt may be looked at. A lock that is longer than the longest is from a clock which was wrong.
pub(in super::super) const COUNT: &str = "INSERT INTO attempts (account, failures, locked_until) VALUES ($7, 1, 0) \
    ON CONFLICT (account) DO UPDATE SET failures = attempts.failures + 1, locked_until = $8 + CASE \
    WHEN attempts.failures + 1 < $9 THEN 0 \
    WHEN attempts.failures + 1 - $9 > 6 THEN $11 \
    ELSE $10 << CAST(attempts.failures + 1 - $9 AS INTEGER) END \
    WHERE (attempts.locked_until <= $8 OR attempts.locked_until > $8 + $11) AND attempts.failures < $12 \
    RETURNING account";

/// The arguments of [`SPEND`], 1 to 6.
fn bind_spend<'q>(query: Query<'q>, [address, network]: [Bucket; 2], now: UnixTime) -> Query<'q> {
    query
        .bind(address.key.to_vec())
        .bind(address.drain_ms())
        .bind(network.key.to_vec())
        .bind(network.drain_ms())
        .bind(secs(now) * 1_000)
        .bind(HOUR_MS)
}

/// What counts one attempt, and whose code it is.
#[derive(Clone)]
pub(in super::super) struct Counting {
    pub(in super::super) account: Hash,
    pub(in super::super) buckets: [Bucket; 2],
    pub(in super::super) theirs: Bucket,
    pub(in super::super) of: Which,
    pub(in super::super) now: UnixTime,
}

impl Counting {
    /// The arguments of [`SPEND`], [`COUNT`], what reads the credential after them, and [`THEIRS`]: 1 to 14.
    pub(in super::super) fn bind<'q>(&self, query: Query<'q>) -> Query<'q> {
        bind_spend(query, self.buckets, self.now)
            .bind(self.account.to_vec())
            .bind(secs(self.now))
            .bind(i64::from(Throttle::FREE))
            .bind(Throttle::FIRST_DELAY as i64)
            .bind(Throttle::LONGEST_DELAY as i64)
            .bind(i64::from(Throttle::MOST))
            .bind(argument(&self.of).to_owned())
            .bind(self.theirs.key.to_vec())
    }
}

pub(in super::super) async fn spend(
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
pub(in super::super) async fn full(
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
pub(in super::super) fn has(rows: &[Row], key: &Hash) -> bool {
    rows.iter()
        .any(|row| row.try_get::<&[u8], _>(0).is_ok_and(|other| other == key))
}

/// Why an attempt was not counted.
pub(in super::super) async fn refused(
    c: &mut Connection,
    attempt: &Counting,
) -> sqlx::Result<Refused> {
    let row = sqlx::query::<Db>("SELECT failures, locked_until FROM attempts WHERE account = $1")
        .bind(attempt.account.as_slice())
        .fetch_optional(&mut *c)
        .await?;
    Ok(match row {
        Some(row) if row.try_get::<i64, _>(0)? >= i64::from(Throttle::MOST) => Refused::Stopped,
        Some(row) => Refused::Wait {
            until: unix(row.try_get(1)?),
        },
        // A success of somebody else cleared it in between.
        None => Refused::Wait { until: attempt.now },
    })
}

/// A success clears the account's failures and takes them out of the address's, where others may have failed too; the network
/// gets back what this attempt took. What is empty after that goes, so that the table holds failures alone. Always in the
/// order in which attempts are counted (address, network, theirs, account), so that two transactions never wait for each other.
pub(in super::super) const FORGIVE: [&str; 4] = [
    "UPDATE bucket SET empty_at = empty_at - COALESCE((SELECT theirs.empty_at - $4 FROM bucket AS theirs \
     WHERE theirs.bucket = $7 AND theirs.empty_at > $4), 0) WHERE bucket = $1",
    "UPDATE bucket SET empty_at = empty_at - $3 WHERE bucket = $2",
    "DELETE FROM bucket WHERE bucket IN ($1, $2, $7) AND (empty_at <= $4 OR bucket = $7)",
    "DELETE FROM attempts WHERE account IN ($5, $6)",
];

/// The arguments of [`FORGIVE`], 1 to 7.
fn bind_forgive<'q>(query: Query<'q>, attempt: &AttemptKeys, now: UnixTime) -> Query<'q> {
    let [first, second] = &attempt.accounts;
    query
        .bind(attempt.address.key.to_vec())
        .bind(attempt.network.key.to_vec())
        .bind(attempt.network.drain_ms())
        .bind(secs(now) * 1_000)
        .bind(first.map(|account| account.to_vec()))
        .bind(second.map(|account| account.to_vec()))
        .bind(attempt.theirs.key.to_vec())
}

/// The arguments of [`FORGIVE`], and after them those of what accepts a step, 8 to 11.
pub(in super::super) fn bind_accept<'q>(query: Query<'q>, accept: &Accept) -> Query<'q> {
    bind_forgive(query, &accept.attempt, accept.now)
        .bind(accept.id.clone())
        .bind(last_step(accept.memory))
        .bind(i64::from(accept.memory.drift))
        .bind(accept.person.as_str().to_owned())
}

pub(in super::super) async fn forgive(
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
