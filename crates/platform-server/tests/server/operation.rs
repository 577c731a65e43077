//! For those who run it: start, stop, settings, limits, figures, and a log that tells nothing about anybody.
use std::{process::Command, time::Duration};

use couchkey_platform::testing::TestPostgres;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use sqlx::Connection as _;

use crate::{App, Server, checked};

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
    let key = server.key_that_may("figures");
    let metrics = server.client.get(format!("{}/metrics", server.url));
    let answer = metrics.bearer_auth(&key).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let operator = server
        .client
        .get(format!("{}/operator", server.url))
        .basic_auth("operator", Some(&key));
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
    // The allowance grows again by the server's own clock, one request in twelve seconds: on a busy machine the first
    // one too many may be the sixth or a later one.
    let answer = first_refused(get).await;
    assert!(answer.headers().contains_key("retry-after"));
    let body = json!({"person": "fam-0042", "code": "000000", "from": "203.0.113.7"});
    let guess = async || {
        server
            .client
            .post(format!("{}/v1/verify", server.url))
            .bearer_auth("ckp_guess")
            .json(&body)
            .send()
            .await
            .expect("an answer")
    };
    first_refused(guess).await; // guessed keys count too
    assert_eq!(
        server.post("/v1/verify", body).await.0,
        StatusCode::OK,
        "a service with its key is not held up"
    );
}

/// Asks until it is told that this is too often.
pub async fn first_refused(ask: impl AsyncFn() -> Response) -> Response {
    for _ in 0..100 {
        let answer = ask().await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return answer;
        }
    }
    panic!("a hundred requests were answered");
}

#[tokio::test]
async fn the_log_tells_nothing_about_anybody() {
    let mut settings = REAL.to_vec();
    settings.extend([
        ("LOG__FORMAT", "json"),
        ("CLIENTS", "[{id=\"example-tv-app\", name=\"Example TV\"}]"),
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
        .form(
            "/v1/device_authorization",
            &[("client_id", "example-tv-app")],
        )
        .await;
    let device_code = device["device_code"].as_str().expect("a code");
    server
        .form(
            "/v1/token",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("device_code", device_code),
                ("client_id", "example-tv-app"),
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
            .env("TMPDIR", dir.path())
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
    let countries = "[sms]\nunits_per_day = 9\ncountries = [{ country = \"DE\", units = 7, units_per_day = 9 }]\n";
    for (text, named) in [
        (format!("{smtp}from = \"nobody\"\n"), "mail.smtp"),
        (
            format!("{smtp}from = \"codes@example.tv\"\nca_file = \"/nowhere.pem\"\n"),
            "mail.smtp.ca_file",
        ),
        (
            format!(
                "{countries}[sms.http]\nurl = \"http://sms.example/hunter2hunter2\"\njson = {{ to = \"{{to}}\", text = \"{{text}}\" }}\n"
            ),
            "sms.http",
        ),
        (
            format!(
                "{countries}[sms.http]\nurl = \"https://sms.example/hunter2hunter2\"\njson = {{ to = \"{{to}}\" }}\n"
            ),
            "{text}",
        ),
        (
            format!(
                "{countries}[sms.smpp]\nhost = \"smsc.example\"\nsystem_id = \"tv\"\npassword = \"hunter2hunter2\"\nsource = \"TV\"\n"
            ),
            "sms.smpp",
        ),
        (
            "[server]\nlisten = \"0.0.0.0:8480\"\n".to_owned(),
            "server.public_url",
        ),
        ("[data]\nurl = \"hunter2hunter2\"\n".to_owned(), "data.url"),
    ] {
        let (status, said) = run(&text);
        assert_eq!(status, Some(1), "{text}");
        assert!(
            said.contains(named) && said.contains("\nhint: "),
            "{text}\n{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(run("").0, Some(0));
    let (_, said) = run("[server]\ntrusted_proxies = [\"10.0.0.0/99\"]\n");
    assert!(
        said.contains("server.trusted_proxies") && said.contains("\nhint: Write an address"),
        "{said}"
    );
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
            .env("TMPDIR", dir.path())
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
            .env("TMPDIR", server.dir.path())
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

/// Row 8 of issue 17.
#[test]
fn row_8_check_warns_of_a_proxy_that_is_not_named() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    let check = |settings: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_couchkey-platform"));
        command.env_clear().env("TMPDIR", dir.path()).arg("check");
        command.args(["--data-dir".as_ref(), dir.path().as_os_str()]);
        for (name, value) in settings {
            command.env(format!("COUCHKEY_PLATFORM_{name}"), value);
        }
        let output = command.output().expect("the program was built");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let url = ("SERVER__PUBLIC_URL", "https://login.example.tv");
    let proxies = ("SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]");
    assert!(check(&[url]).contains("warning: server.trusted_proxies is empty"));
    assert!(!check(&[url, proxies]).contains("warning"));
    assert!(!check(&[]).contains("warning"));
}

/// Row 6 of issue 17: a server behind a proxy on the same machine, whose mail is not set up yet.
#[tokio::test]
async fn row_6_a_server_without_mail_is_no_demo() {
    let url = ("SERVER__PUBLIC_URL", "https://tv.example");
    let server = Server::with(&[url]).await;
    for path in ["/metrics", "/operator"] {
        let answer = server
            .client
            .get(format!("{}{path}", server.url))
            .send()
            .await;
        let status = answer.expect("an answer").status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} is not open");
    }
    let ask = json!({"channel": "email", "to": "ana@example.tv", "purpose": "sign_up", "from": "203.0.113.7"});
    let (status, answer) = server.post("/v1/challenges", ask).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::CONFLICT, &json!("channel_unavailable"))
    );
    assert!(
        !server.log().contains("ana@example.tv"),
        "no address in the log"
    );
}

/// Row 16 of issue 17: what reads figures could rotate and delete.
#[tokio::test]
async fn row_16_a_key_does_what_it_may_and_nothing_else() {
    let server = Server::with(&REAL).await;
    let app = server.enrolled("fam-0042").await;
    let person = json!({"person": "fam-0042", "account": "ana@example.tv"});
    let code = json!({"person": "fam-0042", "code": app.code(900), "from": "203.0.113.7"});
    let contact = json!({"person": "fam-0042", "channel": "email", "to": "ana@example.tv"});
    let requests = [
        (Method::GET, "/metrics", None, "figures"),
        (Method::POST, "/v1/verify", Some(&code), "signin"),
        (Method::GET, "/v1/people/fam-0042", None, "signin"),
        (Method::POST, "/v1/rotations", Some(&person), "manage"),
        (Method::POST, "/v1/contacts", Some(&contact), "manage"),
        (Method::DELETE, "/v1/people/fam-0042", None, "manage"),
    ];
    for right in ["figures", "signin", "manage"] {
        let key = server.key_that_may(right);
        for (method, path, body, needed) in &requests {
            let mut request = server
                .client
                .request(method.clone(), format!("{}{path}", server.url));
            request = request.bearer_auth(&key);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await.expect("an answer");
            let allowed = answer.status().is_success();
            assert_eq!(
                allowed,
                *needed == right,
                "{right}: {method} {path}: {}",
                answer.status()
            );
            if !allowed {
                assert_eq!(
                    answer.status(),
                    StatusCode::FORBIDDEN,
                    "{right}: {method} {path}"
                );
                let (_, problem) = checked(method.clone(), path, answer).await;
                assert_eq!(problem["code"], "insufficient_right");
            }
        }
        let operator = server.client.get(format!("{}/operator", server.url));
        let answer = operator.basic_auth("operator", Some(&key)).send().await;
        assert_eq!(
            answer.expect("an answer").status().is_success(),
            right == "figures"
        );
    }
}

/// What `/readyz` says, and that it says it in time.
async fn readiness(server: &Server) -> StatusCode {
    tokio::time::sleep(Duration::from_millis(1_100)).await; // an answer is good for a second
    let answer = server.client.get(format!("{}/readyz", server.url));
    let answer = answer.timeout(Duration::from_secs(30)).send().await;
    answer.expect("an answer").status()
}

/// Row 19 of issue 17: with a database that nobody could write, requests went on coming.
#[tokio::test]
async fn row_19_a_frozen_database_is_not_ready() {
    let server = Server::start().await;
    assert_eq!(readiness(&server).await, StatusCode::OK);
    let file = server.dir.path().join("platform.sqlite");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut holder = sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("connected");
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut holder)
        .await
        .expect("held");
    assert_eq!(readiness(&server).await, StatusCode::SERVICE_UNAVAILABLE);
    let alive = server
        .client
        .get(format!("{}/healthz", server.url))
        .send()
        .await;
    assert_eq!(
        alive.expect("an answer").status(),
        StatusCode::OK,
        "the process lives"
    );
    sqlx::query("ROLLBACK")
        .execute(&mut holder)
        .await
        .expect("given back");
    assert_eq!(readiness(&server).await, StatusCode::OK);
}

/// The same on PostgreSQL, and one that is read-only.
#[tokio::test]
async fn row_19_a_frozen_or_read_only_postgresql_is_not_ready() {
    let postgres = TestPostgres::start(false).expect("PostgreSQL");
    let url = postgres.database().expect("a database");
    let server = Server::with(&[("DATA__URL", &url)]).await;
    assert_eq!(readiness(&server).await, StatusCode::OK);
    let mut holder = sqlx::PgConnection::connect(&url).await.expect("connected");
    for held in ["BEGIN", "LOCK TABLE record IN EXCLUSIVE MODE"] {
        sqlx::query(held).execute(&mut holder).await.expect("held");
    }
    assert_eq!(readiness(&server).await, StatusCode::SERVICE_UNAVAILABLE);
    sqlx::query("ROLLBACK")
        .execute(&mut holder)
        .await
        .expect("given back");
    assert_eq!(readiness(&server).await, StatusCode::OK);

    for (statement, status) in [
        (
            "ALTER SYSTEM SET default_transaction_read_only = on",
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (
            "ALTER SYSTEM RESET default_transaction_read_only",
            StatusCode::OK,
        ),
    ] {
        let mut connection = sqlx::PgConnection::connect(&url).await.expect("connected");
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .expect("set");
        sqlx::query("SELECT pg_reload_conf()")
            .execute(&mut connection)
            .await
            .expect("read");
        assert_eq!(readiness(&server).await, status, "{statement}");
    }
}

/// Row 20 of issue 17.
#[test]
fn row_20_a_damaged_database_is_named_with_a_cure() {
    let dir = tempfile::tempdir().expect("a folder for the test");
    std::fs::write(
        dir.path().join("platform.sqlite"),
        "no database ".repeat(500),
    )
    .expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_couchkey-platform"))
        .env_clear()
        .env("TMPDIR", dir.path())
        .args(["--data-dir".as_ref(), dir.path().as_os_str()])
        .args(["api-key", "list"])
        .output()
        .expect("the program was built");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("the database is damaged") && said.contains("hint: Bring back a backup"),
        "{said}"
    );
}

/// Row 21 of issue 17: a folder that was there before, and open to all.
#[cfg(unix)]
#[tokio::test]
async fn row_21_the_database_in_an_open_folder_is_ours_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder for the test");
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    open(dir.path(), 0o755);
    let file = dir.path().join("platform.sqlite");
    for again in [false, true] {
        if again {
            open(&file, 0o644); // as an earlier version left it
        }
        let status = Command::new(env!("CARGO_BIN_EXE_couchkey-platform"))
            .env_clear()
            .env("TMPDIR", dir.path())
            .args(["--data-dir".as_ref(), dir.path().as_os_str()])
            .args(["api-key", "new", "tests"])
            .output()
            .expect("the program was built")
            .status;
        assert!(status.success());
        for one in std::fs::read_dir(dir.path()).expect("the folder") {
            let path = one.expect("a file").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

/// Row 21 of issue 17: a page elsewhere whose name leads to this machine (DNS rebinding) had the demo to itself.
#[tokio::test]
async fn row_21_the_demo_answers_to_its_own_names_alone() {
    let server = Server::start().await;
    let port = server.address().port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), StatusCode::OK),
        (format!("localhost:{port}"), StatusCode::OK),
        ("evil.example".to_owned(), StatusCode::MISDIRECTED_REQUEST),
        (
            format!("evil.example:{port}"),
            StatusCode::MISDIRECTED_REQUEST,
        ),
        (
            format!("127.0.0.1.evil.example:{port}"),
            StatusCode::MISDIRECTED_REQUEST,
        ),
    ] {
        for path in ["/operator", "/metrics", "/healthz"] {
            let request = server
                .client
                .get(format!("{}{path}", server.url))
                .header("host", &host);
            assert_eq!(
                request.send().await.expect("an answer").status(),
                status,
                "{host} {path}"
            );
        }
    }
}

/// Row 19 of issue 17: `readyz` said 200, or nothing at all. A log that cannot grow stands for a disk that has no space, and needs
/// no rights; that SQLite's own word for a full disk is understood is tried beside the store.
#[tokio::test]
async fn row_19_without_space_nothing_is_accepted_and_nothing_lost() {
    let server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    let verify = async || {
        let body = json!({"person": "fam-0042", "code": app.code(1), "from": "203.0.113.7"});
        server.post("/v1/verify", body).await
    };
    let ready = async |wanted: StatusCode| {
        // It is asked once a second at the most.
        for _ in 0..600 {
            let answer = server.client.get(format!("{}/readyz", server.url)).send();
            if answer.await.expect("an answer").status() == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("readyz does not come to {wanted}");
    };
    let log = server.data().join("platform.sqlite-wal");
    let length = std::fs::metadata(log).expect("it is there").len();
    server.longest_file(Some(length));
    ready(StatusCode::SERVICE_UNAVAILABLE).await;
    let (status, answer) = verify().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(answer["code"], "unavailable");
    assert_eq!(answer["retry_after"], 2);

    server.longest_file(None);
    ready(StatusCode::OK).await;
    assert_eq!(verify().await.1["result"], "accepted");
    assert_eq!(verify().await.1["result"], "used");
}

/// Row 21 of issue 17, and the operator's day: a backup of a running server, brought back elsewhere.
#[tokio::test]
async fn a_backup_is_brought_back_and_accepts_nothing_again() {
    let mut server = Server::start().await;
    let app = server.enrolled("fam-0042").await;
    let folder = server.data().to_owned();
    let backup = folder.join("backup.sqlite");
    let backup = backup.to_str().expect("text");
    let (done, said) = server.command(&["backup", backup]);
    assert!(done, "{said}");
    let verify = json!({"person": "fam-0042", "code": app.code(1), "from": "203.0.113.7"});
    let (_, verdict) = server.post("/v1/verify", verify.clone()).await;
    assert_eq!(verdict["result"], "accepted");
    let (done, said) = server.command(&["backup", backup]);
    assert!(
        !done && said.contains("cannot be written") && said.contains("\nhint: "),
        "{said}"
    );
    let (done, said) = server.command(&["restore", backup]);
    assert!(
        !done && said.contains("is there") && said.contains("Stop the server"),
        "{said}"
    );

    assert!(server.stop().success());
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("platform.sqlite{end}")));
    }
    let nonsense = folder.join("nonsense");
    std::fs::write(&nonsense, "no database ".repeat(500)).expect("written");
    let (done, said) = server.command(&["restore", nonsense.to_str().expect("text")]);
    assert!(
        !done && said.contains("is damaged") && said.contains("\nhint: "),
        "{said}"
    );
    let (done, said) = server.command(&["restore", backup]);
    assert!(done, "{said}");
    server.start_again();
    let (status, refused) = server.post("/v1/verify", verify).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{refused}");
    let detail = refused["detail"].as_str().expect("text");
    assert!(detail.contains("changed over or brought back"), "{detail}");
    assert!(
        refused["retry_after"]
            .as_u64()
            .is_some_and(|seconds| (1..=90).contains(&seconds))
    );
}

/// The unit in packaging/ names options that there are, and what it starts is this server.
#[test]
fn what_the_systemd_unit_starts_is_understood() {
    let unit = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../packaging/platform/couchkey-platform.service"
    );
    let unit = std::fs::read_to_string(unit).expect("the unit");
    let dir = tempfile::tempdir().expect("a folder for the test");
    let folder = dir.path().to_str().expect("text");
    let file = dir.path().join("platform.toml");
    std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:8480\"\n").expect("written");
    let mut started = 0;
    for line in unit.lines() {
        let Some((_, command)) = line.split_once("=/usr/bin/couchkey-platform ") else {
            continue;
        };
        let command = command.replace("%d", folder).replace("%S", folder);
        let mut words: Vec<&str> = command.split(' ').collect();
        if line.starts_with("ExecStart=") {
            words.push("check"); // the same without staying there
        }
        let output = Command::new(env!("CARGO_BIN_EXE_couchkey-platform"))
            .env_clear()
            .args(words)
            .output()
            .expect("the program was built");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        started += 1;
    }
    assert_eq!(started, 2, "it is looked at first, and then started");
}
