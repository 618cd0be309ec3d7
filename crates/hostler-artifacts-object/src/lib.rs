//! hostler-artifacts-object
