//! KeePass' and KeePassXC's databases, versions 3 and 4 of their format. What a file asks for is looked at before the
//! library is called, and what it holds is looked at before the library follows it: see docs/decisions/0114.

use std::thread;

use couchkey_otp::{Algorithm, OtpauthError, Parsed};
use couchkey_qr::quiet;
use keepass::Database;
use keepass::db::{GroupId, GroupRef};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::file::File;
use super::gather::{Gather, label};
use super::keepass_key::Keys;
use super::keepass_seal::Header;
use super::keys;
use super::loose::{self, Loose};
use super::number::{Number, base64, hex};
use super::{Format, Import, ImportError, NewAccount, SkipReason, Watch};

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
    (kind == KEEPASS_2).then(|| open(file, password, watch))
}

fn open(file: &File<'_>, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let header = Header::of(file.bytes)?;
    if password.is_none() && file.key_file.is_none() {
        return Err(ImportError::NeedsKey { format: FORMAT });
    }
    // Nothing typed beside a key file is no password at all; to the few who have an empty one it is that.
    let passwords = match (password, file.key_file) {
        (Some(""), Some(_)) => vec![None, Some("")],
        (password, _) => vec![password],
    };
    let mut tried = Err(DAMAGED);
    for password in passwords {
        keys::begin(watch)?;
        tried = unseal(file, &header, password);
        if !matches!(tried, Err(ImportError::WrongKey { .. })) {
            break;
        }
    }
    entries(&tried?, watch)
}

fn unseal(
    file: &File<'_>,
    header: &Header<'_>,
    password: Option<&str>,
) -> Result<Database, ImportError> {
    let keys = Keys::new(password, file.key_file)?;
    // A thread for the stack alone.
    let database = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let library = || quiet::catch(|| database(file.bytes, header, &keys));
        let running = thread.spawn_scoped(scope, library).ok()?;
        running.join().ok().flatten()
    });
    database.ok_or(DAMAGED)?.map_err(|error| match error {
        ImportError::WrongKey { format, .. } => ImportError::WrongKey {
            format,
            with_key_file: file.key_file.is_some(),
        },
        other => other,
    })
}

fn database(bytes: &[u8], header: &Header<'_>, keys: &Keys<'_>) -> Result<Database, ImportError> {
    // The key is derived twice: there is no way to hand the library the XML.
    header.xml(keys)?;
    Database::parse(bytes, keys.library()).map_err(|error| header.refused(&error))
}

fn entries(database: &Database, watch: Watch<'_>) -> Result<Import, ImportError> {
    let bin = database.recycle_bin().map(|bin| bin.id());
    let mut found = Vec::new();
    walk(&database.root(), None, bin, &mut found);
    let thrown_away = database.recycle_bin().map_or(0, |bin| count(&bin));
    if thrown_away > 0 {
        let entries = thrown_away;
        found.push((Err(SkipReason::InRecycleBin { entries }), String::new()));
    }
    let mut gather = Gather::new(FORMAT, found.len(), watch)?;
    for (entry, label) in found {
        gather.take(entry, || label)?;
    }
    Ok(gather.done())
}

type Found = Vec<(Result<NewAccount, SkipReason>, String)>;

/// A group's entries, then the groups in it: the order in which both programs show them.
fn walk(group: &GroupRef<'_>, path: Option<&str>, bin: Option<GroupId>, found: &mut Found) {
    for entry in group.entries() {
        let names = (entry.get("Title"), entry.get("UserName"));
        let mut passwords = passwords(&|name| entry.get(name));
        if passwords.is_empty() {
            passwords.push(Err(SkipReason::NoOneTimePassword));
        }
        let groups = path.into_iter().map(str::to_owned);
        let groups: Vec<String> = groups.chain(entry.tags.iter().cloned()).collect();
        for password in passwords {
            let imported = password.map(|parsed| NewAccount {
                note: entry.get("Notes").unwrap_or_default().to_owned(),
                groups: groups.clone(),
                ..NewAccount::plain(parsed)
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

/// The entries of a group and of those in it.
fn count(group: &GroupRef<'_>) -> u64 {
    let inner: u64 = group.groups().map(|inner| count(&inner)).sum();
    group.entries().count() as u64 + inner
}

/// Whether a field holds a one-time password, or its secret.
pub(super) fn is_otp_field(name: &str) -> bool {
    let prefixes = ["TimeOtp-Secret", "HmacOtp-Secret"];
    matches!(name, "otp" | "TOTP Seed") || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The one-time passwords of an entry with these fields, in whichever way they were put in. The same one in two ways is
/// one.
pub(super) fn passwords<'a>(
    field: &dyn Fn(&str) -> Option<&'a str>,
) -> Vec<Result<Parsed, SkipReason>> {
    let get = |name: &str| field(name).filter(|value| !value.trim().is_empty());
    let names = || Loose {
        issuer: get("Title"),
        account: get("UserName"),
        ..Loose::default()
    };
    let whole = |name: &str| Number::of(get(name));
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
    let whole = |name| get(name).map_or(Number::Unsaid, |text| Number::read(&text));
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
    let period = Number::of(words.next());
    let digits = words.next().unwrap_or("6");
    let algorithm = words
        .next()
        .filter(|word| word.parse::<Algorithm>().is_ok());
    let is_steam = digits.eq_ignore_ascii_case("S");
    let rest = Loose {
        kind: Some(if is_steam { "steam" } else { "totp" }),
        algorithm,
        digits: match is_steam {
            true => Number::Unsaid,
            false => Number::read(digits),
        },
        period,
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
