//! Changes a vault after a plan, as fast as it can, until it is killed or done.
//!
//! `changer DIR SEED SKIP COUNT`: follows the [`Plan`] of SEED, whose first SKIP changes are made already, and makes COUNT
//! more. It says `ready` when the vault is open, and the number of changes made, in all, after each one.
//!
//! `changer DIR SEED SKIP COUNT lock` follows the [`LockPlan`] of SEED, and also says `writing` as soon as the keyring has
//! a new device key.

use std::{
    io::{self, Write},
    path::Path,
};

use couchkey_authenticator::view::VaultState;
use couchkey_tests::proof::{LockPlan, Plan, on_disk, on_disk_telling};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, seed, skip, count, what @ ..] = arguments.as_slice() else {
        panic!("DIR SEED SKIP COUNT [lock]");
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let (seed, skip, count) = (number(seed), number(skip), number(count));
    let changes = skip + 1..=skip + count;
    if what.is_empty() {
        let mut plan = Plan::after(seed, skip);
        let app = on_disk(Path::new(dir));
        let status = app.open().expect("opening answers with a status");
        assert_eq!(status.state, VaultState::Open, "{:?}", status.trouble);
        say("ready");
        for done in changes {
            said(done, plan.next_change().make(&app));
        }
    } else {
        let mut plan = LockPlan::after(seed, skip);
        let app = on_disk_telling(Path::new(dir), |entry| {
            if entry.ends_with("/device-key") {
                say("writing");
            }
        });
        match plan.passphrase {
            Some(passphrase) => app.unlock(passphrase),
            None => app.open(),
        }
        .expect("the parent process has just opened it in this way");
        say("ready");
        for done in changes {
            said(done, plan.next_change().make(&app));
        }
    }
}

fn said(done: u64, made: Result<(), couchkey_authenticator::Error>) {
    if let Err(error) = made {
        say(&format!("failed {}", error.code().as_str()));
        std::process::exit(1);
    }
    say(&done.to_string());
}

/// One line, out of the process before the next change begins.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("somebody listens");
}
