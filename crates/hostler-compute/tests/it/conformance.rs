//! The suite against the simulated backend in automatic mode.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::conformance::{Behaviour, Harness, program_of, spec_of};
use hostler_compute::{
    Compute, ContainerSpec, Delays, ExitCause, InstanceSpec, Outcome, Program, SimulatedCompute,
};
use hostler_types::{InstanceId, SystemClock};

struct Simulated(SimulatedCompute);

/// A spec whose command tells the simulation what to do.
pub(crate) fn spec(id: InstanceId, command: &[&str]) -> InstanceSpec {
    spec_of(id, "", program_of(command))
}

fn outcome(spec: &InstanceSpec) -> Outcome {
    Outcome::Several(spec.containers.iter().map(outcome_of).collect())
}

fn outcome_of(container: &ContainerSpec) -> Outcome {
    let Program::Command { command, .. } = &container.program else { return Outcome::Runs };
    let (after, number) = (Duration::from_millis(1), command[1].parse().unwrap_or_default());
    match command[0].as_str() {
        "exit" => Outcome::Exits { after, cause: ExitCause::Code(number), log: "bye\n".to_owned() },
        "signal" => Outcome::Exits { after, cause: ExitCause::Signal(number), log: String::new() },
        "print" => Outcome::Exits { after, cause: ExitCause::Code(0), log: command[1].clone() },
        _ => Outcome::Exits {
            after: Duration::from_hours(1),
            cause: ExitCause::Code(0),
            log: command[1].clone(),
        },
    }
}

#[async_trait]
impl Harness for Simulated {
    async fn open() -> Self {
        let delays = Delays { start: Duration::from_millis(3), stop: Duration::from_millis(1) };
        let simulated = SimulatedCompute::auto(Arc::new(SystemClock), delays);
        simulated.decide(outcome);
        Self(simulated)
    }

    fn compute(&self) -> &dyn Compute {
        &self.0
    }

    fn spec(&self, id: InstanceId, behaviour: Behaviour) -> InstanceSpec {
        match behaviour {
            Behaviour::Serves => spec(id, &["serve", "ready\n"]),
            Behaviour::ExitsWith(code) => spec(id, &["exit", &code.to_string()]),
            Behaviour::DiesBySignal(signal) => spec(id, &["signal", &signal.to_string()]),
            Behaviour::Prints(lines) => spec(id, &["print", &(lines.join("\n") + "\n")]),
        }
    }

    async fn close(self) {
        self.0.assert_no_double_launch();
    }
}

hostler_compute::compute_conformance!(Simulated);
