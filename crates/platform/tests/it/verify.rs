//! Codes from the app.
use couchkey_otp::verify::EVIDENCE;
use couchkey_platform::store::Record;
use couchkey_platform::testing::enrolled_with;
use couchkey_platform::{Scope, Secret, VerifyError, VerifyRequest};

use crate::world::{HOME, Phone, World, enrol, id, ip};

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

/// Row 9 of issue 17.
pub async fn row_9_a_code_a_minute_old_is_refused_and_the_current_one_is_not(w: World) {
    let phone = w.enrolled("ana").await;
    let late = w.verify("ana", &phone.code_at(w.now(), -1)).await;
    assert_eq!(late.map(|v| v.drift), Ok(-1), "typed slowly");
    w.clock.advance(60);
    for (age, what) in [
        (-2, "a minute old"),
        (-3, "90 seconds"),
        (-4, "two minutes"),
    ] {
        let old = w.verify("ana", &phone.code_at(w.now(), age)).await;
        // The one of 90 seconds ago is the one that was typed slowly.
        let refused = if age == -3 {
            VerifyError::Used
        } else {
            VerifyError::Wrong
        };
        assert_eq!(old, Err(refused), "{what}");
    }
    let current = w.verify("ana", &phone.code(w.now())).await;
    assert_eq!(
        current.map(|v| v.drift),
        Ok(0),
        "the present is in the window"
    );
}

/// Row 10 of issue 17: counted by their digits, not by their step.
pub async fn row_10_the_same_digits_are_accepted_once(w: World) {
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let credential = enrolled_with(&w.platform, &id("ana"), &secret);
    assert!(w.store.add_credential(&credential, false).await.unwrap());
    let phone = Phone::with(secret);
    // Found by trying: with this secret, this step and the next one have the same six digits.
    const STEP: u64 = 62_075_368;
    w.clock.advance(STEP * 30 - w.now().as_secs());
    let digits = phone.code(w.now());
    assert_eq!(digits, phone.code_at(w.now(), 1));
    assert!(w.verify("ana", &digits).await.is_ok());
    assert_eq!(
        w.verify("ana", &digits).await,
        Err(VerifyError::Used),
        "at once"
    );
    for later in 1..=2 {
        w.clock.advance(30);
        let again = w.verify("ana", &digits).await;
        assert_eq!(again, Err(VerifyError::Used), "{later} steps later");
    }
    assert!(w.verify("ana", &phone.code_at(w.now(), 1)).await.is_ok());
}

pub async fn the_window_follows_a_clock_that_has_drifted(w: World) {
    let phone = w.enrolled("ana").await;
    for n in 0..EVIDENCE {
        let two = w.verify("ana", &phone.code_at(w.now(), 2)).await;
        assert_eq!(two, Err(VerifyError::Wrong), "after {n} sign-ins");
        let one = w.verify("ana", &phone.code_at(w.now(), 1)).await;
        assert_eq!(one.map(|v| v.drift), Ok(1));
        w.clock.advance(3_600);
    }
    for (ahead, accepted) in [(3, false), (-2, false), (2, true)] {
        let verified = w.verify("ana", &phone.code_at(w.now(), ahead)).await;
        assert_eq!(verified.is_ok(), accepted, "{ahead} steps ahead");
    }
    w.clock.advance(3_600);
    let ours = w.verify("ana", &phone.code(w.now())).await;
    assert_eq!(
        ours.map(|v| v.drift),
        Ok(0),
        "the present is always in the window"
    );
    w.clock.advance(3_600);
    let two = w.verify("ana", &phone.code_at(w.now(), 2)).await;
    assert_eq!(two, Err(VerifyError::Wrong), "and puts an end to it");
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

/// Row 12 of issue 17: each success of one's own emptied the address's bucket.
pub async fn row_12_a_success_forgives_ones_own_failures_and_nobody_elses(w: World) {
    let phone = w.enrolled("eve").await;
    let limit = w.settings.limits.failures_per_address;
    let guess = async |n: u32| w.verify_from(&format!("p{n}"), "000000", ip(9, 9)).await;
    let hers = async |code: String| w.verify_from("eve", &code, ip(9, 9)).await;
    let mut looked_at = 0;
    for n in 0..limit - 5 {
        assert_eq!(guess(n).await, Err(VerifyError::Wrong), "guess {n}");
        looked_at += 1;
    }
    // Hers are forgiven, all of them, and what they took may be used again.
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(hers(phone.wrong(w.now())).await, Err(VerifyError::Wrong));
        }
        assert!(hers(phone.code(w.now())).await.is_ok());
        w.clock.advance(30);
    }
    for n in limit..2 * limit {
        match guess(n).await {
            Err(VerifyError::Wrong) => looked_at += 1,
            Err(VerifyError::Throttled {
                scope: Scope::Address,
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
    }
    // One more drains in 72 seconds, and 90 have gone by.
    assert!(
        (limit..=limit + 2).contains(&looked_at),
        "{looked_at} of {} guesses",
        2 * limit
    );
}

/// Row 14 of issue 17: a server that died between the two had accepted a code and answered nobody.
pub async fn row_14_what_is_kept_is_kept_with_its_verdict(w: World) {
    let phone = w.enrolled("ana").await;
    let verify = async |code: &str, key: &[u8]| {
        let request = VerifyRequest {
            person: id("ana"),
            code,
            from: HOME,
        };
        let record = Record {
            space: "idempotency".to_owned(),
            key: key.to_vec(),
            value: b"accepted".to_vec(),
            expires_at: None,
        };
        let verdict = w.platform.verify_and_keep(&request, Some(record)).await;
        let kept = w.store.get("idempotency", key, w.now()).await.unwrap();
        (verdict.map(drop), kept.is_some())
    };
    let code = phone.code(w.now());
    let wrong = verify(&phone.wrong(w.now()), b"1").await;
    assert_eq!(wrong, (Err(VerifyError::Wrong), false));
    assert_eq!(verify(&code, b"2").await, (Ok(()), true));
    assert_eq!(verify(&code, b"3").await, (Err(VerifyError::Used), false));
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
