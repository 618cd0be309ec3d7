//! The suite that every backend passes.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::conformance::{Behaviour, Harness, program_of, spec_of};
use hostler_compute::{Compute, InstanceSpec};
use hostler_compute_local::LocalBackend;
use hostler_compute_local::conformance::{FakeData, open, reopen};
use hostler_types::{EndpointUid, InstanceId};
use tempfile::TempDir;

use crate::scripted::{Config, Scripted};

/// A backend in a directory of its own.
pub(crate) struct World {
    root: TempDir,
    pub(crate) config: Config,
    pub(crate) data: Arc<FakeData>,
    pub(crate) backend: LocalBackend<Scripted>,
}

impl World {
    pub(crate) async fn restart(self) -> Self {
        let Self { root, config, data, backend } = self;
        let backend = reopen(backend, config.clone(), &data).await.unwrap();
        Self { root, config, data, backend }
    }
}

pub(crate) fn spec(id: InstanceId, word: &str, what: &str) -> InstanceSpec {
    spec_of(id, "", program_of(&[word, what]))
}

#[async_trait]
impl Harness for World {
    async fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let config =
            Config { dir: root.path().join("instances"), starts: Arc::default(), events: Arc::default() };
        let data = FakeData::below(root.path()).unwrap();
        let backend = open(config.clone(), &data).await.unwrap();
        Self { root, config, data, backend }
    }

    fn compute(&self) -> &dyn Compute {
        &self.backend
    }

    fn spec(&self, id: InstanceId, behaviour: Behaviour) -> InstanceSpec {
        match behaviour {
            Behaviour::Serves => spec(id, "serve", ""),
            Behaviour::ExitsWith(code) => spec(id, "exit", &code.to_string()),
            Behaviour::DiesBySignal(signal) => spec(id, "signal", &signal.to_string()),
            Behaviour::Prints(lines) => spec(id, "print", &(lines.join("\n") + "\n")),
        }
    }

    async fn close(self) {
        assert_eq!(self.backend.stop_all(Duration::from_secs(5)).await, 0);
        for endpoint in ["e1", "e11"].map(EndpointUid::new) {
            self.backend.forget(&endpoint).await.unwrap();
        }
        self.backend.detach().await;
        assert_eq!(fs::read_dir(&self.config.dir).unwrap().count(), 0);
        drop(self.root);
    }
}

hostler_compute::compute_conformance!(World);
