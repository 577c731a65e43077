//! The `couchkey` command: the use cases of an authenticator for terminals and scripts.
#![forbid(unsafe_code)]

mod accounts;
mod add;
mod args;
mod ask;
mod backup;
mod clock;
mod refusal;
mod scan;
mod show;
mod source;
mod transfer;
mod vault;
mod watch;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::{CommandFactory, Parser};
use couchkey_authenticator::Authenticator;
use couchkey_otp::UnixTime;

use crate::{
    args::{Cli, Command},
    ask::Ask,
    refusal::{DONE, Failed, REFUSED, Refusal, Stop, USAGE},
    show::Out,
};

fn main() -> ExitCode {
    no_core_dumps();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let mut out = Out::new(cli.global.json);
    let outcome = run(&cli, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    ExitCode::from(outcome.unwrap_or_else(|stop| ended(stop, &mut out)))
}

/// A core dump would write every open secret to the disk.
fn no_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let nothing = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        // Where the system refuses, it refuses the dump to this process too, or nothing can be done about it.
        let _ = setrlimit(Resource::Core, nothing);
    }
}

/// The command line, or the exit code after everything was said about it.
fn parse() -> Result<Cli, u8> {
    if std::env::args_os()
        .skip(1)
        .any(|argument| args::holds_a_secret(&argument))
    {
        tell(&Refusal::new(
            "secret_in_arguments",
            "A set-up link holds a secret and does not belong on the command line, where other programs can read it.",
            "Pass it on standard input: couchkey add - (or inspect -). Then clear it from your shell's history.",
        ));
        return Err(USAGE);
    }
    Cli::try_parse().map_err(|error| {
        let looks_like_a_key =
            |argument: OsString| args::looks_like_base32(&argument.to_string_lossy());
        if error.use_stderr() && std::env::args_os().skip(1).any(looks_like_a_key) {
            // clap would repeat the argument that it does not understand.
            tell(&Refusal::new(
                "usage",
                format!("The command line is not understood: {}.", error.kind()),
                "See what there is: couchkey help. Secret keys are typed when asked: couchkey add --manual",
            ));
            return USAGE;
        }
        // Help that nobody reads any more is no failure.
        let _ = error.print();
        u8::try_from(error.exit_code()).unwrap_or(USAGE)
    })
}

fn run(cli: &Cli, out: &mut Out) -> Result<u8, Stop> {
    let at = cli.global.at.map(UnixTime::from_secs);
    let stdin_is_data = match &cli.command {
        Command::Add(add) => source::takes_stdin(&add.images),
        Command::Scan(scan) => source::takes_stdin(&scan.images),
        Command::Import(import) => source::takes_stdin(&import.files),
        Command::Inspect(_) => true,
        _ => false,
    };
    let mut ask = Ask::new(cli.global.passphrase_fd, stdin_is_data)?;
    let ask = &mut ask;
    match &cli.command {
        Command::Inspect(args) => return scan::inspect(ask, out, at, args),
        Command::Scan(args) => return scan::scan(ask, out, at, args),
        Command::Completions { shell } => return completions(*shell, out),
        Command::Man { command } => return man(command.as_deref(), out),
        _ => {}
    }
    let authenticator = &vault::on_this_machine(&cli.global)?;
    let outcome = with_vault(cli, authenticator, ask, out, at);
    if let Some(report) = authenticator.back_up_if_changed() {
        // The change itself is kept, so this is a remark and no failure.
        out.say(format!(
            "note: no backup could be written. {} {}",
            report.message, report.hint
        ));
    }
    outcome
}

fn with_vault(
    cli: &Cli,
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
) -> Result<u8, Stop> {
    match &cli.command {
        Command::Init(args) => vault::init(authenticator, ask, out, args),
        Command::Add(args) => add::add(authenticator, ask, out, at, args),
        Command::List => accounts::list(authenticator, ask, out, at),
        Command::Code(args) => accounts::code(authenticator, ask, out, at, args),
        Command::Watch if at.is_some() => Err(Stop::Usage(Refusal::new(
            "usage",
            "`watch` shows codes as they are now.",
            "For another time: couchkey list --at SECONDS",
        ))),
        Command::Watch => watch::watch(authenticator, ask, out),
        Command::Edit(args) => accounts::edit(authenticator, ask, out, at, args),
        Command::Remove(args) => accounts::remove(authenticator, ask, out, args),
        Command::Trash => accounts::trash(authenticator, ask, out),
        Command::Restore(args) => accounts::restore(authenticator, ask, out, at, args),
        Command::Import(args) => transfer::import(authenticator, ask, out, at, args),
        Command::Export(args) => transfer::export(authenticator, ask, out, args),
        Command::Lock(args) => vault::lock(authenticator, ask, out, args),
        Command::Passphrase(args) => vault::passphrase(authenticator, ask, out, args),
        Command::RecoveryKey(args) => vault::recovery_key(authenticator, ask, out, args),
        Command::Recover(args) => match &args.backup {
            None => vault::recover(authenticator, ask, out),
            Some(file) => backup::recover(authenticator, ask, out, file, args),
        },
        Command::Backup(args) => backup::backup(authenticator, ask, out, args),
        Command::VerifyBackup(args) => backup::verify(authenticator, ask, out, args),
        Command::Drill => backup::drill(authenticator, ask, out),
        Command::NewKeys(args) => backup::new_keys(authenticator, ask, out, args),
        Command::Doctor => vault::doctor(authenticator, ask, out),
        Command::Inspect(_)
        | Command::Scan(_)
        | Command::Completions { .. }
        | Command::Man { .. } => Ok(DONE),
    }
}

fn completions(shell: clap_complete::Shell, out: &mut Out) -> Result<u8, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "couchkey", &mut script);
    out.bytes(&script)?;
    Ok(DONE)
}

fn man(name: Option<&str>, out: &mut Out) -> Result<u8, Stop> {
    let mut root = Cli::command();
    root.build();
    let command = match name {
        None => Some(&root),
        Some(name) => root.find_subcommand(name),
    };
    let Some(command) = command else {
        return Err(Stop::Usage(Refusal::new(
            "usage",
            "There is no such command.",
            "See all of them: couchkey help",
        )));
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    out.bytes(&page)?;
    Ok(DONE)
}

/// Says why a command ended, and gives the exit code.
fn ended(stop: Stop, out: &mut Out) -> u8 {
    match stop {
        Stop::Refused(refusal) => {
            if out.is_json() {
                let _ = out.json(&Failed { error: &refusal });
                let _ = out.flush();
            }
            tell(&refusal);
            refusal.exit_code()
        }
        Stop::Usage(refusal) => {
            tell(&refusal);
            USAGE
        }
        Stop::Quietly(code) => code,
        Stop::NobodyListens => DONE,
        Stop::Unwritten(error) => {
            tell(&Refusal::new(
                "output_unwritten",
                format!(
                    "The answer could not be written: {}.",
                    source::why(error.kind())
                ),
                "Check where the output goes. What was to be saved is saved.",
            ));
            REFUSED
        }
    }
}

/// `error:` and `hint:` on standard error. With `--json` too: there the answer goes to a program, and this to its log.
fn tell(refusal: &Refusal) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {}", show::safe(&refusal.message));
    let _ = writeln!(stderr, "hint: {}", show::safe(&refusal.hint));
}
