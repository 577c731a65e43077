//! The adapters against the real thing: a disk that fills up, processes that are killed, the real Secret Service in
//! every state it can be in, a real X server, and a desktop portal played by the test.
//!
//! Each adapter runs in a process of its own (`src/bin/os_adapter.rs`), as the keyring and the screen are found by the
//! environment, and as only a process can be killed. Every answer is waited for with a bound: a hang is a failure.
#![cfg(target_os = "linux")]

mod disk;
mod keyring;
mod played;
mod screen;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use couchkey_tests::desktop::Session;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bound that the keyring's adapter gets where an answer is expected.
const LONG: &str = "50000";
/// The bound that it gets where nobody will answer.
const SHORT: &str = "4000";

/// A process with one adapter in it.
struct Adapter {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
}

impl Adapter {
    fn program() -> &'static str {
        env!("CARGO_BIN_EXE_os_adapter")
    }

    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, answers) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            orders: child.stdin.take().unwrap(),
            child,
            answers,
        }
    }

    fn disk(dir: &Path) -> Self {
        let mut command = Command::new(Self::program());
        command.arg("disk").arg(dir);
        let adapter = Self::start(command);
        assert_eq!(adapter.answer(), "\"ready\"", "it started");
        adapter
    }

    /// Connected or not: the first answer says so.
    fn keyring(session: &Session, timeout: &str) -> Self {
        let mut command = session.command(Self::program());
        command.args(["keyring", timeout]);
        Self::start(command)
    }

    fn connected(session: &Session, timeout: &str) -> Self {
        let adapter = Self::keyring(session, timeout);
        assert_eq!(adapter.answer(), "\"ready\"", "it connects");
        adapter
    }

    fn answer(&self) -> String {
        self.answers
            .recv_timeout(PATIENCE)
            .expect("an answer within a minute")
    }

    fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
