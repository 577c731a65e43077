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

use crate::places::incomplete;
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
            .env_clear()
            .envs(home.environment())
            .env("COUCHKEY", env!("CARGO_BIN_EXE_couchkey"))
            .env("COUCHKEY_DATA_DIR", home.path.join("vault"))
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

    /// Sends a signal to the process whose number `PID` below writes down.
    fn signal(home: &Home, name: &str) {
        let pid = std::fs::read_to_string(home.file("pid")).unwrap();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), pid.trim()])
            .status()
            .unwrap();
        assert!(sent.success(), "{name} is sent to {pid}");
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

/// The same in a process whose number is written down; what comes behind it, and how the terminal is afterwards.
fn with_pid(arguments: &str) -> String {
    format!(
        "sh -c 'echo $$ >\"$HOME/pid\"; exec {LINE} {arguments}'; echo \"ended with $?\"; stty -a; echo done"
    )
}

fn is_as_before(settings: &str) {
    for setting in ["echo", "icanon", "isig"] {
        assert!(
            settings.split_whitespace().any(|word| word == setting),
            "{setting} is on again: {settings}"
        );
    }
}

#[test]
fn the_terminal_is_as_before_whatever_ends_us_at_a_prompt() {
    let home = Home::with(&[STREAM_TV]);
    for (signal, status) in [("TERM", 143), ("HUP", 129), ("INT", 130), ("QUIT", 131)] {
        let mut terminal = Terminal::open(&home, &with_pid("list"));
        terminal.wait_for("Passphrase: ");
        terminal.press("ab");
        Terminal::signal(&home, signal);
        terminal.wait_for(&format!("ended with {status}"));
        is_as_before(&terminal.wait_for("done"));
        terminal.end();
    }
}

#[test]
fn the_terminal_is_as_before_whatever_ends_watch() {
    let home = Home::with(&[STREAM_TV]);
    for (signal, status) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let mut terminal = Terminal::open(&home, &with_pid("watch"));
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        terminal.wait_for("q to leave");
        Terminal::signal(&home, signal);
        let shown = terminal.wait_for("\u{1b}[?1049l");
        assert!(
            shown.contains("\u{1b}[?25h"),
            "the cursor is shown again: {shown:?}"
        );
        terminal.wait_for(&format!("ended with {status}"));
        is_as_before(&terminal.wait_for("done"));
        terminal.end();
    }
}

/// A shell at which somebody sits, that has just started this command.
fn in_a_shell(home: &Home, arguments: &str) -> Terminal {
    let mut terminal = Terminal::open(home, &format!("PS1='{READY}' sh -i"));
    terminal.wait_for(READY);
    terminal.press(&format!(
        "sh -c 'echo $$ >\"$HOME/pid\"; exec {LINE} {arguments}'\r"
    ));
    terminal
}

const READY: &str = "ready> ";

/// Waits for the shell to have the terminal, as it was, and takes it back to the command.
fn fg(terminal: &mut Terminal, after: &str) {
    terminal.wait_for("Stopped");
    terminal.wait_for(READY);
    // What the shell itself left as it found it, it is helped with.
    if !after.is_empty() {
        terminal.press(after);
        terminal.wait_for(READY);
    }
    terminal.press("stty -a; echo do''ne\r");
    is_as_before(&terminal.wait_for("done"));
    terminal.wait_for(READY);
    terminal.press("fg\r");
}

#[test]
fn whoever_stops_watch_gets_the_terminal_and_fg_gives_it_back_to_watch() {
    let home = Home::with(&[STREAM_TV]);
    for by_key in [true, false] {
        let mut terminal = in_a_shell(&home, "watch");
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        terminal.wait_for("q to leave");
        match by_key {
            true => terminal.press("\u{1a}"),
            false => Terminal::signal(&home, "TSTP"),
        }
        terminal.wait_for("\u{1b}[?1049l");
        fg(&mut terminal, "");
        terminal.wait_for("\u{1b}[?1049h");
        terminal.wait_for("q to leave");
        terminal.press("q");
        terminal.wait_for("\u{1b}[?1049l");
        terminal.wait_for(READY);
        terminal.press("stty -a; echo do''ne\r");
        is_as_before(&terminal.wait_for("done"));
        terminal.press("exit\r");
        terminal.end();
    }
}

#[test]
fn a_prompt_that_was_stopped_is_drawn_again_and_still_shows_nothing() {
    let home = Home::with(&[STREAM_TV]);
    for stop in ["key", "TSTP", "STOP"] {
        let mut terminal = in_a_shell(&home, "list");
        terminal.wait_for("Passphrase: ");
        // What was typed before still counts. A signal could overtake it, and the shell would get it.
        let (first, rest) = PASSPHRASE.split_at(if stop == "key" { 4 } else { 0 });
        match stop {
            "key" => terminal.press(&format!("{first}\u{1a}")),
            signal => Terminal::signal(&home, signal),
        }
        // Nobody is asked before that one: what it leaves behind is for the shell, and this one leaves it.
        let after = if stop == "STOP" { "stty sane\n" } else { "" };
        fg(&mut terminal, after);
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{rest}\r"));
        let shown = terminal.wait_for("StreamTV");
        assert!(
            !shown.contains(rest) && !shown.contains(&PASSPHRASE[..4]),
            "{stop}: nothing is echoed: {shown}"
        );
        terminal.wait_for(READY);
        terminal.press("exit\r");
        terminal.end();
    }
}

#[test]
fn what_may_be_seen_of_an_answer_is_drawn_again_with_the_prompt() {
    let home = Home::with_vault();
    let mut terminal = in_a_shell(&home, "add --manual --account me");
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("for example StreamTV: ");
    terminal.press("Radio Xy\u{8}");
    terminal.wait_for("Radio X");
    terminal.press("\u{1a}");
    fg(&mut terminal, "");
    terminal.wait_for("for example StreamTV: Radio X");
    terminal.press("L\r");
    terminal.wait_for("Secret key (it is not shown): ");
    terminal.press(&format!("{SECRET}\r"));
    terminal.wait_for("[y/N] ");
    terminal.press("\r");
    terminal.wait_for("[Y/n] ");
    terminal.press("\r");
    terminal.wait_for("Saved: Radio XL");
    terminal.wait_for(READY);
    terminal.press("exit\r");
    terminal.end();
}

#[test]
fn control_z_stops_nothing_where_nobody_could_go_on() {
    let home = Home::with(&[STREAM_TV]);
    // As in a window that was opened for this command alone.
    let mut terminal = Terminal::open(&home, &with_pid("list"));
    terminal.wait_for("Passphrase: ");
    terminal.press("\u{1a}");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("StreamTV");
    terminal.wait_for("ended with 0");
    is_as_before(&terminal.wait_for("done"));
    terminal.end();
}

#[test]
fn a_key_that_is_pasted_with_a_line_break_is_one_key_and_is_never_shown() {
    let (first, second) = SECRET.split_at(16);
    for (paste, how) in [
        (format!("{first}\r{second}\r"), "as it is"),
        (format!("{first}\n{second}\n"), "with line feeds"),
        (
            format!("\u{1b}[200~{first}\r\n{second}\n\u{1b}[201~\r"),
            "in brackets",
        ),
    ] {
        let home = Home::with_vault();
        let line = format!("{LINE} add --manual --issuer StreamTV --account me --at 1111111109");
        let mut terminal = Terminal::open(&home, &line);
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        terminal.wait_for("Secret key (it is not shown): ");
        terminal.press(&paste);
        let mut shown = terminal.wait_for("counter)? [y/N] ");
        terminal.press("\r");
        shown += &terminal.wait_for("Save it? [Y/n] ");
        terminal.press("\r");
        let (code, rest) = terminal.end();
        shown += &rest;
        assert_eq!(code, Some(0), "{how}: {shown}");
        assert!(shown.contains("081 804"), "{how}: the whole key: {shown}");
        assert!(
            !shown.contains(first) && !shown.contains(second),
            "{how}: nothing of it is shown: {shown}"
        );
    }
}

#[test]
fn neither_yes_nor_no_is_asked_again_and_hardly_shown() {
    let home = Home::with_vault();
    let line = format!("{LINE} add --manual --issuer StreamTV --account me --at 1111111109");
    let mut terminal = Terminal::open(&home, &line);
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("Secret key (it is not shown): ");
    terminal.press(&format!("{SECRET}\r"));
    terminal.wait_for("counter)? [y/N] ");
    // As if the rest of something came late; it begins as `yes` does.
    terminal.press("YZDGNBVGY3TQOJQ\r");
    let shown = terminal.wait_for("neither yes nor no");
    assert!(!shown.contains("YZDG"), "no more than a yes takes: {shown}");
    terminal.wait_for("counter)? [y/N] ");
    terminal.press("n\r");
    for _ in 0..3 {
        terminal.wait_for("Save it? [Y/n] ");
        terminal.press("maybe\r");
        terminal.wait_for("neither yes nor no");
    }
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(1), "and not for ever: {rest}");
    assert_eq!(
        home.json(&["list"], "").as_array().unwrap().len(),
        0,
        "nothing was saved without a yes"
    );
}

/// The recovery key that stands in `shown`, on one line.
fn key_in(shown: &str) -> String {
    let lines = shown.lines().map(str::trim);
    let groups: Vec<&str> = lines
        .filter(|line| line.len() == 23 && line.split('-').all(|group| group.len() == 5))
        .collect();
    assert_eq!(groups.len(), 2, "two lines of four groups: {shown}");
    groups.join("-")
}

#[test]
fn an_older_recovery_key_ends_only_when_the_new_one_is_written_down() {
    let home = Home::new();
    let old = key_in(&home.run(&["init"], "").stdout);
    for command in ["recovery-key", "new-keys"] {
        let line = format!("{LINE} {command}");
        for answer in ["n\r", "\r", "\u{3}"] {
            let mut terminal = Terminal::open(&home, &line);
            terminal.wait_for("Passphrase: ");
            terminal.press(&format!("{PASSPHRASE}\r"));
            terminal.wait_for("[Y/n] ");
            terminal.press("\r");
            terminal.wait_for("Is it written down?");
            terminal.press(answer);
            let (code, rest) = terminal.end();
            assert_ne!(code, Some(0), "{command}, {answer:?}: {rest}");
            let drill = home.run(&["--json", "drill"], &old);
            assert_eq!(drill.code, 0, "{command}: the older one is good: {drill:?}");
        }
    }
    let mut terminal = Terminal::open(&home, &format!("{LINE} recovery-key"));
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("[Y/n] ");
    terminal.press("\r");
    let new = key_in(&terminal.wait_for("Is it written down?"));
    terminal.press("y\r");
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(0), "{rest}");
    assert_eq!(
        home.run(&["--json", "drill"], &old).error(),
        "wrong_recovery_key",
        "the older one has ended"
    );
    assert_eq!(home.run(&["drill"], &new).code, 0, "the new one counts");
    assert_eq!(home.run(&["doctor"], "").code, 0, "and is written down");

    // What is on a sheet need not be asked about: nobody prints it while a question waits.
    let line = format!("{LINE} recovery-key --sheet \"$HOME/sheet.html\"");
    let mut terminal = Terminal::open(&home, &line);
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("[Y/n] ");
    terminal.press("\r");
    let sheet = key_in(&terminal.wait_for("The page to print is saved"));
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(0), "{rest}");
    let page = std::fs::read_to_string(home.file("sheet.html")).unwrap();
    assert!(page.contains(&sheet), "the same key");
    assert_eq!(home.run(&["drill"], &sheet).code, 0, "and it counts");
}

/// A vault with backups from before it got new keys, which no newer one replaces by itself, and the key that opens them.
/// They are one, or two where a span of ten minutes ended between them: this machine's clock decides.
fn with_old_backups() -> (Home, Vec<std::path::PathBuf>, String) {
    let home = Home::new();
    let key = key_in(&home.run(&["init"], "").stdout);
    assert_eq!(home.run(&["add", "-"], STREAM_TV).code, 0, "an account");
    let folder = home.file("backups");
    let told = home.run(&["backup", "--auto", folder.to_str().unwrap()], "");
    assert_eq!(told.code, 0, "{told:?}");
    assert_eq!(home.run(&["backup"], "").code, 0, "and a backup");
    let old = backups(&home);
    assert!(!old.is_empty());
    let renewed = home.run(&["new-keys"], "");
    assert_eq!(renewed.code, 0, "{renewed:?}");
    assert!(old.iter().all(|old| old.exists()), "they stay");
    (home, old, key)
}

fn backups(home: &Home) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(home.file("backups")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// Whether a backup opens with a key, whatever else is to be said of it.
fn opens(home: &Home, backup: &std::path::Path, key: &str) -> bool {
    let opened = home.run(&["--json", "verify-backup", backup.to_str().unwrap()], key);
    let said: serde_json::Value = serde_json::from_str(&opened.stdout).unwrap();
    said.get("error").is_none()
}

/// At the offer to delete the backups that an older recovery key still opens; with the new key.
fn at_the_offer(home: &Home) -> (Terminal, String) {
    let mut terminal = Terminal::open(home, &format!("{LINE} recovery-key"));
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("Make a new one? [Y/n] ");
    terminal.press("y\r");
    let new = key_in(&terminal.wait_for("Is it written down?"));
    terminal.wait_for("[y/N] ");
    terminal.press("y\r");
    terminal.wait_for("Backups that the older recovery key still opens: ");
    terminal.wait_for("Make a new backup, and delete those? [y/N] ");
    (terminal, new)
}

#[test]
fn row_13_a_yes_to_the_offer_deletes_what_the_older_recovery_key_opens() {
    let (home, old, key) = with_old_backups();
    let (mut terminal, new) = at_the_offer(&home);
    let all = backups(&home).into_iter();
    let older = all.filter(|backup| !opens(&home, backup, &new)).count();
    terminal.press("y\r");
    let (code, rest) = terminal.end();
    assert_eq!(code, Some(0), "{rest}");
    // One that the vault's key of today opens goes by itself where the new backup is of the same ten minutes.
    let said = (old.len()..=older).map(|count| format!("A new backup is made. Deleted: {count}."));
    let said: Vec<String> = said.collect();
    assert!(
        said.iter().any(|said| rest.contains(said)),
        "{said:?}: {rest}"
    );
    assert!(!old.iter().any(|old| old.exists()), "they are gone");
    let after = backups(&home);
    assert!(!after.is_empty(), "a new one is there");
    for file in &after {
        assert!(
            !opens(&home, file, &key),
            "{file:?}: the older key does not"
        );
        assert!(opens(&home, file, &new), "{file:?}: the new one does");
    }
}

#[test]
fn row_13_without_a_yes_to_the_offer_the_backup_stays_and_the_new_key_counts() {
    for (answers, code) in [
        (&["n\r"][..], 0),
        (&["\r"], 0),
        (&["maybe\r", "YZDGNBVGY3TQOJQ\r", "1\r"], 0),
        // The end of input, and giving up.
        (&["\u{4}"], 130),
        (&["\u{3}"], 130),
    ] {
        let (home, old, key) = with_old_backups();
        let (mut terminal, new) = at_the_offer(&home);
        for (at, answer) in answers.iter().enumerate() {
            if at > 0 {
                terminal.wait_for("neither yes nor no");
                terminal.wait_for("delete those? [y/N] ");
            }
            terminal.press(answer);
        }
        let (ended, rest) = terminal.end();
        assert_eq!(ended, Some(code), "{answers:?}: {rest}");
        if code == 0 {
            assert!(
                rest.contains("couchkey backup && couchkey backup --remove-old"),
                "{answers:?}: how to do it later: {rest}"
            );
            assert!(
                !rest.contains("Start again"),
                "{answers:?}: that would make yet another key: {rest}"
            );
        }
        for old in &old {
            assert!(opens(&home, old, &key), "{answers:?}: it stays");
        }
        let drill = home.run(&["drill"], &new);
        assert!(
            drill.stdout.contains("The vault: 1 of 1 codes match"),
            "{answers:?}: the new key counts: {drill:?}"
        );
    }
}

#[test]
fn row_13_a_terminal_that_goes_away_at_the_offer_deletes_nothing() {
    let (home, old, key) = with_old_backups();
    let (mut terminal, new) = at_the_offer(&home);
    // script(1) takes the terminal with it.
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();
    for old in &old {
        assert!(opens(&home, old, &key), "it stays");
    }
    let drill = home.run(&["drill"], &new);
    assert!(drill.stdout.contains("1 of 1"), "the new key counts");
}

#[test]
fn a_recovery_key_is_not_shown_while_it_is_typed() {
    let home = Home::new();
    let key = key_in(&home.run(&["init"], "").stdout);
    let mut drill = Terminal::open(&home, &format!("{LINE} drill"));
    drill.wait_for("Passphrase: ");
    drill.press(&format!("{PASSPHRASE}\r"));
    let mut recover = Terminal::open(&home, &format!("{LINE} recover"));
    for (name, terminal, next) in [
        ("drill", &mut drill, "Proven"),
        ("recover", &mut recover, "New passphrase"),
    ] {
        terminal.wait_for("Recovery key");
        terminal.press(&format!("{key}\r"));
        let shown = terminal.wait_for(next);
        for group in key.split('-') {
            assert!(!shown.contains(group), "{name}: over the shoulder: {shown}");
        }
    }
    recover.press("\u{3}");
    recover.end();
    drill.end();
}

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
fn row_4_watch_ends_with_one_where_accounts_may_be_missing_until_somebody_has_looked() {
    let (home, _) = incomplete();
    for (code, is_told) in [(1, true), (0, false)] {
        let mut terminal = Terminal::open(&home, &format!("{LINE} watch; echo \"ended with $?\""));
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        let before = terminal.wait_for("\u{1b}[?1049h");
        assert_eq!(
            before.contains("may be missing") && before.contains("couchkey seen"),
            is_told,
            "before the codes take the screen: {before}"
        );
        terminal.wait_for("StreamTV");
        terminal.wait_for("q to leave");
        terminal.press("q");
        terminal.wait_for(&format!("ended with {code}"));
        terminal.end();
        assert_eq!(home.run(&["seen"], "").code, 0, "somebody looks");
    }
}

#[test]
fn tv_shows_a_code_large_and_gives_the_screen_back() {
    let home = Home::with(&[STREAM_TV]);
    for leave in ["q", "\u{1b}", "\u{3}", "i"] {
        let mut terminal = Terminal::open(
            &home,
            &format!("{LINE} tv; echo \"ended with $?\"; stty -a; echo done"),
        );
        terminal.wait_for("Passphrase: ");
        terminal.press(&format!("{PASSPHRASE}\r"));
        terminal.wait_for("\u{1b}[?1049h");
        terminal.wait_for("StreamTV");
        terminal.wait_for("██");
        terminal.wait_for(", for 30 seconds");
        terminal.wait_for("Type it only on your own TV. Nobody who calls you needs it.");
        // The first digit is done: drawn lighter from now on.
        terminal.press(" ");
        terminal.wait_for("░░");
        terminal.press(leave);
        terminal.wait_for("\u{1b}[?1049l");
        terminal.wait_for("ended with 0");
        is_as_before(&terminal.wait_for("done"));
        terminal.end();
    }
}

#[test]
fn the_pace_on_a_television_is_learnt_from_its_marks_and_kept() {
    let home = Home::with(&[STREAM_TV]);
    let mut terminal = Terminal::open(
        &home,
        &format!("{LINE} tv --on sofa; echo \"ended with $?\""),
    );
    terminal.wait_for("Passphrase: ");
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("Type it only on your own TV.");
    for _ in 0..3 {
        terminal.press(" ");
        // More than a tenth of a second for each of a digit's presses: less is no pace of a person.
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    terminal.press("q");
    terminal.wait_for("ended with 0");
    terminal.end();
    let kept = home.json(&["tv", "--list"], "");
    assert_eq!(kept[0]["name"], "sofa");
    assert!(kept[0]["press_ms"].as_u64() >= Some(100), "{kept}");
}

#[test]
fn the_terminal_is_as_before_whatever_ends_tv() {
    let home = Home::new();
    for (signal, status) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let mut terminal = Terminal::open(&home, &with_pid("tv -"));
        terminal.wait_for("The code (not shown while you type it, and forgotten afterwards): ");
        terminal.press("842913\r");
        terminal.wait_for("q: leave");
        Terminal::signal(&home, signal);
        terminal.wait_for("\u{1b}[?1049l");
        terminal.wait_for(&format!("ended with {status}"));
        is_as_before(&terminal.wait_for("done"));
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
