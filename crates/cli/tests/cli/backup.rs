//! Backups on the command line: made by themselves, verified, proven, restored on another machine; and new keys.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::run::{Home, STREAM_TV};

/// The recovery key that a command shows.
fn key_in(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let key: Vec<&str> = lines
        .filter(|line| line.len() == 23 && line.split('-').all(|group| group.len() == 5))
        .collect();
    assert_eq!(key.len(), 2, "two lines of four groups: {text}");
    key.join("-")
}

/// A vault with one account, a folder for its backups, and its recovery key.
fn with_key() -> (Home, String) {
    let home = Home::with(&[STREAM_TV]);
    let made = home.run(&["recovery-key"], "");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = key_in(&made.stdout);
    let folder = home.file("Couchkey backups");
    let told = home.run(&["backup", "--auto", folder.to_str().unwrap()], "");
    assert_eq!(told.code, 0, "{}", told.stderr);
    (home, key)
}

/// Flips one bit of a file.
fn spoil(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn files(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_change_makes_a_backup_by_itself_and_a_look_at_the_list_makes_none() {
    let (home, key) = with_key();
    let folder = home.file("Couchkey backups");
    let before = files(folder.clone());
    let edited = home.run(&["edit", "stream", "--note", "kitchen"], "");
    assert_eq!(edited.code, 0, "{}", edited.stderr);
    let made = files(folder.clone());
    assert_ne!(made, before, "each command that changed something");
    assert_eq!(home.run(&["list"], "").code, 0, "a look");
    assert_eq!(files(folder), made, "changes nothing");
    let newest = made.last().unwrap().to_str().unwrap();
    let report = home.json(&["verify-backup", newest], &key);
    assert_eq!(
        (&report["accounts"], &report["intact"]),
        (&1.into(), &true.into()),
        "{report}"
    );
    let wrong = home.run(
        &["--json", "verify-backup", newest],
        "no key and no passphrase",
    );
    assert_eq!(
        (wrong.code, wrong.error()),
        (1, "wrong_backup_key".to_owned()),
        "another"
    );
    let no_backup = home.file("passphrase");
    let none = home.run(
        &["--json", "verify-backup", no_backup.to_str().unwrap()],
        &key,
    );
    assert_eq!(
        (none.code, none.error()),
        (1, "not_a_backup".to_owned()),
        "no backup"
    );
}

#[test]
fn a_backup_goes_where_it_is_told_and_comes_back_on_another_machine() {
    let (home, key) = with_key();
    let stick = home.file("stick");
    fs::create_dir(&stick).unwrap();
    let made = home.json(&["backup", "--to", stick.to_str().unwrap()], "");
    let file = made["file"].as_str().expect("its path").to_owned();
    assert_eq!(
        files(stick),
        [PathBuf::from(&file)],
        "one, and nothing else"
    );
    let drill = home.json(&["drill"], &key);
    assert_eq!(drill["vault"]["matching"], 1, "1 of 1 codes: {drill}");
    assert!(drill["provenAt"].is_number(), "proven: {drill}");
    assert_eq!(
        home.json(&["backup", "--list"], "")["provenAt"],
        drill["provenAt"],
        "kept, with the time that was said"
    );

    let other = Home::new();
    let preview = other.json(&["recover", "--backup", &file, "--dry-run"], &key);
    assert_eq!(
        (&preview["into"], preview["rows"].as_array().map(Vec::len)),
        (&"new_vault".into(), Some(1)),
        "first a look"
    );
    assert_eq!(
        other.run(&["--json", "list"], "").error(),
        "no_vault",
        "that wrote nothing"
    );
    let restored = other.json(&["recover", "--backup", &file], &key);
    assert_eq!(
        (&restored["into"], &restored["added"]),
        (&"new_vault".into(), &1.into()),
        "{restored}"
    );
    let codes = ["code", "--at", "1111111109"];
    assert_eq!(other.run(&codes, "").stdout, "081804\n", "the same code");
    let again = other.json(&["recover", "--backup", &file], &key);
    assert_eq!(
        (&again["added"], &again["kept"]),
        (&0.into(), &1.into()),
        "nothing twice"
    );
}

#[test]
fn a_folder_that_is_not_there_is_refused_and_told_after_a_change_that_is_kept() {
    let (home, _) = with_key();
    let gone = home.file("gone/backups");
    let refused = home.run(&["--json", "backup", "--auto", gone.to_str().unwrap()], "");
    assert_eq!(
        (refused.code, refused.error()),
        (1, "backup_folder_unavailable".to_owned()),
        "now"
    );
    let stick = home.file("stick");
    fs::create_dir(&stick).unwrap();
    let folder = stick.join("backups");
    let chosen = home.run(&["backup", "--auto", folder.to_str().unwrap()], "");
    assert_eq!(chosen.code, 0, "{}", chosen.stderr);
    fs::remove_dir_all(&stick).unwrap();
    let edited = home.run(&["edit", "stream", "--note", "kitchen"], "");
    assert_eq!(edited.code, 0, "the change is kept: {}", edited.stderr);
    assert!(
        edited.stderr.contains("no backup could be written"),
        "{}",
        edited.stderr
    );
    assert!(!stick.exists(), "and no disk is pretended");
}

#[test]
fn new_keys_end_the_older_recovery_key() {
    let (home, old) = with_key();
    let rotated = home.run(&["rotate"], "");
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    let new = key_in(&rotated.stdout);
    assert_ne!(new, old, "another one");
    assert_eq!(
        home.run(&["code", "--at", "1111111109"], "").stdout,
        "081804\n",
        "as before"
    );
    let refused = home.run(&["--json", "recover"], &old);
    assert_eq!(refused.error(), "wrong_recovery_key", "ended");
    let drill = home.json(&["drill"], &new);
    assert!(
        drill["provenAt"].is_number(),
        "the new one opens vault and backup: {drill}"
    );
    let list = home.json(&["backup", "--list"], "");
    let newest = list["backups"][0]["currentKey"].clone();
    assert_eq!(
        newest, true,
        "a backup with the new key was made by itself: {list}"
    );
}

#[test]
fn one_bit_flipped_in_the_newest_backup_then_remove_old_deletes_nothing_good() {
    let (home, old) = with_key();
    let folder = home.file("Couchkey backups");
    let good = files(folder.clone());
    assert_eq!(home.run(&["recovery-key"], "").code, 0, "a newer key");
    let newer = files(folder.clone());
    let newer: Vec<_> = newer.iter().filter(|file| !good.contains(file)).collect();
    assert_eq!(newer.len(), 1, "and a backup that opens with it");
    spoil(newer[0]);
    let refused = home.run(&["--json", "backup", "--remove-old"], "");
    assert_eq!(
        (refused.code, refused.error()),
        (1, "no_backup".to_owned()),
        "nothing takes their place"
    );
    for file in &good {
        let report = home.json(&["verify-backup", file.to_str().unwrap()], &old);
        assert_eq!(report["intact"], true, "still there, and good: {report}");
    }
    let list = home.run(&["backup", "--list"], "");
    let damaged = newer[0].file_name().unwrap().to_str().unwrap();
    let line = list.stdout.lines().find(|line| line.contains(damaged));
    assert!(
        line.is_some_and(|line| line.contains("DAMAGED")),
        "{list:?}"
    );
    assert!(list.stdout.contains("couchkey backup"), "with a cure");
    let doctor = home.run(&["doctor"], "");
    assert_eq!(doctor.code, 1, "{}", doctor.stdout);
    assert!(doctor.stdout.contains(damaged), "{}", doctor.stdout);

    assert_eq!(home.run(&["backup"], "").code, 0, "one that opens");
    let removed = home.json(&["backup", "--remove-old"], "");
    assert_eq!(removed["removed"], good.len(), "now they may go");
}

#[test]
fn a_new_recovery_key_says_what_the_older_one_still_opens() {
    let (home, old) = with_key();
    let before = files(home.file("Couchkey backups"));
    let kept = home.file("kept.couchkey");
    fs::copy(&before[0], &kept).unwrap();
    let made = home.run(&["recovery-key"], "");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let count = format!(
        "Backups that the older recovery key still opens: {}",
        before.len()
    );
    for said in [
        count.as_str(),
        "can open this vault, too",
        "couchkey new-keys",
        "couchkey backup --remove-old",
    ] {
        assert!(made.stderr.contains(said), "{said}: {}", made.stderr);
    }
    // And it is so, until there are new keys.
    let refused = home.run(&["--json", "recover"], &old);
    assert_eq!(refused.error(), "wrong_recovery_key", "not by itself");
    let report = home.json(&["verify-backup", kept.to_str().unwrap()], &old);
    assert_eq!(report["accounts"], 1, "with such a backup: {report}");
}

#[test]
fn a_vault_elsewhere_makes_no_backup_by_itself_unless_it_is_told_a_folder_and_says_so_once() {
    let home = Home::new();
    let usual = home.file("Couchkey backups");
    let made = home.run(&["init"], "");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let said = "couchkey backup --auto FOLDER";
    assert_eq!(made.stderr.matches(said).count(), 1, "{}", made.stderr);
    for name in ["A", "B", "C"] {
        let link = format!(
            "otpauth://totp/TV:person{name}?secret=GEZDGNBVGY3TQOJQ{}&issuer=TV",
            name.repeat(8)
        );
        let added = home.run(&["add", "-"], &link);
        assert_eq!(added.code, 0, "{}", added.stderr);
        assert!(
            !added.stderr.contains("backup"),
            "not after each change: {}",
            added.stderr
        );
    }
    assert!(!usual.exists(), "none among this person's");
    let doctor = home.run(&["doctor"], "");
    assert!(doctor.stdout.contains(said), "{}", doctor.stdout);
    let list = home.run(&["backup", "--list"], "");
    assert!(list.stdout.contains(said), "{}", list.stdout);
    let refused = home.run(&["--json", "backup"], "");
    assert_eq!(
        (refused.code, refused.error()),
        (1, "backup_folder_not_chosen".to_owned()),
        "where to?"
    );
    let once = home.file("once");
    let there = home.run(&["backup", "--to", once.to_str().unwrap()], "");
    assert_eq!(there.code, 0, "{}", there.stderr);
    assert_eq!(files(once).len(), 1, "this once, there");
    let told = home.file("told");
    let told_it = home.run(&["backup", "--auto", told.to_str().unwrap()], "");
    assert_eq!(told_it.code, 0, "{}", told_it.stderr);
    let before = files(told.clone());
    let edited = home.run(&["remove", "personB"], "");
    assert_eq!(edited.code, 0, "{}", edited.stderr);
    assert_ne!(files(told), before, "by itself, from now on");
    assert!(!usual.exists(), "and still none there");
}

#[test]
#[cfg(target_os = "linux")]
fn a_link_to_the_usual_folder_is_no_vault_elsewhere() {
    let home = Home::new();
    let usual = home.file(".local/share/couchkey");
    fs::create_dir_all(&usual).unwrap();
    std::os::unix::fs::symlink(&usual, home.file("vault")).unwrap();
    let mut init = home.command(&["--passphrase-fd", "3", "init"]);
    let made = init.env_remove("XDG_DATA_HOME").output().unwrap();
    assert!(made.status.success(), "{made:?}");
    assert!(usual.join("vault.a").exists() || usual.join("vault.b").exists());
    assert_eq!(
        files(home.file("Couchkey backups")).len(),
        1,
        "its backup is where this person's are"
    );
}
