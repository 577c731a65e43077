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

/// The clipboard cannot be used just now: another program holds it open, or does not answer. Later it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// A clipboard of one system.
pub trait Board: Send + 'static {
    /// The text on it; `None` where there is none.
    ///
    /// # Errors
    /// [`Busy`]: nobody knows what is on it.
    fn text(&mut self) -> Result<Option<Zeroizing<String>>, Busy>;

    /// The picture on it, as the bytes of a file.
    fn picture(&mut self) -> Option<Zeroizing<Vec<u8>>>;

    /// Puts a text on it, with the hints that it is not for keeping.
    ///
    /// # Errors
    /// [`ErrorCode::ClipboardUnavailable`].
    fn put(&mut self, text: &str) -> Result<(), ErrorCode>;

    /// Empties it.
    ///
    /// # Errors
    /// [`Busy`]: what was on it may still be there.
    fn empty(&mut self) -> Result<(), Busy>;
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
    /// When to take it off, or when to try again.
    until: Instant,
    /// How often it was tried in vain.
    tries: u32,
}

/// The first rest before a code is tried to be taken off again; each is twice as long as the one before, up to the longest.
const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(15);

/// How often it is tried at the end of the program, which waits for it less than a second.
const TRIES_AT_THE_END: u32 = 4;

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

    /// Takes a code of ours off now, without waiting for its time. Where another program holds the clipboard, it is tried
    /// again until it works.
    pub fn clear(&self) {
        self.shared.held().clear(Instant::now());
        self.shared.changed.notify_all(); // whoever sleeps until the code's time has another time now
    }

    /// The same at the end of the program, when nobody will be there to try again: it is tried a few times, `rest`ing between.
    pub fn clear_at_the_end(&self, rest: impl Fn(Duration)) {
        for left in (0..TRIES_AT_THE_END).rev() {
            let now = Instant::now();
            let again = {
                let mut state = self.shared.held();
                state.clear(now);
                state.rest(now)
            };
            match again {
                Some(again) if left > 0 => rest(again),
                _ => return,
            }
        }
    }

    /// What lies there: a picture first, else a text.
    ///
    /// # Errors
    /// [`ErrorCode::ClipboardEmpty`], [`ErrorCode::ClipboardUnavailable`].
    pub fn take_in(&self) -> Result<Content, ErrorCode> {
        let picture = self.shared.held().board()?.picture();
        match picture {
            Some(picture) => Ok(Content::Picture(picture)),
            None => self.take_text().map(Content::Text),
        }
    }

    /// The text that lies there.
    ///
    /// # Errors
    /// As [`Clipboard::take_in`].
    pub fn take_text(&self) -> Result<Zeroizing<String>, ErrorCode> {
        match self.shared.held().board()?.text() {
            Ok(Some(text)) if !text.trim().is_empty() => Ok(text),
            Ok(_) => Err(ErrorCode::ClipboardEmpty),
            Err(Busy) => Err(ErrorCode::ClipboardUnavailable),
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
        self.ours = until.map(|until| Ours {
            text: code,
            until,
            tries: 0,
        });
        Ok(())
    }

    /// How long there is to wait until something is due; `None` when nothing of ours is there.
    fn rest(&self, now: Instant) -> Option<Duration> {
        let ours = self.ours.as_ref()?;
        Some(ours.until.saturating_duration_since(now))
    }

    /// Takes off what is due, and says how long there is to wait for the next time.
    fn take_off_what_is_due(&mut self, now: Instant) -> Option<Duration> {
        if self.rest(now)?.is_zero() {
            self.clear(now);
        }
        self.rest(now)
    }

    /// What somebody copied since then stays: it is not ours. Where that cannot be seen, or what is ours does not go, it
    /// is due again a little later.
    fn clear(&mut self, now: Instant) {
        let (Some(ours), Some(board)) = (self.ours.as_mut(), self.board.as_mut()) else {
            return;
        };
        let gone = match board.text() {
            Ok(Some(text)) if *text == *ours.text => board.empty(),
            Ok(_) => Ok(()),
            Err(Busy) => Err(Busy),
        };
        match gone {
            Ok(()) => self.ours = None,
            Err(Busy) => {
                let rest = FIRST_REST.saturating_mul(2_u32.saturating_pow(ours.tries));
                ours.until = now + rest.min(LONGEST_REST);
                ours.tries += 1;
            }
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
    fn text(&mut self) -> Result<Option<Zeroizing<String>>, Busy> {
        match self.0.get_text() {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            // Empty, a picture, or no UTF-8: nothing that we put there.
            Err(arboard::Error::ContentNotAvailable | arboard::Error::ConversionFailure) => {
                Ok(None)
            }
            Err(_) => Err(Busy),
        }
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

    fn empty(&mut self) -> Result<(), Busy> {
        self.0.clear().map_err(|_| Busy)
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
        /// How many more looks at it, and how many more attempts to empty it, meet another program that holds it.
        static HELD_FROM_READING: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
        static HELD_FROM_EMPTYING: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    fn held(by_another: &'static std::thread::LocalKey<std::cell::Cell<u32>>) -> Result<(), Busy> {
        let left = by_another.get();
        by_another.set(left.saturating_sub(1));
        if left > 0 { Err(Busy) } else { Ok(()) }
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
        fn text(&mut self) -> Result<Option<Zeroizing<String>>, Busy> {
            held(&HELD_FROM_READING)?;
            Ok(LIES.with_borrow(|lies| lies.clone().map(Zeroizing::new)))
        }

        fn picture(&mut self) -> Option<Zeroizing<Vec<u8>>> {
            None
        }

        fn put(&mut self, text: &str) -> Result<(), ErrorCode> {
            LIES.set(Some(text.to_owned()));
            Ok(())
        }

        fn empty(&mut self) -> Result<(), Busy> {
            held(&HELD_FROM_EMPTYING)?;
            LIES.set(None);
            Ok(())
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
        state.clear(Instant::now());
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
    fn a_clipboard_that_another_program_holds_is_tried_again_until_the_code_is_gone() {
        for by_another in [&HELD_FROM_READING, &HELD_FROM_EMPTYING] {
            let mut now = Instant::now();
            let mut state = with_a_code(now);
            by_another.set(3);
            now += STAYS;
            let mut rests = Vec::new();
            while let Some(rest) = state.take_off_what_is_due(now) {
                assert_eq!(
                    lies().as_deref(),
                    Some("287082"),
                    "it is there as long as it is held"
                );
                rests.push(rest);
                now += rest;
            }
            assert_eq!(lies(), None, "and then it is gone");
            assert_eq!(
                rests,
                [100, 200, 400].map(Duration::from_millis),
                "after longer and longer rests"
            );
        }
    }

    #[test]
    fn however_long_it_is_held_the_rests_stay_bounded_and_it_is_tried_for_ever() {
        let mut now = Instant::now();
        let mut state = with_a_code(now);
        HELD_FROM_READING.set(1_000);
        now += STAYS;
        for _ in 0..1_000 {
            let rest = state.take_off_what_is_due(now).expect("it is held");
            assert!(rest <= LONGEST_REST, "{rest:?}");
            now += rest;
        }
        assert_eq!(state.take_off_what_is_due(now), None, "at last");
        assert_eq!(lies(), None, "it is gone");
    }

    #[test]
    fn what_somebody_copied_while_it_was_held_stays() {
        let mut now = Instant::now();
        let mut state = with_a_code(now);
        HELD_FROM_READING.set(1);
        now += STAYS;
        now += state.take_off_what_is_due(now).expect("it is held");
        LIES.set(Some("a poem".to_owned()));
        assert_eq!(state.take_off_what_is_due(now), None, "nothing of ours");
        assert_eq!(lies().as_deref(), Some("a poem"), "that is not ours");
    }

    #[test]
    fn the_end_of_the_program_tries_again_and_waits_for_less_than_a_second() {
        for (held, left) in [(3, None), (1_000, Some("287082"))] {
            let clipboard = Clipboard::<FakeBoard>::new();
            clipboard
                .put(code(), Some(STAYS))
                .expect("the fake takes everything");
            HELD_FROM_EMPTYING.set(held);
            let waited = std::cell::Cell::new(Duration::ZERO);
            clipboard.clear_at_the_end(|rest| waited.set(waited.get() + rest));
            assert_eq!(lies().as_deref(), left, "held {held} times");
            assert!(waited.get() < Duration::from_secs(1), "{waited:?}");
            HELD_FROM_EMPTYING.set(0);
        }
    }

    #[test]
    fn a_lock_while_it_is_held_is_tried_again_soon_and_not_at_the_end_of_the_codes_time() {
        let now = Instant::now();
        let mut state = with_a_code(now);
        HELD_FROM_EMPTYING.set(1);
        state.clear(now);
        assert_eq!(state.rest(now), Some(FIRST_REST), "soon");
        assert_eq!(state.take_off_what_is_due(now + FIRST_REST), None);
        assert_eq!(lies(), None, "it is gone");
    }

    #[test]
    fn clearing_twice_takes_nothing_of_anybody_else() {
        let mut state = with_a_code(Instant::now());
        state.clear(Instant::now());
        LIES.set(Some("287082".to_owned()));
        state.clear(Instant::now());
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
        HELD_FROM_READING.set(1);
        assert!(
            matches!(clipboard.take_in(), Err(ErrorCode::ClipboardUnavailable)),
            "held by another program is not the same as empty"
        );
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
