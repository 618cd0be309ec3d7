//! One row against every centre, by the direct form in 32 bits.
//!
//! Why: for a row alone there is nothing to gain from a product, and the direct form's error is so small that
//! practically always one candidate is left.
//! Invariants: a cluster that is returned is the nearest without doubt; whenever there is doubt, None is.

use pulp::Simd;

use super::kernel::{self, Width};
use super::panels::{LANES, Lanes, Panels};

/// Squares outside this range lose their digits in 32 bits.
const SQUARE_MIN: f32 = 1e-30;
const SQUARE_MAX: f32 = 1e37;

#[inline(always)]
pub(super) fn only_candidate<S: Simd>(simd: S, panels: &Panels, row: &[f32]) -> Option<usize> {
    let mut nearest = 0;
    let mut square_min = f32::INFINITY;
    let mut runner_up = f32::INFINITY;
    for number in 0..panels.count() {
        let squares = squares(simd, panels.panel(number), row);
        let first = number * LANES;
        for (lane, square) in squares.iter().take(panels.count - first).enumerate() {
            if *square < square_min {
                (nearest, runner_up, square_min) = (first + lane, square_min, *square);
            } else if *square < runner_up {
                runner_up = *square;
            }
        }
    }
    // Roundings of each addition, and of the terms; twice, for both squares.
    let roundings = row.len() + 8;
    let doubt = 1.0 + 2.0 * roundings as f32 * f32::EPSILON;
    let is_clear = (SQUARE_MIN..SQUARE_MAX).contains(&square_min) && runner_up > square_min * doubt;
    is_clear.then_some(nearest)
}

#[inline(always)]
fn squares<S: Simd>(simd: S, panel: &[Lanes], row: &[f32]) -> Lanes {
    match kernel::width::<S>() {
        Width::Sixteen => kernel::squares::<S, 4, 1>(simd, row, panel),
        Width::Eight => kernel::squares::<S, 4, 2>(simd, row, panel),
        Width::Four => kernel::squares::<S, 2, 4>(simd, row, panel),
        Width::One => kernel::squares::<S, 1, 16>(simd, row, panel),
    }
}
