//! `docs/open_vault.py` opens the golden vaults without a line of this crate.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn vector(name: &str) -> PathBuf {
    root().join("tests/vectors/vault-v1").join(name)
}

fn text(name: &str) -> String {
    let path = vector(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs the script on a file, with `typed` on its standard input.
fn open_vault(options: &[&str], file: &PathBuf, typed: &str) -> Output {
    let python = std::env::var_os("COUCHKEY_PYTHON").unwrap_or_else(|| "python3".into());
    let script = root().join("docs/open_vault.py");
    let mut child = Command::new(&python)
        .arg(script)
        .args(options)
        .arg(file)
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    // It may have given up before it asked.
    let stdin = child.stdin.take();
    let _ = stdin.map(|mut stdin| stdin.write_all(typed.as_bytes()));
    let output = child.wait_with_output().expect("it was started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        !complaint.contains("requirements-open-vault.txt"),
        "this Python lacks what docs/requirements-open-vault.txt lists; set COUCHKEY_PYTHON to one \
         that has it: {complaint}"
    );
    output
}

fn printed(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    assert!(
        complaint.contains("Whoever has them can sign in"),
        "a warning comes first"
    );
    String::from_utf8(output.stdout.clone()).expect("URIs are ASCII")
}

#[test]
fn it_opens_the_golden_vault_with_each_key() {
    for folder in ["three-ways", "three-ways-2"] {
        let expected = text(&format!("{folder}/accounts.txt"));
        let file = vector(&format!("{folder}/vault.b"));
        let recovery = text(&format!("{folder}/recovery-key.txt"));
        let device: String = (0..32u8).map(|n| format!("{n:02x}")).collect();
        let keys = [
            ("the recovery key", vec!["--trash"], recovery.clone()),
            (
                "typed by hand",
                vec!["--trash"],
                recovery.to_lowercase().replace('-', " "),
            ),
            ("the passphrase", vec!["--trash"], "café au canapé\n".into()),
            (
                "in NFD",
                vec!["--trash"],
                "cafe\u{301} au\u{A0}canape\u{301}\n".into(),
            ),
            ("the device key", vec!["--trash", "--device-key"], device),
        ];
        for (what, options, typed) in keys {
            let output = open_vault(&options, &file, &typed);
            assert_eq!(
                printed(&output),
                expected,
                "{what}: what we write ourselves"
            );
        }
        let listed = open_vault(&[], &file, &recovery);
        let list: Vec<_> = expected.lines().collect();
        let shown = printed(&listed);
        let shown: Vec<_> = shown.lines().collect();
        assert_eq!(
            shown,
            list[..list.len() - 1],
            "without the trash unless asked"
        );
    }
}

#[test]
fn it_opens_a_backup_with_either_key() {
    let expected = text("three-ways/accounts.txt");
    let file = vector("three-ways/backup.couchkey");
    for typed in [
        text("three-ways/recovery-key.txt"),
        "für alle Fälle\n".into(),
    ] {
        let output = open_vault(&["--trash"], &file, &typed);
        assert_eq!(printed(&output), expected, "every account, the trash last");
    }
    let output = open_vault(&[], &file, "für keinen Fall\n");
    assert!(!output.status.success(), "another passphrase opens nothing");
    assert!(output.stdout.is_empty(), "and nothing is printed");
}

#[test]
fn it_opens_a_vault_with_an_app_lock() {
    let device = data_encoding::BASE64.encode(&std::array::from_fn::<u8, 32, _>(|n| n as u8));
    let typed = format!("café au canapé\n{device}\n");
    for folder in ["strong", "strong-2"] {
        let output = open_vault(&[], &vector(&format!("{folder}/vault.a")), &typed);
        let expected = text(&format!("{folder}/accounts.txt"));
        assert_eq!(printed(&output), expected, "both halves of the lock");
    }
}

#[test]
fn it_refuses_what_we_refuse_and_prints_nothing() {
    let folder = tempfile::tempdir().expect("a place for damaged copies");
    let good = std::fs::read(vector("three-ways/vault.b")).expect("the golden file");
    let copy = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file in our own folder");
        path
    };
    let recovery = text("three-ways/recovery-key.txt");
    let wrong = recovery.replace(&recovery[..1], "J");
    let cases = [
        ("does not unlock", copy("good", &|_| ()), "no sofa"),
        ("does not unlock", copy("good", &|_| ()), wrong.as_str()),
        ("cut off", copy("cut", &|b| b.truncate(900)), &recovery),
        (
            "not a Couchkey vault",
            copy("magic", &|b| b[0] = 0),
            &recovery,
        ),
        ("version 2", copy("version", &|b| b[9] = 2), &recovery),
        ("list is damaged", copy("list", &|b| b[700] ^= 1), &recovery),
    ];
    for (why, file, typed) in cases {
        let output = open_vault(&[], &file, typed);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{why}");
        assert!(complaint.contains(why), "{why}: {complaint}");
        assert!(output.stdout.is_empty(), "{why}: no account is printed");
        assert!(
            !complaint.contains("Traceback"),
            "{why}: in words for a person"
        );
    }
}

#[test]
fn one_damaged_account_does_not_keep_it_from_printing_the_others() {
    let folder = tempfile::tempdir().expect("a place for a damaged copy");
    let mut bytes = std::fs::read(vector("three-ways/vault.b")).expect("the golden file");
    let last_of_the_mirror = bytes.len() - 33;
    bytes[last_of_the_mirror] ^= 1;
    let path = folder.path().join("vault.b");
    std::fs::write(&path, bytes).expect("a file in our own folder");
    let output = open_vault(&["--trash"], &path, &text("three-ways/recovery-key.txt"));
    let printed = String::from_utf8(output.stdout).expect("URIs are ASCII");
    let expected = text("three-ways/accounts.txt");
    assert_eq!(
        printed.lines().count(),
        expected.lines().count() - 1,
        "all but one"
    );
    assert!(
        printed.lines().all(|line| expected.contains(line)),
        "the right ones"
    );
    assert!(!output.status.success(), "and the exit status tells");
}
