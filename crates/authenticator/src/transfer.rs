//! Moving in from another app, and moving out: what a file holds, what is added of it, what is written for others.

mod export;
mod import;

pub use export::{Permission, SecretQr};

use crate::{
    Authenticator, Error, ErrorCode,
    view::{Progress, Stage},
};

/// The most bytes of a file that are read: 64 MiB.
pub const MAX_IMPORT: usize = couchkey_vault::import::caps::FILE_BYTES;

/// Told how far an import or an export is. Called on the thread that does the work, often; it must be quick.
pub type Watch<'a> = &'a mut dyn FnMut(Progress);

impl Authenticator {
    /// Ends the import or the export that is running on another thread: it answers [`ErrorCode::Cancelled`] as soon as
    /// it notices, and nothing of it is left. Where none is running, nothing happens.
    pub fn cancel_transfer(&self) {
        self.set_cancelled(true);
    }

    /// # Errors
    /// [`ErrorCode::Cancelled`], if somebody wished so.
    fn go_on(&self) -> Result<(), Error> {
        if self.cancelled() {
            return Err(ErrorCode::Cancelled.into());
        }
        Ok(())
    }
}

/// Counts cross to JavaScript as 32 bits.
fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn progress(stage: Stage, done: usize, of: usize) -> Progress {
    Progress {
        stage,
        done: count(done),
        of: count(of),
    }
}
