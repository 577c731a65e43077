//! `couchkey doctor`: whether all is well.

use couchkey_authenticator::{Authenticator, Check, ErrorReport, view::VaultState};
use serde::Serialize;

use crate::{
    ask::Ask,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    vault::must_exist,
};

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
