//! The recovery sheet, saved where the person says.

use std::{fs::OpenOptions, io::Write, path::Path};

use couchkey_authenticator::{Authenticator, ErrorCode};
use tauri::AppHandle;

use crate::{
    ask,
    shell::{Reply, Shell},
};

/// Asks where to save the sheet and saves it; `false` when the person changes their mind.
///
/// # Errors
/// There is no key to save any more, or the file cannot be written.
pub fn save(app: &AppHandle, shell: &Shell) -> Reply<bool> {
    let sheet = shell.act(Authenticator::recovery_sheet)?;
    let place = shell.waiting(|| {
        ask::save_as(
            app,
            "Save the recovery sheet",
            "couchkey-recovery-sheet.html",
        )
    });
    match place {
        None => Ok(false),
        Some(path) => write(&path, sheet.as_bytes())
            .map(|()| true)
            .map_err(|error| refusal(&error).into()),
    }
}

/// For its owner's eyes only, where the system has such a thing.
fn write(path: &Path, sheet: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(sheet)?;
    file.sync_all()
}

fn refusal(error: &std::io::Error) -> ErrorCode {
    use std::io::ErrorKind as K;
    match error.kind() {
        K::StorageFull | K::QuotaExceeded => ErrorCode::StorageFull,
        K::PermissionDenied | K::ReadOnlyFilesystem => ErrorCode::StorageDenied,
        _ => ErrorCode::StorageFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheet_is_for_its_owner_alone_and_replaces_what_was_there() {
        let folder = std::env::temp_dir().join(format!("couchkey-sheet-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let path = folder.join("sheet.html");
        write(&path, b"an older and longer sheet").expect("written");
        write(&path, b"the sheet").expect("written again");
        assert_eq!(
            std::fs::read(&path).expect("readable"),
            b"the sheet",
            "all of it, and no more"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path)
                .expect("it is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "nobody else may read a recovery key");
        }
        let refused = write(&folder, b"x").expect_err("a folder is no file");
        assert!(
            !matches!(refusal(&refused), ErrorCode::StorageFull),
            "the disk is not full"
        );
        std::fs::remove_dir_all(&folder).expect("tidied up");
    }
}
