//! The suite against the simulated backend in automatic mode.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::conformance::{Behaviour, Harness};
use hostler_compute::{
    Compute, ContainerSpec, Delays, ExitCause, InstanceSpec, Limits, Outcome, Program, SimulatedCompute,
};
use hostler_types::{AccountId, InstanceId, Region, Scope, SystemClock};

struct Simulated(SimulatedCompute);

/// A spec whose command tells the simulation what to do.
pub(crate) fn spec(id: InstanceId, command: &[&str]) -> InstanceSpec {
    InstanceSpec {
        id,
        scope: Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1")),
        endpoint_name: "demo".to_owned(),
        containers: vec![ContainerSpec {
            name: "container_1".to_owned(),
            image: String::new(),
            program: Program::Command {
                command: command.iter().map(|&word| word.to_owned()).collect(),
                environment: [].into(),
                working_dir: None,
                needs_opt_ml: false,
            },
            model_data: None,
            additional_model_data: Vec::new(),
            environment: [].into(),
            image_role_arn: None,
            models: None,
        }],
        limits: Limits::default(),
        accelerators: None,
        download_timeout_ms: 60_000,
        is_isolated: false,
    }
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
