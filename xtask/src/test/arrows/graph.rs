//! The part of `cargo metadata` that arrows are about: who names whom, and what the build holds.
//!
//! Why: the manifest is what a person edits and the resolved graph is what is built; both are read
//! from cargo itself, so that no second parser of manifests can disagree with it.
//! Invariants: packages are those that the resolver picked for this workspace, on any platform.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::super::context::Context;

/// One arrow from a crate of this workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// It stands under `[dev-dependencies]`.
    pub(super) only_for_tests: bool,
}

#[derive(Debug)]
pub(super) struct Graph {
    /// The workspace's crates and what their manifests name.
    pub(super) members: BTreeMap<String, Vec<Dependency>>,
    /// Every package in the build, by name.
    pub(super) packages: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    dependencies: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

impl Graph {
    pub(super) fn read(context: &Context) -> Result<Self> {
        let output = context
            .command("cargo")
            .args(["metadata", "--locked", "--format-version", "1"])
            .output()
            .context("starting `cargo metadata`")?;
        ensure!(
            output.status.success(),
            "`cargo metadata` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let metadata =
            serde_json::from_slice(&output.stdout).context("reading what cargo metadata printed")?;
        Ok(Self::from_metadata(metadata))
    }

    fn from_metadata(metadata: Metadata) -> Self {
        let names: BTreeMap<&str, &str> =
            metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let in_build = metadata.resolve.nodes.iter().filter_map(|node| names.get(node.id.as_str()));
        let packages = in_build.map(|name| (*name).to_owned()).collect();
        let own = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
        let members = own.map(|package| (package.name.clone(), arrows(package))).collect();
        Self { members, packages }
    }
}

fn arrows(package: &Package) -> Vec<Dependency> {
    let arrow = |named: &Named| Dependency {
        name: named.name.clone(),
        only_for_tests: named.kind.as_deref() == Some("dev"),
    };
    package.dependencies.iter().map(arrow).collect()
}
