//! The command-line arguments: what may be typed after `couchkey`. The help, the manual page and the completions are made from this file.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use couchkey_otp::typing::{Keypad, Pace};

/// 9999-12-31 23:59:59 UTC: later times are typing errors.
const LATEST: u64 = 253_402_300_799;

/// The sign-in codes of an authenticator app, on the command line.
///
/// Start with `couchkey init`, then give `couchkey add` a picture of the QR code.
#[derive(Parser)]
#[command(name = "couchkey", version, arg_required_else_help = true)]
#[command(after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused; standard error says why and what to do
  2  wrong usage
  3  locked: the vault did not open, or the keyring is not available

Secrets never belong on the command line, where other programs can see them: set-up links and passphrases are read
from standard input, from a prompt, or (passphrases) from a file descriptor, one a line.";

/// Understood before and after the subcommand.
#[derive(Args)]
#[command(next_help_heading = "For every command")]
pub struct Global {
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub json: bool,

    /// Make codes for this Unix time instead of now
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub at: Option<u64>,

    /// Where the vault is kept, if not in the usual place
    // clap's own parser of paths refuses an empty variable, which shells take for one that is not set.
    #[arg(long, global = true, value_name = "DIR", env = "COUCHKEY_DATA_DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub data_dir: Option<PathBuf>,

    /// `file`: do without the system's keyring; the vault then opens with a passphrase
    #[arg(long, global = true, value_name = "KIND", value_enum, default_value_t = Keyring::Auto)]
    pub keyring: Keyring,

    /// Read passphrases from this file descriptor, one a line
    #[arg(long, global = true, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Keyring {
    /// The system's own, where there is one
    Auto,
    /// None: everything in the data directory, under a passphrase
    File,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make the vault, and show its recovery key once
    Init(Init),
    /// Add accounts from QR codes in pictures, from the screen, from a link, or by hand
    Add(Add),
    /// List the accounts with their codes
    List,
    /// Print the code of one account
    Code(Code),
    /// Show all codes, live
    Watch,
    /// Show one code large, to be typed on a television: the one that is good when you are done
    ///
    /// Space marks the digit that you have typed; from these marks the pace is learnt. If you would be done too late for the
    /// code of now, it is the next one: keep the last press until the bar is full. Without a terminal it is printed once.
    Tv(Tv),
    /// Which code to type when, for programs: one JSON object a line of standard input, one answer a line
    ///
    /// It opens no vault. A question is {"now_ms", "period", "codes": [the code of the current step, of the next, … five in
    /// all], "keypad": "3x4"|"row"|"two-rows"|"qwerty"|"numbers"|"phone", "press_ms", "glance_ms", "spread"}; an answer
    /// {"step_ahead", "code", "presses", "expected_done_ms", "valid_from_ms", "valid_until_ms", "hold_last_press"}, or
    /// {"error": {"code", "message", "hint"}} for a line that is no question; then the exit code is 1 at the end.
    Coach(Coach),
    /// Say which services offer an authenticator at all, and what there is instead
    Services(Services),
    /// Say what the otpauth link on standard input holds, without saving it
    Inspect(Inspect),
    /// Say what the QR codes in pictures hold, without saving them
    Scan(Scan),
    /// Change names, note, pin or groups of an account
    Edit(Edit),
    /// Put an account into the trash, where it rests for at least thirty days
    Remove(Query),
    /// List what is in the trash
    Trash,
    /// Take an account out of the trash
    Restore(Query),
    /// Say that you have looked at what came back and at what may be missing; the marks go
    Seen,
    /// Bring in the accounts of another app: its export, or pictures of its QR codes
    ///
    /// What cannot be brought in is said by name and does not stop the others. The exit code is 1 if one of those entries
    /// had a code, or if there is no account at all; 0 if what was left out never had one (a login, a note), lies in the
    /// other app's recycle bin, or is in the vault already. `--dry-run` exits as the import itself would.
    Import(Import),
    /// Write the accounts for another app
    Export(Export),
    /// Say whether the vault asks for a passphrase; turn that on or off
    Lock(Lock),
    /// Set or change the passphrase
    Passphrase(Passphrase),
    /// Make a new recovery key and show it once; the older one opens no more than older backups
    RecoveryKey(RecoveryKey),
    /// Open the vault with the recovery key, or get everything back from a backup
    Recover(Recover),
    /// Make a backup now; say where backups go and what opens them
    Backup(Backup),
    /// Say what is in a backup, and whether every account in it opens
    VerifyBackup(VerifyBackup),
    /// Prove that the recovery key brings everything back, and write the date down
    Drill,
    /// Somebody saw the recovery key: seal everything anew, and end what opened it before
    #[command(visible_alias = "rotate")]
    NewKeys(NewKeys),
    /// Check keyring, vault and clock, and say what is wrong
    Doctor,
    /// Print the completions for a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of Couchkey or of one command
    Man {
        /// The command that it is about
        command: Option<String>,
    },
}

impl Command {
    /// Whether it takes a picture of the screen, for which Wayland's desktops have a portal.
    pub fn sees_the_screen(&self) -> bool {
        matches!(self, Self::Add(Add { screen: true, .. }))
    }
}

#[derive(Args)]
pub struct Init {
    /// Ask for a passphrase whenever the vault is opened
    #[arg(long)]
    pub lock: bool,
    /// Write the recovery key as a page to print, too
    #[arg(long, value_name = "FILE.html")]
    pub sheet: Option<PathBuf>,
    /// Make one although the keyring has a vault whose folder is gone
    #[arg(long)]
    pub another: bool,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("source").required(true).multiple(true).args(["images", "screen", "manual"]))]
pub struct Add {
    /// Pictures with QR codes; `-` reads a link, a list of links or a picture from standard input
    #[arg(value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Look for QR codes on the screen
    #[arg(long)]
    pub screen: bool,
    /// Ask for the name and the secret key
    #[arg(long, conflicts_with_all = ["images", "screen"])]
    pub manual: bool,
    /// Save without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Save an account again that is in the vault already
    #[arg(long)]
    pub allow_duplicate: bool,
    /// Save what is there of an export whose other QR codes are missing
    #[arg(long)]
    pub partial: bool,
    /// The service's name, if the one in the QR code will not do
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// The account's name, if the one in the QR code will not do
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
}

#[derive(Args)]
pub struct Code {
    /// Part of the service's or the account's name, or the start of the id; nothing if there is only one account
    pub query: Vec<String>,
    /// Move the counter of a counter-based account on first
    #[arg(long)]
    pub next: bool,
}

#[derive(Args)]
pub struct Tv {
    /// Part of the service's or the account's name, or the start of the id; nothing if there is only one account. `-`: any
    /// short code on standard input, as it came by mail or SMS; it is forgotten at the end
    pub query: Vec<String>,
    /// The television's name, as you call it; one that is new is kept. Nothing: the one that this account was last typed on
    #[arg(long = "on", value_name = "TELEVISION")]
    pub television: Option<String>,
    /// How the television takes digits; kept with its name. Nothing: as it was, and 3x4 at first
    #[arg(long, value_name = "KEYPAD", value_parser = keypad)]
    pub keypad: Option<Keypad>,
    /// Seconds that you take for one press on the remote, for this time; nothing: as learnt on this television
    #[arg(long, value_name = "SECONDS", value_parser = pace)]
    pub pace: Option<f64>,
    /// List the televisions that are kept
    #[arg(long, conflicts_with_all = ["query", "television", "keypad", "pace", "forget"])]
    pub list: bool,
    /// Forget a television, and your pace on it
    #[arg(long, value_name = "TELEVISION", conflicts_with_all = ["query", "television", "keypad", "pace"])]
    pub forget: Option<String>,
}

#[derive(Args)]
pub struct Services {
    /// Its name or domain, or a part of its name; nothing: all of them
    pub name: Vec<String>,
}

#[derive(Args)]
pub struct Coach {
    /// `-`, for standard input
    #[arg(value_name = "-", default_value = "-", hide_default_value = true)]
    pub from: OsString,
}

#[derive(Args)]
pub struct Inspect {
    /// `-`, for standard input
    #[arg(value_name = "-", default_value = "-", hide_default_value = true)]
    pub from: OsString,
}

#[derive(Args)]
pub struct Scan {
    /// Pictures; `-` reads one from standard input
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<PathBuf>,
    /// Also show what other QR codes say, web links for example
    #[arg(long)]
    pub text: bool,
}

#[derive(Args)]
pub struct Query {
    /// Part of the service's or the account's name, or the start of the id
    #[arg(required = true)]
    pub query: Vec<String>,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true)
    .args(["issuer", "account", "note", "pin", "unpin", "group", "no_groups"]))]
pub struct Edit {
    #[command(flatten)]
    pub query: Query,
    /// The service's name; "" for none
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// The account's name; "" for none
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// A note of your own; "" for none
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Show it before the others
    #[arg(long, conflicts_with = "unpin")]
    pub pin: bool,
    /// No longer show it before the others
    #[arg(long)]
    pub unpin: bool,
    /// Put it into this group; give it several times for several groups, which replace the present ones
    #[arg(long, value_name = "NAME", conflicts_with = "no_groups")]
    pub group: Vec<String>,
    /// Take it out of every group
    #[arg(long)]
    pub no_groups: bool,
}

#[derive(Args)]
pub struct Import {
    /// The other app's export or backup; or pictures of its QR codes, all of one export. `-`: standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The key file of a KeePass database
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Only say what would be added
    #[arg(long)]
    pub dry_run: bool,
    /// Read the file's password from standard input, as its first line
    #[arg(long)]
    pub password_stdin: bool,
    /// Add without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Add again what is in the vault already
    #[arg(long)]
    pub allow_duplicate: bool,
    /// Add what is there of an export whose other QR codes are missing
    #[arg(long)]
    pub partial: bool,
}

#[derive(Args)]
pub struct Export {
    /// For whom
    #[arg(long, value_enum)]
    pub format: ExportAs,
    /// Where to write; `-`, or nothing: standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Only this account: part of the service's or the account's name, or the start of the id
    #[arg(long, value_name = "QUERY")]
    pub account: Option<String>,
    /// Draw QR codes in the terminal
    #[arg(long, conflicts_with = "out")]
    pub qr: bool,
    /// Read the password for `aegis-encrypted` from standard input, as its first line
    #[arg(long)]
    pub password_stdin: bool,
    /// Export without asking, where the vault opens without a passphrase
    #[arg(long, short)]
    pub yes: bool,
    /// Replace a file of that name
    #[arg(long)]
    pub replace: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportAs {
    /// Set-up links, one a line; nearly every app reads them
    Uris,
    /// Aegis' file, readable by anybody
    Aegis,
    /// Aegis' file under a password
    AegisEncrypted,
    /// QR codes for Google Authenticator, up to ten accounts each
    Google,
}

#[derive(Args)]
pub struct Lock {
    /// Nothing: say how it is
    #[arg(value_enum)]
    pub turn: Option<Turn>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Turn {
    /// Ask for a passphrase whenever the vault is opened
    On,
    /// Open without asking, by the system's keyring
    Off,
}

#[derive(Args)]
pub struct Passphrase {
    /// Open without a passphrase from now on, by the system's keyring; the same as `lock off`
    #[arg(long)]
    pub off: bool,
}

#[derive(Args)]
pub struct RecoveryKey {
    /// Write it as a page to print, too
    #[arg(long, value_name = "FILE.html")]
    pub sheet: Option<PathBuf>,
}

#[derive(Args)]
pub struct Recover {
    /// Get the accounts back from this backup. Into a vault that is here comes what it lacks; nothing is written over
    #[arg(long, value_name = "FILE.couchkey")]
    pub backup: Option<PathBuf>,
    /// Only say what would be restored
    #[arg(long, requires = "backup")]
    pub dry_run: bool,
    /// Where the backup is of another vault than the one here: put that aside, whole, and begin with the backup
    #[arg(long, requires = "backup")]
    pub set_aside: bool,
}

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").args(["to", "auto", "passphrase", "no_passphrase", "list", "remove_old"]))]
pub struct Backup {
    /// Make it in this folder, this once
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// From now on make one in this folder after each change; `usual` is where it goes by itself, `off` ends it
    #[arg(long, value_name = "FOLDER|usual|off")]
    pub auto: Option<String>,
    /// Set a passphrase that opens backups, too, and nothing else
    #[arg(long)]
    pub passphrase: bool,
    /// End that
    #[arg(long)]
    pub no_passphrase: bool,
    /// List the backups that are there
    #[arg(long)]
    pub list: bool,
    /// Delete those that open with an older recovery key, where a newer one was opened that today's opens
    #[arg(long)]
    pub remove_old: bool,
}

#[derive(Args)]
pub struct VerifyBackup {
    /// A file that ends in .couchkey
    #[arg(value_name = "FILE.couchkey")]
    pub file: PathBuf,
}

#[derive(Args)]
pub struct NewKeys {
    /// Write the new recovery key as a page to print, too
    #[arg(long, value_name = "FILE.html")]
    pub sheet: Option<PathBuf>,
}

/// A time in seconds, in the digits of whatever script the keyboard writes.
fn seconds(text: &str) -> Result<u64, String> {
    let seconds: Option<u64> = couchkey_otp::ascii_digits(text).parse().ok();
    seconds
        .filter(|seconds| *seconds <= LATEST)
        .ok_or_else(|| format!("a number from 0 to {LATEST} was expected"))
}

fn keypad(word: &str) -> Result<Keypad, String> {
    let all = Keypad::ALL.map(Keypad::as_str).join(", ");
    Keypad::from_word(word).ok_or_else(|| format!("one of {all} was expected"))
}

/// The seconds a press, with a decimal point or comma, in the digits of whatever script the keyboard writes.
fn pace(text: &str) -> Result<f64, String> {
    let text = couchkey_otp::ascii_digits(text).replace(',', ".");
    let pace = text
        .parse()
        .ok()
        .filter(|secs| !Pace::from_marks([*secs]).marks().is_empty());
    pace.ok_or_else(|| "a number from 0.02 to 10 was expected".to_owned())
}

/// Whether an argument is, or holds, what nobody but its owner may see.
///
/// Checked before anything else looks at the arguments, because clap repeats what it does not understand. The process
/// list and the shell's history have seen it by now; our own output need not add to that.
pub fn holds_a_secret(argument: &OsString) -> bool {
    let text = argument.to_string_lossy().to_ascii_lowercase();
    ["otpauth:", "otpauth-migration:", "steam://", "secret="]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Whether a file's name looks like a bare secret: long, and nothing but base32's capitals and figures.
pub fn looks_like_base32(name: &str) -> bool {
    let letters = name.chars().filter(|c| !matches!(c, ' ' | '-' | '='));
    name.len() >= 16
        && letters
            .clone()
            .all(|c| c.is_ascii_alphabetic() || ('2'..='7').contains(&c))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_number_in_any_script() {
        for same in ["1111111109", "１１１１１１１１０９", "١١١١١١١١٠٩"] {
            assert_eq!(seconds(same), Ok(1_111_111_109), "{same}");
        }
        for none in ["", "-1", "yesterday", "253402300800", "１e9"] {
            assert!(seconds(none).is_err(), "{none} is none");
        }
    }

    #[test]
    fn a_pace_and_a_keypad_are_what_a_person_may_have() {
        for same in ["0.65", "0,65", "٠٫٦٥".replace('٫', ".").as_str()] {
            assert_eq!(pace(same), Ok(0.65), "{same}");
        }
        for none in ["", "0", "-1", "NaN", "inf", "21", "fast"] {
            assert!(pace(none).is_err(), "{none} is none");
        }
        assert!(keypad("3x4").is_ok() && keypad("4x3").is_err());
    }

    #[test]
    fn links_are_taken_for_secrets_and_names_are_not() {
        for secret in [
            "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP",
            "OTPAUTH://totp/a",
            "--issuer=otpauth://totp/a",
            "otpauth-migration://offline?data=CjE",
            "steam://ABCD",
            "x?Secret=ABC",
        ] {
            assert!(holds_a_secret(&secret.into()), "{secret} is one");
        }
        for name in [
            "StreamTV",
            "photo.png",
            "-",
            "--manual",
            "my-otpauth-notes.png",
            "secret.png",
        ] {
            assert!(!holds_a_secret(&name.into()), "{name} is none");
        }
    }

    #[test]
    fn a_bare_key_is_told_from_a_picture() {
        assert!(looks_like_base32("JBSWY3DPEHPK3PXP"), "the usual form");
        assert!(
            looks_like_base32("jbsw y3dp ehpk 3pxp"),
            "as services show it"
        );
        assert!(
            !looks_like_base32("photo-of-the-tv.png"),
            "a file's name has a point"
        );
        assert!(!looks_like_base32("tv"), "too short for any secret");
    }
}
