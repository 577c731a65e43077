//! Changes a vault after a plan, as fast as it can, until it is killed or done.
//!
//! `changer DIR SEED SKIP COUNT`: follows the [`Plan`] of SEED, whose first SKIP changes are made already, and makes COUNT
//! more. It says `ready` when the vault is open, and the number of changes made, in all, after each one.

use std::{
    io::{self, Write},
    path::Path,
};

use couchkey_authenticator::view::VaultState;
use couchkey_tests::proof::{Plan, on_disk};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, seed, skip, count] = arguments.as_slice() else {
        panic!("DIR SEED SKIP COUNT");
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let (skip, count) = (number(skip), number(count));

    let mut plan = Plan::after(number(seed), skip);
    let app = on_disk(Path::new(dir));
    let status = app.open().expect("opening answers with a status");
    assert_eq!(status.state, VaultState::Open, "{:?}", status.trouble);
    say("ready");
    for done in skip + 1..=skip + count {
        let change = plan.next_change();
        if let Err(error) = change.make(&app) {
            say(&format!("failed {}", error.code().as_str()));
            std::process::exit(1);
        }
        say(&done.to_string());
    }
}

/// One line, out of the process before the next change begins.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("somebody listens");
}
