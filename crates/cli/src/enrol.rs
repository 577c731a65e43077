//! The ways in: pictures, the screen, a link on standard input, a form. And `inspect` and `scan`, which save nothing.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Instant,
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, ManualForm, Scanned, inspect as inspect_text, qr,
    scan as scan_picture,
    view::{AddRow, BatchView, EnrolmentView, KindWord, Preview, PreviewRow, SkippedRow},
};
use couchkey_otp::{OtpauthError, UnixTime};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    accounts,
    args::{self, Add, Inspect, Scan},
    ask::{Ask, MAX_TEXT},
    clock,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
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
    no_secret_among(&args.images)?;
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
            authenticator.preview_manual(&form(ask, args)?)?
        }
    };
    if preview.clock_wrong {
        out.say("warning: This computer's clock is wrong, so services will refuse the codes. Set date and time.");
    }
    if let Some(batch) = &preview.batch
        && !args.partial
    {
        complete(batch)?;
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
    let ids = authenticator.add(&rows)?;
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
}

impl Sources {
    fn preview(&self, authenticator: &Authenticator) -> Result<Preview, Stop> {
        let mut all = Zeroizing::new(String::new());
        for text in &self.texts {
            all.push_str(text);
            all.push('\n');
        }
        authenticator
            .preview_text(&all)
            .map_err(|error| match error.code() {
                ErrorCode::ClipboardEmpty if self.has_picture => ErrorCode::QrIsOther.into(),
                ErrorCode::ClipboardEmpty => nothing_came().into(),
                // A line of text is no QR code; the words must fit what the person did.
                ErrorCode::QrIsOther | ErrorCode::QrIsWebLink if !self.has_picture => {
                    Error::from(OtpauthError::NotOtpauth).into()
                }
                _ => error.into(),
            })
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
    };
    let mut stdin_was_read = false;
    for path in &args.images {
        let bytes = if is_stdin(path) {
            if stdin_was_read {
                continue;
            }
            stdin_was_read = true;
            let bytes = ask.everything(qr::MAX_BYTES as u64)?;
            if !is_picture(&bytes) {
                for line in text_of(&bytes)?.lines().map(str::trim) {
                    if !line.is_empty() && !line.starts_with('#') {
                        sources.push(line);
                    }
                }
                continue;
            }
            bytes
        } else {
            read_file(path)?
        };
        let found = qr::read_picture(&bytes)
            .map(|picture| qr::decode(&picture, qr::Effort::Still))
            .map_err(|error| in_file(path, Error::from(error)))?;
        if found.is_empty() {
            return Err(in_file(path, ErrorCode::NoQrCode.into()));
        }
        sources.has_picture = true;
        for code in found {
            sources.push(&code.text);
        }
    }
    if args.screen {
        let screens = couchkey_authenticator::os::capture().map_err(Error::from)?;
        let mut seen = false;
        for code in screens
            .iter()
            .flat_map(|screen| qr::decode(screen, qr::Effort::Still))
        {
            sources.push(&code.text);
            seen = true;
        }
        if !seen {
            return Err(Refusal::new(
                ErrorCode::NoQrCode.as_str(),
                "No QR code was found on the screen.",
                "Make sure that the whole code can be seen, not covered by this terminal, and try again.",
            )
            .into());
        }
        sources.has_picture = true;
    }
    Ok(sources)
}

/// With several pictures, people need to know which one it is.
fn in_file(path: &Path, error: Error) -> Stop {
    let mut refusal = Refusal::from(error.report());
    refusal.message = format!("{}: {}", file_name(path), refusal.message);
    refusal.into()
}

/// All parts of an export in several QR codes are there, or it is refused with what is missing.
fn complete(batch: &BatchView) -> Result<(), Stop> {
    let missing: Vec<String> = (1..=batch.of)
        .filter(|part| !batch.have.contains(part))
        .map(|part| part.to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        "incomplete_batch",
        format!(
            "This export is spread over {} QR codes, and {} of {} were scanned; missing: {}. Nothing was saved.",
            batch.of,
            batch.have.len(),
            batch.of,
            missing.join(", ")
        ),
        "Give the pictures of all of them at once: couchkey add 1.png 2.png … To save only what is here: --partial",
    )
    .into())
}

/// The rows to save, with the names of `--issuer` and `--account`; a nameless one is asked about.
fn named(ask: &mut Ask, new: &[&PreviewRow], args: &Add) -> Result<Vec<AddRow>, Stop> {
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
        rows.push(AddRow {
            token: row.token,
            issuer,
            account,
        });
    }
    Ok(rows)
}

/// What would be saved, before the question; without a question only what is odd about it.
fn tell_preview(out: &mut Out, new: &[&PreviewRow], rows: &[AddRow], asks: bool) {
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
                warning(word, row.label_issuer.as_deref())
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

fn warning(word: &str, label_issuer: Option<&str>) -> String {
    match (word, label_issuer) {
        ("issuer-mismatch", Some(other)) => format!(
            "It names a second service, {}. Look twice at whom it is from.",
            show::safe(other)
        ),
        _ => show::warning(word).to_owned(),
    }
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
        digits: 6,
        period: 30,
        counter: "0".to_owned(),
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
    form.digits = choice("Digits: 6, 7 or 8 [6]: ", "6")?
        .parse()
        .map_err(|_| Error::from(OtpauthError::BadDigits))?;
    if form.kind == KindWord::Hotp {
        form.counter = choice("Counter [0]: ", "0")?;
    } else {
        form.period = choice("Seconds until a code changes [30]: ", "30")?
            .parse()
            .map_err(|_| Error::from(OtpauthError::BadPeriod))?;
    }
    Ok(form)
}

/// `couchkey inspect`
pub fn inspect(
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Inspect,
) -> Result<u8, Stop> {
    if !is_stdin(Path::new(&args.from)) {
        // Not repeated: it may be anything, a secret too.
        return Err(Stop::Usage(Refusal::new(
            "usage",
            "`inspect` reads the set-up link from standard input only.",
            "couchkey inspect - <FILE. For pictures: couchkey scan PICTURE",
        )));
    }
    let bytes = ask.link()?;
    let at = at.unwrap_or_else(clock::now);
    let text = text_of(&bytes)?;
    if text.trim().is_empty() {
        return Err(nothing_came().into());
    }
    let view = inspect_text(text, at)?;
    if out.is_json() {
        out.json(&view)?;
    } else {
        for line in described(&view, at) {
            out.line(line)?;
        }
    }
    Ok(DONE)
}

fn described(view: &EnrolmentView, at: UnixTime) -> Vec<String> {
    let mut rows = vec![
        (
            "service",
            view.issuer
                .as_deref()
                .map_or("not named".to_owned(), show::safe),
        ),
        (
            "account",
            match view.account.as_str() {
                "" => "not named".to_owned(),
                account => show::safe(account),
            },
        ),
        ("kind", show::kind(view)),
        ("digits", view.digits.to_string()),
        ("algorithm", view.algorithm.clone()),
        ("secret", format!("{} bits (not shown)", view.secret_bits)),
        (
            "code",
            match show::seconds_left(view, at.as_secs()) {
                Some(left) => format!("{}   ({left} s left)", show::grouped(&view.code, 3)),
                None => show::grouped(&view.code, 3),
            },
        ),
    ];
    for word in &view.warnings {
        rows.push(("warning", warning(word, view.label_issuer.as_deref())));
    }
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    show::columns(&rows)
}

/// `couchkey scan`
pub fn scan(ask: &mut Ask, out: &mut Out, at: Option<UnixTime>, args: &Scan) -> Result<u8, Stop> {
    no_secret_among(&args.images)?;
    let at = at.unwrap_or_else(clock::now);
    let mut answers = Vec::new();
    let mut unread = false;
    for path in &args.images {
        let bytes = if is_stdin(path) {
            ask.everything(qr::MAX_BYTES as u64)
        } else {
            read_file(path)
        };
        let start = Instant::now();
        let scanned = bytes.and_then(|bytes| Ok(scan_picture(&bytes, at)?));
        let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let scanned = match scanned {
            Ok(scanned) => Ok(scanned),
            Err(Stop::Refused(refusal)) if refusal.code == ErrorCode::NoQrCode.as_str() => {
                Ok(Vec::new())
            }
            Err(Stop::Refused(refusal)) => Err(refusal),
            Err(other) => return Err(other),
        };
        unread |= scanned.is_err();
        if out.is_json() {
            answers.push(picture_answer(path, scanned, millis, args.text));
        } else {
            tell_picture(out, path, &scanned, at, args.text)?;
        }
    }
    if out.is_json() {
        out.json(&answers)?;
    }
    Ok(if unread { REFUSED } else { DONE })
}

/// One picture's object in the array of `scan --json`.
#[derive(Serialize)]
struct PictureAnswer {
    image: String,
    codes: Vec<CodeAnswer>,
    millis: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CodeAnswer {
    Enrolment(EnrolmentView),
    Refused {
        error: Refusal,
    },
    Other {
        text_kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

fn picture_answer(
    path: &Path,
    scanned: Result<Vec<Scanned>, Refusal>,
    millis: u64,
    with_text: bool,
) -> PictureAnswer {
    let (codes, error) = match scanned {
        Ok(codes) => (codes, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    PictureAnswer {
        image: path.to_string_lossy().into_owned(),
        codes: codes
            .into_iter()
            .map(|code| match code {
                Scanned::Enrolment(view) => CodeAnswer::Enrolment(view),
                Scanned::Refused(report) => CodeAnswer::Refused {
                    error: report.into(),
                },
                Scanned::Other { text } => CodeAnswer::Other {
                    text_kind: "other",
                    text: with_text.then(|| text.to_string()),
                },
            })
            .collect(),
        millis,
        error,
    }
}

fn tell_picture(
    out: &mut Out,
    path: &Path,
    scanned: &Result<Vec<Scanned>, Refusal>,
    at: UnixTime,
    with_text: bool,
) -> Result<(), Stop> {
    out.line(format!("{}:", file_name(path)))?;
    let codes = match scanned {
        Ok(codes) => codes,
        Err(refusal) => {
            out.line(format!("  {}", show::safe(&refusal.message)))?;
            out.say(format!("hint: {}", show::safe(&refusal.hint)));
            return Ok(());
        }
    };
    if codes.is_empty() {
        let refusal = Refusal::from(couchkey_authenticator::ErrorReport::from(
            ErrorCode::NoQrCode,
        ));
        out.line(format!("  {}", refusal.message))?;
        out.say(format!("hint: {}", refusal.hint));
    }
    for (index, code) in codes.iter().enumerate() {
        if index > 0 {
            out.line("")?;
        }
        match code {
            Scanned::Enrolment(view) => {
                for line in described(view, at) {
                    out.line(format!("  {line}"))?;
                }
            }
            Scanned::Refused(report) => {
                let refusal = Refusal::from(report.clone());
                out.line(format!("  {}", show::safe(&refusal.message)))?;
                out.say(format!("hint: {}", show::safe(&refusal.hint)));
            }
            Scanned::Other { text } if with_text => {
                out.line(format!(
                    "  A QR code for something else: {}",
                    show::safe(text)
                ))?;
            }
            Scanned::Other { .. } => {
                out.line("  A QR code for something else, not for an authenticator (--text shows what it says).")?;
            }
        }
    }
    Ok(())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// Whether all of standard input is taken by a `-`.
pub fn takes_stdin(images: &[PathBuf]) -> bool {
    images.iter().any(|path| is_stdin(path))
}

/// Whether bytes start like a picture in one of the formats that are read, or are at least no text.
fn is_picture(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM"];
    starts.iter().any(|start| bytes.starts_with(start))
}

/// The text of standard input, within its bounds.
fn text_of(bytes: &[u8]) -> Result<&str, Stop> {
    if bytes.len() as u64 > MAX_TEXT {
        return Err(Error::from(OtpauthError::TooLong { bytes: bytes.len() }).into());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::from(OtpauthError::NotOtpauth))?;
    Ok(text.trim_start_matches('\u{feff}'))
}

fn nothing_came() -> Refusal {
    Refusal::new(
        "nothing_to_read",
        "Nothing came on standard input.",
        "Put the set-up link there, for example from the clipboard (wl-paste | couchkey add -), or give a picture: couchkey add PICTURE",
    )
}

/// Where a picture's name was expected, somebody may have typed the secret key. It is not repeated.
fn no_secret_among(images: &[PathBuf]) -> Result<(), Stop> {
    let looks_like_one =
        |path: &PathBuf| args::looks_like_base32(&path.to_string_lossy()) && !path.exists();
    if images.iter().any(looks_like_one) {
        return Err(Stop::Usage(Refusal::new(
            "secret_in_arguments",
            "One of these is no picture but looks like a secret key. Other programs can read the command line.",
            "Type the key when asked instead: couchkey add --manual. Then clear it from your shell's history.",
        )));
    }
    Ok(())
}

/// A picture's bytes, at most one more than the most that is decoded.
fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Stop> {
    let read = || -> io::Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::new());
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        file.take(qr::MAX_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| {
        let missing = error.kind() == io::ErrorKind::NotFound;
        Refusal::new(
            "file_unreadable",
            format!("{} cannot be read: {}.", file_name(path), why(error.kind())),
            if missing {
                "Check the name and the folder."
            } else {
                "Check that it is a picture of yours and may be read."
            },
        )
        .into()
    })
}

/// A failure of the disk, in words.
pub fn why(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "there is no such file",
        io::ErrorKind::PermissionDenied => "it may not be opened",
        io::ErrorKind::IsADirectory => "it is a folder",
        io::ErrorKind::AlreadyExists => "there is a file of that name already",
        io::ErrorKind::StorageFull => "the disk is full",
        _ => "the disk failed",
    }
}

fn file_name(path: &Path) -> String {
    if is_stdin(path) {
        return "standard input".to_owned();
    }
    show::safe(&path.to_string_lossy())
}
