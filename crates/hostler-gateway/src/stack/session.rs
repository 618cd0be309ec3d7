//! Layer 7 for requests of a session, and what answers say of sessions.
//!
//! Why: what a session's instance remembers is nowhere else, so its requests go there or nowhere.
//! Invariants: a request that goes on with a session waits for its instance alone, and is sent to it once. A request that names no
//! session opens none and closes none.

use std::sync::Arc;

use hostler_aws::ApiError;
use http::HeaderName;

use crate::answer::Fields;
use crate::gateway::Gateway;
use crate::invocation::Invocation;
use crate::lane::Lane;
use crate::sessions::{Place, opened};
use crate::table::LiveEndpoint;

/// Opens a session: its id, and until when it lives.
pub(super) static OPENS: HeaderName = HeaderName::from_static("x-amzn-sagemaker-new-session-id");

/// Closes a session: its id.
pub(super) static CLOSES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-closed-session-id");

impl Gateway {
    /// The way to the instance that holds a session.
    pub(super) fn holder_of(
        &self,
        invocation: &Invocation<'_>,
        endpoint: &LiveEndpoint,
        id: &str,
    ) -> Result<Arc<Lane>, ApiError> {
        let name = invocation.endpoint_name;
        let lane = match self.table.sessions.find(&self.table.lanes, &endpoint.uid, id, self.now()) {
            Place::At(lane) => lane,
            Place::Gone => {
                return Err(ApiError::validation_error(format!(
                    "Session {id} of endpoint {name} has ended: its instance takes no more requests. Begin another with \
                     the session id NEW_SESSION."
                )));
            }
            Place::Unknown => {
                return Err(ApiError::validation_error(format!(
                    "Session {id} of endpoint {name} not found: it has expired, was closed, or never was. Begin another \
                     with the session id NEW_SESSION."
                )));
            }
        };
        if let Some(variant) = invocation.target_variant
            && variant != lane.id.variant.as_str()
        {
            return Err(ApiError::validation_error(format!(
                "Session {id} of endpoint {name} is not with variant {variant} but with variant {}.",
                lane.id.variant
            )));
        }
        Ok(lane)
    }

    /// What a container says of the end of a session, whatever else it answers.
    pub(super) fn heed_closing(&self, invocation: &Invocation<'_>, lane: &Arc<Lane>, answer: &Fields) {
        if invocation.session.is_some()
            && let Some(id) = answer.get(&CLOSES).and_then(|id| id.to_str().ok())
        {
            self.table.sessions.close(&lane.id.endpoint, id.trim(), lane);
        }
    }

    /// What an answer that the client gets says of a session's beginning.
    pub(super) fn heed_opening(&self, invocation: &Invocation<'_>, lane: &Arc<Lane>, answer: &Fields) {
        if invocation.session.is_some()
            && let Some(header) = answer.get(&OPENS)
        {
            let now = self.now();
            if let Some(opened) = opened(header, now) {
                self.table.sessions.open(&lane.id.endpoint, &opened, lane, now);
            }
        }
    }
}
