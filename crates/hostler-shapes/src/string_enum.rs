//! The macro behind every generated enum.
//!
//! Why: one macro over a table of values builds faster than serde's derive over hundreds of
//! variants, and gives the same JSON.
//! Invariants: `VALUES` and `ALL` stand in the model's order and match one to one.

/// Declares an enum whose JSON form is a string: `string_enum! { Name { Variant => "value", } }`.
macro_rules! string_enum {
    ($name:ident { $($variant:ident => $value:literal,)+ }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($variant,)+
        }

        impl $name {
            /// Every variant, in the model's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The values on the wire, in the same order.
            pub const VALUES: &'static [&'static str] = &[$($value,)+];

            /// The value on the wire.
            pub const fn as_str(self) -> &'static str {
                Self::VALUES[self as usize]
            }

            /// The variant of a value on the wire.
            pub fn from_value(value: &str) -> Option<Self> {
                let index = Self::VALUES.iter().position(|known| *known == value)?;
                Self::ALL.get(index).copied()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::from_value(&text)
                    .ok_or_else(|| serde::de::Error::unknown_variant(&text, Self::VALUES))
            }
        }
    };
}

pub(crate) use string_enum;

#[cfg(test)]
mod tests {
    use crate::{EndpointStatus, ProductionVariantInstanceType};

    #[test]
    fn every_value_reads_back_as_its_variant() {
        for instance_type in ProductionVariantInstanceType::ALL {
            let json = serde_json::to_string(instance_type).unwrap();
            assert_eq!(json, format!("\"{instance_type}\""));
            assert_eq!(serde_json::from_str::<ProductionVariantInstanceType>(&json).unwrap(), *instance_type);
        }
    }

    #[test]
    fn the_endpoint_statuses_are_those_that_aws_names() {
        // Facts 7.
        let mut found = EndpointStatus::VALUES.to_vec();
        found.sort_unstable();
        let mut expected = [
            "OutOfService",
            "Creating",
            "Updating",
            "SystemUpdating",
            "RollingBack",
            "InService",
            "Deleting",
            "Failed",
            "UpdateRollbackFailed",
        ];
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unknown_value_is_refused() {
        assert!(serde_json::from_str::<EndpointStatus>("\"Bogus\"").is_err());
        assert_eq!(EndpointStatus::from_value("inservice"), None);
    }
}
