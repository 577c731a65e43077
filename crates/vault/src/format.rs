//! The vault file and the head in the keyring: `mod read` and `mod write` side by side. `docs/vault-format.md` says the
//! same for people who write another reader.
//!
//! ```text
//! file  8  magic 89 43 4B 56 0D 0A 1A 0A      head  8  magic 89 43 4B 48 0D 0A 1A 0A
//!       2  major, 2  minor                          2  major, 2  minor
//!       4  length of the header (h)                 4  length of the header (h)
//!       4  length of the sealed index (i)          32  SHA-256 of the sealed index
//!       4  length of the mirror (m)                32  digest of the items
//!       h  header: CBOR                             2  number of bundles (n)
//!       i  index: nonce, ciphertext, tag            h  header: CBOR, the same bytes as in the file
//!       m  mirror: items end to end            ⌈n/8⌉  which half of each bundle is current
//!      32  SHA-256 of all before                    …  the saves before this one, 8 bytes each
//!                                                  32  HMAC-SHA256 with the head key
//!                                                  32  SHA-256 of all before
//! ```
//!
//! The last 32 bytes are there without any key: they tell damage from a wrong passphrase, and a file of a newer
//! version from one whose version number is damaged. Every version to come keeps magic, versions and them in place.

use couchkey_otp::UnixTime;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::limits;
use crate::id::{AccountId, Half, VaultId};
use crate::item::{LENGTH, MAX_ITEM};
use crate::seal::{self, Keys};
use crate::settings::Settings;
use crate::slot::Slot;

/// The major version that is written: another one cannot be read by this program.
pub const MAJOR: u16 = 1;
/// The minor version that is written: a newer one can be read, but not written without losing what is new in it.
pub const MINOR: u16 = 0;

/// The longest vault file that is read, in bytes. A larger file is refused without being looked at.
pub const MAX_FILE: usize = FILE_FIXED + MAX_HEADER + MAX_INDEX + MAX_MIRROR + CHECKSUM;
/// Bundles that a vault has at most.
pub const MAX_BUNDLES: usize = 8_192;
/// The longest head or bundle that is read, in characters of base64, and the longest that is written where a keyring sets
/// no limit of its own.
pub const MAX_ENTRY: usize = 65_536;
/// The longest bundle that fits into every keyring, in characters of base64. Windows keeps 2,560.
pub const MAX_ENTRY_EVERYWHERE: usize = 2_400;

/// What every vault file begins with, whatever its version.
pub const FILE_MAGIC: [u8; 8] = *b"\x89CKV\r\n\x1A\n";
const BACKUP_MAGIC: [u8; 8] = *b"\x89CKB\r\n\x1A\n";
const HEAD_MAGIC: [u8; 8] = *b"\x89CKH\r\n\x1A\n";
const FILE_FIXED: usize = 8 + 2 + 2 + 4 + 4 + 4;
const CHECKSUM: usize = 32;
const MAC: usize = 32;
const MAX_HEADER: usize = 4 * 1024;
/// Slots that need a device key, one for each device on the same vault.
pub(crate) const MAX_DEVICES: usize = 4;
/// Those, a passphrase and a recovery key.
const MAX_SLOTS: usize = MAX_DEVICES + 2;
/// Saves before its own that a file knows: 4 KiB of the list.
pub(crate) const LINEAGE_IN_FILE: usize = 512;
/// The same of a head, as far as there is room for them.
const LINEAGE_IN_HEAD: usize = 64;
/// The longest head that is written, in characters of base64, unless slots and bundles alone need more: what every
/// keyring takes.
pub(crate) const MAX_HEAD_EVERYWHERE: usize = 2_500;
/// No vault is saved that often; so that one more never overflows.
const MAX_GENERATION: u64 = 1 << 62;
/// A row is at most some 700 bytes (eight groups of 64 bytes), so ten thousand are 7 MB.
const MAX_INDEX: usize = 8 * 1024 * 1024;
const MAX_MIRROR: usize = limits::ACCOUNTS * (LENGTH + MAX_ITEM);

/// The keyring entry with the head of a vault: `<id>/head`.
pub fn head_entry(vault: VaultId) -> String {
    format!("{vault}/head")
}

/// The keyring entry with one half of a bundle: `<id>/bundle-<n>.a` or `.b`.
pub fn bundle_entry(vault: VaultId, number: u32, half: Half) -> String {
    format!("{vault}/bundle-{number}.{}", half.letter())
}

/// The keyring entry with the device key: `<id>/device-key`.
pub fn device_key_entry(vault: VaultId) -> String {
    format!("{vault}/device-key")
}

/// Why bytes are not a vault file or head that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is another kind of file.
    #[error("this is not a vault")]
    NotAVault,
    /// A newer Couchkey wrote it. It must never be written over.
    #[error("this vault is of version {major}, written by a newer Couchkey")]
    NewerVersion {
        /// Its major version.
        major: u16,
    },
    /// It is cut off, too long, or its parts do not fit together.
    #[error("the vault is damaged")]
    Damaged,
}

/// The two kinds of file. They differ in their magic and in what their list is sealed for, so that neither can be put in
/// the other's place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// `vault.a` and `vault.b`.
    Vault,
    /// `*.couchkey`: no bundles belong to it.
    Backup,
}

impl Container {
    fn magic(self) -> [u8; 8] {
        match self {
            Container::Vault => FILE_MAGIC,
            Container::Backup => BACKUP_MAGIC,
        }
    }

    fn index_label(self) -> &'static [u8] {
        match self {
            Container::Vault => b"couchkey/v1/index",
            Container::Backup => b"couchkey/v1/backup",
        }
    }
}

/// A save, as those after it know it: the first bytes of the SHA-256 of its sealed index. They are kept under a seal or
/// a MAC, and what they are of has a random nonce, so that nobody can choose them.
pub(crate) type SaveMark = [u8; 8];

/// By what a save with this index hash is known.
pub(crate) fn save_mark(index_hash: &[u8; 32]) -> SaveMark {
    let mut mark = [0; 8];
    mark.copy_from_slice(&index_hash[..8]);
    mark
}

/// What everybody may know: whose vault, which generation, which ways to unlock.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) vault: VaultId,
    pub(crate) generation: u64,
    /// When a backup was made; a vault does not say.
    pub(crate) made: Option<UnixTime>,
    pub(crate) slots: Vec<Slot>,
}

/// A vault file or a backup whose parts have been told apart; nothing is opened.
pub(crate) struct File<'a> {
    container: Container,
    pub(crate) minor: u16,
    pub(crate) header: Header,
    /// Whether the checksum is right. The parts are worth trying even when it is not.
    pub(crate) intact: bool,
    /// Everything up to the end of the header: what the index is sealed for.
    sealed_for: &'a [u8],
    index: &'a [u8],
    pub(crate) mirror: &'a [u8],
}

/// A head whose parts have been told apart; nothing is proven.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) minor: u16,
    pub(crate) header: Header,
    pub(crate) index_hash: [u8; 32],
    pub(crate) items: [u8; 32],
    pub(crate) halves: Vec<Half>,
    /// The saves before this one, the latest first.
    pub(crate) before: Vec<SaveMark>,
    pub(crate) intact: bool,
    authentic: Vec<u8>,
    mac: [u8; 32],
}

/// The list, opened.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Index {
    pub(crate) accounts: Vec<Row>,
    pub(crate) settings: Settings,
    /// How many bundles there are.
    pub(crate) bundles: u32,
    /// One bit for each: 1 when the current half is b.
    pub(crate) halves: ByteString,
    /// What opens backups with a passphrase of their own. Here, under the list's seal, it opens nothing by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backup_slot: Option<SlotRow>,
    /// The saves before this one, 8 bytes each, the latest first; several that came together one after the other.
    #[serde(default, skip_serializing_if = "ByteString::is_empty")]
    pub(crate) before: ByteString,
    /// An opening could not tell whether every account is here, and nobody has looked since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) incomplete: bool,
    /// Both files were lost and made again from one keyring, and nobody has looked since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) rebuilt: bool,
}

/// One account's place in the list, and what its item has to be.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: ByteArray<16>,
    pub(crate) rev: u64,
    /// SHA-256 of the sealed item.
    pub(crate) hash: ByteArray<32>,
    pub(crate) bundle: u32,
    /// Bytes of the item in this file's mirror, so that damage to one does not hide where the next begins.
    pub(crate) len: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pinned: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trashed: Option<u64>,
    /// It was in one of two copies only when they were put together, and nobody has looked since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) came_back: bool,
}

impl Index {
    /// The current half of each bundle.
    pub(crate) fn current_halves(&self) -> Option<Vec<Half>> {
        unpack(usize::try_from(self.bundles).ok()?, &self.halves.0)
    }

    /// The saves before this one, the latest first.
    pub(crate) fn lineage(&self) -> Vec<SaveMark> {
        save_marks(&self.before.0)
    }
}

fn save_marks(bytes: &[u8]) -> Vec<SaveMark> {
    bytes.as_chunks().0.to_vec()
}

impl File<'_> {
    /// SHA-256 of the sealed index, by which the head knows this file.
    pub(crate) fn index_hash(&self) -> [u8; 32] {
        seal::sha256(&[self.index])
    }

    /// The list, if it was sealed with the key, for this header. Everything in the header is proven with it.
    pub(crate) fn open_index(&self, keys: &Keys) -> Option<Index> {
        if self.header.vault != keys.vault {
            return None;
        }
        let place = index_place(self.container, self.sealed_for);
        let plain = seal::open(&keys.index, &place, self.index)?;
        let mut rest = plain.as_slice();
        let index: Index = ciborium::from_reader(&mut rest).ok()?;
        let halves = index.current_halves()?;
        let mirror: usize = index
            .accounts
            .iter()
            .map(|row| LENGTH + usize::try_from(row.len).unwrap_or(MAX_MIRROR))
            .try_fold(0usize, usize::checked_add)?;
        let good = rest.is_empty()
            && index.accounts.len() <= limits::ACCOUNTS
            && mirror == self.mirror.len()
            && index.accounts.iter().all(|row| match self.container {
                Container::Vault => {
                    usize::try_from(row.bundle).is_ok_and(|bundle| bundle < halves.len())
                }
                Container::Backup => true,
            });
        good.then_some(index)
    }
}

impl Head {
    /// Its own save and those before it, the latest first.
    pub(crate) fn lineage(&self) -> Vec<SaveMark> {
        let own = save_mark(&self.index_hash);
        [own]
            .into_iter()
            .chain(self.before.iter().copied())
            .collect()
    }

    /// Whether this head was made with the key. Then everything in it is what was written, header included.
    pub(crate) fn is_authentic(&self, keys: &Keys) -> bool {
        let parts = [b"couchkey/v1/head".as_slice(), &self.authentic];
        self.header.vault == keys.vault && seal::mac_holds(&keys.head, &parts, &self.mac)
    }
}

/// The digest by which the head knows the whole set of items, in whatever order: SHA-256 over id, rev and hash of
/// each, sorted by id. With the file lost it proves that nothing is missing and nothing is old.
pub(crate) fn items_digest(items: impl Iterator<Item = (AccountId, u64, [u8; 32])>) -> [u8; 32] {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    let mut bytes = b"couchkey/v1/items".to_vec();
    for (id, rev, hash) in items {
        bytes.extend_from_slice(&id.0);
        bytes.extend_from_slice(&rev.to_be_bytes());
        bytes.extend_from_slice(&hash);
    }
    seal::sha256(&[&bytes])
}

fn index_place(container: Container, sealed_for: &[u8]) -> Vec<u8> {
    [container.index_label(), sealed_for].concat()
}

fn unpack(count: usize, bits: &[u8]) -> Option<Vec<Half>> {
    if count > MAX_BUNDLES || bits.len() != count.div_ceil(8) {
        return None;
    }
    let half = |n: usize| match bits[n / 8] >> (7 - n % 8) & 1 {
        0 => Half::A,
        _ => Half::B,
    };
    Some((0..count).map(half).collect())
}

pub(crate) fn pack(halves: &[Half]) -> Vec<u8> {
    let mut bits = vec![0; halves.len().div_ceil(8)];
    for (n, _) in halves.iter().enumerate().filter(|(_, h)| **h == Half::B) {
        bits[n / 8] |= 1 << (7 - n % 8);
    }
    bits
}

pub(crate) mod read {
    use super::*;
    use crate::passphrase::{Argon2Cost, Kdf};
    use crate::slot::SlotKind;

    /// A reader of one major version. The file it gives is in the form of today: a reader of an older version
    /// converts, and the next save writes today's version.
    type Reader = for<'a> fn(Container, &'a [u8], u16) -> Result<File<'a>, ReadError>;

    /// Every major version that can be read. A migration adds a line here and a file to `tests/vectors`.
    const READERS: &[(u16, Reader)] = &[(1, file_v1)];

    /// Tells the parts of a vault file apart. Nothing is allocated that the file's real length does not bound.
    pub(crate) fn file(bytes: &[u8]) -> Result<File<'_>, ReadError> {
        file_by(READERS, Container::Vault, bytes)
    }

    /// The same of a backup.
    pub(crate) fn backup(bytes: &[u8]) -> Result<File<'_>, ReadError> {
        file_by(READERS, Container::Backup, bytes)
    }

    fn file_by<'a>(
        readers: &[(u16, Reader)],
        container: Container,
        bytes: &'a [u8],
    ) -> Result<File<'a>, ReadError> {
        if bytes.len() > MAX_FILE {
            return Err(ReadError::Damaged);
        }
        let (major, minor) = version(bytes, container.magic())?;
        match readers.iter().find(|(version, _)| *version == major) {
            Some((_, reader)) => reader(container, bytes, minor),
            None if major > MAJOR && checksum_holds(bytes) => {
                Err(ReadError::NewerVersion { major })
            }
            None => Err(ReadError::Damaged),
        }
    }

    /// Tells the parts of a head apart, as it stands in the keyring: base64.
    pub(crate) fn head(entry: &[u8]) -> Result<Head, ReadError> {
        let bytes = entry_bytes(entry).ok_or(ReadError::Damaged)?;
        let (major, minor) = version(&bytes, HEAD_MAGIC)?;
        if major != MAJOR {
            return Err(if major > MAJOR && checksum_holds(&bytes) {
                ReadError::NewerVersion { major }
            } else {
                ReadError::Damaged
            });
        }
        head_v1(&bytes, minor).ok_or(ReadError::Damaged)
    }

    /// The bytes of a keyring entry. Some keyrings end a text with a line.
    pub(crate) fn entry_bytes(entry: &[u8]) -> Option<Vec<u8>> {
        let text = entry.trim_ascii();
        (text.len() <= MAX_ENTRY).then(|| BASE64.decode(text).ok())?
    }

    fn version(bytes: &[u8], magic: [u8; 8]) -> Result<(u16, u16), ReadError> {
        let mut parts = Parts(bytes);
        let found = parts.take(8).ok_or(ReadError::NotAVault)?;
        if found != magic {
            return Err(ReadError::NotAVault);
        }
        match (parts.u16(), parts.u16()) {
            (Some(major), Some(minor)) => Ok((major, minor)),
            _ => Err(ReadError::Damaged),
        }
    }

    fn checksum_holds(bytes: &[u8]) -> bool {
        bytes
            .split_last_chunk::<CHECKSUM>()
            .is_some_and(|(before, sum)| seal::sha256(&[before]) == *sum)
    }

    fn file_v1(container: Container, bytes: &[u8], minor: u16) -> Result<File<'_>, ReadError> {
        let parts = || {
            let mut parts = Parts(bytes);
            parts.take(8 + 2 + 2)?;
            let header = parts.length(MAX_HEADER)?;
            let index = parts.length(MAX_INDEX)?;
            let mirror = parts.length(MAX_MIRROR)?;
            let sealed_for = bytes.get(..FILE_FIXED + header)?;
            let file = File {
                container,
                minor,
                header: read_header(parts.take(header)?)?,
                intact: checksum_holds(bytes),
                sealed_for,
                index: parts.take(index)?,
                mirror: parts.take(mirror)?,
            };
            parts.take(CHECKSUM)?;
            parts.0.is_empty().then_some(file)
        };
        parts().ok_or(ReadError::Damaged)
    }

    fn head_v1(bytes: &[u8], minor: u16) -> Option<Head> {
        let mut parts = Parts(bytes);
        parts.take(8 + 2 + 2)?;
        let header = parts.length(MAX_HEADER)?;
        let index_hash = parts.array()?;
        let items = parts.array()?;
        let count = usize::from(parts.u16()?);
        let header = read_header(parts.take(header)?)?;
        let halves = unpack(count, parts.take(count.div_ceil(8))?)?;
        let before = parts.take(parts.0.len().checked_sub(MAC + CHECKSUM)?)?;
        if before.len() % size_of::<SaveMark>() != 0 {
            return None;
        }
        let authentic = bytes[..bytes.len() - parts.0.len()].to_vec();
        let mac = parts.array()?;
        parts.take(CHECKSUM)?;
        parts.0.is_empty().then(|| Head {
            minor,
            header,
            index_hash,
            items,
            halves,
            before: save_marks(before),
            intact: checksum_holds(bytes),
            authentic,
            mac,
        })
    }

    fn read_header(mut bytes: &[u8]) -> Option<Header> {
        let header: HeaderRow = ciborium::from_reader(&mut bytes).ok()?;
        if !bytes.is_empty() || header.slots.len() > MAX_SLOTS || header.generation > MAX_GENERATION
        {
            return None;
        }
        let mut slots: Vec<Slot> = Vec::with_capacity(MAX_SLOTS);
        for row in &header.slots {
            let slot = read_slot(row)?;
            // One way to unlock each, and one for each device: a file with more asks for more tries than anybody has keys.
            let same = |known: &Slot| match slot.is_of_a_device() {
                true => known.is_of_a_device() && known.device == slot.device,
                false => known.kind == slot.kind,
            };
            if slots.iter().any(same) {
                return None;
            }
            slots.push(slot);
        }
        Some(Header {
            vault: VaultId(header.vault.0),
            generation: header.generation,
            made: header.made.map(UnixTime::from_secs),
            slots,
        })
    }

    pub(crate) fn read_slot(row: &SlotRow) -> Option<Slot> {
        let kind = SlotKind::from_number(row.kind)?;
        let asks = matches!(kind, SlotKind::Passphrase | SlotKind::Strong);
        let kdf = match (row.memory, row.passes, row.lanes, &row.salt) {
            (Some(memory_kib), Some(passes), Some(lanes), Some(salt)) if asks => Some(Kdf {
                cost: Argon2Cost {
                    memory_kib,
                    passes,
                    lanes,
                },
                salt: salt.0,
            }),
            (None, None, None, None) if !asks => None,
            _ => return None,
        };
        Some(Slot {
            id: row.id.0,
            kind,
            made: UnixTime::from_secs(row.made),
            kdf,
            device: row.device.as_ref().map(|device| device.0),
            wrapped: row.wrapped.0,
        })
    }

    /// What is left to read. Every method gives `None` where the bytes end too early.
    pub(crate) struct Parts<'a>(pub(crate) &'a [u8]);

    impl<'a> Parts<'a> {
        pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
            let (taken, rest) = self.0.split_at_checked(count)?;
            self.0 = rest;
            Some(taken)
        }

        pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
            self.take(N)?.try_into().ok()
        }

        pub(crate) fn u16(&mut self) -> Option<u16> {
            self.array().map(u16::from_be_bytes)
        }

        pub(crate) fn u32(&mut self) -> Option<u32> {
            self.array().map(u32::from_be_bytes)
        }

        pub(crate) fn u64(&mut self) -> Option<u64> {
            self.array().map(u64::from_be_bytes)
        }

        fn length(&mut self, max: usize) -> Option<usize> {
            let length = usize::try_from(self.u32()?).ok()?;
            (length <= max).then_some(length)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn framed(major: u16, minor: u16) -> Vec<u8> {
            let mut bytes = FILE_MAGIC.to_vec();
            bytes.extend_from_slice(&major.to_be_bytes());
            bytes.extend_from_slice(&minor.to_be_bytes());
            bytes.extend_from_slice(b"whatever a later version has here");
            let sum = seal::sha256(&[&bytes]);
            bytes.extend_from_slice(&sum);
            bytes
        }

        #[test]
        fn a_newer_major_version_is_named() {
            let newer = file(&framed(2, 0)).err();
            assert_eq!(
                newer,
                Some(ReadError::NewerVersion { major: 2 }),
                "not damage"
            );
        }

        #[test]
        fn a_reader_of_an_older_version_converts() {
            fn from_version_0(
                container: Container,
                bytes: &[u8],
                _: u16,
            ) -> Result<File<'_>, ReadError> {
                Ok(File {
                    container,
                    minor: MINOR,
                    header: Header {
                        vault: VaultId([1; 16]),
                        generation: 9,
                        made: None,
                        slots: Vec::new(),
                    },
                    intact: true,
                    sealed_for: &[],
                    index: &[],
                    mirror: &bytes[12..20],
                })
            }
            let readers: &[(u16, Reader)] = &[(0, from_version_0), (1, file_v1)];
            let bytes = framed(0, 3);
            let Ok(read) = file_by(readers, Container::Vault, &bytes) else {
                panic!("there is a reader for it")
            };
            assert_eq!(
                (read.header.generation, read.mirror),
                (9, b"whatever".as_slice()),
                "its"
            );
            let without = file(&bytes).err();
            assert_eq!(
                without,
                Some(ReadError::Damaged),
                "no such version was ever written"
            );
        }

        #[test]
        fn a_damaged_version_number_is_damage_and_not_a_newer_version() {
            let mut bytes = framed(1, 0);
            bytes[8] ^= 0x40;
            assert_eq!(file(&bytes).err(), Some(ReadError::Damaged), "checksum");
        }

        #[test]
        fn other_files_are_not_vaults() {
            for bytes in [
                b"".as_slice(),
                b"\x89CKV",
                b"\x89PNG\r\n\x1A\n",
                b"\x89CKV\n\x1A\n..",
            ] {
                assert_eq!(file(bytes).err(), Some(ReadError::NotAVault), "{bytes:?}");
            }
        }

        #[test]
        fn lengths_that_promise_too_much_are_refused_before_anything_is_allocated() {
            let mut bytes = FILE_MAGIC.to_vec();
            bytes.extend_from_slice(&[0, 1, 0, 0]);
            bytes.extend_from_slice(&[0xFF; 12]);
            bytes.extend_from_slice(&[0; 64]);
            assert_eq!(file(&bytes).err(), Some(ReadError::Damaged), "4 GiB each");
        }
    }
}

pub(crate) mod write {
    use super::*;

    /// A header as both the file and the head have it.
    pub(crate) fn header(header: &Header) -> Vec<u8> {
        let row = HeaderRow {
            vault: ByteArray(header.vault.0),
            generation: header.generation,
            made: header.made.map(UnixTime::as_secs),
            slots: header.slots.iter().map(slot_row).collect(),
        };
        cbor(&row)
    }

    /// A whole vault file or backup, and the hash of its sealed index.
    pub(crate) fn file(
        container: Container,
        header: &[u8],
        index: &Index,
        mirror: &[u8],
        keys: &Keys,
        rng: &mut impl rand_core::CryptoRng,
    ) -> (Vec<u8>, [u8; 32]) {
        let plain = zeroize::Zeroizing::new(cbor(index));
        let sealed_length = plain.len() + seal::OVERHEAD;
        let mut bytes = preamble(container.magic());
        for length in [header.len(), sealed_length, mirror.len()] {
            push_u32(&mut bytes, length);
        }
        bytes.extend_from_slice(header);
        let sealed = seal::seal(&keys.index, &index_place(container, &bytes), &plain, rng);
        let hash = seal::sha256(&[&sealed]);
        bytes.extend_from_slice(&sealed);
        bytes.extend_from_slice(mirror);
        push_checksum(&mut bytes);
        (bytes, hash)
    }

    /// A head as it stands in the keyring: base64.
    pub(crate) fn head(
        header: &[u8],
        index_hash: &[u8; 32],
        items: &[u8; 32],
        halves: &[Half],
        before: &[SaveMark],
        keys: &Keys,
    ) -> String {
        let mut bytes = preamble(HEAD_MAGIC);
        push_u32(&mut bytes, header.len());
        bytes.extend_from_slice(index_hash);
        bytes.extend_from_slice(items);
        let count = u16::try_from(halves.len()).expect("MAX_BUNDLES fits into 16 bits");
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(&pack(halves));
        let most = MAX_HEAD_EVERYWHERE / 4 * 3;
        let room = most.saturating_sub(bytes.len() + MAC + CHECKSUM) / size_of::<SaveMark>();
        let before = before.iter().take(room.min(LINEAGE_IN_HEAD));
        bytes.extend(before.flatten());
        let mac = seal::mac(&keys.head, &[b"couchkey/v1/head", &bytes]);
        bytes.extend_from_slice(&mac);
        push_checksum(&mut bytes);
        BASE64.encode(&bytes)
    }

    pub(crate) fn slot_row(slot: &Slot) -> SlotRow {
        SlotRow {
            id: ByteArray(slot.id),
            kind: slot.kind.number(),
            made: slot.made.as_secs(),
            memory: slot.kdf.map(|kdf| kdf.cost.memory_kib),
            passes: slot.kdf.map(|kdf| kdf.cost.passes),
            lanes: slot.kdf.map(|kdf| kdf.cost.lanes),
            salt: slot.kdf.map(|kdf| ByteArray(kdf.salt)),
            device: slot.device.map(ByteArray),
            wrapped: ByteArray(slot.wrapped),
        }
    }

    fn preamble(magic: [u8; 8]) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        bytes.extend_from_slice(&MAJOR.to_be_bytes());
        bytes.extend_from_slice(&MINOR.to_be_bytes());
        bytes
    }

    fn push_u32(bytes: &mut Vec<u8>, length: usize) {
        let length = u32::try_from(length).expect("limits keep every part under 32 bits");
        bytes.extend_from_slice(&length.to_be_bytes());
    }

    fn push_checksum(bytes: &mut Vec<u8>) {
        let sum = seal::sha256(&[bytes]);
        bytes.extend_from_slice(&sum);
    }

    fn cbor(value: &impl Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).expect("a Vec takes all that is written to it");
        bytes
    }
}

#[derive(Serialize, Deserialize)]
struct HeaderRow {
    vault: ByteArray<16>,
    generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<u64>,
    slots: Vec<SlotRow>,
}

/// A slot as it is written.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SlotRow {
    id: ByteArray<16>,
    kind: u8,
    made: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passes: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lanes: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<ByteArray<16>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<ByteArray<8>>,
    wrapped: ByteArray<{ crate::slot::WRAPPED }>,
}

/// A CBOR byte string of one length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteArray<const N: usize>(pub(crate) [u8; N]);

/// A CBOR byte string of any length.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ByteString(pub(crate) Vec<u8>);

impl ByteString {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

mod byte_strings {
    //! serde would write byte arrays as lists of numbers.
    use super::{ByteArray, ByteString};
    use serde::de::{Error, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::fmt;

    impl<const N: usize> Serialize for ByteArray<N> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    impl Serialize for ByteString {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    impl<'de, const N: usize> Deserialize<'de> for ByteArray<N> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let bytes = deserializer.deserialize_byte_buf(Bytes)?;
            let length = bytes.len();
            let array = bytes.try_into();
            array
                .map(ByteArray)
                .map_err(|_| D::Error::invalid_length(length, &Bytes))
        }
    }

    impl<'de> Deserialize<'de> for ByteString {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_byte_buf(Bytes).map(ByteString)
        }
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passphrase::{Argon2Cost, Kdf};
    use crate::seal::VaultKey;
    use crate::slot::{SlotKind, WRAPPED};
    use crate::testing::rng;

    #[test]
    fn the_largest_head_fits_where_windows_keeps_2560_bytes() {
        let kdf = Kdf {
            cost: Argon2Cost::default(),
            salt: [0xFF; 16],
        };
        let slot = |kind| Slot {
            id: [0xFF; 16],
            kind,
            made: UnixTime::from_secs(u64::MAX),
            kdf: matches!(kind, SlotKind::Passphrase | SlotKind::Strong).then_some(kdf),
            device: matches!(kind, SlotKind::Device | SlotKind::Strong)
                .then_some([kind.number(); 8]),
            wrapped: [0xFF; WRAPPED],
        };
        let header = Header {
            vault: VaultId([0xFF; 16]),
            generation: MAX_GENERATION,
            made: None,
            slots: [
                SlotKind::Device,
                SlotKind::Passphrase,
                SlotKind::Strong,
                SlotKind::Recovery,
            ]
            .map(slot)
            .to_vec(),
        };
        let keys = Keys::derive(&VaultKey::generate(&mut rng(1)), header.vault);
        let halves = vec![Half::B; MAX_BUNDLES];
        let bytes = write::header(&header);
        let before = [[7; 8]; LINEAGE_IN_FILE];
        let head = write::head(&bytes, &[0; 32], &[0; 32], &halves, &before, &keys);
        assert!(head.len() <= 2_560, "{} characters", head.len());
        let read = read::head(head.as_bytes()).expect("our own head");
        assert!(read.is_authentic(&keys) && read.intact, "it is whole");
        assert!(
            read.header == header && read.halves == halves,
            "and says the same"
        );
        // A thousand bundles are more than 10,000 ordinary accounts.
        let halves = &halves[..1_000];
        let head = write::head(&bytes, &[0; 32], &[0; 32], halves, &before, &keys);
        assert!(head.len() <= MAX_HEAD_EVERYWHERE, "{}", head.len());
        let read = read::head(head.as_bytes()).expect("our own head");
        assert!(
            read.before.len() >= 32 && read.is_authentic(&keys),
            "it knows the saves before it: {}",
            read.before.len()
        );
    }

    #[test]
    fn halves_are_one_bit_each() {
        use Half::{A, B};
        assert_eq!(pack(&[]), [0u8; 0], "no bundle, no byte");
        assert_eq!(
            pack(&[B, A, A, A, A, A, A, A, B]),
            [0x80, 0x80],
            "the first is the highest"
        );
        assert_eq!(
            unpack(9, &[0x80, 0x80]),
            Some(vec![B, A, A, A, A, A, A, A, B]),
            "and back"
        );
        assert_eq!(unpack(9, &[0x80]), None, "too few bytes");
        assert_eq!(unpack(8, &[0x80, 0]), None, "too many");
        assert_eq!(
            unpack(MAX_BUNDLES + 1, &[0; MAX_BUNDLES / 8 + 1]),
            None,
            "too many bundles"
        );
    }

    #[test]
    fn keyring_entries_are_named_as_the_format_says() {
        let id = VaultId([0xA5; 16]);
        let hex = "a5".repeat(16);
        assert_eq!(head_entry(id), format!("{hex}/head"), "head");
        assert_eq!(
            bundle_entry(id, 12, Half::B),
            format!("{hex}/bundle-12.b"),
            "bundle"
        );
        assert_eq!(
            device_key_entry(id),
            format!("{hex}/device-key"),
            "device key"
        );
    }
}
