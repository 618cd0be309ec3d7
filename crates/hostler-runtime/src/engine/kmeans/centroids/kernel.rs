//! The innermost loops, in vector registers: products of a few rows and a few panels of centres, and squared
//! distances of one row and a panel.
//!
//! Why: a feature of a panel is loaded once for all rows, a row's value once for all panels, and the sums never
//! leave the registers; how many of each fit depends on the machine and is the caller's choice.
//! Invariants: pure arithmetic; slices have one length.

use pulp::Simd;

use super::panels::{LANES, Lanes};

/// How many 32-bit floats a register takes.
pub(super) enum Width {
    Sixteen,
    Eight,
    Four,
    One,
}

#[inline(always)]
pub(super) fn width<S: Simd>() -> Width {
    match S::F32_LANES {
        16 => Width::Sixteen,
        8 => Width::Eight,
        4 => Width::Four,
        _ => Width::One,
    }
}

/// x·c of every row and centre over these features. `VECTORS` registers take the sixteen centres of a panel.
#[inline(always)]
pub(super) fn product<S: Simd, const ROWS: usize, const PANELS: usize, const VECTORS: usize>(
    simd: S,
    rows: [&[f32]; ROWS],
    panels: [&[Lanes]; PANELS],
) -> [[Lanes; PANELS]; ROWS] {
    let features = panels[0].len();
    let (mut rows, mut panels) = (rows, panels);
    // Slices of one length, so that the loop needs no checks.
    for row in &mut rows {
        *row = &row[..features];
    }
    for panel in &mut panels {
        *panel = &panel[..features];
    }
    let mut sums = [[[simd.splat_f32s(0.0); VECTORS]; PANELS]; ROWS];
    for feature in 0..features {
        let centres: [[S::f32s; VECTORS]; PANELS] =
            std::array::from_fn(|panel| vectors::<S, VECTORS>(&panels[panel][feature]));
        for row in 0..ROWS {
            let value = simd.splat_f32s(rows[row][feature]);
            for panel in 0..PANELS {
                for vector in 0..VECTORS {
                    let sum = &mut sums[row][panel][vector];
                    *sum = simd.mul_add_e_f32s(value, centres[panel][vector], *sum);
                }
            }
        }
    }
    let mut products = [[[0.0; LANES]; PANELS]; ROWS];
    for row in 0..ROWS {
        for panel in 0..PANELS {
            S::as_mut_simd_f32s(&mut products[row][panel]).0.copy_from_slice(&sums[row][panel]);
        }
    }
    products
}

/// The squared distances of a row and the centres of a panel, by the direct form. `CHAINS` sums run side by
/// side, so that no addition waits for the one before it.
#[inline(always)]
pub(super) fn squares<S: Simd, const CHAINS: usize, const VECTORS: usize>(
    simd: S,
    row: &[f32],
    panel: &[Lanes],
) -> Lanes {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; CHAINS];
    let (row_steps, row_tail) = row.as_chunks::<CHAINS>();
    let (panel_steps, panel_tail) = panel.as_chunks::<CHAINS>();
    for (values, centres) in row_steps.iter().zip(panel_steps) {
        for chain in 0..CHAINS {
            add_squares(simd, &mut sums[chain], values[chain], &centres[chain]);
        }
    }
    for (value, centres) in row_tail.iter().zip(panel_tail) {
        add_squares(simd, &mut sums[0], *value, centres);
    }
    let mut total = [simd.splat_f32s(0.0); VECTORS];
    for vector in 0..VECTORS {
        for sums in &sums {
            total[vector] = simd.add_f32s(total[vector], sums[vector]);
        }
    }
    let mut squares = [0.0; LANES];
    S::as_mut_simd_f32s(&mut squares).0.copy_from_slice(&total);
    squares
}

#[inline(always)]
fn add_squares<S: Simd, const VECTORS: usize>(
    simd: S,
    sums: &mut [S::f32s; VECTORS],
    value: f32,
    centres: &Lanes,
) {
    let value = simd.splat_f32s(value);
    let centres = vectors::<S, VECTORS>(centres);
    for vector in 0..VECTORS {
        let difference = simd.sub_f32s(value, centres[vector]);
        sums[vector] = simd.mul_add_e_f32s(difference, difference, sums[vector]);
    }
}

#[inline(always)]
fn vectors<S: Simd, const VECTORS: usize>(lanes: &Lanes) -> [S::f32s; VECTORS] {
    let vectors = S::as_simd_f32s(lanes).0;
    std::array::from_fn(|vector| vectors[vector])
}
