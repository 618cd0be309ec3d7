//! Checks what a compiler does not: every module opens by saying what it is, and none is `mod.rs`.
//!
//! Why: a reader who opens any file is told first what it is for and what it must not do. A file
//! that grows long usually holds two subjects, so long ones are listed, not refused.
//! Invariants: generated files must have a header as well; their length is nobody's business.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::context::Context;

/// Files longer than this are listed.
const LINES_TO_MENTION: usize = 450;

pub(crate) fn check(context: &Context) -> Result<String> {
    let mut files = Vec::new();
    for directory in ["crates", "xtask"] {
        collect(&context.root.join(directory), &mut files)?;
    }
    files.sort();
    let mut faults = String::new();
    let mut long = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))?;
        let shown = path.strip_prefix(&context.root).unwrap_or(path).display().to_string();
        if let Some(fault) = fault(&shown, &text) {
            let _ = write!(faults, "\n  {shown}: {fault}");
        }
        let lines = text.lines().count();
        if lines > LINES_TO_MENTION && !shown.contains("/generated/") {
            long.push(format!("{shown} ({lines})"));
        }
    }
    if !faults.is_empty() {
        bail!("modules that do not follow the house style:{faults}");
    }
    let note = format!("{} files", files.len());
    if long.is_empty() {
        return Ok(note);
    }
    Ok(format!("{note}; over {LINES_TO_MENTION} lines: {}", long.join(", ")))
}

/// Whether some comment of a crate holds an example that rustdoc would run.
pub(crate) fn has_examples(context: &Context) -> Result<bool> {
    let mut files = Vec::new();
    collect(&context.root.join("crates"), &mut files)?;
    for path in &files {
        let text = fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))?;
        if holds_example(&text) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds_example(text: &str) -> bool {
    let mut is_open = false;
    for line in text.lines() {
        let line = line.trim_start();
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(language) = comment.and_then(|comment| comment.trim().strip_prefix("```")) else { continue };
        is_open = !is_open;
        if is_open && (language.is_empty() || language.starts_with("rust")) {
            return true;
        }
    }
    false
}

fn fault(path: &str, text: &str) -> Option<&'static str> {
    if path.ends_with("/mod.rs") {
        return Some("is named `mod.rs`; use `name.rs` beside `name/`");
    }
    // The tests of one module belong to it, and its header speaks for them.
    if path.ends_with("/tests.rs") {
        return None;
    }
    if text.lines().next().is_some_and(|line| line.starts_with("//! ") || line.starts_with("// @generated")) {
        return None;
    }
    Some("does not open with a `//!` line that says what it is")
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("listing `{}`", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_with_a_header_passes() {
        assert_eq!(fault("crates/a/src/lib.rs", "//! What it is.\n"), None);
    }

    #[test]
    fn a_module_that_opens_with_code_is_a_fault() {
        assert!(fault("crates/a/src/lib.rs", "use std::fs;\n//! late\n").is_some());
        assert!(fault("crates/a/src/lib.rs", "").is_some());
    }

    #[test]
    fn an_example_is_rust_and_a_block_of_text_is_none() {
        assert!(holds_example("/// So:\n/// ```\n/// assert!(true);\n/// ```\n"));
        assert!(holds_example("//! ```rust,no_run\n//! run();\n//! ```\n"));
        assert!(!holds_example("//! ```text\n//! a -> b\n//! ```\n"));
        assert!(!holds_example("let fence = \"```\";\n"));
    }

    #[test]
    fn a_mod_rs_is_a_fault_whatever_it_says() {
        assert!(fault("crates/a/src/b/mod.rs", "//! What it is.\n").is_some());
    }
}
