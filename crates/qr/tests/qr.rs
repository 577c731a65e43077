//! QR codes there and back, and pictures that are not what they say.

use std::io::Cursor;

use couchkey_qr::{self as qr, Effort, Grey, PictureError, Unread};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, LumaA, Rgb, Rgba};
use proptest::prelude::*;

const URI: &str =
    "otpauth://totp/StreamTV:alice%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=StreamTV";

/// A code as a dark and light picture, `module` pixels a module, four modules of border.
fn drawn(text: &str, module: usize, dark: u8, light: u8) -> GrayImage {
    let code = qr::encode(text).unwrap_or_else(|error| panic!("{error}"));
    let side = ((code.side() + 8) * module) as u32;
    GrayImage::from_fn(side, side, |x, y| {
        let at = |pixel: u32| (pixel as usize / module).wrapping_sub(4);
        Luma([if code.dark(at(x), at(y)) { dark } else { light }])
    })
}

fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .into()
        .write_to(&mut bytes, format)
        .expect("the picture can be written");
    bytes.into_inner()
}

fn grey(picture: &GrayImage) -> Grey {
    Grey::new(
        picture.width() as usize,
        picture.height() as usize,
        picture.as_raw().clone(),
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

fn texts(image: &Grey, effort: Effort) -> Vec<String> {
    qr::decode(image, effort)
        .iter()
        .filter_map(|found| found.text().map(str::to_owned))
        .collect()
}

fn read(bytes: &[u8]) -> Result<Vec<String>, PictureError> {
    Ok(texts(&qr::read_picture(bytes)?, Effort::Still))
}

#[test]
fn what_was_encoded_is_read_again() {
    let long = format!("{URI}&note={}", "x".repeat(1500));
    for text in [
        URI,
        "1234567890",
        "HELLO WORLD",
        "Café Société ✓ 日本",
        "a",
        long.as_str(),
    ] {
        let picture = grey(&drawn(text, 4, 0, 255));
        for effort in [Effort::Frame, Effort::Still] {
            assert_eq!(
                texts(&picture, effort),
                [text],
                "a clean code is read whatever it says"
            );
        }
    }
}

#[test]
fn a_text_too_long_for_a_code_is_refused_and_not_quoted() {
    let Err(error) = qr::encode(&"s3cret".repeat(1000)) else {
        panic!("6,000 bytes were put into a code that holds 2,953")
    };
    assert_eq!(error.bytes, 6000, "the error says how long it was");
    assert_eq!(error.code(), "too_long_for_a_code", "the code is stable");
    assert!(
        !format!("{error:?} {error}").contains("s3cret"),
        "an error never quotes its input"
    );
}

#[test]
fn every_format_is_known_by_its_content() {
    let code = DynamicImage::from(drawn(URI, 4, 0, 255));
    let pictures = [
        file(code.clone(), ImageFormat::Png),
        file(code.clone(), ImageFormat::Jpeg),
        file(code.to_rgb8(), ImageFormat::WebP),
        file(code.to_rgba8(), ImageFormat::Gif),
        file(code.to_rgb8(), ImageFormat::Bmp),
        file(code.to_luma16(), ImageFormat::Png),
        file(code.to_rgba16(), ImageFormat::Png),
        file(code.to_luma8(), ImageFormat::Tiff),
        file(code.to_rgba8(), ImageFormat::Tiff),
        file(code.to_luma16(), ImageFormat::Tiff),
        file(code.to_luma8(), ImageFormat::Pnm),
        file(code.to_rgb8(), ImageFormat::Pnm),
        plain_bitmap(&code.to_luma8()),
        drawing(&rectangles(URI)),
        drawing(&one_path(URI, "black")),
    ];
    for bytes in pictures {
        assert!(qr::looks_like_a_picture(&bytes), "known by its first bytes");
        assert_eq!(
            read(&bytes),
            Ok(vec![URI.to_owned()]),
            "PNG, JPEG, WebP, GIF, BMP, TIFF, PNM and SVG all hold this code"
        );
    }
}

#[test]
fn transparent_parts_are_white_unless_that_hides_the_code() {
    let code = drawn(URI, 4, 0, 255);
    for (dark, light) in [
        (Rgba([0, 0, 0, 255]), Rgba([0, 0, 0, 0])),
        (Rgba([255, 255, 255, 0]), Rgba([255; 4])),
    ] {
        let picture = image::RgbaImage::from_fn(code.width(), code.height(), |x, y| {
            if code.get_pixel(x, y).0 == [0] {
                dark
            } else {
                light
            }
        });
        assert_eq!(
            read(&file(picture, ImageFormat::Png)),
            Ok(vec![URI.to_owned()]),
            "black on nothing is read on white, white on nothing on black"
        );
    }
    let half = image::GrayAlphaImage::from_fn(code.width(), code.height(), |x, y| {
        LumaA([0, 255 - code.get_pixel(x, y).0[0] / 2])
    });
    assert_eq!(
        read(&file(half, ImageFormat::Png)),
        Ok(vec![URI.to_owned()]),
        "half transparent black on white is grey"
    );
}

#[test]
fn colours_become_shades() {
    let code = drawn(URI, 4, 0, 255);
    let picture = image::RgbImage::from_fn(code.width(), code.height(), |x, y| {
        if code.get_pixel(x, y).0 == [0] {
            Rgb([0x80, 0, 0x90])
        } else {
            Rgb([0xff, 0xe0, 0x60])
        }
    });
    assert_eq!(
        read(&file(picture, ImageFormat::Png)),
        Ok(vec![URI.to_owned()]),
        "purple on yellow is dark on light"
    );
}

#[test]
fn light_on_dark_is_a_code_like_any_other() {
    for effort in [Effort::Frame, Effort::Still] {
        assert_eq!(
            texts(&grey(&drawn(URI, 3, 230, 20)), effort),
            [URI],
            "dark pages have light codes"
        );
    }
}

#[test]
fn a_mirrored_code_is_read() {
    let picture = image::imageops::flip_horizontal(&drawn(URI, 4, 0, 255));
    assert_eq!(
        texts(&grey(&picture), Effort::Still),
        [URI],
        "front cameras mirror"
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_still_a_text() {
    let bytes = b"caf\xe9 au lait, d\xe9j\xe0 vu";
    let code = qrcode::QrCode::new(bytes).expect("21 bytes fit");
    let side = code.width();
    let modules = code.to_colors();
    let picture = GrayImage::from_fn((side as u32 + 8) * 4, (side as u32 + 8) * 4, |x, y| {
        let (x, y) = (
            (x as usize / 4).wrapping_sub(4),
            (y as usize / 4).wrapping_sub(4),
        );
        let dark = x < side && y < side && modules[y * side + x] == qrcode::Color::Dark;
        Luma([if dark { 0 } else { 255 }])
    });
    assert_eq!(
        texts(&grey(&picture), Effort::Still),
        ["café au lait, déjà vu"],
        "Latin-1, as the standard says"
    );
}

#[test]
fn several_codes_come_in_reading_order_with_their_corners() {
    let mut page = GrayImage::from_pixel(900, 900, Luma([255]));
    let places = [
        ("top left", 20, 40),
        ("top right", 480, 20),
        ("below", 30, 480),
    ];
    for (text, x, y) in places {
        image::imageops::overlay(&mut page, &drawn(text, 8, 0, 255), x, y);
    }
    let found = qr::decode(&grey(&page), Effort::Still);
    let said: Vec<&str> = found.iter().filter_map(qr::Found::text).collect();
    assert_eq!(
        said,
        ["top left", "top right", "below"],
        "row by row, left to right"
    );
    for (found, (text, x, y)) in found.iter().zip(places) {
        let corners = found
            .corners
            .unwrap_or_else(|| panic!("{text} has no corners"));
        // Four modules of border, 21 or 25 modules across, 8 pixels each.
        let near = |corner: (f32, f32), x: f32, y: f32| (corner.0 - x).hypot(corner.1 - y) < 6.0;
        let side = (qr::encode(text)
            .unwrap_or_else(|error| panic!("{error}"))
            .side()
            * 8) as f32;
        let (left, top) = (x as f32 + 32.0, y as f32 + 32.0);
        assert!(
            near(corners[0], left, top),
            "{text}: the first corner is the code's top left"
        );
        assert!(
            near(corners[2], left + side, top + side),
            "{text}: the third is the bottom right"
        );
    }
}

#[test]
fn a_code_shown_twice_is_one_text() {
    let mut page = GrayImage::from_pixel(900, 500, Luma([255]));
    image::imageops::overlay(&mut page, &drawn(URI, 5, 0, 255), 20, 20);
    image::imageops::overlay(&mut page, &drawn(URI, 5, 0, 255), 460, 20);
    assert_eq!(
        texts(&grey(&page), Effort::Still),
        [URI],
        "duplicates are removed"
    );
}

#[test]
fn a_small_code_in_a_large_photograph_is_read() {
    let mut photograph = GrayImage::from_pixel(6000, 4000, Luma([200]));
    image::imageops::overlay(&mut photograph, &drawn(URI, 2, 0, 255), 3001, 1501);
    assert_eq!(
        texts(&grey(&photograph), Effort::Still),
        [URI],
        "24 megapixels, two pixels a module"
    );
}

/// The first bytes of a PNG file that claims this size, with a right checksum, and nothing after.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 6, 0, 0, 0]);
    // CRC-32 as PNG, annex D, has it.
    let crc = !chunk.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    });
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\r".to_vec(),
        chunk,
        crc.to_be_bytes().to_vec(),
        b"\0\0\0\0IDAT".to_vec(),
    ]
    .concat()
}

fn refusal(bytes: &[u8]) -> PictureError {
    match qr::read_picture(bytes) {
        Ok(_) => panic!("this was taken for a picture"),
        Err(error) => error,
    }
}

#[test]
fn a_header_that_claims_gigabytes_is_refused_before_anything_is_decoded() {
    for (width, height) in [
        (30_000, 30_000),
        (16_385, 1),
        (1, 16_385),
        (10_001, 10_000),
        (i32::MAX as u32, i32::MAX as u32),
    ] {
        assert_eq!(
            refusal(&png_header(width, height)),
            PictureError::TooLarge,
            "{width} x {height} is past the limits"
        );
    }
    let mut bitmap = file(GrayImage::new(1, 1), ImageFormat::Bmp);
    bitmap[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    bitmap[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    assert_eq!(
        refusal(&bitmap),
        PictureError::TooLarge,
        "a BMP header can lie as well"
    );
    let mut gif = file(
        DynamicImage::from(drawn(URI, 4, 0, 255)).to_rgba8(),
        ImageFormat::Gif,
    );
    gif[6..10].fill(0xff);
    assert_eq!(refusal(&gif), PictureError::TooLarge, "65,535 x 65,535");
    let mut tiff = file(GrayImage::new(1, 1), ImageFormat::Tiff);
    for tag in [[0x00, 0x01], [0x01, 0x01]] {
        // ImageWidth and ImageLength, one LONG each: TIFF 6.0, section 8.
        let entry = [&tag[..], &[4, 0, 1, 0, 0, 0]].concat();
        let at = tiff.windows(8).position(|bytes| bytes == entry);
        let at = at.expect("the tag is there") + 8;
        tiff[at..at + 4].copy_from_slice(&60_000u32.to_le_bytes());
    }
    assert_eq!(refusal(&tiff), PictureError::TooLarge, "a TIFF too");
    for header in [
        "P5 60000 60000 255\n",
        "P1\n60000 60000\n",
        "P6 1 4294967295 255\n",
    ] {
        let refused = refusal(header.as_bytes());
        assert!(
            matches!(refused, PictureError::TooLarge | PictureError::Damaged),
            "{header}: {refused}"
        );
    }
    assert_eq!(
        refusal(&vec![b'x'; qr::MAX_BYTES + 1]),
        PictureError::TooLarge,
        "more bytes than any picture has"
    );
}

#[test]
fn what_is_no_picture_is_called_that() {
    for bytes in [
        &b"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"[..],
        b"<html><svg xmlns='http://www.w3.org/2000/svg'/></html>",
        b"<!-- <svg> -->",
        b"P6-P7 are cameras",
        b"\0",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    ] {
        assert!(!qr::looks_like_a_picture(bytes), "it is none");
        assert_eq!(
            refusal(bytes),
            PictureError::NotAPicture,
            "no format that is known"
        );
    }
    assert_eq!(refusal(b""), PictureError::Empty, "a file without a byte");
}

#[test]
fn a_damaged_picture_is_called_that() {
    let code = drawn(URI, 4, 0, 255);
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Tiff,
        ImageFormat::Pnm,
    ] {
        let bytes = file(DynamicImage::from(code.clone()).to_rgb8(), format);
        assert_eq!(
            refusal(&bytes[..bytes.len() / 8]),
            PictureError::Damaged,
            "{format:?}, seven eighths missing"
        );
    }
    let no_frame = b"GIF89a\x10\0\x10\0\0\0\0;";
    assert_eq!(
        refusal(no_frame),
        PictureError::Damaged,
        "a GIF of 16 x 16 without any frame"
    );
    assert_eq!(
        refusal(&png_header(100, 100)),
        PictureError::Damaged,
        "a PNG that ends after its header"
    );
}

#[test]
fn an_image_of_another_size_than_it_says_is_refused() {
    let refused = |width, height, bytes: usize| match Grey::new(width, height, vec![0; bytes]) {
        Ok(_) => panic!("{width} x {height} is not {bytes}"),
        Err(error) => error,
    };
    assert_eq!(refused(0, 10, 0), PictureError::Empty, "no pixel");
    assert_eq!(refused(10, 10, 99), PictureError::Damaged, "one byte short");
    assert_eq!(
        refused(10, 10, 101),
        PictureError::Damaged,
        "one byte too many"
    );
    assert_eq!(
        refused(usize::MAX, usize::MAX, 1),
        PictureError::TooLarge,
        "no overflow"
    );
}

#[test]
fn every_refusal_has_a_name_and_a_cure() {
    let all = [
        PictureError::TooLarge,
        PictureError::NotAPicture,
        PictureError::Damaged,
        PictureError::Empty,
        PictureError::Unread(Unread::Heic),
        PictureError::Unread(Unread::Pdf),
        PictureError::Unread(Unread::Avif),
    ];
    let codes = all.map(PictureError::code);
    assert_eq!(
        codes,
        [
            "picture_too_large",
            "not_a_picture",
            "picture_damaged",
            "picture_empty",
            "picture_heic",
            "picture_pdf",
            "picture_unread",
        ],
        "codes are stable"
    );
    assert!(
        all.iter().all(|error| error.hint().ends_with('.')),
        "a cure is a sentence"
    );
}

#[test]
fn images_without_a_code_say_nothing() {
    for (width, height) in [
        (1, 1),
        (1, 500),
        (500, 1),
        (2, 2),
        (3, 3),
        (7, 7),
        (21, 21),
        (640, 480),
    ] {
        for shade in [0, 128, 255] {
            let image = grey(&GrayImage::from_pixel(width, height, Luma([shade])));
            for effort in [Effort::Frame, Effort::Still] {
                assert!(
                    texts(&image, effort).is_empty(),
                    "{width} x {height} of {shade} is blank"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_neither_panics_nor_says_anything(
        width in 1usize..90, height in 1usize..90, coarse in 1usize..5, bytes in prop::collection::vec(any::<u8>(), 8100)
    ) {
        let luma = (0..width * height)
            .map(|at| bytes[(at / width / coarse) * 90 + at % width / coarse])
            .map(|byte| if coarse > 2 { (byte & 1) * 255 } else { byte })
            .collect();
        let image = Grey::new(width, height, luma).unwrap_or_else(|error| panic!("{error}"));
        prop_assert!(texts(&image, Effort::Still).is_empty(), "chance does not write codes");
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0usize..2000, value: u8, end in 0usize..3000, format in 0usize..5) {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp];
        let mut bytes = file(DynamicImage::from(drawn("x", 2, 0, 255)).to_rgb8(), formats[format]);
        let at = at % bytes.len();
        bytes[at] = value;
        bytes.truncate(end.max(1));
        if let Ok(texts) = read(&bytes) {
            prop_assert!(texts.iter().all(|text| text == "x"), "a broken picture may be read, but only rightly");
        }
    }

    #[test]
    fn hurt_codes_are_read_rightly_or_not_at_all(seed: u64, hurt in 1usize..400) {
        let mut picture = drawn("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP", 4, 0, 255);
        let mut state = seed | 1;
        for _ in 0..hurt {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (x, y) = ((state >> 40) as u32 % (picture.width() / 4), (state >> 20) as u32 % (picture.height() / 4));
            for pixel in 0..16 {
                let (x, y) = (x * 4 + pixel % 4, y * 4 + pixel / 4);
                picture.put_pixel(x, y, Luma([255 - picture.get_pixel(x, y).0[0]]));
            }
        }
        for text in texts(&grey(&picture), Effort::Still) {
            prop_assert_eq!(text, "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP", "error correction must not invent");
        }
    }
}

/// A bitmap in PNM's oldest form, in figures: 1 is dark.
fn plain_bitmap(picture: &GrayImage) -> Vec<u8> {
    let mut text = format!(
        "P1\n# a comment\n{} {}\n",
        picture.width(),
        picture.height()
    );
    for row in picture.rows() {
        text.extend(row.map(|pixel| if pixel.0[0] < 128 { '1' } else { '0' }));
        text.push('\n');
    }
    text.into_bytes()
}

/// An SVG file of a code's size with this in it, as programs write it: a declaration, a comment, a document type.
fn drawing(inside: &str) -> Vec<u8> {
    let side = qr::encode(URI).map_or(0, |code| code.side()) + 8;
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- by hand <svg> -->\n<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \
         \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n<svg xmlns=\"http://www.w3.org/2000/svg\" \
         xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 {side} {side}\">{inside}</svg>\n"
    )
    .into_bytes()
}

fn dark_modules(text: &str) -> Vec<(usize, usize)> {
    let code = qr::encode(text).unwrap_or_else(|error| panic!("{error}"));
    let all = (0..code.side() * code.side()).map(|at| (at % code.side(), at / code.side()));
    let dark = all.filter(|&(x, y)| code.dark(x, y));
    dark.map(|(x, y)| (x + 4, y + 4)).collect()
}

/// A rectangle for each module: qrencode and many others.
fn rectangles(text: &str) -> String {
    let modules = dark_modules(text).into_iter();
    let modules: String = modules
        .map(|(x, y)| format!("<rect x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\"/>"))
        .collect();
    format!("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><g fill=\"#000\">{modules}</g>")
}

/// One path for all: segno and the codes of many web pages, on no ground at all.
fn one_path(text: &str, colour: &str) -> String {
    let modules = dark_modules(text).into_iter();
    let path: String = modules.map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect();
    format!("<path fill=\"{colour}\" d=\"{path}\"/>")
}

#[test]
fn svg_pictures_are_drawn_in_every_way_that_codes_are_drawn() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors/pictures/qrencode.svg");
    let reported = std::fs::read(path).expect("the picture is there");
    let texts = read(&reported).expect("qrencode's drawing is read");
    let [text] = texts.as_slice() else {
        panic!("one code instead of {}", texts.len())
    };
    assert!(text.starts_with("otpauth://totp/"), "it enrols");

    let one = |inside: String| {
        assert_eq!(
            read(&drawing(&inside)),
            Ok(vec![URI.to_owned()]),
            "{}",
            &inside[..120]
        )
    };
    // As a web page with a dark background has it.
    one(one_path(URI, "white"));
    // A module is drawn once and used for each.
    let used: String = dark_modules(URI)
        .iter()
        .map(|(x, y)| format!("<use xlink:href='#m' x='{x}' y='{y}'/>"))
        .collect();
    one(format!(
        "<defs><rect id='m' width='1' height='1'/></defs>{used}"
    ));
    // By classes, with a gradient behind a clipping path of circles: what libraries for styled codes write.
    let dots: String = dark_modules(URI)
        .iter()
        .map(|(x, y)| format!("<circle cx='{x}.5' cy='{y}.5' r='.5'/>"))
        .collect();
    one(format!(
        "<defs><clipPath id='dots'>{dots}</clipPath><linearGradient id='g'><stop stop-color='#102060'/><stop offset='1' \
         stop-color='#601020'/></linearGradient></defs><rect width='99' height='99' fill='#fff'/><rect width='99' height='99' \
         fill=\"url('#g')\" clip-path=\"url('#dots')\"/>"
    ));
    // From drawing programs: a shadow, a mask, a filter and a picture beside it, which are left out.
    one(format!(
        "<style>.a{{fill:#000}}</style><defs><filter id='shadow'><feTurbulence numOctaves='900'/></filter><mask id='m'><rect \
         width='9' height='9' fill='#fff'/></mask></defs><image href='file:///etc/passwd' width='9' height='9'/><g \
         filter='url(#shadow)' mask='url(#m)' style='filter:url(#shadow)'>{}</g>",
        one_path(URI, "").replace("fill=\"\"", "class='a'")
    ));
    // The largest code there is, a rectangle a module.
    let long = "x".repeat(2900);
    let modules = rectangles(&long);
    let largest = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 185 185' width='1cm'>{modules}</svg>"
    );
    assert_eq!(read(largest.as_bytes()), Ok(vec![long]), "177 modules");
    let empty = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    assert_eq!(
        read(empty),
        Ok(Vec::new()),
        "a drawing of nothing has no code"
    );
}

#[test]
fn a_drawing_that_grows_or_takes_for_ever_is_refused_before_it_is_drawn() {
    let doubled = |how: &dyn Fn(usize) -> String| -> String { (1..40).map(how).collect() };
    let uses = doubled(&|n| {
        format!(
            "<g id='a{n}'><use href='#a{0}'/><use href='#a{0}'/></g>",
            n - 1
        )
    });
    let clips = doubled(&|n| {
        format!(
            "<clipPath id='c{n}'><rect clip-path='url(#c{0})' width='9' height='9'/><rect style=\"clip-path: url( '#c{0}' )\" \
             width='9' height='9'/></clipPath>",
            n - 1
        )
    });
    let long = "h1v1".repeat(200_000);
    let zigzag = "L0 0L9 37".repeat(400_000);
    let full = "<rect width='100%' height='100%' fill-opacity='.5'/>".repeat(20_000);
    let layers = |n: usize| {
        let layer = "<g opacity='.5'><rect width='9' height='9'/>";
        format!("{}{}", layer.repeat(n), "</g>".repeat(n))
    };
    let many = "<use href='#p'/>".repeat(10_000);
    let entity = |value: &str, uses: usize| {
        let mut file = format!(
            "<!DOCTYPE svg [<!ENTITY a \"{value}\">]><svg xmlns='http://www.w3.org/2000/svg'><desc>"
        );
        file.push_str(&"&a;".repeat(uses));
        file.push_str("</desc></svg>");
        file.into_bytes()
    };
    for (what, file) in [
        (
            "use in use",
            drawing(&format!("<rect id='a0'/>{uses}<use href='#a39'/>")),
        ),
        ("a use of itself", drawing("<g id='a'><use href='#a'/></g>")),
        (
            "clips in clips",
            drawing(&format!(
                "<clipPath id='c0'/>{clips}<rect clip-path='url(#c39)'/>"
            )),
        ),
        (
            "a long path used often",
            drawing(&format!("<path id='p' d='M0 0{long}'/>{many}")),
        ),
        (
            "lines over everything",
            drawing(&format!("<path d='M0 0{zigzag}'/>")),
        ),
        ("layers of paint", drawing(&full)),
        ("groups drawn apart", drawing(&layers(20))),
        (
            "groups in groups",
            drawing(&format!(
                "{}{}",
                "<g>".repeat(100_000),
                "</g>".repeat(100_000)
            )),
        ),
        (
            "rules for everything",
            drawing("<style>*{clip-path:url(#a)}</style>"),
        ),
        (
            "many rules",
            drawing(&format!(
                "<style>{}</style>{}",
                "a b{fill:red}".repeat(40_000),
                "<g/>".repeat(4_000)
            )),
        ),
        ("an entity used often", entity(&"x".repeat(1000), 100_000)),
        ("entities in entities", entity("&b;&b;", 1)),
        ("more than a drawing is", drawing(&" ".repeat(17 << 20))),
        (
            "dashes",
            drawing(&"<path d='M0 0h9' stroke='#000' stroke-dasharray='.001'/>".repeat(9)),
        ),
    ] {
        let refused = qr::read_picture(&file).err();
        assert_eq!(refused, Some(PictureError::TooLarge), "{what}");
    }
    let cut_short = b"<svg xmlns='http://www.w3.org/2000/svg'><g>";
    assert_eq!(refusal(cut_short), PictureError::Damaged, "cut short");
}

#[test]
fn photos_and_documents_that_are_not_read_are_named_with_the_cure() {
    let ftyp = |brands: &[&[u8; 4]]| {
        let length = 8 + 4 + 4 + 4 * brands[1..].len() as u32;
        let mut file = length.to_be_bytes().to_vec();
        file.extend(b"ftyp");
        file.extend(brands[0]);
        file.extend([0; 4]);
        file.extend(brands[1..].iter().flat_map(|brand| brand.iter()));
        file.extend(b"\0\0\0\x08mdat");
        file
    };
    for (file, unread, name) in [
        (
            ftyp(&[b"heic", b"mif1", b"heic"]),
            Unread::Heic,
            "a HEIC photo",
        ),
        (
            ftyp(&[b"mif1", b"heic", b"miaf"]),
            Unread::Heic,
            "a HEIC photo",
        ),
        (
            ftyp(&[b"avif", b"mif1", b"miaf"]),
            Unread::Avif,
            "an AVIF picture",
        ),
        (ftyp(&[b"mif1", b"avif"]), Unread::Avif, "an AVIF picture"),
        (
            b"\xff\x0a\0\0".to_vec(),
            Unread::JpegXl,
            "a JPEG XL picture",
        ),
        (b"%PDF-1.7\n".to_vec(), Unread::Pdf, "a PDF"),
        (b"\r\n%PDF-1.7\n".to_vec(), Unread::Pdf, "a PDF"),
    ] {
        assert!(qr::looks_like_a_picture(&file), "{name} is no text");
        let error = refusal(&file);
        assert_eq!(error, PictureError::Unread(unread), "{name}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(
            error.hint().contains("screenshot") && error.hint().contains("look at the screen"),
            "{name}: {}",
            error.hint()
        );
    }
}
