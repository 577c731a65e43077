//! Coming from another app with everything, and leaving with everything: import, export, and what they never do.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, Permission, Source,
    ports::ScreenError,
    qr,
    view::{
        AccountView, BatchKind, EditForm, ExportForm, ExportFormat, Exported, Preview, Progress,
        Selection, Stage,
    },
};
use couchkey_otp::{Enrolment, migration, otpauth};
use couchkey_tests::{
    machine::{AtOnce, Machine, NOW, add, all, export_of, file, names, uri},
    pictures::{self, Kind},
};
use data_encoding::BASE64;
use serde_json::Value;
use zeroize::Zeroizing;

const PASSPHRASE: &str = "correct horse battery";
const PASSWORD: &str = "a password for the file";

const FORMATS: [ExportFormat; 4] = [
    ExportFormat::Uris,
    ExportFormat::Aegis,
    ExportFormat::AegisEncrypted,
    ExportFormat::Google,
];

/// Every kind, algorithm and number of digits, with notes, groups, a pin and names in three scripts.
const HOUSEHOLD: [&str; 6] = [
    "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV",
    "otpauth://totp/Kino%20Plus:anna?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Kino%20Plus&algorithm=SHA256&digits=8&period=60",
    "otpauth://hotp/%E7%94%B5%E8%A7%86:%E8%8E%8E?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR&issuer=%E7%94%B5%E8%A7%86&counter=9007199254740993",
    "otpauth://steam/Steam:gabe?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U&issuer=Steam",
    "otpauth://totp/only%20an%20account?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJS&algorithm=SHA512&digits=7",
    "otpauth://totp/Caf%C3%A9%20TV:%C3%A9milie?secret=JBSWY3DPEHPK3PXP&issuer=Caf%C3%A9%20TV",
];

fn household() -> (Machine, Authenticator) {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    add(&app, &HOUSEHOLD.join("\n")).expect("they can be written");
    let accounts = app.codes().expect("open").accounts;
    let edit = |at: usize, form: EditForm| app.edit(&accounts[at].id, form).expect("it fits");
    edit(
        1,
        EditForm {
            note: Some("living room,\nthe old TV; \"quotes\" and 電視\n".to_owned()),
            groups: Some(vec!["TV".to_owned(), "Family".to_owned()]),
            ..EditForm::default()
        },
    );
    edit(
        3,
        EditForm {
            pinned: Some(true),
            groups: Some(vec!["Family".to_owned()]),
            ..EditForm::default()
        },
    );
    (machine, app)
}

fn form(format: ExportFormat) -> ExportForm {
    ExportForm {
        format,
        ids: Vec::new(),
    }
}

fn password(format: ExportFormat) -> Option<&'static str> {
    (format == ExportFormat::AegisEncrypted).then_some(PASSWORD)
}

fn export(app: &Authenticator, format: ExportFormat, to: &Path) -> Result<Exported, Error> {
    app.export_file(
        &form(format),
        &Permission::Confirmed,
        password(format),
        to,
        false,
        &mut |_| (),
    )
}

fn bytes(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

/// Hands a file over as a shell does, with its password when it is asked for.
fn import_file(app: &Authenticator, path: &Path) -> Preview {
    let content = Zeroizing::new(fs::read(path).expect("it was written"));
    match app.preview(Source::File(content), &mut |_| ()) {
        Err(error) if error.code() == ErrorCode::ImportNeedsPassword => app
            .preview(Source::Password(PASSWORD), &mut |_| ())
            .expect("the right password"),
        preview => preview.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    }
}

fn code_of(result: Result<impl Sized, Error>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

/// All that is in a folder.
fn inside(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// What a person has of an account, in the order of the list (pinned ones first), with its codes of now.
fn possessions(app: &Authenticator, with_words: bool) -> Vec<String> {
    let say = |row: AccountView| {
        let words = format!("{} {} {:?}", row.note, row.pinned, row.groups);
        format!(
            "{:?} {} {:?} {:?} {} {} {:?} {}",
            row.kind,
            row.digits,
            row.period,
            row.issuer,
            row.account,
            row.code,
            row.next_code,
            if with_words { words } else { String::new() }
        )
    };
    let mut rows = app.codes().expect("open").accounts;
    if !with_words {
        // Where the pin stays behind, the order is that of the list without it.
        rows.sort_by_key(|row| row.account.clone());
    }
    rows.into_iter().map(say).collect()
}

#[test]
fn export_wipe_import_gives_the_same_accounts_order_groups_notes_and_codes() {
    for format in FORMATS {
        let (_, app) = household();
        let carries = matches!(format, ExportFormat::Aegis | ExportFormat::AegisEncrypted);
        let plan = app.plan_export(&form(format)).expect("open");
        let had = possessions(&app, carries);
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("export");
        let exported = export(&app, format, &to).expect("it can be written");
        assert_eq!(
            (exported.accounts, &exported.left_out),
            (plan.accounts, &plan.left_out),
            "{format:?}: as it was said before"
        );
        assert_eq!(
            inside(folder.path()),
            std::slice::from_ref(&to),
            "{format:?}: one file"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&to).expect("written").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{format:?}: for its owner alone");
        }
        assert_eq!(plan.needs_password, format == ExportFormat::AegisEncrypted);
        if carries {
            assert_eq!(
                (plan.without_note, plan.without_groups, plan.without_pin),
                (0, 0, 0),
                "{format:?} carries everything"
            );
        } else {
            // Google takes neither of the two that have a note or a pin, and says so by name instead.
            let stay = u32::from(format == ExportFormat::Uris);
            assert_eq!(
                (plan.without_note, plan.without_pin, plan.without_groups),
                (stay, stay, 2 * stay),
                "{format:?}: said before"
            );
        }

        let other = Machine::new();
        let fresh = other.start();
        fresh.create_vault(None).expect("a fresh machine");
        let preview = import_file(&fresh, &to);
        assert!(
            preview.skipped.is_empty(),
            "{format:?}: {:?}",
            preview.skipped
        );
        assert!(
            preview.rows.iter().all(|row| row.duplicate_of.is_none()),
            "{format:?}: nothing is there yet"
        );
        let added = fresh
            .add(&Selection::of(&preview), &mut |_| ())
            .expect("it can be written");
        assert_eq!(
            (added.added, added.left_out),
            (plan.accounts, 0),
            "{format:?}"
        );
        let mut left: Vec<String> = had;
        if format == ExportFormat::Google {
            let labels: Vec<&str> = plan.left_out.iter().map(|r| r.label.as_str()).collect();
            assert_eq!(
                labels,
                ["Kino Plus:anna", "Steam:gabe", "only an account"],
                "60 seconds, Steam and 7 digits are said by name"
            );
            left.retain(|row| {
                !["anna", "gabe", "only an"]
                    .iter()
                    .any(|name| row.contains(name))
            });
        }
        assert_eq!(possessions(&fresh, carries), left, "{format:?}: the same");
        assert_eq!(
            possessions(&other.start_open(), carries),
            left,
            "{format:?}: and kept"
        );

        // Once more into the vault that has them: all are there already.
        let again = import_file(&fresh, &to);
        assert!(
            again.rows.iter().all(|row| row.duplicate_of.is_some()),
            "{format:?}: same secret and kind"
        );
        let added = fresh
            .add(&Selection::of(&again), &mut |_| ())
            .expect("it works");
        assert_eq!(
            (added.added, added.left_out),
            (0, plan.accounts),
            "{format:?}"
        );
    }
}

#[test]
fn what_aegis_reads_an_independent_reader_reads() {
    let python = std::env::var_os("COUCHKEY_PYTHON").unwrap_or_else(|| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/open_aegis.py");
    let (_, app) = household();
    let folder = tempfile::tempdir().expect("a folder");
    for format in [ExportFormat::Aegis, ExportFormat::AegisEncrypted] {
        let to = folder.path().join(format!("{format:?}.json"));
        export(&app, format, &to).expect("it can be written");
        let open = |password: &str| {
            let mut child = Command::new(&python)
                .arg(script)
                .arg(&to)
                .env("PYTHONIOENCODING", "utf-8")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap_or_else(|error| panic!("{}: {error}", Path::new(&python).display()));
            // It may need none.
            let stdin = child.stdin.take();
            let _ = stdin.map(|mut stdin| stdin.write_all(password.as_bytes()));
            child.wait_with_output().expect("it was started")
        };
        let output = open(PASSWORD);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "COUCHKEY_PYTHON with what tests/requirements-open-aegis.txt lists opens it: {complaint}"
        );
        let database: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let entries = database["entries"].as_array().expect("entries");
        let names: Vec<&str> = entries.iter().filter_map(|e| e["name"].as_str()).collect();
        assert_eq!(
            names,
            [
                "fam-0042@example.tv",
                "anna",
                "莎",
                "gabe",
                "only an account",
                "émilie"
            ],
            "in the order of the list"
        );
        assert_eq!(
            entries[0]["info"]["secret"], "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "the secret"
        );
        assert_eq!(
            (
                &entries[1]["info"]["algo"],
                &entries[1]["info"]["digits"],
                &entries[1]["info"]["period"]
            ),
            (&"SHA256".into(), &8.into(), &60.into()),
            "what makes its codes"
        );
        assert_eq!(
            entries[2]["info"]["counter"], 9_007_199_254_740_993_u64,
            "a counter past 2⁵³"
        );
        assert_eq!(entries[3]["favorite"], true, "the pin");
        let groups = entries[1]["groups"].as_array().expect("groups").len();
        assert_eq!(groups, 2, "the groups");
        if format == ExportFormat::AegisEncrypted {
            let text = fs::read_to_string(&to).expect("text");
            assert!(!text.contains("StreamTV"), "sealed");
            assert!(
                !open("another password").status.success(),
                "by its password"
            );
        }
    }
}

#[test]
fn the_app_lock_is_asked_again() {
    let (_, app) = household();
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("export");
    let ask = |permission: &Permission<'_>| {
        let form = form(ExportFormat::Uris);
        let file = app.export_file(&form, permission, None, &to, false, &mut |_| ());
        let bytes = app.export_bytes(&form, permission, None, &mut |_| ());
        let codes = app.export_qr(&form, permission, &mut |_| ());
        let _ = fs::remove_file(&to);
        [code_of(file), code_of(bytes), code_of(codes)]
    };
    assert_eq!(
        ask(&Permission::Passphrase("anything")),
        [Some(ErrorCode::ConfirmationNeeded); 3],
        "there is no passphrase, so a plain yes is needed"
    );
    assert_eq!(ask(&Permission::Confirmed), [None; 3], "and is enough");
    app.change_lock(None, Some(PASSPHRASE))
        .expect("it can be set");
    assert_eq!(
        ask(&Permission::Confirmed),
        [Some(ErrorCode::PassphraseNeeded); 3],
        "where there is one, a yes is not"
    );
    assert_eq!(
        ask(&Permission::Passphrase("another passphrase")),
        [Some(ErrorCode::WrongPassphrase); 3],
        "nor is a wrong one"
    );
    assert!(inside(folder.path()).is_empty(), "nothing was written");
    assert_eq!(
        ask(&Permission::Passphrase(PASSPHRASE)),
        [None; 3],
        "the right one"
    );
    app.lock();
    assert_eq!(
        ask(&Permission::Passphrase(PASSPHRASE)),
        [Some(ErrorCode::VaultLocked); 3],
        "a locked vault gives nothing away"
    );
}

#[test]
fn an_export_that_cannot_be_written_leaves_nothing_and_says_why() {
    let (_, app) = household();
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("there");
    fs::write(&there, "mine").expect("it can be written");
    assert_eq!(
        code_of(export(&app, ExportFormat::Aegis, &there)),
        Some(ErrorCode::ExportExists),
        "a file of that name stays"
    );
    assert_eq!(fs::read(&there).expect("still there"), b"mine");
    let nowhere = [
        folder.path().join("no such folder/export"),
        there.join("export"),
        folder.path().to_owned(),
    ];
    for to in nowhere {
        let refused = export(&app, ExportFormat::Uris, &to).expect_err("it cannot be written");
        assert!(
            matches!(
                refused.code(),
                ErrorCode::ExportUnwritten | ErrorCode::ExportExists
            ),
            "{}: {:?}",
            to.display(),
            refused.report()
        );
    }
    // A folder that nobody may write, not even root.
    #[cfg(target_os = "linux")]
    {
        let refused = export(
            &app,
            ExportFormat::Uris,
            Path::new("/sys/kernel/couchkey-export"),
        )
        .expect_err("the kernel's own");
        assert_eq!(refused.code(), ErrorCode::ExportUnwritten);
        assert!(
            refused.report().message.contains("may not be written"),
            "{:?}",
            refused.report()
        );
    }
    assert_eq!(
        inside(folder.path()),
        std::slice::from_ref(&there),
        "no temporary file is left"
    );
    let replaced = app.export_file(
        &form(ExportFormat::Uris),
        &Permission::Confirmed,
        None,
        &there,
        true,
        &mut |_| (),
    );
    assert_eq!(replaced.expect("the person said so").accounts, 6);
    assert!(
        fs::read_to_string(&there)
            .expect("text")
            .starts_with("otpauth://")
    );
}

#[test]
fn an_export_that_panics_or_is_cancelled_leaves_no_file() {
    let (_, app) = household();
    for stage in [Stage::Writing, Stage::Checking] {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("export");
        let run = |watch: &mut dyn FnMut(Progress)| {
            app.export_file(
                &form(ExportFormat::Uris),
                &Permission::Confirmed,
                None,
                &to,
                false,
                watch,
            )
        };
        let cancelled = run(&mut |progress| {
            if progress.stage == stage {
                app.cancel_transfer();
            }
        });
        assert_eq!(code_of(cancelled), Some(ErrorCode::Cancelled), "{stage:?}");
        assert!(inside(folder.path()).is_empty(), "{stage:?}: cancelled");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&mut |progress| assert!(progress.stage != stage, "a shell's own mistake"))
        }));
        assert!(panicked.is_err(), "{stage:?}");
        assert!(inside(folder.path()).is_empty(), "{stage:?}: panicked");
        assert_eq!(run(&mut |_| ()).expect("and then it works").accounts, 6);
    }
}

#[test]
fn nothing_to_export_and_passwords_that_protect_nothing_are_refused() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("export");
    assert_eq!(
        code_of(export(&app, ExportFormat::Uris, &to)),
        Some(ErrorCode::NothingToExport)
    );
    add(&app, HOUSEHOLD[0]).expect("it can be written");
    for password in [None, Some(""), Some("seven77")] {
        let sealed = app.export_file(
            &form(ExportFormat::AegisEncrypted),
            &Permission::Confirmed,
            password,
            &to,
            false,
            &mut |_| (),
        );
        assert_eq!(
            code_of(sealed),
            Some(ErrorCode::PassphraseTooShort),
            "{password:?}"
        );
    }
    let stranger = ExportForm {
        format: ExportFormat::Uris,
        ids: vec!["0".repeat(32)],
    };
    assert_eq!(
        code_of(app.plan_export(&stranger)),
        Some(ErrorCode::AccountNotFound)
    );
    assert!(inside(folder.path()).is_empty(), "nothing was written");
}

#[test]
fn qr_codes_for_the_screen_read_back_and_come_as_pictures() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    let links: Vec<String> = (0..23).map(uri).collect();
    add(&app, &links.join("\n")).expect("they can be written");
    let codes = app
        .export_qr(
            &form(ExportFormat::Google),
            &Permission::Confirmed,
            &mut |_| (),
        )
        .expect("they can be drawn");
    let counts: Vec<(u32, u32, u32)> = codes.iter().map(|c| (c.part, c.of, c.accounts)).collect();
    assert_eq!(counts, [(1, 3, 10), (2, 3, 10), (3, 3, 3)], "ten to a code");
    let plan = app.plan_export(&form(ExportFormat::Google)).expect("open");
    assert_eq!(plan.qr_codes, 3, "as it was said before");

    // Another vault scans them from their pictures, in any order.
    let other = Machine::new();
    let fresh = other.start();
    fresh.create_vault(None).expect("a fresh machine");
    let mut have = Vec::new();
    for at in [2, 0, 0, 1] {
        let preview = fresh
            .preview(Source::File(codes[at].png()), &mut |_| ())
            .expect("a picture of an export");
        have.push(preview.batch.map(|batch| batch.have).unwrap_or_default());
    }
    assert_eq!(
        have,
        [vec![3], vec![1, 3], vec![1, 3], vec![1, 2, 3]],
        "2 of 3 scanned, and the same one twice is one"
    );
    let waits = fresh.pending_preview().expect("all three");
    let added = fresh
        .add(&Selection::of(&waits), &mut |_| ())
        .expect("all of them");
    assert_eq!(added.added, 23);
    let mut found = names(&fresh);
    found.sort();
    let mut wanted = names(&app);
    wanted.sort();
    assert_eq!(found, wanted, "nobody is missing");

    let one = ExportForm {
        format: ExportFormat::Uris,
        ids: vec![app.codes().expect("open").accounts[4].id.clone()],
    };
    let code = app
        .export_qr(&one, &Permission::Confirmed, &mut |_| ())
        .expect("it can be drawn");
    assert_eq!(code.len(), 1, "one account's QR code");
    let preview = fresh
        .preview(file(&code[0].png()), &mut |_| ())
        .expect("it enrols");
    assert_eq!(preview.rows[0].account, "person4");
}

#[test]
fn pictures_and_texts_are_imports_too() {
    let (_, app) = household();
    let link = uri(77);
    let png = pictures::png(&pictures::draw_saying(Kind::Plain, 3, &link));
    let picture = app
        .preview(Source::File(Zeroizing::new(png)), &mut |_| ())
        .expect("it enrols");
    assert_eq!(picture.rows[0].account, "person77");
    let text = app
        .preview(Source::File(bytes(&export_of(12))), &mut |_| ())
        .expect("two batches");
    assert_eq!(text.rows.len(), 12, "each of the list's lines");
    let lists = export_of(12);
    let (first, second) = lists.split_once('\n').expect("two batches");
    let half = app
        .preview(Source::File(bytes(first)), &mut |_| ())
        .expect("a part");
    assert_eq!(
        half.batch.map(|batch| (batch.part, batch.of)),
        Some((1, 2)),
        "1 of 2"
    );
    assert_eq!(
        code_of(app.preview(Source::File(bytes("dear diary")), &mut |_| ())),
        Some(ErrorCode::ImportUnknown),
        "a letter among the parts takes the place of none"
    );
    let whole = app
        .preview(Source::File(bytes(second)), &mut |_| ())
        .expect("the other part");
    assert_eq!(
        (whole.rows.len(), whole.skipped.len()),
        (12, 0),
        "put together"
    );
    for (content, code) in [
        (&b""[..], ErrorCode::ImportUnknown),
        (b"dear diary", ErrorCode::ImportUnknown),
        (b"\x89PNG\r\n\x1a\nbroken", ErrorCode::PictureDamaged),
        (&[0xff; 4096], ErrorCode::ImportUnknown),
    ] {
        let answer = app.preview(Source::File(Zeroizing::new(content.to_vec())), &mut |_| ());
        assert_eq!(code_of(answer), Some(code), "{content:?}");
    }
    assert_eq!(
        code_of(app.preview(Source::Password("x"), &mut |_| ())),
        Some(ErrorCode::PreviewGone),
        "no file waits for a password"
    );
}

fn picture_file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/pictures");
    fs::read(folder.join(name)).expect("the picture is there")
}

/// The only row of a preview, saved; its code at the tests' time.
fn code_of_the_only_one(app: &Authenticator, preview: &Preview) -> String {
    assert_eq!(
        (preview.rows.len(), &preview.batch),
        (1, &None),
        "the whole link"
    );
    assert_eq!(preview.rows[0].secret_bits, 160, "with the whole key");
    let added = app.add(&all(preview), &mut |_| ());
    let ids = added.expect("it can be saved").ids;
    let accounts = app.codes().expect("open").accounts.into_iter();
    let mut saved = accounts.filter(|account| ids.contains(&account.id));
    saved.next().expect("it is there").code
}

/// What this link's codes are, by the reader and the codes that the vectors of the RFCs are tested with.
fn right_code(link: &str) -> String {
    let enrolment = otpauth::read(link).expect("a good link").enrolment;
    let at = couchkey_otp::UnixTime::from_secs(NOW);
    let code = couchkey_otp::code_of(
        &enrolment.kind,
        &enrolment.secret,
        enrolment.algorithm,
        enrolment.digits,
        at,
    );
    code.as_str().to_owned()
}

/// One pixel a module would be too small for a screen.
fn shown(link: &str) -> qr::Grey {
    const MODULE: usize = 4;
    const QUIET: usize = 4;
    let code = qr::encode(link).expect("it fits into a QR code");
    let side = (code.side() + 2 * QUIET) * MODULE;
    let module = |pixel: usize| (pixel / MODULE).wrapping_sub(QUIET);
    let shade = |at: usize| match code.dark(module(at % side), module(at / side)) {
        true => 0,
        false => 255,
    };
    qr::Grey::new(side, side, (0..side * side).map(shade).collect()).expect("a picture")
}

fn blank() -> qr::Grey {
    qr::Grey::new(320, 200, vec![255; 320 * 200]).expect("a picture")
}

#[test]
fn the_codes_on_every_monitor_are_previewed_and_added() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    machine
        .screen
        .show(&[shown(&uri(1)), blank(), shown(&uri(2))]);
    let preview = app.preview(Source::Screen, &mut |_| ()).expect("two codes");
    let found: Vec<&str> = preview
        .rows
        .iter()
        .map(|row| row.account.as_str())
        .collect();
    assert_eq!(found, ["person1", "person2"], "one on each of two");
    app.add(&Selection::of(&preview), &mut |_| ())
        .expect("both");
    assert_eq!(names(&app), ["person1", "person2"]);
}

#[test]
fn a_screen_that_shows_no_code_or_is_not_shown_says_so_and_what_waits_stays() {
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    let waits = app
        .preview(Source::Text(&uri(1)), &mut |_| ())
        .expect("a good link");
    let look = || code_of(app.preview(Source::Screen, &mut |_| ()));
    assert_eq!(look(), Some(ErrorCode::ScreenUnavailable), "there is none");
    for (error, code) in [
        (ScreenError::Unsupported, ErrorCode::ScreenUnavailable),
        (ScreenError::Denied, ErrorCode::ScreenDenied),
        (ScreenError::Failed, ErrorCode::ScreenUnavailable),
    ] {
        machine.screen.refuse(error);
        assert_eq!(look(), Some(code), "{error:?}");
    }
    for monitors in [&[][..], &[blank()][..], &[blank(), blank()][..]] {
        machine.screen.show(monitors);
        let count = monitors.len();
        assert_eq!(look(), Some(ErrorCode::NoQrCode), "{count} empty monitors");
    }
    machine.screen.show(&[shown("https://tv.example/activate")]);
    assert_eq!(look(), Some(ErrorCode::QrIsWebLink), "it enrols nothing");
    assert_eq!(
        app.pending_preview(),
        Some(waits),
        "what was previewed before is not lost by a look that found nothing"
    );
}

/// Reported: one link over two symbols was saved with 120 bits of its key from the first one alone.
#[test]
fn one_link_over_two_symbols_is_joined_by_every_way_in_and_half_of_it_is_never_saved() {
    const LINK: &str = "otpauth://totp/C:me?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=C";
    let halves = ["structured-append-1of2.png", "structured-append-2of2.png"].map(picture_file);
    let frame = |bytes: &[u8]| qr::read_picture(bytes).expect("a picture");
    type Way<'a> = (&'a str, Box<dyn Fn(&Authenticator, usize) -> Preview + 'a>);
    let ways: [Way<'_>; 2] = [
        (
            "a file",
            Box::new(|app, n| app.preview(file(&halves[n]), &mut |_| ()).expect("a part")),
        ),
        (
            "the camera",
            Box::new(|app, n| {
                app.preview(Source::Frame(&frame(&halves[n])), &mut |_| ())
                    .expect("a part")
            }),
        ),
    ];
    for (way, show) in &ways {
        for order in [[0, 1], [1, 0]] {
            let machine = Machine::new();
            let app = machine.start();
            app.create_vault(None).expect("a fresh machine");
            for _ in 0..2 {
                let part = show(&app, order[0]);
                assert!(
                    part.rows.is_empty(),
                    "{way}: half a link is nothing to save"
                );
                let batch = part.batch.clone().expect("it says how far it is");
                let number = order[0] as u32 + 1;
                assert_eq!(
                    (batch.kind, batch.part, batch.of, batch.have),
                    (BatchKind::Text, number, 2, vec![number]),
                    "{way}: part {number} of 2, also where it stays in view"
                );
                assert_eq!(
                    code_of(app.add(&Selection::of(&part), &mut |_| ())),
                    Some(ErrorCode::PreviewGone),
                    "{way}: there is nothing to save"
                );
            }
            let whole = show(&app, order[1]);
            assert_eq!(
                code_of_the_only_one(&app, &whole),
                right_code(LINK),
                "{way}"
            );
        }
    }
    let machine = Machine::new();
    let app = machine.start();
    app.create_vault(None).expect("a fresh machine");
    let page = picture_file("structured-append-both.png");
    let whole = app.preview(file(&page), &mut |_| ()).expect("both");
    assert_eq!(
        code_of_the_only_one(&app, &whole),
        right_code(LINK),
        "a page with both"
    );
    let page = frame(&page);
    let whole = app
        .preview(Source::Frame(&page), &mut |_| ())
        .expect("both");
    assert_eq!(whole.rows.len(), 1, "a frame with both");

    // On a web page as two pictures, and as one of two.
    let img = |bytes: &[u8]| format!("<img src='data:image/png;base64,{}'>", BASE64.encode(bytes));
    let html = format!("<html>{} and {}</html>", img(&halves[1]), img(&halves[0]));
    let whole = app
        .preview(Source::File(bytes(&html)), &mut |_| ())
        .expect("both");
    assert_eq!(
        (whole.rows.len(), whole.skipped.len()),
        (1, 0),
        "one account"
    );
    assert_eq!(whole.rows[0].secret_bits, 160, "with its whole key");
    let html = format!("<html>{}</html>", img(&halves[0]));
    let half = app
        .preview(Source::File(bytes(&html)), &mut |_| ())
        .expect("it says why");
    assert_eq!(half.rows.len(), 0, "half is none");
    let reasons: Vec<_> = half.skipped.iter().map(|row| row.report.code).collect();
    assert_eq!(reasons, [ErrorCode::MissingPart], "and is said");
}

#[test]
fn a_televisions_sign_in_page_is_named_however_it_comes() {
    let (_, app) = household();
    for (text, said) in [
        ("https://plex.tv/link?code=WDJB", "This is Plex: plex.tv"),
        (
            "https://signin.example.tv/tv?code=WDJB",
            "a web page of example.tv",
        ),
        (
            "https://plex.tv.example.net/link?code=WDJB",
            "It has the name Plex in it",
        ),
    ] {
        let drawn = pictures::draw_saying(Kind::Plain, 3, text);
        for source in [file(&pictures::png(&drawn)), Source::Text(text)] {
            let error = app
                .preview(source, &mut |_| ())
                .expect_err("no set-up code");
            let report = error.report();
            assert_eq!(report.code, ErrorCode::QrIsWebLink);
            assert!(report.message.contains(said), "{report:?}");
            let words = format!("{report:?} {error:?}");
            assert!(
                !words.contains("WDJB"),
                "the page's code is no word of ours: {words}"
            );
        }
    }
    assert!(
        app.pending_preview().is_none(),
        "and there is nothing to add"
    );
}

#[test]
fn parts_of_one_link_wait_while_other_codes_are_seen_and_go_with_the_preview() {
    let (_, app) = household();
    let show = |name: &str| app.preview(file(&picture_file(name)), &mut |_| ());
    let part = "structured-append-1of2.png";
    assert!(show(part).expect("a part").batch.is_some());
    let web = pictures::png(&pictures::draw_saying(
        Kind::Plain,
        3,
        "https://example.com/",
    ));
    assert_eq!(
        code_of(app.preview(file(&web), &mut |_| ())),
        Some(ErrorCode::QrIsWebLink)
    );
    let whole = show("structured-append-2of2.png").expect("the other part");
    assert_eq!(whole.rows.len(), 1, "it was kept meanwhile");

    show(part).expect("a part");
    app.discard_preview();
    let other = show("structured-append-2of2.png").expect("a part");
    assert_eq!(
        other.batch.map(|batch| batch.have),
        Some(vec![2]),
        "forgotten with the preview"
    );
    app.lock();
    assert!(app.pending_preview().is_none(), "and with the lock");
}

#[test]
fn svg_is_read_and_heic_and_pdf_are_named() {
    let (_, app) = household();
    let svg = picture_file("qrencode.svg");
    let preview = app.preview(file(&svg), &mut |_| ());
    assert_eq!(preview.expect("a drawing of a code").rows.len(), 1);
    for (bytes, code, name) in [
        (
            &b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..],
            ErrorCode::PictureHeic,
            "HEIC",
        ),
        (
            b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf",
            ErrorCode::PictureUnread,
            "AVIF",
        ),
        (
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
            ErrorCode::PicturePdf,
            "PDF",
        ),
    ] {
        let refused = app.preview(file(bytes), &mut |_| ());
        let report = refused.expect_err("it is not read").report();
        assert_eq!(report.code, code, "{name}");
        assert!(report.message.contains(name), "{name}: {}", report.message);
        assert!(
            report.hint.contains("screenshot"),
            "{name}: {}",
            report.hint
        );
    }
}

#[test]
fn an_export_is_recognised_where_a_picture_was_asked_for() {
    let (_, app) = household();
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain");
    export(&app, ExportFormat::Aegis, &plain).expect("it can be written");
    let preview = app
        .preview(file(&fs::read(&plain).expect("written")), &mut |_| ())
        .expect("it is previewed as what it is");
    assert_eq!(
        preview.format.map(|format| format.name).as_deref(),
        Some("Aegis")
    );
    let sealed = folder.path().join("sealed");
    export(&app, ExportFormat::AegisEncrypted, &sealed).expect("it can be written");
    assert_eq!(
        code_of(app.preview(file(&fs::read(&sealed).expect("written")), &mut |_| ())),
        Some(ErrorCode::ImportNeedsPassword),
        "the password is what is missing"
    );
    assert_eq!(
        code_of(app.preview(Source::Password("wrong"), &mut |_| ())),
        Some(ErrorCode::ImportWrongPassword),
        "and the file waits for it"
    );
    let preview = app
        .preview(Source::Password(PASSWORD), &mut |_| ())
        .expect("the right one");
    assert_eq!(preview.rows.len(), 6);
    assert_eq!(
        code_of(app.preview(Source::Password(PASSWORD), &mut |_| ())),
        Some(ErrorCode::PreviewGone),
        "then it is gone"
    );
}

#[test]
fn all_but_those_already_there_and_but_a_few_more() {
    let (_, app) = household();
    add(&app, &uri(1001)).expect("one of the export's");
    let preview = app
        .preview(Source::File(bytes(&export_of(12))), &mut |_| ())
        .expect("it enrols");
    let there: Vec<&str> = preview
        .rows
        .iter()
        .filter(|row| row.duplicate_of.is_some())
        .map(|row| row.account.as_str())
        .collect();
    assert_eq!(there, ["person1001"], "the same secret and kind");
    let names_of = |at: usize| preview.rows[at].token;
    let what = Selection {
        except: vec![names_of(0)],
        renamed: vec![couchkey_authenticator::view::Renamed {
            token: names_of(2),
            issuer: None,
            account: "renamed".to_owned(),
        }],
        ..Selection::of(&preview)
    };
    let added = app.add(&what, &mut |_| ()).expect("it can be written");
    assert_eq!(
        (added.added, added.left_out),
        (10, 2),
        "12, but one that is there and one that is not wanted"
    );
    assert!(names(&app).contains(&"renamed".to_owned()));
    assert!(!names(&app).contains(&"person1000".to_owned()));
    assert_eq!(
        code_of(app.add(&what, &mut |_| ())),
        Some(ErrorCode::PreviewGone),
        "a preview is answered once"
    );
    let twice = format!("{}\n{}", uri(500), uri(500));
    let preview = app
        .preview(Source::Text(&twice), &mut |_| ())
        .expect("it enrols");
    assert_eq!(
        preview.rows[1].repeat_of,
        Some(preview.rows[0].token),
        "said"
    );
    let added = app
        .add(&Selection::of(&preview), &mut |_| ())
        .expect("it can be written");
    assert_eq!(
        (added.added, added.left_out),
        (1, 1),
        "the very same entry is added once"
    );
    let relabelled = uri(501).replace("person501", "somebody else");
    let preview = app
        .preview(
            Source::Text(&format!("{}\n{relabelled}", uri(501))),
            &mut |_| (),
        )
        .expect("it enrols");
    let added = app
        .add(&Selection::of(&preview), &mut |_| ())
        .expect("it can be written");
    assert_eq!(
        added.added, 2,
        "another name is another entry: nothing is lost"
    );
}

#[test]
fn a_save_names_the_preview_that_it_saves_and_never_adds_what_else_waits() {
    let (_, app) = household();
    let before = names(&app);
    let import = app
        .preview(Source::File(bytes(&export_of(12))), &mut |_| ())
        .expect("it enrols");
    // Something else takes its place before the person presses Save: a link, another file, one more part of an export.
    let others: [(&str, &dyn Fn() -> Preview); 2] = [
        ("a link", &|| {
            app.preview(Source::Text(&uri(700)), &mut |_| ())
                .expect("it enrols")
        }),
        ("another file", &|| {
            app.preview(Source::File(bytes(&export_of(3))), &mut |_| ())
                .expect("it enrols")
        }),
    ];
    for (what, other) in others {
        let waits = other();
        assert_ne!(waits.id, import.id, "{what}: another one has another name");
        let stale = app.add(&Selection::of(&import), &mut |_| ());
        assert_eq!(code_of(stale), Some(ErrorCode::PreviewGone), "{what}");
        assert_eq!(
            code_of(app.add(&all(&import), &mut |_| ())),
            Some(ErrorCode::PreviewGone),
            "{what}: row by row as well"
        );
        assert_eq!(names(&app), before, "{what}: nothing was added");
        assert_eq!(
            app.pending_preview().map(|preview| preview.id),
            Some(waits.id),
            "{what}: and it still waits for its own answer"
        );
    }
    let export = export_of(23);
    let parts: Vec<&str> = export.lines().collect();
    assert!(parts.len() > 1, "an export in several QR codes");
    let first = app
        .preview(Source::Text(parts[0]), &mut |_| ())
        .expect("a part");
    let second = app
        .preview(Source::Text(parts[1]), &mut |_| ())
        .expect("the next part");
    let stale = app.add(&Selection::of(&first), &mut |_| ());
    assert_eq!(
        code_of(stale),
        Some(ErrorCode::PreviewGone),
        "rows that came after the ones that were shown are not added unseen"
    );
    let mut meanwhile = None;
    let added = app
        .add(&Selection::of(&second), &mut |_| {
            let link = app
                .preview(Source::Text(&uri(701)), &mut |_| ())
                .expect("it enrols");
            meanwhile = Some(link.id);
        })
        .expect("what was shown");
    assert_eq!(added.added as usize, second.rows.len());
    assert!(meanwhile.is_some(), "something came while it was saved");
    assert_eq!(
        app.pending_preview().map(|preview| preview.id),
        meanwhile,
        "and that still waits for its own answer"
    );
}

#[test]
fn cancelling_an_import_at_any_moment_leaves_nothing_of_it() {
    let (machine, app) = household();
    let (entries, halves) = (machine.keyring.snapshot(), machine.file.snapshot());
    let before = names(&app);
    let mut steps = 0;
    let preview = app
        .preview(Source::File(bytes(&export_of(60))), &mut |_| ())
        .expect("it enrols");
    app.add(&Selection::of(&preview), &mut |_| steps += 1)
        .expect("it can be written");
    assert!(steps >= 6, "sixty accounts take several entries: {steps}");
    for at in 0..steps {
        machine.keyring.restore(entries.clone());
        machine.file.restore(halves.clone());
        let app = machine.start_open();
        let preview = app
            .preview(Source::File(bytes(&export_of(60))), &mut |_| ())
            .expect("it enrols");
        let mut step = 0;
        let answer = app.add(&Selection::of(&preview), &mut |progress| {
            assert_eq!(progress.stage, Stage::Saving);
            if step == at {
                app.cancel_transfer();
            }
            step += 1;
        });
        assert_eq!(code_of(answer), Some(ErrorCode::Cancelled), "at step {at}");
        assert!(
            machine.keyring.snapshot() == entries,
            "no entry is left, at step {at}"
        );
        assert!(
            machine.file.snapshot() == halves,
            "no file is, at step {at}"
        );
        assert_eq!(names(&app), before, "nor does the window show any");
        let added = app
            .add(&Selection::of(&preview), &mut |_| ())
            .expect("the preview is still there");
        assert_eq!(added.added, 60, "after a second thought, all of them");
    }
}

#[test]
fn locking_ends_an_import_and_shows_none_of_it() {
    let (_, app) = household();
    let preview = app
        .preview(Source::File(bytes(&export_of(60))), &mut |_| ())
        .expect("it enrols");
    let answer = app.add(&Selection::of(&preview), &mut |progress| {
        if progress.done == 2 {
            app.lock();
        }
    });
    assert_eq!(code_of(answer), Some(ErrorCode::Cancelled));
    assert!(app.pending_preview().is_none(), "its secrets are gone");
    app.open().expect("the device key is there");
    assert_eq!(names(&app).len(), HOUSEHOLD.len(), "as before");
}

#[test]
fn a_full_vault_is_said_before_anything_is_added() {
    let (machine, app) = household();
    let preview = app
        .preview(Source::File(bytes(&export_of(9_995))), &mut |_| ())
        .expect("it enrols");
    assert_eq!(
        (preview.rows.len(), preview.room),
        (9_995, 9_994),
        "one too many"
    );
    let before = machine.keyring.snapshot();
    let answer = app.add(&Selection::of(&preview), &mut |_| ());
    assert_eq!(code_of(answer), Some(ErrorCode::TooManyAccounts));
    assert!(machine.keyring.snapshot() == before, "nothing was written");
    let one_less = Selection {
        except: vec![preview.rows[17].token],
        ..Selection::of(&preview)
    };
    let added = app.add(&one_less, &mut |_| ()).expect("they fit");
    assert_eq!(added.added, 9_994);
    assert_eq!(names(&app).len(), 10_000, "ten thousand");
}

#[test]
fn what_is_longer_than_a_vault_keeps_is_cut_with_a_warning() {
    let (_, app) = household();
    let database = serde_json::json!({
        "version": 1,
        "header": { "slots": null, "params": null },
        "db": {
            "version": 3,
            "groups": (0..10).map(|n| serde_json::json!({
                "uuid": format!("00000000-0000-4000-8000-00000000000{n}"), "name": format!("group {n}"),
            })).collect::<Vec<_>>(),
            "entries": [{
                "type": "totp", "uuid": "00000000-0000-4000-8000-0000000000aa",
                "name": "é".repeat(200), "issuer": "StreamTV", "note": "n".repeat(700), "favorite": true, "icon": null,
                "info": { "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJT", "algo": "SHA1", "digits": 6, "period": 30 },
                "groups": (0..10).map(|n| format!("00000000-0000-4000-8000-00000000000{n}")).collect::<Vec<_>>(),
            }],
        },
    });
    let preview = app
        .preview(Source::File(bytes(&database.to_string())), &mut |_| ())
        .expect("Aegis");
    let row = &preview.rows[0];
    for word in ["groups-cut", "name-cut", "note-cut"] {
        assert!(
            row.warnings.contains(&word.to_owned()),
            "{word}: {:?}",
            row.warnings
        );
    }
    assert_eq!(
        (row.note.len(), row.groups.len()),
        (600, 8),
        "as it would be kept"
    );
    app.add(&Selection::of(&preview), &mut |_| ())
        .expect("it can be written");
    let codes = app.codes().expect("open");
    let kept = codes
        .accounts
        .iter()
        .find(|row| row.note.len() == 600)
        .expect("it was added");
    assert_eq!(
        (kept.account.len(), kept.groups.len(), kept.pinned),
        (256, 8, true)
    );
    assert_eq!(codes.now, u32::try_from(NOW).expect("seconds"));
}

#[test]
fn an_entry_that_a_batch_cannot_give_is_skipped_by_name_beside_the_others() {
    let (_, app) = household();
    let enrolment = |uri: &str| -> Enrolment { otpauth::read(uri).expect("it enrols").enrolment };
    let written = migration::write(&[&enrolment(&uri(1)), &enrolment(HOUSEHOLD[3])], 1);
    assert_eq!(written.refused.len(), 1, "Steam has no place there");
    let lines = format!("{}\nhttps://example.tv/help", written.uris[0].as_str());
    let preview = app
        .preview(Source::File(bytes(&lines)), &mut |_| ())
        .expect("one enrols");
    assert_eq!(
        (preview.rows.len(), preview.skipped.len()),
        (1, 1),
        "the link is said"
    );
    assert_eq!(preview.skipped[0].label, "line 2", "to find it by");
}
