//! The arguments of `hostler ls`.

use std::time::Duration;

use clap::Args;

use super::FindArgs;

/// A tenth of a second is as fast as a person sees, an hour is as slow as anybody waits.
const INTERVAL_S: std::ops::RangeInclusive<f64> = 0.1..=3600.0;

#[derive(Debug, Clone, Args)]
pub(crate) struct LsArgs {
    /// Go on until interrupted, and show what changes
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// With --watch: how often to look
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval, requires = "watch")]
    pub(crate) interval: Duration,
    #[command(flatten)]
    pub(crate) find: FindArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| INTERVAL_S.contains(seconds));
    let (least, most) = (INTERVAL_S.start(), INTERVAL_S.end());
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("it is {least} to {most} seconds"))
}
