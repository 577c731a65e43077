//! Codes from the app.
use couchkey_platform::{Scope, VerifyError};

use crate::world::{HOME, Phone, World, enrol, ip};

pub async fn a_code_is_accepted_exactly_once(w: World) {
    let phone = w.enrolled("ana").await;
    let code = phone.code(w.now());
    let grouped = format!("{} {}", &code[..3], &code[3..]);
    let verified = w.verify("ana", &grouped).await.unwrap();
    assert_eq!(verified.step, w.now().as_secs() / 30);
    // For as long as the window reaches, and longer.
    for _ in 0..5 {
        let again = w.verify("ana", &code).await.unwrap_err();
        assert!(
            matches!(again, VerifyError::Used | VerifyError::Wrong),
            "{again:?}"
        );
        w.clock.advance(30);
    }
    assert_eq!(
        w.verify("ana", &phone.code_at(w.now(), 0))
            .await
            .map(|v| v.drift),
        Ok(0),
        "a new code is as good as ever"
    );
}

pub async fn the_window_is_one_step_around_the_remembered_drift(w: World) {
    let phone = w.enrolled("ana").await;
    for (ahead, drift) in [(1, 1), (2, 2), (3, 3)] {
        let verified = w.verify("ana", &phone.code_at(w.now(), ahead)).await;
        assert_eq!(
            verified.map(|v| v.drift),
            Ok(drift),
            "the clock is followed"
        );
        w.clock.advance(3_600);
    }
    let ours = w.verify("ana", &phone.code(w.now())).await;
    assert_eq!(ours, Err(VerifyError::Wrong), "three steps from the drift");
    let later = w.verify("ana", &phone.code_at(w.now(), 2)).await;
    assert_eq!(later.map(|v| v.drift), Ok(2), "it is followed back too");
}

pub async fn after_five_failures_there_is_a_delay_and_after_a_hundred_an_end(w: World) {
    let phone = w.enrolled("ana").await;
    let mut waits = Vec::new();
    for failures in 1..=100_u8 {
        // Each from elsewhere: the account's own throttle is meant here.
        let wrong = w
            .verify_from("ana", &phone.wrong(w.now()), ip(failures, 1))
            .await;
        assert_eq!(wrong, Err(VerifyError::Wrong), "failure {failures}");
        if (5..100).contains(&failures) {
            let right = phone.code(w.now());
            match w.verify_from("ana", &right, ip(failures, 2)).await {
                Err(VerifyError::Throttled {
                    scope: Scope::Account,
                    retry_after,
                }) => waits.push(retry_after),
                other => panic!("not even the right code is looked at: {other:?}"),
            }
            w.clock.advance(waits[waits.len() - 1]);
        }
    }
    assert_eq!(waits[..8], [30, 60, 120, 240, 480, 960, 1_920, 3_600]);
    assert!(waits[8..].iter().all(|wait| *wait == 3_600));
    w.clock.advance(86_400 * 365);
    let right = w.verify("ana", &phone.code(w.now())).await;
    assert_eq!(right, Err(VerifyError::Stopped));

    let rotated = w.platform.begin_rotation(&enrol("ana")).await.unwrap();
    let phone = Phone::of(&rotated);
    w.confirm("ana", &rotated, &phone.code(w.now()))
        .await
        .unwrap();
    w.clock.advance(30);
    assert!(
        w.verify("ana", &phone.code(w.now())).await.is_ok(),
        "a rotation is the way out"
    );
}

pub async fn a_success_clears_the_failures(w: World) {
    let phone = w.enrolled("ana").await;
    for _ in 0..3 {
        for _ in 0..4 {
            let wrong = w.verify("ana", &phone.wrong(w.now())).await;
            assert_eq!(wrong, Err(VerifyError::Wrong));
        }
        assert!(w.verify("ana", &phone.code(w.now())).await.is_ok());
        w.clock.advance(30);
    }
}

pub async fn an_address_and_a_network_are_throttled_across_accounts(w: World) {
    let limits = w.settings.limits;
    let mut people = 0;
    let mut try_somebody = async |from| {
        people += 1;
        w.verify_from(&format!("p{people}"), "000000", from).await
    };
    for _ in 0..limits.failures_per_address {
        assert_eq!(try_somebody(ip(1, 1)).await, Err(VerifyError::Wrong));
    }
    let throttled = try_somebody(ip(1, 1)).await;
    assert_eq!(
        throttled,
        Err(VerifyError::Throttled {
            scope: Scope::Address,
            retry_after: 72
        }),
        "fifty an hour: one in 72 seconds"
    );
    // The rest of the network, until that is full too.
    for n in limits.failures_per_address..limits.failures_per_network {
        let from = ip(1, 2 + (n / limits.failures_per_address) as u8);
        assert_eq!(try_somebody(from).await, Err(VerifyError::Wrong), "{n}");
    }
    assert!(matches!(
        try_somebody(ip(1, 200)).await,
        Err(VerifyError::Throttled {
            scope: Scope::Network,
            ..
        })
    ));
    assert_eq!(try_somebody(ip(2, 1)).await, Err(VerifyError::Wrong));
    w.clock.advance(3_600);
    for _ in 0..limits.failures_per_address {
        assert_eq!(try_somebody(ip(1, 1)).await, Err(VerifyError::Wrong));
    }
}

/// The same calls, one for a person with an app and one for nobody: the same answers.
pub async fn unknown_people_get_the_same_answers(w: World) {
    let phone = w.enrolled("ana").await;
    for n in 0..12 {
        let known = w.verify_from("ana", &phone.wrong(w.now()), ip(3, 1)).await;
        let unknown = w.verify_from("bob", &phone.wrong(w.now()), ip(4, 1)).await;
        assert_eq!(known, unknown, "attempt {n}");
        assert_eq!(
            known.map_err(|e| e.to_string()),
            unknown.map_err(|e| e.to_string()),
            "to the byte"
        );
        w.clock.advance(if n % 2 == 0 { 0 } else { 45 });
    }
    // A right code of somebody else's, and one who has only begun.
    w.platform.enrol(&enrol("eve")).await.unwrap();
    for person in ["bob2", "eve"] {
        let answer = w.verify_from(person, &phone.code(w.now()), HOME).await;
        assert_eq!(answer, Err(VerifyError::Wrong), "{person}");
    }
}

/// NIST SP 800-63B, section 5.2.2: at most 100 failures in a row. A week of guesses from 250 networks gets no more
/// than those, each with three chances in a million.
pub async fn a_million_guesses_would_stay_inside_the_bound(w: World) {
    let phone = w.enrolled("ana").await;
    let mut looked_at = 0;
    for guess in 0..700_u32 {
        let from = ip((guess % 250) as u8, (guess / 250) as u8);
        match w.verify_from("ana", &phone.wrong(w.now()), from).await {
            Err(VerifyError::Wrong) => looked_at += 1,
            Err(VerifyError::Throttled { .. } | VerifyError::Stopped) => {}
            other => panic!("{other:?}"),
        }
        w.clock.advance(900);
    }
    assert_eq!(looked_at, 100);
    let right = w.verify("ana", &phone.code(w.now())).await;
    assert_eq!(
        right,
        Err(VerifyError::Stopped),
        "only a rotation helps now"
    );
}
