//! The vault itself: making it, opening it, what locks it, what gets it back, and whether all is well.

use std::{fs::OpenOptions, io::Write, path::Path};

use couchkey_authenticator::{
    Authenticator, Check, ErrorCode, ErrorReport, KeyringChoice,
    view::{KeyringKind, LockKind, Notice, RecoveryKeyView, Status, VaultState},
};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::{Global, Init, Keyring, Lock, Passphrase, RecoveryKey, Turn},
    ask::Ask,
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
    for notice in &status.notices {
        // That one belongs to the commands that deal with it; a list of codes is no place to nag.
        if *notice != Notice::RecoveryKeyNotSaved {
            out.tell(format!("note: {}", show::notice(*notice)));
        }
    }
    Ok((status, passphrase))
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
    let status = authenticator.status();
    if status.state != VaultState::None {
        return Err(match status.trouble {
            Some(trouble) => Refusal::from(trouble).into(),
            None => ErrorCode::VaultExists.into(),
        });
    }
    must_be_new(init.sheet.as_deref())?;
    if status.keyring == KeyringKind::Missing {
        out.tell("No keyring of the system is used here, so the vault opens with a passphrase.");
    }
    let with_passphrase =
        init.lock || ask.has_descriptor() || status.keyring != KeyringKind::System;
    let passphrase = with_passphrase.then(|| ask.new_passphrase()).transpose()?;
    let status = authenticator.create_vault(passphrase.as_ref().map(|text| text.as_str()))?;
    if out.is_json() {
        out.json(&lock_json(&status))?;
    } else {
        out.line("The vault is ready.")?;
        out.line("")?;
    }
    show_recovery_key(authenticator, ask, out, init.sheet.as_deref())?;
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
    must_be_new(args.sheet.as_deref())?;
    let status = open(authenticator, ask, out)?;
    if status.has_recovery_key
        && ask.somebody_is_there()
        && !ask.yes(
            "The recovery key that you have will end. Make a new one?",
            true,
        )?
    {
        out.say("Nothing was changed.");
        return Ok(REFUSED);
    }
    if out.is_json() {
        out.json(&json!({ "made": true }))?;
    }
    show_recovery_key(authenticator, ask, out, args.sheet.as_deref())?;
    Ok(DONE)
}

/// Makes the key and shows it. With `--json` it goes to standard error: no JSON of ours ever carries a secret.
fn show_recovery_key(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    sheet: Option<&Path>,
) -> Result<(), Stop> {
    let key = authenticator.make_recovery_key()?;
    print_recovery_key(authenticator, ask, out, &key, sheet)
}

/// Shows a key that was just made. With `--json` it goes to standard error.
pub fn print_recovery_key(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    key: &RecoveryKeyView,
    sheet: Option<&Path>,
) -> Result<(), Stop> {
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
    for line in lines {
        if out.is_json() {
            out.say(line);
        } else {
            out.line(line)?;
        }
    }
    if let Some(path) = sheet {
        let page = authenticator.recovery_sheet()?;
        write_new(path, page.as_bytes())?;
        out.say("The page to print is saved. Delete the file when it is printed.");
    }
    if ask.somebody_is_there() {
        out.flush()?;
        if ask.yes("\nIs it written down?", false)? {
            authenticator.recovery_key_saved()?;
        } else {
            out.say("Make a new one when you have pen and paper: couchkey recovery-key");
        }
    } else if sheet.is_some() {
        authenticator.recovery_key_saved()?;
    }
    Ok(())
}

pub fn must_be_new(path: Option<&Path>) -> Result<(), Stop> {
    match path {
        Some(path) if path.exists() => Err(sheet_refused("there is a file of that name already")),
        _ => Ok(()),
    }
}

fn sheet_refused(why: &str) -> Stop {
    Refusal::new(
        "sheet_unwritten",
        format!("The page with the recovery key could not be written: {why}."),
        "Name a new file in a folder of your own: --sheet recovery.html",
    )
    .into()
}

/// For its owner's eyes only, and never over another file.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| sheet_refused(source::why(error.kind())))
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
    let mut passphrase = wanted.then(|| ask.new_passphrase()).transpose()?;
    let status = loop {
        match authenticator.recover(&key, passphrase.as_ref().map(|text| text.as_str())) {
            // Without a keyring nothing else can open it tomorrow. Only now is it known that the key itself is good.
            Err(error) if error.code() == ErrorCode::PassphraseNeeded && passphrase.is_none() => {
                passphrase = Some(ask.new_passphrase()?);
            }
            outcome => break outcome?,
        }
    };
    if out.is_json() {
        out.json(&lock_json(&status))?;
    } else {
        out.line(format!(
            "The vault is open again: {}. The recovery key stays good; keep it.",
            accounts(status.accounts)
        ))?;
        out.line(lock_sentence(&status))?;
    }
    Ok(DONE)
}

/// The recovery key as somebody types it from the sheet.
pub fn recovery_key_line(ask: &mut Ask) -> Result<Zeroizing<String>, Stop> {
    ask.line("Recovery key: ")?.ok_or_else(|| {
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
    open(authenticator, ask, out)?;
    let passphrase = ask.new_passphrase()?;
    let status = authenticator.set_passphrase(Some(&passphrase))?;
    out.tell("The passphrase is set.");
    tell_lock(&status, out)
}

fn take_off(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<u8, Stop> {
    let status = open(authenticator, ask, out)?;
    if status.keyring != KeyringKind::System {
        return Err(Refusal::new(
            "passphrase_needed_here",
            "Without the system's keyring the passphrase is what protects the vault, so it stays.",
            "To change it: couchkey passphrase",
        )
        .into());
    }
    let status = authenticator.set_passphrase(None)?;
    tell_lock(&status, out)
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
