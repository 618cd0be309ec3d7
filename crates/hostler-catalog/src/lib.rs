//! hostler-catalog
