//! The prompts: passphrases, names, yes or no. Where nobody sits there, answers are lines of standard input.

use std::{
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    time::Duration,
};

use couchkey_authenticator::{ErrorCode, Guards, weakness};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use unicode_width::UnicodeWidthStr;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    refusal::{INTERRUPTED, Refusal, Stop},
    terminal::{self, Raw, screen},
};

/// The most text that is read from standard input: some fifteen otpauth URIs of the greatest length.
pub const MAX_TEXT: u64 = 64 << 10;

/// The code of a question that got neither yes nor no.
const UNCLEAR: &str = "answer_unclear";

/// How often a question is asked that gets neither yes nor no.
const TIMES: u32 = 3;

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

    /// A passphrase that is being chosen; asked for twice where it is typed unseen, and again where it is too weak for
    /// what it `guards`.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`] where nobody gives one.
    pub fn new_passphrase(&mut self, guards: Guards) -> Result<Zeroizing<String>, Stop> {
        if self.descriptor.is_some() || !self.somebody_is_there() {
            return Ok(self
                .passphrase("New passphrase: ")?
                .ok_or(ErrorCode::PassphraseNeeded)?);
        }
        loop {
            let first = typed(
                "New passphrase (four unrelated words are good): ",
                Echo::Hidden,
            )?;
            if let Some(report) = weakness(&first, guards) {
                say(&format!("{} {}", report.message, report.hint));
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
                "Password for the file (four unrelated words are good): ",
                Echo::Hidden,
            )?;
            if let Some(report) = weakness(&first, Guards::Alone) {
                say(&format!("{} {}", report.message, report.hint));
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

    /// Yes or no; Enter alone is `default`, and so is the end of standard input. Anything else is asked again: it may be
    /// half of something that was pasted, and is nobody's answer.
    ///
    /// # Errors
    /// It was neither yes nor no, several times.
    pub fn yes(&mut self, question: &str, default: bool) -> Result<bool, Stop> {
        let choice = if default { "[Y/n]" } else { "[y/N]" };
        let mut question = question;
        for _ in 0..TIMES {
            let answer = self.line_or_typed(&format!("{question} {choice} "), Echo::Short)?;
            let Some(answer) = answer else {
                return Ok(default);
            };
            match yes_or_no(&answer, default) {
                Some(yes) => return Ok(yes),
                None => say("That is neither yes nor no. Type y or n, then Enter."),
            }
            question = question.trim_start();
        }
        Err(Refusal::new(
            UNCLEAR,
            "That was neither yes nor no, so nothing further was done.",
            "Start again, and answer with y or n.",
        )
        .into())
    }

    /// The same where nothing begins anew after the question, because what was asked for is done: no by default, and what
    /// stays unclear is no, too.
    ///
    /// # Errors
    /// Nothing can be read.
    pub fn said_yes(&mut self, question: &str) -> Result<bool, Stop> {
        match self.yes(question, false) {
            Err(Stop::Refused(refusal)) if refusal.code == UNCLEAR => Ok(false),
            answer => answer,
        }
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

/// The descriptor that we were given, read from where it stands. It is not opened anew by its name in the file system:
/// that fails where rights were dropped since, or where it is a socket, and begins at a file's beginning.
#[cfg(unix)]
fn open_descriptor(number: u32) -> Result<Box<dyn BufRead>, Stop> {
    let number = i32::try_from(number).map_err(|_| no_descriptor(number))?;
    let file = filedescriptor::FileDescriptor::dup(&number)
        .map_err(|_| no_descriptor(number.cast_unsigned()))?;
    Ok(Box::new(BufReader::new(file)))
}

#[cfg(not(unix))]
fn open_descriptor(number: u32) -> Result<Box<dyn BufRead>, Stop> {
    Err(no_descriptor(number))
}

fn no_descriptor(number: u32) -> Stop {
    Stop::Usage(Refusal::new(
        "usage",
        format!("File descriptor {number} is not open."),
        "Open it in the shell: couchkey list --passphrase-fd 3 3<FILE. Or pass the passphrase on standard input.",
    ))
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
    /// As much as yes or no takes: what is longer may be anything, a key for one.
    Short,
    Hidden,
}

impl Echo {
    /// What of `text` may be seen.
    fn of(self, text: &str) -> &str {
        match self {
            Self::Shown => text,
            Self::Short => text
                .char_indices()
                .nth(3)
                .map_or(text, |(end, _)| &text[..end]),
            Self::Hidden => "",
        }
    }
}

/// A line from the keyboard, key by key: so that Ctrl-C gives the terminal back as it was, and nothing stays hidden.
///
/// What is pasted at a hidden prompt is one answer, its line ends included: the next question must not get the rest of
/// it and show that to everybody.
fn typed(prompt: &str, echo: Echo) -> Result<Zeroizing<String>, Stop> {
    let keyboard = |_: io::Error| Stop::from(unreadable("the terminal"));
    let mut screen = screen();
    let raw = Raw::for_prompt(prompt).map_err(keyboard)?;
    let mut line = Line::default();
    let mut shown = Shown::default();
    let mut ready = None;
    let outcome = loop {
        let event = match ready.take() {
            Some(event) => event,
            None => event::read().map_err(keyboard)?,
        };
        match event {
            Event::Key(key) => match line.press(key) {
                Some(Outcome::Entered) if echo == Echo::Hidden => {
                    match next_at_once().map_err(keyboard)? {
                        None => break Outcome::Entered,
                        // No person is that quick: it is pasted into a terminal that does not say so.
                        more => {
                            line.push('\n');
                            ready = more;
                        }
                    }
                }
                Some(outcome) => break outcome,
                None => {}
            },
            Event::Paste(text) => line.paste(&Zeroizing::new(text), echo),
            _ => {}
        }
        let visible = echo.of(&line.text);
        raw.shows(visible);
        shown.follow(visible, &mut screen);
    };
    drop(raw);
    let _ = writeln!(screen);
    match outcome {
        Outcome::Entered => {
            let answer = line.text.trim_end_matches('\n').len();
            line.text.truncate(answer);
            Ok(line.text)
        }
        Outcome::GivenUp => Err(Stop::Quietly(INTERRUPTED)),
    }
}

/// The key or the paste that is there already, behind one that was just read.
fn next_at_once() -> io::Result<Option<Event>> {
    const AT_ONCE: Duration = Duration::from_millis(30);
    while event::poll(AT_ONCE)? {
        match event::read()? {
            // Windows tells that Enter was let go.
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            event @ (Event::Key(_) | Event::Paste(_)) => return Ok(Some(event)),
            _ => {}
        }
    }
    Ok(None)
}

/// How much of a line stands on the screen.
#[derive(Default)]
struct Shown {
    characters: usize,
    width: usize,
}

impl Shown {
    /// Only ever adds at the end or takes away there, as a line is typed.
    fn follow(&mut self, text: &str, screen: &mut impl Write) {
        let (characters, width) = (text.chars().count(), text.width());
        if characters < self.characters {
            let _ = write!(
                screen,
                "{}",
                "\x08 \x08".repeat(self.width.saturating_sub(width))
            );
        } else {
            for c in text.chars().skip(self.characters) {
                let _ = write!(screen, "{c}");
            }
        }
        let _ = screen.flush();
        *self = Self { characters, width };
    }
}

fn yes_or_no(answer: &str, default: bool) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "" => Some(default),
        "y" | "yes" | "j" | "ja" => Some(true),
        "n" | "no" | "nein" => Some(false),
        _ => None,
    }
}

/// More bytes than this are not typed; as many as are read from standard input, and one.
const LONGEST: usize = MAX_TEXT as usize + 1;

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
            KeyCode::Char('z') if control => {
                terminal::suspend();
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
                self.push(c);
                None
            }
            _ => None,
        }
    }

    fn push(&mut self, c: char) {
        if self.text.len() + c.len_utf8() <= LONGEST {
            self.text.push(c);
        }
    }

    /// What comes in one piece. In a hidden answer its line ends stay: a key may be broken by them, a list of links is
    /// parted by them. A line that is shown is one line.
    fn paste(&mut self, text: &str, echo: Echo) {
        let line_end = if echo == Echo::Hidden { '\n' } else { ' ' };
        let mut last = '\0';
        for c in text.chars() {
            match c {
                '\n' if last == '\r' => {}
                '\n' | '\r' => self.push(line_end),
                '\t' => self.push(' '),
                c if c.is_control() => {}
                c => self.push(c),
            }
            last = c;
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
    fn a_paste_keeps_its_lines_where_it_is_hidden_and_is_one_line_where_it_is_seen() {
        for (echo, line) in [(Echo::Hidden, "AB\nCD\n\nE F"), (Echo::Shown, "AB CD  E F")] {
            let mut typed = Line::default();
            typed.paste("AB\r\nCD\r\u{1b}\u{7}\nE\tF", echo);
            assert_eq!(*typed.text, line, "and nothing in it drives a terminal");
        }
        let mut typed = Line::default();
        typed.paste(&"x".repeat(LONGEST + 10), Echo::Hidden);
        assert_eq!(typed.text.len(), LONGEST, "and memory has an end");
    }

    #[test]
    fn yes_and_no_are_words_and_a_key_is_neither() {
        for yes in ["y", "Yes", " j ", "JA"] {
            assert_eq!(yes_or_no(yes, false), Some(true), "{yes}");
        }
        for no in ["n", "No", "nein"] {
            assert_eq!(yes_or_no(no, true), Some(false), "{no}");
        }
        assert_eq!(yes_or_no(" ", true), Some(true), "Enter alone");
        for neither in [
            "JBSWY3DPEHPK3PXP",
            "YZDGNBVGY3TQOJQ",
            "NBSWY3DP",
            "maybe",
            "1",
        ] {
            assert_eq!(yes_or_no(neither, true), None, "{neither}");
        }
        assert_eq!(Echo::Short.of("JBSWY3DP"), "JBS", "and it is hardly shown");
        assert_eq!(Echo::Hidden.of("JBSWY3DP"), "", "or not at all");
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
