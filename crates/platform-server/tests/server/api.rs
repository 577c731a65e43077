//! The API: every verdict, every refusal, each answer held against the OpenAPI document.
use couchkey_otp::{Algorithm, Digits, Period};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    App, DOCUMENT, Server, checked, now,
    others::{oathtool, readers},
};

#[tokio::test]
async fn a_code_is_accepted_exactly_once() {
    let server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    let verify = |code: String| {
        server.post(
            "/v1/verify",
            json!({"person": "fam-0042", "code": code, "from": "203.0.113.7"}),
        )
    };

    let (status, answer) = verify(app.code(0)).await;
    assert_eq!(
        (status, &answer["result"]),
        (StatusCode::OK, &json!("used")),
        "the confirmation used this step up"
    );
    let next = app.code(1);
    assert_eq!(
        verify(next.clone()).await.1["result"],
        "accepted",
        "one step ahead is inside the window"
    );
    assert_eq!(verify(next).await.1["result"], "used");
    assert_eq!(verify(app.code(500)).await.1["result"], "wrong");

    let nobody = json!({"person": "nobody", "code": app.code(500), "from": "203.0.113.9"});
    assert_eq!(
        server.post("/v1/verify", nobody).await.1,
        json!({"result": "wrong"}),
        "unknown people get the same bytes"
    );
}

#[tokio::test]
async fn after_five_failures_a_person_waits() {
    let server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    for _ in 0..5 {
        let (_, answer) = server
            .post(
                "/v1/verify",
                json!({"person": "fam-0042", "code": app.code(900), "from": "203.0.113.7"}),
            )
            .await;
        assert_eq!(answer["result"], "wrong");
    }
    let (_, answer) = server
        .post(
            "/v1/verify",
            json!({"person": "fam-0042", "code": app.code(1), "from": "203.0.113.7"}),
        )
        .await;
    assert_eq!(
        answer["result"], "throttled",
        "even the right code is not looked at"
    );
    assert!(
        answer["retry_after"]
            .as_u64()
            .is_some_and(|seconds| (1..=30).contains(&seconds))
    );
}

#[tokio::test]
async fn a_rotation_ends_the_old_app_when_the_new_one_is_confirmed() {
    let server = Server::start().await;
    let old = server.enrolled("fam-0042").await;
    let person = json!({"person": "fam-0042", "account": "ana@example.tv"});
    assert_eq!(
        server.post("/v1/enrolments", person.clone()).await.1["code"],
        "already_enrolled"
    );
    let (status, answer) = server.post("/v1/rotations", person).await;
    assert_eq!(status, StatusCode::CREATED);
    let new = App::of(&answer);
    let verify = |code: String| {
        server.post(
            "/v1/verify",
            json!({"person": "fam-0042", "code": code, "from": "203.0.113.7"}),
        )
    };
    assert_eq!(
        verify(old.code(1)).await.1["result"],
        "accepted",
        "the old one works until then"
    );
    let confirm = json!({"person": "fam-0042", "enrolment": answer["enrolment"], "code": new.code(0), "from": "203.0.113.7"});
    assert_eq!(
        server.post("/v1/rotations/confirm", confirm).await.1["result"],
        "accepted"
    );
    assert_eq!(verify(new.code(1)).await.1["result"], "accepted");
    assert_eq!(
        verify(old.code(0)).await.1["result"],
        "wrong",
        "and not a moment longer"
    );
    assert_eq!(
        server
            .post("/v1/rotations", json!({"person": "nobody", "account": "x"}))
            .await
            .1["code"],
        "not_enrolled"
    );
}

#[tokio::test]
async fn a_forgotten_person_is_unknown() {
    let server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    let person = "/v1/people/fam-0042";
    let ask = async || {
        checked(
            Method::GET,
            person,
            server
                .request(Method::GET, person)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    };
    assert_eq!(ask().await.1, json!({"enrolled": true}));
    for _ in 0..2 {
        let answer = server
            .request(Method::DELETE, person)
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            checked(Method::DELETE, person, answer).await.0,
            StatusCode::NO_CONTENT,
            "done is done, also the second time"
        );
    }
    assert_eq!(ask().await.1, json!({"enrolled": false}));
    let (_, answer) = server
        .post(
            "/v1/verify",
            json!({"person": "fam-0042", "code": app.code(1), "from": "203.0.113.7"}),
        )
        .await;
    assert_eq!(answer["result"], "wrong");
}

#[tokio::test]
async fn a_code_by_mail_makes_a_person_and_finds_them_again() {
    let server = Server::start().await;
    let ask = |purpose: &str| json!({"channel": "email", "to": "ana@example.tv", "purpose": purpose, "from": "203.0.113.7"});
    let (status, challenge) = server.post("/v1/challenges", ask("sign_up")).await;
    assert_eq!(status, StatusCode::CREATED);
    let code = server.code_for("ana@example.tv").await;
    let redeem = format!(
        "/v1/challenges/{}/redeem",
        challenge["challenge"].as_str().expect("an id")
    );
    let with = |code: &str, purpose: &str| json!({"purpose": purpose, "code": code, "from": "203.0.113.7"});

    let wrong = if code == "000000" { "000001" } else { "000000" };
    let (_, answer) = server.post(&redeem, with(wrong, "sign_up")).await;
    assert_eq!(
        (&answer["result"], &answer["tries_left"]),
        (&json!("wrong"), &json!(4))
    );
    let (_, answer) = server.post(&redeem, with(&code, "sign_up")).await;
    assert_eq!(
        (&answer["result"], &answer["created"], &answer["offer_app"]),
        (&json!("accepted"), &json!(true), &json!(true))
    );
    let person = answer["person"].clone();
    assert_eq!(
        server.post(&redeem, with(&code, "sign_up")).await.1["result"],
        "ended",
        "once"
    );

    let resend = format!(
        "/v1/challenges/{}/resend",
        challenge["challenge"].as_str().expect("an id")
    );
    let (status, _) = server.post(&resend, json!({"from": "203.0.113.7"})).await;
    assert!(
        status.is_client_error(),
        "nothing is sent for a code that was used"
    );

    let contact = json!({"person": "somebody-else", "channel": "email", "to": "ana@example.tv"});
    assert_eq!(
        server.post("/v1/contacts", contact).await.1["person"],
        person,
        "an address has one owner"
    );

    let known = json!({"person": "fam-0042", "channel": "email", "to": "bo@example.tv"});
    assert_eq!(
        server.post("/v1/contacts", known).await.1["person"],
        "fam-0042"
    );
    let ask = json!({"channel": "email", "to": "bo@example.tv", "purpose": "recovery", "from": "203.0.113.7"});
    let (_, challenge) = server.post("/v1/challenges", ask).await;
    let code = server.code_for("bo@example.tv").await;
    let redeem = format!(
        "/v1/challenges/{}/redeem",
        challenge["challenge"].as_str().expect("an id")
    );
    let sign_up = server.post(&redeem, with(&code, "sign_up")).await.1;
    assert_eq!(
        sign_up["result"], "wrong",
        "a code for one purpose is worth nothing for another"
    );
    let (_, answer) = server.post(&redeem, with(&code, "recovery")).await;
    assert_eq!(
        (&answer["person"], &answer["created"]),
        (&json!("fam-0042"), &json!(false))
    );
}

/// The whole of an answer, headers included, except for its date and the random number that the log knows it by.
async fn bytes(server: &Server, path: &str, body: &Value) -> String {
    let answer = server.request(Method::POST, path).json(body).send().await;
    let answer = answer.expect("an answer");
    let mut bytes = format!("{path} {:?} {}\n", answer.version(), answer.status());
    for (name, value) in answer.headers() {
        let value = value.to_str().expect("text");
        match name.as_str() {
            "date" => {}
            "x-request-id" => bytes += &format!("{name}: {} characters\n", value.len()),
            _ => bytes += &format!("{name}: {value}\n"),
        }
    }
    bytes + &answer.text().await.expect("a body") + "\n"
}

/// Everything that a service can be told about a code of this person's app, up to the delay and past it.
async fn codes_of_the_app(server: &Server, person: &str, from: &str) -> String {
    // Five digits: nobody's code.
    let code = json!({"person": person, "code": "12345", "from": from});
    let mut answers = String::new();
    for _ in 0..7 {
        answers += &bytes(server, "/v1/verify", &code).await;
    }
    // Nobody's enrolment either; one for each, for an enrolment is tried five times, whoever does it.
    let enrolment = format!("{:0>32}", from.replace('.', ""));
    let confirm = json!({"person": person, "enrolment": enrolment, "code": "12345", "from": from});
    for path in ["/v1/enrolments/confirm", "/v1/rotations/confirm"] {
        answers += &bytes(server, path, &confirm).await;
    }
    answers
}

/// Everything about a code that was asked for to this address, until it has no tries left.
async fn codes_by_mail(server: &Server, to: &str, from: &str) -> String {
    let ask = json!({"channel": "email", "to": to, "purpose": "recovery", "from": from});
    let mut answers = bytes(server, "/v1/challenges", &ask).await;
    let (_, id) = answers.split_once(r#""challenge":""#).expect("an id");
    let id = id[..32].to_owned();
    answers += &bytes(server, "/v1/challenges", &ask).await;
    let resend = format!("/v1/challenges/{id}/resend");
    answers += &bytes(server, &resend, &json!({"from": from})).await;
    let code = json!({"purpose": "recovery", "code": "12345", "from": from});
    for _ in 0..6 {
        answers += &bytes(server, &format!("/v1/challenges/{id}/redeem"), &code).await;
    }
    answers.replace(&id, "(its id)")
}

#[tokio::test]
async fn known_and_unknown_people_get_the_same_bytes() {
    let server = Server::start().await;
    let (mut app, mut mail) = (false, false);
    // Answers say in how many seconds, or when: both have to be of the same second.
    for round in 10..40 {
        let known = format!("fam-00{round}");
        server.enrolled(&known).await;
        let address = format!("ana{round}@example.tv");
        let contact = json!({"person": known, "channel": "email", "to": address});
        assert_eq!(server.post("/v1/contacts", contact).await.0, StatusCode::OK);
        let from = |house: u8| format!("198.51.{round}.{house}");

        let second = now();
        let here = codes_of_the_app(&server, &known, &from(1)).await;
        let nobody = codes_of_the_app(&server, &format!("nobody{round}"), &from(2)).await;
        if !app && now() == second {
            assert!(here.contains(r#""result":"wrong""#) && here.contains("throttled"));
            assert_eq!(here, nobody);
            app = true;
        }
        let second = now();
        let here = codes_by_mail(&server, &address, &from(3)).await;
        let nobody = codes_by_mail(&server, &format!("bob{round}@example.tv"), &from(4)).await;
        if !mail && now() == second {
            assert!(here.contains(r#""tries_left":0"#) && here.contains("ended"));
            assert_eq!(here, nobody);
            mail = true;
        }
        if app && mail {
            return;
        }
    }
    panic!("no second was long enough");
}

#[tokio::test]
async fn a_television_is_signed_in_by_a_phone() {
    let clients =
        r#"[{id="example-tv-app", name="Example TV app"}, {id="other-tv-app", name="Other"}]"#;
    let server = Server::with(&[("CLIENTS", clients)]).await;
    let (status, codes) = server
        .form(
            "/v1/device_authorization",
            &[
                ("client_id", "example-tv-app"),
                ("device_name", "Living room"),
            ],
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(codes["verification_uri"], format!("{}/link", server.url));
    let device_code = codes["device_code"].as_str().expect("a code").to_owned();
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = || async {
        server
            .form(
                "/v1/token",
                &[
                    ("grant_type", grant),
                    ("device_code", &device_code),
                    ("client_id", "example-tv-app"),
                ],
            )
            .await
    };
    assert_eq!(poll().await.1["error"], "authorization_pending");
    let (status, answer) = poll().await;
    assert_eq!(
        (status, &answer["error"]),
        (StatusCode::BAD_REQUEST, &json!("slow_down"))
    );
    assert!(answer["interval"].as_u64() > codes["interval"].as_u64());

    let shown = json!({"user_code": codes["user_code"], "from": "203.0.113.7"});
    let (_, device) = server.post("/v1/devices/lookup", shown.clone()).await;
    assert_eq!(
        (&device["client_id"], &device["device"]),
        (&json!("example-tv-app"), &json!("Living room"))
    );
    let answer = server
        .request(Method::POST, "/v1/devices/decide")
        .json(&json!({"user_code": codes["user_code"], "approve": true, "person": "fam-0042", "from": "203.0.113.7"}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        checked(Method::POST, "/v1/devices/decide", answer).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        server.post("/v1/devices/lookup", shown).await.1["code"],
        "nothing_to_confirm",
        "decided once"
    );

    let other = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code.as_str()),
        ("client_id", "other-tv-app"),
    ];
    let (status, refused) = server.form("/v1/token", &other).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused["error"], "invalid_grant",
        "row 17: it is the other app's"
    );

    let (status, token) = poll().await;
    assert_eq!(
        (status, &token["token_type"]),
        (StatusCode::OK, &json!("Bearer"))
    );
    assert_eq!(
        poll().await.1["error"],
        "expired_token",
        "the token comes out once"
    );

    let introspect = async |token: &str| {
        let answer = server
            .request(Method::POST, "/v1/introspect")
            .form(&[("token", token)])
            .send()
            .await;
        checked(Method::POST, "/v1/introspect", answer.expect("an answer"))
            .await
            .1
    };
    let token = token["access_token"].as_str().expect("a token");
    assert_eq!(introspect(token).await["sub"], "fam-0042");
    assert_eq!(introspect("something").await, json!({"active": false}));
    let answer = server
        .request(Method::DELETE, "/v1/people/fam-0042")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        introspect(token).await,
        json!({"active": false}),
        "a forgotten person's tokens end"
    );

    assert_eq!(
        server
            .form(
                "/v1/token",
                &[("grant_type", "password"), ("client_id", "example-tv-app")]
            )
            .await
            .1["error"],
        "unsupported_grant_type"
    );
    assert_eq!(
        server
            .form("/v1/token", &[("client_id", "example-tv-app")])
            .await
            .1["error"],
        "invalid_request"
    );
    assert_eq!(
        server
            .form(
                "/v1/device_authorization",
                &[
                    ("client_id", "example-tv-app"),
                    ("device_name", "\u{202e}moor gniviL")
                ]
            )
            .await
            .1["error"],
        "invalid_request"
    );
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    let body = json!({"person": "fam-0042", "code": app.code(1), "from": "203.0.113.7"});
    let send = async |key: &str, body: &Value| {
        let request = server
            .request(Method::POST, "/v1/verify")
            .header("Idempotency-Key", key)
            .json(body);
        let answer = request.send().await.expect("an answer");
        let repeated = answer.headers().contains_key("idempotency-replayed");
        let (status, body) = checked(Method::POST, "/v1/verify", answer).await;
        (status, body, repeated)
    };
    assert_eq!(
        send("first", &body).await,
        (StatusCode::OK, json!({"result": "accepted"}), false)
    );
    assert_eq!(
        send("first", &body).await,
        (StatusCode::OK, json!({"result": "accepted"}), true),
        "the answer that was lost on the way"
    );
    assert_eq!(
        send("second", &body).await.1["result"],
        "used",
        "another request is another request"
    );
    let other = json!({"person": "fam-0042", "code": "000000", "from": "203.0.113.7"});
    let (status, answer, _) = send("first", &other).await;
    assert_eq!(
        (status, &answer["code"]),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!("idempotency_mismatch")
        )
    );
    assert_eq!(send(&"x".repeat(300), &body).await.1["code"], "bad_request");

    // An enrolment's secret is in its answer: the same secret comes again, and the database does not hold it in clear.
    let enrol = json!({"person": "fam-0043", "account": "bo@example.tv"});
    let twice = async || {
        let request = server
            .request(Method::POST, "/v1/enrolments")
            .header("Idempotency-Key", "third")
            .json(&enrol);
        checked(
            Method::POST,
            "/v1/enrolments",
            request.send().await.expect("an answer"),
        )
        .await
        .1
    };
    let (first, second) = (twice().await, twice().await);
    assert!(first == second, "the same enrolment");
    let secret = first["secret"].as_str().expect("a secret").as_bytes();
    for file in std::fs::read_dir(server.dir.path()).expect("the data folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("it can be read");
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret),
            "sealed at rest"
        );
    }
}

#[tokio::test]
async fn whoever_has_no_key_gets_nothing() {
    let server = Server::start().await;
    let body = json!({"person": "fam-0042", "code": "000000", "from": "203.0.113.7"});
    let url = format!("{}/v1/verify", server.url);
    let send = async |request: reqwest::RequestBuilder| {
        let answer = request.json(&body).send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers().contains_key("www-authenticate"));
        checked(Method::POST, "/v1/verify", answer).await
    };
    let (status, answer) = send(server.client.post(&url)).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::UNAUTHORIZED, &json!("api_key_missing"))
    );
    for wrong in [
        "ckp_",
        "ckp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &server.key[..20],
    ] {
        assert_eq!(
            send(server.client.post(&url).bearer_auth(wrong)).await.1["code"],
            "api_key_refused"
        );
    }
    assert_eq!(
        send(
            server
                .client
                .post(&url)
                .basic_auth("tests", Some(&server.key))
        )
        .await
        .1["code"],
        "api_key_refused"
    );
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_code() {
    let server = Server::start().await;
    let post = |path: &str| server.request(Method::POST, path);
    let json = "application/json";
    for (name, path, request, status, code) in [
        ("not JSON", "/v1/verify", post("/v1/verify").header("content-type", json).body("{"), 400, "bad_request"),
        ("no type", "/v1/verify", post("/v1/verify").body("{}"), 415, "unsupported_media_type"),
        ("nothing in it", "/v1/verify", post("/v1/verify").json(&json!({})), 422, "invalid_field"),
        ("a field too many", "/v1/verify", post("/v1/verify").json(&json!({"person": "a", "code": "1", "from": "203.0.113.7", "x": 1})), 422, "invalid_field"),
        ("no address", "/v1/verify", post("/v1/verify").json(&json!({"person": "a", "code": "1", "from": "here"})), 422, "invalid_field"),
        ("no person", "/v1/verify", post("/v1/verify").json(&json!({"person": "", "code": "1", "from": "203.0.113.7"})), 422, "invalid_field"),
        ("a blank in the person", "/v1/verify", post("/v1/verify").json(&json!({"person": "a b", "code": "1", "from": "::1"})), 422, "invalid_field"),
        ("too long", "/v1/verify", post("/v1/verify").header("content-type", json).body("x".repeat(100_000)), 413, "body_too_large"),
        ("no mail address", "/v1/challenges", post("/v1/challenges").json(&json!({"channel": "email", "to": "x", "purpose": "sign_up", "from": "::1"})), 422, "undeliverable_address"),
        ("no number", "/v1/challenges", post("/v1/challenges").json(&json!({"channel": "sms", "to": "0170", "purpose": "sign_up", "from": "::1"})), 422, "undeliverable_address"),
        ("a country that is not served", "/v1/challenges", post("/v1/challenges").json(&json!({"channel": "sms", "to": "+77011234567", "purpose": "sign_up", "from": "::1"})), 422, "undeliverable_address"),
        ("no account", "/v1/enrolments", post("/v1/enrolments").json(&json!({"person": "a", "account": ""})), 422, "invalid_field"),
        ("not a television", "/v1/devices/lookup", post("/v1/devices/lookup").json(&json!({"user_code": "WDJBMJHT", "from": "::1"})), 409, "nothing_to_confirm"),
        ("nowhere", "/v1/nowhere", post("/v1/nowhere"), 404, "not_found"),
        ("not with GET", "/v1/verify", server.request(Method::GET, "/v1/verify"), 405, "method_not_allowed"),
    ] {
        let method = if name == "not with GET" { Method::GET } else { Method::POST };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{name}");
        let (got, body) = checked(method, path, answer).await;
        assert_eq!((got.as_u16(), &body["code"]), (status, &json!(code)), "{name}");
        assert_eq!(body["status"], status, "{name}");
        assert_eq!(body["type"], format!("/problems#{code}"), "{name}");
        assert!(body["detail"].as_str().is_some_and(|cure| cure.ends_with(['.', 'W']) || cure.contains('/')), "{name}: a cure");
    }
}

#[tokio::test]
async fn the_document_is_the_one_in_the_repository() {
    let server = Server::start().await;
    let served: Value = server
        .client
        .get(format!("{}/openapi.json", server.url))
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert!(
        served == *DOCUMENT,
        "write it anew: cargo run -p couchkey-platform-server -- openapi > crates/platform-server/openapi.json"
    );
    let problems = server
        .client
        .get(format!("{}/problems", server.url))
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    for code in served["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .expect("codes")
    {
        let id = format!("id=\"{}\"", code.as_str().expect("a word"));
        assert!(problems.contains(&id), "every code is described: {id}");
    }
}

#[tokio::test]
async fn codes_that_others_make_are_accepted_once() {
    let server = Server::start().await;
    // Three steps are inside the window, so that nobody has to wait for any of them.
    for (person, confirms, others) in [
        ("fam-0042", "passlib", ["oathtool", "pyotp"]),
        ("fam-0043", "otpauth", ["oathtool", "passlib"]),
    ] {
        let account = json!({"person": person, "account": "ana@example.tv"});
        let (enrolment, mut at) = loop {
            let (_, enrolment) = server.post("/v1/enrolments", account.clone()).await;
            let link = enrolment["otpauth_uri"].as_str().expect("a link");
            let at = now() - 30;
            let confirm = json!({
                "person": person,
                "enrolment": enrolment["enrolment"],
                "code": readers(link, at)[confirms]["code"],
                "from": "203.0.113.7",
            });
            let (_, answer) = server.post("/v1/enrolments/confirm", confirm).await;
            if answer["result"] == "accepted" {
                break (enrolment, at);
            }
            // Where this step ended meanwhile, the code was of two steps ago.
            assert!(now() / 30 > at / 30 + 1, "{confirms}: {answer}");
        };
        let link = enrolment["otpauth_uri"].as_str().expect("a link");
        let secret = enrolment["secret"].as_str().expect("a secret");
        for name in others {
            // Never one that a busy machine has let pass.
            at = (at + 30).max(now() - 30);
            let (algorithm, digits) = (Algorithm::Sha1, Digits::SIX);
            let code = match name {
                "oathtool" => json!(oathtool(secret, algorithm, digits, Period::THIRTY, at)),
                other => readers(link, at)[other]["code"].clone(),
            };
            for result in ["accepted", "used"] {
                let body = json!({"person": person, "code": code, "from": "203.0.113.7"});
                let (_, answer) = server.post("/v1/verify", body).await;
                assert_eq!(answer["result"], result, "{name}");
            }
        }
    }
}

/// Row 17 of issue 17: any `client_id` would do, and the asker chose all that the confirm screen said.
#[tokio::test]
async fn row_17_only_named_clients_ask_and_the_screen_says_who_they_are() {
    let server = Server::with(&[
        (
            "CLIENTS",
            "[{id=\"webos-4\", name=\"Example TV for webOS\"}]",
        ),
        ("SERVER__TRUSTED_PROXIES", "[\"127.0.0.1\"]"),
        ("SERVER__PLACE_HEADER", "X-Client-Place"),
    ])
    .await;
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    for client in ["", "example-tv-app", "Your bank", "television page"] {
        let asked = [("client_id", client), ("device_name", "Living room")];
        let (status, answer) = server.form("/v1/device_authorization", &asked).await;
        assert_eq!(
            (status, &answer["error"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_client")),
            "{client}"
        );
        let polled = [
            ("grant_type", grant),
            ("device_code", "0"),
            ("client_id", client),
        ];
        let (_, answer) = server.form("/v1/token", &polled).await;
        assert_eq!(answer["error"], "invalid_client", "{client}");
    }
    let url = format!("{}/v1/device_authorization", server.url);
    let asked = server
        .client
        .post(url)
        .form(&[("client_id", "webos-4"), ("device_name", "Your bank")]);
    let asked = asked
        .header("x-forwarded-for", "203.0.113.7")
        .header("x-client-place", "Lisbon, Portugal");
    let codes: Value = asked
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    for (from, same) in [("203.0.113.7", true), ("198.51.100.1", false)] {
        let shown = json!({"user_code": codes["user_code"], "from": from});
        let (_, device) = server.post("/v1/devices/lookup", shown).await;
        assert_eq!(device["client_name"], "Example TV for webOS");
        assert_eq!(device["device"], "Your bank", "as its own words");
        assert_eq!(device["place"], "Lisbon, Portugal");
        assert_eq!(device["same_line"], same, "{from}");
    }
}

/// Row 21 of issue 17: which field it was, nobody was told.
#[tokio::test]
async fn row_21_invalid_field_names_the_field_and_never_its_value() {
    let server = Server::start().await;
    for (path, body, named) in [
        (
            "/v1/verify",
            json!({"person": "a", "from": "::1"}),
            "code: ",
        ),
        (
            "/v1/verify",
            json!({"code": "1", "from": "::1"}),
            "person: ",
        ),
        (
            "/v1/verify",
            json!({"person": "a", "code": "1", "from": "hunter2"}),
            "from: ",
        ),
        (
            "/v1/verify",
            json!({"person": ["hunter2"], "code": "1", "from": "::1"}),
            "person: ",
        ),
        (
            "/v1/verify",
            json!({"person": "hunter2 ", "code": "1", "from": "::1"}),
            "person: ",
        ),
        (
            "/v1/verify",
            json!({"person": "a", "code": "1", "from": "::1", "hunter2": 1}),
            "There is a field",
        ),
        (
            "/v1/challenges",
            json!({"channel": "hunter2", "to": "x", "purpose": "sign_up", "from": "::1"}),
            "channel: ",
        ),
        (
            "/v1/enrolments",
            json!({"person": "a", "account": ""}),
            "account: ",
        ),
    ] {
        let (status, answer) = server.post(path, body.clone()).await;
        let detail = answer["detail"].as_str().expect("words");
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (422, &json!("invalid_field")),
            "{body}"
        );
        assert!(detail.starts_with(named), "{body}: {detail}");
        assert!(!answer.to_string().contains("hunter2"), "{answer}");
    }
    let (_, answer) = server
        .form("/v1/device_authorization", &[("device_name", "TV")])
        .await;
    assert_eq!(answer["detail"], "client_id: this field is missing.");
}
