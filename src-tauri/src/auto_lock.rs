//! Locks when nobody is there: the rule about idle time, sleep and the locked screen (docs/decisions/0056).

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use couchkey_authenticator::SettingsView;

/// Knows whether the vault is open, and when somebody was last there.
#[derive(Default)]
pub struct Guard {
    shared: Arc<(Mutex<Rule>, Condvar)>,
}

/// The rule as a value: time comes from outside.
#[derive(Default)]
struct Rule {
    /// `None` while the vault is closed: there is nothing to guard.
    open: Option<Wanted>,
    last_sign: Option<Instant>,
}

/// What the person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    idle: Option<Duration>,
    on_sleep: bool,
}

impl Guard {
    /// A person pressed a key, or moved or pressed a pointer or a finger. Nothing else is a sign of life: docs/decisions/0056.
    pub fn sign_of_life(&self) {
        // The watching thread is not woken: it looks when the old time is over, and goes on sleeping then.
        self.held().last_sign = Some(Instant::now());
    }

    /// Follows the vault, whatever opened or closed it: to be called after everything that may have. `settings` says what
    /// the person wants while it is open, and `None` while it is closed; of two who call this, the later one's answer stays.
    /// Answers whether it has become closed.
    pub fn follow(&self, settings: impl FnOnce() -> Option<SettingsView>) -> bool {
        let mut rule = self.held();
        let was_open = rule.open.is_some();
        let wanted = settings().as_ref().map(Wanted::of);
        let changed = rule.follow(wanted, Instant::now());
        drop(rule);
        if changed {
            self.shared.1.notify_all();
        }
        was_open && wanted.is_none()
    }

    /// When a person was last there, as far as it is known, and how long it is until the vault is locked.
    #[cfg(test)]
    pub fn state(&self) -> (Option<Instant>, Option<Duration>) {
        let rule = self.held();
        (rule.last_sign, rule.rest(Instant::now()))
    }

    /// Whether to lock now that the computer goes to sleep or its screen is locked.
    #[must_use]
    pub fn locks_on_sleep(&self) -> bool {
        self.held().open.is_some_and(|wanted| wanted.on_sleep)
    }

    /// Starts the thread that calls `lock` when nobody was there for long enough. After that, the vault is closed, and the
    /// guard has been told.
    pub fn watch(&self, lock: impl Fn() + Send + 'static) {
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            let (rule, changed) = &*shared;
            let mut rule = rule.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                rule = match rule.rest(Instant::now()) {
                    None => changed.wait(rule).unwrap_or_else(PoisonError::into_inner),
                    Some(Duration::ZERO) => {
                        drop(rule);
                        lock();
                        shared.0.lock().unwrap_or_else(PoisonError::into_inner)
                    }
                    Some(rest) => {
                        changed
                            .wait_timeout(rule, rest)
                            .unwrap_or_else(PoisonError::into_inner)
                            .0
                    }
                };
            }
        });
    }

    fn held(&self) -> MutexGuard<'_, Rule> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    /// Answers whether anything is as it was not before. Becoming open starts the time, as a sign of life does.
    fn follow(&mut self, wanted: Option<Wanted>, now: Instant) -> bool {
        if self.open == wanted {
            return false;
        }
        if self.open.is_none() {
            self.last_sign = Some(now);
        }
        self.open = wanted;
        true
    }

    /// How long it is until nobody was there for long enough; `None` when that never comes.
    fn rest(&self, now: Instant) -> Option<Duration> {
        let idle = self.open?.idle?;
        let last = self.last_sign?;
        Some(idle.saturating_sub(now.saturating_duration_since(last)))
    }
}

impl Wanted {
    fn of(settings: &SettingsView) -> Self {
        Self {
            idle: (settings.auto_lock_minutes > 0)
                .then(|| Duration::from_secs(60 * u64::from(settings.auto_lock_minutes))),
            on_sleep: settings.lock_on_sleep,
        }
    }
}

#[cfg(test)]
mod tests {
    use couchkey_authenticator::Appearance;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn settings(auto_lock_minutes: u32, lock_on_sleep: bool) -> SettingsView {
        SettingsView {
            grouping: 3,
            tap_to_reveal: false,
            hide_again_seconds: 0,
            show_next: true,
            auto_lock_minutes,
            lock_on_sleep,
            clear_clipboard: true,
            appearance: Appearance::System,
            language: None,
        }
    }

    fn rule(minutes: u32, last: Instant) -> Rule {
        Rule {
            open: Some(Wanted::of(&settings(minutes, true))),
            last_sign: Some(last),
        }
    }

    #[test]
    fn it_locks_after_the_idle_time_and_not_before() {
        let now = Instant::now();
        let rule = rule(5, now);
        assert_eq!(rule.rest(now), Some(5 * MINUTE), "the whole time is left");
        assert_eq!(
            rule.rest(now + 4 * MINUTE),
            Some(MINUTE),
            "a minute is left"
        );
        assert_eq!(rule.rest(now + 5 * MINUTE), Some(Duration::ZERO), "now");
        assert_eq!(rule.rest(now + 60 * MINUTE), Some(Duration::ZERO), "late");
    }

    #[test]
    fn a_sign_of_life_starts_the_time_again() {
        let now = Instant::now();
        let mut rule = rule(5, now);
        rule.last_sign = Some(now + 4 * MINUTE);
        assert_eq!(
            rule.rest(now + 5 * MINUTE),
            Some(4 * MINUTE),
            "counted from the last sign"
        );
    }

    #[test]
    fn never_means_never_and_a_closed_vault_is_left_alone() {
        let now = Instant::now();
        assert_eq!(rule(0, now).rest(now + 600 * MINUTE), None, "0 is never");
        let mut closed = rule(5, now);
        closed.open = None;
        assert_eq!(closed.rest(now + 600 * MINUTE), None, "nothing to lock");
    }

    #[test]
    fn sleep_locks_an_open_vault_unless_the_person_says_otherwise() {
        let guard = Guard::default();
        assert!(!guard.locks_on_sleep(), "nothing is open yet");
        guard.follow(|| Some(settings(0, true)));
        assert!(guard.locks_on_sleep(), "open, and wanted");
        guard.follow(|| Some(settings(0, false)));
        assert!(!guard.locks_on_sleep(), "open, and not wanted");
        guard.follow(|| Some(settings(0, true)));
        guard.follow(|| None);
        assert!(!guard.locks_on_sleep(), "locked already");
    }

    #[test]
    fn becoming_open_starts_the_time_and_staying_open_does_not() {
        let now = Instant::now();
        let mut rule = Rule::default();
        let five = Some(Wanted::of(&settings(5, true)));
        assert!(rule.follow(five, now), "it has become open");
        assert!(!rule.follow(five, now + MINUTE), "it is open still");
        assert_eq!(
            rule.rest(now + 4 * MINUTE),
            Some(MINUTE),
            "whatever asked meanwhile: counted from when it became open"
        );
        let ten = Some(Wanted::of(&settings(10, true)));
        assert!(rule.follow(ten, now + 4 * MINUTE), "other settings count");
        assert_eq!(
            rule.rest(now + 4 * MINUTE),
            Some(6 * MINUTE),
            "from the same moment"
        );
        assert!(rule.follow(None, now + 5 * MINUTE), "closed");
        assert!(rule.follow(ten, now + 6 * MINUTE), "and open again");
        assert_eq!(
            rule.rest(now + 6 * MINUTE),
            Some(10 * MINUTE),
            "from the beginning"
        );
    }
}
