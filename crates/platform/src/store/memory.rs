//! In memory: for tests, and to try things out. Everything is lost with the process.
use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use couchkey_otp::verify::{Refused, Throttle};

use super::{
    Accept, AttemptKeys, Bucket, COOLDOWN, Challenge, Contact, Counted, Credential, Device,
    FIRST_COOLDOWN, Full, Hash, NewChallenge, Outcome, Polled, QUIET, Queued, Quota, Record,
    Resend, Sealed, SealedKind, Sending, Store, StoreError, Swept, Which, day_of,
};
use crate::{Channel, PersonId, Purpose};

/// The same rules as the databases, in one process's memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<Tables>);

impl MemoryStore {
    /// An empty one.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Held for one transaction.
    fn tables(&self) -> std::sync::MutexGuard<'_, Tables> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Tables {
    credentials: Vec<Credential>,
    attempts: HashMap<Hash, Throttle>,
    /// When each bucket is empty, in milliseconds.
    buckets: HashMap<Hash, i64>,
    contacts: HashMap<Hash, Contact>,
    challenges: HashMap<String, Challenge>,
    recipients: HashMap<Hash, Turns>,
    spend: HashMap<(String, i64), u64>,
    messages: Vec<(Queued, Due)>,
    devices: Vec<(Device, Answer)>,
    records: HashMap<(String, Vec<u8>), Record>,
}

/// What a recipient got.
#[derive(Clone, Copy)]
struct Turns {
    day: i64,
    sent: u32,
    in_a_row: u32,
    next_at: UnixTime,
}

struct Due {
    void: bool,
    at: UnixTime,
}

enum Answer {
    Pending { polled_at: UnixTime },
    Approved(PersonId),
    Denied,
}

fn later(time: UnixTime, secs: u64) -> UnixTime {
    UnixTime::from_secs(time.as_secs().saturating_add(secs))
}

fn millis(time: UnixTime) -> i64 {
    super::secs(time) * 1_000
}

const HOUR_MS: i64 = 3_600_000;

impl Tables {
    fn active(&self, person: &str) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|c| c.active && c.person == person)
    }

    fn forgive(&mut self, attempt: &AttemptKeys, now: UnixTime) {
        self.buckets.remove(&attempt.address.key);
        self.refund(&attempt.network, now);
        for account in attempt.accounts.iter().flatten() {
            self.attempts.remove(account);
        }
    }

    fn refund(&mut self, bucket: &Bucket, now: UnixTime) {
        if let Some(empty_at) = self.buckets.get_mut(&bucket.key)
            && *empty_at > millis(now)
        {
            *empty_at -= bucket.drain_ms();
        }
    }

    /// Says what would be sent; changes nothing unless it is queued.
    fn take_quota(&mut self, quota: &Quota, now: UnixTime) -> Sending {
        let today = day_of(now);
        let turns = self.recipients.get(&quota.recipient).copied();
        if let Some(turns) = turns {
            if turns.day == today && turns.sent >= quota.per_day {
                return Sending::DailyCap;
            }
            if now < turns.next_at {
                return Sending::Cooldown {
                    until: turns.next_at,
                };
            }
        }
        let spent = |tables: &Tables, budget: &String| {
            let key = (budget.clone(), today);
            tables.spend.get(&key).copied().unwrap_or(0)
        };
        if quota
            .spend
            .iter()
            .any(|s| spent(self, &s.budget).saturating_add(s.units) > s.per_day)
        {
            return Sending::BudgetSpent;
        }
        for s in quota.spend.iter().filter(|s| s.real) {
            *self.spend.entry((s.budget.clone(), today)).or_default() += s.units;
        }
        let in_a_row = match turns {
            Some(turns) if now < later(turns.next_at, QUIET) => turns.in_a_row + 1,
            _ => 1,
        };
        let wait = if in_a_row == 1 {
            FIRST_COOLDOWN
        } else {
            COOLDOWN
        };
        let next_at = later(now, wait);
        let sent = match turns {
            Some(turns) if turns.day == today => turns.sent + 1,
            _ => 1,
        };
        let turns = Turns {
            day: today,
            sent,
            in_a_row,
            next_at,
        };
        self.recipients.insert(quota.recipient, turns);
        Sending::Queued { next_at }
    }

    fn open(&self, id: &str, now: UnixTime) -> Option<&Challenge> {
        self.challenges.get(id).filter(|c| c.expires_at > now)
    }

    fn queue(&mut self, message: Queued, void: bool, at: UnixTime) {
        self.messages.push((message, Due { void, at }));
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn add_credential(&self, new: &Credential, rotates: bool) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        if tables.active(&new.person).is_some() != rotates {
            return Ok(false);
        }
        tables
            .credentials
            .retain(|c| c.person != new.person || c.active != new.active);
        tables.credentials.push(new.clone());
        Ok(true)
    }

    async fn credential(&self, which: &Which) -> Result<Option<Credential>, StoreError> {
        let tables = self.tables();
        let found = match which {
            Which::Id(id) => tables.credentials.iter().find(|c| c.id == *id),
            Which::ActiveOrNobodys(person) => {
                tables.active(person.as_str()).or_else(|| tables.active(""))
            }
        };
        Ok(found.cloned())
    }

    async fn activate(&self, accept: &Accept) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let pending = tables
            .credentials
            .iter()
            .find(|c| c.id == accept.id && !c.active && c.expires_at > accept.now);
        let Some(mut new) = pending.cloned() else {
            return Ok(false);
        };
        tables.credentials.retain(|c| c.person != new.person);
        new.active = true;
        new.memory = accept.memory;
        tables.credentials.push(new);
        tables.forgive(&accept.attempt, accept.now);
        Ok(true)
    }

    async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let before = tables.credentials.len();
        tables.credentials.retain(|c| c.person != person.as_str());
        Ok(tables.credentials.len() < before)
    }

    async fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        self.revoke(person).await?;
        let mut tables = self.tables();
        let Tables {
            contacts,
            challenges,
            messages,
            ..
        } = &mut *tables;
        challenges.retain(|id, challenge| {
            let theirs = contacts.get(&challenge.recipient);
            let stays = theirs.is_none_or(|contact| contact.person != *person);
            messages.retain(|(message, _)| stays || message.challenge != *id);
            stays
        });
        contacts.retain(|_, contact| contact.person != *person);
        Ok(())
    }

    async fn spend(
        &self,
        buckets: &[Bucket; 2],
        now: UnixTime,
    ) -> Result<Option<Full>, StoreError> {
        let mut tables = self.tables();
        let mut taken = Vec::new();
        for (place, bucket) in buckets.iter().enumerate() {
            let empty_at = tables.buckets.get(&bucket.key).copied().unwrap_or(0);
            let next = empty_at.max(millis(now)) + bucket.drain_ms();
            if next > millis(now) + HOUR_MS {
                let until = empty_at + bucket.drain_ms() - HOUR_MS;
                return Ok(Some(Full {
                    bucket: place,
                    until: super::unix((until + 999) / 1_000),
                }));
            }
            taken.push((bucket.key, next));
        }
        tables.buckets.extend(taken);
        Ok(None)
    }

    async fn refund(&self, buckets: &[Bucket; 2], now: UnixTime) -> Result<(), StoreError> {
        let mut tables = self.tables();
        for bucket in buckets {
            tables.refund(bucket, now);
        }
        Ok(())
    }

    async fn count_attempt(
        &self,
        account: &Hash,
        buckets: &[Bucket; 2],
        of: &Which,
        now: UnixTime,
    ) -> Result<Counted, StoreError> {
        if let Some(full) = self.spend(buckets, now).await? {
            return Ok(Counted::Full(full));
        }
        {
            let mut tables = self.tables();
            let throttle = tables.attempts.entry(*account).or_default();
            match throttle.attempt(now) {
                Ok(next) => *throttle = next,
                Err(Refused::Wait { until }) => return Ok(Counted::Wait { until }),
                Err(Refused::Stopped) => return Ok(Counted::Stopped),
            }
        }
        Ok(Counted::Yes(self.credential(of).await?.map(Box::new)))
    }

    async fn accept(&self, accept: &Accept) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let row = tables
            .credentials
            .iter_mut()
            .find(|c| c.id == accept.id && c.active && c.person == accept.person.as_str());
        match row {
            Some(row) if row.memory.last_step < accept.memory.last_step => {
                row.memory = accept.memory;
            }
            _ => return Ok(false),
        }
        tables.forgive(&accept.attempt, accept.now);
        Ok(true)
    }

    async fn person_of(&self, contact: &Hash) -> Result<Option<PersonId>, StoreError> {
        Ok(self
            .tables()
            .contacts
            .get(contact)
            .map(|c| c.person.clone()))
    }

    async fn add_contact(&self, contact: &Contact) -> Result<PersonId, StoreError> {
        let mut tables = self.tables();
        let kept = tables
            .contacts
            .entry(contact.hash)
            .or_insert_with(|| contact.clone());
        Ok(kept.person.clone())
    }

    async fn contacts(&self, person: &PersonId) -> Result<Vec<Contact>, StoreError> {
        let tables = self.tables();
        let mut found: Vec<Contact> = tables
            .contacts
            .values()
            .filter(|c| c.person == *person)
            .cloned()
            .collect();
        found.sort_by_key(|c| c.hash);
        Ok(found)
    }

    async fn start_challenge(&self, new: &NewChallenge) -> Result<Sending, StoreError> {
        let mut tables = self.tables();
        let sending = tables.take_quota(&new.quota, new.now);
        if let Sending::Queued { .. } = sending {
            let row = &new.challenge;
            let ended: Vec<String> = tables
                .challenges
                .values()
                .filter(|c| c.recipient == row.recipient && c.purpose == row.purpose)
                .map(|c| c.id.clone())
                .collect();
            for id in ended {
                tables.challenges.remove(&id);
                tables.messages.retain(|(m, _)| m.challenge != id);
            }
            tables.challenges.insert(row.id.clone(), row.clone());
            tables.queue(new.message.clone(), new.void, new.now);
        }
        Ok(sending)
    }

    async fn challenge(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError> {
        Ok(self.tables().open(id, now).cloned())
    }

    async fn resend(&self, again: &Resend) -> Result<Sending, StoreError> {
        let mut tables = self.tables();
        let open = tables.open(&again.challenge, again.now);
        if open.is_none_or(|c| c.tries >= Challenge::TRIES) {
            return Ok(Sending::Ended);
        }
        let sending = tables.take_quota(&again.quota, again.now);
        if let Sending::Queued { .. } = sending {
            tables.queue(again.message.clone(), again.void, again.now);
        }
        Ok(sending)
    }

    async fn count_try(&self, id: &str, now: UnixTime) -> Result<Option<Challenge>, StoreError> {
        let mut tables = self.tables();
        let open = tables
            .challenges
            .get_mut(id)
            .filter(|c| c.expires_at > now && c.tries < Challenge::TRIES);
        Ok(open.map(|challenge| {
            challenge.tries += 1;
            challenge.clone()
        }))
    }

    async fn redeem(
        &self,
        id: &str,
        contact: Option<&Contact>,
        attempt: &AttemptKeys,
        now: UnixTime,
    ) -> Result<Option<PersonId>, StoreError> {
        let mut tables = self.tables();
        if tables.open(id, now).is_none() {
            return Ok(None);
        }
        let challenge = tables.challenges.remove(id).expect("it is open");
        tables.messages.retain(|(m, _)| m.challenge != id);
        let person = match contact {
            Some(contact) => {
                let kept = tables
                    .contacts
                    .entry(contact.hash)
                    .or_insert_with(|| contact.clone());
                Some(kept.person.clone())
            }
            None => challenge.person,
        };
        tables.forgive(attempt, now);
        Ok(person)
    }

    async fn claim(&self, now: UnixTime, lease: u64, most: u32) -> Result<Vec<Queued>, StoreError> {
        let mut tables = self.tables();
        let mut due: Vec<&mut (Queued, Due)> = tables
            .messages
            .iter_mut()
            .filter(|(m, due)| !due.void && due.at <= now && m.expires_at > now)
            .collect();
        due.sort_by_key(|(_, due)| due.at);
        Ok(due
            .into_iter()
            .take(most as usize)
            .map(|(message, due)| {
                due.at = later(now, lease);
                message.attempt += 1;
                message.clone()
            })
            .collect())
    }

    async fn settle(&self, id: &str, attempt: u32, outcome: Outcome) -> Result<(), StoreError> {
        let mut tables = self.tables();
        match outcome {
            Outcome::Sent | Outcome::Refused => tables.messages.retain(|(m, _)| m.id != id),
            Outcome::Retry(at) => {
                for (message, due) in &mut tables.messages {
                    if message.id == id && message.attempt == attempt {
                        due.at = at;
                    }
                }
            }
        }
        Ok(())
    }

    async fn add_device(&self, device: &Device) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let taken = |(d, _): &(Device, Answer)| {
            d.user_code == device.user_code || d.device_code == device.device_code
        };
        if tables.devices.iter().any(taken) {
            return Ok(false);
        }
        let polled_at = UnixTime::from_secs(0);
        tables
            .devices
            .push((device.clone(), Answer::Pending { polled_at }));
        Ok(true)
    }

    async fn device(&self, user_code: &Hash, now: UnixTime) -> Result<Option<Device>, StoreError> {
        let tables = self.tables();
        let found = tables.devices.iter().find(|(d, answer)| {
            d.user_code == *user_code
                && d.expires_at > now
                && matches!(answer, Answer::Pending { .. })
        });
        Ok(found.map(|(device, _)| device.clone()))
    }

    async fn decide_device(
        &self,
        user_code: &Hash,
        person: Option<&PersonId>,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        for (device, answer) in &mut tables.devices {
            let pending = matches!(answer, Answer::Pending { .. });
            if device.user_code == *user_code && device.expires_at > now && pending {
                *answer = person.map_or(Answer::Denied, |p| Answer::Approved(p.clone()));
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn poll_device(&self, device_code: &Hash, now: UnixTime) -> Result<Polled, StoreError> {
        let mut tables = self.tables();
        let place = tables
            .devices
            .iter()
            .position(|(d, _)| d.device_code == *device_code && d.expires_at > now);
        let Some(place) = place else {
            return Ok(Polled::Ended);
        };
        let (device, answer) = &mut tables.devices[place];
        match answer {
            Answer::Approved(person) => {
                let person = person.clone();
                tables.devices.remove(place);
                Ok(Polled::Approved(person))
            }
            Answer::Denied => Ok(Polled::Denied),
            Answer::Pending { polled_at } => {
                let too_fast = now < later(*polled_at, device.interval);
                *polled_at = now;
                if too_fast {
                    device.interval += 5;
                    return Ok(Polled::SlowDown(device.interval));
                }
                Ok(Polled::Pending)
            }
        }
    }

    async fn put_new(&self, record: &Record, now: UnixTime) -> Result<Option<Record>, StoreError> {
        let mut tables = self.tables();
        let key = (record.space.clone(), record.key.clone());
        if let Some(there) = tables.records.get(&key)
            && there.expires_at.is_none_or(|at| at > now)
        {
            return Ok(Some(there.clone()));
        }
        tables.records.insert(key, record.clone());
        Ok(None)
    }

    async fn put(&self, record: &Record) -> Result<(), StoreError> {
        let key = (record.space.clone(), record.key.clone());
        self.tables().records.insert(key, record.clone());
        Ok(())
    }

    async fn get(
        &self,
        space: &str,
        key: &[u8],
        now: UnixTime,
    ) -> Result<Option<Record>, StoreError> {
        let tables = self.tables();
        let there = tables.records.get(&(space.to_owned(), key.to_vec()));
        Ok(there
            .filter(|r| r.expires_at.is_none_or(|at| at > now))
            .cloned())
    }

    async fn list(
        &self,
        space: &str,
        prefix: &[u8],
        now: UnixTime,
    ) -> Result<Vec<Record>, StoreError> {
        let tables = self.tables();
        let mut found: Vec<Record> = tables
            .records
            .values()
            .filter(|r| r.space == space && r.key.starts_with(prefix))
            .filter(|r| r.expires_at.is_none_or(|at| at > now))
            .cloned()
            .collect();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    async fn delete(&self, space: &str, key: &[u8]) -> Result<bool, StoreError> {
        let key = (space.to_owned(), key.to_vec());
        Ok(self.tables().records.remove(&key).is_some())
    }

    async fn sealed_elsewhere(&self, key: u32, most: u32) -> Result<Vec<Sealed>, StoreError> {
        let tables = self.tables();
        let credentials = tables.credentials.iter().filter(|c| c.key != key);
        let credentials = credentials.map(|c| Sealed {
            kind: SealedKind::Credential,
            id: c.id.clone(),
            person: c.person.clone(),
            bytes: c.sealed.clone(),
        });
        let contacts = tables.contacts.values().filter(|c| c.key != key);
        let contacts = contacts.map(|c| Sealed {
            kind: SealedKind::Contact,
            id: data_encoding::HEXLOWER.encode(&c.hash),
            person: c.person.as_str().to_owned(),
            bytes: c.sealed.clone(),
        });
        Ok(credentials.chain(contacts).take(most as usize).collect())
    }

    async fn reseal(&self, old: &Sealed, new: &[u8], key: u32) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let (sealed, number) = match old.kind {
            SealedKind::Credential => {
                let Some(row) = tables.credentials.iter_mut().find(|c| c.id == old.id) else {
                    return Ok(false);
                };
                (&mut row.sealed, &mut row.key)
            }
            SealedKind::Contact => {
                let named = |c: &&mut Contact| data_encoding::HEXLOWER.encode(&c.hash) == old.id;
                let Some(row) = tables.contacts.values_mut().find(named) else {
                    return Ok(false);
                };
                (&mut row.sealed, &mut row.key)
            }
        };
        if *sealed != old.bytes {
            return Ok(false);
        }
        *sealed = new.to_vec();
        *number = key;
        Ok(true)
    }

    async fn sweep(&self, now: UnixTime) -> Result<Swept, StoreError> {
        let mut tables = self.tables();
        let before = tables.rows();
        let ended = |c: &&Challenge| c.expires_at <= now;
        let expired: Vec<(Channel, Purpose)> = tables
            .challenges
            .values()
            .filter(ended)
            .map(|c| (c.channel, c.purpose))
            .collect();
        let unsent = tables
            .messages
            .iter()
            .filter(|(m, due)| !due.void && m.expires_at <= now)
            .map(|(m, _)| m.channel)
            .collect();
        tables.challenges.retain(|_, c| c.expires_at > now);
        tables.messages.retain(|(m, _)| m.expires_at > now);
        tables
            .credentials
            .retain(|c| c.active || c.expires_at > now);
        tables.devices.retain(|(d, _)| d.expires_at > now);
        tables
            .records
            .retain(|_, r| r.expires_at.is_none_or(|at| at > now));
        tables.buckets.retain(|_, empty_at| *empty_at > millis(now));
        tables.spend.retain(|(_, day), _| *day >= day_of(now));
        tables
            .recipients
            .retain(|_, t| later(t.next_at, 2 * 86_400) > now);
        Ok(Swept {
            rows: (before - tables.rows()) as u64,
            expired,
            unsent,
        })
    }
}

impl Tables {
    fn rows(&self) -> usize {
        self.challenges.len()
            + self.messages.len()
            + self.credentials.len()
            + self.devices.len()
            + self.records.len()
            + self.buckets.len()
            + self.spend.len()
            + self.recipients.len()
    }
}
