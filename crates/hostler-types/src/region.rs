//! Regions: how their names are spelled, and which partition of AWS each belongs to.
//!
//! Why: settings, signatures and buckets name regions, and ARNs and host names follow from them; one table says it all.
//! Invariants: any name that is spelled like a region's is a region, whether AWS has it or not: it is a namespace of its
//! own. A region that no prefix tells is of the partition `aws`.

use crate::Region;

/// Characters of a region's name; AWS's own have 14 at most.
const CHARS_MAX: usize = 32;

/// A part of AWS with regions, accounts and host names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The second part of an ARN.
    pub name: &'static str,
    /// What the host names of its services end with.
    pub dns_suffix: &'static str,
}

const AWS: Partition = Partition { name: "aws", dns_suffix: "amazonaws.com" };

/// By what regions begin with, as botocore's endpoints.json has them.
const OTHERS: [(&str, Partition); 7] = [
    ("cn-", Partition { name: "aws-cn", dns_suffix: "amazonaws.com.cn" }),
    ("us-gov-", Partition { name: "aws-us-gov", dns_suffix: "amazonaws.com" }),
    ("us-iso-", Partition { name: "aws-iso", dns_suffix: "c2s.ic.gov" }),
    ("us-isob-", Partition { name: "aws-iso-b", dns_suffix: "sc2s.sgov.gov" }),
    ("eu-isoe-", Partition { name: "aws-iso-e", dns_suffix: "cloud.adc-e.uk" }),
    ("us-isof-", Partition { name: "aws-iso-f", dns_suffix: "csp.hci.ic.gov" }),
    ("eusc-", Partition { name: "aws-eusc", dns_suffix: "amazonaws.eu" }),
];

impl Region {
    /// The region that `text` spells: lower-case letters, digits and hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_region(text).then(|| Self::new(text))
    }

    /// Whether `text` spells one.
    pub fn is_region(text: &str) -> bool {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=CHARS_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
    }

    /// Where it belongs.
    pub fn partition(&self) -> Partition {
        let found = OTHERS.iter().find(|(prefix, _)| self.as_str().starts_with(prefix));
        found.map_or(AWS, |(_, partition)| *partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_spelled_in_small_letters_digits_and_hyphens() {
        for text in ["us-east-1", "x", "local", &"a".repeat(32)] {
            assert_eq!(Region::parse(text), Some(Region::new(text)), "{text}");
        }
        for text in ["", "US-EAST-1", "us east 1", "us_east_1", "us-east-1\n", "ü", "a/b", &"a".repeat(33)] {
            assert_eq!(Region::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_region_is_of_its_partition() {
        // botocore's endpoints.json: `regionRegex`, `partition` and `dnsSuffix`.
        for (region, name, dns_suffix) in [
            ("eu-west-1", "aws", "amazonaws.com"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("home", "aws", "amazonaws.com"),
        ] {
            assert_eq!(Region::new(region).partition(), Partition { name, dns_suffix }, "{region}");
        }
    }
}
