//! Where a person is signed in: seen, named and ended by the service that knows them.
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Server, checked};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A television that asks for this person: the code that it polls with, and what the service's decision was.
async fn decided(server: &Server, person: &str) -> (String, StatusCode, Value) {
    let (_, codes) = server
        .form(
            "/v1/device_authorization",
            &[("client_id", "example-tv-app")],
        )
        .await;
    let decision = json!({
        "user_code": codes["user_code"],
        "approve": true,
        "person": person,
        "from": "203.0.113.7",
    });
    let (status, answer) = server.post("/v1/devices/decide", decision).await;
    let device_code = codes["device_code"].as_str().expect("a code");
    (device_code.to_owned(), status, answer)
}

/// Its token, once the service has approved.
pub async fn signed_in(server: &Server, person: &str) -> Value {
    let (device_code, status, answer) = decided(server, person).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    let form = [
        ("grant_type", DEVICE_CODE),
        ("device_code", &device_code),
        ("client_id", "example-tv-app"),
    ];
    let (status, token) = server.form("/v1/token", &form).await;
    assert_eq!(status, StatusCode::OK);
    token
}

async fn ask(server: &Server, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = server.request(method.clone(), path);
    let request = match body.is_null() {
        true => request,
        false => request.json(&body),
    };
    checked(method, path, request.send().await.expect("an answer")).await
}

async fn is_active(server: &Server, token: &Value) -> bool {
    let form = [("token", token["access_token"].as_str().expect("a token"))];
    let request = server.request(Method::POST, "/v1/introspect").form(&form);
    let answer = request.send().await.expect("an answer");
    checked(Method::POST, "/v1/introspect", answer).await.1["active"] == true
}

#[tokio::test]
async fn a_persons_devices_are_listed_named_and_signed_out_by_their_service() {
    let server = Server::start().await;
    let (kitchen, bedroom) = (
        signed_in(&server, "fam-0042").await,
        signed_in(&server, "fam-0042").await,
    );
    let others = signed_in(&server, "fam-0043").await;
    let path = "/v1/people/fam-0042/devices";
    let (status, list) = ask(&server, Method::GET, path, Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(list["most"], 20);
    let devices = list["devices"].as_array().expect("a list");
    assert_eq!(devices.len(), 2, "{list}");
    for device in devices {
        assert_eq!(device["kind"], "app");
        assert_eq!(device["name"], "Television, Example TV app");
        assert_eq!(device["last_used_at"], device["created_at"]);
        assert!(device["expires_at"].as_u64() > device["created_at"].as_u64());
        for secret in [&kitchen, &bedroom] {
            let secret = secret["access_token"].as_str().expect("a token");
            assert!(!secret.contains(device["device"].as_str().expect("an id")));
        }
    }

    // Which of the two the first one is, is seen by what ends with it.
    let first = format!("{path}/{}", devices[0]["device"].as_str().expect("an id"));
    let named = ask(&server, Method::PUT, &first, json!({"name": " Kitchen "})).await;
    assert_eq!(named.0, StatusCode::NO_CONTENT);
    let (_, list) = ask(&server, Method::GET, path, Value::Null).await;
    assert_eq!(list["devices"][0]["name"], "Kitchen");
    for wrong in ["", "  ", "\u{202e}nehctiK", &"k".repeat(65)] {
        let (status, answer) = ask(&server, Method::PUT, &first, json!({"name": wrong})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer["code"], "invalid_field");
        assert!(
            answer["detail"]
                .as_str()
                .is_some_and(|said| said.starts_with("name: "))
        );
    }
    let elsewhere = first.replace("fam-0042", "fam-0043");
    for (method, body) in [
        (Method::PUT, json!({"name": "Mine"})),
        (Method::DELETE, Value::Null),
    ] {
        let (status, answer) = ask(&server, method, &elsewhere, body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "it is somebody else's");
        assert_eq!(answer["code"], "not_found");
    }

    let gone = ask(&server, Method::DELETE, &first, Value::Null).await;
    assert_eq!(gone.0, StatusCode::NO_CONTENT);
    let again = ask(&server, Method::DELETE, &first, Value::Null).await;
    assert_eq!(again.0, StatusCode::NOT_FOUND);
    let active = [
        is_active(&server, &kitchen).await,
        is_active(&server, &bedroom).await,
    ];
    assert!(
        active[0] != active[1],
        "one of the two is signed out: {active:?}"
    );
    let all = ask(&server, Method::DELETE, path, Value::Null).await;
    assert_eq!(all.0, StatusCode::NO_CONTENT);
    assert!(!is_active(&server, &kitchen).await && !is_active(&server, &bedroom).await);
    assert!(is_active(&server, &others).await, "nobody else's");

    let signin = server.key_that_may("signin");
    let request = server.client.delete(format!("{}{path}", server.url));
    let answer = request.bearer_auth(signin).send().await.expect("an answer");
    let (status, answer) = checked(Method::DELETE, path, answer).await;
    assert_eq!(
        status,
        StatusCode::FORBIDDEN,
        "it takes the right to manage"
    );
    assert_eq!(answer["code"], "insufficient_right");
}

#[tokio::test]
async fn who_signs_out_everywhere_ends_what_was_approved_and_did_not_come_in_yet() {
    let server = Server::start().await;
    let mut waiting = Vec::new();
    for person in ["fam-0042", "fam-0043"] {
        let (device_code, status, _) = decided(&server, person).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        waiting.push(device_code);
    }
    let path = "/v1/people/fam-0042/devices";
    let all = ask(&server, Method::DELETE, path, Value::Null).await;
    assert_eq!(all.0, StatusCode::NO_CONTENT);
    let mut answers = Vec::new();
    for device_code in &waiting {
        let form = [
            ("grant_type", DEVICE_CODE),
            ("device_code", device_code.as_str()),
            ("client_id", "example-tv-app"),
        ];
        answers.push(server.form("/v1/token", &form).await);
    }
    assert_eq!(answers[0].1["error"], "expired_token", "{answers:?}");
    assert_eq!(answers[1].0, StatusCode::OK, "nobody else's: {answers:?}");
}

#[tokio::test]
async fn nobody_has_more_devices_than_the_service_allows() {
    let server = Server::with(&[("SERVICE__DEVICES_PER_PERSON", "2")]).await;
    for _ in 0..2 {
        signed_in(&server, "fam-0042").await;
    }
    let (_, status, refused) = decided(&server, "fam-0042").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(refused["code"], "too_many_devices");
    let path = "/v1/people/fam-0042/devices";
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|cure| cure.contains("DELETE"))
    );
    signed_in(&server, "fam-0043").await;

    let (_, list) = ask(&server, Method::GET, path, Value::Null).await;
    let oldest = list["devices"][1]["device"].as_str().expect("an id");
    ask(
        &server,
        Method::DELETE,
        &format!("{path}/{oldest}"),
        Value::Null,
    )
    .await;
    signed_in(&server, "fam-0042").await;
}
