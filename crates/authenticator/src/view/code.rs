//! Accounts with their codes as a shell sees them: the list, the trash, what can be edited.

use couchkey_otp::{Enrolment, Kind, UnixTime, Warning};
use couchkey_vault::Account;
use serde::{Deserialize, Serialize};

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
    /// It was in one of two copies of the vault only when they were put together, and nobody has looked since.
    pub came_back: bool,
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
    /// Whole days that it rests there from now on, at least.
    pub days_left: u32,
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
    /// [`AccountView::came_back`]; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub came_back: bool,
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
            came_back: false,
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
            came_back: false,
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
