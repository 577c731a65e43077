//! Reads the open vault, and changes it: the one way to do that.
//!
//! A change is made on a fresh copy that was read from the disk under the file's lock, written in the order
//! bundles, file, head, and only then put in the place of what is shown. Whatever fails leaves the old state or the
//! new one on the disk, and what is in memory is read from there again.

use couchkey_otp::UnixTime;
use couchkey_vault::{
    BundleWrite, DeviceKey, Found, Half, OpenError, Problem, Unlock, Vault, VaultId, format, survey,
};
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode,
    authenticator::held,
    device_key,
    ports::{FileError, Keyring},
    random::{OsRandom, os_random},
    view::Notice,
};

impl Authenticator {
    /// Looks into the open vault, after reading it again if another process changed it.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Vault) -> T) -> Result<T, Error> {
        let mut guard = self.open_now();
        let open = guard.as_mut().ok_or(ErrorCode::VaultLocked)?;
        let stamp = self.parts.file.stamp();
        if stamp != open.stamp {
            // A copy that cannot be read just now (another process may be at it) is no reason to show nothing.
            let id = open.vault.id();
            if let Ok(found) = self.found(|| Ok(None)) {
                let unlock = Unlock::VaultKey(open.vault.vault_key());
                match self.open_with(&found, &unlock, id, &open.keyring) {
                    Ok(opened) if opened.vault.descends_from(&open.vault) => {
                        open.vault = opened.vault;
                        open.stamp = stamp;
                    }
                    // An older copy was put there, or another computer's: the keyring has what is not in it.
                    Ok(_) => {
                        open.stamp = stamp;
                        let nobody_writes = self.writer.try_lock().is_ok();
                        if nobody_writes {
                            drop(guard);
                            let _ = self.change(|_, _, _| Ok(()));
                            guard = self.open_now();
                        }
                    }
                    Err(error) if has_other_keys(&found, &open.vault, &error) => {
                        *guard = None;
                        return Err(ErrorCode::VaultLocked.into());
                    }
                    _ => {}
                }
            }
        }
        let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
        Ok(look(&open.vault))
    }

    /// Makes one change: all of it is kept, or none.
    pub(crate) fn change<T>(
        &self,
        make: impl FnOnce(&mut Vault, UnixTime, &mut OsRandom) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_watched(make, None)
    }

    /// The same for a change of thousands of accounts, which takes a keyring many seconds: `step` is told how many of
    /// its entries are written and may give the change up.
    pub(crate) fn change_watched<T>(
        &self,
        make: impl FnOnce(&mut Vault, UnixTime, &mut OsRandom) -> Result<T, Error>,
        step: Option<Step<'_>>,
    ) -> Result<T, Error> {
        self.change_under_lock(make, None, step)
    }

    /// Makes a change in which `key`, of which `make` makes slots, becomes this device's key. The old one stays in the
    /// keyring until both generations of the file have those slots: src/device_key.rs.
    pub(crate) fn change_device_key<T>(
        &self,
        key: &DeviceKey,
        make: impl FnOnce(&mut Vault, UnixTime, &mut OsRandom) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_under_lock(make, Some(key), None)
    }

    fn change_under_lock<T>(
        &self,
        make: impl FnOnce(&mut Vault, UnixTime, &mut OsRandom) -> Result<T, Error>,
        new_key: Option<&DeviceKey>,
        step: Option<Step<'_>>,
    ) -> Result<T, Error> {
        let _one_at_a_time = held(&self.writer);
        let (id, keyring, _) = self.opened_from()?;
        let _one_process = self.parts.file.lock()?;
        let found = self.found_in(keyring.as_ref(), id)?;
        let (mut working, news) = {
            let mut guard = self.open_now();
            let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
            let unlock = Unlock::VaultKey(open.vault.vault_key());
            match self.open_with(&found, &unlock, id, &keyring) {
                Ok(opened) => {
                    let news = Notice::of_opening(&opened);
                    (opened.vault, news)
                }
                Err(error) if has_other_keys(&found, &open.vault, &error) => {
                    *guard = None;
                    return Err(ErrorCode::VaultLocked.into());
                }
                Err(error) => return Err(error),
            }
        };
        let ways = working.slots();
        let value = make(&mut working, self.now(), &mut os_random())?;
        let mut keys = Vec::new();
        if let Some(new) = new_key {
            keys = device_key::read(keyring.as_ref(), id)?;
            device_key::write(keyring.as_ref(), id, [new].into_iter().chain(&keys))?;
        }
        let written = self.write_watched(&mut working, keyring.as_ref(), step);
        if written.is_err() {
            // The disk has the old state or the new one; show what it has.
            let found = self.found(|| keyring.get(&format::head_entry(id)).or(Ok(None)))?;
            let unlock = Unlock::VaultKey(working.vault_key());
            working = match self.open_with(&found, &unlock, id, &keyring) {
                Ok(opened) => opened.vault,
                // It was to get a new key and did not.
                Err(_) => self.reopen(&found, id, &keyring)?.vault,
            };
            if new_key.is_some() && working.slots() == ways {
                // Nothing was made with it. If it stays, it opens nothing, and the next change takes it away.
                let _ = device_key::write(keyring.as_ref(), id, &keys);
            }
        }
        // Only now does nothing need the old one any more.
        let settled = match new_key {
            Some(new) if written.is_ok() => device_key::write(keyring.as_ref(), id, [new]),
            _ => Ok(()),
        };
        let mut guard = self.open_now();
        // Somebody may have locked it meanwhile; then it stays locked.
        if let Some(open) = guard.as_mut() {
            open.vault = working;
            open.stamp = self.parts.file.stamp();
            if !news.is_empty() {
                // It was said of what was found before this.
                open.notices
                    .retain(|notice| *notice != Notice::NothingMissing);
            }
            open.notices.extend(news);
            open.notices.sort_unstable();
            open.notices.dedup();
        }
        drop(guard);
        if written.is_ok() {
            self.note_change();
        }
        written?;
        settled?;
        Ok(value)
    }

    /// Writes a vault in the order of docs/vault-format.md: bundles, file, head. The file's lock is held.
    ///
    /// After a change of what unlocks it, twice: neither generation of the file may open with what was taken away.
    pub(crate) fn write(&self, vault: &mut Vault, keyring: &dyn Keyring) -> Result<(), Error> {
        self.write_watched(vault, keyring, None)
    }

    fn write_watched(
        &self,
        vault: &mut Vault,
        keyring: &dyn Keyring,
        mut step: Option<Step<'_>>,
    ) -> Result<(), Error> {
        let id = vault.id();
        let head = format::head_entry(id);
        while vault.needs_save() {
            let save = vault.save_in_entries(keyring.longest_entry(), &mut os_random())?;
            if let Some(behind) = &save.roll_head {
                keyring.set(&head, behind.as_bytes())?;
            }
            match &mut step {
                None => {
                    for bundle in &save.bundles {
                        keyring.set(&bundle.entry_name(id), bundle.entry.as_bytes())?;
                    }
                }
                Some(step) => write_bundles(id, &save.bundles, keyring, *step)?,
            }
            self.write_file(save.file_half, &save.file)?;
            keyring.set(&head, save.head.as_bytes())?;
            vault.saved(save);
        }
        Ok(())
    }

    /// Writes one half of the file, and reads it again: where that half cannot be read although it was written (a bad
    /// disk, a folder in its place that does not move), the other one has to do.
    fn write_file(&self, half: Half, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.parts.file.write(half, bytes);
        match (written, self.parts.file.read(half)) {
            (Ok(()), Ok(Some(there))) if there == bytes => Ok(()),
            (Ok(()), Ok(_)) => Err(FileError::Failed(std::io::ErrorKind::InvalidData)),
            (_, Err(_)) => self.parts.file.write(half.other(), bytes),
            (Err(error), Ok(_)) => Err(error),
        }
    }
}

/// Told how many of how many keyring entries are written; an error gives the change up.
pub(crate) type Step<'a> = &'a mut dyn FnMut(usize, usize) -> Result<(), Error>;

/// Writes the bundles of a large change. If it is given up or fails, the keyring gets back what it had, as far as it
/// takes it: nothing names these entries before the file is written, and thousands of them are not left lying about.
fn write_bundles(
    id: VaultId,
    bundles: &[BundleWrite],
    keyring: &dyn Keyring,
    step: Step<'_>,
) -> Result<(), Error> {
    let mut before: Vec<(String, Option<Zeroizing<Vec<u8>>>)> = Vec::new();
    let written = bundles.iter().enumerate().try_for_each(|(done, bundle)| {
        step(done, bundles.len())?;
        let name = bundle.entry_name(id);
        let had = if bundle.first {
            None
        } else {
            keyring.get(&name)?
        };
        before.push((name, had));
        let (name, _) = before.last().expect("it was just put there");
        Ok(keyring.set(name, bundle.entry.as_bytes())?)
    });
    let written = written.and_then(|()| step(bundles.len(), bundles.len()));
    if written.is_err() {
        for (name, had) in before.iter().rev() {
            let _ = match had {
                Some(bytes) => keyring.set(name, bytes),
                None => keyring.delete(name),
            };
        }
    }
    written
}

/// Whether another process gave the vault other keys, so that this one has to be unlocked anew.
fn has_other_keys(found: &Found, open: &Vault, error: &Error) -> bool {
    let survey = survey(found);
    matches!(error, Error::Open(OpenError::Wrong))
        && survey.vault == Some(open.id())
        && survey.file > Some(open.generation())
        && !survey
            .problems
            .iter()
            .any(|problem| matches!(problem, Problem::FileDamaged(_)))
}
