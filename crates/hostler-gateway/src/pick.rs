//! Which variant, which of its fleets, and which of the fleet's instances.
//!
//! Why: a variant gets the share that its weight gives it, and while one deployment follows another each fleet of the
//! variant gets its own share of that; inside a fleet, the instance with the fewest requests in flight answers
//! soonest, whatever the requests cost.
//! Invariants: a variant of weight 0 is found by name only, unless every weight is 0. A fleet without a share gets a
//! request only when no other of its variant can take it. Pure but for the counts.

use std::sync::Arc;

use hostler_shapes::RoutingStrategy;
use hostler_types::InstanceId;

use crate::lane::{Lane, Permit};
use crate::line::Aim;
use crate::table::{LiveEndpoint, LiveVariant};

/// The fleet for a draw from 0 (included) to 1 (excluded), by the weights of the variants.
pub(crate) fn by_weight(fleets: &[LiveVariant], draw: f64) -> Option<&LiveVariant> {
    let weighted = draw_from(fleets.iter(), |fleet| fleet.weight * fleet.share, draw);
    weighted.or_else(|| draw_from(fleets.iter(), |fleet| fleet.share, draw))
}

/// The fleet of the variant with that name, by their shares; none when nobody bears the name, or is only leaving.
pub(crate) fn by_name<'a>(endpoint: &'a LiveEndpoint, name: &'a str, draw: f64) -> Option<&'a LiveVariant> {
    draw_from(of_name(endpoint, name), |fleet| fleet.share, draw)
}

/// The other fleets of a fleet's variant.
pub(crate) fn twins<'a>(
    endpoint: &'a LiveEndpoint,
    fleet: &'a LiveVariant,
) -> impl Iterator<Item = &'a LiveVariant> {
    of_name(endpoint, fleet.name.as_str()).filter(move |twin| !std::ptr::eq(*twin, fleet))
}

/// Fleets of the other deployment while one follows another: a variant may have another name there.
pub(crate) fn others<'a>(
    endpoint: &'a LiveEndpoint,
    fleet: &'a LiveVariant,
) -> impl Iterator<Item = &'a LiveVariant> {
    let shares = |other: &&LiveVariant| other.share < 1.0 && other.name != fleet.name;
    endpoint.variants.iter().filter(shares)
}

fn of_name<'a>(endpoint: &'a LiveEndpoint, name: &'a str) -> impl Iterator<Item = &'a LiveVariant> + Clone {
    endpoint.variants.iter().filter(move |fleet| fleet.name.as_str() == name)
}

/// One of these, each as likely as its part of the whole; none when all parts are nothing.
fn draw_from<'a>(
    fleets: impl Iterator<Item = &'a LiveVariant> + Clone,
    part: impl Fn(&LiveVariant) -> f64,
    draw: f64,
) -> Option<&'a LiveVariant> {
    let total: f64 = fleets.clone().map(&part).sum();
    let mut left = draw * total;
    let mut last = None;
    for fleet in fleets {
        let part = part(fleet);
        if part <= 0.0 {
            continue;
        }
        if left < part {
            return Some(fleet);
        }
        left -= part;
        // Rounding may leave a crumb past the last one.
        last = Some(fleet);
    }
    last
}

/// A place for what is aimed at.
pub(crate) fn place(endpoint: &LiveEndpoint, aim: &Aim, tried: &[InstanceId], draw: f64) -> Option<Permit> {
    match aim {
        Aim::Drawn(name) | Aim::Named(name) => {
            let fleet = by_name(endpoint, name.as_str(), draw)?;
            place_from(endpoint, fleet, matches!(aim, Aim::Named(_)), tried)
        }
        Aim::Instance(id) => endpoint.lanes().find(|lane| lane.id == *id)?.enter_alone(),
    }
}

/// A place in this fleet, or in one that may stand in for it.
pub(crate) fn place_from(
    endpoint: &LiveEndpoint,
    fleet: &LiveVariant,
    is_named: bool,
    tried: &[InstanceId],
) -> Option<Permit> {
    let beside =
        || stand_ins(endpoint, fleet, is_named).find_map(|other| one_of(other, tried, rand::random()));
    one_of(fleet, tried, rand::random()).or_else(beside)
}

/// Whether a lane's place will do for what is aimed at.
pub(crate) fn may_go(endpoint: &LiveEndpoint, aim: &Aim, lane: &Arc<Lane>) -> bool {
    let has_lane = |fleet: &LiveVariant| fleet.lanes.iter().any(|other| Arc::ptr_eq(other, lane));
    match aim {
        Aim::Instance(id) => lane.id == *id,
        Aim::Drawn(name) | Aim::Named(name) => {
            let is_named = matches!(aim, Aim::Named(_));
            of_name(endpoint, name.as_str())
                .filter(|fleet| fleet.share > 0.0)
                .any(|fleet| has_lane(fleet) || stand_ins(endpoint, fleet, is_named).any(has_lane))
        }
    }
}

/// What a request that waits aims at under a new route; none when there is no such thing any more.
pub(crate) fn aim_after(endpoint: &LiveEndpoint, aim: Aim, draw: f64) -> Option<Aim> {
    match &aim {
        Aim::Drawn(name) => {
            let fleets = &endpoint.variants;
            let is_drawn = |fleet: &LiveVariant| fleet.name == *name && fleet.share > 0.0;
            let has_weight = fleets.iter().any(|fleet| fleet.weight * fleet.share > 0.0);
            if fleets.iter().any(|fleet| is_drawn(fleet) && (fleet.weight > 0.0 || !has_weight)) {
                return Some(aim);
            }
            by_weight(fleets, draw).map(|fleet| Aim::Drawn(fleet.name.clone()))
        }
        Aim::Named(name) => by_name(endpoint, name.as_str(), draw).is_some().then_some(aim),
        Aim::Instance(id) => {
            let is_there = endpoint.lanes().any(|lane| lane.id == *id && !lane.is_draining());
            is_there.then_some(aim)
        }
    }
}

/// The fleets that may answer in the stead of one: its twins and, for who names no variant, those of the other
/// deployment. One without a share only while the fleet has nobody who is up: to be full is no reason to begin an
/// update's next step.
fn stand_ins<'a>(
    endpoint: &'a LiveEndpoint,
    fleet: &'a LiveVariant,
    is_named: bool,
) -> impl Iterator<Item = &'a LiveVariant> {
    let elsewhere = (!is_named).then(|| others(endpoint, fleet)).into_iter().flatten();
    twins(endpoint, fleet).chain(elsewhere).filter(|other| other.share > 0.0 || !fleet.is_up())
}

/// A place at an instance that has not been tried: the least busy one, where the config does not ask for any; `draw`
/// decides between equals.
pub(crate) fn one_of(variant: &LiveVariant, tried: &[InstanceId], draw: f64) -> Option<Permit> {
    // One that drains would hand its chances to whoever stands behind it.
    let may_take = |lane: &&Arc<Lane>| lane.is_up() && !tried.contains(&lane.id);
    let mut free: Vec<&Arc<Lane>> = variant.lanes.iter().filter(may_take).collect();
    if free.is_empty() {
        return None;
    }
    let shift = (draw * free.len() as f64) as usize % free.len();
    free.rotate_left(shift);
    if variant.routing != Some(RoutingStrategy::Random) {
        free.sort_by_key(|lane| lane.in_flight());
    }
    free.into_iter().find_map(Lane::enter)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hostler_types::{
        AccountId, EndpointRoute, EndpointUid, InstanceRoute, InvocationLimits, Key, Kind, Region,
        RouteTable, Scope, VariantName, VariantRoute,
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
            name: VariantName::new(format!("v{index}")),
            weight,
            share: 1.0,
            instance_type: None,
            routing,
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
        let permits: Vec<_> = (0..9).map(|_| one_of(variant, &[], 0.9).unwrap()).collect();
        assert!(variant.lanes.iter().all(|lane| lane.in_flight() == 3));
        drop(permits);
        let tried: Vec<_> = variant.lanes.iter().map(|lane| lane.id.clone()).collect();
        assert!(one_of(variant, &tried, 0.0).is_none());
    }

    /// How often each ordinal is drawn, while every request stays with the instance that got it.
    fn spread(endpoint: &LiveEndpoint, draws: impl Iterator<Item = f64>) -> Vec<usize> {
        let variant = &endpoint.variants[0];
        let permits: Vec<_> = draws.map(|draw| one_of(variant, &[], draw).unwrap()).collect();
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
        for routing in [None, Some(RoutingStrategy::LeastOutstandingRequests), Some(RoutingStrategy::KvAware)]
        {
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
}
