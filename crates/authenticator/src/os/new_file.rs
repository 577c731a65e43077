//! A file that a person asked for, such as the recovery sheet: written beside its place, synced, and only then renamed.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::file::sync_dir;

/// All of a file or nothing of it: what was in its place stays there until the new one is on the disk. For its owner's
/// eyes only (0600), where the system has such a thing.
///
/// It is opened before what goes into it is made, so that a folder which is not there, or may not be written, is known
/// before anything depends on it. Dropped without [`write`](Self::write), it leaves nothing behind.
pub struct NewFile {
    // Exclusive, with a name that nobody can guess, and gone with the value that names it.
    temp: NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Opens it in the folder where it is to be.
    ///
    /// # Errors
    /// There is no such folder, or it may not be written.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            temp: tempfile::Builder::new()
                .prefix(".couchkey-new-")
                .tempfile_in(folder_of(path))?,
            path: path.to_owned(),
        })
    }

    /// Writes it and puts it into its place. With `replace`, in place of a file that is there; without, a file that came
    /// there meanwhile is an error.
    ///
    /// # Errors
    /// The place is as it was.
    pub fn write(mut self, bytes: &[u8], replace: bool) -> io::Result<()> {
        self.temp.write_all(bytes)?;
        self.temp.as_file().sync_all()?;
        let kept = match replace {
            true => self.temp.persist(&self.path),
            false => self.temp.persist_noclobber(&self.path),
        };
        kept.map_err(|error| error.error)?;
        // The file is there and whole; that its name is not on the disk yet is no reason to call it unwritten.
        let _ = sync_dir(folder_of(&self.path));
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn left_in(folder: &Path) -> Vec<std::ffi::OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn it_is_whole_for_its_owner_alone_and_replaces_only_when_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.html");
        let written =
            NewFile::at(&path).and_then(|file| file.write(b"an older, longer one", false));
        written.expect("there is none of that name");
        let over = NewFile::at(&path).and_then(|file| file.write(b"another", false));
        assert_eq!(
            over.map_err(|error| error.kind()),
            Err(io::ErrorKind::AlreadyExists),
            "never over a file unless told to"
        );
        assert_eq!(fs::read(&path).unwrap(), b"an older, longer one", "whole");
        let replaced = NewFile::at(&path).and_then(|file| file.write(b"the sheet", true));
        replaced.expect("the person said so");
        assert_eq!(fs::read(&path).unwrap(), b"the sheet", "and no more");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "nobody else may read a recovery key");
        }
        assert_eq!(left_in(folder.path()), ["sheet.html"], "nothing beside it");
    }

    #[test]
    fn what_cannot_take_its_place_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let missing = NewFile::at(&folder.path().join("missing").join("sheet.html"));
        assert_eq!(
            missing.map(drop).map_err(|error| error.kind()),
            Err(io::ErrorKind::NotFound),
            "known before anything is made"
        );
        let taken = folder.path().join("sheet.html");
        fs::create_dir(&taken).unwrap();
        let refused = NewFile::at(&taken).and_then(|file| file.write(b"x", true));
        assert!(refused.is_err(), "a folder is no file");
        drop(NewFile::at(&folder.path().join("given-up.html")).unwrap());
        assert_eq!(
            left_in(folder.path()),
            ["sheet.html"],
            "no half a recovery key lies about"
        );
    }
}
