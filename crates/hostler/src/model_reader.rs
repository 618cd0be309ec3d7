//! What reads model data: the S3 that the settings mean, as whom they say.
//!
//! Why: three ways lead to an object (the embedded services; another S3 with another STS; another S3 with one key), and
//! the rooms behind know none of them.
//! Invariants: the embedded S3 is read over HTTP like any other, so what works here works there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hostler_artifacts_object::{ObjectStoreConfig, ObjectStoreReader, TlsRoots};
use hostler_localaws::{
    AccountsApart, LocalAws, OtherAccounts, OwnKeySource, StsClient, StsConfig, StsEndpoint,
};
use hostler_types::{AccountId, Clock, CredentialSource};
use hyper_util::client::legacy::connect::HttpConnector;
use tracing::info;

use crate::settings::{ExternalS3, ExternalSts, ReadAs};

/// Until a connection to an STS stands.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the embedded S3 behind the inner door, as roles that the embedded STS gives: each account's models as roles of
/// that account, for which the service acts without a key of it.
pub(crate) fn embedded(inner_url: String, local: &LocalAws) -> anyhow::Result<ObjectStoreReader> {
    let objects = ObjectStoreConfig {
        endpoint: Some(inner_url),
        path_style: true,
        allow_http: true,
        ..ObjectStoreConfig::default()
    };
    Ok(ObjectStoreReader::new(objects, Arc::new(local.credential_source()))?)
}

/// Reads the S3 that the settings name.
pub(crate) fn external(
    s3: &ExternalS3,
    local: &LocalAws,
    own: &AccountId,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<ObjectStoreReader> {
    let credentials = credentials(Some(s3), local, own, clock)?;
    let objects = ObjectStoreConfig {
        endpoint: s3.endpoint.clone(),
        region: s3.region.clone(),
        path_style: s3.path_style,
        // The settings have looked at it.
        allow_http: true,
        roots: s3.roots.clone(),
        ..ObjectStoreConfig::default()
    };
    Ok(ObjectStoreReader::new(objects, credentials)?)
}

/// Who a model's role is, wherever its data is.
pub(crate) fn credentials(
    s3: Option<&ExternalS3>,
    local: &LocalAws,
    own: &AccountId,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn CredentialSource>> {
    let Some(s3) = s3 else { return Ok(Arc::new(local.credential_source())) };
    let (credentials, others): (Arc<dyn CredentialSource>, _) = match &s3.read_as {
        ReadAs::Roles(sts) => {
            info!(s3 = s3.shown(), sts = ?sts.endpoint, "model data is read elsewhere, as roles that an STS elsewhere gives");
            (sts_client(sts, clock)?, OtherAccounts::OwnRoles)
        }
        ReadAs::Own(keys) => {
            info!(s3 = s3.shown(), "model data is read elsewhere, with one key for every role");
            (Arc::new(OwnKeySource::new(local.credential_source(), keys.keys())), OtherAccounts::Nothing)
        }
    };
    Ok(Arc::new(AccountsApart::new(own.clone(), others, credentials)))
}

fn sts_client(sts: &ExternalSts, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn CredentialSource>> {
    let config = StsConfig {
        endpoint: sts.endpoint.clone(),
        region: sts.region.clone(),
        keys: sts.keys.keys(),
        clock: clock.clone(),
    };
    if matches!(&sts.endpoint, StsEndpoint::At(uri) if uri.scheme_str() == Some("http")) {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        return Ok(Arc::new(StsClient::new(config, connector)));
    }
    let roots = match &sts.roots {
        Some(roots) => roots.clone(),
        None => TlsRoots::machine().context("TLS for STS could not be set up")?,
    };
    Ok(Arc::new(StsClient::new(config, roots.connector(CONNECT_TIMEOUT))))
}
