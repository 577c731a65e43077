//! What an authenticator needs from outside: a clock, a keyring, a place for the vault's file, a folder for backups.

use couchkey_otp::UnixTime;
use couchkey_vault::Half;
use zeroize::Zeroizing;

/// Tells the time. Read once per use case; everything below takes the time as a value.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01 00:00 UTC.
    fn now(&self) -> UnixTime;
}

/// Small secrets by entry name, kept by the operating system (or by a file where there is no such thing).
///
/// Entry names are ASCII and the service is always `couchkey`. A call may wait for a person, but never for ever:
/// an adapter gives up with [`KeyringError::TimedOut`].
pub trait Keyring: Send + Sync {
    /// The bytes of an entry; `None` only when the keyring could be read and has no such entry.
    ///
    /// # Errors
    /// A keyring that is locked, refused or away is an error and never `None`: taking the one for the other is how
    /// people lose their accounts.
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError>;

    /// The longest entry that it takes, in bytes, and never less than 2,500, which every keyring takes (Windows' limit
    /// is 2,560). Where it is more, thousands of accounts need fewer entries.
    fn longest_entry(&self) -> usize;

    /// Writes an entry, replacing what was there; ASCII text, and no longer than [`Keyring::longest_entry`].
    ///
    /// # Errors
    /// Nothing of the old entry is lost when this fails.
    fn set(&self, entry: &str, text: &[u8]) -> Result<(), KeyringError>;

    /// Removes an entry; one that is not there is no error.
    ///
    /// # Errors
    /// As for [`Keyring::set`].
    fn delete(&self, entry: &str) -> Result<(), KeyringError>;
}

/// Why a keyring did not answer. Facts only; no entry's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// It is there and locked, and nobody unlocked it.
    #[error("the keyring is locked")]
    Locked,
    /// A person or a policy said no.
    #[error("access to the keyring was refused")]
    Denied,
    /// There is none on this system, or its service does not run.
    #[error("there is no keyring to talk to")]
    Unavailable,
    /// It did not answer in time, most often because its own dialog waits for a person.
    #[error("the keyring did not answer in time")]
    TimedOut,
    /// Two entries have the same name; another program made one of them.
    #[error("the keyring holds the entry twice")]
    Ambiguous,
    /// The entry is longer than this keyring takes.
    #[error("the keyring takes no entry of this length")]
    TooLong,
    /// No space, or it could not be written.
    #[error("the keyring could not be written")]
    Storage,
    /// Anything else that the keyring said.
    #[error("the keyring failed")]
    Failed,
}

/// Where the vault's two generations lie.
pub trait VaultFile: Send + Sync {
    /// Holds every other process off until the guard is dropped.
    ///
    /// # Errors
    /// [`FileError::Busy`] when another process kept it for longer than the adapter waits.
    fn lock(&self) -> Result<Box<dyn FileLock>, FileError>;

    /// The whole of one generation; `None` when it is absent.
    ///
    /// # Errors
    /// What kept it from being read.
    fn read(&self, half: Half) -> Result<Option<Vec<u8>>, FileError>;

    /// Replaces one generation so that a crash at any moment leaves the old bytes or the new ones, durably.
    ///
    /// # Errors
    /// The old bytes are untouched.
    fn write(&self, half: Half, bytes: &[u8]) -> Result<(), FileError>;

    /// Puts both generations out of the way under other names, whole, for whoever may yet be able to read them.
    ///
    /// # Errors
    /// Both are where they were, or one of them is put aside already.
    fn set_aside(&self) -> Result<(), FileError>;

    /// Changes whenever either generation does; cheap enough to ask at every step of the clock.
    fn stamp(&self) -> u64;
}

/// Held while a change is made.
pub trait FileLock {}

/// Folders that a person chose for backups, by the system's own spelling of their paths.
pub trait BackupFolder: Send + Sync {
    /// Where backups go when the person chose nothing; `None` where the system names no place.
    fn usual(&self) -> Option<String>;

    /// The names of the files in a folder, in whatever order; none where the folder is not there.
    ///
    /// # Errors
    /// What kept it from being read.
    fn names(&self, folder: &str) -> Result<Vec<String>, FileError>;

    /// The whole of one file; `None` when it is absent.
    ///
    /// # Errors
    /// What kept it from being read.
    fn read(&self, folder: &str, name: &str) -> Result<Option<Vec<u8>>, FileError>;

    /// Writes one file so that a crash at any moment leaves nothing of it or all of it, durably. The folder is made if
    /// the one that it is in is there; a disk that is not plugged in is not pretended.
    ///
    /// # Errors
    /// Nothing of it is there.
    fn write(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), FileError>;

    /// Removes one file; one that is not there is no error.
    ///
    /// # Errors
    /// It is still there.
    fn remove(&self, folder: &str, name: &str) -> Result<(), FileError>;
}

/// Why the vault's file could not be read or written. Facts only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Another Couchkey is writing and did not finish in time.
    #[error("another Couchkey is using the vault")]
    Busy,
    /// No space left, or a quota.
    #[error("the disk is full")]
    Full,
    /// Not allowed, or a read-only place.
    #[error("the vault's folder may not be written")]
    Denied,
    /// The file is larger than any vault.
    #[error("the vault's file is too large")]
    TooLarge,
    /// Any other failure of the disk.
    #[error("the disk failed ({0})")]
    Failed(std::io::ErrorKind),
}
