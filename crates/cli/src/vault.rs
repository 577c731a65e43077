//! The vault itself: making it, opening it, what locks it, what gets it back, and whether all is well.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use couchkey_authenticator::{
    Authenticator, Check, Error, ErrorCode, ErrorReport, Guards, KeyringChoice,
    os::NewFile,
    view::{KeyringKind, LockKind, Notice, RecoveryKeyView, Rotated, Status, VaultState},
};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::{Global, Init, Keyring, Lock, Passphrase, RecoveryKey, Turn},
    ask::Ask,
    backup,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    source,
};

/// How often a person may mistype the passphrase before the command ends.
const TRIES: u32 = 3;

/// The vault of this run, opened or not.
///
/// # Errors
/// There is no place for a data directory, and none was named.
pub fn on_this_machine(global: &Global) -> Result<Authenticator, Stop> {
    // A variable that is set to nothing is taken as not set, as shells mean it.
    let data_dir = global
        .data_dir
        .as_deref()
        .filter(|dir| !dir.as_os_str().is_empty());
    let keyring = match global.keyring {
        Keyring::Auto => KeyringChoice::Auto,
        Keyring::File => KeyringChoice::File,
    };
    Ok(Authenticator::on_this_machine(data_dir, keyring)?)
}

/// Refuses early where nothing was set up, before anything is asked or read.
///
/// # Errors
/// [`ErrorCode::NoVault`].
pub fn must_exist(authenticator: &Authenticator) -> Result<Status, Stop> {
    let status = authenticator.status();
    match status.state {
        VaultState::None => Err(ErrorCode::NoVault.into()),
        _ => Ok(status),
    }
}

/// Opens the vault: by itself if the keyring has its key, else by a passphrase.
///
/// # Errors
/// Whatever keeps it shut.
pub fn open(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<Status, Stop> {
    Ok(open_asking(authenticator, ask, out)?.0)
}

/// The same, with the passphrase that was asked for, if one was: what asks for it again need not ask twice in one
/// command.
///
/// # Errors
/// Whatever keeps it shut.
pub fn open_asking(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
) -> Result<(Status, Option<Zeroizing<String>>), Stop> {
    must_exist(authenticator)?;
    let mut passphrase = None;
    let mut unlock = |ask: &mut Ask, out: &mut Out| -> Result<Status, Stop> {
        let (status, typed) = unlock(authenticator, ask, out)?;
        passphrase = Some(typed);
        Ok(status)
    };
    let status = match authenticator.open() {
        Ok(status) => status,
        Err(error) if is_locked(error.code()) => unlock(ask, out)?,
        Err(error) => return Err(error.into()),
    };
    let status = match (status.state, status.trouble.clone()) {
        (VaultState::None, _) => return Err(ErrorCode::NoVault.into()),
        (VaultState::Trouble, Some(trouble)) => return Err(Refusal::from(trouble).into()),
        (VaultState::Trouble, None) => return Err(ErrorCode::Internal.into()),
        (VaultState::Locked, _) => unlock(ask, out)?,
        (VaultState::Open, _) => status,
    };
    tell_notices(&status, out);
    Ok((status, passphrase))
}

fn tell_notices(status: &Status, out: &mut Out) {
    for notice in &status.notices {
        let note = || format!("note: {}", show::notice(*notice));
        match notice {
            Notice::Incomplete | Notice::FileRebuilt => out.say(note()),
            // That one belongs to the commands that deal with it; a list of codes is no place to nag.
            Notice::RecoveryKeyNotSaved => (),
            _ => out.tell(note()),
        }
    }
}

fn is_locked(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::VaultLocked | ErrorCode::PassphraseNeeded)
}

fn unlock(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
) -> Result<(Status, Zeroizing<String>), Stop> {
    let tries = if ask.somebody_is_there() && !ask.has_descriptor() {
        TRIES
    } else {
        1
    };
    let mut left = tries;
    loop {
        let passphrase = ask
            .passphrase("Passphrase: ")?
            .ok_or(ErrorCode::PassphraseNeeded)?;
        left -= 1;
        match authenticator.unlock(&passphrase) {
            Err(error) if error.code() == ErrorCode::WrongPassphrase && left > 0 => {
                out.say(show::safe(&error.report().message));
            }
            outcome => return Ok((outcome?, passphrase)),
        }
    }
}

/// `couchkey init`
pub fn init(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    init: &Init,
) -> Result<u8, Stop> {
    authenticator.may_create(init.another)?;
    let status = authenticator.status();
    if status.keyring == KeyringKind::Missing {
        out.tell("No keyring of the system is used here, so the vault opens with a passphrase.");
    }
    let way = WayOut::open(out, init.sheet.as_deref())?;
    let with_passphrase =
        init.lock || ask.has_descriptor() || status.keyring != KeyringKind::System;
    let passphrase = with_passphrase
        .then(|| ask.new_passphrase(guards(&status)))
        .transpose()?;
    let given = passphrase.as_ref().map(|text| text.as_str());
    let key = authenticator.draw_recovery_key()?;
    let shown = way.show(authenticator, out, &key, "No vault was made.")?;
    let made = match init.another {
        true => authenticator.create_another_vault(given),
        false => authenticator.create_vault(given),
    };
    let status = made.map_err(|error| opens_nothing(&error, "No vault was made."))?;
    // There is no older key that it could end, so it counts at once.
    authenticator
        .keep_recovery_key(given, shown.on_a_sheet())
        .map_err(|error| {
            opens_nothing(
                &error,
                "The vault is made, without a recovery key: couchkey recovery-key makes one.",
            )
        })?;
    let on_a_sheet = shown.on_a_sheet();
    shown.counts();
    if out.is_json() {
        out.json(&lock_json(&status))?;
    } else {
        out.line("")?;
        out.line("The vault is ready.")?;
    }
    if ask.somebody_is_there() && !on_a_sheet {
        out.flush()?;
        confirm(authenticator, ask, out)?;
    }
    backup::tell_where(authenticator, out)?;
    out.tell("\nNow add an account: take a picture of the QR code, then: couchkey add PICTURE");
    Ok(DONE)
}

/// `couchkey recovery-key`
pub fn recovery_key(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &RecoveryKey,
) -> Result<u8, Stop> {
    let way = WayOut::open(out, args.sheet.as_deref())?;
    let (status, today) = open_asking(authenticator, ask, out)?;
    let has_one = status.has_recovery_key;
    if has_one
        && ask.somebody_is_there()
        && !ask.yes(
            "The recovery key that you have will no longer open the vault, only backups that were made before. Make a new one?",
            true,
        )?
    {
        out.say("Nothing was changed.");
        return Ok(REFUSED);
    }
    let rest = as_it_was(has_one);
    let key = authenticator.draw_recovery_key()?;
    let shown = way.show(authenticator, out, &key, rest)?;
    // A sheet is as good as paper; nobody prints it while a question waits.
    let asks = ask.somebody_is_there() && !shown.on_a_sheet();
    if has_one && asks && !written_down(ask, out)? {
        return Ok(not_written_down(out, rest, "couchkey recovery-key"));
    }
    authenticator
        .keep_recovery_key(
            today.as_ref().map(|text| text.as_str()),
            shown.on_a_sheet() || has_one && asks,
        )
        .map_err(|error| opens_nothing(&error, rest))?;
    shown.counts();
    if out.is_json() {
        out.json(&json!({ "made": true }))?;
    } else if has_one {
        out.say(
            "This key is the one that counts now. The older one does not open the vault any more.",
        );
    }
    if !has_one && asks {
        confirm(authenticator, ask, out)?;
    }
    backup::tell_of_older_keys(authenticator, ask, out)?;
    Ok(DONE)
}

/// How things stand where a new key did not come to count.
pub fn as_it_was(has_one: bool) -> &'static str {
    match has_one {
        true => "Nothing was changed; the recovery key that you had stays good.",
        false => "Nothing was changed.",
    }
}

/// The key that is on the screen did not come to count, and nobody may believe that it opens anything.
pub fn opens_nothing(error: &Error, rest: &str) -> Stop {
    let mut refusal = Refusal::from(error.report());
    refusal.message += " The recovery key above opens nothing; cross it out. ";
    refusal.message += rest;
    refusal.into()
}

/// The same, because the person does not have it on paper.
pub fn not_written_down(out: &mut Out, rest: &str, command: &str) -> u8 {
    out.say(format!("The recovery key above opens nothing. {rest}"));
    out.say(format!("When you have pen and paper: {command}"));
    REFUSED
}

/// Whether the key that was just shown is written down: before an older one ends.
pub fn written_down(ask: &mut Ask, out: &mut Out) -> Result<bool, Stop> {
    out.flush()?;
    ask.said_yes("\nIs it written down? Only then it counts.")
}

/// The same where it counts already.
fn confirm(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<(), Stop> {
    if ask.said_yes("\nIs it written down?")? {
        authenticator.recovery_key_saved()?;
    } else {
        out.say("Make a new one when you have pen and paper: couchkey recovery-key");
    }
    Ok(())
}

/// The ways out of a recovery key. They are opened and tried before anything is changed, because the key is shown once,
/// and a key that nobody saw must not be the one that counts.
pub struct WayOut<'a> {
    sheet: Option<&'a Path>,
}

impl<'a> WayOut<'a> {
    /// # Errors
    /// What is shown would reach nobody, or there is no place for the sheet.
    pub fn open(out: &mut Out, sheet: Option<&'a Path>) -> Result<Self, Stop> {
        out.try_way(sheet.is_some())
            .map_err(|error| unshown(&error, as_it_was(false)))?;
        if let Some(path) = sheet {
            if path.symlink_metadata().is_ok() {
                let why = "there is a file of that name already";
                return Err(sheet_refused(why, as_it_was(false)));
            }
            // Tried and closed: nothing of it lies about while a person is asked.
            NewFile::at(path).map_err(|error| sheet_unwritten(&error, as_it_was(false)))?;
        }
        Ok(Self { sheet })
    }

    /// Writes the sheet and shows the key that was drawn. It does not count yet. `rest` says how things stand when
    /// nobody could see it.
    ///
    /// # Errors
    /// Nobody has seen it, and no sheet is left behind.
    pub fn show(
        self,
        authenticator: &Authenticator,
        out: &mut Out,
        key: &RecoveryKeyView,
        rest: &str,
    ) -> Result<Shown, Stop> {
        let mut shown = Shown { sheet: None };
        if let Some(path) = self.sheet {
            let page = authenticator.recovery_sheet()?;
            NewFile::at(path)
                .and_then(|file| file.write(page.as_bytes(), false))
                .map_err(|error| sheet_unwritten(&error, rest))?;
            shown.sheet = Some(path.to_owned());
        }
        let mut lines = vec!["Your recovery key:".to_owned(), String::new()];
        lines.extend(
            key.groups
                .chunks(4)
                .map(|groups| format!("    {}", groups.join("-"))),
        );
        lines.push(String::new());
        lines.push(
            "Write it on paper and keep it with your documents. It opens the vault when this computer,"
                .to_owned(),
        );
        lines.push(
            "its keyring or the passphrase is gone. It is shown this once and cannot be shown again."
                .to_owned(),
        );
        let lines: Vec<Zeroizing<String>> = lines.into_iter().map(Zeroizing::new).collect();
        out.show_once(&lines)
            .map_err(|error| unshown(&error, rest))?;
        if shown.sheet.is_some() {
            out.say("The page to print is saved. Delete the file when it is printed.");
        }
        Ok(shown)
    }
}

/// A key that a person has before their eyes, with its sheet; that goes again if the key never comes to count.
pub struct Shown {
    sheet: Option<PathBuf>,
}

impl Shown {
    /// Whether it is on a sheet that is saved.
    pub fn on_a_sheet(&self) -> bool {
        self.sheet.is_some()
    }

    /// From now on it opens the vault.
    pub fn counts(mut self) {
        self.sheet = None;
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(path) = &self.sheet {
            let _ = fs::remove_file(path);
        }
    }
}

fn unshown(error: &io::Error, rest: &str) -> Stop {
    let why = match error.kind() {
        io::ErrorKind::BrokenPipe => "nobody reads it",
        io::ErrorKind::NotConnected => "the output leads nowhere",
        kind => source::why(kind),
    };
    Refusal::new(
        "recovery_key_unshown",
        format!("The recovery key cannot be shown: {why}. {rest}"),
        "It is shown only once. Run it again where you can read what it says, or with --sheet recovery.html",
    )
    .into()
}

fn sheet_unwritten(error: &io::Error, rest: &str) -> Stop {
    let why = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "there is no such folder",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "that folder may not be written"
        }
        kind => source::why(kind),
    };
    sheet_refused(why, rest)
}

fn sheet_refused(why: &str, rest: &str) -> Stop {
    Refusal::new(
        "sheet_unwritten",
        format!("The page with the recovery key cannot be written: {why}. {rest}"),
        "Name a new file in a folder of your own: --sheet recovery.html",
    )
    .into()
}

/// `couchkey recover`
pub fn recover(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let before = must_exist(authenticator)?;
    out.tell("Type the recovery key as it stands on the paper; blanks and capitals do not matter.");
    let key = recovery_key_line(ask)?;
    // The passphrase that is forgotten does not come back; a new one takes its place where one is wanted.
    let had_one = matches!(before.lock, Some(LockKind::Passphrase | LockKind::Strong));
    let wanted = ask.has_descriptor()
        || had_one
            && before.keyring == KeyringKind::System
            && ask.somebody_is_there()
            && ask.yes("Lock the vault with a new passphrase?", true)?;
    let mut passphrase = wanted
        .then(|| ask.new_passphrase(Guards::WithKeyring))
        .transpose()?;
    let status = loop {
        match authenticator.recover(&key, passphrase.as_ref().map(|text| text.as_str())) {
            // Without a keyring nothing else can open it tomorrow. Only now is it known that the key itself is good.
            Err(error) if error.code() == ErrorCode::PassphraseNeeded && passphrase.is_none() => {
                passphrase = Some(ask.new_passphrase(Guards::Alone)?);
            }
            outcome => break outcome?,
        }
    };
    tell_notices(&status, out);
    if out.is_json() {
        out.json(&lock_json(&status))?;
    } else {
        out.line(format!(
            "The vault is open again: {}. The recovery key stays good; keep it.",
            accounts(status.accounts)
        ))?;
        out.line(lock_sentence(&status))?;
        if before.keyring == KeyringKind::File && status.keyring == KeyringKind::System {
            out.line("Its key is in this computer's keyring from now on. The passphrase from before opens nothing any more.")?;
        }
    }
    Ok(DONE)
}

/// The recovery key as somebody types it from the sheet.
pub fn recovery_key_line(ask: &mut Ask) -> Result<Zeroizing<String>, Stop> {
    ask.hidden_line("Recovery key (it is not shown): ")?
        .ok_or_else(|| {
            Refusal::new(
                "recovery_key_needed",
                "No recovery key was given.",
                "Type it when asked, or pass it on standard input.",
            )
            .into()
        })
}

/// `couchkey lock`
pub fn lock(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Lock,
) -> Result<u8, Stop> {
    let status = must_exist(authenticator)?;
    match args.turn {
        None => {
            if let (Some(trouble), None) = (&status.trouble, status.lock) {
                return Err(Refusal::from(trouble.clone()).into());
            }
            tell_lock(&status, out)
        }
        Some(Turn::Off) => take_off(authenticator, ask, out),
        Some(Turn::On) if status.lock == Some(LockKind::Device) => set(authenticator, ask, out),
        Some(Turn::On) => {
            out.tell("It is on already. To change the passphrase: couchkey passphrase");
            tell_lock(&status, out)
        }
    }
}

/// `couchkey passphrase`
pub fn passphrase(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Passphrase,
) -> Result<u8, Stop> {
    must_exist(authenticator)?;
    if args.off {
        take_off(authenticator, ask, out)
    } else {
        set(authenticator, ask, out)
    }
}

fn set(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let (before, today) = open_asking(authenticator, ask, out)?;
    let turns_on = before.lock == Some(LockKind::Device);
    if turns_on && (before.has_recovery_key || authenticator.backups()?.has_backup_passphrase) {
        return turn_on_with_new_keys(authenticator, ask, out, &before);
    }
    let passphrase = ask.new_passphrase(guards(&before))?;
    let today = today.as_ref().map(|text| text.as_str());
    let status = authenticator.set_passphrase(today, Some(&passphrase))?;
    out.tell("The passphrase is set.");
    tell_lock(&status, out)
}

/// Turning the lock on gives the vault new keys, and so a new recovery key that is shown once.
fn turn_on_with_new_keys(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    before: &Status,
) -> Result<u8, Stop> {
    let way = WayOut::open(out, None)?;
    let ends = match before.has_recovery_key {
        true => "The recovery key that you have ends; the new one is shown next.",
        false => "A recovery key is shown next.",
    };
    out.tell(format!("Turning the lock on gives the vault new keys, so that no older copy of it opens without the passphrase. {ends}"));
    if ask.somebody_is_there() && !ask.yes("Do you have pen and paper at hand?", true)? {
        out.say("Nothing was changed.");
        return Ok(REFUSED);
    }
    let passphrase = ask.new_passphrase(guards(before))?;
    let rest = as_it_was(before.has_recovery_key);
    let key = authenticator.draw_recovery_key()?;
    let shown = way.show(authenticator, out, &key, rest)?;
    let asks = ask.somebody_is_there();
    if asks && !written_down(ask, out)? {
        return Ok(not_written_down(out, rest, "couchkey lock on"));
    }
    let changed = authenticator
        .turn_lock_on_with_drawn_key(&passphrase, asks)
        .map_err(|error| opens_nothing(&error, rest))?;
    shown.counts();
    out.tell("The passphrase is set.");
    say_what_is_left(out, &changed.new_keys);
    tell_lock(&changed.status, out)
}

/// What new keys leave behind, and what ended with the old ones.
pub fn say_what_is_left(out: &mut Out, rotated: &Rotated) {
    if !rotated.old_backups.is_empty() {
        out.tell(format!(
            "\nBackups that whoever has the old key can still open: {}. Make a new one, then delete them:\n  couchkey backup && couchkey backup --remove-old",
            rotated.old_backups.len()
        ));
    }
    if rotated.backup_passphrase_ended {
        out.tell("The passphrase for backups ended. A new one: couchkey backup --passphrase");
    }
}

fn take_off(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let (status, today) = open_asking(authenticator, ask, out)?;
    if status.keyring != KeyringKind::System {
        return Err(Refusal::new(
            "passphrase_needed_here",
            "Without the system's keyring the passphrase is what protects the vault, so it stays.",
            "To change it: couchkey passphrase",
        )
        .into());
    }
    let status = authenticator.set_passphrase(today.as_ref().map(|text| text.as_str()), None)?;
    tell_lock(&status, out)
}

/// What a new passphrase is to guard here.
fn guards(status: &Status) -> Guards {
    match status.keyring {
        KeyringKind::System => Guards::WithKeyring,
        KeyringKind::File | KeyringKind::Missing => Guards::Alone,
    }
}

fn tell_lock(status: &Status, out: &mut Out) -> Result<u8, Stop> {
    if out.is_json() {
        out.json(&lock_json(status))?;
    } else {
        out.line(lock_sentence(status))?;
    }
    Ok(DONE)
}

fn lock_json(status: &Status) -> serde_json::Value {
    json!({ "lock": status.lock, "keyring": status.keyring })
}

fn lock_sentence(status: &Status) -> &'static str {
    match status.lock {
        Some(LockKind::Device) => {
            "The app lock is off: the vault opens without asking, by the key in this computer's keyring."
        }
        Some(LockKind::Strong) => {
            "The app lock is on: the vault opens with the passphrase and this computer's keyring together."
        }
        Some(LockKind::Passphrase) => "The app lock is on: the vault opens with the passphrase.",
        None => "What opens the vault could not be read.",
    }
}

/// `couchkey doctor`
pub fn doctor(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let missing = must_exist(authenticator).err();
    let trouble = match missing {
        Some(_) => None,
        None => look_inside(authenticator, ask)?.map(Refusal::from),
    };
    let mut checks = authenticator.check();
    if let Some(trouble) = &trouble {
        for check in checks
            .iter_mut()
            .filter(|check| check.name == "vault" && !check.good)
        {
            check.hint.clone_from(&trouble.hint);
        }
    }
    let good = checks.iter().all(|check| check.good);
    if out.is_json() {
        let error = match &missing {
            Some(Stop::Refused(refusal)) => Some(refusal.clone()),
            _ => None,
        };
        out.json(&Diagnosis { checks, error })?;
    } else {
        for check in &checks {
            out.line(format!(
                "{}   {}",
                if check.good { "good " } else { "WRONG" },
                show::safe(&check.message)
            ))?;
            if !check.good && !check.hint.is_empty() {
                out.line(format!("        {}", show::safe(&check.hint)))?;
            }
        }
    }
    match missing {
        // With --json the reason is part of the one object above.
        Some(stop) if !out.is_json() => Err(stop),
        Some(_) => Ok(REFUSED),
        None if good => Ok(DONE),
        None => Ok(trouble.map_or(REFUSED, |trouble| trouble.exit_code())),
    }
}

/// Unlocks where that costs nobody anything, so that the accounts can be looked at too; says what is in the way.
fn look_inside(authenticator: &Authenticator, ask: &mut Ask) -> Result<Option<ErrorReport>, Stop> {
    let status = authenticator.open()?;
    if status.state == VaultState::Locked && (ask.has_descriptor() || ask.somebody_is_there()) {
        let prompt = "Passphrase, to look inside too (Enter alone: do not): ";
        match ask.passphrase(prompt)? {
            Some(passphrase) if !passphrase.is_empty() => {
                authenticator.unlock(&passphrase)?;
            }
            _ => {}
        }
    }
    Ok(status.trouble)
}

/// What `doctor --json` prints.
#[derive(Serialize)]
struct Diagnosis {
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

pub fn accounts(count: u32) -> String {
    match count {
        1 => "1 account".to_owned(),
        n => format!("{n} accounts"),
    }
}
