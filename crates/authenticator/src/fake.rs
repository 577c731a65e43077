//! Stand-ins for the ports, for tests: a clock that is set, a keyring and a disk that fail when they are told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use couchkey_otp::UnixTime;
use couchkey_vault::Half;
use zeroize::Zeroizing;

use crate::os::keyring::{LONGEST_EVERYWHERE, check_text};
use crate::ports::{BackupFolder, Clock, FileError, FileLock, Keyring, KeyringError, VaultFile};

/// A clock that stands still until it is set. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// Shows this second.
    #[must_use]
    pub fn at(secs: u64) -> Self {
        Self(Arc::new(AtomicU64::new(secs)))
    }

    /// Shows another second from now on.
    pub fn set(&self, secs: u64) {
        self.0.store(secs, Ordering::SeqCst);
    }

    /// Moves on by some seconds.
    pub fn advance(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Cuts the power at a chosen write: that write and every later call fail, what was written before stays.
///
/// A keyring and a file that share one count their writes together, in the order in which they happen, so that a test
/// can walk through every crash point of a change.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Arc<Mutex<FuseState>>);

#[derive(Debug, Default)]
struct FuseState {
    writes: u64,
    at: Option<u64>,
    blown: bool,
}

impl Fuse {
    /// One that never blows by itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `n`th write from now (the first is 1) does not happen any more, nor does anything after it.
    pub fn blow_at_write(&self, n: u64) {
        let mut state = lock(&self.0);
        state.at = Some(state.writes + n);
    }

    /// Power is back; the plan is forgotten.
    pub fn mend(&self) {
        let mut state = lock(&self.0);
        state.at = None;
        state.blown = false;
    }

    /// Whether it blew.
    #[must_use]
    pub fn is_blown(&self) -> bool {
        lock(&self.0).blown
    }

    /// Writes and deletions that happened so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.0).writes
    }

    /// `false` when the power is off.
    fn reads(&self) -> bool {
        !lock(&self.0).blown
    }

    /// `false` when the power is off, or goes off with this write.
    fn takes_write(&self) -> bool {
        let mut state = lock(&self.0);
        if state.at.is_some_and(|at| state.writes + 1 >= at) {
            state.blown = true;
        }
        if state.blown {
            return false;
        }
        state.writes += 1;
        true
    }
}

/// Which calls fail, and with what. `n` counts from the moment the plan is made; the first is 1.
#[derive(Debug)]
struct Plan<E> {
    calls: u64,
    at: BTreeMap<u64, E>,
    always: Option<E>,
}

impl<E> Default for Plan<E> {
    fn default() -> Self {
        Self {
            calls: 0,
            at: BTreeMap::new(),
            always: None,
        }
    }
}

impl<E: Copy> Plan<E> {
    fn fail_nth(&mut self, n: u64, error: E) {
        self.at.insert(self.calls + n, error);
    }

    fn clear(&mut self) {
        self.at.clear();
        self.always = None;
    }

    fn step(&mut self) -> Result<(), E> {
        self.calls += 1;
        match self.at.remove(&self.calls).or(self.always) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

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
}

/// The vault's two files in memory. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct FakeFile {
    state: Arc<Mutex<FileContents>>,
    held: Arc<(Mutex<bool>, Condvar)>,
    fuse: Fuse,
}

#[derive(Default)]
struct FileContents {
    halves: [Option<Vec<u8>>; 2],
    aside: Vec<Vec<u8>>,
    changes: u64,
    reads: Plan<FileError>,
    writes: Plan<FileError>,
    locks: Plan<FileError>,
}

impl FakeFile {
    /// Two absent files on a disk that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Two absent files whose writes count on this fuse.
    #[must_use]
    pub fn with_fuse(fuse: &Fuse) -> Self {
        Self {
            fuse: fuse.clone(),
            ..Self::default()
        }
    }

    /// The `n`th read from now fails.
    pub fn fail_read(&self, n: u64, error: FileError) {
        lock(&self.state).reads.fail_nth(n, error);
    }

    /// The `n`th write from now fails and leaves the old bytes.
    pub fn fail_write(&self, n: u64, error: FileError) {
        lock(&self.state).writes.fail_nth(n, error);
    }

    /// Every write fails until [`FakeFile::heal`]; reads work.
    pub fn fail_writes(&self, error: FileError) {
        lock(&self.state).writes.always = Some(error);
    }

    /// Every read fails until [`FakeFile::heal`]; writes work.
    pub fn fail_reads(&self, error: FileError) {
        lock(&self.state).reads.always = Some(error);
    }

    /// The `n`th lock from now is not given.
    pub fn fail_lock(&self, n: u64, error: FileError) {
        lock(&self.state).locks.fail_nth(n, error);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.reads.clear();
        state.writes.clear();
        state.locks.clear();
    }

    /// How many writes were asked for so far, failures included.
    #[must_use]
    pub fn write_calls(&self) -> u64 {
        lock(&self.state).writes.calls
    }

    /// How many reads were asked for so far, failures included.
    #[must_use]
    pub fn read_calls(&self) -> u64 {
        lock(&self.state).reads.calls
    }

    /// What is in one file.
    #[must_use]
    pub fn contents(&self, half: Half) -> Option<Vec<u8>> {
        lock(&self.state).halves[index(half)].clone()
    }

    /// What was put aside.
    #[must_use]
    pub fn aside(&self) -> Vec<Vec<u8>> {
        lock(&self.state).aside.clone()
    }

    /// Puts bytes into one file, or takes it away, past every rule.
    pub fn put(&self, half: Half, bytes: Option<Vec<u8>>) {
        let mut state = lock(&self.state);
        state.halves[index(half)] = bytes;
        state.changes += 1;
    }

    /// A copy of both files, A first.
    #[must_use]
    pub fn snapshot(&self) -> [Option<Vec<u8>>; 2] {
        lock(&self.state).halves.clone()
    }

    /// Puts back what [`FakeFile::snapshot`] gave.
    pub fn restore(&self, halves: [Option<Vec<u8>>; 2]) {
        let mut state = lock(&self.state);
        state.halves = halves;
        state.changes += 1;
    }

    /// Removes both files, as a lost data directory does.
    pub fn wipe(&self) {
        self.restore([None, None]);
    }
}

impl VaultFile for FakeFile {
    fn lock(&self) -> Result<Box<dyn FileLock>, FileError> {
        lock(&self.state).locks.step()?;
        let (held, freed) = &*self.held;
        // Bounded, so that a test that locks twice fails instead of hanging.
        let (mut held, waited) = freed
            .wait_timeout_while(lock(held), Duration::from_secs(10), |held| *held)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(FileError::Busy);
        }
        *held = true;
        Ok(Box::new(Held(self.held.clone())))
    }

    fn read(&self, half: Half) -> Result<Option<Vec<u8>>, FileError> {
        let mut state = lock(&self.state);
        state.reads.step()?;
        if !self.fuse.reads() {
            return Err(FileError::Failed(std::io::ErrorKind::Other));
        }
        Ok(state.halves[index(half)].clone())
    }

    fn write(&self, half: Half, bytes: &[u8]) -> Result<(), FileError> {
        let mut state = lock(&self.state);
        state.writes.step()?;
        if !self.fuse.takes_write() {
            return Err(FileError::Failed(std::io::ErrorKind::Other));
        }
        state.halves[index(half)] = Some(bytes.to_vec());
        state.changes += 1;
        Ok(())
    }

    fn set_aside(&self) -> Result<(), FileError> {
        let mut state = lock(&self.state);
        state.writes.step()?;
        if !self.fuse.takes_write() {
            return Err(FileError::Failed(std::io::ErrorKind::Other));
        }
        let aside = std::mem::take(&mut state.halves);
        state.aside.extend(aside.into_iter().flatten());
        state.changes += 1;
        Ok(())
    }

    fn stamp(&self) -> u64 {
        lock(&self.state).changes
    }
}

/// Folders of backups in memory. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct FakeBackups {
    state: Arc<Mutex<BackupContents>>,
    fuse: Fuse,
}

#[derive(Default)]
struct BackupContents {
    files: BTreeMap<(String, String), Vec<u8>>,
    calls: Plan<FileError>,
    writes: u64,
}

impl FakeBackups {
    /// The usual folder of this system.
    pub const USUAL: &'static str = "/home/somebody/Documents/Couchkey backups";

    /// Empty folders whose writes count on this fuse.
    #[must_use]
    pub fn with_fuse(fuse: &Fuse) -> Self {
        Self {
            state: Arc::default(),
            fuse: fuse.clone(),
        }
    }

    /// The `n`th call from now fails.
    pub fn fail_nth(&self, n: u64, error: FileError) {
        lock(&self.state).calls.fail_nth(n, error);
    }

    /// Every call fails until [`FakeBackups::heal`], as with a disk that was pulled out.
    pub fn fail_always(&self, error: FileError) {
        lock(&self.state).calls.always = Some(error);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        lock(&self.state).calls.clear();
    }

    /// How often they were asked for something so far, failures included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        lock(&self.state).calls.calls
    }

    /// How many files were written so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        lock(&self.state).writes
    }

    /// The files of a folder by name, sorted.
    #[must_use]
    pub fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let state = lock(&self.state);
        let files = state.files.iter().filter(|((at, _), _)| at == folder);
        files
            .map(|((_, name), bytes)| (name.clone(), bytes.clone()))
            .collect()
    }

    /// Puts a file there past every rule.
    pub fn plant(&self, folder: &str, name: &str, bytes: &[u8]) {
        let key = (folder.to_owned(), name.to_owned());
        lock(&self.state).files.insert(key, bytes.to_vec());
    }

    fn step(&self) -> Result<MutexGuard<'_, BackupContents>, FileError> {
        let mut state = lock(&self.state);
        state.calls.step()?;
        if !self.fuse.reads() {
            return Err(FileError::Failed(std::io::ErrorKind::Other));
        }
        Ok(state)
    }
}

impl BackupFolder for FakeBackups {
    fn usual(&self) -> Option<String> {
        Some(Self::USUAL.to_owned())
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let state = self.step()?;
        let names = state.files.keys().filter(|(at, _)| at == folder);
        Ok(names.map(|(_, name)| name.clone()).collect())
    }

    fn read(&self, folder: &str, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        let state = self.step()?;
        let key = (folder.to_owned(), name.to_owned());
        Ok(state.files.get(&key).cloned())
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let mut state = self.step()?;
        if !self.fuse.takes_write() {
            return Err(FileError::Failed(std::io::ErrorKind::Other));
        }
        state.writes += 1;
        let key = (folder.to_owned(), name.to_owned());
        state.files.insert(key, bytes.to_vec());
        Ok(())
    }

    fn remove(&self, folder: &str, name: &str) -> Result<(), FileError> {
        let mut state = self.step()?;
        if !self.fuse.takes_write() {
            return Err(FileError::Failed(std::io::ErrorKind::Other));
        }
        state.files.remove(&(folder.to_owned(), name.to_owned()));
        Ok(())
    }
}

struct Held(Arc<(Mutex<bool>, Condvar)>);

impl FileLock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let (held, freed) = &*self.0;
        *lock(held) = false;
        freed.notify_one();
    }
}

fn index(half: Half) -> usize {
    match half {
        Half::A => 0,
        Half::B => 1,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_fails_the_call_it_names_and_no_other() {
        let keyring = FakeKeyring::new();
        keyring.fail_nth(2, KeyringError::Denied);
        assert_eq!(keyring.set("a", b"1"), Ok(()), "the first");
        assert_eq!(keyring.set("a", b"2"), Err(KeyringError::Denied), "planned");
        assert_eq!(
            keyring.get("a").unwrap().unwrap().as_slice(),
            b"1",
            "the old entry is whole"
        );
        keyring.fail_nth_write(1, KeyringError::Storage);
        assert!(keyring.get("a").is_ok(), "a read is not a write");
        assert_eq!(keyring.delete("a"), Err(KeyringError::Storage), "planned");
        keyring.fail_always(KeyringError::Locked);
        assert_eq!(keyring.get("a"), Err(KeyringError::Locked), "always");
        keyring.heal();
        assert!(keyring.get("a").unwrap().is_some(), "healed");
        assert_eq!(keyring.calls(), 7, "failures count too");
    }

    #[test]
    fn a_blown_fuse_keeps_what_was_written_before_and_nothing_else() {
        let fuse = Fuse::new();
        let keyring = FakeKeyring::with_fuse(&fuse);
        let file = FakeFile::with_fuse(&fuse);
        keyring.set("a", b"old").unwrap();
        fuse.blow_at_write(2);
        assert_eq!(keyring.set("a", b"new"), Ok(()), "write 1");
        assert!(file.write(Half::A, b"new").is_err(), "write 2");
        assert!(keyring.set("b", b"new").is_err(), "everything after it");
        assert!(keyring.get("a").is_err(), "reads too: the power is off");
        assert!(fuse.is_blown(), "it says so");
        fuse.mend();
        assert_eq!(
            keyring.get("a").unwrap().unwrap().as_slice(),
            b"new",
            "write 1 stays"
        );
        assert_eq!(file.read(Half::A), Ok(None), "write 2 never happened");
        assert_eq!(keyring.get("b"), Ok(None), "nor did write 3");
    }

    #[test]
    fn clones_are_the_same_thing_and_a_stamp_follows_changes() {
        let file = FakeFile::new();
        let other = file.clone();
        let before = other.stamp();
        file.fail_write(1, FileError::Full);
        assert_eq!(file.write(Half::B, b"x"), Err(FileError::Full), "planned");
        assert_eq!(other.stamp(), before, "nothing changed");
        file.write(Half::B, b"x").unwrap();
        assert_ne!(other.stamp(), before, "seen through the clone");
        assert_eq!(other.read(Half::B), Ok(Some(b"x".to_vec())), "so is this");
        let held = file.lock().unwrap();
        drop(held);
        assert!(other.lock().is_ok(), "a dropped lock is free");
    }

    #[test]
    fn a_clock_stands_still_until_it_is_set() {
        let clock = FakeClock::at(59);
        assert_eq!(clock.now(), UnixTime::from_secs(59), "as it was made");
        clock.clone().advance(1);
        assert_eq!(clock.now(), UnixTime::from_secs(60), "its clone moved it");
        clock.set(7);
        assert_eq!(clock.now(), UnixTime::from_secs(7), "set");
    }
}
