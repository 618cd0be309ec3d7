//! One file for each decoder, and what they share.

pub(crate) mod answer_codec;
pub(crate) mod archive;
pub(crate) mod archive_members;
pub(crate) mod classify;
pub(crate) mod csv;
pub(crate) mod error_document;
pub(crate) mod event_stream;
pub(crate) mod form;
pub(crate) mod head;
pub(crate) mod invocation;
pub(crate) mod json_rows;
pub(crate) mod listing;
pub(crate) mod media;
pub(crate) mod model_answer;
pub(crate) mod model_layout;
pub(crate) mod ndarray;
pub(crate) mod operation;
pub(crate) mod page_token;
pub(crate) mod recordio;
pub(crate) mod s3_document;
pub(crate) mod s3_request;
pub(crate) mod session_token;
pub(crate) mod sigv4_chunked;
pub(crate) mod sigv4_head;
pub(crate) mod sts;
pub(crate) mod unpacked;
