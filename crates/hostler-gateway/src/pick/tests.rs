//! Who gets how much: variants by weight, fleets by share, instances by strategy.

use std::net::SocketAddr;

use hostler_types::{
    AccountId, EndpointRoute, EndpointUid, InstanceRoute, InvocationLimits, Key, Kind, Region, RouteTable,
    Scope, VariantName, VariantRoute,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};

use super::*;
use crate::limits::AdmissionLimits;
use crate::table::RoutingTable;

fn endpoint(weights: &[f64], instances: u32) -> Arc<LiveEndpoint> {
    routed(weights, instances, None, &[])
}

/// The instances of these ordinals drain.
fn routed(
    weights: &[f64],
    instances: u32,
    routing: Option<RoutingStrategy>,
    draining: &[u32],
) -> Arc<LiveEndpoint> {
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    let key = Key::new(&scope, Kind::Endpoint, "demo");
    // More places than a test takes.
    let many = AdmissionLimits {
        in_flight_per_instance: u32::MAX,
        in_flight_per_endpoint: u32::MAX,
        ..AdmissionLimits::default()
    };
    let table = RoutingTable::new().limited_by(many);
    let variants = weights.iter().enumerate().map(|(index, &weight)| VariantRoute {
        pipeline: None,
        multi_model: None,
        name: VariantName::new(format!("v{index}")),
        weight,
        share: 1.0,
        instance_type: None,
        routing,
        instances: (0..instances)
            .map(|ordinal| InstanceRoute {
                further: Vec::new(),
                id: InstanceId {
                    endpoint: EndpointUid::new("u"),
                    generation: 1,
                    variant: VariantName::new(format!("v{index}")),
                    ordinal,
                    attempt: 1,
                },
                address: SocketAddr::from(([127, 0, 0, 1], 1)),
                draining: draining.contains(&ordinal),
            })
            .collect(),
    });
    let route = EndpointRoute {
        key: key.clone(),
        name: "demo".into(),
        uid: EndpointUid::new("u"),
        retries_lost: false,
        limits: InvocationLimits::default(),
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
    let permits: Vec<_> = (0..9).map(|_| one_of(variant, &Wanted::default(), 0.9).unwrap()).collect();
    assert!(variant.lanes.iter().all(|lane| lane.in_flight() == 3));
    drop(permits);
    let tried: Vec<_> = variant.lanes.iter().map(|lane| lane.id.clone()).collect();
    assert!(one_of(variant, &Wanted { tried: &tried, model: None }, 0.0).is_none());
}

/// How often each ordinal is drawn, while every request stays with the instance that got it.
fn spread(endpoint: &LiveEndpoint, draws: impl Iterator<Item = f64>) -> Vec<usize> {
    let variant = &endpoint.variants[0];
    let permits: Vec<_> = draws.map(|draw| one_of(variant, &Wanted::default(), draw).unwrap()).collect();
    let mut counts = vec![0; variant.lanes.len()];
    for permit in &permits {
        counts[permit.lane().id.ordinal as usize] += 1;
    }
    counts
}

#[test]
fn random_gives_every_instance_the_same_part_whoever_is_busy() {
    let random = Some(RoutingStrategy::Random);
    let endpoint = routed(&[1.0], 4, random, &[]);
    let busy: Vec<_> = (0..500).filter_map(|_| endpoint.variants[0].lanes[1].enter()).collect();
    assert_eq!(spread(&endpoint, (0..4000).map(|step| f64::from(step) / 4000.0)), [1000; 4]);
    // Drawn with a seed: 4000 draws of one in four, and five standard deviations are 137.
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    let drawn = spread(&endpoint, (0..4000).map(|_| rng.random::<f64>()));
    assert!(drawn.iter().all(|count| (863..=1137).contains(count)), "{drawn:?}");
    drop(busy);
    // The part of one that drains goes to all others, not to its neighbour.
    let draining = routed(&[1.0], 4, random, &[1, 2]);
    assert_eq!(spread(&draining, (0..4000).map(|step| f64::from(step) / 4000.0)), [2000, 0, 0, 2000]);
}

#[test]
fn a_busy_instance_gets_nothing_until_the_others_are_as_busy() {
    for routing in [None, Some(RoutingStrategy::LeastOutstandingRequests), Some(RoutingStrategy::KvAware)] {
        let endpoint = routed(&[1.0], 3, routing, &[]);
        let busy: Vec<_> = (0..10).filter_map(|_| endpoint.variants[0].lanes[2].enter()).collect();
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let mut drawn = |requests| spread(&endpoint, (0..requests).map(|_| rng.random::<f64>()));
        assert_eq!(drawn(20), [10, 10, 0], "{routing:?}");
        assert_eq!(drawn(23)[2], 1, "{routing:?}");
        drop(busy);
    }
}

#[test]
fn two_fleets_of_a_variant_share_its_requests_also_by_name() {
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    let key = Key::new(&scope, Kind::Endpoint, "demo");
    let table = RoutingTable::new();
    let fleet = |name: &str, weight: f64, share: f64| VariantRoute {
        name: VariantName::new(name),
        weight,
        share,
        instance_type: None,
        routing: None,
        pipeline: None,
        multi_model: None,
        instances: Vec::new(),
    };
    let route = EndpointRoute {
        key: key.clone(),
        name: "demo".into(),
        uid: EndpointUid::new("u"),
        retries_lost: false,
        limits: InvocationLimits::default(),
        variants: vec![fleet("a", 1.0, 0.75), fleet("gone", 0.0, 0.0), fleet("a", 1.0, 0.25)],
    };
    table.publish(Arc::new(route));
    let endpoint = table.find(&key).unwrap();
    let mut drawn = [[0; 2]; 2];
    for step in 0..1000 {
        let draw = f64::from(step) / 1000.0;
        for (way, fleet) in
            [by_weight(&endpoint.variants, draw), by_name(&endpoint, "a", draw)].into_iter().enumerate()
        {
            let fleet = fleet.unwrap();
            drawn[way][usize::from(fleet.share < 0.5)] += 1;
            assert_eq!(twins(&endpoint, fleet).count(), 1);
        }
    }
    assert_eq!(drawn, [[750, 250], [750, 250]]);
    assert!(by_name(&endpoint, "gone", 0.5).is_none(), "who only leaves was found by name");
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
