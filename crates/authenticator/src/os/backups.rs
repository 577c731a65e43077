//! Folders for backups on disk: files that are whole or not there, readable by their owner alone.

use std::fs;
use std::path::{Path, PathBuf};

use super::file;
use crate::ports::{BackupFolder, FileError};

/// What the usual folder is called.
const FOLDER: &str = "Couchkey backups";

/// No folder is looked at further than this; ours has some dozens of files.
const MOST_NAMES: usize = 10_000;

/// Folders of the disks that this system has.
#[derive(Debug, Clone)]
pub struct DiskBackups {
    data_dir: PathBuf,
    only_where_told: bool,
}

impl DiskBackups {
    /// For the vault in this folder: the usual place for its backups is off its disk, where there is one.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            only_where_told: false,
        }
    }

    /// For a vault that somebody keeps in a folder of its own: a script's, a test's, one on a stick. Its backups have no
    /// business among this person's, so they go only where it is told: docs/decisions/0221.
    #[must_use]
    pub fn only_where_told(mut self) -> Self {
        self.only_where_told = true;
        self
    }
}

impl BackupFolder for DiskBackups {
    fn usual(&self) -> Option<String> {
        if self.only_where_told {
            return None;
        }
        let dirs = directories::UserDirs::new()?;
        let documents = dirs.document_dir().unwrap_or(dirs.home_dir()).to_owned();
        let elsewhere = std::iter::once(documents.clone())
            .chain(disks_of_this_person())
            .find(|place| off_the_disk_of(&self.data_dir, place) && may_be_written(place));
        let folder = elsewhere.unwrap_or(documents).join(FOLDER);
        Some(folder.to_str()?.to_owned())
    }

    fn only_where_told(&self) -> bool {
        self.only_where_told
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file::from_io(&error)),
        };
        // A name that is no Unicode is none of ours.
        let names = entries.take(MOST_NAMES).filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().into_string().ok().map(Ok),
            Err(error) => Some(Err(file::from_io(&error))),
        });
        names.collect()
    }

    fn read(&self, folder: &str, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        file::read_whole(&path(folder, name)?, file::LARGEST_VAULT)
    }

    fn write(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let dir = Path::new(folder);
        if !dir.is_dir() {
            if !dir.parent().is_some_and(Path::is_dir) {
                return Err(FileError::Failed(std::io::ErrorKind::NotFound));
            }
            file::make_dir(dir)?;
        }
        file::sweep_abandoned(dir);
        file::replace(&path(folder, name)?, bytes)
    }

    fn remove(&self, folder: &str, name: &str) -> Result<(), FileError> {
        file::remove(&path(folder, name)?)
    }
}

/// A file in the folder itself, never somewhere else by way of its name.
fn path(folder: &str, name: &str) -> Result<PathBuf, FileError> {
    if Path::new(name).file_name() != Some(name.as_ref()) {
        return Err(FileError::Failed(std::io::ErrorKind::InvalidInput));
    }
    Ok(Path::new(folder).join(name))
}

/// Disks that were plugged in and belong to this person, where desktops mount them.
fn disks_of_this_person() -> Vec<PathBuf> {
    let parents: Vec<PathBuf> = if cfg!(target_os = "macos") {
        vec!["/Volumes".into()]
    } else if cfg!(unix) {
        let user = std::env::var_os("USER").filter(|user| !user.is_empty());
        user.iter()
            .flat_map(|user| ["/run/media", "/media"].map(|at| Path::new(at).join(user)))
            .collect()
    } else {
        Vec::new()
    };
    let entries = parents.iter().flat_map(|parent| fs::read_dir(parent).ok());
    let mut disks: Vec<PathBuf> = entries.flatten().flatten().map(|e| e.path()).collect();
    disks.sort();
    disks
}

/// Whether two places are on two file systems. A folder that is not there yet will be on the one of its parent.
#[cfg(unix)]
fn off_the_disk_of(data_dir: &Path, place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| {
        let there = path.ancestors().find_map(|path| fs::metadata(path).ok());
        there.map(|meta| meta.dev())
    };
    let (data, other) = (disk(data_dir), disk(place));
    other.is_some() && data != other
}

/// Nothing here tells one disk from another.
#[cfg(not(unix))]
fn off_the_disk_of(_data_dir: &Path, _place: &Path) -> bool {
    false
}

#[cfg(unix)]
fn may_be_written(place: &Path) -> bool {
    rustix::fs::access(place, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn may_be_written(_place: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_whole_private_and_in_its_folder() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let disk = DiskBackups::new(home.path());
        let folder = home.path().join("backups");
        let folder = folder.to_str().expect("Unicode");
        assert_eq!(disk.names(folder), Ok(Vec::new()), "not there is empty");
        disk.write(folder, "one.couchkey", b"one").expect("written");
        assert_eq!(disk.names(folder), Ok(vec!["one.couchkey".into()]), "one");
        assert_eq!(
            disk.read(folder, "one.couchkey"),
            Ok(Some(b"one".to_vec())),
            "as it was written"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode =
                |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!(mode(Path::new(folder)), 0o700, "the folder");
            let file = Path::new(folder).join("one.couchkey");
            assert_eq!(mode(&file), 0o600, "the file");
        }
        disk.remove(folder, "one.couchkey").expect("removed");
        disk.remove(folder, "one.couchkey")
            .expect("it is not there");
        assert_eq!(
            disk.names(folder),
            Ok(Vec::new()),
            "nothing is left lying about"
        );
    }

    #[test]
    fn a_disk_that_is_not_plugged_in_is_not_pretended() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let disk = DiskBackups::new(home.path());
        let folder = home.path().join("stick/backups");
        let folder = folder.to_str().expect("Unicode");
        assert!(
            disk.write(folder, "one.couchkey", b"one").is_err(),
            "no disk"
        );
        assert!(!home.path().join("stick").exists(), "and none was made");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let disk = DiskBackups::new(home.path());
        let folder = home.path().to_str().expect("Unicode");
        for name in ["../x", "a/b", "..", ".", "", "/etc/passwd"] {
            assert!(disk.write(folder, name, b"x").is_err(), "{name:?}");
            assert!(disk.read(folder, name).is_err(), "{name:?}");
            assert!(disk.remove(folder, name).is_err(), "{name:?}");
        }
    }
}
