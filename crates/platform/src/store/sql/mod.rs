//! The statements, compiled once for SQLite and once for PostgreSQL: `super` says which, and where they differ.
pub(super) mod attempts;
mod challenges;
mod columns;
pub(super) mod credentials;
mod devices;
mod house;
mod messages;
pub(super) mod records;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use sqlx::Row as _;

use self::attempts::{Counting, refund, spend};
use self::challenges::{
    add_contact, challenge, contact, count, count_try, open_challenge, person_of, redeem, resend,
    start_challenge,
};
use self::credentials::{activate, add_credential, credential, forget, revoke};
use self::devices::{add_device, decide_device, device, poll_device};
use self::house::{begin_timeline, reseal, sealed_elsewhere, sweep};
use self::messages::{claim, settle};
use self::records::{delete, get, put, put_new, record, replace};
use super::{CLAIM, Connection, Db, FOR_UPDATE, Here, REMEMBER, together};
use crate::store::{
    Accept, AttemptKeys, Bucket, Challenge, Change, Contact, Counted, Credential, Device, Full,
    Hash, Keep, NewChallenge, Outcome, Polled, Queued, Record, Resend, Sealed, Sending, Store,
    StoreError, Swept, Tried, Which, after_prefix, secs,
};
use crate::{PersonId, Purpose};

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
        let timeline = accept.attempt.timeline.clone();
        self.write_on(timeline, move |c| Box::pin(activate(c, accept)))
            .await
    }

    async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError> {
        let person = person.clone();
        self.write(move |c| Box::pin(revoke(c, person))).await
    }

    async fn forget(&self, person: &PersonId, now: UnixTime) -> Result<(), StoreError> {
        let person = person.clone();
        self.write(move |c| Box::pin(forget(c, person, now))).await
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
        theirs: &Bucket,
        of: &Which,
        now: UnixTime,
    ) -> Result<Counted, StoreError> {
        let attempt = Counting {
            account: *account,
            buckets: *buckets,
            theirs: *theirs,
            of: of.clone(),
            now,
        };
        self.count_one(attempt).await
    }

    async fn accept(&self, accept: &Accept) -> Result<bool, StoreError> {
        self.accept_step(accept.clone()).await
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

    async fn open_challenge(
        &self,
        recipient: &Hash,
        purpose: Purpose,
        until: UnixTime,
    ) -> Result<Option<Challenge>, StoreError> {
        let mut c = self.read().await?;
        Ok(open_challenge(&mut c, *recipient, purpose, until).await?)
    }

    async fn start_challenge(&self, new: &NewChallenge) -> Result<Sending, StoreError> {
        let new = new.clone();
        self.write(move |c| Box::pin(start_challenge(c, new))).await
    }

    async fn challenge(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError> {
        let mut c = self.read().await?;
        let row = sqlx::query::<Db>(
            "SELECT id, recipient, purpose, channel, person, mac, sealed, tries, expires_at, origin FROM challenge \
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

    async fn count_try(
        &self,
        id: &str,
        account: &Hash,
        theirs: &Bucket,
        now: UnixTime,
    ) -> Result<Tried, StoreError> {
        let (id, account, theirs) = (id.to_owned(), *account, *theirs);
        self.write(move |c| Box::pin(count_try(c, id, account, theirs, now)))
            .await
    }

    async fn redeem(
        &self,
        id: &str,
        contact: Option<&Contact>,
        attempt: &AttemptKeys,
        keep: Option<Keep>,
        now: UnixTime,
    ) -> Result<Option<PersonId>, StoreError> {
        let (id, contact, attempt) = (id.to_owned(), contact.cloned(), attempt.clone());
        self.write_on(attempt.timeline.clone(), move |c| {
            Box::pin(redeem(c, id, contact, attempt, keep, now))
        })
        .await
    }

    async fn count(&self, name: &str, units: u64, now: UnixTime) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c| {
            Box::pin(async move { Ok(Change::Commit(count(c, name, units, now).await?)) })
        })
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
            "SELECT user_code, device_code, client, device, place, poll_interval, created_at, expires_at, asked_from FROM device \
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

    async fn poll_device(
        &self,
        device_code: &Hash,
        client: &str,
        keep: Option<Keep>,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let (device_code, client) = (*device_code, client.to_owned());
        self.write(move |c| Box::pin(poll_device(c, device_code, client, keep, now)))
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

    async fn replace(&self, old: &Record, new: &Record) -> Result<bool, StoreError> {
        let (old, new) = (old.clone(), new.clone());
        self.write(move |c| {
            Box::pin(async move { Ok(Change::Commit(replace(c, old, new).await?)) })
        })
        .await
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

    async fn clock(&self) -> Result<Option<UnixTime>, StoreError> {
        self.time_there().await
    }

    fn timeline(&self) -> Option<String> {
        self.history()
    }

    async fn begin_timeline(&self, new: &Record, old: &Record) -> Result<bool, StoreError> {
        let (new, old) = (new.clone(), old.clone());
        self.write(move |c| Box::pin(begin_timeline(c, new, old)))
            .await
    }

    async fn some_contacts(&self, most: u32) -> Result<Vec<Contact>, StoreError> {
        let mut c = self.read().await?;
        let rows = sqlx::query::<Db>(
            "SELECT hash, person, channel, sealed, sealing_key FROM contact LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(&mut *c)
        .await?;
        Ok(rows.iter().map(contact).collect::<sqlx::Result<_>>()?)
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
