//! `couchkey import`: from other apps.

use std::{fs::File, io, io::Read, path::Path};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, MAX_FILE, Source,
    view::{BatchKind, ImportedView, Preview, Selection, SkippedRow},
};
use couchkey_otp::UnixTime;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    add::complete,
    args::Import,
    ask::Ask,
    progress::Line,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    source::{self, is_stdin},
    vault::{self, accounts},
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
            n => format!("Added: {}.", accounts(n)),
        })?;
        if added.trashed > 0 {
            out.line(format!(
                "Put into the trash, where they were: {}.   (couchkey trash)",
                accounts(added.trashed)
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
        accounts(u32::try_from(new.len()).unwrap_or(u32::MAX))
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

pub fn skipped(rows: &[SkippedRow]) -> Vec<Value> {
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
