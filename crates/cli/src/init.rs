//! `couchkey init`: a new vault.

use couchkey_authenticator::{Authenticator, view::KeyringKind};

use crate::{
    args::Init,
    ask::Ask,
    backup,
    recovery_key::{WayOut, confirm, opens_nothing},
    refusal::{DONE, Stop},
    show::Out,
    vault::{guards, lock_json},
};

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
