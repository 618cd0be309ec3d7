//! What is said of an image that could not be had, and of an engine that is away.

use hostler_types::{FailureCause, FailureRecord};

use super::super::Context;
use super::{Told, named, told};

/// Whether a cause is about an image or the engine, in whichever phase.
pub(super) fn is_one(cause: &FailureCause) -> bool {
    matches!(
        cause,
        FailureCause::ImageMissing
            | FailureCause::ImageForbidden
            | FailureCause::ImageUnreachable
            | FailureCause::EngineUnreachable
    )
}

pub(super) fn of_image(failure: &FailureRecord, context: &Context) -> Told {
    let image = named(&context.made_from.image, "of the model");
    match failure.cause {
        FailureCause::ImageMissing => told(
            format!("The registry has no image {image} for this machine."),
            [
                "look at the name and the tag: `docker pull` with the same name says what the registry says".to_owned(),
                "push it, or create a model with the right Image and an endpoint config with that model".to_owned(),
            ],
        ),
        FailureCause::ImageForbidden => told(
            format!("The registry does not give out the image {image}, or it does not exist there."),
            [
                "of a private registry, `docker login` writes the password that the server reads: see [docker] \
                 config_file in hostler.toml"
                    .to_owned(),
                "of Amazon ECR, the model's execution role needs ecr:GetAuthorizationToken and \
                 ecr:BatchGetImage"
                    .to_owned(),
            ],
        ),
        FailureCause::ImageUnreachable => told(
            format!("The image {image} could not be pulled for now: {}.", failure.detail),
            ["see that the container engine reaches the registry: `docker pull` takes the same way".to_owned()],
        ),
        _ => told(
            "The container engine that runs images is away.".to_owned(),
            [
                "start it: `systemctl start docker`, or `systemctl --user start podman.socket`".to_owned(),
                "see that this server's user may use the socket that [docker] in hostler.toml names".to_owned(),
            ],
        ),
    }
}
