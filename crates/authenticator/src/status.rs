//! The status: whether there is a vault, whether it is open, what is in the way and what helps, and notices to tell.

use couchkey_vault::{Note, Opened, SlotKind};

use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    locate::Place,
    slots::{has, lock_kind, lock_of},
    view::{KeyringKind, LockKind, Notice, Status, VaultState, Way},
};

impl Authenticator {
    /// The state of things. Where there is a file, no keyring is asked, so this never waits for anybody; a trouble that
    /// [`open`](Self::open) met stands until something opens the vault.
    #[must_use]
    pub fn status(&self) -> Status {
        let status = self.look_afresh();
        match self.trouble().clone() {
            Some(report) if opens_by_itself(&status) => troubled(report, &status),
            _ => status,
        }
    }

    /// The state of things, whatever happened before.
    pub(crate) fn look_afresh(&self) -> Status {
        let open = self.status_while_open();
        open.unwrap_or_else(|| self.status_while_closed(&self.look()))
    }

    pub(crate) fn status_while_open(&self) -> Option<Status> {
        self.open_now().as_ref().map(|open| {
            let mut notices = open.notices.clone();
            let settings = open.vault.settings();
            let recovery_saved = settings.recovery_saved;
            let has_recovery_key = has(&open.vault, SlotKind::Recovery);
            let (incomplete, rebuilt) = (open.vault.is_incomplete(), open.vault.is_rebuilt());
            notices.extend(incomplete.then_some(Notice::Incomplete));
            notices.extend(rebuilt.then_some(Notice::FileRebuilt));
            if incomplete || rebuilt || notices.contains(&Notice::KeyringRebuilt) {
                notices.retain(|notice| *notice != Notice::NothingMissing);
            }
            if open.vault.accounts().any(|(place, _)| place.came_back) {
                notices.push(Notice::CameBack);
            }
            notices.sort_unstable();
            if self.clock_wrong() {
                notices.push(Notice::ClockWrong);
            }
            if !(has_recovery_key && recovery_saved) {
                notices.push(Notice::RecoveryKeyNotSaved);
            }
            if self.backup_problem().is_some() {
                notices.push(Notice::BackupFailed);
            }
            Status {
                state: VaultState::Open,
                lock: lock_kind(open.vault.slots().iter().map(|slot| slot.kind)),
                keyring: open.kind,
                trouble: None,
                ways: Vec::new(),
                notices,
                accounts: u32::try_from(open.vault.accounts().count()).unwrap_or(u32::MAX),
                has_recovery_key,
                recovery_made: settings
                    .recovery_made
                    .filter(|_| has_recovery_key)
                    .and_then(|at| u32::try_from(at).ok()),
                recovery_saved,
            }
        })
    }

    pub(crate) fn status_while_closed(&self, place: &Result<Place, Error>) -> Status {
        match place {
            Ok(Place::Nothing { keyring }) => closed(VaultState::None, None, *keyring),
            Ok(Place::Vault {
                survey, keyring, ..
            }) => {
                let lock = self.asks().or(lock_of(survey));
                let mut status = closed(VaultState::Locked, lock, *keyring);
                status.has_recovery_key = survey.slot(SlotKind::Recovery).is_some();
                let day_to_day = match status.lock {
                    Some(LockKind::Passphrase | LockKind::Strong) => Way::Passphrase,
                    Some(LockKind::Device) | None => Way::Retry,
                };
                status.ways = [day_to_day].into();
                status
                    .ways
                    .extend(status.has_recovery_key.then_some(Way::RecoveryKey));
                status.ways.push(Way::Backup);
                status
            }
            Err(error) => trouble(error),
        }
    }

    /// Has the open vault tell something more.
    pub(crate) fn say(&self, notice: Notice) {
        if let Some(open) = self.open_now().as_mut() {
            open.notices.push(notice);
            open.notices.sort_unstable();
            open.notices.dedup();
            // What is mended in part is not mended.
            if open.notices.contains(&Notice::NotMended) {
                open.notices.retain(|notice| *notice != Notice::Repaired);
            }
        }
    }
}

impl Notice {
    /// What a person should know of an opening; the rest mends itself. What came back and what may be missing stands in
    /// the vault until somebody has looked, so it is not among these.
    pub(crate) fn of_opening(opened: &Opened) -> Vec<Self> {
        let mut notices: Vec<Self> = opened.notes.iter().filter_map(Self::of).collect();
        let both_places = !opened.notes.iter().any(|note| {
            matches!(
                note,
                Note::ListLost | Note::HeadMissing | Note::HeadDamaged | Note::HeadOfAnotherVault
            )
        });
        if !notices.is_empty() && both_places && opened.complete {
            notices.push(Self::NothingMissing);
        }
        notices.sort_unstable();
        notices.dedup();
        notices
    }

    fn of(note: &Note) -> Option<Self> {
        match note {
            Note::OlderCopy { .. } => Some(Self::OlderCopy),
            Note::OlderKeyring { .. } => Some(Self::KeyringOlder),
            Note::HeadMissing | Note::HeadOfAnotherVault => Some(Self::KeyringRebuilt),
            Note::Diverged { .. } => Some(Self::PutTogether),
            Note::ListLost => Some(Self::OrderLost),
            Note::ItemDamaged(_) => Some(Self::ItemsDamaged),
            Note::ItemRepaired(_)
            | Note::ItemFromOtherVersion(_)
            | Note::FileDamaged(_)
            | Note::HeadDamaged
            | Note::BundleDamaged(_) => Some(Self::Repaired),
            _ => None,
        }
    }
}

/// Whether it is shut and needs nobody's help to open.
pub(crate) fn opens_by_itself(status: &Status) -> bool {
    status.state == VaultState::Locked && status.lock == Some(LockKind::Device)
}

fn closed(state: VaultState, lock: Option<LockKind>, keyring: KeyringKind) -> Status {
    Status {
        state,
        lock,
        keyring,
        trouble: None,
        ways: Vec::new(),
        notices: Vec::new(),
        accounts: 0,
        has_recovery_key: false,
        recovery_made: None,
        recovery_saved: false,
    }
}

/// The same vault, with what keeps it shut.
pub(crate) fn troubled(report: ErrorReport, status: &Status) -> Status {
    Status {
        ways: ways(report.code, status.has_recovery_key),
        trouble: Some(report),
        has_recovery_key: status.has_recovery_key,
        ..closed(VaultState::Trouble, None, KeyringKind::System)
    }
}

pub(crate) fn trouble(error: &Error) -> Status {
    Status {
        trouble: Some(error.report()),
        ways: ways(error.code(), false),
        ..closed(VaultState::Trouble, None, KeyringKind::System)
    }
}

/// What may get a person out of this, what helps most first.
fn ways(trouble: ErrorCode, has_recovery_key: bool) -> Vec<Way> {
    let recovery_key = has_recovery_key.then_some(Way::RecoveryKey);
    match trouble {
        ErrorCode::NeedsRecovery => {
            let mut ways = Vec::from_iter(recovery_key);
            ways.extend([Way::Backup, Way::Retry]);
            ways
        }
        ErrorCode::KeyringUnavailable => {
            let mut ways = vec![Way::Retry];
            ways.extend(recovery_key);
            ways.push(Way::Backup);
            ways
        }
        ErrorCode::KeyringSilent => vec![Way::Retry, Way::WithoutKeyring],
        ErrorCode::VaultDamaged => vec![Way::Backup, Way::Retry],
        _ => vec![Way::Retry],
    }
}
