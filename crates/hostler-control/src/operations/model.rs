//! CreateModel, DescribeModel, ListModels, DeleteModel.
//!
//! Invariants: a model is only its record: deleting it touches nothing that runs. Where it is protected, it stays while
//! a config or an endpoint uses it; the store judges that in the transaction that deletes.

use std::collections::BTreeSet;

use hostler_aws::ApiError;
use hostler_catalog::ImageProgram;
use hostler_shapes::{
    ContainerDefinition, ContainerMode, CreateModelInput, CreateModelOutput, DeleteModelInput,
    DescribeModelInput, DescribeModelOutput, ListModelsInput, ListModelsOutput, ModelSummary, Timestamp,
};
use hostler_store::{Check, Document, Expect, Holdings, Statuses, StoreError, Transaction, Unused, Write};
use hostler_types::{AcceptedOperation, Arn, Key, Kind, Millis, ModelRecord, RECORD_SCHEMA, Record};

use super::data_source::check_data_sources;
use super::listing::Listing;
use super::model_containers::check_containers;
use super::tags::check_new_tags;
use crate::control::{Caller, Control, log_notes, store_failed};
use crate::history::{self, By};
use crate::texts::{already_exists, in_use, not_found, refused};

impl Control {
    pub(crate) async fn create_model(
        &self,
        caller: &Caller,
        mut input: CreateModelInput,
    ) -> Result<CreateModelOutput, ApiError> {
        let scope = &caller.scope;
        let tags = check_new_tags(input.tags.take())?;
        let notes = self.check_model(&input)?;
        let key = Key::new(scope, Kind::Model, &input.model_name);
        if self.parts.store.get(&key).await.map_err(store_failed)?.is_some() {
            return Err(already_exists(scope, Kind::Model, &input.model_name));
        }
        self.look_at_model_data(scope, &input).await?;
        let record = ModelRecord {
            schema: RECORD_SCHEMA,
            scope: scope.clone(),
            created_at: self.parts.clock.now(),
            request: input,
            tags,
            notes,
        };
        let arn = record.arn();
        log_notes(arn.as_str(), &record.notes);
        let operation = history::create_model(&record.request, &record.tags);
        let transaction = Transaction {
            checks: vec![Check { key, expect: Expect::Absent }],
            writes: vec![Write::Put(document(&record))],
            events: vec![By { caller, at: record.created_at }.changed(&record.key(), operation)],
            ..Transaction::default()
        };
        match self.parts.store.commit(transaction).await {
            Ok(_) => Ok(CreateModelOutput { model_arn: arn.into() }),
            Err(StoreError::Conflict { .. }) => Err(already_exists(scope, Kind::Model, record.name())),
            Err(error) => Err(store_failed(error)),
        }
    }

    pub(crate) async fn describe_model(
        &self,
        caller: &Caller,
        input: &DescribeModelInput,
    ) -> Result<DescribeModelOutput, ApiError> {
        let (_, record) = self.model(caller, &input.model_name).await?;
        let model_arn = record.arn().into();
        let mut request = record.request;
        for container in request.primary_container.iter_mut().chain(request.containers.iter_mut().flatten()) {
            container.mode.get_or_insert(ContainerMode::SingleModel);
        }
        Ok(DescribeModelOutput {
            model_name: request.model_name,
            primary_container: request.primary_container,
            containers: request.containers,
            inference_execution_config: request.inference_execution_config,
            execution_role_arn: request.execution_role_arn,
            vpc_config: request.vpc_config,
            creation_time: Timestamp::from_millis(record.created_at.0),
            model_arn,
            enable_network_isolation: Some(request.enable_network_isolation.unwrap_or(false)),
            deployment_recommendation: None,
        })
    }

    pub(crate) async fn list_models(
        &self,
        caller: &Caller,
        input: ListModelsInput,
    ) -> Result<ListModelsOutput, ApiError> {
        let listing = Listing {
            sort_by: input.sort_by.map(hostler_shapes::ModelSortKey::as_str),
            sort_order: input.sort_order,
            next_token: input.next_token,
            max_results: input.max_results,
            name_contains: input.name_contains,
            created_before: input.creation_time_before,
            created_after: input.creation_time_after,
            modified_before: None,
            modified_after: None,
            status: None,
        };
        let page = self.list_page(caller, Kind::Model, listing).await?;
        let summary = |document: Document| ModelSummary {
            model_arn: Arn::new(&caller.scope, Kind::Model, &document.name).into(),
            model_name: document.name,
            creation_time: Timestamp::from_millis(document.created_at.0),
        };
        Ok(ListModelsOutput {
            models: page.documents.into_iter().map(summary).collect(),
            next_token: page.next.map(|token| token.0),
        })
    }

    pub(crate) async fn delete_model(
        &self,
        caller: &Caller,
        input: &DeleteModelInput,
    ) -> Result<(), ApiError> {
        loop {
            let (version, record) = self.model(caller, &input.model_name).await?;
            let unused = || Unused { key: record.key(), statuses: Statuses::Any };
            let transaction = Transaction {
                checks: vec![Check { key: record.key(), expect: Expect::Version(version) }],
                unused: self.parts.settings.protect_in_use.then(unused),
                writes: vec![Write::Delete(record.key())],
                events: vec![self.by(caller).changed(&record.key(), AcceptedOperation::new("DeleteModel"))],
                ..Transaction::default()
            };
            match self.parts.store.commit(transaction).await {
                Ok(_) => return Ok(()),
                Err(StoreError::InUse { by }) => return Err(in_use(&record.key(), &by, "uses it")),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(store_failed(error)),
            }
        }
    }

    pub(crate) async fn model(&self, caller: &Caller, name: &str) -> Result<(u64, ModelRecord), ApiError> {
        let key = Key::new(&caller.scope, Kind::Model, name);
        let document = self.parts.store.get(&key).await.map_err(store_failed)?;
        let document = document.ok_or_else(|| not_found(&caller.scope, Kind::Model, name))?;
        let record = ModelRecord::from_body(&document.body)
            .map_err(|error| ApiError::internal("reading a model").with_source(error))?;
        Ok((document.version, record))
    }

    /// Refuses what would answer differently here; returns what is accepted without effect.
    fn check_model(&self, input: &CreateModelInput) -> Result<Vec<String>, ApiError> {
        let containers = check_containers(input)?;
        if input.execution_role_arn.is_none() {
            return Err(ApiError::validation("ExecutionRoleArn is required to create a model."));
        }
        let is_isolated = containers.iter().all(|container| self.is_isolated(container));
        if input.enable_network_isolation == Some(true) && !is_isolated {
            return Err(refused(
                "EnableNetworkIsolation",
                "this server runs such a model as a process, whose network it does not cut off",
            ));
        }
        let mut notes = Vec::new();
        for container in &containers {
            self.check_repository_auth(container)?;
            self.refuse_many_scripts(container)?;
            for note in check_container(container)? {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        if input.inference_execution_config.is_some() && containers.len() == 1 {
            notes.push("InferenceExecutionConfig has no effect on a single container".to_owned());
        }
        if input.vpc_config.is_some() {
            notes.push("VpcConfig has no effect: instances use this machine's network".to_owned());
        }
        Ok(notes)
    }

    /// A password that only a Lambda function knows opens no registry here.
    fn check_repository_auth(&self, container: &ContainerDefinition) -> Result<(), ApiError> {
        let has_one = container.image_config.as_ref().is_some_and(|it| it.repository_auth_config.is_some());
        let image = container.image.as_deref().unwrap_or_default();
        let is_pulled = self.parts.capabilities.runs_images
            && matches!(self.parts.catalog.resolve(image), ImageProgram::Container);
        if has_one && is_pulled {
            return Err(refused(
                "ImageConfig RepositoryAuthConfig",
                "there is no Lambda function to ask for the password; write it with `docker login` into the file that \
                 config_file under [docker] names",
            ));
        }
        Ok(())
    }

    /// A model's own script serves one model.
    fn refuse_many_scripts(&self, container: &ContainerDefinition) -> Result<(), ApiError> {
        let program = self.parts.catalog.resolve(container.image.as_deref().unwrap_or_default());
        if container.mode == Some(ContainerMode::MultiModel) && matches!(program, ImageProgram::Script(_)) {
            return Err(refused(
                "Mode MultiModel",
                "this server runs such an image's script without the image, and that serves one model; map the image, or \
                 leave it to a container engine with [script] frameworks = false",
            ));
        }
        Ok(())
    }

    /// Whether what runs the container can cut off its network.
    fn is_isolated(&self, container: &ContainerDefinition) -> bool {
        let capabilities = &self.parts.capabilities;
        match self.parts.catalog.resolve(container.image.as_deref().unwrap_or_default()) {
            ImageProgram::Container => capabilities.isolates_images,
            ImageProgram::Mapped(_) | ImageProgram::BuiltIn(_) | ImageProgram::Script(_) => {
                capabilities.isolates_network
            }
        }
    }
}

fn check_container(container: &ContainerDefinition) -> Result<Vec<String>, ApiError> {
    if container.model_package_name.is_some() {
        return Err(refused("ModelPackageName", "model packages are not there; name Image and ModelDataUrl"));
    }
    if container.mode == Some(ContainerMode::MultiModel) {
        check_many_models(container)?;
    }
    if container.image.as_deref().unwrap_or_default().is_empty() {
        return Err(ApiError::validation("Image is required for a container without a ModelPackageName."));
    }
    let is_single = container.mode != Some(ContainerMode::MultiModel);
    let mut notes = check_data_sources(container)?;
    for (is_set, note) in [
        (container.image_config.is_some(), "ImageConfig has no effect: no image is pulled"),
        (
            container.inference_specification_name.is_some(),
            "InferenceSpecificationName has no effect without a model package",
        ),
        (
            is_single && container.multi_model_config.is_some(),
            "MultiModelConfig has no effect on a single model",
        ),
        (
            container.container_metrics_config.is_some(),
            "ContainerMetricsConfig has no effect: metrics are not scraped",
        ),
    ] {
        if is_set {
            notes.push(note.to_owned());
        }
    }
    Ok(notes)
}

/// What holds for a container of many models. The service model says that the location is a prefix and that data sources
/// are of one model.
fn check_many_models(container: &ContainerDefinition) -> Result<(), ApiError> {
    let Some(url) = &container.model_data_url else {
        return Err(ApiError::validation("ModelDataUrl is required for a container in MultiModel mode."));
    };
    if !url.ends_with('/') {
        return Err(ApiError::validation(format!(
            "ModelDataUrl {url} must end with a forward slash (/) for a container in MultiModel mode: it is the prefix \
             of its models."
        )));
    }
    if container.additional_model_data_sources.is_some() {
        return Err(refused(
            "AdditionalModelDataSources",
            "in MultiModel mode models are all the data there is",
        ));
    }
    Ok(())
}

pub(super) fn document(record: &ModelRecord) -> Document {
    Document {
        key: record.key(),
        version: 0,
        name: record.name().to_owned(),
        created_at: record.created_at,
        modified_at: Millis(record.created_at.0),
        status: None,
        uses: BTreeSet::new(),
        holds: Holdings::new(),
        body: record.to_body(),
    }
}
