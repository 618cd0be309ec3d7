//! What an instance type grants: vCPUs, memory, accelerators.
//!
//! Why: `ml.m5.large` is a promise of two vCPUs and 8 GiB; a backend that can hold a process to it does.
//! Source: the public specifications of the EC2 families behind the `ml.` names. General purpose gives 4 GiB a vCPU,
//! compute 2, memory 8; older families and single sizes that differ are listed by themselves.
//! Invariants: a type that no row knows grants no limits; it is never an error here.

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// It has accelerators, which a process backend cannot promise.
    pub has_accelerator: bool,
}

/// Types whose numbers do not follow from family and size.
const SINGLE_TYPES: [(&str, u32, u64); 14] = [
    ("t2.medium", 2, 4096),
    ("t2.large", 2, 8192),
    ("t2.xlarge", 4, 16384),
    ("t2.2xlarge", 8, 32768),
    ("m4.10xlarge", 40, 163_840),
    ("m4.16xlarge", 64, 262_144),
    ("c4.large", 2, 3840),
    ("c4.xlarge", 4, 7680),
    ("c4.2xlarge", 8, 15360),
    ("c4.4xlarge", 16, 30720),
    ("c4.8xlarge", 36, 61440),
    ("c5.9xlarge", 36, 73728),
    ("c5.18xlarge", 72, 147_456),
    ("c5d.18xlarge", 72, 147_456),
];

/// The row of an `ml.` instance type.
pub fn instance_type(name: &str) -> Option<InstanceType> {
    let name = name.strip_prefix("ml.")?;
    if let Some((_, vcpus, memory_mib)) = SINGLE_TYPES.iter().find(|row| row.0 == name) {
        return Some(InstanceType { vcpus: *vcpus, memory_mib: *memory_mib, has_accelerator: false });
    }
    let (family, size) = name.split_once('.')?;
    let class = family.bytes().next()?;
    let vcpus = match size {
        "medium" => 1,
        "large" => 2,
        "xlarge" => 4,
        _ => size.strip_suffix("xlarge")?.parse::<u32>().ok()?.checked_mul(4)?,
    };
    let gib_per_vcpu = match class {
        b'c' => 2,
        b'r' => 8,
        // The accelerator families start at 4 GiB a vCPU and some give more; the lower figure is a safe promise.
        b'm' | b'g' | b'p' | b'i' | b't' | b'd' => 4,
        _ => return None,
    };
    let has_accelerator =
        matches!(class, b'g' | b'p' | b'd') || family.starts_with("inf") || family.starts_with("trn");
    Some(InstanceType { vcpus, memory_mib: u64::from(vcpus) * gib_per_vcpu * 1024, has_accelerator })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_agree_with_the_published_sizes() {
        for (name, vcpus, gib) in [
            ("ml.t2.medium", 2, 4),
            ("ml.m5.large", 2, 8),
            ("ml.m5.4xlarge", 16, 64),
            ("ml.c5.xlarge", 4, 8),
            ("ml.c5.9xlarge", 36, 72),
            ("ml.r5.24xlarge", 96, 768),
            ("ml.m6g.16xlarge", 64, 256),
            ("ml.c8g.medium", 1, 2),
            ("ml.g5.xlarge", 4, 16),
        ] {
            let row = instance_type(name).unwrap();
            assert_eq!((row.vcpus, row.memory_mib), (vcpus, gib * 1024), "{name}");
        }
    }

    #[test]
    fn accelerators_are_known_by_family() {
        for (name, expected) in [
            ("ml.g4dn.xlarge", true),
            ("ml.p3.2xlarge", true),
            ("ml.inf2.xlarge", true),
            ("ml.m5.large", false),
        ] {
            assert_eq!(instance_type(name).unwrap().has_accelerator, expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_is_no_instance_type_has_no_row() {
        for name in
            ["", "m5.large", "ml.", "ml.m5", "ml.m5.", "ml.m5.huge", "ml.m5.99999999999xlarge", "ml.zz.large"]
        {
            assert_eq!(instance_type(name), None, "{name}");
        }
    }
}
