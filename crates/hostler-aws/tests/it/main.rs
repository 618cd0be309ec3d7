//! Signatures against botocore's, what each protocol says to a bad one, and event streams against Smithy's.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod arbitrary;
mod chunked;
mod event_stream;
mod malformed;
mod negatives;
mod presigned;
mod response_stream;
mod sessions;
mod vectors;
mod wire;
