//! Hardening of the process, before anything else: no core dump, no stranger's words in a panic, quiet logs.

use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// To be called once, first thing.
pub fn prepare() {
    no_core_dumps();
    panics_say_only_where();
    logs_go_to_standard_error();
}

/// Dumpability itself stays on: the desktop portals refuse to talk to whoever turned it off (docs/decisions/0226).
fn no_core_dumps() {
    if !couchkey_authenticator::os::no_core_dumps() {
        eprintln!("couchkey: core dumps could not be switched off");
    }
}

/// A panic's message may quote what was being decoded: a stranger's picture, a link. Its place is enough to mend it.
fn panics_say_only_where() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        eprintln!("couchkey: a part gave up{place}");
    }));
}

/// Our own targets only: what other libraries log was not written with secrets in mind.
fn logs_go_to_standard_error() {
    let ours = Targets::new().with_target("couchkey", tracing::Level::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_filter(ours);
    // A second call finds a subscriber in place and leaves it: tests and phones may call twice.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
