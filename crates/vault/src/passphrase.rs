//! From a passphrase to a key: one spelling, Argon2id, and what a guess costs.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use crate::seal::SubKey;

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

    pub(crate) fn check_for_making(self) -> Result<(), SlotError> {
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

/// How a passphrase becomes a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kdf {
    pub(crate) cost: Argon2Cost,
    pub(crate) salt: [u8; 16],
}

impl Kdf {
    /// Argon2id (RFC 9106, version 1.3) of the passphrase as [`spelling`] has it. What costs too much is refused
    /// before anything is paid.
    pub(crate) fn stretch(self, passphrase: &str) -> Result<SubKey, SlotError> {
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
pub(crate) fn spelling(passphrase: &str) -> Zeroizing<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Argon2Cost = Argon2Cost::FLOOR;

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
}
