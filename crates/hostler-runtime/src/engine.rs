//! What an engine is, and which engines there are.
//!
//! Why: the server speaks HTTP and the container contract; an engine turns one request body into one answer
//! body. Between them stands only this trait, so a new algorithm is one module, two match arms here and one row in
//! `sniff`.
//! Invariants: an engine is immutable once loaded and answers on any thread; it knows no HTTP.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::ValueEnum;
use thiserror::Error;

use crate::ndarray::NdArrayError;
use crate::rows::RowsError;

pub mod kmeans;

/// A loaded model.
pub trait Engine: Send + Sync {
    /// What was loaded, for the line that says the server is ready.
    fn describe(&self) -> String;

    /// What batch transform may ask of this model.
    fn execution_parameters(&self) -> ExecutionParameters;

    /// The memory that the model takes while it is loaded, about.
    fn memory_bytes(&self) -> u64;

    /// Whether answering may take more than about a millisecond, so that the server moves it off the
    /// threads that answer pings.
    fn may_take_long(&self, input: &InvokeInput<'_>) -> bool;

    /// A request that this model answers: one row of zeros of the width it was trained for.
    fn zero_row(&self) -> ZeroRow;

    /// Answers one invocation.
    fn invoke(&self, input: &InvokeInput<'_>) -> Result<Answer, EngineError>;
}

/// The engine's part of `GET /execution-parameters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutionParameters {
    /// `MULTI_RECORD` or `SINGLE_RECORD`, as SageMaker spells them.
    pub batch_strategy: &'static str,
}

/// One invocation as the client sent it.
#[derive(Debug, Clone, Copy)]
pub struct InvokeInput<'a> {
    pub content_type: Option<&'a str>,
    pub accept: Option<&'a str>,
    pub body: &'a [u8],
}

/// A row of zeros as a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZeroRow {
    pub content_type: &'static str,
    pub body: String,
}

/// An answer body and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub content_type: &'static str,
    pub body: Bytes,
}

/// Why an invocation has no answer; all of these are the client's to mend.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EngineError {
    #[error("{found} cannot be read by this model; it reads {accepted}")]
    UnsupportedContentType { found: String, accepted: &'static str },
    #[error("`Accept: {found}` names nothing this model can write; it writes {offered}")]
    NotAcceptable { found: String, offered: &'static str },
    #[error("`label_size={found}` in the content type is not a whole number")]
    LabelSize { found: String },
    #[error("the request holds more than {rows_max} rows; send them in several requests")]
    TooManyRows { rows_max: usize },
    #[error("row {row} is so far from every cluster that the distance does not fit a 32-bit float")]
    TooFar { row: usize },
    // The reader's sentence is the whole message: there is nothing to add to it here.
    #[error(transparent)]
    Rows(#[from] RowsError),
}

impl EngineError {
    /// The HTTP status that tells a client what kind of mistake it was.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnsupportedContentType { .. } => 415,
            Self::NotAcceptable { .. } => 406,
            Self::TooManyRows { .. } => 413,
            Self::LabelSize { .. } | Self::TooFar { .. } | Self::Rows(_) => 400,
        }
    }
}

/// The engines of this server, named as SageMaker's algorithm images are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    #[value(name = "kmeans")]
    KMeans,
}

impl EngineKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::KMeans => "kmeans",
        }
    }
}

/// Why a directory could not be loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("the model directory `{}` could not be read", dir.display())]
    ReadDir {
        dir: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("no `{pattern}` in the model directory `{}` (found: {found})", dir.display())]
    NoModel { dir: PathBuf, pattern: &'static str, found: String },
    #[error("several `{pattern}` in the model directory `{}`, one was expected: {found}", dir.display())]
    SeveralModels { dir: PathBuf, pattern: &'static str, found: String },
    #[error("the model file `{}` could not be read", file.display())]
    Read {
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the model file `{}` has {bytes} bytes, at most {bytes_max} are read", file.display())]
    TooLarge { file: PathBuf, bytes: u64, bytes_max: u64 },
    #[error("the model file `{}` is not an MXNet NDArray list", file.display())]
    NdArray {
        file: PathBuf,
        #[source]
        source: NdArrayError,
    },
    #[error("the model file `{}` is not a {engine} model: {problem}", file.display())]
    Layout { file: PathBuf, engine: &'static str, problem: String },
}

impl LoadError {
    /// The error and what caused it, in one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

/// Loads what is in a directory for the engine that is to serve it.
pub fn load(kind: EngineKind, dir: &Path) -> Result<Box<dyn Engine>, LoadError> {
    match kind {
        EngineKind::KMeans => Ok(Box::new(kmeans::KMeans::load(dir)?)),
    }
}

/// The memory that loading takes at its height, about: what is read, what is made of it, and what stays.
pub(crate) fn memory_to_load(kind: EngineKind, dir: &Path) -> Result<u64, LoadError> {
    match kind {
        EngineKind::KMeans => kmeans::memory_to_load(dir),
    }
}
