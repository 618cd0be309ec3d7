//! hostler-control
