//! A sealed account, byte for byte the same in a bundle and in the file's mirror.
//!
//! ```text
//! 16  account id
//!  8  rev, big endian
//!  1  kind: 1 totp, 2 hotp, 3 steam
//! 24  nonce
//!  n  ciphertext and tag of CBOR {secret, kind, parameters, issuer, account, note}
//! ```
//!
//! Wherever items stand end to end, two bytes of length (big endian) come before each.

use couchkey_otp::{Algorithm, Counter, Digits, Kind, Period, Secret, UnixTime};
use rand_core::CryptoRng;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

use crate::account::{Account, limits};
use crate::id::{AccountId, VaultId};
use crate::seal::{self, Keys, OVERHEAD};

/// The longest sealed account, its two bytes of length not counted: every limit used to the full.
pub(crate) const MAX_ITEM: usize = FIXED + OVERHEAD + MAX_PLAIN;
/// Bytes of length before each item where items stand end to end.
pub(crate) const LENGTH: usize = 2;

const FIXED: usize = 16 + 8 + 1;
/// Names of one letter and numbers come to no more than 56 bytes; a test fills every field.
const MAX_PLAIN: usize =
    Secret::MAX_BYTES + limits::ISSUER_BYTES + limits::ACCOUNT_BYTES + limits::NOTE_BYTES + 56;

/// Sealed bytes that have at least the shape of an account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedItem(Vec<u8>);

impl SealedItem {
    /// Takes bytes that are long enough to hold an account and not longer than any. Nothing is opened.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<SealedItem> {
        (FIXED + OVERHEAD..=MAX_ITEM)
            .contains(&bytes.len())
            .then(|| SealedItem(bytes.to_vec()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whose account it says it is; true once it has been opened.
    pub(crate) fn id(&self) -> AccountId {
        let (id, _) = self
            .0
            .split_first_chunk()
            .expect("an item has a fixed part");
        AccountId(*id)
    }

    pub(crate) fn rev(&self) -> u64 {
        let (rev, _) = self.0[16..]
            .split_first_chunk()
            .expect("an item has a fixed part");
        u64::from_be_bytes(*rev)
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        seal::sha256(&[&self.0])
    }

    pub(crate) fn seal(account: &Account, keys: &Keys, rng: &mut impl CryptoRng) -> SealedItem {
        let mut bytes = Vec::with_capacity(MAX_ITEM);
        bytes.extend_from_slice(&account.id.0);
        bytes.extend_from_slice(&account.rev.to_be_bytes());
        bytes.push(kind_number(&account.kind));
        let plain = write(account);
        let sealed = seal::seal(&keys.item, &place(keys.vault, &bytes), &plain, rng);
        bytes.extend_from_slice(&sealed);
        bytes.shrink_to_fit();
        SealedItem(bytes)
    }

    /// The account, if this was sealed with the key, for this vault, under this id, rev and kind.
    pub(crate) fn open(&self, keys: &Keys) -> Option<Account> {
        let (fixed, sealed) = self.0.split_at_checked(FIXED)?;
        let plain = seal::open(&keys.item, &place(keys.vault, fixed), sealed)?;
        read(self.id(), self.rev(), fixed[FIXED - 1], &plain)
    }
}

/// The items that stand end to end in `bytes`, as far as they can be told apart.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<SealedItem> {
    let mut items = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((item, rest)) = rest.split_at_checked(length) else {
            break;
        };
        items.extend(SealedItem::from_bytes(item));
        bytes = rest;
    }
    items
}

/// Puts one item, or what is left of one, at the end of others.
pub(crate) fn join(bytes: &mut Vec<u8>, item: &[u8]) {
    let length = u16::try_from(item.len()).expect("no item is longer than MAX_ITEM");
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(item);
}

/// The associated data: "couchkey/v1/item" ‖ vault id ‖ account id ‖ rev ‖ kind.
fn place(vault: VaultId, fixed: &[u8]) -> Vec<u8> {
    [b"couchkey/v1/item".as_slice(), vault.as_bytes(), fixed].concat()
}

/// What is sealed, as CBOR with names of one letter: the keyring has room for 1,800 bytes at a time, and a dozen
/// accounts should fit.
#[derive(Serialize, Deserialize)]
struct Plain<S, T> {
    #[serde(rename = "s")]
    secret: S,
    #[serde(rename = "k")]
    kind: u8,
    #[serde(rename = "a")]
    algorithm: u8,
    #[serde(rename = "d")]
    digits: u8,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    period: Option<u32>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    counter: Option<u64>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    issuer: Option<T>,
    #[serde(rename = "n")]
    account: T,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    note: Option<T>,
    #[serde(rename = "w")]
    added: u64,
}

fn write(account: &Account) -> Zeroizing<Vec<u8>> {
    let (period, counter) = match account.kind {
        Kind::Totp { period } => (Some(period.get()), None),
        Kind::Hotp { counter } => (None, Some(counter.get())),
        Kind::Steam => (None, None),
    };
    let plain = Plain {
        secret: SecretRef(account.secret.expose()),
        kind: kind_number(&account.kind),
        algorithm: algorithm_number(account.algorithm),
        digits: account.digits.get(),
        period,
        counter,
        issuer: account.issuer.as_deref(),
        account: account.account.as_str(),
        note: Some(account.note.as_str()).filter(|note| !note.is_empty()),
        added: account.added.as_secs(),
    };
    // Room for the longest at once: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PLAIN));
    ciborium::into_writer(&plain, &mut *bytes).expect("a Vec takes all that is written to it");
    bytes
}

fn read(id: AccountId, rev: u64, kind: u8, bytes: &[u8]) -> Option<Account> {
    let mut rest = bytes;
    // Our own scratch buffer, because the secret passes through it.
    let mut scratch = Zeroizing::new([0; 2_048]);
    let plain: Plain<SecretBytes, String> =
        ciborium::de::from_reader_with_buffer(&mut rest, scratch.as_mut_slice()).ok()?;
    if !rest.is_empty() || plain.kind != kind {
        return None;
    }
    let kind = match (plain.kind, plain.period, plain.counter) {
        (1, Some(period), None) => Kind::Totp {
            period: Period::new(period).ok()?,
        },
        (2, None, Some(counter)) => Kind::Hotp {
            counter: Counter::new(counter).ok()?,
        },
        (3, None, None) => Kind::Steam,
        _ => return None,
    };
    Some(Account {
        id,
        rev,
        kind,
        secret: Secret::from_bytes(&plain.secret.0).ok()?,
        algorithm: match plain.algorithm {
            1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return None,
        },
        digits: Digits::new(plain.digits).ok()?,
        issuer: plain.issuer,
        account: plain.account,
        note: plain.note.unwrap_or_default(),
        added: UnixTime::from_secs(plain.added),
    })
}

fn kind_number(kind: &Kind) -> u8 {
    match kind {
        Kind::Totp { .. } => 1,
        Kind::Hotp { .. } => 2,
        Kind::Steam => 3,
    }
}

fn algorithm_number(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
    }
}

/// A secret on its way into the sealed bytes, and nowhere else.
struct SecretRef<'a>(&'a [u8]);

impl Serialize for SecretRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A secret on its way out of opened bytes; wiped when the account has its own.
struct SecretBytes(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = SecretBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<SecretBytes, E> {
                Ok(SecretBytes(Zeroizing::new(bytes.to_vec())))
            }

            fn visit_byte_buf<E: de::Error>(self, mut bytes: Vec<u8>) -> Result<SecretBytes, E> {
                let secret = SecretBytes(Zeroizing::new(bytes.clone()));
                bytes.zeroize();
                Ok(secret)
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::VaultKey;
    use crate::testing::{account, rng};

    fn keys(vault: u8) -> Keys {
        Keys::derive(&VaultKey::generate(&mut rng(9)), VaultId([vault; 16]))
    }

    #[test]
    fn an_account_of_every_kind_opens_as_it_was_sealed() {
        let kinds = [
            Kind::Totp {
                period: Period::THIRTY,
            },
            Kind::Hotp {
                counter: Counter::MAX,
            },
            Kind::Steam,
        ];
        for kind in kinds {
            for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
                let mut before = account(1);
                before.kind = kind;
                before.algorithm = algorithm;
                let sealed = SealedItem::seal(&before, &keys(1), &mut rng(1));
                let after = sealed.open(&keys(1)).expect("same key, same vault");
                assert!(
                    after.kind == kind && after.algorithm == algorithm,
                    "{kind:?}"
                );
                assert!(after.secret.same_as(&before.secret), "the same secret");
                assert_eq!(after.issuer, before.issuer, "the same issuer");
                assert_eq!(after.account, before.account, "the same account name");
                assert_eq!(after.note, before.note, "the same note");
                assert_eq!(after.added, before.added, "the same time");
                assert_eq!(
                    (after.id, after.rev),
                    (before.id, before.rev),
                    "from outside"
                );
            }
        }
    }

    #[test]
    fn the_longest_account_fits_into_a_bundle_of_its_own() {
        let mut longest = account(1);
        longest.secret = Secret::from_bytes(&[7; Secret::MAX_BYTES]).expect("512 bytes");
        longest.kind = Kind::Hotp {
            counter: Counter::MAX,
        };
        longest.issuer = Some("i".repeat(limits::ISSUER_BYTES));
        longest.account = "a".repeat(limits::ACCOUNT_BYTES);
        longest.note = "n".repeat(limits::NOTE_BYTES);
        longest.added = UnixTime::from_secs(u64::MAX);
        let plain = write(&longest);
        assert!(plain.len() <= MAX_PLAIN, "{} bytes", plain.len());
        let sealed = SealedItem::seal(&longest, &keys(1), &mut rng(1));
        assert!(sealed.open(&keys(1)).is_some(), "the longest is read, too");
        let least = crate::bundle::capacity(0);
        assert!(LENGTH + MAX_ITEM + crate::bundle::OVERHEAD <= least);
    }

    #[test]
    fn an_ordinary_bundle_holds_about_a_dozen() {
        let sealed = SealedItem::seal(&account(1), &keys(1), &mut rng(1));
        let room = crate::bundle::capacity(0) - crate::bundle::OVERHEAD;
        let fit = room / (LENGTH + sealed.bytes().len());
        assert!((10..=14).contains(&fit), "{fit} fit");
    }

    #[test]
    fn an_item_opens_in_no_other_vault_and_under_no_other_name() {
        let sealed = SealedItem::seal(&account(1), &keys(1), &mut rng(1));
        let same_key_other_id = Keys {
            vault: VaultId([2; 16]),
            ..keys(1)
        };
        assert!(
            sealed.open(&same_key_other_id).is_none(),
            "vault id is bound"
        );
        assert!(sealed.open(&keys(2)).is_none(), "keys differ by vault");
        for at in 0..sealed.bytes().len() {
            for bit in 0..8 {
                let mut bytes = sealed.bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let bad = SealedItem::from_bytes(&bytes).expect("as long as before");
                assert!(bad.open(&keys(1)).is_none(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn items_end_to_end_come_apart_again() {
        let items: Vec<_> = (1..=3)
            .map(|n| SealedItem::seal(&account(n), &keys(1), &mut rng(n.into())))
            .collect();
        let mut bytes = Vec::new();
        for item in &items {
            join(&mut bytes, item.bytes());
        }
        assert!(split(&bytes) == items, "all three");
        assert!(
            split(&bytes[..bytes.len() - 1]) == items[..2],
            "the last is cut"
        );
        assert!(
            split(&[]).is_empty() && split(&[0]).is_empty(),
            "nothing there"
        );
        assert!(
            split(&[0, 0, 0, 0]).is_empty(),
            "empty ones are passed over"
        );
    }
}
