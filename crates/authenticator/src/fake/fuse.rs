//! Power cuts at a chosen write, and calls that fail as planned.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
    pub(super) fn reads(&self) -> bool {
        !lock(&self.0).blown
    }

    /// `false` when the power is off, or goes off with this write.
    pub(super) fn takes_write(&self) -> bool {
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
pub(super) struct Plan<E> {
    pub(super) calls: u64,
    at: BTreeMap<u64, E>,
    pub(super) always: Option<E>,
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
    pub(super) fn fail_nth(&mut self, n: u64, error: E) {
        self.at.insert(self.calls + n, error);
    }

    pub(super) fn clear(&mut self) {
        self.at.clear();
        self.always = None;
    }

    pub(super) fn step(&mut self) -> Result<(), E> {
        self.calls += 1;
        match self.at.remove(&self.calls).or(self.always) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
