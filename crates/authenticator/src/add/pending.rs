//! The pending preview, which waits for the person's answer: its rows, parts of what is not complete, and a file that is sealed.

use std::{
    collections::{BTreeMap, HashMap},
    hash::RandomState,
};

use couchkey_otp::{Enrolment, Parsed};
use couchkey_qr as qr;
use couchkey_vault::{Makes, NewAccount};
use zeroize::Zeroizing;

use crate::{
    ErrorCode,
    view::{BatchKind, BatchView, FormatView, Renamed, SkippedRow},
};

/// At most this many texts, lines or entries of one source become a preview; the same as a vault holds.
pub(super) const MAX_ROWS: usize = 10_000;

/// What waits for the person's answer. Secrets stay here; the window knows tokens.
#[derive(Default)]
pub(crate) struct Pending {
    next: u32,
    pub(super) rows: BTreeMap<u32, NewAccount>,
    pub(super) skipped: Vec<SkippedRow>,
    pub(super) format: Option<FormatView>,
    pub(super) batch: Option<Parts>,
    /// Parts of texts that are spread over several QR codes.
    pub(super) parts: qr::Parts,
    /// A file that waits for its password, its key file or both.
    pub(super) locked: Option<Locked>,
}

impl Pending {
    /// Forgets what was there. Tokens go on counting, so that an old one never names a new row.
    pub(crate) fn begin(&mut self) {
        *self = Pending {
            next: self.next,
            ..Pending::default()
        };
    }

    /// Names what is there: every row that comes, alone or with others, gets another token.
    pub(super) fn id(&self) -> u32 {
        self.next
    }

    /// How far it is with what comes in several QR codes: a text that has parts before an export that has many texts.
    pub(super) fn progress(&self) -> Option<BatchView> {
        if let Some(waiting) = self.parts.waiting() {
            return Some(BatchView {
                kind: BatchKind::Text,
                part: waiting.part.into(),
                of: waiting.of.into(),
                have: waiting.have.into_iter().map(u32::from).collect(),
            });
        }
        self.batch.as_ref().map(|batch| BatchView {
            kind: BatchKind::Export,
            part: batch.have.last().copied().unwrap_or_default(),
            of: batch.of,
            have: batch.have.clone(),
        })
    }

    pub(super) fn keep(&mut self, row: NewAccount) {
        if self.rows.len() < MAX_ROWS {
            self.next = self.next.wrapping_add(1);
            self.rows.insert(self.next, row);
            return;
        }
        let enrolment = &row.parsed.enrolment;
        self.skipped.push(SkippedRow {
            label: enrolment
                .issuer
                .clone()
                .unwrap_or_else(|| enrolment.account.clone()),
            report: ErrorCode::TooManyAccounts.into(),
        });
    }

    /// The rows that say the very same as one above them, with the one that they repeat.
    pub(super) fn repeats(&self) -> HashMap<u32, u32> {
        let hash = RandomState::new();
        let mut first: HashMap<u64, u32> = HashMap::with_capacity(self.rows.len());
        let mut repeats = HashMap::new();
        for (&token, row) in &self.rows {
            let makes = Makes::from(&row.parsed.enrolment);
            match first.entry(makes.hash(&hash, said(row))) {
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(token);
                }
                std::collections::hash_map::Entry::Occupied(place) => {
                    let above = &self.rows[place.get()];
                    if makes.same((&above.parsed.enrolment).into()) && said(above) == said(row) {
                        repeats.insert(token, *place.get());
                    }
                }
            }
        }
        repeats
    }
}

/// All that a person would miss of a row, but for its codes.
fn said(row: &NewAccount) -> impl std::hash::Hash + PartialEq {
    let enrolment = &row.parsed.enrolment;
    (
        enrolment.issuer.as_deref(),
        enrolment.account.as_str(),
        row.note.as_str(),
        row.groups.as_slice(),
        row.trashed,
    )
}

/// An export that comes in several QR codes: which it is, and the parts that are here.
pub(super) struct Parts {
    pub(super) id: i32,
    pub(super) of: u32,
    pub(super) have: Vec<u32>,
}

/// A file that waits for what opens it.
pub(super) struct Locked {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) key_file: Option<Zeroizing<Vec<u8>>>,
}

impl From<Zeroizing<Vec<u8>>> for Locked {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self {
            bytes,
            key_file: None,
        }
    }
}

/// With the names as the person corrected them.
pub(super) fn renamed(mut imported: NewAccount, row: &Renamed) -> NewAccount {
    let enrolment = &mut imported.parsed.enrolment;
    enrolment.issuer = row
        .issuer
        .as_deref()
        .map(str::trim)
        .filter(|issuer| !issuer.is_empty())
        .map(str::to_owned);
    enrolment.account = row.account.trim().to_owned();
    imported
}

/// A copy to add, for the preview stays until that has worked.
pub(super) fn duplicate(row: &NewAccount) -> NewAccount {
    let enrolment = &row.parsed.enrolment;
    NewAccount {
        parsed: Parsed {
            enrolment: Enrolment {
                kind: enrolment.kind,
                secret: enrolment.secret.duplicate(),
                algorithm: enrolment.algorithm,
                digits: enrolment.digits,
                issuer: enrolment.issuer.clone(),
                account: enrolment.account.clone(),
                label_issuer: enrolment.label_issuer.clone(),
            },
            warnings: Vec::new(),
            image: None,
        },
        note: row.note.clone(),
        groups: row.groups.clone(),
        pinned: row.pinned,
        trashed: row.trashed,
    }
}
