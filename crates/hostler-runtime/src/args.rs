//! The command line of the built-in model server.
//!
//! Why: it is started as a process of its own, by a supervisor or by hand; these arguments are all it is told.
//! Invariants: reads no settings file, and of the environment only what SageMaker's contract puts there.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::engine::EngineKind;

/// InvokeEndpoint's own limit: 25 MiB.
const PAYLOAD_BYTES_MAX_DEFAULT: usize = 25 * 1024 * 1024;

/// Serve one model directory over HTTP with a built-in engine.
#[derive(Debug, Clone, Args)]
pub struct RuntimeArgs {
    /// The engine; left out, the one that the directory's content asks for
    #[arg(long, value_enum)]
    pub engine: Option<EngineKind>,

    /// The directory that holds the unpacked model artifact
    #[arg(long, value_name = "DIR")]
    pub model_dir: PathBuf,

    /// Serve many models, each loaded by `POST /models`; the model directory is then none's
    #[arg(long, env = "SAGEMAKER_MULTI_MODEL", value_parser = clap::builder::FalseyValueParser::new())]
    pub multi_model: bool,

    /// The memory that loaded models may take together; left out, four fifths of what this process is granted
    #[arg(long, value_name = "N", requires = "multi_model")]
    pub models_memory_bytes: Option<u64>,

    /// The port to listen on; 0 picks a free one, which the ready line names
    #[arg(long, value_name = "N")]
    pub port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// The largest request body that is read
    #[arg(long, value_name = "N", default_value_t = PAYLOAD_BYTES_MAX_DEFAULT)]
    pub max_payload_bytes: usize,

    /// Threads that answer requests; left out, one per core and at most 4
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
}
