//! hostler-store-sql
