//! A small signing client: what the command line and the demo talk to the server with.
//!
//! Why: they are users like any other: every call goes over HTTP, signed, through the front door.
//! Invariants: knows the wire through `hostler-aws` only.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use hostler_aws::sigv4::{Payload, Signer, payload_hash};
use hostler_types::{Clock, Credentials, Region, SystemClock};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use crate::cli::FindArgs;
use crate::profile;

/// Longer than a model may take, and a little.
const TIMEOUT: Duration = Duration::from_secs(70);

pub(crate) struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    url: String,
    region: Region,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client of the server that `find` names.
    pub(crate) fn find(find: &FindArgs) -> anyhow::Result<Self> {
        let profile = profile::read(&find.data_dir)?;
        let url = find.endpoint.clone().unwrap_or(profile.url);
        Self::new(url, profile.region, profile.credentials)
    }

    pub(crate) fn new(url: String, region: Region, credentials: Credentials) -> anyhow::Result<Self> {
        if !url.starts_with("http://") {
            bail!(
                "`{url}` is not an http:// URL; over TLS use boto3 or the AWS CLI with the server's certificate"
            );
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = HyperClient::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { http, url, region, credentials, clock: Arc::new(SystemClock) })
    }

    /// One of SageMaker's control-plane operations.
    pub(crate) async fn call(&self, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let mut request = Request::post(format!("{}/", self.url))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("SageMaker.{operation}"))
            .body(Bytes::from(input.to_string()))?;
        self.sign(&mut request, "sagemaker")?;
        let answer = self.send(request).await.with_context(|| format!("{operation} failed"))?;
        if !answer.status.is_success() {
            return Err(refusal(&answer)).with_context(|| format!("{operation} was refused"));
        }
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&answer.body)?) }
    }

    /// One GET of the admin API.
    pub(crate) async fn admin(&self, path: &str) -> anyhow::Result<Value> {
        let mut request = Request::get(format!("{}/_hostler/{path}", self.url)).body(Bytes::new())?;
        self.sign(&mut request, "hostler")?;
        let answer = self.send(request).await?;
        if !answer.status.is_success() {
            return Err(refusal(&answer));
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// InvokeEndpoint; the answer as it came.
    pub(crate) async fn invoke(
        &self,
        endpoint: &str,
        content_type: &str,
        accept: Option<&str>,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::post(format!("{}/endpoints/{endpoint}/invocations", self.url))
            .header("content-type", content_type)
            .body(body)?;
        if let Some(accept) = accept {
            request.headers_mut().insert("accept", accept.parse()?);
        }
        self.sign(&mut request, "sagemaker")?;
        self.send(request).await
    }

    /// One S3 request on `/bucket/key`.
    pub(crate) async fn s3(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Answer> {
        let mut request =
            Request::builder().method(method.clone()).uri(format!("{}{path}", self.url)).body(body)?;
        self.sign(&mut request, "s3")?;
        let answer = self.send(request).await?;
        if !answer.status.is_success() {
            bail!(
                "{method} {path} was answered with {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
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
        let exchange = async {
            let answer = self.http.request(request.map(Full::new)).await.map_err(|error| {
                let is_connect = error.is_connect();
                let error = anyhow!(error);
                if is_connect {
                    error.context(format!("no server answers at {}; is `hostler serve` running?", self.url))
                } else {
                    error.context(format!("the connection to {} broke", self.url))
                }
            })?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.context("the answer broke off")?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| anyhow!("no answer from {} within {} s", self.url, TIMEOUT.as_secs()))?
    }
}

/// The server's own words.
pub(crate) fn refusal(answer: &Answer) -> anyhow::Error {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let word = |names: &[&str]| {
        names.iter().find_map(|name| document.get(name)?.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let from_header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = from_header.map_or_else(|| word(&["__type"]), str::to_owned);
    anyhow!("{code} ({}): {}", answer.status.as_u16(), word(&["message", "Message"]))
}
