//! The cache from outside, with a bucket that does what a test says.
#![expect(clippy::unwrap_used, reason = "a test's own set-up fails the test")]

mod bucket;
mod cache;
mod changed;
mod downloads;
mod files;
mod local_files;
