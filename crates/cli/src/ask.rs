//! What is asked of people: passphrases, names, yes or no. Where nobody sits there, answers are lines of standard input.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
};

use couchkey_authenticator::ErrorCode;
use crossterm::{
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    terminal,
};
use unicode_width::UnicodeWidthStr;
use zeroize::{Zeroize, Zeroizing};

use crate::refusal::{INTERRUPTED, Refusal, Stop};

/// The most text that is read from standard input: some fifteen otpauth URIs of the greatest length.
pub const MAX_TEXT: u64 = 64 << 10;

/// Where answers come from.
pub struct Ask {
    descriptor: Option<Box<dyn BufRead>>,
    stdin: BufReader<io::Stdin>,
    stdin_is_data: bool,
}

impl Ask {
    /// `passphrase_fd`: where passphrases come from. `stdin_is_data`: a `-` on the command line takes all of standard
    /// input, so that no answer can come from there.
    ///
    /// # Errors
    /// Nothing can be read from the descriptor.
    pub fn new(passphrase_fd: Option<u32>, stdin_is_data: bool) -> Result<Self, Stop> {
        let descriptor = match passphrase_fd {
            Some(0) if stdin_is_data => {
                return Err(Stop::Usage(Refusal::new(
                    "usage",
                    "Standard input cannot bring both the passphrase and the set-up link.",
                    "Use another descriptor for the passphrase: --passphrase-fd 3 3<FILE",
                )));
            }
            Some(0) | None => None,
            Some(number) => Some(open_descriptor(number)?),
        };
        Ok(Self {
            descriptor,
            stdin: BufReader::new(io::stdin()),
            stdin_is_data,
        })
    }

    /// Whether somebody sits there who can be asked.
    pub fn somebody_is_there(&self) -> bool {
        io::stderr().is_terminal() && io::stdin().is_terminal()
    }

    /// A passphrase that exists already; `None` where nobody gives one.
    pub fn passphrase(&mut self, prompt: &str) -> Result<Option<Zeroizing<String>>, Stop> {
        if let Some(descriptor) = &mut self.descriptor {
            return read_line(descriptor.as_mut());
        }
        if self.stdin_is_data && !io::stdin().is_terminal() {
            // The terminal, if there is one, can still be asked: crossterm reads it by its own name.
            return if io::stderr().is_terminal() {
                typed(prompt, Echo::Hidden).map(Some)
            } else {
                Ok(None)
            };
        }
        self.line_or_typed(prompt, Echo::Hidden)
    }

    /// A passphrase that is being chosen; asked for twice where it is typed unseen.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`] where nobody gives one.
    pub fn new_passphrase(&mut self) -> Result<Zeroizing<String>, Stop> {
        if self.descriptor.is_some() || !self.somebody_is_there() {
            return Ok(self
                .passphrase("New passphrase: ")?
                .ok_or(ErrorCode::PassphraseNeeded)?);
        }
        loop {
            let first = typed(
                "New passphrase (eight characters or more; four unrelated words are good): ",
                Echo::Hidden,
            )?;
            if first.chars().count() < 8 {
                say("That is too short.");
                continue;
            }
            if *first == *typed("The same once more: ", Echo::Hidden)? {
                return Ok(first);
            }
            say("These two are different.");
        }
    }

    /// A password for a file, typed twice; `None` where nobody is there to type it.
    pub fn file_password(&mut self) -> Result<Option<Zeroizing<String>>, Stop> {
        if !self.somebody_is_there() {
            return Ok(None);
        }
        loop {
            let first = typed(
                "Password for the file (eight characters or more): ",
                Echo::Hidden,
            )?;
            if first.chars().count() < 8 {
                say("That is too short.");
                continue;
            }
            if *first == *typed("The same once more: ", Echo::Hidden)? {
                return Ok(Some(first));
            }
            say("These two are different.");
        }
    }

    /// Whether passphrases come from a descriptor.
    pub fn has_descriptor(&self) -> bool {
        self.descriptor.is_some()
    }

    /// A line that may be seen while it is typed; `None` at the end of standard input.
    pub fn line(&mut self, prompt: &str) -> Result<Option<Zeroizing<String>>, Stop> {
        self.line_or_typed(prompt, Echo::Shown)
    }

    /// A line that is not shown while it is typed.
    pub fn hidden_line(&mut self, prompt: &str) -> Result<Option<Zeroizing<String>>, Stop> {
        self.line_or_typed(prompt, Echo::Hidden)
    }

    /// Yes or no; Enter alone is `default`.
    pub fn yes(&mut self, question: &str, default: bool) -> Result<bool, Stop> {
        let choice = if default { "[Y/n]" } else { "[y/N]" };
        let Some(answer) = self.line(&format!("{question} {choice} "))? else {
            return Ok(default);
        };
        Ok(match answer.trim() {
            "" => default,
            answer => answer.starts_with(['y', 'Y', 'j', 'J']),
        })
    }

    /// All of standard input, at most `most` bytes and one. Where somebody sits there, a link that is pasted unseen.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn everything(&mut self, most: u64) -> Result<Zeroizing<Vec<u8>>, Stop> {
        if io::stdin().is_terminal() {
            let line = typed(
                "Paste the set-up link (it is not shown), then press Enter: ",
                Echo::Hidden,
            )?;
            return Ok(Zeroizing::new(line.as_bytes().to_vec()));
        }
        // Room for most links, so that they do not move about in memory and leave copies.
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
        (&mut self.stdin)
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| unreadable("standard input"))?;
        Ok(bytes)
    }

    fn line_or_typed(
        &mut self,
        prompt: &str,
        echo: Echo,
    ) -> Result<Option<Zeroizing<String>>, Stop> {
        if io::stdin().is_terminal() {
            typed(prompt, echo).map(Some)
        } else {
            read_line(&mut self.stdin)
        }
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn unreadable(what: &str) -> Refusal {
    Refusal::new(
        "input_unreadable",
        format!("Nothing could be read from {what}."),
        "Check what is connected to it, and try again.",
    )
}

/// The descriptor by its name in the file system: opening it needs no unsafe code, and one that is not open is an error.
fn open_descriptor(number: u32) -> Result<Box<dyn BufRead>, Stop> {
    let file = if cfg!(unix) {
        File::open(format!("/dev/fd/{number}"))
    } else {
        Err(io::ErrorKind::Unsupported.into())
    };
    match file {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(_) => Err(Stop::Usage(Refusal::new(
            "usage",
            format!("File descriptor {number} cannot be read."),
            "Open it in the shell: couchkey list --passphrase-fd 3 3<FILE. Or pass the passphrase on standard input.",
        ))),
    }
}

/// One line without its end; `None` when there is nothing more.
fn read_line(from: &mut dyn BufRead) -> Result<Option<Zeroizing<String>>, Stop> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(MAX_TEXT)
        .read_until(b'\n', &mut bytes)
        .map_err(|_| unreadable("the given descriptor"))?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Refusal::new(
            "not_text",
            "What was read is not text.",
            "Save it as plain text in UTF-8, and try again.",
        )
    })?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Shown,
    Hidden,
}

/// A line from the keyboard, key by key: so that Ctrl-C gives the terminal back as it was, and nothing stays hidden.
fn typed(prompt: &str, echo: Echo) -> Result<Zeroizing<String>, Stop> {
    let keyboard = |_: io::Error| Stop::from(unreadable("the terminal"));
    let mut screen = screen();
    // First the keyboard, then the question: whoever answers at once is not echoed either.
    let raw = Raw::new().map_err(keyboard)?;
    let _ = write!(screen, "{prompt}");
    let _ = screen.flush();
    let mut line = Line::default();
    let mut shown = 0;
    let outcome = loop {
        let Event::Key(key) = event::read().map_err(keyboard)? else {
            continue;
        };
        if let Some(outcome) = line.press(key) {
            break outcome;
        }
        if echo == Echo::Shown {
            let width = line.text.width();
            if width < shown {
                let _ = write!(screen, "{}", "\x08 \x08".repeat(shown - width));
            } else if width > shown {
                let _ = write!(screen, "{}", line.text.chars().next_back().unwrap_or(' '));
            }
            let _ = screen.flush();
            shown = width;
        }
    };
    drop(raw);
    let _ = writeln!(screen);
    match outcome {
        Outcome::Entered => Ok(line.text),
        Outcome::GivenUp => Err(Stop::Quietly(INTERRUPTED)),
    }
}

/// Where questions are asked: standard error, or the terminal itself where that leads elsewhere.
fn screen() -> Box<dyn Write> {
    if !io::stderr().is_terminal()
        && cfg!(unix)
        && let Ok(terminal) = File::options().write(true).open("/dev/tty")
    {
        return Box::new(terminal);
    }
    Box::new(io::stderr())
}

/// Keys come one by one while it lives; the terminal is as it was afterwards, whatever happens in between.
pub struct Raw;

impl Raw {
    /// # Errors
    /// There is no terminal.
    pub fn new() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = terminal::disable_raw_mode();
    }
}

/// More bytes than this are not typed; twice the longest link that is read, so that a longer one is seen to be too long.
const LONGEST: usize = 8 << 10;

enum Outcome {
    Entered,
    GivenUp,
}

/// A line while it is typed.
struct Line {
    text: Zeroizing<String>,
}

impl Default for Line {
    /// Room for any line that a person types, so that it does not move about in memory and leave copies.
    fn default() -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(LONGEST)),
        }
    }
}

impl Line {
    /// `Some` when the line ends.
    fn press(&mut self, key: KeyEvent) -> Option<Outcome> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL)
            // AltGr, by which many keyboards type @ and \, reports itself as Ctrl+Alt on Windows.
            && !key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Enter => Some(Outcome::Entered),
            KeyCode::Char('c') if control => Some(Outcome::GivenUp),
            KeyCode::Char('d') if control && self.text.is_empty() => Some(Outcome::GivenUp),
            // A line feed from a program at the other end of the terminal arrives as Ctrl-J.
            KeyCode::Char('j' | 'm') if control => Some(Outcome::Entered),
            KeyCode::Char('u') if control => {
                self.text.zeroize();
                None
            }
            KeyCode::Char('h') if control => {
                self.text.pop();
                None
            }
            KeyCode::Backspace => {
                self.text.pop();
                None
            }
            KeyCode::Char(c) if !control && !c.is_control() => {
                if self.text.len() + c.len_utf8() <= LONGEST {
                    self.text.push(c);
                }
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_all(keys: &[(KeyCode, KeyModifiers)]) -> (String, Option<bool>) {
        let mut line = Line::default();
        for (code, modifiers) in keys {
            if let Some(outcome) = line.press(KeyEvent::new(*code, *modifiers)) {
                return (
                    line.text.to_string(),
                    Some(matches!(outcome, Outcome::Entered)),
                );
            }
        }
        (line.text.to_string(), None)
    }

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;

    #[test]
    fn a_typed_line_is_what_was_meant() {
        let at_by_altgr = KeyModifiers::CONTROL | KeyModifiers::ALT;
        let keys = [
            (KeyCode::Char('x'), NONE),
            (KeyCode::Char('u'), CTRL),
            (KeyCode::Char('é'), NONE),
            (KeyCode::Char('B'), KeyModifiers::SHIFT),
            (KeyCode::Char('?'), NONE),
            (KeyCode::Backspace, NONE),
            (KeyCode::Char('@'), at_by_altgr),
            (KeyCode::Char('k'), CTRL),
            (KeyCode::Left, NONE),
            (KeyCode::Enter, NONE),
        ];
        assert_eq!(
            type_all(&keys),
            ("éB@".to_owned(), Some(true)),
            "edits apply, other keys do nothing"
        );
    }

    #[test]
    fn control_c_gives_up_and_keeps_nothing_waiting() {
        let keys = [(KeyCode::Char('a'), NONE), (KeyCode::Char('c'), CTRL)];
        assert_eq!(type_all(&keys).1, Some(false), "it is not an answer");
    }

    #[test]
    fn a_line_feed_sent_by_a_program_enters() {
        let keys = [(KeyCode::Char('a'), NONE), (KeyCode::Char('j'), CTRL)];
        assert_eq!(
            type_all(&keys),
            ("a".to_owned(), Some(true)),
            "raw terminals report it as Ctrl-J"
        );
    }

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let mut from: &[u8] = b" pass word \r\nsecond\n\nlast";
        let mut next = || {
            read_line(&mut from)
                .ok()
                .flatten()
                .map(|line| line.to_string())
        };
        assert_eq!(
            next().as_deref(),
            Some(" pass word "),
            "blanks belong to a passphrase"
        );
        assert_eq!(next().as_deref(), Some("second"), "one a line");
        assert_eq!(next().as_deref(), Some(""), "an empty line is an answer");
        assert_eq!(
            next().as_deref(),
            Some("last"),
            "the last line needs no end"
        );
        assert_eq!(next(), None, "then there is nothing more");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut from: &[u8] = b"\xff\xfe\n";
        assert!(
            read_line(&mut from).is_err(),
            "a passphrase is never guessed at"
        );
    }
}
