//! The embedded S3 and STS through their door, with signed requests as they come off the wire.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod limits;
mod objects;
mod regions;
mod roles;
mod sts;
mod world;
