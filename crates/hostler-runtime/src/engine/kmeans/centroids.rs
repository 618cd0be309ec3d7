//! The cluster centres, and the search for the nearest one.
//!
//! Why: 32 bits and vector instructions find the few centres that may be the nearest, 64 bits decide between
//! them and compute the one distance that is shown. So the answer is the same whether a row comes alone
//! (`single`) or in a batch (`product`), and whatever instructions the machine has; only the time differs.
//! Invariants: rows have the model's width and finite values, which the caller has checked. Of centres that are
//! equally near the first is the nearest.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the instructions of `Arch`")]

use pulp::{Arch, Simd, WithSimd};

use exact::square;
use panels::Panels;
use product::{Batch, Doubt};

mod exact;
mod kernel;
mod panels;
mod product;
mod single;

#[derive(Debug)]
pub(super) struct Centroids {
    width: usize,
    count: usize,
    /// One centre after another.
    values: Vec<f32>,
    panels: Panels,
    /// The instructions of this machine, looked up once.
    arch: Arch,
}

impl Centroids {
    /// Takes the centres one after another; `values` holds a whole, positive number of them.
    pub(super) fn new(values: Vec<f32>, width: usize) -> Self {
        let panels = Panels::new(&values, width);
        Self { width, count: values.len() / width, values, panels, arch: Arch::new() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The nearest centre and the Euclidean distance to it.
    pub(super) fn nearest(&self, row: &[f32]) -> (usize, f32) {
        self.arch.dispatch(Nearest { centroids: self, row })
    }

    /// The same for each of these rows, which follow one another.
    pub(super) fn nearest_each(&self, rows: &[f32], found: &mut Vec<(usize, f32)>) {
        if !product::pays(&self.panels, rows.len() / self.width) {
            found.extend(rows.chunks_exact(self.width).map(|row| self.nearest(row)));
            return;
        }
        self.arch.dispatch(NearestEach { centroids: self, rows, found });
    }

    /// How many rows `nearest_each` is best given at once.
    pub(super) fn batch_rows(&self) -> usize {
        product::rows_at_once(self.width)
    }

    fn centre(&self, cluster: usize) -> &[f32] {
        &self.values[cluster * self.width..][..self.width]
    }

    /// Decides between some clusters, which come in their order; the nearest, and the distance to it.
    #[inline(always)]
    fn nearest_of<S: Simd>(
        &self,
        simd: S,
        row: &[f32],
        clusters: impl Iterator<Item = usize>,
    ) -> (usize, f32) {
        let mut nearest = 0;
        let mut square_min = f64::INFINITY;
        for cluster in clusters {
            let square = square(simd, row, self.centre(cluster));
            if square < square_min {
                (nearest, square_min) = (cluster, square);
            }
        }
        (nearest, square_min.sqrt() as f32)
    }
}

struct Nearest<'a> {
    centroids: &'a Centroids,
    row: &'a [f32],
}

impl WithSimd for Nearest<'_> {
    type Output = (usize, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (usize, f32) {
        let Self { centroids, row } = self;
        match single::only_candidate(simd, &centroids.panels, row) {
            Some(cluster) => centroids.nearest_of(simd, row, std::iter::once(cluster)),
            None => centroids.nearest_of(simd, row, 0..centroids.count),
        }
    }
}

struct NearestEach<'a> {
    centroids: &'a Centroids,
    rows: &'a [f32],
    found: &'a mut Vec<(usize, f32)>,
}

impl WithSimd for NearestEach<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { centroids, rows, found } = self;
        let width = centroids.width;
        let mut batch = Batch::new(&centroids.panels);
        for rows in rows.chunks(product::rows_at_once(width) * width) {
            batch.multiply(simd, rows);
            for (index, row) in rows.chunks_exact(width).enumerate() {
                let guess = batch.guess(simd, index);
                let square = square(simd, row, centroids.centre(guess.cluster));
                found.push(match batch.doubt(&guess, square as f32) {
                    Doubt::None => (guess.cluster, square.sqrt() as f32),
                    Doubt::UpTo(limit) => centroids.nearest_of(simd, row, batch.up_to(index, limit)),
                    Doubt::All => centroids.nearest_of(simd, row, 0..centroids.count),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
