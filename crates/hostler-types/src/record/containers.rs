//! The containers of a model: which they are, what they are called, how requests go through them.
//!
//! Why: a name is what a container is found by in specs, failures, logs and routes, and most models give none; all of
//! these must call it the same.
//! Invariants: pure. The name of a container never changes: it is derived from what the model's record holds.

use hostler_shapes::{
    ContainerDefinition, ContainerMode, CreateModelInput, InferenceExecutionMode, ModelCacheSetting,
};

use crate::{MultiModel, Pipeline};

/// AWS's name for the only container of a model that does not name it; it stands in FailureReason texts.
const NAME_ALONE: &str = "container_1";

/// The containers that a model defines, in order.
pub fn containers(request: &CreateModelInput) -> impl Iterator<Item = &ContainerDefinition> {
    request.primary_container.iter().chain(request.containers.iter().flatten())
}

/// What each of them is called: its `ContainerHostname`, or AWS's default.
pub fn container_names(request: &CreateModelInput) -> Vec<String> {
    let is_alone = containers(request).nth(1).is_none();
    let default = |position: usize| {
        if is_alone { NAME_ALONE.to_owned() } else { format!("container-{}", position + 1) }
    };
    let named = containers(request).enumerate();
    named.map(|(position, one)| one.container_hostname.clone().unwrap_or_else(|| default(position))).collect()
}

/// The container of this name; of no name, the first.
pub fn container_named<'a>(
    request: &'a CreateModelInput,
    name: Option<&str>,
) -> Option<&'a ContainerDefinition> {
    let position = match name {
        None => 0,
        Some(name) => container_names(request).iter().position(|known| known == name)?,
    };
    containers(request).nth(position)
}

/// How many models are kept; none of a model that is one.
pub fn multi_model(request: &CreateModelInput) -> Option<MultiModel> {
    let container = containers(request).find(|one| one.mode == Some(ContainerMode::MultiModel))?;
    let setting = container.multi_model_config.as_ref().and_then(|config| config.model_cache_setting);
    Some(MultiModel { caches: setting != Some(ModelCacheSetting::Disabled) })
}

/// How requests go through several containers; none where there is one.
pub fn pipeline(request: &CreateModelInput) -> Option<Pipeline> {
    let hostnames = container_names(request);
    let mode = request.inference_execution_config.as_ref().map(|config| config.mode);
    (hostnames.len() > 1)
        .then(|| Pipeline { mode: mode.unwrap_or(InferenceExecutionMode::Serial), hostnames })
}

#[cfg(test)]
mod tests {
    use hostler_shapes::InferenceExecutionConfig;

    use super::*;

    fn model(hostnames: &[Option<&str>]) -> CreateModelInput {
        let container = |hostname: Option<&str>| ContainerDefinition {
            container_hostname: hostname.map(str::to_owned),
            ..ContainerDefinition::default()
        };
        CreateModelInput {
            containers: Some(hostnames.iter().copied().map(container).collect()),
            ..CreateModelInput::default()
        }
    }

    #[test]
    fn containers_without_a_hostname_are_called_as_aws_calls_them() {
        assert_eq!(
            container_names(&model(&[None, None, None])),
            ["container-1", "container-2", "container-3"]
        );
        assert_eq!(container_names(&model(&[Some("a"), Some("b")])), ["a", "b"]);
        assert_eq!(container_names(&model(&[None])), ["container_1"]);
        let primary = CreateModelInput {
            primary_container: Some(ContainerDefinition::default()),
            ..CreateModelInput::default()
        };
        assert_eq!(container_names(&primary), ["container_1"]);
    }

    #[test]
    fn a_container_is_found_by_its_name() {
        let model = model(&[Some("a"), Some("b")]);
        let found = |name| container_named(&model, name).and_then(|one| one.container_hostname.as_deref());
        assert_eq!((found(None), found(Some("b")), found(Some("c"))), (Some("a"), Some("b"), None));
    }

    #[test]
    fn requests_go_through_several_one_after_the_other_unless_the_model_says_otherwise() {
        assert_eq!(pipeline(&model(&[None])), None);
        let mut two = model(&[None, None]);
        assert_eq!(pipeline(&two).unwrap().mode, InferenceExecutionMode::Serial);
        two.inference_execution_config =
            Some(InferenceExecutionConfig { mode: InferenceExecutionMode::Direct });
        let direct = pipeline(&two).unwrap();
        assert_eq!((direct.mode, direct.hostnames.len()), (InferenceExecutionMode::Direct, 2));
    }
}
