//! The real Secret Service in every state it can be in. What each state must answer is `KeyringError`'s own promise.

use std::collections::HashMap;

use couchkey_tests::desktop::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use zbus::blocking::Proxy;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::played::{Person, Played, Stage};
use super::*;

const ABSENT: &str = "Ok(None)";
const DONE: &str = "Ok(())";
const LOCKED: &str = "Err(Locked)";
const DENIED: &str = "Err(Denied)";
const UNAVAILABLE: &str = "Err(Unavailable)";
const TIMED_OUT: &str = "Err(TimedOut)";

fn text(text: &str) -> String {
    format!("Ok(Some({text:?}))")
}

#[test]
fn what_is_set_is_read_again_by_another_process() {
    let session = Session::start();
    let mut writer = Adapter::connected(&session, LONG);
    assert_eq!(writer.ask("state"), "Ok(Ready)", "open");
    assert_eq!(writer.ask("get 00ff/head"), ABSENT, "nothing yet");
    assert_eq!(writer.ask("delete 00ff/head"), DONE, "nothing to remove");
    assert_eq!(writer.ask("set 00ff/head b25l"), DONE, "made");
    assert_eq!(writer.ask("set 00ff/head dHdv"), DONE, "replaced");
    assert_eq!(writer.ask("set 00ff/bundle-1.a aXRlbXM="), DONE, "another");

    let mut reader = Adapter::connected(&session, LONG);
    assert_eq!(reader.ask("get 00ff/head"), text("dHdv"), "the new one");
    assert_eq!(reader.ask("delete 00ff/head"), DONE, "removed");
    assert_eq!(writer.ask("get 00ff/head"), ABSENT, "for everybody");
    assert_eq!(
        writer.ask("get 00ff/bundle-1.a"),
        text("aXRlbXM="),
        "the other one stays"
    );
}

#[test]
fn an_entry_says_whose_it_is_to_whoever_looks_into_the_keyring() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set 00ff/head dHdv"), DONE, "made");
    let [entry] = session.every_secret().try_into().expect("one entry, once");
    assert_eq!(entry.label, "Couchkey: 00ff/head", "words for people");
    assert_eq!(entry.attributes["service"], "couchkey", "the service");
    assert_eq!(
        entry.attributes["username"], "00ff/head",
        "the entry's name"
    );
    assert_eq!(entry.bytes, b"dHdv", "as it was given");
}

#[test]
fn the_largest_entry_fits_and_a_larger_one_is_refused_whole() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    let largest = "x".repeat(65_536);
    assert_eq!(
        adapter.ask(&format!("set a {largest}")),
        DONE,
        "65,536 bytes"
    );
    assert_eq!(
        adapter.ask(&format!("set a {largest}x")),
        "Err(TooLong)",
        "65,537 bytes"
    );
    assert_eq!(adapter.ask("get a"), text(&largest), "the old one is whole");
}

#[test]
fn a_locked_keyring_is_locked_and_never_without_the_entry() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made while it was open");
    session.lock_keyring();
    for order in [
        "get a",
        "get never-set",
        "set a dHdv",
        "set b dHdv",
        "delete a",
        "delete b",
    ] {
        assert_eq!(adapter.ask(order), LOCKED, "nobody can be asked: {order}");
    }
    assert_eq!(adapter.ask("state"), "Ok(Locked)", "and it can be told");

    let mut newcomer = Adapter::connected(&session, LONG);
    assert_eq!(newcomer.ask("get a"), LOCKED, "connecting unlocks nothing");

    session.unlock_keyring();
    assert_eq!(adapter.ask("get a"), text("b25l"), "nothing was changed");
    assert_eq!(adapter.ask("get b"), ABSENT, "nothing was made");
}

#[test]
fn a_keyring_that_is_locked_from_the_start_is_locked() {
    let session = Session::builder().locked_keyring().start();
    let mut adapter = Adapter::connected(&session, LONG);
    for order in ["get a", "set a b25l", "delete a"] {
        assert_eq!(adapter.ask(order), LOCKED, "{order}");
    }
}

#[test]
fn a_locked_keyring_that_asks_a_person_is_waited_for_with_a_bound() {
    let session = Session::builder().with_display().with_prompter().start();
    let mut adapter = Adapter::connected(&session, SHORT);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made while it was open");
    session.lock_keyring();
    assert_eq!(adapter.ask("get a"), TIMED_OUT, "nobody answers");
    assert_eq!(adapter.ask("get a"), TIMED_OUT, "and at once from then on");
    assert_eq!(adapter.ask("set a dHdv"), TIMED_OUT, "whatever is asked");

    session.answer_prompt(&["Escape"]);
    wait_until("the dismissed dialog to be heard of", PATIENCE, || {
        adapter.ask("state") == "Ok(Locked)"
    });
    session.unlock_keyring();
    assert_eq!(adapter.ask("get a"), text("b25l"), "it is back, and whole");
}

#[test]
fn a_dismissed_prompt_is_a_no() {
    let session = Session::builder().with_display().with_prompter().start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made while it was open");
    session.lock_keyring();
    adapter.tell("get a");
    session.answer_prompt(&["Escape"]);
    assert_eq!(adapter.answer(), DENIED, "somebody said no");
    for order in ["get a", "set b dHdv"] {
        assert_eq!(
            adapter.ask(order),
            DENIED,
            "and is not asked again right away: {order}"
        );
    }
}

#[test]
fn a_prompt_that_is_answered_opens_the_entry() {
    let session = Session::builder().with_display().with_prompter().start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made while it was open");
    session.lock_keyring();
    adapter.tell("get a");
    session.answer_prompt(&["s", "o", "f", "a", "Return"]);
    assert_eq!(adapter.answer(), text("b25l"), "unlocked by its password");
}

#[test]
fn no_session_bus_is_unavailable() {
    let session = Session::builder().without_bus().start();
    assert_eq!(
        Adapter::keyring(&session, LONG).answer(),
        UNAVAILABLE,
        "no address and no socket"
    );
    let mut command = session.command(Adapter::program());
    command.args(["keyring", LONG]).env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}/gone", session.home().display()),
    );
    assert_eq!(
        Adapter::start(command).answer(),
        UNAVAILABLE,
        "an address where nobody listens"
    );
}

#[test]
fn a_bus_without_a_provider_is_unavailable() {
    let session = Session::builder().without_keyring().start();
    assert_eq!(
        Adapter::keyring(&session, LONG).answer(),
        UNAVAILABLE,
        "nobody keeps secrets here"
    );
}

#[test]
fn a_bus_that_does_not_answer_is_given_up() {
    let session = Session::builder().without_bus().start();
    let socket = session.home().join("mute");
    // Takes the connection and never says a word.
    let _mute = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mut command = session.command(Adapter::program());
    command.args(["keyring", SHORT]).env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", socket.display()),
    );
    assert_eq!(
        Adapter::start(command).answer(),
        TIMED_OUT,
        "within our bound"
    );
}

#[test]
fn with_only_a_session_collection_and_nobody_to_ask_there_is_no_keyring() {
    let without_display = Session::builder().without_keyring().start();
    // As in WSL: a display, and no program that would show GNOME Keyring's questions on it.
    let without_prompter = Session::builder().without_keyring().with_display().start();
    for session in [without_display, without_prompter] {
        session.start_keyring_locked();
        assert_eq!(
            Adapter::keyring(&session, LONG).answer(),
            UNAVAILABLE,
            "nobody can be asked for a new keyring's password"
        );
    }
}

#[test]
fn before_any_keyring_was_made_nothing_is_there() {
    let session = Session::builder()
        .without_keyring()
        .with_display()
        .with_prompter()
        .start();
    session.start_keyring_locked();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("state"), "Ok(NoneYet)", "it can be told");
    assert_eq!(adapter.ask("get a"), ABSENT, "truly: there is no keyring");
    assert_eq!(adapter.ask("delete a"), DONE, "nothing to remove");
}

#[test]
fn the_first_keyring_is_made_when_somebody_gives_it_a_password() {
    let session = Session::builder()
        .without_keyring()
        .with_display()
        .with_prompter()
        .start();
    session.start_keyring_locked();
    let mut adapter = Adapter::connected(&session, LONG);
    adapter.tell("set a b25l");
    session.answer_prompt(&["s", "o", "f", "a", "Tab", "s", "o", "f", "a", "Return"]);
    assert_eq!(adapter.answer(), DONE, "made, and written");
    assert_eq!(adapter.ask("get a"), text("b25l"), "it is there");
    assert_eq!(adapter.ask("state"), "Ok(Ready)", "and used from now on");
    assert_eq!(
        session.default_collection(),
        None,
        "what other programs write goes where it went before"
    );
    assert_eq!(
        Adapter::connected(&session, LONG).ask("get a"),
        text("b25l"),
        "another start finds it"
    );
}

/// One that keeps things for whoever has been allowed to read them, with three of ours in it.
fn with_three_of_ours() -> Stage {
    let stage = Stage {
        collections: vec!["Passwords".to_owned()],
        default: Some(0),
        confirms: true,
        ..Stage::default()
    };
    stage
        .with_entry("a", "b25l")
        .with_entry("b", "dHdv")
        .with_entry("c", "dHJlZQ==")
}

#[test]
fn a_keyring_that_asks_for_each_entry_is_asked_for_all_of_them_at_once() {
    let session = Session::builder().without_keyring().with_display().start();
    let keyring = Played::start(&session, Person::Allows, with_three_of_ours());
    for start in 1..=2 {
        let mut adapter = Adapter::connected(&session, LONG);
        assert_eq!(adapter.ask("get a"), text("b25l"));
        assert_eq!(adapter.ask("get b"), text("dHdv"));
        assert_eq!(adapter.ask("set c b25l"), DONE);
        assert_eq!(adapter.ask("get never-set"), ABSENT);
        assert_eq!(adapter.ask("set d dHdv"), DONE);
        assert_eq!(adapter.ask("delete d"), DONE);
        assert_eq!(
            keyring.stage().windows,
            start,
            "one question a program start"
        );
    }
}

#[test]
fn whoever_allows_nothing_is_not_asked_for_each_entry() {
    for person in [Person::Refuses, Person::AllowsNothing] {
        let session = Session::builder().without_keyring().with_display().start();
        let keyring = Played::start(&session, person, with_three_of_ours());
        let mut adapter = Adapter::connected(&session, LONG);
        for order in ["get a", "get b", "set c b25l", "delete a"] {
            assert_eq!(adapter.ask(order), DENIED, "{person:?}: {order}");
        }
        let windows = keyring.stage().windows;
        assert!(windows < 4, "{person:?}: not at each step, but {windows}");
    }
}

#[test]
fn a_keyring_whose_window_nobody_sees_is_asked_once_and_given_up() {
    let session = Session::builder().without_keyring().with_display().start();
    let keyring = Played::start(&session, Person::IsAway, with_three_of_ours());
    let mut adapter = Adapter::connected(&session, SHORT);
    for order in ["get a", "get b", "set c b25l", "state"] {
        assert_eq!(adapter.ask(order), TIMED_OUT, "{order}");
    }
    assert_eq!(keyring.stage().windows, 1, "one window");
}

/// KeePassXC whose database shows no group to other programs: it would make a new database, and opens a window for it.
#[test]
fn keepassxc_without_a_group_is_waited_for_once_and_its_setting_is_named() {
    let session = Session::builder().without_keyring().with_display().start();
    let keyring = Played::start(&session, Person::IsAway, Stage::default());
    let mut init = session.command(couchkey_tests::desktop::cli());
    init.arg("init").stdin(Stdio::null());
    let output = init.output().expect("it is built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in [
        "Waiting for the keyring program: look for its window.",
        "error: The keyring program did not answer: look for its window.",
        "In KeePassXC, turn on Secret Service Integration",
        "couchkey init --keyring file",
    ] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert!(!said.contains("login password"), "that is no cure: {said}");
    assert_eq!(keyring.stage().windows, 1, "one window");
}

#[test]
fn a_new_wallet_is_made_nobodys_default() {
    let session = Session::builder().without_keyring().with_display().start();
    let keyring = Played::start(&session, Person::Allows, Stage::default());
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("state"), "Ok(NoneYet)", "no wallet yet");
    assert_eq!(adapter.ask("set a b25l"), DONE, "made, and written");
    assert_eq!(adapter.ask("set b dHdv"), DONE, "into the same one");
    assert_eq!(
        Adapter::connected(&session, LONG).ask("get a"),
        text("b25l"),
        "another start finds it"
    );
    let stage = keyring.stage();
    assert_eq!(stage.collections, ["Couchkey"], "one wallet, ours");
    assert!(stage.aliases.is_empty(), "{:?}", stage.aliases);
    assert_eq!(stage.windows, 1, "its password was asked for once");
}

#[test]
fn where_no_collection_is_the_default_ours_is_used_and_else_the_only_one() {
    let session = Session::builder().without_keyring().with_display().start();
    for (collections, used) in [
        (&["Passwords"][..], "Passwords"),
        (&["Work", "Couchkey", "Home"], "Couchkey"),
        (&["Work", "Home"], "Couchkey"),
    ] {
        let stage = Stage {
            collections: collections.iter().map(ToString::to_string).collect(),
            ..Stage::default()
        };
        let keyring = Played::start(&session, Person::Allows, stage);
        let mut adapter = Adapter::connected(&session, LONG);
        assert_eq!(adapter.ask("set a b25l"), DONE, "{collections:?}");
        assert_eq!(adapter.ask("get a"), text("b25l"), "{collections:?}");
        let stage = keyring.stage();
        assert_eq!(stage.collection_of("a"), Some(used), "{collections:?}");
        assert!(stage.aliases.is_empty(), "{:?}", stage.aliases);
    }
}

#[test]
fn a_wiped_keyring_has_no_entry_and_works() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made");
    session.wipe_keyring();
    assert_eq!(
        adapter.ask("get a"),
        ABSENT,
        "it could be read, and is empty"
    );
    assert_eq!(adapter.ask("set a dHdv"), DONE, "it can be written again");
    assert_eq!(adapter.ask("get a"), text("dHdv"), "and read");
}

#[test]
fn a_provider_that_was_restarted_is_found_again_by_every_call() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made");
    let after_a_restart = [
        ("get a", text("b25l")),
        ("set a dHdv", DONE.into()),
        ("set b ZHJlaQ==", DONE.into()),
        ("get b", text("ZHJlaQ==")),
        ("delete b", DONE.into()),
        ("get never-set", ABSENT.into()),
        ("state", "Ok(Ready)".into()),
    ];
    for (order, answer) in after_a_restart {
        session.stop_keyring();
        session.start_keyring();
        assert_eq!(
            adapter.ask(order),
            answer,
            "its session with the old one is void: {order}"
        );
    }
}

#[test]
fn a_provider_that_went_away_is_unavailable_and_never_without_the_entry() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made");
    session.stop_keyring();
    for order in ["get a", "set a dHdv", "delete a", "state"] {
        assert_eq!(adapter.ask(order), UNAVAILABLE, "nobody is there: {order}");
    }
    session.start_keyring();
    assert_eq!(adapter.ask("get a"), text("b25l"), "it is back, and whole");
}

#[test]
fn a_provider_that_hangs_is_given_up_and_heard_again() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, SHORT);
    assert_eq!(adapter.ask("set a b25l"), DONE, "made");
    let daemon = session
        .processes()
        .into_iter()
        .find(|process| {
            let program = process.program().unwrap_or_default();
            program.ends_with("gnome-keyring-daemon")
        })
        .and_then(|process| Pid::from_raw(process.id))
        .expect("the keyring is one of the session's processes");
    kill_process(daemon, Signal::STOP).unwrap();
    assert_eq!(adapter.ask("get a"), TIMED_OUT, "it stands still");
    assert_eq!(adapter.ask("get a"), TIMED_OUT, "and at once from then on");
    kill_process(daemon, Signal::CONT).unwrap();
    wait_until("the keyring to be heard again", PATIENCE, || {
        adapter.ask("get a") == text("b25l")
    });
}

#[test]
fn an_entry_that_is_there_twice_is_ambiguous_and_neither_is_chosen() {
    let session = Session::start();
    let mut adapter = Adapter::connected(&session, LONG);
    assert_eq!(adapter.ask("set a b25l"), DONE, "ours");
    plant(&session, "a", "dHdv");
    assert_eq!(session.every_secret().len(), 2, "and somebody else's");
    for order in ["get a", "set a ZHJlaQ==", "delete a"] {
        assert_eq!(adapter.ask(order), "Err(Ambiguous)", "{order}");
    }
    assert_eq!(session.every_secret().len(), 2, "both are still there");
}

/// Makes an entry as another program could: the same attributes, and "replace" not set.
fn plant(session: &Session, name: &str, text: &str) {
    let bus = session.connect();
    let call = |path: &str, interface: &'static str| {
        Proxy::new(&bus, "org.freedesktop.secrets", path.to_owned(), interface).unwrap()
    };
    let service = call("/org/freedesktop/secrets", "org.freedesktop.Secret.Service");
    let (_, plain): (OwnedValue, OwnedObjectPath) = service
        .call("OpenSession", &("plain", Value::from("")))
        .unwrap();
    let attributes = HashMap::from([("service", "couchkey"), ("username", name)]);
    let properties = HashMap::from([
        ("org.freedesktop.Secret.Item.Label", Value::from("another")),
        (
            "org.freedesktop.Secret.Item.Attributes",
            Value::from(attributes),
        ),
    ]);
    let secret = (&*plain, Vec::<u8>::new(), text.as_bytes(), "text/plain");
    let default = call(
        "/org/freedesktop/secrets/aliases/default",
        "org.freedesktop.Secret.Collection",
    );
    let (item, _): (OwnedObjectPath, OwnedObjectPath) = default
        .call("CreateItem", &(properties, secret, false))
        .unwrap();
    assert_ne!(item.as_str(), "/", "made without a prompt");
}
