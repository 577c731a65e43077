//! What other apps export, row by row of the tables in `tests/vectors/import`: see the README there.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use couchkey_formats::import::{self, Import, ImportError, SkipReason, Step};
use couchkey_otp::{Algorithm, Kind, otpauth};
use couchkey_vault::NewAccount;
use proptest::prelude::*;
use proptest::sample::Index;

/// The accounts 1 to 8 of the README, as setup links.
const ACCOUNTS: [&str; 8] = [
    "otpauth://totp/StreamTV:fam-0042@example.tv?secret=5S24Y4H6ETBWETMVZ4BT6NCI63XZVNXB",
    "otpauth://totp/Bücherei:Jürgen?secret=UK6FEF5BIBULFFN2GNSYAURFMXVZO4RUHZN4JKEFG5ZQCMNWLLJA&algorithm=SHA256&digits=7\
     &period=20",
    "otpauth://totp/Kino 🎬:anna?secret=FUWB7UKCK52Y7MMERTYPSXLX3LIU5ZOOXCUWT7KHDF2SO2GYVBRTOTYKZLQCIJCQ2KJ6QJNYJ76XXKUJ54\
     VMQDTH6LS3O7UZBZG5VEY&algorithm=SHA512&digits=8&period=50",
    "otpauth://totp/router?secret=2EKSYXEW6K7SM6OI",
    "otpauth://hotp/Bank:card 1?secret=CZGRQQS6F4B5N5IMWV3MGNX6VMWXJX5M&counter=1",
    "otpauth://hotp/Air Example:ben?secret=G7JQDIU6VQAAODSPH5JMSUZKSFBNCE2C&algorithm=SHA256&digits=7&counter=50",
    "otpauth://hotp/Werk:gate?secret=RZYQFYMZWMQDXNSHODNJENQD62QAHKWA&algorithm=SHA512&digits=8&counter=10300",
    "otpauth://steam/Steam:gamer?secret=6KC3HFUWMUDO3NZJ4HUSO4TGEQFGVMAE",
];

#[test]
fn every_row_of_every_table_is_read_as_it_says() {
    let mut rows = 0;
    let mut wrong = Vec::new();
    for table in tables() {
        let word = table.file_stem().and_then(|name| name.to_str());
        let word = word.expect("a table is named by its format");
        let text = fs::read_to_string(&table).expect("a table is text");
        for line in text.lines().skip(1) {
            rows += 1;
            let found = outcome(line, word);
            if found.as_deref() != Ok(line) {
                let found = found.unwrap_or_else(|difference| difference);
                wrong.push(format!("{word}\n  said  {line}\n  found {found}"));
            }
        }
    }
    assert!(rows > 0, "there are tables");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The row as it comes out; or what is wrong about an account or the format.
fn outcome(line: &str, word: &str) -> Result<String, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [file, password, said, _, carries] = columns.as_slice() else {
        return Err("a row has five columns".to_owned());
    };
    let typed = Some(*password).filter(|typed| *typed != "-");
    let row = |outcome: &str, skipped: &str| {
        format!("{file}\t{password}\t{outcome}\t{skipped}\t{carries}")
    };
    // With a key file: `password+file`.
    let (typed, key_file) = match typed.and_then(|typed| typed.split_once('+')) {
        Some((typed, key_file)) => (Some(typed), Some(bytes(key_file))),
        None => (typed, None),
    };
    let read = import::read_with_key_file(&bytes(file), typed, key_file.as_deref(), &mut |_| {
        ControlFlow::Continue(())
    });
    match read {
        Err(error) => {
            let (name, format) = name(error);
            match format {
                Some(format) if format != word => Err(format!("the format is {format}")),
                _ => Ok(row(&format!("ERR {name}"), "-")),
            }
        }
        Ok(import) if import.format.word() != word => {
            Err(format!("the format is {}", import.format.word()))
        }
        Ok(import) => {
            let numbers = said.split_whitespace().skip(1);
            let numbers: Vec<usize> = numbers.filter_map(|n| n.parse().ok()).collect();
            let mut outcome = "OK".to_owned();
            for (at, account) in import.accounts.iter().enumerate() {
                let number = number_of(account).ok_or(format!("account {at} has other codes"))?;
                compare(account, number, carries)?;
                outcome.push_str(&format!(" {number}"));
            }
            if numbers.len() > import.accounts.len() {
                let found = import.accounts.len();
                return Err(format!(
                    "{found} of {} accounts: {outcome}, {}",
                    numbers.len(),
                    skipped(&import)
                ));
            }
            Ok(row(&outcome, &skipped(&import)))
        }
    }
}

/// Reported: a database of KeePassXC with a password and a key file got "the password does not open it", and its XML
/// export 77 lines that are damaged.
#[test]
fn keepassxc_with_a_key_file_opens_and_its_xml_is_one_account() {
    let read = |file: &str, password, key_file| {
        let go_on = &mut |_| ControlFlow::Continue(());
        import::read_with_key_file(&bytes(file), password, key_file, go_on)
    };
    let database = "keepassxc-reported.kdbx";
    let key = bytes("keepassxc-reported.key");
    let opened = read(database, Some("test"), Some(&key)).expect("with both");
    assert_eq!(opened.format.word(), "keepass");
    let alone = read(database, Some("test"), None)
        .err()
        .expect("the key file is missing");
    assert!(
        matches!(
            alone,
            ImportError::WrongKey {
                with_key_file: false,
                ..
            }
        ),
        "{alone}"
    );
    assert!(
        alone.to_string().contains("or it needs its key file too"),
        "{alone}"
    );
    let wrong = read(database, Some("wrong"), Some(&key))
        .err()
        .expect("the password is wrong");
    assert!(
        matches!(
            wrong,
            ImportError::WrongKey {
                with_key_file: true,
                ..
            }
        ),
        "{wrong}"
    );
    assert!(wrong.to_string().contains("the key file"), "{wrong}");

    let xml = read("keepassxc-reported.xml", None, None).expect("nothing is sealed");
    assert_eq!(
        (xml.format.word(), xml.skipped.len()),
        ("keepass_xml", 0),
        "no row is damaged"
    );
    let [account] = xml.accounts.as_slice() else {
        panic!("{} accounts instead of one", xml.accounts.len())
    };
    let enrolment = &account.parsed.enrolment;
    assert_eq!(enrolment.issuer.as_deref(), Some("StreamTV"));
    assert_eq!(enrolment.secret.bits(), 160, "the whole key");
}

/// Which of the eight makes the same codes: the secret and all that goes with it.
fn number_of(found: &NewAccount) -> Option<usize> {
    let found = &found.parsed.enrolment;
    let same = |uri: &&str| {
        let known = otpauth::read(uri).expect("it enrols").enrolment;
        found.secret.same_as(&known.secret)
            && found.kind == known.kind
            && (found.kind == Kind::Steam || found.digits == known.digits)
            && (found.kind == Kind::Steam || found.algorithm == known.algorithm)
            && (found.kind != Kind::Steam || found.algorithm == Algorithm::Sha1)
    };
    ACCOUNTS.iter().position(same).map(|at| at + 1)
}

fn compare(account: &NewAccount, number: usize, carries: &str) -> Result<(), String> {
    let carries = |what: &str| carries.split(' ').any(|word| word == what);
    let known = otpauth::read(ACCOUNTS[number - 1]).expect("it enrols");
    let known = (known.enrolment.issuer, known.enrolment.account);
    let enrolment = &account.parsed.enrolment;
    let names = (enrolment.issuer.clone(), enrolment.account.clone());
    if !carries("names") && names != known {
        return Err(format!("account {number} is named {names:?}"));
    }
    let only = |wanted: bool, text: &str| match wanted {
        true => text.to_owned(),
        false => String::new(),
    };
    let note = only(carries("note") && number == 1, "Living room");
    let groups = match number {
        1 => only(carries("groups"), "TV"),
        2 => only(carries("groups"), "Family"),
        _ => String::new(),
    };
    let pinned = carries("pinned") && number == 1;
    let found = (
        account.note.clone(),
        account.groups.join(", "),
        account.pinned,
    );
    match found == (note, groups, pinned) {
        true => Ok(()),
        false => Err(format!("account {number} comes with {found:?}")),
    }
}

fn skipped(import: &Import) -> String {
    let reasons = import.skipped.iter().map(|skipped| match skipped.reason {
        SkipReason::Refused(error) => error.class().to_owned(),
        SkipReason::UnsupportedKind { kind } => kind.to_owned(),
        SkipReason::InRecycleBin { entries } => format!("InRecycleBin:{entries}"),
        reason => format!("{reason:?}"),
    });
    let reasons: Vec<String> = reasons.collect();
    match reasons.is_empty() {
        true => "-".to_owned(),
        false => reasons.join(" "),
    }
}

/// The variant's name, and whose format it is.
fn name(error: ImportError) -> (&'static str, Option<&'static str>) {
    let (name, format) = match error {
        ImportError::NeedsPassword { format } => ("NeedsPassword", format),
        ImportError::WrongPassword { format } => ("WrongPassword", format),
        ImportError::NeedsKey { format } => ("NeedsKey", format),
        ImportError::WrongKey { format, .. } => ("WrongKey", format),
        ImportError::Damaged { format } => ("Damaged", format),
        ImportError::NewerVersion { format } => ("NewerVersion", format),
        ImportError::AccountRestricted { format } => ("AccountRestricted", format),
        ImportError::Incomplete { format } => ("Incomplete", format),
        ImportError::UnsupportedVariant { format } => ("UnsupportedVariant", format),
        ImportError::TooManyEntries { format } => ("TooManyEntries", format),
        ImportError::TooCostly { format, .. } => ("TooCostly", format),
        ImportError::TooLarge { .. } => return ("TooLarge", None),
        ImportError::Cancelled => return ("Cancelled", None),
        _ => return ("UnknownFormat", None),
    };
    (name, Some(format.word()))
}

/// A file, or its beginning: `name[:100]` has a hundred bytes, `name%50` the first half.
fn bytes(file: &str) -> Vec<u8> {
    let read = |name: &str| {
        fs::read(vectors().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    if let Some((name, length)) = file.split_once("[:") {
        let length = length.trim_end_matches(']').parse().expect("a length");
        let mut bytes = read(name);
        bytes.truncate(length);
        return bytes;
    }
    if let Some((name, percent)) = file.split_once('%') {
        let percent: usize = percent.parse().expect("a percentage");
        let mut bytes = read(name);
        bytes.truncate(bytes.len() * percent / 100);
        return bytes;
    }
    read(file)
}

fn tables() -> Vec<PathBuf> {
    let entries = fs::read_dir(vectors()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut tables: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "tsv"))
        .collect();
    tables.sort();
    tables
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/import")
}

/// What a mutation does to bytes.
#[derive(Clone, Copy, Debug)]
enum Change {
    Cut,
    Flip(u8),
    Insert(u8),
    Remove,
    Repeat,
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        Just(Change::Cut),
        any::<u8>().prop_map(Change::Flip),
        prop::sample::select(b"\"{}[],:0-\\\xff|\n<&".to_vec()).prop_map(Change::Insert),
        Just(Change::Remove),
        Just(Change::Repeat),
    ];
    (any::<Index>(), change)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Mutated fixtures: an answer or an error, and no key is derived for them, because that costs what a file asks for.
    #[test]
    fn no_mutation_of_a_file_breaks_a_reader(
        file in prop::sample::select(fixtures()),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut bytes = fs::read(file).expect("it can be read");
        for (index, change) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match change {
                Change::Cut => bytes.truncate(at),
                Change::Flip(bits) => bytes[at] ^= bits,
                Change::Insert(byte) => bytes.insert(at, byte),
                Change::Remove => drop(bytes.remove(at)),
                Change::Repeat => bytes.extend_from_within(at..),
            }
        }
        let mut no_key = |step| match step {
            Step::Deriving => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        if let Ok(import) = import::read(&bytes, Some("test"), &mut no_key) {
            let entries = import.accounts.len() + import.skipped.len();
            prop_assert!(entries <= import::caps::ENTRIES, "no more than a vault holds");
        }
    }
}

#[test]
fn more_entries_than_a_vault_holds_are_refused_by_every_plain_format() {
    let entries = import::caps::ENTRIES + 1;
    let uri = ACCOUNTS[0];
    let list = |entry: &str| vec![entry; entries].join(",");
    let files = [
        vec![uri; entries].join("\n"),
        format!("{uri}&codeDisplay=\n").repeat(entries),
        format!(
            r#"{{"version":1,"header":{{"slots":null,"params":null}},"db":{{"version":3,"entries":[{}]}}}}"#,
            list("1")
        ),
        format!(r#"{{"schemaVersion":4,"services":[{}]}}"#, list("1")),
        format!(r#"{{"Authenticators":[{}]}}"#, list("1")),
        format!(r#"{{"encrypted":false,"items":[{}]}}"#, list("1")),
        format!(r#"{{"items":[{},{{"template_type":""}}]}}"#, list("1")),
        format!(
            "folder,type,name,login_totp\n{}",
            ",login,x,\n".repeat(entries)
        ),
        format!(r#"{{"version":1,"entries":[{}]}}"#, list("1")),
        format!(r#"{{"vaults":{{"a":{{"items":[{}]}}}}}}"#, list("1")),
        format!(r#"[{{"secret":"","label":"","type":""}},{}]"#, list("1")),
        format!("<html>{}", format!("<a href=\"{uri}\">").repeat(entries)),
    ];
    for file in files {
        let read = import::read(file.as_bytes(), None, &mut |_| ControlFlow::Continue(()));
        let error = read.err();
        let refused = matches!(error, Some(ImportError::TooManyEntries { .. }));
        assert!(refused, "{}: {error:?}", &file[..60]);
    }
}

#[test]
fn whoever_watches_can_stop_the_reading_and_sees_how_far_it_is() {
    let file = bytes("uris.txt");
    let stopped = import::read(&file, None, &mut |_| ControlFlow::Break(()));
    assert_eq!(
        stopped.err(),
        Some(ImportError::Cancelled),
        "at the first entry"
    );

    let mut steps = Vec::new();
    let mut watch = |step| {
        steps.push(step);
        ControlFlow::Continue(())
    };
    import::read(&file, None, &mut watch).expect("a good file");
    let end = Step::Reading { done: 8, of: 8 };
    assert_eq!(steps.last(), Some(&end), "all of it");

    let sealed = bytes("ente-encrypted.json");
    let mut watch = |step| match step {
        Step::Deriving => ControlFlow::Break(()),
        step => panic!("{step:?} before there is a key"),
    };
    let stopped = import::read(&sealed, Some("test"), &mut watch);
    assert_eq!(
        stopped.err(),
        Some(ImportError::Cancelled),
        "before the key"
    );
}

#[test]
fn a_file_of_more_bytes_than_the_cap_is_not_looked_at() {
    let bytes = import::caps::FILE_BYTES + 1;
    let read = import::read(&vec![b'#'; bytes], None, &mut |_| ControlFlow::Continue(()));
    assert_eq!(
        read.err(),
        Some(ImportError::TooLarge { bytes }),
        "the cap is named"
    );
}

/// Every file beside the tables that some app might have written.
fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(vectors()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_ours = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("tsv" | "md" | "py"))
    };
    let mut files: Vec<PathBuf> = paths.filter(|path| !is_ours(path)).collect();
    files.sort();
    files
}
