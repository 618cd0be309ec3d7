//! `cargo xtask codegen`: writes the generated part of `hostler-shapes` from AWS's service models.
//!
//! Why: 94 structures, 29 enums and their constraints change with every botocore release; copying
//! them by hand would drift. The output is committed, so that a build needs no network and a bump
//! is reviewed as a diff.
//! Invariants: only names and constraints leave the model, never its prose; every assumption about
//! the model is checked before anything is written; a run with the same pin writes the same bytes.
//! Failure: nothing is written unless all of it could be generated; the pin moves last, so an
//! interrupted bump is repeated by running it again.

mod closure;
mod constraints;
mod enums;
mod fetch;
mod model;
mod names;
mod operations;
mod output;
mod patterns;
mod pin;
mod runtime;
mod structures;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use self::closure::Closure;
use self::model::Service;
use self::pin::Pin;

/// The operations that Hostler implements; their shapes, and only theirs, become Rust.
const IMPLEMENTED: [&str; 17] = [
    "AddTags",
    "CreateEndpoint",
    "CreateEndpointConfig",
    "CreateModel",
    "DeleteEndpoint",
    "DeleteEndpointConfig",
    "DeleteModel",
    "DeleteTags",
    "DescribeEndpoint",
    "DescribeEndpointConfig",
    "DescribeModel",
    "ListEndpointConfigs",
    "ListEndpoints",
    "ListModels",
    "ListTags",
    "UpdateEndpoint",
    "UpdateEndpointWeightsAndCapacities",
];

/// What `cargo xtask codegen` was asked to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; exit with 1 and name the files that a run would change.
    #[arg(long, conflicts_with = "bump")]
    check: bool,

    /// Move to another botocore version (the newest one when none is named) and record its hashes.
    #[arg(long, value_name = "VERSION", num_args = 0..=1, default_missing_value = "latest")]
    bump: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let root = workspace_root()?;
    let pin_path = root.join("xtask/botocore.toml");
    let cache = root.join("target/botocore");

    let (pin, models) = if let Some(wanted) = &arguments.bump {
        fetch::newer(&cache, wanted)?
    } else {
        let pin = Pin::read(&pin_path)?;
        let models = fetch::pinned(&cache, &pin)?;
        (pin, models)
    };
    let control = Service::parse(&models.sagemaker).context("reading the sagemaker model")?;
    let data = Service::parse(&models.runtime).context("reading the sagemaker-runtime model")?;
    let files = generate(&pin, &control, &data)?;

    let directory = root.join("crates/hostler-shapes/src");
    if arguments.check {
        return output::check(&directory, &files);
    }
    output::write(&directory, &files)?;
    if arguments.bump.is_some() {
        pin.write(&pin_path)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// All generated files, by path below `crates/hostler-shapes/src`, formatted.
fn generate(pin: &Pin, control: &Service, data: &Service) -> Result<Vec<output::File>> {
    control.assert_json(&IMPLEMENTED)?;
    data.assert_rest_json()?;
    let closure = Closure::of(control, &IMPLEMENTED)?;

    let mut files = vec![
        output::File::new("generated/enums.rs", enums::render(&closure)?),
        output::File::new("generated/constraints.rs", constraints::render(&closure)?),
        output::File::new("generated/operations.rs", operations::render(control, &closure)?),
        output::File::new("generated/runtime.rs", runtime::render(data)?),
    ];
    let mut modules = vec!["enums", "constraints", "operations", "runtime"];
    for (module, text) in structures::render(&closure)? {
        files.push(output::File::new(&format!("generated/{module}.rs"), text));
        modules.push(module);
    }
    files.push(output::File::new("generated.rs", output::module_list(pin, &mut modules)));
    for file in &mut files {
        file.format()?;
    }
    Ok(files)
}

fn workspace_root() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    match manifest.parent() {
        Some(root) if root.join("Cargo.toml").is_file() => Ok(root.to_path_buf()),
        _ => bail!("looked for the workspace above `{}` and found none", manifest.display()),
    }
}
