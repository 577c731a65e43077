//! One code's modules: what every code has in them (ISO/IEC 18004, 6.3), and what they say, by rxing's decoder.

use rxing::common::BitMatrix;
use rxing::qrcode::common::Version;
use rxing::qrcode::cpp_port::decoder;
use zeroize::Zeroizing;

use super::append::{Part, Said};

/// What a code says, given its modules (`true` is dark), or `None` if they say nothing.
///
/// Error correction makes a text of noise about once in a million tries, for the smallest codes, and a ladder tries
/// a lot. So the modules must also show the patterns that are the same in every code.
pub(super) fn said(modules: &BitMatrix) -> Option<Said> {
    if modules.width() != modules.height()
        || !Pattern::of(modules.width() as usize)?.shows_in(modules)
    {
        return None;
    }
    let decoded = decoder::Decode(modules).ok()?;
    if !decoded.isValid() {
        return None;
    }
    let content = decoded.content();
    // Without a declared character set the standard says ISO 8859-1; everybody writes UTF-8. rxing guesses for the
    // rest (Shift JIS, ISO 8859-1) and obeys a declaration.
    let text = match std::str::from_utf8(content.bytes()) {
        Ok(text) if !content.has_eci => text.to_owned(),
        _ => content.to_string(),
    };
    if text.is_empty() {
        return None;
    }
    let text = Zeroizing::new(text);
    let append = decoded.structuredAppend();
    if append.count < 2 {
        return Some(Said::Whole(text));
    }
    let parity = append.id.parse().ok()?;
    let part = Part::new(append.index, append.count, parity, content.bytes(), text)?;
    Some(Said::Part(part))
}

/// The modules that every code of this size has, dark or light.
#[derive(Clone)]
pub(super) struct Pattern {
    /// Modules across.
    pub side: usize,
    /// Column, row, dark.
    pub modules: Vec<(usize, usize, bool)>,
}

impl Pattern {
    pub(super) fn of(side: usize) -> Option<Self> {
        let version = side.checked_sub(17)? as u32 / 4;
        let centres = Version::getVersionForNumber(version)
            .ok()?
            .getAlignmentPatternCenters();
        let mut modules = Vec::new();
        let mut put = |x: usize, y: usize, dark: bool| modules.push((x, y, dark));
        for (left, top) in [(0, 0), (side - 7, 0), (0, side - 7)] {
            for y in 0..7usize {
                for x in 0..7usize {
                    let ring = x.abs_diff(3).max(y.abs_diff(3));
                    put(left + x, top + y, ring != 2);
                }
            }
        }
        for at in 0..8 {
            // The light lines between the finder patterns and the rest.
            put(at, 7, false);
            put(at, side - 8, false);
            put(side - 1 - at, 7, false);
            if at < 7 {
                put(7, at, false);
                put(side - 8, at, false);
                put(7, side - 1 - at, false);
            }
        }
        for at in 8..side - 8 {
            put(at, 6, at % 2 == 0);
            put(6, at, at % 2 == 0);
        }
        for &x in centres {
            for &y in centres {
                let (x, y) = (x as usize, y as usize);
                let at_finder = [(6, 6), (6, side - 7), (side - 7, 6)].contains(&(x, y));
                if at_finder {
                    continue;
                }
                for dy in 0..5usize {
                    for dx in 0..5usize {
                        let ring = dx.abs_diff(2).max(dy.abs_diff(2));
                        put(x + dx - 2, y + dy - 2, ring != 1);
                    }
                }
            }
        }
        Some(Self { side, modules })
    }

    /// The four places, in modules, whose pixels define the grid: the finder patterns' centres, and the centre of
    /// the last alignment pattern, or of where a fourth finder pattern would be.
    pub(super) fn anchors(&self) -> [(f64, f64); 4] {
        let far = self.side as f64 - 3.5;
        let last = if self.side > 21 { far - 3.0 } else { far };
        [(3.5, 3.5), (far, 3.5), (last, last), (3.5, far)]
    }

    /// Whether these modules look like a code's: the lines that alternate between the finder patterns, and the
    /// finder patterns themselves, may be hurt, but chance makes half of all modules wrong.
    fn shows_in(&self, modules: &BitMatrix) -> bool {
        let (mut wrong, mut wrong_timing, mut timing) = (0, 0, 0);
        for &(x, y, dark) in &self.modules {
            let right = modules.get(x as u32, y as u32) == dark;
            wrong += usize::from(!right);
            if (x == 6 || y == 6) && (8..self.side - 8).contains(&x.max(y)) {
                timing += 1;
                wrong_timing += usize::from(!right);
            }
        }
        wrong * 4 <= self.modules.len() && wrong_timing * 3 <= timing
    }
}
