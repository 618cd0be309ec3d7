//! Which variant, and which of its instances.
//!
//! Why: a variant gets the share that its weight gives it; inside it, the instance with the fewest requests in flight
//! answers soonest, whatever the requests cost.
//! Invariants: a variant of weight 0 is found by name only, unless every weight is 0. Pure but for the counts.

use std::sync::Arc;

use hostler_types::InstanceId;

use crate::table::{Lane, LiveEndpoint, LiveVariant, Permit};

/// The variant for a draw from 0 (included) to 1 (excluded).
pub(crate) fn by_weight(variants: &[LiveVariant], draw: f64) -> Option<&LiveVariant> {
    let total: f64 = variants.iter().map(|variant| variant.weight).sum();
    if total <= 0.0 {
        let index = (draw * variants.len() as f64) as usize;
        return variants.get(index.min(variants.len().saturating_sub(1)));
    }
    let mut left = draw * total;
    let with_weight = || variants.iter().filter(|variant| variant.weight > 0.0);
    for variant in with_weight() {
        if left < variant.weight {
            return Some(variant);
        }
        left -= variant.weight;
    }
    // Rounding may leave a crumb past the last one.
    with_weight().next_back()
}

/// The variant of that name.
pub(crate) fn by_name<'a>(endpoint: &'a LiveEndpoint, name: &str) -> Option<&'a LiveVariant> {
    endpoint.variants.iter().find(|variant| variant.name.as_str() == name)
}

/// A place at the least busy instance that has not been tried; `draw` decides between equals.
pub(crate) fn least_busy(variant: &LiveVariant, tried: &[InstanceId], draw: f64) -> Option<Permit> {
    let mut free: Vec<&Arc<Lane>> = variant.lanes.iter().filter(|lane| !tried.contains(&lane.id)).collect();
    if free.is_empty() {
        return None;
    }
    let shift = (draw * free.len() as f64) as usize % free.len();
    free.rotate_left(shift);
    free.sort_by_key(|lane| lane.in_flight());
    free.into_iter().find_map(Lane::enter)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hostler_types::{
        AccountId, EndpointRoute, EndpointUid, InstanceRoute, Key, Kind, Region, RouteTable, Scope,
        VariantName, VariantRoute,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::table::RoutingTable;

    fn endpoint(weights: &[f64], instances: u32) -> Arc<LiveEndpoint> {
        let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
        let key = Key::new(&scope, Kind::Endpoint, "demo");
        let table = RoutingTable::new();
        let variants = weights.iter().enumerate().map(|(index, &weight)| VariantRoute {
            name: VariantName::new(format!("v{index}")),
            weight,
            instances: (0..instances)
                .map(|ordinal| InstanceRoute {
                    id: InstanceId {
                        endpoint: EndpointUid::new("u"),
                        generation: 1,
                        variant: VariantName::new(format!("v{index}")),
                        ordinal,
                        attempt: 1,
                    },
                    address: SocketAddr::from(([127, 0, 0, 1], 1)),
                    draining: false,
                })
                .collect(),
        });
        let route = EndpointRoute {
            key: key.clone(),
            name: "demo".into(),
            uid: EndpointUid::new("u"),
            variants: variants.collect(),
        };
        table.publish(Arc::new(route));
        table.find(&key).unwrap()
    }

    #[test]
    fn shares_follow_the_weights() {
        let endpoint = endpoint(&[1.0, 0.0, 3.0], 1);
        let mut counts = [0; 3];
        for step in 0..1000 {
            let variant = by_weight(&endpoint.variants, f64::from(step) / 1000.0).unwrap();
            counts[variant.name.as_str()[1..].parse::<usize>().unwrap()] += 1;
        }
        assert_eq!(counts, [250, 0, 750]);
    }

    #[test]
    fn requests_go_where_the_fewest_are_in_flight() {
        let endpoint = endpoint(&[1.0], 3);
        let variant = &endpoint.variants[0];
        let permits: Vec<_> = (0..9).map(|_| least_busy(variant, &[], 0.9).unwrap()).collect();
        assert!(variant.lanes.iter().all(|lane| lane.in_flight() == 3));
        drop(permits);
        let tried: Vec<_> = variant.lanes.iter().map(|lane| lane.id.clone()).collect();
        assert!(least_busy(variant, &tried, 0.0).is_none());
    }

    proptest! {
        #[test]
        fn every_draw_finds_a_variant_that_may_be_drawn(
            weights in proptest::collection::vec(prop_oneof![Just(0.0), 0.0..1e9_f64], 1..8),
            draw in 0.0..1.0_f64,
        ) {
            let endpoint = endpoint(&weights, 0);
            let variant = by_weight(&endpoint.variants, draw).unwrap();
            let all_zero = weights.iter().all(|weight| *weight == 0.0);
            prop_assert!(all_zero || variant.weight > 0.0);
        }
    }
}
