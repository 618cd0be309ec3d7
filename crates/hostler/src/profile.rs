//! The AWS profile of this server: `aws/config` and `aws/credentials` in the data directory.
//!
//! Why: three environment variables, and every SDK that reads `endpoint_url` from a profile talks to this server.
//! Invariants: after each start they say what holds now, because the port may have changed; readable by the owner alone.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use hostler_types::{Credentials, Region, Secret};

use crate::data_dir::{ServerKeys, write_private};

pub(crate) const PROFILE: &str = "hostler";

/// Writes both files.
pub(crate) fn write(data_dir: &Path, url: &str, region: &Region, keys: &ServerKeys) -> anyhow::Result<()> {
    let dir = data_dir.join("aws");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("making `{}` failed", dir.display()))?;
    let config = format!(
        "[profile {PROFILE}]\nregion = {region}\noutput = json\nendpoint_url = {url}\ns3 =\n    addressing_style = path\n    signature_version = s3v4\n"
    );
    let credentials = format!(
        "[{PROFILE}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id,
        keys.secret_access_key.expose()
    );
    for (name, content) in [("config", config), ("credentials", credentials)] {
        let path = dir.join(name);
        // A server that comes back on the same port needs no room on the disk for that.
        if !fs::read(&path).is_ok_and(|written| written == content.as_bytes()) {
            write_private(&path, content.as_bytes())?;
        }
    }
    Ok(())
}

/// What a command line tool needs to call the server.
pub(crate) struct Profile {
    pub(crate) url: String,
    pub(crate) region: Region,
    pub(crate) credentials: Credentials,
}

/// No server has ever written its profile here.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is no data directory of a server: it has no `aws/config`", data_dir.display())]
pub(crate) struct NoProfile {
    pub(crate) data_dir: PathBuf,
}

/// Reads both files.
pub(crate) fn read(data_dir: &Path) -> anyhow::Result<Profile> {
    let dir = data_dir.join("aws");
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NoProfile { data_dir: data_dir.to_owned() }.into(),
            _ => anyhow::Error::new(error).context(format!("reading `{}` failed", path.display())),
        })
    };
    let (config, credentials) = (read("config")?, read("credentials")?);
    let value = |text: &str, key: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().to_owned())
            .ok_or_else(|| anyhow!("the profile in `{}` has no {key}", dir.display()))
    };
    Ok(Profile {
        url: value(&config, "endpoint_url")?,
        region: Region::new(value(&config, "region")?),
        credentials: Credentials {
            access_key_id: value(&credentials, "aws_access_key_id")?,
            secret_access_key: Secret::new(value(&credentials, "aws_secret_access_key")?),
            session_token: None,
            expires_at: None,
        },
    })
}
