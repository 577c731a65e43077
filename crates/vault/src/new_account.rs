//! An account that comes in from outside, made to fit a vault's limits; and a word for each thing that had to be cut.

use couchkey_otp::{Parsed, is_bidi_mark};
use unicode_normalization::UnicodeNormalization;

use crate::account::{cut, limits};

/// An account on its way in, from a QR code or another app's export. No `Debug` and no `Clone`: it holds the secret.
pub struct NewAccount {
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

/// Something that was cut or left out because a vault keeps less of it. It never changes the codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Cut {
    /// It is in more than [`limits::GROUPS`] groups, or a group's name is longer than [`limits::GROUP_BYTES`].
    Groups,
    /// The issuer is longer than [`limits::ISSUER_BYTES`], or the account name than [`limits::ACCOUNT_BYTES`].
    Name,
    /// The note is longer than [`limits::NOTE_BYTES`].
    Note,
}

impl Cut {
    /// The stable name, in kebab-case, beside the words of [`Warning`](couchkey_otp::Warning): `note-cut`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cut::Groups => "groups-cut",
            Cut::Name => "name-cut",
            Cut::Note => "note-cut",
        }
    }
}

impl NewAccount {
    /// An account with nothing but its enrolment.
    pub fn plain(parsed: Parsed) -> NewAccount {
        NewAccount {
            parsed,
            note: String::new(),
            groups: Vec::new(),
            pinned: false,
            trashed: false,
        }
    }

    /// What a vault would have to cut, sorted, each at most once.
    pub fn cuts(&self) -> Vec<Cut> {
        let enrolment = &self.parsed.enrolment;
        let mut cuts = Vec::new();
        let groups = groups_of(&self.groups);
        if groups.len() > limits::GROUPS || groups.iter().any(|g| g.len() > limits::GROUP_BYTES) {
            cuts.push(Cut::Groups);
        }
        let issuer = enrolment.issuer.as_deref().unwrap_or_default();
        if issuer.len() > limits::ISSUER_BYTES || enrolment.account.len() > limits::ACCOUNT_BYTES {
            cuts.push(Cut::Name);
        }
        if note_of(&self.note).len() > limits::NOTE_BYTES {
            cuts.push(Cut::Note);
        }
        cuts
    }

    /// Note and groups as a vault keeps them: cut at a character, in the spelling of names, without the control
    /// characters that a note has no use for.
    pub fn kept(&self) -> Kept {
        let mut groups: Vec<String> = Vec::new();
        for group in groups_of(&self.groups) {
            let group = cut(group, limits::GROUP_BYTES).trim_end().to_owned();
            if groups.len() < limits::GROUPS && !groups.contains(&group) {
                groups.push(group);
            }
        }
        let note = cut(note_of(&self.note), limits::NOTE_BYTES);
        Kept { note, groups }
    }
}

/// What a vault keeps of what a person wrote.
pub struct Kept {
    /// At most [`limits::NOTE_BYTES`].
    pub note: String,
    /// At most [`limits::GROUPS`], each with at most [`limits::GROUP_BYTES`].
    pub groups: Vec<String>,
}

/// The groups' names cleaned as everywhere else, none empty, none twice; not cut yet.
fn groups_of(groups: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for group in groups {
        let group = group
            .chars()
            .filter(|c| !c.is_control() && !is_bidi_mark(*c));
        let group = group.nfc().collect::<String>().trim().to_owned();
        if !group.is_empty() && !kept.contains(&group) {
            kept.push(group);
        }
    }
    kept
}

/// The note with lines and tabs, and without other control characters and what turns writing around; not cut yet.
fn note_of(note: &str) -> String {
    let is_text =
        |c: &char| !is_bidi_mark(*c) && (!c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    note.chars().filter(is_text).collect()
}

#[cfg(test)]
mod tests {
    use couchkey_otp::otpauth;

    use super::*;

    fn new_account(note: &str, groups: &[&str]) -> NewAccount {
        let uri =
            "otpauth://totp/StreamTV:me?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=StreamTV";
        NewAccount {
            note: note.to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            ..NewAccount::plain(otpauth::read(uri).expect("it enrols"))
        }
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let account = new_account("two\nlines", &["TV", "Family"]);
        assert_eq!(account.cuts(), [], "nothing is too long");
        let account = account.kept();
        assert_eq!(
            (account.note.as_str(), account.groups.join("|").as_str()),
            ("two\nlines", "TV|Family"),
            "order and lines stay"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character_and_said() {
        let groups: Vec<String> = (0..12).map(|n| format!("{n}{}", "ä".repeat(40))).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let mut account = new_account(&"€".repeat(300), &groups);
        account.parsed.enrolment.account = "é".repeat(200);
        assert_eq!(
            account.cuts(),
            [Cut::Groups, Cut::Name, Cut::Note],
            "all three"
        );
        let account = account.kept();
        assert_eq!(account.note.len(), 600, "200 signs of three bytes");
        assert_eq!(account.groups.len(), limits::GROUPS, "the first eight");
        assert_eq!(
            account.groups[0].len(),
            63,
            "a digit and 31 letters of two bytes"
        );
    }

    #[test]
    fn control_characters_and_repeated_groups_go() {
        let account =
            new_account("a\u{0}b\u{1b}[2J", &["TV\u{7}", " TV ", "", "\u{202e}TV"]).kept();
        assert_eq!(account.note, "ab[2J", "no terminal is driven by a note");
        assert_eq!(account.groups, ["TV"], "one name, one group");
    }
}
