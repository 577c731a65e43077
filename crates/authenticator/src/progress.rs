//! Progress and cancelling of what takes a while: an import, an export.

use crate::{
    Authenticator, Error, ErrorCode,
    view::{Progress, Stage, count},
};

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
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        if self.cancelled() {
            return Err(ErrorCode::Cancelled.into());
        }
        Ok(())
    }
}

pub(crate) fn progress(stage: Stage, done: usize, of: usize) -> Progress {
    Progress {
        stage,
        done: count(done),
        of: count(of),
    }
}
