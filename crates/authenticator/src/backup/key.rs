//! What a person opens a backup with: the recovery key or a passphrase, told apart by the backup's slots.

use couchkey_vault::{
    RecoveryKey, SlotKind, Unlock,
    backup::{self, Backup, BackupInfo},
};

use crate::{Error, ErrorCode};

pub(super) fn open<'a>(bytes: &[u8], key: &'a str) -> Result<(Backup, Key<'a>), Error> {
    let key = Key::of(key, &backup::inspect(bytes)?)?;
    let backup = Backup::open(bytes, &key.unlock())?;
    Ok((backup, key))
}

/// What a person opens a backup with.
pub(super) enum Key<'a> {
    Recovery(RecoveryKey),
    Passphrase(&'a str),
}

impl<'a> Key<'a> {
    /// A text is a recovery key if it is one and the backup opens with one; else it is a passphrase, if the backup opens
    /// with one of those.
    fn of(text: &'a str, info: &BackupInfo) -> Result<Self, Error> {
        let recovery = info.slot(SlotKind::Recovery).is_some();
        match RecoveryKey::parse(text) {
            Ok(key) if recovery => Ok(Self::Recovery(key)),
            _ if info.slot(SlotKind::Passphrase).is_some() => Ok(Self::Passphrase(text)),
            Ok(_) => Err(ErrorCode::WrongBackupKey.into()),
            Err(_) if info.intact => Err(ErrorCode::RecoveryKeyTypo.into()),
            Err(_) => Err(ErrorCode::BackupDamaged.into()),
        }
    }

    fn unlock(&self) -> Unlock<'_> {
        match self {
            Self::Recovery(key) => Unlock::Recovery(key),
            Self::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
        }
    }
}
