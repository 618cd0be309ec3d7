//! Shapes, constraints and operations of SageMaker hosting.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

pub(crate) mod constraints;
pub(crate) mod endpoint;
pub(crate) mod endpoint_config;
pub(crate) mod enums;
pub(crate) mod model;
pub(crate) mod operations;
pub(crate) mod runtime;
pub(crate) mod shared;
pub(crate) mod tags;

/// The botocore release whose service models these files were made from.
pub const BOTOCORE_VERSION: &str = "1.44.5";
