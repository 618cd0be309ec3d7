//! Runs `hostler demo` as a newcomer would and checks that the clusters it prints are right.
//!
//! Why: the first command of README.md must never break unseen.
//! Invariants: what is right comes from `examples/kmeans-digits/expected.json`, which scikit-learn's
//! numbers made, never from Hostler.

use anyhow::Result;

use super::context::Context;

pub(crate) fn run(_context: &Context) -> Result<String> {
    anyhow::bail!("not written yet")
}
