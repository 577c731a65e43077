//! Backups, the drill that proves them, getting everything back from one, and new keys.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use couchkey_authenticator::{
    Authenticator, ErrorCode, ErrorReport, Guards,
    view::{
        BackupChoice, BackupDate, BackupReport, BackupRow, BackupState, BackupsView, DrillPart,
        Notice, RestoreInto, RestoreOutcome, Restored, Status, VaultState,
    },
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::{Backup, NewKeys, Recover, VerifyBackup},
    ask::Ask,
    lock,
    recovery_key::{self, WayOut},
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    source, vault,
};

/// The most that is read of a backup's file; the vault crate refuses more than it can use of it.
const LARGEST: u64 = 64 << 20;

/// `couchkey backup`
pub fn backup(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Backup,
) -> Result<u8, Stop> {
    let (_, today) = vault::open_asking(authenticator, ask, out)?;
    if let Some(choice) = &args.auto {
        let choice = match choice.as_str() {
            "off" => BackupChoice::Off,
            "usual" => BackupChoice::Usual,
            folder => BackupChoice::Folder(absolute(Path::new(folder))?),
        };
        return tell(&authenticator.set_backups(&choice)?, out);
    }
    if args.passphrase {
        let passphrase = ask.new_passphrase(Guards::Alone)?;
        let today = today.as_ref().map(|text| text.as_str());
        return tell(
            &authenticator.set_backup_passphrase(today, Some(&passphrase))?,
            out,
        );
    }
    if args.no_passphrase {
        return tell(&authenticator.set_backup_passphrase(None, None)?, out);
    }
    if args.remove_old {
        let removed = authenticator.remove_old_backups()?;
        if out.is_json() {
            out.json(&json!({ "removed": removed }))?;
        } else {
            out.line(format!(
                "Backups that opened with an older key and are deleted: {removed}."
            ))?;
        }
        return Ok(DONE);
    }
    if args.list {
        return tell(&authenticator.backups()?, out);
    }
    let (folder, row) = match &args.to {
        Some(folder) => {
            let folder = absolute(folder)?;
            let row = authenticator.back_up_to(&folder)?;
            (folder, row)
        }
        None => {
            let row = authenticator.back_up()?;
            (authenticator.backups()?.folder.unwrap_or_default(), row)
        }
    };
    let path = Path::new(&folder).join(&row.name);
    if out.is_json() {
        out.json(&json!({ "file": path, "made_at": row.made_at }))?;
    } else {
        out.line(show::safe(&path.to_string_lossy()))?;
        out.tell(
            "It opens with the recovery key. To see that it does: couchkey verify-backup FILE",
        );
    }
    Ok(DONE)
}

fn tell(view: &BackupsView, out: &mut Out) -> Result<u8, Stop> {
    if out.is_json() {
        out.json(view)?;
        return Ok(DONE);
    }
    let folder = view.folder.as_deref().map(show::safe).unwrap_or_default();
    out.line(match view.choice {
        BackupChoice::Off => "No backup is made by itself.".to_owned(),
        _ if view.folder.is_none() => "No backups are made by themselves yet.".to_owned(),
        _ => format!("After each change a backup is made in: {folder}"),
    })?;
    if let Some(problem) = &view.problem {
        out.line(format!("{} {}", problem.message, problem.hint))?;
    }
    out.line(
        match (view.opens_with_recovery_key, view.opens_with_passphrase) {
            (true, true) => "Backups open with the recovery key, or with their passphrase.",
            (true, false) => "Backups open with the recovery key.",
            (false, true) => "Backups open with their passphrase.",
            (false, false) => "Nothing could open a backup yet: couchkey recovery-key makes a key.",
        },
    )?;
    let rows: Vec<Vec<String>> = view.backups.iter().map(row).collect();
    for line in show::columns(&rows) {
        out.line(line)?;
    }
    let damaged = |row: &BackupRow| row.state == BackupState::Damaged;
    if view.backups.iter().any(damaged) {
        out.line(format!(
            "A damaged backup does not count. Make a new one: couchkey backup. Then delete the damaged file in {folder}"
        ))?;
    }
    Ok(DONE)
}

fn row(backup: &BackupRow) -> Vec<String> {
    let age = match (backup.dated, backup.days_old) {
        (BackupDate::Future, _) => {
            "dated in the future: this computer's clock, or the one that made it, was wrong"
                .to_owned()
        }
        (_, None) => "dated before Couchkey was made: the clock that dated it was wrong".to_owned(),
        (_, Some(0)) => "today".to_owned(),
        (_, Some(1)) => "1 day old".to_owned(),
        (_, Some(n)) => format!("{n} days old"),
    };
    let state = match backup.state {
        BackupState::Damaged => "DAMAGED: does not open",
        BackupState::Newer => "made by a newer Couchkey",
        BackupState::OtherKey => "from before the vault got new keys",
        _ if !backup.current_key => "opens with an older key",
        BackupState::InPart => "opens; accounts in it are damaged",
        BackupState::Good => "opens",
        BackupState::Untried => "",
    };
    vec![show::safe(&backup.name), age, state.to_owned()]
}

/// `couchkey verify-backup`
pub fn verify(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &VerifyBackup,
) -> Result<u8, Stop> {
    let bytes = read(&args.file)?;
    // With the vault open its codes are compared too; without it the backup is looked at alone.
    let open = authenticator.status().state != VaultState::None
        && authenticator.open()?.state == VaultState::Open;
    let key = key(ask)?;
    let report = authenticator.verify_backup(&bytes, &key)?;
    let good = report.intact && report.damaged == 0 && report.matching == report.compared;
    if out.is_json() {
        out.json(&report)?;
    } else {
        for line in sentences(&report, open) {
            out.line(line)?;
        }
    }
    Ok(if good { DONE } else { REFUSED })
}

fn sentences(report: &BackupReport, open: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "The backup opens: {}, in the trash {}.",
        vault::accounts(report.accounts),
        report.in_trash
    )];
    if !report.intact {
        lines.push("The file is damaged somewhere. Keep another copy.".to_owned());
    }
    if report.damaged > 0 {
        lines.push(format!(
            "Accounts in it that do not open: {}.",
            report.damaged
        ));
    }
    lines.push(match open {
        true => format!(
            "Codes that match the vault's: {} of {}.",
            report.matching, report.compared
        ),
        false => "The vault is not open, so no code was compared with it.".to_owned(),
    });
    lines
}

/// `couchkey drill`
pub fn drill(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let status = vault::open(authenticator, ask, out)?;
    out.tell("Type the recovery key from your sheet, as if everything else were lost.");
    let key = recovery_key::recovery_key_line(ask)?;
    let drill = authenticator.drill(&key)?;
    if out.is_json() {
        out.json(&drill)?;
    } else {
        out.line(format!("The vault: {}.", part(&drill.vault)))?;
        match (&drill.backup, &drill.backup_problem) {
            (Some(backup), _) => {
                out.line(format!("The newest backup that opens: {}.", part(backup)))?
            }
            (None, Some(problem)) => out.line(format!(
                "The newest backup: {} {}",
                problem.message, problem.hint
            ))?,
            (None, None) => out.line("There is no backup yet: couchkey backup")?,
        }
        for name in &drill.damaged_backups {
            out.line(format!(
                "{name} is damaged and does not count. Make a new backup (couchkey backup), then delete that file."
            ))?;
        }
        if drill.mended > 0 {
            out.line(format!(
                "Entries of the keyring that were missing or damaged, and were written again: {}.",
                drill.mended
            ))?;
        }
        out.line(match drill.proven_at {
            Some(_) => {
                "Proven: with this key everything comes back, from the file and from the keyring. The date is written down."
            }
            None if !drill.both_whole => {
                "Not proven: one of the two copies of the vault is not whole. See couchkey doctor"
            }
            None if status.notices.contains(&Notice::Incomplete) => {
                "Not proven: accounts may be missing here. Restore your newest backup: couchkey recover --backup FILE. When you have looked: couchkey seen"
            }
            None => "Not proven: something does not match. Make a new backup: couchkey backup",
        })?;
    }
    Ok(if drill.proven_at.is_some() {
        DONE
    } else {
        REFUSED
    })
}

fn part(part: &DrillPart) -> String {
    let missing = match part.missing {
        0 => String::new(),
        n => format!(", added since: {n}"),
    };
    format!("{} of {} codes match{missing}", part.matching, part.of)
}

/// `couchkey new-keys`
pub fn new_keys(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &NewKeys,
) -> Result<u8, Stop> {
    let way = WayOut::open(out, args.sheet.as_deref())?;
    let (status, passphrase) = vault::open_asking(authenticator, ask, out)?;
    if ask.somebody_is_there()
        && !ask.yes(
            "Everything is sealed anew, and the recovery key that you have ends. Go on?",
            true,
        )?
    {
        out.say("Nothing was changed.");
        return Ok(REFUSED);
    }
    let rest = recovery_key::as_it_was(status.has_recovery_key);
    let key = authenticator.draw_recovery_key()?;
    let shown = way.show(authenticator, out, &key, rest)?;
    let asks = ask.somebody_is_there() && !shown.on_a_sheet();
    if asks && !recovery_key::written_down(ask, out)? {
        return Ok(recovery_key::not_written_down(
            out,
            rest,
            "couchkey new-keys",
        ));
    }
    let given = passphrase.as_ref().map(|text| text.as_str());
    let rotated = authenticator
        .rotate_to_drawn_key(given, asks || shown.on_a_sheet())
        .map_err(|error| recovery_key::opens_nothing(&error, rest))?;
    shown.counts();
    if out.is_json() {
        out.json(&json!({
            "rotated": true,
            "old_backups": rotated.old_backups,
            "backup_passphrase_ended": rotated.backup_passphrase_ended,
        }))?;
    } else {
        out.say("Everything is sealed anew, and this key is the one that counts now.");
    }
    lock::say_what_is_left(out, &rotated);
    out.tell("Whoever had the old key and a copy of the vault may have seen the accounts' secrets: set those up anew.");
    Ok(DONE)
}

/// After a new recovery key: says which backups the older one still opens and what that means, and offers to delete them
/// once the new one is written down.
pub fn tell_of_older_keys(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
) -> Result<(), Stop> {
    let rows = authenticator.backups()?.backups;
    let older = |row: &&BackupRow| !row.current_key && row.state != BackupState::Damaged;
    let older = rows.iter().filter(older).count();
    if older == 0 {
        return Ok(());
    }
    out.tell(format!(
        "\nBackups that the older recovery key still opens: {older}. Whoever has that key and one of them can open this vault, too.\nIf somebody else saw the older key, give the vault new keys: couchkey new-keys"
    ));
    let written_down = authenticator.status().recovery_saved;
    let delete = written_down
        && ask.somebody_is_there()
        && ask.said_yes("Make a new backup, and delete those?")?;
    if !delete {
        out.tell("To delete them when the new key is written down: couchkey backup && couchkey backup --remove-old");
        return Ok(());
    }
    let removed = authenticator
        .back_up()
        .and_then(|_| authenticator.remove_old_backups());
    match removed {
        Ok(removed) => out.tell(format!(
            "A new backup is made. Deleted: {removed}. Copies of them elsewhere are yours to find."
        )),
        // The new key is made and shown; this is a remark about something else.
        Err(error) => {
            let report = error.report();
            out.say(format!(
                "None was deleted. {} {}",
                report.message, report.hint
            ));
        }
    }
    Ok(())
}

/// Says once, where a vault is made, that it makes no backup by itself before a folder is named.
pub fn tell_where(authenticator: &Authenticator, out: &mut Out) -> Result<(), Stop> {
    let view = authenticator.backups()?;
    if view.folder.is_none() && view.choice != BackupChoice::Off {
        let report = ErrorReport::from(ErrorCode::BackupFolderNotChosen);
        out.tell(format!("\n{} {}", report.message, report.hint));
    }
    Ok(())
}

/// `couchkey recover --backup FILE`
pub fn recover(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    file: &Path,
    args: &Recover,
) -> Result<u8, Stop> {
    let bytes = read(file)?;
    let status = match authenticator.status().state {
        VaultState::None => VaultState::None,
        _ => authenticator.open()?.state,
    };
    let mut opened = status == VaultState::Open;
    let key = key(ask)?;
    let mut preview = authenticator.preview_restore(&bytes, &key)?;
    let other_vault = preview.into == RestoreInto::SetAside && status == VaultState::Locked;
    if other_vault && !args.set_aside {
        // Its owner can open it, and then what it lacks comes into it.
        vault::open(authenticator, ask, out)?;
        opened = true;
        preview = authenticator.preview_restore(&bytes, &key)?;
    }
    let adds = preview.rows.iter();
    let adds = adds.filter(|row| row.outcome != RestoreOutcome::Has);
    out.tell(match preview.into {
        RestoreInto::NewVault => format!(
            "A new vault is made with {} of the backup.",
            vault::accounts(size(&preview.rows))
        ),
        RestoreInto::OpenVault => format!(
            "The backup has {}; what the vault lacks of them is added: {}.",
            vault::accounts(size(&preview.rows)),
            adds.count()
        ),
        RestoreInto::ClosedVault => {
            "The backup's key opens the vault that is here. What the vault lacks is added."
                .to_owned()
        }
        RestoreInto::SetAside => format!(
            "What is here is put aside, and a new vault is made with {} of the backup.",
            vault::accounts(size(&preview.rows))
        ),
    });
    if args.dry_run {
        if out.is_json() {
            out.json(&preview)?;
        } else {
            for row in &preview.rows {
                let name = show::label(row.issuer.as_deref(), &row.account);
                out.line(format!("{}  {name}", outcome(row.outcome)))?;
            }
        }
        return Ok(DONE);
    }
    let mut passphrase = (!opened && ask.has_descriptor())
        .then(|| ask.new_passphrase(Guards::WithKeyring))
        .transpose()?;
    let restored = loop {
        let given = passphrase.as_ref().map(|text| text.as_str());
        match authenticator.restore_backup(&bytes, &key, given, args.set_aside) {
            Err(error) if error.code() == ErrorCode::PassphraseNeeded && passphrase.is_none() => {
                passphrase = Some(ask.new_passphrase(Guards::Alone)?);
            }
            outcome => break outcome?,
        }
    };
    if out.is_json() {
        out.json(&restored_json(&restored))?;
    } else {
        out.line(format!(
            "Restored. Added: {}; were here already: {}; mended: {}.",
            restored.added, restored.kept, restored.mended
        ))?;
        if restored.damaged > 0 {
            out.line(format!(
                "Accounts that are damaged in the backup and could not be restored: {}. Keep the file.",
                restored.damaged
            ))?;
        }
        tell_recovery(&restored.status, out)?;
        if matches!(restored.into, RestoreInto::NewVault | RestoreInto::SetAside) {
            tell_where(authenticator, out)?;
        }
    }
    Ok(DONE)
}

fn tell_recovery(status: &Status, out: &mut Out) -> io::Result<()> {
    out.line(if status.has_recovery_key {
        "The recovery key stays good; keep it."
    } else {
        "There is no recovery key yet. Make one: couchkey recovery-key"
    })
}

fn restored_json(restored: &Restored) -> serde_json::Value {
    json!({
        "into": restored.into,
        "added": restored.added,
        "kept": restored.kept,
        "mended": restored.mended,
        "damaged": restored.damaged,
    })
}

fn outcome(outcome: RestoreOutcome) -> &'static str {
    match outcome {
        RestoreOutcome::Adds => "add ",
        RestoreOutcome::Has => "here",
        RestoreOutcome::Mends => "mend",
    }
}

fn size(rows: &[couchkey_authenticator::view::RestoreRow]) -> u32 {
    u32::try_from(rows.len()).unwrap_or(u32::MAX)
}

fn key(ask: &mut Ask) -> Result<Zeroizing<String>, Stop> {
    ask.hidden_line("Recovery key, or the backups' passphrase: ")?
        .ok_or_else(|| {
            Refusal::new(
                "recovery_key_needed",
                "No key was given.",
                "Type it when asked, or pass it on standard input.",
            )
            .into()
        })
}

/// As the vault keeps it: the same folder from wherever the next command is started.
fn absolute(folder: &Path) -> Result<String, Stop> {
    let absolute: Option<PathBuf> = std::path::absolute(folder).ok();
    let text = absolute.and_then(|path| path.to_str().map(str::to_owned));
    text.ok_or_else(|| ErrorCode::BackupFolderUnavailable.into())
}

fn read(file: &Path) -> Result<Vec<u8>, Stop> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let open = File::open(file)?;
        if open.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        open.take(LARGEST + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| {
        Refusal::new(
            "file_unreadable",
            format!(
                "{} cannot be read: {}.",
                source::file_name(file),
                source::why(error.kind())
            ),
            "Check the name and the folder: couchkey backup --list",
        )
        .into()
    })
}
