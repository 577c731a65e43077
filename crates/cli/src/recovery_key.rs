//! The recovery key: made, shown, kept on a sheet, typed; and what it brings back.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, Guards,
    os::NewFile,
    view::{KeyringKind, LockKind, RecoveryKeyView},
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::RecoveryKey,
    ask::Ask,
    backup,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::Out,
    source,
    vault::{accounts, lock_json, lock_sentence, must_exist, open_asking, tell_notices},
};

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
pub fn confirm(authenticator: &Authenticator, ask: &mut Ask, out: &mut Out) -> Result<(), Stop> {
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
