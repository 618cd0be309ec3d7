//! hostler-artifacts
