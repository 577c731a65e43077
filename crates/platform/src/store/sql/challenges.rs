//! Addresses, and the codes that go to them.
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use super::attempts::{COUNT, Counting, THEIRS, forgive, has, refused};
use super::columns::{channel, hash, number, odd, purpose, units};
use super::records::put;
use super::{Connection, Db, FOR_UPDATE, Row, together};
use crate::store::{
    AttemptKeys, Bucket, COOLDOWN, Challenge, Change, Contact, Conversion, FIRST_COOLDOWN, Hash,
    Keep, NewChallenge, QUIET, Queued, Quota, Resend, Sending, Tried, Turn, Which, day_of, secs,
    unix,
};
use crate::{PersonId, Purpose};

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

pub(super) async fn open_challenge(
    c: &mut Connection,
    recipient: Hash,
    purpose: Purpose,
    until: UnixTime,
) -> sqlx::Result<Option<Challenge>> {
    let row = sqlx::query::<Db>(
        "SELECT id, recipient, purpose, channel, person, mac, sealed, tries, expires_at, origin FROM challenge \
         WHERE recipient = $1 AND purpose = $2 AND expires_at >= $3 ORDER BY expires_at DESC, id LIMIT 1",
    )
    .bind(recipient.to_vec())
    .bind(purpose.as_str())
    .bind(secs(until))
    .fetch_optional(&mut *c)
    .await?;
    row.as_ref().map(challenge).transpose()
}

pub(super) async fn start_challenge(
    c: &mut Connection,
    new: NewChallenge,
) -> sqlx::Result<Change<Sending>> {
    let sending = take_quota(c, &new.quota, new.joins, new.now).await?;
    if !matches!(sending, Sending::Queued { .. } | Sending::Joined { .. }) {
        return Ok(Change::Rollback(sending));
    }
    let row = new.challenge;
    sqlx::query::<Db>(
        "INSERT INTO challenge (id, recipient, purpose, channel, person, mac, sealed, tries, expires_at, origin) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
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
    .bind(&row.origin)
    .execute(&mut *c)
    .await?;
    if let Sending::Queued { .. } = sending {
        queue(c, &new.message, new.void, new.now).await?;
    }
    Ok(Change::Commit(sending))
}

pub(super) async fn resend(c: &mut Connection, again: Resend) -> sqlx::Result<Change<Sending>> {
    // The turns first, as in `start_challenge`.
    let sending = take_quota(c, &again.quota, false, again.now).await?;
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

/// Takes what one message costs: the asker's turn, then the recipient's, then each budget.
async fn take_quota(
    c: &mut Connection,
    quota: &Quota,
    joins: bool,
    now: UnixTime,
) -> sqlx::Result<Sending> {
    let next_at = match take_turn(c, &quota.asker, now).await? {
        Sending::Queued { next_at } => next_at,
        refused => return Ok(refused),
    };
    Ok(match take_rest(c, quota, now).await? {
        Some(_) if joins => Sending::Joined { next_at },
        Some(refused) => refused,
        None => Sending::Queued { next_at },
    })
}

/// What refuses, if something does.
async fn take_rest(
    c: &mut Connection,
    quota: &Quota,
    now: UnixTime,
) -> sqlx::Result<Option<Sending>> {
    if let Some(all) = &quota.all {
        let taken = take_turn(c, all, now).await?;
        if !matches!(taken, Sending::Queued { .. }) {
            return Ok(Some(taken));
        }
    }
    if let Some(conversion) = &quota.conversion {
        let counted = async |c: &mut Connection, name: &str| {
            let row = sqlx::query::<Db>("SELECT units FROM spend WHERE budget = $1 AND day = $2")
                .bind(name.to_owned())
                .bind(day_of(now))
                .fetch_optional(&mut *c)
                .await?;
            row.map_or(Ok(0), |row| row.try_get::<i64, _>(0))
        };
        let sent = counted(c, &conversion.sent).await?;
        if !Conversion::is_fine(sent, counted(c, &conversion.redeemed).await?) {
            return Ok(Some(Sending::Paused));
        }
        let real = quota.spend.first().is_none_or(|spend| spend.real);
        count(c, conversion.sent.clone(), u64::from(real), now).await?;
    }
    for spend in &quota.spend {
        let in_budget = sqlx::query::<Db>(
            "INSERT INTO spend (budget, day, units) SELECT $1, $2, $5 WHERE $3 <= $4 \
             ON CONFLICT (budget, day) DO UPDATE SET units = spend.units + $5 \
             WHERE spend.units + $3 <= $4 RETURNING units",
        )
        .bind(&spend.budget)
        .bind(day_of(now))
        .bind(units(spend.units))
        .bind(units(spend.per_day))
        .bind(if spend.real { units(spend.units) } else { 0 })
        .fetch_optional(&mut *c)
        .await?;
        if in_budget.is_none() {
            return Ok(Some(Sending::BudgetSpent));
        }
    }
    Ok(None)
}

pub(super) async fn count(
    c: &mut Connection,
    name: String,
    quantity: u64,
    now: UnixTime,
) -> sqlx::Result<()> {
    sqlx::query::<Db>(
        "INSERT INTO spend (budget, day, units) VALUES ($1, $2, $3) \
         ON CONFLICT (budget, day) DO UPDATE SET units = spend.units + $3",
    )
    .bind(name)
    .bind(day_of(now))
    .bind(units(quantity))
    .execute(&mut *c)
    .await?;
    Ok(())
}

async fn take_turn(c: &mut Connection, turn: &Turn, now: UnixTime) -> sqlx::Result<Sending> {
    let (today, now) = (day_of(now), secs(now));
    let taken = sqlx::query::<Db>(
        "INSERT INTO recipient (recipient, day, sent, in_a_row, next_at) VALUES ($1, $2, 1, 1, $3 + $4) \
         ON CONFLICT (recipient) DO UPDATE SET \
         sent = CASE WHEN recipient.day = $2 THEN recipient.sent + 1 ELSE 1 END, day = $2, \
         in_a_row = CASE WHEN recipient.next_at + $6 <= $3 THEN 1 ELSE recipient.in_a_row + 1 END, \
         next_at = $3 + CASE WHEN recipient.next_at + $6 <= $3 THEN $4 ELSE $5 END \
         WHERE (recipient.next_at <= $3 OR recipient.next_at > $3 + $5) AND (recipient.day <> $2 OR recipient.sent < $7) RETURNING next_at",
    )
    .bind(turn.key.to_vec())
    .bind(today)
    .bind(now)
    .bind(FIRST_COOLDOWN as i64)
    .bind(COOLDOWN as i64)
    .bind(QUIET as i64)
    .bind(i64::from(turn.per_day))
    .fetch_optional(&mut *c)
    .await?;
    if let Some(row) = taken {
        return Ok(Sending::Queued {
            next_at: unix(row.try_get(0)?),
        });
    }
    let row = sqlx::query::<Db>("SELECT next_at, day, sent FROM recipient WHERE recipient = $1")
        .bind(turn.key.to_vec())
        .fetch_one(&mut *c)
        .await?;
    let capped =
        row.try_get::<i64, _>(1)? == today && row.try_get::<i64, _>(2)? >= i64::from(turn.per_day);
    Ok(if capped {
        Sending::DailyCap
    } else {
        Sending::Cooldown {
            until: unix(row.try_get(0)?),
        }
    })
}

pub(super) async fn count_try(
    c: &mut Connection,
    id: String,
    account: Hash,
    theirs: Bucket,
    now: UnixTime,
) -> sqlx::Result<Change<Tried>> {
    let attempt = Counting {
        account,
        buckets: [theirs, theirs],
        theirs,
        of: Which::Id(String::new()),
        now,
    };
    // A challenge before the account, as in `redeem`, so that two transactions never wait for each other.
    let row = sqlx::query::<Db>(
        "UPDATE challenge SET tries = tries + 1 WHERE id = $1 AND expires_at > $2 AND tries < $3 \
         RETURNING id, recipient, purpose, channel, person, mac, sealed, tries, expires_at, origin",
    )
    .bind(id)
    .bind(secs(now))
    .bind(i64::from(Challenge::TRIES))
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = row else {
        return Ok(Change::Rollback(Tried::Ended));
    };
    let counted = together(c, &[THEIRS, COUNT], |query| attempt.bind(query)).await?;
    if !has(&counted, &account) {
        return Ok(Change::Rollback(Tried::Refused(
            refused(c, &attempt).await?,
        )));
    }
    Ok(Change::Commit(Tried::Yes(Box::new(challenge(&row)?))))
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
        origin: row.try_get(9)?,
    })
}

pub(super) async fn redeem(
    c: &mut Connection,
    id: String,
    new: Option<Contact>,
    attempt: AttemptKeys,
    keep: Option<Keep>,
    now: UnixTime,
) -> sqlx::Result<Change<Option<PersonId>>> {
    // Whoever asked for the same address has the same code: it is used up for all of them.
    let closed = sqlx::query::<Db>(
        "DELETE FROM challenge WHERE origin = (SELECT origin FROM challenge WHERE id = $1 AND expires_at > $2) \
         RETURNING id, person",
    )
    .bind(&id)
    .bind(secs(now))
    .fetch_all(&mut *c)
    .await?;
    let mut theirs = None;
    for row in closed {
        let other: String = row.try_get(0)?;
        sqlx::query::<Db>("DELETE FROM message WHERE challenge = $1")
            .bind(&other)
            .execute(&mut *c)
            .await?;
        if other == id {
            theirs = Some(row);
        }
    }
    let Some(row) = theirs else {
        return Ok(Change::Rollback(None));
    };
    let person = match &new {
        Some(contact) => Some(add_contact(c, contact).await?),
        None => row
            .try_get::<Option<String>, _>(1)?
            .map(PersonId::new)
            .transpose()
            .map_err(odd)?,
    };
    forgive(c, &attempt, now).await?;
    if let (Some(person), Some(keep)) = (&person, keep) {
        put(c, keep(person)).await?;
    }
    Ok(Change::Commit(person))
}
