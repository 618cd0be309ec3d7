//! Where an STS is.
//!
//! Invariants: AWS's own is asked in the region that is meant, never globally: whether STS is active is a matter of the
//! region.

use hostler_aws::aws_service_host;
use hostler_types::Region;
use http::Uri;

/// An STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsEndpoint {
    /// AWS's own, in the region that is asked for.
    Aws,
    /// A service at one URL.
    At(Uri),
}

impl StsEndpoint {
    pub(super) fn uri(&self, region: &Region) -> Result<Uri, String> {
        match self {
            Self::At(uri) => Ok(uri.clone()),
            Self::Aws => {
                let url = format!("https://{}/", aws_service_host("sts", region.as_str()));
                url.parse().map_err(|error| format!("`{url}` is no URL: {error}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_is_asked_in_the_region_itself() {
        let uri = |region| StsEndpoint::Aws.uri(&Region::new(region)).unwrap().to_string();
        // AWS General Reference, "AWS Security Token Service endpoints".
        assert_eq!(uri("eu-south-1"), "https://sts.eu-south-1.amazonaws.com/");
        assert_eq!(uri("cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn/");
    }
}
