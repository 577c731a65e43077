//! The recovery sheet, saved where the person says.

use couchkey_authenticator::{Authenticator, ErrorCode, os::NewFile};
use tauri::AppHandle;

use crate::{
    dialogs,
    shell::{Reply, Shell},
};

/// Asks where to save the sheet and saves it; `false` when the person changes their mind.
///
/// # Errors
/// There is no key to save any more, or the file cannot be written.
pub fn save(app: &AppHandle, shell: &Shell) -> Reply<bool> {
    let sheet = shell.ask(Authenticator::recovery_sheet)?;
    let place = shell.waiting(|| {
        dialogs::save_as(
            app,
            "Save the recovery sheet",
            "couchkey-recovery-sheet.html",
        )
    });
    match place {
        None => Ok(false),
        // In place of a file of that name: the dialog has asked about it.
        Some(path) => NewFile::at(&path)
            .and_then(|file| file.write(sheet.as_bytes(), true))
            .map(|()| true)
            .map_err(|error| refusal(&error).into()),
    }
}

fn refusal(error: &std::io::Error) -> ErrorCode {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::StorageFull | K::QuotaExceeded => ErrorCode::StorageFull,
        K::PermissionDenied | K::ReadOnlyFilesystem => ErrorCode::StorageDenied,
        _ => ErrorCode::StorageFailed,
    }
}
