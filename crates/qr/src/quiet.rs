//! Catches the panics of other people's decoders (`catch_unwind`): a panic becomes `None` and prints nothing.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// What `decoder` returns, or `None` if it panics.
///
/// The usual panic message goes to standard error and may quote what was decoded, so while `decoder` runs the panic
/// hook is silent on this thread. Panics of other threads, and of this one outside `decoder`, are reported as before.
pub fn catch<T>(decoder: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    // A thread that is already panicking must not touch the hook.
    if !std::thread::panicking() {
        HOOK.call_once(|| {
            let previous = take_hook();
            set_hook(Box::new(move |panic| {
                if !QUIET.get() {
                    previous(panic);
                }
            }));
        });
    }
    let before = QUIET.replace(true);
    // Unwind safety: every caller drops whatever the decoder was working on.
    let result = catch_unwind(AssertUnwindSafe(decoder));
    QUIET.set(before);
    result.ok()
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}
