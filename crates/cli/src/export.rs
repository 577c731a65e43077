//! `couchkey export`: to other apps.

use std::{io, path::Path};

use couchkey_authenticator::{
    Authenticator, ErrorCode, Permission, SecretQr,
    view::{ExportForm, ExportFormat, ExportPlan, Exported, LockKind},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    accounts,
    args::{Export, ExportAs},
    ask::Ask,
    import,
    progress::Line,
    refusal::{REFUSED, Refusal, Stop},
    show::{self, Out},
    source::{self, is_stdin},
    vault::{self, accounts},
};

/// `couchkey export`
pub fn export(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Export,
) -> Result<u8, Stop> {
    let format = format_to(args.format);
    let to = args.out.as_deref().filter(|path| !is_stdin(path));
    if args.password_stdin && format != ExportFormat::AegisEncrypted {
        return Err(Stop::Usage(Refusal::new(
            "usage",
            "Only aegis-encrypted has a password.",
            "Leave --password-stdin out, or use: couchkey export --format aegis-encrypted",
        )));
    }
    vault::must_exist(authenticator)?;
    // Read before the vault's passphrase, which may be the next line.
    let piped = match args.password_stdin {
        true => ask.hidden_line("Password for the file: ")?,
        false => None,
    };
    let (status, passphrase) = vault::open_asking(authenticator, ask, out)?;
    // All that there is goes out; that it may not be everything is for whoever relies on the file.
    let done = show::list_code(&status);
    let form = ExportForm {
        format,
        ids: match &args.account {
            None => Vec::new(),
            Some(query) => vec![accounts::id_of(authenticator, query)?],
        },
    };
    let plan = authenticator.plan_export(&form)?;
    tell_plan(out, &plan, to);
    let permission = match (plan.asks, &passphrase) {
        (LockKind::Device, _) => {
            if !args.yes {
                if !ask.somebody_is_there() {
                    return Err(ErrorCode::ConfirmationNeeded.into());
                }
                if !ask.yes("Export?", false)? {
                    out.say("Nothing was exported.");
                    return Ok(REFUSED);
                }
            }
            Permission::Confirmed
        }
        (_, Some(passphrase)) => Permission::Passphrase(passphrase),
        (_, None) => return Err(ErrorCode::PassphraseNeeded.into()),
    };
    let password = match (plan.needs_password, piped) {
        (false, _) => None,
        (true, Some(password)) => Some(password),
        (true, None) => Some(ask.file_password()?.ok_or_else(|| {
            Refusal::new(
                "password_needed_here",
                "The file needs a password of its own, and nobody is there to type one.",
                "In a script, hand it over on standard input: --password-stdin",
            )
        })?),
    };
    let password = password.as_ref().map(|password| password.as_str());
    if let Some(to) = to {
        let mut line = Line::new(out);
        let exported = authenticator.export_file(
            &form,
            &permission,
            password,
            to,
            args.replace,
            &mut |progress| line.show(progress),
        )?;
        drop(line);
        if out.is_json() {
            let mut answer = about(&plan, &exported);
            answer["file"] = json!(to.to_string_lossy());
            out.json(&answer)?;
        } else {
            out.line(format!(
                "Exported and checked: {}, to {}",
                accounts(exported.accounts),
                source::file_name(to)
            ))?;
        }
        return Ok(done);
    }
    let draws = args.qr || (format == ExportFormat::Google && out.is_terminal());
    if draws && !out.is_json() {
        let codes = authenticator.export_qr(&form, &permission, &mut |_| ())?;
        draw_all(ask, out, &codes)?;
        return Ok(done);
    }
    let (bytes, exported) =
        authenticator.export_bytes(&form, &permission, password, &mut |_| ())?;
    let lines = matches!(format, ExportFormat::Uris | ExportFormat::Google);
    if out.is_json() && lines {
        // The one answer in JSON that holds secrets: see docs/user-guide-cli.md.
        let text = std::str::from_utf8(&bytes).map_err(|_| ErrorCode::Internal)?;
        let mut answer = about(&plan, &exported);
        answer["uris"] = json!(text.lines().collect::<Vec<_>>());
        out.json(&answer)?;
    } else {
        out.bytes(&bytes)?;
        if !lines {
            out.line("")?;
        }
    }
    Ok(done)
}

fn about(plan: &ExportPlan, exported: &Exported) -> Value {
    json!({
        "format": plan.format,
        "accounts": exported.accounts,
        "left_out": import::skipped(&exported.left_out),
    })
}

/// The warning, and by name what does not go along; before anything is written.
fn tell_plan(out: &mut Out, plan: &ExportPlan, to: Option<&Path>) {
    for row in &plan.left_out {
        // Programs learn it too: what is not exported must not be lost sight of.
        out.say(format!(
            "Left out: {}: {}",
            show::safe(&row.label),
            show::safe(&row.report.message)
        ));
    }
    for (count, what) in [
        (plan.without_note, "Notes"),
        (plan.without_groups, "Groups"),
        (plan.without_pin, "Pins"),
    ] {
        if count > 0 {
            out.tell(format!(
                "{what} do not go along in this format: {}.",
                accounts(count)
            ));
        }
    }
    if plan.in_trash > 0 {
        out.tell(format!(
            "The trash stays here: {}.",
            accounts(plan.in_trash)
        ));
    }
    let where_to = match to {
        Some(_) => &plan.warning,
        None if plan.format == ExportFormat::Google => &plan.warning,
        None => "Whoever sees this output has all your codes.",
    };
    out.tell(format!("warning: {where_to}"));
}

/// One QR code after the other; Enter asks for the next.
fn draw_all(ask: &mut Ask, out: &mut Out, codes: &[SecretQr]) -> Result<(), Stop> {
    for code in codes {
        if code.of > 1 {
            out.line(format!(
                "{} of {} ({})",
                code.part,
                code.of,
                accounts(code.accounts)
            ))?;
        }
        draw(out, code)?;
        out.flush()?;
        if code.part < code.of && ask.somebody_is_there() {
            ask.line("Scanned? Enter shows the next one. ")?;
        }
    }
    Ok(())
}

/// Two modules to a character, dark on light whatever the terminal's colours are.
fn draw(out: &mut Out, code: &SecretQr) -> io::Result<()> {
    const QUIET: isize = 4;
    let modules = code.modules();
    let side = isize::try_from(modules.side()).unwrap_or(0);
    let dark = |x: isize, y: isize| match (usize::try_from(x), usize::try_from(y)) {
        (Ok(x), Ok(y)) => modules.dark(x, y),
        _ => false,
    };
    let (on, off) = match out.is_terminal() {
        true => ("\u{1b}[30;107m", "\u{1b}[0m"),
        false => ("", ""),
    };
    for y in (-QUIET..side + QUIET).step_by(2) {
        let row: Zeroizing<String> = Zeroizing::new(
            (-QUIET..side + QUIET)
                .map(|x| match (dark(x, y), dark(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect(),
        );
        out.line(format!("{on}{}{off}", row.as_str()))?;
    }
    Ok(())
}

fn format_to(format: ExportAs) -> ExportFormat {
    match format {
        ExportAs::Uris => ExportFormat::Uris,
        ExportAs::Aegis => ExportFormat::Aegis,
        ExportAs::AegisEncrypted => ExportFormat::AegisEncrypted,
        ExportAs::Google => ExportFormat::Google,
    }
}
