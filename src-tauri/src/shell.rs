//! What the window's commands share: the authenticator, the clipboard, the guard.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorReport, SettingsView, Watch,
    os::default_data_dir,
    view::{CodesView, Preview, Progress, Status, VaultState},
};
use serde::Serialize;

use crate::{
    backups::Chosen,
    clipboard::{self, Clipboard, SystemBoard},
    guard::Guard,
    news::{RustEvent, Told},
    start::Start,
    transfer::Pictures,
};

/// What a command answers.
pub type Reply<T> = Result<T, ErrorReport>;

/// A code that is on the clipboard now.
#[derive(Debug, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// Seconds until it is taken off again; `None` where the person wants it to stay.
    pub clears_in_seconds: Option<u32>,
}

/// What the page starts with, where the vault was open before the page was asked for. It stands in the page itself, so
/// that the first code waits for no question: src/page.rs.
#[derive(Debug, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct FirstLook {
    /// As [`Shell::status`] says it.
    pub status: Status,
    /// As [`Shell::codes`] says them.
    pub codes: CodesView,
    /// As [`Shell::settings`] says them.
    pub settings: SettingsView,
}

/// What this program is and can do here.
#[derive(Debug, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// As in Cargo.toml.
    pub version: &'static str,
    /// Where the vault is.
    pub data_dir: String,
    /// Whether screenshots and recordings leave this window out. Linux and phones have no such thing.
    pub content_protected: bool,
    /// Whether copied codes carry the system's "do not keep" hints.
    pub clipboard_hints: bool,
}

/// The state behind the window.
pub struct Shell {
    authenticator: Authenticator,
    clipboard: Clipboard<SystemBoard>,
    guard: Guard,
    data_dir: String,
    first: First,
    refused_link: Mutex<Option<ErrorReport>>,
    progress: Mutex<Option<Progress>>,
    pictures: Pictures,
    chosen: Chosen,
    news: Told,
}

/// Argon2id takes a second or two by itself; a keyring with nobody to ask answers in milliseconds.
const PATIENCE: Duration = Duration::from_millis(1500);
/// A progress bar that moves more often tells a person no more.
const TELL_EVERY: Duration = Duration::from_millis(100);
const PATIENCE_WITH_PASSPHRASE: Duration = Duration::from_secs(6);

impl Shell {
    /// A shell on this machine's vault.
    ///
    /// # Errors
    /// Where the system names no place for data.
    pub fn new(start: &Start) -> Result<Arc<Self>, Error> {
        let dir = match &start.data_dir {
            Some(dir) => std::path::absolute(dir).unwrap_or_else(|_| dir.clone()),
            None => default_data_dir().unwrap_or_default(),
        };
        Ok(Arc::new(Self {
            authenticator: Authenticator::on_this_machine(
                start.data_dir.as_deref(),
                start.keyring,
            )?,
            clipboard: Clipboard::new(),
            guard: Guard::default(),
            data_dir: dir.to_string_lossy().into_owned(),
            first: First::default(),
            refused_link: Mutex::default(),
            progress: Mutex::default(),
            pictures: Pictures::default(),
            chosen: Chosen::default(),
            news: Told::default(),
        }))
    }

    /// Opens the vault while the web view is still loading, so that its first question finds the answer ready.
    pub fn open_early(self: &Arc<Self>, link: Option<zeroize::Zeroizing<String>>) {
        let shell = Arc::clone(self);
        shell.first.begin();
        std::thread::spawn(move || {
            let answer = shell.opening(PATIENCE, |authenticator| authenticator.open());
            shell.first.end(
                answer
                    .ok()
                    .filter(|status| status.state == VaultState::Trouble),
            );
            if let Some(link) = link {
                shell.link(&link);
            }
        });
    }

    /// What the page is told.
    pub fn news(&self) -> &Told {
        &self.news
    }

    /// The rule for locking by itself.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Asks the authenticator. Blocking is allowed: other commands go on meanwhile.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn ask<T>(&self, question: impl FnOnce(&Authenticator) -> Result<T, Error>) -> Reply<T> {
        blocking(|| question(&self.authenticator).map_err(ErrorReport::from))
    }

    /// Asks on behalf of a person, which shows that somebody is there.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn act<T>(&self, action: impl FnOnce(&Authenticator) -> Result<T, Error>) -> Reply<T> {
        self.guard.sign_of_life();
        self.ask(action)
    }

    /// Does something long, and lets the page know how far it is.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn watched<T>(
        &self,
        work: impl FnOnce(&Authenticator, Watch<'_>) -> Result<T, Error>,
    ) -> Reply<T> {
        let mut told: Option<Instant> = None;
        let mut watch = |progress| {
            *held(&self.progress) = Some(progress);
            if told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                told = Some(Instant::now());
                self.guard.sign_of_life(); // somebody waits for this
                self.news.tell(RustEvent::Progress);
            }
        };
        let answer = self.act(|authenticator| work(authenticator, &mut watch));
        *held(&self.progress) = None;
        answer
    }

    /// How far an import or an export is; `None` where none is running.
    pub fn progress(&self) -> Option<Progress> {
        *held(&self.progress)
    }

    /// The QR codes that the page may show.
    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// The backup file that somebody wants to restore.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// For what goes on beside the commands.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Something that the page shows is not as it was.
    pub fn changed(&self) {
        self.news.tell(RustEvent::Changed);
    }

    /// Asks for something that may open the vault, and follows what it is now.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn opens(
        &self,
        passphrase: bool,
        action: impl FnOnce(&Authenticator) -> Result<Status, Error>,
    ) -> Reply<Status> {
        self.guard.sign_of_life();
        let patience = if passphrase {
            PATIENCE_WITH_PASSPHRASE
        } else {
            PATIENCE
        };
        self.opening(patience, action)
    }

    /// Waits for a person, and lets the other commands go on meanwhile.
    pub fn waiting<T>(&self, answer: impl FnOnce() -> T) -> T {
        let answer = blocking(answer);
        self.guard.sign_of_life();
        answer
    }

    /// The state of things. Trouble that is told here is not told again as the answer to the first opening: whoever
    /// presses "try again" after it means a new one.
    ///
    /// # Errors
    /// None; the answer may be trouble.
    pub fn status(&self) -> Reply<Status> {
        let status = self.ask(|authenticator| Ok(authenticator.status()))?;
        if status.state == VaultState::Trouble {
            blocking(|| self.first.wait()); // it met the same and is about to end
            self.first.take_trouble();
        }
        Ok(status)
    }

    /// All of the first screen, where it is there without waiting for anything.
    pub fn first_look(&self) -> Option<FirstLook> {
        if !self.first.is_over() {
            return None;
        }
        let status = self
            .ask(|authenticator| Ok(authenticator.status()))
            .ok()
            .filter(|status| status.state == VaultState::Open)?;
        Some(FirstLook {
            status,
            codes: self.ask(Authenticator::codes).ok()?,
            settings: self.ask(Authenticator::settings).ok()?,
        })
    }

    /// The codes, as soon as the early opening is over.
    ///
    /// # Errors
    /// The vault is locked.
    pub fn codes(&self) -> Reply<CodesView> {
        blocking(|| self.first.wait());
        self.ask(Authenticator::codes)
    }

    /// The settings, as soon as the early opening is over.
    ///
    /// # Errors
    /// The vault is locked.
    pub fn settings(&self) -> Reply<SettingsView> {
        blocking(|| self.first.wait());
        self.ask(Authenticator::settings)
    }

    /// Opens with the device key. The first time, the early opening's answer is the answer: nobody is asked twice.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn open(&self) -> Reply<Status> {
        // The early opening may have told that it waits before the page could hear; so this tells it too.
        self.patiently(PATIENCE, || blocking(|| self.first.wait()));
        match self.first.take_trouble() {
            Some(trouble) => Ok(trouble),
            None => self.opens(false, Authenticator::open),
        }
    }

    /// Locks, takes a copied code off the clipboard, and tells the page.
    pub fn lock(&self) -> Status {
        let status = blocking(|| self.authenticator.lock());
        self.guard.closed();
        self.pictures.forget();
        self.clipboard.clear();
        self.news.tell(RustEvent::Locked);
        status
    }

    /// Keeps new settings, and follows them.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn set_settings(&self, settings: &SettingsView) -> Reply<()> {
        self.act(|authenticator| authenticator.set_settings(settings))?;
        self.guard.open(settings);
        Ok(())
    }

    /// Puts a code on the clipboard, and takes it off again in time.
    ///
    /// # Errors
    /// No such account, locked, or a clipboard that cannot be used.
    pub fn copy_code(&self, id: &str, next: bool) -> Reply<Copied> {
        let copy = self.act(|authenticator| authenticator.code_to_copy(id, next))?;
        let stays = copy
            .clear_after_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        blocking(|| self.clipboard.put(copy.code, stays))?;
        Ok(Copied {
            clears_in_seconds: copy.clear_after_seconds,
        })
    }

    /// What the picture or the text on the clipboard would add.
    ///
    /// # Errors
    /// Nothing is there, or nothing that enrols.
    pub fn preview_clipboard(&self) -> Reply<Preview> {
        match blocking(|| self.clipboard.take_in())? {
            clipboard::Content::Picture(picture) => {
                self.act(|authenticator| authenticator.preview_picture(&picture))
            }
            clipboard::Content::Text(text) => {
                self.act(|authenticator| authenticator.preview_text(&text))
            }
        }
    }

    /// What a link brought.
    ///
    /// # Errors
    /// Once, why a link was refused.
    pub fn pending_preview(&self) -> Reply<Option<Preview>> {
        match held(&self.refused_link).take() {
            Some(report) => Err(report),
            None => self.ask(|authenticator| Ok(authenticator.pending_preview())),
        }
    }

    /// Takes a link in. The page is told, and asks with [`Shell::pending_preview`].
    pub fn link(&self, link: &str) {
        let answer = self.act(|authenticator| authenticator.preview_text(link));
        *held(&self.refused_link) = answer.err();
        self.news.tell(RustEvent::Preview);
    }

    /// The window came to the front: somebody is there, and another program may have changed the vault.
    pub fn came_to_front(&self) {
        self.guard.sign_of_life();
        self.news.tell(RustEvent::Changed);
    }

    /// Nobody is there, or the computer goes to sleep.
    pub fn lock_unattended(&self) {
        tracing::info!(target: "couchkey", "locked: nobody is there");
        self.lock();
    }

    /// The program ends: nothing of ours stays on the clipboard, and no key in memory.
    pub fn end(&self) {
        self.clipboard.clear();
        let _ = self.authenticator.back_up_if_changed(); // told at the next start, by a notice
        self.authenticator.lock();
    }

    /// What this program is and can do here.
    pub fn about(&self) -> About {
        About {
            version: env!("CARGO_PKG_VERSION"),
            data_dir: self.data_dir.clone(),
            content_protected: crate::CONTENT_PROTECTION,
            clipboard_hints: clipboard::HINTS,
        }
    }

    fn opening(
        &self,
        patience: Duration,
        action: impl FnOnce(&Authenticator) -> Result<Status, Error>,
    ) -> Reply<Status> {
        let status = self.patiently(patience, || self.ask(action))?;
        if status.state == VaultState::Open
            && let Ok(settings) = self.ask(Authenticator::settings)
        {
            self.guard.open(&settings);
        }
        Ok(status)
    }

    /// Does the work; when it takes long, the page is told that the keyring is waited for.
    fn patiently<T>(&self, patience: Duration, work: impl FnOnce() -> T) -> T {
        let (done, working) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let working = working;
                if working.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                    self.news.tell(RustEvent::WaitingForKeyring);
                }
            });
            let answer = work();
            drop(done);
            answer
        })
    }
}

/// The early opening: whether it is over, and the trouble that it met, for whoever asks first.
#[derive(Default)]
struct First {
    state: Mutex<FirstState>,
    over: Condvar,
}

#[derive(Default)]
enum FirstState {
    /// Nobody started it: there is nothing to wait for.
    #[default]
    Never,
    Running,
    Over(Option<Status>),
}

impl First {
    fn begin(&self) {
        *held(&self.state) = FirstState::Running;
    }

    fn end(&self, trouble: Option<Status>) {
        *held(&self.state) = FirstState::Over(trouble);
        self.over.notify_all();
    }

    /// As long as the keyring's own dialog is open, if need be: the keyring's adapter gives up in time.
    fn wait(&self) {
        let state = held(&self.state);
        drop(
            self.over
                .wait_while(state, |state| matches!(state, FirstState::Running)),
        );
    }

    fn is_over(&self) -> bool {
        matches!(*held(&self.state), FirstState::Over(_))
    }

    fn take_trouble(&self) -> Option<Status> {
        match &mut *held(&self.state) {
            FirstState::Over(trouble) => trouble.take(),
            FirstState::Never | FirstState::Running => None,
        }
    }
}

/// Runs work that blocks, without keeping the other commands from running: Tauri has as many workers as processors.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
