//! The vault's two files in memory; they fail when they are told to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use couchkey_vault::Half;

use super::fuse::{Fuse, Plan, lock};
use crate::ports::{FileError, FileLock, VaultFile};

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
    elsewhere: BTreeSet<String>,
    changes: u64,
    /// Halves that cannot be read, whatever is written to them.
    spoilt: [Option<FileError>; 2],
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

    /// One half cannot be read any more, whatever is written to it, until [`FakeFile::heal`].
    pub fn spoil(&self, half: Half, error: FileError) {
        lock(&self.state).spoilt[index(half)] = Some(error);
    }

    /// The `n`th lock from now is not given.
    pub fn fail_lock(&self, n: u64, error: FileError) {
        lock(&self.state).locks.fail_nth(n, error);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.spoilt = [None, None];
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

    /// From now on the file of another vault lies in this place.
    pub fn put_elsewhere(&self, place: &str) {
        lock(&self.state).elsewhere.insert(place.to_owned());
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
        match state.spoilt[index(half)] {
            Some(error) => Err(error),
            None => Ok(state.halves[index(half)].clone()),
        }
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

    fn is_at(&self, place: &str) -> bool {
        lock(&self.state).elsewhere.contains(place)
    }

    fn stamp(&self) -> u64 {
        lock(&self.state).changes
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
