//! The ladder: cheap ways to read a code first, until one reads something.

use rxing::common::{BitMatrix, DetectorRXingResult, GlobalHistogramBinarizer, HybridBinarizer};
use rxing::qrcode::cpp_port::detector::{FindFinderPatterns, GenerateFinderPatternSets, SampleQR};
use rxing::{Binarizer, Luma8Source};

use super::pixels::{Plane, View};
use super::{Effort, Found, Grey, quiet, symbol};

/// One way to look at the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Global,
    Hybrid,
    HalfAdaptive,
    InvertedHybrid,
    Adaptive,
    ThirdHybrid,
    Stretched,
    HalfInverted,
    QuircsHalf,
    Quircs,
    Blurred,
    Doubled,
}

const FRAME: [Step; 5] = [
    Step::Global,
    Step::Hybrid,
    Step::HalfAdaptive,
    Step::InvertedHybrid,
    Step::Adaptive,
];
const STILL: [Step; 12] = [
    Step::Global,
    Step::Hybrid,
    Step::HalfAdaptive,
    Step::InvertedHybrid,
    Step::Adaptive,
    Step::ThirdHybrid,
    Step::Stretched,
    Step::HalfInverted,
    Step::QuircsHalf,
    Step::Quircs,
    Step::Blurred,
    Step::Doubled,
];

pub(super) fn climb(image: &Grey, effort: Effort) -> Vec<Found> {
    let steps: &[Step] = match effort {
        Effort::Frame => &FRAME,
        Effort::Still => &STILL,
    };
    let view = View {
        width: image.width(),
        height: image.height(),
        luma: image.luma(),
    };
    for &step in steps {
        let found = quiet::catch(|| take(step, view)).unwrap_or_default();
        if !found.is_empty() {
            return in_reading_order(found);
        }
    }
    Vec::new()
}

fn in_reading_order(found: Vec<Found>) -> Vec<Found> {
    let mut once: Vec<Found> = Vec::new();
    for code in found {
        if !once.iter().any(|other| *other.text == *code.text) {
            once.push(code);
        }
    }
    let place = |found: &Found| match found.corners {
        Some(corners) => {
            let (x, y) = corners
                .iter()
                .fold((0.0, 0.0), |(x, y), corner| (x + corner.0, y + corner.1));
            (y, x)
        }
        None => (0.0, 0.0),
    };
    once.sort_by(|one, other| {
        place(one)
            .partial_cmp(&place(other))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    once
}

fn take(step: Step, view: View<'_>) -> Vec<Found> {
    match step {
        Step::Global => rxing(&global(view), 1.0),
        Step::Hybrid => rxing(&hybrid(view), 1.0),
        Step::HalfAdaptive => {
            let half = view.shrunk(2);
            rxing(&adaptive(half.view()), 2.0)
        }
        Step::InvertedHybrid => rxing(&flipped(hybrid(view)), 1.0),
        Step::Adaptive => rxing(&adaptive(view), 1.0),
        Step::ThirdHybrid => rxing(&hybrid(view.shrunk(3).view()), 3.0),
        Step::Stretched => rxing(&hybrid(view.stretched().view()), 1.0),
        Step::HalfInverted => rxing(&flipped(hybrid(view.shrunk(2).view())), 2.0),
        Step::QuircsHalf => quircs(view.shrunk(2).view(), 2.0),
        Step::Quircs => quircs(view, 1.0),
        Step::Blurred => rxing(&hybrid(view.blurred(1).view()), 1.0),
        Step::Doubled if view.luma.len() < 2_100_000 => {
            let doubled: Plane = view.doubled();
            rxing(&hybrid(doubled.view()), 0.5)
        }
        Step::Doubled => Vec::new(),
    }
}

fn global(view: View<'_>) -> Option<BitMatrix> {
    let source =
        Luma8Source::new_with_slice(view.luma, view.width as u32, view.height as u32).ok()?;
    GlobalHistogramBinarizer::new(source)
        .get_black_matrix()
        .ok()
        .cloned()
}

fn hybrid(view: View<'_>) -> Option<BitMatrix> {
    let source =
        Luma8Source::new_with_slice(view.luma, view.width as u32, view.height as u32).ok()?;
    HybridBinarizer::new(source)
        .get_black_matrix()
        .ok()
        .cloned()
}

fn adaptive(view: View<'_>) -> Option<BitMatrix> {
    let dark = view.darker_than_around((view.width.min(view.height) / 16).max(1));
    let mut matrix = BitMatrix::new(view.width as u32, view.height as u32).ok()?;
    for (y, row) in dark.chunks_exact(view.width).enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            matrix.set(x as u32, y as u32);
        }
    }
    Some(matrix)
}

fn flipped(matrix: Option<BitMatrix>) -> Option<BitMatrix> {
    matrix.map(|mut matrix| {
        matrix.flip_self();
        matrix
    })
}

fn rxing(matrix: &Option<BitMatrix>, _scale: f32) -> Vec<Found> {
    let Some(matrix) = matrix else {
        return Vec::new();
    };
    let mut patterns = FindFinderPatterns(matrix, true, 0);
    let mut used = Vec::new();
    let mut found = Vec::new();
    for set in GenerateFinderPatternSets(&mut patterns) {
        if [set.bl, set.tl, set.tr]
            .iter()
            .any(|pattern| used.contains(pattern))
        {
            continue;
        }
        let Ok(sample) = SampleQR(matrix, &set) else {
            continue;
        };
        if let Some(text) = symbol::text(sample.getBits()) {
            used.extend([set.bl, set.tl, set.tr]);
            let corners = [set.tl, set.tr, set.tr + set.bl - set.tl, set.bl]
                .map(|pattern| (pattern.p.x, pattern.p.y));
            found.push(Found {
                text,
                corners: Some(corners),
            });
        }
    }
    found
}

fn quircs(view: View<'_>, scale: f32) -> Vec<Found> {
    let mut quirc = quircs::Quirc::default();
    let mut found = Vec::new();
    for code in quirc.identify(view.width, view.height, view.luma).flatten() {
        let side = code.size as usize;
        let Ok(mut modules) = BitMatrix::with_single_dimension(side as u32) else {
            continue;
        };
        for at in (0..side * side).filter(|at| code.cell_bitmap[at / 8] >> (at % 8) & 1 == 1) {
            modules.set((at % side) as u32, (at / side) as u32);
        }
        if let Some(text) = symbol::text(&modules) {
            let corners = code
                .corners
                .map(|point| (point.x as f32 * scale, point.y as f32 * scale));
            found.push(Found {
                text,
                corners: Some(corners),
            });
        }
    }
    found
}
