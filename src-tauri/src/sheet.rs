//! The recovery sheet, saved where the person says.

use std::{io::Write, path::Path};

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

/// All of it or nothing: a sheet that was there stays until the new one is on the disk. For its owner's eyes only, where
/// the system has such a thing.
fn write(path: &Path, sheet: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Beside it, exclusive, 0600, and gone with the value that names it.
    let mut file = tempfile::Builder::new()
        .prefix(".couchkey-sheet-")
        .tempfile_in(folder)?;
    file.write_all(sheet)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
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
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("sheet.html");
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
    }

    #[test]
    fn a_sheet_that_cannot_take_its_place_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let taken = folder.path().join("sheet.html");
        std::fs::create_dir(&taken).expect("a folder of that name");
        let refused = write(&taken, b"x").expect_err("a folder is no file");
        assert!(
            !matches!(refusal(&refused), ErrorCode::StorageFull),
            "the disk is not full"
        );
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("readable")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["sheet.html"], "no half a recovery key lies about");
    }
}
