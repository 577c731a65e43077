//! What a shell may see. No secret fits in here: every field is a name, a number, a code on show, or a word.

use couchkey_otp::{Enrolment, Kind, UnixTime, Warning};
use couchkey_vault::Account;
use serde::{Deserialize, Serialize};

use crate::error::ErrorReport;

mod backup;

pub use backup::{
    BackupChoice, BackupReport, BackupRow, BackupsView, DrillPart, DrillView, RestoreInto,
    RestoreOutcome, RestorePreview, RestoreRow, Restored, Rotated, Way,
};

/// Whether there is a vault, and whether it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// Neither files nor a keyring header: the first run.
    None,
    /// There is one, and it waits for the device key or for a passphrase.
    Locked,
    /// Codes can be made.
    Open,
    /// Something is in the way; [`Status::trouble`] says what, and what helps.
    Trouble,
}

/// What opens the vault day to day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// The device key in the keyring: nothing is asked.
    Device,
    /// A passphrase alone, where there is no operating system's keyring.
    Passphrase,
    /// A passphrase and the device key together: the app lock.
    Strong,
}

/// Where small secrets are kept on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum KeyringKind {
    /// The operating system's own.
    System,
    /// Files of ours beside the vault, which hold nothing that is not sealed.
    File,
    /// The operating system has none here; a new vault needs a passphrase.
    Missing,
}

/// Something to tell once, in quiet words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The file was an older copy; newer accounts were taken from the keyring.
    OlderCopy,
    /// The file was missing and was made again from the keyring.
    FileRebuilt,
    /// The order of the list could not be kept.
    OrderLost,
    /// Some accounts cannot be read at the moment; they are kept as they are.
    ItemsDamaged,
    /// Damage was found and mended from the other copy.
    Repaired,
    /// The clock of this machine is before the day on which this program was made.
    ClockWrong,
    /// The recovery key was not written down yet.
    RecoveryKeyNotSaved,
    /// The last change was kept, but no backup of it could be written; [`BackupsView::problem`] says why.
    BackupFailed,
}

/// The state of things, for the first question that a shell asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether there is a vault, and whether it is open.
    pub state: VaultState,
    /// What opens it; `None` where there is no vault or its file cannot be read.
    pub lock: Option<LockKind>,
    /// Where small secrets are kept here.
    pub keyring: KeyringKind,
    /// With [`VaultState::Trouble`]: what is in the way.
    pub trouble: Option<ErrorReport>,
    /// While it is not open: what may open it, what helps most first. The first is the one button of a screen.
    pub ways: Vec<Way>,
    /// What to tell, in the order of the enum.
    pub notices: Vec<Notice>,
    /// Accounts on the list; 0 while locked.
    pub accounts: u32,
    /// Whether any recovery key opens this vault.
    pub has_recovery_key: bool,
    /// Unix time at which it was made; `None` while locked, and where nobody noted it.
    pub recovery_made: Option<u32>,
    /// Whether the person said that the recovery key is written down.
    pub recovery_saved: bool,
}

/// The word for a kind of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum KindWord {
    /// Time-based (RFC 6238).
    Totp,
    /// Counter-based (RFC 4226).
    Hotp,
    /// Steam's five characters.
    Steam,
}

/// One account with the codes of this step and the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The kind of code.
    pub kind: KindWord,
    /// Who issued it.
    pub issuer: Option<String>,
    /// The account name.
    pub account: String,
    /// The person's own note.
    pub note: String,
    /// Shown before the others.
    pub pinned: bool,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// Seconds in a step; `None` for HOTP.
    pub period: Option<u32>,
    /// Characters of the code.
    pub digits: u8,
    /// The code of this step; for HOTP the one at the counter.
    pub code: String,
    /// The code of the next step; `None` for HOTP.
    pub next_code: Option<String>,
    /// Unix time at which the code began; `None` for HOTP.
    pub valid_from: Option<u32>,
    /// Unix time at which the next code takes over; `None` for HOTP.
    pub valid_until: Option<u32>,
}

/// An account whose sealed item cannot be read now. Its bytes are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct DamagedView {
    /// 32 hexadecimal digits.
    pub id: String,
}

/// Every code at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct CodesView {
    /// The Unix time at which these codes were made.
    pub now: u32,
    /// Pinned ones first, otherwise in the person's order.
    pub accounts: Vec<AccountView>,
    /// Every group in use, sorted.
    pub groups: Vec<String>,
    /// What cannot be read now.
    pub damaged: Vec<DamagedView>,
    /// The earliest `valid_until`: when to ask again.
    pub changes_at: Option<u32>,
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
    /// Kebab-case words of [`Warning`] and of [`Cut`](couchkey_vault::import::Cut).
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

/// How much of an export in several QR codes was scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct BatchView {
    /// The part that came last, counted from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
    /// The parts that are here, ascending.
    pub have: Vec<u32>,
}

/// What would be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// What can be added.
    pub rows: Vec<PreviewRow>,
    /// What cannot.
    pub skipped: Vec<SkippedRow>,
    /// With a Google export: how far it is.
    pub batch: Option<BatchView>,
    /// With a file: whose export it is.
    pub format: Option<FormatView>,
    /// How many more accounts the vault takes.
    pub room: u32,
    /// The clock of this machine is certainly wrong, so that codes would be refused.
    pub clock_wrong: bool,
}

/// One row of a preview that the person wants, with the names as corrected.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct AddRow {
    /// From [`PreviewRow::token`].
    pub token: u32,
    /// `None` or empty: no issuer.
    pub issuer: Option<String>,
    /// The account name.
    pub account: String,
}

/// What to add of a preview without sending its rows back.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", default)]
pub struct AddAll {
    /// Also what the vault has already, and what the source has twice.
    pub duplicates: bool,
    /// Tokens of rows that stay out.
    pub except: Vec<u32>,
    /// Rows whose names the person has changed; the others keep theirs.
    pub renamed: Vec<AddRow>,
}

/// What came of [`AddAll`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Added {
    /// Accounts on the list that were not there before.
    pub added: u32,
    /// Accounts that went to the trash, where they were in the other app.
    pub trashed: u32,
    /// Rows that stayed out.
    pub left_out: u32,
}

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

/// Changes to an account: `None` leaves a field as it is, an empty text clears it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", default)]
pub struct EditForm {
    /// Who issued it.
    pub issuer: Option<String>,
    /// The account name.
    pub account: Option<String>,
    /// The person's own note.
    pub note: Option<String>,
    /// Shown before the others.
    pub pinned: Option<bool>,
    /// The groups that it is in.
    pub groups: Option<Vec<String>>,
}

/// An account in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct TrashRow {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Who issued it.
    pub issuer: Option<String>,
    /// The account name.
    pub account: String,
    /// Unix time.
    pub removed_at: u32,
    /// Whole days until it is gone for good.
    pub days_left: u32,
}

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

/// What an otpauth URI or an account says: the object that `couchkey inspect --json` prints.
///
/// It holds a 64-bit counter, so it is for the command line only and never crosses to the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnrolmentView {
    /// 32 hexadecimal digits; absent for what is not saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The kind of code.
    #[serde(rename = "type")]
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
    /// Seconds in a step, for codes that follow the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// The counter, for HOTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// Length of the secret in bits.
    pub secret_bits: u32,
    /// The code at the time that was asked for; for HOTP the one at the counter.
    pub code: String,
    /// Kebab-case words of [`Warning`].
    pub warnings: Vec<String>,
}

impl EnrolmentView {
    /// What `enrolment` says, with its code at `at`.
    #[must_use]
    pub fn of_enrolment(enrolment: &Enrolment, warnings: &[Warning], at: UnixTime) -> Self {
        Self {
            id: None,
            kind: KindWord::of(&enrolment.kind),
            issuer: enrolment.issuer.clone(),
            account: enrolment.account.clone(),
            label_issuer: enrolment.label_issuer.clone(),
            algorithm: enrolment.algorithm.to_string(),
            digits: characters(&enrolment.kind, enrolment.digits.get()),
            period: period_of(&enrolment.kind),
            counter: counter_of(&enrolment.kind),
            secret_bits: enrolment.secret.bits(),
            code: code_text(
                &enrolment.kind,
                &enrolment.secret,
                enrolment.algorithm,
                enrolment.digits,
                at,
            ),
            warnings: words(warnings),
        }
    }

    /// What a saved account says, with its code at `at`.
    #[must_use]
    pub fn of_account(account: &Account, at: UnixTime) -> Self {
        Self {
            id: Some(account.id.to_string()),
            kind: KindWord::of(&account.kind),
            issuer: account.issuer.clone(),
            account: account.account.clone(),
            label_issuer: None,
            algorithm: account.algorithm.to_string(),
            digits: characters(&account.kind, account.digits.get()),
            period: period_of(&account.kind),
            counter: counter_of(&account.kind),
            secret_bits: account.secret.bits(),
            code: code_text(
                &account.kind,
                &account.secret,
                account.algorithm,
                account.digits,
                at,
            ),
            warnings: Vec::new(),
        }
    }
}

impl KindWord {
    /// The word for `kind`.
    #[must_use]
    pub fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Totp { .. } => Self::Totp,
            Kind::Hotp { .. } => Self::Hotp,
            Kind::Steam => Self::Steam,
        }
    }
}

pub(crate) fn words(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(|w| w.as_str().to_owned()).collect()
}

pub(crate) fn period_of(kind: &Kind) -> Option<u32> {
    match kind {
        Kind::Totp { period } => Some(period.get()),
        Kind::Steam => Some(couchkey_otp::Period::THIRTY.get()),
        Kind::Hotp { .. } => None,
    }
}

fn counter_of(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::Hotp { counter } => Some(counter.get()),
        Kind::Totp { .. } | Kind::Steam => None,
    }
}

/// Steam's codes have five characters whatever the digits say.
pub(crate) fn characters(kind: &Kind, digits: u8) -> u8 {
    match kind {
        Kind::Steam => 5,
        Kind::Totp { .. } | Kind::Hotp { .. } => digits,
    }
}

pub(crate) fn code_text(
    kind: &Kind,
    secret: &couchkey_otp::Secret,
    algorithm: couchkey_otp::Algorithm,
    digits: couchkey_otp::Digits,
    at: UnixTime,
) -> String {
    couchkey_otp::code_of(kind, secret, algorithm, digits, at)
        .as_str()
        .to_owned()
}

/// Unix seconds as 32 bits cross to JavaScript exactly; they last until 2106.
pub(crate) fn seconds(at: UnixTime) -> u32 {
    u32::try_from(at.as_secs()).unwrap_or(u32::MAX)
}
