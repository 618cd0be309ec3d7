//! What things of this backend are called at the engine, and the labels that say whose they are.
//!
//! Why: after any accident the engine is all that knows what runs; names make a second launch impossible, labels say
//! what a container is for, to this server and to a person with `docker ps`.
//! Invariants: pure. A name is a function of owner, instance and number; nothing without the owner's label is ours.

use std::collections::BTreeMap;

use hostler_compute::{ContainerSpec, InstanceSpec};
use hostler_types::InstanceId;

/// The label whose value is the owner.
pub(crate) const OWNER: &str = "hostler.data-dir";
/// The label whose value is the instance's id.
pub(crate) const INSTANCE: &str = "hostler.instance";
/// The label whose value is the hash of the instance's spec.
pub(crate) const SPEC_HASH: &str = "hostler.spec-hash";
/// Of an owner's id, in names: enough to tell the few servers of a machine apart.
const OWNER_CHARS: usize = 12;

/// The name of an instance's container, counted from 0.
pub(crate) fn container(owner: &str, id: &InstanceId, number: usize) -> String {
    format!("{}-{id}-{number}", prefix(owner))
}

/// The name of the network.
pub(crate) fn network(owner: &str) -> String {
    prefix(owner)
}

fn prefix(owner: &str) -> String {
    format!("hostler-{}", owner.chars().take(OWNER_CHARS).collect::<String>())
}

/// The label that everything of ours has.
pub(crate) fn of_owner(owner: &str) -> (String, String) {
    (OWNER.to_owned(), owner.to_owned())
}

/// The labels of a container.
pub(crate) fn labels(
    owner: &str,
    spec: &InstanceSpec,
    container: &ContainerSpec,
) -> BTreeMap<String, String> {
    let id = &spec.id;
    let own = [
        (INSTANCE, id.to_string()),
        ("hostler.endpoint", spec.endpoint_name.clone()),
        ("hostler.endpoint-uid", id.endpoint.to_string()),
        ("hostler.account", spec.scope.account.to_string()),
        ("hostler.region", spec.scope.region.to_string()),
        ("hostler.generation", id.generation.to_string()),
        ("hostler.variant", id.variant.to_string()),
        ("hostler.ordinal", id.ordinal.to_string()),
        ("hostler.attempt", id.attempt.to_string()),
        (SPEC_HASH, spec.hash()),
        ("hostler.container", container.name.clone()),
        ("hostler.image", container.image.clone()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    own.into_iter().chain([of_owner(owner)]).collect()
}

#[cfg(test)]
mod tests {
    use hostler_compute::conformance::instance_id;

    use super::*;

    #[test]
    fn names_are_such_as_engines_take() {
        let owner = "0123456789abcdef";
        let name = container(owner, &instance_id("e1", 3), 0);
        assert_eq!(name, "hostler-0123456789ab-e1.g1.AllTraffic.3.1-0");
        // Docker's rule: [a-zA-Z0-9][a-zA-Z0-9_.-]+
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)));
        assert_ne!(name, container(owner, &instance_id("e1", 3), 1));
        assert_ne!(network(owner), network("123456789abcdef0"));
    }
}
