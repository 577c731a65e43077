//! Exports a vault to a file and says how that went, for tests that make its calls to the disk fail.
//!
//! `exporter DIR FILE replace|keep`: says `ready` when the vault is open, then `done`, or `failed`, the error's code and its
//! cure.

use std::{
    io::{self, Write},
    path::Path,
};

use couchkey_authenticator::{
    Permission,
    view::{ExportForm, ExportFormat, VaultState},
};
use couchkey_tests::proof::on_disk;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, file, replace] = arguments.as_slice() else {
        panic!("DIR FILE replace|keep");
    };
    let app = on_disk(Path::new(dir));
    let status = app.open().expect("opening answers with a status");
    assert_eq!(status.state, VaultState::Open, "{:?}", status.trouble);
    say("ready");
    let form = ExportForm {
        format: ExportFormat::Aegis,
        ids: Vec::new(),
    };
    let exported = app.export_file(
        &form,
        &Permission::Confirmed,
        None,
        Path::new(file),
        replace == "replace",
        &mut |_| (),
    );
    match exported {
        Ok(_) => say("done"),
        Err(error) => {
            let report = error.report();
            say(&format!("failed {} {}", report.code.as_str(), report.hint));
        }
    }
}

/// One line, out of the process before anything else is done.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("somebody listens");
}
