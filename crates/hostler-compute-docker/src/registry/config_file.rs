//! `config.json` as `docker login` writes it.
//!
//! Invariants: read anew for each pull, so a login counts at once. Programs that it names (credential helpers) are not
//! run: they may ask a person.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;

use super::Found;

/// What docker calls its own registry in this file.
const DOCKER_HUB: &str = "index.docker.io";
/// No config file is longer.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Default, Deserialize)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// The login for a registry.
pub(super) async fn find(path: &Path, registry: &str) -> Found {
    let hint = |what: String| Found { header: None, hint: Some(format!("`{}` {what}", path.display())) };
    match tokio::fs::metadata(path).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::default(),
        Err(error) => return hint(format!("cannot be read: {error}")),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            return hint("is too long for a config file".to_owned());
        }
        Ok(_) => {}
    }
    match tokio::fs::read(path).await {
        Ok(bytes) => match find_in(&bytes, registry) {
            Ok(found) => found,
            Err(what) => hint(what),
        },
        Err(error) => hint(format!("cannot be read: {error}")),
    }
}

fn find_in(bytes: &[u8], registry: &str) -> Result<Found, String> {
    // The text may hold passwords, so nothing of it is shown.
    let file: ConfigFile = serde_json::from_slice(bytes)
        .map_err(|error| format!("is no config file of docker: line {}", error.line()))?;
    let is_meant = |key: &&String| {
        let host = host(key);
        host == registry || registry == "docker.io" && host == DOCKER_HUB
    };
    let helper = file.helpers.iter().find(|(key, _)| is_meant(key)).map(|(_, helper)| helper);
    let helper = helper.or(file.store.as_ref()).filter(|helper| !helper.is_empty());
    let auth = file.auths.iter().find(|(key, _)| is_meant(key)).map(|(_, auth)| auth);
    let written = auth.and_then(|auth| auth.auth.as_deref()).filter(|written| !written.is_empty());
    match (written, auth.and_then(|auth| auth.identitytoken.as_deref()), helper) {
        (_, Some(token), _) if !token.is_empty() => {
            let login = serde_json::json!({ "identitytoken": token, "serveraddress": registry });
            Ok(Found { header: Some(URL_SAFE.encode(login.to_string())), hint: None })
        }
        (Some(written), ..) => {
            let decoded = STANDARD.decode(written).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let decoded = decoded.as_deref().and_then(|text| text.split_once(':'));
            let (user, password) =
                decoded.ok_or_else(|| format!("holds no user and password for `{registry}`"))?;
            Ok(Found::login(registry, user, password))
        }
        (None, _, Some(helper)) => Err(format!(
            "leaves passwords to the program `docker-credential-{helper}`, which this server does not run: \
             `docker login` with another --config writes one that has them itself"
        )),
        (None, _, None) => Ok(Found::default()),
    }
}

/// Keys are hosts, or URLs of such.
fn host(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, registry: &str) -> Result<Option<serde_json::Value>, String> {
        let header = find_in(file.as_bytes(), registry)?.header;
        Ok(header.map(|header| serde_json::from_slice(&URL_SAFE.decode(header).unwrap()).unwrap()))
    }

    // printf me:secret:word | base64
    const FILE: &str = r#"{"auths": {"127.0.0.1:5001": {"auth": "bWU6c2VjcmV0OndvcmQ="},
        "https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0OndvcmQ="},
        "r.io": {"auth": "", "identitytoken": "t"}, "bad.io": {"auth": "%"}}}"#;

    #[test]
    fn logins_are_found_under_all_names_of_a_registry() {
        for registry in ["127.0.0.1:5001", "docker.io"] {
            let login = found(FILE, registry).unwrap().unwrap();
            assert_eq!(login["username"], "me");
            assert_eq!(login["password"], "secret:word");
            assert_eq!(login["serveraddress"], registry);
        }
        assert_eq!(found(FILE, "r.io").unwrap().unwrap()["identitytoken"], "t");
        assert_eq!(found(FILE, "127.0.0.1:5000"), Ok(None));
        assert_eq!(found("{}", "r.io"), Ok(None));
    }

    #[test]
    fn a_file_that_does_not_help_says_why_and_shows_no_password() {
        let helped = r#"{"credsStore": "desktop", "auths": {"r.io": {}}}"#;
        assert!(found(helped, "r.io").unwrap_err().contains("docker-credential-desktop"));
        let helped = r#"{"credHelpers": {"r.io": "ecr-login"}}"#;
        assert!(found(helped, "r.io").unwrap_err().contains("docker-credential-ecr-login"));
        assert_eq!(found(helped, "other.io"), Ok(None));
        assert!(found(FILE, "bad.io").unwrap_err().contains("no user and password for `bad.io`"));
        let error = found(r#"{"auths": {"r.io": {"auth": ["bWU6c2VjcmV0"]}}}"#, "r.io").unwrap_err();
        assert_eq!(error, "is no config file of docker: line 1");
    }
}
