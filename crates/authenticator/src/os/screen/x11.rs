//! X11: the root window's pixels, cut into monitors.

use x11rb::connection::Connection;
use x11rb::errors::ConnectError;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat, ImageOrder, Screen, Visualtype};
use zeroize::Zeroize;

use super::{Grey, ScreenError, luma};

pub(super) fn capture() -> Result<Vec<Grey>, ScreenError> {
    let (connection, number) = x11rb::connect(None).map_err(|error| match error {
        ConnectError::DisplayParsingError(_) | ConnectError::InvalidScreen => {
            ScreenError::Unsupported
        }
        ConnectError::SetupAuthenticate(_) => ScreenError::Denied,
        ConnectError::SetupFailed(_) => ScreenError::Denied,
        ConnectError::IoError(_) => ScreenError::Unsupported,
        _ => ScreenError::Failed,
    })?;
    let screen = &connection.setup().roots[number];
    let pixels = Pixels::of(&connection, screen).ok_or(ScreenError::Unsupported)?;
    monitors(&connection, screen)
        .iter()
        .map(|area| picture(&connection, screen, &pixels, *area))
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Area {
    x: u16,
    y: u16,
    width: u16,
    height: u16,
}

/// The monitors by RandR 1.5; the whole screen where the server does not know it.
fn monitors(connection: &impl Connection, screen: &Screen) -> Vec<Area> {
    let whole = Area {
        x: 0,
        y: 0,
        width: screen.width_in_pixels,
        height: screen.height_in_pixels,
    };
    let reply = connection
        .randr_get_monitors(screen.root, true)
        .ok()
        .and_then(|cookie| cookie.reply().ok());
    let mut areas = Vec::new();
    for monitor in reply.iter().flat_map(|reply| &reply.monitors) {
        // A monitor that hangs over the edge of the root window: asking for pixels out there is an error.
        let x = u16::try_from(monitor.x).unwrap_or(0).min(whole.width);
        let y = u16::try_from(monitor.y).unwrap_or(0).min(whole.height);
        let area = Area {
            x,
            y,
            width: monitor.width.min(whole.width - x),
            height: monitor.height.min(whole.height - y),
        };
        let empty = area.width == 0 || area.height == 0;
        // Mirrored monitors show the same.
        if !empty && !areas.contains(&area) {
            areas.push(area);
        }
    }
    if areas.is_empty() {
        areas.push(whole);
    }
    areas
}

fn picture(
    connection: &impl Connection,
    screen: &Screen,
    pixels: &Pixels,
    area: Area,
) -> Result<Grey, ScreenError> {
    let mut luma = Vec::with_capacity(usize::from(area.width) * usize::from(area.height));
    let mut read = || -> Option<()> {
        // In strips, so that a wall of 4K monitors is never in memory in colour.
        for top in (0..area.height).step_by(usize::from(STRIP)) {
            let height = STRIP.min(area.height - top);
            let mut reply = connection
                .get_image(
                    ImageFormat::Z_PIXMAP,
                    screen.root,
                    area.x.cast_signed(),
                    (area.y + top).cast_signed(),
                    area.width,
                    height,
                    u32::MAX,
                )
                .ok()?
                .reply()
                .ok()?;
            let done = pixels.append(&reply.data, area.width.into(), height.into(), &mut luma);
            reply.data.zeroize();
            done?;
        }
        Some(())
    };
    if read().is_none() {
        luma.zeroize();
        return Err(ScreenError::Failed);
    }
    Grey::new(area.width.into(), area.height.into(), luma).map_err(|_| ScreenError::Failed)
}

const STRIP: u16 = 256;

/// How the server lays out a pixel: X11 protocol, "Connection Setup".
struct Pixels {
    bytes: usize,
    row_bits: usize,
    little_endian: bool,
    red: Channel,
    green: Channel,
    blue: Channel,
}

impl Pixels {
    /// `None` for a screen without direct colours (palettes went out with the last century).
    fn of(connection: &impl Connection, screen: &Screen) -> Option<Self> {
        let setup = connection.setup();
        let format = setup
            .pixmap_formats
            .iter()
            .find(|format| format.depth == screen.root_depth)?;
        let visual: &Visualtype = screen
            .allowed_depths
            .iter()
            .flat_map(|depth| &depth.visuals)
            .find(|visual| visual.visual_id == screen.root_visual)?;
        let bits = usize::from(format.bits_per_pixel);
        if !matches!(bits, 16 | 24 | 32) {
            return None;
        }
        Some(Self {
            bytes: bits / 8,
            row_bits: format.scanline_pad.into(),
            little_endian: setup.image_byte_order == ImageOrder::LSB_FIRST,
            red: Channel::of(visual.red_mask)?,
            green: Channel::of(visual.green_mask)?,
            blue: Channel::of(visual.blue_mask)?,
        })
    }

    /// Appends some rows as grey; `None` when the server sent too few bytes.
    fn append(&self, data: &[u8], width: usize, height: usize, out: &mut Vec<u8>) -> Option<()> {
        let used = width * self.bytes;
        let stride = (used * 8).next_multiple_of(self.row_bits.max(8)) / 8;
        for row in 0..height {
            let row = data.get(row * stride..row * stride + used)?;
            out.extend(row.chunks_exact(self.bytes).map(|bytes| self.grey(bytes)));
        }
        Some(())
    }

    fn grey(&self, bytes: &[u8]) -> u8 {
        let push = |pixel: u32, byte: &u8| pixel << 8 | u32::from(*byte);
        let pixel = if self.little_endian {
            bytes.iter().rev().fold(0, push)
        } else {
            bytes.iter().fold(0, push)
        };
        luma(
            self.red.value(pixel),
            self.green.value(pixel),
            self.blue.value(pixel),
        )
    }
}

struct Channel {
    mask: u32,
    shift: u32,
    most: u32,
}

impl Channel {
    fn of(mask: u32) -> Option<Self> {
        let shift = mask.trailing_zeros();
        let most = mask.checked_shr(shift)?;
        // Sixteen bits are the widest channel of any display; wider ones would overflow below.
        (most <= u32::from(u16::MAX)).then_some(Self { mask, shift, most })
    }

    /// Scaled to 0–255.
    fn value(&self, pixel: u32) -> u32 {
        ((pixel & self.mask) >> self.shift) * 255 / self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(bits: usize, little_endian: bool, masks: [u32; 3]) -> Pixels {
        Pixels {
            bytes: bits / 8,
            row_bits: 32,
            little_endian,
            red: Channel::of(masks[0]).unwrap(),
            green: Channel::of(masks[1]).unwrap(),
            blue: Channel::of(masks[2]).unwrap(),
        }
    }

    fn grey(pixels: &Pixels, data: &[u8], width: usize, height: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        pixels.append(data, width, height, &mut out).map(|()| out)
    }

    const RGB888: [u32; 3] = [0xff0000, 0xff00, 0xff];

    #[test]
    fn thirty_two_bits_are_read_in_either_byte_order() {
        let little = pixels(32, true, RGB888);
        assert_eq!(
            grey(&little, &[0, 0, 255, 9, 255, 255, 255, 9], 2, 1).unwrap(),
            [54, 255],
            "red is 0.2126 of white, and the unused byte does not count"
        );
        let big = pixels(32, false, RGB888);
        assert_eq!(
            grey(&big, &[9, 0, 255, 0], 1, 1).unwrap(),
            [182],
            "green is 0.7152 of white"
        );
    }

    #[test]
    fn rows_are_padded_to_the_scanline() {
        let packed = pixels(24, true, RGB888);
        let row = [255, 255, 255, 77];
        assert_eq!(
            grey(&packed, &[row, row].concat(), 1, 2).unwrap(),
            [255, 255],
            "three bytes of pixel, one of padding"
        );
    }

    #[test]
    fn sixteen_and_thirty_bits_scale_to_eight() {
        let high = pixels(16, true, [0xf800, 0x07e0, 0x001f]);
        assert_eq!(
            grey(&high, &[0xff, 0xff, 0, 0], 2, 1).unwrap(),
            [255, 0],
            "five and six bits of white are white"
        );
        let deep = pixels(32, true, [0x3ff0_0000, 0x000f_fc00, 0x0000_03ff]);
        assert_eq!(
            grey(&deep, &0x3fff_ffff_u32.to_le_bytes(), 1, 1).unwrap(),
            [255],
            "ten bits of white are white"
        );
    }

    #[test]
    fn too_few_bytes_are_an_error_and_no_picture() {
        assert!(
            grey(&pixels(32, true, RGB888), &[0; 7], 2, 1).is_none(),
            "a byte is missing"
        );
    }

    #[test]
    fn a_screen_of_palettes_has_no_channels() {
        assert!(Channel::of(0).is_none(), "PseudoColor has masks of zero");
    }
}
