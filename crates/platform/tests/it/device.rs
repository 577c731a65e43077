//! Televisions (RFC 8628).
use couchkey_platform::{DecideError, DeviceAnswer, DeviceError, DeviceRequest, PollError};

use crate::world::{HOME, World, id, ip};

fn television() -> DeviceRequest {
    DeviceRequest {
        client: "StreamTV for webOS".to_owned(),
        device: "Living room, LG C3".to_owned(),
        place: Some("Lisbon, Portugal".to_owned()),
        from: HOME,
    }
}

async fn asked(w: &World) -> DeviceAnswer {
    w.platform.authorize_device(&television()).await.unwrap()
}

pub async fn a_television_is_signed_in_from_a_phone(w: World) {
    let tv = asked(&w).await;
    assert_eq!(tv.user_code.len(), 9);
    assert!(
        tv.user_code
            .chars()
            .all(|c| c == '-' || "BCDFGHJKLMNPQRSTVWXZ".contains(c)),
        "{}",
        tv.user_code
    );
    assert_eq!(
        tv.verification_uri_complete,
        format!("https://example.tv/link?user_code={}", tv.user_code)
    );
    assert_eq!((tv.expires_in, tv.interval), (900, 5));
    let pending = w.platform.poll_device(&tv.device_code).await;
    assert_eq!(pending.err(), Some(PollError::AuthorizationPending));

    w.clock.advance(20);
    let typed = tv.user_code.to_lowercase().replace('-', " ");
    let shown = w.platform.device(&typed, ip(1, 1)).await.unwrap();
    assert_eq!(shown.device, "Living room, LG C3");
    assert_eq!(shown.place.as_deref(), Some("Lisbon, Portugal"));
    assert_eq!(shown.age, 20);
    let (ana, eve) = (id("ana"), id("eve"));
    let approve = w.platform.approve_device(&typed, &ana, ip(1, 1));
    approve.await.unwrap();
    let twice = w.platform.approve_device(&typed, &eve, ip(1, 1));
    assert_eq!(twice.await, Err(DecideError::Unknown), "decided");

    let person = w.platform.poll_device(&tv.device_code).await;
    assert!(person.is_ok_and(|person| person == id("ana")));
    let again = w.platform.poll_device(&tv.device_code).await;
    assert_eq!(again.err(), Some(PollError::ExpiredToken), "once");
}

pub async fn a_television_that_asks_too_often_is_slowed_down(w: World) {
    let tv = asked(&w).await;
    let polled = async |after| {
        w.clock.advance(after);
        w.platform.poll_device(&tv.device_code).await.err()
    };
    assert_eq!(polled(5).await, Some(PollError::AuthorizationPending));
    assert_eq!(polled(4).await, Some(PollError::SlowDown { interval: 10 }));
    assert_eq!(polled(9).await, Some(PollError::SlowDown { interval: 15 }));
    assert_eq!(polled(15).await, Some(PollError::AuthorizationPending));
}

pub async fn a_refused_television_hears_so(w: World) {
    let tv = asked(&w).await;
    w.platform.deny_device(&tv.user_code, HOME).await.unwrap();
    let denied = w.platform.poll_device(&tv.device_code).await;
    assert_eq!(denied.err(), Some(PollError::AccessDenied));
    let ana = id("ana");
    let late = w.platform.approve_device(&tv.user_code, &ana, HOME);
    assert_eq!(late.await, Err(DecideError::Unknown));
}

pub async fn user_codes_end_and_are_not_guessed(w: World) {
    let tv = asked(&w).await;
    for typed in [
        "",
        "BCDF",
        "AAAA-AAAA",
        "BCDF-GHJK-L",
        "1234-5678",
        "ßßßßßßßß",
    ] {
        let unknown = w.platform.device(typed, HOME).await;
        assert_eq!(unknown, Err(DecideError::Unknown), "{typed:?}");
    }
    // Looking at the right one costs nothing; guesses do.
    for _ in 0..200 {
        assert!(w.platform.device(&tv.user_code, ip(1, 1)).await.is_ok());
    }
    for _ in 0..w.settings.limits.failures_per_address {
        let guess = w.platform.device("BCDF-GHJK", ip(1, 1)).await;
        assert_eq!(guess, Err(DecideError::Unknown));
    }
    let throttled = w.platform.device(&tv.user_code, ip(1, 1)).await;
    assert!(matches!(throttled, Err(DecideError::Throttled { .. })));

    w.clock.advance(900);
    let late = w.platform.device(&tv.user_code, HOME).await;
    assert_eq!(late, Err(DecideError::Unknown));
    let late = w.platform.poll_device(&tv.device_code).await;
    assert_eq!(late.err(), Some(PollError::ExpiredToken));
    let never = w.platform.poll_device("0").await;
    assert_eq!(never.err(), Some(PollError::ExpiredToken));

    let mut odd = television();
    odd.device = String::new();
    let refused = w.platform.authorize_device(&odd).await;
    assert_eq!(refused.err(), Some(DeviceError::BadName));
    for _ in 0..w.settings.limits.requests_per_address {
        asked(&w).await;
    }
    let flood = w.platform.authorize_device(&television()).await;
    assert!(matches!(flood.err(), Some(DeviceError::Throttled { .. })));
}
