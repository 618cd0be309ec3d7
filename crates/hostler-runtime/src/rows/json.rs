//! Reader of `application/json`, `{"instances": [...]}`, and of `application/jsonlines`, one instance per line.
//!
//! Why: both hold the same instances, in the forms that `instance` knows. Members nobody here knows
//! (`configuration`) are stepped over, as they change no prediction.
//! Invariants: as `rows` says; one line holds exactly one instance.

use super::RowsError;
use cursor::{Cursor, once};
use instance::Instance;

mod cursor;
mod instance;

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
            sink(instance.values())
        })
    })?;
    if cursor.peek().is_some() {
        return Err(cursor.expected("the end of the body").into());
    }
    if !has_instances {
        return Err(RowsError::NoInstances.into());
    }
    if instance.row() == 0 {
        return Err(RowsError::Empty { width }.into());
    }
    Ok(())
}

pub(super) fn read_lines<E: From<RowsError>>(
    body: &str,
    width: usize,
    mut sink: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut instance = Instance::new(width);
    // Empty lines may only stand at the end.
    let body = body.trim_ascii_end();
    let mut start = 0;
    while start < body.len() {
        let length = body.as_bytes()[start..].iter().position(|byte| *byte == b'\n');
        let end = length.map_or(body.len(), |length| start + length);
        let mut cursor = Cursor::of_line(&body[..end], start);
        if cursor.peek().is_none() {
            return Err(RowsError::EmptyRow { row: instance.row() + 1, width }.into());
        }
        instance.read(&mut cursor)?;
        if cursor.peek().is_some() {
            return Err(cursor.expected("the end of the line").into());
        }
        sink(instance.values())?;
        start = end + 1;
    }
    if instance.row() == 0 {
        return Err(RowsError::Empty { width }.into());
    }
    Ok(())
}
