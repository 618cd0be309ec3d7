//! Signatures against botocore's, and what each protocol says to a bad one.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod arbitrary;
mod chunked;
mod malformed;
mod negatives;
mod presigned;
mod sessions;
mod vectors;
mod wire;
