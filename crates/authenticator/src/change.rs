//! The open vault in memory, reading from it, and the one way to change it.
//!
//! A change is made on a fresh copy that was read from the disk under the file's lock, written in the order
//! bundles, file, head, and only then put in the place of what is shown. Whatever fails leaves the old state or the
//! new one on the disk, and what is in memory is read from there again.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use couchkey_otp::UnixTime;
use couchkey_vault::{
    Argon2Cost, BundleWrite, FetchFailed, Found, Half, Note, OpenError, Opened, Problem,
    RecoveryKey, Unlock, Vault, VaultId, format, survey,
};
use rand::{CryptoRng, rand_core::UnwrapErr, rngs::SysRng};
use zeroize::Zeroizing;

use crate::{
    Error, ErrorCode, ErrorReport,
    backup::AutoBackup,
    enrol::Pending,
    ports::{BackupFolder, Clock, Keyring, KeyringError, VaultFile},
    view::{KeyringKind, Notice},
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
    /// What a guess at a new passphrase is to cost; asked when one is set.
    pub passphrase_cost: Box<dyn Fn() -> Argon2Cost + Send + Sync>,
    /// The name of that place, kept in the keyring so that a lost data directory is noticed.
    pub place: String,
}

/// An authenticator: one vault, its keyring and its file. Every use case is a method.
pub struct Authenticator {
    pub(crate) parts: Parts,
    writer: Mutex<()>,
    open: Mutex<Option<Open>>,
    pending: Mutex<Pending>,
    recovery_key: Mutex<Option<RecoveryKey>>,
    /// Somebody wants the import or the export that is running to end.
    cancelled: AtomicBool,
    auto: Mutex<AutoBackup>,
    auto_due: Condvar,
    /// What the last opening by the device key met; `None` once something opened the vault.
    trouble: Mutex<Option<ErrorReport>>,
}

/// The vault while it is unlocked.
pub(crate) struct Open {
    pub(crate) vault: Vault,
    pub(crate) keyring: Arc<dyn Keyring>,
    pub(crate) kind: KeyringKind,
    pub(crate) notices: Vec<Notice>,
    /// Of the files from which `vault` was read.
    stamp: u64,
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
        }
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

    pub(crate) fn open_now(&self) -> MutexGuard<'_, Option<Open>> {
        held(&self.open)
    }

    /// Looks into the open vault, after reading it again if another process changed it.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Vault) -> T) -> Result<T, Error> {
        let mut guard = self.open_now();
        let open = guard.as_mut().ok_or(ErrorCode::VaultLocked)?;
        let stamp = self.parts.file.stamp();
        if stamp != open.stamp {
            // A copy that cannot be read just now (another process may be at it) is no reason to show nothing.
            let id = open.vault.id();
            if let Ok(found) = self.found(|| Ok(None)) {
                let unlock = Unlock::VaultKey(open.vault.vault_key());
                match self.open_with(&found, &unlock, id, &open.keyring) {
                    Ok(opened) if opened.vault.generation() >= open.vault.generation() => {
                        open.vault = opened.vault;
                        open.stamp = stamp;
                    }
                    Err(error) if has_other_keys(&found, &open.vault, &error) => {
                        *guard = None;
                        return Err(ErrorCode::VaultLocked.into());
                    }
                    _ => {}
                }
            }
        }
        let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
        Ok(look(&open.vault))
    }

    /// Makes one change: all of it is kept, or none.
    pub(crate) fn change<T>(
        &self,
        make: impl FnOnce(&mut Vault, UnixTime, &mut OsRandom) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_watched(make, None)
    }

    /// The same for a change of thousands of accounts, which takes a keyring many seconds: `step` is told how many of
    /// its entries are written and may give the change up.
    pub(crate) fn change_watched<T>(
        &self,
        make: impl FnOnce(&mut Vault, UnixTime, &mut OsRandom) -> Result<T, Error>,
        step: Option<Step<'_>>,
    ) -> Result<T, Error> {
        let _one_at_a_time = held(&self.writer);
        let (id, keyring) = {
            let guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            (open.vault.id(), Arc::clone(&open.keyring))
        };
        let _one_process = self.parts.file.lock()?;
        let found = self.found(|| keyring.get(&format::head_entry(id)))?;
        let mut working = {
            let mut guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            let unlock = Unlock::VaultKey(open.vault.vault_key());
            match self.open_with(&found, &unlock, id, &keyring) {
                Ok(opened) => opened.vault,
                Err(error) if has_other_keys(&found, &open.vault, &error) => {
                    *guard = None;
                    return Err(ErrorCode::VaultLocked.into());
                }
                Err(error) => return Err(error),
            }
        };
        let value = make(&mut working, self.now(), &mut os_random())?;
        let written = self.write_watched(&mut working, keyring.as_ref(), step);
        if written.is_err() {
            // The disk has the old state or the new one; show what it has.
            let found = self.found(|| keyring.get(&format::head_entry(id)).or(Ok(None)))?;
            let unlock = Unlock::VaultKey(working.vault_key());
            working = match self.open_with(&found, &unlock, id, &keyring) {
                Ok(opened) => opened.vault,
                // It was to get a new key and did not.
                Err(_) => {
                    let guard = self.open_now();
                    let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
                    let unlock = Unlock::VaultKey(open.vault.vault_key());
                    self.open_with(&found, &unlock, id, &keyring)?.vault
                }
            };
        }
        let mut guard = self.open_now();
        // Somebody may have locked it meanwhile; then it stays locked.
        if let Some(open) = guard.as_mut() {
            open.vault = working;
            open.stamp = self.parts.file.stamp();
        }
        drop(guard);
        if written.is_ok() {
            self.note_change();
        }
        written.map(|()| value)
    }

    /// Writes a vault in the order of docs/vault-format.md: bundles, file, head. The file's lock is held.
    ///
    /// After a change of what unlocks it, twice: neither generation of the file may open with what was taken away.
    pub(crate) fn write(&self, vault: &mut Vault, keyring: &dyn Keyring) -> Result<(), Error> {
        self.write_watched(vault, keyring, None)
    }

    fn write_watched(
        &self,
        vault: &mut Vault,
        keyring: &dyn Keyring,
        mut step: Option<Step<'_>>,
    ) -> Result<(), Error> {
        let id = vault.id();
        let head = format::head_entry(id);
        while vault.needs_save() {
            let save = vault.save_in_entries(keyring.longest_entry(), &mut os_random())?;
            if let Some(behind) = &save.roll_head {
                keyring.set(&head, behind.as_bytes())?;
            }
            match &mut step {
                None => {
                    for bundle in &save.bundles {
                        keyring.set(&bundle.entry_name(id), bundle.entry.as_bytes())?;
                    }
                }
                Some(step) => write_bundles(id, &save.bundles, keyring, *step)?,
            }
            self.parts.file.write(save.file_half, &save.file)?;
            keyring.set(&head, save.head.as_bytes())?;
            vault.saved(save);
        }
        Ok(())
    }

    /// What both places hold of a vault: the two files, and the head where its keyring is at hand.
    pub(crate) fn found(
        &self,
        head: impl FnOnce() -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError>,
    ) -> Result<Found, Error> {
        Ok(Found {
            file_a: self.parts.file.read(Half::A)?,
            file_b: self.parts.file.read(Half::B)?,
            head: head()?.map(|bytes| bytes.to_vec()),
        })
    }

    /// Opens what the two places hold now with something that unlocks it.
    pub(crate) fn open_with(
        &self,
        found: &Found,
        unlock: &Unlock<'_>,
        id: VaultId,
        keyring: &Arc<dyn Keyring>,
    ) -> Result<Opened, Error> {
        Ok(couchkey_vault::open(found, unlock, |number, half| {
            keyring
                .get(&format::bundle_entry(id, number, half))
                .map(|entry| entry.map(|bytes| bytes.to_vec()))
                .map_err(|_| FetchFailed)
        })?)
    }

    /// Shows a vault that was just opened, and mends on the disk what opening it found.
    pub(crate) fn keep(
        &self,
        opened: Opened,
        keyring: Arc<dyn Keyring>,
        kind: KeyringKind,
        file_missing: bool,
    ) {
        let mut notices: Vec<Notice> = opened.notes.iter().filter_map(Notice::of).collect();
        if file_missing {
            notices.push(Notice::FileRebuilt);
        }
        notices.sort_unstable();
        notices.dedup();
        let now = self.now();
        let spoilt = opened.vault.wants_purge(now);
        *self.trouble() = None;
        *self.open_now() = Some(Open {
            stamp: self.parts.file.stamp(),
            vault: opened.vault,
            keyring,
            kind,
            notices,
        });
        self.note_opening();
        if opened.needs_save || spoilt {
            // A full disk is no reason to keep people from their codes: what cannot be mended now is mended next time.
            let _ = self.change(|vault, now, _| {
                vault.purge(now);
                Ok(())
            });
        }
    }
}

impl Notice {
    /// What a person should know; the rest mends itself.
    fn of(note: &Note) -> Option<Self> {
        match note {
            Note::OlderCopy { .. } | Note::Incomplete => Some(Self::OlderCopy),
            Note::ListLost => Some(Self::OrderLost),
            Note::ItemDamaged(_) => Some(Self::ItemsDamaged),
            Note::ItemRepaired(_) | Note::ItemFromOtherVersion(_) | Note::FileDamaged(_) => {
                Some(Self::Repaired)
            }
            _ => None,
        }
    }
}

/// Told how many of how many keyring entries are written; an error gives the change up.
pub(crate) type Step<'a> = &'a mut dyn FnMut(usize, usize) -> Result<(), Error>;

/// Writes the bundles of a large change. If it is given up or fails, the keyring gets back what it had, as far as it
/// takes it: nothing names these entries before the file is written, and thousands of them are not left lying about.
fn write_bundles(
    id: VaultId,
    bundles: &[BundleWrite],
    keyring: &dyn Keyring,
    step: Step<'_>,
) -> Result<(), Error> {
    let mut before: Vec<(String, Option<Zeroizing<Vec<u8>>>)> = Vec::new();
    let written = bundles.iter().enumerate().try_for_each(|(done, bundle)| {
        step(done, bundles.len())?;
        let name = bundle.entry_name(id);
        let had = if bundle.first {
            None
        } else {
            keyring.get(&name)?
        };
        before.push((name, had));
        let (name, _) = before.last().expect("it was just put there");
        Ok(keyring.set(name, bundle.entry.as_bytes())?)
    });
    let written = written.and_then(|()| step(bundles.len(), bundles.len()));
    if written.is_err() {
        for (name, had) in before.iter().rev() {
            let _ = match had {
                Some(bytes) => keyring.set(name, bytes),
                None => keyring.delete(name),
            };
        }
    }
    written
}

/// Whether another process gave the vault other keys, so that this one has to be unlocked anew.
fn has_other_keys(found: &Found, open: &Vault, error: &Error) -> bool {
    let survey = survey(found);
    matches!(error, Error::Open(OpenError::Wrong))
        && survey.vault == Some(open.id())
        && survey.file > Some(open.generation())
        && !survey
            .problems
            .iter()
            .any(|problem| matches!(problem, Problem::FileDamaged(_)))
}

/// The operating system's generator, read at every use: nothing of it stays in our memory.
pub(crate) type OsRandom = UnwrapErr<SysRng>;

pub(crate) fn os_random() -> OsRandom {
    fn is_for_keys(_: &impl CryptoRng) {}
    let rng = UnwrapErr(SysRng);
    is_for_keys(&rng);
    rng
}

/// 2026-11-01 00:00 UTC.
const MADE_AFTER: u64 = 1_793_491_200;

/// A panic elsewhere spoils no value here: every write to these is a single assignment.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
