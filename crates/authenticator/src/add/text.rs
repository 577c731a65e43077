//! Reads a text that came from a QR code, a clipboard or a file: a setup link, a migration batch, or nothing that enrols.

use couchkey_formats::import;
use couchkey_otp::{OtpauthError, migration};
use couchkey_vault::NewAccount;
use zeroize::Zeroizing;

use crate::{Error, ErrorCode, view::SkippedRow, web_address::WebAddress};

/// Which part of an export in several QR codes a text is.
pub(super) struct Part {
    pub(super) id: i32,
    pub(super) part: u32,
    pub(super) of: u32,
}

/// What one text says.
pub(super) enum Read {
    Enrolments {
        rows: Vec<NewAccount>,
        skipped: Vec<SkippedRow>,
        part: Option<Part>,
    },
    Refused(Error),
    Other(ErrorCode),
}

/// The links of a text that has several, as a QR code of a list may; any other text as it stands.
pub(super) fn one_by_one(text: &str) -> Vec<Zeroizing<String>> {
    let mut links = import::links(text);
    links.retain(|found| found.is_link);
    match links.len() {
        0 | 1 => vec![Zeroizing::new(text.to_owned())],
        _ => links.into_iter().map(|found| found.text).collect(),
    }
}

/// What one text is.
pub(super) fn read_one(text: &str) -> Read {
    match import::read_link(text) {
        Ok(imported) => Read::Enrolments {
            rows: vec![imported],
            skipped: Vec::new(),
            part: None,
        },
        Err(OtpauthError::MigrationUri | OtpauthError::TooLong { .. }) if is_migration(text) => {
            match migration::read(text) {
                Ok(batch) => {
                    let mut rows = Vec::new();
                    let mut skipped = Vec::new();
                    for entry in batch.entries {
                        match entry {
                            Ok(parsed) => rows.push(NewAccount::plain(parsed)),
                            Err(row) => skipped.push(SkippedRow {
                                report: Error::from(row.reason).report(),
                                label: row.label,
                            }),
                        }
                    }
                    let part = (batch.of > 1).then_some(Part {
                        id: batch.batch_id,
                        part: batch.part,
                        of: batch.of,
                    });
                    Read::Enrolments {
                        rows,
                        skipped,
                        part,
                    }
                }
                Err(error) => Read::Refused(error.into()),
            }
        }
        Err(OtpauthError::NotOtpauth) => what_else(text),
        Err(error) => Read::Refused(error.into()),
    }
}

/// Whether a text is one part of an export that came in several QR codes, and nothing else.
pub(super) fn is_part(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(is_migration) && lines.next().is_none()
}

/// A batch may be longer than any single account's URI.
pub(crate) fn is_migration(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(MIGRATION.len()).collect();
    start.eq_ignore_ascii_case(MIGRATION)
}

const MIGRATION: &str = "otpauth-migration:";

/// A QR code that enrols nothing is most often a web page, on a television the one to sign in at: named, not opened.
fn what_else(text: &str) -> Read {
    match WebAddress::read(text) {
        Some(address) => Read::Refused(Error::WebPage(Box::new(address))),
        None => Read::Other(ErrorCode::QrIsOther),
    }
}
