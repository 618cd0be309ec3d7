//! A small STS: GetCallerIdentity and AssumeRole.
//!
//! Why: `ExecutionRoleArn` is assumed for every artifact download, and people ask `aws sts get-caller-identity` first.
//! Sessions are sealed tokens, so nothing is stored and every server of the cluster accepts them.
//! Invariants: a session never outlives what STS allows; a role of another account or a role that does not exist is
//! refused in the same words, so nothing is given away. In a region that the operator made inactive no session is made.

mod assume_role;
mod parameters;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use hostler_aws::sigv4::{Caller, Rules, Verifier, payload_hash};
use hostler_aws::{
    ApiError, DocumentContext, FORM_BYTES_MAX, Form, KeyRing, Protocol, RequestId, error_response,
    push_element, sts_response,
};
use hostler_types::{Clock, Region};

use crate::body::{self, Body, RequestBody};
use crate::roles::RolePolicies;

pub(crate) use assume_role::{AssumeRules, Assumption, assume};

/// The only version of the API.
const VERSION: &str = "2011-06-15";
/// How long a client may be silent within a form.
const BODY_IDLE: Duration = Duration::from_secs(20);

/// The embedded STS.
pub(crate) struct Sts {
    pub(crate) roles: Arc<RolePolicies>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inactive_regions: Arc<BTreeSet<Region>>,
}

impl Sts {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        let id = RequestId::random();
        let is_head = request.method() == Method::HEAD;
        let result = self.run(request).await;
        let response = match result {
            Ok((action, result)) => sts_response(action, &result, &id, self.clock.now()),
            Err(error) => {
                tracing::debug!(%id, code = error.code(), said = error.message(), "the embedded STS refused a request");
                let context = DocumentContext { now: self.clock.now(), resource: "/", is_head };
                error_response(Protocol::Query, &error, &id, &context)
            }
        };
        response.map(body::full)
    }

    async fn run(&self, request: Request<RequestBody>) -> Result<(&'static str, String), ApiError> {
        let (parts, body) = request.into_parts();
        let claim =
            self.verifier.check(&parts, &Rules::STS).map_err(|error| error.to_api_error(Protocol::Query))?;
        let body = read_form(body).await?;
        let caller = claim
            .verify_payload(&payload_hash(&body))
            .map_err(|error| error.to_api_error(Protocol::Query))?;
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let text = if body.is_empty() { query } else { body.as_slice() };
        let form = Form::parse(text)
            .map_err(|error| ApiError::new("MalformedInput", StatusCode::BAD_REQUEST, error.to_string()))?;
        let action = form.get("Action").unwrap_or_default();
        let version = form.get("Version").unwrap_or(VERSION);
        match action {
            "" => Err(ApiError::new(
                "MissingAction",
                StatusCode::BAD_REQUEST,
                "The request must contain the parameter Action",
            )),
            "GetCallerIdentity" if version == VERSION => Ok(("GetCallerIdentity", caller_identity(&caller))),
            "AssumeRole" if version == VERSION => Ok(("AssumeRole", self.assume_role(&caller, &form)?)),
            _ => Err(ApiError::invalid_action(action, version)),
        }
    }

    fn assume_role(&self, caller: &Caller, form: &Form) -> Result<String, ApiError> {
        let wanted = parameters::read(form, caller.identity.role_arn.is_some())?;
        let assumption = Assumption {
            caller: &caller.identity,
            region: &caller.region,
            role_arn: &wanted.role_arn,
            session_name: &wanted.session_name,
            duration_s: wanted.duration_s,
        };
        let now = self.clock.now();
        let rules = AssumeRules { roles: &self.roles, inactive_regions: &self.inactive_regions };
        let (credentials, identity) = assume(&assumption, &rules, &self.keys, now)?;
        for note in &wanted.notes {
            tracing::info!(
                arn = identity.arn.as_str(),
                note = note.as_str(),
                "a request member has no effect here"
            );
        }
        Ok(assume_role::document(&credentials, &identity))
    }
}

/// By hand: `Limited` over a boxed error makes a future that rustc cannot prove `Send`.
async fn read_form(mut body: RequestBody) -> Result<Vec<u8>, ApiError> {
    let bad = |code: &'static str, text: &'static str| ApiError::new(code, StatusCode::BAD_REQUEST, text);
    let mut form = Vec::new();
    loop {
        let frame = match tokio::time::timeout(BODY_IDLE, body.frame()).await {
            Err(_) => return Err(bad("RequestTimeout", "The request's body did not arrive in time")),
            Ok(None) => return Ok(form),
            Ok(Some(Err(error))) => {
                return Err(
                    bad("IncompleteBody", "The request's body ended before its end").with_source(error)
                );
            }
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(bytes) = frame.into_data() {
            if form.len() + bytes.len() > FORM_BYTES_MAX {
                return Err(ApiError::payload_too_large(FORM_BYTES_MAX as u64));
            }
            form.extend_from_slice(&bytes);
        }
    }
}

fn caller_identity(caller: &Caller) -> String {
    let mut xml = String::new();
    push_element(&mut xml, "Arn", &caller.identity.arn);
    push_element(&mut xml, "UserId", &caller.identity.user_id);
    push_element(&mut xml, "Account", caller.identity.account.as_str());
    xml
}
