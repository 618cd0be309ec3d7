//! Many rows against every centre, by a blocked product: |c|² - 2x·c orders the centres as |x - c|² does.
//!
//! Why: a batch costs one multiplication and addition per row, centre and feature, on values that stay in
//! registers and the first cache. What the form loses in digits is bounded, and every centre within the bound
//! is a candidate that the caller decides about in 64 bits; as a rule there is one.
//! Invariants: the nearest centre is always among the candidates; None says that 32 bits cannot tell (numbers
//! beyond their range). At most `CLUSTERS_MAX` times `rows_at_once` scores are held.

use pulp::Simd;

use super::exact;
use super::panels::{LANES, Lanes, Panels, multiply_add};

/// Fewer rows are quicker one by one.
const ROWS_MIN: usize = 4;

/// With more clusters the scores would outgrow every cache, and memory with them.
const CLUSTERS_MAX: usize = 1 << 14;

/// With more features a few rows would, too.
const WIDTH_MAX: usize = 1 << 16;

/// Squares beyond this may leave the range of 32 bits on the way.
const SQUARE_MAX: f64 = 1e37;

/// Features of one block: a block of a panel is 16 KiB.
const FEATURES_AT_ONCE: usize = 256;

/// What the rows of a batch take: a good part of a second-level cache.
const ROWS_BYTES: usize = 256 * 1024;

/// Whether a product is quicker than row by row.
pub(super) fn pays(panels: &Panels, rows: usize) -> bool {
    rows >= ROWS_MIN && panels.count <= CLUSTERS_MAX && panels.width <= WIDTH_MAX
}

/// How many rows are worked on at once; a multiple of every height of the kernel.
pub(super) fn rows_at_once(width: usize) -> usize {
    const STEP: usize = 12;
    if width > WIDTH_MAX {
        return 1;
    }
    let fitting = ROWS_BYTES / (width * size_of::<f32>());
    (fitting / STEP * STEP).clamp(STEP, 21 * STEP)
}

/// The scores of some rows; its buffer serves one batch after another.
pub(super) struct Batch<'a> {
    panels: &'a Panels,
    /// x·c, `panels.count()` times sixteen of each row.
    products: Vec<Lanes>,
    scores: Vec<Lanes>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(panels: &'a Panels) -> Self {
        Self { panels, products: Vec::new(), scores: Vec::new() }
    }

    /// Multiplies these rows, at most `rows_at_once`, with every centre.
    #[inline(always)]
    pub(super) fn multiply<S: Simd>(&mut self, rows: &[f32]) {
        // As many rows as leave registers for a feature of the centres and a value: a row takes one register
        // of sixteen floats, two of eight, or four of four.
        if size_of::<S::f32s>() >= 64 {
            self.multiply_by::<S, 12>(rows);
        } else if size_of::<S::f32s>() >= 32 {
            self.multiply_by::<S, 6>(rows);
        } else {
            self.multiply_by::<S, 3>(rows);
        }
    }

    #[inline(always)]
    fn multiply_by<S: Simd, const ROWS: usize>(&mut self, rows: &[f32]) {
        let Panels { width, .. } = *self.panels;
        let panel_count = self.panels.count();
        let row_count = rows.len() / width;
        self.products.clear();
        self.products.resize(row_count * panel_count, [0.0; LANES]);
        for first_feature in (0..width).step_by(FEATURES_AT_ONCE) {
            let features = first_feature..width.min(first_feature + FEATURES_AT_ONCE);
            for number in 0..panel_count {
                let panel = &self.panels.panel(number)[features.clone()];
                for first in (0..row_count).step_by(ROWS) {
                    // Beyond the last row the first of this group is repeated, and its products dropped.
                    let row = |index: usize| if first + index < row_count { first + index } else { first };
                    let group: [&[f32]; ROWS] =
                        std::array::from_fn(|index| &rows[row(index) * width..][features.clone()]);
                    let products = product::<S, ROWS>(group, panel);
                    for (index, product) in products.iter().enumerate().take(row_count - first) {
                        let sums = &mut self.products[(first + index) * panel_count + number];
                        for lane in 0..LANES {
                            sums[lane] += product[lane];
                        }
                    }
                }
            }
        }
    }

    /// The clusters that may be the nearest to a row of the batch, in their order.
    #[inline(always)]
    pub(super) fn candidates(&mut self, index: usize, row: &[f32]) -> Option<impl Iterator<Item = usize>> {
        let panel_count = self.panels.count();
        let products = &self.products[index * panel_count..][..panel_count];
        self.scores.clear();
        let mut lowest = [f32::INFINITY; LANES];
        for (products, norms) in products.iter().zip(&self.panels.norms) {
            let mut scores = [0.0; LANES];
            for lane in 0..LANES {
                scores[lane] = norms[lane] - 2.0 * products[lane];
                lowest[lane] = if scores[lane] < lowest[lane] { scores[lane] } else { lowest[lane] };
            }
            self.scores.push(scores);
        }
        let score_min = lowest.into_iter().fold(f32::INFINITY, f32::min);
        let limit = (f64::from(score_min) + 2.0 * self.error(row)?) as f32;
        // Rounded up, so that nothing within the bound is missed.
        let limit = limit.next_up();
        let can_tell = score_min.is_finite() && limit.is_finite();
        let scores = self.scores.as_flattened();
        let count = self.panels.count;
        can_tell.then(move || (0..count).filter(move |cluster| !(scores[*cluster] > limit)))
    }

    /// How far the score of a row and any centre may be from the truth, and the truth from what 64 bits make
    /// of it. With |x·c| <= |x| |c|, each addition to a product and each one of the last steps is a rounding of
    /// at most that. None when a number may have left the range of 32 bits.
    #[inline(always)]
    fn error(&self, row: &[f32]) -> Option<f64> {
        let width = self.panels.width;
        let length = self.length(row);
        let length_max = self.panels.length_max;
        let roundings = width.min(FEATURES_AT_ONCE) + width.div_ceil(FEATURES_AT_ONCE) + 8;
        let rounding = roundings as f64 * f64::from(f32::EPSILON) / 2.0;
        let in_32_bits = rounding * (2.0 * length + length_max) * length_max;
        let square_max = (length + length_max) * (length + length_max);
        let in_64_bits = exact::error(width) * square_max;
        // Numbers near zero have an error of their own.
        let error = 1.01 * (in_32_bits + in_64_bits) + f64::from(f32::MIN_POSITIVE);
        (square_max < SQUARE_MAX).then_some(error)
    }

    /// |x|, perhaps somewhat more.
    #[inline(always)]
    fn length(&self, row: &[f32]) -> f64 {
        let (blocks, tail) = row.as_chunks::<LANES>();
        let mut sums = [0.0_f32; LANES];
        for block in blocks {
            for lane in 0..LANES {
                sums[lane] += block[lane] * block[lane];
            }
        }
        for (lane, value) in tail.iter().enumerate() {
            sums[lane] += value * value;
        }
        let square: f32 = sums.iter().sum();
        1.01 * f64::from(square).sqrt()
    }
}

/// x·c of some rows and sixteen centres over some features; all sums stay in registers.
#[inline(always)]
fn product<S: Simd, const ROWS: usize>(rows: [&[f32]; ROWS], panel: &[Lanes]) -> [Lanes; ROWS] {
    let rows = rows.map(|row| &row[..panel.len()]);
    let mut sums = [[0.0; LANES]; ROWS];
    for (feature, centres) in panel.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(&rows) {
            let value = row[feature];
            for lane in 0..LANES {
                sums[lane] = multiply_add::<S>(value, centres[lane], sums[lane]);
            }
        }
    }
    sums
}
