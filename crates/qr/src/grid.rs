//! Three finder patterns -> where the code's modules lie in the grey image, and how dark each one is.
//!
//! A decoder that looks at black and white only has lost what blur, noise and glare left in the greys. Here the
//! black and white image only says where the finder patterns are. The grid is then fitted to the grey image until
//! the patterns that every code has (finders, timing, alignment: ISO/IEC 18004, 6.3) show best, and each module is
//! judged by its own shade against its surroundings.

use rxing::Point;
use rxing::common::BitMatrix;
use rxing::common::cpp_essentials::{ConcentricPattern, DMRegressionLine, RegressionLineTrait};
use rxing::qrcode::cpp_port::detector::{EstimateModuleSize, FinderPatternSet, TraceLine};
use zeroize::{Zeroize, Zeroizing};

use super::append::Said;
use super::pixels::View;
use super::symbol::{self, Pattern};
use crate::quiet;

/// Corners in pixels: top left first, clockwise.
pub(super) type Corners = [(f32, f32); 4];

/// What the finder patterns were found in, and the grey image behind it.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub matrix: &'a BitMatrix,
    pub view: View<'a>,
    /// Pixels of `view` for one pixel of `matrix`.
    pub scale: f64,
    /// Light modules on dark.
    pub inverted: bool,
}

impl Scene<'_> {
    /// The four points of a grid, in pixels of `view`.
    fn points(&self, set: &FinderPatternSet, last: Point) -> [(f64, f64); 4] {
        [set.tl.p, set.tr.p, last, set.bl.p].map(|point| {
            (
                f64::from(point.x) * self.scale,
                f64::from(point.y) * self.scale,
            )
        })
    }
}

/// Reads the code with these finder patterns, if there is one. `unseen` names the one (0 top left, 1 top right, 3
/// bottom left) that is only presumed, because the picture ends before it or a lamp shines on it.
pub(super) fn read(
    scene: Scene<'_>,
    set: &FinderPatternSet,
    unseen: Option<usize>,
) -> Option<(Said, Corners)> {
    let mut fits = Vec::new();
    for side in sides(scene.matrix, set) {
        let pattern = Pattern::of(side)?;
        let lasts = match unseen {
            Some(_) => vec![parallel_corner(set, side)],
            None => last_corners(scene.matrix, set, side),
        };
        for last in lasts {
            let points = scene.points(set, last);
            let fit = match unseen {
                Some(unseen) => Fit::coarse(scene, &pattern, points, unseen, 3),
                None => Fit::at(scene, &pattern, points, [0.0; 4]),
            };
            fits.extend(fit.map(|fit| (fit, pattern.clone())));
        }
    }
    // The right number of modules shows at once; where the fourth corner is takes a search.
    let best_first = |fits: &mut Vec<(Fit, Pattern)>, most| {
        fits.sort_by(|one, other| other.0.score.total_cmp(&one.0.score));
        fits.truncate(most);
    };
    best_first(&mut fits, MOST_SEARCHES);
    for (fit, pattern) in &mut fits {
        if let Some(better) = Fit::coarse(scene, pattern, fit.points, 2, 2) {
            *fit = better;
        }
    }
    best_first(&mut fits, MOST_FITS);
    for (mut fit, pattern) in fits {
        if fit.score < PLAUSIBLE_BEFORE {
            break;
        }
        fit.refine(scene, &pattern);
        if fit.score < PLAUSIBLE_AFTER {
            continue;
        }
        if let Some(said) = judge(scene, &pattern, &fit) {
            let side = pattern.side as f64;
            let corners = [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)].map(|(x, y)| {
                let (x, y) = fit.grid.place(x, y);
                (x as f32, y as f32)
            });
            return Some((said, corners));
        }
    }
    None
}

/// Whether a code may well be here: its timing and alignment patterns show between the finder patterns.
pub(super) fn plausible(scene: Scene<'_>, set: &FinderPatternSet) -> bool {
    sides(scene.matrix, set).into_iter().any(|side| {
        let Some(pattern) = Pattern::of(side) else {
            return false;
        };
        let points = scene.points(set, parallel_corner(set, side));
        Fit::coarse(scene, &pattern, points, 2, 2).is_some_and(|fit| fit.score > PLAUSIBLE_AFTER)
    })
}

/// For how many grids the fourth corner is searched for one set of finder patterns.
const MOST_SEARCHES: usize = 4;
/// How many grids are refined for one set of finder patterns.
const MOST_FITS: usize = 2;
/// A grid that agrees less than this with the patterns is not worth refining.
const PLAUSIBLE_BEFORE: f64 = 0.35;
/// A grid that agrees less than this after refining is not a code.
const PLAUSIBLE_AFTER: f64 = 0.5;

/// The number of modules across that the distances suggest, and its neighbours.
fn sides(matrix: &BitMatrix, set: &FinderPatternSet) -> Vec<usize> {
    let between = |a: ConcentricPattern, b: ConcentricPattern, module: f64| {
        f64::from(Point::distance(a.p, b.p)) / module + 7.0
    };
    // By the finder patterns' edges on the line between two of them, or by their sizes.
    let by_edges = |a, b| {
        let (one, other) = (
            EstimateModuleSize(matrix, a, b),
            EstimateModuleSize(matrix, b, a),
        );
        (one > 0.0 && other > 0.0).then(|| between(a, b, (one + other) / 2.0))
    };
    let by_size = |a: ConcentricPattern, b: ConcentricPattern| {
        between(a, b, f64::from(a.size + b.size) / 14.0)
    };
    let (top, left) = (by_edges(set.tl, set.tr), by_edges(set.tl, set.bl));
    let both = top.zip(left).map(|(top, left)| (top + left) / 2.0);
    let size = (by_size(set.tl, set.tr) + by_size(set.tl, set.bl)) / 2.0;
    let mut sides = Vec::new();
    for estimate in [both, top, left, Some(size)].into_iter().flatten() {
        let version = ((estimate - 17.0) / 4.0).round();
        for version in [version, version - 1.0, version + 1.0] {
            let side = 17.0 + 4.0 * version;
            if (1.0..=40.0).contains(&version) && !sides.contains(&(side as usize)) {
                sides.push(side as usize);
            }
        }
    }
    sides
}

/// Where the fourth point of the grid is without perspective: see [`Pattern::anchors`].
fn parallel_corner(set: &FinderPatternSet, side: usize) -> Point {
    let (tl, tr, bl) = (set.tl.p, set.tr.p, set.bl.p);
    let whole = (side - 7) as f32;
    let part = if side > 21 {
        (whole - 3.0) / whole
    } else {
        1.0
    };
    tl + (tr - tl) * part + (bl - tl) * part
}

/// Where the fourth point of the grid may be, in pixels of the matrix.
fn last_corners(matrix: &BitMatrix, set: &FinderPatternSet, side: usize) -> Vec<Point> {
    let (tl, tr, bl) = (set.tl.p, set.tr.p, set.bl.p);
    let whole = (side - 7) as f32;
    let mut corners = vec![parallel_corner(set, side)];
    // With perspective: the finder patterns' own edges, prolonged until they meet. Following an edge that is not
    // there makes rxing panic.
    let meeting = quiet::catch(|| {
        let meet = |edge| {
            let (bottom, right) = (
                TraceLine(matrix, bl, tl, edge),
                TraceLine(matrix, tr, tl, edge),
            );
            DMRegressionLine::intersect(&bottom, &right)
        };
        Some((meet(2)? + meet(3)?) / 2.0)
    });
    if let Some(meeting) = meeting.flatten() {
        // Half a module before and behind the line that is 3 modules from the code's edge.
        let corner = if side > 21 {
            meeting
        } else {
            meeting + (meeting - tl) * (3.0 / (whole - 3.0))
        };
        if corner.x.is_finite() && corner.y.is_finite() {
            corners.push(corner);
        }
    }
    corners
}

/// Places for modules: a plane seen by a camera, and a gentle bend in it.
struct Grid {
    map: Projection,
    side: f64,
    bend: [f64; 4],
}

impl Grid {
    /// Where a place in the code, in modules, is in the image.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        if self.bend == [0.0; 4] {
            return self.map.apply(x, y);
        }
        // A mug bows the lines across it and squeezes them towards its edges; a leaning one does so the other way.
        let (u, v) = (x / self.side, y / self.side);
        let (across, down) = (u * (1.0 - u), v * (1.0 - v));
        let [bow_x, bow_y, squeeze_x, squeeze_y] = self.bend;
        self.map.apply(
            x + bow_x * down + squeeze_x * across * (u - 0.5),
            y + bow_y * across + squeeze_y * down * (v - 0.5),
        )
    }
}

/// A grid laid over the image.
struct Fit {
    points: [(f64, f64); 4],
    grid: Grid,
    /// Correlation with the patterns: 1 is perfect, 0 is chance.
    score: f64,
}

impl Fit {
    fn at(
        scene: Scene<'_>,
        pattern: &Pattern,
        points: [(f64, f64); 4],
        bend: [f64; 4],
    ) -> Option<Self> {
        let map = Projection::between(pattern.anchors(), points)?;
        let grid = Grid {
            map,
            side: pattern.side as f64,
            bend,
        };
        let score = agreement(scene, pattern, &grid);
        Some(Self {
            points,
            grid,
            score,
        })
    }

    /// Looks `reach` modules around one guessed point.
    fn coarse(
        scene: Scene<'_>,
        pattern: &Pattern,
        points: [(f64, f64); 4],
        guessed: usize,
        reach: i32,
    ) -> Option<Self> {
        let module = module_size(pattern, &points);
        let mut best: Option<Self> = None;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let mut moved = points;
                moved[guessed].0 += f64::from(dx) * module;
                moved[guessed].1 += f64::from(dy) * module;
                let Some(fit) = Self::at(scene, pattern, moved, [0.0; 4]) else {
                    continue;
                };
                if best.as_ref().is_none_or(|best| fit.score > best.score) {
                    best = Some(fit);
                }
            }
        }
        best
    }

    /// Moves one coordinate of one point, or bends one way, for as long as the patterns show better.
    fn refine(&mut self, scene: Scene<'_>, pattern: &Pattern) {
        let module = module_size(pattern, &self.points);
        for step in [1.0, 0.5, 0.25, 0.12] {
            for _ in 0..4 {
                let before = self.score;
                for degree in [4, 5, 0, 1, 2, 3, 6, 7, 8, 9, 10, 11] {
                    // A bend is strongest, and worth its number, halfway (bow) or by a twentieth of it (squeeze).
                    let size = match degree {
                        0..8 => step * module,
                        8 | 9 => step * 4.0,
                        _ => step * 20.0,
                    };
                    for size in [size, -size] {
                        let (mut points, mut bend) = (self.points, self.grid.bend);
                        match degree {
                            0..8 if degree % 2 == 0 => points[degree / 2].0 += size,
                            0..8 => points[degree / 2].1 += size,
                            _ => bend[degree - 8] += size,
                        }
                        if let Some(fit) = Self::at(scene, pattern, points, bend)
                            && fit.score > self.score
                        {
                            *self = fit;
                            break;
                        }
                    }
                }
                if self.score <= before {
                    break;
                }
            }
        }
    }
}

fn module_size(pattern: &Pattern, points: &[(f64, f64); 4]) -> f64 {
    let across = (points[1].0 - points[0].0).hypot(points[1].1 - points[0].1);
    let down = (points[3].0 - points[0].0).hypot(points[3].1 - points[0].1);
    (across + down) / 2.0 / (pattern.side as f64 - 7.0)
}

/// How well the image shows the patterns under this grid: the correlation of shades with what they should be.
fn agreement(scene: Scene<'_>, pattern: &Pattern, grid: &Grid) -> f64 {
    let (mut light, mut dark) = ((0.0, 0.0), (0.0, 0.0));
    let mut squares = 0.0;
    for &(x, y, is_dark) in &pattern.modules {
        let (x, y) = grid.place(x as f64 + 0.5, y as f64 + 0.5);
        let Some(shade) = shade(scene.view, x, y) else {
            continue;
        };
        let sum = if is_dark { &mut dark } else { &mut light };
        sum.0 += shade;
        sum.1 += 1.0;
        squares += shade * shade;
    }
    let count: f64 = light.1 + dark.1;
    // Part of a code may lie outside the picture; most of it must not.
    if count < 0.7 * pattern.modules.len() as f64 || light.1 < 1.0 || dark.1 < 1.0 {
        return 0.0;
    }
    let mean = (light.0 + dark.0) / count;
    let variance = squares / count - mean * mean;
    if variance < 0.25 {
        return 0.0;
    }
    let share = light.1 / count;
    let covariance = share * (1.0 - share) * (light.0 / light.1 - dark.0 / dark.1);
    let correlation = covariance / (variance * share * (1.0 - share)).sqrt();
    if scene.inverted {
        -correlation
    } else {
        correlation
    }
}

/// Reads the modules' shades and decides which are dark, in several ways, until one of them says something.
fn judge(scene: Scene<'_>, pattern: &Pattern, fit: &Fit) -> Option<Said> {
    let shades = Shades::read(scene, pattern, &fit.grid);
    let attempt = |dark: &[bool]| symbol::said(&modules(dark, pattern.side)?);
    for window in [4, 2] {
        let dark = shades.darker_than_around(window);
        if let Some(said) = attempt(&dark) {
            return Some(said);
        }
    }
    // Blur mixes each module with its neighbours. How much with which, the modules that every code has tell: a
    // linear equaliser is trained on them (least squares), then once more on all modules as it decided them.
    let even = shades.evened();
    for reach in [1, 2] {
        let mut dark = even.equalised(pattern, reach, None)?;
        for _ in 0..2 {
            if let Some(said) = attempt(&dark) {
                return Some(said);
            }
            dark = even.equalised(pattern, reach, Some(&dark))?;
        }
        if let Some(said) = attempt(&dark) {
            return Some(said);
        }
    }
    None
}

fn modules(dark: &[bool], side: usize) -> Option<BitMatrix> {
    let mut modules = BitMatrix::with_single_dimension(side as u32).ok()?;
    for at in (0..side * side).filter(|&at| dark[at]) {
        modules.set((at % side) as u32, (at / side) as u32);
    }
    Some(modules)
}

/// How far around the code shades are read, in modules.
const MARGIN: usize = 2;

/// The shade of each module and of some around the code; dark modules have low values, inverted or not.
struct Shades {
    side: usize,
    /// `side + 2 * MARGIN` across and down.
    values: Zeroizing<Vec<f32>>,
}

impl Shades {
    /// The mean shade of the middle of each module.
    fn read(scene: Scene<'_>, pattern: &Pattern, grid: &Grid) -> Self {
        let side = pattern.side;
        let across = side + 2 * MARGIN;
        let mut values = Zeroizing::new(Vec::with_capacity(across * across));
        let at = |at: usize| at as f64 - MARGIN as f64;
        for y in 0..across {
            for x in 0..across {
                let (mut sum, mut count) = (0.0, 0.0);
                for (dx, dy) in [
                    (0.5, 0.5),
                    (0.32, 0.32),
                    (0.68, 0.32),
                    (0.32, 0.68),
                    (0.68, 0.68),
                ] {
                    let (px, py) = grid.place(at(x) + dx, at(y) + dy);
                    if let Some(shade) = shade(scene.view, px, py) {
                        sum += if scene.inverted { 255.0 - shade } else { shade };
                        count += 1.0;
                    }
                }
                values.push(if count > 0.0 {
                    (sum / count) as f32
                } else {
                    f32::NAN
                });
            }
        }
        // Outside the picture nobody knows: neither dark nor light.
        let (sum, count) = values
            .iter()
            .filter(|value| value.is_finite())
            .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        let mean = sum / f32::max(count, 1.0);
        values
            .iter_mut()
            .filter(|value| !value.is_finite())
            .for_each(|value| *value = mean);
        Self { side, values }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        self.values[(y + MARGIN) * (self.side + 2 * MARGIN) + x + MARGIN]
    }

    /// Which modules are darker than the mean of the square of modules that reaches `window` modules from them.
    fn darker_than_around(&self, window: usize) -> Zeroizing<Vec<bool>> {
        let mut dark = Zeroizing::new(Vec::with_capacity(self.side * self.side));
        for y in 0..self.side {
            for x in 0..self.side {
                dark.push(self.at(x, y) < self.around(x, y, window).0);
            }
        }
        dark
    }

    /// Mean and standard deviation of a square of modules, cut at the code's edges.
    fn around(&self, x: usize, y: usize, window: usize) -> (f32, f32) {
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for y in y.saturating_sub(window)..=(y + window).min(self.side - 1) {
            for x in x.saturating_sub(window)..=(x + window).min(self.side - 1) {
                let value = self.at(x, y);
                sum += value;
                squares += value * value;
                count += 1.0;
            }
        }
        let mean = sum / count;
        (mean, (squares / count - mean * mean).max(0.0).sqrt())
    }

    /// The same light everywhere: the mean of the surroundings becomes 0, their spread 1.
    fn evened(&self) -> Self {
        let across = self.side + 2 * MARGIN;
        let mut values = Zeroizing::new(Vec::with_capacity(across * across));
        for y in 0..across {
            for x in 0..across {
                let inside = |at: usize| at.saturating_sub(MARGIN).min(self.side - 1);
                let (mean, spread) = self.around(inside(x), inside(y), 4);
                values.push((self.values[y * across + x] - mean) / (spread + 2.0));
            }
        }
        Self {
            side: self.side,
            values,
        }
    }

    /// Which modules are dark, judged by a weighted sum of themselves and the neighbours that are at most `reach`
    /// modules away. The weights are those that fit best to the patterns, and to `decided` where it is given.
    fn equalised(
        &self,
        pattern: &Pattern,
        reach: usize,
        decided: Option<&[bool]>,
    ) -> Option<Zeroizing<Vec<bool>>> {
        let width = 2 * reach + 1;
        let weights = width * width + 1;
        let mut row = vec![0.0f64; weights];
        let fill = |row: &mut [f64], x: usize, y: usize| {
            for dy in 0..width {
                for dx in 0..width {
                    let across = self.side + 2 * MARGIN;
                    let at = (y + MARGIN + dy - reach) * across + x + MARGIN + dx - reach;
                    row[dy * width + dx] = f64::from(self.values[at]);
                }
            }
            row[weights - 1] = 1.0;
        };
        let mut equations = vec![vec![0.0f64; weights + 1]; weights];
        let mut learn = |x: usize, y: usize, dark: bool, weight: f64| {
            fill(&mut row, x, y);
            let target = if dark { -weight } else { weight };
            for (one, equation) in row.iter().zip(equations.iter_mut()) {
                for (cell, other) in equation.iter_mut().zip(&row) {
                    *cell += weight * one * other;
                }
                equation[weights] += one * target;
            }
        };
        for &(x, y, dark) in &pattern.modules {
            learn(x, y, dark, 1.0);
        }
        if let Some(decided) = decided {
            for y in 0..self.side {
                for x in 0..self.side {
                    learn(x, y, decided[y * self.side + x], 0.5);
                }
            }
        }
        // A little of the identity keeps the weights small where the samples do not decide.
        let ridge = 0.01 * equations[weights - 1][weights - 1];
        for (at, equation) in equations.iter_mut().enumerate().take(weights - 1) {
            equation[at] += ridge;
        }
        let solution = solved(equations)?;
        let mut dark = Zeroizing::new(Vec::with_capacity(self.side * self.side));
        for y in 0..self.side {
            for x in 0..self.side {
                fill(&mut row, x, y);
                dark.push(
                    row.iter()
                        .zip(&solution)
                        .map(|(value, weight)| value * weight)
                        .sum::<f64>()
                        < 0.0,
                );
            }
        }
        row.zeroize();
        Some(dark)
    }
}

/// Gauss and Jordan's elimination with the largest pivot.
fn solved(mut equations: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = equations.len();
    for column in 0..count {
        let best = (column..count).max_by(|&one, &other| {
            equations[one][column]
                .abs()
                .total_cmp(&equations[other][column].abs())
        })?;
        equations.swap(column, best);
        let pivot = equations[column].clone();
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        for (at, equation) in equations.iter_mut().enumerate() {
            if at != column {
                let factor = equation[column] / pivot[column];
                for (cell, below) in equation.iter_mut().zip(&pivot).skip(column) {
                    *cell -= factor * below;
                }
            }
        }
    }
    Some(
        equations
            .iter()
            .enumerate()
            .map(|(at, equation)| equation[count] / equation[at])
            .collect(),
    )
}

/// The shade at a place in the image, between the pixels around it; `None` outside.
fn shade(view: View<'_>, x: f64, y: f64) -> Option<f64> {
    let (x, y) = (x - 0.5, y - 0.5);
    if !(x >= -1.5 && y >= -1.5 && x <= view.width as f64 + 0.5 && y <= view.height as f64 + 0.5) {
        return None;
    }
    let (x, y) = (
        x.clamp(0.0, view.width as f64 - 1.0),
        y.clamp(0.0, view.height as f64 - 1.0),
    );
    let (column, row) = (x as usize, y as usize);
    let (dx, dy) = (x - column as f64, y - row as f64);
    let right = (column + 1).min(view.width - 1);
    let upper = &view.luma[row * view.width..];
    let lower = &view.luma[(row + 1).min(view.height - 1) * view.width..];
    let along = |row: &[u8]| f64::from(row[column]) * (1.0 - dx) + f64::from(row[right]) * dx;
    Some(along(upper) * (1.0 - dy) + along(lower) * dy)
}

/// A projective map from modules to pixels.
struct Projection([f64; 9]);

impl Projection {
    /// The map that takes four points to four others, or `None` if three of them lie on a line.
    fn between(from: [(f64, f64); 4], to: [(f64, f64); 4]) -> Option<Self> {
        let out = Self::from_square(to)?;
        let back = Self::from_square(from)?.inverse()?;
        let mut product = [0.0; 9];
        for row in 0..3 {
            for column in 0..3 {
                product[row * 3 + column] = (0..3)
                    .map(|at| out.0[row * 3 + at] * back.0[at * 3 + column])
                    .sum();
            }
        }
        Some(Self(product))
    }

    fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let m = &self.0;
        let scale = m[6] * x + m[7] * y + m[8];
        (
            (m[0] * x + m[1] * y + m[2]) / scale,
            (m[3] * x + m[4] * y + m[5]) / scale,
        )
    }

    /// From the unit square (Heckbert 1989, 2.2.3).
    fn from_square(to: [(f64, f64); 4]) -> Option<Self> {
        let [(x0, y0), (x1, y1), (x2, y2), (x3, y3)] = to;
        let (sx, sy) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dy1, dx2, dy2) = (x1 - x2, y1 - y2, x3 - x2, y3 - y2);
        let determinant = dx1 * dy2 - dx2 * dy1;
        if determinant.abs() < 1e-9 {
            return None;
        }
        let g = (sx * dy2 - dx2 * sy) / determinant;
        let h = (dx1 * sy - sx * dy1) / determinant;
        Some(Self([
            x1 - x0 + g * x1,
            x3 - x0 + h * x3,
            x0,
            y1 - y0 + g * y1,
            y3 - y0 + h * y3,
            y0,
            g,
            h,
            1.0,
        ]))
    }

    fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let adjugate = [
            e * i - f * h,
            c * h - b * i,
            b * f - c * e,
            f * g - d * i,
            a * i - c * g,
            c * d - a * f,
            d * h - e * g,
            b * g - a * h,
            a * e - b * d,
        ];
        let determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
        (determinant.abs() > 1e-12).then(|| Self(adjugate.map(|cell| cell / determinant)))
    }
}
