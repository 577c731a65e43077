//! OTPClient's database, in the layouts of its versions 2 and 3. Version 1 begins with no sign and is not known.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keys;
use super::loose::Loose;
use super::number::Number;
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

const FORMAT: Format = Format::OtpClient;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

const SIGN: &[u8] = b"OTPClient";
const TAG_BYTES: usize = 16;
/// Argon2id, where the file does not say: memory in KiB, passes, lanes.
const COST: (u64, u64, u64) = (128 * 1024, 4, 4);

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    file.bytes.starts_with(SIGN).then(|| {
        let forms = Sealed::of(file.bytes)?;
        let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
        // The seal is over everything: damage and a wrong password look the same.
        let mut plain = None;
        for sealed in forms {
            plain = sealed.open(password.as_bytes(), watch)?;
            // Until the middle of version 2 the app took so many bytes of the password as it has characters.
            if plain.is_none() && sealed.is_old && !password.is_ascii() {
                let shortened = &password.as_bytes()[..password.chars().count()];
                plain = sealed.open(shortened, watch)?;
            }
            if plain.is_some() {
                break;
            }
        }
        let plain = plain.ok_or(ImportError::WrongPassword { format: FORMAT })?;
        let text = std::str::from_utf8(&plain).map_err(|_| DAMAGED)?;
        // Version 2 sealed the zero at the end of a text in C.
        tokens(text.trim_end_matches('\0'), watch)
    })
}

/// What is in the file before and after its header.
struct Sealed<'a> {
    header: &'a [u8],
    nonce: &'a [u8],
    salt: &'a [u8],
    cost: (u64, u64, u64),
    text: &'a [u8],
    is_old: bool,
}

impl<'a> Sealed<'a> {
    /// Version 3 is packed and big-endian. Version 2 is a structure of C on a little-endian machine, with three bytes
    /// between the sign and the number; read as if it were packed, its number is right too.
    ///
    /// Every form that the bytes allow, the likelier one first: there are two in version 2.
    fn of(bytes: &'a [u8]) -> Result<Vec<Sealed<'a>>, ImportError> {
        let version = u32::from_be_bytes(part(bytes, SIGN.len())?);
        let (at, number): (usize, fn([u8; 4]) -> u32) = match version {
            2 => (16, u32::from_le_bytes),
            3 => (13, u32::from_be_bytes),
            4.. => return Err(ImportError::NewerVersion { format: FORMAT }),
            _ => return Err(DAMAGED),
        };
        let costs_at = at + 16 + 32;
        let cost = |n: usize| part(bytes, costs_at + 4 * n).map(|bytes| u64::from(number(bytes)));
        let (passes, memory, lanes) = (cost(0)?, cost(1)?, cost(2)?);
        let form = |length, cost| {
            let (header, text) = bytes.split_at_checked(length).ok_or(DAMAGED)?;
            if text.len() < TAG_BYTES {
                return Err(DAMAGED);
            }
            Ok(Sealed {
                header,
                nonce: &header[at..at + 16],
                salt: &header[at + 16..costs_at],
                cost,
                text,
                is_old: version == 2,
            })
        };
        let with_costs = form(costs_at + 12, (memory, passes, lanes));
        if version == 3 {
            return Ok(vec![with_costs?]);
        }
        // The first files of version 2 do not have them. More than later versions allow, and less than Argon2 does, is
        // the beginning of a seal; what could be both is tried as both.
        let are_costs = (1..=100).contains(&passes)
            && (1..=64).contains(&lanes)
            && (8 * lanes..=4 << 20).contains(&memory);
        let without = form(costs_at, COST);
        Ok(match (with_costs, are_costs) {
            (Ok(with_costs), true) => std::iter::once(with_costs).chain(without).collect(),
            _ => vec![without?],
        })
    }

    fn open(
        &self,
        password: &[u8],
        watch: Watch<'_>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, ImportError> {
        let key = keys::argon2id(FORMAT, self.cost, password, self.salt, watch)?;
        Ok(keys::open_gcm(&key, self.nonce, self.text, self.header))
    }
}

fn part(bytes: &[u8], at: usize) -> Result<[u8; 4], ImportError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().ok_or(DAMAGED)
}

fn tokens(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    let tokens: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    Gather::all(FORMAT, &tokens, watch, Token::read, |token: &Token| {
        label(token.issuer.as_deref(), token.label.as_deref())
    })
}

#[derive(Deserialize)]
struct Token {
    #[serde(rename = "type")]
    kind: Option<String>,
    label: Option<String>,
    issuer: Option<String>,
    secret: Option<Zeroizing<String>>,
    #[serde(default)]
    digits: Number,
    algo: Option<String>,
    #[serde(default)]
    period: Number,
    #[serde(default)]
    counter: Number,
    group: Option<String>,
}

impl Token {
    fn read(&self) -> Result<NewAccount, SkipReason> {
        let said = |kind: &str, word: &str| kind.eq_ignore_ascii_case(word);
        let kind = self.kind.as_deref();
        // It has no kind for Steam: the issuer decides which code is shown.
        let is_steam = kind.is_some_and(|kind| said(kind, "totp"))
            && self
                .issuer
                .as_deref()
                .is_some_and(|issuer| said(issuer, "steam"));
        let loose = Loose {
            kind: if is_steam { Some("steam") } else { kind },
            base32: self.secret.as_ref().map(|secret| secret.as_str()),
            issuer: self.issuer.as_deref(),
            account: self.label.as_deref(),
            algorithm: self.algo.as_deref(),
            digits: self.digits,
            period: self.period,
            counter: self.counter,
            ..Loose::default()
        };
        Ok(NewAccount {
            groups: self.group.iter().cloned().collect(),
            ..NewAccount::plain(loose.read()?)
        })
    }
}
