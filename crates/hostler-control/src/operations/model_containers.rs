//! The containers of a model that is to be created: one, or a list of up to fifteen.
//!
//! Why: what holds for a list as a whole (how many, what they are called, who gets a request) is said before any of them
//! is looked at by itself.
//! Invariants: pure. AWS's texts for these were not seen but where a comment says so; they are listed in
//! docs/compatibility.md.

use std::collections::BTreeSet;

use hostler_aws::ApiError;
use hostler_shapes::{ContainerDefinition, ContainerMode, CreateModelInput, InferenceExecutionMode};
use hostler_types::container_names;

use crate::texts::refused;

/// The containers, in order.
pub(super) fn check_containers(input: &CreateModelInput) -> Result<Vec<&ContainerDefinition>, ApiError> {
    let listed = input.containers.as_deref().unwrap_or_default();
    let containers: Vec<&ContainerDefinition> = match (&input.primary_container, listed) {
        (Some(_), [_, ..]) => {
            return Err(ApiError::validation("You can only specify one of PrimaryContainer and Containers."));
        }
        (None, []) => {
            return Err(ApiError::validation("You must specify one of PrimaryContainer and Containers."));
        }
        (Some(container), []) => vec![container],
        (None, listed) => listed.iter().collect(),
    };
    if containers.len() > 1 {
        check_several(input, &containers)?;
    }
    Ok(containers)
}

/// What holds among several.
fn check_several(input: &CreateModelInput, containers: &[&ContainerDefinition]) -> Result<(), ApiError> {
    let of_many_models = containers.iter().filter(|one| one.mode == Some(ContainerMode::MultiModel)).count();
    if of_many_models > 1 {
        // AWS's own (public issue OElesin/sagemaker-autopilot-step-functions#10).
        return Err(ApiError::validation(
            "More than one container in MultiModel mode is not supported with inference pipeline.",
        ));
    }
    if of_many_models > 0 {
        return Err(refused(
            "Mode MultiModel",
            "a container of many models beside others is not there; give it a model of its own",
        ));
    }
    let named = containers.iter().filter(|one| one.container_hostname.is_some()).count();
    let mode = input.inference_execution_config.as_ref().map(|config| config.mode);
    if mode == Some(InferenceExecutionMode::Direct) && named < containers.len() {
        return Err(ApiError::validation(
            "ContainerHostname is required for every container when InferenceExecutionConfig Mode is Direct.",
        ));
    }
    // The rule is in the service model's description of ContainerHostname.
    if (1..containers.len()).contains(&named) {
        return Err(ApiError::validation(
            "ContainerHostname must be specified for every container of an inference pipeline, or for none.",
        ));
    }
    let names = container_names(input);
    let mut known = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !known.insert(name.as_str())) {
        return Err(ApiError::validation(format!(
            "ContainerHostname must be unique among the containers of a model: \"{twice}\" is given more than once."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hostler_shapes::InferenceExecutionConfig;

    use super::*;

    fn list(hostnames: &[Option<&str>]) -> CreateModelInput {
        let container = |hostname: Option<&str>| ContainerDefinition {
            container_hostname: hostname.map(str::to_owned),
            ..ContainerDefinition::default()
        };
        CreateModelInput {
            containers: Some(hostnames.iter().copied().map(container).collect()),
            ..CreateModelInput::default()
        }
    }

    fn direct(hostnames: &[Option<&str>]) -> CreateModelInput {
        let config = InferenceExecutionConfig { mode: InferenceExecutionMode::Direct };
        CreateModelInput { inference_execution_config: Some(config), ..list(hostnames) }
    }

    fn refusal(input: &CreateModelInput) -> String {
        let error = check_containers(input).unwrap_err();
        assert_eq!(error.code(), "ValidationException");
        error.message().unwrap_or_default().to_owned()
    }

    #[test]
    fn one_container_or_a_list_of_them_is_taken() {
        for (input, count) in [
            (list(&[None]), 1),
            (list(&[None, None]), 2),
            (list(&[Some("a"), Some("b"), Some("c")]), 3),
            (direct(&[Some("a"), Some("b")]), 2),
            (direct(&[None]), 1),
        ] {
            assert_eq!(check_containers(&input).unwrap().len(), count);
        }
    }

    #[test]
    fn a_list_and_a_primary_container_exclude_each_other() {
        let both =
            CreateModelInput { primary_container: Some(ContainerDefinition::default()), ..list(&[None]) };
        assert_eq!(refusal(&both), "You can only specify one of PrimaryContainer and Containers.");
        assert_eq!(refusal(&list(&[])), "You must specify one of PrimaryContainer and Containers.");
    }

    #[test]
    fn hostnames_are_given_to_all_or_none_and_differ() {
        assert!(refusal(&list(&[Some("a"), None])).contains("for every container"));
        assert!(refusal(&list(&[Some("a"), Some("b"), Some("a")])).contains("\"a\" is given more than once"));
        assert!(refusal(&direct(&[None, None])).contains("Mode is Direct"));
        assert!(refusal(&direct(&[Some("a"), None])).contains("Mode is Direct"));
    }

    #[test]
    fn of_several_containers_one_may_be_of_many_models() {
        let mut input = list(&[None, None]);
        for container in input.containers.iter_mut().flatten() {
            container.mode = Some(ContainerMode::MultiModel);
        }
        assert_eq!(
            refusal(&input),
            "More than one container in MultiModel mode is not supported with inference pipeline."
        );
    }
}
