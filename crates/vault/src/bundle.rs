//! A bundle: as many sealed items as fit into one keyring entry, put end to end.
//!
//! ```text
//!  1  version of this layout: 1
//!  4  number of the bundle, big endian
//!  8  generation it was written for, big endian
//!  …  items, each with two bytes of length before it
//! 32  HMAC-SHA256 with the head key over "couchkey/v1/bundle" ‖ vault id ‖ all before
//! ```
//!
//! The items have their own seals. The MAC says which generation the entry belongs to, so that of the two halves of a
//! bundle the right one is taken even where the head is lost.

use data_encoding::BASE64;

use crate::format::read::{Parts, entry_bytes};
use crate::format::{MAX_ENTRY, MAX_ENTRY_EVERYWHERE};
use crate::id::VaultId;
use crate::item::{self, SealedItem};
use crate::seal::{self, Keys};

/// Bytes in a bundle that are not items.
pub(crate) const OVERHEAD: usize = 1 + 4 + 8 + MAC;

const MAC: usize = 32;
const LAYOUT: u8 = 1;

/// Bytes in a bundle for a keyring whose entries have at most so many characters. The longest item fits.
pub(crate) fn capacity(longest_entry: usize) -> usize {
    longest_entry.clamp(MAX_ENTRY_EVERYWHERE, MAX_ENTRY) / 4 * 3
}

/// One half of a bundle, as it was found.
pub(crate) struct Bundle {
    /// The generation it was written for; means something only in an authentic one.
    pub(crate) generation: u64,
    /// Whether all of it is as it was written, for this vault and this number.
    pub(crate) authentic: bool,
    /// Every item that could be told apart.
    pub(crate) items: Vec<SealedItem>,
}

/// Takes an entry apart, as far as it goes: what is left of a damaged one may still hold good items.
pub(crate) fn read(entry: &[u8], number: u32, keys: &Keys) -> Option<Bundle> {
    let bytes = entry_bytes(entry)?;
    let mut parts = Parts(&bytes);
    let layout = parts.take(1)?;
    let found = parts.u32()?;
    let generation = parts.u64()?;
    let items = parts.take(parts.0.len().checked_sub(MAC)?)?;
    let before = &bytes[..bytes.len() - MAC];
    let authentic = layout == [LAYOUT]
        && found == number
        && seal::mac_holds(&keys.head, &mac_parts(&keys.vault, before), parts.0);
    Some(Bundle {
        generation,
        authentic,
        items: item::split(items),
    })
}

/// An entry as it stands in the keyring: base64. `items` are what [`OVERHEAD`] leaves room for.
pub(crate) fn write(items: &[&[u8]], number: u32, generation: u64, keys: &Keys) -> String {
    let mut bytes = vec![LAYOUT];
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&generation.to_be_bytes());
    for item in items {
        item::join(&mut bytes, item);
    }
    let mac = seal::mac(&keys.head, &mac_parts(&keys.vault, &bytes));
    bytes.extend_from_slice(&mac);
    BASE64.encode(&bytes)
}

fn mac_parts<'a>(vault: &'a VaultId, before: &'a [u8]) -> [&'a [u8]; 3] {
    [b"couchkey/v1/bundle", vault.as_bytes(), before]
}
