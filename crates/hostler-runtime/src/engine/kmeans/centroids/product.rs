//! Many rows against every centre, by a blocked product: |c|² - 2x·c orders the centres as |x - c|² does.
//!
//! Why: a batch costs one multiplication and addition per row, centre and feature, on values that stay in
//! registers and the first cache. What the form loses in digits is bounded, and when another centre is within
//! the bound of the best, there is doubt, and the caller decides in 64 bits. As a rule there is none.
//! Invariants: without doubt the guess is the nearest; with doubt the nearest is among those it names. At most
//! `CLUSTERS_MAX` products for each of `rows_at_once` rows are held.

use pulp::Simd;

use super::exact;
use super::kernel::{self, Width};
use super::panels::{LANES, Lanes, Panels};

/// Fewer rows are quicker one by one.
const ROWS_MIN: usize = 4;

/// With more clusters the products would outgrow every cache, and memory with them.
const CLUSTERS_MAX: usize = 1 << 14;

/// With more features a few rows would, too.
const WIDTH_MAX: usize = 1 << 16;

/// Squares beyond this may leave the range of 32 bits on the way.
const SQUARE_MAX: f64 = 1e37;

/// The numbers of the first sixteen clusters, each with `CLUSTERS_MAX` added.
const FIRST_NUMBERS: Lanes = {
    let mut numbers = [CLUSTERS_MAX as f32; LANES];
    let mut lane = 0;
    while lane < LANES {
        numbers[lane] += lane as f32;
        lane += 1;
    }
    numbers
};

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

/// What the products say about a row.
pub(super) struct Guess {
    /// The nearest cluster by its score.
    pub(super) cluster: usize,
    score: f32,
    /// The next greater score, or the same when two clusters have it.
    runner_up: f32,
}

/// Which clusters may be the nearest besides the guess.
pub(super) enum Doubt {
    None,
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
                self.multiply_by::<S, 6, 1, 1>(simd, rows, paired..self.panels.count());
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

    /// The cluster that seems to be the nearest to a row of the batch.
    #[inline(always)]
    pub(super) fn guess<S: Simd>(&self, simd: S, index: usize) -> Guess {
        let products = S::as_simd_f32s(self.products_of(index).as_flattened()).0;
        let norms = S::as_simd_f32s(self.panels.norms.as_flattened()).0;
        let twice = simd.splat_f32s(-2.0);
        let infinite = simd.splat_f32s(f32::INFINITY);
        let (mut lowest, mut second) = (infinite, infinite);
        for (product, norm) in products.iter().zip(norms) {
            let score = simd.mul_add_e_f32s(*product, twice, *norm);
            second = simd.min_f32s(second, simd.max_f32s(lowest, score));
            lowest = simd.min_f32s(lowest, score);
        }
        let score_min = simd.reduce_min_f32s(lowest);
        let least = simd.splat_f32s(score_min);

        // Each cluster with the least score adds its number, and so much that a second one shows. All these
        // numbers are exact as floats.
        let mut numbers = S::as_simd_f32s(&FIRST_NUMBERS).0[0];
        let step = simd.splat_f32s(S::F32_LANES as f32);
        let zero = simd.splat_f32s(0.0);
        let mut sum = zero;
        for (product, norm) in products.iter().zip(norms) {
            let score = simd.mul_add_e_f32s(*product, twice, *norm);
            let is_least = simd.less_than_or_equal_f32s(score, least);
            sum = simd.add_f32s(sum, simd.select_f32s(is_least, numbers, zero));
            numbers = simd.add_f32s(numbers, step);
        }
        let sum = simd.reduce_sum_f32s(sum) as usize;
        if !(CLUSTERS_MAX..2 * CLUSTERS_MAX).contains(&sum) {
            return Guess { cluster: 0, score: score_min, runner_up: score_min };
        }
        // In the lane of the least the second counts, in the others the first.
        let is_least = simd.less_than_or_equal_f32s(lowest, least);
        let runner_up = simd.reduce_min_f32s(simd.select_f32s(is_least, second, lowest));
        Guess { cluster: sum - CLUSTERS_MAX, score: score_min, runner_up }
    }

    /// Whether another cluster may be nearer than the guess, whose squared distance this is.
    #[inline(always)]
    pub(super) fn doubt(&self, guess: &Guess, square: f32) -> Doubt {
        let error = self.bound.error(square);
        let limit = guess.score + 2.0 * error;
        if guess.runner_up > limit {
            return Doubt::None;
        }
        if limit.is_finite() { Doubt::UpTo(limit) } else { Doubt::All }
    }

    /// The clusters of a row whose score is not above the limit, in their order.
    pub(super) fn up_to(&self, index: usize, limit: f32) -> impl Iterator<Item = usize> {
        let products = self.products_of(index).as_flattened().iter();
        let scores =
            products.zip(self.panels.norms.as_flattened()).map(|(product, norm)| norm - 2.0 * product);
        let chosen = scores.enumerate().filter(move |(_, score)| *score <= limit);
        chosen.map(|(cluster, _)| cluster)
    }

    /// x·c of a row and every centre, and zeros where there is none.
    #[inline(always)]
    fn products_of(&self, index: usize) -> &[Lanes] {
        let panel_count = self.panels.count();
        &self.products[index * panel_count..][..panel_count]
    }
}

/// How far the score of a row and any centre may be from the truth, and the truth from what 64 bits make of it.
///
/// With |x·c| <= |x| |c|, each addition to a product and each of the last steps is a rounding of at most that, so
/// a score is wrong by `of_products` times (2|x| + |c|)|c| at most, and what 64 bits make of the square by
/// `of_squares` times (|x| + |c|)². A row at a distance d from some centre is no longer than d + |c|, and as
/// 2d|c| <= d² + |c|², the first is `of_products` times d² + 4|c|² at most, the second `of_squares` times
/// 2d² + 8|c|². Both are some percent greater than they need be, for their own roundings.
struct Bound {
    of_square: f32,
    constant: f32,
    /// From here on numbers may leave the range of 32 bits on the way.
    square_max: f32,
}

impl Bound {
    fn new(panels: &Panels) -> Self {
        let width = panels.width;
        let roundings = width.min(FEATURES_AT_ONCE) + width.div_ceil(FEATURES_AT_ONCE) + 16;
        let of_products = roundings as f64 * f64::from(f32::EPSILON) / 2.0;
        let of_squares = exact::error(width);
        let norm_max = panels.length_max * panels.length_max;
        // Numbers near zero have an error of their own.
        let near_zero = f64::from(f32::MIN_POSITIVE);
        Self {
            of_square: (1.02 * (of_products + 2.0 * of_squares)) as f32,
            constant: (1.02 * (4.0 * of_products + 8.0 * of_squares) * norm_max + near_zero) as f32,
            square_max: (SQUARE_MAX - 8.0 * norm_max) as f32,
        }
    }

    /// For a row whose squared distance from some centre is this; infinite when that is too great.
    #[inline(always)]
    fn error(&self, square: f32) -> f32 {
        if square < self.square_max { square * self.of_square + self.constant } else { f32::INFINITY }
    }
}
