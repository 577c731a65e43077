//! Saving: what has to be written so that the disk and the keyring have what memory has.

use std::collections::HashMap;

use couchkey_otp::UnixTime;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::bundle;
use crate::format::{self, ByteArray, ByteString, Container, Header, Index, Row, SaveMark};
use crate::id::{AccountId, Half, VaultId};
use crate::item::{self, LENGTH, SealedItem};
use crate::vault::{BundleState, Entry, State, Vault};

/// What has to be written, in the order that [`Vault`] gives.
pub struct Save {
    /// The head of the generation that is on the disk already, because a crash kept it from being written.
    pub roll_head: Option<String>,
    /// The bundles that changed.
    pub bundles: Vec<BundleWrite>,
    /// Which of `vault.a` and `vault.b` to replace: the older one.
    pub file_half: Half,
    /// The whole new content of that file.
    pub file: Vec<u8>,
    /// The new content of the keyring entry `<id>/head`.
    pub head: String,
    /// What [`Vault::generation`] is afterwards.
    pub generation: u64,
    vault: VaultId,
    edition: u64,
    /// By what the saves after this one know it.
    mark: SaveMark,
    items: Vec<(AccountId, SealedItem)>,
    places: Vec<(AccountId, u32)>,
    states: Vec<BundleState>,
}

/// One half of a bundle, to be written to the keyring.
pub struct BundleWrite {
    /// The number of the bundle, from 0.
    pub number: u32,
    /// Which half: the older one.
    pub half: Half,
    /// The new content of the keyring entry.
    pub entry: String,
    /// No generation before this one had a bundle of this number: giving the save up may delete the entry again.
    pub first: bool,
}

impl BundleWrite {
    /// The name of the keyring entry: `<id>/bundle-<n>.a` or `.b`.
    pub fn entry_name(&self, vault: VaultId) -> String {
        format::bundle_entry(vault, self.number, self.half)
    }
}

/// Why a vault cannot be saved at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SaveError {
    /// A newer Couchkey wrote this vault, and saving it here would lose what is new in it.
    #[error("this vault is of version 1.{minor}, written by a newer Couchkey")]
    NewerVersion {
        /// Its minor version.
        minor: u16,
    },
    /// Thousands of accounts with notes of the greatest length: the keyring has no room for them.
    #[error("the vault needs more than {max} keyring entries")]
    TooLarge {
        /// [`format::MAX_BUNDLES`].
        max: usize,
    },
}

impl Vault {
    /// What has to be written so that the vault is on the disk as it is in memory: see [`Vault`] for the order.
    /// Nothing changes in memory until [`Vault::saved`]. Its bundles fit into every keyring.
    ///
    /// # Errors
    ///
    /// See [`SaveError`]; nothing is to be written then.
    pub fn save(&self, rng: &mut impl CryptoRng) -> Result<Save, SaveError> {
        self.save_in_entries(format::MAX_ENTRY_EVERYWHERE, rng)
    }

    /// The same for a keyring that takes entries of `longest` characters: thousands of accounts need fewer of them then.
    /// It may be another keyring than the last time, with room for more or for less. Between
    /// [`format::MAX_ENTRY_EVERYWHERE`] and [`format::MAX_ENTRY`]; what is beyond counts as the nearer of the two.
    ///
    /// # Errors
    ///
    /// As [`Vault::save`].
    pub fn save_in_entries(
        &self,
        longest: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Save, SaveError> {
        if let Some(minor) = self.newer_minor {
            return Err(SaveError::NewerVersion { minor });
        }
        let generation = self.generation + 1;
        let items = self.seal_changed(rng);
        let rows = self.rows(&items);
        let (numbers, mut states) = self.pack(&rows, bundle::capacity(longest))?;

        let mut inside = vec![Vec::new(); states.len()];
        for (row, &home) in rows.iter().zip(&numbers) {
            if let (false, Ok(home)) = (self.was_put_there(row), usize::try_from(home)) {
                inside[home].push(row.bytes);
            }
        }
        let mut bundles = Vec::new();
        for ((number, state), inside) in (0u32..).zip(&mut states).zip(&inside) {
            if !(state.dirty || self.reseal) {
                continue;
            }
            let half = state.current.map_or(Half::A, Half::other);
            bundles.push(BundleWrite {
                number,
                half,
                entry: bundle::write(inside, number, generation, &self.keys),
                first: state.current.is_none(),
            });
            *state = BundleState {
                current: Some(half),
                dirty: false,
            };
        }

        let (file, head, mark) = self.file_and_head(generation, &rows, &numbers, &states, rng);
        if head.len() > longest.max(format::MAX_HEAD_EVERYWHERE) {
            let max = format::MAX_BUNDLES;
            return Err(SaveError::TooLarge { max });
        }
        let places = rows.iter().map(|row| row.entry.place.id).zip(numbers);
        Ok(Save {
            roll_head: self.roll_head.clone(),
            bundles,
            file_half: self.file_half.map_or(Half::A, Half::other),
            file,
            head,
            generation,
            vault: self.id(),
            edition: self.edition,
            mark,
            places: places.collect(),
            items,
            states,
        })
    }

    /// Takes note that everything in `save` was written. A save of another vault or of an earlier generation changes
    /// nothing; a change that was made since stays to be saved.
    pub fn saved(&mut self, save: Save) {
        if save.vault != self.id() || save.generation != self.generation + 1 {
            return;
        }
        let same = save.edition == self.edition;
        self.generation = save.generation;
        self.file_half = Some(save.file_half);
        self.roll_head = None;
        self.lineage.insert(0, save.mark);
        self.lineage.truncate(format::LINEAGE_IN_FILE);
        self.bundles = save.states;
        let mut sealed: HashMap<_, _> = save.items.into_iter().collect();
        let homes: HashMap<_, _> = save.places.into_iter().collect();
        for entry in &mut self.entries {
            entry.bundle = homes.get(&entry.place.id).copied().or(entry.bundle);
            let Some(item) = sealed.remove(&entry.place.id) else {
                continue;
            };
            entry.hash = item.hash();
            if let State::Open { account, sealed } = &mut entry.state {
                if same {
                    *sealed = Some(item);
                } else {
                    // It may have changed since: what is on the disk has this rev, so the next one has another.
                    account.rev = item.rev() + 1;
                    entry.place.rev = account.rev;
                    *sealed = None;
                }
            }
        }
        // What went out of the list since is still in its bundle.
        for home in homes.into_values().filter(|_| !same) {
            self.touch(home);
        }
        self.dirty = !same;
        self.slot_saves_due = self.slot_saves_due.saturating_sub(u8::from(same));
        self.reseal &= self.slot_saves_due > 0 || !same;
    }

    /// Whether what is left of a damaged account is a sound version of it that the list never vouched for. It stays in
    /// the mirror, where only the list counts. In a bundle a later opening would take it for a version that was saved.
    fn was_put_there(&self, row: &Packed<'_>) -> bool {
        let State::Damaged { kept } = &row.entry.state else {
            return false;
        };
        let item = SealedItem::from_bytes(kept);
        kept.is_empty() || item.is_some_and(|item| item.open(&self.keys).is_some())
    }

    /// The file and the head of a generation, for accounts that are in these bundles.
    fn file_and_head(
        &self,
        generation: u64,
        rows: &[Packed<'_>],
        numbers: &[u32],
        states: &[BundleState],
        rng: &mut impl CryptoRng,
    ) -> (Vec<u8>, String, SaveMark) {
        let header = format::write::header(&Header {
            vault: self.id(),
            generation,
            made: None,
            slots: self.slots.clone(),
        });
        let halves = current(states);
        let mut mirror = Vec::new();
        let mut accounts = Vec::with_capacity(rows.len());
        for (row, &bundle) in rows.iter().zip(numbers) {
            item::join(&mut mirror, row.bytes);
            accounts.push(row.in_the_list(bundle));
        }
        let index = Index {
            accounts,
            settings: self.settings.clone(),
            bundles: u32::try_from(halves.len()).expect("MAX_BUNDLES fits into 32 bits"),
            halves: ByteString(format::pack(&halves)),
            backup_slot: self.backup_slot.as_ref().map(format::write::slot_row),
            before: ByteString(self.lineage.concat()),
            incomplete: self.incomplete,
            rebuilt: self.rebuilt,
        };
        let (file, index_hash) =
            format::write::file(Container::Vault, &header, &index, &mirror, &self.keys, rng);
        let digest = format::items_digest(
            rows.iter()
                .map(|row| (row.entry.place.id, row.entry.place.rev, row.hash)),
        );
        let before = &self.lineage;
        let head = format::write::head(&header, &index_hash, &digest, &halves, before, &self.keys);
        (file, head, format::save_mark(&index_hash))
    }

    /// The head that belongs to a file that is on the disk already.
    pub(crate) fn head_for(&self, header: &Header, index_hash: &[u8; 32]) -> String {
        let digest = format::items_digest(
            self.entries
                .iter()
                .map(|entry| (entry.place.id, entry.place.rev, entry.hash)),
        );
        let header = format::write::header(header);
        let halves = current(&self.bundles);
        let before = self.lineage.get(1..).unwrap_or_default();
        format::write::head(&header, index_hash, &digest, &halves, before, &self.keys)
    }

    /// The accounts that changed since they were sealed, sealed.
    pub(crate) fn seal_changed(&self, rng: &mut impl CryptoRng) -> Vec<(AccountId, SealedItem)> {
        let changed = self.entries.iter().filter_map(|entry| match &entry.state {
            State::Open {
                account,
                sealed: None,
            } => Some(account),
            _ => None,
        });
        changed
            .map(|account| (account.id, SealedItem::seal(account, &self.keys, rng)))
            .collect()
    }

    /// Every entry with the bytes that stand for it in the mirror and in its bundle.
    pub(crate) fn rows<'a>(&'a self, fresh: &'a [(AccountId, SealedItem)]) -> Vec<Packed<'a>> {
        let mut fresh = fresh.iter();
        self.entries
            .iter()
            .map(|entry| {
                let (bytes, hash, moved) = match &entry.state {
                    State::Damaged { kept } => (kept.as_slice(), entry.hash, false),
                    State::Open {
                        sealed: Some(item), ..
                    } => (item.bytes(), entry.hash, false),
                    State::Open { sealed: None, .. } => {
                        let (_, item) = fresh.next().expect("each changed account was sealed");
                        (item.bytes(), item.hash(), true)
                    }
                };
                Packed {
                    entry,
                    bytes,
                    hash,
                    changed: moved,
                }
            })
            .collect()
    }

    /// Finds a bundle for every account: its own while it fits, so that a change rewrites one entry. `capacity` is what
    /// an entry holds, in bytes; less than what it held before where the keyring is another one.
    fn pack(
        &self,
        rows: &[Packed<'_>],
        capacity: usize,
    ) -> Result<(Vec<u32>, Vec<BundleState>), SaveError> {
        let mut states = self.bundles.clone();
        let mut room = vec![capacity - bundle::OVERHEAD; states.len()];
        let needs = |row: &Packed<'_>| LENGTH + row.bytes.len();
        let mut numbers: Vec<Option<usize>> = Vec::with_capacity(rows.len());
        for row in rows {
            let home = row.entry.bundle.and_then(|home| usize::try_from(home).ok());
            let home = home.filter(|&home| home < states.len());
            let stays = home.filter(|&home| !row.changed && room[home] >= needs(row));
            match (stays, home) {
                (Some(home), _) => room[home] -= needs(row),
                (None, Some(home)) => states[home].dirty = true,
                (None, None) => (),
            }
            numbers.push(stays);
        }
        // First those that can stay where they are, then those that cannot.
        for (row, number) in rows.iter().zip(&mut numbers) {
            let home = row.entry.bundle.and_then(|home| usize::try_from(home).ok());
            if let (None, Some(home)) = (*number, home)
                && room.get(home).is_some_and(|&room| room >= needs(row))
            {
                room[home] -= needs(row);
                *number = Some(home);
            }
        }
        for (row, number) in rows.iter().zip(&mut numbers) {
            if number.is_some() {
                continue;
            }
            let fits = |&at: &usize| room[at] >= needs(row);
            let written_anyway = (0..room.len()).filter(|&at| states[at].dirty).find(fits);
            let home = written_anyway.or_else(|| (0..room.len()).find(fits));
            let home = home.unwrap_or_else(|| {
                room.push(capacity - bundle::OVERHEAD);
                states.push(BundleState {
                    current: None,
                    dirty: true,
                });
                room.len() - 1
            });
            states[home].dirty = true;
            room[home] -= needs(row);
            *number = Some(home);
        }
        if states.len() > format::MAX_BUNDLES {
            let max = format::MAX_BUNDLES;
            return Err(SaveError::TooLarge { max });
        }
        let numbers = numbers.into_iter().flatten();
        let numbers = numbers.map(|home| u32::try_from(home).expect("MAX_BUNDLES fits"));
        Ok((numbers.collect(), states))
    }
}

/// An entry on its way into a save.
pub(crate) struct Packed<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) bytes: &'a [u8],
    pub(crate) hash: [u8; 32],
    changed: bool,
}

impl Packed<'_> {
    /// Its row of the list.
    pub(crate) fn in_the_list(&self, bundle: u32) -> Row {
        let place = &self.entry.place;
        Row {
            id: ByteArray(place.id.0),
            rev: place.rev,
            hash: ByteArray(self.hash),
            bundle,
            len: u32::try_from(self.bytes.len()).expect("no item is longer than MAX_ITEM"),
            pinned: place.pinned,
            groups: place.groups.clone(),
            trashed: place.trashed.map(UnixTime::as_secs),
            came_back: place.came_back,
        }
    }
}

fn current(states: &[BundleState]) -> Vec<Half> {
    // A bundle that was never written has nothing in it: which half that is of makes no difference.
    let half = |state: &BundleState| state.current.unwrap_or(Half::A);
    states.iter().map(half).collect()
}
