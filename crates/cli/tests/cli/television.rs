//! `couchkey tv`, `coach`, `services`, and the QR code of a television's sign-in page.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::run::{Home, STREAM_TV, picture};

const QUESTION: &str = r#"{"now_ms": 20000, "period": 30, "codes": ["287082","359152","969429","338314","254676"], "keypad": "3x4", "press_ms": 650, "glance_ms": 1500, "spread": 0.2}"#;

#[test]
fn coach_answers_line_by_line_and_opens_no_vault() {
    let home = Home::new();
    let mut child = home
        .command(&["coach", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        writeln!(questions, "{QUESTION}").unwrap();
        // Each is answered before the next one is asked.
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["step_ahead"], 1, "{answer}");
        assert_eq!(answer["code"], "359152");
        assert_eq!(answer["valid_from_ms"], 30_000);
        assert_eq!(answer["valid_until_ms"], 60_000);
        assert_eq!(answer["hold_last_press"], true);
        assert!(answer["presses"].is_u64() && answer["expected_done_ms"].is_u64());
        assert_eq!(
            answer.as_object().unwrap().len(),
            7,
            "and nothing else: {answer}"
        );
    }
    drop(questions);
    assert!(child.wait().unwrap().success());
    assert!(!home.file("vault").exists(), "no vault was looked for");
}

#[test]
fn a_wrong_line_is_answered_and_does_not_stop_the_others() {
    let home = Home::new();
    let run = home.run_bare(
        &["coach", "-"],
        format!("nonsense\n\n{QUESTION}\n{{}}\n").as_bytes(),
    );
    assert_eq!(run.code, 1, "{run:?}");
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{run:?}");
    assert_eq!(lines[0]["error"]["code"], "question_unclear");
    assert_eq!(lines[1]["step_ahead"], 1);
    assert!(
        lines[2]["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("now_ms")
    );

    let long = format!("{}\n{QUESTION}\n", "x".repeat(200_000));
    let long = home.run_bare(&["coach", "-"], long.as_bytes());
    assert_eq!((long.code, long.stdout.lines().count()), (1, 2), "{long:?}");
    assert!(long.stdout.contains("at most 65,536 bytes"), "{long:?}");
    assert!(long.stdout.contains("\"step_ahead\":1"), "{long:?}");
    assert_eq!(
        home.run_bare(&["coach"], b"").code,
        0,
        "no question, no answer"
    );
    assert_eq!(home.run_bare(&["coach", "questions.json"], b"").code, 2);
}

#[test]
fn tv_says_the_code_of_the_step_in_which_somebody_is_done() {
    let home = Home::with(&[STREAM_TV]);
    // A second before its end, the code of that step helps nobody.
    let late = home.json(&["tv", "stream", "--at", "1111111109", "--pace", "0.3"], "");
    assert_eq!(late["issuer"], "StreamTV");
    assert_eq!(
        (&late["step_ahead"], &late["code"]),
        (&json!(1), &json!("050471"))
    );
    assert_eq!(late["valid_from_ms"], 1_111_111_110_000_u64);
    assert_eq!(late["keypad"], "3x4");

    let fresh = home.json(&["tv", "--at", "1111111080", "--pace", "0.3"], "");
    assert_eq!(
        (&fresh["step_ahead"], &fresh["code"]),
        (&json!(0), &json!("081804"))
    );
    let slow = home.json(
        &[
            "tv",
            "--at",
            "1111111080",
            "--pace",
            "2.2",
            "--keypad",
            "row",
        ],
        "",
    );
    assert!(slow["step_ahead"].as_u64().unwrap() >= 2, "{slow}");

    // Of somebody unknown, one step more.
    let run = home.run(&["tv", "--at", "1111111109"], "");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("266 759   from "), "{run:?}");
    assert!(run.stdout.contains(", for 30 seconds"), "{run:?}");
    assert!(run.stderr.contains("keep the last press until"), "{run:?}");
    assert!(
        run.stderr.contains("Type it only on your own TV."),
        "{run:?}"
    );
}

#[test]
fn what_no_television_has_is_wrong_usage() {
    let home = Home::with(&[STREAM_TV]);
    for wrong in [
        &["tv", "--keypad", "4x3"][..],
        &["tv", "--pace", "0"],
        &["tv", "--pace", "NaN"],
        &["tv", "--pace", "fast"],
    ] {
        assert_eq!(home.run(wrong, "").code, 2, "{wrong:?}");
    }
    let missing = home.run(&["--json", "tv", "nobody"], "");
    assert_eq!(
        (missing.code, missing.error().as_str()),
        (1, "account_not_found")
    );
}

#[test]
fn a_television_has_a_name_and_a_keypad_and_an_account_remembers_its_own() {
    let home = Home::with(&[STREAM_TV, &STREAM_TV.replace("StreamTV", "Cable")]);
    let at = |command: &[&str]| {
        let mut command = command.to_vec();
        command.extend(["--at", "1111111080"]);
        home.json(&command, "")
    };
    assert_eq!(at(&["tv", "--list"]), json!([]), "none at first");
    let first = at(&["tv", "stream", "--on", "Living room", "--keypad", "row"]);
    assert_eq!(
        (&first["television"], &first["keypad"]),
        (&json!("Living room"), &json!("row"))
    );
    assert_eq!(
        at(&["tv", "cable", "--on", "bedroom"])["keypad"],
        "3x4",
        "a new one has the usual keypad"
    );
    let again = at(&["tv", "stream"]);
    assert_eq!(
        (&again["television"], &again["keypad"]),
        (&json!("Living room"), &json!("row")),
        "the one that it was last typed on"
    );
    assert_eq!(at(&["tv", "cable"])["television"], "bedroom");

    at(&["tv", "cable", "--on", "LIVING ROOM"]);
    let kept = at(&["tv", "--list"]);
    assert_eq!(
        kept,
        json!([{ "name": "LIVING ROOM", "keypad": "row" }, { "name": "bedroom", "keypad": "3x4" }]),
        "one of that name, in whatever case; the one chosen last is first"
    );
    assert_eq!(
        at(&["tv", "stream", "--keypad", "numbers"])["keypad"],
        "numbers"
    );
    assert_eq!(at(&["tv", "stream"])["keypad"], "row", "that was for once");

    assert_eq!(home.run(&["tv", "--forget", "living room"], "").code, 0);
    assert_eq!(at(&["tv", "stream"])["television"], "bedroom");
    let listed = home.run(&["tv", "--list"], "");
    assert_eq!(
        listed.stdout, "bedroom   3x4   pace not known yet\n",
        "{listed:?}"
    );
}

#[test]
fn a_television_without_a_name_and_one_that_nobody_knows_are_refused() {
    let home = Home::with(&[STREAM_TV]);
    for nothing in ["", " ", "\u{202e}", " \u{202e}\t "] {
        let nameless = home.run(&["--json", "tv", "--on", nothing], "");
        assert_eq!(
            (nameless.code, nameless.error().as_str()),
            (1, "television_without_a_name"),
            "{nothing:?}"
        );
    }
    let unknown = home.run(&["--json", "tv", "--forget", "kitchen"], "");
    assert_eq!(
        (unknown.code, unknown.error().as_str()),
        (1, "no_such_television")
    );
    assert_eq!(home.run(&["tv", "--list", "stream"], "").code, 2);
    assert_eq!(home.run(&["tv", "--forget", "a", "--on", "b"], "").code, 2);
    let shown = home.json(&["tv", "--on", "\u{202e} a\u{202e}b\tc "], "");
    assert_eq!(shown["television"], "abc", "as it is kept");
    assert_eq!(
        home.json(&["tv", "--list"], "")[0]["name"],
        "abc",
        "no marks"
    );
}

#[test]
fn a_counter_based_code_has_no_times() {
    let home =
        Home::with(&["otpauth://hotp/Cable:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=1"]);
    let shown = home.json(&["tv", "cable"], "");
    assert_eq!(shown["code"], "287082");
    assert!(
        shown.get("step_ahead").is_none() && shown.get("valid_from_ms").is_none(),
        "{shown}"
    );
}

#[test]
fn any_short_code_is_shown_without_a_vault_and_kept_nowhere() {
    let home = Home::new();
    let run = home.run_bare(&["tv", "-"], b" 842 913\n");
    assert_eq!((run.code, run.stdout.as_str()), (0, "842 913\n"), "{run:?}");
    assert_eq!(home.run_bare(&["tv", "-"], b"BQ7K2").stdout, "BQ7K2\n");
    for (input, code) in [
        (&b""[..], "nothing_to_read"),
        (b"Your code is 842913.", "not_a_short_code"),
        (b"12345678901234567", "not_a_short_code"),
        (STREAM_TV.as_bytes(), "not_a_short_code"),
    ] {
        let run = home.run_bare(&["--json", "tv", "-"], input);
        assert_eq!((run.code, run.error().as_str()), (1, code), "{run:?}");
        assert!(!run.stderr.contains("842913"), "not repeated: {run:?}");
    }
    let mut folders = vec![home.path.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                assert!(
                    !bytes.windows(6).any(|six| six == b"842913"),
                    "{:?}",
                    entry.path()
                );
            }
        }
    }
}

#[test]
fn services_say_whether_they_offer_an_authenticator() {
    let home = Home::new();
    let plex = home.json(&["services", "plex"], "");
    assert_eq!(plex.as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &plex[0]["name"],
            &plex[0]["authenticator"],
            &plex[0]["as_of"]
        ),
        (&json!("Plex"), &json!(true), &json!("2026-08-04"))
    );
    let netflix = home.run_bare(&["services", "NETFLIX"], b"");
    assert!(
        netflix.stdout.contains("offers no authenticator"),
        "{netflix:?}"
    );
    assert!(
        netflix.stdout.contains("couchkey tv -"),
        "and what there is: {netflix:?}"
    );
    assert!(
        netflix.stderr.contains("2FA Directory"),
        "whose list it is: {netflix:?}"
    );
    let all = home.run_bare(&["services"], b"");
    assert_eq!((all.code, all.stdout.lines().count()), (0, 84), "{all:?}");
    let none = home.run_bare(&["--json", "services", "StreamTV"], b"");
    assert_eq!((none.code, none.error().as_str()), (1, "service_unknown"));
}

#[test]
fn a_televisions_own_qr_code_is_named_and_not_opened() {
    let home = Home::with_vault();
    let scan = |text: &str| {
        let path = home.file("tv.png");
        picture(&path, &[text]);
        let path = path.to_str().unwrap().to_owned();
        (
            home.run_bare(&["scan", &path], b""),
            home.json(&["scan", &path], "")[0]["codes"][0].clone(),
            home.run(&["--json", "add", &path], ""),
        )
    };
    let (said, json, added) = scan("https://plex.tv/link?code=WDJBMJHT");
    assert!(said.stdout.contains("This is Plex: plex.tv"), "{said:?}");
    assert_eq!(
        json,
        json!({"text_kind": "other", "page": {"domain": "plex.tv", "service": "Plex", "warnings": []}})
    );
    assert_eq!((added.code, added.error().as_str()), (1, "qr_is_web_link"));
    assert!(added.stderr.contains("This is Plex: plex.tv"), "{added:?}");
    for run in [said, added] {
        assert!(
            !format!("{run:?}").contains("WDJBMJHT"),
            "its code is for the TV alone: {run:?}"
        );
    }

    // Our own server's page, wherever somebody runs it.
    let (said, json, _) = scan("https://signin.example.tv/tv?code=WDJB-MJHT");
    assert!(said.stdout.contains("a web page of example.tv"), "{said:?}");
    assert_eq!(json, json!({"text_kind": "other"}));

    let (said, json, _) = scan("https://plex.tv@signin.example.net/link");
    assert!(said.stderr.contains("Do not open it"), "{said:?}");
    assert_eq!(json["page"]["service"], Value::Null);
    assert_eq!(json["page"]["warnings"], json!([{"word": "user-info"}]));
}
