//! Moving in and out in the real window: another app's file comes in, everything goes out again as a file and as QR codes
//! that are read off the display, and a backup is made and proven.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use couchkey_authenticator::qr;
use couchkey_formats::{export::read_migration, import};
use couchkey_otp::otpauth;
use couchkey_tests::{
    desktop::{
        Session, Window,
        steps::{
            CODE, PATIENCE, assert_code_is_right, click, couchkey, files_below, of, recovery_key,
            screen, session, start,
        },
        wait_until,
    },
    machine::uri,
};

/// The secret of the first account of `tests/vectors/import/README.md`.
const FIRST: &str = "5S24Y4H6ETBWETMVZ4BT6NCI63XZVNXB";
/// What identifies each of the eight.
const EIGHT: [&str; 8] = [
    "fam-0042@example.tv",
    "Jürgen",
    "anna",
    "router",
    "card 1",
    "ben",
    "gate",
    "gamer",
];

#[test]
fn a_file_of_another_app_comes_in_after_a_yes_and_nothing_before() {
    let session = session();
    let nothing_is_kept = || {
        let vault = |path: &PathBuf| path.to_string_lossy().contains("vault.");
        session.every_secret().is_empty() && !files_below(&session.data_dir()).iter().any(vault)
    };
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-other");
    click(&window, "other-import");
    screen(&window, "add");
    window.choose_file(&of("add-file-input"), sample("aegis-plain.json"));
    window.wait_for(&of("preview-row"), PATIENCE);
    assert_all_eight(&window, "preview-row");
    assert!(nothing_is_kept(), "a preview is no yes");
    click(&window, "preview-back");
    window.wait_for(&of("app-choose"), PATIENCE);
    assert!(nothing_is_kept(), "and no is no");

    window.choose_file(&of("add-file-input"), sample("aegis-encrypted.json"));
    window.type_into(&of("sealed-password"), "guess");
    click(&window, "sealed-open");
    window.wait_for("[data-code='import_wrong_password']", PATIENCE);
    assert!(nothing_is_kept(), "nobody has opened it");
    window.fill(&of("sealed-password"), "test");
    click(&window, "sealed-open");
    window.wait_for(&of("preview-row"), PATIENCE);
    assert_all_eight(&window, "preview-row");
    assert!(nothing_is_kept(), "a password is no yes");
    click(&window, "preview-save");
    screen(&window, "recovery");
    click(&window, "recovery-later");
    screen(&window, "codes");
    assert_all_eight(&window, "account-row");
    assert_code_is_right(&window, CODE, FIRST);
    window.kill_app();

    let window = start(&session);
    screen(&window, "codes");
    assert_all_eight(&window, "account-row");
    assert_code_is_right(&window, CODE, FIRST);
    // The same file once more, dropped anywhere in the window.
    let file = fs::read(sample("aegis-plain.json")).expect("it is in the repository");
    let text = String::from_utf8(file).expect("JSON");
    window.eval_with(
        "const files = new DataTransfer();
         files.items.add(new File([arguments[0]], 'aegis.json', { type: 'application/json' }));
         document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }))",
        vec![text.into()],
    );
    screen(&window, "add");
    window.wait_for(&of("preview-here"), PATIENCE);
    assert!(
        window.text(&of("preview-here")).contains('8'),
        "all of them are here already"
    );
    assert!(
        window.exists(&format!("{}:disabled", of("preview-save"))),
        "so there is nothing to add"
    );
}

#[test]
fn what_goes_out_asks_for_the_passphrase_again_and_is_read_off_the_file_and_the_display() {
    const PASSPHRASE: &str = "correct horse battery";
    let session = session();
    let files = session.home().join("files");
    fs::create_dir(&files).expect("home can be written");
    let links = files.join("links.txt");
    let twelve: Vec<String> = (0..12).map(uri).collect();
    fs::write(&links, twelve.join("\n")).expect("home can be written");
    couchkey(&session, &["init"], "");
    for file in [&sample("aegis-plain.json"), &links] {
        let file = file.to_str().expect("a plain path");
        couchkey(&session, &["import", "--yes", file], "");
    }
    let twice = format!("{PASSPHRASE}\n{PASSPHRASE}\n");
    couchkey(&session, &["--passphrase-fd", "0", "lock", "on"], &twice);

    let window = start(&session);
    screen(&window, "unlock");
    window.type_into(&of("unlock-passphrase"), PASSPHRASE);
    click(&window, "unlock-submit");
    screen(&window, "codes");

    // A file: refused with another passphrase, not written where nobody names a place, then whole.
    click(&window, "nav-settings");
    click(&window, "settings-export");
    click(&window, "export-aegis");
    window.type_into(&of("export-passphrase"), "wrong horse battery");
    click(&window, "export-save");
    window.wait_for("[data-code='wrong_passphrase']", PATIENCE);
    window.fill(&of("export-passphrase"), PASSPHRASE);
    click(&window, "export-save");
    session.answer_dialog(SAVE, None);
    window.wait_for(&of("export-save"), PATIENCE);
    let to = files.join("out.json");
    click(&window, "export-save");
    session.answer_dialog(SAVE, Some(&to));
    screen(&window, "settings");
    window.wait_for_text("20 accounts exported and compared", PATIENCE);
    let mode = fs::metadata(&to).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner's eyes alone");
    let written = fs::read(&to).expect("it is there");
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    let read = import::read(&written, None, &mut go_on);
    let read = read.expect("it is Aegis' own format").accounts;
    let read = read
        .iter()
        .map(|account| name_of(&account.parsed.enrolment));
    assert_eq!(read.collect::<BTreeSet<_>>(), everybody(), "everybody");
    let left = files_below(&files);
    assert_eq!(left.len(), 2, "nothing else is left there: {left:?}");

    // Google's batches: off the display, by our own reader and by somebody else's.
    click(&window, "settings-export");
    click(&window, "export-google");
    window.type_into(&of("export-passphrase"), PASSPHRASE);
    click(&window, "export-show");
    let mut codes = Vec::new();
    for part in 0.. {
        window.wait_for(&of("export-qr"), PATIENCE);
        codes.push(read_off_the_display(
            &session,
            &window,
            &format!("part-{part}.png"),
        ));
        if window.exists(&of("export-qr-done")) {
            break;
        }
        click(&window, "export-qr-next");
    }
    assert_eq!(codes.len(), 2, "sixteen accounts, ten in a code");
    let found = read_migration(codes.iter().map(String::as_str));
    let found = found.expect("Google's format").into_iter();
    let found: BTreeSet<_> = found
        .map(|account| name_of(&account.parsed.enrolment))
        .collect();
    let carried = everybody()
        .into_iter()
        .filter(|name| GOOGLE_CARRIES.iter().any(|has| name.contains(has)));
    assert_eq!(found, carried.collect(), "whatever this format can carry");
    click(&window, "export-qr-done");

    // One account's own code.
    screen(&window, "settings");
    click(&window, "nav-codes");
    click(&window, "row-more");
    click(&window, "menu-qr");
    window.type_into(&of("export-passphrase"), PASSPHRASE);
    click(&window, "export-show");
    window.wait_for(&of("export-qr"), PATIENCE);
    let one = read_off_the_display(&session, &window, "one.png");
    let one = otpauth::read(&one).expect("a set-up link").enrolment;
    assert_eq!(*one.secret.to_base32(), *FIRST, "the pinned one is first");
    click(&window, "export-qr-done");
    screen(&window, "codes");
    assert!(!window.exists(&of("export-qr")), "and it is gone");
}

#[test]
fn a_backup_goes_into_the_chosen_folder_after_a_change_and_the_drill_proves_it() {
    let session = session();
    let key = recovery_key(&session);
    couchkey(&session, &["add", "-"], &uri(0));
    let folder = session.home().join("stick");
    fs::create_dir(&folder).expect("home can be written");
    let window = start(&session);
    screen(&window, "codes");
    click(&window, "nav-settings");
    click(&window, "settings-backups");
    click(&window, "backups-choose");
    session.answer_dialog("Choose where backups go", Some(&folder));
    wait_until("the folder is said", Duration::from_secs(PATIENCE), || {
        window.text(&of("backups-folder")).contains("stick")
    });
    let [first] = backups(&folder).try_into().expect("one is made at once");

    // A change, and nothing else that a person does.
    session.set_clipboard_text(&uri(1));
    click(&window, "nav-add");
    click(&window, "add-paste");
    click(&window, "preview-save");
    screen(&window, "check");
    click(&window, "check-done");
    screen(&window, "codes");
    let mut second = PathBuf::new();
    wait_until(
        "a backup with the change, and of ten minutes no more than one",
        Duration::from_secs(PATIENCE),
        || {
            let found = backups(&folder);
            let spans: BTreeSet<String> = found.iter().map(|file| ten_minutes_of(file)).collect();
            let one_each = spans.len() == found.len();
            second = found.into_iter().max().expect("one is kept");
            second != first && one_each
        },
    );
    assert_eq!(
        first.exists(),
        ten_minutes_of(&first) != ten_minutes_of(&second),
        "it takes the place of the one of a minute ago, unless ten minutes ended between them"
    );
    let file = second.to_str().expect("a plain path");
    let report = couchkey(&session, &["--json", "verify-backup", file], &key);
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["accounts"], 2, "both are in it: {report}");

    // The drill.
    click(&window, "nav-settings");
    click(&window, "settings-backups");
    click(&window, "backups-drill");
    window.type_into(&of("drill-key"), &key[..key.len() - 6]);
    click(&window, "drill-run");
    window.wait_for("[data-code='recovery_key_typo']", PATIENCE);
    window.fill(&of("drill-key"), &key);
    click(&window, "drill-run");
    window.wait_for(&of("drill-proven"), PATIENCE);
    let result = window.text(&of("drill-result"));
    assert_eq!(
        result.matches("2 of 2 codes match").count(),
        2,
        "the vault and its backup: {result}"
    );
    click(&window, "drill-back");
    window.wait_for_text("Proven on", PATIENCE);
}

/// The title of the dialog that asks where an export goes.
const SAVE: &str = "Save the export";

/// Names of the accounts that Google's format has a place for: six or eight digits, a period of thirty seconds.
const GOOGLE_CARRIES: [&str; 5] = ["person", "fam-0042", "router", "card 1", "gate"];

/// One of our own files in the format of another app.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors/import")
        .join(name)
}

fn name_of(enrolment: &couchkey_otp::Enrolment) -> String {
    enrolment.account.clone()
}

/// The names of the eight and the twelve.
fn everybody() -> BTreeSet<String> {
    let twelve = (0..12).map(|n| format!("person{n}"));
    EIGHT.map(str::to_owned).into_iter().chain(twelve).collect()
}

fn assert_all_eight(window: &Window<'_>, row: &str) {
    wait_until("eight rows", Duration::from_secs(PATIENCE), || {
        window.count(&of(row)) == 8
    });
    // Rows that are out of sight have no text that is seen.
    let page = window.source();
    for name in EIGHT {
        assert!(page.contains(name), "{name} is one of them");
    }
}

/// What the one QR code in sight says, to our reader and to zbar's.
fn read_off_the_display(session: &Session, window: &Window<'_>, name: &str) -> String {
    wait_until(
        "the picture is drawn",
        Duration::from_secs(PATIENCE),
        || window.property(&of("export-qr"), "complete").as_deref() == Some("true"),
    );
    let path = session.home().join(name);
    window.screenshot(&path);
    let picture = fs::read(&path).expect("it was just taken");
    let picture = qr::read_picture(&picture).expect("a picture");
    let found = qr::decode(&picture, qr::Effort::Still);
    let [ours] = found.as_slice() else {
        panic!("{} codes in sight instead of one", found.len())
    };
    let ours = ours.text().expect("one that is whole");
    let path = path.to_str().expect("a plain path");
    let theirs = session.run("zbarimg", ["--quiet", "--raw", path]);
    assert_eq!(theirs.trim_end(), ours, "zbar reads the same");
    ours.to_string()
}

/// In which ten minutes a backup was made, by its name: `couchkey-9f3a12bc-20261124T153` of `…T153005Z.couchkey`.
fn ten_minutes_of(backup: &Path) -> String {
    let name = backup.file_name().expect("it has a name");
    let name = name.to_str().expect("a plain name");
    let until = name.len() - "005Z.couchkey".len();
    name[..until].to_owned()
}

/// The backups in a folder; nothing else may be there.
fn backups(folder: &Path) -> Vec<PathBuf> {
    let files = files_below(folder).into_iter();
    files
        .filter(|path| path.extension().is_some_and(|end| end == "couchkey"))
        .collect()
}
