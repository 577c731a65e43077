//! From a configuration to a running server, and back down without losing anything.
mod data;

use std::{
    fmt, io,
    io::{IsTerminal, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use couchkey_platform::{Outbox, OutboxSettings, Platform, Settings, StoreError, SystemClock};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tokio::{net::TcpListener, sync::watch};
use tracing_subscriber::{EnvFilter, fmt as log, prelude::*};

use crate::{
    app::App,
    config::{Config, ConfigError, LogFormat},
    delivery, http, serve,
};
use data::{data_dir, keys, make_private_dir, open_store};

pub use data::{backup, restore};

/// Why the server does not start: what happened and what to do.
#[derive(Debug)]
pub struct StartError(ConfigError);

impl StartError {
    /// Without any value of the configuration in it.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> StartError {
        StartError(ConfigError::new(message, hint))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        StartError(error)
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        let hint = match error {
            StoreError::Unavailable => {
                "Check data.url and that the database runs and lets this machine in."
            }
            StoreError::Full => "Check that data.dir can be written and that the disk has space.",
            StoreError::Schema => {
                "Start the newer version of couchkey-platform, or use another database."
            }
            StoreError::Unreadable => {
                "Check that keys.file is the one that this database was made with."
            }
            StoreError::NotDurable => {
                "Set synchronous_commit to on (or remote_apply) for this database: ALTER DATABASE … SET synchronous_commit = on."
            }
            StoreError::Damaged => {
                "Bring back a backup of the database; the damaged file may help whoever looks into it, so keep a copy."
            }
            _ => "The log of the database says more.",
        };
        StartError::new(error.to_string(), hint)
    }
}

/// Runs until it is told to stop (SIGTERM or Ctrl-C), then lets requests that are under way end.
pub async fn serve(config: Config) -> Result<(), StartError> {
    start_log(&config)?;
    let (mailer, sms) = delivery::both(&config)?;
    let prometheus = start_figures()?;
    let listener = TcpListener::bind(config.server.listen)
        .await
        .map_err(|error| busy(config.server.listen, &error))?;
    let bound = listener
        .local_addr()
        .map_err(|error| busy(config.server.listen, &error))?;
    let public_url = config.public_url(bound);
    let platform = platform(&config, &public_url).await?;
    let stop_seconds = config.server.stop_seconds;
    let greeting = greeting(&config, bound, &public_url);
    let app = App::new(platform, config, bound, prometheus);

    let (stop, stopping) = watch::channel(false);
    let outbox = Outbox::new(app.platform.clone(), mailer, sms, OutboxSettings::default());
    let mut asked = stopping.clone();
    let outbox = tokio::spawn(async move {
        outbox
            .run(async {
                let _ = asked.wait_for(|stop| *stop).await;
            })
            .await;
    });
    let upkeep = tokio::spawn(upkeep(app.clone(), stopping.clone()));

    let (router, serving) = (http::router(app.clone()), app.clone());
    let server = tokio::spawn(async move {
        let settings = &serving.config.server;
        serve::serve(listener, router, settings, stopping).await;
    });
    let told_to_stop = told_to_stop();
    // The listener is bound and the database is there: whoever waits for this line can connect.
    // Nobody has to read it.
    let mut out = io::stdout();
    let _ = writeln!(out, "{greeting}").and_then(|()| out.flush());

    told_to_stop.await;
    tracing::info!("stopping");
    let _ = stop.send(true);
    let patience = Duration::from_secs(stop_seconds);
    if tokio::time::timeout(patience, server).await.is_err() {
        tracing::warn!(
            seconds = stop_seconds,
            "requests were still under way and were cut off"
        );
    }
    let _ = tokio::time::timeout(patience, async { tokio::join!(outbox, upkeep) }).await;
    if let Err(error) = app.keep_figures().await {
        tracing::warn!(%error, "the last figures were not kept");
    }
    tracing::info!("stopped");
    Ok(())
}

/// The use cases on the configured store.
pub async fn platform(config: &Config, public_url: &str) -> Result<Platform, StartError> {
    let dir = data_dir(config)?;
    make_private_dir(&dir)?;
    let keys = keys(config, &dir)?;
    let settings = settings(config, public_url);
    let store = open_store(config, &dir).await?;
    Ok(Platform::start(store, Arc::new(SystemClock), keys, settings).await?)
}

/// What has to be done from time to time, on every instance: figures written down, what has ended removed.
async fn upkeep(app: App, mut stopping: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(Duration::from_secs(10));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for round in 0_u64.. {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = app.keep_figures().await {
            tracing::warn!(%error, "the figures were not kept; they will be with the next round");
        }
        if round % 6 == 0 {
            app.limits.sweep();
            if let Err(error) = app.platform.sweep().await {
                tracing::warn!(%error, "what has ended was not removed; the next round tries again");
            }
        }
    }
}

fn settings(config: &Config, public_url: &str) -> Settings {
    let mut settings = Settings::new(config.service.name.clone(), format!("{public_url}/link"));
    settings.mail.per_day = config.mail.per_day;
    settings.mail.per_domain = config.mail.per_domain;
    settings.sms = couchkey_platform::SmsPolicy {
        countries: config
            .sms
            .countries
            .iter()
            .map(|country| couchkey_platform::SmsCountry {
                country: country.country.clone(),
                units: country.units,
                units_per_day: country.units_per_day,
            })
            .collect(),
        units_per_day: config.sms.units_per_day,
    };
    if config.is_demo() && settings.sms.countries.is_empty() {
        // On the terminal a message costs nothing; a few countries to try it with.
        settings.sms.units_per_day = 1_000;
        settings.sms.countries = ["DE", "FR", "GB", "PT", "FI", "US"]
            .map(|country| couchkey_platform::SmsCountry {
                country: country.to_owned(),
                units: 1,
                units_per_day: 1_000,
            })
            .to_vec();
    }
    settings
}

fn busy(listen: SocketAddr, error: &io::Error) -> StartError {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "Another program has this port, perhaps this server in another window. Stop it, or choose another port."
        }
        io::ErrorKind::PermissionDenied => {
            "Ports below 1024 need rights. Take a higher one and put a proxy in front."
        }
        _ => "Check server.listen: an address of this machine and a port, as in 127.0.0.1:8480.",
    };
    StartError::new(
        format!("server.listen: cannot listen on {listen}: {}", error.kind()),
        hint,
    )
}

fn start_log(config: &Config) -> Result<(), StartError> {
    let level = config.log.level.as_deref().unwrap_or("info,sqlx=warn");
    // The settings have been checked: this is one.
    let filter = EnvFilter::try_new(level).unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter);
    match config.log.format {
        LogFormat::Json => registry
            .with(log::layer().json().with_writer(io::stderr))
            .init(),
        LogFormat::Text => registry
            .with(
                log::layer()
                    .compact()
                    .with_target(false)
                    .with_ansi(io::stderr().is_terminal())
                    .with_writer(io::stderr),
            )
            .init(),
    }
    Ok(())
}

/// Buckets, so that the figures of several instances can be added up.
fn start_figures() -> Result<metrics_exporter_prometheus::PrometheusHandle, StartError> {
    let seconds = [
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ];
    let journey = [
        15.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1_800.0, 3_600.0,
    ];
    let steps = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("first_page_to_signed_in_seconds".to_owned()),
            &journey,
        )
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Full("otp_drift_steps".to_owned()), &steps)
        })
        .and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| {
            StartError::new(
                format!("the figures cannot be started: {error}"),
                "This is a defect: please report it.",
            )
        })
}

/// What this configuration means, for people.
pub fn described(config: &Config) -> Result<String, StartError> {
    delivery::both(config)?;
    let database = if config.data.url.is_some() {
        "PostgreSQL (data.url)".to_owned()
    } else {
        format!("SQLite in {}", data_dir(config)?.display())
    };
    let terminal = if config.is_demo() {
        "this terminal (demo)"
    } else {
        "nowhere: not set up"
    };
    let mail = if config.mail.smtp.is_some() {
        "SMTP"
    } else {
        terminal
    };
    let sms = match (&config.sms.http, &config.sms.smpp) {
        (Some(_), _) => "an HTTP gateway",
        (_, Some(_)) => "SMPP",
        _ => terminal,
    };
    let mut said = format!("database  {database}\nmail      {mail}\nSMS       {sms}");
    let https = config.server.public_url.as_ref();
    if config.server.trusted_proxies.is_empty()
        && https.is_some_and(|url| url.starts_with("https:"))
    {
        said.push_str(
            "\nwarning: server.trusted_proxies is empty, and server.public_url is https, so a proxy is in front: everybody \
             behind it counts as one address\nhint: Name the proxy's address or network there, as in [\"10.0.0.0/8\"].",
        );
    }
    Ok(said)
}

/// What is said when the server is there.
fn greeting(config: &Config, bound: SocketAddr, public_url: &str) -> String {
    let mut lines = vec![format!("Couchkey platform is listening on http://{bound}")];
    if config.is_demo() {
        lines.push(String::new());
        lines.push("  This is a demo. Codes by mail and SMS are written HERE instead of being sent, and only this machine".to_owned());
        lines.push(
            "  can reach it. docs/platform-server.md says how to run it for real (--config)."
                .to_owned(),
        );
        lines.push(String::new());
        if config.service.pages {
            lines.push(format!("  Sign up           {public_url}/signup"));
            lines.push(format!("  Television page   {public_url}/tv"));
            lines.push(format!("  Operator's page   {public_url}/operator"));
        }
        lines.push(format!("  API               {public_url}/openapi.json   (a key: couchkey-platform api-key new NAME)"));
        lines.push(String::new());
        lines.push("  Cookies have no __Host- prefix and are not Secure here, because this is plain http on the loopback.".to_owned());
        lines.push("  Press Ctrl-C to stop.".to_owned());
    } else if config.mail.smtp.is_none() && config.sms.http.is_none() && config.sms.smpp.is_none() {
        lines.push("  No mail and no SMS is set up: codes come from the app alone ([mail.smtp], [sms.http], [sms.smpp]).".to_owned());
        lines.push("  To try it out: couchkey-platform --demo".to_owned());
    }
    lines.join("\n")
}

/// Ends with SIGTERM or Ctrl-C. From this call on they are ours: none that comes later ends the process by itself.
fn told_to_stop() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let both = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        async move {
            if let [Ok(mut terminate), Ok(mut interrupt)] = both {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            } else {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
    #[cfg(not(unix))]
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}
