//! What can be said about a vault before it is open: the parts of what was found, and what is not as it should be.

use crate::format::read::{file as read_file, head as read_head};
use crate::format::{File, Head, Header, ReadError};
use crate::id::{Half, VaultId};
use crate::open::OpenError;
use crate::seal::{Keys, VaultKey};
use crate::slot::{Refused, Slot, SlotInfo, SlotKind, Unlock};

/// What was found of one vault, as it was found. `None` is "it is surely not there": where that could not be found
/// out (a locked keyring, a disk that does not answer), there is nothing to be opened yet.
#[derive(Clone, Default)]
pub struct Found {
    /// The content of `vault.a`.
    pub file_a: Option<Vec<u8>>,
    /// The content of `vault.b`.
    pub file_b: Option<Vec<u8>>,
    /// The content of the keyring entry `<id>/head`.
    pub head: Option<Vec<u8>>,
}

impl Found {
    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.file_a.is_none() && self.file_b.is_none() && self.head.is_none()
    }

    fn file(&self, half: Half) -> Option<&[u8]> {
        match half {
            Half::A => self.file_a.as_deref(),
            Half::B => self.file_b.as_deref(),
        }
    }
}

/// What can be said about a vault without any key. None of it is proven before the vault is open.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// Which vault it is.
    pub vault: Option<VaultId>,
    /// The highest generation of a file that looks whole; if there is none, of one that does not.
    pub file: Option<u64>,
    /// The generation of the head.
    pub head: Option<u64>,
    /// The ways to unlock, by the newest of them.
    pub slots: Vec<SlotInfo>,
    /// What is not as it should be.
    pub problems: Vec<Problem>,
}

impl Survey {
    /// The highest generation of file and head: what another process has to have got to.
    pub fn generation(&self) -> Option<u64> {
        self.file.max(self.head)
    }

    /// Whether the vault can be unlocked in this way.
    pub fn slot(&self, kind: SlotKind) -> Option<&SlotInfo> {
        self.slots.iter().find(|slot| slot.kind == kind)
    }
}

/// Something that is not as it should be, seen without any key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// Neither file is there. With a head, the vault can be rebuilt from the keyring.
    FileMissing,
    /// This half of the file is damaged.
    FileDamaged(Half),
    /// The head is not in the keyring: the keyring was wiped, or is another one.
    HeadMissing,
    /// The head in the keyring is damaged.
    HeadDamaged,
    /// A newer Couchkey wrote part of it. Nothing must be written.
    NewerVersion {
        /// Its major version.
        major: u16,
    },
    /// The file is an older copy; newer accounts are in the keyring.
    FileOlder {
        /// The generation of the file.
        file: u64,
        /// The generation of the head.
        head: u64,
    },
    /// A crash kept the head from being written. Opening and saving mends it.
    HeadOlder {
        /// The generation of the file.
        file: u64,
        /// The generation of the head.
        head: u64,
    },
    /// `vault.a` and `vault.b` are of two vaults. Writing would destroy one of them.
    TwoVaults,
    /// The head is another vault's.
    HeadOfAnotherVault,
}

/// Looks at what was found, without any key.
pub fn survey(found: &Found) -> Survey {
    let parts = Parts::of(found);
    let mut survey = Survey {
        vault: parts.headers().first().map(|header| header.vault),
        file: parts.newest_file().map(|file| file.header.generation),
        head: parts.head().map(|head| head.header.generation),
        slots: parts
            .headers()
            .first()
            .map(|header| header.slots.iter().map(Slot::info).collect())
            .unwrap_or_default(),
        problems: Vec::new(),
    };
    let problems = &mut survey.problems;
    problems.extend(parts.newer().map(|major| Problem::NewerVersion { major }));
    if parts.two_vaults() {
        problems.push(Problem::TwoVaults);
    }
    for (half, file) in Half::BOTH.into_iter().zip(&parts.files) {
        match file {
            None | Some(Err(ReadError::NewerVersion { .. })) => (),
            Some(Ok(file)) if file.intact => (),
            Some(_) => problems.push(Problem::FileDamaged(half)),
        }
    }
    if found.file_a.is_none() && found.file_b.is_none() && found.head.is_some() {
        problems.push(Problem::FileMissing);
    }
    match &parts.head {
        None if found.is_empty() => (),
        None => problems.push(Problem::HeadMissing),
        Some(Err(ReadError::NewerVersion { .. })) => (),
        Some(Err(_)) => problems.push(Problem::HeadDamaged),
        Some(Ok(head)) if !head.intact => problems.push(Problem::HeadDamaged),
        Some(Ok(_)) if parts.head_of_another_vault() => problems.push(Problem::HeadOfAnotherVault),
        Some(Ok(head)) => {
            let head = head.header.generation;
            match survey.file {
                Some(file) if file < head => problems.push(Problem::FileOlder { file, head }),
                Some(file) if file > head => problems.push(Problem::HeadOlder { file, head }),
                _ => (),
            }
        }
    }
    survey
}

/// What was found, its parts told apart.
pub(crate) struct Parts<'a> {
    pub(crate) files: [Option<Result<File<'a>, ReadError>>; 2],
    pub(crate) head: Option<Result<Head, ReadError>>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(found: &'a Found) -> Parts<'a> {
        Parts {
            files: Half::BOTH.map(|half| found.file(half).map(read_file)),
            head: found.head.as_deref().map(read_head),
        }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &File<'a>> {
        self.files.iter().flatten().flatten()
    }

    /// The head, unless it is another vault's.
    pub(crate) fn head(&self) -> Option<&Head> {
        let head = self.head.as_ref()?.as_ref().ok()?;
        (!self.head_of_another_vault()).then_some(head)
    }

    pub(crate) fn newer(&self) -> Option<u16> {
        let files = self
            .files
            .iter()
            .flatten()
            .filter_map(|file| file.as_ref().err());
        let head = self.head.iter().filter_map(|head| head.as_ref().err());
        files.chain(head).find_map(|error| match error {
            ReadError::NewerVersion { major } => Some(*major),
            _ => None,
        })
    }

    /// The newest minor version of anything that looks whole.
    pub(crate) fn minor(&self) -> u16 {
        let files = self.whole_files().map(|file| file.minor);
        let head = self.head().filter(|head| head.intact);
        files.chain(head.map(|head| head.minor)).max().unwrap_or(0)
    }

    pub(crate) fn two_vaults(&self) -> bool {
        let mut ids = self.whole_files().map(|file| file.header.vault);
        matches!((ids.next(), ids.next()), (Some(a), Some(b)) if a != b)
    }

    pub(crate) fn head_of_another_vault(&self) -> bool {
        match &self.head {
            Some(Ok(head)) if head.intact => self
                .whole_files()
                .next()
                .is_some_and(|file| file.header.vault != head.header.vault),
            _ => false,
        }
    }

    /// Whether the keyring has a whole head that is made with another key and is of no save before this file's: what it
    /// is of cannot be read.
    pub(crate) fn has_a_foreign_head(&self, before: impl Fn(&[u8; 32]) -> bool) -> bool {
        self.head().is_some_and(|head| {
            let beside = self
                .files()
                .any(|file| file.index_hash() == head.index_hash);
            head.intact && !beside && !before(&head.index_hash)
        })
    }

    /// Of the halves of the file that are there, those but for `of`: of which save each of them says it is, where that can
    /// be read.
    pub(crate) fn generations_without(&self, of: impl Fn(Half) -> bool) -> Vec<Option<u64>> {
        let halves = Half::BOTH.into_iter().zip(&self.files);
        let others = halves.filter(|(half, _)| !of(*half));
        others
            .filter_map(|(_, file)| file.as_ref())
            .map(|file| file.as_ref().ok().map(|file| file.header.generation))
            .collect()
    }

    fn whole_files(&self) -> impl Iterator<Item = &File<'a>> {
        self.files().filter(|file| file.intact)
    }

    fn newest_file(&self) -> Option<&File<'a>> {
        self.files()
            .max_by_key(|file| (file.intact, file.header.generation))
    }

    /// Every header, those that look whole first, and of those the newest first.
    fn headers(&self) -> Vec<&Header> {
        let mut headers: Vec<_> = self
            .files()
            .map(|file| (file.intact, &file.header))
            .collect();
        headers.extend(self.head().map(|head| (head.intact, &head.header)));
        headers.sort_by_key(|(intact, header)| std::cmp::Reverse((*intact, header.generation)));
        headers.into_iter().map(|(_, header)| header).collect()
    }

    /// The vault key, and the newest header that it proves. Only what that header says opens the vault: a copy that is
    /// older, or that somebody put back, brings no older way in. Where the newest is damaged beyond proof, the next one
    /// counts, unless something newer that is whole has another key: then this one is of the past.
    pub(crate) fn unlock(&self, unlock: &Unlock<'_>) -> Result<(VaultKey, &Header), OpenError> {
        let headers = self.headers();
        if headers.is_empty() {
            return Err(OpenError::Damaged);
        }
        if let Unlock::VaultKey(key) = unlock {
            let proven = headers.iter().find_map(|header| {
                let key = VaultKey::from_slice(key.expose())?;
                let newest = self.proven_by(&key, header.vault);
                let newest = newest.max_by_key(|header| header.generation)?;
                let whole = self.is_newest_whole(newest.vault, newest.generation, |_| false);
                whole.then_some((key, newest))
            });
            return proven.ok_or(OpenError::Wrong);
        }
        let mut tried: Vec<(VaultId, &Slot)> = Vec::new();
        let mut refused = Refused::NoSuchSlot;
        for header in headers {
            for slot in &header.slots {
                if tried.contains(&(header.vault, slot)) {
                    continue;
                }
                tried.push((header.vault, slot));
                match slot.open(header.vault, unlock) {
                    Ok(key) => match self.counting(&key, header, slot, unlock) {
                        Ok(header) => return Ok((key, header)),
                        Err(error) => refused = refused.max(error),
                    },
                    Err(error) => refused = refused.max(error),
                }
            }
        }
        Err(refused.into())
    }

    /// The newest header, if it has this slot, which opened a header of this vault.
    fn counting<'p>(
        &'p self,
        key: &VaultKey,
        opened: &'p Header,
        slot: &Slot,
        unlock: &Unlock<'_>,
    ) -> Result<&'p Header, Refused> {
        let vault = opened.vault;
        let newest = self.proven_by(key, vault).map(|h| h.generation).max();
        let mut counting: Vec<&Header> = self.proven_by(key, vault).collect();
        counting.retain(|header| Some(header.generation) == newest);
        if counting.is_empty() {
            counting.push(opened);
        }
        // A whole header that this very way in opens to the same key is no other key's: it was damaged, or is a forgery.
        let opens = |header: &Header| {
            let same = |key: &VaultKey, other: &VaultKey| key.expose() == other.expose();
            let mut slots = header.slots.iter();
            slots.any(|known| {
                known == slot
                    || known
                        .open(vault, unlock)
                        .is_ok_and(|other| same(key, &other))
            })
        };
        if !self.is_newest_whole(vault, counting[0].generation, opens) {
            return Err(Refused::Wrong);
        }
        let has = counting.iter().find(|header| header.slots.contains(slot));
        has.copied().ok_or_else(|| {
            let mut slots = counting.iter().flat_map(|header| &header.slots);
            match slots.any(|known| known.kind == slot.kind) {
                true => Refused::Wrong,
                false => Refused::NoSuchSlot,
            }
        })
    }

    /// The headers that are as they were written, by this key.
    fn proven_by(&self, key: &VaultKey, vault: VaultId) -> impl Iterator<Item = &Header> {
        let keys = Keys::derive(key, vault);
        let head = self.head().filter(|head| head.is_authentic(&keys));
        let files = self.files();
        let files = files.filter(move |file| file.open_index(&keys).is_some());
        files
            .map(|file| &file.header)
            .chain(head.map(|head| &head.header))
    }

    /// Whether nothing of this vault that looks whole is newer, but for what is excepted.
    fn is_newest_whole(
        &self,
        vault: VaultId,
        generation: u64,
        excepted: impl Fn(&Header) -> bool,
    ) -> bool {
        let files = self.whole_files().map(|file| &file.header);
        let head = self.head().filter(|head| head.intact);
        let newer = files
            .chain(head.map(|head| &head.header))
            .filter(|header| header.vault == vault && header.generation > generation);
        newer.into_iter().all(excepted)
    }
}
