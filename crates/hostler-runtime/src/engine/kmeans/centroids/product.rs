//! Many rows against every centre, by a blocked product: |c|² - 2x·c orders the centres as |x - c|² does.
//!
//! Why: a batch costs one multiplication and addition per row, centre and feature, on values that stay in
//! registers and the first cache. What the form loses in digits is bounded, and every centre within the bound
//! is a candidate that the caller decides about in 64 bits; as a rule there is one.
//! Invariants: the nearest centre is always among the candidates, or 32 bits cannot tell and say so. At most
//! `CLUSTERS_MAX` products for each of `rows_at_once` rows are held.

use pulp::Simd;

use super::exact;
use super::kernel::{self, Width};
use super::panels::{LANES, Lanes, Panels, least, total};

/// Fewer rows are quicker one by one.
const ROWS_MIN: usize = 4;

/// With more clusters the products would outgrow every cache, and memory with them.
const CLUSTERS_MAX: usize = 1 << 14;

/// With more features a few rows would, too.
const WIDTH_MAX: usize = 1 << 16;

/// Squares beyond this may leave the range of 32 bits on the way.
const SQUARE_MAX: f32 = 1e37;

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
    const STEP: usize = 24;
    if width > WIDTH_MAX {
        return 1;
    }
    let fitting = ROWS_BYTES / (width * size_of::<f32>());
    (fitting / STEP * STEP).clamp(STEP, 10 * STEP)
}

/// The products of some rows; its buffer serves one batch after another.
pub(super) struct Batch<'a> {
    panels: &'a Panels,
    bound: Bound,
    /// x·c, `panels.count()` times sixteen of each row.
    products: Vec<Lanes>,
}

/// Which clusters may be the nearest.
pub(super) enum Candidates {
    One(usize),
    /// All whose score is not above this.
    UpTo(f32),
    /// Any: numbers may have left the range of 32 bits.
    All,
}

impl<'a> Batch<'a> {
    pub(super) fn new(panels: &'a Panels) -> Self {
        Self { panels, bound: Bound::new(panels), products: Vec::new() }
    }

    /// Multiplies these rows, at most `rows_at_once`, with every centre.
    #[inline(always)]
    pub(super) fn multiply<S: Simd>(&mut self, simd: S, rows: &[f32]) {
        // As many sums as leave registers for the centres' features and a row's value.
        match kernel::width::<S>() {
            Width::Sixteen => {
                let paired = self.panels.count() / 2 * 2;
                self.multiply_by::<S, 8, 2, 1>(simd, rows, 0..paired);
                self.multiply_by::<S, 8, 1, 1>(simd, rows, paired..self.panels.count());
            }
            Width::Eight => self.multiply_by::<S, 6, 1, 2>(simd, rows, 0..self.panels.count()),
            Width::Four => self.multiply_by::<S, 4, 1, 4>(simd, rows, 0..self.panels.count()),
            Width::One => self.multiply_by::<S, 2, 1, 16>(simd, rows, 0..self.panels.count()),
        }
    }

    #[inline(always)]
    fn multiply_by<S: Simd, const ROWS: usize, const PANELS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        rows: &[f32],
        numbers: std::ops::Range<usize>,
    ) {
        let width = self.panels.width;
        let panel_count = self.panels.count();
        let row_count = rows.len() / width;
        self.products.resize(row_count * panel_count, [0.0; LANES]);
        for first_feature in (0..width).step_by(FEATURES_AT_ONCE) {
            let features = first_feature..width.min(first_feature + FEATURES_AT_ONCE);
            for number in numbers.clone().step_by(PANELS) {
                let panels: [&[Lanes]; PANELS] =
                    std::array::from_fn(|index| &self.panels.panel(number + index)[features.clone()]);
                for first in (0..row_count).step_by(ROWS) {
                    // Beyond the last row the first of this group is repeated, and its products dropped.
                    let row = |index: usize| if first + index < row_count { first + index } else { first };
                    let group: [&[f32]; ROWS] =
                        std::array::from_fn(|index| &rows[row(index) * width..][features.clone()]);
                    let products = kernel::product::<S, ROWS, PANELS, VECTORS>(simd, group, panels);
                    for (index, products) in products.iter().enumerate().take(row_count - first) {
                        let place = (first + index) * panel_count + number;
                        let sums = &mut self.products[place..place + PANELS];
                        if first_feature == 0 {
                            sums.copy_from_slice(products);
                            continue;
                        }
                        for (sums, products) in sums.iter_mut().zip(products) {
                            for lane in 0..LANES {
                                sums[lane] += products[lane];
                            }
                        }
                    }
                }
            }
        }
    }

    /// The clusters that may be the nearest to a row of the batch.
    #[inline(always)]
    pub(super) fn candidates(&self, index: usize, row: &[f32]) -> Candidates {
        let mut lowest = [f32::INFINITY; LANES];
        for scores in self.scores(index) {
            for lane in 0..LANES {
                lowest[lane] = if scores[lane] < lowest[lane] { scores[lane] } else { lowest[lane] };
            }
        }
        let Some(error) = self.bound.error(row) else {
            return Candidates::All;
        };
        let limit = least(lowest) + 2.0 * error;
        let (mut counts, mut places) = ([0_u32; LANES], [0_u32; LANES]);
        for (number, scores) in self.scores(index).enumerate() {
            for lane in 0..LANES {
                let is_candidate = u32::from(scores[lane] <= limit);
                counts[lane] += is_candidate;
                places[lane] += is_candidate * (number * LANES + lane) as u32;
            }
        }
        if counts.iter().sum::<u32>() == 1 {
            return Candidates::One(places.iter().sum::<u32>() as usize);
        }
        Candidates::UpTo(limit)
    }

    /// The clusters of a row whose score is not above the limit, in their order.
    pub(super) fn up_to(&self, index: usize, limit: f32) -> impl Iterator<Item = usize> {
        let is_candidate = move |score: f32| score <= limit;
        let scores = self.scores(index).flatten().enumerate();
        scores.filter(move |(_, score)| is_candidate(*score)).map(|(cluster, _)| cluster)
    }

    /// |c|² - 2x·c of a row and every centre; infinite where there is none.
    #[inline(always)]
    fn scores(&self, index: usize) -> impl Iterator<Item = Lanes> {
        let panel_count = self.panels.count();
        let products = &self.products[index * panel_count..][..panel_count];
        products.iter().zip(&self.panels.norms).map(|(products, norms)| {
            let mut scores = [0.0; LANES];
            for lane in 0..LANES {
                scores[lane] = norms[lane] - 2.0 * products[lane];
            }
            scores
        })
    }
}

/// How far the score of a row and any centre may be from the truth, and the truth from what 64 bits make of it.
///
/// With |x·c| <= |x| |c|, each addition to a product and each of the last steps is a rounding of at most that:
/// `of_products` times (2|x| + |c|)|c|. What 64 bits make of the square is wrong by `of_squares` times
/// (|x| + |c|)² at most. Both are some percent greater than they need be, for their own roundings.
struct Bound {
    of_products: f32,
    of_squares: f32,
    length_max: f32,
}

impl Bound {
    fn new(panels: &Panels) -> Self {
        let width = panels.width;
        let roundings = width.min(FEATURES_AT_ONCE) + width.div_ceil(FEATURES_AT_ONCE) + 16;
        Self {
            of_products: 1.02 * roundings as f32 * f32::EPSILON / 2.0,
            of_squares: 1.02 * exact::error(width) as f32,
            length_max: (1.001 * panels.length_max) as f32,
        }
    }

    /// None when a number may have left the range of 32 bits on the way.
    #[inline(always)]
    fn error(&self, row: &[f32]) -> Option<f32> {
        let length = length(row);
        let square_max = (length + self.length_max) * (length + self.length_max);
        let of_products = self.of_products * (2.0 * length + self.length_max) * self.length_max;
        // Numbers near zero have an error of their own.
        let error = of_products + self.of_squares * square_max + f32::MIN_POSITIVE;
        (square_max < SQUARE_MAX).then_some(error)
    }
}

/// |x|, perhaps somewhat more.
#[inline(always)]
fn length(row: &[f32]) -> f32 {
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
    1.01 * total(sums).sqrt()
}
