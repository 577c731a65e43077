//! Processes that die in the middle, processes that want the same file, and a disk that is full.

use std::fs;

use super::*;
use couchkey_authenticator::os::DiskFile;
use couchkey_authenticator::ports::{FileError, VaultFile};
use couchkey_vault::Half;

#[test]
fn a_writer_killed_at_any_moment_leaves_every_generation_it_promised() {
    let home = tempfile::tempdir().unwrap();
    let disk = DiskFile::new(home.path().join("couchkey"));
    for round in 0..40 {
        let mut writer = Adapter::disk(disk.dir());
        writer.tell("save");
        // Killed after a different number of saves each time, and wherever it is in the next one.
        let mut promised: u64 = 0;
        for _ in 0..=round % 7 {
            promised = writer.answer().parse().unwrap();
        }
        writer.kill();
        let newest = [Half::A, Half::B]
            .into_iter()
            .filter_map(|half| disk.read(half).unwrap())
            .map(|bytes| {
                let generation: [u8; 8] = bytes[..8].try_into().unwrap();
                assert_eq!(
                    bytes,
                    generation.repeat(30_000),
                    "a file is one generation, and whole: round {round}"
                );
                u64::from_le_bytes(generation)
            })
            .max();
        assert!(
            newest.is_some_and(|newest| newest >= promised),
            "said saved, so it is there: round {round}, promised {promised}, found {newest:?}"
        );
        fs::remove_file(disk.path(Half::A)).ok();
        fs::remove_file(disk.path(Half::B)).ok();
    }
    drop(disk.lock().unwrap());
    let left: Vec<_> = fs::read_dir(disk.dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        left,
        ["couchkey.lock"],
        "the next to lock sweeps up what the dead left"
    );
}

#[test]
fn two_processes_that_count_at_once_lose_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut counters = [Adapter::disk(home.path()), Adapter::disk(home.path())];
    counters
        .iter_mut()
        .for_each(|counter| counter.tell("count 100"));
    for counter in &counters {
        assert_eq!(counter.answer(), "\"counted\"", "both come to their turn");
    }
    let total = DiskFile::new(home.path()).read(Half::A).unwrap().unwrap();
    assert_eq!(
        total,
        200_u64.to_le_bytes(),
        "read, add one, write: 200 times"
    );
}

#[test]
fn a_process_that_holds_the_lock_makes_others_wait_until_it_dies() {
    let home = tempfile::tempdir().unwrap();
    let disk = DiskFile::new(home.path()).with_lock_wait(Duration::from_millis(100));
    let mut holder = Adapter::disk(home.path());
    assert_eq!(holder.ask("lock"), "Ok(())", "free at first");
    assert_eq!(
        disk.lock().map(drop),
        Err(FileError::Busy),
        "the wait is bounded"
    );
    holder.kill();
    assert_eq!(
        disk.lock().map(drop),
        Ok(()),
        "a dead process holds nothing"
    );
}

#[test]
fn a_full_disk_keeps_the_old_vault_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut adapter = on_a_tiny_disk(home.path());
    assert_eq!(adapter.ask("write a 1000"), "Ok(())", "that fits");
    for attempt in 0..3 {
        assert_eq!(
            adapter.ask("write a 2000000"),
            "Err(Full)",
            "two megabytes do not fit into one: attempt {attempt}"
        );
        assert_eq!(
            adapter.ask("read a"),
            "Ok(Some(1000))",
            "the old one is whole"
        );
    }
    assert_eq!(
        adapter.ask("write b 500000"),
        "Ok(())",
        "a failed write left nothing behind that takes space"
    );
}

/// A file system of one megabyte where we may mount one, else a limit of as much for every file.
fn on_a_tiny_disk(dir: &Path) -> Adapter {
    let mount = r#"mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" disk "$1/couchkey""#;
    // Being killed is what a process that ignores nothing gets for a file too large; ours is to hear of it.
    let limit = r#"trap "" XFSZ; ulimit -f 1000; exec "$2" disk "$1/couchkey""#;
    let in_a_shell = |mut command: Command, script: &str| {
        command
            .args(["sh", "-c", script, "sh"])
            .arg(dir)
            .arg(Adapter::program());
        Adapter::start(command)
    };
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount"]);
    let mounted = in_a_shell(unshare, mount);
    if mounted
        .answers
        .recv_timeout(PATIENCE)
        .is_ok_and(|line| line == "\"ready\"")
    {
        return mounted;
    }
    let limited = in_a_shell(Command::new("env"), limit);
    assert_eq!(limited.answer(), "\"ready\"", "it started");
    limited
}
