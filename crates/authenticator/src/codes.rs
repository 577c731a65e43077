//! Every day: the codes, one code to copy, the order of the list, names, the trash, the settings.

use couchkey_otp::{Kind, UnixTime};
use couchkey_vault::{Account, AccountId, Edit, Place};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode,
    view::{
        AccountView, CodesView, DamagedView, EditForm, EnrolmentView, KindWord, TrashRow,
        characters, code_text, period_of, seconds,
    },
};

/// A copied code never stays on the clipboard for longer than this.
const CLIPBOARD_SECONDS: u64 = 30;

/// After the step has ended, a copied code stays for this long: most services still accept it.
const CLIPBOARD_LATE_SECONDS: u64 = 10;

/// How the app looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "snake_case")]
pub enum Appearance {
    /// As the system does.
    #[default]
    System,
    /// Ink on paper.
    Light,
    /// Warm grey on near-black.
    Dark,
    /// As much contrast as there is.
    Contrast,
}

/// What a person can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct SettingsView {
    /// Digits in a group: 3 or 2.
    pub grouping: u8,
    /// Codes are hidden until they are tapped.
    pub tap_to_reveal: bool,
    /// Seconds after which a code that was tapped hides again; 0 is never.
    pub hide_again_seconds: u32,
    /// The next code shows in the last third of a step.
    pub show_next: bool,
    /// Lock after this long without anybody there; 0 is never.
    pub auto_lock_minutes: u32,
    /// Lock when the computer sleeps or its screen is locked.
    pub lock_on_sleep: bool,
    /// Take a copied code off the clipboard again.
    pub clear_clipboard: bool,
    /// How the app looks.
    pub appearance: Appearance,
    /// The language of the window, as a BCP 47 tag; `None` is the system's.
    pub language: Option<String>,
}

/// A code on its way to the clipboard.
pub struct CodeToCopy {
    /// The digits, without grouping.
    pub code: Zeroizing<String>,
    /// When to take it off the clipboard again; `None` where the person wants it to stay.
    pub clear_after_seconds: Option<u32>,
}

impl Authenticator {
    /// Every code now, with the next one and when it takes over.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`].
    pub fn codes(&self) -> Result<CodesView, Error> {
        let now = self.now();
        self.read(|vault| {
            let mut accounts: Vec<AccountView> = vault
                .accounts()
                .map(|(place, account)| account_view(place, account, now))
                .collect();
            // Stable: the person's order holds among the pinned and among the others.
            accounts.sort_by_key(|account| !account.pinned);
            let mut groups: Vec<String> = accounts
                .iter()
                .flat_map(|account| account.groups.iter().cloned())
                .collect();
            groups.sort();
            groups.dedup();
            CodesView {
                now: seconds(now),
                changes_at: accounts
                    .iter()
                    .filter_map(|account| account.valid_until)
                    .min(),
                accounts,
                groups,
                damaged: vault
                    .damaged()
                    .iter()
                    .filter(|damaged| damaged.trashed.is_none())
                    .map(|damaged| DamagedView {
                        id: damaged.id.to_string(),
                    })
                    .collect(),
            }
        })
    }

    /// Moves an account's counter on, and gives every code anew.
    ///
    /// # Errors
    /// [`ErrorCode::NotHotp`], [`ErrorCode::CounterExhausted`]; whatever kept the vault from being saved.
    pub fn hotp_next(&self, id: &str) -> Result<CodesView, Error> {
        let id = parse(id)?;
        self.change(|vault, _, _| Ok(vault.advance_counter(id)?))?;
        self.codes()
    }

    /// One code for the clipboard, and when to take it off again: ten seconds after its step, at most thirty from now.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`], [`ErrorCode::AccountNotFound`].
    pub fn code_to_copy(&self, id: &str, next: bool) -> Result<CodeToCopy, Error> {
        let id = parse(id)?;
        let now = self.now();
        self.read(|vault| {
            let account = vault.account(id).ok_or(ErrorCode::AccountNotFound)?;
            let until = step_of(&account.kind, now).map(|(_, until)| until);
            let at = if next { until.unwrap_or(now) } else { now };
            let rest = until.map_or(CLIPBOARD_SECONDS, |until| {
                until.as_secs().saturating_sub(now.as_secs()) + CLIPBOARD_LATE_SECONDS
            });
            Ok(CodeToCopy {
                code: Zeroizing::new(code_at(account, at)),
                clear_after_seconds: vault
                    .settings()
                    .clear_clipboard
                    .then(|| u32::try_from(rest.min(CLIPBOARD_SECONDS)).unwrap_or(u32::MAX)),
            })
        })?
    }

    /// Every account as the command line prints it, in the person's order, with its code at `at` or now.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`].
    pub fn accounts(&self, at: Option<UnixTime>) -> Result<Vec<EnrolmentView>, Error> {
        let at = at.unwrap_or_else(|| self.now());
        self.read(|vault| {
            vault
                .accounts()
                .map(|(place, account)| EnrolmentView {
                    came_back: place.came_back,
                    ..EnrolmentView::of_account(account, at)
                })
                .collect()
        })
    }

    /// Changes names, note, pin and groups.
    ///
    /// # Errors
    /// A name that is missing or too long; whatever kept the vault from being saved.
    pub fn edit(&self, id: &str, form: EditForm) -> Result<(), Error> {
        let id = parse(id)?;
        self.change(|vault, _, _| {
            let edit = Edit {
                issuer: form
                    .issuer
                    .map(|issuer| Some(issuer).filter(|issuer| !issuer.trim().is_empty())),
                account: form.account,
                note: form.note,
                pinned: form.pinned,
                groups: form.groups,
            };
            Ok(vault.edit(id, edit)?)
        })
    }

    /// Moves an account to a place in the list, counted from 0.
    ///
    /// # Errors
    /// [`ErrorCode::AccountNotFound`]; whatever kept the vault from being saved.
    pub fn move_account(&self, id: &str, position: u32) -> Result<(), Error> {
        let id = parse(id)?;
        self.change(|vault, _, _| Ok(vault.move_to(id, position as usize)?))
    }

    /// Puts an account into the trash, where it rests sealed for thirty days.
    ///
    /// # Errors
    /// [`ErrorCode::AccountNotFound`]; whatever kept the vault from being saved.
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        let id = parse(id)?;
        self.change(|vault, now, _| Ok(vault.remove(id, now)?))
    }

    /// Takes an account out of the trash.
    ///
    /// # Errors
    /// [`ErrorCode::AccountNotFound`]; whatever kept the vault from being saved.
    pub fn restore(&self, id: &str) -> Result<(), Error> {
        let id = parse(id)?;
        self.change(|vault, _, _| Ok(vault.restore(id)?))
    }

    /// The person has looked at what came back and at what may be missing: neither is said any more.
    ///
    /// # Errors
    /// Whatever kept the vault from being saved.
    pub fn seen(&self) -> Result<(), Error> {
        self.change(|vault, _, _| {
            vault.seen();
            Ok(())
        })
    }

    /// What rests in the trash, the latest first.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`].
    pub fn trash(&self) -> Result<Vec<TrashRow>, Error> {
        let now = self.now();
        self.read(|vault| {
            let mut rows: Vec<TrashRow> = vault
                .trash()
                .map(|(place, account)| {
                    let removed = place.trashed.unwrap_or(now);
                    let gone = vault.rests_until(place, now).unwrap_or(now).as_secs();
                    TrashRow {
                        id: place.id.to_string(),
                        issuer: account.issuer.clone(),
                        account: account.account.clone(),
                        removed_at: seconds(removed),
                        days_left: u32::try_from(
                            gone.saturating_sub(now.as_secs()).div_ceil(24 * 60 * 60),
                        )
                        .unwrap_or(u32::MAX),
                    }
                })
                .collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row.removed_at));
            rows
        })
    }

    /// What the person set.
    ///
    /// # Errors
    /// [`ErrorCode::VaultLocked`].
    pub fn settings(&self) -> Result<SettingsView, Error> {
        self.read(|vault| SettingsView::of(vault.settings()))
    }

    /// The same from memory alone: `None` while the vault is locked. Nothing is read, so it may be asked at any time.
    #[must_use]
    pub fn settings_while_open(&self) -> Option<SettingsView> {
        let open = self.open_now();
        open.as_ref()
            .map(|open| SettingsView::of(open.vault.settings()))
    }

    /// Keeps what the person set. A grouping other than 2 becomes 3, a day is the longest wait before locking,
    /// and an hour before a code hides again.
    ///
    /// # Errors
    /// Whatever kept the vault from being saved.
    pub fn set_settings(&self, view: &SettingsView) -> Result<(), Error> {
        self.change(|vault, _, _| {
            let mut settings = vault.settings().clone();
            settings.grouping = if view.grouping == 2 { 2 } else { 3 };
            settings.tap_to_reveal = view.tap_to_reveal;
            settings.hide_again_seconds = view.hide_again_seconds.min(60 * 60);
            settings.show_next = view.show_next;
            settings.auto_lock_minutes = view.auto_lock_minutes.min(24 * 60);
            settings.lock_on_sleep = view.lock_on_sleep;
            settings.clear_clipboard = view.clear_clipboard;
            settings.appearance = view.appearance.into();
            settings.language = view.language.clone().filter(|tag| is_language_tag(tag));
            vault.set_settings(settings);
            Ok(())
        })
    }
}

impl SettingsView {
    fn of(settings: &couchkey_vault::Settings) -> Self {
        Self {
            grouping: settings.grouping,
            tap_to_reveal: settings.tap_to_reveal,
            hide_again_seconds: settings.hide_again_seconds.min(60 * 60),
            show_next: settings.show_next,
            auto_lock_minutes: settings.auto_lock_minutes,
            lock_on_sleep: settings.lock_on_sleep,
            clear_clipboard: settings.clear_clipboard,
            appearance: settings.appearance.into(),
            language: settings.language.clone(),
        }
    }
}

/// Whether it has the shape of a BCP 47 tag, at most as long as one has to be supported (RFC 5646, 4.4.1).
fn is_language_tag(tag: &str) -> bool {
    tag.len() <= 35
        && tag.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

impl From<couchkey_vault::Appearance> for Appearance {
    fn from(kept: couchkey_vault::Appearance) -> Self {
        match kept {
            couchkey_vault::Appearance::System => Self::System,
            couchkey_vault::Appearance::Light => Self::Light,
            couchkey_vault::Appearance::Dark => Self::Dark,
            couchkey_vault::Appearance::Contrast => Self::Contrast,
        }
    }
}

impl From<Appearance> for couchkey_vault::Appearance {
    fn from(shown: Appearance) -> Self {
        match shown {
            Appearance::System => Self::System,
            Appearance::Light => Self::Light,
            Appearance::Dark => Self::Dark,
            Appearance::Contrast => Self::Contrast,
        }
    }
}

pub(crate) fn parse(id: &str) -> Result<AccountId, Error> {
    id.parse().map_err(|_| ErrorCode::AccountNotFound.into())
}

fn account_view(place: &Place, account: &Account, now: UnixTime) -> AccountView {
    let step = step_of(&account.kind, now);
    AccountView {
        id: account.id.to_string(),
        kind: KindWord::of(&account.kind),
        issuer: account.issuer.clone(),
        account: account.account.clone(),
        note: account.note.clone(),
        pinned: place.pinned,
        groups: place.groups.clone(),
        came_back: place.came_back,
        period: period_of(&account.kind),
        digits: characters(&account.kind, account.digits.get()),
        code: code_at(account, now),
        next_code: step.map(|(_, until)| code_at(account, until)),
        valid_from: step.map(|(from, _)| seconds(from)),
        valid_until: step.map(|(_, until)| seconds(until)),
    }
}

fn code_at(account: &Account, at: UnixTime) -> String {
    code_text(
        &account.kind,
        &account.secret,
        account.algorithm,
        account.digits,
        at,
    )
}

/// The step that `now` is in: its first second, and the first second of the next one. RFC 6238 §4.2 with T0 = 0.
fn step_of(kind: &Kind, now: UnixTime) -> Option<(UnixTime, UnixTime)> {
    let period = u64::from(period_of(kind)?);
    let from = now.as_secs() / period * period;
    Some((
        UnixTime::from_secs(from),
        UnixTime::from_secs(from + period),
    ))
}
