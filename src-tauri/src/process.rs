//! What the process promises before it does anything: no core dump, no stranger's words in a panic, quiet logs, one heap.

use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// To be called once, first thing.
pub fn prepare() {
    no_core_dumps();
    panics_say_only_where();
    logs_go_to_standard_error();
    one_heap();
}

/// A core dump would write every open secret to the disk. The limit is inherited by the web view's processes.
///
/// Dumpability itself stays on: turning it off breaks desktop portals under snap and flatpak (see docs/decisions/0056).
fn no_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let nothing = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        if setrlimit(Resource::Core, nothing).is_err() {
            eprintln!("couchkey: core dumps could not be switched off");
        }
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

/// glibc gives every thread a heap of its own, so that none waits for another. Ours seldom work at the same time, and those
/// heaps hold more than half a megabyte that is never used again.
fn one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: sets a number inside glibc, before there is a second thread. A glibc that knows it not says no.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_core_limit_is_zero_for_us_and_what_we_start() {
        no_core_dumps();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
        assert_eq!(limit.current, Some(0), "no dump now");
        assert_eq!(limit.maximum, Some(0), "and nobody below can raise it");
    }
}
