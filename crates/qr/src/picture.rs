//! A picture's bytes -> a grey image: PNG, JPEG, WebP, GIF (first frame), BMP, TIFF (first page), PNM and SVG, known by
//! their content. Kinds that are not read are known by name.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use zeroize::{Zeroize, Zeroizing};

use super::drawing;
use crate::quiet;

/// A picture in shades of grey: row by row, 0 is black, 255 is white.
///
/// A picture of an enrolment holds the secret in plain sight, so it is wiped when dropped and cannot be printed.
pub struct Grey {
    width: usize,
    height: usize,
    luma: Vec<u8>,
}

impl Grey {
    /// Takes `width * height` bytes of luma, row by row.
    ///
    /// # Errors
    /// [`PictureError::Empty`] without a pixel, [`PictureError::TooLarge`] past the limits, [`PictureError::Damaged`]
    /// if the number of bytes is not `width * height`.
    pub fn new(width: usize, height: usize, luma: Vec<u8>) -> Result<Self, PictureError> {
        let mut luma = luma;
        let checked = check_dimensions(width as u64, height as u64).and_then(|()| {
            if luma.len() == width * height {
                Ok(())
            } else {
                Err(PictureError::Damaged)
            }
        });
        match checked {
            Ok(()) => Ok(Self {
                width,
                height,
                luma,
            }),
            Err(error) => {
                luma.zeroize();
                Err(error)
            }
        }
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The luma of all pixels, row by row.
    pub fn luma(&self) -> &[u8] {
        &self.luma
    }
}

impl Drop for Grey {
    fn drop(&mut self) {
        self.luma.zeroize();
    }
}

/// Why bytes could not be turned into a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// More bytes or pixels than [`MAX_BYTES`], [`MAX_SIDE`] and [`MAX_PIXELS`] allow.
    #[error("the picture is too large")]
    TooLarge,
    /// None of the kinds that we know.
    #[error("this is not a picture")]
    NotAPicture,
    /// A kind that is known, and not read.
    #[error("this is {}, which Couchkey cannot read", .0.name())]
    Unread(Unread),
    /// It starts like a picture, but cannot be read to its end.
    #[error("the picture is damaged")]
    Damaged,
    /// No bytes, or no pixels.
    #[error("the picture is empty")]
    Empty,
}

/// Kinds of files that show QR codes and are not read: those of photos need a decoder of video, which has had more holes
/// than all others, or a system's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// What iPhones take (HEIC, HEIF).
    Heic,
    /// AV1 Image File Format.
    Avif,
    /// JPEG XL.
    JpegXl,
    /// A document.
    Pdf,
}

impl Unread {
    fn name(self) -> &'static str {
        match self {
            Self::Heic => "a HEIC photo",
            Self::Avif => "an AVIF picture",
            Self::JpegXl => "a JPEG XL picture",
            Self::Pdf => "a PDF",
        }
    }

    /// By the first bytes. ISO/IEC 14496-12, 4.3: a length, `ftyp`, a brand, a version, more brands.
    fn of(bytes: &[u8]) -> Option<Self> {
        // ISO 32000-2, 7.5.2, and what readers tolerate before it.
        let beginning = &bytes[..bytes.len().min(1024)];
        if beginning.windows(5).any(|at| at == b"%PDF-") {
            return Some(Self::Pdf);
        }
        if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") {
            return Some(Self::JpegXl);
        }
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let rest = rest.strip_prefix(b"ftyp")?;
        let brands = rest[..rest.len().min(length.saturating_sub(8)).min(256)].chunks_exact(4);
        let has = |wanted: &[&[u8; 4]]| {
            let mut brands = brands.clone();
            brands.any(|brand| wanted.iter().any(|wanted| brand == *wanted))
        };
        if has(&[b"avif", b"avis"]) {
            Some(Self::Avif)
        } else if has(&[
            b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1",
        ]) {
            Some(Self::Heic)
        } else {
            None
        }
    }
}

impl PictureError {
    /// A stable name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "picture_too_large",
            Self::NotAPicture => "not_a_picture",
            Self::Unread(Unread::Heic) => "picture_heic",
            Self::Unread(Unread::Pdf) => "picture_pdf",
            Self::Unread(_) => "picture_unread",
            Self::Damaged => "picture_damaged",
            Self::Empty => "picture_empty",
        }
    }

    /// What the person can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TooLarge => {
                "Crop the picture to the QR code, or take a screenshot of it, and try again."
            }
            Self::NotAPicture => {
                "Choose a PNG, JPEG, WebP, GIF, BMP, TIFF or SVG file that shows the QR code."
            }
            Self::Unread(_) => {
                "Open it so that the QR code can be seen, and let Couchkey look at the screen; or take a screenshot, and use that."
            }
            Self::Damaged => "Save or copy the picture again, or take a new one.",
            Self::Empty => "Choose a picture that shows the QR code.",
        }
    }
}

/// The most bytes that a picture file may have: 64 MiB.
pub const MAX_BYTES: usize = 64 << 20;
/// The most pixels that a side may have.
pub const MAX_SIDE: u64 = 16_384;
/// The most pixels that a picture may have; half as many again as the largest screen, as many as a good camera.
pub const MAX_PIXELS: u64 = 100_000_000;
/// The most memory that a decoder may take for itself.
const MAX_DECODER_BYTES: u64 = 512 << 20;

/// Reads a picture file, whatever its name says. Transparent parts are laid over white, or over black if that
/// alone makes anything visible.
///
/// # Errors
/// [`PictureError`]; sizes are checked before any pixel is decoded.
///
/// # Security
/// The decoders meet strangers' bytes here: they run with capped memory, and a panic of theirs is caught, is not
/// printed, and means [`PictureError::Damaged`].
pub fn read_picture(bytes: &[u8]) -> Result<Grey, PictureError> {
    if bytes.is_empty() {
        return Err(PictureError::Empty);
    }
    if bytes.len() > MAX_BYTES {
        return Err(PictureError::TooLarge);
    }
    quiet::catch(|| decode(bytes)).unwrap_or(Err(PictureError::Damaged))
}

/// Whether bytes begin like a picture, of a kind that is read or of one that is known by name.
pub fn looks_like_a_picture(bytes: &[u8]) -> bool {
    known(bytes).is_some() || Unread::of(bytes).is_some() || drawing::is_svg(bytes)
}

/// The kind of picture, where it is one of those that are read.
fn known(bytes: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(bytes).ok()?;
    match format {
        ImageFormat::Png
        | ImageFormat::Jpeg
        | ImageFormat::WebP
        | ImageFormat::Gif
        | ImageFormat::Bmp
        | ImageFormat::Tiff => Some(format),
        // `P4` and a blank; a text may begin with the two.
        ImageFormat::Pnm => bytes
            .get(2)
            .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'#')
            .then_some(format),
        _ => None,
    }
}

fn decode(bytes: &[u8]) -> Result<Grey, PictureError> {
    let Some(format) = known(bytes) else {
        if let Some(unread) = Unread::of(bytes) {
            return Err(PictureError::Unread(unread));
        }
        if !drawing::is_svg(bytes) {
            return Err(PictureError::NotAPicture);
        }
        let picture = drawing::draw(bytes)?;
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        return Grey::new(width, height, to_luma(picture));
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE as u32);
    limits.max_image_height = Some(MAX_SIDE as u32);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(from_decoder)?;
    let (width, height) = decoder.dimensions();
    check_dimensions(u64::from(width), u64::from(height))?;
    if decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(PictureError::TooLarge);
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(from_decoder)?;
    if format == ImageFormat::Jpeg && !ends_like_a_jpeg(bytes) {
        return Err(PictureError::Damaged);
    }
    Grey::new(width as usize, height as usize, to_luma(picture))
}

/// Whether an end marker follows the last scan: the decoder paints the missing rest grey and calls it a picture.
fn ends_like_a_jpeg(bytes: &[u8]) -> bool {
    // T.81, B.1.1.2 and B.1.1.5: in a scan's data 0xFF is always followed by 0 or a restart marker.
    let last_scan = bytes
        .windows(2)
        .rposition(|marker| marker == [0xFF, 0xDA])
        .unwrap_or(0);
    bytes[last_scan..]
        .windows(2)
        .any(|marker| marker == [0xFF, 0xD9])
}

fn check_dimensions(width: u64, height: u64) -> Result<(), PictureError> {
    if width == 0 || height == 0 {
        return Err(PictureError::Empty);
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(PictureError::TooLarge);
    }
    Ok(())
}

fn from_decoder(error: ImageError) -> PictureError {
    match error {
        ImageError::Limits(_) => PictureError::TooLarge,
        _ => PictureError::Damaged,
    }
}

fn to_luma(picture: DynamicImage) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_luma8().into_raw();
    }
    let picture = picture.into_luma_alpha8();
    let pixels = Zeroizing::new(picture.into_raw());
    let over = |backdrop: u32| -> Vec<u8> {
        pixels
            .chunks_exact(2)
            .map(|pixel| {
                let (luma, alpha) = (u32::from(pixel[0]), u32::from(pixel[1]));
                ((luma * alpha + backdrop * (255 - alpha) + 127) / 255) as u8
            })
            .collect()
    };
    let mut luma = over(255);
    // A white code on a transparent ground, drawn for dark pages, vanishes on white.
    if luma.iter().all(|&value| value > 239) {
        luma.zeroize();
        luma = over(0);
    }
    luma
}
