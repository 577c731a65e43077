//! What is done to an image before a decoder sees it: smaller, larger, smoother, darker.

use zeroize::{Zeroize, Zeroizing};

/// A grey image under work; wiped when dropped.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub luma: Zeroizing<Vec<u8>>,
}

impl Plane {
    pub(super) fn new(width: usize, height: usize, luma: Vec<u8>) -> Self {
        Self {
            width,
            height,
            luma: Zeroizing::new(luma),
        }
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            width: self.width,
            height: self.height,
            luma: &self.luma,
        }
    }
}

/// A grey image that somebody else owns.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub width: usize,
    pub height: usize,
    pub luma: &'a [u8],
}

impl View<'_> {
    /// `factor` times smaller; each pixel is the mean of a square of pixels.
    pub(super) fn shrunk(self, factor: usize) -> Plane {
        let (width, height) = ((self.width / factor).max(1), (self.height / factor).max(1));
        let mut luma = Vec::with_capacity(width * height);
        let mut sums = vec![0u32; width];
        for y in 0..height {
            sums.fill(0);
            let mut rows = 0;
            for row in self
                .luma
                .chunks_exact(self.width)
                .skip(y * factor)
                .take(factor)
            {
                rows += 1;
                for (sum, square) in sums.iter_mut().zip(row.chunks(factor)) {
                    *sum += square.iter().map(|&value| u32::from(value)).sum::<u32>();
                }
            }
            let area = (rows * factor.min(self.width)) as u32;
            luma.extend(sums.iter().map(|&sum| ((sum + area / 2) / area) as u8));
        }
        sums.zeroize();
        Plane::new(width, height, luma)
    }

    /// Twice the size, linearly interpolated.
    pub(super) fn doubled(self) -> Plane {
        let (width, height) = (self.width * 2, self.height * 2);
        let mut luma = Vec::with_capacity(width * height);
        for y in 0..height {
            // Pixel centres: target y sits at (y + 0.5) / 2 - 0.5, so a quarter from one source row or the other.
            let near = y / 2;
            let far = if y % 2 == 0 {
                near.saturating_sub(1)
            } else {
                (near + 1).min(self.height - 1)
            };
            let near = &self.luma[near * self.width..][..self.width];
            let far = &self.luma[far * self.width..][..self.width];
            let column = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
            for x in 0..self.width {
                let here = 3 * column(x);
                luma.push(((here + column(x.saturating_sub(1)) + 8) / 16) as u8);
                luma.push(((here + column((x + 1).min(self.width - 1)) + 8) / 16) as u8);
            }
        }
        Plane::new(width, height, luma)
    }

    /// Each pixel becomes the mean of the square that reaches `radius` pixels from it.
    pub(super) fn blurred(self, radius: usize) -> Plane {
        let sums = Sums::of(self);
        let mut luma = Vec::with_capacity(self.luma.len());
        for y in 0..self.height {
            for x in 0..self.width {
                let (sum, area) = sums.around(x, y, radius);
                luma.push(((sum + area / 2) / area) as u8);
            }
        }
        Plane::new(self.width, self.height, luma)
    }

    /// Differences from the mean of the square that reaches `radius` pixels from each pixel, twice as strong.
    pub(super) fn sharpened(self, radius: usize) -> Plane {
        let sums = Sums::of(self);
        let mut luma = Vec::with_capacity(self.luma.len());
        for y in 0..self.height {
            for x in 0..self.width {
                let (sum, area) = sums.around(x, y, radius);
                let value = i32::from(self.luma[y * self.width + x]);
                luma.push((3 * value - 2 * (sum / area) as i32).clamp(0, 255) as u8);
            }
        }
        Plane::new(self.width, self.height, luma)
    }

    /// The darkest hundredth becomes black, the lightest white, linearly between.
    pub(super) fn stretched(self) -> Plane {
        let mut histogram = [0usize; 256];
        for &value in self.luma {
            histogram[usize::from(value)] += 1;
        }
        let hundredth = self.luma.len() / 100;
        let past = |order: &[usize]| {
            let mut seen = 0;
            order.iter().position(|&count| {
                seen += count;
                seen > hundredth
            })
        };
        let low = past(&histogram).unwrap_or(0);
        histogram.reverse();
        let high = 255 - past(&histogram).unwrap_or(0);
        let high = high.max(low + 1);
        let table: Vec<u8> = (0..256)
            .map(|value: usize| (value.clamp(low, high) - low) * 255 / (high - low))
            .map(|v| v as u8)
            .collect();
        Plane::new(
            self.width,
            self.height,
            self.luma
                .iter()
                .map(|&value| table[usize::from(value)])
                .collect(),
        )
    }

    /// Whether each pixel is darker than the mean of the square that reaches `radius` pixels from it.
    pub(super) fn darker_than_around(self, radius: usize) -> Zeroizing<Vec<bool>> {
        let sums = Sums::of(self);
        let mut dark = Vec::with_capacity(self.luma.len());
        for y in 0..self.height {
            for x in 0..self.width {
                let (sum, area) = sums.around(x, y, radius);
                dark.push(u32::from(self.luma[y * self.width + x]) * area < sum);
            }
        }
        Zeroizing::new(dark)
    }
}

/// Sums of all pixels above and to the left, modulo 2^32: the sum over any square is four look-ups.
struct Sums {
    width: usize,
    height: usize,
    table: Zeroizing<Vec<u32>>,
}

impl Sums {
    fn of(image: View<'_>) -> Self {
        let stride = image.width + 1;
        let mut table = vec![0u32; stride * (image.height + 1)];
        for (y, row) in image.luma.chunks_exact(image.width).enumerate() {
            let (above, below) = table.split_at_mut((y + 1) * stride);
            let above = &above[y * stride..];
            let mut sum = 0u32;
            for (x, &value) in row.iter().enumerate() {
                sum += u32::from(value);
                below[x + 1] = above[x + 1].wrapping_add(sum);
            }
        }
        Self {
            width: image.width,
            height: image.height,
            table: Zeroizing::new(table),
        }
    }

    /// The sum and the number of pixels of the square around a pixel, cut at the image's edges. The square must be
    /// smaller than 2^24 pixels, which half the longest side, 16,384, with the radii used here never reaches.
    fn around(&self, x: usize, y: usize, radius: usize) -> (u32, u32) {
        let (left, right) = (x.saturating_sub(radius), (x + radius + 1).min(self.width));
        let (top, bottom) = (y.saturating_sub(radius), (y + radius + 1).min(self.height));
        let stride = self.width + 1;
        let at = |x: usize, y: usize| self.table[y * stride + x];
        let sum = at(right, bottom)
            .wrapping_sub(at(left, bottom))
            .wrapping_sub(at(right, top))
            .wrapping_add(at(left, top));
        (sum, ((right - left) * (bottom - top)) as u32)
    }
}
