//! The arguments of `hostler deploy`.

use std::path::PathBuf;

use clap::Args;

use super::FindArgs;

/// SageMaker's counts are 32 bits with a sign.
const COUNT_MAX: i64 = i32::MAX as i64;
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
    /// The instance type [default: what an endpoint of this name has, else ml.m5.large]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) instance_type: Option<String>,
    /// How many instances [default: as many as an endpoint of this name has, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=COUNT_MAX))]
    pub(crate) count: Option<u32>,
    /// A variable of the model's environment; may be repeated
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) environment: Vec<(String, String)>,
    /// The role that reads the model data [default: role/hostler-deploy of the server's account]
    #[arg(long, value_name = "ARN")]
    pub(crate) role: Option<String>,
    /// Instead of updating an endpoint of this name, delete it and create it anew; nothing answers in between
    #[arg(long)]
    pub(crate) replace: bool,
    /// How long to wait until it is InService
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
