//! Gathering the accounts out of the bundles of a keyring.

use std::collections::HashMap;

use crate::account::Account;
use crate::bundle::{self, Bundle};
use crate::format::{self, Head};
use crate::id::{AccountId, Half};
use crate::item::SealedItem;
use crate::open::{FetchFailed, Note};
use crate::seal::Keys;
use crate::vault::BundleState;

/// Reads one half of one bundle from the keyring.
pub(crate) type Fetch<'a> = &'a mut dyn FnMut(u32, Half) -> Result<Option<Vec<u8>>, FetchFailed>;

/// A sealed account that did open.
pub(crate) struct Candidate {
    pub(crate) account: Account,
    pub(crate) sealed: SealedItem,
    pub(crate) bundle: Option<u32>,
}

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) good: HashMap<AccountId, Candidate>,
    /// In the order of the bundles, each once.
    pub(crate) order: Vec<AccountId>,
    /// What did not open.
    pub(crate) bad: Vec<(SealedItem, u32)>,
    pub(crate) bundles: Vec<BundleState>,
    /// Whether every bundle was there and whole.
    pub(crate) whole: bool,
}

impl Gathered {
    /// Keeps the newest of each account.
    pub(crate) fn add(&mut self, sealed: SealedItem, bundle: Option<u32>, keys: &Keys) -> bool {
        let Some(account) = sealed.open(keys) else {
            self.bad.extend(bundle.map(|bundle| (sealed, bundle)));
            return false;
        };
        let id = account.id;
        match self.good.get(&id) {
            Some(known) if known.account.rev >= account.rev => (),
            known => {
                if known.is_none() {
                    self.order.push(id);
                }
                let candidate = Candidate {
                    account,
                    sealed,
                    bundle,
                };
                self.good.insert(id, candidate);
            }
        }
        true
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        let items = self.good.values();
        format::items_digest(items.map(|c| (c.account.id, c.account.rev, c.sealed.hash())))
    }
}

/// Reads the bundles: as many as the head says, or else `known` and on until there are no more. Of the two halves
/// the one that the head says, or else the one that was written last; where that one is missing or damaged,
/// whatever is good in both.
pub(crate) fn gather(
    head: Option<&Head>,
    known: usize,
    keys: &Keys,
    fetch: Fetch<'_>,
    notes: &mut Vec<Note>,
) -> Result<Gathered, FetchFailed> {
    let mut found = Gathered {
        whole: true,
        ..Gathered::default()
    };
    for number in 0..head.map_or(format::MAX_BUNDLES, |head| head.halves.len()) {
        let at = u32::try_from(number).expect("MAX_BUNDLES fits into 32 bits");
        let mut read = |half| -> Result<Read, FetchFailed> {
            Ok(match fetch(at, half)? {
                None => Read::Missing,
                Some(entry) => bundle::read(&entry, at, keys).map_or(Read::Damaged, Read::Bundle),
            })
        };
        let named = match head {
            Some(head) => named_by_head(head, number, &mut read)?,
            None => None,
        };
        let chosen = match named {
            Some(chosen) => chosen,
            None => {
                let (a, b) = (read(Half::A)?, read(Half::B)?);
                let none_left = matches!((&a, &b), (Read::Missing, Read::Missing));
                if head.is_none() && number >= known && none_left {
                    break;
                }
                written_last(a, b, head.is_none())
            }
        };
        let mut whole = chosen.whole;
        for item in chosen.items {
            whole &= found.add(item, Some(at), keys);
        }
        if !whole {
            found.whole = false;
            notes.push(Note::BundleDamaged(at));
        }
        found.bundles.push(BundleState::written(chosen.half));
    }
    Ok(found)
}

enum Read {
    Missing,
    Damaged,
    Bundle(Bundle),
}

impl Read {
    fn bundle(&self) -> Option<&Bundle> {
        match self {
            Read::Bundle(bundle) => Some(bundle),
            Read::Missing | Read::Damaged => None,
        }
    }

    fn generation(&self) -> Option<u64> {
        let bundle = self.bundle().filter(|bundle| bundle.authentic);
        bundle.map(|bundle| bundle.generation)
    }
}

/// What is taken from a bundle.
struct Chosen {
    half: Half,
    items: Vec<SealedItem>,
    /// Whether it is what was written.
    whole: bool,
}

/// The half that the head means, if it is as it was written. A crash may have left a later one in its stead only if
/// two programs wrote without a lock.
fn named_by_head(
    head: &Head,
    number: usize,
    read: &mut impl FnMut(Half) -> Result<Read, FetchFailed>,
) -> Result<Option<Chosen>, FetchFailed> {
    let half = head.halves[number];
    Ok(match read(half)? {
        Read::Bundle(Bundle {
            generation,
            authentic: true,
            items,
        }) if generation <= head.header.generation => Some(Chosen {
            half,
            items,
            whole: true,
        }),
        _ => None,
    })
}

/// The half that was written last. Where there is no head to name another one, that is as good as it gets, if it is
/// authentic; else everything that is left in both.
fn written_last(a: Read, b: Read, no_head: bool) -> Chosen {
    let b_is_later = b.generation() > a.generation();
    let (half, last, other) = if b_is_later {
        (Half::B, b, a)
    } else {
        (Half::A, a, b)
    };
    let whole = no_head && last.generation().is_some();
    let rest = if whole { Read::Missing } else { other };
    let taken = [last, rest].into_iter().filter_map(|read| match read {
        Read::Bundle(bundle) => Some(bundle.items),
        Read::Missing | Read::Damaged => None,
    });
    Chosen {
        half,
        items: taken.flatten().collect(),
        whole,
    }
}
