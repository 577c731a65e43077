//! `couchkey lock` and `couchkey passphrase`: the app lock.

use couchkey_authenticator::{
    Authenticator,
    view::{KeyringKind, LockKind, Rotated, Status},
};

use crate::{
    args::{Lock, Passphrase, Turn},
    ask::Ask,
    recovery_key::{WayOut, as_it_was, not_written_down, opens_nothing, written_down},
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::Out,
    vault::{guards, lock_json, lock_sentence, must_exist, open_asking},
};

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

fn tell_lock(status: &Status, out: &mut Out) -> Result<u8, Stop> {
    if out.is_json() {
        out.json(&lock_json(status))?;
    } else {
        out.line(lock_sentence(status))?;
    }
    Ok(DONE)
}
