//! Proves the test desktop itself: what a test reads there is real, is its own, and is gone afterwards.

use couchkey_tests::desktop::{self, Process, Session, Window};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Stores a secret with libsecret's own program, which shares no code with us.
fn store(session: &Session, name: &str, secret: &str) {
    use std::io::Write;
    let mut child = session
        .command("secret-tool")
        .args(["store", "--label", name, "test", name])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("secret-tool is installed");
    let mut stdin = child.stdin.take().expect("its stdin was piped");
    stdin
        .write_all(secret.as_bytes())
        .expect("it reads its secret");
    drop(stdin);
    assert!(
        child.wait().expect("it ends").success(),
        "secret-tool stores {name}"
    );
}

fn lookup(session: &Session, name: &str) -> Command {
    let mut command = session.command("secret-tool");
    command.args(["lookup", "test", name]);
    command
}

#[test]
fn a_secret_is_read_back_in_its_session_and_is_unknown_in_another() {
    let (one, other) = (Session::start(), Session::start());
    store(&one, "planted", "couch potato");
    assert_eq!(
        one.run("secret-tool", ["lookup", "test", "planted"]),
        "couch potato",
        "the keyring is a real one"
    );
    let answer = lookup(&other, "planted")
        .output()
        .expect("secret-tool is installed");
    assert_eq!(
        (answer.status.code(), &*answer.stdout),
        (Some(1), &b""[..]),
        "each session has a keyring of its own"
    );
    assert!(other.every_secret().is_empty(), "a new keyring is empty");
}

#[test]
fn every_secret_tells_labels_attributes_and_bytes() {
    let session = Session::start();
    store(&session, "first", "one");
    store(&session, "second", "two\nlines");
    let mut entries = session.every_secret();
    entries.sort_by(|a, b| a.label.cmp(&b.label));
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                &*entry.label,
                entry.attributes["test"].as_str(),
                &*entry.bytes,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("first", "first", &b"one"[..]),
            ("second", "second", b"two\nlines")
        ],
        "nothing is left out"
    );
}

#[test]
fn a_locked_keyring_has_its_entries_but_tells_nobody() {
    let session = Session::start();
    store(&session, "planted", "couch potato");
    assert!(!session.keyring_is_locked(), "it starts open");
    session.lock_keyring();
    assert!(session.keyring_is_locked(), "it was asked to lock");
    let answer = lookup(&session, "planted")
        .output()
        .expect("secret-tool is installed");
    assert_eq!(answer.stdout, b"", "a locked keyring gives no secret away");
    session.unlock_keyring();
    assert!(!session.keyring_is_locked(), "its password opens it");
    assert_eq!(
        session.run("secret-tool", ["lookup", "test", "planted"]),
        "couch potato",
        "locking loses nothing"
    );
}

#[test]
fn a_session_may_start_with_a_locked_keyring_that_exists() {
    let session = Session::builder().locked_keyring().start();
    assert!(session.keyring_is_locked(), "nobody gave it its password");
    session.unlock_keyring();
    assert!(
        !session.keyring_is_locked(),
        "it exists, for it has a password"
    );
    assert!(
        session.every_secret().is_empty(),
        "and nothing is in it yet"
    );
}

#[test]
fn a_keyring_keeps_its_entries_over_a_restart_and_loses_them_when_wiped() {
    let session = Session::start();
    store(&session, "planted", "couch potato");
    session.stop_keyring();
    session.start_keyring();
    assert_eq!(session.every_secret().len(), 1, "entries are on disk");
    session.wipe_keyring();
    assert!(session.every_secret().is_empty(), "wiped is wiped");
    assert!(!session.keyring_is_locked(), "and it can be used again");
}

#[test]
fn without_a_keyring_the_bus_starts_none() {
    let session = Session::builder().without_keyring().start();
    let answer = lookup(&session, "planted")
        .output()
        .expect("secret-tool is installed");
    assert!(!answer.status.success(), "nobody answers");
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(
        said.contains("org.freedesktop.secrets was not provided"),
        "the bus knows of no keyring: {said}"
    );
}

#[test]
fn without_a_bus_there_is_no_address_to_find() {
    let session = Session::builder().without_bus().start();
    let environment = session.run("env", [""; 0]);
    assert!(
        !environment.contains("DBUS_SESSION_BUS_ADDRESS"),
        "no session bus: {environment}"
    );
    let answer = lookup(&session, "planted")
        .output()
        .expect("secret-tool is installed");
    assert!(
        !answer.status.success(),
        "libsecret finds no bus by itself either"
    );
}

#[test]
fn a_command_sees_the_session_and_nothing_of_the_person_who_runs_the_tests() {
    let session = Session::start();
    let environment = session.run("env", [""; 0]);
    for line in environment.lines() {
        let (name, value) = line.split_once('=').expect("env prints name=value");
        if name == "HOME" || (name.starts_with("XDG_") && name.ends_with("_HOME")) {
            assert!(
                value.starts_with(&*session.home().to_string_lossy()),
                "{line} lies in the session's home"
            );
        }
        assert!(!name.starts_with("CARGO"), "{line} is the tests' own");
    }
    use std::os::unix::fs::PermissionsExt;
    let runtime = fs::metadata(session.home().join("runtime")).expect("XDG_RUNTIME_DIR is there");
    assert_eq!(
        runtime.permissions().mode() & 0o777,
        0o700,
        "the XDG base directory specification asks for 0700"
    );
    assert!(
        fs::read_dir(session.data_dir())
            .expect("it is there")
            .next()
            .is_none(),
        "the keyring's files lie elsewhere"
    );
}

#[test]
fn the_display_shows_a_window_and_can_be_photographed() {
    let session = Session::builder()
        .without_keyring()
        .with_display_of(640, 480)
        .start();
    let empty = session.home().join("empty.png");
    session.screenshot(&empty);
    let mut command = session.command("display");
    command.args([
        "-title",
        "couchkey-harness",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../icons/128x128.png"),
    ]);
    session.spawn("display", command);
    desktop::wait_until("a window", Duration::from_secs(30), || {
        let mut search = session.command("xdotool");
        search.args(["search", "--onlyvisible", "--name", "couchkey-harness"]);
        search.output().is_ok_and(|output| output.status.success())
    });
    let full = session.home().join("full.png");
    session.screenshot(&full);
    let size = session.run("identify", ["-format", "%wx%h", &full.to_string_lossy()]);
    assert_eq!(
        size, "640x480",
        "the screen is as large as it was asked to be"
    );
    let picture =
        |path: &PathBuf| session.run("identify", ["-format", "%#", &path.to_string_lossy()]);
    let shown = || {
        session.screenshot(&full);
        picture(&full) != picture(&empty)
    };
    desktop::wait_until("the window to be painted", Duration::from_secs(30), shown);
}

#[test]
fn the_clipboard_holds_text_and_pictures() {
    let session = Session::builder().without_keyring().with_display().start();
    session.set_clipboard_text("otpauth://totp/Example");
    assert_eq!(
        session.clipboard_text(),
        "otpauth://totp/Example",
        "text comes back"
    );
    let png = include_bytes!("../../icons/32x32.png");
    session.set_clipboard_image(png);
    let mut command = session.command("xclip");
    command.args(["-o", "-selection", "clipboard", "-t", "image/png"]);
    assert_eq!(
        command.output().expect("xclip is installed").stdout,
        png,
        "a picture comes back, and replaced the text"
    );
}

/// WebKitGTK's own small browser stands in for the app: it lets the driver in as the app does.
fn browser() -> PathBuf {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib",
        "/usr/lib64",
        "/usr/libexec",
    ];
    let paths = folders.map(|folder| PathBuf::from(folder).join("webkit2gtk-4.1/MiniBrowser"));
    paths
        .into_iter()
        .find(|path| path.exists())
        .expect("WebKitGTK brings its MiniBrowser")
}

#[test]
fn a_window_can_be_read_clicked_typed_into_sized_and_photographed() {
    let session = Session::builder().without_keyring().with_display().start();
    let window = Window::start_with(&session, browser(), &["--automation"]);
    window.eval(
        r##"document.body.innerHTML = `<label>Name <input id="name"></label><input type="file" id="file" hidden>
            <button disabled>Save</button> <button aria-label="Show  code">x</button><p id="said" title="t"></p>`;
        const [save, show] = document.querySelectorAll("button"), said = document.querySelector("#said");
        setTimeout(() => { save.disabled = false }, 300);
        save.onclick = () => { said.textContent = "saved " + document.querySelector("#name").value };
        show.onclick = () => { said.textContent = document.querySelector("#file").files[0].name };"##,
    );
    window.type_into("#name", "Änne");
    window.click("button");
    window.wait_for_text("saved Änne", 10);
    assert_eq!(
        window.text("#said"),
        "saved Änne",
        "the click waited for the button to be enabled"
    );
    assert_eq!(
        window.attribute("#said", "title").as_deref(),
        Some("t"),
        "attributes are read"
    );
    window.fill("#name", "Bo");
    assert_eq!(
        window.property("#name", "value").as_deref(),
        Some("Bo"),
        "filling replaces what was there"
    );
    let file = session.home().join("code.png");
    fs::write(&file, include_bytes!("../../icons/32x32.png"))
        .expect("the session's home can be written");
    window.choose_file("#file", &file);
    window.click_on("Show code");
    window.wait_for_text("code.png", 10);
    assert_eq!(
        (window.count("button"), window.exists("#nobody")),
        (2, false),
        "counting does not wait"
    );
    window.set_size(640, 420);
    assert_eq!(
        window.eval("return [innerWidth, innerHeight]"),
        serde_json::json!([640, 420]),
        "the page, not the frame"
    );
    let picture = session.home().join("pictures/page.png");
    window.screenshot(&picture);
    let size = session.run("identify", ["-format", "%w %h", &picture.to_string_lossy()]);
    let (width, height) = size.split_once(' ').expect("two numbers");
    assert_eq!(width, "640", "the picture is as wide as the page");
    assert!(
        height.parse::<u32>().is_ok_and(|height| height >= 420),
        "the picture has the page in it, under the browser's bar: {size}"
    );
    window.close();
    assert!(
        session
            .processes()
            .iter()
            .all(|process| process.program() != Some(browser())),
        "closed is ended"
    );
}

#[test]
fn a_killed_window_can_be_opened_again_in_the_same_session() {
    let session = Session::builder().without_keyring().with_display().start();
    let window = Window::start_with(&session, browser(), &["--automation"]);
    let first = window.process();
    window.kill_app();
    assert!(!desktop::alive(first), "SIGKILL leaves nothing running");
    let window = Window::start_with(&session, browser(), &["--automation"]);
    assert_ne!(window.process(), first, "it is a new process");
    assert_eq!(window.eval("return 6 * 7"), 42, "and it answers");
}

/// A session with all its parts, and daemons that try to slip away: one leaves its parent, one does not listen to SIGTERM.
fn busy_session() -> Session {
    let session = Session::builder().with_display().start();
    session.run("sh", ["-c", "setsid sleep 1000 >/dev/null 2>&1 &"]);
    session.run(
        "sh",
        ["-c", "trap '' TERM; setsid sleep 1001 >/dev/null 2>&1 &"],
    );
    session
}

fn still_alive(processes: Vec<Process>) -> Vec<Option<PathBuf>> {
    processes
        .into_iter()
        .filter(|process| desktop::alive(*process))
        .map(Process::program)
        .collect()
}

#[test]
fn every_process_and_file_is_gone_when_the_session_ends() {
    let session = busy_session();
    let window = Window::start_with(&session, browser(), &["--automation"]);
    let home = session.home().to_owned();
    let running = session.processes();
    assert!(
        running.contains(&window.process()),
        "the window is one of the session's"
    );
    assert!(
        running.len() >= 9,
        "bus, keyring, display, window manager, two sleepers, driver, browser and its page: {running:?}"
    );
    drop(window);
    drop(session);
    assert_eq!(still_alive(running), [], "nothing outlives its session");
    assert!(!home.exists(), "the home directory is gone too");
}

#[test]
fn every_process_is_gone_when_the_test_panics() {
    let (send, receive) = std::sync::mpsc::channel();
    let test = std::thread::spawn(move || {
        let session = busy_session();
        let _window = Window::start_with(&session, browser(), &["--automation"]);
        send.send(session.processes()).expect("the test listens");
        panic!("on purpose: this is the panic of the test");
    });
    assert!(test.join().is_err(), "it panicked");
    let running = receive.recv().expect("it said what was running");
    assert!(running.len() >= 9, "everything was there: {running:?}");
    assert_eq!(still_alive(running), [], "nothing outlives a panic");
}
