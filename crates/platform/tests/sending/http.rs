//! An SMS provider's HTTP interface that answers late, wrongly, twice or not at all.
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use couchkey_platform::{HttpBody, HttpGateway, HttpGatewayError, HttpGatewaySettings, Recipient};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::harness::End::{Expired, Refused, Sent};
use super::harness::{End, NoMail, Seen, World, code_in, patience};

const TAKEN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"status\":\"queued\"}";

#[derive(Clone, Copy)]
enum Do {
    Say(&'static str),
    /// Takes the message, and never answers.
    TakeAndHang,
    /// Takes the message, and closes.
    TakeAndClose,
    Close,
    /// An answer that does not end.
    Flood,
}
use Do::{Close, Flood, Say, TakeAndClose, TakeAndHang};

#[rustfmt::skip]
const FAULTS: &[(&str, Do, End, End)] = &[
    ("no answer, though it was taken",  TakeAndHang,                                                          Sent,    Expired),
    ("closed, though it was taken",     TakeAndClose,                                                         Sent,    Expired),
    ("closed",                          Close,                                                                Sent,    Expired),
    ("server error",                    Say("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),                Sent,    Expired),
    ("too fast",                        Say("HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n\r\n"),           Sent,    Expired),
    ("the key is wrong",                Say("HTTP/1.1 401 Who?\r\nContent-Length: 0\r\n\r\n"),                Sent,    Expired),
    ("still at work on the first",      Say("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"),            Sent,    Expired),
    ("sent elsewhere",                  Say("HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"), Sent, Expired),
    ("no such number",                  Say("HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"),                  Refused, Refused),
    ("200, but not accepted",           Say("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"status\":\"failed\"}"), Sent, Expired),
    ("200, but not JSON",               Say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"),              Sent,    Expired),
    ("half an answer",                  Say("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"status\""),      Sent,    Expired),
    ("an answer without an end",        Flood,                                                                Sent,    Expired),
    ("another protocol",                Say("220 mail.test ESMTP\r\n"),                                       Sent,    Expired),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_for_a_while_loses_no_code() {
    all(Some(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_for_ever_ends_in_a_reason_or_at_the_codes_end() {
    all(None).await;
}

async fn all(times: Option<u32>) {
    let mut running = tokio::task::JoinSet::new();
    for &(name, what, healed, stays) in FAULTS {
        running.spawn(async move {
            let seen = Arc::new(Seen::default());
            let port = provider(what, times.unwrap_or(u32::MAX), Arc::clone(&seen)).await;
            let world = World::new().await;
            let outbox = world.outbox(
                Arc::new(NoMail),
                Arc::new(gateway(port, matches!(what, TakeAndHang), times.is_some())),
            );
            let answer = world.ask(Recipient::phone("+4917012345678").unwrap()).await;
            let (end, _) = world.until_the_end(&outbox, &answer).await;
            let (taken, code) = seen.told();
            assert_eq!(end, if times.is_some() { healed } else { stays }, "{name}");
            if end == Sent {
                assert!(taken >= 1, "{name}");
                let code = code.expect("who took the message saw the code");
                assert!(world.redeems(&answer, &code).await, "{name}");
            }
            assert!(world.nothing_waits(&outbox, &answer).await, "{name}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.expect("a fault's own assertions");
    }
}

fn gateway(port: u16, says_nothing: bool, heals: bool) -> HttpGateway {
    let body = HttpBody::Json(json!({
        "messages": [{ "to": "{to}", "content": "{text}", "ref": "{id}" }], "from": "\"TV\"",
    }));
    let url = format!("http://127.0.0.1:{port}/v1/{{to_digits}}/send?ref={{id}}");
    let mut settings = HttpGatewaySettings::new(url, body, "Example \"TV\"");
    settings.success.value = Some(("/status".into(), json!("queued")));
    settings.web_otp_domain = Some("tv.example.test".into());
    settings.timeout = patience(says_nothing, heals);
    HttpGateway::new(settings).unwrap()
}

async fn provider(what: Do, times: u32, seen: Arc<Seen>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let faults = Arc::new(AtomicU32::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (seen, faults) = (Arc::clone(&seen), Arc::clone(&faults));
            tokio::spawn(async move {
                let failing = faults.fetch_add(1, Ordering::SeqCst) < times;
                let _ = serve(stream, failing.then_some(what), &seen).await;
            });
        }
    });
    port
}

async fn serve(mut stream: TcpStream, fault: Option<Do>, seen: &Seen) -> std::io::Result<()> {
    let mut request = Vec::new();
    let (head, body) = loop {
        let mut bytes = [0; 4096];
        let n = stream.read(&mut bytes).await?;
        if n == 0 {
            return Ok(());
        }
        request.extend_from_slice(&bytes[..n]);
        let text = String::from_utf8(request.clone()).expect("our requests are UTF-8");
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if serde_json::from_str::<Value>(body).is_ok() {
            break (head.to_lowercase(), body.to_owned());
        }
    };
    let body: Value = serde_json::from_str(&body).expect("escaped by a library");
    let message = &body["messages"][0];
    let (text, id) = (
        message["content"].as_str().unwrap(),
        message["ref"].as_str().unwrap(),
    );
    assert!(head.contains(&format!("idempotency-key: {id}")));
    let to = message["to"].as_str().unwrap();
    assert!(to.starts_with("+491701234567"));
    assert!(head.starts_with(&format!("post /v1/{}/send?ref={id} ", &to[1..])));
    let code = code_in(text).expect("a code");
    assert!(text.starts_with(&code) && text.contains("Example \"TV\""));
    assert!(text.ends_with(&format!("\n\n@tv.example.test #{code}")));
    seen.code(&code);
    seen.id(id);
    match fault {
        None => {
            seen.taken();
            stream.write_all(TAKEN.as_bytes()).await
        }
        Some(Say(answer)) => stream.write_all(answer.as_bytes()).await,
        Some(Close) => Ok(()),
        Some(TakeAndClose) => {
            seen.taken();
            Ok(())
        }
        Some(TakeAndHang) => {
            seen.taken();
            while stream.read(&mut [0; 64]).await? > 0 {}
            Ok(())
        }
        Some(Flood) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await?;
            loop {
                stream.write_all(b"4\r\n    \r\n").await?;
            }
        }
    }
}

#[test]
fn a_template_that_cannot_work_is_refused_with_a_reason() {
    let json = || HttpBody::Json(json!({ "to": "{to}", "text": "{text}" }));
    let with = |url: &str| HttpGateway::new(HttpGatewaySettings::new(url, json(), "TV")).err();
    assert_eq!(with("https://sms.example.com/send"), None);
    assert_eq!(
        with("http://sms.example.com/send"),
        Some(HttpGatewayError::Unprotected)
    );
    assert_eq!(
        with("https://{to}.example.com/"),
        Some(HttpGatewayError::Url)
    );
    assert_eq!(
        with("https://sms.example.com:{to}/"),
        Some(HttpGatewayError::Url)
    );
    assert_eq!(with("https://user@{text}/"), Some(HttpGatewayError::Url));
    assert_eq!(with("ftp://sms.example.com/"), Some(HttpGatewayError::Url));
    assert_eq!(with("sms.example.com"), Some(HttpGatewayError::Url));

    let change = |change: fn(&mut HttpGatewaySettings)| {
        let mut settings = HttpGatewaySettings::new("https://sms.example.com/", json(), "TV");
        change(&mut settings);
        HttpGateway::new(settings).err()
    };
    let missing = |missing| Some(HttpGatewayError::Placeholder { missing });
    assert_eq!(change(|s| s.body = HttpBody::Empty), missing("{to}"));
    assert_eq!(
        change(|s| s.body = HttpBody::Json(json!(["{to}"]))),
        missing("{text}")
    );
    assert_eq!(
        change(|s| s.method = "DELETE".into()),
        Some(HttpGatewayError::Method)
    );
    assert_eq!(
        change(|s| s.headers.push(("X".into(), "a\r\nB: c".to_owned().into()))),
        Some(HttpGatewayError::Header { index: 1 }),
    );
    assert_eq!(
        change(|s| s.success.value = Some(("status".into(), Value::Null))),
        Some(HttpGatewayError::Pointer),
    );
    assert_eq!(
        change(|s| s.authority = Some(b"-----BEGIN CERTIFICATE-----".to_vec())),
        Some(HttpGatewayError::Authority)
    );
}

/// A text message through a provider without a fault; returns the code.
pub async fn one_text(to: &str) -> Option<String> {
    let seen = Arc::new(Seen::default());
    let port = provider(Close, 0, Arc::clone(&seen)).await;
    let world = World::new().await;
    let outbox = world.outbox(Arc::new(NoMail), Arc::new(gateway(port, false, true)));
    let answer = world.ask(Recipient::phone(to).unwrap()).await;
    assert_eq!(world.until_the_end(&outbox, &answer).await, (Sent, 1));
    seen.told().1
}
