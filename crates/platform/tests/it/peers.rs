//! What others make of what we issue: zbarimg reads the QR code, three projects read the link, and theirs and
//! oathtool's codes are accepted, each once.
use std::process::Command;

use couchkey_otp::{Algorithm, Digits, Period};
use couchkey_platform::{ConfirmRequest, EnrolRequest, VerifyError, VerifyRequest};
use serde_json::json;

use crate::others::{oathtool, readers, said};
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
                "oathtool" => oathtool(&enrolled.secret, algorithm, digits, period, now),
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
