//! The pinned botocore version and the hashes of its two service models, `xtask/botocore.toml`.
//!
//! Why: generated code must be the same for everybody; a version alone does not prove that.
//! Invariants: hashes are SHA-256 of the model's JSON after decompression, in lower-case hex.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

const HEADER: &str = "\
# The botocore release whose service models `cargo xtask codegen` reads.
# Moved only by `cargo xtask codegen --bump [VERSION]`. Hashes are SHA-256 of the unpacked JSON.
";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pin {
    pub(crate) version: String,
    pub(crate) sha256: Hashes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Hashes {
    pub(crate) sagemaker: String,
    pub(crate) sagemaker_runtime: String,
}

impl Pin {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading the pin `{}`", path.display()))?;
        toml::from_str(&text).with_context(|| format!("parsing the pin `{}`", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).context("writing the pin as TOML")?;
        fs::write(path, format!("{HEADER}{text}"))
            .with_context(|| format!("writing the pin `{}`", path.display()))
    }
}
