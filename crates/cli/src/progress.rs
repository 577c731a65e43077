//! How far a long command is, on the terminal.

use std::io::{self, IsTerminal, Write};

use couchkey_authenticator::view::{Progress, Stage};

use crate::show::Out;

/// One line on the terminal that says how far it is, and is gone afterwards.
pub struct Line {
    shows: bool,
    last: Option<(Stage, u32)>,
}

impl Line {
    pub fn new(out: &Out) -> Self {
        Self {
            shows: !out.is_json() && io::stderr().is_terminal(),
            last: None,
        }
    }

    pub fn show(&mut self, progress: Progress) {
        let percent = (progress.done * 100).checked_div(progress.of).unwrap_or(0);
        let now = (progress.stage, percent);
        if !self.shows || self.last == Some(now) {
            return;
        }
        self.last = Some(now);
        let what = match progress.stage {
            Stage::Deriving => "Trying the password",
            Stage::Reading => "Reading",
            Stage::Saving => "Saving",
            Stage::Writing => "Writing",
            Stage::Checking => "Checking",
        };
        let percent = match progress.of {
            0 => "…".to_owned(),
            _ => format!(" {percent} %"),
        };
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\u{1b}[K{what}{percent}");
        let _ = stderr.flush();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.last.is_some() {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\u{1b}[K");
            let _ = stderr.flush();
        }
    }
}
