//! Credentials of roles from any STS: AWS's, a compatible one, or the embedded one over HTTP.
//!
//! Why: artifact downloads act as a foreign client would, so what works here works against real AWS. One signed form
//! and one small XML answer need no SDK.
//! Invariants: credentials are used again until shortly before they end, the cache is bounded, a refusal is never kept.
//! Several callers who ask for the same role at once may each send a request.
//! Failure: no answer, or one that cannot be read, is `Unreachable` within [`TIMEOUT`]; the caller tries again later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use hostler_aws::sigv4::{Payload, Signer, payload_hash};
use hostler_types::{
    AccountId, Clock, CredentialError, CredentialSource, Credentials, Millis, Region, Secret,
};

use crate::xml::Element;

/// An answer of STS is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a session is asked for.
const DURATION_S: u64 = 3600;
/// A session is not used in its last minutes, so that a download does not outlive it.
const MARGIN_MS: i64 = 15 * 60 * 1000;
/// Sessions that are kept.
const KEPT_MAX: usize = 1024;

/// Sends a signed request; a connector with TLS is passed in where AWS is meant.
pub type StsHttp<C> = Client<C, Full<Bytes>>;

/// The key that signs on behalf of an account.
type AccountKeys = Arc<dyn Fn(&AccountId) -> Option<Credentials> + Send + Sync>;

/// Assumes roles by asking an STS.
pub struct StsClient<C = HttpConnector> {
    endpoint: Uri,
    keys: AccountKeys,
    clock: Arc<dyn Clock>,
    http: StsHttp<C>,
    kept: Mutex<HashMap<(String, String), Credentials>>,
}

impl StsClient<HttpConnector> {
    /// A client for an endpoint without TLS, such as this server's own. `keys` gives the key that signs on behalf of an
    /// account.
    pub fn plain(
        endpoint: Uri,
        keys: impl Fn(&AccountId) -> Option<Credentials> + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self::with_http(endpoint, keys, clock, http)
    }
}

impl<C> StsClient<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    /// A client over connections of the caller's making.
    pub fn with_http(
        endpoint: Uri,
        keys: impl Fn(&AccountId) -> Option<Credentials> + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
        http: StsHttp<C>,
    ) -> Self {
        Self { endpoint, keys: Arc::new(keys), clock, http, kept: Mutex::default() }
    }

    async fn ask(&self, asked: &Asked<'_>) -> Result<Credentials, CredentialError> {
        let request = self.request(asked)?;
        let response = match tokio::time::timeout(TIMEOUT, self.exchange(request)).await {
            Ok(response) => response.map_err(|detail| asked.unreachable(detail))?,
            Err(_) => return Err(asked.unreachable(format!("no answer within {} s", TIMEOUT.as_secs()))),
        };
        read_answer(asked, &response)
    }

    fn request(&self, asked: &Asked<'_>) -> Result<Request<Full<Bytes>>, CredentialError> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName={}&DurationSeconds={DURATION_S}",
            encode(asked.role_arn),
            encode(asked.session),
        );
        let credentials = (self.keys)(asked.account)
            .ok_or_else(|| asked.unreachable(format!("there is no key of account `{}`", asked.account)))?;
        let built = Request::builder().method(Method::POST).uri(self.endpoint.clone()).body(());
        let (mut parts, ()) = built.map_err(|error| asked.unreachable(error.to_string()))?.into_parts();
        parts.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
        );
        let signer = Signer {
            credentials: &credentials,
            region: asked.region.as_str(),
            service: "sts",
            now: self.clock.now(),
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

    fn kept(&self, key: &(String, String), now: Millis) -> Option<Credentials> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|credentials| is_fresh(credentials, now)).cloned()
    }

    fn keep(&self, key: (String, String), credentials: &Credentials, now: Millis) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, credentials| is_fresh(credentials, now));
        }
        if kept.len() < KEPT_MAX {
            kept.insert(key, credentials.clone());
        }
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
        let key = (format!("{account}/{region}/{session}"), role_arn.to_owned());
        if let Some(credentials) = self.kept(&key, self.clock.now()) {
            return Ok(credentials);
        }
        let credentials = self.ask(&Asked { account, region, role_arn, session }).await?;
        self.keep(key, &credentials, self.clock.now());
        Ok(credentials)
    }
}

/// What one call wants.
#[derive(Clone, Copy)]
struct Asked<'a> {
    account: &'a AccountId,
    region: &'a Region,
    role_arn: &'a str,
    session: &'a str,
}

impl Asked<'_> {
    fn unreachable(&self, detail: impl Into<String>) -> CredentialError {
        CredentialError::Unreachable { role_arn: self.role_arn.to_owned(), detail: detail.into() }
    }
}

fn is_fresh(credentials: &Credentials, now: Millis) -> bool {
    credentials.expires_at.is_some_and(|end| end.since(now) > MARGIN_MS)
}

fn read_answer(asked: &Asked<'_>, response: &Response<Bytes>) -> Result<Credentials, CredentialError> {
    let status = response.status();
    let root = Element::parse(response.body());
    if status == StatusCode::OK {
        return root
            .as_ref()
            .and_then(|root| root.child("AssumeRoleResult")?.child("Credentials"))
            .and_then(read_credentials)
            .ok_or_else(|| asked.unreachable("the answer holds no credentials"));
    }
    let error = root.as_ref().and_then(|root| root.child("Error"));
    match error
        .and_then(|error| Some((error.child_text("Code")?, error.child_text("Message").unwrap_or_default())))
    {
        Some((code, message)) if status.is_client_error() && !is_passing(code) => {
            Err(CredentialError::Refused {
                role_arn: asked.role_arn.to_owned(),
                code: code.to_owned(),
                message: message.to_owned(),
            })
        }
        Some((code, message)) => Err(asked.unreachable(format!("status {status}, {code}: {message}"))),
        None => Err(asked.unreachable(format!("status {status} without an error that can be read"))),
    }
}

/// Errors with a client's status that another try may not meet again.
fn is_passing(code: &str) -> bool {
    matches!(code, "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "IDPCommunicationError")
}

fn read_credentials(element: &Element) -> Option<Credentials> {
    let text = |name: &str| element.child_text(name).map(|text| text.trim().to_owned());
    let end: jiff::Timestamp = text("Expiration")?.parse().ok()?;
    Some(Credentials {
        access_key_id: text("AccessKeyId")?,
        secret_access_key: Secret::new(text("SecretAccessKey")?),
        session_token: Some(Secret::new(text("SessionToken")?)),
        expires_at: Some(Millis(end.as_millisecond())),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &'static str) -> Result<Credentials, CredentialError> {
        let (account, region) = (AccountId::new("000000000000"), Region::new("us-east-1"));
        let asked = Asked { account: &account, region: &region, role_arn: "arn", session: "s" };
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        read_answer(&asked, &response)
    }

    #[test]
    fn an_answer_as_aws_documents_it_is_read() {
        // The example of AWS's API reference, shortened.
        let credentials = read(
            200,
            r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleResult>
                <SourceIdentity>DevUser123</SourceIdentity>
                <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/demo/John</Arn></AssumedRoleUser>
                <Credentials>
                  <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
                  <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
                  <SessionToken>
                   AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW
                  </SessionToken>
                  <Expiration>2019-11-09T13:34:41Z</Expiration>
                </Credentials>
              </AssumeRoleResult>
            </AssumeRoleResponse>"#,
        )
        .unwrap();
        assert_eq!(credentials.access_key_id, "ASIAIOSFODNN7EXAMPLE");
        assert!(credentials.session_token.unwrap().expose().starts_with("AQoDYX"));
        // date -u -d 2019-11-09T13:34:41Z +%s
        assert_eq!(credentials.expires_at, Some(Millis(1_573_306_481_000)));
    }

    #[test]
    fn refusals_and_failures_are_told_apart() {
        let document = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        assert!(matches!(
            read(403, document),
            Err(CredentialError::Refused { code, message, .. }) if code == "AccessDenied" && message == "no"
        ));
        for (status, body) in [
            (400, "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
            (500, "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>"),
            (503, "busy"),
            (200, "<html/>"),
            (200, ""),
        ] {
            assert!(
                matches!(read(status, body), Err(CredentialError::Unreachable { .. })),
                "{status} {body}"
            );
        }
    }
}
