//! The centres again, sixteen side by side, as the vector loops want them.
//!
//! Why: one feature of sixteen centres is one load, and the loop over features needs no sum across a vector at
//! its end, so narrow rows are as quick as wide ones.
//! Invariants: places in the last panel that have no centre are zero, with an infinite norm, so that they are
//! never the nearest.

pub(super) const LANES: usize = 16;
pub(super) type Lanes = [f32; LANES];

#[derive(Debug)]
pub(super) struct Panels {
    pub(super) width: usize,
    pub(super) count: usize,
    /// `width` rows of sixteen centres, panel after panel.
    pub(super) features: Vec<Lanes>,
    /// |c|² of each centre, rounded to 32 bits.
    pub(super) norms: Vec<Lanes>,
    /// No |c| is greater.
    pub(super) length_max: f64,
}

impl Panels {
    pub(super) fn new(values: &[f32], width: usize) -> Self {
        let count = values.len() / width;
        let panel_count = count.div_ceil(LANES);
        let mut features = Vec::with_capacity(panel_count * width);
        let mut norms = Vec::with_capacity(panel_count);
        let mut square_max = 0.0_f64;
        for panel in values.chunks(width * LANES) {
            let first = features.len();
            features.resize(first + width, [0.0; LANES]);
            let mut norm = [f32::INFINITY; LANES];
            for (lane, centre) in panel.chunks_exact(width).enumerate() {
                let square: f64 = centre.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
                square_max = square_max.max(square);
                norm[lane] = square as f32;
                for (feature, value) in features[first..].iter_mut().zip(centre) {
                    feature[lane] = *value;
                }
            }
            norms.push(norm);
        }
        Self { width, count, features, norms, length_max: square_max.sqrt() }
    }

    pub(super) fn count(&self) -> usize {
        self.norms.len()
    }

    pub(super) fn panel(&self, number: usize) -> &[Lanes] {
        &self.features[number * self.width..][..self.width]
    }
}
