//! Settings: file, then environment and flags over it, into one plain struct; every mistake is reported at once.
//!
//! Why: a person who fixes one mistake only to meet the next loses an hour; unknown keys are mistakes, because a
//! misspelled limit that is ignored is worse than none.
//! Invariants: the only place that knows defaults and where they come from.

mod connections;
mod docker;
mod file;
mod image;
mod limits;
mod metrics;
mod quotas;
mod script;
mod services;
mod throttling;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostler_aws::ThrottleClass;
use hostler_catalog::ImageMapping;
use hostler_control::{AcceleratorPolicy, Quotas};
use hostler_gateway::{AdmissionLimits, BodyLimits};
use hostler_localaws::{RolePolicies, RoleRule, RoleRuleError, UndeclaredRoles};
use hostler_types::{AccountId, LimitBounds, Region};

use crate::cli::{LogFormat, ServeArgs};
pub(crate) use connections::ConnectionLimits;
pub(crate) use docker::DockerSettings;
use file::SettingsFile;
pub(crate) use metrics::MetricsSettings;
pub(crate) use script::Script;
use services::{Environment, Services};
pub(crate) use services::{ExternalS3, ExternalSts, ReadAs};

const DATA_DIR_DEFAULT: &str = ".hostler";
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7070);
const ACCOUNT_DEFAULT: &str = "000000000000";
const REGION_DEFAULT: &str = "us-east-1";
const DESCRIBE_HOLD_DEFAULT_MS: u64 = 1000;
/// Longer than Terraform's pause between two polls.
const ROLLBACK_SHOWN_DEFAULT_S: u64 = 12;
/// AWS lets configs and models go under what uses them.
const PROTECT_IN_USE_DEFAULT: bool = false;
const STRICT_AWS_DEFAULT: bool = false;
/// AWS's limit for a model's answer.
const MODEL_TIMEOUT_DEFAULT_S: u64 = 60;
/// AWS's limit for a model's stream.
const STREAM_TIMEOUT_DEFAULT_S: u64 = 8 * 60;
/// AWS's limit for a request.
const PAYLOAD_BYTES_DEFAULT: u64 = 26_214_400;
/// Longer than it takes to replace an instance that died, shorter than clients wait.
const HOLD_TIMEOUT_DEFAULT_S: u64 = 10;
/// How long a creation waits for capacity, S3, STS and whatever else is nobody's mistake.
const PROVISION_TIMEOUT_DEFAULT_S: u64 = 20 * 60;

/// Everything that `serve` goes by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) backend: BackendKind,
    /// What runs container images; none: nothing does.
    pub(crate) docker: Option<DockerSettings>,
    pub(crate) leave_running: bool,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) describe_hold: Duration,
    pub(crate) rollback_shown: Duration,
    /// Nothing that is in use is deleted.
    pub(crate) protect_in_use: bool,
    /// What AWS refuses is refused, also where it could be done.
    pub(crate) strict_aws: bool,
    pub(crate) log_format: LogFormat,
    pub(crate) model_timeout: Duration,
    pub(crate) stream_timeout: Duration,
    /// Of an endpoint whose owner set none.
    pub(crate) payload_bytes: u64,
    /// How long a request waits for a place at an instance.
    pub(crate) hold_timeout: Duration,
    /// Of an endpoint whose owner set none.
    pub(crate) admission: AdmissionLimits,
    /// The most that owners may set.
    pub(crate) limit_bounds: LimitBounds,
    pub(crate) bodies: BodyLimits,
    pub(crate) body_timeout: Duration,
    pub(crate) connections: ConnectionLimits,
    pub(crate) artifact_bytes_max: Option<u64>,
    pub(crate) instance_memory_bytes_max: Option<u64>,
    /// Instances are promised so many times what the machine has; none: as much as they ask for.
    pub(crate) overcommit: Option<f64>,
    pub(crate) quotas: Quotas,
    /// How often an account may ask; none: as often as it likes.
    pub(crate) throttling: Vec<ThrottleClass>,
    pub(crate) accelerators: AcceleratorPolicy,
    pub(crate) provision_timeout: Duration,
    /// None: the embedded S3.
    pub(crate) s3: Option<ExternalS3>,
    pub(crate) inactive_regions: BTreeSet<Region>,
    pub(crate) roles: RolePolicies,
    /// What `file://` may read.
    pub(crate) model_dirs: Vec<PathBuf>,
    pub(crate) images: Vec<ImageMapping>,
    pub(crate) script: Script,
    pub(crate) metrics: MetricsSettings,
}

/// What runs instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackendKind {
    /// Processes of this machine.
    Process,
    /// Entries in memory: statuses move, no model runs.
    Simulated,
}

#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// Every mistake in the settings.
#[derive(Debug, thiserror::Error)]
#[error("the settings have {} mistake{}:\n  - {}", .0.len(), if .0.len() == 1 { "" } else { "s" }, .0.join("\n  - "))]
pub(crate) struct SettingsError(pub(crate) Vec<String>);

impl Settings {
    /// Resolves flags over the file over the defaults.
    pub(crate) fn resolve(args: &ServeArgs) -> Result<Self, SettingsError> {
        let mut mistakes = Vec::new();
        let file = match &args.config {
            Some(path) => read(path, &mut mistakes),
            None => SettingsFile::default(),
        };
        let in_file = parse_listen(file.listen.as_deref(), &mut mistakes);
        let listen = args.listen.or(in_file).unwrap_or(LISTEN_DEFAULT);
        let tls = match (&args.tls_cert, &args.tls_key) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert: cert.clone(), key: key.clone() }),
            (None, None) => None,
            (Some(_), None) => mistake(&mut mistakes, "--tls-cert needs --tls-key"),
            (None, Some(_)) => mistake(&mut mistakes, "--tls-key needs --tls-cert"),
        };
        if !listen.ip().is_loopback() && tls.is_none() && !args.allow_plaintext {
            mistakes.push(format!(
                "{listen} is reachable from other machines: give --tls-cert and --tls-key, or --allow-plaintext if \
                 you know that nobody else listens on this network"
            ));
        }
        let account = file.account.unwrap_or_else(|| ACCOUNT_DEFAULT.to_owned());
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            mistakes.push(format!("account = \"{account}\" is not twelve digits"));
        }
        let region = file.region.as_deref().unwrap_or(REGION_DEFAULT);
        // It goes into the written profile and into ARNs.
        let region = Region::parse(region).unwrap_or_else(|| {
            mistakes.push(format!("region = \"{region}\" is not a region such as {REGION_DEFAULT}"));
            Region::new(REGION_DEFAULT)
        });
        mistakes.extend(file.limits.mistakes());
        let limit_bounds = limits::bounds(&file.limits, &mut mistakes);
        let backend = backend_kind(file.backend.as_deref(), &mut mistakes);
        let docker = docker::resolve(file.docker, backend, &mut mistakes);
        let roles = [("allow", UndeclaredRoles::Allow), ("deny", UndeclaredRoles::Deny)];
        let undeclared_roles =
            one_of("undeclared_roles", file.undeclared_roles.as_deref(), roles, &mut mistakes);
        let policies = [("refuse", AcceleratorPolicy::Refuse), ("mark", AcceleratorPolicy::Mark)];
        let accelerators = one_of("accelerators", file.accelerators.as_deref(), policies, &mut mistakes);
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let log_format = one_of("log_format", file.log_format.as_deref(), formats, &mut mistakes);
        mistakes.extend(file.image.iter().flat_map(image::Image::mistakes));
        mistakes.extend(file.script.mistakes());
        let quotas = quotas::resolve(file.quotas, &mut mistakes);
        let metrics = file.metrics.resolve(&mut mistakes);
        let throttling = throttling::resolve(file.throttling, &mut mistakes);
        for dir in file.model_dirs.iter().filter(|dir| !dir.is_absolute()) {
            mistakes.push(format!("model_dirs: `{}` is not an absolute path", dir.display()));
        }
        let has_s3 = file.s3.is_some();
        let services = Services { s3: file.s3, sts: file.sts, environment: Environment::of_process() };
        let (s3, inactive_regions) = services.resolve(&mut mistakes);
        if has_s3 && (!file.role.is_empty() || undeclared_roles == UndeclaredRoles::Deny) {
            mistakes.push(
                "`[[role]]` and `undeclared_roles` hold on the embedded S3 alone, which `[s3]` turns off: say at that \
                 service what a role may read"
                    .to_owned(),
            );
        }
        let rules = file.role.into_iter().map(|role| RoleRule { arn: role.arn, allow: role.allow }).collect();
        let roles = RolePolicies::new(rules, undeclared_roles).unwrap_or_else(|RoleRuleError(found)| {
            mistakes.extend(found.into_iter().map(|mistake| format!("[[role]] {mistake}")));
            RolePolicies::default()
        });
        let limits = file.limits;
        let settings = Self {
            data_dir: args.data_dir.clone().or(file.data_dir).unwrap_or_else(|| DATA_DIR_DEFAULT.into()),
            listen,
            backend,
            docker,
            leave_running: args.leave_running,
            tls,
            account: AccountId::new(account),
            region,
            describe_hold: Duration::from_millis(file.describe_hold_ms.unwrap_or(DESCRIBE_HOLD_DEFAULT_MS)),
            rollback_shown: Duration::from_secs(file.rollback_shown_s.unwrap_or(ROLLBACK_SHOWN_DEFAULT_S)),
            protect_in_use: args.protect_in_use.or(file.protect_in_use).unwrap_or(PROTECT_IN_USE_DEFAULT),
            strict_aws: args.strict_aws.or(file.strict_aws).unwrap_or(STRICT_AWS_DEFAULT),
            log_format: args.log_format.unwrap_or(log_format),
            model_timeout: Duration::from_secs(limits.model_timeout_s.unwrap_or(MODEL_TIMEOUT_DEFAULT_S)),
            stream_timeout: Duration::from_secs(limits.stream_timeout_s.unwrap_or(STREAM_TIMEOUT_DEFAULT_S)),
            payload_bytes: limits.payload_bytes.unwrap_or(PAYLOAD_BYTES_DEFAULT),
            hold_timeout: Duration::from_secs(limits.hold_timeout_s.unwrap_or(HOLD_TIMEOUT_DEFAULT_S)),
            admission: limits::admission(&limits),
            limit_bounds,
            bodies: connections::bodies(&limits),
            body_timeout: connections::body_timeout(&limits),
            connections: ConnectionLimits::of(&limits),
            artifact_bytes_max: limits.artifact_bytes,
            instance_memory_bytes_max: limits.instance_memory_bytes,
            overcommit: limits.overcommit,
            quotas,
            throttling,
            accelerators,
            provision_timeout: Duration::from_secs(
                limits.provision_timeout_s.unwrap_or(PROVISION_TIMEOUT_DEFAULT_S),
            ),
            s3,
            inactive_regions,
            roles,
            model_dirs: file.model_dirs,
            images: file.image.into_iter().map(Into::into).collect(),
            script: file.script,
            metrics,
        };
        if mistakes.is_empty() { Ok(settings) } else { Err(SettingsError(mistakes)) }
    }
}

fn backend_kind(word: Option<&str>, mistakes: &mut Vec<String>) -> BackendKind {
    match word {
        None | Some("process") => BackendKind::Process,
        Some("simulated") => BackendKind::Simulated,
        Some(other) => {
            mistakes.push(format!(
                "backend = \"{other}\" is not there; \"process\" and \"simulated\" are, and a [docker] table beside \
                 \"process\" lets an engine run images"
            ));
            BackendKind::Process
        }
    }
}

/// One of two words; the first is the default.
fn one_of<T>(name: &str, given: Option<&str>, choices: [(&str, T); 2], mistakes: &mut Vec<String>) -> T {
    let [(first, is_first), (second, is_second)] = choices;
    match given {
        Some(word) if word == second => is_second,
        Some(word) if word != first => {
            mistakes.push(format!("{name} = \"{word}\" is neither \"{first}\" nor \"{second}\""));
            is_first
        }
        _ => is_first,
    }
}

fn read(path: &Path, mistakes: &mut Vec<String>) -> SettingsFile {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            mistakes.push(format!("reading `{}` failed: {error}", path.display()));
            return SettingsFile::default();
        }
    };
    let (file, found) = SettingsFile::parse(&text);
    mistakes.extend(found.into_iter().map(|mistake| format!("`{}`: {mistake}", path.display())));
    file
}

fn parse_listen(text: Option<&str>, mistakes: &mut Vec<String>) -> Option<SocketAddr> {
    let text = text?;
    let address = text.parse().ok();
    if address.is_none() {
        mistakes.push(format!("listen = \"{text}\" is not an address and port such as 127.0.0.1:7070"));
    }
    address
}

fn mistake<T>(mistakes: &mut Vec<String>, text: &str) -> Option<T> {
    mistakes.push(text.to_owned());
    None
}
