//! The door of the data plane: paths, methods, and errors as answers.
//!
//! Invariants: whatever goes wrong becomes one document of restJson1, made by `hostler-aws`.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use hostler_aws::sigv4::{Caller, Verifier};
use hostler_aws::{ApiError, DocumentContext, Head, Protocol, RequestId, Throttle, error_response};
use hostler_shapes::{RUNTIME_OPERATIONS, RuntimeOperation};
use hostler_types::{Clock, Millis, Scope};
use http::{Request, Response};
use http_body::Body;
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::alarm::Alarm;
use crate::answer::{Answer, AnswerBody, BoxError};
use crate::invocation::{Form, Invocation};
use crate::payload::{BodyBudget, BodyLimits, Payload};
use crate::table::RoutingTable;

/// What an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct GatewaySettings {
    /// How long a model may take; AWS's 60 s.
    pub model_timeout: Duration,
    /// How long a model may take to stream its answer; AWS's eight minutes.
    pub stream_timeout: Duration,
    /// The largest request body where the endpoint's owner set none; AWS's 25 MB.
    pub payload_bytes: u64,
    /// The largest request body whatever an owner set.
    pub payload_bytes_max: u64,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// In each span of this length its client must send a part worth mentioning.
    pub stall_timeout: Duration,
    /// How long a request waits for a place at an instance of its endpoint.
    pub hold_timeout: Duration,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            model_timeout: Duration::from_secs(60),
            stream_timeout: Duration::from_secs(8 * 60),
            payload_bytes: 25 * 1024 * 1024,
            payload_bytes_max: 25 * 1024 * 1024,
            body_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            hold_timeout: Duration::from_secs(10),
        }
    }
}

/// A request since it came.
pub(crate) struct Visit {
    pub(crate) arrived: Instant,
    request_id: RequestId,
}

impl Visit {
    pub(crate) fn begin() -> Self {
        Self { arrived: Instant::now(), request_id: RequestId::random() }
    }
}

/// A request that is whole, of somebody who is known.
pub(crate) struct Arrived<'a> {
    operation: &'static RuntimeOperation,
    endpoint_name: Cow<'a, str>,
    caller: Caller,
    body: Payload,
}

/// The data plane.
pub struct Gateway {
    pub(crate) table: Arc<RoutingTable>,
    pub(crate) settings: GatewaySettings,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) bodies: Arc<BodyBudget>,
    clock: Arc<dyn Clock>,
    throttle: Arc<Throttle>,
    /// Becomes true when streams have to end.
    pub(crate) streams_end: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway that routes by `table` and believes `verifier`.
    pub fn new(
        table: Arc<RoutingTable>,
        verifier: Arc<Verifier>,
        clock: Arc<dyn Clock>,
        settings: GatewaySettings,
    ) -> Self {
        let bodies = BodyBudget::in_memory(BodyLimits::default());
        let streams_end = watch::Sender::new(false);
        Self { table, settings, verifier, bodies, clock, throttle: Arc::default(), streams_end }
    }

    /// The same, for accounts that may not ask as often as they like.
    #[must_use]
    pub fn throttled_by(self, throttle: Arc<Throttle>) -> Self {
        Self { throttle, ..self }
    }

    /// The same, with room for bodies that others know of.
    #[must_use]
    pub fn keeping_bodies_in(self, bodies: Arc<BodyBudget>) -> Self {
        Self { bodies, ..self }
    }

    /// How long a model may take where its endpoint says nothing else.
    pub fn model_timeout(&self) -> Duration {
        self.settings.model_timeout
    }

    /// Ends every stream with an event that says so: the server is about to stop.
    pub fn end_streams(&self) {
        self.streams_end.send_replace(true);
    }

    /// Answers one request that somebody else reads.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let visit = Visit::begin();
        let (parts, body) = request.into_parts();
        let head = Head::of(&parts);
        let answer = match self.arrive(&head, body).await {
            Ok(arrived) => self.forward(&visit, &head, arrived, &mut Alarm::default()).await,
            Err(error) => Err(error),
        };
        self.finish(&visit, &head, answer).into()
    }

    /// Layers 1 to 5: what is asked for, by whom, and the whole body.
    pub(crate) async fn arrive<'a, B>(&self, head: &Head<'a>, body: B) -> Result<Arrived<'a>, ApiError>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let (operation, endpoint_name) = find_operation(head).ok_or_else(ApiError::unknown_operation)?;
        let (caller, body) = self.authenticate(&endpoint_name, head, body).await?;
        let class = self.throttle.class_of(operation.name);
        if class.is_some() {
            self.throttle.admit(class, &caller.identity.account, self.clock.now())?;
        }
        Ok(Arrived { operation, endpoint_name, caller, body })
    }

    /// Layers 6 to 9.
    pub(crate) async fn forward(
        &self,
        visit: &Visit,
        head: &Head<'_>,
        arrived: Arrived<'_>,
        alarm: &mut Alarm,
    ) -> Result<Answer, ApiError> {
        let Arrived { operation, endpoint_name, caller, body } = arrived;
        let form = Form::of(operation).ok_or_else(|| ApiError::not_implemented(operation.name))?;
        let scope = Scope { account: caller.identity.account.clone(), region: caller.region };
        let request_id = &visit.request_id;
        let mut invocation =
            Invocation::check(request_id, (operation, form), &scope, &endpoint_name, head, body)?;
        self.invoke(&mut invocation, visit.arrived, alarm).await
    }

    /// Names the request in its answer, and makes a document of an error.
    pub(crate) fn finish(&self, visit: &Visit, head: &Head<'_>, answer: Result<Answer, ApiError>) -> Answer {
        let request_id = &visit.request_id;
        match answer {
            Ok(answer) => Answer { request_id: Some(*request_id), ..answer },
            Err(error) => {
                log(&error, request_id, head.path);
                let context = DocumentContext { now: self.clock.now(), resource: head.path, is_head: false };
                error_response(Protocol::RestJson, &error, request_id, &context).map(AnswerBody::whole).into()
            }
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The largest body for an endpoint of whoever says that they call.
    pub(crate) fn payload_bytes_max(&self, caller: &Caller, endpoint_name: &str) -> u64 {
        let own = || {
            let scope = Scope::new(&caller.identity.account, &caller.region);
            self.table.find_named(&scope, endpoint_name)?.limits.payload_bytes
        };
        // Nearly no server has an endpoint with a limit of its own: the look-up is saved.
        let own = if self.table.limits_payloads() { own() } else { None };
        own.unwrap_or(self.settings.payload_bytes)
    }
}

/// The operation of a method and path, and the endpoint's name in it, as it is meant and not as it is spelled.
fn find_operation<'a>(head: &Head<'a>) -> Option<(&'static RuntimeOperation, Cow<'a, str>)> {
    let path = head.path;
    PATHS.iter().find_map(|(before, after, operation)| {
        let name = path.strip_prefix(before)?.strip_suffix(after)?;
        let is_meant = operation.method == head.method && !name.bytes().any(|byte| byte == b'/');
        is_meant.then(|| {
            let is_plain = !name.bytes().any(|byte| byte == b'%');
            let name = if is_plain { name.into() } else { percent_decode_str(name).decode_utf8_lossy() };
            (*operation, name)
        })
    })
}

/// What stands before the endpoint's name in the path of each operation, and what after it.
static PATHS: LazyLock<Vec<(&str, &str, &RuntimeOperation)>> = LazyLock::new(|| {
    let parts = |operation: &'static RuntimeOperation| {
        let (before, after) = operation.path.split_once("{EndpointName}")?;
        Some((before, after, operation))
    };
    RUNTIME_OPERATIONS.iter().filter_map(parts).collect()
});

fn log(error: &ApiError, request_id: &RequestId, path: &str) {
    let (code, internal) = (error.code(), error.internal_text());
    if error.code() == "InternalFailure" {
        warn!(%request_id, path, code, internal, "a request failed inside");
    } else {
        // What the model answered is the client's alone.
        let said = error.message().filter(|_| error.fault().is_none());
        debug!(%request_id, path, code, said, internal, "a request was refused");
    }
}
