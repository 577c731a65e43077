//! The `couchkey` command: the use cases of an authenticator for terminals and scripts.
#![forbid(unsafe_code)]

mod accounts;
mod add;
mod args;
mod ask;
mod backup;
mod clock;
mod coach;
mod doctor;
mod export;
mod import;
mod init;
mod large;
mod lock;
mod progress;
mod recovery_key;
mod refusal;
mod scan;
mod services;
mod show;
mod source;
mod terminal;
mod tv;
mod vault;
mod watch;

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory, Parser};
use couchkey_authenticator::{
    Authenticator,
    os::{self, SystemKeyring, Waiting},
};
use couchkey_otp::UnixTime;

use crate::{
    args::{Cli, Command},
    ask::Ask,
    refusal::{DONE, Failed, REFUSED, Refusal, Stop, USAGE},
    show::Out,
};

/// What our own code wipes by its types, this wipes of every library's copies as soon as it lets go of them.
#[global_allocator]
static WIPES: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    // Where the system refuses, it refuses the dump to this process too, or nothing can be done about it.
    let _ = os::no_core_dumps();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    if !cli.command.sees_the_screen() {
        os::nobody_looks_in();
    }
    let mut out = Out::new(cli.global.json);
    let outcome = run(&cli, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    ExitCode::from(outcome.unwrap_or_else(|stop| ended(stop, &mut out)))
}

/// A keyring that asks is waited for as long as a person may take, and they are told to look for its question. A script
/// has nobody who could look.
fn for_the_keyring() -> Waiting {
    let somebody = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    Waiting {
        most: Duration::from_secs(if somebody { 60 } else { 10 }),
        tell: || {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(
                std::io::stderr(),
                "Waiting for the keyring program: look for its window."
            );
        },
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
    if names_no_folder(std::env::args_os()) {
        tell(&Refusal::new(
            "usage",
            "--data-dir names no folder.",
            "Name one, or leave the option out for the usual place.",
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

/// `--data-dir ""`, most often an unset variable in a script. The vault in the usual place is not what was meant.
fn names_no_folder(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut before = OsString::new();
    for argument in arguments {
        if argument == "--data-dir=" || before == "--data-dir" && argument.is_empty() {
            return true;
        }
        before = argument;
    }
    false
}

fn run(cli: &Cli, out: &mut Out) -> Result<u8, Stop> {
    let at = cli.global.at.map(UnixTime::from_secs);
    let stdin_is_data = match &cli.command {
        Command::Add(add) => source::takes_stdin(&add.images),
        Command::Scan(scan) => source::takes_stdin(&scan.images),
        Command::Import(import) => source::takes_stdin(&import.files),
        Command::Inspect(_) | Command::Coach(_) => true,
        Command::Tv(tv) => tv::takes_stdin(tv),
        _ => false,
    };
    let mut ask = Ask::new(cli.global.passphrase_fd, stdin_is_data)?;
    let ask = &mut ask;
    match &cli.command {
        Command::Inspect(args) => return scan::inspect(ask, out, at, args),
        Command::Scan(args) => return scan::scan(ask, out, at, args),
        Command::Coach(args) => return coach::coach(out, args),
        Command::Services(args) => return services::services(out, args),
        Command::Tv(args) if tv::takes_stdin(args) => return tv::any_code(ask, out, args),
        Command::Completions { shell } => return completions(*shell, out),
        Command::Man { command } => return man(command.as_deref(), out),
        _ => {}
    }
    SystemKeyring::waits(for_the_keyring());
    let authenticator = &vault::on_this_machine(&cli.global)?;
    let outcome = with_vault(cli, authenticator, ask, out, at);
    look_at_both_copies(&cli.command, authenticator, out);
    if let Some(report) = authenticator.back_up_if_changed() {
        // The change itself is kept, so this is a remark and no failure.
        out.say(format!(
            "note: no backup could be written. {} {}",
            report.message, report.hint
        ));
    }
    outcome
}

/// After the answer is out: an opening reads the file alone, so the keyring's copy of every account is looked at here,
/// and mended. A keyring that does not answer now is looked at the next time.
fn look_at_both_copies(command: &Command, authenticator: &Authenticator, out: &mut Out) {
    let did_so = matches!(command, Command::Doctor | Command::Drill);
    if did_so || out.flush().is_err() {
        return;
    }
    if let Ok(wrong @ 1..) = authenticator.check_copies() {
        out.say(format!(
            "note: entries of the keyring that were missing or damaged: {wrong}. They were written again from the file."
        ));
    }
}

fn with_vault(
    cli: &Cli,
    authenticator: &Authenticator,
    ask: &mut Ask,
    out: &mut Out,
    at: Option<UnixTime>,
) -> Result<u8, Stop> {
    match &cli.command {
        Command::Init(args) => init::init(authenticator, ask, out, args),
        Command::Add(args) => add::add(authenticator, ask, out, at, args),
        Command::List => accounts::list(authenticator, ask, out, at),
        Command::Code(args) => accounts::code(authenticator, ask, out, at, args),
        Command::Watch if at.is_some() => Err(Stop::Usage(Refusal::new(
            "usage",
            "`watch` shows codes as they are now.",
            "For another time: couchkey list --at SECONDS",
        ))),
        Command::Watch => watch::watch(authenticator, ask, out),
        Command::Tv(args) => tv::tv(authenticator, ask, out, at, args),
        Command::Edit(args) => accounts::edit(authenticator, ask, out, at, args),
        Command::Remove(args) => accounts::remove(authenticator, ask, out, args),
        Command::Trash => accounts::trash(authenticator, ask, out),
        Command::Restore(args) => accounts::restore(authenticator, ask, out, at, args),
        Command::Seen => accounts::seen(authenticator, ask, out),
        Command::Import(args) => import::import(authenticator, ask, out, at, args),
        Command::Export(args) => export::export(authenticator, ask, out, args),
        Command::Lock(args) => lock::lock(authenticator, ask, out, args),
        Command::Passphrase(args) => lock::passphrase(authenticator, ask, out, args),
        Command::RecoveryKey(args) => recovery_key::recovery_key(authenticator, ask, out, args),
        Command::Recover(args) => match &args.backup {
            None => recovery_key::recover(authenticator, ask, out),
            Some(file) => backup::recover(authenticator, ask, out, file, args),
        },
        Command::Backup(args) => backup::backup(authenticator, ask, out, args),
        Command::VerifyBackup(args) => backup::verify(authenticator, ask, out, args),
        Command::Drill => backup::drill(authenticator, ask, out),
        Command::NewKeys(args) => backup::new_keys(authenticator, ask, out, args),
        Command::Doctor => doctor::doctor(authenticator, ask, out),
        Command::Inspect(_)
        | Command::Coach(_)
        | Command::Services(_)
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
