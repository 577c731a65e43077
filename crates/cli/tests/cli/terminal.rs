//! The edges of a terminal: pipes that close, full disks, prompts, Ctrl-C, `watch`.
#![cfg(target_os = "linux")] // `script`, /dev/full and `stty` as util-linux and coreutils have them

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use crate::run::{Home, PASSPHRASE, SECRET, STREAM_TV};

/// The longest that a test waits for words to appear.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn nobody_listening_is_no_failure() {
    let home = Home::with(&[STREAM_TV]);
    for arguments in [
        &["list"][..],
        &["--json", "list"],
        &["code", "stream"],
        &["trash"],
        &["lock"],
        &["doctor"],
        &["--help"],
        &["help", "add"],
        &["--version"],
        &["man"],
        &["completions", "bash"],
        &["--json", "code", "nobody"],
    ] {
        let mut all = vec!["--passphrase-fd", "3"];
        all.extend(arguments);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = home
            .command(&all)
            .stdin(Stdio::null())
            .stdout(writer)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert!(
            output.status.code().is_some_and(|code| code <= 1),
            "{arguments:?}: {:?}",
            output.status
        );
        if !arguments.contains(&"nobody") {
            assert!(
                !said.contains("error"),
                "{arguments:?} has nothing to complain about: {said}"
            );
        }
    }
}

#[test]
fn a_closed_standard_error_is_survived() {
    let home = Home::with_vault();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = home
        .command(&["--passphrase-fd", "3", "code", "nobody"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "the exit code still tells");
}

#[test]
fn a_full_disk_is_told() {
    let home = Home::with(&[STREAM_TV]);
    for arguments in [
        &["list"][..],
        &["--json", "list"],
        &["man"],
        &["completions", "zsh"],
    ] {
        let mut all = vec!["--passphrase-fd", "3"];
        all.extend(arguments);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = home
            .command(&all)
            .stdin(Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?}: an answer that is lost is no success: {said}"
        );
        assert!(said.contains("the disk is full"), "{arguments:?}: {said}");
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let home = Home::new();
    for arguments in [
        &[][..],
        &["nothing"],
        &["add"],
        &["edit", "x"],
        &["code", "--at", "yesterday"],
        &["list", "--at", "-1"],
        &["list", "--at", "99999999999999"],
        &["edit", "x", "--pin", "--unpin"],
        &["man", "nothing"],
        &["inspect", "x.png"],
        &["scan"],
        &["remove"],
        &["lock", "maybe"],
        &["--keyring", "other", "list"],
        &["add", "--manual", "x.png"],
        &["watch", "--at", "59"],
    ] {
        let run = home.run_bare(arguments, b"");
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(
            !run.stderr.is_empty(),
            "{arguments:?} is told what is wrong"
        );
    }
}

#[test]
fn help_manual_and_completions_are_there() {
    let home = Home::new();
    let page = home.run_bare(&["man"], b"").stdout;
    assert!(
        page.contains(".TH couchkey") && page.contains("passphrase"),
        "{page}"
    );
    let page = home.run_bare(&["man", "add"], b"").stdout;
    assert!(
        page.contains("allow") && page.contains("manual"),
        "a page of one command: {page}"
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run_bare(&["completions", shell], b"").stdout;
        assert!(
            script.contains("recovery-key"),
            "{shell} learns every command"
        );
    }
}

/// `couchkey` on a terminal of its own, by way of script(1).
struct Terminal {
    child: Child,
    keys: ChildStdin,
    words: Receiver<u8>,
    seen: Vec<u8>,
}

impl Terminal {
    fn open(home: &Home, shell_line: &str) -> Self {
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", shell_line, "/dev/null"])
            .env("HOME", &home.path)
            .env("COUCHKEY", env!("CARGO_BIN_EXE_couchkey"))
            .env("COUCHKEY_DATA_DIR", home.path.join("vault"))
            .env("TERM", "xterm")
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let mut screen = child.stdout.take().unwrap();
        let (sender, words) = mpsc::channel();
        thread::spawn(move || {
            let mut byte = [0];
            while screen.read_exact(&mut byte).is_ok() && sender.send(byte[0]).is_ok() {}
        });
        Self {
            child,
            keys,
            words,
            seen: Vec::new(),
        }
    }

    /// Waits until the screen has shown `text`, and forgets everything up to there.
    fn wait_for(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(at) = self
                .seen
                .windows(text.len())
                .position(|window| window == text.as_bytes())
            {
                let before: Vec<u8> = self.seen.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&before).into_owned();
            }
            match self
                .words
                .recv_timeout(PATIENCE.saturating_sub(start.elapsed()))
            {
                Ok(byte) => self.seen.push(byte),
                Err(_) => panic!(
                    "never saw {text:?}, but: {}",
                    String::from_utf8_lossy(&self.seen)
                ),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// The exit code and everything that was not waited for.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.seen.extend(self.words.iter());
        (code, String::from_utf8_lossy(&self.seen).into_owned())
    }
}

const LINE: &str = "\"$COUCHKEY\" --keyring file";

#[test]
fn a_passphrase_is_asked_for_unseen_and_a_second_chance_is_given() {
    let home = Home::with(&[STREAM_TV]);
    let mut terminal = Terminal::open(&home, &format!("{LINE} code stream --at 1111111109"));
    terminal.wait_for("Passphrase: ");
    terminal.press("wrong one\r");
    terminal.wait_for("does not open");
    let between = terminal.wait_for("Passphrase: ");
    assert!(
        !between.contains("wrong one"),
        "nothing is echoed: {between}"
    );
    terminal.press(&format!("{PASSPHRASE}\n"));
    let shown = terminal.wait_for("081804");
    assert!(!shown.contains(PASSPHRASE), "nothing is echoed: {shown}");
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(
        rest.contains("for 1 more s; then 050471"),
        "a person learns how long it holds: {rest}"
    );
}

#[test]
fn a_link_that_is_pasted_is_not_shown() {
    let home = Home::with_vault();
    let mut terminal = Terminal::open(&home, &format!("{LINE} add - --at 1111111109"));
    terminal.wait_for("Enter: ");
    terminal.press(&format!("{STREAM_TV}\r"));
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    let preview = terminal.wait_for("Save it? [Y/n] ");
    terminal.press("y\r");
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("081 804"), "saved: {rest}");
    assert!(
        !format!("{preview}{rest}").contains(SECRET),
        "never echoed: {preview}{rest}"
    );
}

#[test]
fn a_question_is_seen_even_where_standard_error_leads_elsewhere() {
    let home = Home::with(&[STREAM_TV]);
    let line =
        format!("CODE=$({LINE} code stream --at 1111111109 2>/dev/null); echo \"code $CODE\"");
    let mut terminal = Terminal::open(&home, &line);
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("code 081804");
    terminal.end();
}

#[test]
fn control_c_at_a_prompt_ends_and_gives_the_terminal_back() {
    let home = Home::with(&[STREAM_TV]);
    let mut terminal = Terminal::open(
        &home,
        &format!("{LINE} list; echo \"ended with $?\"; stty -a; echo done"),
    );
    terminal.wait_for("Passphrase: ");
    terminal.press("abc\u{3}");
    terminal.wait_for("ended with 130");
    let settings = terminal.wait_for("done");
    for setting in ["echo", "icanon", "isig"] {
        assert!(
            settings.split_whitespace().any(|word| word == setting),
            "{setting} is on again: {settings}"
        );
    }
    terminal.end();
}

#[test]
fn a_new_vault_is_talked_through() {
    let home = Home::new();
    let mut terminal = Terminal::open(&home, &format!("{LINE} init"));
    terminal.wait_for("New passphrase");
    terminal.press("short\r");
    terminal.wait_for("too short");
    terminal.wait_for("New passphrase");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("once more: ");
    terminal.press("something else\r");
    terminal.wait_for("different");
    terminal.wait_for("New passphrase");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("once more: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("Your recovery key:");
    terminal.wait_for("written down?");
    terminal.press("y\r");
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(0), "{rest}");
    assert_eq!(home.run(&["list"], "").code, 0, "and it opens");
}

#[test]
fn what_would_be_saved_is_shown_first() {
    let home = Home::with_vault();
    crate::run::picture(
        &home.file("qr.png"),
        &["otpauth://totp/Old%20TV:me?secret=JBSWY3DPEHPK3PXP"],
    );
    for (answer, count) in [("n\r", 0), ("\r", 1)] {
        let mut terminal = Terminal::open(&home, &format!("{LINE} add \"$HOME/qr.png\""));
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        let preview = terminal.wait_for("Save it? [Y/n] ");
        assert!(
            preview.contains("Old TV · me") || preview.contains("Old TV"),
            "the name: {preview}"
        );
        assert!(
            preview.contains("warning: The secret key is shorter"),
            "and what is odd: {preview}"
        );
        terminal.press(answer);
        let (code, rest) = terminal.end();
        assert_eq!(code, Some(1 - count), "{rest}");
        let list = home.json(&["list"], "");
        assert_eq!(
            list.as_array().unwrap().len(),
            usize::try_from(count).unwrap(),
            "as answered"
        );
        if count == 1 {
            assert!(
                rest.contains("Type this code on the TV now"),
                "and what to do now: {rest}"
            );
        }
    }
}

#[test]
fn watch_shows_codes_and_gives_the_screen_back() {
    let home = Home::with(&[STREAM_TV]);
    for leave in ["q", "\u{3}"] {
        let mut terminal = Terminal::open(
            &home,
            &format!("{LINE} watch; echo \"ended with $?\"; stty -a; echo done"),
        );
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        terminal.wait_for("\u{1b}[?1049h");
        terminal.wait_for("StreamTV");
        terminal.wait_for("q to leave");
        terminal.press(leave);
        terminal.wait_for("\u{1b}[?1049l");
        terminal.wait_for("ended with 0");
        assert!(
            terminal.wait_for("done").contains(" icanon "),
            "the terminal is as it was"
        );
        terminal.end();
    }
}

#[test]
fn watch_prints_lines_where_there_is_no_terminal() {
    let home = Home::with(&[STREAM_TV]);
    let mut child = home
        .command(&["--passphrase-fd", "3", "watch"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, name) = line.trim_end().split_once("   ").unwrap();
    assert_eq!(name, "StreamTV · fam-0042@example.tv", "{line}");
    assert!(
        code.chars().all(|c| c.is_ascii_digit() || c == ' ') && code.len() == 7,
        "in groups: {line}"
    );
}
