//! Reader of `application/json`: `{"instances": [...]}` in the forms that SageMaker's algorithms take.
//!
//! Why: an instance may be `{"features": [..]}`, `{"data": {"features": {"values": [..]}}}`, either of them with
//! the other's inside, a sparse `{"keys": [..], "shape": [n], "values": [..]}`, or a bare list of numbers.
//! Members nobody here knows (`configuration`, `label`) are stepped over, as they change no prediction.
//! Invariants: as `rows` says; a sparse row costs one dense row of memory, whatever it says about itself.

use super::{RowsError, not_a_number};
use cursor::Cursor;

mod cursor;

pub(super) fn read<E: From<RowsError>>(
    body: &str,
    width: usize,
    mut sink: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut cursor = Cursor::new(body);
    if cursor.peek().is_none() {
        return Err(RowsError::Empty { width }.into());
    }
    let mut instance = Instance::new(width);
    let mut has_instances = false;
    cursor.object("an object with `instances`", |cursor, key| {
        if key != "instances" {
            return Ok(cursor.skip()?);
        }
        once(&mut has_instances, "instances", None)?;
        cursor.array("a list of instances", |cursor| {
            instance.read(cursor)?;
            sink(&instance.values)
        })
    })?;
    if cursor.peek().is_some() {
        return Err(cursor.expected("the end of the body").into());
    }
    if !has_instances {
        return Err(RowsError::NoInstances.into());
    }
    if instance.row == 0 {
        return Err(RowsError::Empty { width }.into());
    }
    Ok(())
}

/// The instance being read; its buffers serve one instance after another.
struct Instance {
    width: usize,
    /// Counted from 1.
    row: usize,
    /// The features; never longer than `width`.
    values: Vec<f32>,
    /// How many values were given, those beyond `width` included.
    got: usize,
    keys: Vec<u64>,
    sparse_values: Vec<f32>,
}

impl Instance {
    fn new(width: usize) -> Self {
        Self {
            width,
            row: 0,
            values: Vec::with_capacity(width),
            got: 0,
            keys: Vec::new(),
            sparse_values: Vec::new(),
        }
    }

    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        self.row += 1;
        self.values.clear();
        self.got = 0;
        if cursor.peek() == Some(b'[') {
            self.numbers(cursor)?;
            return self.check_width();
        }
        let row = self.row;
        let mut has_features = false;
        cursor.object("an instance", |cursor, key| match key {
            "features" => {
                once(&mut has_features, "features", Some(row))?;
                self.features(cursor)
            }
            "data" => cursor.object("an object with `features`", |cursor, key| {
                if key != "features" {
                    return cursor.skip();
                }
                once(&mut has_features, "features", Some(row))?;
                self.features(cursor)
            }),
            _ => cursor.skip(),
        })?;
        if !has_features {
            return Err(RowsError::NoFeatures { row });
        }
        self.check_width()
    }

    /// A list of numbers, or an object that holds one.
    fn features(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        if cursor.peek() == Some(b'[') {
            return self.numbers(cursor);
        }
        let row = self.row;
        let (mut has_values, mut has_keys, mut has_shape) = (false, false, false);
        let mut length = None;
        self.keys.clear();
        cursor.object("a list of numbers or an object", |cursor, key| match key {
            "values" => {
                once(&mut has_values, "values", Some(row))?;
                self.numbers(cursor)
            }
            "keys" => {
                once(&mut has_keys, "keys", Some(row))?;
                self.keys(cursor)
            }
            "shape" => {
                once(&mut has_shape, "shape", Some(row))?;
                length = tensor_length(cursor)?;
                Ok(())
            }
            _ => cursor.skip(),
        })?;
        if !has_values {
            return Err(RowsError::NoFeatures { row });
        }
        if has_shape && length != Some(self.width as u64) {
            return Err(self.sparse("`shape` does not agree with the width of the model", self.width));
        }
        // An empty list of keys beside values is how some clients write a dense row.
        if has_keys && (!self.keys.is_empty() || self.got == 0) {
            return self.spread();
        }
        Ok(())
    }

    fn numbers(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        cursor.array("a list of numbers", |cursor| {
            self.got += 1;
            let parsed = cursor
                .number()
                .and_then(|number| fast_float2::parse::<f32, _>(number).ok().zip(Some(number)));
            match parsed {
                Some((value, _)) if value.is_finite() => {
                    if self.got <= self.width {
                        self.values.push(value);
                    }
                    Ok(())
                }
                Some((_, number)) => Err(not_a_number(self.row, self.got, number.as_bytes(), "")),
                None if cursor.peek().is_none() => Err(cursor.expected("a number")),
                None => Err(not_a_number(self.row, self.got, cursor.token().as_bytes(), "")),
            }
        })
    }

    fn keys(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        cursor.array("a list of keys", |cursor| {
            let key = whole_number(cursor)?;
            if key >= self.width as u64 {
                let problem = format!("key {key} is beyond the {} features, which count from 0", self.width);
                return Err(RowsError::Sparse { row: self.row, problem });
            }
            if self.keys.len() == self.width {
                return Err(self.sparse("there are more keys than features", self.width));
            }
            self.keys.push(key);
            Ok(())
        })
    }

    /// Turns the values read so far, which belong to `keys`, into a dense row.
    fn spread(&mut self) -> Result<(), RowsError> {
        if self.got != self.keys.len() {
            let problem = format!("{} keys for {} values", self.keys.len(), self.got);
            return Err(RowsError::Sparse { row: self.row, problem });
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

    fn check_width(&self) -> Result<(), RowsError> {
        if self.got == self.width {
            return Ok(());
        }
        Err(RowsError::WrongWidth { row: self.row, got: self.got, width: self.width })
    }

    fn sparse(&self, problem: &str, width: usize) -> RowsError {
        RowsError::Sparse { row: self.row, problem: format!("{problem} ({width})") }
    }
}

/// The number of elements of a tensor of the shape that comes next; None if it is beyond 64 bits.
fn tensor_length(cursor: &mut Cursor<'_>) -> Result<Option<u64>, RowsError> {
    let mut length = Some(1_u64);
    cursor.array("a list of dimensions", |cursor| {
        let dimension = whole_number(cursor)?;
        length = length.and_then(|length| length.checked_mul(dimension));
        Ok::<_, RowsError>(())
    })?;
    Ok(length)
}

fn whole_number(cursor: &mut Cursor<'_>) -> Result<u64, RowsError> {
    let mut ahead = cursor.clone();
    match ahead.number().and_then(|number| number.parse().ok()) {
        Some(number) => {
            *cursor = ahead;
            Ok(number)
        }
        None => Err(cursor.expected("a whole number")),
    }
}

fn once(has_seen: &mut bool, member: &'static str, row: Option<usize>) -> Result<(), RowsError> {
    if std::mem::replace(has_seen, true) {
        let place = row.map_or_else(String::new, |row| format!(" in row {row}"));
        return Err(RowsError::Twice { member, place });
    }
    Ok(())
}
