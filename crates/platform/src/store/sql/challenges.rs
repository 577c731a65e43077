//! Addresses, and the codes that go to them.
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use super::attempts::forgive;
use super::columns::{channel, hash, number, odd, purpose, units};
use super::{Connection, Db, FOR_UPDATE, Row};
use crate::PersonId;
use crate::store::{
    AttemptKeys, COOLDOWN, Challenge, Change, Contact, FIRST_COOLDOWN, Hash, NewChallenge, QUIET,
    Queued, Quota, Resend, Sending, day_of, secs, unix,
};

pub(super) async fn person_of(
    c: &mut Connection,
    contact: &Hash,
) -> sqlx::Result<Option<PersonId>> {
    let row = sqlx::query::<Db>("SELECT person FROM contact WHERE hash = $1")
        .bind(contact.as_slice())
        .fetch_optional(&mut *c)
        .await?;
    row.map(|row| PersonId::new(row.try_get::<String, _>(0)?).map_err(odd))
        .transpose()
}

pub(super) async fn add_contact(c: &mut Connection, contact: &Contact) -> sqlx::Result<PersonId> {
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

pub(super) fn contact(row: &Row) -> sqlx::Result<Contact> {
    Ok(Contact {
        hash: hash(row, 0)?,
        person: PersonId::new(row.try_get::<String, _>(1)?).map_err(odd)?,
        channel: channel(row, 2)?,
        sealed: row.try_get(3)?,
        key: number(row, 4)?,
    })
}

pub(super) async fn start_challenge(
    c: &mut Connection,
    new: NewChallenge,
) -> sqlx::Result<Change<Sending>> {
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

pub(super) async fn resend(c: &mut Connection, again: Resend) -> sqlx::Result<Change<Sending>> {
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

pub(super) async fn count_try(
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

pub(super) fn challenge(row: &Row) -> sqlx::Result<Challenge> {
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

pub(super) async fn redeem(
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
