//! The enums of the implemented operations.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use crate::string_enum::string_enum;

string_enum! {
    AsyncNotificationTopicTypes {
        SuccessNotificationTopic => "SUCCESS_NOTIFICATION_TOPIC",
        ErrorNotificationTopic => "ERROR_NOTIFICATION_TOPIC",
    }
}

string_enum! {
    CapacityReservationPreference {
        CapacityReservationsOnly => "capacity-reservations-only",
    }
}

string_enum! {
    CapacitySizeType {
        InstanceCount => "INSTANCE_COUNT",
        CapacityPercent => "CAPACITY_PERCENT",
    }
}

string_enum! {
    CaptureMode {
        Input => "Input",
        Output => "Output",
        InputAndOutput => "InputAndOutput",
    }
}

string_enum! {
    CaptureStatus {
        Started => "Started",
        Stopped => "Stopped",
    }
}

string_enum! {
    ClarifyFeatureType {
        Numerical => "numerical",
        Categorical => "categorical",
        Text => "text",
    }
}

string_enum! {
    ClarifyTextGranularity {
        Token => "token",
        Sentence => "sentence",
        Paragraph => "paragraph",
    }
}

string_enum! {
    ClarifyTextLanguage {
        Af => "af",
        Sq => "sq",
        Ar => "ar",
        Hy => "hy",
        Eu => "eu",
        Bn => "bn",
        Bg => "bg",
        Ca => "ca",
        Zh => "zh",
        Hr => "hr",
        Cs => "cs",
        Da => "da",
        Nl => "nl",
        En => "en",
        Et => "et",
        Fi => "fi",
        Fr => "fr",
        De => "de",
        El => "el",
        Gu => "gu",
        He => "he",
        Hi => "hi",
        Hu => "hu",
        Is => "is",
        Id => "id",
        Ga => "ga",
        It => "it",
        Kn => "kn",
        Ky => "ky",
        Lv => "lv",
        Lt => "lt",
        Lb => "lb",
        Mk => "mk",
        Ml => "ml",
        Mr => "mr",
        Ne => "ne",
        Nb => "nb",
        Fa => "fa",
        Pl => "pl",
        Pt => "pt",
        Ro => "ro",
        Ru => "ru",
        Sa => "sa",
        Sr => "sr",
        Tn => "tn",
        Si => "si",
        Sk => "sk",
        Sl => "sl",
        Es => "es",
        Sv => "sv",
        Tl => "tl",
        Ta => "ta",
        Tt => "tt",
        Te => "te",
        Tr => "tr",
        Uk => "uk",
        Ur => "ur",
        Yo => "yo",
        Lij => "lij",
        Xx => "xx",
    }
}

string_enum! {
    ContainerMode {
        SingleModel => "SingleModel",
        MultiModel => "MultiModel",
    }
}

string_enum! {
    EndpointConfigSortKey {
        Name => "Name",
        CreationTime => "CreationTime",
    }
}

string_enum! {
    EndpointSortKey {
        Name => "Name",
        CreationTime => "CreationTime",
        Status => "Status",
    }
}

string_enum! {
    EndpointStatus {
        OutOfService => "OutOfService",
        Creating => "Creating",
        Updating => "Updating",
        SystemUpdating => "SystemUpdating",
        RollingBack => "RollingBack",
        InService => "InService",
        Deleting => "Deleting",
        Failed => "Failed",
        UpdateRollbackFailed => "UpdateRollbackFailed",
    }
}

string_enum! {
    InferenceExecutionMode {
        Serial => "Serial",
        Direct => "Direct",
    }
}

string_enum! {
    ManagedInstanceScalingScaleInStrategy {
        IdleRelease => "IDLE_RELEASE",
        Consolidation => "CONSOLIDATION",
    }
}

string_enum! {
    ManagedInstanceScalingStatus {
        Enabled => "ENABLED",
        Disabled => "DISABLED",
    }
}

string_enum! {
    ModelCacheSetting {
        Enabled => "Enabled",
        Disabled => "Disabled",
    }
}

string_enum! {
    ModelCompressionType {
        None => "None",
        Gzip => "Gzip",
    }
}

string_enum! {
    ModelSortKey {
        Name => "Name",
        CreationTime => "CreationTime",
    }
}

string_enum! {
    OrderKey {
        Ascending => "Ascending",
        Descending => "Descending",
    }
}

string_enum! {
    ProductionVariantAcceleratorType {
        MlEia1Medium => "ml.eia1.medium",
        MlEia1Large => "ml.eia1.large",
        MlEia1Xlarge => "ml.eia1.xlarge",
        MlEia2Medium => "ml.eia2.medium",
        MlEia2Large => "ml.eia2.large",
        MlEia2Xlarge => "ml.eia2.xlarge",
    }
}

string_enum! {
    ProductionVariantInferenceAmiVersion {
        Al2AmiSagemakerInferenceGpu2 => "al2-ami-sagemaker-inference-gpu-2",
        Al2AmiSagemakerInferenceGpu21 => "al2-ami-sagemaker-inference-gpu-2-1",
        Al2AmiSagemakerInferenceGpu31 => "al2-ami-sagemaker-inference-gpu-3-1",
        Al2AmiSagemakerInferenceNeuron2 => "al2-ami-sagemaker-inference-neuron-2",
        Al2023AmiSagemakerInferenceGpu41 => "al2023-ami-sagemaker-inference-gpu-4-1",
    }
}

string_enum! {
    ProductionVariantInstanceType {
        MlT2Medium => "ml.t2.medium",
        MlT2Large => "ml.t2.large",
        MlT2Xlarge => "ml.t2.xlarge",
        MlT22xlarge => "ml.t2.2xlarge",
        MlM4Xlarge => "ml.m4.xlarge",
        MlM42xlarge => "ml.m4.2xlarge",
        MlM44xlarge => "ml.m4.4xlarge",
        MlM410xlarge => "ml.m4.10xlarge",
        MlM416xlarge => "ml.m4.16xlarge",
        MlM5Large => "ml.m5.large",
        MlM5Xlarge => "ml.m5.xlarge",
        MlM52xlarge => "ml.m5.2xlarge",
        MlM54xlarge => "ml.m5.4xlarge",
        MlM512xlarge => "ml.m5.12xlarge",
        MlM524xlarge => "ml.m5.24xlarge",
        MlM5dLarge => "ml.m5d.large",
        MlM5dXlarge => "ml.m5d.xlarge",
        MlM5d2xlarge => "ml.m5d.2xlarge",
        MlM5d4xlarge => "ml.m5d.4xlarge",
        MlM5d12xlarge => "ml.m5d.12xlarge",
        MlM5d24xlarge => "ml.m5d.24xlarge",
        MlC4Large => "ml.c4.large",
        MlC4Xlarge => "ml.c4.xlarge",
        MlC42xlarge => "ml.c4.2xlarge",
        MlC44xlarge => "ml.c4.4xlarge",
        MlC48xlarge => "ml.c4.8xlarge",
        MlP2Xlarge => "ml.p2.xlarge",
        MlP28xlarge => "ml.p2.8xlarge",
        MlP216xlarge => "ml.p2.16xlarge",
        MlP32xlarge => "ml.p3.2xlarge",
        MlP38xlarge => "ml.p3.8xlarge",
        MlP316xlarge => "ml.p3.16xlarge",
        MlC5Large => "ml.c5.large",
        MlC5Xlarge => "ml.c5.xlarge",
        MlC52xlarge => "ml.c5.2xlarge",
        MlC54xlarge => "ml.c5.4xlarge",
        MlC59xlarge => "ml.c5.9xlarge",
        MlC518xlarge => "ml.c5.18xlarge",
        MlC5dLarge => "ml.c5d.large",
        MlC5dXlarge => "ml.c5d.xlarge",
        MlC5d2xlarge => "ml.c5d.2xlarge",
        MlC5d4xlarge => "ml.c5d.4xlarge",
        MlC5d9xlarge => "ml.c5d.9xlarge",
        MlC5d18xlarge => "ml.c5d.18xlarge",
        MlG4dnXlarge => "ml.g4dn.xlarge",
        MlG4dn2xlarge => "ml.g4dn.2xlarge",
        MlG4dn4xlarge => "ml.g4dn.4xlarge",
        MlG4dn8xlarge => "ml.g4dn.8xlarge",
        MlG4dn12xlarge => "ml.g4dn.12xlarge",
        MlG4dn16xlarge => "ml.g4dn.16xlarge",
        MlR5Large => "ml.r5.large",
        MlR5Xlarge => "ml.r5.xlarge",
        MlR52xlarge => "ml.r5.2xlarge",
        MlR54xlarge => "ml.r5.4xlarge",
        MlR512xlarge => "ml.r5.12xlarge",
        MlR524xlarge => "ml.r5.24xlarge",
        MlR5dLarge => "ml.r5d.large",
        MlR5dXlarge => "ml.r5d.xlarge",
        MlR5d2xlarge => "ml.r5d.2xlarge",
        MlR5d4xlarge => "ml.r5d.4xlarge",
        MlR5d12xlarge => "ml.r5d.12xlarge",
        MlR5d24xlarge => "ml.r5d.24xlarge",
        MlInf1Xlarge => "ml.inf1.xlarge",
        MlInf12xlarge => "ml.inf1.2xlarge",
        MlInf16xlarge => "ml.inf1.6xlarge",
        MlInf124xlarge => "ml.inf1.24xlarge",
        MlDl124xlarge => "ml.dl1.24xlarge",
        MlC6iLarge => "ml.c6i.large",
        MlC6iXlarge => "ml.c6i.xlarge",
        MlC6i2xlarge => "ml.c6i.2xlarge",
        MlC6i4xlarge => "ml.c6i.4xlarge",
        MlC6i8xlarge => "ml.c6i.8xlarge",
        MlC6i12xlarge => "ml.c6i.12xlarge",
        MlC6i16xlarge => "ml.c6i.16xlarge",
        MlC6i24xlarge => "ml.c6i.24xlarge",
        MlC6i32xlarge => "ml.c6i.32xlarge",
        MlM6iLarge => "ml.m6i.large",
        MlM6iXlarge => "ml.m6i.xlarge",
        MlM6i2xlarge => "ml.m6i.2xlarge",
        MlM6i4xlarge => "ml.m6i.4xlarge",
        MlM6i8xlarge => "ml.m6i.8xlarge",
        MlM6i12xlarge => "ml.m6i.12xlarge",
        MlM6i16xlarge => "ml.m6i.16xlarge",
        MlM6i24xlarge => "ml.m6i.24xlarge",
        MlM6i32xlarge => "ml.m6i.32xlarge",
        MlR6iLarge => "ml.r6i.large",
        MlR6iXlarge => "ml.r6i.xlarge",
        MlR6i2xlarge => "ml.r6i.2xlarge",
        MlR6i4xlarge => "ml.r6i.4xlarge",
        MlR6i8xlarge => "ml.r6i.8xlarge",
        MlR6i12xlarge => "ml.r6i.12xlarge",
        MlR6i16xlarge => "ml.r6i.16xlarge",
        MlR6i24xlarge => "ml.r6i.24xlarge",
        MlR6i32xlarge => "ml.r6i.32xlarge",
        MlG5Xlarge => "ml.g5.xlarge",
        MlG52xlarge => "ml.g5.2xlarge",
        MlG54xlarge => "ml.g5.4xlarge",
        MlG58xlarge => "ml.g5.8xlarge",
        MlG512xlarge => "ml.g5.12xlarge",
        MlG516xlarge => "ml.g5.16xlarge",
        MlG524xlarge => "ml.g5.24xlarge",
        MlG548xlarge => "ml.g5.48xlarge",
        MlG6Xlarge => "ml.g6.xlarge",
        MlG62xlarge => "ml.g6.2xlarge",
        MlG64xlarge => "ml.g6.4xlarge",
        MlG68xlarge => "ml.g6.8xlarge",
        MlG612xlarge => "ml.g6.12xlarge",
        MlG616xlarge => "ml.g6.16xlarge",
        MlG624xlarge => "ml.g6.24xlarge",
        MlG648xlarge => "ml.g6.48xlarge",
        MlR8gMedium => "ml.r8g.medium",
        MlR8gLarge => "ml.r8g.large",
        MlR8gXlarge => "ml.r8g.xlarge",
        MlR8g2xlarge => "ml.r8g.2xlarge",
        MlR8g4xlarge => "ml.r8g.4xlarge",
        MlR8g8xlarge => "ml.r8g.8xlarge",
        MlR8g12xlarge => "ml.r8g.12xlarge",
        MlR8g16xlarge => "ml.r8g.16xlarge",
        MlR8g24xlarge => "ml.r8g.24xlarge",
        MlR8g48xlarge => "ml.r8g.48xlarge",
        MlG6eXlarge => "ml.g6e.xlarge",
        MlG6e2xlarge => "ml.g6e.2xlarge",
        MlG6e4xlarge => "ml.g6e.4xlarge",
        MlG6e8xlarge => "ml.g6e.8xlarge",
        MlG6e12xlarge => "ml.g6e.12xlarge",
        MlG6e16xlarge => "ml.g6e.16xlarge",
        MlG6e24xlarge => "ml.g6e.24xlarge",
        MlG6e48xlarge => "ml.g6e.48xlarge",
        MlG7e2xlarge => "ml.g7e.2xlarge",
        MlG7e4xlarge => "ml.g7e.4xlarge",
        MlG7e8xlarge => "ml.g7e.8xlarge",
        MlG7e12xlarge => "ml.g7e.12xlarge",
        MlG7e24xlarge => "ml.g7e.24xlarge",
        MlG7e48xlarge => "ml.g7e.48xlarge",
        MlG72xlarge => "ml.g7.2xlarge",
        MlG74xlarge => "ml.g7.4xlarge",
        MlG78xlarge => "ml.g7.8xlarge",
        MlG712xlarge => "ml.g7.12xlarge",
        MlG724xlarge => "ml.g7.24xlarge",
        MlG748xlarge => "ml.g7.48xlarge",
        MlP4d24xlarge => "ml.p4d.24xlarge",
        MlC7gLarge => "ml.c7g.large",
        MlC7gXlarge => "ml.c7g.xlarge",
        MlC7g2xlarge => "ml.c7g.2xlarge",
        MlC7g4xlarge => "ml.c7g.4xlarge",
        MlC7g8xlarge => "ml.c7g.8xlarge",
        MlC7g12xlarge => "ml.c7g.12xlarge",
        MlC7g16xlarge => "ml.c7g.16xlarge",
        MlM6gLarge => "ml.m6g.large",
        MlM6gXlarge => "ml.m6g.xlarge",
        MlM6g2xlarge => "ml.m6g.2xlarge",
        MlM6g4xlarge => "ml.m6g.4xlarge",
        MlM6g8xlarge => "ml.m6g.8xlarge",
        MlM6g12xlarge => "ml.m6g.12xlarge",
        MlM6g16xlarge => "ml.m6g.16xlarge",
        MlM6gdLarge => "ml.m6gd.large",
        MlM6gdXlarge => "ml.m6gd.xlarge",
        MlM6gd2xlarge => "ml.m6gd.2xlarge",
        MlM6gd4xlarge => "ml.m6gd.4xlarge",
        MlM6gd8xlarge => "ml.m6gd.8xlarge",
        MlM6gd12xlarge => "ml.m6gd.12xlarge",
        MlM6gd16xlarge => "ml.m6gd.16xlarge",
        MlC6gLarge => "ml.c6g.large",
        MlC6gXlarge => "ml.c6g.xlarge",
        MlC6g2xlarge => "ml.c6g.2xlarge",
        MlC6g4xlarge => "ml.c6g.4xlarge",
        MlC6g8xlarge => "ml.c6g.8xlarge",
        MlC6g12xlarge => "ml.c6g.12xlarge",
        MlC6g16xlarge => "ml.c6g.16xlarge",
        MlC6gdLarge => "ml.c6gd.large",
        MlC6gdXlarge => "ml.c6gd.xlarge",
        MlC6gd2xlarge => "ml.c6gd.2xlarge",
        MlC6gd4xlarge => "ml.c6gd.4xlarge",
        MlC6gd8xlarge => "ml.c6gd.8xlarge",
        MlC6gd12xlarge => "ml.c6gd.12xlarge",
        MlC6gd16xlarge => "ml.c6gd.16xlarge",
        MlC6gnLarge => "ml.c6gn.large",
        MlC6gnXlarge => "ml.c6gn.xlarge",
        MlC6gn2xlarge => "ml.c6gn.2xlarge",
        MlC6gn4xlarge => "ml.c6gn.4xlarge",
        MlC6gn8xlarge => "ml.c6gn.8xlarge",
        MlC6gn12xlarge => "ml.c6gn.12xlarge",
        MlC6gn16xlarge => "ml.c6gn.16xlarge",
        MlR6gLarge => "ml.r6g.large",
        MlR6gXlarge => "ml.r6g.xlarge",
        MlR6g2xlarge => "ml.r6g.2xlarge",
        MlR6g4xlarge => "ml.r6g.4xlarge",
        MlR6g8xlarge => "ml.r6g.8xlarge",
        MlR6g12xlarge => "ml.r6g.12xlarge",
        MlR6g16xlarge => "ml.r6g.16xlarge",
        MlR6gdLarge => "ml.r6gd.large",
        MlR6gdXlarge => "ml.r6gd.xlarge",
        MlR6gd2xlarge => "ml.r6gd.2xlarge",
        MlR6gd4xlarge => "ml.r6gd.4xlarge",
        MlR6gd8xlarge => "ml.r6gd.8xlarge",
        MlR6gd12xlarge => "ml.r6gd.12xlarge",
        MlR6gd16xlarge => "ml.r6gd.16xlarge",
        MlP4de24xlarge => "ml.p4de.24xlarge",
        MlTrn12xlarge => "ml.trn1.2xlarge",
        MlTrn132xlarge => "ml.trn1.32xlarge",
        MlTrn1n32xlarge => "ml.trn1n.32xlarge",
        MlTrn248xlarge => "ml.trn2.48xlarge",
        MlInf2Xlarge => "ml.inf2.xlarge",
        MlInf28xlarge => "ml.inf2.8xlarge",
        MlInf224xlarge => "ml.inf2.24xlarge",
        MlInf248xlarge => "ml.inf2.48xlarge",
        MlP548xlarge => "ml.p5.48xlarge",
        MlP5e48xlarge => "ml.p5e.48xlarge",
        MlP5en48xlarge => "ml.p5en.48xlarge",
        MlM7iLarge => "ml.m7i.large",
        MlM7iXlarge => "ml.m7i.xlarge",
        MlM7i2xlarge => "ml.m7i.2xlarge",
        MlM7i4xlarge => "ml.m7i.4xlarge",
        MlM7i8xlarge => "ml.m7i.8xlarge",
        MlM7i12xlarge => "ml.m7i.12xlarge",
        MlM7i16xlarge => "ml.m7i.16xlarge",
        MlM7i24xlarge => "ml.m7i.24xlarge",
        MlM7i48xlarge => "ml.m7i.48xlarge",
        MlC7iLarge => "ml.c7i.large",
        MlC7iXlarge => "ml.c7i.xlarge",
        MlC7i2xlarge => "ml.c7i.2xlarge",
        MlC7i4xlarge => "ml.c7i.4xlarge",
        MlC7i8xlarge => "ml.c7i.8xlarge",
        MlC7i12xlarge => "ml.c7i.12xlarge",
        MlC7i16xlarge => "ml.c7i.16xlarge",
        MlC7i24xlarge => "ml.c7i.24xlarge",
        MlC7i48xlarge => "ml.c7i.48xlarge",
        MlR7iLarge => "ml.r7i.large",
        MlR7iXlarge => "ml.r7i.xlarge",
        MlR7i2xlarge => "ml.r7i.2xlarge",
        MlR7i4xlarge => "ml.r7i.4xlarge",
        MlR7i8xlarge => "ml.r7i.8xlarge",
        MlR7i12xlarge => "ml.r7i.12xlarge",
        MlR7i16xlarge => "ml.r7i.16xlarge",
        MlR7i24xlarge => "ml.r7i.24xlarge",
        MlR7i48xlarge => "ml.r7i.48xlarge",
        MlC8gMedium => "ml.c8g.medium",
        MlC8gLarge => "ml.c8g.large",
        MlC8gXlarge => "ml.c8g.xlarge",
        MlC8g2xlarge => "ml.c8g.2xlarge",
        MlC8g4xlarge => "ml.c8g.4xlarge",
        MlC8g8xlarge => "ml.c8g.8xlarge",
        MlC8g12xlarge => "ml.c8g.12xlarge",
        MlC8g16xlarge => "ml.c8g.16xlarge",
        MlC8g24xlarge => "ml.c8g.24xlarge",
        MlC8g48xlarge => "ml.c8g.48xlarge",
        MlR7gdMedium => "ml.r7gd.medium",
        MlR7gdLarge => "ml.r7gd.large",
        MlR7gdXlarge => "ml.r7gd.xlarge",
        MlR7gd2xlarge => "ml.r7gd.2xlarge",
        MlR7gd4xlarge => "ml.r7gd.4xlarge",
        MlR7gd8xlarge => "ml.r7gd.8xlarge",
        MlR7gd12xlarge => "ml.r7gd.12xlarge",
        MlR7gd16xlarge => "ml.r7gd.16xlarge",
        MlM8gMedium => "ml.m8g.medium",
        MlM8gLarge => "ml.m8g.large",
        MlM8gXlarge => "ml.m8g.xlarge",
        MlM8g2xlarge => "ml.m8g.2xlarge",
        MlM8g4xlarge => "ml.m8g.4xlarge",
        MlM8g8xlarge => "ml.m8g.8xlarge",
        MlM8g12xlarge => "ml.m8g.12xlarge",
        MlM8g16xlarge => "ml.m8g.16xlarge",
        MlM8g24xlarge => "ml.m8g.24xlarge",
        MlM8g48xlarge => "ml.m8g.48xlarge",
        MlC6inLarge => "ml.c6in.large",
        MlC6inXlarge => "ml.c6in.xlarge",
        MlC6in2xlarge => "ml.c6in.2xlarge",
        MlC6in4xlarge => "ml.c6in.4xlarge",
        MlC6in8xlarge => "ml.c6in.8xlarge",
        MlC6in12xlarge => "ml.c6in.12xlarge",
        MlC6in16xlarge => "ml.c6in.16xlarge",
        MlC6in24xlarge => "ml.c6in.24xlarge",
        MlC6in32xlarge => "ml.c6in.32xlarge",
        MlP6B20048xlarge => "ml.p6-b200.48xlarge",
        MlP6B30048xlarge => "ml.p6-b300.48xlarge",
        MlP6eGb20036xlarge => "ml.p6e-gb200.36xlarge",
        MlP54xlarge => "ml.p5.4xlarge",
    }
}

string_enum! {
    RecommendationStatus {
        InProgress => "IN_PROGRESS",
        Completed => "COMPLETED",
        Failed => "FAILED",
        NotApplicable => "NOT_APPLICABLE",
    }
}

string_enum! {
    RepositoryAccessMode {
        Platform => "Platform",
        Vpc => "Vpc",
    }
}

string_enum! {
    RoutingStrategy {
        LeastOutstandingRequests => "LEAST_OUTSTANDING_REQUESTS",
        Random => "RANDOM",
        PrefixAware => "PREFIX_AWARE",
        KvAware => "KV_AWARE",
    }
}

string_enum! {
    S3ModelDataType {
        S3Prefix => "S3Prefix",
        S3Object => "S3Object",
    }
}

string_enum! {
    TrafficRoutingConfigType {
        AllAtOnce => "ALL_AT_ONCE",
        Canary => "CANARY",
        Linear => "LINEAR",
    }
}

string_enum! {
    VariantPropertyType {
        DesiredInstanceCount => "DesiredInstanceCount",
        DesiredWeight => "DesiredWeight",
        DataCaptureConfig => "DataCaptureConfig",
    }
}

string_enum! {
    VariantStatus {
        Creating => "Creating",
        Updating => "Updating",
        Deleting => "Deleting",
        ActivatingTraffic => "ActivatingTraffic",
        Baking => "Baking",
    }
}
