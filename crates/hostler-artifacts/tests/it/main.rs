//! The cache from outside, with a bucket that does what a test says.

mod bucket;
mod cache;
