//! The ways in: a picture, a camera's frame, the screen, a text, a form. First a preview, then one change that adds.

use std::{
    collections::{BTreeMap, HashMap},
    hash::RandomState,
};

use couchkey_otp::{
    Algorithm, Counter, Digits, Enrolment, Kind, OtpauthError, Parsed, Period, Secret, SecretError,
    UnixTime, Warning, migration, otpauth,
};
use couchkey_vault::{
    Makes,
    import::{Format, ImportError, Imported},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    qr::{self, Effort, Grey},
    view::{
        AddRow, BatchView, EnrolmentView, FormatView, KindWord, Preview, PreviewRow, SkippedRow,
        characters, period_of, words,
    },
};

/// At most this many texts, lines or entries of one source become a preview; the same as a vault holds.
const MAX_ROWS: usize = 10_000;

/// Text longer than this is not looked at: 10,000 URIs of 4,096 bytes never come through a clipboard.
const MAX_TEXT: usize = 8 << 20;

/// What a person types in where there is no QR code.
#[derive(Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ManualForm {
    /// The kind of code.
    pub kind: KindWord,
    /// Who issued it; may be empty.
    pub issuer: String,
    /// The account name; may be empty if there is an issuer.
    pub account: String,
    /// Base32 in any grouping, or a whole otpauth URI.
    pub secret: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// 6 to 8.
    pub digits: u8,
    /// 1 to 86,400 seconds.
    pub period: u32,
    /// Decimal digits, for HOTP.
    pub counter: String,
}

impl Drop for ManualForm {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// One QR code of a picture, read without a vault.
pub enum Scanned {
    /// It enrols an account.
    Enrolment(EnrolmentView),
    /// It is meant to, and is not accepted.
    Refused(ErrorReport),
    /// Something else, in its own words.
    Other {
        /// The text of the code.
        text: Zeroizing<String>,
    },
}

/// What an otpauth URI says, with its code at `at`.
///
/// # Errors
/// The class of defect, as otpauth.rs of couchkey-otp orders them.
pub fn inspect(text: &str, at: UnixTime) -> Result<EnrolmentView, Error> {
    let parsed = otpauth::read(text)?;
    Ok(EnrolmentView::of_enrolment(
        &parsed.enrolment,
        &parsed.warnings,
        at,
    ))
}

/// Every QR code of a picture, with what it says. A migration batch gives one entry an account.
///
/// # Errors
/// Only for a picture that cannot be read; a picture without a QR code gives nothing.
pub fn scan(bytes: &[u8], at: UnixTime) -> Result<Vec<Scanned>, Error> {
    let picture = qr::read_picture(bytes)?;
    let mut scanned = Vec::new();
    for found in qr::decode(&picture, Effort::Still) {
        match read_one(&found.text) {
            Read::Enrolments { rows, skipped, .. } => {
                for Parsed {
                    enrolment,
                    warnings,
                    ..
                } in rows
                {
                    scanned.push(Scanned::Enrolment(EnrolmentView::of_enrolment(
                        &enrolment, &warnings, at,
                    )));
                }
                scanned.extend(skipped.into_iter().map(|row| Scanned::Refused(row.report)));
            }
            Read::Refused(error) => scanned.push(Scanned::Refused(error.report())),
            Read::Other(_) => scanned.push(Scanned::Other { text: found.text }),
        }
    }
    Ok(scanned)
}

impl Authenticator {
    /// What the QR codes of a picture would add. An export of another app that somebody takes for a picture is
    /// previewed as what it is: see [`import_file`](Self::import_file).
    ///
    /// # Errors
    /// A picture that cannot be read, has no QR code, or none that enrols; nothing was saved.
    pub fn preview_picture(&self, bytes: &[u8]) -> Result<Preview, Error> {
        self.set_cancelled(false);
        let bytes = Zeroizing::new(bytes.to_vec());
        self.preview_file(bytes, &mut |_| ())
            .map_err(|(error, no_picture)| match (&error, no_picture) {
                (
                    Error::Import(ImportError::UnknownFormat | ImportError::TooLarge { .. }),
                    Some(no_picture),
                ) => no_picture.into(),
                _ => error,
            })
    }

    /// What the QR codes of a picture that was read already would add.
    pub(crate) fn preview_grey(&self, picture: Grey) -> Result<Preview, Error> {
        let found = qr::decode(&picture, Effort::Still);
        drop(picture);
        if found.is_empty() {
            return Err(ErrorCode::NoQrCode.into());
        }
        self.preview_all(found.iter().map(|found| found.text.as_str()))
    }

    /// What a camera's frame would add; `None` while nothing is seen.
    ///
    /// # Errors
    /// A QR code was seen, and it does not enrol.
    pub fn preview_frame(&self, frame: &Grey) -> Result<Option<Preview>, Error> {
        let found = qr::decode(frame, Effort::Frame);
        if found.is_empty() {
            return Ok(None);
        }
        self.preview_all(found.iter().map(|found| found.text.as_str()))
            .map(Some)
    }

    /// What the QR codes on the screen would add.
    ///
    /// # Errors
    /// The system gives no picture of the screen, or nothing on it enrols.
    pub fn preview_screen(&self) -> Result<Preview, Error> {
        let mut texts = Vec::new();
        for screen in crate::os::screen::capture()? {
            texts.extend(
                qr::decode(&screen, Effort::Still)
                    .into_iter()
                    .map(|found| found.text),
            );
        }
        if texts.is_empty() {
            return Err(ErrorCode::NoQrCode.into());
        }
        self.preview_all(texts.iter().map(|text| text.as_str()))
    }

    /// What a text would add: an otpauth URI, a migration URI, or a list of them, one a line.
    ///
    /// # Errors
    /// Nothing in it enrols.
    pub fn preview_text(&self, text: &str) -> Result<Preview, Error> {
        if text.len() > MAX_TEXT {
            return Err(OtpauthError::TooLong { bytes: text.len() }.into());
        }
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        match lines.as_slice() {
            [] => Err(ErrorCode::ClipboardEmpty.into()),
            lines if lines.len() > MAX_ROWS => Err(ErrorCode::ImportTooLarge.into()),
            lines => self.preview_all(lines.iter().copied()),
        }
    }

    /// What a filled-in form would add.
    ///
    /// # Errors
    /// The class of the first defect, in the order of an otpauth URI's.
    pub fn preview_manual(&self, form: &ManualForm) -> Result<Preview, Error> {
        if otpauth::read(&form.secret).is_ok() {
            return self.preview_text(&form.secret);
        }
        let parsed = read_form(form)?;
        Ok(self.show(vec![parsed], Vec::new(), None))
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

    /// Adds rows of the preview: all of them, or none.
    ///
    /// # Errors
    /// [`ErrorCode::PreviewGone`] for a token that is not waiting; whatever kept the vault from being saved. The
    /// preview stays then.
    pub fn add(&self, rows: &[AddRow]) -> Result<Vec<String>, Error> {
        let wanted = {
            let pending = self.pending();
            rows.iter()
                .map(|row| {
                    let imported = pending.rows.get(&row.token).ok_or(ErrorCode::PreviewGone)?;
                    Ok(renamed(duplicate(imported), row))
                })
                .collect::<Result<Vec<_>, Error>>()?
        };
        let ids = self.change(|vault, now, rng| Ok(vault.add_imported(wanted, now, rng)?))?;
        self.discard_preview();
        Ok(ids.iter().map(ToString::to_string).collect())
    }

    /// Reads every text, keeps what enrols, and says what does not.
    fn preview_all<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Result<Preview, Error> {
        let mut rows = Vec::new();
        let mut skipped = Vec::new();
        let mut batch = None;
        let mut first_refusal = None;
        for text in texts {
            match read_one(text) {
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
    fn keep_part(&self, part: Part, entries: Vec<Parsed>, less: Vec<SkippedRow>) -> BatchView {
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
            part: part.part,
            of: batch.of,
            have: batch.have.clone(),
        };
        if new {
            for entry in entries {
                pending.keep(Imported::plain(entry));
            }
            pending.skipped.extend(less);
        }
        view
    }

    fn show(
        &self,
        rows: Vec<Parsed>,
        skipped: Vec<SkippedRow>,
        batch: Option<BatchView>,
    ) -> Preview {
        let mut pending = self.pending();
        if batch.is_none() {
            pending.begin();
        }
        for row in rows {
            pending.keep(Imported::plain(row));
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
    pub(crate) fn show_import(
        &self,
        format: Format,
        accounts: Vec<Imported>,
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
            rows,
            skipped: pending.skipped.clone(),
            batch: pending.batch.as_ref().map(|batch| BatchView {
                part: batch.have.last().copied().unwrap_or_default(),
                of: batch.of,
                have: batch.have.clone(),
            }),
            format: pending.format.clone(),
            room: u32::try_from(room).unwrap_or(u32::MAX),
            clock_wrong: self.clock_wrong(),
        }
    }
}

fn view_of(format: Format) -> FormatView {
    FormatView {
        word: format.word().to_owned(),
        name: format.name().to_owned(),
    }
}

/// What waits for the person's answer. Secrets stay here; the window knows tokens.
#[derive(Default)]
pub(crate) struct Pending {
    next: u32,
    pub(crate) rows: BTreeMap<u32, Imported>,
    skipped: Vec<SkippedRow>,
    format: Option<FormatView>,
    batch: Option<Parts>,
    /// A file that waits for its password.
    pub(crate) file: Option<Zeroizing<Vec<u8>>>,
}

impl Pending {
    /// Forgets what was there. Tokens go on counting, so that an old one never names a new row.
    pub(crate) fn begin(&mut self) {
        *self = Pending {
            next: self.next,
            ..Pending::default()
        };
    }

    fn keep(&mut self, row: Imported) {
        if self.rows.len() < MAX_ROWS {
            self.next = self.next.wrapping_add(1);
            self.rows.insert(self.next, row);
            return;
        }
        let enrolment = &row.parsed.enrolment;
        self.skipped.push(SkippedRow {
            label: enrolment
                .issuer
                .clone()
                .unwrap_or_else(|| enrolment.account.clone()),
            report: ErrorCode::TooManyAccounts.into(),
        });
    }

    /// The rows that say the very same as one above them, with the one that they repeat.
    pub(crate) fn repeats(&self) -> HashMap<u32, u32> {
        let hash = RandomState::new();
        let mut first: HashMap<u64, u32> = HashMap::with_capacity(self.rows.len());
        let mut repeats = HashMap::new();
        for (&token, row) in &self.rows {
            let makes = Makes::from(&row.parsed.enrolment);
            match first.entry(makes.hash(&hash, said(row))) {
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(token);
                }
                std::collections::hash_map::Entry::Occupied(place) => {
                    let above = &self.rows[place.get()];
                    if makes.same((&above.parsed.enrolment).into()) && said(above) == said(row) {
                        repeats.insert(token, *place.get());
                    }
                }
            }
        }
        repeats
    }
}

/// All that a person would miss of a row, but for its codes.
fn said(row: &Imported) -> impl std::hash::Hash + PartialEq {
    let enrolment = &row.parsed.enrolment;
    (
        enrolment.issuer.as_deref(),
        enrolment.account.as_str(),
        row.note.as_str(),
        row.groups.as_slice(),
        row.trashed,
    )
}

struct Parts {
    id: i32,
    of: u32,
    have: Vec<u32>,
}

struct Part {
    id: i32,
    part: u32,
    of: u32,
}

enum Read {
    Enrolments {
        rows: Vec<Parsed>,
        skipped: Vec<SkippedRow>,
        part: Option<Part>,
    },
    Refused(Error),
    Other(ErrorCode),
}

/// What one text is.
fn read_one(text: &str) -> Read {
    match otpauth::read(text) {
        Ok(parsed) => Read::Enrolments {
            rows: vec![parsed],
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
                            Ok(parsed) => rows.push(parsed),
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
        Err(OtpauthError::NotOtpauth) => Read::Other(what_else(text)),
        Err(error) => Read::Refused(error.into()),
    }
}

/// A batch may be longer than any single account's URI.
pub(crate) fn is_migration(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(MIGRATION.len()).collect();
    start.eq_ignore_ascii_case(MIGRATION)
}

const MIGRATION: &str = "otpauth-migration:";

/// A QR code that enrols nothing is most often a web link.
fn what_else(text: &str) -> ErrorCode {
    let start: String = text.trim_start().chars().take(8).collect();
    let start = start.to_ascii_lowercase();
    if start.starts_with("http://") || start.starts_with("https://") || start.starts_with("www.") {
        ErrorCode::QrIsWebLink
    } else {
        ErrorCode::QrIsOther
    }
}

/// A form is an otpauth URI in pieces: the same types check it, in the same order.
fn read_form(form: &ManualForm) -> Result<Parsed, Error> {
    let text = form.secret.trim();
    if text.is_empty() {
        return Err(OtpauthError::EmptySecret.into());
    }
    let (secret, noncanonical) = Secret::from_base32(text).map_err(|error| match error {
        SecretError::Empty => OtpauthError::EmptySecret,
        SecretError::TooLong { bytes } => OtpauthError::TooLongSecret { bytes },
        _ => OtpauthError::BadSecret,
    })?;
    let algorithm: Algorithm = form
        .algorithm
        .parse()
        .map_err(|_| OtpauthError::UnsupportedAlgorithm)?;
    let digits = Digits::new(form.digits).map_err(|_| OtpauthError::UnsupportedDigits {
        digits: form.digits.into(),
    })?;
    let kind = match form.kind {
        KindWord::Totp => Kind::Totp {
            period: Period::new(form.period).map_err(|_| OtpauthError::UnsupportedPeriod {
                period: form.period.into(),
            })?,
        },
        KindWord::Steam => Kind::Steam,
        KindWord::Hotp => {
            let counter = match form.counter.trim() {
                "" => Ok(0),
                counter => counter.parse(),
            };
            let counter = counter.map_err(|_| OtpauthError::BadCounter)?;
            Kind::Hotp {
                counter: Counter::new(counter).map_err(|_| OtpauthError::BadCounter)?,
            }
        }
    };
    let issuer = Some(form.issuer.trim().to_owned()).filter(|issuer| !issuer.is_empty());
    let account = form.account.trim().to_owned();
    if issuer.is_none() && account.is_empty() {
        return Err(ErrorCode::NameMissing.into());
    }
    let mut warnings = Vec::new();
    if noncanonical {
        warnings.push(Warning::Base32Noncanonical);
    }
    if secret.bits() < 128 {
        warnings.push(Warning::ShortSecret);
    }
    Ok(Parsed {
        enrolment: Enrolment {
            kind,
            secret,
            algorithm,
            digits,
            issuer,
            account,
            label_issuer: None,
        },
        warnings,
        image: None,
    })
}

/// With the names as the person corrected them.
pub(crate) fn renamed(mut imported: Imported, row: &AddRow) -> Imported {
    let enrolment = &mut imported.parsed.enrolment;
    enrolment.issuer = row
        .issuer
        .as_deref()
        .map(str::trim)
        .filter(|issuer| !issuer.is_empty())
        .map(str::to_owned);
    enrolment.account = row.account.trim().to_owned();
    imported
}

/// A copy to add, for the preview stays until that has worked.
pub(crate) fn duplicate(row: &Imported) -> Imported {
    let enrolment = &row.parsed.enrolment;
    Imported {
        parsed: Parsed {
            enrolment: Enrolment {
                kind: enrolment.kind,
                secret: enrolment.secret.duplicate(),
                algorithm: enrolment.algorithm,
                digits: enrolment.digits,
                issuer: enrolment.issuer.clone(),
                account: enrolment.account.clone(),
                label_issuer: enrolment.label_issuer.clone(),
            },
            warnings: Vec::new(),
            image: None,
        },
        note: row.note.clone(),
        groups: row.groups.clone(),
        pinned: row.pinned,
        trashed: row.trashed,
    }
}
