//! The AWS profiles of this server: `aws/config` and `aws/credentials` in the data directory.
//!
//! Why: three environment variables, and every SDK that reads `endpoint_url` from a profile talks to this server.
//! Invariants: after each start they say what holds now, because the port may have changed; readable by the owner alone.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use hostler_types::{Credentials, Region, Secret};

use crate::data_dir::{ServerKeys, write_private};
use crate::hint::Hinted;

/// The profile of the server's own key, which comes first in both files.
pub(crate) const PROFILE: &str = "hostler";
/// In the data directory.
const DIR: &str = "aws";

/// Writes both files; profiles of other keys stay, and follow the server.
pub(crate) fn write(data_dir: &Path, url: &str, region: &Region, keys: &ServerKeys) -> anyhow::Result<()> {
    let mut profiles = vec![Keys {
        profile: PROFILE.to_owned(),
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
    }];
    profiles.extend(written(data_dir)?.into_iter().filter(|keys| keys.profile != PROFILE));
    write_all(data_dir, url, region, &profiles)
}

/// Adds the profile of another key.
pub(crate) fn add(data_dir: &Path, name: &str, access_key_id: &str, secret: &str) -> anyhow::Result<()> {
    let Profile { url, region, .. } = read(data_dir)?;
    let mut profiles = written(data_dir)?;
    profiles.push(Keys {
        profile: name.to_owned(),
        access_key_id: access_key_id.to_owned(),
        secret_access_key: Secret::new(secret),
    });
    write_all(data_dir, &url, &region, &profiles)
}

/// Removes the profile of a key, if there is one; its name.
pub(crate) fn remove(data_dir: &Path, access_key_id: &str) -> anyhow::Result<Option<String>> {
    let Profile { url, region, .. } = read(data_dir)?;
    let mut profiles = written(data_dir)?;
    let is_of_key = |keys: &Keys| keys.profile != PROFILE && keys.access_key_id == access_key_id;
    let Some(index) = profiles.iter().position(is_of_key) else { return Ok(None) };
    let removed = profiles.remove(index).profile;
    write_all(data_dir, &url, &region, &profiles)?;
    Ok(Some(removed))
}

/// Fails when there is a profile of this name.
pub(crate) fn check_free(data_dir: &Path, name: &str) -> anyhow::Result<()> {
    if written(data_dir)?.iter().any(|keys| keys.profile == name) {
        bail!("there is a profile `{name}` in `{}`", data_dir.join(DIR).display());
    }
    Ok(())
}

/// Fails when there is no profile of this name.
pub(crate) fn check_there(data_dir: &Path, name: &str) -> anyhow::Result<()> {
    let written = written(data_dir)?;
    if written.iter().any(|keys| keys.profile == name) {
        return Ok(());
    }
    let names: Vec<&str> = written.iter().map(|keys| keys.profile.as_str()).collect();
    Err(Hinted::wrap(
        anyhow!("there is no profile `{name}` in `{}`", data_dir.join(DIR).display()),
        format!("there is {}; `hostler keys create --profile NAME` makes one", names.join(", ")),
    ))
}

/// The key of a profile, where there is one of this name.
pub(crate) fn credentials(data_dir: &Path, name: &str) -> anyhow::Result<Option<Credentials>> {
    let found = written(data_dir)?.into_iter().find(|keys| keys.profile == name);
    Ok(found.map(|keys| Credentials {
        access_key_id: keys.access_key_id,
        secret_access_key: keys.secret_access_key,
        session_token: None,
        expires_at: None,
    }))
}

/// A section of the credentials file.
struct Keys {
    profile: String,
    access_key_id: String,
    secret_access_key: Secret,
}

/// Every profile of the credentials file.
fn written(data_dir: &Path) -> anyhow::Result<Vec<Keys>> {
    let path = data_dir.join(DIR).join("credentials");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading `{}` failed", path.display())),
    };
    let mut profiles: Vec<Keys> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let (profile, access_key_id) = (name.to_owned(), String::new());
            profiles.push(Keys { profile, access_key_id, secret_access_key: Secret::new("") });
        } else if let (Some((name, value)), Some(keys)) = (line.split_once('='), profiles.last_mut()) {
            match name.trim() {
                "aws_access_key_id" => value.trim().clone_into(&mut keys.access_key_id),
                "aws_secret_access_key" => keys.secret_access_key = Secret::new(value.trim()),
                _ => {}
            }
        }
    }
    profiles.retain(|keys| !keys.access_key_id.is_empty());
    Ok(profiles)
}

fn write_all(data_dir: &Path, url: &str, region: &Region, profiles: &[Keys]) -> anyhow::Result<()> {
    let dir = data_dir.join(DIR);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("making `{}` failed", dir.display()))?;
    let (mut config, mut credentials) = (String::new(), String::new());
    for Keys { profile, access_key_id, secret_access_key } in profiles {
        config.push_str(&format!(
            "[profile {profile}]\nregion = {region}\noutput = json\nendpoint_url = {url}\ns3 =\n    addressing_style = path\n    signature_version = s3v4\n"
        ));
        credentials.push_str(&format!(
            "[{profile}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {}\n",
            secret_access_key.expose()
        ));
    }
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
    let dir = data_dir.join(DIR);
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
