//! What would be added, as a shell previews it: rows, what is skipped and why, and what of it a person wants.

use serde::{Deserialize, Serialize};

use super::code::{EnrolmentView, KindWord};
use crate::error::ErrorReport;

/// What would be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Names it, for whoever saves what it shows: the token of its last row.
    pub id: u32,
    /// What can be added.
    pub rows: Vec<PreviewRow>,
    /// What cannot.
    pub skipped: Vec<SkippedRow>,
    /// With what comes in several QR codes: how far it is.
    pub batch: Option<BatchView>,
    /// With a file: whose export it is.
    pub format: Option<FormatView>,
    /// How many more accounts the vault takes.
    pub room: u32,
    /// The clock of this machine is certainly wrong, so that codes would be refused.
    pub clock_wrong: bool,
}

/// What an enrolment says, before anything is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct PreviewRow {
    /// Names the row when it is added.
    pub token: u32,
    /// The kind of code.
    pub kind: KindWord,
    /// Who issued it.
    pub issuer: Option<String>,
    /// The account name.
    pub account: String,
    /// The issuer in front of the account name, where it differs.
    pub label_issuer: Option<String>,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Characters of the code.
    pub digits: u8,
    /// Seconds in a step; `None` for HOTP.
    pub period: Option<u32>,
    /// Length of the secret in bits.
    pub secret_bits: u32,
    /// Kebab-case words of [`Warning`](couchkey_otp::Warning) and of [`Cut`](couchkey_vault::Cut).
    pub warnings: Vec<String>,
    /// The account that makes the same codes already.
    pub duplicate_of: Option<String>,
    /// The row above with the same codes, names, note and groups: the source has it twice.
    pub repeat_of: Option<u32>,
    /// The note that comes with it, as it would be kept.
    pub note: String,
    /// The groups that come with it, as they would be kept.
    pub groups: Vec<String>,
    /// A favourite of the other app; it would be shown first.
    pub pinned: bool,
    /// It rests in the other app's trash, and would in ours.
    pub trashed: bool,
}

/// Something that was found and cannot be added, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct SkippedRow {
    /// A name to know it by; may be empty.
    pub label: String,
    /// Why, and what to do.
    pub report: ErrorReport,
}

/// Which app's export something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct FormatView {
    /// The stable word: `aegis`.
    pub word: String,
    /// What people call it: `Aegis`.
    pub name: String,
}

/// How much of what is spread over several QR codes was scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct BatchView {
    /// What has parts.
    pub kind: BatchKind,
    /// The part that came last, counted from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
    /// The parts that are here, ascending.
    pub have: Vec<u32>,
}

/// What is spread over several QR codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum BatchKind {
    /// An export: each code holds some of its accounts, and they can be saved without the rest.
    Export,
    /// One text, a set-up link for example: there is nothing to save before all parts are here.
    Text,
}

/// What to add of a preview, without its rows being sent back.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// From [`Preview::id`]: nothing else than what was shown is saved.
    pub preview: u32,
    /// Also what the vault has already, and what the source has twice.
    pub duplicates: bool,
    /// Tokens of rows that stay out.
    pub except: Vec<u32>,
    /// Rows whose names the person has changed; the others keep theirs.
    pub renamed: Vec<Renamed>,
}

impl Selection {
    /// Everything of this preview that is new, as it stands.
    #[must_use]
    pub fn of(preview: &Preview) -> Self {
        Self {
            preview: preview.id,
            duplicates: false,
            except: Vec::new(),
            renamed: Vec::new(),
        }
    }
}

/// One row of a preview with the names as the person corrected them.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Renamed {
    /// From [`PreviewRow::token`].
    pub token: u32,
    /// `None` or empty: no issuer.
    pub issuer: Option<String>,
    /// The account name.
    pub account: String,
}

/// What came of [`Selection`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Added {
    /// The new accounts, those in the trash too, in the preview's order.
    pub ids: Vec<String>,
    /// Accounts on the list that were not there before.
    pub added: u32,
    /// Accounts that went to the trash, where they were in the other app.
    pub trashed: u32,
    /// Rows that stayed out.
    pub left_out: u32,
}

/// One account of an import as `couchkey import --dry-run --json` prints it. For the command line only: see
/// [`EnrolmentView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedView {
    /// What the account says.
    #[serde(flatten)]
    pub enrolment: EnrolmentView,
    /// The note, as it would be kept.
    pub note: String,
    /// The groups, as they would be kept.
    pub groups: Vec<String>,
    /// A favourite.
    pub pinned: bool,
    /// It would rest in the trash.
    pub trashed: bool,
    /// The vault has an account that makes the same codes, or the file has the very same entry twice.
    pub duplicate: bool,
}
