//! Credentials of roles from any STS: AWS's, a compatible one, or the embedded one over HTTP.
//!
//! Why: artifact downloads act as a foreign client would, so what works here works against real AWS. One signed form
//! and one small XML answer need no SDK.
//! Invariants: nothing is kept but how far the service's clock is off; who keeps sessions must be able to ask anew when
//! one was refused. A clock that is off is corrected by the answer's `Date`, as SDKs do: for the signature, and for the
//! moment at which a session ends.
//! Failure: no answer, or one that cannot be read, is `Unreachable` within [`TIMEOUT`]; the caller tries again later.

mod answer;
mod endpoint;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use hostler_aws::sigv4::{Payload, Signer, payload_hash};
use hostler_types::{AccountId, Clock, CredentialError, CredentialSource, Credentials, Millis, Region};

use self::answer::{Outcome, Refusal};
pub use self::endpoint::StsEndpoint;
use crate::own_key::OwnKeys;

/// An answer of STS is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a session is asked for.
const DURATION_S: u64 = 3600;

/// Which STS is asked, and as whom.
#[derive(Clone)]
pub struct StsConfig {
    /// Where it is.
    pub endpoint: StsEndpoint,
    /// The region to ask in, whatever the model's; none for the model's own.
    pub region: Option<Region>,
    /// The server's own key; asked for at every request, so that it may change.
    pub keys: OwnKeys,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
}

/// Assumes roles by asking an STS.
pub struct StsClient<C = HttpConnector> {
    config: StsConfig,
    http: Client<C, Full<Bytes>>,
    /// What to add to our clock to get the service's, in milliseconds.
    skew_ms: AtomicI64,
}

impl StsClient<HttpConnector> {
    /// A client for an endpoint without TLS, such as this server's own. `keys` gives the key that signs on behalf of an
    /// account.
    pub fn plain(
        endpoint: Uri,
        keys: impl Fn(&AccountId) -> Result<Credentials, String> + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let endpoint = StsEndpoint::At(endpoint);
        Self::new(StsConfig { endpoint, region: None, keys: Arc::new(keys), clock }, connector)
    }
}

impl<C> StsClient<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    /// A client over connections of the caller's making; with TLS where that is wanted.
    pub fn new(config: StsConfig, connector: C) -> Self {
        // A role is assumed once in most of an hour: a connection that was kept would be dead by then.
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { config, http, skew_ms: AtomicI64::new(0) }
    }

    /// Asks, and once more when it was this machine's clock that was refused.
    async fn ask(&self, asked: &Asked<'_>) -> Result<Credentials, CredentialError> {
        match self.ask_once(asked).await? {
            Outcome::Assumed(credentials) => Ok(credentials),
            Outcome::Refused(refusal) if refusal.is_about_time() && self.learn_skew(&refusal) => {
                tracing::warn!(
                    endpoint = %asked.endpoint,
                    skew_ms = self.skew_ms.load(Ordering::Relaxed),
                    "the clocks of this machine and of STS differ; requests are signed by that of STS"
                );
                match self.ask_once(asked).await? {
                    Outcome::Assumed(credentials) => Ok(credentials),
                    Outcome::Refused(refusal) => Err(refusal.into_error(asked)),
                }
            }
            Outcome::Refused(refusal) => Err(refusal.into_error(asked)),
        }
    }

    async fn ask_once(&self, asked: &Asked<'_>) -> Result<Outcome, CredentialError> {
        let request = self.request(asked)?;
        let response = match tokio::time::timeout(TIMEOUT, self.exchange(request)).await {
            Ok(response) => response.map_err(|detail| asked.unreachable(detail))?,
            Err(_) => return Err(asked.unreachable(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        let now = self.config.clock.now();
        Ok(match answer::read(asked, &response, now)? {
            Outcome::Assumed(mut credentials) => {
                // The session ends by the service's clock; ours may say that it ended long ago.
                let skew_ms = answer::skew_ms(&response, now).unwrap_or_default();
                credentials.expires_at = credentials.expires_at.map(|end| end.plus(-skew_ms));
                Outcome::Assumed(credentials)
            }
            refused @ Outcome::Refused(_) => refused,
        })
    }

    /// False when there is nothing to correct.
    fn learn_skew(&self, refusal: &Refusal) -> bool {
        let Some(skew_ms) = refusal.skew_ms else { return false };
        self.skew_ms.swap(skew_ms, Ordering::Relaxed) != skew_ms
    }

    fn request(&self, asked: &Asked<'_>) -> Result<Request<Full<Bytes>>, CredentialError> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName={}&DurationSeconds={DURATION_S}",
            encode(asked.role_arn),
            encode(asked.session),
        );
        let credentials = (self.config.keys)(asked.account)
            .map_err(|detail| asked.unanswered(format!("nothing was sent: {detail}")))?;
        let built = Request::builder().method(Method::POST).uri(asked.endpoint.clone()).body(());
        let (mut parts, ()) = built.map_err(|error| asked.unreachable(error.to_string()))?.into_parts();
        parts.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
        );
        let signer = Signer {
            credentials: &credentials,
            region: asked.region.as_str(),
            service: "sts",
            now: self.config.clock.now().plus(self.skew_ms.load(Ordering::Relaxed)),
        };
        signer
            .sign_headers(&mut parts, &Payload::Hash(payload_hash(form.as_bytes())))
            .map_err(|error| asked.unreachable(error.to_string()))?;
        Ok(Request::from_parts(parts, Full::new(Bytes::from(form))))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let response = self.http.request(request).await.map_err(|error| chain(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| format!("the answer cannot be read: {error}"))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

#[async_trait]
impl<C> CredentialSource for StsClient<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    async fn assume(
        &self,
        account: &AccountId,
        region: &Region,
        role_arn: &str,
        session: &str,
    ) -> Result<Credentials, CredentialError> {
        let region = self.config.region.as_ref().unwrap_or(region);
        let endpoint = self
            .config
            .endpoint
            .uri(region)
            .map_err(|detail| CredentialError::Unreachable { role_arn: role_arn.to_owned(), detail })?;
        self.ask(&Asked { account, region, role_arn, session, endpoint: &endpoint }).await
    }
}

/// Reads an answer as a client of some STS does, for the harness of answers.
pub(crate) fn read_answer(response: &Response<Bytes>, now: Millis) -> Result<Credentials, String> {
    let (account, region) = (AccountId::new("000000000000"), Region::new("us-east-1"));
    let endpoint = Uri::from_static("http://sts.example/");
    let role_arn = "arn:aws:iam::000000000000:role/r";
    let asked = Asked { account: &account, region: &region, role_arn, session: "s", endpoint: &endpoint };
    match answer::read(&asked, response, now).map_err(|error| error.to_string())? {
        Outcome::Assumed(credentials) => Ok(credentials),
        Outcome::Refused(refusal) => Err(refusal.into_error(&asked).to_string()),
    }
}

/// What one call wants, and of whom.
#[derive(Clone, Copy)]
struct Asked<'a> {
    account: &'a AccountId,
    region: &'a Region,
    role_arn: &'a str,
    session: &'a str,
    endpoint: &'a Uri,
}

impl Asked<'_> {
    /// Names the service that was asked: the text ends up in `FailureReason`.
    fn unreachable(&self, detail: impl std::fmt::Display) -> CredentialError {
        self.unanswered(format!("asking STS at `{}` failed: {detail}", self.endpoint))
    }

    fn unanswered(&self, detail: String) -> CredentialError {
        CredentialError::Unreachable { role_arn: self.role_arn.to_owned(), detail }
    }
}

/// An error with its causes, for a text that has no source of its own.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
