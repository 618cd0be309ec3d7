//! Which image a model is deployed with when nobody named one.
//!
//! Why: a built-in engine is chosen by an image's name, as everywhere in SageMaker; AWS's own name of the algorithm's
//! image keeps the deployment portable to AWS.
//! Invariants: decided by what is in the model, by the engine's own loader.

use std::path::Path;

use anyhow::anyhow;
use hostler_runtime::{Verdict, judge, load, recognise, sniff};

use crate::hint::Hinted;

/// A region whose image serves where a region has none of its own.
const REGION_DEFAULT: &str = "us-east-1";
/// Files that are named in an error.
const FILES_SHOWN_MAX: usize = 5;

/// What serves a model.
pub(crate) struct Engine {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it read: `kmeans, 10 clusters of 64 features`.
    pub(crate) description: String,
    /// AWS's name of its image.
    pub(crate) image: String,
    /// A content type that it reads.
    pub(crate) content_type: &'static str,
}

/// A model that has this is served by it.
const SCRIPT: &str = "code/inference.py";

/// The engine that serves the model in `dir`, or none where its own script does; an error that says what was found when
/// there is neither. Blocks.
pub(crate) fn engine(dir: &Path, region: &str, shown: &Path) -> anyhow::Result<Option<Engine>> {
    let Some(kind) = sniff(dir) else {
        return if dir.join(SCRIPT).is_file() { Ok(None) } else { Err(nobody(dir, shown)) };
    };
    let loaded = load(kind, dir)?;
    Ok(Some(Engine {
        name: kind.name(),
        description: loaded.describe(),
        image: image(kind.name(), region)?,
        content_type: loaded.zero_row().content_type,
    }))
}

/// AWS's image of an algorithm in a region.
pub(crate) fn image(engine: &str, region: &str) -> anyhow::Result<String> {
    hostler_catalog::algorithm_image(engine, region)
        .or_else(|| hostler_catalog::algorithm_image(engine, REGION_DEFAULT))
        .ok_or_else(|| anyhow!("no image of AWS stands for the engine `{engine}`"))
}

fn nobody(dir: &Path, shown: &Path) -> anyhow::Error {
    let mut text = format!("no built-in engine serves `{}`", shown.display());
    for finding in judge(dir) {
        if let Verdict::Refuses { because } = finding.verdict {
            let because = because.replace(&dir.display().to_string(), &shown.display().to_string());
            text.push_str(&format!("\n  - {}: {because}", finding.kind.name()));
        }
    }
    let found = recognise(dir);
    for file in found.iter().take(FILES_SHOWN_MAX) {
        text.push_str(&format!("\n  - found: `{}` is {}", file.file.display(), file.format));
    }
    Hinted::wrap(
        anyhow!(text),
        "give --image NAME, and map that name to a program in the server's settings:\n  \
         [[image]]\n  match = \"NAME\"\n  command = [\"python3\", \"/srv/serve.py\", \"{port}\", \"{model_dir}\"]\n\
         or put a code/inference.py with a model_fn into it (docs/script-mode.md)",
    )
}
