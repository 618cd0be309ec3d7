//! What an operation is called, what it takes, and how a request for it looks.
//!
//! Why: the wire needs to tell an operation that nobody knows from one that Hostler does not have.
//! Invariants: lookups are binary searches over sorted generated tables.

use crate::generated::operations::{OPERATION_NAMES, OPERATIONS};
use crate::generated::runtime::RUNTIME_OPERATIONS;
use crate::shape::Shape;

/// An operation of the control plane whose shapes are known here.
#[derive(Debug)]
pub struct Operation {
    /// The name in `X-Amz-Target: SageMaker.<name>`.
    pub name: &'static str,
    /// The shape of the request's body.
    pub input: &'static Shape,
    /// The shape of the answer's body; `None` answers with an empty body.
    pub output: Option<&'static Shape>,
}

/// An operation of the data plane.
#[derive(Debug)]
pub struct RuntimeOperation {
    /// The name of the operation.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path with the placeholder `{EndpointName}`.
    pub path: &'static str,
    /// The status of a successful answer.
    pub status: u16,
    /// The shape of the input: path, headers and payload together.
    pub input: &'static Shape,
    /// The headers of a request.
    pub request: &'static [Binding],
    /// The headers of an answer.
    pub response: &'static [Binding],
}

/// A member that travels in a header.
#[derive(Debug)]
pub struct Binding {
    /// The member's name in the model.
    pub member: &'static str,
    /// The header's name as the model spells it; header names ignore case.
    pub header: &'static str,
}

/// Whether the service has an operation of this name, implemented here or not.
pub fn is_operation(name: &str) -> bool {
    OPERATION_NAMES.binary_search(&name).is_ok()
}

/// The control-plane operation of this name, if its shapes are known here.
pub fn operation(name: &str) -> Option<&'static Operation> {
    let index = OPERATIONS.binary_search_by(|known| known.name.cmp(name)).ok()?;
    OPERATIONS.get(index)
}

/// The data-plane operation of this name.
pub fn runtime_operation(name: &str) -> Option<&'static RuntimeOperation> {
    let index = RUNTIME_OPERATIONS.binary_search_by(|known| known.name.cmp(name)).ok()?;
    RUNTIME_OPERATIONS.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_operations_are_told_from_unknown_ones() {
        assert!(is_operation("CreateEndpoint") && operation("CreateEndpoint").is_some());
        assert!(is_operation("CreateTrainingJob") && operation("CreateTrainingJob").is_none());
        assert!(!is_operation("createEndpoint") && !is_operation("") && !is_operation("InvokeEndpoint"));
    }

    #[test]
    fn every_operation_with_shapes_is_found_by_its_name() {
        for expected in &OPERATIONS {
            assert!(is_operation(expected.name));
            assert!(std::ptr::eq(operation(expected.name).unwrap(), expected));
        }
        for expected in &RUNTIME_OPERATIONS {
            assert!(std::ptr::eq(runtime_operation(expected.name).unwrap(), expected));
        }
    }

    #[test]
    fn deletions_have_no_output_and_delete_tags_has_an_empty_one() {
        // Facts 1.1.
        for name in ["DeleteModel", "DeleteEndpointConfig", "DeleteEndpoint"] {
            assert!(operation(name).unwrap().output.is_none(), "{name}");
        }
        assert!(operation("DeleteTags").unwrap().output.is_some());
    }

    #[test]
    fn the_data_plane_is_bound_as_the_facts_say() {
        // Facts 5.1 and 5.2.
        let invoke = runtime_operation("InvokeEndpoint").unwrap();
        assert_eq!((invoke.method, invoke.status), ("POST", 200));
        assert_eq!(invoke.path, "/endpoints/{EndpointName}/invocations");
        let header = |member: &str| {
            let found = invoke.request.iter().find(|binding| binding.member == member);
            found.map(|binding| binding.header)
        };
        assert_eq!(header("TargetVariant"), Some("X-Amzn-SageMaker-Target-Variant"));
        assert_eq!(header("Accept"), Some("Accept"));
        assert_eq!(header("Body"), None);
        assert_eq!(runtime_operation("InvokeEndpointAsync").unwrap().status, 202);
        let stream = runtime_operation("InvokeEndpointWithResponseStream").unwrap();
        assert!(stream.request.iter().any(|b| b.header == "X-Amzn-SageMaker-Accept"));
    }
}
