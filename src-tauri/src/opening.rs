//! The early opening: the vault opens while the web view is still loading, and the first questions wait for it.

use std::sync::{Condvar, Mutex};

use couchkey_authenticator::view::Status;

use crate::shell::held;

/// The early opening: whether it is over, and the trouble that it met, for whoever asks first.
#[derive(Default)]
pub struct Opening {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
enum State {
    /// Nobody started it: there is nothing to wait for.
    #[default]
    Never,
    Running,
    Over(Option<Status>),
}

impl Opening {
    /// It has been started.
    pub fn begin(&self) {
        *held(&self.state) = State::Running;
    }

    /// It is over, with the trouble that it met.
    pub fn end(&self, trouble: Option<Status>) {
        *held(&self.state) = State::Over(trouble);
        self.over.notify_all();
    }

    /// Waits for its end, as long as the keyring's own dialog is open, if need be: the keyring's adapter gives up in time.
    pub fn wait(&self) {
        let state = held(&self.state);
        drop(
            self.over
                .wait_while(state, |state| matches!(state, State::Running)),
        );
    }

    /// Whether it was started and has ended.
    pub fn is_over(&self) -> bool {
        matches!(*held(&self.state), State::Over(_))
    }

    /// The trouble that it met, once.
    pub fn take_trouble(&self) -> Option<Status> {
        match &mut *held(&self.state) {
            State::Over(trouble) => trouble.take(),
            State::Never | State::Running => None,
        }
    }
}
