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
        let system = Arc::clone(shell);
        std::thread::spawn(move || told(listen_to_logind(Connection::system, || lock(&system))));
        let session = Arc::clone(shell);
        std::thread::spawn(move || {
            told(listen_to_screen_savers(Connection::session, || {
                lock(&session)
            }))
        });
    }

    fn lock(shell: &Shell) {
        if shell.guard().locks_on_sleep() {
            shell.lock_unattended();
        }
    }

    /// D-Bus errors name services and buses, nothing of ours.
    fn told(listened: zbus::Result<()>) {
        if let Err(error) = listened {
            tracing::info!(target: "couchkey", "not told about sleep or a locked screen: {error}");
        }
    }

    fn listen_to_logind(
        bus: impl FnOnce() -> zbus::Result<Connection>,
        lock: impl Fn(),
    ) -> zbus::Result<()> {
        let bus = bus()?;
        let signals = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(LOGIND)?
            .build();
        let signals = MessageIterator::for_match_rule(signals, &bus, Some(16))?;
        let ours = session_path(&bus);
        // Without a delay the computer may be asleep before we are done.
        let mut delay = delay_sleep(&bus);
        for signal in signals {
            let signal = signal?;
            match meaning(&signal) {
                Some(Meaning::Sleeps) => {
                    lock();
                    drop(delay.take());
                }
                Some(Meaning::Wakes) => delay = delay_sleep(&bus),
                Some(Meaning::ScreenLocked) if !is_elsewhere(&signal, ours.as_deref()) => lock(),
                Some(Meaning::ScreenLocked) | None => {}
            }
        }
        Ok(())
    }

    fn listen_to_screen_savers(
        bus: impl FnOnce() -> zbus::Result<Connection>,
        lock: impl Fn(),
    ) -> zbus::Result<()> {
        let bus = bus()?;
        let signals = MatchRule::builder()
            .msg_type(Type::Signal)
            .member("ActiveChanged")?
            .build();
        for signal in MessageIterator::for_match_rule(signals, &bus, Some(16))? {
            if meaning(&signal?) == Some(Meaning::ScreenLocked) {
                lock();
            }
        }
        Ok(())
    }

    /// Whether a signal is about another person's session.
    fn is_elsewhere(signal: &Message, ours: Option<&str>) -> bool {
        let header = signal.header();
        match (ours, header.path()) {
            (Some(ours), Some(path)) => path.as_str() != ours,
            _ => false,
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
        use std::{sync::mpsc, time::Duration};

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

        /// A bus of the test's own, as the stage on which logind is played.
        struct Bus {
            daemon: std::process::Child,
            address: String,
        }

        impl Bus {
            fn start() -> Self {
                use std::io::{BufRead, BufReader};
                let mut daemon = std::process::Command::new("dbus-daemon")
                    .args(["--session", "--nofork", "--nosyslog", "--print-address"])
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::null())
                    .spawn()
                    .expect("dbus-daemon is installed (scripts/setup)");
                let mut address = String::new();
                BufReader::new(daemon.stdout.take().expect("a pipe was asked for"))
                    .read_line(&mut address)
                    .expect("the bus says where it is");
                Self {
                    daemon,
                    address: address.trim().to_owned(),
                }
            }

            fn connect(&self) -> zbus::blocking::connection::Builder<'_> {
                zbus::blocking::connection::Builder::address(self.address.as_str())
                    .expect("the bus's own address")
            }
        }

        impl Drop for Bus {
            fn drop(&mut self) {
                let _ = self.daemon.kill();
                let _ = self.daemon.wait();
            }
        }

        /// Hands out delay locks and tells when one is given back.
        struct Logind {
            taken: mpsc::Sender<std::os::unix::net::UnixStream>,
        }

        #[zbus::interface(name = "org.freedesktop.login1.Manager")]
        impl Logind {
            fn inhibit(&self, what: &str, _who: &str, _why: &str, mode: &str) -> OwnedFd {
                assert_eq!(
                    (what, mode),
                    ("sleep", "delay"),
                    "what we need, and no more"
                );
                let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("two ends");
                self.taken.send(ours).expect("the test listens");
                std::os::fd::OwnedFd::from(theirs).into()
            }

            #[zbus(signal)]
            async fn prepare_for_sleep(
                emitter: &zbus::object_server::SignalEmitter<'_>,
                start: bool,
            ) -> zbus::Result<()>;
        }

        const SOON: Duration = Duration::from_secs(60);

        #[test]
        fn it_is_locked_before_the_computer_sleeps_and_sleep_is_held_off_until_then() {
            let bus = Bus::start();
            let (taken, delays) = mpsc::channel();
            let logind = bus
                .connect()
                .serve_at(MANAGER_PATH, Logind { taken })
                .and_then(|builder| builder.name(LOGIND))
                .and_then(|builder| builder.build())
                .expect("logind is on the stage");
            let (locks, locked) = mpsc::channel();
            let address = bus.address.clone();
            std::thread::spawn(move || {
                listen_to_logind(
                    || zbus::blocking::connection::Builder::address(address.as_str())?.build(),
                    || locks.send(()).expect("the test listens"),
                )
            });
            let mut delay = delays.recv_timeout(SOON).expect("a delay is asked for");
            logind
                .emit_signal(
                    None::<()>,
                    MANAGER_PATH,
                    MANAGER,
                    "PrepareForSleep",
                    &(true,),
                )
                .expect("sent");
            locked.recv_timeout(SOON).expect("locked when told to");
            delay.set_read_timeout(Some(SOON)).expect("a bounded wait");
            let end = std::io::Read::read(&mut delay, &mut [0]).expect("closed in time");
            assert_eq!(end, 0, "the delay is given back, so the computer may sleep");
            logind
                .emit_signal(
                    None::<()>,
                    MANAGER_PATH,
                    MANAGER,
                    "PrepareForSleep",
                    &(false,),
                )
                .expect("sent");
            delays
                .recv_timeout(SOON)
                .expect("the next sleep is held off too");
            assert!(locked.try_recv().is_err(), "waking locks nothing");
        }

        #[test]
        fn a_locked_screen_locks_and_another_ones_session_does_not() {
            let lock = |path| signal(path, SESSION, "Lock", None);
            let ours = "/org/freedesktop/login1/session/_31";
            assert!(!is_elsewhere(&lock(ours), Some(ours)), "ours");
            assert!(
                is_elsewhere(&lock("/org/freedesktop/login1/session/_32"), Some(ours)),
                "another person's"
            );
            assert!(
                !is_elsewhere(&lock(ours), None),
                "who does not know which is ours takes them all"
            );
        }
    }
}
