//! Reader of `application/x-recordio-protobuf`: one protobuf `Record` of `aialgs.data` per RecordIO frame.
//!
//! Why: this is what the SageMaker SDK's own predictors send. The message is small and known, and its floats lie
//! in the body as they are needed, so it is read in place by hand: a protobuf library would first build a map
//! and a vector per row.
//! Invariants: as `rows` says; every length is held against what is left of the body before it is used, and
//! nothing is allocated by a number out of the body.

use super::RowsError;
use super::tensor::Tensor;
use frames::Frames;

mod frames;
mod record;
mod wire;

pub(super) fn read<E: From<RowsError>>(
    body: &[u8],
    width: usize,
    mut sink: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut frames = Frames::new(body);
    let mut tensor = Tensor::new(width);
    while let Some(record) = frames.next()? {
        tensor.next_row();
        record::read(record, &mut tensor)?;
        sink(tensor.values())?;
    }
    if tensor.row() == 0 {
        return Err(RowsError::Empty { width }.into());
    }
    Ok(())
}

/// How many rows a body can hold.
pub(super) fn frames_max(body: &[u8]) -> usize {
    frames::count(body)
}

#[cfg(test)]
mod tests;
