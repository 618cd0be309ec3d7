//! hostler-aws
