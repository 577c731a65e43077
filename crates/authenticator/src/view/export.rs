//! Exports as a shell sees them: the form, the plan to say before, what came of it.

use serde::{Deserialize, Serialize};

use super::{add::SkippedRow, status::LockKind};

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ExportForm {
    /// As what.
    pub format: ExportFormat,
    /// Ids of accounts; none: everything on the list.
    pub ids: Vec<String>,
}

/// The ways out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Setup links, one a line: every app reads them.
    Uris,
    /// Aegis' own file, readable by anybody.
    Aegis,
    /// Aegis' own file under a password of its own.
    AegisEncrypted,
    /// QR codes that Google Authenticator reads, up to ten accounts in each.
    Google,
}

/// What an export would hold, said before anything is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ExportPlan {
    /// As what.
    pub format: ExportFormat,
    /// Accounts that go along.
    pub accounts: u32,
    /// How many QR codes those are: for [`ExportFormat::Google`] the batches, otherwise one an account.
    pub qr_codes: u32,
    /// Accounts that the format cannot carry, or that cannot be read now, by name.
    pub left_out: Vec<SkippedRow>,
    /// Accounts whose note stays behind.
    pub without_note: u32,
    /// Accounts whose groups stay behind.
    pub without_groups: u32,
    /// Accounts whose pin stays behind.
    pub without_pin: u32,
    /// Accounts in the trash; they stay there.
    pub in_trash: u32,
    /// The one sentence to say before.
    pub warning: String,
    /// What is asked again before secrets leave; [`LockKind::Device`]: a confirmation, for there is no passphrase.
    pub asks: LockKind,
    /// Whether the file is sealed under a password of its own, which has to be chosen.
    pub needs_password: bool,
    /// A name for the file.
    pub file_name: String,
}

/// What an export holds, said after it was read again and its codes were compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// Accounts in it, each compared.
    pub accounts: u32,
    /// Accounts that are not in it, by name.
    pub left_out: Vec<SkippedRow>,
}
