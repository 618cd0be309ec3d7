//! The squared distance of a row and a centre, in 64 bits.
//!
//! Why: the expanded form |x|² - 2x·c + |c|² loses digits and 32 bits lose more; this is the direct form.
//! Invariants: pure, and the same number on every machine: additions stand in a fixed order and are not fused
//! with multiplications.

const LANES: usize = 16;

/// The relative error of `square` for rows of this width: a rounding for each addition in a lane and between
/// lanes, three for a term, and some more.
pub(super) fn error(width: usize) -> f64 {
    (width / LANES + LANES + 8) as f64 * f64::EPSILON
}

#[inline(always)]
pub(super) fn square(row: &[f32], centre: &[f32]) -> f64 {
    let (row_blocks, row_tail) = row.as_chunks::<LANES>();
    let (centre_blocks, centre_tail) = centre.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (values, centres) in row_blocks.iter().zip(centre_blocks) {
        for lane in 0..LANES {
            let difference = f64::from(values[lane]) - f64::from(centres[lane]);
            sums[lane] += difference * difference;
        }
    }
    for (lane, (value, centre)) in row_tail.iter().zip(centre_tail).enumerate() {
        let difference = f64::from(*value) - f64::from(*centre);
        sums[lane] += difference * difference;
    }
    sums.iter().sum()
}
