//! The process backend with real processes, through the supervisor's own binary.

mod adoption;
#[cfg(test)]
mod broken;
mod conformance;
mod failures;
#[cfg(test)]
mod limits;
mod output;
mod stopping;
#[cfg(test)]
mod world;
