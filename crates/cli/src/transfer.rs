//! `couchkey import` and `couchkey export`: from other apps, and to them.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::Path,
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, MAX_FILE, Permission, SecretQr, Source,
    view::{
        BatchKind, ExportForm, ExportFormat, ExportPlan, Exported, ImportedView, LockKind, Preview,
        Progress, Selection, SkippedRow, Stage,
    },
};
use couchkey_otp::UnixTime;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    accounts,
    add::complete,
    args::{Export, ExportAs, Import},
    ask::Ask,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    source::{self, is_stdin},
    vault,
};

/// How often a person may mistype the file's password before the command ends.
const TRIES: u32 = 3;

/// At most this many rows are told one by one; a program gets all of them.
const SHOWN: usize = 100;

/// `couchkey import`
pub fn import(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Import,
) -> Result<u8, Stop> {
    source::no_secret_among(&args.files)?;
    vault::must_exist(authenticator)?;
    if args.password_stdin && source::takes_stdin(&args.files) {
        return Err(Stop::Usage(Refusal::new(
            "usage",
            "Standard input cannot bring both the file and its password.",
            "Give the file by its name: couchkey import FILE --password-stdin",
        )));
    }
    // The file comes first: nobody types a passphrase to learn that it is the wrong one.
    let read = read_all(authenticator, ask, out, args)?;
    vault::open(authenticator, ask, out)?;
    // Now it is known what is there already.
    let preview = authenticator.pending_preview().unwrap_or(read);
    let format = format_of(&preview);
    let imported = authenticator.imported(at);
    if args.dry_run {
        authenticator.discard_preview();
        return tell_dry_run(out, &preview, &imported, &format);
    }
    if preview.clock_wrong {
        out.say("warning: This computer's clock is wrong, so services will refuse the codes. Set date and time.");
    }
    if let Some(batch) = &preview.batch
        && (batch.kind == BatchKind::Text || !args.partial)
    {
        complete(batch, "import")?;
    }
    let new: Vec<&ImportedView> = imported
        .iter()
        .filter(|row| args.allow_duplicate || !row.duplicate)
        .collect();
    tell_rows(out, &new);
    tell_left_out(out, imported.len() - new.len(), &preview.skipped);
    if new.len() > preview.room as usize {
        return Err(ErrorCode::TooManyAccounts.into());
    }
    if !new.is_empty() && !args.yes && ask.somebody_is_there() {
        let question = match new.len() {
            1 => "Add it?".to_owned(),
            n => format!("Add these {n} accounts?"),
        };
        if !ask.yes(&question, true)? {
            authenticator.discard_preview();
            out.say("Nothing was added.");
            return Ok(REFUSED);
        }
    }
    let nothing = imported.is_empty();
    let what = Selection {
        duplicates: args.allow_duplicate,
        ..Selection::of(&preview)
    };
    let added = match nothing {
        true => None,
        false => {
            let mut line = Line::new(out);
            Some(authenticator.add(&what, &mut |progress| line.show(progress))?)
        }
    };
    if out.is_json() {
        out.json(&json!({
            "format": format,
            "added": added.as_ref().map_or(0, |added| added.added),
            "trashed": added.as_ref().map_or(0, |added| added.trashed),
            "left_out": added.as_ref().map_or(0, |added| added.left_out),
            "skipped": skipped_entries(&preview.skipped),
        }))?;
    } else if let Some(added) = added {
        out.line(match added.added {
            0 => "Nothing new to add.".to_owned(),
            n => format!("Added: {}.", accounts_in_words(n)),
        })?;
        if added.trashed > 0 {
            out.line(format!(
                "Put into the trash, where they were: {}.   (couchkey trash)",
                accounts_in_words(added.trashed)
            ))?;
        }
    }
    Ok(outcome(&imported, &preview.skipped))
}

/// 1 where a code of the file is not in the vault now, so that a script keeps the other app until somebody has looked.
fn outcome(imported: &[ImportedView], skipped: &[SkippedRow]) -> u8 {
    match imported.is_empty() || skipped.iter().any(|row| had_code(row.report.code)) {
        true => REFUSED,
        false => DONE,
    }
}

/// Whether an entry that was left out had a code, as far as anybody can know: docs/decisions/0250.
fn had_code(reason: ErrorCode) -> bool {
    !matches!(
        reason,
        ErrorCode::NoOneTimePassword | ErrorCode::InRecycleBin
    )
}

/// The preview of all files together: one file of any kind, or the pictures of one export.
fn read_all(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Import,
) -> Result<Preview, Stop> {
    let one_after_the_other = |path: &Path| {
        Stop::Usage(Refusal::new(
            "usage",
            format!(
                "{} is not one of several QR codes of an export.",
                source::file_name(path)
            ),
            "Import one file after the other. Several at once are for the pictures of one export.",
        ))
    };
    let mut last: Option<Preview> = None;
    // Parts of a link are over when it is whole.
    let mut waits = false;
    for path in &args.files {
        if last.as_ref().is_some_and(|last| last.batch.is_none()) {
            authenticator.discard_preview();
            return Err(one_after_the_other(path));
        }
        let bytes = if is_stdin(path) {
            ask.everything(MAX_FILE as u64)?
        } else {
            read_file(path)?
        };
        let preview = {
            let mut line = Line::new(out);
            authenticator.preview(Source::File(bytes), &mut |progress| line.show(progress))
        };
        let preview = match preview {
            Err(error) if error.code() == ErrorCode::ImportNeedsPassword => {
                with_password(authenticator, ask, out, args, error)?
            }
            Err(error) if error.code() == ErrorCode::ImportNeedsKey => {
                if let Some(path) = &args.key_file {
                    let key_file = read_file(path)?;
                    authenticator
                        .import_key_file(Some(key_file))
                        .map_err(|error| in_file(path, error, true))?;
                }
                with_password(authenticator, ask, out, args, error)?
            }
            preview => preview.map_err(|error| in_file(path, error, args.files.len() > 1))?,
        };
        if args.files.len() > 1 && preview.batch.is_none() && !waits {
            authenticator.discard_preview();
            return Err(one_after_the_other(path));
        }
        let batch = preview.batch.as_ref();
        waits = batch.is_some_and(|batch| batch.kind == BatchKind::Text);
        last = Some(preview);
    }
    last.ok_or_else(|| ErrorCode::Internal.into())
}

/// Asks for the file's password, and again while a person mistypes it.
fn with_password(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    args: &Import,
    needed: Error,
) -> Result<Preview, Stop> {
    let asks = !args.password_stdin && ask.somebody_is_there();
    let key_file = needed.code() == ErrorCode::ImportNeedsKey && args.key_file.is_some();
    if asks {
        out.say(needed.report().message);
    }
    let prompt = match key_file {
        true => "Its password (nothing, if the key file is all): ",
        false => "Its password: ",
    };
    for tries_left in (0..if asks { TRIES } else { 1 }).rev() {
        let password = if args.password_stdin || asks {
            ask.hidden_line(prompt)?
        } else {
            // Nobody is there to type one; the key file may be all.
            key_file.then(Zeroizing::default)
        };
        let Some(password) = password else {
            return Err(needed.into());
        };
        let mut line = Line::new(out);
        let read = authenticator.preview(Source::Password(&password), &mut |progress| {
            line.show(progress)
        });
        drop(line);
        match read {
            Err(error) if is_wrong(error.code()) && tries_left > 0 => {
                out.say(error.report().message);
            }
            answer => return Ok(answer?),
        }
    }
    Err(needed.into())
}

fn is_wrong(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ImportWrongPassword | ErrorCode::ImportWrongKey
    )
}

fn tell_dry_run(
    out: &mut Out,
    preview: &Preview,
    imported: &[ImportedView],
    format: &str,
) -> Result<u8, Stop> {
    if out.is_json() {
        out.json(&json!({
            "format": format,
            "accounts": imported,
            "skipped": skipped_entries(&preview.skipped),
        }))?;
        return Ok(outcome(imported, &preview.skipped));
    }
    if let Some(format) = &preview.format {
        out.line(format!("This is {}.", show::safe(&format.name)))?;
    }
    let new: Vec<&ImportedView> = imported.iter().filter(|row| !row.duplicate).collect();
    let rows: Vec<Vec<String>> = imported
        .iter()
        .map(|row| {
            let mut words = Vec::new();
            if row.duplicate {
                words.push("in the vault already".to_owned());
            }
            if row.trashed {
                words.push("in its trash".to_owned());
            }
            if row.pinned {
                words.push("pinned".to_owned());
            }
            words.extend(
                row.groups
                    .iter()
                    .map(|group| format!("#{}", show::safe(group))),
            );
            words.push(show::safe(&row.note));
            words.retain(|word| !word.is_empty());
            vec![
                show::name(&row.enrolment),
                show::kind(&row.enrolment),
                words.join(", "),
            ]
        })
        .collect();
    for line in show::columns(&rows) {
        out.line(line)?;
    }
    tell_warnings(out, &new);
    tell_left_out(out, imported.len() - new.len(), &preview.skipped);
    if new.len() > preview.room as usize {
        out.say(format!(
            "The vault has room for {} more, so they would not be added. A vault holds at most 10,000 accounts.",
            preview.room
        ));
    }
    out.line(format!(
        "Would be added: {}.",
        accounts_in_words(u32::try_from(new.len()).unwrap_or(u32::MAX))
    ))?;
    Ok(outcome(imported, &preview.skipped))
}

fn tell_rows(out: &mut Out, new: &[&ImportedView]) {
    if new.len() <= SHOWN {
        for row in new {
            out.tell(show::name(&row.enrolment));
        }
    }
    tell_warnings(out, new);
}

fn tell_warnings(out: &mut Out, new: &[&ImportedView]) {
    let odd = new.iter().filter(|row| !row.enrolment.warnings.is_empty());
    for row in odd.clone().take(SHOWN) {
        for word in &row.enrolment.warnings {
            out.tell(format!(
                "warning: {}: {}",
                show::name(&row.enrolment),
                show::warning(word, row.enrolment.label_issuer.as_deref())
            ));
        }
    }
    let more = odd.count().saturating_sub(SHOWN);
    if more > 0 {
        out.tell(format!("Warnings about {more} more: see --dry-run --json"));
    }
}

fn tell_left_out(out: &mut Out, there: usize, skipped: &[SkippedRow]) {
    if there > 0 {
        out.tell(format!(
            "In the vault already or twice in the file, so left out: {there}   (to add them again: --allow-duplicate)"
        ));
    }
    for row in skipped.iter().take(SHOWN) {
        let label = match row.label.as_str() {
            "" => String::new(),
            label => format!("{}: ", show::safe(label)),
        };
        out.tell(format!(
            "Left out: {label}{}",
            show::safe(&row.report.message)
        ));
    }
    let more = skipped.len().saturating_sub(SHOWN);
    if more > 0 {
        out.tell(format!("Left out: {more} more; see --dry-run --json"));
    }
    let behind = skipped.iter().filter(|row| had_code(row.report.code));
    let behind = behind.count();
    if behind > 0 {
        out.tell(format!(
            "Entries whose codes stay behind: {behind}. Keep the other app until they are here, too."
        ));
    }
}

/// The stable word of what was read; links that stood in pictures have no app to their name.
fn format_of(preview: &Preview) -> String {
    let word = preview.format.as_ref().map(|format| format.word.clone());
    word.unwrap_or_else(|| "qr_codes".to_owned())
}

fn skipped(rows: &[SkippedRow]) -> Vec<Value> {
    rows.iter()
        .map(|row| {
            json!({
                "label": row.label,
                "reason": row.report.code.as_str(),
                "message": row.report.message,
            })
        })
        .collect()
}

/// The same for an import, with what a script has to know: whether a code stays behind.
fn skipped_entries(rows: &[SkippedRow]) -> Vec<Value> {
    let mut entries = skipped(rows);
    for (entry, row) in entries.iter_mut().zip(rows) {
        entry["had_code"] = had_code(row.report.code).into();
    }
    entries
}

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
                accounts_in_words(exported.accounts),
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
        "left_out": skipped(&exported.left_out),
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
                accounts_in_words(count)
            ));
        }
    }
    if plan.in_trash > 0 {
        out.tell(format!(
            "The trash stays here: {}.",
            accounts_in_words(plan.in_trash)
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
                accounts_in_words(code.accounts)
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

fn accounts_in_words(n: u32) -> String {
    match n {
        1 => "1 account".to_owned(),
        n => format!("{n} accounts"),
    }
}

/// A file's bytes, at most one more than the most that is read.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Stop> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let length = usize::try_from(about.len()).unwrap_or(0).min(MAX_FILE);
        let mut bytes = Zeroizing::new(Vec::with_capacity(length + 2));
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| {
        Refusal::new(
            "file_unreadable",
            format!(
                "{} cannot be read: {}.",
                source::file_name(path),
                source::why(error.kind())
            ),
            "Check the name and the folder, and that you may read it.",
        )
        .into()
    })
}

/// With several files, people need to know which one it is.
fn in_file(path: &Path, error: Error, several: bool) -> Stop {
    let mut refusal = Refusal::from(error.report());
    if several {
        refusal.message = format!("{}: {}", source::file_name(path), refusal.message);
    }
    refusal.into()
}

/// One line on the terminal that says how far it is, and is gone afterwards.
struct Line {
    shows: bool,
    last: Option<(Stage, u32)>,
}

impl Line {
    fn new(out: &Out) -> Self {
        Self {
            shows: !out.is_json() && io::stderr().is_terminal(),
            last: None,
        }
    }

    fn show(&mut self, progress: Progress) {
        let percent = (progress.done * 100).checked_div(progress.of).unwrap_or(0);
        let now = (progress.stage, percent);
        if !self.shows || self.last == Some(now) {
            return;
        }
        self.last = Some(now);
        let what = match progress.stage {
            Stage::Deriving => "Trying the password",
            Stage::Reading => "Reading",
            Stage::Saving => "Saving",
            Stage::Writing => "Writing",
            Stage::Checking => "Checking",
        };
        let percent = match progress.of {
            0 => "…".to_owned(),
            _ => format!(" {percent} %"),
        };
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\u{1b}[K{what}{percent}");
        let _ = stderr.flush();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.last.is_some() {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\u{1b}[K");
            let _ = stderr.flush();
        }
    }
}
