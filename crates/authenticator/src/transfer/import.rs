//! Import: a file, a picture or a text of another app, a preview of it, and one change that adds.

use std::{collections::HashMap, collections::HashSet, ops::ControlFlow};

use couchkey_otp::UnixTime;
use couchkey_vault::import::{self, Import, ImportError, Step};
use zeroize::Zeroizing;

use super::{Watch, count, progress};
use crate::{
    Authenticator, Error, ErrorCode,
    enrol::{duplicate, is_migration, renamed},
    qr::{self, PictureError},
    view::{AddAll, Added, EnrolmentView, ImportedView, Preview, SkippedRow, Stage},
};

impl Authenticator {
    /// What a file would add: another app's export, a picture of its QR codes, or a list of links.
    ///
    /// A file that is encrypted stays here until [`import_password`](Self::import_password) opens it, so that the
    /// window sends it once. The parts of an export in several QR codes come in any order; see [`Preview::batch`].
    ///
    /// # Errors
    /// Five that must not be confused: [`ErrorCode::ImportNeedsPassword`], [`ErrorCode::ImportWrongPassword`],
    /// [`ErrorCode::ImportDamaged`], [`ErrorCode::ImportNewerVersion`], [`ErrorCode::ImportUnknown`]; the caps; a
    /// picture without a QR code that enrols; [`ErrorCode::Cancelled`]. Nothing was saved.
    pub fn import_file(
        &self,
        bytes: Zeroizing<Vec<u8>>,
        watch: Watch<'_>,
    ) -> Result<Preview, Error> {
        self.set_cancelled(false);
        self.preview_file(bytes, watch)
            .map_err(|(error, no_picture)| match (&error, no_picture) {
                // It starts like a picture: what is wrong with that is the better answer.
                (
                    Error::Import(ImportError::UnknownFormat),
                    Some(damaged @ PictureError::Damaged),
                ) => damaged.into(),
                _ => error,
            })
    }

    /// Opens the file that waits for its password.
    ///
    /// # Errors
    /// As [`import_file`](Self::import_file). After [`ErrorCode::ImportWrongPassword`] the file still waits;
    /// [`ErrorCode::PreviewGone`] when none does.
    pub fn import_password(&self, password: &str, watch: Watch<'_>) -> Result<Preview, Error> {
        self.set_cancelled(false);
        let bytes = self.pending().file.take().ok_or(ErrorCode::PreviewGone)?;
        self.read_import(bytes, Some(password), watch)
    }

    /// Adds the preview's rows without having them sent back: all that are new, or also those that are there already.
    /// All of them are kept, with note, groups, pin and order, or none.
    ///
    /// # Errors
    /// [`ErrorCode::TooManyAccounts`] before anything is written; [`ErrorCode::Cancelled`]; whatever kept the vault
    /// from being saved. The preview stays then.
    pub fn add_all(&self, what: &AddAll, watch: Watch<'_>) -> Result<Added, Error> {
        self.set_cancelled(false);
        let (wanted, left_out) = {
            let pending = self.pending();
            if pending.rows.is_empty() {
                return Err(ErrorCode::PreviewGone.into());
            }
            let mut out: HashSet<u32> = what.except.iter().copied().collect();
            if !what.duplicates {
                out.extend(pending.repeats().into_keys());
                self.read(|vault| {
                    let known = vault.same_codes();
                    let there = pending
                        .rows
                        .iter()
                        .filter(|(_, row)| known.find((&row.parsed.enrolment).into()).is_some());
                    out.extend(there.map(|(token, _)| *token));
                })?;
            }
            let renames: HashMap<u32, _> = what.renamed.iter().map(|r| (r.token, r)).collect();
            let wanted: Vec<_> = pending
                .rows
                .iter()
                .filter(|(token, _)| !out.contains(token))
                .map(|(token, row)| match renames.get(token) {
                    Some(names) => renamed(duplicate(row), names),
                    None => duplicate(row),
                })
                .collect();
            let left_out = pending.rows.len() - wanted.len();
            (wanted, left_out)
        };
        let trashed = wanted.iter().filter(|row| row.trashed).count();
        let added = wanted.len() - trashed;
        if !wanted.is_empty() {
            let mut step = |done, of| {
                watch(progress(Stage::Saving, done, of));
                self.go_on()
            };
            self.change_watched(
                |vault, now, rng| Ok(vault.add_imported(wanted, now, rng)?),
                Some(&mut step),
            )?;
        }
        self.discard_preview();
        Ok(Added {
            added: count(added),
            trashed: count(trashed),
            left_out: count(left_out),
        })
    }

    /// The rows of the preview with their codes at `at`, or else now; for the command line.
    #[must_use]
    pub fn imported(&self, at: Option<UnixTime>) -> Vec<ImportedView> {
        let at = at.unwrap_or_else(|| self.now());
        let Some(preview) = self.pending_preview() else {
            return Vec::new();
        };
        let pending = self.pending();
        preview
            .rows
            .into_iter()
            .filter_map(|row| {
                let parsed = &pending.rows.get(&row.token)?.parsed;
                let mut enrolment =
                    EnrolmentView::of_enrolment(&parsed.enrolment, &parsed.warnings, at);
                enrolment.warnings = row.warnings;
                Some(ImportedView {
                    enrolment,
                    note: row.note,
                    groups: row.groups,
                    pinned: row.pinned,
                    trashed: row.trashed,
                    duplicate: row.duplicate_of.is_some() || row.repeat_of.is_some(),
                })
            })
            .collect()
    }

    /// Whatever it is: a picture, a list of links, an export. Where it is no picture, the error says why not.
    pub(crate) fn preview_file(
        &self,
        bytes: Zeroizing<Vec<u8>>,
        watch: Watch<'_>,
    ) -> Result<Preview, (Error, Option<PictureError>)> {
        let no_picture = match qr::read_picture(&bytes) {
            Ok(picture) => return self.preview_grey(picture).map_err(|error| (error, None)),
            Err(error) => error,
        };
        let preview = match std::str::from_utf8(&bytes) {
            // Parts of an export in several QR codes are put together there, however they come.
            Ok(text) if is_part(text) => self.preview_text(text),
            _ => self.read_import(bytes, None, watch),
        };
        preview.map_err(|error| (error, Some(no_picture)))
    }

    fn read_import(
        &self,
        bytes: Zeroizing<Vec<u8>>,
        password: Option<&str>,
        watch: Watch<'_>,
    ) -> Result<Preview, Error> {
        let mut step = |step| {
            watch(match step {
                Step::Reading { done, of } => progress(Stage::Reading, done, of),
                _ => progress(Stage::Deriving, 0, 0),
            });
            match self.cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let read = import::read(&bytes, password, &qr::texts, &mut step);
        if self.cancelled() {
            // Even where the reader had ended by then: whoever cancels, or locks the vault, wants to see nothing.
            self.discard_preview();
            return Err(ErrorCode::Cancelled.into());
        }
        let Import {
            format,
            accounts,
            skipped,
            ..
        } = match read {
            Ok(import) => import,
            Err(error) => {
                let mut pending = self.pending();
                pending.begin();
                if let ImportError::NeedsPassword { .. } | ImportError::WrongPassword { .. } = error
                {
                    pending.file = Some(bytes);
                }
                return Err(error.into());
            }
        };
        let skipped = skipped
            .into_iter()
            .map(|row| SkippedRow {
                label: row.label,
                report: Error::from(row.reason).report(),
            })
            .collect();
        Ok(self.show_import(format, accounts, skipped))
    }
}

/// Whether a text is one part of an export that came in several QR codes, and nothing else.
fn is_part(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(is_migration) && lines.next().is_none()
}
