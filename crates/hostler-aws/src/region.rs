//! The host names of AWS's own services.
//!
//! Invariants: regional names only.

use hostler_types::Region;

/// The host of `service` in `region`.
pub fn aws_service_host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", Region::new(region).partition().dns_suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_by_service_region_and_partition() {
        assert_eq!(aws_service_host("s3", "eu-west-1"), "s3.eu-west-1.amazonaws.com");
        assert_eq!(aws_service_host("sts", "cn-north-1"), "sts.cn-north-1.amazonaws.com.cn");
    }
}
