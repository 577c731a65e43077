//! The audit log: who did what to whom, and nothing that opens anything.
use std::{io::Write, net::TcpStream, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Server, devices::signed_in};

#[tokio::test]
async fn the_audit_log_says_who_did_what_to_whom_and_no_secret() {
    let server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    let token = signed_in(&server, "fam-0042").await;
    let mine = json!({"person": "fam-0042", "channel": "email", "to": "ana-audit@example.tv"});
    server.post("/v1/contacts", mine).await;
    let path = "/v1/people/fam-0042/devices";
    let list = server
        .request(Method::GET, path)
        .send()
        .await
        .expect("an answer");
    let list: Value = list.json().await.expect("JSON");
    let device = list["devices"][0]["device"]
        .as_str()
        .expect("an id")
        .to_owned();
    let one = format!("{path}/{device}");
    let name = json!({"name": "Kitchen"});
    let named = server.request(Method::PUT, &one).json(&name).send().await;
    assert_eq!(named.expect("an answer").status(), 204);
    for _ in 0..2 {
        // The second time there is nothing any more, and nothing is written down.
        server
            .request(Method::DELETE, &one)
            .send()
            .await
            .expect("an answer");
    }
    server
        .request(Method::DELETE, path)
        .send()
        .await
        .expect("an answer");
    // What is refused is not written down either.
    let wrong = json!({"person": "fam-0042", "code": "000000", "from": "203.0.113.7"});
    server.post("/v1/verify", wrong).await;
    let forget = server.request(Method::DELETE, "/v1/people/fam-0042");
    forget.send().await.expect("an answer");

    let log = server.said(&["audit", "--days", "2"]);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let acts: Vec<String> = lines
        .iter()
        .map(|line| {
            let word = |name: &str| line[name].as_str().expect("text").to_owned();
            format!("{} {} {}", word("who"), word("what"), word("whom"))
        })
        .collect();
    let mut expected = [
        "command_line api_key_made tests",
        "key:tests app_set_up fam-0042",
        "key:tests device_approved fam-0042",
        "key:tests address_added fam-0042",
        "key:tests device_named fam-0042",
        "key:tests device_signed_out fam-0042",
        "key:tests signed_out_everywhere fam-0042",
        "key:tests person_forgotten fam-0042",
    ];
    // Those of one second are in no order.
    let mut acts: Vec<&str> = acts.iter().map(String::as_str).collect();
    acts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(acts, expected);
    let times: Vec<u64> = lines
        .iter()
        .filter_map(|line| line["at"].as_u64())
        .collect();
    assert!(times.is_sorted() && times.len() == lines.len(), "{log}");
    let access = token["access_token"].as_str().expect("a token");
    for secret in [
        server.key.as_str(),
        &app.secret(),
        &app.code(0),
        access,
        "ana-audit",
        "203.0.113.7",
        &device,
    ] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// Whoever closes the connection in time has done it without a line otherwise.
#[tokio::test]
async fn what_is_done_for_a_caller_that_hangs_up_has_its_line_too() {
    let server = Server::start().await;
    for one in 0..10 {
        let person = format!("fam-{one:04}");
        signed_in(&server, &person).await;
    }
    for one in 0..9 {
        let key = &server.key;
        let mut caller = TcpStream::connect(server.address()).expect("connected");
        write!(
            caller,
            "DELETE /v1/people/fam-{one:04}/devices HTTP/1.1\r\nHost: example.tv\r\nAuthorization: Bearer {key}\r\n\r\n"
        )
        .expect("sent");
        // Some hang up before it is begun, some over it, some after it.
        tokio::time::sleep(Duration::from_millis(one)).await;
    }
    let waits = server.request(Method::DELETE, "/v1/people/fam-0009/devices");
    waits.send().await.expect("an answer");
    let mut seen = Vec::new();
    for _ in 0..600 {
        let mut done = 0;
        for one in 0..10 {
            let path = format!("/v1/people/fam-{one:04}/devices");
            let list = server.request(Method::GET, &path).send().await;
            let list: Value = list.expect("an answer").json().await.expect("JSON");
            done += usize::from(list["devices"] == json!([]));
        }
        let log = server.said(&["audit", "--days", "2"]);
        let said = log.matches("signed_out_everywhere").count();
        if done == said && seen.last() == Some(&(done, said)) {
            assert!(done > 0, "the last one was waited for");
            return;
        }
        seen.push((done, said));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("done and not written down: {:?}", seen.last());
}
