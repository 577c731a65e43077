//! Messages on their way.
use couchkey_otp::UnixTime;
use couchkey_platform::{Outcome, Purpose};

use crate::challenge::{ANA, ask};
use crate::world::World;

pub async fn a_message_is_claimed_by_one_and_followed_up_after_its_lease(w: World) {
    for n in 0..20 {
        let address = format!("p{n}@example.tv");
        ask(&w, &address, Purpose::SignUp).await.unwrap();
    }
    let claims = (0..8).map(|_| {
        let platform = w.platform.clone();
        tokio::spawn(async move { platform.claim(30, 3).await.unwrap() })
    });
    let mut ids = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        ids.extend(claim.await.unwrap().into_iter().map(|m| (m.id, m.attempt)));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20, "each to one");
    assert!(ids.iter().all(|(_, attempt)| *attempt == 1));
    assert!(w.messages().await.is_empty(), "nothing is due");
    w.clock.advance(30);
    let again = w.platform.claim(30, 100).await.unwrap();
    assert_eq!(again.len(), 20, "whoever had them is taken for dead");
    assert!(again.iter().all(|message| message.attempt == 2));
    let (sent, rest) = again.split_at(15);
    for message in sent {
        w.platform.settle(message, Outcome::Sent).await.unwrap();
    }
    for message in rest {
        w.platform.settle(message, Outcome::Refused).await.unwrap();
    }
    w.clock.advance(60);
    assert!(w.messages().await.is_empty(), "settled for good");
}

pub async fn a_retry_keeps_its_id_and_code(w: World) {
    ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let first = w.messages().await.pop().unwrap();
    let at = UnixTime::from_secs(w.now().as_secs() + 10);
    w.platform.settle(&first, Outcome::Retry(at)).await.unwrap();
    assert!(w.messages().await.is_empty(), "not yet");
    w.clock.advance(10);
    let second = w.messages().await.pop().unwrap();
    assert_eq!(second.id, first.id, "the idempotency key");
    assert_eq!(second.code.expose(), first.code.expose());
    assert_eq!((first.attempt, second.attempt), (1, 2));
    // The first one's owner wakes up: it does not take the message from the second.
    let late = w.platform.settle(&first, Outcome::Retry(w.now()));
    late.await.unwrap();
    assert!(w.messages().await.is_empty());
}

pub async fn what_has_expired_is_swept_away(w: World) {
    ask(&w, ANA, Purpose::SignUp).await.unwrap();
    ask(&w, "bob@example.tv", Purpose::SignIn).await.unwrap();
    let early = w.platform.sweep().await.unwrap();
    assert_eq!(early, 0, "nothing has ended");
    w.clock.advance(600);
    assert!(w.messages().await.is_empty(), "too late to be sent");
    let swept = w.store.sweep(w.now()).await.unwrap();
    assert_eq!(swept.expired.len(), 2);
    assert_eq!(swept.unsent.len(), 1, "the void one does not count");
    w.clock.advance(3 * 86_400);
    w.platform.sweep().await.unwrap();
    assert_eq!(w.platform.sweep().await.unwrap(), 0, "all of it");
}
