//! What only PostgreSQL can be: set to lose what it has answered, or held by somebody.
use std::sync::Arc;

use couchkey_platform::store::{PostgresStore, Record};
use couchkey_platform::testing::TestPostgres;
use couchkey_platform::{PollError, Purpose, RedeemError, Store, StoreError, VerifyError};
use sqlx::Connection as _;

use crate::challenge::{ANA, ask, redeem, the_code};
use crate::device::{CLIENT, asked};
use crate::world::{HOME, World, id};

async fn run(url: &str, statement: &str) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .unwrap();
}

/// Row 21 of issue 17: after a crash such a database has forgotten codes that it had accepted.
#[tokio::test]
async fn row_21_a_database_that_answers_before_it_has_written_is_refused() {
    let postgres = TestPostgres::start(false).unwrap();
    let url = postgres.database().unwrap();
    let name = url.split('/').nth(3).unwrap().split('?').next().unwrap();
    for (level, fine) in [
        ("off", false),
        ("local", false),
        ("remote_write", false),
        ("on", true),
        ("remote_apply", true),
    ] {
        run(
            &url,
            &format!("ALTER DATABASE {name} SET synchronous_commit = {level}"),
        )
        .await;
        let store = PostgresStore::connect(&url, 2).await;
        match store {
            Ok(_) => assert!(fine, "{level}"),
            Err(error) => assert!(!fine && error == StoreError::NotDurable, "{level}: {error}"),
        }
    }
}

/// Row 21 of issue 17: a statement that waits for somebody for ever.
#[tokio::test]
async fn row_21_no_statement_waits_for_ever() {
    let postgres = TestPostgres::start(false).unwrap();
    let url = postgres.database().unwrap();
    let store = PostgresStore::connect(&url, 2).await.unwrap();
    let mut holder = sqlx::PgConnection::connect(&url).await.unwrap();
    for held in ["BEGIN", "LOCK TABLE record IN EXCLUSIVE MODE"] {
        sqlx::query(held).execute(&mut holder).await.unwrap();
    }
    let record = Record {
        space: "test".to_owned(),
        key: Vec::new(),
        value: Vec::new(),
        expires_at: None,
    };
    assert_eq!(store.put(&record).await, Err(StoreError::Unavailable));
    sqlx::query("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(store.put(&record).await, Ok(()));
}

/// Row 21 of issue 17: a replica that was behind takes over from a server that dies, and knows of nothing that was accepted last.
#[tokio::test]
async fn row_21_after_a_fail_over_that_lost_commits_nothing_is_accepted_again() {
    let mut postgres = TestPostgres::start(false).unwrap();
    let url = postgres.database().unwrap();
    let store = Arc::new(PostgresStore::connect(&url, 4).await.unwrap());
    let w = World::on(store, None).await;
    let ana = w.enrolled("ana").await;
    let mail = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let mailed = the_code(&w).await;
    let tv = asked(&w).await;
    w.platform
        .approve_device(&tv.user_code, &id("ana"), HOME)
        .await
        .unwrap();

    let behind = postgres.replica_that_stops_here().unwrap();
    let code = ana.code(w.now());
    w.verify("ana", &code).await.unwrap();
    let redeemed = redeem(&w, &mail.id, Purpose::SignUp, &mailed).await;
    assert!(redeemed.is_ok());
    let polled = w.platform.poll_device(CLIENT, &tv.device_code).await;
    assert!(polled.is_ok());
    postgres.fail_over(behind).unwrap();

    // The same servers, whose connections are broken at first.
    let away = Err(VerifyError::Store(StoreError::Unavailable));
    let again = loop {
        let again = w.verify("ana", &code).await;
        if again != away {
            break again;
        }
    };
    let held = |retry_after| Err(VerifyError::ChangedOver { retry_after });
    assert_eq!(again, held(90));
    let redeemed = redeem(&w, &mail.id, Purpose::SignUp, &mailed).await;
    assert_eq!(redeemed.err(), Some(RedeemError::Ended));
    let polled = w.platform.poll_device(CLIENT, &tv.device_code).await;
    assert_eq!(polled.err(), Some(PollError::ExpiredToken));
    // A server that starts now knows of it too.
    let other = w.start(&w.keys, w.settings.clone()).await.unwrap();
    let request = couchkey_platform::VerifyRequest {
        person: id("ana"),
        code: &code,
        from: HOME,
    };
    assert_eq!(other.verify(&request).await, held(90));

    w.clock.advance(89);
    assert_eq!(w.verify("ana", &ana.code(w.now())).await, held(1));
    w.clock.advance(1);
    let before = ana.code_at(w.now(), -1);
    assert_eq!(w.verify("ana", &before).await, Err(VerifyError::Used));
    w.verify("ana", &ana.code(w.now())).await.unwrap();
}
