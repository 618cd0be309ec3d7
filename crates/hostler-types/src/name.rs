//! Names and ids: one type per noun, so that a variant cannot be passed where an account is meant.
//!
//! Why: SageMaker's names are unique per account and region, whatever their case; that rule lives in [`Key`] and
//! nowhere else.
//! Invariants: a [`Key`]'s name is lower-case. An [`InstanceId`] is safe as a file name and never used twice.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a value that was already checked against the service model.
            pub fn new(value: impl Into<String>) -> Self {
                Self(value.into())
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// Twelve digits.
    AccountId
);
text!(
    /// Any region of a signature's scope is a namespace of its own.
    Region
);
text!(
    /// A production variant's name, case kept.
    VariantName
);
text!(
    /// Random lower-case hexadecimal id of one endpoint from creation to deletion: a name can be used again, this cannot.
    EndpointUid
);

/// An account in a region: the namespace of every SageMaker name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
}

impl Scope {
    /// The scope of `account` in `region`.
    pub fn new(account: &AccountId, region: &Region) -> Self {
        Self { account: account.clone(), region: region.clone() }
    }

    /// Where the server keeps what belongs to no account and to no region. No request is of it: an account is digits.
    pub fn of_server() -> Self {
        Self { account: AccountId::new("server"), region: Region::new("server") }
    }

    /// `aws`, `aws-cn`, `aws-us-gov` …, by the region's prefix.
    pub fn partition(&self) -> &'static str {
        self.region.partition().name
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// The kinds of stored documents: SageMaker's resources, and what is written down beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "SageMaker's nouns")]
pub enum Kind {
    Model,
    EndpointConfig,
    Endpoint,
    /// What endpoints used, month by month. No resource: it has no ARN, and no operation of SageMaker lists it.
    Usage,
    AccessKey,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Model, Self::EndpointConfig, Self::Endpoint, Self::Usage, Self::AccessKey];

    /// Those that SageMaker has ARNs for.
    pub const RESOURCES: [Self; 3] = [Self::Model, Self::EndpointConfig, Self::Endpoint];

    /// The word in the store, and of a resource the type inside its ARN.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::EndpointConfig => "endpoint-config",
            Self::Endpoint => "endpoint",
            Self::Usage => "usage",
            Self::AccessKey => "access-key",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// What a resource is stored under: names that differ in case only are one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    scope: Scope,
    kind: Kind,
    name: String,
}

impl Key {
    /// The key of `name`, whatever its case.
    pub fn new(scope: &Scope, kind: Kind, name: &str) -> Self {
        Self { scope: scope.clone(), kind, name: name.to_ascii_lowercase() }
    }

    /// The namespace.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The kind of resource.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The name in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.scope, self.kind, self.name)
    }
}

/// One instance, for ever: a replacement in the same place has the next attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId {
    /// The endpoint it belongs to.
    pub endpoint: EndpointUid,
    /// The deployment's generation.
    pub generation: u64,
    /// The production variant.
    pub variant: VariantName,
    /// The place in the fleet, from 0.
    pub ordinal: u32,
    /// How often this place was filled before, plus one.
    pub attempt: u32,
}

/// A text that is not an instance id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an instance id (ENDPOINT.gGENERATION.VARIANT.ORDINAL.ATTEMPT)")]
pub struct InstanceIdError(pub String);

impl InstanceId {
    /// What comes before every instance of an endpoint in the order of ids, for walks over the endpoint's own.
    pub fn before_all_of(endpoint: &EndpointUid) -> Self {
        let variant = VariantName::new("");
        Self { endpoint: endpoint.clone(), generation: 0, variant, ordinal: 0, attempt: 0 }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, generation, variant, ordinal, attempt } = self;
        write!(f, "{endpoint}.g{generation}.{variant}.{ordinal}.{attempt}")
    }
}

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || InstanceIdError(text.to_owned());
        let is_plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let parts: Vec<&str> = text.split('.').collect();
        let [endpoint, generation, variant, ordinal, attempt] = parts[..] else {
            return Err(bad());
        };
        let generation = generation.strip_prefix('g').ok_or_else(bad)?;
        if !is_plain(endpoint) || !is_plain(variant) {
            return Err(bad());
        }
        Ok(Self {
            endpoint: EndpointUid::new(endpoint),
            generation: generation.parse().map_err(|_| bad())?,
            variant: VariantName::new(variant),
            ordinal: ordinal.parse().map_err(|_| bad())?,
            attempt: attempt.parse().map_err(|_| bad())?,
        })
    }
}

impl TryFrom<String> for InstanceId {
    type Error = InstanceIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_share_a_key() {
        let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
        assert_eq!(Key::new(&scope, Kind::Endpoint, "Demo"), Key::new(&scope, Kind::Endpoint, "dEMO"));
        assert_ne!(Key::new(&scope, Kind::Endpoint, "demo"), Key::new(&scope, Kind::Model, "demo"));
    }

    #[test]
    fn an_instance_id_survives_its_text() {
        let id = InstanceId {
            endpoint: EndpointUid::new("a1b2c3"),
            generation: 7,
            variant: VariantName::new("All-Traffic"),
            ordinal: 2,
            attempt: 3,
        };
        assert_eq!(id.to_string(), "a1b2c3.g7.All-Traffic.2.3");
        assert_eq!(id.to_string().parse::<InstanceId>(), Ok(id));
    }

    #[test]
    fn texts_that_could_leave_a_directory_are_no_instance_ids() {
        for text in [
            "",
            "..",
            "a/b.g1.v.0.1",
            "a.g1..0.1",
            "a.g1.v.0.1.2",
            "a.1.v.0.1",
            "a.g1.v.-1.1",
            "../x.g1.v.0.1",
        ] {
            assert!(text.parse::<InstanceId>().is_err(), "{text}");
        }
    }
}
