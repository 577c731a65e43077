//! The main job and its edges in the real window: WebDriver, Xvfb, a real Secret Service, the built program.

use std::{
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    time::Duration,
};

use couchkey_tests::{
    desktop::{
        self, Session, Window,
        steps::{
            CODE, PATIENCE, assert_code_is_right, click, couchkey, files_below, oathtool,
            recovery_key, screen, session, start, unix_now,
        },
        until, wait_until,
    },
    machine::SECRET,
    pictures::{self, Kind},
    spelling::holds,
};

/// What the QR codes of these tests say.
const URI: &str = "otpauth://totp/StreamTV:fam-0042%40example.tv?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV&algorithm=SHA1&digits=6&period=30";

/// A picture as a PNG file in the session's home.
fn picture(session: &Session, name: &str, text: &str, kind: Kind) -> PathBuf {
    let path = session.home().join(name);
    std::fs::write(&path, pictures::png(&pictures::draw_saying(kind, 7, text)))
        .expect("home can be written");
    path
}

/// From the preview to the list of codes, past the check and the recovery key.
fn save_first(window: &Window<'_>) {
    click(window, "preview-save");
    screen(window, "check");
    click(window, "check-done");
    screen(window, "recovery");
    click(window, "recovery-later");
    screen(window, "codes");
}

#[test]
fn the_main_job_from_a_photographed_qr_code_to_a_right_code_after_a_kill() {
    let session = session();
    let photo = picture(&session, "tv.png", URI, Kind::Tv);
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "add");
    window.choose_file("[data-testid='add-file-input']", &photo);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    assert_eq!(
        window
            .property("[data-testid='preview-issuer']", "value")
            .as_deref(),
        Some("StreamTV"),
        "the preview says who issued it"
    );
    assert_eq!(
        session.every_secret().len(),
        0,
        "nothing is saved before the person says yes"
    );
    save_first(&window);
    assert_code_is_right(&window, CODE, SECRET);
    assert_sealed(window.source().as_bytes(), "the page");
    window.kill_app();

    let window = start(&session);
    screen(&window, "codes");
    assert_eq!(
        window.count("[data-testid='account-row']"),
        1,
        "the same account"
    );
    assert!(
        window.source().contains("fam-0042@example.tv"),
        "with its name"
    );
    assert_code_is_right(&window, CODE, SECRET);
    window.press('t');
    screen(&window, "television");
    assert_code_is_right(&window, "[data-testid='tv-code']", SECRET);
    window.close();

    // What is on the machine now: sealed, in both places, and in neither in any spelling.
    let secrets = session.every_secret();
    assert!(
        secrets.len() >= 4,
        "the list of vaults, the device key, the head and a bundle"
    );
    for entry in &secrets {
        assert_sealed(&entry.bytes, &entry.label);
        for value in entry.attributes.values() {
            assert_sealed(value.as_bytes(), "an attribute");
        }
    }
    let mut files = 0;
    for path in files_below(&session.data_dir()) {
        assert_sealed(
            &std::fs::read(&path).expect("our own file"),
            &path.display().to_string(),
        );
        files += 1;
    }
    assert!(files >= 2, "the two generations");
}

#[test]
fn the_account_opens_from_the_keyring_alone() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    for path in files_below(&session.data_dir()) {
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vault."))
        {
            std::fs::remove_file(path).expect("our own file");
        }
    }
    let window = start(&session);
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn the_account_opens_from_the_mirror_alone_with_the_recovery_key() {
    let session = session();
    let key = recovery_key(&session);
    couchkey(&session, &["add", "-"], URI);
    session.wipe_keyring();
    let window = start(&session);
    screen(&window, "trouble");
    assert_eq!(
        window
            .attribute("[data-screen='trouble']", "data-code")
            .as_deref(),
        Some("needs_recovery"),
        "the right trouble"
    );
    assert!(
        session.every_secret().is_empty(),
        "no key was made silently"
    );
    click(&window, "trouble-action");
    screen(&window, "recover");
    window.type_into("[data-testid='recover-key']", &key);
    click(&window, "recover-submit");
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
    window.close();
    let window = start(&session);
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn from_the_screen() {
    let session = session();
    let qr = picture(&session, "page.png", URI, Kind::Plain);
    let mut show = session.command("display");
    show.args(["-geometry", "+820+20"]).arg(&qr);
    session.spawn("display", show);
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "add");
    wait_until(
        "the QR code on the screen is found",
        Duration::from_secs(PATIENCE),
        || {
            if window.exists("[data-testid='add-from-screen']") {
                window.click("[data-testid='add-from-screen']");
            }
            desktop::until(Duration::from_secs(5), || {
                window.exists("[data-testid='preview-row']")
            })
        },
    );
    save_first(&window);
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn from_the_clipboard_as_a_picture_and_as_text() {
    let session = session();
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "add");
    let qr = picture(&session, "page.png", URI, Kind::Plain);
    session.set_clipboard_image(&std::fs::read(qr).expect("just written"));
    click(&window, "add-paste");
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    save_first(&window);
    assert_code_is_right(&window, CODE, SECRET);
    session.set_clipboard_text(
        "otpauth://totp/Other:me?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Other",
    );
    click(&window, "nav-add");
    screen(&window, "add");
    click(&window, "add-paste");
    window.wait_for("[data-testid='preview-row']", PATIENCE);
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

/// Puts a picture before the camera. The web view is still asked for its own camera first, and what it gave is kept in
/// `window.given`: only then do the frames of a canvas take the place of the ones that it would have drawn.
const BEFORE_THE_CAMERA: &str = "
    const [png, done] = arguments;
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
    createImageBitmap(new Blob([bytes], { type: 'image/png' })).then((picture) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
      const context = canvas.getContext('2d');
      let frame = 0;
      setInterval(() => {
        context.fillStyle = '#b8b4ac';
        context.fillRect(0, 0, 1280, 720);
        context.drawImage(picture, 340 + (frame++ % 2), 60, 600, 600); // a hand is never quite still
      }, 66);
      devices.getUserMedia = async (wish) => {
        const stream = await ask(wish);
        window.given = stream.getTracks().map((track) => track.kind);
        stream.getTracks().forEach((track) => track.stop());
        return canvas.captureStream(15);
      };
      done('ready');
    }, (error) => done(String(error)));";

#[test]
fn from_the_camera_by_its_permission_its_frames_and_the_code_that_is_held_before_it() {
    let session = Session::builder()
        .with_display_of(1300, 900)
        .with_variable("COUCHKEY_TEST_MOCK_CAMERA", "1")
        .start();
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "add");
    // WebKitGTK's own mock camera: it must be allowed, and its frames must arrive.
    click(&window, "add-camera");
    wait_until(
        "frames of the web view's camera",
        Duration::from_secs(PATIENCE),
        || {
            window.eval("return document.querySelector('video')?.videoWidth > 0") == true
                || window.exists("[data-testid='camera-trouble']")
        },
    );
    assert!(
        !window.exists("[data-testid='camera-trouble']"),
        "our page may look through a camera: {}",
        window.page()
    );
    assert!(
        !window.exists("[data-testid='preview-row']"),
        "nothing is held before it yet"
    );
    click(&window, "camera-stop");
    let qr = pictures::png(&pictures::draw_saying(Kind::Plain, 7, URI));
    assert_eq!(
        window.eval_async(
            BEFORE_THE_CAMERA,
            vec![data_encoding::BASE64.encode(&qr).into()]
        ),
        "ready",
        "the picture can be drawn"
    );
    click(&window, "add-camera");
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    assert_eq!(
        window.eval("return window.given"),
        serde_json::json!(["video"]),
        "pictures were asked for and given, and no sound"
    );
    save_first(&window);
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn where_there_is_no_camera_the_window_says_so_and_offers_another_way() {
    let session = session();
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "add");
    click(&window, "add-camera");
    window.wait_for("[data-testid='camera-trouble']", PATIENCE);
    assert_eq!(
        window
            .attribute("[data-testid='camera-trouble']", "data-trouble")
            .as_deref(),
        Some("missing"),
        "none is there, which is not the same as forbidden"
    );
}

#[test]
fn from_a_link_at_the_start_and_from_a_link_while_it_runs() {
    let session = session();
    let window = Window::start_with(&session, desktop::app(), &[URI]);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    save_first(&window);
    assert_code_is_right(&window, CODE, SECRET);
    // The second start hands its link over and ends.
    let mut second = session.command(desktop::app());
    second.arg("otpauth://totp/Other:me?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Other");
    let status = second.status().expect("it runs");
    assert!(status.success(), "the second process ends by itself");
    window.wait_for("[data-testid='links']", PATIENCE);
    assert!(
        window.exists("[data-screen='codes']") && !window.exists("[data-testid='preview-row']"),
        "its link waits in the window of the first, and no screen is left for it"
    );
    click(&window, "links-look");
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    assert_eq!(
        window
            .property("[data-testid='preview-issuer']", "value")
            .as_deref(),
        Some("Other"),
        "its link is in the window of the first"
    );
}

#[test]
fn a_recovery_key_on_the_screen_is_not_lost_to_links_from_outside() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    let window = start(&session);
    screen(&window, "codes");
    click(&window, "nav-settings");
    screen(&window, "settings");
    click(&window, "settings-recovery");
    screen(&window, "recovery");
    click(&window, "recovery-make");
    window.wait_for("[data-testid='recovery-key']", PATIENCE);
    let key = window.text("[data-testid='recovery-key']");
    for n in 0..7 {
        let mut second = session.command(desktop::app());
        second.arg(couchkey_tests::machine::uri(n));
        assert!(second.status().expect("it runs").success(), "link {n}");
    }
    window.wait_for("[data-testid='links']", PATIENCE);
    window.wait_for_text("5 setup links are waiting", PATIENCE);
    window.wait_for_text("2 more came and were not kept", PATIENCE);
    assert_eq!(
        window.text("[data-testid='recovery-key']"),
        key,
        "the key that is shown once is still shown"
    );
    assert!(
        !window.exists("[data-testid='links-look']"),
        "and there is nothing to press that would lose it"
    );
    click(&window, "recovery-later");
    screen(&window, "codes");
    click(&window, "links-look");
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    click(&window, "preview-save");
    screen(&window, "check");
    let list: serde_json::Value =
        serde_json::from_str(&couchkey(&session, &["--json", "list"], "")).expect("JSON");
    assert_eq!(
        list.as_array().map(Vec::len),
        Some(2),
        "the account that was there, and the one that was looked at"
    );
}

/// Every way by which a script could send what is on show out of the page. Answers when all were tried.
const WAYS_OUT: &str = r#"
const [address, done] = [arguments[0], arguments[arguments.length - 1]];
const element = (tag, set) => document.body.append(Object.assign(document.createElement(tag), set));
const tries = {
  fetch: () => fetch(`${address}/fetch`, { mode: "no-cors" }),
  request: () => { const it = new XMLHttpRequest(); it.open("GET", `${address}/request`); it.send(); },
  beacon: () => navigator.sendBeacon(`${address}/beacon`, "x"),
  socket: () => new WebSocket(`${address.replace("http", "ws")}/socket`),
  events: () => new EventSource(`${address}/events`),
  picture: () => element("img", { src: `${address}/picture.png` }),
  script: () => element("script", { src: `${address}/script.js` }),
  style: () => element("link", { rel: "stylesheet", href: `${address}/style.css` }),
  prefetch: () => element("link", { rel: "prefetch", href: `${address}/prefetch` }),
  sheet: () => element("style", { textContent: `@import url("${address}/sheet.css")` }),
  media: () => element("video", { src: `${address}/video.mp4`, autoplay: true }),
  frame: () => element("iframe", { src: `${address}/frame` }),
  worker: () => new Worker(`${address}/worker.js`),
  form: () => { element("form", { action: `${address}/form`, method: "post", id: "out" }); document.getElementById("out").submit(); },
  window: () => window.open(`${address}/window`),
  page: () => { location.href = `${address}/page`; },
};
const tried = [];
for (const [name, attempt] of Object.entries(tries)) {
  try { Promise.resolve(attempt()).catch(() => {}); } catch {}
  tried.push(name);
}
setTimeout(() => done(tried), 1500);
"#;

#[test]
fn a_script_in_the_page_reaches_no_network() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    let window = start(&session);
    screen(&window, "codes");

    let outside = TcpListener::bind("127.0.0.1:0").expect("a free port");
    outside.set_nonblocking(true).expect("it can be asked");
    let address = outside.local_addr().expect("it has an address");
    let tried = window.eval_async(WAYS_OUT, vec![format!("http://{address}").into()]);
    assert_eq!(
        tried.as_array().map(Vec::len),
        Some(16),
        "all were tried: {tried}"
    );
    if let Ok((mut connection, _)) = outside.accept() {
        let mut asked = [0; 64];
        let read = connection.read(&mut asked).unwrap_or(0);
        panic!(
            "the page got out: {}",
            String::from_utf8_lossy(&asked[..read])
        );
    }
    screen(&window, "codes");

    // The listener would have noticed.
    TcpStream::connect(address).expect("it listens");
    assert!(until(Duration::from_secs(PATIENCE), || outside
        .accept()
        .is_ok()));
}

#[test]
fn a_copied_code_leaves_the_clipboard_when_the_app_ends() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    let window = start(&session);
    screen(&window, "codes");
    window.wait_for(CODE, PATIENCE);
    // The code that was shown when it was clicked, however long it takes until somebody looks.
    let before = unix_now() / 30 - 1;
    window.click(CODE);
    wait_until(
        "the code is on the clipboard",
        Duration::from_secs(PATIENCE),
        || {
            let copied = session.clipboard_text();
            (before..=unix_now() / 30).any(|step| copied == oathtool(SECRET, step * 30))
        },
    );
    window.close();
    assert!(
        session.clipboard_text().is_empty(),
        "and it is gone with the app"
    );
}

#[test]
fn bad_pictures_get_the_right_words_and_save_nothing() {
    let session = session();
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "add");
    let home = session.home();
    let write = |name: &str, bytes: &[u8]| {
        let path = home.join(name);
        std::fs::write(&path, bytes).expect("home can be written");
        path
    };
    let mut jpeg = Vec::new();
    let plain = pictures::draw_saying(Kind::Plain, 1, URI);
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
        .encode(
            &plain.luma,
            plain.width as u32,
            plain.height as u32,
            image::ExtendedColorType::L8,
        )
        .expect("a picture of that size");
    let cases = [
        (
            "no_qr_code",
            picture(&session, "none.png", "", Kind::Nothing),
        ),
        (
            "qr_is_web_link",
            picture(
                &session,
                "link.png",
                "https://example.tv/activate",
                Kind::Plain,
            ),
        ),
        (
            "picture_too_large",
            write("bomb.png", &pictures::png_header(40_000, 30_000)),
        ),
        ("picture_damaged", write("cut.jpg", &jpeg[..jpeg.len() / 3])),
        (
            "import_unknown",
            write("text.png", b"this is not a picture"),
        ),
        (
            "bad_secret",
            picture(
                &session,
                "bad.png",
                "otpauth://totp/a:b?secret=1189",
                Kind::Plain,
            ),
        ),
        (
            "unsupported_digits",
            picture(
                &session,
                "digits.png",
                &URI.replace("digits=6", "digits=11"),
                Kind::Plain,
            ),
        ),
        (
            "missing_counter",
            picture(
                &session,
                "hotp.png",
                &URI.replace("totp", "hotp"),
                Kind::Plain,
            ),
        ),
    ];
    for (code, path) in cases {
        window.choose_file("[data-testid='add-file-input']", &path);
        window.wait_for(
            &format!("[data-testid='error'][data-code='{code}']"),
            PATIENCE,
        );
        assert!(
            !window.text("[data-testid='error']").is_empty(),
            "{code} has words"
        );
        assert!(
            !window.exists("[data-testid='preview-row']"),
            "{code}: there is nothing to save"
        );
    }
    assert!(session.every_secret().is_empty(), "nothing was saved");
    // And after all of that it still does its job.
    let two = home.join("two.png");
    std::fs::write(&two, pictures::png(&pictures::draw(Kind::Several, 7)))
        .expect("home can be written");
    window.choose_file("[data-testid='add-file-input']", &two);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    assert!(
        window.count("[data-testid='preview-row']") >= 2,
        "several codes become a list to choose from"
    );
}

#[test]
fn a_locked_keyring_whose_prompt_is_refused_is_told_and_opens_when_it_is_unlocked() {
    let session = session();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    session.lock_keyring();
    let window = start(&session);
    screen(&window, "trouble");
    assert_eq!(
        window
            .attribute("[data-screen='trouble']", "data-code")
            .as_deref(),
        Some("keyring_denied"),
        "locked, and refused, is not missing"
    );
    session.unlock_keyring();
    click(&window, "trouble-action");
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn a_locked_keyring_that_asks_is_waited_for_and_opens_the_vault_by_its_password() {
    let session = Session::builder()
        .with_display_of(1300, 900)
        .with_prompter()
        .start();
    couchkey(&session, &["init"], "");
    couchkey(&session, &["add", "-"], URI);
    session.lock_keyring();
    let window = start(&session);
    screen(&window, "waiting");
    assert!(
        !window.text("[data-testid='waiting-title']").is_empty(),
        "the person is told where to look"
    );
    session.answer_prompt(&["Escape"]);
    screen(&window, "trouble");
    assert_eq!(
        window
            .attribute("[data-screen='trouble']", "data-code")
            .as_deref(),
        Some("keyring_denied"),
        "somebody said no"
    );
    click(&window, "trouble-action");
    screen(&window, "waiting");
    session.answer_prompt(&["s", "o", "f", "a", "Return"]);
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn a_damaged_item_is_shown_as_damaged_and_the_others_work() {
    let session = Session::builder()
        .without_keyring()
        .with_display_of(1300, 900)
        .start();
    let passphrase = "correct horse battery";
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "new-passphrase");
    window.type_into("[data-testid='new-passphrase']", passphrase);
    window.type_into("[data-testid='new-passphrase-again']", passphrase);
    click(&window, "new-passphrase-submit");
    screen(&window, "add");
    let two = session.home().join("two.png");
    std::fs::write(&two, pictures::png(&pictures::draw(Kind::Several, 7)))
        .expect("home can be written");
    window.choose_file("[data-testid='add-file-input']", &two);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    let accounts = window.count("[data-testid='preview-row']");
    // The list is longer than the window; a script scrolls to its end and presses.
    window.eval("document.querySelector('[data-testid=preview-save]').click()");
    screen(&window, "recovery");
    window.kill_app();
    // One bit of the last item, in both generations of the file, and no bundle to mend it from.
    for path in files_below(&session.data_dir()) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("vault.") {
            let mut bytes = std::fs::read(&path).expect("our own file");
            let at = bytes.len() - 80;
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).expect("our own file");
        } else if path
            .parent()
            .is_some_and(|folder| folder.ends_with("keyring"))
        {
            std::fs::remove_file(path).expect("our own file");
        }
    }
    let window = start(&session);
    screen(&window, "unlock");
    window.type_into("[data-testid='unlock-passphrase']", passphrase);
    click(&window, "unlock-submit");
    screen(&window, "codes");
    window.wait_for("[data-testid='damaged-row']", PATIENCE);
    assert_eq!(
        window.count("[data-testid='account-row']"),
        accounts - 1,
        "all but one work"
    );
}

#[test]
fn without_a_keyring_a_passphrase_guards_the_vault() {
    let session = Session::builder()
        .without_keyring()
        .with_display_of(1300, 900)
        .start();
    let window = start(&session);
    screen(&window, "welcome");
    click(&window, "welcome-scan");
    screen(&window, "new-passphrase");
    window.type_into("[data-testid='new-passphrase']", "correct horse battery");
    window.type_into(
        "[data-testid='new-passphrase-again']",
        "correct horse battery",
    );
    click(&window, "new-passphrase-submit");
    screen(&window, "add");
    let qr = picture(&session, "page.png", URI, Kind::Plain);
    window.choose_file("[data-testid='add-file-input']", &qr);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    save_first(&window);
    window.kill_app();
    let window = start(&session);
    screen(&window, "unlock");
    window.type_into("[data-testid='unlock-passphrase']", "wrong horse battery");
    click(&window, "unlock-submit");
    window.wait_for("[data-code='wrong_passphrase']", PATIENCE);
    window.fill("[data-testid='unlock-passphrase']", "correct horse battery");
    click(&window, "unlock-submit");
    screen(&window, "codes");
    assert_code_is_right(&window, CODE, SECRET);
}

#[test]
fn the_app_and_the_command_line_add_fifty_accounts_each_at_once() {
    let session = session();
    couchkey(&session, &["init"], "");
    let window = start(&session);
    screen(&window, "codes");
    std::thread::scope(|scope| {
        let cli = scope.spawn(|| {
            for n in 0..50 {
                couchkey(&session, &["add", "-"], &couchkey_tests::machine::uri(n));
            }
        });
        for n in 50..100 {
            let answer = window.eval_async(
                "const [uri, done] = arguments; const invoke = window.__TAURI_INTERNALS__.invoke;
                 invoke('preview_text', { text: uri })
                   .then((p) => invoke('add', { selection: { preview: p.id, duplicates: false, except: [], renamed: [] } }))
                   .then((added) => done(added.ids.length), (error) => done(JSON.stringify(error)));",
                vec![couchkey_tests::machine::uri(n).into()],
            );
            assert_eq!(
                answer,
                serde_json::json!(1),
                "account {n} is added by the app"
            );
        }
        cli.join().expect("the command line never fails");
    });
    let list: serde_json::Value =
        serde_json::from_str(&couchkey(&session, &["--json", "list"], "")).expect("JSON");
    let mut names: Vec<&str> = list
        .as_array()
        .expect("an array")
        .iter()
        .map(|account| account["account"].as_str().expect("a name"))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names.len(),
        100,
        "a hundred accounts, none lost, none twice"
    );
}

/// None of the spellings is in these bytes, nor in what they are the base64 of.
fn assert_sealed(bytes: &[u8], place: &str) {
    assert_eq!(
        holds(SECRET, bytes),
        None,
        "{place} holds the secret in the open"
    );
}
