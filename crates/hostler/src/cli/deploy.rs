//! The arguments of `hostler deploy`.

use std::path::PathBuf;

use clap::Args;

use super::FindArgs;

/// An instance of two vCPUs and 8 GiB: enough for most models, and a type that every region has.
const INSTANCE_TYPE_DEFAULT: &str = "ml.m5.large";
/// As long as AWS's own waiter waits.
const TIMEOUT_DEFAULT_S: u64 = 3600;

#[derive(Debug, Clone, Args)]
pub(crate) struct DeployArgs {
    /// The model: a directory, or a tar archive of one (gzip-compressed or plain)
    pub(crate) path: PathBuf,
    /// The endpoint's name: letters, digits and single hyphens, at most 63
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// The image that serves it [default: the image of the built-in engine that reads the model]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// The instance type
    #[arg(long = "type", value_name = "TYPE", default_value = INSTANCE_TYPE_DEFAULT)]
    pub(crate) instance_type: String,
    /// A variable of the model's environment; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) environment: Vec<(String, String)>,
    /// The role that reads the model data [default: role/hostler-deploy of the server's account]
    #[arg(long, value_name = "ARN")]
    pub(crate) role: Option<String>,
    /// Update an endpoint of this name, which goes on answering; create it where there is none
    #[arg(long)]
    pub(crate) update: bool,
    /// Delete an endpoint of this name first; nothing answers in between
    #[arg(long, conflicts_with = "update")]
    pub(crate) replace: bool,
    /// How long to wait for InService
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_DEFAULT_S)]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable is written NAME=VALUE".to_owned()),
    }
}
