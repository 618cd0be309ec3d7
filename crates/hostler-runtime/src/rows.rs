//! Reading rows of numbers out of request bodies.
//!
//! Why: every numeric engine takes rows of a known width in the same few formats. Rows are handed over one
//! at a time, so that a small body which stands for a huge matrix (a sparse one) is never held in memory.
//! Invariants: a row that reaches the engine has exactly the model's width and only finite values; the first
//! mistake ends the reading and says where it was and what was expected. Knows no engine.

use thiserror::Error;

use crate::media::{Charset, RequestFormat};

mod csv;
mod json;
mod recordio;
mod tensor;

/// What is wrong with a body. Rows, columns and bytes count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowsError {
    #[error("the body is empty; at least one row of {width} numbers was expected")]
    Empty { width: usize },
    #[error("byte {at} of the body is not UTF-8")]
    NotUtf8 { at: usize },
    #[error("row {row} has {got} columns, expected {width}")]
    WrongWidth { row: usize, got: usize, width: usize },
    #[error(
        "row {row} has {got} columns, expected {expected} ({label_size} label columns, then {width} features)"
    )]
    WrongWidthWithLabels { row: usize, got: usize, expected: usize, label_size: usize, width: usize },
    #[error("row {row} is empty, expected {width} numbers")]
    EmptyRow { row: usize, width: usize },
    #[error("row {row}, column {column} is empty, expected a number")]
    EmptyCell { row: usize, column: usize },
    #[error("row {row}, column {column}: `{text}` is not a number{hint}")]
    NotANumber { row: usize, column: usize, text: String, hint: &'static str },
    #[error("row {row}, column {column}: `{text}` is not a finite 32-bit number")]
    NotFinite { row: usize, column: usize, text: String },
    #[error("byte {at} of the JSON body: expected {expected}, found {found}")]
    Json { at: usize, expected: &'static str, found: String },
    #[error("the JSON body has no `instances`; expected `{{\"instances\": [{{\"features\": [...]}}]}}`")]
    NoInstances,
    #[error(
        "row {row} has no `features`; expected `{{\"features\": [...]}}` or `{{\"data\": {{\"features\": {{\"values\": [...]}}}}}}`"
    )]
    NoFeatures { row: usize },
    #[error("`{member}` is given twice{place}")]
    Twice { member: &'static str, place: String },
    #[error("row {row}: {problem}")]
    Sparse { row: usize, problem: String },
    #[error("byte {at} of the RecordIO body: {problem}")]
    Frame { at: usize, problem: String },
    #[error("row {row} is not a protobuf Record: {problem}")]
    Protobuf { row: usize, problem: String },
    #[error("row {row}: its Record {problem}; expected features under the name `values`")]
    Record { row: usize, problem: String },
}

/// Reads every row of `body` and gives it to `sink`.
pub(crate) fn read_rows<E: From<RowsError>>(
    format: RequestFormat,
    body: &[u8],
    width: usize,
    sink: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    match format {
        RequestFormat::Csv { label_size, charset } => {
            let text = match charset {
                Charset::Utf8 => utf8(body)?.as_bytes(),
                Charset::SingleByte => body,
            };
            csv::read(text, width, label_size, sink)
        }
        RequestFormat::Json => json::read(utf8(body)?, width, sink),
        RequestFormat::JsonLines => json::read_lines(utf8(body)?, width, sink),
        RequestFormat::RecordIo => recordio::read(body, width, sink),
    }
}

/// The most values that a body can stand for, as a glance at it shows: a sparse row has all of them in a few bytes.
pub(crate) fn values_max(format: RequestFormat, body: &[u8], width: usize) -> usize {
    let count = |wanted: u8| body.iter().map(|byte| usize::from(*byte == wanted)).sum::<usize>();
    let rows_max = match format {
        // There is no sparse form: a value takes two bytes.
        RequestFormat::Csv { .. } => return body.len() / 2,
        RequestFormat::Json => count(b'['),
        RequestFormat::JsonLines => count(b'\n') + 1,
        RequestFormat::RecordIo => recordio::frames_max(body),
    };
    rows_max.saturating_mul(width)
}

/// The body as text, without the byte order mark that some Windows programs put first.
fn utf8(body: &[u8]) -> Result<&str, RowsError> {
    let text =
        std::str::from_utf8(body).map_err(|error| RowsError::NotUtf8 { at: error.valid_up_to() + 1 })?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// The error for a text that is not a finite number; NaN and infinities get their own sentence.
fn not_a_number(row: usize, column: usize, text: &[u8], hint: &'static str) -> RowsError {
    let parsed = fast_float2::parse::<f32, _>(text);
    let text = shorten(text);
    if parsed.is_ok_and(|value| !value.is_finite()) {
        RowsError::NotFinite { row, column, text }
    } else {
        RowsError::NotANumber { row, column, text, hint }
    }
}

/// What the client sent is repeated in messages, but not at any length.
fn shorten(text: &[u8]) -> String {
    const BYTES_MAX: usize = 40;
    if text.len() <= BYTES_MAX {
        return String::from_utf8_lossy(text).into_owned();
    }
    let start = String::from_utf8_lossy(&text[..BYTES_MAX]);
    format!("{}...", start.trim_end_matches('\u{FFFD}'))
}

#[cfg(test)]
mod tests;
