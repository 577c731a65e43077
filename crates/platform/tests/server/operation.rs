//! For those who run it: start, stop, settings, limits, figures, and a log that tells nothing about anybody.
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{App, Server};

/// Not a demo: mail goes to a port where nobody listens.
const REAL: [(&str, &str); 5] = [
    ("MAIL__SMTP__HOST", "127.0.0.1"),
    ("MAIL__SMTP__PORT", "1"),
    ("MAIL__SMTP__SECURITY", "none"),
    ("MAIL__SMTP__FROM", "codes@example.tv"),
    ("SERVER__PUBLIC_URL", "https://tv.example"),
];

#[tokio::test]
async fn told_to_stop_it_answers_what_is_under_way_and_ends_well() {
    let mut server = Server::start().await;
    server.enrolled("fam-0042").await;
    assert!(server.stop().success());
    let log = server.log();
    assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
}

#[tokio::test]
async fn alive_ready_and_counted() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = server
            .client
            .get(format!("{}{path}", server.url))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let app = server.enrolled("fam-0042").await;
    for code in [app.code(1), app.code(1), app.code(900)] {
        server
            .post(
                "/v1/verify",
                json!({"person": "fam-0042", "code": code, "from": "203.0.113.7"}),
            )
            .await;
    }
    let figures = server
        .client
        .get(format!("{}/metrics", server.url))
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    for name in [
        "otp_verify_total",
        "otp_replay_total",
        "otp_verify_seconds",
        "http_requests_total",
        "http_request_seconds",
    ] {
        assert!(figures.contains(name), "{name} is counted:\n{figures}");
    }
    for secret in ["fam-0042", "203.0.113.7", "ana@example.tv"] {
        assert!(!figures.contains(secret), "no label carries a person");
    }
}

#[tokio::test]
async fn figures_and_the_operators_page_need_a_key_outside_the_demo() {
    let server = Server::with(&REAL).await;
    for path in ["/metrics", "/operator"] {
        let url = format!("{}{path}", server.url);
        assert_eq!(
            server
                .client
                .get(&url)
                .send()
                .await
                .expect("an answer")
                .status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    assert_eq!(
        server
            .request(Method::GET, "/metrics")
            .send()
            .await
            .expect("an answer")
            .status(),
        StatusCode::OK
    );
    let operator = server
        .client
        .get(format!("{}/operator", server.url))
        .basic_auth("operator", Some(&server.key));
    assert_eq!(
        operator.send().await.expect("an answer").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn one_address_cannot_keep_the_server_busy() {
    let server = Server::with(&[("SERVER__REQUESTS_PER_MINUTE", "5")]).await;
    let get = async || {
        server
            .client
            .get(format!("{}/signup", server.url))
            .send()
            .await
            .expect("an answer")
    };
    for _ in 0..5 {
        assert_eq!(get().await.status(), StatusCode::OK);
    }
    let answer = get().await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().contains_key("retry-after"));
    let body = json!({"person": "fam-0042", "code": "000000", "from": "203.0.113.7"});
    let guess = server
        .client
        .post(format!("{}/v1/verify", server.url))
        .bearer_auth("ckp_guess")
        .json(&body);
    assert_eq!(
        guess.send().await.expect("an answer").status(),
        StatusCode::TOO_MANY_REQUESTS,
        "guessed keys count too"
    );
    assert_eq!(
        server.post("/v1/verify", body).await.0,
        StatusCode::OK,
        "a service with its key is not held up"
    );
}

#[tokio::test]
async fn the_log_tells_nothing_about_anybody() {
    let mut settings = REAL.to_vec();
    settings.extend([
        ("LOG__FORMAT", "json"),
        (
            "LOG__LEVEL",
            "trace,hyper=info,h2=info,mio=info,hyper_util=info",
        ),
    ]);
    let server = Server::with(&settings).await;
    let app = server.enrolled("fam-0042-log").await;
    let code = app.code(1);
    server
        .post(
            "/v1/verify",
            json!({"person": "fam-0042-log", "code": code, "from": "203.0.113.77"}),
        )
        .await;
    server
        .request(Method::GET, "/v1/people/fam-0042-log")
        .send()
        .await
        .expect("an answer");
    let challenge = json!({"channel": "email", "to": "ana-log@example.tv", "purpose": "sign_up", "from": "203.0.113.77"});
    let (_, challenge) = server.post("/v1/challenges", challenge).await;
    let id = challenge["challenge"].as_str().expect("an id");
    let redeem = json!({"purpose": "sign_up", "code": "918273", "from": "203.0.113.77"});
    server
        .post(&format!("/v1/challenges/{id}/redeem"), redeem)
        .await;
    let (_, device) = server
        .form("/v1/device_authorization", &[("client_id", "example-tv")])
        .await;
    let device_code = device["device_code"].as_str().expect("a code");
    server
        .form(
            "/v1/token",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", device_code),
                ("client_id", "x"),
            ],
        )
        .await;
    let (_, other) = server
        .post(
            "/v1/enrolments",
            json!({"person": "fam-0043-log", "account": "bo-log@example.tv"}),
        )
        .await;

    let log = server.log();
    assert!(
        log.lines().any(|line| line.contains("/v1/people/{person}")),
        "the log has routes:\n{log}"
    );
    for line in log.lines() {
        assert!(
            line.starts_with('{') && line.ends_with('}'),
            "one JSON object a line: {line}"
        );
    }
    for (what, text) in [
        ("a code", code.as_str()),
        ("a typed code", "918273"),
        ("a secret", &app.secret()),
        ("another secret", &App::of(&other).secret()),
        ("a person", "fam-0042-log"),
        ("an address", "ana-log"),
        ("an account name", "bo-log"),
        ("a network address", "203.0.113.77"),
        ("an API key", &server.key),
        ("a device code", device_code),
        ("a user code", device["user_code"].as_str().expect("a code")),
        ("a challenge", id),
    ] {
        assert!(!log.contains(text), "{what} is in the log");
    }
}

#[test]
fn a_wrong_setting_is_named_with_a_cure_and_never_shown() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let config = dir.path().join("platform.toml");
    let run = |text: &str| {
        std::fs::write(&config, text).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_couchkey-platform"))
            .env_clear()
            .args(["--config".as_ref(), config.as_os_str()])
            .args(["--data-dir".as_ref(), dir.path().as_os_str()])
            .arg("check")
            .output()
            .expect("the program was built");
        (
            output.status.code(),
            String::from_utf8(output.stderr).expect("UTF-8"),
        )
    };
    let smtp =
        "[mail.smtp]\nhost = \"mail.example\"\nuser = \"codes\"\npassword = \"hunter2hunter2\"\n";
    for (text, named) in [
        (format!("{smtp}from = \"nobody\"\n"), "mail.smtp"),
        (format!("{smtp}from = \"codes@example.tv\"\nca_file = \"/nowhere.pem\"\n"), "mail.smtp.ca_file"),
        ("[sms.http]\nurl = \"http://sms.example/hunter2hunter2\"\njson = { to = \"{to}\", text = \"{text}\" }\n".to_owned(), "sms.http"),
        ("[sms.http]\nurl = \"https://sms.example/hunter2hunter2\"\njson = { to = \"{to}\" }\n".to_owned(), "{text}"),
        ("[sms.smpp]\nhost = \"smsc.example\"\nsystem_id = \"tv\"\npassword = \"hunter2hunter2\"\nsource = \"TV\"\n".to_owned(), "sms.smpp"),
        ("[server]\nlisten = \"0.0.0.0:8480\"\n".to_owned(), "server.public_url"),
        ("[data]\nurl = \"hunter2hunter2\"\n".to_owned(), "data.url"),
    ] {
        let (status, said) = run(&text);
        assert_eq!(status, Some(1), "{text}");
        assert!(said.contains(named) && said.contains("\nhint: "), "{text}\n{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(run("").0, Some(0));
    assert_eq!(
        run(&format!("{smtp}from = \"Example TV <codes@example.tv>\"\n")).0,
        Some(0)
    );
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder for the test");
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_couchkey-platform"))
            .env_clear()
            .args(["--data-dir".as_ref(), dir.path().as_os_str()])
            .args(["api-key", "list"])
            .output()
            .expect("the program was built")
    };
    assert!(run().status.success(), "the first start makes the file");
    let keys = dir.path().join("keys");
    let mode = std::fs::metadata(&keys)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).expect("changed");
    let output = run();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("chmod 600"));
}

#[tokio::test]
async fn an_ended_key_is_refused() {
    let server = Server::start().await;
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_couchkey-platform"))
            .env_clear()
            .args(["--data-dir".as_ref(), server.dir.path().as_os_str()])
            .arg("api-key")
            .args(args)
            .output()
            .expect("the program was built");
        (
            output.status.success(),
            String::from_utf8(output.stdout).expect("UTF-8"),
        )
    };
    let (_, list) = run(&["list"]);
    assert!(
        list.starts_with("tests\t") && !list.contains("ckp_"),
        "names, never keys: {list}"
    );
    assert!(run(&["revoke", "tests"]).0);
    assert!(
        !run(&["revoke", "tests"]).0,
        "there is none of that name any more"
    );
    let person = "/v1/people/fam-0042";
    let answer = server
        .request(Method::GET, person)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        answer.status(),
        StatusCode::UNAUTHORIZED,
        "this server had not seen the key before"
    );
}
