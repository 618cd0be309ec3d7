//! The arguments of `hostler inspect`.

use std::path::PathBuf;

use clap::Args;

use super::OutputForm;

#[derive(Debug, Clone, Args)]
pub(crate) struct InspectArgs {
    /// The model: a directory, or a tar archive of one (gzip-compressed or plain)
    pub(crate) path: PathBuf,
    /// List every entry, not only the first ones
    #[arg(long)]
    pub(crate) all: bool,
    /// text or json
    #[arg(long, value_enum, default_value_t = OutputForm::Text)]
    pub(crate) output: OutputForm,
}
