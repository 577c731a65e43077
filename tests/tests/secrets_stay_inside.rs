//! A planted secret is in no view, error, `Debug` text, sheet, keyring entry, file, log line or message to the page, in any
//! spelling.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, ManualForm, Permission, Scanned,
    fake::FakeBackups,
    inspect, scan,
    view::{AddAll, EditForm, ExportForm, ExportFormat, KindWord},
};
use couchkey_otp::UnixTime;
use couchkey_tests::{
    desktop::{self, Session, Window, wait_until},
    machine::{Machine, add, all},
    pictures::{self, Kind},
    spelling::{holds, spellings},
};
use couchkey_vault::Half;
use serde::Serialize;
use zeroize::Zeroizing;

/// The planted secret, in base32: `planted-secret-of-thirty-bytes`.
const PLANTED: &str = "OBWGC3TUMVSC243FMNZGK5BNN5TC25DINFZHI6JNMJ4XIZLT";

fn uri() -> String {
    format!("otpauth://totp/StreamTV:me?secret={PLANTED}&issuer=StreamTV")
}

/// Fails when a text that leaves Rust holds the planted secret.
#[track_caller]
fn clean(what: &str, text: &str) {
    if let Some(spelling) = holds(PLANTED, text.as_bytes()) {
        panic!("{what} holds the secret as {spelling}");
    }
}

/// What a command answers is what `serde` writes of it; what a log could show is what `Debug` writes.
#[track_caller]
fn clean_view(what: &str, view: &(impl Serialize + Debug)) {
    clean(what, &serde_json::to_string(view).expect("a view"));
    clean(what, &format!("{view:?}"));
    clean(what, &format!("{view:#?}"));
}

#[track_caller]
fn clean_error(what: &str, error: &Error) {
    clean_view(what, &error.report());
    clean(what, &format!("{error} {error:?} {error:#?}"));
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        clean(what, &format!("{cause} {cause:?}"));
        source = cause.source();
    }
}

fn form(secret: &str) -> ManualForm {
    ManualForm {
        kind: KindWord::Totp,
        issuer: "StreamTV".to_owned(),
        account: "typed in".to_owned(),
        secret: secret.to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: 6,
        period: 30,
        counter: String::new(),
    }
}

fn with_vault() -> (Machine, Authenticator) {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    (machine, app)
}

#[test]
fn the_test_would_notice_a_leak() {
    for spelling in spellings(PLANTED) {
        let text = format!("{{\"note\":\"{spelling}\"}}");
        assert!(
            holds(PLANTED, text.as_bytes()).is_some(),
            "{spelling} is found"
        );
    }
    assert!(
        holds(PLANTED, b"GEZDGNBVGY3TQOJQ").is_none(),
        "another secret is not this one"
    );
}

#[test]
fn no_view_holds_it() {
    let (_, app) = with_vault();
    for preview in [
        app.preview_text(&uri()),
        app.preview_manual(&form(PLANTED)),
        app.preview_manual(&form(&uri())),
        app.preview_picture(&pictures::png(&pictures::draw_saying(
            Kind::Plain,
            3,
            &uri(),
        ))),
    ] {
        clean_view("a preview", &preview.expect("it enrols"));
    }
    clean_view("the pending preview", &app.pending_preview());
    add(&app, &uri()).expect("it can be written");
    clean_view(
        "a preview of a duplicate",
        &app.preview_text(&uri()).expect("it enrols"),
    );
    clean_view("the codes", &app.codes().expect("open"));
    clean_view("the list", &app.accounts(None).expect("open"));
    clean_view("the status", &app.status());
    clean_view("the settings", &app.settings().expect("open"));
    clean_view("the checks", &app.check());
    let id = app.codes().expect("open").accounts[0].id.clone();
    app.remove(&id).expect("it can be written");
    clean_view("the trash", &app.trash().expect("open"));
    let recovery = app.make_recovery_key().expect("it can be written");
    clean(
        "the recovery key",
        &serde_json::to_string(&recovery).expect("a view"),
    );
    clean("the sheet", &app.recovery_sheet().expect("just made"));
    clean_view(
        "what inspect says",
        &inspect(&uri(), UnixTime::from_secs(59)).expect("it enrols"),
    );
    let png = pictures::png(&pictures::draw_saying(Kind::Plain, 3, &uri()));
    for scanned in scan(&png, UnixTime::from_secs(59)).expect("a picture") {
        match scanned {
            Scanned::Enrolment(view) => clean_view("what scan says", &view),
            Scanned::Refused(report) => clean_view("what scan refuses", &report),
            Scanned::Other { .. } => panic!("it is an otpauth URI"),
        }
    }
}

#[test]
fn no_backup_and_no_view_of_one_holds_it() {
    let (machine, app) = with_vault();
    add(&app, &uri()).expect("it can be written");
    let key = app.make_recovery_key().expect("it can be written");
    let key = key.groups.join("-");
    app.back_up().expect("it can be written");
    let files = machine.backups.files(FakeBackups::USUAL);
    let (_, bytes) = files.last().expect("just written");
    assert_eq!(holds(PLANTED, bytes), None, "the file is sealed");
    clean_view("the backups", &app.backups().expect("answers"));
    clean_view(
        "a report",
        &app.verify_backup(bytes, &key).expect("it opens"),
    );
    clean_view("the drill", &app.drill(&key).expect("it opens"));
    clean_view(
        "a preview",
        &app.preview_restore(bytes, &key).expect("it opens"),
    );
    let restored = app.restore_backup(bytes, &key, None, false);
    clean_view("what was restored", &restored.expect("it opens"));
    for (bytes, key) in [
        (bytes.as_slice(), PLANTED),
        (uri().as_bytes(), &key),
        (&bytes[..99], &key),
    ] {
        let error = app.verify_backup(bytes, key).expect_err("a defect");
        clean_error("a refused backup", &error);
    }
    let rotated = app.rotate_keys(None).expect("it can be written");
    clean(
        "new keys",
        &serde_json::to_string(&rotated).expect("a view"),
    );
    for (name, entry) in machine.keyring.snapshot() {
        assert_eq!(holds(PLANTED, &entry), None, "{name} is sealed anew");
    }
    for file in machine.file.snapshot().into_iter().flatten() {
        assert_eq!(holds(PLANTED, &file), None, "so is the file");
    }
}

#[test]
fn no_error_holds_it() {
    let (machine, app) = with_vault();
    let defects = [
        format!("otpauth://potp/a?secret={PLANTED}"),
        format!("otpauth://yaotp/a?secret={PLANTED}"),
        format!("otpauth://totp/a?secret={PLANTED}1"),
        format!("otpauth://totp/a?secret={PLANTED}&secret=JBSWY3DPEHPK3PXP"),
        format!("otpauth://totp/a?secret={PLANTED}&digits=11"),
        format!("otpauth://totp/a?secret={PLANTED}&digits={PLANTED}"),
        format!("otpauth://totp/a?secret={PLANTED}&period=0"),
        format!("otpauth://totp/a?secret={PLANTED}&algorithm={PLANTED}"),
        format!("otpauth://hotp/a?secret={PLANTED}"),
        format!("otpauth://hotp/a?secret={PLANTED}&counter={PLANTED}"),
        format!("otpauth://totp/a%00?secret={PLANTED}"),
        format!("otpauth://totp/a?secret={}", PLANTED.repeat(60)),
        format!("otpauth://totp/a?secret={PLANTED}&x={}", "y".repeat(5000)),
        format!("otpauth-migration://offline?data={PLANTED}"),
        format!("https://example.tv/{PLANTED}"),
        PLANTED.to_owned(),
    ];
    let mut codes = Vec::new();
    for text in &defects {
        let error = app.preview_text(text).expect_err("a defect");
        clean_error("a refused text", &error);
        codes.push(error.code());
        if let Err(error) = inspect(text, UnixTime::from_secs(59)) {
            clean_error("what inspect refuses", &error);
        }
    }
    assert!(
        !codes.contains(&ErrorCode::Internal),
        "every defect has its own word: {codes:?}"
    );
    let spoil: [fn(&mut ManualForm); 4] = [
        |form| form.secret.push('!'),
        |form| form.digits = 11,
        |form| form.period = 0,
        |form| form.algorithm = PLANTED.to_owned(),
    ];
    for spoil in spoil {
        let mut form = form(PLANTED);
        spoil(&mut form);
        clean_error(
            "a refused form",
            &app.preview_manual(&form).expect_err("a defect"),
        );
    }
    // A change that fails with the secret in its hands.
    let preview = app.preview_text(&uri()).expect("it enrols");
    machine
        .file
        .fail_writes(couchkey_authenticator::ports::FileError::Full);
    clean_error(
        "a full disk",
        &app.add(&all(&preview)).expect_err("the disk is full"),
    );
    machine.file.heal();
    machine
        .keyring
        .fail_writes(couchkey_authenticator::ports::KeyringError::Storage);
    clean_error(
        "a failing keyring",
        &app.add(&all(&preview)).expect_err("the keyring fails"),
    );
    machine.keyring.heal();
    app.add(&all(&preview)).expect("the preview is still there");
    let id = app.codes().expect("open").accounts[0].id.clone();
    let long = EditForm {
        note: Some(PLANTED.repeat(100)),
        ..EditForm::default()
    };
    clean_error(
        "a note that is too long",
        &app.edit(&id, long).expect_err("too long"),
    );
}

/// Every file below the folder for temporary files that was written since then, and what it holds, as far as it may be
/// read.
fn temporary(since: SystemTime) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![std::env::temp_dir()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    // Files of other programs may be large, and are not ours.
                    let fresh = entry.metadata().is_ok_and(|about| {
                        about.len() < 1 << 20 && about.modified().is_ok_and(|at| at >= since)
                    });
                    let bytes = fresh.then(|| fs::read(entry.path()).unwrap_or_default());
                    found.extend(bytes.map(|bytes| (entry.path(), bytes)));
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn import_and_export_give_it_to_nothing_but_the_file_that_was_asked_for() {
    // Clocks of file systems are coarser than ours.
    let since = SystemTime::now() - Duration::from_secs(2);
    let (machine, app) = with_vault();
    let entry = |issuer: &str, secret: &str, kind: &str| {
        serde_json::json!({
            "type": kind, "uuid": "u", "name": "me", "issuer": issuer, "note": "", "favorite": false,
            "info": { "secret": secret, "algo": "SHA1", "digits": 6, "period": 30 }, "groups": [],
        })
    };
    let export = serde_json::json!({
        "version": 1, "header": { "slots": null, "params": null },
        "db": { "version": 3, "groups": [], "entries": [
            entry("StreamTV", PLANTED, "totp"),
            entry("Damaged", &format!("{PLANTED}!"), "totp"),
            entry("Unknown", PLANTED, "motp"),
            entry("Unheard of", PLANTED, PLANTED),
        ] },
    });
    let bytes = |text: String| Zeroizing::new(text.into_bytes());
    let mut progress = Vec::new();
    let preview = app
        .import_file(bytes(export.to_string()), &mut |step| progress.push(step))
        .expect("one of them enrols");
    assert_eq!(
        (preview.rows.len(), preview.skipped.len()),
        (1, 3),
        "the others do not"
    );
    clean_view("a preview of an import", &preview);
    clean_view("what the command line prints", &app.imported(None));
    clean_view("progress", &progress);
    for text in [
        format!("{{\"version\":1,\"header\":{{}},\"db\":\"{PLANTED}\"}}"),
        format!("otpauth://totp/a?secret={PLANTED}!"),
        PLANTED.to_owned(),
    ] {
        match app.import_file(bytes(text), &mut |_| ()) {
            Ok(preview) => clean_view("a preview of a damaged import", &preview),
            Err(error) => clean_error("a refused import", &error),
        }
    }
    app.import_file(bytes(export.to_string()), &mut |_| ())
        .expect("as before");
    let added = app.add_all(&AddAll::default(), &mut |_| ());
    clean_view("what was added", &added.expect("it can be written"));

    let folder = tempfile::tempdir().expect("a folder");
    for format in [
        ExportFormat::Uris,
        ExportFormat::Aegis,
        ExportFormat::AegisEncrypted,
        ExportFormat::Google,
    ] {
        let form = ExportForm {
            format,
            ids: Vec::new(),
        };
        clean_view("a plan", &app.plan_export(&form).expect("open"));
        let to = folder.path().join("export");
        let write = |password: Option<&str>, to: &Path| {
            app.export_file(
                &form,
                &Permission::Confirmed,
                password,
                to,
                false,
                &mut |_| (),
            )
        };
        let password = Some("a password for the file");
        clean_view(
            "what was exported",
            &write(password, &to).expect("it can be written"),
        );
        let plain = format != ExportFormat::AegisEncrypted;
        if format != ExportFormat::Google {
            let held = holds(PLANTED, &fs::read(&to).expect("written")).is_some();
            assert_eq!(held, plain, "{format:?}: in the file that was asked for");
        }
        clean_error(
            "an export over a file",
            &write(password, &to).expect_err("it is there"),
        );
        let nowhere = folder.path().join("nowhere/export");
        clean_error(
            "an export to nowhere",
            &write(password, &nowhere).expect_err("no folder"),
        );
        fs::remove_file(&to).expect("ours");
        let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
        assert!(left.is_empty(), "{format:?}: and in no other: {left:?}");
    }
    for (path, bytes) in temporary(since) {
        assert_eq!(holds(PLANTED, &bytes), None, "{}", path.display());
    }
    for (name, bytes) in machine.keyring.snapshot() {
        assert_eq!(holds(PLANTED, &bytes), None, "{name}");
    }
}

#[test]
fn neither_keyring_nor_disk_holds_it_in_the_open() {
    let (machine, app) = with_vault();
    add(&app, &uri()).expect("it can be written");
    let id = app.codes().expect("open").accounts[0].id.clone();
    app.remove(&id).expect("it can be written");
    let mut places = 0;
    for (name, bytes) in machine.keyring.snapshot() {
        clean(&name, &name);
        assert_eq!(holds(PLANTED, &bytes), None, "{name}");
        places += 1;
    }
    for half in [Half::A, Half::B] {
        let bytes = machine.file.contents(half).unwrap_or_default();
        assert_eq!(holds(PLANTED, &bytes), None, "{half:?}");
        places += 1;
    }
    assert!(places >= 6, "vaults, device key, head, a bundle, two files");
}

#[test]
fn every_code_has_its_own_words_and_a_cure() {
    for code in ErrorCode::ALL {
        let report = Error::from(*code).report();
        assert!(
            report.message.ends_with('.') && report.hint.ends_with('.'),
            "{code:?} speaks in sentences"
        );
        assert_eq!(
            serde_json::to_value(code).expect("a word"),
            serde_json::json!(code.as_str()),
            "one word in JSON and in the list"
        );
        assert_eq!(ErrorCode::from_word(code.as_str()), Some(*code), "and back");
    }
}

/// A session in which everything talks as much as it can.
fn talkative() -> Session {
    [
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("G_MESSAGES_DEBUG", "all"),
        ("WEBKIT_DEBUG", "all"),
        ("CLAP_LOG", "trace"),
    ]
    .into_iter()
    .fold(
        Session::builder().with_display_of(1300, 900),
        |session, (name, value)| session.with_variable(name, value),
    )
    .start()
}

#[test]
fn nothing_that_the_command_line_writes_holds_it() {
    use std::io::Write;
    let session = talkative();
    let qr = session.home().join("qr.png");
    std::fs::write(
        &qr,
        pictures::png(&pictures::draw_saying(Kind::Plain, 3, &uri())),
    )
    .expect("home can be written");
    let qr = qr.to_str().expect("a test's path is UTF-8");
    let wrong = format!("otpauth://totp/a?secret={PLANTED}&digits=11");
    let mut said = 0;
    let mut run = |arguments: &[&str], input: &str, good: bool| {
        let mut child = session
            .command(desktop::cli())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it is built");
        let mut stdin = child.stdin.take().expect("its stdin was piped");
        let _ = stdin.write_all(input.as_bytes()); // a command that reads nothing may be gone already
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = [&output.stdout[..], &output.stderr].concat();
        assert_eq!(
            output.status.success(),
            good,
            "{arguments:?}: {}",
            String::from_utf8_lossy(&text)
        );
        clean(
            &format!("couchkey {arguments:?}"),
            &String::from_utf8_lossy(&text),
        );
        said += text.len();
    };
    run(&["init"], "", true);
    run(&["inspect", "-"], &uri(), true);
    run(&["--json", "inspect", "-"], &uri(), true);
    run(&["scan", qr], "", true);
    run(&["add", "-"], &uri(), true);
    run(&["add", qr], "", true); // the same again
    for broken in [
        wrong.as_str(),
        PLANTED,
        "otpauth-migration://offline?data=AAAA",
    ] {
        run(&["add", "-"], broken, false);
        run(&["--json", "add", "-"], broken, false);
    }
    for look in ["list", "code", "doctor", "trash"] {
        run(&[look], "", true);
        run(&["--json", look], "", true);
    }
    run(&["remove", "streamtv"], "", true);
    run(&["--json", "trash"], "", true);
    run(&["restore", "streamtv"], "", true);
    session.lock_keyring();
    run(&["code"], "", false);
    assert!(said > 2_000, "it does talk: {said} bytes");
}

/// Keeps everything that Rust says to the page: the raw body of every answer. News is an answer too.
const RECORDER: &str = "
    window.heard = [];
    const real = window.fetch;
    window.fetch = async (...call) => {
      const answer = await real(...call);
      const name = String(call[0]?.url ?? call[0]);
      if (name.startsWith('ipc:')) window.heard.push([name, await answer.clone().text()]);
      return answer;
    };";

/// How often the page has heard of it as news.
const TIMES_HEARD: &str = "
    const [event] = arguments;
    return window.heard.filter(([name, body]) => name.endsWith('/news') && JSON.parse(body).events.includes(event)).length;";

/// These wait for a person in a dialog of the system; their words are `no_view_holds_it`'s.
const DIALOGS: [&str; 2] = ["save_recovery_sheet", "choose_backup_folder"];

/// Calls a command as the page would, and waits for its answer, whichever it is.
const CALL: &str = "
    const [name, payload, done] = arguments;
    const late = new Promise((told) => setTimeout(told, 20_000, 'no answer'));
    Promise.race([window.__TAURI_INTERNALS__.invoke(name, payload), late])
      .then((answer) => done(['answers', answer ?? null]), (error) => done(['refuses', error ?? null]));";

#[test]
fn no_message_to_the_page_and_no_line_of_the_window_holds_it() {
    let session = talkative();
    // The link is opened as a browser would: the page never had the secret, so any that it has came from Rust.
    let window = Window::start_with(&session, desktop::app(), &[&uri()]);
    window.wait_for("[data-testid='preview-row']", 60);
    window.eval(RECORDER);
    let call = |name: &str, payload: serde_json::Value| {
        window.eval_async(CALL, vec![name.into(), payload])
    };
    let row = |preview: &serde_json::Value| {
        let row = &preview[1]["rows"][0];
        serde_json::json!({ "rows": [{ "token": row["token"], "issuer": "StreamTV", "account": "me" }] })
    };
    let id = |codes: &serde_json::Value| codes[1]["accounts"][0]["id"].clone();
    let settings = serde_json::to_value({
        let (_, app) = with_vault();
        app.settings().expect("open")
    })
    .expect("a view");

    // Every command that the page may call, with something to do where that takes words of its own.
    let preview = call("pending_preview", serde_json::json!({}));
    call("create_vault", serde_json::json!({ "passphrase": null }));
    let added = call("add", row(&preview));
    assert_eq!(
        added[0], "answers",
        "the planted secret is in the vault: {added}"
    );
    session.set_clipboard_text(&uri());
    call("preview_clipboard", serde_json::json!({}));
    let account = id(&call("codes", serde_json::json!({})));
    let of = |more: serde_json::Value| {
        let mut payload = serde_json::json!({ "id": account });
        for (name, value) in more.as_object().into_iter().flatten() {
            payload[name] = value.clone();
        }
        payload
    };
    let capability: serde_json::Value =
        serde_json::from_str(include_str!("../../src-tauri/capabilities/main.json")).expect("JSON");
    let commands: Vec<String> = capability["permissions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|permission| permission.as_str()?.strip_prefix("allow-"))
        .map(|name| name.replace('-', "_"))
        .collect();
    for name in &commands {
        let payload = match name.as_str() {
            // Ends what the others need: below.
            "lock" => continue,
            name if DIALOGS.contains(&name) => continue,
            // Its QR code goes to the page as a picture: what is said about it holds nothing.
            "plan_export" | "export_qr" => serde_json::json!({
                "form": { "format": "uris", "ids": [] }, "passphrase": null,
            }),
            "import_password" => serde_json::json!({ "password": PLANTED }),
            "copy_code" => of(serde_json::json!({ "next": false })),
            "preview_text" => serde_json::json!({ "text": uri() }),
            "preview_manual" => serde_json::json!({ "form": {
                "kind": "totp", "issuer": "StreamTV", "account": "typed in", "secret": PLANTED,
                "algorithm": "SHA1", "digits": 6, "period": 30, "counter": "",
            } }),
            "edit" => of(serde_json::json!({ "edit": { "note": "ours" } })),
            "move_account" => of(serde_json::json!({ "position": 0 })),
            "hotp_next" | "remove" | "restore" => of(serde_json::json!({})),
            "set_settings" => serde_json::json!({ "settings": settings }),
            "set_passphrase" => serde_json::json!({ "passphrase": "correct horse battery" }),
            "unlock" => serde_json::json!({ "passphrase": "wrong horse battery" }),
            "recover" => serde_json::json!({ "recoveryKey": "AAAA", "passphrase": null }),
            // What there is, without waiting for more.
            "news" => serde_json::json!({ "after": 0 }),
            // Everything else needs nothing, or says what it misses.
            _ => serde_json::json!({}),
        };
        call(name, payload);
    }
    let times = |event: &str| window.eval_with(TIMES_HEARD, vec![event.into()]).as_u64();
    let hears_of = |event: &str, before: Option<u64>| {
        wait_until("the page to hear of it", Duration::from_secs(60), || {
            times(event) > before
        });
    };
    // A second link, for the news of it; and one that is refused, for its words.
    for link in [uri(), format!("{}&digits=11", uri())] {
        let before = times("preview");
        let mut second = session.command(desktop::app());
        let status = second.arg(link).status().expect("it runs");
        assert!(status.success(), "it hands its link over");
        hears_of("preview", before);
        call("pending_preview", serde_json::json!({}));
    }
    let before = times("locked");
    call("lock", serde_json::json!({}));
    hears_of("locked", before);
    call("codes", serde_json::json!({}));

    let heard = window.eval("return window.heard");
    let heard: Vec<(String, String)> = serde_json::from_value(heard).expect("pairs of texts");
    for (name, body) in &heard {
        clean(&format!("the message {name}"), body);
    }
    let names: BTreeSet<&str> = heard
        .iter()
        .map(|(name, _)| name.trim_start_matches("ipc://localhost/"))
        .collect();
    for name in commands
        .iter()
        .filter(|name| !DIALOGS.contains(&name.as_str()))
    {
        assert!(names.contains(name.as_str()), "{name} was heard: {names:?}");
    }
    clean("the page", &window.source());
    let kept = window.eval(
        "return JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, location.href, document.title])",
    );
    clean("what the page keeps", kept.as_str().expect("a text"));

    let log = window.log();
    clean("the log", &log);
    assert!(
        log.contains("DEBUG"),
        "libraries were asked to say everything: {} bytes",
        log.len()
    );
    window.close();
}
