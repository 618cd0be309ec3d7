//! Looks at objects and opens them, as the model's role.
//!
//! Why: see the crate's header. A HEAD that is refused says only its status, so one GET of a single byte follows to learn
//! the service's code and text: they tell a person what to change, and us whether the session merely ended.
//! Invariants: a look takes at most `limits.look`; an opened stream is of just the version that was looked at.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use hostler_artifacts::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader, ObjectStream};
use hostler_types::{Clock, CredentialError, CredentialSource, SystemClock};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, Extensions, GetOptions, GetRange, GetResult, ObjectStore, RetryConfig};

use crate::answer::{Answer, Observer};
use crate::config::{ConfigError, Endpoint, ObjectStoreConfig};
use crate::credentials::{AsRole, RoleCredentials};
use crate::http_client::HyperClient;
use crate::list::Listing;
use crate::location::{Location, Prefix};
use crate::tls::TlsRoots;

/// Wait before the second try; grows with each.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A download is resumed for so long after its begin: longer than SageMaker's longest download timeout.
const RESUME_WITHIN: Duration = Duration::from_secs(2 * 60 * 60);

/// STS's code for a region in which it is switched off.
const REGION_DISABLED: &str = "RegionDisabledException";

/// Reads objects of one S3 service.
pub struct ObjectStoreReader {
    config: ObjectStoreConfig,
    endpoint: Endpoint,
    client: HyperClient,
    roles: Arc<RoleCredentials>,
}

/// One object as one role.
struct Request<'a> {
    source: &'a ArtifactSource,
    location: &'a Location,
    store: AmazonS3,
    role: Arc<AsRole>,
    observer: Observer,
    /// The region that the request is signed for.
    region: &'a str,
    /// The URL of the service, for texts.
    service: String,
}

impl ObjectStoreReader {
    /// A reader of the service in `config`, with roles assumed by `credentials`.
    pub fn new(
        config: ObjectStoreConfig,
        credentials: Arc<dyn CredentialSource>,
    ) -> Result<Self, ConfigError> {
        Self::with_clock(config, credentials, Arc::new(SystemClock))
    }

    /// The same with a clock, by which credentials are renewed.
    pub fn with_clock(
        config: ObjectStoreConfig,
        credentials: Arc<dyn CredentialSource>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let endpoint = Endpoint::check(&config)?;
        let roots = match (endpoint.is_encrypted(), &config.roots) {
            (false, _) => None,
            (true, Some(roots)) => Some(roots.clone()),
            (true, None) => Some(TlsRoots::machine().map_err(ConfigError::Tls)?),
        };
        let client = HyperClient::new(roots.as_ref(), config.limits);
        let roles = Arc::new(RoleCredentials::new(credentials, clock));
        Ok(Self { config, endpoint, client, roles })
    }

    fn request<'a>(
        &'a self,
        source: &'a ArtifactSource,
        location: &'a Location,
        is_assuming: &Arc<AtomicBool>,
        max_retries: usize,
    ) -> Result<Request<'a>, FetchError> {
        let region = self.region(source);
        let role = Arc::new(AsRole::new(&self.roles, source, is_assuming));
        let init_backoff = BACKOFF_FIRST;
        let backoff = BackoffConfig { init_backoff, max_backoff: BACKOFF_MAX, ..BackoffConfig::default() };
        let store = AmazonS3Builder::new()
            .with_bucket_name(&location.bucket)
            .with_region(region)
            // "Virtual hosted" means to this library that the URL it is given names the bucket already.
            .with_virtual_hosted_style_request(true)
            .with_endpoint(self.endpoint.bucket_url(&location.bucket, region, self.config.path_style))
            .with_allow_http(self.config.allow_http)
            .with_credentials(Arc::clone(&role) as _)
            .with_retry(RetryConfig { backoff, max_retries, retry_timeout: RESUME_WITHIN })
            .with_http_connector(self.client.clone())
            .build()
            .map_err(|error| FetchError::Unreadable {
                uri: source.uri.clone(),
                detail: root_cause(&error),
            })?;
        let service = self.endpoint.service_url(region);
        Ok(Request { source, location, store, role, observer: Observer::default(), region, service })
    }

    /// The region to sign for.
    fn region<'a>(&'a self, source: &'a ArtifactSource) -> &'a str {
        self.config.region.as_deref().unwrap_or(source.region.as_str())
    }

    async fn look_now(
        &self,
        source: &ArtifactSource,
        is_assuming: &Arc<AtomicBool>,
    ) -> Result<ArtifactVersion, FetchError> {
        let location = Location::parse(&source.uri)?;
        let request = self.request(source, &location, is_assuming, self.config.limits.look_retries)?;
        let seen = request.get(&GetOptions { head: true, ..GetOptions::default() }).await?;
        Ok(ArtifactVersion {
            bucket: location.bucket.clone(),
            key: location.key.clone(),
            etag: seen.meta.e_tag.as_deref().map(without_quotes),
            bytes: seen.meta.size,
            version_id: seen.meta.version,
        })
    }
}

#[async_trait]
impl ObjectReader for ObjectStoreReader {
    async fn look(&self, source: &ArtifactSource) -> Result<ArtifactVersion, FetchError> {
        let limit = self.config.limits.look;
        let is_assuming = Arc::default();
        tokio::time::timeout(limit, self.look_now(source, &is_assuming)).await.unwrap_or_else(|_| {
            let waiting = if is_assuming.load(Ordering::Relaxed) {
                format!("STS had not yet answered for role `{}`", source.role_arn)
            } else {
                format!("`{}` had not yet answered", self.endpoint.service_url(self.region(source)))
            };
            Err(FetchError::Interrupted {
                uri: source.uri.clone(),
                detail: format!("looking at it took longer than {} ms: {waiting}", limit.as_millis()),
            })
        })
    }

    async fn list(
        &self,
        prefix: &ArtifactSource,
        keys_max: usize,
    ) -> Result<Vec<ArtifactVersion>, FetchError> {
        let place = Prefix::parse(&prefix.uri)?;
        let region = self.region(prefix);
        Listing {
            source: prefix,
            client: &self.client,
            role: &AsRole::new(&self.roles, prefix, &Arc::default()),
            region,
            service: self.endpoint.service_url(region),
            bucket: place.bucket,
            bucket_url: self.endpoint.bucket_url(place.bucket, region, self.config.path_style),
            prefix: place.prefix,
            retries: self.config.limits.look_retries,
        }
        .read(keys_max)
        .await
    }

    async fn open(
        &self,
        source: &ArtifactSource,
        version: &ArtifactVersion,
        from: u64,
    ) -> Result<ObjectStream, FetchError> {
        let location = Location::parse(&source.uri)?;
        let request = self.request(source, &location, &Arc::default(), self.config.limits.open_retries)?;
        let opened = request
            .get(&GetOptions {
                if_match: version.etag.as_deref().and_then(condition),
                version: version.version_id.clone(),
                range: (from > 0).then_some(GetRange::Offset(from)),
                ..GetOptions::default()
            })
            .await?;
        // A service that does not know If-Match answers with whatever is there.
        let etag = opened.meta.e_tag.as_deref().map(without_quotes);
        if etag != version.etag || opened.meta.size != version.bytes {
            return Err(FetchError::Changed { uri: source.uri.clone() });
        }
        let uri = source.uri.clone();
        Ok(opened
            .into_stream()
            .map(move |piece| {
                piece
                    .map_err(|error| FetchError::Interrupted { uri: uri.clone(), detail: root_cause(&error) })
            })
            .boxed())
    }
}

impl Request<'_> {
    /// Sends a request, once more with new credentials when the session was refused.
    async fn get(&self, options: &GetOptions) -> Result<GetResult, FetchError> {
        match self.try_get(options).await {
            Err((_, Some(answer))) if answer.is_stale_session() && self.role.forget().await => {
                tracing::debug!(role = self.source.role_arn, code = ?answer.code, "assuming the role again");
                self.try_get(options).await
            }
            outcome => outcome,
        }
        .map_err(|(error, answer)| self.failure(&error, answer))
    }

    async fn try_get(
        &self,
        options: &GetOptions,
    ) -> Result<GetResult, (object_store::Error, Option<Answer>)> {
        let send = |mut options: GetOptions| async {
            let mut extensions = Extensions::new();
            extensions.insert(self.observer.clone());
            options.extensions = extensions;
            self.store.get_opts(&self.location.path, options).await
        };
        let error = match send(options.clone()).await {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        let answer = self.observer.last();
        if options.head && answer.as_ref().is_some_and(Answer::is_mute_refusal) {
            let one_byte = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
            if send(one_byte).await.is_err()
                && let Some(told) = self.observer.last().filter(|told| told.code.is_some())
            {
                return Err((error, Some(told)));
            }
        }
        Err((error, answer))
    }

    fn failure(&self, error: &object_store::Error, answer: Option<Answer>) -> FetchError {
        if let Some(answer) = answer {
            return answer.into_error(self.source, self.region);
        }
        credential_failure(self.source, &self.service, error)
    }
}

/// Which region is meant, and what to do: STS's own text says neither.
fn inactive_advice(source: &ArtifactSource) -> String {
    format!(
        " The region is `{region}`: activate STS there (for Hostler's own STS, take `{region}` out of \
         `inactive_regions` of `[sts]` in the settings), or create the model and the endpoint in another region.",
        region = source.region
    )
}

/// Why a request was not answered: no credentials, or no connection to `service`.
pub(crate) fn credential_failure(
    asked: &ArtifactSource,
    service: &str,
    error: &object_store::Error,
) -> FetchError {
    let (uri, role_arn) = (asked.uri.clone(), asked.role_arn.clone());
    let cause = match error {
        object_store::Error::Generic { source, .. } => source.downcast_ref(),
        _ => None,
    };
    match cause {
        Some(CredentialError::Refused { code, message, .. }) => {
            let advice = if code == REGION_DISABLED { inactive_advice(asked) } else { String::new() };
            FetchError::Role { role_arn, detail: format!("{code}: {message}{advice}") }
        }
        Some(error @ CredentialError::Unreachable { .. }) => {
            FetchError::Interrupted { uri, detail: error.to_string() }
        }
        None => {
            let detail = format!("asking `{service}` failed: {}", root_cause(error));
            FetchError::Interrupted { uri, detail }
        }
    }
}

/// The last cause of an error: the library's outer texts repeat its URL and retry counts.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

pub(crate) fn without_quotes(etag: &str) -> String {
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag).to_owned()
}

/// The `If-Match` for an ETag; a weak one never matches, so it cannot be asked for.
fn condition(etag: &str) -> Option<String> {
    (!etag.starts_with("W/")).then(|| format!("\"{etag}\""))
}
