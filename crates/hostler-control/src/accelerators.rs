//! Accelerators of instance types on machines that may have none: refused, or marked.
//!
//! Why: code written for AWS names `ml.g5.xlarge` for models that need a GPU and for models that do not; which of the
//! two it is, only the operator knows. Run without a word, the first kind would be slow or wrong in a way that
//! nobody sees. So a type is refused unless the operator says that it may run without, and then `hostler describe`
//! says of each variant what it lacks.
//! Invariants: pure. A type that the table does not know is treated as one with an accelerator that no machine has.

use hostler_catalog::instance_type;
use hostler_compute::{Accelerators, Capabilities};
use hostler_types::{DeviceClass, EndpointRecord, Fleet};

/// What becomes of an instance whose type promises accelerators that the machine lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceleratorPolicy {
    /// It fails, as an instance type does that AWS has no capacity for.
    #[default]
    Refuse,
    /// It runs without, and is marked.
    Mark,
}

/// What an instance of the fleet asks of its backend.
pub(crate) fn wanted(fleet: &Fleet, policy: AcceleratorPolicy) -> Option<Accelerators> {
    match policy {
        AcceleratorPolicy::Refuse => promised(fleet),
        AcceleratorPolicy::Mark => None,
    }
}

/// What each variant runs without, one sentence each; nothing where types are refused.
pub(crate) fn marks(
    record: &EndpointRecord,
    capabilities: &Capabilities,
    policy: AcceleratorPolicy,
) -> Vec<String> {
    if policy == AcceleratorPolicy::Refuse {
        return Vec::new();
    }
    let mark = |fleet: &Fleet| {
        let lacking = capabilities.lacks(&promised(fleet)?)?;
        let instance_type = fleet.instance_type.as_deref().unwrap_or_default();
        Some(format!("variant {} runs without the accelerators of {instance_type}: {lacking}", fleet.variant))
    };
    let fleets = record.deployments().flat_map(|deployment| &deployment.fleets);
    let mut marks: Vec<String> = fleets.filter_map(mark).collect();
    marks.dedup();
    marks
}

fn promised(fleet: &Fleet) -> Option<Accelerators> {
    let name = fleet.instance_type.as_deref()?;
    let Some(row) = instance_type(name) else {
        let name = format!("whatever the unknown type {name} has");
        return Some(Accelerators { count: 1, name, class: DeviceClass::Other });
    };
    let accelerators = row.accelerators?;
    let (count, class) = (accelerators.count, accelerators.class);
    Some(Accelerators { count, name: accelerators.name.to_owned(), class })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(instance_type: Option<&str>) -> Fleet {
        Fleet {
            variant: hostler_types::VariantName::new("v"),
            model_name: "m".to_owned(),
            weight: 1.0,
            count: 1,
            instance_type: instance_type.map(str::to_owned),
            download_timeout_ms: 1,
            startup_timeout_ms: 1,
        }
    }

    fn asked(instance_type: Option<&str>, policy: AcceleratorPolicy) -> Option<(u32, String, DeviceClass)> {
        wanted(&fleet(instance_type), policy).map(|wanted| (wanted.count, wanted.name, wanted.class))
    }

    #[test]
    fn a_backend_is_asked_for_what_the_type_promises_unless_types_are_marked() {
        let gpus = Some((4, "NVIDIA A10G".to_owned(), DeviceClass::NvidiaGpu));
        assert_eq!(asked(Some("ml.g5.12xlarge"), AcceleratorPolicy::Refuse), gpus);
        assert_eq!(asked(Some("ml.g5.12xlarge"), AcceleratorPolicy::Mark), None);
        assert_eq!(asked(Some("ml.m5.large"), AcceleratorPolicy::Refuse), None);
        assert_eq!(asked(None, AcceleratorPolicy::Refuse), None);
    }

    #[test]
    fn a_type_that_nobody_knows_is_asked_for_what_no_machine_has() {
        let (count, name, class) = asked(Some("ml.z9.large"), AcceleratorPolicy::Refuse).unwrap();
        assert_eq!((count, class), (1, DeviceClass::Other));
        assert!(name.contains("ml.z9.large"), "{name}");
    }
}
