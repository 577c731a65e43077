//! The ports: what an authenticator needs from outside. A clock, a keyring, a place for the vault's file, a folder for
//! backups, the screen. The real adapters are in os/, the stand-ins for tests in fake/.

use couchkey_otp::UnixTime;
use couchkey_qr::Grey;
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

    /// The names of all its entries, in whatever order; `None` for a keyring that does not list them, as most do not.
    ///
    /// # Errors
    /// As for [`Keyring::get`].
    fn list(&self) -> Result<Option<Vec<String>>, KeyringError> {
        Ok(None)
    }

    /// A person begins or tries again: what was refused a moment ago, and holds for the steps that follow on it, may be
    /// asked for once more.
    fn try_again(&self) {}
}

/// The longest entry that every keyring takes, in bytes: Windows takes 2,560.
pub const LONGEST_EVERYWHERE: usize = 2_500;

/// What a keyring takes: no more than it has room for, and ASCII because KDE's wallet keeps text only.
pub(crate) fn check_text(text: &[u8], longest: usize) -> Result<(), KeyringError> {
    if text.len() > longest {
        return Err(KeyringError::TooLong);
    }
    if !text.is_ascii() {
        return Err(KeyringError::Failed);
    }
    Ok(())
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
    /// No space left where its entries lie.
    #[error("there is no space left for the keyring")]
    Full,
    /// The folder of its entries may not be read or written.
    #[error("the keyring's folder may not be used")]
    FolderDenied,
    /// Something that is no file is in the place of one of its entries, or of its folder.
    #[error("something else is in the place of the keyring's files")]
    NotAFile,
    /// It could not be written.
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

    /// Whether a vault's file lies in this other place, or it cannot be found out. A place is spelt as in
    /// [`Parts::place`](crate::Parts::place).
    fn is_at(&self, place: &str) -> bool;

    /// Changes whenever either generation does; cheap enough to ask at every step of the clock.
    fn stamp(&self) -> u64;
}

/// Held while a change is made.
pub trait FileLock {}

/// Folders that a person chose for backups, by the system's own spelling of their paths.
pub trait BackupFolder: Send + Sync {
    /// Where backups go when the person chose nothing; `None` where the system names no place.
    fn usual(&self) -> Option<String>;

    /// Whether no backup is made by itself before a person named a folder for it; then nothing is usual.
    fn only_where_told(&self) -> bool {
        false
    }

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
    /// Not allowed to read it.
    #[error("the vault's folder may not be read")]
    Unreadable,
    /// There is a file where the folder should be.
    #[error("the vault's folder is a file")]
    NotAFolder,
    /// It is a symbolic link that somebody else made.
    #[error("the vault's file is a link of somebody else")]
    ForeignLink,
    /// It is a symbolic link, and there is nothing at its end.
    #[error("the vault's file is a link that leads nowhere")]
    LostLink,
    /// Its folder, or one of those that it is in, is a symbolic link, and there is nothing at its end.
    #[error("the vault's folder is a link that leads nowhere")]
    LostFolder,
    /// It is a symbolic link, and at its end there is a file of something else.
    #[error("the vault's file is a link to a file of something else")]
    LinkToOther,
    /// Something else is in the place of the file that processes hold while they write.
    #[error("something else is in the place of the lock's file")]
    BadLock,
    /// The file is larger than any vault.
    #[error("the vault's file is too large")]
    TooLarge,
    /// Any other failure of the disk.
    #[error("the disk failed ({0})")]
    Failed(std::io::ErrorKind),
}

/// What the monitors show, to find the QR codes on them.
pub trait Screen: Send + Sync {
    /// What every monitor shows now: one picture each, or one of all together where the system does it so. A call may wait
    /// for a person who is asked first, but never for ever.
    ///
    /// # Errors
    /// [`ScreenError`]; there is no way around the system's own answer.
    fn capture(&self) -> Result<Vec<Grey>, ScreenError>;
}

/// Why there is no picture of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScreenError {
    /// This system gives programs no picture of the screen, or there is no screen.
    #[error("this system gives no picture of the screen")]
    Unsupported,
    /// A person or a policy said no, or nobody answered when asked.
    #[error("looking at the screen was not allowed")]
    Denied,
    /// It should have worked and did not.
    #[error("the picture of the screen failed")]
    Failed,
}
