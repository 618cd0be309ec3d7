//! Which program runs an image: the operator's mapping first, then a built-in engine, then script mode for AWS's
//! framework images, then a container backend.
//!
//! Why: a team's code names AWS's image URIs; it must run unchanged on a machine that pulls no images.
//! Invariants: the first mapping that matches wins, in the order of the settings file.

use crate::FrameworkImage;

/// An operator's row: images whose name matches run this command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageMapping {
    /// A glob over the whole image name: `*` any run of characters, `?` any one.
    pub pattern: String,
    /// Program and arguments; `{port}`, `{model_dir}` and `{additional_dir}` are filled in by the backend.
    pub command: Vec<String>,
    /// Added under the model's own environment.
    pub environment: Vec<(String, String)>,
    /// Where it starts.
    pub working_dir: Option<String>,
    /// It looks for its model in `/opt/ml/model` and nowhere else.
    pub needs_opt_ml: bool,
    /// Memory of one instance, in place of what its instance type grants.
    pub memory_mib: Option<u64>,
    /// Thousandths of a CPU of one instance, likewise.
    pub cpu_millis: Option<u64>,
}

/// What runs an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageProgram<'a> {
    /// The operator's command.
    Mapped(&'a ImageMapping),
    /// The built-in runtime with this engine.
    BuiltIn(&'static str),
    /// The model's own script, with the defaults of this framework.
    Script(FrameworkImage),
    /// Nothing here: a backend that pulls images has to.
    Container,
}

/// The operator's rows and the built-in ones.
#[derive(Clone, Debug, Default)]
pub struct ImageCatalog {
    mappings: Vec<ImageMapping>,
    without_scripts: bool,
}

impl ImageCatalog {
    /// A catalog with the operator's rows, in order.
    pub fn new(mappings: Vec<ImageMapping>) -> Self {
        Self { mappings, without_scripts: false }
    }

    /// The same, with framework images left to a container backend.
    #[must_use]
    pub fn without_scripts(self) -> Self {
        Self { without_scripts: true, ..self }
    }

    /// What runs `image`.
    pub fn resolve(&self, image: &str) -> ImageProgram<'_> {
        if let Some(mapping) = self.mappings.iter().find(|mapping| matches_glob(&mapping.pattern, image)) {
            return ImageProgram::Mapped(mapping);
        }
        let named = algorithm(image).and_then(|name| BUILT_IN.iter().find(|engine| **engine == name));
        if let Some(engine) = named {
            return ImageProgram::BuiltIn(engine);
        }
        let framework = if self.without_scripts { None } else { FrameworkImage::of(image) };
        framework.map_or(ImageProgram::Container, ImageProgram::Script)
    }
}

/// The engines of the built-in runtime, named as AWS's algorithms are.
const BUILT_IN: [&str; 1] = ["kmeans"];

/// Where a region's name begins like this, its hosts end like that; everywhere else in `amazonaws.com`.
/// Source: botocore's table of partitions (1.43).
const DNS_SUFFIXES: [(&str, &str); 4] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// AWS's accounts that hold the first-party algorithm images (k-means among them), one per region.
/// Source: the region table that the SageMaker Python SDK publishes for k-means (sagemaker 2.257.7).
const ALGORITHM_REGISTRIES: [(&str, &str); 37] = [
    ("af-south-1", "455444449433"),
    ("ap-east-1", "286214385809"),
    ("ap-northeast-1", "351501993468"),
    ("ap-northeast-2", "835164637446"),
    ("ap-northeast-3", "867004704886"),
    ("ap-south-1", "991648021394"),
    ("ap-south-2", "628508329040"),
    ("ap-southeast-1", "475088953585"),
    ("ap-southeast-2", "712309505854"),
    ("ap-southeast-3", "951798379941"),
    ("ap-southeast-4", "106583098589"),
    ("ca-central-1", "469771592824"),
    ("ca-west-1", "190319476487"),
    ("cn-north-1", "390948362332"),
    ("cn-northwest-1", "387376663083"),
    ("eu-central-1", "664544806723"),
    ("eu-central-2", "680994064768"),
    ("eu-north-1", "669576153137"),
    ("eu-south-1", "257386234256"),
    ("eu-south-2", "104374241257"),
    ("eu-west-1", "438346466558"),
    ("eu-west-2", "644912444149"),
    ("eu-west-3", "749696950732"),
    ("il-central-1", "898809789911"),
    ("me-central-1", "272398656194"),
    ("me-south-1", "249704162688"),
    ("sa-east-1", "855470959533"),
    ("us-east-1", "382416733822"),
    ("us-east-2", "404615174143"),
    ("us-gov-east-1", "237065988967"),
    ("us-gov-west-1", "226302683700"),
    ("us-iso-east-1", "490574956308"),
    ("us-isob-east-1", "765400339828"),
    ("us-isof-east-1", "108575199400"),
    ("us-isof-south-1", "124985052026"),
    ("us-west-1", "632365934929"),
    ("us-west-2", "174872318107"),
];

/// The name that AWS gives the image of a first-party algorithm in a region; none where it has no such image.
pub fn algorithm_image(algorithm: &str, region: &str) -> Option<String> {
    if !BUILT_IN.contains(&algorithm) {
        return None;
    }
    let (_, account) = ALGORITHM_REGISTRIES.iter().find(|row| row.0 == region)?;
    let (_, suffix) =
        DNS_SUFFIXES.iter().find(|(start, _)| region.starts_with(start)).unwrap_or(&("", "amazonaws.com"));
    Some(format!("{account}.dkr.ecr.{region}.{suffix}/{algorithm}:1"))
}

/// The algorithm's name when `image` is one of AWS's first-party algorithm images, whatever its tag or digest.
fn algorithm(image: &str) -> Option<&str> {
    let (host, path) = image.split_once('/')?;
    let mut labels = host.split('.');
    let (account, "dkr", "ecr" | "ecr-fips", region) =
        (labels.next()?, labels.next()?, labels.next()?, labels.next()?)
    else {
        return None;
    };
    labels.next()?;
    ALGORITHM_REGISTRIES.iter().find(|row| **row == (region, account))?;
    let repository = path.split_once('@').map_or(path, |(repository, _)| repository);
    let repository = repository.split_once(':').map_or(repository, |(repository, _)| repository);
    (!repository.contains('/')).then_some(repository)
}

/// Whether the whole of `text` matches; linear in practice, no backtracking beyond the last `*`.
fn matches_glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match star {
                Some((star_pattern, star_text)) => {
                    star = Some((star_pattern, star_text + 1));
                    at_pattern = star_pattern + 1;
                    at_text = star_text + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_k_means_image_of_every_region_runs_on_the_built_in_engine() {
        let catalog = ImageCatalog::default();
        for (region, account) in ALGORITHM_REGISTRIES {
            let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            for tail in ["kmeans", "kmeans:1", "kmeans:latest", "kmeans@sha256:00ff"] {
                let image = format!("{account}.dkr.ecr.{region}.{suffix}/{tail}");
                assert_eq!(catalog.resolve(&image), ImageProgram::BuiltIn("kmeans"), "{image}");
            }
        }
    }

    #[test]
    fn the_image_that_is_named_for_a_region_is_the_one_that_is_recognised_there() {
        for (region, _) in ALGORITHM_REGISTRIES {
            let image = algorithm_image("kmeans", region).unwrap();
            assert_eq!(ImageCatalog::default().resolve(&image), ImageProgram::BuiltIn("kmeans"), "{image}");
        }
        // As `sagemaker.image_uris.retrieve("kmeans", region)` of SDK 2.257.7 says.
        for (region, image) in [
            ("us-east-1", "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"),
            ("cn-north-1", "390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/kmeans:1"),
            ("us-iso-east-1", "490574956308.dkr.ecr.us-iso-east-1.c2s.ic.gov/kmeans:1"),
        ] {
            assert_eq!(algorithm_image("kmeans", region).unwrap(), image);
        }
        assert_eq!(algorithm_image("kmeans", "eu-moon-1"), None);
        assert_eq!(algorithm_image("pca", "us-east-1"), None);
    }

    #[test]
    fn an_image_of_the_same_name_elsewhere_is_somebody_elses() {
        for image in [
            "kmeans:1",
            "docker.io/library/kmeans:1",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
            "382416733822.dkr.ecr.us-west-2.amazonaws.com/kmeans:1",
            "382416733822.dkr.ecr.us-east-1.amazonaws.com/team/kmeans:1",
            "382416733822.dkr.ecr.us-east-1.amazonaws.com/pca:1",
        ] {
            assert_eq!(ImageCatalog::default().resolve(image), ImageProgram::Container, "{image}");
        }
    }

    #[test]
    fn the_operators_first_matching_row_comes_before_the_built_in_engine() {
        let row = |pattern: &str| ImageMapping {
            pattern: pattern.into(),
            command: vec!["serve".into()],
            ..ImageMapping::default()
        };
        let catalog = ImageCatalog::new(vec![row("*/other*"), row("*/kmeans*"), row("*")]);
        let image = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1";
        assert_eq!(catalog.resolve(image), ImageProgram::Mapped(&row("*/kmeans*")));
    }

    #[test]
    fn framework_images_come_after_the_operators_rows_and_can_be_left_out() {
        let image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3";
        let script =
            ImageProgram::Script(FrameworkImage { framework: "scikit-learn", version: Some("1.2".into()) });
        assert_eq!(ImageCatalog::default().resolve(image), script);
        assert_eq!(ImageCatalog::default().without_scripts().resolve(image), ImageProgram::Container);
        let row = ImageMapping { pattern: "*scikit*".into(), ..ImageMapping::default() };
        assert_eq!(ImageCatalog::new(vec![row.clone()]).resolve(image), ImageProgram::Mapped(&row));
    }

    #[test]
    fn globs_match_the_whole_name() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*/scikit-learn*", "x.y/z/scikit-learn:1.2", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*b", "aaaaaaaaaaaaaaaaaaaaac", false),
        ] {
            assert_eq!(matches_glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
