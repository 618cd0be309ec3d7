//! `[quotas]`: names and numbers into limits, with every mistake told.
//!
//! Invariants: a name that limits nothing is a mistake; what is not set has control's default.

use std::collections::BTreeMap;

use hostler_catalog::instance_type;
use hostler_control::Quotas;

/// What the service model allows in a config.
const VARIANTS_MAX: u64 = 10;

pub(super) fn resolve(table: BTreeMap<String, u64>, mistakes: &mut Vec<String>) -> Quotas {
    let mut quotas = Quotas::default();
    for (name, limit) in table {
        match name.as_str() {
            "endpoints" => quotas.endpoints = limit,
            "default_instances" => quotas.default_instances = limit,
            "variants" if (1..=VARIANTS_MAX).contains(&limit) => quotas.variants = limit,
            "variants" => mistakes.push(format!(
                "[quotas] variants = {limit} is not between 1 and {VARIANTS_MAX}, which the service model allows"
            )),
            known if instance_type(known).is_some() => {
                quotas.instances.insert(name, limit);
            }
            unknown => mistakes.push(format!(
                "[quotas] `{unknown}` is neither an instance type nor endpoints, variants or default_instances"
            )),
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(pairs: &[(&str, u64)]) -> (Quotas, Vec<String>) {
        let mut mistakes = Vec::new();
        let table = pairs.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect();
        (resolve(table, &mut mistakes), mistakes)
    }

    #[test]
    fn what_is_set_replaces_the_default_and_nothing_else() {
        let (quotas, mistakes) = resolved(&[("endpoints", 3), ("ml.g5.xlarge", 0), ("variants", 2)]);
        assert_eq!(mistakes, Vec::<String>::new());
        assert_eq!((quotas.endpoints, quotas.variants, quotas.default_instances), (3, 2, 100));
        assert_eq!(quotas.instances, BTreeMap::from([("ml.g5.xlarge".to_owned(), 0)]));
    }

    #[test]
    fn a_name_that_limits_nothing_is_a_mistake() {
        let (_, mistakes) =
            resolved(&[("ml.m5.larg", 1), ("m5.large", 1), ("variants", 11), ("endpoint", 1)]);
        assert_eq!(mistakes.len(), 4, "{mistakes:?}");
        let (_, mistakes) = resolved(&[("variants", 0)]);
        assert!(mistakes[0].contains("between 1 and 10"), "{mistakes:?}");
    }
}
