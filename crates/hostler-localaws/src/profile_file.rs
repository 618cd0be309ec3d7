//! The keys of one profile in a credentials file, as AWS's tools write it.
//!
//! Why: the server's own key for an S3 or STS elsewhere comes from where people keep such keys. It is read at every use,
//! because whoever rotates keys rewrites the file.
//! Invariants: errors name the file and the profile, never a value. Nothing else of the format is honoured: a profile
//! that gets its keys from a program, from SSO or from another role is refused by naming what it lacks.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use hostler_types::{Credentials, Secret};

/// Files with every account of a company have some hundred kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("reading the credentials file `{file}` failed: {detail}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        detail: String,
    },
    /// The profile, or one of its keys, is not in the file.
    #[error("profile `{profile}` in the credentials file `{file}` has no `{lacks}`")]
    Lacking {
        /// The file.
        file: String,
        /// The profile.
        profile: String,
        /// The missing entry.
        lacks: &'static str,
    },
    /// No such profile.
    #[error("the credentials file `{file}` has no profile `{profile}`")]
    NoProfile {
        /// The file.
        file: String,
        /// The profile.
        profile: String,
    },
}

/// Reads the keys of `profile`.
pub fn read_profile(path: &Path, profile: &str) -> Result<Credentials, ProfileError> {
    let file = path.display().to_string();
    let text = read(path).map_err(|detail| ProfileError::Unreadable { file: file.clone(), detail })?;
    let Some(entries) = section(&text, profile) else {
        return Err(ProfileError::NoProfile { file, profile: profile.to_owned() });
    };
    let value = |name: &str| entries.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let needed = |name: &'static str| {
        value(name).filter(|value| !value.is_empty()).ok_or_else(|| ProfileError::Lacking {
            file: file.clone(),
            profile: profile.to_owned(),
            lacks: name,
        })
    };
    Ok(Credentials {
        access_key_id: needed("aws_access_key_id")?.to_owned(),
        secret_access_key: Secret::new(needed("aws_secret_access_key")?),
        session_token: value("aws_session_token").filter(|value| !value.is_empty()).map(Secret::new),
        expires_at: None,
    })
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// The entries below `[profile]`; sections of the same name add up.
fn section<'a>(text: &'a str, profile: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = None;
    let mut is_inside = false;
    for line in text.lines() {
        // An indented line belongs to the entry above it: `s3 =` and its like have such.
        if line.starts_with([' ', '\t']) || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            is_inside = header.split_once(']').is_some_and(|(name, _)| name.trim() == profile);
            if is_inside && found.is_none() {
                found = Some(Vec::new());
            }
        } else if is_inside
            && let Some((key, value)) = line.split_once('=')
            && let Some(entries) = &mut found
        {
            entries.push((key.trim(), value.trim()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\n[default]\naws_access_key_id=AKIDDEFAULT\naws_secret_access_key=d\n\n[ svc ] ; note\n\
                        aws_access_key_id = AKIDSVC\naws_secret_access_key = a/b+c=\nregion = x\ns3 =\n  aws_session_token = no\n\
                        [session]\naws_access_key_id = ASIAX\naws_secret_access_key = s\naws_session_token = tok=en==\n\
                        [half]\naws_access_key_id = AKIDHALF\n[sso]\nsso_session = me\n";

    fn profile(name: &str) -> Result<Credentials, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials");
        std::fs::write(&path, FILE).unwrap();
        read_profile(&path, name)
            .map_err(|error| error.to_string().replace(&dir.path().display().to_string(), ""))
    }

    #[test]
    fn keys_are_read_as_awss_tools_write_them() {
        let svc = profile("svc").unwrap();
        assert_eq!((svc.access_key_id.as_str(), svc.secret_access_key.expose()), ("AKIDSVC", "a/b+c="));
        assert!(svc.session_token.is_none(), "an indented line belongs to another entry");
        let session = profile("session").unwrap();
        assert_eq!(session.session_token.unwrap().expose(), "tok=en==");
        assert_eq!(profile("default").unwrap().access_key_id, "AKIDDEFAULT");
    }

    #[test]
    fn what_is_missing_is_named_and_no_value_is() {
        for (name, text) in [
            ("none", "the credentials file `/credentials` has no profile `none`"),
            ("half", "profile `half` in the credentials file `/credentials` has no `aws_secret_access_key`"),
            ("sso", "profile `sso` in the credentials file `/credentials` has no `aws_access_key_id`"),
        ] {
            assert_eq!(profile(name).unwrap_err(), text);
        }
        let absent = read_profile(Path::new("/nowhere/credentials"), "x").unwrap_err().to_string();
        assert!(
            absent.starts_with("reading the credentials file `/nowhere/credentials` failed: No such file"),
            "{absent}"
        );
    }

    #[test]
    fn a_file_without_end_is_not_read() {
        let error = read_profile(Path::new("/dev/zero"), "x").unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }
}
