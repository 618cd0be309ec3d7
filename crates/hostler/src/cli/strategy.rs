//! How an update is to come: the flags that stand for a DeploymentConfig.
//!
//! Why: UpdateEndpoint's structure has four levels; the three common ways of it are one number each.

use std::path::PathBuf;

use clap::Args;

/// Long enough to see a model answer.
const WAIT_DEFAULT_S: u32 = 60;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StrategyArgs {
    /// First so many percent of the instances take requests, then all (blue/green)
    #[arg(long, value_name = "PERCENT", group = "strategy")]
    pub(crate) canary: Option<u32>,
    /// So many percent more of the instances take requests at each step (blue/green)
    #[arg(long, value_name = "PERCENT", group = "strategy")]
    pub(crate) linear: Option<u32>,
    /// So many percent of the instances are replaced at each step
    #[arg(long, value_name = "PERCENT", group = "strategy")]
    pub(crate) rolling: Option<u32>,
    /// How long each step of --canary, --linear or --rolling is watched
    #[arg(long, value_name = "SECONDS", default_value_t = WAIT_DEFAULT_S)]
    pub(crate) wait: u32,
    /// A DeploymentConfig as UpdateEndpoint takes it: a JSON file, or - for standard input
    #[arg(long, value_name = "FILE|-", group = "strategy")]
    pub(crate) deployment_config: Option<PathBuf>,
}
