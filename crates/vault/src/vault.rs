//! An open vault: the list of accounts, and the changes that can be made to it.

use couchkey_otp::{Counter, Enrolment, Kind, UnixTime};
use rand_core::CryptoRng;

use crate::account::{
    Account, ChangeError, Damaged, Edit, Place, clean_groups, clean_name, clean_note, kept_names,
    limits,
};
use crate::device_key::DeviceKey;
use crate::format::{self, SaveMark};
use crate::id::{AccountId, Half, VaultId};
use crate::item::SealedItem;
use crate::new_account::NewAccount;
use crate::open::OpenError;
use crate::passphrase::{Argon2Cost, SlotError};
use crate::same::{Makes, SameCodes};
use crate::seal::{Keys, VaultKey};
use crate::settings::Settings;
use crate::slot::{NewSlot, Refused, Slot, SlotInfo, SlotKind, Unlock};

/// A vault that is open, in memory. No `Debug` and no `Clone`; dropping it wipes the vault key and every secret.
///
/// # Saving
///
/// Changes are made in memory; [`Vault::save`] says what has to be written for them and [`Vault::saved`] takes note
/// that it was. In between, whoever keeps the bytes writes them **in this order**, each one durable before the next:
///
/// 1. [`Save::roll_head`](crate::Save::roll_head), if there is one, to the keyring: `<id>/head`
/// 2. every one of [`Save::bundles`](crate::Save::bundles) to the keyring: [`BundleWrite::entry_name`](crate::BundleWrite::entry_name)
/// 3. [`Save::file`](crate::Save::file) to `vault.a` or `vault.b`, as [`Save::file_half`](crate::Save::file_half) says
/// 4. [`Save::head`](crate::Save::head) to the keyring: `<id>/head`
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
    /// Every bundle is written by the saves that are due, whatever is in it: some half of one may be of an older key.
    pub(crate) reseal: bool,
    /// What opens backups with a passphrase of their own.
    pub(crate) backup_slot: Option<Slot>,
    /// This generation's own mark and those of the saves before it, the latest first; empty before the first save.
    pub(crate) lineage: Vec<SaveMark>,
    /// An opening could not tell whether every account is here, and nobody has looked since.
    pub(crate) incomplete: bool,
    /// Both files were lost and made again from one keyring, and nobody has looked since.
    pub(crate) rebuilt: bool,
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
            reseal: false,
            backup_slot: None,
            lineage: Vec::new(),
            incomplete: false,
            rebuilt: false,
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
        let wanted = Makes::from(enrolment);
        self.accounts()
            .find(|(_, account)| wanted.same((*account).into()))
            .map(|(place, _)| place.id)
    }

    /// The same for many enrolments at once: the list is looked through once, not once for each of them.
    pub fn same_codes(&self) -> SameCodes<'_> {
        let mut known = SameCodes::default();
        for (place, account) in self.accounts() {
            known.note(place.id, account.into());
        }
        known
    }

    /// How many more accounts the vault takes.
    pub fn room(&self) -> usize {
        limits::ACCOUNTS.saturating_sub(self.entries.len())
    }

    /// Adds accounts of another app at the end of the list, in their order: all of them, or none. What is longer than
    /// [`limits`] is cut, as [`NewAccount::cuts`] and [`NewAccount::kept`] say before.
    ///
    /// # Errors
    ///
    /// [`ChangeError::TooManyAccounts`] when they do not all fit, [`ChangeError::ControlCharacter`] in a name.
    pub fn add_new(
        &mut self,
        accounts: Vec<NewAccount>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<AccountId>, ChangeError> {
        if accounts.len() > self.room() {
            let max = limits::ACCOUNTS;
            return Err(ChangeError::TooManyAccounts { max });
        }
        for imported in &accounts {
            kept_names(&imported.parsed.enrolment)?;
        }
        let mut ids = Vec::with_capacity(accounts.len());
        for imported in accounts {
            let kept = imported.kept();
            let id = self.add(imported.parsed.enrolment, now, rng)?;
            let entry = self.entries.last_mut().expect("it was just added");
            entry.place.pinned = imported.pinned;
            entry.place.groups = kept.groups;
            entry.place.trashed = imported.trashed.then_some(now);
            if let State::Open { account, .. } = &mut entry.state {
                account.note = kept.note;
            }
            if imported.trashed {
                self.comes_into_the_trash(now);
            }
            ids.push(id);
        }
        Ok(ids)
    }

    /// Adds an account at the end of the list. Its names are cleaned as those in links are, whoever typed them; what is
    /// longer than [`limits`] is cut: that only changes the looks.
    ///
    /// # Errors
    ///
    /// [`ChangeError::TooManyAccounts`] when the vault is full, [`ChangeError::ControlCharacter`] in a name.
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
        let (issuer, name) = kept_names(&enrolment)?;
        let id = AccountId::generate(rng);
        let account = Account {
            id,
            rev: 1,
            kind: enrolment.kind,
            secret: enrolment.secret,
            algorithm: enrolment.algorithm,
            digits: enrolment.digits,
            issuer,
            account: name,
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
                came_back: false,
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

    /// Puts an account, damaged or not, into the trash, where it rests for at least thirty days.
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

    /// Whether an opening could not tell that every account is here. It stays so until somebody has
    /// [looked](Self::seen).
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// Whether both files were lost and made again from one computer's keyring. Every account of that keyring is here; what
    /// another computer saved after it is not. It stays so until somebody has [looked](Self::seen).
    pub fn is_rebuilt(&self) -> bool {
        self.rebuilt
    }

    /// The person has looked at what came back and at what may be missing: neither is said any more.
    pub fn seen(&mut self) {
        let marked = self.entries.iter_mut().filter(|e| e.place.came_back);
        let count = marked.map(|entry| entry.place.came_back = false).count();
        if count > 0 || self.incomplete || self.rebuilt {
            self.incomplete = false;
            self.rebuilt = false;
            self.changed();
        }
    }

    /// Whether this is `older` or came from it by saves: then nothing that is in it was left out by accident.
    pub fn descends_from(&self, older: &Vault) -> bool {
        self.id() == older.id()
            && older
                .lineage
                .first()
                .is_none_or(|mark| self.lineage.contains(mark))
    }

    /// The ways to unlock this vault.
    pub fn slots(&self) -> Vec<SlotInfo> {
        self.slots.iter().map(Slot::info).collect()
    }

    /// Whether somebody has what opens the vault today: before they may change that, or take every secret along.
    ///
    /// # Errors
    ///
    /// [`OpenError::Wrong`] and [`OpenError::NoSlot`] when they have not; what kept it from being tried.
    pub fn opens_with(&self, unlock: &Unlock<'_>) -> Result<(), OpenError> {
        let mut refused = Refused::NoSuchSlot;
        for slot in &self.slots {
            match slot.open(self.id(), unlock) {
                Ok(_) => return Ok(()),
                Err(error) => refused = refused.max(error),
            }
        }
        Err(refused.into())
    }

    /// Makes a way to unlock, in place of the one of the same kind; of what needs a device key, in place of that device's
    /// own: other devices keep theirs, four in all, and beyond that the one made longest ago goes. `strong` also takes
    /// the place of every `device` and of `passphrase`, because any of them alone would open what it is to close; they
    /// take this device's in turn. Where a device gets another key, [`drop_device`](Self::drop_device) takes away what it
    /// had.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Slot`], and nothing is changed.
    pub fn put_slot(
        &mut self,
        new: NewSlot<'_>,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ChangeError> {
        let vault = self.id();
        let slot = Slot::make(&new, vault, &self.key, now, rng)?;
        self.slots
            .retain(|known| match (slot.kind, known.kind, new.device_key()) {
                (SlotKind::Strong, SlotKind::Passphrase | SlotKind::Device, _)
                | (SlotKind::Passphrase, SlotKind::Strong, _) => false,
                (_, SlotKind::Device | SlotKind::Strong, Some(key)) => !known.is_of(key, vault),
                _ => known.kind != slot.kind,
            });
        if slot.is_of_a_device() {
            self.make_room_for_a_device();
        }
        self.slots.push(slot);
        self.slots_changed();
        Ok(())
    }

    /// Takes away what the device with this key unlocks the vault with; none is no error. Not the last slot.
    ///
    /// # Errors
    ///
    /// [`ChangeError::LastSlot`] for the only one.
    pub fn drop_device(&mut self, key: &DeviceKey) -> Result<(), ChangeError> {
        let vault = self.id();
        let stays = |slot: &Slot| !slot.is_of(key, vault);
        if self.slots.iter().all(stays) {
            return Ok(());
        }
        if !self.slots.iter().any(stays) {
            return Err(ChangeError::LastSlot);
        }
        self.slots.retain(stays);
        self.slots_changed();
        Ok(())
    }

    /// Takes the slots of other devices from a copy that went its own way: those that open in the way in which this
    /// vault opens, of devices that have none here.
    pub(crate) fn take_devices_of(&mut self, slots: &[Slot]) {
        for slot in slots.iter().filter(|slot| slot.is_of_a_device()) {
            let same_way = self.slots.iter().any(|known| known.kind == slot.kind);
            let known = |known: &Slot| known.is_of_a_device() && known.device == slot.device;
            if same_way && slot.device.is_some() && !self.slots.iter().any(known) {
                self.make_room_for_a_device();
                self.slots.push(slot.clone());
            }
        }
    }

    fn make_room_for_a_device(&mut self) {
        let devices = |slots: &[Slot]| slots.iter().filter(|slot| slot.is_of_a_device()).count();
        while devices(&self.slots) >= format::MAX_DEVICES {
            let of_devices = self.slots.iter().enumerate();
            let of_devices = of_devices.filter(|(_, slot)| slot.is_of_a_device());
            let oldest = of_devices.min_by_key(|(_, slot)| slot.made);
            let Some((at, _)) = oldest else { return };
            self.slots.remove(at);
        }
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

    /// Gives the vault a new key: every account, the list and the head are sealed anew, and nothing opens it any more
    /// but `slots`. The saves that are due afterwards write over both generations of the file and of every bundle, so
    /// that no copy in their places opens with the older key. Accounts that are damaged stay so; what opens backups
    /// with a passphrase ends, for it is not known here.
    ///
    /// What was copied elsewhere before, backups above all, still opens with what opened it then.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Slot`], [`ChangeError::LastSlot`] without any; nothing is changed then.
    pub fn rotate(
        &mut self,
        slots: &[NewSlot<'_>],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ChangeError> {
        if slots.is_empty() {
            return Err(ChangeError::LastSlot);
        }
        let key = VaultKey::generate(rng);
        let slots = slots
            .iter()
            .map(|slot| Slot::make(slot, self.id(), &key, now, rng))
            .collect::<Result<Vec<_>, _>>()?;
        self.keys = Keys::derive(&key, self.id());
        self.key = key;
        self.slots = slots;
        self.backup_slot = None;
        self.reseal = true;
        for entry in &mut self.entries {
            if let State::Open { sealed, .. } = &mut entry.state {
                *sealed = None;
            }
        }
        self.slots_changed();
        Ok(())
    }

    /// Lets backups be opened with this passphrase, too. It opens nothing else.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Slot`], and nothing is changed.
    pub fn set_backup_passphrase(
        &mut self,
        passphrase: &str,
        cost: Argon2Cost,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ChangeError> {
        let slot = NewSlot::Passphrase { passphrase, cost };
        self.backup_slot = Some(Slot::make(&slot, self.id(), &self.key, now, rng)?);
        self.changed();
        Ok(())
    }

    /// Ends that: backups from now on open without it. Those that were made before still open with it.
    pub fn drop_backup_passphrase(&mut self) {
        if self.backup_slot.take().is_some() {
            self.changed();
        }
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
        if let Some(now) = to {
            self.comes_into_the_trash(now);
        }
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

    /// Has a bundle written although none of its accounts changed.
    pub(crate) fn touch(&mut self, bundle: u32) {
        let at = usize::try_from(bundle).ok();
        if let Some(state) = at.and_then(|at| self.bundles.get_mut(at)) {
            state.dirty = true;
        }
    }

    pub(crate) fn changed(&mut self) {
        self.dirty = true;
        self.edition += 1;
    }
}

impl BundleState {
    pub(crate) fn written(current: Half) -> BundleState {
        BundleState {
            current: Some(current),
            dirty: false,
        }
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
