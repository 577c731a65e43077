//! The operating system's keyring, and a folder of sealed files where there is none.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use super::file;
use crate::ports::{FileError, Keyring, KeyringError, check_text};

#[cfg(not(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
)))]
mod native;
#[cfg(all(
    unix,
    not(any(target_os = "macos", target_os = "ios", target_os = "android"))
))]
#[path = "keyring/secret_service.rs"]
mod native;

/// The longest entry where the keyring sets no limit of its own: docs/decisions/0192.
pub const LONGEST_ENTRY: usize = couchkey_vault::format::MAX_ENTRY;

/// Secret Service, Keychain, Credential Manager or the Android Keystore, whichever this system has.
///
/// Its calls may wait for a person, without any bound of their own. So they run on one thread, each call waits for a
/// bounded time, and a call that took longer is given up: until the keyring comes back, every further call answers
/// [`KeyringError::TimedOut`] at once. There is never a second thread beside one that waits.
pub struct SystemKeyring {
    timeout: Duration,
    open: Open,
    worker: Mutex<Worker>,
    given_up: &'static Mutex<GivenUp>,
}

/// How long this process waits for an answer, and what it does meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Then the call is given up.
    pub most: Duration,
    /// Called once, when an answer takes longer than a keyring takes that has nobody to ask.
    pub tell: fn(),
}

static WAITING: OnceLock<Waiting> = OnceLock::new();

/// What a keyring that asks nobody takes at most on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// What [`SystemKeyring::state`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyringState {
    /// It can be read and written without asking anybody.
    Ready,
    /// It is there and locked; the next call makes it ask for its password.
    Locked,
    /// Its service runs, and no keyring was ever made: reads find nothing, and a write must make one first.
    NoneYet,
}

impl SystemKeyring {
    /// For whoever has a person to talk to, or knows that there is none: said once, at the start of a program.
    pub fn waits(waiting: Waiting) {
        let _ = WAITING.set(waiting);
    }

    /// Connects, and waits up to 60 seconds for each call, or what [`waits`](Self::waits) says.
    ///
    /// # Errors
    /// [`KeyringError::Unavailable`] where there is no keyring, [`KeyringError::TimedOut`] when it does not answer.
    /// A locked one is no error here.
    pub fn connect() -> Result<Self, KeyringError> {
        let most = WAITING.get().map(|waiting| waiting.most);
        Self::connect_within(most.unwrap_or(Duration::from_secs(60)))
    }

    /// Connects, and waits up to `timeout` for each call.
    ///
    /// # Errors
    /// As [`SystemKeyring::connect`].
    pub fn connect_within(timeout: Duration) -> Result<Self, KeyringError> {
        static GIVEN_UP: Mutex<GivenUp> = Mutex::new(GivenUp(None));
        Self::connect_with(timeout, &GIVEN_UP, || {
            native::Native::open().map(|store| Box::new(store) as Box<dyn Store>)
        })
    }

    /// What the system calls it, for people: "Secret Service", "Keychain" …
    #[must_use]
    pub fn provider() -> &'static str {
        native::PROVIDER
    }

    /// Whether it is locked, without making it ask.
    ///
    /// # Errors
    /// Why it could not be asked.
    pub fn state(&self) -> Result<KeyringState, KeyringError> {
        self.call(|store| store.state())
    }

    fn connect_with(
        timeout: Duration,
        given_up: &'static Mutex<GivenUp>,
        open: impl Fn() -> Result<Box<dyn Store>, Failure> + Send + Sync + 'static,
    ) -> Result<Self, KeyringError> {
        if lock(given_up).is_waiting() {
            return Err(KeyringError::TimedOut);
        }
        let open: Open = Arc::new(open);
        let keyring = Self {
            timeout,
            worker: Mutex::new(Worker::start(&open)?),
            given_up,
            open,
        };
        keyring.call(|_| Ok(()))?;
        Ok(keyring)
    }

    /// Runs a call on the keyring's thread.
    fn call<T: Send + 'static>(
        &self,
        job: impl Fn(&mut dyn Store) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let mut worker = lock(&self.worker);
        if worker.late.is_waiting() {
            return Err(KeyringError::TimedOut);
        }
        let (tell, answer) = mpsc::sync_channel(1);
        let finished = Arc::new(AtomicBool::new(false));
        let guard = Finish(finished.clone());
        let sent = worker.jobs.send(Box::new(move |connection| {
            let _guard = guard;
            // Nobody listens any more when the caller gave up; secrets in the answer wipe themselves.
            let _ = tell.send(connection.run(&job));
        }));
        let outcome = match sent {
            Ok(()) => self.wait(&answer),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        match outcome {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                worker.late = GivenUp(Some(finished));
                Err(KeyringError::TimedOut)
            }
            Err(RecvTimeoutError::Disconnected) => {
                // A panic inside the system's library ended the thread.
                *worker = Worker::start(&self.open)?;
                Err(KeyringError::Failed)
            }
        }
    }
}

impl SystemKeyring {
    /// Waits for an answer, and tells when it does not come soon.
    fn wait<T>(&self, answer: &Receiver<T>) -> Result<T, RecvTimeoutError> {
        let soon = SOON.min(self.timeout);
        match (answer.recv_timeout(soon), WAITING.get()) {
            (Err(RecvTimeoutError::Timeout), Some(waiting)) if soon < self.timeout => {
                static TOLD: Once = Once::new();
                TOLD.call_once(waiting.tell);
            }
            (Err(RecvTimeoutError::Timeout), _) => {}
            (outcome, _) => return outcome,
        }
        answer.recv_timeout(self.timeout.saturating_sub(soon))
    }
}

impl Drop for SystemKeyring {
    fn drop(&mut self) {
        // A thread that still waits outlives us. Remembering it keeps the next `connect` from adding another.
        let late = std::mem::take(&mut lock(&self.worker).late);
        if late.is_waiting() {
            *lock(self.given_up) = late;
        }
    }
}

impl Keyring for SystemKeyring {
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        let entry = entry.to_owned();
        self.call(move |store| store.get(&entry))
    }

    fn longest_entry(&self) -> usize {
        native::LONGEST
    }

    fn set(&self, entry: &str, text: &[u8]) -> Result<(), KeyringError> {
        check_text(text, self.longest_entry())?;
        let entry = entry.to_owned();
        let text = Zeroizing::new(text.to_vec());
        self.call(move |store| store.set(&entry, &text))
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        let entry = entry.to_owned();
        self.call(move |store| store.delete(&entry))
    }

    fn try_again(&self) {
        // A keyring that does not answer says so at the call that follows.
        let _ = self.call(|store| {
            store.try_again();
            Ok(())
        });
    }
}

/// One file for each entry in a folder of the vault's own, for systems without a keyring.
///
/// # Security
/// Anybody who can read the folder can read the entries, so it holds only what is sealed: it refuses a device key, and
/// the vault must have a passphrase slot.
#[derive(Debug, Clone)]
pub struct FileKeyring {
    dir: PathBuf,
}

impl FileKeyring {
    /// The entries in `<data_dir>/keyring`, which is made (0700) when the first is written.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: data_dir.into().join(file::KEYRING_DIR),
        }
    }

    /// Hexadecimal, so that no entry's name can be a path, a reserved name, or another one in different case.
    fn path(&self, entry: &str) -> Result<PathBuf, KeyringError> {
        if entry.len() > LONGEST_NAME {
            return Err(KeyringError::TooLong);
        }
        let name = format!("{ENTRY}{}", HEXLOWER.encode(entry.as_bytes()));
        Ok(self.dir.join(name))
    }
}

impl Keyring for FileKeyring {
    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        match file::read_whole(&self.path(entry)?, LONGEST_ENTRY as u64) {
            Ok(bytes) => Ok(bytes.map(Zeroizing::new)),
            Err(FileError::Denied) => Err(KeyringError::FolderDenied),
            // There are no keys in here whose absence could be taken for the end of a vault: what cannot be read is a
            // damaged copy, as a half of the file is, and not a reason to refuse the whole ones.
            Err(_) => Ok(Some(Zeroizing::default())),
        }
    }

    fn longest_entry(&self) -> usize {
        LONGEST_ENTRY
    }

    fn set(&self, entry: &str, text: &[u8]) -> Result<(), KeyringError> {
        check_text(text, self.longest_entry())?;
        if entry.ends_with("/device-key") {
            return Err(KeyringError::Denied);
        }
        let path = self.path(entry)?;
        file::make_dir(&self.dir)
            .and_then(|()| file::replace(&path, text))
            .map_err(unwritable)
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        file::remove(&self.path(entry)?).map_err(unwritable)
    }

    fn list(&self) -> Result<Option<Vec<String>>, KeyringError> {
        let files = match fs::read_dir(&self.dir) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Vec::new())),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(KeyringError::Denied);
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(KeyringError::NotAFile);
            }
            Err(_) => return Err(KeyringError::Failed),
        };
        let mut names = Vec::new();
        for file in files {
            let name = file.map_err(|_| KeyringError::Failed)?.file_name();
            let hex = name.to_str().and_then(|name| name.strip_prefix(ENTRY));
            let bytes = hex.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
            names.extend(bytes.and_then(|bytes| String::from_utf8(bytes).ok()));
        }
        Ok(Some(names))
    }
}

/// What the name of an entry's file begins with.
const ENTRY: &str = "entry-";

/// As hexadecimal it must fit in a file's name of 255 bytes.
const LONGEST_NAME: usize = 120;

fn unwritable(error: FileError) -> KeyringError {
    match error {
        FileError::Denied => KeyringError::FolderDenied,
        FileError::Full => KeyringError::Full,
        error if file::is_no_file(error) => KeyringError::NotAFile,
        _ => KeyringError::Storage,
    }
}

/// One connection to the system's keyring; lives on the worker's thread.
trait Store {
    fn get(&mut self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure>;
    fn set(&mut self, entry: &str, text: &[u8]) -> Result<(), Failure>;
    fn delete(&mut self, entry: &str) -> Result<(), Failure>;
    fn state(&mut self) -> Result<KeyringState, Failure>;
    /// Forgets that somebody said no.
    fn try_again(&mut self) {}
}

/// Why a call failed, and whether a new connection could do better (the service was restarted, say).
struct Failure {
    error: KeyringError,
    stale: bool,
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        Self {
            error,
            stale: false,
        }
    }
}

type Open = Arc<dyn Fn() -> Result<Box<dyn Store>, Failure> + Send + Sync>;
type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The thread that talks to the keyring; it ends when its last caller is gone.
struct Worker {
    jobs: Sender<Job>,
    late: GivenUp,
}

impl Worker {
    fn start(open: &Open) -> Result<Self, KeyringError> {
        let (jobs, work) = mpsc::channel::<Job>();
        let open = open.clone();
        thread::Builder::new()
            .name("keyring".into())
            .spawn(move || {
                let mut connection = Connection { open, store: None };
                for job in work {
                    job(&mut connection);
                }
            })
            .map_err(|_| KeyringError::Failed)?;
        Ok(Self {
            jobs,
            late: GivenUp(None),
        })
    }
}

struct Connection {
    open: Open,
    store: Option<Box<dyn Store>>,
}

impl Connection {
    /// Runs a job, once more on a new connection if the old one turns out to be dead.
    fn run<T>(
        &mut self,
        job: &dyn Fn(&mut dyn Store) -> Result<T, Failure>,
    ) -> Result<T, KeyringError> {
        let had_one = self.store.is_some();
        match self.run_once(job) {
            Err(failure) if failure.stale && had_one => self.run_once(job),
            result => result,
        }
        .map_err(|failure| failure.error)
    }

    fn run_once<T>(
        &mut self,
        job: &dyn Fn(&mut dyn Store) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => (self.open)()?,
        };
        let result = job(store.as_mut());
        if !matches!(&result, Err(failure) if failure.stale) {
            self.store = Some(store);
        }
        result
    }
}

/// A call that nobody waits for any more, until it comes back.
#[derive(Default)]
struct GivenUp(Option<Arc<AtomicBool>>);

impl GivenUp {
    fn is_waiting(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|finished| !finished.load(Ordering::Acquire))
    }
}

/// Says that a call came back, by whichever way.
struct Finish(Arc<AtomicBool>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A panic elsewhere leaves these values whole: they are only ever replaced.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
