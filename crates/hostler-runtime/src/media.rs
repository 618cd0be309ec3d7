//! Content-Type and Accept: which body formats were sent and are wanted.
//!
//! Why: every engine reads the same few formats; choosing them is header grammar, not arithmetic. A further
//! format is one variant here, one reader in `rows` and one arm in an engine's answer.
//! Invariants: pure; knows no engine and no HTTP library.

use std::borrow::Cow;

use crate::engine::EngineError;

/// How the rows of a request are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestFormat {
    Csv {
        /// Columns at the start of each row that are labels, not features.
        label_size: usize,
        charset: Charset,
    },
    Json,
    JsonLines,
    RecordIo,
}

/// How the answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerFormat {
    Json,
    Csv,
    JsonLines,
    RecordIo,
}

/// What bytes above 127 may be; digits are the same in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    SingleByte,
}

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
const JSON_LINES: &str = "application/jsonlines";
const RECORD_IO: &str = "application/x-recordio-protobuf";

const ACCEPTED_REQUESTS: &str = "text/csv (optional parameters label_size and charset), application/json, \
    application/jsonlines and application/x-recordio-protobuf";
const OFFERED_ANSWERS: &str =
    "application/json, text/csv, application/jsonlines and application/x-recordio-protobuf";

impl AnswerFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Csv => CSV,
            Self::JsonLines => JSON_LINES,
            Self::RecordIo => RECORD_IO,
        }
    }

    /// In order of preference, when the client has none.
    const ALL: [Self; 4] = [Self::Json, Self::Csv, Self::JsonLines, Self::RecordIo];
}

/// The format that a Content-Type header names.
pub(crate) fn request_format(content_type: Option<&str>) -> Result<RequestFormat, EngineError> {
    let Some(header) = content_type.map(str::trim).filter(|header| !header.is_empty()) else {
        return Err(EngineError::UnsupportedContentType {
            found: "a request without a content type".to_owned(),
            accepted: ACCEPTED_REQUESTS,
        });
    };
    let (essence, parameters) = header.split_once(';').unwrap_or((header, ""));
    let essence = essence.trim();
    let is = |known: &str| essence.eq_ignore_ascii_case(known);
    if is(JSON) {
        return Ok(RequestFormat::Json);
    }
    if is(CSV) {
        return csv_format(parameters);
    }
    if is(JSON_LINES) {
        return Ok(RequestFormat::JsonLines);
    }
    if is(RECORD_IO) {
        return Ok(RequestFormat::RecordIo);
    }
    Err(EngineError::UnsupportedContentType {
        found: format!("content type `{}`", shorten(essence)),
        accepted: ACCEPTED_REQUESTS,
    })
}

fn csv_format(parameters: &str) -> Result<RequestFormat, EngineError> {
    let mut label_size = 0;
    let mut charset = Charset::Utf8;
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("label_size") {
            label_size =
                value.parse().map_err(|_| EngineError::LabelSize { found: shorten(value).into_owned() })?;
        } else if name.eq_ignore_ascii_case("charset") {
            charset = csv_charset(value)?;
        }
    }
    Ok(RequestFormat::Csv { label_size, charset })
}

fn csv_charset(name: &str) -> Result<Charset, EngineError> {
    const UTF_8: [&str; 4] = ["utf-8", "utf8", "us-ascii", "ascii"];
    const SINGLE_BYTE: [&str; 4] = ["iso-8859-1", "latin1", "latin-1", "windows-1252"];
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_one_of(&UTF_8) {
        Ok(Charset::Utf8)
    } else if is_one_of(&SINGLE_BYTE) {
        Ok(Charset::SingleByte)
    } else {
        Err(EngineError::UnsupportedContentType {
            found: format!("charset `{}`", shorten(name)),
            accepted: "utf-8, us-ascii, iso-8859-1 and windows-1252",
        })
    }
}

/// The format to answer in: the one with the highest weight in the Accept header that can be written.
pub(crate) fn answer_format(accept: Option<&str>) -> Result<AnswerFormat, EngineError> {
    let Some(header) = accept.map(str::trim).filter(|header| !header.is_empty()) else {
        return Ok(AnswerFormat::Json);
    };
    let offered = offered(header);
    let mut best: Option<(f32, AnswerFormat)> = None;
    for range in header.split(',') {
        let (essence, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight(parameters);
        let Some(format) = accepted_by(essence.trim(), &offered) else {
            continue;
        };
        if weight > 0.0 && best.is_none_or(|(highest, _)| weight > highest) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| EngineError::NotAcceptable {
        found: shorten(header).into_owned(),
        offered: OFFERED_ANSWERS,
    })
}

/// The formats without those that the header names with a weight of 0, so that no wider range of it means one of them.
/// The header is gone through once: what is kept of it are formats, not its ranges, of which there may be thousands.
fn offered(header: &str) -> Vec<AnswerFormat> {
    let mut offered = AnswerFormat::ALL.to_vec();
    for (essence, parameters) in header.split(',').filter_map(|range| range.split_once(';')) {
        if weight(parameters) <= 0.0 {
            offered.retain(|format| !essence.trim().eq_ignore_ascii_case(format.content_type()));
        }
    }
    offered
}

fn accepted_by(range: &str, offered: &[AnswerFormat]) -> Option<AnswerFormat> {
    offered.iter().copied().find(|format| {
        let offered = format.content_type();
        range == "*/*"
            || range.eq_ignore_ascii_case(offered)
            || range.strip_suffix('*').is_some_and(|start| start.len() > 1 && offered.starts_with(start))
    })
}

fn weight(parameters: &str) -> f32 {
    parameters
        .split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .map_or(1.0, |(_, weight)| weight.trim().parse().unwrap_or(1.0))
}

/// Header texts are repeated in messages, but not at any length.
fn shorten(text: &str) -> Cow<'_, str> {
    const CHARACTERS_MAX: usize = 100;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;
