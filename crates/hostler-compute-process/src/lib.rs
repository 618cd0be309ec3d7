//! hostler-compute-process
