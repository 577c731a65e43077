//! QR codes: a grey image -> the texts in it; a text -> the modules of a code.

mod grid;
mod ladder;
mod picture;
mod pixels;
mod rings;
mod symbol;

use zeroize::Zeroizing;

pub use picture::{Grey, MAX_BYTES, MAX_PIXELS, MAX_SIDE, PictureError, read_picture};

/// How long to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A camera's frame: the steps that find most codes in the least time; the next frame comes anyway.
    Frame,
    /// A still picture: everything that is known to help, and a second look for further codes.
    Still,
}

/// One QR code that was read.
pub struct Found {
    /// What it says.
    pub text: Zeroizing<String>,
    /// Its corners in pixels of the image: the code's own top left first, then clockwise as it is meant to be read.
    pub corners: Option<[(f32, f32); 4]>,
}

/// The texts of all QR codes in the image, each once, in reading order (rows from the top, left to right).
///
/// Dark on light and light on dark, at any angle, with or without a border. An image without a code gives nothing.
pub fn decode(image: &Grey, effort: Effort) -> Vec<Found> {
    ladder::climb(image, effort)
}

/// The texts of the QR codes in a picture's bytes; none where it is no picture.
pub fn texts(bytes: &[u8]) -> Vec<Zeroizing<String>> {
    let Ok(picture) = read_picture(bytes) else {
        return Vec::new();
    };
    let found = decode(&picture, Effort::Still).into_iter();
    found.map(|found| found.text).collect()
}

/// The modules of a code, row by row; `true` is dark. A reader needs four light modules all around it.
pub struct Modules {
    side: usize,
    dark: Zeroizing<Vec<bool>>,
}

impl Modules {
    /// Modules across and down.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether the module at column `x` and row `y` is dark; outside the code nothing is.
    pub fn dark(&self, x: usize, y: usize) -> bool {
        x < self.side && y < self.side && self.dark[y * self.side + x]
    }
}

/// The text does not fit into a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text of {bytes} bytes does not fit into one QR code")]
pub struct EncodeError {
    /// The text's length in UTF-8.
    pub bytes: usize,
}

impl EncodeError {
    /// A stable name for programs.
    pub fn code(self) -> &'static str {
        "too_long_for_a_code"
    }

    /// What the person can do about it.
    pub fn hint(self) -> &'static str {
        "Shorten the account's name, or send fewer accounts in one code."
    }
}

/// Draws a text as a QR code with error correction M (15 %), or L (7 %) where only that has the room.
///
/// # Errors
/// [`EncodeError`] if the text is longer than the largest code (version 40) holds.
pub fn encode(text: &str) -> Result<Modules, EncodeError> {
    use qrcode::{Color, EcLevel, QrCode};

    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .or_else(|_| QrCode::with_error_correction_level(text, EcLevel::L))
        .map_err(|_| EncodeError { bytes: text.len() })?;
    let side = code.width();
    let dark = code
        .into_colors()
        .into_iter()
        .map(|colour| colour == Color::Dark)
        .collect();
    Ok(Modules {
        side,
        dark: Zeroizing::new(dark),
    })
}
