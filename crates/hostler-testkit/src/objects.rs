//! Model data that is there unless a test says otherwise.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use hostler_artifacts::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader, ObjectStream};

/// An [`ObjectReader`] that only looks.
#[derive(Debug, Default)]
pub struct SimObjects {
    errors: Mutex<BTreeMap<String, FetchError>>,
}

impl SimObjects {
    /// Looking at this URI fails from now on.
    pub fn refuse(&self, uri: &str, error: FetchError) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).insert(uri.to_owned(), error);
    }
}

#[async_trait]
impl ObjectReader for SimObjects {
    async fn look(&self, source: &ArtifactSource) -> Result<ArtifactVersion, FetchError> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        match errors.get(&source.uri) {
            Some(error) => Err(error.clone()),
            None => Ok(ArtifactVersion {
                bucket: "simulated".to_owned(),
                key: source.uri.clone(),
                etag: None,
                bytes: 1,
                version_id: None,
            }),
        }
    }

    async fn list(
        &self,
        prefix: &ArtifactSource,
        _keys_max: usize,
    ) -> Result<Vec<ArtifactVersion>, FetchError> {
        match self.look(prefix).await {
            Err(FetchError::Missing { .. }) => Ok(Vec::new()),
            looked => Ok(vec![looked?]),
        }
    }

    async fn open(
        &self,
        source: &ArtifactSource,
        _version: &ArtifactVersion,
        _from: u64,
    ) -> Result<ObjectStream, FetchError> {
        let detail = "simulated objects have no bytes".to_owned();
        Err(FetchError::Interrupted { uri: source.uri.clone(), detail })
    }
}
