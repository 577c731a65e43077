//! Structure-aware: what stands behind the seals of a vault and of a KeePass database, taken from the fuzzer's bytes and
//! sealed with the right keys, so that mutations reach the readers that no mutation of a sealed file ever gets to.
//!
//! The bytes are parts, each with a tag (1 byte) and a length (2 bytes, big endian) before it. docs/vault-format.md says
//! what is sealed how; nothing here calls the code that is under test.

use std::collections::HashMap;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherEncrypt, BlockModeEncrypt, KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ciborium::Value;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};

const VAULT: &[u8; 16] = b"couchkey golden1";
/// The golden vault: its device slot wraps the key that everything here is sealed with.
const GOLDEN: &[u8] = include_bytes!("../../vectors/vault-v1/three-ways/vault.b");
const VERSION: [u8; 4] = [0, 1, 0, 0];
/// Before the sealed part of an item: id, rev, kind.
const ITEM_HEAD: usize = 25;

/// The tags of the parts of a vault.
mod part {
    /// One byte: which places are there (bits 0 and 1), and what is not put right (bits 2 and 3).
    pub const HOW: u8 = 0;
    pub const HEADER: u8 = 1;
    pub const INDEX: u8 = 2;
    pub const ITEM: u8 = 3;
    /// Layout, number, generation.
    pub const BUNDLE: u8 = 4;
    /// How many bundles the head names, and their halves.
    pub const HEAD: u8 = 5;
}

/// A vault's places with these parts in them.
pub struct Places {
    pub file_a: Option<Vec<u8>>,
    pub file_b: Option<Vec<u8>>,
    pub head: Option<Vec<u8>>,
    /// What the keyring has for every bundle.
    pub bundle: Option<Vec<u8>>,
}

pub fn device_key() -> [u8; 32] {
    std::array::from_fn(|n| n as u8)
}

/// Splits bytes into parts; the last one may be cut short.
fn parts(mut data: &[u8]) -> Vec<(u8, &[u8])> {
    let mut parts = Vec::new();
    while let [tag, high, low, rest @ ..] = data {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (part, after) = rest.split_at(length.min(rest.len()));
        parts.push((*tag, part));
        data = after;
    }
    parts
}

fn joined(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, part) in parts {
        bytes.push(*tag);
        bytes.extend((part.len() as u16).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

struct Keys {
    item: [u8; 32],
    index: [u8; 32],
    head: [u8; 32],
}

impl Keys {
    /// Of the golden vault.
    fn golden() -> Keys {
        let (header, ..) = taken_apart(GOLDEN);
        let header: Value = ciborium::from_reader(header).expect("a header");
        let slots = entry(&header, "slots").and_then(Value::as_array);
        let device = slots.into_iter().flatten();
        let mut device = device.filter(|slot| entry(slot, "kind") == Some(&Value::from(1)));
        let slot = device.next().expect("a device slot");
        let bytes = |name| entry(slot, name).and_then(Value::as_bytes).expect("bytes");
        let place = [&b"couchkey/v1/slot"[..], VAULT, bytes("id"), &[1]].concat();
        let key = open(&device_key(), &place, bytes("wrapped"));
        let derived = |info: &str| {
            let mut out = [0; 32];
            let hkdf = Hkdf::<Sha256>::new(Some(&VAULT[..]), &key);
            hkdf.expand(info.as_bytes(), &mut out).expect("32 bytes");
            out
        };
        Keys {
            item: derived("couchkey/v1/item"),
            index: derived("couchkey/v1/index"),
            head: derived("couchkey/v1/head"),
        }
    }
}

/// Header, sealed index, mirror, and all that stands before the index.
fn taken_apart(file: &[u8]) -> (&[u8], &[u8], &[u8], &[u8]) {
    let length = |at: usize| {
        let bytes = file[at..at + 4].try_into().expect("4 bytes");
        u32::from_be_bytes(bytes) as usize
    };
    let (h, i, m) = (length(12), length(16), length(20));
    let (index, mirror) = (24 + h, 24 + h + i);
    (
        &file[24..index],
        &file[index..mirror],
        &file[mirror..mirror + m],
        &file[..index],
    )
}

fn entry<'v>(map: &'v Value, name: &str) -> Option<&'v Value> {
    let mut entries = map.as_map()?.iter();
    let found = entries.find(|(key, _)| key.as_text() == Some(name));
    found.map(|(_, value)| value)
}

fn seal(key: &[u8; 32], place: &[u8], plain: &[u8]) -> Vec<u8> {
    // One nonce for each text: the same bytes give the same file.
    let hash = Sha256::new()
        .chain_update(place)
        .chain_update(plain)
        .finalize();
    let nonce: [u8; 24] = hash[..24].try_into().expect("24 bytes");
    let payload = Payload {
        msg: plain,
        aad: place,
    };
    let sealed = XChaCha20Poly1305::new(key.into()).encrypt(&XNonce::from(nonce), payload);
    [&nonce[..], &sealed.expect("a short text")].concat()
}

fn open(key: &[u8; 32], place: &[u8], sealed: &[u8]) -> Vec<u8> {
    let (nonce, rest) = sealed.split_first_chunk::<24>().expect("a nonce");
    let payload = Payload {
        msg: rest,
        aad: place,
    };
    let plain = XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload);
    plain.expect("the golden vault opens")
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = Sha256::digest(&bytes);
    bytes.extend(sum);
    bytes
}

fn item_place(head: &[u8]) -> Vec<u8> {
    [&b"couchkey/v1/item"[..], VAULT, head].concat()
}

fn items(mut mirror: &[u8]) -> Vec<&[u8]> {
    let mut items = Vec::new();
    while let [high, low, rest @ ..] = mirror {
        let (item, after) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        items.push(item);
        mirror = after;
    }
    items
}

/// The golden vault's parts: what a fuzzer begins with, once for each set of places.
pub fn vault_seeds() -> Vec<Vec<u8>> {
    let keys = Keys::golden();
    let (header, index, mirror, before) = taken_apart(GOLDEN);
    let place = [&b"couchkey/v1/index"[..], before].concat();
    let mut golden = vec![
        (part::HEADER, header.to_vec()),
        (part::INDEX, open(&keys.index, &place, index)),
        (
            part::BUNDLE,
            [&[1][..], &[0; 4], &2_u64.to_be_bytes()].concat(),
        ),
        (part::HEAD, vec![0, 1, 0x80]),
    ];
    for item in items(mirror) {
        let (head, sealed) = item.split_at(ITEM_HEAD);
        let plain = open(&keys.item, &item_place(head), sealed);
        golden.push((part::ITEM, [head, &plain].concat()));
    }
    let seeds = (0..16).map(|how| {
        let mut parts = golden.clone();
        parts.insert(0, (part::HOW, vec![how]));
        joined(&parts)
    });
    seeds.collect()
}

/// Seals the parts.
pub fn vault(data: &[u8]) -> Places {
    let keys = Keys::golden();
    let parts = parts(data);
    let of = |wanted: u8| {
        parts
            .iter()
            .filter(move |(tag, _)| *tag == wanted)
            .map(|(_, part)| *part)
    };
    let how = of(part::HOW)
        .next()
        .and_then(|how| how.first())
        .copied()
        .unwrap_or(0);
    let header = of(part::HEADER)
        .next()
        .unwrap_or_else(|| taken_apart(GOLDEN).0);
    let items: Vec<Vec<u8>> = of(part::ITEM)
        .filter_map(|item| item.split_at_checked(ITEM_HEAD))
        .map(|(head, plain)| [head, &seal(&keys.item, &item_place(head), plain)].concat())
        .collect();
    let mut mirror = Vec::new();
    for item in &items {
        mirror.extend((item.len() as u16).to_be_bytes());
        mirror.extend(item);
    }
    let index = of(part::INDEX).next().unwrap_or_default();
    let index = match how & 4 {
        0 => put_right(index, &items).unwrap_or_else(|| index.to_vec()),
        _ => index.to_vec(),
    };
    let mut file = [&b"\x89CKV\r\n\x1a\n"[..], &VERSION].concat();
    for length in [header.len(), index.len() + 40, mirror.len()] {
        file.extend((length as u32).to_be_bytes());
    }
    file.extend(header);
    let sealed = seal(
        &keys.index,
        &[&b"couchkey/v1/index"[..], &file].concat(),
        &index,
    );
    file.extend(&sealed);
    file.extend(&mirror);
    let file = with_checksum(file);

    let mut bundle = of(part::BUNDLE).next().unwrap_or_default().to_vec();
    bundle.extend(&mirror);
    let tag = mac(&keys.head, &[b"couchkey/v1/bundle", VAULT, &bundle]);
    bundle.extend(tag);
    let bundle = data_encoding::BASE64.encode(&bundle).into_bytes();

    let count_and_halves = of(part::HEAD).next().unwrap_or_default();
    let (count, halves) = count_and_halves.split_at(count_and_halves.len().min(2));
    let mut head = [&b"\x89CKH\r\n\x1a\n"[..], &VERSION].concat();
    head.extend((header.len() as u32).to_be_bytes());
    head.extend(Sha256::digest(&sealed));
    head.extend(digest(&items));
    head.extend(count);
    head.extend(header);
    head.extend(halves);
    let tag = mac(&keys.head, &[b"couchkey/v1/head", &head]);
    head.extend(tag);
    let head = data_encoding::BASE64
        .encode(&with_checksum(head))
        .into_bytes();

    match how & 3 {
        0 => Places {
            file_a: Some(file),
            file_b: None,
            head: None,
            bundle: None,
        },
        1 => Places {
            file_a: None,
            file_b: None,
            head: Some(head),
            bundle: Some(bundle),
        },
        2 => Places {
            file_a: Some(file),
            file_b: None,
            head: Some(head),
            bundle: Some(bundle),
        },
        _ => Places {
            file_a: Some(file),
            file_b: Some(GOLDEN.to_vec()),
            head: Some(head),
            bundle: Some(bundle),
        },
    }
}

/// SHA-256(`couchkey/v1/items` ‖ id ‖ rev ‖ hash of each, sorted by id).
fn digest(items: &[Vec<u8>]) -> [u8; 32] {
    let mut rows: Vec<_> = items
        .iter()
        .map(|item| (&item[..24], <[u8; 32]>::from(Sha256::digest(item))))
        .collect();
    rows.sort_unstable();
    let mut digest = Sha256::new().chain_update(b"couchkey/v1/items");
    for (id_and_rev, hash) in rows {
        digest.update(id_and_rev);
        digest.update(hash);
    }
    digest.finalize().into()
}

/// The index with the hashes, lengths, ids and revs of the items as they are now, for they count only if these are
/// right. `None` where it is no index at all.
fn put_right(index: &[u8], items: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut value: Value = ciborium::from_reader(index).ok()?;
    let accounts = value.as_map_mut()?.iter_mut();
    let accounts = accounts.filter(|(key, _)| key.as_text() == Some("accounts"));
    for (row, item) in accounts
        .filter_map(|(_, value)| value.as_array_mut())
        .flatten()
        .zip(items)
    {
        let rev = u64::from_be_bytes(item[16..24].try_into().ok()?);
        let right: HashMap<&str, Value> = HashMap::from([
            ("id", Value::Bytes(item[..16].to_vec())),
            ("rev", Value::from(rev)),
            ("hash", Value::Bytes(Sha256::digest(item).to_vec())),
            ("len", Value::from(item.len() as u64)),
        ]);
        for (key, value) in row.as_map_mut().into_iter().flatten() {
            if let Some(right) = key.as_text().and_then(|key| right.get(key)) {
                *value = right.clone();
            }
        }
    }
    let mut bytes = Vec::new();
    ciborium::into_writer(&value, &mut bytes).ok()?;
    Some(bytes)
}

/// The tags of the parts of a KeePass database of version 4.
mod kdbx {
    /// One byte: ChaCha20 for AES (bit 0), packed (bit 1), two blocks for one (bit 2).
    pub const HOW: u8 = 0;
    /// Fields of the second header, without its end.
    pub const INNER: u8 = 1;
    pub const XML: u8 = 2;
    /// More fields of the first header.
    pub const OUTER: u8 = 3;
}

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut field = vec![kind];
    field.extend((value.len() as u32).to_le_bytes());
    field.extend(value);
    field
}

/// What a fuzzer begins with: one document in every way of sealing it.
pub fn kdbx_seeds(xml: &[u8]) -> Vec<Vec<u8>> {
    let inner = [
        field(1, &3_u32.to_le_bytes()),
        field(2, &[7; 64]),
        field(3, b"\0an attachment"),
    ]
    .concat();
    let seeds = (0..8).map(|how| {
        joined(&[
            (kdbx::HOW, vec![how]),
            (kdbx::INNER, inner.clone()),
            (kdbx::OUTER, field(12, b"\0\x01\0")),
            (kdbx::XML, xml.to_vec()),
        ])
    });
    seeds.collect()
}

/// A database of version 4 with these parts, sealed under "test" as cheaply as the format can.
pub fn kdbx(data: &[u8]) -> Vec<u8> {
    const AES: u128 = 0x31c1_f2e6_bf71_4350_be58_0521_6afc_5aff;
    const CHACHA20: u128 = 0xd603_8a2b_8b6f_4cb5_a524_339a_31db_b59a;
    const AES_KDF: u128 = 0xc9d9_f39a_628a_4460_bf74_0d08_c18a_4fea;
    let parts = parts(data);
    let of = |wanted: u8| {
        parts
            .iter()
            .filter(move |(tag, _)| *tag == wanted)
            .map(|(_, part)| *part)
    };
    let how = of(kdbx::HOW)
        .next()
        .and_then(|how| how.first())
        .copied()
        .unwrap_or(0);
    let (streams, packed, two) = (how & 1 != 0, how & 2 != 0, how & 4 != 0);
    let (seed, turn) = ([1; 32], [2; 32]);
    let iv = if streams { vec![3; 12] } else { vec![3; 16] };

    let value = |kind: u8, name: &[u8], value: &[u8]| {
        let mut bytes = field(kind, name);
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
        bytes
    };
    let costs = [
        vec![0, 1],
        value(0x42, b"$UUID", &AES_KDF.to_be_bytes()),
        value(0x42, b"S", &turn),
        value(5, b"R", &1_u64.to_le_bytes()),
        vec![0],
    ];
    let cipher = if streams { CHACHA20 } else { AES };
    let mut header = vec![0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5, 0, 0, 4, 0];
    // Of what is said twice the last counts: those of the fuzzer come first, and cannot make it costly.
    of(kdbx::OUTER).for_each(|fields| header.extend(fields));
    for (kind, bytes) in [
        (2, cipher.to_be_bytes().to_vec()),
        (3, u32::from(packed).to_le_bytes().to_vec()),
        (4, seed.to_vec()),
        (7, iv.clone()),
        (11, costs.concat()),
        (0, b"\r\n\r\n".to_vec()),
    ] {
        header.extend(field(kind, &bytes));
    }

    let mut plain = of(kdbx::INNER).collect::<Vec<_>>().concat();
    plain.extend(field(0, &[]));
    of(kdbx::XML).for_each(|xml| plain.extend(xml));
    let mut plain = if packed { gzip(&plain) } else { plain };

    let mut key: [u8; 32] = Sha256::digest(Sha256::digest(b"test")).into();
    let round = <Aes256 as aes::cipher::KeyInit>::new(&turn.into());
    for half in key.chunks_exact_mut(16) {
        round.encrypt_block(half.try_into().expect("16 bytes"));
    }
    let key: [u8; 32] = Sha256::digest(key).into();
    let master: [u8; 32] = Sha256::new()
        .chain_update(seed)
        .chain_update(key)
        .finalize()
        .into();
    let sealed = if streams {
        let mut stream = ChaCha20::new_from_slices(&master, &iv).expect("its lengths");
        stream.apply_keystream(&mut plain);
        plain
    } else {
        let seal = cbc::Encryptor::<Aes256>::new_from_slices(&master, &iv).expect("its lengths");
        seal.encrypt_padded_vec::<Pkcs7>(&plain)
    };

    let long = Sha512::new()
        .chain_update(seed)
        .chain_update(key)
        .chain_update([1])
        .finalize();
    let block_key = |number: u64| {
        Sha512::new()
            .chain_update(number.to_le_bytes())
            .chain_update(long)
            .finalize()
    };
    let mut file = header.clone();
    file.extend(Sha256::digest(&header));
    file.extend(mac(&block_key(u64::MAX), &[&header]));
    let (first, second) = sealed.split_at(if two { sealed.len() / 2 } else { sealed.len() });
    let blocks = [first, second, &[]]
        .into_iter()
        .filter(|block| two || !block.is_empty());
    let ends = [&[][..]].into_iter().filter(|_| !two);
    for (number, block) in (0_u64..).zip(blocks.chain(ends)) {
        let length = (block.len() as u32).to_le_bytes();
        file.extend(mac(
            &block_key(number),
            &[&number.to_le_bytes(), &length, block],
        ));
        file.extend(length);
        file.extend(block);
    }
    file
}

/// Unpacked, but in gzip's clothes (RFC 1952, and RFC 1951, 3.2.4).
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut chunks = plain.chunks(0xffff).peekable();
    if chunks.peek().is_none() {
        bytes.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        let length = chunk.len() as u16;
        bytes.push(u8::from(chunks.peek().is_none()));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(chunk);
    }
    bytes.extend(crc32fast::hash(plain).to_le_bytes());
    bytes.extend((plain.len() as u32).to_le_bytes());
    bytes
}
