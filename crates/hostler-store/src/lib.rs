//! hostler-store
