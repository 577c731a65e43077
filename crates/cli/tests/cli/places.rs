//! What else may lie where one of our files belongs: a folder, a link, a pipe, a device, a disk that fails. Nothing hangs,
//! nothing is lost, and what is wrong is said. And lists of an opening that may not be complete.
#![cfg(target_os = "linux")] // `mkfifo`, /dev/zero and /proc as Linux has them

use std::{
    fs::{self, File},
    os::unix::{
        fs::{FileTypeExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::run::{Home, Run, STREAM_TV};

const PLUS: &str = "otpauth://totp/Plus:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Plus";
const THIRD: &str = "otpauth://totp/Third:bob?secret=KRUGKIDROVUWG2ZAMJZG653OEBTG66BA&issuer=Third";

/// Far more than any command takes on the busiest machine.
const HANGS: Duration = Duration::from_secs(120);

/// A vault with two accounts, its recovery key, which is on a sheet, and nothing that doctor could mind.
fn whole() -> (Home, String) {
    let home = Home::new();
    let sheet = home.file("sheet.html");
    let made = home.run(&["init", "--sheet", sheet.to_str().unwrap()], "");
    assert_eq!(made.code, 0, "{made:?}");
    let key = made.stdout.lines().map(str::trim);
    let key: Vec<&str> = key
        .filter(|line| line.len() == 23 && line.split('-').all(|group| group.len() == 5))
        .collect();
    let key = key.join("-");
    for uri in [STREAM_TV, PLUS] {
        assert_eq!(home.run(&["add", "-"], uri).code, 0, "{uri}");
    }
    assert_eq!(run(&home, &["doctor"], "").code, 0, "all is well");
    (home, key)
}

/// As [`Home::run`], and ended if it hangs.
fn run(home: &Home, arguments: &[&str], input: &str) -> Run {
    let mut all = vec!["--passphrase-fd", "3"];
    all.extend(arguments);
    fs::write(home.file("stdin"), input).unwrap();
    let mut command = home.command(&all);
    command.stdin(File::open(home.file("stdin")).unwrap());
    bounded(command, arguments)
}

fn bounded(mut command: Command, arguments: &[&str]) -> Run {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id().to_string();
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    match ended.recv_timeout(HANGS) {
        Ok(output) => output.unwrap().into(),
        Err(_) => {
            let _ = Command::new("kill").args(["-9", &pid]).status();
            panic!("{arguments:?} hangs");
        }
    }
}

/// How many accounts `list` shows, whatever it thinks of them.
fn listed(home: &Home) -> usize {
    let list = run(home, &["--json", "list"], "");
    let list: serde_json::Value = serde_json::from_str(&list.stdout)
        .unwrap_or_else(|error| panic!("a list ({error}): {list:?}"));
    list.as_array()
        .unwrap_or_else(|| panic!("a list: {list}"))
        .len()
}

/// Something that is none of our files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    Folder,
    LinkToNowhere,
    LinkToALetter,
    Pipe,
    Socket,
    Device,
    FailingDisk,
    TooLarge,
}

use Obstacle as O;

const ALL: [Obstacle; 8] = [
    O::Folder,
    O::LinkToNowhere,
    O::LinkToALetter,
    O::Pipe,
    O::Socket,
    O::Device,
    O::FailingDisk,
    O::TooLarge,
];

/// One of each kind, where there are many places to try.
const KINDS: [Obstacle; 4] = [O::Folder, O::LinkToALetter, O::Pipe, O::TooLarge];

const LETTER: &str = "a letter that must not be lost";

impl Obstacle {
    fn put(self, home: &Home, at: &Path) {
        let letter = home.file("letter.txt");
        match self {
            O::Folder => {
                fs::create_dir(at).unwrap();
                fs::write(at.join("letter.txt"), LETTER).unwrap();
            }
            O::LinkToNowhere => symlink(home.file("unplugged/there"), at).unwrap(),
            O::LinkToALetter => {
                fs::write(&letter, LETTER).unwrap();
                symlink(letter, at).unwrap();
            }
            O::Pipe => {
                let made = Command::new("mkfifo").arg(at).status().unwrap();
                assert!(made.success(), "a pipe that nobody writes to");
            }
            O::Socket => {
                // A socket's own name must be short.
                drop(UnixListener::bind(home.file("s")).unwrap());
                fs::rename(home.file("s"), at).unwrap();
            }
            O::Device => symlink("/dev/zero", at).unwrap(),
            // A plain file, as far as anybody can see before it is read.
            O::FailingDisk => symlink("/proc/self/mem", at).unwrap(),
            O::TooLarge => File::create(at).unwrap().set_len((64 << 20) + 1).unwrap(),
        }
    }

    fn is_still(self, home: &Home, at: &Path) -> bool {
        let is_a_link = |to: &Path| fs::read_link(at).is_ok_and(|there| there == to);
        let kind = fs::symlink_metadata(at).unwrap().file_type();
        let letter = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text == LETTER);
        match self {
            O::Folder => letter(&at.join("letter.txt")),
            O::LinkToNowhere => {
                is_a_link(&home.file("unplugged/there")) && !home.file("unplugged").exists()
            }
            O::LinkToALetter => {
                let to = home.file("letter.txt");
                is_a_link(&to) && letter(&to)
            }
            O::Pipe => kind.is_fifo(),
            O::Socket => kind.is_socket(),
            O::Device => is_a_link(Path::new("/dev/zero")),
            O::FailingDisk => is_a_link(Path::new("/proc/self/mem")),
            O::TooLarge => kind.is_file(),
        }
    }

    fn take_away(self, at: &Path) {
        match self {
            O::Folder => fs::remove_dir_all(at),
            _ => fs::remove_file(at),
        }
        .unwrap();
    }

    /// What doctor says of it in the place of one of the vault's files.
    fn why(self) -> &'static str {
        match self {
            O::Folder => "there is a folder in its place",
            O::LinkToNowhere => "it is a link, and there is nothing where it leads",
            O::LinkToALetter => "it is a link to a file that holds no vault",
            O::Pipe | O::Socket | O::Device => "something that is no file is in its place",
            // Only the administrator is let in as far as the failure.
            O::FailingDisk => "",
            O::TooLarge => "it is larger than any vault",
        }
    }
}

/// Doctor names the half and the reason, and ends with trouble.
fn doctor_minds(home: &Home, half: &str, obstacle: Obstacle, what: &str) {
    let doctor = run(home, &["doctor"], "");
    assert_eq!(doctor.code, 1, "{what}: trouble: {doctor:?}");
    let cannot = match obstacle {
        // What is too large for a vault is nobody's, so it is written over at once.
        O::TooLarge => "could not",
        _ => "cannot",
    };
    let says = format!("{half} {cannot} be read: {}", obstacle.why());
    assert!(
        doctor.stdout.contains(&says),
        "{what}: which file, and why: {doctor:?}"
    );
}

/// What was mended just now is said once.
fn doctor_is_content_in_the_end(home: &Home, what: &str) {
    run(home, &["doctor"], "");
    let doctor = run(home, &["doctor"], "");
    assert_eq!(doctor.code, 0, "{what}: {doctor:?}");
}

#[test]
fn row_6_one_half_of_the_vault_may_be_anything_and_nothing_is_lost() {
    for (half, other, obstacles) in [
        ("vault.a", "vault.b", &ALL[..]),
        ("vault.b", "vault.a", &KINDS),
    ] {
        for obstacle in obstacles.iter().copied() {
            let what = format!("{obstacle:?} in place of {half}");
            let (home, key) = whole();
            let at = home.file("vault").join(half);
            fs::remove_file(&at).unwrap();
            obstacle.put(&home, &at);
            doctor_minds(&home, half, obstacle, &what);
            let list = run(&home, &["list"], "");
            assert_eq!(list.code, 0, "{what}: {list:?}");
            assert_eq!(listed(&home), 2, "{what}: by the other half");
            assert!(
                !(list.stderr.contains("mended") && list.stderr.contains("could not be written")),
                "{what}: one of them is not so: {list:?}"
            );
            let added = run(&home, &["add", "-"], THIRD);
            assert_eq!(added.code, 0, "{what}: changes are kept: {added:?}");
            let recovered = run(&home, &["recover"], &key);
            assert_eq!(recovered.code, 0, "{what}: the sheet helps: {recovered:?}");
            assert_eq!(listed(&home), 3, "{what}: after recovery");
            if obstacle != O::TooLarge {
                doctor_minds(&home, half, obstacle, &what);
                assert!(obstacle.is_still(&home, &at), "{what}: it is not ours");
                obstacle.take_away(&at);
            }
            doctor_is_content_in_the_end(&home, &what);
            // The next change goes to the half that was away, and that is whole by itself.
            let edited = run(&home, &["edit", "third", "--pin"], "");
            assert_eq!(edited.code, 0, "{what}: {edited:?}");
            fs::remove_dir_all(home.file("vault/keyring")).unwrap();
            fs::remove_file(home.file("vault").join(other)).unwrap();
            assert_eq!(listed(&home), 3, "{what}: in the end");
        }
    }
}

#[test]
fn row_6_both_halves_may_be_anything_and_the_keyring_has_everything() {
    for obstacle in ALL {
        let what = format!("{obstacle:?} in place of both");
        let (home, _) = whole();
        let halves = ["vault.a", "vault.b"].map(|half| home.file("vault").join(half));
        for at in &halves {
            fs::remove_file(at).unwrap();
            obstacle.put(&home, at);
        }
        if obstacle == O::TooLarge {
            // One of them is written over by then.
            let doctor = run(&home, &["doctor"], "");
            assert_eq!(doctor.code, 1, "{what}: {doctor:?}");
        } else {
            doctor_minds(&home, "vault.a", obstacle, &what);
            doctor_minds(&home, "vault.b", obstacle, &what);
        }
        assert_eq!(listed(&home), 2, "{what}: by the keyring alone");
        let init = run(&home, &["--json", "init"], "");
        assert_eq!(init.error(), "vault_exists", "{what}: none beside it");
        if obstacle != O::TooLarge {
            let added = run(&home, &["--json", "add", "-"], THIRD);
            assert_eq!(added.code, 1, "{what}: nothing can be saved: {added:?}");
            assert_eq!(added.error(), "storage_failed", "{what}: {added:?}");
            for at in &halves {
                assert!(obstacle.is_still(&home, at), "{what}: they are not ours");
                obstacle.take_away(at);
            }
        }
        assert_eq!(listed(&home), 2, "{what}: in the end");
    }
}

#[test]
fn the_lock_may_be_anything_and_codes_are_shown() {
    for obstacle in ALL {
        let what = format!("{obstacle:?} in place of the lock");
        let (home, _) = whole();
        let at = home.file("vault/couchkey.lock");
        fs::remove_file(&at).unwrap();
        obstacle.put(&home, &at);
        let list = run(&home, &["list"], "");
        assert_eq!((list.code, listed(&home)), (0, 2), "{what}: {list:?}");
        let added = run(&home, &["--json", "add", "-"], THIRD);
        if obstacle == O::TooLarge {
            // Nothing is ever read of it: any plain file is a lock.
            assert_eq!((added.code, listed(&home)), (0, 3), "{what}: {added:?}");
            continue;
        }
        assert_eq!(added.code, 1, "{what}: {added:?}");
        assert_eq!(added.error(), "storage_failed", "{what}");
        let doctor = run(&home, &["doctor"], "");
        assert_eq!(doctor.code, 1, "{what}: {doctor:?}");
        for said in [&added.stderr, &doctor.stdout] {
            assert!(
                said.contains("in the place of couchkey.lock")
                    && said.contains("Move it out of the way"),
                "{what}: which file, and what to do: {said}"
            );
        }
        assert!(obstacle.is_still(&home, &at), "{what}: it is not ours");
        obstacle.take_away(&at);
        assert_eq!(run(&home, &["add", "-"], THIRD).code, 0, "{what}: then");
        assert_eq!(listed(&home), 3, "{what}: in the end");
    }
}

#[test]
fn the_file_keyring_may_be_anything_and_the_files_have_everything() {
    // The folder, and each entry in it.
    for (place, obstacles) in [
        ("", &ALL[..]),
        ("head", &KINDS),
        ("bundle-0", &KINDS),
        ("vaults", &KINDS),
    ] {
        for obstacle in obstacles.iter().copied() {
            let what = format!("{obstacle:?} in place of the keyring's {place:?}");
            let (home, _) = whole();
            let folder = home.file("vault/keyring");
            let at = match place {
                "" => folder.clone(),
                entry => entries(&folder, entry),
            };
            if at.is_dir() {
                fs::remove_dir_all(&at).unwrap();
            } else {
                fs::remove_file(&at).unwrap();
            }
            obstacle.put(&home, &at);
            let list = run(&home, &["list"], "");
            assert_eq!((list.code, listed(&home)), (0, 2), "{what}: {list:?}");
            let init = run(&home, &["--json", "init"], "");
            assert_eq!(init.error(), "vault_exists", "{what}: none beside it");
            if obstacle.is_still(&home, &at) {
                obstacle.take_away(&at);
            }
            doctor_is_content_in_the_end(&home, &what);
            assert_eq!(run(&home, &["add", "-"], THIRD).code, 0, "{what}: then");
            for half in ["vault.a", "vault.b"] {
                fs::remove_file(home.file("vault").join(half)).unwrap();
            }
            assert_eq!(listed(&home), 3, "{what}: by the keyring alone");
        }
    }
}

/// The file of the entry whose name ends so.
fn entries(folder: &Path, name: &str) -> PathBuf {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let files = fs::read_dir(folder).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    files
        .find(|file| file.to_string_lossy().contains(&hex))
        .unwrap_or_else(|| panic!("an entry for {name}"))
}

#[test]
fn neither_the_vault_s_folder_nor_what_it_is_in_is_taken_for_an_empty_place() {
    for obstacle in ALL {
        if obstacle == O::Folder {
            continue; // that is what belongs there
        }
        for below in ["", "deep/er"] {
            let what = format!("{obstacle:?} in place of the vault's folder, {below:?} below");
            let home = Home::new();
            let at = home.file("vault");
            obstacle.put(&home, &at);
            for command in ["init", "list", "doctor"] {
                let mut couchkey = Command::new(env!("CARGO_BIN_EXE_couchkey"));
                couchkey
                    .env_clear()
                    .envs(home.environment())
                    .env("COUCHKEY_DATA_DIR", at.join(below))
                    .args(["--keyring", "file", "--passphrase-fd", "0", command])
                    .stdin(File::open(home.file("passphrase")).unwrap());
                let ended = bounded(couchkey, &[command]);
                assert_eq!(ended.code, 1, "{what}: {command}: {ended:?}");
                let said = format!("{}{}", ended.stdout, ended.stderr);
                let words = match obstacle {
                    O::LinkToNowhere => "there is nothing where that leads",
                    _ => "There is a file where the vault's folder should be",
                };
                assert!(said.contains(words), "{what}: {command}: {ended:?}");
            }
            assert!(obstacle.is_still(&home, &at), "{what}: it is not ours");
        }
    }
}

#[test]
fn a_backup_and_its_folder_may_be_anything() {
    for obstacle in KINDS {
        let what = format!("{obstacle:?} in place of a backup");
        let (home, key) = whole();
        let folder = home.file("backups");
        let path = folder.to_str().unwrap();
        let told = run(&home, &["backup", "--auto", path], "");
        assert_eq!(told.code, 0, "{what}: {told:?}");
        assert_eq!(run(&home, &["backup"], "").code, 0, "{what}: one");
        let files = || -> Vec<PathBuf> {
            let files = fs::read_dir(&folder).unwrap();
            files.map(|file| file.unwrap().path()).collect()
        };
        let at = files().into_iter().max().unwrap();
        fs::remove_file(&at).unwrap();
        obstacle.put(&home, &at);
        let list = run(&home, &["backup", "--list"], "");
        let name = at.file_name().unwrap().to_str().unwrap();
        assert!(
            list.code == 0 && list.stdout.contains("DAMAGED") && list.stdout.contains(path),
            "{what}: {list:?}"
        );
        let doctor = run(&home, &["doctor"], "");
        assert_eq!(doctor.code, 1, "{what}: {doctor:?}");
        assert!(doctor.stdout.contains(name), "{what}: which: {doctor:?}");
        let added = run(&home, &["add", "-"], THIRD);
        assert_eq!(added.code, 0, "{what}: {added:?}");
        let newer: Vec<PathBuf> = files().into_iter().filter(|file| *file != at).collect();
        assert!(!newer.is_empty(), "{what}: another one is made");
        let newest = newer.iter().max().unwrap().to_str().unwrap().to_owned();
        let good = run(&home, &["verify-backup", &newest], &key);
        assert_eq!(good.code, 0, "{what}: and opens: {good:?}");
        let removed = run(&home, &["backup", "--remove-old"], "");
        assert_eq!(removed.code, 0, "{what}: {removed:?}");
        assert!(obstacle.is_still(&home, &at), "{what}: it is not ours");
        // A pipe that somebody names is waited for: docs/decisions/0251.
        if obstacle != O::Pipe {
            let named = at.to_str().unwrap();
            for command in [
                &["--json", "verify-backup", named][..],
                &["--json", "recover", "--backup", named],
            ] {
                let refused = run(&home, command, &key);
                assert_eq!(refused.code, 1, "{what}: {command:?}: {refused:?}");
                refused.error();
            }
        }

        if obstacle == O::Folder {
            continue; // that is what belongs there
        }
        let what = format!("{obstacle:?} in place of the backups' folder");
        let (home, _) = whole();
        let folder = home.file("backups");
        obstacle.put(&home, &folder);
        let path = folder.to_str().unwrap();
        for command in [
            &["--json", "backup", "--to", path][..],
            &["--json", "backup", "--auto", path],
        ] {
            let refused = run(&home, command, "");
            assert_eq!(refused.code, 1, "{what}: {command:?}: {refused:?}");
            assert_eq!(refused.error(), "backup_folder_unavailable", "{what}");
        }
        assert!(obstacle.is_still(&home, &folder), "{what}: it is not ours");
    }
}

/// A vault with three accounts whose newest file is spoilt and whose keyring is gone: only an older copy opens.
pub fn incomplete() -> (Home, String) {
    let (home, key) = whole();
    let halves = ["vault.a", "vault.b"].map(|half| home.file("vault").join(half));
    let contents = |path: &PathBuf| fs::read(path).unwrap();
    let before = halves.each_ref().map(contents);
    assert_eq!(home.run(&["add", "-"], THIRD).code, 0, "a third one");
    let after = halves.each_ref().map(contents);
    let changed: Vec<&PathBuf> = (0..2)
        .filter(|half| before[*half] != after[*half])
        .map(|half| &halves[half])
        .collect();
    assert_eq!(changed.len(), 1, "one file for each change");
    fs::write(changed[0], "spoilt").unwrap();
    fs::remove_dir_all(home.file("vault/keyring")).unwrap();
    (home, key)
}

#[test]
fn row_4_what_shows_a_list_of_an_incomplete_opening_ends_with_one_until_somebody_has_looked() {
    let (home, key) = incomplete();
    let links = home.file("links.txt");
    let links = links.to_str().unwrap();
    let shows: [(&[&str], &str); 6] = [
        (&["list"], ""),
        (&["trash"], ""),
        (
            &["export", "--format", "uris", "--out", links, "--replace"],
            "",
        ),
        (&["export", "--format", "uris"], ""),
        (&["doctor"], ""),
        (&["drill"], &key),
    ];
    for (arguments, input) in shows {
        for json in [false, true] {
            let mut all = arguments.to_vec();
            if json {
                all.insert(0, "--json");
            }
            let shown = run(&home, &all, input);
            assert_eq!(shown.code, 1, "{all:?}: a script notices: {shown:?}");
            // That the trash is empty is said on standard error.
            assert!(
                !shown.stdout.is_empty() || all == ["trash"],
                "{all:?}: what there is is shown all the same: {shown:?}"
            );
            let said = format!("{}{}", shown.stdout, shown.stderr);
            assert!(
                said.contains("may be missing") && said.contains("couchkey recover --backup FILE"),
                "{all:?}: people read it, with what helps: {shown:?}"
            );
            for claim in ["Every account that", "Nothing was lost", "Proven"] {
                assert!(!said.contains(claim), "{all:?}: {claim:?}? {shown:?}");
            }
        }
    }
    assert_eq!(listed(&home), 2, "as many as the older copy had");
    let code = run(&home, &["code", "plus"], "");
    assert_eq!(code.code, 0, "a code that is asked for is a code: {code:?}");
    assert!(
        code.stderr.contains("may be missing"),
        "and it is said there too: {code:?}"
    );
    let seen = run(&home, &["seen"], "");
    assert_eq!(seen.code, 0, "{seen:?}");
    for (arguments, input) in shows {
        let shown = run(&home, arguments, input);
        assert_eq!(shown.code, 0, "{arguments:?}: they have looked: {shown:?}");
    }
}

#[test]
fn row_4_recover_says_that_accounts_may_be_missing_and_so_does_every_list_after_it() {
    let (home, key) = incomplete();
    let back = run(&home, &["recover"], &key);
    assert_eq!(back.code, 0, "the vault is open again: {back:?}");
    assert!(
        back.stderr.contains("may be missing")
            && back.stderr.contains("couchkey recover --backup FILE"),
        "and it is said, with what helps: {back:?}"
    );
    for claim in ["Every account that", "Nothing was lost"] {
        assert!(!back.stderr.contains(claim), "{claim:?}? {back:?}");
    }
    let list = run(&home, &["list"], "");
    assert_eq!(list.code, 1, "nobody has looked yet: {list:?}");
}

/// What is said of files that were made again from one keyring: decision 0244.
const MADE_AGAIN: &str = "made again from one computer's keyring";

#[test]
fn files_made_again_from_the_keyring_are_told_until_somebody_has_looked() {
    for recovers in [false, true] {
        let what = if recovers { "recover" } else { "list" };
        let (home, key) = whole();
        for half in ["vault.a", "vault.b"] {
            fs::remove_file(home.file("vault").join(half)).unwrap();
        }
        let input = if recovers { key.as_str() } else { "" };
        let first = run(&home, &[what], input);
        assert_eq!(first.code, 0, "{what}: the keyring has it all: {first:?}");
        assert!(first.stderr.contains(MADE_AGAIN), "{what}: {first:?}");

        let list = run(&home, &["list"], "");
        assert_eq!(list.code, 0, "{what}: every account is proven: {list:?}");
        assert!(
            list.stderr.contains(MADE_AGAIN) && list.stderr.contains("couchkey seen"),
            "{what}: it is a mark in the file, and it is told how it goes: {list:?}"
        );
        let seen = run(&home, &["seen"], "");
        assert_eq!(seen.code, 0, "{what}: {seen:?}");
        let list = run(&home, &["list"], "");
        assert!(
            list.code == 0 && !list.stderr.contains(MADE_AGAIN),
            "{what}: they have looked: {list:?}"
        );
        assert_eq!(listed(&home), 2, "{what}");
    }
}
