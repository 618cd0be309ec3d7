//! What is said of model data that could not be fetched or unpacked.

use hostler_types::{FailureCause, FailureRecord};

use super::super::Context;
use super::{Told, disk_full, named, told};

pub(super) fn of_data(failure: &FailureRecord, context: &Context) -> Told {
    let data = named(&context.made_from.model_data, "the model data");
    let role = named(&context.made_from.role_arn, "of the model");
    match &failure.cause {
        FailureCause::DataMissing => told(
            format!("There is no object at {data}: the bucket or the key is misspelled, or it was deleted."),
            [
                format!("look what is there: `aws s3 ls {}`", parent(&context.made_from.model_data)),
                "upload it again, or create a model with the right ModelDataUrl and an endpoint config with that model"
                    .to_owned(),
            ],
        ),
        FailureCause::DataForbidden => told(
            format!("The role {role} may not read {data}."),
            [
                "name a role in CreateModel that may read it, or add the bucket to `allow` of its [[role]] in \
                 hostler.toml"
                    .to_owned(),
                format!("read it as that role yourself: `aws s3 cp {} -`", context.made_from.model_data),
            ],
        ),
        FailureCause::RoleRefused => told(
            format!("The role {role} cannot be assumed, so nothing can be read in its name."),
            [
                "check the ARN in CreateModel: account, `role/` and the name".to_owned(),
                "declare it as [[role]] in hostler.toml; with an [sts] of your own, look at its trust policy".to_owned(),
            ],
        ),
        FailureCause::DataUnreadable => told(
            format!("{data} is no location that this server can read."),
            ["use s3://BUCKET/KEY; for another region or service see [s3] in hostler.toml".to_owned()],
        ),
        FailureCause::DataInterrupted => told(
            format!("The store of {data} could not be reached, or broke off in the middle."),
            ["it is tried again by itself; see whether the store answers, and [s3] in hostler.toml".to_owned()],
        ),
        FailureCause::DataLate { timeout_ms } => told(
            format!("{data} did not arrive and unpack within the {} s that it may take.", timeout_ms / 1000),
            [
                "raise ModelDataDownloadTimeoutInSeconds of the production variant (60 to 3600)".to_owned(),
                "make the archive smaller, or keep it in a store that is nearer".to_owned(),
            ],
        ),
        FailureCause::DataLayout => told(
            format!("The objects at {data} cannot be laid out as files of one directory."),
            ["see the detail for the name that is in the way; rename it or leave it out".to_owned()],
        ),
        FailureCause::NotAnArchive => told(
            format!("What stands at {data} is no tar archive, compressed with gzip or plain."),
            [
                "pack it so: `tar -czf model.tar.gz -C DIRECTORY .`; a renamed .zip is none".to_owned(),
                "for plain files use ModelDataSource with CompressionType None".to_owned(),
                "`hostler inspect FILE` looks into an archive before it is uploaded".to_owned(),
            ],
        ),
        FailureCause::ArchiveCutOff => told(
            format!("The archive at {data} ends in the middle: it was not written or not uploaded to its end."),
            [
                "check your copy with `gzip -t model.tar.gz`, then upload it again".to_owned(),
                "`hostler inspect FILE` looks into it".to_owned(),
            ],
        ),
        FailureCause::ArchiveUnsafe => told(
            format!("A member of the archive at {data} would be written outside of the model's directory."),
            [
                "pack it with relative names from inside the directory: `tar -czf model.tar.gz -C DIRECTORY .`"
                    .to_owned(),
                "links must stay inside too: `tar -h` packs the files that they point to".to_owned(),
            ],
        ),
        FailureCause::ArchiveRefused => told(
            format!("The archive at {data} cannot be unpacked; the detail says which member is in the way."),
            ["`hostler inspect FILE` lists everything that is wrong with it".to_owned()],
        ),
        FailureCause::DataOverLimit => told(
            format!("{data} is larger than this server allows, or unpacks to much more than it is."),
            [
                "leave out what serving does not need, such as checkpoints and training data".to_owned(),
                "raise the limit under [limits] in hostler.toml; the detail says which one it is".to_owned(),
            ],
        ),
        FailureCause::DiskFull => disk_full(),
        _ => told(
            format!("{data} could not be brought into place: {}.", failure.detail),
            ["the server's own log says more".to_owned()],
        ),
    }
}

/// The directory of an object.
fn parent(uri: &str) -> &str {
    uri.rfind('/').map_or(uri, |end| &uri[..=end])
}
