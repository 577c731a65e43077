//! Keeps ui/src/lib/ipc/bindings.ts the same as the commands and views, and the capability the same as the commands.
//!
//! After a change: `COUCHKEY_WRITE_BINDINGS=1 cargo test -p couchkey-app bindings`, and commit the file.

use std::{collections::BTreeSet, fs, path::PathBuf};

use specta_typescript::Typescript;
use tauri_specta::{Builder, ErrorHandlingMode};

use crate::first_look::Beginning;

/// Those that take the body of the call as it is, so that TypeScript calls them by hand: see src/commands.rs.
const BY_HAND: [&str; 4] = [
    "preview_file",
    "preview_frame",
    "take_key_file",
    "take_backup",
];

const HEADER: &str = "\
// The surface between the window and Rust: commands, views, error codes. Every command rejects with an ErrorReport.
// Written by a test of src-tauri (src/bindings.rs) from the Rust types; not to be edited.
";

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("bindings.ts");
    Builder::<tauri::Wry>::new()
        .commands(every_typed_command!(tauri_specta::collect_commands))
        .typ::<Beginning>()
        .error_handling(ErrorHandlingMode::Throw)
        .disable_serde_phases()
        .export(Typescript::default().header(HEADER), &path)
        .expect("every type has a spelling in TypeScript");
    let written = fs::read_to_string(&path).expect("it was just written");
    let lines: Vec<&str> = written.lines().map(str::trim_end).collect();
    // A command without an answer says null in JSON; nobody reads it.
    (lines.join("\n") + "\n").replace("__TAURI_INVOKE<null>", "__TAURI_INVOKE<void>")
}

/// The names of the commands as text, in the order of the list.
macro_rules! names {
    ($($room:tt :: commands :: $name:ident),* $(,)?) => { [$(stringify!($name)),*] };
}

#[test]
fn bindings_are_what_the_commands_say() {
    let path = file("../ui/src/lib/ipc/bindings.ts");
    let generated = generated();
    if std::env::var_os("COUCHKEY_WRITE_BINDINGS").is_some() {
        fs::write(&path, &generated).expect("the file can be written");
    }
    let committed = fs::read_to_string(&path).expect("bindings.ts is committed");
    assert!(
        committed == generated,
        "ui/src/lib/ipc/bindings.ts is not what the commands say; run: COUCHKEY_WRITE_BINDINGS=1 cargo test -p couchkey-app bindings"
    );
}

#[test]
fn no_number_of_64_bits_crosses() {
    assert!(
        !generated().contains("bigint"),
        "JavaScript's numbers hold 53 bits"
    );
}

#[test]
fn the_capability_names_every_command_and_nothing_else() {
    let capability: serde_json::Value =
        serde_json::from_str(include_str!("../capabilities/main.json"))
            .expect("the capability is JSON");
    let allowed: BTreeSet<String> = capability["permissions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|permission| permission.as_str().expect("plain names").to_owned())
        .collect();
    let wanted: BTreeSet<String> = every_command!(names)
        .iter()
        .map(|name| format!("allow-{}", name.replace('_', "-")))
        .collect();
    assert_eq!(
        allowed, wanted,
        "our own commands, and nothing of Tauri's or a plugin's"
    );
    assert_eq!(
        capability["windows"],
        serde_json::json!(["main"]),
        "one window"
    );
    assert!(capability.get("remote").is_none(), "no page from elsewhere");
    let folder = fs::read_dir(file("capabilities")).expect("the folder is there");
    assert_eq!(folder.count(), 1, "one capability file");
}

#[test]
fn every_command_is_typed_or_called_by_hand() {
    let typed: BTreeSet<&str> = every_typed_command!(names).into_iter().collect();
    let all: BTreeSet<&str> = every_command!(names).into_iter().collect();
    assert_eq!(
        all.difference(&typed).copied().collect::<BTreeSet<_>>(),
        BTreeSet::from(BY_HAND),
        "the two lists differ by these alone"
    );
}

#[test]
fn the_window_is_configured_as_the_threat_model_says() {
    let config: serde_json::Value = serde_json::from_str(include_str!("../tauri.conf.json"))
        .expect("the configuration is JSON");
    let app = &config["app"];
    assert_eq!(app["withGlobalTauri"], false, "no API for a script to find");
    assert_eq!(
        app["security"]["freezePrototype"], true,
        "prototypes stay as they are"
    );
    assert_eq!(
        app["security"]["csp"],
        "default-src 'self'; img-src 'self' couchkey-qr: http://couchkey-qr.localhost; connect-src ipc: http://ipc.localhost; object-src 'none'; base-uri 'none'; form-action 'none'",
        "nothing from outside, nothing to outside"
    );
    assert!(
        app["security"]
            .get("dangerousDisableAssetCspModification")
            .is_none(),
        "the policy stays whole"
    );
    assert!(
        app["security"].get("assetProtocol").is_none(),
        "the page reads no files"
    );
    assert_eq!(
        app["windows"].as_array().map(Vec::len),
        Some(1),
        "one window"
    );
    let window = &app["windows"][0];
    assert_eq!(
        window["label"],
        crate::WINDOW,
        "the label that the code uses"
    );
    assert_eq!(
        window["create"], false,
        "made in src/lib.rs, with its rules"
    );
    assert_eq!(
        window["visible"], false,
        "hidden until there is something to show"
    );
    assert_eq!(
        window["dragDropEnabled"], false,
        "the page takes drops itself"
    );
    assert!(
        config["build"].get("devUrl").is_none(),
        "no development server is ever looked for"
    );
    assert_eq!(
        config["plugins"]["deep-link"]["desktop"]["schemes"],
        serde_json::json!(["otpauth", "otpauth-migration"]),
        "the installed .desktop file claims our links"
    );
}
