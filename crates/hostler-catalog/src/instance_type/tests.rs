//! The table against the service model, and against what AWS publishes of single types.

use std::collections::BTreeSet;

use hostler_shapes::ProductionVariantInstanceType;

use super::*;

#[test]
fn every_type_of_the_service_model_has_one_row_and_no_row_is_of_another() {
    let known: BTreeSet<&str> = ProductionVariantInstanceType::VALUES.iter().copied().collect();
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(known.difference(&rows).collect::<Vec<_>>(), Vec::<&&str>::new(), "types without a row");
    assert_eq!(rows.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "rows of no type");
    assert_eq!(rows.len(), TABLE.len(), "a type has two rows");
}

/// vCPUs and GiB, from the tables on AWS's pages of the EC2 families.
#[test]
fn rows_agree_with_the_published_sizes() {
    for (name, vcpus, mib) in [
        ("ml.t2.medium", 2, 4 * 1024),
        ("ml.t2.2xlarge", 8, 32 * 1024),
        ("ml.m4.10xlarge", 40, 160 * 1024),
        ("ml.m5.large", 2, 8 * 1024),
        ("ml.m5.4xlarge", 16, 64 * 1024),
        ("ml.c4.large", 2, 3840),
        ("ml.c4.8xlarge", 36, 60 * 1024),
        ("ml.c5.xlarge", 4, 8 * 1024),
        ("ml.c5.9xlarge", 36, 72 * 1024),
        ("ml.c5d.18xlarge", 72, 144 * 1024),
        ("ml.r5.24xlarge", 96, 768 * 1024),
        ("ml.m6g.16xlarge", 64, 256 * 1024),
        ("ml.c8g.medium", 1, 2 * 1024),
        ("ml.p2.xlarge", 4, 61 * 1024),
        ("ml.p3.16xlarge", 64, 488 * 1024),
        ("ml.p4d.24xlarge", 96, 1152 * 1024),
        ("ml.p5.48xlarge", 192, 2048 * 1024),
        ("ml.g4dn.16xlarge", 64, 256 * 1024),
        ("ml.g5.xlarge", 4, 16 * 1024),
        ("ml.g5.48xlarge", 192, 768 * 1024),
        ("ml.g6e.xlarge", 4, 32 * 1024),
        ("ml.inf1.6xlarge", 24, 48 * 1024),
        ("ml.inf2.24xlarge", 96, 384 * 1024),
        ("ml.trn1.32xlarge", 128, 512 * 1024),
        ("ml.dl1.24xlarge", 96, 768 * 1024),
    ] {
        let row = instance_type(name).unwrap();
        assert_eq!((row.vcpus, row.memory_mib), (vcpus, mib), "{name}");
    }
}

/// `instance_gpu_info.json` of the SageMaker SDK 2.232.2: every type there that the service model has too.
#[test]
fn gpu_counts_agree_with_the_sagemaker_sdk() {
    for (name, gpus) in [
        ("ml.p5.48xlarge", 8),
        ("ml.p4d.24xlarge", 8),
        ("ml.p4de.24xlarge", 8),
        ("ml.p3.2xlarge", 1),
        ("ml.p3.8xlarge", 4),
        ("ml.p3.16xlarge", 8),
        ("ml.p2.xlarge", 1),
        ("ml.p2.8xlarge", 8),
        ("ml.p2.16xlarge", 16),
        ("ml.g4dn.xlarge", 1),
        ("ml.g4dn.2xlarge", 1),
        ("ml.g4dn.4xlarge", 1),
        ("ml.g4dn.8xlarge", 1),
        ("ml.g4dn.16xlarge", 1),
        ("ml.g4dn.12xlarge", 4),
        ("ml.g5.2xlarge", 1),
        ("ml.g5.4xlarge", 1),
        ("ml.g5.8xlarge", 1),
        ("ml.g5.16xlarge", 1),
        ("ml.g5.12xlarge", 4),
        ("ml.g5.24xlarge", 4),
        ("ml.g5.48xlarge", 8),
    ] {
        let accelerators = instance_type(name).and_then(|row| row.accelerators).expect(name);
        assert_eq!((accelerators.count, accelerators.class), (gpus, DeviceClass::NvidiaGpu), "{name}");
    }
}

#[test]
fn accelerators_are_counted_and_named() {
    for (name, expected) in [
        ("ml.m5.large", None),
        ("ml.r7gd.16xlarge", None),
        ("ml.g5.12xlarge", Some((4, "NVIDIA A10G", DeviceClass::NvidiaGpu))),
        ("ml.g6e.48xlarge", Some((8, "NVIDIA L40S", DeviceClass::NvidiaGpu))),
        ("ml.p3.2xlarge", Some((1, "NVIDIA V100", DeviceClass::NvidiaGpu))),
        ("ml.inf1.24xlarge", Some((16, "AWS Inferentia", DeviceClass::Neuron))),
        ("ml.inf2.48xlarge", Some((12, "AWS Inferentia2", DeviceClass::Neuron))),
        ("ml.trn1.2xlarge", Some((1, "AWS Trainium", DeviceClass::Neuron))),
        ("ml.dl1.24xlarge", Some((8, "Habana Gaudi", DeviceClass::Other))),
    ] {
        let found = instance_type(name).unwrap().accelerators;
        let found = found.map(|accelerators| (accelerators.count, accelerators.name, accelerators.class));
        assert_eq!(found, expected, "{name}");
    }
}

/// Every family whose letter says so has accelerators, and no other.
#[test]
fn families_of_accelerators_are_told_by_their_names() {
    for row in TABLE {
        let family = row.name.trim_start_matches("ml.");
        let is_named = ["g4", "g5", "g6", "g7", "p2", "p3", "p4", "p5", "p6", "inf", "trn", "dl1"];
        let expected = is_named.iter().any(|prefix| family.starts_with(prefix));
        assert_eq!(row.accelerators.is_some(), expected, "{}", row.name);
    }
}

#[test]
fn a_name_that_is_no_instance_type_has_no_row() {
    for name in
        ["", "m5.large", "ml.", "ml.m5", "ml.m5.", "ml.m5.huge", "ml.M5.large", "ml.m5.99999999999xlarge"]
    {
        assert_eq!(instance_type(name), None, "{name}");
    }
}
