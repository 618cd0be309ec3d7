//! Dependency arrows: fails on any edge between crates that the design does not allow.
//!
//! Why: the rooms stay apart only while nobody can open a door unseen. Heavy libraries are held to
//! the one crate that wraps them, so that checking control never builds a database or an S3 server.
//! Invariants: the table is the last column of the design's rooms; an arrow to a room includes what
//! that room may know. Tests may use `hostler-testkit` besides.

mod graph;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use self::graph::Graph;
use super::context::Context;

/// What each room may know besides itself.
const MAY_KNOW: [(&str, &[&str]); 21] = [
    ("hostler-shapes", &[]),
    ("hostler-types", &["hostler-shapes"]),
    ("hostler-catalog", &["hostler-types"]),
    ("hostler-aws", &["hostler-shapes", "hostler-types"]),
    ("hostler-store", &["hostler-types"]),
    ("hostler-store-sql", &["hostler-types", "hostler-store"]),
    // The port of artifacts: an instance's spec names the sources that its node fetches.
    ("hostler-compute", &["hostler-types", "hostler-artifacts"]),
    // What the backends of one machine share.
    ("hostler-compute-local", &["hostler-compute", "hostler-artifacts"]),
    ("hostler-compute-process", &["hostler-compute-local"]),
    // A registry of AWS is asked for a token by a signed call.
    ("hostler-compute-docker", &["hostler-compute-local", "hostler-aws"]),
    ("hostler-artifacts", &["hostler-types"]),
    ("hostler-artifacts-object", &["hostler-types", "hostler-artifacts", "hostler-aws"]),
    (
        "hostler-control",
        &[
            "hostler-types",
            "hostler-catalog",
            "hostler-aws",
            "hostler-store",
            "hostler-compute",
            "hostler-artifacts",
        ],
    ),
    ("hostler-gateway", &["hostler-types", "hostler-aws"]),
    ("hostler-localaws", &["hostler-types", "hostler-aws"]),
    ("hostler-runtime", &[]),
    ("hostler-script", &[]),
    ("hostler", &["*"]),
    ("hostler-testkit", &["hostler-types", "hostler-compute", "hostler-store", "hostler-control"]),
    // It decodes what each of these decodes.
    (
        "hostler-fuzz",
        &[
            "hostler-artifacts",
            "hostler-artifacts-object",
            "hostler-aws",
            "hostler-control",
            "hostler-gateway",
            "hostler-localaws",
            "hostler-runtime",
            "hostler-store",
        ],
    ),
    ("xtask", &[]),
];

/// Libraries that only these crates may name, because they are heavy or belong behind a port.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("rusqlite", &["hostler-store-sql"]),
    ("object_store", &["hostler-artifacts-object"]),
    ("rustls", &["hostler", "hostler-artifacts-object"]),
    ("tokio-rustls", &["hostler", "hostler-artifacts-object"]),
    ("anyhow", &["hostler", "hostler-testkit", "xtask"]),
    ("clap", &["hostler", "hostler-runtime", "hostler-script", "xtask"]),
];

/// Packages that must not be in the build at all: a second cryptography library, built from C.
const NOWHERE: [&str; 4] = ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "openssl-sys"];

pub(crate) fn check(context: &Context) -> Result<String> {
    let graph = Graph::read(context)?;
    let faults = faults(&graph);
    if !faults.is_empty() {
        bail!("arrows that the design does not allow:\n  {}", faults.join("\n  "));
    }
    Ok(format!("{} crates, {} packages in the build", graph.members.len(), graph.packages.len()))
}

fn faults(graph: &Graph) -> Vec<String> {
    let allowed = closure();
    let mut faults = Vec::new();
    for (name, dependencies) in &graph.members {
        let Some(may_know) = allowed.get(name.as_str()) else {
            faults.push(format!("`{name}` is not in the table of rooms"));
            continue;
        };
        for dependency in dependencies {
            let to = dependency.name.as_str();
            if graph.members.contains_key(to) {
                let known = may_know.contains(to) || may_know.contains("*");
                let for_tests = dependency.only_for_tests && (to == "hostler-testkit" || to == name);
                if !known && !for_tests {
                    faults.push(format!("`{name}` may not know `{to}`"));
                }
            } else if let Some((_, homes)) = ONLY_IN.iter().find(|(library, _)| *library == to)
                && !dependency.only_for_tests
                && !homes.contains(&name.as_str())
            {
                faults.push(format!("`{name}` may not use `{to}`, which belongs to {}", homes.join(", ")));
            }
        }
    }
    let unwanted = NOWHERE.iter().filter(|package| graph.packages.contains(**package));
    faults.extend(unwanted.map(|package| format!("`{package}` is in the build")));
    faults
}

/// What each room may know, and what those may know.
fn closure() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let direct: BTreeMap<&str, &[&str]> = MAY_KNOW.into_iter().collect();
    let mut all = BTreeMap::new();
    for room in direct.keys() {
        let mut known = BTreeSet::new();
        let mut open = vec![*room];
        while let Some(next) = open.pop() {
            for to in direct.get(next).into_iter().copied().flatten() {
                if known.insert(*to) {
                    open.push(to);
                }
            }
        }
        all.insert(*room, known);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::graph::Dependency;
    use super::*;

    fn graph(from: &str, to: &str, only_for_tests: bool) -> Graph {
        let mut members: BTreeMap<String, Vec<Dependency>> =
            MAY_KNOW.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())).collect();
        let edge = Dependency { name: to.to_owned(), only_for_tests };
        members.entry(from.to_owned()).or_default().push(edge);
        Graph { members, packages: BTreeSet::new() }
    }

    fn check(from: &str, to: &str, expected: &[&str]) {
        assert_eq!(faults(&graph(from, to, false)), expected, "{from} to {to}");
    }

    #[test]
    fn control_may_know_a_port_and_what_the_port_knows_but_no_backend() {
        check("hostler-control", "hostler-store", &[]);
        check("hostler-control", "hostler-shapes", &[]);
        let backend = "`hostler-control` may not know `hostler-compute-process`";
        check("hostler-control", "hostler-compute-process", &[backend]);
    }

    #[test]
    fn the_gateway_may_not_know_the_store() {
        check("hostler-gateway", "hostler-store", &["`hostler-gateway` may not know `hostler-store`"]);
    }

    #[test]
    fn a_heavy_library_stays_in_its_crate() {
        check("hostler-store-sql", "rusqlite", &[]);
        let fault = "`hostler-control` may not use `rusqlite`, which belongs to hostler-store-sql";
        check("hostler-control", "rusqlite", &[fault]);
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_may() {
        assert_eq!(faults(&graph("hostler-gateway", "hostler-testkit", true)), Vec::<String>::new());
        let fault = "`hostler-gateway` may not know `hostler-testkit`";
        check("hostler-gateway", "hostler-testkit", &[fault]);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_refused() {
        check("hostler-attic", "serde", &["`hostler-attic` is not in the table of rooms"]);
    }

    #[test]
    fn a_second_cryptography_library_is_refused() {
        let mut graph = graph("hostler", "tokio", false);
        graph.packages.insert("aws-lc-rs".to_owned());
        assert_eq!(faults(&graph), ["`aws-lc-rs` is in the build"]);
    }
}
