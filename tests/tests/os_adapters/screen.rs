//! A real X server's pixels, and a Wayland desktop's portal that the test plays.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use couchkey_authenticator::qr::read_picture;
use zbus::blocking::Connection;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use super::*;

const UNSUPPORTED: &str = "Err(Unsupported)";

fn adapter(session: &Session, set: &[(&str, &str)]) -> Adapter {
    let mut command = session.command(Adapter::program());
    command.arg("screen").arg(session.home());
    for (name, value) in set {
        command.env(name, value);
    }
    let adapter = Adapter::start(command);
    assert_eq!(adapter.answer(), "\"ready\"", "it started");
    adapter
}

/// A picture with every colour in it, as a PNG.
fn colourful(session: &Session, size: &str) -> PathBuf {
    let path = session.home().join("colourful.png");
    let target = format!("png24:{}", path.display());
    let make = ["-seed", "7", "-size", size, "plasma:red-blue", &target];
    session.run("convert", make);
    path
}

#[test]
fn every_pixel_of_the_screen_is_seen_as_it_is_shown() {
    let session = Session::builder().with_display_of(1283, 701).start();
    let shown = colourful(&session, "1283x701");
    let shown = shown.to_str().unwrap();
    // It ends with 1 although it has drawn; that it has is what the pixels below say.
    let draw = ["-window", "root", shown];
    session.command("display").args(draw).output().unwrap();
    assert_eq!(
        adapter(&session, &[]).ask("capture"),
        "[(1283, 701)]",
        "one monitor, all of it"
    );
    let seen = fs::read(session.home().join("0")).unwrap();
    let raw = session.home().join("colourful.rgb");
    let target = format!("rgb:{}", raw.display());
    session.run("convert", [shown, "-depth", "8", &target]);
    let weigh = |rgb: &[u8]| {
        let [red, green, blue] = [0, 1, 2].map(|channel| u32::from(rgb[channel]));
        ((2_126 * red + 7_152 * green + 722 * blue + 5_000) / 10_000) as u8
    };
    let expected: Vec<u8> = fs::read(raw).unwrap().chunks_exact(3).map(weigh).collect();
    assert_eq!(seen.len(), 1283 * 701, "every pixel");
    assert!(
        seen == expected,
        "as bright as Rec. 709 says of the picture"
    );
    let shades: std::collections::HashSet<u8> = seen.iter().copied().collect();
    assert!(
        shades.len() > 50,
        "and it is no blank screen: {}",
        shades.len()
    );
}

#[test]
fn where_there_is_no_screen_there_is_no_picture() {
    let session = Session::builder().without_keyring().start();
    let nobody = [("DISPLAY", ":4999")];
    for set in [&[][..], &nobody[..], &[("DISPLAY", "nonsense")][..]] {
        assert_eq!(
            adapter(&session, set).ask("capture"),
            UNSUPPORTED,
            "no X server answers: {set:?}"
        );
    }
}

#[test]
fn wayland_without_a_portal_gives_no_picture_rather_than_a_black_one() {
    let wayland = [("WAYLAND_DISPLAY", "wayland-0")];
    let session = Session::builder().without_keyring().with_display().start();
    assert_eq!(
        adapter(&session, &wayland).ask("capture"),
        UNSUPPORTED,
        "the X server beside it is not looked at"
    );
    let session = Session::builder().without_bus().start();
    assert_eq!(
        adapter(&session, &wayland).ask("capture"),
        UNSUPPORTED,
        "no bus to ask on"
    );
}

#[test]
fn under_wayland_the_portals_picture_is_read_and_removed() {
    let session = Session::builder().without_keyring().start();
    let picture = colourful(&session, "300x200");
    let expected = read_picture(&fs::read(&picture).unwrap()).unwrap();
    let folder = session.home().join("Bilder & Fotos");
    fs::create_dir(&folder).unwrap();
    let taken = folder.join("Bildschirmfoto ä.png");
    fs::rename(&picture, &taken).unwrap();
    let uri = format!(
        "file://{}/Bilder%20&%20Fotos/Bildschirmfoto%20%C3%A4.png",
        session.home().display()
    );
    let _portal = play_portal(&session, Answer::Picture(uri));
    let mut adapter = adapter(&session, &[("WAYLAND_DISPLAY", "wayland-0")]);
    assert_eq!(adapter.ask("capture"), "[(300, 200)]", "read");
    assert!(
        fs::read(session.home().join("0")).unwrap() == expected.luma(),
        "as the portal wrote it"
    );
    assert!(
        !taken.exists(),
        "and no picture of the screen is left about"
    );
    assert_eq!(
        adapter.ask("capture"),
        "Err(Failed)",
        "a portal that names a file which is not there"
    );
}

#[test]
fn a_portals_refusal_and_its_nonsense_have_their_words() {
    let damaged = |session: &Session| {
        let path = session.home().join("damaged.png");
        fs::write(&path, b"\x89PNG\r\n\x1a\nand no more").unwrap();
        format!("file://{}", path.display())
    };
    type Make<'a> = &'a dyn Fn(&Session) -> Answer;
    let cases: [(Make, &str); 4] = [
        (&|_| Answer::Code(1), "Err(Denied)"),
        (&|_| Answer::Code(2), "Err(Failed)"),
        (
            &|_| Answer::Picture("https://tv.example/a.png".into()),
            "Err(Failed)",
        ),
        (&|session| Answer::Picture(damaged(session)), "Err(Failed)"),
    ];
    for (make, word) in cases {
        let session = Session::builder().without_keyring().start();
        let _portal = play_portal(&session, make(&session));
        let mut adapter = adapter(&session, &[("WAYLAND_DISPLAY", "wayland-0")]);
        assert_eq!(adapter.ask("capture"), word, "xdg-desktop-portal's answer");
        assert!(
            !session.home().join("damaged.png").exists(),
            "the file goes even when it cannot be read"
        );
    }
}

/// What the portal says to a request for a screenshot.
#[derive(Clone)]
enum Answer {
    /// Response 0 with this URI.
    Picture(String),
    /// Another response: 1 is the person's no, 2 anything else.
    Code(u32),
}

/// The part of `org.freedesktop.portal.Desktop` that takes screenshots.
struct Portal(Answer);

#[zbus::interface(name = "org.freedesktop.portal.Screenshot")]
impl Portal {
    async fn screenshot(
        &self,
        #[zbus(header)] header: zbus::message::Header<'_>,
        #[zbus(connection)] connection: &zbus::Connection,
        _parent: String,
        options: HashMap<String, OwnedValue>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        // The path that the specification makes of the caller's name and its token.
        let caller = header.sender().unwrap().as_str();
        let token = options["handle_token"].downcast_ref::<String>().unwrap();
        let path = format!(
            "/org/freedesktop/portal/desktop/request/{}/{token}",
            caller.trim_start_matches(':').replace('.', "_")
        );
        let path = ObjectPath::try_from(path).unwrap();
        let (code, results) = match &self.0 {
            Answer::Picture(uri) => (0, HashMap::from([("uri", Value::from(uri.as_str()))])),
            Answer::Code(code) => (*code, HashMap::new()),
        };
        let emitter = SignalEmitter::new(connection, path.clone()).unwrap();
        emitter
            .emit(
                "org.freedesktop.portal.Request",
                "Response",
                &(code, results),
            )
            .await?;
        Ok(path.into())
    }

    #[zbus(property, name = "version")]
    fn version(&self) -> u32 {
        2
    }
}

/// Answers until the connection is dropped.
fn play_portal(session: &Session, answer: Answer) -> Connection {
    let connection = session.connect();
    connection
        .object_server()
        .at("/org/freedesktop/portal/desktop", Portal(answer))
        .unwrap();
    connection
        .request_name("org.freedesktop.portal.Desktop")
        .unwrap();
    connection
}
