//! The arguments of `hostler completions` and `hostler man`.

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ManArgs {
    /// The command whose page it is [default: hostler itself]
    pub(crate) command: Option<String>,
}
