//! The suite that every backend passes.

use async_trait::async_trait;
use hostler_compute::conformance::{Behaviour, Harness};
use hostler_compute::{Compute, InstanceSpec};
use hostler_types::InstanceId;

use crate::world::{World, shell};

struct Process(World);

#[async_trait]
impl Harness for Process {
    async fn open() -> Self {
        Self(World::open().await)
    }

    fn compute(&self) -> &dyn Compute {
        &self.0.backend
    }

    fn spec(&self, id: InstanceId, behaviour: Behaviour) -> InstanceSpec {
        match behaviour {
            Behaviour::Serves => shell(id, "echo ready; exec sleep 1000"),
            Behaviour::ExitsWith(code) => shell(id, &format!("echo bye; exit {code}")),
            Behaviour::DiesBySignal(signal) => shell(id, &format!("kill -{signal} $$")),
            Behaviour::Prints(lines) => shell(id, &format!("printf '%s\\n' '{}'", lines.join("' '"))),
        }
    }

    async fn close(self) {
        self.0.close().await;
    }
}

hostler_compute::compute_conformance!(Process);
