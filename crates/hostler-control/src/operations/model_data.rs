//! What CreateModel knows of the model data: whether the role can see it.
//!
//! Why: AWS looks before it says yes, and clients count on a typo failing at once and not minutes later. The look is
//! bounded; a store that does not answer in time is no reason to refuse, the deployment will say more.
//! Invariants: reads as the model's role: one object's head; of a prefix its first key, of a manifest its text besides.

use hostler_artifacts::{ArtifactSource, DataSource, FetchError, glance};
use hostler_aws::ApiError;
use hostler_shapes::CreateModelInput;
use hostler_types::Scope;
use tracing::info;

use super::data_source::{additional_model_data, model_data};
use crate::control::Control;

impl Control {
    pub(super) async fn look_at_model_data(
        &self,
        scope: &Scope,
        input: &CreateModelInput,
    ) -> Result<(), ApiError> {
        let Some(role_arn) = &input.execution_role_arn else { return Ok(()) };
        let containers = input.primary_container.iter().chain(input.containers.iter().flatten());
        let sources: Vec<DataSource> = containers
            .flat_map(|container| {
                let additional = additional_model_data(container, scope, role_arn);
                let additional = additional.into_iter().map(|channel| channel.data);
                model_data(container, scope, role_arn).into_iter().chain(additional)
            })
            .collect();
        let looks = async {
            for source in &sources {
                if let Err(error) = glance(&*self.parts.reader, source).await {
                    refuse(source, scope, &error)?;
                }
            }
            Ok(())
        };
        tokio::time::timeout(self.parts.settings.look_timeout, looks).await.unwrap_or_else(|_| {
            let uris: Vec<&str> = sources.iter().map(|source| source.at.uri.as_str()).collect();
            info!(?uris, "looking at the model data took too long; the deployment will tell");
            Ok(())
        })
    }
}

fn refuse(source: &DataSource, scope: &Scope, error: &FetchError) -> Result<(), ApiError> {
    let ArtifactSource { uri, role_arn, .. } = &source.at;
    // AWS's sentence fits many causes; that a role cannot be assumed at all (a region that is switched off, say) is ours
    // to add.
    let cause = match error {
        FetchError::Role { .. } => format!(" Hostler: {error}"),
        _ => String::new(),
    };
    match error {
        // Of a manifest, or of an object that it lists, as well.
        FetchError::Missing { uri } => {
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
        FetchError::BadManifest { .. } | FetchError::BadLayout { .. } => {
            Err(ApiError::validation(format!("Could not access model data at {uri}: {error}.")))
        }
        FetchError::Interrupted { .. }
        | FetchError::Changed { .. }
        | FetchError::BadArchive { .. }
        | FetchError::OverLimit { .. }
        | FetchError::Disk { .. } => {
            info!(uri, error = %error, "looking at the model data failed; the deployment will tell");
            Ok(())
        }
    }
}
