//! The ladder: cheap ways to read a code first, until one of them reads something.

use rxing::common::cpp_essentials::ConcentricPattern;
use rxing::common::{BitMatrix, DetectorRXingResult, GlobalHistogramBinarizer, HybridBinarizer};
use rxing::qrcode::cpp_port::detector::{
    FindFinderPatterns, FinderPatternSet, GenerateFinderPatternSets, SampleQR,
};
use rxing::{Binarizer, Luma8Source, Point};

use super::grid::{self, Corners, Scene};
use super::pixels::{Plane, View};
use super::{Effort, Found, Grey, rings, symbol};
use crate::quiet;

/// The codes in the image, in reading order.
pub(super) fn climb(image: &Grey, effort: Effort) -> Vec<Found> {
    let whole = View {
        width: image.width(),
        height: image.height(),
        luma: image.luma(),
    };
    // A camera's 50 megapixels only cost time; what is too small for the rest gets two quick steps at the end.
    let factor = (1..)
        .find(|factor| whole.luma.len() / (factor * factor) <= MOST_PIXELS)
        .unwrap_or(1);
    if factor == 1 {
        return in_reading_order(climb_view(whole, effort));
    }
    let smaller = whole.shrunk(factor);
    let mut found = climb_view(smaller.view(), effort);
    if found.is_empty() {
        found = LADDER[..2]
            .iter()
            .map(|&step| take(step, whole, &mut 0, &[]))
            .find(|found| !found.is_empty())
            .unwrap_or_default();
    } else {
        for corner in found
            .iter_mut()
            .filter_map(|found| found.corners.as_mut())
            .flatten()
        {
            *corner = (corner.0 * factor as f32, corner.1 * factor as f32);
        }
    }
    in_reading_order(found)
}

/// Slightly more than a 4K screen: small codes on one must be read at full size.
const MOST_PIXELS: usize = 9_000_000;

/// One way to look at the image.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    size: Size,
    touch: Touch,
    reader: Reader,
    /// Light modules on dark.
    inverted: bool,
    more: More,
}

#[derive(Clone, Copy)]
pub(crate) enum Size {
    Full,
    Half,
    Third,
    /// Only images under [`MOST_PIXELS_TO_DOUBLE`].
    Double,
}

#[derive(Clone, Copy)]
pub(crate) enum Touch {
    Nothing,
    Stretched,
    Blurred,
    /// Against the mean of a square that reaches so many pixels.
    Sharpened(usize),
}

/// Where else finder patterns may come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    Nowhere,
    /// Where only two are seen, a third is presumed.
    Presumed,
    /// [`rings`]: those without an outer ring.
    Rings,
}

/// How black is told from white, and by whom.
#[derive(Clone, Copy)]
pub(crate) enum Reader {
    /// rxing: one threshold for the image.
    Global,
    /// rxing: a threshold for each block of 8 pixels.
    Hybrid,
    /// rxing: the mean of a square that reaches this part of the image's shorter side.
    Around(usize),
    /// quircs does all by itself.
    Quircs,
}

const fn step(size: Size, touch: Touch, reader: Reader) -> Step {
    Step {
        size,
        touch,
        reader,
        inverted: false,
        more: More::Nowhere,
    }
}

const fn inverted(size: Size, touch: Touch, reader: Reader) -> Step {
    Step {
        size,
        touch,
        reader,
        inverted: true,
        more: More::Nowhere,
    }
}

/// In the order of what they read for what they cost; docs/decisions/0030 says how that was measured.
const LADDER: [Step; 18] = [
    step(Size::Full, Touch::Nothing, Reader::Global),
    step(Size::Full, Touch::Stretched, Reader::Hybrid),
    step(Size::Half, Touch::Sharpened(4), Reader::Around(16)),
    inverted(Size::Full, Touch::Nothing, Reader::Hybrid),
    step(Size::Third, Touch::Sharpened(2), Reader::Hybrid),
    // A camera's frame stops here.
    Step {
        more: More::Presumed,
        ..step(Size::Full, Touch::Nothing, Reader::Around(16))
    },
    step(Size::Third, Touch::Nothing, Reader::Hybrid),
    step(Size::Half, Touch::Sharpened(8), Reader::Around(80)),
    step(Size::Third, Touch::Sharpened(8), Reader::Around(80)),
    step(Size::Third, Touch::Sharpened(2), Reader::Around(80)),
    Step {
        more: More::Rings,
        ..step(Size::Full, Touch::Nothing, Reader::Global)
    },
    Step {
        more: More::Rings,
        ..inverted(Size::Full, Touch::Nothing, Reader::Global)
    },
    Step {
        more: More::Presumed,
        ..inverted(Size::Half, Touch::Stretched, Reader::Hybrid)
    },
    step(Size::Half, Touch::Nothing, Reader::Quircs),
    step(Size::Full, Touch::Nothing, Reader::Quircs),
    step(Size::Third, Touch::Sharpened(4), Reader::Hybrid),
    step(Size::Full, Touch::Blurred, Reader::Hybrid),
    step(Size::Double, Touch::Nothing, Reader::Hybrid),
];
/// How many steps a camera's frame gets.
const FRAME_STEPS: usize = 5;
const MOST_PIXELS_TO_DOUBLE: usize = 2_100_000;
/// How many sets of finder patterns one step tries; chance makes hundreds in a picture of noise.
const MOST_SETS: usize = 150;
/// How many of them get a grid of their own, in one step.
const MOST_GRIDS: usize = 12;
/// And in all steps together, for a frame and for a still picture.
const MOST_GRIDS_IN_ALL: (usize, usize) = (6, 40);
/// With more finder patterns than this, two of them do not make a code with a third that is out of sight.
const MOST_LONE_PATTERNS: usize = 4;

fn climb_view(view: View<'_>, effort: Effort) -> Vec<Found> {
    let (steps, mut grids) = match effort {
        Effort::Frame => (&LADDER[..FRAME_STEPS], MOST_GRIDS_IN_ALL.0),
        Effort::Still => (&LADDER[..], MOST_GRIDS_IN_ALL.1),
    };
    let mut found: Vec<Found> = Vec::new();
    for &step in steps {
        let taken: Vec<Corners> = found.iter().filter_map(|found| found.corners).collect();
        let more = take(step, view, &mut grids, &taken);
        if more.is_empty() {
            continue;
        }
        found.extend(more);
        // A page may hold more codes, darker or smaller. Looking on costs as much as a picture without any, so it is
        // done only if there are finder patterns left that look like a code's.
        if effort == Effort::Frame || !more_to_find(view, &found) {
            break;
        }
    }
    found
}

fn more_to_find(view: View<'_>, found: &[Found]) -> bool {
    let taken: Vec<Corners> = found.iter().filter_map(|found| found.corners).collect();
    let evidence = || {
        let factor = if view.luma.len() > MOST_PIXELS_TO_DOUBLE {
            2
        } else {
            1
        };
        let mut matrix = hybrid(view.shrunk(factor).view().stretched().view())?;
        for inverted in [false, true] {
            if inverted {
                matrix.flip_self();
            }
            let scene = Scene {
                matrix: &matrix,
                view,
                scale: factor as f64,
                inverted,
            };
            let mut patterns = patterns_outside(scene, &taken);
            let sets = GenerateFinderPatternSets(&mut patterns);
            if sets
                .iter()
                .take(MOST_GRIDS)
                .any(|set| grid::plausible(scene, set))
            {
                return Some(());
            }
        }
        None
    };
    quiet::catch(evidence).flatten().is_some()
}

fn take(step: Step, view: View<'_>, grids: &mut usize, taken: &[Corners]) -> Vec<Found> {
    let mut found = quiet::catch(|| read(step, view, grids, taken)).unwrap_or_default();
    found.retain(|found| {
        found
            .corners
            .is_none_or(|corners| !taken.iter().any(|taken| holds(taken, centre(&corners))))
    });
    found
}

fn read(step: Step, view: View<'_>, grids: &mut usize, taken: &[Corners]) -> Vec<Found> {
    let sized: Plane;
    let (small, scale) = match step.size {
        Size::Full => (view, 1.0),
        Size::Half => {
            sized = view.shrunk(2);
            (sized.view(), 2.0)
        }
        Size::Third => {
            sized = view.shrunk(3);
            (sized.view(), 3.0)
        }
        Size::Double if view.luma.len() > MOST_PIXELS_TO_DOUBLE => return Vec::new(),
        Size::Double => {
            sized = view.doubled();
            (sized.view(), 0.5)
        }
    };
    let touched: Plane;
    let small = match step.touch {
        Touch::Nothing => small,
        Touch::Stretched => {
            touched = small.stretched();
            touched.view()
        }
        Touch::Blurred => {
            touched = small.blurred(1);
            touched.view()
        }
        Touch::Sharpened(reach) => {
            touched = small.sharpened(reach);
            touched.view()
        }
    };
    let matrix = match step.reader {
        Reader::Global => global(small),
        Reader::Hybrid => hybrid(small),
        Reader::Around(part) => around(small, part),
        Reader::Quircs => return quircs(small, scale as f32),
    };
    let Some(mut matrix) = matrix else {
        return Vec::new();
    };
    if step.inverted {
        matrix.flip_self();
    }
    let scene = Scene {
        matrix: &matrix,
        view,
        scale,
        inverted: step.inverted,
    };
    rxing(scene, grids, step.more, taken)
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

fn around(view: View<'_>, part: usize) -> Option<BitMatrix> {
    let dark = view.darker_than_around((view.width.min(view.height) / part).max(1));
    let mut matrix = BitMatrix::new(view.width as u32, view.height as u32).ok()?;
    for (y, row) in dark.chunks_exact(view.width).enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            matrix.set(x as u32, y as u32);
        }
    }
    Some(matrix)
}

/// The codes outside `taken` that rxing reads, and those of which only a grid of their own can be read.
fn rxing(scene: Scene<'_>, grids: &mut usize, more: More, taken: &[Corners]) -> Vec<Found> {
    let mut patterns = patterns_outside(scene, taken);
    if more == More::Rings {
        let rings = rings::find(scene.matrix, &patterns);
        patterns.extend(
            rings
                .into_iter()
                .filter(|ring| !taken.iter().any(|taken| holds(taken, scene.place(ring)))),
        );
    }
    let sets = GenerateFinderPatternSets(&mut patterns);
    let mut found: Vec<Found> = Vec::new();
    let mut used: Vec<ConcentricPattern> = Vec::new();
    for set in sets.iter().take(MOST_SETS) {
        if is_used(set, &used) {
            continue;
        }
        let Some(Ok(sample)) = quiet::catch(|| SampleQR(scene.matrix, set)) else {
            continue;
        };
        if let Some(said) = quiet::catch(|| symbol::said(sample.getBits())).flatten() {
            used.extend([set.bl, set.tl, set.tr]);
            let corners = corners_of(set, sample.getBits().width(), scene.scale as f32);
            found.push(Found {
                said,
                corners: Some(corners),
            });
        }
    }
    let mut tried = 0;
    for set in &sets {
        let inside = |pattern: &ConcentricPattern| {
            found
                .iter()
                .filter_map(|found| found.corners)
                .any(|corners| holds(&corners, scene.place(pattern)))
        };
        if tried == MOST_GRIDS
            || *grids == 0
            || is_used(set, &used)
            || [set.bl, set.tl, set.tr].iter().any(inside)
        {
            continue;
        }
        tried += 1;
        *grids -= 1;
        if let Some((said, corners)) = quiet::catch(|| grid::read(scene, set, None)).flatten() {
            used.extend([set.bl, set.tl, set.tr]);
            found.push(Found {
                said,
                corners: Some(corners),
            });
        }
    }
    if more == More::Presumed && found.is_empty() && patterns.len() <= MOST_LONE_PATTERNS {
        let read = |(set, unseen): &(FinderPatternSet, usize)| {
            quiet::catch(|| grid::read(scene, set, Some(*unseen))).flatten()
        };
        if let Some((said, corners)) = completed(&patterns).iter().find_map(read) {
            found.push(Found {
                said,
                corners: Some(corners),
            });
        }
    }
    found
}

fn is_used(set: &FinderPatternSet, used: &[ConcentricPattern]) -> bool {
    [set.bl, set.tl, set.tr]
        .iter()
        .any(|pattern| used.contains(pattern))
}

fn patterns_outside(scene: Scene<'_>, taken: &[Corners]) -> Vec<ConcentricPattern> {
    let mut patterns = FindFinderPatterns(scene.matrix, true, 0);
    patterns.retain(|pattern| !taken.iter().any(|taken| holds(taken, scene.place(pattern))));
    patterns
}

/// Sets of which one pattern is only presumed: where it must be if the other two belong to one code that is seen from
/// the front. With it, which one that is, as in [`grid::read`].
fn completed(patterns: &[ConcentricPattern]) -> Vec<(FinderPatternSet, usize)> {
    let mut sets = Vec::new();
    for (at, one) in patterns.iter().enumerate() {
        for other in &patterns[at + 1..] {
            if one.size * 2 > other.size * 3 || other.size * 2 > one.size * 3 {
                continue;
            }
            for (a, b) in [(*one, *other), (*other, *one)] {
                let across = b.p - a.p;
                let turned = Point {
                    x: -across.y,
                    y: across.x,
                };
                let at = |p: Point| ConcentricPattern {
                    p,
                    size: (a.size + b.size) / 2,
                };
                sets.push((
                    FinderPatternSet {
                        tl: a,
                        tr: b,
                        bl: at(a.p + turned),
                    },
                    3,
                ));
                sets.push((
                    FinderPatternSet {
                        bl: a,
                        tl: b,
                        tr: at(b.p + turned),
                    },
                    1,
                ));
                sets.push((
                    FinderPatternSet {
                        tr: a,
                        bl: b,
                        tl: at((a.p + b.p + turned) / 2.0),
                    },
                    0,
                ));
            }
        }
    }
    sets
}

/// The corners of a code that is seen from the front.
fn corners_of(set: &FinderPatternSet, side: u32, scale: f32) -> Corners {
    let between = side as f32 - 7.0;
    let (across, down) = (
        (set.tr.p - set.tl.p) / between,
        (set.bl.p - set.tl.p) / between,
    );
    let corner = |x: f32, y: f32| {
        let point = set.tl.p + across * (x - 3.5) + down * (y - 3.5);
        (point.x * scale, point.y * scale)
    };
    let side = side as f32;
    [
        corner(0.0, 0.0),
        corner(side, 0.0),
        corner(side, side),
        corner(0.0, side),
    ]
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
        if let Some(said) = symbol::said(&modules) {
            let corners = code
                .corners
                .map(|point| (point.x as f32 * scale, point.y as f32 * scale));
            found.push(Found {
                said,
                corners: Some(corners),
            });
        }
    }
    found
}

impl Scene<'_> {
    /// Where a finder pattern is in the view.
    fn place(&self, pattern: &ConcentricPattern) -> (f32, f32) {
        (
            pattern.p.x * self.scale as f32,
            pattern.p.y * self.scale as f32,
        )
    }
}

fn centre(corners: &Corners) -> (f32, f32) {
    let (x, y) = corners
        .iter()
        .fold((0.0, 0.0), |(x, y), corner| (x + corner.0, y + corner.1));
    (x / 4.0, y / 4.0)
}

/// Whether a place lies between four corners: on the same side of all edges.
fn holds(corners: &Corners, (x, y): (f32, f32)) -> bool {
    let side = |at: usize| {
        let ((ax, ay), (bx, by)) = (corners[at], corners[(at + 1) % 4]);
        (bx - ax) * (y - ay) - (by - ay) * (x - ax)
    };
    (0..4).all(|at| side(at) >= 0.0) || (0..4).all(|at| side(at) <= 0.0)
}

/// What several codes say once, row by row: codes whose heights overlap by half stand in one row.
fn in_reading_order(found: Vec<Found>) -> Vec<Found> {
    let mut left: Vec<Found> = Vec::new();
    for code in found {
        if !left.iter().any(|other| other.said == code.said) {
            left.push(code);
        }
    }
    let place = |found: &Found| found.corners.map_or((0.0, 0.0), |corners| centre(&corners));
    let height = |found: &Found| {
        let ys = || found.corners.into_iter().flatten().map(|corner| corner.1);
        ys().fold(f32::MIN, f32::max) - ys().fold(f32::MAX, f32::min)
    };
    left.sort_by(|one, other| place(one).1.total_cmp(&place(other).1));
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let reach = place(&left[0]).1 + height(&left[0]) / 2.0;
        let end = left
            .iter()
            .position(|found| place(found).1 > reach)
            .unwrap_or(left.len())
            .max(1);
        let mut row: Vec<Found> = left.drain(..end).collect();
        row.sort_by(|one, other| place(one).0.total_cmp(&place(other).0));
        ordered.extend(row);
    }
    ordered
}
