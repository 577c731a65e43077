//! The statements, compiled once for SQLite and once for PostgreSQL: `super` says which, and where they differ.
mod attempts;
mod challenges;
mod columns;
mod credentials;
mod devices;
mod house;
mod messages;
mod records;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use self::attempts::{Counting, accept_step, count_attempt, refund, spend};
use self::challenges::{
    add_contact, challenge, contact, count_try, person_of, redeem, resend, start_challenge,
};
use self::credentials::{activate, add_credential, credential, forget, revoke};
use self::devices::{add_device, decide_device, device, poll_device};
use self::house::{reseal, sealed_elsewhere, sweep};
use self::messages::{claim, settle};
use self::records::{delete, get, put, put_new, record};
use super::{ACCEPT, CLAIM, Connection, Db, FOR_UPDATE, Here, ONE_WRITER, REMEMBER, together};
use crate::PersonId;
use crate::store::{
    Accept, AttemptKeys, Bucket, Challenge, Change, Contact, Counted, Credential, Device, Full,
    Hash, NewChallenge, Outcome, Polled, Queued, Record, Resend, Sealed, Sending, Store,
    StoreError, Swept, Which, after_prefix, secs,
};

pub(super) type Row = <Db as sqlx::Database>::Row;
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>;

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
        of: &Which,
        now: UnixTime,
    ) -> Result<Counted, StoreError> {
        // Rows that many share are not held while the disk takes the account's; with one writer all share one commit.
        if !ONE_WRITER && let Some(full) = self.spend(buckets, now).await? {
            return Ok(Counted::Full(full));
        }
        let attempt = Counting {
            account: *account,
            buckets: *buckets,
            of: of.clone(),
            now,
        };
        self.write_after(move |c, begin| Box::pin(count_attempt(c, begin, attempt)))
            .await
    }

    async fn accept(&self, accept: &Accept) -> Result<bool, StoreError> {
        let a = accept.clone();
        self.write_after(move |c, begin| Box::pin(accept_step(c, begin, a)))
            .await
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
