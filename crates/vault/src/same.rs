//! Duplicates: which accounts make the same codes, by a hash map instead of comparing each with each.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use couchkey_otp::{Algorithm, Digits, Enrolment, Kind, Secret};

use crate::account::Account;
use crate::id::AccountId;

/// What decides about the codes of an account, borrowed from whatever has it.
#[derive(Clone, Copy)]
pub struct Makes<'a> {
    kind: Kind,
    algorithm: Algorithm,
    digits: Digits,
    secret: &'a Secret,
}

/// Accounts by the codes that they make.
///
/// The table is keyed by a hash whose key is random and ends with the table (SipHash, as `std` makes it): neither how
/// long a look-up takes nor what is left in memory says anything about a secret. What the hash finds is compared in
/// constant time.
#[derive(Default)]
pub struct SameCodes<'a> {
    hash: RandomState,
    known: HashMap<u64, Vec<(AccountId, Makes<'a>)>>,
}

impl<'a> SameCodes<'a> {
    /// The first account that makes the same codes: the same secret, and the same kind, algorithm, digits and period.
    /// Where a counter stands does not make another account.
    pub fn find(&self, makes: Makes<'_>) -> Option<AccountId> {
        let known = self.known.get(&makes.hash(&self.hash, ()))?;
        let same = known.iter().find(|(_, known)| known.same(makes));
        same.map(|(id, _)| *id)
    }

    pub(crate) fn note(&mut self, id: AccountId, makes: Makes<'a>) {
        let hash = makes.hash(&self.hash, ());
        self.known.entry(hash).or_default().push((id, makes));
    }
}

impl Makes<'_> {
    /// Whether both make the same codes. Secrets are compared in constant time.
    pub fn same(self, other: Makes<'_>) -> bool {
        let same_kind = match (self.kind, other.kind) {
            (Kind::Hotp { .. }, Kind::Hotp { .. }) => true,
            (one, other) => one == other,
        };
        same_kind
            && self.algorithm == other.algorithm
            && self.digits == other.digits
            && self.secret.same_as(other.secret)
    }

    /// A hash of all that [`same`](Self::same) compares, and of `also`.
    pub fn hash(self, state: &RandomState, also: impl Hash) -> u64 {
        let period = match self.kind {
            Kind::Totp { period } => period.get(),
            Kind::Hotp { .. } | Kind::Steam => 0,
        };
        let word = self.kind.word();
        state.hash_one((
            self.secret.expose(),
            word,
            period,
            self.algorithm,
            self.digits,
            also,
        ))
    }
}

impl<'a> From<&'a Account> for Makes<'a> {
    fn from(account: &'a Account) -> Self {
        Makes {
            kind: account.kind,
            algorithm: account.algorithm,
            digits: account.digits,
            secret: &account.secret,
        }
    }
}

impl<'a> From<&'a Enrolment> for Makes<'a> {
    fn from(enrolment: &'a Enrolment) -> Self {
        Makes {
            kind: enrolment.kind,
            algorithm: enrolment.algorithm,
            digits: enrolment.digits,
            secret: &enrolment.secret,
        }
    }
}
