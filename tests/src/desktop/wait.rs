//! Waiting for something to come true: asked again and again, with a deadline, never a plain sleep.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks until the answer is yes, at most for `patience`. Says whether it was.
pub fn until(patience: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
}

/// Asks until the answer is yes, and panics when it is not in time.
pub fn wait_until(what: &str, patience: Duration, ready: impl FnMut() -> bool) {
    assert!(
        until(patience, ready),
        "waited {patience:?} in vain for {what}"
    );
}
