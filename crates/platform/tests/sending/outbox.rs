//! The outbox among several servers: shared work, killed servers, a graceful stop, and a log that tells nothing.
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use couchkey_otp::UnixTime;
use couchkey_platform::{DeliveryError, Mailer, Message, Recipient};
use tokio::sync::Notify;

use super::harness::{End, NoSms, World};

/// Takes note of who sends what, and of anything that is sent twice at the same time.
#[derive(Default)]
struct Notes {
    sent: Mutex<BTreeMap<String, Vec<String>>>,
    at_work: Mutex<Vec<String>>,
}

#[async_trait]
impl Mailer for Notes {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let id = message.id.as_str().to_owned();
        {
            let mut at_work = self.at_work.lock().unwrap();
            assert!(!at_work.contains(&id), "nobody sends what somebody sends");
            at_work.push(id.clone());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.at_work.lock().unwrap().retain(|other| *other != id);
        let code = message.code.expose().to_owned();
        self.sent.lock().unwrap().entry(id).or_default().push(code);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_one_store_share_the_work_and_send_nothing_twice() {
    let world = World::new().await;
    let notes = Arc::new(Notes::default());
    for n in 0..40 {
        world
            .ask(Recipient::email(&format!("person{n}@example.test")).unwrap())
            .await;
    }
    let mut servers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let outbox = world.outbox(notes.clone(), Arc::new(NoSms));
        servers.spawn(async move { outbox.turn().await.unwrap().sent });
    }
    let mut sent = 0;
    while let Some(some) = servers.join_next().await {
        sent += some.expect("no server saw another's message");
    }
    assert_eq!(sent, 40);
    let notes = notes.sent.lock().unwrap();
    assert_eq!(notes.len(), 40);
    assert!(notes.values().all(|codes| codes.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_had_claimed_goes_out_after_its_lease() {
    let world = World::new().await;
    let answer = world
        .ask(Recipient::email("ana@example.test").unwrap())
        .await;
    let claimed = world.platform.claim(60, 10).await.unwrap();
    let first = claimed[0].code.expose().to_owned();
    drop(claimed); // and it is never heard of again

    let notes = Arc::new(Notes::default());
    let other = world.outbox(notes.clone(), Arc::new(NoSms));
    assert_eq!(
        other.turn().await.unwrap().sent,
        0,
        "not before the lease has ended"
    );
    world.clock.set(UnixTime::from_secs(1_800_000_000 + 60));
    assert_eq!(world.until_the_end(&other, &answer).await, (End::Sent, 1));
    let sent = notes.sent.lock().unwrap().values().next().unwrap().clone();
    assert_eq!(sent, [first], "the same code");
}

/// Sends when it is let.
#[derive(Default)]
struct Gate {
    started: Notify,
    open: Notify,
    finished: AtomicU32,
}

#[async_trait]
impl Mailer for Gate {
    async fn send(&self, _: &Message) -> Result<(), DeliveryError> {
        self.started.notify_one();
        self.open.notified().await;
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_message_wakes_the_outbox_and_a_stop_finishes_what_is_on_its_way() {
    let world = World::new().await;
    let gate = Arc::new(Gate::default());
    let outbox = world.outbox(gate.clone(), Arc::new(NoSms));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(async move {
        outbox
            .run(async { stopped.await.unwrap_or_default() })
            .await;
    });
    tokio::task::yield_now().await;
    world
        .ask(Recipient::email("ana@example.test").unwrap())
        .await;
    gate.started.notified().await; // woken, long before it would look again by itself
    stop.send(()).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(gate.finished.load(Ordering::SeqCst), 0);
    assert!(!running.is_finished(), "it waits for what is on its way");
    gate.open.notify_one();
    running.await.unwrap();
    assert_eq!(gate.finished.load(Ordering::SeqCst), 1);
    world.clock.set(UnixTime::from_secs(1_800_000_000 + 300));
    assert!(
        world.platform.claim(60, 10).await.unwrap().is_empty(),
        "and it is written down"
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// At the most talkative level, through real sockets, with each way of sending.
#[tokio::test]
async fn no_log_line_holds_a_code_an_address_or_a_password() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let mut secrets = vec!["secret".to_owned()];
    secrets.extend(super::smtp::one_mail("leaky.ana@example.test").await);
    secrets.extend(super::smpp::one_text("+4917012345678").await);
    secrets.extend(super::http::one_text("+4917012345679").await);
    secrets.extend(["leaky.ana", "17012345678", "17012345679"].map(str::to_owned));

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        log.matches("a code is handed over").count(),
        3,
        "the log is on"
    );
    for secret in secrets {
        assert!(!log.contains(&secret), "the log holds {secret}");
    }
}
