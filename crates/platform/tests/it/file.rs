//! What only a database in a file can go through: an earlier version's tables, and a log that somebody holds.
use std::sync::Arc;

use couchkey_otp::verify::EVIDENCE;
use couchkey_platform::store::{Record, SqliteStore};
use couchkey_platform::{ConfirmRequest, KeyRing, Platform, VerifyError, VerifyRequest};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::world::{HOME, Phone, SQLITE, World, enrol, id};

/// The same rows as the first version of the tables kept them.
const AS_BEFORE: &str = "ATTACH DATABASE $1 AS now;
    INSERT INTO main.credential (id, person, active, algorithm, digits, period, sealed, sealing_key, last_step, drift, expires_at)
        SELECT id, person, active, algorithm, digits, period, sealed, sealing_key, last_step, drift, expires_at
        FROM now.credential JOIN now.memory USING (number) ORDER BY id;
    INSERT INTO main.attempts SELECT * FROM now.attempts;
    DETACH DATABASE now";

#[tokio::test]
async fn a_database_of_the_first_version_moves_over_and_refuses_the_used_codes() {
    let w = World::sqlite().await;
    let ana = w.enrolled("ana").await;
    let bo = w.enrolled("bo").await;
    let pending = w.platform.enrol(&enrol("cleo")).await.unwrap();
    // Bo's phone is one step ahead, again and again, which is remembered.
    for _ in 1..EVIDENCE {
        w.verify("bo", &bo.code_at(w.now(), 1)).await.unwrap();
        w.clock.advance(60);
    }
    let (anas, bos) = (ana.code(w.now()), bo.code_at(w.now(), 1));
    w.verify("ana", &anas).await.unwrap();
    assert_eq!(w.verify("bo", &bos).await.unwrap().drift, 1);
    w.verify("bo", &bo.wrong(w.now())).await.unwrap_err();

    let folder = w.folder.as_ref().unwrap().path();
    let before = folder.join("before.sqlite");
    let file = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&before)
        .create_if_missing(true);
    let mut connection = file.connect().await.unwrap();
    sqlx::migrate!("migrations/sqlite")
        .run_to(1, &mut connection)
        .await
        .unwrap();
    sqlx::query(AS_BEFORE)
        .bind(folder.join(SQLITE).to_str().unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();

    let store = Arc::new(SqliteStore::open(&before).await.unwrap());
    let keys = KeyRing::from_text(&w.keys).unwrap();
    let moved = Platform::start(store, w.clock.clone(), keys, w.settings.clone())
        .await
        .unwrap();
    let verify = async |person: &str, code: &str| {
        let request = VerifyRequest {
            person: id(person),
            code,
            from: HOME,
        };
        moved.verify(&request).await
    };
    for (person, used) in [("ana", &anas), ("bo", &bos)] {
        assert_eq!(verify(person, used).await, Err(VerifyError::Used));
    }
    w.clock.advance(60);
    verify("ana", &ana.code(w.now())).await.unwrap();
    // Two steps ahead is one more than the window, for a clock that is known to be ahead.
    let bo_again = verify("bo", &bo.code_at(w.now(), 2)).await.unwrap();
    assert_eq!(bo_again.drift, 2);
    assert_eq!(verify("dora", "123456").await, Err(VerifyError::Wrong));

    // Who was about to confirm still can, and who goes takes their steps along.
    let code = Phone::of(&pending).code(w.now());
    let request = ConfirmRequest {
        person: id("cleo"),
        id: pending.id.clone(),
        code: &code,
        from: HOME,
    };
    moved.confirm(&request).await.unwrap();
    assert_eq!(verify("cleo", &code).await, Err(VerifyError::Used));
    for person in ["ana", "bo", "cleo"] {
        assert!(moved.revoke(&id(person)).await.unwrap());
    }
    let mut connection = file.connect().await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM memory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 1, "nobody's");
}

/// What the log holds cannot go into the table then, and must neither stop those who write nor be lost.
#[tokio::test]
async fn a_reader_that_holds_the_log_stops_nobody_and_the_log_is_cut_after_it() {
    const MIB: usize = 1 << 20;
    let w = World::sqlite().await;
    let file = w.folder.as_ref().unwrap().path().join(SQLITE);
    let log = file.with_file_name(format!("{SQLITE}-wal"));
    let size = || std::fs::metadata(&log).unwrap().len() as usize;
    let record = |n: u8| Record {
        space: "test".to_owned(),
        key: vec![n],
        value: vec![n; MIB],
        expires_at: None,
    };

    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut reader = options.connect().await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    let count = "SELECT count(*) FROM record";
    let before: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut *reading)
        .await
        .unwrap();
    for n in 0..80 {
        w.store.put(&record(n)).await.unwrap();
    }
    assert!(size() > 72 * MIB, "the log could not begin again");
    let still: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut *reading)
        .await
        .unwrap();
    assert_eq!(still, before, "the reader sees what it saw");
    reading.rollback().await.unwrap();

    // The next one takes all of it into the table, the one after that begins the log again.
    for n in 80..82 {
        w.store.put(&record(n)).await.unwrap();
    }
    assert!(size() <= 64 * MIB, "{}", size());
    for n in 0..82 {
        let found = w.store.get("test", &[n], w.now()).await.unwrap();
        assert!(found.unwrap().value == record(n).value, "{n}");
    }
}

/// Row 21 of issue 17: a backup knows of nothing that was accepted after it was made.
#[tokio::test]
async fn row_21_on_a_backup_that_was_brought_back_nothing_is_accepted_again() {
    let w = World::sqlite().await;
    let ana = w.enrolled("ana").await;
    let folder = w.folder.as_ref().unwrap().path();
    let file = folder.join(SQLITE);
    let (ours, copied) = (folder.join("ours.sqlite"), folder.join("copied.sqlite"));
    SqliteStore::backup(&file, &ours).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut somebody = options.connect().await.unwrap();
    sqlx::query("VACUUM INTO $1")
        .bind(copied.to_str().unwrap())
        .execute(&mut somebody)
        .await
        .unwrap();
    let code = ana.code(w.now());
    w.verify("ana", &code).await.unwrap();

    let on = async |file: &std::path::Path| {
        let store = Arc::new(SqliteStore::open(file).await.unwrap());
        let keys = KeyRing::from_text(&w.keys).unwrap();
        let platform = Platform::start(store, w.clock.clone(), keys, w.settings.clone());
        platform.await.unwrap()
    };
    let verify = async |platform: &Platform, code: &str| {
        let request = VerifyRequest {
            person: id("ana"),
            code,
            from: HOME,
        };
        platform.verify(&request).await
    };
    let back = [on(&ours).await, on(&copied).await];
    for platform in &back {
        let held = VerifyError::ChangedOver { retry_after: 90 };
        assert_eq!(verify(platform, &code).await, Err(held));
    }
    // The file that was there all the time holds nobody up, however often it is opened.
    let same = on(&file).await;
    assert_eq!(verify(&same, &code).await, Err(VerifyError::Used));

    w.clock.advance(90);
    for platform in &back {
        let used = verify(platform, &ana.code_at(w.now(), -1)).await;
        assert_eq!(used, Err(VerifyError::Used), "it may have been");
        verify(platform, &ana.code(w.now())).await.unwrap();
    }
    // From then on it is the database, and opened again it is no backup any more.
    w.clock.advance(30);
    let again = on(&ours).await;
    verify(&again, &ana.code(w.now())).await.unwrap();
    let taken = SqliteStore::backup(&file, &ours).await;
    assert!(taken.is_err(), "a backup is written over nothing");
}
