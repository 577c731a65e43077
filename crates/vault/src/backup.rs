//! A backup: one sealed file with everything in it, which opens without this device.
//!
//! It is the vault file with another magic and another label in its list's associated data (`docs/vault-format.md`): the
//! same vault key, the same sealed items, and of the slots those that open without a keyring. So a backup opens with
//! what opened the vault on the day when it was made.

use couchkey_otp::UnixTime;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::account::{Account, ChangeError, Damaged, Place, limits};
use crate::format::{self, ByteString, Container, Header, Index, ReadError};
use crate::id::VaultId;
use crate::open::{self, OpenError};
use crate::passphrase::SlotError;
use crate::seal::Keys;
use crate::slot::{NewSlot, Refused, Slot, SlotInfo, SlotKind, Unlock};
use crate::vault::{Entry, State, Vault};
use crate::{Settings, VaultKey, item};

/// What everybody may know about a backup. None of it is proven before the backup is open.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BackupInfo {
    /// Of which vault it is.
    pub vault: VaultId,
    /// That vault's generation when it was made.
    pub generation: u64,
    /// When it was made.
    pub made: UnixTime,
    /// What opens it: `recovery`, `passphrase`, or both.
    pub slots: Vec<SlotInfo>,
    /// Whether its checksum is right.
    pub intact: bool,
}

impl BackupInfo {
    /// Whether it opens in this way.
    pub fn slot(&self, kind: SlotKind) -> Option<&SlotInfo> {
        self.slots.iter().find(|slot| slot.kind == kind)
    }
}

/// An open backup. No `Debug` and no `Clone`: it holds every secret.
pub struct Backup {
    info: BackupInfo,
    contents: Vault,
}

/// Why a backup was not made or does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The vault has neither a recovery key nor a passphrase that a backup could be opened with.
    #[error("there is nothing that this backup could be opened with")]
    NothingOpensIt,
    /// It is another kind of file.
    #[error("this is not a backup")]
    NotABackup,
    /// A newer Couchkey wrote it.
    #[error("this backup is of version {major}, written by a newer Couchkey")]
    NewerVersion {
        /// Its major version.
        major: u16,
    },
    /// It is cut off or spoilt, and does not open for that.
    #[error("the backup is damaged")]
    Damaged,
    /// It has no slot that this could open.
    #[error("this backup does not open in this way")]
    NoSlot,
    /// It is not what the backup was made with.
    #[error("this does not open the backup")]
    Wrong,
    /// It asks for more than any device should pay. Nothing was paid.
    #[error("the backup asks for {memory_kib} KiB of memory and {passes} passes to open")]
    CostTooHigh {
        /// What it asks for.
        memory_kib: u32,
        /// What it asks for.
        passes: u32,
    },
    /// This device has not enough memory for the passphrase.
    #[error("there are no {memory_kib} KiB of memory free to open the backup")]
    OutOfMemory {
        /// What is needed.
        memory_kib: u32,
    },
}

impl From<Refused> for BackupError {
    fn from(refused: Refused) -> BackupError {
        match OpenError::from(refused) {
            OpenError::NoSlot => BackupError::NoSlot,
            OpenError::CostTooHigh { memory_kib, passes } => {
                BackupError::CostTooHigh { memory_kib, passes }
            }
            OpenError::OutOfMemory { memory_kib } => BackupError::OutOfMemory { memory_kib },
            _ => BackupError::Wrong,
        }
    }
}

impl From<ReadError> for BackupError {
    fn from(error: ReadError) -> BackupError {
        match error {
            ReadError::NotAVault => BackupError::NotABackup,
            ReadError::NewerVersion { major } => BackupError::NewerVersion { major },
            ReadError::Damaged => BackupError::Damaged,
        }
    }
}

/// What a backup says about itself to anybody.
///
/// # Errors
///
/// It is no backup, of a newer version, or too damaged to tell.
pub fn inspect(bytes: &[u8]) -> Result<BackupInfo, BackupError> {
    Ok(info(&format::read::backup(bytes)?))
}

fn info(file: &format::File<'_>) -> BackupInfo {
    BackupInfo {
        vault: file.header.vault,
        generation: file.header.generation,
        made: file.header.made.unwrap_or(UnixTime::from_secs(0)),
        slots: file.header.slots.iter().map(Slot::info).collect(),
        intact: file.intact,
    }
}

impl Backup {
    /// Opens a backup. One with a damaged account opens, and lists it in [`Backup::damaged`].
    ///
    /// # Errors
    ///
    /// See [`BackupError`].
    pub fn open(bytes: &[u8], unlock: &Unlock<'_>) -> Result<Backup, BackupError> {
        let file = format::read::backup(bytes)?;
        let vault = file.header.vault;
        let opened = || -> Result<(VaultKey, Keys, Index), BackupError> {
            let key = match unlock {
                Unlock::VaultKey(key) => {
                    VaultKey::from_slice(key.expose()).ok_or(BackupError::Wrong)?
                }
                _ => unwrap(&file.header.slots, vault, unlock)?,
            };
            let keys = Keys::derive(&key, vault);
            let index = file.open_index(&keys).ok_or(match unlock {
                Unlock::VaultKey(_) => BackupError::Wrong,
                // Its own slot did open, so the key is right.
                _ => BackupError::Damaged,
            })?;
            Ok((key, keys, index))
        };
        let (key, keys, index) = opened().map_err(|error| match error {
            // In a spoilt file nobody can tell a wrong key from a spoilt slot.
            BackupError::Wrong | BackupError::NoSlot if !file.intact => BackupError::Damaged,
            other => other,
        })?;
        Ok(Backup {
            info: info(&file),
            contents: open::contents(&file, index, key, keys),
        })
    }

    /// What it says about itself. Now it is proven.
    pub fn info(&self) -> &BackupInfo {
        &self.info
    }

    /// The accounts, in the order of the list; neither the trash nor damaged ones.
    pub fn accounts(&self) -> impl Iterator<Item = (&Place, &Account)> {
        self.contents.accounts()
    }

    /// The accounts in the trash.
    pub fn trash(&self) -> impl Iterator<Item = (&Place, &Account)> {
        self.contents.trash()
    }

    /// The accounts that cannot be opened.
    pub fn damaged(&self) -> &[Damaged] {
        self.contents.damaged()
    }

    /// What the person chose.
    pub fn settings(&self) -> &Settings {
        self.contents.settings()
    }

    /// The key that the vault had when the backup was made: while it has not got another one, it opens the vault, too.
    pub fn vault_key(&self) -> &VaultKey {
        self.contents.vault_key()
    }

    /// A new vault with everything that opens, sealed under a key and an id of its own: the device that the backup is
    /// from may still be in use.
    ///
    /// # Errors
    ///
    /// The slot cannot be made: see [`SlotError`].
    pub fn into_vault(
        self,
        id: VaultId,
        slot: NewSlot<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Vault, SlotError> {
        let mut vault = Vault::create(id, slot, now, rng)?;
        vault.settings = self.contents.settings;
        // What the other device saw in its trash was not seen in this one.
        vault.settings.trash_seen_over = None;
        vault.entries = self
            .contents
            .entries
            .into_iter()
            .filter(|entry| entry.account().is_some())
            .map(unsealed)
            .collect();
        Ok(vault)
    }
}

/// What a vault does with one account of a backup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merge {
    /// It has none like it, and adds it.
    Adds,
    /// It has that very account, perhaps changed since, perhaps in the trash, or another that makes the same codes; it
    /// stays as it is.
    Has,
    /// It has that account, damaged, and takes it from the backup.
    Mends,
}

impl Vault {
    /// What [`Vault::merge`] would do with each account of the backup, in the backup's order.
    pub fn merge_plan<'b>(&self, backup: &'b Backup) -> Vec<(&'b Place, &'b Account, Merge)> {
        let known = self.same_codes();
        let entries = backup.contents.entries.iter();
        entries
            .filter_map(|entry| Some((&entry.place, entry.account()?)))
            .map(|(place, account)| {
                let merge = match self.place(place.id) {
                    Some(_) if self.account(place.id).is_some() => Merge::Has,
                    Some(_) => Merge::Mends,
                    None if known.find(account.into()).is_some() => Merge::Has,
                    None => Merge::Adds,
                };
                (place, account, merge)
            })
            .collect()
    }

    /// Takes from a backup what is not there: all of it, or nothing. What is there is never written over.
    ///
    /// # Errors
    ///
    /// [`ChangeError::TooManyAccounts`] when it does not all fit.
    pub fn merge(&mut self, backup: Backup) -> Result<(), ChangeError> {
        let plan: Vec<Merge> = self
            .merge_plan(&backup)
            .into_iter()
            .map(|(_, _, merge)| merge)
            .collect();
        let adds = plan.iter().filter(|merge| **merge == Merge::Adds).count();
        if adds > self.room() {
            let max = limits::ACCOUNTS;
            return Err(ChangeError::TooManyAccounts { max });
        }
        let opened = backup.contents.entries.into_iter();
        let opened = opened.filter(|entry| entry.account().is_some());
        for (entry, merge) in opened.zip(plan) {
            match merge {
                Merge::Has => {}
                Merge::Adds => {
                    if let Some(since) = entry.place.trashed {
                        self.comes_into_the_trash(since);
                    }
                    self.entries.push(unsealed(entry));
                }
                Merge::Mends => self.mend(entry),
            }
        }
        // What was missing is in the backup, as far as anything can be known.
        self.incomplete = false;
        self.rebuilt = false;
        self.list_damaged();
        self.changed();
        Ok(())
    }

    /// Puts an account in the place of what is left of it.
    fn mend(&mut self, from: Entry) {
        let damaged = self.entries.iter_mut();
        let damaged = damaged.filter(|entry| entry.account().is_none());
        let mut damaged = damaged.filter(|entry| entry.place.id == from.place.id);
        if let (Some(entry), State::Open { mut account, .. }) = (damaged.next(), from.state) {
            account.rev = account.rev.max(entry.place.rev) + 1;
            entry.place.rev = account.rev;
            entry.state = State::Open {
                account,
                sealed: None,
            };
        }
    }

    /// Everything in the vault as a backup. What was changed since the last save is in it, too.
    ///
    /// # Errors
    ///
    /// [`BackupError::NothingOpensIt`] without a recovery key and without a passphrase for backups: such a file would
    /// only look like a backup.
    pub fn backup(&self, now: UnixTime, rng: &mut impl CryptoRng) -> Result<Vec<u8>, BackupError> {
        let slots = self.backup_slots();
        if slots.is_empty() {
            return Err(BackupError::NothingOpensIt);
        }
        let header = format::write::header(&Header {
            vault: self.id(),
            generation: self.generation,
            made: Some(now),
            slots,
        });
        let fresh = self.seal_changed(rng);
        let rows = self.rows(&fresh);
        let mut mirror = Vec::new();
        for row in &rows {
            item::join(&mut mirror, row.bytes);
        }
        let index = Index {
            accounts: rows.iter().map(|row| row.in_the_list(0)).collect(),
            settings: self.settings.clone(),
            bundles: 0,
            halves: ByteString(Vec::new()),
            backup_slot: None,
            before: ByteString::default(),
            incomplete: false,
            rebuilt: false,
        };
        let container = Container::Backup;
        let (file, _) = format::write::file(container, &header, &index, &mirror, &self.keys, rng);
        Ok(file)
    }

    /// What opens a backup that is made now: the recovery key, and the passphrase for backups or, where the vault has a
    /// passphrase alone, that one.
    pub fn backup_opens_with(&self) -> Vec<SlotKind> {
        let slots = self.backup_slots();
        slots.iter().map(|slot| slot.kind).collect()
    }

    /// Whether backups have a passphrase of their own.
    pub fn has_backup_passphrase(&self) -> bool {
        self.backup_slot.is_some()
    }

    fn backup_slots(&self) -> Vec<Slot> {
        let of = |kind| self.slots.iter().find(|slot| slot.kind == kind);
        let passphrase = self.backup_slot.as_ref();
        let passphrase = passphrase.or_else(|| of(SlotKind::Passphrase));
        let slots = of(SlotKind::Recovery).into_iter().chain(passphrase);
        slots.cloned().collect()
    }
}

/// An entry on its way into another vault: to be sealed there.
fn unsealed(mut entry: Entry) -> Entry {
    if let State::Open { sealed, .. } = &mut entry.state {
        *sealed = None;
    }
    entry.bundle = None;
    entry.hash = [0; 32];
    entry.place.came_back = false;
    entry
}

fn unwrap(slots: &[Slot], vault: VaultId, unlock: &Unlock<'_>) -> Result<VaultKey, Refused> {
    let mut refused = Refused::NoSuchSlot;
    for slot in slots {
        match slot.open(vault, unlock) {
            Ok(key) => return Ok(key),
            Err(error) => refused = refused.max(error),
        }
    }
    Err(refused)
}
