//! Lists of set-up links, as nearly every app writes them: one a line, with comments, blank lines and any line end; and
//! the batches of Google Authenticator, given as text.

use std::collections::BTreeSet;

use couchkey_otp::{MigrationError, OtpauthError, migration};

use super::file::File;
use super::gather::Gather;
use super::loose::{is_link, link};
use super::{Format, Import, ImportError, Imported, SkipReason, Watch};

const FORMAT: Format = Format::UriList;
const BATCH: &str = "otpauth-migration:";

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let lines: Vec<(usize, &str)> = lines(file.text?).collect();
    let links = || lines.iter().filter_map(|(_, line)| link_in(line));
    let batches = links().filter(|link| is_batch(link)).count();
    match links().count() {
        0 => None,
        count if count == batches => Some(open(Format::GoogleMigration, &lines, watch)),
        _ => Some(open(FORMAT, &lines, watch)),
    }
}

/// The list in another app's archive; `None` where there is no link in it.
pub(super) fn of(
    format: Format,
    text: &str,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let lines: Vec<(usize, &str)> = lines(text).collect();
    let links = lines.iter().any(|(_, line)| link_in(line).is_some());
    links.then(|| open(format, &lines, watch))
}

fn open(format: Format, lines: &[(usize, &str)], watch: Watch<'_>) -> Result<Import, ImportError> {
    let mut gather = Gather::new(format, lines.len(), watch)?;
    let mut parts = BTreeSet::new();
    for (number, line) in lines {
        let unread = || format!("line {number}");
        match link_in(line) {
            Some(batch) if is_batch(batch) => match migration::read(batch) {
                Ok(batch) => {
                    let key = (batch.batch_id, batch.of);
                    // The same part twice is one part: a list may have been put together from several tries.
                    if !parts.insert((key, batch.part)) {
                        continue;
                    }
                    for entry in batch.entries {
                        let (entry, label) = match entry {
                            Ok(parsed) => (Ok(Imported::plain(parsed)), String::new()),
                            Err(skipped) => (Err(reason(skipped.reason)), skipped.label),
                        };
                        gather.take(entry, || label)?;
                    }
                }
                Err(MigrationError::NewerVersion { .. }) => {
                    return Err(ImportError::NewerVersion { format });
                }
                Err(_) => gather.take(Err(SkipReason::Damaged), unread)?,
            },
            Some(uri) => gather.take(link(uri).map(Imported::plain), unread)?,
            // Not quoted: it may be a secret that lost its link.
            None => gather.take(Err(SkipReason::Damaged), unread)?,
        }
    }
    let exports: BTreeSet<_> = parts.iter().map(|(export, _)| *export).collect();
    for export in exports {
        let (_, of) = export;
        for part in (1..=of).filter(|&part| !parts.contains(&(export, part))) {
            gather.take(Err(SkipReason::MissingPart), || format!("{part} / {of}"))?;
        }
    }
    Ok(gather.done())
}

/// The lines that say something, numbered from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate();
    let numbered = numbered.map(|(at, line)| (at + 1, line.trim()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// The link in a line: all of it, or what follows a remark in front.
fn link_in(line: &str) -> Option<&str> {
    if is_link(line) || is_batch(line) {
        return Some(line);
    }
    let at = line.find("otpauth://").or_else(|| line.find(BATCH))?;
    let link = &line[at..];
    // A label may have blanks in it, but no quotation mark ends up there raw.
    Some(link.split('"').next().unwrap_or(link))
}

fn is_batch(link: &str) -> bool {
    link.get(..BATCH.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(BATCH))
}

fn reason(reason: migration::SkippedReason) -> SkipReason {
    use migration::SkippedReason as From;
    SkipReason::Refused(match reason {
        From::EmptySecret => OtpauthError::EmptySecret,
        From::TooLongSecret { bytes } => OtpauthError::TooLongSecret { bytes },
        From::UnsupportedDigits => OtpauthError::BadDigits,
        From::UnsupportedType => OtpauthError::BadType,
        From::BadCounter => OtpauthError::BadCounter,
        From::BadLabel => OtpauthError::BadLabel,
        _ => OtpauthError::UnsupportedAlgorithm,
    })
}
