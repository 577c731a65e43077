//! Lists of set-up links, as nearly every app writes them: one a line, with comments, blank lines and any line end, or
//! in any other text; and the batches of Google Authenticator, given as text.

use std::collections::BTreeSet;

use couchkey_otp::{MigrationError, OtpauthError, migration, otpauth};

use super::file::File;
use super::gather::Gather;
use super::links::{Found, links};
use super::loose::link;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch, ente};

const FORMAT: Format = Format::UriList;
const BATCH: &str = "otpauth-migration:";

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let found = links(file.text?);
    let links = || found.iter().filter(|found| found.is_link);
    let batches = links().filter(|link| is_batch(&link.text)).count();
    match links().count() {
        0 => None,
        count if count == batches => Some(open(Format::GoogleMigration, &found, watch)),
        _ => Some(open(FORMAT, &found, watch)),
    }
}

/// The list in another app's archive; `None` where there is no link in it.
pub(super) fn of(
    format: Format,
    text: &str,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let found = links(text);
    let any = found.iter().any(|found| found.is_link);
    any.then(|| open(format, &found, watch))
}

fn open(format: Format, found: &[Found], watch: Watch<'_>) -> Result<Import, ImportError> {
    let links = found.iter().filter(|found| found.is_link).count();
    let mut gather = Gather::new(format, links, watch)?;
    let mut parts = BTreeSet::new();
    let mut rest = found;
    while let Some((first, after)) = rest.split_first() {
        let text = first.text.as_str();
        rest = after;
        if first.is_link && is_batch(text) {
            match migration::read(text) {
                Ok(batch) => {
                    let key = (batch.batch_id, batch.of);
                    // The same part twice is one part: a list may have been put together from several tries.
                    if !parts.insert((key, batch.part)) {
                        continue;
                    }
                    for entry in batch.entries {
                        let (entry, label) = match entry {
                            Ok(parsed) => (Ok(NewAccount::plain(parsed)), String::new()),
                            Err(skipped) => (Err(reason(skipped.reason)), skipped.label),
                        };
                        gather.take(entry, || label)?;
                    }
                }
                Err(MigrationError::NewerVersion { .. }) => {
                    return Err(ImportError::NewerVersion { format });
                }
                Err(_) => gather.take(Err(SkipReason::Damaged), || lines(first, first))?,
            }
        } else if first.is_link {
            gather.take(ente::entry(text, link), || lines(first, first))?;
        } else if let Err(refused @ OtpauthError::OtherApp { .. }) = otpauth::read(text) {
            gather.take(Err(refused.into()), || lines(first, first))?;
        } else {
            // Not quoted: it may be a secret that lost its link. Prose around the links is one row.
            let is_plain = |found: &&Found| {
                !found.is_link
                    && !matches!(
                        otpauth::read(&found.text),
                        Err(OtpauthError::OtherApp { .. })
                    )
            };
            let more = rest.iter().take_while(is_plain).count();
            let last = rest[..more].last().unwrap_or(first);
            rest = &rest[more..];
            gather.take(Err(OtpauthError::NotOtpauth.into()), || lines(first, last))?;
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

/// Where it stands.
fn lines(first: &Found, last: &Found) -> String {
    match (first.line, last.line) {
        (first, last) if first == last => format!("line {first}"),
        (first, last) => format!("lines {first} to {last}"),
    }
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
