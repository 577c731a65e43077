//! Backups in the window: when one is made by itself, where they go, and the file that somebody wants to restore.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode,
    view::{BackupChoice, BackupsView},
};
use tauri::AppHandle;

use crate::{
    dialogs,
    shell::{Reply, Shell},
};

/// Changes that follow each other closely make one backup.
const REST: Duration = Duration::from_secs(4);

/// The file that somebody wants to restore. Its bytes come once; what is asked about it afterwards names it.
#[derive(Default)]
pub struct Chosen(Mutex<Option<Arc<Vec<u8>>>>);

impl Chosen {
    /// Takes a file in place of the last one.
    pub fn put(&self, bytes: Option<Vec<u8>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.map(Arc::new);
    }

    /// The bytes of a backup: the one of this name in the folder, or else the file that was chosen.
    ///
    /// # Errors
    /// [`ErrorCode::NoBackup`]; what kept it from being read.
    pub fn bytes(
        &self,
        authenticator: &Authenticator,
        name: Option<&str>,
    ) -> Result<Arc<Vec<u8>>, Error> {
        if let Some(name) = name {
            return authenticator.read_backup(name).map(Arc::new);
        }
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| ErrorCode::NoBackup.into())
    }
}

/// Makes a backup a few seconds after each change, as long as the program runs; on a thread of its own, so that a slow
/// disk keeps nobody waiting.
pub fn watch(shell: &Arc<Shell>) {
    let shell = Arc::clone(shell);
    std::thread::spawn(move || {
        loop {
            shell.authenticator().wait_for_change();
            std::thread::sleep(REST);
            let told = shell.authenticator().status().notices;
            if let Some(report) = shell.authenticator().back_up_if_behind() {
                tracing::warn!(target: "couchkey", code = report.code.as_str(), "no backup");
            }
            if shell.authenticator().status().notices != told {
                shell.changed(); // the notice says what is in the way, or what was mended
            }
        }
    });
}

/// Asks for a folder; `None` when the person changes their mind.
///
/// # Errors
/// No backup can be written there.
pub fn choose_folder(app: &AppHandle, shell: &Shell) -> Reply<Option<BackupsView>> {
    let now = shell.ask(Authenticator::backups)?.folder.map(PathBuf::from);
    let there = now.iter().flat_map(|now| now.ancestors());
    let start = there.map(Path::to_owned).find(|folder| folder.is_dir());
    let start = start.unwrap_or_else(|| PathBuf::from("/"));
    let Some(folder) = shell.waiting(|| dialogs::folder(app, "Choose where backups go", start))
    else {
        return Ok(None);
    };
    let choice = BackupChoice::Folder(folder.to_string_lossy().into_owned());
    shell.ask(|a| a.set_backups(&choice)).map(Some)
}
