//! What the slots of a vault say: which kinds of key open it, and what it takes day to day.

use couchkey_vault::{SlotKind, Survey, Vault};

use crate::view::LockKind;

pub(crate) fn has(vault: &Vault, kind: SlotKind) -> bool {
    vault.slots().iter().any(|slot| slot.kind == kind)
}

pub(crate) fn recovery_slot(vault: &Vault) -> Option<[u8; 16]> {
    let slots = vault.slots();
    let recovery = slots.iter().find(|slot| slot.kind == SlotKind::Recovery);
    recovery.map(|slot| slot.id)
}

pub(crate) fn uses_system(survey: &Survey) -> bool {
    survey
        .slots
        .iter()
        .any(|slot| matches!(slot.kind, SlotKind::Device | SlotKind::Strong))
}

pub(crate) fn lock_of(survey: &Survey) -> Option<LockKind> {
    lock_kind(survey.slots.iter().map(|slot| slot.kind))
}

/// What opens it with the least effort.
pub(crate) fn lock_kind(kinds: impl Iterator<Item = SlotKind> + Clone) -> Option<LockKind> {
    [
        (SlotKind::Device, LockKind::Device),
        (SlotKind::Strong, LockKind::Strong),
        (SlotKind::Passphrase, LockKind::Passphrase),
    ]
    .into_iter()
    .find(|(slot, _)| kinds.clone().any(|kind| kind == *slot))
    .map(|(_, lock)| lock)
}
