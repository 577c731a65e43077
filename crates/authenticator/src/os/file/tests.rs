//! The disk as one process sees it; what needs several processes is in the package couchkey-tests.

use std::sync::mpsc;

use tempfile::TempDir;

use super::*;

fn vault() -> (TempDir, DiskFile) {
    let home = TempDir::new().unwrap();
    let disk = DiskFile::new(home.path().join("data/couchkey"));
    (home, disk)
}

/// Runs something that could hang for ever, and fails instead.
fn bounded<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, answer) = mpsc::channel();
    thread::spawn(move || tell.send(job()));
    answer
        .recv_timeout(Duration::from_secs(30))
        .expect("it answers within half a minute")
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_written_is_read_again_and_the_other_half_is_untouched() {
    let (_home, disk) = vault();
    assert_eq!(disk.read(Half::A), Ok(None), "nothing was written yet");
    disk.write(Half::A, b"first").unwrap();
    assert_eq!(disk.read(Half::B), Ok(None), "only A was written");
    disk.write(Half::B, b"second").unwrap();
    disk.write(Half::A, b"third").unwrap();
    assert_eq!(
        disk.read(Half::A),
        Ok(Some(b"third".to_vec())),
        "replaced, not appended"
    );
    assert_eq!(
        disk.read(Half::B),
        Ok(Some(b"second".to_vec())),
        "B is a file of its own"
    );
    assert_eq!(
        names(disk.dir()),
        ["vault.a", "vault.b"],
        "no temporary file is left"
    );
}

#[test]
fn looking_for_a_vault_makes_no_folder() {
    let (home, disk) = vault();
    assert_eq!(disk.read(Half::A), Ok(None), "there is none");
    let _ = disk.stamp();
    assert!(
        names(home.path()).is_empty(),
        "reading leaves no trace on the disk"
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_enter_the_folder_and_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let (_home, disk) = vault();
    let _lock = disk.lock().unwrap();
    disk.write(Half::A, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(disk.dir()), 0o700, "the folder");
    assert_eq!(
        mode(disk.dir().parent().unwrap()),
        0o700,
        "its parent, made with it"
    );
    assert_eq!(mode(&disk.path(Half::A)), 0o600, "the vault");
    assert_eq!(mode(&disk.dir().join(LOCK_NAME)), 0o600, "the lock");
}

#[test]
fn a_file_larger_than_any_vault_is_refused_before_it_is_read() {
    let (_home, disk) = vault();
    disk.write(Half::A, b"x").unwrap();
    // Sparse: it takes no space, but reading it would take 64 MiB of memory.
    let file = OpenOptions::new()
        .write(true)
        .open(disk.path(Half::A))
        .unwrap();
    file.set_len(LARGEST_VAULT + 1).unwrap();
    assert_eq!(
        disk.read(Half::A),
        Err(FileError::TooLarge),
        "one byte past 64 MiB"
    );
    let too_much = vec![0; LARGEST_VAULT as usize + 1];
    assert_eq!(
        disk.write(Half::B, &too_much),
        Err(FileError::TooLarge),
        "what could not be read again is not written"
    );
    assert_eq!(disk.read(Half::B), Ok(None), "and nothing came of it");
}

#[test]
fn a_folder_in_place_of_the_vault_is_an_error_and_stays() {
    let (_home, disk) = vault();
    fs::create_dir_all(disk.path(Half::A).join("inside")).unwrap();
    let wrong = FileError::Failed(ErrorKind::IsADirectory);
    assert_eq!(disk.read(Half::A), Err(wrong), "a folder is not a vault");
    assert_eq!(disk.write(Half::A, b"x"), Err(wrong), "nor is it replaced");
    assert_eq!(names(disk.dir()), ["vault.a"], "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_of_the_persons_own_is_followed_and_stays_a_link() {
    use std::os::unix::fs::symlink;
    let (home, disk) = vault();
    let first = [&FILE_MAGIC[..], b"the first"].concat();
    let second = [&FILE_MAGIC[..], b"the second"].concat();
    make_dir(disk.dir()).unwrap();
    let synced = home.path().join("synced");
    fs::create_dir(&synced).unwrap();
    fs::write(synced.join("vault.a"), &first).unwrap();
    symlink(synced.join("vault.a"), home.path().join("hop")).unwrap();
    // By way of another link, and by a name that is told from the link's own folder.
    symlink("../../hop", disk.path(Half::A)).unwrap();
    assert_eq!(
        disk.read(Half::A),
        Ok(Some(first)),
        "what it leads to is the vault"
    );
    let stamp = disk.stamp();
    disk.write(Half::A, &second).unwrap();
    assert_eq!(
        fs::read(synced.join("vault.a")).unwrap(),
        second,
        "and is written where it lies"
    );
    assert_ne!(disk.stamp(), stamp, "which is seen as a change");
    let link = fs::symlink_metadata(disk.path(Half::A)).unwrap();
    assert!(link.is_symlink(), "the link stays one");
    assert_eq!(names(&synced), ["vault.a"], "no temporary file is left");
    disk.set_aside().unwrap();
    assert_eq!(
        (
            disk.read(Half::A),
            fs::read(synced.join("vault.a")).unwrap()
        ),
        (Ok(None), second),
        "put aside as a link; what it leads to stays"
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_of_something_else_costs_nobody_that_file() {
    use std::os::unix::fs::symlink;
    let (home, disk) = vault();
    make_dir(disk.dir()).unwrap();
    let letter = home.path().join("letter.txt");
    for (text, is_lost) in [
        (&b"my letter"[..], false),
        (b"\x89CKB\r\n", false),
        (b"", true),
    ] {
        fs::write(&letter, text).unwrap();
        let _ = fs::remove_file(disk.path(Half::A));
        symlink(&letter, disk.path(Half::A)).unwrap();
        let wrong = match is_lost {
            true => Ok(()),
            false => Err(FileError::LinkToOther),
        };
        assert_eq!(disk.read(Half::A).map(|_| ()), wrong, "{text:?}");
        assert_eq!(disk.write(Half::A, b"vault"), wrong, "{text:?}");
        let kept = fs::read(&letter).unwrap();
        assert_eq!(kept == text, !is_lost, "{text:?}: but for an empty one");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_an_absent_vault() {
    use std::os::unix::fs::symlink;
    let (home, disk) = vault();
    make_dir(disk.dir()).unwrap();
    symlink(home.path().join("unplugged/vault.a"), disk.path(Half::A)).unwrap();
    symlink("vault.b", disk.path(Half::B)).unwrap();
    assert_eq!(
        disk.read(Half::A),
        Err(FileError::LostLink),
        "the disk is not plugged in"
    );
    assert_eq!(
        disk.write(Half::A, b"x"),
        Err(FileError::LostLink),
        "and is not pretended"
    );
    assert_eq!(
        disk.read(Half::B),
        Err(FileError::LostLink),
        "round in a circle"
    );
}

/// Only the administrator can make files of other people, so elsewhere there is nothing to try.
#[cfg(unix)]
#[test]
fn a_link_that_somebody_else_made_is_neither_followed_nor_replaced() {
    use std::os::unix::fs::{MetadataExt, lchown, symlink};
    let (home, disk) = vault();
    make_dir(disk.dir()).unwrap();
    let target = home.path().join("elsewhere");
    fs::write(&target, b"somebody else's").unwrap();
    symlink(&target, disk.path(Half::A)).unwrap();
    let meta = fs::symlink_metadata(disk.path(Half::A)).unwrap();
    assert!(is_ours(&meta), "we made it");
    if meta.uid() != 0 || lchown(disk.path(Half::A), Some(65_534), None).is_err() {
        return;
    }
    let foreign = FileError::ForeignLink;
    assert_eq!(disk.read(Half::A), Err(foreign), "not followed");
    assert_eq!(disk.write(Half::A, b"x"), Err(foreign), "nor replaced");
    assert_eq!(disk.set_aside(), Err(foreign), "nor moved");
    assert_eq!(
        fs::read(&target).unwrap(),
        b"somebody else's",
        "what it leads to is untouched"
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_called_so() {
    let (_home, disk) = vault();
    fs::create_dir_all(disk.dir().parent().unwrap()).unwrap();
    fs::write(disk.dir(), b"my notes").unwrap();
    let wrong = FileError::NotAFolder;
    #[cfg(unix)]
    assert_eq!(
        disk.read(Half::A),
        Err(wrong),
        "there can be no vault in it"
    );
    assert_eq!(disk.write(Half::A, b"x"), Err(wrong), "nor is it replaced");
    assert_eq!(disk.lock().map(drop), Err(wrong), "nor locked");
    assert_eq!(fs::read(disk.dir()).unwrap(), b"my notes", "untouched");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_in_place_of_the_vault_or_the_lock_does_not_hang() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (_home, disk) = vault();
    make_dir(disk.dir()).unwrap();
    for path in [disk.path(Half::A), disk.dir().join(LOCK_NAME)] {
        mknodat(CWD, path, FileType::Fifo, Mode::from_bits_retain(0o600), 0).unwrap();
    }
    let wrong = FileError::Failed(ErrorKind::InvalidInput);
    let reader = disk.clone();
    assert_eq!(
        bounded(move || reader.read(Half::A)),
        Err(wrong),
        "nobody is at the pipe's other end"
    );
    let locker = disk.clone();
    assert_eq!(
        bounded(move || locker.lock().map(drop)),
        Err(FileError::BadLock),
        "a lock is a plain file too, and has words of its own"
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_that_slips_in_after_the_first_look_is_still_not_waited_for() {
    // What `read_whole` relies on between its two looks: opening so never blocks and never follows.
    let home = TempDir::new().unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(home.path(), &link).unwrap();
    let mut options = OpenOptions::new();
    options.read(true);
    open_plainly(&mut options);
    assert!(options.open(&link).is_err(), "O_NOFOLLOW is set");
}

#[test]
fn a_place_where_nothing_may_be_made_is_denied() {
    #[cfg(target_os = "linux")]
    assert_eq!(
        DiskFile::new("/sys/kernel/couchkey").write(Half::A, b"x"),
        Err(FileError::Denied),
        "not even root makes folders there"
    );
    let (home, _) = vault();
    let file = home.path().join("file");
    fs::write(&file, b"").unwrap();
    let below_a_file = DiskFile::new(file.join("couchkey")).write(Half::A, b"x");
    assert_eq!(
        below_a_file,
        Err(FileError::NotAFolder),
        "a file has no folders"
    );
}

#[test]
fn each_failure_of_the_disk_has_its_word() {
    for (kind, word) in [
        (ErrorKind::StorageFull, FileError::Full),
        (ErrorKind::QuotaExceeded, FileError::Full),
        (ErrorKind::FileTooLarge, FileError::Full),
        (ErrorKind::PermissionDenied, FileError::Denied),
        (ErrorKind::ReadOnlyFilesystem, FileError::Denied),
        (ErrorKind::NotADirectory, FileError::NotAFolder),
        (ErrorKind::Other, FileError::Failed(ErrorKind::Other)),
    ] {
        assert_eq!(from_io(&kind.into()), word, "{kind}");
    }
}

#[test]
fn two_handles_in_one_process_exclude_each_other() {
    let (_home, disk) = vault();
    let other = DiskFile::new(disk.dir()).with_lock_wait(Duration::from_millis(50));
    let held = disk.lock().unwrap();
    assert_eq!(
        other.lock().map(drop),
        Err(FileError::Busy),
        "the wait is bounded"
    );
    drop(held);
    assert_eq!(other.lock().map(drop), Ok(()), "free again");
}

#[test]
fn whoever_waits_for_the_lock_gets_it_when_it_is_free() {
    let (_home, disk) = vault();
    let (tell, answer) = mpsc::channel();
    let held = disk.lock().unwrap();
    let other = disk.clone();
    thread::spawn(move || tell.send(other.lock().map(drop)));
    drop(held);
    assert_eq!(
        answer.recv_timeout(Duration::from_secs(30)),
        Ok(Ok(())),
        "it waited, and then had it"
    );
}

#[test]
fn what_a_dead_writer_left_is_swept_away_and_nothing_else_is() {
    let (_home, disk) = vault();
    disk.write(Half::A, b"x").unwrap();
    fs::create_dir(disk.dir().join(KEYRING_DIR)).unwrap();
    for name in [
        ".couchkey-0123456789abcdef.tmp",
        "keyring/.couchkey-fedcba9876543210.tmp",
        ".couchkey-notes",
        "mine.tmp",
    ] {
        fs::write(disk.dir().join(name), b"x").unwrap();
    }
    drop(disk.lock().unwrap());
    assert_eq!(
        names(disk.dir()),
        [
            ".couchkey-notes",
            "couchkey.lock",
            "keyring",
            "mine.tmp",
            "vault.a"
        ],
        "only names that we give to temporary files are ours to remove"
    );
    assert!(
        names(&disk.dir().join(KEYRING_DIR)).is_empty(),
        "the file keyring's leftovers too"
    );
}

#[test]
fn the_stamp_changes_with_either_file_and_only_then() {
    let (_home, disk) = vault();
    let mut seen = vec![disk.stamp()];
    let mut changed = |what: &str| {
        let stamp = disk.stamp();
        assert_eq!(stamp, disk.stamp(), "asking changes nothing: {what}");
        assert!(!seen.contains(&stamp), "{what} changes it");
        seen.push(stamp);
    };
    disk.write(Half::A, b"one").unwrap();
    changed("a first file");
    disk.write(Half::B, b"one").unwrap();
    changed("a second file");
    disk.write(Half::A, b"two").unwrap();
    changed("the same length with other bytes");
    fs::remove_file(disk.path(Half::B)).unwrap();
    changed("a lost file");
}

#[cfg(target_os = "linux")]
#[test]
fn the_data_directory_is_named_after_us() {
    // A minimal system may have no home at all; then there is none, and the shell asks for one.
    if let Some(dir) = default_data_dir() {
        assert!(dir.is_absolute(), "{}", dir.display());
        assert!(dir.ends_with("couchkey"), "{}", dir.display());
    }
}
