//! Backups on the command line: made by themselves, verified, proven, restored on another machine; and new keys.

use std::{fs, path::PathBuf};

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

/// A vault with one account, and its recovery key.
fn with_key() -> (Home, String) {
    let home = Home::with(&[STREAM_TV]);
    let made = home.run(&["recovery-key"], "");
    assert_eq!(made.code, 0, "{}", made.stderr);
    let key = key_in(&made.stdout);
    (home, key)
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
    let made = files(folder.clone());
    assert!(!made.is_empty(), "each command that changed something");
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
        "kept"
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
