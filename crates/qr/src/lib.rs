//! QR codes: a grey image -> the texts in it; a text -> the modules of a code.
//!
//! [`read_picture`] turns a file into a [`Grey`] image, [`decode`] finds the codes in it, [`encode`] draws one. Nothing
//! of Couchkey's is below this crate, so it can be read, measured and used by itself. It knows no files, clock or
//! network; its one global is the panic hook of [`quiet`], which keeps other people's decoders silent.
//!
//! ```
//! use couchkey_qr::{Effort, Grey, decode, encode};
//!
//! let code = encode("a text").expect("it is short");
//! // Four pixels a module, and the border of four modules that a reader needs.
//! let side = (code.side() + 8) * 4;
//! let luma = (0..side * side).map(|at| {
//!     let (x, y) = ((at % side / 4).wrapping_sub(4), (at / side / 4).wrapping_sub(4));
//!     if code.dark(x, y) { 0 } else { 255 }
//! });
//! let picture = Grey::new(side, side, luma.collect()).expect("a small picture");
//! let found = decode(&picture, Effort::Still);
//! assert_eq!(found[0].text(), Some("a text"));
//! ```
//!
//! # Reading the crate
//!
//! `ladder.rs` says what is tried and in which order, `grid.rs` is the reader of ours, `append.rs` joins a text that is
//! spread over several codes.
#![forbid(unsafe_code)]

mod append;
mod drawing;
mod grid;
mod ladder;
mod picture;
mod pixels;
pub mod quiet;
mod rings;
mod symbol;

use zeroize::Zeroizing;

pub use append::{Part, Parts, PartsDiffer, Progress, Said, WholeId};
pub use picture::{
    Grey, MAX_BYTES, MAX_PIXELS, MAX_SIDE, PictureError, Unread, looks_like_a_picture, read_picture,
};

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
    pub said: Said,
    /// Its corners in pixels of the image: the code's own top left first, then clockwise as it is meant to be read.
    pub corners: Option<[(f32, f32); 4]>,
}

impl Found {
    /// Its text, if it is one of its own.
    pub fn text(&self) -> Option<&str> {
        match &self.said {
            Said::Whole(text) => Some(text),
            Said::Part(_) => None,
        }
    }

    /// Of which text it is a part.
    pub fn whole(&self) -> Option<WholeId> {
        match &self.said {
            Said::Whole(_) => None,
            Said::Part(part) => Some(part.whole()),
        }
    }
}

/// All QR codes in the image that say different things, in reading order (rows from the top, left to right).
///
/// Dark on light and light on dark, at any angle, with or without a border. An image without a code gives nothing.
pub fn decode(image: &Grey, effort: Effort) -> Vec<Found> {
    ladder::climb(image, effort)
}

/// What the QR codes of one picture say.
#[derive(Default)]
pub struct Pictured {
    /// The texts. One that is spread over the QR codes of several pictures is among those of each.
    pub texts: Vec<Zeroizing<String>>,
    /// There is a part of a text in it whose other parts are in none of the pictures.
    pub part_missing: bool,
}

/// What the QR codes in each of several pictures of one page say; nothing where it is no picture. A text that is spread
/// over several codes is said by each picture that holds a part of it, wherever on the page the others are.
pub fn read_page(pictures: &[&[u8]]) -> Vec<Pictured> {
    let mut parts = Parts::default();
    let mut pages = Vec::new();
    for bytes in pictures {
        let (mut texts, mut of_parts) = (Vec::new(), Vec::new());
        if let Ok(picture) = read_picture(bytes) {
            for found in decode(&picture, Effort::Still) {
                match found.said {
                    Said::Whole(text) => texts.push(text),
                    Said::Part(part) => of_parts.push(parts.keep(part)),
                }
            }
        }
        pages.push((texts, of_parts));
    }
    let pictured = |(mut texts, of_parts): (Vec<_>, Vec<_>)| {
        let joined: Vec<_> = of_parts.iter().map(|whole| parts.text(*whole)).collect();
        let part_missing = joined.iter().any(Option::is_none);
        texts.extend(joined.into_iter().flatten());
        Pictured {
            texts,
            part_missing,
        }
    };
    pages.into_iter().map(pictured).collect()
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
