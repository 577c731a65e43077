//! From a configuration to a running server, and back down without losing anything.
use std::{
    fmt, fs, io,
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use couchkey_platform::{
    KeyRing, Outbox, OutboxSettings, Platform, Settings, Store, StoreError, SystemClock,
    store::{PostgresStore, SqliteStore},
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, sync::watch};
use tracing_subscriber::{EnvFilter, fmt as log, prelude::*};

use crate::{
    config::{Config, ConfigError, LogFormat},
    delivery,
    http::{self, App},
};

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

    let service = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let mut asked = stopping.clone();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        let _ = asked.wait_for(|stop| *stop).await;
    });
    let server = tokio::spawn(async move { server.await });
    // The listener is bound and the database is there: whoever waits for this line can connect.
    // Nobody has to read it.
    let mut out = io::stdout();
    let _ = writeln!(out, "{greeting}").and_then(|()| out.flush());

    told_to_stop().await;
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

/// The database of the configuration, with its migrations run.
async fn open_store(config: &Config, dir: &Path) -> Result<Arc<dyn Store>, StartError> {
    Ok(match &config.data.url {
        Some(url) => {
            Arc::new(PostgresStore::connect(url.expose_secret(), config.data.connections).await?)
        }
        None => Arc::new(SqliteStore::open(&dir.join("platform.sqlite")).await?),
    })
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

/// The configured key file, or `keys` in the data folder, which is made at the first start.
fn keys(config: &Config, dir: &Path) -> Result<KeyRing, StartError> {
    let path = config.keys.file.clone().unwrap_or_else(|| dir.join("keys"));
    let shown = path.display();
    match fs::read_to_string(&path) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            only_ours(&path)?;
            KeyRing::from_text(&text).map_err(|error| {
                StartError::new(
                    format!("keys.file: {shown}, {error}"),
                    "Take the file that this database was made with.",
                )
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && config.keys.file.is_none() => {
            let keys = KeyRing::generate();
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let written = options.open(&path).and_then(|mut file| {
                file.write_all(keys.to_text().as_bytes())?;
                file.sync_all()
            });
            match written {
                Ok(()) => Ok(keys),
                Err(error) => Err(StartError::new(
                    format!("the key file {shown} cannot be written: {}", error.kind()),
                    "Check that data.dir can be written, or name a file with keys.file.",
                )),
            }
        }
        Err(error) => Err(StartError::new(
            format!("keys.file: {shown} cannot be read: {}", error.kind()),
            "Check the path and who may read it. Without keys.file one is made in data.dir.",
        )),
    }
}

/// Whoever reads the keys and the database has every secret, so nobody else may read the file.
#[cfg(unix)]
fn only_ours(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map(|about| about.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        return Err(StartError::new(
            format!(
                "keys.file: {} can be read by others on this machine",
                path.display()
            ),
            format!("chmod 600 {}", path.display()),
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn only_ours(_: &Path) -> Result<(), StartError> {
    Ok(())
}

fn data_dir(config: &Config) -> Result<PathBuf, StartError> {
    if let Some(dir) = &config.data.dir {
        return Ok(dir.clone());
    }
    directories::ProjectDirs::from("", "", "couchkey-platform")
        .map(|dirs| dirs.data_local_dir().to_owned())
        .ok_or_else(|| {
            StartError::new(
                "there is no home directory to keep data in",
                "Name a folder with data.dir, or with --data-dir.",
            )
        })
}

fn make_private_dir(dir: &Path) -> Result<(), StartError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| {
        StartError::new(
            format!(
                "data.dir: {} cannot be made: {}",
                dir.display(),
                error.kind()
            ),
            "Check the path, or name another with --data-dir.",
        )
    })
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
    let filter = EnvFilter::try_new(level).map_err(|_| {
        StartError::new(
            "log.level is not a level",
            "Write error, warn, info or debug; or tracing's directives, as in info,sqlx=debug.",
        )
    })?;
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
    Ok(format!(
        "database  {database}\nmail      {mail}\nSMS       {sms}"
    ))
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
    }
    lines.join("\n")
}

/// SIGTERM, or Ctrl-C.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            }
            Err(_) => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
}
