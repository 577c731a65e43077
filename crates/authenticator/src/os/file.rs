//! The vault's two files on disk: replaced whole, durable, readable by their owner alone, locked while they change.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use couchkey_vault::{Half, format::FILE_MAGIC};

use crate::ports::{FileError, FileLock, VaultFile};

/// The vault's folder for this person on this system; `None` where the system names none (a phone's shell does).
///
/// It is the folder that stays on this machine: the device key in the keyring does not roam either.
#[must_use]
pub fn default_data_dir() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "couchkey")?;
    Some(dirs.data_local_dir().to_path_buf())
}

/// `vault.a` and `vault.b` in a folder of their own, with `couchkey.lock` beside them.
#[derive(Debug, Clone)]
pub struct DiskFile {
    dir: PathBuf,
    lock_wait: Duration,
}

impl DiskFile {
    /// The vault in this folder, which is made (0700) when the first change is.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: data_dir.into(),
            lock_wait: LOCK_WAIT,
        }
    }

    /// Waits this long for another process, instead of ten seconds.
    #[must_use]
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where one generation lies.
    #[must_use]
    pub fn path(&self, half: Half) -> PathBuf {
        self.dir.join(match half {
            Half::A => "vault.a",
            Half::B => "vault.b",
        })
    }
}

impl VaultFile for DiskFile {
    fn lock(&self) -> Result<Box<dyn FileLock>, FileError> {
        make_dir(&self.dir)?;
        let file = open_lock(&self.dir.join(LOCK_NAME))?;
        if wait_for(&file, self.lock_wait)? {
            // Whoever wrote these is dead: a living writer would hold the lock.
            sweep(&self.dir);
            sweep(&self.dir.join(KEYRING_DIR));
            for half in Half::BOTH {
                // A folder that a link leads to is not locked by us alone.
                let path = self.path(half);
                match followed(&path) {
                    Ok(at) if at != path => sweep_abandoned(folder_of(&at)),
                    _ => {}
                }
            }
        }
        Ok(Box::new(Held { _file: file }))
    }

    fn read(&self, half: Half) -> Result<Option<Vec<u8>>, FileError> {
        let path = self.path(half);
        let at = followed(&path).map_err(unreadable)?;
        match read_whole(&at, LARGEST_VAULT).map_err(unreadable)? {
            // A disk that is not plugged in, most often: that is no vault that was never made.
            None if at != path => Err(FileError::LostLink),
            None if is_lost(&self.dir) => Err(FileError::LostFolder),
            Some(bytes) if at != path && !may_be_ours(&bytes) => Err(FileError::LinkToOther),
            bytes => Ok(bytes),
        }
    }

    fn write(&self, half: Half, bytes: &[u8]) -> Result<(), FileError> {
        if bytes.len() as u64 > LARGEST_VAULT {
            return Err(FileError::TooLarge);
        }
        make_dir(&self.dir)?;
        // The file behind a link is replaced, so that the link stays one.
        let at = followed(&self.path(half))?;
        if !folder_of(&at).is_dir() {
            return Err(FileError::LostLink);
        }
        if at != self.path(half) && !may_be_ours(&beginning(&at)?) {
            return Err(FileError::LinkToOther);
        }
        replace(&at, bytes)
    }

    fn set_aside(&self) -> Result<(), FileError> {
        for half in Half::BOTH {
            let from = self.path(half);
            // A link is put aside as a link: what it leads to stays where it is.
            if followed(&from)? == from && !plain_or_absent(&from)? {
                continue;
            }
            let name = format!("vault.{}", half.letter());
            let free = (1..).map(|n| self.dir.join(format!("{name}.aside-{n}")));
            let to = free
                .into_iter()
                .find(|to| fs::symlink_metadata(to).is_err());
            let to = to.unwrap_or_else(|| self.dir.join(format!("{name}.aside")));
            fs::rename(from, to).map_err(|error| from_io(&error))?;
        }
        sync_dir(&self.dir).map_err(|error| from_io(&error))
    }

    fn is_at(&self, place: &str) -> bool {
        let there = DiskFile::new(place);
        Half::BOTH
            .into_iter()
            .any(|half| match fs::symlink_metadata(there.path(half)) {
                Ok(_) => true,
                Err(error) => {
                    !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
                }
            })
    }

    fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for half in [Half::A, Half::B] {
            let path = self.path(half);
            match fs::symlink_metadata(followed(&path).unwrap_or(path)) {
                Ok(meta) => identity(&meta).hash(&mut hasher),
                Err(error) => error.kind().hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

/// The operating system lets go of the lock when the file is closed, however the process ends.
struct Held {
    _file: File,
}

impl FileLock for Held {}

/// A folder of ours beside the vault's files, see [`super::FileKeyring`].
pub(super) const KEYRING_DIR: &str = "keyring";

/// A vault of 10,000 accounts is some 12 MB.
pub(super) const LARGEST_VAULT: u64 = 64 * 1024 * 1024;
const LOCK_NAME: &str = "couchkey.lock";
const LOCK_WAIT: Duration = Duration::from_secs(10);
const ABANDONED: Duration = Duration::from_secs(60 * 60);
const TEMP_PREFIX: &str = ".couchkey-";
const TEMP_SUFFIX: &str = ".tmp";

/// Where a file of the vault lies: a symbolic link that is the person's own is followed, to put the vault into a folder
/// that is synced, say. Anybody else's could make us read, or write over, what is not theirs to name.
fn followed(path: &Path) -> Result<PathBuf, FileError> {
    const MOST: usize = 8;
    let mut at = path.to_owned();
    for _ in 0..MOST {
        match fs::symlink_metadata(&at) {
            Ok(meta) if meta.is_symlink() => {
                if !is_ours(&meta) {
                    return Err(FileError::ForeignLink);
                }
                let to = fs::read_link(&at).map_err(|error| from_io(&error))?;
                at = folder_of(&at).join(to);
            }
            Ok(_) => return Ok(at),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(at),
            Err(error) => return Err(from_io(&error)),
        }
    }
    // In a circle.
    Err(FileError::LostLink)
}

/// Whether a folder is not there because a link leads nowhere: what it has is on a disk that is not plugged in.
fn is_lost(dir: &Path) -> bool {
    // Without a slash at its end, which would ask for what the link leads to.
    let dir: PathBuf = dir.components().collect();
    let there = dir.ancestors().find_map(|dir| {
        let meta = fs::symlink_metadata(dir).ok()?;
        Some((dir, meta))
    });
    there.is_some_and(|(dir, meta)| meta.is_symlink() && !dir.exists())
}

/// Whether a file behind a link may be written over: it is a vault's, whole or not, or there is nothing in it. A link that
/// was made by mistake must not cost somebody their letters.
fn may_be_ours(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.starts_with(&FILE_MAGIC)
}

/// As much of a plain file as [`may_be_ours`] looks at; nothing where there is none.
fn beginning(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    if let Some((file, _)) = open_plain(path)? {
        file.take(FILE_MAGIC.len() as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| from_io(&error))?;
    }
    Ok(bytes)
}

/// Made by this person, or by the administrator, who needs no link to do harm.
#[cfg(unix)]
fn is_ours(meta: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.uid() == rustix::process::geteuid().as_raw() || meta.uid() == 0
}

/// Making a link is a right of its own there.
#[cfg(not(unix))]
fn is_ours(_meta: &Metadata) -> bool {
    true
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// What "denied" is called where nothing was to be written.
fn unreadable(error: FileError) -> FileError {
    match error {
        FileError::Denied => FileError::Unreadable,
        error => error,
    }
}

/// The whole of a plain file of at most `most` bytes; `None` when it is absent.
///
/// The length is looked at before a byte is read. A link, folder, pipe or device in its place is an error, and opening
/// one does not wait for somebody at the other end.
pub(super) fn read_whole(path: &Path, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some((file, length)) = open_plain(path)? else {
        return Ok(None);
    };
    if length > most {
        return Err(FileError::TooLarge);
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| from_io(&error))?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLarge);
    }
    Ok(Some(bytes))
}

/// A plain file and its length; `None` when it is absent.
fn open_plain(path: &Path) -> Result<Option<(File, u64)>, FileError> {
    if !plain_or_absent(path)? {
        return Ok(None);
    }
    let mut options = OpenOptions::new();
    options.read(true);
    open_plainly(&mut options);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(from_io(&error)),
    };
    // Asked again of the open file: the name may have changed hands in between.
    let meta = file.metadata().map_err(|error| from_io(&error))?;
    check_plain(&meta)?;
    Ok(Some((file, meta.len())))
}

/// Puts `bytes` where `path` is, so that a crash at any moment leaves the old file or the new one: a temporary file in
/// the same folder (0600, exclusive, with a name nobody can guess), fsync, rename, fsync of the folder.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let dir = folder_of(path);
    plain_or_absent(path)?;
    let write = || -> io::Result<()> {
        // Removes itself when anything below fails; `sweep` removes it when we are killed.
        let mut temp = tempfile::Builder::new()
            .prefix(TEMP_PREFIX)
            .suffix(TEMP_SUFFIX)
            .rand_bytes(16)
            .tempfile_in(dir)?;
        temp.write_all(bytes)?;
        temp.as_file().sync_all()?;
        temp.persist(path).map_err(|error| error.error)?;
        sync_dir(dir)
    };
    write().map_err(|error| from_io(&error))
}

/// Removes a plain file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Ok(()) => {
            let dir = path.parent().unwrap_or(Path::new("."));
            sync_dir(dir).map_err(|error| from_io(&error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(from_io(&error)),
    }
}

/// Makes a folder that only its owner may enter (0700); one that is there already is left as it is.
pub(super) fn make_dir(dir: &Path) -> Result<(), FileError> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let make = || -> io::Result<()> {
        builder.create(dir)?;
        dir.parent().map_or(Ok(()), sync_dir)
    };
    make().map_err(|error| match error.kind() {
        _ if is_lost(dir) => FileError::LostFolder,
        // `dir` or one of those that it is in.
        ErrorKind::AlreadyExists => FileError::NotAFolder,
        _ => from_io(&error),
    })
}

/// `false` when there is nothing; an error when there is something else than a plain file.
fn plain_or_absent(path: &Path) -> Result<bool, FileError> {
    match fs::symlink_metadata(path) {
        Ok(meta) => check_plain(&meta).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(from_io(&error)),
    }
}

fn check_plain(meta: &Metadata) -> Result<(), FileError> {
    if meta.is_file() {
        Ok(())
    } else if meta.is_dir() {
        Err(FileError::Failed(ErrorKind::IsADirectory))
    } else {
        // A symbolic link, a pipe, a device: nothing that we put there.
        Err(FileError::Failed(ErrorKind::InvalidInput))
    }
}

/// Whether something lies there that is no plain file.
pub(super) fn is_no_file(error: FileError) -> bool {
    matches!(
        error,
        FileError::NotAFolder
            | FileError::Failed(ErrorKind::IsADirectory | ErrorKind::InvalidInput)
    )
}

fn open_lock(path: &Path) -> Result<File, FileError> {
    plain_or_absent(path).map_err(|error| match error {
        error if is_no_file(error) => FileError::BadLock,
        error => error,
    })?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    open_plainly(&mut options);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| from_io(&error))
}

/// Never through a link, and never waiting for the other end of a pipe.
#[cfg(unix)]
fn open_plainly(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn open_plainly(_options: &mut OpenOptions) {}

/// `true` once the lock is held, `false` where this file system has no locks.
///
/// Asks again and again because the standard library's waiting `lock` has no bound, and a process that hangs while it
/// holds the lock must not hang every other one.
fn wait_for(file: &File, wait: Duration) -> Result<bool, FileError> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) if lockless(&error) => return Ok(false),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(from_io(&error)),
        }
        let left = wait.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(FileError::Busy);
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A platform without file locks, or a network disk whose server gives none.
fn lockless(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) {
        return true;
    }
    error.kind() == ErrorKind::Unsupported
}

/// Removes the temporary files of writers that died. What cannot be removed stays: it is only clutter.
fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX);
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the temporary files of writers that died, in a folder that nobody locks: what is older than an hour has no
/// living writer.
pub(super) fn sweep_abandoned(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(TEMP_PREFIX) && name.ends_with(TEMP_SUFFIX);
        let abandoned = ours
            && entry.metadata().is_ok_and(|meta| {
                #[expect(clippy::disallowed_methods, reason = "so is the file dated")]
                let age = meta.modified().ok().and_then(|at| at.elapsed().ok());
                meta.is_file() && age.is_some_and(|age| age > ABANDONED)
            });
        if abandoned {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A rename is durable once its folder is. Windows writes that through by itself and has no handle to ask with.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    match File::open(dir)?.sync_all() {
        // Some network and FUSE file systems do not know fsync of a folder; there is nothing better to do there.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

#[cfg(not(unix))]
pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// What changes when a file is replaced: a rename brings a new inode, a new change time, most often a new length.
#[cfg(unix)]
fn identity(meta: &Metadata) -> impl Hash + use<> {
    use std::os::unix::fs::MetadataExt;
    let changed = (
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    );
    (meta.dev(), meta.ino(), meta.len(), changed)
}

#[cfg(windows)]
fn identity(meta: &Metadata) -> impl Hash + use<> {
    use std::os::windows::fs::MetadataExt;
    (
        meta.file_size(),
        meta.last_write_time(),
        meta.creation_time(),
    )
}

#[cfg(not(any(unix, windows)))]
fn identity(meta: &Metadata) -> impl Hash + use<> {
    (meta.len(), meta.modified().ok())
}

pub(super) fn from_io(error: &io::Error) -> FileError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            FileError::Full
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FileError::Denied,
        ErrorKind::NotADirectory => FileError::NotAFolder,
        kind => FileError::Failed(kind),
    }
}

#[cfg(test)]
mod tests;
