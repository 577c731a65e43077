//! Power loss and failing disks: what a real process asked its real files to do, replayed with everything lost that no
//! fsync had made durable; and every single call of it made to fail. Always the old state or the new one.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use couchkey_authenticator::view::VaultState;
use couchkey_formats::import;
use couchkey_tests::{
    machine::{add, uri},
    proof::{Picture, Plan, on_disk},
    recorder::{Call, count, fail_nth, record},
};
use sha2::{Digest, Sha256};

const CHANGER: &str = env!("CARGO_BIN_EXE_changer");
const EXPORTER: &str = env!("CARGO_BIN_EXE_exporter");
const SEED: u64 = 11;

/// So many changes are recorded and cut off everywhere.
const CHANGES: u64 = 40;

#[test]
fn power_loss_at_any_moment_leaves_the_old_state_or_the_new_one() {
    let home = home();
    let dir = home.path();
    on_disk(dir)
        .create_vault(None)
        .expect("a fresh folder takes one");
    let start = files(dir);
    let calls = record(
        dir,
        &[
            CHANGER,
            path(dir),
            &SEED.to_string(),
            "0",
            &CHANGES.to_string(),
        ],
    );
    let synced = calls
        .iter()
        .filter(|call| matches!(call, Call::Sync(_)))
        .count();
    assert!(
        synced as u64 > CHANGES * 2,
        "a change is made durable more than once: {synced}"
    );

    let mut disk = Disk::holding(start);
    let mut plan = Plan::new(SEED);
    let (mut old, mut new) = (plan.picture(), {
        plan.next_change();
        plan.picture()
    });
    let mut seen = HashSet::new();
    let (mut states, mut acknowledged) = (0_u64, 0_u64);
    for (n, call) in calls.iter().enumerate() {
        match call {
            Call::Say(line) if line == "ready" => {}
            Call::Say(line) => {
                acknowledged += 1;
                assert_eq!(*line, acknowledged.to_string(), "changes are said in turn");
                old = new;
                plan.next_change();
                new = plan.picture();
                seen.clear(); // a state that was fine before is not fine once more was promised
            }
            call => disk.take(call),
        }
        for image in disk.after_power_loss() {
            if !seen.insert(digest(&image)) {
                continue;
            }
            states += 1;
            let what = format!("call {n}, {acknowledged} changes acknowledged");
            let found = opened(&image, dir, &what);
            assert!(
                found == old || found == new,
                "{what}: {found:#?}\nis neither {old:#?}\nnor {new:#?}"
            );
        }
    }
    assert_eq!(
        acknowledged, CHANGES,
        "every change was followed to its end"
    );
    println!(
        "calls: {}; states after a power loss: {states}; each the old state or the new one",
        calls.len()
    );
    assert!(
        states > CHANGES * 10,
        "a change can be cut off in many places: {states}"
    );
}

/// The test above would notice: without the fsyncs the same calls leave a disk that is neither old nor new.
#[test]
fn the_same_calls_without_their_fsyncs_would_lose_accounts() {
    let home = home();
    let dir = home.path();
    on_disk(dir)
        .create_vault(None)
        .expect("a fresh folder takes one");
    let mut disk = Disk::holding(files(dir));
    let command = [CHANGER, path(dir), &SEED.to_string(), "0", "8"];
    for call in record(dir, &command) {
        match call {
            Call::Say(_) => {}
            Call::Sync(path) if disk.live.contains_key(&path) => {}
            call => disk.take(&call),
        }
    }
    let names = disk.durable.iter();
    let image: Image = names
        .map(|(path, &content)| (path.clone(), disk.contents[content].durable.clone()))
        .collect();
    let copy = self::home();
    write_all(&moved(&image, dir, copy.path()));
    let app = on_disk(copy.path());
    let status = app.open().expect("opening answers with a status");
    let lost =
        status.state != VaultState::Open || Picture::of(&app) != Plan::after(SEED, 8).picture();
    assert!(
        lost,
        "renamed before its bytes were durable, a file is empty"
    );
}

#[test]
fn every_call_to_the_files_that_fails_leaves_the_old_state_or_the_new_one() {
    const KINDS: [&str; 5] = ["openat", "write", "fsync", "renameat", "flock"];
    const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EINTR", "EACCES"];
    let home = home();
    let dir = home.path();
    on_disk(dir)
        .create_vault(None)
        .expect("a fresh folder takes one");
    let mut plan = Plan::new(SEED);
    let mut runs = 0;
    for made in 0..8_u64 {
        let old = plan.picture();
        let change = plan.next_change();
        let new = plan.picture();
        let before = files(dir);
        let arguments = [SEED.to_string(), made.to_string(), "1".to_owned()];
        let command = |dir: &Path| {
            let mut command = vec![CHANGER.to_owned(), path(dir).to_owned()];
            command.extend(arguments.iter().cloned());
            command
        };
        let counts = count(&KINDS, &command(dir)); // this makes the change, in `dir` itself
        assert_eq!(Picture::of(&open(dir, "nothing failed")), new, "{change:?}");
        for (kind, (ready, all)) in KINDS.iter().zip(counts) {
            for nth in ready + 1..=all {
                for error in ERRORS {
                    let copy = self::home();
                    let machine = moved(&before, dir, copy.path());
                    write_all(&machine);
                    let output = fail_nth(kind, error, nth, &command(copy.path()));
                    runs += 1;
                    let said = String::from_utf8_lossy(&output.stdout).into_owned();
                    let acknowledged = said.lines().any(|line| line == (made + 1).to_string());
                    let what =
                        format!("{change:?}: {kind} number {nth} says {error}; it said {said:?}");
                    let found = Picture::of(&open(copy.path(), &what));
                    assert!(found == new || (found == old && !acknowledged), "{what}");
                    assert!(
                        acknowledged || said.contains("failed ") || *kind == "write",
                        "{what}: what failed is said, unless saying it was what failed"
                    );
                }
            }
        }
    }
    println!("failed calls: {runs}; each left the old state or the new one");
    assert!(runs > 200, "every call of every kind: {runs}");
}

#[test]
fn every_call_of_an_export_that_fails_leaves_no_half_of_it_and_the_vault_as_it_was() {
    const KINDS: [&str; 11] = [
        "openat",
        "statx",
        "newfstatat",
        "read",
        "write",
        "fsync",
        "rename",
        "renameat",
        "renameat2",
        "linkat",
        "unlink",
    ];
    const ERRORS: [&str; 4] = ["EIO", "ENOSPC", "EINTR", "EACCES"];
    const OLDER: &[u8] = b"an older export that may be replaced";
    let home = home();
    let dir = home.path();
    let app = on_disk(dir);
    app.create_vault(None).expect("a fresh folder takes one");
    for n in 0..3 {
        add(&app, &uri(n)).expect("it enrols");
    }
    drop(app);
    let vault = files(dir);
    let mut runs = 0;
    for (mode, before) in [("keep", None), ("replace", Some(OLDER))] {
        // A folder of its own for each run, with what was there before.
        let folder = || {
            let folder = self::home();
            if let Some(older) = before {
                fs::write(folder.path().join("export.json"), older).expect("written");
            }
            folder
        };
        let command = |folder: &Path| {
            let file = folder.join("export.json");
            [EXPORTER, path(dir), path(&file), mode].map(str::to_owned)
        };
        let whole = folder();
        let counts = count(&KINDS, &command(whole.path()));
        let found = files(whole.path());
        assert!(found.len() == 1 && is_whole(&found), "nothing failed");
        for (kind, (ready, all)) in KINDS.iter().zip(counts) {
            for (nth, error) in (ready + 1..=all).flat_map(|nth| ERRORS.map(|error| (nth, error))) {
                let folder = folder();
                let output = fail_nth(kind, error, nth, &command(folder.path()));
                runs += 1;
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                let what = format!("{mode}: {kind} number {nth} says {error}; it said {said:?}");
                let found = files(folder.path());
                let none = found.is_empty();
                let old =
                    found.len() == 1 && found.values().all(|bytes| Some(&bytes[..]) == before);
                let new = found.len() == 1 && is_whole(&found);
                match said.lines().nth(1).unwrap_or_default().split_once(' ') {
                    None if said.contains("done") => assert!(new, "{what}: it is there, whole"),
                    Some(("failed", report)) => {
                        assert!(
                            none || old,
                            "{what}: nothing new is left: {:?}",
                            found.keys()
                        );
                        let (_, cure) = report.split_once(' ').expect("a code and a cure");
                        assert!(cure.ends_with('.'), "{what}: it says what to do");
                    }
                    // What failed is saying it.
                    _ => assert!(*kind == "write" && (none || old || new), "{what}"),
                }
                assert!(files(dir) == vault, "{what}: the vault is as it was");
            }
        }
    }
    println!("failed calls of an export: {runs}; each left all of it or nothing");
    assert!(runs > 80, "every call of every kind: {runs}");
}

/// Whether the one file there is an export of the three accounts.
fn is_whole(found: &Image) -> bool {
    let mut go_on = |_| ControlFlow::Continue(());
    found.values().all(|bytes| {
        import::read(bytes, None, &mut go_on)
            .is_ok_and(|read| read.accounts.len() == 3 && read.skipped.is_empty())
    })
}

/// A disk as the file system promises it: content is durable after an fsync of the file, names after one of the folder.
struct Disk {
    durable: BTreeMap<PathBuf, usize>,
    contents: Vec<Content>,
    /// The names as the running process sees them.
    live: BTreeMap<PathBuf, usize>,
    /// What may or may not have reached the disk, in its order.
    names: Vec<Name>,
}

#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    live: Vec<u8>,
}

/// A name that points to another content, or to none.
#[derive(Clone)]
struct Name {
    path: PathBuf,
    to: Option<usize>,
    /// The name that it had before; both change together or not at all.
    from: Option<PathBuf>,
}

type Image = BTreeMap<PathBuf, Vec<u8>>;

impl Disk {
    fn holding(files: Image) -> Self {
        let mut disk = Self {
            durable: BTreeMap::new(),
            contents: Vec::new(),
            live: BTreeMap::new(),
            names: Vec::new(),
        };
        for (path, bytes) in files {
            disk.durable.insert(path.clone(), disk.contents.len());
            disk.live.insert(path, disk.contents.len());
            disk.contents.push(Content {
                durable: bytes.clone(),
                live: bytes,
            });
        }
        disk
    }

    fn take(&mut self, call: &Call) {
        match call {
            Call::Create(path) => {
                self.contents.push(Content::default());
                self.name(path, Some(self.contents.len() - 1), None);
            }
            Call::Write(path, bytes) => {
                let content = self.live[path];
                self.contents[content].live.extend(bytes);
            }
            Call::Sync(path) => match self.live.get(path) {
                Some(&content) => {
                    let content = &mut self.contents[content];
                    content.durable.clone_from(&content.live);
                }
                None => self.sync_folder(path),
            },
            Call::Rename(from, to) => {
                let content = self.live[from];
                self.live.remove(from);
                self.name(to, Some(content), Some(from.clone()));
            }
            Call::Remove(path) => self.name(path, None, None),
            Call::Say(_) => unreachable!("not the disk's"),
        }
    }

    fn name(&mut self, path: &Path, to: Option<usize>, from: Option<PathBuf>) {
        match to {
            Some(content) => self.live.insert(path.to_owned(), content),
            None => self.live.remove(path),
        };
        self.names.push(Name {
            path: path.to_owned(),
            to,
            from,
        });
    }

    fn sync_folder(&mut self, folder: &Path) {
        let (now, later) = std::mem::take(&mut self.names)
            .into_iter()
            .partition(|name| name.path.parent() == Some(folder));
        self.names = later;
        for name in now {
            apply(&mut self.durable, &name);
        }
    }

    /// Every disk that may be found when the power is back: each subset of the names that were not synced, and of each
    /// content that was not synced nothing, a part, all, or as many zeros.
    fn after_power_loss(&self) -> Vec<Image> {
        assert!(self.names.len() < 12, "few names wait at a time");
        let unsynced: Vec<usize> = (0..self.contents.len())
            .filter(|&n| self.contents[n].durable != self.contents[n].live)
            .collect();
        let mut images = Vec::new();
        for chosen in 0..1_usize << self.names.len() {
            let mut names = self.durable.clone();
            for (n, name) in self.names.iter().enumerate() {
                if chosen >> n & 1 == 1 {
                    apply(&mut names, name);
                }
            }
            for extent in 0..4_usize.pow(unsynced.len().try_into().expect("few")) {
                let image = names.iter().map(|(path, &content)| {
                    let waiting = unsynced.iter().position(|&n| n == content);
                    let Content { durable, live } = &self.contents[content];
                    let bytes = match waiting
                        .map(|n| extent / 4_usize.pow(n.try_into().expect("few")) % 4)
                    {
                        None | Some(0) => durable.clone(),
                        Some(1) => {
                            live[..durable.len() + (live.len() - durable.len()) / 2].to_vec()
                        }
                        Some(2) => [durable.clone(), vec![0; live.len() - durable.len()]].concat(),
                        Some(_) => live.clone(),
                    };
                    (path.clone(), bytes)
                });
                images.push(image.collect());
            }
        }
        images
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, name: &Name) {
    if let Some(from) = &name.from {
        names.remove(from);
    }
    match name.to {
        Some(content) => names.insert(name.path.clone(), content),
        None => names.remove(&name.path),
    };
}

/// What a person sees on a machine whose disk is this.
fn opened(image: &Image, dir: &Path, what: &str) -> Picture {
    let copy = home();
    write_all(&moved(image, dir, copy.path()));
    Picture::of(&open(copy.path(), what))
}

fn open(dir: &Path, what: &str) -> couchkey_authenticator::Authenticator {
    let app = on_disk(dir);
    let status = app.open().expect("opening answers with a status");
    assert_eq!(
        status.state,
        VaultState::Open,
        "{what}: {:?}",
        status.trouble
    );
    app
}

/// Every file below a folder.
fn files(dir: &Path) -> Image {
    let mut found = Image::new();
    for entry in fs::read_dir(dir).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            found.insert(path, bytes);
        }
    }
    found
}

/// The same files in another folder.
fn moved(image: &Image, from: &Path, to: &Path) -> Image {
    let files = image.iter().map(|(path, bytes)| {
        let path = path.strip_prefix(from).expect("below the folder");
        (to.join(path), bytes.clone())
    });
    files.collect()
}

fn write_all(image: &Image) {
    for (path, bytes) in image {
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }
}

fn digest(image: &Image) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, bytes) in image {
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}

fn path(dir: &Path) -> &str {
    dir.to_str().expect("a temporary folder has a plain name")
}

/// In memory where there is such a place: what is durable is decided here, not by a disk.
fn home() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a folder for the test")
}
