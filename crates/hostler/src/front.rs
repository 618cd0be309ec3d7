//! The front door: finds the room of a request, and hands it over.
//!
//! Why: one port for SageMaker, its runtime, S3, STS and our own pages; the rules of who gets what are
//! `hostler-aws`'s, this file only opens the doors.
//! Invariants: looks at no body but the control plane's, which it reads within a limit and verifies first. The inner
//! door leads to S3 and STS alone.

use std::sync::Arc;
use std::time::Duration;

use hostler_aws::sigv4::{Rules, Verifier, payload_hash};
use hostler_aws::{
    AbsentService, ApiError, DocumentContext, FrontKind, RequestId, Throttle, aws_json_response, classify,
    error_response,
};
use hostler_control::{Admin, AdminRequest, Caller, Control};
use hostler_gateway::{AnswerBody, BoxError, Gateway};
use hostler_localaws::LocalAws;
use hostler_types::{Clock, Scope};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::listen::RequestBody;
use crate::metrics::Metrics;

/// The control plane's largest request: 50 tags, 15 containers with 100 variables each fit many times over.
const CONTROL_BYTES_MAX: usize = 4 * 1024 * 1024;
const CONTROL_BODY_TIMEOUT: Duration = Duration::from_secs(30);

const WELCOME: &str = include_str!("welcome.html");

/// Every room that answers requests.
pub(crate) struct Rooms {
    pub(crate) control: Control,
    pub(crate) admin: Admin,
    pub(crate) gateway: Gateway,
    pub(crate) local: Arc<LocalAws>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
}

/// A door to the rooms.
#[derive(Clone)]
pub(crate) struct Front {
    rooms: Arc<Rooms>,
    is_inner: bool,
    /// Where the rooms work.
    runtime: Handle,
}

impl Front {
    /// The door that clients use. Their connections have threads of their own, on which only the gateway works: the
    /// other rooms do in the runtime that opens this door.
    pub(crate) fn outer(rooms: Arc<Rooms>) -> Self {
        Self { rooms, is_inner: false, runtime: Handle::current() }
    }

    /// The door that this server's own fetcher uses.
    pub(crate) fn inner(rooms: Arc<Rooms>) -> Self {
        Self { rooms, is_inner: true, runtime: Handle::current() }
    }

    /// How long an answer takes at most that is no stream.
    pub(crate) fn answer_timeout(&self) -> Duration {
        self.rooms.gateway.model_timeout()
    }

    /// Ends every stream under way; its client is told.
    pub(crate) fn end_streams(&self) {
        self.rooms.gateway.end_streams();
    }

    /// Who answers invocations: nobody behind the inner door.
    pub(crate) fn gateway(&self) -> Option<&Gateway> {
        (!self.is_inner).then_some(&self.rooms.gateway)
    }

    pub(crate) async fn answer(&self, request: Request<RequestBody>) -> Response<AnswerBody> {
        let (parts, body) = request.into_parts();
        let kind = classify(&parts);
        let request = Request::from_parts(parts, body);
        if self.is_inner {
            return match kind {
                FrontKind::S3 | FrontKind::Sts => self.room(kind, request).await,
                _ => text(StatusCode::NOT_FOUND, "only S3 and STS are behind this door"),
            };
        }
        if kind == FrontKind::Gateway {
            return self.rooms.gateway.handle(request).await;
        }
        let front = self.clone();
        let answering = self.runtime.spawn(async move { front.room(kind, request).await });
        // A client that goes away ends what was begun for it.
        match AbortOnDropHandle::new(answering).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"),
            },
        }
    }

    /// Answers where the rooms work.
    async fn room(&self, kind: FrontKind, request: Request<RequestBody>) -> Response<AnswerBody> {
        match kind {
            FrontKind::S3 => self.rooms.local.s3(request).await.map(boxed),
            FrontKind::Sts => self.rooms.local.sts(request).await.map(boxed),
            FrontKind::Gateway => self.rooms.gateway.handle(request).await,
            FrontKind::Control | FrontKind::Admin | FrontKind::Absent(_) => self.signed(kind, request).await,
            FrontKind::Health => text(StatusCode::OK, "ok"),
            FrontKind::Welcome => {
                let mut page = text(StatusCode::OK, WELCOME);
                page.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static("text/html; charset=utf-8"),
                );
                page
            }
            FrontKind::Metrics => self.rooms.metrics.answer(request.headers()),
            FrontKind::Console => text(StatusCode::NOT_FOUND, "the console is not there yet"),
        }
    }

    async fn signed(&self, kind: FrontKind, request: Request<RequestBody>) -> Response<AnswerBody> {
        let request_id = RequestId::random();
        let (parts, body) = request.into_parts();
        let now = self.rooms.clock.now();
        let (protocol, answer) = match kind {
            FrontKind::Admin => (Rules::HOSTLER.protocol, self.admin(&parts, body).await),
            FrontKind::Absent(service) => {
                (service.rules().protocol, self.absent(service, &parts, body).await)
            }
            _ => (Rules::CONTROL.protocol, self.control(&parts, body).await),
        };
        let response = match answer {
            Ok(body) => aws_json_response(body.into(), &request_id, now),
            Err(error) => {
                log(&error, &request_id, &parts);
                let context = DocumentContext {
                    now,
                    resource: parts.uri.path(),
                    is_head: parts.method == Method::HEAD,
                };
                error_response(protocol, &error, &request_id, &context)
            }
        };
        response.map(AnswerBody::whole)
    }

    async fn control(&self, parts: &Parts, body: RequestBody) -> Result<Vec<u8>, ApiError> {
        let (caller, body) = self.verified(parts, body, &Rules::CONTROL).await?;
        if parts.method != Method::POST || parts.uri.path() != "/" {
            return Err(ApiError::unknown_operation());
        }
        let operation = target(parts).strip_prefix("SageMaker.").ok_or_else(ApiError::unknown_operation)?;
        let throttle = &self.rooms.throttle;
        let class = throttle.control_class_of(operation);
        throttle.admit(class, &caller.scope.account, self.rooms.clock.now())?;
        self.rooms.control.call(&caller, operation, &body).await
    }

    async fn admin(&self, parts: &Parts, body: RequestBody) -> Result<Vec<u8>, ApiError> {
        let (caller, body) = self.verified(parts, body, &Rules::HOSTLER).await?;
        let request = AdminRequest {
            method: parts.method.as_str(),
            path: parts.uri.path().trim_start_matches("/_hostler/"),
            query: parts.uri.query().unwrap_or_default(),
            body: &body,
        };
        self.rooms.admin.answer(&caller, request).await
    }

    async fn absent(
        &self,
        service: AbsentService,
        parts: &Parts,
        body: RequestBody,
    ) -> Result<Vec<u8>, ApiError> {
        let (caller, body) = self.verified(parts, body, &service.rules()).await?;
        Err(service.refusal(&caller.identity.arn, target(parts), &body))
    }

    /// The head is checked before the body is read, so that strangers cost little.
    async fn verified(
        &self,
        parts: &Parts,
        body: RequestBody,
        rules: &Rules,
    ) -> Result<(Caller, Vec<u8>), ApiError> {
        let announced =
            parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|bytes: usize| bytes > CONTROL_BYTES_MAX) {
            return Err(ApiError::payload_too_large(CONTROL_BYTES_MAX as u64));
        }
        let denied = |error: hostler_aws::sigv4::AuthError| error.to_api_error(rules.protocol);
        let claim = self.rooms.verifier.check(parts, rules).map_err(denied)?;
        let reading = collect(Limited::new(body, CONTROL_BYTES_MAX));
        let body = match tokio::time::timeout(CONTROL_BODY_TIMEOUT, reading).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(ApiError::payload_too_large(CONTROL_BYTES_MAX as u64));
            }
            Ok(Err(error)) => {
                return Err(ApiError::validation("The request body broke off.").with_source(error));
            }
            Err(_) => return Err(ApiError::validation("The request body did not arrive in time.")),
        };
        let caller = claim.verify_payload(&payload_hash(&body)).map_err(denied)?;
        let scope = Scope::new(&caller.identity.account, &caller.region);
        Ok((Caller { scope, identity: Arc::unwrap_or_clone(caller.identity) }, body))
    }
}

/// Reads a body into one buffer: what hyper hands out keeps the page alive that it came in, also for a single byte.
async fn collect(mut body: Limited<RequestBody>) -> Result<Vec<u8>, BoxError> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            collected.extend_from_slice(&piece);
        }
    }
    Ok(collected)
}

/// What the control plane's protocol names the operation by.
fn target(parts: &Parts) -> &str {
    parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn log(error: &ApiError, request_id: &RequestId, parts: &Parts) {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let (code, said, internal) = (error.code(), error.message(), error.internal_text());
    if code == "InternalFailure" {
        let cause = std::error::Error::source(error);
        warn!(%request_id, operation = target, code, internal, cause, "a request failed inside");
    } else {
        debug!(%request_id, operation = target, code, said, internal, "a request was refused");
    }
}

fn boxed(body: hostler_localaws::Body) -> AnswerBody {
    AnswerBody::coming(body)
}

fn text(status: StatusCode, text: &'static str) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(text));
    *response.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
