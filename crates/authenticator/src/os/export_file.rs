//! Writes an export to the disk: beside its place, read back and compared, and only then renamed.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use zeroize::Zeroizing;

use super::file::sync_dir;
use crate::{
    Authenticator, Error, ErrorCode, Permission,
    progress::Watch,
    view::{ExportForm, Exported},
};

impl Authenticator {
    /// Writes a file for another app: to `to`, for its owner's eyes alone, all of it or nothing. Before it says done, it
    /// reads the file from the disk and compares every account's codes; if they differ, the file is removed.
    ///
    /// `password` seals [`ExportFormat::AegisEncrypted`]; the others take none. With `replace` a file of that name may
    /// be replaced; the person was asked.
    ///
    /// # Errors
    /// [`ErrorCode::PassphraseNeeded`], [`ErrorCode::WrongPassphrase`] and [`ErrorCode::ConfirmationNeeded`];
    /// [`ErrorCode::PassphraseTooShort`] and [`ErrorCode::PassphraseTooWeak`] for `password`; [`ErrorCode::ExportExists`], [`ErrorCode::ExportUnwritten`];
    /// [`ErrorCode::ExportDiffers`]; [`ErrorCode::Cancelled`]. No file was left then.
    pub fn export_file(
        &self,
        form: &ExportForm,
        permission: &Permission<'_>,
        password: Option<&str>,
        to: &Path,
        replace: bool,
        watch: Watch<'_>,
    ) -> Result<Exported, Error> {
        self.begin_export(permission)?;
        // The folder's own answer comes before the work; what counts is the answer when it is renamed.
        if !replace && fs::symlink_metadata(to).is_ok() {
            return Err(ErrorCode::ExportExists.into());
        }
        let going = self.going(form)?;
        let bytes = self.written(form.format, &going, password, watch)?;
        self.go_on()?;

        let folder = match to.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        // In the same folder, exclusive, 0600, and gone with the value that names it: also when this thread panics.
        let mut file = tempfile::Builder::new()
            .prefix(".couchkey-export-")
            .tempfile_in(folder)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        drop(bytes);
        let read = read_back(file.path())?;
        self.compared(form.format, &going, &read, password, watch)?;
        self.go_on()?;
        let placed = match replace {
            true => file.persist(to),
            false => file.persist_noclobber(to),
        };
        placed.map_err(|error| error.error)?;
        // What is under its name now is what was compared, byte for byte; else nobody may rely on it.
        let same = read_back(to).and_then(|placed| {
            sync_dir(folder)?;
            Ok(*placed == *read)
        });
        if !matches!(same, Ok(true)) {
            let _ = fs::remove_file(to);
            same?;
            return Err(ErrorCode::ExportDiffers.into());
        }
        Ok(going.exported())
    }
}

/// What is on the disk under this name.
fn read_back(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
