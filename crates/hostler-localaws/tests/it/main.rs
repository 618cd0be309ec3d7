//! The embedded S3 and STS through their door, with signed requests as they come off the wire.

mod limits;
mod objects;
mod roles;
mod sts;
mod world;
