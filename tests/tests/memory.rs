//! After a lock, the memory of the window's processes is read as a debugger would: what was pasted and typed is not there.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    process::{ChildStdin, Command, Stdio},
    time::Duration,
};

use couchkey_tests::{
    desktop::{
        Process, Session, Window, alive,
        steps::{PATIENCE, click, couchkey, screen, session, start},
        wait_until,
    },
    spelling::spellings,
};

/// The planted key, in base32: `planted-secret-of-thirty-bytes`. It is on the clipboard, and nothing but Couchkey reads it.
const PLANTED: &str = "OBWGC3TUMVSC243FMNZGK5BNN5TC25DINFZHI6JNMJ4XIZLT";

/// No part of it is a word that a program says by itself.
const PASSPHRASE: &str = "quagmire-zither-9471-lollop";

/// A private, writable part of a process' memory that something was written to.
struct Region {
    from: u64,
    to: u64,
}

fn regions(process: Process) -> Vec<Region> {
    let Ok(maps) = std::fs::read_to_string(format!("/proc/{}/maps", process.id)) else {
        return Vec::new(); // it has ended
    };
    maps.lines()
        .filter_map(|line| {
            // proc_pid_maps(5): from-to perms offset dev inode path
            let mut fields = line.split_whitespace();
            let (range, perms) = (fields.next()?, fields.next()?);
            let (from, to) = range.split_once('-')?;
            let number = |hex: &str| u64::from_str_radix(hex, 16).ok();
            perms.starts_with("rw").then_some(Region {
                from: number(from)?,
                to: number(to)?,
            })
        })
        .collect()
}

const PAGE: u64 = 4096;

/// Which of the needles are somewhere in the process' memory. grep looks for them: it is quick in any build of the tests.
fn found(process: Process, needles: &[&str]) -> Vec<String> {
    let mut grep = Command::new("grep");
    grep.args([
        "--text",
        "--only-matching",
        "--fixed-strings",
        "--null-data",
    ]);
    for needle in needles {
        grep.args(["-e", needle]);
    }
    let mut grep = grep
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("grep is part of every system");
    let input = grep.stdin.take().expect("its stdin was piped");
    let feeding = std::thread::spawn(move || feed(process, input));
    let output = grep.wait_with_output().expect("it ends");
    feeding.join().expect("memory is read without a panic");
    let mut found: Vec<String> = output
        .stdout
        .split(|byte| *byte == 0)
        .filter(|found| !found.is_empty())
        .map(|found| String::from_utf8_lossy(found).into_owned())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Writes all memory of the process that something was written to, with a gap wherever there is one.
fn feed(process: Process, mut to: ChildStdin) {
    let open = |name: &str| File::open(format!("/proc/{}/{name}", process.id));
    let (Ok(memory), Ok(mut pages)) = (open("mem"), open("pagemap")) else {
        return; // it has ended
    };
    for region in regions(process) {
        // Web views reserve gigabytes of which they use little: pages that are not there are not read.
        let count = usize::try_from((region.to - region.from) / PAGE).expect("a machine's memory");
        let mut entries = vec![0; count * 8];
        let known = pages
            .seek(SeekFrom::Start(region.from / PAGE * 8))
            .and_then(|_| pages.read_exact(&mut entries));
        if known.is_err() {
            continue; // [vsyscall]
        }
        for (n, entry) in entries.chunks_exact(8).enumerate() {
            // pagemap.rst: bit 63 is "present", bit 62 "swapped".
            let there = entry[7] & 0b1100_0000 != 0;
            let at = region.from + n as u64 * PAGE;
            let mut page = [0; PAGE as usize];
            let written = if there && memory.read_exact_at(&mut page, at).is_ok() {
                to.write_all(&page)
            } else if n > 0 && entries[n * 8 - 1] & 0b1100_0000 != 0 {
                to.write_all(&[0])
            } else {
                Ok(())
            };
            written.expect("grep reads to the end");
        }
        to.write_all(&[0]).expect("grep reads to the end");
    }
}

/// A vault with the app lock on, and the window in front of it.
fn locked(session: &Session) -> Window<'_> {
    couchkey(session, &["init"], "");
    let twice = format!("{PASSPHRASE}\n{PASSPHRASE}\n");
    couchkey(session, &["--passphrase-fd", "0", "lock", "on"], &twice);
    let window = start(session);
    screen(&window, "unlock");
    window
}

#[test]
fn after_a_lock_what_was_pasted_is_in_no_process_and_what_was_typed_not_in_the_web_view() {
    let session = session();
    let window = locked(&session);
    window.type_into("[data-testid='unlock-passphrase']", PASSPHRASE);
    click(&window, "unlock-submit");
    screen(&window, "codes");
    session.set_clipboard_text(&format!(
        "otpauth://totp/StreamTV:me?secret={PLANTED}&issuer=StreamTV"
    ));
    // With the keys, on the list: the web view itself is handed the paste, and has to leave it alone.
    session.press_keys("couchkey", &["ctrl+v"]);
    window.wait_for("[data-testid='preview-row']", PATIENCE);
    click(&window, "preview-save");
    screen(&window, "check");
    // And a key by itself, pasted into the form.
    session.set_clipboard_text(PLANTED);
    click(&window, "check-done");
    click(&window, "nav-add");
    screen(&window, "add");
    click(&window, "add-manual");
    window.click("[data-testid='manual-secret']");
    session.press_keys("couchkey", &["ctrl+v"]);
    window.wait_for("[data-testid='manual-pasted']", PATIENCE);

    let secrets = spellings(PLANTED);
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let (app, web) = (window.process(), window.web_processes());
    assert!(
        !found(app, &secrets).is_empty(),
        "while it is open, the account's key is in the app's memory: memory can be read here"
    );
    assert!(!web.is_empty(), "the web view has processes of its own");
    for process in &web {
        assert_eq!(
            found(*process, &secrets),
            Vec::<String>::new(),
            "{:?}: it never had what was pasted, not even while the vault is open",
            process.program()
        );
    }

    window.lock();
    let patience = Duration::from_secs(PATIENCE);
    wait_until("the page's process to end", patience, || {
        web.iter().all(|process| !alive(*process))
    });
    wait_until("the unlock screen in another one", patience, || {
        let pages = window.web_processes();
        pages
            .iter()
            .any(|process| !found(*process, &["unlock-submit"]).is_empty())
    });
    let web = window.web_processes();
    assert_eq!(
        found(app, &secrets),
        Vec::<String>::new(),
        "the app's process, after a lock"
    );
    for process in web {
        let mut all = secrets.clone();
        all.push(PASSPHRASE);
        assert_eq!(
            found(process, &all),
            Vec::<String>::new(),
            "{:?}, after a lock",
            process.program()
        );
    }
}
