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
        (1, "Nothing new to add.\n"),
        "the one that is refused is still not here: {again:?}"
    );
}

/// An export with these two entries, one with a code and `other`.
fn bitwarden(other: &str) -> String {
    let streaming = format!(
        r#"{{"type":1,"name":"StreamTV","login":{{"username":"fam-0042","totp":"{SECRET}"}}}}"#
    );
    format!(r#"{{"encrypted":false,"folders":[],"items":[{streaming},{other}]}}"#)
}

#[test]
fn an_import_ends_with_one_where_a_code_stays_behind_and_with_zero_where_none_does() {
    let login = r#"{"type":1,"name":"Library","login":{"username":"me","password":"x"}}"#;
    let note = r#"{"type":2,"name":"Wifi","notes":"behind the sofa","secureNote":{"type":0}}"#;
    let odd = r#"{"type":1,"name":"Bank","login":{"totp":"otpauth://totp/B?secret=1"}}"#;
    let motp =
        r#"{"type":1,"name":"Office","login":{"totp":"motp://Office?secret=0123456789abcdef"}}"#;
    for (what, other, reason, had_code) in [
        (
            "a login without a code",
            login,
            "no_one_time_password",
            false,
        ),
        ("a note", note, "no_one_time_password", false),
        ("a key that nobody could use", odd, "bad_secret", true),
        (
            "a kind that is not made here",
            motp,
            "unsupported_type",
            true,
        ),
    ] {
        let home = Home::with_vault();
        let file = home.file("export.json");
        fs::write(&file, bitwarden(other)).unwrap();
        let path = file.to_str().unwrap();
        let code = i32::from(had_code);
        let dry = home.run(&["--json", "import", path, "--dry-run"], "");
        assert_eq!(
            dry.code, code,
            "{what}: a dry run tells beforehand: {dry:?}"
        );
        let run = home.run(&["--json", "import", path, "--yes"], "");
        assert_eq!(run.code, code, "{what}: {run:?}");
        for said in [dry, run] {
            let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
            let skipped = &said["skipped"];
            assert_eq!(skipped.as_array().unwrap().len(), 1, "{what}: {said}");
            assert_eq!(skipped[0]["reason"], reason, "{what}: {said}");
            assert_eq!(skipped[0]["had_code"], had_code, "{what}: {said}");
            assert!(
                skipped[0]["label"]
                    .as_str()
                    .is_some_and(|name| !name.is_empty())
                    && skipped[0]["message"]
                        .as_str()
                        .is_some_and(|text| text.len() > 8),
                "{what}: which, and why: {said}"
            );
        }
        assert_eq!(
            home.json(&["list"], "").as_array().unwrap().len(),
            1,
            "{what}: what can be added is added all the same"
        );
        let again = home.run(&["import", path, "--yes"], "");
        assert_eq!(again.code, code, "{what}: and each time: {again:?}");
        assert_eq!(
            again.stderr.contains("codes stay behind: 1"),
            had_code,
            "{what}: people are told too: {again:?}"
        );
    }
    // What the person threw away over there is named, and nobody misses it.
    let entry = |name: &str| {
        let link = STREAM_TV.replace('&', "&amp;");
        format!(
            "<Entry><String><Key>Title</Key><Value>{name}</Value></String>\
             <String><Key>otp</Key><Value>{link}</Value></String></Entry>"
        )
    };
    let xml = format!(
        "<?xml version=\"1.0\"?><KeePassFile><Meta><RecycleBinEnabled>True</RecycleBinEnabled>\
         <RecycleBinUUID>Yg==</RecycleBinUUID></Meta><Root><Group><UUID>YQ==</UUID><Name>mine</Name>{}\
         <Group><UUID>Yg==</UUID><Name>Recycle Bin</Name>{}</Group></Group></Root></KeePassFile>",
        entry("here"),
        entry("thrown away")
    );
    let home = Home::with_vault();
    let file = home.file("keepass.xml");
    fs::write(&file, xml).unwrap();
    let run = home.run(&["--json", "import", file.to_str().unwrap(), "--yes"], "");
    assert_eq!(run.code, 0, "{run:?}");
    let said: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(said["added"], 1, "{said}");
    assert_eq!(said["skipped"][0]["reason"], "in_recycle_bin", "{said}");
    assert_eq!(said["skipped"][0]["had_code"], false, "{said}");
    // Without a single account there is nothing that could be called done.
    let none = home.file("none.json");
    fs::write(
        &none,
        format!(r#"{{"encrypted":false,"folders":[],"items":[{login}]}}"#),
    )
    .unwrap();
    let run = home.run(&["--json", "import", none.to_str().unwrap(), "--yes"], "");
    assert_eq!(run.code, 1, "{run:?}");
    let help = home.run(&["import", "--help"], "");
    assert!(
        help.stdout
            .contains("The exit code is 1 if one of those entries had a code"),
        "and it can be looked up: {}",
        help.stdout
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
        ("aegis-encrypted", "three tall file words\n"),
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
fn a_database_with_a_key_file_is_imported_with_it_and_says_what_may_be_missing_without() {
    let vector = |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
        folder.join(name).to_str().unwrap().to_owned()
    };
    let both = vector("import/keepass-4-key-file.kdbx");
    let alone = vector("import/keepass-4-key-alone.kdbx");
    let key_file = vector("import/keepass-key-2.keyx");
    let other = vector("import/keepass-key-any.txt");
    let home = Home::with_vault();
    let refused = |args: &[&str], input: &str| {
        let run = home.run(&[&["--json", "import", "--yes"], args].concat(), input);
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        (run.error(), run.stderr)
    };
    let (code, words) = refused(&[&both], "");
    assert_eq!(code, "import_needs_key", "nothing was given");
    assert!(words.contains("--key-file"), "{words}");
    let (code, words) = refused(&[&both, "--password-stdin"], "test\n");
    assert_eq!(code, "import_wrong_key", "the right password alone");
    assert!(words.contains("or it needs its key file too"), "{words}");
    assert!(
        !words.contains("wrong password"),
        "nobody knows that: {words}"
    );
    for (key_file, password) in [(&key_file, "wrong\n"), (&other, "test\n")] {
        let (code, words) = refused(
            &[&both, "--key-file", key_file, "--password-stdin"],
            password,
        );
        assert_eq!(code, "import_wrong_key", "one of both is wrong");
        assert!(
            words.contains("the key file do not open") || words.contains("and the key file"),
            "{words}"
        );
    }
    let (code, _) = refused(&[&both, "--key-file", "/nowhere/at/all"], "");
    assert_eq!(code, "file_unreadable", "a key file that is not there");

    let added = home.json(
        &[
            "import",
            "--yes",
            &both,
            "--key-file",
            &key_file,
            "--password-stdin",
        ],
        "test\n",
    );
    assert_eq!(added["format"], "keepass", "{added}");
    assert_eq!(added["added"], 3, "with both: {added}");
    let home = Home::with_vault();
    let added = home.json(&["import", "--yes", &alone, "--key-file", &key_file], "");
    assert_eq!(
        added["added"], 3,
        "the key file is all, and nobody has to type: {added}"
    );
    let home = Home::with_vault();
    let added = home.json(&["import", "--yes", &vector("import/keepass.xml")], "");
    assert_eq!(added["format"], "keepass_xml", "{added}");
    assert_eq!(added["added"], 8, "the XML export needs neither: {added}");
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
