//! What an endpoint and an endpoint config use: what must not be deleted under them where an operator wants that.
//!
//! Why: the store asks who uses a thing inside the transaction that deletes it; what a document uses is a pure function
//! of its record, so that a document of an earlier rule is told by comparing.
//! Invariants: names only; whether what they name is there is for the operations to say.

use std::collections::BTreeSet;

use hostler_types::{Deployment, EndpointConfigRecord, EndpointRecord, Key, Kind};

/// The configs of all deployments in play, in the middle of an update the old and the new one, and every model of each.
pub(crate) fn uses(record: &EndpointRecord) -> BTreeSet<Key> {
    let key = |kind, name: &str| Key::new(&record.scope, kind, name);
    let of = |deployment: &Deployment| {
        let config = key(Kind::EndpointConfig, &deployment.config.endpoint_config_name);
        let models = deployment.models.iter().map(|model| key(Kind::Model, &model.request.model_name));
        models.chain([config]).collect::<Vec<Key>>()
    };
    record.deployments().flat_map(of).collect()
}

/// The models that the config's variants name, those of shadow variants too.
pub(super) fn config_uses(record: &EndpointConfigRecord) -> BTreeSet<Key> {
    let shadows = record.request.shadow_production_variants.iter().flatten();
    let variants = record.request.production_variants.iter().chain(shadows);
    let models = variants.filter_map(|variant| variant.model_name.as_deref());
    models.map(|name| Key::new(&record.scope, Kind::Model, name)).collect()
}

#[cfg(test)]
mod tests {
    use hostler_types::{Record, Stranded};

    use super::*;

    #[test]
    fn every_deployment_in_play_uses_its_config_and_its_models() {
        let golden = include_str!("../../../hostler-types/tests/golden/endpoint.v2.json");
        let former = EndpointRecord::from_body(golden).unwrap();
        let other = |name: &str| {
            let other = EndpointRecord::from_body(&golden.replace("Digits-", name)).unwrap();
            other.deployment
        };
        let of = |names: &[&str]| -> BTreeSet<Key> {
            let key = |kind, name: String| Key::new(&former.scope, kind, &name);
            let both = |name: &&str| {
                [
                    key(Kind::EndpointConfig, format!("{name}-config")),
                    key(Kind::Model, format!("{name}-model")),
                ]
            };
            names.iter().flat_map(both).collect()
        };
        let mut record = EndpointRecord { update: None, ..former.clone() };
        assert_eq!(uses(&record), of(&["digits"]));
        record.deployment = other("New-");
        record.update.clone_from(&former.update);
        assert_eq!(uses(&record), of(&["new", "digits"]));
        let stranded = other("Stranded-");
        record.stranded = Some(Stranded { deployment: stranded, counts: vec![1], former_counts: vec![1] });
        assert_eq!(uses(&record), of(&["new", "digits", "stranded"]));
        record.update = None;
        assert_eq!(uses(&record), of(&["new", "stranded"]));
    }
}
