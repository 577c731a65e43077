//! andOTP: plain JSON, and backups sealed with a password in the new and in the old way.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch, caps};

const FORMAT: Format = Format::AndOtp;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

const SALT: usize = 12;
const NONCE: usize = 12;
const TAG: usize = 16;
/// A sealed backup is longer than its frame and shorter than this; the app keeps small pictures only by name.
const MOST_SEALED: usize = 4 << 20;

pub(super) fn read(
    file: &File<'_>,
    _: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let ours = file.json.is_array && file.json.has(&["secret", "label", "type"]);
    ours.then(|| entries(file.text.unwrap_or_default(), watch))
}

/// Sealed backups begin with nothing that tells what they are. So this is asked when everybody else has said no, and
/// takes only what looks like noise from beginning to end: see [`is_noise`].
pub(super) fn read_sealed(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let bytes = file.bytes;
    let fits = (NONCE + TAG + 2..MOST_SEALED).contains(&bytes.len());
    let ours = fits && std::str::from_utf8(bytes).is_err() && is_noise(bytes);
    ours.then(|| open(bytes, password, watch))
}

fn open(bytes: &[u8], password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let (nonce, sealed) = bytes.split_at(NONCE);
    let key: keys::Key = Zeroizing::new(Sha256::digest(password.as_bytes()).into());
    let mut plain = keys::open_gcm(&key, nonce, sealed, &[]);
    if plain.is_none() {
        plain = open_new(bytes, password, watch)?;
    }
    // The seal is over everything: damage and a wrong password look the same.
    let plain = plain.ok_or(ImportError::WrongPassword { format: FORMAT })?;
    entries(std::str::from_utf8(&plain).map_err(|_| DAMAGED)?, watch)
}

/// Rounds (four bytes, big-endian), salt, nonce, ciphertext and tag. The app draws the rounds at random; its versions of
/// today between 140,000 and 160,000, early ones as few as they liked. So they are bounded from above only.
fn open_new(
    bytes: &[u8],
    password: &str,
    watch: Watch<'_>,
) -> Result<Option<Zeroizing<Vec<u8>>>, ImportError> {
    let Some((rounds, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let rounds = u64::from(u32::from_be_bytes(*rounds));
    // Past the cap it is the other layout, whose first bytes are a nonce: no version of the app draws so many.
    if !(1..=caps::PBKDF2_ROUNDS).contains(&rounds) || rest.len() < SALT + NONCE + TAG {
        return Ok(None);
    }
    let (salt, rest) = rest.split_at(SALT);
    let (nonce, sealed) = rest.split_at(NONCE);
    let mut key = keys::Key::default();
    let cost = (Hash::Sha1, rounds);
    keys::pbkdf2(
        FORMAT,
        cost,
        password.as_bytes(),
        salt,
        key.as_mut_slice(),
        watch,
    )?;
    Ok(keys::open_gcm(&key, nonce, sealed, &[]))
}

/// Whether every value of a byte comes about equally often, as behind a cipher: Pearson's chi-squared over 256 values,
/// whose mean is 255 and whose standard deviation is under 23. Pictures, archives and programs are far above it, and
/// those that begin with a known sign never get here.
fn is_noise(bytes: &[u8]) -> bool {
    const SIGNS: [&[u8]; 8] = [
        b"PK",
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"%PDF",
        b"\x1f\x8b",
        b"SQLite",
        b"RIFF",
    ];
    if SIGNS.iter().any(|sign| bytes.starts_with(sign)) {
        return false;
    }
    let mut times = [0_u64; 256];
    for &byte in bytes {
        times[usize::from(byte)] += 1;
    }
    let length = bytes.len() as u64;
    // The sum over all values of (times − length/256)² / (length/256).
    let squares: u64 = times.iter().map(|n| n * n).sum();
    (squares * 256 / length).saturating_sub(length) < 400
}

fn entries(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let list: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    Gather::all(FORMAT, &list, watch, Entry::read, |entry: &Entry| {
        label(entry.issuer.as_deref(), entry.label.as_deref())
    })
}

#[derive(Deserialize)]
struct Entry {
    secret: Option<Zeroizing<String>>,
    issuer: Option<String>,
    label: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(rename = "type")]
    kind: Option<String>,
    algorithm: Option<String>,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
    #[serde(default)]
    tags: Vec<String>,
}

impl Entry {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let label = self.label.as_deref().unwrap_or_default();
        // Before there was an issuer, both names were in the label.
        let (issuer, account) = match (&self.issuer, label.split_once(" - ")) {
            (None, Some((issuer, account))) => (Some(issuer), account),
            (issuer, _) => (issuer.as_deref(), label),
        };
        let loose = Loose {
            kind: self.kind.as_deref(),
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer,
            account: Some(account),
            algorithm: self.algorithm.as_deref(),
            digits: self.digits,
            period: self.period,
            counter: self.counter,
            ..Loose::default()
        };
        Ok(NewAccount {
            groups: self.tags.clone(),
            ..NewAccount::plain(loose.read()?)
        })
    }
}
