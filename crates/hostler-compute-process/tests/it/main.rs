//! The process backend with real processes, through the supervisor's own binary.

mod adoption;
mod broken;
mod conformance;
mod failures;
mod limits;
mod output;
mod stopping;
mod world;
