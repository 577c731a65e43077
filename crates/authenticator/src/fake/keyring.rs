//! A keyring in memory that fails when it is told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use zeroize::Zeroizing;

use super::fuse::{Fuse, Plan, lock};
use crate::ports::{Keyring, KeyringError, LONGEST_EVERYWHERE, check_text};

/// A keyring in memory. Clones are handles to the same one.
#[derive(Clone, Default)]
pub struct FakeKeyring {
    state: Arc<Mutex<KeyringContents>>,
    fuse: Fuse,
}

#[derive(Default)]
struct KeyringContents {
    /// More than every keyring takes, where that was asked for.
    longest: Option<usize>,
    /// It can list its entries.
    lists: bool,
    entries: BTreeMap<String, Vec<u8>>,
    calls: Plan<KeyringError>,
    reads: Plan<KeyringError>,
    writes: Plan<KeyringError>,
    log: Vec<KeyringCall>,
}

/// What a [`FakeKeyring`] was asked, with the entry's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyringCall {
    /// Read.
    Get(String),
    /// Written.
    Set(String),
    /// Removed.
    Delete(String),
}

impl FakeKeyring {
    /// An empty one that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one whose writes count on this fuse.
    #[must_use]
    pub fn with_fuse(fuse: &Fuse) -> Self {
        Self {
            state: Arc::default(),
            fuse: fuse.clone(),
        }
    }

    /// Takes entries of this many bytes from now on, instead of the 2,500 that every keyring takes.
    pub fn take_entries_of(&self, longest: usize) {
        lock(&self.state).longest = Some(longest);
    }

    /// Can list its entries from now on, as the keyring in the vault's own folder can.
    pub fn list_entries(&self) {
        lock(&self.state).lists = true;
    }

    /// The next call fails.
    pub fn fail_next(&self, error: KeyringError) {
        self.fail_nth(1, error);
    }

    /// The `n`th call from now fails, the others work.
    pub fn fail_nth(&self, n: u64, error: KeyringError) {
        lock(&self.state).calls.fail_nth(n, error);
    }

    /// The `n`th read from now fails.
    pub fn fail_nth_read(&self, n: u64, error: KeyringError) {
        lock(&self.state).reads.fail_nth(n, error);
    }

    /// The `n`th write or deletion from now fails.
    pub fn fail_nth_write(&self, n: u64, error: KeyringError) {
        lock(&self.state).writes.fail_nth(n, error);
    }

    /// Every call fails until [`FakeKeyring::heal`].
    pub fn fail_always(&self, error: KeyringError) {
        lock(&self.state).calls.always = Some(error);
    }

    /// Every write and deletion fails until [`FakeKeyring::heal`]; reads work.
    pub fn fail_writes(&self, error: KeyringError) {
        lock(&self.state).writes.always = Some(error);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.calls.clear();
        state.reads.clear();
        state.writes.clear();
    }

    /// How often it was called so far, failures included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        lock(&self.state).calls.calls
    }

    /// What it was asked since the last time this was called, in order, failures included.
    #[must_use]
    pub fn take_log(&self) -> Vec<KeyringCall> {
        std::mem::take(&mut lock(&self.state).log)
    }

    /// The names of its entries, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        lock(&self.state).entries.keys().cloned().collect()
    }

    /// A copy of everything in it.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        lock(&self.state).entries.clone()
    }

    /// Puts back what [`FakeKeyring::snapshot`] gave; whatever else is in it goes.
    pub fn restore(&self, entries: BTreeMap<String, Vec<u8>>) {
        lock(&self.state).entries = entries;
    }

    /// Removes everything, as resetting the system's keyring does.
    pub fn wipe(&self) {
        lock(&self.state).entries.clear();
    }

    /// Puts bytes into an entry past every rule, as another program could.
    pub fn plant(&self, entry: &str, bytes: &[u8]) {
        lock(&self.state)
            .entries
            .insert(entry.to_owned(), bytes.to_vec());
    }

    /// Takes an entry away past every rule; `true` if it was there.
    pub fn lose(&self, entry: &str) -> bool {
        lock(&self.state).entries.remove(entry).is_some()
    }
}

impl Keyring for FakeKeyring {
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let mut state = lock(&self.state);
        state.log.push(KeyringCall::Get(entry.to_owned()));
        state.calls.step()?;
        state.reads.step()?;
        if !self.fuse.reads() {
            return Err(KeyringError::Unavailable);
        }
        Ok(state.entries.get(entry).cloned().map(Zeroizing::new))
    }

    fn longest_entry(&self) -> usize {
        lock(&self.state).longest.unwrap_or(LONGEST_EVERYWHERE)
    }

    fn set(&self, entry: &str, text: &[u8]) -> Result<(), KeyringError> {
        check_text(text, self.longest_entry())?;
        let mut state = lock(&self.state);
        state.log.push(KeyringCall::Set(entry.to_owned()));
        state.calls.step()?;
        state.writes.step()?;
        if !self.fuse.takes_write() {
            return Err(KeyringError::Unavailable);
        }
        state.entries.insert(entry.to_owned(), text.to_vec());
        Ok(())
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        let mut state = lock(&self.state);
        state.log.push(KeyringCall::Delete(entry.to_owned()));
        state.calls.step()?;
        state.writes.step()?;
        if !self.fuse.takes_write() {
            return Err(KeyringError::Unavailable);
        }
        state.entries.remove(entry);
        Ok(())
    }

    fn list(&self) -> Result<Option<Vec<String>>, KeyringError> {
        let mut state = lock(&self.state);
        if !state.lists {
            return Ok(None);
        }
        state.calls.step()?;
        state.reads.step()?;
        Ok(Some(state.entries.keys().cloned().collect()))
    }
}
