//! A container's model data: which forms there are, which are refused, and what each means to the fetcher.
//!
//! Invariants: what is accepted here can be fetched as the service model describes it; each member that would change
//! what is served, and has no meaning here, is refused by name. No I/O.

use std::collections::BTreeSet;

use hostler_artifacts::{ArtifactSource, DataForm, DataSource};
use hostler_aws::ApiError;
use hostler_compute::{ChannelData, SCRIPT_CHANNEL};
use hostler_shapes::{
    ContainerDefinition, ContainerMode, ModelCompressionType, S3ModelDataSource, S3ModelDataType,
};
use hostler_types::Scope;

use crate::texts::refused;

/// Checks a container's model data; returns what is accepted without effect.
pub(super) fn check_data_sources(container: &ContainerDefinition) -> Result<Vec<String>, ApiError> {
    if container.model_data_url.is_some() && container.model_data_source.is_some() {
        return Err(ApiError::validation("You can only specify one of ModelDataUrl and ModelDataSource."));
    }
    let mut notes = Vec::new();
    let own = container.model_data_source.iter().filter_map(|source| source.s3_data_source.as_ref());
    let additional = container.additional_model_data_sources.as_deref().unwrap_or_default();
    let mut channels = BTreeSet::new();
    for source in additional {
        let channel = source.channel_name.as_str();
        if matches!(channel, "." | "..") {
            let text = format!("ChannelName \"{channel}\" cannot be the name of a directory.");
            return Err(ApiError::validation(text));
        }
        if !channels.insert(channel) {
            let text = format!("The channel name \"{channel}\" was non-unique within the request.");
            return Err(ApiError::validation(text));
        }
    }
    for source in own.chain(additional.iter().map(|source| &source.s3_data_source)) {
        check_data_source(source)?;
        if source.model_access_config.is_some() {
            notes.push("ModelAccessConfig has no effect: no licence is asked for".to_owned());
        }
    }
    notes.dedup();
    Ok(notes)
}

fn check_data_source(source: &S3ModelDataSource) -> Result<(), ApiError> {
    if source.hub_access_config.is_some() {
        return Err(refused("HubAccessConfig", "there are no hubs; name the data's own location"));
    }
    let is_prefix = source.s3_data_type == S3ModelDataType::S3Prefix;
    if is_prefix && source.compression_type == ModelCompressionType::Gzip {
        return Err(ApiError::validation(
            "CompressionType Gzip is only valid with S3DataType S3Object: a prefix is used uncompressed.",
        ));
    }
    if is_prefix && !source.s3_uri.ends_with('/') {
        return Err(ApiError::validation(format!(
            "S3Uri {} must end with a forward slash (/) when S3DataType is S3Prefix.",
            source.s3_uri
        )));
    }
    if source.manifest_s3_uri.is_some() && !is_prefix {
        return Err(refused(
            "ManifestS3Uri",
            "with S3DataType S3Object it has no meaning; a manifest selects objects below an S3Prefix",
        ));
    }
    if source.etag.is_some() && is_prefix {
        return Err(refused("ETag", "a prefix has none; it belongs to S3DataType S3Object"));
    }
    if source.manifest_etag.is_some() && source.manifest_s3_uri.is_none() {
        return Err(refused("ManifestEtag", "it belongs to ManifestS3Uri"));
    }
    Ok(())
}

/// What fills a container's model directory, and who may read it.
pub(crate) fn model_data(
    container: &ContainerDefinition,
    scope: &Scope,
    role_arn: &str,
) -> Option<DataSource> {
    if let Some(url) = &container.model_data_url {
        let at = location(url, scope, role_arn);
        if container.mode == Some(ContainerMode::MultiModel) {
            return Some(DataSource { at, form: DataForm::Prefix, etag: None });
        }
        return Some(at.into());
    }
    let source = container.model_data_source.as_ref()?.s3_data_source.as_ref()?;
    Some(data_source(source, scope, role_arn))
}

/// The prefix under which a container's many models lie; none of a container of one model.
pub(crate) fn many_models(
    container: &ContainerDefinition,
    scope: &Scope,
    role_arn: &str,
) -> Option<ArtifactSource> {
    if container.mode != Some(ContainerMode::MultiModel) {
        return None;
    }
    model_data(container, scope, role_arn).map(|data| data.at)
}

/// What lies beside the model directory.
pub(crate) fn additional_model_data(
    container: &ContainerDefinition,
    scope: &Scope,
    role_arn: &str,
) -> Vec<ChannelData> {
    let additional = container.additional_model_data_sources.iter().flatten();
    additional
        .map(|source| ChannelData {
            channel: source.channel_name.clone(),
            data: data_source(&source.s3_data_source, scope, role_arn),
        })
        .collect()
}

/// The script that the SageMaker SDK uploads beside the model for some frameworks, instead of packing it in.
pub(crate) fn submitted_code(
    container: &ContainerDefinition,
    scope: &Scope,
    role_arn: &str,
) -> Option<ChannelData> {
    let uri = container.environment.as_ref()?.get("SAGEMAKER_SUBMIT_DIRECTORY")?;
    uri.starts_with("s3://").then(|| ChannelData {
        channel: SCRIPT_CHANNEL.to_owned(),
        data: location(uri, scope, role_arn).into(),
    })
}

fn data_source(source: &S3ModelDataSource, scope: &Scope, role_arn: &str) -> DataSource {
    let is_prefix = source.s3_data_type == S3ModelDataType::S3Prefix;
    let (form, etag) = match &source.manifest_s3_uri {
        Some(uri) => (DataForm::Manifest { uri: uri.clone() }, &source.manifest_etag),
        None if is_prefix => (DataForm::Prefix, &None),
        None if source.compression_type == ModelCompressionType::Gzip => (DataForm::Archive, &source.etag),
        None => (DataForm::Object, &source.etag),
    };
    DataSource { at: location(&source.s3_uri, scope, role_arn), form, etag: etag.clone() }
}

fn location(uri: &str, scope: &Scope, role_arn: &str) -> ArtifactSource {
    ArtifactSource {
        uri: uri.to_owned(),
        role_arn: role_arn.to_owned(),
        account: scope.account.clone(),
        region: scope.region.clone(),
    }
}
