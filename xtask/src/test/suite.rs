//! The suites of `cargo xtask test`, in the order in which they run: cheap and telling ones first.
//!
//! Why: one table says what is checked, what each check needs and who runs it.
//! Invariants: names are unique; a suite that passes may leave one line that says what it saw.

use anyhow::Result;

use super::context::Context;
use super::venv::{CONFORMANCE, SDK, SDK3, SERVERS, Venv};
use super::{arrows, cargo, demo, docker, instructions, python, sources};
use crate::{fuzz, sim};

/// What may be missing on a machine, so that a suite is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nextest,
    Python,
    /// The package registry answers, or what was fetched from it before is still there.
    Botocore,
    /// Likewise for one environment.
    Venv(Venv),
    /// Node.js with npm.
    Node,
    /// The package registry of npm answers, or what was installed from it before is still there.
    NodePackages,
    Valgrind,
    /// A Docker engine and a registry can be started: root, the programs, namespaces.
    Engine,
    Example,
}

/// How a suite ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With what it has to say, perhaps nothing.
    Passed(String),
    Failed(String),
    LeftOut(String),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: fn(&Context) -> Result<String>,
}

pub(crate) const SUITES: [Suite; 19] = [
    Suite { name: "fmt", about: "the code is formatted", needs: &[], run: cargo::fmt },
    Suite {
        name: "sources",
        about: "every module says what it is; no `mod.rs`; long files are listed",
        needs: &[],
        run: sources::check,
    },
    Suite {
        name: "arrows",
        about: "crates depend on each other only as the design allows",
        needs: &[],
        run: arrows::check,
    },
    Suite {
        name: "codegen",
        about: "running codegen again changes nothing",
        needs: &[Need::Python, Need::Botocore],
        run: python::codegen_is_clean,
    },
    Suite { name: "clippy", about: "no lint is broken", needs: &[], run: cargo::clippy },
    Suite {
        name: "tests",
        about: "unit, property and integration tests",
        needs: &[Need::Nextest],
        run: cargo::nextest,
    },
    Suite { name: "sim", about: "10,000 seeds of the simulated control plane", needs: &[], run: sim::suite },
    Suite {
        name: "fuzz",
        about: "every decoder of foreign bytes over its corpus and generated inputs",
        needs: &[],
        run: fuzz::suite,
    },
    Suite {
        name: "instructions",
        about: "what an invocation costs, counted by callgrind; a figure",
        needs: &[Need::Python, Need::Valgrind],
        run: instructions::run,
    },
    Suite { name: "doctests", about: "examples in comments", needs: &[], run: cargo::doctests },
    Suite { name: "doc", about: "the documentation builds", needs: &[], run: cargo::doc },
    Suite {
        name: "conformance",
        about: "boto3 and the AWS CLI (v1 and v2) against the binary",
        needs: &[Need::Python, Need::Venv(CONFORMANCE)],
        run: python::conformance,
    },
    Suite {
        name: "servers",
        about: "model servers of others (inference-server, MLflow), deployed by boto3",
        needs: &[Need::Python, Need::Venv(CONFORMANCE), Need::Venv(SERVERS)],
        run: python::servers,
    },
    Suite {
        name: "docker",
        about: "images in a Docker engine of the tests' own: the backend, and model servers of others",
        needs: &[Need::Nextest, Need::Python, Need::Venv(CONFORMANCE), Need::Engine],
        run: docker::suite,
    },
    Suite {
        name: "js",
        about: "the AWS SDK for JavaScript against the binary",
        needs: &[Need::Python, Need::Venv(CONFORMANCE), Need::Node, Need::NodePackages],
        run: python::js,
    },
    Suite {
        name: "sdk",
        about: "the SageMaker SDK, version 2, against the binary",
        needs: &[Need::Python, Need::Venv(SDK)],
        run: python::sdk,
    },
    Suite {
        name: "sdk3",
        about: "the SageMaker SDK, version 3, against the binary",
        needs: &[Need::Python, Need::Venv(SDK3)],
        run: python::sdk3,
    },
    Suite {
        name: "soak",
        about: "three minutes of mixed load with kills and updates: nothing is lost, nothing grows",
        needs: &[Need::Python, Need::Venv(CONFORMANCE)],
        run: python::soak,
    },
    Suite {
        name: "demo",
        about: "`hostler demo` from upload to answers",
        needs: &[Need::Python, Need::Example],
        run: demo::run,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (index, suite) in SUITES.iter().enumerate() {
            assert!(SUITES[..index].iter().all(|other| other.name != suite.name), "{}", suite.name);
        }
    }
}
