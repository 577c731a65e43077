//! Ente Auth: lists of links with what the app knows besides, plain or encrypted.

use couchkey_otp::Parsed;
use data_encoding::BASE64;
use dryoc::classic::crypto_secretstream_xchacha20poly1305 as secretstream;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::file::File;
use super::keys;
use super::links;
use super::{Format, Import, ImportError, NewAccount, Watch, uri_list};

const FORMAT: Format = Format::Ente;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };

/// The parameter that no other app writes.
const DISPLAY: &str = "codeDisplay=";
/// Bytes that one message of a secret stream adds.
const STREAM_OVERHEAD: usize = 17;

pub(super) fn read(
    file: &File<'_>,
    password: Option<&str>,
    watch: Watch<'_>,
) -> Option<Result<Import, ImportError>> {
    let text = file.text?;
    if file.json.has(&["kdfParams"]) || file.json.has(&["encryptedData", "encryptionNonce"]) {
        return Some(open(text, password, watch));
    }
    let ours = text.contains(DISPLAY) && links::links(text).iter().any(|found| found.is_link);
    ours.then(|| list(text, watch))
}

fn open(text: &str, password: Option<&str>, watch: Watch<'_>) -> Result<Import, ImportError> {
    let export: Export = serde_json::from_str(text).map_err(|_| DAMAGED)?;
    if export.version != 1 {
        return Err(ImportError::NewerVersion { format: FORMAT });
    }
    let password = password.ok_or(ImportError::NeedsPassword { format: FORMAT })?;
    let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| DAMAGED);
    let kdf = &export.kdf_params;
    let (salt, sealed) = (decode(&kdf.salt)?, decode(&export.encrypted_data)?);
    let header = decode(&export.encryption_nonce)?;
    let header = secretstream::Header::try_from(header.as_slice()).map_err(|_| DAMAGED)?;
    let length = sealed.len().checked_sub(STREAM_OVERHEAD).ok_or(DAMAGED)?;
    let cost = (kdf.mem_limit / 1024, kdf.ops_limit, 1);
    let key = keys::argon2id(FORMAT, cost, password.as_bytes(), &salt, watch)?;

    let mut stream = secretstream::State::new();
    secretstream::crypto_secretstream_xchacha20poly1305_init_pull(&mut stream, &header, &key);
    let (mut plain, mut tag) = (Zeroizing::new(vec![0; length]), 0);
    // The seal is over everything: damage and a wrong password look the same.
    secretstream::crypto_secretstream_xchacha20poly1305_pull(
        &mut stream,
        &mut plain,
        &mut tag,
        &sealed,
        None,
    )
    .map_err(|_| ImportError::WrongPassword { format: FORMAT })?;
    list(std::str::from_utf8(&plain).map_err(|_| DAMAGED)?, watch)
}

/// One a line; versions of old put commas between them.
fn list(text: &str, watch: Watch<'_>) -> Result<Import, ImportError> {
    uri_list::of(FORMAT, text, watch).unwrap_or(Err(DAMAGED))
}

/// A link of whatever app, with what Ente knows besides where it has that.
pub(super) fn entry<E>(
    line: &str,
    link: impl Fn(&str) -> Result<Parsed, E>,
) -> Result<NewAccount, E> {
    let Some((uri, display)) = line.split_once(DISPLAY) else {
        return Ok(NewAccount::plain(link(line)?));
    };
    let (display, rest) = display.split_once('&').unwrap_or((display, ""));
    // Dart writes a query as a form, in which `+` is a blank and a plus is escaped.
    let display = display.replace('+', " ");
    let display = percent_decode_str(&display).decode_utf8_lossy();
    // What cannot be read here only changes the looks.
    let display: Display = serde_json::from_str(&display).unwrap_or_default();
    // Without its value, which is too long for what a link may have; the name says that the link is Ente's.
    let mut whole = Zeroizing::new(String::with_capacity(line.len()));
    for part in [uri, DISPLAY, "&", rest] {
        whole.push_str(part);
    }
    Ok(NewAccount {
        note: display.note,
        groups: display.tags,
        pinned: display.pinned,
        trashed: display.trashed,
        ..NewAccount::plain(link(&whole)?)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    version: u64,
    kdf_params: KdfParams,
    encrypted_data: String,
    encryption_nonce: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KdfParams {
    /// In bytes.
    mem_limit: u64,
    ops_limit: u64,
    salt: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Display {
    pinned: bool,
    trashed: bool,
    tags: Vec<String>,
    note: String,
}
