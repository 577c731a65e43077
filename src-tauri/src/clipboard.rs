//! The clipboard: a copied code leaves it again, and only if it is still ours; a copied picture or link comes in.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use couchkey_authenticator::ErrorCode;
use zeroize::Zeroizing;

/// Whether copied codes carry the "do not keep" hints here: `x-kde-passwordManagerHint` on Linux, the history and cloud
/// formats on Windows, the concealed type on macOS.
pub const HINTS: bool = cfg!(any(
    target_os = "linux",
    target_os = "windows",
    target_os = "macos"
));

/// What lies on the clipboard for us to read.
pub enum Content {
    /// A picture, as the bytes of a file.
    Picture(Zeroizing<Vec<u8>>),
    /// A text.
    Text(Zeroizing<String>),
}

/// A clipboard of one system.
pub trait Board: Send + 'static {
    /// The text on it; `None` where there is none or it cannot be read.
    fn text(&mut self) -> Option<Zeroizing<String>>;

    /// The picture on it, as the bytes of a file.
    fn picture(&mut self) -> Option<Zeroizing<Vec<u8>>>;

    /// Puts a text on it, with the hints that it is not for keeping.
    ///
    /// # Errors
    /// [`ErrorCode::ClipboardUnavailable`].
    fn put(&mut self, text: &str) -> Result<(), ErrorCode>;

    /// Empties it.
    fn empty(&mut self);
}

/// Opens the system's clipboard; asked when it is first needed.
pub trait OpenBoard: Board + Sized {
    /// The clipboard of this session.
    ///
    /// # Errors
    /// [`ErrorCode::ClipboardUnavailable`].
    fn open() -> Result<Self, ErrorCode>;
}

/// The clipboard with the rule about codes.
pub struct Clipboard<B> {
    shared: Arc<Shared<B>>,
}

struct Shared<B> {
    state: Mutex<State<B>>,
    changed: Condvar,
}

struct State<B> {
    /// Kept open for as long as we live: under X11 the one who copied hands the text out.
    board: Option<B>,
    ours: Option<Ours>,
    watched: bool,
    over: bool,
}

/// A code that we put there and that has to go.
struct Ours {
    text: Zeroizing<String>,
    until: Instant,
}

impl<B: OpenBoard> Clipboard<B> {
    /// A clipboard that is opened when it is first used.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    board: None,
                    ours: None,
                    watched: false,
                    over: false,
                }),
                changed: Condvar::new(),
            }),
        }
    }

    /// Puts a code on the clipboard; with `stays`, it is taken off again after that time.
    ///
    /// # Errors
    /// [`ErrorCode::ClipboardUnavailable`].
    pub fn put(&self, code: Zeroizing<String>, stays: Option<Duration>) -> Result<(), ErrorCode> {
        let mut state = self.shared.held();
        state.put(code, stays.map(|stays| Instant::now() + stays))?;
        if state.ours.is_some() && !state.watched {
            state.watched = true;
            let shared = Arc::clone(&self.shared);
            std::thread::spawn(move || shared.watch());
        }
        drop(state);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Takes a code of ours off now, without waiting for its time.
    pub fn clear(&self) {
        self.shared.held().clear();
    }

    /// What lies there: a picture first, else a text.
    ///
    /// # Errors
    /// [`ErrorCode::ClipboardEmpty`], [`ErrorCode::ClipboardUnavailable`].
    pub fn take_in(&self) -> Result<Content, ErrorCode> {
        let mut state = self.shared.held();
        let board = state.board()?;
        if let Some(picture) = board.picture() {
            return Ok(Content::Picture(picture));
        }
        match board.text() {
            Some(text) if !text.trim().is_empty() => Ok(Content::Text(text)),
            _ => Err(ErrorCode::ClipboardEmpty),
        }
    }
}

impl<B> Drop for Clipboard<B> {
    fn drop(&mut self) {
        self.shared.held().over = true;
        self.shared.changed.notify_all();
    }
}

impl<B> Shared<B> {
    fn held(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: OpenBoard> Shared<B> {
    /// Sleeps until there is something to take off, takes it off, and sleeps again.
    fn watch(&self) {
        let mut state = self.held();
        while !state.over {
            let rest = state.take_off_what_is_due(Instant::now());
            state = match rest {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(rest) => {
                    self.changed
                        .wait_timeout(state, rest)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

impl<B: OpenBoard> State<B> {
    fn board(&mut self) -> Result<&mut B, ErrorCode> {
        if self.board.is_none() {
            self.board = Some(B::open()?);
        }
        self.board.as_mut().ok_or(ErrorCode::ClipboardUnavailable)
    }

    fn put(&mut self, code: Zeroizing<String>, until: Option<Instant>) -> Result<(), ErrorCode> {
        self.board()?.put(&code)?;
        self.ours = until.map(|until| Ours { text: code, until });
        Ok(())
    }

    /// How long there is still to wait; `None` when nothing of ours is there.
    fn take_off_what_is_due(&mut self, now: Instant) -> Option<Duration> {
        let rest = self.ours.as_ref()?.until.saturating_duration_since(now);
        if rest.is_zero() {
            self.clear();
            return None;
        }
        Some(rest)
    }

    /// What somebody copied since then stays: it is not ours.
    fn clear(&mut self) {
        if let (Some(ours), Some(board)) = (self.ours.take(), self.board.as_mut())
            && board.text().is_some_and(|text| *text == *ours.text)
        {
            board.empty();
        }
    }
}

/// The clipboard of this computer.
pub struct SystemBoard(arboard::Clipboard);

impl OpenBoard for SystemBoard {
    fn open() -> Result<Self, ErrorCode> {
        arboard::Clipboard::new()
            .map(Self)
            .map_err(|_| ErrorCode::ClipboardUnavailable)
    }
}

impl Board for SystemBoard {
    fn text(&mut self) -> Option<Zeroizing<String>> {
        self.0.get_text().ok().map(Zeroizing::new)
    }

    /// As an uncompressed BMP, which costs a copy and no more: pictures have one door, and it reads files.
    fn picture(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let copied = self.0.get_image().ok()?;
        let (width, height) = (
            u32::try_from(copied.width).ok()?,
            u32::try_from(copied.height).ok()?,
        );
        let pixels = image::RgbaImage::from_raw(width, height, copied.bytes.into_owned())?;
        let mut file = std::io::Cursor::new(Vec::new());
        pixels.write_to(&mut file, image::ImageFormat::Bmp).ok()?;
        Some(Zeroizing::new(file.into_inner()))
    }

    fn put(&mut self, text: &str) -> Result<(), ErrorCode> {
        let set = self.0.set();
        #[cfg(target_os = "linux")]
        let set = arboard::SetExtLinux::exclude_from_history(set);
        #[cfg(target_os = "macos")]
        let set = arboard::SetExtApple::exclude_from_history(set);
        #[cfg(windows)]
        let set = {
            use arboard::SetExtWindows;
            set.exclude_from_monitoring()
                .exclude_from_cloud()
                .exclude_from_history()
        };
        set.text(text).map_err(|_| ErrorCode::ClipboardUnavailable)
    }

    fn empty(&mut self) {
        // There is nothing to do about a failure here: it will be tried again when the program ends.
        let _ = self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clipboard in memory, one for each thread of tests.
    struct FakeBoard;

    thread_local! {
        static LIES: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
        static AWAY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }

    impl OpenBoard for FakeBoard {
        fn open() -> Result<Self, ErrorCode> {
            if AWAY.get() {
                Err(ErrorCode::ClipboardUnavailable)
            } else {
                Ok(Self)
            }
        }
    }

    impl Board for FakeBoard {
        fn text(&mut self) -> Option<Zeroizing<String>> {
            LIES.with_borrow(|lies| lies.clone().map(Zeroizing::new))
        }

        fn picture(&mut self) -> Option<Zeroizing<Vec<u8>>> {
            None
        }

        fn put(&mut self, text: &str) -> Result<(), ErrorCode> {
            LIES.set(Some(text.to_owned()));
            Ok(())
        }

        fn empty(&mut self) {
            LIES.set(None);
        }
    }

    fn lies() -> Option<String> {
        LIES.with_borrow(Clone::clone)
    }

    fn code() -> Zeroizing<String> {
        Zeroizing::new("287082".to_owned())
    }

    const STAYS: Duration = Duration::from_secs(30);

    fn with_a_code(now: Instant) -> State<FakeBoard> {
        let mut state = State {
            board: None,
            ours: None,
            watched: false,
            over: false,
        };
        state
            .put(code(), Some(now + STAYS))
            .expect("the fake takes everything");
        state
    }

    #[test]
    fn a_code_leaves_when_its_time_is_over_and_not_before() {
        let now = Instant::now();
        let mut state = with_a_code(now);
        assert_eq!(lies().as_deref(), Some("287082"), "it was copied");
        assert_eq!(
            state.take_off_what_is_due(now + STAYS - Duration::from_millis(1)),
            Some(Duration::from_millis(1)),
            "there is a moment left"
        );
        assert_eq!(lies().as_deref(), Some("287082"), "and it is still there");
        assert_eq!(state.take_off_what_is_due(now + STAYS), None, "it is time");
        assert_eq!(lies(), None, "and it is gone");
    }

    #[test]
    fn what_somebody_copied_since_stays() {
        let now = Instant::now();
        let mut state = with_a_code(now);
        LIES.set(Some("a poem".to_owned()));
        state.take_off_what_is_due(now + STAYS);
        assert_eq!(lies().as_deref(), Some("a poem"), "that is not ours");
    }

    #[test]
    fn a_second_code_gets_its_own_time() {
        let now = Instant::now();
        let mut state = with_a_code(now);
        let later = now + Duration::from_secs(20);
        state
            .put(Zeroizing::new("359152".to_owned()), Some(later + STAYS))
            .expect("the fake takes everything");
        assert_eq!(
            state.take_off_what_is_due(now + STAYS),
            Some(Duration::from_secs(20)),
            "the first one's time says nothing about the second"
        );
        assert_eq!(lies().as_deref(), Some("359152"), "so it is still there");
    }

    #[test]
    fn a_code_that_may_stay_is_never_taken_off() {
        let mut state = with_a_code(Instant::now());
        state.put(code(), None).expect("the fake takes everything");
        state.clear();
        assert_eq!(
            lies().as_deref(),
            Some("287082"),
            "the person's setting says so"
        );
    }

    #[test]
    fn the_end_of_the_program_takes_a_code_off_at_once() {
        let clipboard = Clipboard::<FakeBoard>::new();
        clipboard
            .put(code(), Some(STAYS))
            .expect("the fake takes everything");
        clipboard.clear();
        assert_eq!(lies(), None, "nothing of ours stays behind");
    }

    #[test]
    fn clearing_twice_takes_nothing_of_anybody_else() {
        let mut state = with_a_code(Instant::now());
        state.clear();
        LIES.set(Some("287082".to_owned()));
        state.clear();
        assert_eq!(
            lies().as_deref(),
            Some("287082"),
            "somebody else copied the same digits afterwards"
        );
    }

    #[test]
    fn an_empty_or_missing_clipboard_is_said_to_be_so() {
        let clipboard = Clipboard::<FakeBoard>::new();
        AWAY.set(true);
        assert!(
            matches!(clipboard.take_in(), Err(ErrorCode::ClipboardUnavailable)),
            "there is none"
        );
        AWAY.set(false);
        for text in [None, Some(" \n".to_owned())] {
            LIES.set(text);
            assert!(
                matches!(clipboard.take_in(), Err(ErrorCode::ClipboardEmpty)),
                "nothing to read"
            );
        }
        LIES.set(Some("otpauth://totp/x?secret=AA".to_owned()));
        assert!(
            matches!(clipboard.take_in(), Ok(Content::Text(_))),
            "there is a text now"
        );
    }
}
