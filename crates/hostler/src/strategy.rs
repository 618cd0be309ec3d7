//! From the flags that say how an update comes to a DeploymentConfig in AWS's form.
//!
//! Invariants: what the numbers may be is the server's to say, so that it is said once, and in AWS's words.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::cli::StrategyArgs;

/// The DeploymentConfig; none for all at once.
pub(crate) fn deployment_config(args: &StrategyArgs) -> anyhow::Result<Option<Value>> {
    if let Some(path) = &args.deployment_config {
        return read(path).map(Some);
    }
    let percent = |value: u32| json!({ "Type": "CAPACITY_PERCENT", "Value": value });
    let blue_green = |kind: &str, member: &str, value: u32| {
        json!({ "BlueGreenUpdatePolicy": { "TrafficRoutingConfiguration": {
            "Type": kind, "WaitIntervalInSeconds": args.wait, member: percent(value),
        } } })
    };
    Ok(match (args.canary, args.linear, args.rolling) {
        (Some(value), _, _) => Some(blue_green("CANARY", "CanarySize", value)),
        (_, Some(value), _) => Some(blue_green("LINEAR", "LinearStepSize", value)),
        (_, _, Some(value)) => Some(json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": percent(value), "WaitIntervalInSeconds": args.wait,
        } })),
        (None, None, None) => None,
    })
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input failed")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("reading `{}` failed", path.display()))?
    };
    serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not a DeploymentConfig in JSON", path.display()))
}
