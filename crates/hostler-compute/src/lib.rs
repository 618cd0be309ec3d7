//! hostler-compute
