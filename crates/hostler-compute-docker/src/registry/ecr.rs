//! Tokens of Amazon ECR, by GetAuthorizationToken as the model's execution role.
//!
//! Why: one signed call with a small JSON answer needs no SDK; the role's session comes from where those for model data
//! come from.
//! Invariants: a token is asked for once in most of its twelve hours, for each role, registry and region; none is shown.
//! Failure: what came back is a sentence for the endpoint's reason.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hostler_aws::aws_service_host;
use hostler_aws::sigv4::{Payload, Signer, payload_hash};
use hostler_types::{Clock, CredentialSource, Millis, Region};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{EcrRequest, EcrTokens};

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
/// A token is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);
/// A token is not used in its last minutes.
const MARGIN_MS: i64 = 10 * 60 * 1000;
/// Roles times registries; past it all are asked for anew.
const TOKENS_MAX: usize = 1000;

/// Which ECR is asked.
#[derive(Clone)]
pub struct EcrConfig {
    /// Where it is; none: Amazon's, in the registry's region.
    pub endpoint: Option<Uri>,
    /// Who gives the role's session.
    pub credentials: Arc<dyn CredentialSource>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
}

/// Asks for tokens, and keeps them.
pub struct EcrClient<C> {
    config: EcrConfig,
    http: Client<C, Full<Bytes>>,
    tokens: StdMutex<BTreeMap<EcrRequest, Known>>,
}

/// The token of one role at one registry; held while it is asked for, so that ten instances ask once and others do not
/// wait for them.
type Known = Arc<Mutex<Option<Token>>>;

#[derive(Clone)]
struct Token {
    user: String,
    password: String,
    ends_at: Millis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: Vec<Authorization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    authorization_token: String,
    /// Seconds since 1970.
    expires_at: Option<f64>,
}

/// Account and region of a registry of Amazon's.
pub(super) fn registry(host: &str) -> Option<(&str, Region)> {
    let mut labels = host.split('.');
    let (account, "dkr", "ecr" | "ecr-fips", region, Some("amazonaws")) =
        (labels.next()?, labels.next()?, labels.next()?, labels.next()?, labels.next())
    else {
        return None;
    };
    // A token of Amazon's goes to nobody who only begins like Amazon.
    if !matches!((labels.next(), labels.next(), labels.next()), (Some("com"), None | Some("cn"), None)) {
        return None;
    }
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    // With anything else in its place, whoever names the image would choose the host that is asked.
    let region = Region::parse(region)?;
    is_account.then_some((account, region))
}

impl<C> EcrClient<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    /// A client over connections of the caller's making.
    pub fn new(config: EcrConfig, connector: C) -> Self {
        let http = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Self { config, http, tokens: StdMutex::default() }
    }

    async fn ask(&self, asked: &EcrRequest) -> Result<Token, String> {
        let EcrRequest { account, role_arn, registry_account, region } = asked;
        let credentials = self.config.credentials.assume(account, region, role_arn, "hostler-pull").await;
        let credentials = credentials.map_err(|error| error.to_string())?;
        let endpoint = self.config.endpoint.clone().map_or_else(|| endpoint(region), Ok)?;
        let body = match registry_account {
            Some(account) => serde_json::json!({ "registryIds": [account] }),
            None => serde_json::json!({}),
        };
        let body = body.to_string();
        let built = Request::builder().method(Method::POST).uri(endpoint.clone()).body(());
        let (mut parts, ()) = built.map_err(|error| error.to_string())?.into_parts();
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        parts.headers.insert("x-amz-target", HeaderValue::from_static(TARGET));
        let now = self.config.clock.now();
        let signer = Signer { credentials: &credentials, region: region.as_str(), service: "ecr", now };
        signer
            .sign_headers(&mut parts, &Payload::Hash(payload_hash(body.as_bytes())))
            .map_err(|error| error.to_string())?;
        let failed =
            |what: String| format!("asking ECR at `{endpoint}` for a token as role `{role_arn}`: {what}");
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        let exchange = async {
            let answer = self.http.request(request).await.map_err(|error| failed(error.to_string()))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body =
                body.map_err(|error| failed(format!("the answer cannot be read: {error}")))?.to_bytes();
            if !status.is_success() {
                let said = crate::engine::one_line(&String::from_utf8_lossy(&body));
                return Err(failed(format!("it answered {status}: {said}")));
            }
            Ok(body)
        };
        let late = || Err(failed(format!("no answer within {} s", TIMEOUT.as_secs())));
        let body = tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| late())?;
        read(&body, now).ok_or_else(|| failed("the answer holds no token".to_owned()))
    }
}

/// Amazon's, in a region.
fn endpoint(region: &Region) -> Result<Uri, String> {
    let url = format!("https://{}/", aws_service_host("api.ecr", region.as_str()));
    url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))
}

/// Nothing of an answer that cannot be read is shown: it may be half a token.
fn read(body: &[u8], now: Millis) -> Option<Token> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let data = answer.authorization_data.into_iter().next()?;
    let decoded = String::from_utf8(STANDARD.decode(data.authorization_token).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let ends_at = data.expires_at.map_or(now, |seconds| Millis((seconds * 1000.0) as i64));
    Some(Token { user: user.to_owned(), password: password.to_owned(), ends_at })
}

#[async_trait::async_trait]
impl<C> EcrTokens for EcrClient<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    async fn token(&self, asked: &EcrRequest) -> Result<(String, String), String> {
        let now = self.config.clock.now();
        let known = {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            if tokens.len() >= TOKENS_MAX && !tokens.contains_key(asked) {
                tokens.clear();
            }
            tokens.entry(asked.clone()).or_default().clone()
        };
        let mut known = known.lock().await;
        let valid = known.as_ref().filter(|token| now < token.ends_at.plus(-MARGIN_MS));
        if let Some(Token { user, password, .. }) = valid {
            return Ok((user.clone(), password.clone()));
        }
        let token = self.ask(asked).await?;
        *known = Some(token.clone());
        Ok((token.user, token.password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_of_amazon_are_known_by_their_names() {
        // Amazon ECR User Guide, "Amazon ECR private registry".
        for (host, wanted) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", Some(("123456789012", "eu-west-1"))),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", Some(("123456789012", "us-east-1"))),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Some(("123456789012", "cn-north-1"))),
            ("public.ecr.aws", None),
            ("12345.dkr.ecr.eu-west-1.amazonaws.com", None),
            ("123456789012.dkr.ecr.example?.amazonaws.com", None),
            ("123456789012.dkr.ecr.example#.amazonaws.com", None),
            ("123456789012.dkr.ecr.u@example:1.amazonaws.com", None),
            ("123456789012.dkr.ecr.eu-west-1.example.com", None),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.example.com", None),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com.example.com", None),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws", None),
            ("docker.io", None),
        ] {
            let wanted = wanted.map(|(account, region)| (account, Region::new(region)));
            assert_eq!(registry(host), wanted, "{host}");
        }
    }

    #[test]
    fn a_token_is_user_and_password_until_its_end() {
        // printf AWS:pass:word | base64
        let body =
            br#"{"authorizationData":[{"authorizationToken":"QVdTOnBhc3M6d29yZA==","expiresAt":1.7E9}]}"#;
        let token = read(body, Millis(0)).unwrap();
        assert_eq!((token.user.as_str(), token.password.as_str()), ("AWS", "pass:word"));
        assert_eq!(token.ends_at, Millis(1_700_000_000_000));
        for body in [
            &b"{}"[..],
            b"",
            br#"{"authorizationData":[]}"#,
            br#"{"authorizationData":[{"authorizationToken":"%"}]}"#,
        ] {
            assert!(read(body, Millis(0)).is_none());
        }
    }
}
