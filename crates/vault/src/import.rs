//! What other apps export: a file's bytes in, accounts and skipped entries out. One file below for each vendor.
//!
//! A format is known by its content, never by its name. Nothing is written here: the answer is a preview, and whoever
//! asked adds it to the vault in one change, or not at all. One bad entry never stops the others, and none is dropped
//! silently: every entry of the file is an [`Imported`] or a [`Skipped`] with its reason.

mod archive;
mod file;
mod fit;
mod gather;
mod keys;
mod loose;
mod number;
mod prefs;

mod aegis;
mod andotp;
mod authme;
mod authy;
mod battle_net;
mod bitwarden;
mod cotp;
mod duo;
mod ente;
mod extension;
mod freeotp;
mod freeotp_plus;
mod html;
mod keepass;
mod keepass_seal;
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
mod totp_authenticator;
mod two_f_auth;
mod two_fas;
mod uri_list;
mod zipped;

use std::ops::ControlFlow;

use couchkey_otp::{OtpauthError, Parsed};
use thiserror::Error;
use zeroize::Zeroizing;

use self::file::File;
pub use self::fit::{Cut, Kept};

/// Caps on what a file may ask for, checked before the price is paid.
pub mod caps {
    /// Bytes of a file: 64 MiB.
    pub const FILE_BYTES: usize = 64 << 20;
    /// Entries of a file; the same as a vault holds.
    pub const ENTRIES: usize = crate::limits::ACCOUNTS;
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
    UriList "a list of setup links" "uri_list"
    Html "a page with setup links" "html"
}

/// What a file holds.
pub struct Import {
    /// Which app has written it.
    pub format: Format,
    /// What can be added, in the file's order.
    pub accounts: Vec<Imported>,
    /// What cannot, with the reason.
    pub skipped: Vec<Skipped>,
}

/// One account of a file. No `Debug` and no `Clone`: it holds the secret.
pub struct Imported {
    /// The enrolment, with what was odd about it.
    pub parsed: Parsed,
    /// The person's own note; cut to what a vault keeps when it is added.
    pub note: String,
    /// The groups, tags, folders or categories that it is in.
    pub groups: Vec<String>,
    /// A favourite there, shown first here.
    pub pinned: bool,
    /// It rests in the other app's trash, and would in ours.
    pub trashed: bool,
}

impl Imported {
    /// An account with nothing but its enrolment.
    pub fn plain(parsed: Parsed) -> Imported {
        Imported {
            parsed,
            note: String::new(),
            groups: Vec::new(),
            pinned: false,
            trashed: false,
        }
    }
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
    /// A part that the export names and that is not there: one of several QR codes of Google's, a file of Steam's.
    #[error("this part of the export is missing")]
    MissingPart,
    /// Its own encryption does not open, although that of the file did.
    #[error("it is sealed in a way of its own that does not open")]
    Sealed,
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

/// Reads the texts of the QR codes in a picture: PNG, JPEG and the like. For pages that hold set-up links as pictures.
pub type Pictures<'a> = &'a dyn Fn(&[u8]) -> Vec<Zeroizing<String>>;

/// Reads a file of whatever app. See [`Pictures`] for one that holds pictures of QR codes.
///
/// # Errors
///
/// [`ImportError`]; with [`ImportError::NeedsPassword`] and [`ImportError::WrongPassword`] ask, and call again.
pub fn read(
    bytes: &[u8],
    password: Option<&str>,
    pictures: Pictures<'_>,
    watch: Watch<'_>,
) -> Result<Import, ImportError> {
    if bytes.len() > caps::FILE_BYTES {
        return Err(ImportError::TooLarge { bytes: bytes.len() });
    }
    let file = File::new(bytes, pictures);
    READERS
        .iter()
        .find_map(|reader| reader(&file, password, watch))
        .unwrap_or(Err(ImportError::UnknownFormat))
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
    #[cfg(any(
        target_os = "linux",
        target_os = "macos",
        all(windows, target_env = "msvc")
    ))]
    sqlite::read,
    known::read,
    ente::read,
    html::read,
    uri_list::read,
    totp_authenticator::read,
    andotp::read_sealed,
];
