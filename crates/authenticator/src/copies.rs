//! The copies of the vault: the two generations of its file, and what the keyring has. Reads them, opens them, looks at every
//! entry and mends one from the other.

use std::sync::Arc;

use couchkey_vault::{FetchFailed, Found, Half, Note, OpenError, Opened, Unlock, VaultId, format};
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode,
    ports::{FileError, Keyring, KeyringError},
    view::Notice,
};

/// The vault's two files as they were read.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) found: Found,
    /// Of both; `None` where one of them could not be read.
    stamp: Option<u64>,
}

impl Authenticator {
    /// Looks at every account in the keyring, too, which an opening does not, and mends what is wrong there or in the file
    /// from the other one. Answers how many of the keyring's entries were missing or damaged.
    ///
    /// Codes can be made meanwhile: only a change waits.
    ///
    /// # Errors
    /// The keyring could not be read, or what is wrong could not be written again; that is tried again later.
    pub fn check_copies(&self) -> Result<usize, Error> {
        let (id, keyring, _) = self.opened_from()?;
        let fetch = |number, half| {
            let entry = keyring.get(&format::bundle_entry(id, number, half));
            let entry = entry.map_err(|_| FetchFailed)?;
            Ok(entry.map(|bytes| bytes.to_vec()))
        };
        let found = self.found_in(keyring.as_ref(), id)?;
        let mut copy = self.reopen(&found, id, &keyring)?;
        let notes = copy.vault.check_bundles(fetch).map_err(OpenError::from)?;
        if notes.is_empty() && !copy.needs_save {
            return Ok(0);
        }
        // Somebody may have written meanwhile; under the lock it is looked at once more.
        let mut wrong = 0;
        let mended = self.change(|vault, _, _| {
            let notes = vault.check_bundles(fetch).map_err(OpenError::from)?;
            let entry = |note: &&Note| matches!(note, Note::BundleDamaged(_));
            wrong = notes.iter().filter(entry).count();
            Ok(!notes.is_empty())
        });
        match mended {
            Ok(true) => self.say(Notice::Repaired),
            Ok(false) => (),
            Err(error) => {
                self.say(Notice::NotMended);
                return Err(error);
            }
        }
        Ok(wrong)
    }

    /// What both places hold of a vault: the two files, and the head where its keyring is at hand. A half that cannot be
    /// read is a damaged half: something is there, and nothing can be made of it.
    pub(crate) fn found(
        &self,
        head: impl FnOnce() -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError>,
    ) -> Result<Found, Error> {
        let mut found = self.files().found;
        found.head = head()?.map(|bytes| bytes.to_vec());
        Ok(found)
    }

    /// The same, with the head that this keyring has.
    pub(crate) fn found_in(&self, keyring: &dyn Keyring, id: VaultId) -> Result<Found, Error> {
        self.found(|| keyring.get(&format::head_entry(id)))
    }

    /// The two files, for whoever looks first and opens then.
    pub(crate) fn files(&self) -> Files {
        let stamp = self.parts.file.stamp();
        // A disk that did not answer once is asked once more: to take its newer half for a damaged one costs the order of
        // the list and the trash.
        let read = |half| {
            let bytes = self.parts.file.read(half);
            bytes.or_else(|_| self.parts.file.read(half))
        };
        let (a, b) = (read(Half::A), read(Half::B));
        Files {
            stamp: (a.is_ok() && b.is_ok()).then_some(stamp),
            found: Found {
                file_a: a.unwrap_or(Some(Vec::new())),
                file_b: b.unwrap_or(Some(Vec::new())),
                head: None,
            },
        }
    }

    /// What both places hold, without reading files again that are the same as they were.
    pub(crate) fn found_since(
        &self,
        files: Files,
        keyring: &dyn Keyring,
        id: VaultId,
    ) -> Result<Found, Error> {
        let head = || keyring.get(&format::head_entry(id));
        let of_now = head()?;
        // After the head, which may have waited for a person: another process may have saved meanwhile.
        if files.stamp != Some(self.parts.file.stamp()) {
            return self.found(head);
        }
        Ok(Found {
            head: of_now.map(|bytes| bytes.to_vec()),
            ..files.found
        })
    }

    /// The halves of the file that are there and cannot be read, and why.
    pub(crate) fn unreadable(&self) -> Vec<(Half, FileError)> {
        let halves = Half::BOTH.into_iter();
        halves
            .filter_map(|half| Some((half, self.parts.file.read(half).err()?)))
            .collect()
    }

    /// Opens what the two places hold now with the key of the vault that is open.
    pub(crate) fn reopen(
        &self,
        found: &Found,
        id: VaultId,
        keyring: &Arc<dyn Keyring>,
    ) -> Result<Opened, Error> {
        let guard = self.open_now();
        let open = guard.as_ref().ok_or(ErrorCode::VaultLocked)?;
        let unlock = Unlock::VaultKey(open.vault.vault_key());
        self.open_with(found, &unlock, id, keyring)
    }

    /// Opens what the two places hold now with something that unlocks it.
    pub(crate) fn open_with(
        &self,
        found: &Found,
        unlock: &Unlock<'_>,
        id: VaultId,
        keyring: &Arc<dyn Keyring>,
    ) -> Result<Opened, Error> {
        Ok(couchkey_vault::open(found, unlock, |number, half| {
            keyring
                .get(&format::bundle_entry(id, number, half))
                .map(|entry| entry.map(|bytes| bytes.to_vec()))
                .map_err(|_| FetchFailed)
        })?)
    }
}
