//! Fakes (stand-ins) of the ports, for tests: a clock that is set, a screen that shows what it is given, a keyring and disks
//! that fail when they are told to.

mod backups;
mod clock;
mod file;
mod fuse;
mod keyring;
mod screen;

pub use self::{
    backups::FakeBackups,
    clock::FakeClock,
    file::FakeFile,
    fuse::Fuse,
    keyring::{FakeKeyring, KeyringCall},
    screen::FakeScreen,
};

#[cfg(test)]
mod tests {
    use couchkey_otp::UnixTime;
    use couchkey_vault::Half;

    use super::*;
    use crate::ports::{Clock, FileError, Keyring, KeyringError, VaultFile};

    #[test]
    fn a_plan_fails_the_call_it_names_and_no_other() {
        let keyring = FakeKeyring::new();
        keyring.fail_nth(2, KeyringError::Denied);
        assert_eq!(keyring.set("a", b"1"), Ok(()), "the first");
        assert_eq!(keyring.set("a", b"2"), Err(KeyringError::Denied), "planned");
        assert_eq!(
            keyring.get("a").unwrap().unwrap().as_slice(),
            b"1",
            "the old entry is whole"
        );
        keyring.fail_nth_write(1, KeyringError::Storage);
        assert!(keyring.get("a").is_ok(), "a read is not a write");
        assert_eq!(keyring.delete("a"), Err(KeyringError::Storage), "planned");
        keyring.fail_always(KeyringError::Locked);
        assert_eq!(keyring.get("a"), Err(KeyringError::Locked), "always");
        keyring.heal();
        assert!(keyring.get("a").unwrap().is_some(), "healed");
        assert_eq!(keyring.calls(), 7, "failures count too");
    }

    #[test]
    fn a_blown_fuse_keeps_what_was_written_before_and_nothing_else() {
        let fuse = Fuse::new();
        let keyring = FakeKeyring::with_fuse(&fuse);
        let file = FakeFile::with_fuse(&fuse);
        keyring.set("a", b"old").unwrap();
        fuse.blow_at_write(2);
        assert_eq!(keyring.set("a", b"new"), Ok(()), "write 1");
        assert!(file.write(Half::A, b"new").is_err(), "write 2");
        assert!(keyring.set("b", b"new").is_err(), "everything after it");
        assert!(keyring.get("a").is_err(), "reads too: the power is off");
        assert!(fuse.is_blown(), "it says so");
        fuse.mend();
        assert_eq!(
            keyring.get("a").unwrap().unwrap().as_slice(),
            b"new",
            "write 1 stays"
        );
        assert_eq!(file.read(Half::A), Ok(None), "write 2 never happened");
        assert_eq!(keyring.get("b"), Ok(None), "nor did write 3");
    }

    #[test]
    fn clones_are_the_same_thing_and_a_stamp_follows_changes() {
        let file = FakeFile::new();
        let other = file.clone();
        let before = other.stamp();
        file.fail_write(1, FileError::Full);
        assert_eq!(file.write(Half::B, b"x"), Err(FileError::Full), "planned");
        assert_eq!(other.stamp(), before, "nothing changed");
        file.write(Half::B, b"x").unwrap();
        assert_ne!(other.stamp(), before, "seen through the clone");
        assert_eq!(other.read(Half::B), Ok(Some(b"x".to_vec())), "so is this");
        let held = file.lock().unwrap();
        drop(held);
        assert!(other.lock().is_ok(), "a dropped lock is free");
    }

    #[test]
    fn a_clock_stands_still_until_it_is_set() {
        let clock = FakeClock::at(59);
        assert_eq!(clock.now(), UnixTime::from_secs(59), "as it was made");
        clock.clone().advance(1);
        assert_eq!(clock.now(), UnixTime::from_secs(60), "its clone moved it");
        clock.set(7);
        assert_eq!(clock.now(), UnixTime::from_secs(7), "set");
    }
}
