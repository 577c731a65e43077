//! The errors of a command: a stable code, a message, a hint, and the exit code.

use std::io;

use couchkey_authenticator::{Error, ErrorCode, ErrorReport};
use serde::Serialize;

/// Done.
pub const DONE: u8 = 0;
/// Refused, with a reason.
pub const REFUSED: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// The vault stayed locked, or the keyring is not available.
pub const LOCKED: u8 = 3;
/// Ended by Ctrl-C at a prompt, as shells count it: 128 + SIGINT.
pub const INTERRUPTED: u8 = 130;

/// Why a command stops.
pub enum Stop {
    /// With a reason and a cure.
    Refused(Refusal),
    /// What was said on the command line does not fit together.
    Usage(Refusal),
    /// All has been told already; only the exit code is left.
    Quietly(u8),
    /// Nobody reads our output any more (`couchkey list | head -1`): no reason to complain.
    NobodyListens,
    /// Our output could not be written, on a full disk for example.
    Unwritten(io::Error),
}

/// What happened and what to do, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Stable: one of [`ErrorCode`]'s words or one of the few that only a command line needs.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Refusal {
    /// One of the command line's own.
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// 3 where the way into the vault is what is missing, else 1.
    pub fn exit_code(&self) -> u8 {
        use ErrorCode as C;
        match ErrorCode::from_word(self.code) {
            Some(
                C::VaultLocked
                | C::PassphraseNeeded
                | C::WrongPassphrase
                | C::NeedsRecovery
                | C::KeyringLocked
                | C::KeyringSilent
                | C::KeyringDenied
                | C::KeyringUnavailable,
            ) => LOCKED,
            _ => REFUSED,
        }
    }
}

/// What `--json` prints in place of a result.
#[derive(Serialize)]
pub struct Failed<'a> {
    pub error: &'a Refusal,
}

impl From<ErrorReport> for Refusal {
    /// The same code and message; the cure in commands where the app's would speak of windows.
    fn from(report: ErrorReport) -> Self {
        Self {
            code: report.code.as_str(),
            message: report.message,
            hint: in_commands(report.code).map_or(report.hint, str::to_owned),
        }
    }
}

fn in_commands(code: ErrorCode) -> Option<&'static str> {
    use ErrorCode as C;
    Some(match code {
        C::NoVault => "Set one up: couchkey init",
        C::VaultExists => {
            "Use it: couchkey add, couchkey list. For a second vault, name another place with --data-dir."
        }
        C::VaultLocked | C::PassphraseNeeded => {
            "Type the passphrase when asked. In a script, hand it over on standard input or with --passphrase-fd."
        }
        C::WrongPassphrase => {
            "Check capital letters and the keyboard's language, and try again. If it is forgotten: couchkey recover"
        }
        C::NeedsRecovery => {
            "Have the recovery key ready and type: couchkey recover. Nothing is deleted, and no new key is made without you."
        }
        C::KeyringUnavailable => {
            "Start its service (on Linux: GNOME Keyring, KWallet or KeePassXC) and try again. Or open the vault without it: couchkey recover"
        }
        C::KeyringSilent => {
            "Answer what it asks, then try again. In KeePassXC, turn on Secret Service Integration in the settings, and in the settings of the database choose a group that other programs may use. For a vault that needs no keyring and opens with a passphrase: couchkey init --keyring file"
        }
        C::KeyringDenied => {
            "Allow Couchkey to use the keyring when the system asks, then try again. For a vault that needs no keyring and opens with a passphrase: couchkey init --keyring file"
        }
        C::AccountNotFound => "See what is there: couchkey list. What was removed: couchkey trash",
        C::AmbiguousQuery => "Type more of the name, or the id that couchkey list shows.",
        C::NotHotp => "Leave --next out; the code changes by itself.",
        C::MigrationUri => "Add it whole, it may hold several accounts: couchkey add -",
        C::ImportNeedsPassword => {
            "Type the file's password when asked. In a script, hand it over on standard input: couchkey import FILE --password-stdin"
        }
        C::ImportNeedsKey => {
            "Type its password when asked, or hand it over on standard input: --password-stdin. If it has a key file: couchkey import FILE --key-file KEYFILE"
        }
        C::ImportWrongKey => {
            "Check capital letters and the keyboard's language. If the database has a key file: --key-file KEYFILE. A database that also wants a hardware key opens here only after you have removed that in KeePassXC."
        }
        C::BackupOfAnotherVault => {
            "Open the vault that is here when asked, and what it lacks comes into it. Or put it aside, whole, and begin with the backup: couchkey recover --backup FILE --set-aside"
        }
        C::PictureHeic | C::PicturePdf | C::PictureUnread => {
            "Open it so that the QR code can be seen, and type: couchkey add --screen. Or take a screenshot, and give that to: couchkey add PICTURE"
        }
        C::ConfirmationNeeded => "Say yes when asked. In a script: couchkey export --yes …",
        C::ExportExists => "Choose another name, or replace that file: --replace",
        C::ScreenUnavailable | C::ScreenDenied => {
            "Take a screenshot yourself, and give the picture to: couchkey add PICTURE"
        }
        _ => return None,
    })
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error.report().into())
    }
}

impl From<ErrorCode> for Stop {
    fn from(code: ErrorCode) -> Self {
        Error::from(code).into()
    }
}

impl From<io::Error> for Stop {
    /// Only writing goes through `?`; what is read is refused by name.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyListens,
            _ => Self::Unwritten(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_keeps_the_vault_shut_exits_with_three() {
        let three: Vec<&str> = ErrorCode::ALL
            .iter()
            .map(|code| Refusal::from(ErrorReport::from(*code)))
            .filter(|refusal| refusal.exit_code() == LOCKED)
            .map(|refusal| refusal.code)
            .collect();
        assert_eq!(
            three,
            [
                "vault_locked",
                "wrong_passphrase",
                "passphrase_needed",
                "needs_recovery",
                "keyring_locked",
                "keyring_silent",
                "keyring_denied",
                "keyring_unavailable"
            ],
            "scripts tell `try again when it is open` from `this will never work` by the exit code"
        );
    }

    #[test]
    fn no_cure_speaks_of_a_window() {
        for code in ErrorCode::ALL {
            let refusal = Refusal::from(ErrorReport::from(*code));
            assert!(
                !refusal.message.is_empty() && !refusal.hint.is_empty(),
                "{code:?} says both"
            );
            assert!(
                !refusal.hint.contains("window"),
                "{code:?}: there is none here"
            );
        }
    }
}
