//! What other apps export: a file's bytes in, accounts and skipped entries out. One file below for each vendor.
//!
//! A format is known by its content, never by its name. Nothing is written here: the answer is a preview, and whoever
//! asked adds it to the vault in one change, or not at all. One bad entry never stops the others, and none is dropped
//! silently: every entry of the file is an [`NewAccount`] or a [`Skipped`] with its reason.

mod archive;
mod file;
mod gather;
mod keys;
mod links;
mod loose;
mod number;
mod prefs;
mod text;

mod aegis;
mod andotp;
mod authme;
mod authy;
mod battle_net;
mod bitwarden;
mod cotp;
mod duo;
mod enpass;
mod ente;
mod extension;
mod freeotp;
mod freeotp_plus;
mod html;
mod keepass;
mod keepass_key;
mod keepass_seal;
mod keepass_xml;
mod known;
mod lastpass;
mod otp_client;
mod proton;
#[cfg(any(
    target_os = "linux",
    target_os = "macos",
    all(windows, target_env = "msvc")
))] // docs/decisions/0113
mod sqlite;
mod steam;
mod stratum;
mod table;
mod totp_authenticator;
mod two_f_auth;
mod two_fas;
mod uri_list;
mod zipped;

use std::ops::ControlFlow;

use couchkey_otp::{OtpauthError, Warning};
use couchkey_vault::NewAccount;
use thiserror::Error;

use self::file::File;
pub use self::links::{Found, links, read_link};
pub use self::text::{Text, decode};

/// Caps on what a file may ask for, checked before the price is paid.
pub mod caps {
    /// Bytes of a file: 64 MiB.
    pub const FILE_BYTES: usize = 64 << 20;
    /// Entries of a file; the same as a vault holds.
    pub const ENTRIES: usize = couchkey_vault::limits::ACCOUNTS;
    /// Memory of one Argon2id or scrypt, in KiB: 1 GiB.
    pub const KDF_MEMORY_KIB: u64 = 1 << 20;
    /// Passes of one Argon2id.
    pub const ARGON2_PASSES: u64 = 20;
    /// Rounds of one PBKDF2.
    pub const PBKDF2_ROUNDS: u64 = 10_000_000;
    /// Rounds of KeePass' AES over AES; KeePassXC makes tens of millions in a second.
    pub const AES_ROUNDS: u64 = 500_000_000;
}

macro_rules! formats {
    ($($name:ident $people:literal $word:literal)*) => {
        /// The apps whose exports are known.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the name is the app's")]
        pub enum Format { $($name,)* }

        impl Format {
            /// What people call it: `"Aegis"`.
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $people,)* } }

            /// The stable word for `--json`, in snake case: `aegis`.
            pub const fn word(self) -> &'static str { match self { $(Self::$name => $word,)* } }
        }
    };
}

formats! {
    Aegis "Aegis" "aegis"
    TwoFas "2FAS" "2fas"
    Ente "Ente Auth" "ente"
    ProtonAuthenticator "Proton Authenticator" "proton_authenticator"
    ProtonPass "Proton Pass" "proton_pass"
    Stratum "Stratum" "stratum"
    AndOtp "andOTP" "andotp"
    Bitwarden "Bitwarden" "bitwarden"
    GoogleMigration "Google Authenticator" "google_migration"
    GoogleDatabase "Google Authenticator's database" "google_database"
    FreeOtp "FreeOTP" "freeotp"
    FreeOtpPlus "FreeOTP+" "freeotp_plus"
    KeePass "KeePass" "keepass"
    KeePassXml "KeePass (XML)" "keepass_xml"
    Raivo "Raivo" "raivo"
    LastPass "LastPass Authenticator" "lastpass"
    Steam "Steam" "steam"
    WinAuth "WinAuth" "winauth"
    TotpAuthenticator "TOTP Authenticator" "totp_authenticator"
    AuthenticatorPlus "Authenticator Plus" "authenticator_plus"
    Authy "Authy" "authy"
    Duo "Duo Mobile" "duo"
    Microsoft "Microsoft Authenticator" "microsoft"
    BattleNet "Battle.net Authenticator" "battle_net"
    Cotp "cotp" "cotp"
    OtpClient "OTPClient" "otpclient"
    Authme "Authme" "authme"
    TwoFAuth "2FAuth" "2fauth"
    AuthenticatorExtension "the Authenticator extension" "authenticator_extension"
    OnePassword "1Password" "1password"
    Enpass "Enpass" "enpass"
    ApplePasswords "Apple Passwords" "apple_passwords"
    LastPassVault "LastPass" "lastpass_vault"
    Dashlane "Dashlane" "dashlane"
    RoboForm "RoboForm" "roboform"
    Table "a table (CSV)" "table"
    UriList "a list of setup links" "uri_list"
    Html "a page with setup links" "html"
}

/// What a file holds.
pub struct Import {
    /// Which app has written it.
    pub format: Format,
    /// What can be added, in the file's order.
    pub accounts: Vec<NewAccount>,
    /// What cannot, with the reason.
    pub skipped: Vec<Skipped>,
}

/// An entry that is not added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// A name to know it by: issuer and account as far as they could be read. Never anything secret.
    pub label: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why an entry is not added. Facts only, no input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Codes of a kind that we do not make; its name: `mOTP`, `Yandex`.
    #[error("codes of the kind {kind} are not made here")]
    UnsupportedKind {
        /// What the other app calls it.
        kind: &'static str,
    },
    /// A value of it is refused, by the same rules as in a QR code.
    #[error(transparent)]
    Refused(#[from] OtpauthError),
    /// It has no one-time password: a login without one, a note.
    #[error("it has no one-time password")]
    NoOneTimePassword,
    /// It is not in the shape that this format gives to an entry.
    #[error("it is damaged")]
    Damaged,
    /// A part that belongs to it and is not there: one of several QR codes, a file of Steam's.
    #[error("this part of the export is missing")]
    MissingPart,
    /// They lie in the other app's recycle bin, all together one row.
    #[error("{}", in_recycle_bin(*.entries))]
    InRecycleBin {
        /// How many there are.
        entries: u64,
    },
    /// Its own encryption does not open, although that of the file did.
    #[error("it is sealed in a way of its own that does not open")]
    Sealed,
}

fn in_recycle_bin(entries: u64) -> String {
    match entries {
        1 => "1 entry in the recycle bin was left out".to_owned(),
        entries => format!("{entries} entries in the recycle bin were left out"),
    }
}

/// How far reading is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Step {
    /// The password is being turned into a key, which takes as long as the file asks for.
    Deriving,
    /// Entries are being read.
    Reading {
        /// So many are done.
        done: usize,
        /// So many there are.
        of: usize,
    },
}

/// Told how far reading is; answers whether to go on. `Break` ends in [`ImportError::Cancelled`].
pub type Watch<'a> = &'a mut dyn FnMut(Step) -> ControlFlow<()>;

/// Why a file was not read. Five answers that must never be confused: it needs a password, the password is wrong, it is
/// damaged, it is from a newer version, it is nothing that we know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// None of the formats that we know.
    #[error("not an export of an app that is known here")]
    UnknownFormat,
    /// Encrypted, and no password was given.
    #[error("this export of {} is encrypted", .format.name())]
    NeedsPassword {
        /// Whose export it is.
        format: Format,
    },
    /// The password does not open it.
    #[error("the password does not open this export of {}", .format.name())]
    WrongPassword {
        /// Whose export it is.
        format: Format,
    },
    /// Sealed with a password, a key file or both, and neither was given.
    #[error("this database of {} is sealed", .format.name())]
    NeedsKey {
        /// Whose database it is.
        format: Format,
    },
    /// What was given does not open it. Nobody can see from outside what it takes.
    #[error("{} this database of {}{}", if *.with_key_file { "the password and the key file do not open" } else { "the password does not open" }, .format.name(), if *.with_key_file { "" } else { ", or it needs its key file too" })]
    WrongKey {
        /// Whose database it is.
        format: Format,
        /// A key file was given.
        with_key_file: bool,
    },
    /// Broken off or spoilt.
    #[error("this export of {} is damaged", .format.name())]
    Damaged {
        /// Whose export it is.
        format: Format,
    },
    /// Written by a newer version of that app than is known here.
    #[error("this export of {} is of a newer version", .format.name())]
    NewerVersion {
        /// Whose export it is.
        format: Format,
    },
    /// Its key never leaves the other app or account: nobody else can open it.
    #[error("this export of {} opens only in the account that made it", .format.name())]
    AccountRestricted {
        /// Whose export it is.
        format: Format,
    },
    /// A part of what the other app keeps in several files, and nothing without the rest.
    #[error("this is only a part of what {} keeps", .format.name())]
    Incomplete {
        /// Whose export it is.
        format: Format,
    },
    /// Known, and not read here.
    #[error("this variant of {} is not read here", .format.name())]
    UnsupportedVariant {
        /// Whose export it is.
        format: Format,
    },
    /// More bytes than [`caps::FILE_BYTES`].
    #[error("the file has {bytes} bytes; {} is the most", caps::FILE_BYTES)]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// More entries than [`caps::ENTRIES`].
    #[error("the file has more entries than {}", caps::ENTRIES)]
    TooManyEntries {
        /// Whose export it is.
        format: Format,
    },
    /// Trying a password costs more than we pay: see [`caps`].
    #[error("trying a password on this export of {} costs {asked} {unit}; {cap} is the most", .format.name())]
    TooCostly {
        /// Whose export it is.
        format: Format,
        /// What it asks for.
        asked: u64,
        /// The cap.
        cap: u64,
        /// `"KiB of memory"`, `"passes"`, `"lanes"` or `"rounds"`.
        unit: &'static str,
    },
    /// The person changed their mind. Nothing is left of it.
    #[error("cancelled")]
    Cancelled,
}

/// Reads a file of whatever app.
///
/// # Errors
///
/// [`ImportError`]; with [`ImportError::NeedsPassword`] and [`ImportError::WrongPassword`] ask, and call again.
pub fn read(bytes: &[u8], password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    read_with_key_file(bytes, password, None, watch)
}

/// As [`read`], with a file that opens it together with the password or alone, as KeePass has them.
///
/// # Errors
///
/// As [`read`]; with [`ImportError::NeedsKey`] and [`ImportError::WrongKey`] ask for either.
pub fn read_with_key_file(
    bytes: &[u8],
    password: Option<&str>,
    key_file: Option<&[u8]>,
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    if bytes.len() > caps::FILE_BYTES {
        return Err(ImportError::TooLarge { bytes: bytes.len() });
    }
    let text = decode(bytes);
    let as_text = text.as_ref().map(Text::as_str);
    let file = File::new(bytes, as_text, key_file);
    let mut import = READERS
        .iter()
        .find_map(|reader| reader(&file, password, watch))
        .unwrap_or(Err(ImportError::UnknownFormat))?;
    if text.as_ref().is_some_and(Text::is_guess) {
        import.accounts.iter_mut().for_each(guessed);
    }
    Ok(import)
}

/// The encoding of its text was a guess: to be said where letters depend on it.
fn guessed(account: &mut NewAccount) {
    let enrolment = &account.parsed.enrolment;
    let issuer = enrolment.issuer.as_deref().unwrap_or_default();
    let texts = [issuer, &enrolment.account, &account.note];
    let mut texts = texts
        .into_iter()
        .chain(account.groups.iter().map(String::as_str));
    if !texts.all(str::is_ascii) {
        account.parsed.warnings.push(Warning::GuessedEncoding);
        account.parsed.warnings.sort_unstable();
    }
}

/// What each vendor's file below has: reads a file that is its own, and answers `None` for any other at once.
type Reader = fn(&File<'_>, Option<&str>, Watch<'_>) -> Option<Result<Import, ImportError>>;

/// In the order in which they are asked: those with the surest signs first, those that take nearly anything last.
const READERS: &[Reader] = &[
    aegis::read,
    two_fas::read,
    stratum::read,
    bitwarden::read,
    proton::read,
    proton::read_pass,
    enpass::read,
    andotp::read,
    freeotp::read,
    freeotp_plus::read,
    freeotp_plus::read_prefs,
    authy::read,
    battle_net::read,
    totp_authenticator::read_prefs,
    two_f_auth::read,
    lastpass::read,
    steam::read,
    duo::read,
    cotp::read,
    otp_client::read,
    authme::read,
    zipped::read,
    extension::read,
    keepass::read,
    keepass_xml::read,
    #[cfg(any(
        target_os = "linux",
        target_os = "macos",
        all(windows, target_env = "msvc")
    ))]
    sqlite::read,
    known::read,
    table::read,
    ente::read,
    html::read,
    uri_list::read,
    totp_authenticator::read,
    andotp::read_sealed,
];
