//! Which engine serves a directory, why, and what else lies in it.
//!
//! Why: a person who deploys a directory names no image; and when no engine serves it, "what was found" is what helps.
//! Every engine has one row here, so a new one is a line; nothing is decided by a file's name alone.
//! Invariants: rows are asked in order and the first that serves wins; what is not read whole (the look at formats) is
//! bounded in files and bytes. A verdict never changes anything.

mod formats;

use std::path::Path;

use crate::engine::{EngineKind, kmeans};

pub use formats::{Recognised, recognise};

/// What an engine says of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It serves it.
    Serves { because: String },
    /// It does not.
    Refuses { because: String },
}

/// One engine's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: EngineKind,
    pub verdict: Verdict,
}

/// An engine and how it judges.
struct Row {
    kind: EngineKind,
    judge: fn(&Path) -> Verdict,
}

const ROWS: [Row; 1] = [Row { kind: EngineKind::KMeans, judge: kmeans::judge }];

/// Every engine's verdict, in the order in which they are asked.
pub fn judge(dir: &Path) -> Vec<Finding> {
    ROWS.iter().map(|row| Finding { kind: row.kind, verdict: (row.judge)(dir) }).collect()
}

/// The engine that serves an unpacked artifact.
pub fn sniff(dir: &Path) -> Option<EngineKind> {
    let serves = |row: &&Row| matches!((row.judge)(dir), Verdict::Serves { .. });
    ROWS.iter().find(serves).map(|row| row.kind)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_engine_has_a_row() {
        let rows: Vec<EngineKind> = ROWS.iter().map(|row| row.kind).collect();
        assert_eq!(rows, EngineKind::value_variants());
    }

    #[test]
    fn an_engine_that_refuses_says_why() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("model_algo-1"), b"PK\x03\x04\x14\0\x08\0").unwrap();
        let findings = judge(dir.path());
        let Verdict::Refuses { because } = &findings[0].verdict else { panic!("{findings:?}") };
        assert!(because.contains("zip archive"), "{because}");
        assert_eq!(sniff(dir.path()), None);
    }
}
