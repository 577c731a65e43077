//! What every request may use: the platform, the records beside it, the settings; and what the API and the pages share.
pub mod auth;
pub mod extract;
pub mod figures;
pub mod limits;
pub mod problem;
pub mod records;
pub mod tokens;

use std::{
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use couchkey_platform::{PersonId, Platform, Recipient, StoreError};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use problem::{Code, Problem};

/// What every request may use. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The parts of an [`App`].
pub struct Inner {
    pub platform: Platform,
    pub records: records::Records,
    pub tokens: tokens::Tokens,
    pub config: Config,
    /// Under which people reach this server, without a slash at its end.
    pub public_url: String,
    /// Mail and SMS go to the terminal.
    pub demo: bool,
    pub keys: auth::Keys,
    pub limits: limits::Limits,
    pub figures: figures::Figures,
    pub prometheus: PrometheusHandle,
    /// Whether somebody was warned of a proxy that nobody trusts.
    warned: AtomicBool,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// An app on this platform.
    pub fn new(
        platform: Platform,
        config: Config,
        bound: SocketAddr,
        prometheus: PrometheusHandle,
    ) -> App {
        let public_url = config.public_url(bound);
        let audience = config.tokens.audience.as_ref().unwrap_or(&public_url);
        App(Arc::new(Inner {
            records: records::Records::new(platform.clone()),
            tokens: tokens::Tokens::new(platform.clone(), &public_url, audience),
            platform,
            public_url,
            demo: config.is_demo(),
            keys: auth::Keys::default(),
            limits: limits::Limits::new(config.server.requests_per_minute),
            figures: figures::Figures::default(),
            prometheus,
            warned: AtomicBool::new(false),
            config,
        }))
    }

    /// What people know this app by, if it is one that may ask.
    pub fn client(&self, id: &str) -> Option<&str> {
        let client = self.config.clients.iter().find(|client| client.id == id);
        client.map(|client| client.name.as_str())
    }

    /// Says once that a proxy forwards requests and is not in the settings: all its customers share one allowance then.
    pub fn warn_of_a_proxy(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "requests come with X-Forwarded-For, and server.trusted_proxies is empty: everybody behind the proxy counts \
                 as one address, so one of them can use up what all of them may try. Name the proxy there"
            );
        }
    }

    /// Whether people reach it by TLS, so that cookies can be `Secure`.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// Whether this way of sending is set up.
    pub fn sends(&self, channel: Channel) -> bool {
        self.demo
            || match channel {
                Channel::Email => self.config.mail.smtp.is_some(),
                Channel::Sms => self.config.sms.http.is_some() || self.config.sms.smpp.is_some(),
            }
    }

    /// An address that this server can write to.
    pub fn recipient(&self, channel: Channel, to: &str) -> Result<Recipient, Problem> {
        if !self.sends(channel) {
            return Err(Code::ChannelUnavailable.into());
        }
        let parsed = match channel {
            Channel::Email => Recipient::email(to),
            Channel::Sms => Recipient::phone(to),
        };
        parsed.map_err(|error| Problem::new(Code::UndeliverableAddress).detail(error.hint()))
    }

    /// Whether a person may be signed in on one device more. Of two at the same moment both may come in: it is no matter of safety.
    pub async fn has_room(&self, person: &PersonId) -> Result<bool, StoreError> {
        let most = self.config.service.devices_per_person;
        Ok(self.records.devices(person).await? < most)
    }

    /// Forgets a person: their app, their sessions, their number.
    pub async fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        self.platform.forget(person).await?;
        self.records.forget(person).await
    }
}

impl From<couchkey_platform::Channel> for Channel {
    fn from(channel: couchkey_platform::Channel) -> Channel {
        match channel {
            couchkey_platform::Channel::Email => Channel::Email,
            couchkey_platform::Channel::Sms => Channel::Sms,
        }
    }
}

/// How a code travels.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
}
