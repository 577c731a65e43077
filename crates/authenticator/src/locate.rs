//! Locates the vault without opening it: by its files in the data directory, by what the keyrings have of it, and by the
//! keyring's list of vaults where the directory is lost or was moved.

use couchkey_vault::{Found, Problem, Survey, VaultId, format, survey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    Authenticator, Error, ErrorCode,
    ports::{FileError, Keyring, KeyringError, LONGEST_EVERYWHERE},
    slots::uses_system,
    view::KeyringKind,
};

/// The entry of the keyring that lists vaults, so that a lost data directory is found again.
pub(crate) const VAULTS: &str = "vaults";

pub(crate) enum Place {
    Nothing {
        keyring: KeyringKind,
    },
    Vault {
        id: VaultId,
        survey: Survey,
        keyring: KeyringKind,
        /// The folder that it was kept in, where that is another one, and gone.
        from: Option<String>,
    },
}

impl Authenticator {
    /// What is here, without opening it.
    pub(crate) fn look(&self) -> Result<Place, Error> {
        self.look_at(&self.files().found)
    }

    pub(crate) fn look_at(&self, files: &Found) -> Result<Place, Error> {
        if files.file_a.is_some() || files.file_b.is_some() {
            let survey = survey(files);
            if let Some(error) = refusal(&survey) {
                return Err(error.into());
            }
            let Some(id) = survey.vault.filter(|_| survey.file.is_some()) else {
                // Neither copy can be read: the keyring may have everything.
                let why = self.unreadable().into_iter().next().map(|(_, why)| why);
                return match (self.look_in_keyrings(false), why) {
                    (Ok(Some(place)), _) => Ok(place),
                    // The file keyring would lie in that folder; that it cannot be read says nothing new.
                    (Err(_), Some(FileError::NotAFolder)) => {
                        Err(Error::Unread(FileError::NotAFolder))
                    }
                    (Err(error), _) => Err(error),
                    (Ok(None), Some(why)) => Err(Error::Unread(why)),
                    (Ok(None), None) => Err(ErrorCode::VaultDamaged.into()),
                };
            };
            let keyring = if uses_system(&survey) {
                KeyringKind::System
            } else {
                KeyringKind::File
            };
            return Ok(Place::Vault {
                id,
                survey,
                keyring,
                from: None,
            });
        }
        if let Some(place) = self.look_in_keyrings(true)? {
            return Ok(place);
        }
        let keyring = match self.system_keyring() {
            Ok(_) => KeyringKind::System,
            Err(KeyringError::Unavailable) => KeyringKind::Missing,
            Err(error) => return Err(error.into()),
        };
        Ok(Place::Nothing { keyring })
    }

    /// A vault by what the keyrings have of it, whose files are not here: one that was kept in this place; one of this
    /// folder's own keyring, whatever the folder was called then; and with `elsewhere` the one vault of the system's
    /// keyring whose folder is gone.
    ///
    /// A keyring that is locked is an error: "I cannot see" must never become "there is nothing".
    fn look_in_keyrings(&self, elsewhere: bool) -> Result<Option<Place>, Error> {
        let system = match self.system_keyring() {
            Ok(keyring) => Some(keyring),
            Err(KeyringError::Unavailable) => None,
            Err(error) => return Err(error.into()),
        };
        let mut others = Vec::new();
        if let Some(keyring) = &system {
            // The newest first: an older one in this place was put aside.
            for known in known_vaults(keyring.as_ref())?.into_iter().rev() {
                if known.place != self.parts.place {
                    others.push(known);
                } else if let Some(place) =
                    by_its_head(keyring.as_ref(), known.id()?, KeyringKind::System, None)?
                {
                    return Ok(Some(place));
                }
            }
        }
        let own = self.parts.file_keyring.as_ref();
        let known = known_vaults(own)?.into_iter().rev();
        let mut ids = known
            .map(|known| known.id())
            .collect::<Result<Vec<_>, _>>()?;
        for entry in own.list()?.unwrap_or_default() {
            let id = entry.strip_suffix("/head").and_then(|id| id.parse().ok());
            ids.extend(id.filter(|id| !ids.contains(id)));
        }
        for id in ids {
            if let Some(place) = by_its_head(own, id, KeyringKind::File, None)? {
                return Ok(Some(place));
            }
        }
        let Some(keyring) = system.filter(|_| elsewhere) else {
            return Ok(None);
        };
        let mut lost = Vec::new();
        for known in others {
            if !self.parts.file.is_at(&known.place) {
                let id = known.id()?;
                let from = Some(known.place);
                lost.extend(by_its_head(
                    keyring.as_ref(),
                    id,
                    KeyringKind::System,
                    from,
                )?);
            }
        }
        if lost.len() > 1 {
            let places = lost.into_iter().filter_map(|place| match place {
                Place::Vault { from, .. } => from,
                Place::Nothing { .. } => None,
            });
            return Err(Error::Elsewhere {
                places: places.collect(),
            });
        }
        Ok(lost.pop())
    }

    /// The newest of files and head.
    pub(crate) fn survey_of_today(&self, id: VaultId) -> Result<Survey, Error> {
        let keyring = self.system_keyring()?;
        let found = self.found_in(keyring.as_ref(), id)?;
        Ok(survey(&found))
    }

    /// Writes down in the keyring that this vault is kept in this place, if it is not written there yet.
    pub(crate) fn remember(&self, keyring: &dyn Keyring, id: VaultId) -> Result<(), Error> {
        let mut known = known_vaults(keyring)?;
        let place = &self.parts.place;
        let id = id.to_string();
        let newest_here = known.iter().rev().find(|vault| vault.place == *place);
        if newest_here.is_some_and(|vault| vault.id == id) {
            return Ok(());
        }
        known.retain(|vault| vault.id != id);
        known.push(KnownVault {
            id,
            place: place.clone(),
        });
        // A keyring entry holds 2,500 bytes: what has no head any more goes first, then the oldest.
        let entry = loop {
            let entry = serde_json::to_vec(&known).map_err(|_| ErrorCode::Internal)?;
            if base64(&entry).len() <= LONGEST_EVERYWHERE || known.len() == 1 {
                break base64(&entry);
            }
            let last = known.len() - 1;
            let is_gone = |vault: &KnownVault| {
                let id = vault.id();
                id.is_ok_and(|id| matches!(keyring.get(&format::head_entry(id)), Ok(None)))
            };
            let gone = known[..last].iter().position(is_gone);
            known.remove(gone.unwrap_or(0));
        };
        Ok(keyring.set(VAULTS, entry.as_bytes())?)
    }
}

/// A line of the keyring's list of vaults.
#[derive(Serialize, Deserialize)]
struct KnownVault {
    id: String,
    place: String,
}

impl KnownVault {
    fn id(&self) -> Result<VaultId, Error> {
        self.id.parse().map_err(|_| ErrorCode::StorageFailed.into())
    }
}

/// The vaults that this keyring lists. A list that cannot be read is treated as an empty one only for reading: the
/// vaults themselves are found by their files too.
fn known_vaults(keyring: &dyn Keyring) -> Result<Vec<KnownVault>, Error> {
    let Some(entry) = keyring.get(VAULTS)? else {
        return Ok(Vec::new());
    };
    Ok(unbase64(&entry)
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default())
}

/// A vault by the head that this keyring has of it.
fn by_its_head(
    keyring: &dyn Keyring,
    id: VaultId,
    kind: KeyringKind,
    from: Option<String>,
) -> Result<Option<Place>, Error> {
    let head = keyring.get(&format::head_entry(id))?;
    let Some(head) = head else { return Ok(None) };
    if head.is_empty() {
        // It is there and cannot be read: that must not become "there is nothing".
        return Err(KeyringError::NotAFile.into());
    }
    let survey = survey(&Found {
        head: Some(head.to_vec()),
        ..Found::default()
    });
    if let Some(error) = refusal(&survey) {
        return Err(error.into());
    }
    Ok(survey.vault.map(|id| Place::Vault {
        id,
        survey,
        keyring: kind,
        from,
    }))
}

/// Removes what a keyring that lists its entries has of a vault: the head first, without which the rest is nothing.
pub(crate) fn forget(keyring: &dyn Keyring, id: VaultId) -> Result<(), KeyringError> {
    let mut names = keyring.list()?.unwrap_or_default();
    names.retain(|name| name.starts_with(&format!("{id}/")));
    names.sort_by_key(|name| *name != format::head_entry(id));
    names.iter().try_for_each(|name| keyring.delete(name))
}

/// What must not be touched, whatever opens it.
fn refusal(survey: &Survey) -> Option<ErrorCode> {
    survey.problems.iter().find_map(|problem| match problem {
        Problem::NewerVersion { .. } => Some(ErrorCode::VaultNewerVersion),
        Problem::TwoVaults => Some(ErrorCode::VaultDamaged),
        _ => None,
    })
}

fn base64(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(data_encoding::BASE64.encode(bytes))
}

fn unbase64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    data_encoding::BASE64.decode(text).ok().map(Zeroizing::new)
}
