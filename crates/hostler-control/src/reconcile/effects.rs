//! The effects of a plan: launching, removing, and forgetting an endpoint that is gone.
//!
//! Why: the executor makes no choice; all that it adds to a plan is the order and what to remember of a refusal.
//! Invariants: no effect without the right that the record was read under. Each may be repeated.

use std::time::Duration;

use hostler_compute::{Fault, InstanceFailure, InstanceSpec, Phase, Program, image_sentence};
use hostler_store::{Check, Document, Expect, Transaction, Write};
use hostler_types::{EndpointRecord, FailureCause, InstanceId};
use tracing::info;

use super::Reconciler;
use super::lease::Term;
use super::run::{Outcome, RunError};
use super::spec::instance_spec;
use crate::history;
use crate::plan::{Action, Plan};

impl Reconciler {
    /// Every effect is tried: what cannot be launched for want of room must not keep from going what would give it.
    /// Whether all was carried out; what was not for want of the lease, another controller will.
    pub(super) async fn carry_out(
        &self,
        term: Term,
        record: &EndpointRecord,
        plan: &Plan,
    ) -> Result<bool, RunError> {
        let mut first_error = None;
        for action in &plan.actions {
            if !self.right.lasts(term) {
                return Ok(false);
            }
            let done = match action {
                Action::Launch(id) => self.launch(record, id).await,
                Action::Remove { id, grace_ms } => self.remove(record, id, *grace_ms).await,
            };
            if let Err(error) = done {
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(true), Err)
    }

    async fn launch(&self, record: &EndpointRecord, id: &InstanceId) -> Result<(), RunError> {
        let spec = instance_spec(record, id, &self.parts.catalog, self.parts.accelerators);
        match self.parts.compute.ensure(&spec).await {
            Ok(()) => {}
            Err(source) if source.fault() == Fault::User => {
                let failure = InstanceFailure {
                    fault: Fault::User,
                    phase: Phase::Starting,
                    container: None,
                    cause: cause_of_refusal(&spec),
                    aws_sentence: Some(image_sentence(id.variant.as_str())),
                    detail: source.to_string(),
                };
                self.memory().refused.insert(id.clone(), failure);
                self.queue.enqueue(&record.key());
            }
            Err(source) => return Err(RunError::Launch { id: id.to_string(), source }),
        }
        Ok(())
    }

    async fn remove(&self, record: &EndpointRecord, id: &InstanceId, grace_ms: i64) -> Result<(), RunError> {
        let grace = Duration::from_millis(grace_ms.unsigned_abs());
        let removed = self.parts.compute.remove(id, grace).await;
        removed.map_err(|source| RunError::Remove { id: id.to_string(), source })?;
        if self.memory().refused.remove(id).is_some() {
            self.queue.enqueue(&record.key());
        }
        Ok(())
    }

    pub(super) async fn forget(
        &self,
        term: Term,
        record: &EndpointRecord,
        before: &Document,
    ) -> Result<Outcome, RunError> {
        if !self.right.lasts(term) {
            return Ok(Outcome::Overtaken);
        }
        let kept = self.parts.compute.forget(&record.uid).await;
        kept.map_err(|source| RunError::Remove { id: format!("{}.*", record.uid), source })?;
        let key = &before.key;
        let mut transaction = Transaction {
            checks: vec![Check { key: key.clone(), expect: Expect::Version(before.version) }],
            writes: vec![Write::Delete(key.clone())],
            events: vec![history::gone(record, self.parts.clock.now())],
            ..Transaction::default()
        };
        self.book_times(record, self.parts.clock.now(), |_| true, &mut transaction).await?;
        if !self.commit(term, transaction).await? {
            return Ok(Outcome::Overtaken);
        }
        info!("deleted");
        self.forget_former(&before.key);
        Ok(Outcome::Gone)
    }
}

/// Why a backend refuses what it was never able to run.
fn cause_of_refusal(spec: &InstanceSpec) -> FailureCause {
    let is_image = spec.containers.iter().any(|container| container.program == Program::Image);
    if is_image { FailureCause::ImageUnmapped } else { FailureCause::Unsupported }
}
