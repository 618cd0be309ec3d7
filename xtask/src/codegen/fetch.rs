//! Gets the two service models of one botocore release, from the cache or through pip.
//!
//! Why: botocore's wheel is the place where AWS publishes its models to everybody; pip verifies the
//! download, the recorded hashes verify that the cache was not changed since.
//! Invariants: a cached model is used only if its hash is the pinned one; the network is touched
//! only when the cache lacks it.
//! Failure: a broken cache is fetched again; a hash that still differs stops the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use ring::digest::{SHA256, digest};

use super::pin::{Hashes, Pin};

/// Unpacks both models of a wheel, which is a zip archive holding gzip files.
const EXTRACT_PY: &str = include_str!("extract.py");

/// The JSON of the two models.
pub(crate) struct Models {
    pub(crate) sagemaker: Vec<u8>,
    pub(crate) runtime: Vec<u8>,
}

/// The models of the pinned version.
pub(crate) fn pinned(cache: &Path, pin: &Pin) -> Result<Models> {
    let directory = cache.join(&pin.version);
    if let Ok(models) = read(&directory)
        && hashes(&models) == pin.sha256
    {
        return Ok(models);
    }
    let wheel = download(cache, &pin.version)?;
    let models = extract(&wheel, &directory)?;
    let found = hashes(&models);
    ensure!(
        found == pin.sha256,
        "the models of botocore {} have other hashes than recorded: found {found:?}, recorded {:?}",
        pin.version,
        pin.sha256,
    );
    Ok(models)
}

/// The models of the wanted version (`latest` for the newest), and the pin that records them.
pub(crate) fn newer(cache: &Path, wanted: &str) -> Result<(Pin, Models)> {
    let wheel = download(cache, wanted)?;
    let version = version_of(&wheel)?;
    let models = extract(&wheel, &cache.join(&version))?;
    let sha256 = hashes(&models);
    Ok((Pin { version, sha256 }, models))
}

fn read(directory: &Path) -> Result<Models> {
    let read = |name: &str| {
        let path = directory.join(name);
        fs::read(&path).with_context(|| format!("reading `{}`", path.display()))
    };
    Ok(Models { sagemaker: read("sagemaker.json")?, runtime: read("sagemaker-runtime.json")? })
}

fn hashes(models: &Models) -> Hashes {
    let hex_of = |bytes: &[u8]| hex::encode(digest(&SHA256, bytes));
    Hashes { sagemaker: hex_of(&models.sagemaker), sagemaker_runtime: hex_of(&models.runtime) }
}

fn download(cache: &Path, version: &str) -> Result<PathBuf> {
    let downloads = cache.join("download");
    if downloads.exists() {
        fs::remove_dir_all(&downloads).with_context(|| format!("emptying `{}`", downloads.display()))?;
    }
    fs::create_dir_all(&downloads).with_context(|| format!("creating `{}`", downloads.display()))?;
    let requirement = match version {
        "latest" => "botocore".to_owned(),
        exact => format!("botocore=={exact}"),
    };
    python(&[
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        path_text(&downloads)?,
        &requirement,
    ])
    .with_context(|| format!("downloading `{requirement}` with pip"))?;
    let mut wheels = Vec::new();
    for entry in fs::read_dir(&downloads)? {
        wheels.push(entry?.path());
    }
    match <[PathBuf; 1]>::try_from(wheels) {
        Ok([wheel]) => Ok(wheel),
        Err(wheels) => bail!("pip should leave exactly one wheel, it left {wheels:?}"),
    }
}

fn version_of(wheel: &Path) -> Result<String> {
    let name = wheel.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix("botocore-")
        .and_then(|rest| rest.split('-').next())
        .map(str::to_owned)
        .with_context(|| format!("reading the version from the wheel's name `{name}`"))
}

fn extract(wheel: &Path, directory: &Path) -> Result<Models> {
    fs::create_dir_all(directory).with_context(|| format!("creating `{}`", directory.display()))?;
    python(&["-c", EXTRACT_PY, path_text(wheel)?, path_text(directory)?])
        .with_context(|| format!("unpacking the models of `{}`", wheel.display()))?;
    read(directory)
}

fn python(arguments: &[&str]) -> Result<()> {
    let output = Command::new("python3")
        .args(arguments)
        .output()
        .context("starting `python3`, which must be installed")?;
    ensure!(
        output.status.success(),
        "`python3` ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim(),
    );
    Ok(())
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the path `{}` is not UTF-8", path.display()))
}
