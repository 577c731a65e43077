//! Stand-ins for tests: a clock that stands still, and a real PostgreSQL that goes away with the test.
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use couchkey_otp::{Secret, UnixTime};

use crate::store::{Credential, MemoryStore};
use crate::{Clock, KeyRing, PersonId, Platform, Settings};

/// A clock that a test moves.
#[derive(Debug, Default)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// One that stands at this second.
    pub fn at(secs: u64) -> TestClock {
        TestClock(AtomicU64::new(secs))
    }

    /// Moves it forward.
    pub fn advance(&self, secs: u64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A platform in memory, in 2027, and its clock.
pub async fn platform() -> (Platform, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(1_800_000_000));
    let settings = Settings::new("StreamTV", "https://example.tv/link");
    let store = Arc::new(MemoryStore::new());
    let platform = Platform::start(store, clock.clone(), KeyRing::generate(), settings).await;
    (platform.expect("memory does not fail"), clock)
}

/// What [`Platform::enrol`] and [`Platform::confirm`] leave behind for a person, and what is in their app: for whoever
/// needs a million of them and writes the rows by itself.
pub fn enrolled(platform: &Platform, person: &PersonId) -> (Credential, Secret) {
    let secret = crate::enrol::new_secret(platform.settings.algorithm);
    let end = UnixTime::from_secs(0);
    let credential = platform.new_credential(person.as_str(), true, &secret, end);
    (credential, secret)
}

/// The code that an app shows now which has read this otpauth URI.
pub fn app_code(platform: &Platform, uri: &str) -> String {
    let read = couchkey_otp::otpauth::read(uri).expect("it is ours");
    let couchkey_otp::Enrolment {
        kind,
        secret,
        algorithm,
        digits,
        ..
    } = read.enrolment;
    let code = couchkey_otp::code_of(&kind, &secret, algorithm, digits, platform.now());
    code.as_str().to_owned()
}

/// A PostgreSQL server of Debian's packages (or of the `PATH`) with a data directory of its own. It listens on a
/// socket in there and nowhere else, and ends with this process, however that ends.
pub struct TestPostgres {
    folder: PathBuf,
    /// Its end of input is the server's end.
    _guard: Child,
    databases: AtomicU32,
}

impl TestPostgres {
    /// Starts one. `durable` is for measuring: without it the server does not wait for the disk.
    ///
    /// # Errors
    /// When PostgreSQL is not installed (`scripts/setup test` does that), or does not start.
    pub fn start(durable: bool) -> io::Result<TestPostgres> {
        let bin = bin()?;
        let folder = tempfile::Builder::new().prefix("couchkey-pg").tempdir()?;
        let user = user()?;
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        // From here on the guard below removes it.
        let folder = folder.keep();
        let data = folder.join("data");

        let mut init = run_as(user, &bin.join("initdb"));
        init.args(["-U", "couchkey", "-A", "trust", "-E", "UTF8", "--locale=C"])
            .args(["--no-sync", "-D"])
            .arg(&data)
            .stdout(Stdio::null());
        if !init.status()?.success() {
            return Err(io::Error::other("initdb failed"));
        }

        let mut guard = run_as(user, Path::new("/bin/sh"));
        guard
            .arg("-c")
            .arg(
                // A signal to the whole group ends `cat`, and the rest is still done.
                r#"trap : HUP INT TERM; "$@" >"$0/log" 2>&1 & server=$!; cat >/dev/null
                kill -QUIT $server; while kill -0 $server; do sleep 0.1; done 2>/dev/null; rm -rf "$0""#,
            )
            .arg(&folder)
            .arg(bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "max_connections=200"])
            .args(["-c", if durable { "fsync=on" } else { "fsync=off" }])
            .stdin(Stdio::piped());
        let postgres = TestPostgres {
            _guard: guard.spawn()?,
            databases: AtomicU32::new(0),
            folder,
        };
        for _ in 0..300 {
            let mut ready = Command::new(bin.join("pg_isready"));
            ready.arg("-q").arg("-h").arg(&postgres.folder);
            if ready.status()?.success() {
                return Ok(postgres);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(postgres.folder.join("log")).unwrap_or_default();
        Err(io::Error::other(format!("it does not answer: {log}")))
    }

    /// Makes an empty database and returns its address, for [`PostgresStore::connect`](crate::store::PostgresStore).
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let made = Command::new(bin()?.join("createdb"))
            .arg("-h")
            .arg(&self.folder)
            .args(["-U", "couchkey", &name])
            .status()?;
        if !made.success() {
            return Err(io::Error::other("createdb failed"));
        }
        let socket = self.folder.display();
        Ok(format!(
            "postgres://couchkey@localhost/{name}?host={socket}"
        ))
    }
}

/// The newest version that Debian has, else what the `PATH` has.
fn bin() -> io::Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .pop()
        .map(|(_, bin)| bin)
        .or_else(|| std::env::split_paths(&path).find(|dir| dir.join("initdb").exists()))
        .ok_or_else(|| io::Error::other("PostgreSQL is not installed: run scripts/setup test"))
}

/// Root may not run PostgreSQL: then it runs as `postgres`, whom the package has made.
fn user() -> io::Result<Option<(u32, u32)>> {
    let me = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self")?);
    if me != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let ids = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.map(Some)
        .ok_or_else(|| io::Error::other("there is no user named postgres"))
}

fn run_as(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
