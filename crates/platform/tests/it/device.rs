//! Televisions (RFC 8628).
use couchkey_platform::store::{Keep, Record};
use couchkey_platform::{
    DecideError, DeviceAnswer, DeviceError, DeviceRequest, EnrolError, EnrolRequest, PollError,
};

use crate::world::{HOME, World, id, ip};

/// The app that asks.
pub const CLIENT: &str = "StreamTV for webOS";

fn television() -> DeviceRequest {
    DeviceRequest {
        client: CLIENT.to_owned(),
        device: "Living room, LG C3".to_owned(),
        place: Some("Lisbon, Portugal".to_owned()),
        from: HOME,
    }
}

pub async fn asked(w: &World) -> DeviceAnswer {
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
    let pending = w.platform.poll_device(CLIENT, &tv.device_code).await;
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

    let person = w.platform.poll_device(CLIENT, &tv.device_code).await;
    assert!(person.is_ok_and(|person| person == id("ana")));
    let again = w.platform.poll_device(CLIENT, &tv.device_code).await;
    assert_eq!(again.err(), Some(PollError::ExpiredToken), "once");
}

/// Row 17 of issue 17: whoever had the code of one app got a token as another one.
pub async fn row_17_a_device_code_is_good_for_the_app_that_asked(w: World) {
    let tv = asked(&w).await;
    let as_other = async || {
        w.platform
            .poll_device("other-tv", &tv.device_code)
            .await
            .err()
    };
    assert_eq!(as_other().await, Some(PollError::InvalidGrant), "pending");
    let own = w.platform.poll_device(CLIENT, &tv.device_code).await.err();
    let pending = Some(PollError::AuthorizationPending);
    assert_eq!(own, pending, "another app's question slows nobody down");
    w.platform
        .approve_device(&tv.user_code, &id("ana"), HOME)
        .await
        .unwrap();
    assert_eq!(as_other().await, Some(PollError::InvalidGrant), "approved");
    w.clock.advance(5);
    let own = w.platform.poll_device(CLIENT, &tv.device_code).await;
    assert!(own.is_ok_and(|person| person == id("ana")), "still there");
    let ended = Some(PollError::ExpiredToken);
    assert_eq!(as_other().await, ended, "and there is nothing any more");
}

pub async fn a_television_that_asks_too_often_is_slowed_down(w: World) {
    let tv = asked(&w).await;
    let polled = async |after| {
        w.clock.advance(after);
        w.platform.poll_device(CLIENT, &tv.device_code).await.err()
    };
    assert_eq!(polled(5).await, Some(PollError::AuthorizationPending));
    assert_eq!(polled(4).await, Some(PollError::SlowDown { interval: 10 }));
    assert_eq!(polled(9).await, Some(PollError::SlowDown { interval: 15 }));
    assert_eq!(polled(15).await, Some(PollError::AuthorizationPending));
}

pub async fn a_refused_television_hears_so(w: World) {
    let tv = asked(&w).await;
    w.platform.deny_device(&tv.user_code, HOME).await.unwrap();
    let denied = w.platform.poll_device(CLIENT, &tv.device_code).await;
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
    let late = w.platform.poll_device(CLIENT, &tv.device_code).await;
    assert_eq!(late.err(), Some(PollError::ExpiredToken));
    let never = w.platform.poll_device(CLIENT, "0").await;
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

/// Row 21 of issue 17: a name that turns the words around it.
pub async fn row_21_names_are_what_they_look_like(w: World) {
    for odd in [
        "\u{202e}moor gniviL",
        "Living\u{200b} room",
        "Living\nroom",
        "\u{feff}TV",
        "TV\u{2028}",
        "\u{e000}",
        "\u{2066}TV",
    ] {
        let mut request = television();
        request.device = odd.to_owned();
        let refused = w.platform.authorize_device(&request).await;
        assert_eq!(refused.err(), Some(DeviceError::BadName), "{odd:?}");
        let enrolment = EnrolRequest {
            person: id("ana"),
            account: odd.to_owned(),
        };
        let refused = w.platform.enrol(&enrolment).await;
        assert_eq!(refused.err(), Some(EnrolError::BadAccountName), "{odd:?}");
    }
    for fine in [
        "Wohnzimmer, LG C3",
        "客厅的电视",
        "غرفة الجلوس",
        "Zoë’s TV 📺",
        "e\u{301}",
    ] {
        let mut request = television();
        request.device = fine.to_owned();
        assert!(
            w.platform.authorize_device(&request).await.is_ok(),
            "{fine}"
        );
    }
}

/// Row 17 of issue 17: nothing on the confirm screen came from anybody but the asker.
pub async fn row_17_the_confirm_screen_says_whether_it_is_the_same_line(w: World) {
    let tv = asked(&w).await;
    for (from, same) in [(HOME, true), (ip(1, 1), false)] {
        let shown = w.platform.device(&tv.user_code, from).await.unwrap();
        assert_eq!(shown.same_line, same, "{from}");
    }
}

/// Row 7 of issue 17: a television that polled just then was signed in for 90 days.
pub async fn row_7_a_forgotten_person_is_signed_in_nowhere(w: World) {
    let ana = id("ana");
    let approved = async |tv: &DeviceAnswer| {
        let approve = w.platform.approve_device(&tv.user_code, &ana, HOME);
        approve.await.unwrap();
    };
    let polled = async |tv: &DeviceAnswer| w.platform.poll_device(CLIENT, &tv.device_code).await;
    let [before, after, never] = [asked(&w).await, asked(&w).await, asked(&w).await];
    approved(&before).await;
    w.clock.advance(3);
    w.platform.forget(&ana).await.unwrap();
    // Somebody's phone was quicker than the deletion.
    approved(&after).await;
    for tv in [&before, &after] {
        assert_eq!(polled(tv).await.err(), Some(PollError::ExpiredToken));
        assert_eq!(polled(tv).await.err(), Some(PollError::ExpiredToken));
    }
    // Nobody else's is touched, and whoever comes back under this id begins anew.
    assert_eq!(
        polled(&never).await.err(),
        Some(PollError::AuthorizationPending)
    );
    w.clock.advance(5);
    let new = asked(&w).await;
    approved(&new).await;
    assert!(polled(&new).await.is_ok_and(|person| person == ana));
}

/// What a server keeps with an approval is there exactly if the person comes out.
pub async fn what_is_kept_comes_with_the_approval(w: World) {
    let keep = || -> Option<Keep> {
        Some(Box::new(|person| Record {
            space: "session".to_owned(),
            key: person.as_str().as_bytes().to_vec(),
            value: b"theirs".to_vec(),
            expires_at: None,
        }))
    };
    let kept = async || w.store.get("session", b"ana", w.now()).await.unwrap();
    let tv = asked(&w).await;
    let poll = async || {
        w.platform
            .poll_device_and_keep(CLIENT, &tv.device_code, keep())
            .await
    };
    assert_eq!(poll().await.err(), Some(PollError::AuthorizationPending));
    assert!(kept().await.is_none());
    let ana = id("ana");
    w.platform
        .approve_device(&tv.user_code, &ana, HOME)
        .await
        .unwrap();
    assert!(poll().await.is_ok());
    assert!(kept().await.is_some());
}
