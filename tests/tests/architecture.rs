//! What depends on what, as `cargo metadata` and the `use`s have it: the rules that docs/architecture.md states.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use couchkey_tests::uses::{self, Source};
use serde_json::Value;

/// The workspace's packages and all below them, without what is for tests and build scripts alone.
struct Packages {
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
}

impl Packages {
    /// Asks cargo about this system, whose crates are all here.
    fn read() -> Packages {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let about = said(Command::new("rustc").arg("-vV"));
        let host = about.lines().find_map(|line| line.strip_prefix("host: "));
        let metadata = said(
            Command::new(env!("CARGO"))
                .current_dir(root)
                .args(["metadata", "--format-version=1", "--locked", "--offline"])
                .args(["--filter-platform", host.expect("rustc knows its host")]),
        );
        let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let packages = metadata["packages"].as_array().expect("packages");
        let nodes = metadata["resolve"]["nodes"].as_array().expect("a graph");
        Packages {
            names: packages
                .iter()
                .map(|package| (text(&package["id"]), text(&package["name"])))
                .collect(),
            uses: nodes
                .iter()
                .map(|node| {
                    let all = node["deps"].as_array().expect("dependencies").iter();
                    let linked = all.filter(|one| {
                        let kinds = one["dep_kinds"].as_array().expect("kinds");
                        kinds.iter().any(|kind| kind["kind"].is_null())
                    });
                    (
                        text(&node["id"]),
                        linked.map(|one| text(&one["pkg"])).collect(),
                    )
                })
                .collect(),
        }
    }

    /// The names of everything that links into this crate of ours.
    fn below(&self, name: &str) -> BTreeSet<&str> {
        let mut open: Vec<&String> = self
            .names
            .iter()
            .filter(|(_, other)| *other == name)
            .map(|(id, _)| id)
            .collect();
        assert_eq!(open.len(), 1, "{name} is there once");
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(&self.uses[id]);
            }
        }
        seen.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Our crates from the lowest floor up, and what each of them may use: only rows above its own. `couchkey-tests` may use
/// everything and is used by none.
const FLOORS: [(&str, &[&str]); 10] = [
    ("couchkey-otp", &[]),
    ("couchkey-qr", &[]),
    ("couchkey-vault", &["couchkey-otp"]),
    (
        "couchkey-formats",
        &["couchkey-otp", "couchkey-qr", "couchkey-vault"],
    ),
    (
        "couchkey-authenticator",
        &[
            "couchkey-formats",
            "couchkey-otp",
            "couchkey-qr",
            "couchkey-vault",
        ],
    ),
    ("couchkey-platform", &["couchkey-otp"]),
    (
        "couchkey-platform-server",
        &["couchkey-otp", "couchkey-platform"],
    ),
    ("couchkey-cli", &["couchkey-authenticator", "couchkey-otp"]),
    ("couchkey-app", &["couchkey-authenticator"]),
    ("couchkey-tests", &[]),
];

/// What does not follow [`FLOORS`], of crates and what each of them uses.
fn arrows_astray(arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut astray = Vec::new();
    for (&name, uses) in arrows.iter().filter(|(name, _)| **name != "couchkey-tests") {
        let Some(floor) = FLOORS.iter().position(|(other, _)| *other == name) else {
            astray.push(format!("{name} is on no floor"));
            continue;
        };
        for used in uses {
            let is_below = FLOORS[..floor].iter().any(|(other, _)| other == used);
            if !is_below || !FLOORS[floor].1.contains(used) {
                astray.push(format!("{name} uses {used}"));
            }
        }
    }
    astray
}

#[test]
fn arrows_between_our_crates_point_down_only() {
    let packages = Packages::read();
    let ours = |name: &&str| name.starts_with("couchkey-");
    let mut arrows = BTreeMap::new();
    for (id, name) in &packages.names {
        if ours(&name.as_str()) {
            let used = packages.uses[id].iter();
            let used = used.map(|id| packages.names[id].as_str());
            arrows.insert(name.as_str(), used.filter(ours).collect());
        }
    }
    assert_eq!(arrows_astray(&arrows), [""; 0]);
    let there: BTreeSet<&str> = arrows.keys().copied().collect();
    let planned: BTreeSet<&str> = FLOORS.iter().map(|(name, _)| *name).collect();
    assert_eq!(there, planned, "every crate has its floor");

    // And it is seen when one points up, past a floor that is not its own, or to a crate that nobody knows.
    arrows.insert("couchkey-vault", BTreeSet::from(["couchkey-formats"]));
    arrows.insert("couchkey-platform", BTreeSet::from(["couchkey-vault"]));
    arrows.insert("couchkey-new", BTreeSet::new());
    assert_eq!(
        arrows_astray(&arrows),
        [
            "couchkey-new is on no floor",
            "couchkey-platform uses couchkey-vault",
            "couchkey-vault uses couchkey-formats",
        ]
    );
}

/// Who opens a vault links nothing that reads hostile files.
#[test]
fn the_vault_has_no_parser_of_other_apps_files() {
    let packages = Packages::read();
    let vault = packages.below("couchkey-vault");
    assert!(
        vault.contains("chacha20poly1305"),
        "the graph is read: {vault:?}"
    );
    let formats = packages.below("couchkey-formats");
    for stranger in [
        "cesu8",
        "chardetng",
        "csv",
        "dryoc",
        "encoding_rs",
        "flate2",
        "html5ever",
        "image",
        "keepass",
        "libsqlite3-sys",
        "pbkdf2",
        "quick-xml",
        "resvg",
        "roxmltree",
        "rusqlite",
        "rxing",
        "scrypt",
        "serde_json",
        "twofish",
        "zip",
    ] {
        assert!(
            formats.contains(stranger),
            "{stranger} has another name by now"
        );
        assert!(!vault.contains(stranger), "couchkey-vault links {stranger}");
    }
}

/// Files, network, clock and surroundings are the authenticator's, and there the adapters' in os/.
#[test]
fn the_pure_crates_and_the_use_cases_reach_for_nothing_outside() {
    for name in ["crates/otp", "crates/qr", "crates/vault", "crates/formats"] {
        let source = uses::source(&source_of(name));
        assert!(source.len() > 5, "{name} is read");
        assert_eq!(reaches(&source), [""; 0], "{name}");
    }
    let mut authenticator = uses::source(&source_of("crates/authenticator"));
    assert!(!reaches(&authenticator).is_empty(), "its adapters do");
    authenticator.retain(|file, _| !file.with_extension("").starts_with("os"));
    assert!(authenticator.len() > 40, "its use cases are read");
    assert_eq!(reaches(&authenticator), [""; 0], "its use cases");

    let clock = Source::from([("a.rs".into(), "let now = std::time::Instant::now();".into())]);
    assert_eq!(reaches(&clock), ["a.rs: Instant"], "it would be seen");
    let file = Source::from([("a.rs".into(), "use std::{fs, io};".into())]);
    assert_eq!(reaches(&file), ["a.rs: std::fs"], "also in braces");
}

/// What is outside, and which file names it.
fn reaches(source: &Source) -> Vec<String> {
    const OUTSIDE: [&str; 7] = [
        "std::env",
        "std::fs",
        "std::io::stdin",
        "std::net",
        "std::process",
        "SystemTime",
        "Instant",
    ];
    let mut found = Vec::new();
    for (file, text) in source {
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let mut outside: Vec<&str> = Vec::new();
        for line in &code {
            outside.extend(OUTSIDE.iter().find(|name| line.contains(**name)));
        }
        // `use std::{fs, io}`, over one line or several.
        for tree in code.join("\n").split("use std::{").skip(1) {
            let tree = tree.split(';').next().unwrap_or_default();
            let names = tree.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let names: Vec<&str> = names.collect();
            let named = |module: &&&str| {
                let last = module.strip_prefix("std::");
                last.is_some_and(|last| names.contains(&last))
            };
            outside.extend(OUTSIDE.iter().filter(named));
        }
        found.extend(
            outside
                .iter()
                .map(|name| format!("{}: {name}", file.display())),
        );
    }
    found
}

/// Within a crate, files may need each other where they lie together; a circle through several folders is a tangle.
/// What the check sees is tested beside it, in src/uses.rs.
#[test]
fn no_circle_of_files_is_longer_than_a_folder() {
    for name in [
        "crates/otp",
        "crates/qr",
        "crates/vault",
        "crates/formats",
        "crates/authenticator",
        "crates/cli",
        "crates/platform",
        "crates/platform-server",
        "src-tauri",
    ] {
        let source = uses::source(&source_of(name));
        let circles = uses::circles_across_folders(&source);
        assert!(circles.is_empty(), "{name}: {circles:?}");
    }
}

/// The use cases are methods of one struct and may call each other; their files do not use each other in a circle. Only
/// an adapter and its parts in os/ do.
#[test]
fn no_two_use_cases_of_the_authenticator_need_each_other() {
    let mut source = uses::source(&source_of("crates/authenticator"));
    let circles = |source: &Source| -> Vec<String> {
        let circles = uses::circles(source).into_iter();
        let beyond = circles.filter(|circle| !circle.iter().all(|file| file.starts_with("os")));
        beyond.map(|circle| format!("{circle:?}")).collect()
    };
    assert_eq!(circles(&source), [""; 0]);

    let locate = source.get_mut(Path::new("locate.rs")).expect("it is there");
    locate.push_str("use crate::status::troubled;");
    assert_eq!(
        circles(&source),
        [r#"["locate.rs", "status.rs"]"#],
        "it would be seen"
    );
}

/// What is outside is reached by the ports: os/ uses the use cases, and none of them uses os/ or a stand-in.
#[test]
fn no_use_case_of_the_authenticator_calls_an_adapter() {
    let mut source = uses::source(&source_of("crates/authenticator"));
    let calls = |source: &Source| -> Vec<String> {
        let uses = uses::uses(source);
        let is_adapter = |file: &Path| {
            let name = file.with_extension("");
            name.starts_with("os") || name.starts_with("fake")
        };
        let use_cases = uses
            .iter()
            .filter(|(file, _)| !is_adapter(file) && **file != Path::new("lib.rs"));
        let calls = use_cases.flat_map(|(file, used)| {
            let adapters = used.iter().filter(|used| is_adapter(used));
            adapters.map(|used| format!("{} uses {}", file.display(), used.display()))
        });
        calls.collect()
    };
    assert_eq!(calls(&source), [""; 0]);

    let preview = source.get_mut(Path::new("add/preview.rs"));
    let preview = preview.expect("it is there");
    preview.push_str("fn f() { crate::os::screen::SystemScreen.capture() }");
    assert_eq!(
        calls(&source),
        ["add/preview.rs uses os/screen.rs"],
        "it would be seen"
    );
}

fn source_of(package: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join(package).join("src")
}

/// Who embeds the platform's library takes neither a web server nor a command line.
#[test]
fn the_platforms_library_has_no_web_server() {
    let packages = Packages::read();
    let below = packages.below("couchkey-platform");
    assert!(below.contains("sqlx"), "the graph is read: {below:?}");
    for stranger in [
        "axum",
        "axum-core",
        "clap",
        "figment",
        "governor",
        "tower-http",
        "utoipa",
    ] {
        assert!(
            !below.contains(stranger),
            "couchkey-platform links {stranger}"
        );
    }
    let server = packages.below("couchkey-platform-server");
    assert!(server.contains("axum") && server.contains("clap"));
}

/// The feature `testing` is never shipped, so nobody's first program may need it.
#[test]
fn the_platforms_examples_do_without_its_stand_ins() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/platform/src");
    let mut examples = 0;
    for file in std::fs::read_dir(source).expect("the source") {
        let path = file.expect("a file").path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue; // a folder
        };
        for line in text
            .lines()
            .filter(|line| line.trim_start().starts_with("///"))
        {
            examples += usize::from(line.contains("example::platform()"));
            assert!(!line.contains("testing::"), "{}: {line}", path.display());
        }
    }
    assert!(examples > 10, "the examples are found");
}
