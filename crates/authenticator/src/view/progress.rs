//! How far an import or an export is, for a progress bar.

use serde::Serialize;

/// How far an import or an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// So much of it is done; 0 where nobody can tell.
    pub done: u32,
    /// So much there is; 0 where nobody can tell.
    pub of: u32,
}

/// What an import or an export is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A password is being turned into a key, which takes as long as the file asks for.
    Deriving,
    /// Entries are being read.
    Reading,
    /// Accounts are being kept: entries of the keyring.
    Saving,
    /// An export is being written.
    Writing,
    /// What was written is being read again and compared.
    Checking,
}
