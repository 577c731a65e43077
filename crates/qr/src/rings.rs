//! Finder patterns whose outer ring is out of sight: on a ground as dark as the code, or cut by the picture's edge.
//!
//! What is left is a dark square of three modules with a light ring of one module around it, and something dark
//! behind that.

use rxing::common::BitMatrix;
use rxing::common::cpp_essentials::ConcentricPattern;
use rxing::point;

/// All such places that are not among the patterns already seen; at most [`MOST`].
pub(super) fn find(matrix: &BitMatrix, seen: &[ConcentricPattern]) -> Vec<ConcentricPattern> {
    let mut found: Vec<ConcentricPattern> = Vec::new();
    let mut runs = Vec::new();
    for y in (1..matrix.height()).step_by(2) {
        runs.clear();
        let mut start = 0;
        for x in 1..=matrix.width() {
            if x == matrix.width() || matrix.get(x, y) != matrix.get(start, y) {
                runs.push((start, x - start));
                start = x;
            }
        }
        for window in runs.windows(5) {
            let (core, width) = window[2];
            if !matrix.get(core, y) || !one_three_one(window[1].1, width, window[3].1) {
                continue;
            }
            let x = core as f32 + width as f32 / 2.0;
            let near = |other: &ConcentricPattern| {
                (other.p.x - x).hypot(other.p.y - y as f32) < other.size as f32 / 2.0
            };
            if seen.iter().chain(&found).any(near) {
                continue;
            }
            if let Some(pattern) = confirmed(matrix, x as u32, y) {
                found.push(pattern);
                if found.len() == MOST {
                    return found;
                }
            }
        }
    }
    found
}

/// More than this are letters and noise.
const MOST: usize = 24;

fn one_three_one(before: u32, core: u32, after: u32) -> bool {
    let module = (before + core + after) as f32 / 5.0;
    let close =
        |run: u32, modules: f32| (run as f32 - modules * module).abs() <= 0.6 * module.max(1.0);
    core >= 3 && close(before, 1.0) && close(core, 3.0) && close(after, 1.0)
}

/// Looks along the column, the row again through the middle, and both diagonals.
fn confirmed(matrix: &BitMatrix, x: u32, y: u32) -> Option<ConcentricPattern> {
    let (up, down) = arms(matrix, (x, y), (0, -1))?;
    let y = (y as f32 + 0.5 + (down.0 as f32 - up.0 as f32) / 2.0) as u32;
    let (left, right) = arms(matrix, (x, y), (-1, 0))?;
    let x = (x as f32 + 0.5 + (right.0 as f32 - left.0 as f32) / 2.0) as u32;
    let ((up, down), (left, right)) = (
        arms(matrix, (x, y), (0, -1))?,
        arms(matrix, (x, y), (-1, 0))?,
    );
    let core = (left.0 + right.0 + 1, up.0 + down.0 + 1);
    if !one_three_one(up.1, core.1, down.1) || !one_three_one(left.1, core.0, right.1) {
        return None;
    }
    if core.0 > core.1 * 2 || core.1 > core.0 * 2 {
        return None;
    }
    // Light on all four diagonals, or it is a line, not a square.
    for step in [(1, 1), (1, -1)] {
        let (one, other) = arms(matrix, (x, y), step)?;
        if one.0 * 5 < other.0 * 2 || other.0 * 5 < one.0 * 2 {
            return None;
        }
    }
    let centre = point(
        x as f32 + 0.5 + (right.0 as f32 - left.0 as f32) / 2.0,
        y as f32 + 0.5 + (down.0 as f32 - up.0 as f32) / 2.0,
    );
    let across = core.0 + core.1 + left.1 + right.1 + up.1 + down.1;
    Some(ConcentricPattern {
        p: centre,
        size: (across as f32 * 0.7).round() as i32,
    })
}

/// From a dark place in a direction and its opposite: how many dark pixels follow, and then how many light ones
/// before the next dark one or the picture's edge. `None` if no light one comes.
fn arms(
    matrix: &BitMatrix,
    from: (u32, u32),
    step: (i32, i32),
) -> Option<((u32, u32), (u32, u32))> {
    let arm = |step: (i32, i32)| {
        let mut runs = [0u32; 2];
        let mut at = (from.0 as i32 + step.0, from.1 as i32 + step.1);
        let inside = |at: (i32, i32)| {
            at.0 >= 0 && at.1 >= 0 && at.0 < matrix.width() as i32 && at.1 < matrix.height() as i32
        };
        for (run, dark) in runs.iter_mut().zip([true, false]) {
            while inside(at) && matrix.get(at.0 as u32, at.1 as u32) == dark {
                *run += 1;
                at = (at.0 + step.0, at.1 + step.1);
            }
        }
        (runs[1] > 0).then_some((runs[0], runs[1]))
    };
    if !matrix.get(from.0, from.1) {
        return None;
    }
    Some((arm(step)?, arm((-step.0, -step.1))?))
}
