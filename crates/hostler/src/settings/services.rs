//! `[s3]` and `[sts]`: whose S3 holds the model data, and who says what a role is.
//!
//! Why: a wrong word here would show as a model that cannot be downloaded, minutes later; so endpoints, files and keys
//! are looked at when the server starts.
//! Invariants: `http://` goes to this machine alone unless it is allowed by name, because an STS answers with secrets.
//! A session of one STS opens no S3 of another, so an STS elsewhere needs an S3 elsewhere. Keys are never shown.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use hostler_artifacts_object::TlsRoots;
use hostler_localaws::{OwnKeys, StsEndpoint, read_profile};
use hostler_types::{Credentials, Region, Secret};
use http::Uri;

use super::file;

/// What `endpoint` says for Amazon's own services.
const AWS: &str = "aws";

/// An S3 that is not the embedded one.
#[derive(Debug, Clone)]
pub(crate) struct ExternalS3 {
    /// None: AWS's own, in the model's region.
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) path_style: bool,
    pub(crate) roots: Option<TlsRoots>,
    pub(crate) read_as: ReadAs,
}

impl ExternalS3 {
    /// What it is, for people.
    pub(crate) fn shown(&self) -> String {
        self.endpoint.clone().unwrap_or_else(|| "Amazon S3".to_owned())
    }
}

/// As whom model data is read.
#[derive(Debug, Clone)]
pub(crate) enum ReadAs {
    /// As the model's role, which this STS gives.
    Roles(ExternalSts),
    /// With the server's own key, whatever the role.
    Own(KeySource),
}

/// An STS that is not the embedded one.
#[derive(Debug, Clone)]
pub(crate) struct ExternalSts {
    pub(crate) endpoint: StsEndpoint,
    pub(crate) region: Option<Region>,
    pub(crate) roots: Option<TlsRoots>,
    pub(crate) keys: KeySource,
}

/// Where the server's own key is.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    /// It came with the environment.
    Environment(Credentials),
    /// It is read from a file whenever it is needed.
    Profile { file: PathBuf, name: String },
}

impl KeySource {
    pub(crate) fn keys(&self) -> OwnKeys {
        let source = self.clone();
        std::sync::Arc::new(move |_| source.read())
    }

    fn read(&self) -> Result<Credentials, String> {
        match self {
            Self::Environment(credentials) => Ok(credentials.clone()),
            Self::Profile { file, name } => read_profile(file, name).map_err(|error| error.to_string()),
        }
    }
}

/// The variables that AWS's tools read, too.
#[derive(Default)]
pub(super) struct Environment {
    key: Option<Credentials>,
    credentials_file: Option<PathBuf>,
    ca_bundle: Option<PathBuf>,
}

impl Environment {
    pub(super) fn of_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let key = value("AWS_ACCESS_KEY_ID").zip(value("AWS_SECRET_ACCESS_KEY"));
        let home = value("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
        Self {
            key: key.map(|(access_key_id, secret)| Credentials {
                access_key_id,
                secret_access_key: Secret::new(secret),
                session_token: value("AWS_SESSION_TOKEN").map(Secret::new),
                expires_at: None,
            }),
            credentials_file: value("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from).or(home),
            ca_bundle: value("AWS_CA_BUNDLE").map(PathBuf::from),
        }
    }
}

/// Both tables as they are written, and the environment.
pub(super) struct Services {
    pub(super) s3: Option<file::S3>,
    pub(super) sts: file::Sts,
    pub(super) environment: Environment,
}

impl Services {
    /// The S3 elsewhere, if there is one, and the regions in which the embedded STS is switched off.
    pub(super) fn resolve(self, mistakes: &mut Vec<String>) -> (Option<ExternalS3>, BTreeSet<Region>) {
        let Self { s3, mut sts, environment } = self;
        let mut table = Table { name: "sts", environment: &environment, mistakes };
        let inactive_regions = std::mem::take(&mut sts.inactive_regions);
        let inactive_regions: BTreeSet<Region> =
            inactive_regions.into_iter().filter_map(|region| table.region(Some(region))).collect();
        if sts.endpoint.is_some() && !inactive_regions.is_empty() {
            table.mistake("`inactive_regions` is the embedded STS's, and `endpoint` names another");
        }
        let is_external = sts.endpoint.is_some();
        if !is_external && (sts.profile.is_some() || sts.region.is_some() || sts.ca_file.is_some()) {
            table.mistake(
                "`region`, `profile` and `ca_file` are for an STS elsewhere: name its `endpoint`, or \"aws\"",
            );
        }
        let Some(s3) = s3 else {
            if is_external {
                table.mistake(
                    "`endpoint` needs an `[s3]`: sessions of another STS do not open the embedded S3",
                );
            }
            return (None, inactive_regions);
        };
        let sts = if is_external { sts_of(sts, &mut table) } else { None };
        let mut table = Table { name: "s3", environment: &environment, mistakes };
        (s3_of(s3, is_external, sts, &mut table), inactive_regions)
    }
}

fn sts_of(sts: file::Sts, table: &mut Table<'_>) -> Option<ExternalSts> {
    let endpoint = match table.endpoint(sts.endpoint, sts.allow_http)? {
        Endpoint::Aws => StsEndpoint::Aws,
        Endpoint::At(uri) => StsEndpoint::At(uri),
    };
    let is_encrypted = !matches!(&endpoint, StsEndpoint::At(uri) if uri.scheme_str() == Some("http"));
    let roots = table.roots(sts.ca_file, is_encrypted)?;
    let region = table.region(sts.region);
    let keys = table.keys(sts.profile, sts.credentials_file)?;
    Some(ExternalSts { endpoint, region, roots, keys })
}

fn s3_of(s3: file::S3, has_sts: bool, sts: Option<ExternalSts>, table: &mut Table<'_>) -> Option<ExternalS3> {
    let assumes = s3.assume_roles.unwrap_or(true);
    match (assumes, has_sts) {
        (true, false) => table.mistake(
            "model data is read as the model's role, which needs `[sts]` with an `endpoint` (or \"aws\"); for a service \
             without roles set `assume_roles = false`: every model is then read with one key",
        ),
        (false, true) => table.mistake("`assume_roles = false` asks no STS, but `[sts]` has an `endpoint`"),
        (true, true) if s3.profile.is_some() || s3.credentials_file.is_some() => {
            table.mistake("`profile` and `credentials_file` are for `assume_roles = false`; the key for STS is in `[sts]`");
        }
        _ => {}
    }
    let endpoint = table.endpoint(s3.endpoint, s3.allow_http);
    let endpoint = match endpoint? {
        Endpoint::Aws => None,
        Endpoint::At(uri) => Some(uri.to_string()),
    };
    let is_encrypted = !endpoint.as_deref().is_some_and(|url| url.starts_with("http://"));
    let roots = table.roots(s3.ca_file, is_encrypted)?;
    let read_as =
        if assumes { ReadAs::Roles(sts?) } else { ReadAs::Own(table.keys(s3.profile, s3.credentials_file)?) };
    Some(ExternalS3 {
        path_style: s3.path_style.unwrap_or(endpoint.is_some()),
        region: table.region(s3.region).map(|region| region.to_string()),
        endpoint,
        roots,
        read_as,
    })
}

enum Endpoint {
    Aws,
    At(Uri),
}

/// One of the two tables: what is wrong with it is told under its name.
struct Table<'a> {
    name: &'static str,
    environment: &'a Environment,
    mistakes: &'a mut Vec<String>,
}

impl Table<'_> {
    fn mistake(&mut self, text: &str) {
        self.mistakes.push(format!("`[{}]`: {text}", self.name));
    }

    fn endpoint(&mut self, endpoint: Option<String>, allow_http: bool) -> Option<Endpoint> {
        let Some(endpoint) = endpoint else {
            self.mistake("`endpoint` is missing: the URL of a service, or \"aws\" for Amazon's own");
            return None;
        };
        if endpoint == AWS {
            return Some(Endpoint::Aws);
        }
        let uri: Option<Uri> = endpoint.parse().ok();
        let uri = uri.filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none()
        });
        let Some(uri) = uri else {
            self.mistake(&format!(
                "endpoint = \"{}\" is neither \"aws\" nor `http(s)://HOST[:PORT]`",
                without_user(&endpoint)
            ));
            return None;
        };
        if uri.scheme_str() == Some("http") && !allow_http && !is_this_machine(&uri) {
            self.mistake(&format!(
                "endpoint = \"{endpoint}\" is not encrypted and not on this machine: use https://, or set \
                 `allow_http = true` if you know that nobody else listens on the way"
            ));
            return None;
        }
        Some(Endpoint::At(uri))
    }

    fn region(&mut self, region: Option<String>) -> Option<Region> {
        let region = region?;
        let parsed = Region::parse(&region);
        if parsed.is_none() {
            self.mistake(&format!("\"{region}\" is not the name of a region such as eu-south-1"));
        }
        parsed
    }

    /// None as the outer value when the file cannot be used; as the inner when nobody names one.
    #[expect(clippy::option_option, reason = "a mistake is told apart from what is not wanted")]
    fn roots(&mut self, ca_file: Option<PathBuf>, is_encrypted: bool) -> Option<Option<TlsRoots>> {
        let Some(file) = ca_file.or_else(|| self.environment.ca_bundle.clone()).filter(|_| is_encrypted)
        else {
            return Some(None);
        };
        match TlsRoots::from_pem_file(&file) {
            Ok(roots) => Some(Some(roots)),
            Err(error) => {
                self.mistake(&error.to_string());
                None
            }
        }
    }

    fn keys(&mut self, profile: Option<String>, file: Option<PathBuf>) -> Option<KeySource> {
        let Some(name) = profile else {
            if file.is_some() {
                self.mistake("`credentials_file` needs a `profile`");
                return None;
            }
            if self.environment.key.is_none() {
                self.mistake(
                    "no key to ask with: name a `profile` of the credentials file, or set AWS_ACCESS_KEY_ID and \
                     AWS_SECRET_ACCESS_KEY in the server's environment",
                );
            }
            return self.environment.key.clone().map(KeySource::Environment);
        };
        let Some(file) = file.or_else(|| self.environment.credentials_file.clone()) else {
            self.mistake("`profile` needs a `credentials_file`: there is no HOME to look for one in");
            return None;
        };
        let source = KeySource::Profile { file, name };
        match source.read() {
            Ok(_) => Some(source),
            Err(error) => {
                self.mistake(&error);
                None
            }
        }
    }
}

fn is_this_machine(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// A URL may carry a password, which no text of ours repeats.
fn without_user(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
