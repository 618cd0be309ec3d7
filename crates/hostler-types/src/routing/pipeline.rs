//! How requests go through an instance of several containers.

use hostler_shapes::InferenceExecutionMode;

/// The containers of every instance of a fleet, by their hostnames, and who of them gets a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// All of them, one after the other; or the one that the request names.
    pub mode: InferenceExecutionMode,
    /// In the order of the model; they differ.
    pub hostnames: Vec<String>,
}
