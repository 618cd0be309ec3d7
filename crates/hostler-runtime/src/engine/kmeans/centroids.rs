//! The cluster centres, and the search for the nearest one.
//!
//! Why: the loop runs over sixteen sums at once, which the compiler turns into vector instructions without any
//! unsafe code; centres are padded to whole blocks so that it needs no tail. 32 bits choose the
//! cluster, 64 bits compute the one distance that is shown, so that no digit of the answer is lost.
//! Invariants: rows have the model's width and finite values, which the caller has checked.

const LANES: usize = 16;
type Block = [f32; LANES];

/// Squares outside this range lose their digits in 32 bits, so the search is done again in 64.
const SQUARE_MIN: f32 = 1e-30;
const SQUARE_MAX: f32 = 1e37;

#[derive(Debug)]
pub(super) struct Centroids {
    width: usize,
    count: usize,
    /// `blocks_each` blocks per centre, the last one padded with zeros.
    blocks: Vec<Block>,
    blocks_each: usize,
}

impl Centroids {
    /// Takes the centres one after another; `values` holds a whole, positive number of them.
    pub(super) fn new(values: &[f32], width: usize) -> Self {
        let blocks_each = width.div_ceil(LANES);
        let count = values.len() / width;
        let mut blocks = Vec::with_capacity(count * blocks_each);
        for centroid in values.chunks_exact(width) {
            blocks.extend(in_blocks(centroid));
        }
        Self { width, count, blocks, blocks_each }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The nearest centre (the first of equals) and the Euclidean distance to it.
    pub(super) fn nearest(&self, row: &[f32]) -> (usize, f32) {
        let (whole, tail) = row.as_chunks::<LANES>();
        let tail = if tail.is_empty() { None } else { in_blocks(tail).next() };
        let mut nearest = 0;
        let mut square_min = f32::INFINITY;
        for (cluster, centroid) in self.blocks.chunks_exact(self.blocks_each).enumerate() {
            let square = square_f32(whole, tail.as_ref(), centroid);
            if square < square_min {
                (nearest, square_min) = (cluster, square);
            }
        }
        if !(SQUARE_MIN..SQUARE_MAX).contains(&square_min) {
            return self.nearest_exact(row);
        }
        let distance = self.square_f64(row, nearest).sqrt();
        (nearest, distance as f32)
    }

    fn nearest_exact(&self, row: &[f32]) -> (usize, f32) {
        let mut nearest = 0;
        let mut square_min = f64::INFINITY;
        for cluster in 0..self.count {
            let square = self.square_f64(row, cluster);
            if square < square_min {
                (nearest, square_min) = (cluster, square);
            }
        }
        (nearest, square_min.sqrt() as f32)
    }

    fn square_f64(&self, row: &[f32], cluster: usize) -> f64 {
        let first = cluster * self.blocks_each;
        let centroid = self.blocks[first..first + self.blocks_each].as_flattened();
        let squares = row.iter().zip(centroid).map(|(value, centre)| {
            let difference = f64::from(*value) - f64::from(*centre);
            difference * difference
        });
        squares.sum()
    }
}

fn square_f32(whole: &[Block], tail: Option<&Block>, centroid: &[Block]) -> f32 {
    let mut sums = [0.0; LANES];
    for (values, centres) in whole.iter().chain(tail).zip(centroid) {
        for lane in 0..LANES {
            let difference = values[lane] - centres[lane];
            sums[lane] += difference * difference;
        }
    }
    sums.iter().sum()
}

fn in_blocks(values: &[f32]) -> impl Iterator<Item = Block> {
    values.chunks(LANES).map(|chunk| {
        let mut block = [0.0; LANES];
        block[..chunk.len()].copy_from_slice(chunk);
        block
    })
}
