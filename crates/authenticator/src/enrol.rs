//! The ways in: a picture, a camera's frame, the screen, a text, a form. First a preview, then one change that adds.

use std::collections::BTreeMap;

use couchkey_otp::{
    Algorithm, Counter, Digits, Enrolment, Kind, OtpauthError, Parsed, Period, Secret, SecretError,
    UnixTime, Warning, migration, otpauth,
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode, ErrorReport,
    qr::{self, Effort, Grey},
    view::{
        AddRow, BatchView, EnrolmentView, KindWord, Preview, PreviewRow, SkippedRow, characters,
        period_of, words,
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
    /// What the QR codes of a picture would add.
    ///
    /// # Errors
    /// A picture that cannot be read, has no QR code, or none that enrols; nothing was saved.
    pub fn preview_picture(&self, bytes: &[u8]) -> Result<Preview, Error> {
        let picture = qr::read_picture(bytes)?;
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
            .take(MAX_ROWS)
            .collect();
        match lines.as_slice() {
            [] => Err(ErrorCode::ClipboardEmpty.into()),
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
        (!pending.rows.is_empty()).then(|| self.preview_of(&pending, Vec::new()))
    }

    /// Forgets the preview and its secrets.
    pub fn discard_preview(&self) {
        *self.pending() = Pending::default();
    }

    /// Adds rows of the preview: all of them, or none.
    ///
    /// # Errors
    /// [`ErrorCode::PreviewGone`] for a token that is not waiting; whatever kept the vault from being saved. The
    /// preview stays then.
    pub fn add(&self, rows: &[AddRow]) -> Result<Vec<String>, Error> {
        let mut enrolments = Vec::with_capacity(rows.len());
        {
            let pending = self.pending();
            for row in rows {
                let (enrolment, _) = pending.rows.get(&row.token).ok_or(ErrorCode::PreviewGone)?;
                enrolments.push(renamed(enrolment, row));
            }
        }
        let ids = self.change(|vault, now, rng| {
            enrolments
                .iter()
                .map(|enrolment| Ok(vault.add(duplicate(enrolment), now, rng)?.to_string()))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        self.discard_preview();
        Ok(ids)
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
                    skipped.extend(less);
                    if let Some(part) = part {
                        let entries = std::mem::take(&mut rows);
                        batch = Some(self.keep_part(part, entries));
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
    fn keep_part(&self, part: Part, entries: Vec<Parsed>) -> BatchView {
        let mut pending = self.pending();
        let same = pending
            .batch
            .as_ref()
            .is_some_and(|batch| batch.id == part.id && batch.of == part.of);
        if !same {
            let next = pending.next;
            *pending = Pending {
                next,
                batch: Some(Parts {
                    id: part.id,
                    of: part.of,
                    have: Vec::new(),
                }),
                ..Pending::default()
            };
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
                pending.keep(entry);
            }
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
            let next = pending.next;
            *pending = Pending {
                next,
                ..Pending::default()
            };
        }
        for row in rows {
            pending.keep(row);
        }
        let mut preview = self.preview_of(&pending, skipped);
        if batch.is_some() {
            preview.batch = batch;
        }
        preview
    }

    fn preview_of(&self, pending: &Pending, skipped: Vec<SkippedRow>) -> Preview {
        let rows = pending
            .rows
            .iter()
            .map(|(token, (enrolment, warnings))| PreviewRow {
                token: *token,
                kind: KindWord::of(&enrolment.kind),
                issuer: enrolment.issuer.clone(),
                account: enrolment.account.clone(),
                label_issuer: enrolment.label_issuer.clone(),
                algorithm: enrolment.algorithm.to_string(),
                digits: characters(&enrolment.kind, enrolment.digits.get()),
                period: period_of(&enrolment.kind),
                secret_bits: enrolment.secret.bits(),
                warnings: words(warnings),
                duplicate_of: self.find_same(enrolment),
            })
            .collect();
        Preview {
            rows,
            skipped,
            batch: pending.batch.as_ref().map(|batch| BatchView {
                part: batch.have.last().copied().unwrap_or_default(),
                of: batch.of,
                have: batch.have.clone(),
            }),
            clock_wrong: self.clock_wrong(),
        }
    }
}

/// What waits for the person's answer. Secrets stay here; the window knows tokens.
#[derive(Default)]
pub(crate) struct Pending {
    next: u32,
    rows: BTreeMap<u32, (Enrolment, Vec<Warning>)>,
    batch: Option<Parts>,
}

impl Pending {
    fn keep(&mut self, parsed: Parsed) {
        if self.rows.len() < MAX_ROWS {
            self.next = self.next.wrapping_add(1);
            self.rows
                .insert(self.next, (parsed.enrolment, parsed.warnings));
        }
    }
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
fn is_migration(text: &str) -> bool {
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

fn renamed(enrolment: &Enrolment, row: &AddRow) -> Enrolment {
    let mut copy = duplicate(enrolment);
    copy.issuer = row
        .issuer
        .as_deref()
        .map(str::trim)
        .filter(|issuer| !issuer.is_empty())
        .map(str::to_owned);
    copy.account = row.account.trim().to_owned();
    copy
}

fn duplicate(enrolment: &Enrolment) -> Enrolment {
    Enrolment {
        kind: enrolment.kind,
        secret: enrolment.secret.duplicate(),
        algorithm: enrolment.algorithm,
        digits: enrolment.digits,
        issuer: enrolment.issuer.clone(),
        account: enrolment.account.clone(),
        label_issuer: enrolment.label_issuer.clone(),
    }
}
