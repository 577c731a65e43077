//! `couchkey inspect`: every row of the table of otpauth URIs, and what else may come on standard input.

use std::{fs, path::Path};

use crate::run::{Home, SECRET, STREAM_TV};
use serde_json::Value;

const AT: [&str; 2] = ["--at", "1111111109"];

fn table() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/otpauth.tsv");
    let rows: Vec<(String, String)> = fs::read_to_string(path)
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split('\t');
            let uri = columns.next().unwrap();
            let uri = uri.replace("\\n", "\n").replace("\\uFEFF", "\u{feff}");
            (uri, columns.next().unwrap().to_owned())
        })
        .collect();
    assert!(rows.len() > 100, "the table is there: {} rows", rows.len());
    rows
}

/// `issuer="A B" alg=SHA1` -> [("issuer", "A B"), ("alg", "SHA1")]
fn fields(expected: &str) -> Vec<(String, String)> {
    let mut rest = expected;
    let mut fields = Vec::new();
    while let Some((name, more)) = rest.trim_start().split_once('=') {
        let (value, more) = match more.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => more.split_once(' ').unwrap_or((more, "")),
        };
        fields.push((name.to_owned(), value.to_owned()));
        rest = more;
    }
    fields
}

fn snake_case(class: &str) -> String {
    let mut snake = String::new();
    for c in class.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The field of the JSON that a column of the table is about, as text.
fn printed(json: &Value, name: &str) -> String {
    let field = match name {
        "alg" => "algorithm",
        "warn" => "warnings",
        "secret_hex" => "secret_bits",
        other => other,
    };
    match &json[field] {
        Value::String(text) => text.clone(),
        Value::Array(words) if words.is_empty() => "-".to_owned(),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().map(|word| word.as_str().unwrap()).collect();
            words.join(",")
        }
        other => other.to_string(),
    }
}

#[test]
fn every_row_of_the_table_is_printed_as_it_says() {
    let home = Home::new();
    let mut wrong = Vec::new();
    let (mut good, mut bad) = (0, 0);
    for (uri, expected) in table() {
        let run = home.run_bare(&["inspect", "-", "--json", AT[0], AT[1]], uri.as_bytes());
        if let Some(class) = expected.strip_prefix("ERR ") {
            bad += 1;
            if run.code != 1 || run.error() != snake_case(class) {
                wrong.push(format!("{uri}\n  expected {expected}, got {run:?}"));
            }
            continue;
        }
        good += 1;
        let Ok(json) = serde_json::from_str::<Value>(&run.stdout) else {
            wrong.push(format!("{uri}\n  expected {expected}, got {run:?}"));
            continue;
        };
        let expected = fields(expected.strip_prefix("OK ").unwrap());
        for (name, value) in &expected {
            let value = match name.as_str() {
                "secret_hex" => (value.len() * 4).to_string(),
                _ => value.clone(),
            };
            if printed(&json, name) != value {
                wrong.push(format!("{uri}\n  {name} should be {value}: {json}"));
            }
        }
        if !expected.iter().any(|(name, _)| name == "label_issuer")
            && !json["label_issuer"].is_null()
        {
            wrong.push(format!("{uri}\n  label_issuer should be null: {json}"));
        }
        if run.code != 0 || !run.stderr.is_empty() {
            wrong.push(format!(
                "{uri}\n  a link that is read ends with 0 and no remark: {run:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        good > 60 && bad > 30,
        "both kinds were looked at: {good} and {bad}"
    );
}

#[test]
fn the_object_has_these_fields_and_no_others() {
    let home = Home::new();
    let keys = |uri: &str| -> Vec<String> {
        let json = home.json(&["inspect", "-"], uri);
        json.as_object().unwrap().keys().cloned().collect()
    };
    let mut common = vec![
        "account",
        "algorithm",
        "code",
        "digits",
        "issuer",
        "label_issuer",
        "period",
        "secret_bits",
        "type",
        "warnings",
    ];
    assert_eq!(keys(STREAM_TV), common, "a program can rely on them");
    common.retain(|key| *key != "period");
    common.push("counter");
    common.sort_unstable();
    let hotp = format!("otpauth://hotp/a:b?secret={SECRET}&counter=7");
    assert_eq!(keys(&hotp), common, "a counter in place of the period");
}

#[test]
fn people_read_the_same_and_never_the_secret() {
    let home = Home::new();
    let run = home.run_bare(&["inspect", AT[0], AT[1]], STREAM_TV.as_bytes());
    assert_eq!(run.code, 0, "`-` may be left away: {run:?}");
    for part in [
        "StreamTV",
        "fam-0042@example.tv",
        "081 804",
        "1 s left",
        "every 30 seconds",
        "160 bits",
    ] {
        assert!(run.stdout.contains(part), "it says {part}: {}", run.stdout);
    }
    assert!(!run.stdout.contains(SECRET), "the secret is not shown");
}

#[test]
fn a_link_on_the_command_line_is_refused_and_not_repeated() {
    let home = Home::new();
    for arguments in [
        vec!["inspect", STREAM_TV],
        vec!["add", STREAM_TV],
        vec!["--json", "scan", STREAM_TV],
        vec!["--issuer=otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
    ] {
        let run = home.run_bare(&arguments, b"");
        assert_eq!(run.code, 2, "wrong usage: {run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            said.contains("standard input"),
            "it says where to put it: {said}"
        );
        assert!(!said.contains("GEZDG"), "and does not repeat it: {said}");
    }
    for arguments in [
        ["inspect", SECRET],
        ["scan", SECRET],
        ["add", SECRET],
        ["list", SECRET],
        [SECRET, "list"],
    ] {
        let home = Home::with_vault();
        let run = home.run(&arguments, "");
        assert_ne!(run.code, 0, "a bare key is no picture: {run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(!said.contains("GEZDG"), "and is not repeated: {said}");
    }
}

#[test]
fn input_that_is_no_link_is_refused_by_name() {
    let home = Home::new();
    let long = "otpauth://totp/x?secret=".to_owned() + &"A".repeat(200_000);
    for (input, code) in [
        (&b""[..], "nothing_to_read"),
        (b"\n \n", "nothing_to_read"),
        (b"hello", "not_otpauth"),
        (b"https://example.com/", "not_otpauth"),
        (b"\x89PNG\r\n\x1a\n\xff\xff", "not_otpauth"),
        (long.as_bytes(), "too_long"),
    ] {
        let run = home.run_bare(&["--json", "inspect", "-"], input);
        assert_eq!(run.code, 1, "refused: {run:?}");
        assert_eq!(
            run.error(),
            code,
            "{:?}",
            String::from_utf8_lossy(&input[..input.len().min(20)])
        );
    }
}

#[test]
fn an_export_is_told_from_a_link() {
    let home = Home::new();
    let run = home.run_bare(
        &["--json", "inspect", "-"],
        b"otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8%3D",
    );
    assert_eq!(run.error(), "migration_uri", "it may hold several accounts");
    assert!(
        run.stderr.contains("couchkey add -"),
        "and there is a way for it: {}",
        run.stderr
    );
}

#[test]
fn a_hostile_name_reaches_no_terminal() {
    let home = Home::new();
    let uri = format!("otpauth://totp/%E2%80%AEknaB:%C2%ADa?secret={SECRET}&issuer=%E2%80%AEknaB");
    for arguments in [&["inspect"][..], &["inspect", "--json"]] {
        let run = home.run_bare(arguments, uri.as_bytes());
        let said = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(run.code, 0, "it can be read: {said}");
        assert!(
            !said
                .chars()
                .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "nothing in it drives a terminal: {said:?}"
        );
        assert!(
            said.contains("bidi-stripped") || said.contains("Hidden marks"),
            "and it is told: {said}"
        );
    }
}
