//! The file name of a backup, written and read: `couchkey-9f3a12bc-20261124T153005Z.couchkey`.

use couchkey_otp::UnixTime;
use couchkey_vault::VaultId;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A backup's name: `couchkey-9f3a12bc-20261124T153005Z.couchkey`. Sorted by name, they are sorted by the time that the
/// clock said.
pub(super) struct Name {
    pub(super) vault: String,
    made: Timestamp,
}

impl Name {
    const TIME: &'static str = "%Y%m%dT%H%M%SZ";

    pub(super) fn new(vault: VaultId, made: UnixTime) -> Option<Self> {
        let made = i64::try_from(made.as_secs()).ok()?;
        Some(Self {
            vault: short(vault),
            made: Timestamp::from_second(made).ok()?,
        })
    }

    pub(super) fn made(&self) -> UnixTime {
        UnixTime::from_secs(u64::try_from(self.made.as_second()).unwrap_or(0))
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("couchkey-")?.strip_suffix(EXTENSION)?;
        let (vault, time) = rest.split_once('-')?;
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if vault.len() != 8 || !vault.chars().all(hex) {
            return None;
        }
        let made = DateTime::strptime(Self::TIME, time).ok()?;
        let made = made.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let name = Self {
            vault: vault.to_owned(),
            made,
        };
        // Only names as we write them: whatever else is in the folder is not ours to delete.
        (name.to_string() == format!("couchkey-{rest}{EXTENSION}")).then_some(name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = self.made.to_zoned(TimeZone::UTC);
        let time = time.strftime(Self::TIME);
        write!(f, "couchkey-{}-{time}{EXTENSION}", self.vault)
    }
}

/// `.couchkey`, what a backup's name ends in.
const EXTENSION: &str = ".couchkey";

pub(super) fn short(vault: VaultId) -> String {
    vault.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_no_other_name_is_ours() {
        let vault = VaultId([0x9F; 16]);
        let name = Name::new(vault, UnixTime::from_secs(1_800_000_005)).expect("a time");
        let text = name.to_string();
        assert_eq!(text, "couchkey-9f9f9f9f-20270115T080005Z.couchkey", "UTC");
        let read = Name::parse(&text).expect("our own");
        assert_eq!(read.made, name.made, "to the second");
        for other in [
            "couchkey-9f9f9f9f-20270115T080005Z.couchkey.bak",
            "couchkey-9f9f9f9f-20270115T0800Z.couchkey",
            "couchkey-9F9F9F9F-20270115T080005Z.couchkey",
            "couchkey-9f9f9f9f-20271315T080005Z.couchkey",
            "../couchkey-9f9f9f9f-20270115T080005Z.couchkey",
            "photo.png",
            "",
        ] {
            assert!(Name::parse(other).is_none(), "{other}");
        }
    }
}
