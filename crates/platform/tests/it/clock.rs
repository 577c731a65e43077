//! Clocks that jump: set forward for a moment, by hand or by a wrong server, and back.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use couchkey_platform::store::Record;
use couchkey_platform::{Clock, KeyRing, Platform, Purpose, UnixTime, VerifyError};

use crate::challenge::{ANA, ask};
use crate::world::{HOME, World};

const DAY: u64 = 86_400;

/// Row 18 of issue 17: locks of 23 hours.
pub async fn row_18_a_clock_that_was_a_day_ahead_locks_nobody_out(w: World) {
    let phone = w.enrolled("ana").await;
    w.clock.advance(DAY);
    for _ in 0..5 {
        let wrong = w.verify("ana", &phone.wrong(w.now())).await;
        assert_eq!(wrong, Err(VerifyError::Wrong));
    }
    for n in 5..w.settings.limits.failures_per_address {
        let wrong = w.verify(&format!("p{n}"), "000000").await;
        assert_eq!(wrong, Err(VerifyError::Wrong), "{n}");
    }
    let full = w.verify("ana", &phone.code(w.now())).await;
    assert!(
        matches!(full, Err(VerifyError::Throttled { .. })),
        "{full:?}"
    );
    ask(&w, ANA, Purpose::SignUp).await.unwrap();

    w.clock.back(DAY);
    assert!(w.verify("ana", &phone.code(w.now())).await.is_ok());
    assert!(ask(&w, ANA, Purpose::SignUp).await.is_ok());
    // And the limits are what they were.
    let mut looked_at = 0;
    for n in 0..w.settings.limits.failures_per_address {
        looked_at +=
            u32::from(w.verify(&format!("q{n}"), "000000").await == Err(VerifyError::Wrong));
    }
    assert!(
        looked_at < 5,
        "{looked_at} more, from an address that had used all up"
    );
    for n in 0..5 {
        let from = crate::world::ip(5, n);
        let wrong = w.verify_from("ana", &phone.wrong(w.now()), from).await;
        assert_eq!(wrong, Err(VerifyError::Wrong), "{n}");
    }
    let next = w
        .verify_from("ana", &phone.code_at(w.now(), 1), crate::world::ip(5, 9))
        .await;
    assert!(
        matches!(next, Err(VerifyError::Throttled { .. })),
        "{next:?} from {HOME}"
    );
}

/// A clock that can be set, beside one that cannot.
struct Two {
    now: AtomicU64,
    steady: AtomicU64,
}

impl Two {
    fn pass(&self, secs: u64) {
        self.now.fetch_add(secs, Ordering::SeqCst);
        self.steady.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for Two {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.now.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Option<Duration> {
        Some(Duration::from_secs(self.steady.load(Ordering::SeqCst)))
    }
}

/// Row 18 of issue 17: everybody was signed out.
pub async fn row_18_a_clock_that_was_a_day_ahead_removes_nothing(w: World) {
    #[expect(
        clippy::disallowed_methods,
        reason = "PostgreSQL has a clock of its own, which shows the present"
    )]
    let present = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let clock = Arc::new(Two {
        now: AtomicU64::new(present),
        steady: AtomicU64::new(1_000),
    });
    let keys = KeyRing::from_text(&w.keys).unwrap();
    let platform = Platform::start(w.store.clone(), clock.clone(), keys, w.settings.clone());
    let platform = platform.await.unwrap();
    let session = Record {
        space: "session".to_owned(),
        key: b"ana".to_vec(),
        value: b"her television".to_vec(),
        expires_at: Some(UnixTime::from_secs(present + 3_600)),
    };
    w.store.put(&session).await.unwrap();
    let is_there = async || {
        w.store
            .get("session", b"ana", clock.now())
            .await
            .unwrap()
            .is_some()
    };

    clock.pass(10);
    platform.sweep().await.unwrap();
    clock.now.fetch_add(DAY, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(platform.sweep().await.unwrap(), 0);
        clock.pass(10);
    }
    clock.now.fetch_sub(DAY, Ordering::SeqCst);
    platform.sweep().await.unwrap();
    assert!(is_there().await, "a moment's mistake");

    // What has really ended goes, however long that took.
    let over = Record {
        expires_at: Some(clock.now()),
        ..session
    };
    w.store.put(&over).await.unwrap();
    assert!(platform.sweep().await.unwrap() > 0);
}

/// A clock that was wrong at the start and is right now is believed after a while.
#[tokio::test]
async fn a_clock_that_was_set_forward_is_believed_after_an_hour() {
    let w = World::memory().await;
    let clock = Arc::new(Two {
        now: AtomicU64::new(1_800_000_000 - DAY),
        steady: AtomicU64::new(1),
    });
    let keys = KeyRing::from_text(&w.keys).unwrap();
    let platform = Platform::start(w.store.clone(), clock.clone(), keys, w.settings.clone());
    let platform = platform.await.unwrap();
    let over = Record {
        space: "session".to_owned(),
        key: b"ana".to_vec(),
        value: Vec::new(),
        expires_at: Some(clock.now()),
    };
    w.store.put(&over).await.unwrap();
    clock.now.fetch_add(DAY, Ordering::SeqCst);
    for minute in 0..70 {
        let swept = platform.sweep().await.unwrap();
        assert_eq!(swept > 0, minute == 60, "{minute} minutes later");
        clock.pass(60);
    }
}
