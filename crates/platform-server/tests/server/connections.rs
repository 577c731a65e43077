//! Connections that say half of what they have to say, or nothing.
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use reqwest::StatusCode;

use crate::Server;

const HALF_HEAD: &str = "GET / HTTP/1.1\r\nHost: HOST\r\nX-Half";
const HALF_BODY: &str = "POST /signup HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ntoken=";

fn connect(server: &Server, says: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("connected");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("set");
    let says = says.replace("HOST", &server.address().to_string());
    stream.write_all(says.as_bytes()).expect("written");
    stream
}

/// Everything until the server hangs up.
fn until_the_end(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => String::from_utf8(said).expect("text"),
        // It hung up with something of ours unread.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => String::new(),
        Err(error) => panic!("the connection lives on: {error}"),
    }
}

/// Row 11 of issue 17: such connections lived for ever.
#[tokio::test]
async fn row_11_half_a_request_and_silence_end() {
    let server = Server::with(&[
        ("SERVER__HEAD_SECONDS", "1"),
        ("SERVER__REQUEST_SECONDS", "2"),
    ])
    .await;
    let whole = "GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let [silent, head, body, after] =
        ["", HALF_HEAD, HALF_BODY, whole].map(|says| connect(&server, says));
    let ends = tokio::task::spawn_blocking(|| [silent, head, body, after].map(until_the_end));
    let [_, _, body, after] = ends.await.expect("ended");
    assert!(
        body.starts_with("HTTP/1.1 408") && body.contains("too_slow"),
        "{body}"
    );
    assert!(
        after.contains("alive"),
        "it was answered before it was silent: {after}"
    );
}

/// Row 11 of issue 17: 260 of them, and `/readyz` had no answer.
#[tokio::test]
async fn row_11_many_that_say_nothing_do_not_keep_others_out() {
    let server = Server::start().await;
    let held: Vec<TcpStream> = (0..260)
        .map(|n| connect(&server, ["", HALF_HEAD, HALF_BODY][n % 3]))
        .collect();
    let ready = server.client.get(format!("{}/readyz", server.url));
    let ready = ready
        .timeout(Duration::from_secs(60))
        .send()
        .await
        .expect("an answer");
    assert_eq!(ready.status(), StatusCode::OK);
    drop(held);
}

/// Row 11 of issue 17: there was no bound.
#[tokio::test]
async fn row_11_connections_have_a_bound() {
    let server = Server::with(&[("SERVER__CONNECTIONS", "20")]).await;
    let mut held: Vec<TcpStream> = (0..10).map(|_| connect(&server, HALF_HEAD)).collect();
    // Ten are the half that one address may have.
    let one_more = connect(&server, "");
    let end = tokio::task::spawn_blocking(|| until_the_end(one_more)).await;
    assert_eq!(end.expect("ended"), "");
    held.pop();
    for _ in 0..100 {
        let ready = server
            .client
            .get(format!("{}/healthz", server.url))
            .send()
            .await;
        if ready.is_ok_and(|answer| answer.status() == StatusCode::OK) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a place that is free again is given to the next");
}

/// Row 11 of issue 17: one of them, and the server took all of its time to stop.
#[tokio::test]
async fn row_11_half_a_request_does_not_delay_the_end() {
    // Ten minutes: whoever waited for them would be noticed.
    let mut server = Server::with(&[
        ("SERVER__STOP_SECONDS", "600"),
        ("SERVER__HEAD_SECONDS", "600"),
        ("SERVER__REQUEST_SECONDS", "600"),
    ])
    .await;
    let held = ["", HALF_HEAD, HALF_BODY].map(|says| connect(&server, says));
    let alive = server
        .client
        .get(format!("{}/healthz", server.url))
        .send()
        .await;
    assert_eq!(alive.expect("an answer").status(), StatusCode::OK);
    let ended = tokio::task::spawn_blocking(move || (server.stop(), server.log()));
    let (status, log) = ended.await.expect("it ends");
    assert!(status.success() && log.contains("stopped"), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    drop(held);
}
