//! What a server keeps beside the use cases.
use couchkey_otp::UnixTime;
use couchkey_platform::store::Record;

use crate::world::World;

fn record(key: &[u8], value: &[u8], expires_at: Option<UnixTime>) -> Record {
    Record {
        space: "session".to_owned(),
        key: key.to_vec(),
        value: value.to_vec(),
        expires_at,
    }
}

pub async fn a_record_is_new_once(w: World) {
    let now = w.now();
    let tries = (0..16_u8).map(|n| {
        let store = w.store.clone();
        tokio::spawn(async move { store.put_new(&record(b"k", &[n], None), now).await.unwrap() })
    });
    let mut new = 0;
    let mut there = Vec::new();
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            None => new += 1,
            Some(record) => there.push(record.value),
        }
    }
    assert_eq!(new, 1);
    there.dedup();
    assert_eq!(there.len(), 1, "the others all see the same");
    w.store.put(&record(b"k", b"v", None)).await.unwrap();
    let kept = w.store.get("session", b"k", now).await.unwrap().unwrap();
    assert_eq!(kept.value, b"v");
    assert!(w.store.get("api_key", b"k", now).await.unwrap().is_none());
    assert!(w.store.delete("session", b"k").await.unwrap());
    assert!(!w.store.delete("session", b"k").await.unwrap());
}

pub async fn a_record_is_replaced_if_it_is_as_it_was(w: World) {
    let (first, second) = (record(b"k", b"1", None), record(b"k", b"2", None));
    assert!(
        !w.store.replace(&first, &second).await.unwrap(),
        "not there"
    );
    w.store.put(&first).await.unwrap();
    let tries = (2..18_u8).map(|n| {
        let (store, first) = (w.store.clone(), first.clone());
        let new = record(b"k", &[n], None);
        tokio::spawn(async move { store.replace(&first, &new).await.unwrap() })
    });
    let mut replaced = 0;
    for one in tries.collect::<Vec<_>>() {
        replaced += u8::from(one.await.unwrap());
    }
    assert_eq!(replaced, 1);
    let there = w
        .store
        .get("session", b"k", w.now())
        .await
        .unwrap()
        .unwrap();
    assert!(w.store.delete("session", b"k").await.unwrap());
    assert!(
        !w.store.replace(&there, &second).await.unwrap(),
        "it is gone for good"
    );
}

pub async fn records_expire(w: World) {
    let end = UnixTime::from_secs(w.now().as_secs() + 10);
    w.store.put(&record(b"k", b"1", Some(end))).await.unwrap();
    assert!(
        w.store
            .get("session", b"k", w.now())
            .await
            .unwrap()
            .is_some()
    );
    w.clock.advance(10);
    assert!(
        w.store
            .get("session", b"k", w.now())
            .await
            .unwrap()
            .is_none()
    );
    let new = record(b"k", b"2", None);
    let there = w.store.put_new(&new, w.now()).await.unwrap();
    assert!(there.is_none(), "what has expired is not there");
    w.platform.sweep().await.unwrap();
    let kept = w.store.get("session", b"k", w.now()).await.unwrap();
    assert_eq!(kept.unwrap().value, b"2");
}

pub async fn records_are_listed_by_prefix(w: World) {
    let keys: [&[u8]; 6] = [b"", b"\xfe", b"\xff", b"\xff\x00", b"\xff\xff", b"a"];
    for key in keys {
        w.store.put(&record(key, key, None)).await.unwrap();
    }
    let list = async |prefix: &[u8]| {
        let listed = w.store.list("session", prefix, w.now()).await.unwrap();
        listed.into_iter().map(|r| r.key).collect::<Vec<_>>()
    };
    let mut all: Vec<Vec<u8>> = keys.map(<[u8]>::to_vec).to_vec();
    all.sort();
    assert_eq!(list(b"").await, all);
    assert_eq!(list(b"\xff").await, all[3..]);
    assert_eq!(list(b"a").await, [b"a"]);
    assert!(list(b"b").await.is_empty());
}
