//! The arguments of `hostler history`.

use clap::{Args, ValueEnum};

use super::FindArgs;

/// Whose history.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryArgs {
    /// The endpoint, endpoint config or model
    pub(crate) name: String,
    /// What the name is of
    #[arg(long, value_enum, default_value_t = HistoryKind::Endpoint)]
    pub(crate) kind: HistoryKind,
    /// Show the newest N only
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryKind {
    Endpoint,
    EndpointConfig,
    Model,
}

impl HistoryKind {
    /// The word in the path of the admin API.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoints",
            Self::EndpointConfig => "endpoint-configs",
            Self::Model => "models",
        }
    }
}
