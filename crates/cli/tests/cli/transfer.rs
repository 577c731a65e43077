//! `import` and `export` as a script runs them: files, pipes, passwords, JSON, exit codes.

use std::fs;

use crate::run::{Home, SECRET, STREAM_TV};

const HOTP: &str =
    "otpauth://hotp/Bank:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR&issuer=Bank&counter=8";

#[test]
fn a_dry_run_says_everything_and_changes_nothing() {
    let home = Home::with(&[STREAM_TV]);
    let file = home.file("links.txt");
    fs::write(
        &file,
        format!("# mine\n{STREAM_TV}\n{HOTP}\notpauth://totp/x?secret=1\n"),
    )
    .unwrap();
    let path = file.to_str().unwrap();
    let said = home.json(&["import", path, "--dry-run", "--at", "1111111109"], "");
    assert_eq!(said["format"], "uri_list", "{said}");
    let accounts = said["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 2, "{said}");
    assert_eq!(
        (&accounts[0]["code"], &accounts[0]["duplicate"]),
        (&"081804".into(), &true.into()),
        "inspect's object, and that it is there already"
    );
    assert_eq!(
        (
            &accounts[1]["counter"],
            &accounts[1]["note"],
            &accounts[1]["groups"]
        ),
        (&8.into(), &"".into(), &serde_json::json!([])),
        "{said}"
    );
    assert_eq!(accounts[1]["duplicate"], false, "{said}");
    assert_eq!(said["skipped"][0]["reason"], "bad_secret", "{said}");
    assert!(said["skipped"][0]["label"].is_string(), "{said}");
    assert!(
        !said.to_string().contains(&SECRET[..20]),
        "no secret: {said}"
    );
    let list = home.json(&["list"], "");
    assert_eq!(list.as_array().unwrap().len(), 1, "nothing was added");

    let added = home.json(&["import", path, "--yes"], "");
    assert_eq!(
        (&added["added"], &added["left_out"]),
        (&1.into(), &1.into()),
        "the one that is new: {added}"
    );
    let again = home.run(&["import", path, "--yes"], "");
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (0, "Nothing new to add.\n"),
        "{again:?}"
    );
}

#[test]
fn what_is_exported_comes_back_in_another_home() {
    let home = Home::with(&[STREAM_TV, HOTP]);
    let edited = home.run(
        &[
            "edit", "bank", "--note", "a note", "--group", "Money", "--pin",
        ],
        "",
    );
    assert_eq!(edited.code, 0, "{edited:?}");
    let before = home.json(&["list", "--at", "1111111109"], "");
    for (format, password) in [
        ("uris", ""),
        ("aegis", ""),
        ("aegis-encrypted", "file password\n"),
        ("google", ""),
    ] {
        let file = home.file(format);
        let path = file.to_str().unwrap();
        let mut export = vec!["export", "--format", format, "--out", path];
        let mut import = vec!["import", path, "--yes"];
        if !password.is_empty() {
            export.push("--password-stdin");
            import.push("--password-stdin");
        }
        let done = home.run(&export, password);
        assert_eq!(done.code, 0, "{format}: {done:?}");
        let refused = home.run(&[&["--json"], &export[..]].concat(), password);
        assert_eq!(
            refused.error(),
            "export_exists",
            "{format}: never over a file"
        );
        export.push("--replace");
        assert_eq!(
            home.run(&export, password).code,
            0,
            "{format}: but when told to"
        );

        let other = Home::with_vault();
        if !password.is_empty() {
            let unasked = other.run(&["--json", "import", path], "");
            assert_eq!(
                (unasked.code, unasked.error().as_str()),
                (1, "import_needs_password")
            );
            let wrong = other.run(&[&["--json"], &import[..]].concat(), "another\n");
            assert_eq!(
                (wrong.code, wrong.error().as_str()),
                (1, "import_wrong_password")
            );
        }
        let came = other.run(&import, password);
        assert_eq!(came.code, 0, "{format}: {came:?}");
        let after = other.json(&["list", "--at", "1111111109"], "");
        let codes = |list: &serde_json::Value| -> Vec<String> {
            let of =
                |a: &serde_json::Value| format!("{} {} {}", a["issuer"], a["account"], a["code"]);
            let mut codes: Vec<String> = list.as_array().unwrap().iter().map(of).collect();
            codes.sort();
            codes
        };
        assert_eq!(codes(&after), codes(&before), "{format}");
        let listed = other.run(&["list"], "").stdout;
        assert_eq!(
            listed.contains("pinned, #Money, a note"),
            format.starts_with("aegis"),
            "{format}: {listed}"
        );
    }
}

#[test]
fn standard_output_takes_an_export_and_standard_input_an_import() {
    let home = Home::with(&[STREAM_TV, HOTP]);
    let links = home.run(&["export", "--format", "uris", "--account", "stream"], "");
    assert_eq!(links.code, 0, "{links:?}");
    assert_eq!(links.stdout.lines().count(), 1, "one account: {links:?}");
    assert!(
        links.stderr.contains("all your codes"),
        "with a warning: {links:?}"
    );
    let json = home.json(&["export", "--format", "google"], "");
    assert_eq!(json["uris"].as_array().unwrap().len(), 1, "{json}");
    let drawn = home.run(
        &["export", "--format", "uris", "--account", "bank", "--qr"],
        "",
    );
    assert!(
        drawn.stdout.contains('▀'),
        "a QR code in the terminal: {drawn:?}"
    );
    let other = Home::with_vault();
    let came = other.run(&["import", "-", "--yes"], &links.stdout);
    assert_eq!(
        (came.code, came.stdout.as_str()),
        (0, "Added: 1 account.\n"),
        "{came:?}"
    );
}

#[test]
fn wrong_ways_are_refused_with_a_cure() {
    let home = Home::with_vault();
    let diary = home.file("diary.txt");
    fs::write(&diary, "dear diary").unwrap();
    let diary = diary.to_str().unwrap();
    for (arguments, code) in [
        (vec!["import", diary], "import_unknown"),
        (vec!["import", "no-such-file.json"], "file_unreadable"),
        (vec!["export", "--format", "uris"], "nothing_to_export"),
    ] {
        let refused = home.run(&[&["--json"], &arguments[..]].concat(), "");
        assert_eq!(
            (refused.code, refused.error().as_str()),
            (1, code),
            "{arguments:?}"
        );
    }
    let both = home.run(&["import", "-", "--password-stdin"], "x");
    assert_eq!(both.code, 2, "standard input brings one thing: {both:?}");
    let added = home.run(&["add", "-"], STREAM_TV);
    assert_eq!(added.code, 0, "{added:?}");
    let short = home.run(
        &[
            "--json",
            "export",
            "--format",
            "aegis-encrypted",
            "--password-stdin",
        ],
        "seven77\n",
    );
    assert_eq!(short.error(), "passphrase_too_short");
    let none = home.run(&["--json", "export", "--format", "aegis-encrypted"], "");
    assert_eq!(none.error(), "password_needed_here");
    let fresh = Home::new();
    assert_eq!(
        fresh
            .run(&["--json", "import", diary, "--dry-run"], "")
            .error(),
        "no_vault"
    );
}
