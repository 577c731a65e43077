//! Which settings cannot be meant: each is refused with its field, and what to write instead.
use std::net::IpAddr;

use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use super::{Config, ConfigError, SmtpSecurity};

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
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
                let authority = uri.as_ref().and_then(|uri| uri.authority());
                let path = uri.as_ref().map_or("", |uri| uri.path());
                if authority.is_some_and(|authority| authority.as_str().contains('@')) {
                    return Err(ConfigError::of(
                        "server.public_url",
                        "has a name or a password in it, and it is shown to everybody",
                        "Write the scheme and the host alone: https://login.example.tv",
                    ));
                }
                if !matches!(path, "" | "/") || url.contains(['?', '#']) {
                    return Err(ConfigError::of(
                        "server.public_url",
                        "has something behind the host",
                        "Write the scheme and the host alone: https://login.example.tv. The pages need a host of their own.",
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
        if !self.log.level.as_deref().is_none_or(is_level) {
            return Err(ConfigError::of(
                "log.level",
                "is not a level",
                "Write error, warn, info or debug; or tracing's directives, as in info,sqlx=debug.",
            ));
        }
        within("data.connections", self.data.connections.into(), 1, 1_000)?;
        within(
            "server.connections",
            self.server.connections as u64,
            2,
            1_000_000,
        )?;
        within("server.head_seconds", self.server.head_seconds, 1, 600)?;
        within(
            "server.request_seconds",
            self.server.request_seconds,
            1,
            600,
        )?;
        within("server.stop_seconds", self.server.stop_seconds, 1, 600)?;
        within(
            "service.devices_per_person",
            self.service.devices_per_person as u64,
            1,
            10_000,
        )?;
        let name = &self.service.name;
        let plain = couchkey_platform::is_plain(name);
        if name.trim().is_empty() || name.chars().count() > 64 || !plain {
            return Err(ConfigError::of(
                "service.name",
                "is empty, longer than 64 characters, or has something in it that cannot be shown",
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
        if let Some(name) = &self.server.place_header
            && name.parse::<axum::http::HeaderName>().is_err()
        {
            return Err(ConfigError::of(
                "server.place_header",
                "is no name of a header",
                "Write the one that your proxy sets, as in X-Client-Place.",
            ));
        }
        if let Some(audience) = &self.tokens.audience
            && (audience.trim().is_empty() || audience.len() > 256)
        {
            return Err(ConfigError::of(
                "tokens.audience",
                "is empty or longer than 256 bytes",
                "Write what your other systems expect as aud, as in https://api.example.tv; or leave it out.",
            ));
        }
        for (at, client) in self.clients.iter().enumerate() {
            let short = |text: &str| (1..=64).contains(&text.chars().count());
            let plain = |text: &str| couchkey_platform::is_plain(text);
            if !short(&client.id)
                || !short(&client.name)
                || !plain(&client.id)
                || !plain(&client.name)
            {
                return Err(ConfigError::of(
                    "clients",
                    "has an id or a name that is empty, longer than 64 characters or cannot be shown",
                    "Write what the app sends as client_id, and the name that people know it by.",
                ));
            }
            if self.clients[..at].iter().any(|other| other.id == client.id) {
                return Err(ConfigError::of(
                    "clients",
                    "has one id twice",
                    "Keep one of the two.",
                ));
            }
        }
        for country in &self.sms.countries {
            let known = couchkey_platform::SmsCountry {
                country: country.country.clone(),
                units: country.units,
                units_per_day: country.units_per_day,
            };
            if !known.is_known() {
                return Err(ConfigError::of(
                    "sms.countries",
                    "has a country that is not two letters of ISO 3166-1",
                    "Write the two letters, in capitals: DE for Germany, GB for the United Kingdom.",
                ));
            }
        }
        if self.sms.http.is_some() || self.sms.smpp.is_some() {
            if self.sms.countries.is_empty() {
                return Err(ConfigError::of(
                    "sms.countries",
                    "is empty, so no text message would ever be sent",
                    "Name each country that is served, with its price: [{ country = \"DE\", units = 7, units_per_day = 20000 }]",
                ));
            }
            if self.sms.units_per_day == 0 {
                return Err(ConfigError::of(
                    "sms.units_per_day",
                    "is 0 or missing, so no text message would ever be sent",
                    "Write what all text messages of a day may cost together.",
                ));
            }
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

/// A level, or directives of tracing's with a level in each.
fn is_level(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let known = |word: &str| LEVELS.contains(&word.to_ascii_lowercase().as_str());
    text.split(',').all(|one| {
        let (_, level) = one.rsplit_once('=').unwrap_or(("", one));
        known(level.trim())
    }) && EnvFilter::try_new(text).is_ok()
}

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
