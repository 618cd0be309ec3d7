//! What the fuzz harnesses reach of this room besides its public face.
//!
//! Why: a harness holds each reader against an independent one, so it needs the rows and formats themselves, which an
//! engine's answer no longer shows.
//! Invariants: forwards and decides nothing; nobody but `hostler-fuzz` calls it.

use crate::engine::EngineError;
use crate::{media, rows};

/// Reads the rows of a body as an engine of this width does.
pub fn read_rows(
    content_type: Option<&str>,
    body: &[u8],
    width: usize,
    sink: &mut dyn FnMut(&[f32]),
) -> Result<(), EngineError> {
    let format = media::request_format(content_type)?;
    rows::read_rows(format, body, width, |row| {
        sink(row);
        Ok(())
    })
}

/// The most values that a body can stand for, which decides where an engine reads it.
pub fn values_max(content_type: Option<&str>, body: &[u8], width: usize) -> Result<usize, EngineError> {
    Ok(rows::values_max(media::request_format(content_type)?, body, width))
}

/// Whether a Content-Type is read.
pub fn request_format(content_type: Option<&str>) -> Result<(), EngineError> {
    media::request_format(content_type).map(drop)
}

/// The content type that an Accept header is answered with.
pub fn answer_format(accept: Option<&str>) -> Result<&'static str, EngineError> {
    media::answer_format(accept).map(media::AnswerFormat::content_type)
}
