//! The suite that every backend passes.

use async_trait::async_trait;
use hostler_compute::conformance::{Behaviour, Harness};
use hostler_compute::{Compute, InstanceSpec};
use hostler_types::InstanceId;

use crate::world::{World, case};

struct Docker(World);

#[async_trait]
impl Harness for Docker {
    async fn open() -> Self {
        Self(World::open().await)
    }

    fn compute(&self) -> &dyn Compute {
        &self.0.backend
    }

    fn spec(&self, id: InstanceId, behaviour: Behaviour) -> InstanceSpec {
        match behaviour {
            Behaviour::Serves => case(id, "serves"),
            Behaviour::ExitsWith(code) => case(id, &format!("exit {code}")),
            Behaviour::DiesBySignal(11) => case(id, "fault"),
            // The first process of a container ignores what it sends itself.
            Behaviour::DiesBySignal(other) => panic!("no container ends itself by signal {other}"),
            Behaviour::Prints(lines) => case(id, &format!("print {}", lines.join("\n"))),
        }
    }

    async fn close(self) {
        self.0.close().await;
    }
}

hostler_compute::compute_conformance!(Docker, if crate::world::is_there());
