//! The `Compute` port over the simulated world, with the faults that a test ordered.
//!
//! Invariants: a fault `Before` leaves the world as it was; one `After` hides an effect that happened.

use std::time::Duration;

use async_trait::async_trait;
use hostler_types::{EndpointUid, InstanceId};
use tokio::sync::broadcast;

use super::world::capabilities;
use super::{Call, FaultPoint, SimulatedCompute};
use crate::{Capabilities, Compute, ComputeError, InstanceSpec, InstanceState, LogChunk, Observed};

#[async_trait]
impl Compute for SimulatedCompute {
    fn capabilities(&self) -> Capabilities {
        capabilities(self.shared.world().devices.clone())
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        self.fault(Call::Ensure, FaultPoint::Before, "ensure an instance")?;
        self.shared.create(spec)?;
        self.fault(Call::Ensure, FaultPoint::After, "ensure an instance")
    }

    async fn remove(&self, id: &InstanceId, _grace: Duration) -> Result<(), ComputeError> {
        self.fault(Call::Remove, FaultPoint::Before, "remove an instance")?;
        self.shared.begin_removal(id);
        self.fault(Call::Remove, FaultPoint::After, "remove an instance")
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        self.fault(Call::Observe, FaultPoint::Before, "observe an endpoint")?;
        self.fault(Call::Observe, FaultPoint::After, "observe an endpoint")?;
        let world = self.shared.world();
        let from = InstanceId::before_all_of(endpoint)..;
        let own = world.instances.range(from).take_while(|(id, _)| id.endpoint == *endpoint);
        Ok(own
            .map(|(id, instance)| Observed {
                id: id.clone(),
                spec_hash: instance.spec_hash.clone(),
                state: instance.state.clone(),
                images: Vec::new(),
            })
            .collect())
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        self.fault(Call::List, FaultPoint::Before, "list instances")?;
        self.fault(Call::List, FaultPoint::After, "list instances")?;
        Ok(self.shared.world().instances.keys().cloned().collect())
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.shared.changes()
    }

    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError> {
        self.fault(Call::Logs, FaultPoint::Before, "read a log")?;
        self.fault(Call::Logs, FaultPoint::After, "read a log")?;
        let world = self.shared.world();
        let unknown = || ComputeError::Unknown { id: id.clone() };
        let instance = world.instances.get(id).ok_or_else(unknown)?;
        let mut names = instance.spec.containers.iter().map(|container| &container.name);
        let position = container.map_or(Some(0), |wanted| names.position(|name| name == wanted));
        let log = instance.logs.get(position.ok_or_else(unknown)?).ok_or_else(unknown)?;
        let start = usize::try_from(from).unwrap_or(usize::MAX).min(log.len());
        let bytes: Vec<u8> = log[start..].iter().take(bytes_max).copied().collect();
        let next = start + bytes.len();
        let is_final = matches!(instance.state, InstanceState::Exited { .. } | InstanceState::Failed(_));
        Ok(LogChunk { next: next as u64, ended: is_final && next == log.len(), bytes })
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        let world = self.shared.world();
        let instance = world.instances.get(id).ok_or_else(|| ComputeError::Unknown { id: id.clone() })?;
        let containers = &instance.spec.containers;
        let names = containers.iter().map(|container| container.name.clone());
        Ok(if containers.len() > 1 { names.collect() } else { Vec::new() })
    }
}

impl SimulatedCompute {
    /// Fails when a fault waits for this call at this point.
    fn fault(&self, call: Call, point: FaultPoint, action: &'static str) -> Result<(), ComputeError> {
        let mut world = self.shared.world();
        // Only the oldest fault of this call counts, so that `Before` and `After` keep their order.
        let Some(at) = world.faults.iter().position(|(kind, _)| *kind == call) else { return Ok(()) };
        if world.faults[at].1 != point {
            return Ok(());
        }
        world.faults.remove(at);
        let source = match point {
            FaultPoint::Before => "simulated: nothing was done",
            FaultPoint::After => "simulated: the reply was lost",
        };
        Err(ComputeError::Failed { action, source: source.into() })
    }
}
