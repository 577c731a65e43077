//! Tells when the computer goes to sleep or its screen is locked.
//!
//! Linux: logind and the desktop's screen saver, over D-Bus. Windows and macOS: Tauri passes no such event on, so there
//! the idle time alone locks; docs/decisions/0056 says so.

use std::sync::Arc;

use crate::shell::Shell;

/// From now on the shell locks when the computer goes to sleep or its screen is locked.
pub fn watch(shell: &Arc<Shell>) {
    #[cfg(target_os = "linux")]
    linux::watch(shell);
    #[cfg(not(target_os = "linux"))]
    let _ = shell;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::Arc;

    use zbus::{
        MatchRule, Message,
        blocking::{Connection, MessageIterator},
        message::Type,
        zvariant::OwnedFd,
    };

    use crate::shell::Shell;

    const LOGIND: &str = "org.freedesktop.login1";
    const MANAGER: &str = "org.freedesktop.login1.Manager";
    const MANAGER_PATH: &str = "/org/freedesktop/login1";
    const SESSION: &str = "org.freedesktop.login1.Session";
    const SCREEN_SAVERS: [&str; 2] = ["org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver"];

    /// What a signal means to us.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Meaning {
        Sleeps,
        Wakes,
        ScreenLocked,
    }

    /// One thread for each bus. A bus that is not there, as in a container, is no reason to say anything.
    pub fn watch(shell: &Arc<Shell>) {
        for listen in [logind, screen_savers] {
            let shell = Arc::clone(shell);
            std::thread::spawn(move || {
                if let Err(error) = listen(&shell) {
                    // D-Bus errors name services and buses, nothing of ours.
                    tracing::info!(target: "couchkey", "not told about sleep or a locked screen: {error}");
                }
            });
        }
    }

    fn logind(shell: &Shell) -> zbus::Result<()> {
        let bus = Connection::system()?;
        let ours = session_path(&bus);
        let signals = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(LOGIND)?
            .build();
        let signals = MessageIterator::for_match_rule(signals, &bus, Some(16))?;
        // Without a delay the computer may be asleep before we are done.
        let mut delay = delay_sleep(&bus);
        for signal in signals {
            let signal = signal?;
            if let (Some(ours), Some(path)) = (&ours, signal.header().path())
                && path.as_str() != MANAGER_PATH
                && path.as_str() != ours
            {
                continue; // another person's session
            }
            match meaning(&signal) {
                Some(Meaning::Sleeps) => {
                    lock(shell);
                    drop(delay.take());
                }
                Some(Meaning::Wakes) => delay = delay_sleep(&bus),
                Some(Meaning::ScreenLocked) => lock(shell),
                None => {}
            }
        }
        Ok(())
    }

    fn screen_savers(shell: &Shell) -> zbus::Result<()> {
        let bus = Connection::session()?;
        let signals = MatchRule::builder()
            .msg_type(Type::Signal)
            .member("ActiveChanged")?
            .build();
        for signal in MessageIterator::for_match_rule(signals, &bus, Some(16))? {
            if meaning(&signal?) == Some(Meaning::ScreenLocked) {
                lock(shell);
            }
        }
        Ok(())
    }

    fn lock(shell: &Shell) {
        if shell.guard().locks_on_sleep() {
            shell.lock_unattended();
        }
    }

    /// The path of the session that we run in; without one, any session's lock is ours.
    fn session_path(bus: &Connection) -> Option<String> {
        let id = std::env::var("XDG_SESSION_ID").ok()?;
        let answer = bus
            .call_method(
                Some(LOGIND),
                MANAGER_PATH,
                Some(MANAGER),
                "GetSession",
                &(id,),
            )
            .ok()?;
        let path: zbus::zvariant::OwnedObjectPath = answer.body().deserialize().ok()?;
        Some(path.to_string())
    }

    /// Holds sleep off for as long as the answer lives, which is until we have locked.
    fn delay_sleep(bus: &Connection) -> Option<OwnedFd> {
        let wish = (
            "sleep",
            "Couchkey",
            "Locks before the computer sleeps",
            "delay",
        );
        bus.call_method(Some(LOGIND), MANAGER_PATH, Some(MANAGER), "Inhibit", &wish)
            .ok()?
            .body()
            .deserialize()
            .ok()
    }

    fn meaning(signal: &Message) -> Option<Meaning> {
        let header = signal.header();
        let flag = || signal.body().deserialize::<bool>().ok();
        match (header.interface()?.as_str(), header.member()?.as_str()) {
            (MANAGER, "PrepareForSleep") => Some(if flag()? {
                Meaning::Sleeps
            } else {
                Meaning::Wakes
            }),
            (SESSION, "Lock") => Some(Meaning::ScreenLocked),
            (saver, "ActiveChanged") if SCREEN_SAVERS.contains(&saver) => {
                flag()?.then_some(Meaning::ScreenLocked)
            }
            _ => None,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn signal(path: &str, interface: &str, member: &str, flag: Option<bool>) -> Message {
            let builder = Message::signal(path, interface, member).expect("well-formed names");
            match flag {
                Some(flag) => builder.build(&(flag,)),
                None => builder.build(&()),
            }
            .expect("a message")
        }

        #[test]
        fn sleep_and_a_locked_screen_are_understood() {
            for (interface, member, flag, expected) in [
                (
                    MANAGER,
                    "PrepareForSleep",
                    Some(true),
                    Some(Meaning::Sleeps),
                ),
                (
                    MANAGER,
                    "PrepareForSleep",
                    Some(false),
                    Some(Meaning::Wakes),
                ),
                (MANAGER, "PrepareForSleep", None, None),
                (MANAGER, "SessionNew", None, None),
                (SESSION, "Lock", None, Some(Meaning::ScreenLocked)),
                (SESSION, "Unlock", None, None),
                (
                    "org.gnome.ScreenSaver",
                    "ActiveChanged",
                    Some(true),
                    Some(Meaning::ScreenLocked),
                ),
                ("org.gnome.ScreenSaver", "ActiveChanged", Some(false), None),
                (
                    "org.freedesktop.ScreenSaver",
                    "ActiveChanged",
                    Some(true),
                    Some(Meaning::ScreenLocked),
                ),
                ("org.example.Other", "ActiveChanged", Some(true), None),
            ] {
                assert_eq!(
                    meaning(&signal("/org/example", interface, member, flag)),
                    expected,
                    "{interface}.{member} {flag:?}"
                );
            }
        }
    }
}
