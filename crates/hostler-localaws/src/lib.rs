//! hostler-localaws
