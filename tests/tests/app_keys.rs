//! In the real window: a paste by the keys of a keyboard, and what a recovery key on the screen is worth when the app dies.

use std::time::Duration;

use couchkey_tests::{
    desktop::{
        Window,
        steps::{PATIENCE, click, couchkey, recovery_key, screen, session, start},
        wait_until,
    },
    machine::SECRET,
};

const URI: &str = "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV&algorithm=SHA1&digits=6&period=30";

#[test]
fn a_recovery_key_that_was_on_the_screen_when_the_app_died_ends_no_older_one() {
    let session = session();
    let old = recovery_key(&session);
    couchkey(&session, &["add", "-"], URI);
    let show = |window: &Window<'_>| {
        screen(window, "codes");
        click(window, "nav-settings");
        screen(window, "settings");
        click(window, "settings-recovery");
        screen(window, "recovery");
        click(window, "recovery-make");
        window.wait_for("[data-testid='recovery-key']", PATIENCE);
        window.texts("[data-testid='recovery-key'] li").join("-")
    };
    let window = start(&session);
    let shown = show(&window);
    assert_ne!(shown, old, "another one");
    window.kill_app();
    couchkey(&session, &["drill"], &format!("{old}\n")); // it proves, or this fails
    let window = start(&session);
    let shown = show(&window);
    click(&window, "recovery-saved");
    window.wait_gone("[data-testid='recovery-key']", PATIENCE);
    window.kill_app();
    // The newest backup was still made for the older key.
    couchkey(&session, &["backup"], "");
    couchkey(&session, &["drill"], &format!("{shown}\n"));
}

#[test]
fn a_link_that_is_pasted_with_the_keys_on_the_list_of_codes_is_looked_at() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], &couchkey_tests::machine::uri(1));
    let window = start(&session);
    screen(&window, "codes");
    session.set_clipboard_text(URI);
    session.press_keys("couchkey", &["ctrl+v"]);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    assert_eq!(
        window
            .property("[data-testid='preview-issuer']", "value")
            .as_deref(),
        Some("StreamTV"),
        "what the link says"
    );
    assert!(
        !window.source().contains(SECRET),
        "its key is nowhere in the page"
    );
    click(&window, "preview-save");
    screen(&window, "check");
    click(&window, "check-done");
    screen(&window, "codes");
    wait_until(
        "both are on the list",
        Duration::from_secs(PATIENCE),
        || window.count("[data-testid='account-row']") == 2,
    );
}
