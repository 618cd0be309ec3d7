//! The command line of script mode.
//!
//! Why: it is started by a supervisor as a process of its own; these arguments, the model's environment and the operator's
//! variables for pip are all it is told.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// Holds the operator's variables for pip, as a JSON object; taken out of the environment before any model runs.
pub const PIP_VARIABLES: &str = "HOSTLER_PIP_VARIABLES";

/// Serve one model directory by its own script.
#[derive(Debug, Clone, Args)]
pub struct ScriptArgs {
    /// Whose defaults the script's functions have
    #[arg(long, value_name = "NAME")]
    pub framework: String,

    /// The framework's version, as the image's tag says it
    #[arg(long, value_name = "X.Y")]
    pub framework_version: Option<String>,

    /// Installed besides the model's own requirements, with --own-base
    #[arg(long, value_name = "REQUIREMENT")]
    pub base: Vec<String>,

    /// What --base names, even nothing, takes the place of what the framework's version asks for
    #[arg(long)]
    pub own_base: bool,

    /// The directory that holds the unpacked model archive
    #[arg(long, value_name = "DIR")]
    pub model_dir: PathBuf,

    /// The directory of the script, when it came in an archive of its own
    #[arg(long, value_name = "DIR")]
    pub code_dir: Option<PathBuf>,

    /// The port to listen on
    #[arg(long, value_name = "N")]
    pub port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// The largest request body that is read
    #[arg(long, value_name = "N")]
    pub max_payload_bytes: u64,

    /// Processes that answer requests, unless the model says otherwise
    #[arg(long, value_name = "N")]
    pub workers: NonZeroUsize,

    /// Where virtual environments are kept
    #[arg(long, value_name = "DIR")]
    pub environments: PathBuf,

    /// How large all of them together may become before unused ones are deleted
    #[arg(long, value_name = "N")]
    pub environments_bytes_max: u64,

    /// How long making one may take
    #[arg(long, value_name = "S")]
    pub install_timeout_s: u64,

    /// The Python that environments are made of
    #[arg(long, value_name = "PROGRAM")]
    pub python: String,
}
