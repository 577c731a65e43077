//! The settings: what the person chose, sealed in the vault with everything else.

use serde::{Deserialize, Serialize};

/// What the person chose. Fields that an older or newer version does not know take their defaults.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Digits in a group when a code is shown: 3 ("123 456") or 2 ("12 34 56").
    pub grouping: u8,
    /// Codes are covered until they are tapped.
    pub tap_to_reveal: bool,
    /// Seconds after which a code that was tapped is covered again; 0 is never.
    #[serde(skip_serializing_if = "is_zero")]
    pub hide_again_seconds: u32,
    /// The next code is shown beneath the current one.
    pub show_next: bool,
    /// Minutes without use after which the vault locks; 0 is never.
    pub auto_lock_minutes: u32,
    /// The vault locks when the screen locks or the device sleeps.
    pub lock_on_sleep: bool,
    /// A copied code is taken off the clipboard again.
    pub clear_clipboard: bool,
    /// Light, dark, or as the system has it.
    pub appearance: Appearance,
    /// The language of the window, as a BCP 47 tag: "pt-BR". `None` is the system's. One that this version does not
    /// speak is kept for one that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When the recovery key was made, in seconds since 1970.
    pub recovery_made: Option<u64>,
    /// The person said that they have the recovery key on paper or in a safe place.
    pub recovery_saved: bool,
    /// When the recovery key was last shown to open everything, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_proven: Option<u64>,
    /// No backup is made by itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backups_off: bool,
    /// The folder for backups, as this device's system spells it; `None` is the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_folder: Option<String>,
    /// When something in the trash was first seen to have rested its time, in seconds since 1970. Nobody chose it; it
    /// stands here because it has to be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trash_seen_over: Option<u64>,
    /// The televisions that codes are typed on, the one that was chosen last first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub televisions: Vec<Television>,
}

/// A television: how it takes a code, and how fast this person is on it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Television {
    /// As the person calls it; empty for the one that nobody named.
    pub name: String,
    /// The keypad's word. One that this version does not know is kept for one that does.
    pub keypad: String,
    /// Milliseconds a press, the newest last: what the pace is the mean of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<u32>,
    /// The ids of the accounts that were last typed on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            grouping: 3,
            tap_to_reveal: false,
            hide_again_seconds: 0,
            show_next: true,
            auto_lock_minutes: 5,
            lock_on_sleep: true,
            clear_clipboard: true,
            appearance: Appearance::System,
            language: None,
            recovery_made: None,
            recovery_saved: false,
            recovery_proven: None,
            backups_off: false,
            backup_folder: None,
            trash_seen_over: None,
            televisions: Vec::new(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// How the app looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "&'static str")]
pub enum Appearance {
    /// As the system has it.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// High contrast.
    Contrast,
}

impl From<Appearance> for &'static str {
    fn from(appearance: Appearance) -> &'static str {
        match appearance {
            Appearance::System => "system",
            Appearance::Light => "light",
            Appearance::Dark => "dark",
            Appearance::Contrast => "contrast",
        }
    }
}

/// An appearance that this version does not know is the system's: looks never keep a vault from opening.
impl From<String> for Appearance {
    fn from(word: String) -> Appearance {
        match word.as_str() {
            "light" => Appearance::Light,
            "dark" => Appearance::Dark,
            "contrast" => Appearance::Contrast,
            _ => Appearance::System,
        }
    }
}
