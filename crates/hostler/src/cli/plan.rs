//! The arguments of `hostler plan`.

use clap::Args;

use super::{FindArgs, StrategyArgs};

#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    /// The endpoint
    pub(crate) name: String,
    /// The endpoint config that it would be updated to, or created with
    #[arg(long, value_name = "CONFIG")]
    pub(crate) config: String,
    #[command(flatten)]
    pub(crate) strategy: StrategyArgs,
    /// Variants that go on keep the counts and weights they have now (RetainAllVariantProperties)
    #[arg(long)]
    pub(crate) retain_sizes: bool,
    /// Come the way the last deployment came (RetainDeploymentConfig)
    #[arg(long, conflicts_with = "strategy")]
    pub(crate) retain_deployment_config: bool,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}
