//! Pictures of QR codes in the style of real use, drawn from a seed: the same seed gives the same picture.

use std::f64::consts::TAU;

use couchkey_qr as qr;

/// One picture and what it says.
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Row by row; 0 is black.
    pub luma: Vec<u8>,
    /// The texts of its codes, in reading order.
    pub texts: Vec<String>,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A web page with a code.
    Plain,
    /// A small code on a 4K screen.
    Screen4k,
    /// A photograph out of focus, or of a moving hand.
    Blur,
    /// A photograph in the dark.
    Noise,
    /// A lamp mirrored in the screen.
    Glare,
    /// Light modules on dark.
    Inverted,
    /// No border at all, on any ground.
    NoBorder,
    /// Saved as a small JPEG.
    Jpeg,
    /// A logo in the middle.
    Logo,
    /// Grey on grey.
    LowContrast,
    /// A large code with many accounts.
    Migration,
    /// A page with two to six codes.
    Several,
    /// Several codes, some light on dark, some blurred, of different sizes.
    Mixed,
    /// Seen from the side.
    Perspective,
    /// Turned by any angle.
    Rotated,
    /// Dots, round corners, colours.
    Styled,
    /// A photograph of a television across the room.
    Tv,
    /// The television's pixels against the camera's.
    Moire,
    /// On a mug or a bent sheet.
    Curved,
    /// No code: pages, noise, stripes, checkerboards, finder patterns alone.
    Nothing,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 20] = [
        Kind::Plain,
        Kind::Screen4k,
        Kind::Blur,
        Kind::Noise,
        Kind::Glare,
        Kind::Inverted,
        Kind::NoBorder,
        Kind::Jpeg,
        Kind::Logo,
        Kind::LowContrast,
        Kind::Migration,
        Kind::Several,
        Kind::Mixed,
        Kind::Perspective,
        Kind::Rotated,
        Kind::Styled,
        Kind::Tv,
        Kind::Moire,
        Kind::Curved,
        Kind::Nothing,
    ];
}

/// Draws picture number `seed` of a kind.
pub fn draw(kind: Kind, seed: u64) -> Picture {
    draw_with(
        kind,
        &mut Dice::new(seed.wrapping_mul(1000).wrapping_add(kind as u64)),
    )
}

/// The same, and every code of it says `text` ([`Kind::Migration`] and [`Kind::Nothing`] keep to what they are).
pub fn draw_saying(kind: Kind, seed: u64, text: &str) -> Picture {
    let mut dice = Dice::new(seed.wrapping_mul(1000).wrapping_add(kind as u64));
    dice.says = Some(text.to_owned());
    draw_with(kind, &mut dice)
}

/// A text over several symbols (structured append, ISO/IEC 18004:2015, clause 8), one picture each. `parity` stands in
/// them in place of the right one, if it is given.
///
/// # Panics
/// When a part is longer than 80 bytes, or there are more than 16.
pub fn appended(text: &str, of: usize, parity: Option<u8>) -> Vec<Picture> {
    let right = text.bytes().fold(0, |parity, byte| parity ^ byte);
    let parity = parity.unwrap_or(right);
    // Anywhere, also in the middle of a character.
    let length = text.len().div_ceil(of);
    let of = text.len().div_ceil(length);
    let parts = text.as_bytes().chunks(length);
    let symbols = parts.enumerate().map(|(index, part)| {
        let bits = format!(
            "0011{index:04b}{:04b}{parity:08b}0100{:08b}",
            of - 1,
            part.len()
        );
        let bits: String = part
            .iter()
            .fold(bits, |bits, byte| format!("{bits}{byte:08b}"));
        // The end, and four bits to a whole byte.
        appended_symbol(&format!("{bits}00000000"), text)
    });
    symbols.collect()
}

/// A symbol of version 5 (37 modules, 86 bytes) with these bits.
fn appended_symbol(bits: &str, text: &str) -> Picture {
    use qrcode::{Color, EcLevel, Version, canvas::Canvas, ec};

    const BYTES: usize = 86;
    let byte = |bits: &[u8]| bits.iter().fold(0, |byte, &bit| byte * 2 + (bit - b'0'));
    let mut bytes: Vec<u8> = bits.as_bytes().chunks_exact(8).map(byte).collect();
    assert!(
        bits.len().is_multiple_of(8) && bytes.len() <= BYTES,
        "whole bytes, and not too many"
    );
    let padding = [0xec, 0x11].into_iter().cycle();
    bytes.extend(padding.take(BYTES - bytes.len()));
    let version = Version::Normal(5);
    let (data, check) = ec::construct_codewords(&bytes, version, EcLevel::M).expect("86 bytes");
    let mut canvas = Canvas::new(version, EcLevel::M);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(&data, &check);
    let modules = canvas.apply_best_mask().into_colors();
    let (side, scale) = (37_usize, 4_usize);
    let width = (side + 8) * scale;
    let luma = (0..width * width).map(|at| {
        let (x, y) = (
            (at % width / scale).wrapping_sub(4),
            (at / width / scale).wrapping_sub(4),
        );
        let dark = x < side && y < side && modules[y * side + x] == Color::Dark;
        if dark { 0 } else { 255 }
    });
    Picture {
        width,
        height: width,
        luma: luma.collect(),
        texts: vec![text.to_owned()],
    }
}

/// Pictures side by side, all of the same height.
///
/// # Panics
/// When they are not.
pub fn beside(pictures: &[Picture]) -> Picture {
    let height = pictures[0].height;
    assert!(
        pictures.iter().all(|picture| picture.height == height),
        "the same height"
    );
    let row = |y: usize| {
        pictures
            .iter()
            .flat_map(move |p| &p.luma[y * p.width..][..p.width])
    };
    Picture {
        width: pictures.iter().map(|picture| picture.width).sum(),
        height,
        luma: (0..height).flat_map(row).copied().collect(),
        texts: pictures
            .iter()
            .flat_map(|picture| picture.texts.clone())
            .collect(),
    }
}

/// The picture as a PNG file.
///
/// # Panics
/// When it has no pixels.
pub fn png(picture: &Picture) -> Vec<u8> {
    use image::ImageEncoder as _;
    let (width, height) = (picture.width as u32, picture.height as u32);
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file)
        .write_image(&picture.luma, width, height, image::ExtendedColorType::L8)
        .expect("a picture of that size");
    file
}

/// The beginning of a PNG file that claims to be this large, and ends there.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(&chunk);
    file.extend(crc32fast::hash(&chunk).to_be_bytes());
    file
}

fn draw_with(kind: Kind, dice: &mut Dice) -> Picture {
    match kind {
        Kind::Plain => plain(dice),
        Kind::Screen4k => screen_4k(dice),
        Kind::Blur => blur(dice),
        Kind::Noise => noise(dice),
        Kind::Glare => glare(dice),
        Kind::Inverted => inverted(dice),
        Kind::NoBorder => no_border(dice),
        Kind::Jpeg => jpeg(dice),
        Kind::Logo => logo(dice),
        Kind::LowContrast => low_contrast(dice),
        Kind::Migration => migration(dice),
        Kind::Several => several(dice),
        Kind::Mixed => mixed(dice),
        Kind::Perspective => perspective(dice),
        Kind::Rotated => rotated(dice),
        Kind::Styled => styled(dice),
        Kind::Tv => television(dice, false),
        Kind::Moire => television(dice, true),
        Kind::Curved => curved(dice),
        Kind::Nothing => nothing(dice),
    }
}

fn plain(dice: &mut Dice) -> Picture {
    let mut canvas = page(dice, 1280, 800);
    let text = enrolment(dice);
    let card = Card::new(dice, &text);
    let side = dice.between(140.0, 420.0);
    let (x, y) = (dice.between(40.0, 800.0), dice.between(40.0, 370.0));
    canvas.paste(&card, square(x, y, side));
    canvas.finish(vec![text])
}

fn screen_4k(dice: &mut Dice) -> Picture {
    let mut canvas = page(dice, 3840, 2160);
    let text = enrolment(dice);
    let mut card = Card::new(dice, &text);
    card.border = dice.between(1.0, 4.0);
    let side = (card.across() * dice.between(1.4, 5.0)).round();
    let (x, y) = (
        dice.between(20.0, 3500.0).round(),
        dice.between(20.0, 1850.0).round(),
    );
    canvas.paste(&card, square(x, y, side));
    if dice.one_in(3) {
        // A screenshot sent through a chat is scaled down.
        canvas = canvas.scaled(dice.between(0.7, 0.95));
    }
    canvas.finish(vec![text])
}

fn blur(dice: &mut Dice) -> Picture {
    let (mut canvas, text, module) = photograph(dice, 0.03);
    if dice.one_in(3) {
        canvas.smear(dice.between(0.5, 3.0) * module, dice.between(0.0, TAU));
    } else {
        canvas.soften(dice.between(0.3, 1.1) * module);
    }
    canvas.grain(dice, 2.0);
    canvas.finish(vec![text])
}

fn noise(dice: &mut Dice) -> Picture {
    let (mut canvas, text, _) = photograph(dice, 0.03);
    canvas.tone(dice.between(0.3, 0.9), dice.between(0.0, 40.0));
    canvas.soften(dice.between(0.4, 1.0));
    let grain = dice.between(10.0, 90.0);
    canvas.grain(dice, grain);
    canvas.finish(vec![text])
}

fn glare(dice: &mut Dice) -> Picture {
    let (mut canvas, text, module) = photograph(dice, 0.05);
    let (x, y) = (dice.between(560.0, 720.0), dice.between(280.0, 440.0));
    let strength = dice.between(150.0, 700.0);
    canvas.lamp(
        x,
        y,
        dice.between(3.0, 10.0) * module,
        dice.between(2.0, 7.0) * module,
        strength,
    );
    canvas.grain(dice, 3.0);
    canvas.finish(vec![text])
}

fn inverted(dice: &mut Dice) -> Picture {
    let mut canvas = dark_page(dice, 1280, 800);
    let text = enrolment(dice);
    let mut card = Card::new(dice, &text);
    card.dark = dice.between(170.0, 255.0);
    card.light = dice.between(0.0, 45.0);
    card.border = if dice.one_in(2) {
        dice.between(0.5, 4.0)
    } else {
        0.0
    };
    let side = dice.between(150.0, 420.0);
    let (x, y) = (dice.between(40.0, 800.0), dice.between(40.0, 370.0));
    canvas.paste(&card, square(x, y, side));
    canvas.finish(vec![text])
}

fn no_border(dice: &mut Dice) -> Picture {
    let ground = dice.between(0.0, 255.0);
    let (width, height) = (900, 700);
    let text = enrolment(dice);
    let mut card = Card::new(dice, &text);
    card.border = 0.0;
    card.dark = dice.between(0.0, 60.0);
    card.light = dice.between(200.0, 255.0);
    let side = dice.between(180.0, 460.0);
    if dice.one_in(3) {
        // Cut out to the very edge.
        let side = side.round();
        let mut canvas = Canvas::new(side as usize, side as usize, ground);
        canvas.paste(&card, square(0.0, 0.0, side));
        return canvas.finish(vec![text]);
    }
    let mut canvas = Canvas::new(width, height, ground);
    let (x, y) = (dice.between(30.0, 400.0), dice.between(30.0, 220.0));
    canvas.paste(&card, square(x, y, side));
    if dice.one_in(2) {
        canvas.soften(0.8);
        canvas.grain(dice, 3.0);
    }
    canvas.finish(vec![text])
}

fn jpeg(dice: &mut Dice) -> Picture {
    let (mut canvas, text, _) = photograph(dice, 0.03);
    canvas = canvas.scaled(dice.between(0.25, 1.0));
    let quality = dice.between(5.0, 45.0) as u8;
    canvas.through_jpeg(quality).finish(vec![text])
}

fn logo(dice: &mut Dice) -> Picture {
    let text = enrolment(dice);
    let mut card = Card::with_level(dice, &text, &['M', 'Q', 'H']);
    let share = match card.level {
        'M' => dice.between(0.10, 0.20),
        'Q' => dice.between(0.15, 0.26),
        _ => dice.between(0.18, 0.30),
    };
    card.logo = Some((
        share * card.side as f64,
        dice.between(80.0, 200.0),
        dice.one_in(2),
    ));
    let side = (card.across() * dice.between(4.0, 10.0)).round();
    let mut canvas = Canvas::new(side as usize, side as usize, 255.0);
    canvas.paste(&card, square(0.0, 0.0, side));
    canvas.finish(vec![text])
}

fn low_contrast(dice: &mut Dice) -> Picture {
    let (mut canvas, text, _) = photograph(dice, 0.03);
    canvas.tone(dice.between(0.02, 0.2), dice.between(5.0, 150.0));
    if dice.one_in(2) {
        canvas.slope(dice.between(0.0, TAU), dice.between(20.0, 90.0));
    }
    canvas.grain(dice, 1.0);
    canvas.finish(vec![text])
}

fn migration(dice: &mut Dice) -> Picture {
    let mut canvas = page(dice, 1440, 1400);
    let text = batch(dice);
    let mut card = Card::with_level(dice, &text, &['L', 'M']);
    card.border = dice.between(2.0, 4.0);
    let side = card.across() * dice.between(2.6, 8.0);
    let side = side.min(1200.0);
    let (x, y) = (
        dice.between(20.0, 1420.0 - side),
        dice.between(40.0, 1380.0 - side),
    );
    if dice.one_in(2) {
        canvas.paste(&card, square(x, y, side));
    } else {
        let corners = lean(
            dice,
            x + side / 2.0,
            y + side / 2.0,
            side * 0.96,
            0.03,
            0.05,
        );
        canvas.paste(&card, corners);
        canvas.soften(dice.between(0.4, 1.1));
        canvas.grain(dice, 4.0);
    }
    canvas.finish(vec![text])
}

fn several(dice: &mut Dice) -> Picture {
    let mut canvas = page(dice, 1600, 1200);
    let mut texts = Vec::new();
    let count = 2 + dice.below(5);
    for at in 0..count {
        let text = enrolment(dice);
        let card = Card::new(dice, &text);
        let side = dice.between(200.0, 400.0);
        let (x, y) = (
            (at % 3) as f64 * 520.0 + 40.0,
            (at / 3) as f64 * 580.0 + 60.0,
        );
        canvas.paste(&card, square(x + dice.between(0.0, 60.0), y, side));
        texts.push(text);
    }
    canvas.finish(texts)
}

fn mixed(dice: &mut Dice) -> Picture {
    let mut canvas = page(dice, 1600, 1200);
    let mut texts = Vec::new();
    let count = 2 + dice.below(3);
    for at in 0..count {
        let text = enrolment(dice);
        let mut card = Card::new(dice, &text);
        let side = dice.between(160.0, 460.0);
        let (x, y) = (
            (at % 2) as f64 * 760.0 + 380.0,
            (at / 2) as f64 * 580.0 + 300.0,
        );
        match dice.below(4) {
            0 => {
                card.dark = 240.0;
                card.light = 25.0;
            }
            1 => {
                card.dark = dice.between(90.0, 120.0);
                card.light = dice.between(150.0, 190.0);
            }
            2 => card.soft = dice.between(0.2, 0.5),
            _ => {}
        }
        canvas.paste(&card, lean(dice, x, y, side, 0.1, 0.2));
        texts.push(text);
    }
    canvas.finish(texts)
}

fn perspective(dice: &mut Dice) -> Picture {
    let lean = dice.between(0.08, 0.34);
    let (mut canvas, text, _) = photograph(dice, lean);
    canvas.soften(dice.between(0.3, 0.9));
    canvas.grain(dice, 3.0);
    canvas.finish(vec![text])
}

fn rotated(dice: &mut Dice) -> Picture {
    let text = enrolment(dice);
    let card = Card::new(dice, &text);
    let mut canvas = ground(dice, 1280, 720);
    let side = dice.between(180.0, 480.0);
    let turn = dice.between(0.0, TAU);
    canvas.paste(&card, turned(640.0, 360.0, side, turn));
    canvas.soften(dice.between(0.3, 0.8));
    canvas.grain(dice, 3.0);
    canvas.finish(vec![text])
}

fn styled(dice: &mut Dice) -> Picture {
    let text = enrolment(dice);
    let mut card = Card::with_level(dice, &text, &['M', 'Q', 'H']);
    card.dot = match dice.below(3) {
        0 => Some(dice.between(0.34, 0.5)),
        1 => Some(dice.between(0.5, 0.62)),
        _ => None,
    };
    card.round_finders = dice.one_in(2);
    card.dark = dice.between(0.0, 110.0);
    card.light = dice.between(190.0, 255.0);
    card.border = dice.between(0.0, 4.0);
    let side = (card.across() * dice.between(4.0, 11.0)).round();
    let ground = if dice.one_in(4) {
        dice.between(0.0, 60.0)
    } else {
        255.0
    };
    let mut canvas = Canvas::new(side as usize + 80, side as usize + 60, ground);
    canvas.paste(&card, square(40.0, 30.0, side));
    canvas.finish(vec![text])
}

/// A television's screen, photographed from the sofa.
fn television(dice: &mut Dice, near: bool) -> Picture {
    let mut screen = dark_page(dice, 1920, 1080);
    let text = enrolment(dice);
    let card = Card::new(dice, &text);
    let side = dice.between(180.0, 560.0);
    let (x, y) = (
        dice.between(200.0, 1600.0 - side),
        dice.between(80.0, 1000.0 - side),
    );
    screen.paste(&card, square(x, y, side));
    let (width, height) = *dice.pick(&[(640usize, 480usize), (1280, 720), (1920, 1080)]);
    // Where the camera sees the screen: sometimes all of it, often only a part.
    let zoom = if near {
        dice.between(0.9, 1.6)
    } else {
        dice.between(0.45, 1.3)
    };
    let shown = width as f64 * zoom;
    let (cx, cy) = (x + side / 2.0, y + side / 2.0);
    let scale = shown / 1920.0;
    let aim = |offset: f64, size: usize| size as f64 * (0.5 + offset);
    let (dx, dy) = (
        aim(dice.between(-0.12, 0.12), width),
        aim(dice.between(-0.08, 0.08), height),
    );
    let bend = dice.between(0.0, 0.12);
    let turn = dice.between(-0.12, 0.12);
    let mut corners = [(0.0, 0.0), (1920.0, 0.0), (1920.0, 1080.0), (0.0, 1080.0)];
    for corner in &mut corners {
        let (px, py) = ((corner.0 - cx) * scale, (corner.1 - cy) * scale);
        let (sin, cos) = turn.sin_cos();
        let (rx, ry) = (px * cos - py * sin, px * sin + py * cos);
        let jitter = bend * shown * 0.5;
        *corner = (
            dx + rx + dice.between(-jitter, jitter),
            dy + ry + dice.between(-jitter, jitter),
        );
    }
    let mut canvas = Canvas::new(width, height, dice.between(5.0, 60.0));
    let from_screen = Homography::between(
        corners,
        [(0.0, 0.0), (1920.0, 0.0), (1920.0, 1080.0), (0.0, 1080.0)],
    );
    let grid = if near {
        dice.between(0.3, 0.95)
    } else {
        dice.between(0.0, 0.12)
    };
    let pitch = dice.between(0.9, 1.12);
    canvas.photograph(&screen, &from_screen, grid, pitch);
    canvas.tone(dice.between(0.35, 1.0), dice.between(0.0, 25.0));
    canvas.soften(dice.between(0.3, 1.1) * width as f64 / 1280.0);
    if dice.one_in(3) {
        let (lx, ly) = (
            dice.between(0.0, width as f64),
            dice.between(0.0, height as f64),
        );
        let radius = width as f64 * dice.between(0.02, 0.06);
        let strength = dice.between(80.0, 250.0);
        canvas.lamp(lx, ly, radius, radius * 0.6, strength);
    }
    let grain = dice.between(1.0, 9.0);
    canvas.grain(dice, grain);
    if dice.one_in(2) {
        let quality = dice.between(25.0, 85.0) as u8;
        canvas = canvas.through_jpeg(quality);
    }
    canvas.finish(vec![text])
}

fn curved(dice: &mut Dice) -> Picture {
    let text = enrolment(dice);
    let card = Card::new(dice, &text);
    let side = dice.between(260.0, 480.0);
    let mut canvas = ground(dice, 1280, 720);
    let bow = dice.between(0.3, 1.25);
    canvas.paste_bent(&card, (640.0, 360.0), side, bow, dice.between(-0.25, 0.25));
    canvas.soften(dice.between(0.3, 0.9));
    canvas.grain(dice, 3.0);
    canvas.finish(vec![text])
}

fn nothing(dice: &mut Dice) -> Picture {
    let mut canvas = match dice.below(9) {
        0 => page(dice, 1280, 800),
        1 => dark_page(dice, 1280, 800),
        2 => modules_without_sense(dice, 1280, 720),
        3 => {
            let mut canvas = Canvas::new(800, 600, 128.0);
            canvas.grain(dice, 60.0);
            canvas
        }
        4 => Canvas::new(640, 480, dice.between(0.0, 255.0)),
        5 => {
            let pitch = dice.between(3.0, 20.0);
            Canvas::from_fn(1024, 768, |x, y| {
                if ((x / pitch) as i64 + (y / pitch) as i64) % 2 == 0 {
                    20.0
                } else {
                    235.0
                }
            })
        }
        6 => {
            let pitch = dice.between(2.0, 12.0);
            Canvas::from_fn(1024, 768, |x, _| {
                if (x / pitch) as i64 % 2 == 0 {
                    20.0
                } else {
                    235.0
                }
            })
        }
        7 => finders_alone(dice),
        _ => {
            // A code whose inside was painted over: finder patterns, timing, and nothing to read.
            let text = enrolment(dice);
            let mut card = Card::new(dice, &text);
            for y in 9..card.side - 8 {
                for x in 9..card.side - 8 {
                    card.dark_modules[y * card.side + x] = dice.one_in(2);
                }
            }
            let mut canvas = ground(dice, 1280, 720);
            canvas.paste(&card, square(400.0, 150.0, 400.0));
            canvas
        }
    };
    if dice.one_in(2) {
        canvas.soften(0.7);
        canvas.grain(dice, 2.0);
    }
    canvas.finish(Vec::new())
}

fn modules_without_sense(dice: &mut Dice, width: usize, height: usize) -> Canvas {
    let pitch = dice.between(3.0, 12.0);
    let across = (width as f64 / pitch) as usize + 1;
    let bits: Vec<bool> = (0..across * (height as f64 / pitch + 1.0) as usize)
        .map(|_| dice.one_in(2))
        .collect();
    Canvas::from_fn(width, height, |x, y| {
        let at = (y / pitch) as usize * across + (x / pitch) as usize;
        if bits.get(at).copied().unwrap_or(false) {
            10.0
        } else {
            245.0
        }
    })
}

fn finders_alone(dice: &mut Dice) -> Canvas {
    let mut canvas = Canvas::new(1000, 800, 250.0);
    for _ in 0..4 + dice.below(20) {
        let module = dice.between(2.0, 9.0);
        let (x, y) = (dice.between(0.0, 900.0), dice.between(0.0, 700.0));
        for row in 0..7 {
            for column in 0..7 {
                if finder_module(column, row) {
                    canvas.block(
                        x + column as f64 * module,
                        y + row as f64 * module,
                        module,
                        module,
                        15.0,
                    );
                }
            }
        }
    }
    canvas
}

/// A sheet with a code on a plain ground, its text, and the size of a module in pixels.
fn photograph(dice: &mut Dice, leaning: f64) -> (Canvas, String, f64) {
    let text = enrolment(dice);
    let card = Card::new(dice, &text);
    let mut canvas = ground(dice, 1280, 720);
    let side = dice.between(230.0, 540.0);
    let (x, y) = (dice.between(520.0, 760.0), dice.between(320.0, 400.0));
    let module = side / card.across();
    canvas.paste(&card, lean(dice, x, y, side, leaning, 0.22));
    (canvas, text, module)
}

fn ground(dice: &mut Dice, width: usize, height: usize) -> Canvas {
    let (from, to) = (dice.between(20.0, 150.0), dice.between(20.0, 150.0));
    Canvas::from_fn(width, height, |x, _| from + (to - from) * x / width as f64)
}

fn page(dice: &mut Dice, width: usize, height: usize) -> Canvas {
    let dark = dice.one_in(4);
    written(dice, width, height, dark)
}

fn dark_page(dice: &mut Dice, width: usize, height: usize) -> Canvas {
    written(dice, width, height, true)
}

/// Lines of something like words, and some coloured boxes.
fn written(dice: &mut Dice, width: usize, height: usize, dark: bool) -> Canvas {
    let (ground, ink) = if dark {
        (dice.between(8.0, 40.0), 220.0)
    } else {
        (dice.between(240.0, 255.0), 30.0)
    };
    let mut canvas = Canvas::new(width, height, ground);
    canvas.block(
        0.0,
        0.0,
        width as f64,
        height as f64 * 0.06,
        if dark { 50.0 } else { 225.0 },
    );
    let stroke = (height as f64 / 500.0).max(1.0).round();
    let letters: Vec<u64> = (0..26).map(|_| dice.next() | 0x0842_1084_2108).collect();
    let mut y = height as f64 * 0.12;
    while y < height as f64 * 0.97 {
        let mut x = width as f64 * 0.05;
        let end = width as f64 * dice.between(0.3, 0.55);
        while x < end {
            for _ in 0..2 + dice.below(8) {
                let letter = *dice.pick(&letters);
                for bit in (0..35).filter(|bit| letter >> bit & 1 == 1) {
                    let (column, row) = ((bit % 5) as f64, (bit / 5) as f64);
                    canvas.block(x + column * stroke, y + row * stroke, stroke, stroke, ink);
                }
                x += 6.0 * stroke;
            }
            x += 5.0 * stroke;
        }
        y += 12.0 * stroke;
    }
    for _ in 0..4 {
        let (x, y) = (
            dice.between(0.0, 0.8) * width as f64,
            dice.between(0.0, 0.9) * height as f64,
        );
        let shade = dice.between(40.0, 220.0);
        canvas.block(x, y, width as f64 * 0.12, height as f64 * 0.05, shade);
    }
    canvas
}

fn square(x: f64, y: f64, side: f64) -> [(f64, f64); 4] {
    [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
}

fn turned(x: f64, y: f64, side: f64, turn: f64) -> [(f64, f64); 4] {
    let (sin, cos) = turn.sin_cos();
    let half = side / 2.0;
    [(-half, -half), (half, -half), (half, half), (-half, half)]
        .map(|(dx, dy)| (x + dx * cos - dy * sin, y + dx * sin + dy * cos))
}

/// A square around a centre, turned by at most `turning`, each corner off by at most `leaning` of its side.
fn lean(dice: &mut Dice, x: f64, y: f64, side: f64, leaning: f64, turning: f64) -> [(f64, f64); 4] {
    let turn = dice.between(-turning, turning);
    turned(x, y, side, turn).map(|(x, y)| {
        (
            x + dice.between(-leaning, leaning) * side,
            y + dice.between(-leaning, leaning) * side,
        )
    })
}

/// An otpauth URI as platforms hand them out, now and then a plain link.
fn enrolment(dice: &mut Dice) -> String {
    const ISSUERS: [&str; 12] = [
        "StreamTV",
        "Google",
        "GitHub",
        "Dropbox",
        "Nextcloud",
        "Amazon",
        "Microsoft",
        "Discord",
        "ING",
        "Bunq",
        "AcmeCorp",
        "Caf%C3%A9%20Soci%C3%A9t%C3%A9",
    ];
    if let Some(text) = &dice.says {
        return text.clone();
    }
    if dice.one_in(12) {
        return format!("https://tv.example.com/link?code={}", base32(dice, 8));
    }
    let issuer = *dice.pick(&ISSUERS);
    let length = *dice.pick(&[16, 26, 32, 32, 52]);
    let mut uri = format!(
        "otpauth://totp/{issuer}:user{}%40example.com?secret={}&issuer={issuer}",
        dice.below(1000),
        base32(dice, length)
    );
    if dice.one_in(2) {
        uri += &format!(
            "&algorithm={}&digits=6&period=30",
            dice.pick(&["SHA1", "SHA256", "SHA512"])
        );
    }
    uri
}

fn base32(dice: &mut Dice, length: usize) -> String {
    (0..length)
        .map(|_| char::from(*dice.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")))
        .collect()
}

/// As long as a batch of Google's; what is in it does not matter to a reader of QR codes.
fn batch(dice: &mut Dice) -> String {
    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let length = 4 * (50 + dice.below(170));
    let data: String = (0..length)
        .map(|_| char::from(*dice.pick(BASE64)))
        .collect();
    format!(
        "otpauth-migration://offline?data={}%3D",
        data.replace('+', "%2B").replace('/', "%2F")
    )
}

fn finder_module(x: usize, y: usize) -> bool {
    let edge = x == 0 || x == 6 || y == 0 || y == 6;
    edge || ((2..5).contains(&x) && (2..5).contains(&y))
}

/// A code on its sheet.
struct Card {
    /// Modules across.
    side: usize,
    dark_modules: Vec<bool>,
    level: char,
    /// Light modules around the code.
    border: f64,
    dark: f64,
    light: f64,
    /// Dark modules as dots with this radius.
    dot: Option<f64>,
    round_finders: bool,
    /// Size in modules, shade, round or square.
    logo: Option<(f64, f64, bool)>,
    /// Softness of the print, in modules.
    soft: f64,
}

impl Card {
    fn new(dice: &mut Dice, text: &str) -> Self {
        Self::with_level(dice, text, &['L', 'M', 'M', 'Q', 'H'])
    }

    fn with_level(dice: &mut Dice, text: &str, levels: &[char]) -> Self {
        use qrcode::{Color, EcLevel, QrCode};
        let level = *dice.pick(levels);
        let correction = match level {
            'L' => EcLevel::L,
            'M' => EcLevel::M,
            'Q' => EcLevel::Q,
            _ => EcLevel::H,
        };
        let code = QrCode::with_error_correction_level(text, correction)
            .expect("texts here fit into a code");
        Self {
            side: code.width(),
            dark_modules: code
                .into_colors()
                .into_iter()
                .map(|colour| colour == Color::Dark)
                .collect(),
            level,
            border: *dice.pick(&[2.0, 4.0, 4.0]),
            dark: 0.0,
            light: 255.0,
            dot: None,
            round_finders: false,
            logo: None,
            soft: 0.0,
        }
    }

    fn across(&self) -> f64 {
        self.side as f64 + 2.0 * self.border
    }

    /// The shade at a place on the sheet, in modules from its top left corner.
    fn shade(&self, u: f64, v: f64) -> f64 {
        let (u, v) = (u - self.border, v - self.border);
        let side = self.side as f64;
        if let Some((size, shade, round)) = self.logo {
            let (x, y) = (u - side / 2.0, v - side / 2.0);
            let reach = if round {
                x.hypot(y)
            } else {
                x.abs().max(y.abs())
            };
            if reach < size / 2.0 {
                return shade;
            }
            if reach < size / 2.0 + 0.6 {
                return self.light;
            }
        }
        if self.soft > 0.0 {
            let near = [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.0, 0.0)];
            let dark = near
                .iter()
                .filter(|(x, y)| self.dark_at(u + x * self.soft, v + y * self.soft))
                .count();
            return self.light + (self.dark - self.light) * dark as f64 / near.len() as f64;
        }
        if self.dark_at(u, v) {
            self.dark
        } else {
            self.light
        }
    }

    fn dark_at(&self, u: f64, v: f64) -> bool {
        let side = self.side as f64;
        if u < 0.0 || v < 0.0 || u >= side || v >= side {
            return false;
        }
        let (x, y) = (u as usize, v as usize);
        if self.round_finders || self.dot.is_some() {
            let corner = |start: f64, at: f64| at >= start && at < start + 7.0;
            for (left, top) in [(0.0, 0.0), (side - 7.0, 0.0), (0.0, side - 7.0)] {
                if corner(left, u) && corner(top, v) {
                    let (dx, dy) = (u - left - 3.5, v - top - 3.5);
                    let reach = if self.round_finders {
                        dx.hypot(dy)
                    } else {
                        dx.abs().max(dy.abs())
                    };
                    return reach < 1.5 || (2.5..3.5).contains(&reach);
                }
            }
        }
        if !self.dark_modules[y * self.side + x] {
            return false;
        }
        match self.dot {
            Some(radius) => (u.fract() - 0.5).hypot(v.fract() - 0.5) < radius,
            None => true,
        }
    }
}

/// A picture being drawn.
struct Canvas {
    width: usize,
    height: usize,
    shades: Vec<f32>,
}

impl Canvas {
    fn new(width: usize, height: usize, ground: f64) -> Self {
        Self {
            width,
            height,
            shades: vec![ground as f32; width * height],
        }
    }

    fn from_fn(width: usize, height: usize, shade: impl Fn(f64, f64) -> f64) -> Self {
        let mut canvas = Self::new(width, height, 0.0);
        for y in 0..height {
            for x in 0..width {
                canvas.shades[y * width + x] = shade(x as f64, y as f64) as f32;
            }
        }
        canvas
    }

    fn finish(self, texts: Vec<String>) -> Picture {
        let luma = self
            .shades
            .iter()
            .map(|shade| shade.round().clamp(0.0, 255.0) as u8)
            .collect();
        Picture {
            width: self.width,
            height: self.height,
            luma,
            texts,
        }
    }

    fn block(&mut self, x: f64, y: f64, width: f64, height: f64, shade: f64) {
        let (left, right) = (
            x.max(0.0) as usize,
            ((x + width).max(0.0) as usize).min(self.width),
        );
        let (top, bottom) = (
            y.max(0.0) as usize,
            ((y + height).max(0.0) as usize).min(self.height),
        );
        for row in top..bottom {
            if left < right {
                self.shades[row * self.width + left..row * self.width + right].fill(shade as f32);
            }
        }
    }

    /// Puts a sheet onto four corners: top left first, clockwise.
    fn paste(&mut self, card: &Card, corners: [(f64, f64); 4]) {
        let side = card.across();
        let onto = Homography::between(
            corners,
            [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)],
        );
        self.paint(corners, |x, y| {
            let (u, v) = onto.map(x, y);
            (u >= 0.0 && v >= 0.0 && u < side && v < side).then(|| card.shade(u, v))
        });
    }

    /// Puts a sheet around a mug of a radius that grows as `bow` shrinks.
    fn paste_bent(&mut self, card: &Card, centre: (f64, f64), side: f64, bow: f64, turn: f64) {
        let across = card.across();
        let (sin, cos) = turn.sin_cos();
        let reach = side * 0.75;
        let corners = square(centre.0 - reach, centre.1 - reach, 2.0 * reach);
        self.paint(corners, |x, y| {
            let (dx, dy) = ((x - centre.0) / side, (y - centre.1) / side);
            let (px, py) = (dx * cos + dy * sin, dy * cos - dx * sin);
            // The sheet covers an arc of 2 * bow radians; the mug is seen a little from above.
            let sine = px * 2.0 * bow.sin();
            if sine.abs() >= 1.0 {
                return None;
            }
            let u = (sine.asin() / (2.0 * bow) + 0.5) * across;
            let v = (py + 0.08 * bow * (1.0 - sine * sine).sqrt() + 0.5) * across;
            (u >= 0.0 && v >= 0.0 && u < across && v < across).then(|| card.shade(u, v))
        });
    }

    /// Fills the box around the corners; each pixel is the mean of nine places in it.
    fn paint(&mut self, corners: [(f64, f64); 4], shade: impl Fn(f64, f64) -> Option<f64>) {
        let low = |pick: fn(&(f64, f64)) -> f64| corners.iter().map(pick).fold(f64::MAX, f64::min);
        let high = |pick: fn(&(f64, f64)) -> f64| corners.iter().map(pick).fold(f64::MIN, f64::max);
        let left = low(|corner| corner.0).max(0.0) as usize;
        let right = (high(|corner| corner.0).max(0.0) as usize + 1).min(self.width);
        let top = low(|corner| corner.1).max(0.0) as usize;
        let bottom = (high(|corner| corner.1).max(0.0) as usize + 1).min(self.height);
        for y in top..bottom {
            for x in left..right {
                let below = self.shades[y * self.width + x];
                let mut sum = 0.0;
                for part in 0..9 {
                    let (dx, dy) = (
                        (part % 3) as f64 / 3.0 + 1.0 / 6.0,
                        (part / 3) as f64 / 3.0 + 1.0 / 6.0,
                    );
                    sum += shade(x as f64 + dx, y as f64 + dy).unwrap_or(f64::from(below));
                }
                self.shades[y * self.width + x] = (sum / 9.0) as f32;
            }
        }
    }

    /// What a camera makes of a screen; `grid` is how dark the gaps between the screen's pixels are.
    fn photograph(&mut self, screen: &Canvas, onto: &Homography, grid: f64, pitch: f64) {
        for y in 0..self.height {
            for x in 0..self.width {
                let (u, v) = onto.map(x as f64 + 0.5, y as f64 + 0.5);
                if u < 0.0 || v < 0.0 || u >= screen.width as f64 || v >= screen.height as f64 {
                    continue;
                }
                let gap = 1.0
                    - grid * 0.5 * (2.0 - (TAU * u * pitch).cos() - (TAU * v * pitch).cos()) * 0.5;
                self.shades[y * self.width + x] = (screen.between(u, v) * gap) as f32;
            }
        }
    }

    fn between(&self, u: f64, v: f64) -> f64 {
        let (u, v) = ((u - 0.5).max(0.0), (v - 0.5).max(0.0));
        let (x, y) = (
            (u as usize).min(self.width - 1),
            (v as usize).min(self.height - 1),
        );
        let (right, below) = ((x + 1).min(self.width - 1), (y + 1).min(self.height - 1));
        let (dx, dy) = (u - x as f64, v - y as f64);
        let at = |x: usize, y: usize| f64::from(self.shades[y * self.width + x]);
        let upper = at(x, y) * (1.0 - dx) + at(right, y) * dx;
        let lower = at(x, below) * (1.0 - dx) + at(right, below) * dx;
        upper * (1.0 - dy) + lower * dy
    }

    fn scaled(self, factor: f64) -> Canvas {
        let (width, height) = (
            (self.width as f64 * factor) as usize,
            (self.height as f64 * factor) as usize,
        );
        let step = 1.0 / factor;
        Canvas::from_fn(width, height, |x, y| {
            let mut sum = 0.0;
            for part in 0..4 {
                let (dx, dy) = (
                    0.25 + 0.5 * (part % 2) as f64,
                    0.25 + 0.5 * (part / 2) as f64,
                );
                sum += self.between((x + dx) * step, (y + dy) * step);
            }
            sum / 4.0
        })
    }

    fn tone(&mut self, contrast: f64, black: f64) {
        for shade in &mut self.shades {
            *shade = (f64::from(*shade) * contrast + black) as f32;
        }
    }

    fn slope(&mut self, direction: f64, strength: f64) {
        let (sin, cos) = direction.sin_cos();
        for y in 0..self.height {
            for x in 0..self.width {
                let along =
                    x as f64 / self.width as f64 * cos + y as f64 / self.height as f64 * sin;
                self.shades[y * self.width + x] += (along * strength) as f32;
            }
        }
    }

    fn lamp(&mut self, x: f64, y: f64, across: f64, down: f64, strength: f64) {
        for row in 0..self.height {
            for column in 0..self.width {
                let (dx, dy) = ((column as f64 - x) / across, (row as f64 - y) / down);
                let light = strength * (-(dx * dx + dy * dy) / 2.0).exp();
                self.shades[row * self.width + column] += light as f32;
            }
        }
    }

    /// Gaussian blur, in pixels.
    fn soften(&mut self, sigma: f64) {
        let reach = (sigma * 3.0).ceil() as isize;
        let weights: Vec<f32> = (-reach..=reach)
            .map(|at| (-((at * at) as f64) / (2.0 * sigma * sigma)).exp() as f32)
            .collect();
        let total: f32 = weights.iter().sum();
        let weights: Vec<f32> = weights.iter().map(|weight| weight / total).collect();
        for (step, size, lines, stride) in [
            (1, self.width, self.height, self.width),
            (self.width, self.height, self.width, 1),
        ] {
            let mut line = vec![0.0f32; size];
            for start in (0..lines).map(|at| at * stride) {
                for (at, shade) in line.iter_mut().enumerate() {
                    *shade = self.shades[start + at * step];
                }
                for at in 0..size {
                    let mut sum = 0.0;
                    for (offset, weight) in (-reach..=reach).zip(&weights) {
                        let near = (at as isize + offset).clamp(0, size as isize - 1) as usize;
                        sum += line[near] * weight;
                    }
                    self.shades[start + at * step] = sum;
                }
            }
        }
    }

    /// Motion blur: the mean along a line of this length.
    fn smear(&mut self, length: f64, direction: f64) {
        let (sin, cos) = direction.sin_cos();
        let steps = (length * 2.0).ceil().max(1.0) as usize;
        let before = Canvas {
            width: self.width,
            height: self.height,
            shades: self.shades.clone(),
        };
        for y in 0..self.height {
            for x in 0..self.width {
                let mut sum = 0.0;
                for step in 0..=steps {
                    let along = (step as f64 / steps as f64 - 0.5) * length;
                    sum +=
                        before.between(x as f64 + 0.5 + along * cos, y as f64 + 0.5 + along * sin);
                }
                self.shades[y * self.width + x] = (sum / (steps + 1) as f64) as f32;
            }
        }
    }

    fn grain(&mut self, dice: &mut Dice, sigma: f64) {
        for shade in &mut self.shades {
            // The sum of four even throws is close enough to a bell.
            let bell = dice.between(-1.0, 1.0)
                + dice.between(-1.0, 1.0)
                + dice.between(-1.0, 1.0)
                + dice.between(-1.0, 1.0);
            *shade += (bell * sigma * 0.866) as f32;
        }
    }

    fn through_jpeg(self, quality: u8) -> Canvas {
        let picture = self.finish(Vec::new());
        let mut bytes = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality)
            .encode(
                &picture.luma,
                picture.width as u32,
                picture.height as u32,
                image::ExtendedColorType::L8,
            )
            .expect("a grey image can be written as JPEG");
        let grey = qr::read_picture(&bytes).unwrap_or_else(|error| panic!("our own JPEG: {error}"));
        let shades = grey.luma().iter().map(|&luma| f32::from(luma)).collect();
        Canvas {
            width: picture.width,
            height: picture.height,
            shades,
        }
    }
}

/// A projective map of the plane.
struct Homography([f64; 9]);

impl Homography {
    /// The map that takes four points to four others.
    fn between(from: [(f64, f64); 4], to: [(f64, f64); 4]) -> Self {
        let mut rows = [[0.0f64; 9]; 8];
        for (at, (&(x, y), &(u, v))) in from.iter().zip(&to).enumerate() {
            rows[at * 2] = [x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u];
            rows[at * 2 + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v];
        }
        for column in 0..8 {
            let best = (column..8)
                .max_by(|&one, &other| {
                    rows[one][column]
                        .abs()
                        .total_cmp(&rows[other][column].abs())
                })
                .expect("eight rows are never none");
            rows.swap(column, best);
            let pivot = rows[column];
            for (at, row) in rows.iter_mut().enumerate() {
                if at != column {
                    let factor = row[column] / pivot[column];
                    for (cell, below) in row.iter_mut().zip(&pivot) {
                        *cell -= factor * below;
                    }
                }
            }
        }
        let mut map = [1.0; 9];
        for (at, row) in rows.iter().enumerate() {
            map[at] = row[8] / row[at];
        }
        Self(map)
    }

    fn map(&self, x: f64, y: f64) -> (f64, f64) {
        let m = &self.0;
        let scale = m[6] * x + m[7] * y + m[8];
        (
            (m[0] * x + m[1] * y + m[2]) / scale,
            (m[3] * x + m[4] * y + m[5]) / scale,
        )
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same for ever, unlike a crate's standard generator.
pub struct Dice {
    state: u64,
    /// What every code says, instead of something random.
    says: Option<String>,
}

impl Dice {
    /// Dice that always fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            says: None,
        }
    }

    /// 64 random bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "there is always a next one, so it is no iterator"
    )]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A whole number from 0 to `end - 1`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `times` throws, on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A number from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
