//! CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig.
//!
//! Invariants: a config never changes. It does not look whether its models exist: CreateEndpoint does, as in AWS.
//! It cannot be deleted while an endpoint is being created or updated with it, nor, where it is protected, while there is
//! an endpoint that uses it; the store judges that in the transaction that deletes.

use std::collections::BTreeSet;

use hostler_aws::ApiError;
use hostler_shapes::{
    CreateEndpointConfigInput, CreateEndpointConfigOutput, DeleteEndpointConfigInput,
    DescribeEndpointConfigInput, DescribeEndpointConfigOutput, EndpointConfigSummary,
    ListEndpointConfigsInput, ListEndpointConfigsOutput, ProductionVariant, RoutingStrategy, Timestamp,
};
use hostler_store::{Check, Document, Expect, Holdings, Statuses, StoreError, Transaction, Unused, Write};
use hostler_types::{
    AcceptedOperation, Arn, EndpointConfigRecord, EndpointStatus, Key, Kind, RECORD_SCHEMA, Record,
};

use super::listing::Listing;
use super::tags::check_new_tags;
use super::uses::config_uses;
use crate::control::{Caller, Control, log_notes, store_failed};
use crate::history::{self, By};
use crate::texts::{already_exists, in_use, not_found, refused};

/// In these statuses an endpoint needs the config that it is brought to, or back to.
const CHANGING: [EndpointStatus; 3] =
    [EndpointStatus::Creating, EndpointStatus::Updating, EndpointStatus::RollingBack];

/// AWS's default share of a variant.
const WEIGHT_DEFAULT: f64 = 1.0;

impl Control {
    pub(crate) async fn create_endpoint_config(
        &self,
        caller: &Caller,
        mut input: CreateEndpointConfigInput,
    ) -> Result<CreateEndpointConfigOutput, ApiError> {
        let scope = &caller.scope;
        let tags = check_new_tags(input.tags.take())?;
        let notes = self.check_config(&input)?;
        for variant in &mut input.production_variants {
            variant.initial_variant_weight.get_or_insert(WEIGHT_DEFAULT);
        }
        let record = EndpointConfigRecord {
            schema: RECORD_SCHEMA,
            scope: scope.clone(),
            created_at: self.parts.clock.now(),
            request: input,
            tags,
            notes,
        };
        let arn = record.arn();
        log_notes(arn.as_str(), &record.notes);
        let operation = history::create_endpoint_config(&record.request, &record.tags);
        let transaction = Transaction {
            checks: vec![Check { key: record.key(), expect: Expect::Absent }],
            writes: vec![Write::Put(document(&record))],
            events: vec![By { caller, at: record.created_at }.changed(&record.key(), operation)],
            ..Transaction::default()
        };
        match self.parts.store.commit(transaction).await {
            Ok(_) => Ok(CreateEndpointConfigOutput { endpoint_config_arn: arn.into() }),
            Err(StoreError::Conflict { .. }) => {
                Err(already_exists(scope, Kind::EndpointConfig, record.name()))
            }
            Err(error) => Err(store_failed(error)),
        }
    }

    pub(crate) async fn describe_endpoint_config(
        &self,
        caller: &Caller,
        input: &DescribeEndpointConfigInput,
    ) -> Result<DescribeEndpointConfigOutput, ApiError> {
        let (_, record) = self.endpoint_config(caller, &input.endpoint_config_name).await?;
        let endpoint_config_arn = record.arn().into();
        let request = record.request;
        Ok(DescribeEndpointConfigOutput {
            endpoint_config_name: request.endpoint_config_name,
            endpoint_config_arn,
            production_variants: request.production_variants,
            data_capture_config: request.data_capture_config,
            kms_key_id: request.kms_key_id,
            creation_time: Timestamp::from_millis(record.created_at.0),
            async_inference_config: request.async_inference_config,
            explainer_config: request.explainer_config,
            shadow_production_variants: request.shadow_production_variants,
            execution_role_arn: request.execution_role_arn,
            vpc_config: request.vpc_config,
            enable_network_isolation: Some(request.enable_network_isolation.unwrap_or(false)),
            metrics_config: request.metrics_config,
            cross_region_traffic_config: request.cross_region_traffic_config,
        })
    }

    pub(crate) async fn list_endpoint_configs(
        &self,
        caller: &Caller,
        input: ListEndpointConfigsInput,
    ) -> Result<ListEndpointConfigsOutput, ApiError> {
        let listing = Listing {
            sort_by: input.sort_by.map(hostler_shapes::EndpointConfigSortKey::as_str),
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
        let page = self.list_page(caller, Kind::EndpointConfig, listing).await?;
        let summary = |document: Document| EndpointConfigSummary {
            endpoint_config_arn: Arn::new(&caller.scope, Kind::EndpointConfig, &document.name).into(),
            endpoint_config_name: document.name,
            creation_time: Timestamp::from_millis(document.created_at.0),
        };
        Ok(ListEndpointConfigsOutput {
            endpoint_configs: page.documents.into_iter().map(summary).collect(),
            next_token: page.next.map(|token| token.0),
        })
    }

    pub(crate) async fn delete_endpoint_config(
        &self,
        caller: &Caller,
        input: &DeleteEndpointConfigInput,
    ) -> Result<(), ApiError> {
        loop {
            let (version, record) = self.endpoint_config(caller, &input.endpoint_config_name).await?;
            let (statuses, doing) = if self.parts.settings.protect_in_use {
                (Statuses::Any, "uses it")
            } else {
                let passing = CHANGING.map(|status| status.as_str().to_owned());
                (Statuses::Of(passing.into()), "is being created or updated with it")
            };
            let operation = AcceptedOperation::new("DeleteEndpointConfig");
            let transaction = Transaction {
                checks: vec![Check { key: record.key(), expect: Expect::Version(version) }],
                unused: Some(Unused { key: record.key(), statuses }),
                writes: vec![Write::Delete(record.key())],
                events: vec![self.by(caller).changed(&record.key(), operation)],
                ..Transaction::default()
            };
            match self.parts.store.commit(transaction).await {
                Ok(_) => return Ok(()),
                Err(StoreError::InUse { by }) => return Err(in_use(&record.key(), &by, doing)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(store_failed(error)),
            }
        }
    }

    pub(crate) async fn endpoint_config(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(u64, EndpointConfigRecord), ApiError> {
        let key = Key::new(&caller.scope, Kind::EndpointConfig, name);
        let document = self.parts.store.get(&key).await.map_err(store_failed)?;
        let document = document.ok_or_else(|| not_found(&caller.scope, Kind::EndpointConfig, name))?;
        let record = EndpointConfigRecord::from_body(&document.body)
            .map_err(|error| ApiError::internal("reading an endpoint config").with_source(error))?;
        Ok((document.version, record))
    }

    /// Refuses what would answer differently here; returns what is accepted without effect.
    fn check_config(&self, input: &CreateEndpointConfigInput) -> Result<Vec<String>, ApiError> {
        if input.async_inference_config.is_some() {
            return Err(refused("AsyncInferenceConfig", "asynchronous endpoints are not there"));
        }
        if input.explainer_config.is_some() {
            return Err(refused("ExplainerConfig", "answers would come without the explanations"));
        }
        let capabilities = &self.parts.capabilities;
        let can_isolate = capabilities.isolates_network || capabilities.isolates_images;
        if input.enable_network_isolation == Some(true) && !can_isolate {
            return Err(refused(
                "EnableNetworkIsolation",
                "this server's backend runs models as processes, whose network it does not cut off",
            ));
        }
        let variants = &input.production_variants;
        self.parts.settings.quotas.check_variants(variants.len())?;
        let mut names = BTreeSet::new();
        let mut notes = Vec::new();
        for variant in variants {
            if !names.insert(variant.variant_name.to_ascii_lowercase()) {
                return Err(ApiError::validation(format!(
                    "The variant name \"{}\" was non-unique within the request.",
                    variant.variant_name
                )));
            }
            check_variant(variant, &mut notes)?;
        }
        for (is_set, note) in [
            (input.data_capture_config.is_some(), "DataCaptureConfig has no effect: nothing is captured"),
            (
                input.kms_key_id.is_some(),
                "KmsKeyId has no effect: storage is encrypted as this machine's disk is",
            ),
            (
                input.shadow_production_variants.is_some(),
                "ShadowProductionVariants have no effect: no traffic is copied",
            ),
            (
                input.execution_role_arn.is_some(),
                "ExecutionRoleArn of the config has no effect: each model's own role is used",
            ),
            (input.vpc_config.is_some(), "VpcConfig has no effect: instances use this machine's network"),
            (
                input.metrics_config.is_some(),
                "MetricsConfig has no effect: no metrics are published to CloudWatch",
            ),
            (input.cross_region_traffic_config.is_some(), "CrossRegionTrafficConfig has no effect"),
        ] {
            if is_set {
                notes.push(note.to_owned());
            }
        }
        Ok(notes)
    }
}

fn check_variant(variant: &ProductionVariant, notes: &mut Vec<String>) -> Result<(), ApiError> {
    if variant.serverless_config.is_some() {
        return Err(refused("ServerlessConfig", "serverless endpoints are not there; give an instance type"));
    }
    if variant.model_name.is_none() {
        return Err(refused("A variant without ModelName", "inference components are not there"));
    }
    if variant.managed_instance_scaling.is_some() {
        return Err(ApiError::validation(
            "ManagedInstanceScaling is only supported for inference component endpoints.",
        ));
    }
    if variant.instance_pools.is_some() {
        return Err(refused("InstancePools", "give one InstanceType"));
    }
    if variant.instance_type.is_none() || variant.initial_instance_count.unwrap_or(0) < 1 {
        return Err(ApiError::validation(format!(
            "InstanceType and an InitialInstanceCount of at least 1 are required for production variant \"{}\".",
            variant.variant_name
        )));
    }
    let name = &variant.variant_name;
    for (is_set, member) in [
        (variant.accelerator_type.is_some(), "AcceleratorType"),
        (variant.core_dump_config.is_some(), "CoreDumpConfig"),
        (variant.volume_size_in_gb.is_some(), "VolumeSizeInGB"),
        (variant.enable_ssm_access == Some(true), "EnableSSMAccess"),
        (looks_into_requests(variant), "RoutingStrategy (requests go where the fewest are in flight)"),
        (has_prefix_settings(variant), "PrefixAwareRoutingConfig"),
        (variant.inference_ami_version.is_some(), "InferenceAmiVersion"),
        (variant.capacity_reservation_config.is_some(), "CapacityReservationConfig"),
        (variant.accelerator_partition_layouts.is_some(), "AcceleratorPartitionLayouts"),
        (
            variant.variant_instance_provision_timeout_in_seconds.is_some(),
            "VariantInstanceProvisionTimeoutInSeconds",
        ),
    ] {
        if is_set {
            notes.push(format!("{member} has no effect on variant {name}"));
        }
    }
    Ok(())
}

/// It asks for an instance that has seen something like the request before.
fn looks_into_requests(variant: &ProductionVariant) -> bool {
    variant.routing_config.as_ref().is_some_and(|routing| match routing.routing_strategy {
        RoutingStrategy::Random | RoutingStrategy::LeastOutstandingRequests => false,
        RoutingStrategy::PrefixAware | RoutingStrategy::KvAware => true,
    })
}

/// It says how to tell that a request has been seen before.
fn has_prefix_settings(variant: &ProductionVariant) -> bool {
    variant.routing_config.as_ref().is_some_and(|routing| routing.prefix_aware_routing_config.is_some())
}

pub(super) fn document(record: &EndpointConfigRecord) -> Document {
    Document {
        key: record.key(),
        version: 0,
        name: record.name().to_owned(),
        created_at: record.created_at,
        modified_at: record.created_at,
        status: None,
        uses: config_uses(record),
        holds: Holdings::new(),
        body: record.to_body(),
    }
}
