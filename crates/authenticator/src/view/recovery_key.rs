//! The recovery key as it is shown, and what came of giving the vault new keys.

use serde::Serialize;

use super::{backup::BackupRow, status::Status};

/// The recovery key, on the one occasion when it is shown. See docs/decisions/0071.
#[derive(Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RecoveryKeyView {
    /// The key in the groups in which it is written down.
    pub groups: Vec<String>,
    /// The same as a QR code: rows of `0` (light) and `1` (dark), without the quiet zone.
    pub qr: Vec<String>,
}

/// What came of turning the app lock on.
pub struct LockChanged {
    /// The state of things now.
    pub status: Status,
    /// It gave the vault new keys.
    pub new_keys: Rotated,
}

/// What came of giving the vault new keys.
#[derive(Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// The backups in the folder that whoever has the old recovery key can still open.
    pub old_backups: Vec<BackupRow>,
    /// The passphrase for backups ended; a new one has to be set.
    pub backup_passphrase_ended: bool,
}
