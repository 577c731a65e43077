//! Collects the entries of a file, one after the other, within the cap and with somebody watching.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Format, Import, ImportError, NewAccount, SkipReason, Skipped, Step, Watch, caps};

/// What has been read so far.
pub(super) struct Gather<'w> {
    import: Import,
    of: usize,
    watch: Watch<'w>,
}

/// Watched once for so many entries.
const EVERY: usize = 64;

impl<'w> Gather<'w> {
    /// A file of so many entries.
    ///
    /// # Errors
    ///
    /// [`ImportError::TooManyEntries`].
    pub(super) fn new(
        format: Format,
        of: usize,
        watch: Watch<'w>,
    ) -> Result<Gather<'w>, ImportError> {
        if of > caps::ENTRIES {
            return Err(ImportError::TooManyEntries { format });
        }
        Ok(Gather {
            import: Import {
                format,
                accounts: Vec::new(),
                skipped: Vec::new(),
            },
            of,
            watch,
        })
    }

    /// A whole file of entries in JSON, each read on its own.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new) and [`take`](Self::take).
    pub(super) fn all<E: DeserializeOwned>(
        format: Format,
        entries: &[&RawValue],
        watch: Watch<'w>,
        read: impl Fn(&E) -> Result<NewAccount, SkipReason>,
        label: impl Fn(&E) -> String,
    ) -> Result<Import, ImportError> {
        let mut gather = Gather::new(format, entries.len(), watch)?;
        for raw in entries {
            match serde_json::from_str::<E>(raw.get()) {
                Ok(entry) => gather.take(read(&entry), || label(&entry))?,
                Err(_) => gather.take(Err(SkipReason::Damaged), String::new)?,
            }
        }
        Ok(gather.done())
    }

    /// Takes one entry, read or not; `label` is asked for only where it was not.
    ///
    /// # Errors
    ///
    /// [`ImportError::Cancelled`], and [`ImportError::TooManyEntries`] where nobody knew how many there are.
    pub(super) fn take(
        &mut self,
        entry: Result<NewAccount, SkipReason>,
        label: impl FnOnce() -> String,
    ) -> Result<(), ImportError> {
        match entry {
            Ok(account) => self.import.accounts.push(account),
            Err(reason) => self.import.skipped.push(Skipped {
                label: tidy(&label()),
                reason,
            }),
        }
        let done = self.import.accounts.len() + self.import.skipped.len();
        if done > caps::ENTRIES {
            let format = self.import.format;
            return Err(ImportError::TooManyEntries { format });
        }
        if done % EVERY == 1 || done == self.of {
            let of = self.of.max(done);
            if (self.watch)(Step::Reading { done, of }).is_break() {
                return Err(ImportError::Cancelled);
            }
        }
        Ok(())
    }

    /// All of it.
    pub(super) fn done(self) -> Import {
        self.import
    }
}

/// `Issuer: account`, as far as there is one.
pub(super) fn label(issuer: Option<&str>, account: Option<&str>) -> String {
    let parts = [issuer, account].into_iter().flatten().map(str::trim);
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

/// Fit for a terminal and a list: no control characters, not longer than a line.
fn tidy(label: &str) -> String {
    // A link would show its secret.
    if couchkey_otp::holds_link(label) {
        return String::new();
    }
    let shown = label.chars().filter(|c| !c.is_control());
    shown.take(120).collect()
}
