//! The thread, its bound, and the file keyring; the real Secret Service is met in the package couchkey-tests.

use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, channel};
use std::thread::ThreadId;
use std::time::Instant;

use tempfile::TempDir;

use super::*;

/// What each call of a [`Puppet`] does.
enum Act {
    Answer,
    /// Waits until the test lets go of the other end.
    Hang(Receiver<()>),
    Fail(KeyringError),
    Stale(KeyringError),
    Panic,
}

/// A store that does what the test says, call by call, and then answers.
#[derive(Default)]
struct Stage {
    acts: Mutex<Vec<Act>>,
    opens: AtomicUsize,
    calls: AtomicUsize,
    threads: Mutex<Vec<ThreadId>>,
}

struct Puppet(Arc<Stage>);

impl Puppet {
    fn act(&self) -> Result<(), Failure> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        lock(&self.0.threads).push(thread::current().id());
        let act = {
            let mut acts = lock(&self.0.acts);
            if acts.is_empty() {
                Act::Answer
            } else {
                acts.remove(0)
            }
        };
        match act {
            Act::Answer => Ok(()),
            Act::Hang(until) => {
                let _ = until.recv();
                Ok(())
            }
            Act::Fail(error) => Err(error.into()),
            Act::Stale(error) => Err(Failure { error, stale: true }),
            Act::Panic => panic!("the system's library panics (this test wants it to)"),
        }
    }
}

impl Store for Puppet {
    fn get(&mut self, _entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        self.act().map(|()| None)
    }

    fn set(&mut self, _entry: &str, _text: &[u8]) -> Result<(), Failure> {
        self.act()
    }

    fn delete(&mut self, _entry: &str) -> Result<(), Failure> {
        self.act()
    }

    fn state(&mut self) -> Result<KeyringState, Failure> {
        self.act().map(|()| KeyringState::Ready)
    }
}

/// Longer than a busy machine makes anything take that does answer.
const PATIENCE: Duration = Duration::from_secs(30);

fn fresh() -> &'static Mutex<GivenUp> {
    Box::leak(Box::default())
}

fn perform(acts: Vec<Act>) -> (Arc<Stage>, SystemKeyring) {
    let stage = Arc::new(Stage {
        acts: Mutex::new(acts),
        ..Stage::default()
    });
    let theirs = stage.clone();
    let keyring = SystemKeyring::connect_with(PATIENCE, fresh(), move || {
        theirs.opens.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Puppet(theirs.clone())))
    })
    .unwrap();
    (stage, keyring)
}

/// Asks again and again until it is so.
fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::yield_now();
    }
}

#[test]
fn a_keyring_that_waits_for_a_person_is_given_up_and_not_asked_again_until_it_is_back() {
    let (answer, until) = channel();
    let (stage, mut keyring) = perform(vec![Act::Hang(until)]);
    keyring.timeout = Duration::from_millis(50);
    assert_eq!(
        keyring.get("x"),
        Err(KeyringError::TimedOut),
        "nobody answers"
    );
    keyring.timeout = PATIENCE;
    let asked = Instant::now();
    for call in 0..5 {
        assert_eq!(
            keyring.set("x", b"y"),
            Err(KeyringError::TimedOut),
            "still nobody, call {call}"
        );
    }
    assert!(asked.elapsed() < PATIENCE, "these did not wait at all");
    drop(answer);
    eventually("the person's answer is seen", || {
        keyring.delete("x") != Err(KeyringError::TimedOut)
    });
    assert_eq!(
        stage.calls.load(Ordering::SeqCst),
        2,
        "the one that waited and the last: those in between did not queue behind it"
    );
    let threads = lock(&stage.threads);
    assert_eq!(threads[0], threads[1], "there was never a second thread");
}

#[test]
fn a_dropped_keyring_that_still_waits_keeps_the_next_from_adding_a_thread() {
    let (answer, until) = channel::<()>();
    let until = Mutex::new(Some(until));
    let opens = Arc::new(AtomicUsize::new(0));
    let counted = opens.clone();
    let open = move || -> Result<Box<dyn Store>, Failure> {
        counted.fetch_add(1, Ordering::SeqCst);
        if let Some(until) = lock(&until).take() {
            let _ = until.recv();
        }
        Ok(Box::new(Puppet(Arc::default())))
    };
    let open = Arc::new(open);
    let given_up = fresh();
    let connect = || {
        let open = open.clone();
        SystemKeyring::connect_with(Duration::from_millis(50), given_up, move || open()).map(drop)
    };
    for attempt in 0..3 {
        assert_eq!(connect(), Err(KeyringError::TimedOut), "attempt {attempt}");
    }
    assert!(
        opens.load(Ordering::SeqCst) <= 1,
        "one thread asks, and the later attempts did not add to it"
    );
    drop(answer);
    eventually("the bus is back", || connect() == Ok(()));
}

#[test]
fn a_dead_connection_is_made_anew_once_and_the_call_repeated() {
    let gone = KeyringError::Unavailable;
    let (stage, keyring) = perform(vec![Act::Stale(gone)]);
    assert_eq!(keyring.get("x"), Ok(None), "the service was restarted");
    assert_eq!(stage.opens.load(Ordering::SeqCst), 2, "at first, and again");

    let (stage, keyring) = perform(vec![Act::Stale(gone), Act::Stale(gone)]);
    assert_eq!(keyring.get("x"), Err(gone), "and it is not tried for ever");
    assert_eq!(stage.calls.load(Ordering::SeqCst), 2, "twice");
}

#[test]
fn an_ordinary_failure_is_told_and_not_repeated() {
    let (stage, keyring) = perform(vec![Act::Fail(KeyringError::Denied)]);
    assert_eq!(
        keyring.set("x", b"y"),
        Err(KeyringError::Denied),
        "somebody said no"
    );
    assert_eq!(
        stage.calls.load(Ordering::SeqCst),
        1,
        "nobody is asked twice"
    );
    assert_eq!(
        stage.opens.load(Ordering::SeqCst),
        1,
        "the connection is good"
    );
}

#[test]
fn a_panic_in_the_systems_library_is_a_failure_and_the_next_call_works() {
    let (stage, keyring) = perform(vec![Act::Panic]);
    assert_eq!(keyring.get("x"), Err(KeyringError::Failed), "it panicked");
    assert_eq!(keyring.get("x"), Ok(None), "on a new connection");
    assert_eq!(stage.opens.load(Ordering::SeqCst), 2, "at first, and again");
}

#[test]
fn a_keyring_that_cannot_be_opened_says_why() {
    let connect = |error: KeyringError| {
        SystemKeyring::connect_with(PATIENCE, fresh(), move || Err(error.into())).map(drop)
    };
    for error in [KeyringError::Unavailable, KeyringError::Locked] {
        assert_eq!(connect(error), Err(error), "as the store said it");
    }
}

#[test]
fn text_that_some_keyring_could_not_keep_is_kept_by_none() {
    let (stage, system) = perform(vec![]);
    let home = TempDir::new().unwrap();
    let files = FileKeyring::new(home.path());
    for keyring in [&system as &dyn Keyring, &files] {
        let most = [b'x'; LONGEST_ENTRY];
        assert_eq!(keyring.set("x", &most), Ok(()), "as long as it takes");
        let more = [b'x'; LONGEST_ENTRY + 1];
        assert_eq!(
            keyring.set("x", &more),
            Err(KeyringError::TooLong),
            "a byte more"
        );
        assert_eq!(
            keyring.set("x", &[0xff]),
            Err(KeyringError::Failed),
            "KDE's wallet keeps text only"
        );
    }
    assert_eq!(
        stage.calls.load(Ordering::SeqCst),
        1,
        "only the good one reached the system"
    );
    assert_eq!(
        files.get("x").unwrap().unwrap().len(),
        LONGEST_ENTRY,
        "and it is still there"
    );
}

#[test]
fn the_file_keyring_gives_back_what_it_was_given() {
    let home = TempDir::new().unwrap();
    let keyring = FileKeyring::new(home.path());
    assert_eq!(keyring.get("a/head"), Ok(None), "nothing yet");
    assert_eq!(keyring.delete("a/head"), Ok(()), "nothing to remove");
    assert!(
        !home.path().join("keyring").exists(),
        "looking leaves no trace"
    );
    keyring.set("a/head", b"one").unwrap();
    keyring.set("A/head", b"other case").unwrap();
    keyring.set("a/head", b"two").unwrap();
    let read = |entry: &str| FileKeyring::new(home.path()).get(entry).unwrap();
    assert_eq!(
        read("a/head").unwrap().as_slice(),
        b"two",
        "replaced, and seen by another handle"
    );
    assert_eq!(
        read("A/head").unwrap().as_slice(),
        b"other case",
        "also where file names have no case"
    );
    keyring.delete("a/head").unwrap();
    assert_eq!(read("a/head"), None, "removed");
    assert!(read("A/head").is_some(), "the other one stays");
}

#[test]
fn no_entry_name_leads_out_of_the_file_keyring() {
    let home = TempDir::new().unwrap();
    let keyring = FileKeyring::new(home.path());
    let names = [
        "../outside",
        "/etc/passwd",
        "..",
        ".",
        "",
        "con",
        "a\0b",
        "ä",
    ];
    for name in names {
        keyring
            .set(name, name.len().to_string().as_bytes())
            .unwrap();
    }
    for name in names {
        assert_eq!(
            keyring.get(name).unwrap().unwrap().as_slice(),
            name.len().to_string().as_bytes(),
            "{name:?} is an entry like any other"
        );
    }
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        1,
        "nothing but the folder `keyring` was made"
    );
    assert_eq!(
        keyring.set(&"x".repeat(LONGEST_NAME + 1), b"y"),
        Err(KeyringError::TooLong),
        "no file has such a long name"
    );
}

#[test]
fn the_file_keyring_never_holds_a_device_key() {
    let home = TempDir::new().unwrap();
    let keyring = FileKeyring::new(home.path());
    assert_eq!(
        keyring.set("00ff/device-key", b"a2V5"),
        Err(KeyringError::Denied),
        "beside the vault it would open the vault for everybody"
    );
    assert_eq!(keyring.get("00ff/device-key"), Ok(None), "nothing was kept");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file_keyring_and_no_link_is_followed() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = TempDir::new().unwrap();
    let keyring = FileKeyring::new(home.path());
    keyring.set("a", b"x").unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(home.path().join("keyring")), 0o700, "the folder");
    assert_eq!(mode(keyring.path("a").unwrap()), 0o600, "an entry");

    let elsewhere = home.path().join("elsewhere");
    std::fs::write(&elsewhere, b"theirs").unwrap();
    symlink(&elsewhere, keyring.path("b").unwrap()).unwrap();
    assert_eq!(
        keyring.get("b"),
        Ok(Some(Zeroizing::default())),
        "a link is a damaged entry: nothing of what it leads to, and not an absent one"
    );
    assert!(
        keyring.set("b", b"ours").is_err(),
        "nor is it written through"
    );
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"theirs", "untouched");
}
