//! `couchkey add`: from pictures, the screen, a link on standard input or a form, through a preview, into the vault.

use std::path::Path;

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, ManualForm, Source, links,
    os::SystemScreen,
    ports::Screen,
    qr,
    view::{
        BatchKind, BatchView, EnrolmentView, KindWord, Preview, PreviewRow, Renamed, Selection,
        SkippedRow,
    },
};
use couchkey_otp::{OtpauthError, UnixTime};
use zeroize::Zeroizing;

use crate::{
    accounts,
    args::Add,
    ask::Ask,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    source::{self, is_stdin},
    vault,
};

/// `couchkey add`
pub fn add(
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Add,
) -> Result<u8, Stop> {
    source::no_secret_among(&args.images)?;
    vault::must_exist(authenticator)?;
    // What does not need the vault comes first: nobody types a passphrase to learn that a picture is blurred.
    let read = if args.manual {
        None
    } else {
        Some(read_sources(ask, args)?)
    };
    vault::open(authenticator, ask, out)?;
    let preview = match &read {
        Some(read) => read.preview(authenticator)?,
        None => {
            out.tell("Take these from the page where the service shows its QR code.");
            authenticator.preview(Source::Form(&form(ask, args)?), &mut |_| ())?
        }
    };
    if preview.clock_wrong {
        out.say("warning: This computer's clock is wrong, so services will refuse the codes. Set date and time.");
    }
    if let Some(batch) = &preview.batch
        && !args.partial
    {
        complete(batch, "add")?;
    }

    let (there, new): (Vec<&PreviewRow>, Vec<&PreviewRow>) = preview
        .rows
        .iter()
        .partition(|row| row.duplicate_of.is_some() && !args.allow_duplicate);
    let rows = named(ask, &new, args)?;
    let asks = !args.yes && ask.somebody_is_there();
    tell_preview(out, &new, &rows, asks);
    tell_left_out(out, &there, &preview.skipped);
    let refused = preview
        .skipped
        .iter()
        .any(|row| is_enrolment(row.report.code));
    if rows.is_empty() {
        authenticator.discard_preview();
        out.tell("Nothing new to save.");
        if out.is_json() {
            out.json(&Vec::<EnrolmentView>::new())?;
        }
        return Ok(if refused { REFUSED } else { DONE });
    }
    if asks {
        let question = match rows.len() {
            1 => "Save it?".to_owned(),
            n => format!("Save these {n}?"),
        };
        if !ask.yes(&question, true)? {
            authenticator.discard_preview();
            out.say("Nothing was saved.");
            return Ok(REFUSED);
        }
    }
    let selection = Selection {
        duplicates: true,
        except: there.iter().map(|row| row.token).collect(),
        renamed: rows,
        ..Selection::of(&preview)
    };
    let ids = authenticator.add(&selection, &mut |_| ())?.ids;
    let added: Vec<EnrolmentView> = authenticator
        .accounts(at)?
        .into_iter()
        .filter(|account| account.id.as_ref().is_some_and(|id| ids.contains(id)))
        .collect();
    if out.is_json() {
        out.json(&added)?;
    } else {
        accounts::tell_code_to_type(authenticator, out, &added, at)?;
    }
    Ok(if refused { REFUSED } else { DONE })
}

/// What came from pictures, the screen and standard input: one text a QR code, one a line.
struct Sources {
    texts: Vec<Zeroizing<String>>,
    has_picture: bool,
    /// Of texts that are spread over several QR codes, which may be in several pictures.
    parts: qr::Parts,
}

impl Sources {
    fn preview(&self, authenticator: &Authenticator) -> Result<Preview, Stop> {
        let mut all = Zeroizing::new(String::new());
        for text in &self.texts {
            all.push_str(text);
            all.push('\n');
        }
        authenticator
            .preview(Source::Text(&all), &mut |_| ())
            .map_err(|error| match error.code() {
                ErrorCode::ClipboardEmpty if self.has_picture => ErrorCode::QrIsOther.into(),
                ErrorCode::ClipboardEmpty => source::nothing_came().into(),
                // A line of text is no QR code; the words must fit what the person did.
                ErrorCode::QrIsOther | ErrorCode::QrIsWebLink if !self.has_picture => {
                    Error::from(OtpauthError::NotOtpauth).into()
                }
                _ => error.into(),
            })
    }

    /// Takes in the QR codes of a picture or a screen.
    fn take_in(&mut self, found: Vec<qr::Found>) -> Result<(), Stop> {
        self.has_picture = true;
        for text in self.parts.take_in(found) {
            self.push(&text.map_err(Error::from)?);
        }
        Ok(())
    }

    /// All parts of every text are there, or it is refused with what is missing.
    fn all_parts(&self) -> Result<(), Stop> {
        let Some(waiting) = self.parts.waiting() else {
            return Ok(());
        };
        let batch = BatchView {
            kind: BatchKind::Text,
            part: waiting.part.into(),
            of: waiting.of.into(),
            have: waiting.have.into_iter().map(u32::from).collect(),
        };
        complete(&batch, "add")
    }

    /// The same QR code in two pictures, or twice on the screen, is one.
    fn push(&mut self, text: &str) {
        if !self.texts.iter().any(|known| known.as_str() == text) {
            self.texts.push(Zeroizing::new(text.to_owned()));
        }
    }
}

fn read_sources(ask: &mut Ask, args: &Add) -> Result<Sources, Stop> {
    let mut sources = Sources {
        texts: Vec::new(),
        has_picture: false,
        parts: qr::Parts::default(),
    };
    let mut stdin_was_read = false;
    for path in &args.images {
        let bytes = if is_stdin(path) {
            if stdin_was_read {
                continue;
            }
            stdin_was_read = true;
            let bytes = ask.everything(qr::MAX_BYTES as u64)?;
            if !qr::looks_like_a_picture(&bytes) {
                for found in links(source::text_of(&bytes)?.as_str()) {
                    sources.push(&found.text);
                }
                continue;
            }
            bytes
        } else {
            source::read_file(path)?
        };
        let found = qr::read_picture(&bytes)
            .map(|picture| qr::decode(&picture, qr::Effort::Still))
            .map_err(|error| in_file(path, Error::from(error)))?;
        if found.is_empty() {
            return Err(in_file(path, ErrorCode::NoQrCode.into()));
        }
        sources.take_in(found)?;
    }
    if args.screen {
        let screens = SystemScreen.capture().map_err(Error::from)?;
        let decoded = screens
            .iter()
            .map(|screen| qr::decode(screen, qr::Effort::Still));
        let found: Vec<qr::Found> = decoded.flatten().collect();
        if found.is_empty() {
            return Err(Refusal::new(
                ErrorCode::NoQrCode.as_str(),
                "No QR code was found on the screen.",
                "Make sure that the whole code can be seen, not covered by this terminal, and try again.",
            )
            .into());
        }
        sources.take_in(found)?;
    }
    sources.all_parts()?;
    Ok(sources)
}

/// With several pictures, people need to know which one it is.
fn in_file(path: &Path, error: Error) -> Stop {
    let mut refusal = Refusal::from(error.report());
    refusal.message = format!("{}: {}", source::file_name(path), refusal.message);
    refusal.into()
}

/// All parts of what is spread over several QR codes are there, or it is refused with what is missing.
pub fn complete(batch: &BatchView, command: &str) -> Result<(), Stop> {
    let missing: Vec<String> = (1..=batch.of)
        .filter(|part| !batch.have.contains(part))
        .map(|part| part.to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (what, cure) = match batch.kind {
        BatchKind::Export => (
            "This export",
            format!(
                "Give the pictures of all of them at once: couchkey {command} 1.png 2.png … To save only what is here: --partial"
            ),
        ),
        BatchKind::Text => (
            "This set-up link",
            format!("Give the pictures of all of them at once: couchkey {command} 1.png 2.png …"),
        ),
    };
    Err(Refusal::new(
        "incomplete_batch",
        format!(
            "{what} is spread over {} QR codes, and {} of {} were scanned; missing: {}. Nothing was saved.",
            batch.of,
            batch.have.len(),
            batch.of,
            missing.join(", ")
        ),
        cure,
    )
    .into())
}

/// The rows to save, with the names of `--issuer` and `--account`; a nameless one is asked about.
fn named(ask: &mut Ask, new: &[&PreviewRow], args: &Add) -> Result<Vec<Renamed>, Stop> {
    let renames = !args.manual && (args.issuer.is_some() || args.account.is_some());
    if renames && new.len() > 1 {
        return Err(Stop::Usage(Refusal::new(
            "usage",
            format!(
                "--issuer and --account name one account, and there are {} to save.",
                new.len()
            ),
            "Save them without these options, then rename: couchkey edit",
        )));
    }
    let mut rows = Vec::with_capacity(new.len());
    for row in new {
        let mut issuer = row.issuer.clone();
        let mut account = row.account.clone();
        if renames {
            issuer = args.issuer.clone().or(issuer);
            account = args.account.clone().unwrap_or(account);
        }
        if issuer.as_deref().unwrap_or_default().is_empty()
            && account.is_empty()
            && ask.somebody_is_there()
        {
            issuer = ask
                .line("The QR code names nobody. Which service is it for? ")?
                .map(|line| line.trim().to_owned());
        }
        rows.push(Renamed {
            token: row.token,
            issuer,
            account,
        });
    }
    Ok(rows)
}

/// What would be saved, before the question; without a question only what is odd about it.
fn tell_preview(out: &mut Out, new: &[&PreviewRow], rows: &[Renamed], asks: bool) {
    for (row, named) in new.iter().zip(rows) {
        let twice = row.duplicate_of.is_some();
        if asks || twice || !row.warnings.is_empty() {
            out.tell(show::label(named.issuer.as_deref(), &named.account));
        }
        if twice {
            out.tell("  It is in the vault already, and will be there twice.");
        }
        for word in &row.warnings {
            out.tell(format!(
                "  warning: {}",
                show::warning(word, row.label_issuer.as_deref())
            ));
        }
    }
}

fn tell_left_out(out: &mut Out, there: &[&PreviewRow], skipped: &[SkippedRow]) {
    for row in there {
        out.tell(format!(
            "In the vault already, so left out: {}   (to save it again: --allow-duplicate)",
            show::label(row.issuer.as_deref(), &row.account)
        ));
    }
    for row in skipped {
        let label = if row.label.is_empty() {
            String::new()
        } else {
            format!("{}: ", show::safe(&row.label))
        };
        // Programs learn it too: what was not saved must not be lost sight of.
        out.say(format!(
            "Left out: {label}{}",
            show::safe(&row.report.message)
        ));
        if is_enrolment(row.report.code) {
            out.say(format!("hint: {}", show::safe(&row.report.hint)));
        }
    }
}

/// Whether something that was left out was meant to be an account; a web link beside the code was not.
fn is_enrolment(code: ErrorCode) -> bool {
    !matches!(code, ErrorCode::QrIsWebLink | ErrorCode::QrIsOther)
}

/// The form of `--manual`, question by question.
fn form(ask: &mut Ask, args: &Add) -> Result<ManualForm, Stop> {
    let mut text = |given: &Option<String>, prompt: &str| -> Result<String, Stop> {
        Ok(match given {
            Some(given) => given.clone(),
            None => ask
                .line(prompt)?
                .map(|line| line.to_string())
                .unwrap_or_default(),
        })
    };
    let issuer = text(&args.issuer, "Service, for example StreamTV: ")?;
    let account = text(
        &args.account,
        "Account, for example your e-mail address there: ",
    )?;
    let secret = ask
        .hidden_line("Secret key (it is not shown): ")?
        .map(|line| line.to_string())
        .unwrap_or_default();
    let mut form = ManualForm {
        kind: KindWord::Totp,
        issuer,
        account,
        secret,
        algorithm: "SHA1".to_owned(),
        digits: String::new(),
        period: String::new(),
        counter: String::new(),
    };
    if !ask.yes(
        "Does the service mention anything special (digits, seconds, algorithm, counter)?",
        false,
    )? {
        return Ok(form);
    }
    let mut choice = |prompt: &str, usual: &str| -> Result<String, Stop> {
        let line = ask.line(prompt)?;
        let line = line
            .as_ref()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty());
        Ok(line.unwrap_or(usual).to_owned())
    };
    form.kind = match choice("Kind: totp, hotp or steam [totp]: ", "totp")?
        .to_lowercase()
        .as_str()
    {
        "totp" => KindWord::Totp,
        "hotp" => KindWord::Hotp,
        "steam" => KindWord::Steam,
        _ => return Err(Error::from(OtpauthError::BadType).into()),
    };
    if form.kind == KindWord::Steam {
        return Ok(form);
    }
    form.algorithm = choice("Algorithm: SHA1, SHA256 or SHA512 [SHA1]: ", "SHA1")?;
    form.digits = choice("Digits: 6, 7 or 8 [6]: ", "6")?;
    if form.kind == KindWord::Hotp {
        form.counter = choice("Counter [0]: ", "0")?;
    } else {
        form.period = choice("Seconds until a code changes [30]: ", "30")?;
    }
    Ok(form)
}
