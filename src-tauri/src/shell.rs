//! The shared state of the window's commands: the authenticator, the clipboard, the guard that locks.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use couchkey_authenticator::{
    Authenticator, Error, ErrorCode, ErrorReport, ManualForm, SettingsView, Source, Watch,
    os::default_data_dir,
    view::{CodesView, Preview, Progress, Status, VaultState},
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    auto_lock::Guard,
    backups::Chosen,
    clipboard::{self, Clipboard, SystemBoard},
    drawn::Drawn,
    events::{RustEvent, Told},
    links::Links,
    opening::Opening,
    start::{self, Start},
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
    pub(crate) opening: Opening,
    links: Links,
    /// A key that was pasted into the form.
    pasted: Mutex<Option<Zeroizing<String>>>,
    /// A recovery key that is shown and does not count yet.
    pub(crate) drawn: Mutex<Option<Drawn>>,
    leave_page: OnceLock<Box<dyn Fn() + Send + Sync>>,
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
        let authenticator =
            Authenticator::on_this_machine(start.data_dir.as_deref(), start.keyring)?;
        Ok(Arc::new(Self::of(
            authenticator,
            dir.to_string_lossy().into_owned(),
        )))
    }

    fn of(authenticator: Authenticator, data_dir: String) -> Self {
        Self {
            authenticator,
            clipboard: Clipboard::new(),
            guard: Guard::default(),
            data_dir,
            opening: Opening::default(),
            links: Links::default(),
            pasted: Mutex::default(),
            drawn: Mutex::default(),
            leave_page: OnceLock::new(),
            progress: Mutex::default(),
            pictures: Pictures::default(),
            chosen: Chosen::default(),
            news: Told::default(),
        }
    }

    /// Opens the vault while the web view is still loading, so that its first question finds the answer ready.
    pub fn open_early(self: &Arc<Self>) {
        let shell = Arc::clone(self);
        shell.opening.begin();
        std::thread::spawn(move || {
            let answer = shell.opens(false, Authenticator::open);
            shell.opening.end(
                answer
                    .ok()
                    .filter(|status| status.state == VaultState::Trouble),
            );
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

    /// Asks the authenticator, and lets the guard follow: this is where it is seen that the vault became open, whatever
    /// opened it. Blocking is allowed: other commands go on meanwhile.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn ask<T>(&self, question: impl FnOnce(&Authenticator) -> Result<T, Error>) -> Reply<T> {
        let answer = blocking(|| question(&self.authenticator).map_err(ErrorReport::from));
        self.follow();
        answer
    }

    /// Sees whether the vault became open or closed, whatever made it so.
    fn follow(&self) {
        let closed = self
            .guard
            .follow(|| self.authenticator.settings_while_open());
        if closed {
            self.after_closing();
        }
    }

    /// Nothing that was shown or about to be added outlives a lock.
    fn after_closing(&self) {
        self.links.forget();
        *held(&self.pasted) = None;
        *held(&self.drawn) = None;
        self.pictures.forget();
        blocking(|| self.clipboard.clear());
        self.news.tell(RustEvent::Locked);
        if let Some(leave) = self.leave_page.get() {
            leave();
        }
    }

    /// Says how the page is left when the vault is locked, with everything that its scripts ever held.
    pub fn when_locked(&self, leave_page: impl Fn() + Send + Sync + 'static) {
        let _ = self.leave_page.set(Box::new(leave_page)); // there is one window, and one way
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
                self.news.tell(RustEvent::Progress);
            }
        };
        let answer = self.ask(|authenticator| work(authenticator, &mut watch));
        *held(&self.progress) = None;
        answer
    }

    /// How far an import or an export is; `None` where none is running.
    pub fn progress(&self) -> Option<Progress> {
        *held(&self.progress)
    }

    /// Whether the vault is open.
    pub(crate) fn is_open(&self) -> bool {
        self.authenticator.settings_while_open().is_some()
    }

    /// The QR codes that the page may show.
    pub fn pictures(&self) -> &Pictures {
        &self.pictures
    }

    /// The backup file that somebody wants to restore.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// For what goes on beside the commands, and opens nothing: what may goes through [`Shell::ask`].
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Something that the page shows is not as it was.
    pub fn changed(&self) {
        self.news.tell(RustEvent::Changed);
    }

    /// Asks for something that may open the vault, and may take a keyring or a passphrase its time.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn opens(
        &self,
        passphrase: bool,
        action: impl FnOnce(&Authenticator) -> Result<Status, Error>,
    ) -> Reply<Status> {
        let patience = if passphrase {
            PATIENCE_WITH_PASSPHRASE
        } else {
            PATIENCE
        };
        self.patiently(patience, || self.ask(action))
    }

    /// Waits for a person's answer to a dialog of the system's, and lets the other commands go on meanwhile.
    pub fn waiting<T>(&self, answer: impl FnOnce() -> T) -> T {
        let answer = blocking(answer);
        self.guard.sign_of_life(); // their keys went to the dialog, and the page knows of none
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
            blocking(|| self.opening.wait()); // it met the same and is about to end
            self.opening.take_trouble();
        }
        Ok(status)
    }

    /// The codes, as soon as the early opening is over.
    ///
    /// # Errors
    /// The vault is locked.
    pub fn codes(&self) -> Reply<CodesView> {
        blocking(|| self.opening.wait());
        self.ask(Authenticator::codes)
    }

    /// The settings, as soon as the early opening is over.
    ///
    /// # Errors
    /// The vault is locked.
    pub fn settings(&self) -> Reply<SettingsView> {
        blocking(|| self.opening.wait());
        self.ask(Authenticator::settings)
    }

    /// Opens with the device key. The first time, the early opening's answer is the answer: nobody is asked twice.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn open(&self) -> Reply<Status> {
        // The early opening may have told that it waits before the page could hear; so this tells it too.
        self.patiently(PATIENCE, || blocking(|| self.opening.wait()));
        match self.opening.take_trouble() {
            Some(trouble) => Ok(trouble),
            None => self.opens(false, Authenticator::open),
        }
    }

    /// Opens as if this computer had no keyring, because the one that it has does not answer.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn open_without_keyring(&self) -> Reply<Status> {
        self.ask(Authenticator::open_without_keyring)
    }

    /// Locks. What else that means is [`Shell::after_closing`]'s.
    pub fn lock(&self) -> Status {
        let status = blocking(|| self.authenticator.lock());
        self.follow();
        status
    }

    /// Keeps new settings, and follows them.
    ///
    /// # Errors
    /// The authenticator's, as a report.
    pub fn set_settings(&self, settings: &SettingsView) -> Reply<()> {
        self.ask(|authenticator| authenticator.set_settings(settings))
    }

    /// Puts a code on the clipboard, and takes it off again in time.
    ///
    /// # Errors
    /// No such account, locked, or a clipboard that cannot be used.
    pub fn copy_code(&self, id: &str, next: bool) -> Reply<Copied> {
        let copy = self.ask(|authenticator| authenticator.code_to_copy(id, next))?;
        let stays = copy
            .clear_after_seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        blocking(|| self.clipboard.put(copy.code, stays))?;
        Ok(Copied {
            clears_in_seconds: copy.clear_after_seconds,
        })
    }

    /// What something would add; the page is told how far that is.
    ///
    /// # Errors
    /// Nothing in it enrols, and why.
    pub fn preview(&self, source: Source<'_>) -> Reply<Preview> {
        self.watched(|authenticator, watch| authenticator.preview(source, watch))
    }

    /// What the picture or the text on the clipboard would add.
    ///
    /// # Errors
    /// Nothing is there, or nothing that enrols.
    pub fn preview_clipboard(&self) -> Reply<Preview> {
        match blocking(|| self.clipboard.take_in())? {
            clipboard::Content::Picture(picture) => self.preview(Source::File(picture)),
            clipboard::Content::Text(text) => self.preview(Source::Text(&text)),
        }
    }

    /// Takes the text on the clipboard for the form's key, so that it never comes into the page; says how long it is.
    ///
    /// # Errors
    /// No text is there.
    pub fn paste_key(&self) -> Reply<u32> {
        let text = blocking(|| self.clipboard.take_text())?;
        let characters = text.chars().filter(|c| !c.is_whitespace()).count();
        *held(&self.pasted) = Some(text);
        Ok(u32::try_from(characters).unwrap_or(u32::MAX))
    }

    /// What a filled-in form would add, with the pasted key where there is one.
    ///
    /// # Errors
    /// The class of the first defect.
    pub fn preview_manual(&self, mut form: ManualForm, pasted: bool) -> Reply<Preview> {
        if pasted {
            let held = held(&self.pasted);
            let key = held.as_ref().ok_or(ErrorCode::MissingSecret)?;
            form.secret = key.to_string(); // wiped with the form
        }
        self.preview(Source::Form(&form))
    }

    /// Takes links in that the system hands over, by whichever way: an argument of the first start, one of a later start, an
    /// event on macOS and phones. They wait, and the page is told: what it shows stays, and so does a preview that is open.
    pub fn take_links(&self, texts: impl IntoIterator<Item = Zeroizing<String>>) {
        let links = texts.into_iter().filter(|text| start::is_link(text));
        links.for_each(|link| self.links.push(link));
        self.news.tell(RustEvent::Link);
    }

    /// The links that wait.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// What the link that waits longest would add; `None` when none does. It waits no longer, whatever it says.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn preview_link(&self) -> Reply<Option<Preview>> {
        let Some(link) = self.links.next() else {
            return Ok(None);
        };
        self.preview(Source::Text(&link)).map(Some)
    }

    /// The window came to the front: another program may have changed the vault. A link from outside raises it too, so it
    /// does not show that anybody is there.
    pub fn came_to_front(&self) {
        self.news.tell(RustEvent::Changed);
    }

    /// Nobody is there, or the computer goes to sleep.
    pub fn lock_unattended(&self) {
        tracing::info!(target: "couchkey", "locked: nobody is there");
        self.lock();
    }

    /// The program ends: nothing of ours stays on the clipboard, and no key in memory.
    pub fn end(&self) {
        self.clipboard.clear_at_the_end(std::thread::sleep);
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

/// Runs work that blocks, without keeping the other commands from running: Tauri has as many workers as processors.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use couchkey_authenticator::{
        Parts,
        fake::{FakeBackups, FakeClock, FakeFile, FakeKeyring, FakeScreen, Fuse},
        ports::{FileError, Keyring},
        qr::Grey,
        view::Selection,
    };
    use couchkey_vault::Argon2Cost;

    use super::*;
    use crate::drawn::KeyFor;

    const PASSPHRASE: &str = "quagmire-zither-9471-lollop";
    const LINK: &str = "otpauth://totp/StreamTV:me?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    const OTHER: &str = "otpauth://totp/Other:me?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const THIRD: &str = "otpauth://totp/Third:me?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U";

    /// A machine in memory. Clones share it.
    #[derive(Clone)]
    struct Machine {
        keyring: FakeKeyring,
        file: FakeFile,
        backups: FakeBackups,
    }

    impl Machine {
        fn new() -> Self {
            let fuse = Fuse::new();
            Self {
                keyring: FakeKeyring::with_fuse(&fuse),
                file: FakeFile::with_fuse(&fuse),
                backups: FakeBackups::with_fuse(&fuse),
            }
        }

        /// Another start of the app on it.
        fn start(&self) -> Arc<Shell> {
            let keyring = self.keyring.clone();
            Arc::new(Shell::of(
                Authenticator::new(Parts {
                    clock: Box::new(FakeClock::at(1_800_000_000)),
                    system_keyring: Box::new(move || {
                        Ok(Arc::new(keyring.clone()) as Arc<dyn Keyring>)
                    }),
                    file_keyring: Arc::new(FakeKeyring::new()),
                    passphrase_cost: Box::new(Argon2Cost::default),
                    file: Box::new(self.file.clone()),
                    backups: Box::new(self.backups.clone()),
                    screen: Box::new(FakeScreen::default()),
                    place: "/home/somebody/couchkey".to_owned(),
                }),
                String::new(),
            ))
        }

        /// A vault with one account, closed; its recovery key, and a backup that this opens.
        fn with_a_vault() -> (Self, String, Vec<u8>) {
            let machine = Self::new();
            let shell = machine.start();
            shell
                .opens(false, |a| a.create_vault(None))
                .expect("a fresh machine");
            add(&shell, LINK);
            let key = shell
                .draw_recovery_key(KeyFor::Sheet, None)
                .expect("nothing is written");
            shell.keep_recovery_key(true).expect("it can be written");
            shell.ask(Authenticator::back_up).expect("there is room");
            let (_, backup) = machine
                .backups
                .files(FakeBackups::USUAL)
                .pop()
                .expect("just written");
            (machine, key.groups.join("-"), backup)
        }
    }

    fn add(shell: &Shell, link: &str) {
        shell
            .ask(|a| {
                let preview = a.preview(Source::Text(link), &mut |_| ())?;
                a.add(&Selection::of(&preview), &mut |_| ())
            })
            .expect("it can be written");
    }

    /// Whether the vault will be locked by itself when nobody is there: five minutes, as it comes.
    fn armed(shell: &Shell) -> bool {
        let (_, rest) = shell.guard().state();
        rest.is_some_and(|rest| !rest.is_zero() && rest <= Duration::from_secs(300))
            && shell.guard().locks_on_sleep()
    }

    #[test]
    fn the_guard_is_armed_whichever_way_the_vault_became_open() {
        let (machine, key, backup) = Machine::with_a_vault();

        let shell = machine.start();
        assert!(!armed(&shell), "nothing is open yet");
        shell.opens(false, Authenticator::open).expect("answers");
        assert!(armed(&shell), "by the device key");
        shell.lock();
        assert!(!armed(&shell), "locked: there is nothing to guard");
        shell.open().expect("answers");
        assert!(armed(&shell), "again, after a lock or a sleep");

        let shell = machine.start();
        shell.open_early();
        shell.codes().expect("open, as soon as the opening is over");
        assert!(armed(&shell), "while the page was still loading");

        let shell = Machine::new().start();
        shell
            .opens(false, |a| a.create_vault(None))
            .expect("a fresh machine");
        assert!(armed(&shell), "made just now");

        let restore = |shell: &Shell, set_aside| {
            shell
                .ask(|a| a.restore_backup(&backup, &key, None, set_aside))
                .expect("the backup is whole");
        };
        let shell = Machine::new().start();
        restore(&shell, false);
        assert!(armed(&shell), "restored where no vault was");
        let shell = machine.start();
        restore(&shell, false);
        assert!(armed(&shell), "restored into its own vault, closed");
        let other = Machine::with_a_vault().0.start();
        restore(&other, true);
        assert!(armed(&other), "restored in place of another vault");

        let shell = machine.start();
        shell.open().expect("answers");
        let made = shell
            .draw_recovery_key(KeyFor::Lock, Some(Zeroizing::new(PASSPHRASE.to_owned())))
            .expect("a good passphrase");
        shell.keep_recovery_key(true).expect("it can be written");
        assert!(armed(&shell), "with the app lock turned on");
        let shell = machine.start();
        shell.open().expect("answers");
        assert!(!armed(&shell), "it asks for the passphrase");
        shell.opens(true, |a| a.unlock("wrong words")).ok();
        assert!(!armed(&shell), "and for the right one");
        shell
            .opens(true, |a| a.unlock(PASSPHRASE))
            .expect("the right one");
        assert!(armed(&shell), "by the passphrase");

        machine.keyring.wipe();
        let key = made.groups.join("-");
        let shell = machine.start();
        shell
            .opens(true, |a| a.recover(&key, None))
            .expect("the right key");
        assert!(armed(&shell), "by the recovery key");
    }

    #[test]
    fn nothing_but_a_person_is_a_sign_of_life() {
        let (machine, ..) = Machine::with_a_vault();
        let shell = machine.start();
        shell.open().expect("answers");
        let before = shell.guard().state().0;
        assert!(before.is_some(), "it became open");
        type Event<'a> = (&'a str, &'a dyn Fn(&Shell));
        let outside: [Event; 9] = [
            ("a link", &|shell| {
                shell.take_links([Zeroizing::new(LINK.to_owned())]);
            }),
            ("a look at it", &|shell| {
                shell.preview_link().expect("it enrols");
            }),
            ("a window in front", &|shell| shell.came_to_front()),
            ("news", &|shell| shell.changed()),
            ("the end of a step", &|shell| {
                shell.codes().expect("open");
            }),
            ("a question for the status", &|shell| {
                shell.status().expect("answers");
            }),
            ("a camera that sees nothing", &|shell| {
                let frame = Grey::new(64, 64, vec![0; 64 * 64]).expect("that size");
                let nothing = shell
                    .preview(Source::Frame(&frame))
                    .expect_err("an empty frame");
                assert_eq!(nothing.code, ErrorCode::NoQrCode);
            }),
            ("an import that gets further", &|shell| {
                let links = Zeroizing::new(format!("{LINK}\n{OTHER}").into_bytes());
                shell.preview(Source::File(links)).expect("it enrols");
            }),
            ("another command", &|shell| {
                shell.ask(Authenticator::backups).expect("answers");
            }),
        ];
        for (what, happens) in outside {
            happens(&shell);
            assert_eq!(shell.guard().state().0, before, "{what}");
        }
        shell.guard().sign_of_life();
        assert!(shell.guard().state().0 > before, "a key is");
    }

    #[test]
    fn a_link_waits_and_takes_the_place_of_no_preview() {
        let (machine, ..) = Machine::with_a_vault();
        let shell = machine.start();
        shell.open().expect("answers");
        let export = Zeroizing::new(format!("{OTHER}\n{THIRD}").into_bytes());
        let shown = shell.preview(Source::File(export)).expect("it enrols");
        shell.take_links(
            ["notes.txt", LINK, "https://example.tv", "OTPAUTH://totp/x"]
                .map(|text| Zeroizing::new(text.to_owned())),
        );
        assert_eq!(
            shell.links().view().waiting,
            2,
            "what is a link, whatever it says"
        );
        assert_eq!(
            shell.authenticator().pending_preview(),
            Some(shown.clone()),
            "what is on the screen is what would be saved"
        );
        let added = shell
            .watched(|a, watch| a.add(&Selection::of(&shown), watch))
            .expect("it can be written");
        assert_eq!(added.added as usize, shown.rows.len(), "that, and no more");
        let looked = shell.preview_link().expect("it enrols").expect("it waited");
        assert_eq!(looked.rows[0].issuer.as_deref(), Some("StreamTV"));
        shell.preview_link().expect_err("it says nothing");
        assert!(
            shell.preview_link().expect("none waits").is_none(),
            "a link that is refused does not come again"
        );
    }

    #[test]
    fn a_link_that_waits_dies_at_a_lock_and_one_that_comes_after_it_waits() {
        let (machine, ..) = Machine::with_a_vault();
        let shell = machine.start();
        shell.open().expect("answers");
        shell.take_links([Zeroizing::new(LINK.to_owned())]);
        shell.lock();
        assert_eq!(
            shell.links().view().waiting,
            0,
            "wiped with everything else"
        );
        shell.take_links([Zeroizing::new(OTHER.to_owned())]);
        assert_eq!(
            shell.links().view().waiting,
            1,
            "somebody opened it just now"
        );
    }

    #[test]
    fn the_page_is_left_whatever_closed_the_vault_and_only_then() {
        let (machine, ..) = Machine::with_a_vault();
        let shell = machine.start();
        let left = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = Arc::clone(&left);
        shell.when_locked(move || {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        });
        let left = || left.load(std::sync::atomic::Ordering::SeqCst);
        shell.lock();
        assert_eq!(left(), 0, "it was not open");
        shell.open().expect("answers");
        shell.codes().expect("open");
        assert_eq!(left(), 0, "it is in use");
        shell.lock();
        assert_eq!(left(), 1, "with all that its scripts held");
        shell.lock();
        assert_eq!(left(), 1, "there is nothing more to leave");
        shell.open().expect("answers");
        // Another process gives the vault other keys.
        let other = machine.start();
        other.open().expect("answers");
        other
            .draw_recovery_key(KeyFor::NewKeys, None)
            .expect("nothing is written");
        other.keep_recovery_key(true).expect("it can be written");
        shell.codes().expect_err("it has to be opened anew");
        assert_eq!(left(), 2, "whoever closed it");
        assert!(!armed(&shell), "and there is nothing to guard");
    }

    /// What opens the vault of a machine that has lost its keyring.
    fn opens_with(machine: &Machine, key: &str) -> bool {
        let lost = Machine::new();
        lost.file.restore(machine.file.snapshot());
        lost.start().ask(|a| a.recover(key, None)).is_ok()
    }

    fn typed(text: &str) -> Option<Zeroizing<String>> {
        Some(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn a_recovery_key_on_the_screen_counts_when_somebody_has_it_and_not_before() {
        for (what, passphrase) in [
            (KeyFor::Sheet, None),
            (KeyFor::NewKeys, None),
            (KeyFor::Lock, typed(PASSPHRASE)),
        ] {
            let (machine, old, _) = Machine::with_a_vault();
            let shell = machine.start();
            shell.open().expect("answers");
            let draw = || {
                let view = shell.draw_recovery_key(what, passphrase.clone());
                view.expect("nothing is written").groups.join("-")
            };
            let is_old = |shown: &str, why: &str| {
                assert!(opens_with(&machine, &old), "{what:?}: the old one, {why}");
                assert!(!opens_with(&machine, shown), "{what:?}: not this, {why}");
            };
            let shown = draw();
            is_old(&shown, "after a crash");
            shell.forget_recovery_key();
            shell.keep_recovery_key(true).err().expect("it is gone");
            is_old(&shown, "when the screen was left");
            let shown = draw();
            shell.lock();
            shell.open().expect("answers");
            shell.keep_recovery_key(true).err().expect("it is gone");
            is_old(&shown, "when the vault was locked");
            let shown = draw();
            machine.file.fail_writes(FileError::Full);
            let full = shell.keep_recovery_key(true).err();
            assert_eq!(
                full.map(|report| report.code),
                Some(ErrorCode::StorageFull),
                "{what:?}"
            );
            machine.file.heal();
            is_old(&shown, "while the disk is full");
            shell
                .keep_recovery_key(true)
                .expect("tried again, and there is room");
            assert!(opens_with(&machine, &shown), "{what:?}: now it counts");
            assert!(!opens_with(&machine, &old), "{what:?}: in its place");
            shell.keep_recovery_key(true).err().expect("once");
        }
    }

    #[test]
    fn a_wrong_passphrase_is_said_before_a_recovery_key_is_shown() {
        let (machine, ..) = Machine::with_a_vault();
        let shell = machine.start();
        shell.open().expect("answers");
        let code = |what, passphrase| {
            let shown = shell.draw_recovery_key(what, passphrase);
            shown.err().map(|report| report.code)
        };
        let weak = code(KeyFor::Lock, typed("password1234"));
        assert_eq!(weak, Some(ErrorCode::PassphraseTooWeak));
        assert_eq!(code(KeyFor::Lock, None), Some(ErrorCode::PassphraseNeeded));
        assert_eq!(code(KeyFor::Lock, typed(PASSPHRASE)), None);
        shell.keep_recovery_key(true).expect("it can be written");
        for what in [KeyFor::Sheet, KeyFor::NewKeys] {
            assert_eq!(code(what, None), Some(ErrorCode::PassphraseNeeded));
            let wrong = code(what, typed("wrong words"));
            assert_eq!(wrong, Some(ErrorCode::WrongPassphrase), "{what:?}");
            assert_eq!(code(what, typed(PASSPHRASE)), None, "{what:?}");
        }
    }
}
