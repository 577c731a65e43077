//! KeePass' and KeePassXC's databases, versions 3 and 4 of their format. What a file asks for is looked at before the
//! library is called, and what it holds is looked at before the library follows it: see docs/decisions/0114.

use std::thread;

use couchkey_otp::{Algorithm, OtpauthError, Parsed};
use keepass::db::{EntryRef, GroupId, GroupRef};
use keepass::{Database, DatabaseKey};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keepass_seal::Header;
use super::keys;
use super::loose::{self, Loose};
use super::number::{base64, hex};
use super::{Format, Import, ImportError, Imported, SkipReason, Watch};
use crate::quiet;

const FORMAT: Format = Format::KeePass;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

const SIGN: &[u8] = &[0x03, 0xd9, 0xa2, 0x9a];
const KEEPASS_2: &[u8] = &[0x67, 0xfb, 0x4b, 0xb5];
/// KeePass 1, and what came before KeePass 2 was finished.
const OLDER: [&[u8]; 2] = [&[0x65, 0xfb, 0x4b, 0xb5], &[0x66, 0xfb, 0x4b, 0xb5]];

/// Of the thread that the library runs on: far more than that depth takes, and not paid for where it is not used.
const STACK_BYTES: usize = 64 << 20;

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let (kind, _) = file.bytes.strip_prefix(SIGN)?.split_at_checked(4)?;
    if OLDER.contains(&kind) {
        return Some(Err(ImportError::UnsupportedVariant { format: FORMAT }));
    }
    (kind == KEEPASS_2).then(|| open(file.bytes, password, watch))
}

fn open(bytes: &[u8], password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let header = Header::of(bytes)?;
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    keys::begin(watch)?;
    // A thread for the stack alone.
    let database = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let library = || quiet::catch(|| database(bytes, &header, password));
        let running = thread.spawn_scoped(scope, library).ok()?;
        running.join().ok().flatten()
    });
    entries(&database.ok_or(DAMAGED)??, watch)
}

fn database(bytes: &[u8], header: &Header<'_>, password: &str) -> Result<Database, ImportError> {
    // The key is derived twice: there is no way to hand the library the XML.
    header.xml(password)?;
    let key = DatabaseKey::new().with_password(password);
    Database::parse(bytes, key).map_err(|error| header.refused(&error))
}

fn entries(database: &Database, watch: Watch<'_>) -> Result<Import, ImportError> {
    let bin = database.recycle_bin().map(|bin| bin.id());
    let mut found = Vec::new();
    walk(&database.root(), None, bin, &mut found);
    let mut gather = Gather::new(FORMAT, found.len(), watch)?;
    for (entry, label) in found {
        gather.take(entry, || label)?;
    }
    Ok(gather.done())
}

type Found = Vec<(Result<Imported, SkipReason>, String)>;

/// A group's entries, then the groups in it: the order in which both programs show them.
fn walk(group: &GroupRef<'_>, path: Option<&str>, bin: Option<GroupId>, found: &mut Found) {
    for entry in group.entries() {
        let names = (entry.get("Title"), entry.get("UserName"));
        let mut passwords = passwords(&entry);
        if passwords.is_empty() {
            passwords.push(Err(SkipReason::NoOneTimePassword));
        }
        let groups = path.into_iter().map(str::to_owned);
        let groups: Vec<String> = groups.chain(entry.tags.iter().cloned()).collect();
        for password in passwords {
            let imported = password.map(|parsed| Imported {
                note: entry.get("Notes").unwrap_or_default().to_owned(),
                groups: groups.clone(),
                ..Imported::plain(parsed)
            });
            found.push((imported, label(names.0, names.1)));
        }
    }
    for inner in group.groups().filter(|inner| Some(inner.id()) != bin) {
        let path = match path {
            Some(path) => format!("{path} / {}", inner.name),
            None => inner.name.clone(),
        };
        walk(&inner, Some(&path), bin, found);
    }
}

/// The one-time passwords of an entry, in whichever way they were put in. The same one in two ways is one.
fn passwords(entry: &EntryRef<'_>) -> Vec<Result<Parsed, SkipReason>> {
    let get = |name: &str| entry.get(name).filter(|value| !value.trim().is_empty());
    let names = || Loose {
        issuer: get("Title"),
        account: get("UserName"),
        ..Loose::default()
    };
    let whole = |name: &str| get(name).map(|text| text.trim().parse().unwrap_or(-1));
    let mut found = Vec::new();
    if let Some(text) = get("otp") {
        found.push(otp(text.trim(), names()));
    }
    if let Some(seed) = get("TOTP Seed") {
        found.push(seed_and_settings(seed, get("TOTP Settings"), names()));
    }
    for (kind, prefix) in [("totp", "TimeOtp"), ("hotp", "HmacOtp")] {
        let field = |name: &str| format!("{prefix}-{name}");
        let said = |encoding: &'static str| {
            let name = match encoding {
                "UTF8" => field("Secret"),
                other => field(&format!("Secret-{other}")),
            };
            get(&name).map(|text| (encoding, text))
        };
        let secret = ["Base32", "Hex", "Base64", "UTF8"]
            .into_iter()
            .find_map(said);
        if let Some((encoding, text)) = secret {
            let rest = Loose {
                kind: Some(kind),
                algorithm: get(&field("Algorithm")),
                digits: whole(&field("Length")),
                period: whole(&field("Period")),
                counter: whole(&field("Counter")),
                ..names()
            };
            found.push(written(encoding, text, rest));
        }
    }
    let mut kept: Vec<Result<Parsed, SkipReason>> = Vec::new();
    for password in found {
        let same = |other: &Result<Parsed, SkipReason>| match (other, &password) {
            (Ok(one), Ok(other)) => {
                let (one, other) = (&one.enrolment, &other.enrolment);
                one.secret.same_as(&other.secret) && one.kind == other.kind
            }
            _ => false,
        };
        if !kept.iter().any(same) {
            kept.push(password);
        }
    }
    kept
}

/// KeePassXC's field: a link, or KeeOtp's `key=…&size=…`.
fn otp(text: &str, names: Loose<'_>) -> Result<Parsed, SkipReason> {
    let query = text.split_once('?').map(|(_, query)| query);
    let pairs = query.unwrap_or(text).split('&');
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    let get = |wanted: &str| {
        let mut named = pairs
            .clone()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let value = named.next()?.1;
        Some(Zeroizing::new(
            percent_decode_str(value).decode_utf8_lossy().into_owned(),
        ))
    };
    if text.contains("://") {
        let is_steam = get("encoder").is_some_and(|encoder| encoder.eq_ignore_ascii_case("steam"));
        let link = match is_steam {
            true => Zeroizing::new(text.replacen("://totp/", "://steam/", 1)),
            false => Zeroizing::new(text.to_owned()),
        };
        return loose::field(&link, names.issuer, names.account);
    }
    let Some(key) = get("key") else {
        return loose::field(text, names.issuer, names.account);
    };
    let whole = |name| get(name).map(|text| text.trim().parse().unwrap_or(-1));
    let (kind, algorithm) = (get("type"), get("otpHashMode"));
    let rest = Loose {
        kind: kind.as_ref().map(|kind| kind.as_str()),
        algorithm: algorithm.as_ref().map(|name| name.as_str()),
        digits: whole("size"),
        period: whole("step"),
        counter: whole("counter"),
        ..names
    };
    let encoding = get("encoding");
    let encoding = encoding
        .as_ref()
        .map_or("Base32", |encoding| encoding.as_str());
    written(encoding, &key, rest)
}

/// `TOTP Settings`: `30;6`, `30;S` for Steam, and from KeePassXC a third word for the hash; others put an address there.
fn seed_and_settings(
    seed: &str,
    settings: Option<&str>,
    names: Loose<'_>,
) -> Result<Parsed, SkipReason> {
    let mut words = settings.unwrap_or("30;6").split(';').map(str::trim);
    let period = words.next().unwrap_or_default().parse().unwrap_or(-1);
    let digits = words.next().unwrap_or("6");
    let algorithm = words
        .next()
        .filter(|word| word.parse::<Algorithm>().is_ok());
    let is_steam = digits.eq_ignore_ascii_case("S");
    let rest = Loose {
        kind: Some(if is_steam { "steam" } else { "totp" }),
        algorithm,
        digits: (!is_steam).then(|| digits.parse().unwrap_or(-1)),
        period: Some(period),
        ..names
    };
    written("Base32", seed, rest)
}

/// A secret in one of the encodings of KeePass and KeeOtp.
fn written(encoding: &str, text: &str, rest: Loose<'_>) -> Result<Parsed, SkipReason> {
    let bytes = match encoding.to_ascii_lowercase().as_str() {
        "base32" => {
            let base32 = Some(text);
            return Loose { base32, ..rest }.read();
        }
        "hex" => hex(text),
        "base64" => base64(text),
        "utf8" => Some(Zeroizing::new(text.as_bytes().to_vec())),
        _ => None,
    };
    let bytes = bytes.ok_or(OtpauthError::BadSecret)?;
    let bytes = Some(bytes.as_slice());
    Loose { bytes, ..rest }.read()
}
