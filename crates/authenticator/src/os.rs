//! Adapters to the operating system: the clock, the keyring, the disk and the screen of the system that Couchkey runs on.

pub mod backups;
pub mod clock;
mod core_dumps;
mod export_file;
pub mod file;
pub mod keyring;
pub mod new_file;
pub mod screen;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use couchkey_vault::Argon2Cost;

use crate::{
    Authenticator, Error, ErrorCode, Parts,
    ports::{Keyring, KeyringError},
};

pub use backups::DiskBackups;
pub use clock::SystemClock;
pub use core_dumps::{no_core_dumps, nobody_looks_in};
pub use file::{DiskFile, default_data_dir};
pub use keyring::{FileKeyring, KeyringState, SystemKeyring, Waiting};
pub use new_file::NewFile;
pub use screen::SystemScreen;

/// Which keyring to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyringChoice {
    /// The operating system's; files in the data directory where there is none, and then a passphrase is required.
    #[default]
    Auto,
    /// Files in the data directory; the operating system's keyring is never asked.
    File,
}

impl Authenticator {
    /// The authenticator of this person on this machine. A vault in another folder than the usual one makes no backup by
    /// itself before it is told where to.
    ///
    /// # Errors
    /// [`ErrorCode::StorageDenied`] where the system names no place for data and none was given.
    pub fn on_this_machine(data_dir: Option<&Path>, keyring: KeyringChoice) -> Result<Self, Error> {
        let dir = match data_dir {
            Some(dir) => std::path::absolute(dir).map_err(|_| ErrorCode::StorageDenied)?,
            None => default_data_dir().ok_or(ErrorCode::StorageDenied)?,
        };
        // One connection for all calls; made when it is first needed, and again as long as there was none.
        let connected: Mutex<Option<Arc<dyn Keyring>>> = Mutex::new(None);
        Ok(Self::new(Parts {
            clock: Box::new(SystemClock),
            system_keyring: Box::new(move || match keyring {
                KeyringChoice::File => Err(KeyringError::Unavailable),
                KeyringChoice::Auto => {
                    let mut connected = connected.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(keyring) = connected.as_ref() {
                        return Ok(Arc::clone(keyring));
                    }
                    let keyring: Arc<dyn Keyring> = Arc::new(SystemKeyring::connect()?);
                    *connected = Some(Arc::clone(&keyring));
                    Ok(keyring)
                }
            }),
            file_keyring: Arc::new(FileKeyring::new(&dir)),
            screen: Box::new(SystemScreen),
            passphrase_cost: Box::new(affordable_cost),
            place: dir.to_string_lossy().into_owned(),
            backups: Box::new(if is_the_usual(&dir) {
                DiskBackups::new(&dir)
            } else {
                DiskBackups::new(&dir).only_where_told()
            }),
            file: Box::new(DiskFile::new(dir)),
        }))
    }
}

/// Whether this person's vault is kept there when nobody names a folder, however that is spelled.
fn is_the_usual(dir: &Path) -> bool {
    let real = |dir: &Path| std::fs::canonicalize(dir).ok();
    default_data_dir().is_some_and(|usual| {
        usual == dir || real(&usual).is_some_and(|usual| Some(usual) == real(dir))
    })
}

/// What this machine can afford: docs/decisions/0073.
///
/// Phones have less memory to give, and a build without optimisation says nothing about the one that people have.
fn affordable_cost() -> Argon2Cost {
    let default = Argon2Cost::default();
    if cfg!(any(
        target_os = "android",
        target_os = "ios",
        debug_assertions
    )) {
        return default;
    }
    measured(|| default.pay())
}

/// The cost for a machine that pays the default in this way.
fn measured<E>(pay: impl FnOnce() -> Result<(), E>) -> Argon2Cost {
    let begin = Instant::now();
    match pay() {
        Ok(()) => Argon2Cost::for_machine(begin.elapsed()),
        Err(_) => Argon2Cost::default(), // where even that cannot be had, making the slot says so
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_costs_what_the_machine_can_pay_and_never_less_than_the_default() {
        let default = Argon2Cost::default();
        assert_eq!(measured(|| Err(())), default, "it could not be tried");
        let affordable = default.memory_kib()..=Argon2Cost::CALIBRATED_MEMORY_KIB;
        for cost in [measured(|| default.pay()), affordable_cost()] {
            assert!(
                affordable.contains(&cost.memory_kib()),
                "whatever machine this is: {cost:?}"
            );
        }
    }
}
