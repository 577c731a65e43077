//! What is inside a KeePass database, unpacked no further than we take. The library unpacks whatever there is, so it is
//! measured before: see docs/decisions/0114.

use std::io::Read;
use std::ops::Range;

use aes::Aes256;
use argon2::{Algorithm, Argon2, Params, Version};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherEncrypt, BlockModeDecrypt, KeyInit, KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use data_encoding::BASE64;
use flate2::read::GzDecoder;
use hmac::{Hmac, Mac};
use keepass::Database;
use keepass::db::DatabaseOpenError;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest, Sha256, Sha512};
use twofish::Twofish;
use zeroize::Zeroizing;

use super::keepass_key::Keys;
use super::keys::{self, Key};
use super::{Format, ImportError, caps};

const FORMAT: Format = Format::KeePass;
const DAMAGED: ImportError = ImportError::Damaged { format: FORMAT };
const WRONG: ImportError = ImportError::WrongKey {
    format: FORMAT,
    with_key_file: false,
};

/// Lanes of one Argon2: each is a thread. KeePassXC offers 128.
const LANES: u64 = 128;
/// Groups in groups. The library calls itself for each.
const DEPTH: usize = 128;
/// Before the fields: two signs, and the version.
const VERSION_AT: usize = 8;

// The ids of ciphers and of what derives keys, as both programs write them.
const AES: [u8; 16] = 0x31c1_f2e6_bf71_4350_be58_0521_6afc_5aff_u128.to_be_bytes();
const TWOFISH: [u8; 16] = 0xad68_f29f_576f_4bb9_a36a_d47a_f965_346c_u128.to_be_bytes();
const CHACHA20: [u8; 16] = 0xd603_8a2b_8b6f_4cb5_a524_339a_31db_b59a_u128.to_be_bytes();
const ARGON2D: [u8; 16] = 0xef63_6ddf_8c29_444b_91f7_a9a4_03e3_0a0c_u128.to_be_bytes();
const ARGON2ID: [u8; 16] = 0x9e29_8b19_56db_4773_b23d_fc3e_c6f0_a1e6_u128.to_be_bytes();

/// The header, which is not sealed. Of what is said twice the library takes the last, and so do we.
pub(super) struct Header<'a> {
    file: &'a [u8],
    is_3: bool,
    compression: u64,
    compression_at: Vec<Range<usize>>,
    cipher: &'a [u8],
    seed: &'a [u8],
    iv: &'a [u8],
    kdf: Kdf<'a>,
    rest: &'a [u8],
}

/// How version 4 makes a key: a list of typed names and values.
#[derive(Default)]
struct Kdf<'a> {
    id: &'a [u8],
    salt: &'a [u8],
    rounds: u64,
    memory_kib: u64,
    passes: u64,
    lanes: u64,
    version: u64,
}

impl<'a> Header<'a> {
    /// Refuses what costs more than we pay.
    pub(super) fn of(file: &'a [u8]) -> Result<Header<'a>, ImportError> {
        let mut rest = file.get(VERSION_AT..).ok_or(DAMAGED)?;
        let major = number(take(&mut rest, 4)?.get(2..).ok_or(DAMAGED)?);
        let wide = match major {
            3 => 2,
            4 => 4,
            5.. => return Err(ImportError::NewerVersion { format: FORMAT }),
            _ => return Err(ImportError::UnsupportedVariant { format: FORMAT }),
        };
        let mut header = Header {
            file,
            is_3: major == 3,
            compression: 0,
            compression_at: Vec::new(),
            cipher: &[],
            seed: &[],
            iv: &[],
            kdf: Kdf::default(),
            rest,
        };
        loop {
            let kind = *take(&mut rest, 1)?.first().ok_or(DAMAGED)?;
            let field = sized(&mut rest, wide)?;
            match (major, kind) {
                (_, 0) => break,
                (_, 2) => header.cipher = field,
                (_, 3) => {
                    let end = file.len() - rest.len();
                    header.compression_at.push(end - field.len()..end);
                    header.compression = number(field);
                }
                (_, 4) => header.seed = field,
                (_, 7) => header.iv = field,
                (3, 6) => within(number(field), caps::AES_ROUNDS, "rounds")?,
                (4, 11) => header.kdf = Kdf::of(field)?,
                _ => {}
            }
        }
        header.rest = rest;
        // What is sealed in blocks is cut off.
        if major == 3 && (rest.is_empty() || !rest.len().is_multiple_of(16)) {
            return Err(DAMAGED);
        }
        Ok(header)
    }

    /// The XML, with nothing in it that the library would unpack to more than we take, or follow deeper than it may.
    /// Derives the key.
    pub(super) fn xml(&self, keys: &Keys<'_>) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let xml = match self.is_3 {
            true => self.xml_of_3(keys)?,
            false => self.xml_of_4(keys)?,
        };
        check(&xml)?;
        Ok(xml)
    }

    /// What the library's error means.
    pub(super) fn refused(&self, error: &DatabaseOpenError) -> ImportError {
        match error {
            DatabaseOpenError::Key(_) => WRONG,
            // Version 3 knows a wrong key by what it makes of the first bytes, or by the padding at the end.
            DatabaseOpenError::Cryptography(_) if self.is_3 => WRONG,
            _ => DAMAGED,
        }
    }

    /// Version 3 does not seal its header: to a copy that says "not compressed" the library gives what is packed.
    fn xml_of_3(&self, keys: &Keys<'_>) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let mut copy = self.file.to_vec();
        for at in &self.compression_at {
            copy[at.clone()].fill(0);
        }
        let packed = Database::get_xml(&mut &copy[..], keys.library())
            .map_err(|error| self.refused(&error))?;
        self.unpack(Zeroizing::new(packed))
    }

    /// Version 4 does, so there is no way around opening it. What the library checks on its way it checks later; only
    /// the password has to be known to be right before there is anything to unpack.
    fn xml_of_4(&self, keys: &Keys<'_>) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let mut rest = self.rest;
        let header = &self.file[..self.file.len() - rest.len()];
        let (hash, mac_of_header) = take(&mut rest, 64)?.split_at(32);
        if sum::<Sha256>(&[header]).as_slice() != hash {
            return Err(DAMAGED);
        }
        let derived = self.kdf.derive(keys)?;
        let long = sum::<Sha512>(&[self.seed, derived.as_slice(), &[1]]);
        let mac_key = sum::<Sha512>(&[&u64::MAX.to_le_bytes(), &long]);
        let mac = Hmac::<Sha256>::new_from_slice(&mac_key).map_err(|_| DAMAGED)?;
        let mac = mac.chain_update(header);
        mac.verify_slice(mac_of_header).map_err(|_| WRONG)?;
        let mut sealed = Vec::new();
        while !rest.is_empty() {
            take(&mut rest, 32)?;
            match sized(&mut rest, 4)? {
                [] => break,
                block => sealed.extend_from_slice(block),
            }
        }
        let key = sum::<Sha256>(&[self.seed, derived.as_slice()]);
        let packed = open(self.cipher, &key, self.iv, sealed).ok_or(DAMAGED)?;
        let unpacked = self.unpack(packed)?;
        // A second header, with the attachments, before the XML.
        let mut rest = unpacked.as_slice();
        while *take(&mut rest, 1)?.first().ok_or(DAMAGED)? != 0 {
            sized(&mut rest, 4)?;
        }
        sized(&mut rest, 4)?;
        Ok(Zeroizing::new(rest.to_vec()))
    }

    fn unpack(&self, packed: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, ImportError> {
        let unpacked = match self.compression {
            0 => packed,
            1 => gunzip(&packed, caps::FILE_BYTES)?,
            _ => return Err(DAMAGED),
        };
        match unpacked.len() {
            0..=caps::FILE_BYTES => Ok(unpacked),
            bytes => Err(ImportError::TooLarge { bytes }),
        }
    }
}

impl<'a> Kdf<'a> {
    /// Whatever is said twice counts at its most before it is paid.
    fn of(mut rest: &'a [u8]) -> Result<Kdf<'a>, ImportError> {
        let mut kdf = Kdf::default();
        let (mut memory, mut passes) = (8, 0);
        take(&mut rest, 2)?;
        while *take(&mut rest, 1)?.first().ok_or(DAMAGED)? != 0 {
            let name = sized(&mut rest, 4)?;
            let value = sized(&mut rest, 4)?;
            match name {
                b"$UUID" => kdf.id = value,
                b"S" => kdf.salt = value,
                b"V" => kdf.version = number(value),
                b"R" => {
                    kdf.rounds = number(value);
                    within(kdf.rounds, caps::AES_ROUNDS, "rounds")?;
                }
                b"P" => {
                    kdf.lanes = number(value);
                    within(kdf.lanes, LANES, "lanes")?;
                }
                b"M" => {
                    kdf.memory_kib = number(value) / 1024;
                    memory = memory.max(kdf.memory_kib);
                }
                b"I" => {
                    kdf.passes = number(value);
                    passes = passes.max(kdf.passes);
                }
                _ => {}
            }
        }
        within(memory, caps::KDF_MEMORY_KIB, "KiB of memory")?;
        // KeePass makes many passes over little memory; what is paid for is the product.
        let most = caps::ARGON2_PASSES * caps::KDF_MEMORY_KIB / memory;
        within(passes, most, "passes")?;
        Ok(kdf)
    }

    fn derive(&self, keys: &Keys<'_>) -> Result<Key, ImportError> {
        let mut key = Key::new(keys.composite());
        let algorithm = match self.id {
            id if id == ARGON2D => Algorithm::Argon2d,
            id if id == ARGON2ID => Algorithm::Argon2id,
            // One of the two ids of AES, or one that the library refuses.
            _ => {
                let aes = Aes256::new_from_slice(self.salt).map_err(|_| DAMAGED)?;
                for half in key.chunks_exact_mut(16) {
                    let block: &mut aes::Block = half.try_into().map_err(|_| DAMAGED)?;
                    for _ in 0..self.rounds {
                        aes.encrypt_block(block);
                    }
                }
                let hash = sum::<Sha256>(&[key.as_slice()]);
                key.copy_from_slice(&hash);
                return Ok(key);
            }
        };
        let small = |n: u64| u32::try_from(n).map_err(|_| DAMAGED);
        let version = Version::try_from(small(self.version)?).map_err(|_| DAMAGED)?;
        let (memory, passes) = (small(self.memory_kib)?, small(self.passes)?);
        let params = Params::new(memory, passes, small(self.lanes)?, Some(32));
        let argon2 = Argon2::new(algorithm, version, params.map_err(|_| DAMAGED)?);
        let composite = key.clone();
        let made = argon2.hash_password_into(composite.as_slice(), self.salt, key.as_mut_slice());
        made.map_err(|_| DAMAGED)?;
        Ok(key)
    }
}

fn sum<D: Digest>(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    Zeroizing::new(hash.finalize().to_vec())
}

fn open(cipher: &[u8], key: &[u8], iv: &[u8], sealed: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let mut sealed = Zeroizing::new(sealed);
    match cipher {
        id if id == AES => keys::open_cbc(key.try_into().ok()?, iv.try_into().ok()?, &sealed),
        id if id == TWOFISH => {
            let twofish = cbc::Decryptor::<Twofish>::new_from_slices(key, iv).ok()?;
            let plain = twofish.decrypt_padded_vec::<Pkcs7>(&sealed).ok()?;
            Some(Zeroizing::new(plain))
        }
        id if id == CHACHA20 => {
            let mut stream = ChaCha20::new_from_slices(key, iv).ok()?;
            stream.apply_keystream(&mut sealed);
            Some(sealed)
        }
        _ => None,
    }
}

/// Up to so many bytes, and never more than that in memory.
fn gunzip(packed: &[u8], most: usize) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let mut unpacked = Zeroizing::new(Vec::new());
    let mut reader = GzDecoder::new(packed).take(most as u64 + 1);
    reader.read_to_end(&mut unpacked).map_err(|_| DAMAGED)?;
    match unpacked.len() {
        bytes if bytes > most => Err(ImportError::TooLarge { bytes }),
        _ => Ok(unpacked),
    }
}

/// Reads as the library does: no element lies deeper than it may follow, and attachments, which may be packed once more,
/// are not larger than a file may be, all together.
fn check(xml: &[u8]) -> Result<(), ImportError> {
    let mut reader = quick_xml::Reader::from_reader(xml);
    let (mut depth, mut left) = (0, caps::FILE_BYTES);
    let mut packed = false;
    loop {
        let event = reader.read_event().map_err(|_| DAMAGED)?;
        match event {
            Event::Eof => return Ok(()),
            Event::Start(_) if depth >= DEPTH => return Err(DAMAGED),
            Event::Start(element) if !packed => {
                depth += 1;
                packed = is_packed(&element)?;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                packed = false;
            }
            // One text, as it is: nothing that could stand for more of it.
            Event::Text(text) if packed => {
                let bytes = BASE64.decode(text.as_bytes()).map_err(|_| DAMAGED)?;
                left -= gunzip(&bytes, left)?.len();
            }
            _ if packed => return Err(DAMAGED),
            _ => {}
        }
    }
}

/// An attachment that says of itself that it is packed, or nearly says so.
fn is_packed(element: &BytesStart<'_>) -> Result<bool, ImportError> {
    if element.local_name().as_ref() != "Binary" {
        return Ok(false);
    }
    let (mut packed, mut protected) = (false, false);
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| DAMAGED)?;
        let value = attribute.value.trim().to_ascii_lowercase();
        let no = matches!(value.as_str(), "" | "false" | "0" | "null");
        match attribute.key.local_name().as_ref() {
            "Compressed" => packed |= !no,
            "Protected" => protected |= !no,
            _ => {}
        }
    }
    // Neither program writes both; nobody could look into it before the library does.
    match packed && protected {
        true => Err(DAMAGED),
        false => Ok(packed),
    }
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], ImportError> {
    let (taken, after) = rest.split_at_checked(bytes).ok_or(DAMAGED)?;
    *rest = after;
    Ok(taken)
}

/// A length of so many bytes, and what it is the length of.
fn sized<'a>(rest: &mut &'a [u8], wide: usize) -> Result<&'a [u8], ImportError> {
    let length = number(take(rest, wide)?);
    take(rest, usize::try_from(length).map_err(|_| DAMAGED)?)
}

/// Little-endian; what is longer than a number is more than any.
fn number(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    match number.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => number.fill(0xff),
    }
    u64::from_le_bytes(number)
}

fn within(asked: u64, cap: u64, unit: &'static str) -> Result<(), ImportError> {
    keys::within(FORMAT, asked, cap, unit)
}
