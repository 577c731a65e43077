//! What the unit tests of this crate share.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;
use couchkey_otp::{Algorithm, Digits, Kind, Period, Secret, UnixTime};

use crate::account::Account;
use crate::id::AccountId;

/// A generator that gives the same stream for the same seed, for ever.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// An ordinary account.
pub(crate) fn account(n: u8) -> Account {
    Account {
        id: AccountId([n; 16]),
        rev: 1,
        kind: Kind::Totp {
            period: Period::THIRTY,
        },
        secret: Secret::from_bytes(&[n; 20]).expect("20 bytes"),
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        issuer: Some("StreamTV".into()),
        account: format!("fam-{n:04}@example.tv"),
        note: String::new(),
        added: UnixTime::from_secs(1_700_000_000),
    }
}
