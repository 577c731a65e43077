//! The restore drill and the check of one backup: proves that everything would come back, by comparing every code.

use couchkey_otp::{Kind, UnixTime};
use couchkey_vault::{Account, OpenError, RecoveryKey, Unlock, Vault, VaultId, backup::Backup};

use super::{kept::Worth, key::open};
use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    view::{BackupReport, DrillPart, DrillView, code_text, count, seconds},
};

impl Authenticator {
    /// The restore drill: opens the vault and the newest backup with the recovery key, as if everything else were lost,
    /// and compares every code. If all is well, that is written down with the date.
    ///
    /// # Errors
    /// [`ErrorCode::RecoveryKeyTypo`], [`ErrorCode::WrongRecoveryKey`], [`ErrorCode::VaultLocked`].
    pub fn drill(&self, recovery_key: &str) -> Result<DrillView, Error> {
        let key = RecoveryKey::parse(recovery_key).map_err(|_| ErrorCode::RecoveryKeyTypo)?;
        let (id, keyring, _) = self.opened_from()?;
        // Either place alone has to be enough: what is wrong in the keyring is mended first, and then looked at again.
        let mended = self.check_copies()?;
        let both_whole = (mended == 0 || self.check_copies()? == 0) && self.unreadable().is_empty();
        let found = self.found_in(keyring.as_ref(), id)?;
        let unlock = Unlock::Recovery(&key);
        let reopened = match self.open_with(&found, &unlock, id, &keyring) {
            Ok(opened) => opened.vault,
            Err(Error::Open(OpenError::Wrong | OpenError::NoSlot)) => {
                return Err(ErrorCode::WrongRecoveryKey.into());
            }
            Err(error) => return Err(error),
        };
        let now = self.now();
        let vault = self.read(|vault| part(vault, |id| reopened.account(id), now))?;

        let (backup, backup_made_at, backup_problem, damaged_backups) =
            self.drill_backup(id, &unlock, now)?;
        let good = |part: &DrillPart| part.matching == part.of;
        // What may be missing comes back by no key.
        let proven = both_whole
            && !self.read(Vault::is_incomplete)?
            && good(&vault)
            && vault.missing == 0
            && backup.as_ref().is_none_or(good)
            && backup_problem.is_none();
        if proven {
            // With the time that the answer has: the clock was read once.
            self.change(|vault, _, _| {
                let mut settings = vault.settings().clone();
                settings.recovery_proven = Some(now.as_secs());
                settings.recovery_saved = true;
                vault.set_settings(settings);
                Ok(())
            })?;
        }
        Ok(DrillView {
            vault,
            backup,
            backup_made_at,
            backup_problem,
            damaged_backups,
            mended: u32::try_from(mended).unwrap_or(u32::MAX),
            both_whole,
            proven_at: proven.then(|| seconds(now)),
        })
    }

    /// The part of a drill that is about backups: the newest one that opens under the vault's key is opened with the
    /// recovery key, and those that are damaged are named.
    #[expect(clippy::type_complexity, reason = "taken apart where it is called")]
    fn drill_backup(
        &self,
        id: VaultId,
        unlock: &Unlock<'_>,
        now: UnixTime,
    ) -> Result<
        (
            Option<DrillPart>,
            Option<u32>,
            Option<ErrorReport>,
            Vec<String>,
        ),
        Error,
    > {
        let kept = match self.kept_of(id) {
            Ok(kept) => kept,
            Err(error) => return Ok((None, None, Some(error.report()), Vec::new())),
        };
        let damaged = kept
            .iter()
            .filter(|kept| kept.worth == Worth::Damaged)
            .map(|kept| kept.name.clone())
            .collect();
        let newest = kept.iter().find(|kept| kept.opens());
        // Where none opens under the vault's key, what is wrong with the newest one is said.
        let Some(newest) = newest.or(kept.first()) else {
            return Ok((None, None, None, damaged));
        };
        let made = Some(seconds(newest.made));
        let opened = self
            .read_backup(&newest.name)
            .and_then(|bytes| Ok(Backup::open(&bytes, unlock)?));
        Ok(match opened {
            Ok(backup) => {
                let part = self.read(|vault| backup_part(vault, &backup, now))?;
                (Some(part), made, None, damaged)
            }
            Err(error) => (None, made, Some(error.report()), damaged),
        })
    }

    /// Opens a backup and says what is in it, whether every account opens, and how many codes are those of the vault.
    ///
    /// `key` is the recovery key, or the passphrase of backups.
    ///
    /// # Errors
    /// [`ErrorCode::NotABackup`], [`ErrorCode::BackupDamaged`], [`ErrorCode::WrongBackupKey`], and their like.
    pub fn verify_backup(&self, bytes: &[u8], key: &str) -> Result<BackupReport, Error> {
        let backup = open(bytes, key)?.0;
        let now = self.now();
        let (compared, matching, of_this_vault) = self
            .read(|vault| {
                let (compared, matching) = compare(vault, &backup, now);
                (compared, matching, vault.id() == backup.info().vault)
            })
            .unwrap_or_default();
        Ok(BackupReport {
            made_at: seconds(backup.info().made),
            of_this_vault,
            intact: backup.info().intact,
            accounts: count(backup.accounts().count()),
            in_trash: count(backup.trash().count()),
            damaged: count(backup.damaged().len()),
            compared,
            matching,
        })
    }
}

/// The list against accounts by their ids.
fn part<'a>(
    vault: &Vault,
    theirs: impl Fn(couchkey_vault::AccountId) -> Option<&'a Account>,
    now: UnixTime,
) -> DrillPart {
    let mut part = DrillPart {
        matching: 0,
        of: 0,
        missing: 0,
    };
    for (place, ours) in vault.accounts() {
        match theirs(place.id) {
            None => part.missing += 1,
            Some(theirs) => {
                part.of += 1;
                part.matching += u32::from(same_code(ours, theirs, now));
            }
        }
    }
    part
}

fn backup_part(vault: &Vault, backup: &Backup, now: UnixTime) -> DrillPart {
    let all = backup.accounts().chain(backup.trash());
    let by_id: std::collections::HashMap<_, _> =
        all.map(|(place, account)| (place.id, account)).collect();
    let mut part = part(vault, |id| by_id.get(&id).copied(), now);
    // What does not open in the backup does not match.
    let listed = |id| vault.account(id).is_some();
    let damaged = backup.damaged().iter().filter(|damaged| listed(damaged.id));
    let damaged = count(damaged.count());
    part.of += damaged;
    part.missing = part.missing.saturating_sub(damaged);
    part
}

/// How many accounts both have, and how many of those make the same code now.
fn compare(vault: &Vault, backup: &Backup, now: UnixTime) -> (u32, u32) {
    let both = backup.accounts().chain(backup.trash());
    let both = both.filter_map(|(place, account)| Some((vault.account(place.id)?, account)));
    let (mut compared, mut matching) = (0, 0);
    for (ours, theirs) in both {
        compared += 1;
        matching += u32::from(same_code(ours, theirs, now));
    }
    (compared, matching)
}

/// Whether two accounts make the same code; counters at the same count, because one moves on and a copy does not.
fn same_code(ours: &Account, theirs: &Account, now: UnixTime) -> bool {
    let kind = match (&ours.kind, &theirs.kind) {
        (Kind::Hotp { .. }, Kind::Hotp { .. }) => ours.kind,
        (one, other) if one == other => theirs.kind,
        _ => return false,
    };
    let code = |account: &Account| {
        let Account {
            secret,
            algorithm,
            digits,
            ..
        } = account;
        code_text(&kind, secret, *algorithm, *digits, now)
    };
    code(ours) == code(theirs)
}
