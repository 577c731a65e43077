//! What the server is told: a TOML file, the environment over it, and everything checked before anything starts.
mod check;
mod error;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use secrecy::SecretString;
use serde::Deserialize;

pub use error::ConfigError;

/// The whole of it. Without a file: SQLite, loopback only, neither mail nor SMS.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub service: Service,
    pub data: Data,
    pub keys: Keys,
    pub mail: Mail,
    pub sms: Sms,
    /// The apps on televisions that may ask to be signed in.
    pub clients: Vec<Client>,
    pub tokens: Tokens,
    pub log: Log,
    /// Codes are written to the terminal, and the figures are open. Asked for by `--demo`, never guessed.
    #[serde(skip)]
    demo: bool,
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
    /// Balancers and proxies whose `X-Forwarded-For` is believed: addresses, or networks (`10.0.0.0/8`).
    pub trusted_proxies: Vec<Proxies>,
    /// In which header a trusted proxy says where a request comes from, in words ("Lisbon, Portugal"), if it knows.
    pub place_header: Option<String>,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// Requests a minute from one network address, and as many again at once.
    pub requests_per_minute: u32,
    /// Connections at once, at most; one address may have half of them, a trusted proxy all.
    pub connections: usize,
    /// How long a client may take for a request's head, and be silent between two requests, in seconds.
    pub head_seconds: u64,
    /// How long a request may take in all, its body included, in seconds.
    pub request_seconds: u64,
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
            place_header: None,
            body_limit: 64 * 1024,
            requests_per_minute: 1_200,
            connections: 1_000,
            head_seconds: 15,
            request_seconds: 30,
            stop_seconds: 10,
        }
    }
}

/// The address of one proxy, or of a network of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proxies(ipnet::IpNet);

impl Proxies {
    /// Whether this is one of them.
    pub fn contain(&self, address: &IpAddr) -> bool {
        self.0.contains(address)
    }
}

impl<'de> Deserialize<'de> for Proxies {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let network = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(ipnet::IpNet::from));
        let expected = "an address (10.0.0.5) or a network (10.0.0.0/8)";
        network.map(Proxies).map_err(|_: std::net::AddrParseError| {
            serde::de::Error::invalid_value(serde::de::Unexpected::Other("a text"), &expected)
        })
    }
}

/// What people see of the service.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// The issuer in every QR code and the name on every page.
    pub name: String,
    /// On how many televisions and other devices a person may be signed in at once.
    pub devices_per_person: usize,
    /// The pages of the demo, and the start of a service's own. The API is there without them.
    pub pages: bool,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            name: "Couchkey TV".to_owned(),
            devices_per_person: 20,
            pages: true,
        }
    }
}

/// An app on televisions (a client of RFC 8628).
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// What it sends as `client_id`.
    pub id: String,
    /// What people know it by: it stands on the screen on which they confirm.
    pub name: String,
}

/// The tokens that apps get.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Whom access tokens are for: the `aud` that your other systems expect. Without it, `server.public_url`.
    pub audience: Option<String>,
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

/// How mail leaves. Without `smtp` it is offered to nobody.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    pub smtp: Option<Smtp>,
    /// The most mails a day (UTC) in all, and to one domain.
    pub per_day: Option<u64>,
    pub per_domain: Option<u64>,
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
            .map_err(|error| error::wrong(&error, file))?;
        config.check()?;
        Ok(config)
    }

    /// Makes it a demo for the person in front of this machine.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where others could reach it: whoever sees its terminal and its figures sees everybody's.
    pub fn make_demo(&mut self) -> Result<(), ConfigError> {
        if !self.server.listen.ip().is_loopback() {
            return Err(ConfigError::of(
                "server.listen",
                "can be reached from other machines, and --demo writes codes to the terminal",
                "Listen on 127.0.0.1, or leave --demo out and set up mail ([mail.smtp]).",
            ));
        }
        if self.server.public_url.is_some() {
            return Err(ConfigError::of(
                "server.public_url",
                "is an address for others, and --demo writes codes to the terminal",
                "Leave it out for the demo, or leave --demo out and set up mail ([mail.smtp]).",
            ));
        }
        if self.clients.is_empty() {
            self.clients = vec![Client {
                id: "example-tv-app".to_owned(),
                name: "Example TV app".to_owned(),
            }];
        }
        self.demo = true;
        Ok(())
    }

    /// Codes are written to the terminal: the server is a demo for the person in front of it.
    pub fn is_demo(&self) -> bool {
        self.demo
    }

    /// The address people type, without a slash at its end.
    pub fn public_url(&self, bound: SocketAddr) -> String {
        match &self.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{bound}"),
        }
    }
}

/// The environment speaks in `COUCHKEY_PLATFORM_SERVER__LISTEN` and the like.
pub const PREFIX: &str = "COUCHKEY_PLATFORM_";

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
    fn nothing_configured_is_the_loopback_and_no_demo() {
        let mut config = Config::load(None).expect("the defaults are fine");
        assert!(!config.is_demo());
        assert!(config.server.listen.ip().is_loopback());
        assert!(config.make_demo().is_ok() && config.is_demo());
    }

    /// Row 20 of issue 17: each was accepted in silence, or answered in words of a programmer.
    #[test]
    fn row_20_what_cannot_be_meant_is_refused_with_its_field_and_a_cure() {
        let smpp = "[sms.smpp]\nhost = \"smsc\"\nsystem_id = \"x\"\npassword = \"hunter2hunter2\"\nsource = \"TV\"\n";
        let germany = "[sms]\nunits_per_day = 9\ncountries = [{ country = \"Germany\", units = 7, units_per_day = 9 }]\n";
        let free = "[sms]\ncountries = [{ country = \"DE\", units = 7, units_per_day = 9 }]\n";
        for (toml, field, cure) in [
            (
                germany.to_owned(),
                "sms.countries has a country",
                "two letters",
            ),
            (
                smpp.to_owned(),
                "sms.countries is empty",
                "Name each country",
            ),
            (
                format!("{free}{smpp}"),
                "sms.units_per_day is 0",
                "all text messages",
            ),
            (
                "[log]\nlevel = \"loud\"".to_owned(),
                "log.level",
                "warn, info",
            ),
            (
                "[log]\nlevel = \"info,sqlx\"".to_owned(),
                "log.level",
                "warn, info",
            ),
            (
                "[server]\npublic_url = \"https://tv:hunter2@tv.example\"".to_owned(),
                "server.public_url",
                "host alone",
            ),
            (
                "[server]\npublic_url = \"https://tv.example/login\"".to_owned(),
                "server.public_url",
                "host alone",
            ),
            (
                "[server]\nbody_limit = -5".to_owned(),
                "server.body_limit",
                "Write a whole number, 0 or more.",
            ),
            (
                "[server]\nstop_seconds = \"ten\"".to_owned(),
                "server.stop_seconds",
                "Write a whole number, 0 or more.",
            ),
            (
                "[server]\nallowed_origins = 5".to_owned(),
                "server.allowed_origins",
                "Write a list",
            ),
        ] {
            let said = refusal(&toml);
            assert!(
                said.contains(field) && said.contains(cure),
                "{toml}\n{said}"
            );
            for odd in ["hunter2", "usize", "u64", "struct", "sequence"] {
                assert!(!said.contains(odd), "{odd}: {said}");
            }
        }
        for fine in [
            "debug",
            "info,sqlx=debug",
            "WARN",
            "trace,hyper=info,h2=info",
        ] {
            assert_eq!(refusal(&format!("[log]\nlevel = \"{fine}\"")), "accepted");
        }
        assert_eq!(
            refusal("[server]\npublic_url = \"https://tv.example/\""),
            "accepted"
        );
    }

    /// Row 6 of issue 17.
    #[test]
    fn row_6_a_demo_that_others_could_reach_is_refused() {
        for server in [
            Server {
                public_url: Some("https://tv.example".to_owned()),
                ..Server::default()
            },
            Server {
                listen: SocketAddr::from(([0, 0, 0, 0], 80)),
                ..Server::default()
            },
        ] {
            let mut config = Config {
                server,
                ..Config::default()
            };
            let refused = config.make_demo().expect_err("others could reach it");
            assert!(refused.to_string().contains("--demo"), "{refused}");
            assert!(!config.is_demo());
        }
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
            (
                "[service]\ndevices_per_person = 0",
                "service.devices_per_person",
            ),
            ("[tokens]\naudience = \" \"", "tokens.audience"),
            ("[service]\nname = \"\"", "service.name"),
            ("[service]\nname = \"\u{202e}VT elpmaxE\"", "service.name"),
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
            ("[data]\nconnections = -1", "data.connections"),
            ("password = hunter2hunter2", "line 1"),
        ] {
            let said = refusal(toml);
            assert!(said.contains(key), "{toml}\n{said}");
            assert!(said.contains("\nhint: "), "{toml}\n{said}");
            assert!(!said.contains("hunter2"), "a value is never quoted: {said}");
        }
    }
}
