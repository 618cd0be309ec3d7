//! Runs `hostler demo` as a newcomer would and checks that the clusters it prints are right.
//!
//! Why: the first command of README.md must never break unseen.
//! Invariants: what is right comes from `examples/kmeans-digits/expected.json`, which scikit-learn's
//! numbers made, never from Hostler; the demo must print at least the first few rows' clusters in order.

use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use super::cargo;
use super::context::Context;

const EXPECTED: &str = "examples/kmeans-digits/expected.json";
/// So many clusters in a row are no accident.
const ROWS_MIN: usize = 5;

#[derive(Deserialize)]
struct Expected {
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Prediction {
    closest_cluster: f64,
}

pub(crate) fn run(context: &Context) -> Result<String> {
    let text = fs::read_to_string(context.root.join(EXPECTED)).context("reading the expected clusters")?;
    let expected: Expected = serde_json::from_str(&text).with_context(|| format!("parsing `{EXPECTED}`"))?;
    let clusters: Vec<u64> = expected.predictions.iter().map(|row| row.closest_cluster as u64).collect();
    ensure!(clusters.len() >= ROWS_MIN, "`{EXPECTED}` holds {} rows, at least {ROWS_MIN}", clusters.len());

    cargo::build_hostler(context)?;
    let output = context
        .command(context.hostler())
        .arg("demo")
        .stderr(Stdio::inherit())
        .output()
        .context("starting `hostler demo`")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("`hostler demo` ended with {} after printing:\n{printed}", output.status);
    }
    let rows = longest_match(&printed, &clusters);
    if rows < ROWS_MIN {
        bail!("`hostler demo` did not print the clusters {clusters:?} but:\n{printed}");
    }
    Ok(format!("{rows} clusters agree with scikit-learn's"))
}

/// How many of the expected clusters some line prints, from the first one on and in order.
fn longest_match(printed: &str, clusters: &[u64]) -> usize {
    let numbers = |line: &str| -> Vec<u64> {
        line.split(|character: char| !character.is_ascii_digit())
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    let matching = |line: &[u64]| {
        let starts = 0..line.len();
        starts.map(|start| line[start..].iter().zip(clusters).take_while(|(a, b)| a == b).count()).max()
    };
    printed.lines().filter_map(|line| matching(&numbers(line))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_found_wherever_they_stand_in_a_line() {
        assert_eq!(
            longest_match("InvokeEndpoint 12 ms\n  CSV: clusters 2 1 1 5 3 0\n", &[2, 1, 1, 5, 3, 0]),
            6
        );
        assert_eq!(longest_match("clusters [2, 1, 1]", &[2, 1, 1, 5]), 3);
    }

    #[test]
    fn other_clusters_do_not_match() {
        assert_eq!(longest_match("clusters 2 1 4 5", &[2, 1, 1, 5]), 2);
        assert_eq!(longest_match("", &[2, 1]), 0);
    }
}
