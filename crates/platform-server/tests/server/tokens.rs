//! Tokens that other systems understand: given to two OpenID Connect clients that no one here wrote, and refused to who should not have
//! them.
use std::{path::Path, process::Command};

use data_encoding::BASE64URL_NOPAD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Server, checked, devices::signed_in, others::said};

/// Discovery, the device grant, id_token and access token by the published keys, two renewals, the first refresh token again, and
/// revocation: all of it by the client's own functions.
async fn whole_life(mut client: Command) {
    let server = Server::start().await;
    let told = json!({"url": server.url, "key": server.key, "person": "fam-0042"}).to_string();
    let answer = tokio::task::spawn_blocking(move || said(&mut client, told.as_bytes()));
    let answer: Value = serde_json::from_str(&answer.await.expect("it ran")).expect("JSON");
    assert_eq!(
        answer,
        json!({
            "identity": "fam-0042",
            "access": "fam-0042",
            "client": "example-tv-app",
            "renewed": "fam-0042",
            "reused": "invalid_grant",
            "afterwards": "invalid_grant",
            "revoked": "invalid_grant",
        })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openid_client_lives_with_our_tokens() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui"); // where its packages are
    let mut node = Command::new("node");
    node.current_dir(ui)
        .args(["--input-type=module", "--eval"])
        .arg(include_str!("../others/oidc.mjs"));
    whole_life(node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authlib_lives_with_our_tokens() {
    let python = std::env::var_os("COUCHKEY_PYTHON").unwrap_or_else(|| "python3".into());
    let mut python = Command::new(python);
    python.args(["-c", include_str!("../others/oidc.py")]);
    whole_life(python).await;
}

async fn get(server: &Server, path: &str) -> Value {
    let answer = server.client.get(format!("{}{path}", server.url)).send();
    let answer = answer.await.expect("an answer");
    let cached = answer.headers()["cache-control"].to_str().expect("text");
    assert_eq!(cached, "public, max-age=300");
    let (status, body) = checked(Method::GET, path, answer).await;
    assert_eq!(status, StatusCode::OK);
    body
}

async fn introspected(server: &Server, token: &str) -> Value {
    let request = server.request(Method::POST, "/v1/introspect");
    let answer = request.form(&[("token", token)]).send().await;
    let answer = answer.expect("an answer");
    checked(Method::POST, "/v1/introspect", answer).await.1
}

async fn renew(server: &Server, client: &str, token: &str, scope: &str) -> (StatusCode, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", client),
        ("refresh_token", token),
        ("scope", scope),
    ];
    let fields = if scope.is_empty() { 3 } else { 4 };
    server.form("/v1/token", &form[..fields]).await
}

#[tokio::test]
async fn what_is_published_is_enough_to_find_and_check_everything() {
    let server = Server::start().await;
    let metadata = get(&server, "/.well-known/openid-configuration").await;
    let other = get(&server, "/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata, other);
    assert_eq!(metadata["issuer"], server.url.as_str());
    let jwks = get(&server, "/.well-known/jwks.json").await;
    let keys = jwks["keys"].as_array().expect("keys");
    assert_eq!(keys.len(), 2, "this month's and the next one's");
    for key in keys {
        assert_eq!(
            [&key["kty"], &key["crv"], &key["alg"], &key["use"]],
            ["EC", "P-256", "ES256", "sig"]
        );
        assert!(key.get("d").is_none(), "the private part stays here");
        assert!(key["kid"].is_string());
    }
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
}

/// One that is whole but for one thing is none.
#[tokio::test]
async fn a_token_that_was_touched_or_ended_is_worth_nothing() {
    let server = Server::start().await;
    let token = signed_in(&server, "fam-0042").await;
    let access = token["access_token"].as_str().expect("a token");
    let answer = introspected(&server, access).await;
    assert_eq!(answer["active"], true);
    assert_eq!(answer["sub"], "fam-0042");
    assert_eq!(answer["client_id"], "example-tv-app");
    assert!(token.get("id_token").is_none(), "it was not asked for");

    let parts: Vec<&str> = access.split('.').collect();
    let [head, body, signature] = parts[..] else {
        panic!("a JWT has three parts");
    };
    let read = |part: &str| -> Value {
        let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let written = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let with = |part: &str, name: &str, value: Value| {
        let mut changed = read(part);
        changed[name] = value;
        written(&changed)
    };
    let nothing = json!({"active": false});
    for forged in [
        format!(
            "{head}.{}.{signature}",
            with(body, "sub", json!("fam-0043"))
        ),
        format!(
            "{head}.{}.{signature}",
            with(body, "exp", json!(9_999_999_999_u64))
        ),
        format!("{}.{body}.", with(head, "alg", json!("none"))),
        format!("{}.{body}.{signature}", with(head, "alg", json!("HS256"))),
        format!("{}.{body}.{signature}", with(head, "kid", json!("other"))),
        format!("{}.{body}.{signature}", with(head, "typ", json!("JWT"))),
        format!(
            "{head}.{body}.{}",
            signature.replace(['A', 'a', 'b', 'c'], "d")
        ),
        format!("{head}.{body}"),
        String::new(),
        "..".to_owned(),
    ] {
        assert_eq!(introspected(&server, &forged).await, nothing, "{forged}");
    }
    // An id_token opens nothing, although the same key has signed it: that is tried by its type above.
    let gone = server.request(Method::DELETE, "/v1/people/fam-0042/devices");
    assert_eq!(
        gone.send().await.expect("an answer").status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(introspected(&server, access).await, nothing, "signed out");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_for_its_app() {
    let clients =
        r#"[{id="example-tv-app", name="Example TV app"}, {id="other-tv-app", name="Other"}]"#;
    let server = Server::with(&[("CLIENTS", clients)]).await;
    let app = "example-tv-app";
    let refresh = |token: &Value| token["refresh_token"].as_str().expect("a token").to_owned();
    let first = refresh(&signed_in(&server, "fam-0042").await);
    for (client, token, error) in [
        ("other-tv-app", first.as_str(), "invalid_grant"),
        ("nobody", first.as_str(), "invalid_client"),
        (app, "", "invalid_grant"),
        (app, "x.y", "invalid_grant"),
        (app, &first[..75], "invalid_grant"),
    ] {
        let (status, answer) = renew(&server, client, token, "").await;
        assert_eq!(
            (status, &answer["error"]),
            (StatusCode::BAD_REQUEST, &json!(error))
        );
    }
    let (_, wider) = renew(&server, app, &first, "openid").await;
    assert_eq!(
        wider["error"], "invalid_scope",
        "it was not granted, and the token is not used up"
    );
    let missing = [("grant_type", "refresh_token"), ("client_id", app)];
    let (_, missing) = server.form("/v1/token", &missing).await;
    assert_eq!(missing["error"], "invalid_request");

    // An answer that was lost: the app comes with the same one again, and has nothing newer.
    let (_, lost) = renew(&server, app, &first, "").await;
    for more in ["openid", "admin"] {
        let (_, wider) = renew(&server, app, &first, more).await;
        assert_eq!(
            wider["error"], "invalid_scope",
            "{more}: nor for the second time"
        );
    }
    let (status, second) = renew(&server, app, &first, "").await;
    assert_eq!(status, StatusCode::OK, "{second}");
    let (status, third) = renew(&server, app, &refresh(&second), "").await;
    assert_eq!(status, StatusCode::OK);
    // Whoever comes with the lost one now was somebody else.
    let (_, reused) = renew(&server, app, &refresh(&lost), "").await;
    assert_eq!(reused["error"], "invalid_grant");
    let (_, ended) = renew(&server, app, &refresh(&third), "").await;
    assert_eq!(ended["error"], "invalid_grant");
    let list = server.request(Method::GET, "/v1/people/fam-0042/devices");
    let list: Value = list
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(list["devices"], json!([]), "both are signed out");
}

#[tokio::test]
async fn revoking_ends_all_of_a_sign_in_and_nothing_of_another() {
    let clients =
        r#"[{id="example-tv-app", name="Example TV app"}, {id="other-tv-app", name="Other"}]"#;
    let server = Server::with(&[("CLIENTS", clients)]).await;
    let (one, other) = (
        signed_in(&server, "fam-0042").await,
        signed_in(&server, "fam-0042").await,
    );
    let access = one["access_token"].as_str().expect("a token");
    let revoke = async |form: &[(&str, &str)]| server.form("/v1/revoke", form).await;
    let (status, answer) = revoke(&[("token", access), ("client_id", "other-tv-app")]).await;
    assert_eq!(
        (status, &answer["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_grant"))
    );
    let (_, answer) = revoke(&[("token", access), ("client_id", "nobody")]).await;
    assert_eq!(answer["error"], "invalid_client");
    let (_, answer) = revoke(&[("client_id", "example-tv-app")]).await;
    assert_eq!(answer["error"], "invalid_request");
    let (status, _) = revoke(&[("token", "something"), ("client_id", "example-tv-app")]).await;
    assert_eq!(status, StatusCode::OK, "RFC 7009, section 2.2");
    assert_eq!(
        introspected(&server, access).await["active"],
        true,
        "so far nothing was ended"
    );

    let (status, _) = revoke(&[("token", access), ("client_id", "example-tv-app")]).await;
    assert_eq!(status, StatusCode::OK);
    for token in ["access_token", "refresh_token"] {
        let ended = one[token].as_str().expect("a token");
        assert_eq!(
            introspected(&server, ended).await["active"],
            false,
            "{token}"
        );
        let there = other[token].as_str().expect("a token");
        assert_eq!(
            introspected(&server, there).await["active"],
            true,
            "{token}"
        );
    }
}

#[tokio::test]
async fn a_scope_that_is_not_known_is_refused() {
    let server = Server::start().await;
    let form = [("client_id", "example-tv-app"), ("scope", "openid admin")];
    let (status, answer) = server.form("/v1/device_authorization", &form).await;
    assert_eq!(
        (status, &answer["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_scope"))
    );
}

#[tokio::test]
async fn a_token_with_less_than_was_granted_says_so_to_whoever_looks_at_it() {
    let server = Server::start().await;
    let (app, all) = ("example-tv-app", "openid offline_access");
    let form = [
        ("client_id", app),
        ("scope", "openid openid offline_access"),
    ];
    let (_, codes) = server.form("/v1/device_authorization", &form).await;
    let decision = json!({
        "user_code": codes["user_code"],
        "approve": true,
        "person": "fam-0042",
        "from": "203.0.113.7",
    });
    server.post("/v1/devices/decide", decision).await;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        (
            "device_code",
            codes["device_code"].as_str().expect("a code"),
        ),
        ("client_id", app),
    ];
    let (_, first) = server.form("/v1/token", &form).await;
    assert_eq!(first["scope"], all, "each word once: {first}");
    let (_, less) = renew(
        &server,
        app,
        first["refresh_token"].as_str().expect("a token"),
        "openid",
    )
    .await;
    assert_eq!(less["scope"], "openid", "{less}");
    for (token, scope) in [("access_token", "openid"), ("refresh_token", all)] {
        let seen = introspected(&server, less[token].as_str().expect("a token")).await;
        assert_eq!(seen["scope"], scope, "{token}: {seen}");
    }
}
