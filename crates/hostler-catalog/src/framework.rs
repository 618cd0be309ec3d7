//! AWS's framework images, whose models bring a script: which framework, which version.
//!
//! Why: a team's code names these images; what is in them but Python, a framework and a web server is the model's own. They
//! are known by their repository's name and not by the account, because mirrors and private copies keep the name.
//! Invariants: pure.

/// An image that is nobody's: a script, its requirements, and no framework besides.
pub const SCRIPT_IMAGE: &str = "hostler/script";

/// Beginnings of repository names, each with the framework's name in script mode.
const REPOSITORIES: [(&str, &str); 4] = [
    ("sagemaker-scikit-learn", "scikit-learn"),
    ("sagemaker-xgboost", "xgboost"),
    ("pytorch-inference", "pytorch"),
    ("sagemaker-pytorch", "pytorch"),
];
/// XGBoost's first image, which has nothing in its name that says whose it is.
const XGBOOST_OF_AWS: &str = "xgboost";

/// What a framework image has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameworkImage {
    /// The framework, by the name that script mode has for it.
    pub framework: &'static str,
    /// The framework's version, where the tag says one.
    pub version: Option<String>,
}

impl FrameworkImage {
    /// The framework image of this name.
    pub(crate) fn of(image: &str) -> Option<Self> {
        let whole = image.split_once('@').map_or(image, |(whole, _)| whole);
        let (host, path) = whole.split_once('/')?;
        let (path, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        if format!("{host}/{path}") == SCRIPT_IMAGE {
            return Some(Self { framework: "plain", version: None });
        }
        let repository = path.rsplit('/').next().unwrap_or(path);
        let known = REPOSITORIES.iter().find(|(name, _)| repository.starts_with(name));
        let is_first_xgboost = path == XGBOOST_OF_AWS && host.contains(".dkr.ecr");
        let framework = known.map(|(_, framework)| *framework).or(is_first_xgboost.then_some("xgboost"))?;
        Some(Self { framework, version: tag.and_then(version) })
    }
}

/// `1.2` of `1.2-1-cpu-py3`; none of `latest`, and none of `1`, which says nothing.
fn version(tag: &str) -> Option<String> {
    let text = tag.split(|letter: char| !letter.is_ascii_digit() && letter != '.').next()?;
    let is_version = text.contains('.') && text.split('.').all(|number| !number.is_empty());
    is_version.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(image: &str, expected: Option<(&'static str, Option<&str>)>) {
        let found = FrameworkImage::of(image);
        let found = found.as_ref().map(|found| (found.framework, found.version.as_deref()));
        assert_eq!(found, expected, "{image}");
    }

    #[test]
    fn framework_images_are_known_by_their_repository() {
        // As `sagemaker.image_uris.retrieve` of SDK 2.257.7 spells them.
        for (image, framework, version) in [
            (
                "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
                "scikit-learn",
                Some("1.2"),
            ),
            ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5", "xgboost", Some("3.0")),
            ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "xgboost", None),
            (
                "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.1.0-cpu-py310",
                "pytorch",
                Some("2.1.0"),
            ),
        ] {
            check(image, Some((framework, version)));
        }
        check(
            "mirror.example:5000/aws/pytorch-inference-graviton:2.4-cpu@sha256:00",
            Some(("pytorch", Some("2.4"))),
        );
        check("mirror.example/sagemaker-scikit-learn", Some(("scikit-learn", None)));
        check("mirror.example/sagemaker-scikit-learn:latest", Some(("scikit-learn", None)));
        check("hostler/script", Some(("plain", None)));
        check("hostler/script:1", Some(("plain", None)));
    }

    #[test]
    fn other_images_are_left_alone() {
        for image in [
            "xgboost:1",
            "docker.io/xgboost:1",
            "x/pytorch-training:2.1",
            "x/my-sagemaker-scikit-learn:1",
            "",
        ] {
            check(image, None);
        }
    }
}
