//! A small signing client: what the command line and the demo talk to the server with.
//!
//! Why: they are users like any other: every call goes over HTTP, signed, through the front door.
//! Invariants: knows the wire through `hostler-aws` only. Every exchange has a time limit.

mod refusal;
mod trust;
mod unreachable;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use hostler_aws::sigv4::{Payload, Signer, payload_hash};
use hostler_types::{Clock, Credentials, Region, SystemClock};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Value, json};

use crate::cli::FindArgs;
use crate::hint::{self, Hinted};
use crate::profile;

pub(crate) use refusal::Refusal;
pub(crate) use unreachable::{Trouble, Unreachable};
pub(crate) use upload::{PART_BYTES, Upload};

/// Longer than a model may take unless the server's settings say otherwise, and a little.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(70);

/// The pauses before a throttled call is made again, as SDKs make them.
const THROTTLED_PAUSES_MS: [u64; 5] = [200, 400, 800, 1_600, 3_200];

pub(crate) struct Client {
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    region: Region,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

/// Nothing came in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer from {url} within {limit_s} s")]
pub(crate) struct NoAnswer {
    url: String,
    limit_s: u64,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client of the server that `find` names, as the account and in the region that it names.
    pub(crate) fn find(find: &FindArgs) -> anyhow::Result<Self> {
        let own = profile::read(&find.data_dir)?;
        let asked = find.as_profile.as_deref();
        if let Some(name) = asked {
            profile::check_there(&find.data_dir, name)?;
        }
        let name = asked.or(find.profile_of_environment.as_deref()).unwrap_or(profile::PROFILE);
        let credentials = profile::credentials(&find.data_dir, name)?.unwrap_or(own.credentials);
        let region = match &find.region {
            None => own.region,
            Some(region) => {
                Region::parse(region).ok_or_else(|| anyhow!("`{}` is not a region", region.escape_debug()))?
            }
        };
        let url = find.endpoint.clone().unwrap_or(own.url);
        Self::new(url, region, credentials, find.ca_cert.as_deref())
    }

    /// The same, by the server's own key: it alone manages keys.
    pub(crate) fn find_own(find: &FindArgs) -> anyhow::Result<Self> {
        let own = profile::read(&find.data_dir)?;
        let url = find.endpoint.clone().unwrap_or(own.url);
        Self::new(url, own.region, own.credentials, find.ca_cert.as_deref())
    }

    pub(crate) fn new(
        url: String,
        region: Region,
        credentials: Credentials,
        ca_cert: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let is_encrypted = url.starts_with("https://");
        let is_url = (is_encrypted || url.starts_with("http://"))
            && url.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some() && uri.query().is_none());
        if !is_url {
            return Err(Hinted::wrap(
                anyhow!("`{}` is not the URL of a server", url.escape_debug()),
                "a URL begins with http:// or https://, such as http://127.0.0.1:7070",
            ));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust::config(is_encrypted, ca_cert)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = HyperClient::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { http, url, region, credentials, clock: Arc::new(SystemClock) })
    }

    /// The server's URL, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// One of SageMaker's control-plane operations.
    pub(crate) async fn call(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        for pause_ms in THROTTLED_PAUSES_MS {
            match self.call_once(operation, input).await {
                Err(error) if error.downcast_ref::<Refusal>().is_some_and(Refusal::is_throttled) => {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                }
                answer => return answer,
            }
        }
        self.call_once(operation, input).await
    }

    async fn call_once(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let mut request = Request::post(format!("{}/", self.url))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("SageMaker.{operation}"))
            .body(Bytes::from(input.to_string()))?;
        self.sign(&mut request, "sagemaker")?;
        let answer = self.send(request).await.with_context(|| format!("{operation} failed"))?;
        if !answer.status.is_success() {
            return Err(Refusal::read(&answer)).with_context(|| format!("{operation} was refused"));
        }
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer.body)?) }
    }

    /// One GET of the admin API.
    pub(crate) async fn admin(&self, path: &str) -> anyhow::Result<Value> {
        self.admin_call(Method::GET, path, String::new()).await
    }

    /// One call of the admin API.
    pub(crate) async fn admin_call(&self, method: Method, path: &str, body: String) -> anyhow::Result<Value> {
        let uri = format!("{}/_hostler/{path}", self.url);
        let mut request = Request::builder().method(method).uri(uri).body(Bytes::from(body))?;
        self.sign(&mut request, "hostler")?;
        let answer = self.send(request).await?;
        if !answer.status.is_success() {
            return Err(Refusal::read(&answer).into());
        }
        serde_json::from_slice(&answer.body).context("the server's answer is not JSON")
    }

    /// Whether a server is there and ready.
    pub(crate) async fn health(&self, limit: Duration) -> anyhow::Result<bool> {
        let request = Request::get(format!("{}/healthz", self.url)).body(Bytes::new())?;
        Ok(self.send_within(limit, request).await?.status == StatusCode::OK)
    }

    /// The account of the key.
    pub(crate) async fn account(&self) -> anyhow::Result<String> {
        let mut request = Request::post(format!("{}/", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from_static(b"Action=GetCallerIdentity&Version=2011-06-15"))?;
        self.sign(&mut request, "sts")?;
        let answer = self.send(request).await?;
        if !answer.status.is_success() {
            return Err(Refusal::read(&answer)).context("GetCallerIdentity was refused");
        }
        refusal::xml(&String::from_utf8_lossy(&answer.body), "Account")
            .context("GetCallerIdentity was answered without an account")
    }

    /// ListEndpoints, page by page, by name.
    pub(crate) async fn endpoints(&self) -> anyhow::Result<Vec<Value>> {
        let mut endpoints = Vec::new();
        let mut token = None;
        loop {
            let mut input = json!({ "SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 100 });
            if let Some(token) = token.take() {
                input["NextToken"] = token;
            }
            let mut page = self.call("ListEndpoints", &input).await?;
            if let Some(Value::Array(rows)) = page.get_mut("Endpoints").map(Value::take) {
                endpoints.extend(rows);
            }
            match page.get_mut("NextToken").map(Value::take) {
                Some(Value::String(next)) => token = Some(Value::String(next)),
                _ => return Ok(endpoints),
            }
        }
    }

    /// Adds to an error about an endpoint that is not there which names could have been meant.
    pub(crate) async fn with_near_names(&self, error: anyhow::Error, name: &str) -> anyhow::Error {
        if !error.downcast_ref::<Refusal>().is_some_and(Refusal::is_unknown_endpoint) {
            return error;
        }
        let Ok(endpoints) = self.endpoints().await else { return error };
        let names: Vec<&str> =
            endpoints.iter().filter_map(|endpoint| endpoint["EndpointName"].as_str()).collect();
        let near: Vec<String> =
            hint::near(name, names.iter().copied()).iter().map(|name| format!("`{name}`")).collect();
        let hint = if names.is_empty() {
            "there are no endpoints; `hostler deploy` makes one".to_owned()
        } else if near.is_empty() {
            "`hostler ls` shows the endpoints that there are".to_owned()
        } else {
            format!("did you mean {}?", near.join(" or "))
        };
        Hinted::wrap(error, hint)
    }

    /// InvokeEndpoint; the answer as it came, if it comes within `limit`.
    pub(crate) async fn invoke(
        &self,
        limit: Duration,
        endpoint: &str,
        content_type: &str,
        accept: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let header = |name: &str, value: &str| {
            HeaderValue::from_str(value)
                .with_context(|| format!("`{}` cannot be sent as {name}", value.escape_debug()))
        };
        let mut request =
            Request::post(format!("{}/endpoints/{endpoint}/invocations", self.url)).body(body)?;
        request.headers_mut().insert(CONTENT_TYPE, header("--content-type", content_type)?);
        if let Some(accept) = accept {
            request.headers_mut().insert(ACCEPT, header("--accept", accept)?);
        }
        self.sign(&mut request, "sagemaker")?;
        self.send_within(limit, request).await
    }

    /// One S3 request on `/bucket/key?query`.
    pub(crate) async fn s3(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Answer> {
        self.s3_within(TIMEOUT, method, path, body).await
    }

    async fn s3_within(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request =
            Request::builder().method(method.clone()).uri(format!("{}{path}", self.url)).body(body)?;
        self.sign(&mut request, "s3")?;
        let answer = self.send_within(limit, request).await?;
        if !answer.status.is_success() {
            return Err(Refusal::read(&answer)).with_context(|| format!("S3's {method} {path} was refused"));
        }
        Ok(answer)
    }

    fn sign(&self, request: &mut Request<Bytes>, service: &str) -> anyhow::Result<()> {
        let signer = Signer {
            credentials: &self.credentials,
            region: self.region.as_str(),
            service,
            now: self.clock.now(),
        };
        let hash = payload_hash(request.body());
        let payload = if service == "s3" { Payload::DeclaredHash(hash) } else { Payload::Hash(hash) };
        let (mut parts, body) = std::mem::take(request).into_parts();
        signer.sign_headers(&mut parts, &payload)?;
        *request = Request::from_parts(parts, body);
        Ok(())
    }

    async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Answer> {
        self.send_within(TIMEOUT, request).await
    }

    async fn send_within(&self, limit: Duration, request: Request<Bytes>) -> anyhow::Result<Answer> {
        tokio::time::timeout(limit, self.exchange(request))
            .await
            .map_err(|_| NoAnswer { url: self.url.clone(), limit_s: limit.as_secs() })?
    }

    async fn exchange(&self, request: Request<Bytes>) -> anyhow::Result<Answer> {
        let answered = self.http.request(request.map(Full::new)).await;
        let answer = answered.map_err(|error| Unreachable::new(&self.url, error))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.context("the answer broke off")?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
