//! From what was found on the disk and in the keyring to an open vault, whatever state they are in.

use couchkey_otp::{Counter, Kind, UnixTime};
use thiserror::Error;

use crate::account::{Account, Place};
use crate::bundle;
use crate::format::{self, File, Head, Index, MINOR, Row, SaveMark};
use crate::gather::{Candidate, Fetch, Gathered, gather};
use crate::id::{AccountId, Half};
use crate::item::{self, LENGTH, SealedItem};
use crate::seal::{Keys, VaultKey};
use crate::settings::Settings;
use crate::slot::{Refused, Slot, SlotKind, Unlock};
use crate::survey::{Found, Parts};
use crate::vault::{BundleState, Entry, State, Vault};

/// Something the person or the log should be told about a vault that did open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Note {
    /// This half of the file is damaged; a later save writes over it. Whoever wants to look into it keeps a copy.
    FileDamaged(Half),
    /// This half of the file was sealed with a key that the vault had before; the next save writes over it.
    FileOfAnOlderKey(Half),
    /// The head is not in the keyring. The next save writes everything there again.
    HeadMissing,
    /// The head in the keyring is damaged or was not made with this vault's key. The next save writes it again.
    HeadDamaged,
    /// The head in the keyring is another vault's.
    HeadOfAnotherVault,
    /// A crash kept the head from being written; the next save mends it. Nothing is lost.
    RolledForward {
        /// The generation of the file.
        file: u64,
        /// The generation of the head.
        head: u64,
    },
    /// An older copy of the keyring was put back, or another computer's: the file is right. The next save writes every
    /// bundle again.
    OlderKeyring {
        /// The generation of the file.
        file: u64,
        /// The generation of the head.
        head: u64,
    },
    /// The file was an older copy. What is newer was taken from the keyring; the order of the list, groups, pins, trash
    /// and settings are those of the older copy.
    OlderCopy {
        /// The generation of the file.
        file: u64,
        /// The generation of the head.
        head: u64,
    },
    /// Two copies had gone apart: two computers, two processes without a lock, or an older copy from before what the
    /// newer one remembers. They were put together: of each account the newer, and both where that cannot be told.
    Diverged {
        /// The higher generation of the two.
        generation: u64,
    },
    /// This account was in one of the two copies only. It is kept and marked: see [`Place::came_back`].
    CameBack(AccountId),
    /// The list was lost and made again from the accounts: order, groups, pins, trash and settings are gone, and
    /// accounts from the trash are in the list.
    ListLost,
    /// Every account of the head's generation was found; none is missing, none is old.
    Complete,
    /// Some accounts may be missing or may be older than they were.
    Incomplete,
    /// This account was damaged, and is whole again.
    ItemRepaired(AccountId),
    /// This account was damaged; another saved version of it was found, perhaps an older one: then [`Note::Incomplete`],
    /// too.
    ItemFromOtherVersion(AccountId),
    /// This account is damaged. What is left of it is kept.
    ItemDamaged(AccountId),
    /// The keyring could not be read, so damaged accounts were not looked for there.
    KeyringUnread,
    /// A bundle in the keyring is missing or damaged. The next save writes it again.
    BundleDamaged(u32),
    /// A newer Couchkey wrote it: it can be read, not written.
    NewerMinor {
        /// Its minor version.
        minor: u16,
    },
}

/// A vault that did open.
pub struct Opened {
    /// The vault.
    pub vault: Vault,
    /// What was odd.
    pub notes: Vec<Note>,
    /// Whether saving now would mend something. Reading alone needs no save.
    pub needs_save: bool,
    /// Whether it was established that every account is here: each row of the list opened, and where the list was not
    /// the newest or was lost, the keyring's own account of them holds.
    pub complete: bool,
}

/// The keyring could not be read: not the same as "there is no such entry".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the keyring could not be read")]
pub struct FetchFailed;

/// Why a vault did not open. Nothing on the disk or in the keyring has to be changed for any of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is neither a file nor a head. This alone never means that a new vault may be made.
    #[error("there is no vault")]
    NothingFound,
    /// A newer Couchkey wrote it. It must never be written over.
    #[error("this vault is of version {major}, written by a newer Couchkey")]
    NewerVersion {
        /// Its major version.
        major: u16,
    },
    /// `vault.a` and `vault.b` are of two vaults.
    #[error("the two files are of two vaults")]
    TwoVaults,
    /// Too little is left of it.
    #[error("the vault is damaged, and nothing was found to repair it from")]
    Damaged,
    /// The vault has no slot that this could open.
    #[error("this vault cannot be unlocked in this way")]
    NoSlot,
    /// It is not what the slot was made with.
    #[error("this does not unlock the vault")]
    Wrong,
    /// The file asks for more than any device should pay. Nothing was paid.
    #[error("the vault asks for {memory_kib} KiB of memory and {passes} passes to unlock")]
    CostTooHigh {
        /// What it asks for.
        memory_kib: u32,
        /// What it asks for.
        passes: u32,
    },
    /// This device has not enough memory for the passphrase.
    #[error("there are no {memory_kib} KiB of memory free to unlock the vault")]
    OutOfMemory {
        /// What is needed.
        memory_kib: u32,
    },
    /// The keyring is needed for this vault and could not be read.
    #[error(transparent)]
    Fetch(#[from] FetchFailed),
}

impl From<Refused> for OpenError {
    fn from(refused: Refused) -> OpenError {
        match refused {
            Refused::NoSuchSlot => OpenError::NoSlot,
            Refused::CostTooHigh { memory_kib, passes } => {
                OpenError::CostTooHigh { memory_kib, passes }
            }
            Refused::OutOfMemory { memory_kib } => OpenError::OutOfMemory { memory_kib },
            Refused::Wrong => OpenError::Wrong,
        }
    }
}

/// Opens the vault. `fetch` reads one half of one bundle from the keyring ([`format::bundle_entry`] names it) and is
/// called only where the bundles are needed: the file is missing or older than the head, or an account is damaged.
///
/// # Errors
///
/// See [`OpenError`]. One damaged account is no error: it is listed in [`Vault::damaged`].
pub fn open(
    found: &Found,
    unlock: &Unlock<'_>,
    mut fetch: impl FnMut(u32, Half) -> Result<Option<Vec<u8>>, FetchFailed>,
) -> Result<Opened, OpenError> {
    if found.is_empty() {
        return Err(OpenError::NothingFound);
    }
    let parts = Parts::of(found);
    if let Some(major) = parts.newer() {
        return Err(OpenError::NewerVersion { major });
    }
    if parts.two_vaults() {
        return Err(OpenError::TwoVaults);
    }
    let (key, unlocked) = parts.unlock(unlock)?;
    let keys = Keys::derive(&key, unlocked.vault);
    let mut opening = Opening {
        keys: &keys,
        fetch: &mut fetch,
        notes: Vec::new(),
        settings: Settings::default(),
        backup_slot: None,
        entries: Vec::new(),
        bundles: Vec::new(),
    };
    let lists = opening.lists(&parts);
    let head = opening.head(&parts);
    let of_an_older_key = opening
        .notes
        .iter()
        .any(|note| matches!(note, Note::FileOfAnOlderKey(_)));
    // A file whose list does not open may have been the newest.
    let there = parts.files.iter().flatten().count() - usize::from(of_an_older_key);
    let a_file_is_lost = lists.len() < there;
    let claimed = parts.head().map_or(0, |head| head.header.generation);
    let lost = parts.generations_without(|half| lists.iter().any(|list| list.half == half));

    let mut roll_from = None;
    let newest = lists.first();
    let mut minor = head.map_or(0, |head| head.minor);
    let mut lineage = Vec::new();
    let mut other_devices = Vec::new();
    let mut marked = newest.is_some_and(|list| list.index.incomplete);
    let mut rebuilt = newest.is_some_and(|list| list.index.rebuilt);
    match (newest, head) {
        (Some(list), head) => {
            opening.take_list(list);
            lineage = list.lineage();
            minor = minor.max(list.file.minor);
            let file = list.file.header.generation;
            if let Some(other) = lists.get(1).filter(|other| !list.comes_after(other)) {
                minor = minor.max(other.file.minor);
                opening.take_other_list(other);
                marked |= other.index.incomplete;
                rebuilt |= other.index.rebuilt;
                weave(&mut lineage, &other.lineage());
                other_devices.extend(&other.file.header.slots);
            }
            match head.map(|head| (head, Kinship::of(list, lists.get(1), head))) {
                Some((head, Kinship::Same)) => minor = minor.max(head.minor),
                Some((newer, Kinship::OlderFile)) => {
                    let head = newer.header.generation;
                    opening.notes.push(Note::OlderCopy { file, head });
                    opening.take_bundles(Some(newer), Newer::Keyring)?;
                    lineage = newer.lineage();
                }
                Some((older, kinship @ (Kinship::Parent | Kinship::OlderKeyring))) => {
                    let head = older.header.generation;
                    minor = list.file.minor;
                    if kinship == Kinship::Parent && opening.were_written(file) {
                        opening.notes.push(Note::RolledForward { file, head });
                        roll_from = Some(list.file.index_hash());
                    } else {
                        opening.notes.push(Note::OlderKeyring { file, head });
                        opening.write_beside(older);
                        opening.may_have_lost(lost.iter().any(Option::is_none));
                    }
                }
                Some((other, Kinship::Apart)) => {
                    let generation = file.max(other.header.generation);
                    opening.notes.push(Note::Diverged { generation });
                    opening.take_bundles(Some(other), Newer::Neither)?;
                    opening.may_have_lost(lost.iter().any(Option::is_none));
                    weave(&mut lineage, &other.lineage());
                    let shared = other.before.iter().any(|mark| list.before.contains(mark));
                    let lower = match other.header.generation < file {
                        true => &other.header.slots,
                        false => &list.file.header.slots,
                    };
                    other_devices.extend(shared.then_some(lower).into_iter().flatten());
                }
                None if a_file_is_lost || claimed > file => {
                    opening.take_bundles(None, Newer::Neither)?;
                }
                None => {
                    let before = |hash: &_| list.before.contains(&format::save_mark(hash));
                    if parts.has_a_foreign_head(before) {
                        opening.notes.push(Note::Incomplete);
                    }
                }
            }
            opening.repair(lists.get(1));
        }
        (None, head) => {
            rebuilt = opening.rebuild(&parts, head)?;
            minor = minor.max(parts.minor());
            lineage.extend(head.into_iter().flat_map(Head::lineage));
        }
    }

    let proven = |list: &List<'_>| list.file.header.generation;
    let proven = newest
        .map(proven)
        .max(head.map(|head| head.header.generation));
    opening.may_have_lost(lost.into_iter().any(|says| says > proven));

    let Opening {
        mut notes,
        settings,
        backup_slot,
        entries,
        mut bundles,
        ..
    } = opening;
    let newer_minor = Some(minor).filter(|&minor| minor > MINOR);
    if head.is_none() {
        for bundle in &mut bundles {
            bundle.dirty = true;
        }
    }
    let needs_save = newer_minor.is_none() && notes.iter().any(|note| note.is_mended_by_a_save());
    notes.extend(newer_minor.map(|minor| Note::NewerMinor { minor }));
    lineage.truncate(format::LINEAGE_IN_FILE);
    let incomplete = notes.contains(&Note::Incomplete);
    let (header, file_half) = (unlocked.clone(), newest.map(|list| list.half));
    let mut vault = Vault {
        keys,
        key,
        generation: header.generation,
        file_half,
        newer_minor,
        slots: header.slots.clone(),
        settings,
        entries,
        damaged: Vec::new(),
        bundles,
        roll_head: None,
        dirty: needs_save,
        slot_saves_due: 0,
        reseal: of_an_older_key,
        backup_slot,
        lineage,
        incomplete: incomplete || marked,
        rebuilt,
        edition: 0,
    };
    vault.list_damaged();
    vault.roll_head = roll_from.map(|index_hash| vault.head_for(&header, &index_hash));
    for slots in other_devices {
        vault.take_devices_of(std::slice::from_ref(slots));
    }
    Ok(Opened {
        complete: !incomplete && vault.damaged.is_empty(),
        vault,
        notes,
        needs_save,
    })
}

/// How file and keyring stand to each other. Generations are only counted; what each remembers of the saves before it
/// tells an older copy from one that went its own way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinship {
    /// They are of one save.
    Same,
    /// The head is of the save before the file's: a crash, unless the keyring lacks what that save wrote there.
    Parent,
    /// The head is of some save before the file's.
    OlderKeyring,
    /// The file is of some save before the head's.
    OlderFile,
    /// Neither is in what the other remembers.
    Apart,
}

impl Kinship {
    fn of(list: &List<'_>, other: Option<&List<'_>>, head: &Head) -> Kinship {
        let file = list.file.index_hash();
        if file == head.index_hash {
            return Kinship::Same;
        }
        let mark = format::save_mark(&head.index_hash);
        // What was written before files had a memory: the half beside it shows which save came before.
        let beside = list.before.is_empty()
            && head.header.generation + 1 == list.file.header.generation
            && other.is_some_and(|other| other.file.index_hash() == head.index_hash);
        if beside || list.before.first() == Some(&mark) {
            Kinship::Parent
        } else if list.before.contains(&mark) {
            Kinship::OlderKeyring
        } else if head.before.contains(&format::save_mark(&file)) {
            Kinship::OlderFile
        } else {
            Kinship::Apart
        }
    }
}

/// Which of file and keyring is known to be of a later save.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Newer {
    /// The keyring: what is gone from it was deleted.
    Keyring,
    /// Neither: what is in one of them only stays.
    Neither,
}

/// Puts what another copy remembers among what this one does: the latest of both first.
fn weave(lineage: &mut Vec<SaveMark>, other: &[SaveMark]) {
    let mut woven: Vec<SaveMark> = Vec::with_capacity(lineage.len() + other.len());
    for at in 0..lineage.len().max(other.len()) {
        for mark in lineage.get(at).into_iter().chain(other.get(at)) {
            if !woven.contains(mark) {
                woven.push(*mark);
            }
        }
    }
    *lineage = woven;
}

/// What a backup holds, as a vault that was never saved. Accounts that are damaged in it stay so.
pub(crate) fn contents(file: &File<'_>, index: Index, key: VaultKey, keys: Keys) -> Vault {
    let mut fetch = |_, _| Ok(None);
    let mut opening = Opening {
        keys: &keys,
        fetch: &mut fetch,
        notes: Vec::new(),
        settings: Settings::default(),
        backup_slot: None,
        entries: Vec::new(),
        bundles: Vec::new(),
    };
    opening.take_list(&List::new(Half::A, file, index));
    let Opening {
        settings,
        backup_slot,
        entries,
        ..
    } = opening;
    let mut vault = Vault {
        keys,
        key,
        generation: file.header.generation,
        file_half: None,
        newer_minor: Some(file.minor).filter(|&minor| minor > MINOR),
        slots: file.header.slots.clone(),
        settings,
        entries,
        damaged: Vec::new(),
        bundles: Vec::new(),
        roll_head: None,
        dirty: false,
        slot_saves_due: 0,
        reseal: false,
        backup_slot,
        lineage: Vec::new(),
        incomplete: false,
        rebuilt: false,
        edition: 0,
    };
    vault.list_damaged();
    vault
}

impl Vault {
    /// Reads every bundle and compares it with the list, as `doctor` does: an opening reads none of them. A bundle
    /// that is missing or not as it should be is written again by the next save, and a damaged account that is whole in
    /// its bundle is whole again.
    ///
    /// # Errors
    ///
    /// [`FetchFailed`] as soon as the keyring cannot be read; nothing is changed then.
    pub fn check_bundles(
        &mut self,
        mut fetch: impl FnMut(u32, Half) -> Result<Option<Vec<u8>>, FetchFailed>,
    ) -> Result<Vec<Note>, FetchFailed> {
        let mut found = Vec::new();
        for (number, state) in (0u32..).zip(&self.bundles) {
            if let (Some(half), false) = (state.current, state.dirty) {
                let entry = fetch(number, half)?;
                let bundle = entry.and_then(|entry| bundle::read(&entry, number, &self.keys));
                let bundle = bundle.filter(|b| b.authentic && b.generation <= self.generation);
                found.push((number, bundle.map(|bundle| bundle.items)));
            }
        }
        let mut notes = Vec::new();
        for (number, items) in found {
            let mut items = items.unwrap_or_default();
            let inside = self
                .entries
                .iter_mut()
                .filter(|entry| entry.bundle == Some(number));
            let mut whole = true;
            for entry in inside {
                let id = entry.place.id;
                let exact = items.iter().position(|item| item.hash() == entry.hash);
                let item = exact.map(|at| items.swap_remove(at));
                if entry.account().is_some() {
                    whole &= item.is_some();
                    continue;
                }
                match item.and_then(|item| Some((item.open(&self.keys)?, item))) {
                    Some((account, sealed)) => {
                        let bundle = Some(number);
                        entry.take(Candidate {
                            account,
                            sealed,
                            bundle,
                        });
                        notes.push(Note::ItemRepaired(id));
                    }
                    // What is left of it may be there in its stead.
                    None => items.retain(|item| item.id() != id),
                }
            }
            if !(whole && items.is_empty()) {
                notes.push(Note::BundleDamaged(number));
                self.touch(number);
            }
        }
        if !notes.is_empty() {
            self.list_damaged();
            self.changed();
        }
        Ok(notes)
    }
}

impl Note {
    fn is_mended_by_a_save(&self) -> bool {
        !matches!(
            self,
            Note::ItemDamaged(_) | Note::KeyringUnread | Note::NewerMinor { .. } | Note::Complete
        )
    }
}

/// A file whose list did open.
struct List<'a> {
    half: Half,
    file: &'a File<'a>,
    index: Index,
    /// The saves before its own, the latest first.
    before: Vec<SaveMark>,
}

impl<'a> List<'a> {
    fn new(half: Half, file: &'a File<'a>, index: Index) -> List<'a> {
        List {
            half,
            file,
            before: index.lineage(),
            index,
        }
    }
}

impl List<'_> {
    /// Its own save and those before it.
    fn lineage(&self) -> Vec<SaveMark> {
        let own = format::save_mark(&self.file.index_hash());
        [own]
            .into_iter()
            .chain(self.before.iter().copied())
            .collect()
    }

    /// Whether the other half is of a save before this one, as it is unless two computers wrote. Files that have no
    /// memory yet are taken at their word.
    fn comes_after(&self, other: &List<'_>) -> bool {
        let hash = other.file.index_hash();
        let mark = format::save_mark(&hash);
        if hash == self.file.index_hash() {
            return true;
        }
        match self.before.is_empty() {
            true => other.file.header.generation < self.file.header.generation,
            false => self.before.contains(&mark),
        }
    }

    /// Each row with its bytes in the mirror.
    fn rows(&self) -> impl Iterator<Item = (&Row, &[u8])> {
        let mut rest = self.file.mirror;
        self.index.accounts.iter().map(move |row| {
            let length = usize::try_from(row.len).unwrap_or(usize::MAX);
            let item = rest.get(LENGTH..).and_then(|rest| rest.get(..length));
            let item = item.unwrap_or_default();
            rest = rest.get(LENGTH + item.len()..).unwrap_or_default();
            (row, item)
        })
    }
}

/// A vault on its way from what was found to what it is.
struct Opening<'a> {
    keys: &'a Keys,
    fetch: Fetch<'a>,
    notes: Vec<Note>,
    settings: Settings,
    backup_slot: Option<Slot>,
    entries: Vec<Entry>,
    bundles: Vec<BundleState>,
}

impl Opening<'_> {
    /// The files whose list opens, the newest first.
    fn lists<'f>(&mut self, parts: &'f Parts<'f>) -> Vec<List<'f>> {
        let mut lists = Vec::new();
        let mut closed = Vec::new();
        for (half, file) in Half::BOTH.into_iter().zip(&parts.files) {
            let Some(file) = file else { continue };
            let opened = file.as_ref().ok().and_then(|file| {
                let index = file.open_index(self.keys)?;
                Some(List::new(half, file, index))
            });
            match (opened, file) {
                (Some(list), _) => {
                    if !list.file.intact {
                        self.notes.push(Note::FileDamaged(half));
                    }
                    lists.push(list);
                }
                (None, file) => closed.push((half, file.as_ref().ok())),
            }
        }
        lists.sort_by_key(|list| std::cmp::Reverse(list.file.header.generation));
        // Whole, older than what does open, and closed to the key: a crash came between the two saves of a new key.
        let newest = lists.first().map(|list| &list.file.header);
        for (half, file) in closed {
            let of_an_older_key = file.zip(newest).is_some_and(|(file, newest)| {
                file.intact
                    && file.header.vault == newest.vault
                    && file.header.generation < newest.generation
            });
            self.notes.push(match of_an_older_key {
                true => Note::FileOfAnOlderKey(half),
                false => Note::FileDamaged(half),
            });
        }
        lists
    }

    /// The head, if it was made with the key.
    fn head<'f>(&mut self, parts: &'f Parts<'f>) -> Option<&'f Head> {
        let head = parts.head().filter(|head| head.is_authentic(self.keys));
        match parts.head {
            None => self.notes.push(Note::HeadMissing),
            Some(_) if parts.head_of_another_vault() => self.notes.push(Note::HeadOfAnotherVault),
            // With only its checksum damaged it is as good as before, and still written again.
            Some(_) if head.is_some_and(|head| head.intact) => (),
            Some(_) => self.notes.push(Note::HeadDamaged),
        }
        head
    }

    /// Notes that a half whose list does not open may have had what nothing else has.
    fn may_have_lost(&mut self, it_may: bool) {
        if it_may && !self.notes.contains(&Note::Incomplete) {
            self.notes.retain(|note| *note != Note::Complete);
            self.notes.push(Note::Incomplete);
        }
    }

    /// Takes the list of a file, with the accounts of its mirror.
    fn take_list(&mut self, list: &List<'_>) {
        self.settings = list.index.settings.clone();
        self.backup_slot = list
            .index
            .backup_slot
            .as_ref()
            .and_then(format::read::read_slot)
            .filter(|slot| slot.kind == SlotKind::Passphrase);
        let halves = list.index.current_halves().unwrap_or_default();
        self.bundles = halves.into_iter().map(BundleState::written).collect();
        for (row, bytes) in list.rows() {
            let id = AccountId(row.id.0);
            let sealed = SealedItem::from_bytes(bytes)
                .filter(|item| item.hash() == row.hash.0 && item.rev() == row.rev);
            let opened = sealed.and_then(|item| Some((item.open(self.keys)?, item)));
            let state = match opened.filter(|(account, _)| account.id == id) {
                Some((account, item)) => State::Open {
                    account,
                    sealed: Some(item),
                },
                None => State::Damaged {
                    kept: bytes.to_vec(),
                },
            };
            self.entries.push(Entry {
                place: Place {
                    id,
                    rev: row.rev,
                    pinned: row.pinned,
                    groups: row.groups.clone(),
                    trashed: row.trashed.map(UnixTime::from_secs),
                    came_back: row.came_back,
                },
                hash: row.hash.0,
                bundle: Some(row.bundle),
                state,
            });
        }
    }

    /// Puts what is in the bundles together with the list: of each account the newest, and accounts that the list does
    /// not have at its end. Where the keyring is newer, accounts that are gone from a complete set of bundles were
    /// deleted, and go; otherwise what is in one place only stays, and is marked.
    fn take_bundles(&mut self, head: Option<&Head>, newer: Newer) -> Result<(), FetchFailed> {
        let mut found = gather(
            head,
            self.bundles.len(),
            self.keys,
            self.fetch,
            &mut self.notes,
        )?;
        let mut complete = head.is_some_and(|head| head.items == found.digest());
        if newer == Newer::Keyring && complete {
            self.entries
                .retain(|entry| found.good.contains_key(&entry.place.id));
        }
        let apart = newer == Newer::Neither && head.is_some();
        for entry in &mut self.entries {
            if !found.good.contains_key(&entry.place.id) {
                entry.bundle = None;
            }
        }
        self.put_together(&mut found, apart, apart && complete);
        self.bundles = std::mem::take(&mut found.bundles);
        complete |= !apart && head.is_some_and(|head| head.items == self.digest());
        if !(newer == Newer::Keyring && complete && found.whole) {
            self.write_all();
        }
        self.notes.push(if complete {
            Note::Complete
        } else {
            Note::Incomplete
        });
        Ok(())
    }

    /// Puts the list of the other half of the file together with this one: two computers wrote a half each.
    fn take_other_list(&mut self, other: &List<'_>) {
        let generation = other.file.header.generation;
        self.notes.push(Note::Diverged { generation });
        let mut found = Gathered::default();
        let mut trashed = Vec::new();
        for (row, bytes) in other.rows() {
            let item = SealedItem::from_bytes(bytes).filter(|item| item.hash() == row.hash.0);
            if let Some(item) = item {
                trashed.extend(row.trashed.map(|since| (item.id(), since)));
                found.add(item, None, self.keys);
            }
        }
        let before = self.entries.len();
        self.put_together(&mut found, true, false);
        for entry in &mut self.entries[before..] {
            let id = entry.place.id;
            let since = trashed.iter().find(|(known, _)| *known == id);
            entry.place.trashed = since.map(|(_, since)| UnixTime::from_secs(*since));
            entry.place.came_back &= entry.place.trashed.is_none();
        }
        self.write_all();
    }

    /// Takes of each account the newer version, and what the list does not have at its end. Of two copies that went
    /// `apart`, what came is marked, where two versions are equally new both are kept, and `missing` marks what the
    /// other copy does not have, too.
    fn put_together(&mut self, found: &mut Gathered, apart: bool, missing: bool) {
        let mut twins = Vec::new();
        for entry in &mut self.entries {
            let Some(candidate) = found.good.remove(&entry.place.id) else {
                if missing && entry.place.trashed.is_none() {
                    entry.place.came_back = true;
                    self.notes.push(Note::CameBack(entry.place.id));
                }
                continue;
            };
            let damaged = entry.account().is_none();
            let counter = entry.account().map_or(0, counter_of);
            if candidate.account.rev > entry.place.rev {
                entry.take(candidate);
                entry.count_on_from(counter);
            } else if damaged && candidate.sealed.hash() == entry.hash {
                self.notes.push(Note::ItemRepaired(entry.place.id));
                entry.take(candidate);
            } else {
                entry.bundle = candidate.bundle.or(entry.bundle);
                entry.count_on_from(counter_of(&candidate.account));
                let tie = apart && candidate.account.rev == entry.place.rev;
                let differs = |known: &Account| !known.says_the_same_as(&candidate.account);
                if tie && entry.account().is_some_and(differs) {
                    twins.push(candidate);
                }
            }
        }
        let news = found.order.iter();
        let mut news: Vec<Entry> = news
            .filter_map(|id| found.good.remove(id).map(Entry::from))
            .collect();
        for twin in twins.into_iter().map(Entry::twin) {
            let known = |entry: &Entry| entry.place.id == twin.place.id;
            if !self.entries.iter().any(known) && !news.iter().any(known) {
                news.push(twin);
            }
        }
        if apart {
            for entry in &mut news {
                entry.place.came_back = true;
                self.notes.push(Note::CameBack(entry.place.id));
            }
        }
        self.entries.extend(news);
    }

    /// Whether the keyring has every account as the file has it: then only its head was not written. One that is a save
    /// older has not, nor has another computer's, whose bundles may stand in the same halves.
    fn were_written(&mut self, generation: u64) -> bool {
        let mut inside = vec![Vec::new(); self.bundles.len()];
        for entry in self.entries.iter().filter(|e| e.account().is_some()) {
            let at = entry.bundle.and_then(|bundle| usize::try_from(bundle).ok());
            match at.and_then(|at| inside.get_mut(at)) {
                Some(hashes) => hashes.push(entry.hash),
                None => return false,
            }
        }
        let halves = self.bundles.iter().map(|state| state.current);
        (0u32..)
            .zip(halves.collect::<Vec<_>>())
            .zip(inside)
            .all(|((number, half), hashes)| {
                let entry = half.and_then(|half| (self.fetch)(number, half).ok()?);
                let bundle = entry.and_then(|entry| bundle::read(&entry, number, self.keys));
                let bundle = bundle.filter(|b| b.authentic && b.generation <= generation);
                bundle.is_some_and(|bundle| {
                    let there: Vec<_> = bundle.items.iter().map(SealedItem::hash).collect();
                    hashes.iter().all(|hash| there.contains(hash))
                })
            })
    }

    /// Has every bundle written, into the halves that an older head does not mean: until there is a new one, it stays
    /// whole.
    fn write_beside(&mut self, older: &Head) {
        for (state, half) in self.bundles.iter_mut().zip(&older.halves) {
            state.current = Some(*half);
        }
        self.write_all();
    }

    fn write_all(&mut self) {
        for bundle in &mut self.bundles {
            bundle.dirty = true;
        }
    }

    /// Makes the list from the accounts alone: those in the bundles, and those in what is left of the files. Answers
    /// whether the keyring gave all that it ever had: another computer's may have had more.
    fn rebuild(&mut self, parts: &Parts<'_>, head: Option<&Head>) -> Result<bool, OpenError> {
        let claimed = parts.head().map_or(0, |head| head.halves.len());
        let mut found = gather(head, claimed, self.keys, self.fetch, &mut self.notes)?;
        let is_complete = |found: &Gathered| head.is_some_and(|head| head.items == found.digest());
        // What is left of a file that says it is of a later save may have more than the keyring ever had.
        let all = !is_complete(&found);
        let later = |file: &File<'_>| {
            head.is_some_and(|head| file.header.generation > head.header.generation)
        };
        for file in parts.files().filter(|file| all || later(file)) {
            for item in item::split(file.mirror) {
                found.add(item, None, self.keys);
            }
        }
        let complete = is_complete(&found);
        // Nothing opened, and nothing proves that there was nothing: that must not look like an empty vault.
        if found.good.is_empty() && !complete {
            return Err(OpenError::Damaged);
        }
        for id in &found.order {
            self.entries.extend(found.good.remove(id).map(Entry::from));
        }
        for (sealed, bundle) in found.bad {
            let id = sealed.id();
            if complete || self.entries.iter().any(|entry| entry.place.id == id) {
                continue;
            }
            self.notes.push(Note::ItemDamaged(id));
            self.entries.push(Entry::damaged(sealed, bundle));
        }
        self.bundles = found.bundles;
        for bundle in &mut self.bundles {
            bundle.dirty = !(complete && found.whole);
        }
        self.notes.push(Note::ListLost);
        self.notes.push(if complete {
            Note::Complete
        } else {
            Note::Incomplete
        });
        Ok(complete)
    }

    /// Looks for accounts that are still damaged: in the older file, then in both halves of their bundle.
    fn repair(&mut self, older: Option<&List<'_>>) {
        let mut unread = false;
        for entry in self
            .entries
            .iter_mut()
            .filter(|entry| entry.account().is_none())
        {
            let id = entry.place.id;
            let mut found = Gathered::default();
            let in_older = older
                .into_iter()
                .flat_map(List::rows)
                .filter(|(row, _)| row.id.0 == id.0);
            // What that list does not vouch for either was put there.
            let mut copies: Vec<SealedItem> = in_older
                .filter_map(|(row, bytes)| Some((row, SealedItem::from_bytes(bytes)?)))
                .filter(|(row, item)| [row.hash.0, entry.hash].contains(&item.hash()))
                .map(|(_, item)| item)
                .collect();
            if let Some(number) = entry.bundle
                && !copies.iter().any(|item| item.hash() == entry.hash)
            {
                for half in Half::BOTH {
                    match (self.fetch)(number, half) {
                        Ok(bytes) => copies.extend(
                            bytes
                                .and_then(|bytes| bundle::read(&bytes, number, self.keys))
                                .into_iter()
                                .flat_map(|bundle| bundle.items)
                                .filter(|item| item.id() == id),
                        ),
                        Err(FetchFailed) => unread = true,
                    }
                }
            }
            // The very one that the list means, or else the newest that opens.
            let exact = copies.iter().position(|item| item.hash() == entry.hash);
            if let Some(at) = exact {
                found.add(copies.swap_remove(at), entry.bundle, self.keys);
            }
            let exact = !found.good.is_empty();
            if !exact {
                for item in copies {
                    found.add(item, entry.bundle, self.keys);
                }
            }
            self.notes.push(match found.good.remove(&id) {
                None => Note::ItemDamaged(id),
                Some(candidate) if exact => {
                    entry.take(candidate);
                    Note::ItemRepaired(id)
                }
                Some(candidate) => {
                    entry.take_as_change(candidate);
                    Note::ItemFromOtherVersion(id)
                }
            });
        }
        let older = |note: &Note| matches!(note, Note::ItemFromOtherVersion(_));
        self.may_have_lost(self.notes.iter().any(older));
        if unread {
            self.notes.push(Note::KeyringUnread);
        }
    }

    fn digest(&self) -> [u8; 32] {
        let rows = self.entries.iter();
        format::items_digest(rows.map(|entry| (entry.place.id, entry.place.rev, entry.hash)))
    }
}

impl Entry {
    /// Takes an account as it was saved.
    fn take(&mut self, candidate: Candidate) {
        self.place.rev = candidate.account.rev;
        self.hash = candidate.sealed.hash();
        self.bundle = candidate.bundle;
        self.state = State::Open {
            account: candidate.account,
            sealed: Some(candidate.sealed),
        };
    }

    /// Takes an account that is not the one the list means: the next save seals it as the newest.
    fn take_as_change(&mut self, candidate: Candidate) {
        let mut account = candidate.account;
        account.rev = account.rev.max(self.place.rev) + 1;
        self.place.rev = account.rev;
        self.state = State::Open {
            account,
            sealed: None,
        };
    }

    /// Another version of an account, as an account of its own: its id is made of both, so that two computers which put
    /// the same two copies together make one.
    fn twin(candidate: Candidate) -> Entry {
        let mut account = candidate.account;
        let of = [
            b"couchkey/v1/twin".as_slice(),
            account.id.as_bytes(),
            &candidate.sealed.hash(),
        ];
        let digest = crate::seal::sha256(&of);
        account.id.0.copy_from_slice(&digest[..16]);
        Entry {
            place: unlisted(account.id, account.rev),
            hash: [0; 32],
            bundle: None,
            state: State::Open {
                account,
                sealed: None,
            },
        }
    }

    /// A counter never falls back behind one that a copy of the account had: its codes were used.
    fn count_on_from(&mut self, counter: u64) {
        let State::Open { account, sealed } = &mut self.state else {
            return;
        };
        if let Kind::Hotp { counter: at } = account.kind
            && at.get() < counter
            && let Ok(counter) = Counter::new(counter)
        {
            account.kind = Kind::Hotp { counter };
            if sealed.take().is_some() {
                account.rev += 1;
                self.place.rev = account.rev;
            }
        }
    }

    fn damaged(sealed: SealedItem, bundle: u32) -> Entry {
        Entry {
            place: unlisted(sealed.id(), sealed.rev()),
            hash: sealed.hash(),
            bundle: Some(bundle),
            state: State::Damaged {
                kept: sealed.bytes().to_vec(),
            },
        }
    }
}

impl From<Candidate> for Entry {
    fn from(candidate: Candidate) -> Entry {
        let account = candidate.account;
        Entry {
            place: unlisted(account.id, account.rev),
            hash: candidate.sealed.hash(),
            bundle: candidate.bundle,
            state: State::Open {
                account,
                sealed: Some(candidate.sealed),
            },
        }
    }
}

/// Where the counter of an account stands; 0 where its codes move with the time.
fn counter_of(account: &Account) -> u64 {
    match account.kind {
        Kind::Hotp { counter } => counter.get(),
        Kind::Totp { .. } | Kind::Steam => 0,
    }
}

/// The place of an account that no list names.
fn unlisted(id: AccountId, rev: u64) -> Place {
    Place {
        id,
        rev,
        pinned: false,
        groups: Vec::new(),
        trashed: None,
        came_back: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_key::DeviceKey;
    use crate::id::VaultId;
    use crate::save::SaveError;
    use crate::seal;
    use crate::slot::NewSlot;
    use crate::testing::{account, rng};

    /// The file as a newer minor version would have written it: sealed for its own version number.
    fn of_minor(minor: u16, mut file: Vec<u8>, keys: &Keys) -> Vec<u8> {
        let number = |at: usize| {
            let four = file[at..at + 4].try_into().expect("four bytes");
            usize::try_from(u32::from_be_bytes(four)).expect("a small file")
        };
        let (start, length) = (24 + number(12), number(16));
        let place = |file: &[u8]| [b"couchkey/v1/index", &file[..start]].concat();
        let plain = seal::open(&keys.index, &place(&file), &file[start..start + length]);
        let plain = plain.expect("it is sealed for its place");
        file[10..12].copy_from_slice(&minor.to_be_bytes());
        let sealed = seal::seal(&keys.index, &place(&file), &plain, &mut rng(3));
        file[start..start + length].copy_from_slice(&sealed);
        let end = file.len() - 32;
        let sum = seal::sha256(&[&file[..end]]);
        file[end..].copy_from_slice(&sum);
        file
    }

    /// Files were once written without what came before them. Then only the half beside the newest one can show that a head
    /// is of the save before it.
    #[test]
    fn row_1_a_file_without_lineage_rolls_forward_only_where_the_half_beside_it_is_the_heads() {
        let key = DeviceKey::generate(&mut rng(1));
        let slot = NewSlot::Device { key: &key };
        let now = UnixTime::from_secs(1_700_000_000);
        let made = Vault::create(VaultId([1; 16]), slot, now, &mut rng(2));
        let mut vault = made.unwrap_or_else(|error| panic!("a device slot: {error}"));
        let mut rng = rng(3);
        let mut keyring = std::collections::HashMap::new();
        let (mut files, mut heads) = (Vec::new(), Vec::new());
        for n in 1..=3 {
            let mut account = account(n);
            account.id = AccountId([n; 16]);
            vault.entries.push(Entry {
                place: unlisted(account.id, 1),
                hash: [0; 32],
                bundle: None,
                state: State::Open {
                    account,
                    sealed: None,
                },
            });
            vault.changed();
            vault.lineage.clear();
            let save = vault
                .save(&mut rng)
                .unwrap_or_else(|error| panic!("of this version: {error}"));
            for bundle in &save.bundles {
                let entry = bundle.entry.clone().into_bytes();
                keyring.insert((bundle.number, bundle.half), entry);
            }
            files.push(save.file.clone());
            heads.push(save.head.clone().into_bytes());
            vault.saved(save);
        }
        let notes = |file: usize, beside: Option<usize>, head: usize| {
            let found = Found {
                file_a: Some(files[file].clone()),
                file_b: beside.map(|beside| files[beside].clone()),
                head: Some(heads[head].clone()),
            };
            let fetch = |number, half| Ok(keyring.get(&(number, half)).cloned());
            let opened = open(&found, &Unlock::Device(&key), fetch);
            let opened = opened.unwrap_or_else(|error| panic!("it opens: {error}"));
            assert_eq!(opened.vault.accounts().count(), 3, "nothing is missing");
            opened.notes
        };
        let rolled = Note::RolledForward { file: 3, head: 2 };
        assert!(notes(2, Some(1), 1).contains(&rolled), "a crash");
        let apart = Note::Diverged { generation: 3 };
        for (beside, head, what) in [
            (None, 1, "nothing shows what came before"),
            (Some(0), 1, "what is beside it is another save"),
            (Some(0), 0, "the head is two saves older"),
        ] {
            let notes = notes(2, beside, head);
            assert!(notes.contains(&apart), "{what}: {notes:?}");
        }
    }

    #[test]
    fn a_newer_minor_version_is_read_and_never_written_over() {
        let key = DeviceKey::generate(&mut rng(1));
        let slot = NewSlot::Device { key: &key };
        let now = UnixTime::from_secs(1_700_000_000);
        let made = Vault::create(VaultId([1; 16]), slot, now, &mut rng(2));
        let mut vault = made.unwrap_or_else(|error| panic!("a device slot: {error}"));
        vault.entries.push(Entry {
            place: unlisted(account(1).id, 1),
            hash: [0; 32],
            bundle: None,
            state: State::Open {
                account: account(1),
                sealed: None,
            },
        });
        let save = vault
            .save(&mut rng(4))
            .unwrap_or_else(|e| panic!("of this version: {e}"));
        let found = Found {
            file_a: Some(of_minor(1, save.file, &vault.keys)),
            ..Found::default()
        };
        let opened = open(&found, &Unlock::Device(&key), |_, _| Ok(None));
        let opened = opened.unwrap_or_else(|error| panic!("it can be read: {error}"));
        assert_eq!(opened.vault.accounts().count(), 1, "it can be read");
        assert!(
            opened.notes.contains(&Note::NewerMinor { minor: 1 }),
            "and is known"
        );
        assert!(!opened.needs_save, "nobody is asked to save it");
        let mut vault = opened.vault;
        vault.purge(now);
        vault.remove(account(1).id, now).expect("it is listed");
        let refused = vault.save(&mut rng(5)).err();
        assert_eq!(
            refused,
            Some(SaveError::NewerVersion { minor: 1 }),
            "never written over"
        );
    }
}
