//! The platform's server. Without a configuration it is a demo on the loopback; see docs/platform-server.md.
#![forbid(unsafe_code)]

mod config;
mod delivery;
mod http;
mod pages;
mod start;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{config::Config, start::StartError};

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
        Some(Command::ApiKey(command)) => {
            let records =
                http::records::Records::new(start::platform(&config, "http://localhost").await?);
            match command {
                ApiKey::New { name } => {
                    println!("{}", records.new_api_key(&name).await?);
                    eprintln!("This is shown once. Services send it as: Authorization: Bearer KEY");
                }
                ApiKey::List => {
                    for (name, created) in records.api_keys().await? {
                        println!("{name}\tsince {created} (seconds since 1970)");
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
                        eprintln!("{ended} ended; running servers refuse it within five seconds")
                    }
                },
            }
            Ok(())
        }
    }
}
