//! Enrolment and rotation.
use couchkey_platform::{ConfirmError, EnrolError, EnrolRequest, VerifyError};

use crate::world::{Phone, World, enrol, id};

pub async fn an_enrolment_counts_after_its_first_code_which_is_used_up(w: World) {
    let enrolled = w.platform.enrol(&enrol("ana")).await.unwrap();
    let phone = Phone::of(&enrolled);
    let code = phone.code(w.now());
    assert_eq!(
        w.verify("ana", &code).await,
        Err(VerifyError::Wrong),
        "not confirmed"
    );
    assert!(!w.platform.is_enrolled(&id("ana")).await.unwrap());
    let wrong = w.confirm("ana", &enrolled, &phone.wrong(w.now())).await;
    assert_eq!(wrong, Err(ConfirmError::Wrong));
    w.confirm("ana", &enrolled, &code).await.unwrap();
    assert!(w.platform.is_enrolled(&id("ana")).await.unwrap());
    assert_eq!(w.verify("ana", &code).await, Err(VerifyError::Used));
    let again = w
        .confirm("ana", &enrolled, &phone.code_at(w.now(), 1))
        .await;
    assert_eq!(again, Err(ConfirmError::Expired), "confirmed once");
    assert!(w.verify("ana", &phone.code_at(w.now(), 1)).await.is_ok());
}

pub async fn a_second_enrolment_takes_the_place_of_one_that_waits(w: World) {
    let first = w.platform.enrol(&enrol("ana")).await.unwrap();
    let second = w.platform.enrol(&enrol("ana")).await.unwrap();
    let code = Phone::of(&first).code(w.now());
    assert_eq!(
        w.confirm("ana", &first, &code).await,
        Err(ConfirmError::Expired)
    );
    let code = Phone::of(&second).code(w.now());
    assert_eq!(w.confirm("ana", &second, &code).await, Ok(()));
}

pub async fn an_enrolment_that_waits_too_long_ends(w: World) {
    let enrolled = w.platform.enrol(&enrol("ana")).await.unwrap();
    w.clock.advance(3_600);
    let code = Phone::of(&enrolled).code(w.now());
    assert_eq!(
        w.confirm("ana", &enrolled, &code).await,
        Err(ConfirmError::Expired)
    );
    w.platform.sweep().await.unwrap();
    assert!(w.platform.enrol(&enrol("ana")).await.is_ok());
}

pub async fn a_rotation_ends_the_old_secret_at_once(w: World) {
    let old = w.enrolled("ana").await;
    let rotated = w.platform.begin_rotation(&enrol("ana")).await.unwrap();
    let new = Phone::of(&rotated);
    assert!(
        w.verify("ana", &old.code(w.now())).await.is_ok(),
        "it works until then"
    );
    w.clock.advance(30);
    w.confirm("ana", &rotated, &new.code(w.now()))
        .await
        .unwrap();
    assert_eq!(
        w.verify("ana", &old.code(w.now())).await,
        Err(VerifyError::Wrong)
    );
    w.clock.advance(30);
    assert_eq!(
        w.verify("ana", &old.code(w.now())).await,
        Err(VerifyError::Wrong)
    );
    assert!(w.verify("ana", &new.code(w.now())).await.is_ok());
}

pub async fn only_who_has_an_app_rotates_and_only_who_has_none_enrols(w: World) {
    let nothing = w.platform.begin_rotation(&enrol("ana")).await;
    assert_eq!(nothing.err(), Some(EnrolError::NotEnrolled));
    w.enrolled("ana").await;
    let twice = w.platform.enrol(&enrol("ana")).await;
    assert_eq!(twice.err(), Some(EnrolError::AlreadyEnrolled));
}

pub async fn somebody_elses_enrolment_is_not_confirmed(w: World) {
    let enrolled = w.platform.enrol(&enrol("ana")).await.unwrap();
    let code = Phone::of(&enrolled).code(w.now());
    assert_eq!(
        w.confirm("bob", &enrolled, &code).await,
        Err(ConfirmError::Expired)
    );
    assert_eq!(w.confirm("ana", &enrolled, &code).await, Ok(()));
}

pub async fn odd_account_names_are_refused(w: World) {
    for account in ["", "a\nb", &"a".repeat(257)] {
        let request = EnrolRequest {
            person: id("ana"),
            account: account.to_owned(),
        };
        let refused = w.platform.enrol(&request).await.err();
        assert_eq!(refused, Some(EnrolError::BadAccountName), "{account:?}");
    }
}

pub async fn a_person_can_be_revoked(w: World) {
    let phone = w.enrolled("ana").await;
    assert!(w.platform.revoke(&id("ana")).await.unwrap());
    assert!(
        !w.platform.revoke(&id("ana")).await.unwrap(),
        "nothing left"
    );
    assert_eq!(
        w.verify("ana", &phone.code(w.now())).await,
        Err(VerifyError::Wrong)
    );
    assert!(w.platform.enrol(&enrol("ana")).await.is_ok(), "a new start");
}
