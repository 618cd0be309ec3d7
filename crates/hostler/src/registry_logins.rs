//! Who this server is at registries: docker's config file, and ECR as the models' roles.
//!
//! Why: sessions of the embedded STS open nothing at Amazon, so ECR is asked only where roles are somebody's: with an S3
//! elsewhere, or where the settings name an ECR.

use std::sync::Arc;

use anyhow::Context;
use hostler_artifacts_object::TlsRoots;
use hostler_compute_docker::{EcrClient, EcrConfig, EcrTokens, Logins};
use hostler_localaws::LocalAws;
use hostler_types::Clock;
use hyper_util::client::legacy::connect::HttpConnector;

use crate::model_reader::{self, CONNECT_TIMEOUT};
use crate::settings::Settings;

pub(crate) fn open(settings: &Settings, local: &LocalAws, clock: &Arc<dyn Clock>) -> anyhow::Result<Logins> {
    let Some(docker) = &settings.docker else { return Ok(Logins::default()) };
    let endpoint = docker.ecr_endpoint.clone();
    let ecr: Option<Arc<dyn EcrTokens>> = if endpoint.is_none() && settings.s3.is_none() {
        None
    } else {
        let credentials = model_reader::credentials(settings.s3.as_ref(), local, &settings.account, clock)?;
        let is_plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme_str() == Some("http"));
        let config = EcrConfig { endpoint, credentials, clock: clock.clone() };
        if is_plain {
            let mut connector = HttpConnector::new();
            connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
            Some(Arc::new(EcrClient::new(config, connector)))
        } else {
            let roots = TlsRoots::machine().context("TLS for ECR could not be set up")?;
            Some(Arc::new(EcrClient::new(config, roots.connector(CONNECT_TIMEOUT))))
        }
    };
    let ecr_registries = docker.ecr_registries.clone();
    Ok(Logins { config_file: docker.config_file.clone(), ecr, ecr_registries })
}
