//! In the real window: a keyring's program that is there and never answers.

use std::future;

use couchkey_tests::{
    desktop::{
        Session, Window,
        steps::{CODE, PATIENCE, assert_code_is_right, click, couchkey, screen, session, start},
    },
    machine::SECRET,
    pictures::{self, Kind},
};
use zbus::{
    blocking::{Connection, connection},
    zvariant::{OwnedObjectPath, OwnedValue},
};

const URI: &str = "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV&algorithm=SHA1&digits=6&period=30";

const PASSPHRASE: &str = "correct horse battery";

/// A Secret Service that takes every question and answers none, as one that waits for a person who does not see it.
struct Silent;

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Silent {
    async fn open_session(
        &self,
        _algorithm: &str,
        _input: OwnedValue,
    ) -> (OwnedValue, OwnedObjectPath) {
        future::pending().await
    }
}

impl Silent {
    /// On this session's bus, for as long as the connection is kept.
    fn start(session: &Session) -> Connection {
        connection::Builder::address(session.bus_address().expect("the session has a bus"))
            .and_then(|builder| builder.serve_at("/org/freedesktop/secrets", Silent))
            .and_then(|builder| builder.name("org.freedesktop.secrets"))
            .and_then(connection::Builder::build)
            .expect("no other keyring is on this bus")
    }
}

/// Waits for this trouble; the app itself waits for a minute before it says so.
fn silent(window: &Window<'_>) {
    window.wait_for("[data-code='keyring_silent']", 60 + 2 * PATIENCE);
}

#[test]
fn whoever_goes_on_without_a_silent_keyring_has_a_passphrase_and_the_codes() {
    let session = Session::builder()
        .without_keyring()
        .with_display_of(1300, 900)
        .start();
    let _keyring = Silent::start(&session);
    let window = start(&session);
    silent(&window);
    click(&window, "trouble-without_keyring");
    screen(&window, "new-passphrase");
    window.type_into("[data-testid='new-passphrase']", PASSPHRASE);
    window.type_into("[data-testid='new-passphrase-again']", PASSPHRASE);
    click(&window, "new-passphrase-submit");
    screen(&window, "add");
    let qr = session.home().join("page.png");
    std::fs::write(
        &qr,
        pictures::png(&pictures::draw_saying(Kind::Plain, 7, URI)),
    )
    .expect("home can be written");
    window.choose_file("[data-testid='add-file-input']", &qr);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    click(&window, "preview-save");
    screen(&window, "check");
    click(&window, "check-done");
    screen(&window, "recovery");
    window.kill_app();

    let window = start(&session);
    screen(&window, "unlock");
    window.type_into("[data-testid='unlock-passphrase']", PASSPHRASE);
    click(&window, "unlock-submit");
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn a_keyring_that_has_the_key_and_is_silent_is_no_reason_for_another_vault() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    session.stop_keyring();
    let keyring = Silent::start(&session);
    let window = start(&session);
    silent(&window);
    click(&window, "trouble-without_keyring");
    // Without it, what opens this vault is the recovery key, and then nothing is asked of the keyring.
    window.wait_for("[data-code='keyring_unavailable']", PATIENCE);
    window.wait_for("[data-testid='trouble-recovery_key']", PATIENCE);
    assert!(keyring.close().is_ok(), "the silent one ends");
    session.start_keyring();
    click(&window, "trouble-action");
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}
