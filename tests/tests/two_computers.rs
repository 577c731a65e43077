//! Two computers with a keyring each, on one folder: whatever is put back or wiped between their changes, nothing that a
//! place still has is missing, and nothing that one of them has ever shown is missing without a word.
//!
//! `COUCHKEY_SCHEDULES` says how many random schedules in memory, `COUCHKEY_SCHEDULES_FROM` with which seed they begin;
//! `make prove` asks for 10,000. A dozen more run with the real command line, two real keyrings and a real folder.

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use couchkey_authenticator::{
    Authenticator, ErrorCode,
    view::{EditForm, Notice, VaultState},
};
use couchkey_tests::machine::{AtOnce, Machine, add, names, uri};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const SCHEDULES: u64 = 300;
const STEPS: usize = 14;

/// With real programs, each step is some processes.
const REAL_SCHEDULES: u64 = 12;
const REAL_STEPS: usize = 10;

/// The accounts of a place by their names: how often each was changed, and what the last change wrote. Two computers may
/// have changed it equally often.
type Content = BTreeMap<String, (u64, BTreeSet<String>)>;

/// What both have together, of each account the latest.
fn together(one: &Content, two: &Content) -> Content {
    let mut all = one.clone();
    for (name, (rev, notes)) in two {
        let known = all.entry(name.clone()).or_insert((*rev, BTreeSet::new()));
        if *rev > known.0 {
            *known = (*rev, notes.clone());
        } else if *rev == known.0 {
            known.1.extend(notes.iter().cloned());
        }
    }
    all
}

/// Whether a place has each of these accounts as it was, or with a later change.
fn has_all(place: &Content, shown: &Content) -> bool {
    shown.iter().all(|(name, (rev, notes))| {
        place
            .get(name)
            .is_some_and(|here| here.0 > *rev || here.0 == *rev && notes.is_subset(&here.1))
    })
}

/// One account on a list.
struct Row {
    id: String,
    account: String,
    note: String,
}

/// What a computer shows, and what it says about it.
struct View {
    accounts: Vec<Row>,
    trash: BTreeSet<String>,
    /// It says that accounts may be missing.
    says_missing: bool,
    /// What is said until somebody has looked.
    is_marked: bool,
    says_nothing_missing: bool,
    put_together: bool,
    recovered: bool,
}

/// A computer with a keyring of its own; both have one folder.
trait Computer: Sized {
    /// A copy of its keyring.
    type Keyring: Clone;
    /// A copy of the folder.
    type Folder: Clone;

    /// Two of them with a vault of [`ACCOUNTS`], and its recovery key. The keyring was copied along.
    fn pair() -> ([Self; 2], String);
    /// Whether a program runs on it and has the vault open.
    fn runs(&self) -> bool;
    /// Ends it.
    fn end(&mut self);
    /// Opens the vault, with the recovery key where it takes one, or takes the program that is running. `None`: there is
    /// no vault.
    fn look(&mut self, key: &str) -> Option<View>;
    /// The person has looked.
    fn seen(&mut self);
    fn add(&mut self, uri: &str);
    fn edit(&mut self, id: &str, note: &str);
    fn remove(&mut self, id: &str);
    fn keyring(&self) -> Self::Keyring;
    fn put_keyring_back(&mut self, copy: &Self::Keyring);
    fn wipe_keyring(&mut self);
    fn folder(&self) -> Self::Folder;
    fn put_folder_back(&mut self, copy: &Self::Folder);
    fn wipe_folder(&mut self);
}

/// In the vault that every schedule begins with.
const ACCOUNTS: usize = 2;

/// In memory: tens of thousands of schedules take minutes.
struct InMemory {
    machine: Machine,
    app: Option<Authenticator>,
}

impl InMemory {
    fn app(&self) -> &Authenticator {
        self.app.as_ref().expect("it was just opened")
    }
}

impl Computer for InMemory {
    type Keyring = BTreeMap<String, Vec<u8>>;
    type Folder = [Option<Vec<u8>>; 2];

    fn pair() -> ([Self; 2], String) {
        let machine = Machine::new();
        let app = machine.start();
        app.create_vault(None).expect("a fresh machine");
        let key = app.make_recovery_key(None).expect("it can be written");
        for n in 0..ACCOUNTS {
            add(&app, &uri(n)).expect("it can be written");
        }
        drop(app);
        let other = machine.beside();
        other.keyring.restore(machine.keyring.snapshot());
        let pair = [machine, other].map(|machine| Self { machine, app: None });
        (pair, key.groups.join("-"))
    }

    fn runs(&self) -> bool {
        self.app.is_some()
    }

    fn end(&mut self) {
        self.app = None;
    }

    fn look(&mut self, key: &str) -> Option<View> {
        let app = self.app.get_or_insert_with(|| self.machine.start());
        let status = app.open().expect("answers");
        let recovered = status.state != VaultState::Open;
        if recovered && let Err(error) = app.recover(key, None) {
            assert_eq!(
                error.code(),
                ErrorCode::NoVault,
                "nothing else keeps it shut"
            );
            self.app = None;
            return None;
        }
        let codes = app.codes().expect("it is open");
        assert!(codes.damaged.is_empty(), "nothing is damaged");
        let trash = app.trash().expect("it is open");
        let notices = app.status().notices;
        let says = |notice: Notice| notices.contains(&notice);
        Some(View {
            accounts: codes
                .accounts
                .into_iter()
                .map(|account| Row {
                    id: account.id,
                    account: account.account,
                    note: account.note,
                })
                .collect(),
            trash: trash.into_iter().map(|row| row.account).collect(),
            says_missing: says(Notice::Incomplete)
                || says(Notice::FileRebuilt)
                || says(Notice::KeyringRebuilt),
            is_marked: says(Notice::Incomplete)
                || says(Notice::FileRebuilt)
                || says(Notice::CameBack),
            says_nothing_missing: says(Notice::NothingMissing),
            put_together: says(Notice::PutTogether),
            recovered,
        })
    }

    fn seen(&mut self) {
        self.app().seen().expect("it can be written");
    }

    fn add(&mut self, uri: &str) {
        add(self.app(), uri).expect("it can be written");
    }

    fn edit(&mut self, id: &str, note: &str) {
        let form = EditForm {
            note: Some(note.to_owned()),
            ..EditForm::default()
        };
        self.app().edit(id, form).expect("it can be written");
    }

    fn remove(&mut self, id: &str) {
        self.app().remove(id).expect("it can be written");
    }

    fn keyring(&self) -> Self::Keyring {
        self.machine.keyring.snapshot()
    }

    fn put_keyring_back(&mut self, copy: &Self::Keyring) {
        self.machine.keyring.restore(copy.clone());
    }

    fn wipe_keyring(&mut self) {
        self.machine.keyring.wipe();
    }

    fn folder(&self) -> Self::Folder {
        self.machine.file.snapshot()
    }

    fn put_folder_back(&mut self, copy: &Self::Folder) {
        self.machine.file.restore(copy.clone());
    }

    fn wipe_folder(&mut self) {
        self.machine.file.wipe();
    }
}

/// The real command line on a desktop of its own, with a real keyring.
#[cfg(target_os = "linux")]
mod real {
    use std::{collections::BTreeMap, fs, io::Write, path::PathBuf, process::Stdio, rc::Rc};

    use couchkey_tests::{
        desktop::{self, KeyringCopy, Session},
        machine::uri,
    };
    use serde_json::Value;

    use super::{ACCOUNTS, Computer, Row, View};

    pub struct Desktop {
        session: Session,
        folder: Rc<tempfile::TempDir>,
    }

    struct Run {
        code: Option<i32>,
        stdout: String,
        stderr: String,
    }

    impl Desktop {
        fn couchkey(&self, arguments: &[&str], input: &str) -> Run {
            let mut child = self
                .session
                .command(desktop::cli())
                .arg("--data-dir")
                .arg(self.vault())
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the command line was built");
            // A command that needs no input may be gone before it is written.
            let _ = child
                .stdin
                .take()
                .expect("piped")
                .write_all(input.as_bytes());
            let output = child.wait_with_output().expect("it ends");
            Run {
                code: output.status.code(),
                stdout: String::from_utf8(output.stdout).expect("text"),
                stderr: String::from_utf8(output.stderr).expect("text"),
            }
        }

        fn changes(&self, arguments: &[&str], input: &str) {
            let run = self.couchkey(arguments, input);
            assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
        }

        fn vault(&self) -> PathBuf {
            self.folder.path().join("vault")
        }
    }

    impl Computer for Desktop {
        type Keyring = KeyringCopy;
        type Folder = BTreeMap<PathBuf, Vec<u8>>;

        fn pair() -> ([Self; 2], String) {
            let folder = Rc::new(tempfile::tempdir().expect("a folder"));
            let pair = [(), ()].map(|()| Self {
                session: Session::start(),
                folder: Rc::clone(&folder),
            });
            let made = pair[0].couchkey(&["init"], "");
            assert_eq!(made.code, Some(0), "{}", made.stderr);
            let lines = made.stdout.lines().filter(|line| line.starts_with("    "));
            let key = lines.map(str::trim).collect::<Vec<_>>().join("-");
            let accounts = (0..ACCOUNTS).map(uri).collect::<Vec<_>>().join("\n");
            pair[0].changes(&["add", "-"], &accounts);
            let keyring = pair[0].session.copy_keyring();
            pair[1].session.put_keyring_back(&keyring);
            (pair, key)
        }

        /// Every command is a process of its own.
        fn runs(&self) -> bool {
            false
        }

        fn end(&mut self) {}

        fn look(&mut self, key: &str) -> Option<View> {
            let mut list = self.couchkey(&["list"], "");
            let mut said = std::mem::take(&mut list.stderr);
            if said.contains("There is no vault here") {
                return None;
            }
            let recovered = list.code == Some(3);
            if recovered {
                let back = self.couchkey(&["recover"], &format!("{key}\n"));
                assert_eq!(back.code, Some(0), "{}", back.stderr);
                said.push_str(&back.stderr);
                list = self.couchkey(&["list"], "");
                said.push_str(&list.stderr);
            }
            let is_marked = said.contains("couchkey seen");
            let expected = match said.contains("note: Accounts may be missing") {
                true => 1,
                false => 0,
            };
            assert_eq!(list.code, Some(expected), "{said}");
            assert!(!said.contains("cannot be read"), "{said}");
            let trash = self.couchkey(&["--json", "trash"], "");
            let trash: Value = serde_json::from_str(&trash.stdout).expect("JSON");
            let trash = trash.as_array().expect("a list").iter();
            Some(View {
                accounts: list.stdout.lines().map(row).collect(),
                trash: trash
                    .map(|row| row["account"].as_str().expect("a name").to_owned())
                    .collect(),
                says_missing: said.contains("may be missing") || said.contains("is missing"),
                is_marked,
                says_nothing_missing: said.contains("Every account that either copy knows"),
                put_together: said.contains("They were put together"),
                recovered,
            })
        }

        fn seen(&mut self) {
            self.changes(&["seen"], "");
        }

        fn add(&mut self, uri: &str) {
            self.changes(&["add", "-"], uri);
        }

        fn edit(&mut self, id: &str, note: &str) {
            self.changes(&["edit", id, "--note", note], "");
        }

        fn remove(&mut self, id: &str) {
            self.changes(&["remove", id], "");
        }

        fn keyring(&self) -> KeyringCopy {
            self.session.copy_keyring()
        }

        fn put_keyring_back(&mut self, copy: &KeyringCopy) {
            self.session.put_keyring_back(copy);
        }

        fn wipe_keyring(&mut self) {
            self.session.wipe_keyring();
        }

        fn folder(&self) -> Self::Folder {
            let entries = fs::read_dir(self.vault()).into_iter().flatten();
            entries
                .map(|entry| entry.expect("it can be read").path())
                .filter(|path| path.is_file())
                .map(|path| {
                    let bytes = fs::read(&path).expect("it can be read");
                    (path, bytes)
                })
                .collect()
        }

        fn put_folder_back(&mut self, copy: &Self::Folder) {
            self.wipe_folder();
            fs::create_dir(self.vault()).expect("it was wiped");
            for (path, bytes) in copy {
                fs::write(path, bytes).expect("it can be written");
            }
        }

        fn wipe_folder(&mut self) {
            let _ = fs::remove_dir_all(self.vault());
        }
    }

    /// Code, id, name and what else there is to say, in columns.
    fn row(line: &str) -> Row {
        let mut columns = line.split("   ").map(str::trim).filter(|c| !c.is_empty());
        let mut column = || columns.next().unwrap_or_default().to_owned();
        let (_, id, name, rest) = (column(), column(), column(), column());
        let account = name.split(" · ").nth(1).expect("service and account");
        let words = rest.split(", ").filter(|word| *word != "came back");
        Row {
            id,
            account: account.to_owned(),
            note: words.collect::<Vec<_>>().join(", "),
        }
    }
}

/// A computer, and what is known of it.
struct Known<C: Computer> {
    computer: C,
    /// What its keyring has.
    keyring: Content,
    /// What it has ever shown or acknowledged.
    shown: Content,
    copies: Vec<(C::Keyring, Content)>,
}

struct World<C: Computer> {
    rng: StdRng,
    computers: [Known<C>; 2],
    /// What the folder has.
    folder: Content,
    copies: Vec<(C::Folder, Content)>,
    key: String,
    next: usize,
    log: Vec<String>,
}

/// What was seen in all of them.
#[derive(Default, Debug)]
struct Seen {
    openings: u64,
    recovered: u64,
    missing_and_said: u64,
    put_together: u64,
    looked: u64,
}

impl<C: Computer> World<C> {
    fn new(seed: u64) -> Self {
        let (pair, key) = C::pair();
        let content: Content = (0..ACCOUNTS)
            .map(|n| (format!("person{n}"), (0, BTreeSet::from([String::new()]))))
            .collect();
        let folder = pair[0].folder();
        let computers = pair.map(|computer| Known {
            keyring: content.clone(),
            shown: content.clone(),
            copies: vec![(computer.keyring(), content.clone())],
            computer,
        });
        Self {
            rng: StdRng::seed_from_u64(seed),
            copies: vec![(folder, content.clone())],
            computers,
            folder: content,
            key,
            next: ACCOUNTS,
            log: Vec::new(),
        }
    }

    /// Opens the vault on one of them, or takes the process that is running there, and looks at what it shows. `None`:
    /// nothing is left that this computer could open.
    fn open(&mut self, at: usize, seen: &mut Seen) -> Option<(View, Content)> {
        let known = &mut self.computers[at];
        // A program that runs while both places are wiped says so at its next change; here that is the end.
        let nothing_left = self.folder.is_empty() && known.keyring.is_empty();
        if nothing_left || self.rng.random_bool(0.5) {
            known.computer.end();
        }
        let expected = together(&self.folder, &known.keyring);
        let fresh = !known.computer.runs();
        let Some(view) = known.computer.look(&self.key) else {
            assert!(
                self.folder.is_empty(),
                "no vault at {at} although the folder has it: {:?}",
                self.log
            );
            return None;
        };
        seen.openings += u64::from(fresh);
        seen.recovered += u64::from(view.recovered);
        let mut content = Content::new();
        for row in &view.accounts {
            let rev = expected.get(&row.account).map_or(0, |known| known.0);
            let notes = content
                .entry(row.account.clone())
                .or_insert((rev, BTreeSet::new()));
            notes.1.insert(row.note.clone());
        }
        for (name, (rev, notes)) in &expected {
            match content.get_mut(name) {
                // Another version of it may be there, which nobody sees.
                Some((_, here)) if view.trash.contains(name) => here.extend(notes.iter().cloned()),
                Some((_, here)) => assert!(
                    notes.is_subset(here),
                    "{name} lost a change of the latest: {notes:?}, not {here:?}; {:?}",
                    self.log
                ),
                None => {
                    assert!(
                        view.trash.contains(name),
                        "{name} is in one of the places and missing at {at}: {:?}",
                        self.log
                    );
                    content.insert(name.clone(), (*rev, notes.clone()));
                }
            }
        }
        for name in &view.trash {
            content.entry(name.clone()).or_insert((0, BTreeSet::new()));
        }
        if !has_all(&content, &known.shown) {
            assert!(
                view.says_missing && !view.says_nothing_missing,
                "{:?} shows {content:?} at {at} without a word (or with a wrong one: {}): {:?}",
                known.shown,
                view.says_nothing_missing,
                self.log
            );
            seen.missing_and_said += 1;
        }
        seen.put_together += u64::from(fresh && view.put_together);
        known.shown = content.clone();
        Some((view, content))
    }

    /// After an opening or a change either place alone is whole.
    fn both_have(&mut self, at: usize, content: Content) {
        self.computers[at].shown = content.clone();
        self.computers[at].keyring = content.clone();
        self.folder = content;
    }

    /// The person looks at one computer: what is nowhere any more is known to be missing, and not said on the other.
    fn look_over(&mut self, at: usize, content: &Content, seen: &mut Seen) {
        self.computers[at].computer.seen();
        let other = &mut self.computers[1 - at];
        let there = together(content, &other.keyring);
        for (name, (rev, notes)) in std::mem::take(&mut other.shown) {
            let one = Content::from([(name, (rev, notes))]);
            match has_all(&there, &one) {
                true => other.shown.extend(one),
                false => {
                    let left = one.into_keys();
                    let left = left.filter_map(|name| there.get_key_value(&name));
                    let left = left.map(|(name, now)| (name.clone(), now.clone()));
                    other.shown.extend(left);
                }
            }
        }
        self.log.push(format!("the person looks at {at}"));
        seen.looked += 1;
    }

    fn change(&mut self, at: usize, seen: &mut Seen) -> bool {
        let Some((view, mut content)) = self.open(at, seen) else {
            return false;
        };
        let list = view.accounts;
        let what = self.rng.random_range(0..4);
        let row = (!list.is_empty()).then(|| &list[self.rng.random_range(0..list.len())]);
        // Two versions of one account are two accounts of one name, and not told apart here.
        let alone = |row: &&Row| {
            let same = |other: &&Row| other.account == row.account;
            list.iter().filter(same).count() == 1
        };
        let row = row.filter(alone);
        if view.is_marked && self.rng.random_bool(0.3) {
            self.look_over(at, &content, seen);
        }
        let computer = &mut self.computers[at].computer;
        match (what, row) {
            (0, Some(row)) => {
                let note = format!("note {}", self.next);
                self.next += 1;
                computer.edit(&row.id, &note);
                let known = content.get_mut(&row.account).expect("it is shown");
                *known = (known.0 + 1, BTreeSet::from([note]));
                self.log.push(format!("{at} edits {}", row.account));
            }
            (1, Some(row)) => {
                computer.remove(&row.id);
                self.log.push(format!("{at} removes {}", row.account));
            }
            _ => {
                let n = self.next;
                self.next += 1;
                computer.add(&uri(n));
                content.insert(format!("person{n}"), (0, BTreeSet::from([String::new()])));
                self.log.push(format!("{at} adds person{n}"));
            }
        }
        self.both_have(at, content);
        true
    }

    /// Whether each computer would still find somewhere what it has shown.
    fn would_be_said(&self, folder: &Content, keyrings: [&Content; 2]) -> bool {
        self.computers
            .iter()
            .zip(keyrings)
            .all(|(known, keyring)| has_all(&together(folder, keyring), &known.shown))
    }

    /// One step; `false` when nothing is left.
    fn step(&mut self, seen: &mut Seen) -> bool {
        let at = self.rng.random_range(0..2);
        let keyrings = [&self.computers[0].keyring, &self.computers[1].keyring];
        match self.rng.random_range(0..10) {
            0 => {
                let (copy, content) =
                    self.copies[self.rng.random_range(0..self.copies.len())].clone();
                // Both places rolled back together are what they were: the threat model says so.
                if self.would_be_said(&content, keyrings) {
                    self.computers[0].computer.put_folder_back(&copy);
                    self.log.push("the folder is put back".to_owned());
                    self.folder = content;
                }
            }
            1 => {
                let copies = &self.computers[at].copies;
                let (copy, content) = copies[self.rng.random_range(0..copies.len())].clone();
                let mut then = keyrings;
                then[at] = &content;
                if self.would_be_said(&self.folder, then) {
                    let known = &mut self.computers[at];
                    // A program that runs does not look at the keyring before its next change.
                    known.computer.end();
                    known.computer.put_keyring_back(&copy);
                    known.keyring = content;
                    self.log.push(format!("the keyring of {at} is put back"));
                }
            }
            2 if self.rng.random_bool(0.5) => {
                self.computers[0].computer.wipe_folder();
                self.log.push("the folder is wiped".to_owned());
                self.folder = Content::new();
            }
            3 if self.rng.random_bool(0.5) => {
                self.computers[at].computer.wipe_keyring();
                self.log.push(format!("the keyring of {at} is wiped"));
                self.computers[at].keyring = Content::new();
            }
            4 => {
                let copy = (self.computers[0].computer.folder(), self.folder.clone());
                self.copies.push(copy);
                let known = &mut self.computers[at];
                let copy = (known.computer.keyring(), known.keyring.clone());
                known.copies.push(copy);
            }
            5 => {
                self.computers[at].computer.end();
                self.log.push(format!("{at} starts again"));
                let Some((_, content)) = self.open(at, seen) else {
                    return false;
                };
                self.both_have(at, content);
            }
            _ => return self.change(at, seen),
        }
        true
    }
}

/// Steps taken, schedules that ended with nothing left, and what was seen.
fn run<C: Computer>(seeds: impl Iterator<Item = u64>, steps: usize) -> (u64, u64, Seen) {
    let mut seen = Seen::default();
    let (mut taken, mut ended) = (0, 0);
    for seed in seeds {
        let mut world = World::<C>::new(seed);
        for _ in 0..steps {
            taken += 1;
            if !world.step(&mut seen) {
                ended += 1;
                break;
            }
        }
    }
    (taken, ended, seen)
}

/// The schedule that 10,000 found: each step alone is harmless.
#[test]
fn a_folder_that_another_computer_made_again_from_its_keyring_is_said_on_this_one_too() {
    let one = Machine::new();
    let app = one.start();
    app.create_vault(None).expect("a fresh machine");
    for n in 0..2 {
        add(&app, &uri(n)).expect("it can be written");
    }
    let two = one.beside();
    let old = one.keyring.snapshot();
    two.keyring.restore(old.clone());
    add(&app, &uri(2)).expect("it can be written");
    drop(app);
    one.keyring.restore(old);
    one.file.wipe();
    let said = |app: &Authenticator| app.status().notices.contains(&Notice::FileRebuilt);
    assert!(said(&two.start_open()), "where the files were made again");
    for start in 0..2 {
        let app = one.start_open();
        assert_eq!(names(&app), ["person0", "person1"], "one is missing");
        let notices = app.status().notices;
        assert!(said(&app), "start {start}: {notices:?}");
        assert!(!notices.contains(&Notice::NothingMissing), "{notices:?}");
    }
    assert!(said(&two.start_open()), "until somebody has looked");
    let app = one.start_open();
    app.seen().expect("it can be written");
    assert!(!said(&app) && !said(&two.start_open()), "then nowhere");
}

#[test]
fn two_computers_on_one_folder_lose_nothing_without_a_word() {
    let number = |name| {
        env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let schedules = number("COUCHKEY_SCHEDULES").unwrap_or(SCHEDULES);
    let from: u64 = number("COUCHKEY_SCHEDULES_FROM").unwrap_or(0);
    let (steps, ended, seen) = run::<InMemory>(from..from + schedules, STEPS);
    println!("{schedules} schedules, {steps} steps, {ended} with nothing left: {seen:?}");
    assert!(
        seen.put_together > schedules / 20,
        "they did go apart: {seen:?}"
    );
    assert!(
        seen.recovered > schedules / 20,
        "keyrings were wiped: {seen:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_dozen_schedules_with_real_programs_real_keyrings_and_a_real_folder_lose_nothing_either() {
    let (steps, ended, seen) = run::<real::Desktop>(0..REAL_SCHEDULES, REAL_STEPS);
    println!("{REAL_SCHEDULES} real schedules, {steps} steps, {ended} with nothing left: {seen:?}");
    assert!(
        seen.recovered > 0 && seen.put_together > 0,
        "wiped and apart: {seen:?}"
    );
}
