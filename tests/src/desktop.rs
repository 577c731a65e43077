//! A throw-away desktop for tests: a home directory, a session bus, a real keyring, a screen, and the app's real window.
//!
//! ```no_run
//! use couchkey_tests::desktop::{Session, Window, app};
//!
//! let session = Session::builder().with_display().start();
//! let window = Window::start(&session, app());
//! window.wait_for_text("Welcome", 20);
//! window.screenshot("welcome.png");
//! for entry in session.every_secret() {
//!     println!("{}: {} bytes", entry.label, entry.bytes.len());
//! }
//! // Everything ends when the two go out of scope, in a panic too.
//! ```
//!
//! Linux only, and real: `dbus-daemon`, `gnome-keyring-daemon`, `Xvfb`, `openbox`, `WebKitWebDriver`. Nothing of the
//! person's own desktop is touched, and nothing of one session is seen in another, so tests run side by side. Every
//! wait asks again and again until a deadline, and then panics with the log of the program that it waited for.

pub mod keyring;
mod process;
pub mod steps;
mod wait;
mod window;

pub use keyring::Entry;
pub use process::{Process, alive, descendants_of};
pub use wait::{until, wait_until};
pub use window::Window;

use process::{Pipe, Programs};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;
use zbus::blocking::Connection;

/// How long a program may take to get ready on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The password of the keyring in every session.
pub const KEYRING_PASSWORD: &str = "sofa";

/// The window's program, built beside the tests by `cargo build --workspace`.
pub fn app() -> PathBuf {
    beside_the_tests("couchkey-app")
}

/// The command line's program, built beside the tests by `cargo build --workspace`.
pub fn cli() -> PathBuf {
    beside_the_tests("couchkey")
}

fn beside_the_tests(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let path = test
        .ancestors()
        .nth(2)
        .expect("a test lies in <target>/<profile>/deps")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace",
        path.display()
    );
    path
}

/// What a [`Session`] will be made of. Start with [`Session::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    bus: bool,
    keyring: bool,
    locked: bool,
    prompter: bool,
    display: Option<(u32, u32)>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Builder {
    /// No program that keeps secrets, and none that the bus would start when asked.
    pub fn without_keyring(mut self) -> Self {
        self.keyring = false;
        self
    }

    /// A keyring that exists and is locked, as after a login without a password.
    pub fn locked_keyring(mut self) -> Self {
        self.locked = true;
        self
    }

    /// No session bus at all, and so no keyring either.
    pub fn without_bus(mut self) -> Self {
        self.bus = false;
        self.keyring = false;
        self
    }

    /// Lets a locked keyring ask for its password in a window, where there is a display. Without this the keyring has
    /// nobody to ask and refuses at once.
    pub fn with_prompter(mut self) -> Self {
        self.prompter = true;
        self
    }

    /// A screen of 1280 × 800 with a window manager.
    pub fn with_display(self) -> Self {
        self.with_display_of(1280, 800)
    }

    /// A screen of this many pixels, with a window manager.
    pub fn with_display_of(mut self, width: u32, height: u32) -> Self {
        self.display = Some((width, height));
        self
    }

    /// An environment variable that every program of the session sees.
    pub fn with_variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Starts everything and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When a program is missing (`scripts/setup test` installs them all) or is not ready in time.
    pub fn start(self) -> Session {
        let mut session = Session::bare();
        session.variables = self.variables;
        if let Some((width, height)) = self.display {
            session.start_display(width, height);
        }
        if self.bus {
            session.start_bus(self.prompter);
        }
        if self.keyring {
            session.start_keyring();
            if self.locked {
                session.restart_keyring_locked();
            }
        }
        session
    }
}

/// What [`Session::copy_keyring`] took. Every session's keyring has the same password.
#[derive(Clone)]
pub struct KeyringCopy(Vec<(OsString, Vec<u8>)>);

/// A desktop of its own. Its processes and files end with it.
pub struct Session {
    programs: Programs,
    bus: Option<String>,
    display: Option<String>,
    variables: Vec<(&'static str, &'static str)>,
    home: TempDir,
}

impl Session {
    /// A session bus and an open, empty keyring; no display.
    pub fn start() -> Session {
        Session::builder().start()
    }

    /// A bus, an open keyring, no display: change what should be otherwise, then [`Builder::start`].
    pub fn builder() -> Builder {
        Builder {
            bus: true,
            keyring: true,
            locked: false,
            prompter: false,
            display: None,
            variables: Vec::new(),
        }
    }

    /// Runs the test of this name, of the program that calls this, once more and alone: in a process of its own, in a new
    /// session without a bus or a display, so that nothing of another test is in its folders and nothing of it elsewhere.
    /// Gives back the session, with everything in it that the test has left; `None` in that process, which does the work.
    ///
    /// # Panics
    /// When the test fails there, or there is none of this name.
    pub fn alone(test: &str) -> Option<Session> {
        if std::env::var_os(ALONE).is_some_and(|name| name == test) {
            return None;
        }
        let session = Session::builder().without_bus().start();
        let this = std::env::current_exe().expect("a running program has a path");
        let output = session
            .command(this)
            .args(["--exact", test, "--nocapture"])
            .env(ALONE, test)
            .stdin(Stdio::null())
            .output()
            .expect("this program can be started again");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{test}, alone: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(session)
    }

    /// Every file below the session's home with what it holds, and the folders that were looked through: home itself,
    /// the temporary folder, and those of configuration, data, cache, state, logs and the running session.
    pub fn every_file(&self) -> (Vec<PathBuf>, Vec<(PathBuf, Vec<u8>)>) {
        let (mut folders, mut files) = (vec![self.home().to_owned()], Vec::new());
        let mut next = 0;
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            // A program of the session may remove a folder or a file while it is looked at: then it holds nothing.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => {
                        files.push((entry.path(), fs::read(entry.path()).unwrap_or_default()));
                    }
                    _ => {}
                }
            }
        }
        (folders, files)
    }

    fn bare() -> Session {
        let home = tempfile::Builder::new()
            .prefix("couchkey-")
            .tempdir()
            .expect("the temporary directory takes a folder");
        for folder in FOLDERS {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(home.path().join(folder))
                .expect("a new folder can be made in it");
        }
        Session {
            programs: Programs::new(home.path()),
            bus: None,
            display: None,
            variables: Vec::new(),
            home,
        }
    }

    /// The throw-away home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `XDG_DATA_HOME`: what the app keeps on disk lies below it, and nothing of the keyring does.
    pub fn data_dir(&self) -> PathBuf {
        self.home().join("data")
    }

    /// The session bus's address, if this session has a bus.
    pub fn bus_address(&self) -> Option<&str> {
        self.bus.as_deref()
    }

    /// The display, such as `:99`, if this session has one.
    pub fn display(&self) -> Option<&str> {
        self.display.as_deref()
    }

    /// A new connection to the session's bus, for tests that speak to a service or play one. The session's *system* bus
    /// is this same bus, so a test may own `org.freedesktop.login1` on it and send the machine to sleep.
    pub fn connect(&self) -> Connection {
        let address = self.bus.as_deref().expect("this session has a bus");
        keyring::connect(address)
    }

    /// A command that runs in this session: it inherits `PATH` and nothing else of the environment of the tests.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let home = self.home();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("TMPDIR", home.join("tmp"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", self.data_dir())
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_RUNTIME_DIR", home.join("runtime"))
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("RUST_BACKTRACE", "1")
            .env("NO_AT_BRIDGE", "1") // GTK would look for an accessibility bus, and wait for it
            .env("GSETTINGS_BACKEND", "memory") // no dconf service in the background
            .env(
                "DBUS_SYSTEM_BUS_ADDRESS",
                self.bus
                    .clone()
                    .unwrap_or_else(|| format!("unix:path={}", home.join("no-bus").display())),
            )
            .current_dir(home);
        let (name, value) = self.programs.mark();
        command.env(name, value);
        if let Some(bus) = &self.bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
        if let Some(display) = &self.display {
            command.env("DISPLAY", display).env("GDK_BACKEND", "x11");
        }
        command.envs(self.variables.iter().copied());
        command
    }

    /// Runs a program in this session to its end and returns what it wrote to stdout.
    ///
    /// # Panics
    ///
    /// When it fails, with what it wrote to stderr.
    pub fn run<I: AsRef<std::ffi::OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = I>,
    ) -> String {
        let output = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        assert!(
            output.status.success(),
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a program in this session that runs on beside the test, until [`Session::stop`] or the end of the session.
    /// Its stderr goes to a log that is shown when a wait for it fails.
    pub fn spawn(&self, name: &str, command: Command) -> Process {
        self.programs.start(name, command, Pipe::Neither).0
    }

    /// Ends a program of [`Session::spawn`] and all its children: politely first, then for certain.
    pub fn stop(&self, name: &str) {
        self.programs.stop(name);
    }

    /// What a program of [`Session::spawn`] has written to stdout and stderr.
    pub fn log(&self, name: &str) -> String {
        self.programs.log(name)
    }

    /// Every process of this session that is alive now.
    pub fn processes(&self) -> Vec<Process> {
        self.programs.family()
    }

    /// A picture of the whole screen, as a PNG.
    pub fn screenshot(&self, path: impl AsRef<Path>) {
        let path = std::path::absolute(path).expect("a path can be made absolute");
        let target = format!("png:{}", path.display());
        self.run("import", ["-window", "root", target.as_str()]);
    }

    /// Puts text on the clipboard, as another program would.
    pub fn set_clipboard_text(&self, text: &str) {
        self.set_clipboard("UTF8_STRING", text.as_bytes());
    }

    /// Puts a picture (the bytes of a PNG) on the clipboard, as another program would.
    pub fn set_clipboard_image(&self, png: &[u8]) {
        self.set_clipboard("image/png", png);
    }

    /// What the clipboard says, as text; empty when it is empty or not text.
    ///
    /// A program that ends between being asked and answering leaves the asker waiting for ever, so it is asked under a
    /// bound: whoever does not answer has nothing on the clipboard.
    pub fn clipboard_text(&self) -> String {
        String::from_utf8_lossy(&self.clipboard_as("UTF8_STRING")).into_owned()
    }

    fn clipboard_as(&self, kind: &str) -> Vec<u8> {
        let bounded = ["5", "xclip", "-o", "-selection", "clipboard", "-t", kind];
        self.command("timeout")
            .args(bounded)
            .output()
            .expect("timeout is part of every system that has xclip")
            .stdout
    }

    /// It goes to xclip by a pipe: a file would be one more place in which a test of leaks finds what it has planted.
    fn set_clipboard(&self, kind: &str, content: &[u8]) {
        self.stop("clipboard");
        let mut command = self.command("xclip");
        command.args(["-quiet", "-selection", "clipboard", "-t", kind, "-i"]);
        let (_, mut pipes) = self.programs.start("clipboard", command, Pipe::Stdin);
        let mut stdin = pipes.stdin.take().expect("its stdin was piped");
        stdin
            .write_all(content)
            .expect("xclip reads what it is given");
        drop(stdin);
        self.wait("clipboard", || self.clipboard_as(kind) == content);
    }

    /// Starts the keyring, open. A session has it already unless its builder said otherwise or [`Session::stop_keyring`] did.
    pub fn start_keyring(&self) {
        self.spawn_keyring(&["--unlock"], KEYRING_PASSWORD);
    }

    /// Starts the keyring without its password: what it holds is there, and locked.
    pub fn start_keyring_locked(&self) {
        self.spawn_keyring(&[], "");
    }

    /// Ends the keyring's program; what it holds stays on disk, encrypted.
    pub fn stop_keyring(&self) {
        self.programs.stop("keyring");
        let bus = self.connect();
        wait_until("the keyring to leave the bus", PATIENCE, || {
            !keyring::is_running(&bus)
        });
    }

    fn restart_keyring_locked(&self) {
        self.stop_keyring();
        self.start_keyring_locked();
    }

    /// Locks the keyring that is running, as a screen locker or a person would.
    pub fn lock_keyring(&self) {
        keyring::lock(&self.connect());
    }

    /// Unlocks it again, without a prompt.
    pub fn unlock_keyring(&self) {
        keyring::unlock(&self.connect(), KEYRING_PASSWORD);
    }

    /// Is the default collection locked?
    pub fn keyring_is_locked(&self) -> bool {
        keyring::is_locked(&self.connect())
    }

    /// The path of the collection that every program uses by default, if there is one.
    pub fn default_collection(&self) -> Option<String> {
        keyring::default_collection(&self.connect()).map(|path| path.to_string())
    }

    /// Throws away everything in the keyring, as reinstalling a system does, and starts it again: open and empty.
    pub fn wipe_keyring(&self) {
        self.stop_keyring();
        fs::remove_dir_all(self.home().join(KEYRINGS)).expect("the keyring has written its files");
        self.start_keyring();
    }

    /// A copy of the keyring's files, as a backup of the home directory has them.
    pub fn copy_keyring(&self) -> KeyringCopy {
        self.stop_keyring();
        let files = fs::read_dir(self.home().join(KEYRINGS)).expect("the keyring has its files");
        let files = files.map(|file| {
            let file = file.expect("the session's home can be read");
            let bytes = fs::read(file.path()).expect("it is a file");
            (file.file_name(), bytes)
        });
        let copy = KeyringCopy(files.collect());
        self.start_keyring();
        copy
    }

    /// Puts a copy in the place of the keyring, of this session or another one, and starts it: open.
    pub fn put_keyring_back(&self, copy: &KeyringCopy) {
        self.stop_keyring();
        let folder = self.home().join(KEYRINGS);
        fs::remove_dir_all(&folder).expect("the keyring has written its files");
        fs::create_dir(&folder).expect("it was just removed");
        for (name, bytes) in &copy.0 {
            fs::write(folder.join(name), bytes).expect("the session's home can be written");
        }
        self.start_keyring();
    }

    /// Types into the keyring's own dialog, once it is there; needs [`Builder::with_prompter`] and a display.
    pub fn answer_prompt(&self, keys: &[&str]) {
        let search = [
            "search",
            "--onlyvisible",
            "--class",
            "gcr-prompter",
            "windowfocus",
            "--sync",
        ];
        wait_until("the keyring's dialog", PATIENCE, || {
            let found = self.command("xdotool").args(search).output();
            found.is_ok_and(|output| output.status.success())
        });
        let typing = ["key", "--clearmodifiers", "--delay", "60"];
        self.run("xdotool", typing.iter().chain(keys));
    }

    /// Presses keys, as xdotool calls them, in the window of this class: what a hand on the keyboard does, and not what a
    /// script tells the page.
    pub fn press_keys(&self, class: &str, keys: &[&str]) {
        let search = ["search", "--onlyvisible", "--class", class];
        wait_until("the window", PATIENCE, || {
            let found = self.command("xdotool").args(search).output();
            found.is_ok_and(|output| output.status.success())
        });
        self.run("xdotool", search.iter().chain(&["windowfocus", "--sync"]));
        let typing = ["key", "--clearmodifiers", "--delay", "60"];
        self.run("xdotool", typing.iter().chain(keys));
    }

    /// Types a path into the dialog of the system that asks for a place under this title, once it is there; or closes it
    /// without one. Needs a display.
    pub fn answer_dialog(&self, title: &str, path: Option<&Path>) {
        let find = ["search", "--onlyvisible", "--name", title];
        let there = || {
            let found = self.command("xdotool").args(find).output();
            found.is_ok_and(|output| output.status.success())
        };
        wait_until("the dialog that asks for a place", PATIENCE, there);
        self.run("xdotool", find.iter().chain(&["windowfocus", "--sync"]));
        if let Some(path) = path {
            let path = path.to_str().expect("a test's path is UTF-8");
            // Where a folder is asked for this opens the line for its path, elsewhere the line is there already.
            self.run("xdotool", ["key", "--clearmodifiers", "ctrl+l"]);
            self.run("xdotool", ["key", "--clearmodifiers", "ctrl+a"]);
            self.run("xdotool", ["type", "--delay", "10", path]);
        }
        // The first Return may only take what the dialog has completed.
        let key = if path.is_some() { "Return" } else { "Escape" };
        for _ in 0..5 {
            if there() {
                self.run("xdotool", ["key", key]);
            }
            if until(Duration::from_secs(2), || !there()) {
                return;
            }
        }
        panic!("the dialog {title:?} does not close");
    }

    /// Every entry in every collection of the keyring, read over D-Bus without any of our own code.
    ///
    /// # Panics
    ///
    /// When the keyring is locked: then what it holds cannot be known.
    pub fn every_secret(&self) -> Vec<Entry> {
        keyring::every_secret(&self.connect())
    }

    fn spawn_keyring(&self, options: &[&str], password: &str) {
        let mut command = self.command("gnome-keyring-daemon");
        // Its own data folder: a search of `data_dir` must see what Couchkey keeps there, and only that.
        command
            .env("XDG_DATA_HOME", self.home().join("keyring"))
            .args(["--foreground", "--components=secrets"])
            .args(options);
        let (_, mut pipes) = self.programs.start("keyring", command, Pipe::Stdin);
        let mut stdin = pipes.stdin.take().expect("its stdin was piped");
        stdin
            .write_all(password.as_bytes())
            .expect("it reads its password");
        drop(stdin);
        let bus = self.connect();
        self.wait("keyring", || keyring::is_running(&bus));
        if !password.is_empty() {
            self.wait("keyring", || !keyring::is_locked(&bus));
        }
    }

    fn start_bus(&mut self, prompter: bool) {
        // The standard configuration would start whatever is installed when asked, a keyring and desktop portals too.
        let services = self.home().join("services");
        let configuration = self.home().join("bus.conf");
        fs::write(
            &configuration,
            bus_configuration(&self.home().join("runtime/bus"), &services),
        )
        .expect("the session's home can be written");
        if prompter {
            for name in PROMPTERS {
                let text =
                    format!("[D-BUS Service]\nName={name}\nExec=/usr/libexec/gcr-prompter\n");
                fs::write(services.join(format!("{name}.service")), text)
                    .expect("the session's home can be written");
            }
        }
        let mut command = self.command("dbus-daemon");
        command
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nosyslog", "--print-address=1"]);
        let address = self.first_line_of("bus", command);
        self.bus = Some(address);
    }

    fn start_display(&mut self, width: u32, height: u32) {
        let mut command = self.command("Xvfb");
        // Without -noreset the server starts anew whenever its last client leaves, and refuses whoever comes meanwhile:
        // xdotool's look below would shut openbox out on a busy machine.
        command
            .args(["-displayfd", "1", "-noreset", "-nolisten", "tcp"])
            .args(["-screen", "0"])
            .arg(format!("{width}x{height}x24"));
        let number = self.first_line_of("display", command);
        self.display = Some(format!(":{number}"));

        let mut command = self.command("openbox");
        command.arg("--sm-disable");
        self.spawn("openbox", command);
        self.wait("openbox", || {
            let answer = self.command("xdotool").arg("get_desktop").output();
            answer.is_ok_and(|output| output.status.success())
        });
    }

    /// Starts a program that says on its first line of stdout that it is ready, and where.
    fn first_line_of(&self, name: &str, command: Command) -> String {
        let (_, mut pipes) = self.programs.start(name, command, Pipe::Stdout);
        let stdout = pipes.stdout.take().expect("its stdout was piped");
        let line = first_line(stdout).recv_timeout(PATIENCE);
        line.ok()
            .filter(|line| !line.is_empty())
            .unwrap_or_else(|| panic!("{name} did not start:\n{}", self.programs.log(name)))
    }

    /// Waits until the program of this name is ready, and shows its log when it is not in time.
    fn wait(&self, name: &str, ready: impl FnMut() -> bool) {
        if !until(PATIENCE, ready) {
            panic!("{name} is not ready:\n{}", self.programs.log(name));
        }
    }
}

/// The folders in a session's home.
const FOLDERS: [&str; 8] = [
    "config", "data", "cache", "state", "runtime", "logs", "services", "tmp",
];

/// The environment variable that tells a test that it runs alone: its name.
const ALONE: &str = "COUCHKEY_TEST_ALONE";

/// Where the keyring keeps its files, below the session's home.
const KEYRINGS: &str = "keyring/keyrings";

/// The windows in which a locked keyring asks for its password.
const PROMPTERS: [&str; 2] = [
    "org.gnome.keyring.SystemPrompter",
    "org.gnome.keyring.PrivatePrompter",
];

fn bus_configuration(socket: &Path, services: &Path) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
        socket.display(),
        services.display()
    )
}

/// Reads the first line in a thread of its own, which then swallows the rest so that the writer never blocks.
fn first_line(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = String::new();
        // A program that ends without a word gives an empty line: the receiver knows what that means.
        let _ = reader.read_line(&mut line);
        let _ = send.send(line.trim().to_owned());
        let _ = reader.read_to_end(&mut Vec::new());
    });
    receive
}

/// Makes a file that only its owner may read, write and run: for stand-in programs that a test puts on the `PATH`.
pub fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .expect("a file's owner may change its mode");
}
