//! Raw mode of the terminal for prompts and `watch`, and signal handlers that give it back however the program ends.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    panic,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    thread::{self, ThreadId},
};

use crossterm::{
    Command,
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
};
use zeroize::Zeroizing;

/// What is different from before, and who made it so.
struct Taken {
    by: ThreadId,
    face: Face,
    /// The shell has the terminal meanwhile: somebody stopped us.
    lent: bool,
}

/// What the terminal shows of us.
enum Face {
    /// `watch` has a screen of its own, without a cursor.
    Screen,
    /// A prompt is told what is pasted. Of the answer only what may be seen is here.
    Prompt {
        question: String,
        answer: Zeroizing<String>,
    },
}

static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

/// Keys come one by one while it lives; the terminal is as it was afterwards, whatever happens in between: an error, a
/// panic, or a signal.
pub struct Raw;

impl Raw {
    /// For a prompt, whose question is shown as soon as nothing is echoed any more: whoever answers at once is not echoed
    /// either. What is pasted comes in one piece, where the terminal knows how.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn for_prompt(question: &str) -> io::Result<Self> {
        Self::take(Face::Prompt {
            question: question.to_owned(),
            answer: Zeroizing::default(),
        })
    }

    /// For a screen of our own, which leaves nothing behind in the scrollback.
    ///
    /// # Errors
    /// There is no terminal.
    pub fn with_screen() -> io::Result<Self> {
        Self::take(Face::Screen)
    }

    /// Remembers what is shown of an answer, for when the prompt is drawn again.
    pub fn shows(&self, visible: &str) {
        if let Some(Taken {
            face: Face::Prompt { answer, .. },
            ..
        }) = taken().as_mut()
        {
            answer.clear();
            answer.push_str(visible);
        }
    }

    fn take(face: Face) -> io::Result<Self> {
        watch_over();
        let mut held = taken();
        terminal::enable_raw_mode()?;
        let taken = held.insert(Taken {
            by: thread::current().id(),
            face,
            lent: false,
        });
        taken.face.draw();
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        give_back(&mut taken());
    }
}

impl Face {
    fn draw(&self) {
        let mut screen = screen();
        match self {
            Self::Screen => {
                tell(&mut screen, EnterAlternateScreen);
                tell(&mut screen, Hide);
            }
            Self::Prompt { question, answer } => {
                tell(&mut screen, EnableBracketedPaste);
                let _ = write!(screen, "{question}{}", answer.as_str());
                let _ = screen.flush();
            }
        }
    }

    fn leave(&self) {
        let mut screen = screen();
        match self {
            Self::Screen => {
                tell(&mut screen, Show);
                tell(&mut screen, LeaveAlternateScreen);
            }
            Self::Prompt { .. } => tell(&mut screen, DisableBracketedPaste),
        }
    }
}

fn taken() -> MutexGuard<'static, Option<Taken>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// First what cannot wait for anybody, then what is written.
fn give_back(held: &mut Option<Taken>) {
    lend(held);
    *held = None;
}

/// Gives the terminal to the shell until [`take_again`].
fn lend(held: &mut Option<Taken>) {
    let Some(taken) = held.as_mut().filter(|taken| !taken.lent) else {
        return;
    };
    let _ = terminal::disable_raw_mode();
    taken.lent = true;
    taken.face.leave();
}

/// After a stop. The shell may have changed the terminal even if it was not lent: nobody is asked before SIGSTOP.
#[cfg(unix)]
fn take_again(held: &mut Option<Taken>) {
    use crossterm::terminal::{Clear, ClearType};
    let Some(taken) = held.as_mut() else {
        return;
    };
    let _ = terminal::disable_raw_mode();
    let _ = terminal::enable_raw_mode();
    taken.lent = false;
    if let Face::Prompt { .. } = taken.face {
        // Over what is left of the question where no shell wrote in between.
        let mut screen = screen();
        let _ = write!(screen, "\r");
        tell(&mut screen, Clear(ClearType::UntilNewLine));
    }
    taken.face.draw();
}

/// A terminal that knows no such thing shows its spelling, so it is not told.
fn tell(screen: &mut impl Write, command: impl Command) {
    let plain = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
    if cfg!(unix) && plain {
        return;
    }
    let _ = crossterm::execute!(screen, command);
}

/// Where questions are asked: standard error, or the terminal itself where that leads elsewhere.
pub fn screen() -> Box<dyn Write> {
    if !io::stderr().is_terminal()
        && cfg!(unix)
        && let Ok(terminal) = File::options().write(true).open("/dev/tty")
    {
        return Box::new(terminal);
    }
    Box::new(io::stderr())
}

/// Before the terminal is changed for the first time: whatever ends us gives it back first.
fn watch_over() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            // Another thread's panic is held by whoever waits for it.
            if let Ok(mut held) = TAKEN.try_lock()
                && held
                    .as_ref()
                    .is_some_and(|taken| taken.by == thread::current().id())
            {
                give_back(&mut held);
            }
            before(about);
        }));
        #[cfg(unix)]
        signals::watch();
    });
}

/// Leaves the terminal to the shell until somebody types `fg`, as Ctrl-Z does everywhere else.
pub fn suspend() {
    #[cfg(unix)]
    signals::suspend();
}

#[cfg(unix)]
mod signals {
    use std::{
        sync::{
            atomic::{AtomicBool, Ordering},
            mpsc,
        },
        thread,
        time::Duration,
    };

    use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
    use signal_hook::{
        consts::signal::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP},
        iterator::Signals,
        low_level::emulate_default_handler,
    };

    use super::{give_back, lend, take_again, taken};

    /// A terminal that was stopped (Ctrl-S) takes nothing; that keeps nobody from ending us.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Whether signals are heard here, so that somebody takes the terminal again.
    static WATCHES: AtomicBool = AtomicBool::new(false);

    pub fn watch() {
        let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT];
        let ignored = ignored();
        let heard = wanted
            .into_iter()
            .filter(|signal| !is_ignored(*signal, ignored));
        // Where no thread can be had, a signal ends us as it would have without all this.
        let Ok(mut signals) = Signals::new(heard) else {
            return;
        };
        let watching = thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for signal in signals.forever() {
                    match signal {
                        SIGCONT => take_again(&mut taken()),
                        SIGTSTP if nobody_could_go_on() => {}
                        SIGTSTP => ends(signal, || lend(&mut taken())),
                        _ => ends(signal, || give_back(&mut taken())),
                    }
                }
            });
        WATCHES.store(watching.is_ok(), Ordering::Release);
    }

    /// Ends or stops us by this very signal, so that a shell counts it as it does everywhere: 128 and the signal's number.
    fn ends(signal: i32, first: fn()) {
        let (tell, done) = mpsc::sync_channel(1);
        thread::spawn(move || {
            first();
            tell.send(())
        });
        let _ = done.recv_timeout(PATIENCE);
        let _ = emulate_default_handler(signal);
    }

    /// Without a shell's job control, as in a window opened for this command alone, nobody can type `fg`. There the system
    /// stops nothing either.
    fn nobody_could_go_on() -> bool {
        getsid(None).is_ok_and(|session| session == getpgrp())
    }

    /// Stops everything that was started together with us, as the terminal itself would, and comes back when somebody
    /// typed `fg`: until then nothing may be written where the shell is.
    pub fn suspend() {
        let watches = WATCHES.load(Ordering::Acquire);
        if !watches || nobody_could_go_on() || is_ignored(SIGTSTP, ignored()) {
            return;
        }
        lend(&mut taken());
        if kill_current_process_group(Signal::TSTP).is_err() {
            take_again(&mut taken());
        }
        while taken().as_ref().is_some_and(|taken| taken.lent) {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_ignored(signal: i32, ignored: u64) -> bool {
        ignored & (1 << (signal - 1)) != 0
    }

    /// The signals that whoever started us wants ignored (`nohup`), as bits. Linux tells; elsewhere none are.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;

    use super::*;

    const PANICS: &str = "COUCHKEY_TEST_PANICS";

    /// Run by the test below on a terminal of its own; alone it does nothing.
    #[test]
    fn panics_on_a_terminal() {
        if std::env::var_os(PANICS).is_some() {
            let _raw = Raw::with_screen().unwrap();
            panic!("as a mistake of ours would");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_says_anything() {
        let us = std::env::current_exe().unwrap();
        let line = format!(
            "{PANICS}=1 '{}' --exact terminal::tests::panics_on_a_terminal --nocapture; stty -a",
            us.display()
        );
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("TERM", "xterm")
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        let (_, after) = shown
            .split_once("\u{1b}[?1049h")
            .unwrap_or_else(|| panic!("it had the screen: {shown}"));
        let (_, after) = after
            .split_once("\u{1b}[?1049l")
            .unwrap_or_else(|| panic!("and gave it back: {shown}"));
        assert!(
            after.contains("as a mistake of ours would"),
            "where the person can read why: {after}"
        );
        for setting in ["echo", "icanon", "isig"] {
            assert!(
                after.split_whitespace().any(|word| word == setting),
                "{setting} is on again: {after}"
            );
        }
    }
}
