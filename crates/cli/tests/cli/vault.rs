//! A vault from `init` to `recover`, accounts from `add` to `restore`, and everything that can go wrong on the way.

use std::{fs, path::Path, process::Command, thread};

use crate::run::{Home, PASSPHRASE, Run, SECRET, STREAM_TV, picture};
use couchkey_otp::{migration, otpauth};
use serde_json::Value;

const PLUS: &str = "otpauth://totp/StreamTV%20Plus:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=StreamTV%20Plus&digits=8";
const HOTP: &str =
    "otpauth://hotp/Bank:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank&counter=8";

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|account| account["issuer"].as_str().unwrap_or("-"))
        .collect()
}

#[test]
fn an_account_goes_from_add_to_restore() {
    let home = Home::with_vault();
    let added = home.json(&["add", "-", "--at", "1111111109"], STREAM_TV);
    assert_eq!(
        added[0]["code"], "081804",
        "add answers with what was added: {added}"
    );
    let id = added[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32, "by its id: {id}");

    let list = home.json(&["list", "--at", "1111111109"], "");
    assert_eq!(list, added, "the list says the same");
    let code = home.run(&["code", "stream", "--at", "1111111109"], "");
    assert_eq!(
        (code.code, code.stdout.as_str()),
        (0, "081804\n"),
        "only the code: {code:?}"
    );
    assert_eq!(
        home.json(&["code", &id[..8], "--at", "1111111109"], ""),
        added,
        "by the start of its id"
    );

    let edited = home.json(
        &[
            "edit",
            "stream",
            "--issuer",
            "Couch TV",
            "--note",
            "the big one",
            "--pin",
            "--group",
            "den",
        ],
        "",
    );
    assert_eq!(names(&edited), ["Couch TV"], "{edited}");
    let shown = home.run(&["list", "--at", "1111111109"], "").stdout;
    for part in [
        "081 804",
        "Couch TV · fam-0042@example.tv",
        &id[..8],
        "pinned",
        "#den",
        "the big one",
    ] {
        assert!(shown.contains(part), "people see {part}: {shown}");
    }

    let removed = home.json(&["remove", "couch"], "");
    assert_eq!(removed[0]["id"], id.as_str(), "{removed}");
    assert_eq!(removed[0]["days_left"], 30, "it rests for thirty days");
    assert_eq!(
        home.json(&["list"], ""),
        Value::Array(Vec::new()),
        "it is off the list"
    );
    assert_eq!(home.json(&["trash"], ""), removed, "and in the trash");
    let restored = home.json(&["restore", "couch", "--at", "1111111109"], "");
    assert_eq!(
        restored[0]["code"], "081804",
        "it comes back whole: {restored}"
    );
    assert_eq!(
        home.json(&["trash"], ""),
        Value::Array(Vec::new()),
        "and is in the trash no longer"
    );
}

#[test]
fn codes_are_those_of_oathtool() {
    let home = Home::with(&[STREAM_TV, PLUS]);
    for (query, secret, digits) in [
        ("fam-0042", SECRET, "6"),
        ("plus", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "8"),
    ] {
        for at in ["59", "1111111109", "1111111110", "20000000000"] {
            let ours = home.run(&["code", query, "--at", at], "").stdout;
            let theirs = Command::new("oathtool")
                .args([
                    "--totp",
                    "-b",
                    "-d",
                    digits,
                    "-N",
                    &format!("@{at}"),
                    secret,
                ])
                .output()
                .unwrap();
            assert_eq!(
                ours,
                String::from_utf8(theirs.stdout).unwrap(),
                "{query} at {at}"
            );
        }
    }
}

#[test]
fn a_counter_moves_on_when_it_is_told_to() {
    let home = Home::with(&[HOTP, STREAM_TV]);
    let code = |arguments: &[&str]| home.run(arguments, "").stdout;
    assert_eq!(
        code(&["code", "bank"]),
        "399871\n",
        "RFC 4226 appendix D, counter 8"
    );
    assert_eq!(
        code(&["code", "bank"]),
        "399871\n",
        "looking does not move it"
    );
    assert_eq!(code(&["code", "bank", "--next"]), "520489\n", "counter 9");
    assert_eq!(
        home.json(&["code", "bank"], "")[0]["counter"],
        9,
        "and it stays there"
    );
    let clock = home.run(&["--json", "code", "stream", "--next"], "");
    assert_eq!(
        (clock.code, clock.error().as_str()),
        (1, "not_hotp"),
        "a clock cannot be moved on"
    );
}

#[test]
fn a_query_that_fits_several_names_them() {
    let home = Home::with(&[STREAM_TV, PLUS]);
    for arguments in [
        &["code", "stream"][..],
        &["code"],
        &["edit", "tv", "--pin"],
        &["remove", "tv"],
    ] {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let run = home.run(&all, "");
        assert_eq!(
            (run.code, run.error().as_str()),
            (1, "ambiguous_query"),
            "{arguments:?}"
        );
        assert!(
            run.stderr.contains("fam-0042@example.tv")
                && run.stderr.contains("StreamTV Plus · alice"),
            "the person sees what to choose from: {}",
            run.stderr
        );
    }
    assert_eq!(
        home.run(&["code", "StreamTV", "--at", "1111111109"], "")
            .stdout,
        "081804\n",
        "a whole name is meant"
    );
    for arguments in [
        &["code", "nobody"][..],
        &["restore", "stream"],
        &["remove", "ffffffff"],
    ] {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let run = home.run(&all, "");
        assert_eq!(
            (run.code, run.error().as_str()),
            (1, "account_not_found"),
            "{arguments:?}"
        );
    }
}

#[test]
fn without_a_vault_every_command_says_how_to_make_one() {
    let home = Home::new();
    picture(&home.file("qr.png"), &[STREAM_TV]);
    let png = home.file("qr.png");
    let png = png.to_str().unwrap();
    for arguments in [
        &["add", "-"][..],
        &["add", png],
        &["add", "--manual"],
        &["list"],
        &["code", "x"],
        &["watch"],
        &["edit", "x", "--pin"],
        &["remove", "x"],
        &["trash"],
        &["restore", "x"],
        &["lock"],
        &["lock", "on"],
        &["lock", "off"],
        &["passphrase"],
        &["passphrase", "--off"],
        &["recovery-key"],
        &["recover"],
        &["doctor"],
    ] {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let run = home.run(&all, STREAM_TV);
        let json: Value =
            serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {run:?}"));
        assert_eq!(json["error"]["code"], "no_vault", "{arguments:?}");
        assert!(
            json["error"]["hint"]
                .as_str()
                .unwrap()
                .contains("couchkey init"),
            "{arguments:?}: {json}"
        );
        assert_eq!(run.code, 1, "{arguments:?}");
        let people = home.run(arguments, STREAM_TV);
        assert!(
            people.stderr.contains("hint: Set one up: couchkey init"),
            "{arguments:?}: {people:?}"
        );
    }
    assert!(
        !home.file("vault").join("vault.a").exists(),
        "and none was made by asking"
    );
}

#[test]
fn a_vault_is_made_once() {
    let home = Home::with_vault();
    let again = home.run(&["--json", "init"], "");
    assert_eq!(
        (again.code, again.error().as_str()),
        (1, "vault_exists"),
        "the first one is not replaced"
    );
}

#[test]
fn the_passphrase_comes_from_a_descriptor_before_or_after_the_subcommand_or_from_standard_input() {
    let home = Home::with(&[STREAM_TV]);
    let at = ["--at", "1111111109"];
    for arguments in [
        &["--passphrase-fd", "3", "code", "stream"][..],
        &["code", "--passphrase-fd", "3", "stream"],
        &["code", "stream", "--passphrase-fd=3"],
    ] {
        let mut all = arguments.to_vec();
        all.extend(at);
        let run = home.run_bare(&all, b"");
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (0, "081804\n"),
            "{arguments:?}: {run:?}"
        );
    }
    for arguments in [
        &["code", "stream"][..],
        &["--passphrase-fd", "0", "code", "stream"],
    ] {
        let mut all = arguments.to_vec();
        all.extend(at);
        let run = home.run_bare(&all, format!("{PASSPHRASE}\n").as_bytes());
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (0, "081804\n"),
            "{arguments:?}: {run:?}"
        );
    }
}

#[test]
fn without_the_right_passphrase_the_vault_stays_locked() {
    let home = Home::with(&[STREAM_TV]);
    let wrong = home.run_bare(&["--json", "list"], b"wide open windov\n");
    assert_eq!(
        (wrong.code, wrong.error().as_str()),
        (3, "wrong_passphrase"),
        "3 is locked"
    );
    let none = home.run_bare(&["--json", "list"], b"");
    assert_eq!(
        (none.code, none.error().as_str()),
        (3, "passphrase_needed"),
        "nobody gave one"
    );
    let taken = home.run_bare(&["--json", "add", "-"], STREAM_TV.as_bytes());
    assert_eq!(
        (taken.code, taken.error().as_str()),
        (3, "passphrase_needed"),
        "the link is no passphrase"
    );
    let closed = home.run_bare(&["--passphrase-fd", "9", "list"], b"");
    assert_eq!(
        closed.code, 2,
        "a descriptor that is not open is wrong usage: {closed:?}"
    );
    let both = home.run_bare(&["--passphrase-fd", "0", "add", "-"], STREAM_TV.as_bytes());
    assert_eq!(both.code, 2, "one input cannot be both: {both:?}");
    assert_eq!(
        home.json(&["list"], "").as_array().unwrap().len(),
        1,
        "and nothing is lost"
    );
}

#[test]
fn a_passphrase_can_be_changed_but_not_taken_away_where_there_is_no_keyring() {
    let home = Home::with(&[STREAM_TV]);
    let short = home.run_bare(
        &["--json", "passphrase"],
        format!("{PASSPHRASE}\nseven77\n").as_bytes(),
    );
    assert_eq!(
        (short.code, short.error().as_str()),
        (1, "passphrase_too_short"),
        "and nothing has changed"
    );
    let changed = home.run_bare(
        &["--json", "passphrase"],
        format!("{PASSPHRASE}\nanother wide window\n").as_bytes(),
    );
    assert_eq!(
        changed.code, 0,
        "the old one, then the new one: {changed:?}"
    );
    assert_eq!(
        changed.stdout, "{\"keyring\":\"file\",\"lock\":\"passphrase\"}\n",
        "it says what opens it now"
    );
    assert_eq!(
        home.run(&["list"], "").code,
        3,
        "the old one is good no longer"
    );
    assert_eq!(
        home.run_bare(&["list"], b"another wide window\n").code,
        0,
        "the new one is"
    );
    for arguments in [["lock", "off"], ["passphrase", "--off"]] {
        let run = home.run_bare(&arguments, b"another wide window\n");
        assert_eq!(run.code, 1, "it is all that protects the vault: {run:?}");
    }
    let status = home.run_bare(&["lock"], b"");
    assert_eq!(status.code, 0, "asking how it is opens nothing: {status:?}");
    assert!(status.stdout.contains("is on"), "{}", status.stdout);
}

/// The key as `init` or `recovery-key` shows it.
fn recovery_key(shown: &str) -> String {
    let lines: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("    "))
        .map(str::trim)
        .collect();
    assert!(!lines.is_empty(), "it is shown: {shown}");
    lines.join(" ")
}

#[test]
fn the_recovery_key_of_init_gets_everything_back_when_the_passphrase_is_forgotten() {
    let home = Home::new();
    let shown = home.run(&["init"], "");
    let key = recovery_key(&shown.stdout);
    assert_eq!(
        home.run(&["add", "-"], STREAM_TV).code,
        0,
        "an account to lose"
    );

    let typo = key.replacen(|c: char| c.is_ascii_alphanumeric(), "!", 1);
    let typed = home.run_bare(
        &["--json", "recover"],
        format!("{typo}\nanother wide window\n").as_bytes(),
    );
    assert_eq!(
        (typed.code, typed.error().as_str()),
        (1, "recovery_key_typo"),
        "check characters find it"
    );
    let other = recovery_key(&Home::new().run(&["init"], "").stdout);
    let foreign = home.run_bare(
        &["--json", "recover"],
        format!("{other}\nanother wide window\n").as_bytes(),
    );
    assert_eq!(
        (foreign.code, foreign.error().as_str()),
        (1, "wrong_recovery_key"),
        "of another vault"
    );

    let back = home.run_bare(
        &["recover"],
        format!("{}\nanother wide window\n", key.to_lowercase()).as_bytes(),
    );
    assert_eq!(back.code, 0, "capitals do not matter: {back:?}");
    let list = home.run_bare(
        &["--json", "list", "--at", "1111111109"],
        b"another wide window\n",
    );
    assert!(list.stdout.contains("081804"), "nothing is lost: {list:?}");
    assert_eq!(
        home.run(&["list"], "").code,
        3,
        "the forgotten passphrase is good no longer"
    );
    let again = home.run_bare(
        &["recover"],
        format!("{key}\na third tall window\n").as_bytes(),
    );
    assert_eq!(again.code, 0, "the key stays good: {again:?}");
}

#[test]
fn a_new_recovery_key_ends_the_older_one() {
    let home = Home::new();
    let old = recovery_key(&home.run(&["init"], "").stdout);
    let sheet = home.file("sheet.html");
    let made = home.run(&["recovery-key", "--sheet", sheet.to_str().unwrap()], "");
    let new = recovery_key(&made.stdout);
    assert_ne!(old, new, "it is another one");
    let page = fs::read_to_string(&sheet).unwrap();
    assert!(
        page.contains(&new.replace(' ', "-")),
        "the page to print has it"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&sheet).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "for its owner's eyes only");
    }
    let again = home.run(&["recovery-key", "--sheet", sheet.to_str().unwrap()], "");
    assert_eq!(again.code, 1, "no file is written over: {again:?}");
    let ended = home.run_bare(
        &["--json", "recover"],
        format!("{old}\nanother wide window\n").as_bytes(),
    );
    assert_eq!(ended.error(), "wrong_recovery_key", "the old one ended");
    assert_eq!(
        home.run_bare(
            &["recover"],
            format!("{new}\nanother wide window\n").as_bytes()
        )
        .code,
        0,
        "the new one works"
    );
}

/// `couchkey ARGUMENTS` with an odd way out, and what it says about it.
#[cfg(target_os = "linux")]
fn run_out(home: &Home, arguments: &[&str], out: std::process::Stdio) -> Run {
    let mut all = vec!["--passphrase-fd", "3"];
    all.extend(arguments);
    let child = home
        .command(&all)
        .stdin(std::process::Stdio::null())
        .stdout(out)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.wait_with_output().unwrap().into()
}

/// The ways out that lead nowhere.
#[cfg(target_os = "linux")]
fn dead_ends() -> [(&'static str, std::process::Stdio); 3] {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let open = |path| fs::File::options().write(true).open(path).unwrap();
    [
        ("nobody reads", writer.into()),
        ("a full disk", open("/dev/full").into()),
        ("/dev/null", open("/dev/null").into()),
    ]
}

#[cfg(target_os = "linux")]
#[test]
fn a_recovery_key_that_nobody_saw_leaves_the_old_key_good() {
    let home = Home::new();
    let old = recovery_key(&home.run(&["init"], "").stdout);
    let still_good = |how: &str| {
        let drill = home.run(&["--json", "drill"], &old);
        assert_eq!(drill.code, 0, "{how}: the old key is good: {drill:?}");
    };
    for command in ["recovery-key", "new-keys"] {
        for (how, out) in dead_ends() {
            let run = run_out(&home, &[command], out);
            assert_eq!(run.code, 1, "{command}, {how}: that is no success: {run:?}");
            assert!(
                run.stderr.contains("The recovery key cannot be shown")
                    && run.stderr.contains("Nothing was changed"),
                "{command}, {how}: {}",
                run.stderr
            );
            still_good(how);
        }
        for sheet in ["missing/sheet.html", "passphrase", "vault"] {
            let sheet = home.file(sheet);
            let run = home.run(&[command, "--sheet", sheet.to_str().unwrap()], "");
            assert_eq!(run.code, 1, "{command} {sheet:?}: {run:?}");
            assert!(
                run.stdout.is_empty() && run.stderr.contains("Nothing was changed"),
                "{command} {sheet:?}: before anything is shown: {run:?}"
            );
            still_good("no place for the sheet");
        }
        // With --json the key goes to standard error, so that is what is tried.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = home
            .command(&["--passphrase-fd", "3", "--json", command])
            .stdin(std::process::Stdio::null())
            .stderr(writer)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{command} --json");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("recovery_key_unshown"), "{command}: {said}");
        still_good("standard error is closed");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_goes_away_without_reading_has_not_seen_the_recovery_key() {
    let home = Home::new();
    let old = recovery_key(&home.run(&["init"], "").stdout);
    for command in ["recovery-key", "new-keys"] {
        let status = Command::new("sh")
            .args([
                "-c",
                "{ \"$0\" --keyring file --data-dir \"$HOME/vault\" --passphrase-fd 3 \"$1\" 3<\"$HOME/passphrase\" \
                 2>\"$HOME/said\"; echo $? >\"$HOME/status\"; } </dev/null | true",
                env!("CARGO_BIN_EXE_couchkey"),
                command,
            ])
            .env("HOME", &home.path)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .status()
            .unwrap();
        assert!(status.success(), "true is");
        let said = fs::read_to_string(home.file("said")).unwrap();
        assert_eq!(
            fs::read_to_string(home.file("status")).unwrap().trim(),
            "1",
            "{command}: {said}"
        );
        let drill = home.run(&["--json", "drill"], &old);
        assert_eq!(drill.code, 0, "{command}: the old key is good: {drill:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_vault_is_made_whose_recovery_key_nobody_saw() {
    let home = Home::new();
    for (how, out) in dead_ends() {
        let run = run_out(&home, &["init"], out);
        assert_eq!(run.code, 1, "{how}: that is no success: {run:?}");
        assert!(
            run.stderr.contains("The recovery key cannot be shown"),
            "{how}: {}",
            run.stderr
        );
        assert!(!home.file("vault").exists(), "{how}: nothing was made");
    }
    let sheet = home.file("missing/sheet.html");
    let run = home.run(&["init", "--sheet", sheet.to_str().unwrap()], "");
    assert_eq!(run.code, 1, "no place for the sheet: {run:?}");
    assert!(
        run.stderr.contains("there is no such folder"),
        "{}",
        run.stderr
    );
    assert!(!home.file("vault").exists(), "nothing was made");
    assert_eq!(home.run(&["init"], "").code, 0, "and it can be done again");
}

/// With a limit of the size of files, which is a full disk as far as a program can tell.
#[cfg(target_os = "linux")]
fn on_a_full_disk(home: &Home, blocks: u32, arguments: &[&str]) -> Run {
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\" 3<\"$HOME/passphrase\""),
            env!("CARGO_BIN_EXE_couchkey"),
        ])
        .args(["--keyring", "file", "--passphrase-fd", "3", "--data-dir"])
        .arg(home.file("vault"))
        .args(arguments)
        .env("HOME", &home.path)
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .output()
        .unwrap();
    output.into()
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_file_keyring_is_called_so() {
    let home = Home::new();
    let made = on_a_full_disk(&home, 0, &["--json", "init"]);
    assert_eq!(
        (made.code, made.error().as_str()),
        (1, "storage_full"),
        "{made:?}"
    );
    assert!(
        made.stderr.contains("no space left") && made.stderr.contains("opens nothing"),
        "what to do, and that the key that was shown is none: {}",
        made.stderr
    );
    let home = Home::with_vault();
    let added = on_a_full_disk(&home, 0, &["--json", "recovery-key"]);
    assert_eq!(added.error(), "storage_full", "{added:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_sheet_that_does_not_fit_on_the_disk_is_not_half_there_and_ends_no_key() {
    let home = Home::new();
    let old = recovery_key(&home.run(&["init"], "").stdout);
    let sheet = home.file("sheet.html");
    let run = on_a_full_disk(
        &home,
        1,
        &["recovery-key", "--sheet", sheet.to_str().unwrap()],
    );
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stderr.contains("the disk is full"), "{}", run.stderr);
    let left: Vec<_> = fs::read_dir(&home.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| {
            name.to_string_lossy().contains("sheet") || name.to_string_lossy().starts_with('.')
        })
        .collect();
    assert!(left.is_empty(), "no half a sheet: {left:?}");
    let drill = home.run(&["--json", "drill"], &old);
    assert_eq!(drill.code, 0, "the old key is good: {drill:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_descriptor_that_was_given_is_read_where_it_stands_and_not_opened_anew() {
    use std::{io::Write, os::fd::OwnedFd, os::unix::net::UnixStream};
    let home = Home::with(&[STREAM_TV]);
    let list = |script: &str, input: std::process::Stdio| -> Run {
        let output = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_couchkey")])
            .args(["--keyring", "file", "--passphrase-fd", "3", "--data-dir"])
            .arg(home.file("vault"))
            .args(["code", "stream", "--at", "1111111109"])
            .env("HOME", &home.path)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(input)
            .output()
            .unwrap();
        output.into()
    };
    // A socket cannot be opened by its name, and neither can a file for which the rights were dropped.
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    writeln!(ours, "{PASSPHRASE}").unwrap();
    drop(ours);
    let run = list(
        "exec \"$0\" \"$@\" 3<&0 </dev/null",
        OwnedFd::from(theirs).into(),
    );
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "081804\n"),
        "a socket: {run:?}"
    );
    fs::write(home.file("lines"), format!("not this\n{PASSPHRASE}\n")).unwrap();
    let run = list(
        "exec 3<\"$HOME/lines\"; read -r first <&3; exec \"$0\" \"$@\" </dev/null",
        std::process::Stdio::null(),
    );
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "081804\n"),
        "the next line: {run:?}"
    );
}

#[test]
fn an_empty_variable_is_not_set_and_an_empty_option_is_a_mistake() {
    let home = Home::new();
    let run = |variable: &str, arguments: &[&str]| -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_couchkey"))
            .args(["--keyring", "file", "--json"])
            .args(arguments)
            .env("HOME", &home.path)
            .env("XDG_DATA_HOME", "")
            .env("COUCHKEY_DATA_DIR", variable)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .output()
            .unwrap();
        output.into()
    };
    assert_eq!(run("", &["list"]).error(), "no_vault", "as shells mean it");
    for arguments in [&["--data-dir", "", "list"][..], &["list", "--data-dir="]] {
        let empty = run("", arguments);
        assert_eq!(empty.code, 2, "{arguments:?}: {empty:?}");
        assert!(empty.stderr.contains("names no folder"), "{empty:?}");
    }
}

#[cfg(unix)]
#[test]
fn each_trouble_with_the_data_folder_has_words_of_its_own() {
    use std::os::unix::fs::symlink;
    let home = Home::new();
    fs::write(home.file("vault"), "my notes").unwrap();
    for arguments in [&["init"][..], &["list"], &["doctor"]] {
        let run = home.run(arguments, "");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(run.code, 1, "{arguments:?}: {run:?}");
        assert!(
            said.contains("a file where the vault's folder should be")
                && said.contains("Name a folder"),
            "{arguments:?}: {said}"
        );
        assert!(
            !said.contains("No keyring answers"),
            "{arguments:?}: and of nothing else: {said}"
        );
    }
    assert_eq!(
        fs::read_to_string(home.file("vault")).unwrap(),
        "my notes",
        "untouched"
    );

    let home = Home::with(&[STREAM_TV]);
    let synced = home.file("synced");
    fs::create_dir(&synced).unwrap();
    for half in ["vault.a", "vault.b"] {
        let here = home.file("vault").join(half);
        if here.exists() {
            fs::rename(&here, synced.join(half)).unwrap();
            symlink(synced.join(half), &here).unwrap();
        }
    }
    let note = home.run(&["edit", "stream", "--note", "by a link"], "");
    assert_eq!(note.code, 0, "links are followed: {note:?}");
    assert!(
        home.run(&["list"], "").stdout.contains("by a link"),
        "for reading and for writing"
    );
    assert!(
        fs::symlink_metadata(home.file("vault/vault.a"))
            .unwrap()
            .is_symlink(),
        "and stay links"
    );
}

#[test]
fn names_that_turn_writing_around_or_have_tabs_are_kept_by_no_way_in() {
    let home = Home::with(&[STREAM_TV]);
    let plus = PLUS;
    let marked = home.json(
        &[
            "add",
            "-",
            "--issuer",
            "TV\u{202e}knaB\u{2066}",
            "--account",
            "a\u{200f}b",
        ],
        plus,
    );
    assert_eq!(
        (&marked[0]["issuer"], &marked[0]["account"]),
        (&"TVknaB".into(), &"ab".into()),
        "a rename in a preview: {marked}"
    );
    let form = home.json(
        &[
            "add",
            "--manual",
            "--issuer",
            "Bank\u{202e}x",
            "--account",
            "\u{2067}me",
        ],
        &format!("{}\nn\n", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXQ"),
    );
    assert_eq!(
        (&form[0]["issuer"], &form[0]["account"]),
        (&"Bankx".into(), &"me".into()),
        "the form: {form}"
    );
    let edited = home.json(
        &[
            "edit",
            "fam",
            "--issuer",
            "S\u{202d}TV",
            "--note",
            "x\u{202e}y",
            "--group",
            "d\u{2069}en",
        ],
        "",
    );
    assert_eq!(edited[0]["issuer"], "STV", "a change: {edited}");
    let listed = home.run(&["list"], "").stdout;
    assert!(
        listed.contains("xy") && listed.contains("#den"),
        "notes and groups alike: {listed}"
    );
    for arguments in [
        &["add", "-", "--issuer", "TV\tBank", "--allow-duplicate"][..],
        &["add", "-", "--account", "me\u{1b}[2J", "--allow-duplicate"],
        &["add", "--manual", "--issuer", "TV\tBank", "--account", "me"],
        &["edit", "fam", "--account", "me\nyou"],
        &["edit", "fam", "--group", "a\tb"],
    ] {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let input = if arguments.contains(&"--manual") {
            SECRET
        } else {
            PLUS
        };
        let run = home.run(&all, input);
        assert_eq!(
            (run.code, run.error().as_str()),
            (1, "bad_label"),
            "{arguments:?}: {run:?}"
        );
    }
    let link = home.run(
        &[
            "--json",
            "edit",
            "fam",
            "--account",
            "x otpauth-migration: y",
        ],
        "",
    );
    assert_eq!(link.code, 2, "a link is no argument at all: {link:?}");
    let all = home.json(&["list"], "");
    assert_eq!(
        all.as_array().unwrap().len(),
        3,
        "nothing else came in: {all}"
    );
}

#[test]
fn an_account_that_is_there_already_is_not_added_twice_unless_asked() {
    let home = Home::with(&[STREAM_TV]);
    let again = home.run(&["add", "-"], STREAM_TV);
    assert_eq!(again.code, 0, "there is nothing wrong: {again:?}");
    assert!(
        again.stderr.contains("In the vault already"),
        "it says so: {}",
        again.stderr
    );
    assert_eq!(
        home.json(&["add", "-"], STREAM_TV),
        Value::Array(Vec::new()),
        "nothing was added"
    );
    assert_eq!(
        home.json(&["list"], "").as_array().unwrap().len(),
        1,
        "one it is"
    );
    let twice = home.json(
        &["add", "-", "--allow-duplicate", "--issuer", "Second"],
        STREAM_TV,
    );
    assert_eq!(names(&twice), ["Second"], "by another name, for example");
    assert_eq!(
        names(&home.json(&["list"], "")),
        ["StreamTV", "Second"],
        "two they are"
    );
}

#[test]
fn pictures_are_added_all_or_none() {
    let home = Home::with_vault();
    let paths: Vec<String> = ["one.png", "two.png", "none.png", "page.jpg"]
        .iter()
        .map(|name| home.file(name).to_str().unwrap().to_owned())
        .collect();
    picture(
        home.file("one.png").as_path(),
        &[STREAM_TV, "https://example.com/manual"],
    );
    picture(home.file("two.png").as_path(), &[PLUS, STREAM_TV]);
    image::GrayImage::from_pixel(300, 200, image::Luma([200]))
        .save(&paths[2])
        .unwrap();

    let refused = home.run(&["--json", "add", &paths[0], &paths[2]], "");
    assert_eq!(
        (refused.code, refused.error().as_str()),
        (1, "no_qr_code"),
        "one of them shows nothing"
    );
    assert!(
        refused.stderr.contains("none.png"),
        "it says which: {}",
        refused.stderr
    );
    assert_eq!(
        home.json(&["list"], ""),
        Value::Array(Vec::new()),
        "so nothing was saved"
    );

    let added = home.json(&["add", &paths[0], &paths[1]], "");
    assert_eq!(
        names(&added),
        ["StreamTV", "StreamTV Plus"],
        "the same code in two pictures is one account"
    );
    let piped = home.run_bare(
        &["--passphrase-fd", "3", "--json", "add", "-"],
        &fs::read(&paths[0]).unwrap(),
    );
    assert_eq!(
        (piped.code, piped.stdout.as_str()),
        (0, "[]\n"),
        "a picture may come on standard input: {piped:?}"
    );
}

fn vector(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/pictures");
    path.join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_link_over_two_symbols_is_added_whole_or_not_at_all() {
    let one = vector("structured-append-1of2.png");
    let two = vector("structured-append-2of2.png");
    let both = vector("structured-append-both.png");
    // By oathtool --totp --base32 JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP --now "@1111111109"
    let right = "088309";
    for pictures in [&[&one, &two][..], &[&two, &one], &[&both], &[&both, &one]] {
        for command in ["add", "import"] {
            if command == "import" && pictures.len() > 1 && pictures[0] == &both {
                continue; // one file after the other, or the parts of one
            }
            let home = Home::with_vault();
            let part = home.run(&["--json", command, pictures[0], "--yes"], "");
            if pictures[0] != &both {
                assert_eq!(
                    (part.code, part.error().as_str()),
                    (1, "incomplete_batch"),
                    "{command} of half a link: {part:?}"
                );
                assert!(
                    part.stderr.contains("2 QR codes") && part.stderr.contains("missing: "),
                    "it says what is missing: {part:?}"
                );
                assert_eq!(
                    home.json(&["list"], ""),
                    Value::Array(Vec::new()),
                    "nothing was saved"
                );
            }
            let mut args = vec![command];
            args.extend(pictures.iter().map(|path| path.as_str()));
            args.push("--yes");
            home.json(&args, "");
            let list = home.json(&["list", "--at", "1111111109"], "");
            assert_eq!(
                list.as_array().map(Vec::len),
                Some(1),
                "{command} {pictures:?}"
            );
            assert_eq!(
                list[0]["code"], right,
                "{command} {pictures:?}: the whole key"
            );
        }
        let home = Home::new();
        let mut args = vec!["scan", "--at", "1111111109"];
        args.extend(pictures.iter().map(|path| path.as_str()));
        let scanned = home.json(&args, "");
        let codes: Vec<&Value> = scanned
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|picture| picture["codes"].as_array().unwrap())
            .filter(|code| !code["code"].is_null())
            .collect();
        assert!(
            !codes.is_empty() && codes.iter().all(|code| code["code"] == right),
            "{scanned}"
        );
    }
    let home = Home::new();
    let half = home.json(&["scan", &one], "");
    assert_eq!(
        half[0]["codes"],
        serde_json::json!([{ "text_kind": "part", "part": 1, "of": 2 }]),
        "half of it is a part, and no account"
    );
    let people = home.run_bare(&["scan", &one], b"");
    assert!(people.stdout.contains("This is part 1 of 2."), "{people:?}");
}

#[test]
fn bad_pictures_are_refused_by_name() {
    let home = Home::with_vault();
    let write = |name: &str, bytes: &[u8]| fs::write(home.file(name), bytes).unwrap();
    picture(&home.file("good.png"), &[STREAM_TV]);
    picture(&home.file("link.png"), &["https://example.com/"]);
    picture(&home.file("other.png"), &["WIFI:S:couch;;"]);
    picture(&home.file("bad.png"), &["otpauth://totp/x?secret=1"]);
    let good = fs::read(home.file("good.png")).unwrap();
    let mut bomb = good.clone();
    // 32,768 pixels each way, which would be 1 GiB in memory; the header's checksum fits.
    bomb[16..24].copy_from_slice(&[0, 0, 0x80, 0, 0, 0, 0x80, 0]);
    let checksum = crc32(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    write("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    write("ticket.pdf", b"%PDF-1.7\n");
    write("empty.png", b"");
    write("text.png", b"this is a letter to my aunt");
    write("cut.png", &good[..good.len() / 2]);
    write("bomb.png", &bomb);
    fs::create_dir(home.file("folder.png")).unwrap();
    for (name, codes) in [
        ("missing.png", &["file_unreadable"][..]),
        ("folder.png", &["file_unreadable"]),
        ("photo.heic", &["picture_heic"]),
        ("ticket.pdf", &["picture_pdf"]),
        ("empty.png", &["picture_empty"]),
        ("text.png", &["not_a_picture"]),
        ("cut.png", &["picture_damaged", "no_qr_code"]),
        ("bomb.png", &["picture_too_large"]),
        ("link.png", &["qr_is_web_link"]),
        ("other.png", &["qr_is_other"]),
        ("bad.png", &["bad_secret"]),
    ] {
        let path = home.file(name);
        let run = home.run(&["--json", "add", path.to_str().unwrap()], "");
        assert_eq!(run.code, 1, "{name}: {run:?}");
        assert!(codes.contains(&run.error().as_str()), "{name}: {run:?}");
        let named = !matches!(name, "photo.heic" | "ticket.pdf") || run.stderr.contains("--screen");
        assert!(named, "{name} comes with its cure: {run:?}");
    }
    assert_eq!(
        home.json(&["list"], ""),
        Value::Array(Vec::new()),
        "and nothing was saved"
    );
}

/// As PNG has it (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn one_bad_line_does_not_stop_the_others_and_is_not_lost() {
    let home = Home::with_vault();
    let list = format!(
        "# from my old app\r\n{STREAM_TV}\r\n\r\notpauth://totp/Bad:x?secret=1\r\n{PLUS}\n"
    );
    let run = home.run(&["--json", "add", "-"], &list);
    let added: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        names(&added),
        ["StreamTV", "StreamTV Plus"],
        "the good ones are in"
    );
    assert_eq!(run.code, 1, "and a script learns that one is not: {run:?}");
    assert!(
        run.stderr.contains("Left out"),
        "people too: {}",
        run.stderr
    );
    let text = home.run(&["--json", "add", "-"], "a shopping list\nmilk\n");
    assert_eq!(text.error(), "not_otpauth", "text is not called a QR code");
    let nothing = home.run(&["--json", "add", "-"], "\n");
    assert_eq!(nothing.error(), "nothing_to_read", "nor is nothing");
}

/// What was reported about other apps (issue 11): see the README there.
fn reported(name: &str) -> Vec<u8> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/reported");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Row 29 of issue 11: a secret was shown as a name, accounts were lost without a word.
#[test]
fn links_parted_by_anything_are_all_added_and_no_secret_is_a_name() {
    for name in [
        "02-links-comma-secret-in-name.txt",
        "03-links-json-array-one-line.json",
    ] {
        let text = String::from_utf8(reported(name)).unwrap();
        for command in [
            &["--json", "add", "-"][..],
            &["--json", "import", "-", "--yes"],
        ] {
            let home = Home::with_vault();
            let run = home.run(command, &text);
            assert_eq!(run.code, 0, "{name}: {run:?}");
            let list = home.json(&["list"], "");
            assert_eq!(names(&list), ["A", "B"], "{name}: {run:?}");
            for shown in [run.stdout, run.stderr, list.to_string()] {
                assert!(
                    !shown.contains("JBSWY3DP") && !shown.contains("GEZDGNBV"),
                    "{shown}"
                );
            }
        }
    }
    // A QR code of a list, by every way in that reads pictures.
    let text = String::from_utf8(reported("02-links-comma-secret-in-name.txt")).unwrap();
    for command in [&["--json", "add"][..], &["--json", "import", "--yes"]] {
        let home = Home::with_vault();
        let path = home.file("list.png");
        picture(&path, &[&text]);
        let run = home.run(&[command, &[path.to_str().unwrap()]].concat(), "");
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(names(&home.json(&["list"], "")), ["A", "B"], "{run:?}");
        let seen = home.json(&["scan", path.to_str().unwrap()], "");
        assert_eq!(seen[0]["codes"].as_array().map(Vec::len), Some(2), "{seen}");
    }
    let home = Home::with_vault();
    let names_hold_links = "otpauth://totp/A:a?secret=JBSWY3DPEHPK3PXP&issuer=otpauth%3A%2F%2Ftotp%2FB%3Fsecret%3DGEZDGNBVGY3TQOJQ";
    let run = home.run(&["--json", "add", "-"], names_hold_links);
    assert_eq!(
        (run.code, run.error().as_str()),
        (1, "link_in_name"),
        "{run:?}"
    );
}

/// Row 35 of issue 11.
#[test]
fn a_list_in_utf_16_is_added_from_standard_input_too() {
    let home = Home::with_vault();
    let file = home.file("links.txt");
    fs::write(&file, reported("08-links-utf16.txt")).unwrap();
    let run = home.run(&["import", file.to_str().unwrap(), "--yes"], "");
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(names(&home.json(&["list"], "")), ["A", "B"], "both");
}

/// Row 38 of issue 11: by every way in, the words name the app and the cure.
#[test]
fn the_qr_code_of_microsofts_own_way_in_is_named_with_the_cure() {
    let home = Home::with_vault();
    let picture = home.file("microsoft.png");
    fs::write(&picture, reported("15-microsoft-qr.png")).unwrap();
    let picture = picture.to_str().unwrap();
    let link = "phonefactor://activate_account?code=123456789&url=https%3a%2f%2fexample.com";
    for (command, input) in [
        (&["add", picture][..], ""),
        (&["import", picture, "--yes"], ""),
        (&["add", "-"], link),
        (&["inspect", "-"], link),
        (&["scan", picture], ""),
        (&["import", "-", "--yes"], link),
    ] {
        let run = home.run(command, input);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            said.contains("Microsoft Authenticator"),
            "{command:?}: {said}"
        );
        assert!(
            !said.contains("123456789"),
            "its own code stays out of sight: {said}"
        );
        if command[0] != "scan" && command != ["import", "-", "--yes"] {
            assert_eq!(run.code, 1, "{command:?}: {run:?}");
            assert!(
                said.contains("choose 'a different authenticator app'"),
                "{command:?}: {said}"
            );
        }
    }
}

/// An export of 25 accounts, which takes three QR codes.
fn export() -> Vec<String> {
    let accounts: Vec<_> = (0..25)
        .map(|n| {
            let secret = data_encoding::BASE32_NOPAD.encode(&[n + 1; 20]);
            otpauth::read(&format!(
                "otpauth://totp/Service%20{n}:me?secret={secret}&issuer=Service%20{n}"
            ))
            .unwrap()
            .enrolment
        })
        .collect();
    let accounts: Vec<_> = accounts.iter().collect();
    migration::write(&accounts, 7)
        .uris
        .iter()
        .map(|uri| uri.to_string())
        .collect()
}

#[test]
fn an_export_is_saved_when_all_of_its_parts_are_there() {
    let parts = export();
    assert_eq!(parts.len(), 3, "as many QR codes as this test is about");
    let home = Home::with_vault();
    let some = home.run(
        &["--json", "add", "-"],
        &format!("{}\n{}", parts[2], parts[0]),
    );
    assert_eq!(
        (some.code, some.error().as_str()),
        (1, "incomplete_batch"),
        "the second is missing"
    );
    assert!(
        some.stderr.contains("2 of 3") && some.stderr.contains("missing: 2"),
        "it says which: {}",
        some.stderr
    );
    assert_eq!(
        home.json(&["list"], ""),
        Value::Array(Vec::new()),
        "nothing was saved"
    );
    let all = home.json(
        &["add", "-"],
        &format!("{}\n{}\n{}", parts[2], parts[0], parts[1]),
    );
    assert_eq!(all.as_array().unwrap().len(), 25, "in any order");

    let home = Home::with_vault();
    let partial = home.json(&["add", "-", "--partial"], &parts[0]);
    assert!(
        !partial.as_array().unwrap().is_empty(),
        "when asked for, what is there is saved"
    );
}

#[test]
fn an_account_is_added_by_hand() {
    let home = Home::with_vault();
    let run = home.run(
        &["--json", "add", "--manual", "--at", "1111111109"],
        "Couch TV\nme\ngezd gnbv gy3t qojq gezd gnbv gy3t qojq\n",
    );
    let added: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    assert_eq!(
        (names(&added), &added[0]["code"]),
        (vec!["Couch TV"], &Value::from("081804")),
        "as services show keys"
    );
    let special = home.json(
        &["add", "--manual", "--at", "1111111109"],
        "Box\nme\nGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\ny\ntotp\nSHA1\n8\n60\n",
    );
    assert_eq!(
        (&special[0]["digits"], &special[0]["period"]),
        (&Value::from(8), &Value::from(60)),
        "as answered"
    );
    let wide = home.json(
        &["add", "--manual", "--at", "1111111109"],
        "Wide\nme\nGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR\ny\ntotp\nSHA1\n８\n６０\n",
    );
    assert_eq!(
        (&wide[0]["digits"], &wide[0]["period"]),
        (&Value::from(8), &Value::from(60)),
        "row 40 of issue 11: digits of any script"
    );
    for (input, code) in [
        ("A\nb\n\n", "empty_secret"),
        ("A\nb\n10 01\n", "bad_secret"),
        ("\n\nGEZDGNBVGY3TQOJQ\n", "name_missing"),
        (
            "A\nb\nGEZDGNBVGY3TQOJQ\ny\ntotp\nMD5\n",
            "unsupported_algorithm",
        ),
        (
            "A\nb\nGEZDGNBVGY3TQOJQ\ny\ntotp\n\n99\n",
            "unsupported_digits",
        ),
        (
            "A\nb\nGEZDGNBVGY3TQOJQ\ny\ntotp\n\n\n0\n",
            "unsupported_period",
        ),
        ("A\nb\nGEZDGNBVGY3TQOJQ\ny\nmotp\n", "bad_type"),
    ] {
        let run = home.run(&["--json", "add", "--manual"], input);
        assert_eq!((run.code, run.error().as_str()), (1, code), "{input:?}");
    }
}

#[test]
fn scan_answers_for_every_picture() {
    let home = Home::new();
    picture(
        &home.file("page.png"),
        &[
            STREAM_TV,
            "https://example.com/",
            "otpauth://totp/x?secret=1",
        ],
    );
    image::GrayImage::from_pixel(300, 200, image::Luma([200]))
        .save(home.file("grey.png"))
        .unwrap();
    let page = home.file("page.png");
    let grey = home.file("grey.png");
    let (page, grey) = (page.to_str().unwrap(), grey.to_str().unwrap());
    let json = home.json(&["scan", page, grey, "--at", "1111111109"], "");
    assert_eq!(json[0]["image"], page, "named as it was given");
    assert!(json[0]["millis"].is_u64(), "how long it took: {json}");
    let codes = json[0]["codes"].as_array().unwrap();
    assert_eq!(codes.len(), 3, "every code of the picture: {json}");
    assert_eq!(
        (&codes[0]["issuer"], &codes[0]["code"]),
        (&Value::from("StreamTV"), &Value::from("081804")),
        "as inspect"
    );
    assert_eq!(
        codes[1],
        serde_json::json!({ "text_kind": "other" }),
        "other codes keep their text to themselves"
    );
    assert_eq!(
        codes[2]["error"]["code"], "bad_secret",
        "a refused one says why"
    );
    assert_eq!(
        json[1]["codes"],
        Value::Array(Vec::new()),
        "a picture without a code is an answer"
    );
    let run = home.run_bare(&["--json", "scan", page, grey], b"");
    assert_eq!(run.code, 0, "all pictures were read");

    let with_text = home.json(&["scan", "--text", page], "");
    assert_eq!(
        with_text[0]["codes"][1],
        serde_json::json!({ "text_kind": "other", "text": "https://example.com/" }),
        "unless it is asked for"
    );
    assert!(
        !with_text.to_string().contains("otpauth:"),
        "never that of a link with a secret"
    );

    let piped = home.run_bare(&["--json", "scan", "-"], &fs::read(page).unwrap());
    assert!(
        piped.stdout.starts_with("[{") && piped.stdout.contains("\"image\":\"-\""),
        "{piped:?}"
    );
    let missing = home.run_bare(&["--json", "scan", "missing.png", grey], b"");
    let json: Value = serde_json::from_str(&missing.stdout).unwrap();
    assert_eq!(
        json[0]["error"]["code"], "file_unreadable",
        "one that cannot be read says so"
    );
    assert!(json[1]["error"].is_null(), "and does not stop the others");
    assert_eq!(missing.code, 1, "but a script learns of it");
    let people = home.run_bare(&["scan", page, grey], b"");
    for part in [
        "StreamTV",
        "for something else",
        "is damaged",
        "No QR code was found",
    ] {
        assert!(
            people.stdout.contains(part),
            "people read {part}: {people:?}"
        );
    }
}

#[test]
fn no_output_ever_holds_a_secret() {
    let home = Home::new();
    let mut said = Vec::new();
    let mut keep = |run: Run| {
        said.push(run.stdout);
        said.push(run.stderr);
    };
    let shown = home.run(&["--json", "init"], "");
    let key = recovery_key(&shown.stderr);
    assert!(
        !shown.stdout.contains(key.split(' ').next().unwrap()),
        "no JSON holds the recovery key"
    );
    picture(&home.file("qr.png"), &[STREAM_TV]);
    let png = home.file("qr.png");
    let png = png.to_str().unwrap();
    for json in [&["--json"][..], &[]] {
        for arguments in [
            &["inspect", "-"][..],
            &["scan", "--text", png],
            &["add", "-"],
            &["add", "-", "--allow-duplicate"],
            &["add", png],
            &["list"],
            &["code", "fam"],
            &["edit", "fam", "--note", "x"],
            &["remove", "fam"],
            &["trash"],
            &["restore", "fam"],
            &["lock"],
            &["doctor"],
        ] {
            let mut all = json.to_vec();
            all.extend(arguments);
            keep(home.run(&all, STREAM_TV));
        }
        keep(home.run(
            &["inspect", "-"],
            &STREAM_TV.replace("issuer=", "period=0&issuer="),
        ));
        keep(home.run(&["inspect", "-"], &STREAM_TV.replace("otpauth", "otpau")));
    }
    let raw = data_encoding::BASE32_NOPAD
        .decode(SECRET.as_bytes())
        .unwrap();
    let spellings = [
        SECRET.to_owned(),
        SECRET.to_lowercase(),
        String::from_utf8(raw.clone()).unwrap(),
        data_encoding::HEXLOWER.encode(&raw),
        data_encoding::HEXUPPER.encode(&raw),
        data_encoding::BASE64.encode(&raw)[..26].to_owned(),
    ];
    let all = said.join("\n");
    assert!(all.contains("StreamTV"), "the commands did their work");
    for spelling in spellings {
        assert!(!all.contains(&spelling), "{spelling} was printed");
    }
    assert!(!all.contains(PASSPHRASE), "nor was the passphrase");
}

#[test]
fn names_that_people_type_cannot_drive_the_terminal_either() {
    let home = Home::with(&[STREAM_TV]);
    let edited = home.run(
        &["edit", "stream", "--note", "a\u{1b}[2Jb\u{9b}c\u{202e}d"],
        "",
    );
    let listed = home.run(&["list"], "");
    for run in [edited, listed] {
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            !said
                .chars()
                .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "refused or spelled out, never sent: {said:?}"
        );
    }
}

#[test]
fn doctor_says_what_is_good_and_what_is_not() {
    let home = Home::new();
    let key = recovery_key(&home.run(&["init"], "").stdout);
    assert_eq!(home.run(&["add", "-"], STREAM_TV).code, 0, "an account");
    let unsaved = home.run(&["doctor"], "");
    assert_eq!(
        unsaved.code, 1,
        "nobody has said that the recovery key is written down: {unsaved:?}"
    );
    assert!(
        unsaved
            .stdout
            .contains("nobody has said that it is written down")
            && unsaved.stdout.contains("couchkey drill"),
        "and here is what to do: {}",
        unsaved.stdout
    );
    assert_eq!(
        home.run(&["drill"], &key).code,
        0,
        "whoever types it has it"
    );
    let run = home.run(&["doctor"], "");
    assert_eq!(run.code, 0, "all is well: {run:?}");
    assert!(
        run.stdout.contains("good") && !run.stdout.contains("WRONG"),
        "{}",
        run.stdout
    );
    let json = home.json(&["doctor"], "");
    assert!(
        json["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|check| check["good"] == true),
        "{json}"
    );
    for half in ["vault.a", "vault.b"] {
        let path = home.file("vault").join(half);
        if path.exists() {
            fs::write(path, "not a vault any more").unwrap();
        }
    }
    let _ = fs::remove_dir_all(home.file("vault").join("keyring"));
    let run = home.run(&["--json", "doctor"], "");
    assert_ne!(
        run.code, 0,
        "a vault that cannot be read is not well: {run:?}"
    );
    assert!(run.stdout.contains("\"good\":false"), "{}", run.stdout);
}

#[test]
fn two_processes_add_25_accounts_each_at_once() {
    let home = Home::with_vault();
    thread::scope(|scope| {
        for side in ["left", "right"] {
            let home = &home;
            scope.spawn(move || {
                for n in 0..25_u8 {
                    let mut secret = [n; 20];
                    secret[0] = side.as_bytes()[0];
                    let secret = data_encoding::BASE32_NOPAD.encode(&secret);
                    let uri = format!("otpauth://totp/{side}:{n}?secret={secret}&issuer={side}");
                    let run = home.run(&["add", "-"], &uri);
                    assert_eq!(run.code, 0, "{side} {n}: {run:?}");
                }
            });
        }
    });
    let list = home.json(&["list"], "");
    let mut all: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|account| {
            format!(
                "{} {}",
                account["issuer"].as_str().unwrap(),
                account["account"].as_str().unwrap()
            )
        })
        .collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 50, "every one of them is there, once");
}
