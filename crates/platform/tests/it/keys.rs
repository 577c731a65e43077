//! Secrets at rest.
use couchkey_platform::store::Which;
use couchkey_platform::{KeyRing, Purpose, StoreError};

use crate::challenge::{ANA, ask, redeem, the_code};
use crate::world::{World, enrol, id};

pub async fn the_key_is_rotated_and_nobody_notices(w: World) {
    let phone = w.enrolled("ana").await;
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(&w).await;

    let ring = KeyRing::from_text(&w.keys).unwrap().rotated();
    let both = ring.to_text().to_string();
    let new = w.start(&both, w.settings.clone()).await.unwrap();
    // A challenge that was under way survives, and a contact is sealed under the old key by an old instance.
    let redeemed = redeem(&w, &answer.id, Purpose::SignUp, &code).await;
    let person = redeemed.ok().unwrap().person;
    assert_eq!(
        new.reseal(2).await.unwrap(),
        2,
        "two of ana's, hers, nobody's"
    );
    assert_eq!(new.reseal(2).await.unwrap(), 1);
    assert_eq!(new.reseal(2).await.unwrap(), 0);

    // Without the old key.
    let only: String = both
        .lines()
        .filter(|line| !line.starts_with("key 1 "))
        .map(|line| format!("{line}\n"))
        .collect();
    let new = w.start(&only, w.settings.clone()).await.unwrap();
    assert_eq!(new.contacts(&person).await.unwrap()[0].address(), ANA);
    let request = couchkey_platform::VerifyRequest {
        person: id("ana"),
        code: &phone.code(w.now()),
        from: crate::world::HOME,
    };
    assert!(new.verify(&request).await.is_ok());
}

pub async fn another_key_ring_is_noticed_at_the_start(w: World) {
    let other = KeyRing::generate().to_text().to_string();
    let refused = w.start(&other, w.settings.clone()).await;
    assert_eq!(refused.err(), Some(StoreError::Unreadable));
}

/// Row 15 of issue 17: the right key with another pepper started, and knew nobody.
pub async fn row_15_another_pepper_is_noticed_at_the_start(w: World) {
    let other = KeyRing::generate().to_text().to_string();
    let pepper = other.lines().next().unwrap();
    let keys = w.keys.lines().skip(1).collect::<Vec<_>>().join("\n");
    let mixed = format!("{pepper}\n{keys}\n");
    let refused = w.start(&mixed, w.settings.clone()).await;
    assert_eq!(refused.err(), Some(StoreError::Unreadable));
    assert!(
        w.start(&w.keys, w.settings.clone()).await.is_ok(),
        "and the right one starts"
    );
}

/// Row 15 of issue 17: a database of before there was a check took whatever pepper came first.
pub async fn row_15_a_database_without_a_check_is_not_stamped_by_another_pepper(w: World) {
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(&w).await;
    assert!(redeem(&w, &answer.id, Purpose::SignUp, &code).await.is_ok());
    assert!(w.store.delete("check", b"pepper").await.unwrap());
    let other = KeyRing::generate().to_text().to_string();
    let pepper = other.lines().next().unwrap();
    let keys = w.keys.lines().skip(1).collect::<Vec<_>>().join("\n");
    let mixed = format!("{pepper}\n{keys}\n");
    let refused = w.start(&mixed, w.settings.clone()).await;
    assert_eq!(refused.err(), Some(StoreError::Unreadable));
    assert!(w.start(&w.keys, w.settings.clone()).await.is_ok());
    let stamped = w.store.get("check", b"pepper", w.now()).await.unwrap();
    assert!(stamped.is_some());
}

/// Somebody who writes into the database gives ana the secret that they know.
pub async fn a_secret_moved_to_another_row_does_not_open(w: World) {
    w.enrolled("ana").await;
    let eves = w.platform.enrol(&enrol("eve")).await.unwrap();
    let which = Which::Id(eves.id.as_str().to_owned());
    let mut moved = w.store.credential(&which).await.unwrap().unwrap();
    moved.person = "bob".to_owned();
    moved.active = true;
    moved.id = "0".repeat(32);
    assert!(w.store.add_credential(&moved, false).await.unwrap());
    let phone = crate::world::Phone::of(&eves);
    let refused = w.verify("bob", &phone.code(w.now())).await;
    assert_eq!(
        refused,
        Err(couchkey_platform::VerifyError::Store(
            StoreError::Unreadable
        ))
    );
}
