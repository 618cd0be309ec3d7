//! The reader against a small server that plays S3 on a loopback port.
#![expect(clippy::unwrap_used, reason = "a test's own set-up fails the test")]

mod listing;
mod reader;
mod s3;
