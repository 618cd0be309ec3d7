//! The process backend with real processes, through the supervisor's own binary.

mod adoption;
#[cfg(test)]
mod broken;
mod conformance;
mod failures;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod opt_ml;
mod output;
#[cfg(test)]
mod several;
mod stopping;
#[cfg(test)]
mod world;
