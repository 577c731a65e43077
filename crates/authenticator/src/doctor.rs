//! The doctor: health checks of the folder, the keyring, the vault and its copies, the recovery key, backups and the clock.

use couchkey_otp::UnixTime;
use couchkey_vault::Half;
use serde::Serialize;

use crate::{
    Authenticator, Error, ErrorCode,
    error::unread,
    locate::VAULTS,
    ports::{FileError, KeyringError},
    status::trouble,
    view::{
        BackupChoice, BackupDate, BackupState, BackupsView, KeyringKind, Notice, Status, VaultState,
    },
};

/// One thing that `couchkey doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// `data`, `keyring`, `vault`, `copies`, `recovery`, `backup` or `clock`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was seen.
    pub message: String,
    /// What to do; empty where all is good.
    pub hint: String,
}

impl Authenticator {
    /// Looks at every part, and says what is wrong and what helps.
    #[must_use]
    pub fn check(&self) -> Vec<Check> {
        let good = |name, message: &str| Check {
            name,
            good: true,
            message: message.to_owned(),
            hint: String::new(),
        };
        let bad = |name, error: &Error| {
            let report = error.report();
            Check {
                name,
                good: false,
                message: report.message,
                hint: report.hint,
            }
        };
        let mut checks = Vec::new();
        checks.push(match self.parts.file.lock() {
            Ok(_) => good("data", "The vault's folder can be written."),
            Err(error) => bad("data", &error.into()),
        });
        let status = match self.open() {
            Ok(status) => status,
            Err(error) => trouble(&error),
        };
        checks.push(match status.keyring {
            // Such a vault lacks nothing where there is no keyring, so none is asked.
            KeyringKind::File => good(
                "keyring",
                "No keyring of the system is used; the vault opens with its passphrase.",
            ),
            KeyringKind::Missing => good(
                "keyring",
                "No keyring of the system is used; a vault here opens with a passphrase.",
            ),
            KeyringKind::System => {
                match self.system_keyring().and_then(|keyring| keyring.get(VAULTS)) {
                    Ok(_) => good("keyring", "The keyring answers."),
                    // What is wrong is something else, and perhaps none is needed.
                    Err(KeyringError::Unavailable) if is_of_the_files(&status) => good(
                        "keyring",
                        "No keyring of the system answers. Whether the vault needs one is in its files.",
                    ),
                    Err(error) => bad("keyring", &error.into()),
                }
            }
        });
        checks.push(match (&status.trouble, status.state) {
            (Some(report), _) => Check {
                name: "vault",
                good: false,
                message: report.message.clone(),
                hint: report.hint.clone(),
            },
            (None, VaultState::None) => good("vault", "There is no vault here yet."),
            (None, VaultState::Locked) => good("vault", "The vault is here, and locked."),
            (None, _) => {
                let damaged = self.read(|vault| vault.damaged().len()).unwrap_or(0);
                if damaged > 0 {
                    Check {
                        name: "vault",
                        good: false,
                        message: format!("Accounts that cannot be read: {damaged}. The others work."),
                        hint: "Their sealed data is kept. Restore your newest backup: couchkey recover --backup FILE. Without one, set them up anew at their services."
                            .to_owned(),
                    }
                } else if status.notices.contains(&Notice::Incomplete) {
                    Check {
                        name: "vault",
                        good: false,
                        message: format!(
                            "The vault opens; accounts: {}. Some may be missing, or older than they were: no copy of the vault was whole.",
                            status.accounts
                        ),
                        hint: "Restore your newest backup: couchkey recover --backup FILE. When you have looked: couchkey seen"
                            .to_owned(),
                    }
                } else {
                    good(
                        "vault",
                        &format!("The vault opens; accounts: {}.", status.accounts),
                    )
                }
            }
        });
        checks.extend(self.check_of_copies(&status));
        if status.state == VaultState::Open {
            checks.push(match (status.has_recovery_key, status.recovery_saved) {
                (true, true) => good(
                    "recovery",
                    "There is a recovery key, and it was said to be written down.",
                ),
                (true, false) => Check {
                    name: "recovery",
                    good: false,
                    message: "There is a recovery key, but nobody has said that it is written down."
                        .to_owned(),
                    hint: "If you have it on paper, prove it: couchkey drill. If not, make a new one: couchkey recovery-key"
                        .to_owned(),
                },
                (false, _) => Check {
                    name: "recovery",
                    good: false,
                    message:
                        "There is no recovery key: if the keyring is lost, so are the accounts."
                            .to_owned(),
                    hint: "Make one with `couchkey recovery-key`, and write it down.".to_owned(),
                },
            });
        }
        if status.state == VaultState::Open
            && let Ok(backups) = self.backups()
        {
            checks.push(backup_check(&backups, self.now()));
        }
        checks.push(if self.clock_wrong() {
            Check {
                name: "clock",
                good: false,
                message: "The clock of this computer is far behind, so codes are wrong.".to_owned(),
                hint: "Set date and time to automatic in the system's settings.".to_owned(),
            }
        } else {
            good("clock", "The clock is plausible.")
        });
        checks
    }

    /// Whether each copy is whole: both files, and the keyring's.
    fn check_of_copies(&self, status: &Status) -> Option<Check> {
        let check = |good, message: String, hint: &str| {
            Some(Check {
                name: "copies",
                good,
                message,
                hint: hint.to_owned(),
            })
        };
        let each = |halves: &[(Half, FileError)], cannot: &str| -> String {
            let each = halves.iter().map(|(half, error)| {
                format!(
                    "vault.{} {cannot} be read: {}.",
                    half.letter(),
                    unread(error)
                )
            });
            each.collect::<Vec<_>>().join(" ")
        };
        let unreadable = self.unreadable();
        if !unreadable.is_empty() {
            let message = format!(
                "{} What works comes from the other copies.",
                each(&unreadable, "cannot")
            );
            return check(
                false,
                message,
                match unreadable.len() {
                    1 => {
                        "Move away what is in its place, or look at the disk. Until then changes go to the other file alone; keep a backup elsewhere."
                    }
                    _ => {
                        "Move away what is in their place, or look at the disk. Until then no change can be saved."
                    }
                },
            );
        }
        if status.state != VaultState::Open {
            return None;
        }
        let again = "It was written again from the other copy. Run couchkey doctor once more; if it says this again, \
                     look at the disk and at what else changes the keyring.";
        match self.check_copies() {
            Err(error) => {
                let report = error.report();
                let message = format!(
                    "The keyring's copy of the accounts could not be looked at or mended: {}",
                    report.message
                );
                check(false, message, &report.hint)
            }
            Ok(wrong) if wrong > 0 => {
                let message =
                    format!("Entries of the keyring that were missing or damaged: {wrong}.");
                check(false, message, again)
            }
            Ok(_) if self.status().notices.contains(&Notice::NotMended) => check(
                false,
                "A copy of the vault is damaged and could not be written again.".to_owned(),
                "Check that the disk has room and that the folder may be written, then run couchkey doctor again.",
            ),
            Ok(_) if self.status().notices.contains(&Notice::Repaired) => {
                let open = self.open_now();
                let unread = open.as_ref().map_or(&[][..], |open| open.unread.as_slice());
                let message = match unread {
                    [] => "A copy of the vault was damaged.".to_owned(),
                    halves => each(halves, "could not"),
                };
                check(false, message, again)
            }
            Ok(_) => check(
                true,
                "Every account was looked at in both copies, the file and the keyring.".to_owned(),
                "",
            ),
        }
    }
}

/// Whether the trouble is that the vault's files cannot be read.
fn is_of_the_files(status: &Status) -> bool {
    let code = status.trouble.as_ref().map(|report| report.code);
    matches!(
        code,
        Some(
            ErrorCode::StorageDenied
                | ErrorCode::StorageFailed
                | ErrorCode::VaultBusy
                | ErrorCode::VaultDamaged
        )
    )
}

/// How backups stand, for `doctor`.
fn backup_check(backups: &BackupsView, now: UnixTime) -> Check {
    let check = |good, message: String, hint: &str| Check {
        name: "backup",
        good,
        message,
        hint: hint.to_owned(),
    };
    let proven = match backups.proven_at.map(|at| now.as_secs().checked_sub(at.into())) {
        None => " That they bring everything back is not proven yet: couchkey drill.".to_owned(),
        Some(Some(ago)) => format!(" Proven by a drill, days ago: {}.", ago / (24 * 60 * 60)),
        Some(None) => {
            " The drill that proved it has a date in the future, so a clock was wrong; prove it again: couchkey drill."
                .to_owned()
        }
    };
    let folder = backups.folder.as_deref().unwrap_or_default();
    let mut rows = backups.backups.iter();
    let newest = rows.find(|row| matches!(row.state, BackupState::Good | BackupState::InPart));
    let age = newest.map(|newest| match (newest.dated, newest.days_old) {
        (BackupDate::Future, _) => {
            "The newest one that opens is dated in the future: this computer's clock, or the one that made it, was wrong."
                .to_owned()
        }
        (_, Some(0)) => "The newest one that opens is from today.".to_owned(),
        (_, Some(1)) => "The newest one that opens is 1 day old.".to_owned(),
        (_, Some(days)) => format!("The newest one that opens is {days} days old."),
        (_, None) => {
            "The newest one that opens is dated before Couchkey was made: the clock that dated it was wrong."
                .to_owned()
        }
    });
    let damaged = backups.backups.iter();
    let damaged = damaged.filter(|row| row.state == BackupState::Damaged);
    let damaged: Vec<&str> = damaged.map(|row| row.name.as_str()).collect();
    match (&backups.problem, age) {
        // So it is meant, until somebody says otherwise; it is said, and no fault.
        (Some(problem), _) if problem.code == ErrorCode::BackupFolderNotChosen => {
            check(true, format!("{} {}", problem.message, problem.hint), "")
        }
        (Some(problem), _) => check(false, problem.message.clone(), &problem.hint),
        (None, _) if backups.choice == BackupChoice::Off => check(
            false,
            "No backup is made by itself.".to_owned(),
            "Turn it on: couchkey backup --auto usual",
        ),
        (None, age) if !damaged.is_empty() => check(
            false,
            format!(
                "Backups that are damaged and do not open: {}. {}",
                damaged.join(", "),
                age.unwrap_or_else(|| "None opens.".to_owned())
            ),
            &format!(
                "Make a new one: couchkey backup. Then delete what is damaged in {folder}; if it happens again, its disk is failing."
            ),
        ),
        (None, Some(age)) => check(true, format!("There are backups. {age}{proven}"), ""),
        (None, None) if backups.backups.is_empty() => check(
            false,
            "There is no backup yet.".to_owned(),
            "Make one: couchkey backup",
        ),
        (None, None) => check(
            false,
            "There are backups, and none opens with the keys that the vault has today.".to_owned(),
            "Make a new one: couchkey backup",
        ),
    }
}
