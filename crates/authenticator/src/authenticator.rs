//! The [`Authenticator`] itself: what it is made of, and the state that its use cases share behind locks.
//!
//! Each use case is a method in the file that has its name: unlock.rs, change.rs, add.rs, backup.rs and so on. They may call
//! each other's methods; no module here uses one that uses it.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use couchkey_otp::UnixTime;
use couchkey_vault::{Argon2Cost, Half, RecoveryKey, Vault, VaultId};

use crate::{
    Error, ErrorCode, ErrorReport,
    add::Pending,
    ports::{BackupFolder, Clock, FileError, Keyring, KeyringError, Screen, VaultFile},
    view::{KeyringKind, LockKind, Notice},
};

/// What an authenticator is made of.
pub struct Parts {
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Finds the operating system's keyring; asked again after it was away.
    pub system_keyring: Box<dyn Fn() -> Result<Arc<dyn Keyring>, KeyringError> + Send + Sync>,
    /// What serves where the operating system has no keyring. It holds nothing that is not sealed.
    pub file_keyring: Arc<dyn Keyring>,
    /// Where the vault's two generations lie.
    pub file: Box<dyn VaultFile>,
    /// Where backups go.
    pub backups: Box<dyn BackupFolder>,
    /// What the monitors show.
    pub screen: Box<dyn Screen>,
    /// What a guess at a new passphrase is to cost; asked when one is set.
    pub passphrase_cost: Box<dyn Fn() -> Argon2Cost + Send + Sync>,
    /// The name of that place, kept in the keyring so that a lost data directory is noticed.
    pub place: String,
}

/// An authenticator: one vault, its keyring and its file. Every use case is a method.
pub struct Authenticator {
    pub(crate) parts: Parts,
    pub(crate) writer: Mutex<()>,
    open: Mutex<Option<Open>>,
    pending: Mutex<Pending>,
    recovery_key: Mutex<Option<RecoveryKey>>,
    /// Somebody wants the import or the export that is running to end.
    cancelled: AtomicBool,
    auto: Mutex<AutoBackup>,
    auto_due: Condvar,
    /// What the last opening by the device key met; `None` once something opened the vault.
    trouble: Mutex<Option<ErrorReport>>,
    /// How the vault is locked, where the keyring knows of a later save than the files; `None` once something opened it.
    asks: Mutex<Option<LockKind>>,
    /// Somebody goes on without the keyring, which did not answer.
    without_keyring: AtomicBool,
}

/// The vault while it is unlocked.
pub(crate) struct Open {
    pub(crate) vault: Vault,
    pub(crate) keyring: Arc<dyn Keyring>,
    pub(crate) kind: KeyringKind,
    pub(crate) notices: Vec<Notice>,
    /// What could not be read when it was opened, whatever was mended since.
    pub(crate) unread: Vec<(Half, FileError)>,
    /// Of the files from which `vault` was read.
    pub(crate) stamp: u64,
}

/// What is known about backups that make themselves.
#[derive(Default)]
pub(crate) struct AutoBackup {
    /// Something was changed since the last one.
    pub(crate) changed: bool,
    /// The vault was opened, and nobody looked yet whether the newest backup has it as it is.
    pub(crate) unchecked: bool,
    /// Why the last one could not be written.
    pub(crate) problem: Option<ErrorCode>,
}

impl Authenticator {
    /// An authenticator made of these parts. Nothing is read yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            writer: Mutex::new(()),
            open: Mutex::new(None),
            pending: Mutex::new(Pending::default()),
            recovery_key: Mutex::new(None),
            cancelled: AtomicBool::new(false),
            auto: Mutex::default(),
            auto_due: Condvar::new(),
            trouble: Mutex::new(None),
            asks: Mutex::new(None),
            without_keyring: AtomicBool::new(false),
        }
    }

    /// The operating system's keyring, unless somebody goes on without it.
    pub(crate) fn system_keyring(&self) -> Result<Arc<dyn Keyring>, KeyringError> {
        match self.without_keyring.load(Ordering::SeqCst) {
            true => Err(KeyringError::Unavailable),
            false => (self.parts.system_keyring)(),
        }
    }

    /// Goes on without the operating system's keyring, or asks it again.
    pub(crate) fn set_without_keyring(&self, without: bool) {
        self.without_keyring.store(without, Ordering::SeqCst);
    }

    /// Whether what is running should end.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Wishes that what is running ends, or (`false`) begins something new.
    pub(crate) fn set_cancelled(&self, cancelled: bool) {
        self.cancelled.store(cancelled, Ordering::SeqCst);
    }

    pub(crate) fn auto_backup(&self) -> MutexGuard<'_, AutoBackup> {
        held(&self.auto)
    }

    pub(crate) fn auto_backup_due(&self) -> &Condvar {
        &self.auto_due
    }

    pub(crate) fn now(&self) -> UnixTime {
        self.parts.clock.now()
    }

    /// Before this program was made: no code can be right then.
    pub(crate) fn clock_wrong(&self) -> bool {
        self.now() < UnixTime::from_secs(MADE_AFTER)
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        held(&self.pending)
    }

    pub(crate) fn recovery_key(&self) -> MutexGuard<'_, Option<RecoveryKey>> {
        held(&self.recovery_key)
    }

    pub(crate) fn trouble(&self) -> MutexGuard<'_, Option<ErrorReport>> {
        held(&self.trouble)
    }

    pub(crate) fn asks(&self) -> MutexGuard<'_, Option<LockKind>> {
        held(&self.asks)
    }

    pub(crate) fn open_now(&self) -> MutexGuard<'_, Option<Open>> {
        held(&self.open)
    }

    /// The vault that is open, and where its keyring entries are.
    pub(crate) fn opened_from(&self) -> Result<(VaultId, Arc<dyn Keyring>, KeyringKind), Error> {
        let guard = self.open_now();
        let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
        Ok((open.vault.id(), Arc::clone(&open.keyring), open.kind))
    }
}

/// 2026-11-01 00:00 UTC.
pub(crate) const MADE_AFTER: u64 = 1_793_491_200;

/// A panic elsewhere spoils no value here: every write to these is a single assignment.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
