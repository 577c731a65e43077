//! One adapter in a process of its own, for tests that kill it, lock it out, or give it another desktop.
//!
//! It reads one order a line and answers each with one line, so that nothing secret stands in its arguments:
//!
//! - `os_adapter disk DIR`: `write a 100`, `read a`, `lock`, `unlock`, `count 50`, `save`
//! - `os_adapter keyring MILLISECONDS`: `get NAME`, `set NAME TEXT`, `delete NAME`, `state`
//! - `os_adapter screen DIR`: `capture` writes each picture's grey bytes to `DIR/0`, `DIR/1` …

use std::env;
use std::fmt::Debug;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use couchkey_authenticator::os::{DiskFile, SystemKeyring, SystemScreen};
use couchkey_authenticator::ports::{Keyring, Screen, VaultFile};
use couchkey_vault::Half;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, argument] = arguments.as_slice() else {
        panic!("disk, keyring or screen, and its argument");
    };
    match what.as_str() {
        "disk" => disk(&DiskFile::new(argument)),
        "keyring" => keyring(Duration::from_millis(
            argument.parse().expect("a number of milliseconds"),
        )),
        "screen" => screen(Path::new(argument)),
        other => panic!("{other}: no such adapter"),
    }
}

fn disk(disk: &DiskFile) {
    let mut held = None;
    say("ready");
    orders(|order| match order {
        ["write", name, length] => {
            let bytes = vec![b'x'; length.parse().expect("a length")];
            say(disk.write(half(name), &bytes));
        }
        ["read", name] => say(disk.read(half(name)).map(|bytes| bytes.map(|b| b.len()))),
        ["lock"] => {
            let result = disk.lock().map(|lock| held = Some(lock));
            say(result);
        }
        ["unlock"] => {
            held = None;
            say("unlocked");
        }
        // Adds one to the number in the file, again and again, each time under the lock.
        ["count", times] => {
            for _ in 0..times.parse().expect("a number") {
                let _lock = disk.lock().expect("the others let go");
                let number = disk.read(Half::A).expect("it can be read");
                let number = number.map_or(0, |bytes| {
                    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
                });
                disk.write(Half::A, &(number + 1).to_le_bytes())
                    .expect("it can be written");
            }
            say("counted");
        }
        // Writes generation after generation into A and B in turn, and says each one, until it is killed.
        ["save"] => {
            for generation in 1_u64.. {
                let _lock = disk.lock().expect("nobody else is there");
                let bytes = generation.to_le_bytes().repeat(30_000);
                let name = if generation % 2 == 0 { "a" } else { "b" };
                disk.write(half(name), &bytes).expect("it can be written");
                say(generation);
            }
        }
        other => panic!("{other:?}: no such order"),
    });
}

fn keyring(timeout: Duration) {
    let keyring = match SystemKeyring::connect_within(timeout) {
        Ok(keyring) => keyring,
        Err(error) => return say(Err::<(), _>(error)),
    };
    say("ready");
    orders(|order| match order {
        ["get", name] => say(keyring
            .get(name)
            .map(|text| text.map(|text| String::from_utf8_lossy(&text).into_owned()))),
        ["set", name, text] => say(keyring.set(name, text.as_bytes())),
        ["delete", name] => say(keyring.delete(name)),
        ["state"] => say(keyring.state()),
        other => panic!("{other:?}: no such order"),
    });
}

fn screen(dir: &Path) {
    say("ready");
    orders(|order| match order {
        ["capture"] => match SystemScreen.capture() {
            Ok(pictures) => {
                let mut sizes = Vec::new();
                for (number, picture) in pictures.iter().enumerate() {
                    let path: PathBuf = dir.join(number.to_string());
                    fs::write(path, picture.luma()).expect("the folder can be written");
                    sizes.push((picture.width(), picture.height()));
                }
                say(sizes);
            }
            Err(error) => say(Err::<(), _>(error)),
        },
        other => panic!("{other:?}: no such order"),
    });
}

fn orders(mut obey: impl FnMut(&[&str])) {
    for line in io::stdin().lock().lines() {
        let line = line.expect("orders are text");
        obey(&line.split(' ').collect::<Vec<_>>());
    }
}

fn say(answer: impl Debug) {
    println!("{answer:?}");
    io::stdout().flush().expect("somebody listens");
}

fn half(name: &str) -> Half {
    match name {
        "a" => Half::A,
        "b" => Half::B,
        other => panic!("{other}: a or b"),
    }
}
