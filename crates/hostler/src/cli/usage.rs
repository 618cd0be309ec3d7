//! The arguments of `hostler usage`.

use clap::Args;

use super::FindArgs;

#[derive(Debug, Clone, Args)]
pub(crate) struct UsageArgs {
    /// Add up by the values of this tag instead of by endpoint and variant
    #[arg(long, value_name = "KEY")]
    pub(crate) by_tag: Option<String>,
    /// Only this endpoint's
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) name: Option<String>,
    /// From this day of UTC on [default: the first of this month]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) since: Option<String>,
    /// Until before this day of UTC [default: tomorrow]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<String>,
    /// The whole of this month
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["since", "until"])]
    pub(crate) month: Option<String>,
    /// Print comma-separated values with a heading
    #[arg(long)]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}
