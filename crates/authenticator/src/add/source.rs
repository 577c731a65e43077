//! The sources that accounts come from: a file, a camera's frame, the screen, a text, a form.

use couchkey_qr::Grey;
use zeroize::Zeroizing;

use super::form::ManualForm;

/// Where accounts come from.
pub enum Source<'a> {
    /// A file, or a picture that was copied: another app's export, QR codes, a list of links. Its content says which.
    File(Zeroizing<Vec<u8>>),
    /// The password of the file that waits. It may be empty where a key file is all.
    Password(&'a str),
    /// One frame of a camera. Parts of a text are kept from frame to frame.
    Frame(&'a Grey),
    /// Whatever is on the screen.
    Screen,
    /// A setup link, several, or a text that has some in it.
    Text(&'a str),
    /// What a person typed.
    Form(&'a ManualForm),
}
