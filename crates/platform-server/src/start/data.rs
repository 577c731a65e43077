//! Where everything is kept: the folder, the database, the key file; readable for this server alone.
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use couchkey_platform::{
    KeyRing, Store,
    store::{PostgresStore, SqliteStore},
};
use secrecy::ExposeSecret;

use super::StartError;
use crate::config::Config;

/// The name of the database's file.
const SQLITE: &str = "platform.sqlite";

/// The database of the configuration, with its migrations run.
pub(super) async fn open_store(config: &Config, dir: &Path) -> Result<Arc<dyn Store>, StartError> {
    Ok(match &config.data.url {
        Some(url) => {
            Arc::new(PostgresStore::connect(url.expose_secret(), config.data.connections).await?)
        }
        None => {
            let file = dir.join(SQLITE);
            make_private_file(&file)?;
            Arc::new(SqliteStore::open(&file).await?)
        }
    })
}

/// The folder may have been there before us and may be open to others. Nobody but us reads the database in it; SQLite gives the
/// files that it puts beside it the same mode.
fn make_private_file(file: &Path) -> Result<(), StartError> {
    let refused = |error: io::Error| {
        let file = file.display();
        StartError::new(
            format!(
                "the database {file} cannot be made readable for this server alone: {}",
                error.kind()
            ),
            "Check whose it is, and that data.dir can be written.",
        )
    };
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map_err(refused)?;
    #[cfg(unix)]
    for end in ["", "-wal", "-shm"] {
        use std::os::unix::fs::PermissionsExt;
        let mut one = file.as_os_str().to_owned();
        one.push(end);
        match fs::set_permissions(&one, fs::Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
    }
    Ok(())
}

/// Writes the database into a new file, for this user alone.
///
/// # Errors
/// Where there is none, or where something is there already: a backup is written over nothing.
pub async fn backup(config: &Config, to: &Path) -> Result<(), StartError> {
    let from = sqlite_file(config)?;
    if !from.exists() {
        return Err(StartError::new(
            format!("there is no database at {}", from.display()),
            "Name its folder with data.dir or --data-dir.",
        ));
    }
    copy_database(&from, to).await
}

/// Puts a backup where the database belongs, and says where that is. The server that starts on it refuses the codes that may have
/// been accepted after it was made.
///
/// # Errors
/// Where a database is there: one that is lost is moved away by hand, and never by a slip.
pub async fn restore(config: &Config, from: &Path) -> Result<PathBuf, StartError> {
    let to = sqlite_file(config)?;
    for end in ["", "-wal", "-shm"] {
        let mut there = to.clone().into_os_string();
        there.push(end);
        if Path::new(&there).exists() {
            return Err(StartError::new(
                format!("{} is there", Path::new(&there).display()),
                "Stop the server and move platform.sqlite, platform.sqlite-wal and platform.sqlite-shm away, all three.",
            ));
        }
    }
    make_private_dir(to.parent().expect("it is in a folder"))?;
    let half = to.with_extension("restoring");
    let _ = fs::remove_file(&half); // of one that was interrupted
    copy_database(from, &half).await?;
    fs::rename(&half, &to).map_err(|error| cannot_write(&to, &error))?;
    Ok(to)
}

async fn copy_database(from: &Path, to: &Path) -> Result<(), StartError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(to).map_err(|error| cannot_write(to, &error))?;
    let copied = SqliteStore::backup(from, to).await;
    copied.map_err(|error| {
        let _ = fs::remove_file(to); // half of one looks like one
        StartError::new(
            format!("{} cannot be copied: {error}", from.display()),
            "Check that it is a database of this server, and that the disk has space.",
        )
    })
}

fn cannot_write(file: &Path, error: &io::Error) -> StartError {
    StartError::new(
        format!("{} cannot be written: {}", file.display(), error.kind()),
        "Name a file that is not there, in a folder that can be written.",
    )
}

fn sqlite_file(config: &Config) -> Result<PathBuf, StartError> {
    if config.data.url.is_some() {
        return Err(StartError::new(
            "data.url names a PostgreSQL database",
            "Back it up with its own tools (pg_basebackup, pg_dump); docs/platform-server.md says what follows from that.",
        ));
    }
    Ok(data_dir(config)?.join(SQLITE))
}

/// The configured key file, or `keys` in the data folder, which is made at the first start.
pub(super) fn keys(config: &Config, dir: &Path) -> Result<KeyRing, StartError> {
    let path = config.keys.file.clone().unwrap_or_else(|| dir.join("keys"));
    let shown = path.display();
    match fs::read_to_string(&path) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            only_ours(&path)?;
            KeyRing::from_text(&text).map_err(|error| {
                StartError::new(
                    format!("keys.file: {shown}, {error}"),
                    "Take the file that this database was made with.",
                )
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && config.keys.file.is_none() => {
            let keys = KeyRing::generate();
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let written = options.open(&path).and_then(|mut file| {
                file.write_all(keys.to_text().as_bytes())?;
                file.sync_all()
            });
            match written {
                Ok(()) => Ok(keys),
                Err(error) => Err(StartError::new(
                    format!("the key file {shown} cannot be written: {}", error.kind()),
                    "Check that data.dir can be written, or name a file with keys.file.",
                )),
            }
        }
        Err(error) => Err(StartError::new(
            format!("keys.file: {shown} cannot be read: {}", error.kind()),
            "Check the path and who may read it. Without keys.file one is made in data.dir.",
        )),
    }
}

/// Whoever reads the keys and the database has every secret, so nobody else may read the file.
#[cfg(unix)]
fn only_ours(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::PermissionsExt;
    // systemd's are its own affair: a folder of this service alone, in files that its group may read (`LoadCredential=`).
    if std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|dir| path.starts_with(dir)) {
        return Ok(());
    }
    let mode = fs::metadata(path).map(|about| about.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        return Err(StartError::new(
            format!(
                "keys.file: {} can be read by others on this machine",
                path.display()
            ),
            format!("chmod 600 {}", path.display()),
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn only_ours(_: &Path) -> Result<(), StartError> {
    Ok(())
}

pub(super) fn data_dir(config: &Config) -> Result<PathBuf, StartError> {
    if let Some(dir) = &config.data.dir {
        return Ok(dir.clone());
    }
    directories::ProjectDirs::from("", "", "couchkey-platform")
        .map(|dirs| dirs.data_local_dir().to_owned())
        .ok_or_else(|| {
            StartError::new(
                "there is no home directory to keep data in",
                "Name a folder with data.dir, or with --data-dir.",
            )
        })
}

pub(super) fn make_private_dir(dir: &Path) -> Result<(), StartError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| {
        StartError::new(
            format!(
                "data.dir: {} cannot be made: {}",
                dir.display(),
                error.kind()
            ),
            "Check the path, or name another with --data-dir.",
        )
    })
}
