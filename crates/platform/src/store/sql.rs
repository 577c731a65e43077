//! The statements, compiled once for SQLite and once for PostgreSQL: `super` says which, and where they differ.
use async_trait::async_trait;
use couchkey_otp::verify::{Memory, Throttle};
use couchkey_otp::{Algorithm, Digits, Period, UnixTime};
use sqlx::Row as _;

use super::{CLAIM, Connection, Db, FOR_UPDATE, Here, ONE_WRITER, together};
use crate::store::{
    Accept, AttemptKeys, Bucket, COOLDOWN, Challenge, Change, Contact, Counted, Credential, Device,
    FIRST_COOLDOWN, Full, Hash, NewChallenge, Outcome, Polled, QUIET, Queued, Quota, Record,
    Resend, Sealed, SealedKind, Sending, Store, StoreError, Swept, Which, after_prefix, day_of,
    secs, unix,
};
use crate::{Channel, PersonId, Purpose};

pub(super) type Row = <Db as sqlx::Database>::Row;
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

/// What is read of a credential, in this order everywhere.
const CREDENTIAL: &str = "SELECT id, person, active, algorithm, digits, period, sealed, sealing_key, last_step, drift, \
                          expires_at FROM credential";

#[async_trait]
impl Store for Here {
    async fn add_credential(&self, new: &Credential, rotates: bool) -> Result<bool, StoreError> {
        let new = new.clone();
        self.write(move |c| Box::pin(add_credential(c, new, rotates)))
            .await
    }

    async fn credential(&self, which: &Which) -> Result<Option<Credential>, StoreError> {
        let mut c = self.read().await?;
        Ok(credential(&mut c, which).await?)
    }

    async fn activate(&self, accept: &Accept) -> Result<bool, StoreError> {
        let accept = accept.clone();
        self.write(move |c| Box::pin(activate(c, accept))).await
    }

    async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError> {
        let person = person.clone();
        self.write(move |c| Box::pin(revoke(c, person))).await
    }

    async fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        let person = person.clone();
        self.write(move |c| Box::pin(forget(c, person))).await
    }

    async fn spend(
        &self,
        buckets: &[Bucket; 2],
        now: UnixTime,
    ) -> Result<Option<Full>, StoreError> {
        let buckets = *buckets;
        self.write_soon(move |c| Box::pin(spend(c, buckets, now)))
            .await
    }

    async fn refund(&self, buckets: &[Bucket; 2], now: UnixTime) -> Result<(), StoreError> {
        let buckets = *buckets;
        self.write_soon(move |c| {
            Box::pin(async move {
                for bucket in &buckets {
                    refund(c, bucket, now).await?;
                }
                Ok(Change::Commit(()))
            })
        })
        .await
    }

    async fn count_attempt(
        &self,
        account: &Hash,
        buckets: &[Bucket; 2],
        now: UnixTime,
    ) -> Result<Counted, StoreError> {
        let attempt = Counting {
            account: *account,
            buckets: *buckets,
            now,
        };
        if ONE_WRITER {
            // One commit for both.
            return self
                .write(move |c| Box::pin(count_attempt(c, attempt, &[SPEND, COUNT])))
                .await;
        }
        // Rows that many share are not held while the disk takes the account's.
        if let Some(full) = self.spend(buckets, now).await? {
            return Ok(Counted::Full(full));
        }
        self.write(move |c| Box::pin(count_attempt(c, attempt, &[COUNT])))
            .await
    }

    async fn accept(&self, accept: &Accept) -> Result<bool, StoreError> {
        let a = accept.clone();
        self.write(move |c| Box::pin(accept_step(c, a))).await
    }

    async fn person_of(&self, contact: &Hash) -> Result<Option<PersonId>, StoreError> {
        let mut c = self.read().await?;
        Ok(person_of(&mut c, contact).await?)
    }

    async fn add_contact(&self, contact: &Contact) -> Result<PersonId, StoreError> {
        let contact = contact.clone();
        self.write(move |c| {
            Box::pin(async move { Ok(Change::Commit(add_contact(c, &contact).await?)) })
        })
        .await
    }

    async fn contacts(&self, person: &PersonId) -> Result<Vec<Contact>, StoreError> {
        let mut c = self.read().await?;
        let rows = sqlx::query::<Db>(
            "SELECT hash, person, channel, sealed, sealing_key FROM contact WHERE person = $1 ORDER BY hash",
        )
        .bind(person.as_str())
        .fetch_all(&mut *c)
        .await?;
        Ok(rows.iter().map(contact).collect::<sqlx::Result<_>>()?)
    }

    async fn start_challenge(&self, new: &NewChallenge) -> Result<Sending, StoreError> {
        let new = new.clone();
        self.write(move |c| Box::pin(start_challenge(c, new))).await
    }

    async fn challenge(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError> {
        let mut c = self.read().await?;
        let row = sqlx::query::<Db>(
            "SELECT id, recipient, purpose, channel, person, mac, sealed, tries, expires_at FROM challenge \
             WHERE id = $1 AND expires_at > $2",
        )
        .bind(id)
        .bind(secs(now))
        .fetch_optional(&mut *c)
        .await?;
        Ok(row.as_ref().map(challenge).transpose()?)
    }

    async fn resend(&self, again: &Resend) -> Result<Sending, StoreError> {
        let again = again.clone();
        self.write(move |c| Box::pin(resend(c, again))).await
    }

    async fn count_try(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError> {
        let id = id.to_owned();
        self.write(move |c| Box::pin(count_try(c, id, now))).await
    }

    async fn redeem(
        &self,
        id: &str,
        contact: Option<&Contact>,
        attempt: &AttemptKeys,
        now: UnixTime,
    ) -> Result<Option<PersonId>, StoreError> {
        let (id, contact, attempt) = (id.to_owned(), contact.cloned(), attempt.clone());
        self.write(move |c| Box::pin(redeem(c, id, contact, attempt, now)))
            .await
    }

    async fn claim(&self, now: UnixTime, lease: u64, most: u32) -> Result<Vec<Queued>, StoreError> {
        self.write(move |c| Box::pin(claim(c, now, lease, most)))
            .await
    }

    async fn settle(&self, id: &str, attempt: u32, outcome: Outcome) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |c| Box::pin(settle(c, id, attempt, outcome)))
            .await
    }

    async fn add_device(&self, device: &Device) -> Result<bool, StoreError> {
        let device = device.clone();
        self.write(move |c| Box::pin(add_device(c, device))).await
    }

    async fn device(&self, user_code: &Hash, now: UnixTime) -> Result<Option<Device>, StoreError> {
        let mut c = self.read().await?;
        let row = sqlx::query::<Db>(
            "SELECT user_code, device_code, client, device, place, poll_interval, created_at, expires_at FROM device \
             WHERE user_code = $1 AND state = 'pending' AND expires_at > $2",
        )
        .bind(user_code.as_slice())
        .bind(secs(now))
        .fetch_optional(&mut *c)
        .await?;
        Ok(row.as_ref().map(device).transpose()?)
    }

    async fn decide_device(
        &self,
        user_code: &Hash,
        person: Option<&PersonId>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let (user_code, person) = (*user_code, person.cloned());
        self.write(move |c| Box::pin(decide_device(c, user_code, person, now)))
            .await
    }

    async fn poll_device(&self, device_code: &Hash, now: UnixTime) -> Result<Polled, StoreError> {
        let device_code = *device_code;
        self.write(move |c| Box::pin(poll_device(c, device_code, now)))
            .await
    }

    async fn put_new(&self, record: &Record, now: UnixTime) -> Result<Option<Record>, StoreError> {
        let record = record.clone();
        self.write(move |c| Box::pin(put_new(c, record, now))).await
    }

    async fn put(&self, record: &Record) -> Result<(), StoreError> {
        let record = record.clone();
        self.write(move |c| Box::pin(put(c, record))).await
    }

    async fn get(
        &self,
        space: &str,
        key: &[u8],
        now: UnixTime,
    ) -> Result<Option<Record>, StoreError> {
        let mut c = self.read().await?;
        Ok(get(&mut c, space, key, now).await?)
    }

    async fn list(
        &self,
        space: &str,
        prefix: &[u8],
        now: UnixTime,
    ) -> Result<Vec<Record>, StoreError> {
        let mut c = self.read().await?;
        let rows = sqlx::query::<Db>(
            "SELECT value, expires_at, record FROM record WHERE space = $1 AND record >= $2 \
             AND (record < $3 OR $3 IS NULL) AND (expires_at IS NULL OR expires_at > $4) ORDER BY record",
        )
        .bind(space)
        .bind(prefix)
        .bind(after_prefix(prefix))
        .bind(secs(now))
        .fetch_all(&mut *c)
        .await?;
        let records = rows.iter().map(|row| record(space, row.try_get(2)?, row));
        Ok(records.collect::<sqlx::Result<_>>()?)
    }

    async fn delete(&self, space: &str, key: &[u8]) -> Result<bool, StoreError> {
        let (space, key) = (space.to_owned(), key.to_vec());
        self.write(move |c| Box::pin(delete(c, space, key))).await
    }

    async fn sealed_elsewhere(&self, key: u32, most: u32) -> Result<Vec<Sealed>, StoreError> {
        let mut c = self.read().await?;
        Ok(sealed_elsewhere(&mut c, key, most).await?)
    }

    async fn reseal(&self, old: &Sealed, new: &[u8], key: u32) -> Result<bool, StoreError> {
        let (old, new) = (old.clone(), new.to_vec());
        self.write(move |c| Box::pin(reseal(c, old, new, key)))
            .await
    }

    async fn sweep(&self, now: UnixTime) -> Result<Swept, StoreError> {
        self.write(move |c| Box::pin(sweep(c, now))).await
    }
}

// Enrolment.

async fn add_credential(
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
        "INSERT INTO credential (id, person, active, algorithm, digits, period, sealed, sealing_key, last_step, drift, \
         expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (person, active) DO UPDATE SET id = excluded.id, algorithm = excluded.algorithm, \
         digits = excluded.digits, period = excluded.period, sealed = excluded.sealed, \
         sealing_key = excluded.sealing_key, last_step = excluded.last_step, drift = excluded.drift, \
         expires_at = excluded.expires_at",
    )
    .bind(&new.id)
    .bind(&new.person)
    .bind(i64::from(new.active))
    .bind(new.algorithm.as_str())
    .bind(i64::from(new.digits.get()))
    .bind(i64::from(new.period.get()))
    .bind(&new.sealed)
    .bind(i64::from(new.key))
    .bind(last_step(new.memory))
    .bind(i64::from(new.memory.drift))
    .bind(secs(new.expires_at))
    .execute(&mut *c)
    .await?;
    Ok(Change::Commit(true))
}

async fn credential(c: &mut Connection, which: &Which) -> sqlx::Result<Option<Credential>> {
    let row = match which {
        Which::Id(id) => {
            sqlx::query::<Db>(sqlx::AssertSqlSafe(format!("{CREDENTIAL} WHERE id = $1")))
                .bind(id)
                .fetch_optional(&mut *c)
                .await?
        }
        // One row comes out whoever it is, so that a person who is not here takes no other way.
        Which::ActiveOrNobodys(person) => {
            sqlx::query::<Db>(sqlx::AssertSqlSafe(format!(
                "{CREDENTIAL} WHERE active = 1 AND person = \
                 COALESCE((SELECT person FROM credential WHERE person = $1 AND active = 1), '')"
            )))
            .bind(person.as_str())
            .fetch_optional(&mut *c)
            .await?
        }
    };
    row.map(|row| {
        let memory = Memory {
            last_step: u64::try_from(row.try_get::<i64, _>(8)?).ok(),
            drift: number(&row, 9)?,
        };
        Ok(Credential {
            id: row.try_get(0)?,
            person: row.try_get(1)?,
            active: row.try_get::<i64, _>(2)? == 1,
            algorithm: row
                .try_get::<String, _>(3)?
                .parse::<Algorithm>()
                .map_err(odd)?,
            digits: Digits::new(number(&row, 4)?).map_err(odd)?,
            period: Period::new(number(&row, 5)?).map_err(odd)?,
            sealed: row.try_get(6)?,
            key: number(&row, 7)?,
            memory,
            expires_at: unix(row.try_get(10)?),
        })
    })
    .transpose()
}

async fn activate(c: &mut Connection, accept: Accept) -> sqlx::Result<Change<bool>> {
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
    sqlx::query::<Db>("UPDATE credential SET active = 1, last_step = $2, drift = $3 WHERE id = $1")
        .bind(&accept.id)
        .bind(last_step(accept.memory))
        .bind(i64::from(accept.memory.drift))
        .execute(&mut *c)
        .await?;
    forgive(c, &accept.attempt, accept.now).await?;
    Ok(Change::Commit(true))
}

async fn revoke(c: &mut Connection, person: PersonId) -> sqlx::Result<Change<bool>> {
    let gone = sqlx::query::<Db>("DELETE FROM credential WHERE person = $1")
        .bind(person.as_str())
        .execute(&mut *c)
        .await?;
    Ok(Change::Commit(gone.rows_affected() > 0))
}

async fn forget(c: &mut Connection, person: PersonId) -> sqlx::Result<Change<()>> {
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

// Verification.

/// A bucket is one number: when it will be empty. Full means that this is more than an hour away, for it drains in one.
/// One statement takes from both, in the order in which they are given, and returns those that had room.
const SPEND: &str = "INSERT INTO bucket (bucket, empty_at) VALUES ($1, $5 + $2), ($3, $5 + $4) \
    ON CONFLICT (bucket) DO UPDATE SET empty_at = excluded.empty_at - $5 + \
    CASE WHEN bucket.empty_at > $5 THEN bucket.empty_at ELSE $5 END \
    WHERE bucket.empty_at + excluded.empty_at - $5 <= $5 + $6 RETURNING bucket";
const HOUR_MS: i64 = 3_600_000;

/// One statement decides and counts, so that a thousand attempts at once are not a thousand guesses. It returns the
/// account if the attempt may be looked at.
const COUNT: &str = "INSERT INTO attempts (account, failures, locked_until) VALUES ($7, 1, 0) \
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

/// What counts one attempt.
#[derive(Clone, Copy)]
struct Counting {
    account: Hash,
    buckets: [Bucket; 2],
    now: UnixTime,
}

async fn spend(
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

/// Runs [`COUNT`], after [`SPEND`] where that is among the statements.
async fn count_attempt(
    c: &mut Connection,
    attempt: Counting,
    statements: &'static [&'static str],
) -> sqlx::Result<Change<Counted>> {
    let Counting {
        account,
        buckets,
        now,
    } = attempt;
    let counted = together(c, statements, |query| {
        bind_spend(query, buckets, now)
            .bind(account.as_slice())
            .bind(secs(now))
            .bind(i64::from(Throttle::FREE))
            .bind(Throttle::FIRST_DELAY as i64)
            .bind(Throttle::LONGEST_DELAY as i64)
            .bind(i64::from(Throttle::MOST))
    })
    .await?;
    // What the buckets took stays, whatever the account says; what the account took does not, if a bucket is full.
    if statements.contains(&SPEND)
        && let Some(full) = full(c, &buckets, &counted).await?
    {
        return Ok(Change::Rollback(Counted::Full(full)));
    }
    if has(&counted, &account) {
        return Ok(Change::Commit(Counted::Yes));
    }
    let row = sqlx::query::<Db>("SELECT failures, locked_until FROM attempts WHERE account = $1")
        .bind(account.as_slice())
        .fetch_optional(&mut *c)
        .await?;
    Ok(Change::Commit(match row {
        Some(row) if row.try_get::<i64, _>(0)? >= i64::from(Throttle::MOST) => Counted::Stopped,
        Some(row) => Counted::Wait {
            until: unix(row.try_get(1)?),
        },
        // A success of somebody else cleared it in between.
        None => Counted::Wait { until: now },
    }))
}

/// RFC 6238, section 5.2, as one compare-and-set: whoever changes the row has used the step up.
const ACCEPT: &str = "UPDATE credential SET last_step = $8, drift = $9 \
    WHERE id = $7 AND last_step < $8 AND active = 1 AND person <> '' RETURNING id";

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

async fn accept_step(c: &mut Connection, accept: Accept) -> sqlx::Result<Change<bool>> {
    let [a, b, d, e] = FORGIVE;
    // Where each statement goes over by itself, the first one is waited for; else all are rolled back.
    let statements: &[&str] = if ONE_WRITER {
        &[ACCEPT, a, b, d, e]
    } else {
        &[ACCEPT]
    };
    let changed = together(c, statements, |query| {
        bind_forgive(query, &accept.attempt, accept.now)
            .bind(&accept.id)
            .bind(last_step(accept.memory))
            .bind(i64::from(accept.memory.drift))
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

async fn forgive(c: &mut Connection, attempt: &AttemptKeys, now: UnixTime) -> sqlx::Result<()> {
    together(c, &FORGIVE, |query| bind_forgive(query, attempt, now)).await?;
    Ok(())
}

async fn refund(c: &mut Connection, bucket: &Bucket, now: UnixTime) -> sqlx::Result<()> {
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

// Codes by e-mail and SMS.

async fn person_of(c: &mut Connection, contact: &Hash) -> sqlx::Result<Option<PersonId>> {
    let row = sqlx::query::<Db>("SELECT person FROM contact WHERE hash = $1")
        .bind(contact.as_slice())
        .fetch_optional(&mut *c)
        .await?;
    row.map(|row| PersonId::new(row.try_get::<String, _>(0)?).map_err(odd))
        .transpose()
}

async fn add_contact(c: &mut Connection, contact: &Contact) -> sqlx::Result<PersonId> {
    sqlx::query::<Db>(
        "INSERT INTO contact (hash, person, channel, sealed, sealing_key) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (hash) DO NOTHING",
    )
    .bind(contact.hash.as_slice())
    .bind(contact.person.as_str())
    .bind(contact.channel.as_str())
    .bind(&contact.sealed)
    .bind(i64::from(contact.key))
    .execute(&mut *c)
    .await?;
    person_of(c, &contact.hash)
        .await?
        .ok_or(sqlx::Error::RowNotFound)
}

fn contact(row: &Row) -> sqlx::Result<Contact> {
    Ok(Contact {
        hash: hash(row, 0)?,
        person: PersonId::new(row.try_get::<String, _>(1)?).map_err(odd)?,
        channel: channel(row, 2)?,
        sealed: row.try_get(3)?,
        key: number(row, 4)?,
    })
}

async fn start_challenge(c: &mut Connection, new: NewChallenge) -> sqlx::Result<Change<Sending>> {
    // One at a time for a recipient, or two that arrive together would both be sent.
    let sending = take_quota(c, &new.quota, new.now).await?;
    let Sending::Queued { .. } = sending else {
        return Ok(Change::Rollback(sending));
    };
    let row = new.challenge;
    // A challenge is always locked before its messages, so that two transactions never wait for each other.
    let earlier = sqlx::query::<Db>(sqlx::AssertSqlSafe(format!(
        "SELECT id FROM challenge WHERE recipient = $1 AND purpose = $2{FOR_UPDATE}"
    )))
    .bind(row.recipient.as_slice())
    .bind(row.purpose.as_str())
    .fetch_optional(&mut *c)
    .await?;
    let earlier: Option<String> = earlier.map(|row| row.try_get(0)).transpose()?;
    sqlx::query::<Db>("DELETE FROM message WHERE challenge = $1")
        .bind(earlier.unwrap_or_default())
        .execute(&mut *c)
        .await?;
    sqlx::query::<Db>(
        "INSERT INTO challenge (id, recipient, purpose, channel, person, mac, sealed, tries, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (recipient, purpose) DO UPDATE SET \
         id = excluded.id, person = excluded.person, mac = excluded.mac, sealed = excluded.sealed, \
         tries = excluded.tries, expires_at = excluded.expires_at",
    )
    .bind(&row.id)
    .bind(row.recipient.as_slice())
    .bind(row.purpose.as_str())
    .bind(row.channel.as_str())
    .bind(row.person.as_ref().map(PersonId::as_str))
    .bind(row.mac.as_slice())
    .bind(&row.sealed)
    .bind(i64::from(row.tries))
    .bind(secs(row.expires_at))
    .execute(&mut *c)
    .await?;
    queue(c, &new.message, new.void, new.now).await?;
    Ok(Change::Commit(sending))
}

async fn resend(c: &mut Connection, again: Resend) -> sqlx::Result<Change<Sending>> {
    // The recipient's row first, as in `start_challenge`; then the challenge cannot be replaced under us.
    let sending = take_quota(c, &again.quota, again.now).await?;
    let Sending::Queued { .. } = sending else {
        return Ok(Change::Rollback(sending));
    };
    let open = sqlx::query::<Db>(sqlx::AssertSqlSafe(format!(
        "SELECT id FROM challenge WHERE id = $1 AND expires_at > $2 AND tries < $3{FOR_UPDATE}"
    )))
    .bind(&again.challenge)
    .bind(secs(again.now))
    .bind(i64::from(Challenge::TRIES))
    .fetch_optional(&mut *c)
    .await?;
    if open.is_none() {
        return Ok(Change::Rollback(Sending::Ended));
    }
    queue(c, &again.message, again.void, again.now).await?;
    Ok(Change::Commit(sending))
}

async fn queue(
    c: &mut Connection,
    message: &Queued,
    void: bool,
    now: UnixTime,
) -> sqlx::Result<()> {
    sqlx::query::<Db>(
        "INSERT INTO message (id, challenge, channel, purpose, sealed, attempt, void, due_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&message.id)
    .bind(&message.challenge)
    .bind(message.channel.as_str())
    .bind(message.purpose.as_str())
    .bind(&message.sealed)
    .bind(i64::from(message.attempt))
    .bind(i64::from(void))
    .bind(secs(now))
    .bind(secs(message.expires_at))
    .execute(&mut *c)
    .await?;
    Ok(())
}

/// Takes what one message costs: the recipient's turn, then each budget.
async fn take_quota(c: &mut Connection, quota: &Quota, now: UnixTime) -> sqlx::Result<Sending> {
    let (today, now) = (day_of(now), secs(now));
    let taken = sqlx::query::<Db>(
        "INSERT INTO recipient (recipient, day, sent, in_a_row, next_at) VALUES ($1, $2, 1, 1, $3 + $4) \
         ON CONFLICT (recipient) DO UPDATE SET \
         sent = CASE WHEN recipient.day = $2 THEN recipient.sent + 1 ELSE 1 END, day = $2, \
         in_a_row = CASE WHEN recipient.next_at + $6 <= $3 THEN 1 ELSE recipient.in_a_row + 1 END, \
         next_at = $3 + CASE WHEN recipient.next_at + $6 <= $3 THEN $4 ELSE $5 END \
         WHERE recipient.next_at <= $3 AND (recipient.day <> $2 OR recipient.sent < $7) RETURNING next_at",
    )
    .bind(quota.recipient.as_slice())
    .bind(today)
    .bind(now)
    .bind(FIRST_COOLDOWN as i64)
    .bind(COOLDOWN as i64)
    .bind(QUIET as i64)
    .bind(i64::from(quota.per_day))
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = taken else {
        let row =
            sqlx::query::<Db>("SELECT next_at, day, sent FROM recipient WHERE recipient = $1")
                .bind(quota.recipient.as_slice())
                .fetch_one(&mut *c)
                .await?;
        let capped = row.try_get::<i64, _>(1)? == today
            && row.try_get::<i64, _>(2)? >= i64::from(quota.per_day);
        return Ok(if capped {
            Sending::DailyCap
        } else {
            Sending::Cooldown {
                until: unix(row.try_get(0)?),
            }
        });
    };
    for spend in &quota.spend {
        let in_budget = sqlx::query::<Db>(
            "INSERT INTO spend (budget, day, units) SELECT $1, $2, $5 WHERE $3 <= $4 \
             ON CONFLICT (budget, day) DO UPDATE SET units = spend.units + $5 \
             WHERE spend.units + $3 <= $4 RETURNING units",
        )
        .bind(&spend.budget)
        .bind(today)
        .bind(units(spend.units))
        .bind(units(spend.per_day))
        .bind(if spend.real { units(spend.units) } else { 0 })
        .fetch_optional(&mut *c)
        .await?;
        if in_budget.is_none() {
            return Ok(Sending::BudgetSpent);
        }
    }
    Ok(Sending::Queued {
        next_at: unix(row.try_get(0)?),
    })
}

async fn count_try(
    c: &mut Connection,
    id: String,
    now: UnixTime,
) -> sqlx::Result<Change<Option<Challenge>>> {
    let row = sqlx::query::<Db>(
        "UPDATE challenge SET tries = tries + 1 WHERE id = $1 AND expires_at > $2 AND tries < $3 \
         RETURNING id, recipient, purpose, channel, person, mac, sealed, tries, expires_at",
    )
    .bind(id)
    .bind(secs(now))
    .bind(i64::from(Challenge::TRIES))
    .fetch_optional(&mut *c)
    .await?;
    Ok(Change::Commit(row.as_ref().map(challenge).transpose()?))
}

fn challenge(row: &Row) -> sqlx::Result<Challenge> {
    let person: Option<String> = row.try_get(4)?;
    Ok(Challenge {
        id: row.try_get(0)?,
        recipient: hash(row, 1)?,
        purpose: purpose(row, 2)?,
        channel: channel(row, 3)?,
        person: person.map(PersonId::new).transpose().map_err(odd)?,
        mac: hash(row, 5)?,
        sealed: row.try_get(6)?,
        tries: number(row, 7)?,
        expires_at: unix(row.try_get(8)?),
    })
}

async fn redeem(
    c: &mut Connection,
    id: String,
    new: Option<Contact>,
    attempt: AttemptKeys,
    now: UnixTime,
) -> sqlx::Result<Change<Option<PersonId>>> {
    let closed = sqlx::query::<Db>(
        "DELETE FROM challenge WHERE id = $1 AND expires_at > $2 RETURNING person, recipient",
    )
    .bind(&id)
    .bind(secs(now))
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = closed else {
        return Ok(Change::Rollback(None));
    };
    sqlx::query::<Db>("DELETE FROM message WHERE challenge = $1")
        .bind(&id)
        .execute(&mut *c)
        .await?;
    let person = match &new {
        Some(contact) => Some(add_contact(c, contact).await?),
        None => row
            .try_get::<Option<String>, _>(0)?
            .map(PersonId::new)
            .transpose()
            .map_err(odd)?,
    };
    forgive(c, &attempt, now).await?;
    Ok(Change::Commit(person))
}

// The outbox.

async fn claim(
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

async fn settle(
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

// Televisions.

async fn add_device(c: &mut Connection, device: Device) -> sqlx::Result<Change<bool>> {
    let added = sqlx::query::<Db>(
        "INSERT INTO device (user_code, device_code, client, device, place, state, person, poll_interval, polled_at, \
         too_fast, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, 'pending', NULL, $6, 0, 0, $7, $8) \
         ON CONFLICT DO NOTHING",
    )
    .bind(device.user_code.as_slice())
    .bind(device.device_code.as_slice())
    .bind(&device.client)
    .bind(&device.device)
    .bind(&device.place)
    .bind(units(device.interval))
    .bind(secs(device.created_at))
    .bind(secs(device.expires_at))
    .execute(&mut *c)
    .await?;
    Ok(Change::Commit(added.rows_affected() == 1))
}

fn device(row: &Row) -> sqlx::Result<Device> {
    Ok(Device {
        user_code: hash(row, 0)?,
        device_code: hash(row, 1)?,
        client: row.try_get(2)?,
        device: row.try_get(3)?,
        place: row.try_get(4)?,
        interval: number(row, 5)?,
        created_at: unix(row.try_get(6)?),
        expires_at: unix(row.try_get(7)?),
    })
}

async fn decide_device(
    c: &mut Connection,
    user_code: Hash,
    person: Option<PersonId>,
    now: UnixTime,
) -> sqlx::Result<Change<bool>> {
    let state = if person.is_some() {
        "approved"
    } else {
        "denied"
    };
    let decided = sqlx::query::<Db>(
        "UPDATE device SET state = $2, person = $3 WHERE user_code = $1 AND state = 'pending' AND expires_at > $4",
    )
    .bind(user_code.as_slice())
    .bind(state)
    .bind(person.as_ref().map(PersonId::as_str))
    .bind(secs(now))
    .execute(&mut *c)
    .await?;
    Ok(Change::Commit(decided.rows_affected() == 1))
}

async fn poll_device(
    c: &mut Connection,
    device_code: Hash,
    now: UnixTime,
) -> sqlx::Result<Change<Polled>> {
    let approved = sqlx::query::<Db>(
        "DELETE FROM device WHERE device_code = $1 AND state = 'approved' AND expires_at > $2 RETURNING person",
    )
    .bind(device_code.as_slice())
    .bind(secs(now))
    .fetch_optional(&mut *c)
    .await?;
    if let Some(row) = approved {
        let person = PersonId::new(row.try_get::<String, _>(0)?).map_err(odd)?;
        return Ok(Change::Commit(Polled::Approved(person)));
    }
    // RFC 8628, section 3.5: each slow_down adds five seconds for good.
    let polled = sqlx::query::<Db>(
        "UPDATE device SET too_fast = CASE WHEN $2 < polled_at + poll_interval THEN 1 ELSE 0 END, \
         poll_interval = CASE WHEN $2 < polled_at + poll_interval THEN poll_interval + 5 ELSE poll_interval END, \
         polled_at = $2 WHERE device_code = $1 AND expires_at > $2 RETURNING state, too_fast, poll_interval",
    )
    .bind(device_code.as_slice())
    .bind(secs(now))
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = polled else {
        return Ok(Change::Rollback(Polled::Ended));
    };
    Ok(Change::Commit(
        match row.try_get::<String, _>(0)?.as_str() {
            "denied" => Polled::Denied,
            _ if row.try_get::<i64, _>(1)? == 1 => Polled::SlowDown(number(&row, 2)?),
            _ => Polled::Pending,
        },
    ))
}

// Records.

async fn put_new(
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

async fn put(c: &mut Connection, new: Record) -> sqlx::Result<Change<()>> {
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

async fn get(
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
fn record(space: &str, key: Vec<u8>, row: &Row) -> sqlx::Result<Record> {
    Ok(Record {
        space: space.to_owned(),
        key,
        value: row.try_get(0)?,
        expires_at: row.try_get::<Option<i64>, _>(1)?.map(unix),
    })
}

async fn delete(c: &mut Connection, space: String, key: Vec<u8>) -> sqlx::Result<Change<bool>> {
    let gone = sqlx::query::<Db>("DELETE FROM record WHERE space = $1 AND record = $2")
        .bind(space)
        .bind(key)
        .execute(&mut *c)
        .await?;
    Ok(Change::Commit(gone.rows_affected() == 1))
}

// Keeping house.

async fn sealed_elsewhere(c: &mut Connection, key: u32, most: u32) -> sqlx::Result<Vec<Sealed>> {
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

async fn reseal(
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

async fn sweep(c: &mut Connection, now: UnixTime) -> sqlx::Result<Change<Swept>> {
    let mut swept = Swept::default();
    let challenges = sqlx::query::<Db>(
        "DELETE FROM challenge WHERE expires_at <= $1 RETURNING channel, purpose",
    )
    .bind(secs(now))
    .fetch_all(&mut *c)
    .await?;
    swept.rows += challenges.len() as u64;
    for row in &challenges {
        swept.expired.push((channel(row, 0)?, purpose(row, 1)?));
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

// Writing and reading columns.

/// A quantity, or more than there can be of it.
fn units(quantity: u64) -> i64 {
    i64::try_from(quantity).unwrap_or(i64::MAX).min(1 << 50)
}

fn last_step(memory: Memory) -> i64 {
    memory
        .last_step
        .map_or(-1, |step| i64::try_from(step).unwrap_or(i64::MAX))
}

fn number<N: TryFrom<i64>>(row: &Row, column: usize) -> sqlx::Result<N>
where
    N::Error: std::error::Error + Send + Sync + 'static,
{
    N::try_from(row.try_get(column)?).map_err(odd)
}

fn hash(row: &Row, column: usize) -> sqlx::Result<Hash> {
    Hash::try_from(row.try_get::<Vec<u8>, _>(column)?.as_slice()).map_err(odd)
}

fn channel(row: &Row, column: usize) -> sqlx::Result<Channel> {
    Channel::from_word(row.try_get::<&str, _>(column)?).ok_or(sqlx::Error::RowNotFound)
}

fn purpose(row: &Row, column: usize) -> sqlx::Result<Purpose> {
    Purpose::from_word(row.try_get::<&str, _>(column)?).ok_or(sqlx::Error::RowNotFound)
}

/// A row that we never wrote.
fn odd(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
