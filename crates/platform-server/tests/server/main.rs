//! The server as those see it who run it and call it: the built program on a free loopback port, spoken to by HTTP.
mod api;
mod audit;
mod connections;
mod devices;
mod machines;
mod operation;
#[path = "../../../platform/tests/others/mod.rs"]
mod others;
mod pages;
mod tokens;

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use couchkey_otp::{Algorithm, Digits, Kind, Period, Secret, UnixTime, code_of};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

/// A running server, its data in a folder that goes away with it.
pub struct Server {
    child: Child,
    dir: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// Where it listens, from `http://` on.
    pub url: String,
    /// An API key that may do everything.
    pub key: String,
    /// Keeps its connections to the server.
    pub client: Client,
}

impl Server {
    /// A demo.
    pub async fn start() -> Server {
        Server::with(&[]).await
    }

    /// With settings in the environment (`SERVER__REQUESTS_PER_MINUTE`): a demo unless they say where others reach it.
    pub async fn with(settings: &[(&str, &str)]) -> Server {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let key = said(command(&dir, &settings).args(["api-key", "new", "tests"]));
        let (child, url) = launch(&dir, &settings);
        Server {
            child,
            dir,
            settings,
            url,
            key: key.trim().to_owned(),
            client: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
        }
    }

    /// A key that may do this and nothing else.
    pub fn key_that_may(&self, right: &str) -> String {
        let args = ["api-key", "new", right, "--may", right];
        let key = said(command(&self.dir, &self.settings).args(args));
        key.trim().to_owned()
    }

    /// A command of the program on this server's data: whether it did it, and what it said of that.
    pub fn command(&self, args: &[&str]) -> (bool, String) {
        let output = command(&self.dir, &self.settings).args(args).output();
        let output = output.expect("the program was built");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.success(), said)
    }

    /// What a command of the program on this server's data writes to its output.
    pub fn said(&self, args: &[&str]) -> String {
        said(command(&self.dir, &self.settings).args(args))
    }

    /// Where its data is.
    pub fn data(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// From now on none of its files can become longer than this, as under a quota.
    pub fn longest_file(&self, bytes: Option<u64>) {
        let limit = rustix::process::Rlimit {
            current: bytes,
            maximum: None,
        };
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::prlimit(Some(process), rustix::process::Resource::Fsize, limit)
            .expect("the limit of one's own child may be set");
    }

    /// SIGKILL: it has no time for anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again on what it has left behind.
    pub fn start_again(&mut self) {
        (self.child, self.url) = launch(&self.dir, &self.settings);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.url
            .trim_start_matches("http://")
            .parse()
            .expect("an address")
    }

    /// What it has written to its terminal so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("it is there")
    }

    /// A request of a service, with its key.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.key)
    }

    /// Sends JSON and gives back the status and the answer, which is held against the OpenAPI document.
    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.request(Method::POST, path).json(&body).send().await;
        checked(Method::POST, path, answer.expect("an answer")).await
    }

    /// Sends a form, as a television does: without a key.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        let answer = self
            .client
            .post(format!("{}{path}", self.url))
            .form(fields)
            .send()
            .await;
        checked(Method::POST, path, answer.expect("an answer")).await
    }

    /// A person with an app. Its code of this step is used up.
    pub async fn enrolled(&self, person: &str) -> App {
        let (status, answer) = self
            .post(
                "/v1/enrolments",
                json!({"person": person, "account": "ana@example.tv"}),
            )
            .await;
        assert_eq!(status, 201, "{}", answer["code"]);
        let app = App::of(&answer);
        let (_, verdict) = self
            .post(
                "/v1/enrolments/confirm",
                json!({"person": person, "enrolment": answer["enrolment"], "code": app.code(0), "from": "203.0.113.7"}),
            )
            .await;
        assert_eq!(verdict["result"], "accepted");
        app
    }

    /// The last code that went to this address.
    pub async fn code_for(&self, to: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = self.log();
            let line = log
                .lines()
                .rev()
                .find_map(|line| line.split_once(&format!("to {to}: ")));
            match line {
                Some((_, code)) => return code.trim().to_owned(),
                None if Instant::now() > deadline => panic!("no code came"),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Asks it to stop, and says how it ended.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        )
        .expect("it runs");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program and waits until it says where it listens.
fn launch(dir: &tempfile::TempDir, settings: &[(String, String)]) -> (Child, String) {
    let log = File::options()
        .create(true)
        .append(true)
        .open(dir.path().join("log"))
        .expect("a log for the test");
    let mut command = command(dir, settings);
    if !settings
        .iter()
        .any(|(name, _)| name == "SERVER__PUBLIC_URL")
    {
        command.arg("--demo");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the program was built");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut first)
        .expect("the server says where it is");
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
    let url = first
        .trim()
        .rsplit_once(' ')
        .map(|(_, url)| url.to_owned())
        .unwrap_or_else(|| panic!("the server did not start: {log}"));
    (child, url)
}

fn command(dir: &tempfile::TempDir, settings: &[(String, String)]) -> Command {
    // A file that may not grow is an error of the disk then, and no signal that ends the process.
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_couchkey-platform"))
        .env_clear()
        .env("TMPDIR", dir.path())
        .args(["--data-dir".as_ref(), dir.path()])
        .env("COUCHKEY_PLATFORM_SERVER__LISTEN", "127.0.0.1:0");
    for (name, value) in settings {
        command.env(format!("COUCHKEY_PLATFORM_{name}"), value);
    }
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program was built");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What an authenticator would have from the QR code.
pub struct App {
    secret: Secret,
    /// When it was set up.
    since: u64,
}

impl App {
    /// Reads the link in the answer to `POST /v1/enrolments`, as a camera would.
    pub fn of(enrolment: &Value) -> App {
        let uri = enrolment["otpauth_uri"].as_str().expect("a URI");
        App {
            secret: couchkey_otp::otpauth::read(uri)
                .expect("it can be read")
                .enrolment
                .secret,
            since: now(),
        }
    }

    /// The code so many steps after the one in which the app was set up: the same one whenever a test asks, however
    /// many half minutes a busy machine takes between two of its requests.
    pub fn code(&self, later: i64) -> String {
        self.code_at(self.since.saturating_add_signed(later * 30))
    }

    /// The code at this Unix time.
    pub fn code_at(&self, time: u64) -> String {
        let at = UnixTime::from_secs(time);
        let kind = Kind::Totp {
            period: Period::THIRTY,
        };
        code_of(&kind, &self.secret, Algorithm::Sha1, Digits::SIX, at)
            .as_str()
            .to_owned()
    }

    /// Its secret in base32.
    pub fn secret(&self) -> String {
        self.secret.to_base32().to_string()
    }
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the running server reads the same clock"
)]
pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

/// The document in the repository.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("openapi.json is committed"))
        .expect("JSON")
});

/// Status and body, after both were found in the document: this status for this path, this type, this schema.
pub async fn checked(method: Method, path: &str, answer: Response) -> (StatusCode, Value) {
    let status = answer.status();
    let kind = answer.headers().get("content-type").map(|kind| {
        kind.to_str()
            .expect("text")
            .split(';')
            .next()
            .expect("one")
            .to_owned()
    });
    let text = answer.text().await.expect("a body");
    let body: Value = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).expect("JSON")
    };
    let operation = DOCUMENT["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .find(|(template, _)| fits(template, path))
        .map(|(_, item)| &item[method.as_str().to_lowercase()])
        .filter(|operation| !operation.is_null());
    let Some(operation) = operation else {
        return (status, body);
    };
    let responses = &operation["responses"];
    let wide = format!("{}XX", status.as_u16() / 100);
    // The exact status first; where it has another content, the whole class.
    let described = [status.as_str(), &wide].into_iter().find_map(|key| {
        let response = responses.get(key)?;
        match (&response["content"], &kind) {
            (Value::Null, None) => Some(None),
            (content, Some(kind)) => content
                .get(kind)
                .map(|content| Some(content["schema"].clone())),
            _ => None,
        }
    });
    let schema = described.unwrap_or_else(|| {
        panic!("{method} {path} answers {status} ({kind:?}), which is not in the document")
    });
    if let Some(mut schema) = schema {
        schema["components"] = DOCUMENT["components"].clone();
        let errors: Vec<_> = jsonschema::validator_for(&schema)
            .expect("a schema")
            .iter_errors(&body)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{method} {path} {status}: {errors:?}");
    }
    (status, body)
}

fn fits(template: &str, path: &str) -> bool {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (template, path) = (parts(template), parts(path));
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
}
