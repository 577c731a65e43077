//! A setting that cannot be used: which one, what is wrong with it, and the cure. Never what was found there: it may be a password.
use std::{fmt, path::Path};

use figment::error::Kind;

use super::PREFIX;

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    message: String,
    hint: String,
}

impl ConfigError {
    /// What is wrong and what to do. Neither may quote a value.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> ConfigError {
        ConfigError {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// What is wrong with one key.
    pub fn of(key: &str, what: &str, hint: &str) -> ConfigError {
        ConfigError::new(format!("{key} {what}"), hint)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nhint: {}", self.message, self.hint)
    }
}

/// figment's error without the value it found, which may be a password in the wrong place.
pub(super) fn wrong(error: &figment::Error, file: Option<&Path>) -> ConfigError {
    let key = error.path.join(".");
    let from = match (&error.metadata, file) {
        (Some(metadata), _) if metadata.name.contains("environment") => {
            format!(
                " (from {PREFIX}{})",
                key.replace('.', "__").to_ascii_uppercase()
            )
        }
        (_, Some(file)) => format!(" in {}", file.display()),
        _ => String::new(),
    };
    match &error.kind {
        Kind::UnknownField(name, known) => {
            // figment's path ends with the field's own name where it knows it.
            let path = if error.path.last() == Some(name) || key.is_empty() {
                if key.is_empty() { name.clone() } else { key }
            } else {
                format!("{key}.{name}")
            };
            ConfigError::new(
                format!("{path} is not a setting{from}"),
                format!("What there is: {}.", known.join(", ")),
            )
        }
        Kind::MissingField(name) => ConfigError::new(
            format!("{} is missing{from}", joined(&key, name)),
            "Add it; docs/platform-server.md has an example of every section.",
        ),
        Kind::InvalidType(_, expected)
        | Kind::InvalidValue(_, expected)
        | Kind::InvalidLength(_, expected) => {
            let expected = in_words(expected);
            ConfigError::new(
                format!("{key} is not {expected}{from}"),
                format!("Write {expected}."),
            )
        }
        Kind::UnknownVariant(_, known) => ConfigError::new(
            format!("{key} has a word that is not known{from}"),
            format!("Choose one of: {}.", known.join(", ")),
        ),
        Kind::Message(message) if message.starts_with("TOML parse error") => {
            // Only the place: the lines after it quote the file.
            let place = message
                .lines()
                .next()
                .and_then(|line| line.split_once(" at "))
                .map_or("somewhere", |(_, place)| place);
            ConfigError::new(
                format!("the configuration is not TOML{from}, {place}"),
                "Strings stand in \"quotes\", sections in [brackets]; https://toml.io has the rules.",
            )
        }
        _ if !key.is_empty() => ConfigError::new(
            format!("{key} cannot be understood{from}"),
            "docs/platform-server.md says what each setting looks like.",
        ),
        _ => ConfigError::new(
            format!("the configuration cannot be understood{from}"),
            "docs/platform-server.md says what each setting looks like.",
        ),
    }
}

fn joined(key: &str, name: &str) -> String {
    if key.is_empty() || key.ends_with(name) {
        if key.is_empty() {
            name.to_owned()
        } else {
            key.to_owned()
        }
    } else {
        format!("{key}.{name}")
    }
}

/// What a setting should be, in the words of who writes a configuration.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i64" | "i32" => "a whole number",
        "a sequence" => "a list, in [brackets]",
        "a map" => "a section or a table, in {braces}",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "a section or a table, in {braces}",
        other => other,
    }
}
