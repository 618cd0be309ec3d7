//! The features of one row while they are read: values, and for a sparse row the keys they belong to.
//!
//! Why: JSON and protobuf both write a row as a dense list of values or as values with keys and a shape; what
//! makes such a row a valid one is the same in both, and so are the sentences about what does not.
//! Invariants: never holds more than `width` values and keys, whatever the body says; one buffer serves one row
//! after another. A sparse row costs one dense row of memory.

use super::RowsError;

pub(super) struct Tensor {
    width: usize,
    /// The row being read, counted from 1.
    row: usize,
    /// Never longer than `width`.
    values: Vec<f32>,
    /// How many values were given, those beyond `width` included.
    got: usize,
    keys: Vec<u64>,
    sparse_values: Vec<f32>,
}

/// What was said about a row's form besides its values.
pub(super) struct Form {
    /// Values belong to the keys. An empty list of keys beside values is how some clients write a dense row.
    pub(super) has_keys: bool,
    /// The number of elements of the shape, when one was given.
    pub(super) length: Option<Length>,
}

/// The product of a shape's dimensions, which may be beyond 64 bits.
#[derive(Clone, Copy)]
pub(super) struct Length(Option<u64>);

impl Tensor {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            row: 0,
            values: Vec::with_capacity(width),
            got: 0,
            keys: Vec::new(),
            sparse_values: Vec::new(),
        }
    }

    pub(super) fn next_row(&mut self) {
        self.row += 1;
        self.values.clear();
        self.keys.clear();
        self.got = 0;
    }

    pub(super) fn row(&self) -> usize {
        self.row
    }

    /// How many values the row has so far.
    pub(super) fn got(&self) -> usize {
        self.got
    }

    /// The whole row; `finish` has checked it.
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes the next value, which is finite.
    pub(super) fn push(&mut self, value: f32) {
        self.got += 1;
        if self.got <= self.width {
            self.values.push(value);
        }
    }

    /// Takes the next values of a row and checks that they are finite.
    pub(super) fn extend(&mut self, values: impl ExactSizeIterator<Item = f32>) -> Result<(), RowsError> {
        let first_column = self.got + 1;
        self.got += values.len();
        let first = self.values.len();
        self.values.extend(values.take(self.width - first));
        let taken = &self.values[first..];
        // Without an early end, so that the check of a good row is a few vector instructions.
        if taken.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Ok(());
        }
        let wrong = taken.iter().position(|value| !value.is_finite()).unwrap_or_default();
        let (column, text) = (first_column + wrong, taken[wrong].to_string());
        Err(RowsError::NotFinite { row: self.row, column, text })
    }

    pub(super) fn push_key(&mut self, key: u64) -> Result<(), RowsError> {
        if key >= self.width as u64 {
            return Err(
                self.sparse(format!("key {key} is beyond the {} features, which count from 0", self.width))
            );
        }
        if self.keys.len() == self.width {
            return Err(self.sparse(format!("there are more keys than features ({})", self.width)));
        }
        self.keys.push(key);
        Ok(())
    }

    pub(super) fn has_any_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Makes the row a dense one and checks that it has the model's width.
    pub(super) fn finish(&mut self, form: &Form) -> Result<(), RowsError> {
        if form.length.is_some_and(|length| length.0 != Some(self.width as u64)) {
            let problem = format!("`shape` does not agree with the width of the model ({})", self.width);
            return Err(self.sparse(problem));
        }
        if form.has_keys && (!self.keys.is_empty() || self.got == 0) {
            self.spread()?;
        }
        if self.got == self.width {
            return Ok(());
        }
        Err(RowsError::WrongWidth { row: self.row, got: self.got, width: self.width })
    }

    /// Turns the values read so far, which belong to `keys`, into a dense row.
    fn spread(&mut self) -> Result<(), RowsError> {
        if self.got != self.keys.len() {
            return Err(self.sparse(format!("{} keys for {} values", self.keys.len(), self.got)));
        }
        std::mem::swap(&mut self.values, &mut self.sparse_values);
        self.values.clear();
        // NaN marks what no key has named yet; no value that was read can be NaN.
        self.values.resize(self.width, f32::NAN);
        for (key, value) in self.keys.iter().zip(&self.sparse_values) {
            let slot = &mut self.values[*key as usize];
            if !slot.is_nan() {
                let problem = format!("key {key} is given twice");
                return Err(RowsError::Sparse { row: self.row, problem });
            }
            *slot = *value;
        }
        for value in &mut self.values {
            if value.is_nan() {
                *value = 0.0;
            }
        }
        self.got = self.width;
        Ok(())
    }

    fn sparse(&self, problem: String) -> RowsError {
        RowsError::Sparse { row: self.row, problem }
    }
}

impl Length {
    /// Of a shape without dimensions.
    pub(super) const ONE: Self = Self(Some(1));

    pub(super) fn times(self, dimension: u64) -> Self {
        Self(self.0.and_then(|length| length.checked_mul(dimension)))
    }
}
