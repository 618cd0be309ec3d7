//! One row against every centre, by the direct form in 32 bits.
//!
//! Why: for a row alone there is nothing to gain from a product, and the direct form's error is so small that
//! practically always one candidate is left.
//! Invariants: a cluster that is returned is the nearest without doubt; whenever there is doubt, None is.

use pulp::Simd;

use super::panels::{LANES, Lanes, Panels, multiply_add};

/// Squares outside this range lose their digits in 32 bits.
const SQUARE_MIN: f32 = 1e-30;
const SQUARE_MAX: f32 = 1e37;

/// Sums that run side by side, so that no addition waits for the one before it.
const CHAINS: usize = 4;

#[inline(always)]
pub(super) fn only_candidate<S: Simd>(panels: &Panels, row: &[f32]) -> Option<usize> {
    let mut nearest = 0;
    let mut square_min = f32::INFINITY;
    let mut runner_up = f32::INFINITY;
    for number in 0..panels.count() {
        let squares = squares::<S>(panels.panel(number), row);
        let first = number * LANES;
        for (lane, square) in squares.iter().take(panels.count - first).enumerate() {
            if *square < square_min {
                (nearest, runner_up, square_min) = (first + lane, square_min, *square);
            } else if *square < runner_up {
                runner_up = *square;
            }
        }
    }
    // Roundings of each addition in a chain and between chains, and of the terms; twice, for both squares.
    let roundings = row.len() / CHAINS + CHAINS + 8;
    let doubt = 1.0 + 2.0 * roundings as f32 * f32::EPSILON;
    let is_clear = (SQUARE_MIN..SQUARE_MAX).contains(&square_min) && runner_up > square_min * doubt;
    is_clear.then_some(nearest)
}

#[inline(always)]
fn squares<S: Simd>(panel: &[Lanes], row: &[f32]) -> Lanes {
    let mut sums = [[0.0; LANES]; CHAINS];
    let (row_steps, row_tail) = row.as_chunks::<CHAINS>();
    let (panel_steps, panel_tail) = panel.as_chunks::<CHAINS>();
    for (values, features) in row_steps.iter().zip(panel_steps) {
        for chain in 0..CHAINS {
            add_squares::<S>(&mut sums[chain], values[chain], &features[chain]);
        }
    }
    for (chain, (value, feature)) in row_tail.iter().zip(panel_tail).enumerate() {
        add_squares::<S>(&mut sums[chain], *value, feature);
    }
    let mut total = [0.0; LANES];
    for lane in 0..LANES {
        total[lane] = (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
    }
    total
}

#[inline(always)]
fn add_squares<S: Simd>(sums: &mut Lanes, value: f32, feature: &Lanes) {
    for lane in 0..LANES {
        let difference = value - feature[lane];
        sums[lane] = multiply_add::<S>(difference, difference, sums[lane]);
    }
}
