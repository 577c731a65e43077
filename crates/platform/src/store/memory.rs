//! In memory: for tests, and to try things out. Everything is lost with the process.
use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use couchkey_otp::verify::{Refused, Throttle};

use super::{
    Accept, AttemptKeys, Bucket, COOLDOWN, Challenge, Contact, Conversion, Counted, Credential,
    Device, FIRST_COOLDOWN, FORGOTTEN, Full, Hash, Keep, NewChallenge, Outcome, Polled, QUIET,
    Queued, Quota, Record, Resend, Sealed, SealedKind, Sending, Store, StoreError, Swept, Tried,
    Turn, Which, day_of, forgotten, was_before,
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
        let theirs = self.buckets.remove(&attempt.theirs.key);
        let theirs = theirs.map_or(0, |empty_at| (empty_at - millis(now)).max(0));
        if let Some(empty_at) = self.buckets.get_mut(&attempt.address.key) {
            *empty_at -= theirs;
        }
        self.refund(&attempt.network, now);
        for account in attempt.accounts.iter().flatten() {
            self.attempts.remove(account);
        }
    }

    fn keep(&mut self, record: Option<Record>) {
        if let Some(record) = record {
            let key = (record.space.clone(), record.key.clone());
            self.records.insert(key, record);
        }
    }

    fn count(&mut self, account: &Hash, theirs: &Bucket, now: UnixTime) -> Result<(), Refused> {
        let throttle = self.attempts.entry(*account).or_default();
        *throttle = throttle.attempt(now)?;
        let empty_at = self.buckets.entry(theirs.key).or_insert(0);
        let by_now = (millis(now)..=millis(now) + HOUR_MS).contains(empty_at);
        let before = if by_now { *empty_at } else { millis(now) };
        *empty_at = before + theirs.drain_ms();
        Ok(())
    }

    fn refund(&mut self, bucket: &Bucket, now: UnixTime) {
        if let Some(empty_at) = self.buckets.get_mut(&bucket.key)
            && *empty_at > millis(now)
        {
            *empty_at -= bucket.drain_ms();
        }
    }

    fn take_quota(&mut self, quota: &Quota, joins: bool, now: UnixTime) -> Sending {
        if let Some(refused) = self.no_turn(&quota.asker, now) {
            return refused;
        }
        let refused = quota.all.as_ref().and_then(|all| self.no_turn(all, now));
        let refused = refused.or_else(|| self.is_paused(quota, now));
        let refused = refused.or_else(|| self.no_budget(quota, now));
        match refused {
            Some(_) if joins => Sending::Joined {
                next_at: self.take_turn(&quota.asker, now),
            },
            Some(refused) => refused,
            None => {
                if let Some(all) = &quota.all {
                    self.take_turn(all, now);
                }
                let real = quota.spend.first().is_none_or(|spend| spend.real);
                if let Some(conversion) = quota.conversion.as_ref().filter(|_| real) {
                    let sent = (conversion.sent.clone(), day_of(now));
                    *self.spend.entry(sent).or_default() += 1;
                }
                for s in quota.spend.iter().filter(|s| s.real) {
                    let budget = (s.budget.clone(), day_of(now));
                    *self.spend.entry(budget).or_default() += s.units;
                }
                Sending::Queued {
                    next_at: self.take_turn(&quota.asker, now),
                }
            }
        }
    }

    fn no_turn(&self, turn: &Turn, now: UnixTime) -> Option<Sending> {
        let turns = self.recipients.get(&turn.key)?;
        if turns.day == day_of(now) && turns.sent >= turn.per_day {
            return Some(Sending::DailyCap);
        }
        let until = turns.next_at;
        // A longer wait is from a clock which was wrong.
        let waits = now < until && until <= later(now, COOLDOWN);
        waits.then_some(Sending::Cooldown { until })
    }

    fn is_paused(&self, quota: &Quota, now: UnixTime) -> Option<Sending> {
        let conversion = quota.conversion.as_ref()?;
        let counted = |name: &String| {
            let units = self.spend.get(&(name.clone(), day_of(now)));
            units.map_or(0, |units| *units as i64)
        };
        let fine = Conversion::is_fine(counted(&conversion.sent), counted(&conversion.redeemed));
        (!fine).then_some(Sending::Paused)
    }

    fn no_budget(&self, quota: &Quota, now: UnixTime) -> Option<Sending> {
        let full = quota.spend.iter().any(|s| {
            let spent = self.spend.get(&(s.budget.clone(), day_of(now)));
            spent.copied().unwrap_or(0).saturating_add(s.units) > s.per_day
        });
        full.then_some(Sending::BudgetSpent)
    }

    /// Takes a turn that is there, and says when the next one is.
    fn take_turn(&mut self, turn: &Turn, now: UnixTime) -> UnixTime {
        let today = day_of(now);
        let turns = self.recipients.get(&turn.key).copied();
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
        self.recipients.insert(turn.key, turns);
        next_at
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
        tables.keep(accept.keep.clone());
        Ok(true)
    }

    async fn revoke(&self, person: &PersonId) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let before = tables.credentials.len();
        tables.credentials.retain(|c| c.person != person.as_str());
        Ok(tables.credentials.len() < before)
    }

    async fn forget(&self, person: &PersonId, now: UnixTime) -> Result<(), StoreError> {
        self.revoke(person).await?;
        let mut tables = self.tables();
        tables.keep(Some(forgotten(person, now)));
        tables
            .devices
            .retain(|(_, answer)| !matches!(answer, Answer::Approved(p) if p == person));
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
            let full = millis(now) + HOUR_MS;
            // What is more than full is from a clock which was wrong, and has room for one.
            let next = match empty_at > full {
                true => full,
                false => empty_at.max(millis(now)) + bucket.drain_ms(),
            };
            if next > full {
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
        theirs: &Bucket,
        of: &Which,
        now: UnixTime,
    ) -> Result<Counted, StoreError> {
        if let Some(full) = self.spend(buckets, now).await? {
            return Ok(Counted::Full(full));
        }
        if let Err(refused) = self.tables().count(account, theirs, now) {
            return Ok(Counted::Refused(refused));
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
        tables.keep(accept.keep.clone());
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

    async fn open_challenge(
        &self,
        recipient: &Hash,
        purpose: Purpose,
        until: UnixTime,
    ) -> Result<Option<Challenge>, StoreError> {
        let tables = self.tables();
        let open = tables
            .challenges
            .values()
            .filter(|c| c.recipient == *recipient && c.purpose == purpose && c.expires_at >= until);
        Ok(open.max_by_key(|c| c.expires_at).cloned())
    }

    async fn start_challenge(&self, new: &NewChallenge) -> Result<Sending, StoreError> {
        let mut tables = self.tables();
        let sending = tables.take_quota(&new.quota, new.joins, new.now);
        if let Sending::Queued { .. } | Sending::Joined { .. } = sending {
            let row = &new.challenge;
            tables.challenges.insert(row.id.clone(), row.clone());
        }
        if let Sending::Queued { .. } = sending {
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
        let sending = tables.take_quota(&again.quota, false, again.now);
        if let Sending::Queued { .. } = sending {
            tables.queue(again.message.clone(), again.void, again.now);
        }
        Ok(sending)
    }

    async fn count_try(
        &self,
        id: &str,
        account: &Hash,
        theirs: &Bucket,
        now: UnixTime,
    ) -> Result<Tried, StoreError> {
        let mut tables = self.tables();
        let open = tables.open(id, now);
        if open.is_none_or(|c| c.tries >= Challenge::TRIES) {
            return Ok(Tried::Ended);
        }
        if let Err(refused) = tables.count(account, theirs, now) {
            return Ok(Tried::Refused(refused));
        }
        let challenge = tables.challenges.get_mut(id).expect("it is open");
        challenge.tries += 1;
        Ok(Tried::Yes(Box::new(challenge.clone())))
    }

    async fn redeem(
        &self,
        id: &str,
        contact: Option<&Contact>,
        attempt: &AttemptKeys,
        keep: Option<Keep>,
        now: UnixTime,
    ) -> Result<Option<PersonId>, StoreError> {
        let mut tables = self.tables();
        let Some(challenge) = tables.open(id, now).cloned() else {
            return Ok(None);
        };
        let Tables {
            challenges,
            messages,
            ..
        } = &mut *tables;
        challenges.retain(|_, c| c.origin != challenge.origin);
        messages.retain(|(m, _)| challenges.contains_key(&m.challenge));
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
        tables.keep(person.as_ref().zip(keep).map(|(person, keep)| keep(person)));
        Ok(person)
    }

    async fn count(&self, name: &str, units: u64, now: UnixTime) -> Result<(), StoreError> {
        let mut tables = self.tables();
        *tables
            .spend
            .entry((name.to_owned(), day_of(now)))
            .or_default() += units;
        Ok(())
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

    async fn poll_device(
        &self,
        device_code: &Hash,
        client: &str,
        keep: Option<Keep>,
        now: UnixTime,
    ) -> Result<Polled, StoreError> {
        let mut tables = self.tables();
        let place = tables
            .devices
            .iter()
            .position(|(d, _)| d.device_code == *device_code && d.expires_at > now);
        let Some(place) = place else {
            return Ok(Polled::Ended);
        };
        let (device, answer) = &mut tables.devices[place];
        if device.client != client {
            return Ok(Polled::OtherClient);
        }
        match answer {
            Answer::Approved(person) => {
                let person = person.clone();
                let (device, _) = tables.devices.remove(place);
                let key = (FORGOTTEN.to_owned(), person.as_str().as_bytes().to_vec());
                let gone = tables.records.get(&key);
                if gone.is_some_and(|gone| was_before(gone, device.created_at)) {
                    return Ok(Polled::Ended);
                }
                tables.keep(keep.map(|keep| keep(&person)));
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

    async fn replace(&self, old: &Record, new: &Record) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let key = (old.space.clone(), old.key.clone());
        let same = tables.records.get(&key).map(|there| &there.value) == Some(&old.value);
        if same {
            tables.keep(Some(new.clone()));
        }
        Ok(same)
    }

    async fn put(&self, record: &Record) -> Result<(), StoreError> {
        self.tables().keep(Some(record.clone()));
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

    async fn begin_timeline(&self, new: &Record, old: &Record) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let key = (old.space.clone(), old.key.clone());
        if tables.records.get(&key).map(|there| &there.value) != Some(&old.value) {
            return Ok(false);
        }
        tables.records.insert(key, new.clone());
        tables.messages.clear();
        tables.challenges.clear();
        tables.devices.clear();
        Ok(true)
    }

    async fn some_contacts(&self, most: u32) -> Result<Vec<Contact>, StoreError> {
        let tables = self.tables();
        let some = tables.contacts.values().take(most as usize);
        Ok(some.cloned().collect())
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
        let ended = |c: &&Challenge| c.expires_at <= now && c.id == c.origin;
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
