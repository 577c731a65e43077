//! What a process asks the system to do to its files, seen by strace: recorded, or made to fail.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The calls that change a folder or a file, and those that make a change durable.
const CALLS: &str = "openat,write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,ftruncate,linkat";

/// One call that succeeded, in the order of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A new and empty file.
    Create(PathBuf),
    /// Bytes at the end of a file.
    Write(PathBuf, Vec<u8>),
    /// The content of a file, or the names in a folder, are durable.
    Sync(PathBuf),
    /// A file has another name, in place of what had it.
    Rename(PathBuf, PathBuf),
    /// A name is gone.
    Remove(PathBuf),
    /// A line on standard output.
    Say(String),
}

/// Runs a command and records what it does below `dir`, and what it says.
///
/// # Panics
/// Where strace cannot be run, the command fails, or it does something to the folder that has no place in [`Call`].
#[must_use]
pub fn record<S: AsRef<OsStr>>(dir: &Path, command: &[S]) -> Vec<Call> {
    let log = tempfile::NamedTempFile::new().expect("a file for the record");
    // -xx: every string in hexadecimal, so that a quote in a file's bytes ends nothing. -y: files by their path.
    let options = ["-f", "-qq", "-xx", "-y", "-s", "16777216", "-e"];
    let output = Command::new("strace")
        .args(options)
        .arg(format!("trace={CALLS}"))
        .arg("-o")
        .arg(log.path())
        .args(command)
        .output()
        .expect("strace is installed");
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(log.path()).expect("strace has written it");
    text.lines().filter_map(|line| call(line, dir)).collect()
}

/// Runs a command in which the `nth` call of a kind, from 1, fails with an error such as `EIO`.
///
/// # Panics
/// Where strace cannot be run.
#[must_use]
pub fn fail_nth<S: AsRef<OsStr>>(kind: &str, error: &str, nth: usize, command: &[S]) -> Output {
    Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-e", &format!("trace=?{kind}")])
        .args(["-e", &format!("inject=?{kind}:error={error}:when={nth}")])
        .args(command)
        .output()
        .expect("strace is installed")
}

/// How often a command makes each kind of call: before it says `ready`, and in all.
///
/// # Panics
/// Where strace cannot be run or the command fails.
#[must_use]
pub fn count<S: AsRef<OsStr>>(kinds: &[&str], command: &[S]) -> Vec<(usize, usize)> {
    let log = tempfile::NamedTempFile::new().expect("a file for the record");
    // Some kinds are not known on every processor; there they are not made either.
    let traced: Vec<String> = kinds.iter().map(|kind| format!("?{kind}")).collect();
    let output = Command::new("strace")
        .args(["-f", "-qq", "-xx", "-e"])
        .arg(format!("trace={}", traced.join(",")))
        .arg("-o")
        .arg(log.path())
        .args(command)
        .output()
        .expect("strace is installed");
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(log.path()).expect("strace has written it");
    let ready = text
        .find(&hex(b"ready"))
        .expect("it said that it was ready");
    let of = |text: &str, kind: &str| text.matches(&format!(" {kind}(")).count();
    let counts = kinds.iter();
    counts
        .map(|kind| (of(&text[..ready], kind), of(&text, kind)))
        .collect()
}

/// A line such as `123 write(3</home/x>, "\x41\x42", 2) = 2`; `None` for what failed or lies elsewhere.
fn call(line: &str, dir: &Path) -> Option<Call> {
    let (_, line) = line.split_once(' ')?;
    let (name, rest) = line.trim_start().split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') {
        return None;
    }
    let strings: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(unhex).collect();
    let path = |n: usize| PathBuf::from(String::from_utf8_lossy(&strings[n]).into_owned());
    let file = || {
        let (_, rest) = arguments.split_once('<')?;
        let (name, _) = rest.split_once('>')?;
        Some(PathBuf::from(
            String::from_utf8_lossy(&unhex(name)).into_owned(),
        ))
    };
    let below = |path: PathBuf| path.starts_with(dir).then_some(path);
    match name {
        "openat" if arguments.contains("O_CREAT") && arguments.contains("O_EXCL") => {
            below(path(0)).map(Call::Create)
        }
        "openat" => {
            let plain = !arguments.contains("O_CREAT") && !arguments.contains("O_TRUNC");
            let lock = path(0).ends_with("couchkey.lock");
            assert!(
                plain || lock || below(path(0)).is_none(),
                "a file is made openly: {line}"
            );
            None
        }
        "write" if arguments.starts_with("1<") => {
            let text = String::from_utf8_lossy(&strings[0]).trim_end().to_owned();
            Some(Call::Say(text))
        }
        "write" => {
            let file = below(file()?)?;
            let length: usize = result.split(' ').next()?.parse().ok()?;
            assert_eq!(
                length,
                strings[0].len(),
                "a short write: {}",
                file.display()
            );
            Some(Call::Write(file, strings[0].clone()))
        }
        "fsync" | "fdatasync" => below(file()?).map(Call::Sync),
        "rename" | "renameat" | "renameat2" => {
            below(path(0)).map(|from| Call::Rename(from, path(1)))
        }
        "unlink" | "unlinkat" => below(path(0)).map(Call::Remove),
        other => {
            let touched = strings.iter().any(|text| {
                below(PathBuf::from(String::from_utf8_lossy(text).into_owned())).is_some()
            });
            assert!(!touched, "{other} has no place in a record: {line}");
            None
        }
    }
}

/// strace's own spelling: `\x41\x42`; what stands there plainly stays.
fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match rest {
            [b'\\', b'x', high, low, tail @ ..] => {
                let digits = [*high, *low];
                let byte = data_encoding::HEXLOWER
                    .decode(&digits)
                    .expect("two hexadecimal digits");
                bytes.extend(byte);
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}
