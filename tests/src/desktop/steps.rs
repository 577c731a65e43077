//! Steps that the tests of the app's window have in common: its screens, its buttons, and the command line beside it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Session, Window, app, cli, wait_until};

/// Long enough for the busiest machine; nothing waits for it where all is well.
pub const PATIENCE: u64 = 60;

/// The first code of the list.
pub const CODE: &str = "[data-testid='account-row'] [data-testid='code']";

/// A desktop with room for the window and something beside it.
pub fn session() -> Session {
    Session::builder().with_display_of(1300, 900).start()
}

/// The app's window.
pub fn start(session: &Session) -> Window<'_> {
    Window::start(session, app())
}

/// Waits for a screen of the app by its name.
pub fn screen(window: &Window<'_>, name: &str) {
    window.wait_for(&format!("[data-screen='{name}']"), PATIENCE);
}

/// Waits for a button, scrolls to it, and presses it. WebKit's driver does not scroll inside of a page.
pub fn click(window: &Window<'_>, testid: &str) {
    window.wait_for(&of(testid), PATIENCE);
    window.eval_with(
        "document.querySelector(arguments[0])?.scrollIntoView({ block: 'center' })",
        vec![of(testid).into()],
    );
    window.click(&of(testid));
}

/// The selector of an element that tests know by a name.
pub fn of(testid: &str) -> String {
    format!("[data-testid='{testid}']")
}

/// The system's clock, in seconds, for what the built programs show by it.
#[expect(
    clippy::disallowed_methods,
    reason = "a program under test reads the same clock"
)]
pub fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

/// The code that oathtool makes for a Unix time. Its secret goes in by standard input.
pub fn oathtool(secret: &str, at: u64) -> String {
    let mut child = Command::new("oathtool")
        .args(["--totp", "--base32", "--now", &format!("@{at}"), "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("oathtool is installed");
    let mut stdin = child.stdin.take().expect("its stdin was piped");
    stdin
        .write_all(secret.as_bytes())
        .expect("it reads its secret");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "oathtool takes the secret");
    String::from_utf8(output.stdout)
        .expect("digits")
        .trim()
        .to_owned()
}

/// The code on the screen is the one of a second between before and after reading it.
pub fn assert_code_is_right(window: &Window<'_>, css: &str, secret: &str) {
    wait_until(
        "the code on the screen is oathtool's",
        Duration::from_secs(PATIENCE),
        || {
            let before = unix_now();
            let shown = window.attribute(css, "data-code").unwrap_or_default();
            let after = unix_now();
            before / 30 == after / 30 && shown == oathtool(secret, before)
        },
    );
}

/// Makes a vault with the command line, and reads the recovery key off its terminal: eight groups of five.
pub fn recovery_key(session: &Session) -> String {
    let text = couchkey(session, &["init"], "");
    let halves: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.len() == 23 && word.matches('-').count() == 3)
        .collect();
    assert_eq!(
        halves.len(),
        2,
        "init shows the recovery key once, in two lines"
    );
    halves.join("-")
}

/// Runs the command line in the session to a good end.
pub fn couchkey(session: &Session, arguments: &[&str], input: &str) -> String {
    let mut child = session
        .command(cli())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is built");
    let mut stdin = child.stdin.take().expect("its stdin was piped");
    // A command that reads nothing may be gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "couchkey {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Every file below a folder; none where there is no folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files
}
