//! Model artifacts: looked at, fetched, unpacked or laid out safely, and kept once per machine.
//!
//! Why: a deployment of ten instances must read its model once, and an archive from a bucket is untrusted input.
//! Invariants: this room never sees AWS keys; the `ObjectReader` it is given assumes the role.
#![warn(missing_docs)]

mod cache;
mod contents;
#[doc(hidden)]
pub mod door;
mod feed;
mod key;
mod layout;
mod local_files;
mod manifest;
mod pack;
mod port;
mod snapshot;
mod store_files;
mod unpack;

pub use cache::{ArtifactCache, CacheLimits, PreparePhase, Prepared, remove_tree};
pub use contents::{Contents, Entry, EntryKind, LookError, unpack_local};
pub use key::{CacheKey, CacheKeyError};
pub use local_files::LocalFiles;
pub use pack::{PackError, Packed, look_at_directory, pack};
pub use port::{
    ArchiveFlaw, ArtifactSource, ArtifactVersion, DataForm, DataSource, FetchError, ObjectReader,
    ObjectStream,
};
pub use snapshot::glance;
pub use unpack::UnpackLimits;
