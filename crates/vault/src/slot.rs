//! One slot per way to unlock: the vault key, wrapped by a key that a person or a keyring has.
//!
//! ```text
//! wrapped = XChaCha20-Poly1305(KEK, vault key)
//! AAD     = "couchkey/v1/slot" ‖ vault id ‖ slot id ‖ kind ‖ kdf parameters
//! ```
//!
//! | kind | | KEK |
//! |---|---|---|
//! | 1 | device | the device key from the keyring |
//! | 2 | passphrase | Argon2id(passphrase, salt) |
//! | 3 | strong | HKDF-SHA256(Argon2id(passphrase, salt) ‖ device key, salt = vault id, "couchkey/v1/strong") |
//! | 4 | recovery | HKDF-SHA256(recovery key, salt = vault id, "couchkey/v1/recovery") |
//!
//! The kdf parameters of kinds 2 and 3 are memory in KiB, passes and lanes, four bytes big endian each, and the salt;
//! kinds 1 and 4 have none.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use couchkey_otp::UnixTime;
use rand_core::CryptoRng;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use crate::id::VaultId;
use crate::recovery_key::RecoveryKey;
use crate::seal::{self, OVERHEAD, SubKey, VaultKey};

/// 32 random bytes that live in the keyring of one device.
pub struct DeviceKey(Box<[u8; 32]>);

impl DeviceKey {
    /// A new random key.
    pub fn generate(rng: &mut impl CryptoRng) -> DeviceKey {
        let mut key = DeviceKey(Box::new([0; 32]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    /// The key that is in the keyring; `None` unless it is 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<DeviceKey> {
        if bytes.len() != 32 {
            return None;
        }
        let mut key = DeviceKey(Box::new([0; 32]));
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The bytes, for the keyring.
    ///
    /// # Security
    ///
    /// The keyring is the one place for them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// By what a slot of this key is known among those of other devices. It says nothing about the key.
    pub fn mark(&self, vault: VaultId) -> DeviceMark {
        let mut mark = [0; 8];
        let derived = SubKey::derive(self.expose(), vault, "couchkey/v1/device");
        mark.copy_from_slice(&derived.expose()[..8]);
        mark
    }
}

/// Names the device that a slot is for: the first bytes of HKDF-SHA256(device key, "couchkey/v1/device").
pub type DeviceMark = [u8; 8];

impl Drop for DeviceKey {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

/// A way to unlock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SlotKind {
    /// The device key from the keyring; no prompt.
    Device,
    /// A passphrase alone, where there is no keyring.
    Passphrase,
    /// The app lock: a passphrase *and* the device key.
    Strong,
    /// The recovery key.
    Recovery,
}

impl SlotKind {
    /// The stable name: `device`, `passphrase`, `strong`, `recovery`.
    pub fn word(self) -> &'static str {
        match self {
            SlotKind::Device => "device",
            SlotKind::Passphrase => "passphrase",
            SlotKind::Strong => "strong",
            SlotKind::Recovery => "recovery",
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            SlotKind::Device => 1,
            SlotKind::Passphrase => 2,
            SlotKind::Strong => 3,
            SlotKind::Recovery => 4,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<SlotKind> {
        [
            SlotKind::Device,
            SlotKind::Passphrase,
            SlotKind::Strong,
            SlotKind::Recovery,
        ]
        .into_iter()
        .find(|kind| kind.number() == number)
    }
}

/// What a guess at a passphrase costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Argon2Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Argon2Cost {
    /// The least that a slot is made with: 19 MiB, 2 passes, 1 lane (OWASP, Password Storage Cheat Sheet).
    pub const FLOOR: Argon2Cost = Argon2Cost {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };
    /// The most memory that is ever used, in KiB: 1 GiB.
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// The most memory that a slot is made with because a machine is fast, in KiB: 256 MiB, which a small computer has
    /// too.
    pub const CALIBRATED_MEMORY_KIB: u32 = 256 * 1024;
    /// What a person waits for at an unlock without minding: between half a second and a second.
    pub const WORTH: Duration = Duration::from_millis(750);
    const STEP_KIB: u32 = 16 * 1024;
    /// The most passes that are ever made.
    pub const MAX_PASSES: u32 = 20;
    /// The most lanes that are ever used.
    pub const MAX_LANES: u32 = 64;

    /// A cost to make a slot with.
    ///
    /// # Errors
    ///
    /// Below [`Argon2Cost::FLOOR`] a stolen file is guessed too fast; above the maxima an honest person waits too
    /// long, or their phone cannot open the vault at all.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Argon2Cost, SlotError> {
        let cost = Argon2Cost {
            memory_kib,
            passes,
            lanes,
        };
        cost.check_for_making()?;
        Ok(cost)
    }

    /// The cost for a machine on which a guess at [`Argon2Cost::default`] takes this long: with the memory that makes it
    /// [`Argon2Cost::WORTH`], in steps of 16 MiB, never less than the default and never more than
    /// [`Argon2Cost::CALIBRATED_MEMORY_KIB`].
    #[must_use]
    pub fn for_machine(default_takes: Duration) -> Argon2Cost {
        let default = Argon2Cost::default();
        let memory = u128::from(default.memory_kib) * Self::WORTH.as_micros()
            / default_takes.as_micros().max(1); // time grows in proportion with memory
        let step = u128::from(Self::STEP_KIB);
        let memory = u32::try_from(memory / step * step).unwrap_or(u32::MAX);
        Argon2Cost {
            memory_kib: memory.clamp(default.memory_kib, Self::CALIBRATED_MEMORY_KIB),
            ..default
        }
    }

    /// Pays it once for nothing, so that a shell can measure how long it takes.
    ///
    /// # Errors
    ///
    /// There is not that much memory, or the cost is above the maxima.
    pub fn pay(self) -> Result<(), SlotError> {
        let kdf = Kdf {
            cost: self,
            salt: [0; 16],
        };
        kdf.stretch("a passphrase that opens nothing").map(drop)
    }

    /// Memory in KiB.
    pub fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    pub fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes that can be computed at once.
    pub fn lanes(self) -> u32 {
        self.lanes
    }

    fn check_for_making(self) -> Result<(), SlotError> {
        let Argon2Cost {
            memory_kib,
            passes,
            lanes,
        } = self;
        let floor = Argon2Cost::FLOOR;
        if memory_kib < floor.memory_kib || passes < floor.passes || lanes < floor.lanes {
            return Err(SlotError::CostTooLow { memory_kib, passes });
        }
        if self.is_too_much() {
            return Err(SlotError::CostTooHigh { memory_kib, passes });
        }
        Ok(())
    }

    fn is_too_much(self) -> bool {
        self.memory_kib > Self::MAX_MEMORY_KIB
            || self.passes > Self::MAX_PASSES
            || self.lanes > Self::MAX_LANES
    }
}

/// 64 MiB, 3 passes, 4 lanes: RFC 9106, section 4, the second recommendation.
impl Default for Argon2Cost {
    fn default() -> Argon2Cost {
        Argon2Cost {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 4,
        }
    }
}

/// A slot to be made.
pub enum NewSlot<'a> {
    /// Opens with the device key alone.
    Device {
        /// The key that is in the keyring.
        key: &'a DeviceKey,
    },
    /// Opens with a passphrase alone.
    Passphrase {
        /// As it was typed.
        passphrase: &'a str,
        /// What a guess costs.
        cost: Argon2Cost,
    },
    /// Opens with a passphrase and the device key together.
    Strong {
        /// As it was typed.
        passphrase: &'a str,
        /// The key that is in the keyring.
        key: &'a DeviceKey,
        /// What a guess costs.
        cost: Argon2Cost,
    },
    /// Opens with the recovery key.
    Recovery {
        /// The key that the person is about to write down.
        key: &'a RecoveryKey,
    },
}

impl NewSlot<'_> {
    /// Which kind of slot this makes.
    pub fn kind(&self) -> SlotKind {
        match self {
            NewSlot::Device { .. } => SlotKind::Device,
            NewSlot::Passphrase { .. } => SlotKind::Passphrase,
            NewSlot::Strong { .. } => SlotKind::Strong,
            NewSlot::Recovery { .. } => SlotKind::Recovery,
        }
    }

    pub(crate) fn device_key(&self) -> Option<&DeviceKey> {
        match self {
            NewSlot::Device { key } | NewSlot::Strong { key, .. } => Some(key),
            NewSlot::Passphrase { .. } | NewSlot::Recovery { .. } => None,
        }
    }
}

/// What somebody has to open a vault with.
pub enum Unlock<'a> {
    /// The device key from the keyring.
    Device(&'a DeviceKey),
    /// A passphrase as it was typed.
    Passphrase(&'a str),
    /// A passphrase as it was typed, and the device key from the keyring.
    Strong {
        /// As it was typed.
        passphrase: &'a str,
        /// From the keyring.
        key: &'a DeviceKey,
    },
    /// The recovery key.
    Recovery(&'a RecoveryKey),
    /// The vault key of a vault that is open already, to read it again.
    VaultKey(&'a VaultKey),
}

/// What everybody may know about a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SlotInfo {
    /// Random; a new one each time the slot is made anew.
    pub id: [u8; 16],
    /// What opens it.
    pub kind: SlotKind,
    /// When it was made.
    pub made: UnixTime,
    /// What trying a passphrase costs, where there is one.
    pub cost: Option<Argon2Cost>,
    /// Which device it is for: kinds `device` and `strong` of today's making.
    pub device: Option<DeviceMark>,
}

/// Why a slot was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SlotError {
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// A line end, a tab or the like, which no keyboard types into a passphrase.
    #[error("the passphrase has a control character in it")]
    ControlCharacter,
    /// Below [`Argon2Cost::FLOOR`].
    #[error("{memory_kib} KiB and {passes} passes are too few to keep a passphrase safe")]
    CostTooLow {
        /// What was asked for.
        memory_kib: u32,
        /// What was asked for.
        passes: u32,
    },
    /// Above the maxima.
    #[error("{memory_kib} KiB and {passes} passes are more than a device should be asked for")]
    CostTooHigh {
        /// What was asked for.
        memory_kib: u32,
        /// What was asked for.
        passes: u32,
    },
    /// This device has not enough memory for that cost.
    #[error("there are no {memory_kib} KiB of memory free")]
    OutOfMemory {
        /// What is needed.
        memory_kib: u32,
    },
}

/// Why a slot did not open. In the order of what is worth telling, the last first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Refused {
    NoSuchSlot,
    CostTooHigh { memory_kib: u32, passes: u32 },
    OutOfMemory { memory_kib: u32 },
    Wrong,
}

/// A slot as it stands in the header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) id: [u8; 16],
    pub(crate) kind: SlotKind,
    pub(crate) made: UnixTime,
    pub(crate) kdf: Option<Kdf>,
    /// Which device it is for; slots of an older making do not say.
    pub(crate) device: Option<DeviceMark>,
    pub(crate) wrapped: [u8; WRAPPED],
}

/// The parameters of a slot with a passphrase.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kdf {
    pub(crate) cost: Argon2Cost,
    pub(crate) salt: [u8; 16],
}

/// Bytes of a wrapped vault key.
pub(crate) const WRAPPED: usize = 32 + OVERHEAD;

impl Slot {
    pub(crate) fn make(
        new: &NewSlot<'_>,
        vault: VaultId,
        key: &VaultKey,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Slot, SlotError> {
        if let NewSlot::Passphrase { passphrase, cost }
        | NewSlot::Strong {
            passphrase, cost, ..
        } = new
        {
            cost.check_for_making()?;
            if passphrase.is_empty() {
                return Err(SlotError::EmptyPassphrase);
            }
            if passphrase.chars().any(char::is_control) {
                return Err(SlotError::ControlCharacter);
            }
        }
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let mut kdf = |cost: Argon2Cost| {
            let mut salt = [0; 16];
            rng.fill_bytes(&mut salt);
            Kdf { cost, salt }
        };
        let device = new.device_key().map(|key| key.mark(vault));
        let (kdf, kek) = match *new {
            NewSlot::Device { key } => (None, SubKey::from_bytes(key.expose())),
            NewSlot::Passphrase { passphrase, cost } => {
                let kdf = kdf(cost);
                (Some(kdf), kdf.stretch(passphrase)?)
            }
            NewSlot::Strong {
                passphrase,
                key,
                cost,
            } => {
                let kdf = kdf(cost);
                (Some(kdf), strong(&kdf.stretch(passphrase)?, key, vault))
            }
            NewSlot::Recovery { key } => (None, recovery(key, vault)),
        };
        let mut slot = Slot {
            id,
            kind: new.kind(),
            made: now,
            kdf,
            device,
            wrapped: [0; WRAPPED],
        };
        let wrapped = seal::seal(&kek, &slot.place(vault), key.expose(), rng);
        slot.wrapped.copy_from_slice(&wrapped);
        Ok(slot)
    }

    /// The vault key, if `unlock` is what this slot was made with.
    pub(crate) fn open(&self, vault: VaultId, unlock: &Unlock<'_>) -> Result<VaultKey, Refused> {
        // Another device's: known without paying for the passphrase.
        if let (SlotKind::Strong, Unlock::Strong { key, .. }, Some(device)) =
            (self.kind, unlock, self.device)
            && device != key.mark(vault)
        {
            return Err(Refused::Wrong);
        }
        let kek = match (self.kind, unlock) {
            (SlotKind::Device, Unlock::Device(key)) => SubKey::from_bytes(key.expose()),
            (SlotKind::Passphrase, Unlock::Passphrase(passphrase)) => self.stretch(passphrase)?,
            (SlotKind::Strong, Unlock::Strong { passphrase, key }) => {
                strong(&self.stretch(passphrase)?, key, vault)
            }
            (SlotKind::Recovery, Unlock::Recovery(key)) => recovery(key, vault),
            _ => return Err(Refused::NoSuchSlot),
        };
        let key = seal::open(&kek, &self.place(vault), &self.wrapped).ok_or(Refused::Wrong)?;
        VaultKey::from_slice(&key).ok_or(Refused::Wrong)
    }

    pub(crate) fn info(&self) -> SlotInfo {
        SlotInfo {
            id: self.id,
            kind: self.kind,
            made: self.made,
            cost: self.kdf.map(|kdf| kdf.cost),
            device: self.device,
        }
    }

    /// Whether it needs a device key: a vault has one such slot for each device.
    pub(crate) fn is_of_a_device(&self) -> bool {
        matches!(self.kind, SlotKind::Device | SlotKind::Strong)
    }

    /// Whether it is of the device that has this key. A slot of an older making does not say; one with a passphrase
    /// counts as this device's then, so that a former passphrase never stays by mistake.
    pub(crate) fn is_of(&self, key: &DeviceKey, vault: VaultId) -> bool {
        match (self.kind, self.device) {
            (SlotKind::Device | SlotKind::Strong, Some(device)) => device == key.mark(vault),
            (SlotKind::Device, None) => self.open(vault, &Unlock::Device(key)).is_ok(),
            (SlotKind::Strong, None) => true,
            (SlotKind::Passphrase | SlotKind::Recovery, _) => false,
        }
    }

    fn stretch(&self, passphrase: &str) -> Result<SubKey, Refused> {
        let kdf = self.kdf.ok_or(Refused::Wrong)?;
        kdf.stretch(passphrase).map_err(|error| match error {
            SlotError::OutOfMemory { memory_kib } => Refused::OutOfMemory { memory_kib },
            _ => Refused::CostTooHigh {
                memory_kib: kdf.cost.memory_kib,
                passes: kdf.cost.passes,
            },
        })
    }

    fn place(&self, vault: VaultId) -> Vec<u8> {
        let mut place = b"couchkey/v1/slot".to_vec();
        place.extend_from_slice(vault.as_bytes());
        place.extend_from_slice(&self.id);
        place.push(self.kind.number());
        if let Some(kdf) = self.kdf {
            for number in [kdf.cost.memory_kib, kdf.cost.passes, kdf.cost.lanes] {
                place.extend_from_slice(&number.to_be_bytes());
            }
            place.extend_from_slice(&kdf.salt);
        }
        place
    }
}

impl Kdf {
    /// Argon2id (RFC 9106, version 1.3) of the passphrase as [`spelling`] has it. What costs too much is refused
    /// before anything is paid.
    fn stretch(self, passphrase: &str) -> Result<SubKey, SlotError> {
        let Argon2Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        let refused = SlotError::CostTooHigh { memory_kib, passes };
        if self.cost.is_too_much() {
            return Err(refused);
        }
        // Too little memory for the lanes: nobody's cost, so it is the file that is wrong.
        let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| refused)?;
        let mut memory = Vec::new();
        memory
            .try_reserve_exact(params.block_count())
            .map_err(|_| SlotError::OutOfMemory { memory_kib })?;
        memory.resize(params.block_count(), Block::new());

        let mut out = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                spelling(passphrase).as_bytes(),
                &self.salt,
                out.as_mut_slice(),
                &mut memory,
            )
            .map_err(|_| refused)?;
        memory.zeroize();
        Ok(SubKey::from_bytes(&out))
    }
}

/// One spelling for what two keyboards type differently: RFC 8265, section 4.2, OpaqueString. Every blank is U+0020,
/// and the text is in NFC; case and width stay.
fn spelling(passphrase: &str) -> Zeroizing<String> {
    // NFC is never more than three times as long, so the buffer does not grow and leaves no copies behind.
    let mut spelling = Zeroizing::new(String::with_capacity(passphrase.len() * 3));
    let blanks = passphrase
        .chars()
        .map(|character| if is_blank(character) { ' ' } else { character });
    spelling.extend(blanks.nfc());
    spelling
}

/// Unicode's general category Zs.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

fn strong(stretched: &SubKey, device: &DeviceKey, vault: VaultId) -> SubKey {
    let both = Zeroizing::new([stretched.expose().as_slice(), device.expose()].concat());
    SubKey::derive(&both, vault, "couchkey/v1/strong")
}

fn recovery(key: &RecoveryKey, vault: VaultId) -> SubKey {
    SubKey::derive(key.expose(), vault, "couchkey/v1/recovery")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    const VAULT: VaultId = VaultId([1; 16]);
    const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
    const COST: Argon2Cost = Argon2Cost::FLOOR;

    fn vault_key() -> VaultKey {
        VaultKey::generate(&mut rng(1))
    }

    fn device(n: u8) -> DeviceKey {
        DeviceKey::from_bytes(&[n; 32]).expect("32 bytes")
    }

    fn made(new: &NewSlot<'_>) -> Slot {
        Slot::make(new, VAULT, &vault_key(), NOW, &mut rng(2)).expect("a good slot")
    }

    fn opens(slot: &Slot, unlock: &Unlock<'_>) -> bool {
        match slot.open(VAULT, unlock) {
            Ok(key) => key.expose() == vault_key().expose(),
            Err(_) => false,
        }
    }

    #[test]
    fn the_device_slot_opens_with_its_device_key_only() {
        let slot = made(&NewSlot::Device { key: &device(1) });
        assert!(opens(&slot, &Unlock::Device(&device(1))), "its own key");
        let other = slot.open(VAULT, &Unlock::Device(&device(2)));
        assert_eq!(other.err(), Some(Refused::Wrong), "another key");
        let kind = slot.open(VAULT, &Unlock::Passphrase("sofa"));
        assert_eq!(kind.err(), Some(Refused::NoSuchSlot), "another kind");
    }

    #[test]
    fn the_passphrase_slot_opens_with_its_passphrase_only() {
        let slot = made(&NewSlot::Passphrase {
            passphrase: "sofa",
            cost: COST,
        });
        assert!(opens(&slot, &Unlock::Passphrase("sofa")), "its own");
        assert!(!opens(&slot, &Unlock::Passphrase("Sofa")), "case counts");
        assert!(!opens(&slot, &Unlock::Passphrase("sofa ")), "blanks count");
    }

    #[test]
    fn the_strong_slot_needs_both() {
        let slot = made(&NewSlot::Strong {
            passphrase: "sofa",
            key: &device(1),
            cost: COST,
        });
        let unlock = |passphrase, n| {
            let key = &device(n);
            opens(&slot, &Unlock::Strong { passphrase, key })
        };
        assert!(unlock("sofa", 1), "both");
        assert!(!unlock("sofa", 2), "not the device's key");
        assert!(!unlock("chair", 1), "not the passphrase");
        assert!(!opens(&slot, &Unlock::Passphrase("sofa")), "not one alone");
        assert!(!opens(&slot, &Unlock::Device(&device(1))), "not one alone");
    }

    #[test]
    fn the_recovery_slot_opens_with_its_recovery_key_only() {
        let key = RecoveryKey::generate(&mut rng(3));
        let slot = made(&NewSlot::Recovery { key: &key });
        let typed = RecoveryKey::parse(&key.to_text().to_lowercase()).expect("its own text");
        assert!(
            opens(&slot, &Unlock::Recovery(&typed)),
            "as typed from paper"
        );
        let other = RecoveryKey::generate(&mut rng(4));
        assert!(!opens(&slot, &Unlock::Recovery(&other)), "another key");
    }

    #[test]
    fn a_passphrase_typed_on_another_keyboard_opens() {
        let slot = made(&NewSlot::Passphrase {
            passphrase: "caf\u{E9} au lait",
            cost: COST,
        });
        let apart = "cafe\u{301}\u{A0}au\u{3000}lait";
        assert!(
            opens(&slot, &Unlock::Passphrase(apart)),
            "NFD and odd blanks"
        );
        assert_eq!(
            spelling("\u{FF11}").as_str(),
            "\u{FF11}",
            "width stays: RFC 8265, section 4.2.2, rule 1"
        );
        assert_eq!(
            spelling(&"\u{390}".repeat(9)).len(),
            18,
            "what NFC takes apart it puts together again"
        );
    }

    #[test]
    fn tampering_with_any_part_of_a_slot_is_noticed() {
        let good = made(&NewSlot::Passphrase {
            passphrase: "sofa",
            cost: COST,
        });
        let unlock = Unlock::Passphrase("sofa");
        let change = |change: &dyn Fn(&mut Slot)| {
            let mut slot = good.clone();
            change(&mut slot);
            opens(&slot, &unlock)
        };
        let kdf = good.kdf.expect("a passphrase slot has one");
        assert!(!change(&|slot| slot.id[0] ^= 1), "id");
        assert!(!change(&|slot| slot.wrapped[0] ^= 1), "nonce");
        assert!(!change(&|slot| slot.wrapped[40] ^= 1), "ciphertext");
        assert!(!change(&|slot| slot.wrapped[WRAPPED - 1] ^= 1), "tag");
        for lower in [
            Argon2Cost {
                memory_kib: 8,
                ..COST
            },
            Argon2Cost { passes: 1, ..COST },
            Argon2Cost { lanes: 2, ..COST },
        ] {
            let cheap = |slot: &mut Slot| slot.kdf = Some(Kdf { cost: lower, ..kdf });
            assert!(!change(&cheap), "cost {lower:?}");
        }
        let salt = |slot: &mut Slot| {
            slot.kdf = Some(Kdf {
                salt: [0; 16],
                ..kdf
            })
        };
        assert!(!change(&salt), "salt");
        assert!(
            good.open(VaultId([2; 16]), &unlock).is_err(),
            "another vault's header"
        );
        let recovery = RecoveryKey::generate(&mut rng(3));
        let slot = made(&NewSlot::Device { key: &device(1) });
        let mut moved = slot.clone();
        moved.kind = SlotKind::Recovery;
        assert!(!opens(&moved, &Unlock::Recovery(&recovery)), "kind");
    }

    #[test]
    fn a_slot_is_never_made_below_the_floor() {
        for (memory_kib, passes, lanes) in
            [(19 * 1024 - 1, 2, 1), (19 * 1024, 1, 1), (65_536, 3, 0)]
        {
            assert_eq!(
                Argon2Cost::new(memory_kib, passes, lanes),
                Err(SlotError::CostTooLow { memory_kib, passes }),
                "OWASP's least"
            );
        }
        // A cost that was read from somewhere else is checked as well.
        let cheap = Argon2Cost { passes: 1, ..COST };
        let slot = Slot::make(
            &NewSlot::Passphrase {
                passphrase: "sofa",
                cost: cheap,
            },
            VAULT,
            &vault_key(),
            NOW,
            &mut rng(2),
        );
        assert!(
            matches!(slot, Err(SlotError::CostTooLow { .. })),
            "not made"
        );
    }

    #[test]
    fn the_default_is_the_second_recommendation_of_rfc_9106() {
        let cost = Argon2Cost::default();
        let parts = (cost.memory_kib(), cost.passes(), cost.lanes());
        assert_eq!(parts, (64 * 1024, 3, 4), "RFC 9106, section 4");
        assert_eq!(
            Argon2Cost::new(64 * 1024, 3, 4),
            Ok(cost),
            "and may be asked for"
        );
    }

    #[test]
    fn a_fast_machine_pays_with_more_memory_and_none_with_less_than_the_default() {
        let mib = |takes_ms: u64| {
            let cost = Argon2Cost::for_machine(Duration::from_millis(takes_ms));
            assert_eq!(
                (cost.passes(), cost.lanes()),
                (3, 4),
                "only memory is moved"
            );
            assert_eq!(
                Argon2Cost::new(cost.memory_kib(), 3, 4),
                Ok(cost),
                "a slot can be made with it"
            );
            cost.memory_kib() / 1024
        };
        for (takes_ms, wanted) in [
            (0, 256),
            (50, 256),
            (187, 256), // three quarters of a second with four times the memory
            (200, 240),
            (426, 112),
            (750, 64),
            (5_000, 64), // a busy or an old machine waits, and is as safe
            (u64::MAX, 64),
        ] {
            assert_eq!(mib(takes_ms), wanted, "64 MiB in {takes_ms} ms");
        }
    }

    #[test]
    fn a_cost_can_be_tried_out_and_is_refused_as_a_slot_would_be() {
        assert_eq!(COST.pay(), Ok(()), "the floor");
        let much = Argon2Cost {
            memory_kib: Argon2Cost::MAX_MEMORY_KIB + 1,
            ..COST
        };
        assert!(
            matches!(much.pay(), Err(SlotError::CostTooHigh { .. })),
            "before it is paid"
        );
    }

    /// A refusal that had tried would need a gigabyte and minutes: this test would show it.
    #[test]
    fn a_cost_above_the_maxima_is_refused_before_it_is_paid() {
        let mut slot = made(&NewSlot::Passphrase {
            passphrase: "sofa",
            cost: COST,
        });
        for (memory_kib, passes, lanes) in [
            (Argon2Cost::MAX_MEMORY_KIB + 1, 2, 1),
            (u32::MAX, u32::MAX, u32::MAX),
            (19 * 1024, Argon2Cost::MAX_PASSES + 1, 1),
            (19 * 1024, 2, Argon2Cost::MAX_LANES + 1),
            (0, 0, 0),
            (8, 2, 64),
        ] {
            let cost = Argon2Cost {
                memory_kib,
                passes,
                lanes,
            };
            slot.kdf = slot.kdf.map(|kdf| Kdf { cost, ..kdf });
            assert_eq!(
                slot.open(VAULT, &Unlock::Passphrase("sofa")).err(),
                Some(Refused::CostTooHigh { memory_kib, passes }),
                "{cost:?} is more than anybody made"
            );
            assert!(
                Argon2Cost::new(memory_kib, passes, lanes).is_err(),
                "nor is it made"
            );
        }
    }

    #[test]
    fn a_passphrase_that_cannot_be_typed_makes_no_slot() {
        for (passphrase, why) in [
            ("", SlotError::EmptyPassphrase),
            ("sofa\n", SlotError::ControlCharacter),
            ("so\tfa", SlotError::ControlCharacter),
        ] {
            let new = NewSlot::Passphrase {
                passphrase,
                cost: COST,
            };
            let slot = Slot::make(&new, VAULT, &vault_key(), NOW, &mut rng(2));
            assert_eq!(slot.err(), Some(why), "{passphrase:?}");
        }
    }

    #[test]
    fn a_device_key_is_32_bytes() {
        for length in [0, 31, 33] {
            assert!(
                DeviceKey::from_bytes(&vec![1; length]).is_none(),
                "{length}"
            );
        }
    }
}
