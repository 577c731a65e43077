//! The built `couchkey` with a real Secret Service: what the keyring does to it, and what it never does to the keyring.
//!
//! How it behaves with files alone, its words, its JSON and its terminal are tested in crates/cli/tests.
#![cfg(target_os = "linux")]

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use couchkey_tests::{
    desktop::{self, Session, wait_until},
    machine::SECRET,
    spelling::holds,
};
use serde_json::Value;

const URI: &str = "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV";

/// `081804` is RFC 6238's code for this time and secret.
const AT: [&str; 2] = ["--at", "1111111109"];

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("JSON ({error}): {} {}", self.stdout, self.stderr))
    }

    /// The exit code and the error's word.
    fn refusal(&self) -> (Option<i32>, String) {
        let word = self.json()["error"]["code"].as_str().map(str::to_owned);
        (self.code, word.unwrap_or_else(|| self.stdout.clone()))
    }
}

fn run_with(mut command: Command, arguments: &[&str], input: &str) -> Run {
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command line was built");
    // A command that needs no input may be gone before it is written.
    let _ = child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

fn couchkey(session: &Session, arguments: &[&str], input: &str) -> Run {
    run_with(session.command(desktop::cli()), arguments, input)
}

/// As after a login on a machine whose keyring does not run.
fn without_bus(session: &Session, arguments: &[&str], input: &str) -> Run {
    let mut command = session.command(desktop::cli());
    command.env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", session.home().join("no-bus").display()),
    );
    run_with(command, arguments, input)
}

/// A vault with one account; its recovery key.
fn set_up(session: &Session) -> String {
    let made = couchkey(session, &["init"], "");
    assert_eq!(made.code, Some(0), "nothing is asked: {}", made.stderr);
    let key = made
        .stdout
        .lines()
        .filter(|line| line.starts_with("    "))
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("-");
    let added = couchkey(session, &["add", "-"], URI);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    key
}

fn code(session: &Session, input: &str) -> Run {
    couchkey(session, &["--json", "code", "stream", AT[0], AT[1]], input)
}

fn assert_all_is_there(run: &Run, why: &str) {
    assert_eq!(run.code, Some(0), "{why}: {}", run.stderr);
    assert_eq!(run.json()[0]["code"], "081804", "{why}");
}

#[test]
fn with_a_keyring_nothing_is_asked_and_no_place_holds_the_secret() {
    let session = Session::start();
    set_up(&session);
    assert_all_is_there(&code(&session, ""), "the keyring's key opens it");
    let entries = session.every_secret();
    assert!(
        entries.len() >= 3,
        "the account is in the keyring: {}",
        entries.len()
    );
    for entry in &entries {
        assert_eq!(holds(SECRET, &entry.bytes), None, "sealed: {}", entry.label);
    }
    for half in ["vault.a", "vault.b"] {
        let bytes = std::fs::read(session.data_dir().join("couchkey").join(half)).expect(half);
        assert_eq!(holds(SECRET, &bytes), None, "sealed: {half}");
    }
}

/// GNOME Keyring runs, has made no keyring, and nobody can be asked to name a password for one: WSL, SSH, a container.
#[test]
fn with_only_a_session_collection_doctor_and_init_say_passphrase() {
    let session = Session::builder().without_keyring().start();
    session.start_keyring_locked();
    let doctor = couchkey(&session, &["doctor"], "");
    assert!(
        doctor.stdout.contains("opens with a passphrase")
            && !doctor.stdout.contains("The keyring answers"),
        "doctor says what init will do: {}",
        doctor.stdout
    );
    let init = couchkey(&session, &["--json", "init"], "");
    assert_eq!(
        init.refusal(),
        (Some(3), "passphrase_needed".into()),
        "a script is told what is missing"
    );
    let made = couchkey(&session, &["init"], "correct horse battery staple\n");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(
        made.stderr.contains("opens with a passphrase"),
        "and a person why: {}",
        made.stderr
    );
    let list = couchkey(&session, &["list"], "correct horse battery staple\n");
    assert_eq!(list.code, Some(0), "{}", list.stderr);
}

#[test]
fn a_locked_keyring_is_locked_and_nothing_else() {
    let session = Session::start();
    set_up(&session);
    session.lock_keyring();
    let before = session.data_dir().join("couchkey");
    let files = |name: &str| std::fs::read(before.join(name)).ok();
    let (a, b) = (files("vault.a"), files("vault.b"));
    for arguments in [
        &["--json", "list"][..],
        &["--json", "add", "-"],
        &["--json", "remove", "stream"],
    ] {
        let run = couchkey(&session, arguments, URI);
        assert_eq!(
            run.refusal(),
            (Some(3), "keyring_locked".into()),
            "{arguments:?}"
        );
    }
    let again = couchkey(&session, &["--json", "init"], "");
    assert_eq!(
        again.refusal(),
        (Some(1), "vault_exists".into()),
        "never a new vault, never a new key"
    );
    let doctor = couchkey(&session, &["--json", "doctor"], "");
    assert_eq!(
        doctor.code,
        Some(3),
        "doctor says so too: {}",
        doctor.stdout
    );
    assert!(
        (a, b) == (files("vault.a"), files("vault.b")),
        "nothing was written"
    );
    session.unlock_keyring();
    assert_all_is_there(&code(&session, ""), "and nothing was lost");
}

#[test]
fn a_wiped_keyring_needs_the_recovery_key_and_never_makes_a_new_one_by_itself() {
    let session = Session::start();
    let key = set_up(&session);
    session.wipe_keyring();
    let run = code(&session, "");
    assert_eq!(
        run.refusal(),
        (Some(3), "needs_recovery".into()),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("couchkey recover"),
        "the cure is named: {}",
        run.stderr
    );
    assert_eq!(
        couchkey(&session, &["--json", "init"], "").refusal(),
        (Some(1), "vault_exists".into()),
        "the old accounts are not buried under a new vault"
    );
    assert!(
        session.every_secret().is_empty(),
        "and no key was made meanwhile"
    );
    let back = couchkey(&session, &["recover"], &format!("{key}\n"));
    assert_eq!(back.code, Some(0), "{}", back.stderr);
    assert_all_is_there(
        &code(&session, ""),
        "as before, without being asked for anything",
    );
}

/// Row 17 for `lock on`: what shows the new recovery key fails, so nothing is changed.
#[test]
fn a_lock_whose_recovery_key_nobody_saw_is_not_turned_on_and_the_old_key_stays_good() {
    let session = Session::start();
    let key = set_up(&session);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let (reader, nobody_reads) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ways: [(&str, Stdio); 2] = [
        ("a full disk", full.into()),
        ("a pipe without a reader", nobody_reads.into()),
    ];
    for (name, out) in ways {
        let mut command = session.command(desktop::cli());
        command.args(["lock", "on"]).stdout(out);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command line was built");
        let mut stdin = child.stdin.take().expect("piped");
        // It may have ended before it was asked for one.
        let _ = stdin.write_all(b"wide open window\n");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name}: {said}");
        assert!(said.contains("Nothing was changed"), "{name}: {said}");
        assert_all_is_there(&code(&session, ""), "no lock is on");
        let drill = couchkey(&session, &["drill"], &format!("{key}\n"));
        assert_eq!(drill.code, Some(0), "{name}: {}", drill.stderr);
    }
    let on = couchkey(&session, &["lock", "on"], "wide open window\n");
    assert_eq!(on.code, Some(0), "{}", on.stderr);
    let passphrase = "wide open window\n";
    let drill = couchkey(&session, &["drill"], &format!("{passphrase}{key}\n"));
    assert_ne!(drill.code, Some(0), "seen, and so the old one ended");
}

#[test]
fn the_app_lock_is_turned_on_and_off() {
    let session = Session::start();
    set_up(&session);
    let on = couchkey(&session, &["--json", "lock", "on"], "wide open window\n");
    assert_eq!(
        on.json()["lock"],
        "strong",
        "keyring and passphrase together: {}",
        on.stderr
    );
    assert_eq!(
        code(&session, "").refusal(),
        (Some(3), "passphrase_needed".into()),
        "now it asks"
    );
    assert_eq!(
        code(&session, "wrong window\n").refusal(),
        (Some(3), "wrong_passphrase".into()),
        "and listens"
    );
    assert_all_is_there(&code(&session, "wide open window\n"), "the right one opens");
    let off = couchkey(
        &session,
        &["--json", "passphrase", "--off"],
        "wide open window\n",
    );
    assert_eq!(off.json()["lock"], "device", "{}", off.stderr);
    assert_all_is_there(&code(&session, ""), "it asks no longer");
}

#[test]
fn without_the_keyrings_service_the_vault_waits_or_moves_under_a_passphrase() {
    let session = Session::start();
    let key = set_up(&session);
    let away = without_bus(&session, &["--json", "list"], "");
    assert_eq!(
        away.refusal(),
        (Some(3), "keyring_unavailable".into()),
        "{}",
        away.stderr
    );
    assert_all_is_there(&code(&session, ""), "it was only away");
    let moved = without_bus(
        &session,
        &["--json", "recover"],
        &format!("{key}\nwide open window\n"),
    );
    assert_eq!(moved.json()["lock"], "passphrase", "{}", moved.stderr);
    let list = without_bus(
        &session,
        &["--json", "list", AT[0], AT[1]],
        "wide open window\n",
    );
    assert_all_is_there(&list, "here the passphrase opens it");
}

#[test]
fn a_lost_data_directory_comes_back_from_the_keyring() {
    let session = Session::start();
    set_up(&session);
    std::fs::remove_dir_all(session.data_dir().join("couchkey")).expect("it is there");
    let run = code(&session, "");
    assert_all_is_there(&run, "the keyring alone is enough");
    let people = couchkey(&session, &["list"], "");
    assert_eq!(people.code, Some(0), "{}", people.stderr);
    assert!(people.stdout.contains("StreamTV"), "{}", people.stdout);
}

#[test]
fn without_any_keyring_a_new_vault_asks_for_a_passphrase() {
    let session = Session::builder().without_keyring().start();
    let none = couchkey(&session, &["--json", "init"], "");
    assert_eq!(
        none.refusal(),
        (Some(3), "passphrase_needed".into()),
        "nobody gave one"
    );
    let made = couchkey(&session, &["init"], "wide open window\n");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(
        made.stderr.contains("No keyring"),
        "and says why: {}",
        made.stderr
    );
    let list = couchkey(&session, &["--json", "list"], "wide open window\n");
    assert_eq!(list.stdout, "[]\n", "{}", list.stderr);
}

#[test]
fn what_is_on_the_screen_is_added() {
    let session = Session::builder().with_display().start();
    let made = couchkey(&session, &["init"], "");
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let none = couchkey(&session, &["--json", "add", "--screen"], "");
    assert_eq!(
        none.refusal(),
        (Some(1), "no_qr_code".into()),
        "an empty screen shows none"
    );

    let path = session.home().join("qr.pgm");
    std::fs::write(&path, pgm(URI)).expect("home can be written");
    let mut viewer = session.command("display");
    viewer.arg(&path);
    session.spawn("viewer", viewer);
    let mut added = none;
    wait_until(
        "the picture to be on the screen",
        Duration::from_secs(60),
        || {
            added = couchkey(&session, &["--json", "add", "--screen", AT[0], AT[1]], "");
            added.code == Some(0)
        },
    );
    assert_all_is_there(&added, "the code that the viewer shows");
}

/// A QR code as a portable grey map, six pixels a module, with its quiet zone.
fn pgm(text: &str) -> Vec<u8> {
    let modules = couchkey_authenticator::qr::encode(text).expect("it fits");
    let side = (modules.side() + 8) * 6;
    let mut picture = format!("P5 {side} {side} 255\n").into_bytes();
    for at in 0..side * side {
        let (x, y) = (at % side / 6, at / side / 6);
        let dark = x >= 4 && y >= 4 && modules.dark(x - 4, y - 4);
        picture.push(if dark { 0 } else { 255 });
    }
    picture
}
