//! Folders of backups in memory; they fail and spoil what is written when they are told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use super::fuse::{Fuse, Plan, lock};
use crate::ports::{BackupFolder, FileError};

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
    spoils: bool,
    only_where_told: bool,
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

    /// What is written from now on has one wrong bit when it is read again, as on a disk that fails without a word.
    pub fn spoil_writes(&self, spoils: bool) {
        lock(&self.state).spoils = spoils;
    }

    /// From now on nothing is usual, as for a vault in a folder of its own.
    pub fn only_where_told(&self) {
        lock(&self.state).only_where_told = true;
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
        (!BackupFolder::only_where_told(self)).then(|| Self::USUAL.to_owned())
    }

    fn only_where_told(&self) -> bool {
        lock(&self.state).only_where_told
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
        let mut bytes = bytes.to_vec();
        if state.spoils {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        state.files.insert(key, bytes);
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
