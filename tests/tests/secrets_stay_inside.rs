//! A planted secret is in no view, error, `Debug` text, sheet, keyring entry, file, log line or message to the page, in any
//! spelling.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, ManualForm, Permission, Scanned, Source,
    fake::FakeBackups,
    inspect, qr, scan,
    view::{EditForm, ExportForm, ExportFormat, KindWord, Selection},
};
use couchkey_otp::UnixTime;
use couchkey_tests::{
    desktop::{self, Session, Window, wait_until},
    machine::{AtOnce, Machine, add, all, file},
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
        digits: "6".to_owned(),
        period: "30".to_owned(),
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
        app.preview(Source::Text(&uri()), &mut |_| ()),
        app.preview(Source::Form(&form(PLANTED)), &mut |_| ()),
        app.preview(Source::Form(&form(&uri())), &mut |_| ()),
        app.preview(
            file(&pictures::png(&pictures::draw_saying(
                Kind::Plain,
                3,
                &uri(),
            ))),
            &mut |_| (),
        ),
    ] {
        clean_view("a preview", &preview.expect("it enrols"));
    }
    clean_view("the pending preview", &app.pending_preview());
    // Over several QR codes: the last part makes it a link.
    let parts = pictures::appended(&uri(), uri().len().div_ceil(80), None);
    let mut scanned = qr::Parts::default();
    for part in &parts {
        let png = pictures::png(part);
        clean_view(
            "a part",
            &app.preview(file(&png), &mut |_| ()).expect("a part"),
        );
        let said = scan(&png, &mut scanned, UnixTime::from_secs(59));
        for said in said.expect("a picture") {
            match said {
                Scanned::Enrolment(view) => clean_view("what scan says", &view),
                Scanned::Part { .. } => {} // two numbers
                Scanned::Refused(_) | Scanned::WebPage { .. } | Scanned::Other { .. } => {
                    panic!("it is an otpauth URI")
                }
            }
        }
    }
    add(&app, &uri()).expect("it can be written");
    clean_view(
        "a preview of a duplicate",
        &app.preview(Source::Text(&uri()), &mut |_| ())
            .expect("it enrols"),
    );
    clean_view("the codes", &app.codes().expect("open"));
    clean_view("the list", &app.accounts(None).expect("open"));
    clean_view("the status", &app.status());
    clean_view("the settings", &app.settings().expect("open"));
    clean_view("the checks", &app.check());
    let id = app.codes().expect("open").accounts[0].id.clone();
    app.remove(&id).expect("it can be written");
    clean_view("the trash", &app.trash().expect("open"));
    let recovery = app.make_recovery_key(None).expect("it can be written");
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
    let said = scan(&png, &mut qr::Parts::default(), UnixTime::from_secs(59));
    for scanned in said.expect("a picture") {
        match scanned {
            Scanned::Enrolment(view) => clean_view("what scan says", &view),
            Scanned::Refused(report) => clean_view("what scan refuses", &report),
            Scanned::Part { .. } | Scanned::WebPage { .. } | Scanned::Other { .. } => {
                panic!("it is an otpauth URI")
            }
        }
    }
}

#[test]
fn no_backup_and_no_view_of_one_holds_it() {
    let (machine, app) = with_vault();
    add(&app, &uri()).expect("it can be written");
    let key = app.make_recovery_key(None).expect("it can be written");
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
        &serde_json::to_string(&(rotated.recovery_key, rotated.rotated)).expect("a view"),
    );
    for (name, entry) in machine.keyring.snapshot() {
        assert_eq!(holds(PLANTED, &entry), None, "{name} is sealed anew");
    }
    for file in machine.file.snapshot().into_iter().flatten() {
        assert_eq!(holds(PLANTED, &file), None, "so is the file");
    }
}

/// Row 29 and 30 of issue 11: a link that swallowed the next one, and a table read as a list, showed it as a name.
#[test]
fn no_preview_of_a_list_or_a_table_holds_it() {
    let (_machine, app) = with_vault();
    let (a, b) = (uri(), format!("otpauth://totp/Other:b?secret={PLANTED}"));
    for text in [
        format!("{a}, {b}"),
        format!("{b} {a}"),
        format!("[\"{b}\",\"{a}\"]"),
        format!("My links: {b}; {a}. And a key, {PLANTED}"),
        format!(
            "Title,Username,Password,OTPAuth,Notes\nA,a,{PLANTED},{b},\"{PLANTED}\nmore\"\nB, b,c,{PLANTED},{a}\n"
        ),
        format!("name;login;password;otp\nA;a;{PLANTED};{PLANTED}\n{PLANTED}\n"),
    ] {
        let imported = app.preview(file(text.as_bytes()), &mut |_| ());
        let imported = imported.expect("it has accounts");
        for mut shown in [
            Some(imported),
            app.preview(Source::Text(&text), &mut |_| ()).ok(),
        ]
        .into_iter()
        .flatten()
        {
            // A note is the person's own, and may hold whatever they like.
            shown.rows.iter_mut().for_each(|row| row.note.clear());
            clean_view("a preview", &shown);
        }
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
        format!(
            "otpauth://totp/a?secret={PLANTED}&issuer=otpauth%3A%2F%2Ftotp%2Fb%3Fsecret%3D{PLANTED}"
        ),
        format!("otpauth://totp/a?secret={PLANTED}&xdigits={PLANTED}"),
        format!("otpauth-migration://offline?data={PLANTED}"),
        format!("phonefactor://activate_account?code={PLANTED}"),
        format!("https://example.tv/{PLANTED}"),
        PLANTED.to_owned(),
    ];
    let mut codes = Vec::new();
    for text in &defects {
        let error = app
            .preview(Source::Text(text), &mut |_| ())
            .expect_err("a defect");
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
        |form| form.digits = PLANTED.to_owned(),
        |form| form.period = "0".to_owned(),
        |form| form.algorithm = PLANTED.to_owned(),
    ];
    for spoil in spoil {
        let mut form = form(PLANTED);
        spoil(&mut form);
        clean_error(
            "a refused form",
            &app.preview(Source::Form(&form), &mut |_| ())
                .expect_err("a defect"),
        );
    }
    // A change that fails with the secret in its hands.
    let preview = app
        .preview(Source::Text(&uri()), &mut |_| ())
        .expect("it enrols");
    machine
        .file
        .fail_writes(couchkey_authenticator::ports::FileError::Full);
    clean_error(
        "a full disk",
        &app.add(&all(&preview), &mut |_| ())
            .expect_err("the disk is full"),
    );
    machine.file.heal();
    machine
        .keyring
        .fail_writes(couchkey_authenticator::ports::KeyringError::Storage);
    clean_error(
        "a failing keyring",
        &app.add(&all(&preview), &mut |_| ())
            .expect_err("the keyring fails"),
    );
    machine.keyring.heal();
    app.add(&all(&preview), &mut |_| ())
        .expect("the preview is still there");
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

/// Looks through everything that a session has on its disk: `Err` names the first file that holds the planted secret, and
/// `Ok` the folders that were looked through.
fn no_file_holds_it(session: &Session) -> Result<Vec<PathBuf>, String> {
    let (folders, files) = session.every_file();
    for (path, bytes) in files {
        if let Some(spelling) = holds(PLANTED, &bytes) {
            return Err(format!("{} holds the secret as {spelling}", path.display()));
        }
    }
    Ok(folders)
}

/// Fails when a file of the session holds the planted secret, or a place where programs leave things was not looked at.
#[track_caller]
fn clean_disk(session: &Session) {
    let folders = no_file_holds_it(session).unwrap_or_else(|found| panic!("{found}"));
    for place in PLACES {
        let place = session.home().join(place);
        assert!(folders.contains(&place), "looked at: {folders:?}");
    }
}

/// Where a program may leave something, below the home directory of its session.
const PLACES: [&str; 8] = [
    "",        // HOME, and where it was started
    "tmp",     // TMPDIR
    "runtime", // XDG_RUNTIME_DIR
    "data",    // XDG_DATA_HOME
    "config", "cache", "state", "logs",
];

#[test]
fn a_file_with_it_is_found_wherever_a_program_may_leave_one() {
    for place in PLACES {
        let session = Session::builder().without_bus().start();
        clean_disk(&session);
        let folder = session.home().join(place).join("deeper");
        fs::create_dir(&folder).expect("the session's home can be written");
        fs::write(folder.join("left"), uri()).expect("the session's home can be written");
        let found = no_file_holds_it(&session).expect_err(place);
        assert!(found.contains("deeper/left"), "{found}");
    }
}

#[test]
fn import_and_export_give_it_to_nothing_but_the_file_that_was_asked_for() {
    let test = "import_and_export_give_it_to_nothing_but_the_file_that_was_asked_for";
    let Some(session) = Session::alone(test) else {
        return import_and_export();
    };
    // The tests beside this one have files with the same secret, and those are none of its business.
    let mut neighbour = tempfile::NamedTempFile::new().expect("a file");
    neighbour.write_all(uri().as_bytes()).expect("a file");
    clean_disk(&session);
}

fn import_and_export() {
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
        .preview(Source::File(bytes(export.to_string())), &mut |step| {
            progress.push(step)
        })
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
        match app.preview(Source::File(bytes(text)), &mut |_| ()) {
            Ok(preview) => clean_view("a preview of a damaged import", &preview),
            Err(error) => clean_error("a refused import", &error),
        }
    }
    let preview = app
        .preview(Source::File(bytes(export.to_string())), &mut |_| ())
        .expect("as before");
    let added = app.add(&Selection::of(&preview), &mut |_| ());
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
    // Doctor is content with a recovery key that is on a sheet.
    let sheet = session.home().join("sheet.html");
    let sheet = sheet.to_str().expect("a test's path is UTF-8");
    run(&["init", "--sheet", sheet], "", true);
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
    clean_disk(&session);
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
        let renamed =
            serde_json::json!([{ "token": row["token"], "issuer": "StreamTV", "account": "me" }]);
        serde_json::json!({ "selection": {
            "preview": preview[1]["id"], "duplicates": false, "except": [], "renamed": renamed,
        } })
    };
    let id = |codes: &serde_json::Value| codes[1]["accounts"][0]["id"].clone();
    let settings = serde_json::to_value({
        let (_, app) = with_vault();
        app.settings().expect("open")
    })
    .expect("a view");

    // Every command that the page may call, with something to do where that takes words of its own.
    let times = |event: &str| window.eval_with(TIMES_HEARD, vec![event.into()]).as_u64();
    // A later start hands its link over, and the page hears that it waits.
    let hand_over = |link: String| {
        let mut second = session.command(desktop::app());
        let status = second.arg(link).status().expect("it runs");
        assert!(status.success(), "it hands its link over");
        wait_until("the link to wait", Duration::from_secs(60), || {
            call("links", serde_json::json!({}))[1]["waiting"] == 1
        });
        call("preview_link", serde_json::json!({}))
    };
    let preview = hand_over(uri());
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
                "algorithm": "SHA1", "digits": "6", "period": "30", "counter": "",
            }, "pasted": false }),
            "edit" => of(serde_json::json!({ "edit": { "note": "ours" } })),
            "move_account" => of(serde_json::json!({ "position": 0 })),
            "hotp_next" | "remove" | "restore" => of(serde_json::json!({})),
            "set_settings" => serde_json::json!({ "settings": settings }),
            "rate_passphrase" => serde_json::json!({ "passphrase": PLANTED, "alone": true }),
            "draw_recovery_key" => serde_json::json!({
                "what": "sheet", "passphrase": "correct horse battery",
            }),
            "keep_recovery_key" => serde_json::json!({ "saved": false }),
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
    // One that is refused, for its words.
    // Its news is recorded: the page asked for the first one's before there was a recorder.
    let before = times("link");
    let refused = hand_over(format!("{}&digits=11", uri()));
    assert_eq!(refused[0], "refuses", "{refused}");
    wait_until("the page to hear of it", Duration::from_secs(60), || {
        times("link") > before
    });

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
        .filter(|name| !DIALOGS.contains(&name.as_str()) && *name != "lock")
    {
        assert!(names.contains(name.as_str()), "{name} was heard: {names:?}");
    }
    clean("the page", &window.source());
    let kept = window.eval(
        "return JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, location.href, document.title])",
    );
    clean("what the page keeps", kept.as_str().expect("a text"));

    // A lock leaves the page, with everything that it had heard.
    let pages = window.web_processes();
    assert!(!pages.is_empty(), "the page has a process of its own");
    window.lock();
    wait_until("the page's process to end", Duration::from_secs(60), || {
        pages.iter().all(|process| !desktop::alive(*process))
    });

    let log = window.log();
    clean("the log", &log);
    assert!(
        log.contains("DEBUG"),
        "libraries were asked to say everything: {} bytes",
        log.len()
    );
    window.kill_app(); // its driver has lost sight of it
    clean_disk(&session);
}
