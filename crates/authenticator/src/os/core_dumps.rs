//! No core dumps: what every program of ours that opens a vault promises before it does anything else.

/// A core dump would write every open secret to the disk, or hand it to another program. Answers whether it could be
/// switched off.
///
/// The limit is inherited by whatever the program starts, such as the web view's processes.
#[must_use]
pub fn no_core_dumps() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // core(5): where core_pattern hands the dump to a program, Linux does not look at the limit, and 0 keeps nothing from
        // it. But for 1: that one ends every dump, so that a program that takes dumps cannot dump itself into itself
        // (fs/coredump.c), and no file is as small as that. Who may not have 1, because the limit was 0 already, keeps 0.
        const LIMITS: &[u64] = if cfg!(any(target_os = "linux", target_os = "android")) {
            &[1, 0]
        } else {
            &[0]
        };
        LIMITS.iter().any(|&limit| {
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            setrlimit(Resource::Core, limit).is_ok()
        })
    }
    #[cfg(not(unix))]
    true
}

/// Linux: nobody but the administrator may look into this process from now on, and nothing dumps it, whatever the limits
/// say. Not for a process that talks to a desktop portal: those look at `/proc/PID/root` of whoever asks, and refuse where
/// they may not (docs/decisions/0226).
pub fn nobody_looks_in() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // It fails for values that do not exist, and this one does.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn no_core_dump_not_even_one_that_is_piped() {
        assert!(no_core_dumps(), "it can be switched off");
        let limit = getrlimit(Resource::Core);
        assert_eq!(
            (limit.current, limit.maximum),
            (Some(1), Some(1)),
            "the one limit that a pattern that pipes heeds, for us and what we start; nobody below can raise it"
        );
    }

    #[test]
    fn a_process_into_which_nobody_looks_is_not_dumpable() {
        nobody_looks_in();
        let now = dumpable_behavior().expect("Linux tells");
        assert!(matches!(now, DumpableBehavior::NotDumpable), "{now:?}");
    }
}
