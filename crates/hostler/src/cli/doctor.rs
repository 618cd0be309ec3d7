//! The arguments of `hostler doctor`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::OutputForm;

#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    /// The data directory that a server uses or would use
    #[arg(long, value_name = "DIR", env = "HOSTLER_DATA_DIR", default_value = ".hostler")]
    pub(crate) data_dir: PathBuf,
    /// Where a server would listen
    #[arg(long, value_name = "ADDR:PORT", env = "HOSTLER_LISTEN", default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
    /// text or json
    #[arg(long, value_enum, default_value_t = OutputForm::Text)]
    pub(crate) output: OutputForm,
}
