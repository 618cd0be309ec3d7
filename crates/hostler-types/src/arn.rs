//! ARNs of the resources that Hostler holds.
//!
//! Why: error texts, tags and answers name resources by ARN, and AWS lower-cases an endpoint's name inside it.
//! Invariants: building and parsing live here only.

use std::fmt;

use crate::{AccountId, Key, Kind, Region, Scope};

/// What an ARN of this service names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its namespace.
    pub scope: Scope,
    /// Its kind.
    pub kind: Kind,
    /// Its name as the ARN spells it.
    pub name: String,
}

impl Resource {
    /// The key it is stored under.
    pub fn key(&self) -> Key {
        Key::new(&self.scope, self.kind, &self.name)
    }
}

/// A text that is not an ARN of a model, endpoint config or endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name a model, an endpoint config or an endpoint")]
pub struct ArnError(pub String);

/// The ARN of a SageMaker resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn(String);

impl Arn {
    /// The ARN of `name` in `scope`; AWS writes the name in lower case.
    pub fn new(scope: &Scope, kind: Kind, name: &str) -> Self {
        let (partition, Scope { account, region }) = (scope.partition(), scope);
        Self(format!("arn:{partition}:sagemaker:{region}:{account}:{kind}/{}", name.to_ascii_lowercase()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an ARN of a resource that Hostler holds.
    pub fn parse(text: &str) -> Result<Resource, ArnError> {
        let bad = || ArnError(text.to_owned());
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "sagemaker", region, account, resource] = parts[..] else {
            return Err(bad());
        };
        let (kind, name) = resource.split_once('/').ok_or_else(bad)?;
        let kind = kind.parse().ok().filter(|kind| Kind::RESOURCES.contains(kind)).ok_or_else(bad)?;
        let scope = Scope::new(&AccountId::new(account), &Region::new(region));
        if partition != scope.partition() || name.is_empty() || name.contains('/') {
            return Err(bad());
        }
        Ok(Resource { scope, kind, name: name.to_owned() })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> Scope {
        Scope::new(&AccountId::new("123456789012"), &Region::new(region))
    }

    #[test]
    fn an_endpoint_arn_is_in_lower_case() {
        let arn = Arn::new(&scope("us-west-2"), Kind::Endpoint, "DEMO-1");
        assert_eq!(arn.as_str(), "arn:aws:sagemaker:us-west-2:123456789012:endpoint/demo-1");
    }

    #[test]
    fn the_partition_follows_the_region() {
        let arn = Arn::new(&scope("cn-northwest-1"), Kind::EndpointConfig, "c");
        assert_eq!(arn.as_str(), "arn:aws-cn:sagemaker:cn-northwest-1:123456789012:endpoint-config/c");
    }

    #[test]
    fn an_arn_leads_back_to_the_key() {
        for kind in Kind::RESOURCES {
            let arn = Arn::new(&scope("eu-central-1"), kind, "Name");
            let resource = Arn::parse(arn.as_str()).unwrap();
            assert_eq!(resource.key(), Key::new(&scope("eu-central-1"), kind, "name"));
        }
    }

    #[test]
    fn foreign_arns_are_refused() {
        for text in [
            "",
            "arn",
            "arn:aws:s3:::bucket",
            "arn:aws:sagemaker:us-east-1:1:training-job/x",
            "arn:aws:sagemaker:us-east-1:1:usage/x",
            "arn:aws:sagemaker:us-east-1:1:access-key/x",
            "arn:aws-cn:sagemaker:us-east-1:1:model/x",
            "arn:aws:sagemaker:us-east-1:1:model/",
            "arn:aws:sagemaker:us-east-1:1:model/a/b",
        ] {
            assert!(Arn::parse(text).is_err(), "{text}");
        }
    }
}
