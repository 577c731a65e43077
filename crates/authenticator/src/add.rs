//! Adds accounts, one way for all: whatever holds them, a QR code, a picture, a link, a file of another app, a form, becomes
//! a preview first; then one change adds what the person wants of it.

mod form;
mod pending;
mod preview;
mod scan;
mod source;
mod text;

use std::collections::{HashMap, HashSet};

use couchkey_vault::NewAccount;

use self::pending::{duplicate, renamed};
pub use self::{
    form::ManualForm,
    preview::MAX_FILE,
    scan::{Scanned, inspect, scan},
    source::Source,
};
pub(crate) use self::{pending::Pending, text::is_migration};
use crate::{
    Authenticator, Error, ErrorCode,
    progress::{Watch, progress},
    view::{Added, Selection, Stage, count},
};

impl Authenticator {
    /// Adds what the person wants of the preview, in one change: all of it with note, groups, pin and order, or nothing.
    ///
    /// # Errors
    /// [`ErrorCode::PreviewGone`] where another preview waits than the one that is named, or none;
    /// [`ErrorCode::TooManyAccounts`] before anything is written; [`ErrorCode::Cancelled`]; whatever kept the vault from
    /// being saved. The preview stays then.
    pub fn add(&self, selection: &Selection, watch: Watch<'_>) -> Result<Added, Error> {
        self.set_cancelled(false);
        let (wanted, left_out) = self.selected(selection)?;
        let trashed = wanted.iter().filter(|account| account.trashed).count();
        let added = wanted.len() - trashed;
        let mut ids = Vec::new();
        if !wanted.is_empty() {
            let mut step = |done, of| {
                watch(progress(Stage::Saving, done, of));
                self.go_on()
            };
            ids = self.change_watched(
                |vault, now, rng| Ok(vault.add_new(wanted, now, rng)?),
                Some(&mut step),
            )?;
        }
        self.saved_preview(selection.preview);
        Ok(Added {
            ids: ids.iter().map(ToString::to_string).collect(),
            added: count(added),
            trashed: count(trashed),
            left_out: count(left_out),
        })
    }

    /// Copies of the accounts that are wanted, and how many of the preview are not.
    fn selected(&self, selection: &Selection) -> Result<(Vec<NewAccount>, usize), Error> {
        let pending = self.pending();
        if pending.rows.is_empty() || pending.id() != selection.preview {
            return Err(ErrorCode::PreviewGone.into());
        }
        let mut out: HashSet<u32> = selection.except.iter().copied().collect();
        if !selection.duplicates {
            out.extend(pending.repeats().into_keys());
            self.read(|vault| {
                let known = vault.same_codes();
                let is_there = |row: &NewAccount| known.find((&row.parsed.enrolment).into());
                let there = pending
                    .rows
                    .iter()
                    .filter(|(_, row)| is_there(row).is_some());
                out.extend(there.map(|(token, _)| *token));
            })?;
        }
        let renames: HashMap<u32, _> = selection.renamed.iter().map(|r| (r.token, r)).collect();
        let wanted: Vec<_> = pending
            .rows
            .iter()
            .filter(|(token, _)| !out.contains(token))
            .map(|(token, row)| match renames.get(token) {
                Some(names) => renamed(duplicate(row), names),
                None => duplicate(row),
            })
            .collect();
        let left_out = pending.rows.len() - wanted.len();
        Ok((wanted, left_out))
    }
}
