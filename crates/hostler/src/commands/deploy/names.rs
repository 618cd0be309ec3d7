//! The names of what a deployment makes.
//!
//! Why: models and configs cannot be changed, so each deployment makes new ones; their names should tell whose and
//! when, and sort by time.
//! Invariants: what is made of a valid endpoint name is a valid name.

use hostler_aws::sigv4::AmzDate;
use hostler_types::Millis;

use crate::endpoint_name::{self, NAME_CHARS_MAX};

pub(super) const BUCKET: &str = "hostler-deploy";

/// Everything that one deployment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) endpoint: String,
    /// The model's and the endpoint config's.
    pub(super) version: String,
    /// The archive's key in the bucket.
    pub(super) key: String,
}

impl Names {
    /// Names for a deployment now; `random` tells those of one second apart.
    pub(super) fn new(endpoint: &str, now: Millis, random: u16) -> anyhow::Result<Self> {
        // Before anything is uploaded.
        endpoint_name::check(endpoint)?;
        let time = AmzDate::from_millis(now).as_str().replace('T', "-").replace('Z', "");
        let suffix = format!("-{time}-{random:04x}");
        let kept: String = endpoint.chars().take(NAME_CHARS_MAX - suffix.len()).collect();
        let version = format!("{}{suffix}", kept.trim_end_matches('-'));
        let key = format!("{endpoint}/{}/model.tar.gz", suffix.trim_start_matches('-'));
        Ok(Self { endpoint: endpoint.to_owned(), version, key })
    }

    pub(super) fn url(&self) -> String {
        format!("s3://{BUCKET}/{}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_600_000_000);

    #[test]
    fn names_tell_whose_and_when() {
        let names = Names::new("digits", NOW, 0xab).unwrap();
        // `date -u -d @1795600000`
        assert_eq!(names.version, "digits-20261125-094640-00ab");
        assert_eq!(names.url(), "s3://hostler-deploy/digits/20261125-094640-00ab/model.tar.gz");
    }

    #[test]
    fn a_long_name_makes_names_that_are_valid_too() {
        let long = format!("{}-{}", "a".repeat(41), "b".repeat(21));
        let names = Names::new(&long, NOW, 1).unwrap();
        assert_eq!(names.version, format!("{}-20261125-094640-0001", "a".repeat(41)));
        assert!(names.version.len() <= 63);
    }

    #[test]
    fn what_sagemaker_would_refuse_is_refused_before_the_upload() {
        for name in ["", "-a", "a-", "a_b", "a b", "ä", &"a".repeat(64)] {
            assert!(Names::new(name, NOW, 0).is_err(), "{name}");
        }
    }
}
