//! From a record to what a backend needs to run one instance of it.
//!
//! Invariants: a pure function of the record, the catalog and the settings: the same record gives the same spec and
//! hash, so that saying it again after a crash launches nothing twice.

use std::collections::BTreeMap;

use hostler_catalog::{ImageCatalog, ImageProgram, instance_type};
use hostler_compute::{ContainerSpec, InstanceSpec, Limits, Program};
use hostler_shapes::{ContainerDefinition, ContainerMode};
use hostler_types::{EndpointRecord, InstanceId, container_names, containers};

use crate::accelerators::{AcceleratorPolicy, wanted};
use crate::operations::{additional_model_data, many_models, model_data, submitted_code};

const MIB: u64 = 1024 * 1024;

pub(crate) fn instance_spec(
    record: &EndpointRecord,
    id: &InstanceId,
    catalog: &ImageCatalog,
    policy: AcceleratorPolicy,
) -> InstanceSpec {
    let deployment = record.deployment_of(id.generation);
    let fleet = deployment.and_then(|deployment| deployment.fleet(&id.variant));
    let model = fleet.and_then(|fleet| deployment?.model(&fleet.model_name));
    let containers: Vec<ContainerSpec> = model
        .into_iter()
        .flat_map(|model| {
            let request = &model.request;
            let role_arn = request.execution_role_arn.as_deref().unwrap_or_default();
            let named = container_names(request).into_iter().zip(containers(request));
            named.map(move |(name, definition)| container(record, (name, definition), role_arn, catalog))
        })
        .collect();
    let instance_type = fleet.and_then(|fleet| fleet.instance_type.as_deref());
    let limits = limits(instance_type, &containers, catalog);
    InstanceSpec {
        id: id.clone(),
        scope: record.scope.clone(),
        endpoint_name: record.name.clone(),
        containers,
        limits,
        accelerators: fleet.and_then(|fleet| wanted(fleet, policy)),
        download_timeout_ms: fleet.map_or(0, |fleet| fleet.download_timeout_ms),
        is_isolated: model.is_some_and(|model| model.request.enable_network_isolation == Some(true))
            || deployment.is_some_and(|it| it.config.enable_network_isolation == Some(true)),
    }
}

/// What the instance type grants, unless the mapping of an image says otherwise. Of several containers that hold to one
/// limit together the largest that is said counts.
fn limits(instance_type_name: Option<&str>, containers: &[ContainerSpec], catalog: &ImageCatalog) -> Limits {
    let row = instance_type_name.and_then(instance_type);
    let mappings = containers.iter().filter_map(|container| match catalog.resolve(&container.image) {
        ImageProgram::Mapped(mapping) => Some(mapping),
        ImageProgram::BuiltIn(_) | ImageProgram::Script(_) | ImageProgram::Container => None,
    });
    let (memory_mib, cpu_millis) = mappings.fold((None, None), |(memory_mib, cpu_millis), mapping| {
        (mapping.memory_mib.max(memory_mib), mapping.cpu_millis.max(cpu_millis))
    });
    let memory_mib = memory_mib.or_else(|| row.map(|row| row.memory_mib));
    let cpu_millis = cpu_millis.or_else(|| row.map(|row| u64::from(row.vcpus) * 1000));
    Limits { memory_bytes: memory_mib.map(|memory_mib| memory_mib.saturating_mul(MIB)), cpu_millis }
}

fn container(
    record: &EndpointRecord,
    (name, definition): (String, &ContainerDefinition),
    role_arn: &str,
    catalog: &ImageCatalog,
) -> ContainerSpec {
    let image = definition.image.clone().unwrap_or_default();
    let program = match catalog.resolve(&image) {
        ImageProgram::Mapped(mapping) => Program::Command {
            command: mapping.command.clone(),
            environment: mapping.environment.iter().cloned().collect::<BTreeMap<_, _>>(),
            working_dir: mapping.working_dir.clone(),
            needs_opt_ml: mapping.needs_opt_ml,
        },
        ImageProgram::BuiltIn(engine) => Program::BuiltIn { engine: engine.to_owned() },
        ImageProgram::Script(image) => {
            Program::Script { framework: image.framework.to_owned(), version: image.version }
        }
        ImageProgram::Container => Program::Image,
    };
    let mut additional = additional_model_data(definition, &record.scope, role_arn);
    if matches!(program, Program::Script { .. }) {
        additional.extend(submitted_code(definition, &record.scope, role_arn));
    }
    let is_image = program == Program::Image;
    let is_multi_model = definition.mode == Some(ContainerMode::MultiModel);
    let mut environment = definition.environment.clone().unwrap_or_default();
    if is_multi_model {
        environment.insert("SAGEMAKER_MULTI_MODEL".to_owned(), "true".to_owned());
    }
    ContainerSpec {
        name,
        image,
        program,
        model_data: model_data(definition, &record.scope, role_arn).filter(|_| !is_multi_model),
        additional_model_data: additional,
        environment,
        // What is no image is pulled by nobody, and its spec keeps the hash that earlier releases gave it.
        models: many_models(definition, &record.scope, role_arn),
        image_role_arn: (is_image && !role_arn.is_empty()).then(|| role_arn.to_owned()),
    }
}
