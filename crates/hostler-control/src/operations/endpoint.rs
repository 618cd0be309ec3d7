//! CreateEndpoint, DescribeEndpoint, ListEndpoints, DeleteEndpoint.
//!
//! Why: creating takes an immutable snapshot of the config and of every model it names, so that the endpoint goes on
//! when they are deleted. Everything after the transaction is the reconciler's.
//! Invariants: CreateEndpoint commits only while the config and the models are still the versions it read.

use hostler_aws::ApiError;
use hostler_shapes::{
    CreateEndpointInput, CreateEndpointOutput, DeleteEndpointInput, DescribeEndpointInput,
    DescribeEndpointOutput, EndpointSummary, ListEndpointsInput, ListEndpointsOutput, Tag, Timestamp,
};
use hostler_store::{Check, Document, Expect, StoreError, Transaction, Write};
use hostler_types::{
    AcceptedOperation, Arn, EndpointRecord, EndpointStatus, EndpointUid, Goal, Key, Kind, RECORD_SCHEMA,
    Record,
};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::decided::Decided;
use super::deployment_config::{check_deployment_config, deployment_config_notes};
use super::listing::Listing;
use super::tags::{check_limit_tags, check_new_tags};
use super::uses::uses;
use crate::accelerators::marks;
use crate::control::{Caller, Control, store_failed};
use crate::history::{self, By};
use crate::quotas;
use crate::texts::{already_exists, in_progress, not_found};

impl Control {
    pub(crate) async fn create_endpoint(
        &self,
        caller: &Caller,
        mut input: CreateEndpointInput,
    ) -> Result<CreateEndpointOutput, ApiError> {
        let tags = check_new_tags(input.tags.take())?;
        loop {
            let uid = EndpointUid::new((self.parts.new_uid)());
            let decided = self.decide_creation(caller, &input, &tags, uid).await?;
            if self.commit_endpoint(&decided).await? {
                return Ok(CreateEndpointOutput { endpoint_arn: decided.record.arn().into() });
            }
        }
    }

    /// What a creation would write down; nothing is.
    pub(crate) async fn decide_creation(
        &self,
        caller: &Caller,
        input: &CreateEndpointInput,
        tags: &[Tag],
        uid: EndpointUid,
    ) -> Result<Decided, ApiError> {
        let scope = &caller.scope;
        check_deployment_config(input.deployment_config.as_ref())?;
        check_limit_tags(tags, &self.parts.settings.policy.limit_bounds)?;
        let key = Key::new(scope, Kind::Endpoint, &input.endpoint_name);
        if self.parts.store.get(&key).await.map_err(store_failed)?.is_some() {
            return Err(already_exists(scope, Kind::Endpoint, &input.endpoint_name));
        }
        let mut checks = vec![Check { key, expect: Expect::Absent }];
        let deployment = self.snapshot(caller, &input.endpoint_config_name, 1, &mut checks).await?;
        let now = deployment.started_at;
        let record = EndpointRecord {
            schema: RECORD_SCHEMA,
            scope: scope.clone(),
            name: input.endpoint_name.clone(),
            uid,
            created_at: now,
            modified_at: now,
            goal: Goal::Serve,
            status: EndpointStatus::Creating,
            failure_reason: None,
            failure: None,
            deployment,
            update: None,
            stranded: None,
            generations: 1,
            places: Vec::new(),
            instances: Vec::new(),
            deployment_config: input.deployment_config.clone(),
            metered_until: None,
            tags: tags.to_vec(),
            notes: deployment_config_notes(input.deployment_config.as_ref(), true),
        };
        let event = By { caller, at: now }.changed_endpoint(&record, None, history::create_endpoint(&record));
        Ok(Decided { record, checks, event })
    }

    pub(crate) async fn describe_endpoint(
        &self,
        caller: &Caller,
        input: &DescribeEndpointInput,
    ) -> Result<DescribeEndpointOutput, ApiError> {
        let deadline = Instant::now() + self.parts.settings.describe_hold;
        let (document, mut record) = self.endpoint(caller, &input.endpoint_name).await?;
        let status = record.status;
        if status.is_passing() && !self.parts.settings.describe_hold.is_zero() {
            // Subscribed before reading again, so that no change falls in between.
            let mut changes = self.parts.store.changes();
            record = self.endpoint(caller, &input.endpoint_name).await?.1;
            // Any other status is news: RollingBack tells of a failed update, and is over soon.
            while record.status == status {
                match tokio::time::timeout_at(deadline, changes.recv()).await {
                    Err(_) | Ok(Err(RecvError::Closed)) => break,
                    Ok(Ok(change)) if change.key != document.key => {}
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) => {
                        record = self.endpoint(caller, &input.endpoint_name).await?.1;
                    }
                }
            }
        }
        Ok(super::endpoint_view::describe(&record))
    }

    pub(crate) async fn list_endpoints(
        &self,
        caller: &Caller,
        input: ListEndpointsInput,
    ) -> Result<ListEndpointsOutput, ApiError> {
        let listing = Listing {
            sort_by: input.sort_by.map(hostler_shapes::EndpointSortKey::as_str),
            sort_order: input.sort_order,
            next_token: input.next_token,
            max_results: input.max_results,
            name_contains: input.name_contains,
            created_before: input.creation_time_before,
            created_after: input.creation_time_after,
            modified_before: input.last_modified_time_before,
            modified_after: input.last_modified_time_after,
            status: input.status_equals.map(|status| status.as_str().to_owned()),
        };
        let page = self.list_page(caller, Kind::Endpoint, listing).await?;
        let mut endpoints = Vec::with_capacity(page.documents.len());
        for document in page.documents {
            let status = document.status.as_deref().unwrap_or_default();
            endpoints.push(EndpointSummary {
                endpoint_arn: Arn::new(&caller.scope, Kind::Endpoint, &document.name).into(),
                creation_time: Timestamp::from_millis(document.created_at.0),
                last_modified_time: Timestamp::from_millis(document.modified_at.0),
                endpoint_status: hostler_shapes::EndpointStatus::from_value(status).ok_or_else(|| {
                    ApiError::internal(format!("an endpoint is stored with status `{status}`"))
                })?,
                endpoint_name: document.name,
            });
        }
        Ok(ListEndpointsOutput { endpoints, next_token: page.next.map(|token| token.0) })
    }

    pub(crate) async fn delete_endpoint(
        &self,
        caller: &Caller,
        input: &DeleteEndpointInput,
    ) -> Result<(), ApiError> {
        loop {
            let (stored, mut record) = self.endpoint(caller, &input.endpoint_name).await?;
            if self.parts.settings.strict_aws && record.status.is_passing() {
                return Err(in_progress(&record.scope, &record.name));
            }
            if record.goal == Goal::Gone {
                return Ok(());
            }
            let (from, at) = (record.status, self.parts.clock.now());
            record.goal = Goal::Gone;
            record.status = EndpointStatus::Deleting;
            record.modified_at = record.modified_at.max(at);
            let operation = AcceptedOperation::new("DeleteEndpoint");
            let event = By { caller, at }.changed_endpoint(&record, Some(from), operation);
            let transaction = Transaction {
                checks: vec![Check { key: stored.key, expect: Expect::Version(stored.version) }],
                writes: vec![Write::Put(document(&record))],
                events: vec![event],
                ..Transaction::default()
            };
            match self.parts.store.commit(transaction).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(store_failed(error)),
            }
        }
    }

    pub(crate) async fn endpoint(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<(Document, EndpointRecord), ApiError> {
        let key = Key::new(&caller.scope, Kind::Endpoint, name);
        let document = self.parts.store.get(&key).await.map_err(store_failed)?;
        let document = document.ok_or_else(|| not_found(&caller.scope, Kind::Endpoint, name))?;
        let record = EndpointRecord::from_body(&document.body)
            .map_err(|error| ApiError::internal("reading an endpoint").with_source(error))?;
        Ok((document, record))
    }

    /// What the endpoint's variants run without on this machine.
    pub(crate) fn marks(&self, record: &EndpointRecord) -> Vec<String> {
        marks(record, &self.parts.capabilities, self.parts.settings.accelerators)
    }
}

/// The document of an endpoint: the columns that listings and quotas need, and the record.
pub(crate) fn document(record: &EndpointRecord) -> Document {
    Document {
        key: record.key(),
        version: 0,
        name: record.name.clone(),
        created_at: record.created_at,
        modified_at: record.modified_at,
        status: Some(record.status.as_str().to_owned()),
        uses: uses(record),
        holds: quotas::holdings(record),
        body: record.to_body(),
    }
}
