//! Stand-ins for tests: a clock that stands still, and a real PostgreSQL that goes away with the test.
use std::io::{self, Write as _};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use couchkey_otp::{Secret, UnixTime};

use crate::store::Credential;
use crate::{Clock, PersonId, Platform};

/// A clock that a test moves.
#[derive(Debug, Default)]
pub struct TestClock(AtomicU64);

impl TestClock {
    /// One that stands at this second.
    pub fn at(secs: u64) -> TestClock {
        TestClock(AtomicU64::new(secs))
    }

    /// Sets it back.
    pub fn back(&self, secs: u64) {
        self.0.fetch_sub(secs, Ordering::SeqCst);
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

/// What [`Platform::enrol`] and [`Platform::confirm`] leave behind for a person, and what is in their app: for whoever
/// needs a million of them and writes the rows by itself.
pub fn enrolled(platform: &Platform, person: &PersonId) -> (Credential, Secret) {
    let secret = crate::enrol::new_secret(platform.settings.algorithm);
    (enrolled_with(platform, person, &secret), secret)
}

/// The same for a secret that is known: some codes are too rare to wait for.
pub fn enrolled_with(platform: &Platform, person: &PersonId, secret: &Secret) -> Credential {
    let end = UnixTime::from_secs(0);
    platform.new_credential(person.as_str(), true, secret, end)
}

/// A PostgreSQL server of Debian's packages (or of the `PATH`) with a data directory of its own. It listens on a
/// socket in there and nowhere else, and ends with this process, however that ends.
pub struct TestPostgres {
    folder: PathBuf,
    /// Its end of input is the server's end.
    guard: Child,
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
                // Each line names the data of the next server. A signal to the whole group ends the reading, and the rest is
                // still done.
                r#"trap : HUP INT TERM
                ended() { [ -z "$server" ] || kill -QUIT $server; while [ -n "$server" ] && kill -0 $server; do sleep 0.1; done 2>/dev/null; }
                while read -r data; do ended; "$@" -D "$data" >>"$0/log" 2>&1 & server=$!; done
                ended; rm -rf "$0""#,
            )
            .arg(&folder)
            .arg(bin.join("postgres"))
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "max_connections=200"])
            .args(["-c", if durable { "fsync=on" } else { "fsync=off" }])
            .stdin(Stdio::piped());
        let mut postgres = TestPostgres {
            guard: guard.spawn()?,
            databases: AtomicU32::new(0),
            folder,
        };
        postgres.serve(&data)?;
        Ok(postgres)
    }

    /// Ends the server that runs, and starts one on this data.
    fn serve(&mut self, data: &Path) -> io::Result<()> {
        let guard = self.guard.stdin.as_mut().expect("it is piped");
        writeln!(guard, "{}", data.display())?;
        for _ in 0..600 {
            // The last line says how far it is.
            let state = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            if state.lines().any(|line| line.trim() == "ready") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(io::Error::other(format!("it does not answer: {log}")))
    }

    /// A replica that has everything up to now and nothing that comes after it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn replica_that_stops_here(&self) -> io::Result<Replica> {
        let data = self.folder.join("replica");
        let mut copy = run_as(user()?, &bin()?.join("pg_basebackup"));
        copy.args(["-U", "couchkey", "-c", "fast", "--no-sync", "-h"])
            .arg(&self.folder)
            .arg("-D")
            .arg(&data);
        match copy.status()?.success() {
            true => Ok(Replica(data)),
            false => Err(io::Error::other("pg_basebackup failed")),
        }
    }

    /// The server dies, and the replica takes over at the same address, on a timeline of its own (as `pg_ctl promote` begins one).
    ///
    /// # Errors
    /// When the replica does not start.
    pub fn fail_over(&mut self, Replica(data): Replica) -> io::Result<()> {
        let settings = data.join("postgresql.auto.conf");
        let mut settings = std::fs::OpenOptions::new().append(true).open(settings)?;
        writeln!(settings, "restore_command = 'false'")?; // there is nothing more to come
        let signal = data.join("recovery.signal");
        std::fs::write(&signal, "")?;
        if let Some((uid, gid)) = user()? {
            chown(&signal, Some(uid), Some(gid))?;
        }
        self.serve(&data)
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

/// The data of a replica.
pub struct Replica(PathBuf);

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
