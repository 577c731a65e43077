//! The vault itself: making it and opening it.

use couchkey_authenticator::{
    Authenticator, ErrorCode, Guards, KeyringChoice,
    view::{KeyringKind, LockKind, Notice, Status, VaultState},
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::{Global, Keyring},
    ask::Ask,
    refusal::{Refusal, Stop},
    show::{self, Out},
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

pub fn tell_notices(status: &Status, out: &mut Out) {
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

pub fn unlock(
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

pub fn accounts(count: u32) -> String {
    match count {
        1 => "1 account".to_owned(),
        n => format!("{n} accounts"),
    }
}

/// What a new passphrase is to guard here.
pub fn guards(status: &Status) -> Guards {
    match status.keyring {
        KeyringKind::System => Guards::WithKeyring,
        KeyringKind::File | KeyringKind::Missing => Guards::Alone,
    }
}

pub fn lock_json(status: &Status) -> serde_json::Value {
    json!({ "lock": status.lock, "keyring": status.keyring })
}

pub fn lock_sentence(status: &Status) -> &'static str {
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
