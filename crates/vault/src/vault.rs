//! An open vault: the list of accounts, the changes that can be made to it, and what has to be written for them.

use couchkey_otp::{Counter, Enrolment, Kind, UnixTime};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::{
    Account, ChangeError, Damaged, Edit, Place, clean_groups, clean_name, clean_note, cut, limits,
};
use crate::bundle::{self, MAX_BUNDLE};
use crate::format::{self, ByteArray, ByteString, Header, Index, Row};
use crate::id::{AccountId, Half, VaultId};
use crate::item::{self, LENGTH, SealedItem};
use crate::seal::{Keys, VaultKey};
use crate::slot::{NewSlot, Slot, SlotError, SlotInfo, SlotKind};

/// A vault that is open, in memory. No `Debug` and no `Clone`; dropping it wipes the vault key and every secret.
///
/// # Saving
///
/// Changes are made in memory; [`Vault::save`] says what has to be written for them and [`Vault::saved`] takes note
/// that it was. In between, whoever keeps the bytes writes them **in this order**, each one durable before the next:
///
/// 1. [`Save::roll_head`], if there is one, to the keyring: `<id>/head`
/// 2. every one of [`Save::bundles`] to the keyring: [`BundleWrite::entry_name`]
/// 3. [`Save::file`] to `vault.a` or `vault.b`, as [`Save::file_half`] says
/// 4. [`Save::head`] to the keyring: `<id>/head`
/// 5. `vault.saved(save)`
///
/// If any of the writes fails, the change is abandoned: drop this vault and [`open`](crate::open) what is on the disk
/// with [`Unlock::VaultKey`](crate::Unlock::VaultKey). What it gives is the state before the change, or, if only the
/// last write failed, the one after it. Writing the same save again from its first step is right, too.
///
/// Two processes: hold a lock from before reading to after the last write, or compare
/// [`Survey::generation`](crate::Survey::generation) with [`Vault::generation`] under the lock and open anew where
/// they differ.
pub struct Vault {
    pub(crate) key: VaultKey,
    pub(crate) keys: Keys,
    /// The generation that is on the disk; 0 before the first save.
    pub(crate) generation: u64,
    /// The half of the file that has it.
    pub(crate) file_half: Option<Half>,
    /// A newer minor version has written it: reading is right, writing would lose what is new in it.
    pub(crate) newer_minor: Option<u16>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) settings: Settings,
    pub(crate) entries: Vec<Entry>,
    pub(crate) damaged: Vec<Damaged>,
    pub(crate) bundles: Vec<BundleState>,
    pub(crate) roll_head: Option<String>,
    pub(crate) dirty: bool,
    /// How many more saves it takes until both halves of the file have today's slots and no others.
    pub(crate) slot_saves_due: u8,
    /// Counts changes, so that one made between `save` and `saved` is not taken for saved.
    pub(crate) edition: u64,
}

/// One row of the list, with its account.
pub(crate) struct Entry {
    pub(crate) place: Place,
    /// What the sealed item's SHA-256 has to be; of an account that was never saved, zeros.
    pub(crate) hash: [u8; 32],
    pub(crate) bundle: Option<u32>,
    pub(crate) state: State,
}

pub(crate) enum State {
    Open {
        account: Account,
        /// `None` when it was changed since.
        sealed: Option<SealedItem>,
    },
    /// What is left of the sealed bytes; kept, because somebody may yet be able to do something with them.
    Damaged { kept: Vec<u8> },
}

#[derive(Clone)]
pub(crate) struct BundleState {
    /// The half that is current; `None` before it was written at all.
    pub(crate) current: Option<Half>,
    /// It has to be written although none of its accounts changed.
    pub(crate) dirty: bool,
}

/// What the person chose. Fields that an older or newer version does not know take their defaults.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Digits in a group when a code is shown: 3 ("123 456") or 2 ("12 34 56").
    pub grouping: u8,
    /// Codes are covered until they are tapped.
    pub tap_to_reveal: bool,
    /// The next code is shown beneath the current one.
    pub show_next: bool,
    /// Minutes without use after which the vault locks; 0 is never.
    pub auto_lock_minutes: u32,
    /// The vault locks when the screen locks or the device sleeps.
    pub lock_on_sleep: bool,
    /// A copied code is taken off the clipboard again.
    pub clear_clipboard: bool,
    /// Light, dark, or as the system has it.
    pub appearance: Appearance,
    /// When the recovery key was made, in seconds since 1970.
    pub recovery_made: Option<u64>,
    /// The person said that they have the recovery key on paper or in a safe place.
    pub recovery_saved: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            grouping: 3,
            tap_to_reveal: false,
            show_next: true,
            auto_lock_minutes: 5,
            lock_on_sleep: true,
            clear_clipboard: true,
            appearance: Appearance::System,
            recovery_made: None,
            recovery_saved: false,
        }
    }
}

/// How the app looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum Appearance {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// High contrast.
    Contrast,
}

impl From<Appearance> for &'static str {
    fn from(appearance: Appearance) -> &'static str {
        match appearance {
            Appearance::System => "system",
            Appearance::Light => "light",
            Appearance::Dark => "dark",
            Appearance::Contrast => "contrast",
        }
    }
}

/// An appearance that this version does not know is the system's: looks never keep a vault from opening.
impl From<String> for Appearance {
    fn from(word: String) -> Appearance {
        match word.as_str() {
            "light" => Appearance::Light,
            "dark" => Appearance::Dark,
            "contrast" => Appearance::Contrast,
            _ => Appearance::System,
        }
    }
}

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
    /// A new and empty vault with one way to unlock it. Nothing is saved yet: its generation is 0.
    ///
    /// # Errors
    ///
    /// The slot cannot be made: see [`SlotError`].
    pub fn create(
        id: VaultId,
        slot: NewSlot<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Vault, SlotError> {
        let key = VaultKey::generate(rng);
        let slot = Slot::make(&slot, id, &key, now, rng)?;
        Ok(Vault {
            keys: Keys::derive(&key, id),
            key,
            generation: 0,
            file_half: None,
            newer_minor: None,
            slots: vec![slot],
            settings: Settings::default(),
            entries: Vec::new(),
            damaged: Vec::new(),
            bundles: Vec::new(),
            roll_head: None,
            dirty: true,
            slot_saves_due: 0,
            edition: 0,
        })
    }

    /// Which vault this is.
    pub fn id(&self) -> VaultId {
        self.keys.vault
    }

    /// The generation that is on the disk; 0 before the first save.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is anything to save. After a change of the slots this stays true for a second save, so that the
    /// older half of the file no longer opens with what was taken away.
    pub fn needs_save(&self) -> bool {
        self.dirty || self.slot_saves_due > 0
    }

    /// The key of this vault, to read it again while it is open.
    pub fn vault_key(&self) -> &VaultKey {
        &self.key
    }

    /// The accounts, in the order of the list; neither the trash nor damaged ones.
    pub fn accounts(&self) -> impl Iterator<Item = (&Place, &Account)> {
        self.opened(false)
    }

    /// The accounts in the trash, in the order of the list.
    pub fn trash(&self) -> impl Iterator<Item = (&Place, &Account)> {
        self.opened(true)
    }

    /// The accounts that cannot be opened, in the order of the list.
    pub fn damaged(&self) -> &[Damaged] {
        &self.damaged
    }

    /// One account, in the trash or not; `None` if there is none or it is damaged.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.entry(id).and_then(Entry::account)
    }

    /// Where one account stands, in the trash or not, damaged or not.
    pub fn place(&self, id: AccountId) -> Option<&Place> {
        self.entry(id).map(|entry| &entry.place)
    }

    /// What the person chose.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes what the person chose.
    pub fn set_settings(&mut self, settings: Settings) {
        if self.settings != settings {
            self.settings = settings;
            self.changed();
        }
    }

    /// The account that makes the same codes: the same secret, and the same kind, algorithm, digits and period. The
    /// trash is not looked at. Secrets are compared in constant time.
    pub fn find_same(&self, enrolment: &Enrolment) -> Option<AccountId> {
        let same_kind = |kind: &Kind| match (kind, &enrolment.kind) {
            // Where a counter stands does not make another account.
            (Kind::Hotp { .. }, Kind::Hotp { .. }) => true,
            (one, other) => one == other,
        };
        let mut accounts = self.accounts();
        accounts
            .find(|(_, account)| {
                same_kind(&account.kind)
                    && account.algorithm == enrolment.algorithm
                    && account.digits == enrolment.digits
                    && account.secret.same_as(&enrolment.secret)
            })
            .map(|(place, _)| place.id)
    }

    /// Adds an account at the end of the list. Names longer than [`limits`] are cut: that only changes the looks.
    ///
    /// # Errors
    ///
    /// [`ChangeError::TooManyAccounts`] when the vault is full.
    pub fn add(
        &mut self,
        enrolment: Enrolment,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<AccountId, ChangeError> {
        if self.entries.len() >= limits::ACCOUNTS {
            let max = limits::ACCOUNTS;
            return Err(ChangeError::TooManyAccounts { max });
        }
        let id = AccountId::generate(rng);
        let account = Account {
            id,
            rev: 1,
            kind: enrolment.kind,
            secret: enrolment.secret,
            algorithm: enrolment.algorithm,
            digits: enrolment.digits,
            issuer: enrolment
                .issuer
                .map(|issuer| cut(issuer, limits::ISSUER_BYTES)),
            account: cut(enrolment.account, limits::ACCOUNT_BYTES),
            note: String::new(),
            added: now,
        };
        self.entries.push(Entry {
            place: Place {
                id,
                rev: 1,
                pinned: false,
                groups: Vec::new(),
                trashed: None,
            },
            hash: [0; 32],
            bundle: None,
            state: State::Open {
                account,
                sealed: None,
            },
        });
        self.changed();
        Ok(id)
    }

    /// Changes names, note, groups or pin of an account. Either everything that was asked for is changed, or nothing.
    ///
    /// # Errors
    ///
    /// Texts that are too long or have control characters in them, and names that would leave nothing to find the
    /// account by.
    pub fn edit(&mut self, id: AccountId, edit: Edit) -> Result<(), ChangeError> {
        let entry = self.entry_mut(id)?;
        let State::Open { account, .. } = &entry.state else {
            return Err(ChangeError::NoSuchAccount);
        };
        let renamed = edit.issuer.is_some() || edit.account.is_some();
        let issuer = match edit.issuer {
            None => account.issuer.clone(),
            Some(None) => None,
            Some(Some(issuer)) => {
                Some(clean_name("issuer", &issuer, limits::ISSUER_BYTES)?).filter(|i| !i.is_empty())
            }
        };
        let name = match edit.account {
            None => account.account.clone(),
            Some(name) => clean_name("account name", &name, limits::ACCOUNT_BYTES)?,
        };
        let note = match edit.note {
            None => account.note.clone(),
            Some(note) => clean_note(note)?,
        };
        let groups = edit.groups.map(clean_groups).transpose()?;
        if renamed && issuer.is_none() && name.is_empty() {
            return Err(ChangeError::NoName);
        }

        if (&issuer, &name, &note) != (&account.issuer, &account.account, &account.note) {
            let account = entry.opened_for_change()?;
            account.issuer = issuer;
            account.account = name;
            account.note = note;
        }
        if let Some(pinned) = edit.pinned {
            entry.place.pinned = pinned;
        }
        if let Some(groups) = groups {
            entry.place.groups = groups;
        }
        self.changed();
        Ok(())
    }

    /// Moves an account so that it is the `position`th of the list, from 0, as [`Vault::accounts`] counts; past the
    /// end is the end.
    ///
    /// # Errors
    ///
    /// [`ChangeError::NoSuchAccount`] also when it is in the trash.
    pub fn move_to(&mut self, id: AccountId, position: usize) -> Result<(), ChangeError> {
        let listed = |entry: &Entry| entry.place.trashed.is_none() && entry.account().is_some();
        let from = self
            .entries
            .iter()
            .position(|entry| entry.place.id == id && listed(entry))
            .ok_or(ChangeError::NoSuchAccount)?;
        let entry = self.entries.remove(from);
        let to = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| listed(entry))
            .nth(position)
            .map_or(self.entries.len(), |(at, _)| at);
        self.entries.insert(to, entry);
        self.changed();
        Ok(())
    }

    /// Puts an account, damaged or not, into the trash, where it rests for thirty days.
    ///
    /// # Errors
    ///
    /// [`ChangeError::NoSuchAccount`] also when it is in the trash already.
    pub fn remove(&mut self, id: AccountId, now: UnixTime) -> Result<(), ChangeError> {
        self.set_trashed(id, Some(now))
    }

    /// Takes an account out of the trash, to where it was.
    ///
    /// # Errors
    ///
    /// [`ChangeError::NoSuchAccount`] also when it is not in the trash.
    pub fn restore(&mut self, id: AccountId) -> Result<(), ChangeError> {
        self.set_trashed(id, None)
    }

    /// Deletes what has been in the trash for more than thirty days, and says how many that were. A clock that went
    /// backwards deletes nothing.
    pub fn purge(&mut self, now: UnixTime) -> usize {
        let before = self.entries.len();
        let bundles = &mut self.bundles;
        self.entries.retain(|entry| {
            let rests = entry.place.trashed.is_none_or(|since| {
                now.as_secs().saturating_sub(since.as_secs()) <= limits::TRASH_SECONDS
            });
            if let (false, Some(bundle)) = (rests, entry.bundle) {
                touch(bundles, bundle);
            }
            rests
        });
        let purged = before - self.entries.len();
        if purged > 0 {
            self.list_damaged();
            self.changed();
        }
        purged
    }

    /// Moves an account's counter on by one and gives the new one (RFC 4226, section 7.2). Save before the code that
    /// belongs to the old one is shown: a counter that falls back repeats codes.
    ///
    /// # Errors
    ///
    /// [`ChangeError::NoCounter`] for an account whose codes move with the time.
    pub fn advance_counter(&mut self, id: AccountId) -> Result<Counter, ChangeError> {
        let entry = self.entry_mut(id)?;
        let account = entry.account().ok_or(ChangeError::NoSuchAccount)?;
        let Kind::Hotp { counter } = account.kind else {
            return Err(ChangeError::NoCounter);
        };
        let counter = counter.next().ok_or(ChangeError::CounterUsedUp)?;
        entry.opened_for_change()?.kind = Kind::Hotp { counter };
        self.changed();
        Ok(counter)
    }

    /// The ways to unlock this vault.
    pub fn slots(&self) -> Vec<SlotInfo> {
        self.slots.iter().map(Slot::info).collect()
    }

    /// Makes a way to unlock, in place of the one of the same kind. `strong` also takes the place of `device` and
    /// `passphrase`, because either of them alone would open what it is to close; they take its place in turn.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Slot`], and nothing is changed.
    pub fn put_slot(
        &mut self,
        slot: NewSlot<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ChangeError> {
        let slot = Slot::make(&slot, self.id(), &self.key, now, rng)?;
        let replaces = |kind: SlotKind| match slot.kind {
            SlotKind::Strong => kind != SlotKind::Recovery,
            SlotKind::Device | SlotKind::Passphrase => {
                kind == slot.kind || kind == SlotKind::Strong
            }
            SlotKind::Recovery => kind == SlotKind::Recovery,
        };
        self.slots.retain(|known| !replaces(known.kind));
        self.slots.push(slot);
        self.slots_changed();
        Ok(())
    }

    /// Takes a way to unlock away.
    ///
    /// # Errors
    ///
    /// [`ChangeError::LastSlot`] for the only one.
    pub fn drop_slot(&mut self, kind: SlotKind) -> Result<(), ChangeError> {
        if !self.slots.iter().any(|slot| slot.kind == kind) {
            return Err(ChangeError::NoSuchSlot);
        }
        if self.slots.len() == 1 {
            return Err(ChangeError::LastSlot);
        }
        self.slots.retain(|slot| slot.kind != kind);
        self.slots_changed();
        Ok(())
    }

    /// What has to be written so that the vault is on the disk as it is in memory: see [`Vault`] for the order.
    /// Nothing changes in memory until [`Vault::saved`].
    ///
    /// # Errors
    ///
    /// See [`SaveError`]; nothing is to be written then.
    pub fn save(&self, rng: &mut impl CryptoRng) -> Result<Save, SaveError> {
        if let Some(minor) = self.newer_minor {
            return Err(SaveError::NewerVersion { minor });
        }
        let generation = self.generation + 1;
        let mut items = Vec::new();
        for entry in &self.entries {
            if let State::Open {
                account,
                sealed: None,
            } = &entry.state
            {
                items.push((account.id, SealedItem::seal(account, &self.keys, rng)));
            }
        }
        let rows = self.rows(&items);
        let (numbers, mut states) = self.pack(&rows)?;

        let mut inside = vec![Vec::new(); states.len()];
        for (row, &home) in rows.iter().zip(&numbers) {
            if let (false, Ok(home)) = (row.bytes.is_empty(), usize::try_from(home)) {
                inside[home].push(row.bytes);
            }
        }
        let mut bundles = Vec::new();
        for ((number, state), inside) in (0u32..).zip(&mut states).zip(&inside) {
            if !state.dirty {
                continue;
            }
            let half = state.current.map_or(Half::A, Half::other);
            bundles.push(BundleWrite {
                number,
                half,
                entry: bundle::write(inside, number, generation, &self.keys),
            });
            *state = BundleState {
                current: Some(half),
                dirty: false,
            };
        }

        let (file, head) = self.file_and_head(generation, &rows, &numbers, &states, rng);
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
        self.bundles = save.states;
        let mut sealed: std::collections::HashMap<_, _> = save.items.into_iter().collect();
        let homes: std::collections::HashMap<_, _> = save.places.into_iter().collect();
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
            touch(&mut self.bundles, home);
        }
        self.dirty = !same;
        self.slot_saves_due = self.slot_saves_due.saturating_sub(u8::from(same));
    }

    /// The file and the head of a generation, for accounts that are in these bundles.
    fn file_and_head(
        &self,
        generation: u64,
        rows: &[Packed<'_>],
        numbers: &[u32],
        states: &[BundleState],
        rng: &mut impl CryptoRng,
    ) -> (Vec<u8>, String) {
        let header = format::write::header(&Header {
            vault: self.id(),
            generation,
            slots: self.slots.clone(),
        });
        let halves = current(states);
        let mut mirror = Vec::new();
        let mut accounts = Vec::with_capacity(rows.len());
        for (row, &bundle) in rows.iter().zip(numbers) {
            item::join(&mut mirror, row.bytes);
            let place = &row.entry.place;
            accounts.push(Row {
                id: ByteArray(place.id.0),
                rev: place.rev,
                hash: ByteArray(row.hash),
                bundle,
                len: u32::try_from(row.bytes.len()).expect("no item is longer than MAX_ITEM"),
                pinned: place.pinned,
                groups: place.groups.clone(),
                trashed: place.trashed.map(UnixTime::as_secs),
            });
        }
        let index = Index {
            accounts,
            settings: self.settings.clone(),
            bundles: u32::try_from(halves.len()).expect("MAX_BUNDLES fits into 32 bits"),
            halves: ByteString(format::pack(&halves)),
        };
        let (file, index_hash) = format::write::file(&header, &index, &mirror, &self.keys, rng);
        let digest = format::items_digest(
            rows.iter()
                .map(|row| (row.entry.place.id, row.entry.place.rev, row.hash)),
        );
        let head = format::write::head(&header, &index_hash, &digest, &halves, &self.keys);
        (file, head)
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
        format::write::head(&header, index_hash, &digest, &halves, &self.keys)
    }

    /// Every entry with the bytes that stand for it in the mirror and in its bundle.
    fn rows<'a>(&'a self, fresh: &'a [(AccountId, SealedItem)]) -> Vec<Packed<'a>> {
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

    /// Finds a bundle for every account: its own while it fits, so that a change rewrites one entry.
    fn pack(&self, rows: &[Packed<'_>]) -> Result<(Vec<u32>, Vec<BundleState>), SaveError> {
        let mut states = self.bundles.clone();
        let mut room = vec![MAX_BUNDLE - bundle::OVERHEAD; states.len()];
        let needs = |row: &Packed<'_>| LENGTH + row.bytes.len();
        let mut numbers: Vec<Option<usize>> = Vec::with_capacity(rows.len());
        for row in rows {
            let home = row.entry.bundle.and_then(|home| usize::try_from(home).ok());
            let home = home.filter(|&home| home < states.len());
            if let Some(home) = home {
                if row.changed {
                    states[home].dirty = true;
                } else {
                    room[home] = room[home].saturating_sub(needs(row));
                }
            }
            numbers.push(home.filter(|_| !row.changed));
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
                room.push(MAX_BUNDLE - bundle::OVERHEAD);
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

    fn opened(&self, trashed: bool) -> impl Iterator<Item = (&Place, &Account)> {
        self.entries
            .iter()
            .filter(move |entry| entry.place.trashed.is_some() == trashed)
            .filter_map(|entry| Some((&entry.place, entry.account()?)))
    }

    fn entry(&self, id: AccountId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.place.id == id)
    }

    fn entry_mut(&mut self, id: AccountId) -> Result<&mut Entry, ChangeError> {
        self.entries
            .iter_mut()
            .find(|entry| entry.place.id == id)
            .ok_or(ChangeError::NoSuchAccount)
    }

    fn set_trashed(&mut self, id: AccountId, to: Option<UnixTime>) -> Result<(), ChangeError> {
        let entry = self.entry_mut(id)?;
        if entry.place.trashed.is_some() == to.is_some() {
            return Err(ChangeError::NoSuchAccount);
        }
        entry.place.trashed = to;
        self.list_damaged();
        self.changed();
        Ok(())
    }

    pub(crate) fn list_damaged(&mut self) {
        let damaged = self.entries.iter().filter(|e| e.account().is_none());
        self.damaged = damaged
            .map(|entry| Damaged {
                id: entry.place.id,
                trashed: entry.place.trashed,
            })
            .collect();
    }

    fn slots_changed(&mut self) {
        // A vault that was never saved has no older half to clean.
        self.slot_saves_due = if self.generation == 0 { 0 } else { 2 };
        self.changed();
    }

    pub(crate) fn changed(&mut self) {
        self.dirty = true;
        self.edition += 1;
    }
}

impl Entry {
    pub(crate) fn account(&self) -> Option<&Account> {
        match &self.state {
            State::Open { account, .. } => Some(account),
            State::Damaged { .. } => None,
        }
    }

    /// The account, about to be changed: its rev goes up once between two saves.
    fn opened_for_change(&mut self) -> Result<&mut Account, ChangeError> {
        let State::Open { account, sealed } = &mut self.state else {
            return Err(ChangeError::NoSuchAccount);
        };
        if sealed.take().is_some() {
            account.rev += 1;
            self.place.rev = account.rev;
        }
        Ok(account)
    }
}

/// An entry on its way into a save.
struct Packed<'a> {
    entry: &'a Entry,
    bytes: &'a [u8],
    hash: [u8; 32],
    changed: bool,
}

fn current(states: &[BundleState]) -> Vec<Half> {
    // A bundle that was never written has nothing in it: which half that is of makes no difference.
    let half = |state: &BundleState| state.current.unwrap_or(Half::A);
    states.iter().map(half).collect()
}

fn touch(bundles: &mut [BundleState], number: u32) {
    let state = usize::try_from(number)
        .ok()
        .and_then(|n| bundles.get_mut(n));
    if let Some(state) = state {
        state.dirty = true;
    }
}
