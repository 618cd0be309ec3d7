//! Model artifacts: looked at, fetched, unpacked safely and kept once per machine.
//!
//! Invariants: this room never sees AWS keys; the `ObjectReader` it is given assumes the role.
#![warn(missing_docs)]

mod port;

pub use port::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader, ObjectStream};
