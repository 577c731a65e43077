//! What the server is told: a TOML file, the environment over it, and everything checked before anything starts.
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    error::Kind,
    providers::{Env, Format, Toml},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The whole of it. Without a file it is a demo: SQLite, loopback only, mail and SMS on the terminal.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub service: Service,
    pub data: Data,
    pub keys: Keys,
    pub mail: Mail,
    pub sms: Sms,
    pub log: Log,
}

/// Where it listens and who may talk to it.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    /// What people type and QR codes say, when it is not the address it listens on. `https` makes cookies `Secure`.
    pub public_url: Option<String>,
    /// Other origins whose scripts may call the API: `https://app.example.tv`.
    pub allowed_origins: Vec<String>,
    /// Balancers and proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// Requests a minute from one network address, and as many again at once.
    pub requests_per_minute: u32,
    /// How long requests that are under way get when the server is asked to stop, in seconds.
    pub stop_seconds: u64,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            public_url: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            body_limit: 64 * 1024,
            requests_per_minute: 1_200,
            stop_seconds: 10,
        }
    }
}

/// What people see of the service.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// The issuer in every QR code and the name on every page.
    pub name: String,
    /// The pages of the demo, and the start of a service's own. The API is there without them.
    pub pages: bool,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            name: "Couchkey TV".to_owned(),
            pages: true,
        }
    }
}

/// Where everything is kept.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The folder of the SQLite file and of the key file that is made at the first start.
    pub dir: Option<PathBuf>,
    /// `postgres://…`: PostgreSQL instead of SQLite.
    pub url: Option<SecretString>,
    /// Connections to PostgreSQL, at most.
    pub connections: u32,
}

impl Default for Data {
    fn default() -> Self {
        Data {
            dir: None,
            url: None,
            connections: 16,
        }
    }
}

/// The keys that seal secrets at rest.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// The key file. Without it: `keys` in the data folder, made at the first start.
    pub file: Option<PathBuf>,
}

/// How mail leaves. Without `smtp` it goes to the terminal on the loopback and nowhere otherwise.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    pub smtp: Option<Smtp>,
}

/// A mail server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    pub host: String,
    /// Without it: 587 with STARTTLS, 465 with TLS.
    pub port: Option<u16>,
    #[serde(default)]
    pub security: SmtpSecurity,
    pub user: Option<String>,
    pub password: Option<SecretString>,
    /// `Name <address>`.
    pub from: String,
    /// A certificate (PEM) to trust besides the usual ones.
    pub ca_file: Option<PathBuf>,
}

/// How the way to the mail server is protected.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    /// Plain first, then upgraded; refused when the server does not offer it (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None: on the loopback only.
    None,
}

/// How SMS leaves, and what it may cost.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sms {
    pub http: Option<SmsHttp>,
    pub smpp: Option<Smpp>,
    /// The countries that are served. None: no text messages.
    pub countries: Vec<Country>,
    /// The most units a day (UTC) in all.
    pub units_per_day: u64,
}

/// A country that text messages go to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// Its two letters (ISO 3166-1): `DE`.
    pub country: String,
    /// What one message costs, in units of your choice: cents, say.
    pub units: u64,
    /// The most units a day (UTC) to this country.
    pub units_per_day: u64,
}

/// An SMS gateway that is called by HTTP. `{to}`, `{to_digits}`, `{text}` and `{id}` are put in where they stand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsHttp {
    pub url: SecretString,
    /// `POST` without it.
    pub method: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// A JSON body.
    pub json: Option<serde_json::Value>,
    /// Or a form.
    pub form: Option<BTreeMap<String, String>>,
    /// `Idempotency-Key` without it.
    pub idempotency_header: Option<String>,
    /// Where a JSON answer says that the message was taken (a JSON pointer, RFC 6901), and what it says there.
    pub success_at: Option<String>,
    pub success_value: Option<serde_json::Value>,
    /// The web site on which browsers may fill in the code by themselves.
    pub web_site: Option<String>,
    pub ca_file: Option<PathBuf>,
}

/// An SMS centre that speaks SMPP 3.4.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smpp {
    pub host: String,
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: bool,
    pub system_id: String,
    pub password: SecretString,
    #[serde(default)]
    pub system_type: String,
    /// Who the messages are from.
    pub source: String,
    pub web_site: Option<String>,
    pub ca_file: Option<PathBuf>,
}

/// What is written down.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or tracing's own directives.
    pub level: Option<String>,
}

/// For people or for machines.
#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Config {
    /// Reads the file, if there is one, and the environment over it, and checks the whole.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: names the key and the cure and never says what was found there, which may be a secret.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut figment = Figment::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                ConfigError::new(
                    format!("{} cannot be read: {}", path.display(), error.kind()),
                    "Check the path after --config and who may read the file.",
                )
            })?;
            figment = figment.merge(Toml::string(&text));
        }
        let env = Env::prefixed(PREFIX)
            .ignore(&["config", "data_dir"])
            .split("__")
            .lowercase(true);
        let config: Config = figment
            .merge(env)
            .extract()
            .map_err(|error| wrong(&error, file))?;
        config.check()?;
        Ok(config)
    }

    /// Mail and SMS go to the terminal: the server is a demo for the person in front of it.
    pub fn is_demo(&self) -> bool {
        self.server.listen.ip().is_loopback()
            && self.mail.smtp.is_none()
            && self.sms.http.is_none()
            && self.sms.smpp.is_none()
    }

    /// The address people type, without a slash at its end.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let loopback = self.server.listen.ip().is_loopback();
        match &self.server.public_url {
            Some(url) => {
                let uri = url.parse::<axum::http::Uri>().ok();
                let host = uri.as_ref().and_then(|uri| uri.host());
                let scheme = uri.as_ref().and_then(|uri| uri.scheme_str());
                if host.is_none() || !matches!(scheme, Some("https" | "http")) {
                    return Err(ConfigError::of(
                        "server.public_url",
                        "is not a web address",
                        "Write it as people type it: https://login.example.tv",
                    ));
                }
                if scheme == Some("http") && !loopback {
                    return Err(ConfigError::of(
                        "server.public_url",
                        "is plain http, and codes would cross the network in clear",
                        "Put a proxy with TLS in front and write its https address here.",
                    ));
                }
            }
            None if !loopback => {
                return Err(ConfigError::of(
                    "server.public_url",
                    "is missing, and server.listen can be reached from other machines",
                    "Write the https address under which people reach the server, or listen on 127.0.0.1.",
                ));
            }
            None => {}
        }
        for origin in &self.server.allowed_origins {
            if tower_http::csrf::CsrfLayer::new()
                .add_trusted_origin(origin)
                .is_err()
            {
                return Err(ConfigError::of(
                    "server.allowed_origins",
                    "has something in it that is no origin",
                    "An origin is a scheme and a host, and a port where it is not the usual one: https://app.example.tv",
                ));
            }
        }
        within(
            "server.body_limit",
            self.server.body_limit as u64,
            1_024,
            1 << 20,
        )?;
        within(
            "server.requests_per_minute",
            self.server.requests_per_minute.into(),
            1,
            1_000_000,
        )?;
        within("data.connections", self.data.connections.into(), 1, 1_000)?;
        within("server.stop_seconds", self.server.stop_seconds, 1, 600)?;
        if self.service.name.trim().is_empty() || self.service.name.chars().count() > 64 {
            return Err(ConfigError::of(
                "service.name",
                "is empty or longer than 64 characters",
                "It is the name in the authenticator, beside the code: keep it short.",
            ));
        }
        if let Some(url) = &self.data.url
            && !["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.expose_secret().starts_with(scheme))
        {
            return Err(ConfigError::of(
                "data.url",
                "is not the address of a PostgreSQL database",
                "Write postgres://user:password@host/database, or leave it out for SQLite in data.dir.",
            ));
        }
        if self.sms.http.is_some() && self.sms.smpp.is_some() {
            return Err(ConfigError::of(
                "sms",
                "has both an HTTP gateway and SMPP",
                "Keep the section [sms.http] or the section [sms.smpp].",
            ));
        }
        if let Some(smtp) = &self.mail.smtp {
            let near = smtp
                .host
                .parse::<IpAddr>()
                .map_or(smtp.host == "localhost", |ip| ip.is_loopback());
            if smtp.security == SmtpSecurity::None && !near {
                return Err(ConfigError::of(
                    "mail.smtp.security",
                    "is \"none\" for a mail server on another machine",
                    "Use \"starttls\" or \"tls\": the mails carry sign-in codes.",
                ));
            }
            if smtp.user.is_some() != smtp.password.is_some() {
                return Err(ConfigError::of(
                    "mail.smtp",
                    "has a user without a password, or a password without a user",
                    "Give both, or neither.",
                ));
            }
        }
        Ok(())
    }
}

/// The environment speaks in `COUCHKEY_PLATFORM_SERVER__LISTEN` and the like.
pub const PREFIX: &str = "COUCHKEY_PLATFORM_";

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::of(
        key,
        &format!("is {value}"),
        &format!("Choose a number from {least} to {most}."),
    ))
}

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
    hint: String,
}

impl ConfigError {
    /// What is wrong and what to do. Neither may quote a value.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// What is wrong with one key.
    pub fn of(key: &str, what: &str, hint: &str) -> ConfigError {
        ConfigError::new(format!("{key} {what}"), hint)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nhint: {}", self.message, self.hint)
    }
}

/// figment's error without the value it found, which may be a password in the wrong place.
fn wrong(error: &figment::Error, file: Option<&Path>) -> ConfigError {
    let key = error.path.join(".");
    let from = match (&error.metadata, file) {
        (Some(metadata), _) if metadata.name.contains("environment") => {
            format!(
                " (from {PREFIX}{})",
                key.replace('.', "__").to_ascii_uppercase()
            )
        }
        (_, Some(file)) => format!(" in {}", file.display()),
        _ => String::new(),
    };
    match &error.kind {
        Kind::UnknownField(name, known) => {
            // figment's path ends with the field's own name where it knows it.
            let path = if error.path.last() == Some(name) || key.is_empty() {
                if key.is_empty() { name.clone() } else { key }
            } else {
                format!("{key}.{name}")
            };
            ConfigError::new(
                format!("{path} is not a setting{from}"),
                format!("What there is: {}.", known.join(", ")),
            )
        }
        Kind::MissingField(name) => ConfigError::new(
            format!("{} is missing{from}", joined(&key, name)),
            "Add it; docs/platform-server.md has an example of every section.",
        ),
        Kind::InvalidType(_, expected)
        | Kind::InvalidValue(_, expected)
        | Kind::InvalidLength(_, expected) => ConfigError::new(
            format!("{key} is not {expected}{from}"),
            format!("Write {expected}."),
        ),
        Kind::UnknownVariant(_, known) => ConfigError::new(
            format!("{key} has a word that is not known{from}"),
            format!("Choose one of: {}.", known.join(", ")),
        ),
        Kind::Message(message) if message.starts_with("TOML parse error") => {
            // Only the place: the lines after it quote the file.
            let place = message
                .lines()
                .next()
                .and_then(|line| line.split_once(" at "))
                .map_or("somewhere", |(_, place)| place);
            ConfigError::new(
                format!("the configuration is not TOML{from}, {place}"),
                "Strings stand in \"quotes\", sections in [brackets]; https://toml.io has the rules.",
            )
        }
        _ if !key.is_empty() => ConfigError::new(
            format!("{key} cannot be understood{from}"),
            "docs/platform-server.md says what each setting looks like.",
        ),
        _ => ConfigError::new(
            format!("the configuration cannot be understood{from}"),
            "docs/platform-server.md says what each setting looks like.",
        ),
    }
}

fn joined(key: &str, name: &str) -> String {
    if key.is_empty() || key.ends_with(name) {
        if key.is_empty() {
            name.to_owned()
        } else {
            key.to_owned()
        }
    } else {
        format!("{key}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What loading this file says, as text.
    fn refusal(toml: &str) -> String {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let path = dir.path().join("platform.toml");
        std::fs::write(&path, toml).expect("written");
        match Config::load(Some(&path)) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn nothing_configured_is_a_demo_on_the_loopback() {
        let config = Config::load(None).expect("the defaults are fine");
        assert!(config.is_demo());
        assert!(config.server.listen.ip().is_loopback());
    }

    #[test]
    fn every_wrong_setting_names_its_key_and_a_cure() {
        for (toml, key) in [
            ("[server]\nlisten = \"everywhere\"", "server.listen"),
            ("[server]\nlisten = \"0.0.0.0:80\"", "server.public_url"),
            (
                "[server]\nlisten = \"0.0.0.0:80\"\npublic_url = \"http://tv.example\"",
                "server.public_url",
            ),
            ("[server]\npublic_url = \"tv.example\"", "server.public_url"),
            (
                "[server]\nallowed_origins = [\"https://tv.example/path\"]",
                "server.allowed_origins",
            ),
            ("[server]\nbody_limit = 1", "server.body_limit"),
            (
                "[server]\nrequests_per_minute = 0",
                "server.requests_per_minute",
            ),
            ("[server]\nlisen = \"127.0.0.1:1\"", "server.lisen"),
            ("[servr]\n", "servr"),
            ("[service]\nname = \"\"", "service.name"),
            (
                "[data]\nurl = \"mysql://root:hunter2hunter2@db/otp\"",
                "data.url",
            ),
            ("[data]\nurl = 5", "data.url"),
            ("[mail.smtp]\nhost = \"mail.example\"", "mail.smtp.from"),
            (
                "[mail.smtp]\nhost = \"mail.example\"\nfrom = \"a@example.tv\"\nsecurity = \"none\"",
                "mail.smtp.security",
            ),
            (
                "[mail.smtp]\nhost = \"mail.example\"\nfrom = \"a@example.tv\"\nsecurity = \"hunter2hunter2\"",
                "mail.smtp.security",
            ),
            (
                "[mail.smtp]\nhost = \"mail.example\"\nfrom = \"a@example.tv\"\npassword = \"hunter2hunter2\"",
                "mail.smtp",
            ),
            (
                "[mail.smtp]\nhost = \"mail.example\"\nfrom = \"a@example.tv\"\nport = \"hunter2hunter2\"",
                "mail.smtp.port",
            ),
            (
                "[sms.smpp]\nhost = \"smsc\"\nsystem_id = \"x\"\nsource = \"TV\"",
                "sms.smpp.password",
            ),
            ("[log]\nformat = \"hunter2hunter2\"", "log.format"),
            ("password = hunter2hunter2", "line 1"),
        ] {
            let said = refusal(toml);
            assert!(said.contains(key), "{toml}\n{said}");
            assert!(said.contains("\nhint: "), "{toml}\n{said}");
            assert!(!said.contains("hunter2"), "a value is never quoted: {said}");
        }
    }
}
