//! The squared distance of a row and a centre, in 64 bits.
//!
//! Why: the expanded form |x|² - 2x·c + |c|² loses digits and 32 bits lose more; this is the direct form.
//! Invariants: pure, and the same number on every machine: additions stand in a fixed order and are not fused
//! with multiplications.

use pulp::Simd;

const LANES: usize = 16;
type Lanes = [f64; LANES];

/// The relative error of `square` for rows of this width: a rounding for each addition in a lane and between
/// lanes, three for a term, and some more.
pub(super) fn error(width: usize) -> f64 {
    (width / LANES + LANES + 8) as f64 * f64::EPSILON
}

#[inline(always)]
pub(super) fn square<S: Simd>(simd: S, row: &[f32], centre: &[f32]) -> f64 {
    let (row_blocks, row_tail) = row.as_chunks::<LANES>();
    let (centre_blocks, centre_tail) = centre.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (values, centres) in row_blocks.iter().zip(centre_blocks) {
        add_squares(simd, &mut sums, &values.map(f64::from), &centres.map(f64::from));
    }
    if !row_tail.is_empty() {
        add_squares(simd, &mut sums, &filled(row_tail), &filled(centre_tail));
    }
    total(simd, &mut sums)
}

/// The sum by halves, which is the same sum whatever a register takes.
#[inline(always)]
fn total<S: Simd>(simd: S, sums: &mut Lanes) -> f64 {
    let sums = S::as_mut_simd_f64s(sums).0;
    let mut half = sums.len();
    while half > 1 {
        half /= 2;
        for vector in 0..half {
            sums[vector] = simd.add_f64s(sums[vector], sums[vector + half]);
        }
    }
    simd.reduce_sum_f64s(sums[0])
}

#[inline(always)]
fn add_squares<S: Simd>(simd: S, sums: &mut Lanes, values: &Lanes, centres: &Lanes) {
    let sums = S::as_mut_simd_f64s(sums).0;
    let (values, centres) = (S::as_simd_f64s(values).0, S::as_simd_f64s(centres).0);
    for vector in 0..sums.len() {
        let difference = simd.sub_f64s(values[vector], centres[vector]);
        sums[vector] = simd.add_f64s(sums[vector], simd.mul_f64s(difference, difference));
    }
}

/// The last features, with zeros behind them.
#[inline(always)]
fn filled(tail: &[f32]) -> Lanes {
    let mut lanes = [0.0; LANES];
    for (lane, value) in lanes.iter_mut().zip(tail) {
        *lane = f64::from(*value);
    }
    lanes
}
