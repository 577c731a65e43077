//! FreeOTP 2: `externalBackup.xml`, which is no XML but a map that Java has written out, with the secrets sealed in it.

use std::borrow::Cow;

use couchkey_otp::OtpauthError;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys::{self, Hash};
use super::loose::Loose;
use super::number::{Number, signed_bytes};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::FreeOtp;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const TOKEN: &str = "-token";

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let rest = file.bytes.strip_prefix(map::START)?;
    Some(open(rest, password, watch))
}

fn open(bytes: &[u8], password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let map = map::read(bytes).ok_or(DAMAGED)?;
    let get = |name: &str| {
        let found = map.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_ref())
    };
    let master: Master =
        serde_json::from_str(get("masterKey").ok_or(DAMAGED)?).map_err(|_| DAMAGED)?;
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let master = master.open(password, watch)?;

    let tokens: Vec<(&str, &str)> = map
        .iter()
        .filter_map(|(name, value)| Some((name.strip_suffix(TOKEN)?, value.as_ref())))
        .collect();
    // A key whose token is gone has no name and no kind; it is shown all the same.
    let orphans = map.iter().map(|(name, _)| name.as_ref()).filter(|name| {
        *name != "masterKey" && !name.ends_with(TOKEN) && !tokens.iter().any(|(id, _)| id == name)
    });
    let orphans = orphans.count();
    let mut gather = Gather::new(FORMAT, tokens.len() + orphans, watch)?;
    for (id, json) in &tokens {
        match serde_json::from_str::<Token>(json) {
            Ok(token) => gather.take(token.read(get(id), &master), || token.label())?,
            Err(_) => gather.take(Err(SkipReason::Damaged), String::new)?,
        }
    }
    for _ in 0..orphans {
        gather.take(Err(SkipReason::Damaged), String::new)?;
    }
    Ok(gather.done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Master {
    m_algorithm: String,
    m_iterations: u64,
    m_salt: Vec<i64>,
    m_encrypted_key: Sealed,
}

impl Master {
    fn open(&self, password: &str, watch: Watch<'_>) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let hash = match self.m_algorithm.to_ascii_lowercase().as_str() {
            "pbkdf2withhmacsha512" => Hash::Sha512,
            "pbkdf2withhmacsha1" => Hash::Sha1,
            _ => return Err(ImportError::NewerVersion { format: FORMAT }),
        };
        if !self.m_encrypted_key.is_known() {
            return Err(ImportError::NewerVersion { format: FORMAT });
        }
        let salt = signed_bytes(&self.m_salt).ok_or(DAMAGED)?;
        let mut key = keys::Key::default();
        let cost = (hash, self.m_iterations);
        keys::pbkdf2(
            FORMAT,
            cost,
            password.as_bytes(),
            &salt,
            key.as_mut_slice(),
            watch,
        )?;
        let parts = self.m_encrypted_key.parts().ok_or(DAMAGED)?;
        let opened = parts.open(key.as_slice());
        opened.ok_or(ImportError::WrongPassword { format: FORMAT })
    }
}

/// A sealed key: the token is what it is a key for, and is sealed with it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sealed {
    m_cipher: String,
    m_cipher_text: Vec<i64>,
    m_parameters: Vec<i64>,
    m_token: String,
}

struct Parts<'a> {
    sealed: Zeroizing<Vec<u8>>,
    nonce: [u8; 12],
    aad: &'a str,
}

impl Sealed {
    fn is_known(&self) -> bool {
        self.m_cipher.eq_ignore_ascii_case("AES/GCM/NoPadding")
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let parameters = signed_bytes(&self.m_parameters)?;
        // GCMParameters (RFC 5084, section 3.2): SEQUENCE { OCTET STRING of 12 bytes, the tag's length or its default };
        // Android up to version 6 has the text alone.
        let nonce = match parameters.as_slice() {
            [0x30, _, 0x04, 12, rest @ ..] | [0x04, 12, rest @ ..] => *rest.first_chunk()?,
            _ => return None,
        };
        let sealed = signed_bytes(&self.m_cipher_text)?;
        let aad = &self.m_token;
        (sealed.len() >= 16).then_some(Parts { sealed, nonce, aad })
    }
}

impl Parts<'_> {
    fn open(&self, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = key.try_into().ok()?;
        keys::open_gcm(key, &self.nonce, &self.sealed, self.aad.as_bytes())
    }
}

#[derive(Deserialize)]
struct SealedSecret {
    /// A [`Sealed`] in JSON, in JSON.
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    #[serde(rename = "type")]
    kind: Option<String>,
    algo: Option<String>,
    #[serde(default)]
    digits: Number,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
    label: Option<String>,
    issuer_ext: Option<String>,
    issuer_int: Option<String>,
}

impl Token {
    fn read(&self, sealed: Option<&str>, master: &[u8]) -> Result<NewAccount, SkipReason> {
        let sealed = sealed.ok_or(OtpauthError::MissingSecret)?;
        let sealed: SealedSecret = serde_json::from_str(sealed).map_err(|_| SkipReason::Damaged)?;
        let sealed: Sealed = serde_json::from_str(&sealed.key).map_err(|_| SkipReason::Damaged)?;
        let parts = sealed.parts().filter(|_| sealed.is_known());
        let parts = parts.ok_or(SkipReason::Damaged)?;
        let secret = parts.open(master).ok_or(SkipReason::Sealed)?;
        // The algorithm may be missing here, and is also what the key is for: HmacSHA256.
        let algorithm = self.algo.as_deref().or(sealed.m_token.strip_prefix("Hmac"));
        let (issuer, account) = self.names();
        let loose = Loose {
            kind: self.kind.as_deref(),
            bytes: Some(&secret),
            issuer,
            account,
            algorithm,
            digits: self.digits,
            period: self.period,
            counter: self.counter,
            ..Loose::default()
        };
        Ok(NewAccount::plain(loose.read()?))
    }

    fn names(&self) -> (Option<&str>, Option<&str>) {
        let issuers = [&self.issuer_ext, &self.issuer_int];
        let mut said = issuers.iter().filter_map(|name| name.as_deref());
        let issuer = said.find(|name| !name.trim().is_empty());
        (issuer, self.label.as_deref())
    }

    fn label(&self) -> String {
        let (issuer, account) = self.names();
        label(issuer, account)
    }
}

/// The one shape of Java's serialisation that FreeOTP writes: a `HashMap` of texts (Java Object Serialization
/// Specification, chapter 6). See `docs/decisions/0110-a-java-map-by-its-shape.md` on why no crate reads it.
mod map {
    use super::super::caps;
    use super::Cow;

    /// The stream's magic and version, a new object, a new class, and its name.
    pub(super) const START: &[u8] = b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap";

    const STRING: u8 = 0x74;
    const LONG_STRING: u8 = 0x7c;
    /// The class's identity, its fields and no parent; then come the fields' values, of so many bytes. The second is how
    /// Android up to version 6 has it.
    const CLASSES: [(&[u8], usize); 2] = [
        (
            b"\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F\x00\nloadFactorI\x00\tthresholdxp",
            8,
        ),
        (
            b"\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x01F\x00\nloadFactorxp",
            4,
        ),
    ];

    type Text<'a> = Cow<'a, str>;

    pub(super) fn read(bytes: &[u8]) -> Option<Vec<(Text<'_>, Text<'_>)>> {
        let mut known = CLASSES.iter();
        let (mut rest, fields) =
            known.find_map(|(class, fields)| Some((bytes.strip_prefix(*class)?, *fields)))?;
        take(&mut rest, fields)?;
        let block = take(&mut rest, 2)?;
        if block != [0x77, 8] {
            return None;
        }
        take(&mut rest, 4)?; // buckets
        let count = u32::from_be_bytes(take(&mut rest, 4)?.try_into().ok()?) as usize;
        // Two for each account, and the master key.
        if count > 2 * caps::ENTRIES + 1 {
            return None;
        }
        let mut map = Vec::new();
        for _ in 0..count {
            let name = text(&mut rest)?;
            let value = text(&mut rest)?;
            map.push((name, value));
        }
        (take(&mut rest, 1)? == [0x78]).then_some(map)
    }

    fn text<'a>(rest: &mut &'a [u8]) -> Option<Text<'a>> {
        let bytes = match take(rest, 1)?[0] {
            STRING => {
                let length = u16::from_be_bytes(take(rest, 2)?.try_into().ok()?);
                take(rest, length.into())?
            }
            LONG_STRING => {
                let length = u64::from_be_bytes(take(rest, 8)?.try_into().ok()?);
                take(rest, usize::try_from(length).ok()?)?
            }
            _ => return None,
        };
        cesu8::from_java_cesu8(bytes).ok()
    }

    fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
        let (taken, left) = rest.split_at_checked(count)?;
        *rest = left;
        Some(taken)
    }
}
