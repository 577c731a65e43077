//! Authenticators that are not ours: what they read in an otpauth link, and their codes.
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use couchkey_otp::{Algorithm, Digits, Period};
use serde_json::Value;

/// What pyotp, passlib (both of Python) and otpauth (of JavaScript) read in a link, and their codes at this time.
pub fn readers(link: &str, time: u64) -> BTreeMap<String, Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("COUCHKEY_PYTHON").unwrap_or_else(|| "python3".into());
    let mut python = Command::new(python);
    python.args(["-c", include_str!("read.py")]);
    let mut node = Command::new("node");
    node.current_dir(here.join("../../ui")) // where its packages are
        .args(["--input-type=module", "--eval", include_str!("read.mjs")])
        .arg("--");
    let mut all = BTreeMap::new();
    for mut command in [python, node] {
        let answer = said(command.arg(time.to_string()), link.as_bytes());
        let answer: BTreeMap<String, Value> = serde_json::from_str(&answer).unwrap();
        all.extend(answer);
    }
    all
}

/// oathtool's code.
pub fn oathtool(
    secret: &str,
    algorithm: Algorithm,
    digits: Digits,
    period: Period,
    time: u64,
) -> String {
    let mut command = Command::new("oathtool");
    command
        .arg(format!("--totp={algorithm}"))
        .arg(format!("--time-step-size={}s", period.get()))
        .arg(format!("--digits={}", digits.get()))
        .arg(format!("--now=@{time}"))
        .args(["--base32", "-"]);
    said(&mut command, secret.as_bytes())
}

/// Runs a program of `scripts/setup test` and gives back what it said.
pub fn said(command: &mut Command, stdin: &[u8]) -> String {
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/setup test installs it"));
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}
