//! The output: lines and columns for people, JSON for programs. Control characters in strangers' names are escaped, so
//! that no QR code drives the terminal.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use couchkey_authenticator::view::{EnrolmentView, KindWord, Notice, Status};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};
use unicode_width::UnicodeWidthStr;

use crate::refusal::{DONE, REFUSED};

/// Standard output, which is for results, and standard error, which is for everything that is said about them.
pub struct Out {
    json: bool,
    stdout: BufWriter<Stdout>,
}

impl Out {
    /// `json`: results are for programs.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            stdout: BufWriter::new(io::stdout()),
        }
    }

    /// Whether results are for programs.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person reads the results as they come.
    pub fn is_terminal(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// A line of the result.
    pub fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.stdout, "{}", text.as_ref())
    }

    /// Bytes of the result as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)
    }

    /// The result as one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = Vec::new();
        value
            .serialize(&mut serde_json::Serializer::with_formatter(
                &mut line, Escaping,
            ))
            .map_err(io::Error::other)?;
        line.push(b'\n');
        self.stdout.write_all(&line)
    }

    /// Whether what is shown only once would reach anybody, as far as can be known before it is written. `also`: it is
    /// written to a file too.
    ///
    /// # Errors
    /// Nobody reads it any more, or ([`io::ErrorKind::NotConnected`]) it goes nowhere.
    pub fn try_way(&mut self, also: bool) -> io::Result<()> {
        self.stdout.flush()?;
        let way = self.way()?;
        if !also && goes_nowhere(&way) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        is_taken(&way, false)
    }

    /// Lines that are shown only once: written, on their way, and taken by whoever reads them. With `--json` they go to
    /// standard error: no JSON of ours ever carries a secret.
    ///
    /// # Errors
    /// Nobody has seen them.
    pub fn show_once(&mut self, lines: &[impl AsRef<str>]) -> io::Result<()> {
        for line in lines {
            match self.json {
                true => writeln!(io::stderr(), "{}", line.as_ref())?,
                false => self.line(line)?,
            }
        }
        self.stdout.flush()?;
        is_taken(&self.way()?, true)
    }

    /// Where those lines go, as a file that can be asked about.
    #[cfg(unix)]
    fn way(&self) -> io::Result<std::fs::File> {
        use std::os::fd::AsFd;
        let way = match self.json {
            true => io::stderr().as_fd().try_clone_to_owned()?,
            false => io::stdout().as_fd().try_clone_to_owned()?,
        };
        Ok(way.into())
    }

    #[cfg(not(unix))]
    fn way(&self) -> io::Result<()> {
        Ok(())
    }

    /// A remark. It goes to standard error, so that results can be piped on; if that is closed, it is lost.
    pub fn say(&mut self, text: impl AsRef<str>) {
        let _ = self.stdout.flush();
        let _ = writeln!(io::stderr(), "{}", text.as_ref());
    }

    /// A remark for people that programs have no use for.
    pub fn tell(&mut self, text: impl AsRef<str>) {
        if !self.json {
            self.say(text);
        }
    }

    /// Everything written so far is on its way. A full disk is noticed here at the latest.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// `/dev/null`; also where standard output was closed, which Rust's standard library leads there.
#[cfg(unix)]
fn goes_nowhere(way: &std::fs::File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |about: io::Result<std::fs::Metadata>| about.map(|about| about.rdev()).ok();
    device(way.metadata()).is_some_and(|device_of_way| {
        device_of_way != 0 && Some(device_of_way) == device(std::fs::metadata("/dev/null"))
    })
}

/// A pipe takes what is written although nobody reads it any more, or never will: `couchkey recovery-key | true`. So it is
/// asked whether somebody still reads and, for what was `written`, waited a moment until they have.
///
/// # Errors
/// [`io::ErrorKind::BrokenPipe`] when nobody does.
#[cfg(unix)]
fn is_taken(way: &std::fs::File, written: bool) -> io::Result<()> {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::ioctl_fionread,
    };
    use std::os::unix::fs::FileTypeExt;
    if !way.metadata()?.file_type().is_fifo() {
        return Ok(());
    }
    // A reader who lets it lie for longer is there, and may read it when we have ended.
    const MOMENT: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    const MOMENTS: u32 = 200;
    for _ in 0..MOMENTS {
        let mut asked = [PollFd::new(way, PollFlags::empty())];
        poll(&mut asked, Some(&MOMENT))?;
        // Whoever took everything may be gone by now.
        if written && ioctl_fionread(way).map_or(true, |left| left == 0) {
            return Ok(());
        }
        let gone = PollFlags::ERR | PollFlags::HUP;
        if asked[0].revents().intersects(gone) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if !written {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn goes_nowhere((): &()) -> bool {
    false
}

#[cfg(not(unix))]
fn is_taken((): &(), _written: bool) -> io::Result<()> {
    Ok(())
}

/// `text` with everything spelled out that would move the cursor, colour the screen or turn the writing around.
///
/// Names come from QR codes that anybody may print. Letters of every script stay as they are, joiners included.
pub fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if acts_on_terminals(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Control characters (C0, DEL, C1), line separators, direction marks (UAX #9), byte order mark, annotation marks.
fn acts_on_terminals(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// JSON whose strings hold none of those characters either; a parser reads the same text.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in fragment
            .char_indices()
            .filter(|(_, c)| acts_on_terminals(*c))
        {
            CompactFormatter.write_string_fragment(writer, &fragment[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        CompactFormatter.write_string_fragment(writer, &fragment[plain..])
    }
}

/// Issuer and account name, safe to print.
pub fn label(issuer: Option<&str>, account: &str) -> String {
    match (issuer.unwrap_or_default(), account) {
        ("", "") => "(no name)".to_owned(),
        (issuer, "") => safe(issuer),
        ("", account) => safe(account),
        (issuer, account) => format!("{} · {}", safe(issuer), safe(account)),
    }
}

/// The label of an account.
pub fn name(view: &EnrolmentView) -> String {
    label(view.issuer.as_deref(), &view.account)
}

/// A code in groups for the eye: three by three (`by` 3) or in pairs (`by` 2); Steam's five letters stay together.
pub fn grouped(code: &str, by: u8) -> String {
    // Whoever sent it has parted it.
    if code.contains('-') {
        return code.to_owned();
    }
    let sizes: &[usize] = match (code.len(), by) {
        (6, 2) => &[2, 2, 2],
        (8, 2) => &[2, 2, 2, 2],
        (6, _) => &[3, 3],
        (7, _) => &[3, 4],
        (8, _) => &[4, 4],
        _ => return code.to_owned(),
    };
    let mut rest = code;
    let mut groups = Vec::with_capacity(sizes.len());
    for size in sizes {
        let Some((group, more)) = rest.split_at_checked(*size) else {
            return code.to_owned();
        };
        groups.push(group);
        rest = more;
    }
    groups.join(" ")
}

/// Seconds until the next code takes over, counted at `at`; `None` for codes that follow a counter.
pub fn seconds_left(view: &EnrolmentView, at: u64) -> Option<u64> {
    view.period
        .map(|period| u64::from(period) - at % u64::from(period))
}

/// Columns and rows of the terminal.
pub fn terminal_size() -> (usize, usize) {
    // Serial lines and some programs that pretend to be terminals do not know their size.
    crossterm::terminal::size()
        .ok()
        .filter(|(width, height)| *width > 0 && *height > 0)
        .map_or((80, 24), |(width, height)| (width.into(), height.into()))
}

/// As much of `line` as fits; a wide letter at the edge is left away whole.
pub fn cut(line: &str, width: usize) -> String {
    use unicode_width::UnicodeWidthChar;
    let mut used = 0;
    line.chars()
        .take_while(|c| {
            used += c.width().unwrap_or_default();
            used <= width
        })
        .collect()
}

/// What kind of code it is, in words.
pub fn kind(view: &EnrolmentView) -> String {
    match (view.kind, view.period, view.counter) {
        (KindWord::Totp, Some(period), _) => {
            format!("time-based, a new code every {}", seconds(period))
        }
        (KindWord::Steam, ..) => "Steam, a new code every 30 seconds".to_owned(),
        (_, _, Some(counter)) => format!("counter-based, counter at {counter}"),
        _ => "time-based".to_owned(),
    }
}

fn seconds(period: u32) -> String {
    match period {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        n => format!("{n} seconds"),
    }
}

/// The first characters of an id: enough to name an account by.
pub fn short(id: Option<&str>) -> &str {
    id.map_or("", |id| id.get(..8).unwrap_or(id))
}

/// A warning's word as a sentence for people, with the second name where two services are named.
pub fn warning(word: &str, label_issuer: Option<&str>) -> String {
    match (word, label_issuer) {
        ("issuer-mismatch", Some(other)) => format!(
            "It names a second service, {}. Look twice at whom it is from.",
            safe(other)
        ),
        _ => sentence(word).to_owned(),
    }
}

/// What it means comes first; nothing here is a reason to stop.
fn sentence(word: &str) -> &str {
    match word {
        "algorithm-alias" => {
            "The algorithm's name is spelled in an unusual way. Couchkey understood it."
        }
        "bad-percent" => "The name holds a stray % sign. It is shown as it came.",
        "base32-noncanonical" => {
            "The secret key has a few bits too many at its end. They were left out, as other apps do."
        }
        "bidi-stripped" => {
            "Hidden marks that turn writing around were taken out of the name. Look twice at whom it is from."
        }
        "duplicate-parameter" => "The QR code says one thing twice. Both agree.",
        "extra-colon" => "The account name holds a colon. Other apps may split the name elsewhere.",
        "guessed-encoding" => {
            "The file does not say how its letters are encoded. Look at the names: some letters may be wrong."
        }
        "link-mended" => {
            "Its link is written in an unusual way, and Couchkey read it as it is most likely meant. See whether the service accepts the first code."
        }
        "groups-cut" => {
            "It is in more or longer groups than Couchkey keeps. The first ones are kept."
        }
        "name-cut" => "The name is longer than Couchkey keeps. Its end is cut off.",
        "note-cut" => "The note is longer than Couchkey keeps. Its end is cut off.",
        "issuer-mismatch" => {
            "Two different services are named in it. Look twice at whom it is from."
        }
        "label-truncated" => "The name was longer than 256 characters and was cut.",
        "no-account" => "It does not say whose account it is.",
        "no-issuer" => "It does not say which service it is for.",
        "short-secret" => {
            "The secret key is shorter than the standard asks for. Some services do that; the codes are right."
        }
        other => other,
    }
}

/// What the vault has to tell when it opens.
pub fn notice(notice: Notice) -> &'static str {
    match notice {
        Notice::Incomplete => {
            "Accounts may be missing here, or older than they were: no copy of the vault was whole. Restore your newest backup: couchkey recover --backup FILE. When you have looked: couchkey seen"
        }
        Notice::PutTogether => {
            "Two copies of the vault had gone apart, from two computers for example. They were put together."
        }
        Notice::CameBack => {
            "Accounts marked \"came back\" were in one of two copies only. Remove what you do not want. When you have looked: couchkey seen"
        }
        Notice::OlderCopy => {
            "The vault's file was an older copy. What is newer was taken from the keyring."
        }
        Notice::FileRebuilt => {
            "The vault's files were lost, and were made again from one computer's keyring, with what that one had. What another computer saved after it may be missing. If an account is missing, restore a backup: couchkey recover --backup FILE. When you have looked: couchkey seen"
        }
        Notice::KeyringRebuilt => {
            "The keyring had no copy of the vault. It was written again from the file, with what the file had; check whether an account is missing."
        }
        Notice::KeyringOlder => {
            "The keyring had an older copy of the vault, from before another computer's changes for example. It was written again from the file."
        }
        Notice::OrderLost => {
            "The order of the list could not be kept, and what was in the trash is in the list."
        }
        Notice::ItemsDamaged => {
            "Some accounts cannot be read at the moment. They are kept as they are; see couchkey doctor."
        }
        Notice::Repaired => "Damage was found and mended from the other copy.",
        Notice::NotMended => {
            "A copy of the vault is damaged, older, or cannot be read, and it could not be written again just now; see couchkey doctor."
        }
        Notice::NothingMissing => "Every account that either copy knows of is here.",
        Notice::ClockWrong => {
            "This computer's clock is wrong, so services will refuse the codes. Set date and time."
        }
        Notice::RecoveryKeyNotSaved => {
            "You have not said yet that the recovery key is written down. For a new one: couchkey recovery-key"
        }
        Notice::BackupFailed => {
            "The change is saved, but no backup of it could be written; see couchkey doctor."
        }
    }
}

/// 1 where accounts may be missing from a list or cannot be read, so that a script notices.
pub fn list_code(status: &Status) -> u8 {
    let incomplete = |notice: &Notice| matches!(notice, Notice::Incomplete | Notice::ItemsDamaged);
    match status.notices.iter().any(incomplete) {
        true => REFUSED,
        false => DONE,
    }
}

/// Rows in columns that line up for every script; the last column may be as long as it likes.
pub fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or_default()
        })
        .collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 3));
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_letters() {
        assert_eq!(cut("ab莎士", 5), "ab莎", "half a wide letter is none");
    }

    #[test]
    fn a_hostile_name_cannot_drive_the_terminal() {
        let hostile =
            "\u{1b}]0;owned\u{7}\u{9b}2J\r\nTV\u{202e}knaB\u{200f}\u{2066}\u{feff}\u{2028}";
        let shown = safe(hostile);
        assert!(
            !shown.chars().any(acts_on_terminals),
            "none of them reaches the terminal: {shown:?}"
        );
        assert!(
            shown.contains("TV") && shown.contains("\\u{202e}"),
            "what they were can still be seen: {shown}"
        );
    }

    #[test]
    fn letters_of_every_script_stay() {
        for name in [
            "莎士比亚",
            "Première",
            "क्\u{200d}ष",
            "עברית",
            "👩\u{200d}👧",
            "არა",
        ] {
            assert_eq!(safe(name), name, "nothing in it acts on a terminal");
        }
    }

    #[test]
    fn json_reads_back_as_it_was_and_holds_no_control_characters() {
        let name = "a\u{9b}b\u{7f}\u{202e}\n\"c\\莎";
        let mut line = Vec::new();
        name.serialize(&mut serde_json::Serializer::with_formatter(
            &mut line, Escaping,
        ))
        .unwrap();
        let text = String::from_utf8(line).unwrap();
        assert!(
            !text.chars().any(acts_on_terminals),
            "safe even when printed to a terminal: {text:?}"
        );
        assert_eq!(
            serde_json::from_str::<String>(&text).unwrap(),
            name,
            "escapes are only a spelling"
        );
    }

    #[test]
    fn codes_come_in_groups_that_can_be_typed() {
        for (code, by, shown) in [
            ("123456", 3, "123 456"),
            ("123456", 2, "12 34 56"),
            ("1234567", 3, "123 4567"),
            ("1234567", 2, "123 4567"),
            ("12345678", 3, "1234 5678"),
            ("12345678", 2, "12 34 56 78"),
            ("R2V8K", 3, "R2V8K"),
        ] {
            assert_eq!(grouped(code, by), shown, "{code} by {by}");
        }
    }

    #[test]
    fn every_warning_has_words() {
        let words = include_str!("../../otp/src/enrolment.rs")
            .split("=> \"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|word| !matches!(*word, "totp" | "hotp" | "steam"));
        let mut count = 0;
        for word in words {
            assert_ne!(sentence(word), word, "{word} would reach people as it is");
            count += 1;
        }
        assert!(count >= 11, "the list in couchkey-otp was found: {count}");
    }

    #[test]
    fn columns_line_up_for_wide_letters() {
        let rows = vec![
            vec!["081 804".to_owned(), "莎士".to_owned(), "x".to_owned()],
            vec!["1".to_owned(), "abc".to_owned(), "y".to_owned()],
        ];
        assert_eq!(
            columns(&rows),
            ["081 804   莎士   x", "1         abc    y"],
            "a wide letter takes two cells"
        );
    }
}
