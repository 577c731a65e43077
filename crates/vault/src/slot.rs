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

use couchkey_otp::UnixTime;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::device_key::{DeviceKey, DeviceMark};
use crate::id::VaultId;
use crate::passphrase::{Argon2Cost, Kdf, SlotError};
use crate::recovery_key::RecoveryKey;
use crate::seal::{self, OVERHEAD, SubKey, VaultKey};

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
    use crate::passphrase::spelling;
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
}
