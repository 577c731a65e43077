//! From the configuration to whoever delivers messages: SMTP, an HTTP gateway, SMPP, the terminal of a demo, or nobody.
use std::{fs, path::Path, sync::Arc};

use async_trait::async_trait;
use couchkey_platform::{
    DeliveryError, HttpBody, HttpGateway, HttpGatewaySettings, HttpSuccess, Mailer, Message,
    SmppGateway, SmppGatewaySettings, SmsGateway, SmtpMailer, SmtpSecurity as Security,
    SmtpSettings, Terminal,
};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use crate::config::{Config, ConfigError, Smpp, SmsHttp, Smtp, SmtpSecurity};

/// Who delivers mails, and who text messages.
pub type Deliverers = (Arc<dyn Mailer>, Arc<dyn SmsGateway>);

/// Those of the configuration.
///
/// # Errors
///
/// [`ConfigError`] when a setting cannot be used.
pub fn both(config: &Config) -> Result<Deliverers, ConfigError> {
    let brand = &config.service.name;
    let terminal = Arc::new(Terminal::stderr());
    let mailer: Arc<dyn Mailer> = match &config.mail.smtp {
        Some(smtp) => Arc::new(mail(smtp, brand)?),
        None if config.is_demo() => terminal.clone(),
        None => Arc::new(Nobody),
    };
    let sms: Arc<dyn SmsGateway> = match (&config.sms.http, &config.sms.smpp) {
        (Some(http), _) => Arc::new(gateway(http, brand)?),
        (_, Some(smpp)) => Arc::new(smsc(smpp, brand)?),
        _ if config.is_demo() => terminal,
        _ => Arc::new(Nobody),
    };
    Ok((mailer, sms))
}

fn mail(smtp: &Smtp, brand: &str) -> Result<SmtpMailer, ConfigError> {
    let mut settings = SmtpSettings::new(&smtp.host, &smtp.from, brand);
    settings.port = smtp.port;
    settings.security = match smtp.security {
        SmtpSecurity::Starttls => Security::StartTls,
        SmtpSecurity::Tls => Security::Tls,
        SmtpSecurity::None => Security::None,
    };
    if let (Some(user), Some(password)) = (&smtp.user, &smtp.password) {
        settings.login = Some((
            user.clone(),
            Zeroizing::new(password.expose_secret().to_owned()),
        ));
    }
    settings.authority = authority("mail.smtp.ca_file", smtp.ca_file.as_deref())?;
    SmtpMailer::new(settings)
        .map_err(|error| ConfigError::new(format!("mail.smtp: {error}"), error.hint()))
}

fn gateway(http: &SmsHttp, brand: &str) -> Result<HttpGateway, ConfigError> {
    let body = match (&http.json, &http.form) {
        (Some(json), None) => HttpBody::Json(json.clone()),
        (None, Some(form)) => HttpBody::Form(form.clone().into_iter().collect()),
        (None, None) => HttpBody::Empty,
        (Some(_), Some(_)) => {
            return Err(ConfigError::of(
                "sms.http",
                "has both json and form",
                "Keep the one that your provider reads.",
            ));
        }
    };
    let mut settings = HttpGatewaySettings::new(http.url.expose_secret(), body, brand);
    if let Some(method) = &http.method {
        settings.method = method.clone();
    }
    settings.headers = http
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                Zeroizing::new(value.expose_secret().to_owned()),
            )
        })
        .collect();
    if http.idempotency_header.is_some() {
        settings.idempotency_header = http.idempotency_header.clone();
    }
    settings.success = HttpSuccess {
        value: http.success_at.clone().zip(http.success_value.clone()),
    };
    settings.web_otp_domain = http.web_site.clone();
    settings.authority = authority("sms.http.ca_file", http.ca_file.as_deref())?;
    HttpGateway::new(settings)
        .map_err(|error| ConfigError::new(format!("sms.http: {error}"), error.hint()))
}

fn smsc(smpp: &Smpp, brand: &str) -> Result<SmppGateway, ConfigError> {
    let mut settings = SmppGatewaySettings::new(
        &smpp.host,
        &smpp.system_id,
        smpp.password.expose_secret(),
        &smpp.source,
        brand,
    );
    settings.port = smpp.port;
    settings.tls = smpp.tls;
    settings.system_type = smpp.system_type.clone();
    settings.web_otp_domain = smpp.web_site.clone();
    settings.authority = authority("sms.smpp.ca_file", smpp.ca_file.as_deref())?;
    let gateway = SmppGateway::new(settings)
        .map_err(|error| ConfigError::new(format!("sms.smpp: {error}"), error.hint()))?;
    if gateway.is_unprotected() {
        tracing::warn!(
            "sms.smpp.tls is off: codes cross the network to the SMSC in the clear, unless it is a VPN"
        );
    }
    Ok(gateway)
}

fn authority(key: &str, file: Option<&Path>) -> Result<Option<Vec<u8>>, ConfigError> {
    file.map(|file| {
        fs::read(file).map_err(|error| {
            ConfigError::new(
                format!("{key}: {} cannot be read: {}", file.display(), error.kind()),
                "Name a certificate in PEM form that this server may read.",
            )
        })
    })
    .transpose()
}

/// This way of sending is not set up. No message should come here: the API and the pages offer it to nobody.
struct Nobody;

#[async_trait]
impl Mailer for Nobody {
    async fn send(&self, _: &Message) -> Result<(), DeliveryError> {
        Err(DeliveryError::Permanent {
            reason: "not_set_up",
        })
    }
}

#[async_trait]
impl SmsGateway for Nobody {
    async fn send(&self, _: &Message) -> Result<(), DeliveryError> {
        Err(DeliveryError::Permanent {
            reason: "not_set_up",
        })
    }
}
