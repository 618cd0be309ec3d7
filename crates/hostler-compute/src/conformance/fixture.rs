//! The plainest spec there is, for cases of the suite and for a backend's own tests.
//!
//! Invariants: a new member of a spec gets its value here, once for all tests of all backends.

use hostler_artifacts::{ArtifactSource, DataSource};
use hostler_types::{AccountId, InstanceId, Region, Scope};

use crate::{ContainerSpec, InstanceSpec, Limits, Program};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

/// An instance of one container that runs `program`, without data, limits or a network of its own.
pub fn spec_of(id: InstanceId, image: &str, program: Program) -> InstanceSpec {
    InstanceSpec {
        id,
        scope: Scope::new(&AccountId::new(ACCOUNT), &Region::new(REGION)),
        endpoint_name: "demo".to_owned(),
        containers: vec![ContainerSpec {
            name: "container_1".to_owned(),
            image: image.to_owned(),
            program,
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

/// A command without anything besides.
pub fn program_of(words: &[&str]) -> Program {
    Program::Command {
        command: words.iter().map(|&word| word.to_owned()).collect(),
        environment: [].into(),
        working_dir: None,
        needs_opt_ml: false,
    }
}

/// The same with model data from there.
#[must_use]
pub fn with_data(mut spec: InstanceSpec, uri: &str) -> InstanceSpec {
    if let Some(first) = spec.containers.first_mut() {
        first.model_data = Some(data_at(uri));
    }
    spec
}

/// Model data that a role may read.
pub fn data_at(uri: &str) -> DataSource {
    let at = ArtifactSource {
        uri: uri.to_owned(),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/r"),
        account: AccountId::new(ACCOUNT),
        region: Region::new(REGION),
    };
    at.into()
}
