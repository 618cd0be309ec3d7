//! What CreateModel knows of the model data: whether the role can see it.
//!
//! Why: AWS looks before it says yes, and clients count on a typo failing at once and not minutes later. The look is
//! bounded; a store that does not answer in time is no reason to refuse, the deployment will say more.
//! Invariants: reads one object's head, as the model's role, and nothing else.

use hostler_artifacts::{ArtifactSource, FetchError};
use hostler_aws::ApiError;
use hostler_shapes::{ContainerDefinition, CreateModelInput};
use hostler_types::Scope;
use tracing::info;

use crate::control::Control;

impl Control {
    pub(super) async fn look_at_model_data(
        &self,
        scope: &Scope,
        input: &CreateModelInput,
    ) -> Result<(), ApiError> {
        let Some(role_arn) = &input.execution_role_arn else { return Ok(()) };
        let containers = input.primary_container.iter().chain(input.containers.iter().flatten());
        for container in containers {
            let Some(source) = model_data(container, scope, role_arn) else { continue };
            let look = self.parts.reader.look(&source);
            match tokio::time::timeout(self.parts.settings.look_timeout, look).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => refuse(&source, scope, &error)?,
                Err(_) => info!(
                    uri = source.uri,
                    "looking at the model data took too long; the deployment will tell"
                ),
            }
        }
        Ok(())
    }
}

/// Where a container's archive is, and who may read it.
pub(crate) fn model_data(
    container: &ContainerDefinition,
    scope: &Scope,
    role_arn: &str,
) -> Option<ArtifactSource> {
    let from_source = || Some(container.model_data_source.as_ref()?.s3_data_source.as_ref()?.s3_uri.clone());
    let uri = container.model_data_url.clone().or_else(from_source)?;
    Some(ArtifactSource {
        uri,
        role_arn: role_arn.to_owned(),
        account: scope.account.clone(),
        region: scope.region.clone(),
    })
}

fn refuse(source: &ArtifactSource, scope: &Scope, error: &FetchError) -> Result<(), ApiError> {
    let ArtifactSource { uri, role_arn, .. } = source;
    // AWS's sentence fits many causes; that a role cannot be assumed at all (a region that is switched off, say) is ours
    // to add.
    let cause = match error {
        FetchError::Role { .. } => format!(" Hostler: {error}"),
        _ => String::new(),
    };
    match error {
        FetchError::Missing { .. } => {
            Err(ApiError::validation(format!("Could not find model data at {uri}.")))
        }
        FetchError::Forbidden { .. } | FetchError::Role { .. } => Err(ApiError::validation(format!(
            "Could not access model data at {uri}. Please ensure that the role \"{role_arn}\" exists and that its \
             trust relationship policy allows the action \"sts:AssumeRole\" for the service principal \
             \"sagemaker.amazonaws.com\". Also ensure that the role has \"s3:GetObject\" permissions and that the \
             object is located in {region}. If your Model uses multiple models or uncompressed models, please \
             ensure that the role has \"s3:ListBucket\" permission.{cause}",
            region = scope.region
        ))),
        FetchError::Unreadable { detail, .. } => {
            Err(ApiError::validation(format!("Could not access model data at {uri}: {detail}.")))
        }
        FetchError::Interrupted { .. }
        | FetchError::BadArchive { .. }
        | FetchError::OverLimit { .. }
        | FetchError::Disk { .. } => {
            info!(uri, error = %error, "looking at the model data failed; the deployment will tell");
            Ok(())
        }
    }
}
