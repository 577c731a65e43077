//! A screen that shows what a test puts on it.

use std::sync::{Arc, Mutex};

use couchkey_qr::Grey;

use super::fuse::lock;
use crate::ports::{Screen, ScreenError};

/// Monitors that show what a test puts on them; until then there is no screen. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct FakeScreen(Arc<Mutex<Option<Answer>>>);

/// What each capture gives: sizes and luma, because a picture cannot be copied, or what is in the way.
type Answer = Result<Vec<(usize, usize, Vec<u8>)>, ScreenError>;

impl FakeScreen {
    /// From now on there is one monitor a picture.
    pub fn show(&self, monitors: &[Grey]) {
        let copy = |grey: &Grey| (grey.width(), grey.height(), grey.luma().to_vec());
        *lock(&self.0) = Some(Ok(monitors.iter().map(copy).collect()));
    }

    /// From now on no picture is given, for this reason.
    pub fn refuse(&self, error: ScreenError) {
        *lock(&self.0) = Some(Err(error));
    }
}

impl Screen for FakeScreen {
    fn capture(&self) -> Result<Vec<Grey>, ScreenError> {
        let answer = lock(&self.0).clone();
        let monitors = answer.unwrap_or(Err(ScreenError::Unsupported))?;
        let picture =
            |(width, height, luma)| Grey::new(width, height, luma).map_err(|_| ScreenError::Failed);
        monitors.into_iter().map(picture).collect()
    }
}
