//! One instance of a JSON body, in the forms that SageMaker's algorithms take.
//!
//! Why: an instance may be `{"features": [..]}`, `{"data": {"features": {"values": [..]}}}`, either of them with
//! the other's inside, a sparse `{"keys": [..], "shape": [n], "values": [..]}`, or a bare list of numbers.
//! Invariants: members nobody here knows (`configuration`, `label`) are stepped over; the row that comes out is
//! as `rows` says.

use super::cursor::{Cursor, once};
use crate::rows::tensor::{Form, Length, Tensor};
use crate::rows::{RowsError, not_a_number};

/// The instance being read; its buffers serve one instance after another.
pub(super) struct Instance {
    tensor: Tensor,
}

impl Instance {
    pub(super) fn new(width: usize) -> Self {
        Self { tensor: Tensor::new(width) }
    }

    /// The number of the instance read last, counted from 1.
    pub(super) fn row(&self) -> usize {
        self.tensor.row()
    }

    pub(super) fn values(&self) -> &[f32] {
        self.tensor.values()
    }

    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        self.tensor.next_row();
        if cursor.peek() == Some(b'[') {
            self.numbers(cursor)?;
            return self.tensor.finish(&Form { has_keys: false, length: None });
        }
        let row = self.row();
        let mut form = None;
        let mut has_features = false;
        cursor.object("an instance", |cursor, key| match key {
            "features" => {
                once(&mut has_features, "features", Some(row))?;
                form = Some(self.features(cursor)?);
                Ok(())
            }
            "data" => cursor.object("an object with `features`", |cursor, key| {
                if key != "features" {
                    return cursor.skip();
                }
                once(&mut has_features, "features", Some(row))?;
                form = Some(self.features(cursor)?);
                Ok(())
            }),
            _ => cursor.skip(),
        })?;
        let form = form.ok_or(RowsError::NoFeatures { row })?;
        self.tensor.finish(&form)
    }

    /// A list of numbers, or an object that holds one.
    fn features(&mut self, cursor: &mut Cursor<'_>) -> Result<Form, RowsError> {
        let mut form = Form { has_keys: false, length: None };
        if cursor.peek() == Some(b'[') {
            self.numbers(cursor)?;
            return Ok(form);
        }
        let row = self.row();
        let (mut has_values, mut has_shape) = (false, false);
        cursor.object("a list of numbers or an object", |cursor, key| match key {
            "values" => {
                once(&mut has_values, "values", Some(row))?;
                self.numbers(cursor)
            }
            "keys" => {
                once(&mut form.has_keys, "keys", Some(row))?;
                self.keys(cursor)
            }
            "shape" => {
                once(&mut has_shape, "shape", Some(row))?;
                form.length = Some(tensor_length(cursor)?);
                Ok(())
            }
            _ => cursor.skip(),
        })?;
        if !has_values {
            return Err(RowsError::NoFeatures { row });
        }
        Ok(form)
    }

    fn numbers(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        cursor.array("a list of numbers", |cursor| {
            let parsed = cursor
                .number()
                .and_then(|number| fast_float2::parse::<f32, _>(number).ok().zip(Some(number)));
            let column = self.tensor.got() + 1;
            match parsed {
                Some((value, _)) if value.is_finite() => {
                    self.tensor.push(value);
                    Ok(())
                }
                Some((_, number)) => Err(not_a_number(self.row(), column, number.as_bytes(), "")),
                None if cursor.peek().is_none() => Err(cursor.expected("a number")),
                None => Err(not_a_number(self.row(), column, cursor.token().as_bytes(), "")),
            }
        })
    }

    fn keys(&mut self, cursor: &mut Cursor<'_>) -> Result<(), RowsError> {
        cursor.array("a list of keys", |cursor| self.tensor.push_key(whole_number(cursor)?))
    }
}

/// The number of elements of a tensor of the shape that comes next.
fn tensor_length(cursor: &mut Cursor<'_>) -> Result<Length, RowsError> {
    let mut length = Length::ONE;
    cursor.array("a list of dimensions", |cursor| {
        length = length.times(whole_number(cursor)?);
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
