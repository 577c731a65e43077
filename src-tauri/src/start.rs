//! How the app was started: which vault, which keyring, and perhaps the link that somebody opened.

use std::{
    ffi::OsString,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    path::{Path, PathBuf},
};

use clap::{
    Parser, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use couchkey_authenticator::KeyringChoice;
use zeroize::Zeroizing;

/// What the command line and the environment ask for.
pub struct Start {
    /// Another vault than the system's usual place.
    pub data_dir: Option<PathBuf>,
    /// Whether the operating system's keyring may be used.
    pub keyring: KeyringChoice,
    /// What may be an `otpauth://` or `otpauth-migration://` link. Those hold secrets: they are never logged.
    pub links: Vec<Zeroizing<String>>,
}

impl Start {
    /// Reads a command line, the program's name first. With a wrong one, or with `--help`, the answer is what to print.
    ///
    /// # Errors
    /// clap's message. It never quotes a link: links are taken whatever they say.
    pub fn read<T: Into<OsString> + Clone>(
        arguments: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let Arguments {
            data_dir,
            keyring,
            links,
        } = Arguments::try_parse_from(arguments)?;
        Ok(Self {
            data_dir: data_dir.filter(|folder| !folder.as_os_str().is_empty()),
            keyring: match keyring {
                Keyring::Auto => KeyringChoice::Auto,
                Keyring::File => KeyringChoice::File,
            },
            links: links.into_iter().map(Zeroizing::new).collect(),
        })
    }

    /// Names this vault among the instances of the app: one window for each vault.
    #[must_use]
    pub fn instance(&self, identifier: &str) -> String {
        match &self.data_dir {
            None => identifier.to_owned(),
            Some(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("{identifier}.vault-{:016x}", hash(&path))
            }
        }
    }
}

/// Whether a text is a set-up link. RFC 3986, 3.1: schemes are compared without regard to case.
#[must_use]
pub fn is_link(text: &str) -> bool {
    ["otpauth://", "otpauth-migration://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

#[derive(Parser)]
#[command(
    name = "couchkey-app",
    version,
    about = "Couchkey: sign-in codes, sized for the sofa"
)]
struct Arguments {
    /// Use the vault in this folder
    // clap's own parser of paths refuses an empty variable, which means one that is not set.
    #[arg(long, value_name = "FOLDER", env = "COUCHKEY_DATA_DIR", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    data_dir: Option<PathBuf>,

    /// Where keys are kept: `file` never asks the operating system's keyring, and needs a passphrase
    #[arg(long, value_enum, default_value = "auto")]
    keyring: Keyring,

    /// An otpauth:// or otpauth-migration:// link to add
    // A list, because a second one must not become part of an error message.
    #[arg(value_name = "LINK")]
    links: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Keyring {
    Auto,
    File,
}

/// The same number in every run: the hasher starts without random keys.
fn hash(path: &Path) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "otpauth://totp/Sofa:me?secret=JBSWY3DPEHPK3PXP&issuer=Sofa";

    fn read(arguments: &[&str]) -> Start {
        Start::read([&["couchkey-app"], arguments].concat())
            .unwrap_or_else(|error| panic!("{arguments:?} is a fine command line: {error}"))
    }

    #[test]
    fn a_bare_start_opens_the_usual_vault_without_a_link() {
        let start = read(&[]);
        assert!(start.links.is_empty(), "nobody opened a link");
        assert!(matches!(start.keyring, KeyringChoice::Auto), "the default");
    }

    #[test]
    fn a_link_is_found_wherever_it_stands() {
        for arguments in [
            &[LINK][..],
            &["--keyring", "file", LINK],
            &["--data-dir", "/tmp/second", LINK],
            &["notes.txt", LINK],
        ] {
            let start = read(arguments);
            let links: Vec<&str> = start.links.iter().map(|link| link.as_str()).collect();
            assert!(
                links.contains(&LINK),
                "desktops put the link where they like: {links:?}"
            );
        }
    }

    #[test]
    fn schemes_are_compared_without_regard_to_case() {
        assert!(is_link("OTPAUTH://totp/x?secret=AA"), "RFC 3986, 3.1");
        assert!(is_link("otpauth-migration://offline?data=x"), "Google's");
        for other in [
            "https://example.org/otpauth://totp",
            "otpauth:totp",
            "otpauth-migration:",
            " otpauth://x",
            "otpauth",
            "",
            "ötpauth://x",
        ] {
            assert!(!is_link(other), "{other:?} is no link of ours");
        }
    }

    #[test]
    fn no_refusal_quotes_a_link() {
        for arguments in [
            &["--no-such-flag", LINK][..],
            &["--keyring", "nowhere", LINK],
            &[LINK, "--data-dir"],
            &[LINK, LINK, "--frobnicate"],
        ] {
            let refusal = Start::read([&["couchkey-app"], arguments].concat())
                .err()
                .unwrap_or_else(|| panic!("{} is wrong", arguments[0]))
                .to_string();
            assert!(
                !refusal.contains("JBSWY3DP"),
                "a secret must not reach standard error"
            );
        }
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_taken_as_not_set() {
        // An environment of our own is another process's; clap treats both alike.
        assert_eq!(
            read(&["--data-dir", ""]).data_dir,
            None,
            "as shells mean it"
        );
    }

    #[test]
    fn each_vault_has_an_instance_of_its_own() {
        let usual = read(&[]);
        let second = read(&["--data-dir", "/tmp/second"]);
        let third = read(&["--data-dir", "/tmp/third"]);
        if std::env::var_os("COUCHKEY_DATA_DIR").is_none() {
            assert_eq!(usual.instance("a.b"), "a.b", "the usual vault's own name");
        }
        assert_eq!(
            second.instance("a.b"),
            read(&["--data-dir=/tmp/second"]).instance("a.b"),
            "the same folder is the same instance, in every run"
        );
        assert_ne!(
            second.instance("a.b"),
            third.instance("a.b"),
            "another folder is another window"
        );
        assert!(
            second
                .instance("a.b")
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')),
            "a D-Bus name takes nothing else"
        );
    }
}
