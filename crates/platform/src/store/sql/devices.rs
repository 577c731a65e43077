//! Televisions that ask.
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use super::columns::{hash, number, odd, units};
use super::records::{get, put};
use super::{Connection, Db, Row};
use crate::PersonId;
use crate::store::{Change, Device, FORGOTTEN, Hash, Keep, Polled, secs, unix, was_before};

pub(super) async fn add_device(c: &mut Connection, device: Device) -> sqlx::Result<Change<bool>> {
    let added = sqlx::query::<Db>(
        "INSERT INTO device (user_code, device_code, client, device, place, state, person, poll_interval, polled_at, \
         too_fast, created_at, expires_at, asked_from) VALUES ($1, $2, $3, $4, $5, 'pending', NULL, $6, 0, 0, $7, $8, $9) \
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
    .bind(device.asked_from.to_vec())
    .execute(&mut *c)
    .await?;
    Ok(Change::Commit(added.rows_affected() == 1))
}

pub(super) fn device(row: &Row) -> sqlx::Result<Device> {
    Ok(Device {
        user_code: hash(row, 0)?,
        device_code: hash(row, 1)?,
        client: row.try_get(2)?,
        device: row.try_get(3)?,
        place: row.try_get(4)?,
        interval: number(row, 5)?,
        created_at: unix(row.try_get(6)?),
        expires_at: unix(row.try_get(7)?),
        // Those of before it was kept asked from nowhere.
        asked_from: hash(row, 8).unwrap_or_default(),
    })
}

pub(super) async fn decide_device(
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

pub(super) async fn poll_device(
    c: &mut Connection,
    device_code: Hash,
    client: String,
    keep: Option<Keep>,
    now: UnixTime,
) -> sqlx::Result<Change<Polled>> {
    let approved = sqlx::query::<Db>(
        "DELETE FROM device WHERE device_code = $1 AND client = $3 AND state = 'approved' AND expires_at > $2 \
         RETURNING person, created_at",
    )
    .bind(device_code.as_slice())
    .bind(secs(now))
    .bind(&client)
    .fetch_optional(&mut *c)
    .await?;
    if let Some(row) = approved {
        let person = PersonId::new(row.try_get::<String, _>(0)?).map_err(odd)?;
        let asked = unix(row.try_get(1)?);
        let gone = get(c, FORGOTTEN, person.as_str().as_bytes(), now).await?;
        if gone.is_some_and(|gone| was_before(&gone, asked)) {
            return Ok(Change::Commit(Polled::Ended));
        }
        if let Some(keep) = keep {
            put(c, keep(&person)).await?;
        }
        return Ok(Change::Commit(Polled::Approved(person)));
    }
    // RFC 8628, section 3.5: each slow_down adds five seconds for good.
    let polled = sqlx::query::<Db>(
        "UPDATE device SET too_fast = CASE WHEN $2 < polled_at + poll_interval THEN 1 ELSE 0 END, \
         poll_interval = CASE WHEN $2 < polled_at + poll_interval THEN poll_interval + 5 ELSE poll_interval END, \
         polled_at = $2 WHERE device_code = $1 AND client = $3 AND expires_at > $2 RETURNING state, too_fast, poll_interval",
    )
    .bind(device_code.as_slice())
    .bind(secs(now))
    .bind(&client)
    .fetch_optional(&mut *c)
    .await?;
    let Some(row) = polled else {
        let others = sqlx::query::<Db>(
            "SELECT client FROM device WHERE device_code = $1 AND expires_at > $2",
        )
        .bind(device_code.as_slice())
        .bind(secs(now))
        .fetch_optional(&mut *c)
        .await?;
        return Ok(Change::Rollback(match others {
            Some(_) => Polled::OtherClient,
            None => Polled::Ended,
        }));
    };
    Ok(Change::Commit(
        match row.try_get::<String, _>(0)?.as_str() {
            "denied" => Polled::Denied,
            _ if row.try_get::<i64, _>(1)? == 1 => Polled::SlowDown(number(&row, 2)?),
            _ => Polled::Pending,
        },
    ))
}
