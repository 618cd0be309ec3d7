//! The quick searches held against the plain one: the direct form in 64 bits, over every centre.

use proptest::prelude::*;

use super::*;

/// By the definition, without anything of the code under test.
fn square_plainly(centre: &[f32], row: &[f32]) -> f64 {
    let differences = row.iter().zip(centre).map(|(a, b)| f64::from(*a) - f64::from(*b));
    differences.map(|difference| difference * difference).sum()
}

/// The first of the nearest centres.
fn plainly(centres: &[f32], row: &[f32]) -> (usize, f64) {
    let mut nearest = (0, f64::INFINITY);
    for (cluster, centre) in centres.chunks_exact(row.len()).enumerate() {
        let square = square_plainly(centre, row);
        if square < nearest.1 {
            nearest = (cluster, square);
        }
    }
    nearest
}

/// How near to each other two squares in 64 bits may be before the order of additions decides.
#[derive(Clone, Copy)]
enum Ties {
    None,
    Beyond64Bits,
}

/// Alone, in batches, and with the instructions that every machine has.
fn check(centres: Vec<f32>, width: usize, rows: &[f32], ties: Ties) {
    let expected: Vec<_> = rows.chunks_exact(width).map(|row| plainly(&centres, row)).collect();
    let mut centroids = Centroids::new(centres, width);
    for arch in [Arch::new(), Arch::Scalar] {
        centroids.arch = arch;
        let single: Vec<_> = rows.chunks_exact(width).map(|row| centroids.nearest(row)).collect();
        let mut batch = Vec::new();
        centroids.nearest_each(rows, &mut batch);
        let bits = |found: &[(usize, f32)]| -> Vec<_> {
            found.iter().map(|(cluster, distance)| (*cluster, distance.to_bits())).collect()
        };
        assert_eq!(bits(&batch), bits(&single));
        assert_eq!(single.len(), expected.len());
        for ((row, found), expected) in rows.chunks_exact(width).zip(single).zip(&expected) {
            let square = square_plainly(centroids.centre(found.0), row);
            let is_nearest = match ties {
                Ties::None => found.0 == expected.0,
                Ties::Beyond64Bits => square <= expected.1 * (1.0 + 1e-13),
            };
            assert!(is_nearest, "{found:?}, expected {expected:?} for {row:?}");
            let distance = expected.1.sqrt() as f32;
            // The last bit may have been rounded the other way.
            let is_alike = (distance.next_down()..=distance.next_up()).contains(&found.1);
            assert!(is_alike, "{found:?}, expected {distance} for {row:?}");
        }
    }
}

/// Numbers without a pattern, the same at every run.
fn numbers(count: usize, mut state: u64) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / 16_777_216.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn a_batch_of_any_height_width_and_number_of_clusters_is_answered_like_each_row() {
    for (clusters, width) in [(1, 1), (2, 3), (10, 64), (16, 17), (17, 255), (33, 256), (5, 257), (40, 1_030)]
    {
        for row_count in [1, 3, 4, 5, 11, 12, 13, 60] {
            check(numbers(clusters * width, 1), width, &numbers(row_count * width, 2), Ties::None);
        }
    }
}

#[test]
fn more_rows_than_are_worked_on_at_once_keep_their_order() {
    let width = 2;
    let row_count = 2 * product::rows_at_once(width) + 7;
    check(numbers(20 * width, 3), width, &numbers(row_count * width, 4), Ties::None);
}

#[test]
fn of_equally_near_centres_the_first_is_taken() {
    let one = numbers(40, 5);
    let twice_each = [one[20..].repeat(2), one[..20].repeat(2)].concat();
    check(twice_each, 20, &numbers(20 * 50, 6), Ties::None);
    // Halfway between two centres, exactly.
    check(vec![0.0, 1.0, 2.0, 3.0], 1, &[0.5, 1.5, 2.5, 1.0, -1.0, 4.0], Ties::None);
}

#[test]
fn centres_that_32_bits_cannot_tell_apart_are_told_apart() {
    // Far from zero the expanded form loses every digit that matters: |c|² is 3e9, the squares differ by 1e-5.
    let width = 30;
    let far = 10_000.0_f32;
    let steps = [0.003_f32, 0.002, 0.001, 0.0, 0.001];
    let centre = |step: f32| (0..width).map(move |feature| far + if feature == 7 { step } else { 0.0 });
    let centres: Vec<f32> = steps.iter().flat_map(|step| centre(*step)).collect();
    let rows: Vec<f32> = [0.0, 0.001, 0.002, 0.003, 0.0015].iter().flat_map(|step| centre(*step)).collect();
    check(centres, width, &rows, Ties::None);
}

#[test]
fn numbers_at_the_ends_of_their_range_are_answered_like_others() {
    let sizes = [0.0, 1e-45, 1e-38, 1e-30, 1e-23, 1e-20, 1e-10, 1.0, 1e10, 1e18, 1e19, 1e25, 1e38];
    for of_centres in sizes {
        for of_rows in sizes {
            let scaled =
                |values: Vec<f32>, by: f32| values.into_iter().map(|value| value * by).collect::<Vec<_>>();
            let centres = scaled(numbers(6 * 5, 7), of_centres);
            check(centres, 5, &scaled(numbers(8 * 5, 8), of_rows), Ties::Beyond64Bits);
        }
    }
}

#[test]
fn models_beyond_the_limits_of_the_product_are_answered_row_by_row() {
    check(numbers(20_000, 9), 1, &numbers(6, 10), Ties::None);
    check(numbers(2 * 70_000, 11), 70_000, &numbers(5 * 70_000, 12), Ties::None);
}

proptest! {
    #[test]
    fn near_ties_get_the_cluster_of_the_direct_computation(
        base in prop::collection::vec(-100.0_f32..100.0, 8),
        moves in prop::collection::vec((0_usize..8, -3_i32..4), 12),
        rows in prop::collection::vec((0_usize..8, -3_i32..4), 1..20),
    ) {
        // Centres and rows that differ by a few of the last bits of one feature.
        let moved = |(feature, steps): (usize, i32)| {
            let mut values = base.clone();
            values[feature] = f32::from_bits(values[feature].to_bits().saturating_add_signed(steps));
            values
        };
        let centres: Vec<f32> = moves.into_iter().flat_map(moved).collect();
        let rows: Vec<f32> = rows.into_iter().flat_map(moved).collect();
        check(centres, 8, &rows, Ties::None);
    }

    #[test]
    fn any_finite_numbers_are_answered_like_the_direct_computation(
        centres in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 3 * 6),
        rows in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 3 * 5),
    ) {
        check(centres, 3, &rows, Ties::Beyond64Bits);
    }
}
