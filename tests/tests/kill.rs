//! `kill -9` at random moments: every acknowledged change is there, an unacknowledged one entirely or not at all.
//!
//! `COUCHKEY_KILLS` says how many; `make prove` asks for 100,000 and writes what it saw into docs/proof.md.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use couchkey_authenticator::view::VaultState;
use couchkey_tests::{
    machine::{AtOnce, add, names},
    proof::{LockPlan, Picture, Plan, on_disk},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// In `make test`.
const KILLS: u64 = 2_000;

/// Of a change of the lock, in `make test`; each of them tries passphrases, which takes its time.
const LOCK_KILLS: u64 = 40;

/// After so many kills the next vault begins, so that none grows old and slow.
const KILLS_EACH: u64 = 100;

/// What happened, to be told.
#[derive(Default)]
struct Tally {
    kills: u64,
    before_ready: u64,
    acknowledged: u64,
    unacknowledged_there: u64,
    unacknowledged_not_there: u64,
    from_the_keyring_alone: u64,
    backups_whole: u64,
}

#[test]
fn a_killed_process_loses_no_acknowledged_change_and_leaves_none_half_made() {
    let kills = env::var("COUCHKEY_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let workers = 2;
    let (tell, told) = mpsc::channel();
    for worker in 0..workers {
        let tell = tell.clone();
        thread::spawn(move || {
            let share = kills / workers + u64::from(worker < kills % workers);
            let mut tally = Tally::default();
            let mut vault = 0;
            while tally.kills < share {
                let seed = worker << 32 | vault;
                one_vault(seed, KILLS_EACH.min(share - tally.kills), &mut tally);
                vault += 1;
            }
            tell.send(tally).expect("the test waits for it");
        });
    }
    drop(tell);
    let tallies: Vec<Tally> = told.iter().collect();
    assert_eq!(tallies.len() as u64, workers, "each worker came to its end");
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    assert_eq!(sum(|tally| tally.kills), kills, "so many were asked for");
    println!(
        "kills: {kills}; while opening: {}; changes acknowledged: {}, all of them there; changes in flight: {} entirely \
         there, {} not there at all; vaults that were also opened from the keyring alone: {}; looks at a backup, each \
         whole: {}",
        sum(|tally| tally.before_ready),
        sum(|tally| tally.acknowledged),
        sum(|tally| tally.unacknowledged_there),
        sum(|tally| tally.unacknowledged_not_there),
        sum(|tally| tally.from_the_keyring_alone),
        sum(|tally| tally.backups_whole),
    );
    let in_flight = sum(|tally| tally.unacknowledged_there + tally.unacknowledged_not_there);
    assert!(
        in_flight > kills / 4,
        "kills have to hit changes, or nothing is proven: {in_flight} of {kills} did"
    );
}

#[test]
fn a_killed_change_of_the_lock_opens_the_old_way_or_the_new_one_and_loses_no_account() {
    let kills =
        env::var("COUCHKEY_LOCK_KILLS").map_or(LOCK_KILLS, |text| text.parse().expect("a number"));
    let mut tally = Tally::default();
    let mut writing = 0;
    for seed in 0.. {
        let home = home();
        let dir = home.path();
        let app = on_disk(dir);
        app.create_vault(None).expect("a fresh folder takes one");
        app.make_recovery_key(None).expect("it can be written");
        drop(app);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut done = 0;
        for kill in 0..KILLS_EACH.min(kills - tally.kills) {
            let what = format!("seed {seed}, kill {kill}, after {done} changes");
            let hit = run_and_kill_while_writing(dir, seed, &mut done, &mut rng, &what, &mut tally);
            writing += u64::from(hit);
            tally.kills += 1;

            let mut plan = LockPlan::after(seed, done);
            let (old_passphrase, old_names) = (plan.passphrase, plan.names.clone());
            let next = plan.next_change();
            let app = on_disk(dir);
            let status = app.open().expect("opening answers with a status");
            assert!(
                status.trouble.is_none(),
                "{what}, in {next:?}: {:?}",
                status.trouble
            );
            // The new way first: before the change counts, nothing opens with it.
            let way = if status.state == VaultState::Open {
                None
            } else {
                let ways = [plan.passphrase, old_passphrase].into_iter().flatten();
                let way = ways.into_iter().find(|way| app.unlock(way).is_ok());
                assert!(way.is_some(), "{what}, in {next:?}: neither way opens it");
                way
            };
            let found = (way, names(&app));
            if found == (old_passphrase, old_names) {
                tally.unacknowledged_not_there += 1;
            } else {
                assert_eq!(
                    found,
                    (plan.passphrase, plan.names.clone()),
                    "{what}, in {next:?}"
                );
                tally.unacknowledged_there += 1;
                done += 1;
            }
            // And by the keyring alone, with what opens it now.
            if kill % 10 == 0 {
                drop(app);
                let copy = copy_of_the_keyring(dir);
                let app = on_disk(copy.path());
                match way {
                    None => app.open(),
                    Some(way) => app.unlock(way),
                }
                .unwrap_or_else(|error| panic!("{what}, by the keyring alone: {error}"));
                let (mut alone, mut all) = (names(&app), found.1);
                alone.sort();
                all.sort();
                assert_eq!(alone, all, "{what}: from the keyring alone");
                tally.from_the_keyring_alone += 1;
            }
        }
        if tally.kills == kills {
            break;
        }
    }
    println!(
        "kills of changes of the lock: {kills}; while the keyring and the files were written: {writing}; changes \
         acknowledged: {}, all of them there; in flight: {} there, {} not there; vaults that were also opened from the \
         keyring alone: {}",
        tally.acknowledged,
        tally.unacknowledged_there,
        tally.unacknowledged_not_there,
        tally.from_the_keyring_alone,
    );
    assert!(
        writing > kills / 4,
        "kills have to hit writes, or nothing is proven: {writing} of {kills} did"
    );
}

/// Starts the changer of the lock and kills it: most often within a few milliseconds of a new device key, sometimes
/// anywhere. Answers whether that was between a new device key and the end of its change.
fn run_and_kill_while_writing(
    dir: &Path,
    seed: u64,
    done: &mut u64,
    rng: &mut StdRng,
    what: &str,
    tally: &mut Tally,
) -> bool {
    let mut child = Command::new(changer())
        .arg(dir)
        .args([seed, *done, u64::from(u32::MAX)].map(|number| number.to_string()))
        .arg("lock")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is built beside this test");
    let out = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(out).lines();
    let mut writing = false;
    let mut hear = |line: &str, writing: &mut bool| match line.parse() {
        Ok(number) if number == *done + 1 => {
            *done = number;
            *writing = false;
            tally.acknowledged += 1;
        }
        _ if line == "writing" => *writing = true,
        _ => assert!(!line.starts_with("failed"), "{what}: {line}"),
    };
    if rng.random_range(0..8_u32) == 0 {
        thread::sleep(Duration::from_millis(rng.random_range(0..600)));
    } else {
        let mut wait_for = rng.random_range(1..4_u32);
        while wait_for > 0 {
            let line = lines.next().and_then(Result::ok);
            let line = line.unwrap_or_else(|| panic!("{what}: the changer ended by itself"));
            // Its end is said too, when the old key goes.
            let begins = line == "writing" && !writing;
            hear(&line, &mut writing);
            wait_for -= u32::from(begins);
        }
        thread::sleep(Duration::from_micros(rng.random_range(0..6_000)));
    }
    kill(&mut child);
    for line in lines.map_while(Result::ok) {
        hear(&line, &mut writing);
    }
    writing
}

/// Kills and looks, again and again, on one vault.
fn one_vault(seed: u64, kills: u64, tally: &mut Tally) {
    let home = home();
    let dir = home.path();
    let app = on_disk(dir);
    app.create_vault(None).expect("a fresh folder takes one");
    drop(app);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut done = 0;
    for kill in 0..kills {
        let what = format!("seed {seed}, kill {kill}, after {done} changes");
        let run = run_and_kill(dir, seed, done, &mut rng, &what);
        tally.kills += 1;
        tally.before_ready += u64::from(!run.ready);
        tally.acknowledged += run.done - done;

        let mut plan = Plan::after(seed, run.done);
        let old = plan.picture();
        let next = plan.next_change();
        let new = plan.picture();
        let app = on_disk(dir);
        let status = app.open().expect("opening answers with a status");
        assert_eq!(
            status.state,
            VaultState::Open,
            "{what}: {:?}",
            status.trouble
        );
        let found = Picture::of(&app);
        done = run.done;
        if found == old {
            tally.unacknowledged_not_there += u64::from(run.ready);
        } else {
            assert_eq!(found, new, "{what}, {} acknowledged, in {next:?}", run.done);
            tally.unacknowledged_there += 1;
            done += 1;
        }
        tally.backups_whole += backups_that_are_whole(dir, &what);
        if kill % 10 == 0 {
            drop(app);
            from_the_keyring_alone(dir, &found, &what);
            tally.from_the_keyring_alone += 1;
        }
    }
    let app = on_disk(dir);
    app.open().expect("opening answers with a status");
    let before = Picture::of(&app).list.len();
    add(&app, "otpauth://totp/last?secret=GEZDGNBVGY3TQOJQ").expect("it can still be changed");
    assert_eq!(
        Picture::of(&app).list.len(),
        before + 1,
        "and keeps the change"
    );
}

/// No backup is ever half written: whatever has its name is whole.
fn backups_that_are_whole(dir: &Path, what: &str) -> u64 {
    let Ok(entries) = fs::read_dir(dir.join("backups")) else {
        return 0; // none was made yet
    };
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let backups = paths.filter(|path| path.extension().is_some_and(|end| end == "couchkey"));
    backups
        .map(|path| {
            let bytes = fs::read(&path).expect("it can be read");
            let seen = couchkey_vault::backup::inspect(&bytes);
            assert!(
                seen.is_ok_and(|info| info.intact),
                "{what}: {} is whole",
                path.display()
            );
        })
        .count() as u64
}

/// A copy of the machine without its data directory: the keyring has every account.
fn from_the_keyring_alone(dir: &Path, found: &Picture, what: &str) {
    let copy = copy_of_the_keyring(dir);
    let app = on_disk(copy.path());
    let status = app.open().expect("opening answers with a status");
    assert_eq!(
        status.state,
        VaultState::Open,
        "{what}: {:?}",
        status.trouble
    );
    let names = |picture: &Picture| {
        let list = picture.list.iter().map(|seen| (&seen.name, &seen.code));
        let mut names: Vec<_> = list
            .map(|(name, code)| (name.clone(), code.clone()))
            .collect();
        names.sort();
        names
    };
    // Place and trash are the file's; accounts and secrets are what must never be lost. Opening mended the head above.
    let alone = Picture::of(&app);
    for pair in names(found) {
        assert!(
            names(&alone).contains(&pair),
            "{what}: {pair:?} from the keyring alone"
        );
    }
}

fn copy_of_the_keyring(dir: &Path) -> tempfile::TempDir {
    let copy = home();
    let (from, to) = (
        dir.join("system/keyring"),
        copy.path().join("system/keyring"),
    );
    fs::create_dir_all(&to).expect("a fresh folder");
    for entry in fs::read_dir(from).expect("it has been written") {
        let entry = entry.expect("it can be listed");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("it can be copied");
    }
    copy
}

struct Run {
    ready: bool,
    /// The changes that are acknowledged, in all.
    done: u64,
}

/// Starts the changer and kills it at a random moment: one in eight while it is still opening the vault.
fn run_and_kill(dir: &Path, seed: u64, done: u64, rng: &mut StdRng, what: &str) -> Run {
    let mut child = Command::new(changer())
        .arg(dir)
        .args([seed, done, u64::from(u32::MAX)].map(|number| number.to_string()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is built beside this test");
    let out = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(out).lines();
    let mut run = Run { ready: false, done };
    if rng.random_range(0..8_u32) == 0 {
        thread::sleep(Duration::from_micros(rng.random_range(0..20_000)));
    } else {
        let first = lines.next().and_then(Result::ok);
        assert_eq!(
            first.as_deref(),
            Some("ready"),
            "{what}: the changer opens it"
        );
        run.ready = true;
        thread::sleep(Duration::from_micros(rng.random_range(0..25_000)));
    }
    kill(&mut child);
    // What it said before it died; the last line may be cut.
    for line in lines.map_while(Result::ok) {
        match line.parse() {
            Ok(number) if number == run.done + 1 => run.done = number,
            _ if line == "ready" => run.ready = true,
            _ => assert!(!line.starts_with("failed"), "{what}: {line}"),
        }
    }
    run
}

fn kill(child: &mut Child) {
    child.kill().expect("it is ours, and not yet waited for");
    child.wait().expect("a killed process ends");
}

fn changer() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_changer"))
}

/// In memory where there is such a place: a killed process leaves its writes there as on a disk, only sooner.
fn home() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a folder for the test")
}
