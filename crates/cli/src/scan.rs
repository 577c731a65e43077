//! `couchkey inspect` and `couchkey scan`: what a set-up link or a picture says. Nothing is saved, no vault is needed.

use std::{path::Path, time::Instant};

use couchkey_authenticator::{
    AddressWarning, ErrorCode, ErrorReport, Scanned, WebAddress, inspect as inspect_text, qr,
    scan as scan_picture, view::EnrolmentView,
};
use couchkey_otp::UnixTime;
use serde::Serialize;

use crate::{
    args::{Inspect, Scan},
    ask::{Ask, MAX_TEXT},
    clock,
    refusal::{DONE, REFUSED, Refusal, Stop},
    show::{self, Out},
    source,
};

/// `couchkey inspect`
pub fn inspect(
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
    args: &Inspect,
) -> Result<u8, Stop> {
    if !source::is_stdin(Path::new(&args.from)) {
        // Not repeated: it may be anything, a secret too.
        return Err(Stop::Usage(Refusal::new(
            "usage",
            "`inspect` reads the set-up link from standard input only.",
            "couchkey inspect - <FILE. For pictures: couchkey scan PICTURE",
        )));
    }
    let bytes = ask.everything(MAX_TEXT)?;
    let at = at.unwrap_or_else(clock::now);
    let text = source::text_of(&bytes)?;
    let text = text.as_str();
    if text.trim().is_empty() {
        return Err(source::nothing_came().into());
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
        rows.push(("warning", show::warning(word, view.label_issuer.as_deref())));
    }
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    show::columns(&rows)
}

/// `couchkey scan`
pub fn scan(ask: &mut Ask, out: &mut Out, at: Option<UnixTime>, args: &Scan) -> Result<u8, Stop> {
    source::no_secret_among(&args.images)?;
    let at = at.unwrap_or_else(clock::now);
    let mut answers = Vec::new();
    let mut unread = false;
    // One text may be spread over several pictures.
    let mut parts = qr::Parts::default();
    for path in &args.images {
        let bytes = if source::is_stdin(path) {
            ask.everything(qr::MAX_BYTES as u64)
        } else {
            source::read_file(path)
        };
        let start = Instant::now();
        let scanned = bytes.and_then(|bytes| Ok(scan_picture(&bytes, &mut parts, at)?));
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
    Part {
        text_kind: &'static str,
        part: u8,
        of: u8,
    },
    Other {
        text_kind: &'static str,
        /// Of a web page: whose it is, and what speaks against it.
        #[serde(skip_serializing_if = "Option::is_none")]
        page: Option<Page>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

/// A web page without what stands behind its domain: that is part of the text.
#[derive(Serialize)]
struct Page {
    domain: String,
    service: Option<&'static str>,
    warnings: Vec<AddressWarning>,
}

impl Page {
    /// Nothing where nothing is known of it.
    fn of(address: WebAddress) -> Option<Page> {
        let known = address.service.is_some() || !address.warnings.is_empty();
        known.then_some(Page {
            domain: address.domain,
            service: address.service,
            warnings: address.warnings,
        })
    }
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
                Scanned::Part { part, of } => CodeAnswer::Part {
                    text_kind: "part",
                    part,
                    of,
                },
                Scanned::WebPage { address, text } => CodeAnswer::Other {
                    text_kind: "other",
                    page: Page::of(*address),
                    text: with_text.then(|| text.to_string()),
                },
                Scanned::Other { text } => CodeAnswer::Other {
                    text_kind: "other",
                    page: None,
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
    out.line(format!("{}:", source::file_name(path)))?;
    let codes = match scanned {
        Ok(codes) => codes,
        Err(refusal) => {
            out.line(format!("  {}", show::safe(&refusal.message)))?;
            out.say(format!("hint: {}", show::safe(&refusal.hint)));
            return Ok(());
        }
    };
    if codes.is_empty() {
        let refusal = Refusal::from(ErrorReport::from(ErrorCode::NoQrCode));
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
            Scanned::Part { part, of } => {
                out.line(format!("  This is part {part} of {of}."))?;
                out.say(
                    "hint: Give the pictures of all parts at once: couchkey scan 1.png 2.png …",
                );
            }
            Scanned::WebPage { address, text } => {
                out.line(format!(
                    "  A QR code for something else. {}",
                    show::safe(&address.message())
                ))?;
                if with_text {
                    out.line(format!("  {}", show::safe(text)))?;
                }
                out.say(format!("hint: {}", address.hint()));
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
