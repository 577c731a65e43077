//! The platform's server, or with `--demo` a demo of it on the loopback; see docs/platform-server.md.
#![forbid(unsafe_code)]

mod app;
mod config;
mod delivery;
mod http;
mod pages;
mod serve;
mod start;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    app::records::{AUDIT_DAYS, Act, Right, Who},
    config::Config,
    start::StartError,
};

/// Issues QR codes, accepts each code exactly once, sends codes by mail and SMS, signs televisions in.
#[derive(Parser)]
#[command(name = "couchkey-platform", version)]
struct Args {
    /// The configuration (TOML); COUCHKEY_PLATFORM_SERVER__LISTEN and the like go over it
    #[arg(
        long,
        env = "COUCHKEY_PLATFORM_CONFIG",
        value_name = "FILE",
        global = true
    )]
    config: Option<PathBuf>,
    /// Where the database and the key file are, instead of the configuration's data.dir
    #[arg(
        long,
        env = "COUCHKEY_PLATFORM_DATA_DIR",
        value_name = "DIR",
        global = true
    )]
    data_dir: Option<PathBuf>,
    /// A demo for the person in front of this machine: codes by mail and SMS are written to the terminal
    #[arg(long)]
    demo: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server (what happens without a command)
    Serve,
    /// Keys for services that call the API
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// The audit log, a JSON object a line: who did what to whom, and when
    Audit {
        /// How many days back, today included
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=AUDIT_DAYS))]
        days: u64,
    },
    /// Write all of the SQLite database into a new file, while the server runs
    Backup {
        /// The file, which must not be there
        file: PathBuf,
    },
    /// Put a backup where the database belongs, while no server runs
    Restore {
        /// What `backup` wrote
        file: PathBuf,
    },
    /// Read the configuration, say what it means, and stop
    Check,
    /// Print the OpenAPI document
    Openapi,
}

#[derive(Subcommand)]
enum ApiKey {
    /// Make a key and print it once; only its hash is kept
    New {
        /// Which service it is for
        name: String,
        /// What it may do; without this: sign people in and manage their accounts
        #[arg(long, value_name = "RIGHT", value_delimiter = ',', default_values_t = [Right::Signin, Right::Manage])]
        may: Vec<Right>,
        /// After how many days it ends by itself; without this, when it is revoked
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// The names of the keys that there are
    List,
    /// End every key of that name
    Revoke {
        /// The name that was given to `new`
        name: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), StartError> {
    let mut config = Config::load(args.config.as_deref())?;
    if args.demo {
        config.make_demo()?;
    }
    if args.data_dir.is_some() {
        config.data.dir = args.data_dir;
    }
    match args.command {
        Some(Command::Openapi) => {
            print!("{}", http::api::document_text());
            Ok(())
        }
        None | Some(Command::Serve) => start::serve(config).await,
        Some(Command::Check) => {
            println!("{}", start::described(&config)?);
            Ok(())
        }
        Some(Command::Audit { days }) => {
            let platform = start::platform(&config, "http://localhost").await?;
            let records = app::records::Records::new(platform);
            for days_ago in (0..days).rev() {
                for entry in records.audit(days_ago).await? {
                    let line = serde_json::to_string(&entry).expect("it is plain JSON");
                    println!("{line}");
                }
            }
            Ok(())
        }
        Some(Command::Backup { file }) => {
            start::backup(&config, &file).await?;
            eprintln!(
                "{} has everything but the key file: keep that apart from it",
                file.display()
            );
            Ok(())
        }
        Some(Command::Restore { file }) => {
            let there = start::restore(&config, &file).await?;
            eprintln!("{} is there; start the server", there.display());
            Ok(())
        }
        Some(Command::ApiKey(command)) => {
            let records =
                app::records::Records::new(start::platform(&config, "http://localhost").await?);
            match command {
                ApiKey::New { name, may, days } => {
                    println!("{}", records.new_api_key(&name, &may, days).await?);
                    let made = Act::ApiKeyMade;
                    records.note_of(&Who::CommandLine, made, Some(&name)).await;
                    eprintln!("This is shown once. Services send it as: Authorization: Bearer KEY");
                }
                ApiKey::List => {
                    for key in records.api_keys().await? {
                        let (name, created, rights) = (key.name, key.created, key.rights);
                        let used = key.used.map_or("never".to_owned(), |used| used.to_string());
                        let ends = key
                            .ends
                            .map_or("revoked".to_owned(), |ends| ends.to_string());
                        println!(
                            "{name}\tsince {created} (seconds since 1970)\t{rights}\tused {used}\tuntil {ends}"
                        );
                    }
                }
                ApiKey::Revoke { name } => match records.revoke_api_keys(&name).await? {
                    0 => {
                        return Err(StartError::new(
                            format!("there is no API key named {name}"),
                            "See the names with: couchkey-platform api-key list",
                        ));
                    }
                    ended => {
                        let revoked = Act::ApiKeysRevoked;
                        records
                            .note_of(&Who::CommandLine, revoked, Some(&name))
                            .await;
                        eprintln!("{ended} ended; running servers refuse it within five seconds")
                    }
                },
            }
            Ok(())
        }
    }
}
