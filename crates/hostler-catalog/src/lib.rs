//! Tables: what an image name means here, and what an instance type grants.
//!
//! Why: "which program runs this image" and "how much may it use" are facts and settings, not decisions; control
//! asks, and neither the planner nor a backend has to know an image name.
//! Invariants: no I/O. An image that no row knows is left to a backend that pulls images.
#![warn(missing_docs)]

mod framework;
mod image;
mod instance_type;

pub use framework::{FrameworkImage, SCRIPT_IMAGE};
pub use image::{ImageCatalog, ImageMapping, ImageProgram, algorithm_image};
pub use instance_type::{Accelerators, InstanceType, instance_type, instance_type_names};
