//! What each path of the container contract answers.
//!
//! Why: SageMaker's contract is three paths; they are matched here by hand, as a router would only add weight
//! to the hot path. Errors are plain sentences, because clients see them quoted inside ModelError's message.
//! Invariants: every request gets an answer; a panic in an engine is a 500 and a log line, not a dead server.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{Served, Settings, body, many};
use crate::engine::{Answer, Engine, InvokeInput};

/// What is not a payload is a few names.
const SMALL_BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Site {
    served: Served,
    settings: Settings,
    large_requests: Semaphore,
    execution_parameters: Bytes,
    /// Whose blocking pool takes long work.
    long_work: Handle,
}

pub(super) type HttpAnswer = Response<Full<Bytes>>;

impl Site {
    pub(super) fn new(served: Served, settings: Settings, long_work: Handle) -> Self {
        let batch_strategy = match &served {
            Served::One(engine) => engine.execution_parameters().batch_strategy,
            // Batch transform takes no multi-model endpoint; this is what a client that asks anyway can do.
            Served::Many(_) => "SINGLE_RECORD",
        };
        let execution_parameters = format!(
            r#"{{"MaxConcurrentTransforms":{},"BatchStrategy":"{}","MaxPayloadInMB":{}}}"#,
            settings.workers,
            batch_strategy,
            settings.payload_bytes_max / (1024 * 1024)
        );
        Self {
            large_requests: Semaphore::new(settings.large_requests_max),
            execution_parameters: execution_parameters.into(),
            served,
            settings,
            long_work,
        }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> HttpAnswer {
        let method = request.method();
        match request.uri().path() {
            "/invocations" if method == Method::POST => match &self.served {
                Served::One(engine) => self.invocation(engine, request).await,
                Served::Many(_) => refuse(
                    StatusCode::NOT_FOUND,
                    "many models are served here; name one: POST /models/NAME/invoke".to_owned(),
                ),
            },
            "/invocations" => wrong_method(method, "POST"),
            "/ping" if is_read(method) => answer("application/json", r#"{"status":"Healthy"}"#),
            "/execution-parameters" if is_read(method) => {
                answer("application/json", self.execution_parameters.clone())
            }
            "/ping" | "/execution-parameters" => wrong_method(method, "GET, HEAD"),
            path => match &self.served {
                Served::Many(models) if path == "/models" || path.starts_with("/models/") => {
                    many::answer_models(self, models, request).await
                }
                _ => no_such_path(path),
            },
        }
    }

    /// The body of a small request that is no invocation.
    pub(super) async fn small_body(&self, request: Request<Incoming>) -> Result<Bytes, HttpAnswer> {
        let settings = Settings { payload_bytes_max: SMALL_BODY_BYTES_MAX, ..self.settings.clone() };
        let (head, body) = request.into_parts();
        let expects_continue = head.headers.contains_key(EXPECT);
        let payload = body::read(body, expects_continue, &settings, &self.large_requests);
        match payload.await {
            Ok(payload) => Ok(payload.bytes),
            Err(error) => Err(refuse(status(error.status()), error.to_string())),
        }
    }

    /// Work that may take long, away from the threads that answer pings; none when it panicked.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        match self.long_work.spawn_blocking(work).await {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(%error, "long work was lost");
                None
            }
        }
    }

    pub(super) async fn invocation(
        &self,
        engine: &Arc<dyn Engine>,
        request: Request<Incoming>,
    ) -> HttpAnswer {
        let (head, body) = request.into_parts();
        let expects_continue = head.headers.contains_key(EXPECT);
        let payload = body::read(body, expects_continue, &self.settings, &self.large_requests);
        let payload = match payload.await {
            Ok(payload) => payload,
            Err(error) => return refuse(status(error.status()), error.to_string()),
        };
        if !engine.may_take_long(&input(&head, &payload.bytes)) {
            return invoke(engine.as_ref(), &head, &payload.bytes);
        }
        let engine = Arc::clone(engine);
        let bytes = payload.bytes.clone();
        let work = move || invoke(engine.as_ref(), &head, &bytes);
        self.aside(work).await.unwrap_or_else(engine_failed)
    }
}

fn no_such_path(path: &str) -> HttpAnswer {
    let message = format!(
        "no path `{path}` here; there are GET /ping, POST /invocations and GET /execution-parameters"
    );
    refuse(StatusCode::NOT_FOUND, message)
}

fn invoke(engine: &dyn Engine, head: &Parts, body: &[u8]) -> HttpAnswer {
    // An engine is immutable, so a panic leaves nothing half done behind.
    match catch_unwind(AssertUnwindSafe(|| engine.invoke(&input(head, body)))) {
        Ok(Ok(Answer { content_type, body })) => answer(content_type, body),
        Ok(Err(error)) => {
            tracing::debug!(%error, "an invocation was refused");
            refuse(status(error.status()), error.to_string())
        }
        Err(_) => {
            tracing::error!("the engine panicked");
            engine_failed()
        }
    }
}

fn input<'a>(head: &'a Parts, body: &'a [u8]) -> InvokeInput<'a> {
    InvokeInput { content_type: text(&head.headers, CONTENT_TYPE), accept: text(&head.headers, ACCEPT), body }
}

/// A header as text; one that is not ASCII names no format that anybody knows.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or("a header that is not ASCII"))
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

pub(super) fn answer(content_type: &'static str, body: impl Into<Bytes>) -> HttpAnswer {
    let mut response = Response::new(Full::new(body.into()));
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

pub(super) fn refuse(status: StatusCode, message: String) -> HttpAnswer {
    let mut response = answer("text/plain; charset=utf-8", message);
    *response.status_mut() = status;
    response
}

pub(super) fn wrong_method(method: &Method, allowed: &'static str) -> HttpAnswer {
    let message = format!("{method} is not answered on this path; it takes {allowed}");
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, message);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

pub(super) fn engine_failed() -> HttpAnswer {
    let message = "the model failed on this request; the log of the instance says more";
    refuse(StatusCode::INTERNAL_SERVER_ERROR, message.to_owned())
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
