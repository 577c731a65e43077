//! Previews what a source would add: reads it, keeps it beside what waits, and shows it without its secrets.

use std::ops::ControlFlow;

use couchkey_formats::import::{self, Format, Import, ImportError, Step};
use couchkey_otp::{OtpauthError, UnixTime, otpauth};
use couchkey_qr::{self as qr, Effort, Found, PartsDiffer, PictureError};
use couchkey_vault::NewAccount;
use zeroize::Zeroizing;

use super::{
    form::read_form,
    pending::{Locked, MAX_ROWS, Parts, Pending},
    source::Source,
    text::{Part, Read, is_part, one_by_one, read_one},
};
use crate::{
    Authenticator, Error, ErrorCode,
    progress::{Watch, progress},
    view::{
        BatchKind, BatchView, EnrolmentView, FormatView, ImportedView, KindWord, Preview,
        PreviewRow, SkippedRow, Stage, characters, period_of, words,
    },
};

/// Text longer than this is not looked at: 10,000 URIs of 4,096 bytes never come through a clipboard.
const MAX_TEXT: usize = 8 << 20;

/// The most bytes of a file that are read: 64 MiB.
pub const MAX_FILE: usize = import::caps::FILE_BYTES;

impl Authenticator {
    /// What this would add: names, warnings and tokens. The secrets stay here, until it is added or discarded.
    ///
    /// A file that is encrypted waits here for [`Source::Password`], so that a window sends it once. What comes in several
    /// QR codes comes in any order; [`Preview::batch`] says how far it is.
    ///
    /// # Errors
    /// Nothing in it enrols, and why; nothing was saved. [`ErrorCode::NoQrCode`] for a picture, a frame or a screen
    /// without one.
    ///
    /// Of a file, five that must not be confused: [`ErrorCode::ImportNeedsPassword`],
    /// [`ErrorCode::ImportWrongPassword`], [`ErrorCode::ImportDamaged`], [`ErrorCode::ImportNewerVersion`],
    /// [`ErrorCode::ImportUnknown`]; where a key file may be needed too, [`ErrorCode::ImportNeedsKey`] and
    /// [`ErrorCode::ImportWrongKey`], after which the file still waits; the caps; [`ErrorCode::Cancelled`].
    /// [`ErrorCode::PreviewGone`] for a password that no file waits for.
    pub fn preview(&self, source: Source<'_>, watch: Watch<'_>) -> Result<Preview, Error> {
        match source {
            Source::File(bytes) => {
                self.set_cancelled(false);
                self.preview_file(bytes, watch)
            }
            Source::Password(password) => {
                self.set_cancelled(false);
                let locked = self.pending().locked.take().ok_or(ErrorCode::PreviewGone)?;
                self.read_import(locked, Some(password), watch)
            }
            Source::Frame(frame) => self.preview_found(qr::decode(frame, Effort::Frame)),
            Source::Screen => {
                let screens = self.parts.screen.capture()?;
                let found = screens
                    .iter()
                    .map(|screen| qr::decode(screen, Effort::Still));
                self.preview_found(found.flatten().collect())
            }
            Source::Text(text) => self.preview_text(text),
            Source::Form(form) if otpauth::read(&form.secret).is_ok() => {
                self.preview_text(&form.secret)
            }
            Source::Form(form) => {
                let account = NewAccount::plain(read_form(form)?);
                Ok(self.show(vec![account], Vec::new(), None))
            }
        }
    }

    /// What QR codes would add. Those that hold a part of a text wait here until the others have come; the preview's
    /// [`batch`](Preview::batch) says how far that is.
    fn preview_found(&self, found: Vec<Found>) -> Result<Preview, Error> {
        if found.is_empty() {
            return Err(ErrorCode::NoQrCode.into());
        }
        let holds_part = found.iter().any(|found| found.text().is_none());
        if !holds_part {
            return self.preview_all(qr::Parts::default().take_in(found));
        }
        let mut parts = std::mem::take(&mut self.pending().parts);
        let is_first = parts.waiting().is_none();
        let texts = parts.take_in(found);
        let waits = parts.waiting().is_some();
        let preview = match texts.is_empty() {
            false => Some(self.preview_all(texts)),
            true => None,
        };
        let mut pending = self.pending();
        if preview.is_none() && is_first && pending.batch.is_none() {
            // What was previewed before gives way to the first part of something else.
            pending.begin();
        }
        pending.parts = parts;
        match preview {
            Some(preview) if !waits => preview,
            // Beside a part that waits, a web link is not worth a word.
            _ => Ok(self.preview_of(&pending)),
        }
    }

    /// What the links in a text would add, whatever stands between them.
    fn preview_text(&self, text: &str) -> Result<Preview, Error> {
        if text.len() > MAX_TEXT {
            return Err(OtpauthError::TooLong { bytes: text.len() }.into());
        }
        match import::links(text).as_slice() {
            [] => Err(ErrorCode::ClipboardEmpty.into()),
            found if found.len() > MAX_ROWS => Err(ErrorCode::ImportTooLarge.into()),
            found => {
                let texts = found.iter().map(|found| found.text.clone());
                self.preview_all(texts.map(Ok))
            }
        }
    }

    /// The preview that waits for an answer, for example after a link was opened.
    #[must_use]
    pub fn pending_preview(&self) -> Option<Preview> {
        let pending = self.pending();
        (!pending.rows.is_empty()).then(|| self.preview_of(&pending))
    }

    /// Forgets the preview and its secrets.
    pub fn discard_preview(&self) {
        self.pending().begin();
    }

    /// Forgets a preview that was saved. One that came meanwhile stays.
    pub(super) fn saved_preview(&self, id: u32) {
        let mut pending = self.pending();
        if pending.id() == id {
            pending.begin();
        }
    }

    /// Reads every text, keeps what enrols, and says what does not.
    fn preview_all(
        &self,
        texts: impl IntoIterator<Item = Result<Zeroizing<String>, PartsDiffer>>,
    ) -> Result<Preview, Error> {
        let mut rows = Vec::new();
        let mut skipped = Vec::new();
        let mut batch = None;
        let mut first_refusal = None;
        let one_by_one = |text: Result<Zeroizing<String>, PartsDiffer>| match text {
            Ok(text) => one_by_one(&text).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        for text in texts.into_iter().flat_map(one_by_one) {
            let read = match text {
                Ok(text) => read_one(&text),
                Err(error) => Read::Refused(error.into()),
            };
            match read {
                Read::Enrolments {
                    rows: more,
                    skipped: less,
                    part,
                } => {
                    rows.extend(more);
                    match part {
                        None => skipped.extend(less),
                        Some(part) => {
                            batch = Some(self.keep_part(part, std::mem::take(&mut rows), less));
                        }
                    }
                }
                Read::Refused(error) => {
                    let report = error.report();
                    skipped.push(SkippedRow {
                        label: String::new(),
                        report,
                    });
                    first_refusal.get_or_insert(error);
                }
                Read::Other(code) => {
                    skipped.push(SkippedRow {
                        label: String::new(),
                        report: code.into(),
                    });
                    first_refusal.get_or_insert(code.into());
                }
            }
        }
        if rows.is_empty() && batch.is_none() {
            let refusal = first_refusal
                .or_else(|| skipped.first().map(|row| row.report.code.into()))
                .unwrap_or_else(|| ErrorCode::NoQrCode.into());
            return Err(refusal);
        }
        Ok(self.show(rows, skipped, batch))
    }

    /// Keeps one part of a batch beside the parts that came before it.
    fn keep_part(&self, part: Part, entries: Vec<NewAccount>, less: Vec<SkippedRow>) -> BatchView {
        let mut pending = self.pending();
        let same = pending
            .batch
            .as_ref()
            .is_some_and(|batch| batch.id == part.id && batch.of == part.of);
        if !same {
            pending.begin();
            pending.format = Some(view_of(Format::GoogleMigration));
            pending.batch = Some(Parts {
                id: part.id,
                of: part.of,
                have: Vec::new(),
            });
        }
        let batch = pending
            .batch
            .as_mut()
            .expect("the batch was put there above");
        let new = !batch.have.contains(&part.part);
        if new {
            batch.have.push(part.part);
            batch.have.sort_unstable();
        }
        let view = BatchView {
            kind: BatchKind::Export,
            part: part.part,
            of: batch.of,
            have: batch.have.clone(),
        };
        if new {
            for entry in entries {
                pending.keep(entry);
            }
            pending.skipped.extend(less);
        }
        view
    }

    fn show(
        &self,
        rows: Vec<NewAccount>,
        skipped: Vec<SkippedRow>,
        batch: Option<BatchView>,
    ) -> Preview {
        let mut pending = self.pending();
        if batch.is_none() {
            pending.begin();
        }
        for row in rows {
            pending.keep(row);
        }
        for row in skipped {
            // A camera sees the web link beside an export in every frame.
            if batch.is_none() || !pending.skipped.contains(&row) {
                pending.skipped.push(row);
            }
        }
        let mut preview = self.preview_of(&pending);
        if batch.is_some() {
            preview.batch = batch;
        }
        preview
    }

    /// Shows what a file of another app holds, in place of what was there.
    fn show_import(
        &self,
        format: Format,
        accounts: Vec<NewAccount>,
        skipped: Vec<SkippedRow>,
    ) -> Preview {
        let mut pending = self.pending();
        pending.begin();
        pending.format = Some(view_of(format));
        pending.skipped = skipped;
        for account in accounts {
            pending.keep(account);
        }
        self.preview_of(&pending)
    }

    fn preview_of(&self, pending: &Pending) -> Preview {
        let repeats = pending.repeats();
        // Nothing is known about what is there while the vault is locked.
        let (same, room) = self
            .read(|vault| {
                let known = vault.same_codes();
                let same: Vec<Option<String>> = pending
                    .rows
                    .values()
                    .map(|row| known.find((&row.parsed.enrolment).into()))
                    .map(|id| id.map(|id| id.to_string()))
                    .collect();
                (same, vault.room())
            })
            .unwrap_or((Vec::new(), MAX_ROWS));
        let mut same = same.into_iter();
        let rows = pending
            .rows
            .iter()
            .map(|(token, row)| {
                let enrolment = &row.parsed.enrolment;
                let mut warnings = words(&row.parsed.warnings);
                warnings.extend(row.cuts().iter().map(|cut| cut.as_str().to_owned()));
                let kept = row.kept();
                PreviewRow {
                    token: *token,
                    kind: KindWord::of(&enrolment.kind),
                    issuer: enrolment.issuer.clone(),
                    account: enrolment.account.clone(),
                    label_issuer: enrolment.label_issuer.clone(),
                    algorithm: enrolment.algorithm.to_string(),
                    digits: characters(&enrolment.kind, enrolment.digits.get()),
                    period: period_of(&enrolment.kind),
                    secret_bits: enrolment.secret.bits(),
                    warnings,
                    duplicate_of: same.next().flatten(),
                    repeat_of: repeats.get(token).copied(),
                    note: kept.note,
                    groups: kept.groups,
                    pinned: row.pinned,
                    trashed: row.trashed,
                }
            })
            .collect();
        Preview {
            id: pending.id(),
            rows,
            skipped: pending.skipped.clone(),
            batch: pending.progress(),
            format: pending.format.clone(),
            room: u32::try_from(room).unwrap_or(u32::MAX),
            clock_wrong: self.clock_wrong(),
        }
    }

    /// Takes in the key file of the database that waits; `None` takes it away again.
    ///
    /// # Errors
    /// [`ErrorCode::ImportTooLarge`]; [`ErrorCode::PreviewGone`] when nothing waits.
    pub fn import_key_file(&self, key_file: Option<Zeroizing<Vec<u8>>>) -> Result<(), Error> {
        if let Some(bytes) = key_file.as_ref().map(|bytes| bytes.len())
            && bytes > import::caps::FILE_BYTES
        {
            return Err(ImportError::TooLarge { bytes }.into());
        }
        let mut pending = self.pending();
        let locked = pending.locked.as_mut().ok_or(ErrorCode::PreviewGone)?;
        locked.key_file = key_file;
        Ok(())
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

    /// Whatever it is: a picture, a list of links, an export.
    fn preview_file(&self, bytes: Zeroizing<Vec<u8>>, watch: Watch<'_>) -> Result<Preview, Error> {
        let no_picture = match qr::read_picture(&bytes) {
            Ok(picture) => {
                let found = qr::decode(&picture, Effort::Still);
                drop(picture);
                return self.preview_found(found);
            }
            Err(error) => error,
        };
        let preview = match import::decode(&bytes) {
            // Parts of an export in several QR codes are put together there, however they come.
            Some(text) if is_part(text.as_str()) => self.preview_text(text.as_str()),
            _ => self.read_import(Locked::from(bytes), None, watch),
        };
        preview.map_err(|error| match (&error, no_picture) {
            // It is a picture by its first bytes: what is wrong with that is the better answer.
            (
                Error::Import(ImportError::UnknownFormat),
                PictureError::Damaged | PictureError::TooLarge | PictureError::Unread(_),
            ) => no_picture.into(),
            _ => error,
        })
    }

    fn read_import(
        &self,
        file: Locked,
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
        let key_file = file.key_file.as_ref().map(|bytes| bytes.as_slice());
        let read = import::read_with_key_file(&file.bytes, password, key_file, &mut step);
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
            // Something that is refused takes the place of nothing: half an export that waits for its other parts stays.
            Err(error) => {
                if let ImportError::NeedsPassword { .. }
                | ImportError::WrongPassword { .. }
                | ImportError::NeedsKey { .. }
                | ImportError::WrongKey { .. } = error
                {
                    let mut pending = self.pending();
                    pending.begin();
                    pending.locked = Some(file);
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

fn view_of(format: Format) -> FormatView {
    FormatView {
        word: format.word().to_owned(),
        name: format.name().to_owned(),
    }
}
