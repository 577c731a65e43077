//! What others make of what we issue: zbarimg reads the QR code, three projects read the link, and theirs and
//! oathtool's codes are accepted, each once.
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use couchkey_otp::{Algorithm, Digits, Period};
use couchkey_platform::{ConfirmRequest, EnrolRequest, Enrolled, VerifyError, VerifyRequest};
use serde_json::{Value, json};

use crate::world::{HOME, World, id};

/// With everything that trips up who escapes by hand: blanks, a plus, an ampersand, a percent sign, other scripts.
const ISSUER: &str = "Ström & Söhne TV+ 100%";
const ACCOUNT: &str = "Zoë+living room=2&莎 @example.tv";

#[tokio::test]
async fn others_read_what_is_issued_and_their_codes_are_accepted_once() {
    let w = World::memory().await;
    for (algorithm, digits, period) in [
        (Algorithm::Sha1, Digits::SIX, Period::THIRTY),
        (Algorithm::Sha256, Digits::EIGHT, Period::new(60).unwrap()),
        (
            Algorithm::Sha512,
            Digits::new(7).unwrap(),
            Period::new(15).unwrap(),
        ),
    ] {
        let mut settings = w.settings.clone();
        settings.issuer = ISSUER.to_owned();
        (settings.algorithm, settings.digits, settings.period) = (algorithm, digits, period);
        let platform = w.start(&w.keys, settings).await.unwrap();
        let person = id(&algorithm.to_string());
        let request = EnrolRequest {
            person: person.clone(),
            account: ACCOUNT.to_owned(),
        };
        let enrolled = platform.enrol(&request).await.unwrap();
        assert_eq!(
            zbarimg(&enrolled.uri),
            *enrolled.uri,
            "the picture says the link"
        );

        for (turn, name) in ["passlib", "oathtool", "pyotp", "otpauth"]
            .into_iter()
            .enumerate()
        {
            let now = w.now().as_secs();
            let seen = readers(&enrolled.uri, now);
            assert_eq!(seen.len(), 3, "three projects read it");
            for (reader, seen) in &seen {
                let expected = json!({
                    "issuer": ISSUER,
                    "account": ACCOUNT,
                    "algorithm": algorithm.to_string(),
                    "digits": digits.get(),
                    "period": period.get(),
                    "code": seen["code"],
                });
                assert_eq!(seen, &expected, "{reader}");
            }
            let code = match name {
                "oathtool" => oathtool(&enrolled, now),
                other => seen[other]["code"].as_str().unwrap().to_owned(),
            };
            if turn == 0 {
                let confirm = ConfirmRequest {
                    person: person.clone(),
                    id: enrolled.id.clone(),
                    code: &code,
                    from: HOME,
                };
                assert_eq!(platform.confirm(&confirm).await, Ok(()), "{name}");
            }
            let verify = VerifyRequest {
                person: person.clone(),
                code: &code,
                from: HOME,
            };
            if turn > 0 {
                let verified = platform.verify(&verify).await.unwrap();
                assert_eq!(verified.step, w.now().step(period), "{name}");
            }
            let again = platform.verify(&verify).await;
            assert_eq!(again, Err(VerifyError::Used), "{name}");
            w.clock.advance(u64::from(period.get()));
        }
    }
}

/// What pyotp, passlib (both of Python) and otpauth (of JavaScript) read in a link, and their codes at this time.
fn readers(link: &str, time: u64) -> BTreeMap<String, Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("COUCHKEY_PYTHON").unwrap_or_else(|| "python3".into());
    let mut python = Command::new(python);
    python.arg(here.join("tests/peers.py"));
    let mut node = Command::new("node");
    node.current_dir(here.join("../../ui")) // where its packages are
        .args([
            "--input-type=module",
            "--eval",
            include_str!("../peers.mjs"),
        ])
        .arg("--");
    let mut all = BTreeMap::new();
    for mut command in [python, node] {
        let answer = said(command.arg(time.to_string()), link.as_bytes());
        let answer: BTreeMap<String, Value> = serde_json::from_str(&answer).unwrap();
        all.extend(answer);
    }
    all
}

fn oathtool(enrolled: &Enrolled, time: u64) -> String {
    let mut command = Command::new("oathtool");
    command
        .arg(format!("--totp={}", enrolled.algorithm))
        .arg(format!("--time-step-size={}s", enrolled.period.get()))
        .arg(format!("--digits={}", enrolled.digits.get()))
        .arg(format!("--now=@{time}"))
        .args(["--base32", "-"]);
    said(&mut command, enrolled.secret.as_bytes())
}

/// Draws the text as a QR code and lets zbarimg read the picture.
fn zbarimg(text: &str) -> String {
    let code = qrcode::QrCode::new(text).unwrap();
    let picture: String = code
        .render::<char>()
        .dark_color('1')
        .light_color('0')
        .module_dimensions(4, 4)
        .build();
    let (width, height) = (
        picture.lines().next().unwrap().len(),
        picture.lines().count(),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("code.pbm");
    std::fs::write(&file, format!("P1\n{width} {height}\n{picture}\n")).unwrap();
    let mut command = Command::new("zbarimg");
    command
        .args([
            "--quiet",
            "--raw",
            "-Sdisable",
            "-Sqrcode.enable",
            "--nodbus",
        ])
        .arg(&file);
    said(&mut command, b"")
}

/// Runs a program of `scripts/setup test` and gives back what it said.
fn said(command: &mut Command, stdin: &[u8]) -> String {
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
